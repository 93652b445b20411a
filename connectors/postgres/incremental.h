/* SPDX-License-Identifier: Apache-2.0 */
/* Signals, incremental and blocking snapshots, notifications: what a running task does on demand beside streaming. All in
 * the task's thread, nothing waits for the server.
 *
 * An incremental snapshot reads a table in chunks by key, over a connection of its own, while changes go on streaming. From
 * the moment a chunk is asked for, every emitted change of the table takes its key out of the chunk; what is left of it is
 * emitted as `r` records once the stream has come past the point where the chunk was read. Two rules make this safe:
 *  - The stream must be past every commit that the chunk could see, else a row would jump back in time. With a signal table
 *    that is where the row `<chunk>-close` shows up, written after the chunk was read; with read.only it is the server's WAL
 *    position then (an LSN: it neither wraps round nor needs traffic).
 *  - The chunk must have seen every change that was emitted before it was asked for. A commit is in the WAL a little before
 *    other sessions see it, so the chunk's snapshot is compared with the transactions that the stream has passed; a chunk
 *    that missed one of them is read again. */
#ifndef SL_POSTGRES_INCREMENTAL_H
#define SL_POSTGRES_INCREMENTAL_H
#include "connectors/postgres/javaserial.h"
#include "connectors/postgres/task.h"

/* ---- notify.c ---- */
struct sl_pg_notify {
        bool sink, log;
        bool told, running; /* of the initial snapshot */
        struct sl_str topic;
        const struct sl_schema *key_schema, *value_schema;
};
struct sl_pg_pair {
        const char *key, *value;
};
#define SL_PG_INITIAL "Initial Snapshot"
#define SL_PG_INCREMENTAL "Incremental Snapshot"
void sl_pg_notify_init(struct sl_pg_task *t);
/* Is there anybody to tell? */
static inline bool sl_pg_notifies(const struct sl_pg_notify *n)
{
        return n->sink || n->log;
}
/* One notification: a record in b, a line in the log, or both. id NULL: a new one. */
void sl_pg_notify(struct sl_pg_task *t, struct sl_batch *b, const char *aggregate, const char *type, const char *id,
                  const struct sl_pg_pair *pairs, uint32_t n);
/* The initial (or a blocking) snapshot: tells that it begins, is over, or was not needed. Before and after reading. */
void sl_pg_notify_initial(struct sl_pg_task *t, struct sl_batch *b);
void sl_pg_uuid(char out[37]);

/* ---- incremental.c ---- */
struct sl_pg_collection {
        char *schema, *table, *condition, *surrogate; /* the last two "" = none */
};
struct sl_pg_state { /* of the snapshot, as offsets store it */
        uint64_t seq;
        char *json;
};
struct sl_pg_xid {
        uint32_t xid;
        uint64_t nth; /* the how-maniest transaction of the stream, 0 = empty */
};
#define SL_PG_XIDS 4096
struct sl_pg_chunk_row {
        PGresult *res; /* adopted by `rows` */
        uint32_t next; /* another row with this key, + 1 */
        bool gone;     /* a change was emitted instead */
};

struct sl_pg_incr {
        struct sl_pg_notify notify;
        /* signals */
        bool can_run, read_only, source_on, file_on;
        const char *sig_schema, *sig_table;
        int64_t file_ms; /* last look at signal.file */
        /* the snapshot */
        struct sl_pg_collection *list; /* [0] is being read */
        uint32_t count, cap;
        char *correlation;
        bool paused;
        char *last_hex, *max_hex; /* NULL = none yet */
        struct sl_str *last, *max; /* the same as texts, in `keys`; NULL = none yet */
        struct sl_arena keys;
        uint64_t scanned;
        uint64_t seq;
        bool dirty; /* the state differs from the newest in `states` */
        struct sl_pg_state *states;
        uint32_t state_count, state_cap;
        /* the table */
        struct sl_pg_relations rels;    /* our own: the stream may still be at an older shape of the table */
        struct sl_pg_relation *rel;     /* NULL = not prepared */
        uint32_t *order, order_n;       /* columns that chunks go by */
        uint32_t limit;                 /* rows a chunk: fewer when rows are wide */
        /* the chunk */
        enum {
                SL_PG_IN_IDLE,
                SL_PG_IN_CONNECTING,
                SL_PG_IN_OPEN,
                SL_PG_IN_BEGIN,
                SL_PG_IN_MAX,
                SL_PG_IN_ROWS,
                SL_PG_IN_COMMIT,
                SL_PG_IN_CLOSE,
                SL_PG_IN_WAIT,
                SL_PG_IN_DRAIN
        } state;
        PGconn *conn;
        short events;
        int64_t connect_until, retry_at;
        char id[37], opened_at[40];
        bool wiped, stale;          /* the table was truncated; the chunk must be read again */
        bool closed;                /* its watermark came along */
        bool altered;               /* read again once because a column was gone */
        struct sl_batch rows;       /* the chunk as records */
        struct sl_pg_chunk_row *info;
        uint32_t info_cap, drained;
        bool release;               /* `rows` may be reused from the next poll on */
        struct sl_map index;        /* key -> row + 1; only while a chunk waits */
        struct sl_map seen;         /* keys changed before the rows were here */
        size_t seen_bytes;
        struct sl_buf key;
        uint64_t high_lsn;          /* read.only: emitted when the stream is there */
        uint64_t close_lsn, close_commit;
        struct sl_pg_xid *xids;
        uint64_t nth, watch_nth;
        /* a blocking snapshot */
        enum { SL_PG_BLOCK_NONE, SL_PG_BLOCK_WANTED, SL_PG_BLOCK_RUNNING } blocking;
        struct sl_pg_collection *block;
        uint32_t block_count;
};

/* incctl.c. offset_json as the task's, may be NULL. Called when the line is there. */
enum sl_rc sl_pg_incr_open(struct sl_pg_task *t, const char *offset_json, struct sl_err *err);
void sl_pg_incr_close(struct sl_pg_task *t);
/* Moves the snapshot on and adds what is due to b; *ret_more: call again at once. Before the stream is read. */
enum sl_rc sl_pg_incr_poll(struct sl_pg_task *t, struct sl_batch *b, bool *ret_more, struct sl_err *err);
void sl_pg_incr_wait(struct sl_pg_task *t, struct sl_wait *w);
/* The stream has to wait: too many changes came while a chunk is being read. */
bool sl_pg_incr_holds(const struct sl_pg_task *t);
/* For a position that is handed out: the state that belongs to it. 0 = no snapshot. */
uint64_t sl_pg_incr_seq(struct sl_pg_task *t);
/* Adds that state's keys to an offset (which ends with '}'). */
void sl_pg_incr_offset(const struct sl_pg_task *t, uint64_t seq, struct sl_buf *out);
/* States before this one are not needed again. */
void sl_pg_incr_acked(struct sl_pg_task *t, uint64_t seq);
/* A begun transaction of the stream. */
static inline void sl_pg_incr_begin(struct sl_pg_incr *in, uint32_t xid)
{
        in->xids[xid % SL_PG_XIDS] = (struct sl_pg_xid){xid, ++in->nth};
}
/* A change of a watched relation, with the records it became (those from `before` on). */
enum sl_rc sl_pg_incr_change(struct sl_pg_task *t, struct sl_pg_relation *rel, uint64_t lsn, struct sl_batch *b,
                             uint32_t before, struct sl_err *err);

/* A relation of the stream was bound: is it watched? For struct sl_pg_relations; task: the task. */
void sl_pg_incr_bound(void *task, struct sl_pg_relation *rel);

/* The table is over, or must be prepared again. */
void sl_pg_incr_unwatch(struct sl_pg_task *t);
void sl_pg_incr_hang_up(struct sl_pg_incr *in); /* closes its connection */

/* ---- incctl.c ---- */
/* What signals ask for. Strings of items are taken over. condition of each item and surrogate may be "". */
void sl_pg_incr_add(struct sl_pg_task *t, struct sl_batch *b, const char *id, struct sl_pg_collection *items, uint32_t n);
/* Those of names (schema.table); n == 0: all. */
void sl_pg_incr_stop(struct sl_pg_task *t, struct sl_batch *b, const char *const *names, uint32_t n);
void sl_pg_incr_pause(struct sl_pg_task *t, struct sl_batch *b, bool pause);
/* The watermark of a chunk came along in the stream. */
void sl_pg_incr_closed(struct sl_pg_task *t, const char *id, uint64_t lsn);

/* ---- incstate.c: the snapshot's state and its form in offsets ---- */
void sl_pg_incstate_read(struct sl_pg_incr *in, const char *offset_json);
/* The first table is done (or left out). */
void sl_pg_incstate_next(struct sl_pg_incr *in);
/* Rows up to this one are emitted; texts of in->order. max: the largest key instead. */
void sl_pg_incstate_key(struct sl_pg_incr *in, const struct sl_str *texts, bool max);
/* The first table is read from its beginning. */
void sl_pg_incstate_forget(struct sl_pg_incr *in);
void sl_pg_incstate_free(struct sl_pg_incr *in);
void sl_pg_collection_free(struct sl_pg_collection *c);
/* "public.a,public.b"; free with free(). */
char *sl_pg_collections_text(const struct sl_pg_collection *c, uint32_t n);

/* ---- inctable.c: preparing a table, SQL ---- */
/* SL_OK with in->rel NULL: the table can't be read, *ret_status says why (a word of the notification). */
enum sl_rc sl_pg_inctable_prepare(struct sl_pg_task *t, const char **ret_status, struct sl_err *err);
void sl_pg_inctable_max_sql(const struct sl_pg_incr *in, struct sl_buf *out);
void sl_pg_inctable_rows_sql(const struct sl_pg_incr *in, struct sl_buf *out);
/* The name of the signal table, quoted. */
void sl_pg_inctable_signal(const struct sl_pg_incr *in, struct sl_buf *out);

/* ---- signal.c ---- */
/* A signal by its three texts. Nonsense is a warning. */
enum sl_rc sl_pg_signal(struct sl_pg_task *t, struct sl_batch *b, const char *id, const char *type, struct sl_str data,
                        struct sl_err *err);
/* A row of the signal table: the message that is in the line. */
enum sl_rc sl_pg_signal_row(struct sl_pg_task *t, uint64_t lsn, struct sl_batch *b, struct sl_err *err);
/* signal.file, when it is time to look. */
enum sl_rc sl_pg_signal_file(struct sl_pg_task *t, struct sl_batch *b, struct sl_err *err);
/* Starts the blocking snapshot that was asked for, at a commit boundary. */
enum sl_rc sl_pg_blocking_start(struct sl_pg_task *t, struct sl_err *err);
/* Is the table in the running snapshot? Always but for a blocking one, and for the signal table. */
bool sl_pg_blocking_wants(const struct sl_pg_task *t, const char *schema, const char *table);
/* The SELECT through which a blocking snapshot reads it, or NULL. */
const char *sl_pg_blocking_select(struct sl_pg_task *t, const char *schema, const char *table);
#endif
