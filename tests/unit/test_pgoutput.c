/* SPDX-License-Identifier: Apache-2.0 */
/* The pgoutput decoder over hand-made messages; every message is also cut at every length, which must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>
#include "connectors/postgres/pgoutput.h"
#include "connectors/postgres/task.h"

static struct sl_pg_datum cols[2][SL_PG_MAX_COLUMNS];
static struct sl_pgoutput m;

#define BYTES(lit) ((struct sl_str){(lit), sizeof(lit) - 1})

static enum sl_rc decode(struct sl_str s, struct sl_err *err)
{
        m.old_row.cols = cols[0];
        m.new_row.cols = cols[1];
        return sl_pgoutput_decode(s, &m, err);
}

/* Decode it whole; every cut and every added byte must fail. The copy is exact, so that a sanitizer sees a read past
 * it. */
static void whole(struct sl_str s)
{
        for (size_t n = 0; n <= s.len + 1; n++) {
                char *copy = malloc(n ? n : 1);
                struct sl_err err = {0};
                memcpy(copy, s.ptr, n < s.len ? n : s.len);
                if (n > s.len)
                        copy[s.len] = 0;
                enum sl_rc rc = decode((struct sl_str){copy, n}, &err);
                if (n == s.len) {
                        assert_int_equal(rc, SL_OK);
                } else {
                        assert_int_equal(rc, SL_FATAL);
                        assert_int_equal(err.id, SL_E_PG_PROTOCOL);
                }
                free(copy);
        }
        assert_int_equal(decode(s, NULL), SL_OK);
}

static void transactions(void **state)
{
        (void)state;
        whole(BYTES("B\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0\1\0\0\2\x2b"));
        assert_true(m.lsn == 0x100000002 && m.time_us == 946684800000001 && m.xid == 555);
        whole(BYTES("C\0\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\x09\xff\xff\xff\xff\xff\xff\xff\xff"));
        assert_true(m.lsn == 7 && m.end_lsn == 9 && m.time_us == 946684799999999);
        whole(BYTES("O\0\0\0\0\0\0\0\3other\0"));
        assert_true(m.lsn == 3 && sl_str_eqc(m.name, "other"));
        whole(BYTES("Y\0\0\0\1public\0mood\0"));
        assert_true(sl_str_eqc(m.schema, "public") && sl_str_eqc(m.name, "mood"));
}

static void messages(void **state)
{
        (void)state;
        whole(BYTES("M\1\0\0\0\0\0\0\0\x09pre\0\0\0\0\3a\0b"));
        assert_true(m.transactional && m.lsn == 9 && sl_str_eqc(m.name, "pre"));
        assert_true(m.content.len == 3 && memcmp(m.content.ptr, "a\0b", 3) == 0);
        whole(BYTES("M\0\0\0\0\0\0\0\0\x09\0\0\0\0\0"));
        assert_true(!m.transactional && m.name.len == 0 && m.content.len == 0);
}

static void relations(void **state)
{
        (void)state;
        whole(BYTES("R\0\0\x40\1public\0t\0d\0\2\1id\0\0\0\0\x17\xff\xff\xff\xff\0name\0\0\0\4\x13\0\0\0\x18"));
        assert_true(m.oid == 0x4001 && m.identity == 'd' && m.n == 2 && sl_str_eqc(m.name, "t"));
        struct sl_cur items = m.items;
        struct sl_pgoutput_column c = sl_pgoutput_column(&items);
        assert_true(c.key && sl_str_eqc(c.name, "id") && c.type == 23 && c.typmod == -1);
        c = sl_pgoutput_column(&items);
        assert_true(!c.key && sl_str_eqc(c.name, "name") && c.type == 1043 && c.typmod == 24);
        whole(BYTES("T\0\0\0\2\1\0\0\0\5\0\0\0\6"));
        assert_true(m.n == 2);
        items = m.items;
        assert_int_equal(sl_cur_u32(&items), 5);
        assert_int_equal(sl_cur_u32(&items), 6);
}

static void rows(void **state)
{
        (void)state;
        whole(BYTES("I\0\0\0\1N\0\3t\0\0\0\2ab"
                    "nu"));
        assert_true(m.new_row.n == 3 && m.old_kind == 0);
        assert_true(cols[1][0].len == 2 && memcmp(cols[1][0].ptr, "ab", 2) == 0 && cols[1][0].kind == 't');
        assert_true(cols[1][1].kind == 'n' && cols[1][2].kind == 'u' && !cols[1][2].ptr);
        whole(BYTES("U\0\0\0\1N\0\1t\0\0\0\0"));
        assert_true(m.old_kind == 0 && cols[1][0].kind == 't' && cols[1][0].len == 0 && cols[1][0].ptr);
        whole(BYTES("U\0\0\0\1K\0\1t\0\0\0\1aN\0\1t\0\0\0\1b"));
        assert_true(m.old_kind == 'K' && *cols[0][0].ptr == 'a' && *cols[1][0].ptr == 'b');
        whole(BYTES("U\0\0\0\1O\0\1nN\0\1n"));
        assert_int_equal(m.old_kind, 'O');
        whole(BYTES("D\0\0\0\1K\0\1t\0\0\0\1a"));
        assert_true(m.old_kind == 'K' && m.old_row.n == 1 && m.new_row.n == 0);
}

/* Of an empty buffer, which has no memory: fuzz_avro with clang's undefined sanitizer, which counts a null pointer plus 0. */
static void nothing_to_read(void **state)
{
        (void)state;
        struct sl_cur c = sl_cur_of(NULL, 0);
        assert_int_equal(sl_cur_left(&c), 0);
        assert_non_null(sl_cur_take(&c, 0));
        assert_false(c.bad);
        assert_null(sl_cur_take(&c, 1));
        assert_true(c.bad);
}

static void malformed(void **state)
{
        (void)state;
        const struct sl_str bad[] = {BYTES(""),
                                     BYTES("X"),
                                     BYTES("S\0\0\0\1\1"),
                                     BYTES("I\0\0\0\1K\0\1n"),
                                     BYTES("D\0\0\0\1N\0\1n"),
                                     BYTES("U\0\0\0\1K\0\1nK\0\1n"),
                                     BYTES("I\0\0\0\1N\0\1b\0\0\0\1a"),
                                     BYTES("I\0\0\0\1N\0\1t\xff\xff\xff\xff"
                                           "a"),
                                     BYTES("I\0\0\0\1N\xff\xff"),
                                     BYTES("T\xff\xff\xff\xff\0"),
                                     BYTES("R\0\0\0\1a\0b\0d\xff\xff"),
                                     BYTES("O\0\0\0\0\0\0\0\3other")};
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct sl_err err = {0};
                assert_int_equal(decode(bad[i], &err), SL_FATAL);
                assert_int_equal(err.id, SL_E_PG_PROTOCOL);
        }
}

static void noise(void **state)
{
        (void)state;
        unsigned seed = (unsigned)time(NULL);
        print_message("seed %u\n", seed);
        srand(seed);
        static const char kinds[] = "BCORYIUDTM";
        for (int i = 0; i < 200000; i++) {
                size_t n = 1 + (size_t)rand() % 60;
                char *buf = malloc(n);
                for (size_t k = 0; k < n; k++)
                        buf[k] = (char)(rand() % 4 ? rand() % 4 : rand());
                buf[0] = kinds[rand() % 10];
                if (n > 5 && rand() % 2)
                        buf[5] = "NKO"[rand() % 3];
                struct sl_err err = {0};
                if (decode((struct sl_str){buf, n}, &err) != SL_OK)
                        assert_int_equal(err.id, SL_E_PG_PROTOCOL);
                free(buf);
        }
}

/* As whole(), for messages of streamed transactions. A message inside a block ends where its bytes end. */
static struct sl_pgoutput_block block(struct sl_str s, bool inside, size_t shortest)
{
        struct sl_pgoutput_block b;
        for (size_t n = 0; n <= s.len + 1; n++) {
                char *copy = malloc(n ? n : 1);
                struct sl_err err = {0};
                memcpy(copy, s.ptr, n < s.len ? n : s.len);
                if (n > s.len)
                        copy[s.len] = 0;
                enum sl_rc rc = sl_pgoutput_decode_block((struct sl_str){copy, n}, inside, &b, &err);
                bool good = shortest ? n >= shortest : n == s.len;
                assert_int_equal(rc, good ? SL_OK : SL_FATAL);
                if (!good)
                        assert_int_equal(err.id, SL_E_PG_PROTOCOL);
                free(copy);
        }
        assert_int_equal(sl_pgoutput_decode_block(s, inside, &b, NULL), SL_OK);
        return b;
}

static void streamed_blocks(void **state)
{
        (void)state;
        struct sl_pgoutput_block b = block(BYTES("S\0\0\0\7\1"), false, 0);
        assert_true(b.kind == 'S' && b.xid == 7 && b.first);
        assert_false(block(BYTES("S\0\0\0\7\0"), false, 0).first);
        b = block(BYTES("A\0\0\0\7\0\0\0\x9"), false, 0);
        assert_true(b.xid == 7 && b.sub == 9);
        b = block(BYTES("c\0\0\0\7\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3"), false, 0);
        assert_true(b.xid == 7 && b.commit_lsn == 1 && b.end_lsn == 2 && b.time == 3);
        assert_int_equal(block(BYTES("E"), true, 0).kind, 'E');
        b = block(BYTES("I\0\0\0\x8rest"), true, 5);
        assert_true(b.kind == 'I' && b.xid == 8 && sl_str_eqc(b.rest, "rest"));
        b = block(BYTES("Oorigin"), true, 1);
        assert_true(b.kind == 'O' && sl_str_eqc(b.rest, "origin"));
        assert_true(sl_pgoutput_is_block(SL_STR("S")) && !sl_pgoutput_is_block(SL_STR("I")) &&
                    !sl_pgoutput_is_block(SL_STR("")));
        assert_int_equal(sl_pgoutput_decode_block(SL_STR("E"), false, &b, NULL), SL_FATAL);
        assert_int_equal(sl_pgoutput_decode_block(SL_STR("B\0\0\0\1"), true, &b, NULL), SL_FATAL);
        assert_int_equal(sl_pgoutput_decode_block(SL_STR("S\0\0\0\7\1"), true, &b, NULL), SL_FATAL);
}

static void copy_rows(void **state)
{
        (void)state;
        struct sl_pg_tuple row = {.cols = cols[0]};
        char buf[] = "1\ta\\tb\\\\\\n\t\\N\t\t\\\\N\n";
        assert_true(sl_pg_copy_row(buf, sizeof(buf) - 1, &row));
        assert_int_equal(row.n, 5);
        assert_true(cols[0][0].len == 1 && cols[0][1].len == 5 && memcmp(cols[0][1].ptr, "a\tb\\\n", 5) == 0);
        assert_int_equal(cols[0][2].kind, 'n');
        assert_true(cols[0][3].kind == 't' && cols[0][3].len == 0);
        assert_true(cols[0][4].kind == 't' && cols[0][4].len == 2 && memcmp(cols[0][4].ptr, "\\N", 2) == 0);
        char cut[] = "a\\";
        assert_false(sl_pg_copy_row(cut, 2, &row));
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(transactions), cmocka_unit_test(relations),
                                           cmocka_unit_test(messages),     cmocka_unit_test(rows),
                                           cmocka_unit_test(nothing_to_read), cmocka_unit_test(malformed),    cmocka_unit_test(noise),
                                           cmocka_unit_test(copy_rows), cmocka_unit_test(streamed_blocks)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
