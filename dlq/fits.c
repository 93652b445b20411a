/* SPDX-License-Identifier: Apache-2.0 */
/* Does a record fit into its topic (see fits.h)? A record that is refused would abort its transaction, and so the job, each time. The
 * size is an upper bound: a record at the very brim, within about 100 bytes, is taken for one that does not fit. */
#include "dlq/fits.h"
#include <lz4frame.h>
#include <stdlib.h>
#include "dlq/letter.h"

#define BATCH_BYTES 61 /* the head of a record batch (version 2) */

int64_t sl_dlq_room(struct sl_admin *admin, const char *topic, int timeout_ms)
{
        struct sl_err ignored = {0};
        struct sl_buf text = {0};
        int64_t room;
        if (sl_admin_topic_config(admin, topic, "max.message.bytes", timeout_ms, &text, &ignored) != SL_OK ||
            !sl_parse_i64((struct sl_str){text.ptr, text.len}, &room))
                room = INT64_MAX;
        sl_buf_free(&text);
        return room;
}

/* lz4 is what producers here compress with unless they are told otherwise. */
static bool compresses_so(const struct sl_props *client)
{
        const char *type = client ? sl_props_get(client, "compression.type") : NULL;
        return !type || strcmp(type, "lz4") == 0;
}

bool sl_dlq_fits(struct sl_str flat, size_t added, int64_t room, const struct sl_props *client)
{
        static const LZ4F_preferences_t as_sent = {.frameInfo = {.blockMode = LZ4F_blockIndependent}};
        size_t head = BATCH_BYTES + added;
        if ((int64_t)(flat.len + head) <= room)
                return true;
        if (!compresses_so(client))
                return false;
        size_t most = LZ4F_compressFrameBound(flat.len, &as_sent);
        char *out = sl_malloc(most);
        size_t size = LZ4F_compressFrame(out, most, flat.ptr, flat.len, &as_sent);
        free(out);
        return !LZ4F_isError(size) && (int64_t)(size + head) <= room;
}
