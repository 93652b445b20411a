/* SPDX-License-Identifier: Apache-2.0 */
/* Origins of records that nobody wrote down: Connect's default is a dead-letter topic without headers. Two passes: the dead letters
 * whose origin is unknown, by a hash of key and value, then the topics they may come from. A record is found when exactly one record
 * there has its key, value and timestamp (Connect keeps the timestamp), or exactly one its key and value. What is ambiguous stays
 * unresolved: an origin is never guessed. */
#ifndef SL_DLQ_ORIGIN_H
#define SL_DLQ_ORIGIN_H
#include "dlq/scan.h"

struct sl_dlq_found;
/* scan: as for the pass that is to follow (improve is not called). topics: NULL-terminated; those that don't exist are passed over.
 * usual: learn what sl_dlq_origin_judge tells by. */
enum sl_rc sl_dlq_origin_search(const struct sl_dlq_scan_opts *scan, const char *const *topics, bool usual, struct sl_dlq_found **ret,
                                struct sl_err *err);
/* What more found of other letters, into all (NULL = nothing yet), for sl_dlq_origin_apply. more is gone. */
void sl_dlq_found_join(struct sl_dlq_found **all, struct sl_dlq_found *more);
/* Fill the item's origin if it is unknown and was found. */
void sl_dlq_origin_apply(const struct sl_dlq_found *f, struct sl_dlq_item *it);
/* The class of an item that nothing else told, by what distinguishes it from the records of its topic that did not fail (usual.h). */
void sl_dlq_origin_judge(const struct sl_dlq_found *f, struct sl_dlq_item *it, struct sl_arena *arena);
void sl_dlq_found_free(struct sl_dlq_found *f); /* NULL ok */
/* The topic that a dead-letter topic is named after, into out (room for n): "orders" of orders-dlt, orders.DLT, orders-dlq,
 * orders.dlq, dlq.orders, orders-dead-letters. Only where to search; false when the name is none of these. */
bool sl_dlq_named_after(const char *topic, char *out, size_t n);
#endif
