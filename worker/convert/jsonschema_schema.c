/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Schema (drafts 4 to 2020-12, as far as Connect has a counterpart) -> Connect schema, by the rules of Confluent's JsonSchemaData and
 * the library it loads texts with: several keywords in one place are an allOf of them, a list of types is an anyOf. Keywords that only
 * restrict values (minimum, pattern, ...) are not looked at. Refused: places without a type (Confluent's Variant), a schema that refers to
 * itself, tuples, and references by network address. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "convert/jsonschema.h"

#define DOCS 64

struct doc {
        const char *name;
        json_t *root;
};
struct builder {
        const struct js_options *opt;
        struct sl_err *err;
        struct sl_arena arena;
        sl_js_resolve resolve;
        void *arg;
        struct doc docs[DOCS];
        uint32_t doc_count, parts, unions;
        int depth;
        const json_t *open[JS_DEPTH];
};

/* What a place of the text can be. A place has one of these, or an ALL of several. */
enum kind { K_BOOLEAN, K_NUMBER, K_INTEGER, K_STRING, K_NULL, K_CONST, K_ENUM, K_ANY, K_ALL, K_ARRAY, K_OBJECT, K_EMPTY, K_REF, K_TYPES };
struct place {
        enum kind kind;
        const json_t *json;
        const struct doc *doc;
        bool own; /* title, description, default and connect.* are this part's */
        uint32_t count;
        enum kind parts[8]; /* K_ALL that several keywords make; 0 = json's own allOf */
};

static enum sl_rc schema_of(struct builder *b, const struct place *p, int32_t version, bool optional, const struct sl_schema **ret);

/* ---- places ---- */

static bool has(const json_t *json, const char *const *keys)
{
        for (; *keys; keys++)
                if (json_object_get(json, *keys))
                        return true;
        return false;
}

static bool type_kind(const char *type, enum kind *ret)
{
        static const struct {
                const char *type;
                enum kind kind;
        } types[] = {{"boolean", K_BOOLEAN}, {"number", K_NUMBER}, {"integer", K_INTEGER}, {"string", K_STRING},
                     {"null", K_NULL},       {"array", K_ARRAY},   {"object", K_OBJECT}};
        for (size_t i = 0; type && i < sizeof(types) / sizeof(*types); i++)
                if (strcmp(type, types[i].type) == 0) {
                        *ret = types[i].kind;
                        return true;
                }
        return false;
}

/* Without a type, what the other keywords are about. */
static void implied(const json_t *json, struct place *p)
{
        static const char *const of_object[] = {"properties", "required", "additionalProperties", "patternProperties", "minProperties",
                                                "maxProperties", "dependencies", "propertyNames", NULL};
        static const char *const of_array[] = {"items", "minItems", "maxItems", "uniqueItems", "contains", NULL};
        static const char *const of_string[] = {"minLength", "maxLength", "pattern", "format", NULL};
        static const char *const of_number[] = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", NULL};
        if (has(json, of_object))
                p->parts[p->count++] = K_OBJECT;
        else if (has(json, of_array))
                p->parts[p->count++] = K_ARRAY;
        else if (has(json, of_string))
                p->parts[p->count++] = K_STRING;
        else if (has(json, of_number))
                p->parts[p->count++] = K_NUMBER;
}

static enum sl_rc place_of(struct builder *b, const json_t *json, const struct doc *doc, struct place *p)
{
        *p = (struct place){.json = json, .doc = doc, .own = true, .kind = K_EMPTY};
        const json_t *type;
        enum kind kind;
        if (++b->parts > JS_PARTS)
                return sl_fail(b->err, SL_E_DECODE, "the JSON Schema has more than %d parts, references followed", JS_PARTS);
        if (json_is_true(json))
                return SL_OK;
        if (!json_is_object(json))
                return sl_fail(b->err, SL_E_DECODE, "the JSON Schema has something in the place of a schema that is none");
        if (json_is_string(json_object_get(json, "$ref"))) {
                p->kind = K_REF;
                return SL_OK;
        }
        if (json_is_array(json_object_get(json, "allOf")))
                p->parts[p->count++] = K_ALL;
        if (json_is_array(json_object_get(json, "anyOf")))
                p->parts[p->count++] = K_ANY;
        if (json_is_array(json_object_get(json, "oneOf")))
                p->parts[p->count++] = K_ANY;
        if (json_object_get(json, "const"))
                p->parts[p->count++] = K_CONST;
        if (json_is_array(json_object_get(json, "enum")))
                p->parts[p->count++] = K_ENUM;
        type = json_object_get(json, "type");
        if (json_is_array(type))
                p->parts[p->count++] = K_TYPES;
        else if (type && type_kind(json_string_value(type), &kind))
                p->parts[p->count++] = kind;
        else if (type)
                return sl_fail(b->err, SL_E_DECODE, "the JSON Schema has the unknown type %s",
                               json_is_string(type) ? json_string_value(type) : "(no text)");
        else
                implied(json, p);
        p->kind = p->count == 0 ? K_EMPTY : p->count == 1 ? p->parts[0] : K_ALL;
        if (p->count == 1)
                p->count = 0;
        return SL_OK;
}

/* ---- references ---- */

static enum sl_rc document(struct builder *b, const char *name, const struct doc **ret)
{
        struct sl_str text = SL_STR_NULL;
        for (uint32_t i = 0; i < b->doc_count; i++)
                if (strcmp(b->docs[i].name, name) == 0) {
                        *ret = &b->docs[i];
                        return SL_OK;
                }
        if (b->resolve)
                SL_TRY(b->resolve(b->arg, name, &text, b->err));
        if (!text.ptr || b->doc_count == DOCS)
                return sl_fail(b->err, SL_E_DECODE, "the JSON Schema refers to %s, which is not among its references in the registry", name);
        struct doc *d = &b->docs[b->doc_count];
        SL_TRY(sl_json_parse(text, &d->root, b->err));
        d->name = sl_arena_strdup(&b->arena, name);
        b->doc_count++;
        *ret = d;
        return SL_OK;
}

/* One step of a pointer, ~0 ~1 %XX read. */
static void unescape(const char *from, size_t n, char *to)
{
        for (size_t i = 0; i < n; i++) {
                unsigned v;
                if (from[i] == '~' && i + 1 < n && (from[i + 1] == '0' || from[i + 1] == '1')) {
                        *to++ = from[++i] == '0' ? '~' : '/';
                } else if (from[i] == '%' && i + 2 < n && sscanf(from + i + 1, "%2x", &v) == 1) {
                        *to++ = (char)v;
                        i += 2;
                } else {
                        *to++ = from[i];
                }
        }
        *to = 0;
}

static const json_t *pointer(struct builder *b, const json_t *json, const char *path)
{
        while (json && *path == '/') {
                size_t n = strcspn(path + 1, "/");
                char *step = sl_arena_alloc(&b->arena, n + 1);
                unescape(path + 1, n, step);
                json = json_is_array(json) ? json_array_get(json, (size_t)strtoul(step, NULL, 10)) : json_object_get(json, step);
                path += 1 + n;
        }
        return *path ? NULL : json;
}

/* The schema whose $id, id or $anchor is this. */
static const json_t *identified(const json_t *json, const char *id, int depth)
{
        const char *key;
        json_t *member;
        size_t i;
        if (depth > JS_DEPTH)
                return NULL;
        const json_t *found = NULL;
        json_array_foreach(json, i, member)
                if ((found = identified(member, id, depth + 1)))
                        return found;
        json_object_foreach((json_t *)(uintptr_t)json, key, member) {
                const char *text = json_string_value(member);
                if (text && (strcmp(key, "$id") == 0 || strcmp(key, "id") == 0) && strcmp(text, id) == 0)
                        return json;
                if (text && strcmp(key, "$anchor") == 0 && id[0] == '#' && strcmp(text, id + 1) == 0)
                        return json;
                if (!text && (found = identified(member, id, depth + 1)))
                        return found;
        }
        return NULL;
}

static enum sl_rc follow(struct builder *b, const struct place *p, struct place *ret)
{
        const char *ref = json_string_value(json_object_get(p->json, "$ref")), *hash = strchr(ref, '#');
        size_t n = hash ? (size_t)(hash - ref) : strlen(ref);
        const struct doc *doc = p->doc;
        const json_t *target = ref[0] == '#' && (!ref[1] || ref[1] == '/') ? NULL : identified(doc->root, ref, 0);
        if (!target) {
                const char *id = sl_json_str(doc->root, "$id");
                if (n && !(id && strlen(id) == n && strncmp(id, ref, n) == 0))
                        SL_TRY(document(b, sl_arena_strndup(&b->arena, ref, n), &doc));
                target = !hash || !hash[1] ? doc->root : hash[1] == '/' ? pointer(b, doc->root, hash + 1) : identified(doc->root, hash, 0);
        }
        if (!target)
                return sl_fail(b->err, SL_E_DECODE, "the JSON Schema refers to %s, which is not there", ref);
        return place_of(b, target, doc, ret);
}

/* ---- what is common ---- */

/* Of equal names the last value counts: a schema's parameters are a map. */
static void add_param(struct builder *b, struct sl_schema *s, const char *name, const char *value)
{
        struct sl_param *list = (struct sl_param *)(uintptr_t)s->params;
        for (uint32_t i = 0; i < s->param_count; i++)
                if (strcmp(list[i].name, name) == 0) {
                        list[i].value = value;
                        return;
                }
        if ((s->param_count & (s->param_count - 1)) == 0) { /* full: room is the next power of two */
                struct sl_param *more = sl_arena_alloc(&b->arena, (s->param_count ? 2 * s->param_count : 1) * sizeof(*more));
                if (s->param_count)
                        memcpy(more, list, s->param_count * sizeof(*more));
                s->params = list = more;
        }
        list[s->param_count++] = (struct sl_param){name, value};
}

static enum sl_rc add_default(struct builder *b, const json_t *json, struct sl_schema *s)
{
        const json_t *def = json_object_get(json, "default");
        struct sl_json_reader reader = {0};
        struct sl_buf text = {0};
        struct sl_value tree;
        bool missing;
        if (!def || json_is_null(def))
                return SL_OK;
        char *dump = json_dumps(def, JSON_COMPACT | JSON_ENCODE_ANY);
        struct sl_str copy = sl_str_c(sl_arena_strdup(&b->arena, dump ? dump : "null"));
        free(dump);
        sl_buf_free(&text);
        enum sl_rc rc = sl_json_read(&reader, copy, true, &b->arena, &tree, &missing, b->err);
        if (rc == SL_OK)
                rc = sl_js_read(sl_schema_intern(s), &tree, &b->arena, &s->def, b->err);
        sl_json_reader_free(&reader);
        if (rc != SL_OK)
                sl_err_prefix(b->err, "a default of the JSON Schema can't be read");
        s->has_default = rc == SL_OK && s->def.type != SL_NULL;
        return rc;
}

static enum sl_rc finish(struct builder *b, const struct place *p, struct sl_schema *s, int32_t version, bool optional,
                         const struct sl_schema **ret)
{
        const char *key;
        json_t *value;
        s->version = version;
        if (p->own) {
                const json_t *params = json_object_get(p->json, "connect.parameters");
                if (!s->name)
                        s->name = sl_json_str(p->json, "title");
                s->version = (int32_t)sl_json_int(p->json, "connect.version", version);
                s->doc = sl_json_str(p->json, "description");
                json_object_foreach((json_t *)(uintptr_t)params, key, value)
                        if (json_is_string(value))
                                add_param(b, s, key, json_string_value(value));
                SL_TRY(add_default(b, p->json, s));
        }
        s->optional = s->optional || optional;
        *ret = sl_schema_intern(s);
        return SL_OK;
}

static const char *connect_type(const struct place *p)
{
        return p->own ? sl_json_str(p->json, "connect.type") : NULL;
}

/* ---- scalars ---- */

static enum sl_rc number(struct builder *b, const struct place *p, struct sl_schema *s)
{
        static const struct {
                const char *name;
                enum sl_type type;
        } types[] = {{"int8", SL_INT8},       {"int16", SL_INT16},     {"int32", SL_INT32}, {"int64", SL_INT64},
                     {"float32", SL_FLOAT32}, {"float64", SL_FLOAT64}, {"bytes", SL_BYTES}};
        const char *type = connect_type(p);
        s->type = p->kind == K_INTEGER ? SL_INT64 : SL_FLOAT64;
        for (size_t i = 0; type && i < sizeof(types) / sizeof(*types); i++)
                if (strcmp(type, types[i].name) == 0) {
                        s->type = types[i].type;
                        return SL_OK;
                }
        return type ? sl_fail(b->err, SL_E_DECODE, "the JSON Schema has the unknown connect.type %s", type) : SL_OK;
}

static void add_symbol(struct builder *b, struct sl_schema *s, const char *param, const json_t *value, size_t at)
{
        char *dump = json_is_string(value) || json_is_null(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        const char *symbol = json_is_string(value) ? json_string_value(value) : json_is_null(value) ? "<NULL>" : sl_arena_strdup(&b->arena, dump);
        free(dump);
        add_param(b, s, sl_arena_printf(&b->arena, "%s.%s", param, symbol),
                  b->opt->generalized ? sl_arena_printf(&b->arena, "%zu", at) : symbol);
}

static void symbols(struct builder *b, const struct place *p, struct sl_schema *s)
{
        const char *param = b->opt->generalized ? SL_JS_GENERAL_ENUM : SL_JS_ENUM;
        s->type = SL_STRING;
        add_param(b, s, param, "");
        if (p->kind == K_CONST) {
                add_symbol(b, s, param, json_object_get(p->json, "const"), 0);
                return;
        }
        const json_t *list = json_object_get(p->json, "enum");
        for (size_t i = 0; i < json_array_size(list) && i < 2000; i++)
                add_symbol(b, s, param, json_array_get(list, i), i);
}

/* ---- choices ---- */

/* The branches of a K_ANY or K_TYPES. */
static enum sl_rc branch(struct builder *b, const struct place *p, size_t i, struct place *ret)
{
        if (p->kind == K_ANY) {
                const json_t *list = json_object_get(p->json, "oneOf");
                return place_of(b, json_array_get(list ? list : json_object_get(p->json, "anyOf"), i), p->doc, ret);
        }
        *ret = (struct place){.json = p->json, .doc = p->doc};
        const json_t *type = json_array_get(json_object_get(p->json, "type"), i);
        return type_kind(json_string_value(type), &ret->kind) ? SL_OK
                                                              : sl_fail(b->err, SL_E_DECODE, "the JSON Schema has an unknown type in a list");
}

static size_t branches(const struct place *p)
{
        const json_t *list = json_object_get(p->json, p->kind == K_TYPES ? "type" : "oneOf");
        return json_array_size(list ? list : json_object_get(p->json, "anyOf"));
}

static enum sl_rc add_branches(struct builder *b, const struct place *p, size_t n, struct sl_schema *s)
{
        struct sl_field *fields = sl_arena_zalloc(&b->arena, n * sizeof(*fields));
        s->fields = fields;
        for (size_t i = 0; i < n; i++) {
                struct place part;
                SL_TRY(branch(b, p, i, &part));
                if (part.kind == K_NULL) {
                        s->optional = true;
                        continue;
                }
                fields[s->field_count].name = b->opt->generalized
                                                      ? sl_arena_printf(&b->arena, "connect_union_field_%u", s->field_count)
                                                      : sl_arena_printf(&b->arena, SL_JS_ONE_OF ".field.%u", s->field_count);
                SL_TRY(schema_of(b, &part, 0, true, &fields[s->field_count++].schema));
        }
        return SL_OK;
}

/* true in *ret_done: the place is what its only branch is. */
static enum sl_rc choice(struct builder *b, const struct place *p, int32_t version, struct sl_schema *s, const struct sl_schema **ret,
                         bool *ret_done)
{
        size_t n = branches(p);
        struct place part, other;
        *ret_done = true;
        if (n == 0 || n > 500)
                return sl_fail(b->err, SL_E_DECODE, "the JSON Schema has a choice of %zu", n);
        if (n == 1 && b->opt->flatten_single) {
                SL_TRY(branch(b, p, 0, &part));
                return schema_of(b, &part, 0, false, ret);
        }
        char *name = b->opt->generalized ? sl_arena_printf(&b->arena, "connect_union_%u", b->unions++) : (char *)(uintptr_t)SL_JS_ONE_OF;
        if (n == 2) {
                SL_TRY(branch(b, p, 0, &part));
                SL_TRY(branch(b, p, 1, &other));
                if (part.kind == K_NULL || other.kind == K_NULL)
                        return schema_of(b, part.kind == K_NULL ? &other : &part, version, true, ret);
        }
        *ret_done = false;
        s->type = SL_STRUCT;
        s->name = name;
        if (b->opt->generalized)
                add_param(b, s, SL_JS_UNION, name);
        return add_branches(b, p, n, s);
}

/* ---- objects ---- */

struct property {
        const char *name;
        const json_t *json;
        const struct doc *doc;
        bool required;
        int64_t index;
};
struct properties {
        struct property *list;
        uint32_t count, cap;
};

static bool is_required(const json_t *object, const char *name)
{
        const json_t *list = json_object_get(object, "required"), *item;
        size_t i;
        json_array_foreach((json_t *)(uintptr_t)list, i, item)
                if (json_is_string(item) && strcmp(json_string_value(item), name) == 0)
                        return true;
        return false;
}

static struct property *property(struct builder *b, struct properties *to, const char *name)
{
        for (uint32_t i = 0; i < to->count; i++)
                if (strcmp(to->list[i].name, name) == 0)
                        return &to->list[i];
        if (to->count == to->cap) {
                struct property *more = sl_arena_alloc(&b->arena, (to->cap + 16) * 2 * sizeof(*more));
                if (to->count)
                        memcpy(more, to->list, to->count * sizeof(*more));
                to->list = more;
                to->cap = (to->cap + 16) * 2;
        }
        to->list[to->count] = (struct property){.name = name};
        return &to->list[to->count++];
}

/* In the order of Java's map; of a name that came before, the later counts. */
static enum sl_rc collect(struct builder *b, const json_t *object, const struct doc *doc, struct properties *to)
{
        json_t *all = json_object_get(object, "properties");
        size_t n = json_object_size(all);
        if (n > 5000)
                return sl_fail(b->err, SL_E_DECODE, "the JSON Schema has an object of more than 5000 properties");
        const char **names = sl_arena_alloc(&b->arena, (n + 1) * sizeof(*names)), *key;
        uint32_t *order = sl_arena_alloc(&b->arena, (n + 1) * sizeof(*order)), count = 0;
        json_t *value;
        json_object_foreach(all, key, value)
                names[count++] = key;
        sl_js_hash_order(names, count, 16, order);
        for (uint32_t i = 0; i < count; i++) {
                struct property *p = property(b, to, names[order[i]]);
                p->json = json_object_get(all, p->name);
                p->doc = doc;
                p->required = is_required(object, p->name);
                p->index = sl_json_int(p->json, "connect.index", -1);
        }
        return SL_OK;
}

static int by_index(const void *x, const void *y)
{
        const struct property *a = x, *b = y;
        return a->index < b->index ? -1 : a->index > b->index;
}

/* connect.index says the order; a property without one comes where the map has it. */
static void sort(struct properties *list)
{
        for (uint32_t i = 0; i < list->count; i++)
                list->list[i].index = ((list->list[i].index >= 0 ? list->list[i].index : i) & 0xffffffff) << 16 | (i & 0xffff);
        if (list->count)
                qsort(list->list, list->count, sizeof(*list->list), by_index);
}

static enum sl_rc add_fields(struct builder *b, const struct properties *from, struct sl_schema *s)
{
        struct sl_field *fields = sl_arena_zalloc(&b->arena, (from->count + 1) * sizeof(*fields));
        s->type = SL_STRUCT;
        s->fields = fields;
        s->field_count = from->count;
        for (uint32_t i = 0; i < from->count; i++) {
                const struct property *p = &from->list[i];
                struct place place;
                fields[i].name = p->name;
                enum sl_rc rc = place_of(b, p->json, p->doc, &place);
                if (rc == SL_OK)
                        rc = schema_of(b, &place, 0, b->opt->optional_missing && !p->required, &fields[i].schema);
                if (rc != SL_OK) {
                        sl_err_prefix(b->err, "property %s", p->name);
                        return rc;
                }
        }
        return SL_OK;
}

static enum sl_rc object(struct builder *b, const struct place *p, struct sl_schema *s)
{
        const char *type = connect_type(p);
        struct properties list = {0};
        struct place value;
        if (!type || strcmp(type, "map") != 0) {
                SL_TRY(collect(b, p->json, p->doc, &list));
                sort(&list);
                return add_fields(b, &list, s);
        }
        const json_t *json = json_object_get(p->json, "additionalProperties");
        if (!json_is_object(json))
                return sl_fail(b->err, SL_E_DECODE, "the JSON Schema has a map that does not say the type of its values");
        SL_TRY(place_of(b, json, p->doc, &value));
        s->type = SL_MAP;
        s->key = sl_schema_of(SL_STRING, false);
        return schema_of(b, &value, 0, false, &s->value);
}

static enum sl_rc array(struct builder *b, const struct place *p, struct sl_schema *s)
{
        const json_t *items = json_object_get(p->json, "items"), *entry = json_object_get(items, "properties");
        const char *type = connect_type(p);
        struct place part;
        if (!json_is_object(items))
                return sl_fail(b->err, SL_E_DECODE, "Array schema did not specify the items type");
        if (type && strcmp(type, "map") == 0 && json_object_get(entry, "key") && json_object_get(entry, "value")) {
                s->type = SL_MAP;
                SL_TRY(place_of(b, json_object_get(entry, "key"), p->doc, &part));
                SL_TRY(schema_of(b, &part, 0, false, &s->key));
                SL_TRY(place_of(b, json_object_get(entry, "value"), p->doc, &part));
                return schema_of(b, &part, 0, false, &s->value);
        }
        s->type = SL_ARRAY;
        SL_TRY(place_of(b, items, p->doc, &part));
        return schema_of(b, &part, 0, false, &s->value);
}

/* ---- allOf ---- */

static enum sl_rc part_of(struct builder *b, const struct place *p, size_t i, struct place *ret)
{
        if (!p->count)
                return place_of(b, json_array_get(json_object_get(p->json, "allOf"), i), p->doc, ret);
        *ret = (struct place){.kind = p->parts[i], .json = p->json, .doc = p->doc};
        return SL_OK;
}

static size_t parts_of(const struct place *p)
{
        return p->count ? p->count : json_array_size(json_object_get(p->json, "allOf"));
}

static enum sl_rc collect_all(struct builder *b, const struct place *p, struct properties *to, int depth)
{
        struct place part;
        if (depth > JS_DEPTH)
                return sl_fail(b->err, SL_E_DECODE, "the JSON Schema refers to itself in an allOf, or nests deeper than %d", JS_DEPTH);
        if (p->kind == K_OBJECT)
                return collect(b, p->json, p->doc, to);
        if (p->kind == K_REF) {
                SL_TRY(follow(b, p, &part));
                return collect_all(b, &part, to, depth + 1);
        }
        for (size_t i = 0; p->kind == K_ALL && i < parts_of(p); i++) {
                SL_TRY(part_of(b, p, i, &part));
                SL_TRY(collect_all(b, &part, to, depth + 1));
        }
        return SL_OK;
}

/* Without properties: which of the parts says the type. */
static enum sl_rc decisive(struct builder *b, const struct place *p, struct place *ret, bool *ret_found)
{
        struct place found[K_TYPES + 1] = {0}, part;
        bool seen[K_TYPES + 1] = {false};
        for (size_t i = 0; i < parts_of(p); i++) {
                SL_TRY(part_of(b, p, i, &part));
                enum kind k = part.kind == K_INTEGER ? K_NUMBER : part.kind == K_ALL || part.kind == K_TYPES ? K_ANY : part.kind;
                found[k] = part;
                seen[k] = true;
        }
        enum kind k = K_NULL;
        if (seen[K_ANY])
                k = K_ANY;
        else if (seen[K_CONST])
                k = seen[K_STRING] ? K_STRING : seen[K_NUMBER] ? K_NUMBER : K_NULL;
        else if (seen[K_ENUM])
                k = seen[K_STRING] ? K_ENUM : seen[K_NUMBER] ? K_NUMBER : K_NULL;
        else if (seen[K_STRING] && json_object_get(found[K_STRING].json, "format"))
                k = seen[K_NUMBER] ? K_NUMBER : K_STRING;
        else if (seen[K_REF])
                k = K_REF;
        *ret_found = k != K_NULL;
        *ret = found[k];
        return SL_OK;
}

static enum sl_rc all(struct builder *b, const struct place *p, int32_t version, bool optional, const struct sl_schema **ret)
{
        struct properties list = {0};
        struct sl_schema s = {0};
        struct place part;
        bool found;
        SL_TRY(collect_all(b, p, &list, 0));
        if (list.count) {
                SL_TRY(add_fields(b, &list, &s));
                s.optional = optional;
                *ret = sl_schema_intern(&s);
                return SL_OK;
        }
        SL_TRY(decisive(b, p, &part, &found));
        if (!found)
                return sl_fail(b->err, SL_E_DECODE, "the JSON Schema has an allOf, or several keywords in one place, that have no counterpart in "
                                                    "Connect");
        return schema_of(b, &part, version, optional, ret);
}

/* ---- all of it ---- */

static enum sl_rc plain(struct builder *b, const struct place *p, int32_t version, struct sl_schema *s, const struct sl_schema **ret,
                        bool *ret_done)
{
        const char *type = connect_type(p);
        *ret_done = false;
        switch (p->kind) {
        case K_BOOLEAN:
                s->type = SL_BOOLEAN;
                return SL_OK;
        case K_NUMBER:
        case K_INTEGER:
                return number(b, p, s);
        case K_STRING:
                s->type = type && strcmp(type, "bytes") == 0 ? SL_BYTES : SL_STRING;
                return SL_OK;
        case K_CONST:
        case K_ENUM:
                symbols(b, p, s);
                return SL_OK;
        case K_ANY:
        case K_TYPES:
                return choice(b, p, version, s, ret, ret_done);
        case K_ARRAY:
                return array(b, p, s);
        case K_OBJECT:
                return object(b, p, s);
        case K_NULL:
                return sl_fail(b->err, SL_E_DECODE, "the JSON Schema has a place that is always null, which has no counterpart in Connect");
        default:
                return sl_fail(b->err, SL_E_DECODE, "the JSON Schema has a place without a type, which is not read here (Confluent makes a "
                                                    "Variant of it)");
        }
}

static enum sl_rc schema_of(struct builder *b, const struct place *p, int32_t version, bool optional, const struct sl_schema **ret)
{
        struct sl_schema s = {0};
        struct place target;
        enum sl_rc rc;
        bool done = true;
        if (b->depth >= JS_DEPTH)
                return sl_fail(b->err, SL_E_DECODE, "the JSON Schema is nested deeper than %d levels, or refers to itself, which no Connect "
                                                    "schema can say here", JS_DEPTH);
        b->open[b->depth++] = p->json;
        if (p->kind == K_REF) {
                rc = follow(b, p, &target);
                for (int i = 0; rc == SL_OK && i < b->depth; i++)
                        if (b->open[i] == target.json)
                                rc = sl_fail(b->err, SL_E_DECODE, "the JSON Schema refers to itself (%s), which no Connect schema can say here",
                                             json_string_value(json_object_get(p->json, "$ref")));
                if (rc == SL_OK)
                        rc = schema_of(b, &target, version, optional, ret);
        } else if (p->kind == K_ALL) {
                rc = all(b, p, version, optional, ret);
        } else {
                rc = plain(b, p, version, &s, ret, &done);
                if (rc == SL_OK && !done)
                        rc = finish(b, p, &s, version, optional, ret);
        }
        b->depth--;
        return rc;
}

enum sl_rc sl_js_schema(const struct js_options *opt, struct sl_str text, int32_t version, sl_js_resolve resolve, void *arg,
                        const struct sl_schema **ret, struct sl_err *err)
{
        struct builder b = {.opt = opt, .err = err, .resolve = resolve, .arg = arg};
        struct place root;
        sl_arena_init(&b.arena, 0);
        b.docs[0].name = "";
        b.doc_count = 1;
        enum sl_rc rc = sl_json_parse(text, &b.docs[0].root, err);
        if (rc == SL_OK)
                rc = place_of(&b, b.docs[0].root, &b.docs[0], &root);
        if (rc == SL_OK)
                rc = schema_of(&b, &root, version, false, ret);
        for (uint32_t i = 0; i < b.doc_count; i++)
                json_decref(b.docs[i].root);
        sl_arena_free(&b.arena);
        return rc;
}
