/* SPDX-License-Identifier: Apache-2.0 */
/* ReplaceField$Key and ReplaceField$Value: leaves fields out and renames the others. `exclude` wins over `include`;
 * both and the left side of `renames` are names of the input. The new schema keeps name, version, doc and parameters,
 * not optional and default of the outside, as in Java. A null key or value passes unchanged. */
#include "transforms/common.h"

#define PURPOSE "field replacement"

struct replace_cfg {
        struct sl_cfg_list exclude, include, renames;
        bool replace_null;
};

struct rename {
        struct sl_str from;
        const char *to; /* in the state's texts */
};

struct replace {
        const struct replace_cfg *cfg;
        int side;
        struct rename *renames;
        char *texts; /* the right sides */
        struct sl_names exclude, include;
        struct sl_plans plans;
};

struct plan {
        const struct sl_schema *schema;
        uint32_t at[]; /* where the field stands in the input */
};

/* ---- config ---- */

/* Where the colon is in "from:to", as Java's String.split sees it: colons at the end don't count. -1: not a mapping. */
static int colon_of(const char *mapping, size_t *ret_end)
{
        size_t n = strlen(mapping), at = strcspn(mapping, ":");
        while (n && mapping[n - 1] == ':')
                n--;
        *ret_end = n;
        return at < n && !memchr(mapping + at + 1, ':', n - at - 1) ? (int)at : -1;
}

/* False: why. */
static bool cut_renames(struct replace *st, const struct sl_cfg_list *list, struct sl_buf *why)
{
        size_t room = 0, end;
        for (uint32_t i = 0; i < list->count; i++)
                room += strlen(list->items[i]) + 1;
        st->renames = sl_calloc(list->count + 1, sizeof(*st->renames));
        char *w = st->texts = sl_malloc(room + 1);
        for (uint32_t i = 0; i < list->count; i++) {
                const char *text = list->items[i];
                int at = colon_of(text, &end);
                if (at < 0) {
                        sl_buf_adds(why, "Invalid value [");
                        for (uint32_t k = 0; k < list->count; k++)
                                sl_buf_printf(why, "%s%s", k ? ", " : "", list->items[k]);
                        sl_buf_printf(why, "] for configuration renames: Invalid rename mapping: %s", text);
                        return false;
                }
                size_t n = end - (size_t)at - 1;
                memcpy(w, text + at + 1, n);
                w[n] = '\0';
                st->renames[i] = (struct rename){{text, (size_t)at}, w};
                w += n + 1;
        }
        return true;
}

static void replace_close(void *state)
{
        struct replace *st = state;
        free(st->renames);
        free(st->texts);
        free(st->exclude.items);
        free(st->include.items);
        sl_plans_free(&st->plans, free);
        *st = (struct replace){0};
}

static void replace_check(const void *config, struct sl_cfg_report *report)
{
        const struct replace_cfg *cfg = config;
        struct replace st = {0};
        struct sl_buf why = {0};
        if (!cut_renames(&st, &cfg->renames, &why))
                sl_cfg_add_error(report, "renames", "%s", sl_buf_cstr(&why));
        replace_close(&st);
        sl_buf_free(&why);
}

static enum sl_rc replace_open(void *state, const void *config, const struct sl_transform_ops *ops, struct sl_err *err)
{
        struct replace *st = state;
        struct sl_buf why = {0};
        enum sl_rc rc = SL_OK;
        st->cfg = config;
        st->side = ops->side;
        sl_names_of(&st->exclude, &st->cfg->exclude);
        sl_names_of(&st->include, &st->cfg->include);
        if (!cut_renames(st, &st->cfg->renames, &why))
                rc = sl_fail(err, SL_E_CONFIG, "%s", sl_buf_cstr(&why));
        sl_buf_free(&why);
        return rc;
}

/* ---- rows ---- */

static bool stays(const struct replace *st, struct sl_str name)
{
        return !sl_names_have(&st->exclude, name) && (!st->include.count || sl_names_have(&st->include, name));
}

/* NULL = keeps its name. Of two renames of a field the last one counts. */
static const char *new_name(const struct replace *st, struct sl_str name)
{
        for (uint32_t i = st->cfg->renames.count; i-- > 0;)
                if (sl_str_eq(st->renames[i].from, name))
                        return st->renames[i].to;
        return NULL;
}

static sl_cold enum sl_rc bind_schema(struct replace *st, const struct sl_schema *in, struct sl_err *err)
{
        struct sl_schema out = sl_schema_like(in, SL_STRUCT);
        struct sl_field *fields = sl_calloc(in->field_count + 1, sizeof(*fields));
        struct plan *plan = sl_malloc(sizeof(*plan) + in->field_count * sizeof(*plan->at));
        enum sl_rc rc = SL_OK;
        out.fields = fields;
        for (uint32_t i = 0; i < in->field_count && rc == SL_OK; i++) {
                const struct sl_field *f = &in->fields[i];
                struct sl_str name = {f->name, f->name_len};
                const char *to = new_name(st, name);
                if (!stays(st, name))
                        continue;
                plan->at[out.field_count] = i;
                rc = sl_add_field(&out, fields, to ? to : f->name, f->schema, err);
        }
        if (rc == SL_OK) {
                plan->schema = sl_schema_intern(&out);
                sl_plans_put(&st->plans, in, plan);
        } else {
                free(plan);
        }
        free(fields);
        return rc;
}

static enum sl_rc replace_struct(struct replace *st, const struct sl_schema **schema, struct sl_value *value,
                                 struct sl_arena *arena, struct sl_err *err)
{
        const struct sl_schema *in = *schema;
        SL_TRY(sl_need_struct(in, value, PURPOSE, err));
        if (sl_unlikely(!sl_plans_get(&st->plans, in)))
                SL_TRY(bind_schema(st, in, err));
        const struct plan *plan = sl_plans_get(&st->plans, in);
        uint32_t n = plan->schema->field_count;
        struct sl_value *items = sl_arena_alloc(arena, n * sizeof(*items));
        for (uint32_t i = 0; i < n; i++)
                items[i] = sl_read_field(plan->schema->fields[i].schema, &value->items[plan->at[i]],
                                         st->cfg->replace_null);
        *value = sl_v_items(SL_STRUCT, items, n);
        *schema = plan->schema;
        return SL_OK;
}

/* Two entries that end under one name: the later one's value stays. */
static enum sl_rc replace_map(struct replace *st, struct sl_value *value, struct sl_arena *arena, struct sl_err *err)
{
        SL_TRY(sl_need_map(value, PURPOSE, err));
        struct sl_value *items = sl_arena_alloc(arena, 2 * (size_t)value->len * sizeof(*items));
        struct sl_value out = sl_v_items(SL_MAP, items, 0);
        for (uint32_t i = 0; i < value->len; i++) {
                struct sl_value key = value->items[2 * i];
                struct sl_str name = key.type == SL_STRING ? sl_v_as_str(&key) : SL_STR_NULL;
                if (!stays(st, name))
                        continue;
                const char *to = new_name(st, name);
                if (to)
                        key = sl_v_str(sl_str_c(to));
                int there = st->cfg->renames.count && key.type == SL_STRING ? sl_map_find(&out, sl_v_as_str(&key)) : -1;
                uint32_t at = there < 0 ? out.len++ : (uint32_t)there;
                items[2 * at] = key;
                items[2 * at + 1] = value->items[2 * i + 1];
        }
        *value = out;
        return SL_OK;
}

static enum sl_rc replace_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct replace *st = state;
        const struct sl_schema **schema = sl_side_schema(rec, st->side);
        struct sl_value *value = sl_side_value(rec, st->side);
        if (value->type == SL_NULL)
                return SL_OK;
        return *schema ? replace_struct(st, schema, value, arena, err) : replace_map(st, value, arena, err);
}

static const struct sl_cfg_def replace_config[] = {
        {SL_CFG_LIST(struct replace_cfg, exclude, "exclude"), .flags = SL_CFG_UNIQUE, .def = "",
         .importance = SL_MEDIUM, .doc = "Fields to leave out; stronger than include."},
        {SL_CFG_LIST(struct replace_cfg, include, "include"), .flags = SL_CFG_UNIQUE, .def = "",
         .importance = SL_MEDIUM, .doc = "Fields to keep; empty keeps all."},
        {SL_CFG_LIST(struct replace_cfg, renames, "renames"), .def = "", .importance = SL_MEDIUM,
         .doc = "Pairs old:new of field names."},
        SL_CFG_REPLACE_NULL(struct replace_cfg),
        {0},
};

static const char *const key_aliases[] = {"org.apache.kafka.connect.transforms.ReplaceField$Key", NULL};
static const char *const value_aliases[] = {"org.apache.kafka.connect.transforms.ReplaceField$Value", NULL};

#define REPLACE_OPS(text, names, which)                                                                                \
        {                                                                                                              \
                .name = (text), .aliases = (names), .side = (which), .config = replace_config,                         \
                .config_size = sizeof(struct replace_cfg), .state_size = sizeof(struct replace),                       \
                .check = replace_check, .open = replace_open, .apply = replace_apply, .close = replace_close,          \
        }
extern const struct sl_transform_ops sl_replace_field_key, sl_replace_field_value;
const struct sl_transform_ops sl_replace_field_key = REPLACE_OPS("ReplaceField$Key", key_aliases, 1);
const struct sl_transform_ops sl_replace_field_value = REPLACE_OPS("ReplaceField$Value", value_aliases, 0);
