/* SPDX-License-Identifier: Apache-2.0 */
/* java.util.GregorianCalendar for time zone UTC and locale en-US: Julian before 1582-10-15, weeks begin on Sunday and week 1 is the
 * one with January 1. Lenient: a month 13 or a day 45 counts on. No time zones, no other locales. Facts: the class's documentation,
 * and what JDK 17 answers. */
#ifndef SL_TRANSFORMS_JAVACAL_H
#define SL_TRANSFORMS_JAVACAL_H
#include <stdbool.h>
#include <stdint.h>
#include "base/tzrules.h"

#define SL_DAY_MS INT64_C(86400000)

/* An instant taken apart. */
struct sl_moment {
        bool bc;
        int64_t year, week_year; /* year counts from 1 in its era; week_year is 0 for 1 BC */
        int32_t month, day;      /* 0..11, 1..31 */
        int32_t day_of_year, week_of_year, week_of_month, day_of_week_in_month;
        int32_t day_of_week;     /* 1 = Sunday */
        int32_t ms;              /* of the day */
};
void sl_moment_of(int64_t ms, struct sl_moment *ret);

/* Fields of which an instant is put together; which of them count is decided by the order in which they were set. */
enum sl_cal_field {
        SL_CAL_ERA, /* 0 = BC, 1 = AD */
        SL_CAL_YEAR,
        SL_CAL_WEEK_YEAR,
        SL_CAL_MONTH, /* 0 = January */
        SL_CAL_WEEK_OF_YEAR,
        SL_CAL_WEEK_OF_MONTH,
        SL_CAL_DAY,
        SL_CAL_DAY_OF_YEAR,
        SL_CAL_DAY_OF_WEEK, /* 1 = Sunday */
        SL_CAL_DAY_OF_WEEK_IN_MONTH,
        SL_CAL_AM_PM,
        SL_CAL_HOUR, /* 0..11 */
        SL_CAL_HOUR_OF_DAY,
        SL_CAL_MINUTE,
        SL_CAL_SECOND,
        SL_CAL_MS,
        SL_CAL_ZONE, /* offset from UTC in ms */
        SL_CAL_COUNT,
};
struct sl_cal {
        int32_t value[SL_CAL_COUNT];
        int32_t stamp[SL_CAL_COUNT]; /* 0 = not set; the later, the larger */
        int32_t last;
};
static inline void sl_cal_set(struct sl_cal *c, enum sl_cal_field f, int32_t value)
{
        c->value[f] = value;
        c->stamp[f] = ++c->last;
}
/* Milliseconds since 1970. Years beyond what 64 bits hold wrap, as in Java. */
int64_t sl_cal_ms(const struct sl_cal *c);
#endif
