/* SPDX-License-Identifier: Apache-2.0 */
/* See expr.h: evaluation by Groovy's rules. Numbers are compared by value, decimals as doubles; whole numbers keep
 * Java's width; null is smaller than everything; in and contains() want the same Java class, as equals() does. */
#include <math.h>
#include "transforms/common.h"
#include "transforms/expr.h"

enum kind { K_VALUE, K_HEADERS, K_HEADER, K_SCHEMA };
struct operand {
        enum kind kind;
        struct sl_value v;
        const struct sl_schema *schema; /* of v, or the schema itself; may be NULL */
        const struct sl_header *header;
};

struct run {
        struct sl_expr *e;
        const struct sl_record *rec;
        struct sl_arena *arena;
        const char *why;
};

static bool eval(struct run *r, struct sl_expr_node *n, struct operand *ret);

static bool fail(struct run *r, const char *why)
{
        r->why = why;
        return false;
}

static struct operand plain(struct sl_value v)
{
        return (struct operand){.v = v};
}

static bool is_null(const struct operand *o)
{
        return o->kind == K_VALUE && o->v.type == SL_NULL;
}

static bool is_text(const struct operand *o)
{
        return o->kind == K_VALUE && o->v.type == SL_STRING;
}

/* A java.util.Date is no number. */
static bool is_date(const struct operand *o)
{
        return o->kind == K_VALUE && o->schema && o->schema->logical > SL_LOGICAL_DECIMAL;
}

static bool is_decimal(const struct operand *o)
{
        return o->kind == K_VALUE && o->v.type == SL_BYTES && o->schema && o->schema->logical == SL_LOGICAL_DECIMAL;
}

static bool is_whole(const struct operand *o)
{
        return o->kind == K_VALUE && o->v.type >= SL_INT8 && o->v.type <= SL_INT64 && !is_date(o);
}

static bool is_number(const struct operand *o)
{
        return is_whole(o) || is_decimal(o) ||
               (o->kind == K_VALUE && (o->v.type == SL_FLOAT32 || o->v.type == SL_FLOAT64));
}

static double as_double(const struct operand *o)
{
        if (is_whole(o))
                return (double)o->v.i64;
        if (!is_decimal(o))
                return o->v.f64;
        const uint8_t *p = (const uint8_t *)o->v.ptr;
        double d = o->v.len ? (int8_t)p[0] : 0;
        for (uint32_t i = 1; i < o->v.len; i++)
                d = d * 256 + p[i];
        return d / pow(10, o->schema->decimal_scale);
}

/* ---- properties ---- */

static void find_header(const struct run *r, struct sl_str name, struct operand *ret)
{
        *ret = plain(SL_V_NULL);
        for (uint32_t i = r->rec->header_count; i-- > 0;)
                if (sl_str_eq(r->rec->headers[i]->key, name)) {
                        *ret = (struct operand){.kind = K_HEADER, .header = r->rec->headers[i]};
                        return;
                }
}

static bool get_field(struct run *r, struct sl_expr_node *n, const struct operand *o, struct operand *ret)
{
        if (o->v.type == SL_MAP) {
                int at = sl_map_find(&o->v, n->name);
                *ret = (struct operand){.v = at < 0 ? SL_V_NULL : o->v.items[2 * at + 1],
                                        .schema = o->schema ? o->schema->value : NULL};
                return true;
        }
        if (o->v.type != SL_STRUCT || !o->schema)
                return fail(r, "a property of something that is no struct, map or header");
        if (n->seen != o->schema) {
                n->seen = o->schema;
                n->seen_at = sl_schema_field(o->schema, n->name.ptr, n->name.len);
        }
        if (n->seen_at < 0)
                return fail(r, "a field that the struct does not have");
        ret->kind = K_VALUE;
        ret->schema = o->schema->fields[n->seen_at].schema;
        ret->v = sl_read_field(ret->schema, &o->v.items[n->seen_at], true);
        return true;
}

static bool get(struct run *r, struct sl_expr_node *n, struct operand *ret)
{
        struct operand o;
        if (!eval(r, n->a, &o))
                return false;
        *ret = plain(SL_V_NULL);
        if (is_null(&o))
                return n->safe || fail(r, "a property of null");
        switch (o.kind) {
        case K_HEADERS:
                find_header(r, n->name, ret);
                return true;
        case K_HEADER:
                if (sl_str_eqc(n->name, "value"))
                        *ret = (struct operand){.v = o.header->value, .schema = o.header->schema};
                else if (!sl_str_eqc(n->name, "schema"))
                        return fail(r, "a header has value and schema");
                else if (o.header->schema)
                        *ret = (struct operand){.kind = K_SCHEMA, .schema = o.header->schema};
                return true;
        case K_VALUE:
                return get_field(r, n, &o, ret);
        default:
                if (!sl_str_eqc(n->name, "name"))
                        return fail(r, "a schema has name");
                *ret = plain(o.schema->name ? sl_v_str(sl_str_c(o.schema->name)) : SL_V_NULL);
                return true;
        }
}

/* ---- comparing ---- */

/* A text of one character beside a number counts as that character's code. */
static bool as_code(const struct operand *o, struct operand *ret)
{
        uint32_t c = is_text(o) && o->v.len ? (uint8_t)o->v.ptr[0] : 0;
        uint32_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : 3;
        if (!is_text(o) || o->v.len != n || c >= 0xf0)
                return false;
        if (n > 1)
                c &= 0xffu >> (n + 1);
        for (uint32_t i = 1; i < n; i++)
                c = c << 6 | ((uint8_t)o->v.ptr[i] & 0x3f);
        *ret = plain(sl_v_i64(SL_INT32, c));
        return true;
}

static int compare_numbers(const struct operand *a, const struct operand *b)
{
        if (is_whole(a) && is_whole(b))
                return (a->v.i64 > b->v.i64) - (a->v.i64 < b->v.i64);
        double x = as_double(a), y = as_double(b);
        if (isnan(x) || isnan(y))
                return isnan(x) - isnan(y);
        return (x > y) - (x < y);
}

static int compare_texts(const struct operand *a, const struct operand *b)
{
        uint32_t n = a->v.len < b->v.len ? a->v.len : b->v.len;
        int c = n ? memcmp(a->v.ptr, b->v.ptr, n) : 0;
        return c ? c : (a->v.len > b->v.len) - (a->v.len < b->v.len);
}

/* False: they can't be compared. */
static bool compare(const struct operand *a, const struct operand *b, int *ret)
{
        struct operand code;
        if (is_null(a) || is_null(b))
                *ret = is_null(b) - is_null(a);
        else if (is_number(a) && is_number(b))
                *ret = compare_numbers(a, b);
        else if (is_number(a) && as_code(b, &code))
                *ret = compare_numbers(a, &code);
        else if (is_number(b) && as_code(a, &code))
                *ret = compare_numbers(&code, b);
        else if (is_text(a) && is_text(b))
                *ret = compare_texts(a, b);
        else if (a->kind == K_VALUE && b->kind == K_VALUE && a->v.type == SL_BOOLEAN && b->v.type == SL_BOOLEAN)
                *ret = a->v.b - b->v.b;
        else if (is_date(a) && is_date(b) && a->schema->logical == b->schema->logical)
                *ret = (a->v.i64 > b->v.i64) - (a->v.i64 < b->v.i64);
        else
                return false;
        return true;
}

static bool equal(const struct operand *a, const struct operand *b)
{
        int c;
        if (compare(a, b, &c))
                return c == 0;
        if (a->kind != b->kind)
                return false;
        if (a->kind != K_VALUE)
                return a->schema == b->schema && a->header == b->header;
        return is_date(a) == is_date(b) && sl_value_equal(&a->v, &b->v);
}

/* Java's equals(): of one class. */
static bool same(const struct operand *a, const struct operand *b)
{
        if (a->kind != K_VALUE || b->kind != K_VALUE)
                return a->kind == b->kind && a->schema == b->schema && a->header == b->header;
        return a->v.type == b->v.type && is_date(a) == is_date(b) && is_decimal(a) == is_decimal(b) &&
               sl_value_equal(&a->v, &b->v);
}

static bool truth(const struct run *r, const struct operand *o)
{
        if (o->kind == K_HEADERS)
                return r->rec->header_count != 0;
        if (o->kind != K_VALUE)
                return true;
        switch (o->v.type) {
        case SL_NULL:
                return false;
        case SL_BOOLEAN:
                return o->v.b;
        case SL_STRING:
        case SL_ARRAY:
        case SL_MAP:
                return o->v.len != 0;
        case SL_BYTES:
                return is_decimal(o) ? as_double(o) != 0 : o->v.len != 0;
        case SL_STRUCT:
                return true;
        default:
                return is_date(o) || as_double(o) != 0;
        }
}

static bool member(struct run *r, struct sl_expr_node *list, const struct operand *what, bool *ret)
{
        *ret = false;
        for (struct sl_expr_node *n = list->first; n; n = n->next) {
                struct operand item;
                if (!eval(r, n, &item))
                        return false;
                *ret = *ret || same(&item, what);
        }
        return true;
}

/* ---- texts and numbers ---- */

/* Java's toString(). */
static struct sl_str text_of(struct run *r, const struct operand *o)
{
        struct sl_buf *b = &r->e->text;
        if (is_text(o))
                return sl_v_as_str(&o->v);
        sl_buf_clear(b);
        if (is_null(o))
                return SL_STR("null");
        if (is_whole(o))
                sl_buf_add_i64(b, o->v.i64);
        else if (o->v.type == SL_BOOLEAN)
                return o->v.b ? SL_STR("true") : SL_STR("false");
        else
                sl_value_print(o->schema, &o->v, b);
        return (struct sl_str){sl_arena_strndup(r->arena, sl_buf_cstr(b), b->len), b->len};
}

static bool match(struct run *r, struct sl_expr_node *n, struct sl_str s, struct operand *ret)
{
        int rc = pcre2_match(n->regex, (PCRE2_SPTR)s.ptr, s.len, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, n->match, NULL);
        if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
                return fail(r, "a regular expression that could not be matched");
        *ret = plain(sl_v_bool(rc >= 0));
        return true;
}

static bool arithmetic(struct run *r, struct sl_expr_node *n, const struct operand *a, const struct operand *b,
                       struct operand *ret)
{
        if (n->op == SL_X_ADD && (is_text(a) || (is_text(b) && (is_null(a) || is_number(a))))) {
                struct sl_str x = text_of(r, a), y = text_of(r, b);
                char *w = sl_arena_alloc(r->arena, x.len + y.len + 1);
                memcpy(w, x.ptr, x.len);
                memcpy(w + x.len, y.ptr, y.len);
                *ret = plain(sl_v_str((struct sl_str){w, x.len + y.len}));
                return true;
        }
        if (!is_whole(a) || !is_whole(b))
                return fail(r, "arithmetic with something that is no whole number");
        bool wide = a->v.type == SL_INT64 || b->v.type == SL_INT64;
        uint64_t x = (uint64_t)a->v.i64, y = (uint64_t)b->v.i64, z;
        if (n->op == SL_X_MOD && !y)
                return fail(r, "a division by zero");
        if (n->op == SL_X_ADD)
                z = x + y;
        else if (n->op == SL_X_SUB)
                z = x - y;
        else if (n->op == SL_X_MUL)
                z = x * y;
        else
                z = y == UINT64_MAX ? 0 : (uint64_t)(a->v.i64 % b->v.i64);
        *ret = plain(wide ? sl_v_i64(SL_INT64, (int64_t)z) : sl_v_i64(SL_INT32, (int32_t)z));
        return true;
}

/* ---- methods ---- */

static uint32_t java_length(const struct sl_value *v)
{
        uint32_t n = 0;
        for (uint32_t i = 0; i < v->len; i++)
                n += ((uint8_t)v->ptr[i] & 0xc0) != 0x80 ? 1 + ((uint8_t)v->ptr[i] >= 0xf0) : 0;
        return n;
}

static struct sl_str trimmed(struct sl_str s)
{
        while (s.len && (uint8_t)*s.ptr <= ' ')
                s = (struct sl_str){s.ptr + 1, s.len - 1};
        while (s.len && (uint8_t)s.ptr[s.len - 1] <= ' ')
                s.len--;
        return s;
}

static bool call_text(struct run *r, struct sl_expr_node *n, const struct operand *o, const struct operand *arg,
                      struct operand *ret)
{
        struct sl_str s = sl_v_as_str(&o->v), x = SL_STR("");
        bool needs = n->method == SL_M_STARTS_WITH || n->method == SL_M_ENDS_WITH || n->method == SL_M_CONTAINS;
        if (needs && !is_text(arg))
                return fail(r, "a text's method with something that is no text");
        if (needs)
                x = sl_v_as_str(&arg->v);
        bool fits = x.len <= s.len;
        switch (n->method) {
        case SL_M_STARTS_WITH:
                *ret = plain(sl_v_bool(fits && (!x.len || memcmp(s.ptr, x.ptr, x.len) == 0)));
                return true;
        case SL_M_ENDS_WITH:
                *ret = plain(sl_v_bool(fits && (!x.len || memcmp(s.ptr + s.len - x.len, x.ptr, x.len) == 0)));
                return true;
        case SL_M_CONTAINS:
                *ret = plain(sl_v_bool(!x.len || (fits && memmem(s.ptr, s.len, x.ptr, x.len))));
                return true;
        case SL_M_MATCHES:
                return match(r, n, s, ret);
        case SL_M_IS_EMPTY:
                *ret = plain(sl_v_bool(!s.len));
                return true;
        case SL_M_LENGTH:
        case SL_M_SIZE:
                *ret = plain(sl_v_i64(SL_INT32, java_length(&o->v)));
                return true;
        case SL_M_TRIM:
                *ret = plain(sl_v_str(trimmed(s)));
                return true;
        default:
                return fail(r, "a method that texts don't have");
        }
}

static bool call_container(struct run *r, struct sl_expr_node *n, const struct operand *o, const struct operand *arg,
                           struct operand *ret)
{
        bool array = o->kind == K_VALUE && o->v.type == SL_ARRAY, map = o->kind == K_VALUE && o->v.type == SL_MAP,
             hit = false;
        if (o->kind == K_SCHEMA && n->method == SL_M_NAME) {
                *ret = plain(o->schema->name ? sl_v_str(sl_str_c(o->schema->name)) : SL_V_NULL);
                return true;
        }
        if (n->method == SL_M_CONTAINS && array) {
                for (uint32_t i = 0; i < o->v.len; i++) {
                        struct operand item = {.v = o->v.items[i], .schema = o->schema ? o->schema->value : NULL};
                        hit = hit || same(&item, arg);
                }
        } else if (n->method == SL_M_CONTAINS_KEY && (map || o->kind == K_HEADERS) && is_text(arg)) {
                struct operand found = plain(SL_V_NULL);
                if (map)
                        hit = sl_map_find(&o->v, sl_v_as_str(&arg->v)) >= 0;
                else
                        find_header(r, sl_v_as_str(&arg->v), &found);
                hit = hit || found.kind == K_HEADER;
        } else if ((array || map) && n->method == SL_M_IS_EMPTY) {
                hit = !o->v.len;
        } else if ((array || map) && n->method == SL_M_SIZE) {
                *ret = plain(sl_v_i64(SL_INT32, o->v.len));
                return true;
        } else {
                return fail(r, "a method that this value does not have");
        }
        *ret = plain(sl_v_bool(hit));
        return true;
}

static bool call(struct run *r, struct sl_expr_node *n, struct operand *ret)
{
        struct operand o, arg = plain(SL_V_NULL);
        bool found;
        if (n->a->op == SL_X_LIST && n->method == SL_M_CONTAINS) {
                if (!eval(r, n->first, &arg) || !member(r, n->a, &arg, &found))
                        return false;
                *ret = plain(sl_v_bool(found));
                return true;
        }
        if (!eval(r, n->a, &o) || (n->first && !eval(r, n->first, &arg)))
                return false;
        *ret = plain(SL_V_NULL);
        if (is_null(&o) && n->safe)
                return true;
        if (n->method == SL_M_EQUALS || (is_null(&o) && n->method == SL_M_TO_STRING)) {
                if (n->method == SL_M_EQUALS && is_null(&o))
                        return fail(r, "a method of null");
                *ret = plain(n->method == SL_M_EQUALS ? sl_v_bool(same(&o, &arg)) : sl_v_str(SL_STR("null")));
                return true;
        }
        if (is_null(&o))
                return fail(r, "a method of null");
        if (n->method == SL_M_TO_STRING && o.kind == K_VALUE) {
                *ret = plain(sl_v_str(text_of(r, &o)));
                return true;
        }
        return is_text(&o) ? call_text(r, n, &o, &arg, ret) : call_container(r, n, &o, &arg, ret);
}

/* ---- the tree ---- */

static bool relation(struct run *r, struct sl_expr_node *n, const struct operand *a, const struct operand *b,
                     struct operand *ret)
{
        int c = 0;
        bool yes;
        if (n->op == SL_X_EQ || n->op == SL_X_NE)
                yes = equal(a, b) == (n->op == SL_X_EQ);
        else if (!compare(a, b, &c))
                return fail(r, "a comparison of two things that have no order");
        else
                yes = n->op == SL_X_LT ? c < 0 : n->op == SL_X_LE ? c <= 0 : n->op == SL_X_GT ? c > 0 : c >= 0;
        *ret = plain(sl_v_bool(yes));
        return true;
}

static bool logic(struct run *r, struct sl_expr_node *n, struct operand *ret)
{
        struct operand a;
        if (!eval(r, n->a, &a))
                return false;
        bool yes = truth(r, &a);
        switch (n->op) {
        case SL_X_TERNARY:
                return eval(r, yes ? n->b : n->c, ret);
        case SL_X_ELVIS:
                *ret = a;
                return yes || eval(r, n->b, ret);
        case SL_X_NOT:
                *ret = plain(sl_v_bool(!yes));
                return true;
        default:
                break;
        }
        if (yes == (n->op == SL_X_AND)) {
                if (!eval(r, n->b, &a))
                        return false;
                yes = truth(r, &a);
        }
        *ret = plain(sl_v_bool(yes));
        return true;
}

static bool one_sided(struct run *r, struct sl_expr_node *n, struct operand *ret)
{
        struct operand a;
        bool found;
        if (!eval(r, n->a, &a))
                return false;
        if (n->op == SL_X_MATCHES && !is_null(&a))
                return match(r, n, text_of(r, &a), ret);
        if (n->op == SL_X_MATCHES) {
                *ret = plain(sl_v_bool(false));
                return true;
        }
        if (n->op == SL_X_NEGATE) {
                if (!is_number(&a) || is_decimal(&a))
                        return fail(r, "a minus before something that is no number");
                *ret = a;
                if (!is_whole(&a))
                        ret->v.f64 = -a.v.f64;
                else
                        ret->v.i64 = (int64_t)(0 - (uint64_t)a.v.i64);
                return true;
        }
        if (!member(r, n->b, &a, &found))
                return false;
        *ret = plain(sl_v_bool(found == (n->op == SL_X_IN)));
        return true;
}

static bool eval(struct run *r, struct sl_expr_node *n, struct operand *ret)
{
        const struct sl_record *rec = r->rec;
        struct operand a, b;
        switch (n->op) {
        case SL_X_CONST:
                *ret = plain(n->value);
                return true;
        case SL_X_LIST:
                return fail(r, "a list where none is supported");
        case SL_X_VALUE:
                *ret = (struct operand){.v = rec->value, .schema = rec->value_schema};
                return true;
        case SL_X_KEY:
                *ret = (struct operand){.v = rec->key, .schema = rec->key_schema};
                return true;
        case SL_X_TOPIC:
                *ret = plain(rec->topic.ptr ? sl_v_str(rec->topic) : SL_V_NULL);
                return true;
        case SL_X_HEADERS:
                *ret = (struct operand){.kind = K_HEADERS};
                return true;
        case SL_X_VALUE_SCHEMA:
        case SL_X_KEY_SCHEMA:
                a.schema = n->op == SL_X_KEY_SCHEMA ? rec->key_schema : rec->value_schema;
                *ret = a.schema ? (struct operand){.kind = K_SCHEMA, .schema = a.schema} : plain(SL_V_NULL);
                return true;
        case SL_X_GET:
                return get(r, n, ret);
        case SL_X_CALL:
                return call(r, n, ret);
        case SL_X_NOT:
        case SL_X_AND:
        case SL_X_OR:
        case SL_X_TERNARY:
        case SL_X_ELVIS:
                return logic(r, n, ret);
        case SL_X_NEGATE:
        case SL_X_IN:
        case SL_X_NOT_IN:
        case SL_X_MATCHES:
                return one_sided(r, n, ret);
        default:
                if (!eval(r, n->a, &a) || !eval(r, n->b, &b))
                        return false;
                return n->op >= SL_X_ADD ? arithmetic(r, n, &a, &b, ret) : relation(r, n, &a, &b, ret);
        }
}

bool sl_expr_eval(struct sl_expr *e, const struct sl_record *rec, struct sl_arena *arena, struct sl_value *ret,
                  const char **ret_why)
{
        struct run r = {.e = e, .rec = rec, .arena = arena};
        struct operand o;
        bool ok = eval(&r, e->root, &o);
        if (ok && o.kind != K_VALUE)
                ok = fail(&r, "the result is no value");
        if (ok && is_date(&o))
                ok = fail(&r, "the result is a date");
        *ret = ok ? o.v : SL_V_NULL;
        *ret_why = r.why;
        return ok;
}
