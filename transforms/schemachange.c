/* SPDX-License-Identifier: Apache-2.0 */
/* Debezium's SchemaChangeEventFilter: drops events of schema changes by the kind of their first table change. Only
 * connectors that send such events need it (the Postgres one does not); all other records pass. */
#include "transforms/structs.h"

struct change_cfg {
        const char *exclude;
};

static const char *const kinds[] = {"CREATE", "ALTER", "DROP", "TRUNCATE", "DATABASE"};
#define KINDS (sizeof(kinds) / sizeof(*kinds))
#define JAVA_ENUM "io.debezium.schema.SchemaChangeEvent.SchemaChangeEventType"

struct change_filter {
        bool excluded[KINDS];
};

static int find_kind(struct sl_str name)
{
        for (size_t i = 0; i < KINDS; i++)
                if (sl_str_eqc(name, kinds[i]))
                        return (int)i;
        return -1;
}

/* Empty items at the end don't count. False: *ret_bad is no kind. */
static bool parse_list(const char *text, bool *excluded, struct sl_str *ret_bad)
{
        size_t end = strlen(text);
        while (end && text[end - 1] == ',')
                end--;
        for (const char *p = text, *stop = text + end; p <= stop && end; p++) {
                size_t n = strcspn(p, ",");
                struct sl_str item = {p, n};
                while (item.len && (uint8_t)*item.ptr <= ' ')
                        item = (struct sl_str){item.ptr + 1, item.len - 1};
                while (item.len && (uint8_t)item.ptr[item.len - 1] <= ' ')
                        item.len--;
                int kind = find_kind(item);
                *ret_bad = item;
                if (kind < 0)
                        return false;
                excluded[kind] = true;
                p += n;
        }
        return true;
}

static void change_check(const void *config, struct sl_cfg_report *report)
{
        const struct change_cfg *cfg = config;
        bool excluded[KINDS] = {0};
        struct sl_str bad;
        if (cfg->exclude && !parse_list(cfg->exclude, excluded, &bad))
                sl_cfg_add_error(report, "schema.change.event.exclude.list",
                                 "No enum constant " JAVA_ENUM ".%.*s: use CREATE, ALTER, DROP, TRUNCATE or DATABASE",
                                 SL_FMT(bad));
}

static enum sl_rc change_open(void *state, const void *config, const struct sl_transform_ops *ops sl_unused,
                              struct sl_err *err)
{
        struct change_filter *st = state;
        const struct change_cfg *cfg = config;
        struct sl_str bad;
        if (!parse_list(cfg->exclude, st->excluded, &bad))
                return sl_fail(err, SL_E_CONFIG,
                               "schema.change.event.exclude.list holds %.*s, which is no kind of change", SL_FMT(bad));
        return SL_OK;
}

static bool is_change(const struct sl_schema *s)
{
        static const char *const names[] = {".SchemaChangeValue", ".SchemaChangeKey"};
        size_t n = s && s->name ? strlen(s->name) : 0;
        for (size_t i = 0; i < 2; i++)
                if (n >= strlen(names[i]) && strcmp(s->name + n - strlen(names[i]), names[i]) == 0)
                        return true;
        return false;
}

/* The kind of the first change. */
static enum sl_rc first_kind(const struct sl_schema *list, const struct sl_value *changes, int *ret, struct sl_err *err)
{
        const struct sl_value *change = &changes->items[0];
        uint32_t at;
        if (change->type == SL_NULL)
                return SL_FAIL_AS(err, SL_JAVA_NPE, "The first table change is null");
        if (change->type != SL_STRUCT)
                return SL_FAIL_AS(err, SL_JAVA_CAST, "A table change is no struct");
        SL_TRY(sl_struct_index(list->value, "type", SL_NULL, &at, err));
        struct sl_value type = sl_struct_get(list->value, change, at);
        if (type.type == SL_NULL)
                return SL_FAIL_AS(err, SL_JAVA_NPE, "Name is null");
        if (type.type != SL_STRING)
                return SL_FAIL_AS(err, SL_JAVA_CAST, "The type of a table change is no text");
        *ret = find_kind(sl_v_as_str(&type));
        if (*ret < 0)
                return SL_FAIL_AS(err, SL_JAVA_ARGUMENT, "No enum constant " JAVA_ENUM ".%.*s",
                                  SL_FMT(sl_v_as_str(&type)));
        return SL_OK;
}

static enum sl_rc change_apply(void *state, struct sl_record *rec, struct sl_arena *arena sl_unused, struct sl_err *err)
{
        const struct change_filter *st = state;
        const struct sl_schema *s = rec->value_schema;
        uint32_t at;
        int kind = find_kind(SL_STR("DATABASE"));
        if (rec->value.type == SL_NULL || !is_change(s))
                return SL_OK;
        SL_TRY(sl_need_struct(s, &rec->value, "Read schema change event to filter", err));
        SL_TRY(sl_struct_index(s, "tableChanges", SL_ARRAY, &at, err));
        const struct sl_value *changes = &rec->value.items[at];
        if (changes->type != SL_NULL && changes->len)
                SL_TRY(first_kind(s->fields[at].schema, changes, &kind, err));
        rec->dropped = changes->type == SL_NULL || st->excluded[kind];
        return SL_OK;
}

static const struct sl_cfg_def change_config[] = {
        {SL_CFG_STR(struct change_cfg, exclude, "schema.change.event.exclude.list"),
         .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY, .importance = SL_HIGH,
         .doc = "Kinds of schema changes to drop, with commas: CREATE, ALTER, DROP, TRUNCATE, DATABASE. An event "
                "without "
                "table changes counts as DATABASE."},
        {0},
};

static const char *const change_aliases[] = {"io.debezium.transforms.SchemaChangeEventFilter", NULL};

extern const struct sl_transform_ops sl_schema_change_event_filter;
const struct sl_transform_ops sl_schema_change_event_filter = {
        .name = "SchemaChangeEventFilter",
        .aliases = change_aliases,
        .config = change_config,
        .config_size = sizeof(struct change_cfg),
        .state_size = sizeof(struct change_filter),
        .check = change_check,
        .open = change_open,
        .apply = change_apply,
};
