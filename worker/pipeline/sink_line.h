/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the sink line share: sink_task.c has the line, sink_doubt.c how it finds records that kill the process.
 * Not for others. */
#ifndef SL_PIPELINE_SINK_LINE_H
#define SL_PIPELINE_SINK_LINE_H
#include "base/map.h"
#include "kafka/consumer.h"
#include "pipeline/doubt.h"
#include "pipeline/errpolicy.h"
#include "pipeline/internal.h"

/* What we know of one assigned partition. Offsets are "next to read"; 0 = nothing yet. */
struct part {
        struct sl_tp tp;
        int64_t consumed;  /* taken from Kafka */
        int64_t put;       /* handed to the sink */
        int64_t durable;   /* the sink said so */
        int64_t committed; /* in the group */
        char *metadata;    /* to be committed with durable; NULL = none */
        bool metadata_new; /* it is not in the group yet */
        bool met;          /* its topic is in line.seen */
        struct sl_doubt doubt, found; /* to be committed in front of the metadata; as it was when we came */
        bool marked, stale;           /* the group has one; it has another one than this */
        bool opened;                  /* that we are here is in it, or need not be */
        bool based;                   /* an offset was committed before */
        int64_t opened_at, opened_ms; /* committed offset and time then */
        bool foreign;      /* another connector's replay topic, which topics.regex took: nothing of it is for us */
};

struct line {
        struct sl_task *t;
        struct sl_arena arena;
        struct sl_conn_cfg common;
        void *cfg, *sink;
        bool sink_open;
        struct sl_task_env env;
        struct sl_chain *chain;
        struct sl_codec codec;
        struct sl_errpolicy *policy;
        struct sl_consumer *consumer;
        struct sl_record *rest; /* of the batch: behind the part that is worked on */
        uint32_t rest_count;
        bool doubtful; /* some partition is to be read with care, or marked */
        bool at_work;  /* records are decoded, transformed or put: part.put names some that have not passed yet */
        struct sl_batch batch, idle; /* idle: what comes while partitions are paused: nothing */
        uint32_t rebalances;
        struct sl_map seen; /* topics read, names only */
        unsigned seed;
        struct sl_arena offsets_arena;
        struct part *parts;
        uint32_t part_count, part_cap;
        int64_t flushed_ms, put_ms, commit_failing_ms, polled_ms;
        int64_t newest_ms; /* timestamp of the last record read */
        int64_t full_ms;   /* since when the sink is full, 0 = it is not */
        bool held;         /* partitions are paused because of that */
        struct sl_buf replay_topic; /* name; "" = switched off */
        int64_t replay_look_ms;
        bool replay_read, replay_parts; /* subscribed to; there were partitions of such a topic */
        int64_t put_pause; /* before the next try of a put that failed; 0 = none has */
        struct sl_err pending; /* an error inside a rebalance callback, raised by the next loop */
        struct sl_metric *m_read, *m_put, *m_commits, *m_lag;
};

/* NULL = it is not ours (any more). */
struct part *sl_line_part(const struct line *l, const char *topic, int32_t partition);
/* Commit what may be, and marks that are stale. */
enum sl_rc sl_line_commit(struct line *l, struct sl_err *err);
/* Decode, transform and put the batch. */
enum sl_rc sl_line_work(struct line *l, struct sl_err *err);

/* sink_doubt.c */
/* A partition came, with this offset (-1 = none) and metadata: returns what of that is the sink's. */
const char *sl_doubt_assigned(struct line *l, struct part *p, int64_t offset, const char *metadata);
/* sl_line_work, but what is worked on stands in the group meanwhile, as far as there is reason for it. */
enum sl_rc sl_doubt_round(struct line *l, struct sl_err *err);
/* This record killed each process that tried it: resolve it as failed. */
enum sl_rc sl_doubt_resolve(struct line *l, struct sl_record *rec, struct sl_err *err);
/* About once a second: forget what has proved to be no reason. */
void sl_doubt_serve(struct line *l);
/* Partitions are given up by a process that lives: whatever comes, it is no sign of a record that kills. Before the last commit. */
void sl_doubt_goodbye(struct line *l, const struct sl_tp *parts, uint32_t n);
/* ... of a line that failed and commits nothing more: only the marks. */
void sl_doubt_withdraw(struct line *l);
/* The line waits for something: what it works on has not killed it. */
void sl_doubt_alive(struct line *l);
#endif
