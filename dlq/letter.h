/* SPDX-License-Identifier: Apache-2.0 */
/* A dead letter as the record that it was: the original's own headers without those of whoever dead-lettered it, what
 * it is known by, and what we write on a record that is replayed (__sluice.dlq.*). Pure. */
#ifndef SL_DLQ_LETTER_H
#define SL_DLQ_LETTER_H
#include "dlq/item.h"

#define SL_DLQ_HOP_LIMIT 4 /* so often a record is replayed; then it goes in circles */

/* Is this header part of how the family says what failed, and so not the record's own? */
bool sl_dlq_header_foreign(enum sl_dlq_family family, struct sl_str name);
/* Where the record stood when it failed: its origin, except of a record that we had replayed before, which failed at
 * the place of its copy. offset -1 = unknown. */
struct sl_dlq_origin sl_dlq_failed_at(const struct sl_dlq_item *it);
/* Equal for records that are the same failure of the same record: connector (or group) and coordinates. 0 = can't be
 * told. */
uint64_t sl_dlq_identity(const struct sl_dlq_item *it);
/* The LSN in a Debezium event in JSON (source.lsn, or __lsn and __source_lsn of an unwrapped one), -1 = none. */
int64_t sl_dlq_lsn(struct sl_str value);
/* Position in the origin topic of a record that stands there: of a replayed copy, that of its original. */
struct sl_dlq_origin sl_dlq_position(const char *topic, int32_t partition, int64_t offset,
                                     const struct sl_kheader *headers, uint32_t count);
/* When the original was written; -1 = unknown. */
int64_t sl_dlq_timestamp(const struct sl_dlq_item *it);

/* A record as it is to be written, flat, and back. The flat form holds key, value, own headers and timestamp. */
void sl_dlq_pack(const struct sl_dlq_item *it, struct sl_str value, struct sl_buf *out);
struct sl_dlq_packed {
        struct sl_str key, value;
        int64_t timestamp_ms;
        uint32_t header_count;
        int32_t hops;
};
/* Only so many headers as there is room for: header_count says when a second call needs more.
 * All points into flat. */
void sl_dlq_unpack(struct sl_str flat, struct sl_dlq_packed *ret, struct sl_kheader *headers, uint32_t room);
#endif
