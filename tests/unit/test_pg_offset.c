/* SPDX-License-Identifier: Apache-2.0 */
/* Stored offsets: what is written reads back, and what Debezium writes is understood. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
#include "connectors/postgres/offset.h"

static void writes(const struct sl_position *pos, const char *json)
{
        struct sl_buf out = {0};
        sl_pg_offset_write(pos, &(struct sl_pg_identity){0}, &out);
        assert_string_equal(sl_buf_cstr(&out), json);
        sl_buf_free(&out);
}

static struct sl_pg_offset reads(const char *json)
{
        struct sl_pg_offset o;
        struct sl_err err = {0};
        assert_int_equal(sl_pg_offset_read(json, &o, &err), SL_OK);
        return o;
}

static void at_a_commit(void **state)
{
        (void)state;
        struct sl_position pos = {{[SL_PG_W_DONE] = 24023176,
                                   [SL_PG_W_ROW] = 1,
                                   [SL_PG_W_XID] = 555,
                                   [SL_PG_W_TIME] = 1700000000123456,
                                   [SL_PG_W_FLAGS] = SL_PG_F_XID}};
        const char *json = "{\"lsn_proc\":24023176,\"messageType\":\"COMMIT\",\"lsn_commit\":24023176,\"lsn\":24023176,"
                           "\"txId\":555,"
                           "\"ts_usec\":1700000000123456}";
        writes(&pos, json);
        struct sl_pg_offset o = reads(json);
        assert_true(o.done_lsn == 24023176 && o.has_commit && !o.txn_lsn && !o.foreign_lsn && o.xid == 555 &&
                    o.ts_us == 1700000000123456 && !o.snapshot_done && !o.snapshot_running);
}

static void inside_a_transaction(void **state)
{
        (void)state;
        struct sl_position pos = {{[SL_PG_W_COMMIT] = 900,
                                   [SL_PG_W_ORDINAL] = 17,
                                   [SL_PG_W_DONE] = 700,
                                   [SL_PG_W_ROW] = 850,
                                   [SL_PG_W_XID] = 5,
                                   [SL_PG_W_TIME] = 6,
                                   [SL_PG_W_FLAGS] = SL_PG_F_XID | 'U' << 8}};
        const char *json =
                "{\"lsn_proc\":850,\"messageType\":\"UPDATE\",\"lsn_commit\":700,\"lsn\":850,\"txId\":5,\"ts_usec\":6,"
                "\"sluice_txn\":\"900/17\"}";
        writes(&pos, json);
        struct sl_pg_offset o = reads(json);
        assert_true(o.txn_lsn == 900 && o.ordinal == 17 && o.done_lsn == 700 && o.lsn == 850 && !o.foreign_lsn);
}

static void snapshots(void **state)
{
        (void)state;
        struct sl_position pos = {{[SL_PG_W_DONE] = 24000000, [SL_PG_W_TIME] = 6, [SL_PG_W_FLAGS] = SL_PG_F_SNAPSHOT}};
        writes(&pos, "{\"snapshot\":\"INITIAL\",\"last_snapshot_record\":true,\"snapshot_completed\":true,\"lsn\":"
                     "24000000,\"ts_usec\":6}");
        pos.w[SL_PG_W_FLAGS] |= SL_PG_F_RUNNING | SL_PG_F_XID;
        pos.w[SL_PG_W_XID] = 553;
        writes(&pos, "{\"snapshot\":\"INITIAL\",\"last_snapshot_record\":false,\"snapshot_completed\":false,\"lsn\":"
                     "24000000,\"txId\":553,\"ts_usec\":6}");
        struct sl_pg_offset o = reads("{\"snapshot\":\"INITIAL\",\"last_snapshot_record\":true,\"snapshot_completed\":"
                                      "true,\"lsn\":24000000}");
        assert_true(o.snapshot_done && o.done_lsn == 24000000 && !o.has_commit && !o.snapshot_running);
        o = reads("{\"snapshot\":\"INITIAL\",\"last_snapshot_record\":false,\"snapshot_completed\":false,\"lsn\":"
                  "24000000,\"txId\":553}");
        assert_true(o.snapshot_running && !o.snapshot_done && o.done_lsn == 24000000);
        assert_true(reads("{\"snapshot\":true,\"last_snapshot_record\":true,\"lsn\":5}").snapshot_done);
        assert_true(reads("{\"snapshot\":true,\"snapshot_completed\":\"true\",\"lsn\":5}").snapshot_done);
        assert_false(reads("{\"snapshot\":\"INCREMENTAL\",\"lsn_proc\":5}").snapshot_running);
}

static void from_debezium(void **state)
{
        (void)state;
        struct sl_pg_offset o = reads(
                "{\"transaction_id\":null,\"lsn_proc\":24023128,\"messageType\":\"INSERT\",\"lsn_commit\":24023119,"
                "\"lsn\":24023128,\"txId\":555,\"ts_usec\":1700000000123456}");
        assert_true(o.done_lsn == 24023119 && o.foreign_lsn == 24023128 && o.foreign_same == 1);
        o = reads("{\"lsn_proc\":9,\"messageType\":\"BEGIN\",\"lsn_commit\":7,\"lsn\":9}");
        assert_true(o.done_lsn == 7 && o.foreign_lsn == 0); /* nothing of that transaction is done */
        o = reads("{\"lsn_proc\":9,\"messageType\":\"DELETE\",\"lsn_commit\":7,\"lsn\":9,\"lsn_events_processed\":3}");
        assert_true(o.foreign_same == 3);
        o = reads("{\"lsn_proc\":9,\"messageType\":\"INSERT\",\"lsn\":9,\"txId\":555}");
        assert_true(o.done_lsn == 9 && !o.has_commit && o.foreign_lsn == 9 && o.foreign_same == 1);
        /* the first row behind a commit, at the very end of the commit's record */
        o = reads("{\"lsn_proc\":9,\"messageType\":\"INSERT\",\"lsn_commit\":9,\"lsn\":9}");
        assert_true(o.done_lsn == 9 && o.has_commit && o.foreign_lsn == 9 && o.foreign_same == 1);
        o = reads("{\"lsn_proc\":9,\"lsn\":9}");
        assert_true(o.done_lsn == 9 && !o.has_commit && o.foreign_lsn == 0);
}

static void refused(void **state)
{
        (void)state;
        const char *bad[] = {"",
                             "[]",
                             "{}",
                             "{\"lsn\":\"x\"}",
                             "{\"lsn_proc\":9,\"sluice_txn\":\"\"}",
                             "{\"lsn_proc\":9,\"sluice_txn\":\"5\"}",
                             "{\"lsn_proc\":9,\"sluice_txn\":\"5/\"}",
                             "{\"lsn_proc\":9,\"sluice_txn\":\"5/1x\"}",
                             "{\"lsn_proc\":9,\"sluice_server\":\"\"}",
                             "{\"lsn_proc\":9,\"sluice_server\":\"7/\"}",
                             "{\"lsn_proc\":9,\"sluice_server\":\"7/0\"}",
                             "{\"lsn_proc\":9,\"sluice_server\":\"/1\"}",
                             "{\"lsn_proc\":9,\"sluice_server\":\"7/1 \"}"};
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct sl_pg_offset o;
                struct sl_err err = {0};
                assert_int_not_equal(sl_pg_offset_read(bad[i], &o, &err), SL_OK);
        }
}

static void names_its_server(void **state)
{
        (void)state;
        struct sl_position pos = {{[SL_PG_W_DONE] = 9, [SL_PG_W_TIME] = 6}};
        struct sl_pg_identity server = {"7301234567890123456", 3};
        struct sl_buf out = {0};
        sl_pg_offset_write(&pos, &server, &out);
        assert_string_equal(sl_buf_cstr(&out),
                            "{\"lsn_proc\":9,\"messageType\":\"COMMIT\",\"lsn_commit\":9,\"lsn\":9,\"ts_usec\":6,"
                            "\"sluice_server\":\"7301234567890123456/3\"}");
        struct sl_pg_offset o = reads(sl_buf_cstr(&out));
        assert_string_equal(o.server.system, server.system);
        assert_int_equal(o.server.timeline, 3);
        assert_string_equal(reads("{\"lsn_proc\":9}").server.system, "");
        sl_buf_free(&out);
}

static void where_histories_part(void **state)
{
        (void)state;
        static const char history[] = "1\t0/3000060\tno recovery target specified\n"
                                      "\n"
                                      "# a comment\n"
                                      "2\t1/A0\tbefore 2024-01-01 00:00:00+00\n";
        uint64_t lsn = 0;
        assert_true(sl_pg_identity_left(history, 1, &lsn) && lsn == 0x3000060);
        assert_true(sl_pg_identity_left(history, 2, &lsn) && lsn == 0x1000000a0);
        assert_false(sl_pg_identity_left(history, 3, &lsn));
        assert_false(sl_pg_identity_left("", 1, &lsn));
        assert_false(sl_pg_identity_left("1", 1, &lsn));

        /* Without asking a server: one is not known, the same, another system. */
        struct sl_pg_identity none = {0}, here = {"7", 2}, there = {"8", 2};
        struct sl_err err = {0};
        assert_int_equal(sl_pg_identity_check(NULL, NULL, &none, &here, 9, &err), SL_OK);
        assert_int_equal(sl_pg_identity_check(NULL, NULL, &here, &here, 9, &err), SL_OK);
        assert_int_not_equal(sl_pg_identity_check(NULL, NULL, &there, &here, 9, &err), SL_OK);
        assert_int_equal(err.id, SL_E_PG_SLOT_LOST);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(at_a_commit), cmocka_unit_test(inside_a_transaction),
                                           cmocka_unit_test(snapshots), cmocka_unit_test(from_debezium),
                                           cmocka_unit_test(refused), cmocka_unit_test(names_its_server),
                                           cmocka_unit_test(where_histories_part)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
