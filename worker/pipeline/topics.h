/* SPDX-License-Identifier: Apache-2.0 */
/* Topics that a source task makes itself: Connect's topic.creation.* groups. Asked once a topic and line, before its first record.
 * Without topic.creation.* keys (or with topic.creation.enable=false on the worker) nothing is done: the broker's auto-creation
 * decides. @thread the task's. */
#ifndef SL_PIPELINE_TOPICS_H
#define SL_PIPELINE_TOPICS_H
#include "kafka/admin.h"
#include "pipeline/internal.h"

struct sl_topics;
/* *ret stays NULL when topics are not made by tasks. */
enum sl_rc sl_topics_new(struct sl_task *t, const struct sl_conn_cfg *common, struct sl_admin *admin, struct sl_topics **ret,
                         struct sl_err *err);
void sl_topics_free(struct sl_topics *c); /* NULL ok */
/* Make the topic by the first group that fits, if it does not exist. */
enum sl_rc sl_topics_ensure(struct sl_topics *c, const char *topic, struct sl_err *err);
/* Values that can't work, added to r under their keys. */
void sl_topics_check(const struct sl_conn_cfg *common, const struct sl_props *config, struct sl_cfg_report *r);

/* Number of partitions (0 = no such topic), as sl_admin_topic_partitions but in short steps that a stop of the task ends. */
enum sl_rc sl_task_topic_partitions(struct sl_task *t, struct sl_admin *admin, const char *topic, int32_t *ret,
                                    struct sl_err *err);
#endif
