/* SPDX-License-Identifier: Apache-2.0 */
/* See zone.h. Facts: what Joda-Time 2.12 answers (tests/conformance/s3_paths compares). */
#include "connectors/s3/zone.h"

#include <stdio.h>

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

/* ---- names ---- */

static int two_digits(const char *p)
{
        bool ok = p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9';
        return ok ? (p[0] - '0') * 10 + (p[1] - '0') : -1;
}

/* Behind the sign: hh[:mm[:ss]] or hh[mm[ss]]. */
static bool offset_of(const char *p, int32_t *ret)
{
        int32_t unit = 3600, limit = 23;
        bool colons = strlen(p) > 2 && p[2] == ':';
        for (*ret = 0; unit; unit /= 60, limit = 59) {
                int n = *p ? two_digits(p) : -1;
                if (n < 0 || n > limit)
                        return false;
                *ret += n * unit;
                p += 2;
                if (!*p)
                        return true;
                if (colons && *p++ != ':')
                        return false;
        }
        return false;
}

static void print_offset(int32_t seconds, char *out, size_t size)
{
        int32_t s = seconds < 0 ? -seconds : seconds;
        if (s % 60)
                snprintf(out, size, "%c%02d:%02d:%02d", seconds < 0 ? '-' : '+', s / 3600, s / 60 % 60, s % 60);
        else
                snprintf(out, size, "%c%02d:%02d", seconds < 0 ? '-' : '+', s / 3600, s / 60 % 60);
}

/* An offset, behind nothing or UTC, GMT, UT; or one of the ways to say none. */
static bool fixed_zone(struct sl_s3_zone *z, const char *name)
{
        static const char *const prefixes[] = {"", "UTC", "GMT", "UT"}, *const none[] = {"UTC", "UT", "Z"};
        int32_t seconds = 0;
        for (size_t i = 0; i < 3 && !z->fixed; i++)
                z->fixed = strcmp(name, none[i]) == 0;
        for (size_t i = 0; i < 4 && !z->fixed; i++) {
                size_t n = strlen(prefixes[i]);
                if (strncmp(name, prefixes[i], n) == 0 && (name[n] == '+' || name[n] == '-') && offset_of(name + n + 1, &seconds)) {
                        seconds = name[n] == '-' ? -seconds : seconds;
                        z->fixed = true;
                }
        }
        if (!z->fixed)
                return false;
        z->tz = sl_tz_fixed(seconds);
        if (seconds)
                print_offset(seconds, z->id, sizeof(z->id));
        else
                memcpy(z->id, "UTC", 4);
        return true;
}

bool sl_s3_zone_open(struct sl_s3_zone *z, const char *name, struct sl_buf *why)
{
        size_t n = strlen(name), start = why->len;
        *z = (struct sl_s3_zone){.to = INT64_MIN};
        if (fixed_zone(z, name))
                return true;
        z->tz = n < sizeof(z->id) ? sl_tz_open(name, why) : NULL;
        if (z->tz) {
                memcpy(z->id, name, n + 1);
                return true;
        }
        why->len = start;
        sl_buf_printf(why, "The datetime zone id '%s' is not recognised", name);
        return false;
}

void sl_s3_zone_close(struct sl_s3_zone *z)
{
        sl_tz_free(z->tz);
        z->tz = NULL;
}

/* ---- offsets ---- */

static int64_t to_ms(int64_t seconds)
{
        return seconds > INT64_MAX / 1000 ? INT64_MAX : seconds < INT64_MIN / 1000 ? INT64_MIN : seconds * 1000;
}

/* The first change behind an instant, or INT64_MAX. */
static int64_t next_change(const struct sl_s3_zone *z, int64_t instant)
{
        return to_ms(sl_tz_next(z->tz, sl_floor_div(instant, 1000)));
}

int32_t sl_s3_zone_offset(struct sl_s3_zone *z, int64_t instant)
{
        if (instant < z->from || instant >= z->to) {
                int64_t seconds = sl_floor_div(instant, 1000);
                z->offset = 1000 * sl_tz_at(z->tz, seconds);
                z->from = to_ms(sl_tz_last(z->tz, seconds));
                z->to = next_change(z, instant);
        }
        return z->offset;
}

/* The instant of a local time. In an overlap the one that the guess of the offset at that time, taken as UTC, leads to; in a gap
 * what lies behind it. */
static int64_t to_utc(struct sl_s3_zone *z, int64_t local)
{
        int32_t guess = sl_s3_zone_offset(z, local), offset = sl_s3_zone_offset(z, local - guess);
        if (guess != offset && guess < 0 && next_change(z, local - guess) != next_change(z, local - offset))
                offset = guess;
        return local - offset;
}

int64_t sl_s3_zone_bucket(struct sl_s3_zone *z, int64_t instant, int64_t duration_ms)
{
        int64_t local = instant + sl_s3_zone_offset(z, instant);
        int64_t start = local / duration_ms * duration_ms, utc = start - z->offset;
        bool plain = start >= z->from && start < z->to && utc >= z->from && utc < z->to;
        return plain ? utc : to_utc(z, start);
}

/* ---- days ---- */

/* In an overlap the earlier of the two instants that have this local time. */
static int64_t earlier(struct sl_s3_zone *z, int64_t instant)
{
        int64_t diff = (int64_t)sl_s3_zone_offset(z, instant - 3 * HOUR_MS) - sl_s3_zone_offset(z, instant + 3 * HOUR_MS);
        if (diff <= 0)
                return instant;
        int64_t change = next_change(z, instant - 3 * HOUR_MS);
        return instant >= change && instant < change + diff ? instant - diff : instant;
}

static int64_t day_start(struct sl_s3_zone *z, int64_t now)
{
        int64_t midnight = sl_floor_div(now + sl_s3_zone_offset(z, now), DAY_MS) * DAY_MS;
        int64_t in_day = to_utc(z, midnight + 6 * HOUR_MS);
        int32_t offset = sl_s3_zone_offset(z, in_day);
        midnight = sl_floor_div(in_day + offset, DAY_MS) * DAY_MS;
        bool same = sl_s3_zone_offset(z, midnight - offset) == offset;
        return earlier(z, same ? midnight - offset : to_utc(z, midnight));
}

/* One calendar day on: the offset of the local time, the earlier one in an overlap. */
static int64_t next_day(struct sl_s3_zone *z, int64_t start)
{
        int64_t local = start + sl_s3_zone_offset(z, start) + DAY_MS;
        int32_t guess = sl_s3_zone_offset(z, local), offset = sl_s3_zone_offset(z, local - guess);
        if (guess < offset && next_change(z, local - guess) != next_change(z, local - offset))
                return local - guess;
        int64_t change = to_ms(sl_tz_last(z->tz, sl_floor_div(local - guess, 1000)));
        if (guess == offset && guess >= 0 && change != INT64_MIN) {
                int32_t before = sl_s3_zone_offset(z, change - 1);
                if (local - guess - (change - 1) <= before - guess)
                        return local - before;
        }
        return local - offset;
}

int64_t sl_s3_zone_next(struct sl_s3_zone *z, int64_t now, int64_t interval_ms)
{
        int64_t start = day_start(z, now), day = next_day(z, start) - start, k = (now - start) / interval_ms + 1;
        int64_t next = start + (interval_ms > day || k > day / interval_ms ? day : k * interval_ms);
        if (next > now)
                return next;
        /* The clock was put back over midnight, and this is the day's end for the second time. Joda says the first. */
        int32_t offset = sl_s3_zone_offset(z, now);
        return (sl_floor_div(now + offset, DAY_MS) + 1) * DAY_MS - offset;
}
