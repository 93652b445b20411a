/* SPDX-License-Identifier: Apache-2.0 */
/* Doubles and floats as Java (19 and later) spells them: the shortest decimal that reads back as the same number,
 * nearest to it among the shortest, with at least two digits. The search is Raffaello Giulietti's "Schubfach" as in
 * the JDK's DoubleToDecimal, in integers only. Its table of 617 powers of ten is computed once (about 0.1 ms)
 * instead of being spelled out here. Reading numbers is in str.c. */
#include "base/str.h"

#include <pthread.h>

typedef unsigned __int128 u128;

#define MASK_63 (((uint64_t)1 << 63) - 1)
#define K_MIN (-324)
#define K_MAX 292
#define WORDS 14 /* 2^895 / 5^292 still has 126 bits; 5^324 has 753 */

/* g = 10^-k scaled to 126 bits, rounded down, plus one; split as hi * 2^63 + lo. */
struct power {
        uint64_t hi, lo;
};
static struct power powers[K_MAX - K_MIN + 1];

static struct power scaled(const uint64_t *w)
{
        int n = WORDS;
        while (!w[n - 1])
                n--;
        int shift = __builtin_clzll(w[n - 1]);
        u128 v = ((u128)w[n - 1] << 64 | (n > 1 ? w[n - 2] : 0)) << shift;
        if (shift && n > 2)
                v |= w[n - 3] >> (64 - shift);
        v = (v >> 2) + 1;
        return (struct power){(uint64_t)(v >> 63), (uint64_t)v & MASK_63};
}

/* Powers of two do not matter after scaling, so powers of five stand for powers of ten. */
static void make_powers(void)
{
        uint64_t up[WORDS] = {1}, down[WORDS] = {0};
        for (int k = 0; k >= K_MIN; k--) {
                u128 carry = 0;
                powers[k - K_MIN] = scaled(up);
                for (int i = 0; i < WORDS; i++) {
                        carry += (u128)up[i] * 5;
                        up[i] = (uint64_t)carry;
                        carry >>= 64;
                }
        }
        down[WORDS - 1] = (uint64_t)1 << 63;
        for (int k = 1; k <= K_MAX; k++) {
                u128 rest = 0;
                for (int i = WORDS - 1; i >= 0; i--) {
                        rest = rest << 64 | down[i];
                        down[i] = (uint64_t)(rest / 5);
                        rest %= 5;
                }
                powers[k - K_MIN] = scaled(down);
        }
}

static uint64_t mul_high(uint64_t a, uint64_t b)
{
        return (uint64_t)((u128)a * b >> 64);
}

/* cp * g / 2^127, rounded to odd: the lowest bit says whether anything was cut off. */
static uint64_t round_to_odd(struct power g, uint64_t cp)
{
        u128 y = (u128)g.hi * cp;
        uint64_t z = ((uint64_t)y >> 1) + mul_high(g.lo, cp);
        uint64_t w = (uint64_t)(y >> 64) + (z >> 63);
        return w | ((z & MASK_63) + MASK_63) >> 63;
}

static int floor_log10_pow2(int e)
{
        return (int)(((int64_t)e * 661971961083) >> 41);
}

static int floor_log10_three_quarters_pow2(int e)
{
        return (int)(((int64_t)e * 661971961083 - 274743187321) >> 41);
}

static int floor_log2_pow10(int e)
{
        return (int)(((int64_t)e * 913124641741) >> 38);
}

struct decimal {
        uint64_t f;
        int e; /* f * 10^e */
};

/* The decimal for c * 2^q; uneven: the gap below is half the gap above (a power of two that is not the least). */
static struct decimal shortest(int q, uint64_t c, bool uneven)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, make_powers);
        uint64_t odd = c & 1, cb = c << 2;
        int k = uneven ? floor_log10_three_quarters_pow2(q) : floor_log10_pow2(q);
        int h = q + floor_log2_pow10(-k) + 2;
        struct power g = powers[k - K_MIN];
        uint64_t vb = round_to_odd(g, cb << h);
        uint64_t vbl = round_to_odd(g, (cb - (uneven ? 1 : 2)) << h);
        uint64_t vbr = round_to_odd(g, (cb + 2) << h);
        uint64_t s = vb >> 2;
        if (s >= 100) {
                uint64_t down = s / 10 * 10, up = down + 10;
                bool down_in = vbl + odd <= down << 2, up_in = (up << 2) + odd <= vbr;
                if (down_in != up_in)
                        return (struct decimal){down_in ? down : up, k};
        }
        uint64_t t = s + 1;
        bool s_in = vbl + odd <= s << 2, t_in = (t << 2) + odd <= vbr;
        if (s_in != t_in)
                return (struct decimal){s_in ? s : t, k};
        int64_t cmp = (int64_t)(vb - ((s + t) << 1)); /* both read back: the nearer, the even one when neither is */
        return (struct decimal){cmp < 0 || (cmp == 0 && !(s & 1)) ? s : t, k};
}

static unsigned put_digits(char *end, uint64_t f)
{
        char *w = end;
        do {
                *--w = (char)('0' + f % 10);
                f /= 10;
        } while (f);
        return (unsigned)(end - w);
}

static char *put_bytes(char *w, const char *p, size_t n)
{
        memcpy(w, p, n);
        return w + n;
}

static char *put_zeros(char *w, int n)
{
        memset(w, '0', (size_t)n);
        return w + n;
}

static void add_decimal(struct sl_buf *b, bool neg, struct decimal d)
{
        char text[24];
        if (!sl_buf_room(b, 32))
                return;
        while (d.f >= 100000000 && d.f % 100000000 == 0) {
                d.f /= 100000000;
                d.e += 8;
        }
        while (d.f >= 10 && d.f % 10 == 0) {
                d.f /= 10;
                d.e++;
        }
        int n = (int)put_digits(text + sizeof(text), d.f);
        const char *p = text + sizeof(text) - n;
        int point = n + d.e; /* digits before the decimal point */
        char *w = b->ptr + b->len;
        if (neg)
                *w++ = '-';
        if (point > 0 && point <= 7) {
                int whole = n < point ? n : point;
                w = put_bytes(w, p, (size_t)whole);
                w = put_zeros(w, point - whole);
                *w++ = '.';
                w = n > whole ? put_bytes(w, p + whole, (size_t)(n - whole)) : put_zeros(w, 1);
        } else if (point > -3 && point <= 0) {
                w = put_bytes(w, "0.", 2);
                w = put_zeros(w, -point);
                w = put_bytes(w, p, (size_t)n);
        } else {
                *w++ = *p;
                *w++ = '.';
                w = n > 1 ? put_bytes(w, p + 1, (size_t)(n - 1)) : put_zeros(w, 1);
                *w++ = 'E';
                b->len = (size_t)(w - b->ptr);
                sl_buf_add_i64(b, point - 1);
                return;
        }
        b->len = (size_t)(w - b->ptr);
}

/* mant and expo as stored; p: precision with the hidden bit; expo_max: the all-ones exponent. */
static void add_float(struct sl_buf *b, bool neg, uint64_t mant, int expo, int p, int expo_max)
{
        int q_min = 2 - expo_max / 2 - p; /* exponent of the least subnormal */
        if (expo == expo_max) {
                sl_buf_adds(b, mant ? "NaN" : neg ? "-Infinity" : "Infinity");
                return;
        }
        if (!expo && !mant) {
                sl_buf_adds(b, neg ? "-0.0" : "0.0");
                return;
        }
        if (!expo) {
                /* Below 10^(e_min + 1) one digit would do, but Java wants the best two. */
                bool tiny = mant < (p == 53 ? 3u : 8u);
                struct decimal d = shortest(q_min, tiny ? mant * 10 : mant, false);
                add_decimal(b, neg, (struct decimal){d.f, d.e - tiny});
                return;
        }
        uint64_t c = (uint64_t)1 << (p - 1) | mant;
        int q = q_min + expo - 1;
        if (q <= 0 && q > -p && !(c & (((uint64_t)1 << -q) - 1))) {
                add_decimal(b, neg, (struct decimal){c >> -q, 0}); /* a whole number without a shorter neighbour */
                return;
        }
        add_decimal(b, neg, shortest(q, c, !mant && expo > 1));
}

void sl_buf_add_f64(struct sl_buf *b, double v)
{
        uint64_t bits;
        memcpy(&bits, &v, sizeof(bits));
        add_float(b, bits >> 63, bits & (((uint64_t)1 << 52) - 1), (int)(bits >> 52 & 0x7ff), 53, 0x7ff);
}

void sl_buf_add_f32(struct sl_buf *b, float v)
{
        uint32_t bits;
        memcpy(&bits, &v, sizeof(bits));
        add_float(b, bits >> 31, bits & (((uint32_t)1 << 23) - 1), (int)(bits >> 23 & 0xff), 24, 0xff);
}
