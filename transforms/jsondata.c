/* SPDX-License-Identifier: Apache-2.0 */
/* See jsondata.h. A first pass makes a tree of plain values (objects are maps in which a later member replaces an
 * earlier one of its name), a second its schema, a third the value under that schema. What does not fit its schema
 * (arrays of mixed kinds, whole numbers beyond 64 bits) is refused. */
#include "transforms/jsondata.h"

#include "base/map.h"

/* In a tree: a whole number beyond 64 bits. */
#define BIG SL_BYTES

/* ---- text to tree ---- */

struct reader {
        const char *p, *end;
        struct sl_arena *arena;
        struct sl_value *stack; /* members of the containers that are open */
        uint32_t count, cap;
        const char *why;
};

static bool bad(struct reader *r, const char *why)
{
        if (!r->why)
                r->why = why;
        return false;
}

static void push(struct reader *r, struct sl_value v)
{
        if (r->count == r->cap) {
                uint32_t cap = r->cap ? 2 * r->cap : 64;
                struct sl_value *more = sl_arena_alloc(r->arena, cap * sizeof(*more));
                if (r->count)
                        memcpy(more, r->stack, r->count * sizeof(*more));
                r->stack = more;
                r->cap = cap;
        }
        r->stack[r->count++] = v;
}

static void skip_space(struct reader *r)
{
        while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
                r->p++;
}

static bool take(struct reader *r, char c)
{
        skip_space(r);
        if (r->p == r->end || *r->p != c)
                return false;
        r->p++;
        return true;
}

/* \uXXXX, p behind the u; a surrogate without its other half is a question mark, as when Java writes it. */
static bool read_unicode(struct reader *r, char **w)
{
        int c = sl_hex4(r->p, r->end);
        if (c < 0)
                return bad(r, "\\u without four hex digits");
        r->p += 4;
        if (c >= 0xd800 && c < 0xdc00 && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u') {
                int low = sl_hex4(r->p + 2, r->end);
                if (low >= 0xdc00 && low < 0xe000) {
                        r->p += 6;
                        *w = sl_utf8_put(*w, 0x10000u + (((uint32_t)c - 0xd800u) << 10) + ((uint32_t)low - 0xdc00u));
                        return true;
                }
        }
        *w = sl_utf8_put(*w, c >= 0xd800 && c < 0xe000 ? '?' : (uint32_t)c);
        return true;
}

/* p behind the opening quote. The text ends in a NUL that is not counted. */
static bool read_string(struct reader *r, struct sl_value *ret)
{
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        const char *q = r->p, *hit;
        while (q < r->end && *q != '"')
                q += *q == '\\' && q + 1 < r->end ? 2 : 1;
        if (q >= r->end)
                return bad(r, "a string has no end");
        char *text = sl_arena_alloc(r->arena, (size_t)(q - r->p) + 4), *w = text;
        while (*r->p != '"') {
                if ((uint8_t)*r->p < 0x20)
                        return bad(r, "a control character in a string");
                if (*r->p != '\\') {
                        *w++ = *r->p++;
                        continue;
                }
                r->p += 2;
                if (r->p[-1] == 'u') {
                        if (!read_unicode(r, &w))
                                return false;
                        continue;
                }
                hit = memchr(from, r->p[-1], sizeof(from) - 1);
                if (!hit)
                        return bad(r, "an unknown escape in a string");
                *w++ = to[hit - from];
        }
        r->p++;
        *w = '\0';
        *ret = sl_v_str((struct sl_str){text, (size_t)(w - text)});
        return true;
}

static bool is_digit(const struct reader *r)
{
        return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static bool read_digits(struct reader *r)
{
        if (!is_digit(r))
                return bad(r, "a number is incomplete");
        while (is_digit(r))
                r->p++;
        return true;
}

static bool read_number(struct reader *r, struct sl_value *ret)
{
        const char *from = r->p;
        bool whole = true;
        r->p += *r->p == '-';
        const char *first = r->p;
        if (!read_digits(r))
                return false;
        if (*first == '0' && r->p - first > 1)
                return bad(r, "a number begins with 0");
        if (r->p < r->end && *r->p == '.') {
                whole = false;
                r->p++;
                if (!read_digits(r))
                        return false;
        }
        if (r->p < r->end && (*r->p | 32) == 'e') {
                whole = false;
                r->p++;
                r->p += r->p < r->end && (*r->p == '+' || *r->p == '-');
                if (!read_digits(r))
                        return false;
        }
        struct sl_str text = {from, (size_t)(r->p - from)};
        int64_t i;
        double d;
        if (whole && sl_parse_i64(text, &i))
                *ret = sl_v_i64(i == (int32_t)i ? SL_INT32 : SL_INT64, i);
        else if (whole)
                *ret = (struct sl_value){.type = BIG};
        else if (sl_parse_java_float(text, false, &d))
                *ret = sl_v_f64(SL_FLOAT64, d);
        else
                return bad(r, "a number can't be read");
        return true;
}

static bool read_word(struct reader *r, const char *word, struct sl_value v, struct sl_value *ret)
{
        size_t n = strlen(word);
        if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
                return bad(r, "an unknown word");
        r->p += n;
        *ret = v;
        return true;
}

/* The members from `from` on, without those that a later one of the same name replaces: it takes the first one's place.
 */
static uint32_t drop_repeated(struct reader *r, struct sl_value *items, uint32_t n)
{
        uint32_t room = 16, kept = 0;
        while (room < 2 * n)
                room *= 2;
        uint32_t *slots = sl_arena_zalloc(r->arena, room * sizeof(*slots));
        for (uint32_t i = 0; i < n; i++) {
                struct sl_str key = sl_v_as_str(&items[2 * i]);
                uint32_t at = (uint32_t)sl_hash(key.ptr, key.len) & (room - 1);
                while (slots[at] && !sl_str_eq(sl_v_as_str(&items[2 * (slots[at] - 1)]), key))
                        at = (at + 1) & (room - 1);
                if (!slots[at]) {
                        slots[at] = kept + 1;
                        items[2 * kept] = items[2 * i];
                        kept++;
                }
                items[2 * (slots[at] - 1) + 1] = items[2 * i + 1];
        }
        return kept;
}

static bool read_value(struct reader *r, unsigned depth, struct sl_value *ret);

static bool read_members(struct reader *r, bool object, unsigned depth, struct sl_value *ret)
{
        const char close = object ? '}' : ']';
        uint32_t from = r->count;
        bool more = !take(r, close);
        while (more) {
                struct sl_value v;
                if (object) {
                        if (!take(r, '"'))
                                return bad(r, "a member of an object has no name");
                        if (!read_string(r, &v))
                                return false;
                        push(r, v);
                        if (!take(r, ':'))
                                return bad(r, "a colon is missing");
                }
                if (!read_value(r, depth + 1, &v))
                        return false;
                push(r, v);
                more = take(r, ',');
                if (!more && !take(r, close))
                        return bad(r, "a container has no end");
        }
        uint32_t n = r->count - from, len = object ? n / 2 : n;
        struct sl_value *items = sl_arena_alloc(r->arena, n * sizeof(*items));
        if (n)
                memcpy(items, r->stack + from, n * sizeof(*items));
        r->count = from;
        if (object && len > 1)
                len = drop_repeated(r, items, len);
        *ret = sl_v_items(object ? SL_MAP : SL_ARRAY, items, len);
        return true;
}

static bool read_value(struct reader *r, unsigned depth, struct sl_value *ret)
{
        skip_space(r);
        if (r->p == r->end)
                return bad(r, "the text ends early");
        if (depth > SL_JSONDATA_DEPTH)
                return bad(r, "the text nests too deep");
        switch (*r->p) {
        case '{':
        case '[':
                return read_members(r, *r->p++ == '{', depth, ret);
        case '"':
                r->p++;
                return read_string(r, ret);
        case 't':
                return read_word(r, "true", sl_v_bool(true), ret);
        case 'f':
                return read_word(r, "false", sl_v_bool(false), ret);
        case 'n':
                return read_word(r, "null", SL_V_NULL, ret);
        default:
                return read_number(r, ret);
        }
}

/* ---- tree to schema ---- */

struct shaper {
        struct sl_arena *arena;
        bool keep_null;
        const char *why;
};

static bool shape(struct shaper *s, const char *name, const struct sl_value *v, const struct sl_schema **ret);

static bool cannot(struct shaper *s, const char *why)
{
        s->why = why;
        return false;
}

/* Jackson's node types: all numbers are one. */
static bool is_number(const struct sl_value *v)
{
        return v->type == SL_INT32 || v->type == SL_INT64 || v->type == SL_FLOAT64 || v->type == BIG;
}

/* The first member that is not null (NULL: none), which all others must resemble. */
static bool find_sample(struct shaper *s, const struct sl_value *v, const struct sl_value **ret)
{
        const struct sl_value *sample = NULL;
        for (uint32_t i = 0; i < v->len; i++) {
                const struct sl_value *item = &v->items[i];
                if (item->type == SL_NULL)
                        continue;
                if (!sample)
                        sample = item;
                if (is_number(item) && is_number(sample)) {
                        bool a = item->type == BIG || item->type == SL_FLOAT64;
                        bool b = sample->type == BIG || sample->type == SL_FLOAT64;
                        if (a != b || (!a && item->type != sample->type))
                                return cannot(s, "an array mixes kinds of numbers");
                } else if (item->type != sample->type) {
                        return cannot(s, "an array mixes kinds of values");
                }
        }
        *ret = sample;
        return true;
}

static int find_field(const struct sl_field *fields, uint32_t n, const char *name)
{
        for (uint32_t i = 0; i < n; i++)
                if (strcmp(fields[i].name, name) == 0)
                        return (int)i;
        return -1;
}

/* The fields of both; where they disagree the left one's stands, unless it only knows a null. Not optional, as in Java.
 */
static const struct sl_schema *merge(struct shaper *s, const struct sl_schema *left, const struct sl_schema *right)
{
        struct sl_field *fields = sl_arena_alloc(s->arena, (left->field_count + right->field_count) * sizeof(*fields));
        struct sl_schema out = {.type = SL_STRUCT, .name = left->name, .fields = fields};
        out.field_count = left->field_count;
        memcpy(fields, left->fields, left->field_count * sizeof(*fields));
        for (uint32_t i = 0; i < right->field_count; i++) {
                const struct sl_field *f = &right->fields[i];
                int at = find_field(fields, left->field_count, f->name);
                if (at < 0)
                        fields[out.field_count++] = *f;
                else if (fields[at].schema->type == SL_BYTES && f->schema->type != SL_BYTES)
                        fields[at] = *f;
        }
        return sl_schema_intern(&out);
}

static bool shape_objects(struct shaper *s, const char *name, const struct sl_value *v, const struct sl_schema **ret)
{
        const struct sl_schema **seen = sl_arena_alloc(s->arena, v->len * sizeof(*seen)), *all = NULL;
        uint32_t n = 0;
        for (uint32_t i = 0; i < v->len; i++) {
                const struct sl_schema *one;
                bool known = false;
                if (v->items[i].type != SL_MAP)
                        continue;
                if (!shape(s, name, &v->items[i], &one))
                        return false;
                for (uint32_t k = n; k-- > 0 && !known;)
                        known = seen[k] == one;
                if (known)
                        continue;
                seen[n++] = one;
                all = all ? merge(s, all, one) : one;
        }
        *ret = all;
        return true;
}

static bool shape_array(struct shaper *s, const char *name, const struct sl_value *v, const struct sl_schema **ret)
{
        const struct sl_value *sample, null = SL_V_NULL;
        struct sl_schema out = {.type = SL_ARRAY, .optional = true};
        *ret = NULL;
        if (!v->len)
                return true;
        if (!find_sample(s, v, &sample))
                return false;
        if (sample && sample->type == SL_MAP) {
                if (!shape_objects(s, name, v, &out.value))
                        return false;
        } else if (!shape(s, NULL, sample ? sample : &null, &out.value)) {
                return false;
        }
        if (!out.value)
                return cannot(s, "the members of an array have no schema");
        *ret = sl_schema_intern(&out);
        return true;
}

static bool is_blank(const char *name)
{
        return !name || !name[strspn(name, " \t\n\v\f\r\x1c\x1d\x1e\x1f")];
}

static bool shape_object(struct shaper *s, const char *name, const struct sl_value *v, const struct sl_schema **ret)
{
        struct sl_field *fields = sl_arena_alloc(s->arena, v->len * sizeof(*fields));
        struct sl_schema out = {.type = SL_STRUCT, .optional = true, .name = name, .fields = fields};
        for (uint32_t i = 0; i < v->len; i++) {
                const struct sl_value *key = &v->items[2 * i], *item = key + 1;
                const struct sl_schema *field;
                const char *path = NULL; /* only structs have names */
                if (item->type == SL_MAP || item->type == SL_ARRAY)
                        path = is_blank(name) ? key->ptr : sl_arena_printf(s->arena, "%s.%s", name, key->ptr);
                if (!shape(s, path, item, &field))
                        return false;
                if (!field)
                        continue;
                if (!key->len || memchr(key->ptr, 0, key->len))
                        return cannot(s, "a member's name is empty or holds a NUL");
                fields[out.field_count++] = (struct sl_field){.name = key->ptr, .schema = field};
        }
        *ret = sl_schema_intern(&out);
        return true;
}

static bool shape(struct shaper *s, const char *name, const struct sl_value *v, const struct sl_schema **ret)
{
        switch (v->type) {
        case SL_MAP:
                return shape_object(s, name, v, ret);
        case SL_ARRAY:
                return shape_array(s, name, v, ret);
        case SL_NULL:
                *ret = s->keep_null ? sl_schema_of(SL_BYTES, true) : NULL;
                return true;
        default:
                *ret = sl_schema_of(v->type == BIG ? SL_FLOAT64 : v->type, true);
                return true;
        }
}

/* ---- tree to value ---- */

/* Mostly the members stand in the order of the fields: the search goes on behind the last one found. */
static const struct sl_value *find_member(const struct sl_value *v, const struct sl_field *f, uint32_t *cursor)
{
        for (uint32_t k = 0; k < v->len; k++) {
                uint32_t i = (*cursor + k) % v->len;
                if (sl_str_eq(sl_v_as_str(&v->items[2 * i]), (struct sl_str){f->name, f->name_len})) {
                        *cursor = i + 1;
                        return &v->items[2 * i + 1];
                }
        }
        return NULL;
}

static bool fit(struct shaper *s, const struct sl_schema *schema, const struct sl_value *v, struct sl_value *ret)
{
        if (v->type == SL_NULL) {
                *ret = SL_V_NULL;
                return schema->optional || cannot(s, "a null where other members of the array have differing fields");
        }
        if (v->type == BIG)
                return cannot(s, "a whole number has more than 64 bits");
        if (v->type != (schema->type == SL_STRUCT ? SL_MAP : schema->type))
                return cannot(s, "a member is of another type than in the rest of its array");
        if (schema->type == SL_ARRAY) {
                struct sl_value *items = sl_arena_alloc(s->arena, v->len * sizeof(*items));
                for (uint32_t i = 0; i < v->len; i++)
                        if (!fit(s, schema->value, &v->items[i], &items[i]))
                                return false;
                *ret = sl_v_items(SL_ARRAY, items, v->len);
                return true;
        }
        if (schema->type != SL_STRUCT) {
                *ret = *v;
                return true;
        }
        struct sl_value *items = sl_arena_zalloc(s->arena, schema->field_count * sizeof(*items));
        for (uint32_t i = 0, cursor = 0; i < schema->field_count; i++) {
                const struct sl_value *item = find_member(v, &schema->fields[i], &cursor);
                if (item && !fit(s, schema->fields[i].schema, item, &items[i]))
                        return false;
        }
        *ret = sl_v_items(SL_STRUCT, items, schema->field_count);
        return true;
}

enum sl_jsondata sl_jsondata_read(struct sl_str text, const char *name, bool keep_null, struct sl_arena *arena,
                                  const struct sl_schema **ret_schema, struct sl_value *ret, const char **ret_why)
{
        struct reader r = {.p = text.ptr, .end = text.ptr + text.len, .arena = arena};
        struct shaper s = {.arena = arena, .keep_null = keep_null};
        struct sl_value tree;
        *ret = SL_V_NULL;
        *ret_schema = NULL;
        bool ok = read_value(&r, 0, &tree);
        *ret_why = r.why;
        if (!ok)
                return SL_JSONDATA_TEXT;
        ok = shape(&s, name, &tree, ret_schema);
        *ret_why = s.why;
        if (!ok)
                return SL_JSONDATA_SHAPE;
        ok = !*ret_schema || fit(&s, *ret_schema, &tree, ret);
        *ret_why = s.why;
        return ok ? SL_JSONDATA_OK : SL_JSONDATA_FIT;
}
