/* SPDX-License-Identifier: Apache-2.0 */
/* Flatten$Key and Flatten$Value: nested structs (with a schema) or maps (without) become fields "a.b" of the outermost
 * one. Arrays stay as they are; maps inside structs are refused. The flat schema is made once per input schema: a field
 * is optional when it or anything above it is, and without a default of its own takes the one that the defaults above
 * it hold; the outer schema loses optional and default. Rows copy 16-byte values into the batch arena. A null value or
 * key passes unchanged. */
#include <string.h>
#include "transforms/common.h"

#define PURPOSE "flattening"

struct flatten_cfg {
        const char *delimiter;
};

struct plan {
        const struct sl_schema *out;
};

struct flatten {
        struct sl_str delimiter;
        int side;
        struct sl_plans plans;
};

static enum sl_rc flatten_open(void *state, const void *config, const struct sl_transform_ops *ops,
                               struct sl_err *err sl_unused)
{
        struct flatten *st = state;
        const struct flatten_cfg *cfg = config;
        st->delimiter = cfg->delimiter ? sl_str_c(cfg->delimiter) : SL_STR("");
        st->side = ops->side;
        return SL_OK;
}

/* A path with one more step. */
static struct sl_str join(const struct flatten *st, struct sl_str prefix, struct sl_str name, struct sl_arena *arena)
{
        if (!prefix.len)
                return name;
        size_t n = prefix.len + st->delimiter.len + name.len;
        char *path = sl_arena_alloc(arena, n + 1);
        memcpy(path, prefix.ptr, prefix.len);
        memcpy(path + prefix.len, st->delimiter.ptr, st->delimiter.len);
        memcpy(path + prefix.len + st->delimiter.len, name.ptr, name.len);
        path[n] = '\0';
        return (struct sl_str){path, n};
}

/* ---- with a schema ---- */

/* What lies above a field. */
struct above {
        struct sl_str path;
        bool optional;
        const struct sl_value *def; /* a STRUCT, or NULL */
};

static uint32_t count_leaves(const struct sl_schema *s)
{
        uint32_t n = 0;
        for (uint32_t i = 0; i < s->field_count; i++)
                n += s->fields[i].schema->type == SL_STRUCT ? count_leaves(s->fields[i].schema) : 1;
        return n;
}

static enum sl_rc add_leaf(struct sl_schema *out, struct sl_field *fields, const char *path, const struct sl_schema *in,
                           bool optional, const struct sl_value *def, struct sl_err *err)
{
        struct sl_schema leaf = sl_schema_like(in, in->type);
        if (in->type == SL_MAP)
                return sl_fail(err, SL_E_TRANSFORM,
                               "Flatten transformation does not support MAP for record with schemas (for field %s).",
                               path);
        for (uint32_t i = 0; i < out->field_count; i++)
                if (strcmp(fields[i].name, path) == 0)
                        return SL_FAIL_AS(err, SL_JAVA_BUILDER,
                                          "Cannot create field because of field name duplication %s", path);
        leaf.value = in->value;
        leaf.optional = optional;
        leaf.has_default = def != NULL;
        if (def)
                leaf.def = *def;
        fields[out->field_count++] = (struct sl_field){.name = path, .schema = sl_schema_intern(&leaf)};
        return SL_OK;
}

static enum sl_rc add_fields(const struct flatten *st, const struct sl_schema *in, const struct above *above,
                             struct sl_schema *out, struct sl_field *fields, struct sl_arena *arena, struct sl_err *err)
{
        for (uint32_t i = 0; i < in->field_count; i++) {
                const struct sl_schema *field = in->fields[i].schema;
                struct above here = {.path = join(st, above->path, sl_str_c(in->fields[i].name), arena),
                                     .optional = above->optional || field->optional};
                if (field->has_default)
                        here.def = &field->def;
                else if (above->def && above->def->items[i].type != SL_NULL)
                        here.def = &above->def->items[i];
                if (field->type == SL_STRUCT)
                        SL_TRY(add_fields(st, field, &here, out, fields, arena, err));
                else
                        SL_TRY(add_leaf(out, fields, here.path.ptr, field, here.optional, here.def, err));
        }
        return SL_OK;
}

static sl_cold enum sl_rc make_plan(struct flatten *st, const struct sl_schema *in, struct sl_arena *arena,
                                    struct sl_err *err)
{
        struct above above = {.path = SL_STR(""), .optional = in->optional, .def = in->has_default ? &in->def : NULL};
        struct sl_field *fields = sl_arena_alloc(arena, count_leaves(in) * sizeof(*fields));
        struct sl_schema out = sl_schema_like(in, SL_STRUCT);
        out.fields = fields;
        SL_TRY(add_fields(st, in, &above, &out, fields, arena, err));
        struct plan *plan = sl_malloc(sizeof(*plan));
        plan->out = sl_schema_intern(&out);
        sl_plans_put(&st->plans, in, plan);
        return SL_OK;
}

/* The leaves of v (NULL: of a null struct) at w; where the next ones go. */
static struct sl_value *put_leaves(const struct sl_schema *s, const struct sl_value *v, struct sl_value *w)
{
        for (uint32_t i = 0; i < s->field_count; i++) {
                const struct sl_schema *field = s->fields[i].schema;
                const struct sl_value *item = v ? &v->items[i] : NULL;
                if (field->type == SL_STRUCT)
                        w = put_leaves(field, item && item->type == SL_STRUCT ? item : NULL, w);
                else
                        *w++ = item ? sl_read_field(field, item, true) : SL_V_NULL;
        }
        return w;
}

static enum sl_rc flatten_struct(struct flatten *st, const struct sl_schema **schema, struct sl_value *value,
                                 struct sl_arena *arena, struct sl_err *err)
{
        SL_TRY(sl_need_struct(*schema, value, PURPOSE, err));
        const struct sl_schema *in = *schema;
        const struct plan *plan = sl_plans_get(&st->plans, in);
        if (sl_unlikely(!plan)) {
                SL_TRY(make_plan(st, in, arena, err));
                plan = sl_plans_get(&st->plans, in);
        }
        struct sl_value *items = sl_arena_alloc(arena, plan->out->field_count * sizeof(*items));
        put_leaves(in, value, items);
        *value = sl_v_items(SL_STRUCT, items, plan->out->field_count);
        *schema = plan->out;
        return SL_OK;
}

/* ---- without ---- */

/* The map in the making. clash: two paths may be spelled alike, as a key holds the delimiter or is empty. */
struct flat {
        struct sl_value *items;
        uint32_t count;
        bool clash;
};

static uint32_t count_entries(const struct flatten *st, const struct sl_value *map, bool *clash)
{
        uint32_t n = 0;
        for (uint32_t i = 0; i < map->len; i++) {
                const struct sl_value *key = &map->items[2 * i], *value = key + 1;
                *clash = *clash || !key->len || memmem(key->ptr, key->len, st->delimiter.ptr, st->delimiter.len);
                n += value->type == SL_MAP ? count_entries(st, value, clash) : 1;
        }
        return n;
}

/* A path that is there already takes the new value and keeps its place. */
static void put_entry(struct flat *out, struct sl_str path, struct sl_value v)
{
        struct sl_value so_far = sl_v_items(SL_MAP, out->items, out->count);
        int at = out->clash ? sl_map_find(&so_far, path) : -1;
        uint32_t i = at >= 0 ? (uint32_t)at : out->count++;
        out->items[2 * i] = sl_v_str(path);
        out->items[2 * i + 1] = v;
}

static enum sl_rc put_entries(const struct flatten *st, const struct sl_value *map, struct sl_str prefix,
                              struct flat *out, struct sl_arena *arena, struct sl_err *err)
{
        for (uint32_t i = 0; i < map->len; i++) {
                const struct sl_value *key = &map->items[2 * i], *value = key + 1;
                struct sl_str path = join(st, prefix, sl_v_as_str(key), arena);
                if (value->type == SL_STRUCT)
                        return sl_fail(
                                err, SL_E_TRANSFORM,
                                "Flatten transformation does not support class "
                                "org.apache.kafka.connect.data.Struct for record without schemas (for field %.*s).",
                                SL_FMT(path));
                if (value->type == SL_MAP)
                        SL_TRY(put_entries(st, value, path, out, arena, err));
                else
                        put_entry(out, path, *value);
        }
        return SL_OK;
}

/* Java would end in a ClassCastException. */
static bool has_text_keys(const struct sl_value *map)
{
        for (uint32_t i = 0; i < map->len; i++)
                if (map->items[2 * i].type != SL_STRING ||
                    (map->items[2 * i + 1].type == SL_MAP && !has_text_keys(&map->items[2 * i + 1])))
                        return false;
        return true;
}

static enum sl_rc flatten_map(const struct flatten *st, struct sl_value *value, struct sl_arena *arena,
                              struct sl_err *err)
{
        SL_TRY(sl_need_map(value, PURPOSE, err));
        if (!has_text_keys(value))
                return sl_fail(err, SL_E_TRANSFORM, "Flatten needs strings as the keys of a map");
        struct flat out = {0};
        uint32_t n = count_entries(st, value, &out.clash);
        out.items = sl_arena_alloc(arena, 2 * (size_t)n * sizeof(*out.items));
        SL_TRY(put_entries(st, value, SL_STR(""), &out, arena, err));
        *value = sl_v_items(SL_MAP, out.items, out.count);
        return SL_OK;
}

static enum sl_rc flatten_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct flatten *st = state;
        struct sl_value *value = sl_side_value(rec, st->side);
        const struct sl_schema **schema = sl_side_schema(rec, st->side);
        if (value->type == SL_NULL)
                return SL_OK;
        return *schema ? flatten_struct(st, schema, value, arena, err) : flatten_map(st, value, arena, err);
}

static void flatten_close(void *state)
{
        struct flatten *st = state;
        sl_plans_free(&st->plans, free);
        *st = (struct flatten){0};
}

static const struct sl_cfg_def flatten_config[] = {
        {SL_CFG_STR(struct flatten_cfg, delimiter, "delimiter"), .def = ".", .importance = SL_MEDIUM,
         .doc = "Text between the names of a field's path."},
        {0},
};

static const char *const key_aliases[] = {"org.apache.kafka.connect.transforms.Flatten$Key", NULL};
static const char *const value_aliases[] = {"org.apache.kafka.connect.transforms.Flatten$Value", NULL};

#define FLATTEN_OPS(text, names, which)                                                                                \
        {                                                                                                              \
                .name = (text), .aliases = (names), .side = (which), .config = flatten_config,                         \
                .config_size = sizeof(struct flatten_cfg), .state_size = sizeof(struct flatten), .open = flatten_open, \
                .apply = flatten_apply, .close = flatten_close,                                                        \
        }
extern const struct sl_transform_ops sl_flatten_key, sl_flatten_value;
const struct sl_transform_ops sl_flatten_key = FLATTEN_OPS("Flatten$Key", key_aliases, 1);
const struct sl_transform_ops sl_flatten_value = FLATTEN_OPS("Flatten$Value", value_aliases, 0);
