/* SPDX-License-Identifier: Apache-2.0 */
/* Values as JSON text, by the rules of Kafka Connect's JsonConverter (the "payload" form).
 * A schema is compiled once into a flat list of steps: every step has the bytes that stand before its value
 * (`{"id":`, `,"name":`) and those that stand for null ready in memory, so a row is a walk over two arrays. A nested
 * struct's steps follow its own; `span` says how many, to step over them. Schemaless values are written by their tags.
 * A wide nested struct of scalars is often the same in row after row (Debezium's `source` in a snapshot): its text is
 * kept, and used again when the values are equal.
 * The envelope around the payload is json.c's, the schema's text json_schema.c's. */
#include "convert/json.h"
#include "record/javaclass.h"
#include "record/plans.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum op {
        OP_BOOLEAN,
        OP_INT,
        OP_FLOAT32,
        OP_FLOAT64,
        OP_STRING,
        OP_BYTES,
        OP_DECIMAL_NUMBER,
        OP_ARRAY,
        OP_MAP_OBJECT,
        OP_MAP_PAIRS,
        OP_STRUCT,
        OP_ANY, /* no schema: a member of an array or map without a common type, or a map of such keys */
};

#define MEMO_FIELDS 8  /* narrower structs are written faster than compared */
#define MEMO_MISSES 4  /* in a row: try again only after MEMO_PAUSE rows */
#define MEMO_PAUSE 255

/* The last value of a struct, and its text. */
struct memo {
        struct sl_value *items; /* strings and bytes point into bytes */
        struct sl_buf bytes, text;
        bool valid;
        uint8_t misses, pause;
};

struct step {
        uint8_t op;
        uint8_t type;                   /* the tag a value must have */
        int32_t scale;                  /* OP_DECIMAL_NUMBER */
        uint32_t span;                  /* this step and all below it */
        uint32_t fields;                /* OP_STRUCT */
        uint32_t lead, lead_len;        /* in text: what stands before the value */
        uint32_t null, null_len;        /* in text: what stands for null; length 0: null is refused */
        const struct sl_schema *schema; /* for messages */
        const char *field;              /* for messages; NULL at the top and in arrays and maps */
        struct memo *memo;              /* NULL = none */
};

struct encoder {
        struct step *steps;
        uint32_t count, cap;
        struct sl_buf text;
};

struct sl_json_writer {
        enum sl_decimal_format decimals;
        bool replace_null;
        struct sl_plans encoders;
        struct sl_buf scratch; /* long decimals */
};

const struct sl_cfg_enum sl_decimal_formats[] = {
        {"BASE64", SL_DECIMAL_BASE64, NULL},
        {"NUMERIC", SL_DECIMAL_NUMERIC, NULL},
        {0},
};

struct sl_json_writer *sl_json_writer_new(enum sl_decimal_format decimals, bool replace_null_with_default)
{
        struct sl_json_writer *w = sl_calloc(1, sizeof(*w));
        w->decimals = decimals;
        w->replace_null = replace_null_with_default;
        return w;
}

static void encoder_free(void *plan)
{
        struct encoder *e = plan;
        for (uint32_t i = 0; i < e->count; i++) {
                struct memo *m = e->steps[i].memo;
                if (!m)
                        continue;
                sl_buf_free(&m->bytes);
                sl_buf_free(&m->text);
                free(m->items);
                free(m);
        }
        free(e->steps);
        sl_buf_free(&e->text);
        free(e);
}

void sl_json_writer_free(struct sl_json_writer *w)
{
        if (!w)
                return;
        sl_plans_free(&w->encoders, encoder_free);
        sl_buf_free(&w->scratch);
        free(w);
}

/* ---- rows ---- */

static void add_double(struct sl_buf *out, double v, bool single)
{
        bool quoted = !isfinite(v);
        if (quoted)
                sl_buf_addc(out, '"');
        if (single)
                sl_buf_add_f32(out, (float)v);
        else
                sl_buf_add_f64(out, v);
        if (quoted)
                sl_buf_addc(out, '"');
}

static void add_base64(struct sl_buf *out, const struct sl_value *v)
{
        sl_buf_addc(out, '"');
        sl_buf_add_base64(out, v->ptr, v->len);
        sl_buf_addc(out, '"');
}

static sl_cold enum sl_rc refuse(const struct step *s, const struct sl_value *v, struct sl_err *err)
{
        char where[300];
        enum sl_rc rc = v->type == SL_NULL ? sl_fail(err, SL_E_CONVERT,
                                                     "Conversion error: null value for field that is required and has no "
                                                     "default value")
                                           : sl_fail(err, SL_E_CONVERT, "Invalid type for %s: class %s",
                                                     sl_type_name(s->schema->type), sl_java_class(NULL, v));
        snprintf(where, sizeof(where), " (field %.250s)", s->field ? s->field : "");
        if (s->field)
                sl_err_detail(err, where);
        return rc;
}

static enum sl_rc write_step(struct sl_json_writer *w, const struct encoder *e, const struct step *s,
                             const struct sl_value *v, struct sl_buf *out, struct sl_err *err);
static enum sl_rc write_tagged(const struct sl_value *v, unsigned depth, struct sl_buf *out, struct sl_err *err);

static inline bool has_bytes(const struct sl_value *v)
{
        return v->type == SL_STRING || v->type == SL_BYTES;
}

/* Is it the value that the memo has? Backwards: what differs from row to row stands behind the names. */
static bool memo_has(const struct memo *m, const struct sl_value *items, uint32_t n)
{
        while (n--) {
                const struct sl_value *a = &m->items[n], *b = &items[n];
                if (a->type != b->type || a->flags != b->flags)
                        return false;
                if (has_bytes(a) ? a->len != b->len || (a->len && memcmp(a->ptr, b->ptr, a->len) != 0)
                                 : a->type != SL_NULL && a->i64 != b->i64)
                        return false;
        }
        return m->valid;
}

static void memo_keep(struct memo *m, const struct sl_value *items, uint32_t n, const char *text, size_t len)
{
        size_t room = 1;
        for (uint32_t i = 0; i < n; i++)
                room += has_bytes(&items[i]) ? items[i].len : 0;
        sl_buf_clear(&m->bytes);
        sl_buf_clear(&m->text);
        sl_buf_add(&m->text, text, len);
        m->valid = sl_buf_room(&m->bytes, room) && sl_buf_ok(&m->text); /* with all the room it does not move */
        for (uint32_t i = 0; i < n && m->valid; i++) {
                m->items[i] = items[i];
                if (!has_bytes(&items[i]))
                        continue;
                m->items[i].ptr = m->bytes.ptr + m->bytes.len;
                sl_buf_add(&m->bytes, items[i].ptr, items[i].len);
        }
}

static enum sl_rc write_fields(struct sl_json_writer *w, const struct encoder *e, const struct step *s,
                               const struct sl_value *v, struct sl_buf *out, struct sl_err *err);

static enum sl_rc write_memo(struct sl_json_writer *w, const struct encoder *e, const struct step *s,
                             const struct sl_value *v, struct sl_buf *out, struct sl_err *err)
{
        struct memo *m = s->memo;
        if (m->pause) {
                m->pause--;
                return write_fields(w, e, s, v, out, err);
        }
        if (memo_has(m, v->items, v->len)) {
                m->misses = 0;
                sl_buf_add(out, m->text.ptr, m->text.len);
                return SL_OK;
        }
        size_t start = out->len;
        m->valid = false;
        SL_TRY(write_fields(w, e, s, v, out, err));
        if (++m->misses == MEMO_MISSES) {
                m->misses = 0;
                m->pause = MEMO_PAUSE;
        } else if (sl_buf_ok(out)) {
                memo_keep(m, v->items, v->len, out->ptr + start, out->len - start);
        }
        return SL_OK;
}

static enum sl_rc write_struct(struct sl_json_writer *w, const struct encoder *e, const struct step *s,
                               const struct sl_value *v, struct sl_buf *out, struct sl_err *err)
{
        if (sl_unlikely(v->len != s->fields))
                return sl_fail(err, SL_E_CONVERT, "Mismatching schema.");
        return s->memo ? write_memo(w, e, s, v, out, err) : write_fields(w, e, s, v, out, err);
}

static enum sl_rc write_fields(struct sl_json_writer *w, const struct encoder *e, const struct step *s,
                               const struct sl_value *v, struct sl_buf *out, struct sl_err *err)
{
        const struct step *child = s + 1;
        for (uint32_t i = 0; i < s->fields; i++, child += child->span) {
                sl_buf_add(out, e->text.ptr + child->lead, child->lead_len);
                SL_TRY(write_step(w, e, child, &v->items[i], out, err));
        }
        if (s->fields)
                sl_buf_addc(out, '}');
        else
                sl_buf_add(out, "{}", 2);
        return SL_OK;
}

static enum sl_rc write_array(struct sl_json_writer *w, const struct encoder *e, const struct step *s,
                              const struct sl_value *v, struct sl_buf *out, struct sl_err *err)
{
        sl_buf_addc(out, '[');
        for (uint32_t i = 0; i < v->len; i++) {
                if (i)
                        sl_buf_addc(out, ',');
                SL_TRY(write_step(w, e, s + 1, &v->items[i], out, err));
        }
        sl_buf_addc(out, ']');
        return SL_OK;
}

static enum sl_rc write_map(struct sl_json_writer *w, const struct encoder *e, const struct step *s,
                            const struct sl_value *v, struct sl_buf *out, struct sl_err *err)
{
        const struct step *key = s + 1, *value = key + key->span;
        bool object = s->op == OP_MAP_OBJECT;
        sl_buf_addc(out, object ? '{' : '[');
        for (uint32_t i = 0; i < v->len; i++) {
                const struct sl_value *k = &v->items[2 * i];
                if (i)
                        sl_buf_addc(out, ',');
                if (!object)
                        sl_buf_addc(out, '[');
                if (object && k->type == SL_NULL && key->null_len)
                        sl_buf_adds(out, "\"null\"");
                else
                        SL_TRY(write_step(w, e, key, k, out, err));
                sl_buf_addc(out, object ? ':' : ',');
                SL_TRY(write_step(w, e, value, k + 1, out, err));
                if (!object)
                        sl_buf_addc(out, ']');
        }
        sl_buf_addc(out, object ? '}' : ']');
        return SL_OK;
}

static enum sl_rc write_step(struct sl_json_writer *w, const struct encoder *e, const struct step *s,
                             const struct sl_value *v, struct sl_buf *out, struct sl_err *err)
{
        if (sl_unlikely(v->type != s->type)) {
                if (s->op == OP_ANY && (v->type != SL_NULL || !s->schema))
                        return write_tagged(v, 0, out, err);
                if (v->type != SL_NULL || !s->null_len)
                        return refuse(s, v, err);
                sl_buf_add(out, e->text.ptr + s->null, s->null_len);
                return SL_OK;
        }
        switch ((enum op)s->op) {
        case OP_BOOLEAN:
                sl_buf_adds(out, v->b ? "true" : "false");
                return SL_OK;
        case OP_INT:
                sl_buf_add_i64(out, v->i64);
                return SL_OK;
        case OP_FLOAT32:
        case OP_FLOAT64:
                add_double(out, v->f64, s->op == OP_FLOAT32);
                return SL_OK;
        case OP_STRING:
                sl_buf_add_json_str(out, v->ptr, v->len);
                return SL_OK;
        case OP_BYTES:
                add_base64(out, v);
                return SL_OK;
        case OP_DECIMAL_NUMBER:
                sl_decimal_print(v->ptr, v->len, s->scale, &w->scratch, out);
                return SL_OK;
        case OP_ARRAY:
                return write_array(w, e, s, v, out, err);
        case OP_MAP_OBJECT:
        case OP_MAP_PAIRS:
                return write_map(w, e, s, v, out, err);
        case OP_STRUCT:
                return write_struct(w, e, s, v, out, err);
        case OP_ANY: /* its type is none, see above */
                break;
        }
        return sl_fail(err, SL_E_INTERNAL, "JSON step %d is unknown", s->op);
}

/* ---- schemaless ---- */

static enum sl_rc write_tagged_array(const struct sl_value *v, unsigned depth, struct sl_buf *out, struct sl_err *err)
{
        sl_buf_addc(out, '[');
        for (uint32_t i = 0; i < v->len; i++) {
                if (i)
                        sl_buf_addc(out, ',');
                SL_TRY(write_tagged(&v->items[i], depth + 1, out, err));
        }
        sl_buf_addc(out, ']');
        return SL_OK;
}

/* One key that is no string makes the whole map an array of pairs. */
static enum sl_rc write_tagged_map(const struct sl_value *v, unsigned depth, struct sl_buf *out, struct sl_err *err)
{
        bool object = true;
        for (uint32_t i = 0; i < v->len && object; i++)
                object = v->items[2 * i].type == SL_STRING;
        sl_buf_addc(out, object ? '{' : '[');
        for (uint32_t i = 0; i < v->len; i++) {
                if (i)
                        sl_buf_addc(out, ',');
                if (!object)
                        sl_buf_addc(out, '[');
                SL_TRY(write_tagged(&v->items[2 * i], depth + 1, out, err));
                sl_buf_addc(out, object ? ':' : ',');
                SL_TRY(write_tagged(&v->items[2 * i + 1], depth + 1, out, err));
                if (!object)
                        sl_buf_addc(out, ']');
        }
        sl_buf_addc(out, object ? '}' : ']');
        return SL_OK;
}

static enum sl_rc write_tagged(const struct sl_value *v, unsigned depth, struct sl_buf *out, struct sl_err *err)
{
        if (depth > SL_JSON_DEPTH)
                return sl_fail(err, SL_E_CONVERT, "a value is nested deeper than %d levels", SL_JSON_DEPTH);
        switch ((enum sl_type)v->type) {
        case SL_NULL:
                sl_buf_adds(out, "null");
                return SL_OK;
        case SL_BOOLEAN:
                sl_buf_adds(out, v->b ? "true" : "false");
                return SL_OK;
        case SL_INT8:
        case SL_INT16:
        case SL_INT32:
                sl_buf_add_i64(out, v->i64);
                return SL_OK;
        case SL_INT64:
                if (sl_unlikely(v->flags & SL_V_DATE))
                        return sl_fail(err, SL_E_CONVERT,
                                       "Java class class java.util.Date does not have corresponding schema type.");
                sl_buf_add_i64(out, v->i64);
                return SL_OK;
        case SL_FLOAT32:
        case SL_FLOAT64:
                add_double(out, v->f64, v->type == SL_FLOAT32);
                return SL_OK;
        case SL_STRING:
                sl_buf_add_json_str(out, v->ptr, v->len);
                return SL_OK;
        case SL_BYTES:
                add_base64(out, v);
                return SL_OK;
        case SL_ARRAY:
                return write_tagged_array(v, depth, out, err);
        case SL_MAP:
                return write_tagged_map(v, depth, out, err);
        case SL_STRUCT:
        case SL_TYPE_COUNT:
                break;
        }
        return sl_fail(err, SL_E_CONVERT, "a struct without its schema can't be written as JSON");
}

/* ---- compilation ---- */

static uint8_t op_of(const struct sl_json_writer *w, const struct sl_schema *schema)
{
        static const uint8_t ops[SL_TYPE_COUNT] = {
                [SL_BOOLEAN] = OP_BOOLEAN, [SL_INT8] = OP_INT,      [SL_INT16] = OP_INT,
                [SL_INT32] = OP_INT,       [SL_INT64] = OP_INT,     [SL_FLOAT32] = OP_FLOAT32,
                [SL_FLOAT64] = OP_FLOAT64, [SL_STRING] = OP_STRING, [SL_BYTES] = OP_BYTES,
                [SL_ARRAY] = OP_ARRAY,     [SL_MAP] = OP_MAP_PAIRS, [SL_STRUCT] = OP_STRUCT,
        };
        if (schema->logical == SL_LOGICAL_DECIMAL && w->decimals == SL_DECIMAL_NUMERIC)
                return OP_DECIMAL_NUMBER;
        if (schema->type == SL_MAP && !schema->key)
                return OP_ANY;
        if (schema->type == SL_MAP && schema->key->type == SL_STRING)
                return OP_MAP_OBJECT;
        return ops[schema->type];
}

static uint32_t add_step(struct encoder *e)
{
        if (e->count == e->cap) {
                e->cap = e->cap ? e->cap * 2 : 16;
                e->steps = sl_realloc(e->steps, e->cap * sizeof(*e->steps));
        }
        e->steps[e->count] = (struct step){0};
        return e->count++;
}

static enum sl_rc compile(struct sl_json_writer *w, struct encoder *e, const struct sl_schema *schema,
                          const char *field, struct sl_err *err);

static enum sl_rc compile_children(struct sl_json_writer *w, struct encoder *e, const struct sl_schema *schema,
                                   struct sl_err *err)
{
        if (schema->type == SL_ARRAY || schema->type == SL_MAP) {
                if (schema->type == SL_MAP && !schema->key)
                        return SL_OK;
                if (schema->type == SL_MAP)
                        SL_TRY(compile(w, e, schema->key, NULL, err));
                return compile(w, e, schema->value, NULL, err);
        }
        for (uint32_t i = 0; i < schema->field_count; i++) {
                const struct sl_field *f = &schema->fields[i];
                uint32_t lead = (uint32_t)e->text.len, at = e->count;
                sl_buf_addc(&e->text, i ? ',' : '{');
                sl_buf_add_json_str(&e->text, f->name, f->name_len);
                sl_buf_addc(&e->text, ':');
                uint32_t lead_len = (uint32_t)e->text.len - lead;
                SL_TRY(compile(w, e, f->schema, f->name, err));
                e->steps[at].lead = lead;
                e->steps[at].lead_len = lead_len;
        }
        return SL_OK;
}

/* For a nested struct with nothing but scalars: its steps are it and one a field. */
static void add_memo(struct step *s)
{
        if (s->op != OP_STRUCT || !s->field || s->fields < MEMO_FIELDS || s->span != s->fields + 1)
                return;
        for (uint32_t i = 1; i <= s->fields; i++)
                if (s[i].op >= OP_ARRAY)
                        return;
        s->memo = sl_calloc(1, sizeof(*s->memo));
        s->memo->items = sl_calloc(s->fields, sizeof(*s->memo->items));
}

static enum sl_rc compile(struct sl_json_writer *w, struct encoder *e, const struct sl_schema *schema,
                          const char *field, struct sl_err *err)
{
        uint32_t at = add_step(e);
        struct sl_buf text = {0};
        enum sl_rc rc = SL_OK;
        if (!schema) {
                e->steps[at] = (struct step){.op = OP_ANY, .type = SL_TYPE_COUNT, .span = 1};
                return SL_OK;
        }
        uint8_t op = op_of(w, schema);
        e->steps[at] = (struct step){.op = op,
                                     .type = (uint8_t)(op == OP_ANY ? SL_TYPE_COUNT : schema->type),
                                     .fields = schema->field_count,
                                     .scale = schema->decimal_scale,
                                     .schema = schema,
                                     .field = field};
        SL_TRY(compile_children(w, e, schema, err));
        e->steps[at].span = e->count - at;
        add_memo(&e->steps[at]);
        if (schema->has_default && schema->def.type != SL_NULL && w->replace_null)
                rc = write_step(w, e, &e->steps[at], &schema->def, &text, err);
        else if (schema->optional)
                sl_buf_adds(&text, "null");
        e->steps[at].null = (uint32_t)e->text.len;
        e->steps[at].null_len = (uint32_t)text.len;
        sl_buf_add(&e->text, text.ptr, text.len);
        sl_buf_free(&text);
        return rc;
}

static sl_cold enum sl_rc bind_schema(struct sl_json_writer *w, const struct sl_schema *schema, struct encoder **ret,
                                      struct sl_err *err)
{
        struct encoder *e = sl_calloc(1, sizeof(*e));
        enum sl_rc rc = compile(w, e, schema, NULL, err);
        if (rc == SL_OK && !sl_buf_ok(&e->text))
                rc = sl_fail(err, SL_E_CONVERT, "the names and defaults of a schema take more than 1 GiB");
        if (rc != SL_OK) {
                encoder_free(e);
                return rc;
        }
        e->steps = sl_realloc(e->steps, e->count * sizeof(*e->steps)); /* there may be a thousand tables */
        sl_plans_put(&w->encoders, schema, *ret = e);
        return SL_OK;
}

enum sl_rc sl_json_write_value(struct sl_json_writer *w, const struct sl_schema *schema, const struct sl_value *value,
                               struct sl_buf *out, struct sl_err *err)
{
        enum sl_rc rc;
        if (!schema) {
                rc = write_tagged(value, 0, out, err);
        } else {
                struct encoder *e = sl_plans_get(&w->encoders, schema);
                if (sl_unlikely(!e))
                        SL_TRY(bind_schema(w, schema, &e, err));
                rc = write_step(w, e, e->steps, value, out, err);
        }
        if (rc == SL_OK && sl_unlikely(!sl_buf_ok(out)))
                return sl_fail(err, SL_E_TOO_LARGE, "the JSON text of a value passes the limit of its buffer");
        return rc;
}
