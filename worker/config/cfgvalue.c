/* SPDX-License-Identifier: Apache-2.0 */
/* One configuration value: text to type and back, as Kafka's ConfigDef.parseType and convertToString do it.
 * Rules: String.trim (all characters up to U+0020); Integer.parseInt (sign and decimal digits); Double.parseDouble
 * without its hexadecimal form; true or false in any case; lists split on commas with blanks around, empty items kept,
 * an empty text is an empty list. Ranges, enums and required keys are cfgdef.c's. */
#include "config/cfgvalue.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

static struct sl_str trim(const char *text)
{
        struct sl_str s = sl_str_c(text);
        while (s.len && (unsigned char)s.ptr[0] <= ' ') {
                s.ptr++;
                s.len--;
        }
        while (s.len && (unsigned char)s.ptr[s.len - 1] <= ' ')
                s.len--;
        return s;
}

/* The regular expression \s of Java. */
static bool is_space(char c)
{
        return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct sl_cfg_list parse_list(struct sl_str s, struct sl_arena *arena)
{
        struct sl_cfg_list list = {0};
        if (!s.len)
                return list;
        uint32_t n = 1;
        for (size_t i = 0; i < s.len; i++)
                n += s.ptr[i] == ',';
        const char **items = sl_arena_alloc(arena, n * sizeof(*items));
        const char *p = s.ptr, *end = s.ptr + s.len;
        for (uint32_t i = 0; i < n; i++) {
                const char *comma = memchr(p, ',', (size_t)(end - p));
                const char *stop = comma ? comma : end;
                const char *next = stop;
                while (i > 0 && p < stop && is_space(*p))
                        p++;
                while (comma && stop > p && is_space(stop[-1]))
                        stop--;
                items[i] = sl_arena_strndup(arena, p, (size_t)(stop - p));
                p = next + 1;
        }
        list.items = items;
        list.count = n;
        return list;
}

static bool parse_double(struct sl_str s, double *ret)
{
        struct sl_str t = s;
        if (t.len > 1 && strchr("fFdD", t.ptr[t.len - 1]) &&
            (t.ptr[t.len - 2] == '.' || (t.ptr[t.len - 2] >= '0' && t.ptr[t.len - 2] <= '9')))
                t.len--;
        if (sl_str_eqc(t, "+Infinity") || sl_str_eqc(t, "+NaN") || sl_str_eqc(t, "-NaN")) {
                t.ptr++;
                t.len--;
        }
        return sl_parse_f64(t, ret);
}

static bool parse_int(struct sl_str s, int64_t min, int64_t max, int64_t *ret)
{
        return sl_parse_i64(s, ret) && *ret >= min && *ret <= max;
}

const char *sl_cfg_value_parse(enum sl_cfg_type type, const char *text, struct sl_arena *arena,
                               struct sl_cfg_value *ret)
{
        *ret = (struct sl_cfg_value){.null = true};
        if (!text)
                return NULL;
        struct sl_str s = trim(text);
        switch (type) {
        case SL_CFG_T_INT:
                if (!parse_int(s, INT32_MIN, INT32_MAX, &ret->i))
                        return "Not a number of type INT";
                break;
        case SL_CFG_T_SHORT:
                if (!parse_int(s, INT16_MIN, INT16_MAX, &ret->i))
                        return "Not a number of type SHORT";
                break;
        case SL_CFG_T_LONG:
                if (!parse_int(s, INT64_MIN, INT64_MAX, &ret->i))
                        return "Not a number of type LONG";
                break;
        case SL_CFG_T_DOUBLE:
                if (!parse_double(s, &ret->d))
                        return "Not a number of type DOUBLE";
                break;
        case SL_CFG_T_BOOLEAN:
                ret->b = s.len == 4 && strncasecmp(s.ptr, "true", 4) == 0;
                if (!ret->b && !(s.len == 5 && strncasecmp(s.ptr, "false", 5) == 0))
                        return "Expected value to be either true or false";
                break;
        case SL_CFG_T_LIST:
                ret->list = parse_list(s, arena);
                break;
        case SL_CFG_T_CLASS:
                if (!s.len)
                        return sl_arena_printf(arena, "Class %s could not be found.", text);
                ret->s = sl_arena_strndup(arena, s.ptr, s.len);
                break;
        case SL_CFG_T_STRING:
        case SL_CFG_T_PASSWORD:
        case SL_CFG_T_ENUM:
                ret->s = sl_arena_strndup(arena, s.ptr, s.len);
                break;
        }
        ret->null = false;
        return NULL;
}

void sl_cfg_value_print(enum sl_cfg_type type, const struct sl_cfg_value *v, struct sl_buf *out)
{
        switch (type) {
        case SL_CFG_T_INT:
        case SL_CFG_T_SHORT:
        case SL_CFG_T_LONG:
                sl_buf_add_i64(out, v->i);
                break;
        case SL_CFG_T_DOUBLE:
                sl_buf_add_f64(out, v->d);
                break;
        case SL_CFG_T_BOOLEAN:
                sl_buf_adds(out, v->b ? "true" : "false");
                break;
        case SL_CFG_T_LIST:
                for (uint32_t i = 0; i < v->list.count; i++) {
                        if (i)
                                sl_buf_addc(out, ',');
                        sl_buf_adds(out, v->list.items[i]);
                }
                break;
        case SL_CFG_T_PASSWORD:
                sl_buf_adds(out, "[hidden]");
                break;
        case SL_CFG_T_STRING:
        case SL_CFG_T_CLASS:
        case SL_CFG_T_ENUM:
                sl_buf_adds(out, v->s);
                break;
        }
}

const char *sl_cfg_type_name(enum sl_cfg_type type)
{
        switch (type) {
        case SL_CFG_T_PASSWORD:
                return "PASSWORD";
        case SL_CFG_T_CLASS:
                return "CLASS";
        case SL_CFG_T_INT:
                return "INT";
        case SL_CFG_T_SHORT:
                return "SHORT";
        case SL_CFG_T_LONG:
                return "LONG";
        case SL_CFG_T_DOUBLE:
                return "DOUBLE";
        case SL_CFG_T_BOOLEAN:
                return "BOOLEAN";
        case SL_CFG_T_LIST:
                return "LIST";
        case SL_CFG_T_STRING:
        case SL_CFG_T_ENUM:
                break;
        }
        return "STRING";
}

const struct sl_cfg_enum *sl_cfg_enum_find(const struct sl_cfg_def *row, const char *text)
{
        bool fold = row->flags & SL_CFG_CASE_INSENSITIVE;
        for (const struct sl_cfg_enum *e = row->values; e && e->name; e++)
                if ((fold ? strcasecmp(e->name, text) : strcmp(e->name, text)) == 0)
                        return e;
        return NULL;
}

const struct sl_cfg_def *sl_cfg_target(const struct sl_cfg_def *defs, const struct sl_cfg_def *row)
{
        if (row->alias_of)
                for (const struct sl_cfg_def *d = defs; d->name; d++)
                        if (!d->alias_of && strcmp(d->name, row->alias_of) == 0)
                                return d;
        return row;
}

static bool look(const char *prefix, const char *name, const struct sl_props *props, struct sl_arena *arena,
                 struct sl_cfg_given *ret)
{
        const char *key = prefix[0] ? sl_arena_printf(arena, "%s%s", prefix, name) : name;
        if (!sl_props_has(props, key))
                return false;
        *ret = (struct sl_cfg_given){true, sl_props_get(props, key), key};
        return true;
}

struct sl_cfg_given sl_cfg_given(const struct sl_cfg_def *defs, const struct sl_cfg_def *row, const char *prefix,
                                 const struct sl_props *props, struct sl_arena *arena)
{
        struct sl_cfg_given own = {0}, old;
        if (look(prefix, row->name, props, arena, &own) && own.value)
                return own;
        for (const struct sl_cfg_def *d = defs; d->name; d++)
                if (d != row && d->alias_of && strcmp(d->alias_of, row->name) == 0 &&
                    look(prefix, d->name, props, arena, &old) && (old.value || !own.present)) {
                        own = old;
                        if (old.value)
                                break;
                }
        return own;
}
