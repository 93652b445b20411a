/* SPDX-License-Identifier: Apache-2.0 */
/* The line: (lsn, pgoutput message) pairs, streamed or read through SQL, become records and a position. It knows which
 * transactions and changes are done already (from a stored offset) and leaves them out.
 *  - A transaction whose commit starts before done_lsn was emitted before: left out whole.
 *  - resume: the first `ordinal` change messages of the transaction with commit LSN txn_lsn were emitted; the last
 * one's LSN must be the stored one, else the slot shows another history than the offset (fatal).
 *  - foreign: an offset that Debezium wrote inside a transaction counts no messages. Rows of the first transaction
 * below its LSN are left out, and one row at it (or lsn_events_processed); rows of one page share an LSN, so some may
 * come twice rather than be lost.
 * Changes are rows, truncations and logical messages, captured or not. With transaction metadata BEGIN and END records
 * come too: BEGIN is done when the position is inside of its transaction (ordinal 0: nothing but it), END when it is
 * behind. Changes that are left out inside of a transaction are made into records all the same, so that they are counted
 * as when they were emitted. A message outside of transactions is a point of its own: the position moves to its end. */
#ifndef SL_POSTGRES_LINE_H
#define SL_POSTGRES_LINE_H
#include "connectors/postgres/envelope.h"
#include "connectors/postgres/offset.h"

struct sl_pg_incr;
struct sl_pg_line {
        struct sl_pg_relations *rels;
        struct sl_pg_emit *emit;
        struct sl_arena *life;
        enum sl_rc (*before_catalog)(void *arg, struct sl_err *err); /* make the catalog connection idle */
        void *arg;
        struct sl_pg_incr *incr; /* told of transactions; NULL = nobody takes snapshots on demand */
        bool dead_letters; /* records carry their message; a change that can't be converted becomes a failed record */
        uint64_t done_lsn, last_commit; /* last_commit 0 = not known (source.sequence) */
        bool snapshot_done;             /* no commit since the snapshot */
        bool inside, skip;
        bool moved; /* since the last position was handed out */
        bool begun; /* the BEGIN record is out: the position is inside even before the first change */
        uint64_t final_lsn, ordinal, row_lsn;
        uint64_t xid;
        bool has_xid;
        int64_t commit_us;
        char op;                                /* what the position stands behind: B, a change's kind, C */
        uint64_t txn_lsn, txn_ordinal, txn_row; /* resume; txn_lsn 0 = over */
        uint64_t foreign_lsn, foreign_same;     /* foreign_lsn 0 = over */
        uint64_t foreign_xid;                   /* 0 = over, or no BEGIN record */
        bool foreign_message;
        struct sl_str origin;
        struct sl_pgoutput msg;
        struct sl_pg_datum cols[2][SL_PG_MAX_COLUMNS];
};
/* Start from a stored offset. */
void sl_pg_line_init(struct sl_pg_line *l, const struct sl_pg_offset *from);
/* The server begins again, with the first transaction whose commit ends behind done_lsn. */
void sl_pg_line_again(struct sl_pg_line *l);
/* One message. *ret_used: records point into it, so the batch must adopt it. */
enum sl_rc sl_pg_line_message(struct sl_pg_line *l, uint64_t lsn, struct sl_str msg, struct sl_batch *b, bool *ret_used,
                              struct sl_err *err);
/* What dead letters need, put into the records that a change became (those from `before` on). why: it could not be converted, so
 * one failed record stands for it; NULL = it could. */
void sl_pg_line_keep_raw(const struct sl_pg_relation *rel, uint64_t lsn, struct sl_str raw, const struct sl_err *why,
                         struct sl_batch *b, uint32_t before);
/* The server has nothing for us up to lsn: the position moves there (only at a boundary). */
void sl_pg_line_keepalive(struct sl_pg_line *l, uint64_t lsn);
/* Where the line stands; false while that can't be told yet (a resumed transaction is still being skipped). */
bool sl_pg_line_position(const struct sl_pg_line *l, struct sl_position *ret, bool *ret_boundary);
#endif
