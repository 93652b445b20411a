/* SPDX-License-Identifier: Apache-2.0 */
/* Split-block bloom filters: blocks of 8 words of 32 bits; the upper half of a value's xxHash64 chooses the block, the
 * lower half one bit in each word. The number of values is not known ahead, so a filter is filled at its largest size
 * and folded: the block of a half as large filter is the block number halved. Formats: BloomFilter.md; XXH64 of the
 * xxHash specification. */
#include "connectors/format/parquet_bloom.h"

#include <stdlib.h>

#include "base/err.h"
#include "connectors/format/parquet_thrift.h"

#define P1 0x9E3779B185EBCA87u
#define P2 0xC2B2AE3D27D4EB4Fu
#define P3 0x165667B19E3779F9u
#define P4 0x85EBCA77C2B2AE63u
#define P5 0x27D4EB2F165667C5u
#define BLOCK_BYTES 32

static inline uint64_t rotate(uint64_t v, unsigned n)
{
        return v << n | v >> (64 - n);
}

static inline uint64_t load8(const char *p)
{
        uint64_t v;
        memcpy(&v, p, 8);
        return v;
}

static inline uint64_t step(uint64_t acc, uint64_t v)
{
        return rotate(acc + v * P2, 31) * P1;
}

uint64_t sl_pq_xxh64(const void *data, size_t n)
{
        const char *p = data, *end = p + n;
        uint64_t h = P5;
        if (n >= 32) {
                uint64_t a[4] = {P1 + P2, P2, 0, -P1};
                for (; end - p >= 32; p += 32)
                        for (int i = 0; i < 4; i++)
                                a[i] = step(a[i], load8(p + 8 * i));
                h = rotate(a[0], 1) + rotate(a[1], 7) + rotate(a[2], 12) + rotate(a[3], 18);
                for (int i = 0; i < 4; i++)
                        h = (h ^ step(0, a[i])) * P1 + P4;
        }
        h += n;
        for (; end - p >= 8; p += 8)
                h = rotate(h ^ step(0, load8(p)), 27) * P1 + P4;
        if (end - p >= 4) {
                uint32_t v;
                memcpy(&v, p, 4);
                h = rotate(h ^ v * P1, 23) * P2 + P3;
                p += 4;
        }
        for (; p < end; p++)
                h = rotate(h ^ (uint8_t)*p * P5, 11) * P1;
        h = (h ^ h >> 33) * P2;
        h = (h ^ h >> 29) * P3;
        return h ^ h >> 32;
}

void sl_pq_bloom_begin(struct sl_pq_bloom *b, size_t max_bytes)
{
        uint32_t blocks = 1;
        while ((size_t)blocks * 2 * BLOCK_BYTES <= max_bytes)
                blocks *= 2;
        if (!b->words)
                b->words = sl_calloc(blocks, BLOCK_BYTES);
        else if (b->any)
                memset(b->words, 0, (size_t)blocks * BLOCK_BYTES);
        b->blocks = blocks;
        b->any = false;
}

static inline void add_hash(struct sl_pq_bloom *b, uint64_t h)
{
        static const uint32_t salt[8] = {0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du,
                                         0x705495c7u, 0x2df1424bu, 0x9efc4947u, 0x5c6bfb31u};
        uint32_t *w = b->words + ((h >> 32) * b->blocks >> 32) * 8;
        for (int i = 0; i < 8; i++)
                w[i] |= 1u << ((uint32_t)h * salt[i] >> 27);
}

void sl_pq_bloom_add(struct sl_pq_bloom *b, unsigned width, const char *values, const uint32_t *lens, size_t n)
{
        b->any |= n > 0;
        for (size_t i = 0; i < n; i++) {
                size_t len = width ? width : lens[i];
                add_hash(b, sl_pq_xxh64(values, len));
                values += len;
        }
}

static uint64_t bits_set(const struct sl_pq_bloom *b, uint32_t fold)
{
        uint64_t bits = 0;
        for (uint32_t at = 0; at < b->blocks; at += fold) {
                for (int w = 0; w < 8; w++) {
                        uint32_t word = 0;
                        for (uint32_t k = 0; k < fold; k++)
                                word |= b->words[(at + k) * 8 + (uint32_t)w];
                        bits += (unsigned)__builtin_popcount(word);
                }
        }
        return bits;
}

/* Half of the bits set means about 0.5^8 wrong hits, and unevenly filled blocks some more. */
void sl_pq_bloom_put(struct sl_pq_bloom *b, struct sl_buf *out)
{
        while (b->blocks > 1 && bits_set(b, 2) * 2 <= (uint64_t)b->blocks / 2 * BLOCK_BYTES * 8) {
                for (uint32_t i = 0; i < b->blocks / 2; i++)
                        for (uint32_t w = 0; w < 8; w++)
                                b->words[i * 8 + w] = b->words[2 * i * 8 + w] | b->words[(2 * i + 1) * 8 + w];
                b->blocks /= 2;
        }
        size_t bytes = (size_t)b->blocks * BLOCK_BYTES;
        struct sl_thrift t = sl_thrift_begin(out);
        sl_thrift_i32(&t, 1, (int32_t)bytes);
        for (int16_t id = 2; id <= 4; id++) { /* the only algorithm, hash and compression there are */
                sl_thrift_struct(&t, id);
                sl_thrift_empty(&t, 1);
                sl_thrift_end(&t);
        }
        sl_thrift_end(&t);
        sl_buf_add(out, b->words, bytes);
}

void sl_pq_bloom_free(struct sl_pq_bloom *b)
{
        free(b->words);
        *b = (struct sl_pq_bloom){0};
}
