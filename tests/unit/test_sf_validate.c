/* SPDX-License-Identifier: Apache-2.0 */
/* Client-side validation: each column type against what it takes and refuses, and how it is written; column types and
 * their names in DDL; JSON text; moments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "connectors/snowflake/isotime.h"
#include "connectors/snowflake/validate.h"

static struct sl_sf_value text(const char *s)
{
        return (struct sl_sf_value){.kind = SL_SF_GIVEN_STRING, .text = sl_str_c(s)};
}
static struct sl_sf_value whole(int64_t v)
{
        return (struct sl_sf_value){.kind = SL_SF_GIVEN_INT, .i64 = v};
}
static struct sl_sf_value of(enum sl_sf_given kind, const char *s)
{
        return (struct sl_sf_value){.kind = kind, .text = sl_str_c(s)};
}
static struct sl_sf_value boolean(bool b)
{
        return (struct sl_sf_value){.kind = SL_SF_GIVEN_BOOL, .i64 = b};
}

/* want: the JSON, or a part of the error behind "ERR ". */
static void check(const char *type, struct sl_sf_value v, const char *want)
{
        struct sl_sf_desc *d = sl_sf_desc_new();
        struct sl_buf out = {0};
        struct sl_err err = {0};
        sl_sf_desc_add(d, SL_STR("c"), sl_str_c(type), true, false);
        sl_buf_adds(&out, "x");
        enum sl_rc rc = sl_sf_validate(d->columns[0], &v, true, &out, &err);
        if (rc != SL_OK) {
                assert_int_equal(out.len, 1);
                assert_int_equal(err.id, SL_E_SF_RECORD);
                assert_int_equal(err.scope, SL_SCOPE_RECORD);
                if (strncmp(want, "ERR ", 4) != 0 || !strstr(err.msg, want + 4))
                        fail_msg("%s: %s instead of %s", type, err.msg, want);
        } else {
                assert_string_equal(sl_buf_cstr(&out) + 1, want);
        }
        sl_buf_free(&out);
        sl_sf_desc_free(d);
}

static void numbers(void **state)
{
        (void)state;
        check("NUMBER(38,0)", whole(5), "5");
        check("NUMBER(3,1)", of(SL_SF_GIVEN_DECIMAL, "99.94"), "99.94");
        check("NUMBER(3,1)", of(SL_SF_GIVEN_DECIMAL, "99.95"),
              "ERR out of representable exclusive range of (-1e2..1e2)");
        check("NUMBER(3,1)", of(SL_SF_GIVEN_DECIMAL, "-99.949999"), "-99.949999");
        check("NUMBER(3,0)", whole(999), "999");
        check("NUMBER(3,0)", whole(1000), "ERR out of representable");
        check("NUMBER(2,2)", of(SL_SF_GIVEN_FLOAT, "0.994"), "0.994");
        check("NUMBER(2,2)", of(SL_SF_GIVEN_FLOAT, "0.995"), "ERR out of representable");
        check("NUMBER(38,0)", text(" 1e37 "), "\" 1e37 \"");
        check("NUMBER(38,0)", text("1e38"), "ERR out of representable");
        check("NUMBER(38,0)", text("99999999999999999999999999999999999999"),
              "\"99999999999999999999999999999999999999\"");
        check("NUMBER(38,0)", text("99999999999999999999999999999999999999.5"), "ERR out of representable");
        check("NUMBER(38,0)", text("0e99999"), "\"0e99999\"");
        check("NUMBER(38,0)", text("1e-99999"), "\"1e-99999\"");
        check("NUMBER(38,0)", text("NaN"), "ERR Not a valid number");
        check("NUMBER(38,0)", text(""), "ERR Not a valid number");
        check("NUMBER(38,0)", text("."), "ERR Not a valid number");
        check("NUMBER(38,0)", text("1e"), "ERR Not a valid number");
        check("NUMBER(38,0)", boolean(true),
              "ERR Object of type java.lang.Boolean cannot be ingested into Snowflake column c of type NUMBER");
        check("NUMBER(38,0)", of(SL_SF_GIVEN_ARRAY, "[]"), "ERR Object of type java.util.ArrayList");
        check("FLOAT", whole(5), "5");
        check("FLOAT", text("1.5"), "\"1.5\"");
        check("FLOAT", text("NaN"), "\"NaN\"");
        check("FLOAT", text("-inf"), "\"-inf\"");
        check("FLOAT", text("abc"), "ERR Not a valid decimal number");
        check("FLOAT", boolean(false), "ERR java.lang.Boolean");
}

static void booleans(void **state)
{
        (void)state;
        check("BOOLEAN", boolean(true), "true");
        check("BOOLEAN", whole(1), "true");
        check("BOOLEAN", of(SL_SF_GIVEN_FLOAT, "0.0"), "false");
        check("BOOLEAN", of(SL_SF_GIVEN_DECIMAL, "1.00"), "true");
        check("BOOLEAN", whole(2), "ERR Only 0 and 1 are accepted");
        check("BOOLEAN", whole(-1), "ERR Only 0 and 1 are accepted");
        check("BOOLEAN", text(" Yes "), "true");
        check("BOOLEAN", text("OFF"), "false");
        check("BOOLEAN", text("maybe"), "ERR Not a valid boolean");
}

static void texts(void **state)
{
        (void)state;
        check("VARCHAR(3)", text("\xc3\xa4\xc3\xb6\xc3\xbc"), "\"\xc3\xa4\xc3\xb6\xc3\xbc\"");
        check("VARCHAR(3)", text("abcd"), "ERR String too long: length=4 characters maxLength=3 characters");
        check("VARCHAR(5)", boolean(false), "false");
        check("VARCHAR(4)", boolean(false), "ERR String too long");
        check("VARCHAR(11)", of(SL_SF_GIVEN_FLOAT, "1.0E10"), "1.0E10");
        check("VARCHAR(10)", of(SL_SF_GIVEN_FLOAT, "1.0E10"), "ERR length=11");
        check("VARCHAR(4)", of(SL_SF_GIVEN_FLOAT, "0.0010"), "ERR length=5");
        check("VARCHAR(10)", of(SL_SF_GIVEN_DECIMAL, "1.500"), "\"1.500\"");
        check("VARCHAR(100)", of(SL_SF_GIVEN_OBJECT, "{\"a\":\"b\"}"), "\"{\\\"a\\\":\\\"b\\\"}\"");
        check("VARCHAR(100)", text("\xff"), "ERR Invalid Unicode string");
        check("VARCHAR(100)", of(SL_SF_GIVEN_BYTES, "x"), "ERR Object of type [B");
        check("BINARY(2)", of(SL_SF_GIVEN_BYTES, "\x01\xff"), "\"01FF\"");
        check("BINARY(2)", text(" 0aFF "), "\"0AFF\"");
        check("BINARY(2)", text("0aFF00"), "ERR Binary too long: length=3 maxLength=2");
        check("BINARY(2)", text("0aF"), "ERR Not a valid hex string");
        check("BINARY(2)", text("AQ=="), "ERR Not a valid hex string");
        check("BINARY(2)", whole(1), "ERR java.lang.Long");
}

static void moments(void **state)
{
        (void)state;
        check("DATE", text("2024-02-29"), "\"2024-02-29\"");
        check("DATE", text("2023-02-29"), "ERR Not a valid date");
        check("DATE", text("2024-02-29T10:00:00.000Z"), "\"2024-02-29T10:00:00.000Z\"");
        check("DATE", text("1700000000"), "\"1700000000\"");
        check("DATE", text("+10000-01-01"), "ERR Date out of representable");
        check("DATE", text("-9999-01-01"), "\"-9999-01-01\"");
        check("DATE", whole(1), "ERR java.lang.Long");
        check("TIME(9)", text("10:11"), "\"10:11:00\"");
        check("TIME(9)", text("10:11:12.123456789+02:00"), "\"10:11:12.123456789\"");
        check("TIME(9)", text("23:59:59.1Z"), "\"23:59:59.100\"");
        check("TIME(9)", text("86399"), "\"23:59:59\"");
        check("TIME(9)", text("24:00"), "ERR Not a valid time");
        check("TIME(9)", text("10:11:12Z[UTC]"), "ERR Not a valid time");
        check("TIMESTAMP_NTZ(9)", whole(0), "\"1970-01-01T00:00:00\"");
        check("TIMESTAMP_LTZ(9)", whole(1700000000123), "\"2023-11-14T22:13:20.123000000Z\"");
        check("TIMESTAMP_TZ(9)", text("2024-01-01T10:00+01:00[Europe/Berlin]"),
              "\"2024-01-01T10:00+01:00[Europe/Berlin]\"");
        check("TIMESTAMP_NTZ(9)", text("2024-01-01 10:00"), "ERR Not a valid timestamp");
        check("TIMESTAMP_NTZ(9)", text("2024-01-01T10:00:61"), "ERR Not a valid timestamp");
        check("TIMESTAMP_NTZ(9)", text("0000-12-31"), "ERR Timestamp out of representable");
        check("TIMESTAMP_NTZ(9)", of(SL_SF_GIVEN_FLOAT, "1.5"), "ERR java.lang.Double");
        struct sl_sf_moment m;
        assert_true(sl_sf_parse_epoch(SL_STR("-1"), &m));
        assert_int_equal(m.seconds, -1);
        assert_true(sl_sf_parse_epoch(SL_STR("31536000000"), &m));
        assert_int_equal(m.seconds, 31536000);
        assert_true(sl_sf_parse_epoch(SL_STR("1700000000123456789"), &m));
        assert_int_equal(m.seconds, 1700000000);
        assert_int_equal(m.ns, 123456789);
        assert_false(sl_sf_parse_epoch(SL_STR("12x"), &m));
}

static void semi_structured(void **state)
{
        (void)state;
        check("VARIANT", text("hello"), "ERR Not a valid JSON");
        check("VARIANT", text("\"hello\""), "\"hello\"");
        check("VARIANT", text(""), "null");
        check("VARIANT", text(" { \"a\" : [ 1 , 1.50e+2, {\"b\":null} ] }\n"), "{\"a\":[1,1.50e+2,{\"b\":null}]}");
        check("VARIANT", of(SL_SF_GIVEN_OBJECT, "{\"a\":1}"), "{\"a\":1}");
        check("VARIANT", whole(7), "7");
        check("ARRAY", text("[1, 2]"), "[1,2]");
        check("ARRAY", text("5"), "[5]");
        check("ARRAY", text(""), "[null]");
        check("ARRAY", whole(5), "[5]");
        check("ARRAY", of(SL_SF_GIVEN_ARRAY, "[1]"), "[1]");
        check("ARRAY", of(SL_SF_GIVEN_OBJECT, "{}"), "[{}]");
        check("OBJECT", text("{\"a\":1}"), "{\"a\":1}");
        check("OBJECT", text("[1]"), "ERR Not an object");
        check("OBJECT", whole(1), "ERR Not an object");
        check("GEOGRAPHY", text("POINT(1 2)"), "\"POINT(1 2)\"");
}

static void json_is(const char *in, const char *want)
{
        struct sl_buf out = {0};
        char type;
        bool ok = sl_sf_json_compact(sl_str_c(in), &out, &type);
        assert_string_equal(ok ? sl_buf_cstr(&out) : "BAD", want);
        if (!ok)
                assert_int_equal(out.len, 0);
        sl_buf_free(&out);
}

static void json(void **state)
{
        (void)state;
        json_is("{\"a\":1,\"b\":{\"a\":2}}", "{\"a\":1,\"b\":{\"a\":2}}");
        json_is("{\"a\":1, \"a\":2}", "BAD");
        json_is("[1,]", "BAD");
        json_is("{\"a\":1,}", "BAD");
        json_is("01", "BAD");
        json_is("-", "BAD");
        json_is("1.", "BAD");
        json_is("NaN", "BAD");
        json_is("\"a\nb\"", "BAD");
        json_is("\"\\x\"", "BAD");
        json_is("\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\"");
        json_is("\"\\ud83d\"", "BAD");
        json_is("\"\\ude00\"", "BAD");
        json_is("\"\xff\"", "BAD");
        json_is("1 2", "BAD");
        json_is("[tru]", "BAD");
        char deep[1001];
        memset(deep, '[', 500);
        memset(deep + 500, ']', 500);
        deep[1000] = 0;
        json_is(deep, "BAD");
        deep[600] = 0;
        json_is(deep + 400, deep + 400);
        struct sl_buf wide = {0}, out = {0};
        char type;
        for (int i = 0; i < 3000; i++)
                sl_buf_printf(&wide, "%s\"key%d\":%d", i ? "," : "{", i, i);
        sl_buf_adds(&wide, "}");
        assert_true(sl_sf_json_compact((struct sl_str){wide.ptr, wide.len}, &out, &type));
        wide.len--;
        sl_buf_adds(&wide, ",\"key17\":1}");
        assert_false(sl_sf_json_compact((struct sl_str){wide.ptr, wide.len}, &out, &type));
        sl_buf_free(&wide);
        sl_buf_free(&out);
}

static void type_is(const char *type, enum sl_sf_kind kind, int a, int b)
{
        struct sl_sf_type t = sl_sf_type_parse(sl_str_c(type));
        assert_int_equal(t.kind, kind);
        assert_int_equal(kind == SL_SF_FIXED ? t.precision : t.length, a);
        assert_int_equal(t.scale, b);
}

static void types(void **state)
{
        (void)state;
        type_is("NUMBER(38,0)", SL_SF_FIXED, 38, 0);
        type_is("number( 10 , 2 )", SL_SF_FIXED, 10, 2);
        type_is("NUMBER(10)", SL_SF_FIXED, 10, 0);
        type_is("BIGINT", SL_SF_FIXED, 38, 0);
        type_is("VARCHAR(16777216)", SL_SF_TEXT, 16777216, 0);
        type_is("VARCHAR(134217728)", SL_SF_TEXT, 16777216, 0);
        type_is("TEXT", SL_SF_TEXT, 16777216, 0);
        type_is("BINARY(8388608)", SL_SF_BINARY, 8388608, 0);
        type_is("TIMESTAMP_NTZ(6)", SL_SF_TIMESTAMP_NTZ, 0, 6);
        type_is("TIMESTAMP_TZ", SL_SF_TIMESTAMP_TZ, 0, 9);
        type_is("TIME(0)", SL_SF_TIME, 0, 0);
        type_is("DOUBLE PRECISION", SL_SF_REAL, 0, 0);
        type_is("ARRAY(NUMBER(38,0))", SL_SF_OTHER, 0, 0);
        type_is("OBJECT(a NUMBER(38,0), b VARCHAR(10))", SL_SF_OTHER, 0, 0);
        type_is("GEOGRAPHY", SL_SF_OTHER, 0, 0);
        assert_true(sl_sf_type_parse(SL_STR("VARCHAR(10) COLLATE 'en-ci'")).collated);
        assert_int_equal(sl_sf_type_parse(SL_STR("VARCHAR(10) COLLATE 'en-ci'")).length, 10);
        assert_int_equal(sl_sf_type_parse(SL_STR("VARCHAR COLLATE 'en-ci'")).kind, SL_SF_TEXT);
}

static void ddl_is(const struct sl_schema *s, bool cdc, const char *want)
{
        struct sl_buf out = {0};
        sl_sf_type_of_schema(s, cdc, &out);
        assert_string_equal(sl_buf_cstr(&out), want);
        sl_buf_free(&out);
}

static void ddl_types(void **state)
{
        (void)state;
        static const char *const want[SL_TYPE_COUNT] = {
                [SL_INT8] = "BYTEINT",    [SL_INT16] = "SMALLINT", [SL_INT32] = "INT",
                [SL_INT64] = "BIGINT",    [SL_FLOAT32] = "FLOAT",  [SL_FLOAT64] = "DOUBLE",
                [SL_BOOLEAN] = "BOOLEAN", [SL_STRING] = "VARCHAR", [SL_BYTES] = "BINARY"};
        for (int t = SL_BOOLEAN; t <= SL_BYTES; t++)
                ddl_is(sl_schema_of((enum sl_type)t, true), false, want[t]);
        struct sl_param p[] = {{"scale", "2"}, {"connect.decimal.precision", "12"}};
        const struct sl_schema *dec = sl_schema_intern(
                &(struct sl_schema){.type = SL_BYTES, .name = SL_NAME_DECIMAL, .params = p, .param_count = 2});
        ddl_is(dec, false, "VARCHAR");
        ddl_is(dec, true, "NUMBER(12,2)");
        p[1].value = "39";
        ddl_is(sl_schema_intern(
                       &(struct sl_schema){.type = SL_BYTES, .name = SL_NAME_DECIMAL, .params = p, .param_count = 2}),
               true, "VARCHAR");
        ddl_is(sl_schema_intern(&(struct sl_schema){.type = SL_INT32, .name = SL_NAME_DATE}), false, "DATE");
        ddl_is(sl_schema_intern(&(struct sl_schema){.type = SL_INT32, .name = SL_NAME_TIME}), false, "TIME(6)");
        ddl_is(sl_schema_intern(&(struct sl_schema){.type = SL_INT64, .name = SL_NAME_TIMESTAMP}), false,
               "TIMESTAMP(6)");
        const struct sl_schema *zoned =
                sl_schema_intern(&(struct sl_schema){.type = SL_STRING, .name = "io.debezium.time.ZonedTimestamp"});
        ddl_is(zoned, false, "VARCHAR");
        ddl_is(zoned, true, "TIMESTAMP_TZ(9)");
        ddl_is(sl_schema_intern(&(struct sl_schema){.type = SL_ARRAY, .value = sl_schema_of(SL_STRING, true)}), false,
               "ARRAY");
}

static void collations(void **state)
{
        (void)state;
        struct sl_sf_desc *d = sl_sf_desc_new();
        struct sl_err err = {0};
        sl_sf_desc_add(d, SL_STR("a"), SL_STR("VARCHAR(10)"), true, false);
        assert_int_equal(sl_sf_validate_table(d, &err), SL_OK);
        sl_sf_desc_add(d, SL_STR("b"), SL_STR("VARCHAR(10) COLLATE 'de'"), true, false);
        assert_int_equal(sl_sf_validate_table(d, &err), SL_FATAL);
        assert_true(strstr(err.msg, "Column b has a collation") != NULL);
        sl_sf_desc_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(numbers), cmocka_unit_test(booleans),        cmocka_unit_test(texts),
                cmocka_unit_test(moments), cmocka_unit_test(semi_structured), cmocka_unit_test(json),
                cmocka_unit_test(types),   cmocka_unit_test(ddl_types),       cmocka_unit_test(collations),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
