/* SPDX-License-Identifier: Apache-2.0 */
/* Did a topic grow since its records failed (see growth.h)? The guess from the dead letters' keys must be borne out by
 * the topic: the original of one still stands where it is said to, all partitions beyond the guess are younger, and
 * what lies in them was put there by key. Whoever chooses partitions by other rules is not taken for a grown topic. */
#include "dlq/growth.h"
#include <stdlib.h>

#define SAMPLE 200    /* records of the new partitions that are looked at */
#define PROOF_BITS 10 /* how unlikely a fit by chance must be while the new partitions are empty */
#define ASK_MS 15000

void sl_growth_begin(struct sl_growth *g, int32_t partitions)
{
        *g = (struct sl_growth){.now = partitions, .max = -1, .offset = -1};
        g->fits = sl_malloc(((size_t)partitions + 1) * sizeof(*g->fits));
        memset(g->fits, true, (size_t)partitions + 1);
}

void sl_growth_end(struct sl_growth *g)
{
        free(g->fits);
        *g = (struct sl_growth){0};
}

void sl_growth_see(struct sl_growth *g, int32_t partition, int64_t offset, uint32_t hash)
{
        g->seen++;
        if (partition > g->max)
                g->max = partition;
        g->partition = partition;
        g->offset = offset;
        g->hash = hash;
        for (int32_t n = 1; n <= g->now; n++)
                g->fits[n] = g->fits[n] && hash % (uint32_t)n == (uint32_t)partition;
}

/* The largest number below the present one that explains all keys; 0 = none. */
static int32_t guess(const struct sl_growth *g)
{
        if (!g->seen || g->fits[g->now])
                return 0;
        for (int32_t n = g->now - 1; n > g->max && n > 0; n--)
                if (g->fits[n])
                        return n;
        return 0;
}

/* The time of the original of a dead letter, -1 = it is not there, or another record is. */
static enum sl_rc time_of_original(const struct sl_growth *g, struct sl_reader_opts opts, int64_t *ret,
                                   struct sl_err *err)
{
        struct sl_reader_part range = {.id = g->partition, .begin = g->offset, .end = g->offset + 1};
        const struct sl_kmsg *m;
        struct sl_reader *r;
        uint32_t n;

        *ret = -1;
        opts.ranges = &range;
        opts.range_count = 1;
        SL_TRY(sl_reader_open(&opts, &r, err));
        enum sl_rc rc = sl_reader_next(r, &m, &n, err);
        if (rc == SL_OK && n && m->offset == g->offset && m->key.ptr && sl_kafka_key_hash(m->key) == g->hash)
                *ret = m->timestamp_ms;
        sl_reader_close(r);
        return rc;
}

/* Is everything in the partitions from n on younger than then_ms? */
static enum sl_rc all_younger(const struct sl_growth *g, const struct sl_reader_opts *opts, int32_t n, int64_t then_ms,
                              bool *ret, struct sl_err *err)
{
        uint32_t count = (uint32_t)(g->now - n);
        int32_t *ids = sl_calloc(count, sizeof(*ids));
        int64_t *at = sl_calloc((size_t)count * 3, sizeof(*at)), *low = at + count, *high = low + count;

        for (uint32_t i = 0; i < count; i++)
                ids[i] = n + (int32_t)i;
        enum sl_rc rc =
                sl_admin_list_offsets(opts->admin, opts->topic, ids, count, then_ms + 1, false, ASK_MS, at, err);
        if (rc == SL_OK)
                rc = sl_admin_list_offsets(opts->admin, opts->topic, ids, count, SL_AT_EARLIEST, false, ASK_MS, low,
                                           err);
        if (rc == SL_OK)
                rc = sl_admin_list_offsets(opts->admin, opts->topic, ids, count, SL_AT_LATEST, false, ASK_MS, high,
                                           err);
        *ret = true;
        for (uint32_t i = 0; i < count && rc == SL_OK; i++)
                *ret &= low[i] == 0 && (at[i] < 0 ? high[i] == 0 : at[i] == 0);
        free(ids);
        free(at);
        return rc;
}

/* How many records of the new partitions were looked at, and were all of them put there by key? */
static enum sl_rc look_at_new(const struct sl_growth *g, struct sl_reader_opts opts, int32_t n, uint32_t *ret_seen,
                              bool *ret_by_key, struct sl_err *err)
{
        struct sl_reader_part *ranges = sl_calloc((size_t)(g->now - n), sizeof(*ranges));
        const struct sl_kmsg *m;
        struct sl_reader *r;
        uint32_t count;

        *ret_seen = 0;
        *ret_by_key = true;
        for (int32_t i = n; i < g->now; i++)
                ranges[i - n] = (struct sl_reader_part){.id = i, .begin = -1, .end = SAMPLE};
        opts.ranges = ranges;
        opts.range_count = (uint32_t)(g->now - n);
        enum sl_rc rc = sl_reader_open(&opts, &r, err);
        if (rc == SL_OK) {
                while ((rc = sl_reader_next(r, &m, &count, err)) == SL_OK && count && *ret_seen < SAMPLE)
                        for (uint32_t i = 0; i < count; i++)
                                if (m[i].key.ptr) {
                                        ++*ret_seen;
                                        *ret_by_key &= sl_kafka_key_hash(m[i].key) % (uint32_t)g->now ==
                                                       (uint32_t)m[i].partition;
                                }
                sl_reader_close(r);
        }
        free(ranges);
        return rc;
}

enum sl_rc sl_growth_tell(const struct sl_growth *g, const struct sl_reader_opts *opts, int32_t *ret,
                          struct sl_err *err)
{
        int32_t n = guess(g);
        int64_t then_ms;
        uint32_t seen;
        bool good;

        *ret = g->now;
        if (!n)
                return SL_OK;
        SL_TRY(time_of_original(g, *opts, &then_ms, err));
        if (then_ms < 0)
                return SL_OK;
        SL_TRY(all_younger(g, opts, n, then_ms, &good, err));
        if (!good)
                return SL_OK;
        SL_TRY(look_at_new(g, *opts, n, &seen, &good, err));
        uint32_t bits = n > 1 ? (uint32_t)(31 - __builtin_clz((uint32_t)n)) : 0;
        if (good && (seen || (uint64_t)bits * g->seen >= PROOF_BITS))
                *ret = n;
        return SL_OK;
}
