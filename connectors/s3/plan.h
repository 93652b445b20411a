/* SPDX-License-Identifier: Apache-2.0 */
/* Where files were cut, written down so that a successor can cut there again: the text that is committed as metadata of
 * a topic-partition's offset. A plan is a list of cuts one behind the other, the first one from about that offset on.
 *   "sluice-s3/1 <from> <cut> <cut> ..."   cut: "<length in offsets>:<id, 16 hex digits>[@<offset - from>=<clock ms>,...]"
 * Pure. */
#ifndef SL_S3_PLAN_H
#define SL_S3_PLAN_H
#include "base/err.h"
#include "base/str.h"

#define SL_S3_RUNS_MAX 48 /* so that one cut always has room in the metadata */

/* From this offset on, records were placed as of this time (Wallclock extractor). */
struct sl_s3_run {
        int64_t offset, wall_ms;
};
struct sl_s3_planned {
        int64_t end; /* offset behind its last record */
        uint64_t id; /* in the metadata of its objects: x-amz-meta-sluice-cut */
        uint32_t run_count;
        struct sl_s3_run runs[SL_S3_RUNS_MAX];
};
struct sl_s3_plan {
        int64_t from;
        struct sl_s3_planned *cuts; /* ascending ends */
        uint32_t count;
};

void sl_s3_plan_start(struct sl_buf *out, int64_t from);
/* Add a cut that begins at from (the end of the one before). False, and nothing added, when out would pass max bytes. */
bool sl_s3_plan_add(struct sl_buf *out, int64_t from, const struct sl_s3_planned *cut, size_t max);
/* What of a committed plan still lies beyond offset. Metadata of others gives an empty plan (count 0). A plan of ours that
 * can't be read fails: a newer version wrote it, and cutting elsewhere could write records twice. */
enum sl_rc sl_s3_plan_read(const char *metadata, int64_t offset, struct sl_s3_plan *ret, struct sl_err *err);
void sl_s3_plan_free(struct sl_s3_plan *plan); /* accepts a zeroed struct */
/* The time as of which the record at this offset was placed, or otherwise. */
int64_t sl_s3_planned_wall(const struct sl_s3_planned *cut, int64_t offset, int64_t otherwise);
#endif
