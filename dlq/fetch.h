/* SPDX-License-Identifier: Apache-2.0 */
/* Originals of dead letters that carry only their coordinates (share groups): read from the topics where they stand.
 * @thread one at a time. */
#ifndef SL_DLQ_FETCH_H
#define SL_DLQ_FETCH_H
#include "base/arena.h"
#include "dlq/item.h"
#include "kafka/reader.h"

/* For each pointer among the items: key, value, own headers, timestamp and hops of its original, copied into arena, and
 * fetched set; else missing says why there is none. Fails when brokers can't be reached or stop is set, never because
 * of a topic. Costs a client for every stretch of offsets that lie close together. */
enum sl_rc sl_dlq_fetch(const struct sl_reader_opts *from, struct sl_dlq_item *items, uint32_t n,
                        struct sl_arena *arena, struct sl_err *err);
#endif
