/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a struct as Java's Struct does, with its complaints, and what tells Debezium's records apart. Bind time: a
 * row uses the index that was found. */
#ifndef SL_TRANSFORMS_STRUCTS_H
#define SL_TRANSFORMS_STRUCTS_H
#include <string.h>
#include "transforms/common.h"

#define SL_JAVA_DEBEZIUM "io.debezium.DebeziumException"

/* sl_fail of a record with the Java class of the exception (static text). */
#define SL_FAIL_AS(err, class, ...) sl_fail_as_(sl_fail((err), SL_E_TRANSFORM, __VA_ARGS__), (err), (class))
static inline enum sl_rc sl_fail_as_(enum sl_rc rc, struct sl_err *err, const char *class)
{
        if (err)
                err->java = class;
        return rc;
}

/* Index of a struct's field; "x is not a valid field name" (DataException) when there is none. */
static inline enum sl_rc sl_struct_index(const struct sl_schema *s, const char *name, uint32_t *ret, struct sl_err *err)
{
        int at = sl_schema_field(s, name, strlen(name));
        *ret = at < 0 ? 0 : (uint32_t)at;
        return at < 0 ? sl_fail(err, SL_E_TRANSFORM, "%s is not a valid field name", name) : SL_OK;
}

/* The same for Struct.getString and its sisters: the field must be of that type. */
static inline enum sl_rc sl_struct_index_as(const struct sl_schema *s, const char *name, enum sl_type type,
                                            uint32_t *ret, struct sl_err *err)
{
        SL_TRY(sl_struct_index(s, name, ret, err));
        if (s->fields[*ret].schema->type != type)
                return sl_fail(err, SL_E_TRANSFORM, "Field '%s' is not of type %s", name, sl_type_name(type));
        return SL_OK;
}

/* Struct.get: a null field reads as its schema's default. */
static inline struct sl_value sl_struct_get(const struct sl_schema *s, const struct sl_value *v, uint32_t at)
{
        return sl_read_field(s->fields[at].schema, &v->items[at], true);
}

/* Is the name that of a Debezium envelope? s may be NULL. */
static inline bool sl_is_envelope(const struct sl_schema *s)
{
        static const char suffix[] = ".Envelope";
        size_t n = s && s->name ? strlen(s->name) : 0, k = sizeof(suffix) - 1;
        return n >= k && memcmp(s->name + n - k, suffix, k) == 0;
}
#endif
