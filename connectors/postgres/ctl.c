/* SPDX-License-Identifier: Apache-2.0 */
/* Queries on the control connection that run while rows are read: moving the slot (pg_replication_slot_advance decodes,
 * so it may take a while), asking how far the server's WAL is and for the slot's catalog_xmin, and looking
 * at the slot (watch.c). One at a time. */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/fault.h"
#include "connectors/postgres/task.h"

enum sl_rc sl_pg_ctl_send(struct sl_pg_task *t, enum sl_pg_ctl what, const char *sql, struct sl_err *err)
{
        if (!PQsendQuery(t->ctl, sql) || PQflush(t->ctl) < 0)
                return sl_pg_fail(err, t->ctl, NULL, "the control connection to Postgres broke off");
        t->ctl_state = what;
        return SL_OK;
}

static enum sl_rc take(struct sl_pg_task *t, const PGresult *res, uint64_t *ret_wal, struct sl_err *err)
{
        bool advance = t->ctl_state == SL_PG_CTL_ADVANCE;
        if (t->ctl_state == SL_PG_CTL_SLOT)
                return sl_pg_watch_take(t, res, err);
        const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
        if (advance && state && strcmp(state, "55006") == 0) /* our former walsender is still ending: next time */
                return SL_OK;
        if (PQresultStatus(res) != PGRES_TUPLES_OK)
                return sl_pg_fail(err, t->ctl, res,
                                  advance ? "the replication slot could not be moved" : "Postgres refused a query");
        if (advance) {
                SL_FAULT_TRY("postgres.after_advance", SL_E_PG_STREAM, err);
                t->bl.advanced = t->bl.advancing;
                sl_pg_watch_feedback(t);
        } else if (t->ctl_state == SL_PG_CTL_XMIN) {
                t->emit.xmin = PQntuples(res) == 1 ? strtoll(PQgetvalue(res, 0, 0), NULL, 10) : 0;
        } else if (ret_wal && PQntuples(res) == 1) {
                uint64_t lsn;
                if (sl_pg_lsn_parse(PQgetvalue(res, 0, 0), &lsn))
                        *ret_wal = t->wal_lsn = lsn;
        }
        return SL_OK;
}

enum sl_rc sl_pg_ctl_poll(struct sl_pg_task *t, uint64_t *ret_wal, struct sl_err *err)
{
        if (t->ctl_state == SL_PG_CTL_IDLE)
                return SL_OK;
        if (PQflush(t->ctl) < 0 || !PQconsumeInput(t->ctl))
                return sl_pg_fail(err, t->ctl, NULL, "the control connection to Postgres broke off");
        while (!PQisBusy(t->ctl)) {
                sl_auto_pgresult *res = PQgetResult(t->ctl);
                if (!res) {
                        t->ctl_state = SL_PG_CTL_IDLE;
                        return SL_OK;
                }
                SL_TRY(take(t, res, ret_wal, err));
        }
        return SL_OK;
}

enum sl_rc sl_pg_ctl_drain(struct sl_pg_task *t, struct sl_err *err)
{
        while (t->ctl_state != SL_PG_CTL_IDLE) {
                SL_TRY(sl_pg_wait_result(t->ctl, &t->who, err));
                SL_TRY(sl_pg_ctl_poll(t, NULL, err));
        }
        return SL_OK;
}

enum sl_rc sl_pg_ctl_xmin(struct sl_pg_task *t, struct sl_err *err)
{
        char sql[400], slot[256];
        int64_t now = sl_mono_ms();
        bool first = !t->xmin_at_ms;
        if (!t->cfg->xmin_ms || now < t->xmin_at_ms)
                return SL_OK;
        if (first)
                SL_TRY(sl_pg_ctl_drain(t, err));
        else if (t->ctl_state == SL_PG_CTL_XMIN)
                SL_TRY(sl_pg_ctl_poll(t, NULL, err));
        if (t->ctl_state != SL_PG_CTL_IDLE)
                return SL_OK;
        t->xmin_at_ms = now + t->cfg->xmin_ms;
        snprintf(sql, sizeof(sql), "SELECT catalog_xmin FROM pg_catalog.pg_replication_slots WHERE slot_name = %s",
                 sl_pg_quote(slot, t->cfg->slot));
        SL_TRY(sl_pg_ctl_send(t, SL_PG_CTL_XMIN, sql, err));
        return first ? sl_pg_ctl_drain(t, err) : SL_OK;
}

enum sl_rc sl_pg_wal_lsn(struct sl_pg_task *t, uint64_t *ret, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        SL_TRY(sl_pg_ctl_drain(t, err));
        SL_TRY(sl_pg_query(t->ctl, &t->who, &res, err, SL_PG_WAL_SQL, 0, NULL));
        if (PQntuples(res) != 1 || !sl_pg_lsn_parse(PQgetvalue(res, 0, 0), ret))
                return sl_fail(err, SL_E_PG_STREAM, "the server does not say where its WAL ends");
        t->wal_lsn = *ret;
        return SL_OK;
}
