/* SPDX-License-Identifier: Apache-2.0 */
/* SetSchemaMetadata$Key and SetSchemaMetadata$Value: another name, version or both for the schema of the key or value;
 * the rest of the schema stays, optional and default too. A row changes a pointer, and copies its values only when a
 * null field is to be read as its default. In our schemas version 0 is no version, so schema.version=0 counts as not
 * set. */
#include "transforms/common.h"

struct meta_cfg {
        const char *name;
        int32_t version;
        bool replace_null;
};

struct meta {
        const struct meta_cfg *cfg;
        int side;
        struct sl_plans plans; /* the output schema itself */
};

#define NOTHING_SET "Neither schema name nor version configured"

static void meta_check(const void *config, struct sl_cfg_report *report)
{
        const struct meta_cfg *cfg = config;
        if (!cfg->name && !cfg->version && !report->errors)
                sl_cfg_add_error(report, "schema.name", NOTHING_SET);
}

static enum sl_rc meta_open(void *state, const void *config, const struct sl_transform_ops *ops, struct sl_err *err)
{
        struct meta *st = state;
        st->cfg = config;
        st->side = ops->side;
        if (!st->cfg->name && !st->cfg->version)
                return sl_fail(err, SL_E_CONFIG, NOTHING_SET);
        return SL_OK;
}

static sl_cold const struct sl_schema *renamed(struct meta *st, const struct sl_schema *in)
{
        struct sl_schema out = *in;
        if (st->cfg->name)
                out.name = st->cfg->name;
        if (st->cfg->version)
                out.version = st->cfg->version;
        const struct sl_schema *ret = sl_schema_intern(&out);
        sl_plans_put(&st->plans, in, (void *)ret);
        return ret;
}

/* The fields of a struct with the defaults in place of nulls; the same fields when there is nothing to fill. */
static const struct sl_value *filled(const struct sl_schema *s, const struct sl_value *items, struct sl_arena *arena)
{
        struct sl_value *own = NULL;
        for (uint32_t i = 0; i < s->field_count; i++) {
                const struct sl_schema *f = s->fields[i].schema;
                if (items[i].type != SL_NULL || !f->has_default)
                        continue;
                if (!own) {
                        own = sl_arena_alloc(arena, s->field_count * sizeof(*own));
                        memcpy(own, items, s->field_count * sizeof(*own));
                }
                own[i] = f->def;
        }
        return own ? own : items;
}

static enum sl_rc meta_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct meta *st = state;
        const struct sl_schema **schema = sl_side_schema(rec, st->side), *in = *schema;
        struct sl_value *value = sl_side_value(rec, st->side);
        if (!in && value->type == SL_NULL)
                return SL_OK;
        if (!in)
                return sl_fail(err, SL_E_TRANSFORM, "Schema required for [updating schema metadata]");
        const struct sl_schema *out = sl_plans_get(&st->plans, in);
        if (sl_unlikely(!out))
                out = renamed(st, in);
        if (value->type == SL_STRUCT && st->cfg->replace_null)
                value->items = filled(in, value->items, arena);
        *schema = out;
        return SL_OK;
}

static void meta_close(void *state)
{
        struct meta *st = state;
        sl_plans_free(&st->plans, NULL);
}

static const struct sl_cfg_def meta_config[] = {
        {SL_CFG_STR(struct meta_cfg, name, "schema.name"), .importance = SL_HIGH, .doc = "The schema's new name."},
        {SL_CFG_INT(struct meta_cfg, version, "schema.version"), .importance = SL_HIGH,
         .doc = "The schema's new version; 0 leaves it as it is."},
        SL_CFG_REPLACE_NULL(struct meta_cfg),
        {0},
};

static const char *const key_aliases[] = {"org.apache.kafka.connect.transforms.SetSchemaMetadata$Key", NULL};
static const char *const value_aliases[] = {"org.apache.kafka.connect.transforms.SetSchemaMetadata$Value", NULL};

#define META_OPS(text, names, which)                                                                                   \
        {                                                                                                              \
                .name = (text), .aliases = (names), .side = (which), .config = meta_config,                            \
                .config_size = sizeof(struct meta_cfg), .state_size = sizeof(struct meta), .check = meta_check,        \
                .open = meta_open, .apply = meta_apply, .close = meta_close,                                           \
        }
extern const struct sl_transform_ops sl_set_schema_metadata_key, sl_set_schema_metadata_value;
const struct sl_transform_ops sl_set_schema_metadata_key = META_OPS("SetSchemaMetadata$Key", key_aliases, 1);
const struct sl_transform_ops sl_set_schema_metadata_value = META_OPS("SetSchemaMetadata$Value", value_aliases, 0);
