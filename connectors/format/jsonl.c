/* SPDX-License-Identifier: Apache-2.0 */
/* One JSON text a line, as Confluent's JsonFormat: structs as JsonConverter writes their payload without the schema
 * envelope, schemaless values as they are, a line feed after every record. With gzip the file is one gzip member.
 * Does not check that a file keeps to one schema: lines stand for themselves. */
#include <zlib.h>

#include "connectors/format/format.h"

struct jsonl {
        struct sl_format_opts opts;
        struct sl_json_writer *json;
        const struct sl_schema *schema;
        struct sl_buf *out;
        struct sl_buf line; /* gzip: the text before compression */
        z_stream z;
        bool z_open;
};

static const char *jsonl_ext(const struct sl_format_opts *opts)
{
        return opts->codec == SL_CODEC_GZIP ? ".json.gz" : ".json";
}

static void *jsonl_create(const struct sl_format_opts *opts)
{
        struct jsonl *w = sl_calloc(1, sizeof(*w));
        w->opts = *opts;
        w->json = sl_json_writer_new(opts->decimals, false);
        return w;
}

static enum sl_rc jsonl_begin(void *writer, const struct sl_schema *schema, struct sl_buf *out, struct sl_err *err)
{
        struct jsonl *w = writer;
        w->schema = schema;
        w->out = out;
        if (w->opts.codec != SL_CODEC_GZIP)
                return SL_OK;
        /* 15 + 16: the largest window, gzip wrapping */
        int z = w->z_open ? deflateReset(&w->z)
                          : deflateInit2(&w->z, w->opts.level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
        if (z != Z_OK)
                return sl_fail(err, SL_E_IO, "gzip can't start: %s", zError(z));
        w->z_open = true;
        return SL_OK;
}

static enum sl_rc deflate_all(struct jsonl *w, const char *p, size_t n, int flush, struct sl_err *err)
{
        w->z.next_in = (Bytef *)(uintptr_t)p;
        w->z.avail_in = (uInt)n;
        for (;;) {
                if (!sl_buf_room(w->out, 4096))
                        return sl_fail(err, SL_E_IO, "No memory for the compressed JSON file");
                size_t room = w->out->cap - w->out->len;
                w->z.next_out = (Bytef *)w->out->ptr + w->out->len;
                w->z.avail_out = (uInt)room;
                int z = deflate(&w->z, flush);
                w->out->len += room - w->z.avail_out;
                if (z == Z_STREAM_END)
                        return SL_OK;
                if (z != Z_OK && z != Z_BUF_ERROR)
                        return sl_fail(err, SL_E_IO, "gzip failed: %s", zError(z));
                if (flush == Z_NO_FLUSH && w->z.avail_in == 0 && w->z.avail_out > 0)
                        return SL_OK;
        }
}

static enum sl_rc jsonl_append(void *writer, const struct sl_value *value, struct sl_err *err)
{
        struct jsonl *w = writer;
        bool gzip = w->opts.codec == SL_CODEC_GZIP;
        struct sl_buf *b = gzip ? &w->line : w->out;
        if (gzip)
                sl_buf_clear(b);
        size_t before = b->len;
        enum sl_rc rc = sl_json_write_value(w->json, w->schema, value, b, err);
        if (rc != SL_OK) {
                b->len = before;
                return rc;
        }
        sl_buf_addc(b, '\n');
        if (!sl_buf_ok(b)) {
                b->len = before;
                b->bad = false;
                return sl_fail(err, SL_E_TOO_LARGE, "The record's JSON text is too large for the file's buffer");
        }
        return gzip ? deflate_all(w, b->ptr, b->len, Z_NO_FLUSH, err) : SL_OK;
}

static size_t jsonl_pending(const void *writer)
{
        (void)writer;
        return 0;
}

static enum sl_rc jsonl_finish(void *writer, struct sl_err *err)
{
        struct jsonl *w = writer;
        return w->opts.codec == SL_CODEC_GZIP ? deflate_all(w, "", 0, Z_FINISH, err) : SL_OK;
}

static void jsonl_destroy(void *writer)
{
        struct jsonl *w = writer;
        if (!w)
                return;
        if (w->z_open)
                deflateEnd(&w->z);
        sl_json_writer_free(w->json);
        sl_buf_free(&w->line);
        free(w);
}

const struct sl_format_ops sl_format_jsonl = {
        .name = "jsonl",
        .ext = jsonl_ext,
        .create = jsonl_create,
        .begin = jsonl_begin,
        .append = jsonl_append,
        .pending = jsonl_pending,
        .finish = jsonl_finish,
        .destroy = jsonl_destroy,
};
