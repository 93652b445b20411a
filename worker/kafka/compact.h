/* SPDX-License-Identifier: Apache-2.0 */
/* A key-value store in a compacted topic: Connect's config, offset and status topics. Reads to the end at open, then on
 * refresh; every record goes to `apply` in log order (latest wins; value NULL = tombstone). Keys and values are bytes.
 * The owner serialises calls (one thread, or a lock). Reads are read_committed, up to the high watermark that read_uncommitted
 * ListOffsets gives: a refresh therefore waits for open transactions before that point (at most timeout). */
#ifndef SL_KAFKA_COMPACT_H
#define SL_KAFKA_COMPACT_H
#include <stdatomic.h>
#include "kafka/admin.h"
#include "kafka/client.h"

struct sl_compact;
struct sl_compact_opts {
        struct sl_kafka_cfg cfg;  /* borrowed for the life of the store, as admin is */
        struct sl_admin *admin;
        const char *topic;
        int32_t partitions;       /* when the topic has to be made */
        int32_t replication;
        const char *const *topic_config; /* extra key, value, NULL; cleanup.policy=compact is always set */
        const char *key_filter;   /* non-NULL: read only the partition this key lives in (murmur2, Java's partitioner) */
        const char *role;         /* worker key for messages: "offset.storage.topic" */
        void (*apply)(void *arg, struct sl_str key, struct sl_str value /* ptr NULL = tombstone */, int64_t offset);
        void *apply_arg;
        /* There may be records for sl_compact_poll. From one of librdkafka's threads: must not block or call back. May be NULL. */
        void (*wake)(void *arg);
        void *wake_arg;
        /* While it is set, calls that wait give up as if their time were over (within about 3 s): the process wants to end. May be
         * NULL. */
        const atomic_bool *hurry;
};
/* Makes the topic if it is missing, checks cleanup.policy=compact (Connect's sentence if not), reads all. Brokers that are away
 * or just starting are waited for. */
enum sl_rc sl_compact_open(const struct sl_compact_opts *opts, int timeout_ms, struct sl_compact **ret, struct sl_err *err);
/* Write one record, wait until it is stored, and read it back (apply is called). value.ptr NULL = tombstone. */
enum sl_rc sl_compact_put(struct sl_compact *c, struct sl_str key, struct sl_str value, int timeout_ms, struct sl_err *err);
/* The same without reading it back, for who must not wait for the open transaction of another: it comes with a later poll. */
enum sl_rc sl_compact_write(struct sl_compact *c, struct sl_str key, struct sl_str value, int timeout_ms, struct sl_err *err);
struct sl_compact_record {
        struct sl_str key, value; /* value.ptr NULL = tombstone */
};
/* The same for several records with one wait; in one transaction when the store is fenced (all or none). */
enum sl_rc sl_compact_put_all(struct sl_compact *c, const struct sl_compact_record *records, uint32_t n, int timeout_ms,
                              struct sl_err *err);
/* From now on write through a transactional producer with this id: fences whoever wrote with it before and ends its
 * transaction; refresh to see what it had written. NULL: plain again. A put that finds itself fenced, or whose producer can't go on,
 * fails with SL_E_KAFKA_FENCED, and every later one too until the next sl_compact_fence (the owner first makes sure that it may:
 * this never happens by itself). A put that ran out of time is ended by the next call, as written or not. */
enum sl_rc sl_compact_fence(struct sl_compact *c, const char *transactional_id, int timeout_ms, struct sl_err *err);
/* Read to the current end. */
enum sl_rc sl_compact_refresh(struct sl_compact *c, int timeout_ms, struct sl_err *err);
/* Apply what has arrived by now without waiting and without asking for the end. */
enum sl_rc sl_compact_poll(struct sl_compact *c, struct sl_err *err);
void sl_compact_close(struct sl_compact *c); /* NULL ok */
#endif
