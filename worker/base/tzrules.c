/* SPDX-License-Identifier: Apache-2.0 */
/* See tzrules.h. A file's 64-bit transitions are used up to the last one; behind it its footer, a rule in the syntax of
 * POSIX's TZ ("CET-1CEST,M3.5.0,M10.5.0/3"). Leap seconds are not counted, as in Java. */
#include "base/tzrules.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

#define ZONEINFO "/usr/share/zoneinfo"
#define DAY 86400
#define MAX_FILE (1 << 20)

/* A yearly change: week 1..5 (5 = last) of month 1..12 on weekday, or the day of the year. */
struct change {
        char form; /* 'M', 'J' (1..365, no leap day), 'n' (0..365) */
        int32_t month, week, weekday, day;
        int32_t time; /* seconds of the day, may be negative or beyond it */
};

struct transition {
        int64_t at;
        int32_t before, after;
        uint32_t name; /* behind it */
};

struct sl_tz {
        struct transition *list;
        uint32_t count;
        int32_t first; /* before all transitions */
        int32_t last, summer;
        bool yearly;
        struct change to_summer, to_winter;
        char *names; /* those of the file, each with a NUL behind it, then the footer's */
        uint32_t first_name, last_name, summer_name;
};

/* ---- the calendar ---- */

int64_t sl_days_of(int64_t year, int32_t month, int32_t day)
{
        int64_t y = year - (month <= 2), era = sl_floor_div(y, 400), of_era = y - era * 400;
        int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int64_t sl_date_of(int64_t days, int32_t *month, int32_t *day)
{
        int64_t z = days + 719468, era = sl_floor_div(z, 146097), of_era = z - era * 146097;
        int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
        int32_t of_year = (int32_t)(of_era - (365 * year + year / 4 - year / 100)), m = (5 * of_year + 2) / 153;
        *day = of_year - (153 * m + 2) / 5 + 1;
        *month = m < 10 ? m + 3 : m - 9;
        return year + era * 400 + (*month <= 2);
}

static bool is_leap(int64_t year)
{
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* When the change comes in a year, as local seconds. */
static int64_t change_in(const struct change *c, int64_t year)
{
        int64_t day = sl_days_of(year, 1, 1);
        if (c->form == 'J')
                day += c->day - 1 + (is_leap(year) && c->day >= 60);
        else if (c->form == 'n')
                day += c->day;
        else {
                int64_t first = sl_days_of(year, c->month, 1);
                int64_t next = c->month == 12 ? sl_days_of(year + 1, 1, 1) : sl_days_of(year, c->month + 1, 1);
                day = first + sl_floor_mod(c->weekday - (first + 4), 7) + 7 * (c->week - 1);
                while (day >= next)
                        day -= 7;
        }
        return day * DAY + c->time;
}

/* ---- the footer ---- */

/* p behind a number with at most 3 digits, or NULL. */
static const char *number(const char *p, int32_t *ret)
{
        int32_t n = 0, digits = 0;
        for (; p && *p >= '0' && *p <= '9' && digits < 4; p++, digits++)
                n = n * 10 + (*p - '0');
        *ret = n;
        return digits && digits < 4 ? p : NULL;
}

/* [+-]h[h[h]][:mm[:ss]] */
static const char *clock_time(const char *p, int32_t *ret)
{
        int32_t part, sign = p && *p == '-' ? -1 : 1, unit = 3600;
        *ret = 0;
        p = p && (*p == '-' || *p == '+') ? p + 1 : p;
        for (bool more = true; more && p; unit /= 60) {
                p = number(p, &part);
                *ret += part * unit;
                more = p && *p == ':' && unit > 1;
                p += more;
        }
        *ret *= sign;
        return p;
}

/* The name at p, without its brackets, goes to *name, which moves behind its NUL. */
static const char *zone_letters(const char *p, char **name)
{
        bool brackets = p && *p == '<';
        const char *start = p ? p + brackets : NULL, *end = start;
        while (end && (brackets ? *end && *end != '>' : (*end | 32) >= 'a' && (*end | 32) <= 'z'))
                end++;
        if (!end || (brackets && !*end))
                return NULL;
        memcpy(*name, start, (size_t)(end - start));
        *name += end - start;
        *(*name)++ = 0;
        return end + brackets;
}

static const char *change_rule(const char *p, struct change *ret)
{
        *ret = (struct change){.form = 'n', .time = 2 * 3600};
        if (!p || *p++ != ',')
                return NULL;
        if (*p == 'M' || *p == 'J')
                ret->form = *p++;
        p = number(p, ret->form == 'M' ? &ret->month : &ret->day);
        if (ret->form == 'M') {
                p = p && *p == '.' ? number(p + 1, &ret->week) : NULL;
                p = p && *p == '.' ? number(p + 1, &ret->weekday) : NULL;
                if (ret->month < 1 || ret->month > 12 || ret->week < 1 || ret->week > 5 || ret->weekday > 6)
                        return NULL;
        }
        return p && *p == '/' ? clock_time(p + 1, &ret->time) : p;
}

/* name: room for the rule's names in tz->names. */
static bool read_footer(struct sl_tz *tz, const char *p, char *name)
{
        int32_t west;
        if (!*p)
                return true;
        tz->last_name = tz->summer_name = (uint32_t)(name - tz->names);
        p = clock_time(zone_letters(p, &name), &west);
        tz->last = -west;
        if (!p || !*p)
                return p != NULL;
        tz->yearly = true;
        tz->summer = tz->last + 3600;
        tz->summer_name = (uint32_t)(name - tz->names);
        p = zone_letters(p, &name);
        if (p && *p != ',') {
                p = clock_time(p, &west);
                tz->summer = -west;
        }
        p = change_rule(change_rule(p, &tz->to_summer), &tz->to_winter);
        return p && !*p;
}

/* ---- the file ---- */

static uint32_t be32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t be64(const uint8_t *p)
{
        return (uint64_t)be32(p) << 32 | be32(p + 4);
}

/* Size of the data behind a header at p, with times of `wide` bytes. */
static size_t data_size(const uint8_t *p, size_t wide)
{
        size_t utc = be32(p + 20), std = be32(p + 24), leap = be32(p + 28), times = be32(p + 32);
        return times * (wide + 1) + (size_t)be32(p + 36) * 6 + be32(p + 40) + leap * (wide + 4) + std + utc;
}

static bool read_file(struct sl_tz *tz, const uint8_t *p, size_t n)
{
        const size_t header = 44;
        if (n < header || memcmp(p, "TZif", 4) != 0 || p[4] < '2' || data_size(p, 4) > n - header)
                return false;
        size_t skip = header + data_size(p, 4);
        p += skip;
        n -= skip;
        if (n < header || memcmp(p, "TZif", 4) != 0 || data_size(p, 8) > n - header)
                return false;
        uint32_t times = be32(p + 32), types = be32(p + 36), chars = be32(p + 40);
        const uint8_t *at = p + header, *index = at + 8 * (size_t)times, *type = index + times;
        const char *footer = (const char *)p + header + data_size(p, 8), *end = (const char *)p + n;
        if (!types || footer == end || *footer++ != '\n' || end == footer || end[-1] != '\n')
                return false;
        tz->list = sl_calloc(times + 1, sizeof(*tz->list));
        tz->names = sl_calloc(chars + (size_t)(end - footer) + 4, 1);
        memcpy(tz->names, type + 6 * (size_t)types, chars);
        tz->first = tz->last = (int32_t)be32(type);
        tz->first_name = tz->last_name = type[5];
        for (uint32_t i = 0; i < times; i++) {
                const uint8_t *t = type + 6 * (size_t)index[i];
                if (index[i] >= types || t[5] >= chars)
                        return false;
                int32_t after = (int32_t)be32(t);
                if (after == tz->last && t[5] == tz->last_name)
                        continue;
                tz->list[tz->count++] = (struct transition){(int64_t)be64(at + 8 * (size_t)i), tz->last, after, t[5]};
                tz->last = after;
                tz->last_name = t[5];
        }
        if (tz->first_name >= chars)
                return false;
        char *rule = sl_strndup(footer, (size_t)(end - 1 - footer));
        bool ok = read_footer(tz, rule, tz->names + chars + 1);
        free(rule);
        return ok;
}

static bool open_file(struct sl_tz *tz, const char *name, struct sl_buf *why)
{
        char path[160];
        int n = snprintf(path, sizeof(path), ZONEINFO "/%s", name);
        bool odd = !*name || *name == '/' || strstr(name, "..") || n < 0 || (size_t)n >= sizeof(path);
        FILE *f = odd ? NULL : fopen(path, "rbe");
        if (!f) {
                sl_buf_printf(why, "the time zone %s is not known here: there is no file %s/%s", name, ZONEINFO, name);
                return false;
        }
        uint8_t *bytes = sl_malloc(MAX_FILE);
        size_t got = fread(bytes, 1, MAX_FILE, f);
        fclose(f);
        bool ok = got && read_file(tz, bytes, got);
        free(bytes);
        if (!ok)
                sl_buf_printf(why, "%s is no time zone: %s does not hold one", name, path);
        return ok;
}

/* [+-]hh:mm[:ss] */
static bool fixed_offset(const char *name, int32_t *ret)
{
        int32_t part[3] = {0};
        size_t n = strlen(name);
        if ((*name != '+' && *name != '-') || (n != 6 && n != 9))
                return false;
        for (size_t i = 1; i < n; i++) {
                bool digit = name[i] >= '0' && name[i] <= '9';
                if (i % 3 == 0 ? name[i] != ':' : !digit)
                        return false;
                if (digit)
                        part[i / 3] = part[i / 3] * 10 + (name[i] - '0');
        }
        *ret = (part[0] * 3600 + part[1] * 60 + part[2]) * (*name == '-' ? -1 : 1);
        return part[1] < 60 && part[2] < 60 && abs(*ret) <= 18 * 3600;
}

struct sl_tz *sl_tz_fixed(int32_t seconds)
{
        struct sl_tz *tz = sl_calloc(1, sizeof(*tz));
        tz->first = tz->last = seconds;
        return tz;
}

struct sl_tz *sl_tz_open(const char *name, struct sl_buf *why)
{
        int32_t seconds;
        if (fixed_offset(name, &seconds))
                return sl_tz_fixed(seconds);
        struct sl_tz *tz = sl_calloc(1, sizeof(*tz));
        if (open_file(tz, name, why))
                return tz;
        sl_tz_free(tz);
        return NULL;
}

void sl_tz_free(struct sl_tz *tz)
{
        if (tz) {
                free(tz->list);
                free(tz->names);
        }
        free(tz);
}

/* ---- answers ---- */

/* From when on a transition counts: an instant, or a local time that lies behind the gap or overlap. */
static int64_t counts_from(const struct transition *t, bool local)
{
        return t->at + (local ? t->before > t->after ? t->before : t->after : 0);
}

/* The two changes of a year behind the list, earlier one first. */
static void changes_in(const struct sl_tz *tz, int64_t year, struct transition ret[2])
{
        struct transition a = {change_in(&tz->to_summer, year) - tz->last, tz->last, tz->summer, tz->summer_name};
        struct transition b = {change_in(&tz->to_winter, year) - tz->summer, tz->summer, tz->last, tz->last_name};
        ret[0] = a.at < b.at ? a : b;
        ret[1] = a.at < b.at ? b : a;
}

static int64_t year_at(const struct sl_tz *tz, int64_t when, bool local)
{
        int32_t month, day;
        return sl_date_of(sl_floor_div(local ? when : when + tz->last, DAY), &month, &day);
}

static int32_t by_rule(const struct sl_tz *tz, int64_t when, bool local)
{
        struct transition t[2];
        changes_in(tz, year_at(tz, when, local), t);
        if (when >= counts_from(&t[1], local))
                return t[1].after;
        return when >= counts_from(&t[0], local) ? t[0].after : t[0].before;
}

/* How many transitions of the list count. */
static uint32_t counted(const struct sl_tz *tz, int64_t when, bool local)
{
        uint32_t low = 0, high = tz->count;
        while (low < high) {
                uint32_t mid = (low + high) / 2;
                if (when >= counts_from(&tz->list[mid], local))
                        low = mid + 1;
                else
                        high = mid;
        }
        return low;
}

static int32_t offset(const struct sl_tz *tz, int64_t when, bool local)
{
        uint32_t n = counted(tz, when, local);
        if (n < tz->count)
                return n ? tz->list[n - 1].after : tz->first;
        return tz->yearly ? by_rule(tz, when, local) : tz->last;
}

const char *sl_tz_name(const struct sl_tz *tz, int64_t instant)
{
        uint32_t n = counted(tz, instant, false), name = tz->first_name;
        if (!tz->names)
                return "";
        if (n < tz->count)
                name = n ? tz->list[n - 1].name : tz->first_name;
        else
                name = tz->yearly && by_rule(tz, instant, false) == tz->summer ? tz->summer_name : tz->last_name;
        return tz->names + name;
}

int64_t sl_tz_next(const struct sl_tz *tz, int64_t instant)
{
        struct transition t[2];
        uint32_t n = counted(tz, instant, false);
        if (n < tz->count)
                return tz->list[n].at;
        for (int64_t year = tz->yearly ? year_at(tz, instant, false) - 1 : 0, i = 0; tz->yearly && i < 4; i++) {
                changes_in(tz, year + i, t);
                if (t[0].at > instant || t[1].at > instant)
                        return t[0].at > instant ? t[0].at : t[1].at;
        }
        return INT64_MAX;
}

int64_t sl_tz_last(const struct sl_tz *tz, int64_t instant)
{
        struct transition t[2];
        uint32_t n = counted(tz, instant, false);
        int64_t listed = n ? tz->list[n - 1].at : INT64_MIN;
        for (int64_t year = tz->yearly ? year_at(tz, instant, false) + 1 : 0, i = 0; tz->yearly && n == tz->count && i < 4; i++) {
                changes_in(tz, year - i, t);
                if (t[0].at <= instant) {
                        int64_t at = t[1].at <= instant ? t[1].at : t[0].at;
                        return at > listed ? at : listed;
                }
        }
        return listed;
}

int32_t sl_tz_at(const struct sl_tz *tz, int64_t instant)
{
        return offset(tz, instant, false);
}

int32_t sl_tz_local(const struct sl_tz *tz, int64_t local)
{
        return offset(tz, local, true);
}
