/* SPDX-License-Identifier: Apache-2.0 */
/* RegexRouter against the answers of Kafka's own (tests/golden/transforms/regexrouter.tsv), and InsertField. */
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

extern const struct sl_transform_ops sl_regex_router, sl_insert_field_key, sl_insert_field_value;

/* ---- RegexRouter ---- */

/* Java refuses a bad replacement when a record matches, we when the config is checked; what the regex compiler says
 * about a bad regex is PCRE2's. "" and "x" where a cell of the file can't say it. */
static bool router_agrees(const char *regex, const char *replacement, const char *topic, const char *java)
{
        struct smt t;
        struct sl_err err = {0};
        bool agrees, opened = smt_open(&t, &sl_regex_router,
                                       (const char *const[]){"regex", regex, "replacement", replacement, NULL}, &err);
        if (strncmp(java, "ERR ", 4) == 0) {
                const char *stop = strstr(java, "Invalid regex");
                size_t n = stop ? (size_t)(stop - java) - 4 + strlen("Invalid regex") : strlen(java + 4);
                char *text = sl_strndup(java + 4, n);
                agrees = !opened && strstr(sl_buf_cstr(&t.problem), text);
                free(text);
        } else {
                struct sl_record rec = {.topic = sl_str_c(topic), .partition = 3};
                agrees = opened;
                for (int i = 0; i < 3 && agrees; i++, rec.topic = sl_str_c(topic))
                        agrees = t.ops->apply(t.st, &rec, &t.arena, &err) == SL_OK && sl_str_eqc(rec.topic, java) &&
                                 rec.partition == 3;
        }
        if (!agrees)
                print_error("%s | %s | %s: Java %s, we %s %s\n", regex, replacement, topic, java,
                            sl_buf_cstr(&t.problem), err.msg);
        smt_close(&t);
        return agrees;
}

/* Known differences: the union of classes is refused by name, Unicode's "is" properties are unknown to PCRE2. */
static bool router_refused(const char *regex)
{
        return strcmp(regex, "[[:alpha:]]") == 0;
}

static void router_golden(void **state)
{
        (void)state;
        FILE *f = fopen("tests/golden/transforms/regexrouter.tsv", "r");
        char *line = NULL;
        size_t cap = 0, cases = 0, bad = 0;
        assert_non_null(f);
        while (getline(&line, &cap, f) > 0) {
                char *cell[4], *p = line;
                line[strcspn(line, "\n")] = '\0';
                for (int i = 0; i < 4; i++)
                        cell[i] = strsep(&p, "\t");
                assert_non_null(cell[3]);
                if (router_refused(cell[0])) {
                        struct smt t;
                        assert_false(OPEN(&t, &sl_regex_router, "regex", cell[0], "replacement", cell[1]));
                        assert_non_null(strstr(sl_buf_cstr(&t.problem), "Invalid regex"));
                        smt_close(&t);
                } else {
                        bad += !router_agrees(cell[0], cell[1], cell[2], cell[3]);
                }
                cases++;
        }
        free(line);
        fclose(f);
        assert_true(cases > 60);
        assert_int_equal(bad, 0);
}

static void router_needs_both_keys(void **state)
{
        (void)state;
        struct smt t;
        assert_false(OPEN(&t, &sl_regex_router, "regex", "a"));
        assert_non_null(strstr(sl_buf_cstr(&t.problem), "replacement: Missing required configuration \"replacement\""));
        smt_close(&t);
}

/* More topics than are kept: the answers stay right, and those given before stay valid. */
static void router_many_topics(void **state)
{
        (void)state;
        struct smt t;
        struct sl_str first = {0};
        assert_true(OPEN(&t, &sl_regex_router, "regex", "t(\\d+)", "replacement", "u$1"));
        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 6000; i++) {
                        char topic[20], want[20];
                        struct sl_record rec = {0};
                        snprintf(topic, sizeof(topic), "t%d", i);
                        snprintf(want, sizeof(want), "u%d", i);
                        rec.topic = sl_str_c(topic);
                        assert_int_equal(t.ops->apply(t.st, &rec, &t.arena, NULL), SL_OK);
                        assert_true(sl_str_eqc(rec.topic, want));
                        if (i == 0 && round == 0)
                                first = rec.topic;
                }
        }
        assert_true(sl_str_eqc(first, "u0"));
        smt_close(&t);
}

static void router_allocates_nothing_per_row(void **state)
{
        (void)state;
        struct smt t;
        static const char *const topics[] = {"bank.public.a", "bank.public.b", "other"};
        assert_true(OPEN(&t, &sl_regex_router, "regex", "([^.]+)\\.([^.]+)\\.([^.]+)", "replacement", "$3"));
        uint64_t before = 0;
        for (int i = 0; i < 3000; i++) {
                struct sl_record rec = {.topic = sl_str_c(topics[i % 3])};
                if (i == 3)
                        before = allocations();
                enum sl_rc rc = t.ops->apply(t.st, &rec, &t.arena, NULL);
                if (rc != SL_OK || rec.topic.len > 5)
                        fail();
        }
        assert_int_equal(allocations() - before, 0);
        smt_close(&t);
}

/* ---- InsertField ---- */

static const struct sl_schema *row_schema(void)
{
        struct sl_schema dflt = {.type = SL_INT32, .optional = true, .has_default = true, .def = sl_v_i64(SL_INT32, 7)};
        struct sl_field fields[] = {{.name = "id", .schema = sl_schema_of(SL_INT64, false)},
                                    {.name = "n", .schema = sl_schema_intern(&dflt)}};
        struct sl_param params[] = {{"p", "1"}};
        struct sl_schema spec = {.type = SL_STRUCT,
                                 .optional = true,
                                 .name = "row",
                                 .version = 3,
                                 .doc = "d",
                                 .fields = fields,
                                 .field_count = 2,
                                 .params = params,
                                 .param_count = 1};
        return sl_schema_intern(&spec);
}

#define ALL_FIELDS                                                                                                     \
        "topic.field", "topic!", "partition.field", "part", "offset.field", "off?", "timestamp.field", "ts",           \
                "static.field", "src", "static.value", "here"

static void insert_struct(void **state)
{
        (void)state;
        struct smt t;
        struct sl_value items[] = {sl_v_i64(SL_INT64, 1), SL_V_NULL};
        struct sl_record rec = {.topic = SL_STR("tp"),
                                .partition = 4,
                                .offset = 9,
                                .timestamp_ms = 1000,
                                .value_schema = row_schema(),
                                .value = sl_v_items(SL_STRUCT, items, 2)};
        struct sl_buf text = {0};
        assert_true(OPEN(&t, &sl_insert_field_value, ALL_FIELDS));
        assert_int_equal(t.ops->apply(t.st, &rec, &t.arena, NULL), SL_OK);
        const struct sl_schema *s = rec.value_schema;
        assert_int_equal(s->field_count, 7);
        assert_false(s->optional); /* Java forgets it too */
        assert_string_equal(s->name, "row");
        assert_string_equal(s->doc, "d");
        assert_int_equal(s->version, 3);
        assert_string_equal(sl_schema_param(s, "p"), "1");
        static const char *const names[] = {"id", "n", "topic", "part", "off", "ts", "src"};
        for (int i = 0; i < 7; i++)
                assert_string_equal(s->fields[i].name, names[i]);
        assert_false(s->fields[2].schema->optional);
        assert_true(s->fields[4].schema->optional);
        assert_int_equal(s->fields[5].schema->logical, SL_LOGICAL_TIMESTAMP);
        sl_value_print(s, &rec.value, &text);
        assert_string_equal(sl_buf_cstr(&text), "Struct{id=1,n=7,topic=tp,part=4,off=9,ts=1000,src=here}");
        sl_buf_free(&text);
        smt_close(&t);
}

static void insert_source_record(void **state)
{
        (void)state;
        struct smt t;
        struct sl_value items[] = {sl_v_i64(SL_INT64, 1), SL_V_NULL};
        struct sl_record rec = {.topic = SL_STR("tp"),
                                .partition = -1,
                                .offset = -1,
                                .timestamp_ms = -1,
                                .key_schema = row_schema(),
                                .key = sl_v_items(SL_STRUCT, items, 2)};
        struct sl_record again = rec;
        struct sl_err err = {0};
        struct sl_buf text = {0};
        assert_true(OPEN(&t, &sl_insert_field_key, ALL_FIELDS));
        assert_int_equal(t.ops->apply(t.st, &rec, &t.arena, &err), SL_BUSINESS);
        assert_string_equal(err.msg, "Only SinkRecord supported for [field insertion], found: "
                                     "org.apache.kafka.connect.source.SourceRecord");
        smt_close(&t);
        assert_true(OPEN(&t, &sl_insert_field_key, "partition.field", "p", "timestamp.field", "ts",
                         "replace.null.with.default", "false"));
        assert_int_equal(t.ops->apply(t.st, &again, &t.arena, NULL), SL_OK);
        sl_value_print(again.key_schema, &again.key, &text);
        assert_string_equal(sl_buf_cstr(&text), "Struct{id=1}"); /* toString leaves nulls out */
        assert_int_equal(again.key.len, 4);
        assert_int_equal(again.key.items[1].type, SL_NULL);
        sl_buf_free(&text);
        smt_close(&t);
}

static void insert_map(void **state)
{
        (void)state;
        struct smt t;
        struct sl_value items[] = {sl_v_str(SL_STR("a")), sl_v_i64(SL_INT64, 1), sl_v_str(SL_STR("src")), SL_V_NULL};
        struct sl_record rec = {.topic = SL_STR("tp"),
                                .partition = 0,
                                .offset = 5,
                                .timestamp_ms = -1,
                                .value = sl_v_items(SL_MAP, items, 2)};
        struct sl_buf text = {0};
        assert_true(OPEN(&t, &sl_insert_field_value, ALL_FIELDS));
        assert_int_equal(t.ops->apply(t.st, &rec, &t.arena, NULL), SL_OK);
        sl_value_print(NULL, &rec.value, &text);
        assert_string_equal(sl_buf_cstr(&text), "{a=1, src=here, topic=tp, part=0, off=5}");
        assert_int_equal(items[3].type, SL_NULL); /* the input is left alone */
        sl_buf_free(&text);
        smt_close(&t);
}

static void insert_refusals(void **state)
{
        (void)state;
        struct smt t;
        struct sl_err err = {0};
        struct sl_value items[] = {sl_v_i64(SL_INT64, 1), SL_V_NULL};
        struct sl_record null = {.value_schema = row_schema()},
                         text = {.value_schema = sl_schema_of(SL_STRING, false), .value = sl_v_str(SL_STR("x"))},
                         bare = {.value = sl_v_str(SL_STR("x"))},
                         twice = {.value_schema = row_schema(), .value = sl_v_items(SL_STRUCT, items, 2)};
        assert_true(OPEN(&t, &sl_insert_field_value, "static.field", "id", "static.value", "x"));
        assert_int_equal(t.ops->apply(t.st, &null, &t.arena, NULL), SL_OK);
        assert_ptr_equal(null.value_schema, row_schema());
        assert_int_equal(t.ops->apply(t.st, &text, &t.arena, &err), SL_BUSINESS);
        assert_string_equal(err.msg, "Only Struct objects supported for [field insertion], found: java.lang.String");
        sl_err_clear(&err);
        assert_int_equal(t.ops->apply(t.st, &bare, &t.arena, &err), SL_BUSINESS);
        assert_string_equal(err.msg, "Only Map objects supported in absence of schema for [field insertion], found: "
                                     "java.lang.String");
        sl_err_clear(&err);
        assert_int_equal(t.ops->apply(t.st, &twice, &t.arena, &err), SL_BUSINESS);
        assert_string_equal(err.msg, "Cannot create field because of field name duplication id");
        assert_string_equal(err.java, "org.apache.kafka.connect.errors.SchemaBuilderException");
        smt_close(&t);
        assert_false(OPEN(&t, &sl_insert_field_value, "replace.null.with.default", "true"));
        assert_non_null(strstr(sl_buf_cstr(&t.problem), "No field insertion configured"));
        smt_close(&t);
        assert_false(OPEN(&t, &sl_insert_field_value, "static.field", "x"));
        assert_non_null(strstr(sl_buf_cstr(&t.problem), "static.value: "));
        smt_close(&t);
}

static void insert_allocates_nothing_per_row(void **state)
{
        (void)state;
        struct smt t;
        struct sl_value items[] = {sl_v_i64(SL_INT64, 1), SL_V_NULL};
        assert_true(OPEN(&t, &sl_insert_field_value, ALL_FIELDS));
        uint64_t before = 0;
        for (int i = 0; i < 1000; i++) {
                struct sl_record rec = {.topic = SL_STR("tp"),
                                        .offset = i,
                                        .value_schema = row_schema(),
                                        .value = sl_v_items(SL_STRUCT, items, 2)};
                if (i == 100)
                        before = allocations();
                uint64_t now = allocations();
                enum sl_rc rc = t.ops->apply(t.st, &rec, &t.arena, NULL);
                if (rc != SL_OK || (i > 100 && allocations() != now))
                        fail();
                if (i % 50 == 0)
                        sl_arena_reset(&t.arena);
        }
        (void)before;
        smt_close(&t);
}

static void names(void **state)
{
        (void)state;
        assert_true(sl_plugin_named(sl_insert_field_key.name, sl_insert_field_key.aliases, "",
                                    "org.apache.kafka.connect.transforms.InsertField$Key"));
        assert_true(sl_plugin_named(sl_regex_router.name, sl_regex_router.aliases, "", "RegexRouter"));
        size_t found = 0;
        for (const struct sl_transform_ops *const *p = sl_transforms; *p; p++)
                found += *p == &sl_regex_router || *p == &sl_insert_field_key || *p == &sl_insert_field_value;
        assert_int_equal(found, 3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(router_golden),
                cmocka_unit_test(router_needs_both_keys),
                cmocka_unit_test(router_many_topics),
                cmocka_unit_test(router_allocates_nothing_per_row),
                cmocka_unit_test(insert_struct),
                cmocka_unit_test(insert_source_record),
                cmocka_unit_test(insert_map),
                cmocka_unit_test(insert_refusals),
                cmocka_unit_test(insert_allocates_nothing_per_row),
                cmocka_unit_test(names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
