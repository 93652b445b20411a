/* SPDX-License-Identifier: Apache-2.0 */
/* Where connector configs, target states and statuses live: Connect's config and status topics in a distributed worker,
 * memory in a standalone one. Everything that changes arrives through the callbacks, whether it was written here or by
 * another process; statuses of this worker don't come back (it knows them, and what comes back may be older); those of an
 * earlier life are read at the start as UNASSIGNED. Not thread safe: the herder's thread only. Calls wait for Kafka, at most
 * SL_STORE_TIMEOUT_MS for what somebody asked for, 5 s for statuses and what a leader does by itself. */
#ifndef SL_CLUSTER_STORE_H
#define SL_CLUSTER_STORE_H
#include "cluster/workercfg.h"
#include "kafka/admin.h"

#define SL_STORE_TIMEOUT_MS 30000

enum sl_target { SL_TARGET_STARTED, SL_TARGET_PAUSED, SL_TARGET_STOPPED };

/* state NULL = forget (tombstone). */
struct sl_status {
        const char *state; /* "RUNNING" */
        const char *trace; /* NULL = none */
        const char *worker_id;
        const char *version; /* of the plugin; NULL = none */
        int32_t generation;
};

struct sl_store;
struct sl_store_opts {
        const struct sl_worker_cfg *cfg;
        struct sl_admin *admin; /* NULL: memory only */
        void (*on_config)(void *arg, const char *name, const struct sl_props *config /* NULL = deleted */);
        void (*on_target)(void *arg, const char *name, enum sl_target target);
        /* A restart was asked for, after this store was opened. */
        void (*on_restart)(void *arg, const char *name, bool include_tasks, bool only_failed);
        /* task < 0: the connector's own. live: written by another worker now, not read at the start. */
        void (*on_status)(void *arg, const char *name, int64_t task, const struct sl_status *status, bool live);
        /* A connector uses a topic; gone: not any more (reset). */
        void (*on_topic)(void *arg, const char *name, const char *topic, bool gone);
        /* A level for every worker of the cluster, as it is told; what was told before the store was opened is over. */
        void (*on_logger)(void *arg, const char *logger, const char *level);
        const char *worker_id;
        const atomic_bool *hurry; /* kafka/compact.h; NULL = never */
        void (*wake)(void *arg); /* records have arrived for sl_store_poll; from any thread, must not block. NULL = none */
        void *arg;
};
/* Opens the config topic and reads it to the end: the callbacks have told everything when this returns. */
enum sl_rc sl_store_open(const struct sl_store_opts *opts, struct sl_store **ret, struct sl_err *err);
/* Opens the status topic; separate, because nothing has to wait for it. */
enum sl_rc sl_store_open_status(struct sl_store *st, struct sl_err *err);
void sl_store_close(struct sl_store *st); /* NULL ok */
/* The leader writes the config topic through a transactional producer, connect-cluster-<group.id> as Connect's leader does: the
 * one before it is fenced. NULL-safe in memory mode. false: back to a plain producer (for target states of a worker that does not
 * lead). A write that finds itself fenced fails with SL_E_KAFKA_FENCED. */
enum sl_rc sl_store_lead(struct sl_store *st, bool lead, struct sl_err *err);
/* From now on no write waits longer than this (a worker that ends has little time). */
void sl_store_set_limit(struct sl_store *st, int timeout_ms);

/* Store a config as the user wrote it (references unresolved); NULL deletes the connector and its target state. */
enum sl_rc sl_store_put_config(struct sl_store *st, const char *name, const struct sl_props *config,
                               struct sl_err *err);
enum sl_rc sl_store_put_target(struct sl_store *st, const char *name, enum sl_target target, struct sl_err *err);
/* A logger's level, for every worker that runs now. */
enum sl_rc sl_store_put_logger(struct sl_store *st, const char *logger, const char *level, struct sl_err *err);
/* The task configs that a Java worker would start from, their commit record and for sources the number of producers that it would
 * have to fence; nothing is written when the topic has exactly these. Each task gets config plus task.class. */
enum sl_rc sl_store_put_tasks(struct sl_store *st, const char *name, uint32_t count, const struct sl_props *config,
                              const char *task_class, bool source, struct sl_err *err);
/* What the topic's commit record says; 0 = none, or in memory. */
uint32_t sl_store_task_count(const struct sl_store *st, const char *name);
/* As the record of a restart, for all workers. */
enum sl_rc sl_store_put_restart(struct sl_store *st, const char *name, bool include_tasks, bool only_failed,
                                struct sl_err *err);
struct sl_status_change {
        const char *name;
        int64_t task; /* < 0: the connector's own */
        struct sl_status status;
};
/* All or as many as could be written; a failed call is repeated by the caller. A store without status topic keeps nothing. */
enum sl_rc sl_store_put_statuses(struct sl_store *st, const struct sl_status_change *changes, uint32_t n, struct sl_err *err);
enum sl_rc sl_store_put_topic(struct sl_store *st, const char *name, uint32_t task, const char *topic, bool gone,
                              struct sl_err *err);
/* Read both topics to their ends. */
enum sl_rc sl_store_refresh(struct sl_store *st, struct sl_err *err);
/* Take what others wrote since the last call; doesn't wait. */
enum sl_rc sl_store_poll(struct sl_store *st, struct sl_err *err);
/* Make the offsets topic if it is missing (compacted, small segments so that it does compact) and refuse one with
 * another cleanup policy. */
enum sl_rc sl_store_offsets_topic(const struct sl_worker_cfg *cfg, struct sl_admin *admin, struct sl_err *err);
const char *sl_target_name(enum sl_target t); /* "STARTED", ... */
#endif
