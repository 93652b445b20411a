/* SPDX-License-Identifier: Apache-2.0 */
/* Compression and checksums of Parquet pages. */
#ifndef SL_FORMAT_PARQUET_CODEC_H
#define SL_FORMAT_PARQUET_CODEC_H
#include "base/err.h"
#include "connectors/format/format.h"

/* Keeps the codec's state between calls. */
struct sl_pq_codec {
        enum sl_format_codec codec;
        int level; /* -1 = the default */
        void *state;
};
/* Append the compressed form of n bytes. SL_E_IO. */
enum sl_rc sl_pq_compress(struct sl_pq_codec *c, const void *p, size_t n, struct sl_buf *out, struct sl_err *err);
void sl_pq_codec_free(struct sl_pq_codec *c);
/* parquet.thrift: CompressionCodec */
int32_t sl_pq_codec_id(enum sl_format_codec codec);
/* CRC-32 with gzip's polynomial, of n bytes after those that gave crc (0 = none). */
uint32_t sl_pq_crc(uint32_t crc, const void *p, size_t n);
#endif
