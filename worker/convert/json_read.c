/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON parser straight into values in an arena, with what Jackson's tree reader allows as JsonConverter configures
 * it: leading zeros in numbers, a byte order mark, anything after the first value. RFC 8259 otherwise; UTF-8 is not
 * checked, bytes pass as they are. Strings without escapes are slices of the input. It knows nothing of schemas. */
#include "convert/json.h"

#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

void sl_json_reader_free(struct sl_json_reader *r)
{
        free(r->stack);
        *r = (struct sl_json_reader){0};
}

static sl_cold bool problem(struct sl_json_reader *r, const char *what)
{
        if (!r->problem)
                r->problem = what;
        return false;
}

static void skip_space(struct sl_json_reader *r)
{
        while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
                r->p++;
}

static bool expect(struct sl_json_reader *r, char c, const char *what)
{
        skip_space(r);
        if (r->p == r->end || *r->p != c)
                return problem(r, what);
        r->p++;
        return true;
}

/* ---- strings ---- */

/* The first quote, backslash or control character at or after p, or end. */
static const char *plain_end(const char *p, const char *end)
{
#ifdef __SSE2__
        const __m128i quote = _mm_set1_epi8('"'), back = _mm_set1_epi8('\\'), ctrl = _mm_set1_epi8(0x1f);
        for (; end - p >= 16; p += 16) {
                __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
                __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, back)),
                                           _mm_cmpeq_epi8(_mm_min_epu8(x, ctrl), x));
                unsigned mask = (unsigned)_mm_movemask_epi8(hit);
                if (mask)
                        return p + __builtin_ctz(mask);
        }
#endif
        while (p < end && *p != '"' && *p != '\\' && (uint8_t)*p >= 0x20)
                p++;
        return p;
}

/* p behind "\u". Half a surrogate pair becomes '?', as Java's UTF-8 encoder writes it. */
static char *unescape_u(struct sl_json_reader *r, char *w)
{
        int c = sl_hex4(r->p, r->end);
        if (c < 0) {
                problem(r, "\\u needs four hexadecimal digits");
                return NULL;
        }
        r->p += 4;
        if (c < 0xd800 || c > 0xdfff)
                return sl_utf8_put(w, (uint32_t)c);
        if (c <= 0xdbff && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u') {
                int low = sl_hex4(r->p + 2, r->end);
                if (low >= 0xdc00 && low <= 0xdfff) {
                        r->p += 6;
                        return sl_utf8_put(w, 0x10000 + ((uint32_t)(c - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
                }
        }
        *w++ = '?';
        return w;
}

static char *unescape(struct sl_json_reader *r, char *w)
{
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        if (++r->p == r->end) {
                problem(r, "a string has no end");
                return NULL;
        }
        char c = *r->p++;
        if (c == 'u')
                return unescape_u(r, w);
        const char *at = c ? strchr(from, c) : NULL;
        if (!at) {
                r->p--;
                problem(r, "unknown escape in a string");
                return NULL;
        }
        *w++ = to[at - from];
        return w;
}

/* The closing quote, escapes stepped over; NULL without one. */
static const char *closing_quote(const char *p, const char *end)
{
        while (p < end && *p != '"')
                p += *p == '\\' && end - p > 1 ? 2 : 1;
        return p < end ? p : NULL;
}

/* p at the opening quote. */
static bool read_string(struct sl_json_reader *r, struct sl_value *ret)
{
        const char *from = ++r->p;
        r->p = plain_end(r->p, r->end);
        if (sl_likely(r->p < r->end && *r->p == '"')) {
                *ret = sl_v_str((struct sl_str){from, (size_t)(r->p++ - from)});
                return true;
        }
        const char *quote = closing_quote(r->p, r->end);
        if (!quote)
                return problem(r, "a string has no end");
        char *text = sl_arena_alloc(r->arena, (size_t)(quote - from)), *w = text;
        for (;;) {
                size_t n = (size_t)(r->p - from);
                memcpy(w, from, n);
                w += n;
                if (*r->p == '"')
                        break;
                if (*r->p != '\\')
                        return problem(r, "a control character in a string must be escaped");
                w = unescape(r, w);
                if (!w)
                        return false;
                from = r->p;
                r->p = plain_end(r->p, r->end);
                if (r->p == r->end)
                        return problem(r, "a string has no end");
        }
        r->p++;
        *ret = sl_v_str((struct sl_str){text, (size_t)(w - text)});
        return true;
}

/* ---- numbers and words ---- */

static bool is_digit(const struct sl_json_reader *r)
{
        return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static bool digits(struct sl_json_reader *r)
{
        if (!is_digit(r))
                return problem(r, "a digit is missing in a number");
        while (is_digit(r))
                r->p++;
        return true;
}

static bool read_number(struct sl_json_reader *r, struct sl_value *ret)
{
        const char *from = r->p;
        bool whole = true;
        if (*r->p == '-')
                r->p++;
        if (!digits(r))
                return false;
        if (r->p < r->end && *r->p == '.') {
                whole = false;
                r->p++;
                if (!digits(r))
                        return false;
        }
        if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
                whole = false;
                r->p++;
                if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
                        r->p++;
                if (!digits(r))
                        return false;
        }
        struct sl_str text = {from, (size_t)(r->p - from)};
        int64_t i64;
        double f64;
        if (r->raw)
                *ret = (struct sl_value){.type = SL_JSON_NUMBER, .len = (uint32_t)text.len, .ptr = from};
        else if (whole && sl_parse_i64(text, &i64))
                *ret = sl_v_i64(SL_INT64, i64);
        else if (sl_parse_f64(text, &f64))
                *ret = sl_v_f64(SL_FLOAT64, f64 == 0 ? 0 : f64); /* Java reads a BigDecimal, which has no -0 */
        else
                return problem(r, "a number can't be read");
        return true;
}

static bool read_word(struct sl_json_reader *r, const char *word, size_t n, struct sl_value v, struct sl_value *ret)
{
        if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
                return problem(r, "unknown word; a value is expected");
        r->p += n;
        *ret = v;
        return true;
}

/* ---- containers ---- */

static bool read_value(struct sl_json_reader *r, struct sl_value *ret);

static struct sl_value *push(struct sl_json_reader *r, size_t n)
{
        if (r->cap - r->count < n) {
                r->cap = r->cap ? r->cap * 2 : 256;
                r->stack = sl_realloc(r->stack, r->cap * sizeof(*r->stack));
        }
        r->count += n;
        return &r->stack[r->count - n];
}

static const struct sl_value *pop_items(struct sl_json_reader *r, size_t base)
{
        size_t bytes = (r->count - base) * sizeof(struct sl_value);
        struct sl_value *items = sl_arena_alloc(r->arena, bytes);
        if (bytes)
                memcpy(items, r->stack + base, bytes);
        r->count = base;
        return items;
}

static bool read_array(struct sl_json_reader *r, struct sl_value *ret)
{
        size_t base = r->count;
        r->p++;
        skip_space(r);
        if (r->p < r->end && *r->p == ']') {
                r->p++;
        } else {
                for (;;) {
                        struct sl_value v;
                        if (!read_value(r, &v))
                                return false;
                        *push(r, 1) = v;
                        skip_space(r);
                        if (r->p < r->end && *r->p == ',') {
                                r->p++;
                                continue;
                        }
                        if (!expect(r, ']', "a comma or ] is missing in an array"))
                                return false;
                        break;
                }
        }
        uint32_t n = (uint32_t)(r->count - base);
        *ret = sl_v_items(SL_ARRAY, pop_items(r, base), n);
        return true;
}

static bool same_key(const struct sl_value *a, const struct sl_value *b)
{
        return a->len == b->len && (a->len == 0 || (a->ptr[0] == b->ptr[0] && memcmp(a->ptr, b->ptr, a->len) == 0));
}

static uint64_t key_hash(const struct sl_value *k)
{
        uint64_t h = 0xcbf29ce484222325u;
        for (uint32_t i = 0; i < k->len; i++)
                h = (h ^ (uint8_t)k->ptr[i]) * 0x100000001b3u;
        return h ^ h >> 32;
}

/* Of equal keys the first keeps its place and takes the last one's value. items: n pairs; how many are left. */
static uint32_t drop_repeats_hashed(struct sl_json_reader *r, struct sl_value *items, uint32_t n)
{
        uint32_t nslots = 64, left = 0;
        while (nslots < n * 2)
                nslots *= 2;
        uint32_t *slots = sl_arena_zalloc(r->arena, nslots * sizeof(*slots)); /* index + 1 */
        for (uint32_t i = 0; i < n; i++) {
                uint64_t h = key_hash(&items[2 * i]) & (nslots - 1);
                while (slots[h] && !same_key(&items[2 * (slots[h] - 1)], &items[2 * i]))
                        h = (h + 1) & (nslots - 1);
                if (slots[h]) {
                        items[2 * (slots[h] - 1) + 1] = items[2 * i + 1];
                        continue;
                }
                items[2 * left] = items[2 * i];
                items[2 * left + 1] = items[2 * i + 1];
                slots[h] = ++left;
        }
        return left;
}

static uint32_t drop_repeats(struct sl_json_reader *r, struct sl_value *items, uint32_t n)
{
        uint32_t left = 0;
        if (n > 24)
                return drop_repeats_hashed(r, items, n);
        for (uint32_t i = 0; i < n; i++) {
                uint32_t k = 0;
                while (k < left && !same_key(&items[2 * k], &items[2 * i]))
                        k++;
                if (k == left)
                        items[2 * left++] = items[2 * i];
                items[2 * k + 1] = items[2 * i + 1];
        }
        return left;
}

static bool read_key(struct sl_json_reader *r, struct sl_value *ret)
{
        skip_space(r);
        if (r->p == r->end || *r->p != '"')
                return problem(r, "a name in double quotes is expected in an object");
        return read_string(r, ret) && expect(r, ':', "a colon is missing after a name");
}

/* Behind a member: true when another follows, false at the end of the object or on a problem. */
static bool next_member(struct sl_json_reader *r)
{
        skip_space(r);
        if (r->p < r->end && *r->p == ',') {
                r->p++;
                return true;
        }
        expect(r, '}', "a comma or } is missing in an object");
        return false;
}

static bool empty_object(struct sl_json_reader *r)
{
        skip_space(r);
        if (r->p == r->end || *r->p != '}')
                return false;
        r->p++;
        return true;
}

static bool read_object(struct sl_json_reader *r, struct sl_value *ret)
{
        size_t base = r->count;
        r->p++;
        if (!empty_object(r)) {
                do {
                        struct sl_value pair[2];
                        if (!read_key(r, &pair[0]) || !read_value(r, &pair[1]))
                                return false;
                        memcpy(push(r, 2), pair, sizeof(pair));
                } while (next_member(r));
                if (r->problem)
                        return false;
        }
        uint32_t n = (uint32_t)((r->count - base) / 2);
        if (n)
                n = drop_repeats(r, r->stack + base, n);
        r->count = base + 2 * (size_t)n;
        *ret = sl_v_items(SL_MAP, pop_items(r, base), n);
        return true;
}

static bool read_value(struct sl_json_reader *r, struct sl_value *ret)
{
        skip_space(r);
        if (r->p == r->end)
                return problem(r, "the text ends where a value is expected");
        switch (*r->p) {
        case '"':
                return read_string(r, ret);
        case '{':
        case '[':
                if (r->depth == SL_JSON_DEPTH)
                        return problem(r, "nested deeper than 200 levels");
                r->depth++;
                if (!(*r->p == '{' ? read_object(r, ret) : read_array(r, ret)))
                        return false;
                r->depth--;
                return true;
        case 't':
                return read_word(r, "true", 4, sl_v_bool(true), ret);
        case 'f':
                return read_word(r, "false", 5, sl_v_bool(false), ret);
        case 'n':
                return read_word(r, "null", 4, SL_V_NULL, ret);
        case '-':
        case '0' ... '9':
                return read_number(r, ret);
        default:
                return problem(r, "a value is expected");
        }
}

/* ---- entries ---- */

static void begin(struct sl_json_reader *r, struct sl_str text, struct sl_arena *arena)
{
        r->start = r->p = text.ptr;
        r->end = text.ptr + text.len;
        r->arena = arena;
        r->depth = r->count = 0;
        r->problem = NULL;
        if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0)
                r->p += 3;
        skip_space(r);
}

static sl_cold enum sl_rc fail(struct sl_json_reader *r, struct sl_err *err)
{
        return sl_fail(err, SL_E_DECODE, "not valid JSON at byte %zu: %s", (size_t)(r->p - r->start), r->problem);
}

/* A word or number at the top must end there: `1x` is no 1. */
static bool root_ends(struct sl_json_reader *r, const struct sl_value *v)
{
        if (v->type == SL_STRING || v->type == SL_ARRAY || v->type == SL_MAP || r->p == r->end || *r->p == ' ' ||
            (*r->p >= '\t' && *r->p <= '\r'))
                return true;
        return problem(r, "white space is expected after a value");
}

enum sl_rc sl_json_read(struct sl_json_reader *r, struct sl_str text, bool raw, struct sl_arena *arena,
                        struct sl_value *ret, bool *ret_missing, struct sl_err *err)
{
        struct sl_value v = SL_V_NULL;
        begin(r, text, arena);
        r->raw = raw;
        bool missing = r->p == r->end;
        if (!missing && (!read_value(r, &v) || !root_ends(r, &v)))
                return fail(r, err);
        *ret = v;
        *ret_missing = missing;
        return SL_OK;
}

/* Where a member of the envelope is; known: see json.h. */
static bool read_member(struct sl_json_reader *r, bool raw, struct sl_str known, struct sl_str *ret_text,
                        struct sl_value *ret)
{
        skip_space(r);
        ret_text->ptr = r->p;
        if (known.len && (size_t)(r->end - r->p) > known.len && memcmp(r->p, known.ptr, known.len) == 0) {
                r->p += known.len;
        } else {
                r->raw = raw;
                if (!read_value(r, ret))
                        return false;
        }
        ret_text->len = (size_t)(r->p - ret_text->ptr);
        return true;
}

enum sl_rc sl_json_read_envelope(struct sl_json_reader *r, struct sl_str text, struct sl_str known,
                                 struct sl_arena *arena, struct sl_json_envelope *ret, struct sl_err *err)
{
        struct sl_json_envelope env = {0};
        struct sl_str payload = SL_STR_NULL;
        bool has_schema = false, raw = true, other = false;
        begin(r, text, arena);
        if (r->p == r->end || *r->p != '{') {
                bool missing;
                struct sl_value v;
                *ret = env;
                return sl_json_read(r, text, true, arena, &v, &missing, err);
        }
        r->p++;
        r->depth = 1;
        if (!empty_object(r)) {
                do {
                        struct sl_value key, v = SL_V_NULL;
                        struct sl_str extent;
                        if (!read_key(r, &key))
                                return fail(r, err);
                        bool schema = sl_str_eqc(sl_v_as_str(&key), "schema");
                        bool body = !schema && sl_str_eqc(sl_v_as_str(&key), "payload");
                        raw = !(has_schema && sl_str_eqc(env.schema, "null"));
                        if (!read_member(r, raw, schema ? known : SL_STR_NULL, &extent, &v))
                                return fail(r, err);
                        if (schema) {
                                env.schema = extent;
                                has_schema = true;
                        } else if (body) {
                                env.payload = v;
                                payload = extent;
                        } else {
                                other = true;
                        }
                } while (next_member(r));
                if (r->problem)
                        return fail(r, err);
        }
        env.ok = has_schema && payload.ptr && !other;
        if (env.ok && raw && sl_str_eqc(env.schema, "null")) { /* the payload stood first */
                bool missing;
                SL_TRY(sl_json_read(r, payload, false, arena, &env.payload, &missing, err));
        }
        *ret = env;
        return SL_OK;
}

const struct sl_value *sl_json_member(const struct sl_value *obj, const char *name, size_t len)
{
        for (uint32_t i = 0; i < obj->len; i++) {
                const struct sl_value *key = &obj->items[2 * i];
                if (key->len == len && memcmp(key->ptr, name, len) == 0)
                        return key + 1;
        }
        return NULL;
}

/* ---- text in pieces ---- */

static bool split_object(struct sl_json_reader *r, const char *const *names, size_t n, struct sl_str *ret)
{
        r->p++;
        if (empty_object(r))
                return true;
        do {
                struct sl_value key, v;
                struct sl_str extent;
                if (!read_key(r, &key) || !read_member(r, true, SL_STR_NULL, &extent, &v))
                        return false;
                for (size_t i = 0; i < n; i++)
                        if (sl_str_eqc(sl_v_as_str(&key), names[i]))
                                ret[i] = extent;
        } while (next_member(r));
        return !r->problem;
}

enum sl_rc sl_json_split_object(struct sl_str text, const char *const *names, size_t n, struct sl_arena *arena,
                                struct sl_str *ret, struct sl_err *err)
{
        struct sl_json_reader r = {0};
        enum sl_rc rc = SL_OK;
        memset(ret, 0, n * sizeof(*ret));
        begin(&r, text, arena);
        if (r.p == r.end || *r.p != '{')
                problem(&r, "an object is expected");
        if (!r.problem && split_object(&r, names, n, ret)) {
                skip_space(&r);
                if (r.p != r.end)
                        problem(&r, "nothing may stand behind the object");
        }
        if (r.problem)
                rc = fail(&r, err);
        sl_json_reader_free(&r);
        return rc;
}

enum sl_rc sl_json_split_array(struct sl_str text, struct sl_arena *arena, struct sl_str **ret, uint32_t *ret_count,
                               struct sl_err *err)
{
        struct sl_json_reader r = {0};
        struct sl_value all, v;
        enum sl_rc rc = SL_OK;
        SL_TRY(sl_json_value(text, arena, &all, err));
        begin(&r, text, arena);
        struct sl_str *items = sl_arena_alloc(arena, (all.len + 1) * sizeof(*items));
        if (all.type != SL_ARRAY)
                problem(&r, "an array is expected");
        for (uint32_t i = 0; i < all.len && !r.problem; i++) {
                r.p++; /* the bracket, or a comma */
                if (read_member(&r, true, SL_STR_NULL, &items[i], &v))
                        skip_space(&r);
        }
        if (r.problem)
                rc = fail(&r, err);
        sl_json_reader_free(&r);
        *ret = items;
        *ret_count = all.len;
        return rc;
}

enum sl_rc sl_json_value(struct sl_str text, struct sl_arena *arena, struct sl_value *ret, struct sl_err *err)
{
        struct sl_json_reader r = {0};
        bool missing;
        enum sl_rc rc = sl_json_read(&r, text, false, arena, ret, &missing, err);
        sl_json_reader_free(&r);
        return rc;
}
