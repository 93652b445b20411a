/* SPDX-License-Identifier: Apache-2.0 */
/* Whole-file compression: zlib's gzip, zstd, LZ4's frame format, and Snappy's framing format, which libsnappy does not have
 * (written after its framing_format.txt: chunks of at most 64 KiB, each with the masked CRC-32C of its content). The same
 * calls give the same bytes. */
#include "connectors/format/compress.h"

#include <lz4frame.h>
#include <pthread.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#define SNAPPY_CHUNK 65536
#define ROOM 16384

struct sl_stream {
        enum sl_format_codec codec;
        int level;
        struct sl_buf *out;
        size_t held;
        z_stream z;
        bool z_open;
        ZSTD_CCtx *zstd;
        LZ4F_cctx *lz4;
        struct sl_buf chunk; /* SNAPPY */
};

const char *sl_format_codec_ext(enum sl_format_codec codec)
{
        static const char *const exts[] = {[SL_CODEC_NONE] = "",
                                           [SL_CODEC_GZIP] = ".gz",
                                           [SL_CODEC_SNAPPY] = ".sz",
                                           [SL_CODEC_ZSTD] = ".zst",
                                           [SL_CODEC_LZ4] = ".lz4"};
        return codec <= SL_CODEC_LZ4 ? exts[codec] : "";
}

static sl_cold enum sl_rc no_memory(struct sl_err *err)
{
        return sl_fail(err, SL_E_IO, "No memory for the compressed file");
}

static sl_cold enum sl_rc failed(const char *what, const char *why, struct sl_err *err)
{
        return sl_fail(err, SL_E_IO, "%s could not compress the file: %s", what, why);
}

/* ---- gzip ---- */

static enum sl_rc gzip_begin(struct sl_stream *s, struct sl_err *err)
{
        /* 15 + 16: the largest window, gzip wrapping */
        int z = s->z_open ? deflateReset(&s->z)
                          : deflateInit2(&s->z, s->level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
        if (z != Z_OK)
                return failed("gzip", zError(z), err);
        s->z_open = true;
        return SL_OK;
}

static enum sl_rc gzip_run(struct sl_stream *s, const void *p, size_t n, int flush, struct sl_err *err)
{
        s->z.next_in = (Bytef *)(uintptr_t)p;
        s->z.avail_in = (uInt)n; /* records are shorter than 4 GiB */
        for (;;) {
                if (!sl_buf_room(s->out, ROOM))
                        return no_memory(err);
                size_t room = s->out->cap - s->out->len;
                uInt avail = room > UINT32_MAX ? UINT32_MAX : (uInt)room;
                s->z.next_out = (Bytef *)s->out->ptr + s->out->len;
                s->z.avail_out = avail;
                int z = deflate(&s->z, flush);
                s->out->len += avail - s->z.avail_out;
                if (z == Z_STREAM_END)
                        return SL_OK;
                if (z != Z_OK && z != Z_BUF_ERROR)
                        return failed("gzip", zError(z), err);
                if (flush == Z_NO_FLUSH && s->z.avail_in == 0 && s->z.avail_out > 0)
                        return SL_OK;
        }
}

/* ---- zstd ---- */

static enum sl_rc zstd_begin(struct sl_stream *s, struct sl_err *err)
{
        if (s->zstd) {
                ZSTD_CCtx_reset(s->zstd, ZSTD_reset_session_only);
                return SL_OK;
        }
        s->zstd = ZSTD_createCCtx();
        if (!s->zstd)
                return no_memory(err);
        size_t rc = ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_compressionLevel, s->level < 0 ? ZSTD_CLEVEL_DEFAULT : s->level);
        if (!ZSTD_isError(rc))
                rc = ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_checksumFlag, 1);
        return ZSTD_isError(rc) ? failed("zstd", ZSTD_getErrorName(rc), err) : SL_OK;
}

static enum sl_rc zstd_run(struct sl_stream *s, const void *p, size_t n, ZSTD_EndDirective end, struct sl_err *err)
{
        ZSTD_inBuffer in = {p, n, 0};
        for (;;) {
                if (!sl_buf_room(s->out, ROOM))
                        return no_memory(err);
                ZSTD_outBuffer out = {s->out->ptr + s->out->len, s->out->cap - s->out->len, 0};
                size_t left = ZSTD_compressStream2(s->zstd, &out, &in, end);
                s->out->len += out.pos;
                if (ZSTD_isError(left))
                        return failed("zstd", ZSTD_getErrorName(left), err);
                if (in.pos == in.size && (end == ZSTD_e_end ? left == 0 : out.pos < out.size))
                        return SL_OK;
        }
}

/* ---- lz4 ---- */

static LZ4F_preferences_t lz4_preferences(const struct sl_stream *s)
{
        return (LZ4F_preferences_t){
                .frameInfo = {.blockSizeID = LZ4F_max256KB, .contentChecksumFlag = LZ4F_contentChecksumEnabled},
                .compressionLevel = s->level < 0 ? 0 : s->level};
}

static enum sl_rc lz4_took(struct sl_stream *s, size_t n, struct sl_err *err)
{
        if (LZ4F_isError(n))
                return failed("lz4", LZ4F_getErrorName(n), err);
        s->out->len += n;
        return SL_OK;
}

static enum sl_rc lz4_begin(struct sl_stream *s, struct sl_err *err)
{
        LZ4F_preferences_t prefs = lz4_preferences(s);
        if (!s->lz4 && LZ4F_isError(LZ4F_createCompressionContext(&s->lz4, LZ4F_VERSION)))
                return no_memory(err);
        if (!sl_buf_room(s->out, LZ4F_HEADER_SIZE_MAX))
                return no_memory(err);
        return lz4_took(s, LZ4F_compressBegin(s->lz4, s->out->ptr + s->out->len, LZ4F_HEADER_SIZE_MAX, &prefs), err);
}

static enum sl_rc lz4_add(struct sl_stream *s, const void *p, size_t n, struct sl_err *err)
{
        LZ4F_preferences_t prefs = lz4_preferences(s);
        size_t room = LZ4F_compressBound(n, &prefs);
        if (!sl_buf_room(s->out, room))
                return no_memory(err);
        return lz4_took(s, LZ4F_compressUpdate(s->lz4, s->out->ptr + s->out->len, room, p, n, NULL), err);
}

static enum sl_rc lz4_finish(struct sl_stream *s, struct sl_err *err)
{
        LZ4F_preferences_t prefs = lz4_preferences(s);
        size_t room = LZ4F_compressBound(0, &prefs);
        if (!sl_buf_room(s->out, room))
                return no_memory(err);
        return lz4_took(s, LZ4F_compressEnd(s->lz4, s->out->ptr + s->out->len, room, NULL), err);
}

/* ---- snappy ---- */

static uint32_t crc_table[8][256];

static void make_crc_table(void)
{
        for (uint32_t i = 0; i < 256; i++) {
                uint32_t c = i;
                for (int k = 0; k < 8; k++)
                        c = c & 1 ? 0x82f63b78 ^ c >> 1 : c >> 1;
                crc_table[0][i] = c;
        }
        for (int t = 1; t < 8; t++)
                for (uint32_t i = 0; i < 256; i++)
                        crc_table[t][i] = crc_table[0][crc_table[t - 1][i] & 255] ^ crc_table[t - 1][i] >> 8;
}

/* CRC-32C, eight bytes a step. */
static uint32_t crc32c(const char *p, size_t n)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        uint32_t c = 0xffffffff;
        pthread_once(&once, make_crc_table);
        for (; n >= 8; n -= 8, p += 8) {
                uint64_t w;
                memcpy(&w, p, 8);
                w ^= c;
                c = 0;
                for (int i = 0; i < 8; i++)
                        c ^= crc_table[7 - i][w >> 8 * i & 255];
        }
        for (; n; n--, p++)
                c = crc_table[0][(c ^ (uint8_t)*p) & 255] ^ c >> 8;
        return ~c;
}

static void put_little(char *to, uint32_t v, int bytes)
{
        for (int i = 0; i < bytes; i++)
                to[i] = (char)(v >> 8 * i);
}

static enum sl_rc snappy_begin(struct sl_stream *s, struct sl_err *err)
{
        static const char id[] = "\xff\x06\x00\x00sNaPpY";
        sl_buf_clear(&s->chunk);
        sl_buf_add(s->out, id, sizeof(id) - 1);
        return sl_buf_ok(s->out) ? SL_OK : no_memory(err);
}

/* One chunk: compressed, or as it is where that saves less than an eighth. */
static enum sl_rc snappy_chunk(struct sl_stream *s, struct sl_err *err)
{
        size_t n = s->chunk.len, len = snappy_max_compressed_length(n);
        if (!sl_buf_room(s->out, len + 8))
                return no_memory(err);
        char *head = s->out->ptr + s->out->len;
        if (snappy_compress(s->chunk.ptr, n, head + 8, &len) != SNAPPY_OK)
                return failed("snappy", "it refused its input", err);
        bool raw = len >= n - n / 8;
        if (raw) {
                len = n;
                memcpy(head + 8, s->chunk.ptr, n);
        }
        uint32_t crc = crc32c(s->chunk.ptr, n);
        head[0] = raw;
        put_little(head + 1, (uint32_t)len + 4, 3);
        put_little(head + 4, (crc >> 15 | crc << 17) + 0xa282ead8, 4);
        s->out->len += len + 8;
        sl_buf_clear(&s->chunk);
        return SL_OK;
}

static enum sl_rc snappy_add(struct sl_stream *s, const char *p, size_t n, struct sl_err *err)
{
        while (n) {
                size_t part = SNAPPY_CHUNK - s->chunk.len;
                if (part > n)
                        part = n;
                sl_buf_add(&s->chunk, p, part);
                if (!sl_buf_ok(&s->chunk))
                        return no_memory(err);
                p += part;
                n -= part;
                if (s->chunk.len == SNAPPY_CHUNK)
                        SL_TRY(snappy_chunk(s, err));
        }
        return SL_OK;
}

/* ---- all ---- */

struct sl_stream *sl_stream_new(enum sl_format_codec codec, int level)
{
        if (codec == SL_CODEC_NONE)
                return NULL;
        struct sl_stream *s = sl_calloc(1, sizeof(*s));
        s->codec = codec;
        s->level = level;
        return s;
}

void sl_stream_free(struct sl_stream *s)
{
        if (!s)
                return;
        if (s->z_open)
                deflateEnd(&s->z);
        ZSTD_freeCCtx(s->zstd);
        LZ4F_freeCompressionContext(s->lz4);
        sl_buf_free(&s->chunk);
        free(s);
}

enum sl_rc sl_stream_begin(struct sl_stream *s, struct sl_buf *out, struct sl_err *err)
{
        s->out = out;
        s->held = 0;
        switch (s->codec) {
        case SL_CODEC_GZIP:
                return gzip_begin(s, err);
        case SL_CODEC_ZSTD:
                return zstd_begin(s, err);
        case SL_CODEC_LZ4:
                return lz4_begin(s, err);
        case SL_CODEC_SNAPPY:
                return snappy_begin(s, err);
        default:
                return sl_fail(err, SL_E_INTERNAL, "Codec %d is none for whole files", s->codec);
        }
}

enum sl_rc sl_stream_add(struct sl_stream *s, const void *p, size_t n, struct sl_err *err)
{
        size_t before = s->out->len;
        enum sl_rc rc;
        if (s->codec == SL_CODEC_GZIP)
                rc = gzip_run(s, p, n, Z_NO_FLUSH, err);
        else if (s->codec == SL_CODEC_ZSTD)
                rc = zstd_run(s, p, n, ZSTD_e_continue, err);
        else if (s->codec == SL_CODEC_LZ4)
                rc = lz4_add(s, p, n, err);
        else
                rc = snappy_add(s, p, n, err);
        s->held = s->out->len == before ? s->held + n : 0;
        return rc;
}

enum sl_rc sl_stream_finish(struct sl_stream *s, struct sl_err *err)
{
        s->held = 0;
        if (s->codec == SL_CODEC_GZIP)
                return gzip_run(s, "", 0, Z_FINISH, err);
        if (s->codec == SL_CODEC_ZSTD)
                return zstd_run(s, "", 0, ZSTD_e_end, err);
        if (s->codec == SL_CODEC_LZ4)
                return lz4_finish(s, err);
        return s->chunk.len ? snappy_chunk(s, err) : SL_OK;
}

size_t sl_stream_held(const struct sl_stream *s)
{
        return s->held;
}
