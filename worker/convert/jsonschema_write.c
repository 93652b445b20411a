/* SPDX-License-Identifier: Apache-2.0 */
/* Values as JsonSchemaConverter writes them. Scalars are json_write.c's; what differs from JsonConverter is here: a required field that is
 * null is left out, unions are the value they hold, and maps whose keys are no (required) strings are arrays of {"key":...,"value":...}. */
#include "convert/jsonschema.h"
#include "record/javaclass.h"

struct js_writer {
        const struct sl_schema *schema;
        const struct sl_value *def; /* stands for null */
        bool is_union, object;      /* object: a map with string keys */
        uint32_t count;
        struct sl_str *leads;       /* STRUCT: "name": of each field */
        const struct js_writer **parts; /* STRUCT: of each field; ARRAY: the element's; MAP: key's and value's */
};

static enum sl_rc bind(const struct js_options *opt, const struct sl_schema *s, struct sl_arena *arena, int depth,
                       const struct js_writer **ret, struct sl_err *err)
{
        struct js_writer *w = sl_arena_zalloc(arena, sizeof(*w));
        if (!s || depth > JS_DEPTH)
                return sl_fail(err, SL_E_CONVERT, "a schema is nested deeper than %d levels, or an array or map lacks its elements' schema",
                               JS_DEPTH);
        w->schema = s;
        w->def = s->has_default && !opt->ignore_default ? &s->def : NULL;
        w->is_union = sl_js_is_union(s);
        w->object = s->type == SL_MAP && s->key && s->key->type == SL_STRING && !s->key->optional;
        w->count = s->type == SL_STRUCT ? s->field_count : s->type == SL_MAP ? 2 : s->type == SL_ARRAY ? 1 : 0;
        w->parts = sl_arena_zalloc(arena, (w->count + 1) * sizeof(*w->parts));
        w->leads = sl_arena_zalloc(arena, (w->count + 1) * sizeof(*w->leads));
        *ret = w;
        for (uint32_t i = 0; s->type == SL_STRUCT && i < w->count; i++) {
                struct sl_buf lead = {0};
                sl_buf_add_json_str(&lead, s->fields[i].name, s->fields[i].name_len);
                sl_buf_addc(&lead, ':');
                w->leads[i] = (struct sl_str){sl_arena_strndup(arena, lead.ptr, lead.len), lead.len};
                sl_buf_free(&lead);
                SL_TRY(bind(opt, s->fields[i].schema, arena, depth + 1, &w->parts[i], err));
        }
        if (s->type == SL_ARRAY)
                return bind(opt, s->value, arena, depth + 1, &w->parts[0], err);
        if (s->type != SL_MAP)
                return SL_OK;
        SL_TRY(bind(opt, s->key, arena, depth + 1, &w->parts[0], err));
        return bind(opt, s->value, arena, depth + 1, &w->parts[1], err);
}

enum sl_rc sl_js_bind(const struct js_options *opt, const struct sl_schema *schema, struct sl_arena *arena, const struct js_writer **ret,
                      struct sl_err *err)
{
        return bind(opt, schema, arena, 0, ret, err);
}

/* A null without a form stands as null in arrays and maps. */
static enum sl_rc write_part(const struct js_writer *p, struct sl_json_writer *w, const struct sl_value *v, struct sl_buf *out,
                             struct sl_err *err)
{
        bool null;
        SL_TRY(sl_js_write(p, w, v, out, &null, err));
        if (null)
                sl_buf_adds(out, "null");
        return SL_OK;
}

static enum sl_rc write_struct(const struct js_writer *p, struct sl_json_writer *w, const struct sl_value *v, struct sl_buf *out,
                               struct sl_err *err)
{
        if (v->len != p->count)
                return sl_fail(err, SL_E_CONVERT, "Mismatching schema.");
        sl_buf_addc(out, '{');
        size_t from = out->len;
        for (uint32_t i = 0; i < p->count; i++) {
                size_t at = out->len;
                bool null;
                if (at > from)
                        sl_buf_addc(out, ',');
                sl_buf_add_str(out, p->leads[i]);
                SL_TRY(sl_js_write(p->parts[i], w, &v->items[i], out, &null, err));
                if (null && sl_buf_ok(out))
                        out->len = at;
        }
        sl_buf_addc(out, '}');
        return SL_OK;
}

static enum sl_rc write_union(const struct js_writer *p, struct sl_json_writer *w, const struct sl_value *v, struct sl_buf *out,
                              bool *ret_null, struct sl_err *err)
{
        if (v->len != p->count)
                return sl_fail(err, SL_E_CONVERT, "Mismatching schema.");
        for (uint32_t i = 0; i < p->count; i++)
                if (v->items[i].type != SL_NULL || p->parts[i]->def)
                        return sl_js_write(p->parts[i], w, &v->items[i], out, ret_null, err);
        *ret_null = !p->schema->optional;
        if (!*ret_null)
                sl_buf_adds(out, "null");
        return SL_OK;
}

static enum sl_rc write_map(const struct js_writer *p, struct sl_json_writer *w, const struct sl_value *v, struct sl_buf *out,
                            struct sl_err *err)
{
        sl_buf_addc(out, p->object ? '{' : '[');
        for (uint32_t i = 0; i < v->len; i++) {
                const struct sl_value *pair = &v->items[2 * i];
                if (i)
                        sl_buf_addc(out, ',');
                if (!p->object)
                        sl_buf_adds(out, "{\"key\":");
                if (p->object && pair->type == SL_NULL)
                        return sl_fail(err, SL_E_CONVERT, "a map's key is null");
                SL_TRY(write_part(p->parts[0], w, &pair[0], out, err));
                sl_buf_adds(out, p->object ? ":" : ",\"value\":");
                SL_TRY(write_part(p->parts[1], w, &pair[1], out, err));
                if (!p->object)
                        sl_buf_addc(out, '}');
        }
        sl_buf_addc(out, p->object ? '}' : ']');
        return SL_OK;
}

static enum sl_rc write_array(const struct js_writer *p, struct sl_json_writer *w, const struct sl_value *v, struct sl_buf *out,
                              struct sl_err *err)
{
        sl_buf_addc(out, '[');
        for (uint32_t i = 0; i < v->len; i++) {
                if (i)
                        sl_buf_addc(out, ',');
                SL_TRY(write_part(p->parts[0], w, &v->items[i], out, err));
        }
        sl_buf_addc(out, ']');
        return SL_OK;
}

enum sl_rc sl_js_write(const struct js_writer *p, struct sl_json_writer *w, const struct sl_value *value, struct sl_buf *out,
                       bool *ret_null, struct sl_err *err)
{
        const struct sl_schema *s = p->schema;
        *ret_null = false;
        if (value->type == SL_NULL && p->def)
                value = p->def;
        if (value->type == SL_NULL) {
                *ret_null = !s->optional;
                if (s->optional)
                        sl_buf_adds(out, "null");
                return SL_OK;
        }
        if (sl_unlikely(value->type != s->type))
                return sl_fail(err, SL_E_CONVERT, "Invalid type for %s: class %s", sl_type_name(s->type), sl_java_class(NULL, value));
        switch (s->type) {
        case SL_STRUCT:
                return p->is_union ? write_union(p, w, value, out, ret_null, err) : write_struct(p, w, value, out, err);
        case SL_ARRAY:
                return write_array(p, w, value, out, err);
        case SL_MAP:
                return write_map(p, w, value, out, err);
        default:
                return sl_json_write_value(w, s, value, out, err);
        }
}

/* ---- compatibility ---- */

/* What JSON tells apart; of numbers, the whole ones are among all. */
static int json_class(const struct sl_schema *s)
{
        static const int8_t classes[SL_TYPE_COUNT] = {
                [SL_BOOLEAN] = 1, [SL_INT8] = 2,    [SL_INT16] = 2,  [SL_INT32] = 2, [SL_INT64] = 2, [SL_FLOAT32] = 3,
                [SL_FLOAT64] = 3, [SL_STRING] = 4,  [SL_BYTES] = 4,  [SL_ARRAY] = 5, [SL_MAP] = 6,   [SL_STRUCT] = 7,
        };
        return classes[s->type];
}

static const char *struct_differs(const struct sl_schema *latest, const struct sl_schema *ours)
{
        for (uint32_t i = 0; i < latest->field_count; i++) {
                const struct sl_field *l = &latest->fields[i];
                int at = sl_schema_field(ours, l->name, l->name_len);
                if (at < 0 && !l->schema->optional && !l->schema->has_default)
                        return l->name;
                const char *why = at < 0 ? NULL : sl_js_differs(l->schema, ours->fields[at].schema);
                if (why)
                        return *why ? why : l->name;
        }
        return NULL;
}

const char *sl_js_differs(const struct sl_schema *latest, const struct sl_schema *ours)
{
        int l = json_class(latest), o = json_class(ours);
        if (latest == ours || sl_js_is_union(latest) || sl_js_is_union(ours))
                return NULL;
        if ((l != o && !(l == 3 && o == 2)) || (ours->optional && !latest->optional))
                return "";
        if (latest->type == SL_STRUCT)
                return struct_differs(latest, ours);
        if ((latest->type == SL_ARRAY || latest->type == SL_MAP) && latest->value && ours->value)
                return sl_js_differs(latest->value, ours->value);
        return NULL;
}
