/* SPDX-License-Identifier: Apache-2.0 */
/* Connect schema -> Avro schema, as Confluent's AvroData maps them: names, optional as a union with null, connect.*
 * properties in the order it adds them, defaults, logical types, maps of other keys as arrays of entries. Equal results
 * matter: a registry gives a new id to a text that differs. Where AvroData throws, this refuses. */
#include "convert/avro.h"

#include <stdio.h>
#include <stdlib.h>

/* What schemaless values are written as. */
#define OPTIONAL(name) "{\"name\":\"" name "\",\"type\":[\"null\",\"" name "\"],\"default\":null},"
static const char anything_text[] =
        "{\"type\":\"record\",\"name\":\"Anything\",\"namespace\":\"" SL_AVRO_SPACE
        "\",\"fields\":[" OPTIONAL("boolean") OPTIONAL("bytes") OPTIONAL("double") OPTIONAL("float") OPTIONAL("int")
                OPTIONAL("long") OPTIONAL("string") "{\"name\":\"array\",\"type\":[\"null\",{\"type\":\"array\","
                                                    "\"items\":\"Anything\"}],\"default\":null},"
                                                    "{\"name\":\"map\",\"type\":[\"null\",{\"type\":\"array\","
                                                    "\"items\":{\"type\":\"record\",\"name\":\"MapEntry\","
                                                    "\"fields\":[{\"name\":\"key\",\"type\":\"Anything\"},{\"name\":"
                                                    "\"value\",\"type\":\"Anything\"}]}}],"
                                                    "\"default\":null}]}";
#undef OPTIONAL

struct seen {
        const struct sl_schema *schema;
        struct sl_avro *avro;
};

struct from {
        struct sl_avro_doc *d;
        const struct sl_avro_options *o;
        struct sl_err *err;
        struct seen *seen; /* not optional ones only: an optional schema is a union around it */
        uint32_t nseen, cap;
        uint32_t unnamed;
        unsigned depth;
};

static enum sl_rc from_schema(struct from *f, const struct sl_schema *schema, bool ignore_optional,
                              struct sl_avro **ret);

/* ---- names ---- */

static bool plain_char(char c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* One part of a name: what Java's URLEncoder makes of it, with _ for what is still not allowed. */
static void scrub_part(struct sl_buf *out, const char *p, size_t n)
{
        static const char hex[] = "0123456789ABCDEF";
        if (n && p[0] >= '0' && p[0] <= '9')
                sl_buf_addc(out, 'x');
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)p[i];
                sl_buf_addc(out, plain_char(p[i]) ? p[i] : '_');
                if (plain_char(p[i]) || c == ' ' || c == '.' || c == '-' || c == '*')
                        continue;
                sl_buf_addc(out, hex[c >> 4]);
                sl_buf_addc(out, hex[c & 15]);
        }
}

const char *sl_avro_scrub(struct sl_arena *a, const char *name, bool full)
{
        struct sl_buf out = {0};
        const char *dot;
        for (; full && (dot = strchr(name, '.')); name = dot + 1) {
                scrub_part(&out, name, (size_t)(dot - name));
                sl_buf_addc(&out, '.');
        }
        scrub_part(&out, name, strlen(name));
        const char *ret = sl_arena_strndup(a, out.ptr ? out.ptr : "", out.len);
        sl_buf_free(&out);
        return ret;
}

static const char *scrubbed(struct from *f, const char *name, bool full)
{
        return f->o->scrub ? sl_avro_scrub(&f->d->arena, name, full) : name;
}

/* The schema's name as Avro's; one without gets the next default name. */
static const char *name_or_default(struct from *f, const char *name)
{
        if (name)
                return scrubbed(f, name, true);
        f->unnamed++;
        if (f->unnamed == 1)
                return SL_AVRO_SPACE "." SL_AVRO_DEFAULT_NAME;
        return sl_arena_printf(&f->d->arena, SL_AVRO_SPACE "." SL_AVRO_DEFAULT_NAME "%u", f->unnamed);
}

static const char *last_part(const char *name)
{
        const char *dot = strrchr(name, '.');
        return dot ? dot + 1 : name;
}

static const char *param(const struct sl_schema *s, const char *prefix, const char *rest)
{
        size_t n = strlen(prefix);
        for (uint32_t i = 0; i < s->param_count; i++)
                if (strncmp(s->params[i].name, prefix, n) == 0 && strcmp(s->params[i].name + n, rest) == 0)
                        return s->params[i].value;
        return NULL;
}

bool sl_avro_is_union_schema(const struct sl_schema *s)
{
        return s->type == SL_STRUCT &&
               ((s->name && strcmp(s->name, SL_AVRO_UNION) == 0) || sl_schema_param(s, SL_AVRO_SUM_UNION));
}

bool sl_avro_plain_map(const struct sl_avro_options *o, const struct sl_schema *s)
{
        return s->key && s->key->type == SL_STRING && (!s->key->optional || o->optional_keys);
}

static const struct sl_schema *not_optional(const struct sl_schema *s)
{
        if (!s || !s->optional)
                return s;
        struct sl_schema spec = *s;
        spec.optional = false;
        return sl_schema_intern(&spec);
}

/* ---- defaults ---- */

/* Bytes are text of U+0000 to U+00FF in Avro's JSON. */
static json_t *latin_json(const struct sl_value *v)
{
        struct sl_buf text = {0};
        for (uint32_t i = 0; i < v->len; i++)
                sl_buf_add_utf8(&text, (uint8_t)v->ptr[i]);
        json_t *j = json_stringn(text.ptr ? text.ptr : "", text.len);
        sl_buf_free(&text);
        return j;
}

/* widen: a float as the double it is (a field's default), else as its own shortest decimal (connect.default). */
static json_t *real_json(double v, bool single, bool widen)
{
        struct sl_buf text = {0};
        if (v != v || v - v != 0) {
                sl_buf_add_f64(&text, v); /* Jackson quotes them */
        } else if (single && !widen) {
                sl_buf_add_f32(&text, (float)v);
                sl_parse_f64((struct sl_str){text.ptr, text.len}, &v);
                sl_buf_clear(&text);
        }
        json_t *j = text.len ? json_stringn(text.ptr, text.len) : json_real(v);
        sl_buf_free(&text);
        return j;
}

static json_t *default_json(struct from *f, const struct sl_schema *s, const struct sl_value *v, bool widen);

static json_t *map_json(struct from *f, const struct sl_schema *s, const struct sl_value *v, bool widen)
{
        bool plain = sl_avro_plain_map(f->o, s);
        json_t *j = plain ? json_object() : json_array();
        for (uint32_t i = 0; i < v->len; i++) {
                const struct sl_value *k = &v->items[2 * i];
                json_t *value = default_json(f, s->value, k + 1, widen);
                if (plain)
                        json_object_setn_new(j, k->type == SL_STRING ? k->ptr : "null",
                                             k->type == SL_STRING ? k->len : 4, value);
                else
                        json_array_append_new(j, json_pack("[o, o]", default_json(f, s->key, k, widen), value));
        }
        return j;
}

static json_t *struct_json(struct from *f, const struct sl_schema *s, const struct sl_value *v, bool widen)
{
        bool sum = sl_avro_is_union_schema(s);
        json_t *j = json_object();
        for (uint32_t i = 0; i < s->field_count && i < v->len; i++) {
                const struct sl_schema *fs = s->fields[i].schema;
                const struct sl_value *fv = &v->items[i];
                if (fv->type == SL_NULL && fs->has_default)
                        fv = &fs->def;
                json_t *member = default_json(f, fs, fv, widen);
                if (sum) { /* a union's default is that of its first branch */
                        json_decref(j);
                        return member;
                }
                json_object_set_new(j, scrubbed(f, s->fields[i].name, false), member);
        }
        return j;
}

static json_t *default_json(struct from *f, const struct sl_schema *s, const struct sl_value *v, bool widen)
{
        json_t *j;
        if (!s)
                return json_null();
        switch ((enum sl_type)v->type) {
        case SL_BOOLEAN:
                return json_boolean(v->b);
        case SL_INT8:
        case SL_INT16:
        case SL_INT32:
        case SL_INT64:
                return json_integer(v->i64);
        case SL_FLOAT32:
        case SL_FLOAT64:
                return real_json(v->f64, v->type == SL_FLOAT32, widen);
        case SL_STRING:
                return json_stringn(v->ptr, v->len);
        case SL_BYTES:
                return latin_json(v);
        case SL_ARRAY:
                j = json_array();
                for (uint32_t i = 0; i < v->len; i++)
                        json_array_append_new(j, default_json(f, s->value, &v->items[i], widen));
                return j;
        case SL_MAP:
                return map_json(f, s, v, widen);
        case SL_STRUCT:
                return struct_json(f, s, v, widen);
        case SL_NULL:
        case SL_TYPE_COUNT:
                break;
        }
        return json_null();
}

/* ---- properties ---- */

static void add_metadata(struct from *f, struct sl_avro *base, const struct sl_schema *s)
{
        json_t *params = json_object();
        if (s->doc)
                sl_avro_prop(f->d, base, "connect.doc", json_string(s->doc));
        if (s->version)
                sl_avro_prop(f->d, base, "connect.version", json_integer(s->version));
        for (uint32_t i = 0; i < s->param_count; i++)
                if (f->o->discard_doc || strcmp(s->params[i].name, SL_AVRO_FIELD_DEFAULT) != 0)
                        json_object_set_new(params, s->params[i].name, json_string(s->params[i].value));
        if (json_object_size(params))
                sl_avro_prop(f->d, base, "connect.parameters", params);
        else
                json_decref(params);
        if (s->has_default && s->def.type != SL_NULL &&
            (f->o->discard_doc || !sl_schema_param(s, SL_AVRO_FIELD_DEFAULT)))
                sl_avro_prop(f->d, base, "connect.default", default_json(f, s, &s->def, false));
        if (s->name)
                sl_avro_prop(f->d, base, "connect.name", json_string(s->name));
        if (s->type == SL_INT8 || s->type == SL_INT16)
                sl_avro_prop(f->d, base, "connect.type", json_string(s->type == SL_INT8 ? "int8" : "int16"));
}

static int64_t int_param(const struct sl_schema *s, const char *name, int64_t fallback)
{
        const char *text = sl_schema_param(s, name);
        int64_t v;
        return text && sl_parse_i64(sl_str_c(text), &v) ? v : fallback;
}

static void add_logical(struct from *f, struct sl_avro *base, const struct sl_schema *s)
{
        static const char *const names[] = {[SL_LOGICAL_DECIMAL] = "decimal",
                                            [SL_LOGICAL_DATE] = "date",
                                            [SL_LOGICAL_TIME] = "time-millis",
                                            [SL_LOGICAL_TIMESTAMP] = "timestamp-millis"};
        if (s->logical != SL_LOGICAL_NONE)
                sl_avro_prop(f->d, base, "logicalType", json_string(names[s->logical]));
        for (uint32_t i = 0; i < s->param_count; i++)
                if (strncmp(s->params[i].name, "avro", 4) == 0)
                        sl_avro_prop(f->d, base, s->params[i].name, json_string(s->params[i].value));
}

/* ---- types ---- */

static enum sl_rc from_enum(struct from *f, const struct sl_schema *s, struct sl_avro *e)
{
        const char *kind = f->o->sums ? SL_AVRO_SUM_ENUM : SL_AVRO_ENUM;
        const char *local = last_part(name_or_default(f, s->name)), *full = sl_schema_param(s, kind);
        size_t n = strlen(kind);
        if (!full)
                return sl_fail(f->err, SL_E_SCHEMA, "an enum has no parameter %s", kind);
        e->symbols = sl_arena_alloc(&f->d->arena, s->param_count * sizeof(*e->symbols));
        for (uint32_t i = 0; i < s->param_count; i++) {
                const char *p = s->params[i].name;
                if (strncmp(p, kind, n) != 0 || p[n] != '.')
                        continue;
                if (!sl_avro_name_ok(p + n + 1, strlen(p + n + 1)))
                        return sl_fail(f->err, SL_E_SCHEMA, "Illegal symbol of the enum %.200s: %.200s", full,
                                       p + n + 1);
                e->symbols[e->count++] = sl_arena_strdup(&f->d->arena, p + n + 1);
        }
        if (f->o->discard_doc) {
                e->doc = sl_schema_param(s, "connect.enum.doc");
        } else {
                e->doc = param(s, SL_AVRO_ENUM_DOC, local);
                e->symbol_default = param(s, SL_AVRO_ENUM_DEFAULT, local);
        }
        return sl_avro_name(f->d, e, full, NULL, f->err);
}

static bool is_fixed(const struct sl_schema *s)
{
        return s->type == SL_BYTES && s->name && sl_schema_param(s, SL_AVRO_FIXED_SIZE);
}

static bool is_enum(const struct sl_avro_options *o, const struct sl_schema *s)
{
        return (o->sums || o->enhanced) && (sl_schema_param(s, SL_AVRO_SUM_ENUM) || sl_schema_param(s, SL_AVRO_ENUM));
}

static enum sl_rc from_bytes(struct from *f, const struct sl_schema *s, struct sl_avro *b)
{
        if (is_fixed(s)) {
                int64_t size = int_param(s, SL_AVRO_FIXED_SIZE, -1);
                if (size < 0 || size > INT32_MAX)
                        return sl_fail(f->err, SL_E_SCHEMA, "the parameter " SL_AVRO_FIXED_SIZE " of %.200s is no size",
                                       s->name);
                b->type = SL_AVRO_FIXED;
                b->size = (uint32_t)size;
                SL_TRY(sl_avro_name(f->d, b, name_or_default(f, s->name), NULL, f->err));
        }
        if (s->logical == SL_LOGICAL_DECIMAL) {
                sl_avro_prop(f->d, b, "scale", json_integer(s->decimal_scale));
                sl_avro_prop(f->d, b, "precision", json_integer(int_param(s, SL_AVRO_PRECISION, 64)));
        }
        return SL_OK;
}

static enum sl_rc add_field(struct from *f, struct sl_avro *rec, const char *name, const struct sl_schema *s,
                            const char *doc)
{
        struct sl_avro_field *field = &rec->fields[rec->count];
        *field = (struct sl_avro_field){.name = sl_arena_strdup(&f->d->arena, name)};
        if (!sl_avro_name_ok(name, strlen(name)))
                return sl_fail(
                        f->err, SL_E_SCHEMA,
                        "\"%.200s\" is no field name that Avro allows: letters, digits and _ only, and no digit first "
                        "(scrub.invalid.names=true replaces the others)",
                        name);
        for (uint32_t i = 0; i < rec->count; i++)
                if (strcmp(rec->fields[i].name, name) == 0)
                        return sl_fail(f->err, SL_E_SCHEMA, "Duplicate field %.200s in record %.200s", name, rec->full);
        SL_TRY(from_schema(f, s, false, &field->type));
        if (f->o->discard_doc)
                doc = s ? s->doc : NULL;
        field->doc = doc ? sl_arena_strdup(&f->d->arena, doc) : NULL;
        json_t *def = NULL;
        if (s && s->has_default && s->def.type != SL_NULL)
                def = default_json(f, s, &s->def, true);
        else if (s && s->optional)
                def = json_null();
        if (def && sl_avro_default_ok(field->type, def, 0))
                field->def = sl_avro_keep(f->d, def);
        json_decref(def);
        rec->count++;
        return SL_OK;
}

static enum sl_rc from_map(struct from *f, const struct sl_schema *s, struct sl_avro **ret)
{
        if (sl_avro_plain_map(f->o, s)) {
                *ret = sl_avro_new(f->d, SL_AVRO_MAP);
                return from_schema(f, s->value, false, &(*ret)->items);
        }
        struct sl_avro *rec = sl_avro_new(f->d, SL_AVRO_RECORD);
        *ret = sl_avro_new(f->d, SL_AVRO_ARRAY);
        (*ret)->items = rec;
        if (s->name) {
                SL_TRY(sl_avro_name(f->d, rec, name_or_default(f, s->name), NULL, f->err));
                sl_avro_prop(f->d, rec, SL_AVRO_ENTRY_PROP, json_string(SL_AVRO_ENTRY));
        } else {
                SL_TRY(sl_avro_name(f->d, rec, SL_AVRO_ENTRY, SL_AVRO_SPACE, f->err));
        }
        rec->fields = sl_arena_zalloc(&f->d->arena, 2 * sizeof(*rec->fields));
        SL_TRY(add_field(f, rec, "key", s->key, NULL));
        return add_field(f, rec, "value", s->value, NULL);
}

static enum sl_rc add_branch(struct from *f, struct sl_avro *u, struct sl_avro *branch)
{
        const char *name = branch->full ? branch->full : sl_avro_type_name((enum sl_avro_type)branch->type);
        if (branch->type == SL_AVRO_UNION_T)
                return sl_fail(f->err, SL_E_SCHEMA, "Nested union: a union can't have a union as a member");
        for (uint32_t i = 0; i < u->count; i++) {
                const struct sl_avro *b = u->branches[i];
                const char *other = b->full ? b->full : sl_avro_type_name((enum sl_avro_type)b->type);
                if (strcmp(name, other) == 0)
                        return sl_fail(f->err, SL_E_SCHEMA, "Duplicate in union:%.200s", name);
        }
        u->branches[u->count++] = branch;
        return SL_OK;
}

static struct sl_avro *new_union(struct from *f, uint32_t room)
{
        struct sl_avro *u = sl_avro_new(f->d, SL_AVRO_UNION_T);
        u->branches = sl_arena_alloc(&f->d->arena, room * sizeof(struct sl_avro *));
        return u;
}

static enum sl_rc from_union(struct from *f, const struct sl_schema *s, struct sl_avro **ret)
{
        struct sl_avro *u = new_union(f, s->field_count + 1), *branch;
        if (s->optional)
                u->branches[u->count++] = sl_avro_new(f->d, SL_AVRO_NULL);
        for (uint32_t i = 0; i < s->field_count; i++) {
                SL_TRY(from_schema(f, not_optional(s->fields[i].schema), true, &branch));
                SL_TRY(add_branch(f, u, branch));
        }
        *ret = u;
        return SL_OK;
}

static enum sl_rc from_struct(struct from *f, const struct sl_schema *s, struct sl_avro *rec)
{
        SL_TRY(sl_avro_name(f->d, rec, name_or_default(f, s->name), NULL, f->err));
        rec->doc = sl_schema_param(s, f->o->discard_doc ? "connect.record.doc" : SL_AVRO_RECORD_DOC);
        rec->fields = sl_arena_zalloc(&f->d->arena, s->field_count * sizeof(*rec->fields));
        for (uint32_t i = 0; i < s->field_count; i++) {
                const char *name = s->fields[i].name;
                const char *doc = f->o->discard_doc ? NULL : param(s, SL_AVRO_FIELD_DOC, name);
                SL_TRY(add_field(f, rec, scrubbed(f, name, false), s->fields[i].schema, doc));
        }
        return SL_OK;
}

static enum sl_rc from_base(struct from *f, const struct sl_schema *s, struct sl_avro **ret)
{
        static const uint8_t types[SL_TYPE_COUNT] = {
                [SL_BOOLEAN] = SL_AVRO_BOOLEAN, [SL_INT8] = SL_AVRO_INT,      [SL_INT16] = SL_AVRO_INT,
                [SL_INT32] = SL_AVRO_INT,       [SL_INT64] = SL_AVRO_LONG,    [SL_FLOAT32] = SL_AVRO_FLOAT,
                [SL_FLOAT64] = SL_AVRO_DOUBLE,  [SL_STRING] = SL_AVRO_STRING, [SL_BYTES] = SL_AVRO_BYTES,
                [SL_ARRAY] = SL_AVRO_ARRAY,     [SL_STRUCT] = SL_AVRO_RECORD,
        };
        if (s->type == SL_MAP)
                return from_map(f, s, ret);
        *ret = sl_avro_new(f->d, (enum sl_avro_type)types[s->type]);
        if (s->type == SL_STRING && is_enum(f->o, s)) {
                (*ret)->type = SL_AVRO_ENUM_T;
                return from_enum(f, s, *ret);
        }
        if (s->type == SL_BYTES)
                return from_bytes(f, s, *ret);
        if (s->type == SL_ARRAY)
                return from_schema(f, s->value, false, &(*ret)->items);
        return s->type == SL_STRUCT ? from_struct(f, s, *ret) : SL_OK;
}

/* A schema that is no union in Avro, and the union with null around it. */
static enum sl_rc from_plain(struct from *f, const struct sl_schema *s, bool ignore_optional, struct sl_avro **ret)
{
        struct sl_avro *base, *u;
        SL_TRY(from_base(f, s, &base));
        if (f->o->meta)
                add_metadata(f, base, s);
        add_logical(f, base, s);
        *ret = base;
        if (!s->optional || ignore_optional)
                return SL_OK;
        bool value_first = s->has_default && s->def.type != SL_NULL;
        u = new_union(f, 2);
        u->branches[0] = value_first ? base : sl_avro_new(f->d, SL_AVRO_NULL);
        u->branches[1] = value_first ? sl_avro_new(f->d, SL_AVRO_NULL) : base;
        u->count = 2;
        *ret = u;
        return SL_OK;
}

static enum sl_rc from_anything(struct from *f, struct sl_avro **ret)
{
        *ret = sl_map_get(&f->d->names, SL_STR(SL_AVRO_ANYTHING));
        return *ret ? SL_OK : sl_avro_parse(f->d, SL_STR(anything_text), ret, f->err);
}

static enum sl_rc from_inner(struct from *f, const struct sl_schema *schema, bool ignore_optional, struct sl_avro **ret)
{
        if (!schema)
                return from_anything(f, ret);
        if (sl_avro_is_union_schema(schema))
                return from_union(f, schema, ret);
        if (schema->optional && schema->type == SL_STRUCT) { /* null comes first whatever its default */
                struct sl_avro *u = new_union(f, 2);
                u->branches[0] = sl_avro_new(f->d, SL_AVRO_NULL);
                SL_TRY(from_schema(f, not_optional(schema), false, &u->branches[1]));
                u->count = 2;
                *ret = u;
                return SL_OK;
        }
        for (uint32_t i = 0; i < f->nseen && !schema->optional; i++)
                if (f->seen[i].schema == schema) {
                        *ret = f->seen[i].avro;
                        return SL_OK;
                }
        SL_TRY(from_plain(f, schema, ignore_optional, ret));
        if (schema->optional)
                return SL_OK;
        if (f->nseen == f->cap) {
                f->cap = f->cap ? f->cap * 2 : 16;
                f->seen = sl_realloc(f->seen, f->cap * sizeof(*f->seen));
        }
        f->seen[f->nseen++] = (struct seen){schema, *ret};
        return SL_OK;
}

static enum sl_rc from_schema(struct from *f, const struct sl_schema *schema, bool ignore_optional,
                              struct sl_avro **ret)
{
        if (f->depth >= SL_AVRO_DEPTH)
                return sl_fail(f->err, SL_E_SCHEMA, "a schema is nested deeper than %d levels", SL_AVRO_DEPTH);
        f->depth++;
        enum sl_rc rc = from_inner(f, schema, ignore_optional, ret);
        f->depth--;
        return rc;
}

bool sl_avro_is_anything(const struct sl_avro *s)
{
        struct sl_buf text = {0};
        if (s->type != SL_AVRO_RECORD || strcmp(s->full, SL_AVRO_ANYTHING) != 0)
                return false;
        bool ret = sl_avro_print(s, &text, NULL) == SL_OK &&
                   sl_str_eq((struct sl_str){text.ptr, text.len}, SL_STR(anything_text));
        sl_buf_free(&text);
        return ret;
}

enum sl_rc sl_avro_from_connect(struct sl_avro_doc *d, const struct sl_avro_options *o, const struct sl_schema *schema,
                                struct sl_avro **ret, struct sl_err *err)
{
        struct from f = {.d = d, .o = o, .err = err};
        enum sl_rc rc = from_schema(&f, schema, false, ret);
        free(f.seen);
        return rc;
}
