/* SPDX-License-Identifier: Apache-2.0 */
/* Page encodings (apache/parquet-format, Encodings.md) and page compression (Compression.md).
 *   hybrid run: varint header; header = n << 1: the value n times, in ceil(width / 8) bytes little-endian;
 *               header = groups << 1 | 1: groups of 8 values, packed from the least significant bit. */
#include "connectors/format/parquet_encode.h"

#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "connectors/format/parquet_thrift.h"

static inline uint32_t value_at(const void *values, unsigned size, size_t i)
{
        return size == 1 ? ((const uint8_t *)values)[i] : ((const uint32_t *)values)[i];
}

static size_t run_at(const void *values, unsigned size, size_t n, size_t i, size_t limit)
{
        uint32_t first = value_at(values, size, i);
        size_t j = i + 1;
        if (limit > n - i)
                limit = n - i;
        while (j - i < limit && value_at(values, size, j) == first)
                j++;
        return j - i;
}

static void put_packed(struct sl_buf *out, const void *values, unsigned size, size_t n, unsigned width)
{
        size_t groups = (n + 7) / 8;
        sl_thrift_put_varint(out, groups << 1 | 1);
        uint64_t bits = 0;
        unsigned have = 0;
        for (size_t i = 0; i < groups * 8; i++) {
                uint64_t v = i < n ? value_at(values, size, i) : 0;
                bits |= v << have;
                have += width;
                while (have >= 8) {
                        sl_buf_addc(out, (char)bits);
                        bits >>= 8;
                        have -= 8;
                }
        }
}

void sl_pq_hybrid(struct sl_buf *out, const void *values, unsigned size, size_t n, unsigned width)
{
        size_t i = 0;
        while (i < n) {
                size_t run = run_at(values, size, n, i, SIZE_MAX);
                if (run >= 8) {
                        uint32_t v = value_at(values, size, i);
                        sl_thrift_put_varint(out, (uint64_t)run << 1);
                        for (unsigned b = 0; b < width; b += 8)
                                sl_buf_addc(out, (char)(v >> b));
                        i += run;
                        continue;
                }
                size_t j = i + 8;
                while (j < n && run_at(values, size, n, j, 8) < 8)
                        j += 8;
                if (j > n)
                        j = n;
                put_packed(out, (const char *)values + i * size, size, j - i, width);
                i = j;
        }
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
        for (size_t i = 0; i < n; i += 8) {
                unsigned byte = 0;
                for (size_t k = 0; k < 8 && i + k < n; k++)
                        byte |= (unsigned)(bools[i + k] & 1) << k;
                sl_buf_addc(out, (char)byte);
        }
}

static enum sl_rc no_memory(struct sl_err *err)
{
        return sl_fail(err, SL_E_IO, "No memory to compress a Parquet page");
}

static enum sl_rc gzip_page(struct sl_pq_codec *c, const void *p, size_t n, struct sl_buf *out, struct sl_err *err)
{
        z_stream *z = c->state;
        if (!z) {
                z = sl_calloc(1, sizeof(*z));
                if (deflateInit2(z, c->level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
                        free(z);
                        return no_memory(err);
                }
                c->state = z;
        } else {
                deflateReset(z);
        }
        size_t bound = deflateBound(z, n);
        if (!sl_buf_room(out, bound))
                return no_memory(err);
        z->next_in = (Bytef *)(uintptr_t)p;
        z->avail_in = (uInt)n;
        z->next_out = (Bytef *)out->ptr + out->len;
        z->avail_out = (uInt)bound;
        if (deflate(z, Z_FINISH) != Z_STREAM_END)
                return sl_fail(err, SL_E_IO, "gzip could not compress a Parquet page");
        out->len += bound - z->avail_out;
        return SL_OK;
}

static enum sl_rc zstd_page(struct sl_pq_codec *c, const void *p, size_t n, struct sl_buf *out, struct sl_err *err)
{
        if (!c->state)
                c->state = ZSTD_createCCtx();
        size_t bound = ZSTD_compressBound(n);
        if (!c->state || !sl_buf_room(out, bound))
                return no_memory(err);
        size_t len = ZSTD_compressCCtx(c->state, out->ptr + out->len, bound, p, n, c->level < 0 ? 3 : c->level);
        if (ZSTD_isError(len))
                return sl_fail(err, SL_E_IO, "zstd could not compress a Parquet page: %s", ZSTD_getErrorName(len));
        out->len += len;
        return SL_OK;
}

enum sl_rc sl_pq_compress(struct sl_pq_codec *c, const void *p, size_t n, struct sl_buf *out, struct sl_err *err)
{
        switch (c->codec) {
        case SL_CODEC_GZIP:
                return gzip_page(c, p, n, out, err);
        case SL_CODEC_ZSTD:
                return zstd_page(c, p, n, out, err);
        case SL_CODEC_SNAPPY: {
                size_t len = snappy_max_compressed_length(n);
                if (!sl_buf_room(out, len))
                        return no_memory(err);
                if (snappy_compress(p, n, out->ptr + out->len, &len) != SNAPPY_OK)
                        return sl_fail(err, SL_E_IO, "snappy could not compress a Parquet page");
                out->len += len;
                return SL_OK;
        }
        default:
                break;
        }
        sl_buf_add(out, p, n);
        return sl_buf_ok(out) ? SL_OK : no_memory(err);
}

void sl_pq_codec_free(struct sl_pq_codec *c)
{
        if (c->codec == SL_CODEC_GZIP && c->state) {
                deflateEnd(c->state);
                free(c->state);
        }
        if (c->codec == SL_CODEC_ZSTD)
                ZSTD_freeCCtx(c->state);
        c->state = NULL;
}
