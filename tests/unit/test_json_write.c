/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer: forms that the golden file of test_convert can't show (it only sees what was read from JSON),
 * refusals, and that a bound row allocates nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "convert/convert.h"
#include "convert/json.h"
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

static void expect(const struct sl_schema *schema, struct sl_value v, const char *want)
{
        struct sl_json_writer *w = sl_json_writer_new(SL_DECIMAL_BASE64, true);
        struct sl_buf out = {0};
        struct sl_err err = {0};
        for (int i = 0; i < 2; i++) {
                enum sl_rc rc = sl_json_write_value(w, schema, &v, &out, &err);
                if (rc != SL_OK) {
                        sl_buf_clear(&out);
                        sl_buf_printf(&out, "ERR %s", err.msg);
                        sl_err_clear(&err);
                }
                assert_string_equal(sl_buf_cstr(&out), want);
                sl_buf_clear(&out);
        }
        sl_buf_free(&out);
        sl_json_writer_free(w);
}

static void schemaless(void **state)
{
        (void)state;
        struct sl_value mixed[] = {sl_v_str(SL_STR("a")), sl_v_i64(SL_INT8, 1), sl_v_i64(SL_INT32, 2),
                                   sl_v_bool(false)};
        struct sl_value items[] = {sl_v_f64(SL_FLOAT32, 0.1f), sl_v_f64(SL_FLOAT64, 0.1), sl_v_bytes("\xff", 1),
                                   SL_V_NULL};
        expect(NULL, sl_v_items(SL_MAP, mixed, 1), "{\"a\":1}");
        expect(NULL, sl_v_items(SL_MAP, mixed, 2), "[[\"a\",1],[2,false]]"); /* one other key turns the whole map */
        expect(NULL, sl_v_items(SL_MAP, NULL, 0), "{}");
        expect(NULL, sl_v_items(SL_ARRAY, items, 4), "[0.1,0.1,\"/w==\",null]");
        expect(NULL, sl_v_f64(SL_FLOAT64, __builtin_nan("")), "\"NaN\"");
        expect(NULL, sl_v_f64(SL_FLOAT32, -__builtin_inf()), "\"-Infinity\"");
        expect(NULL, sl_v_items(SL_STRUCT, items, 1), "ERR a struct without its schema can't be written as JSON");
}

static void with_schema(void **state)
{
        (void)state;
        const struct sl_schema *map =
                sl_schema_intern(&(struct sl_schema){.type = SL_MAP, .key = O(SL_STRING), .value = O(SL_INT32)});
        const struct sl_schema *pairs =
                sl_schema_intern(&(struct sl_schema){.type = SL_MAP, .key = S(SL_BOOLEAN), .value = S(SL_INT32)});
        const struct sl_schema *list = sl_schema_intern(&(struct sl_schema){.type = SL_ARRAY, .value = map});
        const struct sl_schema *inner = STRUCT(F("x", list), F("q\"\n", O(SL_BYTES)));
        const struct sl_schema *outer = STRUCT(F("a", S(SL_INT8)), F("s", inner), F("z", O(SL_FLOAT64)));
        struct sl_value entry[] = {sl_v_str(SL_STR("k")), sl_v_i64(SL_INT32, -1), SL_V_NULL, SL_V_NULL};
        struct sl_value maps[] = {sl_v_items(SL_MAP, entry, 2), sl_v_items(SL_MAP, NULL, 0)};
        struct sl_value in[] = {sl_v_items(SL_ARRAY, maps, 2), SL_V_NULL};
        struct sl_value out[] = {sl_v_i64(SL_INT8, 5), sl_v_items(SL_STRUCT, in, 2), sl_v_f64(SL_FLOAT64, 1e21)};
        struct sl_value pair[] = {sl_v_bool(true), sl_v_i64(SL_INT32, 1)};
        expect(outer, sl_v_items(SL_STRUCT, out, 3),
               "{\"a\":5,\"s\":{\"x\":[{\"k\":-1,\"null\":null},{}],\"q\\\"\\n\":null},\"z\":1.0E21}");
        expect(pairs, sl_v_items(SL_MAP, pair, 1), "[[true,1]]");
        expect(inner, SL_V_NULL,
               "ERR Conversion error: null value for field that is required and has no default value");
        expect(sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT}), sl_v_items(SL_STRUCT, NULL, 0), "{}");
}

static void refusals(void **state)
{
        (void)state;
        const struct sl_schema *row = STRUCT(F("a", S(SL_INT8)), F("b", S(SL_STRING)));
        struct sl_value v[] = {sl_v_i64(SL_INT8, 5), SL_V_NULL};
        expect(row, sl_v_items(SL_STRUCT, v, 2),
               "ERR Conversion error: null value for field that is required and has no default value (field b)");
        v[1] = sl_v_i64(SL_INT64, 1);
        expect(row, sl_v_items(SL_STRUCT, v, 2), "ERR Invalid type for STRING: class java.lang.Long (field b)");
        expect(row, sl_v_items(SL_STRUCT, v, 1), "ERR Mismatching schema.");
        expect(S(SL_INT32), sl_v_str(SL_STR("x")), "ERR Invalid type for INT32: class java.lang.String");
}

static void ceiling(void **state)
{
        (void)state;
        struct sl_json_writer *w = sl_json_writer_new(SL_DECIMAL_BASE64, true);
        struct sl_value v = sl_v_str(SL_STR("123456789"));
        struct sl_buf out;
        struct sl_err err = {0};
        sl_buf_init(&out, 10);
        assert_int_equal(sl_json_write_value(w, S(SL_STRING), &v, &out, &err), SL_BUSINESS);
        assert_int_equal(err.id, SL_E_TOO_LARGE);
        sl_buf_free(&out);
        sl_json_writer_free(w);
}

static void deep(void **state)
{
        (void)state;
        struct sl_value v[300];
        v[0] = sl_v_i64(SL_INT8, 1);
        for (int i = 1; i < 300; i++)
                v[i] = sl_v_items(SL_ARRAY, &v[i - 1], 1);
        expect(NULL, v[299], "ERR a value is nested deeper than 200 levels");
}

/* ---- decimals ---- */

static uint64_t seed;
static uint64_t rng(void)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        return seed ^= seed << 17;
}

/* Text -> bytes -> text; the scale of the text is the scale of the schema, so nothing may change. */
static void decimals_round_trip(void **state)
{
        (void)state;
        struct sl_arena arena;
        struct sl_buf text = {0}, back = {0}, scratch = {0};
        seed = (uint64_t)time(NULL) | 1;
        print_message("seed %llu\n", (unsigned long long)seed);
        sl_arena_init(&arena, 0);
        for (int i = 0; i < 20000; i++) {
                int whole = (int)(rng() % (i % 100 ? 40 : 600)) + 1, scale = (int)(rng() % 7);
                struct sl_value v;
                sl_buf_clear(&text);
                sl_buf_clear(&back);
                if (rng() & 1)
                        sl_buf_addc(&text, '-');
                for (int k = 0; k < whole; k++)
                        sl_buf_addc(&text, (char)(k ? '0' + rng() % 10 : '1' + rng() % 9));
                if (scale)
                        sl_buf_addc(&text, '.');
                for (int k = 0; k < scale; k++)
                        sl_buf_addc(&text, (char)('0' + rng() % 10));
                struct sl_str s = {sl_buf_cstr(&text), text.len};
                assert_int_equal(sl_decimal_parse(s, scale, &arena, &v, NULL), SL_OK);
                if (v.len > 1)
                        assert_false((uint8_t)v.ptr[0] == ((uint8_t)v.ptr[1] & 0x80 ? 0xff : 0)); /* minimal */
                sl_decimal_print(v.ptr, v.len, scale, &scratch, &back);
                assert_string_equal(sl_buf_cstr(&back), s.ptr);
                sl_arena_reset(&arena);
        }
        sl_buf_free(&text);
        sl_buf_free(&back);
        sl_buf_free(&scratch);
        sl_arena_free(&arena);
}

static void decimals_refused(void **state)
{
        (void)state;
        struct sl_arena arena;
        struct sl_value v;
        struct sl_err err = {0};
        sl_arena_init(&arena, 0);
        assert_int_equal(sl_decimal_parse(SL_STR("1.234"), 2, &arena, &v, &err), SL_SCHEMA);
        assert_string_equal(
                err.msg, "Decimal value has mismatching scale for given Decimal schema. Schema has scale 2, value has "
                         "scale 3.");
        sl_err_clear(&err);
        assert_int_equal(sl_decimal_parse(SL_STR("1e999999999"), 2, &arena, &v, &err), SL_BUSINESS);
        assert_int_equal(sl_decimal_parse(SL_STR("1e-999999999"), 2, &arena, &v, NULL), SL_SCHEMA);
        assert_int_equal(sl_decimal_parse(SL_STR("0e-999999999"), 2, &arena, &v, NULL), SL_OK);
        assert_int_equal(v.len, 1);
        assert_int_equal(v.ptr[0], 0);
        assert_int_equal(sl_decimal_low_bits(SL_STR("18446744073709551617")), 1);
        assert_int_equal(sl_decimal_low_bits(SL_STR("-12.99e1")), -129);
        assert_int_equal(sl_decimal_low_bits(SL_STR("1e999999999")), 0);
        sl_arena_free(&arena);
}

/* ---- the hot path ---- */

static const struct sl_schema *envelope(void)
{
        struct sl_param scale[] = {{"scale", "2"}};
        const struct sl_schema *decimal = sl_schema_intern(&(struct sl_schema){.type = SL_BYTES,
                                                                               .optional = true,
                                                                               .name = SL_NAME_DECIMAL,
                                                                               .version = 1,
                                                                               .params = scale,
                                                                               .param_count = 1});
        struct sl_field row[] = {F("id", S(SL_INT64)), F("account", S(SL_STRING)), F("amount", decimal),
                                 F("at", O(SL_INT64)), F("rate", O(SL_FLOAT64)),   F("note", O(SL_STRING))};
        const struct sl_schema *value = sl_schema_intern(&(struct sl_schema){
                .type = SL_STRUCT, .optional = true, .name = "bank.Value", .fields = row, .field_count = 6});
        struct sl_field env[] = {F("before", value), F("after", value), F("op", S(SL_STRING)), F("ts_ms", O(SL_INT64))};
        return sl_schema_intern(
                &(struct sl_schema){.type = SL_STRUCT, .name = "bank.Envelope", .fields = env, .field_count = 4});
}

static void bound_row_allocates_nothing(void **state)
{
        (void)state;
        for (int numeric = 0; numeric < 2; numeric++) {
                const struct sl_converter_ops *ops = sl_converter_find("JsonConverter");
                struct sl_cfg_report report = {0};
                struct sl_arena arena = {0}, rows;
                struct sl_props props = {0};
                struct sl_buf out = {0};
                void *cfg = sl_calloc(1, ops->config_size), *st = sl_calloc(1, ops->state_size);
                const struct sl_schema *schema = envelope(), *back;
                uint64_t before = 0;
                bool null;
                if (numeric)
                        sl_props_set(&props, "decimal.format", "NUMERIC");
                sl_cfg_parse(ops->config, &props, cfg, &arena, &report);
                assert_int_equal(ops->open(st, cfg, false, NULL, NULL), SL_OK);
                sl_arena_init(&rows, 0);
                for (int i = 0; i < 2000; i++) {
                        struct sl_value row[] = {
                                sl_v_i64(SL_INT64, i),         sl_v_str(SL_STR("DE89\"3704\n0044")),
                                sl_v_bytes("\x01\x10", 2),     SL_V_NULL,
                                sl_v_f64(SL_FLOAT64, i / 7.0), sl_v_str(SL_STR("na\xc3\xafve \xf0\x9f\x98\x80"))};
                        struct sl_value env[] = {SL_V_NULL, sl_v_items(SL_STRUCT, row, 6), sl_v_str(SL_STR("c")),
                                                 sl_v_i64(SL_INT64, i)};
                        struct sl_value v = sl_v_items(SL_STRUCT, env, 4), again;
                        if (i == 100)
                                before = allocations();
                        sl_buf_clear(&out);
                        sl_arena_reset(&rows);
                        if (ops->encode(st, SL_STR("t"), schema, &v, &out, &null, NULL) != SL_OK)
                                fail();
                        if (ops->decode(st, SL_STR("t"), (struct sl_str){out.ptr, out.len}, &rows, &back, &again,
                                        NULL) != SL_OK)
                                fail();
                        if (back != schema || !sl_value_equal(&v, &again))
                                fail();
                }
                assert_int_equal(allocations() - before, 0);
                ops->close(st);
                free(st);
                free(cfg);
                sl_buf_free(&out);
                sl_arena_free(&rows);
                sl_arena_free(&arena);
                sl_props_free(&props);
                sl_cfg_report_free(&report);
        }
}

/* Arrays and maps whose members have no common type: what Values reads from "[1,\"a\"]" and "{}". */
static void members_without_schema(void **state)
{
        (void)state;
        const struct sl_schema *list = sl_schema_intern(&(struct sl_schema){.type = SL_ARRAY}),
                               *map = sl_schema_intern(&(struct sl_schema){.type = SL_MAP}),
                               *half = sl_schema_intern(&(struct sl_schema){.type = SL_MAP, .key = S(SL_STRING)});
        const struct sl_value items[] = {sl_v_str(SL_STR("k")), SL_V_NULL, sl_v_i64(SL_INT8, 1), sl_v_bool(true)};
        const struct {
                const struct sl_schema *schema;
                struct sl_value v;
                const char *json;
        } cases[] = {
                {list, sl_v_items(SL_ARRAY, items, 4), "[\"k\",null,1,true]"},
                {list, sl_v_items(SL_ARRAY, NULL, 0), "[]"},
                {map, sl_v_items(SL_MAP, items, 1), "{\"k\":null}"},
                {map, sl_v_items(SL_MAP, items, 2), "[[\"k\",null],[1,true]]"},
                {half, sl_v_items(SL_MAP, items, 1), "{\"k\":null}"},
        };
        struct sl_json_writer *w = sl_json_writer_new(SL_DECIMAL_BASE64, true);
        struct sl_buf out = {0};
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                sl_buf_clear(&out);
                assert_int_equal(sl_json_write_value(w, cases[i].schema, &cases[i].v, &out, NULL), SL_OK);
                assert_string_equal(sl_buf_cstr(&out), cases[i].json);
        }
        assert_int_equal(sl_json_write_value(w, map, &SL_V_NULL, &out, NULL), SL_SCHEMA);
        sl_buf_clear(&out);
        sl_json_write_schema(half, &out);
        assert_string_equal(sl_buf_cstr(&out), "{\"type\":\"map\",\"keys\":{\"type\":\"string\",\"optional\":false},"
                                               "\"values\":null,\"optional\":false}");
        sl_buf_free(&out);
        sl_json_writer_free(w);
}

/* The count works, else the test above shows nothing. */
static void allocations_are_counted(void **state)
{
        (void)state;
        uint64_t before = allocations();
        free(sl_malloc(10));
        assert_int_equal(allocations() - before, ALLOC_COUNTED);
}

/* A wide nested struct is written from memory when it comes again: never when anything in it differs. */
static void repeated_structs(void **state)
{
        (void)state;
        struct sl_field inner[9];
        for (int i = 0; i < 9; i++)
                inner[i] = (struct sl_field)F(&"abcdefghi"[i], O(i % 2 ? SL_STRING : SL_INT64));
        const struct sl_schema *schema = STRUCT(F("s", sl_schema_intern(&(struct sl_schema){
                                                               .type = SL_STRUCT, .fields = inner, .field_count = 9})));
        struct sl_json_writer *kept = sl_json_writer_new(SL_DECIMAL_BASE64, true);
        char texts[9][8] = {{0}};
        struct sl_value items[9] = {{0}}, row = sl_v_items(SL_STRUCT, items, 9), v = sl_v_items(SL_STRUCT, &row, 1);
        for (int round = 0; round < 20000; round++) {
                /* Mostly the same again; now and then one field changes, also in bytes that stay where they are. */
                for (int changes = round < 9 ? 9 : rand() % 4 == 0; changes; changes--) {
                        int i = rand() % 9, len = rand() % 4;
                        memset(texts[i], 'a' + rand() % 3, 4);
                        items[i] = rand() % 5 == 0 ? SL_V_NULL
                                   : i % 2         ? sl_v_str((struct sl_str){texts[i], (size_t)len})
                                                   : sl_v_i64(SL_INT64, rand() % 3);
                }
                struct sl_json_writer *fresh = sl_json_writer_new(SL_DECIMAL_BASE64, true);
                struct sl_buf a = {0}, b = {0};
                struct sl_err err = {0};
                assert_int_equal(sl_json_write_value(kept, schema, &v, &a, &err), SL_OK);
                assert_int_equal(sl_json_write_value(fresh, schema, &v, &b, &err), SL_OK);
                assert_string_equal(sl_buf_cstr(&a), sl_buf_cstr(&b));
                sl_buf_free(&a);
                sl_buf_free(&b);
                sl_json_writer_free(fresh);
        }
        sl_json_writer_free(kept);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(repeated_structs), cmocka_unit_test(schemaless),
                cmocka_unit_test(with_schema),
                cmocka_unit_test(refusals),
                cmocka_unit_test(ceiling),
                cmocka_unit_test(deep),
                cmocka_unit_test(decimals_round_trip),
                cmocka_unit_test(decimals_refused),
                cmocka_unit_test(bound_row_allocates_nothing),
                cmocka_unit_test(members_without_schema),
                cmocka_unit_test(allocations_are_counted),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
