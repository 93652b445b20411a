/* SPDX-License-Identifier: Apache-2.0 */
/* A source's record as the message that goes to Kafka: key, value and headers through their converters into memory that is used again
 * for the next row. Headers are converted and packed once for all records of a batch that share their array. One thread. */
#ifndef SL_PIPELINE_ROWOUT_H
#define SL_PIPELINE_ROWOUT_H
#include "kafka/producer.h"
#include "pipeline/chain.h"

struct sl_rowout {
        struct sl_buf row;
        struct sl_buf packed;                /* headers, of the row before */
        const struct sl_header *const *packed_from; /* which ones; NULL = none */
        uint64_t packed_resets;              /* of the arena: after another one the same address is another batch's */
        uint32_t packed_count;
        struct sl_str packed_topic; /* a header converter may make something else of them for another one */
};

/* The message's bytes are good until the next row. arena: the batch's. Fails with the stage and the converter that refused it. */
enum sl_rc sl_rowout_encode(struct sl_rowout *o, const struct sl_codec *codec, const struct sl_record *rec, struct sl_arena *arena,
                            struct sl_message *ret, struct sl_err *err);
void sl_rowout_free(struct sl_rowout *o); /* accepts a zeroed struct */
#endif
