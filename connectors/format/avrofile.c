/* SPDX-License-Identifier: Apache-2.0 */
/* Avro object container files (Avro 1.11 specification, "Object Container Files"), as Confluent's AvroFormat writes them: the
 * schema is what AvroConverter would register, schemaless values are its Anything records, a block ends when 64,000 bytes are
 * in it. The sync marker is made of schema and codec instead of random bytes: the same records give the same file, which a
 * sink that writes a file again after a crash relies on. Never splits a record over blocks. */
#include <bzlib.h>
#include <lzma.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/map.h"
#include "connectors/format/format.h"
#include "convert/avro.h"

#define BLOCK_BYTES 64000 /* Avro's DEFAULT_SYNC_INTERVAL */
#define SYNC 16

struct avro {
        struct sl_format_opts opts;
        const struct sl_schema *schema; /* what encoder and head are of, when there is an encoder */
        struct sl_avro_encoder *encoder;
        struct sl_buf head; /* the file's header; the last 16 bytes are the sync marker */
        struct sl_buf *out;
        struct sl_buf block, packed;
        uint64_t records; /* in block */
        z_stream z;
        bool z_open;
        ZSTD_CCtx *zstd;
};

static const char *avro_ext(const struct sl_format_opts *opts)
{
        (void)opts;
        return ".avro";
}

static void *avro_create(const struct sl_format_opts *opts)
{
        struct avro *w = sl_calloc(1, sizeof(*w));
        w->opts = *opts;
        if (!w->opts.block_bytes)
                w->opts.block_bytes = BLOCK_BYTES;
        return w;
}

/* ---- codecs ---- */

static sl_cold enum sl_rc no_memory(struct sl_err *err)
{
        return sl_fail(err, SL_E_IO, "No memory for a block of an Avro file");
}

static sl_cold enum sl_rc failed(const char *what, int code, struct sl_err *err)
{
        return sl_fail(err, SL_E_IO, "%s could not compress a block of an Avro file: %d", what, code);
}

static enum sl_rc pack_deflate(struct avro *w, struct sl_err *err)
{
        int z = w->z_open ? deflateReset(&w->z) /* -15: without the zlib wrapping */
                          : deflateInit2(&w->z, w->opts.level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
        if (z != Z_OK)
                return failed("deflate", z, err);
        w->z_open = true;
        size_t bound = deflateBound(&w->z, w->block.len);
        if (!sl_buf_room(&w->packed, bound))
                return no_memory(err);
        w->z.next_in = (Bytef *)w->block.ptr;
        w->z.avail_in = (uInt)w->block.len;
        w->z.next_out = (Bytef *)w->packed.ptr;
        w->z.avail_out = (uInt)bound;
        z = deflate(&w->z, Z_FINISH);
        w->packed.len = bound - w->z.avail_out;
        return z == Z_STREAM_END ? SL_OK : failed("deflate", z, err);
}

/* Snappy's block, then the CRC-32 of what is in it, most significant byte first. */
static enum sl_rc pack_snappy(struct avro *w, struct sl_err *err)
{
        size_t len = snappy_max_compressed_length(w->block.len);
        if (!sl_buf_room(&w->packed, len + 4))
                return no_memory(err);
        int rc = (int)snappy_compress(w->block.ptr, w->block.len, w->packed.ptr, &len);
        uint32_t crc = (uint32_t)crc32_z(0, (const Bytef *)w->block.ptr, w->block.len);
        for (int i = 0; i < 4; i++)
                w->packed.ptr[len++] = (char)(crc >> (24 - 8 * i));
        w->packed.len = len;
        return rc == SNAPPY_OK ? SL_OK : failed("snappy", rc, err);
}

static enum sl_rc pack_zstd(struct avro *w, struct sl_err *err)
{
        size_t bound = ZSTD_compressBound(w->block.len);
        if (!w->zstd)
                w->zstd = ZSTD_createCCtx();
        if (!w->zstd || !sl_buf_room(&w->packed, bound))
                return no_memory(err);
        size_t len = ZSTD_compressCCtx(w->zstd, w->packed.ptr, bound, w->block.ptr, w->block.len,
                                       w->opts.level < 0 ? ZSTD_CLEVEL_DEFAULT : w->opts.level);
        if (ZSTD_isError(len))
                return failed("zstd", (int)ZSTD_getErrorCode(len), err);
        w->packed.len = len;
        return SL_OK;
}

static enum sl_rc pack_bzip2(struct avro *w, struct sl_err *err)
{
        unsigned len = (unsigned)(w->block.len + w->block.len / 100 + 600); /* what its manual asks for */
        if (!sl_buf_room(&w->packed, len))
                return no_memory(err);
        int rc = BZ2_bzBuffToBuffCompress(w->packed.ptr, &len, w->block.ptr, (unsigned)w->block.len, 9, 0, 0);
        w->packed.len = len;
        return rc == BZ_OK ? SL_OK : failed("bzip2", rc, err);
}

static enum sl_rc pack_xz(struct avro *w, struct sl_err *err)
{
        lzma_options_lzma lzma;
        size_t bound = lzma_stream_buffer_bound(w->block.len);
        if (lzma_lzma_preset(&lzma, LZMA_PRESET_DEFAULT) || !sl_buf_room(&w->packed, bound))
                return no_memory(err);
        /* the preset's dictionary of 8 MiB would be more than the data: it costs ten times its size */
        lzma.dict_size = w->block.len > LZMA_DICT_SIZE_MIN ? (uint32_t)w->block.len : LZMA_DICT_SIZE_MIN;
        lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &lzma}, {LZMA_VLI_UNKNOWN, NULL}};
        int rc = (int)lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC64, NULL, (const uint8_t *)w->block.ptr,
                                                w->block.len, (uint8_t *)w->packed.ptr, &w->packed.len, bound);
        return rc == LZMA_OK ? SL_OK : failed("xz", rc, err);
}

static const struct codec {
        const char *name;
        enum sl_rc (*pack)(struct avro *w, struct sl_err *err);
} codecs[] = {
        [SL_CODEC_NONE] = {"null", NULL},          [SL_CODEC_DEFLATE] = {"deflate", pack_deflate},
        [SL_CODEC_SNAPPY] = {"snappy", pack_snappy}, [SL_CODEC_ZSTD] = {"zstandard", pack_zstd},
        [SL_CODEC_BZIP2] = {"bzip2", pack_bzip2},  [SL_CODEC_XZ] = {"xz", pack_xz},
};

/* ---- the file ---- */

static void put_long(struct sl_buf *out, uint64_t v)
{
        for (v <<= 1; v > 127; v >>= 7)
                sl_buf_addc(out, (char)(v | 128));
        sl_buf_addc(out, (char)v);
}

static void put_text(struct sl_buf *out, const char *p, size_t n)
{
        put_long(out, n);
        sl_buf_add(out, p, n);
}

static void make_head(struct avro *w, const struct sl_buf *schema)
{
        static const char magic[] = {'O', 'b', 'j', 1};
        const char *codec = codecs[w->opts.codec].name;
        sl_buf_clear(&w->head);
        sl_buf_add(&w->head, magic, sizeof(magic));
        put_long(&w->head, 2);
        put_text(&w->head, "avro.schema", 11);
        put_text(&w->head, schema->ptr, schema->len);
        put_text(&w->head, "avro.codec", 10);
        put_text(&w->head, codec, strlen(codec));
        put_long(&w->head, 0);
        uint64_t sync[2];
        sync[0] = sl_hash(w->head.ptr, w->head.len);
        sync[1] = sl_hash(sync, sizeof(sync[0])) ^ sl_hash(schema->ptr, schema->len);
        sl_buf_add(&w->head, sync, SYNC);
}

/* Map the schema and compile it. */
static enum sl_rc bind(struct avro *w, const struct sl_schema *schema, struct sl_err *err)
{
        const struct sl_avro_options o = {.enhanced = w->opts.avro_enhanced,
                                          .meta = !w->opts.avro_no_meta,
                                          .optional_keys = w->opts.avro_optional_keys,
                                          .flatten_singleton = true};
        struct sl_avro_doc *doc = sl_avro_doc_new();
        struct sl_avro_encoder *encoder = NULL;
        struct sl_buf text = {0};
        struct sl_avro *avro;
        enum sl_rc rc = sl_avro_from_connect(doc, &o, schema, &avro, err);
        if (rc == SL_OK)
                rc = sl_avro_print(avro, &text, err);
        if (rc == SL_OK)
                rc = sl_avro_encoder_new(&o, schema, avro, &encoder, err);
        if (rc == SL_OK) {
                sl_avro_encoder_for_file(encoder);
                sl_avro_encoder_free(w->encoder);
                w->encoder = encoder;
                w->schema = schema;
                make_head(w, &text);
        }
        if (rc == SL_OK && (!sl_buf_ok(&text) || !sl_buf_ok(&w->head))) {
                sl_avro_encoder_free(w->encoder);
                w->encoder = NULL;
                rc = sl_fail(err, SL_E_SCHEMA, "the text of a schema takes more than 1 GiB");
        }
        sl_avro_doc_free(doc);
        sl_buf_free(&text);
        return rc;
}

static enum sl_rc avro_begin(void *writer, const struct sl_schema *schema, struct sl_buf *out, struct sl_err *err)
{
        struct avro *w = writer;
        if (!w->encoder || w->schema != schema)
                SL_TRY(bind(w, schema, err));
        w->out = out;
        w->records = 0;
        sl_buf_clear(&w->block);
        sl_buf_add(out, w->head.ptr, w->head.len);
        return sl_buf_ok(out) ? SL_OK : no_memory(err);
}

static enum sl_rc end_block(struct avro *w, struct sl_err *err)
{
        const struct codec *codec = &codecs[w->opts.codec];
        const struct sl_buf *data = &w->block;
        if (codec->pack) {
                data = &w->packed;
                sl_buf_clear(&w->packed);
                SL_TRY(codec->pack(w, err));
        }
        put_long(w->out, w->records);
        put_text(w->out, data->ptr, data->len);
        sl_buf_add(w->out, w->head.ptr + w->head.len - SYNC, SYNC);
        w->records = 0;
        sl_buf_clear(&w->block);
        return sl_buf_ok(w->out) ? SL_OK : no_memory(err);
}

static enum sl_rc avro_append(void *writer, const struct sl_value *value, struct sl_err *err)
{
        struct avro *w = writer;
        size_t before = w->block.len;
        enum sl_rc rc = sl_avro_encode(w->encoder, value, &w->block, err);
        if (sl_unlikely(rc != SL_OK)) {
                if (!sl_buf_ok(&w->block) && w->records) { /* what was in it went with it */
                        sl_err_clear(err);
                        return sl_fail(err, SL_E_IO, "The records of one block of an Avro file take more than 1 GiB");
                }
                w->block.len = sl_buf_ok(&w->block) ? before : 0;
                w->block.bad = false;
                return rc;
        }
        w->records++;
        return w->block.len >= w->opts.block_bytes ? end_block(w, err) : SL_OK;
}

static size_t avro_pending(const void *writer)
{
        const struct avro *w = writer;
        return w->block.len;
}

static enum sl_rc avro_finish(void *writer, struct sl_err *err)
{
        struct avro *w = writer;
        return w->records ? end_block(w, err) : SL_OK;
}

static void avro_destroy(void *writer)
{
        struct avro *w = writer;
        if (!w)
                return;
        if (w->z_open)
                deflateEnd(&w->z);
        ZSTD_freeCCtx(w->zstd);
        sl_avro_encoder_free(w->encoder);
        sl_buf_free(&w->head);
        sl_buf_free(&w->block);
        sl_buf_free(&w->packed);
        free(w);
}

const struct sl_format_ops sl_format_avro = {
        .name = "avro",
        .ext = avro_ext,
        .create = avro_create,
        .begin = avro_begin,
        .append = avro_append,
        .pending = avro_pending,
        .finish = avro_finish,
        .destroy = avro_destroy,
};
