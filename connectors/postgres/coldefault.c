/* SPDX-License-Identifier: Apache-2.0 */
/* Column defaults for schemas, from the text of pg_get_expr. Literals with casts are taken over; calls (now(),
 * nextval(...), CURRENT_TIMESTAMP) give the type's neutral value as in Debezium; other expressions give no default. */
#include <ctype.h>
#include <strings.h>
#include "connectors/postgres/relation.h"

enum kind { NONE, LITERAL, CALL };

/* Is what follows a literal only casts ("::character varying(3)")? */
static bool only_casts(const char *p, const char *end)
{
        if (p == end)
                return true;
        if (end - p < 3 || p[0] != ':' || p[1] != ':')
                return false;
        bool quoted = false;
        for (; p < end; p++) {
                quoted ^= *p == '"';
                if (!quoted && !isalnum((unsigned char)*p) && !strchr(" :_.\"(),[]", *p) && (unsigned char)*p < 128)
                        return false;
        }
        return true;
}

/* The end of a parenthesis that opens at p, or NULL. */
static const char *closing(const char *p, const char *end)
{
        int depth = 0;
        bool quoted = false;
        for (; p < end; p++) {
                quoted ^= *p == '\'';
                if (quoted)
                        continue;
                depth += (*p == '(') - (*p == ')');
                if (depth == 0)
                        return p + 1;
        }
        return NULL;
}

static enum kind quoted(const char *p, const char *end, struct sl_arena *arena, struct sl_str *ret)
{
        char *out = sl_arena_alloc(arena, (size_t)(end - p) + 1), *w = out;
        for (p++; p < end; p++) {
                if (*p == '\'') {
                        if (p + 1 == end || p[1] != '\'')
                                break;
                        p++;
                }
                *w++ = *p;
        }
        *w = 0;
        *ret = (struct sl_str){out, (size_t)(w - out)};
        return p < end && only_casts(p + 1, end) ? LITERAL : NONE;
}

static enum kind number(const char *p, const char *end, struct sl_arena *arena, struct sl_str *ret)
{
        const char *s = p + (*p == '-');
        while (s < end && (isdigit((unsigned char)*s) || *s == '.'))
                s++;
        *ret = (struct sl_str){sl_arena_strndup(arena, p, (size_t)(s - p)), (size_t)(s - p)};
        return s > p + (*p == '-') && only_casts(s, end) ? LITERAL : NONE;
}

static bool word_is(const char *p, size_t n, const char *word)
{
        return strlen(word) == n && strncasecmp(p, word, n) == 0;
}

static enum kind classify(const char *p, const char *end, struct sl_arena *arena, struct sl_str *ret)
{
        if (p == end)
                return NONE;
        if (*p == '(') {
                const char *close = closing(p, end);
                return close && only_casts(close, end) ? classify(p + 1, close - 1, arena, ret) : NONE;
        }
        if (*p == '\'')
                return quoted(p, end, arena, ret);
        if ((*p == 'B' || *p == 'E') && end - p > 1 && p[1] == '\'')
                return quoted(p + 1, end, arena, ret);
        if (*p == '-' || *p == '.' || isdigit((unsigned char)*p))
                return number(p, end, arena, ret);
        const char *s = p;
        while (s < end && (isalnum((unsigned char)*s) || strchr("_.\"", *s)))
                s++;
        size_t n = (size_t)(s - p);
        if (word_is(p, n, "true") || word_is(p, n, "false")) {
                *ret = (struct sl_str){*p == 't' || *p == 'T' ? "t" : "f", 1};
                return only_casts(s, end) ? LITERAL : NONE;
        }
        if (n && s < end && *s == '(') {
                const char *close = closing(s, end);
                return close && only_casts(close, end) ? CALL : NONE;
        }
        if (n >= 8 && (strncasecmp(p, "CURRENT_", 8) == 0 || strncasecmp(p, "LOCALTIME", 9) == 0) && only_casts(s, end))
                return CALL;
        return NONE;
}

/* The neutral value that stands for a default that is computed. */
static bool neutral(const struct sl_pg_codec *c, struct sl_arena *arena, struct sl_value *ret)
{
        static const struct {
                const char *name, *text;
        } texts[] = {{"io.debezium.data.Uuid", "00000000-0000-0000-0000-000000000000"},
                     {"io.debezium.data.Json", "{}"},
                     {"io.debezium.time.ZonedTimestamp", "1970-01-01 00:00:00+00"},
                     {"io.debezium.time.Interval", "00:00:00"}};
        const char *name = c->spec.name;
        if (name && strcmp(name, "io.debezium.data.Enum") == 0)
                return false;
        for (size_t i = 0; name && i < sizeof(texts) / sizeof(texts[0]); i++)
                if (strcmp(name, texts[i].name) == 0)
                        return c->parse(c, sl_str_c(texts[i].text), arena, ret);
        *ret = c->zero;
        return c->zero.type != SL_NULL;
}

/* '1.5' as the default of a numeric(5,2) that is written as text: 1.50, as in rows. */
static struct sl_str with_scale(struct sl_str text, int32_t scale, struct sl_arena *arena)
{
        const char *point = memchr(text.ptr, '.', text.len);
        size_t have = point ? (size_t)(text.ptr + text.len - point - 1) : 0;
        if (scale <= 0 || have >= (size_t)scale || !isdigit((unsigned char)text.ptr[text.len - 1]))
                return text;
        size_t pad = (size_t)scale - have, len = text.len + !point + pad;
        char *out = sl_arena_alloc(arena, len);
        memset(out, '0', len);
        memcpy(out, text.ptr, text.len);
        if (!point)
                out[text.len] = '.';
        return (struct sl_str){out, len};
}

bool sl_pg_default_value(const struct sl_pg_codec *c, const char *expr, struct sl_arena *arena, struct sl_value *ret)
{
        struct sl_str text;
        if (!expr || !c->has_default)
                return false;
        if (c->parse == sl_pg_parse_money || c->spec.type == SL_STRUCT)
                return false;
        switch (classify(expr, expr + strlen(expr), arena, &text)) {
        case LITERAL:
                if (c->parse == sl_pg_parse_decimal_str && text.len)
                        text = with_scale(text, c->scale, arena);
                return c->parse(c, text, arena, ret);
        case CALL:
                return neutral(c, arena, ret);
        default:
                return false;
        }
}
