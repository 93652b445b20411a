/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to Postgres: see conn.h. Only this file knows libpq's connection states and Postgres' SQLSTATEs. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "connectors/postgres/conn.h"

/* Values must be written in one known way, and our idle connections must not be cut. */
static const char session[] =
        "-c DateStyle=ISO,YMD -c IntervalStyle=postgres -c TimeZone=UTC -c extra_float_digits=3 -c bytea_output=hex "
        "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0";

const char *sl_pg_ident(char out[256], const char *name)
{
        size_t n = 0;
        out[n++] = '"';
        for (; *name && n < 252; name++) {
                if (*name == '"')
                        out[n++] = '"';
                out[n++] = *name;
        }
        out[n++] = '"';
        out[n] = 0;
        return out;
}

const char *sl_pg_quote(char out[256], const char *text)
{
        size_t n = 0;
        out[n++] = '\'';
        for (; *text && n < 252; text++) {
                if (*text == '\'')
                        out[n++] = '\'';
                out[n++] = *text;
        }
        out[n++] = '\'';
        out[n] = 0;
        return out;
}

const char *sl_pg_lsn_text(char out[24], uint64_t lsn)
{
        snprintf(out, 24, "%X/%X", (uint32_t)(lsn >> 32), (uint32_t)lsn);
        return out;
}

bool sl_pg_lsn_parse(const char *text, uint64_t *ret)
{
        char *end;
        unsigned long hi = strtoul(text, &end, 16);
        if (end == text || *end != '/' || hi > UINT32_MAX)
                return false;
        const char *low = end + 1;
        unsigned long lo = strtoul(low, &end, 16);
        if (end == low || *end || lo > UINT32_MAX)
                return false;
        *ret = (uint64_t)hi << 32 | lo;
        return true;
}

static const char *first_line(const char *text, char out[400])
{
        size_t n = strcspn(text ? text : "", "\n");
        snprintf(out, 400, "%.*s", (int)(n < 399 ? n : 399), text ? text : "");
        return out;
}

static enum sl_errid classify(const char *state, const char *text, bool connecting)
{
        if (strncmp(state, "28", 2) == 0 || strcmp(state, "3D000") == 0)
                return SL_E_PG_AUTH;
        if (strcmp(state, "55006") == 0)
                return SL_E_PG_SLOT_BUSY;
        if (strcmp(state, "58P01") == 0 || (strcmp(state, "55000") == 0 && text && strstr(text, "slot")))
                return SL_E_PG_SLOT_LOST;
        if (strncmp(state, "57", 2) == 0 || strncmp(state, "08", 2) == 0 || strncmp(state, "40", 2) == 0 ||
            strncmp(state, "53", 2) == 0 || strcmp(state, "55P03") == 0)
                return connecting ? SL_E_PG_CONNECT : SL_E_PG_STREAM;
        if (!state[0]) {
                /* libpq itself failed: it has no SQLSTATE for a refused password before version 14's ErrorResponse. */
                if (connecting && text &&
                    (strstr(text, "password authentication failed") || strstr(text, "no password supplied")))
                        return SL_E_PG_AUTH;
                return connecting ? SL_E_PG_CONNECT : SL_E_PG_STREAM;
        }
        return SL_E_PG_SETUP;
}

enum sl_rc sl_pg_fail(struct sl_err *err, const PGconn *conn, const PGresult *res, const char *what)
{
        char line[400];
        const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
        const char *primary = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
        const char *text = primary ? primary : PQerrorMessage(conn);
        bool connecting = PQstatus(conn) != CONNECTION_OK && !res;
        enum sl_errid id = classify(state ? state : "", text, connecting);
        if (id == SL_E_PG_CONNECT &&
            (strstr(text, "does not exist") || strstr(text, "authentication") || strstr(text, "no pg_hba.conf entry")))
                id = SL_E_PG_AUTH;
        enum sl_rc rc = sl_fail(err, id, "%s: %s%s%s%s", what, first_line(text, line), state ? " (SQLSTATE " : "",
                                state ? state : "", state ? ")" : "");
        if (err && state)
                snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", state);
        return rc;
}

static bool stopped(const struct sl_pg_who *who)
{
        return who->stop && atomic_load_explicit(who->stop, memory_order_relaxed);
}

enum sl_rc sl_pg_pause(const struct sl_pg_who *who, int ms, struct sl_err *err)
{
        for (int64_t end = sl_mono_ms() + ms; sl_mono_ms() < end;) {
                if (stopped(who))
                        return sl_fail(err, SL_E_STOPPED, "the task was asked to stop");
                poll(NULL, 0, 20);
        }
        return SL_OK;
}

PGconn *sl_pg_conn_start(const struct sl_pg_who *who, bool replication)
{
        const struct sl_pg_cfg *cfg = who->cfg;
        char port[16], app[80];
        snprintf(port, sizeof(port), "%d", cfg->port);
        snprintf(app, sizeof(app), "sluice:%.55s", who->connector);
        const char *keys[] = {
                "host",        "port",    "user",       "password", "dbname", "application_name", "client_encoding",
                "options",     "sslmode", "keepalives", "sslcert",  "sslkey", "sslrootcert",      "sslpassword",
                "replication", NULL};
        const char *values[] = {cfg->hostname,
                                port,
                                cfg->user,
                                cfg->password,
                                cfg->dbname,
                                app,
                                "UTF8",
                                session,
                                sl_pg_sslmodes[cfg->sslmode].name,
                                cfg->keepalive ? "1" : "0",
                                cfg->sslcert,
                                cfg->sslkey,
                                cfg->sslrootcert,
                                cfg->sslpassword,
                                replication ? "database" : NULL,
                                NULL};
        PGconn *conn = PQconnectStartParams(keys, values, 0);
        if (!conn)
                abort(); /* no memory for a few hundred bytes */
        return conn;
}

/* Notices go nowhere: they are not ours to print. */
static void quiet(void *arg, const PGresult *res)
{
        (void)arg;
        (void)res;
}

enum sl_rc sl_pg_conn_poll(PGconn *conn, bool *ret_ready, short *ret_events, struct sl_err *err)
{
        *ret_ready = false;
        *ret_events = POLLIN;
        switch (PQstatus(conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PQconnectPoll(conn)) {
        case PGRES_POLLING_OK:
                PQsetNoticeReceiver(conn, quiet, NULL);
                if (PQsetnonblocking(conn, 1) != 0)
                        return sl_pg_fail(err, conn, NULL, "can't connect to Postgres");
                *ret_ready = true;
                return SL_OK;
        case PGRES_POLLING_WRITING:
                *ret_events = POLLOUT;
                return SL_OK;
        case PGRES_POLLING_READING:
                return SL_OK;
        default:
                return sl_pg_fail(err, conn, NULL, "can't connect to Postgres");
        }
}

/* Statements of database.initial.statements: ';' separates, ';;' is a semicolon. */
static enum sl_rc initial_statements(PGconn *conn, const struct sl_pg_who *who, struct sl_err *err)
{
        const char *p = who->cfg->initial_statements;
        struct sl_buf sql = {0};
        enum sl_rc rc = SL_OK;
        for (; p && rc == SL_OK; p++) {
                if (*p == ';' && p[1] == ';') {
                        sl_buf_addc(&sql, *p++);
                        continue;
                }
                if (*p && *p != ';') {
                        sl_buf_addc(&sql, *p);
                        continue;
                }
                const char *text = sl_buf_cstr(&sql);
                if (text[strspn(text, " \t\r\n")])
                        rc = sl_pg_exec(conn, who, err, text);
                sl_buf_clear(&sql);
                if (!*p)
                        break;
        }
        sl_buf_free(&sql);
        if (rc != SL_OK)
                sl_err_prefix(err, "database.initial.statements");
        return rc;
}

enum sl_rc sl_pg_connect(const struct sl_pg_who *who, bool replication, int timeout_ms, PGconn **ret,
                         struct sl_err *err)
{
        PGconn *conn = sl_pg_conn_start(who, replication);
        int64_t deadline = sl_mono_ms() + timeout_ms;
        bool ready = false;
        enum sl_rc rc = SL_OK;
        while (rc == SL_OK && !ready) {
                short events;
                rc = sl_pg_conn_poll(conn, &ready, &events, err);
                if (rc != SL_OK || ready)
                        break;
                if (stopped(who))
                        rc = sl_fail(err, SL_E_STOPPED, "the task was asked to stop");
                else if (sl_mono_ms() > deadline)
                        rc = sl_fail(err, SL_E_PG_CONNECT,
                                     "no answer from Postgres at %s:%d within %d ms: check "
                                     "database.hostname, database.port and firewalls",
                                     who->cfg->hostname, who->cfg->port, timeout_ms);
                else
                        poll(&(struct pollfd){.fd = PQsocket(conn), .events = events}, 1, 50);
        }
        if (rc == SL_OK && !replication && who->cfg->initial_statements)
                rc = initial_statements(conn, who, err);
        if (rc != SL_OK) {
                PQfinish(conn);
                return rc;
        }
        *ret = conn;
        return SL_OK;
}

enum sl_rc sl_pg_wait_result(PGconn *conn, const struct sl_pg_who *who, struct sl_err *err)
{
        for (;;) {
                int flush = PQflush(conn);
                if (flush < 0 || !PQconsumeInput(conn))
                        return sl_pg_fail(err, conn, NULL, "the connection to Postgres broke off");
                if (flush == 0 && !PQisBusy(conn))
                        return SL_OK;
                if (stopped(who))
                        return sl_fail(err, SL_E_STOPPED, "the task was asked to stop");
                short events = (short)(POLLIN | (flush ? POLLOUT : 0));
                poll(&(struct pollfd){.fd = PQsocket(conn), .events = events}, 1, 50);
        }
}

enum sl_rc sl_pg_query(PGconn *conn, const struct sl_pg_who *who, PGresult **ret, struct sl_err *err, const char *sql,
                       int n, const char *const *params)
{
        sl_auto_pgresult *last = NULL;
        /* A walsender session knows the simple protocol only. */
        int sent = n ? PQsendQueryParams(conn, sql, n, NULL, params, NULL, NULL, 0) : PQsendQuery(conn, sql);
        if (!sent)
                return sl_pg_fail(err, conn, NULL, "the connection to Postgres broke off");
        for (;;) {
                SL_TRY(sl_pg_wait_result(conn, who, err));
                PGresult *res = PQgetResult(conn);
                if (!res)
                        break;
                ExecStatusType st = PQresultStatus(res);
                if (last && PQresultStatus(last) == PGRES_FATAL_ERROR) {
                        PQclear(res);
                        continue;
                }
                PQclear(last);
                last = res;
                if (st == PGRES_COPY_OUT || st == PGRES_COPY_BOTH || st == PGRES_COPY_IN)
                        break;
        }
        if (!last || PQresultStatus(last) == PGRES_FATAL_ERROR || PQresultStatus(last) == PGRES_BAD_RESPONSE)
                return sl_pg_fail(err, conn, last, "Postgres refused a query");
        if (ret) {
                *ret = last;
                last = NULL;
        }
        return SL_OK;
}

enum sl_rc sl_pg_exec(PGconn *conn, const struct sl_pg_who *who, struct sl_err *err, const char *sql)
{
        return sl_pg_query(conn, who, NULL, err, sql, 0, NULL);
}
