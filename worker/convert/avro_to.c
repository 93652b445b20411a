/* SPDX-License-Identifier: Apache-2.0 */
/* Avro schema -> Connect schema, as Confluent's AvroData maps them: connect.* properties, docs and defaults as
 * parameters, enums as strings with their symbols as parameters, unions as optional values or as structs with a field
 * for each branch. A type that contains itself is refused: Connect schemas here are trees. Two lapses of AvroData are
 * not repeated: a decimal on a fixed keeps its name, and names of generalized unions count from 0 in each schema. */
#include "convert/avro.h"

#include <stdio.h>

struct to {
        const struct sl_avro_options *o;
        struct sl_arena arena;
        struct sl_err *err;
        const struct sl_avro *open[SL_AVRO_DEPTH]; /* records around this place */
        unsigned depth;
        uint32_t types, unions;
};
/* A schema in the making. */
struct build {
        struct sl_schema s;
        struct sl_param *params;
        uint32_t cap;
};

static enum sl_rc to_schema(struct to *t, const struct sl_avro *s, bool optional, const json_t *def, const char *doc,
                            const struct sl_schema **ret);

static void add_param(struct to *t, struct build *b, const char *name, const char *value)
{
        for (uint32_t i = 0; i < b->s.param_count; i++)
                if (strcmp(b->params[i].name, name) == 0) {
                        b->params[i].value = value;
                        return;
                }
        if (b->s.param_count == b->cap) {
                uint32_t cap = b->cap ? b->cap * 2 : 8;
                struct sl_param *more = sl_arena_alloc(&t->arena, cap * sizeof(*more));
                if (b->s.param_count)
                        memcpy(more, b->params, b->s.param_count * sizeof(*more));
                b->params = more;
                b->cap = cap;
        }
        b->params[b->s.param_count++] = (struct sl_param){name, value};
}

/* ---- unions ---- */

const struct sl_avro *sl_avro_plain_member(const struct sl_avro_options *o, const struct sl_avro *u)
{
        if (u->count == 1 && o->flatten_singleton)
                return u->branches[0];
        int null = u->count == 2 ? sl_avro_null_branch(u) : -1;
        return null < 0 ? NULL : u->branches[!null];
}

const char *sl_avro_branch_field(const struct sl_avro_options *o, const struct sl_avro *b, uint32_t index,
                                 struct sl_arena *a)
{
        if (o->sums)
                return sl_arena_printf(a, "connect_union_field_%u", index);
        if (sl_avro_is_named(b))
                return o->enhanced ? b->full : b->name;
        return sl_avro_type_name((enum sl_avro_type)b->type);
}

static enum sl_rc to_union(struct to *t, const struct sl_avro *u, struct build *b)
{
        struct sl_field *fields = sl_arena_zalloc(&t->arena, u->count * sizeof(*fields));
        b->s.type = SL_STRUCT;
        b->s.name = SL_AVRO_UNION;
        if (t->o->sums) {
                b->s.name = sl_arena_printf(&t->arena, "connect_union_%u", t->unions++);
                add_param(t, b, SL_AVRO_SUM_UNION, b->s.name);
        }
        for (uint32_t i = 0; i < u->count; i++) {
                if (u->branches[i]->type == SL_AVRO_NULL) {
                        b->s.optional = true;
                        continue;
                }
                struct sl_field *f = &fields[b->s.field_count];
                f->name = sl_avro_branch_field(t->o, u->branches[i], i, &t->arena);
                for (uint32_t k = 0; k < b->s.field_count; k++)
                        if (strcmp(fields[k].name, f->name) == 0)
                                return sl_fail(t->err, SL_E_SCHEMA,
                                               "Multiple union schemas map to the Connect union field name %.200s "
                                               "(enhanced.avro.schema.support=true tells them apart by namespace)",
                                               f->name);
                SL_TRY(to_schema(t, u->branches[i], true, NULL, NULL, &f->schema));
                b->s.field_count++;
        }
        b->s.fields = fields;
        return SL_OK;
}

/* ---- types ---- */

static enum sl_rc to_decimal(struct to *t, const struct sl_avro *s, struct build *b)
{
        const json_t *scale = s->props ? json_object_get(s->props, "scale") : NULL;
        const json_t *precision = s->props ? json_object_get(s->props, "precision") : NULL;
        b->s.name = SL_NAME_DECIMAL;
        b->s.version = 1;
        add_param(t, b, "scale", sl_arena_printf(&t->arena, "%d", (int)json_integer_value(scale)));
        if (precision && !json_is_number(precision))
                return sl_fail(t->err, SL_E_SCHEMA, "precision property must be a JSON Integer.");
        if (precision && json_integer_value(precision) != 64)
                add_param(t, b, SL_AVRO_PRECISION,
                          sl_arena_printf(&t->arena, "%d", (int)json_integer_value(precision)));
        return SL_OK;
}

static bool logical_is(const struct sl_avro *s, const char *name)
{
        const char *logical = sl_avro_prop_str(s, "logicalType");
        return logical && strcasecmp(logical, name) == 0;
}

static void set_logical(struct build *b, const char *name)
{
        b->s.name = name;
        b->s.version = 1;
}

static enum sl_rc to_int(struct to *t, const struct sl_avro *s, struct build *b)
{
        const char *type = sl_avro_prop_str(s, "connect.type");
        b->s.type = SL_INT32;
        if (logical_is(s, "date"))
                set_logical(b, SL_NAME_DATE);
        else if (logical_is(s, "time-millis"))
                set_logical(b, SL_NAME_TIME);
        else if (type && !sl_avro_prop_str(s, "logicalType")) {
                if (strcmp(type, "int8") != 0 && strcmp(type, "int16") != 0)
                        return sl_fail(t->err, SL_E_SCHEMA, "Connect type annotation for Avro int field is null");
                b->s.type = strcmp(type, "int8") == 0 ? SL_INT8 : SL_INT16;
        }
        return SL_OK;
}

bool sl_avro_is_entry(const struct sl_avro *s)
{
        const char *kind = sl_avro_prop_str(s, SL_AVRO_ENTRY_PROP);
        if (s->type != SL_AVRO_RECORD)
                return false;
        return strcmp(s->full, SL_AVRO_SPACE "." SL_AVRO_ENTRY) == 0 || (kind && strcmp(kind, SL_AVRO_ENTRY) == 0);
}

static enum sl_rc to_array(struct to *t, const struct sl_avro *s, struct build *b)
{
        const struct sl_avro *e = s->items;
        b->s.type = SL_ARRAY;
        if (!sl_avro_is_entry(e))
                return to_schema(t, e, false, NULL, NULL, &b->s.value);
        bool swapped = e->count == 2 && strcmp(e->fields[0].name, "value") == 0;
        if (e->count != 2 || strcmp(e->fields[swapped].name, "key") != 0 ||
            strcmp(e->fields[!swapped].name, "value") != 0)
                return sl_fail(
                        t->err, SL_E_SCHEMA,
                        "Found map encoded as array of key-value pairs, but array elements do not match the expected "
                        "format.");
        b->s.type = SL_MAP;
        SL_TRY(to_schema(t, e->fields[swapped].type, false, NULL, NULL, &b->s.key));
        return to_schema(t, e->fields[!swapped].type, false, NULL, NULL, &b->s.value);
}

static enum sl_rc to_record(struct to *t, const struct sl_avro *s, struct build *b)
{
        struct sl_field *fields = sl_arena_zalloc(&t->arena, s->count * sizeof(*fields));
        bool docs = !t->o->discard_doc && t->o->meta;
        b->s.type = SL_STRUCT;
        if (docs && s->doc)
                add_param(t, b, SL_AVRO_RECORD_DOC, s->doc);
        for (uint32_t i = 0; i < s->count; i++) {
                const struct sl_avro_field *f = &s->fields[i];
                if (docs && f->doc)
                        add_param(t, b, sl_arena_printf(&t->arena, SL_AVRO_FIELD_DOC "%s", f->name), f->doc);
                fields[i].name = f->name;
                SL_TRY(to_schema(t, f->type, false, f->def, f->doc, &fields[i].schema));
        }
        b->s.fields = fields;
        b->s.field_count = s->count;
        return SL_OK;
}

static void to_enum(struct to *t, const struct sl_avro *s, struct build *b)
{
        const char *kind = t->o->sums ? SL_AVRO_SUM_ENUM : SL_AVRO_ENUM;
        b->s.type = SL_STRING;
        if (t->o->meta && s->doc)
                add_param(t, b,
                          t->o->discard_doc ? "connect.enum.doc"
                                            : sl_arena_printf(&t->arena, SL_AVRO_ENUM_DOC "%s", s->name),
                          s->doc);
        if (t->o->meta && !t->o->discard_doc && s->symbol_default)
                add_param(t, b, sl_arena_printf(&t->arena, SL_AVRO_ENUM_DEFAULT "%s", s->name), s->symbol_default);
        add_param(t, b, kind, s->full);
        for (uint32_t i = 0; i < s->count; i++)
                add_param(t, b, sl_arena_printf(&t->arena, "%s.%s", kind, s->symbols[i]),
                          t->o->sums ? sl_arena_printf(&t->arena, "%u", i) : s->symbols[i]);
}

static enum sl_rc to_type(struct to *t, const struct sl_avro *s, struct build *b)
{
        static const uint8_t types[SL_AVRO_TYPE_COUNT] = {
                [SL_AVRO_BOOLEAN] = SL_BOOLEAN, [SL_AVRO_LONG] = SL_INT64,  [SL_AVRO_FLOAT] = SL_FLOAT32,
                [SL_AVRO_DOUBLE] = SL_FLOAT64,  [SL_AVRO_BYTES] = SL_BYTES, [SL_AVRO_FIXED] = SL_BYTES,
                [SL_AVRO_STRING] = SL_STRING,
        };
        b->s.type = (enum sl_type)types[s->type];
        switch ((enum sl_avro_type)s->type) {
        case SL_AVRO_NULL:
                return sl_fail(t->err, SL_E_SCHEMA, "Standalone null schemas are not supported by this converter");
        case SL_AVRO_INT:
                return to_int(t, s, b);
        case SL_AVRO_LONG:
                if (logical_is(s, "timestamp-millis"))
                        set_logical(b, SL_NAME_TIMESTAMP);
                return SL_OK;
        case SL_AVRO_BYTES:
        case SL_AVRO_FIXED:
                if (logical_is(s, "decimal"))
                        SL_TRY(to_decimal(t, s, b));
                if (s->type == SL_AVRO_FIXED)
                        add_param(t, b, SL_AVRO_FIXED_SIZE, sl_arena_printf(&t->arena, "%u", s->size));
                return SL_OK;
        case SL_AVRO_RECORD:
                return to_record(t, s, b);
        case SL_AVRO_ENUM_T:
                to_enum(t, s, b);
                return SL_OK;
        case SL_AVRO_ARRAY:
                return to_array(t, s, b);
        case SL_AVRO_MAP:
                b->s.type = SL_MAP;
                b->s.key = sl_schema_of(SL_STRING, false);
                return to_schema(t, s->items, false, NULL, NULL, &b->s.value);
        case SL_AVRO_UNION_T:
                return to_union(t, s, b);
        case SL_AVRO_BOOLEAN:
        case SL_AVRO_FLOAT:
        case SL_AVRO_DOUBLE:
        case SL_AVRO_STRING:
        case SL_AVRO_TYPE_COUNT:
                break;
        }
        return SL_OK;
}

/* ---- properties ---- */

static void set_doc(struct to *t, const struct sl_avro *s, const char *field_doc, struct build *b)
{
        const char *own = sl_avro_prop_str(s, "connect.doc");
        if (!t->o->discard_doc) {
                b->s.doc = t->o->meta ? own : NULL;
                return;
        }
        b->s.doc = field_doc ? field_doc : s->doc ? s->doc : own;
        if (t->o->meta && s->doc)
                add_param(t, b, "connect.record.doc", s->doc);
}

static enum sl_rc set_version(struct to *t, const struct sl_avro *s, struct build *b)
{
        const json_t *version = json_object_get(s->props, "connect.version");
        if (!version)
                return SL_OK;
        if (!json_is_integer(version))
                return sl_fail(t->err, SL_E_SCHEMA, "Invalid Connect version found: it must be a number");
        int32_t v = (int32_t)json_integer_value(version);
        if (v >= 0 && b->s.version && b->s.version != v)
                return sl_fail(t->err, SL_E_SCHEMA,
                               "Mismatched versions: version already added to SchemaBuilder (%d) differs from version "
                               "in source "
                               "schema (%d)",
                               b->s.version, v);
        if (v > 0)
                b->s.version = v;
        return SL_OK;
}

static enum sl_rc set_params(struct to *t, const struct sl_avro *s, struct build *b)
{
        json_t *params = json_object_get(s->props, "connect.parameters"), *value;
        const char *key;
        if (params && t->o->meta) {
                if (!json_is_object(params))
                        return sl_fail(t->err, SL_E_SCHEMA, "Expected JSON object for schema parameters");
                json_object_foreach(params, key, value)
                {
                        if (!json_is_string(value))
                                return sl_fail(t->err, SL_E_SCHEMA, "Expected schema parameter values to be strings");
                        add_param(t, b, key, json_string_value(value));
                }
        }
        json_object_foreach(s->props, key, value)
        {
                struct sl_buf text = {0};
                if (strncmp(key, "avro", 4) != 0)
                        continue;
                if (!json_is_string(value))
                        sl_avro_print_json(value, &text);
                add_param(t, b, key,
                          json_is_string(value) ? json_string_value(value)
                                                : sl_arena_strdup(&t->arena, sl_buf_cstr(&text)));
                sl_buf_free(&text);
        }
        return SL_OK;
}

static void set_default(struct to *t, const struct sl_avro *s, const json_t *def, struct build *b)
{
        const json_t *own = json_object_get(s->props, "connect.default");
        if (!def)
                def = own;
        else if (!t->o->discard_doc && t->o->meta && !own)
                add_param(t, b, SL_AVRO_FIELD_DEFAULT, "true");
        struct sl_value v;
        if (!def || json_is_null(def) || !sl_avro_default_value(t->o, s, &b->s, def, &t->arena, &v))
                return;
        b->s.has_default = v.type != SL_NULL;
        b->s.def = v;
}

static enum sl_rc set_name(struct to *t, const struct sl_avro *s, struct build *b)
{
        static const char unnamed[] = SL_AVRO_SPACE "." SL_AVRO_DEFAULT_NAME;
        const json_t *own = json_object_get(s->props, "connect.name");
        const char *name = own ? json_string_value(own) : sl_avro_is_named(s) ? s->full : NULL;
        if (own && !name)
                return sl_fail(t->err, SL_E_SCHEMA, "Invalid schema name: it must be a string");
        if (!name || strncmp(name, unnamed, sizeof(unnamed) - 1) == 0 || (!own && b->s.name))
                return SL_OK;
        if (b->s.name && strcmp(name, b->s.name) != 0)
                return sl_fail(
                        t->err, SL_E_SCHEMA,
                        "Mismatched names: name already added to SchemaBuilder (%s) differs from name in source schema "
                        "(%.200s)",
                        b->s.name, name);
        b->s.name = name;
        return SL_OK;
}

static enum sl_rc to_inner(struct to *t, const struct sl_avro *s, bool optional, const json_t *def, const char *doc,
                           const struct sl_schema **ret)
{
        struct build b = {0};
        const struct sl_avro *member = s->type == SL_AVRO_UNION_T ? sl_avro_plain_member(t->o, s) : NULL;
        if (member)
                return to_schema(t, member, s->count == 2, NULL, doc, ret);
        SL_TRY(to_type(t, s, &b));
        set_doc(t, s, doc, &b);
        SL_TRY(set_version(t, s, &b));
        SL_TRY(set_params(t, s, &b));
        set_default(t, s, def, &b);
        SL_TRY(set_name(t, s, &b));
        b.s.optional |= optional;
        b.s.params = b.params;
        *ret = sl_schema_intern(&b.s);
        return SL_OK;
}

static enum sl_rc to_schema(struct to *t, const struct sl_avro *s, bool optional, const json_t *def, const char *doc,
                            const struct sl_schema **ret)
{
        if (t->depth >= SL_AVRO_DEPTH)
                return sl_fail(t->err, SL_E_SCHEMA, "an Avro schema is nested deeper than %d levels", SL_AVRO_DEPTH);
        if (++t->types > SL_AVRO_TYPES)
                return sl_fail(t->err, SL_E_SCHEMA, "an Avro schema has more than %d types when names are resolved",
                               SL_AVRO_TYPES);
        for (unsigned i = 0; i < t->depth; i++)
                if (t->open[i] == s)
                        return sl_fail(
                                t->err, SL_E_SCHEMA,
                                "the Avro type %.200s contains itself, and such schemas are not supported by Sluice",
                                s->full ? s->full : sl_avro_type_name((enum sl_avro_type)s->type));
        t->open[t->depth++] = s;
        enum sl_rc rc = to_inner(t, s, optional, def, doc, ret);
        t->depth--;
        return rc;
}

enum sl_rc sl_avro_to_connect(const struct sl_avro_options *o, const struct sl_avro *s, const struct sl_schema **ret,
                              struct sl_err *err)
{
        struct to t = {.o = o, .err = err};
        *ret = NULL;
        if (sl_avro_is_anything(s))
                return SL_OK;
        sl_arena_init(&t.arena, 8192);
        enum sl_rc rc = to_schema(&t, s, false, NULL, NULL, ret);
        sl_arena_free(&t.arena);
        return rc;
}

/* ---- defaults ---- */

static bool bytes_default(const json_t *def, struct sl_arena *a, struct sl_value *ret)
{
        const char *p = json_string_value(def);
        size_t n = json_string_length(def), w = 0;
        if (!p)
                return false;
        char *out = sl_arena_alloc(a, n);
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)p[i];
                if ((c & 0xc0) == 0x80)
                        continue;
                bool two = (c == 0xc2 || c == 0xc3) && i + 1 < n;
                out[w++] = two ? (char)(c << 6 | (p[i + 1] & 63)) : c < 0x80 ? (char)c : '?';
        }
        *ret = sl_v_bytes(out, w);
        return true;
}

static bool items_default(const struct sl_avro_options *o, const struct sl_avro *s, const struct sl_schema *schema,
                          const json_t *def, struct sl_arena *a, struct sl_value *ret)
{
        bool map = schema->type == SL_MAP;
        size_t n = map ? json_object_size(def) : json_array_size(def), i = 0;
        struct sl_value *items = sl_arena_alloc(a, (map ? 2 * n : n) * sizeof(*items));
        const char *key;
        json_t *member;
        if (map) {
                json_object_foreach((json_t *)(uintptr_t)def, key, member)
                {
                        items[2 * i] = sl_v_str(sl_str_c(sl_arena_strdup(a, key)));
                        if (!sl_avro_default_value(o, s->items, schema->value, member, a, &items[2 * i + 1]))
                                return false;
                        i++;
                }
        } else {
                json_array_foreach(def, i, member) if (!sl_avro_default_value(o, s->items, schema->value, member, a,
                                                                              &items[i])) return false;
        }
        *ret = sl_v_items(schema->type, items, (uint32_t)n);
        return true;
}

static bool record_default(const struct sl_avro_options *o, const struct sl_avro *s, const struct sl_schema *schema,
                           const json_t *def, struct sl_arena *a, struct sl_value *ret)
{
        struct sl_value *items = sl_arena_alloc(a, schema->field_count * sizeof(*items));
        for (uint32_t i = 0; i < schema->field_count; i++) {
                const struct sl_schema *fs = schema->fields[i].schema;
                const json_t *member = json_object_get(def, s->fields[i].name);
                items[i] = fs->has_default ? fs->def : SL_V_NULL;
                if (member && !sl_avro_default_value(o, s->fields[i].type, fs, member, a, &items[i]))
                        return false;
                if (items[i].type == SL_NULL && !fs->optional)
                        return false;
        }
        *ret = sl_v_items(SL_STRUCT, items, schema->field_count);
        return true;
}

/* A union's default is of its first branch. */
static bool union_default(const struct sl_avro_options *o, const struct sl_avro *u, const struct sl_schema *schema,
                          const json_t *def, struct sl_arena *a, struct sl_value *ret)
{
        const struct sl_avro *member = sl_avro_plain_member(o, u);
        if (member)
                return sl_avro_default_value(o, member, schema, def, a, ret);
        if (!u->count || u->branches[0]->type == SL_AVRO_NULL)
                return false;
        struct sl_value *items = sl_arena_zalloc(a, schema->field_count * sizeof(*items));
        *ret = sl_v_items(SL_STRUCT, items, schema->field_count);
        return sl_avro_default_value(o, u->branches[0], schema->fields[0].schema, def, a, &items[0]);
}

bool sl_avro_default_value(const struct sl_avro_options *o, const struct sl_avro *s, const struct sl_schema *schema,
                           const json_t *def, struct sl_arena *a, struct sl_value *ret)
{
        *ret = SL_V_NULL;
        if (json_is_null(def))
                return schema->optional;
        if (s->type == SL_AVRO_UNION_T)
                return union_default(o, s, schema, def, a, ret);
        switch (schema->type) {
        case SL_BOOLEAN:
                *ret = sl_v_bool(json_is_true(def));
                return json_is_boolean(def);
        case SL_INT8:
        case SL_INT16:
        case SL_INT32:
        case SL_INT64: {
                int64_t v = json_integer_value(def);
                *ret = sl_v_i64(schema->type, schema->type == SL_INT8    ? (int8_t)v
                                              : schema->type == SL_INT16 ? (int16_t)v
                                              : schema->type == SL_INT32 ? (int32_t)v
                                                                         : v);
                return json_is_integer(def);
        }
        case SL_FLOAT32:
                *ret = sl_v_f64(SL_FLOAT32, (double)(float)json_number_value(def));
                return json_is_number(def);
        case SL_FLOAT64:
                *ret = sl_v_f64(SL_FLOAT64, json_number_value(def));
                return json_is_number(def);
        case SL_STRING:
                if (!json_is_string(def))
                        return false;
                *ret = sl_v_str((struct sl_str){sl_arena_strndup(a, json_string_value(def), json_string_length(def)),
                                                json_string_length(def)});
                return true;
        case SL_BYTES:
                return bytes_default(def, a, ret);
        case SL_ARRAY:
                return json_is_array(def) && items_default(o, s, schema, def, a, ret);
        case SL_MAP:
                return s->type == SL_AVRO_MAP && json_is_object(def) && items_default(o, s, schema, def, a, ret);
        case SL_STRUCT:
                return json_is_object(def) && record_default(o, s, schema, def, a, ret);
        case SL_NULL:
        case SL_TYPE_COUNT:
                break;
        }
        return false;
}
