/* SPDX-License-Identifier: Apache-2.0 */
/* base/arena.c: alignment, no overlap, accounting, reuse after a reset. Random part prints its seed (SLUICE_SEED). */
#include <inttypes.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/arena.h"

static void zeroed_arena_works_and_never_gives_null(void **state)
{
        (void)state;
        struct sl_arena a = {0};
        assert_non_null(sl_arena_alloc(&a, 0));
        assert_non_null(sl_arena_alloc(&a, 1));
        sl_arena_free(&a);
        sl_arena_free(&a);
        assert_int_equal(sl_arena_used(&a), 0);
        assert_non_null(sl_arena_alloc(&a, 10));
        sl_arena_free(&a);
}

static void strings_are_terminated_copies(void **state)
{
        (void)state;
        struct sl_arena a;
        sl_arena_init(&a, 256);
        assert_string_equal(sl_arena_strndup(&a, "hello", 3), "hel");
        assert_string_equal(sl_arena_strndup(&a, NULL, 0), "");
        assert_string_equal(sl_arena_strdup(&a, "world"), "world");
        assert_string_equal(sl_arena_printf(&a, "%d-%s", 7, "x"), "7-x");
        assert_int_equal(strlen(sl_arena_printf(&a, "%1000s", "x")), 1000);
        const char *z = sl_arena_zalloc(&a, 300);
        for (int i = 0; i < 300; i++)
                assert_int_equal(z[i], 0);
        sl_arena_free(&a);
}

static void random_allocations_do_not_overlap(void **state)
{
        (void)state;
        const char *env = getenv("SLUICE_SEED");
        unsigned seed = env ? (unsigned)strtoul(env, NULL, 10) : (unsigned)time(NULL);
        printf("SLUICE_SEED=%u\n", seed);
        enum { N = 2000 };
        static struct {
                uint8_t *p;
                size_t n;
        } got[N];
        struct sl_arena a;
        sl_arena_init(&a, 1000); /* not a multiple of 16: rounded */
        for (int round = 0; round < 5; round++) {
                size_t asked = 0;
                for (int i = 0; i < N; i++) {
                        size_t n = (size_t)rand_r(&seed) % (i % 50 ? 120 : 3000);
                        got[i].p = sl_arena_alloc(&a, n);
                        got[i].n = n;
                        asked += n;
                        assert_int_equal((uintptr_t)got[i].p % 16, 0);
                        memset(got[i].p, i & 0xff, n);
                }
                for (int i = 0; i < N; i++)
                        for (size_t j = 0; j < got[i].n; j++)
                                assert_int_equal(got[i].p[j], i & 0xff);
                assert_true(sl_arena_used(&a) >= asked);
                assert_true(sl_arena_used(&a) <= asked * 3);
                sl_arena_reset(&a);
                assert_int_equal(sl_arena_used(&a), 0);
        }
        sl_arena_free(&a);
}

static void used_counts_what_was_handed_out(void **state)
{
        (void)state;
        struct sl_arena a;
        sl_arena_init(&a, 1024);
        sl_arena_alloc(&a, 100);
        assert_int_equal(sl_arena_used(&a), 112);
        sl_arena_alloc(&a, 5000); /* a chunk of its own; the current one goes on */
        assert_int_equal(sl_arena_used(&a), 112 + 5008);
        sl_arena_alloc(&a, 16);
        assert_int_equal(sl_arena_used(&a), 112 + 5008 + 16);
        sl_arena_free(&a);
}

static void warm_arena_allocates_nothing(void **state)
{
        (void)state;
#ifdef __SANITIZE_ADDRESS__
        skip(); /* a reset frees the chunks there, on purpose */
#endif
        struct sl_arena a;
        sl_arena_init(&a, 4096);
        size_t before = 0;
        for (int round = 0; round < 20; round++) {
                for (int i = 0; i < 1000; i++)
                        sl_arena_alloc(&a, 100);
                sl_arena_reset(&a);
                size_t now = mallinfo2().uordblks;
                if (round)
                        assert_int_equal(now, before);
                before = now;
        }
        sl_arena_free(&a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(zeroed_arena_works_and_never_gives_null),
                cmocka_unit_test(strings_are_terminated_copies),
                cmocka_unit_test(random_allocations_do_not_overlap),
                cmocka_unit_test(used_counts_what_was_handed_out),
                cmocka_unit_test(warm_arena_allocates_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
