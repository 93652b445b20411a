/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: libpq without blocking, every wait watches the task's stop flag and a deadline. Settings that change how
 * values are written are pinned in the startup packet of every connection. One place maps SQLSTATE and libpq's states
 * to error ids. */
#ifndef SL_POSTGRES_CONN_H
#define SL_POSTGRES_CONN_H
#include <libpq-fe.h>
#include <stdatomic.h>
#include "base/err.h"
#include "connectors/postgres/cfg.h"

/* Who waits: stop may be NULL (checks). */
struct sl_pg_who {
        const struct sl_pg_cfg *cfg;
        const char *connector; /* names the sessions: application_name "sluice:<connector>" */
        const atomic_bool *stop;
        int64_t deadline_ms; /* of connecting and of every query, by sl_mono_ms(); 0 = each its own (checks have one) */
};

static inline void sl_pg_clearp(PGresult **r)
{
        PQclear(*r);
}
#define sl_auto_pgresult sl_cleanup(sl_pg_clearp) PGresult

/* Start connecting; never NULL: what is wrong says sl_pg_conn_poll. replication: a walsender session. */
PGconn *sl_pg_conn_start(const struct sl_pg_who *who, bool replication);
/* Go on with it: SL_OK and *ret_ready when done, else wait for *ret_events on PQsocket. */
enum sl_rc sl_pg_conn_poll(PGconn *conn, bool *ret_ready, short *ret_events, struct sl_err *err);
/* Both, waiting up to timeout_ms; runs database.initial.statements on ordinary connections. *ret owned by the caller.
 */
enum sl_rc sl_pg_connect(const struct sl_pg_who *who, bool replication, int timeout_ms, PGconn **ret,
                         struct sl_err *err);
/* Run one query and give its (last) result; params as text. */
enum sl_rc sl_pg_query(PGconn *conn, const struct sl_pg_who *who, PGresult **ret, struct sl_err *err, const char *sql,
                       int n, const char *const *params);
/* The same for statements without an answer. */
enum sl_rc sl_pg_exec(PGconn *conn, const struct sl_pg_who *who, struct sl_err *err, const char *sql);
/* One long value makes libpq's input buffer grow (it never shrinks): rows then arrive in fewer, larger reads. Put it
 * into a query that runs before many rows are read. */
#define SL_PG_WIDEN "SELECT pg_catalog.repeat(' ', 200000)"
/* Wait until the next result can be fetched without blocking. */
enum sl_rc sl_pg_wait_result(PGconn *conn, const struct sl_pg_who *who, struct sl_err *err);
/* Sleep, but see the stop flag. */
enum sl_rc sl_pg_pause(const struct sl_pg_who *who, int ms, struct sl_err *err);
/* The error of a failed result (or, res NULL, of the connection), as an id. what: what we were doing. */
enum sl_rc sl_pg_fail(struct sl_err *err, const PGconn *conn, const PGresult *res, const char *what);

/* "pub""lication" and 'literal' with the quotes doubled; names are at most 63 bytes, out is the caller's of 256. */
const char *sl_pg_ident(char out[256], const char *name);
const char *sl_pg_quote(char out[256], const char *text);
/* "16/B374D848" <-> integer. */
const char *sl_pg_lsn_text(char out[24], uint64_t lsn);
bool sl_pg_lsn_parse(const char *text, uint64_t *ret);
#endif
