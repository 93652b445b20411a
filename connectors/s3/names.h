/* SPDX-License-Identifier: Apache-2.0 */
/* Object keys: <topics.dir>/<topic>/<encoded partition>/<topic>+<p>+<start offset, zero-padded>[.keys|.headers]<ext>. The encoded
 * partition comes from partition.h and holds schema names and the directory of tombstones already. Replayed records stand in the
 * directories of their originals, under names of the topic that they were read from: there the encoded partition begins with
 * the original's topic, and no file of that topic's own has such a name. Bytes as they are: encoding for
 * URLs is the client's. @thread any. */
#ifndef SL_S3_NAMES_H
#define SL_S3_NAMES_H
#include "base/err.h"
#include "base/str.h"

#define SL_S3_KEY_MAX 1024 /* bytes of UTF-8, S3's limit */

/* What an object of a file holds; keys and headers lie beside the values. */
enum sl_s3_variant { SL_S3_VALUES, SL_S3_KEYS, SL_S3_HEADERS, SL_S3_VARIANTS };

struct sl_s3_names {
        const char *topics_dir; /* blank or NULL: no first element */
        const char *dir_delim;  /* "/" */
        const char *file_delim; /* "+" */
        int32_t pad_width;      /* digits of the start offset */
        const char *ext[SL_S3_VARIANTS]; /* ".json", ".snappy.parquet"; NULL: that variant is not written */
};
/* Append the key of the file of an encoded partition that starts at offset. Fails (record scope, nothing appended) when the key of
 * any variant that is written would be longer than SL_S3_KEY_MAX, so that a file has all of its objects or none. */
enum sl_rc sl_s3_object_key(const struct sl_s3_names *names, const char *topic, int32_t partition, struct sl_str encoded,
                            int64_t offset, enum sl_s3_variant variant, struct sl_buf *out, struct sl_err *err);
/* What the keys of a topic's objects begin with, and what those of a variant end with. */
void sl_s3_topic_prefix(const struct sl_s3_names *names, const char *topic, struct sl_buf *out);
void sl_s3_ending(const struct sl_s3_names *names, enum sl_s3_variant variant, struct sl_buf *out);
#endif
