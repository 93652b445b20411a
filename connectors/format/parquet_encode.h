/* SPDX-License-Identifier: Apache-2.0 */
/* Encodings of Parquet pages, without state of their own. All append to out; memory that runs out shows in out->bad. */
#ifndef SL_FORMAT_PARQUET_ENCODE_H
#define SL_FORMAT_PARQUET_ENCODE_H
#include "base/str.h"

/* parquet.thrift: Encoding */
enum sl_pq_encoding {
        SL_PQ_PLAIN = 0,
        SL_PQ_RLE = 3,
        SL_PQ_DELTA_BINARY = 5,
        SL_PQ_DELTA_LENGTH = 6,
        SL_PQ_DELTA_BYTES = 7,
        SL_PQ_DICTIONARY = 8,
        SL_PQ_SPLIT = 9, /* BYTE_STREAM_SPLIT */
        SL_PQ_ENCODINGS
};

/* n numbers (size: 1 or 4 bytes each, native order) as RLE / bit-packed hybrid runs of `width` bits (1..32). */
void sl_pq_hybrid(struct sl_buf *out, const void *values, unsigned size, size_t n, unsigned width);
/* The same after a 4-byte length, as levels stand in a version 1 data page and booleans in any. */
void sl_pq_levels(struct sl_buf *out, const uint8_t *levels, size_t n, unsigned max_level);
/* Bits that max needs; at least 1. */
unsigned sl_pq_width(uint32_t max);
/* n bytes of 0 or 1, one bit each, least significant first. */
void sl_pq_pack_bools(struct sl_buf *out, const uint8_t *bools, size_t n);
/* DELTA_BINARY_PACKED of n numbers. */
void sl_pq_delta32(struct sl_buf *out, const int32_t *v, size_t n);
void sl_pq_delta64(struct sl_buf *out, const int64_t *v, size_t n);
/* PLAIN byte arrays: the values lie one behind the other, lens has their lengths. */
void sl_pq_plain_bytes(struct sl_buf *out, const char *values, const uint32_t *lens, size_t n);
/* DELTA_BYTE_ARRAY of the same; scratch is overwritten. */
void sl_pq_delta_bytes(struct sl_buf *out, const char *values, const uint32_t *lens, size_t n, struct sl_buf *scratch);
/* BYTE_STREAM_SPLIT of n values of `width` bytes. */
void sl_pq_split(struct sl_buf *out, const char *values, size_t n, unsigned width);
#endif
