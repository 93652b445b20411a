/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of a row's text: see text.h. */
#include "connectors/snowflake/text.h"
#include "base/tzrules.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define DAY_S 86400

/* ---- strings ---- */

/* Copy bytes up to the first that is no plain ASCII; may scribble up to 15 bytes past what it copied. */
static char *copy_plain(char *w, const char **pos, const char *end)
{
        const char *p = *pos;
#ifdef __SSE2__
        const __m128i quote = _mm_set1_epi8('"'), back = _mm_set1_epi8('\\'), first = _mm_set1_epi8(0x20);
        for (; end - p >= 16; p += 16, w += 16) {
                __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
                /* signed: control characters and all from 0x80 on are less than a blank */
                __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, back)),
                                           _mm_cmplt_epi8(x, first));
                unsigned mask = (unsigned)_mm_movemask_epi8(hit);
                _mm_storeu_si128((__m128i *)(void *)w, x);
                if (mask) {
                        *pos = p + __builtin_ctz(mask);
                        return w + __builtin_ctz(mask);
                }
        }
#endif
        while (p < end && (signed char)*p >= 0x20 && *p != '"' && *p != '\\')
                *w++ = *p++;
        *pos = p;
        return w;
}

static char *escape(char *w, char c)
{
        static const char hex[] = "0123456789ABCDEF";
        static const char names[] = "btn-fr"; /* \b to \r */
        *w++ = '\\';
        if (c == '"' || c == '\\') {
                *w++ = c;
        } else if (c >= '\b' && c <= '\r' && c != '\v') {
                *w++ = names[c - '\b'];
        } else {
                memcpy(w, "u00", 3);
                w[3] = hex[(uint8_t)c >> 4];
                w[4] = hex[c & 15];
                w += 5;
        }
        return w;
}

/* Length of the well-formed sequence at p, or 0; *skip: bytes that one U+FFFD stands for then. */
static size_t sequence(const uint8_t *p, size_t left, size_t *skip)
{
        uint8_t c = p[0];
        size_t n = c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0, have = 1;
        *skip = 1;
        while (have < n && have < left && (p[have] & 0xc0) == 0x80)
                have++;
        if (!n || have < n) {
                *skip = have;
                return 0;
        }
        if (c == 0xed && p[1] > 0x9f) {
                *skip = 3; /* half of a surrogate pair */
                return 0;
        }
        if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
                return 0;
        return n;
}

void sl_sf_add_string(struct sl_buf *out, struct sl_str s, bool *bad)
{
        const char *p = s.ptr, *end = s.ptr + s.len;
        if (!sl_buf_room(out, s.len + 18))
                return;
        char *w = out->ptr + out->len;
        *w++ = '"';
        for (;;) {
                w = copy_plain(w, &p, end);
                if (p == end)
                        break;
                size_t skip = 1, n = (uint8_t)*p < 0x80 ? 0 : sequence((const uint8_t *)p, (size_t)(end - p), &skip);
                if (n) {
                        memcpy(w, p, n);
                        w += n;
                        p += n;
                        continue;
                }
                out->len = (size_t)(w - out->ptr);
                if (!sl_buf_room(out, 6 + (size_t)(end - p) + 18)) /* the escape, the rest, the quote */
                        return;
                w = out->ptr + out->len;
                if ((uint8_t)*p < 0x80) {
                        w = escape(w, *p);
                } else {
                        memcpy(w, "\xef\xbf\xbd", 3);
                        w += 3;
                        if (bad)
                                *bad = true;
                }
                p += skip;
        }
        *w++ = '"';
        out->len = (size_t)(w - out->ptr);
}

void sl_sf_add_hex(struct sl_buf *out, struct sl_str bytes)
{
        static const char hex[] = "0123456789ABCDEF";
        if (!sl_buf_room(out, bytes.len * 2 + 2))
                return;
        char *w = out->ptr + out->len;
        *w++ = '"';
        for (size_t i = 0; i < bytes.len; i++) {
                *w++ = hex[(uint8_t)bytes.ptr[i] >> 4];
                *w++ = hex[bytes.ptr[i] & 15];
        }
        *w++ = '"';
        out->len = (size_t)(w - out->ptr);
}

void sl_sf_add_quoted_base64(struct sl_buf *out, struct sl_str bytes)
{
        sl_buf_addc(out, '"');
        sl_buf_add_base64(out, bytes.ptr, bytes.len);
        sl_buf_addc(out, '"');
}

/* ---- moments ---- */

static char *two(char *w, unsigned v)
{
        w[0] = (char)('0' + v / 10);
        w[1] = (char)('0' + v % 10);
        return w + 2;
}

static void put_date(struct sl_buf *out, int64_t days)
{
        int32_t month, day;
        int64_t year = sl_date_of(days, &month, &day);
        if (year < 0 || year > 9999) {
                sl_buf_printf(out, "%c%04lld", year < 0 ? '-' : '+', (long long)(year < 0 ? -year : year));
        } else if (sl_buf_room(out, 4)) {
                two(two(out->ptr + out->len, (unsigned)year / 100), (unsigned)year % 100);
                out->len += 4;
        }
        if (!sl_buf_room(out, 6))
                return;
        char *w = out->ptr + out->len;
        *w++ = '-';
        w = two(w, (unsigned)month);
        *w++ = '-';
        two(w, (unsigned)day);
        out->len += 6;
}

static void put_time(struct sl_buf *out, unsigned seconds, uint32_t ns, unsigned digits)
{
        if (!sl_buf_room(out, 20))
                return;
        char *w = two(out->ptr + out->len, seconds / 3600);
        *w++ = ':';
        w = two(w, seconds / 60 % 60);
        *w++ = ':';
        w = two(w, seconds % 60);
        if (digits)
                *w++ = '.';
        uint32_t unit = 100000000;
        for (unsigned i = 0; i < digits; i++, unit /= 10)
                *w++ = (char)('0' + ns / unit % 10);
        out->len = (size_t)(w - out->ptr);
}

void sl_sf_add_moment(struct sl_buf *out, int64_t seconds, uint32_t ns, unsigned digits, bool zulu)
{
        sl_buf_addc(out, '"');
        put_date(out, sl_floor_div(seconds, DAY_S));
        sl_buf_addc(out, 'T');
        put_time(out, (unsigned)sl_floor_mod(seconds, DAY_S), ns, digits);
        sl_buf_add(out, zulu ? "Z\"" : "\"", zulu ? 2 : 1);
}

void sl_sf_add_timestamp_ms(struct sl_buf *out, int64_t ms)
{
        sl_sf_add_moment(out, sl_floor_div(ms, 1000), (uint32_t)sl_floor_mod(ms, 1000) * 1000000, 3, true);
}

void sl_sf_add_date(struct sl_buf *out, int64_t days)
{
        sl_buf_addc(out, '"');
        put_date(out, days);
        sl_buf_addc(out, '"');
}

void sl_sf_add_time(struct sl_buf *out, int64_t ns_of_day, unsigned digits)
{
        int64_t seconds = sl_floor_div(ns_of_day, 1000000000);
        sl_buf_addc(out, '"');
        put_time(out, (unsigned)sl_floor_mod(seconds, DAY_S), (uint32_t)sl_floor_mod(ns_of_day, 1000000000), digits);
        sl_buf_addc(out, '"');
}
