/* SPDX-License-Identifier: Apache-2.0 */
/* What waits (see waiting.h): a binary heap by time. */
#include "dlq/waiting.h"
#include <stdio.h>
#include <stdlib.h>

int64_t sl_wait_when(const struct sl_wait_entry *e)
{
        return !e->signal && e->due_ms < e->expires_ms ? e->due_ms : e->expires_ms;
}

static void sink(struct sl_waiting *w, size_t i)
{
        struct sl_wait_entry e = w->items[i];
        for (;;) {
                size_t child = 2 * i + 1;
                if (child >= w->count)
                        break;
                if (child + 1 < w->count && sl_wait_when(&w->items[child + 1]) < sl_wait_when(&w->items[child]))
                        child++;
                if (sl_wait_when(&e) <= sl_wait_when(&w->items[child]))
                        break;
                w->items[i] = w->items[child];
                i = child;
        }
        w->items[i] = e;
}

void sl_waiting_push(struct sl_waiting *w, const struct sl_wait_entry *e)
{
        struct sl_wait_entry copy = *e;
        if (w->count == w->cap) {
                w->cap = w->cap ? w->cap * 2 : 64;
                w->items = sl_realloc(w->items, w->cap * sizeof(*w->items));
        }
        size_t i = w->count++;
        while (i && sl_wait_when(&copy) < sl_wait_when(&w->items[(i - 1) / 2])) {
                w->items[i] = w->items[(i - 1) / 2];
                i = (i - 1) / 2;
        }
        w->items[i] = copy;
}

bool sl_waiting_pop(struct sl_waiting *w, int64_t now_ms, struct sl_wait_entry *ret)
{
        if (sl_waiting_next(w) > now_ms)
                return false;
        *ret = w->items[0];
        w->items[0] = w->items[--w->count];
        if (w->count)
                sink(w, 0);
        return true;
}

int64_t sl_waiting_next(const struct sl_waiting *w)
{
        return w->count ? sl_wait_when(&w->items[0]) : INT64_MAX;
}

size_t sl_waiting_signal(struct sl_waiting *w, uint16_t signal, int64_t due_ms)
{
        size_t n = 0;
        for (size_t i = 0; i < w->count; i++)
                if (w->items[i].signal == signal) {
                        w->items[i].signal = 0;
                        if (w->items[i].due_ms < due_ms)
                                w->items[i].due_ms = due_ms;
                        n++;
                }
        for (size_t i = n ? w->count / 2 : 0; i-- > 0;)
                sink(w, i);
        return n;
}

void sl_waiting_free(struct sl_waiting *w)
{
        free(w->items);
        *w = (struct sl_waiting){0};
}

/* --- Seen ------------------------------------------------------------------------------------------------------------ */

/* The first run of the partition that ends behind the offset, or where it would stand. */
static size_t find(const struct sl_seen *s, int32_t partition, int64_t offset)
{
        size_t low = 0, high = s->count;
        while (low < high) {
                size_t mid = (low + high) / 2;
                const struct sl_seen_run *r = &s->runs[mid];
                if (r->partition < partition || (r->partition == partition && r->end <= offset))
                        low = mid + 1;
                else
                        high = mid;
        }
        return low;
}

static void remove_at(struct sl_seen *s, size_t i, size_t n)
{
        memmove(s->runs + i, s->runs + i + n, (s->count - i - n) * sizeof(*s->runs));
        s->count -= n;
}

/* Two neighbours whose times lie closest become one. */
static void merge(struct sl_seen *s)
{
        size_t best = SIZE_MAX;
        int64_t least = INT64_MAX;
        for (size_t i = 0; i + 1 < s->count; i++) {
                int64_t apart = s->runs[i + 1].at_ms - s->runs[i].at_ms;
                if (s->runs[i].partition == s->runs[i + 1].partition && apart < least) {
                        best = i;
                        least = apart;
                }
        }
        if (best != SIZE_MAX)
                remove_at(s, best, 1);
}

bool sl_seen_add(struct sl_seen *s, int32_t partition, int64_t end, int64_t now_ms)
{
        size_t at = find(s, partition, end - 1);
        if (end <= 0 || (at < s->count && s->runs[at].partition == partition))
                return false;
        if (s->count == s->cap) {
                s->cap = s->cap ? s->cap * 2 : 16;
                s->runs = sl_realloc(s->runs, s->cap * sizeof(*s->runs));
        }
        memmove(s->runs + at + 1, s->runs + at, (s->count - at) * sizeof(*s->runs));
        s->runs[at] = (struct sl_seen_run){.end = end, .at_ms = now_ms, .partition = partition};
        if (++s->count > SL_SEEN_MAX)
                merge(s);
        return true;
}

int64_t sl_seen_at(const struct sl_seen *s, int32_t partition, int64_t offset)
{
        size_t at = find(s, partition, offset);
        return at < s->count && s->runs[at].partition == partition ? s->runs[at].at_ms : -1;
}

void sl_seen_prune(struct sl_seen *s, int32_t partition, int64_t offset)
{
        size_t first = find(s, partition, -1), keep = find(s, partition, offset);
        if (keep > first && (keep == s->count || s->runs[keep].partition != partition))
                keep--; /* the last one says what was seen at all */
        if (keep > first)
                remove_at(s, first, keep - first);
}

json_t *sl_seen_json(const struct sl_seen *s)
{
        json_t *obj = json_object(), *list = NULL;
        for (size_t i = 0; i < s->count; i++) {
                const struct sl_seen_run *r = &s->runs[i];
                if (!i || s->runs[i - 1].partition != r->partition) {
                        char name[16];
                        snprintf(name, sizeof(name), "%d", r->partition);
                        list = json_array();
                        json_object_set_new(obj, name, list);
                }
                json_array_append_new(list, json_pack("[I, I]", (json_int_t)r->end, (json_int_t)r->at_ms));
        }
        return obj;
}

void sl_seen_load(struct sl_seen *s, const json_t *obj)
{
        const char *name;
        json_t *list, *run;
        size_t i;
        s->count = 0;
        json_object_foreach((json_t *)obj, name, list) {
                int64_t partition;
                if (!sl_parse_i64(sl_str_c(name), &partition) || partition < 0 || partition > INT32_MAX)
                        continue;
                json_array_foreach(list, i, run)
                        (void)sl_seen_add(s, (int32_t)partition, json_integer_value(json_array_get(run, 0)),
                                          json_integer_value(json_array_get(run, 1)));
        }
}

void sl_seen_free(struct sl_seen *s)
{
        free(s->runs);
        *s = (struct sl_seen){0};
}

/* --- A set ----------------------------------------------------------------------------------------------------------- */

static size_t slot_of(const struct sl_idset *s, uint64_t id)
{
        size_t i = (id ^ id >> 32) & (s->cap - 1);
        while (s->slots[i] && s->slots[i] != id)
                i = (i + 1) & (s->cap - 1);
        return i;
}

bool sl_idset_has(const struct sl_idset *s, uint64_t id)
{
        return id && s->cap && s->slots[slot_of(s, id)] == id;
}

bool sl_idset_add(struct sl_idset *s, uint64_t id)
{
        if (!id)
                return false;
        if (s->count * 2 >= s->cap) {
                struct sl_idset big = {.cap = s->cap ? s->cap * 2 : 64, .count = s->count};
                big.slots = sl_calloc(big.cap, sizeof(*big.slots));
                for (size_t i = 0; i < s->cap; i++)
                        if (s->slots[i])
                                big.slots[slot_of(&big, s->slots[i])] = s->slots[i];
                free(s->slots);
                *s = big;
        }
        size_t at = slot_of(s, id);
        if (s->slots[at])
                return false;
        s->slots[at] = id;
        s->count++;
        return true;
}

void sl_idset_free(struct sl_idset *s)
{
        free(s->slots);
        *s = (struct sl_idset){0};
}
