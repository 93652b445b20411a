/* SPDX-License-Identifier: Apache-2.0 */
/* Records as Debezium 3.6.1 makes them: key, envelope, tombstone, headers, heartbeat, logical messages. Everything goes
 * into the batch's arena or points into the message, which the batch must then adopt. */
#ifndef SL_POSTGRES_ENVELOPE_H
#define SL_POSTGRES_ENVELOPE_H
#include "connectors/postgres/events.h"
#include "connectors/postgres/relation.h"

#define SL_PG_HEADERS 4
/* What is the same for all rows of a transaction (or of a snapshot). */
struct sl_pg_emit {
        const struct sl_pg_cfg *cfg;
        const char *prefix;
        const struct sl_schema *heartbeat_key, *heartbeat_value;
        struct sl_str heartbeat_topic;
        const struct sl_header *const *headers; /* SL_PG_HEADERS; records point at them, so they live as long as the task, also for a copy of this */
        bool skip_c, skip_u, skip_d, skip_t;
        struct sl_pg_tx *tx;           /* counts; NULL = no transaction metadata */
        struct sl_pg_relation message; /* of logical decoding messages */
        int64_t xmin;                  /* of the slot; 0 = not known */
        int64_t now_ns; /* one look at the clock for the rows of a poll (ts_ms, ts_us, ts_ns); 0 = one for each */
        /* of the transaction */
        int64_t commit_us;
        int64_t xid;          /* -1 = null */
        struct sl_str origin; /* ptr NULL = none; lives as long as the task */
        uint64_t origin_lsn;
        char sequence[40]; /* start of source.sequence: ["123"," or [null," */
        uint32_t sequence_len;
};

/* names live as long as the task; task: its number; rels: set up. */
void sl_pg_emit_init(struct sl_pg_emit *e, const struct sl_pg_relations *rels, uint32_t task, struct sl_arena *life);
/* The transaction (or snapshot) that the next rows belong to. last_commit 0 = unknown. */
void sl_pg_emit_txn(struct sl_pg_emit *e, int64_t commit_us, int64_t xid, uint64_t last_commit);
/* A decoded I, U or D of a captured relation. Adds 0 to 3 records. */
enum sl_rc sl_pg_emit_change(struct sl_pg_emit *e, struct sl_batch *b, struct sl_pg_relation *rel,
                             const struct sl_pgoutput *m, uint64_t lsn, struct sl_err *err);
/* The next message is one outside of transactions, ending at lsn: a commit point for source.sequence; no txId. */
void sl_pg_emit_point(struct sl_pg_emit *e, uint64_t lsn);
/* A decoded M. */
void sl_pg_emit_message(struct sl_pg_emit *e, struct sl_batch *b, const struct sl_pgoutput *m, uint64_t lsn);
void sl_pg_emit_truncate(struct sl_pg_emit *e, struct sl_batch *b, struct sl_pg_relation *rel, uint64_t lsn);
/* A row of a snapshot; marker: the text of source.snapshot. */
enum sl_rc sl_pg_emit_read(struct sl_pg_emit *e, struct sl_batch *b, struct sl_pg_relation *rel,
                           const struct sl_pg_tuple *row, const char *marker, uint64_t lsn, struct sl_err *err);
void sl_pg_emit_heartbeat(struct sl_pg_emit *e, struct sl_batch *b);
#endif
