/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/s3/rotation.c: where files end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "connectors/s3/rotation.h"

static void add(struct sl_s3_file *f, int64_t ts, int64_t now)
{
        sl_s3_file_added(f, ts, now);
}

static void flush_size(void **state)
{
        (void)state;
        struct sl_s3_rules r = {.flush_size = 3};
        struct sl_s3_file f;
        sl_s3_file_start(&f, NULL);
        assert_int_equal(sl_s3_cut_after(&r, &f), SL_S3_KEEP); /* an empty file never ends */
        add(&f, 1, 0);
        add(&f, 2, 0);
        assert_int_equal(sl_s3_cut_after(&r, &f), SL_S3_KEEP);
        assert_int_equal(sl_s3_cut_before(&r, &f, INT64_MAX, NULL), SL_S3_KEEP); /* no interval */
        add(&f, 3, 0);
        assert_int_equal(sl_s3_cut_after(&r, &f), SL_S3_CUT_COUNT);
        r.flush_size = 1;
        sl_s3_file_start(&f, NULL);
        add(&f, 1, 0);
        assert_int_equal(sl_s3_cut_after(&r, &f), SL_S3_CUT_COUNT);
}

static void interval(void **state)
{
        (void)state;
        struct sl_s3_rules r = {.flush_size = 100, .interval_ms = 1000};
        struct sl_s3_file f;
        sl_s3_file_start(&f, NULL);
        assert_int_equal(sl_s3_cut_before(&r, &f, 5000, NULL), SL_S3_KEEP);
        add(&f, 5000, 0);
        assert_int_equal(sl_s3_cut_before(&r, &f, 5999, NULL), SL_S3_KEEP);
        assert_int_equal(sl_s3_cut_before(&r, &f, 6000, NULL), SL_S3_CUT_TIME);
        assert_int_equal(sl_s3_cut_before(&r, &f, 100, NULL), SL_S3_KEEP); /* late data does not end a file */
        add(&f, 100, 0);
        assert_int_equal(sl_s3_cut_before(&r, &f, 5999, NULL), SL_S3_KEEP); /* the base is the first one's */
        assert_int_equal(sl_s3_cut_before(&r, &f, -1, NULL), SL_S3_KEEP);
}

/* Records without a timestamp neither end a file nor start its clock. */
static void interval_without_timestamps(void **state)
{
        (void)state;
        struct sl_s3_rules r = {.flush_size = 100, .interval_ms = 10};
        struct sl_s3_file f;
        sl_s3_file_start(&f, NULL);
        add(&f, -1, 0);
        assert_int_equal(sl_s3_cut_before(&r, &f, 1700000000000, NULL), SL_S3_KEEP);
        add(&f, 1700000000000, 0);
        assert_int_equal(sl_s3_cut_before(&r, &f, 1700000000009, NULL), SL_S3_KEEP);
        assert_int_equal(sl_s3_cut_before(&r, &f, 1700000000010, NULL), SL_S3_CUT_TIME);
        sl_s3_file_start(&f, NULL);
        add(&f, 0, 0); /* 1970 is a timestamp */
        assert_int_equal(sl_s3_cut_before(&r, &f, 10, NULL), SL_S3_CUT_TIME);
}

static void schema_change(void **state)
{
        (void)state;
        const struct sl_schema *a = sl_schema_of(SL_STRING, false), *b = sl_schema_of(SL_STRING, true);
        struct sl_s3_rules r = {.flush_size = 100};
        struct sl_s3_file f;
        sl_s3_file_start(&f, a);
        assert_int_equal(sl_s3_cut_before(&r, &f, 0, b), SL_S3_KEEP); /* nothing in it */
        add(&f, 0, 0);
        assert_int_equal(sl_s3_cut_before(&r, &f, 0, a), SL_S3_KEEP);
        assert_int_equal(sl_s3_cut_before(&r, &f, 0, b), SL_S3_CUT_SCHEMA);
        assert_int_equal(sl_s3_cut_before(&r, &f, 0, NULL), SL_S3_CUT_SCHEMA);
}

static void idle(void **state)
{
        (void)state;
        struct sl_s3_rules r = {.flush_size = 100, .idle_ms = 500};
        struct sl_s3_file f;
        sl_s3_file_start(&f, NULL);
        assert_int_equal(sl_s3_cut_idle(&r, &f, INT64_MAX / 2), SL_S3_KEEP); /* empty */
        assert_int_equal(sl_s3_idle_left(&r, &f, 0), -1);
        add(&f, -1, 1000);
        assert_int_equal(sl_s3_idle_left(&r, &f, 1100), 400);
        assert_int_equal(sl_s3_cut_idle(&r, &f, 1499), SL_S3_KEEP);
        assert_int_equal(sl_s3_cut_idle(&r, &f, 1500), SL_S3_CUT_IDLE);
        add(&f, -1, 1400); /* news postpone it */
        assert_int_equal(sl_s3_cut_idle(&r, &f, 1500), SL_S3_KEEP);
        r.idle_ms = -1;
        assert_int_equal(sl_s3_cut_idle(&r, &f, INT64_MAX / 2), SL_S3_KEEP);
        assert_int_equal(sl_s3_idle_left(&r, &f, INT64_MAX / 2), -1);
}

#define RECORDS 400
/* First offsets of the files that records[from ...] give. */
static size_t cuts(const struct sl_s3_rules *r, const int64_t *ts, const struct sl_schema *const *schemas, size_t from,
                   size_t *starts)
{
        struct sl_s3_file f;
        size_t n = 0;
        sl_s3_file_start(&f, NULL);
        for (size_t i = from; i < RECORDS; i++) {
                if (f.count && sl_s3_cut_before(r, &f, ts[i], schemas[i]) != SL_S3_KEEP)
                        sl_s3_file_start(&f, NULL);
                if (f.count == 0) {
                        starts[n++] = i;
                        sl_s3_file_start(&f, schemas[i]);
                }
                sl_s3_file_added(&f, ts[i], rand());
                if (sl_s3_cut_after(r, &f) != SL_S3_KEEP)
                        sl_s3_file_start(&f, NULL);
        }
        return n;
}

/* Reading again from any file's first offset gives the same files: what exactly-once rests on. */
static void cuts_repeat_from_any_cut(void **state)
{
        (void)state;
        unsigned seed = (unsigned)time(NULL);
        printf("seed %u\n", seed);
        srand(seed);
        const struct sl_schema *kinds[] = {NULL, sl_schema_of(SL_INT32, false), sl_schema_of(SL_INT32, true)};
        for (int round = 0; round < 50; round++) {
                struct sl_s3_rules r = {.flush_size = 1 + rand() % 30,
                                        .interval_ms = rand() % 2 ? 50 + rand() % 500 : -1};
                int64_t ts[RECORDS], now = 1000;
                const struct sl_schema *schemas[RECORDS];
                size_t all[RECORDS], again[RECORDS], kind = 0;
                for (size_t i = 0; i < RECORDS; i++) {
                        now += rand() % 60 - 10;
                        ts[i] = rand() % 20 ? now : -1;
                        kind = rand() % 40 ? kind : (size_t)rand() % 3;
                        schemas[i] = kinds[kind];
                }
                size_t n = cuts(&r, ts, schemas, 0, all);
                for (size_t k = 0; k < n; k++) {
                        assert_int_equal(cuts(&r, ts, schemas, all[k], again), n - k);
                        assert_memory_equal(again, all + k, (n - k) * sizeof(*all));
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(flush_size),
                cmocka_unit_test(interval),
                cmocka_unit_test(interval_without_timestamps),
                cmocka_unit_test(schema_change),
                cmocka_unit_test(idle),
                cmocka_unit_test(cuts_repeat_from_any_cut),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
