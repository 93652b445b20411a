/* SPDX-License-Identifier: Apache-2.0 */
/* See replayed.h. The headers are those that `sluice dlq replay` writes (docs/dlq-replay.md). Does not subscribe (sink_task.c) and does
 * not write there (dlq/replay.c). */
#include "pipeline/replayed.h"

#include <ctype.h>
#include <inttypes.h>

#include "base/map.h"

#define NAME_MAX_LEN 249 /* of a topic */
#define HASH_LEN 17
#define OURS "__sluice."

static bool fits(char c)
{
        return isalnum((unsigned char)c) || c == '.' || c == '_' || c == '-';
}

void sl_replay_topic(const char *connector, struct sl_buf *out)
{
        size_t n = strlen(connector), room = NAME_MAX_LEN - (sizeof(SL_REPLAY_TOPIC) - 1);
        bool changed = n > room;
        for (size_t i = 0; i < n; i++)
                changed |= !fits(connector[i]);
        size_t kept = changed && n > room - HASH_LEN ? room - HASH_LEN : n;
        sl_buf_adds(out, SL_REPLAY_TOPIC);
        for (size_t i = 0; i < kept; i++)
                sl_buf_addc(out, fits(connector[i]) ? connector[i] : '_');
        if (changed)
                sl_buf_printf(out, "-%016" PRIx64, sl_hash(connector, n));
}

struct original {
        struct sl_str topic;
        int64_t partition, offset, timestamp_ms;
};

/* The last header of a name counts. */
static bool read_original(const struct sl_record *rec, struct original *ret)
{
        *ret = (struct original){.partition = -1, .offset = -1, .timestamp_ms = -1};
        for (uint32_t i = 0; i < rec->header_count; i++) {
                const struct sl_header *h = rec->headers[i];
                if (sl_str_eqc(h->key, SL_REPLAY_ORIGIN "topic"))
                        ret->topic = h->raw;
                else if (sl_str_eqc(h->key, SL_REPLAY_ORIGIN "partition") && !sl_parse_i64(h->raw, &ret->partition))
                        return false;
                else if (sl_str_eqc(h->key, SL_REPLAY_ORIGIN "offset") && !sl_parse_i64(h->raw, &ret->offset))
                        return false;
                else if (sl_str_eqc(h->key, SL_REPLAY_TIMESTAMP) && !sl_parse_i64(h->raw, &ret->timestamp_ms))
                        return false;
        }
        return ret->topic.ptr && ret->topic.len && ret->partition >= 0 && ret->partition <= INT32_MAX && ret->offset >= 0;
}

static bool is_ours(struct sl_str name)
{
        return name.len >= sizeof(OURS) - 1 && memcmp(name.ptr, OURS, sizeof(OURS) - 1) == 0;
}

enum sl_rc sl_replay_restore(struct sl_consumer *c, struct sl_arena *arena, struct sl_record *rec, struct sl_err *err)
{
        struct original was;
        if (!read_original(rec, &was))
                return sl_fail(err, SL_E_REPLAY_ORIGIN,
                               "The record at %.*s-%d@%lld does not say where its original stood (" SL_REPLAY_ORIGIN
                               "topic, partition and offset): only sluice dlq replay writes to this topic",
                               SL_FMT(rec->topic), rec->partition, (long long)rec->offset);
        struct sl_read *read = sl_arena_alloc(arena, sizeof(*read));
        *read = (struct sl_read){rec->topic.ptr, rec->partition, rec->offset};
        const struct sl_header **own = sl_arena_alloc(arena, rec->header_count * sizeof(*own));
        uint32_t n = 0;
        for (uint32_t i = 0; i < rec->header_count; i++)
                if (!is_ours(rec->headers[i]->key))
                        own[n++] = rec->headers[i];
        rec->headers = own;
        rec->header_count = n;
        rec->read = read;
        rec->topic = sl_str_c(sl_consumer_intern(c, sl_arena_strndup(arena, was.topic.ptr, was.topic.len)));
        rec->partition = (int32_t)was.partition;
        rec->offset = was.offset;
        rec->timestamp_ms = was.timestamp_ms;
        rec->log_append_time = false;
        return SL_OK;
}
