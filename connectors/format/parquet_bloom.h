/* SPDX-License-Identifier: Apache-2.0 */
/* Split-block bloom filters (apache/parquet-format, BloomFilter.md) over the values of one column chunk. */
#ifndef SL_FORMAT_PARQUET_BLOOM_H
#define SL_FORMAT_PARQUET_BLOOM_H
#include "base/str.h"

struct sl_pq_bloom {
        uint32_t *words; /* 8 a block */
        uint32_t blocks; /* a power of two */
        bool any;
};

/* Start over with room for a filter of about max_bytes. */
void sl_pq_bloom_begin(struct sl_pq_bloom *b, size_t max_bytes);
/* Add n values. width: bytes of a value, 0 = byte arrays with lengths in lens. */
void sl_pq_bloom_add(struct sl_pq_bloom *b, unsigned width, const char *values, const uint32_t *lens, size_t n);
/* Append the filter, folded as small as about 1 in 100 wrong hits allows, with its header. */
void sl_pq_bloom_put(struct sl_pq_bloom *b, struct sl_buf *out);
void sl_pq_bloom_free(struct sl_pq_bloom *b); /* accepts a zeroed struct */
/* xxHash64, seed 0. */
uint64_t sl_pq_xxh64(const void *p, size_t n);
#endif
