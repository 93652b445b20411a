/* SPDX-License-Identifier: Apache-2.0 */
/* Connect's Decimal (big-endian two's complement unscaled value, scale from the schema) to and from number text,
 * spelled as java.math.BigDecimal does. No arithmetic, no rounding: what does not fit the scale is refused. */
#include "record/logical.h"

#define MAX_DIGITS 4096
#define SMALL_BYTES 32
#define SMALL_LIMBS (SMALL_BYTES / 4 + 1)
/* Digits of a value of n bytes: 8 * log10(2) = 2.41 a byte. */
#define DIGITS_OF(n) ((n)*5 / 2 + 12)

/* Magnitude as little-endian 32-bit limbs; how many. */
static size_t magnitude(const uint8_t *p, size_t n, bool neg, uint32_t *limbs)
{
        size_t count = (n + 3) / 4;
        uint32_t carry = neg;
        for (size_t i = 0; i < count; i++) {
                uint32_t limb = 0;
                for (size_t k = 0; k < 4; k++) {
                        size_t at = i * 4 + k;
                        uint32_t byte = at < n ? p[n - 1 - at] : neg ? 0xff : 0;
                        limb |= byte << (8 * k);
                }
                if (neg) {
                        limb = ~limb + carry;
                        carry = carry && !limb;
                }
                limbs[i] = limb;
        }
        if (carry) /* can't be: a negative number is never all zeros */
                limbs[count++] = 1;
        while (count && !limbs[count - 1])
                count--;
        return count;
}

/* Digits of the magnitude, written backwards from end; the limbs are used up. */
static char *limb_digits(uint32_t *limbs, size_t count, char *end)
{
        char *w = end;
        while (count) {
                uint64_t rest = 0;
                for (size_t i = count; i-- > 0;) {
                        uint64_t x = rest << 32 | limbs[i];
                        limbs[i] = (uint32_t)(x / 1000000000);
                        rest = x % 1000000000;
                }
                while (count && !limbs[count - 1])
                        count--;
                for (int i = 0; i < 9 && (count || rest); i++, rest /= 10)
                        *--w = (char)('0' + rest % 10);
        }
        if (w == end)
                *--w = '0';
        return w;
}

static void add_zeros(struct sl_buf *out, int64_t n)
{
        if (n > 0 && sl_buf_room(out, (size_t)n)) {
                memset(out->ptr + out->len, '0', (size_t)n);
                out->len += (size_t)n;
        }
}

static void add_scaled(struct sl_buf *out, bool neg, const char *digits, size_t n, int32_t scale)
{
        int64_t adjusted = (int64_t)n - 1 - scale;
        if (neg)
                sl_buf_addc(out, '-');
        if (scale == 0) {
                sl_buf_add(out, digits, n);
        } else if (scale > 0 && adjusted >= -6) {
                int64_t whole = (int64_t)n - scale;
                if (whole > 0) {
                        sl_buf_add(out, digits, (size_t)whole);
                        sl_buf_addc(out, '.');
                        sl_buf_add(out, digits + whole, n - (size_t)whole);
                } else {
                        sl_buf_add(out, "0.", 2);
                        add_zeros(out, -whole);
                        sl_buf_add(out, digits, n);
                }
        } else {
                sl_buf_addc(out, digits[0]);
                if (n > 1) {
                        sl_buf_addc(out, '.');
                        sl_buf_add(out, digits + 1, n - 1);
                }
                if (adjusted) {
                        sl_buf_addc(out, 'E');
                        if (adjusted > 0)
                                sl_buf_addc(out, '+');
                        sl_buf_add_i64(out, adjusted);
                }
        }
}

void sl_decimal_print(const void *bytes, size_t n, int32_t scale, struct sl_buf *scratch, struct sl_buf *out)
{
        const uint8_t *p = bytes;
        bool neg = n && (p[0] & 0x80);
        if (n <= SMALL_BYTES) {
                uint32_t limbs[SMALL_LIMBS];
                char text[DIGITS_OF(SMALL_BYTES)], *end = text + sizeof(text);
                size_t count = magnitude(p, n, neg, limbs);
                char *digits = limb_digits(limbs, count, end);
                add_scaled(out, neg, digits, (size_t)(end - digits), scale);
                return;
        }
        size_t limb_bytes = (n / 4 + 2) * sizeof(uint32_t), room = limb_bytes + DIGITS_OF(n);
        sl_buf_clear(scratch);
        if (!sl_buf_room(scratch, room)) {
                out->bad = true;
                return;
        }
        uint32_t *limbs = (uint32_t *)(void *)scratch->ptr;
        size_t count = magnitude(p, n, neg, limbs);
        char *end = scratch->ptr + room, *digits = limb_digits(limbs, count, end);
        add_scaled(out, neg, digits, (size_t)(end - digits), scale);
}

/* A JSON number taken apart: digits with the point left out, and the power of ten that scales them. */
struct number {
        bool neg;
        struct sl_str whole, fraction;
        int64_t exp10;
};

static struct number take_apart(struct sl_str text)
{
        const char *p = text.ptr, *end = text.ptr + text.len;
        struct number n = {0};
        if (p < end && *p == '-') {
                n.neg = true;
                p++;
        }
        n.whole.ptr = p;
        while (p < end && *p >= '0' && *p <= '9')
                p++;
        n.whole.len = (size_t)(p - n.whole.ptr);
        if (p < end && *p == '.') {
                n.fraction.ptr = ++p;
                while (p < end && *p >= '0' && *p <= '9')
                        p++;
                n.fraction.len = (size_t)(p - n.fraction.ptr);
        }
        if (p < end && (*p == 'e' || *p == 'E')) {
                bool down = ++p < end && *p == '-';
                if (p < end && (*p == '-' || *p == '+'))
                        p++;
                for (; p < end; p++)
                        if (n.exp10 < 1000000000)
                                n.exp10 = n.exp10 * 10 + (*p - '0');
                if (down)
                        n.exp10 = -n.exp10;
        }
        return n;
}

static char digit_at(const struct number *n, size_t i)
{
        return i < n->whole.len ? n->whole.ptr[i] : n->fraction.ptr[i - n->whole.len];
}

int64_t sl_decimal_low_bits(struct sl_str text)
{
        struct number n = take_apart(text);
        int64_t digits = (int64_t)n.whole.len + n.exp10, have = (int64_t)(n.whole.len + n.fraction.len);
        uint64_t v = 0;
        for (int64_t i = 0; i < digits && i < have; i++)
                v = v * 10 + (uint64_t)(digit_at(&n, (size_t)i) - '0');
        if (digits - have >= 64)
                v = 0; /* 10^64 is a multiple of 2^64 */
        for (int64_t i = have; i < digits && v; i++)
                v *= 10;
        return (int64_t)(n.neg ? 0 - v : v);
}

/* n decimal digits, given by index, into big-endian two's complement; returns the first byte used of out[room]. */
static size_t to_bytes(const struct number *n, int64_t digits, uint8_t *out, size_t room)
{
        size_t first = room, have = n->whole.len + n->fraction.len;
        for (int64_t i = 0; i < digits; i++) {
                uint32_t carry = (size_t)i < have ? (uint32_t)(digit_at(n, (size_t)i) - '0') : 0;
                for (size_t k = room; k > first || carry;) {
                        k--;
                        uint32_t x = (k >= first ? out[k] * 10u : 0) + carry;
                        out[k] = (uint8_t)x;
                        carry = x >> 8;
                        if (k < first)
                                first = k;
                }
        }
        if (first == room || out[first] & 0x80)
                out[--first] = 0; /* the sign */
        if (!n->neg)
                return first;
        uint32_t carry = 1;
        for (size_t k = room; k-- > first;) {
                uint32_t x = (uint8_t)~out[k] + carry;
                out[k] = (uint8_t)x;
                carry = x >> 8;
        }
        while (first + 1 < room && out[first] == 0xff && out[first + 1] & 0x80)
                first++;
        while (first + 1 < room && out[first] == 0 && !(out[first + 1] & 0x80))
                first++; /* minus zero */
        return first;
}

enum sl_rc sl_decimal_parse(struct sl_str text, int32_t scale, struct sl_arena *arena, struct sl_value *ret,
                            struct sl_err *err)
{
        struct number n = take_apart(text);
        int64_t value_scale = (int64_t)n.fraction.len - n.exp10;
        size_t zeros = 0, have = n.whole.len + n.fraction.len;
        while (zeros < have && digit_at(&n, zeros) == '0')
                zeros++;
        int64_t digits =
                (int64_t)have + scale - value_scale; /* digits of the unscaled value, zeros in front included */
        if (zeros == have)
                digits = 0;
        for (int64_t i = digits < 0 ? 0 : digits; i < (int64_t)have && zeros < have; i++)
                if (digit_at(&n, (size_t)i) != '0')
                        return sl_fail(err, SL_E_VALUE,
                                       "Decimal value has mismatching scale for given Decimal schema. "
                                       "Schema has scale %d, value has scale %lld.",
                                       scale, (long long)value_scale);
        if (digits > MAX_DIGITS)
                return sl_fail(err, SL_E_TOO_LARGE, "a decimal of %lld digits is more than the %d that are read",
                               (long long)digits, MAX_DIGITS);
        if (digits < 0)
                digits = 0;
        size_t room = (size_t)digits / 2 + 3; /* log256(10) = 0.415 bytes a digit */
        uint8_t *out = sl_arena_alloc(arena, room);
        size_t first = to_bytes(&n, digits, out, room);
        *ret = sl_v_bytes(out + first, room - first);
        return SL_OK;
}
