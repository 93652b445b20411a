/* SPDX-License-Identifier: Apache-2.0 */
/* Originals of pointers (see fetch.h). Wanted places are sorted; of each partition those that lie close together are
 * read as one range, all partitions of a topic side by side. What stands at a place may be another record by now, when
 * the topic was deleted and made again: one that is younger than the dead letter is not taken. */
#include "dlq/fetch.h"
#include <stdlib.h>
#include "base/str.h"

#define ASK_MS 15000
#define NEAR 2000       /* offsets: to read over so many is cheaper than to begin anew */
#define CLOCKS_MS 60000 /* by so much a producer's clock may be ahead of the broker's */
#define HOP "__sluice.dlq.hop"

static const char *const no_topic = "its original topic does not exist, and the dead letter has only coordinates";
static const char *const no_rights = "its original topic can't be read, and the dead letter has only coordinates";
static const char *const no_record = "its original is no longer in its topic, and the dead letter has only coordinates";
static const char *const no_place = "the dead-letter topic has only its coordinates, and not all of them";
static const char *const another =
        "another record stands where its original stood, and the dead letter has only coordinates";

/* Pointers in the order of where they point. */
static int by_place(const void *a, const void *b)
{
        const struct sl_dlq_origin *x = &(*(struct sl_dlq_item *const *)a)->origin;
        const struct sl_dlq_origin *y = &(*(struct sl_dlq_item *const *)b)->origin;
        size_t n = x->topic.len < y->topic.len ? x->topic.len : y->topic.len;
        int c = memcmp(x->topic.ptr, y->topic.ptr, n);
        if (c || x->topic.len != y->topic.len)
                return c ? c : x->topic.len < y->topic.len ? -1 : 1;
        if (x->partition != y->partition)
                return x->partition < y->partition ? -1 : 1;
        return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static struct sl_str copied(struct sl_arena *arena, struct sl_str s)
{
        return s.ptr ? (struct sl_str){sl_arena_strndup(arena, s.ptr, s.len), s.len} : s;
}

static void fill(struct sl_dlq_item *it, const struct sl_kmsg *m, struct sl_arena *arena)
{
        int64_t n;
        if (m->timestamp_ms >= 0 && it->timestamp_ms >= 0 && m->timestamp_ms > it->timestamp_ms + CLOCKS_MS) {
                it->missing = another;
                return;
        }
        it->fetched = true;
        it->key = copied(arena, m->key);
        it->value = it->payload = copied(arena, m->value);
        it->origin.timestamp_ms = m->timestamp_ms;
        /* Its own headers, then what the dead letter says: the last of a name counts. */
        struct sl_kheader *all = sl_arena_alloc(arena, (m->header_count + it->header_count) * sizeof(*all));
        for (uint32_t i = 0; i < m->header_count; i++) {
                all[i].key = copied(arena, m->headers[i].key);
                all[i].value = copied(arena, m->headers[i].value);
                if (!sl_parse_i64(all[i].value, &n) || n <= 0)
                        continue;
                if (sl_str_eqc(all[i].key, HOP) && n < INT32_MAX)
                        it->hops = (int32_t)n;
                else if (sl_str_eqc(all[i].key, SL_DLQ_RETRY) && n < INT32_MAX)
                        it->retries = (int32_t)n;
                else if (sl_str_eqc(all[i].key, SL_DLQ_FIRST))
                        it->first_ms = n;
        }
        if (it->header_count)
                memcpy(all + m->header_count, it->headers, it->header_count * sizeof(*all));
        it->headers = all;
        it->header_count += m->header_count;
}

/* A record that was read: whose original it is. Several may point at one. */
static void take(struct sl_dlq_item **want, uint32_t n, const struct sl_kmsg *m, struct sl_arena *arena)
{
        uint32_t low = 0, high = n;
        while (low < high) {
                uint32_t mid = (low + high) / 2;
                const struct sl_dlq_origin *o = &want[mid]->origin;
                if (o->partition < m->partition || (o->partition == m->partition && o->offset < m->offset))
                        low = mid + 1;
                else
                        high = mid;
        }
        for (; low < n && want[low]->origin.partition == m->partition && want[low]->origin.offset == m->offset; low++)
                fill(want[low], m, arena);
}

/* The next stretch of each partition, from the first place that was not read yet. read: which were. */
static uint32_t stretches(struct sl_dlq_item *const *want, uint32_t n, bool *read, struct sl_reader_part *ret)
{
        uint32_t count = 0;
        for (uint32_t i = 0; i < n; i++) {
                const struct sl_dlq_origin *o = &want[i]->origin;
                struct sl_reader_part *last = count ? &ret[count - 1] : NULL;
                bool same = last && last->id == o->partition;
                if (read[i] || (same && o->offset - last->end > NEAR))
                        continue;
                if (!same) {
                        last = &ret[count++];
                        *last = (struct sl_reader_part){.id = o->partition, .begin = o->offset};
                }
                last->end = o->offset + 1;
                read[i] = true;
        }
        return count;
}

static enum sl_rc read_ranges(const struct sl_reader_opts *opts, struct sl_dlq_item **want, uint32_t n,
                              struct sl_arena *arena, struct sl_err *err)
{
        struct sl_reader *r;
        const struct sl_kmsg *messages;
        uint32_t count;
        enum sl_rc rc;
        SL_TRY(sl_reader_open(opts, &r, err));
        while ((rc = sl_reader_next(r, &messages, &count, err)) == SL_OK && count)
                for (uint32_t i = 0; i < count; i++)
                        take(want, n, &messages[i], arena);
        sl_reader_close(r);
        return rc;
}

static enum sl_rc of_topic(const struct sl_reader_opts *from, struct sl_dlq_item **want, uint32_t n,
                           struct sl_arena *arena, struct sl_err *err)
{
        struct sl_reader_opts opts = *from;
        int32_t partitions = 0;
        uint32_t there = 0;
        opts.topic = sl_arena_strndup(arena, want[0]->origin.topic.ptr, want[0]->origin.topic.len);
        SL_TRY(sl_admin_topic_partitions(from->admin, opts.topic, ASK_MS, &partitions, err));
        for (uint32_t i = 0; i < n; i++)
                want[i]->missing = partitions ? no_record : no_topic;
        while (there < n && want[there]->origin.partition < partitions)
                there++;
        struct sl_reader_part *ranges = sl_arena_alloc(arena, (there + 1) * sizeof(*ranges));
        bool *read = sl_arena_zalloc(arena, there + 1);
        opts.ranges = ranges;
        while ((opts.range_count = stretches(want, there, read, ranges)))
                SL_TRY(read_ranges(&opts, want, there, arena, err));
        return SL_OK;
}

enum sl_rc sl_dlq_fetch(const struct sl_reader_opts *from, struct sl_dlq_item *items, uint32_t n,
                        struct sl_arena *arena, struct sl_err *err)
{
        struct sl_dlq_item **want = sl_arena_alloc(arena, (n + 1) * sizeof(struct sl_dlq_item *));
        uint32_t count = 0;
        for (uint32_t i = 0; i < n; i++) {
                struct sl_dlq_item *it = &items[i];
                if (!it->pointer)
                        continue;
                it->missing = no_place;
                if (it->origin.topic.ptr && it->origin.partition >= 0 && it->origin.offset >= 0)
                        want[count++] = it;
        }
        if (count)
                qsort(want, count, sizeof(*want), by_place);
        for (uint32_t i = 0, k; i < count; i = k) {
                struct sl_err why = {0};
                for (k = i + 1; k < count && sl_str_eq(want[k]->origin.topic, want[i]->origin.topic); k++)
                        ;
                enum sl_rc rc = of_topic(from, want + i, k - i, arena, &why);
                if (rc == SL_TRANSIENT) {
                        if (err && err->id == SL_E_NONE)
                                *err = why;
                        return rc;
                }
                for (uint32_t j = i; rc != SL_OK && j < k; j++)
                        if (!want[j]->fetched)
                                want[j]->missing = no_rights;
        }
        return SL_OK;
}
