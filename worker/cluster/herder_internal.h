/* SPDX-License-Identifier: Apache-2.0 */
/* What the herder's files share: the model and its lock. herder.c: thread, queue, start, stop. herder_ops.c: the
 * changes. herder_run.c: reconciling connectors with their running tasks. herder_view.c: reads. Only the herder's
 * thread changes the model, always under the lock (a task's thread sets its own slot's state); so that thread reads
 * without it and everyone else with it. The lock is never held while waiting for Kafka or a task. */
#ifndef SL_CLUSTER_HERDER_INTERNAL_H
#define SL_CLUSTER_HERDER_INTERNAL_H
#include <pthread.h>
#include "cluster/herder.h"

struct conn;
/* A task that was started and has not been joined. */
struct run {
        struct sl_herder *h;
        struct sl_task *task;
        struct conn *conn; /* NULL once nobody listens to it any more */
        uint32_t id;
        uint64_t version; /* the slot's at start */
        bool paused, stopping;
        int64_t deadline; /* monotonic ms, when stopping */
        struct run *next; /* in the list of late ones */
};
/* Task number i of a connector: what is shown, and what runs. */
struct slot {
        bool known; /* has a status */
        enum sl_task_state state;
        char *trace;
        bool status_dirty; /* to be written to the status topic */
        uint64_t want;     /* version that should run */
        struct run *run;
};
struct conn {
        char *name;
        struct sl_props config; /* as stored */
        bool exists;            /* false: deleted, tasks still end */
        bool changed;           /* config or wish to restart not looked at yet */
        bool tasks_dirty;       /* task records to be written */
        enum sl_target target;
        const struct sl_source_ops *source;
        const struct sl_sink_ops *sink;
        struct sl_props resolved; /* what tasks get */
        bool usable;              /* resolved and class are good */
        uint32_t want_tasks;
        const char *state; /* "RUNNING", ... */
        char *trace;
        bool status_dirty;
        struct slot *slots;
        uint32_t nslots, told_tasks; /* told: how many task statuses the topic may hold */
};

struct sl_herder {
        struct sl_herder_opts opts;
        char *worker_id;
        const struct sl_task_calls *tasks;
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t wake;   /* for the herder */
        pthread_cond_t answer; /* for callers */
        /* under the lock */
        struct sl_map conns; /* name -> struct conn * */
        struct sl_herder_call *head, *tail;
        bool ready, stop, ended, woken;
        int64_t last_tick;
        struct sl_buf cluster_id;
        /* the herder's thread only */
        struct sl_admin *admin;
        struct sl_store *store;
        struct run *late; /* told to stop, did not in time */
        uint64_t version;
        int64_t status_retry; /* not before, after a failed status write */
        bool all_ended;
};

/* herder_ops.c */
void sl_herder_apply_config(void *arg, const char *name, const struct sl_props *config);
void sl_herder_apply_target(void *arg, const char *name, enum sl_target target);
void sl_herder_run_call(struct sl_herder *h, struct sl_herder_call *call);
struct conn *sl_herder_find(struct sl_herder *h, const char *name); /* existing ones only */
/* herder_offsets.c: PATCH and DELETE of a connector's offsets */
void sl_herder_run_offsets(struct sl_herder *h, struct sl_herder_call *call);
/* herder_run.c */
/* Bring one connector, or all, nearer to what is wanted; true while something is still ending. Lock held by the caller.
 */
bool sl_herder_reconcile(struct sl_herder *h, struct conn *c);
bool sl_herder_reconcile_all(struct sl_herder *h);
/* Write what changed to the status and config topics. Lock not held. */
void sl_herder_flush(struct sl_herder *h);
void sl_herder_stop_tasks(struct sl_herder *h);
void sl_herder_restart_slot(struct sl_herder *h, struct conn *c, struct slot *slot); /* lock held */
void sl_conn_free(void *conn);
/* herder_view.c; lock held */
json_t *sl_conn_info_json(struct sl_herder *h, const struct conn *c);
json_t *sl_conn_status_json(struct sl_herder *h, const struct conn *c);
#endif
