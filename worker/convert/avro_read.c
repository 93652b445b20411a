/* SPDX-License-Identifier: Apache-2.0 */
/* Avro binary -> Connect values. The writer's schema, resolved to the reader's by Avro's rules (fields by name or
 * alias, defaults, promotions, unions, enum defaults), is compiled once into a flat list of steps in the order of the
 * data; a nested type's steps follow its own, and `span` says how many. Bytes come from anywhere: every length is
 * checked against what is left, and what a message may make of itself is bounded by its size. */
#include "base/bytes.h"
#include "convert/avro.h"

#include <stdlib.h>

#define MS_PER_DAY 86400000
#define NOWHERE UINT32_MAX /* index of what is read and dropped */

enum op {
        D_NULL,
        D_BOOLEAN,
        D_INT,
        D_LONG,
        D_FLOAT,
        D_DOUBLE,
        D_STRING, /* bytes and strings */
        D_FIXED,
        D_ENUM,
        D_ARRAY,
        D_MAP,
        D_PAIRS,
        D_STRUCT,
        D_UNION, /* the writer's: a step for each branch */
        D_WRAP,  /* a struct with one field set, for the reader's union */
        D_FAIL,  /* a branch of the writer's union that the reader has no place for */
};

struct step {
        uint8_t op;
        uint8_t type;                  /* tag of the value */
        uint8_t logical;               /* enum sl_logical */
        uint32_t span;                 /* this step and all below it */
        uint32_t count;                /* fields of the data, branches, symbols, bytes of a fixed */
        uint32_t index;                /* which field of the struct around it */
        uint32_t fields;               /* of the Connect struct */
        const struct sl_value *values; /* D_ENUM: by symbol; D_STRUCT: of all fields, the defaults, NULL = none */
        const char *text;              /* D_FAIL: why */
};

struct sl_avro_decoder {
        const struct sl_schema *schema;
        struct step *steps;
        uint32_t count, cap, work;
        bool any, raw;
        struct sl_arena arena;
};

struct run {
        struct sl_cur c;
        const uint8_t *start;
        size_t budget; /* bytes of memory that the message may still ask for */
        struct sl_arena *arena;
        struct sl_err *err;
};

/* ---- rows ---- */

static sl_cold enum sl_rc bad(struct run *r, const char *why)
{
        return sl_fail(r->err, SL_E_DECODE, "Malformed Avro data: %s (at byte %zu)", why, (size_t)(r->c.p - r->start));
}

static inline bool get_long(struct sl_cur *c, int64_t *ret)
{
        uint64_t v = 0;
        for (unsigned shift = 0; shift < 64 && c->p < c->end; shift += 7) {
                uint8_t b = *c->p++;
                v |= (uint64_t)(b & 127) << shift;
                if (!(b & 128)) {
                        *ret = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
                        return true;
                }
        }
        return false;
}

/* Length and bytes. */
static inline enum sl_rc get_bytes(struct run *r, struct sl_str *ret)
{
        int64_t n;
        if (sl_unlikely(!get_long(&r->c, &n) || n < 0 || (uint64_t)n > sl_cur_left(&r->c) || n > INT32_MAX))
                return bad(r, "the length of a string or of bytes is wrong");
        *ret = (struct sl_str){(const char *)r->c.p, (size_t)n};
        r->c.p += n;
        return SL_OK;
}

static enum sl_rc charge(struct run *r, uint64_t items)
{
        if (sl_unlikely(items > r->budget / sizeof(struct sl_value)))
                return bad(r, "it says that it has more than can be in so few bytes");
        r->budget -= (size_t)items * sizeof(struct sl_value);
        return SL_OK;
}

/* The number of items in the next block of an array or map; 0 at its end. */
static enum sl_rc get_block(struct run *r, uint64_t *ret)
{
        int64_t n, size;
        if (!get_long(&r->c, &n) || n == INT64_MIN)
                return bad(r, "the count of a block is wrong");
        if (n < 0) {
                if (!get_long(&r->c, &size) || size < 0)
                        return bad(r, "the size of a block is wrong");
                n = -n;
        }
        *ret = (uint64_t)n;
        return SL_OK;
}

/* Room for the items of one more block behind the used ones. */
static enum sl_rc make_room(struct run *r, struct sl_value **items, uint64_t used, uint64_t *cap, uint64_t more)
{
        if (used + more <= *cap)
                return SL_OK;
        uint64_t want = used + more > 2 * used ? used + more : 2 * used;
        SL_TRY(charge(r, want));
        struct sl_value *grown = sl_arena_alloc(r->arena, want * sizeof(*grown));
        if (used)
                memcpy(grown, *items, used * sizeof(*grown));
        *items = grown;
        *cap = want;
        return SL_OK;
}

static enum sl_rc read_any(struct run *r, unsigned depth, struct sl_value *ret);

static enum sl_rc read_any_items(struct run *r, unsigned depth, enum sl_type type, struct sl_value *ret)
{
        uint64_t n = 0, cap = 0, used = 0, per = type == SL_MAP ? 2 : 1;
        struct sl_value *items = NULL;
        for (;;) {
                SL_TRY(get_block(r, &n));
                if (!n)
                        break;
                SL_TRY(charge(r, n));
                SL_TRY(make_room(r, &items, used, &cap, n * per));
                for (uint64_t i = 0; i < n * per; i++)
                        SL_TRY(read_any(r, depth + 1, &items[used++]));
        }
        *ret = sl_v_items(type, items, (uint32_t)(used / per));
        return SL_OK;
}

/* Confluent's Anything: nine optional fields; the first that is set is the value. */
static enum sl_rc read_any(struct run *r, unsigned depth, struct sl_value *ret)
{
        *ret = SL_V_NULL;
        if (depth > SL_AVRO_DEPTH)
                return bad(r, "it is nested too deep");
        for (int i = 0; i < 9; i++) {
                struct sl_value v = SL_V_NULL;
                struct sl_str s;
                const uint8_t *p;
                int64_t n;
                if (!get_long(&r->c, &n) || n < 0 || n > 1)
                        return bad(r, "a branch of a union that it does not have");
                if (!n)
                        continue;
                if (i == 1 || i == 6) {
                        SL_TRY(get_bytes(r, &s));
                        v = i == 6 ? sl_v_str(s) : sl_v_bytes(s.ptr, s.len);
                        if (i == 6 && !sl_utf8_valid(s))
                                return bad(r, "a string is no UTF-8");
                } else if (i == 4 || i == 5) {
                        if (!get_long(&r->c, &n) || (i == 4 && n != (int32_t)n))
                                return bad(r, "an integer is wrong");
                        v = sl_v_i64(i == 4 ? SL_INT32 : SL_INT64, n);
                } else if (i >= 7) {
                        SL_TRY(read_any_items(r, depth, i == 7 ? SL_ARRAY : SL_MAP, &v));
                } else {
                        p = sl_cur_take(&r->c, i == 0 ? 1 : i == 2 ? 8 : 4);
                        if (!p)
                                return bad(r, "it ends too early");
                        double d = 0;
                        float f = 0;
                        memcpy(i == 2 ? (void *)&d : (void *)&f, p, i == 0 ? 1 : i == 2 ? 8 : 4);
                        v = i == 0 ? sl_v_bool(*p != 0)
                                   : sl_v_f64(i == 2 ? SL_FLOAT64 : SL_FLOAT32, i == 2 ? d : (double)f);
                }
                if (ret->type == SL_NULL)
                        *ret = v;
        }
        return SL_OK;
}

static enum sl_rc read_step(struct run *r, const struct step *s, struct sl_value *ret);

static enum sl_rc read_struct(struct run *r, const struct step *s, struct sl_value *ret)
{
        SL_TRY(charge(r, s->fields));
        struct sl_value *items = sl_arena_alloc(r->arena, s->fields * sizeof(*items)), dropped;
        const struct step *child = s + 1;
        if (s->values)
                memcpy(items, s->values, s->fields * sizeof(*items));
        for (uint32_t i = 0; i < s->count; i++, child += child->span)
                SL_TRY(read_step(r, child, child->index == NOWHERE ? &dropped : &items[child->index]));
        *ret = sl_v_items(SL_STRUCT, items, s->fields);
        return SL_OK;
}

static enum sl_rc read_items(struct run *r, const struct step *s, struct sl_value *ret)
{
        const struct step *item = s + 1, *second = item + item->span;
        uint64_t n, used = 0, cap = 0, per = s->op == D_ARRAY ? 1 : 2;
        struct sl_value *items = NULL;
        struct sl_str key;
        for (;;) {
                SL_TRY(get_block(r, &n));
                if (!n)
                        break;
                SL_TRY(charge(r, n));
                SL_TRY(make_room(r, &items, used, &cap, n * per));
                for (uint64_t i = 0; i < n; i++, used += per) {
                        if (s->op == D_MAP) {
                                SL_TRY(get_bytes(r, &key));
                                if (!sl_utf8_valid(key))
                                        return bad(r, "a key is no UTF-8");
                                items[used] = sl_v_str(key);
                                SL_TRY(read_step(r, item, &items[used + 1]));
                        } else if (s->op == D_PAIRS) {
                                SL_TRY(read_step(r, item, &items[used + item->index]));
                                SL_TRY(read_step(r, second, &items[used + second->index]));
                        } else {
                                SL_TRY(read_step(r, item, &items[used]));
                        }
                }
        }
        *ret = sl_v_items((enum sl_type)s->type, items, (uint32_t)(used / per));
        return SL_OK;
}

static enum sl_rc read_union(struct run *r, const struct step *s, struct sl_value *ret)
{
        const struct step *child = s + 1;
        int64_t n;
        if (!get_long(&r->c, &n) || n < 0 || n >= s->count)
                return bad(r, "a branch of a union that it does not have");
        for (; n; n--)
                child += child->span;
        return read_step(r, child, ret);
}

static enum sl_rc read_wrap(struct run *r, const struct step *s, struct sl_value *ret)
{
        SL_TRY(charge(r, s->fields));
        struct sl_value *items = sl_arena_zalloc(r->arena, s->fields * sizeof(*items));
        *ret = sl_v_items(SL_STRUCT, items, s->fields);
        return read_step(r, s + 1, &items[s->count]);
}

/* Connect's decimals have no more bytes than they need, and at least one. */
static enum sl_rc set_bytes(struct run *r, const struct step *s, struct sl_str b, struct sl_value *ret)
{
        if (s->logical == SL_LOGICAL_DECIMAL) {
                if (!b.len)
                        return bad(r, "a decimal has no bytes");
                for (; b.len > 1 && (uint8_t)b.ptr[0] == ((uint8_t)b.ptr[1] & 0x80 ? 0xff : 0); b.len--)
                        b.ptr++;
        }
        if (s->type == SL_STRING && sl_unlikely(!sl_utf8_valid(b)))
                return bad(r, "a string is no UTF-8");
        *ret = (struct sl_value){.type = s->type, .len = (uint32_t)b.len, .ptr = b.ptr};
        return SL_OK;
}

static enum sl_rc set_int(struct run *r, const struct step *s, int64_t v, struct sl_value *ret)
{
        if (s->op == D_INT && v != (int32_t)v)
                return bad(r, "Invalid int encoding");
        if (s->logical == SL_LOGICAL_TIME && (v < 0 || v > MS_PER_DAY))
                return sl_fail(r->err, SL_E_DECODE,
                               "Time values must use number of milliseconds greater than 0 and less than 86400000");
        if (s->type == SL_INT8)
                v = (int8_t)v;
        else if (s->type == SL_INT16)
                v = (int16_t)v;
        if (s->type == SL_FLOAT32)
                *ret = sl_v_f64(SL_FLOAT32, (double)(float)v);
        else if (s->type == SL_FLOAT64)
                *ret = sl_v_f64(SL_FLOAT64, (double)v);
        else
                *ret = sl_v_i64((enum sl_type)s->type, v);
        return SL_OK;
}

static enum sl_rc read_scalar(struct run *r, const struct step *s, struct sl_value *ret)
{
        const uint8_t *p;
        struct sl_str b;
        int64_t n;
        double d;
        float f;
        switch ((enum op)s->op) {
        case D_BOOLEAN:
                if (!(p = sl_cur_take(&r->c, 1)))
                        return bad(r, "it ends too early");
                *ret = sl_v_bool(*p == 1);
                return SL_OK;
        case D_INT:
        case D_LONG:
                if (sl_unlikely(!get_long(&r->c, &n)))
                        return bad(r, "an integer is wrong");
                return set_int(r, s, n, ret);
        case D_FLOAT:
                if (!(p = sl_cur_take(&r->c, sizeof(f))))
                        return bad(r, "it ends too early");
                memcpy(&f, p, sizeof(f));
                *ret = sl_v_f64((enum sl_type)s->type, (double)f);
                return SL_OK;
        case D_DOUBLE:
                if (!(p = sl_cur_take(&r->c, sizeof(d))))
                        return bad(r, "it ends too early");
                memcpy(&d, p, sizeof(d));
                *ret = sl_v_f64(SL_FLOAT64, d);
                return SL_OK;
        case D_STRING:
                SL_TRY(get_bytes(r, &b));
                return set_bytes(r, s, b, ret);
        case D_FIXED:
                if (!(p = sl_cur_take(&r->c, s->count)))
                        return bad(r, "it ends too early");
                return set_bytes(r, s, (struct sl_str){(const char *)p, s->count}, ret);
        case D_ENUM:
                if (!get_long(&r->c, &n) || n < 0 || n >= s->count)
                        return bad(r, "a symbol of an enum that it does not have");
                if (s->values[n].type == SL_NULL)
                        return sl_fail(r->err, SL_E_DECODE,
                                       "the reader's enum does not have the symbol, and has no default");
                *ret = s->values[n];
                return SL_OK;
        default:
                return sl_fail(r->err, SL_E_INTERNAL, "Avro step %d is unknown", s->op);
        }
}

static enum sl_rc read_step(struct run *r, const struct step *s, struct sl_value *ret)
{
        switch ((enum op)s->op) {
        case D_NULL:
                *ret = SL_V_NULL;
                return SL_OK;
        case D_ARRAY:
        case D_MAP:
        case D_PAIRS:
                return read_items(r, s, ret);
        case D_STRUCT:
                return read_struct(r, s, ret);
        case D_UNION:
                return read_union(r, s, ret);
        case D_WRAP:
                return read_wrap(r, s, ret);
        case D_FAIL:
                return sl_fail(r->err, SL_E_DECODE, "%s", s->text);
        default:
                return read_scalar(r, s, ret);
        }
}

enum sl_rc sl_avro_decode(const struct sl_avro_decoder *d, struct sl_str bytes, struct sl_arena *arena,
                          struct sl_value *ret, struct sl_err *err)
{
        struct run r = {sl_cur_of(bytes.ptr, bytes.len), (const uint8_t *)bytes.ptr, bytes.len * 64 + (1 << 20), arena,
                        err};
        if (d->raw)
                return set_bytes(&r, d->steps, bytes, ret);
        return d->any ? read_any(&r, 0, ret) : read_step(&r, d->steps, ret);
}

const struct sl_schema *sl_avro_decoder_schema(const struct sl_avro_decoder *d)
{
        return d->schema;
}

/* ---- compilation ---- */

struct compile {
        struct sl_avro_decoder *d;
        const struct sl_avro_options *o;
        struct sl_err *err;
        unsigned depth;
};

/* schema NULL: what is read is dropped. */
static enum sl_rc compile(struct compile *c, const struct sl_avro *w, const struct sl_avro *r,
                          const struct sl_schema *schema);

static sl_cold enum sl_rc mismatch(struct compile *c, const struct sl_avro *w, const struct sl_avro *r)
{
        return sl_fail(c->err, SL_E_DECODE, "Found %.200s, expecting %.200s",
                       w->full ? w->full : sl_avro_type_name((enum sl_avro_type)w->type),
                       r->full ? r->full : sl_avro_type_name((enum sl_avro_type)r->type));
}

static uint32_t add_step(struct sl_avro_decoder *d, enum op op)
{
        if (d->count == d->cap) {
                d->cap = d->cap ? d->cap * 2 : 16;
                d->steps = sl_realloc(d->steps, d->cap * sizeof(*d->steps));
        }
        d->steps[d->count] = (struct step){.op = (uint8_t)op, .span = 1};
        return d->count++;
}

static bool has_alias(const json_t *aliases, const char *space, const char *name)
{
        json_t *one;
        size_t i;
        json_array_foreach(aliases, i, one)
        {
                const char *alias = json_string_value(one), *dot = strrchr(name, '.');
                if (strcmp(alias, name) == 0)
                        return true;
                size_t n = dot ? (size_t)(dot - name) : 0;
                if (dot && space && !strchr(alias, '.') && strlen(space) == n && memcmp(space, name, n) == 0 &&
                    strcmp(alias, dot + 1) == 0)
                        return true;
        }
        return false;
}

/* How well a reader's type takes the writer's: 0 not, 1 by promotion, 2 by type, 3 by type and name, 4 it is the same.
 */
static int score(const struct sl_avro *w, const struct sl_avro *r)
{
        if (w == r)
                return 4;
        if (w->type == r->type && sl_avro_is_named(w)) {
                bool same = strcmp(w->full, r->full) == 0 || has_alias(r->aliases, r->space, w->full);
                return w->type == SL_AVRO_FIXED && w->size != r->size ? 0
                       : same                                         ? 3
                       : strcmp(w->name, r->name) == 0                ? 2
                                                                      : 0;
        }
        if (w->type == r->type)
                return 3;
        switch ((enum sl_avro_type)r->type) {
        case SL_AVRO_LONG:
                return w->type == SL_AVRO_INT;
        case SL_AVRO_FLOAT:
                return w->type == SL_AVRO_INT || w->type == SL_AVRO_LONG;
        case SL_AVRO_DOUBLE:
                return w->type == SL_AVRO_INT || w->type == SL_AVRO_LONG || w->type == SL_AVRO_FLOAT;
        case SL_AVRO_STRING:
                return w->type == SL_AVRO_BYTES;
        case SL_AVRO_BYTES:
                return w->type == SL_AVRO_STRING;
        default:
                return 0;
        }
}

static int field_of_writer(const struct sl_avro *w, const struct sl_avro_field *f)
{
        for (uint32_t i = 0; i < w->count; i++)
                if (strcmp(w->fields[i].name, f->name) == 0)
                        return (int)i;
        for (uint32_t i = 0; i < w->count; i++)
                if (has_alias(f->aliases, NULL, w->fields[i].name))
                        return (int)i;
        return -1;
}

/* The reader's fields that the writer does not have get their defaults. */
static enum sl_rc set_defaults(struct compile *c, uint32_t at, const struct sl_avro *r, const struct sl_schema *schema,
                               const uint32_t *places, uint32_t n)
{
        struct sl_value *values = NULL;
        for (uint32_t k = 0; k < r->count; k++) {
                bool there = false;
                for (uint32_t i = 0; i < n && !there; i++)
                        there = places[i] == k;
                if (there)
                        continue;
                if (!values)
                        values = sl_arena_zalloc(&c->d->arena, r->count * sizeof(*values));
                if (!r->fields[k].def || !sl_avro_default_value(c->o, r->fields[k].type, schema->fields[k].schema,
                                                                r->fields[k].def, &c->d->arena, &values[k]))
                        return sl_fail(
                                c->err, SL_E_DECODE,
                                "the reader's schema has a field %.200s that the data does not have, without a default",
                                r->fields[k].name);
        }
        c->d->steps[at].values = values;
        return SL_OK;
}

static enum sl_rc compile_record(struct compile *c, const struct sl_avro *w, const struct sl_avro *r,
                                 const struct sl_schema *schema)
{
        uint32_t at = add_step(c->d, D_STRUCT);
        uint32_t *places = sl_arena_alloc(&c->d->arena, w->count * sizeof(*places));
        for (uint32_t i = 0; i < w->count; i++)
                places[i] = NOWHERE;
        for (uint32_t k = 0; schema && k < r->count; k++) {
                int i = w == r ? (int)k : field_of_writer(w, &r->fields[k]);
                if (i >= 0)
                        places[i] = k;
        }
        for (uint32_t i = 0; i < w->count; i++) {
                uint32_t child = c->d->count, k = places[i];
                if (k == NOWHERE)
                        SL_TRY(compile(c, w->fields[i].type, w->fields[i].type, NULL));
                else
                        SL_TRY(compile(c, w->fields[i].type, r->fields[k].type, schema->fields[k].schema));
                c->d->steps[child].index = k;
        }
        c->d->steps[at].count = w->count;
        c->d->steps[at].fields = schema ? r->count : 0;
        c->d->steps[at].span = c->d->count - at;
        return schema && w != r ? set_defaults(c, at, r, schema, places, w->count) : SL_OK;
}

static enum sl_rc compile_enum(struct compile *c, const struct sl_avro *w, const struct sl_avro *r)
{
        uint32_t at = add_step(c->d, D_ENUM);
        struct sl_value *values = sl_arena_zalloc(&c->d->arena, w->count * sizeof(*values));
        for (uint32_t i = 0; i < w->count; i++) {
                const char *symbol = r->symbol_default;
                for (uint32_t k = 0; k < r->count; k++)
                        if (strcmp(w->symbols[i], r->symbols[k]) == 0)
                                symbol = r->symbols[k];
                if (symbol)
                        values[i] = sl_v_str(sl_str_c(sl_arena_strdup(&c->d->arena, symbol)));
        }
        c->d->steps[at].values = values;
        c->d->steps[at].count = w->count;
        return SL_OK;
}

static enum sl_rc compile_items(struct compile *c, const struct sl_avro *w, const struct sl_avro *r,
                                const struct sl_schema *schema)
{
        uint32_t at = add_step(c->d, w->type == SL_AVRO_MAP ? D_MAP : D_ARRAY);
        c->d->steps[at].type = w->type == SL_AVRO_MAP ? SL_MAP : SL_ARRAY;
        if (w->type == SL_AVRO_ARRAY && schema && schema->type == SL_MAP) {
                bool same = w->items->type == SL_AVRO_RECORD && w->items->count == 2;
                c->d->steps[at].op = D_PAIRS;
                c->d->steps[at].type = SL_MAP;
                for (uint32_t i = 0; same && i < 2; i++) {
                        const struct sl_avro_field *f = &w->items->fields[i];
                        uint32_t child = c->d->count, k = strcmp(r->items->fields[0].name, f->name) != 0;
                        bool value = strcmp(f->name, "value") == 0;
                        same = value || strcmp(f->name, "key") == 0;
                        SL_TRY(compile(c, f->type, r->items->fields[k].type, value ? schema->value : schema->key));
                        c->d->steps[child].index = value;
                }
                if (!same)
                        return mismatch(c, w->items, r->items);
        } else {
                SL_TRY(compile(c, w->items, r->items, schema ? schema->value : NULL));
        }
        c->d->steps[at].span = c->d->count - at;
        return SL_OK;
}

static enum sl_rc compile_writer_union(struct compile *c, const struct sl_avro *w, const struct sl_avro *r,
                                       const struct sl_schema *schema)
{
        uint32_t at = add_step(c->d, D_UNION);
        for (uint32_t i = 0; i < w->count; i++) {
                struct sl_err err = {0};
                struct compile branch = *c;
                uint32_t child = c->d->count;
                branch.err = &err;
                if (compile(&branch, w->branches[i], r, schema) != SL_OK) {
                        if (c->d->work >= SL_AVRO_TYPES)
                                return sl_fail(c->err, SL_E_DECODE, "%s", err.msg);
                        c->d->count = child;
                        child = add_step(c->d, D_FAIL);
                        c->d->steps[child].text = sl_arena_strdup(&c->d->arena, err.msg);
                }
        }
        c->d->steps[at].count = w->count;
        c->d->steps[at].span = c->d->count - at;
        return SL_OK;
}

/* One type of the writer's under a union of the reader's. */
static enum sl_rc compile_reader_union(struct compile *c, const struct sl_avro *w, const struct sl_avro *r,
                                       const struct sl_schema *schema)
{
        int best = -1, most = 0;
        for (uint32_t i = 0; i < r->count; i++)
                if (score(w, r->branches[i]) > most) {
                        most = score(w, r->branches[i]);
                        best = (int)i;
                }
        if (best < 0)
                return mismatch(c, w, r);
        if (!schema || w->type == SL_AVRO_NULL || sl_avro_plain_member(c->o, r))
                return compile(c, w, r->branches[best], schema);
        uint32_t at = add_step(c->d, D_WRAP);
        int null = sl_avro_null_branch(r);
        uint32_t field = (uint32_t)(best - (null >= 0 && null < best));
        c->d->steps[at].count = field;
        c->d->steps[at].fields = schema->field_count;
        SL_TRY(compile(c, w, r->branches[best], schema->fields[field].schema));
        c->d->steps[at].span = c->d->count - at;
        return SL_OK;
}

static enum sl_rc compile_plain(struct compile *c, const struct sl_avro *w, const struct sl_avro *r,
                                const struct sl_schema *schema)
{
        static const uint8_t ops[SL_AVRO_TYPE_COUNT] = {
                [SL_AVRO_NULL] = D_NULL,    [SL_AVRO_BOOLEAN] = D_BOOLEAN, [SL_AVRO_INT] = D_INT,
                [SL_AVRO_LONG] = D_LONG,    [SL_AVRO_FLOAT] = D_FLOAT,     [SL_AVRO_DOUBLE] = D_DOUBLE,
                [SL_AVRO_BYTES] = D_STRING, [SL_AVRO_STRING] = D_STRING,   [SL_AVRO_FIXED] = D_FIXED,
        };
        bool records = w->type == SL_AVRO_RECORD && r->type == SL_AVRO_RECORD;
        if (!records && !score(w, r))
                return mismatch(c, w, r);
        if (records)
                return compile_record(c, w, r, schema);
        if (w->type == SL_AVRO_ENUM_T)
                return compile_enum(c, w, r);
        if (w->type == SL_AVRO_ARRAY || w->type == SL_AVRO_MAP)
                return compile_items(c, w, r, schema);
        uint32_t at = add_step(c->d, (enum op)ops[w->type]);
        struct step *s = &c->d->steps[at];
        s->count = w->size;
        s->type = (uint8_t)(schema                      ? schema->type
                            : w->type == SL_AVRO_INT    ? SL_INT32
                            : w->type == SL_AVRO_LONG   ? SL_INT64
                            : w->type == SL_AVRO_FLOAT  ? SL_FLOAT32
                            : w->type == SL_AVRO_DOUBLE ? SL_FLOAT64
                                                        : SL_BYTES);
        s->logical = schema ? (uint8_t)schema->logical : SL_LOGICAL_NONE;
        return SL_OK;
}

static enum sl_rc compile(struct compile *c, const struct sl_avro *w, const struct sl_avro *r,
                          const struct sl_schema *schema)
{
        enum sl_rc rc;
        if (c->depth >= SL_AVRO_DEPTH || c->d->work++ >= SL_AVRO_TYPES)
                return sl_fail(c->err, SL_E_DECODE, "the Avro types are nested deeper than %d levels, or too many",
                               SL_AVRO_DEPTH);
        c->depth++;
        if (w->type == SL_AVRO_UNION_T)
                rc = compile_writer_union(c, w, r, schema);
        else if (r->type == SL_AVRO_UNION_T)
                rc = compile_reader_union(c, w, r, schema);
        else
                rc = compile_plain(c, w, r, schema);
        c->depth--;
        return rc;
}

enum sl_rc sl_avro_decoder_new(const struct sl_avro_options *o, const struct sl_avro *writer,
                               const struct sl_avro *reader, struct sl_avro_decoder **ret, struct sl_err *err)
{
        struct sl_avro_decoder *d = sl_calloc(1, sizeof(*d));
        struct compile c = {.d = d, .o = o, .err = err};
        sl_arena_init(&d->arena, 1024);
        enum sl_rc rc = sl_avro_to_connect(o, reader, &d->schema, err);
        d->any = rc == SL_OK && !d->schema;
        d->raw = writer->type == SL_AVRO_BYTES;
        if (d->any && !sl_avro_is_anything(writer))
                rc = mismatch(&c, writer, reader);
        else if (rc == SL_OK && !d->any)
                rc = compile(&c, writer, reader, d->schema);
        if (rc == SL_OK)
                *ret = d;
        else
                sl_avro_decoder_free(d);
        return rc;
}

void sl_avro_decoder_free(struct sl_avro_decoder *d)
{
        if (!d)
                return;
        free(d->steps);
        sl_arena_free(&d->arena);
        free(d);
}
