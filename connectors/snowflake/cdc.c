/* SPDX-License-Identifier: Apache-2.0 */
/* Change events in Debezium's envelope taken apart: see cdc.h. */
#include "connectors/snowflake/cdc.h"

#include <stdlib.h>

/* Where the parts are in values of a schema, -1 = nowhere. */
struct places {
        int op, before, after, source, lsn, ts_us, ts_ms;
};

static int place(const struct sl_schema *s, const char *name, enum sl_type type)
{
        int i = s && s->type == SL_STRUCT ? sl_schema_field(s, name, strlen(name)) : -1;
        return i >= 0 && s->fields[i].schema->type == type ? i : -1;
}

static sl_cold struct places *find_places(struct sl_plans *plans, const struct sl_schema *s)
{
        struct places *p = sl_malloc(sizeof(*p));
        p->source = place(s, "source", SL_STRUCT);
        const struct sl_schema *source = p->source >= 0 ? s->fields[p->source].schema : NULL;
        *p = (struct places){
                .op = place(s, "op", SL_STRING),
                .before = place(s, "before", SL_STRUCT),
                .after = place(s, "after", SL_STRUCT),
                .source = p->source,
                .lsn = place(source, "lsn", SL_INT64),
                .ts_us = place(source, "ts_us", SL_INT64),
                .ts_ms = place(source, "ts_ms", SL_INT64),
        };
        sl_plans_put(plans, s, p);
        return p;
}

static const struct sl_value *at(const struct sl_value *v, int i)
{
        return v && v->type == SL_STRUCT && i >= 0 && (uint32_t)i < v->len && v->items[i].type != SL_NULL ? &v->items[i]
                                                                                                          : NULL;
}

static const struct sl_value *entry(const struct sl_value *map, const char *name)
{
        for (uint32_t i = 0; map && map->type == SL_MAP && i < map->len; i++) {
                const struct sl_value *k = &map->items[2 * (size_t)i];
                if (k->type == SL_STRING && sl_str_eqc(sl_v_as_str(k), name))
                        return k[1].type == SL_NULL ? NULL : k + 1;
        }
        return NULL;
}

static bool is_whole(const struct sl_value *v)
{
        return v && v->type >= SL_INT8 && v->type <= SL_INT64;
}

/* op, before, after and source's three, wherever they came from. */
static bool assemble(const struct sl_value *op, const struct sl_value *before, const struct sl_value *after,
                     const struct sl_value *lsn, const struct sl_value *us, const struct sl_value *ms,
                     struct sl_sf_change *ret, bool *ret_skip)
{
        if (!op || op->type != SL_STRING || op->len != 1)
                return false;
        ret->op = sl_v_as_str(op);
        *ret_skip = op->ptr[0] == 'm';
        ret->row = op->ptr[0] == 'd' ? before : op->ptr[0] == 't' ? NULL : after;
        ret->has_lsn = is_whole(lsn);
        ret->lsn = ret->has_lsn ? lsn->i64 : 0;
        ret->has_commit = is_whole(us) || is_whole(ms);
        if (ret->has_commit)
                ret->commit_us = is_whole(us) ? us->i64 : ms->i64 * 1000;
        return ret->row || *ret_skip || op->ptr[0] == 't';
}

bool sl_sf_cdc_change(struct sl_plans *plans, const struct sl_schema *schema, const struct sl_value *value,
                      struct sl_sf_change *ret, bool *ret_skip)
{
        *ret_skip = false;
        if (!schema) {
                const struct sl_value *source = entry(value, "source");
                return assemble(entry(value, "op"), entry(value, "before"), entry(value, "after"), entry(source, "lsn"),
                                entry(source, "ts_us"), entry(source, "ts_ms"), ret, ret_skip);
        }
        if (schema->type != SL_STRUCT)
                return false;
        const struct places *p = sl_plans_get(plans, schema);
        if (sl_unlikely(!p))
                p = find_places(plans, schema);
        const struct sl_value *source = at(value, p->source), *before = at(value, p->before),
                              *after = at(value, p->after);
        if (!assemble(at(value, p->op), before, after, at(source, p->lsn), at(source, p->ts_us), at(source, p->ts_ms),
                      ret, ret_skip))
                return false;
        if (ret->row)
                ret->schema = schema->fields[ret->row == before ? p->before : p->after].schema;
        return true;
}
