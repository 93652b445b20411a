/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of a replay (see plan.h): reasons are told apart by their texts, and counted. */
#include "dlq/plan.h"
#include <stdlib.h>

#define SHAPES 200 /* reasons that are told apart; the last one is */
#define OTHERS "for other reasons"

uint32_t sl_dlq_plan_left(struct sl_dlq_plan *plan, const char *text)
{
        for (uint32_t i = 0; i < plan->shape_count; i++)
                if (strcmp(plan->shapes[i].text, text) == 0)
                        return i;
        if (plan->shape_count == SHAPES)
                return sl_dlq_plan_left(plan, OTHERS);
        if (plan->shape_count == SHAPES - 1)
                text = OTHERS;
        plan->shapes = sl_realloc(plan->shapes, (plan->shape_count + 1) * sizeof(*plan->shapes));
        plan->shapes[plan->shape_count] = (struct sl_dlq_shape){.text = sl_strdup(text)};
        return plan->shape_count++;
}

json_t *sl_dlq_plan_json(const struct sl_dlq_plan *plan, const struct sl_dlq_job *job, bool applied)
{
        const struct sl_dlq_counts *c = &job->counts;
        json_t *list = json_array();
        json_int_t shapes = 0;
        for (uint32_t i = 0; i < plan->shape_count; i++) {
                const struct sl_dlq_shape *s = &plan->shapes[i];
                if (!s->count)
                        continue;
                shapes++;
                json_t *one = json_pack("{s:s, s:I, s:{s:i, s:I}}", "reason", s->text, "count", (json_int_t)s->count,
                                        "example", "partition", s->partition, "offset", (json_int_t)s->offset);
                json_array_append_new(list, one);
        }
        return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:s, s:b, s:O*}", "selected",
                         (json_int_t)plan->selected, "replay", (json_int_t)c->replay, "duplicates",
                         (json_int_t)(c->duplicates + plan->open_duplicates), "obsolete", (json_int_t)c->obsolete,
                         "repaired", (json_int_t)c->repaired, "left", (json_int_t)plan->left, "shapes", shapes, "held",
                         (json_int_t)plan->held, "targets", sl_dlq_counts_json(c), "left_shapes", list, "expired",
                         (json_int_t)plan->expired, "returned", (json_int_t)plan->returned, "earlier", (json_int_t)plan->earlier, "job", job->id, "applied",
                         applied, "changes", plan->changes);
}

void sl_dlq_plan_free(struct sl_dlq_plan *plan)
{
        for (uint32_t i = 0; i < plan->shape_count; i++)
                free(plan->shapes[i].text);
        free(plan->shapes);
        json_decref(plan->changes);
        *plan = (struct sl_dlq_plan){0};
}
