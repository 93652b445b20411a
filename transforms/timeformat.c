/* SPDX-License-Identifier: Apache-2.0 */
/* See timeformat.h. Facts: the documentation of java.text.SimpleDateFormat, and what JDK 17 answers. */
#include "transforms/timeformat.h"

#include <stdlib.h>
#include <strings.h>

#include "base/digits.h"
#include "base/err.h"
#include "transforms/javacal.h"

#define HOUR_MS 3600000
#define CENTURY 100

struct step {
        char letter;   /* 0: text that stands for itself */
        uint32_t count;
        const char *text;
};

struct sl_timeformat {
        struct step *steps;
        uint32_t count;
        char *texts;
        int64_t century; /* the instant with which the hundred years of two-digit years begin */
        int32_t century_year;
        struct sl_moment last; /* what was written last: its day's parts serve the next one of the same day */
        int64_t last_day;
};

static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
static const char *const weekdays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char *const half_days[] = {"AM", "PM"};
static const char *const eras[] = {"BC", "AD"};
static const struct {
        const char *name;
        int32_t offset;
} zones[] = {{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5}, {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7}};

/* ---- compiling ---- */

static bool is_letter(char c)
{
        return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static struct step *add_step(struct sl_timeformat *f, char letter)
{
        struct step *s = &f->steps[f->count++];
        *s = (struct step){.letter = letter};
        return s;
}

/* Text is collected in f->texts; neighbours become one step. */
static void add_text(struct sl_timeformat *f, char **end, char c)
{
        struct step *s = f->count && !f->steps[f->count - 1].letter ? &f->steps[f->count - 1] : add_step(f, 0);
        if (!s->count)
                s->text = *end;
        *(*end)++ = c;
        s->count++;
}

/* A run of one letter; the rest of the pattern, or NULL with the reason in why. */
static const char *add_letters(struct sl_timeformat *f, const char *p, struct sl_buf *why)
{
        if (!strchr("GyYMLwWDdFEuaHkKhmsSzZX", *p)) {
                sl_buf_printf(why, "Illegal pattern character '%c'", *p);
                return NULL;
        }
        struct step *s = add_step(f, *p);
        while (*p == s->letter) {
                s->count++;
                p++;
        }
        if (s->letter == 'X' && s->count > 3) {
                sl_buf_printf(why, "invalid ISO 8601 format: length=%u", s->count);
                return NULL;
        }
        return p;
}

static bool compile(struct sl_timeformat *f, const char *p, struct sl_buf *why)
{
        char *end = f->texts;
        bool quoted = false;
        while (p && *p) {
                if (*p == '\'' && p[1] == '\'') {
                        add_text(f, &end, '\'');
                        p += 2;
                } else if (*p == '\'') {
                        quoted = !quoted;
                        p++;
                } else if (quoted || !is_letter(*p)) {
                        add_text(f, &end, *p++);
                } else {
                        p = add_letters(f, p, why);
                }
        }
        if (p && quoted)
                sl_buf_adds(why, "Unterminated quote");
        return p && !quoted;
}

struct sl_timeformat *sl_timeformat_new(const char *pattern, int64_t now_ms, struct sl_buf *why)
{
        struct sl_timeformat *f = sl_calloc(1, sizeof(*f));
        struct sl_moment now;
        struct sl_cal cal = {0};
        f->steps = sl_calloc(strlen(pattern) + 1, sizeof(*f->steps));
        f->texts = sl_malloc(strlen(pattern) + 1);
        sl_moment_of(now_ms, &now);
        f->century_year = (int32_t)now.year - 80;
        sl_cal_set(&cal, SL_CAL_YEAR, f->century_year);
        sl_cal_set(&cal, SL_CAL_MONTH, now.month);
        sl_cal_set(&cal, SL_CAL_DAY, now.day);
        sl_cal_set(&cal, SL_CAL_MS, now.ms);
        f->century = sl_cal_ms(&cal);
        if (compile(f, pattern, why))
                return f;
        sl_timeformat_free(f);
        return NULL;
}

void sl_timeformat_free(struct sl_timeformat *f)
{
        if (!f)
                return;
        free(f->steps);
        free(f->texts);
        free(f);
}

/* ---- writing ---- */

static void add_padded(struct sl_buf *out, int64_t v, uint32_t width)
{
        if (sl_likely(width == 2 && v >= 0 && v < 100)) {
                char two[2] = {(char)('0' + v / 10), (char)('0' + v % 10)};
                sl_buf_add(out, two, 2);
                return;
        }
        char text[64], *end = text + sizeof(text), *p = sl_digits_before(v < 0 ? -(uint64_t)v : (uint64_t)v, end);
        if (v < 0)
                sl_buf_addc(out, '-');
        for (uint32_t n = (uint32_t)(end - p); width > n; width--) {
                if (sl_likely(p > text))
                        *--p = '0';
                else
                        sl_buf_addc(out, '0');
        }
        sl_buf_add(out, p, (size_t)(end - p));
}

static void add_name(struct sl_buf *out, const char *name, uint32_t count)
{
        sl_buf_add(out, name, count >= 4 ? strlen(name) : 3);
}

static void add_field(const struct step *s, const struct sl_moment *m, struct sl_buf *out)
{
        int32_t hour = m->ms / HOUR_MS;
        int64_t v = 0;
        switch (s->letter) {
        case 'G': sl_buf_adds(out, eras[!m->bc]); return;
        case 'a': sl_buf_adds(out, half_days[hour / 12]); return;
        case 'E': add_name(out, weekdays[m->day_of_week - 1], s->count); return;
        case 'z': sl_buf_adds(out, s->count >= 4 ? "Coordinated Universal Time" : "UTC"); return;
        case 'Z': sl_buf_adds(out, "+0000"); return;
        case 'X': sl_buf_addc(out, 'Z'); return;
        case 'M':
        case 'L':
                if (s->count >= 3) {
                        add_name(out, months[m->month], s->count);
                        return;
                }
                v = m->month + 1;
                break;
        case 'y':
        case 'Y':
                v = s->letter == 'y' ? m->year : m->week_year;
                v = s->count == 2 ? v % CENTURY : v;
                break;
        case 'w': v = m->week_of_year; break;
        case 'W': v = m->week_of_month; break;
        case 'D': v = m->day_of_year; break;
        case 'd': v = m->day; break;
        case 'F': v = m->day_of_week_in_month; break;
        case 'u': v = (m->day_of_week + 5) % 7 + 1; break;
        case 'H': v = hour; break;
        case 'k': v = hour ? hour : 24; break;
        case 'K': v = hour % 12; break;
        case 'h': v = hour % 12 ? hour % 12 : 12; break;
        case 'm': v = m->ms / 60000 % 60; break;
        case 's': v = m->ms / 1000 % 60; break;
        default: v = m->ms % 1000; break;
        }
        add_padded(out, v, s->count);
}

void sl_timeformat_write(struct sl_timeformat *f, int64_t ms, struct sl_buf *out)
{
        int64_t day = sl_floor_div(ms, SL_DAY_MS);
        if (day != f->last_day || !f->last.day) {
                sl_moment_of(ms, &f->last);
                f->last_day = day;
        }
        f->last.ms = (int32_t)sl_floor_mod(ms, SL_DAY_MS);
        for (uint32_t i = 0; i < f->count; i++) {
                const struct step *s = &f->steps[i];
                if (s->letter)
                        add_field(s, &f->last, out);
                else if (s->count == 1)
                        sl_buf_addc(out, *s->text);
                else
                        sl_buf_add(out, s->text, s->count);
        }
}

/* ---- reading ---- */


static bool has(struct sl_str text, size_t at, const char *word, size_t n)
{
        return text.len - at >= n && strncasecmp(text.ptr + at, word, n) == 0;
}

/* The longest name that stands there; their first 3 letters when cut. */
static size_t read_name(struct sl_str text, size_t at, const char *const *names, int32_t count, bool cut, int32_t *ret)
{
        size_t best = 0;
        for (int32_t i = 0; i < count; i++) {
                size_t n = cut ? 3 : strlen(names[i]);
                if (n > best && has(text, at, names[i], n)) {
                        best = n;
                        *ret = i;
                }
        }
        return best ? at + best : 0;
}

static size_t read_long_or_short(struct sl_str text, size_t at, const char *const *names, int32_t count, int32_t *ret)
{
        size_t end = read_name(text, at, names, count, false, ret);
        return end ? end : read_name(text, at, names, count, true, ret);
}

static int32_t int_of_double(double d)
{
        return d >= INT32_MAX ? INT32_MAX : d <= INT32_MIN ? INT32_MIN : (int32_t)d;
}

/* A whole number as java.text.DecimalFormat reads it: an exponent counts, "NaN" is 0, what passes 64 bits is the largest number of
 * 32, what passes 32 is cut to them. */
static size_t read_number(struct sl_str text, size_t at, int32_t *ret)
{
        if (text.len - at >= 3 && memcmp(text.ptr + at, "NaN", 3) == 0) {
                *ret = 0;
                return at + 3;
        }
        size_t p = at + (at < text.len && text.ptr[at] == '-'), first = p;
        int64_t v = 0;
        bool wide = false;
        for (; p < text.len && is_digit(text.ptr[p]); p++)
                wide |= __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, text.ptr[p] - '0', &v);
        if (p == first)
                return 0;
        size_t e = p + 1;
        e += e < text.len && text.ptr[p] == 'E' && text.ptr[e] == '-';
        if (p < text.len && text.ptr[p] == 'E' && e < text.len && is_digit(text.ptr[e])) {
                for (p = e; p < text.len && is_digit(text.ptr[p]);)
                        p++;
                wide = true;
        }
        double d = 0;
        if (!wide)
                *ret = (int32_t)(uint32_t)(first > at ? -(uint64_t)v : (uint64_t)v);
        else if (sl_parse_f64((struct sl_str){text.ptr + at, p - at}, &d) && d > -0x1p63 && d < 0x1p63 && d == (double)(int64_t)d)
                *ret = (int32_t)(uint32_t)(uint64_t)(int64_t)d;
        else
                *ret = int_of_double(d);
        return p;
}

/* hh, hhmm or hh:mm behind a sign; digits: 1 = hours only, 0 = "h:mm" may have one digit when there is a colon. */
static size_t read_offset(struct sl_str text, size_t at, int32_t sign, uint32_t digits, bool colon, int32_t *ret)
{
        const char *p = text.ptr + at, *end = text.ptr + text.len;
        int32_t hours, minutes = 0;
        if (p == end || !is_digit(*p))
                return 0;
        hours = *p++ - '0';
        if (p == end)
                return 0;
        if (is_digit(*p))
                hours = hours * 10 + (*p++ - '0');
        else if (digits > 0 || !colon)
                return 0;
        if (hours > 23)
                return 0;
        if (digits != 1) {
                if (colon && (p == end || *p++ != ':'))
                        return 0;
                if (end - p < 2 || !is_digit(p[0]) || !is_digit(p[1]) || p[0] > '5')
                        return 0;
                minutes = (p[0] - '0') * 10 + (p[1] - '0');
                p += 2;
        }
        *ret = sign * (hours * 60 + minutes) * 60000;
        return (size_t)(p - text.ptr);
}

static int32_t sign_at(struct sl_str text, size_t at)
{
        return at >= text.len ? 0 : text.ptr[at] == '+' ? 1 : text.ptr[at] == '-' ? -1 : 0;
}

/* The letters z and Z: "+hhmm", "GMT", "GMT+hh:mm" or a name; at is where white space ends. */
static size_t read_zone(struct sl_str text, size_t start, size_t at, struct sl_cal *cal)
{
        static const char *const same[] = {"Coordinated Universal Time", "UTC", "Greenwich Mean Time", "GMT"};
        int32_t offset = 0, sign = sign_at(text, at);
        if (sign) {
                size_t end = read_offset(text, at + 1, sign, 0, false, &offset);
                if (end)
                        sl_cal_set(cal, SL_CAL_ZONE, offset);
                return end;
        }
        if (has(text, start, "GMT", 3)) {
                size_t end = start + 3;
                sign = sign_at(text, end);
                if (sign)
                        end = read_offset(text, end + 1, sign, 0, true, &offset);
                if (end)
                        sl_cal_set(cal, SL_CAL_ZONE, offset);
                return end;
        }
        for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
                if (has(text, at, same[i], strlen(same[i])))
                        return at + strlen(same[i]);
        for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++)
                if (has(text, at, zones[i].name, 3)) {
                        sl_cal_set(cal, SL_CAL_ZONE, zones[i].offset * HOUR_MS);
                        return at + 3;
                }
        return 0;
}

static size_t read_iso_zone(struct sl_str text, size_t at, uint32_t count, struct sl_cal *cal)
{
        int32_t offset = 0, sign = sign_at(text, at);
        size_t end = text.ptr[at] == 'Z' ? at + 1 : sign ? read_offset(text, at + 1, sign, count, count == 3, &offset) : 0;
        if (end)
                sl_cal_set(cal, SL_CAL_ZONE, offset);
        return end;
}

/* Java counts the days of the week from Monday for "u", the calendar from Sunday; what is none is left for the calendar. */
static int32_t day_of_u(int32_t v)
{
        return v < 1 || v > 7 ? v : v % 7 + 1;
}

static void set_number(char letter, int32_t v, struct sl_cal *cal)
{
        static const struct {
                char letter;
                enum sl_cal_field field;
        } plain[] = {{'Y', SL_CAL_WEEK_YEAR}, {'w', SL_CAL_WEEK_OF_YEAR}, {'W', SL_CAL_WEEK_OF_MONTH}, {'d', SL_CAL_DAY},
                     {'D', SL_CAL_DAY_OF_YEAR}, {'F', SL_CAL_DAY_OF_WEEK_IN_MONTH}, {'H', SL_CAL_HOUR_OF_DAY},
                     {'K', SL_CAL_HOUR}, {'m', SL_CAL_MINUTE}, {'s', SL_CAL_SECOND}, {'S', SL_CAL_MS}, {'y', SL_CAL_YEAR}};
        if (letter == 'u')
                sl_cal_set(cal, SL_CAL_DAY_OF_WEEK, day_of_u(v));
        else if (letter == 'M' || letter == 'L')
                sl_cal_set(cal, SL_CAL_MONTH, (int32_t)((uint32_t)v - 1));
        else if (letter == 'k')
                sl_cal_set(cal, SL_CAL_HOUR_OF_DAY, v == 24 ? 0 : v);
        else if (letter == 'h')
                sl_cal_set(cal, SL_CAL_HOUR, v == 12 ? 0 : v);
        for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
                if (plain[i].letter == letter)
                        sl_cal_set(cal, plain[i].field, v);
}

struct reading {
        struct sl_cal cal;
        bool ambiguous; /* the two-digit year with which the hundred years begin and end */
};

static size_t read_digits(const struct sl_timeformat *f, const struct step *s, bool adjacent, struct sl_str text,
                          size_t start, size_t at, struct reading *r)
{
        struct sl_str part = text;
        int32_t v;
        if (adjacent) { /* another number follows: no more than its own digits */
                if (text.len - start < s->count)
                        return 0;
                part.len = start + s->count;
        }
        if (at > part.len)
                return 0;
        size_t end = read_number(part, at, &v);
        if (!end)
                return 0;
        bool year = s->letter == 'y' || s->letter == 'Y';
        if (year && s->count <= 2 && end - at == 2 && is_digit(text.ptr[at]) && is_digit(text.ptr[at + 1])) {
                int32_t first = f->century_year % CENTURY;
                r->ambiguous = v == first;
                v += f->century_year / CENTURY * CENTURY + (v < first ? CENTURY : 0);
        }
        set_number(s->letter, v, &r->cal);
        return end;
}

static size_t read_field(const struct sl_timeformat *f, const struct step *s, bool adjacent, struct sl_str text,
                         size_t start, struct reading *r)
{
        int32_t v = 0;
        size_t at = start, end;
        while (at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\t'))
                at++;
        if (at == text.len)
                return 0;
        switch (s->letter) { /* names do not follow white space, numbers and zones do */
        case 'G':
                end = read_name(text, start, eras, 2, false, &v);
                if (end)
                        sl_cal_set(&r->cal, SL_CAL_ERA, v);
                return end;
        case 'a':
                end = read_name(text, start, half_days, 2, false, &v);
                if (end)
                        sl_cal_set(&r->cal, SL_CAL_AM_PM, v);
                return end;
        case 'E':
                end = read_long_or_short(text, start, weekdays, 7, &v);
                if (end)
                        sl_cal_set(&r->cal, SL_CAL_DAY_OF_WEEK, v + 1);
                return end;
        case 'z':
        case 'Z': return read_zone(text, start, at, &r->cal);
        case 'X': return read_iso_zone(text, at, s->count, &r->cal);
        default: break;
        }
        if ((s->letter != 'M' && s->letter != 'L') || s->count <= 2)
                return read_digits(f, s, adjacent, text, start, at, r);
        end = read_long_or_short(text, start, months, 12, &v);
        if (end)
                sl_cal_set(&r->cal, SL_CAL_MONTH, v);
        return end;
}

/* Is it written in digits? */
static bool is_number(const struct step *s)
{
        bool month = s->letter == 'M' || s->letter == 'L';
        return month ? s->count <= 2 : s->letter && !strchr("GaEzZX", s->letter);
}

bool sl_timeformat_read(const struct sl_timeformat *f, struct sl_str text, int64_t *ret)
{
        struct reading r = {0};
        size_t at = 0;
        for (uint32_t i = 0; i < f->count; i++) {
                const struct step *s = &f->steps[i];
                if (s->letter) {
                        at = read_field(f, s, i + 1 < f->count && is_number(&f->steps[i + 1]), text, at, &r);
                        if (!at)
                                return false;
                } else if (text.len - at < s->count || memcmp(text.ptr + at, s->text, s->count) != 0) {
                        return false;
                } else {
                        at += s->count;
                }
        }
        if (!at)
                return false;
        *ret = sl_cal_ms(&r.cal);
        if (r.ambiguous && *ret < f->century) {
                r.cal.value[SL_CAL_YEAR] += CENTURY;
                r.cal.value[SL_CAL_WEEK_YEAR] += CENTURY;
                *ret = sl_cal_ms(&r.cal);
        }
        return true;
}

void sl_timeformat_topic(struct sl_timeformat *f, const char *name, struct sl_str topic, int64_t ms, struct sl_buf *out)
{
        static const char old[] = "${topic}", timestamp[] = "${timestamp}";
        while (*name) {
                if (strncmp(name, old, sizeof(old) - 1) == 0) {
                        sl_buf_add_str(out, topic);
                        name += sizeof(old) - 1;
                } else if (strncmp(name, timestamp, sizeof(timestamp) - 1) == 0) {
                        sl_timeformat_write(f, ms, out);
                        name += sizeof(timestamp) - 1;
                } else {
                        sl_buf_addc(out, *name++);
                }
        }
}
