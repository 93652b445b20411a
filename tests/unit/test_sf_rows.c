/* SPDX-License-Identifier: Apache-2.0 */
/* Rows for Snowflake: every type and switch, what a table lacks, change events; that what is written reads back equal
 * (a random test, which prints its seed), and that a row allocates nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/json.h"
#include "connectors/snowflake/rows.h"
#include "tests/unit/allocations.h"

#define S(type) sl_schema_of((type), false)
#define O(type) sl_schema_of((type), true)
#define STRUCT(...)                                                                                                    \
        sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT,                                                        \
                                             .fields = (struct sl_field[]){__VA_ARGS__},                               \
                                             .field_count = sizeof((struct sl_field[]){__VA_ARGS__}) /                 \
                                                            sizeof(struct sl_field)})
#define F(text, s)                                                                                                     \
        {                                                                                                              \
                .name = (text), .schema = (s)                                                                          \
        }
#define ITEMS(type, ...)                                                                                               \
        sl_v_items((type), (struct sl_value[]){__VA_ARGS__},                                                           \
                   (uint32_t)(sizeof((struct sl_value[]){__VA_ARGS__}) / sizeof(struct sl_value) /                     \
                              ((type) == SL_MAP ? 2 : 1)))
#define STR(s) sl_v_str(SL_STR(s))
#define INT(v) sl_v_i64(SL_INT64, (v))

static const struct sl_sf_encoder_opts plain = {.schematize = true, .hex = true};
static const struct sl_sf_encoder_opts full = {.schematize = true,
                                               .hex = true,
                                               .metadata = true,
                                               .meta_topic = true,
                                               .meta_offset = true,
                                               .meta_time = true,
                                               .meta_push_time = true};

static const struct sl_schema *logical(enum sl_type type, const char *name, const char *scale)
{
        struct sl_param p[] = {{"scale", scale}};
        return sl_schema_intern(&(struct sl_schema){
                .type = type, .name = name, .params = p, .param_count = scale != NULL, .optional = true});
}

static struct sl_record record(const struct sl_schema *schema, struct sl_value v)
{
        return (struct sl_record){.topic = SL_STR("orders"),
                                  .partition = 3,
                                  .offset = 42,
                                  .timestamp_ms = 1700000000000,
                                  .value_schema = schema,
                                  .value = v};
}

static enum sl_sf_row last_row;

static void text_of(struct sl_sf_encoder *e, const struct sl_record *rec, struct sl_buf *out)
{
        struct sl_err err = {0};
        sl_buf_clear(out);
        last_row = SL_SF_ROW_DONE;
        if (sl_sf_encoder_add(e, rec, 1700000000123, out, &last_row, &err) != SL_OK) {
                assert_int_equal(out->len, 0);
                assert_int_equal(err.scope, SL_SCOPE_RECORD);
                sl_buf_printf(out, "ERR %s", err.msg);
                return;
        }
        if (last_row == SL_SF_ROW_DONE) {
                assert_int_equal(out->ptr[out->len - 1], '\n');
                out->len--;
                json_t *j = NULL;
                assert_int_equal(sl_json_parse((struct sl_str){out->ptr, out->len}, &j, &err), SL_OK);
                json_decref(j);
        } else {
                assert_int_equal(out->len, 0);
                sl_buf_adds(out, last_row == SL_SF_ROW_SKIPPED ? "SKIPPED" : "EVOLVE");
        }
}

/* Twice: the second time from what was kept. */
static void expect_record(const struct sl_sf_encoder_opts *opts, const struct sl_sf_desc *desc,
                          const struct sl_record *rec, const char *want)
{
        struct sl_sf_encoder *e = sl_sf_encoder_new(opts);
        struct sl_buf out = {0};
        sl_sf_encoder_table(e, desc);
        for (int i = 0; i < 2; i++) {
                text_of(e, rec, &out);
                assert_string_equal(sl_buf_cstr(&out), want);
        }
        sl_buf_free(&out);
        sl_sf_encoder_free(e);
}

static void expect(const struct sl_sf_encoder_opts *opts, const struct sl_schema *schema, struct sl_value v,
                   const char *want)
{
        struct sl_record rec = record(schema, v);
        expect_record(opts, NULL, &rec, want);
}

/* ---- types ---- */

static void scalars(void **state)
{
        (void)state;
        const struct sl_schema *s =
                STRUCT(F("i8", S(SL_INT8)), F("i64", S(SL_INT64)), F("b", S(SL_BOOLEAN)), F("f", S(SL_FLOAT32)),
                       F("d", S(SL_FLOAT64)), F("s", S(SL_STRING)), F("y", S(SL_BYTES)));
        expect(&plain, s,
               ITEMS(SL_STRUCT, sl_v_i64(SL_INT8, -128), INT(INT64_MIN), sl_v_bool(true), sl_v_f64(SL_FLOAT32, 0.1f),
                     sl_v_f64(SL_FLOAT64, 1e300), STR("h\xc3\xa9\"\\\n\x01"), sl_v_bytes("\x00\xff", 2)),
               "{\"i8\":-128,\"i64\":-9223372036854775808,\"b\":true,\"f\":0.1,\"d\":1.0E300,\"s\":"
               "\"h\xc3\xa9\\\"\\\\\\n\\u0001\",\"y\":\"00FF\"}");
        struct sl_sf_encoder_opts base64 = {.schematize = true};
        expect(&base64, STRUCT(F("y", S(SL_BYTES))), ITEMS(SL_STRUCT, sl_v_bytes("\x00\xff", 2)), "{\"y\":\"AP8=\"}");
}

static void special_floats(void **state)
{
        (void)state;
        const struct sl_schema *s = STRUCT(F("a", S(SL_FLOAT64)), F("b", S(SL_FLOAT32)), F("c", S(SL_FLOAT64)));
        expect(&plain, s,
               ITEMS(SL_STRUCT, sl_v_f64(SL_FLOAT64, NAN), sl_v_f64(SL_FLOAT32, INFINITY),
                     sl_v_f64(SL_FLOAT64, -INFINITY)),
               "{\"a\":\"NaN\",\"b\":\"Inf\",\"c\":\"-Inf\"}");
}

static void decimals(void **state)
{
        (void)state;
        const struct sl_schema *s = STRUCT(F("d", logical(SL_BYTES, SL_NAME_DECIMAL, "2")));
        static const uint8_t d38[] = {0x4b, 0x3b, 0x4c, 0xa8, 0x5a, 0x86, 0xc4, 0x7a,
                                      0x09, 0x8a, 0x22, 0x3f, 0xff, 0xff, 0xff, 0xff};
        static const uint8_t d39[] = {0x4b, 0x3b, 0x4c, 0xa8, 0x5a, 0x86, 0xc4, 0x7a,
                                      0x09, 0x8a, 0x22, 0x40, 0x00, 0x00, 0x00, 0x00};
        static const uint8_t minus38[] = {0xb4, 0xc4, 0xb3, 0x57, 0xa5, 0x79, 0x3b, 0x85,
                                          0xf6, 0x75, 0xdd, 0xc0, 0,    0,    0,    1};
        expect(&plain, s, ITEMS(SL_STRUCT, sl_v_bytes("\x04\xd2", 2)), "{\"d\":12.34}");
        expect(&plain, s, ITEMS(SL_STRUCT, sl_v_bytes("\x96", 1)), "{\"d\":-1.06}");
        expect(&plain, s, ITEMS(SL_STRUCT, sl_v_bytes(d38, 16)), "{\"d\":999999999999999999999999999999999999.99}");
        expect(&plain, s, ITEMS(SL_STRUCT, sl_v_bytes(minus38, 16)),
               "{\"d\":-999999999999999999999999999999999999.99}");
        expect(&plain, s, ITEMS(SL_STRUCT, sl_v_bytes(d39, 16)),
               "{\"d\":\"1000000000000000000000000000000000000.00\"}");
        expect(&plain, STRUCT(F("d", logical(SL_BYTES, SL_NAME_DECIMAL, "-3"))),
               ITEMS(SL_STRUCT, sl_v_bytes("\x01", 1)), "{\"d\":1E+3}");
}

static void moments(void **state)
{
        (void)state;
        const struct sl_schema *s =
                STRUCT(F("d", logical(SL_INT32, SL_NAME_DATE, NULL)), F("t", logical(SL_INT32, SL_NAME_TIME, NULL)),
                       F("ts", logical(SL_INT64, SL_NAME_TIMESTAMP, NULL)));
        expect(&plain, s, ITEMS(SL_STRUCT, sl_v_i64(SL_INT32, 19782), sl_v_i64(SL_INT32, 86399999), INT(1709251199999)),
               "{\"d\":\"2024-02-29T00:00:00.000Z\",\"t\":\"23:59:59.999\",\"ts\":\"2024-02-29T23:59:59.999Z\"}");
        expect(&plain, s, ITEMS(SL_STRUCT, sl_v_i64(SL_INT32, -719528), sl_v_i64(SL_INT32, 0), INT(-1)),
               "{\"d\":\"0000-01-01T00:00:00.000Z\",\"t\":\"00:00:00.000\",\"ts\":\"1969-12-31T23:59:59.999Z\"}");
        expect(&plain, s, ITEMS(SL_STRUCT, sl_v_i64(SL_INT32, 2932897), SL_V_NULL, INT(-62135596800001)),
               "{\"d\":\"+10000-01-01T00:00:00.000Z\",\"t\":null,\"ts\":\"0000-12-31T23:59:59.999Z\"}");
}

static void containers(void **state)
{
        (void)state;
        const struct sl_schema *in = STRUCT(F("x", S(SL_INT32)), F("y", O(SL_BYTES)));
        const struct sl_schema *list = sl_schema_intern(&(struct sl_schema){.type = SL_ARRAY, .value = in});
        const struct sl_schema *names =
                sl_schema_intern(&(struct sl_schema){.type = SL_MAP, .key = S(SL_STRING), .value = O(SL_INT64)});
        const struct sl_schema *pairs =
                sl_schema_intern(&(struct sl_schema){.type = SL_MAP, .key = S(SL_INT32), .value = S(SL_STRING)});
        const struct sl_schema *t = STRUCT(F("l", list), F("n", names), F("p", pairs));
        expect(&plain, t,
               ITEMS(SL_STRUCT,
                     ITEMS(SL_ARRAY, ITEMS(SL_STRUCT, sl_v_i64(SL_INT32, 1), sl_v_bytes("a", 1)),
                           ITEMS(SL_STRUCT, sl_v_i64(SL_INT32, 2), SL_V_NULL)),
                     ITEMS(SL_MAP, STR("a"), INT(1), STR("b"), SL_V_NULL),
                     ITEMS(SL_MAP, sl_v_i64(SL_INT32, 7), STR("x"))),
               "{\"l\":[{\"x\":1,\"y\":\"YQ==\"},{\"x\":2,\"y\":null}],\"n\":{\"a\":1,\"b\":null},\"p\":[[7,\"x\"]]}");
}

static void text_that_is_no_utf8(void **state)
{
        (void)state;
        const struct sl_schema *s = STRUCT(F("s", S(SL_STRING)));
        expect(&plain, s, ITEMS(SL_STRUCT, STR("a\xffz")), "{\"s\":\"a\xef\xbf\xbdz\"}");
        expect(&plain, s, ITEMS(SL_STRUCT, STR("\xed\xa0\x80|\xe2\x82")), "{\"s\":\"\xef\xbf\xbd|\xef\xbf\xbd\"}");
        expect(&plain, s, ITEMS(SL_STRUCT, STR("\xf0\x9f\x98\x80 0123456789abcdef\t0123456789abcdef\x1f")),
               "{\"s\":\"\xf0\x9f\x98\x80 0123456789abcdef\\t0123456789abcdef\\u001F\"}");
}

static void nulls_and_defaults(void **state)
{
        (void)state;
        const struct sl_schema *def = sl_schema_intern(
                &(struct sl_schema){.type = SL_INT32, .has_default = true, .def = sl_v_i64(SL_INT32, 7)});
        const struct sl_schema *opt = sl_schema_intern(&(struct sl_schema){
                .type = SL_INT32, .optional = true, .has_default = true, .def = sl_v_i64(SL_INT32, 8)});
        expect(&plain, STRUCT(F("a", def), F("b", opt), F("c", O(SL_STRING))),
               ITEMS(SL_STRUCT, SL_V_NULL, SL_V_NULL, SL_V_NULL), "{\"a\":7,\"b\":8,\"c\":null}");
        expect(&plain, STRUCT(F("a", S(SL_INT32))), ITEMS(SL_STRUCT, SL_V_NULL),
               "ERR Conversion error: null value for field that is required and has no default value (5015)");
        expect(&plain, STRUCT(F("a", S(SL_INT32))), ITEMS(SL_STRUCT, STR("x")),
               "ERR Type mismatch: expected INT32 but got java.lang.String (5015)");
}

static void without_schema(void **state)
{
        (void)state;
        expect(&plain, NULL,
               ITEMS(SL_MAP, STR("a"), INT(1), STR("n"), SL_V_NULL, STR("m"), ITEMS(SL_MAP, INT(1), STR("x")), STR("l"),
                     ITEMS(SL_ARRAY, ITEMS(SL_MAP, INT(1), STR("x"))), STR("a\"b"), sl_v_bytes("\x01", 1)),
               "{\"a\":1,\"n\":null,\"m\":{\"1\":\"x\"},\"l\":[[[1,\"x\"]]],\"a\\\"b\":\"01\"}");
        expect(&plain, NULL, ITEMS(SL_MAP, INT(5), STR("x"), sl_v_bool(true), INT(1)), "{\"5\":\"x\",\"true\":1}");
        expect(&plain, NULL, ITEMS(SL_MAP, STR("a"), INT(1), STR("b"), INT(2), STR("a"), INT(3)), "{\"b\":2,\"a\":3}");
        expect(&plain, NULL, ITEMS(SL_MAP, STR("o"), ITEMS(SL_MAP, STR("a"), INT(1), STR("a"), INT(2))),
               "{\"o\":{\"a\":2}}");
        expect(&plain, NULL, STR("x"),
               "ERR Cannot schematize record. Record value must be a Map or Struct. Consider using kafka HoistField "
               "transformer to wrap "
               "the value of the record. (5015)");
        expect(&plain, NULL, sl_v_items(SL_MAP, NULL, 0), "SKIPPED");
}

static void content(void **state)
{
        (void)state;
        struct sl_sf_encoder_opts opts = {.hex = true};
        expect(&opts, NULL, STR("x"), "{\"RECORD_CONTENT\":\"x\"}");
        expect(&opts, NULL, INT(5), "{\"RECORD_CONTENT\":5}");
        expect(&opts, NULL, sl_v_bytes("\xff", 1), "{\"RECORD_CONTENT\":\"/w==\"}");
        expect(&opts, NULL, ITEMS(SL_MAP, STR("m"), ITEMS(SL_MAP, INT(1), INT(2))),
               "{\"RECORD_CONTENT\":{\"m\":{\"1\":2}}}");
        expect(&opts, STRUCT(F("a", S(SL_INT64))), ITEMS(SL_STRUCT, INT(1)), "{\"RECORD_CONTENT\":{\"a\":1}}");
}

/* ---- metadata ---- */

static void metadata(void **state)
{
        (void)state;
        const struct sl_schema *s = STRUCT(F("a", S(SL_INT64)));
        struct sl_record rec = record(s, ITEMS(SL_STRUCT, INT(1)));
        expect_record(&full, NULL, &rec,
                      "{\"a\":1,\"RECORD_METADATA\":{\"topic\":\"orders\",\"partition\":3,\"offset\":42,\"CreateTime\":"
                      "1700000000000,"
                      "\"SnowflakeConnectorPushTime\":1700000000123}}");
        rec.log_append_time = true;
        struct sl_sf_encoder_opts opts = full;
        opts.meta_topic = opts.meta_offset = opts.meta_push_time = false;
        expect_record(&opts, NULL, &rec, "{\"a\":1,\"RECORD_METADATA\":{\"LogAppendTime\":1700000000000}}");
        opts.meta_time = false;
        expect_record(&opts, NULL, &rec, "{\"a\":1}");
        opts.meta_offset = true;
        expect_record(&opts, NULL, &rec, "{\"a\":1,\"RECORD_METADATA\":{\"partition\":3,\"offset\":42}}");
        opts.metadata = false;
        expect_record(&opts, NULL, &rec, "{\"a\":1}");
        rec.timestamp_ms = -1;
        opts = full;
        opts.meta_push_time = opts.meta_topic = opts.meta_offset = false;
        expect_record(&opts, NULL, &rec, "{\"a\":1}");
}

static void keys_and_headers(void **state)
{
        (void)state;
        struct sl_header h[] = {
                {.key = SL_STR("a"), .value = STR("first")},
                {.key = SL_STR("n"), .value = INT(5)},
                {.key = SL_STR("a"), .value = ITEMS(SL_MAP, STR("k"), ITEMS(SL_ARRAY, INT(1), STR("x")))},
                {.key = SL_STR("z"), .value = SL_V_NULL},
                {.key = SL_STR("y"), .value = sl_v_bytes("\xff", 1)}};
        struct sl_record rec = record(NULL, ITEMS(SL_MAP, STR("v"), INT(1)));
        rec.headers = (const struct sl_header *[]){&h[0], &h[1], &h[2], &h[3], &h[4]};
        rec.header_count = 5;
        rec.key_schema = STRUCT(F("id", S(SL_INT64)));
        rec.key = ITEMS(SL_STRUCT, INT(9));
        struct sl_sf_encoder_opts opts = {.schematize = true, .metadata = true};
        expect_record(&opts, NULL, &rec,
                      "{\"v\":1,\"RECORD_METADATA\":{\"key\":{\"id\":9},\"headers\":{\"n\":\"5\",\"a\":\"{k=[1, "
                      "x]}\",\"z\":null,\"y\":\"/w==\"}}}");
        opts.structured_headers = true;
        expect_record(&opts, NULL, &rec,
                      "{\"v\":1,\"RECORD_METADATA\":{\"key\":{\"id\":9},\"headers\":{\"n\":5,\"a\":{\"k\":[1,\"x\"]},"
                      "\"z\":null,\"y\":\"/w==\"}}}");
        rec.key = ITEMS(SL_STRUCT, SL_V_NULL);
        expect_record(&opts, NULL, &rec,
                      "ERR Conversion error: null value for field that is required and has no default value (5015)");
}

static void metadata_object(void **state)
{
        (void)state;
        struct sl_sf_desc *d = sl_sf_desc_new();
        sl_sf_desc_add(d, SL_STR("RECORD_METADATA"), SL_STR("OBJECT(offset NUMBER(38,0))"), true, false);
        sl_sf_desc_add(d, SL_STR("a"), SL_STR("NUMBER(38,0)"), true, false);
        d->metadata_object = true;
        struct sl_record rec = record(NULL, ITEMS(SL_MAP, STR("a"), INT(1)));
        rec.key = INT(5);
        expect_record(
                &full, d, &rec,
                "{\"a\":1,\"RECORD_METADATA\":{\"topic\":\"orders\",\"partition\":3,\"offset\":42,\"CreateTime\":"
                "1700000000000,"
                "\"LogAppendTime\":null,\"SnowflakeConnectorPushTime\":1700000000123,\"key\":\"5\",\"headers\":null}}");
        sl_sf_desc_free(d);
}

static void tombstones(void **state)
{
        (void)state;
        struct sl_record rec = record(NULL, SL_V_NULL);
        struct sl_sf_encoder_opts opts = {.schematize = true, .metadata = true, .meta_topic = true};
        expect_record(&opts, NULL, &rec, "{\"RECORD_METADATA\":{\"topic\":\"orders\"}}");
        opts.meta_topic = false;
        expect_record(&opts, NULL, &rec, "SKIPPED");
        opts.ignore_nulls = opts.meta_topic = true;
        expect_record(&opts, NULL, &rec, "SKIPPED");
}

/* ---- names ---- */

static void normalized_names(void **state)
{
        (void)state;
        struct sl_sf_encoder_opts opts = {.schematize = true, .normalize = true, .metadata = true, .meta_topic = true};
        struct sl_record rec = record(NULL, ITEMS(SL_MAP, STR("order id"), INT(1), STR("\"Keep \"\"it\"\"\""), INT(2),
                                                  STR("record_metadata"), INT(3)));
        expect_record(&opts, NULL, &rec,
                      "{\"ORDER ID\":1,\"Keep \\\"it\\\"\":2,\"RECORD_METADATA\":{\"topic\":\"orders\"}}");
        const char *clash =
                "ERR Two fields of the record become the column \"ID\": rename one (ReplaceField), or turn off "
                "snowflake.compatibility.enable.column.identifier.normalization (5015)";
        rec = record(NULL, ITEMS(SL_MAP, STR("id"), INT(1), STR("ID"), INT(2)));
        expect_record(&opts, NULL, &rec, clash);
        rec = record(STRUCT(F("id", S(SL_INT64)), F("Id", S(SL_INT64))), ITEMS(SL_STRUCT, INT(1), INT(2)));
        rec.value_schema = STRUCT(F("id", S(SL_INT64)), F("ID", S(SL_INT64)));
        expect_record(&opts, NULL, &rec, clash);
}

/* ---- what the table lacks ---- */

static void expect_wanted(struct sl_sf_encoder *e, const char *want)
{
        const struct sl_sf_wanted *w = sl_sf_encoder_wanted(e);
        struct sl_buf got = {0};
        for (uint32_t i = 0; i < w->add_count; i++)
                sl_buf_printf(&got, "+%.*s %s%s%s;", SL_FMT(w->add[i].name), w->add[i].type,
                              w->add[i].comment ? " -- " : "", w->add[i].comment ? w->add[i].comment : "");
        for (uint32_t i = 0; i < w->relax_count; i++)
                sl_buf_printf(&got, "-%.*s;", SL_FMT(w->relax[i]));
        assert_string_equal(sl_buf_cstr(&got), want);
        sl_buf_free(&got);
}

static void evolution(void **state)
{
        (void)state;
        struct sl_sf_encoder *e = sl_sf_encoder_new(
                &(struct sl_sf_encoder_opts){.schematize = true, .metadata = true, .meta_topic = true});
        struct sl_sf_desc *d = sl_sf_desc_new();
        struct sl_buf out = {0};
        sl_sf_desc_add(d, SL_STR("id"), SL_STR("NUMBER(38,0)"), false, false);
        sl_sf_desc_add(d, SL_STR("must"), SL_STR("VARCHAR(10)"), false, false);
        sl_sf_desc_add(d, SL_STR("counted"), SL_STR("NUMBER(38,0)"), false, true);
        d->may_evolve = true;
        sl_sf_encoder_table(e, d);
        const struct sl_schema *doc = sl_schema_intern(
                &(struct sl_schema){.type = SL_INT64, .name = SL_NAME_TIMESTAMP, .optional = true, .doc = "it's new"});
        struct sl_record rec =
                record(STRUCT(F("id", O(SL_INT64)), F("when", doc)), ITEMS(SL_STRUCT, SL_V_NULL, SL_V_NULL));
        text_of(e, &rec, &out);
        assert_string_equal(sl_buf_cstr(&out), "EVOLVE");
        expect_wanted(e, "+when TIMESTAMP(6) -- it's new;+RECORD_METADATA VARIANT;-id;-must;");
        rec = record(NULL, ITEMS(SL_MAP, STR("id"), INT(1), STR("must"), STR("x"), STR("unknown"), SL_V_NULL, STR("f"),
                                 sl_v_f64(SL_FLOAT64, 1), STR("o"), ITEMS(SL_MAP, STR("a"), INT(1))));
        text_of(e, &rec, &out);
        assert_string_equal(sl_buf_cstr(&out), "EVOLVE");
        expect_wanted(e, "+f DOUBLE;+o VARIANT;+RECORD_METADATA VARIANT;");
        sl_sf_desc_add(d, SL_STR("f"), SL_STR("FLOAT"), true, false);
        sl_sf_desc_add(d, SL_STR("o"), SL_STR("VARIANT"), true, false);
        sl_sf_desc_add(d, SL_STR("RECORD_METADATA"), SL_STR("VARIANT"), true, false);
        sl_sf_encoder_table(e, d);
        text_of(e, &rec, &out);
        assert_string_equal(
                sl_buf_cstr(&out),
                "{\"id\":1,\"must\":\"x\",\"f\":1.0,\"o\":{\"a\":1},\"RECORD_METADATA\":{\"topic\":\"orders\"}}");
        d->may_evolve = false;
        rec = record(NULL, ITEMS(SL_MAP, STR("id"), INT(1), STR("x\"y"), INT(1)));
        text_of(e, &rec, &out);
        assert_string_equal(sl_buf_cstr(&out), "ERR The table does not fit the record (no column \"x\"y\"; NOT NULL "
                                               "without a value: \"must\") and may not be changed: set "
                                               "ENABLE_SCHEMA_EVOLUTION = TRUE on it and grant EVOLVE SCHEMA to the "
                                               "role, or change the table or the record (5015)");
        rec = record(NULL, SL_V_NULL);
        text_of(e, &rec, &out);
        assert_true(strstr(sl_buf_cstr(&out), "NOT NULL without a value: \"id\", \"must\"") != NULL);
        sl_buf_free(&out);
        sl_sf_encoder_free(e);
        sl_sf_desc_free(d);
}

/* Columns of the table decide how decimals and bytes are written. */
static void by_column(void **state)
{
        (void)state;
        struct sl_sf_desc *d = sl_sf_desc_new();
        sl_sf_desc_add(d, SL_STR("d"), SL_STR("VARCHAR(16777216)"), true, false);
        sl_sf_desc_add(d, SL_STR("n"), SL_STR("NUMBER(38,4)"), true, false);
        sl_sf_desc_add(d, SL_STR("b"), SL_STR("BINARY(8388608)"), true, false);
        sl_sf_desc_add(d, SL_STR("v"), SL_STR("VARIANT"), true, false);
        const struct sl_schema *dec = logical(SL_BYTES, SL_NAME_DECIMAL, "2");
        struct sl_record rec = record(STRUCT(F("d", dec), F("n", dec), F("b", S(SL_BYTES)), F("v", S(SL_BYTES))),
                                      ITEMS(SL_STRUCT, sl_v_bytes("\x64", 1), sl_v_bytes("\x64", 1),
                                            sl_v_bytes("\x01", 1), sl_v_bytes("\x01", 1)));
        expect_record(&plain, d, &rec, "{\"d\":\"1.00\",\"n\":1.00,\"b\":\"01\",\"v\":\"AQ==\"}");
        struct sl_sf_encoder_opts checked = plain;
        checked.validate = true;
        expect_record(&checked, d, &rec, "{\"d\":\"1.00\",\"n\":1.00,\"b\":\"01\",\"v\":\"AQ==\"}");
        sl_sf_desc_free(d);
}

static void checked(void **state)
{
        (void)state;
        struct sl_sf_encoder_opts opts = {.schematize = true, .validate = true, .hex = true};
        struct sl_sf_desc *d = sl_sf_desc_new();
        sl_sf_desc_add(d, SL_STR("n"), SL_STR("NUMBER(3,0)"), true, false);
        sl_sf_desc_add(d, SL_STR("s"), SL_STR("VARCHAR(3)"), true, false);
        sl_sf_desc_add(d, SL_STR("v"), SL_STR("VARIANT"), true, false);
        sl_sf_desc_add(d, SL_STR("ts"), SL_STR("TIMESTAMP_NTZ(9)"), true, false);
        const struct sl_schema *s = STRUCT(F("n", O(SL_INT64)), F("s", O(SL_STRING)), F("v", O(SL_STRING)),
                                           F("ts", logical(SL_INT64, SL_NAME_TIMESTAMP, NULL)));
        struct sl_record rec = record(
                s, ITEMS(SL_STRUCT, INT(-999), STR("\xc3\xa4\xc3\xb6\xc3\xbc"), STR(" {\"a\" : [1.50, 2] } "), INT(0)));
        expect_record(&opts, d, &rec,
                      "{\"n\":-999,\"s\":\"\xc3\xa4\xc3\xb6\xc3\xbc\",\"v\":{\"a\":[1.50,2]},\"ts\":\"1970-01-01T00:00:"
                      "00.000Z\"}");
        rec.value = ITEMS(SL_STRUCT, INT(1000), SL_V_NULL, SL_V_NULL, SL_V_NULL);
        expect_record(&opts, d, &rec,
                      "ERR Number out of representable exclusive range of (-1e3..1e3), column: n of type NUMBER(3,0)");
        rec.value = ITEMS(SL_STRUCT, SL_V_NULL, STR("abcd"), SL_V_NULL, SL_V_NULL);
        expect_record(&opts, d, &rec,
                      "ERR Value cannot be ingested into Snowflake column s of type STRING, reason: String too long: "
                      "length=4 characters maxLength=3 characters");
        rec.value = ITEMS(SL_STRUCT, SL_V_NULL, STR("\xff"), SL_V_NULL, SL_V_NULL);
        expect_record(
                &opts, d, &rec,
                "ERR Value cannot be ingested into Snowflake column s of type STRING, reason: Invalid Unicode string");
        rec.value = ITEMS(SL_STRUCT, SL_V_NULL, SL_V_NULL, STR("{\"a\":1,\"a\":2}"), SL_V_NULL);
        expect_record(&opts, d, &rec,
                      "ERR Value cannot be ingested into Snowflake column v of type VARIANT, reason: Not a valid JSON");
        rec.value = ITEMS(SL_STRUCT, SL_V_NULL, SL_V_NULL, SL_V_NULL, INT(253402300800000));
        expect_record(&opts, d, &rec,
                      "ERR Timestamp out of representable inclusive range of years between 1 and 9999, column: ts");
        sl_sf_desc_free(d);
}

/* ---- change events ---- */

static const struct sl_schema *row_schema(void)
{
        const struct sl_schema *ts = sl_schema_intern(
                &(struct sl_schema){.type = SL_INT64, .name = "io.debezium.time.MicroTimestamp", .optional = true});
        const struct sl_schema *js = sl_schema_intern(
                &(struct sl_schema){.type = SL_STRING, .name = "io.debezium.data.Json", .optional = true});
        const struct sl_schema *day = sl_schema_intern(
                &(struct sl_schema){.type = SL_INT32, .name = "io.debezium.time.Date", .optional = true});
        struct sl_param p[] = {{"scale", "2"}, {"connect.decimal.precision", "12"}};
        const struct sl_schema *dec = sl_schema_intern(&(struct sl_schema){
                .type = SL_BYTES, .name = SL_NAME_DECIMAL, .params = p, .param_count = 2, .optional = true});
        struct sl_field f[] = {F("id", S(SL_INT64)), F("name", S(SL_STRING)), F("at", ts),
                               F("js", js),          F("day", day),           F("sum", dec)};
        return sl_schema_intern(
                &(struct sl_schema){.type = SL_STRUCT, .optional = true, .fields = f, .field_count = 6});
}

static const struct sl_schema *event_schema(void)
{
        const struct sl_schema *source =
                STRUCT(F("ts_ms", S(SL_INT64)), F("lsn", O(SL_INT64)), F("ts_us", O(SL_INT64)));
        return STRUCT(F("before", row_schema()), F("after", row_schema()), F("source", source), F("op", S(SL_STRING)));
}

static void change_events(void **state)
{
        (void)state;
        struct sl_sf_encoder_opts opts = {.schematize = true, .cdc = true};
        struct sl_value row = ITEMS(SL_STRUCT, INT(1), STR("a"), INT(-1), STR("{\"k\": 1}"), sl_v_i64(SL_INT32, 0),
                                    sl_v_bytes("\x64", 1));
        struct sl_value source = ITEMS(SL_STRUCT, INT(1700000000000), INT(77), INT(1700000000123456));
        struct sl_record rec = record(event_schema(), ITEMS(SL_STRUCT, SL_V_NULL, row, source, STR("c")));
        expect_record(&opts, NULL, &rec,
                      "{\"id\":1,\"name\":\"a\",\"at\":\"1969-12-31T23:59:59.999999\",\"js\":{\"k\":1},\"day\":\"1970-"
                      "01-01\",\"sum\":1.00,"
                      "\"__OP\":\"c\",\"__LSN\":77,\"__COMMIT_TS\":\"2023-11-14T22:13:20.123456\"}");
        /* a delete under the default replica identity has the key only, though the other fields are required */
        source = ITEMS(SL_STRUCT, INT(1700000000000), SL_V_NULL, SL_V_NULL);
        row = ITEMS(SL_STRUCT, INT(1), SL_V_NULL, SL_V_NULL, SL_V_NULL, SL_V_NULL, SL_V_NULL);
        rec.value = ITEMS(SL_STRUCT, row, SL_V_NULL, source, STR("d"));
        expect_record(&opts, NULL, &rec,
                      "{\"id\":1,\"name\":null,\"at\":null,\"js\":null,\"day\":null,\"sum\":null,\"__OP\":\"d\",\"__"
                      "LSN\":null,"
                      "\"__COMMIT_TS\":\"2023-11-14T22:13:20.000000\"}");
        rec.value = ITEMS(SL_STRUCT, SL_V_NULL, SL_V_NULL, source, STR("t"));
        expect_record(&opts, NULL, &rec,
                      "{\"__OP\":\"t\",\"__LSN\":null,\"__COMMIT_TS\":\"2023-11-14T22:13:20.000000\"}");
        rec.value = ITEMS(SL_STRUCT, SL_V_NULL, SL_V_NULL, source, STR("m"));
        expect_record(&opts, NULL, &rec, "SKIPPED");
        rec.value = SL_V_NULL;
        expect_record(&opts, NULL, &rec, "SKIPPED");
        rec = record(NULL, ITEMS(SL_MAP, STR("op"), STR("u"), STR("after"), ITEMS(SL_MAP, STR("id"), INT(2)),
                                 STR("source"), ITEMS(SL_MAP, STR("lsn"), INT(5), STR("ts_ms"), INT(1))));
        expect_record(&opts, NULL, &rec,
                      "{\"id\":2,\"__OP\":\"u\",\"__LSN\":5,\"__COMMIT_TS\":\"1970-01-01T00:00:00.001000\"}");
        rec = record(NULL, ITEMS(SL_MAP, STR("id"), INT(2)));
        expect_record(
                &opts, NULL, &rec,
                "ERR sluice.snowflake.cdc is true, but the record is no change event of Debezium's: it has no op. Take "
                "ExtractNewRecordState or other transforms that unwrap it out of the connector (5015)");
}

static void change_log_columns(void **state)
{
        (void)state;
        struct sl_sf_encoder *e =
                sl_sf_encoder_new(&(struct sl_sf_encoder_opts){.schematize = true, .cdc = true, .normalize = true});
        struct sl_sf_desc *d = sl_sf_desc_new();
        struct sl_buf out = {0};
        uint32_t n;
        d->may_evolve = true;
        sl_sf_encoder_table(e, d);
        struct sl_value row = ITEMS(SL_STRUCT, INT(1), STR("a"), INT(-1), STR("{}"), sl_v_i64(SL_INT32, 0), SL_V_NULL);
        struct sl_record rec = record(
                event_schema(), ITEMS(SL_STRUCT, SL_V_NULL, row, ITEMS(SL_STRUCT, INT(1), INT(7), INT(1)), STR("r")));
        rec.key_schema = STRUCT(F("id", S(SL_INT64)), F("Region", S(SL_STRING)));
        rec.key = ITEMS(SL_STRUCT, INT(1), STR("x"));
        text_of(e, &rec, &out);
        assert_string_equal(sl_buf_cstr(&out), "EVOLVE");
        expect_wanted(e, "+ID BIGINT;+NAME VARCHAR;+AT TIMESTAMP_NTZ(9);+JS VARIANT;+DAY DATE;+SUM NUMBER(12,2);+__OP "
                         "VARCHAR;+__LSN NUMBER(38,0);"
                         "+__COMMIT_TS TIMESTAMP_NTZ(6);");
        const struct sl_str *keys = sl_sf_encoder_keys(e, &n);
        assert_int_equal(n, 2);
        assert_string_equal(keys[0].ptr, "ID");
        assert_string_equal(keys[1].ptr, "REGION");
        sl_buf_free(&out);
        sl_sf_encoder_free(e);
        sl_sf_desc_free(d);
}

/* ---- the rest ---- */

static void largest(void **state)
{
        (void)state;
        size_t n;
        struct sl_str name =
                sl_sf_row_largest(SL_STR("{\"a\":1,\"b\\\"c\":{\"x\":[1,2,\"}\"]},\"RECORD_METADATA\":{}}\n"), &n);
        assert_int_equal(name.len, 4);
        assert_memory_equal(name.ptr, "b\\\"c", 4);
        assert_int_equal(n, strlen("{\"x\":[1,2,\"}\"]}"));
}

static void too_long_for_the_buffer(void **state)
{
        (void)state;
        static char big[5000];
        struct sl_sf_encoder *e = sl_sf_encoder_new(&full);
        struct sl_buf line;
        struct sl_err err = {0};
        enum sl_sf_row row;
        memset(big, 'x', sizeof(big));
        sl_buf_init(&line, 4096);
        struct sl_record rec = record(NULL, ITEMS(SL_MAP, STR("a"), sl_v_str((struct sl_str){big, sizeof(big)})));
        assert_int_not_equal(sl_sf_encoder_add(e, &rec, 0, &line, &row, &err), SL_OK);
        assert_int_equal(err.id, SL_E_TOO_LARGE);
        assert_int_equal(line.len, 0);
        rec.value = ITEMS(SL_MAP, STR("a"), INT(1));
        assert_int_equal(sl_sf_encoder_add(e, &rec, 0, &line, &row, &err), SL_OK);
        sl_buf_free(&line);
        sl_sf_encoder_free(e);
}

static void many_keys(void **state)
{
        (void)state;
        struct sl_sf_encoder *e = sl_sf_encoder_new(&plain);
        struct sl_buf out = {0};
        char text[2][32], want[100];
        for (int i = 0; i < 20000; i++) {
                snprintf(text[0], 32, "key-%d", i);
                snprintf(text[1], 32, "other-%d", i % 7);
                struct sl_record rec = record(
                        NULL, ITEMS(SL_MAP, sl_v_str(sl_str_c(text[0])), INT(i), sl_v_str(sl_str_c(text[1])), INT(i)));
                text_of(e, &rec, &out);
                snprintf(want, sizeof(want), "{\"%s\":%d,\"%s\":%d}", text[0], i, text[1], i);
                assert_string_equal(sl_buf_cstr(&out), want);
        }
        sl_buf_free(&out);
        sl_sf_encoder_free(e);
}

/* A row of 12 columns, as the bench has it. */
static const struct sl_schema *wide_schema(void)
{
        return STRUCT(F("id", S(SL_INT64)), F("account_id", S(SL_INT64)), F("kind", S(SL_STRING)),
                      F("amount", logical(SL_BYTES, SL_NAME_DECIMAL, "2")), F("currency", S(SL_STRING)),
                      F("note", O(SL_STRING)), F("booked", logical(SL_INT64, SL_NAME_TIMESTAMP, NULL)),
                      F("balance", S(SL_FLOAT64)), F("ok", S(SL_BOOLEAN)), F("city", S(SL_STRING)), F("n", S(SL_INT32)),
                      F("ref", S(SL_STRING)));
}

static void no_allocations(void **state)
{
        (void)state;
        struct sl_sf_encoder *e = sl_sf_encoder_new(&full);
        struct sl_buf line = {0};
        struct sl_err err = {0};
        enum sl_sf_row row;
        struct sl_record rec =
                record(wide_schema(), ITEMS(SL_STRUCT, INT(1), INT(2), STR("transfer"), sl_v_bytes("\x04\xd2", 2),
                                            STR("EUR"), SL_V_NULL, INT(1700000000000), sl_v_f64(SL_FLOAT64, 1234.5),
                                            sl_v_bool(true), STR("Z\xc3\xbcrich"), sl_v_i64(SL_INT32, 5), STR("x")));
        struct sl_record free_form =
                record(NULL, ITEMS(SL_MAP, STR("a"), INT(1), STR("b"), ITEMS(SL_MAP, STR("c"), STR("d"))));
        uint64_t before = 0;
        for (int i = 0; i < 1000; i++) {
                sl_buf_clear(&line);
                if (i == 10)
                        before = allocations();
                assert_int_equal(sl_sf_encoder_add(e, &rec, 1, &line, &row, &err), SL_OK);
                assert_int_equal(sl_sf_encoder_add(e, &free_form, 1, &line, &row, &err), SL_OK);
        }
        assert_int_equal(allocations() - before, 0);
        sl_buf_free(&line);
        sl_sf_encoder_free(e);
}

/* SF_BENCH=1: rows a second of the encoder. */
static void speed(void **state)
{
        (void)state;
        if (!getenv("SF_BENCH"))
                skip();
        struct sl_sf_encoder *e = sl_sf_encoder_new(&full);
        struct sl_buf line = {0};
        struct sl_err err = {0};
        enum sl_sf_row row;
        size_t bytes = 0;
        const struct sl_schema *schema = wide_schema();
        const int n = 2000000;
        struct timespec a, b;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
        for (int i = 0; i < n; i++) {
                struct sl_record rec =
                        record(schema, ITEMS(SL_STRUCT, INT(i), INT(i % 1000), STR("transfer"),
                                             sl_v_bytes("\x04\xd2", 2), STR("EUR"), SL_V_NULL, INT(1700000000000 + i),
                                             sl_v_f64(SL_FLOAT64, i * 0.25), sl_v_bool(true), STR("Z\xc3\xbcrich"),
                                             sl_v_i64(SL_INT32, 5), STR("0123456789abcdef01234567")));
                rec.offset = i;
                sl_buf_clear(&line);
                assert_int_equal(sl_sf_encoder_add(e, &rec, 1, &line, &row, &err), SL_OK);
                bytes += line.len;
        }
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
        double took = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
        printf("%.0f rows/s, %.0f bytes a row\n", n / took, (double)bytes / n);
        sl_buf_free(&line);
        sl_sf_encoder_free(e);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(scalars),
                cmocka_unit_test(special_floats),
                cmocka_unit_test(decimals),
                cmocka_unit_test(moments),
                cmocka_unit_test(containers),
                cmocka_unit_test(text_that_is_no_utf8),
                cmocka_unit_test(nulls_and_defaults),
                cmocka_unit_test(without_schema),
                cmocka_unit_test(content),
                cmocka_unit_test(metadata),
                cmocka_unit_test(keys_and_headers),
                cmocka_unit_test(metadata_object),
                cmocka_unit_test(tombstones),
                cmocka_unit_test(normalized_names),
                cmocka_unit_test(evolution),
                cmocka_unit_test(by_column),
                cmocka_unit_test(checked),
                cmocka_unit_test(change_events),
                cmocka_unit_test(change_log_columns),
                cmocka_unit_test(largest),
                cmocka_unit_test(too_long_for_the_buffer),
                cmocka_unit_test(many_keys),
                cmocka_unit_test(no_allocations),
                cmocka_unit_test(speed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
