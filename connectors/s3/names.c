/* SPDX-License-Identifier: Apache-2.0 */
/* See names.h. The form is Confluent's sink's, delimiters, padding and the blank topics.dir included. */
#include "connectors/s3/names.h"

#include <inttypes.h>

#include "api/connector.h"

static const char *const marks[SL_S3_VARIANTS] = {"", ".keys", ".headers"};

static bool blank(const char *s)
{
        for (; s && *s; s++)
                if ((unsigned char)*s > ' ')
                        return false;
        return true;
}

/* The longest ending of the objects that a file has. */
static size_t longest_end(const struct sl_s3_names *names)
{
        size_t max = 0;
        for (int i = 0; i < SL_S3_VARIANTS; i++) {
                size_t n = names->ext[i] ? strlen(marks[i]) + strlen(names->ext[i]) : 0;
                max = n > max ? n : max;
        }
        return max;
}

void sl_s3_topic_prefix(const struct sl_s3_names *names, const char *topic, struct sl_buf *out)
{
        if (!blank(names->topics_dir))
                sl_buf_printf(out, "%s%s", names->topics_dir, names->dir_delim);
        if (!sl_tp_replays((struct sl_tp){topic, 0}))
                sl_buf_printf(out, "%s%s", topic, names->dir_delim);
}

void sl_s3_ending(const struct sl_s3_names *names, enum sl_s3_variant variant, struct sl_buf *out)
{
        sl_buf_printf(out, "%s%s", marks[variant], names->ext[variant]);
}

enum sl_rc sl_s3_object_key(const struct sl_s3_names *names, const char *topic, int32_t partition, struct sl_str encoded,
                            int64_t offset, enum sl_s3_variant variant, struct sl_buf *out, struct sl_err *err)
{
        const char *d = names->dir_delim, *f = names->file_delim;
        size_t start = out->len;
        sl_s3_topic_prefix(names, topic, out);
        sl_buf_add_str(out, encoded);
        sl_buf_printf(out, "%s%s%s%" PRId32 "%s%0*" PRId64, d, topic, f, partition, f, names->pad_width, offset);
        size_t length = out->len - start + longest_end(names);
        if (length <= SL_S3_KEY_MAX) {
                sl_s3_ending(names, variant, out);
                return SL_OK;
        }
        out->len = start;
        return sl_fail(err, SL_E_TOO_LARGE,
                       "The object's name would be %zu bytes long, and S3 takes %d: topic %s, partition %" PRId32
                       ", offset %" PRId64 ", directory %.*s...; partition by a field with shorter values",
                       length, SL_S3_KEY_MAX, topic, partition, offset, encoded.len < 200 ? (int)encoded.len : 200,
                       encoded.ptr);
}
