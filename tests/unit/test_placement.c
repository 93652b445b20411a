/* SPDX-License-Identifier: Apache-2.0 */
/* Which worker gets which task: the rule of cluster/placement.h, by hand and over random clusters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "cluster/placement.h"

static struct sl_placement cur; /* the last one */

static void next(const struct sl_place_worker *workers, uint32_t nworkers, const struct sl_place_conn *conns, uint32_t nconns)
{
        struct sl_placement p = {0};
        sl_placement_next(&cur, cur.version + 1, workers, nworkers, conns, nconns, &p);
        p.version = cur.version + 1;
        p.leader = sl_strdup("a");
        p.leader_url = sl_strdup("http://a");
        /* Through the record, as workers see it. */
        struct sl_buf text = {0};
        struct sl_err err = {0};
        sl_placement_dump(&p, &text);
        sl_placement_free(&cur);
        assert_int_equal(sl_placement_parse((struct sl_str){sl_buf_cstr(&text), text.len}, &cur, &err), SL_OK);
        assert_true(sl_placement_same_tasks(&p, &cur));
        sl_placement_free(&p);
        sl_buf_free(&text);
}

static uint32_t load(const char *worker)
{
        struct sl_map_entry *e;
        uint32_t n = 0;
        for (size_t i = 0; sl_map_next(&cur.conns, &i, &e);) {
                const struct sl_placed *c = e->value;
                for (uint32_t t = 0; t < c->count; t++)
                        n += c->tasks[t].owner && strcmp(c->tasks[t].owner, worker) == 0;
        }
        return n;
}

static uint32_t moving(const char *from)
{
        struct sl_map_entry *e;
        uint32_t n = 0;
        for (size_t i = 0; sl_map_next(&cur.conns, &i, &e);) {
                const struct sl_placed *c = e->value;
                for (uint32_t t = 0; t < c->count; t++)
                        n += !c->tasks[t].owner && c->tasks[t].from && strcmp(c->tasks[t].from, from) == 0;
        }
        return n;
}

static int reset(void **state)
{
        (void)state;
        sl_placement_free(&cur);
        return 0;
}

static void one_worker_gets_all(void **state)
{
        (void)state;
        struct sl_place_worker w[] = {{.id = "a"}};
        struct sl_place_conn c[] = {{"x", 2}, {"y", 1}};
        next(w, 1, c, 2);
        assert_int_equal(load("a"), 3);
        assert_null(sl_placement_get(&cur, "x", 2));
        next(w, 1, c, 1);
        assert_null(sl_placement_get(&cur, "y", 0));
}

static void a_second_worker_waits_for_the_first(void **state)
{
        (void)state;
        struct sl_place_worker w[] = {{.id = "a"}, {.id = "b"}};
        struct sl_place_conn c[] = {{"x", 6}};
        next(w, 1, c, 1);
        next(w, 2, c, 1);
        assert_int_equal(load("a"), 3);
        assert_int_equal(moving("a"), 3);
        assert_int_equal(load("b"), 0);
        uint64_t taken = cur.version;
        next(w, 2, c, 1); /* not yet ended there: nothing changes, and nothing more is taken */
        assert_int_equal(moving("a"), 3);
        w[0].applied = taken;
        next(w, 2, c, 1);
        assert_int_equal(load("a"), 3);
        assert_int_equal(load("b"), 3);
}

static void a_dead_worker_need_not_be_waited_for(void **state)
{
        (void)state;
        struct sl_place_worker w[] = {{.id = "a"}, {.id = "b"}}, b[] = {{.id = "b"}};
        struct sl_place_conn c[] = {{"x", 4}};
        next(w, 1, c, 1);
        next(w, 2, c, 1);
        assert_int_equal(moving("a"), 2);
        next(b, 1, c, 1);
        assert_int_equal(load("b"), 4);
}

static void an_absent_worker_keeps_its_tasks(void **state)
{
        (void)state;
        struct sl_place_worker w[] = {{.id = "a"}, {.id = "b"}};
        struct sl_place_conn c[] = {{"x", 4}};
        next(w, 2, c, 1);
        assert_int_equal(load("a"), 2);
        w[0].away = true;
        next(w, 2, c, 1);
        assert_int_equal(load("a"), 2);
        struct sl_place_conn more[] = {{"x", 4}, {"y", 3}};
        next(w, 2, more, 2);
        assert_int_equal(load("a"), 2);
        assert_int_equal(load("b"), 5);
}

static void nobody_is_there(void **state)
{
        (void)state;
        struct sl_place_conn c[] = {{"x", 2}};
        next(NULL, 0, c, 1);
        assert_null(sl_placement_get(&cur, "x", 1)->owner);
}

static void what_is_no_placement(void **state)
{
        (void)state;
        static const char *const bad[] = {"", "{}", "[]", "{\"version\":0,\"leader\":\"a\",\"url\":\"u\",\"tasks\":{}}",
                                          "{\"version\":1,\"leader\":\"a\",\"tasks\":{}}",
                                          "{\"version\":1,\"leader\":\"a\",\"url\":\"u\",\"tasks\":[]}"};
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct sl_placement p = {0};
                struct sl_err err = {0};
                assert_int_not_equal(sl_placement_parse(sl_str_c(bad[i]), &p, &err), SL_OK);
                sl_placement_free(&p);
        }
}

/* Workers come and go, connectors too; whoever is asked to end a task says so some rounds later. Once nothing changes any
 * more, all is placed on live workers, balanced within one; and a round moves no task between two workers that stay unless the
 * balance needs it. */
static void random_clusters(void **state)
{
        (void)state;
        unsigned seed = (unsigned)time(NULL);
        if (getenv("SLUICE_SEED"))
                seed = (unsigned)atoi(getenv("SLUICE_SEED"));
        print_message("seed %u\n", seed);
        static const char *const names[] = {"a", "b", "c", "d", "e"};
        static const char *const conns[] = {"k", "l", "m", "n", "o", "p", "q"};
        for (int round = 0; round < 300; round++) {
                uint64_t applied[5] = {0};
                struct sl_place_worker w[5];
                struct sl_place_conn c[7];
                uint32_t nw = 0, nc = 0, tasks = 0;
                sl_placement_free(&cur);
                for (int step = 0; step < 12; step++) {
                        nw = nc = tasks = 0;
                        for (int i = 0; i < 5; i++)
                                if (rand_r(&seed) % 3)
                                        w[nw++] = (struct sl_place_worker){.id = names[i], .applied = applied[i]};
                        for (int i = 0; i < 7; i++)
                                if (rand_r(&seed) % 4)
                                        c[nc++] = (struct sl_place_conn){conns[i], 1 + rand_r(&seed) % 3};
                        next(w, nw, c, nc);
                        for (int i = 0; i < 5; i++)
                                if (rand_r(&seed) % 2)
                                        applied[i] = cur.version;
                }
                if (!nw)
                        continue;
                for (uint32_t i = 0; i < nc; i++)
                        tasks += c[i].tasks;
                for (int settle = 0; settle < 4; settle++) {
                        for (uint32_t i = 0; i < nw; i++)
                                w[i].applied = cur.version;
                        next(w, nw, c, nc);
                }
                uint32_t least = UINT32_MAX, most = 0, sum = 0;
                for (uint32_t i = 0; i < nw; i++) {
                        uint32_t n = load(w[i].id);
                        least = n < least ? n : least;
                        most = n > most ? n : most;
                        sum += n;
                }
                assert_int_equal(sum, tasks);
                assert_true(most - least <= 1);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(one_worker_gets_all, reset),
                cmocka_unit_test_setup(a_second_worker_waits_for_the_first, reset),
                cmocka_unit_test_setup(a_dead_worker_need_not_be_waited_for, reset),
                cmocka_unit_test_setup(an_absent_worker_keeps_its_tasks, reset),
                cmocka_unit_test_setup(nobody_is_there, reset),
                cmocka_unit_test_setup(what_is_no_placement, reset),
                cmocka_unit_test_setup(random_clusters, reset),
        };
        int rc = cmocka_run_group_tests(tests, NULL, NULL);
        sl_placement_free(&cur);
        return rc;
}
