/* SPDX-License-Identifier: Apache-2.0 */
/* See slot.h. Facts: pg_replication_slots, CREATE_REPLICATION_SLOT, and what Postgres writes when it makes a slot: a
 * record of running transactions (at least 56 bytes of WAL), at whose end the slot is consistent. */
#include <stdio.h>
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "connectors/postgres/slot.h"

#define BUSY_MS 10000      /* at least so long we wait for a slot's reader to end */
#define SAY_FIRST_MS 2000  /* who waits longer says for what */
#define SAY_EVERY_MS 30000
#define NO_COMMIT_BYTES 96 /* a record of running transactions has 56 bytes at least, a commit 40 */

#define WHAT_NOW                                                                                                       \
        "Delete the connector's offsets for a new snapshot, or set sluice.slot.lost to snapshot to have one taken"

bool sl_pg_slot_snapshot_when_lost(const struct sl_pg_cfg *cfg)
{
        return cfg->slot_lost == SL_PG_LOST_SNAPSHOT || cfg->snapshot == SL_PG_SNAP_WHEN_NEEDED ||
               (cfg->snapshot == SL_PG_SNAP_CONFIGURED && cfg->snap_on_data_error);
}

bool sl_pg_slot_manual(const struct sl_pg_cfg *cfg)
{
        return cfg->flush_text ? cfg->flush == SL_PG_FLUSH_MANUAL : !cfg->flush_source;
}

enum sl_pg_mismatch sl_pg_slot_mismatch(const struct sl_pg_cfg *cfg)
{
        return !cfg->mismatch_text && cfg->seek_on_start ? SL_PG_MM_TRUST_OFFSET : (enum sl_pg_mismatch)cfg->mismatch;
}

enum sl_rc sl_pg_slot_read(struct sl_pg_task *t, struct sl_pg_slot *s, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        const char *params[] = {t->cfg->slot};
        int version = PQserverVersion(t->ctl);
        char sql[400];
        *s = (struct sl_pg_slot){0};
        snprintf(sql, sizeof(sql),
                 "SELECT plugin, database = current_database(), active, confirmed_flush_lsn, restart_lsn, %s, %s,"
                 " to_jsonb(s)->>'two_phase' = 'true' FROM pg_catalog.pg_replication_slots s WHERE slot_name = $1",
                 version >= 130000 ? "wal_status" : "NULL", version >= 170000 ? "invalidation_reason" : "NULL");
        SL_TRY(sl_pg_query(t->ctl, &t->who, &res, err, sql, 1, params));
        if (PQntuples(res) == 0)
                return SL_OK;
        if (PQgetisnull(res, 0, 0) || strcmp(PQgetvalue(res, 0, 0), "pgoutput") != 0)
                return sl_fail(err, SL_E_PG_SETUP,
                               "slot %s exists but is not a pgoutput slot: choose another slot.name, or drop it",
                               t->cfg->slot);
        if (PQgetvalue(res, 0, 1)[0] != 't')
                return sl_fail(err, SL_E_PG_SETUP, "slot %s belongs to another database: choose another slot.name",
                               t->cfg->slot);
        if (PQgetvalue(res, 0, 7)[0] == 't')
                return sl_fail(err, SL_E_PG_SETUP,
                               "slot %s was created with two_phase, so prepared transactions would come before their commit: "
                               "choose another slot.name, or drop it",
                               t->cfg->slot);
        s->exists = true;
        s->active = PQgetvalue(res, 0, 2)[0] == 't';
        sl_pg_lsn_parse(PQgetvalue(res, 0, 3), &s->confirmed);
        sl_pg_lsn_parse(PQgetvalue(res, 0, 4), &s->restart);
        s->lost = strcmp(PQgetvalue(res, 0, 5), "lost") == 0 || (!s->restart && s->confirmed);
        s->risk = strcmp(PQgetvalue(res, 0, 5), "unreserved") == 0;
        snprintf(s->why, sizeof(s->why), "%s", PQgetvalue(res, 0, 6));
        return SL_OK;
}

enum sl_rc sl_pg_slot_end_predecessor(struct sl_pg_task *t, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        const char *params[] = {t->cfg->slot};
        return sl_pg_query(
                t->ctl, &t->who, &res, err,
                "SELECT pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a"
                " WHERE a.pid <> pg_backend_pid() AND a.application_name = current_setting('application_name')"
                " AND a.usename = current_user AND (a.pid IN (SELECT l.pid FROM pg_catalog.pg_locks l WHERE l.locktype "
                "= 'advisory'"
                " AND l.classid = " SL_PG_LOCK_CLASS
                "::oid AND l.objid = (hashtext($1)::int8 & 4294967295)::oid AND l.granted)"
                " OR a.pid IN (SELECT s.active_pid FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = $1))",
                1, params);
}

/* A slot is complete when all transactions that ran at its beginning are over: say which they are. */
static enum sl_rc say_waiting(struct sl_pg_task *t, const char *name, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        SL_TRY(sl_pg_query(t->ctl, &t->who, &res, err,
                           "SELECT string_agg(who, ', ') FROM (SELECT pg_catalog.format('pid %s of user %s, for %s s', "
                           "pid, usename, extract(epoch FROM now() - xact_start)::bigint) AS who"
                           " FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()"
                           " UNION ALL SELECT pg_catalog.format('prepared transaction %s, for %s s', gid, "
                           "extract(epoch FROM now() - prepared)::bigint) FROM pg_catalog.pg_prepared_xacts LIMIT 5) w",
                           0, NULL));
        sl_warn("slot %s is not complete yet: the server waits for transactions that began before it (%s). The task "
                "starts when they have ended",
                name, PQgetisnull(res, 0, 0) ? "none that this user may see" : PQgetvalue(res, 0, 0));
        return SL_OK;
}

enum sl_rc sl_pg_slot_claim(struct sl_pg_task *t, struct sl_pg_slot *s, struct sl_err *err)
{
        int64_t now = sl_mono_ms(), say = now + SAY_FIRST_MS, allowed = t->cfg->slot_retries * t->cfg->slot_delay_ms;
        int64_t deadline = now + (allowed > BUSY_MS ? allowed : BUSY_MS);
        for (bool first = true;; first = false) {
                SL_TRY(sl_pg_slot_read(t, s, err));
                if (!s->exists || s->lost || (!s->active && s->confirmed))
                        return SL_OK;
                if (first)
                        SL_TRY(sl_pg_slot_end_predecessor(t, err));
                now = sl_mono_ms();
                bool being_made = s->active && !s->confirmed;
                if (now > say) {
                        say = now + SAY_EVERY_MS;
                        if (being_made)
                                SL_TRY(say_waiting(t, t->cfg->slot, err));
                        else
                                sl_warn("slot %s is read by another process (active_pid in pg_replication_slots): it is waited "
                                        "for, %lld s at most (slot.max.retries, slot.retry.delay.ms)",
                                        t->cfg->slot, (long long)(deadline - now) / 1000);
                }
                if (now > deadline && !s->active)
                        return sl_fail(err, SL_E_PG_SETUP,
                                       "slot %s was never completed (it has no confirmed_flush_lsn), and nobody is "
                                       "completing it: drop it (SELECT pg_drop_replication_slot('%s')) and start again",
                                       t->cfg->slot, t->cfg->slot);
                if (now > deadline && !being_made)
                        return sl_fail(err, SL_E_PG_SLOT_BUSY,
                                       "another process reads slot %s: stop it (see active_pid in "
                                       "pg_replication_slots), or choose another slot.name",
                                       t->cfg->slot);
                SL_TRY(sl_pg_pause(&t->who, 100, err));
        }
}

/* The answer to CREATE_REPLICATION_SLOT. A stop cancels it: the server would wait on without us, holding WAL. */
static enum sl_rc wait_created(struct sl_pg_task *t, const char *name, PGresult **ret, struct sl_err *err)
{
        int64_t say = sl_mono_ms() + SAY_FIRST_MS;
        enum sl_rc rc = SL_OK;
        while (rc == SL_OK && PQisBusy(t->repl)) {
                rc = sl_pg_pause(&t->who, 20, err);
                if (rc == SL_OK && (PQflush(t->repl) < 0 || !PQconsumeInput(t->repl)))
                        return sl_pg_fail(err, t->repl, NULL, "the connection to Postgres broke off");
                if (rc == SL_OK && sl_mono_ms() > say) {
                        rc = say_waiting(t, name, err);
                        say = sl_mono_ms() + SAY_EVERY_MS;
                }
        }
        if (rc != SL_OK) {
                char ignored[256];
                PGcancel *cancel = PQgetCancel(t->repl);
                if (cancel && !PQcancel(cancel, ignored, sizeof(ignored)))
                        sl_debug("the creation of slot %s could not be cancelled", name);
                PQfreeCancel(cancel);
                return rc;
        }
        *ret = PQgetResult(t->repl);
        for (PGresult *more; (more = PQgetResult(t->repl));)
                PQclear(more);
        if (!*ret || PQresultStatus(*ret) != PGRES_TUPLES_OK)
                return sl_pg_fail(err, t->repl, *ret, "Postgres refused a query");
        return SL_OK;
}

enum sl_rc sl_pg_slot_create(struct sl_pg_task *t, const char *name, bool temporary, char snapshot[64],
                             uint64_t *ret_lsn, struct sl_err *err)
{
        char sql[256], quoted[256];
        bool failover = t->cfg->slot_failover && !temporary && PQserverVersion(t->repl) >= 170000;
        snprintf(sql, sizeof(sql), "CREATE_REPLICATION_SLOT %s%s LOGICAL pgoutput %s", sl_pg_ident(quoted, name),
                 temporary ? " TEMPORARY" : "",
                 PQserverVersion(t->repl) < 150000 ? "EXPORT_SNAPSHOT"
                 : failover                        ? "(SNAPSHOT 'export', FAILOVER)"
                                                   : "(SNAPSHOT 'export')");
        SL_FAULT_TRY("postgres.before_slot", SL_E_PG_STREAM, err);
        for (int32_t tries = 0;; tries++) {
                sl_auto_pgresult *res = NULL;
                if (!PQsendQuery(t->repl, sql))
                        return sl_pg_fail(err, t->repl, NULL, "the connection to Postgres broke off");
                enum sl_rc rc = wait_created(t, name, &res, err);
                if (rc == SL_OK && (PQntuples(res) != 1 || !sl_pg_lsn_parse(PQgetvalue(res, 0, 1), ret_lsn)))
                        return sl_fail(err, SL_E_PG_PROTOCOL, "CREATE_REPLICATION_SLOT gave no consistent point");
                if (rc == SL_OK) {
                        SL_FAULT_TRY("postgres.after_slot", SL_E_PG_STREAM, err);
                        snprintf(snapshot, 64, "%s", PQgetvalue(res, 0, 2));
                        return SL_OK;
                }
                bool cancelled = strcmp(err->sqlstate, "57014") == 0 || strcmp(err->sqlstate, "55P03") == 0;
                if (strcmp(err->sqlstate, "53400") == 0) {
                        sl_err_clear(err);
                        return sl_fail(err, SL_E_PG_SETUP,
                                       "the server has no free replication slot: raise max_replication_slots, or "
                                       "drop slots that nobody reads");
                }
                if (!cancelled || tries >= t->cfg->slot_retries) {
                        sl_err_prefix(err, "slot %s could not be created", name);
                        return rc;
                }
                sl_warn("slot %s could not be created, it is tried again: %s", name, err->msg);
                sl_err_clear(err);
                SL_TRY(sl_pg_pause(&t->who, (int)t->cfg->slot_delay_ms, err));
        }
}

enum sl_rc sl_pg_slot_refuse(const struct sl_pg_task *t, const struct sl_pg_slot *s, struct sl_err *err)
{
        const char *name = t->cfg->slot;
        if (!s->exists)
                return sl_fail(err, SL_E_PG_SLOT_LOST,
                               "slot %s does not exist but there is a stored offset: changes since then can't be "
                               "read. " WHAT_NOW,
                               name);
        return sl_fail(err, SL_E_PG_SLOT_LOST,
                       "slot %s is lost: the server %s%s. Run SELECT pg_drop_replication_slot('%s') and delete the "
                       "connector's offsets for a new snapshot, or set sluice.slot.lost to snapshot to have both done",
                       name,
                       s->why[0] ? "invalidated it for "
                                 : "removed WAL that it needed (max_slot_wal_keep_size), or invalidated it",
                       s->why, name);
}

/* Can nothing have been committed between the stored offset and the confirmed position? So it is when the slot was made
 * anew, or moved, while nothing was written: what lies between is the server's record of running transactions. */
static bool nothing_between(const struct sl_pg_slot *s, const struct sl_pg_offset *off)
{
        return !off->txn_lsn && !off->foreign_lsn && s->restart && s->restart <= off->done_lsn &&
               s->confirmed - s->restart < NO_COMMIT_BYTES;
}

/* The slot stands behind the stored offset: Kafka has more than it was told. */
static enum sl_rc move_to_offset(struct sl_pg_task *t, struct sl_pg_slot *s, uint64_t lsn, struct sl_err *err)
{
        char text[24];
        const char *params[] = {t->cfg->slot, sl_pg_lsn_text(text, lsn)};
        if (sl_pg_slot_manual(t->cfg))
                return SL_OK;
        sl_info("slot %s is moved to the stored offset %s", t->cfg->slot, text);
        SL_TRY(sl_pg_query(t->ctl, &t->who, NULL, err,
                           "SELECT end_lsn FROM pg_catalog.pg_replication_slot_advance($1, $2::pg_lsn)", 2, params));
        s->confirmed = lsn;
        return SL_OK;
}

enum sl_rc sl_pg_slot_check(struct sl_pg_task *t, struct sl_pg_slot *s, struct sl_pg_offset *off, struct sl_err *err)
{
        enum sl_pg_mismatch how = sl_pg_slot_mismatch(t->cfg);
        uint64_t wal;
        char a[24], b[24];
        if (!s->exists || s->lost)
                return sl_pg_slot_refuse(t, s, err);
        SL_TRY(sl_pg_wal_lsn(t, &wal, err));
        if (wal < off->done_lsn)
                return sl_fail(err, SL_E_PG_SLOT_LOST,
                               "the server's WAL ends at %s, before the stored offset %s: this is another or a "
                               "restored server. " WHAT_NOW,
                               sl_pg_lsn_text(a, wal), sl_pg_lsn_text(b, off->done_lsn));
        if (s->confirmed < off->done_lsn && (how == SL_PG_MM_TRUST_OFFSET || how == SL_PG_MM_TRUST_GREATER))
                return move_to_offset(t, s, off->done_lsn, err);
        if (s->confirmed <= off->done_lsn)
                return SL_OK;
        sl_pg_lsn_text(a, s->confirmed);
        sl_pg_lsn_text(b, off->done_lsn);
        bool nothing = nothing_between(s, off);
        if (!nothing && how != SL_PG_MM_TRUST_SLOT && how != SL_PG_MM_TRUST_GREATER)
                return sl_fail(err, SL_E_PG_SLOT_LOST,
                               "slot %s is at %s, past the stored offset %s: it was made anew, or another reader "
                               "confirmed changes that are not in Kafka. " WHAT_NOW
                               "; to go on without those changes set offset.mismatch.strategy to trust_slot",
                               t->cfg->slot, a, b);
        if (nothing)
                sl_info("slot %s was made anew at %s; nothing was written since the stored offset %s", t->cfg->slot, a, b);
        else
                sl_warn("slot %s is at %s, past the stored offset %s: the changes between are left out, as "
                        "offset.mismatch.strategy says",
                        t->cfg->slot, a, b);
        *off = (struct sl_pg_offset){.done_lsn = s->confirmed, .xid = off->xid, .ts_us = off->ts_us};
        return SL_OK;
}

enum sl_rc sl_pg_slot_explain(struct sl_pg_task *t, enum sl_rc rc, struct sl_err *err)
{
        struct sl_err ignored = {0};
        struct sl_pg_slot s;
        if (!err->sqlstate[0] || (err->id != SL_E_PG_SLOT_LOST && err->id != SL_E_PG_SETUP) ||
            PQstatus(t->ctl) != CONNECTION_OK || sl_pg_ctl_drain(t, &ignored) != SL_OK ||
            sl_pg_slot_read(t, &s, &ignored) != SL_OK || (s.exists && !s.lost))
                return rc;
        sl_err_clear(err);
        if (!sl_pg_slot_snapshot_when_lost(t->cfg))
                return sl_pg_slot_refuse(t, &s, err);
        return sl_fail(err, SL_E_PG_STREAM, "slot %s was %s: the task starts again with a new snapshot", t->cfg->slot,
                       s.exists ? "invalidated" : "dropped");
}

enum sl_rc sl_pg_slot_drop(struct sl_pg_task *t, struct sl_err *err)
{
        const char *params[] = {t->cfg->slot};
        return sl_pg_query(t->ctl, &t->who, NULL, err, "SELECT pg_drop_replication_slot($1)", 1, params);
}
