/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over a dead-letter topic: records become items. Headers cost one look-up each; the texts of a failure are brought to their
 * shape in one pass, and everything that follows from a shape is remembered, because most records of a topic fail alike. */
#include "dlq/scan.h"
#include <stdlib.h>
#include "base/map.h"
#include "dlq/decode.h"
#include "dlq/fetch.h"
#include "dlq/internal.h"

struct sl_dlq_scan {
        struct sl_reader *reader;
        struct sl_dlq_scan_opts opts;
        struct sl_dlq_memo *memo;
        struct sl_arena arena; /* of the batch */
        struct sl_dlq_item *items;
        const struct sl_kmsg *rest; /* read, and not handed out yet */
        uint32_t rest_count, cap;
        uint64_t seen;
};

/* ---- verdicts by shape ---- */

#define MEMO_SLOTS 4096
#define MEMO_FULL 3000
struct memo_entry {
        uint64_t shape; /* 0 = free */
        uint64_t fingerprint;
        struct sl_dlq_verdict verdict;
};
struct sl_dlq_memo {
        struct sl_dlq_stacks *stacks;
        struct sl_dlq_messages texts;
        uint32_t count;
        struct memo_entry entries[MEMO_SLOTS];
};

struct sl_dlq_memo *sl_dlq_memo_new(void)
{
        struct sl_dlq_memo *m = sl_calloc(1, sizeof(*m));
        m->stacks = sl_dlq_stacks_new();
        return m;
}

void sl_dlq_memo_free(struct sl_dlq_memo *m)
{
        if (m)
                sl_dlq_stacks_free(m->stacks);
        free(m);
}

static struct memo_entry *memo_find(struct sl_dlq_memo *m, uint64_t shape)
{
        uint32_t s = (uint32_t)(shape >> 20) % MEMO_SLOTS;
        while (m->entries[s].shape && m->entries[s].shape != shape)
                s = (s + 1) % MEMO_SLOTS;
        return &m->entries[s];
}

/* ---- one record ---- */

void sl_dlq_item_parse(struct sl_dlq_item *it, const struct sl_kmsg *m, const struct sl_dlq_rules *rules, struct sl_arena *arena)
{
        memset(it, 0, sizeof(*it));
        it->partition = m->partition;
        it->offset = m->offset;
        it->timestamp_ms = m->timestamp_ms;
        it->log_append_time = m->log_append_time;
        it->key = m->key;
        it->value = it->payload = m->value;
        it->headers = m->headers;
        it->header_count = m->header_count;
        it->origin = (struct sl_dlq_origin){.partition = -1, .offset = -1, .timestamp_ms = -1};
        it->sets = 1;
        it->attempts = -1;
        if (m->header_count)
                sl_dlq_headers_read(it);
        if (it->family == SL_DLQ_PLAIN)
                sl_dlq_wrapper_read(it, arena);
        if (rules)
                sl_dlq_rules_origin(rules, it, arena);
}

static void set_verdict(struct sl_dlq_item *it, const struct sl_dlq_verdict *v)
{
        it->class = v->class;
        it->confidence = v->confidence;
        it->code = v->code;
        it->evidence_count = v->evidence_count;
        memcpy(it->evidence, v->evidence, sizeof(it->evidence));
}

static uint64_t fingerprint(uint64_t shape, enum sl_rc class, const char *code)
{
        uint64_t h = shape ^ (sl_hash(code, strlen(code)) + class) * 0x9E3779B97F4A7C15u;
        h = (h ^ h >> 32) * 0xBF58476D1CE4E5B9u;
        return h ^ h >> 29;
}

static void apply_rule(struct sl_dlq_item *it, const struct sl_dlq_rule *rule, uint64_t shape)
{
        it->rule = rule;
        it->class = rule->class;
        it->code = rule->code;
        it->confidence = 100;
        it->evidence[0] = (struct sl_dlq_evidence){SL_DLQ_BY_RULE, sl_str_c(rule->id)};
        it->evidence_count = 1;
        it->fingerprint = fingerprint(shape, rule->class, rule->code);
}

void sl_dlq_item_judge(struct sl_dlq_item *it, const struct sl_dlq_rules *rules, struct sl_dlq_memo *memo, struct sl_arena *arena)
{
        struct sl_dlq_link links[SL_DLQ_LINKS_MAX];
        uint32_t n = sl_dlq_chain(it, memo ? memo->stacks : NULL, links);
        if (n) {
                it->cause = links[n - 1].class;
                if (!it->exception.ptr)
                        it->exception = links[0].class;
                if (!it->message.ptr)
                        it->message = links[0].message;
                if (!it->cause_message.ptr && n > 1)
                        it->cause_message = links[n - 1].message;
        }
        uint64_t shape = sl_dlq_shape(it, memo ? &memo->texts : NULL, links, n) | 1;
        struct memo_entry *e = memo ? memo_find(memo, shape) : NULL;
        if (e && e->shape) {
                set_verdict(it, &e->verdict);
                it->fingerprint = e->fingerprint;
        } else {
                struct sl_dlq_verdict v;
                sl_dlq_classify(it, links, n, &v);
                set_verdict(it, &v);
                it->fingerprint = fingerprint(shape, v.class, v.code);
                if (e && memo->count < MEMO_FULL) {
                        *e = (struct memo_entry){shape, it->fingerprint, v};
                        memo->count++;
                }
        }
        const struct sl_dlq_rule *rule = rules ? sl_dlq_rules_match(rules, it, arena) : NULL;
        if (rule)
                apply_rule(it, rule, shape);
}

void sl_dlq_item_read(struct sl_dlq_item *it, const struct sl_kmsg *m, const struct sl_dlq_rules *rules, struct sl_arena *arena)
{
        sl_dlq_item_parse(it, m, rules, arena);
        sl_dlq_item_judge(it, rules, NULL, arena);
}

static void not_judged(struct sl_dlq_item *it)
{
        it->class = SL_UNKNOWN;
        it->code = "unknown";
}

/* ---- the pass ---- */

enum sl_rc sl_dlq_scan_open(const struct sl_dlq_scan_opts *opts, struct sl_dlq_scan **ret, struct sl_err *err)
{
        static const struct sl_dlq_filter all;
        struct sl_dlq_scan *s = sl_calloc(1, sizeof(*s));
        s->opts = *opts;
        if (!s->opts.filter)
                s->opts.filter = &all;
        const struct sl_dlq_filter *f = s->opts.filter;
        struct sl_reader_part parts[SL_DLQ_RANGES_MAX];
        uint32_t part_count = sl_dlq_filter_parts(f, parts);
        struct sl_reader_opts ro = {.cfg = opts->cfg,
                                    .admin = opts->admin,
                                    .client_id = "sluice-dlq",
                                    .topic = opts->topic,
                                    .ranges = opts->ranges ? opts->ranges : part_count ? parts : NULL,
                                    .range_count = opts->ranges ? opts->range_count : part_count,
                                    .since_ms = f->since_ms,
                                    .stop = opts->stop};
        sl_arena_init(&s->arena, 0);
        enum sl_rc rc = sl_reader_open(&ro, &s->reader, err);
        if (rc != SL_OK) {
                sl_dlq_scan_close(s);
                return rc;
        }
        s->memo = sl_dlq_memo_new();
        *ret = s;
        return SL_OK;
}

/* All of them at once: originals are read in stretches. */
static enum sl_rc fetch_originals(struct sl_dlq_scan *s, uint32_t n, struct sl_err *err)
{
        struct sl_reader_opts from = {
                .cfg = s->opts.cfg, .admin = s->opts.admin, .client_id = "sluice-dlq-originals", .stop = s->opts.stop};
        uint32_t pointers = 0;
        for (uint32_t i = 0; i < n; i++)
                pointers += s->items[i].pointer;
        return pointers && !s->opts.no_originals ? sl_dlq_fetch(&from, s->items, n, &s->arena, err) : SL_OK;
}

enum sl_rc sl_dlq_item_text(struct sl_dlq_decode *decode, const struct sl_dlq_filter *f, struct sl_dlq_item *it,
                            struct sl_arena *arena, struct sl_err *err)
{
        if (!decode || !f->where_count || it->binary_payload)
                return SL_OK;
        return sl_dlq_decode_text(decode, it->origin.topic, it->payload, arena, &it->text, NULL, err);
}

static enum sl_rc next_messages(struct sl_dlq_scan *s, const struct sl_kmsg **ret, uint32_t *ret_n, struct sl_err *err)
{
        for (;;) {
                bool skip = false;
                if (!s->rest_count)
                        SL_TRY(sl_reader_next(s->reader, &s->rest, &s->rest_count, err));
                uint32_t n = s->rest_count;
                if (s->opts.step) /* at the end, too: the last step is over */
                        SL_TRY(s->opts.step(s->opts.step_arg, s->rest, s->rest_count, &n, &skip, err));
                *ret = s->rest;
                *ret_n = n;
                s->rest += n;
                s->rest_count -= n;
                if (!skip)
                        return SL_OK;
        }
}

enum sl_rc sl_dlq_scan_next(struct sl_dlq_scan *s, struct sl_dlq_item **ret, uint32_t *ret_n, struct sl_err *err)
{
        const struct sl_kmsg *msgs;
        uint32_t got, meant, n = 0;
        do {
                sl_arena_reset(&s->arena);
                SL_TRY(next_messages(s, &msgs, &got, err));
                if (got > s->cap) {
                        s->cap = got;
                        s->items = sl_realloc(s->items, s->cap * sizeof(*s->items));
                }
                meant = 0;
                for (uint32_t i = 0; i < got; i++)
                        if (sl_dlq_filter_place(s->opts.filter, msgs[i].partition, msgs[i].offset))
                                sl_dlq_item_parse(&s->items[meant++], &msgs[i], s->opts.rules, &s->arena);
                SL_TRY(fetch_originals(s, meant, err));
                for (uint32_t i = 0; i < meant; i++) {
                        struct sl_dlq_item *it = &s->items[n];
                        if (n != i)
                                *it = s->items[i];
                        SL_TRY(sl_dlq_item_text(s->opts.decode, s->opts.filter, it, &s->arena, err));
                        if (!sl_dlq_filter_early(s->opts.filter, it, &s->arena))
                                continue;
                        if (s->opts.unjudged)
                                not_judged(it);
                        else
                                sl_dlq_item_judge(it, s->opts.rules, s->memo, &s->arena);
                        if (s->opts.improve)
                                s->opts.improve(s->opts.improve_arg, it, &s->arena);
                        n += sl_dlq_filter_late(s->opts.filter, it);
                }
                s->seen += got;
        } while (got && !n);
        *ret = s->items;
        *ret_n = n;
        return SL_OK;
}

const struct sl_reader_part *sl_dlq_scan_parts(const struct sl_dlq_scan *s, uint32_t *ret_n)
{
        return sl_reader_parts(s->reader, ret_n);
}

uint64_t sl_dlq_scan_seen(const struct sl_dlq_scan *s)
{
        return s->seen;
}

void sl_dlq_scan_close(struct sl_dlq_scan *s)
{
        if (!s)
                return;
        sl_reader_close(s->reader);
        sl_dlq_memo_free(s->memo);
        sl_arena_free(&s->arena);
        free(s->items);
        free(s);
}
