/* SPDX-License-Identifier: Apache-2.0 */
/* record/record.c: fresh records, limits, adopted buffers released once, nothing allocated when warm. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "record/record.h"

static void new_records_are_blank(void **state)
{
        (void)state;
        struct sl_batch b;
        sl_batch_init(&b, 10, 1000);
        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 500; i++) {
                        struct sl_record *rec = sl_batch_add(&b);
                        assert_int_equal(rec->partition, -1);
                        assert_int_equal(rec->offset, -1);
                        assert_int_equal(rec->timestamp_ms, -1);
                        assert_true(!rec->topic.ptr && !rec->dropped && !rec->key_schema && !rec->value_schema);
                        assert_true(rec->key.type == SL_NULL && rec->value.type == SL_NULL && !rec->headers);
                        assert_true(!rec->header_count && !rec->raw_key.ptr && !rec->raw_value.ptr && !rec->commit_us);
                        memset(rec, 0xff, sizeof(*rec));
                        rec->offset = i;
                }
                assert_int_equal(b.count, 500);
                for (int i = 0; i < 500; i++) /* the array moved, the records went with it */
                        assert_int_equal(b.records[i].offset, i);
                sl_batch_reset(&b);
                assert_int_equal(b.count, 0);
                assert_int_equal(b.max_records, 10);
        }
        sl_batch_free(&b);
        sl_batch_free(&b);
}

static int released[3];

static void release(void *p)
{
        released[*(int *)p]++;
}

static void adopted_buffers_are_released_once(void **state)
{
        (void)state;
        struct sl_batch b;
        int ids[] = {0, 1, 2};
        sl_batch_init(&b, 10, 1000);
        sl_batch_adopt(&b, &ids[0], release, 600);
        sl_batch_adopt(&b, &ids[1], release, 0);
        assert_false(sl_batch_full(&b));
        assert_int_equal(released[0], 0);
        sl_batch_adopt(&b, &ids[2], release, 400);
        assert_true(sl_batch_full(&b));
        sl_batch_reset(&b);
        assert_true(released[0] == 1 && released[1] == 1 && released[2] == 1);
        assert_int_equal(b.bytes, 0);
        sl_batch_reset(&b);
        assert_int_equal(released[0], 1);
        sl_batch_adopt(&b, &ids[0], release, 1);
        sl_batch_free(&b);
        assert_int_equal(released[0], 2);
}

static void limits(void **state)
{
        (void)state;
        struct sl_batch b;
        sl_batch_init(&b, 3, 1000);
        for (int i = 0; i < 3; i++) {
                assert_false(sl_batch_full(&b));
                sl_batch_add(&b);
        }
        assert_true(sl_batch_full(&b));
        sl_batch_reset(&b);
        assert_false(sl_batch_full(&b));
        sl_arena_alloc(&b.arena, 990);
        assert_false(sl_batch_full(&b)); /* 992 with alignment */
        sl_arena_alloc(&b.arena, 1);
        assert_true(sl_batch_full(&b));
        sl_batch_free(&b);
        sl_batch_init(&b, 0, 0); /* no limits */
        sl_batch_add(&b);
        assert_false(sl_batch_full(&b));
        sl_batch_free(&b);
}

static void reset_forgets_the_position(void **state)
{
        (void)state;
        struct sl_batch b;
        sl_batch_init(&b, 3, 1000);
        b.has_position = b.boundary = true;
        b.position.w[7] = 9;
        sl_batch_reset(&b);
        assert_false(b.has_position || b.boundary || b.position.w[7]);
        sl_batch_free(&b);
}

static void nothing(void *p)
{
        (void)p;
}

static void warm_batch_allocates_nothing(void **state)
{
        (void)state;
#ifdef __SANITIZE_ADDRESS__
        skip(); /* a reset frees the arena's chunks there, on purpose */
#endif
        struct sl_batch b;
        size_t before = 0;
        sl_batch_init(&b, 5000, 1 << 20);
        for (int round = 0; round < 10; round++) {
                for (int i = 0; i < 3000; i++) {
                        struct sl_record *rec = sl_batch_add(&b);
                        rec->value = sl_v_str((struct sl_str){sl_arena_strndup(&b.arena, "some text", 9), 9});
                        sl_batch_adopt(&b, rec, nothing, 1);
                }
                sl_batch_reset(&b);
                size_t now = mallinfo2().uordblks;
                if (round)
                        assert_int_equal(now, before);
                before = now;
        }
        sl_batch_free(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(new_records_are_blank),
                cmocka_unit_test(adopted_buffers_are_released_once),
                cmocka_unit_test(limits),
                cmocka_unit_test(reset_forgets_the_position),
                cmocka_unit_test(warm_batch_allocates_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
