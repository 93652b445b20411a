/* SPDX-License-Identifier: Apache-2.0 */
/* ExtractChangedRecordState of Debezium: two headers list the fields that an update changed and those that it left
 * alone, by comparing `before` with `after`. Events with only one of the two get empty lists; what is no change event
 * passes. Bytes are compared by what is in them. */
#include "transforms/structs.h"

struct changed_cfg {
        const char *changed, *unchanged;
};

struct changed {
        const struct changed_cfg *cfg;
        struct sl_header heads[2]; /* changed, unchanged; key.ptr NULL = not wanted */
        struct sl_plans plans;
};

/* For one envelope schema. */
struct plan {
        bool envelope;
        uint32_t before, after;
        bool bound;             /* names and at are there */
        struct sl_value *names; /* of after's fields */
        uint32_t *at;           /* where before has them */
};

static void free_plan(void *item)
{
        struct plan *plan = item;
        free(plan->names);
        free(plan->at);
        free(plan);
}

static void make_head(struct sl_header *head, const char *name)
{
        if (!name || !name[strspn(name, " \t\n\r\f\v")])
                return;
        const struct sl_schema spec = {
                .type = SL_ARRAY, .optional = true, .name = name, .value = sl_schema_of(SL_STRING, true)};
        *head = (struct sl_header){.key = sl_str_c(name), .schema = sl_schema_intern(&spec)};
}

static enum sl_rc changed_open(void *state, const void *config, const struct sl_transform_ops *ops sl_unused,
                               struct sl_err *err sl_unused)
{
        struct changed *st = state;
        st->cfg = config;
        make_head(&st->heads[0], st->cfg->changed);
        make_head(&st->heads[1], st->cfg->unchanged);
        return SL_OK;
}

static sl_cold enum sl_rc bind_envelope(struct changed *st, const struct sl_schema *env, struct sl_err *err)
{
        struct plan plan = {.envelope = sl_is_envelope(env)};
        if (plan.envelope) {
                SL_TRY(sl_struct_index(env, "after", SL_NULL, &plan.after, err));
                SL_TRY(sl_struct_index(env, "before", SL_NULL, &plan.before, err));
        }
        struct plan *kept = sl_malloc(sizeof(*kept));
        *kept = plan;
        sl_plans_put(&st->plans, env, kept);
        return SL_OK;
}

/* Both are structs. */
static sl_cold enum sl_rc bind_fields(struct plan *plan, const struct sl_schema *env, struct sl_err *err)
{
        const struct sl_schema *after = env->fields[plan->after].schema, *before = env->fields[plan->before].schema;
        enum sl_rc rc = SL_OK;
        plan->names = sl_realloc(plan->names, (after->field_count + 1) * sizeof(*plan->names));
        plan->at = sl_realloc(plan->at, (after->field_count + 1) * sizeof(*plan->at));
        for (uint32_t i = 0; i < after->field_count && rc == SL_OK; i++) {
                plan->names[i] = sl_v_str((struct sl_str){after->fields[i].name, after->fields[i].name_len});
                rc = sl_struct_index(before, after->fields[i].name, SL_NULL, &plan->at[i], err);
        }
        plan->bound = rc == SL_OK;
        return rc;
}

/* lists[0]: names of fields that changed; lists[1]: of the others. */
static enum sl_rc compare(struct plan *plan, const struct sl_record *rec, struct sl_value lists[2],
                          struct sl_arena *arena, struct sl_err *err)
{
        const struct sl_schema *env = rec->value_schema;
        const struct sl_schema *schemas[2] = {env->fields[plan->before].schema, env->fields[plan->after].schema};
        struct sl_value before = sl_read_field(schemas[0], &rec->value.items[plan->before], true);
        struct sl_value after = sl_read_field(schemas[1], &rec->value.items[plan->after], true);
        lists[0] = lists[1] = sl_v_items(SL_ARRAY, NULL, 0);
        if (before.type == SL_NULL || after.type == SL_NULL)
                return SL_OK;
        SL_TRY(sl_need_struct(schemas[1], &after, "After value should be struct.", err));
        SL_TRY(sl_need_struct(schemas[0], &before, "Before value should be struct.", err));
        if (sl_unlikely(!plan->bound))
                SL_TRY(bind_fields(plan, env, err));
        uint32_t n = after.len, changed = 0, same = n;
        struct sl_value *names = sl_arena_alloc(arena, 2 * (size_t)n * sizeof(*names));
        for (uint32_t i = 0; i < n; i++)
                if (sl_value_equal(&after.items[i], &before.items[plan->at[i]]))
                        names[same++] = plan->names[i];
                else
                        names[changed++] = plan->names[i];
        lists[0] = sl_v_items(SL_ARRAY, names, changed);
        lists[1] = sl_v_items(SL_ARRAY, names + n, same - n);
        return SL_OK;
}

static enum sl_rc changed_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct changed *st = state;
        const struct sl_schema *env = rec->value_schema;
        struct sl_value lists[2];
        if (rec->value.type == SL_NULL || !env)
                return SL_OK;
        if (sl_unlikely(!sl_plans_get(&st->plans, env))) {
                if (sl_is_envelope(env))
                        SL_TRY(sl_need_struct(env, &rec->value, "Record value should be struct.", err));
                SL_TRY(bind_envelope(st, env, err));
        }
        struct plan *plan = sl_plans_get(&st->plans, env);
        if (!plan->envelope)
                return SL_OK;
        SL_TRY(compare(plan, rec, lists, arena, err));
        struct sl_header *h = sl_headers_grow(rec, 2, arena);
        for (uint32_t i = 0; i < 2; i++)
                if (st->heads[i].key.ptr) {
                        *h = st->heads[i];
                        h++->value = lists[i];
                        rec->header_count++;
                }
        return SL_OK;
}

static void changed_close(void *state)
{
        sl_plans_free(&((struct changed *)state)->plans, free_plan);
}

static const struct sl_cfg_def changed_config[] = {
        {SL_CFG_STR(struct changed_cfg, changed, "header.changed.name"), .importance = SL_LOW,
         .doc = "The header that lists the fields which an update changed; without it there is none."},
        {SL_CFG_STR(struct changed_cfg, unchanged, "header.unchanged.name"), .importance = SL_LOW,
         .doc = "The header that lists the fields which an update left alone; without it there is none."},
        {0},
};

static const char *const changed_aliases[] = {"io.debezium.transforms.ExtractChangedRecordState", NULL};

extern const struct sl_transform_ops sl_extract_changed_record_state;
const struct sl_transform_ops sl_extract_changed_record_state = {
        .name = "ExtractChangedRecordState",
        .aliases = changed_aliases,
        .config = changed_config,
        .config_size = sizeof(struct changed_cfg),
        .state_size = sizeof(struct changed),
        .open = changed_open,
        .apply = changed_apply,
        .close = changed_close,
};
