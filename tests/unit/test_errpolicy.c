/* SPDX-License-Identifier: Apache-2.0 */
/* The waits between tries, and the search for the records that a sink refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "pipeline/errpolicy.h"
#include "pipeline/put.h"

/* The waits of an operation that always fails at once, on a clock that only the waits move. */
static uint32_t waits(int64_t timeout_ms, int64_t max_ms, int64_t *ret, uint32_t most)
{
        struct sl_retry r = {0};
        unsigned seed = 1;
        int64_t now = 1000, delay;
        uint32_t n = 0;
        while (n < most && (delay = sl_retry_delay(&r, now, timeout_ms, max_ms, &seed)) >= 0) {
                ret[n++] = delay;
                now += delay;
        }
        return n;
}

static void as_connect_waits(void **state)
{
        static const int64_t limited[] = {300, 600, 1200, 2400, 1500};
        static const int64_t endless[] = {300, 600, 1200, 2400, 4800, 9600, 19200, 38400};
        int64_t got[16];
        (void)state;
        assert_int_equal(waits(6000, 60000, got, 16), 5); /* the 6th try is the last */
        assert_memory_equal(got, limited, sizeof(limited));
        assert_int_equal(waits(-1, 60000, got, 8), 8);
        assert_memory_equal(got, endless, sizeof(endless));
        assert_int_equal(waits(0, 60000, got, 16), 0);
}

static void over_the_maximum_it_is_random(void **state)
{
        int64_t got[80];
        (void)state;
        assert_int_equal(waits(-1, 1000, got, 80), 80); /* no overflow, however often */
        assert_int_equal(got[1], 600);
        bool differ = false;
        for (int i = 2; i < 80; i++) {
                assert_in_range(got[i], 0, 999);
                differ |= got[i] != got[2];
        }
        assert_true(differ);
        assert_int_equal(waits(-1, 300, got, 1), 1);
        assert_int_equal(got[0], 300);
}

/* ---- a sink that refuses some records ---- */

struct sink {
        bool bad[64];
        enum sl_errid id;        /* how it refuses */
        uint32_t busy_puts;      /* fail this many puts as transient, from the given one on */
        uint32_t busy_from;
        uint32_t puts, took[64], reported[64];
        enum sl_rc on_report;
};

static enum sl_rc put(void *arg, const struct sl_batch *part, struct sl_err *err)
{
        struct sink *s = arg;
        if (s->busy_puts && ++s->puts >= s->busy_from) {
                s->busy_puts--;
                enum sl_rc rc = sl_fail(err, SL_E_KAFKA, "busy");
                return rc;
        }
        for (uint32_t i = 0; i < part->count; i++)
                if (s->bad[part->records[i].offset])
                        return sl_fail(err, s->id, "refused");
        for (uint32_t i = 0; i < part->count; i++)
                s->took[part->records[i].offset]++;
        return SL_OK;
}

static enum sl_rc report(void *arg, const struct sl_record *rec, const struct sl_err *why, struct sl_err *err)
{
        struct sink *s = arg;
        assert_int_equal(why->scope, SL_SCOPE_RECORD);
        s->reported[rec->offset]++;
        if (s->on_report != SL_OK)
                *err = *why;
        return s->on_report;
}

static struct sl_batch batch_of(uint32_t n)
{
        struct sl_batch b;
        sl_batch_init(&b, 64, 1 << 20);
        for (uint32_t i = 0; i < n; i++)
                sl_batch_add(&b)->offset = i;
        return b;
}

static void culprits_are_found(void **state)
{
        unsigned seed = (unsigned)time(NULL);
        (void)state;
        print_message("seed %u\n", seed);
        for (int round = 0; round < 300; round++) {
                uint32_t n = (uint32_t)rand_r(&seed) % 65, settled = 0;
                struct sink s = {.id = SL_E_VALUE};
                struct sl_put_calls calls = {put, report, &s};
                struct sl_batch b = batch_of(n);
                struct sl_err err = {0};
                for (uint32_t i = 0; i < n; i++)
                        s.bad[i] = rand_r(&seed) % 8 == 0;
                assert_int_equal(sl_put_settle(&calls, &b, &settled, &err), SL_OK);
                assert_int_equal(settled, n);
                for (uint32_t i = 0; i < n; i++) {
                        assert_int_equal(s.took[i], !s.bad[i]);
                        assert_int_equal(s.reported[i], s.bad[i]);
                }
                sl_batch_free(&b);
        }
}

static void goes_on_after_a_transient_failure(void **state)
{
        struct sink s = {.id = SL_E_VALUE, .bad = {[3] = true}, .busy_puts = 1, .busy_from = 3};
        struct sl_put_calls calls = {put, report, &s};
        struct sl_batch b = batch_of(8);
        struct sl_err err = {0};
        uint32_t settled = 0;
        (void)state;
        assert_int_equal(sl_put_settle(&calls, &b, &settled, &err), SL_TRANSIENT);
        assert_in_range(settled, 0, 7);
        sl_err_clear(&err);
        assert_int_equal(sl_put_settle(&calls, &b, &settled, &err), SL_OK);
        for (uint32_t i = 0; i < 8; i++)
                assert_int_equal(s.took[i] + s.reported[i], 1); /* each once: what was put is not put again */
        sl_batch_free(&b);
}

static void the_rest_is_not_touched(void **state)
{
        struct sl_err err = {0};
        uint32_t settled = 0;
        (void)state;
        /* Not the records' fault: nothing is split. */
        struct sink fatal = {.id = SL_E_FILE, .bad = {[2] = true}};
        struct sl_put_calls calls = {put, report, &fatal};
        struct sl_batch b = batch_of(4);
        assert_int_equal(sl_put_settle(&calls, &b, &settled, &err), SL_FATAL);
        assert_int_equal(settled + fatal.took[0] + fatal.reported[2], 0);
        /* errors.tolerance=none: the first culprit ends it. */
        struct sink strict = {.id = SL_E_VALUE, .bad = {[1] = true, [3] = true}, .on_report = SL_SCHEMA};
        calls.arg = &strict;
        sl_err_clear(&err);
        assert_int_equal(sl_put_settle(&calls, &b, &settled, &err), SL_SCHEMA);
        assert_int_equal(settled, 1);
        assert_int_equal(strict.took[0], 1);
        assert_int_equal(strict.reported[1], 1);
        assert_int_equal(strict.reported[3] + strict.took[2], 0);
        sl_batch_free(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(as_connect_waits),
                cmocka_unit_test(over_the_maximum_it_is_random),
                cmocka_unit_test(culprits_are_found),
                cmocka_unit_test(goes_on_after_a_transient_failure),
                cmocka_unit_test(the_rest_is_not_touched),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
