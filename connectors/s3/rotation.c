/* SPDX-License-Identifier: Apache-2.0 */
/* Rotation rules of one topic-partition with DefaultPartitioner (one open file each).
 * flush.size, rotate.interval.ms and schema changes (schema.compatibility=NONE) look at records only, so every attempt
 * to write the same offsets cuts at the same places. A difference from Confluent's sink: there rotate.interval.ms needs
 * a time-based partitioner and is ignored otherwise; here it works on the records' Kafka timestamps. */
#include "connectors/s3/rotation.h"

void sl_s3_file_start(struct sl_s3_file *f, const struct sl_schema *schema)
{
        *f = (struct sl_s3_file){.base_ts = -1, .schema = schema};
}

enum sl_s3_cut sl_s3_cut_before(const struct sl_s3_rules *r, const struct sl_s3_file *f, int64_t timestamp_ms,
                                const struct sl_schema *schema)
{
        if (f->count == 0)
                return SL_S3_KEEP;
        if (r->interval_ms > 0 && f->base_ts >= 0 && timestamp_ms >= 0 && timestamp_ms - f->base_ts >= r->interval_ms)
                return SL_S3_CUT_TIME;
        return schema == f->schema ? SL_S3_KEEP : SL_S3_CUT_SCHEMA; /* schemas are interned */
}

void sl_s3_file_added(struct sl_s3_file *f, int64_t timestamp_ms, int64_t now_ms)
{
        f->count++;
        if (f->base_ts < 0)
                f->base_ts = timestamp_ms;
        f->last_ms = now_ms;
}

enum sl_s3_cut sl_s3_cut_after(const struct sl_s3_rules *r, const struct sl_s3_file *f)
{
        return f->count > 0 && f->count >= r->flush_size ? SL_S3_CUT_COUNT : SL_S3_KEEP;
}

int64_t sl_s3_idle_left(const struct sl_s3_rules *r, const struct sl_s3_file *f, int64_t now_ms)
{
        if (r->idle_ms <= 0 || f->count == 0)
                return -1;
        int64_t left = f->last_ms + r->idle_ms - now_ms;
        return left > 0 ? left : 0;
}

enum sl_s3_cut sl_s3_cut_idle(const struct sl_s3_rules *r, const struct sl_s3_file *f, int64_t now_ms)
{
        return sl_s3_idle_left(r, f, now_ms) == 0 ? SL_S3_CUT_IDLE : SL_S3_KEEP;
}

const char *sl_s3_cut_name(enum sl_s3_cut cut)
{
        static const char *const names[] = {"none", "flush.size", "rotate.interval.ms", "schema",
                                            "sluice.rotate.idle.ms"};
        return names[cut];
}
