/* SPDX-License-Identifier: Apache-2.0 */
/* One dead-letter topic of the connector: who acts on it, what is new in it, what is to become of each letter. Doing that is in
 * worker_send.c. A letter's state is the ledger's, and when it was seen is in the connector's record there, so that opening the topic
 * again comes to the same due times: there is one way to start, whatever happened before. */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/log.h"
#include "dlq/decode.h"
#include "dlq/letter.h"
#include "dlq/place.h"
#include "dlq/worker.h"

#define BACK_MS 1000      /* after somebody fenced us */
#define GLANCE_MS 2000    /* how often to look whether who acts has ended */
#define LOOK_MS 4000      /* how often to look for others while we have nothing to do */
#define FINGERPRINTS 100000
#define LENT_MS 60000    /* how long it is believed who lends */
#define SEARCH_SHARE 10  /* searching origins takes at most so large a part of the time: a tenth */
#define PROVEN_MS 30000   /* alive for so long, with nothing left to do: there is no reason for doubt */

/* --- Who acts --------------------------------------------------------------------------------------------------------- */

static void close_act(struct sl_dlq_topic *t, int64_t open_at_ms)
{
        sl_dlq_act_close(t->act);
        t->act = NULL;
        t->ledger = NULL;
        t->poison = (struct sl_poison){0};
        sl_dlq_aside_close(t->aside);
        t->aside = NULL;
        t->open_at_ms = open_at_ms;
        sl_dlq_topic_again(t);
}

static enum sl_rc open_act(struct sl_dlq_topic *t, bool write, struct sl_dlq_act **ret, struct sl_err *err)
{
        struct sl_dlq_act_opts opts = {.cfg = t->w->kafka,
                                       .admin = t->w->admin,
                                       .topic = t->name,
                                       .target = "original",
                                       .write = write,
                                       .stop = t->w->env->stop};
        return sl_dlq_act_open(&opts, ret, err);
}

/* Is it another connector's record? Two that have the same topic would fence each other for ever. */
static bool is_others(const struct sl_dlq_topic *t, struct sl_str record)
{
        sl_auto_json *obj = NULL;
        struct sl_err ignored = {0};
        const char *name = record.ptr && sl_json_parse(record, &obj, &ignored) == SL_OK ? sl_json_str(obj, "connector") : NULL;
        if (!name || strcmp(name, t->w->env->connector) == 0)
                return false;
        sl_warn("%s: connector %s has acted on these dead letters, too: a topic belongs into one dlq.topics", t->name, name);
        return true;
}

/* How long somebody else's work has to be left alone still; 0 = nobody is at work. */
static int64_t busy_ms(const struct sl_dlq_topic *t, const struct sl_dlq_ledger *l)
{
        struct sl_dlq_last last = sl_dlq_ledger_last(l);
        int64_t left = last.at_ms + t->w->cfg->operator_ms - sl_wall_ms();
        if (last.by == SL_DLQ_BY_NOBODY || left <= 0)
                return 0;
        if (last.by == SL_DLQ_BY_WORKER && !is_others(t, sl_dlq_ledger_worker(l)))
                return 0;
        return left < t->w->cfg->operator_ms ? left : t->w->cfg->operator_ms; /* clocks differ */
}

/* Only reads: whoever acts is not disturbed. */
static enum sl_rc glance(struct sl_dlq_topic *t, int64_t *ret_busy_ms, struct sl_err *err)
{
        struct sl_dlq_act *act;
        SL_TRY(open_act(t, false, &act, err));
        *ret_busy_ms = busy_ms(t, sl_dlq_act_ledger(act));
        sl_dlq_act_close(act);
        return SL_OK;
}

static enum sl_rc find_parts(struct sl_dlq_topic *t, struct sl_err *err)
{
        int32_t n = 0;
        SL_TRY(sl_admin_topic_partitions(t->w->admin, t->name, SL_DLQ_ASK_MS, &n, err));
        if ((uint32_t)n <= t->part_count)
                return SL_OK;
        t->parts = sl_realloc(t->parts, (size_t)n * sizeof(*t->parts));
        for (int32_t i = (int32_t)t->part_count; i < n; i++)
                t->parts[i] = (struct sl_reader_part){.id = i, .begin = -1, .end = -1};
        t->part_count = (uint32_t)n;
        return SL_OK;
}

static enum sl_rc commit_watch(void *arg, struct sl_err *err)
{
        return sl_dlq_topic_commit(arg, err);
}

static enum sl_rc begin_watch(struct sl_dlq_topic *t, struct sl_err *err)
{
        struct sl_poison_opts opts = {.cfg = t->w->kafka,
                                      .admin = t->w->admin,
                                      .topic = t->name,
                                      .act = t->act,
                                      .stop = t->w->env->stop,
                                      .commit = commit_watch,
                                      .arg = t};
        t->opened_ms = sl_mono_ms();
        SL_TRY(sl_poison_begin(&t->poison, &opts, err));
        return sl_dlq_topic_commit(t, err); /* from now on we are the ones who act */
}

static void prove(struct sl_dlq_topic *t)
{
        if (!t->act || !t->poison.told.lives || sl_mono_ms() - t->opened_ms < PROVEN_MS)
                return;
        sl_poison_over(&t->poison);
        t->dirty = true;
}

static enum sl_rc open_topic(struct sl_dlq_topic *t, struct sl_err *err)
{
        int64_t busy = 0, now = sl_wall_ms();
        SL_TRY(find_parts(t, err));
        t->open_at_ms = now + t->w->cfg->poll_ms;
        if (!t->part_count) /* nothing has failed yet */
                return SL_OK;
        SL_TRY(glance(t, &busy, err));
        sl_metric_set(t->stats.standing_back, busy > 0);
        if (busy) {
                t->open_at_ms = now + (busy < GLANCE_MS ? busy : GLANCE_MS);
                return SL_OK;
        }
        SL_TRY(t->w->env->may_open(t->w->env->arg, err));
        SL_TRY(open_act(t, true, &t->act, err));
        t->ledger = sl_dlq_act_ledger(t->act);
        t->looked_ms = sl_mono_ms();
        t->ledger_end = -1;
        t->committed = false;
        SL_TRY(sl_dlq_record_load(t, err));
        return begin_watch(t, err);
}

/* While we have nothing to write, nobody tells us that a command has acted: its letters are closed, and counts are old. */
static enum sl_rc look_for_others(struct sl_dlq_topic *t, struct sl_err *err)
{
        const char *ledger = sl_dlq_act_topic(&t->w->client, SL_DLQ_LEDGER_KEY, "sluice-dlq-ledger");
        struct sl_dlq_act *act;
        int64_t end = 0;
        if (sl_mono_ms() - t->looked_ms < LOOK_MS)
                return SL_OK;
        t->looked_ms = sl_mono_ms();
        SL_TRY(find_parts(t, err));
        SL_TRY(sl_admin_high_watermark(t->w->admin, ledger, 0, SL_DLQ_ASK_MS, &end, err));
        bool same = end == t->ledger_end, ours = t->committed;
        t->ledger_end = ours ? -1 : end; /* what came behind our commit is looked at the next time */
        t->committed = false;
        if (same || ours)
                return SL_OK;
        SL_TRY(open_act(t, false, &act, err));
        bool other = sl_dlq_ledger_last(sl_dlq_act_ledger(act)).by != SL_DLQ_BY_WORKER;
        sl_dlq_act_close(act);
        if (other)
                close_act(t, sl_wall_ms());
        return SL_OK;
}

/* --- What becomes of a letter ----------------------------------------------------------------------------------------- */

static const char *obstacle(const struct sl_dlq_topic *t, const struct sl_dlq_item *it)
{
        struct sl_str topic = sl_dlq_failed_at(it).topic;
        if (it->pointer && !it->fetched)
                return it->missing ? it->missing : "its original is not there";
        if (!topic.ptr)
                return "its original topic is unknown";
        return sl_str_eqc(topic, t->name) ? "its original topic is the dead-letter topic itself" : NULL;
}

static uint64_t seed_of(const struct sl_dlq_topic *t, const struct sl_dlq_item *it)
{
        return sl_hash(t->name, strlen(t->name)) + (uint64_t)it->partition * 0x9E3779B97F4A7C15u + (uint64_t)it->offset;
}

static bool waits_for_signal(const struct sl_dlq_item *it, enum sl_dlq_action action)
{
        return action == SL_DLQ_ACT_BY_CLASS && (it->class == SL_SCHEMA || it->class == SL_DESERIALIZATION);
}

void sl_dlq_topic_decide(struct sl_dlq_topic *t, const struct sl_dlq_item *it, int64_t seen_ms, int64_t now_ms,
                         struct sl_dlq_fate *ret)
{
        enum sl_dlq_action action = it->rule ? it->rule->action : SL_DLQ_ACT_BY_CLASS;
        const struct sl_retry_policy *policy = &t->w->cfg->retry[it->class];
        *ret = (struct sl_dlq_fate){.attempts = (uint32_t)it->retries,
                                    .first_ms = it->first_ms > 0 && it->first_ms < seen_ms ? it->first_ms : seen_ms,
                                    .wait = {.offset = it->offset,
                                             .due_ms = SL_NEVER_MS,
                                             .expires_ms = SL_NEVER_MS,
                                             .partition = it->partition,
                                             .class = (uint8_t)it->class}};
        if (sl_dlq_ledger_released(t->ledger, it->partition, it->offset)) /* a person decides */
                return;
        if (policy->attempts_max == 0 && (action == SL_DLQ_ACT_RETRY || action == SL_DLQ_ACT_REPAIR))
                policy = &t->w->cfg->retry[SL_TRANSIENT];
        struct sl_retry_plan plan = sl_policy_plan(policy, ret->attempts, ret->first_ms, seen_ms, seed_of(t, it));
        ret->wait.expires_ms = plan.expires_ms;
        ret->why = it->rule ? it->rule->id : NULL;
        if (action == SL_DLQ_ACT_DISCARD || action == SL_DLQ_ACT_QUARANTINE) {
                ret->what = action == SL_DLQ_ACT_DISCARD ? SL_FATE_DISCARD : SL_FATE_QUARANTINE;
                ret->wait.due_ms = seen_ms;
        } else if (plan.expires_ms <= now_ms) {
                ret->what = SL_FATE_QUARANTINE;
                ret->why = "it is older than age.max.ms";
                ret->wait.due_ms = seen_ms;
        } else if (plan.over) {
                ret->what = SL_FATE_QUARANTINE;
                ret->why = "it was retried attempts.max times";
                ret->wait.due_ms = seen_ms;
        } else if (!plan.never && !obstacle(t, it)) {
                ret->what = SL_FATE_RETRY;
                ret->wait.due_ms = plan.due_ms;
                if (waits_for_signal(it, action))
                        ret->wait.signal = sl_dlq_signal_of(t, it, seen_ms);
        }
}

/* --- What is new ------------------------------------------------------------------------------------------------------ */

/* A letter that was not seen before: have we retried it? Is its failure a new one? */
static void meet(struct sl_dlq_topic *t, const struct sl_dlq_item *it)
{
        struct sl_str topic = sl_dlq_failed_at(it).topic;
        if (topic.ptr && it->retries > 0)
                sl_dlq_topic_goal(t, topic)->returned++;
        if (!t->fresh && !sl_idset_has(&t->fingerprints, it->fingerprint | 1))
                sl_metric_add(t->stats.fingerprints, 1);
}

/* Counted with the record that they were seen, or never: a commit in the middle of a pass has neither. */
static void count_returned(struct sl_dlq_topic *t, bool seen, int64_t now_ms)
{
        struct sl_map_entry *e;
        for (size_t i = 0; sl_map_next(&t->goals, &i, &e);) {
                struct sl_dlq_goal *g = e->value;
                for (uint32_t k = 0; seen && k < g->returned; k++)
                        sl_breaker_returned(&g->breaker, &t->w->cfg->breaker, now_ms);
                if (g->returned)
                        sl_metric_set(g->open, g->breaker.state);
                g->returned = 0;
        }
}

/* Its origin could be searched, and is searched for all of a pass at once. */
static bool is_lost(const struct sl_dlq_topic *t, const struct sl_dlq_item *it)
{
        return t->lent && !it->origin.topic.ptr && !it->pointer;
}

static void see(struct sl_dlq_topic *t, const struct sl_dlq_item *it, int64_t now_ms)
{
        enum sl_dlq_state state = sl_dlq_ledger_state(t->ledger, it->partition, it->offset);
        int64_t seen_ms = sl_seen_at(&t->seen, it->partition, it->offset);
        struct sl_dlq_fate fate;
        if (seen_ms < 0) {
                seen_ms = now_ms;
                meet(t, it);
        }
        if (t->fingerprints.count < FINGERPRINTS)
                (void)sl_idset_add(&t->fingerprints, it->fingerprint | 1);
        if (state != SL_DLQ_OPEN) {
                if (state != SL_DLQ_DUPLICATE)
                        (void)sl_idset_add(&t->taken, sl_dlq_identity(it));
                return;
        }
        sl_dlq_stats_letter(t, it->class, it->timestamp_ms, 1);
        sl_dlq_topic_decide(t, it, seen_ms, now_ms, &fate);
        if (sl_wait_when(&fate.wait) != SL_NEVER_MS)
                sl_waiting_push(&t->waiting, &fate.wait);
}

void sl_dlq_topic_scan_opts(struct sl_dlq_topic *t, struct sl_dlq_scan_opts *ret)
{
        *ret = (struct sl_dlq_scan_opts){.cfg = t->w->kafka,
                                         .admin = t->w->admin,
                                         .topic = t->name,
                                         .rules = t->w->rules,
                                         .stop = t->w->env->stop,
                                         .decode = t->w->decode,
                                         .step = sl_poison_step,
                                         .step_arg = &t->poison,
                                         .improve = t->assist ? t->w->assist->improve : NULL,
                                         .improve_arg = t->assist};
}

void sl_dlq_topic_lenders(struct sl_dlq_topic *t)
{
        struct sl_dlq_worker *w = t->w;
        if (!w->assist || (t->lent_ms && sl_mono_ms() - t->lent_ms < LENT_MS))
                return;
        struct sl_dlq_assist_opts opts = {
                .connect = w->cfg->connect, .topic = t->name, .kafka = w->kafka, .admin = w->admin, .client = &w->client};
        if (!t->assist)
                t->assist = w->assist->open(w->assist->program, &opts);
        t->lent = w->assist->refresh(t->assist);
        t->lent_ms = sl_mono_ms();
}

/* What can't be read at all (no right to) stays unknown. */
static enum sl_rc search_origins(struct sl_dlq_topic *t, const struct sl_dlq_scan_opts *opts, struct sl_err *err)
{
        struct sl_err why = {0};
        enum sl_rc rc = t->w->assist->search(t->assist, opts, &why);
        if (rc == SL_OK)
                return SL_OK;
        if (rc == SL_TRANSIENT || why.id == SL_E_STOPPED) {
                *err = why;
                return rc;
        }
        sl_log_err(SL_LOG_WARN, &why, "where dead letters came from can't be searched");
        return SL_OK;
}

/* All letters but the lost ones; or, searched, those that were. */
static enum sl_rc pass(struct sl_dlq_topic *t, const struct sl_dlq_scan_opts *opts, bool searched, int64_t now_ms, struct sl_err *err)
{
        struct sl_dlq_scan *scan;
        struct sl_dlq_item *items;
        uint32_t got;
        SL_TRY(sl_dlq_scan_open(opts, &scan, err));
        enum sl_rc rc;
        while ((rc = sl_dlq_scan_next(scan, &items, &got, err)) == SL_OK && got)
                for (uint32_t i = 0; i < got; i++) {
                        const struct sl_dlq_item *it = &items[i];
                        bool lost = is_lost(t, it) || (searched && it->origin.how && strcmp(it->origin.how, "content") == 0);
                        if (lost == searched)
                                see(t, it, now_ms);
                        t->lost += lost;
                }
        sl_dlq_scan_close(scan);
        return rc;
}

static enum sl_rc read_new(struct sl_dlq_topic *t, const struct sl_reader_part *ranges, uint32_t n, struct sl_err *err)
{
        struct sl_dlq_scan_opts opts;
        int64_t now = sl_wall_ms();
        sl_dlq_topic_lenders(t);
        sl_dlq_topic_scan_opts(t, &opts);
        opts.ranges = ranges;
        opts.range_count = n;
        t->lost = 0;
        enum sl_rc rc = pass(t, &opts, false, now, err);
        if (rc == SL_OK && t->lost) {
                int64_t begun = sl_mono_ms();
                rc = search_origins(t, &opts, err);
                if (rc == SL_OK)
                        rc = pass(t, &opts, true, now, err);
                t->look_ms = sl_mono_ms() + (sl_mono_ms() - begun) * SEARCH_SHARE;
        }
        count_returned(t, rc == SL_OK, now);
        for (uint32_t i = 0; i < n && rc == SL_OK; i++) {
                t->parts[ranges[i].id].begin = ranges[i].end;
                t->dirty |= sl_seen_add(&t->seen, ranges[i].id, ranges[i].end, now);
        }
        return rc;
}

static enum sl_rc look(struct sl_dlq_topic *t, struct sl_err *err)
{
        uint32_t n = t->part_count, news = 0;
        int32_t *ids = sl_calloc(n + 1, sizeof(*ids));
        int64_t *ends = sl_calloc(n + 1, sizeof(*ends));
        struct sl_reader_part *ranges = sl_calloc(n + 1, sizeof(*ranges));
        bool shrunk = false, later = sl_mono_ms() < t->look_ms;
        for (uint32_t i = 0; i < n; i++)
                ids[i] = (int32_t)i;
        enum sl_rc rc = sl_admin_list_offsets(t->w->admin, t->name, ids, n, SL_AT_LATEST, true, SL_DLQ_ASK_MS, ends, err);
        for (uint32_t i = 0; i < n && rc == SL_OK; i++) {
                shrunk |= ends[i] < t->parts[i].begin;
                if (ends[i] > 0 && ends[i] > t->parts[i].begin)
                        ranges[news++] =
                                (struct sl_reader_part){.id = ids[i], .begin = t->parts[i].begin, .end = ends[i]};
        }
        if (rc == SL_OK && shrunk) { /* it was deleted and made again: another ledger, and other letters */
                t->seen.count = 0;
                close_act(t, sl_wall_ms());
        } else if (rc == SL_OK && news && !later) {
                rc = read_new(t, ranges, news, err);
        }
        t->fresh &= rc != SL_OK || (news && later);
        free(ids);
        free(ends);
        free(ranges);
        return rc;
}

/* --- Committing ------------------------------------------------------------------------------------------------------- */

static bool did_something(const struct sl_dlq_topic *t)
{
        return sl_dlq_stats_done(t, SL_DLQ_RETRIED) || sl_dlq_stats_done(t, SL_DLQ_PUT_ASIDE) ||
               sl_dlq_stats_done(t, SL_DLQ_THROWN_AWAY) || t->done.duplicates || t->done.obsolete;
}

static json_t *done_json(const struct sl_dlq_topic *t, enum sl_dlq_stat stat)
{
        return json_integer((json_int_t)sl_dlq_stats_done(t, stat));
}

static enum sl_rc audit(struct sl_dlq_topic *t, struct sl_err *err)
{
        struct sl_dlq_done *d = &t->done;
        json_t *rules = json_object();
        for (uint32_t i = 0; i < t->w->rule_count; i++)
                if (d->rules[i])
                        json_object_set_new(rules, sl_dlq_rules_at(t->w->rules, i)->id, json_integer((json_int_t)d->rules[i]));
        sl_auto_json *result =
                json_pack("{s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "connector", t->w->env->connector, "retried",
                          done_json(t, SL_DLQ_RETRIED), "repaired", done_json(t, SL_DLQ_REPAIRED), "quarantined",
                          done_json(t, SL_DLQ_PUT_ASIDE), "discarded", done_json(t, SL_DLQ_THROWN_AWAY), "duplicates",
                          (json_int_t)d->duplicates, "obsolete", (json_int_t)d->obsolete, "rules", rules);
        return sl_dlq_act_audit(t->act, "connector", NULL, result, err);
}

enum sl_rc sl_dlq_topic_commit(struct sl_dlq_topic *t, struct sl_err *err)
{
        sl_dlq_record_put(t);
        if (did_something(t))
                SL_TRY(audit(t, err));
        SL_TRY(sl_dlq_act_commit(t->act, err));
        sl_dlq_stats_commit(t);
        t->dirty = false;
        t->committed = true;
        return SL_OK;
}

/* --- A turn ----------------------------------------------------------------------------------------------------------- */

void sl_dlq_topic_again(struct sl_dlq_topic *t)
{
        t->waiting.count = 0;
        sl_idset_free(&t->taken);
        if (t->assist)
                t->w->assist->close(t->assist);
        t->assist = NULL;
        t->lent = false;
        t->lent_ms = t->look_ms = 0;
        for (uint32_t i = 0; i < t->part_count; i++)
                t->parts[i].begin = -1;
        free(t->done.rules);
        t->done = (struct sl_dlq_done){.rules = sl_calloc(t->w->rule_count + 1, sizeof(*t->done.rules))};
        sl_dlq_stats_reset(t);
}

static enum sl_rc turn(struct sl_dlq_topic *t, bool *ret_more, struct sl_err *err)
{
        if (!t->act && sl_wall_ms() >= t->open_at_ms)
                SL_TRY(open_topic(t, err));
        if (t->act)
                SL_TRY(look_for_others(t, err));
        if (t->act)
                SL_TRY(look(t, err));
        if (!t->act)
                return SL_OK;
        if (t->dirty)
                SL_TRY(sl_dlq_topic_commit(t, err));
        SL_TRY(sl_dlq_topic_due(t, ret_more, err));
        if (!*ret_more)
                prove(t);
        return SL_OK;
}

enum sl_rc sl_dlq_topic_turn(struct sl_dlq_topic *t, bool *ret_more, struct sl_err *err)
{
        *ret_more = false;
        enum sl_rc rc = turn(t, ret_more, err);
        sl_dlq_stats_tick(t);
        if (rc == SL_OK || err->id != SL_E_KAFKA_FENCED)
                return rc;
        sl_info("%s: somebody else acts on these dead letters; standing back", t->name);
        sl_err_clear(err);
        close_act(t, sl_wall_ms() + BACK_MS);
        return SL_OK;
}

static void free_goal(void *p)
{
        struct sl_dlq_goal *g = p;
        sl_growth_end(&g->growth);
        sl_metrics_drop(g->labels);
        free(g->labels);
        free(g->name);
        free(g);
}

struct sl_dlq_goal *sl_dlq_topic_goal(struct sl_dlq_topic *t, struct sl_str topic)
{
        struct sl_dlq_goal *g = sl_map_get(&t->goals, topic);
        struct sl_buf labels = {0};
        if (g)
                return g;
        g = sl_calloc(1, sizeof(*g));
        g->name = sl_dlq_is_topic(topic) ? sl_strndup(topic.ptr, topic.len) : sl_strdup("");
        sl_buf_adds(&labels, t->w->env->metric_labels);
        sl_metric_label(&labels, "topic", t->name);
        sl_metric_label(&labels, "target", g->name);
        g->labels = sl_strdup(sl_buf_cstr(&labels));
        sl_buf_free(&labels);
        g->open = sl_metric_get(SL_GAUGE, "sluice_dlq_breaker_state",
                                "Of a target of retries: 0 closed, 1 open (nothing is retried), 2 trying one letter.",
                                g->labels);
        sl_map_put(&t->goals, topic, g);
        return g;
}

void sl_dlq_topic_free(struct sl_dlq_topic *t)
{
        sl_poison_goodbye(&t->poison);
        sl_dlq_act_close(t->act);
        sl_dlq_aside_close(t->aside);
        free(t->parts);
        sl_seen_free(&t->seen);
        sl_waiting_free(&t->waiting);
        if (t->assist)
                t->w->assist->close(t->assist);
        sl_idset_free(&t->taken);
        sl_idset_free(&t->fingerprints);
        sl_map_free(&t->goals, free_goal);
        free(t->done.rules);
        sl_dlq_stats_close(t);
}
