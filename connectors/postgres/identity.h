/* SPDX-License-Identifier: Apache-2.0 */
/* Which server wrote a stored offset: the cluster's system identifier (made by initdb, kept by its standbys and its
 * backups) and the timeline (a new one with every promotion and point-in-time recovery). LSNs of another system mean
 * nothing here, and those of another timeline only up to the point where the histories part.
 * A stored offset has it as sluice_server = "<system identifier>/<timeline>", both decimal; offsets of Debezium have
 * none and are taken as they are. Facts: PostgreSQL's replication protocol, IDENTIFY_SYSTEM and TIMELINE_HISTORY. */
#ifndef SL_POSTGRES_IDENTITY_H
#define SL_POSTGRES_IDENTITY_H
#include "connectors/postgres/conn.h"

struct sl_pg_identity {
        char system[24]; /* "" = not known */
        uint32_t timeline;
};

/* Ask the server. repl: an idle walsender session. */
enum sl_rc sl_pg_identity_read(PGconn *repl, const struct sl_pg_who *who, struct sl_pg_identity *ret, struct sl_err *err);
/* Is lsn, which was read from server `then`, a place in the history of server `now`? SL_OK when it is, and when one of
 * them is not known; else SL_E_PG_SLOT_LOST with what happened and what to do. repl: an idle walsender session of `now`. */
enum sl_rc sl_pg_identity_check(PGconn *repl, const struct sl_pg_who *who, const struct sl_pg_identity *then,
                                const struct sl_pg_identity *now, uint64_t lsn, struct sl_err *err);
/* Where the history of a timeline left `timeline`: text is what TIMELINE_HISTORY gave. false: it never was on it. */
bool sl_pg_identity_left(const char *text, uint32_t timeline, uint64_t *ret_lsn);

/* "<system identifier>/<timeline>"; parse is false when the text is something else. */
void sl_pg_identity_write(const struct sl_pg_identity *id, struct sl_buf *out);
bool sl_pg_identity_parse(const char *text, struct sl_pg_identity *ret);
#endif
