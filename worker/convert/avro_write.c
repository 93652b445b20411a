/* SPDX-License-Identifier: Apache-2.0 */
/* Connect values -> Avro binary. A pair of Connect and Avro schema is compiled once into a flat list of steps in the
 * order of the Avro schema; a nested type's steps follow its own, and `span` says how many. What stands for a null with
 * a default, and for an Avro field that the Connect schema does not have, is ready as bytes. Schemaless values are
 * written by their tags as Confluent's Anything record. Maps are written in the order they have (Java's in that of its
 * hash table). */
#include "convert/avro.h"
#include "record/javaclass.h"

#include <stdio.h>
#include <stdlib.h>

enum op {
        W_BOOLEAN,
        W_LONG,
        W_FLOAT,
        W_DOUBLE,
        W_BYTES, /* bytes and strings */
        W_FIXED,
        W_DECIMAL_FIXED,
        W_ENUM,
        W_ARRAY,
        W_MAP,
        W_PAIRS,
        W_STRUCT,
        W_UNION, /* a struct whose first set field is the value */
        W_ANY,
        W_CONST, /* no field of ours: `text` */
};

struct step {
        uint8_t op;
        uint8_t type;  /* the tag a value must have */
        bool has_text; /* text stands for null */
        bool null_ok;
        int32_t branch, null_branch; /* of the union around it, -1 = none */
        uint32_t span;               /* this step and all below it */
        uint32_t count;              /* fields of a struct, branches of a union, symbols, bytes of a fixed */
        uint32_t index;              /* which field of ours */
        uint32_t fields;             /* of the Connect struct */
        uint32_t text, text_len;     /* in e->text */
        const struct sl_str *symbols;
        const struct sl_schema *schema; /* for messages */
        const char *field;              /* for messages; NULL at the top and in arrays and maps */
};

struct sl_avro_encoder {
        struct step *steps;
        uint32_t count, cap;
        bool raw; /* bytes at the top are written as they are */
        struct sl_buf text;
        struct sl_arena arena;
};

/* ---- rows ---- */

static inline void put_long(struct sl_buf *out, int64_t v)
{
        uint64_t u = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
        if (sl_unlikely(!sl_buf_room(out, 10)))
                return;
        char *w = out->ptr + out->len;
        for (; u > 127; u >>= 7)
                *w++ = (char)(u | 128);
        *w++ = (char)u;
        out->len = (size_t)(w - out->ptr);
}

static inline void put_bytes(struct sl_buf *out, const char *p, size_t n)
{
        put_long(out, (int64_t)n);
        sl_buf_add(out, p, n);
}

static inline void put_float(struct sl_buf *out, float v)
{
        sl_buf_add(out, &v, sizeof(v)); /* little-endian, as this machine */
}

static inline void put_double(struct sl_buf *out, double v)
{
        sl_buf_add(out, &v, sizeof(v));
}

static sl_cold enum sl_rc refuse(const struct step *s, const struct sl_value *v, struct sl_err *err)
{
        char where[300];
        enum sl_rc rc;
        if (v->type == SL_NULL)
                rc = sl_fail(err, SL_E_CONVERT, "Found null value for non-optional schema");
        else
                rc = sl_fail(err, SL_E_CONVERT, "Invalid type for %s: class %s",
                             s->schema ? sl_type_name(s->schema->type) : "null", sl_java_class(NULL, v));
        snprintf(where, sizeof(where), " (field %.250s)", s->field ? s->field : "");
        if (s->field)
                sl_err_detail(err, where);
        return rc;
}

static enum sl_rc write_step(const struct sl_avro_encoder *e, const struct step *s, const struct sl_value *v,
                             struct sl_buf *out, struct sl_err *err);

/* The Anything record: nine fields, each null but the one of the value's type. */
static enum sl_rc write_any(const struct sl_value *v, unsigned depth, struct sl_buf *out, struct sl_err *err)
{
        static const uint8_t place[SL_TYPE_COUNT] = {
                [SL_BOOLEAN] = 0, [SL_FLOAT64] = 2, [SL_FLOAT32] = 3, [SL_INT8] = 4,  [SL_INT16] = 4,
                [SL_INT32] = 4,   [SL_INT64] = 5,   [SL_STRING] = 6,  [SL_ARRAY] = 7, [SL_MAP] = 8,
        };
        static const char none[9] = {0};
        if (depth > SL_AVRO_DEPTH)
                return sl_fail(err, SL_E_CONVERT, "a value is nested deeper than %d levels", SL_AVRO_DEPTH);
        if (v->type == SL_NULL) {
                sl_buf_add(out, none, 9);
                return SL_OK;
        }
        if (v->type == SL_BYTES || v->type == SL_STRUCT || v->type >= SL_TYPE_COUNT || (v->flags & SL_V_DATE))
                return sl_fail(err, SL_E_CONVERT, "Unknown Java type for schemaless data: class %s",
                               sl_java_class(NULL, v));
        uint8_t at = place[v->type];
        sl_buf_add(out, none, at);
        sl_buf_addc(out, 2);
        if (v->type == SL_BOOLEAN)
                sl_buf_addc(out, v->b);
        else if (v->type == SL_FLOAT64)
                put_double(out, v->f64);
        else if (v->type == SL_FLOAT32)
                put_float(out, (float)v->f64);
        else if (v->type == SL_STRING)
                put_bytes(out, v->ptr, v->len);
        else if (v->type != SL_ARRAY && v->type != SL_MAP)
                put_long(out, v->i64);
        if (v->type == SL_ARRAY || v->type == SL_MAP) {
                uint32_t n = v->type == SL_MAP ? 2 * v->len : v->len;
                if (v->len)
                        put_long(out, v->len);
                for (uint32_t i = 0; i < n; i++)
                        SL_TRY(write_any(&v->items[i], depth + 1, out, err));
                sl_buf_addc(out, 0);
        }
        sl_buf_add(out, none, 8u - at);
        return SL_OK;
}

static enum sl_rc write_fixed(const struct step *s, const struct sl_value *v, struct sl_buf *out, struct sl_err *err)
{
        if (v->len > s->count || (s->op == W_FIXED && v->len != s->count))
                return sl_fail(err, SL_E_CONVERT,
                               "a value of %u bytes does not fit the Avro type of %u bytes of the field %.200s", v->len,
                               s->count, s->field ? s->field : "(top)");
        char sign = v->len && (v->ptr[0] & 0x80) ? (char)0xff : 0;
        for (uint32_t i = v->len; i < s->count; i++)
                sl_buf_addc(out, sign);
        sl_buf_add(out, v->ptr, v->len);
        return SL_OK;
}

static enum sl_rc write_enum(const struct step *s, const struct sl_value *v, struct sl_buf *out, struct sl_err *err)
{
        for (uint32_t i = 0; i < s->count; i++)
                if (s->symbols[i].len == v->len && memcmp(s->symbols[i].ptr, v->ptr, v->len) == 0) {
                        put_long(out, i);
                        return SL_OK;
                }
        return sl_fail(err, SL_E_CONVERT, "\"%.*s\" is no symbol of the enum of the field %.200s",
                       (int)(v->len < 200 ? v->len : 200), v->ptr, s->field ? s->field : "(top)");
}

static enum sl_rc write_struct(const struct sl_avro_encoder *e, const struct step *s, const struct sl_value *v,
                               struct sl_buf *out, struct sl_err *err)
{
        if (sl_unlikely(v->len != s->fields))
                return sl_fail(err, SL_E_CONVERT, "Mismatching struct schema");
        const struct step *child = s + 1;
        for (uint32_t i = 0; i < s->count; i++, child += child->span) {
                if (sl_unlikely(child->op == W_CONST))
                        sl_buf_add(out, e->text.ptr + child->text, child->text_len);
                else
                        SL_TRY(write_step(e, child, &v->items[child->index], out, err));
        }
        return SL_OK;
}

static enum sl_rc write_union(const struct sl_avro_encoder *e, const struct step *s, const struct sl_value *v,
                              struct sl_buf *out, struct sl_err *err)
{
        const struct step *child = s + 1;
        if (sl_unlikely(v->len != s->fields))
                return sl_fail(err, SL_E_CONVERT, "Mismatching struct schema");
        for (uint32_t i = 0; i < s->count; i++, child += child->span)
                if (v->items[child->index].type != SL_NULL || child->has_text)
                        return write_step(e, child, &v->items[child->index], out, err);
        return write_step(e, s, &SL_V_NULL, out, err);
}

static enum sl_rc write_items(const struct sl_avro_encoder *e, const struct step *s, const struct sl_value *v,
                              struct sl_buf *out, struct sl_err *err)
{
        const struct step *item = s + 1, *second = item + item->span;
        if (v->len)
                put_long(out, v->len);
        for (uint32_t i = 0; i < v->len; i++) {
                if (s->op == W_ARRAY) {
                        SL_TRY(write_step(e, item, &v->items[i], out, err));
                        continue;
                }
                const struct sl_value *k = &v->items[2 * i];
                if (s->op == W_PAIRS) {
                        SL_TRY(write_step(e, item, k + item->index, out, err));
                        SL_TRY(write_step(e, second, k + second->index, out, err));
                        continue;
                }
                if (sl_unlikely(k->type != SL_STRING))
                        return sl_fail(err, SL_E_CONVERT,
                                       "a key of a map is no string, and an Avro map has no others (field %.200s)",
                                       s->field ? s->field : "(top)");
                put_bytes(out, k->ptr, k->len);
                SL_TRY(write_step(e, item, k + 1, out, err));
        }
        sl_buf_addc(out, 0);
        return SL_OK;
}

static enum sl_rc write_null(const struct sl_avro_encoder *e, const struct step *s, const struct sl_value *v,
                             struct sl_buf *out, struct sl_err *err)
{
        if (s->has_text)
                sl_buf_add(out, e->text.ptr + s->text, s->text_len);
        else if (s->null_ok)
                put_long(out, s->null_branch);
        else
                return refuse(s, v, err);
        return SL_OK;
}

static enum sl_rc write_step(const struct sl_avro_encoder *e, const struct step *s, const struct sl_value *v,
                             struct sl_buf *out, struct sl_err *err)
{
        if (sl_unlikely(v->type != s->type)) {
                if (s->op == W_ANY) {
                        if (s->branch >= 0)
                                put_long(out, s->branch);
                        return write_any(v, 0, out, err);
                }
                return v->type == SL_NULL ? write_null(e, s, v, out, err) : refuse(s, v, err);
        }
        if (s->branch >= 0)
                put_long(out, s->branch);
        bool real = v->type == SL_FLOAT32 || v->type == SL_FLOAT64;
        switch ((enum op)s->op) {
        case W_BOOLEAN:
                sl_buf_addc(out, v->b);
                return SL_OK;
        case W_LONG:
                put_long(out, v->i64);
                return SL_OK;
        case W_FLOAT:
                put_float(out, real ? (float)v->f64 : (float)v->i64);
                return SL_OK;
        case W_DOUBLE:
                put_double(out, real ? v->f64 : (double)v->i64);
                return SL_OK;
        case W_BYTES:
                put_bytes(out, v->ptr, v->len);
                return SL_OK;
        case W_FIXED:
        case W_DECIMAL_FIXED:
                return write_fixed(s, v, out, err);
        case W_ENUM:
                return write_enum(s, v, out, err);
        case W_ARRAY:
        case W_MAP:
        case W_PAIRS:
                return write_items(e, s, v, out, err);
        case W_STRUCT:
                return write_struct(e, s, v, out, err);
        case W_UNION:
                return write_union(e, s, v, out, err);
        case W_ANY: /* its type is none, see above */
        case W_CONST:
                break;
        }
        return sl_fail(err, SL_E_INTERNAL, "Avro step %d is unknown", s->op);
}

enum sl_rc sl_avro_encode(const struct sl_avro_encoder *e, const struct sl_value *v, struct sl_buf *out,
                          struct sl_err *err)
{
        if (e->raw && v->type == SL_BYTES)
                sl_buf_add(out, v->ptr, v->len);
        else
                SL_TRY(write_step(e, e->steps, v, out, err));
        if (sl_unlikely(!sl_buf_ok(out)))
                return sl_fail(err, SL_E_TOO_LARGE, "the Avro data of a record passes the limit of its buffer");
        return SL_OK;
}

/* ---- defaults of the Avro schema, as data ---- */

static void put_latin(struct sl_buf *out, const json_t *j)
{
        const char *p = json_string_value(j);
        for (size_t i = 0; i < json_string_length(j); i++)
                if (((unsigned char)p[i] & 0xc0) != 0xc0) /* the lead of two bytes has the two high bits of the one */
                        sl_buf_addc(out, (unsigned char)p[i] < 0x80 ? p[i] : (char)((p[i - 1] & 3) << 6 | (p[i] & 63)));
}

static void put_default(struct sl_buf *out, const struct sl_avro *s, const json_t *j, unsigned depth)
{
        struct sl_buf bytes = {0};
        const char *key;
        json_t *member;
        size_t i;
        switch ((enum sl_avro_type)s->type) {
        case SL_AVRO_BOOLEAN:
                sl_buf_addc(out, json_is_true(j));
                return;
        case SL_AVRO_INT:
        case SL_AVRO_LONG:
                put_long(out, json_integer_value(j));
                return;
        case SL_AVRO_FLOAT:
                put_float(out, (float)json_number_value(j));
                return;
        case SL_AVRO_DOUBLE:
                put_double(out, json_number_value(j));
                return;
        case SL_AVRO_STRING:
                put_bytes(out, json_string_value(j), json_string_length(j));
                return;
        case SL_AVRO_BYTES:
        case SL_AVRO_FIXED:
                put_latin(&bytes, j);
                if (s->type == SL_AVRO_BYTES)
                        put_long(out, (int64_t)bytes.len);
                sl_buf_add(out, bytes.ptr, bytes.len);
                sl_buf_free(&bytes);
                return;
        case SL_AVRO_ENUM_T:
                for (i = 0; i < s->count && strcmp(s->symbols[i], json_string_value(j)) != 0;)
                        i++;
                put_long(out, i < s->count ? (int64_t)i : 0);
                return;
        case SL_AVRO_ARRAY:
        case SL_AVRO_MAP:
                if (json_array_size(j) + json_object_size(j))
                        put_long(out, (int64_t)(json_array_size(j) + json_object_size(j)));
                json_array_foreach(j, i, member) put_default(out, s->items, member, depth + 1);
                json_object_foreach((json_t *)(uintptr_t)j, key, member)
                {
                        put_bytes(out, key, strlen(key));
                        put_default(out, s->items, member, depth + 1);
                }
                sl_buf_addc(out, 0);
                return;
        case SL_AVRO_UNION_T:
                put_long(out, 0);
                put_default(out, s->branches[0], j, depth + 1);
                return;
        case SL_AVRO_RECORD:
                for (i = 0; i < s->count; i++) {
                        member = json_object_get(j, s->fields[i].name);
                        put_default(out, s->fields[i].type, member ? member : s->fields[i].def, depth + 1);
                }
                return;
        case SL_AVRO_NULL:
        case SL_AVRO_TYPE_COUNT:
                return;
        }
}

/* ---- compilation ---- */

struct compile {
        struct sl_avro_encoder *e;
        const struct sl_avro_options *o;
        struct sl_err *err;
        unsigned depth;
};

static enum sl_rc compile(struct compile *c, const struct sl_schema *schema, const struct sl_avro *a,
                          const char *field);

/* How well an Avro type takes values of a schema: 0 not at all, 1 by promotion, 2 by its type, 3 by type and name. */
static int score_name(const struct sl_avro *a, const char *name)
{
        return name && strcmp(a->full, name) == 0 ? 3 : 2;
}

static int score_struct(const struct compile *c, const struct sl_schema *s, const struct sl_avro *a)
{
        if (a->type != SL_AVRO_RECORD)
                return 0;
        return score_name(a, s->name && c->o->scrub ? sl_avro_scrub(&c->e->arena, s->name, true) : s->name);
}

static bool is_entries(const struct sl_avro *a)
{
        const struct sl_avro *r = a->type == SL_AVRO_ARRAY ? a->items : NULL;
        if (!r || r->type != SL_AVRO_RECORD || r->count != 2)
                return false;
        bool swapped = strcmp(r->fields[0].name, "value") == 0;
        return strcmp(r->fields[swapped].name, "key") == 0 && strcmp(r->fields[!swapped].name, "value") == 0;
}

static int score(const struct compile *c, const struct sl_schema *s, const struct sl_avro *a)
{
        enum sl_avro_type t = (enum sl_avro_type)a->type;
        if (!s)
                return t == SL_AVRO_RECORD && strcmp(a->full, SL_AVRO_ANYTHING) == 0 ? 3 : 0;
        const char *symbols = sl_schema_param(s, c->o->sums ? SL_AVRO_SUM_ENUM : SL_AVRO_ENUM);
        bool fixed = s->name && sl_schema_param(s, SL_AVRO_FIXED_SIZE);
        switch (s->type) {
        case SL_BOOLEAN:
                return t == SL_AVRO_BOOLEAN ? 3 : 0;
        case SL_INT8:
        case SL_INT16:
        case SL_INT32:
                return t == SL_AVRO_INT ? 3 : t == SL_AVRO_LONG || t == SL_AVRO_FLOAT || t == SL_AVRO_DOUBLE;
        case SL_INT64:
                return t == SL_AVRO_LONG ? 3 : t == SL_AVRO_FLOAT || t == SL_AVRO_DOUBLE;
        case SL_FLOAT32:
                return t == SL_AVRO_FLOAT ? 3 : t == SL_AVRO_DOUBLE;
        case SL_FLOAT64:
                return t == SL_AVRO_DOUBLE ? 3 : 0;
        case SL_STRING:
                if (t == SL_AVRO_ENUM_T)
                        return symbols ? score_name(a, symbols) : 0;
                return t == SL_AVRO_STRING ? 2 : t == SL_AVRO_BYTES;
        case SL_BYTES:
                if (t == SL_AVRO_FIXED)
                        return fixed ? score_name(a, s->name) : 1;
                return t == SL_AVRO_BYTES ? 2 : t == SL_AVRO_STRING && s->logical == SL_LOGICAL_NONE;
        case SL_ARRAY:
                return t == SL_AVRO_ARRAY ? 3 : 0;
        case SL_MAP:
                return t == SL_AVRO_MAP ? 3 : is_entries(a) ? 2 : 0;
        case SL_STRUCT:
                return score_struct(c, s, a);
        case SL_NULL:
        case SL_TYPE_COUNT:
                break;
        }
        return 0;
}

static uint32_t add_step(struct sl_avro_encoder *e)
{
        if (e->count == e->cap) {
                e->cap = e->cap ? e->cap * 2 : 16;
                e->steps = sl_realloc(e->steps, e->cap * sizeof(*e->steps));
        }
        e->steps[e->count] = (struct step){.branch = -1, .null_branch = -1, .span = 1};
        return e->count++;
}

/* The null of step at is what its default gives. */
static enum sl_rc set_default(struct compile *c, uint32_t at, const struct sl_schema *s)
{
        struct sl_avro_encoder *e = c->e;
        struct sl_buf text = {0};
        if (!s || !s->has_default || s->def.type == SL_NULL || c->o->ignore_default)
                return SL_OK;
        enum sl_rc rc = write_step(e, &e->steps[at], &s->def, &text, c->err);
        e->steps[at].has_text = true;
        e->steps[at].text = (uint32_t)e->text.len;
        e->steps[at].text_len = (uint32_t)text.len;
        sl_buf_add(&e->text, text.ptr, text.len);
        sl_buf_free(&text);
        return rc;
}

static enum sl_rc compile_const(struct compile *c, const struct sl_avro_field *f)
{
        uint32_t at = add_step(c->e);
        struct sl_avro_encoder *e = c->e;
        if (!f->def || !sl_avro_default_ok(f->type, f->def, 0))
                return sl_fail(
                        c->err, SL_E_CONVERT,
                        "the schema to write with has a field %.200s, which the data does not have, without a default",
                        f->name);
        e->steps[at].op = W_CONST;
        e->steps[at].type = SL_TYPE_COUNT;
        e->steps[at].text = (uint32_t)e->text.len;
        put_default(&e->text, f->type, f->def, 0);
        e->steps[at].text_len = (uint32_t)e->text.len - e->steps[at].text;
        return SL_OK;
}

static int field_of(const struct compile *c, const struct sl_schema *s, const char *name)
{
        int i = sl_schema_field(s, name, strlen(name));
        for (uint32_t k = 0; i < 0 && c->o->scrub && k < s->field_count; k++)
                if (strcmp(sl_avro_scrub(&c->e->arena, s->fields[k].name, false), name) == 0)
                        i = (int)k;
        return i;
}

static enum sl_rc compile_struct(struct compile *c, uint32_t at, const struct sl_schema *s, const struct sl_avro *a)
{
        c->e->steps[at].fields = s->field_count;
        c->e->steps[at].count = a->count;
        for (uint32_t i = 0; i < a->count; i++) {
                int k = field_of(c, s, a->fields[i].name);
                uint32_t child = c->e->count;
                if (k < 0) {
                        SL_TRY(compile_const(c, &a->fields[i]));
                        continue;
                }
                SL_TRY(compile(c, s->fields[k].schema, a->fields[i].type, s->fields[k].name));
                c->e->steps[child].index = (uint32_t)k;
                SL_TRY(set_default(c, child, s->fields[k].schema));
        }
        return SL_OK;
}

static enum sl_rc compile_map(struct compile *c, uint32_t at, const struct sl_schema *s, const struct sl_avro *a)
{
        if (a->type == SL_AVRO_MAP) {
                c->e->steps[at].op = W_MAP;
                return compile(c, s->value, a->items, NULL);
        }
        c->e->steps[at].op = W_PAIRS;
        for (uint32_t i = 0; i < 2; i++) {
                bool value = strcmp(a->items->fields[i].name, "value") == 0;
                uint32_t child = c->e->count;
                SL_TRY(compile(c, value ? s->value : s->key, a->items->fields[i].type, NULL));
                c->e->steps[child].index = value;
        }
        return SL_OK;
}

static void set_symbols(struct sl_avro_encoder *e, uint32_t at, const struct sl_avro *a)
{
        struct sl_str *symbols = sl_arena_alloc(&e->arena, a->count * sizeof(*symbols));
        for (uint32_t i = 0; i < a->count; i++)
                symbols[i] = sl_str_c(sl_arena_strdup(&e->arena, a->symbols[i]));
        e->steps[at].symbols = symbols;
        e->steps[at].count = a->count;
}

static enum sl_rc compile_plain(struct compile *c, uint32_t at, const struct sl_schema *s, const struct sl_avro *a)
{
        static const uint8_t ops[SL_AVRO_TYPE_COUNT] = {
                [SL_AVRO_BOOLEAN] = W_BOOLEAN, [SL_AVRO_INT] = W_LONG,      [SL_AVRO_LONG] = W_LONG,
                [SL_AVRO_FLOAT] = W_FLOAT,     [SL_AVRO_DOUBLE] = W_DOUBLE, [SL_AVRO_BYTES] = W_BYTES,
                [SL_AVRO_STRING] = W_BYTES,    [SL_AVRO_RECORD] = W_STRUCT, [SL_AVRO_ENUM_T] = W_ENUM,
                [SL_AVRO_ARRAY] = W_ARRAY,     [SL_AVRO_FIXED] = W_FIXED,
        };
        struct step *step = &c->e->steps[at];
        if (!score(c, s, a))
                return sl_fail(c->err, SL_E_CONVERT, "%s%.200s%s of type %s can't be written as the Avro type %s",
                               step->field ? "the field " : "a value", step->field ? step->field : "",
                               step->field ? "" : "", s ? sl_type_name(s->type) : "(no schema)",
                               a->full ? a->full : sl_avro_type_name((enum sl_avro_type)a->type));
        if (!s) {
                step->op = W_ANY;
                step->type = SL_TYPE_COUNT;
                return SL_OK;
        }
        step->op = ops[a->type];
        step->type = (uint8_t)s->type;
        if (a->type == SL_AVRO_FIXED) {
                step->op = s->logical == SL_LOGICAL_DECIMAL ? W_DECIMAL_FIXED : W_FIXED;
                step->count = a->size;
        }
        if (a->type == SL_AVRO_ENUM_T)
                set_symbols(c->e, at, a);
        if (s->type == SL_STRUCT)
                return compile_struct(c, at, s, a);
        if (s->type == SL_MAP)
                return compile_map(c, at, s, a);
        return s->type == SL_ARRAY ? compile(c, s->value, a->items, NULL) : SL_OK;
}

/* The branch of a union that takes values of s best; -1: none does. */
static int pick_branch(const struct compile *c, const struct sl_schema *s, const struct sl_avro *u)
{
        int best = -1, most = 0;
        for (uint32_t i = 0; i < u->count; i++) {
                int n = u->branches[i]->type == SL_AVRO_NULL ? 0 : score(c, s, u->branches[i]);
                if (n > most) {
                        most = n;
                        best = (int)i;
                }
        }
        return best;
}

static enum sl_rc compile_union(struct compile *c, uint32_t at, const struct sl_schema *s, const struct sl_avro *u)
{
        c->e->steps[at].op = W_UNION;
        c->e->steps[at].type = SL_STRUCT;
        c->e->steps[at].count = c->e->steps[at].fields = s->field_count;
        for (uint32_t i = 0; i < s->field_count; i++) {
                uint32_t child = c->e->count;
                SL_TRY(compile(c, s->fields[i].schema, u, s->fields[i].name));
                c->e->steps[child].index = i;
                c->e->steps[child].null_ok = false;
                SL_TRY(set_default(c, child, s->fields[i].schema));
        }
        return SL_OK;
}

static enum sl_rc compile_inner(struct compile *c, uint32_t at, const struct sl_schema *s, const struct sl_avro *a)
{
        bool sum = s && sl_avro_is_union_schema(s);
        if (a->type != SL_AVRO_UNION_T)
                return compile_plain(c, at, s, a);
        c->e->steps[at].null_branch = sl_avro_null_branch(a);
        c->e->steps[at].null_ok = s && s->optional && c->e->steps[at].null_branch >= 0;
        int branch = pick_branch(c, s, a);
        if (sum && (branch < 0 || score(c, s, a->branches[branch]) < 3))
                return compile_union(c, at, s, a);
        c->e->steps[at].branch = branch;
        if (branch < 0)
                return sl_fail(c->err, SL_E_CONVERT,
                               "no branch of the Avro union takes values of type %s of the field %.200s",
                               s ? sl_type_name(s->type) : "(no schema)",
                               c->e->steps[at].field ? c->e->steps[at].field : "(top)");
        return compile_plain(c, at, s, a->branches[branch]);
}

static enum sl_rc compile(struct compile *c, const struct sl_schema *schema, const struct sl_avro *a, const char *field)
{
        uint32_t at = add_step(c->e);
        if (c->depth >= SL_AVRO_DEPTH || at > SL_AVRO_TYPES)
                return sl_fail(c->err, SL_E_CONVERT, "a schema is nested deeper than %d levels, or too large",
                               SL_AVRO_DEPTH);
        c->e->steps[at].schema = schema;
        c->e->steps[at].field = field;
        c->depth++;
        enum sl_rc rc = compile_inner(c, at, schema, a);
        c->depth--;
        c->e->steps[at].span = c->e->count - at;
        return rc;
}

enum sl_rc sl_avro_encoder_new(const struct sl_avro_options *o, const struct sl_schema *schema,
                               const struct sl_avro *avro, struct sl_avro_encoder **ret, struct sl_err *err)
{
        struct sl_avro_encoder *e = sl_calloc(1, sizeof(*e));
        struct compile c = {.e = e, .o = o, .err = err};
        sl_arena_init(&e->arena, 1024);
        e->raw = avro->type == SL_AVRO_BYTES;
        enum sl_rc rc = compile(&c, schema, avro, NULL);
        if (rc == SL_OK && !sl_buf_ok(&e->text))
                rc = sl_fail(err, SL_E_CONVERT, "the defaults of a schema take more than 1 GiB");
        if (rc == SL_OK)
                *ret = e;
        else
                sl_avro_encoder_free(e);
        return rc;
}

void sl_avro_encoder_for_file(struct sl_avro_encoder *e)
{
        e->raw = false;
}

void sl_avro_encoder_free(struct sl_avro_encoder *e)
{
        if (!e)
                return;
        free(e->steps);
        sl_buf_free(&e->text);
        sl_arena_free(&e->arena);
        free(e);
}
