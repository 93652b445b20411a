/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a dead-letter topic once from begin to end, or parts of it, and classifies each record. Without a consumer group,
 * committed records only, up to the ends that were frozen when it was opened (kafka/reader.h). Allocates nothing a record.
 * @thread one at a time. */
#ifndef SL_DLQ_SCAN_H
#define SL_DLQ_SCAN_H
#include "base/arena.h"
#include "dlq/filter.h"
#include "dlq/item.h"
#include "kafka/reader.h"

struct sl_dlq_decode;
struct sl_dlq_rules;

struct sl_dlq_scan;
struct sl_dlq_scan_opts {
        struct sl_kafka_cfg cfg;           /* borrowed for the life of the scan, as all that follows is */
        struct sl_admin *admin;
        const char *topic;
        const struct sl_dlq_filter *filter; /* NULL = all; its ranges say where to read, and so does since */
        const struct sl_dlq_rules *rules;   /* NULL = none */
        /* Instead of the filter's: a job that goes on reads up to the ends that it froze before. NULL = the filter's. */
        const struct sl_reader_part *ranges;
        uint32_t range_count;
        const atomic_bool *stop;           /* may be NULL */
        bool no_originals;                 /* pointers stay without the bytes of their originals: cheaper */
        struct sl_dlq_decode *decode;      /* reads Avro values for filters by value; NULL = only JSON is read */
        /* Called for each record that passes the early filters, after its verdict: may better origin, class, code, confidence, evidence
         * and fingerprint (a search of origins, a second run through the converters). May be NULL. */
        void (*improve)(void *arg, struct sl_dlq_item *it, struct sl_arena *arena);
        void *improve_arg;
        /* Called before records are looked at, with those that come next: *ret_n of them are, or with *ret_skip none of these
         * (poison.h). NULL: all. */
        enum sl_rc (*step)(void *arg, const struct sl_kmsg *m, uint32_t n, uint32_t *ret_n, bool *ret_skip, struct sl_err *err);
        void *step_arg;
        bool unjudged;                     /* nobody asks for class, code and group: they are not looked for (SL_UNKNOWN, "unknown") */
};
enum sl_rc sl_dlq_scan_open(const struct sl_dlq_scan_opts *opts, struct sl_dlq_scan **ret, struct sl_err *err);
/* The next records that pass the filter: those of one partition in the order of their offsets. They live until the next call.
 * *ret_n == 0: the end. */
enum sl_rc sl_dlq_scan_next(struct sl_dlq_scan *s, struct sl_dlq_item **ret, uint32_t *ret_n, struct sl_err *err);
/* Ends and positions of the partitions that are read. */
const struct sl_reader_part *sl_dlq_scan_parts(const struct sl_dlq_scan *s, uint32_t *ret_n);
uint64_t sl_dlq_scan_seen(const struct sl_dlq_scan *s); /* records read so far, with those that the filter held back */
void sl_dlq_scan_close(struct sl_dlq_scan *s);          /* NULL ok */

/* The item's text, if f has a condition on values and they are framed by a registry. Fails only when that can't be asked. */
enum sl_rc sl_dlq_item_text(struct sl_dlq_decode *decode, const struct sl_dlq_filter *f, struct sl_dlq_item *it,
                            struct sl_arena *arena, struct sl_err *err);

/* Fill an item from a record: what it says (headers, wrapper, origin), and what we make of it. No allocation; what a rule or a
 * wrapper needs is taken from arena. */
void sl_dlq_item_read(struct sl_dlq_item *it, const struct sl_kmsg *m, const struct sl_dlq_rules *rules,
                      struct sl_arena *arena);
#endif
