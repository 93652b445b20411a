/* SPDX-License-Identifier: Apache-2.0 */
/* Slices and growing byte buffers.
 * struct sl_str points at bytes that somebody else owns; ptr == NULL means "null" (absent), an empty
 * string has ptr != NULL and len == 0. struct sl_buf owns its bytes, has a ceiling from birth and is
 * reused (sl_buf_clear keeps the memory), so a hot path that reuses one allocates nothing.
 * Neither is thread safe. */
#ifndef SL_BASE_STR_H
#define SL_BASE_STR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/attr.h"

struct sl_str {
        const char *ptr;
        size_t len;
};

#define SL_STR(lit) ((struct sl_str){(lit), sizeof(lit) - 1})
#define SL_STR_NULL ((struct sl_str){NULL, 0})
/* For printf("%.*s", SL_FMT(s)). */
#define SL_FMT(s) (int)(s).len, (s).ptr ? (s).ptr : ""

static inline struct sl_str sl_str_c(const char *s)
{
        return (struct sl_str){s, s ? strlen(s) : 0};
}
static inline bool sl_str_eq(struct sl_str a, struct sl_str b)
{
        return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
static inline bool sl_str_eqc(struct sl_str a, const char *b)
{
        return sl_str_eq(a, sl_str_c(b));
}

/* A growing buffer. `bad` is sticky: set when the ceiling was hit; the writer checks
 * once at the end (sl_buf_ok). After that, appends are ignored. */
struct sl_buf {
        char *ptr;
        size_t len, cap, max;
        bool bad;
};

/* max: ceiling in bytes (0 = 1 GiB). Allocates nothing yet. A zeroed sl_buf is valid too (max 1 GiB). */
void sl_buf_init(struct sl_buf *b, size_t max);
void sl_buf_free(struct sl_buf *b); /* accepts a zeroed struct; leaves it zeroed */
/* Make room for n more bytes; false (and bad set) when that passes the ceiling. */
bool sl_buf_grow(struct sl_buf *b, size_t n);
void sl_buf_printf(struct sl_buf *b, const char *fmt, ...) sl_printf(2, 3);
/* The bytes NUL-terminated (NUL not counted in len); "" when empty or bad. Valid until the next append. */
const char *sl_buf_cstr(struct sl_buf *b);

static inline void sl_buf_clear(struct sl_buf *b)
{
        b->len = 0;
        b->bad = false;
}
static inline bool sl_buf_ok(const struct sl_buf *b)
{
        return !b->bad;
}
static inline bool sl_buf_room(struct sl_buf *b, size_t n)
{
        return sl_likely(b->cap - b->len >= n) || sl_buf_grow(b, n);
}
static inline void sl_buf_add(struct sl_buf *b, const void *p, size_t n)
{
        if (n && sl_buf_room(b, n)) {
                memcpy(b->ptr + b->len, p, n);
                b->len += n;
        }
}
static inline void sl_buf_addc(struct sl_buf *b, char c)
{
        if (sl_buf_room(b, 1))
                b->ptr[b->len++] = c;
}
static inline void sl_buf_adds(struct sl_buf *b, const char *s)
{
        sl_buf_add(b, s, strlen(s));
}
static inline void sl_buf_add_str(struct sl_buf *b, struct sl_str s)
{
        sl_buf_add(b, s.ptr, s.len);
}
/* Decimal integers, locale-free. */
void sl_buf_add_i64(struct sl_buf *b, int64_t v);
void sl_buf_add_u64(struct sl_buf *b, uint64_t v);
/* Shortest decimal that reads back as the same float or double, in Java's spelling (Double.toString:
 * "1.0", "1.0E10", "NaN", "Infinity"). Locale-free. */
void sl_buf_add_f64(struct sl_buf *b, double v);
void sl_buf_add_f32(struct sl_buf *b, float v);
/* A JSON string with its quotes; escapes exactly what Jackson escapes by default (quote, backslash, control
 * characters as \b \t \n \f \r or \u00XX, characters beyond U+FFFF as two \uXXXX). Input is taken as UTF-8 and
 * otherwise copied as it is. */
void sl_buf_add_json_str(struct sl_buf *b, const char *p, size_t n);
/* Standard-alphabet base64 with padding (RFC 4648 section 4). */
void sl_buf_add_base64(struct sl_buf *b, const void *p, size_t n);

/* Decode base64 into out (room for n / 4 * 3 + 3 bytes); number of bytes, or -1 on bad input. */
int64_t sl_base64_decode(const char *p, size_t n, uint8_t *out);
/* Strict decimal int64 over the whole slice ("+5", "-5", "5"); false on anything else or overflow. */
bool sl_parse_i64(struct sl_str s, int64_t *ret);
/* Locale-free strtod over the whole slice; accepts NaN, Infinity, -Infinity. */
bool sl_parse_f64(struct sl_str s, double *ret);
/* Java's Double.parseDouble, or with single Float.parseFloat (the float widened): blanks around it are dropped, a last f, F, d
 * or D is taken, and hexadecimal floats are read; false where Java throws NumberFormatException. Locale-free. */
bool sl_parse_java_float(struct sl_str s, bool single, double *ret);
/* Is the slice well-formed UTF-8 (no surrogates, no overlongs, at most U+10FFFF)? */
bool sl_utf8_valid(struct sl_str s);
/* One code point (at most U+10FFFF, no surrogate) as UTF-8 at w, which has room for 4 bytes; the end of what was written. */
char *sl_utf8_put(char *w, uint32_t c);
void sl_buf_add_utf8(struct sl_buf *b, uint32_t c);
/* The value of the four hex digits at p, or -1 when fewer are left or they are none. */
int sl_hex4(const char *p, const char *end);

#endif
