/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones from the system's zoneinfo files (RFC 8536), with the answers of Java's ZoneRules, and the calendar arithmetic that goes
 * with them. Immutable once opened.
 * @thread any. */
#ifndef SL_BASE_TZRULES_H
#define SL_BASE_TZRULES_H
#include <stdint.h>
#include "base/str.h"

/* a / n and a % n toward minus infinity, n > 0. */
static inline int64_t sl_floor_mod(int64_t a, int64_t n)
{
        int64_t r = a % n;
        return r < 0 ? r + n : r;
}
static inline int64_t sl_floor_div(int64_t a, int64_t n)
{
        return a / n - (a % n < 0);
}

struct sl_tz;
/* A zone by its name (Europe/Berlin) or offset (+08:00, -03:30:15). NULL: why not, appended. The caller's, sl_tz_free.
 */
struct sl_tz *sl_tz_open(const char *name, struct sl_buf *why);
/* The zone that is always this many seconds east of UTC. */
struct sl_tz *sl_tz_fixed(int32_t seconds);
/* Seconds east of UTC at an instant (seconds since 1970). */
int32_t sl_tz_at(const struct sl_tz *tz, int64_t instant);
/* The same for a local time (as if it were UTC): in a gap and in an overlap the offset before it. */
int32_t sl_tz_local(const struct sl_tz *tz, int64_t local);
/* How the zone is called at an instant in the database: letters (CET, CEST), or the offset where nobody has a name (-03). "" for an
 * offset. The zone's. */
const char *sl_tz_name(const struct sl_tz *tz, int64_t instant);
/* The first change of the offset or name behind an instant (INT64_MAX: there is none), and the last one that is not behind it (INT64_MIN). */
int64_t sl_tz_next(const struct sl_tz *tz, int64_t instant);
int64_t sl_tz_last(const struct sl_tz *tz, int64_t instant);
void sl_tz_free(struct sl_tz *tz); /* NULL is fine */

/* Days since 1970 of a date of the proleptic Gregorian calendar (month from 1), and back: the year. */
int64_t sl_days_of(int64_t year, int32_t month, int32_t day);
int64_t sl_date_of(int64_t days, int32_t *month, int32_t *day);
#endif
