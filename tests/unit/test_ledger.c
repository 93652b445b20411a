/* SPDX-License-Identifier: Apache-2.0 */
/* The ack ledger: only the contiguous acknowledged prefix may move a position. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "pipeline/ledger.h"

static struct sl_position pos(uint64_t n)
{
        return (struct sl_position){.w = {n}};
}

static uint64_t entry(struct sl_ledger *l, unsigned records, uint64_t at)
{
        uint64_t seq = sl_ledger_open(l);
        for (unsigned i = 0; i < records; i++)
                sl_ledger_sent(l, seq);
        struct sl_position p = pos(at);
        sl_ledger_close(l, &p);
        return seq;
}

static void only_the_prefix_counts(void **state)
{
        (void)state;
        struct sl_ledger l = {0};
        struct sl_position p;
        uint64_t a = entry(&l, 2, 10), b = entry(&l, 1, 20);
        sl_ledger_delivered(&l, b);
        assert_false(sl_ledger_take_prefix(&l, &p)); /* b is stored, a is not: nothing moves */
        sl_ledger_delivered(&l, a);
        assert_false(sl_ledger_take_prefix(&l, &p));
        sl_ledger_delivered(&l, a);
        assert_true(sl_ledger_take_prefix(&l, &p));
        assert_int_equal(p.w[0], 20);
        assert_true(sl_ledger_empty(&l));
        sl_ledger_free(&l);
}

static void an_open_entry_holds_the_prefix(void **state)
{
        (void)state;
        struct sl_ledger l = {0};
        struct sl_position p;
        uint64_t a = sl_ledger_open(&l);
        sl_ledger_sent(&l, a);
        sl_ledger_delivered(&l, a); /* the first record is stored while the batch is still being read */
        assert_false(sl_ledger_take_prefix(&l, &p));
        sl_ledger_close(&l, NULL); /* an unfinished snapshot: no position to move to */
        assert_false(sl_ledger_take_prefix(&l, &p));
        assert_true(sl_ledger_empty(&l));
        sl_ledger_free(&l);
}

static void settle_needs_a_closed_entry(void **state)
{
        (void)state;
        struct sl_ledger l = {0};
        struct sl_position p;
        entry(&l, 3, 10);
        uint64_t b = sl_ledger_open(&l);
        sl_ledger_sent(&l, b);
        sl_ledger_settle(&l);
        assert_true(sl_ledger_take_prefix(&l, &p));
        assert_int_equal(p.w[0], 10);
        assert_false(sl_ledger_empty(&l));
        struct sl_position p20 = pos(20);
        sl_ledger_close(&l, &p20);
        assert_false(sl_ledger_take_prefix(&l, &p)); /* its record came after the settled transaction */
        sl_ledger_delivered(&l, b);
        assert_true(sl_ledger_take_prefix(&l, &p));
        assert_int_equal(p.w[0], 20);
        sl_ledger_free(&l);
}

/* Any order of delivery reports: the prefix equals what a plain model says. */
static void random_orders(void **state)
{
        (void)state;
        enum { N = 500 };
        unsigned seed = (unsigned)time(NULL);
        print_message("seed %u\n", seed);
        srand(seed);
        struct sl_ledger l = {0};
        unsigned left[N];
        uint64_t seqs[N];
        unsigned opened = 0, acked = 0;
        while (acked < N) {
                if (opened < N && rand() % 3) {
                        left[opened] = (unsigned)rand() % 4;
                        seqs[opened] = entry(&l, left[opened], opened + 1);
                        opened++;
                } else if (opened > acked) {
                        unsigned i = acked + (unsigned)rand() % (opened - acked);
                        if (left[i]) {
                                left[i]--;
                                sl_ledger_delivered(&l, seqs[i]);
                        }
                }
                unsigned model = acked;
                while (model < opened && left[model] == 0)
                        model++;
                struct sl_position p;
                bool moved = sl_ledger_take_prefix(&l, &p);
                assert_int_equal(moved, model > acked);
                if (moved)
                        assert_int_equal(p.w[0], model);
                acked = model;
        }
        assert_true(sl_ledger_empty(&l));
        sl_ledger_free(&l);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_the_prefix_counts),
                cmocka_unit_test(an_open_entry_holds_the_prefix),
                cmocka_unit_test(settle_needs_a_closed_entry),
                cmocka_unit_test(random_orders),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
