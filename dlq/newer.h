/* SPDX-License-Identifier: Apache-2.0 */
/* Which dead letters have been overtaken: keys of records that are to be replayed, and the newest that the target holds
 * of each. Watch keys, read the target once, ask. Keys are told apart by their bytes, not by a hash. Order is the log
 * sequence number where both events have one (change data), else the position in the origin topic; a copy that a replay
 * made counts at its original's place. About 70 bytes a key, and its own.
 * @thread one at a time. */
#ifndef SL_DLQ_NEWER_H
#define SL_DLQ_NEWER_H
#include <stdatomic.h>
#include "dlq/decode.h"
#include "dlq/letter.h"
#include "kafka/reader.h"

struct sl_newer;
/* decode: reads LSNs of Avro events; NULL = only JSON has one. Borrowed. */
struct sl_newer *sl_newer_new(struct sl_dlq_decode *decode);
void sl_newer_free(struct sl_newer *n); /* NULL ok */
/* Watch a key in a partition of a topic, whose name must outlive n. Returns the number to ask by, never 0; the same for
 * the same key. */
uint32_t sl_newer_watch(struct sl_newer *n, const char *topic, int32_t partition, struct sl_str key);
/* A record that stands in the topic: remembered if it is the newest of a watched key. */
enum sl_rc sl_newer_see(struct sl_newer *n, const char *topic, const struct sl_kmsg *m, struct sl_err *err);
/* LSN of an event, -1 = none. Fails only when the registry can't be asked. decode may be NULL. */
enum sl_rc sl_newer_lsn(struct sl_dlq_decode *decode, struct sl_str topic, struct sl_str value, struct sl_arena *arena,
                        int64_t *ret, struct sl_err *err);
/* Read the records of a topic from these offsets to their ends, and remember the newest of each watched key. */
enum sl_rc sl_newer_read(struct sl_newer *n, const struct sl_reader_opts *opts, struct sl_err *err);
/* Is a newer record of the watched key known than one at this offset, with this LSN (-1 = has none)? */
bool sl_newer_than(const struct sl_newer *n, uint32_t number, int64_t offset, int64_t lsn);
#endif
