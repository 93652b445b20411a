/* SPDX-License-Identifier: Apache-2.0 */
/* Column types: schema and value of what the server writes, column defaults, filters and names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "connectors/postgres/relation.h"

enum {
        BOOL = 16,
        BYTEA = 17,
        INT8 = 20,
        INT2 = 21,
        INT4 = 23,
        TEXT = 25,
        FLOAT4 = 700,
        FLOAT8 = 701,
        MONEY = 790,
        INT4S = 1007,
        TEXTS = 1009,
        VARCHAR = 1043,
        DATE = 1082,
        TIME = 1083,
        TS = 1114,
        TSTZ = 1184,
        NUMERICS = 1231,
        INTERVAL = 1186,
        TIMETZ = 1266,
        BIT = 1560,
        NUMERIC = 1700,
        UUID = 2950,
        JSONB = 3802,
        POINT = 600,
        XMLS = 143
};

static struct sl_pg_cfg cfg;
static struct sl_pg_types types;
static struct sl_arena arena;

static enum sl_rc lookup(void *arg, uint32_t oid, struct sl_pg_typeinfo *ret, struct sl_err *err)
{
        (void)arg;
        (void)err;
        switch (oid) {
        case 20001:
                *ret = (struct sl_pg_typeinfo){.name = "mood", .kind = 'e', .labels = "sad,ok"};
                break;
        case 20002:
                *ret = (struct sl_pg_typeinfo){.name = "dom", .kind = 'd', .base = 20001, .base_typmod = -1};
                break;
        case 20003:
                *ret = (struct sl_pg_typeinfo){.name = "_mood", .kind = 'b', .elem = 20001, .delim = ','};
                break;
        case 20004:
                *ret = (struct sl_pg_typeinfo){.name = "hstore", .kind = 'b', .delim = ','};
                break;
        case 20005:
                *ret = (struct sl_pg_typeinfo){
                        .name = "amount", .kind = 'd', .base = NUMERIC, .base_typmod = (8 << 16 | 3) + 4};
                break;
        case 20006:
                *ret = (struct sl_pg_typeinfo){.name = "pair", .kind = 'c'};
                break;
        case 20008: /* an array of a composite type; of a domain; money[]; box[] */
        case 20009:
        case 791:
        case 1020:
                *ret = (struct sl_pg_typeinfo){.name = "_x",
                                               .kind = 'b',
                                               .delim = oid == 1020 ? ';' : ',',
                                               .elem = oid == 20008   ? 20006
                                                       : oid == 20009 ? 20005
                                                                      : 790};
                break;
        case 20007:
                *ret = (struct sl_pg_typeinfo){.name = "geometry", .kind = 'b', .delim = ':'};
                break;
        }
        return SL_OK;
}

static int setup(void **state)
{
        (void)state;
        cfg = (struct sl_pg_cfg){.placeholder = "__debezium_unavailable_value", .money_digits = 2, .delimiter = "."};
        types = (struct sl_pg_types){.lookup = lookup};
        sl_pg_types_init(&types, &cfg);
        sl_arena_init(&arena, 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        sl_pg_types_free(&types);
        sl_arena_free(&arena);
        return 0;
}

static const struct sl_pg_codec *codec(uint32_t oid, int32_t typmod)
{
        const struct sl_pg_codec *c = NULL;
        assert_int_equal(sl_pg_types_codec(&types, oid, typmod, &c, NULL), SL_OK);
        return c;
}

static bool parse(uint32_t oid, int32_t typmod, const char *text, struct sl_value *v)
{
        const struct sl_pg_codec *c = codec(oid, typmod);
        assert_non_null(c);
        /* an exact copy: a sanitizer sees a read past the end */
        size_t n = strlen(text);
        char *copy = malloc(n ? n : 1);
        memcpy(copy, text, n);
        bool ok = c->parse(c, (struct sl_str){copy, n}, &arena, v);
        if (ok)
                *v = sl_value_copy(&arena, v);
        free(copy);
        return ok;
}

static void is_i64(uint32_t oid, int32_t typmod, const char *text, enum sl_type type, int64_t want)
{
        struct sl_value v;
        if (!parse(oid, typmod, text, &v))
                fail_msg("%s not parsed", text);
        assert_int_equal(v.type, type);
        if (v.i64 != want)
                fail_msg("%s: %lld, not %lld", text, (long long)v.i64, (long long)want);
}

static void is_str(uint32_t oid, int32_t typmod, const char *text, const char *want)
{
        struct sl_value v;
        if (!parse(oid, typmod, text, &v))
                fail_msg("%s not parsed", text);
        assert_int_equal(v.type, SL_STRING);
        if (!sl_str_eqc(sl_v_as_str(&v), want))
                fail_msg("%s: %.*s, not %s", text, SL_FMT(sl_v_as_str(&v)), want);
}

static void bytes_are(const struct sl_value *v, const char *hex)
{
        char got[200] = "";
        assert_int_equal(v->type, SL_BYTES);
        for (uint32_t i = 0; i < v->len; i++)
                snprintf(got + i * 2, 3, "%02x", (unsigned char)v->ptr[i]);
        assert_string_equal(got, hex);
}

static void is_bytes(uint32_t oid, int32_t typmod, const char *text, const char *hex)
{
        struct sl_value v;
        if (!parse(oid, typmod, text, &v))
                fail_msg("%s not parsed", text);
        bytes_are(&v, hex);
}

static void refuses(uint32_t oid, int32_t typmod, const char *text)
{
        struct sl_value v;
        if (parse(oid, typmod, text, &v))
                fail_msg("%s was taken", text);
}

static void scalars(void **state)
{
        (void)state;
        is_i64(BOOL, -1, "t", SL_BOOLEAN, 1);
        is_i64(BOOL, -1, "f", SL_BOOLEAN, 0);
        is_i64(INT2, -1, "-32768", SL_INT16, -32768);
        is_i64(INT4, -1, "0", SL_INT32, 0);
        is_i64(INT8, -1, "-9223372036854775808", SL_INT64, INT64_MIN);
        is_i64(INT8, -1, "9223372036854775807", SL_INT64, INT64_MAX);
        refuses(INT4, -1, "");
        refuses(INT4, -1, "-");
        refuses(INT4, -1, "1x");
        refuses(INT8, -1, "9223372036854775808");
        is_str(UUID, -1, "11111111-2222-3333-4444-555555555555", "11111111-2222-3333-4444-555555555555");
        assert_string_equal(codec(UUID, -1)->spec.name, "io.debezium.data.Uuid");
        assert_string_equal(codec(JSONB, -1)->spec.name, "io.debezium.data.Json");
        struct sl_value v;
        assert_true(parse(FLOAT4, -1, "0.1", &v) && v.type == SL_FLOAT32 && v.f64 == (double)0.1f);
        assert_true(parse(FLOAT8, -1, "-Infinity", &v) && v.f64 < -1e308);
        assert_true(parse(FLOAT8, -1, "NaN", &v) && v.f64 != v.f64);
}

#define P(p, s) (((p) << 16 | ((s)&0x7ff)) + 4)
static void decimals(void **state)
{
        (void)state;
        is_bytes(NUMERIC, P(10, 2), "1.50", "0096");
        is_bytes(NUMERIC, P(10, 2), "-1.50", "ff6a");
        is_bytes(NUMERIC, P(10, 2), "0.00", "00");
        is_bytes(NUMERIC, P(10, 2), "-1.28", "80");
        is_bytes(NUMERIC, P(10, 2), "1.28", "0080");
        is_bytes(NUMERIC, P(10, 0), "255", "00ff");
        is_bytes(NUMERIC, P(30, 0), "18446744073709551616", "010000000000000000");
        is_bytes(NUMERIC, P(30, 0), "-18446744073709551616", "ff0000000000000000");
        is_bytes(NUMERIC, P(30, 0), "999999999999999999999999999999", "0c9f2c9cd04674edea3fffffff");
        is_bytes(NUMERIC, P(30, 0), "-999999999999999999999999999999", "f360d3632fb98b1215c0000001");
        is_bytes(NUMERIC, P(38, 10), "1234567890123456789.0123456789", "27e41b3246bec9b16e398115");
        is_bytes(NUMERIC, P(5, 2), "1", "64");
        is_bytes(NUMERIC, P(3, -2), "12300", "300c");
        refuses(NUMERIC, P(10, 2), "NaN");
        refuses(NUMERIC, P(10, 2), "");
        const struct sl_schema *s = &codec(NUMERIC, P(10, 2))->spec;
        assert_string_equal(s->name, SL_NAME_DECIMAL);
        assert_string_equal(s->params[0].value, "2");
        assert_string_equal(s->params[1].name, "connect.decimal.precision");
        assert_string_equal(s->params[1].value, "10");
        struct sl_value v;
        assert_true(parse(NUMERIC, -1, "100.500", &v) && v.type == SL_STRUCT && v.items[0].i64 == 1);
        bytes_are(&v.items[1], "03ed");
        assert_true(parse(NUMERIC, -1, "1200", &v) && v.items[0].i64 == 0);
        bytes_are(&v.items[1], "04b0");
        is_bytes(MONEY, -1, "-$1,234.56", "fe1dc0");
        is_bytes(MONEY, -1, "($1.00)", "9c");
        is_bytes(MONEY, -1, "$0.00", "00");
        cfg.decimal = SL_PG_DEC_STRING;
        is_str(NUMERIC, P(11, 2), "1.50", "1.50");
        is_str(NUMERIC, P(11, 2), "NaN", "NAN");
        assert_true(sl_str_eqc(sl_v_as_str(&codec(NUMERIC, P(11, 2))->zero), "0.00"));
        assert_true(sl_pg_default_value(codec(NUMERIC, P(11, 2)), "1.5", &arena, &v) &&
                    sl_str_eqc(sl_v_as_str(&v), "1.50"));
        assert_true(sl_pg_default_value(codec(NUMERIC, P(11, 2)), "'-3'::integer", &arena, &v) &&
                    sl_str_eqc(sl_v_as_str(&v), "-3.00"));
        is_str(NUMERIC, P(11, 2), "-Infinity", "NEGATIVE_INFINITY");
        cfg.decimal = SL_PG_DEC_DOUBLE;
        assert_true(parse(NUMERIC, P(12, 2), "1.50", &v) && v.type == SL_FLOAT64 && v.f64 == 1.5);
        cfg.decimal = SL_PG_DEC_PRECISE;
}

static void dates(void **state)
{
        (void)state;
        is_i64(DATE, -1, "1970-01-01", SL_INT32, 0);
        is_i64(DATE, -1, "1969-12-31", SL_INT32, -1);
        is_i64(DATE, -1, "2024-02-29", SL_INT32, 19782);
        is_i64(DATE, -1, "0001-01-01 BC", SL_INT32, -719528);
        is_i64(DATE, -1, "294276-12-31", SL_INT32, 106762939);
        is_i64(DATE, -1, "infinity", SL_INT32, -2147472692);
        is_i64(DATE, -1, "-infinity", SL_INT32, -2147472691);
        refuses(DATE, -1, "2024-13-01");
        refuses(DATE, -1, "2024-01");
        refuses(DATE, -1, "");
        is_i64(TIME, 3, "04:05:06.789", SL_INT32, 14706789);
        is_i64(TIME, -1, "04:05:06.789012", SL_INT64, 14706789012);
        is_i64(TIME, -1, "24:00:00", SL_INT64, 86400000000);
        is_i64(TS, -1, "2020-01-02 03:04:05.678", SL_INT64, 1577934245678000);
        is_i64(TS, 3, "2020-01-02 03:04:05.678", SL_INT64, 1577934245678);
        is_i64(TS, 3, "1969-12-31 23:59:59.999", SL_INT64, -1);
        is_i64(TS, -1, "4714-12-31 23:59:59.999999 BC", SL_INT64, -210863520000000001);
        is_i64(TS, -1, "infinity", SL_INT64, 9223372036825200000);
        is_i64(TS, -1, "-infinity", SL_INT64, -9223372036832400000);
        is_i64(TS, 3, "infinity", SL_INT64, 9223372036825200);
        assert_string_equal(codec(TS, -1)->spec.name, "io.debezium.time.MicroTimestamp");
        assert_string_equal(codec(TS, 3)->spec.name, "io.debezium.time.Timestamp");
        is_str(TSTZ, -1, "2020-01-02 03:04:05.5+00", "2020-01-02T03:04:05.500000Z");
        is_str(TSTZ, 3, "2020-01-02 03:04:05.5+00", "2020-01-02T03:04:05.500Z");
        is_str(TSTZ, 0, "2020-01-02 03:04:05+00", "2020-01-02T03:04:05Z");
        is_str(TSTZ, -1, "2020-01-01 00:30:00+01:30", "2019-12-31T23:00:00.000000Z");
        is_str(TSTZ, -1, "0044-03-15 12:00:00+00 BC", "-0043-03-15T12:00:00.000000Z");
        is_str(TSTZ, -1, "12345-01-01 00:00:00+00", "+12345-01-01T00:00:00.000000Z");
        is_str(TSTZ, -1, "infinity", "infinity");
        is_str(TIMETZ, -1, "13:00:00.5+02", "11:00:00.5Z");
        is_str(TIMETZ, -1, "01:00:00+02", "23:00:00Z");
        is_str(TIMETZ, -1, "24:00:00+00", "24:00:00Z");
        refuses(TSTZ, -1, "2020-01-02 03:04:05");
        refuses(TS, -1, "2020-01-02T03:04:05");
}

/* One value in one time.precision.mode: its schema's name and the number or text. */
static void in_mode(int mode, uint32_t oid, const char *text, const char *name, const char *want)
{
        struct sl_pg_types own = {.lookup = lookup};
        const struct sl_pg_codec *c;
        struct sl_value v;
        char got[64];
        cfg.time = mode;
        sl_pg_types_init(&own, &cfg);
        assert_int_equal(sl_pg_types_codec(&own, oid, -1, &c, NULL), SL_OK);
        assert_string_equal(c->spec.name + strlen("io.debezium.time."), name);
        bool taken = c->parse(c, sl_str_c(text), &arena, &v);
        if (taken && v.type == SL_STRING)
                snprintf(got, sizeof(got), "%.*s", SL_FMT(sl_v_as_str(&v)));
        else
                snprintf(got, sizeof(got), "%lld", taken ? (long long)v.i64 : 0);
        if (taken != (want != NULL) || (want && strcmp(got, want) != 0))
                fail_msg("%s as %s: %s, not %s", text, name, taken ? got : "refused", want ? want : "refused");
        sl_pg_types_free(&own);
        cfg.time = SL_PG_TIME_ADAPTIVE;
}

static void time_modes(void **state)
{
        static const int iso = SL_PG_TIME_ISO, us = SL_PG_TIME_US, ns = SL_PG_TIME_NS;
        (void)state;
        in_mode(iso, DATE, "2024-02-29", "IsoDate", "2024-02-29Z");
        in_mode(iso, DATE, "infinity", "IsoDate", "-5877611-06-21Z");
        in_mode(iso, DATE, "-infinity", "IsoDate", "-5877611-06-22Z");
        in_mode(iso, DATE, "0044-03-15 BC", "IsoDate", "-0043-03-15Z");
        in_mode(iso, DATE, "0001-01-01 BC", "IsoDate", "0000-01-01Z");
        in_mode(iso, DATE, "12345-01-01", "IsoDate", "+12345-01-01Z");
        in_mode(iso, TIME, "12:34:56.780000", "IsoTime", "12:34:56.78Z");
        in_mode(iso, TIME, "12:34:00", "IsoTime", "12:34:00Z");
        in_mode(iso, TIME, "24:00:00", "IsoTime", "00:00:00Z");
        in_mode(iso, TS, "2024-02-29 12:34:56.000001", "IsoTimestamp", "2024-02-29T12:34:56.000001Z");
        in_mode(iso, TS, "1969-12-31 23:59:59.9", "IsoTimestamp", "1969-12-31T23:59:59.9Z");
        in_mode(iso, TS, "infinity", "IsoTimestamp", "+294247-01-10T04:00:25.2Z");
        in_mode(iso, TS, "-infinity", "IsoTimestamp", "-290308-12-21T19:59:27.6Z");
        in_mode(us, TIME, "24:00:00", "MicroTime", "86400000000");
        in_mode(us, TS, "-infinity", "MicroTimestamp", "-9223372036832400000");
        in_mode(us, DATE, "1969-12-31", "Date", "-1");
        in_mode(ns, TIME, "24:00:00", "NanoTime", "86400000000000");
        in_mode(ns, TIME, "00:00:00.000001", "NanoTime", "1000");
        in_mode(ns, TS, "infinity", "NanoTimestamp", "9223372036854775807");
        in_mode(ns, TS, "-infinity", "NanoTimestamp", "-9223372036854775808");
        in_mode(ns, TS, "2262-04-11 23:47:16.854775", "NanoTimestamp", "9223372036854775000");
        in_mode(ns, TS, "2262-04-11 23:47:16.854776", "NanoTimestamp", NULL);
        in_mode(ns, TS, "1677-09-21 00:12:43.145225", "NanoTimestamp", "-9223372036854775000");
        in_mode(ns, TS, "1677-09-21 00:12:43.145224", "NanoTimestamp", NULL);
}

static void unknown_types(void **state)
{
        static const uint32_t arrays[] = {20008, 20009, 791, 1020};
        struct sl_pg_types own = {.lookup = lookup};
        const struct sl_pg_codec *c;
        struct sl_value v;
        (void)state;
        for (size_t i = 0; i < 4; i++)
                assert_null(codec(arrays[i], -1));
        cfg.unknown_types = true;
        sl_pg_types_init(&own, &cfg);
        for (size_t i = 0; i < 4; i++) {
                assert_int_equal(sl_pg_types_codec(&own, arrays[i], -1, &c, NULL), SL_OK);
                assert_true(c->spec.type == SL_ARRAY && c->spec.value->type == SL_BYTES && !c->spec.value->optional);
        }
        assert_true(c->parse(c, sl_str_c("{(1,1),(0,0);(2,2),(1,1)}"), &arena, &v) && v.len == 2);
        bytes_are(&v.items[0], "28312c31292c28302c3029");
        assert_false(c->parse(c, sl_str_c("{NULL}"), &arena, &v));
        assert_int_equal(sl_pg_types_codec(&own, 20006, -1, &c, NULL), SL_OK); /* a composite value */
        assert_int_equal(c->spec.type, SL_BYTES);
        assert_int_equal(sl_pg_types_codec(&own, 22, -1, &c, NULL), SL_OK); /* int2vector: "1 2" */
        assert_int_equal(c->spec.type, SL_BYTES);
        sl_pg_types_free(&own);
        cfg.unknown_types = false;
}

static void placeholders(void **state)
{
        struct sl_value v = codec(2951, -1)->unavailable; /* uuid[] */
        (void)state;
        assert_true(sl_str_eqc(sl_v_as_str(&v.items[0]), "b68a35a7-17ad-35b3-af2a-ae46edb4545a"));
        v = codec(20004, -1)->unavailable; /* hstore as JSON */
        assert_true(sl_str_eqc(sl_v_as_str(&v), "{\"__debezium_unavailable_value\":\"__debezium_unavailable_value\"}"));
        assert_int_equal(codec(INT4S, -1)->unavailable.len, 28);
        assert_int_equal(codec(1183, -1)->unavailable.type, SL_NULL); /* time[] */
        assert_int_equal(codec(1115, -1)->unavailable.type, SL_NULL); /* timestamp[] */
}

static void intervals(void **state)
{
        (void)state;
        is_i64(INTERVAL, -1, "1 year 2 mons 3 days 04:05:06.78", SL_INT64, 37091106780000);
        is_i64(INTERVAL, -1, "00:00:00", SL_INT64, 0);
        is_i64(INTERVAL, -1, "-04:05:06", SL_INT64, -14706000000);
        is_i64(INTERVAL, -1, "-1 days +02:00:00", SL_INT64, -79200000000);
        refuses(INTERVAL, -1, "");
        refuses(INTERVAL, -1, "1 fortnight");
        cfg.interval = SL_PG_IV_STRING;
        is_str(INTERVAL, 1, "1 year 2 mons 3 days 04:05:06.78", "P1Y2M3DT4H5M6.78S");
        is_str(INTERVAL, 1, "00:00:00", "P0Y0M0DT0H0M0S");
        is_str(INTERVAL, 1, "-1 years -00:00:00.5", "P-1Y0M0DT0H0M-0.5S");
        cfg.interval = SL_PG_IV_NUMERIC;
}

static void binaries(void **state)
{
        (void)state;
        is_bytes(BYTEA, -1, "\\x00ffAb", "00ffab");
        is_bytes(BYTEA, -1, "\\x", "");
        refuses(BYTEA, -1, "\\x0");
        refuses(BYTEA, -1, "\\x0g");
        refuses(BYTEA, -1, "abc");
        is_i64(BIT, 1, "1", SL_BOOLEAN, 1);
        is_bytes(BIT, 12, "000000010101", "15");
        is_bytes(BIT, 12, "100000000001", "0108");
        is_bytes(BIT, 12, "000000000000", "");
        struct sl_pg_types own = {.lookup = lookup};
        struct sl_value v;
        const struct sl_pg_codec *c;
        cfg.binary = SL_PG_BIN_BASE64_URL;
        sl_pg_types_init(&own, &cfg);
        assert_int_equal(sl_pg_types_codec(&own, BYTEA, -1, &c, NULL), SL_OK);
        assert_true(c->parse(c, sl_str_c("\\xfbff"), &arena, &v) && sl_str_eqc(sl_v_as_str(&v), "-_8="));
        assert_true(sl_str_eqc(sl_v_as_str(&c->unavailable), cfg.placeholder));
        cfg.binary = SL_PG_BIN_HEX;
        assert_true(c->parse(c, sl_str_c("\\xfbff"), &arena, &v) && sl_str_eqc(sl_v_as_str(&v), "fbff"));
        sl_pg_types_free(&own);
        cfg.binary = SL_PG_BIN_BYTES;
}

static void arrays(void **state)
{
        (void)state;
        struct sl_value v;
        assert_true(parse(INT4S, -1, "{1,NULL,-3}", &v) && v.type == SL_ARRAY && v.len == 3);
        assert_true(v.items[0].i64 == 1 && v.items[1].type == SL_NULL && v.items[2].i64 == -3);
        assert_true(parse(INT4S, -1, "{}", &v) && v.len == 0);
        assert_true(parse(INT4S, -1, "[2:3]={7,8}", &v) && v.len == 2 && v.items[1].i64 == 8);
        assert_true(parse(TEXTS, -1, "{a,\"b,\\\"c\\\\\",\"NULL\",\"\"}", &v) && v.len == 4);
        assert_true(sl_str_eqc(sl_v_as_str(&v.items[1]), "b,\"c\\") && sl_str_eqc(sl_v_as_str(&v.items[2]), "NULL"));
        assert_true(v.items[3].type == SL_STRING && v.items[3].len == 0);
        assert_true(parse(NUMERICS, P(10, 2), "{1.50}", &v));
        bytes_are(&v.items[0], "0096");
        refuses(INT4S, -1, "{{1,2},{3,4}}");
        refuses(INT4S, -1, "{1,2");
        refuses(INT4S, -1, "{1,,2}");
        refuses(INT4S, -1, "");
        refuses(TEXTS, -1, "{\"a}");
        assert_true(codec(INT4S, -1)->spec.value->optional);
        assert_null(codec(XMLS, -1));
        assert_true(codec(TEXTS, -1)->unavailable.flags & SL_V_UNAVAILABLE);
}

static void user_types(void **state)
{
        (void)state;
        const struct sl_schema *s = &codec(20001, -1)->spec;
        assert_string_equal(s->name, "io.debezium.data.Enum");
        assert_string_equal(s->params[0].value, "sad,ok");
        assert_string_equal(codec(20002, -1)->spec.params[0].value, "sad,ok"); /* a domain over an enum */
        assert_true(codec(20001, -1)->has_default && !codec(20002, -1)->has_default);
        assert_false(codec(20003, -1)->spec.value->optional);
        refuses(20003, -1, "{sad,NULL}");
        is_bytes(20005, -1, "1.234", "04d2");
        assert_null(codec(20006, -1));
        is_str(20004, -1, "\"a\"=>\"1\", \"b\"=>NULL, \"q\\\"\"=>\"x\\\\b\"",
               "{\"a\":\"1\",\"b\":null,\"q\\\"\":\"x\\\\b\"}");
        refuses(20004, -1, "\"a\"=>");
        struct sl_value v;
        assert_true(parse(POINT, -1, "(1,-2.5)", &v) && v.items[0].f64 == 1 && v.items[1].f64 == -2.5 &&
                    v.items[2].len == 21);
        assert_true(parse(20007, -1, "0101000020E6100000000000000000F03F0000000000000040", &v) &&
                    v.items[1].i64 == 4326);
}

static bool default_of(uint32_t oid, int32_t typmod, const char *expr, struct sl_value *v)
{
        return sl_pg_default_value(codec(oid, typmod), expr, &arena, v);
}

static void defaults(void **state)
{
        (void)state;
        struct sl_value v;
        assert_true(default_of(VARCHAR, -1, "'it''s'::character varying", &v) && sl_str_eqc(sl_v_as_str(&v), "it's"));
        assert_true(default_of(INT4, -1, "5", &v) && v.i64 == 5);
        assert_true(default_of(INT4, -1, "'-5'::integer", &v) && v.i64 == -5);
        assert_true(default_of(INT4, -1, "nextval('t_id_seq'::regclass)", &v) && v.i64 == 0);
        assert_true(default_of(BOOL, -1, "true", &v) && v.b);
        assert_true(default_of(NUMERIC, P(10, 2), "1.5", &v));
        bytes_are(&v, "0096");
        assert_true(default_of(TSTZ, -1, "now()", &v) && sl_str_eqc(sl_v_as_str(&v), "1970-01-01T00:00:00.000000Z"));
        assert_true(default_of(TS, -1, "CURRENT_TIMESTAMP", &v) && v.i64 == 0);
        assert_true(default_of(TS, -1, "'2020-01-01 00:00:00'::timestamp without time zone", &v) &&
                    v.i64 == 1577836800000000);
        assert_true(default_of(JSONB, -1, "'{}'::jsonb", &v) && v.len == 2);
        assert_true(default_of(UUID, -1, "gen_random_uuid()", &v) && v.len == 36);
        assert_true(default_of(BIT, 4, "'0101'::\"bit\"", &v));
        assert_false(default_of(INT4, -1, "(1 + 2)", &v));
        assert_false(default_of(TEXT, -1, "('a'::text || 'b'::text)", &v));
        assert_false(default_of(TEXT, -1, "NULL::text", &v));
        assert_false(default_of(BYTEA, -1, "'\\x00'::bytea", &v));
        assert_false(default_of(TEXT, -1, NULL, &v));
}

static void names(void **state)
{
        (void)state;
        assert_string_equal(sl_pg_topic_name(&cfg, "bank", "public", "a b$", &arena), "bank.public.a_b_");
        assert_string_equal(sl_pg_topic_name(&cfg, "p", "s", "N\303\244me \360\237\230\200.", &arena), "p.s.N_me___.");
        assert_string_equal(sl_pg_adjust_name(SL_PG_ADJ_AVRO, true, "1a-b.c_d", &arena), "_1a_b.c_d");
        assert_string_equal(sl_pg_adjust_name(SL_PG_ADJ_AVRO_UNICODE, false, "a-b_c", &arena), "a_u002db_u005fc");
        assert_string_equal(sl_pg_adjust_name(SL_PG_ADJ_AVRO, false, "\303\244b\360\237\230\200", &arena), "_b__");
        assert_string_equal(sl_pg_adjust_name(SL_PG_ADJ_AVRO_UNICODE, false, "\303\244b\360\237\230\200", &arena),
                            "_u00e4b_ud83d_ude00");
        struct sl_pg_filter f = {0};
        struct sl_err err = {0};
        cfg.ignore_builtin = true;
        cfg.table_include = "public.(a|b), other\\.x{1\\,2}";
        cfg.column_exclude = "public.a.secret";
        assert_int_equal(sl_pg_filter_open(&f, &cfg, &err), SL_OK);
        assert_true(sl_pg_filter_table(&f, "public", "a") && sl_pg_filter_table(&f, "PUBLIC", "B"));
        assert_true(sl_pg_filter_table(&f, "other", "xx") && !sl_pg_filter_table(&f, "other", "xxx"));
        assert_false(sl_pg_filter_table(&f, "public", "ab") || sl_pg_filter_table(&f, "pg_catalog", "a"));
        assert_false(sl_pg_filter_column(&f, "public", "a", "secret"));
        assert_true(sl_pg_filter_column(&f, "public", "a", "secrets"));
        sl_pg_filter_free(&f);
        assert_int_not_equal(sl_pg_regexes_check("a,(b", &err), SL_OK);
        assert_non_null(strstr(err.msg, "(b"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(scalars),    cmocka_unit_test(decimals),     cmocka_unit_test(dates),
                cmocka_unit_test(time_modes), cmocka_unit_test(placeholders), cmocka_unit_test(unknown_types),
                cmocka_unit_test(intervals),  cmocka_unit_test(binaries),     cmocka_unit_test(arrays),
                cmocka_unit_test(user_types), cmocka_unit_test(defaults),     cmocka_unit_test(names)};
        return cmocka_run_group_tests(tests, setup, teardown);
}
