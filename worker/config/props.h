/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration as users write it: ordered string map (key -> value or null). Values may be null (JSON null).
 * Heap-owned. Not thread safe. */
#ifndef SL_CONFIG_PROPS_H
#define SL_CONFIG_PROPS_H
#include <jansson.h>
#include "base/err.h"
#include "base/map.h"

struct sl_props {
        struct sl_map map; /* key -> char * (heap); SL_PROPS_NULL for null */
};
extern char sl_props_null_[];
#define SL_PROPS_NULL ((void *)sl_props_null_)

void sl_props_free(struct sl_props *p); /* accepts a zeroed struct */
void sl_props_set(struct sl_props *p, const char *key, const char *value); /* value NULL = null */
void sl_props_remove(struct sl_props *p, const char *key);
bool sl_props_has(const struct sl_props *p, const char *key);
/* NULL when absent or null. */
const char *sl_props_get(const struct sl_props *p, const char *key);
/* for (size_t i = 0; sl_props_next(p, &i, &key, &value);) - value NULL for null; insertion order */
bool sl_props_next(const struct sl_props *p, size_t *i, const char **key, const char **value);
void sl_props_copy(struct sl_props *dst, const struct sl_props *src); /* adds to dst, replacing */
/* All keys that start with prefix, without it ("transforms.route." -> type, regex ...), added to dst. */
void sl_props_subset(struct sl_props *dst, const struct sl_props *src, const char *prefix);
/* A Java .properties file: comments (# !), key=value, key:value, continuation lines, \uXXXX. err names file and line;
 * p is untouched then. */
enum sl_rc sl_props_load(struct sl_props *p, const char *path, struct sl_err *err);
/* A JSON object of scalars; numbers and booleans become their text as Jackson writes it. A nested value is an error. */
enum sl_rc sl_props_from_json(struct sl_props *p, const json_t *obj, struct sl_err *err);
json_t *sl_props_to_json(const struct sl_props *p); /* owned by the caller; strings and nulls */
#endif
