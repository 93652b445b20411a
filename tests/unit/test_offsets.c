/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets as REST changes them: a sink's partitions from JSON, and what the offsets topic holds for a source, however its
 * keys are spelled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/json.h"
#include "cluster/offsets.h"

static struct sl_arena arena;
static struct sl_offsets set, forget;
static struct sl_offsets_answer answer;

static bool parse(const char *text)
{
        json_t *list = NULL;
        assert_int_equal(sl_json_parse(sl_str_c(text), &list, NULL), SL_OK);
        set = forget = (struct sl_offsets){.arena = &arena};
        memset(&answer, 0, sizeof(answer));
        bool ok = sl_offsets_parse_sink(list, &set, &forget, &answer);
        json_decref(list);
        return ok;
}

static void sink_partitions(void **state)
{
        (void)state;
        assert_true(parse("[{\"partition\":{\"kafka_topic\":\"t\",\"kafka_partition\":3},\"offset\":{\"kafka_offset\":\"7\"}},"
                          "{\"partition\":{\"kafka_topic\":5,\"kafka_partition\":\"0\"},\"offset\":null},"
                          "{\"partition\":{\"kafka_topic\":\"u\",\"kafka_partition\":1}}]"));
        assert_int_equal(set.count, 1);
        assert_string_equal(set.items[0].tp.topic, "t");
        assert_int_equal(set.items[0].tp.partition, 3);
        assert_int_equal(set.items[0].offset, 7);
        assert_int_equal(forget.count, 2);
        assert_string_equal(forget.items[0].tp.topic, "5");
        /* The last one for a partition counts. */
        assert_true(parse("[{\"partition\":{\"kafka_topic\":\"t\",\"kafka_partition\":0},\"offset\":{\"kafka_offset\":1}},"
                          "{\"partition\":{\"kafka_topic\":\"t\",\"kafka_partition\":0},\"offset\":null},"
                          "{\"partition\":{\"kafka_topic\":\"t\",\"kafka_partition\":0},\"offset\":{\"kafka_offset\":2}}]"));
        assert_int_equal(set.count, 1);
        assert_int_equal(set.items[0].offset, 2);
        assert_int_equal(forget.count, 0);
}

static void sink_refusals(void **state)
{
        (void)state;
        static const char *const cases[][2] = {
                {"[{\"partition\":null}]", "The partition for a sink connector offset cannot be null or missing"},
                {"[{}]", "The partition for a sink connector offset cannot be null or missing"},
                {"[{\"partition\":{\"kafka_topic\":\"t\"}}]",
                 "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'"},
                {"[{\"partition\":{\"kafka_topic\":null,\"kafka_partition\":1}}]",
                 "Kafka topic names must be valid strings and may not be null"},
                {"[{\"partition\":{\"kafka_topic\":\"t\",\"kafka_partition\":null}}]",
                 "Kafka partitions must be valid numbers and may not be null"},
                {"[{\"partition\":{\"kafka_topic\":\"t\",\"kafka_partition\":1.5}}]",
                 "Failed to parse the following Kafka partition value in the provided offsets: '1.5'. Partition values for "
                 "sink connectors need to be integers."},
                {"[{\"partition\":{\"kafka_topic\":\"t\",\"kafka_partition\":2147483648}}]",
                 "Failed to parse the following Kafka partition value in the provided offsets: '2147483648'. Partition "
                 "values for sink connectors need to be integers."},
                {"[{\"partition\":{\"kafka_topic\":\"t\",\"kafka_partition\":1},\"offset\":{}}]",
                 "The offset for a sink connector should either be null or contain the key 'kafka_offset'"},
                {"[{\"partition\":{\"kafka_topic\":\"t\",\"kafka_partition\":1},\"offset\":{\"kafka_offset\":null}}]",
                 "Failed to parse the following Kafka offset value in the provided offsets: 'null'. Offset values for sink "
                 "connectors need to be integers."},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_false(parse(cases[i][0]));
                assert_int_equal(answer.status, 400);
                assert_string_equal(answer.message, cases[i][1]);
        }
}

static void see(struct sl_stored_offsets *s, const char *key, const char *value)
{
        sl_stored_offsets_see(s, sl_str_c(key), value ? sl_str_c(value) : SL_STR_NULL);
}

static void expect(const struct sl_stored_offsets *own, const struct sl_stored_offsets *below, const char *wanted)
{
        struct sl_buf text = {0};
        json_t *list = sl_stored_offsets_json(own, below);
        sl_json_dump(list, &text);
        assert_string_equal(sl_buf_cstr(&text), wanted);
        sl_buf_free(&text);
        json_decref(list);
}

static void stored_offsets(void **state)
{
        (void)state;
        struct sl_stored_offsets s = {.connector = "n"}, below = {.connector = "n"};
        see(&s, "[\"n\",{\"a\":1,\"b\":\"x\"}]", "{\"p\":1}");
        see(&s, "[\"other\",{\"a\":1,\"b\":\"x\"}]", "{\"p\":2}");
        see(&s, "[\"n\", {\"b\":\"x\", \"a\":1}]", "{\"p\":3}"); /* the same partition */
        see(&s, "[\"n\",{\"a\":2}]", "{\"p\":4}");
        see(&s, "[\"n\",{\"a\":2}]", NULL);
        see(&s, "[\"n\",{\"a\":3}]", "no json");
        see(&s, "no json", "{}");
        see(&s, "[\"n\"]", "{}");
        see(&s, "[\"n\",5]", "{}");
        see(&s, "[\"n\",null]", "{\"p\":5}");
        expect(&s, NULL,
               "[{\"partition\":{\"b\":\"x\",\"a\":1},\"offset\":{\"p\":3}},{\"partition\":null,\"offset\":{\"p\":5}}]");
        /* A topic of the connector's own wins; what it has forgotten is looked for beneath. */
        see(&below, "[\"n\",{\"a\":1,\"b\":\"x\"}]", "{\"p\":9}");
        see(&below, "[\"n\",{\"a\":2}]", "{\"p\":8}");
        expect(&s, &below,
               "[{\"partition\":{\"b\":\"x\",\"a\":1},\"offset\":{\"p\":3}},{\"partition\":null,\"offset\":{\"p\":5}},"
               "{\"partition\":{\"a\":2},\"offset\":{\"p\":8}}]");
        sl_stored_offsets_free(&s);
        sl_stored_offsets_free(&below);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(sink_partitions),
                cmocka_unit_test(sink_refusals),
                cmocka_unit_test(stored_offsets),
        };
        sl_arena_init(&arena, 4096);
        int failed = cmocka_run_group_tests(tests, NULL, NULL);
        sl_arena_free(&arena);
        return failed;
}
