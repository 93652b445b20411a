/* SPDX-License-Identifier: Apache-2.0 */
/* See isotime.h. Joda tries alternatives and takes the longest; what can stand behind a part is optional, so a part that can't be read is
 * left to what follows, and the whole text has to be used up in the end. */
#include "connectors/s3/isotime.h"

#include "base/tzrules.h"

#define SECOND_MS 1000
#define MINUTE_MS 60000
#define HOUR_MS 3600000
#define DAY_MS INT64_C(86400000)
#define YEAR_MAX 292278993 /* of 64 bits of milliseconds, and Joda's */
#define YEAR_MIN (-292275053)

struct cursor {
        const char *p, *end;
};

static bool literal(struct cursor *c, char want)
{
        bool is = c->p < c->end && (*c->p == want || *c->p == (want | 32));
        c->p += is;
        return is;
}

static bool digit(const struct cursor *c, size_t at)
{
        return (size_t)(c->end - c->p) > at && c->p[at] >= '0' && c->p[at] <= '9';
}

/* Up to max digits; nothing is consumed when there is none. */
static bool number(struct cursor *c, int max, int64_t *ret)
{
        int n = 0;
        for (*ret = 0; n < max && digit(c, 0); n++)
                *ret = *ret * 10 + (*c->p++ - '0');
        return n > 0;
}

static bool year_number(struct cursor *c, int64_t *ret)
{
        bool sign = c->p < c->end && (*c->p == '-' || *c->p == '+') && digit(c, 1);
        bool negative = sign && *c->p == '-';
        c->p += sign;
        if (!number(c, 9, ret))
                return false;
        *ret = negative ? -*ret : *ret;
        return true;
}

/* A literal and a number behind it, or nothing. */
static bool part(struct cursor *c, const char *head, int max, int64_t *ret)
{
        struct cursor try = *c;
        for (; *head; head++)
                if (!literal(&try, *head))
                        return false;
        if (!number(&try, max, ret))
                return false;
        *c = try;
        return true;
}

static int64_t week_start(int64_t week_year)
{
        int64_t fourth = sl_days_of(week_year, 1, 4); /* always in week 1 */
        return fourth - sl_floor_mod(fourth + 3, 7);
}

static int32_t month_days(int64_t year, int64_t month)
{
        int32_t m = (int32_t)month;
        return (int32_t)((m == 12 ? sl_days_of(year + 1, 1, 1) : sl_days_of(year, m + 1, 1)) - sl_days_of(year, m, 1));
}

static bool calendar_date(int64_t year, int64_t month, int64_t day, int64_t *ret)
{
        if (month < 1 || month > 12 || day < 1 || day > month_days(year, month))
                return false;
        *ret = sl_days_of(year, (int32_t)month, (int32_t)day);
        return true;
}

static bool week_date(int64_t year, int64_t week, int64_t day, int64_t *ret)
{
        int64_t start = week_start(year);
        if (week < 1 || week > (week_start(year + 1) - start) / 7 || day < 1 || day > 7)
                return false;
        *ret = start + 7 * (week - 1) + day - 1;
        return true;
}

static bool ordinal_date(int64_t year, int64_t day, int64_t *ret)
{
        int64_t first = sl_days_of(year, 1, 1);
        *ret = first + day - 1;
        return day >= 1 && *ret < sl_days_of(year + 1, 1, 1);
}

/* yyyy[-MM[-dd]], yyyy-DDD or xxxx-Www[-e]: what is longest, and of equals the first. 1: read, 0: none, -1: no such day. */
static int date(struct cursor *c, int64_t *days)
{
        int64_t year, month = 1, day = 1, ordinal = 0, week = 0, weekday = 1;
        if (!year_number(c, &year))
                return 0;
        struct cursor by_month = *c, by_day = *c, by_week = *c;
        if (part(&by_month, "-", 2, &month))
                part(&by_month, "-", 2, &day);
        if (part(&by_week, "-W", 2, &week))
                part(&by_week, "-", 1, &weekday);
        part(&by_day, "-", 3, &ordinal);
        if (year > YEAR_MAX || year < YEAR_MIN)
                return -1;
        bool ok;
        if (by_week.p > by_month.p && by_week.p >= by_day.p) {
                ok = week_date(year, week, weekday, days);
                *c = by_week;
        } else if (by_day.p > by_month.p) {
                ok = ordinal_date(year, ordinal, days);
                *c = by_day;
        } else {
                ok = calendar_date(year, month, day, days);
                *c = by_month;
        }
        return ok ? 1 : -1;
}

/* [.,] and up to nine digits of a unit, in ms cut off. */
static bool fraction(struct cursor *c, int64_t unit_ms, int64_t *ms)
{
        if (c->end - c->p < 2 || (*c->p != '.' && *c->p != ',') || !digit(c, 1))
                return false;
        int64_t sum = 0, n = unit_ms;
        c->p++;
        for (int i = 0; i < 9 && digit(c, 0); i++, n /= 10)
                sum += (*c->p++ - '0') * n;
        *ms += sum / 10;
        return true;
}

/* HH[:mm[:ss]], the last of them with a fraction. 1: read, 0: none, -1: no such time. */
static int clock_time(struct cursor *c, int64_t *ms)
{
        int64_t hour, minute = 0, second = 0;
        *ms = 0;
        if (!number(c, 2, &hour))
                return 0;
        if (!part(c, ":", 2, &minute))
                fraction(c, HOUR_MS, ms);
        else if (!part(c, ":", 2, &second))
                fraction(c, MINUTE_MS, ms);
        else
                fraction(c, SECOND_MS, ms);
        *ms += hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS;
        return hour < 24 && minute < 60 && second < 60 ? 1 : -1;
}

static bool two_digits(struct cursor *c, int64_t max, int64_t *ret)
{
        return digit(c, 0) && digit(c, 1) && number(c, 2, ret) && *ret <= max;
}

/* Z, or a sign and HH, HHmm, HHmmss, HHmmssSSS, the same with colons and a point. False: there is none that can be read. */
static bool offset(struct cursor *c, int64_t *ms)
{
        struct cursor o = *c;
        int64_t n;
        *ms = 0;
        if (literal(c, 'Z'))
                return true;
        bool negative = o.p < o.end && *o.p == '-';
        if (o.p == o.end || (*o.p != '-' && *o.p != '+'))
                return false;
        o.p++;
        if (!two_digits(&o, 23, &n))
                return false;
        *ms = n * HOUR_MS;
        bool colons = o.p < o.end && *o.p == ':';
        int64_t unit = MINUTE_MS;
        for (; unit >= SECOND_MS; unit /= 60) {
                if (o.p == o.end || (colons ? *o.p != ':' : !digit(&o, 0)))
                        break;
                o.p += colons;
                if (!two_digits(&o, 59, &n))
                        return false;
                *ms += n * unit;
        }
        bool point = o.p < o.end && (*o.p == '.' || *o.p == ',');
        if (unit < SECOND_MS && (colons ? point : digit(&o, 0))) {
                o.p += colons;
                if (!digit(&o, 0))
                        return false;
                for (int64_t scale = 100; scale && digit(&o, 0); scale /= 10)
                        *ms += (*o.p++ - '0') * scale;
        }
        *ms = negative ? -*ms : *ms;
        *c = o;
        return true;
}

bool sl_s3_iso_time(struct sl_str text, int64_t *ret)
{
        struct cursor c = {text.ptr, text.ptr + text.len};
        int64_t days = 0, ms = 0, east = 0;
        bool alone = literal(&c, 'T'); /* a time without a date, which has to have one */
        int read = alone ? 1 : date(&c, &days);
        if (read == 1 && (alone || literal(&c, 'T'))) {
                read = clock_time(&c, &ms);
                if (read == 0 && !alone)
                        read = 1;
                if (!offset(&c, &east))
                        east = 0;
        }
        if (read != 1 || c.p != c.end)
                return false;
        *ret = days * DAY_MS + ms - east;
        return true;
}
