/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of Connect's Values, see values.h. Text is cut into tokens at : , { } [ ] and " (a backslash before one
 * keeps it inside of its token, and stays in it); blanks around a token do not count. Numbers take the smallest type
 * that holds them, members of arrays and maps the widest of theirs. Where any part of an array or map is refused, the
 * whole text is a string. Lenient dates are values_time.c's, decimals decimal.c's. */
#include "record/values.h"

#include <math.h>
#include <stdio.h>

#include "base/map.h"
#include "record/logical.h"

#define DAY_MS 86400000LL
#define MAX_DEPTH 200 /* of arrays and maps; deeper text is a string */
#define HASH_FROM 16  /* maps of more entries find their keys by hash; a size at which lists grow */

/* ---- tokens ---- */

struct parser {
        struct sl_str text;
        size_t pos;
        bool has; /* tok was cut but not taken */
        struct sl_str tok;
        uint32_t depth;
        bool unheld; /* Java has a value for the text that our schemas can't describe */
        struct sl_arena *arena;
};

/* A value and its own schema; null has none, and so have members that share no type. */
struct typed {
        const struct sl_schema *schema;
        struct sl_value value;
};

static struct sl_str trim(struct sl_str s)
{
        while (s.len && (uint8_t)s.ptr[s.len - 1] <= ' ')
                s.len--;
        while (s.len && (uint8_t)s.ptr[0] <= ' ') {
                s.ptr++;
                s.len--;
        }
        return s;
}

static bool is_delimiter(char c)
{
        return c == ':' || c == ',' || c == '{' || c == '}' || c == '[' || c == ']' || c == '"';
}

static struct sl_str cut(struct parser *p)
{
        size_t start = p->pos;
        bool escaped = false;
        for (; p->pos < p->text.len; p->pos++) {
                char c = p->text.ptr[p->pos];
                if (!escaped && is_delimiter(c)) {
                        if (p->pos == start)
                                p->pos++;
                        break;
                }
                escaped = c == '\\' && !escaped;
        }
        return (struct sl_str){p->text.ptr + start, p->pos - start};
}

static bool has_next(const struct parser *p)
{
        return p->has || p->pos < p->text.len;
}

static struct sl_str next(struct parser *p)
{
        struct sl_str tok = p->has ? p->tok : cut(p);
        p->has = false;
        return tok;
}

static size_t mark(const struct parser *p)
{
        return p->pos - (p->has ? p->tok.len : 0);
}

static void rewind_to(struct parser *p, size_t pos)
{
        p->pos = pos;
        p->has = false;
}

/* Take the next token if it is this one; blank tokens before it are skipped, also when it is not. */
static bool take(struct parser *p, const char *want)
{
        if (!has_next(p))
                return false;
        if (!p->has)
                p->tok = cut(p);
        while (!trim(p->tok).len && p->pos < p->text.len)
                p->tok = cut(p);
        p->has = !sl_str_eqc(trim(p->tok), want);
        return !p->has;
}

/* A word alone: at the top nothing may follow it. */
static bool take_word(struct parser *p, bool embedded, const char *want)
{
        size_t start = mark(p);
        if (take(p, want) && (embedded || !has_next(p)))
                return true;
        rewind_to(p, start);
        return false;
}

/* ---- scalars ---- */

static struct typed of_string(struct sl_str s)
{
        return (struct typed){sl_schema_of(SL_STRING, false), sl_v_str(s)};
}

static const struct sl_schema *logical_schema(enum sl_logical kind)
{
        static const struct sl_schema specs[] = {
                [SL_LOGICAL_DATE] = {.type = SL_INT32, .name = SL_NAME_DATE, .version = 1},
                [SL_LOGICAL_TIME] = {.type = SL_INT32, .name = SL_NAME_TIME, .version = 1},
                [SL_LOGICAL_TIMESTAMP] = {.type = SL_INT64, .name = SL_NAME_TIMESTAMP, .version = 1}};
        return sl_schema_intern(&specs[kind]);
}

/* Java counts in UTF-16. */
static size_t utf16_length(const char *p, size_t n)
{
        size_t units = 0;
        for (size_t i = 0; i < n; i++)
                units += ((uint8_t)p[i] & 0xc0) != 0x80 ? 1 + ((uint8_t)p[i] >= 0xf0) : 0;
        return units;
}

enum moment { NO_MOMENT, MOMENT, BEYOND }; /* beyond what our types hold */

/* The two parts as one text; its length says which of the three forms it may be. */
static enum moment as_moment(struct sl_str a, struct sl_str b, struct typed *ret)
{
        char text[128];
        size_t n = 0;
        if (a.len + b.len > sizeof(text))
                return NO_MOMENT;
        for (size_t i = 0; i < a.len + b.len; i++) {
                char c = i < a.len ? a.ptr[i] : b.ptr[i - a.len];
                if (c == ':' && n && text[n - 1] == '\\')
                        n--;
                text[n++] = c;
        }
        size_t units = utf16_length(text, n);
        enum sl_logical kind = units == 13   ? SL_LOGICAL_TIME
                               : units == 24 ? SL_LOGICAL_TIMESTAMP
                               : units == 10 ? SL_LOGICAL_DATE
                                             : SL_LOGICAL_NONE;
        int64_t ms;
        if (kind == SL_LOGICAL_NONE || !sl_values_moment((struct sl_str){text, n}, kind, &ms))
                return NO_MOMENT;
        int64_t v = kind == SL_LOGICAL_DATE ? ms / DAY_MS : ms;
        if (kind != SL_LOGICAL_TIMESTAMP && (v < INT32_MIN || v > INT32_MAX))
                return BEYOND;
        const struct sl_schema *schema = logical_schema(kind);
        *ret = (struct typed){schema, sl_v_i64(schema->type, v)};
        return MOMENT;
}

/* What java.math.BigDecimal takes for a number. */
struct number {
        bool neg;
        struct sl_str whole, fraction;
        int64_t scale;
};

static struct sl_str digits(const char **p, const char *end)
{
        const char *start = *p;
        while (*p < end && **p >= '0' && **p <= '9')
                ++*p;
        return (struct sl_str){start, (size_t)(*p - start)};
}

static bool scan_exponent(const char *p, const char *end, int64_t *ret)
{
        bool down = p < end && *p == '-';
        if (p < end && (*p == '-' || *p == '+'))
                p++;
        struct sl_str text = digits(&p, end);
        if (p != end || !text.len)
                return false;
        while (text.len > 10 && *text.ptr == '0') {
                text.ptr++;
                text.len--;
        }
        if (text.len > 10 || !sl_parse_i64(text, ret) || *ret > INT32_MAX + (int64_t)down)
                return false;
        if (down)
                *ret = -*ret;
        return true;
}

static bool scan_number(struct sl_str s, struct number *n)
{
        const char *p = s.ptr, *end = s.ptr + s.len;
        int64_t exp = 0;
        *n = (struct number){.neg = p < end && *p == '-'};
        if (p < end && (*p == '-' || *p == '+'))
                p++;
        n->whole = digits(&p, end);
        if (p < end && *p == '.') {
                p++;
                n->fraction = digits(&p, end);
        }
        if (!n->whole.len && !n->fraction.len)
                return false;
        if (p < end && ((*p | 32) != 'e' || !scan_exponent(p + 1, end, &exp)))
                return false;
        n->scale = (int64_t)n->fraction.len - exp;
        return n->scale >= INT32_MIN && n->scale <= INT32_MAX;
}

static char digit_at(const struct number *n, size_t i)
{
        return i < n->whole.len ? n->whole.ptr[i] : n->fraction.ptr[i - n->whole.len];
}

/* Is it an integer of 64 bits? */
static bool as_integer(const struct number *n, int64_t *ret)
{
        size_t have = n->whole.len + n->fraction.len, first = 0;
        int64_t point = (int64_t)have - n->scale; /* digits before the point, zeros in front included */
        uint64_t v = 0;
        while (first < have && digit_at(n, first) == '0')
                first++;
        *ret = 0;
        if (first == have)
                return true;
        if (point - (int64_t)first > 19)
                return false;
        for (size_t i = point < 0 ? 0 : (size_t)point; i < have; i++)
                if (digit_at(n, i) != '0')
                        return false;
        for (int64_t i = (int64_t)first; i < point; i++)
                v = v * 10 + (i < (int64_t)have ? (uint64_t)(digit_at(n, (size_t)i) - '0') : 0);
        if (v > (uint64_t)INT64_MAX + n->neg)
                return false;
        *ret = (int64_t)(n->neg ? 0 - v : v);
        return true;
}

static struct typed of_integer(int64_t v)
{
        enum sl_type type = v == (int8_t)v    ? SL_INT8
                            : v == (int16_t)v ? SL_INT16
                            : v == (int32_t)v ? SL_INT32
                                              : SL_INT64;
        return (struct typed){sl_schema_of(type, false), sl_v_i64(type, v)};
}

static bool as_decimal(struct parser *p, struct sl_str tok, int32_t scale, struct typed *ret)
{
        char text[16];
        snprintf(text, sizeof(text), "%d", scale);
        struct sl_param param = {"scale", text};
        struct sl_schema spec = {
                .type = SL_BYTES, .name = SL_NAME_DECIMAL, .version = 1, .param_count = 1, .params = &param};
        if (*tok.ptr == '+')
                tok = (struct sl_str){tok.ptr + 1, tok.len - 1};
        if (sl_decimal_parse(tok, scale, p->arena, &ret->value, NULL) != SL_OK)
                return false;
        ret->schema = sl_schema_intern(&spec);
        return true;
}

static bool as_number(struct parser *p, struct sl_str tok, struct typed *ret)
{
        struct number n;
        int64_t v;
        double f;
        if (!scan_number(tok, &n))
                return false;
        if (as_integer(&n, &v)) {
                *ret = of_integer(v);
                return true;
        }
        for (enum sl_type type = SL_FLOAT32; n.scale && type <= SL_FLOAT64; type++)
                if (sl_parse_java_float(tok, type == SL_FLOAT32, &f) && isfinite(f)) {
                        *ret = (struct typed){sl_schema_of(type, false), sl_v_f64(type, f)};
                        return true;
                }
        return as_decimal(p, tok, (int32_t)n.scale, ret);
}

/* A token that is no word, bracket or quote. Unescaped colons make five tokens of a time. */
static bool parse_token(struct parser *p, bool embedded, struct sl_str tok, struct typed *ret)
{
        bool digit = *tok.ptr >= '0' && *tok.ptr <= '9';
        if (digit) {
                size_t start = mark(p), n = 0;
                while (n < 4 && has_next(p)) {
                        next(p);
                        n++;
                }
                struct sl_str rest = {p->text.ptr + start, p->pos - start};
                enum moment found = n == 4 ? as_moment(tok, rest, ret) : NO_MOMENT;
                if (found == NO_MOMENT) {
                        rewind_to(p, start);
                        found = as_moment(tok, SL_STR(""), ret);
                }
                p->unheld = found == BEYOND;
                if (found != NO_MOMENT)
                        return found == MOMENT;
        }
        if ((digit || *tok.ptr == '+' || *tok.ptr == '-') && as_number(p, tok, ret))
                return true;
        *ret = of_string(p->text);
        return !embedded;
}

/* Behind the opening quote. Blank tokens get lost, as in Java: then what is left is put together in the arena. */
static bool parse_quoted(struct parser *p, struct typed *ret)
{
        struct sl_str all = {p->text.ptr + p->pos, 0};
        size_t cap = 0;
        while (has_next(p) && !take(p, "\"")) {
                struct sl_str tok = next(p);
                if (!all.len)
                        all.ptr = tok.ptr;
                if (all.len + tok.len > cap && all.ptr + all.len != tok.ptr) {
                        cap = 2 * (all.len + tok.len);
                        char *copy = sl_arena_alloc(p->arena, cap);
                        all.ptr = memcpy(copy, all.ptr, all.len);
                }
                if (cap)
                        memcpy((char *)(uintptr_t)all.ptr + all.len, tok.ptr, tok.len);
                all.len += tok.len;
        }
        if (as_moment(all, SL_STR(""), ret) != MOMENT)
                *ret = of_string(all);
        return true;
}

/* ---- the common type of members ---- */

struct list {
        struct typed *items;
        uint32_t count, cap;
        const struct sl_schema *common;
        bool incompatible;
};

static void add(struct parser *p, struct list *l, const struct typed *t)
{
        if (l->count == l->cap) {
                uint32_t cap = l->cap ? l->cap * 2 : 8;
                struct typed *items = sl_arena_alloc(p->arena, cap * sizeof(*items));
                if (l->count)
                        memcpy(items, l->items, l->count * sizeof(*items));
                l->items = items;
                l->cap = cap;
        }
        l->items[l->count++] = *t;
}

static bool is_number(const struct sl_schema *s)
{
        return s->type >= SL_INT8 && s->type <= SL_FLOAT64;
}

/* The wider of two numbers; of equal types the newer. */
static void merge(struct list *l, const struct typed *t)
{
        if (!t->schema || l->incompatible)
                return;
        if (!l->common || l->common->type == t->schema->type) {
                l->common = t->schema;
        } else if (!is_number(l->common) || !is_number(t->schema)) {
                l->common = NULL;
                l->incompatible = true;
        } else if (t->schema->type > l->common->type) {
                l->common = t->schema;
        }
}

/* Is there a logical type in it? Such a value can't lose its schema. */
static bool holds_logical(const struct sl_schema *s)
{
        return s && (s->logical != SL_LOGICAL_NONE || holds_logical(s->key) || holds_logical(s->value));
}

/* Does an array or map that was read with schema from also fit the schema to? */
static bool fits(const struct sl_schema *from, const struct sl_schema *to, const struct sl_value *v)
{
        if (from == to)
                return true;
        if (!to)
                return !holds_logical(from);
        if (v->type != to->type)
                return false;
        if (v->type != SL_ARRAY && v->type != SL_MAP)
                return !from && to->logical == SL_LOGICAL_NONE;
        for (uint32_t i = 0; v->type == SL_ARRAY && i < v->len; i++)
                if (!fits(from ? from->value : NULL, to->value, &v->items[i]))
                        return false;
        for (uint32_t i = 0; v->type == SL_MAP && i < v->len; i++)
                if (!fits(from ? from->key : NULL, to->key, &v->items[2 * i]) ||
                    !fits(from ? from->value : NULL, to->value, &v->items[2 * i + 1]))
                        return false;
        return true;
}

/* Java leaves a date as it is, also under the schema of a time: such a mixture has no form here. */
static bool convert_moment(struct parser *p, const struct sl_schema *to, const struct typed *t, struct sl_value *ret)
{
        int64_t v = t->value.i64;
        bool logical = t->schema->logical != SL_LOGICAL_NONE;
        if (t->schema->logical == SL_LOGICAL_DATE) /* to TIME or TIMESTAMP */
                v *= DAY_MS;
        if (to->logical == SL_LOGICAL_DATE && t->schema->logical == SL_LOGICAL_TIME) {
                p->unheld = v % DAY_MS != 0;
                v /= DAY_MS;
        } else if (to->logical == SL_LOGICAL_TIME && (v < 0 || v > DAY_MS)) {
                p->unheld = logical;
                return false;
        }
        *ret = sl_v_i64(to->type, v);
        return !p->unheld;
}

static bool convert(struct parser *p, const struct sl_schema *to, const struct typed *t, struct sl_value *ret)
{
        *ret = t->value;
        if (t->schema == to)
                return true;
        if (!t->schema)
                return false;
        if (to->type == SL_ARRAY || to->type == SL_MAP)
                return fits(t->schema, to, &t->value);
        p->unheld = !is_number(to); /* a decimal of another scale */
        if (p->unheld)
                return false;
        if (to->logical != SL_LOGICAL_NONE)
                return convert_moment(p, to, t, ret);
        if (t->schema->logical != SL_LOGICAL_NONE)
                return false;
        if (to->type < SL_FLOAT32)
                *ret = sl_v_i64(to->type, t->value.i64);
        else if (t->value.type < SL_FLOAT32)
                *ret = sl_v_f64(to->type, to->type == SL_FLOAT32 ? (float)(double)t->value.i64 : (double)t->value.i64);
        else
                *ret = sl_v_f64(to->type, t->value.f64);
        return true;
}

/* Members that are arrays or maps of different kinds have no common type, whatever the newest of them is. */
static void check_containers(struct list *l)
{
        if (!l->common || (l->common->type != SL_ARRAY && l->common->type != SL_MAP))
                return;
        for (uint32_t i = 0; i < l->count; i++)
                if (l->items[i].schema && !fits(l->items[i].schema, l->common, &l->items[i].value)) {
                        l->common = NULL;
                        return;
                }
}

/* The members into out[0], out[step] ...; false when one has no place under the common schema. */
static bool settle(struct parser *p, const struct list *l, const struct sl_schema *common, struct sl_value *out,
                   uint32_t step)
{
        for (uint32_t i = 0; i < l->count; i++, out += step) {
                const struct typed *t = &l->items[i];
                if (common) {
                        if (!convert(p, common, t, out))
                                return false;
                } else {
                        p->unheld = p->unheld || holds_logical(t->schema);
                        *out = t->value;
                }
        }
        return !p->unheld;
}

/* ---- arrays and maps ---- */

static bool parse(struct parser *p, bool embedded, struct typed *ret);

static bool end_array(struct parser *p, struct list *l, struct typed *ret)
{
        check_containers(l);
        struct sl_value *items = sl_arena_alloc(p->arena, l->count * sizeof(*items));
        if (!settle(p, l, l->common, items, 1))
                return false;
        struct sl_schema spec = {.type = SL_ARRAY, .value = l->common};
        *ret = (struct typed){sl_schema_intern(&spec), sl_v_items(SL_ARRAY, items, l->count)};
        return true;
}

static bool parse_array(struct parser *p, struct typed *ret)
{
        struct list l = {0};
        struct typed element;
        while (has_next(p)) {
                if (take(p, "]"))
                        return end_array(p, &l, ret);
                if (take(p, ",") || !parse(p, true, &element))
                        return false;
                merge(&l, &element);
                add(p, &l, &element);
                size_t at = mark(p);
                if (take(p, "]"))
                        rewind_to(p, at);
                else if (!take(p, ","))
                        return false;
        }
        return false;
}

struct map {
        struct list keys, values;
        uint32_t *slots, nslots; /* index + 1 of keys */
};

static bool same_key(const struct typed *a, const struct typed *b)
{
        return a->schema == b->schema && sl_value_equal(&a->value, &b->value);
}

static uint32_t hash_key(const struct typed *t)
{
        const struct sl_value *v = &t->value;
        if (v->type == SL_STRING || v->type == SL_BYTES)
                return (uint32_t)sl_hash(v->ptr, v->len);
        if (v->type == SL_ARRAY || v->type == SL_MAP)
                return v->len;
        return (uint32_t)sl_hash(&v->i64, sizeof(v->i64));
}

static void hash_in(struct map *m, uint32_t i)
{
        uint32_t mask = m->nslots - 1, at = hash_key(&m->keys.items[i]) & mask;
        while (m->slots[at])
                at = (at + 1) & mask;
        m->slots[at] = i + 1;
}

/* Index of a key, or -1. */
static int64_t find_key(struct map *m, const struct typed *key)
{
        if (!m->nslots) {
                for (uint32_t i = 0; i < m->keys.count; i++)
                        if (same_key(&m->keys.items[i], key))
                                return i;
                return -1;
        }
        uint32_t mask = m->nslots - 1, at = hash_key(key) & mask;
        for (; m->slots[at]; at = (at + 1) & mask)
                if (same_key(&m->keys.items[m->slots[at] - 1], key))
                        return m->slots[at] - 1;
        return -1;
}

/* A key that is there keeps its place and takes the new value. */
static void put(struct parser *p, struct map *m, const struct typed *key, const struct typed *value)
{
        int64_t at = find_key(m, key);
        if (at >= 0) {
                m->values.items[at] = *value;
                return;
        }
        uint32_t cap = m->keys.cap;
        add(p, &m->keys, key);
        add(p, &m->values, value);
        if (m->keys.count <= HASH_FROM)
                return;
        if (cap == m->keys.cap) {
                hash_in(m, m->keys.count - 1);
                return;
        }
        m->nslots = m->keys.cap * 2;
        m->slots = sl_arena_zalloc(p->arena, m->nslots * sizeof(*m->slots));
        for (uint32_t i = 0; i < m->keys.count; i++)
                hash_in(m, i);
}

/* Integers and tiny numbers that are told apart can be one float. */
static uint32_t unite_floats(struct parser *p, const struct sl_schema *key, struct sl_value *items, uint32_t n)
{
        struct map m = {0};
        for (uint32_t i = 0; i < n; i++)
                put(p, &m, &(struct typed){key, items[2 * i]}, &(struct typed){NULL, items[2 * i + 1]});
        for (uint32_t i = 0; i < m.keys.count; i++) {
                items[2 * i] = m.keys.items[i].value;
                items[2 * i + 1] = m.values.items[i].value;
        }
        return m.keys.count;
}

static bool end_map(struct parser *p, struct map *m, struct typed *ret)
{
        uint32_t n = m->keys.count;
        check_containers(&m->keys);
        check_containers(&m->values);
        const struct sl_schema *key = m->keys.common, *value = key ? m->values.common : NULL;
        struct sl_value *items = sl_arena_alloc(p->arena, 2 * (size_t)n * sizeof(*items));
        if (!settle(p, &m->keys, key, items, 2) || !settle(p, &m->values, value, items + 1, 2))
                return false;
        if (key && (key->type == SL_FLOAT32 || key->type == SL_FLOAT64))
                n = unite_floats(p, key, items, n);
        struct sl_schema spec = {.type = SL_MAP, .key = key, .value = value};
        *ret = (struct typed){sl_schema_intern(&spec), sl_v_items(SL_MAP, items, n)};
        return true;
}

static bool parse_map(struct parser *p, struct typed *ret)
{
        struct map m = {0};
        struct typed key, value;
        while (has_next(p)) {
                if (take(p, "}"))
                        return end_map(p, &m, ret);
                if (take(p, ",") || !parse(p, true, &key) || key.value.type == SL_NULL || !take(p, ":") ||
                    !parse(p, true, &value))
                        return false;
                put(p, &m, &key, &value);
                take(p, ",");
                merge(&m.keys, &key);
                merge(&m.values, &value);
        }
        return false;
}

static bool parse_container(struct parser *p, bool array, struct typed *ret)
{
        if (p->depth == MAX_DEPTH) {
                p->unheld = true;
                return false;
        }
        p->depth++;
        bool ok = array ? parse_array(p, ret) : parse_map(p, ret);
        p->depth--;
        return ok;
}

/* ret is null where the text is, or where nothing is left. False: an embedded value that is refused. */
static bool parse(struct parser *p, bool embedded, struct typed *ret)
{
        *ret = (struct typed){.value = SL_V_NULL};
        if (!has_next(p))
                return true;
        if (embedded && take(p, "\""))
                return parse_quoted(p, ret);
        if (take_word(p, embedded, "null"))
                return true;
        bool yes = take_word(p, embedded, "true");
        if (yes || take_word(p, embedded, "false")) {
                *ret = (struct typed){sl_schema_of(SL_BOOLEAN, false), sl_v_bool(yes)};
                return true;
        }
        size_t start = mark(p);
        bool array = take(p, "[");
        if (array || take(p, "{")) {
                if (parse_container(p, array, ret))
                        return true;
                if (embedded)
                        return false;
                rewind_to(p, start);
        }
        struct sl_str tok = next(p);
        if (trim(tok).len)
                return parse_token(p, embedded, trim(tok), ret);
        *ret = of_string(tok);
        return true;
}

void sl_values_parse(struct sl_str text, struct sl_arena *arena, const struct sl_schema **ret_schema,
                     struct sl_value *ret)
{
        struct typed t = {.value = SL_V_NULL};
        /* Most headers are words: nothing but these can begin another value. */
        if (text.ptr && (!text.len || ((uint8_t)*text.ptr > ' ' && !strchr("0123456789+-[{ntf", *text.ptr)))) {
                t = of_string(text);
        } else if (text.ptr) {
                struct parser p = {.text = text, .arena = arena};
                if (!parse(&p, false, &t) || p.unheld)
                        t = of_string(text);
        }
        *ret_schema = t.schema;
        *ret = t.value;
}
