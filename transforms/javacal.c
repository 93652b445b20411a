/* SPDX-License-Identifier: Apache-2.0 */
/* See javacal.h. Days are counted from 1970-01-01. */
#include "transforms/javacal.h"

#define CUTOVER (-141427) /* 1582-10-15, the first day of the Gregorian calendar */
#define CUTOVER_YEAR 1582

/* ---- days and dates; years are 0 for 1 BC ---- */

static int64_t day_number(bool julian, int64_t year, int64_t month, int64_t day)
{
        int64_t march = month >= 2 ? month - 2 : month + 10, y = month >= 2 ? year : year - 1;
        int64_t n = 365 * y + sl_floor_div(y, 4) + (153 * march + 2) / 5 + day - 1;
        return julian ? n - 719470 : n - sl_floor_div(y, 100) + sl_floor_div(y, 400) - 719468;
}

static void date_of(int64_t n, int64_t *year, int32_t *month, int32_t *day)
{
        int64_t y, rest;
        if (n < CUTOVER) {
                n += 719470;
                y = sl_floor_div(4 * n + 3, 1461);
                rest = n - 365 * y - sl_floor_div(y, 4);
        } else {
                int64_t era = sl_floor_div(n + 719468, 146097), of_era = n + 719468 - era * 146097;
                y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
                rest = of_era - (365 * y + y / 4 - y / 100);
                y += era * 400;
        }
        int64_t march = (5 * rest + 2) / 153;
        *day = (int32_t)(rest - (153 * march + 2) / 5 + 1);
        *month = (int32_t)(march < 10 ? march + 2 : march - 10);
        *year = y + (*month < 2);
}

static int64_t first_of_year(int64_t year)
{
        return day_number(year <= CUTOVER_YEAR, year, 0, 1);
}

/* The nearest day up to n that is this day of the week (1 = Sunday; 8 is Sunday again). */
static int64_t weekday_up_to(int64_t n, int64_t day_of_week)
{
        return n - sl_floor_mod(n + 5 - day_of_week, 7);
}

static int32_t week_since(int64_t first, int64_t n)
{
        return (int32_t)((n - weekday_up_to(first, 1)) / 7 + 1);
}

void sl_moment_of(int64_t ms, struct sl_moment *ret)
{
        int64_t n = sl_floor_div(ms, SL_DAY_MS), year, next;
        date_of(n, &year, &ret->month, &ret->day);
        int64_t first = first_of_year(year);
        int64_t month1 = day_number(n < CUTOVER || (year == CUTOVER_YEAR && ret->month == 9), year, ret->month, 1);
        ret->ms = (int32_t)sl_floor_mod(ms, SL_DAY_MS);
        ret->bc = year <= 0;
        ret->year = year <= 0 ? 1 - year : year;
        ret->day_of_week = (int32_t)sl_floor_mod(n + 4, 7) + 1;
        ret->day_of_year = (int32_t)(n - first) + 1;
        ret->day_of_week_in_month = (int32_t)(n - month1) / 7 + 1;
        ret->week_of_month = week_since(month1, n);
        ret->week_of_year = week_since(first, n);
        ret->week_year = year;
        next = weekday_up_to(first_of_year(year + 1), 1);
        if (n >= next) { /* the week of the next January 1 */
                ret->week_of_year = 1;
                ret->week_year = year + 1;
        }
}

/* ---- from fields ---- */

/* How the day is found: which fields beside the year count. */
enum rule { BY_DAY, BY_WEEK_OF_MONTH, BY_DAY_OF_WEEK_IN_MONTH, BY_DAY_OF_YEAR, BY_WEEK_OF_YEAR };

static int32_t later(int32_t a, int32_t b)
{
        return a > b ? a : b;
}

/* When two fields say something only together: when the second of them was set. */
static int32_t both(int32_t a, int32_t b)
{
        return a && b ? later(a, b) : 0;
}

static enum rule rule_of(const int32_t *stamp)
{
        int32_t dow = stamp[SL_CAL_DAY_OF_WEEK], week = stamp[SL_CAL_WEEK_OF_YEAR];
        int32_t wom = stamp[SL_CAL_WEEK_OF_MONTH], dim = stamp[SL_CAL_DAY_OF_WEEK_IN_MONTH];
        int32_t by[] = {[BY_DAY] = stamp[SL_CAL_DAY],
                        [BY_WEEK_OF_MONTH] = both(wom, dow),
                        [BY_DAY_OF_WEEK_IN_MONTH] = both(dim, dow),
                        [BY_DAY_OF_YEAR] = stamp[SL_CAL_DAY_OF_YEAR],
                        [BY_WEEK_OF_YEAR] = both(week, dow)};
        int32_t best = 0;
        for (int i = 0; i < 5; i++)
                best = later(best, by[i]);
        if (!best) { /* no complete set: a week alone; a day of the week alone is the first one in its month */
                by[BY_WEEK_OF_MONTH] = wom;
                by[BY_DAY_OF_WEEK_IN_MONTH] = later(dim, dow);
                by[BY_WEEK_OF_YEAR] = week;
                best = later(later(wom, by[BY_DAY_OF_WEEK_IN_MONTH]), week);
        }
        if (best == by[BY_DAY])
                return BY_DAY;
        bool week_of_month = best == by[BY_WEEK_OF_MONTH] && wom >= week;
        bool in_month = best == by[BY_DAY_OF_WEEK_IN_MONTH] && dim >= week;
        if (week_of_month || in_month) {
                if (by[BY_WEEK_OF_MONTH] == by[BY_DAY_OF_WEEK_IN_MONTH])
                        return wom >= dim ? BY_WEEK_OF_MONTH : BY_DAY_OF_WEEK_IN_MONTH;
                return best == by[BY_WEEK_OF_MONTH] ? BY_WEEK_OF_MONTH : BY_DAY_OF_WEEK_IN_MONTH;
        }
        return best == by[BY_DAY_OF_YEAR] ? BY_DAY_OF_YEAR : BY_WEEK_OF_YEAR;
}

static int64_t day_in_month(const struct sl_cal *c, enum rule rule, bool julian, int64_t year)
{
        int64_t month = c->value[SL_CAL_MONTH];
        year += sl_floor_div(month, 12);
        month = sl_floor_mod(month, 12);
        int64_t first = day_number(julian, year, month, 1);
        bool dow_set = c->stamp[SL_CAL_DAY_OF_WEEK];
        int64_t dow = dow_set ? c->value[SL_CAL_DAY_OF_WEEK] : 1;
        if (rule == BY_DAY)
                return c->stamp[SL_CAL_DAY] ? first + c->value[SL_CAL_DAY] - 1 : first;
        if (rule == BY_WEEK_OF_MONTH) {
                int64_t week = weekday_up_to(first, 1);
                if (dow_set)
                        week = weekday_up_to(week + 6, dow);
                return week + 7 * ((int64_t)c->value[SL_CAL_WEEK_OF_MONTH] - 1);
        }
        int64_t nth = c->stamp[SL_CAL_DAY_OF_WEEK_IN_MONTH] ? c->value[SL_CAL_DAY_OF_WEEK_IN_MONTH] : 1;
        if (nth >= 0)
                return weekday_up_to(first + 7 * nth - 1, dow);
        int64_t length = day_number(julian, year + (month == 11), (month + 1) % 12, 1) - first;
        return weekday_up_to(first + length + 7 * (nth + 1) - 1, dow);
}

static int64_t day_in_year(const struct sl_cal *c, enum rule rule, bool julian, int64_t year)
{
        int64_t first = day_number(julian, year, 0, 1);
        if (rule == BY_DAY_OF_YEAR)
                return first + c->value[SL_CAL_DAY_OF_YEAR] - 1;
        int64_t week = weekday_up_to(first, 1);
        if (c->stamp[SL_CAL_DAY_OF_WEEK])
                week = weekday_up_to(week + 6, c->value[SL_CAL_DAY_OF_WEEK]);
        return week + 7 * ((int64_t)c->value[SL_CAL_WEEK_OF_YEAR] - 1);
}

/* The day, in the calendar that was in use then; extra: days that the time of day brings along. */
static int64_t day_of(const struct sl_cal *c, int64_t year, int64_t extra)
{
        enum rule rule = rule_of(c->stamp);
        bool of_year = rule == BY_DAY_OF_YEAR || rule == BY_WEEK_OF_YEAR;
        bool julian = year < CUTOVER_YEAR || (year == CUTOVER_YEAR && of_year);
        int64_t day = extra + (of_year ? day_in_year(c, rule, julian, year) : day_in_month(c, rule, julian, year));
        if (!julian && day < CUTOVER)
                day = extra + (of_year ? day_in_year(c, rule, true, year) : day_in_month(c, rule, true, year));
        return day;
}

/* A date by week year, week and day of the week. */
static int64_t day_of_week_date(const struct sl_cal *c, int64_t year, int64_t extra)
{
        int64_t week = c->stamp[SL_CAL_WEEK_OF_YEAR] ? c->value[SL_CAL_WEEK_OF_YEAR] : 1;
        int64_t dow = c->stamp[SL_CAL_DAY_OF_WEEK] ? c->value[SL_CAL_DAY_OF_WEEK] : 1;
        if (dow < 1 || dow > 7) { /* only "u" brings it: 8 is Monday of the next week, 0 Sunday of the one before */
                week += sl_floor_div(dow - 1, 7);
                dow = sl_floor_mod(dow - 1, 7) + 1;
                dow = dow == 7 ? 1 : dow + 1;
        }
        int64_t day = weekday_up_to(first_of_year(year), 1) + dow - 1 + 7 * (week - 1);
        return extra + sl_floor_div((int64_t)((uint64_t)day * (uint64_t)SL_DAY_MS), SL_DAY_MS); /* wraps here, too */
}

int64_t sl_cal_ms(const struct sl_cal *c)
{
        const int32_t *stamp = c->stamp, *value = c->value;
        bool by_week = stamp[SL_CAL_WEEK_YEAR] > stamp[SL_CAL_YEAR];
        int64_t year = by_week ? value[SL_CAL_WEEK_YEAR] : stamp[SL_CAL_YEAR] ? value[SL_CAL_YEAR] : 1970;
        if (stamp[SL_CAL_ERA] && value[SL_CAL_ERA] == 0)
                year = 1 - year;
        int32_t half_day = both(stamp[SL_CAL_HOUR], stamp[SL_CAL_AM_PM]), whole = stamp[SL_CAL_HOUR_OF_DAY];
        int64_t hour = value[SL_CAL_HOUR_OF_DAY];
        if (half_day > whole || (!half_day && !whole))
                hour = value[SL_CAL_HOUR] + 12 * (int64_t)value[SL_CAL_AM_PM];
        int64_t time = ((hour * 60 + value[SL_CAL_MINUTE]) * 60 + value[SL_CAL_SECOND]) * 1000 + value[SL_CAL_MS];
        int64_t extra = sl_floor_div(time, SL_DAY_MS);
        int64_t day = by_week ? day_of_week_date(c, year, extra) : day_of(c, year, extra);
        uint64_t ms = (uint64_t)day * (uint64_t)SL_DAY_MS + (uint64_t)sl_floor_mod(time, SL_DAY_MS);
        return (int64_t)(ms - (uint64_t)(int64_t)value[SL_CAL_ZONE]);
}
