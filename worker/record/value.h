/* SPDX-License-Identifier: Apache-2.0 */
/* A 16-byte tagged value. What it points at belongs to the batch arena (or to bytes the batch adopted).
 * With a schema the tag equals the schema's type (or SL_NULL); schemaless values are described by tags alone.
 *   STRUCT  items[len], in schema field order (needs its schema to be read)
 *   ARRAY   items[len]
 *   MAP     items[2 * len]: key, value, key, value ...
 *   INT8..INT64 in i64; FLOAT32 and FLOAT64 in f64 (a FLOAT32 holds the float widened); BOOLEAN in b
 *   STRING (UTF-8, not NUL-terminated) and BYTES in ptr, len
 * Connect's Decimal is BYTES (big-endian two's complement unscaled), Date/Time INT32, Timestamp INT64. */
#ifndef SL_RECORD_VALUE_H
#define SL_RECORD_VALUE_H
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/str.h"

enum sl_type {
        SL_NULL,
        SL_BOOLEAN,
        SL_INT8,
        SL_INT16,
        SL_INT32,
        SL_INT64,
        SL_FLOAT32,
        SL_FLOAT64,
        SL_STRING,
        SL_BYTES,
        SL_ARRAY,
        SL_MAP,
        SL_STRUCT,
        SL_TYPE_COUNT,
};

struct sl_value {
        uint8_t type;  /* enum sl_type */
        uint8_t flags; /* SL_V_* */
        uint16_t reserved;
        uint32_t len;
        union {
                bool b;
                int64_t i64;
                double f64;
                const char *ptr;
                const struct sl_value *items;
        };
};
static_assert(sizeof(struct sl_value) == 16, "values are copied by the million");

/* The database did not send this column because it did not change (TOAST). The value beside the flag is the
 * placeholder that Debezium would send, never null. */
#define SL_V_UNAVAILABLE 1
/* A schemaless INT64 that stands for a java.util.Date, in ms: TimestampConverter makes them, and no converter can write them. */
#define SL_V_DATE 2

struct sl_schema;
#define SL_V_NULL ((struct sl_value){.type = SL_NULL})
static inline struct sl_value sl_v_i64(enum sl_type t, int64_t v)
{
        return (struct sl_value){.type = (uint8_t)t, .i64 = v};
}
static inline struct sl_value sl_v_f64(enum sl_type t, double v)
{
        return (struct sl_value){.type = (uint8_t)t, .f64 = v};
}
static inline struct sl_value sl_v_bool(bool v)
{
        return (struct sl_value){.type = SL_BOOLEAN, .i64 = v};
}
static inline struct sl_value sl_v_str(struct sl_str s)
{
        return (struct sl_value){.type = SL_STRING, .len = (uint32_t)s.len, .ptr = s.ptr};
}
static inline struct sl_value sl_v_bytes(const void *p, size_t n)
{
        return (struct sl_value){.type = SL_BYTES, .len = (uint32_t)n, .ptr = (const char *)p};
}
static inline struct sl_value sl_v_items(enum sl_type t, const struct sl_value *items, uint32_t len)
{
        return (struct sl_value){.type = (uint8_t)t, .len = len, .items = items};
}
static inline struct sl_str sl_v_as_str(const struct sl_value *v)
{
        return (struct sl_str){v->ptr, v->len};
}

bool sl_value_equal(const struct sl_value *a, const struct sl_value *b); /* NaN equals NaN; flags ignored */
/* Deep copy into an arena. */
struct sl_value sl_value_copy(struct sl_arena *a, const struct sl_value *v);
/* Java's toString(): "Struct{a=1,b=x}", "{a=1, b=x}", "[1, 2]"; schema may be NULL. Logical types print their
 * base value. */
void sl_value_print(const struct sl_schema *schema, const struct sl_value *v, struct sl_buf *out);
#endif
