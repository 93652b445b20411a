/* SPDX-License-Identifier: Apache-2.0 */
/* Object keys as Confluent's sink forms them with DefaultPartitioner. Encoding for URLs is the client's. */
#include "connectors/s3/names.h"

#include <inttypes.h>

void sl_s3_object_key(const struct sl_s3_names *names, const char *topic, int32_t partition, int64_t offset,
                      struct sl_buf *out)
{
        const char *d = names->dir_delim, *f = names->file_delim;
        bool blank = true;
        for (const char *p = names->topics_dir; p && *p; p++)
                blank &= (unsigned char)*p <= ' ';
        if (!blank)
                sl_buf_printf(out, "%s%s", names->topics_dir, d);
        sl_buf_printf(out, "%s%spartition=%" PRId32 "%s%s%s%" PRId32 "%s%0*" PRId64 "%s", topic, d, partition, d, topic,
                      f, partition, f, names->pad_width, offset, names->ext);
}
