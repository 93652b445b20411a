/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of values in the orders that parquet.thrift gives to column types (ColumnOrder, TYPE_ORDER):
 *   numbers signed; byte arrays and fixed ones unsigned byte by byte, the shorter first; decimals in bytes as signed
 *   numbers. Floats: NaN is no bound, a zero bound is widened to the sign that covers both zeros. */
#include "connectors/format/parquet_stats.h"

#include <math.h>

/* --- numbers */

static void range_i32(struct sl_pq_range *r, const int32_t *v, size_t n)
{
        int32_t min = v[0], max = v[0];
        for (size_t i = 1; i < n; i++) {
                min = v[i] < min ? v[i] : min;
                max = v[i] > max ? v[i] : max;
        }
        r->has = true;
        memcpy(r->num[0], &min, 4);
        memcpy(r->num[1], &max, 4);
}

static void range_i64(struct sl_pq_range *r, const int64_t *v, size_t n)
{
        int64_t min = v[0], max = v[0];
        for (size_t i = 1; i < n; i++) {
                min = v[i] < min ? v[i] : min;
                max = v[i] > max ? v[i] : max;
        }
        r->has = true;
        memcpy(r->num[0], &min, 8);
        memcpy(r->num[1], &max, 8);
}

/* NaN compares false with everything, so it never becomes a bound. Four lanes keep the adder busy. */
#define RANGE_FLOAT(name, type)                                                                                        \
        static void name(struct sl_pq_range *r, const type *v, size_t n)                                               \
        {                                                                                                              \
                type min[4], max[4];                                                                                   \
                size_t i = 0;                                                                                          \
                for (int k = 0; k < 4; k++) {                                                                          \
                        min[k] = (type)INFINITY;                                                                       \
                        max[k] = -(type)INFINITY;                                                                      \
                }                                                                                                      \
                for (; i + 4 <= n; i += 4) {                                                                           \
                        for (int k = 0; k < 4; k++) {                                                                  \
                                min[k] = v[i + k] < min[k] ? v[i + k] : min[k];                                        \
                                max[k] = v[i + k] > max[k] ? v[i + k] : max[k];                                        \
                        }                                                                                              \
                }                                                                                                      \
                for (; i < n; i++) {                                                                                   \
                        min[0] = v[i] < min[0] ? v[i] : min[0];                                                        \
                        max[0] = v[i] > max[0] ? v[i] : max[0];                                                        \
                }                                                                                                      \
                for (int k = 1; k < 4; k++) {                                                                          \
                        min[0] = min[k] < min[0] ? min[k] : min[0];                                                    \
                        max[0] = max[k] > max[0] ? max[k] : max[0];                                                    \
                }                                                                                                      \
                r->has = min[0] <= max[0];                                                                             \
                if (min[0] == 0)                                                                                       \
                        min[0] = -(type)0;                                                                             \
                if (max[0] == 0)                                                                                       \
                        max[0] = (type)0;                                                                              \
                memcpy(r->num[0], &min[0], sizeof(type));                                                              \
                memcpy(r->num[1], &max[0], sizeof(type));                                                              \
        }
RANGE_FLOAT(range_f32, float)
RANGE_FLOAT(range_f64, double)

static void range_bool(struct sl_pq_range *r, const uint8_t *v, size_t n)
{
        uint8_t all = 1, any = 0;
        for (size_t i = 0; i < n; i++) {
                all &= v[i];
                any |= v[i];
        }
        r->has = true;
        r->num[0][0] = (char)all;
        r->num[1][0] = (char)any;
}

/* --- bytes */

/* The first 8 bytes as a number of the same order, short ones filled with zeros. */
static inline uint64_t head_of(const char *p, uint32_t n)
{
        uint64_t v = 0;
        if (n >= 8) {
                memcpy(&v, p, 8);
                return __builtin_bswap64(v);
        }
        for (uint32_t i = 0; i < n; i++)
                v |= (uint64_t)(uint8_t)p[i] << (56 - 8 * i);
        return v;
}

static int compare_bytes(struct sl_str a, struct sl_str b)
{
        size_t n = a.len < b.len ? a.len : b.len;
        int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
        return c ? c : (a.len > b.len) - (a.len < b.len);
}

/* Big-endian two's complement of any length; no bytes are 0. */
static int compare_decimals(struct sl_str a, struct sl_str b)
{
        uint8_t fill_a = a.len && (a.ptr[0] & 0x80) ? 0xff : 0, fill_b = b.len && (b.ptr[0] & 0x80) ? 0xff : 0;
        if (fill_a != fill_b)
                return fill_a ? -1 : 1;
        size_t n = a.len > b.len ? a.len : b.len;
        for (size_t i = 0; i < n; i++) {
                uint8_t x = i + a.len >= n ? (uint8_t)a.ptr[i + a.len - n] : fill_a;
                uint8_t y = i + b.len >= n ? (uint8_t)b.ptr[i + b.len - n] : fill_b;
                if (x != y)
                        return x < y ? -1 : 1;
        }
        return 0;
}

static inline struct sl_str at(const char *values, const uint32_t *lens, unsigned width, size_t i)
{
        return (struct sl_str){values, width ? width : lens[i]};
}

static void range_bytes(struct sl_pq_range *r, unsigned width, const char *values, const uint32_t *lens, size_t n)
{
        struct sl_str min = at(values, lens, width, 0), max = min;
        uint64_t low = head_of(min.ptr, (uint32_t)min.len), high = low;
        for (size_t i = 0; i < n; i++) {
                struct sl_str v = at(values, lens, width, i);
                uint64_t head = head_of(v.ptr, (uint32_t)v.len);
                if (head <= low && (head < low || compare_bytes(v, min) < 0)) {
                        min = v;
                        low = head;
                } else if (head >= high && (head > high || compare_bytes(v, max) > 0)) {
                        max = v;
                        high = head;
                }
                values += v.len;
        }
        r->has = true;
        r->min = min;
        r->max = max;
}

/* Decimals of up to 8 bytes as numbers. */
static inline int64_t small_decimal(struct sl_str v)
{
        uint64_t x = v.len && (v.ptr[0] & 0x80) ? UINT64_MAX : 0;
        for (size_t i = 0; i < v.len; i++)
                x = x << 8 | (uint8_t)v.ptr[i];
        return (int64_t)x;
}

static void range_decimals(struct sl_pq_range *r, unsigned width, const char *values, const uint32_t *lens, size_t n)
{
        struct sl_str min = at(values, lens, width, 0), max = min;
        bool small = min.len <= 8;
        int64_t low = small ? small_decimal(min) : 0, high = low;
        for (size_t i = 0; i < n; i++) {
                struct sl_str v = at(values, lens, width, i);
                values += v.len;
                if (small && v.len <= 8) {
                        int64_t x = small_decimal(v);
                        if (x < low) {
                                low = x;
                                min = v;
                        } else if (x > high) {
                                high = x;
                                max = v;
                        }
                        continue;
                }
                small = false;
                if (compare_decimals(v, min) < 0)
                        min = v;
                else if (compare_decimals(v, max) > 0)
                        max = v;
        }
        r->has = min.len <= SL_PQ_BOUND_MAX && max.len <= SL_PQ_BOUND_MAX; /* can't be cut */
        r->min = min;
        r->max = max;
}

void sl_pq_range_of(struct sl_pq_range *r, const struct sl_pq_column_spec *spec, const char *values,
                    const uint32_t *lens, size_t n)
{
        r->has = false;
        if (n == 0)
                return;
        unsigned width = spec->width;
        r->min = (struct sl_str){r->num[0], width};
        r->max = (struct sl_str){r->num[1], width};
        switch ((enum sl_pq_type)spec->type) {
        case SL_PQ_BOOLEAN:
                range_bool(r, (const uint8_t *)values, n);
                return;
        case SL_PQ_INT32:
                range_i32(r, (const int32_t *)(const void *)values, n);
                return;
        case SL_PQ_INT64:
                range_i64(r, (const int64_t *)(const void *)values, n);
                return;
        case SL_PQ_FLOAT:
                range_f32(r, (const float *)(const void *)values, n);
                return;
        case SL_PQ_DOUBLE:
                range_f64(r, (const double *)(const void *)values, n);
                return;
        case SL_PQ_BYTES:
        case SL_PQ_FIXED:
                break;
        }
        if (spec->decimal)
                range_decimals(r, width, values, lens, n);
        else
                range_bytes(r, width, values, lens, n);
}

#define COMPARE(type)                                                                                                  \
        do {                                                                                                           \
                type x, y;                                                                                             \
                memcpy(&x, a.ptr, sizeof(x));                                                                          \
                memcpy(&y, b.ptr, sizeof(y));                                                                          \
                return (x > y) - (x < y);                                                                              \
        } while (0)

int sl_pq_bound_compare(const struct sl_pq_column_spec *spec, struct sl_str a, struct sl_str b)
{
        switch ((enum sl_pq_type)spec->type) {
        case SL_PQ_BOOLEAN:
                COMPARE(uint8_t);
        case SL_PQ_INT32:
                COMPARE(int32_t);
        case SL_PQ_INT64:
                COMPARE(int64_t);
        case SL_PQ_FLOAT:
                COMPARE(float);
        case SL_PQ_DOUBLE:
                COMPARE(double);
        case SL_PQ_BYTES:
        case SL_PQ_FIXED:
                break;
        }
        return spec->decimal ? compare_decimals(a, b) : compare_bytes(a, b);
}

/* --- cutting */

/* Make n bytes at p the next greater string of at most that length, valid UTF-8; its length, 0 = there is none. */
static size_t next_text(char *p, size_t n)
{
        while (n) {
                size_t start = n - 1;
                while (start && ((uint8_t)p[start] & 0xc0) == 0x80)
                        start--;
                uint32_t lead = (uint8_t)p[start];
                uint32_t c = n - start == 1   ? lead
                             : n - start == 2 ? lead & 0x1f
                             : n - start == 3 ? lead & 0x0f
                                              : lead & 0x07;
                for (size_t i = start + 1; i < n; i++)
                        c = c << 6 | ((uint8_t)p[i] & 0x3f);
                c = c == 0xD7FF ? 0xE000 : c + 1;
                char utf8[4];
                size_t len = c <= 0x10FFFF ? (size_t)(sl_utf8_put(utf8, c) - utf8) : 0;
                if (len && start + len <= n) {
                        memcpy(p + start, utf8, len);
                        return start + len;
                }
                n = start; /* no greater one of that length here: raise what stands before it */
        }
        return 0;
}

static size_t next_bytes(char *p, size_t n)
{
        while (n && (uint8_t)p[n - 1] == 0xff)
                n--;
        if (n)
                p[n - 1] = (char)(p[n - 1] + 1);
        return n;
}

bool sl_pq_bound_cut(const struct sl_pq_column_spec *spec, struct sl_str bound, bool max, struct sl_buf *out,
                     bool *exact)
{
        *exact = true;
        bool fixed = spec->type != SL_PQ_BYTES;
        if (fixed || spec->decimal || bound.len <= SL_PQ_BOUND_MAX) {
                sl_buf_add_str(out, bound);
                return true;
        }
        *exact = false;
        size_t n = SL_PQ_BOUND_MAX;
        bool text = spec->text;
        if (text) {
                while (n && ((uint8_t)bound.ptr[n] & 0xc0) == 0x80)
                        n--;
                if (!sl_utf8_valid((struct sl_str){bound.ptr, n})) {
                        text = false;
                        n = SL_PQ_BOUND_MAX;
                }
        }
        char cut[SL_PQ_BOUND_MAX];
        memcpy(cut, bound.ptr, n);
        if (max)
                n = text ? next_text(cut, n) : next_bytes(cut, n);
        sl_buf_add(out, cut, n);
        return n != 0;
}
