/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones from the system's zoneinfo files (RFC 8536), with the answers of Java's ZoneRules. Immutable once opened.
 * @thread any. */
#ifndef SL_TRANSFORMS_TZRULES_H
#define SL_TRANSFORMS_TZRULES_H
#include <stdint.h>
#include "base/str.h"

struct sl_tz;
/* A zone by its name (Europe/Berlin) or offset (+08:00, -03:30:15). NULL: why not, appended. The caller's, sl_tz_free.
 */
struct sl_tz *sl_tz_open(const char *name, struct sl_buf *why);
/* Seconds east of UTC at an instant (seconds since 1970). */
int32_t sl_tz_at(const struct sl_tz *tz, int64_t instant);
/* The same for a local time (as if it were UTC): in a gap and in an overlap the offset before it. */
int32_t sl_tz_local(const struct sl_tz *tz, int64_t local);
void sl_tz_free(struct sl_tz *tz); /* NULL is fine */

/* Days since 1970 of a date of the proleptic Gregorian calendar (month from 1), and back: the year. */
int64_t sl_days_of(int64_t year, int32_t month, int32_t day);
int64_t sl_date_of(int64_t days, int32_t *month, int32_t *day);
#endif
