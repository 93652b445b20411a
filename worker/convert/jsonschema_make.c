/* SPDX-License-Identifier: Apache-2.0 */
/* Connect schema -> JSON Schema, as Confluent's converter registers it. A registry takes two texts that differ in the order of their
 * members for two schemas, so the order is that of the library it prints with (everit-json-schema 1.14) and of Java's hash maps. */
#include <stdlib.h>

#include "convert/jsonschema.h"

struct maker {
        const struct js_options *opt;
        struct sl_json_writer *w;
        struct sl_buf *out;
        struct sl_err *err;
        int depth;
};

#define NO_INDEX UINT32_MAX

bool sl_js_is_union(const struct sl_schema *schema)
{
        if (schema->type != SL_STRUCT)
                return false;
        return (schema->name && strcmp(schema->name, SL_JS_ONE_OF) == 0) || sl_schema_param(schema, SL_JS_UNION);
}

/* ---- Java's order ---- */

/* String.hashCode() of UTF-8 as UTF-16, spread as HashMap does it. */
static uint32_t java_hash(const char *s)
{
        uint32_t h = 0;
        for (const unsigned char *p = (const unsigned char *)s; *p;) {
                unsigned more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
                uint32_t c = more ? *p & (0x3fU >> more) : *p;
                p++;
                for (; more && (*p & 0xc0) == 0x80; more--)
                        c = c << 6 | (*p++ & 0x3f);
                if (c > 0xffff) {
                        h = 31 * h + (0xd800 + ((c - 0x10000) >> 10));
                        c = 0xdc00 + ((c - 0x10000) & 0x3ff);
                }
                h = 31 * h + c;
        }
        return h ^ h >> 16;
}

struct slot {
        uint32_t bucket, at;
};

static int by_bucket(const void *x, const void *y)
{
        const struct slot *a = x, *b = y;
        if (a->bucket != b->bucket)
                return a->bucket < b->bucket ? -1 : 1;
        return a->at < b->at ? -1 : a->at > b->at;
}

void sl_js_hash_order(const char *const *names, uint32_t n, uint32_t cap, uint32_t *ret)
{
        if (!n)
                return;
        struct slot *slots = sl_malloc(n * sizeof(*slots));
        while ((uint64_t)n * 4 > (uint64_t)cap * 3)
                cap *= 2;
        for (uint32_t i = 0; i < n; i++)
                slots[i] = (struct slot){java_hash(names[i]) & (cap - 1), i};
        qsort(slots, n, sizeof(*slots), by_bucket);
        for (uint32_t i = 0; i < n; i++)
                ret[i] = slots[i].at;
        free(slots);
}

/* ---- members that every schema can have ---- */

static void add_member(struct sl_buf *out, const char *name)
{
        if (sl_buf_ok(out) && out->ptr[out->len - 1] != '{')
                sl_buf_addc(out, ',');
        sl_buf_add_json_str(out, name, strlen(name));
        sl_buf_addc(out, ':');
}

static void add_text(struct sl_buf *out, const char *name, const char *text)
{
        add_member(out, name);
        sl_buf_add_json_str(out, text, strlen(text));
}

static void add_index(struct maker *m, uint32_t index)
{
        if (index == NO_INDEX)
                return;
        add_member(m->out, "connect.index");
        sl_buf_add_u64(m->out, index);
}

static uint32_t own_params(const struct sl_schema *s, const char **names)
{
        uint32_t n = 0;
        for (uint32_t i = 0; i < s->param_count; i++)
                if (strncmp(s->params[i].name, SL_JS_NAMESPACE, sizeof(SL_JS_NAMESPACE) - 1) != 0)
                        names[n++] = s->params[i].name;
        return n;
}

/* Two maps of Java lie between the schema and the text. */
static void add_params(struct maker *m, const struct sl_schema *s)
{
        const char **names = sl_malloc((s->param_count + 1) * 2 * sizeof(*names)), **first = names + s->param_count + 1;
        uint32_t n = own_params(s, names), cap = 1, *order = sl_malloc((n + 1) * sizeof(*order));
        if (n) {
                sl_js_hash_order(names, n, 16, order);
                for (uint32_t i = 0; i < n; i++)
                        first[i] = names[order[i]];
                while (cap < n)
                        cap *= 2;
                sl_js_hash_order(first, n, cap, order);
                add_member(m->out, "connect.parameters");
                sl_buf_addc(m->out, '{');
                for (uint32_t i = 0; i < n; i++)
                        add_text(m->out, first[order[i]], sl_schema_param(s, first[order[i]]));
                sl_buf_addc(m->out, '}');
        }
        free(order);
        free(names);
}

/* A default as org.json prints numbers: without trailing zeros. */
static enum sl_rc add_default(struct maker *m, const struct sl_schema *s)
{
        const struct js_writer *plan;
        struct sl_arena arena;
        bool null;
        if (!s->has_default)
                return SL_OK;
        add_member(m->out, "default");
        size_t at = m->out->len;
        sl_arena_init(&arena, 0);
        enum sl_rc rc = sl_js_bind(m->opt, s, &arena, &plan, m->err);
        if (rc == SL_OK)
                rc = sl_js_write(plan, m->w, &s->def, m->out, &null, m->err);
        sl_arena_free(&arena);
        struct sl_buf *out = m->out;
        bool number = rc == SL_OK && out->len > at && ((out->ptr[at] >= '0' && out->ptr[at] <= '9') || out->ptr[at] == '-');
        if (number && memchr(out->ptr + at, '.', out->len - at) && !memchr(out->ptr + at, 'E', out->len - at)) {
                while (out->ptr[out->len - 1] == '0')
                        out->len--;
                out->len -= out->ptr[out->len - 1] == '.';
        }
        return rc;
}

static enum sl_rc add_common(struct maker *m, const struct sl_schema *s, uint32_t index, const char *connect_type)
{
        if (s->name)
                add_text(m->out, "title", s->name);
        if (s->doc)
                add_text(m->out, "description", s->doc);
        SL_TRY(add_default(m, s));
        add_index(m, index);
        if (s->version) {
                add_member(m->out, "connect.version");
                sl_buf_add_i64(m->out, s->version);
        }
        if (connect_type)
                add_text(m->out, "connect.type", connect_type);
        add_params(m, s);
        return SL_OK;
}

/* ---- types ---- */

static enum sl_rc make(struct maker *m, const struct sl_schema *s, uint32_t index, bool ignore_optional);

static bool is_enum(const struct sl_schema *s)
{
        return s->type == SL_STRING && (sl_schema_param(s, SL_JS_ENUM) || sl_schema_param(s, SL_JS_GENERAL_ENUM));
}

/* The symbols, in the order of a HashSet; null, whose hash is 0, is among them as <NULL>. */
static void add_symbols(struct maker *m, const struct sl_schema *s)
{
        const char *param = m->opt->generalized ? SL_JS_GENERAL_ENUM : SL_JS_ENUM;
        size_t len = strlen(param);
        const char **names = sl_malloc((s->param_count + 1) * sizeof(*names));
        uint32_t n = 0, *order = sl_malloc((s->param_count + 1) * sizeof(*order));
        bool null = false;
        for (uint32_t i = 0; i < s->param_count; i++) {
                const char *name = s->params[i].name;
                if (strncmp(name, param, len) != 0 || name[len] != '.')
                        continue;
                if (strcmp(name + len + 1, "<NULL>") == 0)
                        null = true;
                else
                        names[n++] = name + len + 1;
        }
        sl_js_hash_order(names, n, 16, order);
        add_member(m->out, "enum");
        sl_buf_adds(m->out, null ? "[null" : "[");
        for (uint32_t i = 0; i < n; i++) {
                if (i || null)
                        sl_buf_addc(m->out, ',');
                sl_buf_add_json_str(m->out, names[order[i]], strlen(names[order[i]]));
        }
        sl_buf_addc(m->out, ']');
        free(order);
        free(names);
}

static enum sl_rc make_scalar(struct maker *m, const struct sl_schema *s, uint32_t index)
{
        static const struct {
                const char *type, *connect;
        } types[SL_TYPE_COUNT] = {
                [SL_INT8] = {"integer", "int8"},     [SL_INT16] = {"integer", "int16"},     [SL_INT32] = {"integer", "int32"},
                [SL_INT64] = {"integer", "int64"},   [SL_FLOAT32] = {"number", "float32"},  [SL_FLOAT64] = {"number", "float64"},
                [SL_STRING] = {"string", NULL},      [SL_BYTES] = {"string", "bytes"},      [SL_BOOLEAN] = {"boolean", NULL},
        };
        const char *type = types[s->type].type;
        if (s->logical == SL_LOGICAL_DECIMAL && m->opt->decimals == SL_DECIMAL_NUMERIC)
                type = "number";
        sl_buf_addc(m->out, '{');
        if (is_enum(s))
                add_symbols(m, s);
        else if (s->type != SL_BOOLEAN)
                add_text(m->out, "type", type);
        SL_TRY(add_common(m, s, index, types[s->type].connect));
        if (s->type == SL_BOOLEAN)
                add_text(m->out, "type", type);
        sl_buf_addc(m->out, '}');
        return SL_OK;
}

static bool object_map(const struct sl_schema *s)
{
        return s->key->type == SL_STRING && !s->key->optional;
}

static enum sl_rc make_map(struct maker *m, const struct sl_schema *s, uint32_t index)
{
        if (!s->key || !s->value)
                return sl_fail(m->err, SL_E_CONVERT, "a map without schemas for its keys and values has no JSON Schema");
        bool object = object_map(s);
        sl_buf_addc(m->out, '{');
        add_text(m->out, "type", object ? "object" : "array");
        SL_TRY(add_common(m, s, index, "map"));
        if (object) {
                add_member(m->out, "additionalProperties");
                SL_TRY(make(m, s->value, NO_INDEX, false));
        } else {
                add_member(m->out, "items");
                sl_buf_adds(m->out, "{\"type\":\"object\",\"properties\":{\"value\":"); /* Java's order of the two */
                SL_TRY(make(m, s->value, 1, false));
                sl_buf_adds(m->out, ",\"key\":");
                SL_TRY(make(m, s->key, 0, false));
                sl_buf_adds(m->out, "}}");
        }
        sl_buf_addc(m->out, '}');
        return SL_OK;
}

static enum sl_rc make_array(struct maker *m, const struct sl_schema *s, uint32_t index)
{
        if (!s->value)
                return sl_fail(m->err, SL_E_CONVERT, "an array without a schema for its elements has no JSON Schema");
        sl_buf_addc(m->out, '{');
        add_text(m->out, "type", "array");
        SL_TRY(add_common(m, s, index, NULL));
        add_member(m->out, "items");
        SL_TRY(make(m, s->value, NO_INDEX, false));
        sl_buf_addc(m->out, '}');
        return SL_OK;
}

static enum sl_rc add_properties(struct maker *m, const struct sl_schema *s)
{
        uint32_t n = s->field_count, *order = sl_malloc((n + 1) * sizeof(*order));
        const char **names = sl_malloc((n + 1) * sizeof(*names));
        enum sl_rc rc = SL_OK;
        for (uint32_t i = 0; i < n; i++)
                names[i] = s->fields[i].name;
        sl_js_hash_order(names, n, 16, order);
        for (uint32_t i = 0; i < n && rc == SL_OK; i++) {
                add_member(m->out, names[order[i]]);
                rc = make(m, s->fields[order[i]].schema, order[i], false);
        }
        free(names);
        free(order);
        return rc;
}

static enum sl_rc make_object(struct maker *m, const struct sl_schema *s, uint32_t index)
{
        sl_buf_addc(m->out, '{');
        add_text(m->out, "type", "object");
        if (!m->opt->additional)
                sl_buf_adds(m->out, ",\"additionalProperties\":false");
        SL_TRY(add_common(m, s, index, NULL));
        if (s->field_count) {
                add_member(m->out, "properties");
                sl_buf_addc(m->out, '{');
                SL_TRY(add_properties(m, s));
                sl_buf_addc(m->out, '}');
        }
        sl_buf_addc(m->out, '}');
        return SL_OK;
}

static enum sl_rc make_union(struct maker *m, const struct sl_schema *s, uint32_t index)
{
        sl_buf_addc(m->out, '{');
        add_index(m, index);
        add_member(m->out, "oneOf");
        sl_buf_adds(m->out, s->optional ? "[{\"type\":\"null\"}" : "[");
        for (uint32_t i = 0; i < s->field_count; i++) {
                if (i || s->optional)
                        sl_buf_addc(m->out, ',');
                SL_TRY(make(m, s->fields[i].schema, i, true));
        }
        sl_buf_adds(m->out, "]}");
        return SL_OK;
}

static enum sl_rc make_plain(struct maker *m, const struct sl_schema *s, uint32_t index)
{
        if (s->type == SL_MAP)
                return make_map(m, s, index);
        if (s->type == SL_ARRAY)
                return make_array(m, s, index);
        return s->type == SL_STRUCT ? make_object(m, s, index) : make_scalar(m, s, index);
}

static enum sl_rc make(struct maker *m, const struct sl_schema *s, uint32_t index, bool ignore_optional)
{
        if (m->depth >= JS_DEPTH)
                return sl_fail(m->err, SL_E_CONVERT, "a schema is nested deeper than %d levels", JS_DEPTH);
        if (s->type == SL_STRUCT && s->name && strcmp(s->name, "org.apache.kafka.connect.data.Variant") == 0)
                return sl_fail(m->err, SL_E_CONVERT, "a Variant is not written by this converter");
        m->depth++;
        if (sl_js_is_union(s)) {
                SL_TRY(make_union(m, s, index));
        } else if (s->optional && !ignore_optional) {
                sl_buf_addc(m->out, '{');
                add_index(m, index);
                add_member(m->out, "oneOf");
                sl_buf_adds(m->out, "[{\"type\":\"null\"},");
                SL_TRY(make_plain(m, s, NO_INDEX));
                sl_buf_adds(m->out, "]}");
        } else {
                SL_TRY(make_plain(m, s, index));
        }
        m->depth--;
        return SL_OK;
}

enum sl_rc sl_js_make(const struct js_options *opt, const struct sl_schema *schema, struct sl_json_writer *w, struct sl_buf *out,
                      struct sl_err *err)
{
        struct maker m = {.opt = opt, .w = w, .out = out, .err = err};
        return make(&m, schema, NO_INDEX, false);
}
