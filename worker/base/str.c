/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, integers, JSON strings, base64 and the strict parsers of str.h. Doubles are printed in float.c.
 * Used by every folder and on every row, so the writers format straight into the buffer. Nothing here obeys
 * the process's locale, looks at a schema or logs. */
#include "base/str.h"
#include "base/digits.h"
#include "base/err.h"

#include <locale.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define DEFAULT_MAX ((size_t)1 << 30)
/* Bytes past cap that every allocation has: the vector copy may scribble there, sl_buf_cstr puts its NUL there. */
#define SLACK 32

void sl_buf_init(struct sl_buf *b, size_t max)
{
        *b = (struct sl_buf){.max = max};
}

void sl_buf_free(struct sl_buf *b)
{
        free(b->ptr);
        *b = (struct sl_buf){0};
}

/* A bad buffer holds nothing: it can't be mistaken for a short good one, and every append comes to grow. */
static bool buf_fail(struct sl_buf *b)
{
        free(b->ptr);
        b->ptr = NULL;
        b->len = b->cap = 0;
        b->bad = true;
        return false;
}

bool sl_buf_grow(struct sl_buf *b, size_t n)
{
        size_t max = b->max ? b->max : DEFAULT_MAX;
        if (b->bad)
                return false;
        if (n > max || b->len > max - n)
                return buf_fail(b);
        if (b->cap - b->len >= n)
                return true;
        size_t want = b->cap < 32 ? 64 - SLACK : b->cap * 2;
        if (want < b->len + n)
                want = b->len + n;
        if (want > max)
                want = max;
        b->ptr = sl_realloc(b->ptr, want + SLACK);
        b->cap = want;
        return true;
}

void sl_buf_printf(struct sl_buf *b, const char *fmt, ...)
{
        va_list ap;
        size_t room = b->cap - b->len;
        if (b->bad)
                return;
        va_start(ap, fmt);
        int n = vsnprintf(b->ptr ? b->ptr + b->len : NULL, room, fmt, ap);
        va_end(ap);
        if (n < 0) {
                buf_fail(b);
                return;
        }
        if ((size_t)n >= room) {
                if (!sl_buf_room(b, (size_t)n))
                        return;
                va_start(ap, fmt);
                vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, ap); /* the NUL lands in the slack at worst */
                va_end(ap);
        }
        b->len += (size_t)n;
}

const char *sl_buf_cstr(struct sl_buf *b)
{
        if (b->bad || !b->len)
                return "";
        b->ptr[b->len] = '\0';
        return b->ptr;
}

/* ---- integers ---- */

static unsigned decimal_len(uint64_t v)
{
        static const uint64_t pow10[] = {0,
                                         10,
                                         100,
                                         1000,
                                         10000,
                                         100000,
                                         1000000,
                                         10000000,
                                         100000000,
                                         1000000000,
                                         10000000000,
                                         100000000000,
                                         1000000000000,
                                         10000000000000,
                                         100000000000000,
                                         1000000000000000,
                                         10000000000000000,
                                         100000000000000000,
                                         1000000000000000000,
                                         10000000000000000000u};
        unsigned t = (unsigned)(64 - __builtin_clzll(v | 1)) * 1233 >> 12; /* bits * log10(2) */
        return t + 1 - (v < pow10[t]);
}

void sl_buf_add_u64(struct sl_buf *b, uint64_t v)
{
        if (!sl_buf_room(b, 20)) /* the longest */
                return;
        unsigned n = decimal_len(v);
        sl_digits_before(v, b->ptr + b->len + n);
        b->len += n;
}

void sl_buf_add_i64(struct sl_buf *b, int64_t v)
{
        uint64_t u = (uint64_t)v;
        if (v < 0) {
                sl_buf_addc(b, '-');
                u = 0 - u;
        }
        sl_buf_add_u64(b, u);
}

/* ---- JSON strings ---- */

/* Length of the well-formed multi-byte sequence at p, 0 if there is none. */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
        uint8_t c = p[0];
        size_t n = c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
        if (!n || n > left)
                return 0;
        for (size_t i = 1; i < n; i++)
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
        if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) ||
            (c == 0xf4 && p[1] > 0x8f))
                return 0;
        return n;
}

static bool json_plain(char c)
{
        return (uint8_t)c >= 0x20 && (uint8_t)c < 0xf0 && c != '"' && c != '\\';
}

#define EACH_BYTE(c) (0x0101010101010101u * (uint64_t)(c))

/* Whether one of the eight bytes needs an escape (bytes from 0xf0 on: see json_escape_wide). */
static bool json_word_special(uint64_t x)
{
        uint64_t quote = x ^ EACH_BYTE('"'), back = x ^ EACH_BYTE('\\');
        uint64_t hit =
                ((x - EACH_BYTE(0x20)) & ~x) | ((quote - EACH_BYTE(1)) & ~quote) | ((back - EACH_BYTE(1)) & ~back);
        hit |= x & x << 1 & x << 2 & x << 3; /* 0xf0 and up */
        return hit & EACH_BYTE(0x80);
}

/* Copy bytes up to the first that needs an escape; may scribble up to 15 bytes past what it copied. */
static char *json_copy_plain(char *w, const char **pos, const char *end)
{
        const char *p = *pos;
#ifdef __SSE2__
        const __m128i quote = _mm_set1_epi8('"'), back = _mm_set1_epi8('\\'), ctrl = _mm_set1_epi8(0x1f);
        const __m128i wide = _mm_set1_epi8((char)0xf0);
        for (; end - p >= 16; p += 16, w += 16) {
                __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
                __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, back)),
                                           _mm_cmpeq_epi8(_mm_min_epu8(x, ctrl), x));
                hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_max_epu8(x, wide), x));
                unsigned mask = (unsigned)_mm_movemask_epi8(hit);
                _mm_storeu_si128((__m128i *)(void *)w, x);
                if (mask) {
                        *pos = p + __builtin_ctz(mask);
                        return w + __builtin_ctz(mask);
                }
        }
#endif
        for (uint64_t x; end - p >= 8; p += 8, w += 8) {
                memcpy(&x, p, 8);
                if (json_word_special(x))
                        break;
                memcpy(w, &x, 8);
        }
        while (p < end && json_plain(*p))
                *w++ = *p++;
        *pos = p;
        return w;
}

static char *json_escape(char *w, char c)
{
        static const char hex[] = "0123456789ABCDEF";
        *w++ = '\\';
        switch (c) {
        case '"':
        case '\\':
                *w++ = c;
                return w;
        case '\b':
                *w++ = 'b';
                return w;
        case '\t':
                *w++ = 't';
                return w;
        case '\n':
                *w++ = 'n';
                return w;
        case '\f':
                *w++ = 'f';
                return w;
        case '\r':
                *w++ = 'r';
                return w;
        default:
                memcpy(w, "u00", 3);
                w[3] = hex[(uint8_t)c >> 4];
                w[4] = hex[c & 15];
                return w + 5;
        }
}

/* Jackson writes a character beyond U+FFFF as the escapes of its surrogate pair. Bytes that are no such character
 * pass as they are. */
static char *json_escape_wide(char *w, const char **pos, const char *end)
{
        static const char hex[] = "0123456789ABCDEF";
        const uint8_t *p = (const uint8_t *)*pos;
        if (!utf8_sequence(p, (size_t)(end - *pos))) {
                *w++ = *(*pos)++;
                return w;
        }
        uint32_t c = ((p[0] & 7u) << 18 | (p[1] & 63u) << 12 | (p[2] & 63u) << 6 | (p[3] & 63u)) - 0x10000;
        uint32_t units[2] = {0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff)};
        for (int i = 0; i < 2; i++, w += 6) {
                memcpy(w, "\\u", 2);
                for (int k = 0; k < 4; k++)
                        w[2 + k] = hex[units[i] >> (12 - 4 * k) & 15];
        }
        *pos += 4;
        return w;
}

void sl_buf_add_json_str(struct sl_buf *b, const char *p, size_t n)
{
        const char *end = p + n;
        if (!sl_buf_room(b, n + 2))
                return;
        char *w = b->ptr + b->len;
        *w++ = '"';
        for (;;) {
                w = json_copy_plain(w, &p, end);
                if (p == end)
                        break;
                b->len = (size_t)(w - b->ptr);
                bool wide = (uint8_t)*p >= 0xf0;
                if (!sl_buf_room(b, (wide ? 12 : 6) + (size_t)(end - p))) /* the escape, the rest, the quote */
                        return;
                w = b->ptr + b->len;
                w = wide ? json_escape_wide(w, &p, end) : json_escape(w, *p++);
        }
        *w++ = '"';
        b->len = (size_t)(w - b->ptr);
}

/* ---- base64 ---- */

static const char base64_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void sl_buf_add_base64(struct sl_buf *b, const void *p, size_t n)
{
        const uint8_t *s = p;
        size_t out = (n + 2) / 3 * 4;
        if (!n || !sl_buf_room(b, out))
                return;
        char *w = b->ptr + b->len;
        b->len += out;
        for (; n >= 3; n -= 3, s += 3, w += 4) {
                uint32_t x = (uint32_t)s[0] << 16 | (uint32_t)s[1] << 8 | s[2];
                w[0] = base64_chars[x >> 18];
                w[1] = base64_chars[x >> 12 & 63];
                w[2] = base64_chars[x >> 6 & 63];
                w[3] = base64_chars[x & 63];
        }
        if (!n)
                return;
        uint32_t x = (uint32_t)s[0] << 16 | (n == 2 ? (uint32_t)s[1] << 8 : 0);
        w[0] = base64_chars[x >> 18];
        w[1] = base64_chars[x >> 12 & 63];
        w[2] = n == 2 ? base64_chars[x >> 6 & 63] : '=';
        w[3] = '=';
}

static int base64_digit(char c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int64_t sl_base64_decode(const char *p, size_t n, uint8_t *out)
{
        uint8_t *w = out;
        if (n % 4)
                return -1;
        if (!n)
                return 0;
        unsigned pad = p[n - 1] != '=' ? 0 : p[n - 2] != '=' ? 1 : 2;
        for (const char *end = p + n; p < end; p += 4) {
                unsigned have = end - p == 4 ? 4 - pad : 4;
                uint32_t x = 0;
                for (unsigned i = 0; i < 4; i++) {
                        int d = i < have ? base64_digit(p[i]) : 0;
                        if (d < 0)
                                return -1;
                        x = x << 6 | (uint32_t)d;
                }
                *w++ = (uint8_t)(x >> 16);
                if (have > 2)
                        *w++ = (uint8_t)(x >> 8);
                if (have > 3)
                        *w++ = (uint8_t)x;
        }
        return w - out;
}

/* ---- parsing ---- */

bool sl_parse_i64(struct sl_str s, int64_t *ret)
{
        const char *p = s.ptr, *end = s.ptr + s.len;
        if (!s.len)
                return false;
        bool neg = *p == '-';
        if (neg || *p == '+')
                p++;
        if (p == end)
                return false;
        int64_t v = 0;
        for (; p < end; p++) {
                if (*p < '0' || *p > '9' || __builtin_mul_overflow(v, 10, &v))
                        return false;
                int d = *p - '0';
                if (neg ? __builtin_sub_overflow(v, d, &v) : __builtin_add_overflow(v, d, &v))
                        return false;
        }
        *ret = v;
        return true;
}

/* A decimal read by the grammar [+-] digits [. digits] [e [+-] digits]: m * 10^exp10, unless cut. */
struct decimal {
        bool neg;
        bool cut; /* more digits than m holds */
        uint64_t m;
        int64_t exp10;
};

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool scan_exponent(const char *p, const char *end, int64_t *exp10)
{
        bool neg = p < end && *p == '-';
        int64_t e = 0;
        if (p < end && (*p == '-' || *p == '+'))
                p++;
        if (p == end)
                return false;
        for (; p < end; p++) {
                if (!is_digit(*p))
                        return false;
                if (e < 100000000)
                        e = e * 10 + (*p - '0');
        }
        *exp10 += neg ? -e : e;
        return true;
}

static bool scan_decimal(struct sl_str s, struct decimal *d)
{
        const char *p = s.ptr, *end = s.ptr + s.len;
        bool any = false, dot = false;
        *d = (struct decimal){0};
        if (p < end && (*p == '-' || *p == '+'))
                d->neg = *p++ == '-';
        for (; p < end; p++) {
                if (*p == '.' && !dot) {
                        dot = true;
                } else if (is_digit(*p)) {
                        any = true;
                        if (d->m > (UINT64_MAX - 9) / 10) {
                                d->cut = true;
                        } else {
                                d->m = d->m * 10 + (uint64_t)(*p - '0');
                                d->exp10 -= dot;
                        }
                } else {
                        break;
                }
        }
        if (!any)
                return false;
        if (p == end)
                return true;
        return (*p == 'e' || *p == 'E') && scan_exponent(p + 1, end, &d->exp10);
}

static locale_t c_locale;

static void make_c_locale(void)
{
        c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* The text is one that strtod takes whole. */
static bool slow_strtod(struct sl_str s, bool single, double *ret)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        char small[64];
        char *text = s.len < sizeof(small) ? small : sl_malloc(s.len + 1);
        pthread_once(&once, make_c_locale);
        if (!c_locale) {
                if (text != small)
                        free(text);
                return false;
        }
        memcpy(text, s.ptr, s.len);
        text[s.len] = '\0';
        *ret = single ? (double)strtof_l(text, NULL, c_locale) : strtod_l(text, NULL, c_locale);
        if (text != small)
                free(text);
        return true;
}

bool sl_parse_f64(struct sl_str s, double *ret)
{
        static const double pow10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
        struct decimal d;
        if (!s.len)
                return false;
        if (!scan_decimal(s, &d)) {
                if (sl_str_eqc(s, "NaN"))
                        *ret = __builtin_nan("");
                else if (sl_str_eqc(s, "Infinity"))
                        *ret = __builtin_inf();
                else if (sl_str_eqc(s, "-Infinity"))
                        *ret = -__builtin_inf();
                else
                        return false;
                return true;
        }
        /* Both factors are exact doubles, so one operation rounds once (Clinger). */
        if (!d.cut && d.m <= (uint64_t)1 << 53 && d.exp10 >= -22 && d.exp10 <= 22) {
                double v = d.exp10 < 0 ? (double)d.m / pow10[-d.exp10] : (double)d.m * pow10[d.exp10];
                *ret = d.neg ? -v : v;
                return true;
        }
        return slow_strtod(s, false, ret);
}

/* 0x, hex digits with or without a point, p and a decimal exponent, which Java demands. */
static bool is_hex_float(struct sl_str s)
{
        const char *p = s.ptr, *end = s.ptr + s.len;
        bool any = false, dot = false;
        int64_t exp2 = 0;
        p += p < end && (*p == '-' || *p == '+');
        if (end - p < 2 || p[0] != '0' || (p[1] | 32) != 'x')
                return false;
        for (p += 2; p < end && (*p | 32) != 'p'; p++) {
                char c = *p;
                if (c == '.' ? dot : !is_digit(c) && ((c | 32) < 'a' || (c | 32) > 'f'))
                        return false;
                dot = dot || c == '.';
                any = any || c != '.';
        }
        return any && p < end && scan_exponent(p + 1, end, &exp2);
}

bool sl_parse_java_float(struct sl_str s, bool single, double *ret)
{
        struct decimal d;
        while (s.len && (uint8_t)s.ptr[s.len - 1] <= ' ')
                s.len--;
        while (s.len && (uint8_t)s.ptr[0] <= ' ') {
                s.ptr++;
                s.len--;
        }
        if (!s.len)
                return false;
        bool neg = s.ptr[0] == '-';
        struct sl_str word = neg || s.ptr[0] == '+' ? (struct sl_str){s.ptr + 1, s.len - 1} : s;
        if (sl_str_eqc(word, "NaN") || sl_str_eqc(word, "Infinity")) {
                *ret = word.len == 3 ? __builtin_nan("") : neg ? -__builtin_inf() : __builtin_inf();
                return true;
        }
        bool hex = is_hex_float(s);
        if (!hex && strchr("fFdD", s.ptr[s.len - 1])) {
                s.len--;
                hex = is_hex_float(s);
        }
        if (!hex && !scan_decimal(s, &d))
                return false;
        return hex || single ? slow_strtod(s, single, ret) : sl_parse_f64(s, ret);
}

bool sl_utf8_valid(struct sl_str s)
{
        const uint8_t *p = (const uint8_t *)s.ptr, *end = p + s.len;
        while (p < end) {
                uint64_t x;
                if (end - p >= 8 && (memcpy(&x, p, 8), !(x & EACH_BYTE(0x80)))) {
                        p += 8;
                } else if (*p < 0x80) {
                        p++;
                } else {
                        size_t n = utf8_sequence(p, (size_t)(end - p));
                        if (!n)
                                return false;
                        p += n;
                }
        }
        return true;
}

int sl_hex4(const char *p, const char *end)
{
        int v = 0;
        if (end - p < 4)
                return -1;
        for (int i = 0; i < 4; i++) {
                char c = p[i];
                int d = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
                if (d < 0)
                        return -1;
                v = v << 4 | d;
        }
        return v;
}

char *sl_utf8_put(char *w, uint32_t c)
{
        if (c < 0x80) {
                *w++ = (char)c;
        } else if (c < 0x800) {
                *w++ = (char)(0xc0 | c >> 6);
                *w++ = (char)(0x80 | (c & 63));
        } else if (c < 0x10000) {
                *w++ = (char)(0xe0 | c >> 12);
                *w++ = (char)(0x80 | (c >> 6 & 63));
                *w++ = (char)(0x80 | (c & 63));
        } else {
                *w++ = (char)(0xf0 | c >> 18);
                *w++ = (char)(0x80 | (c >> 12 & 63));
                *w++ = (char)(0x80 | (c >> 6 & 63));
                *w++ = (char)(0x80 | (c & 63));
        }
        return w;
}

void sl_buf_add_utf8(struct sl_buf *b, uint32_t c)
{
        char bytes[4];
        sl_buf_add(b, bytes, (size_t)(sl_utf8_put(bytes, c) - bytes));
}
