/* SPDX-License-Identifier: Apache-2.0 */
/* See pathformat.h. Facts: Joda-Time's documentation and what its 2.12 prints on JDK 17, whose locale data (CLDR) the texts are;
 * tests/conformance/s3_paths compares them. */
#include "connectors/s3/pathformat.h"

#include <stdlib.h>
#include <strings.h>

#include "base/err.h"

#define DAY_MS INT64_C(86400000)
#define FRACTION_MAX 15 /* more digits than that Joda can't scale: a fraction that is not zero stops there */

struct step {
        char letter; /* 0: text that stands for itself */
        uint32_t count;
        const char *text;
};

struct texts {
        const char *locale;
        const char *months[12], *short_months[12], *days[7], *short_days[7], *eras[2], *halves[2];
};

struct sl_s3_pathformat {
        struct step *steps;
        uint32_t count;
        char *chars;
        const struct texts *texts;
        const struct sl_s3_zone *zone;
};

#define NBSP "\u00a0"
#define ROOT_MONTHS {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}
#define ROOT_DAYS {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}

/* Days begin with Monday. */
static const struct texts locales[] = {
        {"", ROOT_MONTHS, ROOT_MONTHS, ROOT_DAYS, ROOT_DAYS, {"BCE", "CE"}, {"AM", "PM"}},
        {"en",
         {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December"},
         ROOT_MONTHS,
         {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"},
         ROOT_DAYS,
         {"BC", "AD"},
         {"AM", "PM"}},
        {"de",
         {"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
          "Dezember"},
         {"Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."},
         {"Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"},
         {"Mo.", "Di.", "Mi.", "Do.", "Fr.", "Sa.", "So."},
         {"v. Chr.", "n. Chr."},
         {"AM", "PM"}},
        {"fr",
         {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
          "décembre"},
         {"janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."},
         {"lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"},
         {"lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."},
         {"av. J.-C.", "ap. J.-C."},
         {"AM", "PM"}},
        {"es",
         {"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
          "noviembre", "diciembre"},
         {"ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"},
         {"lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"},
         {"lun", "mar", "mié", "jue", "vie", "sáb", "dom"},
         {"a. C.", "d. C."},
         {"a." NBSP "m.", "p." NBSP "m."}},
        {"it",
         {"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre",
          "novembre", "dicembre"},
         {"gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"},
         {"lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"},
         {"lun", "mar", "mer", "gio", "ven", "sab", "dom"},
         {"a.C.", "d.C."},
         {"AM", "PM"}},
        {"nl",
         {"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober",
          "november", "december"},
         {"jan.", "feb.", "mrt.", "apr.", "mei", "jun.", "jul.", "aug.", "sep.", "okt.", "nov.", "dec."},
         {"maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"},
         {"ma", "di", "wo", "do", "vr", "za", "zo"},
         {"v.Chr.", "n.Chr."},
         {"a.m.", "p.m."}},
        {"pt",
         {"janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro",
          "novembro", "dezembro"},
         {"jan.", "fev.", "mar.", "abr.", "mai.", "jun.", "jul.", "ago.", "set.", "out.", "nov.", "dez."},
         {"segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo"},
         {"seg.", "ter.", "qua.", "qui.", "sex.", "sáb.", "dom."},
         {"a.C.", "d.C."},
         {"AM", "PM"}},
};

/* ---- compiling ---- */

static bool is_letter(char c)
{
        return (c | 32) >= 'a' && (c | 32) <= 'z';
}

/* A language of two or three letters is looked up; everything else is no language to Java, and gets the root locale's texts. */
static const struct texts *texts_of(const char *locale)
{
        size_t n = strlen(locale);
        bool word = n == 2 || n == 3;
        for (size_t i = 0; i < n; i++)
                word &= is_letter(locale[i]);
        for (size_t i = 0; word && i < sizeof(locales) / sizeof(*locales); i++)
                if (strcasecmp(locales[i].locale, locale) == 0)
                        return &locales[i];
        return word ? NULL : &locales[0];
}

/* Text is collected in f->chars; neighbours become one step. */
static void add_text(struct sl_s3_pathformat *f, char **end, char c)
{
        if (!f->count || f->steps[f->count - 1].letter)
                f->steps[f->count++] = (struct step){.text = *end};
        *(*end)++ = c;
        f->steps[f->count - 1].count++;
}

static bool is_text(const struct step *s)
{
        return s->letter && (strchr("GEa", s->letter) || (s->letter == 'M' && s->count >= 3));
}

/* Does the zone have names of letters, winter and summer, and the locale no others for them? Java's names are those of the tz database
 * then. */
static bool short_names(const struct sl_s3_pathformat *f)
{
        const int64_t january = 4103000000, july = 4119000000; /* of 2100 */
        if (f->zone->fixed)
                return true;
        return f->texts && f->texts <= &locales[1] && is_letter(*sl_tz_name(f->zone->tz, january)) &&
               is_letter(*sl_tz_name(f->zone->tz, july));
}

/* A run of one letter; the rest of the pattern, or NULL with the reason in why. */
static const char *add_letters(struct sl_s3_pathformat *f, const char *p, const char *locale, struct sl_buf *why)
{
        struct step *s = &f->steps[f->count++];
        *s = (struct step){.letter = *p};
        s->count = (uint32_t)strspn(p, (char[]){*p, 0});
        if (!strchr("GCxweEyYDMdaKhHkmsSzZ", *p)) {
                sl_buf_printf(why, "Illegal pattern component: %.*s", (int)s->count, p);
                return NULL;
        }
        if (s->letter == 'z' && (s->count >= 4 || !short_names(f))) {
                sl_buf_printf(why,
                              "%.*s prints the name of a time zone, and %s: ZZZ prints its id (%s), and Z or ZZ the offset",
                              (int)s->count, p,
                              s->count >= 4          ? "only short ones are built in"
                              : f->texts > &locales[1] || !f->texts ? "only English ones are built in"
                                                     : "this one has no short name in the tz database",
                              f->zone->id);
                return NULL;
        }
        if (is_text(s) && !f->texts) {
                sl_buf_printf(why,
                              "%.*s prints a text, and the texts of locale %s are not built in: use en, de, fr, es, it, nl "
                              "or pt, or letters that print numbers",
                              (int)s->count, p, locale);
                return NULL;
        }
        return p + s->count;
}

static bool compile(struct sl_s3_pathformat *f, const char *p, const char *locale, struct sl_buf *why)
{
        char *end = f->chars;
        for (bool quoted = false; p && *p;) {
                if (*p == '\'' && p[1] == '\'') {
                        add_text(f, &end, '\'');
                        p += 2;
                } else if (*p == '\'') {
                        quoted = !quoted;
                        p++;
                } else if (quoted || !is_letter(*p)) {
                        add_text(f, &end, *p++);
                } else {
                        p = add_letters(f, p, locale, why);
                }
        }
        return p != NULL;
}

struct sl_s3_pathformat *sl_s3_pathformat_new(const char *pattern, const char *locale, const struct sl_s3_zone *zone,
                                              struct sl_buf *why)
{
        struct sl_s3_pathformat *f = sl_calloc(1, sizeof(*f));
        f->steps = sl_calloc(strlen(pattern) + 1, sizeof(*f->steps));
        f->chars = sl_malloc(strlen(pattern) + 1);
        f->texts = texts_of(locale);
        f->zone = zone;
        if (compile(f, pattern, locale, why))
                return f;
        sl_s3_pathformat_free(f);
        return NULL;
}

void sl_s3_pathformat_free(struct sl_s3_pathformat *f)
{
        if (!f)
                return;
        free(f->steps);
        free(f->chars);
        free(f);
}

/* ---- writing ---- */

/* A local time taken apart, as in the ISO calendar. */
struct parts {
        int64_t year, week_year, fraction; /* fraction: ms of the second */
        int32_t month, day, day_of_year, week, weekday; /* weekday: 0 = Monday */
        int32_t hour, minute, second;
        const char *zone_name;
};

static void take_apart(int64_t local, struct parts *p)
{
        int32_t ignored_month, ignored_day;
        int64_t days = sl_floor_div(local, DAY_MS), ms = sl_floor_mod(local, DAY_MS);
        p->year = sl_date_of(days, &p->month, &p->day);
        p->day_of_year = (int32_t)(days - sl_days_of(p->year, 1, 1)) + 1;
        p->weekday = (int32_t)sl_floor_mod(days + 3, 7);
        int64_t thursday = days - p->weekday + 3;
        p->week_year = sl_date_of(thursday, &ignored_month, &ignored_day);
        p->week = (int32_t)((thursday - sl_days_of(p->week_year, 1, 1)) / 7) + 1;
        p->hour = (int32_t)(ms / 3600000);
        p->minute = (int32_t)(ms / 60000 % 60);
        p->second = (int32_t)(ms / 1000 % 60);
        p->fraction = ms % 1000;
}

static void repeat(struct sl_buf *out, char c, int64_t n)
{
        for (; n > 0; n--)
                sl_buf_addc(out, c);
}

/* At least `width` digits; a sign stands before them. */
static void padded(struct sl_buf *out, int64_t v, uint32_t width)
{
        char digits[24];
        int n = 0;
        if (v < 0)
                sl_buf_addc(out, '-');
        for (uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v; u || !n; u /= 10)
                digits[n++] = (char)('0' + u % 10);
        repeat(out, '0', (int64_t)width - n);
        while (n)
                sl_buf_addc(out, digits[--n]);
}

static void two(struct sl_buf *out, int64_t year)
{
        padded(out, llabs(year) % 100, 2);
}

static void fraction(struct sl_buf *out, int64_t ms, uint32_t count)
{
        if (ms == 0) {
                repeat(out, '0', count);
                return;
        }
        char digits[3] = {(char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10)};
        sl_buf_add(out, digits, count < 3 ? count : 3);
        repeat(out, '0', (count < FRACTION_MAX ? (int64_t)count : FRACTION_MAX) - 3);
}

static void zone(const struct sl_s3_pathformat *f, uint32_t count, int32_t offset_ms, struct sl_buf *out)
{
        if (count > 2) {
                sl_buf_adds(out, f->zone->id);
                return;
        }
        int32_t minutes = abs(offset_ms) / 60000;
        sl_buf_addc(out, offset_ms < 0 ? '-' : '+');
        padded(out, minutes / 60, 2);
        if (count == 2)
                sl_buf_addc(out, ':');
        padded(out, minutes % 60, 2);
}

static void month(const struct sl_s3_pathformat *f, const struct step *s, const struct parts *p, struct sl_buf *out)
{
        if (s->count < 3)
                padded(out, p->month, s->count);
        else
                sl_buf_adds(out, (s->count > 3 ? f->texts->months : f->texts->short_months)[p->month - 1]);
}

static void year(const struct step *s, const struct parts *p, struct sl_buf *out)
{
        int64_t of_era = p->year > 0 ? p->year : 1 - p->year;
        int64_t value = s->letter == 'x' ? p->week_year : s->letter == 'y' ? p->year : of_era;
        if (s->count == 2)
                two(out, s->letter == 'x' ? p->week_year : p->year);
        else
                padded(out, value, s->count);
}

static void field(const struct sl_s3_pathformat *f, const struct step *s, const struct parts *p, int32_t offset_ms,
                  struct sl_buf *out)
{
        switch (s->letter) {
        case 'G': sl_buf_adds(out, f->texts->eras[p->year > 0]); break;
        case 'C': padded(out, llabs(p->year) / 100, s->count); break; /* not of the year of the era, in Joda */
        case 'x':
        case 'y':
        case 'Y': year(s, p, out); break;
        case 'M': month(f, s, p, out); break;
        case 'w': padded(out, p->week, s->count); break;
        case 'e': padded(out, p->weekday + 1, s->count); break;
        case 'E': sl_buf_adds(out, (s->count > 3 ? f->texts->days : f->texts->short_days)[p->weekday]); break;
        case 'D': padded(out, p->day_of_year, s->count); break;
        case 'd': padded(out, p->day, s->count); break;
        case 'a': sl_buf_adds(out, f->texts->halves[p->hour >= 12]); break;
        case 'K': padded(out, p->hour % 12, s->count); break;
        case 'h': padded(out, (p->hour + 11) % 12 + 1, s->count); break;
        case 'H': padded(out, p->hour, s->count); break;
        case 'k': padded(out, (p->hour + 23) % 24 + 1, s->count); break;
        case 'm': padded(out, p->minute, s->count); break;
        case 's': padded(out, p->second, s->count); break;
        case 'S': fraction(out, p->fraction, s->count); break;
        case 'z': sl_buf_adds(out, p->zone_name); break;
        default: zone(f, s->count, offset_ms, out);
        }
}

void sl_s3_pathformat_write(const struct sl_s3_pathformat *f, int64_t instant, int32_t offset_ms, struct sl_buf *out)
{
        struct parts p;
        take_apart(instant + offset_ms, &p);
        p.zone_name = f->zone->fixed ? f->zone->id : sl_tz_name(f->zone->tz, sl_floor_div(instant, 1000));
        for (uint32_t i = 0; i < f->count; i++) {
                if (f->steps[i].letter)
                        field(f, &f->steps[i], &p, offset_ms, out);
                else
                        sl_buf_add(out, f->steps[i].text, f->steps[i].count);
        }
}
