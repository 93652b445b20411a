/* SPDX-License-Identifier: Apache-2.0 */
/* Empty plugin arrays for the link test: a library is linked with its declared links only, and the arrays lie above all. */
#include "api/plugin.h"
#include "api/predicate.h"

const struct sl_source_ops *const sl_sources[] = {NULL};
const struct sl_sink_ops *const sl_sinks[] = {NULL};
const struct sl_transform_ops *const sl_transforms[] = {NULL};
const struct sl_predicate_ops *const sl_predicates[] = {NULL};
