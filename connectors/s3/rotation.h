/* SPDX-License-Identifier: Apache-2.0 */
/* When the files of a topic-partition end: pure decisions on what is open. Every cut ends all open files of the
 * topic-partition, whatever caused it. No I/O, no clocks of its own. */
#ifndef SL_S3_ROTATION_H
#define SL_S3_ROTATION_H
#include <stdbool.h>
#include <stdint.h>

#define SL_S3_NEVER INT64_MAX

struct sl_s3_rules {
        int64_t flush_size;  /* records, over all files of the topic-partition */
        int64_t flush_bytes; /* sluice.flush.bytes: of one file; <= 0: off */
        int64_t interval_ms; /* rotate.interval.ms on what the timestamp extractor says; <= 0: off */
        int64_t idle_ms;     /* sluice.rotate.idle.ms on the clock; <= 0: off */
        int32_t max_open;    /* partitioner.max.open.files; <= 0: no limit */
        bool on_change;      /* rotate.file.on.partition.change, and the partitioner is time-based */
        bool wallclock;      /* the extractor is the clock */
        bool scheduled;      /* rotate.schedule.interval.ms */
};
/* Of a topic-partition since its last cut; zeroed = nothing is open. */
struct sl_s3_open {
        int64_t count;       /* records, all files */
        uint32_t files;
        int64_t base_ts;     /* timestamp of the first record that has one; INT64_MIN = none has */
        int64_t schedule_ms; /* next scheduled rotation, wall clock; SL_S3_NEVER = none */
        int64_t last_ms;     /* monotonic time of the last record */
};
/* Of the record that comes next. */
struct sl_s3_next {
        int64_t timestamp_ms; /* INT64_MIN = none */
        bool moved;           /* another encoded partition than the record before, and neither is a tombstone */
        bool flipped;         /* a tombstone into a file of values, or the other way round */
        bool misfits;         /* its file has a schema that it does not fit */
        bool opens;           /* it needs a file that is not open */
};
enum sl_s3_cut {
        SL_S3_KEEP,
        SL_S3_CUT_COUNT,
        SL_S3_CUT_BYTES,
        SL_S3_CUT_TIME,
        SL_S3_CUT_CHANGE,
        SL_S3_CUT_SCHEDULE,
        SL_S3_CUT_IDLE,
        SL_S3_CUT_SCHEMA,
        SL_S3_CUT_NULLS,
        SL_S3_CUT_OPEN_FILES,
        SL_S3_CUT_MEMORY, /* not decided here: see sink.c */
        SL_S3_CUT_REPLAY, /* ditto: no more replayed records have come for a while; see writer.c */
        SL_S3_CUT_PLAN,   /* ditto: as a predecessor had planned it, or its plan would grow too long; see writer.c */
};

/* Must the files end before this record? In Confluent's order: nulls, time, schedule, schema, open files. */
enum sl_s3_cut sl_s3_cut_before(const struct sl_s3_rules *r, const struct sl_s3_open *o, const struct sl_s3_next *next,
                                int64_t wall_ms);
/* A record was written. schedule_ms: the next scheduled rotation, looked at when it is the first. */
void sl_s3_added(struct sl_s3_open *o, int64_t timestamp_ms, int64_t mono_ms, int64_t schedule_ms);
/* ... after the record that was written? file_bytes: size so far of the file that it went to. */
enum sl_s3_cut sl_s3_cut_after(const struct sl_s3_rules *r, const struct sl_s3_open *o, uint64_t file_bytes);
/* ... because time passes? */
enum sl_s3_cut sl_s3_cut_clock(const struct sl_s3_rules *r, const struct sl_s3_open *o, int64_t wall_ms, int64_t mono_ms);
/* Milliseconds until sl_s3_cut_clock says so (0 = now), SL_S3_NEVER when it never will. */
int64_t sl_s3_clock_left(const struct sl_s3_rules *r, const struct sl_s3_open *o, int64_t wall_ms, int64_t mono_ms);
/* Can cuts or places depend on anything but the records? Then another attempt would decide otherwise. */
bool sl_s3_rules_clocked(const struct sl_s3_rules *r);
const char *sl_s3_cut_name(enum sl_s3_cut cut);
#endif
