/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements of tasks: which families a task has, what their values are, and that a freed task leaves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/metrics.h"
#include "pipeline/taskstats.h"

#define PG "connector=\"pg\",task=\"0\""
#define S3 "connector=\"s3\",task=\"1\""

/* The value of `name{labels}` as printed now; NULL = not there. Valid until the next call. */
static const char *value(const char *name, const char *labels)
{
        static struct sl_buf out;
        static char line[256], text[64];
        sl_buf_clear(&out);
        sl_taskstats_print(&out);
        snprintf(line, sizeof(line), "\n%s{%s} ", name, labels);
        const char *at = strstr(sl_buf_cstr(&out), line);
        if (!at)
                return NULL;
        snprintf(text, sizeof(text), "%.*s", (int)strcspn(at + strlen(line), "\n"), at + strlen(line));
        return text;
}

/* A rate falls while time passes: at most what it is at once. */
static void assert_rate(const char *name, const char *labels, double at_once)
{
        const char *text = value(name, labels);
        assert_non_null(text);
        double v = atof(text);
        assert_true(v > 0 && v <= at_once + 1e-9);
}

static void a_source_and_a_sink(void **state)
{
        (void)state;
        struct sl_props worker = {0};
        struct sl_taskstats *pg = sl_taskstats_new(PG, true, &worker), *s3 = sl_taskstats_new(S3, false, &worker);
        sl_taskstats_batch(pg, 10, 2500);
        sl_taskstats_batch(pg, 20, 500);
        sl_taskstats_written(pg, 28, true);
        sl_taskstats_batch(s3, 7, 0);
        sl_taskstats_put(s3, 6, 4000);
        sl_taskstats_active(s3, 7);
        sl_taskstats_active(s3, 0);
        assert_string_equal(value("kafka_connect_source_task_source_record_poll_total", PG), "30");
        assert_rate("kafka_connect_source_task_source_record_poll_rate", PG, 1);
        assert_string_equal(value("kafka_connect_source_task_poll_batch_max_time_ms", PG), "2.5");
        assert_string_equal(value("kafka_connect_source_task_poll_batch_avg_time_ms", PG), "1.5");
        assert_string_equal(value("kafka_connect_source_task_transaction_size_min", PG), "28");
        assert_string_equal(value("kafka_connect_connector_task_batch_size_avg", PG), "15");
        assert_string_equal(value("kafka_connect_connector_task_batch_size_max", S3), "7");
        assert_string_equal(value("kafka_connect_sink_task_sink_record_send_total", S3), "6");
        assert_string_equal(value("kafka_connect_sink_task_put_batch_max_time_ms", S3), "4");
        assert_string_equal(value("kafka_connect_sink_task_sink_record_active_count", S3), "0");
        assert_string_equal(value("kafka_connect_sink_task_sink_record_active_count_avg", S3), "3.5");
        assert_null(value("kafka_connect_sink_task_sink_record_read_total", PG));
        assert_null(value("kafka_connect_source_task_source_record_poll_total", S3));
        sl_taskstats_free(pg);
        assert_null(value("kafka_connect_source_task_source_record_poll_total", PG));
        assert_non_null(value("kafka_connect_sink_task_sink_record_read_total", S3));
        sl_taskstats_free(s3);
        struct sl_buf out = {0};
        sl_taskstats_print(&out);
        assert_int_equal(out.len, 0);
        sl_metrics_drop(PG);
        sl_metrics_drop(S3);
}

static void commits(void **state)
{
        (void)state;
        struct sl_props worker = {0};
        struct sl_taskstats *s = sl_taskstats_new(S3, false, &worker);
        assert_string_equal(value("kafka_connect_connector_task_offset_commit_avg_time_ms", S3), "NaN");
        assert_string_equal(value("kafka_connect_connector_task_offset_commit_failure_percentage", S3), "0");
        sl_taskstats_commit(s, 1000, true);
        sl_taskstats_commit(s, 3000, true);
        sl_taskstats_commit(s, 9000, true);
        sl_taskstats_commit(s, 60000000, false); /* a failure has no time */
        assert_string_equal(value("kafka_connect_connector_task_offset_commit_max_time_ms", S3), "9");
        assert_string_equal(value("kafka_connect_connector_task_offset_commit_success_percentage", S3), "0.75");
        assert_string_equal(value("kafka_connect_connector_task_offset_commit_failure_percentage", S3), "0.25");
        assert_string_equal(value("kafka_connect_sink_task_offset_commit_seq_no", S3), "4");
        assert_string_equal(value("kafka_connect_sink_task_offset_commit_completion_total", S3), "3");
        assert_rate("kafka_connect_sink_task_offset_commit_completion_rate", S3, 0.1);
        sl_taskstats_free(s);
        sl_metrics_drop(S3);
}

static void errors(void **state)
{
        (void)state;
        struct sl_props worker = {0};
        struct sl_taskstats *s = sl_taskstats_new(S3, false, &worker);
        assert_string_equal(value("kafka_connect_task_error_last_error_timestamp", S3), "0");
        sl_taskstats_event(s, SL_TS_FAILURE);
        sl_taskstats_event(s, SL_TS_FAILURE);
        sl_taskstats_event(s, SL_TS_RETRY);
        sl_taskstats_class(s, SL_SCHEMA);
        assert_string_equal(value("kafka_connect_task_error_total_record_failures", S3), "2");
        assert_string_equal(value("kafka_connect_task_error_total_retries", S3), "1");
        assert_string_not_equal(value("kafka_connect_task_error_last_error_timestamp", S3), "0");
        assert_string_equal(value("sluice_task_errors_total", S3 ",class=\"schema_mismatch\""), "1");
        assert_string_equal(value("sluice_task_errors_total", S3 ",class=\"fatal\""), "0");
        sl_taskstats_free(s);
        sl_metrics_drop(S3);
}

static void start_ups(void **state)
{
        (void)state;
        struct sl_props worker = {0};
        struct sl_taskstats_startups before = sl_taskstats_startups();
        struct sl_taskstats *good = sl_taskstats_new(PG, true, &worker), *bad = sl_taskstats_new(S3, false, &worker);
        sl_taskstats_state(good, SL_TASK_RESTARTING); /* not settled yet */
        sl_taskstats_state(good, SL_TASK_RUNNING);
        sl_taskstats_state(good, SL_TASK_FAILED); /* it had started */
        sl_taskstats_state(bad, SL_TASK_FAILED);
        struct sl_taskstats_startups after = sl_taskstats_startups();
        assert_int_equal(after.attempts - before.attempts, 2);
        assert_int_equal(after.successes - before.successes, 1);
        assert_int_equal(after.failures - before.failures, 1);
        sl_taskstats_free(good);
        sl_taskstats_free(bad);
        sl_metrics_drop(PG);
        sl_metrics_drop(S3);
}

/* The window's keys are the worker's; nonsense leaves the defaults. */
static void windows_of_the_worker(void **state)
{
        (void)state;
        struct sl_props worker = {0};
        sl_props_set(&worker, "metrics.num.samples", "3");
        sl_props_set(&worker, "metrics.sample.window.ms", "10000");
        struct sl_taskstats *s = sl_taskstats_new(S3, false, &worker);
        sl_taskstats_batch(s, 40, 0);
        assert_rate("kafka_connect_sink_task_sink_record_read_rate", S3, 2); /* over 2 x 10 s */
        sl_taskstats_free(s);
        sl_props_set(&worker, "metrics.num.samples", "0");
        sl_props_set(&worker, "metrics.sample.window.ms", "many");
        s = sl_taskstats_new(S3, false, &worker);
        sl_taskstats_batch(s, 60, 0);
        assert_rate("kafka_connect_sink_task_sink_record_read_rate", S3, 2); /* over 30 s */
        sl_taskstats_free(s);
        sl_props_free(&worker);
        sl_metrics_drop(S3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_source_and_a_sink), cmocka_unit_test(commits),   cmocka_unit_test(errors),
                cmocka_unit_test(start_ups),           cmocka_unit_test(windows_of_the_worker),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
