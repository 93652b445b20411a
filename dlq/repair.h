/* SPDX-License-Identifier: Apache-2.0 */
/* Values mended on their way: decoded with the schema they were written with, through a chain of transforms if there is
 * one, resolved to a chosen version of a subject (dlq/resolve.h), and framed with its id. Avro and Protobuf of a schema
 * registry, JSON behind a registry's frame, and plain JSON; other bytes can't be repaired. Keys and headers are not touched.
 * @thread one at a time. */
#ifndef SL_DLQ_REPAIR_H
#define SL_DLQ_REPAIR_H
#include "base/arena.h"
#include "base/json.h"
#include "dlq/opts.h"
#include "pipeline/chain.h"

struct sl_dlq_repair;
/* Is there an option that asks for a repair? */
bool sl_dlq_repair_wanted(const struct sl_dlq_opts *o);
/* o: its options, and schema.registry.url in o->client. chain: --transforms, NULL = none. Both borrowed. Asks the
 * registry for the subject's version. */
enum sl_rc sl_dlq_repair_new(const struct sl_dlq_opts *o, struct sl_chain *chain, struct sl_dlq_repair **ret,
                             struct sl_err *err);
void sl_dlq_repair_free(struct sl_dlq_repair *r); /* NULL ok */
/* The value as it is to be written, in arena. rec: topic, timestamp and raw key of the original, for transforms.
 * *ret_why non-NULL: it can't be repaired, for that reason, which is the same for all records of one shape; lives until
 * the next call. Fails only when the registry can't be asked. */
enum sl_rc sl_dlq_repair_value(struct sl_dlq_repair *r, const struct sl_record *rec, struct sl_str in,
                               struct sl_arena *arena, struct sl_str *ret, bool *ret_changed, const char **ret_why,
                               struct sl_err *err);
/* What was changed how often, with the first example of each: [{"change","count","before","after"}]. */
json_t *sl_dlq_repair_changes(const struct sl_dlq_repair *r);
#endif
