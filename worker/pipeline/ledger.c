/* SPDX-License-Identifier: Apache-2.0 */
/* The ack ledger (see ledger.h). Does not know Kafka or the database: sequence numbers in, positions out. */
#include "pipeline/ledger.h"

#include <assert.h>
#include <stdlib.h>

#include "base/err.h"

static struct sl_ledger_entry *at(const struct sl_ledger *l, uint64_t seq)
{
        assert(seq >= l->head && seq < l->tail);
        return &l->ring[seq & (l->cap - 1)];
}

static void grow(struct sl_ledger *l)
{
        uint32_t cap = l->cap ? l->cap * 2 : 64;
        struct sl_ledger_entry *ring = sl_calloc(cap, sizeof(*ring));
        for (uint64_t seq = l->head; seq < l->tail; seq++)
                ring[seq & (cap - 1)] = l->ring[seq & (l->cap - 1)];
        free(l->ring);
        l->ring = ring;
        l->cap = cap;
}

uint64_t sl_ledger_open(struct sl_ledger *l)
{
        if (l->tail - l->head == l->cap)
                grow(l);
        l->tail++;
        *at(l, l->tail - 1) = (struct sl_ledger_entry){0};
        return l->tail - 1;
}

void sl_ledger_sent(struct sl_ledger *l, uint64_t seq)
{
        at(l, seq)->in_flight++;
}

void sl_ledger_delivered(struct sl_ledger *l, uint64_t seq)
{
        struct sl_ledger_entry *e = at(l, seq);
        assert(e->in_flight > 0);
        e->in_flight--;
}

void sl_ledger_close(struct sl_ledger *l, const struct sl_position *pos)
{
        struct sl_ledger_entry *e = at(l, l->tail - 1);
        assert(!e->closed);
        e->closed = true;
        if (pos) {
                e->has_position = true;
                e->position = *pos;
        }
}

void sl_ledger_settle(struct sl_ledger *l)
{
        for (uint64_t seq = l->head; seq < l->tail; seq++)
                if (at(l, seq)->closed)
                        at(l, seq)->in_flight = 0;
}

bool sl_ledger_take_prefix(struct sl_ledger *l, struct sl_position *ret)
{
        bool moved = false;
        for (; l->head < l->tail; l->head++) {
                const struct sl_ledger_entry *e = at(l, l->head);
                if (!e->closed || e->in_flight > 0)
                        break;
                if (e->has_position) {
                        *ret = e->position;
                        moved = true;
                }
        }
        return moved;
}

bool sl_ledger_empty(const struct sl_ledger *l)
{
        return l->head == l->tail;
}

void sl_ledger_free(struct sl_ledger *l)
{
        free(l->ring);
        *l = (struct sl_ledger){0};
}
