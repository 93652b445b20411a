/* SPDX-License-Identifier: Apache-2.0 */
/* Connect's leaf types in Parquet (apache/parquet-format, LogicalTypes.md): see parquet_schema.c for the table. */
#include "connectors/format/parquet_schema.h"

#define ENUM_PARAM "io.confluent.connect.avro.Enum"
#define SUM_ENUM_PARAM "org.apache.kafka.connect.data.Enum"
#define FIXED_PARAM "connect.fixed.size"
#define PRECISION_PARAM "connect.decimal.precision"
#define PRECISION_CHECKED 10000 /* digits; nobody reads more, and the limit takes its time to compute */
#define DEBEZIUM_TIME "io.debezium.time."
#define DEBEZIUM_UUID "io.debezium.data.Uuid"

enum {
        CONV_UTF8 = 0,
        CONV_ENUM = 4,
        CONV_DECIMAL = 5,
        CONV_DATE = 6,
        CONV_TIME_MILLIS = 7,
        CONV_TIMESTAMP_MILLIS = 9,
        CONV_INT_8 = 15,
        CONV_INT_16 = 16
}; /* ConvertedType */
enum {
        LOGICAL_STRING = 1,
        LOGICAL_ENUM = 4,
        LOGICAL_DECIMAL = 5,
        LOGICAL_DATE = 6,
        LOGICAL_TIME = 7,
        LOGICAL_TIMESTAMP = 8,
        LOGICAL_INTEGER = 10,
        LOGICAL_UUID = 14
}; /* field ids of the LogicalType union */

static int64_t int_param(const struct sl_schema *s, const char *name, int64_t otherwise)
{
        const char *text = sl_schema_param(s, name);
        int64_t v;
        return text && sl_parse_i64(sl_str_c(text), &v) && v > 0 && v <= 1000000 ? v : otherwise;
}

/* 10 to the power of digits, big-endian without leading zeros. */
static struct sl_str power_of_ten(int32_t digits, struct sl_arena *arena)
{
        size_t cap = (size_t)digits * 54 / 128 + 2, n = 1;
        uint8_t *p = sl_arena_zalloc(arena, cap); /* little-endian while it grows */
        p[0] = 1;
        for (int32_t i = 0; i < digits; i++) {
                unsigned carry = 0;
                for (size_t k = 0; k < n; k++) {
                        carry += p[k] * 10u;
                        p[k] = (uint8_t)carry;
                        carry >>= 8;
                }
                if (carry)
                        p[n++] = (uint8_t)carry;
        }
        for (size_t a = 0, b = n - 1; a < b; a++, b--) {
                uint8_t swap = p[a];
                p[a] = p[b];
                p[b] = swap;
        }
        return (struct sl_str){(const char *)p, n};
}

bool sl_pq_decimal_fits(struct sl_str limit, const char *p, uint32_t n)
{
        if (n < limit.len)
                return true; /* 2^(8n - 1) is less than the limit */
        uint8_t sign = p[0] & 0x80 ? 0xff : 0;
        for (; n > limit.len && (uint8_t)*p == sign; n--)
                p++;
        if (n > limit.len)
                return false;
        /* A negative value's magnitude is its complement and one more. */
        unsigned borrow = 0; /* of magnitude - limit, from the last digit up */
        for (uint32_t i = n, carry = sign != 0; i-- > 0;) {
                unsigned digit = (uint8_t)(p[i] ^ sign) + carry;
                carry = digit >> 8;
                borrow = (digit & 0xff) < (uint8_t)limit.ptr[i] + borrow;
        }
        return borrow;
}

static void decimal_leaf(struct sl_pq_leaf *l, const struct sl_schema *s, const struct sl_parquet_opts *opts,
                         struct sl_arena *arena)
{
        int64_t size = int_param(s, FIXED_PARAM, 0);
        int32_t precision =
                (int32_t)int_param(s, PRECISION_PARAM, opts->decimal_precision ? opts->decimal_precision : 64);
        if (size) {
                l->type = SL_PQ_FIXED;
                l->op = SL_PQ_PUT_FIXED;
                l->width = (uint32_t)size;
        }
        /* Parquet has neither negative scales nor scales above the precision: such values stay bytes. */
        if (s->decimal_scale < 0 || s->decimal_scale > precision)
                return;
        l->decimal = true;
        l->converted = CONV_DECIMAL;
        l->logical = LOGICAL_DECIMAL;
        l->scale = s->decimal_scale;
        l->precision = precision;
        if (precision > PRECISION_CHECKED)
                return;
        l->limit = power_of_ten(precision, arena);
        uint32_t need = (uint32_t)l->limit.len + ((l->limit.ptr[0] & 0x80) != 0);
        l->op = SL_PQ_PUT_DECIMAL;
        if (size && l->width >= need) {
                l->op = SL_PQ_PUT_DECIMAL_FIXED;
        } else if (opts->decimals == SL_PARQUET_DECIMAL_SMALLEST && precision <= 9) {
                l->type = SL_PQ_INT32;
                l->op = SL_PQ_PUT_DECIMAL_I32;
                l->decimal = false;
        } else if (opts->decimals == SL_PARQUET_DECIMAL_SMALLEST && precision <= 18) {
                l->type = SL_PQ_INT64;
                l->op = SL_PQ_PUT_DECIMAL_I64;
                l->decimal = false;
        } else if (size || opts->decimals != SL_PARQUET_DECIMAL_BYTES) {
                l->type = SL_PQ_FIXED;
                l->op = SL_PQ_PUT_DECIMAL_FIXED;
                l->width = need;
        }
}

static void time_leaf(struct sl_pq_leaf *l, int logical, bool utc, int unit)
{
        l->logical = logical;
        l->utc = utc;
        l->unit = unit;
        if (utc && unit == 1)
                l->converted = logical == LOGICAL_TIME ? CONV_TIME_MILLIS : CONV_TIMESTAMP_MILLIS;
}

/* Debezium's semantic types: wall clock times without a zone. */
static void exact_leaf(struct sl_pq_leaf *l, const struct sl_schema *s)
{
        static const struct {
                const char *name;
                enum sl_type type;
                int logical, unit;
        } times[] = {{DEBEZIUM_TIME "Date", SL_INT32, LOGICAL_DATE, 0},
                     {DEBEZIUM_TIME "Time", SL_INT32, LOGICAL_TIME, 1},
                     {DEBEZIUM_TIME "MicroTime", SL_INT64, LOGICAL_TIME, 2},
                     {DEBEZIUM_TIME "NanoTime", SL_INT64, LOGICAL_TIME, 3},
                     {DEBEZIUM_TIME "Timestamp", SL_INT64, LOGICAL_TIMESTAMP, 1},
                     {DEBEZIUM_TIME "MicroTimestamp", SL_INT64, LOGICAL_TIMESTAMP, 2},
                     {DEBEZIUM_TIME "NanoTimestamp", SL_INT64, LOGICAL_TIMESTAMP, 3}};
        for (size_t i = 0; s->name && i < sizeof(times) / sizeof(*times); i++) {
                if (s->type != times[i].type || strcmp(s->name, times[i].name) != 0)
                        continue;
                if (times[i].logical == LOGICAL_DATE) {
                        l->converted = CONV_DATE;
                        l->logical = LOGICAL_DATE;
                } else {
                        time_leaf(l, times[i].logical, false, times[i].unit);
                }
                return;
        }
        if (s->type == SL_STRING && s->name && strcmp(s->name, DEBEZIUM_UUID) == 0) {
                *l = (struct sl_pq_leaf){.type = SL_PQ_FIXED,
                                         .op = SL_PQ_PUT_UUID,
                                         .width = 16,
                                         .converted = -1,
                                         .logical = LOGICAL_UUID};
        } else if (s->type == SL_INT8 || s->type == SL_INT16) {
                l->converted = s->type == SL_INT8 ? CONV_INT_8 : CONV_INT_16;
                l->logical = LOGICAL_INTEGER;
                l->bits = s->type == SL_INT8 ? 8 : 16;
        }
}

static struct sl_pq_leaf plain_leaf(const struct sl_schema *s, const struct sl_parquet_opts *opts)
{
        struct sl_pq_leaf l = {.converted = -1};
        switch ((int)s->type) {
        case SL_BOOLEAN:
                l.type = SL_PQ_BOOLEAN;
                l.op = SL_PQ_PUT_BOOL;
                break;
        case SL_INT8:
        case SL_INT16:
        case SL_INT32:
                l.type = SL_PQ_INT32;
                l.op = SL_PQ_PUT_I32;
                break;
        case SL_INT64:
                l.type = SL_PQ_INT64;
                l.op = SL_PQ_PUT_I64;
                break;
        case SL_FLOAT32:
                l.type = SL_PQ_FLOAT;
                l.op = SL_PQ_PUT_F32;
                break;
        case SL_FLOAT64:
                l.type = SL_PQ_DOUBLE;
                l.op = SL_PQ_PUT_F64;
                break;
        default:
                l.type = SL_PQ_BYTES;
                l.op = SL_PQ_PUT_BYTES;
        }
        if (s->type == SL_STRING) {
                bool named = opts->enums && (sl_schema_param(s, ENUM_PARAM) || sl_schema_param(s, SUM_ENUM_PARAM));
                l.text = true;
                l.converted = named ? CONV_ENUM : CONV_UTF8;
                l.logical = named ? LOGICAL_ENUM : LOGICAL_STRING;
        } else if (s->type == SL_BYTES && s->name && s->logical == SL_LOGICAL_NONE && int_param(s, FIXED_PARAM, 0)) {
                l.type = SL_PQ_FIXED;
                l.op = SL_PQ_PUT_FIXED;
                l.width = (uint32_t)int_param(s, FIXED_PARAM, 0);
        }
        return l;
}

struct sl_pq_leaf sl_pq_leaf_of(const struct sl_schema *s, const struct sl_parquet_opts *opts, struct sl_arena *arena)
{
        struct sl_pq_leaf l = plain_leaf(s, opts);
        switch (s->logical) {
        case SL_LOGICAL_DECIMAL:
                decimal_leaf(&l, s, opts, arena);
                break;
        case SL_LOGICAL_DATE:
                l.converted = CONV_DATE;
                l.logical = LOGICAL_DATE;
                break;
        case SL_LOGICAL_TIME:
                time_leaf(&l, LOGICAL_TIME, true, 1);
                break;
        case SL_LOGICAL_TIMESTAMP:
                time_leaf(&l, LOGICAL_TIMESTAMP, true, 1);
                break;
        case SL_LOGICAL_NONE:
                if (opts->exact_types)
                        exact_leaf(&l, s);
                break;
        }
        return l;
}

bool sl_pq_uuid(const char *p, uint32_t n, uint8_t *ret)
{
        if (n != 36)
                return false;
        for (uint32_t i = 0, k = 0; i < n; k++) {
                if (i == 8 || i == 13 || i == 18 || i == 23)
                        if (p[i++] != '-')
                                return false;
                char pair[4] = {'0', '0', p[i], p[i + 1]};
                int v = sl_hex4(pair, pair + 4);
                if (v < 0)
                        return false;
                ret[k] = (uint8_t)v;
                i += 2;
        }
        return true;
}
