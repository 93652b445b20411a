/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody has worked out for a schema, found by the schema's id without a look-up by name. @thread the owner's.
 */
#ifndef SL_RECORD_PLANS_H
#define SL_RECORD_PLANS_H
#include <stdlib.h>
#include <string.h>
#include "record/schema.h"

struct sl_plans { /* zeroed = empty */
        void **items;
        uint32_t count;
};
static inline void *sl_plans_get(const struct sl_plans *p, const struct sl_schema *schema)
{
        return sl_likely(schema->id < p->count) ? p->items[schema->id] : NULL;
}
/* Replaces; the old plan is not freed. */
static inline void sl_plans_put(struct sl_plans *p, const struct sl_schema *schema, void *plan)
{
        if (schema->id >= p->count) {
                uint32_t n = schema->id + 16;
                p->items = sl_realloc(p->items, n * sizeof(*p->items));
                memset(p->items + p->count, 0, (n - p->count) * sizeof(*p->items));
                p->count = n;
        }
        p->items[schema->id] = plan;
}
static inline void sl_plans_free(struct sl_plans *p, void (*free_plan)(void *)) /* free_plan may be NULL */
{
        for (uint32_t i = 0; free_plan && i < p->count; i++)
                if (p->items[i])
                        free_plan(p->items[i]);
        free(p->items);
        *p = (struct sl_plans){0};
}
#endif
