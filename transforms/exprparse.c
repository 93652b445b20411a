/* SPDX-License-Identifier: Apache-2.0 */
/* See expr.h: from text to tree, by recursive descent in Groovy's order of precedence. */
#include <stdlib.h>
#include "transforms/expr.h"

#define MAX_DEPTH 100

struct parser {
        struct sl_expr *e;
        const char *p;
        struct sl_buf *why;
        unsigned depth;
        bool failed;
};

static struct sl_expr_node *expression(struct parser *ps);
static struct sl_expr_node *unary(struct parser *ps);

/* The first complaint stands. */
static bool is_first(struct parser *ps)
{
        bool first = !ps->failed;
        ps->failed = true;
        return first;
}

/* NULL, and why: format with one %.*s for len bytes of detail. */
#define refuse(ps, format, detail, len)                                                                                \
        ((is_first(ps) ? sl_buf_printf((ps)->why, format, (int)(len), detail) : (void)0), (struct sl_expr_node *)NULL)

static struct sl_expr_node *node(struct parser *ps, enum sl_expr_op op)
{
        struct sl_expr_node *n = sl_arena_zalloc(&ps->e->arena, sizeof(*n));
        n->op = op;
        return n;
}

static struct sl_expr_node *binary(struct parser *ps, enum sl_expr_op op, struct sl_expr_node *a,
                                   struct sl_expr_node *b)
{
        struct sl_expr_node *n = node(ps, op);
        n->a = a;
        n->b = b;
        return a && b ? n : NULL;
}

static struct sl_expr_node *constant(struct parser *ps, struct sl_value v)
{
        struct sl_expr_node *n = node(ps, SL_X_CONST);
        n->value = v;
        return n;
}

/* ---- characters ---- */

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
        return is_digit(c) || c == '_' || c == '$' || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static void skip_space(struct parser *ps)
{
        ps->p += strspn(ps->p, " \t\r\n");
}

/* An operator or a bracket. */
static bool take(struct parser *ps, const char *what)
{
        skip_space(ps);
        size_t n = strlen(what);
        if (strncmp(ps->p, what, n) != 0)
                return false;
        ps->p += n;
        return true;
}

static struct sl_str peek_name(struct parser *ps)
{
        skip_space(ps);
        size_t n = 0;
        while (is_name(ps->p[n]))
                n++;
        return (struct sl_str){ps->p, is_digit(*ps->p) ? 0 : n};
}

static bool take_word(struct parser *ps, const char *word)
{
        if (!sl_str_eqc(peek_name(ps), word))
                return false;
        ps->p += strlen(word);
        return true;
}

/* ---- literals ---- */

static bool escape(struct parser *ps, char **w)
{
        static const char from[] = "nrtbf\\'\"$", to[] = "\n\r\t\b\f\\'\"$";
        const char *hit = *ps->p ? strchr(from, *ps->p) : NULL;
        if (hit) {
                *(*w)++ = to[hit - from];
                ps->p++;
                return true;
        }
        int c = *ps->p == 'u' ? sl_hex4(ps->p + 1, ps->p + strnlen(ps->p, 5)) : -1;
        if (c < 0 || (c >= 0xd800 && c < 0xe000))
                return refuse(ps, "the escape \\%.*s in a text is not known", ps->p, *ps->p != 0) != NULL;
        ps->p += 5;
        *w = sl_utf8_put(*w, (uint32_t)c);
        return true;
}

/* 'x', "x" without ${}, and /x/, where only \/ is an escape. */
static bool text(struct parser *ps, struct sl_str *ret)
{
        char quote = *ps->p;
        const char *start = ps->p;
        if (quote != '/' && ps->p[1] == quote && ps->p[2] == quote)
                return refuse(ps, "texts in three quotes are not supported%.*s", "", 0) != NULL;
        char *out = sl_arena_alloc(&ps->e->arena, strlen(ps->p) + 4), *w = out;
        for (ps->p++; *ps->p != quote;) {
                if (!*ps->p || *ps->p == '\n')
                        return refuse(ps, "the text %.*s has no end", start, strlen(start)) != NULL;
                if (*ps->p == '$' && quote == '"')
                        return refuse(ps,
                                      "$ in a text in double quotes (a GString, which is no String to Debezium either) "
                                      "is "
                                      "not supported: put texts together with +%.*s",
                                      "", 0) != NULL;
                if (*ps->p == '\\' && quote == '/' && ps->p[1] == '/')
                        ps->p++;
                else if (*ps->p == '\\' && quote != '/') {
                        ps->p++;
                        if (!escape(ps, &w))
                                return false;
                        continue;
                }
                *w++ = *ps->p++;
        }
        ps->p++;
        *w = '\0';
        *ret = (struct sl_str){out, (size_t)(w - out)};
        return true;
}

static struct sl_expr_node *number(struct parser *ps)
{
        const char *from = ps->p;
        bool whole = true;
        int64_t i;
        double d;
        while (is_digit(*ps->p))
                ps->p++;
        if (*ps->p == '.' && is_digit(ps->p[1])) {
                whole = false;
                for (ps->p++; is_digit(*ps->p);)
                        ps->p++;
        }
        struct sl_str digits = {from, (size_t)(ps->p - from)};
        bool wide = whole && (*ps->p == 'L' || *ps->p == 'l');
        ps->p += wide;
        if (is_name(*ps->p) || (whole && digits.len > 1 && *from == '0'))
                return refuse(ps, "the number %.*s is written in a way that is not supported", from, digits.len + 1);
        if (whole && sl_parse_i64(digits, &i))
                return constant(ps, sl_v_i64(!wide && i <= INT32_MAX ? SL_INT32 : SL_INT64, i));
        if (!whole && sl_parse_f64(digits, &d))
                return constant(ps, sl_v_f64(SL_FLOAT64, d));
        return refuse(ps, "the number %.*s is too large", from, digits.len);
}

static struct sl_expr_node *list(struct parser *ps)
{
        struct sl_expr_node *n = node(ps, SL_X_LIST), **end = &n->first;
        if (take(ps, "]"))
                return n;
        do {
                struct sl_expr_node *item = expression(ps);
                if (!item)
                        return NULL;
                if (take(ps, ":"))
                        return refuse(ps, "a map in [...] is not supported%.*s", "", 0);
                *end = item;
                end = &item->next;
        } while (take(ps, ","));
        return take(ps, "]") ? n : refuse(ps, "a list has no closing bracket near \"%.*s\"", ps->p, strnlen(ps->p, 20));
}

/* ---- properties and methods ---- */

static const struct {
        const char *name;
        enum sl_expr_method method;
        uint32_t args;
} methods[] = {
        {"startsWith", SL_M_STARTS_WITH, 1}, {"endsWith", SL_M_ENDS_WITH, 1}, {"contains", SL_M_CONTAINS, 1},
        {"equals", SL_M_EQUALS, 1},          {"matches", SL_M_MATCHES, 1},    {"isEmpty", SL_M_IS_EMPTY, 0},
        {"length", SL_M_LENGTH, 0},          {"size", SL_M_SIZE, 0},          {"trim", SL_M_TRIM, 0},
        {"toString", SL_M_TO_STRING, 0},     {"name", SL_M_NAME, 0},          {"containsKey", SL_M_CONTAINS_KEY, 1},
};

static bool set_regex(struct parser *ps, struct sl_expr_node *n, const struct sl_expr_node *pattern)
{
        struct sl_buf why = {0};
        if (!pattern || pattern->op != SL_X_CONST || pattern->value.type != SL_STRING)
                return refuse(ps, "a regular expression that is not written as a text is not supported%.*s", "", 0) !=
                       NULL;
        if (ps->e->pattern_count == sizeof(ps->e->patterns) / sizeof(*ps->e->patterns))
                return refuse(ps, "more than 32 regular expressions are not supported%.*s", "", 0) != NULL;
        n->regex = sl_java_regex(pattern->value.ptr, &why);
        bool ok = n->regex || refuse(ps, "a regular expression is invalid: %.*s", sl_buf_cstr(&why), why.len);
        sl_buf_free(&why);
        if (!ok)
                return false;
        n->match = pcre2_match_data_create_from_pattern(n->regex, NULL);
        ps->e->patterns[ps->e->pattern_count++] = n;
        return true;
}

static struct sl_expr_node *get(struct parser *ps, struct sl_expr_node *a, struct sl_str name, bool safe)
{
        struct sl_expr_node *n = node(ps, SL_X_GET);
        n->a = a;
        n->safe = safe;
        n->name = (struct sl_str){sl_arena_strndup(&ps->e->arena, name.ptr, name.len), name.len};
        return n;
}

/* .name or ['name']. Some names are not the record's: Groovy finds Java's first. */
static struct sl_expr_node *own_property(struct parser *ps, struct sl_expr_node *a, struct sl_str name, bool safe)
{
        static const char *const own[] = {"schema", "values", "class", "metaClass"};
        bool of_header = a->op == SL_X_HEADERS || (a->op == SL_X_GET && a->a->op == SL_X_HEADERS);
        for (size_t i = 0; !of_header && i < sizeof(own) / sizeof(*own); i++)
                if (sl_str_eqc(name, own[i]))
                        return refuse(
                                ps,
                                "the property %.*s is the Java object's own in Groovy, not the record's field: write "
                                "get('...') for the field",
                                name.ptr, name.len);
        return get(ps, a, name, safe);
}

/* p behind the opening parenthesis. */
static struct sl_expr_node *call(struct parser *ps, struct sl_expr_node *a, struct sl_str name, bool safe)
{
        struct sl_expr_node *arg = NULL, *n = node(ps, SL_X_CALL);
        uint32_t args = 0;
        if (!take(ps, ")")) {
                arg = expression(ps);
                args = 1;
                if (!arg)
                        return NULL;
                if (!take(ps, ")"))
                        return refuse(ps, "the method %.*s() with these arguments is not supported", name.ptr,
                                      name.len);
        }
        if (sl_str_eqc(name, "get") && args == 1 && arg->op == SL_X_CONST && arg->value.type == SL_STRING)
                return get(ps, a, sl_v_as_str(&arg->value), safe);
        for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
                if (!sl_str_eqc(name, methods[i].name) || args != methods[i].args)
                        continue;
                n->a = a;
                n->safe = safe;
                n->first = arg;
                n->method = methods[i].method;
                return n->method != SL_M_MATCHES || set_regex(ps, n, arg) ? n : NULL;
        }
        return refuse(ps, "the method %.*s() (or these arguments of it) is not supported", name.ptr, name.len);
}

static struct sl_expr_node *property(struct parser *ps, struct sl_expr_node *a, bool safe)
{
        struct sl_str name = peek_name(ps);
        bool quoted = *ps->p == '\'' || *ps->p == '"';
        if (quoted ? !text(ps, &name) : !name.len)
                return refuse(ps, "a property's name is missing near \"%.*s\"", ps->p, strnlen(ps->p, 20));
        ps->p += quoted ? 0 : name.len;
        if (*ps->p == '(') {
                ps->p++;
                return call(ps, a, name, safe);
        }
        skip_space(ps);
        if (*ps->p == '{')
                return refuse(ps, "a closure behind %.*s is not supported", name.ptr, name.len);
        return own_property(ps, a, name, safe);
}

static struct sl_expr_node *postfix(struct parser *ps, struct sl_expr_node *n)
{
        while (n) {
                skip_space(ps);
                if (take(ps, "?.")) {
                        n = property(ps, n, true);
                } else if (*ps->p == '.' && ps->p[1] != '.' && ps->p[1] != '@' && ps->p[1] != '&') {
                        ps->p++;
                        n = property(ps, n, false);
                } else if (take(ps, "[")) {
                        struct sl_str name;
                        skip_space(ps);
                        if (*ps->p != '\'' && *ps->p != '"')
                                return refuse(ps, "an index that is no text is not supported near \"%.*s\"", ps->p,
                                              strnlen(ps->p, 20));
                        if (!text(ps, &name) || !take(ps, "]"))
                                return refuse(ps, "the index near \"%.*s\" has no end", ps->p, strnlen(ps->p, 20));
                        n = own_property(ps, n, name, false);
                } else {
                        break;
                }
        }
        return n;
}

/* ---- operators ---- */

static struct sl_expr_node *variable(struct parser *ps, struct sl_str name)
{
        static const struct {
                const char *name;
                enum sl_expr_op op;
        } bindings[] = {{"value", SL_X_VALUE},          {"key", SL_X_KEY},
                        {"topic", SL_X_TOPIC},          {"header", SL_X_HEADERS},
                        {"keySchema", SL_X_KEY_SCHEMA}, {"valueSchema", SL_X_VALUE_SCHEMA}};
        ps->p += name.len;
        for (size_t i = 0; i < sizeof(bindings) / sizeof(*bindings); i++)
                if (sl_str_eqc(name, bindings[i].name))
                        return node(ps, bindings[i].op);
        if (sl_str_eqc(name, "true") || sl_str_eqc(name, "false"))
                return constant(ps, sl_v_bool(*name.ptr == 't'));
        if (sl_str_eqc(name, "null"))
                return constant(ps, SL_V_NULL);
        if (sl_str_eqc(name, "headers"))
                return refuse(ps, "%.*s is not bound: Debezium's name for them is header (header.x.value)", name.ptr,
                              name.len);
        skip_space(ps);
        if (*ps->p == '(')
                return refuse(ps, "calling %.*s() is not supported", name.ptr, name.len);
        return refuse(
                ps,
                "the name %.*s is not known (value, key, topic, header, valueSchema and keySchema are); statements, "
                "variables and classes are not supported",
                name.ptr, name.len);
}

static struct sl_expr_node *primary(struct parser *ps)
{
        struct sl_str s;
        skip_space(ps);
        if (ps->depth > MAX_DEPTH)
                return refuse(ps, "the expression nests too deep%.*s", "", 0);
        if (take(ps, "(")) {
                struct sl_expr_node *n = expression(ps);
                if (n && !take(ps, ")"))
                        return refuse(ps, "a closing parenthesis is missing near \"%.*s\"", ps->p, strnlen(ps->p, 20));
                return postfix(ps, n);
        }
        if (take(ps, "["))
                return postfix(ps, list(ps));
        if (*ps->p == '\'' || *ps->p == '"' || *ps->p == '/')
                return text(ps, &s) ? postfix(ps, constant(ps, sl_v_str(s))) : NULL;
        if (is_digit(*ps->p))
                return number(ps);
        s = peek_name(ps);
        if (s.len)
                return postfix(ps, variable(ps, s));
        return refuse(ps, *ps->p ? "this is not supported: \"%.*s\"" : "the expression ends early%.*s", ps->p,
                      strnlen(ps->p, 20));
}

static struct sl_expr_node *unary(struct parser *ps)
{
        enum sl_expr_op op;
        skip_space(ps);
        if (*ps->p == '!' && ps->p[1] != '=')
                op = SL_X_NOT;
        else if (*ps->p == '-' && ps->p[1] != '-')
                op = SL_X_NEGATE;
        else
                return primary(ps);
        ps->p++;
        ps->depth++;
        struct sl_expr_node *n = node(ps, op);
        n->a = ps->depth > MAX_DEPTH ? refuse(ps, "the expression nests too deep%.*s", "", 0) : unary(ps);
        ps->depth--;
        return n->a ? n : NULL;
}

static struct sl_expr_node *product(struct parser *ps)
{
        struct sl_expr_node *n = unary(ps);
        while (n) {
                skip_space(ps);
                if (*ps->p == '/' || strncmp(ps->p, "**", 2) == 0)
                        return refuse(ps, "the operator %.*s is not supported", ps->p, 1);
                if (take(ps, "*"))
                        n = binary(ps, SL_X_MUL, n, unary(ps));
                else if (take(ps, "%"))
                        n = binary(ps, SL_X_MOD, n, unary(ps));
                else
                        break;
        }
        return n;
}

static struct sl_expr_node *sum(struct parser *ps)
{
        struct sl_expr_node *n = product(ps);
        while (n) {
                skip_space(ps);
                char c = *ps->p;
                if ((c != '+' && c != '-') || ps->p[1] == c)
                        break;
                ps->p++;
                n = binary(ps, c == '+' ? SL_X_ADD : SL_X_SUB, n, product(ps));
        }
        return n;
}

static bool take_not_in(struct parser *ps)
{
        skip_space(ps);
        if (strncmp(ps->p, "!in", 3) != 0 || is_name(ps->p[3]))
                return false;
        ps->p += 3;
        return true;
}

static struct sl_expr_node *relation(struct parser *ps)
{
        struct sl_expr_node *n = sum(ps);
        while (n) {
                struct sl_str word = peek_name(ps);
                enum sl_expr_op op;
                if (sl_str_eqc(word, "instanceof") || sl_str_eqc(word, "as"))
                        return refuse(ps, "the operator %.*s is not supported", word.ptr, word.len);
                if (strncmp(ps->p, "<=>", 3) == 0 || strncmp(ps->p, "<<", 2) == 0 || strncmp(ps->p, ">>", 2) == 0)
                        return refuse(ps, "the operator %.*s is not supported", ps->p, 2);
                if (take(ps, "<="))
                        op = SL_X_LE;
                else if (take(ps, ">="))
                        op = SL_X_GE;
                else if (take(ps, "<"))
                        op = SL_X_LT;
                else if (take(ps, ">"))
                        op = SL_X_GT;
                else if (take_word(ps, "in"))
                        op = SL_X_IN;
                else if (take_not_in(ps))
                        op = SL_X_NOT_IN;
                else
                        break;
                n = binary(ps, op, n, sum(ps));
                if (n && op >= SL_X_IN && n->b->op != SL_X_LIST)
                        return refuse(ps, "in with anything but a list in [...] is not supported%.*s", "", 0);
        }
        return n;
}

static struct sl_expr_node *equality(struct parser *ps)
{
        struct sl_expr_node *n = relation(ps);
        while (n) {
                skip_space(ps);
                if (strncmp(ps->p, "===", 3) == 0 || strncmp(ps->p, "!==", 3) == 0)
                        return refuse(ps, "the operator %.*s is not supported", ps->p, 3);
                if (strncmp(ps->p, "=~", 2) == 0)
                        return refuse(ps, "the operator %.*s (find) is not supported: ==~ matches the whole text",
                                      ps->p, 2);
                if (take(ps, "==~")) {
                        struct sl_expr_node *m = node(ps, SL_X_MATCHES);
                        m->a = n;
                        n = set_regex(ps, m, relation(ps)) ? m : NULL;
                } else if (take(ps, "==")) {
                        n = binary(ps, SL_X_EQ, n, relation(ps));
                } else if (take(ps, "!=")) {
                        n = binary(ps, SL_X_NE, n, relation(ps));
                } else {
                        break;
                }
        }
        return n;
}

static struct sl_expr_node *conjunction(struct parser *ps)
{
        struct sl_expr_node *n = equality(ps);
        while (n && take(ps, "&&"))
                n = binary(ps, SL_X_AND, n, equality(ps));
        return n;
}

static struct sl_expr_node *disjunction(struct parser *ps)
{
        struct sl_expr_node *n = conjunction(ps);
        while (n && take(ps, "||"))
                n = binary(ps, SL_X_OR, n, conjunction(ps));
        return n;
}

static struct sl_expr_node *expression(struct parser *ps)
{
        if (++ps->depth > MAX_DEPTH)
                return refuse(ps, "the expression nests too deep%.*s", "", 0);
        struct sl_expr_node *n = disjunction(ps);
        if (n && take(ps, "?:")) {
                n = binary(ps, SL_X_ELVIS, n, expression(ps));
        } else if (n && take(ps, "?")) {
                n = binary(ps, SL_X_TERNARY, n, expression(ps));
                if (n && !take(ps, ":"))
                        return refuse(ps, "a ternary has no : near \"%.*s\"", ps->p, strnlen(ps->p, 20));
                if (n && !(n->c = expression(ps)))
                        return NULL;
        }
        ps->depth--;
        return n;
}

bool sl_expr_parse(struct sl_expr *e, const char *source, struct sl_buf *why)
{
        struct parser ps = {.e = e, .p = source, .why = why};
        sl_arena_init(&e->arena, 0);
        take_word(&ps, "return");
        e->root = expression(&ps);
        take(&ps, ";");
        skip_space(&ps);
        if (e->root && *ps.p)
                e->root = refuse(&ps, "this is not supported: \"%.*s\"", ps.p, strnlen(ps.p, 20));
        return e->root != NULL;
}

void sl_expr_close(struct sl_expr *e)
{
        for (uint32_t i = 0; i < e->pattern_count; i++) {
                pcre2_match_data_free(e->patterns[i]->match);
                pcre2_code_free(e->patterns[i]->regex);
        }
        sl_buf_free(&e->text);
        sl_arena_free(&e->arena);
        *e = (struct sl_expr){0};
}
