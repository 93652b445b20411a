/* SPDX-License-Identifier: Apache-2.0 */
/* The transforms that change headers: DropHeaders, InsertHeader, HeaderFrom$Key and HeaderFrom$Value. A record whose
 * headers change gets a new list in the batch arena, which points at the headers that stay; the old list is what it was: it is the
 * original's, or other records'. Records that share a list (all of a source) share what DropHeaders and InsertHeader make of it, too. A
 * value's text in InsertHeader is read by Connect's Values, once. */
#include "record/values.h"
#include "transforms/common.h"

/* ---- DropHeaders ---- */

struct drop_cfg {
        struct sl_cfg_list headers;
};
struct drop {
        struct sl_names names;
        struct sl_headers_memo memo;
};

static enum sl_rc drop_open(void *state, const void *config, const struct sl_transform_ops *ops sl_unused,
                            struct sl_err *err sl_unused)
{
        sl_names_of(&((struct drop *)state)->names, &((const struct drop_cfg *)config)->headers);
        return SL_OK;
}

static void drop_headers(const struct sl_names *names, struct sl_record *rec, struct sl_arena *arena)
{
        const struct sl_header *const *old = rec->headers;
        uint32_t n = rec->header_count, kept = 0;
        while (kept < n && !sl_names_have(names, old[kept]->key))
                kept++;
        uint32_t left = kept;
        for (uint32_t i = kept + 1; i < n; i++)
                left += !sl_names_have(names, old[i]->key);
        rec->header_count = left;
        if (left == kept)
                return; /* what stays is the list's begin */
        const struct sl_header **list = sl_arena_alloc(arena, left * sizeof(*list));
        memcpy(list, old, kept * sizeof(*list));
        rec->headers = list;
        for (uint32_t i = kept + 1; i < n; i++)
                if (!sl_names_have(names, old[i]->key))
                        list[kept++] = old[i];
}

static enum sl_rc drop_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err sl_unused)
{
        struct drop *st = state;
        if (sl_headers_known(&st->memo, rec, arena))
                return SL_OK;
        const struct sl_header *const *from = rec->headers;
        uint32_t n = rec->header_count;
        drop_headers(&st->names, rec, arena);
        sl_headers_remember(&st->memo, from, n, rec, arena);
        return SL_OK;
}

static void drop_close(void *state)
{
        free(((struct drop *)state)->names.items);
}

/* ---- InsertHeader ---- */

struct insert_cfg {
        const char *header, *literal;
};
struct insert {
        struct sl_arena arena; /* what the literal was read into */
        struct sl_header header;
        struct sl_headers_memo memo;
};

static enum sl_rc insert_open(void *state, const void *config, const struct sl_transform_ops *ops sl_unused,
                              struct sl_err *err sl_unused)
{
        struct insert *st = state;
        const struct insert_cfg *cfg = config;
        sl_arena_init(&st->arena, 4096);
        st->header.key = sl_str_c(cfg->header);
        sl_values_parse(sl_str_c(cfg->literal), &st->arena, &st->header.schema, &st->header.value);
        return SL_OK;
}

static enum sl_rc insert_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err sl_unused)
{
        struct insert *st = state;
        if (sl_headers_known(&st->memo, rec, arena))
                return SL_OK;
        const struct sl_header *const *from = rec->headers;
        uint32_t n = rec->header_count;
        *sl_headers_grow(rec, 1, arena) = st->header;
        rec->header_count++;
        sl_headers_remember(&st->memo, from, n, rec, arena);
        return SL_OK;
}

static void insert_close(void *state)
{
        sl_arena_free(&((struct insert *)state)->arena);
}

/* ---- HeaderFrom ---- */

enum operation { MOVE, COPY };
struct from_cfg {
        struct sl_cfg_list fields, headers;
        int operation;
        bool replace_null;
};

/* One header of a struct schema: its field's index, and what it is but for that field's value. */
struct take {
        uint32_t at;
        struct sl_str key;
        const struct sl_schema *schema;
        const struct sl_value *def; /* of a null value, or NULL */
};
/* For one struct schema. */
struct plan {
        const struct sl_schema *out; /* MOVE: what is left */
        uint32_t *kept;              /* MOVE: indexes of its fields */
        struct take *taken;          /* each header */
};
struct from {
        const struct from_cfg *cfg;
        int side;
        const char *purpose;
        struct sl_names fields, headers;
        struct sl_plans plans;
};

/* In the order of Kafka's validators. */
static const char *from_problem(const struct from_cfg *cfg, const char **ret_key)
{
        *ret_key = "fields";
        if (!cfg->fields.count)
                return "Invalid value [] for configuration fields: Empty list";
        if (cfg->headers.count && cfg->headers.count != cfg->fields.count)
                return "'fields' config must have the same number of elements as 'headers' config.";
        *ret_key = "headers";
        return cfg->headers.count ? NULL : "Invalid value [] for configuration headers: Empty list";
}

static void from_check(const void *config, struct sl_cfg_report *report)
{
        const char *key, *problem = from_problem(config, &key);
        if (problem)
                sl_cfg_add_error(report, key, "%s", problem);
}

static enum sl_rc from_open(void *state, const void *config, const struct sl_transform_ops *ops, struct sl_err *err)
{
        struct from *st = state;
        const char *key, *problem = from_problem(config, &key);
        if (problem)
                return sl_fail(err, SL_E_CONFIG, "%s", problem);
        st->cfg = config;
        st->side = ops->side;
        st->purpose = st->cfg->operation == MOVE ? "header move" : "header copy";
        sl_names_of(&st->fields, &st->cfg->fields);
        sl_names_of(&st->headers, &st->cfg->headers);
        return SL_OK;
}

static void free_plan(void *item)
{
        struct plan *plan = item;
        free(plan->kept);
        free(plan->taken);
        free(plan);
}

static const struct sl_schema *without_fields(const struct from *st, const struct sl_schema *in, uint32_t *kept)
{
        struct sl_schema out = sl_schema_like(in, SL_STRUCT);
        struct sl_field *fields = sl_calloc(in->field_count + 1, sizeof(*fields));
        for (uint32_t i = 0; i < in->field_count; i++)
                if (!sl_names_have(&st->fields, (struct sl_str){in->fields[i].name, in->fields[i].name_len})) {
                        kept[out.field_count] = i;
                        fields[out.field_count++] = in->fields[i];
                }
        out.fields = fields;
        const struct sl_schema *schema = sl_schema_intern(&out);
        free(fields);
        return schema;
}

static sl_cold sl_noinline enum sl_rc bind_schema(struct from *st, const struct sl_schema *in, struct sl_err *err)
{
        const struct sl_cfg_list *names = &st->cfg->fields;
        struct plan *plan = sl_calloc(1, sizeof(*plan));
        plan->taken = sl_calloc(names->count, sizeof(*plan->taken));
        for (uint32_t i = 0; i < names->count; i++) {
                int at = sl_schema_field(in, names->items[i], strlen(names->items[i]));
                if (at < 0) {
                        free_plan(plan);
                        return SL_FAIL_AS(err, SL_JAVA_NPE, "the record has no field %s for [%s]", names->items[i],
                                          st->purpose);
                }
                const struct sl_schema *field = in->fields[at].schema;
                plan->taken[i] = (struct take){(uint32_t)at, st->headers.items[i], field,
                                               field->has_default && st->cfg->replace_null ? &field->def : NULL};
        }
        plan->out = in;
        if (st->cfg->operation == MOVE) {
                plan->kept = sl_calloc(in->field_count + 1, sizeof(*plan->kept));
                plan->out = without_fields(st, in, plan->kept);
        }
        sl_plans_put(&st->plans, in, plan);
        return SL_OK;
}

/* What is left of a struct whose fields moved. */
static void take_away(const struct from *st, const struct plan *plan, struct sl_record *rec, struct sl_arena *arena)
{
        struct sl_value *value = sl_side_value(rec, st->side);
        uint32_t n = plan->out->field_count;
        struct sl_value *items = sl_arena_alloc(arena, n * sizeof(*items));
        for (uint32_t i = 0; i < n; i++)
                items[i] = sl_read_field(plan->out->fields[i].schema, &value->items[plan->kept[i]], st->cfg->replace_null);
        *value = sl_v_items(SL_STRUCT, items, n);
        *sl_side_schema(rec, st->side) = plan->out;
}

static enum sl_rc from_struct(struct from *st, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        const struct sl_schema *in = *sl_side_schema(rec, st->side);
        const struct sl_value *value = sl_side_value(rec, st->side);
        const uint32_t count = st->cfg->fields.count;
        if (sl_unlikely(value->type != SL_STRUCT))
                return sl_need_struct(in, value, st->purpose, err);
        const struct plan *plan = sl_plans_get(&st->plans, in);
        if (sl_unlikely(!plan)) {
                SL_TRY(bind_schema(st, in, err));
                plan = sl_plans_get(&st->plans, in);
        }
        const struct take *take = plan->taken;
        struct sl_header *h = sl_headers_grow(rec, count, arena);
        for (uint32_t i = 0; i < count; i++, h++, take++) {
                const struct sl_value *v = &value->items[take->at];
                *h = (struct sl_header){.key = take->key,
                                        .schema = take->schema,
                                        .value = sl_unlikely(v->type == SL_NULL && take->def) ? *take->def : *v};
        }
        rec->header_count += count;
        if (st->cfg->operation == MOVE)
                take_away(st, plan, rec, arena);
        return SL_OK;
}

static sl_noinline enum sl_rc from_map(struct from *st, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct sl_value *value = sl_side_value(rec, st->side);
        const struct from_cfg *cfg = st->cfg;
        SL_TRY(sl_need_map(value, st->purpose, err));
        struct sl_header *h = sl_headers_grow(rec, cfg->fields.count, arena);
        for (uint32_t i = 0; i < cfg->fields.count; i++, h++) {
                int at = sl_map_find(value, st->fields.items[i]);
                *h = (struct sl_header){.key = st->headers.items[i]};
                h->value = at < 0 ? SL_V_NULL : value->items[2 * at + 1];
        }
        rec->header_count += cfg->fields.count;
        if (cfg->operation == COPY)
                return SL_OK;
        struct sl_value *items = sl_arena_alloc(arena, 2 * (size_t)value->len * sizeof(*items));
        uint32_t kept = 0;
        for (uint32_t i = 0; i < value->len; i++)
                if (value->items[2 * i].type != SL_STRING ||
                    !sl_names_have(&st->fields, sl_v_as_str(&value->items[2 * i]))) {
                        items[2 * kept] = value->items[2 * i];
                        items[2 * kept++ + 1] = value->items[2 * i + 1];
                }
        *value = sl_v_items(SL_MAP, items, kept);
        return SL_OK;
}

static enum sl_rc from_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct from *st = state;
        return *sl_side_schema(rec, st->side) ? from_struct(st, rec, arena, err) : from_map(st, rec, arena, err);
}

static void from_close(void *state)
{
        struct from *st = state;
        sl_plans_free(&st->plans, free_plan);
        free(st->fields.items);
        free(st->headers.items);
}

/* ---- tables ---- */

#define REQUIRED .flags = SL_CFG_REQUIRED, .importance = SL_HIGH
static const struct sl_cfg_def drop_config[] = {
        {SL_CFG_LIST(struct drop_cfg, headers, "headers"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY | SL_CFG_UNIQUE,
         .importance = SL_HIGH, .doc = "Names of the headers to remove."},
        {0},
};
static const struct sl_cfg_def insert_config[] = {
        {SL_CFG_STR(struct insert_cfg, header, "header"), REQUIRED, .doc = "Name of the header."},
        {SL_CFG_STR(struct insert_cfg, literal, "value.literal"), REQUIRED,
         .doc = "Its value, the same for all records: text that says its type (12, true, [1,2], 2024-02-29)."},
        {0},
};
static const struct sl_cfg_enum operations[] = {{"move", MOVE, NULL}, {"copy", COPY, NULL}, {NULL, 0, NULL}};
static const struct sl_cfg_def from_config[] = {
        {SL_CFG_LIST(struct from_cfg, fields, "fields"), REQUIRED, .doc = "Fields whose values become headers."},
        {SL_CFG_LIST(struct from_cfg, headers, "headers"), REQUIRED,
         .doc = "Names of the headers, in the order of the fields."},
        {SL_CFG_ENUM(struct from_cfg, operation, "operation", operations), REQUIRED,
         .doc = "move takes the fields out of the record, copy leaves them."},
        {SL_CFG_BOOL(struct from_cfg, replace_null, "replace.null.with.default"), .def = "true",
         .importance = SL_MEDIUM, .doc = "Read a null field as the default of its schema, if that has one."},
        {0},
};

static const char *const drop_aliases[] = {"org.apache.kafka.connect.transforms.DropHeaders", NULL};
static const char *const insert_aliases[] = {"org.apache.kafka.connect.transforms.InsertHeader", NULL};
static const char *const key_aliases[] = {"org.apache.kafka.connect.transforms.HeaderFrom$Key", NULL};
static const char *const value_aliases[] = {"org.apache.kafka.connect.transforms.HeaderFrom$Value", NULL};

extern const struct sl_transform_ops sl_drop_headers, sl_insert_header, sl_header_from_key, sl_header_from_value;
const struct sl_transform_ops sl_drop_headers = {
        .name = "DropHeaders",
        .aliases = drop_aliases,
        .config = drop_config,
        .config_size = sizeof(struct drop_cfg),
        .state_size = sizeof(struct drop),
        .open = drop_open,
        .apply = drop_apply,
        .close = drop_close,
};
const struct sl_transform_ops sl_insert_header = {
        .name = "InsertHeader",
        .aliases = insert_aliases,
        .config = insert_config,
        .config_size = sizeof(struct insert_cfg),
        .state_size = sizeof(struct insert),
        .open = insert_open,
        .apply = insert_apply,
        .close = insert_close,
};
#define FROM_OPS(text, names, which)                                                                                   \
        {                                                                                                              \
                .name = (text), .aliases = (names), .side = (which), .config = from_config,                            \
                .config_size = sizeof(struct from_cfg), .state_size = sizeof(struct from), .check = from_check,        \
                .open = from_open, .apply = from_apply, .close = from_close,                                           \
        }
const struct sl_transform_ops sl_header_from_key = FROM_OPS("HeaderFrom$Key", key_aliases, 1);
const struct sl_transform_ops sl_header_from_value = FROM_OPS("HeaderFrom$Value", value_aliases, 0);
