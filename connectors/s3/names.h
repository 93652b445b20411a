/* SPDX-License-Identifier: Apache-2.0 */
/* Object keys: <topics.dir>/<topic>/partition=<p>/<topic>+<p>+<start offset, zero-padded><ext>. */
#ifndef SL_S3_NAMES_H
#define SL_S3_NAMES_H
#include "base/str.h"

struct sl_s3_names {
        const char *topics_dir; /* "" or NULL: no first element */
        const char *dir_delim;  /* "/" */
        const char *file_delim; /* "+" */
        int32_t pad_width;      /* digits of the start offset */
        const char *ext;        /* ".json" */
};
/* Append the key of the file that starts at offset. */
void sl_s3_object_key(const struct sl_s3_names *names, const char *topic, int32_t partition, int64_t offset,
                      struct sl_buf *out);
#endif
