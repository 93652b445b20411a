/* SPDX-License-Identifier: Apache-2.0 */
/* What the server keeps for the slot, and whether it may throw it away: asked for on the control connection every
 * sluice.slot.watch.ms beside the reading, for metrics and for a warning while there is still time. The same question
 * guards a stream that has just begun: from START_REPLICATION on nobody else can move the slot, so when it then stands
 * past the place we asked for, changes are missing; the server itself would go on silently.
 * Facts: pg_replication_slots.wal_status, safe_wal_size; a slot's WAL is also held by the oldest running transaction. */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/log.h"
#include "connectors/postgres/slot.h"

#define WARN_EVERY_MS 60000
#define WARN_SECONDS 1800 /* so long before the expected loss */

enum { STATUS, RETAINED, SAFE, ACTIVE, CONFIRMED, OLDEST };

void sl_pg_watch_open(struct sl_pg_task *t)
{
        struct sl_pg_watch *w = &t->watch;
        const char *labels = t->env->metric_labels;
        w->m_status = sl_metric_get(SL_GAUGE, "sluice_postgres_slot_wal_status",
                                    "The slot's wal_status: 0 reserved, 1 extended, 2 unreserved, 3 lost, -1 no slot.",
                                    labels);
        w->m_retained = sl_metric_get(SL_GAUGE, "sluice_postgres_slot_retained_bytes",
                                      "WAL that the server keeps because of the slot.", labels);
        w->m_safe = sl_metric_get(SL_GAUGE, "sluice_postgres_slot_safe_bytes",
                                  "WAL that may still be written before the slot can be lost; -1 = no limit.", labels);
        w->m_loss = sl_metric_get(SL_GAUGE, "sluice_postgres_slot_loss_seconds",
                                  "Time until the slot can be lost at the present growth of what it keeps; -1 = it "
                                  "does not grow, or there is no limit.",
                                  labels);
        w->m_active = sl_metric_get(SL_GAUGE, "sluice_postgres_slot_active", "1 = a walsender reads the slot.", labels);
        w->m_oldest = sl_metric_get(SL_GAUGE, "sluice_postgres_oldest_transaction_seconds",
                                    "Age of the oldest running transaction that has written something: the slot keeps WAL "
                                    "since its beginning.",
                                    labels);
        w->m_feedback = sl_metric_get(SL_GAUGE, "sluice_postgres_feedback_timestamp_seconds",
                                      "When the server was last told a position (Unix time).", labels);
        sl_metric_set(w->m_status, -1);
        sl_metric_set(w->m_safe, -1);
        sl_metric_set(w->m_loss, -1);
}

void sl_pg_watch_feedback(struct sl_pg_task *t)
{
        sl_metric_set(t->watch.m_feedback, sl_wall_ns() / 1000000000);
}

static enum sl_rc ask(struct sl_pg_task *t, struct sl_err *err)
{
        char sql[1024], slot[256];
        bool old = PQserverVersion(t->ctl) < 130000;
        snprintf(sql, sizeof(sql),
                 "SELECT %s, pg_catalog.pg_wal_lsn_diff(w.lsn, s.restart_lsn)::bigint, %s, s.active, "
                 "s.confirmed_flush_lsn, (SELECT extract(epoch FROM now() - min(x.since))::bigint FROM (SELECT xact_start AS "
                 "since FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL UNION ALL SELECT prepared FROM "
                 "pg_catalog.pg_prepared_xacts) x) FROM (" SL_PG_WAL_SQL " AS lsn) w LEFT JOIN "
                 "pg_catalog.pg_replication_slots s ON s.slot_name = %s",
                 old ? "NULL" : "s.wal_status", old ? "NULL" : "s.safe_wal_size", sl_pg_quote(slot, t->cfg->slot));
        t->watch.asked_ms = sl_mono_ms();
        return sl_pg_ctl_send(t, SL_PG_CTL_SLOT, sql, err);
}

static int64_t number(const PGresult *res, int column, int64_t none)
{
        return PQgetisnull(res, 0, column) ? none : strtoll(PQgetvalue(res, 0, column), NULL, 10);
}

/* Seconds until the slot can be lost: by how fast what it keeps has grown lately. -1: not in sight. */
static int64_t time_left(struct sl_pg_watch *w, int64_t every_ms, int64_t retained, int64_t safe)
{
        int64_t now = sl_mono_ms(), since = now - w->answered_ms;
        bool first = !w->answered_ms;
        if (!first && since > every_ms / 2) { /* a guard's question can come directly behind another one */
                double rate = (double)(retained - w->retained) * 1000 / (double)since;
                w->rate = w->rated ? (w->rate + rate) / 2 : rate;
                w->rated = true;
        }
        if (first || since > every_ms / 2) {
                w->answered_ms = now;
                w->retained = retained;
        }
        if (safe < 0 || !w->rated || w->rate < 1)
                return -1;
        return (int64_t)((double)safe / w->rate);
}

static void warn(struct sl_pg_task *t, const char *status, int64_t retained, int64_t safe, int64_t left, int64_t oldest)
{
        struct sl_pg_watch *w = &t->watch;
        int64_t now = sl_mono_ms();
        bool danger = strcmp(status, "unreserved") == 0 || strcmp(status, "lost") == 0 ||
                      (left >= 0 && left < WARN_SECONDS && safe < retained * 4) || (safe >= 0 && safe < retained / 4);
        if (!danger || (w->warned_ms && now - w->warned_ms < WARN_EVERY_MS))
                return;
        w->warned_ms = now;
        char when[64] = "";
        if (left >= 0)
                snprintf(when, sizeof(when), ", in about %lld s at the present rate", (long long)left);
        sl_warn("slot %s may be lost%s: it keeps %lld MB of WAL (wal_status %s), and %lld MB more reach "
                "max_slot_wal_keep_size. Find out why the task is behind, end old transactions (the oldest has run for %lld "
                "s), or raise the limit",
                t->cfg->slot, when, (long long)retained >> 20, status, (long long)(safe < 0 ? 0 : safe) >> 20,
                (long long)oldest);
}

/* The stream has begun: does it have everything since where we stand? */
static enum sl_rc guard(struct sl_pg_task *t, const PGresult *res, struct sl_err *err)
{
        uint64_t confirmed = 0;
        char a[24], b[24];
        bool known = sl_pg_lsn_parse(PQgetvalue(res, 0, CONFIRMED), &confirmed);
        if (known && confirmed <= t->line->done_lsn) {
                t->st.guard = SL_PG_GUARD_OK;
                return SL_OK;
        }
        return sl_fail(err, sl_pg_slot_snapshot_when_lost(t->cfg) ? SL_E_PG_STREAM : SL_E_PG_SLOT_LOST,
                       "slot %s stands at %s, past %s where the task has to go on: it was moved or made anew just now. Delete "
                       "the connector's offsets for a new snapshot",
                       t->cfg->slot, known ? sl_pg_lsn_text(a, confirmed) : "no position",
                       sl_pg_lsn_text(b, t->line->done_lsn));
}

enum sl_rc sl_pg_watch_take(struct sl_pg_task *t, const PGresult *res, struct sl_err *err)
{
        static const char *const names[] = {"reserved", "extended", "unreserved", "lost"};
        struct sl_pg_watch *w = &t->watch;
        bool guarding = t->st.guard == SL_PG_GUARD_ASKED;
        if (PQresultStatus(res) != PGRES_TUPLES_OK || PQntuples(res) != 1) {
                if (guarding)
                        return sl_pg_fail(err, t->ctl, res, "the slot could not be looked at");
                sl_debug("the slot could not be looked at: %s", PQresultErrorMessage(res));
                return SL_OK;
        }
        const char *status = PQgetvalue(res, 0, STATUS);
        int64_t code = -1, retained = number(res, RETAINED, 0), safe = number(res, SAFE, -1), oldest = number(res, OLDEST, 0);
        for (int i = 0; i < 4; i++)
                if (strcmp(status, names[i]) == 0)
                        code = i;
        if (!PQgetisnull(res, 0, SAFE) && safe < 0)
                safe = 0; /* over the limit, and not removed yet */
        int64_t left = time_left(w, t->cfg->watch_ms, retained, safe);
        sl_metric_set(w->m_status, code);
        sl_metric_set(w->m_retained, retained);
        sl_metric_set(w->m_safe, safe);
        sl_metric_set(w->m_loss, left);
        sl_metric_set(w->m_active, PQgetvalue(res, 0, ACTIVE)[0] == 't');
        sl_metric_set(w->m_oldest, oldest);
        warn(t, status, retained, safe, left, oldest);
        return guarding ? guard(t, res, err) : SL_OK;
}

enum sl_rc sl_pg_watch_poll(struct sl_pg_task *t, struct sl_err *err)
{
        if (t->ctl_state == SL_PG_CTL_SLOT)
                SL_TRY(sl_pg_ctl_poll(t, NULL, err));
        bool due = t->cfg->watch_ms && sl_mono_ms() - t->watch.asked_ms >= t->cfg->watch_ms;
        if (t->only_snapshot || !due || t->ctl_state != SL_PG_CTL_IDLE)
                return SL_OK;
        return ask(t, err);
}

enum sl_rc sl_pg_watch_guard(struct sl_pg_task *t, bool *ret_good, struct sl_err *err)
{
        if (t->st.guard == SL_PG_GUARD_ASK && t->ctl_state == SL_PG_CTL_IDLE) {
                SL_TRY(ask(t, err));
                t->st.guard = SL_PG_GUARD_ASKED;
        }
        if (t->st.guard == SL_PG_GUARD_ASKED && t->ctl_state == SL_PG_CTL_SLOT)
                SL_TRY(sl_pg_ctl_poll(t, NULL, err));
        *ret_good = t->st.guard == SL_PG_GUARD_OK;
        return SL_OK;
}

void sl_pg_watch_wait(struct sl_pg_task *t, struct sl_wait *w)
{
        if (t->cfg->watch_ms && !t->only_snapshot && t->ctl_state == SL_PG_CTL_IDLE)
                sl_wait_ms(w, t->watch.asked_ms + t->cfg->watch_ms - sl_mono_ms());
}
