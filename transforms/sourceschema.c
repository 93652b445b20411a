/* SPDX-License-Identifier: Apache-2.0 */
/* ExtractSchemaToNewRecord of Debezium: a change event gets one more field, `sourceSchema`, which describes the table:
 * names, types, lengths, scales and comments of its columns as the source's parameters on the schema say
 * (column.propagate.source.type, datatype.propagate.source.type). The description is made once a schema. */
#include <errno.h>
#include "transforms/structs.h"

#define PREFIX "io.debezium.connector.source."
#define PARAM "__debezium.source.column."
enum { C_NAME, C_TYPE, C_LENGTH, C_SCALE, C_COMMENT, C_COUNT };

struct described {
        const struct sl_schema *block, *column, *table; /* sourceSchema, one of its columns, its table */
        struct sl_plans plans;
};

/* For one envelope schema. */
struct plan {
        struct sl_arena arena; /* of the description */
        bool envelope;
        uint32_t before, after;
        const struct sl_schema *out; /* NULL = not worked out yet */
        uint32_t source, name;       /* source.table */
        struct sl_value table;
};

static void free_plan(void *item)
{
        sl_arena_free(&((struct plan *)item)->arena);
        free(item);
}

static const struct sl_schema *make_struct(const char *name, const struct sl_field *fields, uint32_t n)
{
        const struct sl_schema spec = {
                .type = SL_STRUCT, .name = name, .version = 1, .fields = fields, .field_count = n};
        return sl_schema_intern(&spec);
}

static enum sl_rc described_open(void *state, const void *config sl_unused,
                                 const struct sl_transform_ops *ops sl_unused, struct sl_err *err sl_unused)
{
        struct described *st = state;
        const struct sl_schema *text = sl_schema_of(SL_STRING, false), *number = sl_schema_of(SL_INT32, true);
        const struct sl_field column[C_COUNT] = {{"name", 0, text},
                                                 {"typeName", 0, text},
                                                 {"length", 0, number},
                                                 {"scale", 0, number},
                                                 {"comment", 0, sl_schema_of(SL_STRING, true)}};
        st->column = make_struct(PREFIX "schema.Column", column, C_COUNT);
        const struct sl_schema columns = {.type = SL_ARRAY, .value = st->column};
        const struct sl_field table = {"columns", 0, sl_schema_intern(&columns)};
        st->table = make_struct(PREFIX "schema.Table", &table, 1);
        const struct sl_field block[] = {{"id", 0, text}, {"table", 0, st->table}};
        st->block = make_struct(PREFIX "Schema", block, 2);
        return SL_OK;
}

/* ---- binding ---- */

static struct sl_value text_param(const struct sl_schema *s, const char *name)
{
        const char *text = sl_schema_param(s, name);
        return text ? sl_v_str(sl_str_c(text)) : SL_V_NULL;
}

/* Integer.parseInt. */
static enum sl_rc number_param(const struct sl_schema *s, const char *name, struct sl_value *ret, struct sl_err *err)
{
        const char *text = sl_schema_param(s, name), *digits = text;
        char *end = NULL;
        *ret = SL_V_NULL;
        if (!text)
                return SL_OK;
        if (*digits == '-' || *digits == '+')
                digits++;
        errno = 0;
        long v = *digits >= '0' && *digits <= '9' ? strtol(text, &end, 10) : 0;
        if (!end || *end || errno || v != (int32_t)v)
                return SL_FAIL_AS(err, "java.lang.NumberFormatException", "For input string: \"%s\"", text);
        *ret = sl_v_i64(SL_INT32, v);
        return SL_OK;
}

static enum sl_rc describe_column(const struct sl_schema *s, struct sl_value *items, struct sl_err *err)
{
        items[C_NAME] = text_param(s, PARAM "name");
        items[C_TYPE] = text_param(s, PARAM "type");
        items[C_COMMENT] = text_param(s, PARAM "comment");
        if (items[C_NAME].type == SL_NULL || items[C_TYPE].type == SL_NULL)
                return SL_FAIL_AS(err, SL_JAVA_DEBEZIUM,
                                  "Ensure that enable configurations \"column.propagate.source.type\" or "
                                  "\"datatype.propagate.source.type\" and the value is set to \".*\"");
        SL_TRY(number_param(s, PARAM "length", &items[C_LENGTH], err));
        return number_param(s, PARAM "scale", &items[C_SCALE], err);
}

static enum sl_rc describe_table(struct plan *plan, const struct sl_schema *row, struct sl_err *err)
{
        uint32_t n = row->field_count;
        struct sl_value *columns = sl_arena_alloc(&plan->arena, n * sizeof(*columns));
        if (row->type != SL_STRUCT)
                return sl_fail(err, SL_E_TRANSFORM, "Cannot list fields on non-struct type");
        for (uint32_t i = 0; i < n; i++) {
                struct sl_value *items = sl_arena_alloc(&plan->arena, C_COUNT * sizeof(*items));
                SL_TRY(describe_column(row->fields[i].schema, items, err));
                columns[i] = sl_v_items(SL_STRUCT, items, C_COUNT);
        }
        struct sl_value *table = sl_arena_alloc(&plan->arena, sizeof(*table));
        *table = sl_v_items(SL_ARRAY, columns, n);
        plan->table = sl_v_items(SL_STRUCT, table, 1);
        return SL_OK;
}

static enum sl_rc extend(const struct described *st, const struct sl_schema *env, const struct sl_schema **ret,
                         struct sl_err *err)
{
        struct sl_schema spec = sl_schema_like(env, SL_STRUCT);
        struct sl_field *fields = sl_calloc(env->field_count + 1, sizeof(*fields));
        memcpy(fields, env->fields, env->field_count * sizeof(*fields));
        spec.optional = env->optional;
        spec.fields = fields;
        spec.field_count = env->field_count;
        enum sl_rc rc = sl_add_field(&spec, fields, "sourceSchema", st->block, err);
        if (rc == SL_OK)
                *ret = sl_schema_intern(&spec);
        free(fields);
        return rc;
}

static sl_cold enum sl_rc bind_rows(const struct described *st, struct plan *plan, const struct sl_schema *env,
                                    struct sl_err *err)
{
        const struct sl_schema *out;
        SL_TRY(extend(st, env, &out, err));
        SL_TRY(sl_struct_index(env, "source", SL_NULL, &plan->source, err));
        if (env->fields[plan->source].schema->type != SL_STRUCT)
                return SL_FAIL_AS(err, SL_JAVA_CAST, "the field source is no struct");
        SL_TRY(sl_struct_index(env->fields[plan->source].schema, "table", SL_STRING, &plan->name, err));
        sl_arena_reset(&plan->arena);
        SL_TRY(describe_table(plan, env->fields[plan->after].schema, err));
        plan->out = out;
        return SL_OK;
}

static sl_cold enum sl_rc bind_envelope(struct described *st, const struct sl_schema *env, const struct sl_value *v,
                                        struct sl_err *err)
{
        struct plan plan = {.envelope = sl_is_envelope(env)};
        if (plan.envelope) {
                SL_TRY(sl_need_struct(env, v, "field extraction", err));
                int after = sl_schema_field(env, "after", 5), before = sl_schema_field(env, "before", 6);
                SL_TRY(sl_need_known(after, "after", err));
                SL_TRY(sl_need_known(before, "before", err));
                plan.after = (uint32_t)after;
                plan.before = (uint32_t)before;
        }
        struct plan *kept = sl_malloc(sizeof(*kept));
        *kept = plan;
        sl_arena_init(&kept->arena, 4096);
        sl_plans_put(&st->plans, env, kept);
        return SL_OK;
}

/* ---- rows ---- */

static enum sl_rc described_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct described *st = state;
        const struct sl_schema *env = rec->value_schema;
        if (rec->value.type == SL_NULL || !env)
                return SL_OK;
        if (sl_unlikely(!sl_plans_get(&st->plans, env)))
                SL_TRY(bind_envelope(st, env, &rec->value, err));
        struct plan *plan = sl_plans_get(&st->plans, env);
        if (!plan->envelope)
                return SL_OK;
        uint32_t n = env->field_count;
        struct sl_value *items = sl_arena_alloc(arena, (n + 3) * sizeof(*items)), *block = items + n + 1;
        for (uint32_t i = 0; i < n; i++)
                items[i] = sl_struct_get(env, &rec->value, i);
        if (items[plan->after].type == SL_NULL && items[plan->before].type == SL_NULL)
                return SL_OK; /* a truncate */
        if (sl_unlikely(!plan->out))
                SL_TRY(bind_rows(st, plan, env, err));
        const struct sl_value *source = &items[plan->source];
        if (source->type == SL_NULL)
                return SL_FAIL_AS(err, SL_JAVA_NPE, "the event has no source");
        block[0] = sl_struct_get(env->fields[plan->source].schema, source, plan->name);
        if (block[0].type == SL_NULL)
                return sl_fail(err, SL_E_TRANSFORM,
                               "Invalid value: null used for required field: \"id\", schema type: STRING");
        block[1] = plan->table;
        items[n] = sl_v_items(SL_STRUCT, block, 2);
        rec->value = sl_v_items(SL_STRUCT, items, n + 1);
        rec->value_schema = plan->out;
        return SL_OK;
}

static void described_close(void *state)
{
        sl_plans_free(&((struct described *)state)->plans, free_plan);
}

static const struct sl_cfg_def described_config[] = {
        {SL_CFG_NONE("schema.name.adjustment.mode", SL_CFG_T_STRING), .flags = SL_CFG_HIDDEN | SL_CFG_IGNORED,
         .doc = "The names of sourceSchema's structs need no adjustment."},
        {0},
};

static const char *const described_aliases[] = {"io.debezium.transforms.ExtractSchemaToNewRecord", NULL};

extern const struct sl_transform_ops sl_extract_schema_to_new_record;
const struct sl_transform_ops sl_extract_schema_to_new_record = {
        .name = "ExtractSchemaToNewRecord",
        .aliases = described_aliases,
        .config = described_config,
        .state_size = sizeof(struct described),
        .open = described_open,
        .apply = described_apply,
        .close = described_close,
};
