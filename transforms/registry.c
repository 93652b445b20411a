/* SPDX-License-Identifier: Apache-2.0 */
/* The transforms of this build. A new one is one file (or one more struct in a file) and one line here. */
#include "api/plugin.h"
#include "api/predicate.h"

extern const struct sl_transform_ops sl_regex_router, sl_insert_field_key, sl_insert_field_value;

const struct sl_transform_ops *const sl_transforms[] = {
        &sl_regex_router,
        &sl_insert_field_key,
        &sl_insert_field_value,
        NULL,
};

const struct sl_predicate_ops *const sl_predicates[] = {
        NULL,
};
