/* SPDX-License-Identifier: Apache-2.0 */
/* Named loggers: names from files, levels from the nearest name above, Java's names, what a change names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/log.h"

static char changed[2000];

static void note(void *arg, const char *name)
{
        size_t n = strlen(changed);
        (void)arg;
        snprintf(changed + n, sizeof(changed) - n, "%s%s", n ? " " : "", name);
}

static const char *set(const char *name, enum sl_log_level level)
{
        changed[0] = '\0';
        assert_true(sl_log_set_named(name, level, note, NULL));
        return changed;
}

static void names(void **state)
{
        static const char *const cases[][2] = {
                {"/src/worker/y/sluice/worker/pipeline/source_task.c", "sluice.pipeline.source_task"},
                {"worker/main.c", "sluice.main"},
                {"/src/connectors/postgres/stream.c", "sluice.connectors.postgres.stream"},
                {"/src/transforms/router.c", "sluice.transforms.router"},
                {"other.c", "sluice.other"},
        };
        char name[SL_LOG_NAME_MAX + 1];
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                sl_log_logger_of(cases[i][0], name, sizeof(name));
                assert_string_equal(name, cases[i][1]);
        }
}

#define STREAM "/x/connectors/postgres/stream.c"
#define SINK "/x/worker/pipeline/sink_task.c"

static void levels(void **state)
{
        (void)state;
        sl_log_init(SL_LOG_WARN, false);
        assert_true(sl_log_wants(SINK, SL_LOG_WARN));
        assert_false(sl_log_wants(SINK, SL_LOG_INFO));
        assert_false(sl_log_may(SL_LOG_INFO));
        assert_string_equal(set("sluice.pipeline", SL_LOG_DEBUG), "sluice.pipeline");
        assert_true(sl_log_may(SL_LOG_DEBUG));
        assert_true(sl_log_wants(SINK, SL_LOG_DEBUG));
        assert_false(sl_log_wants(SINK, SL_LOG_TRACE));
        assert_false(sl_log_wants(STREAM, SL_LOG_INFO));
        assert_string_equal(set("sluice.pipeline", SL_LOG_DEBUG), "");
        assert_string_equal(set("sluice.pipe", SL_LOG_INFO), "sluice.pipe sluice.pipeline"); /* by text, not by dots */
        assert_false(sl_log_wants(SINK, SL_LOG_DEBUG));
        /* A new name has the level above it: setting that is no change. */
        assert_string_equal(set("sluice.pipeline.sink_task", SL_LOG_INFO), "");
        assert_string_equal(set("ROOT", SL_LOG_ERROR), "root sluice.pipe sluice.pipeline sluice.pipeline.sink_task");
        assert_false(sl_log_may(SL_LOG_WARN));
        assert_int_equal(sl_log_get_level(), SL_LOG_ERROR);
        assert_string_equal(set("sluice.pipeline.sink_task", SL_LOG_ALL), "sluice.pipeline.sink_task");
        assert_true(sl_log_wants(SINK, SL_LOG_TRACE));
        assert_false(sl_log_wants(SINK, SL_LOG_OFF));
        set("root", SL_LOG_WARN);
}

static void java_names(void **state)
{
        (void)state;
        set("io.debezium", SL_LOG_DEBUG);
        assert_true(sl_log_wants(STREAM, SL_LOG_DEBUG));
        assert_false(sl_log_wants(SINK, SL_LOG_DEBUG));
        set("sluice.connectors", SL_LOG_ERROR); /* what was set later counts */
        assert_false(sl_log_wants(STREAM, SL_LOG_WARN));
        set("io.debezium", SL_LOG_DEBUG);
        assert_true(sl_log_wants(STREAM, SL_LOG_DEBUG));
        set("org.apache.kafka.connect.runtime.WorkerSinkTask", SL_LOG_TRACE);
        assert_true(sl_log_wants(SINK, SL_LOG_TRACE));
        assert_false(sl_log_wants("/x/worker/pipeline/source_task.c", SL_LOG_TRACE));
        set("root", SL_LOG_WARN);
        set("org.apache.kafka.connect", SL_LOG_INFO);
        assert_true(sl_log_wants(SINK, SL_LOG_INFO));
        assert_true(sl_log_wants("/x/worker/rest/api.c", SL_LOG_INFO));
        assert_false(sl_log_wants(STREAM, SL_LOG_INFO));
        set("root", SL_LOG_WARN);
}

struct row {
        enum sl_log_level level;
        int64_t modified_ms;
        int count;
};

static void find(void *arg, const char *name, enum sl_log_level level, int64_t modified_ms)
{
        struct row *row = arg;
        row->count++;
        if (strcmp(name, "fresh") == 0) {
                row->level = level;
                row->modified_ms = modified_ms;
        }
}

static void listing(void **state)
{
        struct row row = {0};
        char name[SL_LOG_NAME_MAX + 10];
        (void)state;
        set("fresh", SL_LOG_WARN);
        sl_log_each(find, &row);
        assert_int_equal(row.level, SL_LOG_WARN);
        assert_int_equal(row.modified_ms, 0); /* never another level than above it */
        set("fresh", SL_LOG_INFO);
        sl_log_each(find, &row);
        assert_true(row.modified_ms > 0);
        memset(name, 'x', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        assert_false(sl_log_set_named(name, SL_LOG_INFO, NULL, NULL));
        for (int i = 0; i < 2 * SL_LOG_NAMES; i++) {
                snprintf(name, sizeof(name), "many.%04d", i);
                (void)sl_log_set_named(name, SL_LOG_INFO, NULL, NULL);
        }
        row.count = 0;
        sl_log_each(find, &row);
        assert_int_equal(row.count, SL_LOG_NAMES);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(names),
                cmocka_unit_test(levels),
                cmocka_unit_test(java_names),
                cmocka_unit_test(listing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
