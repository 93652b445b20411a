/* SPDX-License-Identifier: Apache-2.0 */
/* What a replay would do, or has done: counts, and why records are left. It decides nothing: replay.c does. */
#ifndef SL_DLQ_PLAN_H
#define SL_DLQ_PLAN_H
#include "dlq/job.h"

/* Records that are left where they are, for one reason. */
struct sl_dlq_shape {
        char *text;
        uint64_t count;
        int32_t partition; /* of the first of them, in the dead-letter topic */
        int64_t offset;
};
struct sl_dlq_plan {
        uint64_t selected, left;
        uint64_t held;            /* could be replayed, but an older one of their key is left (keep_order) */
        uint64_t open_duplicates; /* of records that are left: they stay open, too; the others are in counts */
        uint64_t returned;        /* of those that this run replayed, as far as they have come back (max_failures) */
        uint64_t earlier;         /* the filters take them, they are open, and they stood there when this job last finished */
        int64_t room;             /* the smallest max.message.bytes of where records go; 0 = none go */
        uint64_t expired; /* of those to be replayed: older than the target keeps records, so brokers soon delete them
                             again */
        struct sl_dlq_counts counts;
        struct sl_dlq_shape *shapes;
        uint32_t shape_count;
        json_t *changes; /* of repairs (sl_dlq_repair_changes), NULL = none were asked for */
};
/* The last line of replay --json, and the audit's result. */
json_t *sl_dlq_plan_json(const struct sl_dlq_plan *plan, const struct sl_dlq_job *job, bool applied);
void sl_dlq_plan_free(struct sl_dlq_plan *plan); /* accepts a zeroed struct */
/* One more record that is left. Returns the shape's number. */
uint32_t sl_dlq_plan_left(struct sl_dlq_plan *plan, const char *text);
#endif
