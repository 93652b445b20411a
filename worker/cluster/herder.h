/* SPDX-License-Identifier: Apache-2.0 */
/* The herder keeps what runs equal to what the store says: one thread that owns the store, the connectors and their
 * tasks. Changes (sl_herder_do) are handed to that thread and waited for; reads look at the model under a short lock,
 * so that a GET never waits for Kafka, a validation or a task that is slow to stop. The store is the only truth: a
 * change is written there and comes back through its callbacks; then the connector is reconciled: tasks that should not
 * run any more are told to stop, and new ones start when the old ones have ended. */
#ifndef SL_CLUSTER_HERDER_H
#define SL_CLUSTER_HERDER_H
#include "cluster/plugins.h"
#include "cluster/store.h"
#include "pipeline/task.h"

/* The calls of pipeline/task.h, so that tests can run without Kafka. */
struct sl_task_calls {
        struct sl_task *(*start)(const struct sl_task_opts *opts);
        void (*pause)(struct sl_task *t);
        void (*resume)(struct sl_task *t);
        void (*stop)(struct sl_task *t);
        bool (*join)(struct sl_task *t, int timeout_ms);
        void (*free)(struct sl_task *t);
        void (*forget_topics)(struct sl_task *t);
};

/* A connector that the command line names. */
struct sl_herder_initial {
        char *name;
        char *path; /* for messages */
        struct sl_props config;
        enum sl_target target;
};

struct sl_herder;
struct sl_herder_opts {
        const struct sl_worker_cfg *cfg; /* outlives the herder */
        const struct sl_plugins *plugins;
        const char *worker_id;                   /* "host:port"; copied */
        const char *url;                         /* base URL of REST as other workers reach it; copied */
        bool without_kafka;                      /* no admin client, store in memory: tests */
        const struct sl_task_calls *tasks;       /* NULL: pipeline/task.h */
        const struct sl_herder_initial *initial; /* created once the store is open; outlive the herder */
        size_t ninitial;
        /* The herder gave up starting (exit code 1, 3 or 4); from its thread. */
        void (*failed)(void *arg, int exit_code);
        void *arg;
};
/* Starts the thread; Kafka is connected to there. */
struct sl_herder *sl_herder_start(const struct sl_herder_opts *opts);
/* Stop all tasks, wait for them (task.shutdown.graceful.timeout.ms), write UNASSIGNED, end the thread. Pending and
 * later calls are answered with 503. false: a task still runs; the process must end without freeing what tasks use. */
bool sl_herder_stop(struct sl_herder *h);
void sl_herder_free(struct sl_herder *h); /* after a stop that returned true */

enum sl_herder_health { SL_HEALTH_STARTING, SL_HEALTH_OK, SL_HEALTH_STUCK };
enum sl_herder_health sl_herder_health(struct sl_herder *h);
const struct sl_herder_opts *sl_herder_options(const struct sl_herder *h);
/* "" until Kafka has been reached. Appended to out. */
void sl_herder_cluster_id(struct sl_herder *h, struct sl_buf *out);

enum sl_herder_op {
        SL_OP_PUT_CONFIG,
        SL_OP_DELETE,
        SL_OP_TARGET,
        SL_OP_RESTART,
        SL_OP_RESTART_TASK,
        SL_OP_OFFSETS_ALTER, /* PATCH .../offsets */
        SL_OP_OFFSETS_RESET, /* DELETE .../offsets */
        SL_OP_TOPICS_RESET,
        SL_OP_LOGGER,        /* name: the logger; a level for all workers of the cluster */
        SL_OP_REFRESH,       /* read the internal topics to their ends: what another worker was asked to do is seen here */
};
struct sl_herder_call {
        enum sl_herder_op op;
        const char *name;
        const struct sl_props *config;   /* PUT_CONFIG: validated by the caller */
        bool create_only;                /* PUT_CONFIG: 409 when it exists */
        bool patch;                      /* PUT_CONFIG: 404 when it does not exist */
        const enum sl_target *initial;   /* PUT_CONFIG of a new connector; NULL = STARTED */
        enum sl_target target;           /* TARGET */
        uint32_t task;                   /* RESTART_TASK */
        bool include_tasks, only_failed; /* RESTART */
        const json_t *offsets;           /* OFFSETS_ALTER: the request body's "offsets" array; checked by the callee */
        const char *level;               /* LOGGER: "DEBUG" */
        int forward;                     /* the query parameter: -1 absent, 0 false, 1 true */
        /* result */
        int status;         /* HTTP's; errors are 4xx and 5xx */
        char message[1280]; /* of an error */
        json_t *body;       /* owned by the caller; NULL = none */
        char target_url[512]; /* not "": this worker can't answer; the caller forwards the request to this base URL */
        /* the queue's */
        int64_t since; /* monotonic ms */
        bool started, done;
        struct sl_herder_call *next;
};
/* Hand the call to the herder and wait, at most 90 s. */
void sl_herder_do(struct sl_herder *h, struct sl_herder_call *call);

/* Reads; JSON owned by the caller, NULL = no such connector (or task, or status). They wait for the end of the
 * start-up, at most 90 s; false from sl_herder_wait_ready means that it did not come. */
bool sl_herder_wait_ready(struct sl_herder *h, int timeout_ms);
json_t *sl_herder_names(struct sl_herder *h);
json_t *sl_herder_info(struct sl_herder *h, const char *name);
json_t *sl_herder_status(struct sl_herder *h, const char *name);
json_t *sl_herder_tasks(struct sl_herder *h, const char *name);
json_t *sl_herder_task_status(struct sl_herder *h, const char *name, uint32_t task);
json_t *sl_herder_topics(struct sl_herder *h, const char *name);
/* The connector's offsets, asked of Kafka now: 200 with *ret (owned by the caller), else an HTTP status with the message
 * appended. */
int sl_herder_offsets(struct sl_herder *h, const char *name, json_t **ret, struct sl_buf *message);
/* The stored config with its secrets, added to out; false = no such connector. */
bool sl_herder_config(struct sl_herder *h, const char *name, struct sl_props *out);
/* The worker, its connectors, tasks and Kafka clients as Prometheus text (all that base/metrics does not hold). */
void sl_herder_metrics(struct sl_herder *h, struct sl_buf *out);
#endif
