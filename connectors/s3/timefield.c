/* SPDX-License-Identifier: Apache-2.0 */
/* See timefield.h. Types by name: Connect's Timestamp and Date, and of Debezium's io.debezium.time those that hold an instant or a date. */
#include "connectors/s3/timefield.h"

#include <math.h>

#include "base/tzrules.h"
#include "connectors/s3/isotime.h"

#define DAY_MS INT64_C(86400000)
#define DIGITS_MAX 19
#define DEBEZIUM "io.debezium.time."

static enum sl_s3_time_kind by_unit(enum sl_s3_unit unit)
{
        static const enum sl_s3_time_kind kinds[] = {[SL_S3_UNIT_MS] = SL_S3_TIME_MS,
                                                     [SL_S3_UNIT_S] = SL_S3_TIME_S,
                                                     [SL_S3_UNIT_US] = SL_S3_TIME_US,
                                                     [SL_S3_UNIT_NS] = SL_S3_TIME_NS};
        return kinds[unit];
}

static enum sl_s3_time_kind debezium(const char *name, enum sl_type type, enum sl_s3_time_kind other)
{
        static const struct {
                const char *name;
                enum sl_type type;
                enum sl_s3_time_kind kind;
        } rows[] = {{"Timestamp", SL_INT64, SL_S3_TIME_MS},
                    {"MicroTimestamp", SL_INT64, SL_S3_TIME_US},
                    {"NanoTimestamp", SL_INT64, SL_S3_TIME_NS},
                    {"Date", SL_INT32, SL_S3_TIME_DAYS},
                    {"ZonedTimestamp", SL_STRING, SL_S3_TIME_TEXT}};
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                if (strcmp(name, rows[i].name) == 0 && type == rows[i].type)
                        return rows[i].kind;
        return other;
}

enum sl_s3_time_kind sl_s3_time_kind_of(const struct sl_schema *schema, enum sl_s3_unit unit)
{
        if (schema->logical == SL_LOGICAL_TIMESTAMP)
                return SL_S3_TIME_MS;
        if (schema->logical == SL_LOGICAL_DATE)
                return SL_S3_TIME_DAYS;
        if (schema->logical != SL_LOGICAL_NONE)
                return SL_S3_TIME_NONE;
        bool number = schema->type == SL_INT32 || schema->type == SL_INT64;
        enum sl_s3_time_kind kind = number                    ? by_unit(unit)
                                    : schema->type == SL_STRING ? SL_S3_TIME_TEXT
                                                                : SL_S3_TIME_NONE;
        if (kind && schema->name && strncmp(schema->name, DEBEZIUM, strlen(DEBEZIUM)) == 0)
                return debezium(schema->name + strlen(DEBEZIUM), schema->type, kind);
        return kind;
}

enum sl_s3_time_kind sl_s3_time_kind_of_value(const struct sl_value *v, enum sl_s3_unit unit)
{
        switch (v->type) {
        case SL_INT8:
        case SL_INT16:
        case SL_INT32:
        case SL_INT64:
                return v->flags & SL_V_DATE ? SL_S3_TIME_MS : by_unit(unit);
        case SL_FLOAT32:
        case SL_FLOAT64:
                return SL_S3_TIME_REAL;
        case SL_STRING:
                return SL_S3_TIME_TEXT;
        default:
                return SL_S3_TIME_NONE;
        }
}

static bool scale(enum sl_s3_time_kind kind, int64_t n, int64_t *ret)
{
        switch (kind) {
        case SL_S3_TIME_S:
                return !__builtin_mul_overflow(n, INT64_C(1000), ret);
        case SL_S3_TIME_DAYS:
                return !__builtin_mul_overflow(n, DAY_MS, ret);
        case SL_S3_TIME_US:
                *ret = sl_floor_div(n, 1000);
                return true;
        case SL_S3_TIME_NS:
                *ret = sl_floor_div(n, 1000000);
                return true;
        default:
                *ret = n;
                return true;
        }
}

/* -?[0-9]{1,19} that fits into 64 bits. */
static bool digits(struct sl_str s, int64_t *ret)
{
        size_t sign = s.len && *s.ptr == '-';
        if (s.len == sign || s.len - sign > DIGITS_MAX)
                return false;
        for (size_t i = sign; i < s.len; i++)
                if (s.ptr[i] < '0' || s.ptr[i] > '9')
                        return false;
        return sl_parse_i64(s, ret);
}

static bool real(double v, enum sl_s3_unit unit, int64_t *ret)
{
        static const double ms[] = {
                [SL_S3_UNIT_MS] = 1, [SL_S3_UNIT_S] = 1e3, [SL_S3_UNIT_US] = 1e-3, [SL_S3_UNIT_NS] = 1e-6};
        v = unit == SL_S3_UNIT_MS ? trunc(v) : floor(v * ms[unit]);
        if (!(v > -9.2e18 && v < 9.2e18))
                return false;
        *ret = (int64_t)v;
        return true;
}

bool sl_s3_time_read(enum sl_s3_time_kind kind, enum sl_s3_unit unit, const struct sl_value *v, int64_t *ret)
{
        int64_t n;
        if (kind == SL_S3_TIME_REAL)
                return real(v->f64, unit, ret);
        if (kind != SL_S3_TIME_TEXT)
                return scale(kind, v->i64, ret);
        if (digits(sl_v_as_str(v), &n))
                return scale(by_unit(unit), n, ret);
        return sl_s3_iso_time(sl_v_as_str(v), ret);
}
