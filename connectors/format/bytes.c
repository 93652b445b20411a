/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as they are with a separator after every record, as Confluent's ByteArrayFormat; the whole file compressed where asked
 * for. A value that holds the separator looks like several records: nothing is escaped. */
#include "connectors/format/compress.h"
#include "record/javaclass.h"

struct bytes {
        struct sl_str separator;
        const struct sl_schema *schema;
        struct sl_buf *out;
        struct sl_stream *stream; /* NULL = no compression */
};

static const char *bytes_ext(const struct sl_format_opts *opts)
{
        static const char *const exts[] = {
                [SL_CODEC_NONE] = ".bin",     [SL_CODEC_GZIP] = ".bin.gz", [SL_CODEC_SNAPPY] = ".bin.sz",
                [SL_CODEC_ZSTD] = ".bin.zst", [SL_CODEC_LZ4] = ".bin.lz4"};
        return opts->extension[0] ? opts->extension : exts[opts->codec];
}

static void *bytes_create(const struct sl_format_opts *opts)
{
        struct bytes *w = sl_calloc(1, sizeof(*w));
        w->separator = sl_str_c(opts->separator ? opts->separator : "\n");
        w->stream = sl_stream_new(opts->codec, opts->level);
        return w;
}

static enum sl_rc bytes_begin(void *writer, const struct sl_schema *schema, struct sl_buf *out, struct sl_err *err)
{
        struct bytes *w = writer;
        if (schema && schema->type != SL_BYTES) {
                enum sl_rc rc = sl_fail(err, SL_E_FORMAT, "Invalid schema type for ByteArrayConverter: %s",
                                        sl_type_name(schema->type));
                sl_err_detail(err, " (ByteArrayFormat writes bytes only: use ByteArrayConverter, or another format)");
                return rc;
        }
        w->schema = schema;
        w->out = out;
        return w->stream ? sl_stream_begin(w->stream, out, err) : SL_OK;
}

static enum sl_rc bytes_append(void *writer, const struct sl_value *v, struct sl_err *err)
{
        struct bytes *w = writer;
        if (sl_unlikely(v->type != SL_BYTES || (w->schema && w->schema->logical != SL_LOGICAL_NONE))) {
                enum sl_rc rc = sl_fail(err, SL_E_FORMAT,
                                        "ByteArrayConverter is not compatible with objects of type class %s",
                                        sl_java_class(w->schema, v));
                sl_err_detail(err, " (ByteArrayFormat writes bytes only: use ByteArrayConverter, or another format)");
                return rc;
        }
        if (w->stream) {
                SL_TRY(sl_stream_add(w->stream, v->ptr, v->len, err));
                return sl_stream_add(w->stream, w->separator.ptr, w->separator.len, err);
        }
        if (sl_format_full(w->out, v->len + w->separator.len))
                return sl_fail(err, SL_E_TOO_LARGE, "The record's %u bytes are too large for the file's buffer", v->len);
        sl_buf_add(w->out, v->ptr, v->len);
        sl_buf_add_str(w->out, w->separator);
        return sl_buf_ok(w->out) ? SL_OK : sl_fail(err, SL_E_IO, "No memory for the file");
}

static size_t bytes_pending(const void *writer)
{
        const struct bytes *w = writer;
        return w->stream ? sl_stream_held(w->stream) : 0;
}

static enum sl_rc bytes_finish(void *writer, struct sl_err *err)
{
        struct bytes *w = writer;
        return w->stream ? sl_stream_finish(w->stream, err) : SL_OK;
}

static void bytes_destroy(void *writer)
{
        struct bytes *w = writer;
        if (!w)
                return;
        sl_stream_free(w->stream);
        free(w);
}

const struct sl_format_ops sl_format_bytes = {
        .name = "bytes",
        .ext = bytes_ext,
        .create = bytes_create,
        .begin = bytes_begin,
        .append = bytes_append,
        .pending = bytes_pending,
        .finish = bytes_finish,
        .destroy = bytes_destroy,
};
