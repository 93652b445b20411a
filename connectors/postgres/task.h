/* SPDX-License-Identifier: Apache-2.0 */
/* A running task and the modules that work on it: setup (publication, slot, start position), snapshot, backlog, stream.
 * Connections: ctl (catalog, slot position; holds the advisory lock), repl (walsender), data (snapshot), the backlog's
 * two, hb (heartbeat.action.query). */
#ifndef SL_POSTGRES_TASK_H
#define SL_POSTGRES_TASK_H
#include "api/connector.h"
#include "base/metrics.h"
#include "connectors/postgres/line.h"
#include "connectors/postgres/spool.h"

enum sl_pg_mode { SL_PG_M_SNAPSHOT, SL_PG_M_BACKLOG, SL_PG_M_STREAM, SL_PG_M_IDLE };
enum sl_pg_ctl { SL_PG_CTL_IDLE, SL_PG_CTL_ADVANCE, SL_PG_CTL_LAG, SL_PG_CTL_XMIN, SL_PG_CTL_SLOT };

/* stream.c */
struct sl_pg_stream {
        enum { SL_PG_ST_NONE, SL_PG_ST_CONNECTING, SL_PG_ST_READY, SL_PG_ST_STARTING, SL_PG_ST_COPY } state;
        /* No row is read before the slot has been looked at while it is ours: watch.c. */
        enum { SL_PG_GUARD_ASK, SL_PG_GUARD_ASKED, SL_PG_GUARD_OK } guard;
        short events; /* while connecting */
        int64_t connect_until;
        uint64_t sent_lsn; /* last feedback */
        int64_t sent_ms;
        uint64_t wal_end; /* of the last keepalive */
        bool reply;       /* the server asked for an answer */
        bool flushing;    /* output waits for the socket */
        bool far;         /* behind: read through SQL from the next commit on */
        int64_t busy_since, lag_asked_ms;
        uint32_t messages; /* since there was nothing to read */
        bool linger;       /* that was load: let some gather */
        int64_t behind_until;
        int64_t sent_us;   /* the server's clock when it sent the last message */
        uint64_t read_lsn; /* of the last message: while a transaction is streamed no commit moves the line */
        struct sl_pg_spool *spool; /* of protocol 2, once it was used; lives as long as the task */
        bool unstreamed; /* the server could not do it, or not right */
        bool block;     /* inside a block of a streamed transaction */
        bool replaying; /* its end has come: the line gets it from the spool before anything else is read */
        struct sl_pgoutput_block commit; /* of the replayed one */
};
/* backlog.c: rows taken from libpq ahead of the line, so that the server goes on while the line works. */
struct sl_pg_row {
        char *buf; /* libpq's */
        const char *msg;
        uint32_t len, size;
        uint64_t lsn;
};
enum sl_pg_leg_state {
        SL_PG_LEG_CONNECTING,
        SL_PG_LEG_SLOT,    /* copies the slot */
        SL_PG_LEG_REFUSED, /* could not */
        SL_PG_LEG_READY,   /* has nothing to do */
        SL_PG_LEG_JUMP,    /* goes to where its next step begins */
        SL_PG_LEG_DECODE,  /* the server prepares the step */
        SL_PG_LEG_COPY,    /* its rows are there */
        SL_PG_LEG_TAIL,    /* the step's end */
        SL_PG_LEG_END      /* closed */
};
struct sl_pg_leg {
        PGconn *conn;
        enum sl_pg_leg_state state;
        short events;  /* CONNECTING: what to wait for */
        char slot[64]; /* the temporary copy */
        uint64_t restart, wal; /* where the copy's decoding begins, and the end of what can be read: as of the last jump */
        bool header, trailer;
};
struct sl_pg_backlog {
        struct sl_pg_leg legs[2];
        uint32_t turn;  /* the leg whose rows are next */
        uint32_t taker; /* the leg that takes the next step */
        uint32_t asked, read; /* steps */
        uint64_t next;  /* where the next step begins */
        bool whole;     /* the step without end was asked for */
        int64_t connect_until;
        struct sl_pg_row *ring;
        uint32_t head, count, cap; /* cap is a power of two */
        size_t bytes;
        uint64_t advanced;  /* the real slot's position, as far as we know */
        uint64_t advancing; /* asked for */
        int64_t advanced_ms;
        bool off; /* not possible here (no free slot ...): stream instead */
};
/* snapplan.c, snapshot.c */
struct sl_pg_snaptable {
        struct sl_pg_relation *rel;
        const char *select;  /* snapshot.select.statement.overrides, with our columns; NULL = the table itself */
        bool partitioned;    /* COPY knows no partitioned table, only a SELECT of it */
        uint32_t parts;      /* not read to their end */
        bool begun, holds;   /* a row was emitted; held is one that waits */
        struct sl_buf held;  /* its newest row: the table's last one is told apart by what comes behind it */
};
struct sl_pg_snappart {
        struct sl_pg_snaptable *table;
        const char *from;    /* of these rows only (ONLY), a name with quotes; NULL = the table as it is */
        uint32_t first, end; /* pages: from first on, before end; 0 = open */
};
struct sl_pg_reader {
        PGconn *conn;
        const struct sl_pg_snappart *part; /* being read; NULL = between parts */
        bool copying;
        struct sl_buf row; /* what is there of the row that comes */
};
#define SL_PG_READERS_MAX 32
struct sl_pg_snapshot {
        struct sl_pg_snaptable *tables;
        uint32_t count, left; /* tables, and those not read to their end */
        struct sl_pg_snappart *parts;
        uint32_t part_count, part_cap, next; /* next: part to start */
        struct sl_pg_reader readers[SL_PG_READERS_MAX]; /* the first one's connection is the task's data */
        uint32_t reader_count, turn;
        struct sl_pg_snaptable *leaving; /* read to its end; its last row waits for what comes behind it */
        uint64_t emitted, counted;       /* rows; those in the metric */
        int64_t begin_ms, told_ms;       /* when to begin (snapshot.delay.ms); when a line was last logged */
        int64_t follow_ms;               /* when to begin streaming (streaming.delay.ms); 0 = at once */
        uint64_t lsn;                    /* of the snapshot */
        struct sl_pg_offset after;       /* where streaming starts */
        struct sl_metric *m_rows, *m_tables, *m_left;
};

/* watch.c */
struct sl_pg_watch {
        int64_t asked_ms, answered_ms, warned_ms; /* 0 = never */
        int64_t retained;                         /* bytes, at the last answer */
        double rate;                              /* how fast they grow, bytes a second */
        bool rated;
        struct sl_metric *m_status, *m_retained, *m_safe, *m_loss, *m_active, *m_oldest, *m_feedback;
};

struct sl_pg_task {
        const struct sl_pg_cfg *cfg;
        const struct sl_task_env *env;
        struct sl_pg_who who;
        const char *prefix;
        struct sl_arena arena; /* the task's life */
        bool opened;
        struct sl_pg_identity server; /* of this server; written into every offset */
        struct sl_pg_filter filter;
        struct sl_pg_types types;
        struct sl_pg_relations rels;
        struct sl_pg_emit emit;
        struct sl_pg_tx tx;
        struct sl_pg_line *line;
        PGconn *ctl, *repl, *data, *hb;
        enum sl_pg_ctl ctl_state;
        enum sl_pg_mode mode;
        struct sl_pg_stream st;
        struct sl_pg_backlog bl;
        struct sl_pg_snapshot sn;
        struct sl_pg_watch watch;
        bool only_snapshot; /* no stream follows */
        struct sl_position handed; /* last position given to the core */
        bool unacked;              /* it is not acknowledged yet */
        bool must_hand;            /* a position that can't wait: the end of a snapshot */
        int64_t handed_ms;
        uint64_t flush_lsn;   /* acknowledged: what the slot may be told */
        uint64_t wal_lsn;     /* the server's end of WAL when it was last told */
        struct sl_metric *m_lag;
        struct sl_pg_incr *incr; /* incremental.h: signals, snapshots on demand, notifications */
        int64_t heartbeat_ms; /* last heartbeat */
        bool hb_busy;
        int64_t xmin_at_ms; /* next time to ask for it */
};

/* guardrail.collections.max: how many there are, how many may be. */
#define SL_PG_GUARD_TEXT                                                                                               \
        "Guardrail limit exceeded: %u tables/collections configured for capture, but maximum allowed is %d."

/* check.c: is the server ready for this configuration? Findings go to r. */
void sl_pg_check_server(const struct sl_pg_cfg *cfg, const char *connector, struct sl_cfg_report *r);

/* setup.c: version, rights, lock, publication, slot; decides snapshot or streaming and from where. sl_pg_tables is
 * publication.c's. */
enum sl_rc sl_pg_setup(struct sl_pg_task *t, const char *offset_json, struct sl_err *err);
/* Go on from there: through SQL when far behind, else by streaming. */
enum sl_rc sl_pg_follow(struct sl_pg_task *t, const struct sl_pg_offset *off, struct sl_err *err);
/* The captured tables of the database: oid, schema, name, relkind (rows of *ret). Filtering included. */
struct sl_pg_table {
        uint32_t oid, root; /* root: oid of the partitioned table on top, or 0 */
        char kind;          /* relkind: r, p */
        const char *schema, *name;
};
enum sl_rc sl_pg_tables(PGconn *conn, const struct sl_pg_who *who, const struct sl_pg_filter *f, struct sl_arena *arena,
                        struct sl_pg_table **ret, uint32_t *ret_n, struct sl_err *err);
void sl_pg_drop_slot(struct sl_pg_task *t); /* slot.drop.on.stop; best effort */

/* snapplan.c. Fill t->sn's tables and parts. */
enum sl_rc sl_pg_snapshot_plan(struct sl_pg_task *t, struct sl_err *err);
/* snapshot.locking.mode=shared: lock the tables of the plan. */
enum sl_rc sl_pg_snapshot_lock(struct sl_pg_task *t, struct sl_err *err);
/* The COPY of one part. */
void sl_pg_snapshot_sql(const struct sl_pg_snappart *p, struct sl_buf *sql);
/* The SELECT that snapshot.select.statement.overrides.<schema.table> has for a table; NULL = none. */
const char *sl_pg_override_sql(const struct sl_pg_cfg *cfg, const char *table);
/* Cut so many pages into at most `want` ranges of at least `least` pages: their first pages (0 is the first one's) go to
 * ret_first, which has room for `want`; gives their number, 1 or more. */
uint32_t sl_pg_ranges(uint32_t pages, uint32_t want, uint32_t least, uint32_t *ret_first);
/* Connections that a snapshot may use. */
static inline uint32_t sl_pg_snapshot_readers(const struct sl_pg_cfg *cfg)
{
        return cfg->snap_threads > SL_PG_READERS_MAX ? SL_PG_READERS_MAX : (uint32_t)cfg->snap_threads;
}

/* snapshot.c. name: the exported snapshot, NULL = one of its own. All connections that read have imported it when this
 * returns: the one that exported it is free for other commands. */
enum sl_rc sl_pg_snapshot_open(struct sl_pg_task *t, const char *name, uint64_t lsn, const struct sl_pg_offset *after,
                               struct sl_err *err);
enum sl_rc sl_pg_snapshot_poll(struct sl_pg_task *t, struct sl_batch *b, bool *ret_more, struct sl_err *err);
/* The position while it is being read; false while there is none. */
bool sl_pg_snapshot_position(const struct sl_pg_task *t, struct sl_position *ret);
void sl_pg_snapshot_wait(const struct sl_pg_task *t, struct sl_wait *w);
/* Begin streaming when streaming.delay.ms is over. */
enum sl_rc sl_pg_snapshot_follow(struct sl_pg_task *t, struct sl_err *err);
void sl_pg_snapshot_close(struct sl_pg_task *t);
/* A line of COPY's text format, decoded in place: false when it is malformed. */
bool sl_pg_copy_row(char *buf, size_t len, struct sl_pg_tuple *row);

/* backlog.c */
void sl_pg_backlog_start(struct sl_pg_task *t);
enum sl_rc sl_pg_backlog_poll(struct sl_pg_task *t, struct sl_batch *b, bool *ret_more, struct sl_err *err);
enum sl_rc sl_pg_backlog_acked(struct sl_pg_task *t, struct sl_err *err);
void sl_pg_backlog_wait(const struct sl_pg_task *t, struct sl_wait *w);
void sl_pg_backlog_close(struct sl_pg_task *t);

/* stream.c */
enum sl_rc sl_pg_stream_poll(struct sl_pg_task *t, struct sl_batch *b, bool *ret_more, struct sl_err *err);
/* Status feedback when it is due. */
enum sl_rc sl_pg_stream_feedback(struct sl_pg_task *t, struct sl_err *err);
void sl_pg_stream_wait(struct sl_pg_task *t, struct sl_wait *w);
void sl_pg_stream_close(struct sl_pg_task *t);
/* Options of pgoutput, the same for both ways of reading: "name 'value', ..." or, for SQL functions, ", 'name', 'value'
 * ...". protocol: 1, or from 2 on with large transactions streamed. */
void sl_pg_stream_options(const struct sl_pg_cfg *cfg, bool sql, int protocol, struct sl_buf *out);

/* ctl.c: the control connection's queries that run beside the reading. */
enum sl_rc sl_pg_ctl_send(struct sl_pg_task *t, enum sl_pg_ctl what, const char *sql, struct sl_err *err);
/* Take the answer if it is there; *ret_wal receives the WAL's end (untouched otherwise). */
enum sl_rc sl_pg_ctl_poll(struct sl_pg_task *t, uint64_t *ret_wal, struct sl_err *err);
/* Wait for it (before the connection is used otherwise). */
enum sl_rc sl_pg_ctl_drain(struct sl_pg_task *t, struct sl_err *err);
enum sl_rc sl_pg_wal_lsn(struct sl_pg_task *t, uint64_t *ret, struct sl_err *err);
/* xmin.fetch.interval.ms: ask when it is time; waits for the first answer. */
enum sl_rc sl_pg_ctl_xmin(struct sl_pg_task *t, struct sl_err *err);

/* watch.c: what the server keeps for the slot; metrics, and a warning before it is lost. */
void sl_pg_watch_open(struct sl_pg_task *t);
/* Ask when it is due, take the answer when it is there. Never blocks. */
enum sl_rc sl_pg_watch_poll(struct sl_pg_task *t, struct sl_err *err);
void sl_pg_watch_wait(struct sl_pg_task *t, struct sl_wait *w);
/* For ctl.c: an answer. */
enum sl_rc sl_pg_watch_take(struct sl_pg_task *t, const PGresult *res, struct sl_err *err);
/* A position went to the server. */
void sl_pg_watch_feedback(struct sl_pg_task *t);
/* The walsender has the slot: *ret_good when it is known to hold everything since the line's position (a few calls later).
 * SL_E_PG_SLOT_LOST when it does not. */
enum sl_rc sl_pg_watch_guard(struct sl_pg_task *t, bool *ret_good, struct sl_err *err);
#define SL_PG_WAL_SQL                                                                                                  \
        "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END"
#endif
