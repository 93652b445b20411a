/* SPDX-License-Identifier: Apache-2.0 */
/* Sliding windows: what counts, for how long, and what a rate divides by. Times are made up. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/window.h"

#define S 30000

static void empty(void **state)
{
        (void)state;
        struct sl_window w;
        sl_window_init(&w, 2, S);
        struct sl_window_sum r = sl_window_read(&w, 1000);
        assert_int_equal(r.count, 0);
        assert_int_equal(r.sum, 0);
        assert_true(r.seconds > 0);
        sl_window_free(&w);
}

static void adds_up(void **state)
{
        (void)state;
        struct sl_window w;
        sl_window_init(&w, 2, S);
        sl_window_add(&w, 1000, 5);
        sl_window_add(&w, 1000 + S - 1, -3); /* the same sample */
        sl_window_add(&w, 1000 + S, 7);      /* the next one */
        struct sl_window_sum r = sl_window_read(&w, 1000 + S);
        assert_int_equal(r.count, 3);
        assert_int_equal(r.sum, 9);
        assert_int_equal(r.max, 7);
        assert_int_equal(r.min, -3);
        assert_float_equal(r.seconds, 30, 1e-9);
        sl_window_free(&w);
}

/* A sample goes as a whole, when it is older than all samples together or when its place is needed. */
static void forgets(void **state)
{
        (void)state;
        struct sl_window w;
        sl_window_init(&w, 2, S);
        sl_window_add(&w, 1000, 100);
        assert_int_equal(sl_window_read(&w, 1000 + 2 * S - 1).max, 100);
        assert_int_equal(sl_window_read(&w, 1000 + 2 * S).count, 0);
        sl_window_add(&w, 1000 + S, 1);
        sl_window_add(&w, 1000 + 2 * S, 2); /* takes the first one's place */
        struct sl_window_sum r = sl_window_read(&w, 1000 + 2 * S);
        assert_int_equal(r.count, 2);
        assert_int_equal(r.max, 2);
        assert_int_equal(r.sum, 3);
        sl_window_add(&w, 1000 + 10 * S, 4); /* after a long silence only the new one counts */
        r = sl_window_read(&w, 1000 + 10 * S);
        assert_int_equal(r.count, 1);
        assert_int_equal(r.sum, 4);
        assert_int_equal(r.min, 4);
        sl_window_free(&w);
}

/* As in Kafka: a young window counts as one full sample more than has passed in full, so that one value is no burst. */
static void rate_time(void **state)
{
        (void)state;
        struct sl_window w;
        sl_window_init(&w, 2, S);
        sl_window_add(&w, 1000, 60);
        assert_float_equal(sl_window_read(&w, 1000).seconds, 30, 1e-9);
        assert_float_equal(sl_window_read(&w, 1000 + 10000).seconds, 40, 1e-9);
        assert_float_equal(sl_window_read(&w, 1000 + S).seconds, 30, 1e-9);
        assert_float_equal(sl_window_read(&w, 1000 + S + 5000).seconds, 35, 1e-9);
        sl_window_free(&w);
        sl_window_init(&w, 1, 1000); /* one sample: no least time, and never a division by 0 */
        sl_window_add(&w, 500, 1);
        assert_float_equal(sl_window_read(&w, 500).seconds, 1, 1e-9);
        assert_float_equal(sl_window_read(&w, 750).seconds, 0.25, 1e-9);
        sl_window_free(&w);
}

#define ADDS 200000
static _Atomic int64_t now;
static void *adder(void *arg)
{
        for (int64_t i = 1; i <= ADDS; i++) {
                sl_window_add(arg, i, 3);
                now = i;
        }
        return NULL;
}

/* A reader beside the writer (tsan watches): what it sees is never older or more than what can be there. */
static void reader_beside_writer(void **state)
{
        (void)state;
        struct sl_window w;
        pthread_t thread;
        sl_window_init(&w, 2, 100);
        assert_int_equal(pthread_create(&thread, NULL, adder, &w), 0);
        for (int i = 0; i < 20000; i++) {
                struct sl_window_sum r = sl_window_read(&w, now);
                assert_in_range(r.count, 0, 200);
                assert_in_range(r.sum, 0, 600);
                assert_true(r.count == 0 || (r.max == 3 && r.min == 3));
        }
        pthread_join(thread, NULL);
        assert_int_equal(sl_window_read(&w, ADDS).sum, 3 * sl_window_read(&w, ADDS).count);
        sl_window_free(&w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(empty),     cmocka_unit_test(adds_up),
                cmocka_unit_test(forgets),   cmocka_unit_test(rate_time),
                cmocka_unit_test(reader_beside_writer),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
