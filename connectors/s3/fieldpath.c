/* SPDX-License-Identifier: Apache-2.0 */
/* See fieldpath.h. */
#include "connectors/s3/fieldpath.h"

#include <stdlib.h>

#include "base/err.h"

void sl_s3_path_init(struct sl_s3_path *p, const char *text)
{
        size_t dots = 0;
        for (const char *c = text; *c; c++)
                dots += *c == '.';
        *p = (struct sl_s3_path){.text = text, .names = sl_calloc(dots + 1, sizeof(*p->names))};
        for (const char *c = text;; c++) {
                size_t n = strcspn(c, ".");
                p->names[p->depth++] = (struct sl_str){c, n};
                c += n;
                if (!*c)
                        break;
        }
        while (p->depth > 1 && p->names[p->depth - 1].len == 0)
                p->depth--;
}

void sl_s3_path_free(struct sl_s3_path *p)
{
        free(p->names);
        *p = (struct sl_s3_path){0};
}

void sl_s3_path_bind(const struct sl_s3_path *p, const struct sl_schema *schema, struct sl_s3_bound *ret)
{
        *ret = (struct sl_s3_bound){.at = sl_calloc(p->depth, sizeof(*ret->at))};
        for (uint32_t i = 0; i < p->depth; i++) {
                int at = schema->type == SL_STRUCT ? sl_schema_field(schema, p->names[i].ptr, p->names[i].len) : -1;
                if (at < 0)
                        return;
                ret->at[i] = (uint32_t)at;
                schema = schema->fields[at].schema;
        }
        ret->leaf = schema;
}

void sl_s3_bound_free(struct sl_s3_bound *b)
{
        free(b->at);
        *b = (struct sl_s3_bound){0};
}

const struct sl_value *sl_s3_bound_value(const struct sl_s3_path *p, const struct sl_s3_bound *b,
                                         const struct sl_schema *schema, const struct sl_value *v)
{
        for (uint32_t i = 0; i < p->depth && v->type != SL_NULL; i++) {
                v = &v->items[b->at[i]];
                schema = schema->fields[b->at[i]].schema;
                if (v->type == SL_NULL && schema->has_default)
                        v = &schema->def;
        }
        return v;
}

const struct sl_value *sl_s3_path_value(const struct sl_s3_path *p, const struct sl_value *map)
{
        for (uint32_t i = 0; i < p->depth; i++) {
                const struct sl_value *found = NULL;
                for (uint32_t k = 0; map->type == SL_MAP && k < map->len && !found; k++)
                        if (map->items[2 * k].type == SL_STRING && sl_str_eq(sl_v_as_str(&map->items[2 * k]), p->names[i]))
                                found = &map->items[2 * k + 1];
                if (!found)
                        return NULL;
                map = found;
        }
        return map;
}
