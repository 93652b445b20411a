/* SPDX-License-Identifier: Apache-2.0 */
/* How many partitions a topic had when its records failed: nothing in Kafka says it. It is told from the keys: each
 * lies where Java's partitioner puts it among n partitions, and no longer where it would put it now. Without such proof
 * it had as many as now. */
#ifndef SL_DLQ_GROWTH_H
#define SL_DLQ_GROWTH_H
#include "kafka/reader.h"

struct sl_growth {
        int32_t now, max; /* partitions; the highest in which a record failed */
        bool *fits;       /* [n]: all keys seen lie where n partitions put them */
        uint32_t seen;
        int32_t partition; /* of the last record, for a look at its original */
        int64_t offset;
        uint32_t hash;
};
void sl_growth_begin(struct sl_growth *g, int32_t partitions);
/* One failed record with a key (sl_kafka_key_hash). */
void sl_growth_see(struct sl_growth *g, int32_t partition, int64_t offset, uint32_t hash);
/* opts: a reader of the topic, without ranges. *ret: how many partitions it had. */
enum sl_rc sl_growth_tell(const struct sl_growth *g, const struct sl_reader_opts *opts, int32_t *ret,
                          struct sl_err *err);
void sl_growth_end(struct sl_growth *g);
#endif
