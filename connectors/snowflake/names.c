/* SPDX-License-Identifier: Apache-2.0 */
/* Names: see names.h. The rules (what is replaced, the hash, the map's syntax, that expressions may not overlap) are
 * those of Snowflake's connector for Kafka; expressions are Java's, run by PCRE2 over the whole topic. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "connectors/snowflake/names.h"

#include <ctype.h>
#include <pcre2.h>
#include <stdlib.h>

struct entry {
        char *topic, *table;
        size_t topic_len, table_len;
        bool upper;     /* the table was not quoted */
        pcre2_code *re; /* matches the whole topic; NULL: the topic is no expression, it only counts as it is */
};
struct sl_sf_names {
        struct entry *entries;
        uint32_t count;
        bool replace, sanitize;
};

/* ---- identifiers ---- */

void sl_sf_literal(struct sl_str text, struct sl_buf *out)
{
        sl_buf_addc(out, '\'');
        for (size_t i = 0; i < text.len; i++) {
                char c = text.ptr[i];
                if (c == '\'' || c == '\\')
                        sl_buf_addc(out, c);
                sl_buf_addc(out, c);
        }
        sl_buf_addc(out, '\'');
}

static void add_upper(struct sl_str s, struct sl_buf *out)
{
        for (size_t i = 0; i < s.len; i++)
                sl_buf_addc(out, s.ptr[i] >= 'a' && s.ptr[i] <= 'z' ? (char)(s.ptr[i] - 32) : s.ptr[i]);
}

/* Is it "..." with every quote inside of it doubled? */
static bool is_quoted(struct sl_str s)
{
        if (s.len < 2 || s.ptr[0] != '"' || s.ptr[s.len - 1] != '"')
                return false;
        for (size_t i = 1; i + 1 < s.len; i++)
                if (s.ptr[i] == '"' && (i + 2 >= s.len || s.ptr[++i] != '"'))
                        return false;
        return true;
}

void sl_sf_normalize(struct sl_str s, struct sl_buf *out)
{
        if (is_quoted(s)) {
                for (size_t i = 1; i + 1 < s.len; i++) {
                        sl_buf_addc(out, s.ptr[i]);
                        i += s.ptr[i] == '"';
                }
                return;
        }
        size_t start = out->len;
        add_upper(s, out);
        size_t w = start; /* "\ " stands for a blank */
        for (size_t i = start; i < out->len; i++) {
                if (out->ptr[i] == '\\' && i + 1 < out->len && out->ptr[i + 1] == ' ')
                        continue;
                out->ptr[w++] = out->ptr[i];
        }
        out->len = w;
}

static bool first_ok(char c)
{
        return isalpha((unsigned char)c) || c == '_';
}
static bool later_ok(char c)
{
        return isalnum((unsigned char)c) || c == '_' || c == '$';
}

bool sl_sf_plain(struct sl_str s)
{
        if (s.len < 2 || !first_ok(s.ptr[0]))
                return false;
        for (size_t i = 1; i < s.len; i++)
                if (!later_ok(s.ptr[i]))
                        return false;
        return true;
}

/* A character of UTF-8 at *p, moved behind it; U+FFFD and one byte where there is none. */
static uint32_t next_char(const char **p, const char *end)
{
        const uint8_t *s = (const uint8_t *)*p;
        size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
        if (n > (size_t)(end - *p) || !sl_utf8_valid((struct sl_str){*p, n})) {
                ++*p;
                return 0xfffd;
        }
        *p += n;
        uint32_t c = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));
        for (size_t i = 1; i < n; i++)
                c = c << 6 | (s[i] & 0x3f);
        return c;
}

int32_t sl_sf_java_hash(struct sl_str text)
{
        const char *p = text.ptr, *end = text.ptr + text.len;
        uint32_t h = 0;
        while (p < end) {
                uint32_t c = next_char(&p, end);
                if (c > 0xffff) {
                        h = 31 * h + 0xd800 + ((c - 0x10000) >> 10);
                        c = 0xdc00 + ((c - 0x10000) & 0x3ff);
                }
                h = 31 * h + c;
        }
        return (int32_t)h;
}

/* Characters that may not be in a name become "_", one for each UTF-16 unit. */
static void replace_bad(struct sl_str s, struct sl_buf *out)
{
        const char *p = s.ptr, *end = s.ptr + s.len;
        if (p == end || !first_ok(*p))
                sl_buf_addc(out, '_');
        else
                add_upper((struct sl_str){p++, 1}, out);
        while (p < end) {
                const char *at = p;
                uint32_t c = next_char(&p, end);
                if (c < 0x80 && later_ok((char)c))
                        add_upper((struct sl_str){at, 1}, out);
                else
                        sl_buf_adds(out, c > 0xffff ? "__" : "_");
        }
}

/* Math.abs(Integer.MIN_VALUE) is negative in Java, and is written so. */
static void add_hash(struct sl_str original, struct sl_buf *out)
{
        int32_t h = sl_sf_java_hash(original);
        sl_buf_addc(out, '_');
        sl_buf_add_i64(out, h < 0 && h != INT32_MIN ? -(int64_t)h : h);
}

void sl_sf_sanitize(struct sl_str name, struct sl_buf *out)
{
        if (sl_sf_plain(name)) {
                add_upper(name, out);
                return;
        }
        struct sl_buf rest = {0};
        for (size_t i = 0; i < name.len; i++) {
                if (name.ptr[i] == '.' && i + 1 < name.len && name.ptr[i + 1] == '*')
                        i++;
                else
                        sl_buf_addc(&rest, name.ptr[i]);
        }
        replace_bad((struct sl_str){rest.ptr, rest.len}, out);
        sl_buf_free(&rest);
        add_hash(name, out);
}

/* ---- the map ---- */

struct parser {
        const char *text, *p;
        struct sl_err *err;
};

static void skip_blanks(struct parser *ps)
{
        while (isspace((unsigned char)*ps->p))
                ps->p++;
}

static enum sl_rc bad(struct parser *ps, const char *what)
{
        return sl_fail(ps->err, SL_E_CONFIG,
                       "snowflake.topic2table.map: %s at position %zu: \"%s\". Format: "
                       "<topic-1>:<table-1>,<topic-2>:\"<table-2>\",... "
                       "(0021)",
                       what, (size_t)(ps->p - ps->text), ps->text);
}

static enum sl_rc token(struct parser *ps, char **ret, size_t *ret_len, bool *ret_quoted)
{
        const char *start = ps->p;
        *ret_quoted = *ps->p == '"';
        if (*ret_quoted) {
                start = ++ps->p;
                while (*ps->p && *ps->p != '"')
                        ps->p++;
                if (!*ps->p)
                        return bad(ps, "Unterminated quoted token");
        } else {
                while (*ps->p && !isspace((unsigned char)*ps->p) && !strchr(":,\"", *ps->p))
                        ps->p++;
        }
        if (ps->p == start)
                return bad(ps, *ret_quoted ? "Empty quoted token"
                               : *ps->p    ? "Expected token"
                                           : "Expected token, found end of input");
        *ret_len = (size_t)(ps->p - start);
        *ret = sl_strndup(start, *ret_len);
        ps->p += *ret_quoted;
        return SL_OK;
}

static bool matches(const pcre2_code *re, const char *topic, size_t len, pcre2_match_data **ret)
{
        pcre2_match_data *md = pcre2_match_data_create_from_pattern(re, NULL);
        bool hit = md && pcre2_match(re, (PCRE2_SPTR)topic, len, 0, 0, md, NULL) > 0;
        if (hit && ret)
                *ret = md;
        else
                pcre2_match_data_free(md);
        return hit;
}

static enum sl_rc compile(struct entry *e, struct sl_err *err)
{
        int code;
        PCRE2_SIZE at;
        char why[200];
        e->re = pcre2_compile((PCRE2_SPTR)e->topic, e->topic_len, PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, &code,
                              &at, NULL);
        if (e->re)
                return SL_OK;
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
        return sl_fail(
                err, SL_E_CONFIG,
                "snowflake.topic2table.map: the topic %s is no regular expression: %s at its position %zu (0021)",
                e->topic, why, (size_t)at);
}

static enum sl_rc no_overlap(const struct sl_sf_names *n, const struct entry *e, struct sl_err *err)
{
        for (uint32_t i = 0; i < n->count; i++) {
                const struct entry *o = &n->entries[i];
                if (!strcmp(o->topic, e->topic))
                        return sl_fail(err, SL_E_CONFIG, "snowflake.topic2table.map: Duplicate topic: %s (0021)",
                                       e->topic);
                if (matches(e->re, o->topic, o->topic_len, NULL) || matches(o->re, e->topic, e->topic_len, NULL))
                        return sl_fail(err, SL_E_CONFIG,
                                       "snowflake.topic2table.map: Topic regexes cannot overlap. Overlapping regexes: "
                                       "%s, %s (0021)",
                                       o->topic, e->topic);
        }
        return SL_OK;
}

static void entry_free(struct entry *e)
{
        free(e->topic);
        free(e->table);
        pcre2_code_free(e->re);
}

static enum sl_rc parse_entry(struct parser *ps, struct entry *e)
{
        bool quoted;
        SL_TRY(token(ps, &e->topic, &e->topic_len, &quoted));
        skip_blanks(ps);
        if (*ps->p != ':')
                return bad(ps, "Expected ':'");
        ps->p++;
        skip_blanks(ps);
        SL_TRY(token(ps, &e->table, &e->table_len, &quoted));
        e->upper = !quoted;
        return compile(e, ps->err);
}

static enum sl_rc parse_map(struct sl_sf_names *n, const char *map, struct sl_err *err)
{
        struct parser ps = {map, map, err};
        skip_blanks(&ps);
        while (*ps.p) {
                struct entry e = {0};
                enum sl_rc rc = parse_entry(&ps, &e);
                if (rc == SL_OK)
                        rc = no_overlap(n, &e, err);
                if (rc != SL_OK) {
                        entry_free(&e);
                        return rc;
                }
                n->entries = sl_realloc(n->entries, (n->count + 1) * sizeof(e));
                n->entries[n->count++] = e;
                skip_blanks(&ps);
                if (!*ps.p)
                        return SL_OK;
                if (*ps.p != ',')
                        return bad(&ps, "Expected ','");
                ps.p++;
                skip_blanks(&ps);
        }
        return SL_OK;
}

enum sl_rc sl_sf_names_new(const struct sl_sf_names_opts *opts, struct sl_sf_names **ret, struct sl_err *err)
{
        struct sl_sf_names *n = sl_calloc(1, sizeof(*n));
        n->replace = opts->regex_replacement;
        n->sanitize = opts->sanitize;
        enum sl_rc rc = parse_map(n, opts->map ? opts->map : "", err);
        if (rc == SL_OK)
                *ret = n;
        else
                sl_sf_names_free(n);
        return rc;
}

void sl_sf_names_free(struct sl_sf_names *n)
{
        if (!n)
                return;
        for (uint32_t i = 0; i < n->count; i++)
                entry_free(&n->entries[i]);
        free(n->entries);
        free(n);
}

/* ---- tables, channels, pipes ---- */

/* A group of the template behind '$' at *p, moved behind it, or -1: Java takes digits as long as there is such a group.
 */
static int group_at(const pcre2_code *re, const char **p)
{
        uint32_t count = 0;
        pcre2_pattern_info(re, PCRE2_INFO_CAPTURECOUNT, &count);
        const char *end = **p == '{' ? strchr(*p, '}') : NULL;
        if (end) {
                char name[64];
                size_t len = (size_t)(end - *p - 1);
                if (len >= sizeof(name))
                        return -1;
                memcpy(name, *p + 1, len);
                name[len] = 0;
                *p = end + 1;
                int number = pcre2_substring_number_from_name(re, (PCRE2_SPTR)name);
                return number > 0 ? number : -1;
        }
        if (!isdigit((unsigned char)**p))
                return -1;
        uint32_t g = (uint32_t)(*(*p)++ - '0');
        while (isdigit((unsigned char)**p) && g * 10 + (uint32_t)(**p - '0') <= count)
                g = g * 10 + (uint32_t)(*(*p)++ - '0');
        return g <= count ? (int)g : -1;
}

static void expand(const struct entry *e, const pcre2_match_data *md, const char *topic, struct sl_buf *out)
{
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer((pcre2_match_data *)(uintptr_t)md);
        for (const char *p = e->table; *p;) {
                if (*p == '\\' && p[1]) {
                        sl_buf_addc(out, p[1]);
                        p += 2;
                } else if (*p == '$') {
                        p++;
                        int g = group_at(e->re, &p);
                        if (g >= 0 && at[2 * g] != PCRE2_UNSET)
                                sl_buf_add(out, topic + at[2 * g], at[2 * g + 1] - at[2 * g]);
                } else {
                        sl_buf_addc(out, *p++);
                }
        }
}

static void add_table(const struct sl_sf_names *n, const struct entry *e, struct sl_str topic, struct sl_buf *out)
{
        struct sl_buf name = {0};
        pcre2_match_data *md = NULL;
        if (n->replace && matches(e->re, topic.ptr, topic.len, &md))
                expand(e, md, topic.ptr, &name);
        else
                sl_buf_add(&name, e->table, e->table_len);
        pcre2_match_data_free(md);
        if (e->upper)
                add_upper((struct sl_str){name.ptr, name.len}, out);
        else
                sl_buf_add(out, name.ptr, name.len);
        sl_buf_free(&name);
}

void sl_sf_names_table(const struct sl_sf_names *n, struct sl_str topic, struct sl_buf *out)
{
        for (uint32_t i = 0; i < n->count && !n->replace; i++) {
                const struct entry *e = &n->entries[i];
                if (sl_str_eq(topic, (struct sl_str){e->topic, e->topic_len})) {
                        add_table(n, e, topic, out);
                        return;
                }
        }
        for (uint32_t i = 0; i < n->count; i++) {
                if (matches(n->entries[i].re, topic.ptr, topic.len, NULL)) {
                        add_table(n, &n->entries[i], topic, out);
                        return;
                }
        }
        if (n->sanitize)
                sl_sf_sanitize(topic, out);
        else
                sl_buf_add_str(out, topic);
}

void sl_sf_channel_name(const char *connector, struct sl_str topic, int32_t partition, struct sl_buf *out)
{
        if (connector) {
                sl_buf_adds(out, connector);
                sl_buf_addc(out, '_');
        }
        sl_buf_add_str(out, topic);
        sl_buf_addc(out, '_');
        sl_buf_add_i64(out, partition);
}

void sl_sf_pipe_name(struct sl_str table, struct sl_buf *out)
{
        sl_buf_add_str(out, table);
        sl_buf_adds(out, "-STREAMING");
}
