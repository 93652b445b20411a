/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Schema's parts without a registry: no allocation a row either way, references to other texts, Java's order of names. What schemas
 * and values mean is checked in tests/conformance/converters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "allocations.h"
#include "convert/jsonschema.h"

static const struct js_options options = {.additional = true, .flatten_single = true};

static const char text[] =
        "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\",\"connect.index\":0,\"connect.type\":\"int32\"},"
        "\"name\":{\"connect.index\":1,\"oneOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]},"
        "\"list\":{\"connect.index\":2,\"type\":\"array\",\"items\":{\"type\":\"number\"}},"
        "\"map\":{\"connect.index\":3,\"type\":\"object\",\"connect.type\":\"map\",\"additionalProperties\":{\"type\":\"boolean\"}},"
        "\"raw\":{\"connect.index\":4,\"type\":\"string\",\"connect.type\":\"bytes\"}}}";

static void test_rows_allocate_nothing(void **state sl_unused)
{
        static const char row[] = "{\"id\":7,\"name\":null,\"list\":[1.5,-2.0],\"map\":{\"k\":true},\"raw\":\"AAEC\"}";
        struct sl_arena plans = {0}, rows = {0};
        struct sl_err err = {0};
        struct sl_json_writer *w = sl_json_writer_new(SL_DECIMAL_BASE64, false);
        struct sl_json_reader reader = {0};
        const struct sl_schema *schema;
        const struct js_writer *plan;
        struct sl_buf out = {0};
        uint64_t before = 0;
        assert_int_equal(sl_js_schema(&options, sl_str_c(text), 0, NULL, NULL, &schema, &err), SL_OK);
        assert_int_equal(sl_js_bind(&options, schema, &plans, &plan, &err), SL_OK);
        for (int i = 0; i < 2000; i++) {
                struct sl_value tree, v;
                bool missing, null;
                if (i == 10)
                        before = allocations();
                sl_arena_reset(&rows);
                sl_buf_clear(&out);
                assert_int_equal(sl_json_read(&reader, sl_str_c(row), true, &rows, &tree, &missing, &err), SL_OK);
                assert_int_equal(sl_js_read(schema, &tree, &rows, &v, &err), SL_OK);
                assert_int_equal(sl_js_write(plan, w, &v, &out, &null, &err), SL_OK);
        }
        assert_int_equal(allocations() - before, 0);
        assert_string_equal(sl_buf_cstr(&out), row);
        sl_buf_free(&out);
        sl_json_reader_free(&reader);
        sl_json_writer_free(w);
        sl_arena_free(&plans);
        sl_arena_free(&rows);
}

static enum sl_rc give(void *arg, const char *name, struct sl_str *ret, struct sl_err *err sl_unused)
{
        const char *const *texts = arg;
        for (; *texts; texts += 2)
                if (strcmp(texts[0], name) == 0)
                        *ret = sl_str_c(texts[1]);
        return SL_OK;
}

static void test_references_to_other_texts(void **state sl_unused)
{
        static const char *texts[] = {
                "address.json", "{\"definitions\":{\"street\":{\"$ref\":\"text.json\"}},\"type\":\"object\",\"properties\":{\"s\":{\"$ref\":"
                                "\"#/definitions/street\"}}}",
                "text.json", "{\"type\":\"string\"}", NULL};
        const struct sl_schema *schema;
        struct sl_err err = {0};
        const char *root = "{\"$id\":\"root.json\",\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"address.json\"},\"b\":{\"$ref\":"
                           "\"address.json#/definitions/street\"},\"c\":{\"$ref\":\"root.json#/properties/b\"}}}";
        if (sl_js_schema(&options, sl_str_c(root), 3, give, texts, &schema, &err) != SL_OK)
                fail_msg("%s", err.msg);
        assert_int_equal(schema->version, 3);
        assert_int_equal(schema->fields[0].schema->fields[0].schema->type, SL_STRING);
        assert_ptr_equal(schema->fields[1].schema, sl_schema_of(SL_STRING, false));
        assert_ptr_equal(schema->fields[2].schema, sl_schema_of(SL_STRING, false));
        sl_err_clear(&err);
        texts[2] = "gone.json";
        assert_int_equal(sl_js_schema(&options, sl_str_c(root), 0, give, texts, &schema, &err), SL_DESERIALIZATION);
        assert_non_null(strstr(err.msg, "text.json"));
}

/* Schemas that grow out of bounds when they are followed. */
static void test_bombs(void **state sl_unused)
{
        const struct sl_schema *schema;
        struct sl_err err = {0};
        struct sl_buf bomb = {0};
        sl_buf_adds(&bomb, "{\"$ref\":\"#/definitions/d0\",\"definitions\":{");
        for (int i = 0; i < 30; i++)
                sl_buf_printf(&bomb, "\"d%d\":{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/definitions/d%d\"},\"b\":{\"$ref\":"
                                     "\"#/definitions/d%d\"}}},", i, i + 1, i + 1);
        sl_buf_adds(&bomb, "\"d30\":{\"type\":\"string\"}}}");
        assert_int_equal(sl_js_schema(&options, (struct sl_str){bomb.ptr, bomb.len}, 0, NULL, NULL, &schema, &err), SL_DESERIALIZATION);
        assert_non_null(strstr(err.msg, "parts"));
        sl_err_clear(&err);
        const char *loop = "{\"allOf\":[{\"$ref\":\"#\"}]}";
        assert_int_equal(sl_js_schema(&options, sl_str_c(loop), 0, NULL, NULL, &schema, &err), SL_DESERIALIZATION);
        sl_err_clear(&err);
        loop = "{\"$ref\":\"#\"}";
        assert_int_equal(sl_js_schema(&options, sl_str_c(loop), 0, NULL, NULL, &schema, &err), SL_DESERIALIZATION);
        sl_buf_free(&bomb);
}

/* A symbol that comes twice is one parameter: with two, the schema would not equal itself. */
static void test_repeated_symbols(void **state sl_unused)
{
        const struct sl_schema *one, *two;
        struct sl_err err = {0};
        const char *twice = "{\"enum\":[\"A\",\"B\",\"A\"]}";
        assert_int_equal(sl_js_schema(&options, sl_str_c(twice), 0, NULL, NULL, &one, &err), SL_OK);
        assert_int_equal(sl_js_schema(&options, sl_str_c(twice), 0, NULL, NULL, &two, &err), SL_OK);
        assert_ptr_equal(one, two);
        assert_int_equal(one->param_count, 3);
}

static void test_fit(void **state sl_unused)
{
        static const struct {
                const char *latest, *ours, *why;
        } cases[] = {
                {"{\"type\":\"number\"}", "{\"type\":\"integer\"}", NULL},
                {"{\"type\":\"integer\"}", "{\"type\":\"number\"}", ""},
                {"{\"type\":\"string\"}", "{\"type\":[\"string\",\"null\"]}", ""},
                {"{\"type\":[\"string\",\"null\"]}", "{\"type\":\"string\"}", NULL},
                {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"type\":\"object\",\"properties\":{}}", "a"},
                {"{\"type\":\"object\",\"properties\":{}}", "{\"type\":\"object\",\"properties\":{\"b\":{\"type\":\"string\"}}}", NULL},
                {"{\"type\":\"array\",\"items\":{\"type\":\"boolean\"}}", "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}", ""},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                const struct sl_schema *latest, *ours;
                struct sl_err err = {0};
                assert_int_equal(sl_js_schema(&options, sl_str_c(cases[i].latest), 0, NULL, NULL, &latest, &err), SL_OK);
                assert_int_equal(sl_js_schema(&options, sl_str_c(cases[i].ours), 0, NULL, NULL, &ours, &err), SL_OK);
                const char *why = sl_js_differs(latest, ours);
                if (!cases[i].why != !why || (why && strcmp(why, cases[i].why) != 0))
                        fail_msg("case %zu: %s", i, why ? why : "fits");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows_allocate_nothing),
                cmocka_unit_test(test_references_to_other_texts),
                cmocka_unit_test(test_bombs),
                cmocka_unit_test(test_repeated_symbols),
                cmocka_unit_test(test_fit),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
