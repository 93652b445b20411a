/* SPDX-License-Identifier: Apache-2.0 */
/* Encodings and codecs of Parquet pages, without state of their own. */
#ifndef SL_FORMAT_PARQUET_ENCODE_H
#define SL_FORMAT_PARQUET_ENCODE_H
#include "base/err.h"
#include "base/str.h"
#include "connectors/format/format.h"

/* Append n numbers (size: 1 or 4 bytes each, native order) as RLE / bit-packed hybrid runs of `width` bits (1..32). */
void sl_pq_hybrid(struct sl_buf *out, const void *values, unsigned size, size_t n, unsigned width);
/* The same after a 4-byte length, as levels stand in a version 1 data page. */
void sl_pq_levels(struct sl_buf *out, const uint8_t *levels, size_t n, unsigned max_level);
/* Bits that max needs; at least 1. */
unsigned sl_pq_width(uint32_t max);
/* n bytes of 0 or 1, one bit each, least significant first. */
void sl_pq_pack_bools(struct sl_buf *out, const uint8_t *bools, size_t n);

/* Append the compressed form of n bytes. scratch keeps codec state between calls: see sl_pq_codec_free. */
struct sl_pq_codec {
        enum sl_format_codec codec;
        int level;
        void *state;
};
enum sl_rc sl_pq_compress(struct sl_pq_codec *c, const void *p, size_t n, struct sl_buf *out, struct sl_err *err);
void sl_pq_codec_free(struct sl_pq_codec *c);
#endif
