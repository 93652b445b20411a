/* SPDX-License-Identifier: Apache-2.0 */
/* Which dead letters have been overtaken: keys of records that are to be replayed, and the newest that the target holds
 * of each. Put keys, read the target once, ask. Order is the log sequence number where both events have one (change
 * data), else the position in the origin topic; a copy that a replay made counts at its original's place. 24 bytes a
 * key, at most twice that in the table.
 * @thread one at a time. */
#ifndef SL_DLQ_NEWER_H
#define SL_DLQ_NEWER_H
#include <stdatomic.h>
#include "dlq/letter.h"
#include "kafka/reader.h"

struct sl_newer;
struct sl_newer *sl_newer_new(void);
void sl_newer_free(struct sl_newer *n); /* NULL ok */
/* What a key is known by in a partition of a topic; never 0. */
uint64_t sl_newer_key(const char *topic, int32_t partition, struct sl_str key);
/* Watch a key. */
void sl_newer_put(struct sl_newer *n, uint64_t key);
/* Read the records of a topic from these offsets to their ends, and remember the newest of each watched key. */
enum sl_rc sl_newer_read(struct sl_newer *n, const struct sl_reader_opts *opts, struct sl_err *err);
/* Is a newer record of the key known than one at this offset, with this LSN (-1 = has none)? */
bool sl_newer_than(const struct sl_newer *n, uint64_t key, int64_t offset, int64_t lsn);
#endif
