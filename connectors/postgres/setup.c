/* SPDX-License-Identifier: Apache-2.0 */
/* Before the first row: version, wal_level, the lock, publication, slot, and from where to go on: a snapshot or the
 * stored offset. publication.c and slot.c do what is decided here.
 *
 * A slot that still has its WAL is never dropped. When a snapshot is due and the slot exists already (made by the user,
 * left by a crash in the first snapshot: they can't be told apart; or past the stored offset), a second, temporary slot
 * is created for a moment: it gives an exported snapshot and its consistent point C, and streaming then starts at C on
 * the existing slot, which is older. Every transaction is either visible in that snapshot or commits after C, so none is
 * lost and none comes twice. When rows of an unfinished snapshot are in Kafka already (it was too long for one Kafka
 * transaction), streaming starts where it would have started after that one: what was deleted since then must be said. */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/log.h"
#include "connectors/postgres/publication.h"
#include "connectors/postgres/slot.h"

#define TAKEOVER_MS 10000
#define CONNECT_MS 10000

/* What snapshot.mode wants of this start. */
struct plan {
        bool snapshot, stream;
};

static enum sl_rc decide(const struct sl_pg_cfg *cfg, bool stored, bool interrupted, struct plan *ret, struct sl_err *err)
{
        bool configured = cfg->snapshot == SL_PG_SNAP_CONFIGURED;
        bool never = cfg->snapshot == SL_PG_SNAP_NO_DATA || (configured && !cfg->snap_data);
        if (never && interrupted)
                return sl_fail(err, SL_E_PG_SETUP,
                               "the connector previously stopped while taking a snapshot, and snapshot.mode allows none "
                               "now: rows would be missing. Set it to initial or when_needed, or delete the connector's "
                               "offsets to start without those rows");
        ret->stream = configured ? cfg->snap_stream : cfg->snapshot != SL_PG_SNAP_INITIAL_ONLY;
        ret->snapshot = cfg->snapshot == SL_PG_SNAP_ALWAYS || (configured && cfg->snap_data) || (!never && !stored);
        return SL_OK;
}

static enum sl_rc check_server(struct sl_pg_task *t, bool stream, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        if (PQserverVersion(t->ctl) < 120000)
                return sl_fail(err, SL_E_PG_SETUP, "the server is Postgres %d; 12 or later is needed",
                               PQserverVersion(t->ctl) / 10000);
        SL_TRY(sl_pg_query(t->ctl, &t->who, &res, err,
                   "SELECT current_setting('wal_level'), EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = "
                   "current_user AND (rolsuper OR rolreplication)), EXISTS (SELECT FROM pg_catalog.pg_roles WHERE "
                   "rolname IN "
                   "('rds_superuser','rdsadmin','rdsrepladmin','rds_replication') AND pg_has_role(oid, 'member'))",
                   0, NULL));
        if (strcmp(PQgetvalue(res, 0, 0), "logical") != 0 && stream)
                return sl_fail(err, SL_E_PG_SETUP,
                               "the server's wal_level is %s: set wal_level = logical in postgresql.conf (or "
                               "rds.logical_replication = 1) and restart the server",
                               PQgetvalue(res, 0, 0));
        if (PQgetvalue(res, 0, 1)[0] != 't' && PQgetvalue(res, 0, 2)[0] != 't' &&
            stream)
                return sl_fail(err, SL_E_PG_SETUP,
                               "user %s may not replicate: run ALTER ROLE \"%s\" REPLICATION as a superuser",
                               t->cfg->user, t->cfg->user);
        return SL_OK;
}

static enum sl_rc lock(struct sl_pg_task *t, struct sl_err *err)
{
        const char *params[] = {t->cfg->slot};
        int64_t deadline = sl_mono_ms() + TAKEOVER_MS;
        for (bool first = true;; first = false) {
                sl_auto_pgresult *res = NULL;
                SL_TRY(sl_pg_query(t->ctl, &t->who, &res, err,
                                   "SELECT pg_try_advisory_lock(" SL_PG_LOCK_CLASS ", hashtext($1))", 1, params));
                if (PQgetvalue(res, 0, 0)[0] == 't')
                        return SL_OK;
                if (first)
                        SL_TRY(sl_pg_slot_end_predecessor(t, err));
                if (sl_mono_ms() > deadline)
                        return sl_fail(err, SL_E_PG_SLOT_BUSY,
                                       "another Sluice task uses slot %s: give each connector a slot.name "
                                       "of its own",
                                       t->cfg->slot);
                SL_TRY(sl_pg_pause(&t->who, 100, err));
        }
}

/* slot: NULL = there is none, and none is wanted. stored: the changes since then follow the snapshot. */
static enum sl_rc begin_snapshot(struct sl_pg_task *t, const struct sl_pg_slot *s, const struct sl_pg_offset *stored,
                                 struct sl_err *err)
{
        struct sl_pg_offset after = {.snapshot_done = true};
        char snapshot[64], temp[64], sql[160], quoted[256];
        uint64_t lsn;
        if (!s) {
                SL_TRY(sl_pg_wal_lsn(t, &lsn, err));
                after.done_lsn = lsn;
                return sl_pg_snapshot_open(t, NULL, lsn, &after, err);
        }
        snprintf(temp, sizeof(temp), "sluice_snap_%d_%llx", PQbackendPID(t->ctl), (unsigned long long)sl_mono_us());
        SL_TRY(sl_pg_slot_create(t, s->exists ? temp : t->cfg->slot, s->exists, snapshot, &lsn, err));
        after.done_lsn = lsn;
        if (stored) { /* the changes since the stored offset follow the snapshot */
                after = *stored;
                after.snapshot_done |= after.snapshot_running;
                after.snapshot_running = false;
        }
        SL_TRY(sl_pg_snapshot_open(t, snapshot, lsn, &after, err));
        if (!s->exists)
                return SL_OK;
        snprintf(sql, sizeof(sql), "DROP_REPLICATION_SLOT %s", sl_pg_ident(quoted, temp));
        return sl_pg_exec(t->repl, &t->who, err, sql);
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

/* The changes since the stored offset can't be had. */
static enum sl_rc give_up(struct sl_pg_task *t, struct sl_pg_slot *s, struct sl_err *err)
{
        if (err->id != SL_E_PG_SLOT_LOST || !sl_pg_slot_snapshot_when_lost(t->cfg))
                return err->rc;
        sl_warn("a new snapshot is taken, as %s says: %s",
                t->cfg->slot_lost == SL_PG_LOST_SNAPSHOT ? "sluice.slot.lost" : "snapshot.mode", err->msg);
        sl_err_clear(err);
        if (!s->lost)
                return SL_OK;
        SL_TRY(sl_pg_slot_drop(t, err)); /* nothing can be read from it any more */
        *s = (struct sl_pg_slot){0};
        return SL_OK;
}

/* Can the stored offset be gone on from? off becomes where to start. */
static enum sl_rc check_offset(struct sl_pg_task *t, struct sl_pg_slot *s, struct sl_pg_offset *off, struct sl_err *err)
{
        uint64_t last = off->txn_lsn > off->done_lsn ? off->txn_lsn : off->done_lsn;
        SL_TRY(sl_pg_identity_check(t->repl, &t->who, &off->server, &t->server, last, err));
        return sl_pg_slot_check(t, s, off, err);
}

/* The slot is ours: start from the stored offset (NULL = none), from the slot, or with a snapshot. since: where the changes begin
 * that follow a snapshot which did not end (NULL = there was none). */
static enum sl_rc begin(struct sl_pg_task *t, struct sl_pg_slot *s, struct plan plan, struct sl_pg_offset *stored,
                        const struct sl_pg_offset *since, struct sl_err *err)
{
        struct sl_err other = {0};
        enum sl_rc rc = SL_OK;
        if (stored)
                rc = check_offset(t, s, stored, err);
        else if (s->lost)
                rc = sl_pg_slot_refuse(t, s, err);
        if (rc != SL_OK) {
                SL_TRY(give_up(t, s, err));
                stored = NULL;
                since = NULL;
                plan.snapshot = true;
        }
        if (since && sl_pg_identity_check(t->repl, &t->who, &since->server, &t->server, since->done_lsn, &other) != SL_OK)
                since = NULL; /* LSNs of another history */
        if (s->risk)
                sl_warn("slot %s is about to be lost: it needs more WAL than max_slot_wal_keep_size lets the server keep",
                        t->cfg->slot);
        t->flush_lsn = stored ? stored->done_lsn : s->confirmed;
        t->bl.advanced = s->confirmed;
        if (plan.snapshot)
                return begin_snapshot(t, s, stored ? stored : since, err);
        if (stored)
                return sl_pg_follow(t, stored, err);
        if (!s->exists) {
                char snapshot[64];
                SL_TRY(sl_pg_slot_create(t, t->cfg->slot, false, snapshot, &s->confirmed, err));
        }
        t->flush_lsn = t->bl.advanced = s->confirmed;
        return sl_pg_follow(t, &(struct sl_pg_offset){.done_lsn = s->confirmed}, err);
}

enum sl_rc sl_pg_setup(struct sl_pg_task *t, const char *offset_json, struct sl_err *err)
{
        struct sl_pg_offset off = {0};
        struct sl_pg_slot s;
        struct plan plan = {0};
        if (offset_json)
                SL_TRY(sl_pg_offset_read(offset_json, &off, err));
        bool have = offset_json && !off.snapshot_running;
        SL_TRY(decide(t->cfg, have, off.snapshot_running, &plan, err));
        SL_TRY(sl_pg_connect(&t->who, false, CONNECT_MS, &t->ctl, err));
        SL_TRY(check_server(t, plan.stream, err));
        t->only_snapshot = !plan.stream;
        if (!plan.stream && plan.snapshot)
                return begin_snapshot(t, NULL, NULL, err);
        if (!plan.stream) {
                sl_pg_line_init(t->line, &off);
                t->mode = SL_PG_M_IDLE;
                return SL_OK;
        }
        SL_TRY(lock(t, err));
        SL_TRY(sl_pg_publication(t, err));
        SL_TRY(sl_pg_replica_identities(t, err));
        SL_TRY(sl_pg_slot_claim(t, &s, err));
        SL_TRY(sl_pg_connect(&t->who, true, CONNECT_MS, &t->repl, err));
        SL_TRY(sl_pg_exec(t->repl, &t->who, err, SL_PG_WIDEN));
        SL_TRY(sl_pg_identity_read(t->repl, &t->who, &t->server, err));
        t->st.state = SL_PG_ST_READY;
        /* Rows of an unfinished snapshot are in Kafka: what happened to them since then is in the slot. */
        bool since = off.snapshot_running && s.exists && off.done_lsn && s.confirmed <= off.done_lsn;
        return begin(t, &s, plan, have ? &off : NULL, since ? &off : NULL, err);
}

void sl_pg_drop_slot(struct sl_pg_task *t)
{
        const char *params[] = {t->cfg->slot};
        struct sl_pg_who who = t->who;
        who.stop = t->who.stop = NULL; /* it is set already */
        struct sl_err drained = {0};
        if (sl_pg_ctl_drain(t, &drained) != SL_OK)
                return;
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
