/* SPDX-License-Identifier: Apache-2.0 */
/* The three fixed patterns of Connect's Values, read as leniently as java.text.SimpleDateFormat reads them in an
 * English locale and UTC: blanks before a number, a sign, an exponent, fields beyond their range, anything behind the
 * end. Digits are ASCII here. Writing moments is instant.c's. */
#include "record/values.h"

#define DAY_MS 86400000LL
#define GREGORIAN_DAY (-141427LL) /* 1582-10-15 */
#define GREGORIAN_YEAR 1582

struct cursor {
        const char *p, *end;
};

static bool literal(struct cursor *c, char want)
{
        if (c->p == c->end || *c->p != want)
                return false;
        c->p++;
        return true;
}

static bool word(struct cursor *c, struct sl_str want)
{
        if ((size_t)(c->end - c->p) < want.len || memcmp(c->p, want.ptr, want.len) != 0)
                return false;
        c->p += want.len;
        return true;
}

/* A run of digits as far as a double tells them apart; false when there is none. *exact while they fit an int64. */
static bool digits(struct cursor *c, int64_t *ret, long double *wide)
{
        const char *start = c->p;
        *ret = 0;
        *wide = 0;
        for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++) {
                *wide = *wide * 10 + (*c->p - '0');
                *ret = *wide < 9e18L ? *ret * 10 + (*c->p - '0') : INT64_MAX;
        }
        return c->p > start;
}

/* Number.intValue(): a Long wraps, a Double goes to the nearest end. */
static int32_t int_value(long double v)
{
        if (v > -9.2e18L && v < 9.2e18L && v == (long double)(int64_t)v)
                return (int32_t)(uint32_t)(uint64_t)(int64_t)v;
        if (v >= INT32_MAX)
                return INT32_MAX;
        return v <= INT32_MIN ? INT32_MIN : (int32_t)v;
}

/* What java.text.NumberFormat takes for an integer. */
static bool number(struct cursor *c, int64_t *ret)
{
        int64_t whole, exp;
        long double wide, unused;
        while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
                c->p++;
        *ret = 0;
        if (word(c, SL_STR("NaN")))
                return true;
        bool neg = literal(c, '-');
        if (word(c, SL_STR("\342\210\236"))) { /* infinity */
                *ret = neg ? INT32_MIN : INT32_MAX;
                return true;
        }
        if (!digits(c, &whole, &wide))
                return false;
        struct cursor e = *c;
        if (literal(&e, 'E')) {
                bool down = literal(&e, '-');
                if (digits(&e, &exp, &unused)) {
                        for (int64_t i = 0; i < exp && i < 400; i++)
                                wide = down ? wide / 10 : wide * 10;
                        c->p = e.p;
                }
        }
        *ret = int_value(neg ? -wide : wide);
        return true;
}

static int64_t floor_div(int64_t a, int64_t b)
{
        return a / b - (a % b < 0);
}

/* Days since 1970-01-01 of the first of a month (0 = January, any number) in one of the two calendars. */
static int64_t first_of_month(int64_t year, int64_t month, bool julian)
{
        year += floor_div(month, 12);
        month -= floor_div(month, 12) * 12;
        year -= month < 2; /* years that begin in March: the leap day is their last */
        int64_t in_year = (153 * (month < 2 ? month + 10 : month - 2) + 2) / 5;
        int64_t day = 365 * year + floor_div(year, 4) + in_year;
        return julian ? day - 719470 : day - floor_div(year, 100) + floor_div(year, 400) - 719468;
}

/* As java.util.GregorianCalendar chooses the calendar: by the year as written, then by the day it gives. more: from the
 * hours. */
static int64_t day_of(int64_t year, int64_t month, int64_t day, int64_t more)
{
        int64_t gregorian = first_of_month(year, month, false) + day - 1 + more;
        int64_t julian = first_of_month(year, month, true) + day - 1 + more;
        if (year < GREGORIAN_YEAR)
                return julian;
        return gregorian >= GREGORIAN_DAY ? gregorian : julian;
}

bool sl_values_moment(struct sl_str text, enum sl_logical kind, int64_t *ret_ms)
{
        struct cursor c = {text.ptr, text.ptr + text.len};
        int64_t year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, milli = 0;
        if (kind != SL_LOGICAL_TIME &&
            !(number(&c, &year) && literal(&c, '-') && number(&c, &month) && literal(&c, '-') && number(&c, &day)))
                return false;
        if (kind == SL_LOGICAL_TIMESTAMP && !literal(&c, 'T'))
                return false;
        if (kind != SL_LOGICAL_DATE &&
            !(number(&c, &hour) && literal(&c, ':') && number(&c, &minute) && literal(&c, ':') && number(&c, &second) &&
              literal(&c, '.') && number(&c, &milli) && literal(&c, 'Z')))
                return false;
        int64_t ms = ((hour * 60 + minute) * 60 + second) * 1000 + milli, more = floor_div(ms, DAY_MS);
        uint64_t days = (uint64_t)day_of(year, month - 1, day, more); /* a year beyond the range wraps, as Java's long */
        *ret_ms = (int64_t)(days * DAY_MS + (uint64_t)(ms - more * DAY_MS));
        return true;
}
