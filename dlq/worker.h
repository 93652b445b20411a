/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the dead-letter connector share (worker*.c): a task, its dead-letter topics, what they wait for. Not for others.
 * @thread the task's. */
#ifndef SL_DLQ_WORKER_H
#define SL_DLQ_WORKER_H
#include "api/plugin.h"
#include "base/metrics.h"
#include "dlq/act.h"
#include "dlq/aside.h"
#include "dlq/assist.h"
#include "dlq/growth.h"
#include "dlq/internal.h"
#include "dlq/opts.h"
#include "dlq/poison.h"
#include "dlq/policy.h"
#include "dlq/rules.h"
#include "dlq/scan.h"
#include "dlq/waiting.h"

#define SL_DLQ_CLASSES (SL_UNKNOWN + 1)
#define SL_DLQ_ASK_MS 15000

struct sl_dlq_worker_cfg {
        struct sl_cfg_list topics;
        const char *rules_file, *connect, *quarantine_topic, *ledger_topic, *audit_topic;
        const char *user_info, *bearer_token; /* of the registry; read from the config itself */
        struct sl_retry_policy retry[SL_DLQ_CLASSES];
        struct sl_breaker_rule breaker;
        int64_t poll_ms, signal_ms, target_ms, operator_ms;
};

/* Something that is waited for: a schema's id in the registry, a new version of a subject, or a sink's table that changes. */
struct sl_dlq_signal {
        char *subject;   /* CONNECTOR\nTOPIC: what records of the topic have to fit in that sink's target; NULL: an id */
        int32_t id;
        bool there;      /* an id that the registry has: for ever */
        bool known;      /* the subject was asked for once */
        int64_t version; /* the newest that was seen; 0 = the registry does not know the subject. A target's shape (assist.h) */
        int64_t at_ms;   /* when it was seen first, of a target a little later: who was seen before goes back; 0 = before anybody looked */
        int64_t ask_ms;  /* not before; monotonic */
        uint32_t waiters;
        struct sl_dlq_topic *of; /* whose assistant asks for a target; NULL: it is none, or no letter has asked for it yet */
};
#define SL_DLQ_SIGNALS_MAX 1000
#define SL_DLQ_NO_SIGNAL UINT16_MAX /* there is nobody to ask: it never comes */

/* A rule's repair, made at its first use. */
struct sl_dlq_mend {
        struct sl_dlq_opts opts;
        struct sl_conn_cfg common; /* of the chain */
        struct sl_chain *chain;
        struct sl_dlq_repair *repair;
};

/* A topic where letters are sent to. */
struct sl_dlq_goal {
        int32_t partitions; /* 0 = there is no such topic */
        bool compacted;
        int64_t room; /* max.message.bytes; INT64_MAX = nobody says */
        int64_t asked_ms;
        struct sl_growth growth; /* of records that don't lie where their keys belong now */
        int32_t then;            /* partitions when they failed; 0 = as many as now, as far as anybody knows */
        uint32_t told;           /* of growth.seen, when it was asked last */
        int64_t told_ms;
        struct sl_breaker breaker;
        uint32_t returned; /* of the pass, counted when that is seen as a whole */
        struct sl_metric *open;
        char *name, *labels;
};

enum sl_dlq_stat { SL_DLQ_RETRIED, SL_DLQ_REPAIRED, SL_DLQ_PUT_ASIDE, SL_DLQ_THROWN_AWAY, SL_DLQ_STATS_COUNT };
/* What was done in the open transaction: the audit topic's with it, the metrics' behind it. */
struct sl_dlq_done {
        uint64_t by[SL_DLQ_STATS_COUNT][SL_DLQ_CLASSES];
        uint64_t duplicates, obsolete;
        uint64_t *rules; /* uses by rule's number */
};
struct sl_dlq_topic_stats {
        char *labels, *class_labels[SL_DLQ_CLASSES];
        struct sl_metric *open[SL_DLQ_CLASSES], *done[SL_DLQ_STATS_COUNT][SL_DLQ_CLASSES];
        struct sl_metric *oldest, *left, *fingerprints, *waiting, *standing_back;
        struct sl_dlq_age {
                int64_t minute;
                uint64_t count;
        } *ages; /* of open letters, ascending */
        size_t age_count, age_cap;
        int64_t keeps_ms; /* retention.ms; -1 = for ever */
        int64_t asked_ms;
        int64_t counts[SL_DLQ_CLASSES];
};

struct sl_dlq_worker;
struct sl_dlq_topic {
        struct sl_dlq_worker *w;
        const char *name;
        struct sl_dlq_act *act; /* NULL: not opened, or it stands back */
        struct sl_dlq_ledger *ledger;
        struct sl_poison poison;
        int64_t opened_ms; /* monotonic */
        struct sl_dlq_aside *aside; /* made at the first use */
        int64_t open_at_ms;         /* when to try; wall clock */
        struct sl_reader_part *parts; /* begin: what was not read yet, -1 = nothing was */
        uint32_t part_count;
        struct sl_seen seen;
        bool fresh; /* no connector has seen the topic before */
        bool dirty; /* the ledger's record does not say all that was seen */
        struct sl_waiting waiting;
        struct sl_idset taken;        /* identities of letters that were replayed, quarantined ... */
        struct sl_idset fingerprints;
        struct sl_dlq_assist *assist; /* NULL: nobody lends, or was not asked yet */
        int64_t lent_ms;              /* when it was asked who lends; monotonic, 0 = never */
        bool lent;                    /* somebody does */
        uint64_t lost;                /* letters of the pass that have no origin */
        int64_t look_ms;              /* monotonic: not before is looked for new ones */
        struct sl_map goals;          /* topic -> struct sl_dlq_goal */
        struct sl_dlq_done done;
        struct sl_dlq_topic_stats stats;
        bool committed; /* since the last look at the ledger: nobody else has acted */
        int64_t looked_ms, ledger_end;
};

struct sl_dlq_worker {
        const struct sl_dlq_worker_cfg *cfg;
        const struct sl_loop_env *env;
        struct sl_props client; /* the worker's properties, and what dlq code looks for in them */
        struct sl_kafka_cfg kafka;
        struct sl_admin *admin;
        struct sl_dlq_decode *decode; /* NULL = no registry */
        struct sl_dlq_rules *rules;   /* NULL = none */
        struct sl_dlq_mend *mends;    /* by rule's number */
        uint32_t rule_count;
        const struct sl_dlq_assist_ops *assist; /* NULL: none */
        struct sl_metric **rule_uses;
        char **rule_labels;
        char stamp[64]; /* of the rules file */
        struct sl_dlq_topic *topics;
        uint32_t topic_count;
        struct sl_dlq_signal *signals;
        uint32_t signal_count, signal_next;
        int64_t signal_at_ms;
        struct sl_budget budgets[SL_DLQ_CLASSES];
        struct sl_arena arena; /* of one record */
};

/* ---- worker_topic.c ---- */

/* What is to become of a letter. */
struct sl_dlq_fate {
        enum { SL_FATE_LEAVE, SL_FATE_RETRY, SL_FATE_QUARANTINE, SL_FATE_DISCARD } what;
        struct sl_wait_entry wait;
        uint32_t attempts; /* retries so far */
        int64_t first_ms;
        const char *why; /* static, or a rule's id */
};
void sl_dlq_topic_decide(struct sl_dlq_topic *t, const struct sl_dlq_item *it, int64_t seen_ms, int64_t now_ms,
                         struct sl_dlq_fate *ret);
/* Open it if its time has come, and nobody else acts; then take what is new and do what is due. What fences us makes it stand back.
 * *ret_more: there is more to do at once. */
enum sl_rc sl_dlq_topic_turn(struct sl_dlq_topic *t, bool *ret_more, struct sl_err *err);
/* Everything is to be decided anew. */
void sl_dlq_topic_again(struct sl_dlq_topic *t);
/* Commit what is open, with the record of what was seen and an audit entry. */
enum sl_rc sl_dlq_topic_commit(struct sl_dlq_topic *t, struct sl_err *err);
void sl_dlq_topic_free(struct sl_dlq_topic *t);
/* The goal of this name, made at the first time. */
struct sl_dlq_goal *sl_dlq_topic_goal(struct sl_dlq_topic *t, struct sl_str topic);
/* Look who lends, if it was not looked at for a while. */
void sl_dlq_topic_lenders(struct sl_dlq_topic *t);
void sl_dlq_topic_scan_opts(struct sl_dlq_topic *t, struct sl_dlq_scan_opts *ret);

/* ---- worker_record.c ---- */

/* What the ledger has, into the topic and its task. */
enum sl_rc sl_dlq_record_load(struct sl_dlq_topic *t, struct sl_err *err);
/* Into the ledger, with the transaction that is committed next. */
void sl_dlq_record_put(struct sl_dlq_topic *t);

/* ---- worker_send.c ---- */

/* Do what is due, at most some thousand letters. *ret_more: there is more. */
enum sl_rc sl_dlq_topic_due(struct sl_dlq_topic *t, bool *ret_more, struct sl_err *err);

/* ---- worker_signals.c ---- */

/* What a letter has to wait for: 0 = nothing any more, SL_DLQ_NO_SIGNAL = something that can't be asked for. */
uint16_t sl_dlq_signal_of(struct sl_dlq_topic *t, const struct sl_dlq_item *it, int64_t seen_ms);
/* Ask the registry and targets, if it is time; who waited for what has come waits no more. */
void sl_dlq_signals_poll(struct sl_dlq_worker *w);
json_t *sl_dlq_signals_json(const struct sl_dlq_worker *w);
void sl_dlq_signals_load(struct sl_dlq_worker *w, const json_t *obj);
void sl_dlq_signals_free(struct sl_dlq_worker *w);

/* ---- worker_stats.c ---- */

void sl_dlq_stats_open(struct sl_dlq_topic *t);
void sl_dlq_stats_close(struct sl_dlq_topic *t);
/* An open letter more (by 1), or less (by -1) when what closes it is committed. */
void sl_dlq_stats_letter(struct sl_dlq_topic *t, enum sl_rc class, int64_t timestamp_ms, int by);
void sl_dlq_stats_reset(struct sl_dlq_topic *t);
/* What was done in the transaction so far. */
uint64_t sl_dlq_stats_done(const struct sl_dlq_topic *t, enum sl_dlq_stat stat);
/* The transaction is committed: now it counts, and begins anew. */
void sl_dlq_stats_commit(struct sl_dlq_topic *t);
/* What is worked out now and then: ages, what retention leaves. */
void sl_dlq_stats_tick(struct sl_dlq_topic *t);
#endif
