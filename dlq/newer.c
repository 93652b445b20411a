/* SPDX-License-Identifier: Apache-2.0 */
/* Newest position and LSN by key (see newer.h): an open hash table of numbers of keys, which are compared byte for
 * byte, so a record is never closed because of another key's. Does not know why it is asked. */
#include "dlq/newer.h"
#include <stdlib.h>
#include "base/arena.h"
#include "base/map.h"

struct watched {
        uint64_t hash;
        const char *topic;   /* borrowed */
        struct sl_str key;   /* in bytes */
        int64_t offset, lsn; /* the highest seen; -1 = none */
        int32_t partition;
};
struct sl_newer {
        struct watched *keys;
        uint32_t *slots; /* 1 + index into keys; 0 = free */
        uint32_t count, cap;
        size_t slot_count; /* a power of two */
        struct sl_arena bytes, scratch;
        struct sl_dlq_decode *decode;
};

struct sl_newer *sl_newer_new(struct sl_dlq_decode *decode)
{
        struct sl_newer *n = sl_calloc(1, sizeof(*n));
        n->decode = decode;
        return n;
}

void sl_newer_free(struct sl_newer *n)
{
        if (!n)
                return;
        free(n->keys);
        free(n->slots);
        sl_arena_free(&n->bytes);
        sl_arena_free(&n->scratch);
        free(n);
}

static uint64_t hash_of(int32_t partition, struct sl_str key)
{
        uint64_t h = (sl_hash(key.ptr, key.len) ^ (uint32_t)partition) * 0x9E3779B97F4A7C15u;
        return h ^ h >> 32;
}

/* The slot that has the key, or the free one where it belongs. */
static uint32_t *find(const struct sl_newer *n, uint64_t hash, const char *topic, int32_t partition, struct sl_str key)
{
        for (size_t i = hash;; i++) {
                uint32_t *slot = &n->slots[i & (n->slot_count - 1)];
                if (!*slot)
                        return slot;
                const struct watched *w = &n->keys[*slot - 1];
                if (w->hash == hash && w->partition == partition && sl_str_eq(w->key, key) &&
                    strcmp(w->topic, topic) == 0)
                        return slot;
        }
}

static void grow(struct sl_newer *n)
{
        n->cap = n->cap ? n->cap * 2 : 512;
        n->slot_count = (size_t)n->cap * 2;
        n->keys = sl_realloc(n->keys, n->cap * sizeof(*n->keys));
        free(n->slots);
        n->slots = sl_calloc(n->slot_count, sizeof(*n->slots));
        for (uint32_t k = 0; k < n->count; k++) {
                size_t i = n->keys[k].hash & (n->slot_count - 1);
                while (n->slots[i])
                        i = (i + 1) & (n->slot_count - 1);
                n->slots[i] = k + 1;
        }
}

uint32_t sl_newer_watch(struct sl_newer *n, const char *topic, int32_t partition, struct sl_str key)
{
        uint64_t hash = hash_of(partition, key);
        if (n->count == n->cap)
                grow(n);
        uint32_t *slot = find(n, hash, topic, partition, key);
        if (!*slot) {
                struct sl_str copy = {sl_arena_strndup(&n->bytes, key.ptr, key.len), key.len};
                n->keys[n->count++] = (struct watched){hash, topic, copy, -1, -1, partition};
                *slot = n->count;
        }
        return *slot;
}

enum sl_rc sl_newer_lsn(struct sl_dlq_decode *decode, struct sl_str topic, struct sl_str value, struct sl_arena *arena,
                        int64_t *ret, struct sl_err *err)
{
        struct sl_str text;
        SL_TRY(sl_dlq_decode_text(decode, topic, value, arena, &text, NULL, err));
        *ret = sl_dlq_lsn(text);
        return SL_OK;
}

enum sl_rc sl_newer_see(struct sl_newer *n, const char *topic, const struct sl_kmsg *m, struct sl_err *err)
{
        int64_t lsn;
        if (!m->key.ptr || !n->count)
                return SL_OK;
        uint32_t number = *find(n, hash_of(m->partition, m->key), topic, m->partition, m->key);
        if (!number)
                return SL_OK;
        struct watched *w = &n->keys[number - 1];
        struct sl_dlq_origin at = sl_dlq_position(topic, m->partition, m->offset, m->headers, m->header_count);
        sl_arena_reset(&n->scratch);
        SL_TRY(sl_newer_lsn(n->decode, sl_str_c(topic), m->value, &n->scratch, &lsn, err));
        /* A copy of another topic's record says nothing about the order here. */
        if (sl_str_eqc(at.topic, topic) && at.partition == m->partition && at.offset > w->offset)
                w->offset = at.offset;
        if (lsn > w->lsn)
                w->lsn = lsn;
        return SL_OK;
}

enum sl_rc sl_newer_read(struct sl_newer *n, const struct sl_reader_opts *opts, struct sl_err *err)
{
        struct sl_reader *r;
        const struct sl_kmsg *messages;
        uint32_t count;

        SL_TRY(sl_reader_open(opts, &r, err));
        enum sl_rc rc = SL_OK;
        while (rc == SL_OK && (rc = sl_reader_next(r, &messages, &count, err)) == SL_OK && count)
                for (uint32_t i = 0; i < count && rc == SL_OK; i++)
                        rc = sl_newer_see(n, opts->topic, &messages[i], err);
        sl_reader_close(r);
        return rc;
}

bool sl_newer_than(const struct sl_newer *n, uint32_t number, int64_t offset, int64_t lsn)
{
        const struct watched *w = &n->keys[number - 1];
        return lsn >= 0 && w->lsn >= 0 ? w->lsn > lsn : offset >= 0 && w->offset > offset;
}
