/* SPDX-License-Identifier: Apache-2.0 */
/* Page encodings (apache/parquet-format, Encodings.md). Does not know pages or columns.
 *   hybrid run: varint header; header = n << 1: the value n times, in ceil(width / 8) bytes little-endian;
 *               header = groups << 1 | 1: groups of 8 values, packed from the least significant bit
 *   delta: varint 128, varint 4, varint n, zigzag first; then blocks of 128 differences: zigzag of the smallest, the
 *               widths of 4 miniblocks, and each miniblock's differences from the smallest, packed like above
 * Bytes are stored as this machine has them: little-endian. */
#include "connectors/format/parquet_encode.h"

#include <assert.h>

#include "connectors/format/parquet_thrift.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers go into pages as they lie in memory");

enum { BLOCK = 128, MINIS = 4, MINI = BLOCK / MINIS };

static inline uint32_t value_at(const void *values, unsigned size, size_t i)
{
        return size == 1 ? ((const uint8_t *)values)[i] : ((const uint32_t *)values)[i];
}

static inline char *put_varint(char *w, uint64_t v)
{
        for (; v >= 0x80; v >>= 7)
                *w++ = (char)(v | 0x80);
        *w++ = (char)v;
        return w;
}

static inline uint64_t zigzag(int64_t v)
{
        return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

/* --- bit packing: whole groups of 8 values at w, least significant bit first; returns the end */

struct packer {
        char *w;
        uint64_t bits;
        unsigned have;
};

static inline void pack(struct packer *p, uint64_t v, unsigned width)
{
        p->bits |= v << p->have;
        p->have += width;
        if (p->have < 64)
                return;
        memcpy(p->w, &p->bits, 8);
        p->w += 8;
        p->have -= 64;
        unsigned used = width - p->have; /* bits of v that went out */
        p->bits = used < 64 ? v >> used : 0;
}

static inline char *pack_end(struct packer *p)
{
        unsigned left = (p->have + 7) / 8;
        memcpy(p->w, &p->bits, 8); /* there is always room for 8 more */
        return p->w + left;
}

static inline char *pack_bits(char *w, const uint8_t *v, size_t n)
{
        size_t i = 0;
        for (; i + 8 <= n; i += 8) {
                uint64_t x;
                memcpy(&x, v + i, 8);
                *w++ = (char)((x & 0x0101010101010101u) * 0x0102040810204080u >> 56);
        }
        unsigned last = 0;
        for (unsigned k = 0; i + k < n; k++)
                last |= (unsigned)(v[i + k] & 1) << k;
        if (i < n)
                *w++ = (char)last;
        return w;
}

static inline char *pack_group(char *w, const void *values, unsigned size, size_t n, unsigned width)
{
        if (size == 1 && width == 1)
                return pack_bits(w, values, n);
        struct packer p = {.w = w};
        for (size_t i = 0; i < n; i++)
                pack(&p, value_at(values, size, i), width);
        size_t pad = (8 - n % 8) % 8;
        for (size_t i = 0; i < pad; i++)
                pack(&p, 0, width);
        return pack_end(&p);
}

/* --- RLE / bit-packed hybrid */

static inline bool eight_alike(const void *values, unsigned size, size_t i)
{
        if (size == 1) {
                uint64_t x;
                memcpy(&x, (const uint8_t *)values + i, 8);
                return x == (x & 0xff) * 0x0101010101010101u;
        }
        const uint32_t *v = (const uint32_t *)values + i;
        return v[0] == v[1] && v[0] == v[2] && v[0] == v[3] && v[0] == v[4] && v[0] == v[5] && v[0] == v[6] &&
               v[0] == v[7];
}

static inline size_t run_at(const void *values, unsigned size, size_t n, size_t i)
{
        uint32_t first = value_at(values, size, i);
        size_t j = i + 1;
        while (j < n && value_at(values, size, j) == first)
                j++;
        return j - i;
}

static inline char *literals(char *w, const void *values, unsigned size, size_t from, size_t to, unsigned width)
{
        if (from == to)
                return w;
        w = put_varint(w, (to - from + 7) / 8 << 1 | 1);
        return pack_group(w, (const char *)values + from * size, size, to - from, width);
}

static inline __attribute__((always_inline)) void hybrid(struct sl_buf *out, const void *values, unsigned size,
                                                         size_t n, unsigned width)
{
        /* A run pays when it takes less than the packed values and the literal that it splits. */
        const size_t least = width == 1 ? 32 : width == 2 ? 16 : 8;
        if (!sl_buf_room(out, (n / 8 + 2) * (width + 16)))
                return;
        char *w = out->ptr + out->len;
        size_t i = 0, from = 0;
        while (i + 8 <= n) {
                size_t run = eight_alike(values, size, i) ? run_at(values, size, n, i) : 0;
                if (run < least && (run == 0 || i + run < n || from != i)) {
                        i += 8;
                        continue;
                }
                w = literals(w, values, size, from, i, width);
                w = put_varint(w, (uint64_t)run << 1);
                uint32_t v = value_at(values, size, i);
                for (unsigned b = 0; b < width; b += 8)
                        *w++ = (char)(v >> b);
                from = i += run;
        }
        w = literals(w, values, size, from, n, width);
        out->len = (size_t)(w - out->ptr);
}

void sl_pq_hybrid(struct sl_buf *out, const void *values, unsigned size, size_t n, unsigned width)
{
        if (size == 1)
                hybrid(out, values, 1, n, width);
        else
                hybrid(out, values, 4, n, width);
}

unsigned sl_pq_width(uint32_t max)
{
        return max ? 32 - (unsigned)__builtin_clz(max) : 1;
}

void sl_pq_levels(struct sl_buf *out, const uint8_t *levels, size_t n, unsigned max_level)
{
        size_t at = out->len;
        sl_buf_add(out, "\0\0\0", 4);
        sl_pq_hybrid(out, levels, 1, n, sl_pq_width(max_level));
        if (!sl_buf_ok(out))
                return;
        uint32_t len = (uint32_t)(out->len - at - 4);
        memcpy(out->ptr + at, &len, 4);
}

void sl_pq_pack_bools(struct sl_buf *out, const uint8_t *bools, size_t n)
{
        if (sl_buf_room(out, n / 8 + 8))
                out->len = (size_t)(pack_bits(out->ptr + out->len, bools, n) - out->ptr);
}

/* --- delta */

static char *delta_head(struct sl_buf *out, size_t n, int64_t first)
{
        size_t blocks = n / BLOCK + 1;
        if (!sl_buf_room(out, 64 + blocks * (16 + MINIS + (size_t)BLOCK * 8)))
                return NULL;
        char *w = put_varint(out->ptr + out->len, BLOCK);
        w = put_varint(w, MINIS);
        w = put_varint(w, n);
        return put_varint(w, zigzag(first));
}

/* A block of n differences less their smallest, in d, which is padded with zeros. */
static inline char *delta_block(char *w, uint64_t *d, size_t n, int64_t smallest)
{
        w = put_varint(w, zigzag(smallest));
        char *widths = w;
        w += MINIS;
        for (size_t m = 0; m < MINIS; m++) {
                const uint64_t *v = d + m * MINI;
                uint64_t any = 0;
                if (m * MINI >= n) {
                        widths[m] = 0;
                        continue;
                }
                for (size_t i = 0; i < MINI; i++)
                        any |= v[i];
                unsigned width = any ? 64 - (unsigned)__builtin_clzll(any) : 0;
                widths[m] = (char)width;
                if (!width)
                        continue;
                struct packer p = {.w = w};
                for (size_t i = 0; i < MINI; i++)
                        pack(&p, v[i], width);
                w = pack_end(&p);
        }
        return w;
}

void sl_pq_delta32(struct sl_buf *out, const int32_t *v, size_t n)
{
        char *w = delta_head(out, n, n ? v[0] : 0);
        uint64_t d[BLOCK];
        int32_t step[BLOCK];
        if (!w)
                return;
        for (size_t at = 1; at < n; at += BLOCK) {
                size_t k = n - at < BLOCK ? n - at : BLOCK;
                int32_t smallest = INT32_MAX;
                for (size_t i = 0; i < k; i++) {
                        step[i] = (int32_t)((uint32_t)v[at + i] - (uint32_t)v[at + i - 1]);
                        smallest = step[i] < smallest ? step[i] : smallest;
                }
                for (size_t i = 0; i < k; i++)
                        d[i] = (uint32_t)step[i] - (uint32_t)smallest;
                memset(d + k, 0, (BLOCK - k) * sizeof(*d));
                w = delta_block(w, d, k, smallest);
        }
        out->len = (size_t)(w - out->ptr);
}

void sl_pq_delta64(struct sl_buf *out, const int64_t *v, size_t n)
{
        char *w = delta_head(out, n, n ? v[0] : 0);
        uint64_t d[BLOCK];
        if (!w)
                return;
        for (size_t at = 1; at < n; at += BLOCK) {
                size_t k = n - at < BLOCK ? n - at : BLOCK;
                int64_t smallest = INT64_MAX;
                for (size_t i = 0; i < k; i++) {
                        d[i] = (uint64_t)v[at + i] - (uint64_t)v[at + i - 1];
                        smallest = (int64_t)d[i] < smallest ? (int64_t)d[i] : smallest;
                }
                for (size_t i = 0; i < k; i++)
                        d[i] -= (uint64_t)smallest;
                memset(d + k, 0, (BLOCK - k) * sizeof(*d));
                w = delta_block(w, d, k, smallest);
        }
        out->len = (size_t)(w - out->ptr);
}

/* --- byte arrays and streams */

void sl_pq_plain_bytes(struct sl_buf *out, const char *values, const uint32_t *lens, size_t n)
{
        size_t total = 4 * n;
        for (size_t i = 0; i < n; i++)
                total += lens[i];
        if (!sl_buf_room(out, total + 16))
                return;
        char *w = out->ptr + out->len;
        out->len += total;
        for (size_t i = 0; i < n; i++) {
                memcpy(w, &lens[i], 4);
                memcpy(w + 4, values, lens[i]);
                w += 4 + lens[i];
                values += lens[i];
        }
}

static inline uint32_t common(const char *a, uint32_t an, const char *b, uint32_t bn)
{
        uint32_t n = an < bn ? an : bn, i = 0;
        for (; i + 8 <= n; i += 8) {
                uint64_t x, y;
                memcpy(&x, a + i, 8);
                memcpy(&y, b + i, 8);
                if (x != y)
                        return i + (uint32_t)__builtin_ctzll(x ^ y) / 8;
        }
        while (i < n && a[i] == b[i])
                i++;
        return i;
}

void sl_pq_delta_bytes(struct sl_buf *out, const char *values, const uint32_t *lens, size_t n, struct sl_buf *scratch)
{
        const char *p = values, *before = NULL;
        uint32_t had = 0;
        sl_buf_clear(scratch);
        if (!sl_buf_room(scratch, 8 * n + 8)) {
                out->bad = true;
                return;
        }
        int32_t *prefix = (int32_t *)(void *)scratch->ptr, *suffix = prefix + n;
        size_t total = 0;
        for (size_t i = 0; i < n; i++) {
                prefix[i] = before ? (int32_t)common(before, had, p, lens[i]) : 0;
                suffix[i] = (int32_t)lens[i] - prefix[i];
                total += (size_t)suffix[i];
                before = p;
                had = lens[i];
                p += lens[i];
        }
        sl_pq_delta32(out, prefix, n);
        sl_pq_delta32(out, suffix, n);
        if (!sl_buf_room(out, total + 1))
                return;
        p = values;
        for (size_t i = 0; i < n; i++) {
                sl_buf_add(out, p + prefix[i], (size_t)suffix[i]);
                p += lens[i];
        }
}

void sl_pq_split(struct sl_buf *out, const char *values, size_t n, unsigned width)
{
        if (!sl_buf_room(out, n * width + 8))
                return;
        char *w = out->ptr + out->len;
        out->len += n * width;
        if (width == 8) {
                for (size_t i = 0; i < n; i++)
                        for (unsigned b = 0; b < 8; b++)
                                w[b * n + i] = values[i * 8 + b];
        } else if (width == 4) {
                for (size_t i = 0; i < n; i++)
                        for (unsigned b = 0; b < 4; b++)
                                w[b * n + i] = values[i * 4 + b];
        } else {
                for (unsigned b = 0; b < width; b++)
                        for (size_t i = 0; i < n; i++)
                                w[b * n + i] = values[i * width + b];
        }
}
