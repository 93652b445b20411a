/* SPDX-License-Identifier: Apache-2.0 */
/* Search of origins by content (see origin.h). Memory is 72 bytes a dead letter without origin. */
#include "dlq/origin.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/map.h"
#include "dlq/usual.h"

struct lost {
        uint64_t key_hash, value_hash;
        int64_t timestamp_ms; /* -1: the topic's own, says nothing */
        int64_t offset;       /* in the dead-letter topic */
        int32_t partition;
        /* Found with the same timestamp, and with another. */
        uint32_t exact, loose;
        uint16_t exact_topic, loose_topic;
        int32_t exact_partition, loose_partition;
        int64_t exact_offset, loose_offset;
};
struct sl_dlq_found {
        struct sl_arena arena;
        const char **topics;
        struct sl_dlq_usual *usual; /* one a topic; NULL = not asked for */
        struct lost *items;
        uint32_t count, cap;
        uint32_t *slots; /* index + 1, by content: of equal ones any */
        uint32_t mask;
};

bool sl_dlq_named_after(const char *topic, char *out, size_t n)
{
        static const char *const ends[] = {"-dlt", ".DLT", "-dlq", ".dlq", "-dead-letters", "-dead-letter", ".DLQ", "_dlq"};
        size_t len = strlen(topic);
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
                size_t k = strlen(ends[i]);
                if (len > k && strcmp(topic + len - k, ends[i]) == 0)
                        return (size_t)snprintf(out, n, "%.*s", (int)(len - k), topic) < n;
        }
        return strncmp(topic, "dlq.", 4) == 0 && topic[4] && (size_t)snprintf(out, n, "%s", topic + 4) < n;
}

/* null and empty differ. */
static uint64_t hash_of(struct sl_str s)
{
        return s.ptr ? sl_hash(s.ptr, s.len) ^ s.len : 0x5EED;
}

static void add(struct sl_dlq_found *f, const struct sl_dlq_item *it)
{
        if (f->count == f->cap) {
                f->cap = f->cap ? f->cap * 2 : 1024;
                f->items = sl_realloc(f->items, f->cap * sizeof(*f->items));
        }
        f->items[f->count++] = (struct lost){.key_hash = hash_of(it->key),
                                             .value_hash = hash_of(it->payload),
                                             .timestamp_ms = it->log_append_time ? -1 : it->timestamp_ms,
                                             .partition = it->partition,
                                             .offset = it->offset};
}

static uint32_t first_slot(const struct sl_dlq_found *f, uint64_t key, uint64_t value)
{
        return (uint32_t)((value ^ (key * 0x9E3779B97F4A7C15u)) >> 24) & f->mask;
}

static void index_all(struct sl_dlq_found *f)
{
        f->mask = 1023;
        while (f->mask < f->count * 2)
                f->mask = f->mask * 2 + 1;
        f->slots = sl_calloc((size_t)f->mask + 1, sizeof(*f->slots));
        for (uint32_t i = 0; i < f->count; i++) {
                uint32_t s = first_slot(f, f->items[i].key_hash, f->items[i].value_hash);
                while (f->slots[s])
                        s = (s + 1) & f->mask;
                f->slots[s] = i + 1;
        }
}

/* One record of a topic: whom it may have been. False: none that failed. */
static bool look_at(struct sl_dlq_found *f, uint16_t topic, const struct sl_kmsg *m)
{
        uint64_t key = hash_of(m->key), value = hash_of(m->value);
        bool failed = false;
        for (uint32_t s = first_slot(f, key, value); f->slots[s]; s = (s + 1) & f->mask) {
                struct lost *l = &f->items[f->slots[s] - 1];
                if (l->key_hash != key || l->value_hash != value)
                        continue;
                failed = true;
                if (l->timestamp_ms >= 0 && l->timestamp_ms == m->timestamp_ms) {
                        l->exact++;
                        l->exact_topic = topic;
                        l->exact_partition = m->partition;
                        l->exact_offset = m->offset;
                } else {
                        l->loose++;
                        l->loose_topic = topic;
                        l->loose_partition = m->partition;
                        l->loose_offset = m->offset;
                }
        }
        return failed;
}

static enum sl_rc collect(const struct sl_dlq_scan_opts *scan, struct sl_dlq_found *f, struct sl_err *err)
{
        struct sl_dlq_scan_opts opts = *scan;
        struct sl_dlq_scan *s = NULL;
        struct sl_dlq_item *items;
        uint32_t n = 1;
        opts.improve = NULL;
        SL_TRY(sl_dlq_scan_open(&opts, &s, err));
        enum sl_rc rc = SL_OK;
        while (rc == SL_OK && n) {
                rc = sl_dlq_scan_next(s, &items, &n, err);
                for (uint32_t i = 0; rc == SL_OK && i < n; i++)
                        if (!items[i].origin.topic.ptr && !items[i].pointer)
                                add(f, &items[i]);
        }
        sl_dlq_scan_close(s);
        return rc;
}

static enum sl_rc search(const struct sl_dlq_scan_opts *scan, struct sl_dlq_found *f, uint16_t topic, struct sl_err *err)
{
        struct sl_reader_opts opts = {.cfg = scan->cfg, .admin = scan->admin, .client_id = "sluice-dlq-origin", .topic = f->topics[topic],
                                      .no_headers = true, .stop = scan->stop};
        struct sl_reader *r = NULL;
        const struct sl_kmsg *m;
        int32_t partitions = 0;
        uint32_t n = 1;
        SL_TRY(sl_admin_topic_partitions(scan->admin, f->topics[topic], 30000, &partitions, err));
        if (partitions <= 0)
                return SL_OK;
        SL_TRY(sl_reader_open(&opts, &r, err));
        enum sl_rc rc = SL_OK;
        while (rc == SL_OK && n) {
                rc = sl_reader_next(r, &m, &n, err);
                for (uint32_t i = 0; rc == SL_OK && i < n; i++)
                        if (!look_at(f, topic, &m[i]) && f->usual)
                                sl_dlq_usual_add(&f->usual[topic], m[i].value, &f->arena);
        }
        sl_reader_close(r);
        return rc;
}

static int by_place(const void *a, const void *b)
{
        const struct lost *x = a, *y = b;
        if (x->partition != y->partition)
                return x->partition < y->partition ? -1 : 1;
        return x->offset < y->offset ? -1 : x->offset > y->offset;
}

enum sl_rc sl_dlq_origin_search(const struct sl_dlq_scan_opts *scan, const char *const *topics, bool usual, struct sl_dlq_found **ret,
                                struct sl_err *err)
{
        struct sl_dlq_found *f = sl_calloc(1, sizeof(*f));
        uint16_t n = 0;
        while (topics[n] && n < UINT16_MAX)
                n++;
        f->topics = sl_arena_zalloc(&f->arena, (n + 1u) * sizeof(*f->topics));
        f->usual = usual ? sl_calloc(n, sizeof(*f->usual)) : NULL;
        for (uint16_t i = 0; i < n; i++) {
                f->topics[i] = sl_arena_strdup(&f->arena, topics[i]);
                if (usual)
                        f->usual[i].topic = f->topics[i];
        }
        enum sl_rc rc = collect(scan, f, err);
        if (rc == SL_OK && f->count)
                index_all(f);
        for (uint16_t i = 0; i < n && f->count && rc == SL_OK; i++)
                if (strcmp(f->topics[i], scan->topic) != 0)
                        rc = search(scan, f, i, err);
        if (rc != SL_OK) {
                sl_dlq_found_free(f);
                return rc;
        }
        if (f->count)
                qsort(f->items, f->count, sizeof(*f->items), by_place);
        free(f->slots);
        f->slots = NULL;
        *ret = f;
        return SL_OK;
}

static bool is_found(const struct lost *l)
{
        return l->exact == 1 || (!l->exact && l->loose == 1);
}

static uint16_t topic_at(struct sl_dlq_found *f, const char *name)
{
        uint16_t n = 0;
        for (; f->topics[n]; n++)
                if (strcmp(f->topics[n], name) == 0)
                        return n;
        const char **topics = sl_arena_zalloc(&f->arena, (n + 2u) * sizeof(*topics));
        memcpy(topics, f->topics, n * sizeof(*topics));
        topics[n] = sl_arena_strdup(&f->arena, name);
        f->topics = topics;
        return n;
}

void sl_dlq_found_join(struct sl_dlq_found **all, struct sl_dlq_found *more)
{
        struct sl_dlq_found *f = *all;
        if (!f) {
                f = *all = sl_calloc(1, sizeof(*f));
                f->topics = sl_arena_zalloc(&f->arena, sizeof(*f->topics));
        }
        f->cap = f->count + more->count;
        if (f->cap)
                f->items = sl_realloc(f->items, f->cap * sizeof(*f->items));
        for (uint32_t i = 0; i < more->count; i++) {
                struct lost l = more->items[i];
                if (!is_found(&l))
                        continue;
                l.exact_topic = topic_at(f, more->topics[l.exact_topic]);
                l.loose_topic = topic_at(f, more->topics[l.loose_topic]);
                f->items[f->count++] = l;
        }
        if (f->count)
                qsort(f->items, f->count, sizeof(*f->items), by_place);
        sl_dlq_found_free(more);
}

void sl_dlq_origin_apply(const struct sl_dlq_found *f, struct sl_dlq_item *it)
{
        struct lost key = {.partition = it->partition, .offset = it->offset};
        if (it->origin.topic.ptr || !f->count)
                return;
        const struct lost *l = bsearch(&key, f->items, f->count, sizeof(*f->items), by_place);
        if (!l || !is_found(l))
                return;
        bool exact = l->exact == 1;
        it->origin.topic = sl_str_c(f->topics[exact ? l->exact_topic : l->loose_topic]);
        it->origin.partition = exact ? l->exact_partition : l->loose_partition;
        it->origin.offset = exact ? l->exact_offset : l->loose_offset;
        it->origin.how = "content";
}

void sl_dlq_origin_judge(const struct sl_dlq_found *f, struct sl_dlq_item *it, struct sl_arena *arena)
{
        for (uint32_t i = 0; f->usual && f->topics[i]; i++)
                if (it->origin.topic.ptr ? sl_str_eqc(it->origin.topic, f->topics[i]) : !f->topics[1]) {
                        sl_dlq_usual_judge(&f->usual[i], it, arena);
                        return;
                }
}

void sl_dlq_found_free(struct sl_dlq_found *f)
{
        if (!f)
                return;
        sl_arena_free(&f->arena);
        free(f->usual);
        free(f->items);
        free(f->slots);
        free(f);
}
