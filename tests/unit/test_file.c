/* SPDX-License-Identifier: Apache-2.0 */
/* The file connectors through their ops, as the core calls them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/plugin.h"
#include "base/clock.h"

extern const struct sl_source_ops sl_file_source;
extern const struct sl_sink_ops sl_file_sink;

static char dir[64], path[96];

static int setup(void **state)
{
        (void)state;
        snprintf(dir, sizeof(dir), "/tmp/sluice-file-XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        snprintf(path, sizeof(path), "%s/lines.txt", dir);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        unlink(path);
        return rmdir(dir);
}

static void append(const char *text)
{
        FILE *f = fopen(path, "a");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
}

struct source {
        struct sl_arena arena;
        void *cfg, *task;
        struct sl_batch batch;
        struct sl_buf lines; /* what the last poll gave: line|line| */
};

static void source_open(struct source *s, const char *batch_size, const char *offset)
{
        struct sl_cfg_report report = {0};
        struct sl_props props = {0};
        memset(s, 0, sizeof(*s));
        sl_arena_init(&s->arena, 0);
        sl_props_set(&props, "file", path);
        sl_props_set(&props, "topic", "lines");
        sl_props_set(&props, "batch.size", batch_size);
        s->cfg = sl_calloc(1, sl_file_source.config_size);
        s->task = sl_calloc(1, sl_file_source.task_size);
        sl_cfg_parse(sl_file_source.config, &props, s->cfg, &s->arena, &report);
        sl_file_source.check(s->cfg, "f", &report);
        assert_int_equal(report.errors, 0);
        sl_batch_init(&s->batch, 1000, 1 << 20);
        assert_int_equal(sl_file_source.open(s->task, s->cfg, NULL, offset, NULL), SL_OK);
        sl_cfg_report_free(&report);
        sl_props_free(&props);
}

static const char *source_poll(struct source *s, bool *more)
{
        struct sl_err err = {0};
        sl_batch_reset(&s->batch);
        sl_buf_clear(&s->lines);
        enum sl_rc rc = sl_file_source.poll(s->task, &s->batch, more, &err);
        if (rc != SL_OK)
                print_error("%s\n", err.msg);
        assert_int_equal(rc, SL_OK);
        for (uint32_t i = 0; i < s->batch.count; i++) {
                const struct sl_record *rec = &s->batch.records[i];
                assert_true(sl_str_eqc(rec->topic, "lines"));
                assert_int_equal(rec->key.type, SL_NULL);
                assert_int_equal(rec->value_schema->type, SL_STRING);
                assert_true(rec->timestamp_ms > 0);
                sl_buf_add_str(&s->lines, sl_v_as_str(&rec->value));
                sl_buf_addc(&s->lines, '|');
        }
        assert_int_equal(s->batch.has_position, s->batch.count > 0);
        return sl_buf_cstr(&s->lines);
}

static void expect_offset(struct source *s, const char *want)
{
        struct sl_buf out = {0};
        assert_int_equal(sl_file_source.offset(s->task, &s->batch.position, &out, NULL), SL_OK);
        assert_string_equal(sl_buf_cstr(&out), want);
        sl_buf_free(&out);
}

static void source_close(struct source *s)
{
        sl_file_source.close(s->task);
        free(s->task);
        free(s->cfg);
        sl_buf_free(&s->lines);
        sl_batch_free(&s->batch);
        sl_arena_free(&s->arena);
}

static void source_follows_a_growing_file(void **state)
{
        (void)state;
        struct source s;
        bool more;
        append("one\ntwo\r\nthree\rfo");
        source_open(&s, "2000", NULL);
        assert_string_equal(source_poll(&s, &more), "one|two|three|");
        assert_false(more);
        expect_offset(&s, "{\"position\":15}");
        assert_string_equal(source_poll(&s, &more), "");
        append("ur\r"); /* \n may follow */
        assert_string_equal(source_poll(&s, &more), "");
        append("\n\n");
        assert_string_equal(source_poll(&s, &more), "four||");
        expect_offset(&s, "{\"position\":22}");
        struct sl_wait w = {.timeout_ms = 5000};
        sl_file_source.wait(s.task, &w);
        assert_in_range(w.timeout_ms, 1, 1000);
        source_close(&s);
}

static void source_resumes(void **state)
{
        (void)state;
        struct source s;
        struct sl_buf out = {0};
        bool more;
        append("one\ntwo\nthree\n");
        source_open(&s, "1", "{\"position\":4}");
        assert_string_equal(source_poll(&s, &more), "two|");
        assert_true(more);
        expect_offset(&s, "{\"position\":8}");
        assert_string_equal(source_poll(&s, &more), "three|");
        assert_int_equal(sl_file_source.partition(s.cfg, "f", &out, NULL), SL_OK);
        assert_non_null(strstr(sl_buf_cstr(&out), "{\"filename\":\"/tmp/sluice-file-"));
        sl_buf_free(&out);
        source_close(&s);
}

static void source_waits_for_a_missing_file(void **state)
{
        (void)state;
        struct source s;
        struct sl_wait w = {.timeout_ms = 5000};
        bool more;
        source_open(&s, "2000", NULL);
        assert_string_equal(source_poll(&s, &more), "");
        assert_false(more);
        sl_file_source.wait(s.task, &w);
        assert_in_range(w.timeout_ms, 800, 1000);
        append("late\n");
        int64_t until = sl_mono_ms() + 3000;
        while (!*source_poll(&s, &more) && sl_mono_ms() < until) {
                w.timeout_ms = 100;
                sl_file_source.wait(s.task, &w);
                usleep((useconds_t)w.timeout_ms * 1000);
        }
        assert_string_equal(sl_buf_cstr(&s.lines), "late|");
        source_close(&s);
}

/* Lines longer than the read size and more of them than a batch holds. */
static void source_long_lines(void **state)
{
        (void)state;
        struct source s;
        struct sl_buf text = {0};
        uint32_t lines = 0;
        size_t bytes = 0;
        bool more;
        for (int i = 0; i < 3000; i++) {
                for (int k = 0; k < (i % 1000 == 7 ? 200000 : i % 90); k++)
                        sl_buf_addc(&text, (char)('a' + k % 26));
                sl_buf_addc(&text, '\n');
        }
        append(sl_buf_cstr(&text));
        source_open(&s, "700", NULL);
        do {
                source_poll(&s, &more);
                assert_true(s.batch.count <= 700);
                lines += s.batch.count;
                bytes += s.lines.len;
        } while (more);
        assert_int_equal(lines, 3000);
        assert_int_equal(bytes, text.len);
        source_close(&s);
        sl_buf_free(&text);
}

static void source_bad_offset(void **state)
{
        (void)state;
        struct source s;
        struct sl_err err = {0};
        source_open(&s, "10", NULL);
        assert_int_equal(sl_file_source.open(s.task, s.cfg, NULL, "{\"position\":\"x\"}", &err), SL_FATAL);
        assert_int_equal(err.id, SL_E_FILE);
        source_close(&s);
}

/* ---- sink ---- */

static void sink_writes_then_names_offsets(void **state)
{
        (void)state;
        struct sl_arena arena;
        struct sl_batch batch = {0};
        struct sl_props props = {0};
        struct sl_cfg_report report = {0};
        struct sl_err err = {0};
        static const char topic[] = "t";
        struct sl_tp_offset parts[] = {{.tp = {topic, 0}, .offset = 5}, {.tp = {topic, 1}}};
        void *cfg = sl_calloc(1, sl_file_sink.config_size), *task = sl_calloc(1, sl_file_sink.task_size);
        char text[200];
        sl_arena_init(&arena, 0);
        struct sl_offsets durable = {.arena = &arena};
        sl_props_set(&props, "file", path);
        sl_cfg_parse(sl_file_sink.config, &props, cfg, &arena, &report);
        append("before\n");
        assert_int_equal(sl_file_sink.open(task, cfg, NULL, NULL), SL_OK);
        assert_int_equal(sl_file_sink.assigned(task, parts, 2, NULL), SL_OK);
        assert_int_equal(sl_file_sink.put(task, &batch, NULL), SL_OK);
        assert_int_equal(sl_file_sink.flush(task, false, &durable, NULL), SL_OK);
        assert_int_equal(durable.count, 0);

        sl_batch_init(&batch, 10, 1 << 20);
        for (int i = 0; i < 3; i++) {
                struct sl_record *rec = sl_batch_add(&batch);
                rec->topic = (struct sl_str){topic, 1};
                rec->partition = 0;
                rec->offset = 5 + i;
                rec->dropped = i == 2;
                if (i == 0)
                        rec->value = sl_v_str(SL_STR("hello"));
        }
        assert_int_equal(sl_file_sink.put(task, &batch, NULL), SL_OK);
        assert_int_equal(sl_file_sink.flush(task, false, &durable, NULL), SL_OK);
        assert_int_equal(durable.count, 1);
        assert_int_equal(durable.items[0].tp.partition, 0);
        assert_int_equal(durable.items[0].offset, 8);
        durable.count = 0;
        assert_int_equal(sl_file_sink.flush(task, true, &durable, NULL), SL_OK);
        assert_int_equal(durable.count, 0);
        FILE *f = fopen(path, "r");
        text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
        fclose(f);
        assert_string_equal(text, "before\nhello\nnull\n");

        sl_file_sink.revoked(task, &parts[0].tp, 1, false);
        assert_int_equal(sl_file_sink.put(task, &batch, &err), SL_FATAL);
        sl_file_sink.close(task);
        free(task);
        free(cfg);
        sl_batch_free(&batch);
        sl_arena_free(&arena);
        sl_props_free(&props);
        sl_cfg_report_free(&report);
}

static void names(void **state)
{
        (void)state;
        static const char *const sources[] = {"file-source", "FileStreamSource", "FileStreamSourceConnector",
                                              "org.apache.kafka.connect.file.FileStreamSourceConnector"};
        for (size_t i = 0; i < 4; i++)
                assert_true(sl_plugin_named(sl_file_source.name, sl_file_source.aliases, "Connector", sources[i]));
        assert_true(sl_plugin_named(sl_file_sink.name, sl_file_sink.aliases, "Connector", "FileStreamSink"));
        assert_false(sl_plugin_named(sl_file_sink.name, sl_file_sink.aliases, "Connector", "FileStreamSource"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(source_follows_a_growing_file, setup, teardown),
                cmocka_unit_test_setup_teardown(source_resumes, setup, teardown),
                cmocka_unit_test_setup_teardown(source_waits_for_a_missing_file, setup, teardown),
                cmocka_unit_test_setup_teardown(source_long_lines, setup, teardown),
                cmocka_unit_test_setup_teardown(source_bad_offset, setup, teardown),
                cmocka_unit_test_setup_teardown(sink_writes_then_names_offsets, setup, teardown),
                cmocka_unit_test(names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
