/* SPDX-License-Identifier: Apache-2.0 */
/* What is due in one dead-letter topic: the letters' bytes are read again, decided anew, and retried, put aside or closed. As in a replay,
 * records of a batch go in the order of their originals, letters of one failure count once, and on a compacted topic what was overtaken
 * is closed as obsolete. Between batches no order is kept. */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/log.h"
#include "dlq/fits.h"
#include "dlq/letter.h"
#include "dlq/newer.h"
#include "dlq/repair.h"
#include "dlq/worker.h"

#define BATCH 2000
#define BATCH_BYTES (8u << 20)
#define GAP 2000          /* letters further apart are read in another turn */
#define GOAL_MS 30000     /* how long a topic's description is believed */
#define MISSING_MS 30000  /* until a topic that isn't there is looked for again */
#define UNFIT_MS 600000   /* until a letter that can't be mended is looked at again */
#define LINEAGE 8
#define LINEAGE_BYTES 420 /* they take at most, without names of topics and connector */

/* A letter that is to be retried, with its record in the batch's bytes. */
struct retry {
        struct sl_wait_entry wait;
        struct sl_dlq_goal *goal;
        uint64_t identity; /* 0 = unknown */
        int64_t origin_offset, lsn, first_ms, letter_ms;
        size_t at, size;
        const struct sl_dlq_rule *rule;
        uint32_t key_hash, watched, attempts;
        int32_t origin_partition;
        bool keyed, repaired;
};
struct batch {
        struct sl_dlq_topic *t;
        struct sl_err *err;
        int64_t now_ms;
        struct sl_wait_entry *due; /* ascending by partition and offset */
        uint32_t due_count, next;
        struct retry *retries;
        uint32_t count, taken[SL_DLQ_CLASSES]; /* of them, by class */
        struct sl_buf bytes;
        struct sl_newer *newer;
        struct sl_kheader *headers;
        uint32_t header_room;
        bool gone; /* letters are there no more: counts are wrong */
};

/* --- Goals ------------------------------------------------------------------------------------------------------------ */

static enum sl_rc describe(struct batch *b, struct sl_dlq_goal *g)
{
        struct sl_admin *admin = b->t->w->admin;
        struct sl_buf policy = {0};
        struct sl_err ignored = {0}; /* without the right to ask it is taken for one that keeps all */
        if (g->asked_ms && b->now_ms - g->asked_ms < GOAL_MS)
                return SL_OK;
        if (!*g->name) { /* no topic can be called as the letter says */
                g->room = INT64_MAX;
                return SL_OK;
        }
        int32_t before = g->partitions;
        SL_TRY(sl_admin_topic_partitions(admin, g->name, SL_DLQ_ASK_MS, &g->partitions, b->err));
        if (g->partitions != before) {
                sl_growth_end(&g->growth);
                sl_growth_begin(&g->growth, g->partitions);
                g->then = 0;
                g->told = 0;
        }
        if (g->partitions &&
            sl_admin_topic_config(admin, g->name, "cleanup.policy", SL_DLQ_ASK_MS, &policy, &ignored) == SL_OK)
                g->compacted = strstr(sl_buf_cstr(&policy), "compact") != NULL;
        g->room = g->partitions ? sl_dlq_room(admin, g->name, SL_DLQ_ASK_MS) : INT64_MAX;
        sl_buf_free(&policy);
        g->asked_ms = b->now_ms;
        return SL_OK;
}

static bool has_one_for(const struct batch *b, const struct sl_dlq_goal *g)
{
        for (uint32_t i = 0; i < b->count; i++)
                if (b->retries[i].goal == g)
                        return true;
        return false;
}

/* 0 = it may go now; else how long to wait. Nothing is counted before it is sent: a commit in between would keep what a killed task
 * has not sent. */
static int64_t held_ms(struct batch *b, struct sl_dlq_goal *g, enum sl_rc class)
{
        struct sl_dlq_worker *w = b->t->w;
        int64_t wait;
        if (!g->partitions)
                return MISSING_MS;
        bool may = sl_breaker_may(&g->breaker, &w->cfg->breaker, b->now_ms, &wait);
        sl_metric_set(g->open, g->breaker.state);
        if (may && g->breaker.state == SL_BREAKER_PROBING && has_one_for(b, g))
                return w->cfg->breaker.open_ms;
        return may ? sl_budget_wait(&w->budgets[class], w->cfg->retry[class].budget, b->taken[class], b->now_ms) : wait;
}

static void count_sent(struct batch *b, const struct retry *e)
{
        struct sl_dlq_worker *w = b->t->w;
        sl_budget_used(&w->budgets[e->wait.class], w->cfg->retry[e->wait.class].budget, b->now_ms);
        sl_breaker_sent(&e->goal->breaker, &w->cfg->breaker, b->now_ms);
}

/* --- Repairs ---------------------------------------------------------------------------------------------------------- */

static enum sl_rc mend_of(struct sl_dlq_worker *w, const struct sl_dlq_rule *rule, struct sl_dlq_repair **ret, struct sl_err *err)
{
        struct sl_dlq_mend *m = &w->mends[rule->number];
        if (!m->repair) {
                m->opts = *rule->repair;
                m->opts.client = w->client; /* borrowed */
                SL_TRY(sl_dlq_repair_new(&m->opts, m->chain, &m->repair, err));
        }
        *ret = m->repair;
        return SL_OK;
}

/* *ret_why non-NULL: it can't be mended. A repair that can't be made at all is the rule's fault, not the task's. */
static void mend(struct batch *b, const struct sl_dlq_item *it, struct retry *e, struct sl_str *value, const char **ret_why,
                 int64_t *ret_wait_ms)
{
        struct sl_dlq_worker *w = b->t->w;
        struct sl_dlq_repair *repair;
        struct sl_err err = {0};
        struct sl_record rec = {.topic = sl_str_c(e->goal->name),
                                .partition = e->origin_partition,
                                .offset = e->origin_offset,
                                .timestamp_ms = sl_dlq_timestamp(it),
                                .raw_key = it->key,
                                .raw_value = *value};
        *ret_why = NULL;
        enum sl_rc rc = mend_of(w, it->rule, &repair, &err);
        if (rc == SL_OK)
                rc = sl_dlq_repair_value(repair, &rec, *value, &w->arena, value, &e->repaired, ret_why, &err);
        if (rc == SL_OK)
                return;
        sl_log_err(SL_LOG_WARN, &err, "rule %s can't mend letters of %s", it->rule->id, b->t->name);
        *ret_why = "the rule's repair can't be done";
        if (rc == SL_TRANSIENT)
                *ret_wait_ms = MISSING_MS;
}

/* --- Taking letters --------------------------------------------------------------------------------------------------- */

static void back(struct batch *b, const struct sl_wait_entry *e)
{
        if (sl_wait_when(e) != SL_NEVER_MS)
                sl_waiting_push(&b->t->waiting, e);
}

/* It waits on: what stands in its way is looked at again later. */
static void back_for(struct batch *b, struct sl_wait_entry e, int64_t ms)
{
        e.due_ms = b->now_ms + ms;
        back(b, &e);
}

static void payload(struct batch *b, const struct sl_dlq_item *it, struct sl_str *ret, const char **ret_why)
{
        *ret = it->payload;
        *ret_why = NULL;
        if (!it->binary_payload || !it->payload.ptr)
                return;
        uint8_t *bytes = sl_arena_alloc(&b->t->w->arena, it->payload.len / 4 * 3 + 3);
        int64_t n = sl_base64_decode(it->payload.ptr, it->payload.len, bytes);
        *ret = (struct sl_str){(const char *)bytes, n < 0 ? 0 : (size_t)n};
        *ret_why = n < 0 ? "the bytes in its wrapper are no base64" : NULL;
}

static void set_origin(const struct sl_dlq_item *it, struct retry *e)
{
        struct sl_dlq_origin at = sl_dlq_failed_at(it);
        e->origin_partition = at.partition;
        e->origin_offset = at.offset;
        if (at.partition < 0 || at.offset < 0)
                return;
        struct sl_dlq_origin first = sl_dlq_position(e->goal->name, at.partition, at.offset, it->headers, it->header_count);
        if (sl_str_eq(first.topic, at.topic) && first.partition == at.partition)
                e->origin_offset = first.offset;
}

/* A keyed record in the partition where its key belongs goes there, grown or not: only others tell. */
static void see_growth(const struct sl_dlq_item *it, const struct retry *e)
{
        struct sl_dlq_origin at = sl_dlq_failed_at(it);
        struct sl_dlq_goal *g = e->goal;
        if (e->keyed && g->partitions > 0 && at.offset >= 0 && at.partition >= 0 && at.partition < g->partitions &&
            e->key_hash % (uint32_t)g->partitions != (uint32_t)at.partition)
                sl_growth_see(&g->growth, at.partition, at.offset, e->key_hash);
}

static enum sl_rc watch(struct batch *b, const struct sl_dlq_item *it, struct sl_str value, struct retry *e)
{
        if (!e->goal->compacted || !it->key.ptr || e->origin_offset < 0 || e->origin_partition < 0 ||
            e->origin_partition >= e->goal->partitions)
                return SL_OK;
        if (!b->newer)
                b->newer = sl_newer_new(b->t->w->decode);
        e->watched = sl_newer_watch(b->newer, e->goal->name, e->origin_partition, it->key);
        return sl_newer_lsn(b->t->w->decode, sl_str_c(e->goal->name), value, &b->t->w->arena, &e->lsn, b->err);
}

static enum sl_rc take_retry(struct batch *b, const struct sl_dlq_item *it, const struct sl_dlq_fate *fate)
{
        struct sl_dlq_topic *t = b->t;
        struct retry *e = &b->retries[b->count];
        struct sl_str value;
        const char *why;
        *e = (struct retry){.wait = fate->wait,
                            .goal = sl_dlq_topic_goal(t, sl_dlq_failed_at(it).topic),
                            .identity = sl_dlq_identity(it),
                            .lsn = -1,
                            .first_ms = fate->first_ms,
                            .letter_ms = it->timestamp_ms,
                            .rule = it->rule,
                            .attempts = fate->attempts,
                            .keyed = it->key.ptr != NULL};
        e->key_hash = e->keyed ? sl_kafka_key_hash(it->key) : 0;
        SL_TRY(describe(b, e->goal));
        set_origin(it, e);
        payload(b, it, &value, &why);
        int64_t held = UNFIT_MS;
        if (!why && it->rule && it->rule->action == SL_DLQ_ACT_REPAIR)
                mend(b, it, e, &value, &why, &held);
        e->at = b->bytes.len;
        sl_dlq_pack(it, value, &b->bytes);
        e->size = b->bytes.len - e->at;
        size_t added = LINEAGE_BYTES + strlen(t->name) + strlen(e->goal->name) + strlen(t->w->env->connector);
        if (!why && !sl_dlq_fits((struct sl_str){b->bytes.ptr + e->at, e->size}, added, e->goal->room, &t->w->client))
                why = "with our headers it is larger than its topic takes";
        if (!why)
                held = held_ms(b, e->goal, it->class);
        if (why || held) {
                sl_debug("%s-%d@%ld waits: %s", t->name, it->partition, it->offset, why ? why : "not now");
                b->bytes.len = e->at;
                back_for(b, fate->wait, held);
                return SL_OK;
        }
        SL_TRY(watch(b, it, value, e));
        see_growth(it, e);
        b->taken[e->wait.class]++;
        b->count++;
        return SL_OK;
}

static void count_rule(struct sl_dlq_topic *t, const struct sl_dlq_rule *rule)
{
        if (rule)
                t->done.rules[rule->number]++;
}

/* The letter is closed by us. */
static void settle(struct batch *b, const struct sl_wait_entry *e, int64_t timestamp_ms, enum sl_dlq_state state)
{
        sl_dlq_ledger_mark(b->t->ledger, e->partition, e->offset, state);
        sl_dlq_stats_letter(b->t, (enum sl_rc)e->class, timestamp_ms, -1);
}

static enum sl_rc put_aside(struct batch *b, const struct sl_dlq_item *it, const struct sl_dlq_fate *fate)
{
        struct sl_dlq_topic *t = b->t;
        struct sl_buf more = {0};
        if (!t->aside) {
                struct sl_dlq_aside_opts opts = {
                        .admin = t->w->admin, .client = &t->w->client, .topic = t->name, .decode = t->w->decode, .make = true};
                SL_TRY(sl_dlq_aside_open(&opts, &t->aside, b->err));
        }
        sl_buf_printf(&more, ",\"retried\":%u,\"first_seen\":%ld,\"by\":", fate->attempts, fate->first_ms);
        sl_buf_add_json_str(&more, t->w->env->connector, strlen(t->w->env->connector));
        if (it->rule) {
                sl_buf_adds(&more, ",\"rule\":");
                sl_buf_add_json_str(&more, it->rule->id, strlen(it->rule->id));
        }
        enum sl_rc rc = sl_dlq_act_begin(t->act, b->err);
        if (rc == SL_OK)
                rc = sl_dlq_aside_put(t->aside, t->act, it, fate->why, (struct sl_str){more.ptr, more.len}, b->err);
        sl_buf_free(&more);
        SL_TRY(rc);
        (void)sl_idset_add(&t->taken, sl_dlq_identity(it));
        t->done.by[SL_DLQ_PUT_ASIDE][it->class]++;
        settle(b, &fate->wait, it->timestamp_ms, SL_DLQ_QUARANTINED);
        return SL_OK;
}

static enum sl_rc discard(struct batch *b, const struct sl_dlq_item *it, const struct sl_dlq_fate *fate)
{
        SL_TRY(sl_dlq_act_begin(b->t->act, b->err));
        b->t->done.by[SL_DLQ_THROWN_AWAY][it->class]++;
        settle(b, &fate->wait, it->timestamp_ms, SL_DLQ_DISCARDED);
        return SL_OK;
}

static enum sl_rc take(struct batch *b, const struct sl_dlq_item *it)
{
        struct sl_dlq_topic *t = b->t;
        struct sl_dlq_fate fate;
        int64_t seen_ms = sl_seen_at(&t->seen, it->partition, it->offset);
        if (sl_dlq_ledger_state(t->ledger, it->partition, it->offset) != SL_DLQ_OPEN)
                return SL_OK;
        sl_dlq_topic_decide(t, it, seen_ms < 0 ? b->now_ms : seen_ms, b->now_ms, &fate);
        if (fate.what == SL_FATE_LEAVE || sl_wait_when(&fate.wait) > b->now_ms) {
                back(b, &fate.wait);
                return SL_OK;
        }
        if (fate.what == SL_FATE_RETRY)
                return take_retry(b, it, &fate);
        count_rule(t, it->rule);
        SL_TRY(fate.what == SL_FATE_QUARANTINE ? put_aside(b, it, &fate) : discard(b, it, &fate));
        return sl_dlq_act_due(t->act) ? sl_dlq_topic_commit(t, b->err) : SL_OK;
}

/* --- Reading ---------------------------------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
        const struct sl_wait_entry *x = a, *y = b;
        if (x->partition != y->partition)
                return x->partition < y->partition ? -1 : 1;
        return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* One stretch of each partition; what lies further away waits for the next turn. */
static uint32_t choose(struct batch *b, struct sl_reader_part *ranges)
{
        uint32_t n = 0, kept = 0;
        for (uint32_t i = 0; i < b->due_count; i++) {
                struct sl_wait_entry e = b->due[i];
                struct sl_reader_part *r = n && ranges[n - 1].id == e.partition ? &ranges[n - 1] : NULL;
                if (r && e.offset - r->end > GAP) {
                        sl_waiting_push(&b->t->waiting, &e);
                        continue;
                }
                if (!r) {
                        r = &ranges[n++];
                        *r = (struct sl_reader_part){.id = e.partition, .begin = e.offset};
                }
                r->end = e.offset + 1;
                b->due[kept++] = e;
        }
        b->due_count = kept;
        return n;
}

static struct sl_wait_entry *find_due(struct batch *b, const struct sl_dlq_item *it)
{
        struct sl_wait_entry key = {.partition = it->partition, .offset = it->offset};
        return bsearch(&key, b->due, b->due_count, sizeof(key), by_place);
}

#define MET (-2) /* as a due time: the letter was read */

static enum sl_rc read_due(struct batch *b)
{
        struct sl_reader_part *ranges = sl_calloc(b->due_count + 1, sizeof(*ranges));
        struct sl_dlq_scan_opts opts;
        struct sl_dlq_scan *scan;
        struct sl_dlq_item *items;
        uint32_t n;
        sl_dlq_topic_scan_opts(b->t, &opts);
        opts.range_count = choose(b, ranges);
        opts.ranges = ranges;
        enum sl_rc rc = sl_dlq_scan_open(&opts, &scan, b->err);
        if (rc == SL_OK) {
                while (rc == SL_OK && (rc = sl_dlq_scan_next(scan, &items, &n, b->err)) == SL_OK && n)
                        for (uint32_t i = 0; i < n && rc == SL_OK; i++) {
                                struct sl_wait_entry *e = find_due(b, &items[i]);
                                if (!e)
                                        continue;
                                if (b->bytes.len >= BATCH_BYTES) {
                                        back(b, e);
                                } else {
                                        sl_arena_reset(&b->t->w->arena);
                                        rc = take(b, &items[i]);
                                }
                                e->due_ms = MET;
                        }
                sl_dlq_scan_close(scan);
        }
        for (uint32_t i = 0; i < b->due_count && rc == SL_OK; i++)
                b->gone |= b->due[i].due_ms != MET; /* retention was faster */
        free(ranges);
        return rc;
}

/* --- Writing ---------------------------------------------------------------------------------------------------------- */

static int by_origin(const void *a, const void *b)
{
        const struct retry *x = a, *y = b;
        SL_DLQ_ORDER((uintptr_t)x->goal, (uintptr_t)y->goal);
        SL_DLQ_ORDER(x->origin_partition, y->origin_partition);
        SL_DLQ_ORDER(x->origin_offset, y->origin_offset);
        return by_place(&x->wait, &y->wait);
}

/* Newer records of the same keys, in each compacted topic of the batch. */
static enum sl_rc read_newer(struct batch *b)
{
        for (uint32_t i = 0; i < b->count;) {
                struct sl_dlq_goal *g = b->retries[i].goal;
                struct sl_reader_part *from = sl_calloc((size_t)g->partitions + 1, sizeof(*from));
                uint32_t n = 0;
                for (; i < b->count && b->retries[i].goal == g; i++) {
                        const struct retry *e = &b->retries[i];
                        if (e->watched && (!n || from[n - 1].id != e->origin_partition))
                                from[n++] = (struct sl_reader_part){
                                        .id = e->origin_partition, .begin = e->origin_offset + 1, .end = -1};
                }
                struct sl_reader_opts opts = {.cfg = b->t->w->kafka,
                                              .admin = b->t->w->admin,
                                              .client_id = "sluice-dlq-newer",
                                              .topic = g->name,
                                              .ranges = from,
                                              .range_count = n,
                                              .stop = b->t->w->env->stop};
                enum sl_rc rc = n ? sl_newer_read(b->newer, &opts, b->err) : SL_OK;
                free(from);
                SL_TRY(rc);
        }
        return SL_OK;
}

/* Did the topics get more partitions since their records failed? Asked again when there are more of them to tell by. */
static enum sl_rc look_at_growth(struct batch *b)
{
        for (uint32_t i = 0; i < b->count; i++) {
                struct sl_dlq_goal *g = b->retries[i].goal;
                struct sl_reader_opts opts = {.cfg = b->t->w->kafka,
                                              .admin = b->t->w->admin,
                                              .client_id = "sluice-dlq-growth",
                                              .topic = g->name,
                                              .stop = b->t->w->env->stop};
                if (g->then || g->growth.seen == g->told || (g->told && b->now_ms - g->told_ms < GOAL_MS))
                        continue;
                g->told = g->growth.seen;
                g->told_ms = b->now_ms;
                SL_TRY(sl_growth_tell(&g->growth, &opts, &g->then, b->err));
                if (g->then < g->partitions)
                        sl_info("%s has %d partitions since its records failed, it had %d: records go where their keys belong now", g->name,
                                g->partitions, g->then);
                else
                        g->then = 0;
        }
        return SL_OK;
}

struct lineage {
        char id[300], partition[16], offset[24], hop[16], retry[16], first[24], job[300];
};

static void add_header(struct sl_kheader *out, uint32_t *n, const char *name, const char *text)
{
        out[(*n)++] = (struct sl_kheader){sl_str_c(name), sl_str_c(text)};
}

static uint32_t add_lineage(const struct batch *b, const struct retry *e, int32_t hops, struct lineage *l, struct sl_kheader *out)
{
        uint32_t n = 0;
        snprintf(l->id, sizeof(l->id), "%s-%d-%ld", b->t->name, e->wait.partition, e->wait.offset);
        snprintf(l->hop, sizeof(l->hop), "%d", hops);
        snprintf(l->retry, sizeof(l->retry), "%u", e->attempts + 1);
        snprintf(l->first, sizeof(l->first), "%ld", e->first_ms);
        snprintf(l->job, sizeof(l->job), "connector %.280s", b->t->w->env->connector);
        add_header(out, &n, "__sluice.dlq.id", l->id);
        add_header(out, &n, "__sluice.dlq.origin.topic", e->goal->name);
        if (e->origin_offset >= 0) {
                snprintf(l->partition, sizeof(l->partition), "%d", e->origin_partition);
                snprintf(l->offset, sizeof(l->offset), "%ld", e->origin_offset);
                add_header(out, &n, "__sluice.dlq.origin.partition", l->partition);
                add_header(out, &n, "__sluice.dlq.origin.offset", l->offset);
        }
        if (hops) /* of replays by commands: a retry is none of these, its limits are others */
                add_header(out, &n, "__sluice.dlq.hop", l->hop);
        add_header(out, &n, SL_DLQ_RETRY, l->retry);
        add_header(out, &n, SL_DLQ_FIRST, l->first);
        add_header(out, &n, "__sluice.dlq.replay_id", l->job);
        return n;
}

static int32_t choose_partition(const struct retry *e)
{
        int32_t n = e->goal->partitions;
        bool grown = e->keyed && e->goal->then && e->goal->then < n;
        if (!grown && e->origin_partition >= 0 && e->origin_partition < n)
                return e->origin_partition;
        return (int32_t)(e->keyed ? e->key_hash % (uint32_t)n : (uint64_t)e->wait.offset % (uint64_t)n);
}

static enum sl_rc send(struct batch *b, const struct retry *e)
{
        struct sl_str flat = {b->bytes.ptr + e->at, e->size};
        struct sl_dlq_packed rec;
        struct lineage l;
        sl_dlq_unpack(flat, &rec, b->headers, b->header_room);
        if (rec.header_count + LINEAGE > b->header_room) {
                b->header_room = (rec.header_count + LINEAGE) * 2;
                b->headers = sl_realloc(b->headers, b->header_room * sizeof(*b->headers));
                sl_dlq_unpack(flat, &rec, b->headers, b->header_room);
        }
        struct sl_message m = {.topic = sl_str_c(e->goal->name),
                               .partition = choose_partition(e),
                               .key = rec.key,
                               .value = rec.value,
                               .headers = b->headers,
                               .timestamp_ms = rec.timestamp_ms};
        m.header_count = rec.header_count + add_lineage(b, e, rec.hops, &l, b->headers + rec.header_count);
        return sl_dlq_act_send(b->t->act, &m, b->err);
}

static enum sl_rc write_one(struct batch *b, const struct retry *e)
{
        struct sl_dlq_topic *t = b->t;
        enum sl_dlq_state state = SL_DLQ_REPLAYED;
        SL_TRY(sl_dlq_act_begin(t->act, b->err));
        if (e->identity && !sl_idset_add(&t->taken, e->identity)) {
                state = SL_DLQ_DUPLICATE;
                t->done.duplicates++;
        } else if (e->watched && sl_newer_than(b->newer, e->watched, e->origin_offset, e->lsn)) {
                state = SL_DLQ_OBSOLETE;
                t->done.obsolete++;
        } else {
                SL_TRY(send(b, e));
                count_sent(b, e);
                t->done.by[SL_DLQ_RETRIED][e->wait.class]++;
                t->done.by[SL_DLQ_REPAIRED][e->wait.class] += e->repaired;
                count_rule(t, e->rule);
        }
        settle(b, &e->wait, e->letter_ms, state);
        return sl_dlq_act_due(t->act) ? sl_dlq_topic_commit(t, b->err) : SL_OK;
}

static enum sl_rc write_all(struct batch *b)
{
        if (sl_dlq_stats_done(b->t, SL_DLQ_PUT_ASIDE) || sl_dlq_stats_done(b->t, SL_DLQ_THROWN_AWAY)) /* reading the target may take longer than a transaction */
                SL_TRY(sl_dlq_topic_commit(b->t, b->err));
        if (!b->count)
                return SL_OK;
        qsort(b->retries, b->count, sizeof(*b->retries), by_origin);
        SL_TRY(look_at_growth(b));
        SL_TRY(read_newer(b));
        for (uint32_t i = 0; i < b->count; i++)
                SL_TRY(write_one(b, &b->retries[i]));
        return sl_dlq_topic_commit(b->t, b->err);
}

enum sl_rc sl_dlq_topic_due(struct sl_dlq_topic *t, bool *ret_more, struct sl_err *err)
{
        struct batch b = {.t = t, .err = err, .now_ms = sl_wall_ms()};
        struct sl_wait_entry e;
        if (sl_waiting_next(&t->waiting) > b.now_ms)
                return SL_OK;
        b.due = sl_calloc(BATCH, sizeof(*b.due));
        while (b.due_count < BATCH && sl_waiting_pop(&t->waiting, b.now_ms, &e))
                b.due[b.due_count++] = e;
        qsort(b.due, b.due_count, sizeof(*b.due), by_place);
        b.retries = sl_calloc(b.due_count, sizeof(*b.retries));
        enum sl_rc rc = read_due(&b);
        if (rc == SL_OK)
                rc = write_all(&b);
        if (rc == SL_OK && b.gone)
                sl_dlq_topic_again(t);
        *ret_more = sl_waiting_next(&t->waiting) <= b.now_ms;
        sl_newer_free(b.newer);
        sl_buf_free(&b.bytes);
        free(b.headers);
        free(b.retries);
        free(b.due);
        return rc;
}
