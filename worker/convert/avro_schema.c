/* SPDX-License-Identifier: Apache-2.0 */
/* The Avro schema model: a schema's JSON text to types, by the Avro 1.11 specification and the leniences of its Java
 * library. Names, namespaces, aliases, docs, defaults, orders and every unknown property are kept; avro_print.c writes
 * them again. Does not read or write data, and knows nothing of Connect. */
#include "convert/avro.h"

#include <math.h>
#include <stdlib.h>

static const char *const type_names[SL_AVRO_TYPE_COUNT] = {
        [SL_AVRO_NULL] = "null",     [SL_AVRO_BOOLEAN] = "boolean", [SL_AVRO_INT] = "int",
        [SL_AVRO_LONG] = "long",     [SL_AVRO_FLOAT] = "float",     [SL_AVRO_DOUBLE] = "double",
        [SL_AVRO_BYTES] = "bytes",   [SL_AVRO_STRING] = "string",   [SL_AVRO_RECORD] = "record",
        [SL_AVRO_ENUM_T] = "enum",   [SL_AVRO_ARRAY] = "array",     [SL_AVRO_MAP] = "map",
        [SL_AVRO_UNION_T] = "union", [SL_AVRO_FIXED] = "fixed",
};

struct parse {
        struct sl_avro_doc *d;
        struct sl_err *err;
};

const char *sl_avro_type_name(enum sl_avro_type t)
{
        return type_names[t];
}

struct sl_avro_doc *sl_avro_doc_new(void)
{
        struct sl_avro_doc *d = sl_calloc(1, sizeof(*d));
        sl_arena_init(&d->arena, 8192);
        d->keep = json_array();
        return d;
}

void sl_avro_doc_free(struct sl_avro_doc *d)
{
        if (!d)
                return;
        json_decref(d->keep);
        sl_map_free(&d->names, NULL);
        sl_arena_free(&d->arena);
        free(d);
}

json_t *sl_avro_keep(struct sl_avro_doc *d, json_t *j)
{
        if (j)
                json_array_append(d->keep, j);
        return j;
}

struct sl_avro *sl_avro_new(struct sl_avro_doc *d, enum sl_avro_type type)
{
        struct sl_avro *s = sl_arena_zalloc(&d->arena, sizeof(*s));
        s->type = (uint8_t)type;
        d->types++;
        return s;
}

void sl_avro_prop(struct sl_avro_doc *d, struct sl_avro *s, const char *name, json_t *value)
{
        if (!s->props) {
                s->props = json_object();
                json_array_append_new(d->keep, s->props);
        }
        if (value && !json_object_get(s->props, name))
                json_object_set(s->props, name, value);
        json_decref(value);
}

const char *sl_avro_prop_str(const struct sl_avro *s, const char *name)
{
        return s->props ? json_string_value(json_object_get(s->props, name)) : NULL;
}

int sl_avro_null_branch(const struct sl_avro *s)
{
        for (uint32_t i = 0; i < s->count; i++)
                if (s->branches[i]->type == SL_AVRO_NULL)
                        return (int)i;
        return -1;
}

/* ---- names ---- */

/* Java allows any letter; beyond ASCII nobody is asked. */
bool sl_avro_name_ok(const char *name, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)name[i];
                bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
                if (!letter && c != '_' && c < 0x80 && !(i && c >= '0' && c <= '9'))
                        return false;
        }
        return n > 0;
}

enum sl_rc sl_avro_name(struct sl_avro_doc *d, struct sl_avro *s, const char *name, const char *space,
                        struct sl_err *err)
{
        const char *dot = strrchr(name, '.'), *local = dot ? dot + 1 : name;
        if (!sl_avro_name_ok(local, strlen(local)))
                return sl_fail(err, SL_E_SCHEMA,
                               "\"%.200s\" is no name that Avro allows: letters, digits and _ only, and no digit first "
                               "(scrub.invalid.names=true replaces the others)",
                               name);
        if (dot)
                space = sl_arena_strndup(&d->arena, name, (size_t)(dot - name));
        s->name = sl_arena_strdup(&d->arena, local);
        s->space = space && *space ? sl_arena_strdup(&d->arena, space) : NULL;
        s->full = s->space ? sl_arena_printf(&d->arena, "%s.%s", s->space, s->name) : s->name;
        return SL_OK;
}

/* ---- parsing ---- */

static enum sl_rc parse_type(struct parse *p, const json_t *j, const char *space, unsigned depth, struct sl_avro **ret);

static bool one_of(const char *name, const char *const *list)
{
        for (; *list; list++)
                if (strcmp(name, *list) == 0)
                        return true;
        return false;
}

static json_t *props_of(struct parse *p, const json_t *j, const char *const *reserved)
{
        json_t *props = NULL, *value;
        const char *key;
        json_object_foreach((json_t *)(uintptr_t)j, key, value)
        {
                if (one_of(key, reserved))
                        continue;
                if (!props) {
                        props = json_object();
                        json_array_append_new(p->d->keep, props);
                }
                json_object_set(props, key, value);
        }
        return props;
}

static const char *text_of(struct parse *p, const json_t *j, const char *key)
{
        const char *text = json_string_value(json_object_get(j, key));
        return text ? sl_arena_strdup(&p->d->arena, text) : NULL;
}

static enum sl_rc parse_aliases(struct parse *p, const json_t *j, json_t **ret)
{
        json_t *list = json_object_get(j, "aliases"), *one;
        size_t i;
        *ret = NULL;
        if (!list)
                return SL_OK;
        if (!json_is_array(list))
                return sl_fail(p->err, SL_E_SCHEMA, "\"aliases\" must be an array of names");
        json_array_foreach(list, i, one) if (!json_is_string(one)) return sl_fail(
                p->err, SL_E_SCHEMA, "\"aliases\" must be an array of names");
        if (json_array_size(list))
                *ret = sl_avro_keep(p->d, list);
        return SL_OK;
}

static enum sl_rc parse_field(struct parse *p, const json_t *j, const char *space, unsigned depth,
                              struct sl_avro_field *f)
{
        static const char *const reserved[] = {"default", "doc", "name", "order", "type", "aliases", NULL};
        f->name = text_of(p, j, "name");
        if (!f->name)
                return sl_fail(p->err, SL_E_SCHEMA, "a field of a record has no name");
        if (!sl_avro_name_ok(f->name, strlen(f->name)))
                return sl_fail(p->err, SL_E_SCHEMA, "\"%.200s\" is no field name that Avro allows", f->name);
        const json_t *type = json_object_get(j, "type");
        if (!type)
                return sl_fail(p->err, SL_E_SCHEMA, "the field %.200s has no type", f->name);
        f->doc = text_of(p, j, "doc");
        f->order = text_of(p, j, "order");
        if (f->order && strcmp(f->order, "ascending") == 0)
                f->order = NULL;
        else if (f->order && strcmp(f->order, "descending") != 0 && strcmp(f->order, "ignore") != 0)
                return sl_fail(p->err, SL_E_SCHEMA, "the field %.200s has an unknown order, %.50s", f->name, f->order);
        SL_TRY(parse_aliases(p, j, &f->aliases));
        SL_TRY(parse_type(p, type, space, depth + 1, &f->type));
        f->def = sl_avro_keep(p->d, json_object_get(j, "default"));
        f->props = props_of(p, j, reserved);
        return SL_OK;
}

static enum sl_rc parse_fields(struct parse *p, const json_t *j, unsigned depth, struct sl_avro *s)
{
        const json_t *list = json_object_get(j, "fields"), *one;
        struct sl_map seen = {0};
        enum sl_rc rc = SL_OK;
        size_t i;
        if (!json_is_array(list))
                return sl_fail(p->err, SL_E_SCHEMA, "the record %.200s has no fields", s->full);
        struct sl_avro_field *fields = sl_arena_zalloc(&p->d->arena, json_array_size(list) * sizeof(*fields));
        json_array_foreach(list, i, one)
        {
                rc = parse_field(p, one, s->space, depth, &fields[i]);
                if (rc != SL_OK)
                        break;
                if (sl_map_get(&seen, sl_str_c(fields[i].name))) {
                        rc = sl_fail(p->err, SL_E_SCHEMA, "the record %.200s has two fields of the name %.200s",
                                     s->full, fields[i].name);
                        break;
                }
                sl_map_put(&seen, sl_str_c(fields[i].name), &fields[i]);
        }
        sl_map_free(&seen, NULL);
        s->fields = fields;
        s->count = rc == SL_OK ? (uint32_t)i : 0;
        return rc;
}

static enum sl_rc parse_symbols(struct parse *p, const json_t *j, struct sl_avro *s)
{
        const json_t *list = json_object_get(j, "symbols"), *one;
        size_t i;
        if (!json_is_array(list))
                return sl_fail(p->err, SL_E_SCHEMA, "the enum %.200s has no symbols", s->full);
        s->symbols = sl_arena_alloc(&p->d->arena, json_array_size(list) * sizeof(*s->symbols));
        json_array_foreach(list, i, one)
        {
                const char *text = json_string_value(one);
                if (!text || !sl_avro_name_ok(text, strlen(text)))
                        return sl_fail(p->err, SL_E_SCHEMA, "the enum %.200s has a symbol that Avro does not allow",
                                       s->full);
                s->symbols[s->count++] = sl_arena_strdup(&p->d->arena, text);
        }
        s->symbol_default = text_of(p, j, "default");
        for (i = 0; s->symbol_default && i < s->count; i++)
                if (strcmp(s->symbols[i], s->symbol_default) == 0)
                        return SL_OK;
        if (s->symbol_default)
                return sl_fail(p->err, SL_E_SCHEMA, "the default of the enum %.200s, %.200s, is none of its symbols",
                               s->full, s->symbol_default);
        return SL_OK;
}

static enum sl_rc parse_size(struct parse *p, const json_t *j, struct sl_avro *s)
{
        const json_t *size = json_object_get(j, "size");
        if (!json_is_integer(size) || json_integer_value(size) < 0 || json_integer_value(size) > INT32_MAX)
                return sl_fail(p->err, SL_E_SCHEMA, "the size of the fixed %.200s must be an integer", s->full);
        s->size = (uint32_t)json_integer_value(size);
        return SL_OK;
}

static enum sl_rc parse_named(struct parse *p, const json_t *j, enum sl_avro_type type, const char *space,
                              unsigned depth, struct sl_avro **ret)
{
        const char *name = json_string_value(json_object_get(j, "name"));
        const char *own = json_string_value(json_object_get(j, "namespace"));
        if (!name)
                return sl_fail(p->err, SL_E_SCHEMA, "a type \"%s\" has no name", type_names[type]);
        struct sl_avro *s = sl_avro_new(p->d, type);
        SL_TRY(sl_avro_name(p->d, s, name, own ? own : space, p->err));
        if (sl_map_get(&p->d->names, sl_str_c(s->full)))
                return sl_fail(p->err, SL_E_SCHEMA, "Can't redefine: %.200s", s->full);
        sl_map_put(&p->d->names, sl_str_c(s->full), s);
        s->doc = text_of(p, j, "doc");
        SL_TRY(parse_aliases(p, j, &s->aliases));
        *ret = s;
        if (type == SL_AVRO_RECORD)
                return parse_fields(p, j, depth, s);
        if (type == SL_AVRO_ENUM_T)
                return parse_symbols(p, j, s);
        return parse_size(p, j, s);
}

static enum sl_rc parse_object(struct parse *p, const json_t *j, const char *space, unsigned depth,
                               struct sl_avro **ret)
{
        static const char *const reserved[] = {"doc",     "fields", "items", "name",    "namespace", "size",
                                               "symbols", "values", "type",  "aliases", NULL};
        static const char *const reserved_enum[] = {"doc",     "fields", "items", "name",    "namespace", "size",
                                                    "symbols", "values", "type",  "aliases", "default",   NULL};
        const json_t *type = json_object_get(j, "type");
        const char *name = json_string_value(type);
        struct sl_avro *s = NULL;
        int t = 0;
        if (!name && (json_is_object(type) || json_is_array(type)))
                return parse_type(p, type, space, depth + 1, ret);
        if (!name)
                return sl_fail(p->err, SL_E_SCHEMA, "a type has no \"type\"");
        while (t < SL_AVRO_TYPE_COUNT && (t == SL_AVRO_UNION_T || strcmp(name, type_names[t]) != 0))
                t++;
        bool error = strcmp(name, "error") == 0;
        if (error)
                t = SL_AVRO_RECORD;
        if (t == SL_AVRO_TYPE_COUNT)
                return parse_type(p, type, space, depth + 1, ret);
        if (t == SL_AVRO_RECORD || t == SL_AVRO_ENUM_T || t == SL_AVRO_FIXED) {
                SL_TRY(parse_named(p, j, (enum sl_avro_type)t, space, depth, &s));
                s->is_error = error;
        } else {
                s = sl_avro_new(p->d, (enum sl_avro_type)t);
        }
        if (t == SL_AVRO_ARRAY || t == SL_AVRO_MAP) {
                const char *key = t == SL_AVRO_ARRAY ? "items" : "values";
                const json_t *items = json_object_get(j, key);
                if (!items)
                        return sl_fail(p->err, SL_E_SCHEMA, "a type \"%s\" has no \"%s\"", name, key);
                SL_TRY(parse_type(p, items, space, depth + 1, &s->items));
        }
        s->props = props_of(p, j, t == SL_AVRO_ENUM_T ? reserved_enum : reserved);
        *ret = s;
        return SL_OK;
}

static const char *branch_name(const struct sl_avro *s)
{
        return sl_avro_is_named(s) ? s->full : type_names[s->type];
}

static enum sl_rc parse_union(struct parse *p, const json_t *j, const char *space, unsigned depth, struct sl_avro **ret)
{
        struct sl_avro *s = sl_avro_new(p->d, SL_AVRO_UNION_T);
        s->branches = sl_arena_alloc(&p->d->arena, json_array_size(j) * sizeof(struct sl_avro *));
        const json_t *one;
        size_t i;
        if (json_array_size(j) > 1000)
                return sl_fail(p->err, SL_E_SCHEMA, "a union has more than 1000 types");
        json_array_foreach(j, i, one)
        {
                SL_TRY(parse_type(p, one, space, depth + 1, &s->branches[i]));
                if (s->branches[i]->type == SL_AVRO_UNION_T)
                        return sl_fail(p->err, SL_E_SCHEMA, "Nested union: a union can't have a union as a member");
                for (size_t k = 0; k < i; k++)
                        if (strcmp(branch_name(s->branches[i]), branch_name(s->branches[k])) == 0)
                                return sl_fail(p->err, SL_E_SCHEMA, "Duplicate in union:%.200s",
                                               branch_name(s->branches[i]));
                s->count++;
        }
        *ret = s;
        return SL_OK;
}

static enum sl_rc parse_name(struct parse *p, const char *name, const char *space, struct sl_avro **ret)
{
        for (int t = 0; t < SL_AVRO_TYPE_COUNT; t++) {
                bool simple = t < SL_AVRO_RECORD;
                if (simple && strcmp(name, type_names[t]) == 0) {
                        *ret = sl_avro_new(p->d, (enum sl_avro_type)t);
                        return SL_OK;
                }
        }
        struct sl_avro *s = NULL;
        if (space && !strchr(name, '.'))
                s = sl_map_get(&p->d->names, sl_str_c(sl_arena_printf(&p->d->arena, "%s.%s", space, name)));
        if (!s)
                s = sl_map_get(&p->d->names, sl_str_c(name));
        if (!s)
                return sl_fail(p->err, SL_E_SCHEMA, "\"%.200s\" is not a defined name", name);
        *ret = s;
        return SL_OK;
}

static enum sl_rc parse_type(struct parse *p, const json_t *j, const char *space, unsigned depth, struct sl_avro **ret)
{
        if (depth > SL_AVRO_DEPTH)
                return sl_fail(p->err, SL_E_SCHEMA, "an Avro schema is nested deeper than %d levels", SL_AVRO_DEPTH);
        if (p->d->types > SL_AVRO_TYPES)
                return sl_fail(p->err, SL_E_SCHEMA, "an Avro schema has more than %d types", SL_AVRO_TYPES);
        if (json_is_string(j))
                return parse_name(p, json_string_value(j), space, ret);
        if (json_is_object(j))
                return parse_object(p, j, space, depth, ret);
        if (json_is_array(j))
                return parse_union(p, j, space, depth, ret);
        return sl_fail(p->err, SL_E_SCHEMA, "an Avro type must be a name, an object or an array");
}

enum sl_rc sl_avro_parse(struct sl_avro_doc *d, struct sl_str text, struct sl_avro **ret, struct sl_err *err)
{
        struct parse p = {d, err};
        json_error_t why;
        if (text.len > SL_AVRO_TEXT)
                return sl_fail(err, SL_E_SCHEMA, "an Avro schema has more than %d bytes", SL_AVRO_TEXT);
        json_t *j =
                json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why); /* bytes may default to zeros */
        enum sl_rc rc =
                j ? parse_type(&p, j, NULL, 0, ret)
                  : sl_fail(err, SL_E_SCHEMA, "invalid JSON at line %d, column %d: %s", why.line, why.column, why.text);
        json_decref(j);
        if (rc != SL_OK)
                sl_err_prefix(err, "an Avro schema can't be read");
        return rc;
}

/* ---- comparing ---- */

static bool same_text(const char *a, const char *b)
{
        return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_json(const json_t *a, const json_t *b)
{
        return a == b || (a && b && json_equal(a, b));
}

static bool same_parts(const struct sl_avro *a, const struct sl_avro *b, unsigned depth)
{
        for (uint32_t i = 0; i < a->count; i++) {
                if (a->type == SL_AVRO_ENUM_T && strcmp(a->symbols[i], b->symbols[i]) != 0)
                        return false;
                if (a->type == SL_AVRO_UNION_T && !sl_avro_same(a->branches[i], b->branches[i], depth + 1))
                        return false;
                if (a->type != SL_AVRO_RECORD)
                        continue;
                const struct sl_avro_field *f = &a->fields[i], *g = &b->fields[i];
                if (strcmp(f->name, g->name) != 0 || !same_json(f->def, g->def) || !same_text(f->order, g->order) ||
                    !same_json(f->props, g->props) || !sl_avro_same(f->type, g->type, depth + 1))
                        return false;
        }
        return !a->items || sl_avro_same(a->items, b->items, depth + 1);
}

bool sl_avro_same(const struct sl_avro *a, const struct sl_avro *b, unsigned depth)
{
        if (a == b || depth > SL_AVRO_DEPTH) /* so deep only what contains itself goes: nothing differed on the way */
                return true;
        return a->type == b->type && a->count == b->count && a->size == b->size && same_text(a->full, b->full) &&
               same_json(a->props, b->props) && same_parts(a, b, depth);
}

/* ---- defaults ---- */

static bool in_range(const json_t *j, int64_t max)
{
        return json_is_integer(j) && json_integer_value(j) <= max && json_integer_value(j) >= -max - 1;
}

static bool record_default_ok(const struct sl_avro *s, const json_t *def, unsigned depth)
{
        if (!json_is_object(def))
                return false;
        for (uint32_t i = 0; i < s->count; i++) {
                const json_t *member = json_object_get(def, s->fields[i].name);
                if (!member)
                        member = s->fields[i].def;
                if (!member || !sl_avro_default_ok(s->fields[i].type, member, depth + 1))
                        return false;
        }
        return true;
}

bool sl_avro_default_ok(const struct sl_avro *s, const json_t *def, unsigned depth)
{
        const char *key;
        json_t *member;
        size_t i;
        if (depth > 20) /* defaults inside defaults can multiply */
                return false;
        switch ((enum sl_avro_type)s->type) {
        case SL_AVRO_NULL:
                return json_is_null(def);
        case SL_AVRO_BOOLEAN:
                return json_is_boolean(def);
        case SL_AVRO_INT:
                return in_range(def, INT32_MAX);
        case SL_AVRO_LONG:
                return in_range(def, INT64_MAX);
        case SL_AVRO_FLOAT:
        case SL_AVRO_DOUBLE:
                return json_is_number(def);
        case SL_AVRO_BYTES:
        case SL_AVRO_STRING:
        case SL_AVRO_ENUM_T:
        case SL_AVRO_FIXED:
                return json_is_string(def);
        case SL_AVRO_ARRAY:
                json_array_foreach(def, i, member) if (!sl_avro_default_ok(s->items, member, depth + 1)) return false;
                return json_is_array(def);
        case SL_AVRO_MAP:
                json_object_foreach((json_t *)(uintptr_t)def, key,
                                    member) if (!sl_avro_default_ok(s->items, member, depth + 1)) return false;
                return json_is_object(def);
        case SL_AVRO_UNION_T:
                return s->count &&
                       sl_avro_default_ok(s->branches[0], def, depth + 1); /* a default is of the first branch */
        case SL_AVRO_RECORD:
                return record_default_ok(s, def, depth);
        case SL_AVRO_TYPE_COUNT:
                break;
        }
        return false;
}
