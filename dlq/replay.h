/* SPDX-License-Identifier: Apache-2.0 */
/* Replay: which dead letters go where (the plan), and doing it exactly once. Each transaction holds records, their
 * states in the ledger and the job's record, so a kill at any point leaves either all of them or none.
 * docs/dlq-replay.md has the argument.
 * @thread one at a time. */
#ifndef SL_DLQ_REPLAY_H
#define SL_DLQ_REPLAY_H
#include "dlq/act.h"
#include "dlq/plan.h"
#include "dlq/repair.h"
#include "dlq/scan.h"

struct sl_dlq_replay_opts {
        struct sl_dlq_scan_opts
                scan;             /* topic, brokers, filter, rules; without ranges. Borrowed, as all that follows is */
        const char *target_topic; /* NULL = each record's original one */
        const char *target_connector; /* only this sink connector reads target_topic, its replay topic; NULL = any topic */
        struct sl_dlq_repair *repair; /* NULL = values go as they are */
        bool apply;
        bool force;          /* overtaken records too */
        bool keep_order;     /* a record that is left holds back younger ones of its key */
        double rate;         /* records/s; 0 = no limit */
        double rate_bytes;   /* of keys, values and headers a second; 0 = no limit */
        int64_t canary;      /* after so many records it waits canary_ms for some to come back; 0 = no */
        int64_t canary_ms;
        double max_failures; /* 0 = none; else it begins slowly, and stops when a larger part has come back */
        int64_t limit;       /* at most so many records; 0 = all */
        int64_t batch_bytes; /* the largest batch that is sent, for topics that take less than usual; 0 = as configured */
        const char *reason;  /* NULL = none given */
        void (*progress)(void *arg, uint64_t replayed);
        void *progress_arg;
};
/* The job's id is set (sl_dlq_job_id). Planned, or with apply done: then counts are those of the whole job, with what
 * an earlier run of it did. SL_E_KAFKA_FENCED: somebody else began to act on this topic. SL_E_STOPPED: stop is
 * set, or more came back than max_failures, or any of the canary; what had been done stands. Free the plan in any case. */
enum sl_rc sl_dlq_replay(const struct sl_dlq_replay_opts *opts, struct sl_dlq_job *job, struct sl_dlq_plan *plan,
                         struct sl_err *err);
/* job: as an sl_dlq_replay left it that failed. Has its last transaction arrived all the same, although its commit was
 * not answered? Then job and its plan say what was done, and a new try would be the next job of these arguments. Fences
 * as sl_dlq_replay does. */
enum sl_rc sl_dlq_replay_ended(const struct sl_dlq_replay_opts *opts, const struct sl_dlq_job *job, bool *ret,
                               struct sl_err *err);
#endif
