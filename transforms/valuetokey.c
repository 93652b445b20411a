/* SPDX-License-Identifier: Apache-2.0 */
/* ValueToKey: the key becomes a struct (unnamed, required) or map of some of the value's fields, in the order of
 * `fields`. The key's schema is made once per value schema; a row copies the fields' values. The value stays. */
#include "transforms/common.h"

#define PURPOSE "copying fields from value to key"

struct tokey_cfg {
        struct sl_cfg_list fields;
        bool replace_null;
};

struct tokey {
        const struct tokey_cfg *cfg;
        struct sl_plans plans;
};

struct plan {
        const struct sl_schema *schema;
        uint32_t at[]; /* the fields in the value */
};

static enum sl_rc tokey_open(void *state, const void *config, const struct sl_transform_ops *ops sl_unused,
                             struct sl_err *err sl_unused)
{
        struct tokey *st = state;
        st->cfg = config;
        return SL_OK;
}

static enum sl_rc key_schema(const struct tokey *st, const struct sl_schema *in, struct plan *plan,
                             struct sl_field *fields, struct sl_err *err)
{
        struct sl_schema out = {.type = SL_STRUCT, .fields = fields};
        for (uint32_t i = 0; i < st->cfg->fields.count; i++) {
                const char *name = st->cfg->fields.items[i];
                int found = sl_schema_field(in, name, strlen(name));
                if (found < 0)
                        return sl_fail(err, SL_E_TRANSFORM, "Field does not exist: %s", name);
                plan->at[i] = (uint32_t)found;
                SL_TRY(sl_add_field(&out, fields, name, in->fields[found].schema, err));
        }
        plan->schema = sl_schema_intern(&out);
        return SL_OK;
}

static sl_cold enum sl_rc bind_schema(struct tokey *st, const struct sl_schema *in, struct sl_err *err)
{
        uint32_t n = st->cfg->fields.count;
        struct plan *plan = sl_malloc(sizeof(*plan) + n * sizeof(*plan->at));
        struct sl_field *fields = sl_calloc(n, sizeof(*fields));
        enum sl_rc rc = key_schema(st, in, plan, fields, err);
        if (rc == SL_OK)
                sl_plans_put(&st->plans, in, plan);
        else
                free(plan);
        free(fields);
        return rc;
}

static enum sl_rc from_struct(struct tokey *st, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        const struct sl_schema *in = rec->value_schema;
        uint32_t n = st->cfg->fields.count;
        SL_TRY(sl_need_struct(in, &rec->value, PURPOSE, err));
        if (sl_unlikely(!sl_plans_get(&st->plans, in)))
                SL_TRY(bind_schema(st, in, err));
        const struct plan *plan = sl_plans_get(&st->plans, in);
        struct sl_value *items = sl_arena_alloc(arena, n * sizeof(*items));
        for (uint32_t i = 0; i < n; i++)
                items[i] = sl_read_field(in->fields[plan->at[i]].schema, &rec->value.items[plan->at[i]],
                                         st->cfg->replace_null);
        rec->key_schema = plan->schema;
        rec->key = sl_v_items(SL_STRUCT, items, n);
        return SL_OK;
}

static enum sl_rc tokey_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct tokey *st = state;
        uint32_t n = st->cfg->fields.count;
        if (rec->value_schema)
                return from_struct(st, rec, arena, err);
        SL_TRY(sl_need_map(&rec->value, PURPOSE, err));
        struct sl_value *items = sl_arena_alloc(arena, 2 * (size_t)n * sizeof(*items));
        for (uint32_t i = 0; i < n; i++) {
                struct sl_str name = sl_str_c(st->cfg->fields.items[i]);
                int found = sl_map_find(&rec->value, name);
                items[2 * i] = sl_v_str(name);
                items[2 * i + 1] = found < 0 ? SL_V_NULL : rec->value.items[2 * found + 1];
        }
        rec->key_schema = NULL;
        rec->key = sl_v_items(SL_MAP, items, n);
        return SL_OK;
}

static void tokey_close(void *state)
{
        struct tokey *st = state;
        sl_plans_free(&st->plans, free);
}

static const struct sl_cfg_def tokey_config[] = {
        {SL_CFG_LIST(struct tokey_cfg, fields, "fields"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY | SL_CFG_UNIQUE,
         .importance = SL_HIGH, .doc = "Fields of the value that make up the new key, in this order."},
        SL_CFG_REPLACE_NULL(struct tokey_cfg),
        {0},
};

static const char *const tokey_aliases[] = {"org.apache.kafka.connect.transforms.ValueToKey", NULL};

extern const struct sl_transform_ops sl_value_to_key;
const struct sl_transform_ops sl_value_to_key = {
        .name = "ValueToKey",
        .aliases = tokey_aliases,
        .config = tokey_config,
        .config_size = sizeof(struct tokey_cfg),
        .state_size = sizeof(struct tokey),
        .open = tokey_open,
        .apply = tokey_apply,
        .close = tokey_close,
};
