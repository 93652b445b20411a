/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a struct as Java's Struct does, with its complaints, and what tells Debezium's change events apart. Bind
 * time: a row uses the index that was found. */
#ifndef SL_TRANSFORMS_STRUCTS_H
#define SL_TRANSFORMS_STRUCTS_H
#include <string.h>
#include "transforms/common.h"

/* Struct.get and its sisters: index of a field; "x is not a valid field name" when there is none, "Field 'x' is not of
 * type STRING" when it is not of the type wanted (SL_NULL = any). */
static inline enum sl_rc sl_struct_index(const struct sl_schema *s, const char *name, enum sl_type type, uint32_t *ret,
                                         struct sl_err *err)
{
        int at = sl_schema_field(s, name, strlen(name));
        *ret = (uint32_t)at;
        if (at < 0)
                return sl_fail(err, SL_E_TRANSFORM, "%s is not a valid field name", name);
        if (type != SL_NULL && s->fields[at].schema->type != type)
                return sl_fail(err, SL_E_TRANSFORM, "Field '%s' is not of type %s", name, sl_type_name(type));
        return SL_OK;
}

/* Struct.get: a null field reads as its schema's default. */
static inline struct sl_value sl_struct_get(const struct sl_schema *s, const struct sl_value *v, uint32_t at)
{
        return sl_read_field(s->fields[at].schema, &v->items[at], true);
}

/* ExtractField's own complaint. at: what sl_schema_field said. */
static inline enum sl_rc sl_need_known(int at, const char *name, struct sl_err *err)
{
        return at < 0 ? SL_FAIL_AS(err, SL_JAVA_ARGUMENT, "Unknown field: %s", name) : SL_OK;
}

/* Is the name that of a change event ("<table>.Envelope": before, after, source, transaction, op, ts_ms, ts_us, ts_ns)?
 * s may be NULL. */
static inline bool sl_is_envelope(const struct sl_schema *s)
{
        static const char suffix[] = ".Envelope";
        size_t n = s && s->name ? strlen(s->name) : 0, k = sizeof(suffix) - 1;
        return n >= k && memcmp(s->name + n - k, suffix, k) == 0;
}
#endif
