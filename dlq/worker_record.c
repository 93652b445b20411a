/* SPDX-License-Identifier: Apache-2.0 */
/* The connector's record of a dead-letter topic in the ledger: what a restart must not forget, and nothing else says. JSON:
 * {"connector","task","seen","subjects","budgets","breakers"}. Budgets are the task's, so each of its topics' records has them; what a
 * transaction retried is counted in it. */
#include "base/clock.h"
#include "dlq/worker.h"

static void load_budgets(struct sl_dlq_worker *w, const json_t *obj)
{
        for (int class = 0; class < SL_DLQ_CLASSES; class++)
                sl_budget_load(&w->budgets[class], json_object_get(obj, sl_rc_name((enum sl_rc)class)));
}

static json_t *budgets_json(const struct sl_dlq_worker *w)
{
        json_t *obj = json_object();
        for (int class = 0; class < SL_DLQ_CLASSES; class++) {
                json_t *one = sl_budget_json(&w->budgets[class]);
                if (one)
                        json_object_set_new(obj, sl_rc_name((enum sl_rc)class), one);
        }
        return obj;
}

static void load_breakers(struct sl_dlq_topic *t, const json_t *obj)
{
        const char *topic;
        json_t *one;
        json_object_foreach((json_t *)obj, topic, one)
        {
                struct sl_dlq_goal *g = sl_dlq_topic_goal(t, sl_str_c(topic));
                sl_breaker_load(&g->breaker, &t->w->cfg->breaker, one, sl_wall_ms());
                sl_metric_set(g->open, g->breaker.state);
        }
}

static json_t *breakers_json(struct sl_dlq_topic *t)
{
        json_t *obj = json_object();
        struct sl_map_entry *e;
        for (size_t i = 0; sl_map_next(&t->goals, &i, &e);) {
                const struct sl_dlq_goal *g = e->value;
                json_t *one = sl_breaker_json(&g->breaker);
                if (one)
                        json_object_set_new(obj, g->name, one);
        }
        return obj;
}

enum sl_rc sl_dlq_record_load(struct sl_dlq_topic *t, struct sl_err *err)
{
        struct sl_str text = sl_dlq_ledger_worker(t->ledger);
        sl_auto_json *obj = NULL;
        if (text.ptr)
                SL_TRY(sl_json_parse(text, &obj, err));
        sl_seen_load(&t->seen, json_object_get(obj, "seen"));
        t->fresh = !t->seen.count;
        sl_dlq_signals_load(t->w, json_object_get(obj, "subjects"));
        load_budgets(t->w, json_object_get(obj, "budgets"));
        load_breakers(t, json_object_get(obj, "breakers"));
        return SL_OK;
}

/* Due times of what waits follow from when it was seen; of all else nobody asks that any more. */
static void prune(struct sl_dlq_topic *t)
{
        if (t->seen.count <= SL_SEEN_MAX / 2)
                return;
        for (uint32_t p = 0; p < t->part_count; p++) {
                int64_t first = t->parts[p].begin;
                for (size_t i = 0; i < t->waiting.count; i++)
                        if (t->waiting.items[i].partition == (int32_t)p && t->waiting.items[i].offset < first)
                                first = t->waiting.items[i].offset;
                sl_seen_prune(&t->seen, (int32_t)p, first);
        }
}

void sl_dlq_record_put(struct sl_dlq_topic *t)
{
        struct sl_buf text = {0};
        prune(t);
        sl_auto_json *obj = json_pack("{s:s, s:i, s:o, s:o, s:o, s:o}", "connector", t->w->env->connector, "task",
                                      (int)t->w->env->task, "seen", sl_seen_json(&t->seen), "subjects",
                                      sl_dlq_signals_json(t->w), "budgets", budgets_json(t->w), "breakers", breakers_json(t));
        sl_json_dump(obj, &text);
        sl_dlq_ledger_put_worker(t->ledger, (struct sl_str){text.ptr, text.len});
        sl_buf_free(&text);
}
