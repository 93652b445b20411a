/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to Postgres: see conn.h. Only this file knows libpq's connection states and Postgres' SQLSTATEs.
 *
 * database.hostname and the properties of the JDBC driver that libpq has too become libpq's parameters: several hosts are
 * "a:5433,b", as in a JDBC URL. With more than one host and no database.targetServerType we look for the primary. */
#include <libpq-events.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "connectors/postgres/conn.h"
#include "connectors/postgres/tls.h"

/* What belongs to one connection and ends with it: libpq's instance data. */
struct extra {
        struct sl_pg_tls tls;
        struct sl_err err; /* of its preparation */
        bool replication;
        enum { CONNECTING, SETTING, READY } state;
};

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

static enum sl_errid classify(const char *state, const char *text, bool connecting)
{
        /* Only a refusal of user, password or database is final: a server that is starting, full, being promoted or
         * unreachable is tried again. */
        if (strncmp(state, "28", 2) == 0 || strcmp(state, "3D000") == 0)
                return SL_E_PG_AUTH;
        if (connecting) /* fe_sendauth's own words: libpq has no SQLSTATE for them */
                return strstr(text, "no password supplied") ? SL_E_PG_AUTH : SL_E_PG_CONNECT;
        if (strcmp(state, "55006") == 0)
                return SL_E_PG_SLOT_BUSY;
        if (strcmp(state, "55000") == 0 && strstr(text, "replication slot")) {
                /* 17 and later: a failover slot of a standby can't be read before its promotion. */
                return strstr(text, "sync") ? SL_E_PG_SLOT_BUSY : SL_E_PG_SLOT_LOST;
        }
        if (strcmp(state, "58P01") == 0 || (strcmp(state, "55000") == 0 && strstr(text, "slot")))
                return SL_E_PG_SLOT_LOST;
        static const char *const passing[] = {"57", "08", "40", "53", "58", "XX", "55P03", "25006"};
        for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
                if (!state[0] || strncmp(state, passing[i], strlen(passing[i])) == 0)
                        return SL_E_PG_STREAM;
        return SL_E_PG_SETUP;
}

/* libpq's words on one line, without the server's source position. While connecting it is asked to be verbose, as there is
 * no other way to a SQLSTATE: "FATAL:  28P01: password authentication failed". The last one goes to state. */
static void tidy(const char *text, char out[400], char state[6])
{
        size_t n = 0;
        for (const char *p = text ? text : ""; *p;) {
                p += strspn(p, "\t");
                size_t len = strcspn(p, "\n");
                const char *next = p + len + (p[len] == '\n');
                const char *code = memmem(p, len, ":  ", 3);
                size_t head = code ? (size_t)(code - p) + 3 : len;
                bool coded = code && head + 7 < len && strspn(code + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 &&
                             code[8] == ':';
                if (coded)
                        snprintf(state, 6, "%.5s", code + 3);
                if (len && strncmp(p, "LOCATION:", 9) != 0 && n < 398) {
                        int w = snprintf(out + n, 400 - n, "%s%.*s%.*s", n ? "; " : "", (int)head, p,
                                         (int)(len - head - (coded ? 7 : 0)), p + head + (coded ? 7 : 0));
                        n = n + (size_t)w < 399 ? n + (size_t)w : 399;
                }
                p = next;
        }
        out[n] = 0;
}

enum sl_rc sl_pg_fail(struct sl_err *err, const PGconn *conn, const PGresult *res, const char *what)
{
        char line[400], state[6] = "";
        const char *code = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
        const char *primary = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
        bool connecting = PQstatus(conn) != CONNECTION_OK && !res;
        tidy(primary ? primary : PQerrorMessage(conn), line, state);
        if (code)
                snprintf(state, sizeof(state), "%s", code);
        enum sl_rc rc = sl_fail(err, classify(state, line, connecting), "%s: %s%s%s%s", what, line,
                                state[0] ? " (SQLSTATE " : "", state, state[0] ? ")" : "");
        if (err)
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

/* "a:5433,b,[::1]:5434" as libpq's two lists; an address with several colons and no brackets has no port. */
static void hosts(const struct sl_pg_cfg *cfg, struct sl_buf *host, struct sl_buf *port)
{
        bool path = *cfg->hostname == '/';
        for (const char *p = cfg->hostname; *p;) {
                size_t len = strcspn(p, ",");
                const char *end = p + len, *next = end + (*end == ',');
                while (p < end && *p == ' ')
                        p++;
                while (end > p && end[-1] == ' ')
                        end--;
                const char *colon = memrchr(p, ':', (size_t)(end - p));
                bool bracket = *p == '[' && memchr(p, ']', (size_t)(end - p));
                if (colon && (path || (bracket ? colon[-1] != ']' : memchr(p, ':', (size_t)(end - p)) != colon)))
                        colon = NULL;
                const char *last = colon ? colon : end;
                sl_buf_adds(host, host->len || port->len ? "," : "");
                sl_buf_adds(port, port->len ? "," : "");
                sl_buf_add(host, p + bracket, (size_t)(last - p) - 2 * (size_t)bracket);
                if (colon)
                        sl_buf_add(port, colon + 1, (size_t)(end - colon) - 1);
                else
                        sl_buf_printf(port, "%d", cfg->port);
                p = next;
        }
}

static int on_event(PGEventId event, void *info, void *arg)
{
        struct extra *x = arg;
        if (event == PGEVT_REGISTER)
                PQsetInstanceData(((PGEventRegister *)info)->conn, on_event, x);
        if (event == PGEVT_CONNDESTROY) {
                sl_pg_tls_close(&x->tls);
                free(x);
        }
        return 1;
}

static const char *target(const struct sl_pg_cfg *cfg)
{
        if (cfg->target == SL_PG_TARGET_DEFAULT)
                return strchr(cfg->hostname, ',') && *cfg->hostname != '/' ? "primary" : "any";
        return sl_pg_target_attrs[cfg->target];
}

PGconn *sl_pg_conn_start(const struct sl_pg_who *who, bool replication)
{
        const struct sl_pg_cfg *cfg = who->cfg;
        struct extra *x = sl_calloc(1, sizeof(*x));
        struct sl_buf host = {0}, port = {0}, options = {0};
        char app[80];
        snprintf(app, sizeof(app), "sluice:%.55s", who->connector);
        hosts(cfg, &host, &port);
        sl_buf_printf(&options, "%s%s%s", cfg->options ? cfg->options : "", cfg->options ? " " : "", session);
        x->replication = replication;
        bool usable = sl_pg_tls_open(&x->tls, cfg, &x->err) == SL_OK;
        const struct {
                const char *key, *value;
        } list[] = {{"host", sl_buf_cstr(&host)},
                    {"port", sl_buf_cstr(&port)},
                    {"user", cfg->user},
                    {"password", cfg->password},
                    {"dbname", cfg->dbname},
                    {"application_name", app},
                    {"client_encoding", "UTF8"},
                    {"options", sl_buf_cstr(&options)},
                    {"target_session_attrs", target(cfg)},
                    {"sslmode", usable ? sl_pg_sslmodes[cfg->sslmode].name : "none"}, /* refused before it connects */
                    {"sslcert", x->tls.cert},
                    {"sslkey", x->tls.key},
                    {"sslrootcert", x->tls.root},
                    {"sslpassword", x->tls.password},
                    {"channel_binding", sl_pg_channel_bindings[cfg->channel_binding]},
                    {"gssencmode", sl_pg_gss_modes[cfg->gss]},
                    {"krbsrvname", cfg->krb},
                    {"keepalives", cfg->keepalive ? "1" : "0"},
                    {"replication", replication ? "database" : NULL},
                    {NULL, NULL}};
        const char *keys[sizeof(list) / sizeof(list[0])], *values[sizeof(list) / sizeof(list[0])];
        for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
                keys[i] = list[i].key;
                values[i] = list[i].value;
        }
        PGconn *conn = PQconnectStartParams(keys, values, 0);
        if (!conn || !PQregisterEventProc(conn, on_event, "sluice", x))
                abort(); /* no memory for a few hundred bytes */
        PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
        sl_buf_free(&host);
        sl_buf_free(&port);
        sl_buf_free(&options);
        return conn;
}

/* Notices go nowhere: they are not ours to print. */
static void quiet(void *arg, const PGresult *res)
{
        (void)arg;
        (void)res;
}

/* Limits that a server, database or role may have set and older servers don't know, so that the startup packet can't name
 * them: our idle connections and long snapshots must live. */
static enum sl_rc connected(PGconn *conn, struct extra *x, struct sl_err *err)
{
        int version = PQserverVersion(conn);
        PQsetNoticeReceiver(conn, quiet, NULL);
        PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
        if (PQsetnonblocking(conn, 1) != 0)
                return sl_pg_fail(err, conn, NULL, "can't connect to Postgres");
        x->state = version < 140000 ? READY : SETTING;
        if (x->state == SETTING && !PQsendQuery(conn, version < 170000
                                                              ? "SET idle_session_timeout = 0"
                                                              : "SET idle_session_timeout = 0; SET transaction_timeout = 0"))
                return sl_pg_fail(err, conn, NULL, "can't connect to Postgres");
        return SL_OK;
}

static enum sl_rc setting(PGconn *conn, struct extra *x, short *ret_events, struct sl_err *err)
{
        int flush = PQflush(conn);
        *ret_events = (short)(POLLIN | (flush ? POLLOUT : 0));
        if (flush < 0 || !PQconsumeInput(conn))
                return sl_pg_fail(err, conn, NULL, "can't connect to Postgres");
        while (!PQisBusy(conn)) {
                sl_auto_pgresult *res = PQgetResult(conn);
                if (!res) {
                        x->state = READY;
                        return SL_OK;
                }
                if (PQresultStatus(res) == PGRES_FATAL_ERROR)
                        return sl_pg_fail(err, conn, res, "can't connect to Postgres");
        }
        return SL_OK;
}

enum sl_rc sl_pg_conn_poll(PGconn *conn, bool *ret_ready, short *ret_events, struct sl_err *err)
{
        struct extra *x = PQinstanceData(conn, on_event);
        *ret_ready = false;
        *ret_events = POLLIN;
        if (x->err.id) {
                if (err)
                        *err = x->err;
                return x->err.rc;
        }
        if (x->state == CONNECTING) {
                switch (PQstatus(conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PQconnectPoll(conn)) {
                case PGRES_POLLING_OK:
                        SL_TRY(connected(conn, x, err));
                        break;
                case PGRES_POLLING_WRITING:
                        *ret_events = POLLOUT;
                        return SL_OK;
                case PGRES_POLLING_READING:
                        return SL_OK;
                default:
                        return sl_pg_fail(err, conn, NULL, "can't connect to Postgres");
                }
        }
        if (x->state == SETTING)
                SL_TRY(setting(conn, x, ret_events, err));
        *ret_ready = x->state == READY;
        return SL_OK;
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
        if (who->deadline_ms && who->deadline_ms < deadline)
                deadline = who->deadline_ms;
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
                                     "no answer from Postgres at %s (port %d) within %d ms: check "
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

/* Creating a slot waits for every running transaction of the server, so a walsender's commands have no limit. */
static int64_t answer_until(const PGconn *conn, const struct sl_pg_who *who)
{
        const struct extra *x = PQinstanceData(conn, on_event);
        int64_t query = who->cfg->query_timeout_ms;
        int64_t until = query > 0 && !(x && x->replication) ? sl_mono_ms() + query : INT64_MAX;
        return who->deadline_ms && who->deadline_ms < until ? who->deadline_ms : until;
}

enum sl_rc sl_pg_wait_result(PGconn *conn, const struct sl_pg_who *who, struct sl_err *err)
{
        for (int64_t until = answer_until(conn, who);;) {
                int flush = PQflush(conn);
                if (flush < 0 || !PQconsumeInput(conn))
                        return sl_pg_fail(err, conn, NULL, "the connection to Postgres broke off");
                if (flush == 0 && !PQisBusy(conn))
                        return SL_OK;
                if (stopped(who))
                        return sl_fail(err, SL_E_STOPPED, "the task was asked to stop");
                if (sl_mono_ms() > until)
                        return sl_fail(err, SL_E_PG_STREAM,
                                       "Postgres did not answer a query within %s: look for locks in pg_stat_activity, or "
                                       "raise that limit",
                                       who->deadline_ms ? "connection.validation.timeout.ms" : "database.query.timeout.ms");
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
