/* SPDX-License-Identifier: Apache-2.0 */
/* Confluent's rotation rules, as its TopicPartitionWriter applies them. Different on purpose:
 *   - without a time-based partitioner rotate.interval.ms works on the records' Kafka timestamps (there it is ignored);
 *   - a record that can't be written does not start the interval's clock: a successor would not see it;
 *   - with the Wallclock extractor the interval also ends when no record comes.
 * A scheduled tick that finds nothing open is skipped: the next one is looked up when the first record is written. */
#include "connectors/s3/rotation.h"

static bool passed(const struct sl_s3_rules *r, const struct sl_s3_open *o, int64_t timestamp_ms)
{
        return r->interval_ms > 0 && o->base_ts != INT64_MIN && timestamp_ms != INT64_MIN &&
               timestamp_ms - o->base_ts >= r->interval_ms;
}

static bool scheduled(const struct sl_s3_rules *r, const struct sl_s3_open *o, int64_t wall_ms)
{
        return r->scheduled && wall_ms >= o->schedule_ms;
}

enum sl_s3_cut sl_s3_cut_before(const struct sl_s3_rules *r, const struct sl_s3_open *o, const struct sl_s3_next *next,
                                int64_t wall_ms)
{
        if (o->count == 0)
                return SL_S3_KEEP;
        if (next->flipped)
                return SL_S3_CUT_NULLS;
        if (passed(r, o, next->timestamp_ms))
                return SL_S3_CUT_TIME;
        if (r->interval_ms > 0 && r->on_change && next->moved)
                return SL_S3_CUT_CHANGE;
        if (scheduled(r, o, wall_ms))
                return SL_S3_CUT_SCHEDULE;
        if (next->misfits)
                return SL_S3_CUT_SCHEMA;
        if (r->max_open > 0 && next->opens && o->files >= (uint32_t)r->max_open)
                return SL_S3_CUT_OPEN_FILES;
        return SL_S3_KEEP;
}

void sl_s3_added(struct sl_s3_open *o, int64_t timestamp_ms, int64_t mono_ms, int64_t schedule_ms)
{
        if (o->count++ == 0) {
                o->base_ts = INT64_MIN;
                o->schedule_ms = schedule_ms;
        }
        if (o->base_ts == INT64_MIN)
                o->base_ts = timestamp_ms;
        o->last_ms = mono_ms;
}

enum sl_s3_cut sl_s3_cut_after(const struct sl_s3_rules *r, const struct sl_s3_open *o, uint64_t file_bytes)
{
        if (o->count > 0 && o->count >= r->flush_size)
                return SL_S3_CUT_COUNT;
        return r->flush_bytes > 0 && file_bytes >= (uint64_t)r->flush_bytes ? SL_S3_CUT_BYTES : SL_S3_KEEP;
}

enum sl_s3_cut sl_s3_cut_clock(const struct sl_s3_rules *r, const struct sl_s3_open *o, int64_t wall_ms, int64_t mono_ms)
{
        if (o->count == 0)
                return SL_S3_KEEP;
        if (r->wallclock && passed(r, o, wall_ms))
                return SL_S3_CUT_TIME;
        if (scheduled(r, o, wall_ms))
                return SL_S3_CUT_SCHEDULE;
        return r->idle_ms > 0 && mono_ms - o->last_ms >= r->idle_ms ? SL_S3_CUT_IDLE : SL_S3_KEEP;
}

static int64_t sooner(int64_t left, int64_t than)
{
        left = left > 0 ? left : 0;
        return left < than ? left : than;
}

int64_t sl_s3_clock_left(const struct sl_s3_rules *r, const struct sl_s3_open *o, int64_t wall_ms, int64_t mono_ms)
{
        int64_t left = SL_S3_NEVER;
        if (o->count == 0)
                return left;
        if (r->wallclock && r->interval_ms > 0 && o->base_ts != INT64_MIN)
                left = sooner(o->base_ts + r->interval_ms - wall_ms, left);
        if (r->scheduled && o->schedule_ms != SL_S3_NEVER)
                left = sooner(o->schedule_ms - wall_ms, left);
        if (r->idle_ms > 0)
                left = sooner(o->last_ms + r->idle_ms - mono_ms, left);
        return left;
}

bool sl_s3_rules_clocked(const struct sl_s3_rules *r)
{
        return r->wallclock || r->scheduled || r->idle_ms > 0 || r->flush_bytes > 0;
}

const char *sl_s3_cut_name(enum sl_s3_cut cut)
{
        static const char *const names[] = {"none",
                                            "flush.size",
                                            "sluice.flush.bytes",
                                            "rotate.interval.ms",
                                            "rotate.file.on.partition.change",
                                            "rotate.schedule.interval.ms",
                                            "sluice.rotate.idle.ms",
                                            "schema",
                                            "null",
                                            "partitioner.max.open.files",
                                            "sluice.task.memory.bytes",
                                            "replay",
                                            "plan"};
        return names[cut];
}
