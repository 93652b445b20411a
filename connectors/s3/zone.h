/* SPDX-License-Identifier: Apache-2.0 */
/* A time zone as Joda-Time's DateTimeZone answers: names and offsets that it takes, and what local times mean in gaps and overlaps.
 * Rules are those of the system's zoneinfo files (base/tzrules.h). Milliseconds since 1970 throughout.
 * @thread one at a time: the stretch without a change of offset that was used last is kept. */
#ifndef SL_S3_ZONE_H
#define SL_S3_ZONE_H
#include "base/tzrules.h"

struct sl_s3_zone {
        struct sl_tz *tz;
        char id[64];       /* as Joda prints it: the name, "+05:30", or "UTC" for every way to say no offset */
        bool fixed;        /* an offset, not a place */
        int64_t from, to;  /* where offset holds: from <= instant < to */
        int32_t offset;    /* ms east of UTC */
};
/* name: Europe/Berlin, UTC, +05:30, -0800, GMT+02... False: why not, appended. */
bool sl_s3_zone_open(struct sl_s3_zone *z, const char *name, struct sl_buf *why);
void sl_s3_zone_close(struct sl_s3_zone *z); /* accepts a zeroed struct */
/* Offset at an instant, in ms. */
int32_t sl_s3_zone_offset(struct sl_s3_zone *z, int64_t instant);
/* The start of the part of a day (or longer) that the instant lies in: its local time rounded down to a multiple of duration_ms, toward
 * zero when it lies before 1970, as Java divides. The instant must be at least a day away from the ends of 64 bits. */
int64_t sl_s3_zone_bucket(struct sl_s3_zone *z, int64_t instant, int64_t duration_ms);
/* The first multiple of interval_ms after the start of now's day that is later than now, or the next day's start if that is
 * sooner. */
int64_t sl_s3_zone_next(struct sl_s3_zone *z, int64_t now, int64_t interval_ms);
#endif
