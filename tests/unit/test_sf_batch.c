/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of append requests: one zstd frame of all lines, never beyond the limit, cut where it was asked for, offsets
 * with it. A random test prints its seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <zstd.h>

#include "connectors/snowflake/batch.h"

static void unpack(const struct sl_sf_body *body, struct sl_buf *out)
{
        assert_true(sl_buf_room(out, body->raw_len + 1));
        assert_int_equal(ZSTD_findFrameCompressedSize(body->data.ptr, body->data.len), body->data.len); /* one frame */
        size_t n = ZSTD_decompress(out->ptr + out->len, body->raw_len + 1, body->data.ptr, body->data.len);
        assert_false(ZSTD_isError(n));
        assert_int_equal(n, body->raw_len);
        out->len += n;
}

static void add(struct sl_sf_batch *b, const char *line, int64_t offset)
{
        struct sl_err err = {0};
        bool full;
        assert_int_equal(sl_sf_batch_add(b, sl_str_c(line), offset, 100 + offset, &full, &err), SL_OK);
        assert_false(full);
}

static void lines_and_offsets(void **state)
{
        (void)state;
        struct sl_sf_zpool *pool = sl_sf_zpool_new(0);
        struct sl_sf_batch *b = sl_sf_batch_new(&(struct sl_sf_batch_opts){.pool = pool});
        struct sl_sf_body body;
        struct sl_err err = {0};
        struct sl_buf text = {0};
        assert_int_equal(sl_sf_batch_since(b), INT64_MAX);
        assert_int_not_equal(sl_sf_batch_take(b, &body, &err), SL_OK);
        sl_err_clear(&err);
        sl_sf_batch_cover(b, 3); /* nothing to stand for it */
        add(b, "{\"a\":1}\n", 5);
        add(b, "{\"a\":2}\n", 9);
        sl_sf_batch_cover(b, 12);
        sl_sf_batch_cover(b, 11);
        assert_int_equal(sl_sf_batch_since(b), 105);
        assert_int_equal(sl_sf_batch_rows(b), 2);
        assert_false(sl_sf_batch_full(b));
        assert_int_equal(sl_sf_batch_take(b, &body, &err), SL_OK);
        assert_int_equal(body.first, 5);
        assert_int_equal(body.last, 12);
        assert_int_equal(body.rows, 2);
        unpack(&body, &text);
        assert_string_equal(sl_buf_cstr(&text), "{\"a\":1}\n{\"a\":2}\n");
        assert_int_equal(sl_sf_batch_rows(b), 0);
        assert_int_equal(sl_sf_batch_since(b), INT64_MAX);
        add(b, "{}\n", 20);
        sl_sf_batch_drop(b);
        assert_int_equal(sl_sf_batch_rows(b), 0);
        sl_sf_body_free(&body);
        sl_sf_batch_free(b);
        sl_sf_zpool_free(pool);
        sl_buf_free(&text);
}

static void full_by_rows_and_bytes(void **state)
{
        (void)state;
        struct sl_sf_zpool *pool = sl_sf_zpool_new(0);
        struct sl_err err = {0};
        bool full;
        struct sl_sf_batch *b = sl_sf_batch_new(&(struct sl_sf_batch_opts){.pool = pool, .max_rows = 2});
        add(b, "{}\n", 1);
        assert_false(sl_sf_batch_full(b));
        add(b, "{}\n", 2);
        assert_true(sl_sf_batch_full(b));
        assert_int_equal(sl_sf_batch_add(b, SL_STR("{}\n"), 3, 0, &full, &err), SL_OK);
        assert_true(full);
        assert_int_equal(sl_sf_batch_rows(b), 2);
        sl_sf_batch_free(b);
        b = sl_sf_batch_new(&(struct sl_sf_batch_opts){.pool = pool, .max_raw = 10});
        add(b, "{\"a\":123}\n", 1);
        assert_true(sl_sf_batch_full(b));
        assert_int_equal(sl_sf_batch_add(b, SL_STR("{}\n"), 3, 0, &full, &err), SL_OK);
        assert_true(full);
        sl_sf_batch_free(b);
        sl_sf_zpool_free(pool);
}

/* A line of random letters: they don't compress below 6 bits each. */
static struct sl_str random_line(char *room, size_t n)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        memcpy(room, "{\"big\":\"", 8);
        for (size_t i = 8; i + 3 < n; i++)
                room[i] = letters[rand() & 63];
        memcpy(room + n - 3, "\"}\n", 3);
        return (struct sl_str){room, n};
}

static void a_row_too_large(void **state)
{
        (void)state;
        struct sl_sf_zpool *pool = sl_sf_zpool_new(0);
        struct sl_sf_batch *b =
                sl_sf_batch_new(&(struct sl_sf_batch_opts){.pool = pool, .max_body = 300000, .hard_body = 400000});
        struct sl_sf_body body;
        struct sl_err err = {0};
        struct sl_buf text = {0};
        bool full;
        char *room = malloc(1000000);
        struct sl_str line = random_line(room, 1000000);
        add(b, "{}\n", 1);
        assert_int_equal(sl_sf_batch_add(b, line, 2, 0, &full, &err), SL_OK);
        assert_true(full); /* alone, perhaps */
        assert_int_equal(sl_sf_batch_take(b, &body, &err), SL_OK);
        sl_sf_body_free(&body);
        assert_int_not_equal(sl_sf_batch_add(b, line, 2, 0, &full, &err), SL_OK);
        assert_int_equal(err.id, SL_E_TOO_LARGE);
        assert_int_equal(err.scope, SL_SCOPE_RECORD);
        assert_true(strstr(err.msg, "largest column is big with 999991 bytes") != NULL);
        sl_err_clear(&err);
        /* one that only looks large goes */
        memset(room, 'x', 1000000);
        memcpy(room, "{\"big\":\"", 8);
        memcpy(room + 1000000 - 3, "\"}\n", 3);
        assert_int_equal(sl_sf_batch_add(b, line, 3, 0, &full, &err), SL_OK);
        assert_false(full);
        add(b, "{\"after\":1}\n", 4);
        assert_int_equal(sl_sf_batch_take(b, &body, &err), SL_OK);
        assert_in_range(body.data.len, 1, 300000);
        unpack(&body, &text);
        assert_memory_equal(text.ptr, room, 1000000);
        assert_string_equal(sl_buf_cstr(&text) + 1000000, "{\"after\":1}\n");
        sl_sf_body_free(&body);
        sl_sf_batch_free(b);
        sl_sf_zpool_free(pool);
        sl_buf_free(&text);
        free(room);
}

static void check_split(struct sl_sf_zpool *pool, struct sl_sf_body *body, const struct sl_buf *want)
{
        struct sl_sf_body left, right;
        struct sl_err err = {0};
        struct sl_buf text = {0};
        int64_t first = body->first, last = body->last;
        uint64_t rows = body->rows;
        assert_int_equal(sl_sf_body_split(pool, body, &left, &right, &err), SL_OK);
        assert_int_equal(left.first, first);
        assert_int_equal(right.first, left.last + 1);
        assert_int_equal(right.last, last);
        assert_int_equal(left.rows + right.rows, rows);
        assert_true(left.rows > 0 && right.rows > 0);
        unpack(&left, &text);
        assert_int_equal(text.ptr[text.len - 1], '\n');
        unpack(&right, &text);
        assert_int_equal(text.len, want->len);
        assert_memory_equal(text.ptr, want->ptr, want->len);
        sl_sf_body_free(&left);
        sl_sf_body_free(&right);
        sl_buf_free(&text);
}

/* Lines of all sizes: no body beyond the limit, nothing lost, nothing twice, in order. */
static void random_lines(void **state)
{
        (void)state;
        unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : (unsigned)time(NULL);
        printf("seed %u\n", seed);
        srand(seed);
        struct sl_sf_zpool *pool = sl_sf_zpool_new(0);
        size_t max = 400000 + (size_t)(rand() % 300000);
        struct sl_sf_batch *b = sl_sf_batch_new(&(struct sl_sf_batch_opts){.pool = pool, .max_body = max});
        struct sl_buf want = {0}, got = {0}, part = {0};
        char *room = malloc(300000);
        struct sl_err err = {0};
        struct sl_sf_body body;
        int64_t next = 0;
        unsigned bodies = 0, splits = 0;
        for (int64_t offset = 0; offset < 6000; offset++) {
                size_t n = rand() % 100 == 0 ? 20000 + (size_t)(rand() % 200000) : 12 + (size_t)(rand() % 1000);
                struct sl_str line = random_line(room, n);
                bool full;
                sl_buf_add_str(&want, line);
                assert_int_equal(sl_sf_batch_add(b, line, offset, 0, &full, &err), SL_OK);
                if (!full && !sl_sf_batch_full(b) && offset < 5999)
                        continue;
                assert_int_equal(sl_sf_batch_take(b, &body, &err), SL_OK);
                assert_int_equal(body.first, next);
                assert_int_equal(body.last, full ? offset - 1 : offset);
                assert_in_range(body.data.len, 1, max);
                next = body.last + 1;
                sl_buf_clear(&part);
                unpack(&body, &part);
                sl_buf_add(&got, part.ptr, part.len);
                bodies++;
                if (body.rows > 3 && body.mark_count > 1) {
                        check_split(pool, &body, &part);
                        splits++;
                } else {
                        sl_sf_body_free(&body);
                }
                if (full)
                        offset--;
                if (full)
                        want.len -= line.len;
        }
        assert_in_range(bodies, 4, 100);
        assert_in_range(splits, 1, bodies);
        assert_int_equal(got.len, want.len);
        assert_memory_equal(got.ptr, want.ptr, want.len);
        sl_sf_batch_free(b);
        sl_sf_zpool_free(pool);
        sl_buf_free(&want);
        sl_buf_free(&got);
        sl_buf_free(&part);
        free(room);
}

static void one_row_is_not_cut(void **state)
{
        (void)state;
        struct sl_sf_zpool *pool = sl_sf_zpool_new(0);
        struct sl_sf_batch *b = sl_sf_batch_new(&(struct sl_sf_batch_opts){.pool = pool});
        struct sl_sf_body body, left, right;
        struct sl_err err = {0};
        char *room = malloc(100000);
        bool full;
        assert_int_equal(sl_sf_batch_add(b, random_line(room, 100000), 1, 0, &full, &err), SL_OK);
        assert_int_equal(sl_sf_batch_take(b, &body, &err), SL_OK);
        assert_int_not_equal(sl_sf_body_split(pool, &body, &left, &right, &err), SL_OK);
        assert_int_equal(err.id, SL_E_TOO_LARGE);
        assert_int_equal(err.scope, SL_SCOPE_BATCH);
        assert_int_equal(body.rows, 1);
        sl_sf_body_free(&body);
        sl_sf_batch_free(b);
        sl_sf_zpool_free(pool);
        free(room);
}

/* SF_BENCH=1: lines of a bench row through zstd, and memory of 64 open batches. */
static void speed(void **state)
{
        (void)state;
        if (!getenv("SF_BENCH"))
                skip();
        for (int level = 1; level <= 3; level += 2) {
                struct sl_sf_zpool *pool = sl_sf_zpool_new(level);
                struct sl_sf_batch *b = sl_sf_batch_new(&(struct sl_sf_batch_opts){.pool = pool});
                struct sl_err err = {0};
                struct sl_sf_body body;
                size_t raw = 0, sent = 0;
                struct timespec a, z;
                char line[500];
                const int n = 2000000;
                double spent = 0;
                for (int i = 0; i < n; i++) {
                        bool full;
                        int len = snprintf(line, sizeof(line),
                                           "{\"id\":%d,\"account_id\":%d,\"kind\":\"transfer\",\"amount\":%d.%02d,"
                                           "\"currency\":\"EUR\",\"note\":null,"
                                           "\"booked\":\"2024-02-29T23:%02d:%02d.%03dZ\",\"balance\":%d.5,\"ok\":true,"
                                           "\"city\":\"Zurich\",\"n\":5,\"ref\":"
                                           "\"%08x%08x\",\"RECORD_METADATA\":{\"topic\":\"orders\",\"partition\":3,"
                                           "\"offset\":%d,\"CreateTime\":17000000%05d,"
                                           "\"SnowflakeConnectorPushTime\":1700000000123}}\n",
                                           i, i % 1000, rand() % 10000, rand() % 100, rand() % 60, rand() % 60,
                                           rand() % 1000, rand() % 100000, (unsigned)rand(), (unsigned)rand(), i,
                                           i % 100000);
                        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
                        assert_int_equal(sl_sf_batch_add(b, (struct sl_str){line, (size_t)len}, i, 0, &full, &err),
                                         SL_OK);
                        if (full || i == n - 1) {
                                assert_int_equal(sl_sf_batch_take(b, &body, &err), SL_OK);
                                raw += body.raw_len;
                                sent += body.data.len;
                                sl_sf_body_free(&body);
                                i -= full;
                        }
                        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &z);
                        spent += (double)(z.tv_sec - a.tv_sec) + (double)(z.tv_nsec - a.tv_nsec) / 1e9;
                }
                printf("level %d: %.0f rows/s, %.0f MB/s, %.2f to 1, %zu bytes a context\n", level, n / spent,
                       (double)raw / spent / 1e6, (double)raw / (double)sent, sl_sf_zpool_bytes(pool));
                sl_sf_batch_free(b);
                sl_sf_zpool_free(pool);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_and_offsets),  cmocka_unit_test(full_by_rows_and_bytes),
                cmocka_unit_test(a_row_too_large),    cmocka_unit_test(random_lines),
                cmocka_unit_test(one_row_is_not_cut), cmocka_unit_test(speed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
