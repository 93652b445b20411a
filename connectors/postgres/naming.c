/* SPDX-License-Identifier: Apache-2.0 */
/* Names: see naming.h. The strategies are Debezium's; expressions and replacements ("$1", "${name}", "\$") are Java's
 * (Matcher.matches, then replaceFirst), run by PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <pcre2.h>
#include <stdio.h>
#include "connectors/postgres/naming.h"

#define TOPIC_MAX 249

/* ---- topic.regex ---- */

/* A group of a replacement at *p (behind '$'), moved behind it: its number, or -1. Digits are taken as long as there is
 * such a group, as in Java. */
static int group(const pcre2_code *re, const char **p)
{
        uint32_t count = 0, n = 0;
        pcre2_pattern_info(re, PCRE2_INFO_CAPTURECOUNT, &count);
        if (**p == '{') {
                char name[64];
                const char *end = strchr(*p, '}');
                size_t len = end ? (size_t)(end - *p - 1) : 0;
                if (!len || len >= sizeof(name))
                        return -1;
                memcpy(name, *p + 1, len);
                name[len] = 0;
                *p = end + 1;
                int number = pcre2_substring_number_from_name(re, (PCRE2_SPTR)name);
                return number > 0 ? number : -1;
        }
        if (!isdigit((unsigned char)**p))
                return -1;
        n = (uint32_t)(*(*p)++ - '0');
        while (isdigit((unsigned char)**p) && n * 10 + (uint32_t)(**p - '0') <= count)
                n = n * 10 + (uint32_t)(*(*p)++ - '0');
        return n <= count ? (int)n : -1;
}

/* The replacement with its groups filled in from subject (md NULL: only checked). */
static bool expand(const pcre2_code *re, pcre2_match_data *md, const char *subject, const char *replacement,
                   struct sl_buf *out)
{
        for (const char *p = replacement; *p;) {
                if (*p == '\\' && *++p) {
                        sl_buf_addc(out, *p++);
                } else if (*p == '$') {
                        p++;
                        int g = group(re, &p);
                        if (g < 0)
                                return false;
                        const PCRE2_SIZE *at = md ? pcre2_get_ovector_pointer(md) : NULL;
                        if (at && at[2 * g] != PCRE2_UNSET)
                                sl_buf_add(out, subject + at[2 * g], at[2 * g + 1] - at[2 * g]);
                } else if (*p) {
                        sl_buf_addc(out, *p++);
                } else {
                        return false; /* a backslash at the end */
                }
        }
        return true;
}

static enum sl_rc open_regex(void **ret, const char *key, const char *regex, const char *replacement,
                             struct sl_err *err)
{
        int code;
        PCRE2_SIZE at;
        PCRE2_UCHAR why[200];
        struct sl_buf ignored = {0};
        pcre2_code *re = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &code, &at, NULL);
        if (!re) {
                pcre2_get_error_message(code, why, sizeof(why));
                return sl_fail(err, SL_E_CONFIG, "%s: '%s' is not a valid regular expression: %s at character %zu", key,
                               regex, (const char *)why, (size_t)at);
        }
        *ret = re;
        bool good = expand(re, NULL, NULL, replacement ? replacement : "", &ignored);
        sl_buf_free(&ignored);
        return good ? SL_OK
                    : sl_fail(err, SL_E_CONFIG, "%s: the replacement '%s' names a group that '%s' does not have", key,
                              replacement, regex);
}

enum sl_rc sl_pg_names_open(struct sl_pg_names *n, const struct sl_pg_cfg *cfg, struct sl_err *err)
{
        if (!(cfg->naming & SL_PG_NAME_REGEX))
                return SL_OK;
        if (!cfg->topic_regex || !cfg->topic_replacement)
                return sl_fail(err, SL_E_CONFIG,
                               "topic.regex and topic.replacement are needed by this "
                               "topic.naming.strategy");
        SL_TRY(open_regex(&n->topic, "topic.regex", cfg->topic_regex, cfg->topic_replacement, err));
        if (!cfg->key_field_regex || strspn(cfg->key_field_regex, " \t") == strlen(cfg->key_field_regex))
                return SL_OK;
        return open_regex(&n->key_field, "topic.key.field.regex", cfg->key_field_regex, cfg->key_field_replacement,
                          err);
}

void sl_pg_names_free(struct sl_pg_names *n)
{
        pcre2_code_free(n->topic);
        pcre2_code_free(n->key_field);
        *n = (struct sl_pg_names){0};
}

/* name, or what it becomes when the expression matches all of it; NULL = nothing is left. */
static const char *replaced(const pcre2_code *re, const char *replacement, const char *name, struct sl_arena *arena)
{
        pcre2_match_data *md = pcre2_match_data_create_from_pattern(re, NULL);
        size_t len = strlen(name);
        struct sl_buf out = {0};
        const char *ret = name;
        if (pcre2_match(re, (PCRE2_SPTR)name, len, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, md, NULL) >= 0 &&
            pcre2_match(re, (PCRE2_SPTR)name, len, 0, 0, md, NULL) >= 0) {
                const PCRE2_SIZE *at = pcre2_get_ovector_pointer(md);
                sl_buf_add(&out, name, at[0]);
                expand(re, md, name, replacement ? replacement : "", &out);
                sl_buf_add(&out, name + at[1], len - at[1]);
                ret = out.len ? sl_arena_strndup(arena, out.ptr, out.len) : NULL;
        }
        sl_buf_free(&out);
        pcre2_match_data_free(md);
        return ret;
}

/* ---- characters ---- */

/* Takes one character off *p; returns it, as UTF-16 in *ret_low too when it needs two units there (else that is 0). The
 * text is well-formed: the server sends nothing else. */
static unsigned next_char(const char **p, unsigned *ret_low)
{
        unsigned c = (unsigned char)*(*p)++;
        if (c >= 0xc0)
                c &= c >= 0xf0 ? 7 : c >= 0xe0 ? 15 : 31;
        while ((**p & 0xc0) == 0x80)
                c = c << 6 | ((unsigned char)*(*p)++ & 0x3f);
        *ret_low = c > 0xffff ? 0xdc00 | ((c - 0x10000) & 0x3ff) : 0;
        return c > 0xffff ? 0xd800 | ((c - 0x10000) >> 10 & 0x3ff) : c;
}

/* _u and hexadecimal digits: four of them, or three below U+1000 where the first is not zero, as in Debezium. */
static char *put_unicode(char *w, unsigned c)
{
        return w + snprintf(w, 8, "_u%s%x", c < 256 ? "00" : "", c);
}

/* What Kafka refuses is replaced (Java counts UTF-16 units), and the name cut after 249 characters. */
static char *sanitized(const char *name, bool unicode, struct sl_arena *arena)
{
        char *out = sl_arena_alloc(arena, strlen(name) * 6 + 16), *w = out;
        for (const char *p = name; *p;) {
                unsigned low, c = next_char(&p, &low);
                if (c < 128 && (isalnum((int)c) || strchr(unicode ? ".-" : "._-", (int)c))) {
                        *w++ = (char)c;
                } else if (unicode) {
                        w = put_unicode(w, c);
                        w = low ? put_unicode(w, low) : w;
                } else {
                        *w++ = '_';
                        if (low)
                                *w++ = '_';
                }
        }
        *w = 0;
        if (w - out > TOPIC_MAX)
                out[TOPIC_MAX] = 0;
        if (strcmp(out, ".") == 0 || strcmp(out, "..") == 0) {
                size_t dots = strlen(out);
                for (w = out; dots; dots--)
                        w = unicode ? put_unicode(w, '.') : memset(w, '_', 1) + 1;
                *w = 0;
        }
        return out;
}

static const char *joined(const struct sl_pg_cfg *cfg, const char *prefix, const char *schema, const char *table,
                          struct sl_arena *arena)
{
        return schema ? sl_arena_printf(arena, "%s%s%s%s%s", prefix, cfg->delimiter, schema, cfg->delimiter, table)
                      : sl_arena_printf(arena, "%s%s%s", prefix, cfg->delimiter, table);
}

const char *sl_pg_topic_name(const struct sl_pg_cfg *cfg, const char *prefix, const char *schema, const char *table,
                             struct sl_arena *arena)
{
        return sanitized(joined(cfg, prefix, schema, table, arena), false, arena);
}

const char *sl_pg_table_topic(const struct sl_pg_names *n, const struct sl_pg_cfg *cfg, const char *prefix,
                              const char *schema, const char *table, struct sl_arena *arena)
{
        const char *name = joined(cfg, prefix, cfg->naming & SL_PG_NAME_TABLE ? NULL : schema, table, arena);
        name = sanitized(name, cfg->naming & SL_PG_NAME_UNICODE, arena);
        const char *other = n->topic ? replaced(n->topic, cfg->topic_replacement, name, arena) : name;
        return other ? other : name;
}

const char *sl_pg_table_identity(const struct sl_pg_names *n, const struct sl_pg_cfg *cfg, const char *prefix,
                                 const char *schema, const char *table, struct sl_arena *arena)
{
        if (!(cfg->naming & SL_PG_NAME_REGEX) || !cfg->key_unique)
                return NULL;
        const char *name = joined(cfg, prefix, cfg->naming & SL_PG_NAME_TABLE ? NULL : schema, table, arena);
        const char *other = n->key_field ? replaced(n->key_field, cfg->key_field_replacement, name, arena) : name;
        return other ? other : "";
}

const char *sl_pg_adjust_name(int mode, bool dots, const char *name, struct sl_arena *arena)
{
        if (mode == SL_PG_ADJ_NONE)
                return name;
        char *out = sl_arena_alloc(arena, strlen(name) * 6 + 8), *w = out;
        for (const char *p = name; *p;) {
                bool first = p == name;
                unsigned low, ch = next_char(&p, &low);
                bool ok = ch < 128 && (isalpha((int)ch) || (ch == '_' && mode == SL_PG_ADJ_AVRO) ||
                                       (!first && (isdigit((int)ch) || (dots && ch == '.'))));
                if (ok) {
                        *w++ = (char)ch;
                } else if (mode == SL_PG_ADJ_AVRO) {
                        w += snprintf(w, 3, "%s", low ? "__" : "_");
                        if (first && ch < 128 && isdigit((int)ch))
                                *w++ = (char)ch;
                } else {
                        w = put_unicode(w, ch);
                        w = low ? put_unicode(w, low) : w;
                }
        }
        *w = 0;
        return out;
}
