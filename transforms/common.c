/* SPDX-License-Identifier: Apache-2.0 */
/* See common.h. */
#include "transforms/common.h"
#include <string.h>

enum sl_rc sl_need_struct(const struct sl_schema *schema, const struct sl_value *v, const char *purpose, struct sl_err *err)
{
        if (v->type == SL_STRUCT)
                return SL_OK;
        return sl_fail(err, SL_E_TRANSFORM, "Only Struct objects supported for [%s], found: %s", purpose,
                       sl_java_class(schema, v));
}

enum sl_rc sl_need_map(const struct sl_value *v, const char *purpose, struct sl_err *err)
{
        if (v->type == SL_MAP)
                return SL_OK;
        return sl_fail(err, SL_E_TRANSFORM, "Only Map objects supported in absence of schema for [%s], found: %s", purpose,
                       sl_java_class(NULL, v));
}

int sl_map_find(const struct sl_value *map, struct sl_str key)
{
        for (uint32_t i = 0; i < map->len; i++)
                if (map->items[2 * i].type == SL_STRING && sl_str_eq(sl_v_as_str(&map->items[2 * i]), key))
                        return (int)i;
        return -1;
}

void sl_plans_put(struct sl_plans *p, const struct sl_schema *schema, void *plan)
{
        if (schema->id >= p->count) {
                uint32_t n = schema->id + 16;
                p->items = sl_realloc(p->items, n * sizeof(*p->items));
                memset(p->items + p->count, 0, (n - p->count) * sizeof(*p->items));
                p->count = n;
        }
        p->items[schema->id] = plan;
}

void sl_plans_free(struct sl_plans *p, void (*free_plan)(void *))
{
        for (uint32_t i = 0; free_plan && i < p->count; i++)
                if (p->items[i])
                        free_plan(p->items[i]);
        free(p->items);
        *p = (struct sl_plans){0};
}
