/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a configuration by its table: look-up, defaults, parsing into the component's struct, range and enum checks,
 * old names, warnings. Texts are those of Kafka's ConfigDef 4.2 (ConfigException, Range, ValidString, ...).
 * Values are cfgvalue.c's, JSON and Markdown cfgjson.c's. Does not load classes: a CLASS is its name, and whoever looks
 * it up adds "Class x could not be found.".
 *
 * Two steps as in Kafka: the value is parsed; then the row's validator looks at it, also when parsing failed or a
 * required key is missing, where it sees null. So one bad key can have two errors. An explicit null is null to the
 * validator; the struct gets the default then, and a required key counts as missing. */
#include "config/cfgdef.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/cfgvalue.h"

/* ---- report ---- */

static sl_printf(4, 0) void add_finding(struct sl_cfg_report *r, bool warning, const char *key, const char *fmt, va_list ap)
{
        va_list again;
        va_copy(again, ap);
        int n = vsnprintf(NULL, 0, fmt, again);
        va_end(again);
        size_t room = n < 0 ? 1 : (size_t)n + 1;
        char *text = sl_arena_alloc(&r->arena, room);
        text[0] = '\0';
        vsnprintf(text, room, fmt, ap);
        if (r->count == r->cap) {
                uint32_t cap = r->cap ? r->cap * 2 : 16;
                struct sl_cfg_finding *more = sl_arena_alloc(&r->arena, cap * sizeof(*more));
                if (r->count)
                        memcpy(more, r->findings, r->count * sizeof(*more));
                r->findings = more;
                r->cap = cap;
        }
        r->findings[r->count++] = (struct sl_cfg_finding){sl_arena_strdup(&r->arena, key), text, warning};
        r->errors += !warning;
}

void sl_cfg_add_error(struct sl_cfg_report *r, const char *key, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        add_finding(r, false, key, fmt, ap);
        va_end(ap);
}

void sl_cfg_add_warning(struct sl_cfg_report *r, const char *key, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        add_finding(r, true, key, fmt, ap);
        va_end(ap);
}

bool sl_cfg_has_error(const struct sl_cfg_report *r, const char *key)
{
        for (uint32_t i = 0; i < r->count; i++)
                if (!r->findings[i].warning && strcmp(r->findings[i].key, key) == 0)
                        return true;
        return false;
}

void sl_cfg_report_free(struct sl_cfg_report *r)
{
        sl_arena_free(&r->arena);
        *r = (struct sl_cfg_report){0};
}

/* ---- look-up ---- */

static bool has_prefix(const struct sl_cfg_def *row, const char *key)
{
        size_t n = strlen(row->name);
        if (!(row->flags & SL_CFG_PREFIX))
                return false;
        if (n && row->name[n - 1] == '*')
                n--;
        return strncmp(key, row->name, n) == 0 && key[n];
}

const struct sl_cfg_def *sl_cfg_find(const struct sl_cfg_def *defs, const char *key)
{
        const struct sl_cfg_def *prefix = NULL;
        for (const struct sl_cfg_def *d = defs; d->name; d++) {
                if (strcmp(d->name, key) == 0)
                        return sl_cfg_target(defs, d);
                if (!prefix && has_prefix(d, key))
                        prefix = d;
        }
        return prefix;
}

/* ---- parse ---- */

struct parse {
        const struct sl_cfg_def *defs;
        const char *prefix;
        const struct sl_props *props;
        char *out;
        struct sl_arena *arena;
        struct sl_cfg_report *r;
};

/* A value as messages show it. */
static const char *shown(const struct sl_cfg_def *row, const struct sl_cfg_value *v, struct sl_arena *arena)
{
        struct sl_buf text = {0};
        if (v->null)
                return "null";
        sl_cfg_value_print(row->type, v, &text);
        const char *s = sl_arena_strdup(arena, sl_buf_cstr(&text));
        sl_buf_free(&text);
        return s;
}

static void invalid(struct parse *p, const char *key, const char *value, const char *reason)
{
        sl_cfg_add_error(p->r, key, "Invalid value %s for configuration %s: %s", value, key, reason);
}

static void check_range(struct parse *p, const struct sl_cfg_def *row, const char *key, const struct sl_cfg_value *v)
{
        bool low, high, is_double = row->type == SL_CFG_T_DOUBLE;
        if (!(row->flags & (SL_CFG_HAS_MIN | SL_CFG_HAS_MAX)))
                return;
        if (v->null) {
                invalid(p, key, "null", "Value must be non-null");
                return;
        }
        low = row->flags & SL_CFG_HAS_MIN && (is_double ? v->d < (double)row->min : v->i < row->min);
        high = row->flags & SL_CFG_HAS_MAX && (is_double ? v->d > (double)row->max : v->i > row->max);
        if (low || high)
                invalid(p, key, shown(row, v, &p->r->arena),
                        sl_arena_printf(&p->r->arena, "Value must be %s %lld", low ? "at least" : "no more than",
                                        (long long)(low ? row->min : row->max)));
}

static void check_enum(struct parse *p, const struct sl_cfg_def *row, const char *key, const struct sl_cfg_value *v)
{
        bool fold = row->flags & SL_CFG_CASE_INSENSITIVE;
        const struct sl_cfg_enum *found = v->null ? NULL : sl_cfg_enum_find(row, v->s);
        if (found) {
                if (found->unsupported)
                        invalid(p, key, v->s, found->unsupported);
                return;
        }
        struct sl_buf text = {0};
        sl_buf_printf(&text, "String must be one of%s: ", fold ? " (case insensitive)" : "");
        bool first = true;
        for (const struct sl_cfg_enum *e = row->values; e && e->name; e++) {
                if (e->unsupported)
                        continue;
                if (!first)
                        sl_buf_adds(&text, ", ");
                first = false;
                for (const char *c = e->name; *c; c++)
                        sl_buf_addc(&text, fold ? (char)toupper((unsigned char)*c) : *c);
        }
        invalid(p, key, v->null ? "null" : v->s, sl_buf_cstr(&text));
        sl_buf_free(&text);
}

static bool has_twice(const struct sl_cfg_list *list)
{
        for (uint32_t i = 0; i < list->count; i++)
                for (uint32_t k = 0; k < i; k++)
                        if (strcmp(list->items[i], list->items[k]) == 0)
                                return true;
        return false;
}

/* The sentence of the first rule that a list breaks, as Kafka's ValidList has them. */
static void check_list(struct parse *p, const struct sl_cfg_def *row, const char *key, const struct sl_cfg_value *v)
{
        const char *why = NULL;
        if (row->flags & SL_CFG_UNIQUE && v->null)
                why = "values must not be null.";
        else if (row->flags & SL_CFG_NONEMPTY && !v->null && !v->list.count)
                why = "must not be empty. Valid values include: any non-empty value";
        else if (row->flags & SL_CFG_UNIQUE && has_twice(&v->list))
                why = "values must not be duplicated.";
        for (uint32_t i = 0; row->flags & SL_CFG_UNIQUE && !why && i < v->list.count; i++)
                if (!v->list.items[i][0])
                        why = "values must not be empty.";
        if (why)
                sl_cfg_add_error(p->r, key, "Configuration '%s' %s", key, why);
}

static void check(struct parse *p, const struct sl_cfg_def *row, const char *key, const struct sl_cfg_value *v)
{
        switch (row->type) {
        case SL_CFG_T_INT:
        case SL_CFG_T_SHORT:
        case SL_CFG_T_LONG:
        case SL_CFG_T_DOUBLE:
                check_range(p, row, key, v);
                break;
        case SL_CFG_T_ENUM:
                check_enum(p, row, key, v);
                break;
        case SL_CFG_T_STRING:
        case SL_CFG_T_PASSWORD:
                if (row->flags & SL_CFG_NONEMPTY && !v->null && !v->s[0])
                        invalid(p, key, "", "String must be non-empty");
                break;
        case SL_CFG_T_LIST:
                check_list(p, row, key, v);
                break;
        case SL_CFG_T_CLASS:
        case SL_CFG_T_BOOLEAN:
                break;
        }
}

static void store(struct parse *p, const struct sl_cfg_def *row, const struct sl_cfg_value *v)
{
        if (!p->out || row->offset == SL_CFG_NO_MEMBER || v->null)
                return;
        void *member = p->out + row->offset;
        const struct sl_cfg_enum *e;
        switch (row->type) {
        case SL_CFG_T_STRING:
        case SL_CFG_T_PASSWORD:
        case SL_CFG_T_CLASS:
                *(const char **)member = v->s;
                break;
        case SL_CFG_T_INT:
        case SL_CFG_T_SHORT:
                *(int32_t *)member = (int32_t)v->i;
                break;
        case SL_CFG_T_LONG:
                *(int64_t *)member = v->i;
                break;
        case SL_CFG_T_DOUBLE:
                *(double *)member = v->d;
                break;
        case SL_CFG_T_BOOLEAN:
                *(bool *)member = v->b;
                break;
        case SL_CFG_T_LIST:
                *(struct sl_cfg_list *)member = v->list;
                break;
        case SL_CFG_T_ENUM:
                e = sl_cfg_enum_find(row, v->s);
                if (e)
                        *(int *)member = e->value;
                break;
        }
}

/* A refused key passes only with the default of its row, which changes nothing. */
static void parse_refused(struct parse *p, const struct sl_cfg_def *row, const struct sl_cfg_given *given)
{
        struct sl_cfg_value v, def;
        if (!given->value)
                return;
        bool parsed = !sl_cfg_value_parse(row->type, given->value, p->arena, &v) &&
                      !sl_cfg_value_parse(row->type, row->def, p->arena, &def) && !def.null;
        if (parsed && row->type != SL_CFG_T_PASSWORD &&
            strcmp(shown(row, &v, &p->r->arena), shown(row, &def, &p->r->arena)) == 0)
                return;
        invalid(p, given->key, sl_cfg_is_secret(&p->defs, 1, row->name) ? "[hidden]" : given->value, row->unsupported);
}

static void warn(struct parse *p, const struct sl_cfg_def *row, const char *key)
{
        const char *doc = row->doc ? row->doc : "";
        if (row->flags & SL_CFG_IGNORED)
                sl_cfg_add_warning(p->r, key, "Configuration %s has no effect here.%s%s", key, *doc ? " " : "", doc);
        else if (row->flags & SL_CFG_DEPRECATED)
                sl_cfg_add_warning(p->r, key, "Configuration %s is deprecated.%s%s", key, *doc ? " " : "", doc);
}

/* An old name: its value is read with the row it stands for. */
static void parse_alias(struct parse *p, const struct sl_cfg_def *row, const struct sl_cfg_def *target)
{
        const char *key = sl_arena_printf(&p->r->arena, "%s%s", p->prefix, row->name);
        if (!sl_props_get(p->props, key))
                return;
        struct sl_cfg_given given = sl_cfg_given(p->defs, target, p->prefix, p->props, &p->r->arena);
        if (strcmp(given.key, key) != 0)
                sl_cfg_add_warning(p->r, key, "Configuration %s is ignored because %s is set too.", key, given.key);
        else if (row->flags & SL_CFG_DEPRECATED)
                sl_cfg_add_warning(p->r, key, "Configuration %s is deprecated. Use %s%s instead.", key, p->prefix,
                                   target->name);
}

static void parse_row(struct parse *p, const struct sl_cfg_def *row)
{
        struct sl_cfg_given given = sl_cfg_given(p->defs, row, p->prefix, p->props, &p->r->arena);
        struct sl_cfg_value v, def;
        if (row->unsupported) {
                if (given.present)
                        parse_refused(p, row, &given);
                return;
        }
        const char *key = given.present ? given.key : sl_arena_printf(&p->r->arena, "%s%s", p->prefix, row->name);
        if (given.value)
                warn(p, row, key);
        bool bad_def = sl_cfg_value_parse(row->type, row->def, p->arena, &def) != NULL;
        if (!bad_def && !(row->flags & SL_CFG_IGNORED))
                store(p, row, &def);
        bool missing = !given.value && row->flags & SL_CFG_REQUIRED;
        if (!given.present && !missing)
                return;
        uint32_t errors = p->r->errors;
        const char *why = sl_cfg_value_parse(row->type, given.value, p->arena, &v);
        if (missing)
                sl_cfg_add_error(p->r, key, "Missing required configuration \"%s\" which has no default value.", key);
        if (why)
                invalid(p, key, row->type == SL_CFG_T_PASSWORD ? "[hidden]" : given.value, why);
        uint32_t n = p->r->count;
        check(p, row, key + strlen(p->prefix), &v); /* Kafka's validators see the key without its prefix */
        for (; n < p->r->count; n++)
                p->r->findings[n].key = key;
        if (row->flags & SL_CFG_RAW && !v.null)
                v.s = sl_arena_strdup(p->arena, given.value);
        if (p->r->errors == errors && !(row->flags & SL_CFG_IGNORED))
                store(p, row, &v);
}

/* One more key and its value in the member of a prefix row. */
static void keep(struct parse *p, const struct sl_cfg_def *row, const char *key, const char *value)
{
        if (!p->out || row->offset == SL_CFG_NO_MEMBER)
                return;
        struct sl_cfg_list *list = (struct sl_cfg_list *)(void *)(p->out + row->offset);
        const char **items = sl_arena_alloc(p->arena, (list->count + 2) * sizeof(*items));
        if (list->count)
                memcpy(items, list->items, list->count * sizeof(*items));
        items[list->count] = sl_arena_strdup(p->arena, key);
        items[list->count + 1] = sl_arena_strdup(p->arena, value);
        *list = (struct sl_cfg_list){items, list->count + 2};
}

/* Keys that a prefix row stands for: refused, without effect or kept, as the row says; else they are passed through. */
static void parse_prefix(struct parse *p, const struct sl_cfg_def *row)
{
        const char *key, *value;
        size_t skip = strlen(p->prefix);
        for (size_t i = 0; sl_props_next(p->props, &i, &key, &value);) {
                if (!value || strncmp(key, p->prefix, skip) != 0 || !has_prefix(row, key + skip) ||
                    sl_cfg_find(p->defs, key + skip) != row)
                        continue;
                if (row->unsupported)
                        invalid(p, key, sl_cfg_is_secret(&p->defs, 1, key + skip) ? "[hidden]" : value, row->unsupported);
                else
                        warn(p, row, key);
                if (!row->unsupported)
                        keep(p, row, key + skip, value);
        }
}

void sl_cfg_parse_at(const struct sl_cfg_def *defs, const char *prefix, const struct sl_props *props, void *out,
                     struct sl_arena *arena, struct sl_cfg_report *r)
{
        struct parse p = {defs, prefix ? prefix : "", props, out, arena, r};
        for (const struct sl_cfg_def *row = defs; row->name; row++) {
                const struct sl_cfg_def *target = sl_cfg_target(defs, row);
                if (row->flags & SL_CFG_PREFIX)
                        parse_prefix(&p, row);
                else if (target != row)
                        parse_alias(&p, row, target);
                else
                        parse_row(&p, row);
        }
}

void sl_cfg_parse(const struct sl_cfg_def *defs, const struct sl_props *props, void *out, struct sl_arena *arena,
                  struct sl_cfg_report *r)
{
        sl_cfg_parse_at(defs, "", props, out, arena, r);
}

/* ---- unknown keys ---- */

#define NEAR 3
#define KEY_MAX 128

/* Levenshtein distance, at most NEAR + 1. */
static unsigned distance(const char *a, const char *b)
{
        size_t n = strlen(a), m = strlen(b);
        unsigned row[KEY_MAX + 1];
        if (n > KEY_MAX || m > KEY_MAX || n > m + NEAR || m > n + NEAR)
                return NEAR + 1;
        for (size_t j = 0; j <= m; j++)
                row[j] = (unsigned)j;
        for (size_t i = 1; i <= n; i++) {
                unsigned diagonal = row[0];
                row[0] = (unsigned)i;
                for (size_t j = 1; j <= m; j++) {
                        unsigned swap = diagonal + (a[i - 1] != b[j - 1]);
                        unsigned step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
                        diagonal = row[j];
                        row[j] = swap < step ? swap : step;
                }
        }
        return row[m] > NEAR ? NEAR + 1 : row[m];
}

static size_t common(const char *a, const char *b)
{
        size_t n = 0;
        while (a[n] && a[n] == b[n])
                n++;
        return n;
}

/* The known key that was probably meant: the fewest edits (at most 3, and fewer than half of the key's letters), else
 * the longest common beginning (at least 6 letters and two thirds of the key). NULL if none is near. */
static const char *nearest(const struct sl_cfg_def *const *tables, size_t n, const char *key)
{
        const char *close = NULL, *start = NULL;
        size_t len = strlen(key), longest = len * 2 / 3 > 5 ? len * 2 / 3 : 5;
        unsigned best = NEAR + 1;
        for (size_t t = 0; t < n; t++)
                for (const struct sl_cfg_def *d = tables[t]; d->name; d++) {
                        if (d->flags & (SL_CFG_PREFIX | SL_CFG_HIDDEN | SL_CFG_IGNORED) || d->unsupported ||
                            d->alias_of)
                                continue;
                        unsigned edits = distance(key, d->name);
                        if (edits < best && edits * 2 < len) {
                                best = edits;
                                close = d->name;
                        }
                        if (common(key, d->name) > longest) {
                                longest = common(key, d->name);
                                start = d->name;
                        }
                }
        return close ? close : start;
}

void sl_cfg_check_unknown(const struct sl_cfg_def *const *tables, size_t n, const struct sl_props *props,
                          struct sl_cfg_report *r)
{
        const char *key, *value;
        for (size_t i = 0; sl_props_next(props, &i, &key, &value);) {
                bool known = false;
                for (size_t t = 0; t < n && !known; t++)
                        known = sl_cfg_find(tables[t], key) != NULL;
                if (known)
                        continue;
                const char *hint = nearest(tables, n, key);
                if (hint)
                        sl_cfg_add_warning(r, key, "Configuration %s is not known and has no effect. Did you mean %s?",
                                           key, hint);
                else
                        sl_cfg_add_warning(r, key, "Configuration %s is not known and has no effect.", key);
        }
}
