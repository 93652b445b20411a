/* SPDX-License-Identifier: Apache-2.0 */
/* An Avro schema as text, byte for byte what the Java library's Schema.toString() gives: the order of members, when a
 * namespace is written, when a name stands for its type, and how Jackson spells JSON. A registry compares these texts.
 */
#include "convert/avro.h"

struct print {
        struct sl_buf *out;
        struct sl_map names; /* full name -> the type already written */
        struct sl_err *err;
};

/* As Jackson writes to text: unlike sl_buf_add_json_str, characters beyond U+FFFF stay as they are. */
static void add_text(struct sl_buf *out, const char *p, size_t n)
{
        static const char hex[] = "0123456789ABCDEF";
        static const char named[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
        sl_buf_addc(out, '"');
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)p[i];
                if (c == '"' || c == '\\') {
                        sl_buf_addc(out, '\\');
                        sl_buf_addc(out, (char)c);
                } else if (c >= 32) {
                        sl_buf_addc(out, (char)c);
                } else if (named[c]) {
                        sl_buf_addc(out, '\\');
                        sl_buf_addc(out, named[c]);
                } else {
                        const char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
                        sl_buf_add(out, text, sizeof(text));
                }
        }
        sl_buf_addc(out, '"');
}

static void add_str(struct sl_buf *out, const char *s)
{
        add_text(out, s, strlen(s));
}

void sl_avro_print_json(const json_t *j, struct sl_buf *out)
{
        const char *key;
        json_t *member;
        size_t i;
        bool first = true;
        switch (json_typeof(j)) {
        case JSON_OBJECT:
                sl_buf_addc(out, '{');
                json_object_foreach((json_t *)(uintptr_t)j, key, member)
                {
                        if (!first)
                                sl_buf_addc(out, ',');
                        first = false;
                        add_str(out, key);
                        sl_buf_addc(out, ':');
                        sl_avro_print_json(member, out);
                }
                sl_buf_addc(out, '}');
                return;
        case JSON_ARRAY:
                sl_buf_addc(out, '[');
                json_array_foreach(j, i, member)
                {
                        if (i)
                                sl_buf_addc(out, ',');
                        sl_avro_print_json(member, out);
                }
                sl_buf_addc(out, ']');
                return;
        case JSON_STRING:
                add_text(out, json_string_value(j), json_string_length(j));
                return;
        case JSON_INTEGER:
                sl_buf_add_i64(out, json_integer_value(j));
                return;
        case JSON_REAL:
                sl_buf_add_f64(out, json_real_value(j));
                return;
        case JSON_TRUE:
                sl_buf_adds(out, "true");
                return;
        case JSON_FALSE:
                sl_buf_adds(out, "false");
                return;
        case JSON_NULL:
                sl_buf_adds(out, "null");
                return;
        }
}

static void add_member(struct print *p, const char *name, const char *value)
{
        sl_buf_printf(p->out, ",\"%s\":", name);
        add_str(p->out, value);
}

static void print_props(struct print *p, const json_t *props)
{
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)props, key, value)
        {
                sl_buf_addc(p->out, ',');
                add_str(p->out, key);
                sl_buf_addc(p->out, ':');
                sl_avro_print_json(value, p->out);
        }
}

static void print_aliases(struct print *p, const json_t *aliases)
{
        if (!aliases)
                return;
        sl_buf_adds(p->out, ",\"aliases\":");
        sl_avro_print_json(aliases, p->out);
}

static bool same_text(const char *a, const char *b)
{
        return a == b || (a && b && strcmp(a, b) == 0);
}

/* A type met before is written by its name; short in its own namespace, unless it reads as a type of Avro's. */
static void print_reference(struct print *p, const struct sl_avro *s, const char *space)
{
        bool full = !same_text(s->space, space);
        for (int t = 0; t < SL_AVRO_TYPE_COUNT && !full; t++)
                full = s->space && strcmp(s->name, sl_avro_type_name((enum sl_avro_type)t)) == 0;
        add_str(p->out, full ? s->full : s->name);
}

static enum sl_rc print_type(struct print *p, const struct sl_avro *s, const char *space, unsigned depth);

static enum sl_rc print_fields(struct print *p, const struct sl_avro *s, unsigned depth)
{
        sl_buf_adds(p->out, ",\"fields\":[");
        for (uint32_t i = 0; i < s->count; i++) {
                const struct sl_avro_field *f = &s->fields[i];
                sl_buf_adds(p->out, i ? ",{\"name\":" : "{\"name\":");
                add_str(p->out, f->name);
                sl_buf_adds(p->out, ",\"type\":");
                SL_TRY(print_type(p, f->type, s->space, depth + 1));
                if (f->doc)
                        add_member(p, "doc", f->doc);
                if (f->def) {
                        sl_buf_adds(p->out, ",\"default\":");
                        sl_avro_print_json(f->def, p->out);
                }
                if (f->order)
                        add_member(p, "order", f->order);
                print_aliases(p, f->aliases);
                print_props(p, f->props);
                sl_buf_addc(p->out, '}');
        }
        sl_buf_addc(p->out, ']');
        return SL_OK;
}

static enum sl_rc print_named(struct print *p, const struct sl_avro *s, const char *space, unsigned depth)
{
        const struct sl_avro *known = sl_map_get(&p->names, sl_str_c(s->full));
        if (known && sl_avro_same(known, s, 0)) {
                print_reference(p, s, space);
                return SL_OK;
        }
        if (known)
                return sl_fail(p->err, SL_E_SCHEMA, "Can't redefine: %.200s", s->full);
        sl_map_put(&p->names, sl_str_c(s->full), (void *)(uintptr_t)s);
        const char *type = s->is_error ? "error" : sl_avro_type_name((enum sl_avro_type)s->type);
        sl_buf_printf(p->out, "{\"type\":\"%s\"", type);
        add_member(p, "name", s->name);
        if (!same_text(s->space, space))
                add_member(p, "namespace", s->space ? s->space : "");
        if (s->doc)
                add_member(p, "doc", s->doc);
        if (s->type == SL_AVRO_RECORD) {
                SL_TRY(print_fields(p, s, depth));
        } else if (s->type == SL_AVRO_ENUM_T) {
                sl_buf_adds(p->out, ",\"symbols\":[");
                for (uint32_t i = 0; i < s->count; i++) {
                        if (i)
                                sl_buf_addc(p->out, ',');
                        add_str(p->out, s->symbols[i]);
                }
                sl_buf_addc(p->out, ']');
                if (s->symbol_default)
                        add_member(p, "default", s->symbol_default);
        } else {
                sl_buf_printf(p->out, ",\"size\":%u", s->size);
        }
        print_props(p, s->props);
        print_aliases(p, s->aliases);
        sl_buf_addc(p->out, '}');
        return SL_OK;
}

static enum sl_rc print_type(struct print *p, const struct sl_avro *s, const char *space, unsigned depth)
{
        if (depth > SL_AVRO_DEPTH)
                return sl_fail(p->err, SL_E_SCHEMA, "a schema is nested deeper than %d levels", SL_AVRO_DEPTH);
        if (sl_avro_is_named(s))
                return print_named(p, s, space, depth);
        if (s->type == SL_AVRO_UNION_T) {
                sl_buf_addc(p->out, '[');
                for (uint32_t i = 0; i < s->count; i++) {
                        if (i)
                                sl_buf_addc(p->out, ',');
                        SL_TRY(print_type(p, s->branches[i], space, depth + 1));
                }
                sl_buf_addc(p->out, ']');
                return SL_OK;
        }
        if (!s->items && !json_object_size(s->props)) {
                add_str(p->out, sl_avro_type_name((enum sl_avro_type)s->type));
                return SL_OK;
        }
        sl_buf_printf(p->out, "{\"type\":\"%s\"", sl_avro_type_name((enum sl_avro_type)s->type));
        if (s->items) {
                sl_buf_adds(p->out, s->type == SL_AVRO_ARRAY ? ",\"items\":" : ",\"values\":");
                SL_TRY(print_type(p, s->items, space, depth + 1));
        }
        print_props(p, s->props);
        sl_buf_addc(p->out, '}');
        return SL_OK;
}

enum sl_rc sl_avro_print(const struct sl_avro *s, struct sl_buf *out, struct sl_err *err)
{
        struct print p = {.out = out, .err = err};
        enum sl_rc rc = print_type(&p, s, NULL, 0);
        sl_map_free(&p.names, NULL);
        return rc;
}
