/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the pipeline share about one task. Not for other folders. */
#ifndef SL_PIPELINE_INTERNAL_H
#define SL_PIPELINE_INTERNAL_H
#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/metrics.h"
#include "pipeline/chain.h"
#include "pipeline/conncfg.h"
#include "pipeline/task.h"
#include "pipeline/taskstats.h"

struct sl_task {
        char *connector;
        uint32_t id;
        const struct sl_props *worker;
        struct sl_props config;
        const struct sl_source_ops *source;
        const struct sl_sink_ops *sink;
        const struct sl_plugins *plugins;
        struct sl_admin *admin;
        void (*on_state)(void *, const char *, uint32_t, enum sl_task_state, const char *);
        enum sl_rc (*may_open)(void *, struct sl_err *);
        void (*on_topic)(void *, const char *, uint32_t, const char *);
        void *on_state_arg; /* of all three */
        char *metric_labels;
        struct sl_taskstats *stats;

        pthread_t thread;
        atomic_bool stop;   /* end for good */
        atomic_bool pause;
        atomic_bool retell; /* on_topic is to be told again */
        atomic_bool halt;   /* stop || pause: what connectors watch */
        int wake_fd;        /* eventfd, written when one of them changes */
        atomic_llong halt_ms; /* since when halt is set (monotonic) */
        int64_t grace_ms;   /* how long a line may take to end well; part of task.shutdown.graceful.timeout.ms */

        pthread_mutex_t lock;
        pthread_cond_t ended_cond;
        bool ended;         /* under lock */
        bool joined;        /* owner's thread only */
};

/* @thread the task's */
void sl_task_report(struct sl_task *t, enum sl_task_state state, const struct sl_err *why /* or NULL */);
void sl_task_drain_wake(struct sl_task *t);
static inline bool sl_task_halted(const struct sl_task *t)
{
        return atomic_load_explicit(&t->halt, memory_order_relaxed);
}
/* Halted for so long that what can't be finished now is left undone. */
bool sl_task_overdue(const struct sl_task *t);
/* Was sl_task_forget_topics called since the last question? */
static inline bool sl_task_retells(struct sl_task *t)
{
        return atomic_load_explicit(&t->retell, memory_order_relaxed) && atomic_exchange(&t->retell, false);
}
/* Sleep that a stop or pause ends. */
void sl_task_sleep(struct sl_task *t, int64_t ms);
/* Where a failure happened, for its trace; the first to know wins. */
static inline enum sl_rc sl_in_stage(enum sl_rc rc, enum sl_stage stage, struct sl_err *err)
{
        if (sl_unlikely(rc != SL_OK) && err->stage == SL_STAGE_NONE)
                err->stage = stage;
        return rc;
}
/* Parse the common keys and the connector's own table; config structs live in arena. */
enum sl_rc sl_task_parse(struct sl_task *t, const struct sl_cfg_def *common_defs, const struct sl_cfg_def *own_defs,
                         uint32_t own_size, struct sl_arena *arena, struct sl_conn_cfg *ret_common, void **ret_own,
                         struct sl_err *err);
/* group.id of the worker, or a fixed name for standalone workers. */
const char *sl_task_group(const struct sl_task *t);

/* The lines. Return SL_OK when halted in peace; any failure otherwise, with everything closed. opened: set once the line is up
 * (resets the restart backoff). @thread the task's */
enum sl_rc sl_source_run(struct sl_task *t, bool *opened, struct sl_err *err);
enum sl_rc sl_sink_run(struct sl_task *t, bool *opened, struct sl_err *err);
/* A sink's own loop (ops->run). */
enum sl_rc sl_loop_run(struct sl_task *t, bool *opened, struct sl_err *err);

/* The stored offset of (connector, partition_json), newest wins; *ret_found false when there is none or a tombstone. own_topic: the
 * connector's offsets.storage.topic or NULL: its offset wins over the one in the worker's topic. admin: of the connector's cluster. */
enum sl_rc sl_offset_load(struct sl_task *t, struct sl_admin *admin, const char *own_topic, struct sl_str partition_json,
                          struct sl_buf *ret, bool *ret_found, struct sl_err *err);
const char *sl_offset_topic(const struct sl_props *worker);
#endif
