/* SPDX-License-Identifier: Apache-2.0 */
/* What the transforms of row events share: whether a schema is a change event of Debezium's form ("<table>.Envelope": before,
 * after, source, transaction, op, ts_ms, ts_us, ts_ns), reading its fields, and Java's complaints about them. */
#ifndef SL_TRANSFORMS_ENVELOPE_H
#define SL_TRANSFORMS_ENVELOPE_H
#include <string.h>
#include "transforms/common.h"

#define SL_JAVA_NPE "java.lang.NullPointerException"
#define SL_JAVA_CAST "java.lang.ClassCastException"

/* A failure whose exception is another one than Connect's default; gives rc back. */
static inline enum sl_rc sl_thrown(enum sl_rc rc, struct sl_err *err, const char *java)
{
        if (err)
                err->java = java;
        return rc;
}

/* Bind time: it reads the name. */
bool sl_is_envelope(const struct sl_schema *schema);

/* Struct.get and its sisters: index of a field, "x is not a valid field name" when there is none, and "Field 'x' is not of type
 * STRING" when type isn't SL_NULL and the field is of another one. */
enum sl_rc sl_need_field(const struct sl_schema *schema, const char *name, enum sl_type type, uint32_t *ret, struct sl_err *err);

/* ExtractField's own: "Unknown field: after". at: what sl_schema_field said. */
enum sl_rc sl_need_known(int at, const char *name, struct sl_err *err);
#endif
