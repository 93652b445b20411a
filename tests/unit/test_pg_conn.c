/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of connections as libpq gets them: hosts with and without ports, and which of them is looked for. Nothing
 * listens on port 1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "connectors/postgres/conn.h"

static void expect(const char *hostname, int target, const char *key, const char *wanted)
{
        struct sl_pg_cfg cfg = {.hostname = hostname, .user = "u", .dbname = "d", .port = 5432, .target = target};
        struct sl_pg_who who = {.cfg = &cfg, .connector = "c"};
        PGconn *conn = sl_pg_conn_start(&who, false);
        PQconninfoOption *all = PQconninfo(conn);
        const char *found = NULL;
        for (PQconninfoOption *o = all; o->keyword; o++)
                if (strcmp(o->keyword, key) == 0)
                        found = o->val;
        assert_string_equal(found, wanted);
        PQconninfoFree(all);
        PQfinish(conn);
}

static void test_hosts(void **state)
{
        (void)state;
        const char *many = "127.0.0.1:1, [::1]:2,::1,[::1] ,127.0.0.2:1";
        expect(many, SL_PG_TARGET_DEFAULT, "host", "127.0.0.1,::1,::1,::1,127.0.0.2");
        expect(many, SL_PG_TARGET_DEFAULT, "port", "1,2,5432,5432,1");
        expect("/run/a:b", SL_PG_TARGET_DEFAULT, "host", "/run/a:b");
        expect("127.0.0.1:1", SL_PG_TARGET_DEFAULT, "port", "1");
}

static void test_which_host(void **state)
{
        (void)state;
        expect("127.0.0.1:1", SL_PG_TARGET_DEFAULT, "target_session_attrs", "any");
        expect("127.0.0.1:1,127.0.0.1:1", SL_PG_TARGET_DEFAULT, "target_session_attrs", "primary");
        expect("127.0.0.1:1,127.0.0.1:1", SL_PG_TARGET_ANY, "target_session_attrs", "any");
        expect("127.0.0.1:1", SL_PG_TARGET_READ_WRITE, "target_session_attrs", "read-write");
}

static void test_what_was_refused(void **state)
{
        (void)state;
        struct sl_pg_cfg cfg = {.hostname = "127.0.0.1:1", .user = "u", .dbname = "d", .sslmode = 3, .sslkey = "/nowhere.p12"};
        struct sl_pg_who who = {.cfg = &cfg, .connector = "c"};
        struct sl_err err = {0};
        PGconn *conn = NULL;
        assert_int_equal(sl_pg_connect(&who, false, 5000, &conn, &err), SL_FATAL);
        assert_non_null(strstr(err.msg, "database.sslkey: can't read /nowhere.p12"));
        sl_err_clear(&err);
        cfg.sslkey = NULL;
        assert_int_equal(sl_pg_connect(&who, false, 5000, &conn, &err), SL_TRANSIENT);
        assert_int_equal(err.id, SL_E_PG_CONNECT);
        sl_err_clear(&err);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hosts),
                cmocka_unit_test(test_which_host),
                cmocka_unit_test(test_what_was_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
