/* SPDX-License-Identifier: Apache-2.0 */
/* The Postgres source against a real server: SLUICE_TEST_PG_DSN holds a conninfo string of a superuser (host, port,
 * user, password, dbname to connect to first); without it everything here is skipped. Each test has a database of its
 * own. Restarts are tried at random batches, the seed is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <libpq-fe.h>
#include "api/connector.h"
#include "base/clock.h"
#include "config/props.h"

extern const struct sl_source_ops sl_pg_source;

static PGconn *admin, *db;
static char dbname[64];
static struct sl_props props;
static void *cfg;
static struct sl_arena cfg_arena;
static atomic_bool stop;

static void sql(PGconn *conn, const char *text)
{
        PGresult *res = PQexec(conn, text);
        ExecStatusType st = PQresultStatus(res);
        if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK)
                fail_msg("%s: %s", text, PQerrorMessage(conn));
        PQclear(res);
}

static void quiet(void *arg, const PGresult *res)
{
        (void)arg;
        (void)res;
}

static void set(const char *key, const char *value)
{
        if (value)
                sl_props_set(&props, key, value);
}

/* Connect to dbname, and the connector's properties from the same conninfo. */
static PGconn *dial(const char *dsn, const char *name)
{
        static const char *const keys[][2] = {{"host", "database.hostname"},
                                              {"port", "database.port"},
                                              {"user", "database.user"},
                                              {"password", "database.password"}};
        const char *k[] = {"dbname", "dbname", NULL}, *v[] = {dsn, name, NULL};
        PGconn *conn = PQconnectdbParams(k, v, 1);
        if (PQstatus(conn) != CONNECTION_OK)
                fail_msg("%s", PQerrorMessage(conn));
        PQsetNoticeReceiver(conn, quiet, NULL);
        PQconninfoOption *opts = PQconninfo(conn);
        for (PQconninfoOption *o = opts; o->keyword; o++)
                for (size_t i = 0; i < 4; i++)
                        if (strcmp(o->keyword, keys[i][0]) == 0)
                                set(keys[i][1], o->val);
        PQconninfoFree(opts);
        return conn;
}

static int open_database(void **state)
{
        const char *dsn = getenv("SLUICE_TEST_PG_DSN");
        char text[200];
        (void)state;
        if (!dsn)
                return 0;
        admin = dial(dsn, NULL);
        snprintf(dbname, sizeof(dbname), "sluice_live_%d_%u", (int)getpid(), (unsigned)(sl_mono_us() % 1000000));
        snprintf(text, sizeof(text), "CREATE DATABASE %s", dbname);
        sql(admin, text);
        db = dial(dsn, dbname);
        set("database.dbname", dbname);
        set("topic.prefix", "live");
        set("slot.name", dbname);
        sl_arena_init(&cfg_arena, 0);
        return 0;
}

static int drop_database(void **state)
{
        char text[300];
        (void)state;
        if (!admin)
                return 0;
        for (int i = 0; i < 50; i++) { /* our sessions may still be ending */
                snprintf(text, sizeof(text),
                         "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '%s'"
                         " AND NOT active AND NOT temporary",
                         dbname);
                PQclear(PQexec(db, text));
                usleep(20000);
        }
        PQfinish(db);
        snprintf(text, sizeof(text), "DROP DATABASE %s WITH (FORCE)", dbname);
        PQclear(PQexec(admin, text));
        PQfinish(admin);
        admin = NULL;
        sl_props_free(&props);
        sl_arena_free(&cfg_arena);
        free(cfg);
        cfg = NULL;
        return 0;
}

static void configure(void)
{
        struct sl_cfg_report r = {0};
        cfg = cfg ? cfg : sl_calloc(1, sl_pg_source.config_size);
        memset(cfg, 0, sl_pg_source.config_size);
        sl_cfg_parse(sl_pg_source.config, &props, cfg, &cfg_arena, &r);
        if (r.errors)
                fail_msg("%s: %s", r.findings[0].key, r.findings[0].text);
        sl_cfg_report_free(&r);
}

/* ---- a reader that keeps what was read only together with a position, as the pipeline's transactions do ---- */

struct reader {
        void *task;
        char *offset;           /* stored; NULL = none */
        struct sl_buf out;      /* one line a record, kept */
        struct sl_buf open;     /* since the last position */
        unsigned per_batch;     /* 0 = 500 */
        unsigned restart_after; /* batches with records; 0 = never */
        long lines;
};

static void start(struct reader *rd)
{
        struct sl_task_env env = {.connector = "live", .metric_labels = "", .stop = &stop};
        static struct sl_task_env kept;
        kept = env;
        for (int tries = 0; tries < 50; tries++) {
                struct sl_err err = {0};
                rd->task = sl_calloc(1, sl_pg_source.task_size);
                if (sl_pg_source.open(rd->task, cfg, &kept, rd->offset, &err) == SL_OK)
                        return;
                sl_pg_source.close(rd->task);
                free(rd->task);
                if (err.rc != SL_TRANSIENT)
                        fail_msg("%s", err.msg);
                usleep(100000);
        }
        fail_msg("could not open");
}

static void finish(struct reader *rd)
{
        sl_pg_source.close(rd->task);
        free(rd->task);
        sl_buf_clear(&rd->open);
        rd->task = NULL;
}

static void forget(struct reader *rd)
{
        sl_buf_free(&rd->out);
        sl_buf_free(&rd->open);
        free(rd->offset);
}

static void print(struct reader *rd, const struct sl_record *rec)
{
        sl_buf_printf(&rd->open, "%.*s ", SL_FMT(rec->topic));
        sl_value_print(rec->key_schema, &rec->key, &rd->open);
        if (rec->value.type != SL_NULL) {
                const struct sl_value *v = rec->value.items, *source = v[2].items;
                sl_buf_printf(&rd->open, " %.*s %lld %.*s ", (int)v[4].len, v[4].ptr, (long long)source[12].i64,
                              (int)source[4].len, source[4].ptr);
                sl_value_print(rec->value_schema->fields[0].schema, &v[0], &rd->open);
                sl_value_print(rec->value_schema->fields[1].schema, &v[1], &rd->open);
        }
        sl_buf_addc(&rd->open, '\n');
}

static void keep(struct reader *rd, const struct sl_batch *b)
{
        struct sl_buf json = {0};
        struct sl_err err = {0};
        struct sl_position pos = b->position;
        assert_int_equal(sl_pg_source.offset(rd->task, &pos, &json, &err), SL_OK);
        free(rd->offset);
        rd->offset = sl_strdup(sl_buf_cstr(&json));
        sl_buf_free(&json);
        for (size_t i = 0; i < rd->open.len; i++)
                rd->lines += rd->open.ptr[i] == '\n';
        sl_buf_add(&rd->out, rd->open.ptr, rd->open.len);
        sl_buf_clear(&rd->open);
        if (!rd->restart_after || rand() % 3) /* sometimes the crash comes before the slot hears of it */
                assert_int_equal(sl_pg_source.acked(rd->task, &pos, &err), SL_OK);
}

/* Read until nothing came for idle_ms (and at least want lines are kept). */
static void read_all(struct reader *rd, int idle_ms, long want)
{
        int64_t last = sl_mono_ms(), give_up = last + 60000;
        while (sl_mono_ms() - last < idle_ms || rd->lines < want) {
                struct sl_batch b;
                sl_batch_init(&b, rd->per_batch ? 1 + (unsigned)rand() % rd->per_batch : 500, 4 << 20);
                unsigned lives = rd->restart_after ? 1 + (unsigned)rand() % rd->restart_after : UINT32_MAX;
                start(rd);
                while (lives && (sl_mono_ms() - last < idle_ms || rd->lines < want)) {
                        struct sl_err err = {0};
                        bool more;
                        if (sl_mono_ms() > give_up)
                                fail_msg("only %ld lines of %ld", rd->lines, want);
                        if (sl_pg_source.poll(rd->task, &b, &more, &err) != SL_OK)
                                fail_msg("%s", err.msg);
                        for (uint32_t i = 0; i < b.count; i++)
                                print(rd, &b.records[i]);
                        bool had = b.count > 0;
                        if (had) {
                                last = sl_mono_ms();
                                lives--;
                        }
                        if (b.has_position)
                                keep(rd, &b);
                        sl_batch_reset(&b);
                        if (more || had)
                                continue;
                        struct sl_wait w = {.timeout_ms = 50};
                        sl_pg_source.wait(rd->task, &w);
                        poll(w.fds, w.count, w.timeout_ms);
                }
                finish(rd);
                sl_batch_free(&b);
        }
}

static void need_server(void)
{
        if (!admin)
                skip();
}

/* ---- tests ---- */

static void snapshot_then_stream(void **state)
{
        (void)state;
        need_server();
        sql(db,
            "CREATE TABLE t(id serial PRIMARY KEY, name text NOT NULL DEFAULT 'x'); CREATE TABLE e(id int PRIMARY KEY);"
            "INSERT INTO t(name) VALUES ('a'), (E'tab\\there \\\\N'), ('c')");
        configure();
        struct reader rd = {0};
        read_all(&rd, 300, 3);
        assert_int_equal(rd.lines, 3);
        assert_non_null(strstr(sl_buf_cstr(&rd.out), " first null"));
        assert_non_null(strstr(sl_buf_cstr(&rd.out), "name=tab\there \\N}"));
        assert_non_null(strstr(sl_buf_cstr(&rd.out), " last null"));
        assert_non_null(strstr(rd.offset, "\"snapshot_completed\":true"));
        sql(db, "INSERT INTO t(name) VALUES ('d'); UPDATE t SET id = 10 WHERE id = 1; ALTER TABLE t ADD n int; DELETE "
                "FROM t WHERE id = 2");
        read_all(&rd, 300, 9); /* c; d, tombstone, c; d, tombstone */
        assert_int_equal(rd.lines, 9);
        assert_non_null(strstr(sl_buf_cstr(&rd.out), "Struct{id=10} c "));
        assert_non_null(strstr(rd.offset, "\"messageType\":\"COMMIT\""));
        read_all(&rd, 300, 9);
        assert_int_equal(rd.lines, 9); /* nothing twice */
        forget(&rd);
}

static const char workload[] =
        "DO $$ BEGIN FOR i IN 1..60 LOOP"
        " INSERT INTO a(v) SELECT g FROM generate_series(1, 1 + i % 40) g;"
        " UPDATE a SET v = v + 1 WHERE id % 37 = i % 37;"
        " DELETE FROM a WHERE id % 53 = i % 53;"
        " BEGIN INSERT INTO a(v) VALUES (-1); RAISE EXCEPTION 'x'; EXCEPTION WHEN OTHERS THEN NULL; END;"
        " INSERT INTO hidden SELECT generate_series(1, i % 5);"
        " COMMIT; END LOOP; END $$";

/* A transaction that is open while others come and go. */
static void overlap(void)
{
        PGconn *slow = dial(getenv("SLUICE_TEST_PG_DSN"), dbname);
        sql(slow, "BEGIN");
        sql(slow, "INSERT INTO a(v) SELECT generate_series(1, 500)");
        sql(db, workload);
        sql(slow, "INSERT INTO a(v) SELECT generate_series(1, 500)");
        sql(db, workload);
        sql(slow, "COMMIT");
        PQfinish(slow);
}

/* Leave one free slot: the backlog is read by one leg then. */
static void fill_slots(void)
{
        sql(db, "DO $$ DECLARE n int := current_setting('max_replication_slots')::int - (SELECT count(*) FROM "
                "pg_replication_slots) - 1; BEGIN FOR i IN 1..n LOOP PERFORM "
                "pg_create_physical_replication_slot('filler_' || i); END LOOP; END $$");
}

static void drop_fillers(void)
{
        sql(db, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'filler_%'");
}

static void every_change_once(void **state)
{
        (void)state;
        need_server();
        unsigned seed = (unsigned)time(NULL);
        print_message("seed %u\n", seed);
        srand(seed);
        sql(db, "CREATE TABLE a(id serial PRIMARY KEY, v int); CREATE TABLE hidden(id int); CREATE PUBLICATION "
                "dbz_publication FOR ALL TABLES");
        set("table.exclude.list", "public.hidden");
        set("snapshot.mode", "no_data");
        set("sluice.backlog.bytes", "-1");
        char slots[5][80], text[300];
        for (int i = 0; i < 5; i++) {
                snprintf(slots[i], sizeof(slots[i]), "%s_%d", dbname, i);
                snprintf(text, sizeof(text),
                         i ? "SELECT pg_copy_logical_replication_slot('%s', '%s')"
                           : "SELECT pg_create_logical_replication_slot('%s', 'pgoutput', false%.0s)",
                         slots[0], slots[i]);
                sql(db, text);
        }
        overlap();
        sql(db, "COPY a(v) FROM PROGRAM 'seq 1 300'");
        struct reader ref = {0};
        for (int i = 0; i < 5; i++) {
                struct reader rd = {.per_batch = i ? 60 : 0, .restart_after = i ? 12 : 0};
                set("slot.name", slots[i]);
                set("sluice.backlog.bytes", i < 3 ? "-1" : "0"); /* 0: through SQL at every start */
                set("sluice.backlog.step.bytes", "65536");
                configure();
                if (i == 4)
                        fill_slots();
                read_all(&rd, i ? 400 : 800, ref.lines);
                if (i == 0) {
                        ref = rd;
                        assert_true(ref.lines > 1000);
                        continue;
                }
                assert_int_equal(rd.lines, ref.lines);
                if (rd.out.len != ref.out.len || memcmp(rd.out.ptr, ref.out.ptr, ref.out.len) != 0)
                        fail_msg("run %d read other records than the reference", i);
                forget(&rd);
        }
        drop_fillers();
        forget(&ref);
}

static void held_back_without_a_timeout(void **state)
{
        (void)state;
        need_server();
        char text[200];
        sql(db, "CREATE TABLE a(id int PRIMARY KEY)");
        snprintf(text, sizeof(text), "ALTER ROLE CURRENT_USER IN DATABASE %s SET wal_sender_timeout = '2s'", dbname);
        sql(db, text);
        configure();
        struct reader rd = {0};
        struct sl_batch b;
        struct sl_err err = {0};
        bool more;
        read_all(&rd, 300, 0);
        start(&rd);
        sl_batch_init(&b, 100, 1 << 20);
        for (int i = 0; i < 20; i++) {
                assert_int_equal(sl_pg_source.poll(rd.task, &b, &more, &err), SL_OK);
                usleep(10000);
        }
        sql(db, "INSERT INTO a SELECT generate_series(1, 50000)");
        for (int i = 0; i < 50; i++) { /* 5 s without reading */
                if (sl_pg_source.serve(rd.task, &err) != SL_OK)
                        fail_msg("%s", err.msg);
                usleep(100000);
        }
        sl_batch_reset(&b);
        sl_batch_free(&b);
        long got = 0;
        for (int64_t until = sl_mono_ms() + 20000; got < 50000 && sl_mono_ms() < until;) {
                sl_batch_init(&b, 5000, 4 << 20);
                if (sl_pg_source.poll(rd.task, &b, &more, &err) != SL_OK)
                        fail_msg("%s", err.msg);
                got += b.count;
                sl_batch_free(&b);
        }
        assert_int_equal(got, 50000);
        finish(&rd);
        forget(&rd);
}

static void slot_lost(void **state)
{
        (void)state;
        need_server();
        struct sl_task_env env = {.connector = "live", .metric_labels = "", .stop = &stop};
        struct sl_err err = {0};
        configure();
        void *task = sl_calloc(1, sl_pg_source.task_size);
        assert_int_equal(sl_pg_source.open(task, cfg, &env,
                                           "{\"lsn_proc\":5,\"lsn_commit\":5,\"lsn\":5,\"messageType\":\"COMMIT\"}",
                                           &err),
                         SL_FATAL);
        assert_int_equal(err.id, SL_E_PG_SLOT_LOST);
        sl_pg_source.close(task);
        free(task);
}

int main(void)
{
#define LIVE(f) cmocka_unit_test_setup_teardown(f, open_database, drop_database)
        const struct CMUnitTest tests[] = {LIVE(snapshot_then_stream), LIVE(every_change_once),
                                           LIVE(held_back_without_a_timeout), LIVE(slot_lost)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
