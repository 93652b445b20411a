/* SPDX-License-Identifier: Apache-2.0 */
/* JsonConverter against the answers of Kafka's own (tests/golden/json/roundtrip.tsv), and the simple converters. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/convert.h"
#include "record/schema.h"

struct conv {
        const struct sl_converter_ops *ops;
        struct sl_arena arena; /* config */
        void *cfg, *st;
};

static enum sl_rc conv_open(struct conv *c, const char *name, const struct sl_props *props, struct sl_err *err)
{
        struct sl_cfg_report report = {0};
        sl_arena_init(&c->arena, 0);
        c->ops = sl_converter_find(name);
        assert_non_null(c->ops);
        c->cfg = sl_calloc(1, c->ops->config_size + 1);
        c->st = sl_calloc(1, c->ops->state_size + 1);
        sl_cfg_parse(c->ops->config, props, c->cfg, &c->arena, &report);
        assert_int_equal(report.errors, 0);
        sl_cfg_report_free(&report);
        return c->ops->open ? c->ops->open(c->st, c->cfg, false, NULL, err) : SL_OK;
}

static void conv_close(struct conv *c)
{
        if (c->ops->close)
                c->ops->close(c->st);
        free(c->st);
        free(c->cfg);
        sl_arena_free(&c->arena);
}

static void set_letters(struct sl_props *props, const char *letters)
{
        sl_props_set(props, "schemas.enable", strchr(letters, 'P') ? "false" : "true");
        sl_props_set(props, "decimal.format", strchr(letters, 'N') ? "numeric" : "BASE64");
        sl_props_set(props, "replace.null.with.default", strchr(letters, 'R') ? "false" : "true");
}

/* Decode and encode; the answer as the golden file spells it. */
static void round_trip(struct conv *c, const char *text, struct sl_buf *out)
{
        struct sl_arena arena;
        const struct sl_schema *schema = NULL;
        struct sl_value value;
        struct sl_err err = {0};
        bool null = false;
        /* An own copy without a NUL, so that the sanitizer sees a read past its end. */
        struct sl_str bytes = SL_STR_NULL;
        char *copy = NULL;
        if (strcmp(text, "<null>") != 0) {
                copy = sl_malloc(strlen(text) + (text[0] == 0));
                memcpy(copy, text, strlen(text));
                bytes = (struct sl_str){copy, strlen(text)};
        }
        sl_arena_init(&arena, 0);
        sl_buf_clear(out);
        enum sl_rc rc = c->ops->decode(c->st, SL_STR("t"), bytes, &arena, &schema, &value, &err);
        if (rc == SL_OK)
                rc = c->ops->encode(c->st, SL_STR("t"), schema, &value, out, &null, &err);
        if (rc != SL_OK) {
                sl_buf_clear(out);
                sl_buf_printf(out, "ERR %s", err.msg);
                assert_int_equal(rc, err.rc);
                assert_int_not_equal(err.rc, SL_FATAL);
        } else if (null) {
                sl_buf_adds(out, "<null>");
        }
        sl_arena_free(&arena);
        free(copy);
}

/* Java's text, then perhaps more of ours. Java's parser explains itself in its own words behind the sentence, and shows
 * no more than the sentence; a number of its texts end in what its cause would say. */
static bool same_error(const char *java, const char *ours)
{
        return strncmp(java, ours, strlen(java)) == 0;
}

/* Where we differ on purpose. */
#define ENV(schema, payload) "{\"schema\":" schema ",\"payload\":" payload "}"
#define FLOAT "{\"type\":\"float\",\"optional\":false}"
#define TIMESTAMP                                                                                                      \
        "{\"type\":\"int64\",\"optional\":false,\"name\":\"org.apache.kafka.connect.data.Timestamp\",\"version\":1}"
static const char *const differences[][2] = {
        /* Java 17, which answered, does not find the shortest form; Java 19 and later do, and so do we. */
        {ENV(FLOAT, "2147483648"), ENV(FLOAT, "2.1474836E9")},
        {ENV(FLOAT, "-2147483649"), ENV(FLOAT, "-2.1474836E9")},
        {ENV(FLOAT, "123456789"), ENV(FLOAT, "1.2345679E8")},
        /* Java cuts to 64 bits. */
        {ENV(TIMESTAMP, "9223372036854775808"),
         "ERR Invalid type for Timestamp, underlying representation should be integral but was NUMBER"},
        /* Said once about the schema instead of about every value. */
        {ENV("{\"type\":\"bytes\",\"optional\":false,\"name\":\"org.apache.kafka.connect.data.Decimal\"}", "\"AQ==\""),
         "ERR Invalid Decimal schema: scale parameter not found."},
};

static const char *expected(const char *text, const char *java)
{
        for (size_t i = 0; i < sizeof(differences) / sizeof(*differences); i++)
                if (strcmp(differences[i][0], text) == 0)
                        return differences[i][1];
        return java;
}

static void golden(void **state)
{
        (void)state;
        FILE *f = fopen("tests/golden/json/roundtrip.tsv", "r");
        char *line = NULL;
        size_t cap = 0, cases = 0, bad = 0;
        struct sl_buf out = {0};
        assert_non_null(f);
        while (getline(&line, &cap, f) > 0) {
                line[strcspn(line, "\n")] = '\0';
                char *text = strchr(line, '\t'), *java = text ? strchr(text + 1, '\t') : NULL;
                struct sl_props props = {0};
                struct conv c = {0};
                assert_non_null(java);
                *text++ = *java++ = '\0';
                set_letters(&props, line);
                assert_int_equal(conv_open(&c, "org.apache.kafka.connect.json.JsonConverter", &props, NULL), SL_OK);
                const char *want = expected(text, java);
                for (int again = 0; again < 2; again++) { /* the second time from the caches */
                        round_trip(&c, text, &out);
                        const char *got = sl_buf_cstr(&out);
                        bool same = strncmp(want, "ERR", 3) == 0 ? same_error(want, got) : strcmp(want, got) == 0;
                        if (!same) {
                                print_error("%s %s\n  want %s\n  got  %s\n", line, text, want, got);
                                bad++;
                        }
                }
                conv_close(&c);
                sl_props_free(&props);
                cases++;
        }
        free(line);
        fclose(f);
        sl_buf_free(&out);
        assert_true(cases > 900);
        assert_int_equal(bad, 0);
}

/* Java can't read the default of a struct schema ("Invalid default value": it compares a schema with its builder). */
static void struct_default(void **state)
{
        (void)state;
        struct sl_props props = {0};
        struct conv c = {0};
        struct sl_buf out = {0};
#define STRUCT_DEFAULT                                                                                                 \
        "{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\",\"fields\":[{\"type\":\"int8\",\"optional\":false,"     \
        "\"field\":\"z\"}],\"optional\":true,\"default\":{\"z\":9},\"field\":\"f\"}],\"optional\":false}"
        assert_int_equal(conv_open(&c, "JsonConverter", &props, NULL), SL_OK);
        round_trip(&c, ENV(STRUCT_DEFAULT, "{\"f\":{\"z\":1}}"), &out);
        assert_string_equal(sl_buf_cstr(&out), ENV(STRUCT_DEFAULT, "{\"f\":{\"z\":1}}"));
        round_trip(&c, ENV(STRUCT_DEFAULT, "{}"), &out);
        assert_string_equal(sl_buf_cstr(&out), ENV(STRUCT_DEFAULT, "{\"f\":{\"z\":9}}"));
        sl_buf_free(&out);
        conv_close(&c);
        sl_props_free(&props);
}

/* One converter, alternating schemas and more of them than schemas.cache.size. */
static void schema_cache(void **state)
{
        (void)state;
        struct sl_props props = {0};
        struct conv c = {0};
        struct sl_buf out = {0};
        sl_props_set(&props, "schemas.cache.size", "3");
        assert_int_equal(conv_open(&c, "JsonConverter", &props, NULL), SL_OK);
        for (int i = 0; i < 50; i++) {
                char text[200];
                snprintf(text, sizeof(text),
                         "{\"schema\":{\"type\":\"int32\",\"optional\":%s,\"version\":%d},\"payload\":%d}",
                         i & 1 ? "true" : "false", i % 7 + 1, i);
                round_trip(&c, text, &out);
                assert_string_equal(sl_buf_cstr(&out), text);
        }
        sl_buf_free(&out);
        conv_close(&c);
        sl_props_free(&props);
}

static void schema_content(void **state)
{
        (void)state;
        struct sl_props props = {0};
        struct conv c = {0};
        struct sl_buf out = {0};
        struct sl_err err = {0};
        sl_props_set(&props, "schema.content",
                     "{\"type\":\"struct\",\"fields\":[{\"type\":\"int8\",\"field\":\"a\"}]}");
        assert_int_equal(conv_open(&c, "JsonConverter", &props, NULL), SL_OK);
        round_trip(&c, "{\"a\":5}", &out);
        assert_string_equal(sl_buf_cstr(&out),
                            "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int8\",\"optional\":"
                            "false,\"field\":\"a\"}],\"optional\":false},\"payload\":{\"a\":5}}");
        conv_close(&c);
        sl_props_set(&props, "schema.content", "{\"type\":\"in");
        assert_int_equal(conv_open(&c, "JsonConverter", &props, &err), SL_FATAL);
        assert_int_equal(err.id, SL_E_CONFIG);
        conv_close(&c);
        sl_buf_free(&out);
        sl_props_free(&props);
}

struct simple_case {
        const char *converter;
        enum sl_type schema; /* SL_NULL: none */
        struct sl_value value;
        struct sl_str bytes; /* ptr NULL: null */
        const char *error;
};

static const struct simple_case simple_cases[] = {
        {"StringConverter", SL_STRING, {.type = SL_STRING, .len = 2, .ptr = "ab"}, {"ab", 2}, NULL},
        {"StringConverter", SL_INT32, {.type = SL_INT32, .i64 = -7}, {"-7", 2}, NULL},
        {"StringConverter", SL_FLOAT64, {.type = SL_FLOAT64, .f64 = 1e10}, {"1.0E10", 6}, NULL},
        {"StringConverter", SL_NULL, {.type = SL_NULL}, {NULL, 0}, NULL},
        {"StringConverter", SL_STRING, {.type = SL_STRING, .len = 0, .ptr = ""}, {"", 0}, NULL},
        {"ByteArrayConverter", SL_BYTES, {.type = SL_BYTES, .len = 2, .ptr = "\0\xff"}, {"\0\xff", 2}, NULL},
        {"ByteArrayConverter", SL_NULL, {.type = SL_NULL}, {NULL, 0}, NULL},
        {"ByteArrayConverter",
         SL_STRING,
         {.type = SL_STRING, .len = 1, .ptr = "a"},
         {NULL, 0},
         "Invalid schema type for ByteArrayConverter: STRING"},
        {"ByteArrayConverter",
         SL_NULL,
         {.type = SL_STRING, .len = 1, .ptr = "a"},
         {NULL, 0},
         "ByteArrayConverter is not compatible with objects of type class java.lang.String"},
        {"BooleanConverter", SL_BOOLEAN, {.type = SL_BOOLEAN, .i64 = 1}, {"\1", 1}, NULL},
        {"BooleanConverter",
         SL_INT8,
         {.type = SL_INT8, .i64 = 1},
         {NULL, 0},
         "Invalid schema type for BooleanConverter: INT8"},
        {"ShortConverter", SL_INT16, {.type = SL_INT16, .i64 = -2}, {"\xff\xfe", 2}, NULL},
        {"IntegerConverter", SL_INT32, {.type = SL_INT32, .i64 = 258}, {"\0\0\1\2", 4}, NULL},
        {"LongConverter", SL_INT64, {.type = SL_INT64, .i64 = INT64_MIN}, {"\x80\0\0\0\0\0\0\0", 8}, NULL},
        {"FloatConverter", SL_FLOAT32, {.type = SL_FLOAT32, .f64 = 1.5}, {"\x3f\xc0\0\0", 4}, NULL},
        {"DoubleConverter", SL_FLOAT64, {.type = SL_FLOAT64, .f64 = -2.0}, {"\xc0\0\0\0\0\0\0\0", 8}, NULL},
        {"IntegerConverter",
         SL_INT64,
         {.type = SL_INT64, .i64 = 1},
         {NULL, 0},
         "Failed to serialize to integer (was class java.lang.Long): "},
        {"SimpleHeaderConverter", SL_STRING, {.type = SL_STRING, .len = 2, .ptr = "hi"}, {"hi", 2}, NULL},
        {"SimpleHeaderConverter", SL_BYTES, {.type = SL_BYTES, .len = 2, .ptr = "\1\2"}, {"AQI=", 4}, NULL},
};

static void simple(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(simple_cases) / sizeof(*simple_cases); i++) {
                const struct simple_case *s = &simple_cases[i];
                struct conv c = {0};
                struct sl_props props = {0};
                struct sl_buf out = {0};
                struct sl_err err = {0};
                bool null = false;
                assert_int_equal(conv_open(&c, s->converter, &props, NULL), SL_OK);
                enum sl_rc rc = c.ops->encode(c.st, SL_STR("t"), s->schema ? sl_schema_of(s->schema, false) : NULL,
                                              &s->value, &out, &null, &err);
                if (s->error) {
                        assert_int_equal(rc, SL_SCHEMA);
                        assert_string_equal(err.msg, s->error);
                } else {
                        assert_int_equal(rc, SL_OK);
                        assert_int_equal(null, s->bytes.ptr == NULL);
                        assert_int_equal(out.len, s->bytes.len);
                        if (out.len)
                                assert_memory_equal(out.ptr, s->bytes.ptr, out.len);
                }
                sl_buf_free(&out);
                conv_close(&c);
                sl_props_free(&props);
        }
}

/* As Kafka 4.2's SimpleHeaderConverter answers. */
static void header_text(void **state)
{
        (void)state;
        const struct sl_param scale = {"scale", "8"};
        struct sl_schema dec = {
                .type = SL_BYTES, .name = SL_NAME_DECIMAL, .version = 1, .params = &scale, .param_count = 1};
        struct sl_schema date = {.type = SL_INT32, .name = SL_NAME_DATE, .version = 1};
        struct sl_schema ts = {.type = SL_INT64, .name = SL_NAME_TIMESTAMP, .version = 1};
        struct sl_schema list = {.type = SL_ARRAY, .value = sl_schema_of(SL_STRING, true)};
        struct sl_schema map = {
                .type = SL_MAP, .key = sl_schema_of(SL_STRING, false), .value = sl_schema_of(SL_INT32, false)};
        const struct sl_field fields[] = {{.name = "q\"\\q", .schema = sl_schema_of(SL_STRING, false)},
                                          {.name = "n", .schema = sl_schema_of(SL_STRING, true)},
                                          {.name = "b", .schema = sl_schema_of(SL_BYTES, false)},
                                          {.name = "dec", .schema = sl_schema_intern(&dec)},
                                          {.name = "d", .schema = sl_schema_intern(&date)},
                                          {.name = "ts", .schema = sl_schema_intern(&ts)},
                                          {.name = "ti", .schema = sl_schema_intern(&ts)},
                                          {.name = "l", .schema = sl_schema_intern(&list)},
                                          {.name = "m", .schema = sl_schema_intern(&map)},
                                          {.name = "f", .schema = sl_schema_of(SL_FLOAT64, false)}};
        struct sl_schema s = {.type = SL_STRUCT, .fields = fields, .field_count = 10};
        const struct sl_value items[] = {sl_v_str(SL_STR("a\"b")), SL_V_NULL},
                              entry[] = {sl_v_str(SL_STR("k")), sl_v_i64(SL_INT32, 1)};
        const struct sl_value row[] = {sl_v_str(SL_STR("x\\\"\n\303\251")),
                                       SL_V_NULL,
                                       sl_v_bytes("\1\2\xff", 3),
                                       sl_v_bytes("\1", 1),
                                       sl_v_i64(SL_INT32, 19782),
                                       sl_v_i64(SL_INT64, 1700000000123),
                                       sl_v_i64(SL_INT64, -1),
                                       sl_v_items(SL_ARRAY, items, 2),
                                       sl_v_items(SL_MAP, entry, 1),
                                       sl_v_f64(SL_FLOAT64, 1)};
        struct sl_value v = sl_v_items(SL_STRUCT, row, 10);
        struct conv c = {0};
        struct sl_props props = {0};
        struct sl_buf out = {0};
        struct sl_err err = {0};
        bool null = false;
        assert_int_equal(conv_open(&c, "SimpleHeaderConverter", &props, NULL), SL_OK);
        assert_int_equal(c.ops->encode(c.st, SL_STR("t"), sl_schema_intern(&s), &v, &out, &null, &err), SL_OK);
        assert_string_equal(
                sl_buf_cstr(&out),
                "{\"q\\\"\\\\q\":\"x\\\\\\\"\n\303\251\",\"n\":null,\"b\":\"AQL/\",\"dec\":1E-8,\"d\":2024-02-29,"
                "\"ts\":2023-11-14T22:13:20.123Z,\"ti\":23:59:59.999Z,\"l\":[\"a\\\"b\",null],"
                "\"m\":{\"k\":1},\"f\":1.0}");
        sl_buf_free(&out);
        conv_close(&c);
        sl_props_free(&props);
}

static void simple_decode(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(simple_cases) / sizeof(*simple_cases); i++) {
                const struct simple_case *s = &simple_cases[i];
                struct conv c = {0};
                struct sl_props props = {0};
                const struct sl_schema *schema = NULL;
                struct sl_value v;
                bool text = strncmp(s->converter, "String", 6) == 0 || strncmp(s->converter, "Simple", 6) == 0;
                if (s->error)
                        continue;
                assert_int_equal(conv_open(&c, s->converter, &props, NULL), SL_OK);
                assert_int_equal(c.ops->decode(c.st, SL_STR("t"), s->bytes, NULL, &schema, &v, NULL), SL_OK);
                if (s->bytes.ptr) {
                        assert_int_equal(schema->optional, strncmp(s->converter, "Simple", 6) != 0);
                        assert_int_equal(v.type, schema->type);
                }
                if (!s->bytes.ptr)
                        assert_int_equal(v.type, SL_NULL);
                else if (text)
                        assert_true(sl_str_eq(sl_v_as_str(&v), s->bytes));
                else
                        assert_true(sl_value_equal(&v, &s->value));
                conv_close(&c);
                sl_props_free(&props);
        }
}

static void wrong_length(void **state)
{
        (void)state;
        static const char *const names[] = {"ShortConverter", "IntegerConverter", "LongConverter",
                                            "FloatConverter", "DoubleConverter",  "BooleanConverter"};
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                struct conv c = {0};
                struct sl_props props = {0};
                struct sl_err err = {0};
                const struct sl_schema *schema;
                struct sl_value v;
                assert_int_equal(conv_open(&c, names[i], &props, NULL), SL_OK);
                assert_int_equal(c.ops->decode(c.st, SL_STR("t"), SL_STR("abc"), NULL, &schema, &v, &err),
                                 SL_DESERIALIZATION);
                assert_int_equal(err.id, SL_E_DECODE);
                conv_close(&c);
                sl_props_free(&props);
        }
}

static void names(void **state)
{
        (void)state;
        assert_ptr_equal(sl_converter_find("JsonConverter"),
                         sl_converter_find("org.apache.kafka.connect.json.JsonConverter"));
        assert_null(sl_converter_find("org.example.JsonConverter"));
        assert_null(sl_converter_find(""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(golden),         cmocka_unit_test(struct_default), cmocka_unit_test(schema_cache),
                cmocka_unit_test(schema_content), cmocka_unit_test(simple),         cmocka_unit_test(simple_decode),
                cmocka_unit_test(header_text),    cmocka_unit_test(wrong_length),   cmocka_unit_test(names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
