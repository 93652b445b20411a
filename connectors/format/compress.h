/* SPDX-License-Identifier: Apache-2.0 */
/* Inside connectors/format: compression of a whole file as it grows, for jsonl and bytes. Not thread safe. */
#ifndef SL_FORMAT_COMPRESS_H
#define SL_FORMAT_COMPRESS_H
#include "connectors/format/format.h"

struct sl_stream;
/* GZIP (one member), ZSTD (one frame with checksum), SNAPPY (framing format), LZ4 (one frame with checksum); NULL for NONE. */
struct sl_stream *sl_stream_new(enum sl_format_codec codec, int level);
void sl_stream_free(struct sl_stream *s); /* NULL ok */
/* Start a file whose bytes are appended to out. What was not finished is forgotten. Failures are SL_E_IO. */
enum sl_rc sl_stream_begin(struct sl_stream *s, struct sl_buf *out, struct sl_err *err);
enum sl_rc sl_stream_add(struct sl_stream *s, const void *p, size_t n, struct sl_err *err);
enum sl_rc sl_stream_finish(struct sl_stream *s, struct sl_err *err);
/* Bytes taken and not in out yet, before compression (an estimate). */
size_t sl_stream_held(const struct sl_stream *s);
#endif
