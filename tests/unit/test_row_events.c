/* SPDX-License-Identifier: Apache-2.0 */
/* The transforms of Debezium's row events: what they allocate, that a row's values are pointed at and not copied, and
 * the keys of Debezium 2. What they do is compared with the real classes by tests/conformance/transforms/run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/plugin.h"
#include "tests/unit/allocations.h"
#include "tests/unit/smt.h"

extern const struct sl_transform_ops sl_extract_new_record_state, sl_extract_changed_record_state, sl_header_to_value,
        sl_extract_schema_to_new_record;

#define COLUMNS 20
static const char name_text[] = "a value that nobody copies";

static const struct sl_schema *event_schema(void)
{
        static char names[COLUMNS][16];
        struct sl_field columns[COLUMNS];
        const struct sl_param params[] = {{"__debezium.source.column.name", "c"},
                                          {"__debezium.source.column.type", "TEXT"}};
        struct sl_schema text = {.type = SL_STRING, .optional = true, .params = params, .param_count = 2};
        for (int i = 0; i < COLUMNS; i++) {
                snprintf(names[i], sizeof(names[i]), "c%d", i);
                columns[i] = (struct sl_field){.name = names[i], .schema = sl_schema_intern(&text)};
        }
        struct sl_schema row = {
                .type = SL_STRUCT, .optional = true, .name = "t.Value", .fields = columns, .field_count = COLUMNS};
        struct sl_field origin[] = {{.name = "table", .schema = sl_schema_of(SL_STRING, false)},
                                    {.name = "lsn", .schema = sl_schema_of(SL_INT64, true)}};
        struct sl_schema source = {.type = SL_STRUCT, .name = "Source", .fields = origin, .field_count = 2};
        struct sl_field fields[] = {{.name = "before", .schema = sl_schema_intern(&row)},
                                    {.name = "after", .schema = sl_schema_intern(&row)},
                                    {.name = "source", .schema = sl_schema_intern(&source)},
                                    {.name = "op", .schema = sl_schema_of(SL_STRING, false)}};
        struct sl_schema env = {.type = SL_STRUCT, .name = "t.Envelope", .fields = fields, .field_count = 4};
        return sl_schema_intern(&env);
}

/* An update of every third column, a delete every fifth time. */
static struct sl_record event(int i, struct sl_arena *arena)
{
        struct sl_value *v = sl_arena_alloc(arena, 4 * sizeof(*v)), *source = sl_arena_alloc(arena, 2 * sizeof(*v));
        struct sl_value *rows[2];
        for (int r = 0; r < 2; r++) {
                rows[r] = sl_arena_alloc(arena, COLUMNS * sizeof(*v));
                for (int c = 0; c < COLUMNS; c++)
                        rows[r][c] = sl_v_str((struct sl_str){name_text, 10 + (r && (c + i) % 3 == 0)});
        }
        source[0] = sl_v_str(SL_STR("t"));
        source[1] = sl_v_i64(SL_INT64, i);
        v[0] = sl_v_items(SL_STRUCT, rows[0], COLUMNS);
        v[1] = i % 5 ? sl_v_items(SL_STRUCT, rows[1], COLUMNS) : SL_V_NULL;
        v[2] = sl_v_items(SL_STRUCT, source, 2);
        v[3] = sl_v_str(i % 5 ? SL_STR("u") : SL_STR("d"));
        return (struct sl_record){
                .topic = SL_STR("t"), .value_schema = event_schema(), .value = sl_v_items(SL_STRUCT, v, 4)};
}

static void apply_all(struct smt *chain, int count, int i, struct sl_arena *arena)
{
        struct sl_record rec = event(i, arena);
        for (int s = 0; s < count; s++)
                if (chain[s].ops->apply(chain[s].st, &rec, arena, NULL) != SL_OK || rec.dropped)
                        fail();
}

/* Once all schemas have been met, rows take nothing but the arena's memory, whichever fields they leave out. */
static void nothing_per_row(void **state)
{
        (void)state;
        struct smt chain[4];
        struct sl_arena arena;
        sl_arena_init(&arena, 0);
        assert_true(OPEN(&chain[0], &sl_extract_schema_to_new_record));
        assert_true(OPEN(&chain[1], &sl_extract_changed_record_state, "header.changed.name", "changed",
                         "header.unchanged.name", "same"));
        assert_true(OPEN(&chain[2], &sl_header_to_value, "headers", "changed", "fields", "source.changed", "operation",
                         "move"));
        assert_true(OPEN(&chain[3], &sl_extract_new_record_state, "delete.tombstone.handling.mode", "rewrite",
                         "add.fields", "op,table,lsn,source.changed", "add.headers", "op", "drop.fields.header.name",
                         "same", "route.by.field", "c1"));
        uint64_t before = 0;
        for (int i = 0; i < 3000; i++) {
                if (i == 30)
                        before = allocations();
                if (i % 10 == 0)
                        sl_arena_reset(&arena);
                apply_all(chain, 4, i, &arena);
        }
        assert_int_equal(allocations() - before, 0);
        for (int s = 0; s < 4; s++)
                smt_close(&chain[s]);
        sl_arena_free(&arena);
}

static void values_are_not_copied(void **state)
{
        (void)state;
        struct smt t;
        assert_true(OPEN(&t, &sl_extract_new_record_state, "delete.tombstone.handling.mode", "rewrite", "add.fields",
                         "op,table"));
        for (int i = 0; i < 2; i++) {
                struct sl_record rec = event(i, &t.arena);
                assert_int_equal(t.ops->apply(t.st, &rec, &t.arena, NULL), SL_OK);
                assert_int_equal(rec.value.len, COLUMNS + 3);
                assert_string_equal(rec.value_schema->fields[COLUMNS].name, "__deleted");
                assert_true(sl_str_eqc(sl_v_as_str(&rec.value.items[COLUMNS]), i ? "false" : "true"));
                for (int c = 0; c < COLUMNS; c++)
                        assert_ptr_equal(rec.value.items[c].ptr, name_text);
        }
        smt_close(&t);
        /* With nothing to add the row itself is the record. */
        assert_true(OPEN(&t, &sl_extract_new_record_state));
        struct sl_record rec = event(1, &t.arena);
        const struct sl_value *after = rec.value.items[1].items;
        assert_int_equal(t.ops->apply(t.st, &rec, &t.arena, NULL), SL_OK);
        assert_ptr_equal(rec.value.items, after);
        smt_close(&t);
}

/* The mark of a TOAST value that was not sent stays on it. */
static void marks_stay(void **state)
{
        (void)state;
        struct smt t;
        assert_true(OPEN(&t, &sl_extract_new_record_state));
        struct sl_record rec = event(1, &t.arena);
        struct sl_value *row = (struct sl_value *)rec.value.items[1].items;
        row[3].flags = SL_V_UNAVAILABLE;
        assert_int_equal(t.ops->apply(t.st, &rec, &t.arena, NULL), SL_OK);
        assert_int_equal(rec.value.items[3].flags, SL_V_UNAVAILABLE);
        smt_close(&t);
}

static bool refused(const char *tombstones, const char *deletes, const char *mode, const char *text)
{
        struct smt t;
        const char *pairs[7], **p = pairs;
        const char *const given[] = {
                "drop.tombstones", tombstones, "delete.handling.mode", deletes, "delete.tombstone.handling.mode", mode};
        for (int i = 0; i < 6; i += 2)
                if (given[i + 1]) {
                        *p++ = given[i];
                        *p++ = given[i + 1];
                }
        *p = NULL;
        bool opened = smt_open(&t, &sl_extract_new_record_state, pairs, NULL);
        bool said = !opened && strstr(sl_buf_cstr(&t.problem), text);
        smt_close(&t);
        return said;
}

/* Where Debezium 2 and 3 would differ, the config says what it wants. */
static void keys_of_debezium_2(void **state)
{
        (void)state;
        static const struct {
                const char *tombstones, *deletes, *write;
        } old[] = {{"false", NULL, "=delete-to-tombstone"},
                   {NULL, "drop", "=drop "},
                   {"true", "drop", "=drop "},
                   {"false", "drop", "=delete-to-tombstone"},
                   {"true", "REWRITE", "=rewrite "},
                   {NULL, "rewrite", "=rewrite "},
                   {"false", "rewrite", "=rewrite-with-tombstone"},
                   {"false", "none", "remove them"}};
        for (size_t i = 0; i < sizeof(old) / sizeof(*old); i++) {
                assert_true(refused(old[i].tombstones, old[i].deletes, NULL, old[i].write));
                assert_false(refused(old[i].tombstones, old[i].deletes, "rewrite", ""));
        }
        assert_true(refused("true", NULL, NULL, "=drop "));
        assert_false(refused(NULL, "none", NULL, ""));
        assert_false(refused("true", "none", NULL, ""));
        assert_true(refused(NULL, "all", NULL, "delete.handling.mode"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_per_row),
                cmocka_unit_test(values_are_not_copied),
                cmocka_unit_test(marks_stay),
                cmocka_unit_test(keys_of_debezium_2),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
