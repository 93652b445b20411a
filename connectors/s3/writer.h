/* SPDX-License-Identifier: Apache-2.0 */
/* One topic-partition of the sink: its open files, one an encoded partition, the cuts that are on their way, and how far
 * it is durable. */
#ifndef SL_S3_WRITER_H
#define SL_S3_WRITER_H
#include "api/connector.h"
#include "base/map.h"
#include "connectors/s3/cutset.h"
#include "connectors/s3/names.h"
#include "connectors/s3/partition.h"
#include "connectors/s3/views.h"
#include "record/project.h"

#define SL_S3_SPARE_WRITERS 16

/* How one kind of object is written. */
struct sl_s3_kind {
        const struct sl_format_ops *ops; /* NULL: this kind is not written */
        struct sl_format_opts opts;
        enum sl_s3_format format;
        const char *content_type;
        void *spare[SL_S3_SPARE_WRITERS]; /* writers without a file; what they compiled from schemas is kept */
        uint32_t spares;
        void *probe;                      /* keys and headers: finds out whether a value can be written */
        const struct sl_schema *probe_schema;
        struct sl_buf probe_out;
};
/* What the partitions of a task share. */
struct sl_s3_shared {
        struct sl_s3_kind kinds[SL_S3_VARIANTS];
        struct sl_s3_sets sets;
        struct sl_s3_names names;
        struct sl_s3_rules rules;
        bool clocked;                        /* every cut needs a plan */
        struct sl_s3_partitioner *partitioner;
        struct sl_projector *projector;
        struct sl_s3_views views;
        struct sl_arena scratch;             /* of one record */
        bool tagged;                         /* s3.object.tagging */
        const struct sl_s3_pair *tags;       /* further tags, a NULL name ends; NULL = none */
};
/* Both clocks, read once for all records of a put. */
struct sl_s3_now {
        int64_t wall_ms, mono_ms;
};

struct sl_s3_file;
struct sl_s3_part {
        struct sl_tp tp;
        int64_t seen;                /* offset after the last record handled (written, skipped or reported); -1 = none yet */
        int64_t handed;              /* offset of the last flush; -1 = none yet */
        int64_t handed_plan;         /* how far its plan reached */
        struct sl_s3_open open;
        int64_t open_start;          /* offset of the first record in open files */
        struct sl_s3_file **files;   /* open.files of them */
        uint32_t cap;
        struct sl_map by_name;       /* encoded partition -> file, when there are many */
        struct sl_s3_file *last;     /* where the last record went; NULL after a cut */
        struct sl_s3_planned plan;   /* of the open files: id and runs */
        int64_t same_ms;             /* clock time that gives the same places as the last run's */
        struct sl_s3_plan replay;    /* cuts to repeat, the first one is the open files' */
        uint32_t replayed;           /* of these, done */
        struct sl_s3_queue queue;
};

/* start: see api/connector.h; its metadata may hold a plan, which is followed. Fails when that can't be read. */
enum sl_rc sl_s3_part_init(struct sl_s3_part *p, const struct sl_tp_offset *start, struct sl_err *err);
/* Write a record (of a tombstone: its key): cuts as the rules say. Record scope: it can't be written, and nothing happened
 * to the open files. */
enum sl_rc sl_s3_part_write(struct sl_s3_part *p, struct sl_s3_shared *sh, const struct sl_record *rec, struct sl_s3_now now,
                            struct sl_err *err);
/* The record at this offset is dealt with: move on. */
enum sl_rc sl_s3_part_handled(struct sl_s3_part *p, struct sl_s3_shared *sh, int64_t offset, struct sl_err *err);
/* End the open files, if there are any. */
enum sl_rc sl_s3_part_cut(struct sl_s3_part *p, struct sl_s3_shared *sh, enum sl_s3_cut why, struct sl_err *err);
/* End them when time says so. */
enum sl_rc sl_s3_part_clock(struct sl_s3_part *p, struct sl_s3_shared *sh, struct sl_s3_now now, struct sl_err *err);
/* Move uploads on, open files' and finished ones'. Fails as they fail. */
enum sl_rc sl_s3_part_work(struct sl_s3_part *p, struct sl_s3_shared *sh, struct sl_err *err);
/* Send again what has failed. */
enum sl_rc sl_s3_part_retry(struct sl_s3_part *p, struct sl_s3_shared *sh, struct sl_err *err);
/* Add what is durable, and the plan of what is not, when one of them has changed. */
void sl_s3_part_flush(struct sl_s3_part *p, struct sl_s3_shared *sh, struct sl_offsets *durable);
/* What was added last is committed. */
void sl_s3_part_committed(struct sl_s3_part *p);
/* Does it repeat a predecessor's cuts? */
static inline bool sl_s3_part_replays(const struct sl_s3_part *p)
{
        return p->replayed < p->replay.count;
}
/* Bytes that open files hold and that only a cut sets free; *ret_tails: memory of the client that is among them. */
size_t sl_s3_part_held(const struct sl_s3_part *p, const struct sl_s3_shared *sh, size_t *ret_tails);
/* Drop the open files and abort uploads; frees what p owns. */
void sl_s3_part_free(struct sl_s3_part *p, struct sl_s3_shared *sh);
void sl_s3_kind_free(struct sl_s3_kind *k);
#endif
