/* SPDX-License-Identifier: Apache-2.0 */
/* The connector's measurements of one dead-letter topic (docs/metrics.md). Ages of open letters are kept by minute. */
#include <stdlib.h>
#include "base/clock.h"
#include "dlq/worker.h"

#define MINUTE_MS 60000
#define ASK_MS 30000

static const struct {
        const char *name, *help;
} totals[SL_DLQ_STATS_COUNT] = {
        [SL_DLQ_RETRIED] = {"sluice_dlq_retried_total", "Dead letters that were retried."},
        [SL_DLQ_REPAIRED] = {"sluice_dlq_repaired_total", "Of those retried, letters whose value a rule mended."},
        [SL_DLQ_PUT_ASIDE] = {"sluice_dlq_quarantined_total", "Dead letters that were quarantined."},
        [SL_DLQ_THROWN_AWAY] = {"sluice_dlq_discarded_total", "Dead letters that a rule discarded."},
};

static char *labels_with(const char *base, const char *name, const char *value)
{
        struct sl_buf text = {0};
        sl_buf_adds(&text, base);
        sl_metric_label(&text, name, value);
        char *copy = sl_strdup(sl_buf_cstr(&text));
        sl_buf_free(&text);
        return copy;
}

void sl_dlq_stats_open(struct sl_dlq_topic *t)
{
        struct sl_dlq_topic_stats *s = &t->stats;
        s->keeps_ms = -1;
        s->labels = labels_with(t->w->env->metric_labels, "topic", t->name);
        s->oldest = sl_metric_get(SL_GAUGE, "sluice_dlq_oldest_open_seconds", "Age of the oldest open dead letter; 0 = there is none.",
                                  s->labels);
        s->left = sl_metric_get(SL_GAUGE, "sluice_dlq_retention_left_seconds",
                                "Until retention may delete the oldest open dead letter; -1 = never, or there is none.", s->labels);
        s->fingerprints = sl_metric_get(SL_COUNTER, "sluice_dlq_new_fingerprints_total",
                                        "Dead letters of a failure that the topic did not have before.", s->labels);
        s->waiting = sl_metric_get(SL_GAUGE, "sluice_dlq_waiting_letters", "Open dead letters that the connector will do something with.",
                                   s->labels);
        s->standing_back = sl_metric_get(SL_GAUGE, "sluice_dlq_standing_back", "1 while a command acts on the topic.", s->labels);
        for (int c = SL_TRANSIENT; c < SL_DLQ_CLASSES; c++) {
                s->class_labels[c] = labels_with(s->labels, "class", sl_rc_name((enum sl_rc)c));
                s->open[c] = sl_metric_get(SL_GAUGE, "sluice_dlq_open_letters", "Open dead letters.", s->class_labels[c]);
                for (int i = 0; i < SL_DLQ_STATS_COUNT; i++)
                        s->done[i][c] = sl_metric_get(SL_COUNTER, totals[i].name, totals[i].help, s->class_labels[c]);
        }
}

void sl_dlq_stats_close(struct sl_dlq_topic *t)
{
        struct sl_dlq_topic_stats *s = &t->stats;
        for (int c = SL_TRANSIENT; c < SL_DLQ_CLASSES; c++) {
                sl_metrics_drop(s->class_labels[c]);
                free(s->class_labels[c]);
        }
        sl_metrics_drop(s->labels);
        free(s->labels);
        free(s->ages);
}

void sl_dlq_stats_reset(struct sl_dlq_topic *t)
{
        t->stats.age_count = 0;
        for (int c = SL_TRANSIENT; c < SL_DLQ_CLASSES; c++) {
                t->stats.counts[c] = 0;
                sl_metric_set(t->stats.open[c], 0);
        }
}

static struct sl_dlq_age *age_of(struct sl_dlq_topic_stats *s, int64_t minute, bool make)
{
        size_t low = 0, high = s->age_count;
        while (low < high) {
                size_t mid = (low + high) / 2;
                if (s->ages[mid].minute < minute)
                        low = mid + 1;
                else
                        high = mid;
        }
        if (low < s->age_count && s->ages[low].minute == minute)
                return &s->ages[low];
        if (!make)
                return NULL;
        if (s->age_count == s->age_cap) {
                s->age_cap = s->age_cap ? s->age_cap * 2 : 64;
                s->ages = sl_realloc(s->ages, s->age_cap * sizeof(*s->ages));
        }
        memmove(s->ages + low + 1, s->ages + low, (s->age_count++ - low) * sizeof(*s->ages));
        s->ages[low] = (struct sl_dlq_age){.minute = minute};
        return &s->ages[low];
}

void sl_dlq_stats_letter(struct sl_dlq_topic *t, enum sl_rc class, int64_t timestamp_ms, int by)
{
        struct sl_dlq_topic_stats *s = &t->stats;
        s->counts[class] += by;
        if (by > 0)
                sl_metric_set(s->open[class], s->counts[class]);
        if (timestamp_ms < 0)
                return;
        struct sl_dlq_age *age = age_of(s, timestamp_ms / MINUTE_MS, by > 0);
        if (age)
                age->count += (uint64_t)(int64_t)by;
        if (age && !age->count) {
                size_t i = (size_t)(age - s->ages);
                memmove(s->ages + i, s->ages + i + 1, (--s->age_count - i) * sizeof(*s->ages));
        }
}

uint64_t sl_dlq_stats_done(const struct sl_dlq_topic *t, enum sl_dlq_stat stat)
{
        uint64_t n = 0;
        for (int c = 0; c < SL_DLQ_CLASSES; c++)
                n += t->done.by[stat][c];
        return n;
}

void sl_dlq_stats_commit(struct sl_dlq_topic *t)
{
        struct sl_dlq_topic_stats *s = &t->stats;
        uint64_t *rules = t->done.rules;
        for (int c = SL_TRANSIENT; c < SL_DLQ_CLASSES; c++) {
                sl_metric_set(s->open[c], s->counts[c]);
                for (int i = 0; i < SL_DLQ_STATS_COUNT; i++)
                        if (t->done.by[i][c])
                                sl_metric_add(s->done[i][c], (int64_t)t->done.by[i][c]);
        }
        for (uint32_t i = 0; i < t->w->rule_count; i++) {
                if (rules[i])
                        sl_metric_add(t->w->rule_uses[i], (int64_t)rules[i]);
                rules[i] = 0;
        }
        t->done = (struct sl_dlq_done){.rules = rules};
}

/* Without the right to ask the topic is taken for one that keeps all. */
static void ask_retention(struct sl_dlq_topic *t)
{
        struct sl_dlq_topic_stats *s = &t->stats;
        struct sl_buf text = {0};
        struct sl_err ignored = {0};
        int64_t ms;
        if (s->asked_ms && sl_mono_ms() - s->asked_ms < ASK_MS)
                return;
        s->asked_ms = sl_mono_ms();
        s->keeps_ms = -1;
        if (sl_admin_topic_config(t->w->admin, t->name, "cleanup.policy", SL_DLQ_ASK_MS, &text, &ignored) == SL_OK &&
            strstr(sl_buf_cstr(&text), "delete")) {
                sl_buf_clear(&text);
                if (sl_admin_topic_config(t->w->admin, t->name, "retention.ms", SL_DLQ_ASK_MS, &text, &ignored) == SL_OK &&
                    sl_parse_i64((struct sl_str){text.ptr, text.len}, &ms))
                        s->keeps_ms = ms;
        }
        sl_buf_free(&text);
}

void sl_dlq_stats_tick(struct sl_dlq_topic *t)
{
        struct sl_dlq_topic_stats *s = &t->stats;
        int64_t now = sl_wall_ms(), oldest = s->age_count ? s->ages[0].minute * MINUTE_MS : -1;
        if (t->part_count)
                ask_retention(t);
        int64_t age = oldest >= 0 && oldest < now ? now - oldest : 0, left = s->keeps_ms > age ? s->keeps_ms - age : 0;
        sl_metric_set(s->oldest, age / 1000);
        sl_metric_set(s->left, oldest < 0 || s->keeps_ms < 0 ? -1 : left / 1000);
        sl_metric_set(s->waiting, (int64_t)t->waiting.count);
}
