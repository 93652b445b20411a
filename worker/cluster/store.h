/* SPDX-License-Identifier: Apache-2.0 */
/* Where connector configs, target states and statuses live: Connect's config and status topics in a distributed worker,
 * memory in a standalone one. Everything that changes arrives through the callbacks, whether it was written here or by
 * another process. Not thread safe: the herder's thread only. Calls wait for Kafka, at most SL_STORE_TIMEOUT_MS
 * (statuses 5 s). */
#ifndef SL_CLUSTER_STORE_H
#define SL_CLUSTER_STORE_H
#include "cluster/workercfg.h"
#include "kafka/admin.h"

#define SL_STORE_TIMEOUT_MS 30000

enum sl_target { SL_TARGET_STARTED, SL_TARGET_PAUSED, SL_TARGET_STOPPED };

struct sl_store;
struct sl_store_opts {
        const struct sl_worker_cfg *cfg;
        struct sl_admin *admin; /* NULL: memory only */
        void (*on_config)(void *arg, const char *name, const struct sl_props *config /* NULL = deleted */);
        void (*on_target)(void *arg, const char *name, enum sl_target target);
        void *arg;
};
/* Opens the config topic and reads it to the end: the callbacks have told everything when this returns. */
enum sl_rc sl_store_open(const struct sl_store_opts *opts, struct sl_store **ret, struct sl_err *err);
/* Opens the status topic; separate, because nothing has to wait for it. */
enum sl_rc sl_store_open_status(struct sl_store *st, struct sl_err *err);
void sl_store_close(struct sl_store *st); /* NULL ok */
/* From now on no write waits longer than this (a worker that ends has little time). */
void sl_store_set_limit(struct sl_store *st, int timeout_ms);

/* Store a config as the user wrote it (references unresolved); NULL deletes the connector and its target state. */
enum sl_rc sl_store_put_config(struct sl_store *st, const char *name, const struct sl_props *config,
                               struct sl_err *err);
enum sl_rc sl_store_put_target(struct sl_store *st, const char *name, enum sl_target target, struct sl_err *err);
/* The task configs that a Java worker would start from, and their commit record; nothing is written when the topic has
 * exactly these. Each task gets config plus task.class. */
enum sl_rc sl_store_put_tasks(struct sl_store *st, const char *name, uint32_t count, const struct sl_props *config,
                              const char *task_class, struct sl_err *err);
struct sl_status {
        const char *state; /* "RUNNING"; NULL = forget (tombstone) */
        const char *trace; /* NULL = none */
        const char *worker_id;
        const char *version; /* of the plugin; NULL = none */
};
/* task < 0: the connector's own. A store without status topic keeps nothing. */
enum sl_rc sl_store_put_status(struct sl_store *st, const char *name, int64_t task, const struct sl_status *status,
                               struct sl_err *err);
/* Take what others wrote since the last call; doesn't wait. */
enum sl_rc sl_store_poll(struct sl_store *st, struct sl_err *err);
/* Make the offsets topic if it is missing (compacted, small segments so that it does compact) and refuse one with
 * another cleanup policy. */
enum sl_rc sl_store_offsets_topic(const struct sl_worker_cfg *cfg, struct sl_admin *admin, struct sl_err *err);
const char *sl_target_name(enum sl_target t); /* "STARTED", ... */
#endif
