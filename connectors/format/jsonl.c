/* SPDX-License-Identifier: Apache-2.0 */
/* One JSON text a line, as Confluent's JsonFormat: structs as JsonConverter writes their payload without the schema
 * envelope, schemaless values as they are, a line feed after every record; the whole file compressed where asked for.
 * Does not check that a file keeps to one schema: lines stand for themselves. */
#include "connectors/format/compress.h"

struct jsonl {
        struct sl_format_opts opts;
        struct sl_json_writer *json;
        const struct sl_schema *schema;
        struct sl_buf *out;
        struct sl_stream *stream; /* NULL = no compression */
        struct sl_buf line;       /* a record's text, until it is known to be whole */
};

static const char *jsonl_ext(const struct sl_format_opts *opts)
{
        static const char *const exts[] = {
                [SL_CODEC_NONE] = ".json",     [SL_CODEC_GZIP] = ".json.gz", [SL_CODEC_SNAPPY] = ".json.sz",
                [SL_CODEC_ZSTD] = ".json.zst", [SL_CODEC_LZ4] = ".json.lz4"};
        return exts[opts->codec];
}

static void *jsonl_create(const struct sl_format_opts *opts)
{
        struct jsonl *w = sl_calloc(1, sizeof(*w));
        w->opts = *opts;
        w->json = sl_json_writer_new(opts->decimals, false);
        w->stream = sl_stream_new(opts->codec, opts->level);
        return w;
}

static enum sl_rc jsonl_begin(void *writer, const struct sl_schema *schema, struct sl_buf *out, struct sl_err *err)
{
        struct jsonl *w = writer;
        w->schema = schema;
        w->out = out;
        return w->stream ? sl_stream_begin(w->stream, out, err) : SL_OK;
}

static enum sl_rc jsonl_append(void *writer, const struct sl_value *value, struct sl_err *err)
{
        struct jsonl *w = writer;
        struct sl_buf *b = &w->line;
        sl_buf_clear(b);
        SL_TRY(sl_json_write_value(w->json, w->schema, value, b, err));
        sl_buf_addc(b, '\n');
        if (!sl_buf_ok(b) || (!w->stream && sl_format_full(w->out, b->len)))
                return sl_fail(err, SL_E_TOO_LARGE, "The record's JSON text is too large for the file's buffer");
        if (w->stream)
                return sl_stream_add(w->stream, b->ptr, b->len, err);
        sl_buf_add(w->out, b->ptr, b->len);
        return sl_buf_ok(w->out) ? SL_OK : sl_fail(err, SL_E_IO, "No memory for the JSON file");
}

static size_t jsonl_pending(const void *writer)
{
        const struct jsonl *w = writer;
        return w->stream ? sl_stream_held(w->stream) : 0;
}

static enum sl_rc jsonl_finish(void *writer, struct sl_err *err)
{
        struct jsonl *w = writer;
        return w->stream ? sl_stream_finish(w->stream, err) : SL_OK;
}

static void jsonl_destroy(void *writer)
{
        struct jsonl *w = writer;
        if (!w)
                return;
        sl_stream_free(w->stream);
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
