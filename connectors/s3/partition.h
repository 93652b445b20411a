/* SPDX-License-Identifier: Apache-2.0 */
/* Which directory a record's file stands in, and the time of the record that rotation goes by: Confluent's partitioners and
 * timestamp extractors, and sluice.s3.FieldAndTimePartitioner. Paths into values are bound once a schema, rows run on indexes and
 * allocate nothing. Does not know files, offsets or rotation rules.
 * @thread one at a time: a partitioner belongs to a task. */
#ifndef SL_S3_PARTITION_H
#define SL_S3_PARTITION_H
#include "base/err.h"
#include "connectors/s3/config.h"
#include "record/record.h"

#define SL_S3_NO_TIME INT64_MIN /* the record has no timestamp */

struct sl_s3_partitioner;

/* tombstone: the directory of records without a value (tombstone.encoded.partition), or NULL when they are not written. cfg outlives
 * the partitioner. Fails for what sl_s3_partition_check refuses. */
enum sl_rc sl_s3_partitioner_new(const struct sl_s3_cfg *cfg, const char *tombstone, struct sl_s3_partitioner **ret,
                                 struct sl_err *err);
void sl_s3_partitioner_free(struct sl_s3_partitioner *p); /* accepts NULL */

/* The encoded partition of a record, with the schema's name before or after it (s3.schema.partition.affix.type); it is the
 * partitioner's and good until the next call, and the key by which open files are told apart. now_ms: wall clock, one value for all
 * records of a put. ret_timestamp_ms: what the extractor says; without a time-based partitioner and for tombstones the record's own
 * timestamp, or SL_S3_NO_TIME. Fails with record scope: a field is missing, has a type that can't be used, or is no time. */
enum sl_rc sl_s3_partition_of(struct sl_s3_partitioner *p, const struct sl_record *rec, int64_t now_ms,
                              int64_t *ret_timestamp_ms, struct sl_str *ret_encoded, struct sl_err *err);

/* What follows from the configuration alone. */
struct sl_s3_layout {
        bool timed;      /* time-based: rotate.file.on.partition.change applies */
        bool wallclock;  /* the directory depends on the clock at the time of writing, not on the record */
        bool needs_plan; /* another attempt may cut or place records otherwise: wallclock, or rotation by schedule */
        bool many;       /* a topic-partition can have files of several encoded partitions at a time: offsets of a file have gaps */
};
struct sl_s3_layout sl_s3_layout_of(const struct sl_s3_cfg *cfg);

/* When the next scheduled rotation is due (rotate.schedule.interval.ms, counted from midnight in timezone, and midnight itself), in
 * ms since 1970 and always later than now_ms; INT64_MAX when it is off. */
int64_t sl_s3_next_schedule(struct sl_s3_partitioner *p, int64_t now_ms);

/* Checks of the keys of group Partitioner against each other; called by sl_s3_check. */
void sl_s3_partition_check(const struct sl_s3_cfg *cfg, struct sl_cfg_report *r);
#endif
