/* SPDX-License-Identifier: Apache-2.0 */
/* Which dead letters a command is about. All that is given must hold. */
#ifndef SL_DLQ_FILTER_H
#define SL_DLQ_FILTER_H
#include "base/arena.h"
#include "dlq/item.h"
#include "kafka/reader.h"

#define SL_DLQ_FILTER_MAX 16
#define SL_DLQ_RANGES_MAX 256
struct sl_dlq_filter {
        unsigned classes;              /* bit 1 << enum sl_rc; 0 = all */
        const char *codes[SL_DLQ_FILTER_MAX];
        uint64_t groups[SL_DLQ_FILTER_MAX];
        uint32_t code_count, group_count, key_count, header_count, where_count, range_count;
        int64_t since_ms, until_ms;    /* record times: since <= t < until; 0 = no bound */
        const char *keys[SL_DLQ_FILTER_MAX];                          /* one of them, as bytes */
        struct { const char *name, *value; } headers[SL_DLQ_FILTER_MAX]; /* all of them; the last of its name counts */
        struct { const char *path, *value; } where[SL_DLQ_FILTER_MAX];   /* all of them */
        struct sl_reader_part ranges[SL_DLQ_RANGES_MAX]; /* id, begin, end (exclusive); one of them */
};
/* What is to be read for its ranges: one a partition, into ret[SL_DLQ_RANGES_MAX]. */
uint32_t sl_dlq_filter_parts(const struct sl_dlq_filter *f, struct sl_reader_part *ret);
/* Is the place in one of its ranges? Nothing else of a record needs to be known, so what lies between ranges is not looked at. */
bool sl_dlq_filter_place(const struct sl_dlq_filter *f, int32_t partition, int64_t offset);
/* What can be told before a record is classified (cheap), and after it. arena: scratch memory of the record. */
bool sl_dlq_filter_early(const struct sl_dlq_filter *f, const struct sl_dlq_item *it, struct sl_arena *arena);
bool sl_dlq_filter_late(const struct sl_dlq_filter *f, const struct sl_dlq_item *it);
bool sl_dlq_filter_judges(const struct sl_dlq_filter *f); /* asks the late one anything? */
#endif
