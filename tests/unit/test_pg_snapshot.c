/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of a snapshot: ranges of pages, and the COPY of each part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "connectors/postgres/task.h"

/* Whatever is asked for: the ranges begin at page 0, follow each other without a gap, and are about equal. */
static void ranges(void **state)
{
        (void)state;
        uint32_t first[64];
        for (uint32_t pages = 0; pages < 700; pages += pages < 20 ? 1 : 37)
                for (uint32_t want = 1; want <= 64; want++)
                        for (uint32_t least = 1; least < 70; least += 23) {
                                uint32_t n = sl_pg_ranges(pages, want, least, first);
                                assert_in_range(n, 1, want);
                                assert_int_equal(first[0], 0);
                                for (uint32_t i = 1; i < n; i++) {
                                        assert_in_range(first[i] - first[i - 1], least, pages);
                                        assert_in_range(first[i] - first[i - 1], pages / n, pages / n + 1);
                                }
                                if (pages / want >= least)
                                        assert_int_equal(n, want);
                        }
        assert_int_equal(sl_pg_ranges(UINT32_MAX - 1, 64, 64, first), 64); /* the largest table */
        assert_true(first[63] > first[62] && first[63] < UINT32_MAX - 1);
}

static struct sl_pg_column columns[] = {{.name = "id"}, {.name = "a \"b\""}};
static struct sl_pg_relation relation = {.schema = "public", .table = "T", .n = 2, .cols = columns};

static void copies(const struct sl_pg_snaptable *table, struct sl_pg_snappart part, const char *sql)
{
        struct sl_buf out = {0};
        part.table = (struct sl_pg_snaptable *)table;
        sl_pg_snapshot_sql(&part, &out);
        assert_string_equal(sl_buf_cstr(&out), sql);
        sl_buf_free(&out);
}

static void statements(void **state)
{
        (void)state;
        const struct sl_pg_snaptable plain = {.rel = &relation}, tree = {.rel = &relation, .partitioned = true},
                                     own = {.rel = &relation, .select = "SELECT 1 FROM (x\n) AS s"};
        copies(&plain, (struct sl_pg_snappart){0}, "COPY \"public\".\"T\" (\"id\",\"a \"\"b\"\"\") TO STDOUT");
        copies(&tree, (struct sl_pg_snappart){0},
               "COPY (SELECT \"id\",\"a \"\"b\"\"\" FROM \"public\".\"T\") TO STDOUT");
        copies(&tree, (struct sl_pg_snappart){.from = "\"x\".\"l\""},
               "COPY (SELECT \"id\",\"a \"\"b\"\"\" FROM ONLY \"x\".\"l\") TO STDOUT");
        copies(&plain, (struct sl_pg_snappart){.from = "t", .end = 64},
               "COPY (SELECT \"id\",\"a \"\"b\"\"\" FROM ONLY t WHERE ctid < '(64,0)'::pg_catalog.tid) TO STDOUT");
        copies(&plain, (struct sl_pg_snappart){.from = "t", .first = 64, .end = 128},
               "COPY (SELECT \"id\",\"a \"\"b\"\"\" FROM ONLY t WHERE ctid >= '(64,0)'::pg_catalog.tid AND ctid < "
               "'(128,0)'::pg_catalog.tid) TO STDOUT");
        copies(&plain, (struct sl_pg_snappart){.from = "t", .first = 128},
               "COPY (SELECT \"id\",\"a \"\"b\"\"\" FROM ONLY t WHERE ctid >= '(128,0)'::pg_catalog.tid) TO STDOUT");
        copies(&own, (struct sl_pg_snappart){0}, "COPY (SELECT 1 FROM (x\n) AS s) TO STDOUT");
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(ranges), cmocka_unit_test(statements)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
