/* SPDX-License-Identifier: Apache-2.0 */
/* Page compression (apache/parquet-format, Compression.md) and page checksums. LZ4_RAW is a bare LZ4 block; the older
 * LZ4 is not written, as its framing was never settled. zstd's default level is 1: on pages of mixed columns levels 2
 * to 5 took 1.2 to 2 times as long for files that were 0.3 % smaller at best. */
#include "connectors/format/parquet_codec.h"

#include <lz4.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define ZSTD_LEVEL 1

int32_t sl_pq_codec_id(enum sl_format_codec codec)
{
        switch (codec) {
        case SL_CODEC_SNAPPY:
                return 1;
        case SL_CODEC_GZIP:
                return 2;
        case SL_CODEC_ZSTD:
                return 6;
        case SL_CODEC_LZ4_RAW:
                return 7;
        default:
                return 0;
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
        size_t len =
                ZSTD_compressCCtx(c->state, out->ptr + out->len, bound, p, n, c->level < 0 ? ZSTD_LEVEL : c->level);
        if (ZSTD_isError(len))
                return sl_fail(err, SL_E_IO, "zstd could not compress a Parquet page: %s", ZSTD_getErrorName(len));
        out->len += len;
        return SL_OK;
}

static enum sl_rc snappy_page(const void *p, size_t n, struct sl_buf *out, struct sl_err *err)
{
        size_t len = snappy_max_compressed_length(n);
        if (!sl_buf_room(out, len))
                return no_memory(err);
        if (snappy_compress(p, n, out->ptr + out->len, &len) != SNAPPY_OK)
                return sl_fail(err, SL_E_IO, "snappy could not compress a Parquet page");
        out->len += len;
        return SL_OK;
}

static enum sl_rc lz4_page(struct sl_pq_codec *c, const void *p, size_t n, struct sl_buf *out, struct sl_err *err)
{
        int bound = n <= LZ4_MAX_INPUT_SIZE ? LZ4_compressBound((int)n) : 0;
        if (!c->state)
                c->state = sl_malloc((size_t)LZ4_sizeofState());
        if (bound <= 0 || !sl_buf_room(out, (size_t)bound))
                return no_memory(err);
        int len = LZ4_compress_fast_extState(c->state, p, out->ptr + out->len, (int)n, bound, 1);
        if (len <= 0)
                return sl_fail(err, SL_E_IO, "lz4 could not compress a Parquet page");
        out->len += (size_t)len;
        return SL_OK;
}

enum sl_rc sl_pq_compress(struct sl_pq_codec *c, const void *p, size_t n, struct sl_buf *out, struct sl_err *err)
{
        switch (c->codec) {
        case SL_CODEC_GZIP:
                return gzip_page(c, p, n, out, err);
        case SL_CODEC_ZSTD:
                return zstd_page(c, p, n, out, err);
        case SL_CODEC_SNAPPY:
                return snappy_page(p, n, out, err);
        case SL_CODEC_LZ4_RAW:
                return lz4_page(c, p, n, out, err);
        default:
                break;
        }
        sl_buf_add(out, p, n);
        return sl_buf_ok(out) ? SL_OK : no_memory(err);
}

void sl_pq_codec_free(struct sl_pq_codec *c)
{
        if (c->codec == SL_CODEC_GZIP && c->state)
                deflateEnd(c->state);
        if (c->codec == SL_CODEC_ZSTD)
                ZSTD_freeCCtx(c->state);
        else
                free(c->state);
        c->state = NULL;
}

uint32_t sl_pq_crc(uint32_t crc, const void *p, size_t n)
{
        return n ? (uint32_t)crc32_z(crc, p, n) : crc; /* zlib takes a null pointer for a new start */
}
