/* SPDX-License-Identifier: Apache-2.0 */
/* Avro: what the comparison with Java (tests/conformance/converters) can't show: options of newer converters, schemas
 * and bytes that must be refused, writing with a schema that the registry chose, and that rows allocate nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocations.h"
#include "convert/avro.h"

static const struct sl_avro_options plain = {.meta = true, .flatten_singleton = true};

static const struct sl_schema *named(enum sl_type type, bool optional, const char *name, const struct sl_param *params,
                                     uint32_t n)
{
        return sl_schema_intern(&(struct sl_schema){
                .type = type, .optional = optional, .name = name, .params = params, .param_count = n});
}

static const struct sl_schema *record_of(const char *name, const struct sl_field *fields, uint32_t n)
{
        return sl_schema_intern(
                &(struct sl_schema){.type = SL_STRUCT, .name = name, .fields = fields, .field_count = n});
}

/* The text of a Connect schema's Avro schema, or "ERR ..."; owned by the caller. */
static char *text_of(const struct sl_avro_options *o, const struct sl_schema *schema)
{
        struct sl_avro_doc *doc = sl_avro_doc_new();
        struct sl_buf out = {0};
        struct sl_err err = {0};
        struct sl_avro *avro;
        if (sl_avro_from_connect(doc, o, schema, &avro, &err) != SL_OK || sl_avro_print(avro, &out, &err) != SL_OK) {
                sl_buf_clear(&out);
                sl_buf_printf(&out, "ERR %s", err.msg);
        }
        char *ret = sl_strdup(sl_buf_cstr(&out));
        sl_buf_free(&out);
        sl_avro_doc_free(doc);
        return ret;
}

static void expect_text(const struct sl_avro_options *o, const struct sl_schema *schema, const char *want)
{
        char *text = text_of(o, schema);
        assert_string_equal(text, want);
        free(text);
}

struct codec {
        struct sl_avro_doc *doc, *other;
        struct sl_avro_decoder *decoder;
        struct sl_err err;
};

/* A decoder for writer, resolved to reader unless NULL. */
static enum sl_rc open_decoder(struct codec *c, const struct sl_avro_options *o, const char *writer, const char *reader)
{
        struct sl_avro *w, *r;
        *c = (struct codec){.doc = sl_avro_doc_new(), .other = sl_avro_doc_new()};
        SL_TRY(sl_avro_parse(c->doc, sl_str_c(writer), &w, &c->err));
        r = w;
        if (reader)
                SL_TRY(sl_avro_parse(c->other, sl_str_c(reader), &r, &c->err));
        return sl_avro_decoder_new(o, w, r, &c->decoder, &c->err);
}

static void close_decoder(struct codec *c)
{
        sl_avro_decoder_free(c->decoder);
        sl_avro_doc_free(c->doc);
        sl_avro_doc_free(c->other);
}

/* ---- options ---- */

static void test_scrub(void **state sl_unused)
{
        static const char *const names[][2] = {
                {"ok_1", "ok_1"}, {"a-b", "a_b"},   {"a b", "a_b"},         {"1a", "x1a"}, {"a.b", "a_b"},
                {"a$b", "a_24b"}, {"a%b", "a_25b"}, {"\xc3\xa4", "_C3_A4"}, {"-1", "_1"},  {"", ""},
        };
        struct sl_arena a = {0};
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                assert_string_equal(sl_avro_scrub(&a, names[i][0], false), names[i][1]);
        assert_string_equal(sl_avro_scrub(&a, "my-db.my table.9", true), "my_db.my_table.x9");
        sl_arena_free(&a);
        struct sl_avro_options scrub = plain;
        scrub.scrub = true;
        const struct sl_field f[] = {{.name = "a-b", .schema = sl_schema_of(SL_INT32, false)}};
        expect_text(&scrub, record_of("x-y.z-1", f, 1),
                    "{\"type\":\"record\",\"name\":\"z_1\",\"namespace\":\"x_y\",\"fields\":[{\"name\":\"a_b\","
                    "\"type\":\"int\"}],"
                    "\"connect.name\":\"x-y.z-1\"}");
}

static void test_sum_types(void **state sl_unused)
{
        static const struct sl_param params[] = {
                {SL_AVRO_SUM_ENUM, "a.E"}, {SL_AVRO_SUM_ENUM ".X", "0"}, {SL_AVRO_SUM_ENUM ".Y", "1"}};
        struct sl_avro_options sums = plain;
        struct codec c;
        sums.sums = true;
        sums.meta = false;
        expect_text(&sums, named(SL_STRING, false, "a.E", params, 3),
                    "{\"type\":\"enum\",\"name\":\"E\",\"namespace\":\"a\",\"symbols\":[\"X\",\"Y\"]}");
        assert_int_equal(open_decoder(&c, &sums, "[\"null\",\"int\",\"string\"]", NULL), SL_OK);
        const struct sl_schema *s = sl_avro_decoder_schema(c.decoder);
        assert_string_equal(s->name, "connect_union_0");
        assert_string_equal(sl_schema_param(s, SL_AVRO_SUM_UNION), "connect_union_0");
        assert_string_equal(s->fields[0].name, "connect_union_field_1");
        assert_string_equal(s->fields[1].name, "connect_union_field_2");
        struct sl_arena a = {0};
        struct sl_value v;
        assert_int_equal(sl_avro_decode(c.decoder, SL_STR("\x04\x02x"), &a, &v, &c.err), SL_OK);
        assert_int_equal(v.items[0].type, SL_NULL);
        assert_memory_equal(v.items[1].ptr, "x", 1);
        sl_arena_free(&a);
        close_decoder(&c);
}

static void test_small_options(void **state sl_unused)
{
        struct sl_avro_options o = plain;
        const struct sl_schema *key = sl_schema_of(SL_STRING, true);
        const struct sl_schema *map = sl_schema_intern(
                &(struct sl_schema){.type = SL_MAP, .key = key, .value = sl_schema_of(SL_INT32, false)});
        o.optional_keys = true;
        expect_text(&o, map, "{\"type\":\"map\",\"values\":\"int\"}");
        o.discard_doc = true;
        const struct sl_schema *doc = sl_schema_intern(&(struct sl_schema){.type = SL_INT32, .doc = "d"});
        const struct sl_field f[] = {{.name = "x", .schema = doc}};
        expect_text(&o, record_of("R", f, 1),
                    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"x\",\"type\":{\"type\":\"int\","
                    "\"connect.doc\":\"d\"},"
                    "\"doc\":\"d\"}],\"connect.name\":\"R\"}");
        struct codec c;
        o.flatten_singleton = false;
        assert_int_equal(open_decoder(&c, &o, "[\"int\"]", NULL), SL_OK);
        assert_int_equal(sl_avro_decoder_schema(c.decoder)->type, SL_STRUCT);
        close_decoder(&c);
}

/* ---- writing with another schema ---- */

static enum sl_rc encode_with(const struct sl_avro_options *o, const struct sl_schema *schema, const char *avro_text,
                              const struct sl_value *v, struct sl_buf *out, struct sl_err *err)
{
        struct sl_avro_doc *doc = sl_avro_doc_new();
        struct sl_avro_encoder *e = NULL;
        struct sl_avro *avro;
        enum sl_rc rc = sl_avro_parse(doc, sl_str_c(avro_text), &avro, err);
        if (rc == SL_OK)
                rc = sl_avro_encoder_new(o, schema, avro, &e, err);
        sl_avro_doc_free(doc);
        if (rc == SL_OK)
                rc = sl_avro_encode(e, v, out, err);
        sl_avro_encoder_free(e);
        return rc;
}

#define FIELDS(...) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" __VA_ARGS__ "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define DEFAULTED(name, type, def) "{\"name\":\"" name "\",\"type\":" type ",\"default\":" def "}"

static void test_write_with_other_schema(void **state sl_unused)
{
        static const struct {
                const char *schema, *bytes;
                size_t len;
        } cases[] = {
                {FIELDS(FIELD("b", "\"string\"") "," FIELD("a", "\"int\"")), "\x02x\x06", 3},
                {FIELDS(FIELD("a", "\"double\"")), "\0\0\0\0\0\0\x08\x40", 8},
                {FIELDS(FIELD("a", "[\"null\",\"long\"]") "," DEFAULTED("c", "\"bytes\"", "\"\\u00ff\\u0000\"")),
                 "\x02\x06\x04\xff\0", 5},
                {FIELDS(DEFAULTED("c", "{\"type\":\"array\",\"items\":\"int\"}", "[1,2]") "," FIELD("a", "\"int\"")),
                 "\x04\x02\x04\0\x06", 5},
                {FIELDS(DEFAULTED("c", "[\"null\",\"int\"]", "null") "," FIELD("b", "\"bytes\"")), "\0\x02x", 3},
                {FIELDS(FIELD("c", "\"int\"") "," FIELD("a", "\"int\"")), NULL, 0},
                {FIELDS(FIELD("a", "\"string\"")), NULL, 0},
                {FIELDS(FIELD("b", "[\"null\",\"long\"]")), NULL, 0},
        };
        const struct sl_field f[] = {{.name = "a", .schema = sl_schema_of(SL_INT32, false)},
                                     {.name = "b", .schema = sl_schema_of(SL_STRING, false)}};
        const struct sl_value items[] = {sl_v_i64(SL_INT32, 3), sl_v_str(SL_STR("x"))};
        const struct sl_value v = sl_v_items(SL_STRUCT, items, 2);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sl_buf out = {0};
                struct sl_err err = {0};
                enum sl_rc rc = encode_with(&plain, record_of("R", f, 2), cases[i].schema, &v, &out, &err);
                if (!cases[i].bytes) {
                        assert_int_equal(rc, SL_SCHEMA);
                        assert_int_equal(err.id, SL_E_CONVERT);
                } else {
                        assert_int_equal(rc, SL_OK);
                        assert_int_equal(out.len, cases[i].len);
                        assert_memory_equal(out.ptr, cases[i].bytes, out.len);
                }
                sl_buf_free(&out);
        }
}

static void test_nulls_and_defaults(void **state sl_unused)
{
        struct sl_avro_options o = plain;
        const struct sl_schema *s = sl_schema_intern(&(struct sl_schema){
                .type = SL_INT32, .optional = true, .has_default = true, .def = sl_v_i64(SL_INT32, 5)});
        const struct sl_field f[] = {{.name = "a", .schema = s}};
        const struct sl_value v = sl_v_items(SL_STRUCT, &SL_V_NULL, 1);
        for (int ignore = 0; ignore < 2; ignore++) {
                struct sl_buf out = {0};
                struct sl_err err = {0};
                o.ignore_default = ignore;
                assert_int_equal(
                        encode_with(&o, record_of("R", f, 1), FIELDS(FIELD("a", "[\"int\",\"null\"]")), &v, &out, &err),
                        SL_OK);
                assert_int_equal(out.len, ignore ? 1 : 2);
                assert_memory_equal(out.ptr, ignore ? "\x02" : "\x00\x0a", out.len);
                sl_buf_free(&out);
        }
        const struct sl_field g[] = {{.name = "a", .schema = sl_schema_of(SL_INT32, false)}};
        struct sl_buf out = {0};
        struct sl_err err = {0};
        assert_int_equal(encode_with(&o, record_of("R", g, 1), FIELDS(FIELD("a", "\"int\"")), &v, &out, &err),
                         SL_SCHEMA);
        assert_non_null(strstr(err.msg, "Found null value for non-optional schema"));
        sl_buf_free(&out);
}

/* ---- what must be refused ---- */

static void test_bad_schemas(void **state sl_unused)
{
        static const char *const bad[] = {
                "",
                "{",
                "5",
                "\"nothing\"",
                "{\"type\":\"nothing\"}",
                "{\"type\":\"record\",\"name\":\"R\"}",
                "{\"type\":\"record\",\"fields\":[]}",
                "{\"type\":\"record\",\"name\":\"1R\",\"fields\":[]}",
                FIELDS(FIELD("a", "\"int\"") "," FIELD("a", "\"int\"")),
                FIELDS("{\"name\":\"a\"}"),
                FIELDS("{\"type\":\"int\"}"),
                FIELDS("{\"name\":\"a b\",\"type\":\"int\"}"),
                FIELDS("{\"name\":\"a\",\"type\":\"int\",\"order\":\"up\"}"),
                "{\"type\":\"array\"}",
                "{\"type\":\"map\"}",
                "[\"int\",\"int\"]",
                "[\"int\",[\"string\"]]",
                "{\"type\":\"fixed\",\"name\":\"F\"}",
                "{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}",
                "{\"type\":\"enum\",\"name\":\"E\"}",
                "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"a-b\"]}",
                "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"a\"],\"default\":\"b\"}",
                FIELDS(FIELD("a", FIELDS(FIELD("b", "\"int\"")))),
                "\"null\"",
                "[\"null\"]",
                FIELDS(FIELD("next", "[\"null\",\"R\"]")),
                "{\"type\":\"int\",\"connect.version\":\"x\"}",
                "{\"type\":\"int\",\"connect.parameters\":[]}",
                "{\"type\":\"int\",\"connect.type\":\"int9\"}",
                ("{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"io.confluent.connect.avro.MapEntry\","
                 "\"fields\":[]}}"),
        };
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct codec c;
                assert_int_not_equal(open_decoder(&c, &plain, bad[i], NULL), SL_OK);
                assert_true(c.err.rc == SL_SCHEMA || c.err.rc == SL_DESERIALIZATION);
                assert_true(c.err.msg[0]);
                close_decoder(&c);
        }
        char deep[4000] = "";
        for (int i = 0; i < 120; i++)
                strcat(deep, "{\"type\":\"array\",\"items\":");
        struct codec c;
        assert_int_not_equal(open_decoder(&c, &plain, deep, NULL), SL_OK); /* no JSON */
        close_decoder(&c);
        strcat(deep, "\"int\"");
        memset(deep + strlen(deep), '}', 120);
        assert_int_not_equal(open_decoder(&c, &plain, deep, NULL), SL_OK);
        assert_non_null(strstr(c.err.msg, "nested deeper"));
        close_decoder(&c);
}

#define NODE FIELDS(FIELD("x", "\"int\"") "," FIELD("l", "[\"null\",\"R\"]") "," FIELD("r", "[\"null\",\"R\"]"))

/* A type that contains itself can't be read, not even where it is dropped deeper than the limit; that it can't is known
 * soon. */
static void test_recursive(void **state sl_unused)
{
        struct codec c;
        assert_int_equal(open_decoder(&c, &plain, NODE, NULL), SL_SCHEMA);
        assert_non_null(strstr(c.err.msg, "contains itself"));
        close_decoder(&c);
        enum sl_rc rc = open_decoder(&c, &plain, NODE, FIELDS(FIELD("x", "\"int\"")));
        assert_int_not_equal(rc, SL_OK);
        close_decoder(&c);
}

static void test_hostile_bytes(void **state sl_unused)
{
#define CASE(schema, bytes)                                                                                            \
        {                                                                                                              \
                schema, bytes, sizeof(bytes) - 1                                                                       \
        }
        static const struct {
                const char *schema, *bytes;
                size_t len;
        } cases[] = {
                CASE("\"int\"", ""),
                CASE("\"int\"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                CASE("\"int\"", "\xfe\xff\xff\xff\xff\x01"),
                CASE("\"long\"", "\x80"),
                CASE("\"string\"", "\x01"),
                CASE("\"string\"", "\x08"
                                   "abc"),
                CASE("\"string\"", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                CASE("\"string\"", "\x02\xff"),
                CASE("\"double\"", "\0\0\0"),
                CASE("\"boolean\"", ""),
                CASE("[\"null\",\"int\"]", "\x04"),
                CASE("[\"null\",\"int\"]", "\x01"),
                CASE("{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}", "abc"),
                CASE("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", "\x02"),
                CASE("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", "\x01"),
                CASE("{\"type\":\"array\",\"items\":\"int\"}", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                CASE("{\"type\":\"array\",\"items\":\"int\"}", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                CASE("{\"type\":\"array\",\"items\":\"int\"}", "\x02\x02"),
                CASE("{\"type\":\"array\",\"items\":\"int\"}", "\x01\x01\x02\0"),
                CASE("{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"E\",\"fields\":[]}}",
                     "\x80\x80\x80\x80\x10"),
                CASE("{\"type\":\"map\",\"values\":\"int\"}", "\x02\x02\xff\x02\0"),
                CASE("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4}", ""),
                CASE("{\"type\":\"int\",\"logicalType\":\"time-millis\"}", "\x01"),
        };
#undef CASE
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct codec c;
                struct sl_arena a = {0};
                struct sl_value v;
                char *copy = sl_malloc(cases[i].len + !cases[i].len); /* its end is the sanitizer's */
                memcpy(copy, cases[i].bytes, cases[i].len);
                assert_int_equal(open_decoder(&c, &plain, cases[i].schema, NULL), SL_OK);
                assert_int_equal(sl_avro_decode(c.decoder, (struct sl_str){copy, cases[i].len}, &a, &v, &c.err),
                                 SL_DESERIALIZATION);
                assert_int_equal(c.err.id, SL_E_DECODE);
                sl_arena_free(&a);
                close_decoder(&c);
                free(copy);
        }
}

/* Blocks with their size in bytes, which Java's writer does not make. */
static void test_blocks(void **state sl_unused)
{
        struct codec c;
        struct sl_arena a = {0};
        struct sl_value v;
        assert_int_equal(open_decoder(&c, &plain, "{\"type\":\"array\",\"items\":\"int\"}", NULL), SL_OK);
        assert_int_equal(sl_avro_decode(c.decoder, SL_STR("\x03\x04\x02\x04\x02\x06\0"), &a, &v, &c.err), SL_OK);
        assert_int_equal(v.len, 3);
        assert_int_equal(v.items[0].i64, 1);
        assert_int_equal(v.items[2].i64, 3);
        sl_arena_free(&a);
        close_decoder(&c);
}

/* ---- allocations ---- */

static void test_rows_allocate_nothing(void **state sl_unused)
{
        static const struct sl_param params[] = {
                {SL_AVRO_ENUM, "E"}, {SL_AVRO_ENUM ".A", "A"}, {SL_AVRO_ENUM ".B", "B"}};
        struct sl_avro_options o = plain;
        o.enhanced = true;
        const struct sl_schema *text = sl_schema_of(SL_STRING, true);
        const struct sl_field f[] = {
                {.name = "a", .schema = sl_schema_of(SL_INT64, false)},
                {.name = "b", .schema = text},
                {.name = "c", .schema = sl_schema_intern(&(struct sl_schema){.type = SL_ARRAY, .value = text})},
                {.name = "d", .schema = named(SL_STRING, false, "E", params, 3)},
                {.name = "e",
                 .schema = sl_schema_intern(
                         &(struct sl_schema){.type = SL_MAP, .key = sl_schema_of(SL_STRING, false), .value = text})},
        };
        const struct sl_schema *schema = record_of("R", f, 5);
        const struct sl_value list[] = {sl_v_str(SL_STR("x")), SL_V_NULL};
        const struct sl_value items[] = {sl_v_i64(SL_INT64, 1 << 20), SL_V_NULL, sl_v_items(SL_ARRAY, list, 2),
                                         sl_v_str(SL_STR("B")), sl_v_items(SL_MAP, list, 1)};
        const struct sl_value v = sl_v_items(SL_STRUCT, items, 5);
        struct sl_avro_doc *doc = sl_avro_doc_new();
        struct sl_avro *avro;
        struct sl_avro_encoder *e;
        struct sl_avro_decoder *d;
        struct sl_err err = {0};
        struct sl_arena a = {0};
        struct sl_buf out = {0};
        assert_int_equal(sl_avro_from_connect(doc, &o, schema, &avro, &err), SL_OK);
        assert_int_equal(sl_avro_encoder_new(&o, schema, avro, &e, &err), SL_OK);
        assert_int_equal(sl_avro_decoder_new(&o, avro, avro, &d, &err), SL_OK);
        uint64_t before = 0;
        for (int i = 0; i < 1000; i++) {
                struct sl_value back;
                sl_buf_clear(&out);
                sl_arena_reset(&a);
                assert_int_equal(sl_avro_encode(e, &v, &out, &err), SL_OK);
                assert_int_equal(sl_avro_decode(d, (struct sl_str){out.ptr, out.len}, &a, &back, &err), SL_OK);
                assert_true(sl_value_equal(&v, &back));
                if (!i)
                        before = allocations();
        }
        assert_int_equal(allocations() - before, 0);
        assert_true(!ALLOC_COUNTED || before > 0);
        sl_avro_encoder_free(e);
        sl_avro_decoder_free(d);
        sl_avro_doc_free(doc);
        sl_arena_free(&a);
        sl_buf_free(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_scrub),
                cmocka_unit_test(test_sum_types),
                cmocka_unit_test(test_small_options),
                cmocka_unit_test(test_write_with_other_schema),
                cmocka_unit_test(test_nulls_and_defaults),
                cmocka_unit_test(test_bad_schemas),
                cmocka_unit_test(test_recursive),
                cmocka_unit_test(test_hostile_bytes),
                cmocka_unit_test(test_blocks),
                cmocka_unit_test(test_rows_allocate_nothing),
        };
        return cmocka_run_group_tests_name("avro", tests, NULL, NULL);
}
