/* SPDX-License-Identifier: Apache-2.0 */
/* What a connector is: one const struct of facts and calls, the last thing in its file, plus one line in
 * connectors/registry.c. State is `void *task`, task_size bytes, zeroed by the core; config is a struct of
 * config_size bytes filled from the table. All calls of one task come from that task's thread.
 *
 * SOURCE, call order: check? -> partition -> open -> (poll | serve | acked)* -> close
 *   The core has one poll(2) over everything; a source never blocks longer than 100 ms in poll, serve or acked
 *   (connecting and starting a snapshot in open may take longer but must watch env->stop).
 * SINK, call order: check? -> open -> assigned -> (put | flush | serve)* -> revoked -> ... -> close
 *   put and flush may block but must call env->tick at least every 100 ms (sl_http does); what takes long goes in the
 *   background: wait names what to wait for, put (also of an empty batch) moves it on, needs says what the sink wants.
 * A failed call: see err.h for what class and scope mean. Task scope transient: the core closes the task and opens it
 * again with backoff, from the stored offsets; nothing is lost because positions move only after commits. */
#ifndef SL_API_CONNECTOR_H
#define SL_API_CONNECTOR_H
#include <poll.h>
#include <stdatomic.h>
#include "base/err.h"
#include "config/cfgdef.h"
#include "record/record.h"

/* The Debezium release that is followed: its records' source.version, and the version of the classes of io.debezium. */
#define SL_DEBEZIUM_COMPATIBLE "3.6.1.Final"

/* What a task waits for when it has nothing to do. The callee adds its descriptors and lowers the timeout. */
#define SL_WAIT_MAX 40
struct sl_wait {
        struct pollfd fds[SL_WAIT_MAX];
        uint32_t count;
        int timeout_ms; /* initialised by the core; only ever lowered */
};
static inline void sl_wait_fd(struct sl_wait *w, int fd, short events)
{
        if (fd >= 0 && w->count < SL_WAIT_MAX)
                w->fds[w->count++] = (struct pollfd){.fd = fd, .events = events};
}
static inline void sl_wait_ms(struct sl_wait *w, int64_t ms)
{
        if (ms < w->timeout_ms)
                w->timeout_ms = ms < 0 ? 0 : (int)ms;
}

struct sl_tp {
        const char *topic; /* interned by the core for the life of the task: comparable by pointer */
        int32_t partition;
};

/* The topic of records that are replayed into one sink connector only: this and the connector's name. Its tasks read it beside
 * their own topics. */
#define SL_REPLAY_TOPIC "__sluice.replay."
static inline bool sl_tp_replays(struct sl_tp tp)
{
        return strncmp(tp.topic, SL_REPLAY_TOPIC, sizeof(SL_REPLAY_TOPIC) - 1) == 0;
}

struct sl_task_env {
        const char *connector; /* name */
        uint32_t task;
        const char *metric_labels;      /* connector="x",task="0" */
        const atomic_bool *stop;        /* set when the task must end */
        /* Sinks: keep the consumer alive during long work; fails with SL_E_STOPPED when the task must end. NULL for sources. */
        enum sl_rc (*tick)(void *tick_arg, struct sl_err *err);
        void *tick_arg;
        /* Sinks: report a record that can't be written (record scope). SL_OK: handled (dead letter durable, or skipped by
         * errors.tolerance=all); otherwise fail with the returned class. */
        enum sl_rc (*report)(void *report_arg, const struct sl_record *rec, const struct sl_err *why, struct sl_err *err);
        void *report_arg;
        /* Sinks: where an assigned partition ends now: the offset behind its last record. Asks a broker, for at most some seconds. */
        enum sl_rc (*topic_end)(void *end_arg, struct sl_tp tp, int64_t *ret, struct sl_err *err);
        void *end_arg;
        size_t memory_bytes; /* sinks: sluice.task.memory.bytes, of which the batch takes a quarter */
        /* Records that fail go to a dead-letter topic. Sources: fill rec->raw_value and what `origin` needs; a change that can't be
         * made into a record becomes one with rec->failed set (a copy in the batch's arena) instead of a failed poll. */
        bool dead_letters;
};

/* Adds one fact about where a record came from: a header of its dead letter. */
typedef void sl_origin_add(void *arg, const char *name, struct sl_str value);

struct sl_source_ops {
        const char *name;                 /* short name, "postgres" */
        const char *const *aliases;       /* Java class names, NULL-terminated; the first is what plugins lists show */
        const char *version;
        const struct sl_cfg_def *config;
        uint32_t config_size, task_size;
        /* Checks beyond the table (cross-field, connectivity): adds to report. May be NULL. connector: its name. */
        void (*check)(const void *cfg, const char *connector, struct sl_cfg_report *report);
        /* The source partition as compact JSON object text, e.g. {"server":"bank"}: the key of the stored offset. */
        enum sl_rc (*partition)(const void *cfg, const char *connector, struct sl_buf *out, struct sl_err *err);
        /* offset_json: the stored offset (compact JSON object), or NULL when there is none. Strings and cfg outlive the task. */
        enum sl_rc (*open)(void *task, const void *cfg, const struct sl_task_env *env, const char *offset_json,
                           struct sl_err *err);
        /* Add what can be read without blocking, until sl_batch_full; sets batch->position after the last record. An empty
         * batch is normal. *ret_more: true when calling again at once would give more (no need to wait). */
        enum sl_rc (*poll)(void *task, struct sl_batch *out, bool *ret_more, struct sl_err *err);
        /* Keep the outside alive without reading rows (status feedback, keepalives); called at least every second while the
         * core holds the line back. */
        enum sl_rc (*serve)(void *task, struct sl_err *err);
        /* Descriptors and deadlines to wait for when poll had nothing. */
        void (*wait)(void *task, struct sl_wait *w);
        /* The stored offset's value for a position, compact JSON object text. */
        enum sl_rc (*offset)(void *task, const struct sl_position *pos, struct sl_buf *out, struct sl_err *err);
        /* Everything up to pos is durable in Kafka together with its offset: the outside may forget it (LSN feedback). */
        enum sl_rc (*acked)(void *task, const struct sl_position *pos, struct sl_err *err);
        void (*close)(void *task); /* accepts a half-open task */
        /* Could the connector start from this offset, given as compact JSON by PATCH .../offsets (NULL = null: forget it)?
         * partition: compact JSON, NULL = null. Fails with the reason, which is the answer. May be NULL: all are taken. */
        enum sl_rc (*check_offset)(const void *cfg, const char *connector, const char *partition, const char *offset,
                                   struct sl_err *err);
        /* No other system keeps a position of this connector (Postgres does, in the slot): what REST says after a change. */
        bool offsets_in_kafka;
        /* The batch's boundary means that a transaction of the source ended there, and poll honours end_at_boundary:
         * transaction.boundary=connector is possible. */
        bool own_boundaries;
        /* Where a record (as poll made it) came from: table, position, format of raw_value ... Names without prefix. May be NULL.
         * Only called for records that failed. */
        void (*origin)(void *task, const struct sl_record *rec, sl_origin_add *add, void *arg);
};

struct sl_tp_offset {
        struct sl_tp tp;
        int64_t offset; /* next offset to read (last durable + 1) */
        /* What the sink wants to find again with this offset: the metadata of the group's committed offset, at most
         * SL_OFFSET_METADATA_MAX bytes. NULL = none. */
        const char *metadata;
};
#define SL_OFFSET_METADATA_MAX (4096 - 224) /* offset.metadata.max.bytes of brokers that were left as they are, without what the core adds */
/* Durable offsets, filled by a sink; arrays (and metadata) in the arena given. */
struct sl_offsets {
        struct sl_tp_offset *items;
        uint32_t count, cap;
        struct sl_arena *arena;
};
static inline void sl_offsets_add_with(struct sl_offsets *o, struct sl_tp tp, int64_t offset, const char *metadata)
{
        if (o->count == o->cap) {
                uint32_t cap = o->cap ? o->cap * 2 : 16;
                struct sl_tp_offset *items = sl_arena_alloc(o->arena, cap * sizeof(*items));
                if (o->count)
                        memcpy(items, o->items, o->count * sizeof(*items));
                o->items = items;
                o->cap = cap;
        }
        o->items[o->count++] = (struct sl_tp_offset){tp, offset, metadata};
}
static inline void sl_offsets_add(struct sl_offsets *o, struct sl_tp tp, int64_t offset)
{
        sl_offsets_add_with(o, tp, offset, NULL);
}

/* What a sink with a loop of its own gets. */
struct sl_plugins;
struct sl_loop_env {
        const char *connector; /* name */
        uint32_t task;
        const char *metric_labels;     /* connector="x",task="0" */
        const atomic_bool *stop;       /* set when the loop must end */
        const struct sl_props *worker; /* resolved worker properties: what Kafka clients are made from */
        const struct sl_props *config; /* the connector's, references resolved */
        const struct sl_plugins *plugins; /* for transforms */
        /* The proof that the task is still this worker's: before anything is taken over from a former owner. */
        enum sl_rc (*may_open)(void *arg, struct sl_err *err);
        void (*running)(void *arg); /* all is open: the task's state is RUNNING */
        void (*sleep)(void *arg, int64_t ms); /* ended early by stop */
        void *arg;
};

/* What a sink wants, for `needs`. */
#define SL_SINK_FULL 1u   /* no records for now: what it holds has to go out first */
#define SL_SINK_COMMIT 2u /* a flush and a commit at once, not in their turn */
#define SL_SINK_BUSY 4u   /* finished work is on its way to the target: worth a moment before partitions are given up */

struct sl_sink_ops {
        const char *name;
        const char *const *aliases;
        const char *version;
        const struct sl_cfg_def *config;
        uint32_t config_size, task_size;
        void (*check)(const void *cfg, const char *connector, struct sl_cfg_report *report); /* may be NULL */
        enum sl_rc (*open)(void *task, const void *cfg, const struct sl_task_env *env, struct sl_err *err);
        /* start: the offset from which each partition will be read (committed offset, or -1: the beginning), and the metadata
         * committed with it, which lives until assigned returns. */
        enum sl_rc (*assigned)(void *task, const struct sl_tp_offset *parts, uint32_t n, struct sl_err *err);
        /* Forget these partitions: drop open files, abort uploads. They will be read again by their next owner. lost: the
         * membership is gone already. Never fails. Called after a last flush when the partitions are given up in peace. */
        void (*revoked)(void *task, const struct sl_tp *parts, uint32_t n, bool lost);
        /* Records of one topic-partition each run, offsets ascending; values live until put returns. rec->topic.ptr is the
         * interned topic name. Of a record that was replayed into this connector (rec->read is set) topic, partition and offset are its
         * original's, for all that is shown; partitions and offsets of assigned, put and flush are those of sl_read_*. An empty batch is called too, at least every second (time rotation).
         * A failure that may pass (transient, batch or record scope): the same records come again until it is over. A failure of a
         * record's class (schema, business ...) without a call of env->report: the batch is put again in parts to find the
         * culprits. So a put that fails must leave a state from which its records can be put again. */
        enum sl_rc (*put)(void *task, const struct sl_batch *batch, struct sl_err *err);
        /* Add to durable the next offset of every partition that moved, or whose metadata changed, since the last call; what
         * it names must be safely in the target. closing: the task stops; finish what rules allow (S3: nothing is cut early). */
        enum sl_rc (*flush)(void *task, bool closing, struct sl_offsets *durable, struct sl_err *err);
        /* These offsets are committed, each with the metadata that the last flush gave for its partition: the partition's
         * next owner will find it. A member whose partitions were given to others can't commit, and so never hears this.
         * May be NULL. */
        void (*committed)(void *task, const struct sl_tp_offset *parts, uint32_t n);
        unsigned (*needs)(void *task); /* SL_SINK_*, asked between two calls; may be NULL: nothing */
        void (*wait)(void *task, struct sl_wait *w); /* may be NULL */
        void (*close)(void *task);
        /* What records of the topic have to fit there: text that is another one when that has changed (the columns of a table), nothing
         * when there is nothing yet. Asks the target without an open task, until env->tick fails. NULL: the target has no such thing. */
        enum sl_rc (*shape)(const void *cfg, const struct sl_task_env *env, const char *topic, struct sl_buf *ret, struct sl_err *err);
        bool offsets_in_kafka; /* as a source's: the group's offsets are all there is */
        /* Instead of all calls from open to close: a loop that reads and writes by itself, until env->stop is set (then SL_OK or
         * SL_E_STOPPED). A failure is waited out or fails the task like those of a put. No group, no topics key. */
        enum sl_rc (*run)(const void *cfg, const struct sl_loop_env *env, struct sl_err *err);
        /* With run: how many tasks there is work for, of at most max. May be NULL: max. */
        uint32_t (*task_count)(const struct sl_props *config, uint32_t max);
};
#endif
