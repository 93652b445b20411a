/* SPDX-License-Identifier: Apache-2.0 */
/* Moments as text: see isotime.h. The grammar is that of ISO_ZONED_DATE_TIME, ISO_LOCAL_DATE_TIME, ISO_LOCAL_DATE,
 * ISO_LOCAL_TIME and ISO_OFFSET_TIME in java.time.format.DateTimeFormatter; the sizes of integers are those of
 * Snowflake's connector. */
#include "connectors/snowflake/isotime.h"
#include "base/tzrules.h"

#include <ctype.h>

#define SECONDS_LIMIT 31536000000LL
#define DAY_S 86400
#define YEAR_MAX 999999999

struct cursor {
        const char *p, *end;
};

static struct sl_str trimmed(struct sl_str s)
{
        while (s.len && (unsigned char)s.ptr[0] <= ' ')
                s = (struct sl_str){s.ptr + 1, s.len - 1};
        while (s.len && (unsigned char)s.ptr[s.len - 1] <= ' ')
                s.len--;
        return s;
}

/* Between min and max digits; how many, 0 = no. */
static unsigned digits(struct cursor *c, unsigned min, unsigned max, int64_t *ret)
{
        unsigned n = 0;
        int64_t v = 0;
        while (n < max && c->p + n < c->end && isdigit((unsigned char)c->p[n]))
                v = v * 10 + (c->p[n++] - '0');
        if (n < min)
                return 0;
        c->p += n;
        *ret = v;
        return n;
}

static bool literal(struct cursor *c, char want)
{
        if (c->p == c->end || toupper((unsigned char)*c->p) != want)
                return false;
        c->p++;
        return true;
}

static bool date(struct cursor *c, int64_t *ret_year, int64_t *ret_days)
{
        static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool sign = c->p < c->end && (*c->p == '-' || *c->p == '+'), neg = sign && *c->p == '-';
        int64_t year, month, day;
        c->p += sign;
        unsigned n = digits(c, 4, 10, &year);
        if (!n || (n > 4 && !sign) || (n == 4 && sign && !neg) || year > YEAR_MAX)
                return false;
        if (neg)
                year = -year;
        if (!literal(c, '-') || !digits(c, 2, 2, &month) || !literal(c, '-') || !digits(c, 2, 2, &day) || month < 1 ||
            month > 12)
                return false;
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        if (day < 1 || day > lengths[month - 1] + (month == 2 && leap))
                return false;
        *ret_year = year;
        *ret_days = sl_days_of(year, (int32_t)month, (int32_t)day);
        return true;
}

/* hh:mm[:ss[.fraction]] */
static bool time_of_day(struct cursor *c, int64_t *ret_seconds, uint32_t *ret_ns)
{
        int64_t h, m, s = 0, fraction = 0;
        if (!digits(c, 2, 2, &h) || !literal(c, ':') || !digits(c, 2, 2, &m) || h > 23 || m > 59)
                return false;
        if (literal(c, ':')) {
                if (!digits(c, 2, 2, &s) || s > 59)
                        return false;
                if (literal(c, '.'))
                        for (unsigned n = digits(c, 0, 9, &fraction); n < 9; n++)
                                fraction *= 10;
        }
        *ret_seconds = (h * 60 + m) * 60 + s;
        *ret_ns = (uint32_t)fraction;
        return true;
}

/* Nothing, or Z or +hh:mm[:ss], and with zones a name in brackets; up to the end. */
static bool offset_and_end(struct cursor *c, bool zones)
{
        int64_t h, m, s;
        if (c->p == c->end)
                return true;
        if (!literal(c, 'Z')) {
                if (!literal(c, '+') && !literal(c, '-'))
                        return false;
                if (!digits(c, 2, 2, &h) || !literal(c, ':') || !digits(c, 2, 2, &m) || h > 18 || m > 59)
                        return false;
                if (literal(c, ':') && (!digits(c, 2, 2, &s) || s > 59))
                        return false;
        }
        if (zones && c->end - c->p > 2 && *c->p == '[' && c->end[-1] == ']')
                c->p = c->end;
        return c->p == c->end;
}

static void from_epoch(__int128 ns, struct sl_sf_moment *ret)
{
        __int128 seconds = ns / 1000000000, rest = ns % 1000000000;
        if (rest < 0) {
                rest += 1000000000;
                seconds--;
        }
        ret->seconds = (int64_t)seconds;
        ret->ns = (uint32_t)rest;
        ret->year = 1970 + (int64_t)(seconds / 31556952) - (seconds < 0);
}

bool sl_sf_parse_epoch(struct sl_str text, struct sl_sf_moment *ret)
{
        __int128 v = 0;
        size_t i = text.len && (text.ptr[0] == '-' || text.ptr[0] == '+'), first = i;
        for (; i < text.len; i++) {
                if (!isdigit((unsigned char)text.ptr[i]) || i - first > 26)
                        return false;
                v = v * 10 + (text.ptr[i] - '0');
        }
        if (i == first)
                return false;
        __int128 limit = SECONDS_LIMIT, unit = 1000000000;
        for (; unit > 1 && v >= limit; limit *= 1000)
                unit /= 1000;
        from_epoch((text.ptr[0] == '-' ? -v : v) * unit, ret);
        return true;
}

bool sl_sf_parse_moment(struct sl_str text, struct sl_sf_moment *ret)
{
        text = trimmed(text);
        struct cursor c = {text.ptr, text.ptr + text.len};
        int64_t days, seconds = 0;
        uint32_t ns = 0;
        if (!date(&c, &ret->year, &days))
                return sl_sf_parse_epoch(text, ret);
        if (c.p < c.end && !(literal(&c, 'T') && time_of_day(&c, &seconds, &ns) && offset_and_end(&c, true)))
                return false;
        ret->seconds = days * DAY_S + seconds;
        ret->ns = ns;
        return true;
}

bool sl_sf_parse_time(struct sl_str text, int64_t *ret_ns)
{
        text = trimmed(text);
        struct cursor c = {text.ptr, text.ptr + text.len};
        struct sl_sf_moment m;
        int64_t seconds;
        uint32_t ns;
        if (time_of_day(&c, &seconds, &ns) && offset_and_end(&c, false)) {
                *ret_ns = seconds * 1000000000 + ns;
                return true;
        }
        if (!sl_sf_parse_epoch(text, &m))
                return false;
        *ret_ns = sl_floor_mod(m.seconds, DAY_S) * 1000000000 + m.ns;
        return true;
}
