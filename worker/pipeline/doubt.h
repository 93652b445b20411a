/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of processes that ended in the middle of a topic-partition, so that a record that kills whoever works on it is
 * found. It stands in front of the sink's own metadata of the group's committed offset: it survives a machine without a disk, and is
 * written by nobody but the partition's owner. Pure but for the process's own number; sink_doubt.c decides what to do.
 *
 * Evidence grows with each life that ends without a word: (1) a mark that one began, (2) the range of records that it worked
 * on, (3) one record, tried alone once, (4) twice. After that the record is given up unread. A record that one process has passed is
 * never suspected: the sink may have it in the target already, and would store those around it again without it. */
#ifndef SL_PIPELINE_DOUBT_H
#define SL_PIPELINE_DOUBT_H
#include "base/str.h"

#define SL_DOUBT_TRIES 2     /* so often a record is tried alone */
#define SL_DOUBT_DEAD 4      /* records given up beyond one committed offset */
#define SL_DOUBT_MAX 224     /* bytes of its text */
struct sl_doubt {
        uint32_t lives;      /* that began and did not end well, with ours; 0 = all is well */
        uint32_t tries;      /* of a single record */
        int64_t from, to;    /* offsets that were worked on; to 0 = none */
        int64_t passed;      /* a process that lived behind it has put all records below; 0 = none beyond what is committed */
        int64_t dead[SL_DOUBT_DEAD];
        uint32_t dead_count;
};

/* metadata: as committed with that offset, NULL = none. Returns what of it is the sink's, NULL = nothing. What this process wrote itself
 * is no evidence: it lives. */
const char *sl_doubt_read(const char *metadata, int64_t committed, struct sl_doubt *ret);
/* Append it and the sink's metadata (NULL = none); nothing when there is neither. What lies below the offset is left out. */
void sl_doubt_write(const struct sl_doubt *d, int64_t committed, const char *metadata, struct sl_buf *out);
bool sl_doubt_is_dead(const struct sl_doubt *d, int64_t offset);
/* Give a record up; the oldest one is forgotten when there are too many. */
void sl_doubt_bury(struct sl_doubt *d, int64_t offset);
#endif
