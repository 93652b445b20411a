/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of dead letters (see groups.h): a hash table by fingerprint; memory goes with the number of groups, not of records. */
#include "dlq/groups.h"
#include <stdlib.h>
#include "base/arena.h"

#define TEXT_BYTES 400

struct sl_dlq_groups {
        struct sl_arena arena;
        struct sl_dlq_group *groups;
        uint32_t count, cap;
        uint32_t *slots; /* index + 1 */
        uint32_t nslots;
};

struct sl_dlq_groups *sl_dlq_groups_new(void)
{
        struct sl_dlq_groups *g = sl_calloc(1, sizeof(*g));
        sl_arena_init(&g->arena, 0);
        g->nslots = 256;
        g->slots = sl_calloc(g->nslots, sizeof(*g->slots));
        return g;
}

void sl_dlq_groups_free(struct sl_dlq_groups *g)
{
        if (!g)
                return;
        sl_arena_free(&g->arena);
        free(g->groups);
        free(g->slots);
        free(g);
}

static uint32_t *slot_of(const struct sl_dlq_groups *g, uint64_t fingerprint)
{
        uint32_t s = (uint32_t)(fingerprint >> 16) & (g->nslots - 1);
        while (g->slots[s] && g->groups[g->slots[s] - 1].fingerprint != fingerprint)
                s = (s + 1) & (g->nslots - 1);
        return &g->slots[s];
}

static void widen(struct sl_dlq_groups *g)
{
        free(g->slots);
        g->nslots *= 2;
        g->slots = sl_calloc(g->nslots, sizeof(*g->slots));
        for (uint32_t i = 0; i < g->count; i++)
                *slot_of(g, g->groups[i].fingerprint) = i + 1;
}

struct sl_str sl_dlq_groups_keep(struct sl_dlq_groups *g, struct sl_str s)
{
        size_t n = s.len < TEXT_BYTES ? s.len : TEXT_BYTES;
        return s.ptr ? (struct sl_str){sl_arena_strndup(&g->arena, s.ptr, n), n} : SL_STR_NULL;
}

static struct sl_dlq_group *begin(struct sl_dlq_groups *g, const struct sl_dlq_item *it)
{
        if (g->count == g->cap) {
                g->cap = g->cap ? g->cap * 2 : 64;
                g->groups = sl_realloc(g->groups, g->cap * sizeof(*g->groups));
        }
        if ((g->count + 1) * 2 > g->nslots)
                widen(g);
        struct sl_dlq_group *e = &g->groups[g->count++];
        *e = (struct sl_dlq_group){.fingerprint = it->fingerprint,
                                   .class = it->class,
                                   .code = it->code,
                                   .confidence = it->confidence,
                                   .first_ms = -1,
                                   .last_ms = -1,
                                   .partition = it->partition,
                                   .offset = it->offset,
                                   .stage = it->stage,
                                   .exception = sl_dlq_groups_keep(g, it->cause.ptr ? it->cause : it->exception),
                                   .message = sl_dlq_groups_keep(g, it->cause_message.ptr && it->cause_message.len ? it->cause_message : it->message),
                                   .connector = sl_dlq_groups_keep(g, it->connector),
                                   .topic = sl_dlq_groups_keep(g, it->origin.topic)};
        if (it->evidence_count)
                e->evidence = (struct sl_dlq_evidence){it->evidence[0].by, sl_dlq_groups_keep(g, it->evidence[0].what)};
        return e;
}

struct sl_dlq_group *sl_dlq_groups_add(struct sl_dlq_groups *g, const struct sl_dlq_item *it)
{
        uint32_t *slot = slot_of(g, it->fingerprint);
        struct sl_dlq_group *e = *slot ? &g->groups[*slot - 1] : NULL;
        if (!e) {
                e = begin(g, it);
                *slot_of(g, it->fingerprint) = g->count;
        }
        e->count++;
        if (it->timestamp_ms >= 0 && (e->first_ms < 0 || it->timestamp_ms < e->first_ms))
                e->first_ms = it->timestamp_ms;
        if (it->timestamp_ms > e->last_ms)
                e->last_ms = it->timestamp_ms;
        return e;
}

static int by_count(const void *a, const void *b)
{
        const struct sl_dlq_group *x = a, *y = b;
        if (x->count != y->count)
                return x->count > y->count ? -1 : 1;
        return x->fingerprint < y->fingerprint ? -1 : x->fingerprint > y->fingerprint;
}

const struct sl_dlq_group *sl_dlq_groups_sorted(struct sl_dlq_groups *g, uint32_t *ret_n)
{
        if (g->count)
                qsort(g->groups, g->count, sizeof(*g->groups), by_count);
        memset(g->slots, 0, g->nslots * sizeof(*g->slots));
        for (uint32_t i = 0; i < g->count; i++)
                *slot_of(g, g->groups[i].fingerprint) = i + 1;
        *ret_n = g->count;
        return g->groups;
}
