/* SPDX-License-Identifier: Apache-2.0 */
/* The sentence behind Connect's for a class that is not there: the nearest one that is, and what to do without it. */
#ifndef SL_PIPELINE_HINT_H
#define SL_PIPELINE_HINT_H
#include "api/plugin.h"

enum sl_hint_kind { SL_HINT_CONNECTOR, SL_HINT_CONVERTER, SL_HINT_TRANSFORM, SL_HINT_PREDICATE };
/* Append " Sluice has no such class ...". Nearest: by simple name, upper and lower case alike. @thread any */
void sl_hint_add(const struct sl_plugins *pl, enum sl_hint_kind kind, const char *given, struct sl_buf *out);
#endif
