/* SPDX-License-Identifier: Apache-2.0 */
/* Admin calls, each synchronous with a time limit; safe from any thread (one handle behind a lock). */
#ifndef SL_KAFKA_ADMIN_H
#define SL_KAFKA_ADMIN_H
#include "api/connector.h"
#include "kafka/client.h"

struct sl_admin;
enum sl_rc sl_admin_new(const struct sl_kafka_cfg *cfg, const char *client_id, struct sl_admin **ret, struct sl_err *err);
void sl_admin_free(struct sl_admin *a); /* NULL ok */
/* Wait until a broker answers; SL_E_KAFKA_UNREACHABLE names the addresses. ret_cluster_id (may be NULL) appended. */
enum sl_rc sl_admin_ping(struct sl_admin *a, int timeout_ms, struct sl_buf *ret_cluster_id, struct sl_err *err);
/* *ret: number of partitions, 0 = no such topic (never created by asking). */
enum sl_rc sl_admin_topic_partitions(struct sl_admin *a, const char *topic, int timeout_ms, int32_t *ret, struct sl_err *err);
/* The topic's id as text, appended to out: another one when it was deleted and made again. "" when the brokers have none (before
 * 2.8) or there is no such topic. */
enum sl_rc sl_admin_topic_id(struct sl_admin *a, const char *topic, int timeout_ms, struct sl_buf *out, struct sl_err *err);
struct sl_topic_spec {
        const char *name;
        int32_t partitions;   /* -1 = broker's default */
        int32_t replication;  /* -1 = broker's default */
        const char *const *config; /* key, value, key, value, NULL; may be NULL */
};
/* *ret_created false when it existed. */
enum sl_rc sl_admin_create_topic(struct sl_admin *a, const struct sl_topic_spec *spec, int timeout_ms, bool *ret_created,
                                 struct sl_err *err);
/* Value of one topic config, appended to out. */
enum sl_rc sl_admin_topic_config(struct sl_admin *a, const char *topic, const char *key, int timeout_ms, struct sl_buf *out,
                                 struct sl_err *err);
/* Offsets of n partitions of a topic: at their begin or end, or of the first record with a timestamp (ms) of at least `at`.
 * committed: the end is the last stable offset, else the high watermark. ret[i] belongs to ids[i]; -1 = no such record. */
#define SL_AT_EARLIEST (-2)
#define SL_AT_LATEST (-1)
enum sl_rc sl_admin_list_offsets(struct sl_admin *a, const char *topic, const int32_t *ids, uint32_t n, int64_t at, bool committed,
                                 int timeout_ms, int64_t *ret, struct sl_err *err);
/* The high watermark (ListOffsets read_uncommitted) of one partition. */
enum sl_rc sl_admin_high_watermark(struct sl_admin *a, const char *topic, int32_t partition, int timeout_ms, int64_t *ret,
                                   struct sl_err *err);
/* Committed offsets of a consumer group, added to out (topic strings in out->arena). */
enum sl_rc sl_admin_group_offsets(struct sl_admin *a, const char *group, int timeout_ms, struct sl_offsets *out,
                                  struct sl_err *err);
struct sl_group_member {
        const char *instance; /* group.instance.id; "" = none */
        const char *id;       /* what the coordinator calls it */
};
/* A group's members, in arena; no such group = none. *ret_stable false: a rebalance is under way. */
enum sl_rc sl_admin_group_members(struct sl_admin *a, const char *group, int timeout_ms, struct sl_arena *arena,
                                  const struct sl_group_member **ret, uint32_t *ret_count, bool *ret_stable,
                                  struct sl_err *err);
/* Changes of a group's offsets. *ret_busy: refused because the group has members; it passes when they have left. All
 * partitions are tried; the error is the first one's. */
enum sl_rc sl_admin_set_group_offsets(struct sl_admin *a, const char *group, const struct sl_tp_offset *items, uint32_t n,
                                      int timeout_ms, bool *ret_busy, struct sl_err *err);
/* Delete the offsets of these partitions; items[].offset is not looked at. A group that doesn't exist is a failure. */
enum sl_rc sl_admin_forget_group_offsets(struct sl_admin *a, const char *group, const struct sl_tp_offset *items, uint32_t n,
                                         int timeout_ms, bool *ret_busy, struct sl_err *err);
/* Delete the group with all its offsets. One that doesn't exist is a success. */
enum sl_rc sl_admin_delete_group(struct sl_admin *a, const char *group, int timeout_ms, bool *ret_busy, struct sl_err *err);
#endif
