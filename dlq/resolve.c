/* SPDX-License-Identifier: Apache-2.0 */
/* Resolution of values (see resolve.h). Works on values with their schemas as the converters give them; symbols of an
 * enum are the parameters that AvroConverter gives a string. Does not read or write bytes. */
#include "dlq/resolve.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "record/schema.h"

/* Of an enum, and with a symbol behind a dot of each symbol: Avro's, Protobuf's (the value is its number). */
static const char *const enum_params[] = {"io.confluent.connect.avro.Enum", "io.confluent.connect.protobuf.Enum"};
#define TAG_PARAM "io.confluent.connect.protobuf.Tag" /* a field's number */
#define SHOWN 120 /* bytes of a value in an example */
#define REFUSE(r, ...) (snprintf((r)->why, sizeof((r)->why), __VA_ARGS__), false)

struct sl_change_pending {
        struct sl_change *known; /* one of changes, or NULL: */
        struct sl_change first;  /* in arena */
        /* Values of a topic change alike: what was noted here for the value before is looked at first. */
        struct sl_change *last;
        const char *last_what;
};

static const char *path(const struct sl_resolve *r)
{
        return r->path_len ? r->path : "the value";
}

static char *join(struct sl_arena *arena, const char *head, char between, struct sl_str tail)
{
        size_t n = strlen(head);
        char *text = sl_arena_alloc(arena, n + tail.len + 2);
        memcpy(text, head, n);
        text[n] = between;
        if (tail.len)
                memcpy(text + n + 1, tail.ptr, tail.len);
        text[n + 1 + tail.len] = '\0';
        return text;
}

static size_t enter(struct sl_resolve *r, struct sl_str name)
{
        size_t before = r->path_len, at = before;
        if (at && at < sizeof(r->path) - 1)
                r->path[at++] = '.';
        size_t n = name.len < sizeof(r->path) - 1 - at ? name.len : sizeof(r->path) - 1 - at;
        if (n)
                memcpy(r->path + at, name.ptr, n);
        r->path_len = at + n;
        r->path[r->path_len] = '\0';
        return before;
}

static void leave(struct sl_resolve *r, size_t before)
{
        r->path_len = before;
        r->path[before] = '\0';
}

/* Does the left side of an option name the field at hand? */
static bool names(const struct sl_resolve *r, const char *text, size_t n)
{
        if (n >= r->path_len)
                return n == r->path_len && memcmp(text, r->path, n) == 0;
        const char *tail = r->path + r->path_len - n;
        return tail[-1] == '.' && memcmp(text, tail, n) == 0 && !memchr(text, '.', n);
}

/* The right side of the option for the field at hand, or NULL. */
static const char *option(const struct sl_resolve *r, const struct sl_dlq_texts *list)
{
        for (uint32_t i = 0; i < list->count; i++) {
                const char *eq = strchr(list->items[i], '=');
                if (names(r, list->items[i], (size_t)(eq - list->items[i])))
                        return eq + 1;
        }
        return NULL;
}

/* ---- what is told of it ---- */

static char *shown(struct sl_resolve *r, const struct sl_schema *schema, const struct sl_value *v)
{
        struct sl_buf text = {0};
        if (!v)
                return NULL;
        if (v->type == SL_STRING)
                sl_buf_add(&text, v->ptr, v->len);
        else
                sl_value_print(schema, v, &text);
        char *copy = sl_arena_strndup(r->arena, text.ptr ? text.ptr : "", text.len < SHOWN ? text.len : SHOWN);
        sl_buf_free(&text);
        return copy;
}

static void note(struct sl_resolve *r, const char *what, const struct sl_schema *from, const struct sl_value *before,
                 const struct sl_schema *to, const struct sl_value *after)
{
        if (r->pending_count == r->pending_cap) {
                uint32_t had = r->pending_cap;
                r->pending_cap = had ? had * 2 : 16;
                r->pending = sl_realloc(r->pending, r->pending_cap * sizeof(*r->pending));
                memset(r->pending + had, 0, (r->pending_cap - had) * sizeof(*r->pending));
        }
        struct sl_change_pending *p = &r->pending[r->pending_count++];
        if (p->last && p->last_what == what && strcmp(p->last->text + p->last->path_at, path(r)) == 0) {
                p->known = p->last;
                return;
        }
        char *text = join(r->arena, what, ' ', sl_str_c(path(r)));
        p->known = p->last = sl_map_get(&r->changes, sl_str_c(text));
        p->last_what = what;
        if (!p->known) /* only the first one is shown */
                p->first = (struct sl_change){text, strlen(what) + 1, 0, shown(r, from, before), shown(r, to, after)};
}

static char *copy_of(const char *s)
{
        return s ? sl_strdup(s) : NULL;
}

bool sl_resolve_count(struct sl_resolve *r, bool keep)
{
        bool some = r->pending_count > 0;
        for (uint32_t i = 0; keep && i < r->pending_count; i++) {
                const struct sl_change *p = &r->pending[i].first;
                struct sl_change *c = r->pending[i].known;
                if (!c)
                        c = sl_map_get(&r->changes, sl_str_c(p->text));
                if (!c) {
                        c = sl_calloc(1, sizeof(*c));
                        *c = (struct sl_change){copy_of(p->text), p->path_at, 0, copy_of(p->before), copy_of(p->after)};
                        sl_map_put(&r->changes, sl_str_c(p->text), c);
                }
                c->count++;
        }
        r->pending_count = 0;
        return some;
}

json_t *sl_resolve_changes(const struct sl_resolve *r)
{
        json_t *list = json_array();
        struct sl_map_entry *e;
        for (size_t i = 0; sl_map_next(&r->changes, &i, &e);) {
                const struct sl_change *c = e->value;
                json_t *one = json_pack("{s:s, s:I}", "change", c->text, "count", (json_int_t)c->count);
                if (c->before)
                        json_object_set_new(one, "before", json_stringn_nocheck(c->before, strlen(c->before)));
                if (c->after)
                        json_object_set_new(one, "after", json_stringn_nocheck(c->after, strlen(c->after)));
                json_array_append_new(list, one);
        }
        return list;
}

static void free_change(void *p)
{
        struct sl_change *c = p;
        free(c->text);
        free(c->before);
        free(c->after);
        free(c);
}

void sl_resolve_free(struct sl_resolve *r)
{
        sl_map_free(&r->changes, free_change);
        free(r->pending);
        *r = (struct sl_resolve){0};
}

/* ---- single values ---- */

static bool is_integer(uint8_t t)
{
        return t >= SL_INT8 && t <= SL_INT64;
}

static bool in_range(enum sl_type t, int64_t v)
{
        switch (t) {
        case SL_INT8:
                return v >= INT8_MIN && v <= INT8_MAX;
        case SL_INT16:
                return v >= INT16_MIN && v <= INT16_MAX;
        case SL_INT32:
                return v >= INT32_MIN && v <= INT32_MAX;
        default:
                return true;
        }
}

static bool parse_bool(struct sl_str s, bool *ret)
{
        *ret = sl_str_eqc(s, "true");
        return *ret || sl_str_eqc(s, "false");
}

/* Text read as a type: of --default, and of strings that are cast. */
static bool from_text(struct sl_resolve *r, struct sl_str text, enum sl_type type, struct sl_value *ret)
{
        int64_t i;
        double d;
        bool b;
        if (is_integer((uint8_t)type) && sl_parse_i64(text, &i) && in_range(type, i))
                *ret = sl_v_i64(type, i);
        else if ((type == SL_FLOAT32 || type == SL_FLOAT64) && sl_parse_f64(text, &d))
                *ret = sl_v_f64(type, type == SL_FLOAT32 ? (double)(float)d : d);
        else if (type == SL_BOOLEAN && parse_bool(text, &b))
                *ret = sl_v_bool(b);
        else if (type == SL_STRING)
                *ret = sl_v_str(text);
        else if (type == SL_BYTES)
                *ret = sl_v_bytes(text.ptr, text.len);
        else
                return REFUSE(r, "%s: the text can't be read as %s", path(r), sl_type_name(type));
        return true;
}

static bool to_number(struct sl_resolve *r, const struct sl_value *in, enum sl_type type, struct sl_value *ret)
{
        bool lossy;
        if (is_integer((uint8_t)type)) {
                double d = in->type == SL_BOOLEAN ? in->b : is_integer(in->type) ? 0 : in->f64;
                int64_t v = is_integer(in->type) ? in->i64 : fabs(d) < 9.2e18 ? (int64_t)d : 0;
                if (!in_range(type, v) || (!is_integer(in->type) && !(fabs(d) < 9.2e18)))
                        return REFUSE(r, "%s: the number does not fit %s", path(r), sl_type_name(type));
                lossy = !is_integer(in->type) && (double)v != d;
                *ret = sl_v_i64(type, v);
        } else {
                double d = is_integer(in->type) ? (double)in->i64 : in->type == SL_BOOLEAN ? in->b : in->f64;
                double out = type == SL_FLOAT32 ? (double)(float)d : d;
                lossy = (is_integer(in->type) && (fabs(out) >= 9.2e18 || (int64_t)out != in->i64)) ||
                        (out != d && !isnan(d));
                *ret = sl_v_f64(type, out);
        }
        return !lossy || r->o->allow_lossy || REFUSE(r, "%s: a number would lose digits (--allow-lossy)", path(r));
}

static bool to_text(struct sl_resolve *r, const struct sl_value *in, struct sl_value *ret)
{
        struct sl_buf text = {0};
        sl_value_print(NULL, in, &text);
        *ret = sl_v_str((struct sl_str){sl_arena_strndup(r->arena, text.ptr ? text.ptr : "", text.len), text.len});
        sl_buf_free(&text);
        return true;
}

static bool convert(struct sl_resolve *r, const struct sl_value *in, enum sl_type type, struct sl_value *ret)
{
        if (type == SL_STRING)
                return to_text(r, in, ret);
        if (in->type == SL_STRING)
                return from_text(r, sl_v_as_str(in), type, ret);
        if (in->type == SL_BYTES || type == SL_BYTES || in->type >= SL_ARRAY || type >= SL_ARRAY)
                return REFUSE(r, "%s: %s can't be made %s", path(r), sl_type_name(in->type), sl_type_name(type));
        if (type == SL_BOOLEAN)
                return REFUSE(r, "%s: a number is no boolean", path(r));
        return to_number(r, in, type, ret);
}

bool sl_resolve_type(const char *name, enum sl_type *ret)
{
        static const struct {
                const char *name;
                enum sl_type type;
        } types[] = {{"boolean", SL_BOOLEAN}, {"int8", SL_INT8},      {"int16", SL_INT16},     {"int", SL_INT32},
                     {"int32", SL_INT32},     {"long", SL_INT64},     {"int64", SL_INT64},     {"float", SL_FLOAT32},
                     {"float32", SL_FLOAT32}, {"double", SL_FLOAT64}, {"float64", SL_FLOAT64}, {"string", SL_STRING},
                     {"bytes", SL_BYTES}};
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
                if (strcasecmp(types[i].name, name) == 0) {
                        *ret = types[i].type;
                        return true;
                }
        return false;
}

static const char *enum_param(const struct sl_schema *s)
{
        for (size_t i = 0; i < sizeof(enum_params) / sizeof(enum_params[0]); i++)
                if (sl_schema_param(s, enum_params[i]))
                        return enum_params[i];
        return NULL;
}

/* Protobuf's own rule: a symbol is its number. */
static void same_number(struct sl_resolve *r, const struct sl_schema *from, const struct sl_value *in, const struct sl_schema *to,
                        struct sl_value *ret)
{
        const char *head = enum_params[1];
        size_t n = strlen(head);
        if (!from || enum_param(from) != head || enum_param(to) != head)
                return;
        const char *number = sl_schema_param(from, join(r->arena, head, '.', sl_v_as_str(in)));
        for (uint32_t i = 0; number && i < to->param_count; i++) {
                const struct sl_param *p = &to->params[i];
                if (strncmp(p->name, head, n) != 0 || p->name[n] != '.' || strcmp(p->value, number) != 0)
                        continue;
                *ret = sl_v_str(sl_str_c(p->name + n + 1));
                if (!sl_str_eq(sl_v_as_str(in), sl_v_as_str(ret)))
                        note(r, "enum", NULL, in, NULL, ret);
                return;
        }
}

/* Is it one of the enum's? */
static bool is_symbol(struct sl_resolve *r, const struct sl_schema *to, const struct sl_value *v, const char *hint)
{
        return sl_schema_param(to, join(r->arena, enum_param(to), '.', sl_v_as_str(v))) ||
               REFUSE(r, "%s: the new schema has no such symbol as \"%.*s\" (%s)", path(r),
                      (int)(v->len < 60 ? v->len : 60), v->ptr, hint);
}

/* A symbol under its new name; must be one of the target's. */
static bool rename_symbol(struct sl_resolve *r, const struct sl_schema *from, const struct sl_value *in,
                          const struct sl_schema *to, struct sl_value *ret)
{
        const struct sl_dlq_texts *list = &r->o->enums;
        *ret = *in;
        if (to)
                same_number(r, from, in, to, ret);
        for (uint32_t i = 0; i < list->count; i++) {
                const char *eq = strchr(list->items[i], '=');
                if (sl_str_eq(sl_v_as_str(in), (struct sl_str){list->items[i], (size_t)(eq - list->items[i])})) {
                        *ret = sl_v_str(sl_str_c(eq + 1));
                        note(r, "enum", NULL, in, NULL, ret);
                        break;
                }
        }
        return !to || is_symbol(r, to, ret, "--enum OLD=NEW");
}

/* Promotions of Avro: no cast is needed. */
static bool promotes(uint8_t from, enum sl_type to)
{
        if (is_integer(from))
                return (is_integer((uint8_t)to) && to > from) || to == SL_FLOAT32 || to == SL_FLOAT64;
        return from == SL_FLOAT32 && to == SL_FLOAT64;
}

static bool scalar(struct sl_resolve *r, const struct sl_schema *from, const struct sl_value *in,
                   const struct sl_schema *to, struct sl_value *ret)
{
        bool cast = option(r, &r->o->cast) != NULL;
        if (from && to->logical != from->logical && (to->logical || from->logical) && !cast)
                return REFUSE(r, "%s: %s is another kind of %s (--cast)", path(r), to->name ? to->name : "the new one",
                              sl_type_name(to->type));
        if (to->logical == SL_LOGICAL_DECIMAL && from && from->decimal_scale != to->decimal_scale)
                return REFUSE(r, "%s: a decimal of scale %d can't become one of scale %d", path(r), from->decimal_scale,
                              to->decimal_scale);
        if (to->type == SL_STRING && in->type == SL_STRING && enum_param(to))
                return rename_symbol(r, from, in, to, ret);
        if (in->type == to->type) {
                *ret = *in;
                return true;
        }
        bool widens = promotes(in->type, to->type) || (!from && is_integer(in->type) && is_integer((uint8_t)to->type));
        if (!cast && !widens)
                return REFUSE(r, "%s: %s can't become %s without --cast", path(r), sl_type_name(in->type),
                              sl_type_name(to->type));
        if (!convert(r, in, to->type, ret))
                return false;
        note(r, cast ? "cast" : "widen", from, in, to, ret);
        return true;
}

/* ---- whole values ---- */

static bool resolve(struct sl_resolve *r, const struct sl_schema *from, const struct sl_value *in,
                    const struct sl_schema *to, struct sl_value *ret);

/* Member of a struct or of a schemaless map; its number, or -1. */
static int64_t member(const struct sl_schema *from, const struct sl_value *in, struct sl_str name,
                      const struct sl_schema **schema, const struct sl_value **value)
{
        *schema = NULL;
        if (from && from->type == SL_STRUCT) {
                int i = sl_schema_field(from, name.ptr, name.len);
                if (i < 0)
                        return -1;
                *schema = from->fields[i].schema;
                *value = &in->items[i];
                return i;
        }
        for (uint32_t i = 0; in->type == SL_MAP && i < in->len; i++)
                if (in->items[2 * i].type == SL_STRING && sl_str_eq(sl_v_as_str(&in->items[2 * i]), name)) {
                        *schema = from ? from->value : NULL;
                        *value = &in->items[2 * i + 1];
                        return i;
                }
        return -1;
}

/* The next old name of the field at hand, from option *at on: --rename OLD=NEW, where OLD has the same place. */
static bool old_name(const struct sl_resolve *r, uint32_t *at, struct sl_str *ret)
{
        const struct sl_dlq_texts *list = &r->o->rename;
        while (*at < list->count) {
                const char *text = list->items[(*at)++], *eq = strchr(text, '=');
                if (!names(r, eq + 1, strlen(eq + 1)))
                        continue;
                const char *dot = memrchr(text, '.', (size_t)(eq - text));
                *ret = dot ? (struct sl_str){dot + 1, (size_t)(eq - dot - 1)} : (struct sl_str){text, (size_t)(eq - text)};
                return true;
        }
        return false;
}

static struct sl_value zero_of(enum sl_type type)
{
        if (type == SL_STRING || type == SL_BYTES)
                return (struct sl_value){.type = (uint8_t)type, .ptr = ""};
        return type == SL_FLOAT32 || type == SL_FLOAT64 ? sl_v_f64(type, 0) : sl_v_i64(type, 0);
}

/* What stands for a Protobuf field that is not there; of an enum, the symbol with number 0. */
static bool fill_zero(struct sl_resolve *r, const struct sl_schema *to, struct sl_value *ret)
{
        const char *head = enum_param(to);
        size_t n = head ? strlen(head) : 0;
        *ret = zero_of((enum sl_type)to->type);
        if (!head || to->type != SL_STRING)
                return true;
        for (uint32_t i = 0; i < to->param_count; i++) {
                const struct sl_param *p = &to->params[i];
                if (strncmp(p->name, head, n) == 0 && p->name[n] == '.' && strcmp(p->value, "0") == 0) {
                        *ret = sl_v_str(sl_str_c(p->name + n + 1));
                        return true;
                }
        }
        return REFUSE(r, "%s: it is missing, and its enum has no symbol with number 0 (--default)", path(r));
}

/* A Protobuf field that is not there, or might as well not be. */
static bool is_zero(struct sl_resolve *r, const struct sl_schema *s, const struct sl_value *v)
{
        if (!s || !sl_schema_param(s, TAG_PARAM))
                return false;
        if (v->type == SL_STRING && v->len && enum_param(s) == enum_params[1]) {
                const char *number = sl_schema_param(s, join(r->arena, enum_params[1], '.', sl_v_as_str(v)));
                return number && strcmp(number, "0") == 0;
        }
        if (v->type == SL_STRING || v->type == SL_BYTES || v->type == SL_ARRAY || v->type == SL_MAP)
                return v->len == 0;
        if (v->type == SL_BOOLEAN)
                return !v->b;
        return is_integer(v->type) ? v->i64 == 0 : (v->type == SL_FLOAT32 || v->type == SL_FLOAT64) && v->f64 == 0;
}

/* The field of the same number, or -1: Protobuf's own rule. */
static int64_t numbered(const struct sl_schema *from, const struct sl_field *f)
{
        const char *number = from && from->type == SL_STRUCT ? sl_schema_param(f->schema, TAG_PARAM) : NULL;
        for (uint32_t i = 0; number && i < from->field_count; i++) {
                const char *own = sl_schema_param(from->fields[i].schema, TAG_PARAM);
                if (own && strcmp(own, number) == 0)
                        return i;
        }
        return -1;
}

/* Nothing, or null where null may not be: what fills it. */
static bool fill(struct sl_resolve *r, const struct sl_schema *to, struct sl_value *ret)
{
        const char *text = option(r, &r->o->defaults);
        const struct sl_value nothing = SL_V_NULL;
        if (text) {
                if (to->type == SL_STRING && enum_param(to)) {
                        *ret = sl_v_str(sl_str_c(text));
                        if (!is_symbol(r, to, ret, "--default"))
                                return false;
                } else if (!from_text(r, sl_str_c(text), to->type, ret)) {
                        return false;
                }
        } else if (to->has_default) {
                *ret = to->def;
        } else if (to->optional) {
                *ret = nothing;
                return true;
        } else if (sl_schema_param(to, TAG_PARAM)) { /* Protobuf: what is not there is zero */
                return fill_zero(r, to, ret);
        } else {
                return REFUSE(r, "%s: it is missing, and the new schema has no default (--default, --rename)", path(r));
        }
        note(r, "default", NULL, NULL, to, ret);
        return true;
}

static bool struct_field(struct sl_resolve *r, const struct sl_schema *from, const struct sl_value *in,
                         const struct sl_field *f, bool *used, struct sl_value *ret)
{
        struct sl_str own = {f->name, f->name_len}, name = own;
        const struct sl_schema *schema;
        const struct sl_value *value = NULL;
        uint32_t at = 0;
        bool told = old_name(r, &at, &name);
        int64_t i = told ? member(from, in, name, &schema, &value) : numbered(from, f);
        while (i < 0 && old_name(r, &at, &name)) /* letters of several versions: the name that this one has */
                i = member(from, in, name, &schema, &value);
        if (i >= 0 && !told) {
                schema = from->fields[i].schema;
                value = &in->items[i];
                name = (struct sl_str){from->fields[i].name, from->fields[i].name_len};
        }
        bool renamed = i >= 0 && !sl_str_eq(name, own);
        if (i < 0)
                i = member(from, in, own, &schema, &value);
        if (i >= 0)
                used[i] = true;
        if (i < 0 || (value->type == SL_NULL && (!f->schema->optional || option(r, &r->o->defaults))))
                return fill(r, f->schema, ret);
        if (renamed)
                note(r, "rename to", schema, value, schema, value);
        return resolve(r, schema, value, f->schema, ret);
}

static bool to_struct(struct sl_resolve *r, const struct sl_schema *from, const struct sl_value *in,
                      const struct sl_schema *to, struct sl_value *ret)
{
        uint32_t had = from && from->type == SL_STRUCT ? from->field_count : in->len;
        struct sl_value *items = sl_arena_alloc(r->arena, to->field_count * sizeof(*items));
        bool *used = sl_arena_zalloc(r->arena, had + 1);
        if (in->type != SL_STRUCT && in->type != SL_MAP)
                return REFUSE(r, "%s: %s is no record", path(r), sl_type_name(in->type));
        for (uint32_t i = 0; i < to->field_count; i++) {
                size_t before = enter(r, (struct sl_str){to->fields[i].name, to->fields[i].name_len});
                bool good = struct_field(r, from, in, &to->fields[i], used, &items[i]);
                leave(r, before);
                if (!good)
                        return false;
        }
        for (uint32_t i = 0; i < had; i++) {
                bool st = from && from->type == SL_STRUCT;
                const struct sl_value *value = st ? &in->items[i] : &in->items[2 * i + 1];
                struct sl_str name = st ? sl_str_c(from->fields[i].name) : sl_v_as_str(&in->items[2 * i]);
                if (used[i])
                        continue;
                size_t before = enter(r, name);
                bool nothing = st && is_zero(r, from->fields[i].schema, value);
                bool good = nothing || value->type == SL_NULL || r->o->allow_lossy ||
                            REFUSE(r, "%s: the new schema has no such field (--rename, or --allow-lossy to lose it)",
                                   path(r));
                if (good && !nothing)
                        note(r, "drop", NULL, value, NULL, NULL);
                leave(r, before);
                if (!good)
                        return false;
        }
        *ret = sl_v_items(SL_STRUCT, items, to->field_count);
        return true;
}

static bool to_list(struct sl_resolve *r, const struct sl_schema *from, const struct sl_value *in,
                    const struct sl_schema *to, struct sl_value *ret)
{
        bool map = to->type == SL_MAP;
        uint32_t n = map ? in->len * 2 : in->len;
        struct sl_value *items = sl_arena_alloc(r->arena, (n + 1) * sizeof(*items));
        if (in->type != to->type)
                return REFUSE(r, "%s: %s is no %s", path(r), sl_type_name(in->type), map ? "map" : "array");
        for (uint32_t i = 0; i < n; i++) {
                bool key = map && i % 2 == 0;
                const struct sl_schema *old = from ? key ? from->key : from->value : NULL;
                if (!resolve(r, old, &in->items[i], key ? to->key : to->value, &items[i]))
                        return false;
        }
        *ret = sl_v_items((enum sl_type)to->type, items, in->len);
        return true;
}

/* Schemaless: renamed, cast, filled and mapped where an option says so. */
static bool change_plain(struct sl_resolve *r, const struct sl_value *in, struct sl_value *ret);

/* What --rename makes of the member at hand, in arena; NULL = it keeps its name. */
static const char *new_name(struct sl_resolve *r)
{
        const char *to = option(r, &r->o->rename);
        const char *dot = to ? strrchr(to, '.') : NULL;
        return dot ? dot + 1 : to;
}

static bool plain_member(struct sl_resolve *r, const struct sl_value *in, struct sl_value *name, struct sl_value *value)
{
        size_t before = enter(r, sl_v_as_str(&in[0]));
        const char *renamed = new_name(r);
        name[0] = in[0];
        if (renamed) {
                note(r, "rename", NULL, &in[0], NULL,
                     &(struct sl_value){.type = SL_STRING, .len = (uint32_t)strlen(renamed), .ptr = renamed});
                name[0] = sl_v_str(sl_str_c(renamed));
                leave(r, before);
                before = enter(r, sl_str_c(renamed));
        }
        bool good = change_plain(r, &in[1], value);
        leave(r, before);
        return good;
}

/* A member under its new name must be the only one: of two of a name readers take one, and the other is lost. */
static bool are_single(struct sl_resolve *r, const struct sl_value *in, const struct sl_value *items)
{
        for (uint32_t i = 0; i < in->len; i++)
                for (uint32_t k = 0; items[2 * i].ptr != in->items[2 * i].ptr && k < in->len; k++)
                        if (k != i && sl_str_eq(sl_v_as_str(&items[2 * i]), sl_v_as_str(&items[2 * k])))
                                return REFUSE(r, "%s: --rename makes a second member %.*s", path(r),
                                              (int)(items[2 * i].len < 60 ? items[2 * i].len : 60), items[2 * i].ptr);
        return true;
}

/* A default's value in JSON: a number, true, false or null where it reads as one, else a string. */
static struct sl_value plain_default(const char *text)
{
        struct sl_str s = sl_str_c(text);
        int64_t i;
        double d;
        bool b;
        if (sl_parse_i64(s, &i))
                return sl_v_i64(SL_INT64, i);
        if (sl_parse_f64(s, &d))
                return sl_v_f64(SL_FLOAT64, d);
        if (parse_bool(s, &b))
                return sl_v_bool(b);
        return sl_v_str(s);
}

/* Members that --default names and that this object (at the right place) does not have. */
static uint32_t add_defaults(struct sl_resolve *r, struct sl_value *items, uint32_t n)
{
        const struct sl_dlq_texts *list = &r->o->defaults;
        for (uint32_t i = 0; i < list->count; i++) {
                const char *eq = strchr(list->items[i], '=');
                struct sl_str whole = {list->items[i], (size_t)(eq - list->items[i])}, name = whole;
                const char *dot = memrchr(whole.ptr, '.', whole.len);
                size_t place = dot ? (size_t)(dot - whole.ptr) : 0;
                if (dot)
                        name = (struct sl_str){dot + 1, whole.len - place - 1};
                bool here = place == r->path_len && memcmp(whole.ptr, r->path, place) == 0, there = false;
                for (uint32_t k = 0; k < n; k++)
                        there |= sl_str_eq(sl_v_as_str(&items[2 * k]), name);
                if (!here || there)
                        continue;
                size_t before = enter(r, name);
                items[2 * n] = sl_v_str(name);
                items[2 * n + 1] = plain_default(eq + 1);
                note(r, "default", NULL, NULL, NULL, &items[2 * n + 1]);
                leave(r, before);
                n++;
        }
        return n;
}

static bool change_plain(struct sl_resolve *r, const struct sl_value *in, struct sl_value *ret)
{
        const char *cast = option(r, &r->o->cast), *def = option(r, &r->o->defaults);
        enum sl_type type;
        *ret = *in;
        if (in->type == SL_MAP) {
                struct sl_value *items =
                        sl_arena_alloc(r->arena, (in->len + r->o->defaults.count) * 2 * sizeof(*items));
                for (uint32_t i = 0; i < in->len; i++)
                        if (!plain_member(r, &in->items[2 * i], &items[2 * i], &items[2 * i + 1]))
                                return false;
                if (!are_single(r, in, items))
                        return false;
                *ret = sl_v_items(SL_MAP, items, add_defaults(r, items, in->len));
                return true;
        }
        if (in->type == SL_ARRAY) {
                struct sl_value *items = sl_arena_alloc(r->arena, (in->len + 1) * sizeof(*items));
                for (uint32_t i = 0; i < in->len; i++)
                        if (!change_plain(r, &in->items[i], &items[i]))
                                return false;
                *ret = sl_v_items(SL_ARRAY, items, in->len);
                return true;
        }
        if (in->type == SL_NULL) {
                if (def && r->path_len) {
                        *ret = plain_default(def);
                        note(r, "default", NULL, in, NULL, ret);
                }
                return true;
        }
        if (cast && sl_resolve_type(cast, &type) && type != in->type) {
                if (!convert(r, in, type, ret))
                        return false;
                note(r, "cast", NULL, in, NULL, ret);
        } else if (in->type == SL_STRING) {
                return rename_symbol(r, NULL, in, NULL, ret);
        }
        return true;
}

static bool resolve(struct sl_resolve *r, const struct sl_schema *from, const struct sl_value *in,
                    const struct sl_schema *to, struct sl_value *ret)
{
        if (!to)
                return change_plain(r, in, ret);
        if (in->type == SL_NULL) {
                *ret = *in;
                return to->optional || fill(r, to, ret);
        }
        switch ((int)to->type) {
        case SL_STRUCT:
                return to_struct(r, from, in, to, ret);
        case SL_ARRAY:
        case SL_MAP:
                return to_list(r, from, in, to, ret);
        default:
                return scalar(r, from, in, to, ret);
        }
}

bool sl_resolve_value(struct sl_resolve *r, const struct sl_schema *from, const struct sl_value *in,
                      const struct sl_schema *to, struct sl_value *ret)
{
        r->pending_count = 0;
        leave(r, 0);
        return resolve(r, from, in, to, ret);
}
