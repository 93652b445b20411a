/* SPDX-License-Identifier: Apache-2.0 */
/* A task: one thread that runs the source line (source_task.c) or the sink line (sink_task.c) of a connector.
 * The owner (cluster/herder) starts, pauses, resumes, stops and frees it; the task reports its state through on_state.
 * @thread all functions: the owner's, serialised by the owner. on_state is called from the task's thread. */
#ifndef SL_PIPELINE_TASK_H
#define SL_PIPELINE_TASK_H
#include "api/connector.h"
#include "config/props.h"
#include "kafka/admin.h"

/* The states of Connect's status topic that a task can report. RESTARTING: a transient failure is being waited out
 * (backoff, then opened again from the stored offsets); the trace says which. */
enum sl_task_state { SL_TASK_UNASSIGNED, SL_TASK_RUNNING, SL_TASK_PAUSED, SL_TASK_FAILED, SL_TASK_RESTARTING, SL_TASK_STOPPED };
const char *sl_task_state_name(enum sl_task_state s);

struct sl_plugins;
struct sl_task;
struct sl_task_opts {
        const char *connector;             /* name; copied */
        uint32_t id;
        const struct sl_props *worker;     /* resolved worker properties; must outlive the task */
        const struct sl_props *config;     /* connector config, references resolved; copied */
        const struct sl_source_ops *source; /* exactly one of the two */
        const struct sl_sink_ops *sink;
        const struct sl_plugins *plugins;  /* for transforms and predicates; must outlive the task */
        struct sl_admin *admin;            /* borrowed */
        bool paused;                       /* start in PAUSED: connected to nothing */
        void (*on_state)(void *arg, const char *connector, uint32_t id, enum sl_task_state state, const char *trace /* or NULL */);
        /* Asked from the task's thread before a line opens (each time: first start, restart after a failure). A failure of
         * class transient is waited out like one of the line; it means "this worker can't prove that the task is still its own", so
         * that a process that was frozen does not fence its successor. NULL = always. */
        enum sl_rc (*may_open)(void *arg, struct sl_err *err);
        /* The first time this task's line used a topic (sources: wrote to it, after transforms; sinks: consumed from it). From the
         * task's thread, once a topic and line, and once more after sl_task_forget_topics. NULL = not wanted. */
        void (*on_topic)(void *arg, const char *connector, uint32_t id, const char *topic);
        void *arg;
};
/* Starts the thread. Config errors show as FAILED through on_state, not here. */
struct sl_task *sl_task_start(const struct sl_task_opts *opts);
void sl_task_pause(struct sl_task *t);
void sl_task_resume(struct sl_task *t);
/* Tell on_topic again of every topic that is used from now on. @thread any */
void sl_task_forget_topics(struct sl_task *t);
/* Ask it to end gracefully: sources finish at a commit boundary, sinks flush what is due and commit. Returns at once. */
void sl_task_stop(struct sl_task *t);
/* Wait for the end, at most timeout_ms; false if it still runs (call again, or leave it). */
bool sl_task_join(struct sl_task *t, int timeout_ms);
/* After a successful join. */
void sl_task_free(struct sl_task *t);

/* Worker-level names that both lines and the herder need. */
#define SL_OFFSET_TOPIC_KEY "offset.storage.topic"
#define SL_OFFSET_TOPIC_STANDALONE "connect-offsets" /* default when a standalone worker does not say */
#define SL_GROUP_STANDALONE "sluice-standalone"      /* stands for group.id in a standalone worker's transactional ids */
/* The key of a source offset in the offsets topic: ["<connector>",<partition json>]. Appended to out. */
void sl_offset_key(const char *connector, struct sl_str partition_json, struct sl_buf *out);
#endif
