/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer of a sink task: group membership, pause, rebalance, commits. read_committed unless the user overrides it.
 * All calls and callbacks in one thread (the task's). */
#ifndef SL_KAFKA_CONSUMER_H
#define SL_KAFKA_CONSUMER_H
#include "api/connector.h"
#include "kafka/client.h"
#include "record/record.h"

struct sl_consumer;
struct sl_consumer_opts {
        struct sl_kafka_cfg cfg;
        const char *client_id;          /* connector-consumer-<n>-<t> */
        const char *group_id;           /* connect-<n> */
        /* group.instance.id (static membership): who opens a consumer with it takes over the partitions of one that died with it,
         * without waiting for its session to end, and fences it if it still lives. [a-zA-Z0-9._-]; NULL = none. */
        const char *instance_id;
        const struct sl_cfg_list *topics; /* names; or */
        const char *own_topic;          /* of sl_consumer_read_too; NULL = never */
        const char *topics_regex;       /* Java regex over whole names (translated to librdkafka's ^...$) */
        /* Called from inside poll and close. assigned: offsets = committed or -1 (none yet), with their metadata. */
        void (*assigned)(void *arg, const struct sl_tp_offset *parts, uint32_t n);
        void (*revoked)(void *arg, const struct sl_tp *parts, uint32_t n, bool lost);
        void *arg;
        const atomic_bool *stop; /* when set, a commit is waited for only a little longer; NULL = never */
};

enum sl_rc sl_consumer_new(const struct sl_consumer_opts *opts, struct sl_consumer **ret, struct sl_err *err);
/* Leaves the group (revoked is called), in at most about 2 s. Batches may still hold its messages: its memory goes with the last
 * of them. NULL ok. */
void sl_consumer_close(struct sl_consumer *c);
/* Add up to batch->max_records messages that are there (waiting at most timeout_ms for the first). Fills topic (interned for the
 * life of the consumer), partition, offset, timestamp_ms, raw_key, raw_value, headers[].{key,raw}; messages are adopted by the
 * batch. Also serves rebalances: records that this call had read for partitions that go away are taken out again (they are not
 * yet anybody's), records that the batch held before are the caller's to drop in `revoked`. A failure is reported by a call that
 * adds no records. */
enum sl_rc sl_consumer_poll(struct sl_consumer *c, struct sl_batch *batch, int timeout_ms, struct sl_err *err);
/* Keep reading nothing but stay a member (poll goes on serving rebalances). */
enum sl_rc sl_consumer_pause_all(struct sl_consumer *c, struct sl_err *err);
enum sl_rc sl_consumer_resume_all(struct sl_consumer *c, struct sl_err *err);
/* Go back (or forward) to an offset of an assigned partition; messages already fetched beyond it are dropped. Inside `assigned`
 * it sets where the partition begins. */
enum sl_rc sl_consumer_seek(struct sl_consumer *c, struct sl_tp tp, int64_t offset, struct sl_err *err);
/* Synchronous, at most timeout_ms, and shorter once `stop` is set. With each item's metadata (none: the committed one goes). The
 * broker refuses it when the membership under which the partitions were assigned has ended. Partitions that are no longer ours are left out by the caller. */
enum sl_rc sl_consumer_commit(struct sl_consumer *c, const struct sl_tp_offset *items, uint32_t n, int timeout_ms,
                              struct sl_err *err);
/* From now on own_topic is read too, which must exist: from its beginning where nothing is committed, whatever auto.offset.reset says.
 * The group is joined anew. To be called when partitions were assigned before: see sink_task.c. */
enum sl_rc sl_consumer_read_too(struct sl_consumer *c, struct sl_err *err);
/* The interned topic name for a name (comparable by pointer with sl_tp.topic and rec->topic.ptr). */
const char *sl_consumer_intern(struct sl_consumer *c, const char *topic);
/* Sum over the assigned partitions of (high watermark - position), from cached watermarks; -1 = unknown. */
int64_t sl_consumer_lag(struct sl_consumer *c);
/* Where a partition ends: the offset behind its last record (its high watermark, asked from its leader; waits at most timeout_ms). */
enum sl_rc sl_consumer_end(struct sl_consumer *c, struct sl_tp tp, int timeout_ms, int64_t *ret, struct sl_err *err);
/* Readable when poll has something to do. */
int sl_consumer_fd(const struct sl_consumer *c);
void sl_consumer_fd_clear(struct sl_consumer *c);
#endif
