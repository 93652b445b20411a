/* SPDX-License-Identifier: Apache-2.0 */
/* When a file ends: pure decisions on what a topic-partition's open file knows. No I/O, no clocks of its own. */
#ifndef SL_S3_ROTATION_H
#define SL_S3_ROTATION_H
#include <stdbool.h>
#include <stdint.h>
#include "record/schema.h"

struct sl_s3_rules {
        int64_t flush_size;  /* records a file */
        int64_t interval_ms; /* rotate.interval.ms on record timestamps; <= 0: off */
        int64_t idle_ms;     /* sluice.rotate.idle.ms on the wall clock; <= 0: off */
};
/* Of the open file; zeroed when it starts. */
struct sl_s3_file {
        int64_t count;                  /* records in it */
        int64_t base_ts;                /* timestamp of the first record that has one; -1 = none yet */
        const struct sl_schema *schema; /* of all its values */
        int64_t last_ms;                /* monotonic time of the last append */
};
enum sl_s3_cut { SL_S3_KEEP, SL_S3_CUT_COUNT, SL_S3_CUT_TIME, SL_S3_CUT_SCHEMA, SL_S3_CUT_IDLE };

void sl_s3_file_start(struct sl_s3_file *f, const struct sl_schema *schema);
/* Must the file end before this record? Deterministic: depends on records only. timestamp_ms -1 = none. */
enum sl_s3_cut sl_s3_cut_before(const struct sl_s3_rules *r, const struct sl_s3_file *f, int64_t timestamp_ms,
                                const struct sl_schema *schema);
void sl_s3_file_added(struct sl_s3_file *f, int64_t timestamp_ms, int64_t now_ms);
/* ... after the record that was just added? Deterministic. */
enum sl_s3_cut sl_s3_cut_after(const struct sl_s3_rules *r, const struct sl_s3_file *f);
/* ... because nothing came for a while? Not deterministic: a later attempt may cut elsewhere. */
enum sl_s3_cut sl_s3_cut_idle(const struct sl_s3_rules *r, const struct sl_s3_file *f, int64_t now_ms);
/* Milliseconds until sl_s3_cut_idle would cut (0 = now), or -1 when it never will. */
int64_t sl_s3_idle_left(const struct sl_s3_rules *r, const struct sl_s3_file *f, int64_t now_ms);
const char *sl_s3_cut_name(enum sl_s3_cut cut);
#endif
