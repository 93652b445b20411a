/* SPDX-License-Identifier: Apache-2.0 */
/* Records that were replayed into one sink connector only: they stand in a topic of its own, with the coordinates of their
 * originals in headers, and come to the connector as if they had been read there. Only the offsets that are committed, and what
 * sinks name and count by them, are those of this topic.
 * @thread the task's. */
#ifndef SL_PIPELINE_REPLAYED_H
#define SL_PIPELINE_REPLAYED_H
#include "kafka/consumer.h"

#define SL_REPLAY_ORIGIN "__sluice.dlq.origin."           /* topic, partition, offset: decimal text */
#define SL_REPLAY_TIMESTAMP "__sluice.dlq.orig_timestamp" /* of the original, ms as decimal text */

/* The connector's topic, appended to out. What a topic's name can't have becomes _; such a name and a long one end in a hash. */
void sl_replay_topic(const char *connector, struct sl_buf *out);
/* Make a record that was read from there what its original was: topic (interned by c), partition, offset, timestamp, headers (raw_headers
 * stay as they were read); rec->read says where it was read. Allocates in arena. Fails (record scope) when the coordinates are missing:
 * then nothing is changed. */
enum sl_rc sl_replay_restore(struct sl_consumer *c, struct sl_arena *arena, struct sl_record *rec, struct sl_err *err);
#endif
