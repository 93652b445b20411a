/* SPDX-License-Identifier: Apache-2.0 */
/* Before the first row: version, wal_level, the lock, a dead predecessor's sessions, publication, slot, and from where
 * to go on.
 *
 * No slot is ever dropped here. When a snapshot is due and the slot exists already (made by the user, or left by a
 * crash in the first snapshot: they can't be told apart), a second, temporary slot is created for a moment: it gives an
 * exported snapshot and its consistent point C, and streaming then starts at C on the existing slot, which is older.
 * Every transaction is either visible in that snapshot or commits after C, so none is lost and none comes twice.
 *
 * The slot is free while a backlog is read through SQL, so the task also holds a session advisory lock keyed by slot
 * name. */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "connectors/postgres/task.h"

#define LOCK_CLASS "1936485731" /* of our advisory locks: "slcs" */
#define TAKEOVER_MS 10000
#define CONNECT_MS 10000

static enum sl_rc ask(struct sl_pg_task *t, PGresult **ret, struct sl_err *err, const char *sql, const char *param)
{
        return sl_pg_query(t->ctl, &t->who, ret, err, sql, param ? 1 : 0, &param);
}

static enum sl_rc check_server(struct sl_pg_task *t, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        if (PQserverVersion(t->ctl) < 120000)
                return sl_fail(err, SL_E_PG_SETUP, "the server is Postgres %d; 12 or later is needed",
                               PQserverVersion(t->ctl) / 10000);
        SL_TRY(ask(t, &res, err,
                   "SELECT current_setting('wal_level'), EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = "
                   "current_user AND (rolsuper OR rolreplication)), EXISTS (SELECT FROM pg_catalog.pg_roles WHERE "
                   "rolname IN "
                   "('rds_superuser','rdsadmin','rdsrepladmin','rds_replication') AND pg_has_role(oid, 'member'))",
                   NULL));
        if (strcmp(PQgetvalue(res, 0, 0), "logical") != 0 && t->cfg->snapshot != SL_PG_SNAP_INITIAL_ONLY)
                return sl_fail(err, SL_E_PG_SETUP,
                               "the server's wal_level is %s: set wal_level = logical in postgresql.conf (or "
                               "rds.logical_replication = 1) and restart the server",
                               PQgetvalue(res, 0, 0));
        if (PQgetvalue(res, 0, 1)[0] != 't' && PQgetvalue(res, 0, 2)[0] != 't' &&
            t->cfg->snapshot != SL_PG_SNAP_INITIAL_ONLY)
                return sl_fail(err, SL_E_PG_SETUP,
                               "user %s may not replicate: run ALTER ROLE \"%s\" REPLICATION as a superuser",
                               t->cfg->user, t->cfg->user);
        return SL_OK;
}

/* End sessions of a dead predecessor of this very connector (same application_name): the lock's holder and the slot's
 * reader. */
static enum sl_rc end_predecessor(struct sl_pg_task *t, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        const char *params[] = {t->cfg->slot};
        return sl_pg_query(
                t->ctl, &t->who, &res, err,
                "SELECT pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a"
                " WHERE a.pid <> pg_backend_pid() AND a.application_name = current_setting('application_name')"
                " AND a.usename = current_user AND (a.pid IN (SELECT l.pid FROM pg_catalog.pg_locks l WHERE l.locktype "
                "= 'advisory'"
                " AND l.classid = " LOCK_CLASS
                "::oid AND l.objid = (hashtext($1)::int8 & 4294967295)::oid AND l.granted)"
                " OR a.pid IN (SELECT s.active_pid FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = $1))",
                1, params);
}

static enum sl_rc lock(struct sl_pg_task *t, struct sl_err *err)
{
        int64_t deadline = sl_mono_ms() + TAKEOVER_MS;
        for (bool first = true;; first = false) {
                sl_auto_pgresult *res = NULL;
                SL_TRY(ask(t, &res, err, "SELECT pg_try_advisory_lock(" LOCK_CLASS ", hashtext($1))", t->cfg->slot));
                if (PQgetvalue(res, 0, 0)[0] == 't')
                        return SL_OK;
                if (first)
                        SL_TRY(end_predecessor(t, err));
                if (sl_mono_ms() > deadline)
                        return sl_fail(err, SL_E_PG_SLOT_BUSY,
                                       "another Sluice task uses slot %s: give each connector a slot.name "
                                       "of its own",
                                       t->cfg->slot);
                SL_TRY(sl_pg_pause(&t->who, 100, err));
        }
}

struct slot {
        bool exists, active;
        uint64_t confirmed;
};

static enum sl_rc read_slot(struct sl_pg_task *t, struct slot *s, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        *s = (struct slot){0};
        SL_TRY(ask(t, &res, err,
                   PQserverVersion(t->ctl) >= 130000 ? "SELECT plugin, database = current_database(), active, "
                                                       "confirmed_flush_lsn, restart_lsn, wal_status = 'lost'"
                                                       " FROM pg_catalog.pg_replication_slots WHERE slot_name = $1"
                                                     : "SELECT plugin, database = current_database(), active, "
                                                       "confirmed_flush_lsn, restart_lsn, false"
                                                       " FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
                   t->cfg->slot));
        if (PQntuples(res) == 0)
                return SL_OK;
        if (PQgetisnull(res, 0, 0) || strcmp(PQgetvalue(res, 0, 0), "pgoutput") != 0)
                return sl_fail(err, SL_E_PG_SETUP,
                               "slot %s exists but is not a pgoutput slot: choose another slot.name, or drop it",
                               t->cfg->slot);
        if (PQgetvalue(res, 0, 1)[0] != 't')
                return sl_fail(err, SL_E_PG_SETUP, "slot %s belongs to another database: choose another slot.name",
                               t->cfg->slot);
        if (PQgetvalue(res, 0, 5)[0] == 't' || PQgetisnull(res, 0, 4))
                return sl_fail(err, SL_E_PG_SLOT_LOST,
                               "slot %s is lost: the server removed WAL that it needed "
                               "(max_slot_wal_keep_size). Run SELECT pg_drop_replication_slot('%s'), delete the "
                               "connector's offsets "
                               "and start it again for a new snapshot",
                               t->cfg->slot, t->cfg->slot);
        s->exists = true;
        s->active = PQgetvalue(res, 0, 2)[0] == 't';
        sl_pg_lsn_parse(PQgetvalue(res, 0, 3), &s->confirmed);
        return SL_OK;
}

/* The slot, free for us. */
static enum sl_rc claim_slot(struct sl_pg_task *t, struct slot *s, struct sl_err *err)
{
        int64_t deadline = sl_mono_ms() + TAKEOVER_MS;
        for (bool first = true;; first = false) {
                SL_TRY(read_slot(t, s, err));
                if (!s->exists || !s->active)
                        return SL_OK;
                if (first)
                        SL_TRY(end_predecessor(t, err));
                if (sl_mono_ms() > deadline)
                        return sl_fail(err, SL_E_PG_SLOT_BUSY,
                                       "another process reads slot %s: stop it (see active_pid in "
                                       "pg_replication_slots), or choose another slot.name",
                                       t->cfg->slot);
                SL_TRY(sl_pg_pause(&t->who, 100, err));
        }
}

enum sl_rc sl_pg_tables(PGconn *conn, const struct sl_pg_who *who, const struct sl_pg_filter *f, struct sl_arena *arena,
                        struct sl_pg_table **ret, uint32_t *ret_n, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        SL_TRY(sl_pg_query(conn, who, &res, err,
                           "SELECT c.oid, n.nspname, c.relname, c.relkind, CASE WHEN c.relispartition THEN"
                           " pg_catalog.pg_partition_root(c.oid)::oid END FROM pg_catalog.pg_class c JOIN "
                           "pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                           " WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' ORDER BY n.nspname, c.relname",
                           0, NULL));
        uint32_t n = 0;
        *ret = sl_arena_alloc(arena, ((size_t)PQntuples(res) + 1) * sizeof(**ret));
        for (int i = 0; i < PQntuples(res); i++) {
                if (!sl_pg_filter_table(f, PQgetvalue(res, i, 1), PQgetvalue(res, i, 2)))
                        continue;
                (*ret)[n++] = (struct sl_pg_table){.oid = (uint32_t)strtoul(PQgetvalue(res, i, 0), NULL, 10),
                                                   .root = (uint32_t)strtoul(PQgetvalue(res, i, 4), NULL, 10),
                                                   .kind = PQgetvalue(res, i, 3)[0],
                                                   .schema = sl_arena_strdup(arena, PQgetvalue(res, i, 1)),
                                                   .name = sl_arena_strdup(arena, PQgetvalue(res, i, 2))};
        }
        *ret_n = n;
        return SL_OK;
}

static void add_tables(struct sl_buf *sql, const struct sl_pg_table *tables, uint32_t n)
{
        char name[256];
        for (uint32_t i = 0; i < n; i++) {
                sl_buf_printf(sql, "%s%s.", i ? ", " : "TABLE ", sl_pg_ident(name, tables[i].schema));
                sl_buf_adds(sql, sl_pg_ident(name, tables[i].name));
        }
}

static enum sl_rc captured(struct sl_pg_task *t, struct sl_pg_table **tables, uint32_t *n, struct sl_err *err)
{
        SL_TRY(sl_pg_tables(t->ctl, &t->who, &t->filter, &t->arena, tables, n, err));
        if (*n == 0)
                return sl_fail(err, SL_E_PG_SETUP,
                               "no table of database %s matches the include and exclude lists, so publication %s "
                               "can't be created for them: correct table.include.list",
                               t->cfg->dbname, t->cfg->publication);
        return SL_OK;
}

/* Run CREATE or ALTER PUBLICATION and say what to do when rights are missing. */
static enum sl_rc publication_sql(struct sl_pg_task *t, struct sl_buf *sql, struct sl_err *err)
{
        struct sl_err why = {0};
        enum sl_rc rc = sl_pg_exec(t->ctl, &t->who, &why, sl_buf_cstr(sql));
        if (rc == SL_OK)
                return SL_OK;
        if (strcmp(why.sqlstate, "42501") == 0)
                return sl_fail(err, SL_E_PG_SETUP,
                               "user %s may not do this: %s. Run it as a superuser or the tables' owner: %.500s; "
                               "or set publication.autocreate.mode to filtered with a user that owns the tables",
                               t->cfg->user, why.msg, sl_buf_cstr(sql));
        if (strcmp(why.sqlstate, "42710") == 0) /* somebody else made it just now */
                return SL_OK;
        *err = why;
        sl_err_prefix(err, "publication %s", t->cfg->publication);
        return rc;
}

static enum sl_rc create_publication(struct sl_pg_task *t, struct sl_buf *sql, struct sl_err *err)
{
        char name[256];
        struct sl_pg_table *tables;
        uint32_t n;
        sl_buf_printf(sql, "CREATE PUBLICATION %s ", sl_pg_ident(name, t->cfg->publication));
        switch ((enum sl_pg_autocreate)t->cfg->autocreate) {
        case SL_PG_PUB_DISABLED:
                return sl_fail(err, SL_E_PG_SETUP,
                               "publication %s does not exist and publication.autocreate.mode is disabled: create "
                               "it (CREATE PUBLICATION %s FOR TABLE ...)",
                               t->cfg->publication, name);
        case SL_PG_PUB_FILTERED:
                SL_TRY(captured(t, &tables, &n, err));
                sl_buf_adds(sql, "FOR ");
                add_tables(sql, tables, n);
                break;
        case SL_PG_PUB_ALL:
                sl_buf_adds(sql, "FOR ALL TABLES");
                break;
        case SL_PG_PUB_NO_TABLES:
                break;
        }
        if (t->cfg->via_root)
                sl_buf_adds(sql, " WITH (publish_via_partition_root = true)");
        return publication_sql(t, sql, err);
}

/* publication.autocreate.mode=filtered keeps the publication's tables equal to the captured ones. */
static enum sl_rc align_publication(struct sl_pg_task *t, bool all_tables, struct sl_buf *sql, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        struct sl_pg_table *tables;
        uint32_t n, found = 0;
        char name[256];
        if (all_tables)
                return sl_fail(err, SL_E_PG_SETUP,
                               "publication %s is FOR ALL TABLES but publication.autocreate.mode is filtered: drop "
                               "it, choose another publication.name, or set the mode to all_tables",
                               t->cfg->publication);
        SL_TRY(captured(t, &tables, &n, err));
        SL_TRY(ask(t, &res, err,
                   "SELECT prrelid FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = "
                   "r.prpubid"
                   " WHERE p.pubname = $1",
                   t->cfg->publication));
        for (int i = 0; i < PQntuples(res); i++)
                for (uint32_t k = 0; k < n; k++)
                        found += tables[k].oid == strtoul(PQgetvalue(res, i, 0), NULL, 10);
        if (found == n && (uint32_t)PQntuples(res) == n)
                return SL_OK;
        sl_buf_printf(sql, "ALTER PUBLICATION %s SET ", sl_pg_ident(name, t->cfg->publication));
        add_tables(sql, tables, n);
        return publication_sql(t, sql, err);
}

static enum sl_rc publication(struct sl_pg_task *t, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        struct sl_buf sql = {0};
        enum sl_rc rc = SL_OK;
        SL_TRY(ask(t, &res, err, "SELECT puballtables FROM pg_catalog.pg_publication WHERE pubname = $1",
                   t->cfg->publication));
        if (PQntuples(res) == 0)
                rc = create_publication(t, &sql, err);
        else if (t->cfg->autocreate == SL_PG_PUB_FILTERED)
                rc = align_publication(t, PQgetvalue(res, 0, 0)[0] == 't', &sql, err);
        sl_buf_free(&sql);
        return rc;
}

/* Create a slot on the replication connection; the exported snapshot's name goes to snapshot, its point to *ret_lsn. */
static enum sl_rc create_slot(struct sl_pg_task *t, const char *name, bool temporary, char snapshot[64],
                              uint64_t *ret_lsn, struct sl_err *err)
{
        char sql[256], quoted[256];
        sl_auto_pgresult *res = NULL;
        bool failover = t->cfg->slot_failover && !temporary && PQserverVersion(t->repl) >= 170000;
        snprintf(sql, sizeof(sql), "CREATE_REPLICATION_SLOT %s%s LOGICAL pgoutput %s", sl_pg_ident(quoted, name),
                 temporary ? " TEMPORARY" : "",
                 PQserverVersion(t->repl) < 150000 ? "EXPORT_SNAPSHOT"
                 : failover                        ? "(SNAPSHOT 'export', FAILOVER)"
                                                   : "(SNAPSHOT 'export')");
        if (sl_pg_query(t->repl, &t->who, &res, err, sql, 0, NULL) != SL_OK) {
                if (err && strcmp(err->sqlstate, "53400") == 0) {
                        sl_err_clear(err);
                        return sl_fail(err, SL_E_PG_SETUP,
                                       "the server has no free replication slot: raise max_replication_slots, or "
                                       "drop slots that nobody reads");
                }
                sl_err_prefix(err, "slot %s could not be created", name);
                return err ? err->rc : SL_TRANSIENT;
        }
        if (PQntuples(res) != 1 || !sl_pg_lsn_parse(PQgetvalue(res, 0, 1), ret_lsn))
                return sl_fail(err, SL_E_PG_PROTOCOL, "CREATE_REPLICATION_SLOT gave no consistent point");
        snprintf(snapshot, 64, "%s", PQgetvalue(res, 0, 2));
        return SL_OK;
}

static enum sl_rc begin_snapshot(struct sl_pg_task *t, const struct slot *s, const struct sl_pg_offset *stored,
                                 struct sl_err *err)
{
        struct sl_pg_offset after = {.snapshot_done = true};
        char snapshot[64], temp[64], sql[160], quoted[256];
        uint64_t lsn;
        if (t->cfg->snapshot == SL_PG_SNAP_INITIAL_ONLY) {
                SL_TRY(sl_pg_wal_lsn(t, &lsn, err));
                after.done_lsn = lsn;
                return sl_pg_snapshot_open(t, NULL, lsn, &after, err);
        }
        snprintf(temp, sizeof(temp), "sluice_snap_%d_%llx", PQbackendPID(t->ctl), (unsigned long long)sl_mono_us());
        SL_TRY(create_slot(t, s->exists ? temp : t->cfg->slot, s->exists, snapshot, &lsn, err));
        after.done_lsn = lsn;
        if (stored) /* snapshot.mode=always: the changes since the stored offset follow the snapshot */
                after = *stored;
        SL_TRY(sl_pg_snapshot_open(t, snapshot, lsn, &after, err));
        if (!s->exists)
                return SL_OK;
        snprintf(sql, sizeof(sql), "DROP_REPLICATION_SLOT %s", sl_pg_ident(quoted, temp));
        return sl_pg_exec(t->repl, &t->who, err, sql);
}

/* Does the slot still have what the stored offset needs? */
static enum sl_rc check_offset(struct sl_pg_task *t, const struct slot *s, struct sl_pg_offset *off, struct sl_err *err)
{
        uint64_t wal;
        if (!s->exists)
                return sl_fail(err, SL_E_PG_SLOT_LOST,
                               "slot %s does not exist but there is a stored offset: changes since then can't be "
                               "read. Delete the connector's offsets to start again with a new slot and snapshot",
                               t->cfg->slot);
        if (s->confirmed > off->done_lsn && t->cfg->mismatch == SL_PG_MM_TRUST_SLOT) {
                *off = (struct sl_pg_offset){.done_lsn = s->confirmed, .xid = off->xid, .ts_us = off->ts_us};
                return SL_OK;
        }
        char a[24], b[24];
        if (s->confirmed > off->done_lsn)
                return sl_fail(err, SL_E_PG_SLOT_LOST,
                               "slot %s is at %s, past the stored offset %s: another reader confirmed changes "
                               "that are not in Kafka. Delete the connector's offsets for a new snapshot, or set "
                               "offset.mismatch.strategy to trust_slot to go on without them",
                               t->cfg->slot, sl_pg_lsn_text(a, s->confirmed), sl_pg_lsn_text(b, off->done_lsn));
        SL_TRY(sl_pg_wal_lsn(t, &wal, err));
        if (wal < off->done_lsn)
                return sl_fail(err, SL_E_PG_SLOT_LOST,
                               "the server's WAL ends at %s, before the stored offset %s: this is another or a "
                               "restored server. Delete the connector's offsets for a new snapshot",
                               sl_pg_lsn_text(a, wal), sl_pg_lsn_text(b, off->done_lsn));
        return SL_OK;
}

enum sl_rc sl_pg_follow(struct sl_pg_task *t, const struct sl_pg_offset *off, struct sl_err *err)
{
        uint64_t wal;
        sl_pg_line_init(t->line, off);
        t->mode = SL_PG_M_STREAM;
        if (t->cfg->backlog_bytes < 0 || t->bl.off)
                return SL_OK;
        SL_TRY(sl_pg_wal_lsn(t, &wal, err));
        if (wal > off->done_lsn && wal - off->done_lsn > (uint64_t)t->cfg->backlog_bytes)
                sl_pg_backlog_start(t);
        return SL_OK;
}

enum sl_rc sl_pg_setup(struct sl_pg_task *t, const char *offset_json, struct sl_err *err)
{
        struct sl_pg_offset off = {0};
        struct slot s;
        bool only = t->cfg->snapshot == SL_PG_SNAP_INITIAL_ONLY;
        SL_TRY(sl_pg_connect(&t->who, false, CONNECT_MS, &t->ctl, err));
        SL_TRY(check_server(t, err));
        if (offset_json)
                SL_TRY(sl_pg_offset_read(offset_json, &off, err));
        bool have = offset_json && !off.snapshot_running;
        if (only && have) {
                sl_pg_line_init(t->line, &off);
                t->mode = SL_PG_M_IDLE;
                return SL_OK;
        }
        if (only)
                return begin_snapshot(t, &(struct slot){0}, NULL, err);
        SL_TRY(lock(t, err));
        SL_TRY(publication(t, err));
        SL_TRY(claim_slot(t, &s, err));
        SL_TRY(sl_pg_connect(&t->who, true, CONNECT_MS, &t->repl, err));
        SL_TRY(sl_pg_identity_read(t->repl, &t->who, &t->server, err));
        if (have) {
                uint64_t last = off.txn_lsn > off.done_lsn ? off.txn_lsn : off.done_lsn;
                SL_TRY(sl_pg_identity_check(t->repl, &t->who, &off.server, &t->server, last, err));
                SL_TRY(check_offset(t, &s, &off, err));
        }
        SL_TRY(sl_pg_exec(t->repl, &t->who, err, SL_PG_WIDEN));
        t->st.state = SL_PG_ST_READY;
        t->flush_lsn = have ? off.done_lsn : s.confirmed;
        t->bl.advanced = s.confirmed;
        if (t->cfg->snapshot == SL_PG_SNAP_ALWAYS || (!have && t->cfg->snapshot != SL_PG_SNAP_NO_DATA))
                return begin_snapshot(t, &s, have ? &off : NULL, err);
        if (have)
                return sl_pg_follow(t, &off, err);
        if (!s.exists) {
                char snapshot[64];
                SL_TRY(create_slot(t, t->cfg->slot, false, snapshot, &s.confirmed, err));
        }
        t->flush_lsn = t->bl.advanced = s.confirmed;
        off = (struct sl_pg_offset){.done_lsn = s.confirmed};
        return sl_pg_follow(t, &off, err);
}

void sl_pg_drop_slot(struct sl_pg_task *t)
{
        const char *params[] = {t->cfg->slot};
        struct sl_pg_who who = t->who;
        who.stop = NULL; /* it is set already */
        for (int i = 0; i < 3; i++) {
                struct sl_err err = {0};
                if (sl_pg_query(t->ctl, &who, NULL, &err, "SELECT pg_drop_replication_slot($1)", 1, params) == SL_OK ||
                    strcmp(err.sqlstate, "42704") == 0 || err.id != SL_E_PG_SLOT_BUSY)
                        return;
                struct sl_err ignored = {0};
                if (sl_pg_pause(&who, 300, &ignored) != SL_OK)
                        return;
        }
}
