/* SPDX-License-Identifier: Apache-2.0 */
/* The files of finished cuts on their way into the bucket: one queue a topic-partition, in the order of offsets. A set is
 * all objects of one cut; it is durable when all of them are there and every set before it is.
 * Decides when an object may be completed (see the proof in writer.c); does not decide where files end. */
#ifndef SL_S3_CUTSET_H
#define SL_S3_CUTSET_H
#include "base/metrics.h"
#include "connectors/s3/object.h"
#include "connectors/s3/plan.h"
#include "connectors/s3/rotation.h"

struct sl_s3_outgoing {
        struct sl_s3_object *object;
        char *key;
        bool asked;  /* complete() was called */
        bool there;  /* it is in the bucket */
        bool failed; /* it has failed and is not back on its way for sure */
};
struct sl_s3_set {
        struct sl_s3_set *next;
        struct sl_s3_planned plan; /* where it ends, under which id */
        int64_t start;             /* offset of its first record */
        int64_t records, cut_ms;   /* monotonic time of the cut */
        enum sl_s3_cut why;
        bool planned;              /* its cut can't be derived from the records alone */
        uint32_t count, cap;
        struct sl_s3_outgoing *objects;
};
struct sl_s3_queue {
        struct sl_s3_set *first, *last;
        uint32_t count;
        int64_t handed_to; /* end of the last cut in the plan that was handed out for a commit */
        int64_t stored_to; /* ... that is committed */
};
/* What the queues of a task share. */
struct sl_s3_sets {
        struct sl_s3_client *client;
        bool conditional;                                     /* objects have if_none_match */
        uint32_t waiting, sets;                               /* sets that want a plan to be committed; sets in all */
        uint32_t failed;                                      /* objects that have failed and aren't there yet */
        struct sl_metric *objects, *bytes, *records, *seconds, *retries; /* NULL without metrics */
};

struct sl_s3_set *sl_s3_set_new(int64_t start, const struct sl_s3_planned *plan, enum sl_s3_cut why, bool planned);
/* The set owns both from here on. failed: the object counts in sl_s3_sets.failed already. */
void sl_s3_set_add(struct sl_s3_set *set, struct sl_s3_object *object, char *key, bool failed);
void sl_s3_queue_push(struct sl_s3_queue *q, struct sl_s3_sets *all, struct sl_s3_set *set);
/* Move on what can: complete objects, look at what became of them, drop the sets that are durable. Failures are transient
 * unless the server refuses for good. */
enum sl_rc sl_s3_queue_work(struct sl_s3_queue *q, struct sl_s3_sets *all, struct sl_err *err);
/* Send a FAILED object again. Task scope (transient) when its records must be read again for that. */
enum sl_rc sl_s3_send_again(struct sl_s3_sets *all, struct sl_s3_object *object, const char *key, struct sl_err *err);
/* Send again what has failed. Task scope (transient) when records must be read again for that. */
enum sl_rc sl_s3_queue_retry(struct sl_s3_queue *q, struct sl_s3_sets *all, struct sl_err *err);
/* The plan to commit with offset `from`, where the queue begins: all cuts from the first one to the last one that needs to
 * be planned, as far as there is room (false: not all of them); empty when none does. Notes how far it reaches. */
bool sl_s3_queue_plan(struct sl_s3_queue *q, struct sl_s3_sets *all, int64_t from, struct sl_buf *out);
/* The plan that was handed out last is committed. */
void sl_s3_queue_stored(struct sl_s3_queue *q);
void sl_s3_queue_free(struct sl_s3_queue *q, struct sl_s3_sets *all); /* aborts what is unfinished */
#endif
