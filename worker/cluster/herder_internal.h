/* SPDX-License-Identifier: Apache-2.0 */
/* What the herder's files share: the model and its lock. herder.c: thread, queue, start, stop. herder_lead.c: what the
 * worker does as one of several. herder_ops.c: the changes. herder_run.c: reconciling connectors with their running tasks.
 * herder_status.c: statuses and topics, ours to the topic and others' from it. herder_view.c: reads, and
 * herder_metrics.c as metrics. Only the herder's
 * thread changes the model, always under the lock (a task's thread sets its own slot's state); so that thread reads
 * without it and everyone else with it. The lock is never held while waiting for Kafka or a task. */
#ifndef SL_CLUSTER_HERDER_INTERNAL_H
#define SL_CLUSTER_HERDER_INTERNAL_H
#include <pthread.h>
#include "cluster/cluster.h"
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
        bool told; /* has said a state; the last one, kept because the slot may show another worker's for a while */
        enum sl_task_state state;
        char *trace;
        int64_t deadline; /* monotonic ms, when stopping */
        struct run *next; /* in the list of late ones */
};
/* Task number i of a connector: what is shown, and what runs. */
struct slot {
        bool known; /* has a status */
        enum sl_task_state state;
        char *trace;
        char *worker_id; /* who says so; NULL = this worker */
        int32_t generation;
        bool status_dirty; /* to be written to the status topic */
        uint64_t want;     /* version that should run */
        struct run *run;
};
struct conn {
        char *name;
        struct sl_props config; /* as stored */
        json_t *shown;          /* config as REST shows it, secrets masked; NULL = to be made. Never changed: readers share it */
        bool exists;            /* false: deleted, tasks still end */
        bool changed;           /* config or wish to restart not looked at yet */
        bool tasks_dirty;       /* task records to be written */
        enum sl_target target;
        const struct sl_source_ops *source;
        const struct sl_sink_ops *sink;
        struct sl_props resolved; /* what tasks get */
        bool usable;              /* resolved and class are good */
        char *why_not;            /* not usable: the trace that its tasks here show */
        uint32_t want_tasks;
        bool generated; /* has been started since it was made or stopped: a PAUSED one that never was has no tasks */
        bool known;        /* has a status */
        const char *state; /* "RUNNING", ... */
        char *trace;
        char *worker_id; /* who says so; NULL = this worker */
        bool status_dirty;
        struct sl_map topics; /* in use: name -> itself */
        struct slot *slots;
        uint32_t nslots, told_tasks; /* told: how many task statuses the topic may hold */
};

/* What metrics say about rebalances: one is the way from one settled state of the cluster to the next. */
struct rebalances {
        int32_t generation; /* of the last settled state; 0 = none yet */
        uint64_t version;   /* its placement's */
        int64_t began_ms;   /* monotonic; 0 = it is settled */
        int64_t ended_ms;   /* of the last one; 0 = none yet */
        uint64_t completed; /* settled states with another placement */
        int64_t total_ms, max_ms;
        char leader_url[512]; /* "" = not known */
};

/* A task has used a topic for the first time. */
struct topic_use {
        char *name, *topic;
        uint32_t task;
        struct topic_use *next;
};

struct sl_herder {
        struct sl_herder_opts opts;
        char *worker_id, *url;
        const struct sl_task_calls *tasks;
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t wake;   /* for the herder */
        pthread_cond_t answer; /* for callers */
        atomic_bool hurry;     /* stop was asked for and the loop has not seen it: what waits for Kafka gives up */
        /* under the lock */
        struct sl_map conns; /* name -> struct conn * */
        struct sl_map early, early_topics; /* statuses and uses of topics whose connector is not known here yet */
        struct sl_herder_call *head, *tail;
        struct topic_use *new_topics;
        bool ready, stop, ended, woken;
        int64_t last_tick;
        struct rebalances rebalances;
        uint64_t conns_started, conns_failed; /* times that this worker began to run a connector, or could not */
        struct sl_buf cluster_id;
        /* the herder's thread only */
        struct sl_admin *admin;
        struct sl_store *store;
        struct sl_cluster *cluster;      /* NULL: standalone */
        struct sl_herder_call *deferred; /* wait for a leader to be known */
        bool leading;                    /* in office, and the config topic is ours to write */
        int64_t office_retry;            /* not before, after a failed try to lead */
        size_t initial_done;             /* of opts.initial */
        struct run *late; /* told to stop, did not in time */
        uint64_t version;
        int64_t status_retry; /* not before, after a failed status write */
        bool all_ended;
};

/* Connect's text of a 409: somebody else leads, or has the task, by now. */
#define SL_CONFLICT_TEXT "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"

/* herder.c */
void sl_herder_wake(void *h); /* from any thread */
/* herder_lead.c; the herder's thread */
/* This worker may write what leaders write. A standalone worker always leads. */
bool sl_herder_leads(const struct sl_herder *h);
bool sl_herder_owns(const struct sl_herder *h, const struct conn *c, uint32_t task);
/* Serve the cluster: membership, office, placement. A failure is the end of this worker. */
enum sl_rc sl_herder_serve_cluster(struct sl_herder *h, struct sl_err *err);
/* Answered, sent elsewhere (target_url) or refused: false. true: go on here. *ret_defer: not now, a leader is not known. */
bool sl_herder_route(struct sl_herder *h, struct sl_herder_call *call, bool *ret_defer);
/* Nothing that was taken away runs here any more: say so. */
void sl_herder_tell_applied(struct sl_herder *h);
enum sl_rc sl_herder_check_initial(struct sl_herder *h, struct sl_err *err);
enum sl_rc sl_herder_create_initial(struct sl_herder *h, struct sl_err *err);
/* herder_ops.c */
void sl_herder_apply_config(void *arg, const char *name, const struct sl_props *config);
void sl_herder_apply_target(void *arg, const char *name, enum sl_target target);
void sl_herder_apply_restart(void *arg, const char *name, bool include_tasks, bool only_failed);
void sl_herder_apply_logger(void *arg, const char *logger, const char *level);
void sl_herder_run_call(struct sl_herder *h, struct sl_herder_call *call);
struct conn *sl_herder_find(struct sl_herder *h, const char *name); /* existing ones only */
/* herder_status.c */
void sl_herder_apply_status(void *arg, const char *name, int64_t task, const struct sl_status *status, bool live);
void sl_herder_take_early(struct sl_herder *h, struct conn *c); /* what was said of it before it was known; lock held */
void sl_early_free(void *early);
struct topic_use *sl_topic_use_free(struct topic_use *use); /* gives the next one */
void sl_herder_apply_topic(void *arg, const char *name, const char *topic, bool gone);
void sl_herder_on_topic(void *run, const char *connector, uint32_t task, const char *topic); /* a task's thread */
void sl_conn_set_state(struct conn *c, const char *state, const struct sl_err *why); /* this worker says so; lock held */
void sl_slot_set_state(struct slot *slot, enum sl_task_state state, const char *trace); /* the same */
void sl_herder_write_statuses(struct sl_herder *h); /* and topics; lock not held */
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
char *sl_conn_task_class(const struct conn *c); /* the caller's to free */
/* herder_view.c; lock held */
json_t *sl_conn_info_json(struct sl_herder *h, const struct conn *c);
json_t *sl_conn_status_json(struct sl_herder *h, const struct conn *c);
#endif
