/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's membership in its cluster: one Kafka consumer group (the worker's group.id, protocol type "consumer") over an
 * internal topic of one partition. Being a member is a worker's lease; holding the partition makes it the leader. Static
 * membership (group.instance.id), assignor cooperative-sticky, so that the leader stays the leader while it lives.
 * It elects and counts, nothing else: who runs what is cluster/placement.c's, and records are kafka/compact.c's (messages of the
 * topic are never fetched here: the partition is paused as soon as it is assigned).
 * A group whose members speak Connect's own protocol (a JVM worker with this group.id is still up) refuses us with
 * INCONSISTENT_GROUP_PROTOCOL: the member keeps trying and says so, which keeps two kinds of workers from running side by side. */
#ifndef SL_KAFKA_MEMBER_H
#define SL_KAFKA_MEMBER_H
#include "base/arena.h"
#include "kafka/admin.h"
#include "kafka/client.h"

struct sl_member;
struct sl_member_opts {
        struct sl_kafka_cfg cfg;   /* borrowed for the life of the member, as admin is */
        struct sl_admin *admin;
        const char *group_id;      /* copied, as the other texts are */
        const char *topic;         /* exists already */
        const char *instance_id;   /* group.instance.id: [a-zA-Z0-9._-], at most 249 */
        const char *client_id;
        int session_timeout_ms, heartbeat_ms;
        int rebalance_timeout_ms;  /* how long a rebalance waits for a member, and a member for the answer to its joining */
        /* There may be something for sl_member_poll. From one of librdkafka's threads: must not block or call back. May be NULL. */
        void (*wake)(void *arg);
        void *arg;
};
/* Starts joining; returns at once. */
enum sl_rc sl_member_new(const struct sl_member_opts *opts, struct sl_member **ret, struct sl_err *err);

struct sl_member_state {
        bool joined;        /* in the group, as far as is known here */
        bool leader;        /* holds the partition */
        uint64_t changes;   /* grows with every rebalance that was seen here (the list of members may have changed); not
                             * when a member comes back under its name within its session */
        int32_t generation; /* of the group; -1 = not joined */
};
/* Serve rebalances and errors without blocking. Transient errors are told once in the log, not returned. SL_FATAL: another
 * process took our instance id (FENCED_INSTANCE_ID: two workers with the same advertised address), or access is denied. */
enum sl_rc sl_member_poll(struct sl_member *m, struct sl_member_state *ret, struct sl_err *err);
/* Ask the group's coordinator whether this member is one of the current generation (a commit of offset 0 for the partition, which
 * the coordinator refuses to any other). Waits at most timeout_ms, also through a rebalance that is under way. An answer
 * younger than 500 ms is used again. Every failure is transient; what is final, sl_member_poll tells. @thread any */
enum sl_rc sl_member_prove(struct sl_member *m, int timeout_ms, struct sl_err *err);
/* Instance ids of the group's members now (DescribeConsumerGroups), texts in arena. *ret_stable false: a rebalance is under way, ask
 * again. @thread any */
enum sl_rc sl_member_list(struct sl_member *m, int timeout_ms, struct sl_arena *arena, const char ***ret, uint32_t *ret_count,
                          bool *ret_stable, struct sl_err *err);
/* Leave the group at once (unsubscribe first: closing alone would keep a static member's place until its session ends), at most
 * about 5 s, and free. NULL ok. */
void sl_member_free(struct sl_member *m);
#endif
