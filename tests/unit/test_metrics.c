/* SPDX-License-Identifier: Apache-2.0 */
/* base/metrics.c: identity, the Prometheus text, histogram edges, dropping, updates from several threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <math.h>

#include <cmocka.h>

#include "base/metrics.h"

static void has(const char *text)
{
        struct sl_buf b = {0};
        sl_metrics_print(&b);
        if (!strstr(sl_buf_cstr(&b), text))
                fail_msg("no \"%s\" in:\n%s", text, sl_buf_cstr(&b));
        sl_buf_free(&b);
}

static void has_not(const char *text)
{
        struct sl_buf b = {0};
        sl_metrics_print(&b);
        if (strstr(sl_buf_cstr(&b), text))
                fail_msg("\"%s\" in:\n%s", text, sl_buf_cstr(&b));
        sl_buf_free(&b);
}

static void same_name_and_labels_same_pointer(void **state)
{
        (void)state;
        struct sl_metric *a = sl_metric_get(SL_COUNTER, "t_same_total", "Help.", "task=\"0\"");
        assert_ptr_equal(a, sl_metric_get(SL_COUNTER, "t_same_total", "Help.", "task=\"0\""));
        assert_ptr_not_equal(a, sl_metric_get(SL_COUNTER, "t_same_total", "Help.", "task=\"1\""));
        assert_ptr_not_equal(a, sl_metric_get(SL_COUNTER, "t_same_total", "Help.", ""));
        sl_metric_add(a, 5);
        sl_metric_add(a, -2);
        has("# HELP t_same_total Help.\n# TYPE t_same_total counter\nt_same_total{task=\"0\"} 3\n"
            "t_same_total{task=\"1\"} 0\nt_same_total 0\n");
}

static void gauges_and_help_are_escaped(void **state)
{
        (void)state;
        struct sl_metric *g = sl_metric_get(SL_GAUGE, "t_gauge", "a\\b\nc \"d\"", "");
        sl_metric_set(g, INT64_MIN);
        has("# HELP t_gauge a\\\\b\\nc \"d\"\n# TYPE t_gauge gauge\nt_gauge -9223372036854775808\n");
}

static void labels_are_escaped(void **state)
{
        (void)state;
        struct sl_buf b = {0};
        sl_metric_label(&b, "connector", "a\"b\\c\nd");
        sl_metric_label(&b, "task", "0");
        assert_string_equal(sl_buf_cstr(&b), "connector=\"a\\\"b\\\\c\\nd\",task=\"0\"");
        sl_buf_free(&b);
}

static void histogram_buckets_have_closed_upper_edges(void **state)
{
        (void)state;
        struct sl_metric *h = sl_metric_get(SL_HISTOGRAM, "t_hist_seconds", "H.", "x=\"1\"");
        static const int64_t values[] = {-5, 0, 100, 101, 200, 201, 400, 3600000000, INT64_MAX / 4};
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
                sl_metric_observe_us(h, values[i], 1);
        for (unsigned i = 0; i + 1 < SL_HIST_BUCKETS; i++) { /* each edge falls into its own bucket */
                uint64_t before = atomic_load(&h->buckets[i]), next = atomic_load(&h->buckets[i + 1]);
                sl_metric_observe_us(h, (int64_t)100 << i, 1);
                assert_int_equal(atomic_load(&h->buckets[i]), before + 1);
                sl_metric_observe_us(h, ((int64_t)100 << i) + 1, 1);
                assert_int_equal(atomic_load(&h->buckets[i + 1]), next + 1);
        }
        sl_metrics_drop("x=\"1\"");
        h = sl_metric_get(SL_HISTOGRAM, "t_hist_seconds", "H.", "x=\"1\"");
        sl_metric_observe_us(h, 150, 1);
        sl_metric_observe_us(h, 1500000, 1);
        has("# TYPE t_hist_seconds histogram\nt_hist_seconds_bucket{x=\"1\",le=\"0.000100\"} 0\n"
            "t_hist_seconds_bucket{x=\"1\",le=\"0.000200\"} 1\n");
        has("t_hist_seconds_bucket{x=\"1\",le=\"419.430400\"} 2\nt_hist_seconds_bucket{x=\"1\",le=\"+Inf\"} 2\n"
            "t_hist_seconds_sum{x=\"1\"} 1.500150\nt_hist_seconds_count{x=\"1\"} 2\n");
        sl_metric_observe_us(sl_metric_get(SL_HISTOGRAM, "t_bare_seconds", "H.", ""), 1, 1);
        has("t_bare_seconds_bucket{le=\"0.000100\"} 1\n");
}

static void dropped_metrics_are_gone(void **state)
{
        (void)state;
        sl_metric_get(SL_COUNTER, "t_drop_total", "D.", "c=\"a\"");
        sl_metric_get(SL_COUNTER, "t_drop_total", "D.", "c=\"b\"");
        sl_metrics_drop("c=\"a\"");
        has_not("c=\"a\"");
        has("t_drop_total{c=\"b\"} 0\n");
        sl_metrics_drop("c=\"b\"");
        has_not("t_drop_total");
        sl_metrics_drop("never there");
}

static void *hammer(void *arg)
{
        struct sl_metric *m = arg;
        for (int i = 0; i < 20000; i++) {
                sl_metric_add(m, 1);
                if (i % 1000 == 0) {
                        struct sl_buf b = {0};
                        sl_metric_add(sl_metric_get(SL_COUNTER, "t_threads_total", "T.", "n=\"2\""), 1);
                        sl_metrics_print(&b);
                        sl_buf_free(&b);
                }
        }
        return NULL;
}

static void threads_count_together(void **state)
{
        (void)state;
        struct sl_metric *m = sl_metric_get(SL_COUNTER, "t_threads_total", "T.", "n=\"1\"");
        pthread_t t[4];
        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&t[i], NULL, hammer, m), 0);
        for (int i = 0; i < 4; i++)
                pthread_join(t[i], NULL);
        has("t_threads_total{n=\"1\"} 80000\nt_threads_total{n=\"2\"} 80\n");
}

static void samples(void **state)
{
        (void)state;
        struct sl_buf b = {0};
        sl_metrics_head(&b, SL_COUNTER, "t_made_total", "a\\b\nc");
        sl_metrics_sample(&b, "t_made_total", "", 3);
        sl_metrics_sample(&b, "t_made_total", "x=\"1\"", 2.5);
        sl_metrics_sample(&b, "t_made_total", "", 0.001);
        sl_metrics_sample(&b, "t_made_total", "", (double)(NAN));
        sl_metrics_sample(&b, "t_made_total", "", (double)INFINITY);
        sl_metrics_sample(&b, "t_made_total", "", -(double)INFINITY);
        sl_metrics_sample(&b, "t_made_total", "", 123456789012.0);
        assert_string_equal(sl_buf_cstr(&b), "# HELP t_made_total a\\\\b\\nc\n# TYPE t_made_total counter\n"
                                             "t_made_total 3\nt_made_total{x=\"1\"} 2.5\nt_made_total 0.001\n"
                                             "t_made_total NaN\nt_made_total +Inf\nt_made_total -Inf\n"
                                             "t_made_total 123456789012\n");
        sl_buf_free(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(same_name_and_labels_same_pointer),
                cmocka_unit_test(gauges_and_help_are_escaped),
                cmocka_unit_test(labels_are_escaped),
                cmocka_unit_test(histogram_buckets_have_closed_upper_edges),
                cmocka_unit_test(dropped_metrics_are_gone),
                cmocka_unit_test(threads_count_together),
                cmocka_unit_test(samples),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
