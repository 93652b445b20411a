/* SPDX-License-Identifier: Apache-2.0 */
/* dlq/pace.c on a clock of the test's own, with stalls as brokers have them, and the options that set it. The random
 * parts print their seed (SLUICE_SEED). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>
#include "dlq/opts.h"
#include "dlq/pace.h"

#define S 1000000

static unsigned seed;

static void random_seed(void)
{
        const char *env = getenv("SLUICE_SEED");
        seed = env ? (unsigned)strtoul(env, NULL, 10) : (unsigned)time(NULL);
        printf("SLUICE_SEED=%u\n", seed);
}

/* n records of at most so many bytes, each send taking up to work_us; how many microseconds that took. */
static int64_t run(struct sl_pace *p, int n, size_t bytes, int64_t work_us, size_t *ret_bytes)
{
        int64_t now = 77 * S, begin = now;
        *ret_bytes = 0;
        for (int i = 0; i < n; i++) {
                int64_t wait;
                while ((wait = sl_pace_wait_us(p, now)) > 0)
                        now += wait;
                size_t size = bytes ? 1 + (size_t)rand_r(&seed) % bytes : 0;
                sl_pace_sent(p, size);
                *ret_bytes += size;
                now += work_us ? rand_r(&seed) % work_us : 0;
        }
        return now - begin;
}

static void within_five_percent(void **state)
{
        (void)state;
        random_seed();
        for (int round = 0; round < 200; round++) {
                struct sl_pace p = {.records = 1 + rand_r(&seed) % 2000};
                size_t bytes;
                int n = (int)(p.records * 20);
                double s = (double)run(&p, n, 0, (int64_t)(1e6 / p.records * 1.5), &bytes) /
                           S; /* a stall makes up for another */
                assert_true((n - 1) / s <= p.records * 1.001);
                assert_true(n / s >= p.records * 0.95);
        }
        for (int round = 0; round < 200; round++) {
                struct sl_pace p = {.bytes = 1000 + rand_r(&seed) % 1000000};
                size_t bytes;
                double s = (double)run(&p, 4000, (size_t)(p.bytes / 50), 5000, &bytes) / S;
                assert_true((double)bytes / s <= p.bytes * 1.05);
                assert_true((double)bytes / s >= p.bytes * 0.95);
        }
}

static void the_narrower_limit_counts(void **state)
{
        (void)state;
        struct sl_pace p = {.records = 1000, .bytes = 1000};
        sl_pace_wait_us(&p, S);
        sl_pace_sent(&p, 500);
        assert_int_equal(sl_pace_wait_us(&p, S), S / 2);
        p = (struct sl_pace){.records = 2, .bytes = 1e6};
        sl_pace_wait_us(&p, S);
        sl_pace_sent(&p, 500);
        assert_int_equal(sl_pace_wait_us(&p, S), S / 2);
        p = (struct sl_pace){0};
        for (int i = 0; i < 100; i++, sl_pace_sent(&p, 1 << 20))
                assert_int_equal(sl_pace_wait_us(&p, S), 0);
}

/* An outage is no credit: behind it come at most what one second allows, and then the pace again. */
static void a_stall_is_no_flood(void **state)
{
        (void)state;
        struct sl_pace p = {.records = 100};
        sl_pace_wait_us(&p, S);
        sl_pace_sent(&p, 1);
        int burst = 0;
        while (sl_pace_wait_us(&p, 3600 * (int64_t)S) == 0 && burst < 100000) {
                sl_pace_sent(&p, 1);
                burst++;
        }
        assert_in_range(burst, 100, 102);
}

static void a_slow_start_doubles(void **state)
{
        (void)state;
        struct sl_pace p = {.slow_start = true};
        for (int s = 0; s < 6; s++) {
                while (sl_pace_wait_us(&p, (10 + s) * (int64_t)S) == 0)
                        sl_pace_sent(&p, 1);
                assert_in_range(p.sent, (10 << s) - 1, (10 << s) + 1);
        }
        sl_pace_restart(&p);
        assert_int_equal(sl_pace_wait_us(&p, 99 * (int64_t)S), 0);
        assert_int_equal(p.sent, 0);
}

static bool parse(struct sl_dlq_opts *o, const char *name, const char *v, const char *more)
{
        const char *argv[] = {"--bootstrap-server", "b:1", "--topic", "t", name, v, more};
        char why[600];
        bool good = sl_dlq_opts_parse(SL_DLQ_REPLAY, more ? 7 : 6, (char *const *)argv, o, why, sizeof(why));
        if (!good)
                assert_non_null(strstr(why, name));
        sl_dlq_opts_free(o);
        return good;
}

static void options(void **state)
{
        (void)state;
        struct sl_dlq_opts o;
        static const struct {
                const char *text;
                double records, bytes;
        } rates[] = {{"500/s", 500, 0},    {"500", 500, 0},       {"0.5/s", 0.5, 0},      {"1MB/s", 0, 1e6},
                     {"1.5KB/s", 0, 1500}, {"64KiB/s", 0, 65536}, {"2mib/s", 0, 2097152}, {"900B/s", 0, 900}};
        for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
                assert_true(parse(&o, "--rate", rates[i].text, NULL));
                assert_true(o.rate == rates[i].records && o.rate_bytes == rates[i].bytes);
        }
        assert_true(parse(&o, "--rate", "500/s", "--rate=1MB/s"));
        assert_true(o.rate == 500 && o.rate_bytes == 1e6);
        assert_false(parse(&o, "--rate", "500/s", "--rate=400/s"));
        assert_false(parse(&o, "--rate", "1MB/s", "--rate=2MB/s"));
        static const char *const bad[] = {"fast", "0/s",   "-1/s",  "1MB",     "1XB/s", "500/m",
                                          "5 /s", "inf/s", "nan/s", "1MB/s/s", "/s"};
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                if (parse(&o, "--rate", bad[i], NULL))
                        fail_msg("%s was taken", bad[i]);
        assert_true(parse(&o, "--canary", "10", NULL));
        assert_true(o.canary == 10 && o.canary_ms == 30000);
        assert_true(parse(&o, "--canary", "7/5m", NULL));
        assert_true(o.canary == 7 && o.canary_ms == 300000);
        static const char *const bad_canary[] = {"0", "-3", "x", "10/", "10/5", "10/5y", "10/-5s", "10s"};
        for (size_t i = 0; i < sizeof(bad_canary) / sizeof(bad_canary[0]); i++)
                if (parse(&o, "--canary", bad_canary[i], NULL))
                        fail_msg("%s was taken", bad_canary[i]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(within_five_percent),
                cmocka_unit_test(the_narrower_limit_counts),
                cmocka_unit_test(a_stall_is_no_flood),
                cmocka_unit_test(a_slow_start_doubles),
                cmocka_unit_test(options),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
