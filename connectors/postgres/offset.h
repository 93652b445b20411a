/* SPDX-License-Identifier: Apache-2.0 */
/* Positions and stored offsets. A position (struct sl_position) is eight words; a stored offset is Debezium's JSON
 * object:
 *   lsn_proc, lsn, lsn_commit, txId, ts_usec, messageType               while streaming
 *   snapshot, last_snapshot_record, snapshot_completed, lsn, txId, ts_usec   after the snapshot, before the first commit
 * and keys of ours, which Debezium leaves alone:
 *   sluice_txn = "<commit lsn>/<ordinal>", both decimal, inside a transaction: so many change messages of the
 *     transaction with that commit LSN are done, and with transaction metadata its BEGIN record (0: nothing but that). At a commit both readings agree, so
 *     Debezium can go on from there.
 *   sluice_server: identity.h. */
#ifndef SL_POSTGRES_OFFSET_H
#define SL_POSTGRES_OFFSET_H
#include "connectors/postgres/identity.h"
#include "record/record.h"

/* Words of a position. */
enum {
        SL_PG_W_COMMIT,  /* commit LSN of the open transaction (BEGIN's final lsn), 0 at a boundary */
        SL_PG_W_ORDINAL, /* its change messages that are done: rows, truncations, logical messages */
        SL_PG_W_DONE,    /* end of the last finished commit (or message outside of transactions): what the slot may be
                          * told, and where to start again */
        SL_PG_W_ROW,     /* LSN of the last row */
        SL_PG_W_XID,
        SL_PG_W_TIME,  /* commit time, microseconds since 1970 */
        SL_PG_W_FLAGS, /* SL_PG_F_*, and the last message's kind << 8 */
        SL_PG_W_INCR   /* which state of the incremental snapshot belongs to it, 0 = none */
};
#define SL_PG_F_SNAPSHOT 1 /* the snapshot is complete and no commit came after it */
#define SL_PG_F_XID 2      /* the xid is known */
#define SL_PG_F_RUNNING 4  /* a snapshot is being read; after it, streaming starts at SL_PG_W_DONE */

struct sl_pg_offset {
        bool snapshot_running; /* an unfinished snapshot: begin again, but with the changes from lsn on after it */
        bool snapshot_done;    /* written after a snapshot, before the first commit */
        bool has_commit;       /* lsn_commit was there */
        uint64_t done_lsn;     /* start of streaming */
        uint64_t lsn;          /* last row */
        uint64_t xid;
        int64_t ts_us;
        uint64_t txn_lsn, ordinal; /* of sluice_txn, 0 = none */
        /* An offset that Debezium wrote inside a transaction: rows up to this LSN are done (0 = none); events at it. */
        uint64_t foreign_lsn, foreign_same;
        bool foreign_message; /* what is done there is a logical message: a row may stand behind it at the same LSN */
        uint64_t foreign_xid; /* transaction_id: the BEGIN record of that transaction is out (0 = none) */
        struct sl_pg_identity server; /* that it was read from */
};

/* server: where the position was read; one that is not known is left out. */
void sl_pg_offset_write(const struct sl_position *pos, const struct sl_pg_identity *server, struct sl_buf *out);
/* SL_E_CONFIG with what to do when the text is no offset of this connector. */
enum sl_rc sl_pg_offset_read(const char *json, struct sl_pg_offset *ret, struct sl_err *err);
#endif
