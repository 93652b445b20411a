/* SPDX-License-Identifier: Apache-2.0 */
/* DropHeaders, HeaderFrom and InsertHeader: that the headers as consumed stay what they were, and that rows allocate
 * nothing. What the transforms make of records is compared with Kafka's own classes in tests/conformance/transforms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/plugin.h"
#include "tests/unit/allocations.h"

struct smt {
        const struct sl_transform_ops *ops;
        struct sl_arena config, arena;
        void *cfg, *st;
        struct sl_cfg_report report;
};

/* pairs: key, value, ..., NULL. */
static bool smt_open(struct smt *t, const char *name, const char *const *pairs)
{
        struct sl_props props = {0};
        *t = (struct smt){0};
        for (; *pairs; pairs += 2)
                sl_props_set(&props, pairs[0], pairs[1]);
        sl_arena_init(&t->config, 0);
        sl_arena_init(&t->arena, 0);
        for (size_t i = 0; sl_transforms[i]; i++)
                if (strcmp(sl_transforms[i]->name, name) == 0)
                        t->ops = sl_transforms[i];
        assert_non_null(t->ops);
        t->cfg = sl_calloc(1, t->ops->config_size);
        t->st = sl_calloc(1, t->ops->state_size);
        sl_cfg_parse(t->ops->config, &props, t->cfg, &t->config, &t->report);
        if (t->ops->check && !t->report.errors)
                t->ops->check(t->cfg, &t->report);
        sl_props_free(&props);
        return !t->report.errors && t->ops->open(t->st, t->cfg, t->ops, NULL) == SL_OK;
}

static void smt_close(struct smt *t)
{
        if (t->ops->close)
                t->ops->close(t->st);
        free(t->st);
        free(t->cfg);
        sl_cfg_report_free(&t->report);
        sl_arena_free(&t->config);
        sl_arena_free(&t->arena);
}

#define OPEN(t, name, ...) smt_open((t), (name), (const char *const[]){__VA_ARGS__, NULL})
#define MOVE "fields", "id,note", "headers", "h1,h2", "operation", "move"

static const struct sl_schema *row_schema(void)
{
        struct sl_schema note = {
                .type = SL_STRING, .optional = true, .has_default = true, .def = sl_v_str(SL_STR("none"))};
        const struct sl_field fields[] = {{.name = "id", .schema = sl_schema_of(SL_INT32, false)},
                                          {.name = "x", .schema = sl_schema_intern(&note)},
                                          {.name = "note", .schema = sl_schema_intern(&note)}};
        return sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT, .fields = fields, .field_count = 3});
}

static void originals_stay(void **state)
{
        (void)state;
        static const struct {
                const char *name, *pairs[7];
                uint32_t count;
        } cases[] = {{"DropHeaders", {"headers", "a,zz", NULL}, 1},
                     {"InsertHeader", {"header", "a", "value.literal", "[1,2]", NULL}, 4},
                     {"HeaderFrom$Value", {MOVE, NULL}, 5}};
        const struct sl_value items[] = {sl_v_i64(SL_INT32, 7), SL_V_NULL, SL_V_NULL};
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct smt t;
                struct sl_header headers[] = {{.key = SL_STR("a"), .raw = SL_STR("1")},
                                              {.key = SL_STR("b"), .raw = SL_STR("2")},
                                              {.key = SL_STR("a"), .raw = SL_STR("3")}};
                const struct sl_header *list[] = {&headers[0], &headers[1], &headers[2]}, *listed[3];
                struct sl_header before[3];
                struct sl_record rec = {.headers = list,
                                        .header_count = 3,
                                        .value_schema = row_schema(),
                                        .value = sl_v_items(SL_STRUCT, items, 3)};
                memcpy(before, headers, sizeof(before));
                memcpy(listed, list, sizeof(listed));
                assert_true(smt_open(&t, cases[i].name, cases[i].pairs));
                assert_int_equal(t.ops->apply(t.st, &rec, &t.arena, NULL), SL_OK);
                assert_int_equal(rec.header_count, cases[i].count);
                assert_memory_equal(before, headers, sizeof(before));
                assert_memory_equal(listed, list, sizeof(listed));
                for (uint32_t k = 0; k < (rec.header_count < 3 ? 1 : 3); k++) /* what does not change is not copied */
                        assert_ptr_equal(rec.headers[k], cases[i].count == 1 ? &headers[1] : &headers[k]);
                smt_close(&t);
        }
}

/* One new list for all records that have the same one, until the batch's memory is reset. */
static void one_list_for_all(void **state)
{
        (void)state;
        static const struct {
                const char *name, *pairs[5], *wanted;
        } cases[] = {{"DropHeaders", {"headers", "b", NULL}, "ac"},
                     {"DropHeaders", {"headers", "c", NULL}, "ab"},
                     {"DropHeaders", {"headers", "a,b,c", NULL}, ""},
                     {"DropHeaders", {"headers", "z", NULL}, "abc"},
                     {"InsertHeader", {"header", "d", "value.literal", "1", NULL}, "abcd"}};
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct smt t;
                assert_true(smt_open(&t, cases[i].name, cases[i].pairs));
                struct sl_header h[] = {{.key = SL_STR("a")}, {.key = SL_STR("b")}, {.key = SL_STR("c")}};
                const struct sl_header *same[] = {&h[0], &h[1], &h[2]}, *two[] = {&h[0], &h[2]};
                for (int round = 0; round < 3; round++) {
                        struct sl_record a = {.headers = same, .header_count = 3}, b = a, shorter = {.headers = same, .header_count = 2};
                        struct sl_record other = {.headers = two, .header_count = 2};
                        assert_int_equal(t.ops->apply(t.st, &a, &t.arena, NULL), SL_OK);
                        assert_int_equal(t.ops->apply(t.st, &b, &t.arena, NULL), SL_OK);
                        assert_true(a.headers == b.headers && a.header_count == b.header_count);
                        assert_int_equal(a.header_count, strlen(cases[i].wanted));
                        for (uint32_t k = 0; k < a.header_count; k++)
                                assert_int_equal(a.headers[k]->key.ptr[0], cases[i].wanted[k]);
                        assert_int_equal(t.ops->apply(t.st, &shorter, &t.arena, NULL), SL_OK);
                        assert_int_equal(t.ops->apply(t.st, &other, &t.arena, NULL), SL_OK);
                        assert_int_equal(shorter.header_count, strlen(cases[i].wanted) - (i != 1 && strchr(cases[i].wanted, 'c')));
                        for (uint32_t k = 0; k < 3; k++)
                                assert_int_equal(same[k]->key.ptr[0], "abc"[k]);
                        sl_arena_reset(&t.arena);
                        memset(sl_arena_alloc(&t.arena, 1024), 0xee, 1024); /* where the list lay */
                        sl_arena_reset(&t.arena);
                }
                smt_close(&t);
        }
}

static void defaults_move(void **state)
{
        (void)state;
        struct smt t;
        const struct sl_value items[] = {sl_v_i64(SL_INT32, 7), SL_V_NULL, SL_V_NULL};
        struct sl_record rec = {.value_schema = row_schema(), .value = sl_v_items(SL_STRUCT, items, 3)};
        assert_true(OPEN(&t, "HeaderFrom$Value", MOVE));
        assert_int_equal(t.ops->apply(t.st, &rec, &t.arena, NULL), SL_OK);
        assert_int_equal(rec.header_count, 2);
        assert_int_equal(rec.headers[0]->value.i64, 7);
        assert_true(sl_str_eqc(sl_v_as_str(&rec.headers[1]->value), "none"));
        assert_int_equal(rec.value_schema->field_count, 1);
        assert_true(sl_str_eqc(sl_v_as_str(&rec.value.items[0]), "none"));
        smt_close(&t);
}

static void refusals(void **state)
{
        (void)state;
        struct smt t;
        struct sl_err err = {0};
        const struct sl_value items[] = {sl_v_i64(SL_INT32, 7), SL_V_NULL, SL_V_NULL};
        struct sl_record rec = {.value_schema = row_schema(), .value = sl_v_items(SL_STRUCT, items, 3)}, null = {0};
        assert_true(OPEN(&t, "HeaderFrom$Value", "fields", "nope", "headers", "h", "operation", "copy"));
        assert_int_equal(t.ops->apply(t.st, &rec, &t.arena, &err), SL_BUSINESS);
        assert_string_equal(err.msg, "the record has no field nope for [header copy]");
        sl_err_clear(&err);
        assert_int_equal(t.ops->apply(t.st, &null, &t.arena, &err), SL_BUSINESS);
        assert_string_equal(err.msg, "Only Map objects supported in absence of schema for [header copy], found: null");
        smt_close(&t);
        assert_false(OPEN(&t, "HeaderFrom$Key", "fields", "a,b", "headers", "h", "operation", "copy"));
        assert_string_equal(t.report.findings[0].text,
                            "'fields' config must have the same number of elements as 'headers' config.");
        smt_close(&t);
        assert_false(OPEN(&t, "HeaderFrom$Key", "fields", "", "headers", "h", "operation", "copy"));
        assert_string_equal(t.report.findings[0].text, "Invalid value [] for configuration fields: Empty list");
        smt_close(&t);
        assert_false(OPEN(&t, "DropHeaders", "headers", "a,b,a"));
        assert_string_equal(t.report.findings[0].text, "Configuration 'headers' values must not be duplicated.");
        smt_close(&t);
}

static void rows_allocate_nothing(void **state)
{
        (void)state;
        static const struct {
                const char *name, *pairs[7];
        } cases[] = {{"DropHeaders", {"headers", "a", NULL}},
                     {"InsertHeader", {"header", "a", "value.literal", "[1,2]", NULL}},
                     {"HeaderFrom$Value", {MOVE, NULL}}};
        const struct sl_value items[] = {sl_v_i64(SL_INT32, 7), SL_V_NULL, SL_V_NULL};
        struct sl_header h[] = {{.key = SL_STR("a")}, {.key = SL_STR("b")}};
        const struct sl_header *headers[] = {&h[0], &h[1]};
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct smt t;
                uint64_t before = 0;
                assert_true(smt_open(&t, cases[i].name, cases[i].pairs));
                for (int k = 0; k < 1000; k++) {
                        struct sl_record rec = {.headers = headers,
                                                .header_count = 2,
                                                .value_schema = row_schema(),
                                                .value = sl_v_items(SL_STRUCT, items, 3)};
                        uint64_t now = allocations();
                        if (t.ops->apply(t.st, &rec, &t.arena, NULL) != SL_OK)
                                fail();
                        before += k >= 100 ? allocations() - now : 0;
                        if (k % 50 == 0)
                                sl_arena_reset(&t.arena);
                }
                assert_int_equal(before, 0);
                smt_close(&t);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(originals_stay),
                cmocka_unit_test(one_list_for_all),
                cmocka_unit_test(defaults_move),
                cmocka_unit_test(refusals),
                cmocka_unit_test(rows_allocate_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
