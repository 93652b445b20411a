/* SPDX-License-Identifier: Apache-2.0 */
/* date, time, timestamp, interval texts -> Debezium's temporal values. Input is what the server writes with DateStyle
 * ISO, IntervalStyle postgres and TimeZone UTC: "2024-01-02[ BC]", "03:04:05[.f]", "2024-01-02 03:04:05[.f][+00][ BC]",
 * "03:04:05[.f]+02[:30[:15]]", "1 year 2 mons -3 days 04:05:06.7", "infinity", "-infinity". Years are proleptic
 * Gregorian. */
#include <stdio.h>
#include "connectors/postgres/types.h"

/* What Debezium's stream sends for the infinities. */
#define DATE_INFINITY (-2147472692LL)
#define DATE_NEG_INFINITY (-2147472691LL)
#define TS_INFINITY 9223372036825200000LL
#define TS_NEG_INFINITY (-9223372036832400000LL)
#define US_PER_DAY 86400000000LL

struct cut {
        const char *p, *end;
};

static int infinity(struct sl_str t)
{
        if (t.len == 8 && memcmp(t.ptr, "infinity", 8) == 0)
                return 1;
        return t.len == 9 && memcmp(t.ptr, "-infinity", 9) == 0 ? -1 : 0;
}

/* Decimal digits, at least min; stops at the first other byte. */
static bool number(struct cut *c, int min, int64_t *ret)
{
        int64_t v = 0;
        const char *start = c->p;
        while (c->p < c->end && *c->p >= '0' && *c->p <= '9' && c->p - start < 12)
                v = v * 10 + (*c->p++ - '0');
        *ret = v;
        return c->p - start >= min;
}

static bool literal(struct cut *c, char ch)
{
        if (c->p == c->end || *c->p != ch)
                return false;
        c->p++;
        return true;
}

static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
        y -= m <= 2;
        int64_t era = (y >= 0 ? y : y - 399) / 400;
        int64_t yoe = y - era * 400;
        int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
        return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void civil_from_days(int64_t z, int64_t *y, int *m, int *d)
{
        z += 719468;
        int64_t era = (z >= 0 ? z : z - 146096) / 146097;
        int64_t doe = z - era * 146097;
        int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
        int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        int64_t mp = (5 * doy + 2) / 153;
        *d = (int)(doy - (153 * mp + 2) / 5 + 1);
        *m = (int)(mp < 10 ? mp + 3 : mp - 9);
        *y = yoe + era * 400 + (*m <= 2);
}

/* " BC" at the end: cut it off. */
static bool take_bc(struct cut *c)
{
        if (c->end - c->p < 3 || memcmp(c->end - 3, " BC", 3) != 0)
                return false;
        c->end -= 3;
        return true;
}

static bool date_part(struct cut *c, bool bc, int64_t *ret_days)
{
        int64_t y, m, d;
        if (!number(c, 4, &y) || !literal(c, '-') || !number(c, 2, &m) || !literal(c, '-') || !number(c, 2, &d))
                return false;
        if (m < 1 || m > 12 || d < 1 || d > 31)
                return false;
        *ret_days = days_from_civil(bc ? 1 - y : y, m, d);
        return true;
}

/* HH:MM:SS[.ffffff] in microseconds. */
static bool time_part(struct cut *c, int64_t *ret_us)
{
        int64_t h, m, s, f = 0;
        if (!number(c, 2, &h) || !literal(c, ':') || !number(c, 2, &m) || !literal(c, ':') || !number(c, 2, &s))
                return false;
        if (c->p < c->end && *c->p == '.') {
                int n = 0;
                for (c->p++; c->p < c->end && *c->p >= '0' && *c->p <= '9' && n < 6; n++)
                        f = f * 10 + (*c->p++ - '0');
                for (; n < 6; n++)
                        f *= 10;
        }
        *ret_us = ((h * 60 + m) * 60 + s) * 1000000 + f;
        return true;
}

/* [+-]HH[:MM[:SS]], in seconds. */
static bool zone_part(struct cut *c, int64_t *ret_s)
{
        int64_t h = 0, m = 0, s = 0;
        bool neg = c->p < c->end && *c->p == '-';
        if (c->p == c->end || (*c->p != '+' && *c->p != '-'))
                return false;
        c->p++;
        if (!number(c, 2, &h) || (literal(c, ':') && !number(c, 2, &m)) || (literal(c, ':') && !number(c, 2, &s)))
                return false;
        *ret_s = (h * 3600 + m * 60 + s) * (neg ? -1 : 1);
        return true;
}

static bool timestamp(struct sl_str text, bool zoned, int64_t *ret_us)
{
        struct cut c = {text.ptr, text.ptr + text.len};
        bool bc = take_bc(&c);
        int64_t days, us, zone = 0;
        if (!date_part(&c, bc, &days) || !literal(&c, ' ') || !time_part(&c, &us) || (zoned && !zone_part(&c, &zone)))
                return false;
        *ret_us = days * US_PER_DAY + us - zone * 1000000;
        return c.p == c.end;
}

bool sl_pg_parse_date(const struct sl_pg_codec *codec, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        struct cut c = {text.ptr, text.ptr + text.len};
        int64_t days;
        int inf = infinity(text);
        (void)codec;
        (void)arena;
        if (inf) {
                days = inf > 0 ? DATE_INFINITY : DATE_NEG_INFINITY;
        } else {
                bool bc = take_bc(&c);
                if (!date_part(&c, bc, &days) || c.p != c.end)
                        return false;
        }
        *ret = sl_v_i64(SL_INT32, days);
        return true;
}

static bool time_us(struct sl_str text, int64_t *us)
{
        struct cut c = {text.ptr, text.ptr + text.len};
        return time_part(&c, us) && c.p == c.end;
}

bool sl_pg_parse_time_ms(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        int64_t us;
        (void)c;
        (void)arena;
        if (!time_us(text, &us))
                return false;
        *ret = sl_v_i64(SL_INT32, us / 1000);
        return true;
}

bool sl_pg_parse_time_us(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        int64_t us;
        (void)c;
        (void)arena;
        if (!time_us(text, &us))
                return false;
        *ret = sl_v_i64(SL_INT64, us);
        return true;
}

bool sl_pg_parse_ts_us(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        int64_t us;
        int inf = infinity(text);
        (void)c;
        (void)arena;
        if (inf)
                us = inf > 0 ? TS_INFINITY : TS_NEG_INFINITY;
        else if (!timestamp(text, false, &us))
                return false;
        *ret = sl_v_i64(SL_INT64, us);
        return true;
}

bool sl_pg_parse_time_ns(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        if (!sl_pg_parse_time_us(c, text, arena, ret))
                return false;
        ret->i64 *= 1000;
        return true;
}

/* The infinities are int64's ends; a time that int64 can't hold (before 1677, after 2262) is refused. */
bool sl_pg_parse_ts_ns(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        int inf = infinity(text);
        if (inf) {
                *ret = sl_v_i64(SL_INT64, inf > 0 ? INT64_MAX : INT64_MIN);
                return true;
        }
        return sl_pg_parse_ts_us(c, text, arena, ret) && !__builtin_mul_overflow(ret->i64, 1000, &ret->i64);
}

bool sl_pg_parse_ts_ms(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        if (!sl_pg_parse_ts_us(c, text, arena, ret))
                return false;
        ret->i64 = (ret->i64 - (ret->i64 < 0 ? 999 : 0)) / 1000; /* floor */
        return true;
}

static char *put2(char *p, int v)
{
        p[0] = (char)('0' + v / 10);
        p[1] = (char)('0' + v % 10);
        return p + 2;
}

/* HH:MM:SS and a fraction of exactly `digits` digits, or as many as needed when digits < 0. */
static char *put_time(char *p, int64_t us, int digits)
{
        int64_t s = us / 1000000, f = us % 1000000;
        p = put2(p, (int)(s / 3600));
        *p++ = ':';
        p = put2(p, (int)(s / 60 % 60));
        *p++ = ':';
        p = put2(p, (int)(s % 60));
        if (digits == 0 || (digits < 0 && f == 0))
                return p;
        *p++ = '.';
        char *start = p;
        for (int64_t unit = 100000; unit; unit /= 10)
                *p++ = (char)('0' + f / unit % 10);
        if (digits > 0 && digits < 6)
                p = start + digits;
        while (digits < 0 && p[-1] == '0')
                p--;
        return p;
}

/* Years beyond four digits have a sign, as ISO 8601 wants it. */
static char *put_date(char *p, int64_t days)
{
        int64_t y;
        int m, d;
        civil_from_days(days, &y, &m, &d);
        if (y < 0 || y > 9999)
                *p++ = y < 0 ? '-' : '+';
        int64_t ay = y < 0 ? -y : y;
        char digits[20];
        int n = 0;
        do {
                digits[n++] = (char)('0' + ay % 10);
                ay /= 10;
        } while (ay || n < 4);
        while (n)
                *p++ = digits[--n];
        *p++ = '-';
        p = put2(p, m);
        *p++ = '-';
        return put2(p, d);
}

#define STAMP_ROOM 48
static struct sl_value put_stamp(int64_t us, int digits, struct sl_arena *arena)
{
        int64_t rest = us % US_PER_DAY, days = us / US_PER_DAY - (rest < 0);
        char *out = sl_arena_alloc(arena, STAMP_ROOM), *p = put_date(out, days);
        *p++ = 'T';
        p = put_time(p, rest < 0 ? rest + US_PER_DAY : rest, digits);
        *p++ = 'Z';
        return sl_v_str((struct sl_str){out, (size_t)(p - out)});
}

bool sl_pg_parse_tstz(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        int64_t us;
        if (infinity(text)) {
                *ret = sl_v_str(infinity(text) > 0 ? SL_STR("infinity") : SL_STR("-infinity"));
                return true;
        }
        if (!timestamp(text, true, &us))
                return false;
        *ret = put_stamp(us, c->scale, arena);
        return true;
}

bool sl_pg_parse_ts_iso(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        if (!sl_pg_parse_ts_us(c, text, arena, ret))
                return false;
        *ret = put_stamp(ret->i64, -1, arena);
        return true;
}

bool sl_pg_parse_date_iso(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        if (!sl_pg_parse_date(c, text, arena, ret))
                return false;
        char *out = sl_arena_alloc(arena, STAMP_ROOM), *p = put_date(out, ret->i64);
        *p++ = 'Z';
        *ret = sl_v_str((struct sl_str){out, (size_t)(p - out)});
        return true;
}

/* 24:00:00 is 00:00:00Z, as in Debezium: the schema's texts end before it. */
bool sl_pg_parse_time_iso(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        int64_t us;
        (void)c;
        if (!time_us(text, &us))
                return false;
        char *out = sl_arena_alloc(arena, STAMP_ROOM), *p = put_time(out, us % US_PER_DAY, -1);
        *p++ = 'Z';
        *ret = sl_v_str((struct sl_str){out, (size_t)(p - out)});
        return true;
}

bool sl_pg_parse_timetz(const struct sl_pg_codec *codec, struct sl_str text, struct sl_arena *arena,
                        struct sl_value *ret)
{
        struct cut c = {text.ptr, text.ptr + text.len};
        int64_t us, zone;
        (void)codec;
        if (!time_part(&c, &us) || !zone_part(&c, &zone) || c.p != c.end)
                return false;
        if (us != US_PER_DAY || zone != 0) { /* 24:00:00+00 stays what it is */
                us = (us - zone * 1000000) % US_PER_DAY;
                us += us < 0 ? US_PER_DAY : 0;
        }
        char *out = sl_arena_alloc(arena, 32);
        char *p = put_time(out, us, -1);
        *p++ = 'Z';
        *ret = sl_v_str((struct sl_str){out, (size_t)(p - out)});
        return true;
}

struct interval {
        int64_t years, months, days, us; /* us carries the sign of the time part */
};

static bool interval(struct sl_str text, struct interval *iv)
{
        struct cut c = {text.ptr, text.ptr + text.len};
        *iv = (struct interval){0};
        while (c.p < c.end) {
                int64_t v;
                bool neg = *c.p == '-';
                if (*c.p == '-' || *c.p == '+')
                        c.p++;
                struct cut start = c;
                if (!number(&c, 1, &v))
                        return false;
                if (c.p < c.end && *c.p == ':') {
                        c = start;
                        if (!time_part(&c, &iv->us) || c.p != c.end)
                                return false;
                        iv->us = neg ? -iv->us : iv->us;
                        return true;
                }
                if (!literal(&c, ' ') || c.p == c.end)
                        return false;
                int64_t *to = *c.p == 'y' ? &iv->years : *c.p == 'm' ? &iv->months : *c.p == 'd' ? &iv->days : NULL;
                if (!to)
                        return false;
                *to = neg ? -v : v;
                while (c.p < c.end && *c.p != ' ')
                        c.p++;
                literal(&c, ' ');
        }
        return text.len > 0;
}

/* Months count 30.4375 days, in double arithmetic: what Debezium computes. */
bool sl_pg_parse_interval_us(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena,
                             struct sl_value *ret)
{
        struct interval iv;
        (void)c;
        (void)arena;
        if (!interval(text, &iv))
                return false;
        double days = (double)(iv.years * 12 + iv.months) * 30.4375 + (double)iv.days;
        int64_t h = iv.us / 3600000000LL, m = iv.us / 60000000 % 60;
        double seconds = (double)(iv.us % 60000000) / 1e6;
        double us = (((days * 24 + (double)h) * 60 + (double)m) * 60 + seconds) * 1e6;
        int64_t v = us >= 9223372036854775807.0 ? INT64_MAX : us <= -9223372036854775808.0 ? INT64_MIN : (int64_t)us;
        *ret = sl_v_i64(SL_INT64, v);
        return true;
}

bool sl_pg_parse_interval_str(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena,
                              struct sl_value *ret)
{
        struct interval iv;
        (void)c;
        if (!interval(text, &iv))
                return false;
        int64_t s = iv.us % 60000000 / 1000000, f = iv.us % 1000000;
        char frac[8] = "";
        if (f) {
                snprintf(frac, sizeof(frac), ".%06d", (int)(f < 0 ? -f : f));
                for (size_t n = strlen(frac); frac[n - 1] == '0'; n--)
                        frac[n - 1] = 0;
        }
        char *out = sl_arena_printf(arena, "P%lldY%lldM%lldDT%lldH%lldM%s%lld%sS", (long long)iv.years,
                                    (long long)iv.months, (long long)iv.days, (long long)(iv.us / 3600000000LL),
                                    (long long)(iv.us / 60000000 % 60), iv.us < 0 && s == 0 && f ? "-" : "",
                                    (long long)s, frac);
        *ret = sl_v_str(sl_str_c(out));
        return true;
}
