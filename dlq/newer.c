/* SPDX-License-Identifier: Apache-2.0 */
/* Newest position and LSN by key (see newer.h): an open hash table of 64-bit hashes. Two keys that share a hash would
 * be taken for one; of a million keys that happens once in 37 million runs. Does not know why it is asked. */
#include "dlq/newer.h"
#include <stdlib.h>
#include "base/map.h"

struct slot {
        uint64_t key;        /* 0 = free */
        int64_t offset, lsn; /* the highest seen; -1 = none */
};
struct sl_newer {
        struct slot *slots;
        size_t count, cap; /* cap: a power of two */
};

struct sl_newer *sl_newer_new(void)
{
        return sl_calloc(1, sizeof(struct sl_newer));
}

void sl_newer_free(struct sl_newer *n)
{
        if (!n)
                return;
        free(n->slots);
        free(n);
}

uint64_t sl_newer_key(const char *topic, int32_t partition, struct sl_str key)
{
        uint64_t h = sl_hash(topic, strlen(topic)) ^ ((uint64_t)(uint32_t)partition * 0xD6E8FEB86659FD93u);
        h = (h ^ sl_hash(key.ptr, key.len)) * 0x9E3779B97F4A7C15u;
        h ^= h >> 32;
        return h ? h : 1;
}

static struct slot *find(const struct sl_newer *n, uint64_t key)
{
        if (!n->cap)
                return NULL;
        size_t i = key & (n->cap - 1);
        while (n->slots[i].key && n->slots[i].key != key)
                i = (i + 1) & (n->cap - 1);
        return &n->slots[i];
}

static void grow(struct sl_newer *n)
{
        struct sl_newer bigger = {.cap = n->cap ? n->cap * 2 : 1024, .count = n->count};
        bigger.slots = sl_calloc(bigger.cap, sizeof(*bigger.slots));
        for (size_t i = 0; i < n->cap; i++)
                if (n->slots[i].key)
                        *find(&bigger, n->slots[i].key) = n->slots[i];
        free(n->slots);
        *n = bigger;
}

void sl_newer_put(struct sl_newer *n, uint64_t key)
{
        if (n->count * 4 >= n->cap * 3)
                grow(n);
        struct slot *s = find(n, key);
        if (s->key)
                return;
        *s = (struct slot){key, -1, -1};
        n->count++;
}

static void look(struct sl_newer *n, const char *topic, const struct sl_kmsg *m)
{
        if (!m->key.ptr)
                return;
        struct slot *s = find(n, sl_newer_key(topic, m->partition, m->key));
        if (!s || !s->key)
                return;
        struct sl_dlq_origin at = sl_dlq_position(topic, m->partition, m->offset, m->headers, m->header_count);
        int64_t lsn = sl_dlq_lsn(m->value);
        /* A copy of another topic's record says nothing about the order here. */
        if (sl_str_eqc(at.topic, topic) && at.partition == m->partition && at.offset > s->offset)
                s->offset = at.offset;
        if (lsn > s->lsn)
                s->lsn = lsn;
}

enum sl_rc sl_newer_read(struct sl_newer *n, const struct sl_reader_opts *opts, struct sl_err *err)
{
        struct sl_reader *r;
        const struct sl_kmsg *messages;
        uint32_t count;

        SL_TRY(sl_reader_open(opts, &r, err));
        enum sl_rc rc;
        while ((rc = sl_reader_next(r, &messages, &count, err)) == SL_OK && count)
                for (uint32_t i = 0; i < count; i++)
                        look(n, opts->topic, &messages[i]);
        sl_reader_close(r);
        return rc;
}

bool sl_newer_than(const struct sl_newer *n, uint64_t key, int64_t offset, int64_t lsn)
{
        const struct slot *s = find(n, key);
        if (!s || !s->key)
                return false;
        return lsn >= 0 && s->lsn >= 0 ? s->lsn > lsn : offset >= 0 && s->offset > offset;
}
