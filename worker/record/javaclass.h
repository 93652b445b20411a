/* SPDX-License-Identifier: Apache-2.0 */
/* The Java class that Kafka Connect would hold for a value: its error texts name it ("found: java.lang.Long").
 * For messages only. */
#ifndef SL_RECORD_JAVACLASS_H
#define SL_RECORD_JAVACLASS_H
#include "record/schema.h"

/* schema may be NULL. Static text; "null" for a null value. @thread any. */
static inline const char *sl_java_class(const struct sl_schema *schema, const struct sl_value *v)
{
        static const char *const names[SL_TYPE_COUNT] = {
                [SL_NULL] = "null",
                [SL_BOOLEAN] = "java.lang.Boolean",
                [SL_INT8] = "java.lang.Byte",
                [SL_INT16] = "java.lang.Short",
                [SL_INT32] = "java.lang.Integer",
                [SL_INT64] = "java.lang.Long",
                [SL_FLOAT32] = "java.lang.Float",
                [SL_FLOAT64] = "java.lang.Double",
                [SL_STRING] = "java.lang.String",
                [SL_BYTES] = "[B",
                [SL_ARRAY] = "java.util.ArrayList",
                [SL_MAP] = "java.util.HashMap",
                [SL_STRUCT] = "org.apache.kafka.connect.data.Struct",
        };
        if (schema && v->type == schema->type && schema->logical == SL_LOGICAL_DECIMAL)
                return "java.math.BigDecimal";
        if (schema && v->type == schema->type && schema->logical != SL_LOGICAL_NONE)
                return "java.util.Date";
        if (v->type == SL_INT64 && (v->flags & SL_V_DATE))
                return "java.util.Date";
        return v->type < SL_TYPE_COUNT ? names[v->type] : "unknown";
}
#endif
