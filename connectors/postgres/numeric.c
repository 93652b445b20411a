/* SPDX-License-Identifier: Apache-2.0 */
/* numeric and money texts -> Connect's Decimal (unscaled big-endian two's complement), VariableScaleDecimal, or text.
 * Never through a double. Input: [-]digits[.digits] as numeric_out writes it (no exponent), NaN, Infinity, -Infinity.
 */
#include "connectors/postgres/types.h"

struct digits {
        bool neg;
        const char *ip, *fp; /* digits before and after the point */
        size_t in, fn;
};

static bool split(struct sl_str t, struct digits *d)
{
        const char *p = t.ptr, *end = t.ptr + t.len;
        d->neg = p < end && *p == '-';
        p += d->neg;
        d->ip = p;
        while (p < end && *p >= '0' && *p <= '9')
                p++;
        d->in = (size_t)(p - d->ip);
        d->fp = p;
        d->fn = 0;
        if (p < end && *p == '.') {
                d->fp = ++p;
                while (p < end && *p >= '0' && *p <= '9')
                        p++;
                d->fn = (size_t)(p - d->fp);
        }
        return p == end && d->in + d->fn > 0;
}

static char digit_at(const struct digits *d, size_t i)
{
        if (i < d->in)
                return d->ip[i];
        return i - d->in < d->fn ? d->fp[i - d->in] : '0';
}

static struct sl_value from_i64(int64_t v, struct sl_arena *arena)
{
        uint8_t be[8];
        uint64_t u = __builtin_bswap64((uint64_t)v);
        memcpy(be, &u, 8);
        size_t skip = 0;
        while (skip < 7 && ((be[skip] == 0 && be[skip + 1] < 0x80) || (be[skip] == 0xff && be[skip + 1] >= 0x80)))
                skip++;
        uint8_t *out = sl_arena_alloc(arena, 8);
        memcpy(out, be + skip, 8 - skip);
        return sl_v_bytes(out, 8 - skip);
}

/* Magnitude limbs, least significant first. */
static void mul_add(uint32_t *limb, size_t *n, uint32_t mul, uint32_t add)
{
        uint64_t carry = add;
        for (size_t i = 0; i < *n; i++) {
                carry += (uint64_t)limb[i] * mul;
                limb[i] = (uint32_t)carry;
                carry >>= 32;
        }
        if (carry)
                limb[(*n)++] = (uint32_t)carry;
}

static struct sl_value from_limbs(const uint32_t *limb, size_t n, bool neg, struct sl_arena *arena)
{
        size_t len = n * 4 + 1, skip = 0;
        uint8_t *out = sl_arena_alloc(arena, len);
        out[0] = 0;
        for (size_t i = 0; i < n; i++) {
                uint32_t be = __builtin_bswap32(limb[n - 1 - i]);
                memcpy(out + 1 + i * 4, &be, 4);
        }
        if (neg) {
                unsigned carry = 1;
                for (size_t i = len; i-- > 0;) {
                        unsigned v = (uint8_t)~out[i] + carry;
                        out[i] = (uint8_t)v;
                        carry = v >> 8;
                }
        }
        while (skip + 1 < len &&
               ((out[skip] == 0 && out[skip + 1] < 0x80) || (out[skip] == 0xff && out[skip + 1] >= 0x80)))
                skip++;
        return sl_v_bytes(out + skip, len - skip);
}

static struct sl_value unscaled(const struct digits *d, int32_t scale, struct sl_arena *arena)
{
        size_t total = d->in + (size_t)scale;
        bool up = d->fn > (size_t)scale && d->fp[scale] >= '5';
        size_t first = 0;
        while (first < total && digit_at(d, first) == '0')
                first++;
        if (total - first <= 18) {
                int64_t v = 0;
                for (size_t i = first; i < total; i++)
                        v = v * 10 + (digit_at(d, i) - '0');
                v += up;
                return from_i64(d->neg ? -v : v, arena);
        }
        static const uint32_t pow10[10] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};
        size_t n = 0;
        uint32_t *limb = sl_arena_alloc(arena, ((total - first) / 9 + 3) * sizeof(uint32_t));
        for (size_t i = first; i < total;) {
                uint32_t chunk = 0, k = 0;
                for (; k < 9 && i < total; k++, i++)
                        chunk = chunk * 10 + (uint32_t)(digit_at(d, i) - '0');
                mul_add(limb, &n, pow10[k], chunk);
        }
        if (up)
                mul_add(limb, &n, 1, 1);
        return from_limbs(limb, n, d->neg, arena);
}

bool sl_pg_unscaled(struct sl_str text, int32_t scale, struct sl_arena *arena, struct sl_value *ret)
{
        struct digits d;
        if (!split(text, &d))
                return false;
        *ret = unscaled(&d, scale, arena);
        return true;
}

bool sl_pg_parse_decimal(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        return sl_pg_unscaled(text, c->scale, arena, ret);
}

/* Trailing zeros of the fraction are not kept, as BigDecimal.stripTrailingZeros() with a scale of at least 0. */
bool sl_pg_parse_variable(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        struct digits d;
        if (!split(text, &d))
                return false;
        while (d.fn && d.fp[d.fn - 1] == '0')
                d.fn--;
        struct sl_value *items = sl_arena_alloc(arena, 2 * sizeof(*items));
        items[0] = sl_v_i64(SL_INT32, (int64_t)d.fn);
        items[1] = unscaled(&d, (int32_t)d.fn, arena);
        *ret = sl_v_items(SL_STRUCT, items, 2);
        (void)c;
        return true;
}

bool sl_pg_parse_decimal_str(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena,
                             struct sl_value *ret)
{
        (void)c;
        (void)arena;
        struct digits d;
        if (sl_str_eqc(text, "NaN"))
                *ret = sl_v_str(SL_STR("NAN"));
        else if (sl_str_eqc(text, "Infinity"))
                *ret = sl_v_str(SL_STR("POSITIVE_INFINITY"));
        else if (sl_str_eqc(text, "-Infinity"))
                *ret = sl_v_str(SL_STR("NEGATIVE_INFINITY"));
        else if (split(text, &d))
                *ret = sl_v_str(text);
        else
                return false;
        return true;
}

/* "$1,234.56", "-$1.00", "($1.00)": the currency sign and separators go; a comma locale is refused as Debezium does. */
bool sl_pg_parse_money(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena, struct sl_value *ret)
{
        char *out = sl_arena_alloc(arena, text.len + 2);
        size_t n = 0;
        bool neg = false, bad = false;
        for (size_t i = 0; i < text.len; i++) {
                char ch = text.ptr[i];
                if (ch == '-' || ch == '(')
                        neg = true;
                else if ((ch >= '0' && ch <= '9') || ch == '.')
                        out[1 + n++] = ch;
                else if (n && ch != ',' && ch != ')')
                        bad = true;
        }
        out[0] = '-';
        struct sl_str plain = {neg ? out : out + 1, n + neg};
        double v;
        if (bad || !n)
                return false;
        switch (c->cfg->decimal) {
        case SL_PG_DEC_DOUBLE:
                if (!sl_parse_f64(plain, &v))
                        return false;
                *ret = sl_v_f64(SL_FLOAT64, v);
                return true;
        case SL_PG_DEC_STRING:
                *ret = sl_v_str(plain);
                return true;
        default:
                return sl_pg_unscaled(plain, c->scale, arena, ret);
        }
}
