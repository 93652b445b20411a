/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/s3/rotation.c: where files end; connectors/s3/plan.c: how that is written down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "connectors/s3/plan.h"
#include "connectors/s3/rotation.h"

#define NONE INT64_MIN

static void add(struct sl_s3_open *o, int64_t ts, int64_t now)
{
        sl_s3_added(o, ts, now, SL_S3_NEVER);
}

static enum sl_s3_cut before(const struct sl_s3_rules *r, const struct sl_s3_open *o, int64_t ts)
{
        return sl_s3_cut_before(r, o, &(struct sl_s3_next){.timestamp_ms = ts}, 0);
}

static void flush_size(void **state)
{
        (void)state;
        struct sl_s3_rules r = {.flush_size = 3};
        struct sl_s3_open o = {0};
        assert_int_equal(sl_s3_cut_after(&r, &o, 0), SL_S3_KEEP); /* nothing open never ends */
        add(&o, 1, 0);
        add(&o, 2, 0);
        assert_int_equal(sl_s3_cut_after(&r, &o, 1 << 30), SL_S3_KEEP); /* no size limit */
        assert_int_equal(before(&r, &o, INT64_MAX), SL_S3_KEEP);        /* no interval */
        add(&o, 3, 0);
        assert_int_equal(sl_s3_cut_after(&r, &o, 0), SL_S3_CUT_COUNT);
        r.flush_size = 1;
        o = (struct sl_s3_open){0};
        add(&o, 1, 0);
        assert_int_equal(sl_s3_cut_after(&r, &o, 0), SL_S3_CUT_COUNT);
}

static void flush_bytes(void **state)
{
        (void)state;
        struct sl_s3_rules r = {.flush_size = 100, .flush_bytes = 1000};
        struct sl_s3_open o = {0};
        add(&o, 1, 0);
        assert_int_equal(sl_s3_cut_after(&r, &o, 999), SL_S3_KEEP);
        assert_int_equal(sl_s3_cut_after(&r, &o, 1000), SL_S3_CUT_BYTES);
        assert_true(sl_s3_rules_clocked(&r));
        r.flush_bytes = -1;
        assert_false(sl_s3_rules_clocked(&r));
}

static void interval(void **state)
{
        (void)state;
        struct sl_s3_rules r = {.flush_size = 100, .interval_ms = 1000};
        struct sl_s3_open o = {0};
        assert_int_equal(before(&r, &o, 5000), SL_S3_KEEP);
        add(&o, 5000, 0);
        assert_int_equal(before(&r, &o, 5999), SL_S3_KEEP);
        assert_int_equal(before(&r, &o, 6000), SL_S3_CUT_TIME);
        assert_int_equal(before(&r, &o, 100), SL_S3_KEEP); /* late data does not end a file */
        add(&o, 100, 0);
        assert_int_equal(before(&r, &o, 5999), SL_S3_KEEP); /* the base is the first one's */
        assert_int_equal(before(&r, &o, NONE), SL_S3_KEEP);
        assert_false(sl_s3_rules_clocked(&r));
        /* time that passes is not the records' time */
        assert_int_equal(sl_s3_cut_clock(&r, &o, 1 << 30, 1 << 30), SL_S3_KEEP);
}

/* Records without a timestamp neither end a file nor start its clock. */
static void interval_without_timestamps(void **state)
{
        (void)state;
        struct sl_s3_rules r = {.flush_size = 100, .interval_ms = 10};
        struct sl_s3_open o = {0};
        add(&o, NONE, 0);
        assert_int_equal(before(&r, &o, 1000), SL_S3_KEEP);
        add(&o, 1000, 0);
        assert_int_equal(before(&r, &o, 1009), SL_S3_KEEP);
        assert_int_equal(before(&r, &o, 1010), SL_S3_CUT_TIME);
}

static void partition_change(void **state)
{
        (void)state;
        struct sl_s3_rules r = {.flush_size = 100, .interval_ms = 10, .on_change = true};
        struct sl_s3_open o = {0};
        struct sl_s3_next moved = {.timestamp_ms = 1000, .moved = true, .opens = true};
        assert_int_equal(sl_s3_cut_before(&r, &o, &moved, 0), SL_S3_KEEP);
        add(&o, 1000, 0);
        assert_int_equal(sl_s3_cut_before(&r, &o, &moved, 0), SL_S3_CUT_CHANGE);
        r.on_change = false;
        assert_int_equal(sl_s3_cut_before(&r, &o, &moved, 0), SL_S3_KEEP);
        r.on_change = true;
        r.interval_ms = -1; /* the rule belongs to rotate.interval.ms */
        assert_int_equal(sl_s3_cut_before(&r, &o, &moved, 0), SL_S3_KEEP);
}

static void schedule(void **state)
{
        (void)state;
        struct sl_s3_rules r = {.flush_size = 100, .scheduled = true};
        struct sl_s3_open o = {0};
        assert_int_equal(sl_s3_cut_clock(&r, &o, 1 << 30, 0), SL_S3_KEEP);
        sl_s3_added(&o, NONE, 0, 5000);
        sl_s3_added(&o, NONE, 0, 9000); /* only the first one's counts */
        assert_int_equal(sl_s3_cut_clock(&r, &o, 4999, 0), SL_S3_KEEP);
        assert_int_equal(sl_s3_clock_left(&r, &o, 4400, 0), 600);
        assert_int_equal(sl_s3_cut_clock(&r, &o, 5000, 0), SL_S3_CUT_SCHEDULE);
        struct sl_s3_next next = {.timestamp_ms = NONE};
        assert_int_equal(sl_s3_cut_before(&r, &o, &next, 4999), SL_S3_KEEP);
        assert_int_equal(sl_s3_cut_before(&r, &o, &next, 5000), SL_S3_CUT_SCHEDULE);
        assert_true(sl_s3_rules_clocked(&r));
}

static void idle(void **state)
{
        (void)state;
        struct sl_s3_rules r = {.flush_size = 100, .idle_ms = 500};
        struct sl_s3_open o = {0};
        assert_true(sl_s3_clock_left(&r, &o, 0, 1000) == SL_S3_NEVER);
        add(&o, 1, 1000);
        assert_int_equal(sl_s3_clock_left(&r, &o, 0, 1100), 400);
        assert_int_equal(sl_s3_cut_clock(&r, &o, 0, 1499), SL_S3_KEEP);
        add(&o, 1, 1400);
        assert_int_equal(sl_s3_cut_clock(&r, &o, 0, 1899), SL_S3_KEEP);
        assert_int_equal(sl_s3_cut_clock(&r, &o, 0, 1900), SL_S3_CUT_IDLE);
        assert_int_equal(sl_s3_clock_left(&r, &o, 0, 3000), 0);
        assert_true(sl_s3_rules_clocked(&r));
}

/* With the clock as extractor an interval ends without records as well. */
static void wallclock(void **state)
{
        (void)state;
        struct sl_s3_rules r = {.flush_size = 100, .interval_ms = 1000, .wallclock = true};
        struct sl_s3_open o = {0};
        add(&o, 5000, 0);
        assert_int_equal(sl_s3_cut_clock(&r, &o, 5999, 0), SL_S3_KEEP);
        assert_int_equal(sl_s3_clock_left(&r, &o, 5900, 0), 100);
        assert_int_equal(sl_s3_cut_clock(&r, &o, 6000, 0), SL_S3_CUT_TIME);
        assert_true(sl_s3_rules_clocked(&r));
}

/* Confluent's order: nulls, time, schedule, schema, open files. */
static void order(void **state)
{
        (void)state;
        struct sl_s3_rules r = {.flush_size = 9, .interval_ms = 10, .max_open = 2, .on_change = true, .scheduled = true};
        struct sl_s3_open o = {.files = 2};
        struct sl_s3_next next = {.timestamp_ms = 100, .moved = true, .flipped = true, .misfits = true, .opens = true};
        sl_s3_added(&o, 0, 0, 50);
        o.files = 2;
        assert_int_equal(sl_s3_cut_before(&r, &o, &next, 60), SL_S3_CUT_NULLS);
        next.flipped = false;
        assert_int_equal(sl_s3_cut_before(&r, &o, &next, 60), SL_S3_CUT_TIME);
        next.timestamp_ms = 9;
        assert_int_equal(sl_s3_cut_before(&r, &o, &next, 60), SL_S3_CUT_CHANGE);
        next.moved = false;
        assert_int_equal(sl_s3_cut_before(&r, &o, &next, 60), SL_S3_CUT_SCHEDULE);
        assert_int_equal(sl_s3_cut_before(&r, &o, &next, 40), SL_S3_CUT_SCHEMA);
        next.misfits = false;
        assert_int_equal(sl_s3_cut_before(&r, &o, &next, 40), SL_S3_CUT_OPEN_FILES);
        o.files = 1;
        assert_int_equal(sl_s3_cut_before(&r, &o, &next, 40), SL_S3_KEEP);
        o = (struct sl_s3_open){0}; /* nothing open: nothing to end */
        next = (struct sl_s3_next){.timestamp_ms = 100, .moved = true, .flipped = true, .misfits = true, .opens = true};
        assert_int_equal(sl_s3_cut_before(&r, &o, &next, 60), SL_S3_KEEP);
}

/* ---- plans ---- */

static void plan_text(void **state)
{
        (void)state;
        struct sl_buf out = {0};
        struct sl_s3_planned first = {.end = 1500, .id = 0xabcull}, second = {.end = 1510, .id = 1, .run_count = 2,
                                                                           .runs = {{1500, 777}, {1505, 888}}};
        sl_s3_plan_start(&out, 1000);
        assert_true(sl_s3_plan_add(&out, 1000, &first, 4096));
        assert_true(sl_s3_plan_add(&out, 1500, &second, 4096));
        assert_string_equal(sl_buf_cstr(&out), "sluice-s3/1 1000 500:0000000000000abc 10:0000000000000001@0=777,5=888");
        struct sl_s3_plan plan;
        struct sl_err err = {0};
        assert_int_equal(sl_s3_plan_read(sl_buf_cstr(&out), 1000, &plan, &err), SL_OK);
        assert_int_equal(plan.count, 2);
        assert_int_equal(plan.cuts[0].end, 1500);
        assert_true(plan.cuts[0].id == 0xabc && plan.cuts[0].run_count == 0);
        assert_int_equal(plan.cuts[1].end, 1510);
        assert_int_equal(sl_s3_planned_wall(&plan.cuts[0], 1400, 5), 5);
        assert_int_equal(sl_s3_planned_wall(&plan.cuts[1], 1504, 5), 777);
        assert_int_equal(sl_s3_planned_wall(&plan.cuts[1], 1505, 5), 888);
        sl_s3_plan_free(&plan);
        /* skipped records may have moved the offset; cuts behind it stay */
        assert_int_equal(sl_s3_plan_read(sl_buf_cstr(&out), 1500, &plan, &err), SL_OK);
        assert_int_equal(plan.count, 1);
        assert_int_equal(plan.cuts[0].end, 1510);
        sl_s3_plan_free(&plan);
        assert_int_equal(sl_s3_plan_read(sl_buf_cstr(&out), 1510, &plan, &err), SL_OK);
        assert_int_equal(plan.count, 0);
        sl_s3_plan_free(&plan);
        /* an offset that was set back by hand has no plan */
        assert_int_equal(sl_s3_plan_read(sl_buf_cstr(&out), 999, &plan, &err), SL_OK);
        assert_int_equal(plan.count, 0);
        sl_s3_plan_free(&plan);
        sl_buf_free(&out);
}

static void plan_room(void **state)
{
        (void)state;
        struct sl_buf out = {0};
        struct sl_s3_planned cut = {.end = INT64_MAX / 4, .id = UINT64_MAX, .run_count = SL_S3_RUNS_MAX};
        for (int i = 0; i < SL_S3_RUNS_MAX; i++)
                cut.runs[i] = (struct sl_s3_run){INT64_MAX / 8 + i, INT64_MAX / 8};
        sl_s3_plan_start(&out, 0);
        assert_true(sl_s3_plan_add(&out, 0, &cut, 4096)); /* the longest cut has room */
        while (out.len < 4096 - 2000)
                assert_true(sl_s3_plan_add(&out, 0, &cut, 4096));
        size_t len = out.len;
        assert_false(sl_s3_plan_add(&out, 0, &cut, 4096));
        assert_int_equal(out.len, len);
        sl_buf_free(&out);
}

static void plan_refused(void **state)
{
        (void)state;
        static const char *const bad[] = {"sluice-s3/2 1 1:0", "sluice-s3/1 ",        "sluice-s3/1 5 x",
                                          "sluice-s3/1 5 7",   "sluice-s3/1 5 7:",    "sluice-s3/1 5 7:12@",
                                          "sluice-s3/1 5 7:12@1=", "sluice-s3/1 5 7:12@1", "sluice-s3/1 -5 7:12"};
        struct sl_s3_plan plan;
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                struct sl_err err = {0};
                assert_int_equal(sl_s3_plan_read(bad[i], 5, &plan, &err), SL_FATAL);
                assert_int_equal(plan.count, 0);
        }
        static const char *const others[] = {NULL, "", "{}", "consumer-1"};
        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
                struct sl_err err = {0};
                assert_int_equal(sl_s3_plan_read(others[i], 5, &plan, &err), SL_OK);
                assert_int_equal(plan.count, 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(flush_size), cmocka_unit_test(flush_bytes),
                cmocka_unit_test(interval),   cmocka_unit_test(interval_without_timestamps),
                cmocka_unit_test(partition_change), cmocka_unit_test(schedule),
                cmocka_unit_test(idle),       cmocka_unit_test(wallclock),
                cmocka_unit_test(order),      cmocka_unit_test(plan_text),
                cmocka_unit_test(plan_room),  cmocka_unit_test(plan_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
