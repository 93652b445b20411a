/* SPDX-License-Identifier: Apache-2.0 */
/* See route.h. The replacement's syntax and the complaints about it are those of java.util.regex.Matcher. */
#include "transforms/route.h"

#include <stdlib.h>

/* Answers that are kept; further names are matched on every row. */
#define MAX_NAMES 4096

/* One piece of the replacement: text, or a group. */
struct sl_route_piece {
        uint32_t group; /* with text NULL */
        const char *text;
        size_t len;
};

/* ---- the replacement ---- */

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
        return (c | 32) >= 'a' && (c | 32) <= 'z';
}

/* ${name}; p behind the brace. Returns the rest, or NULL with the reason in why. */
static const char *named_group(const pcre2_code *code, const char *p, struct sl_route_piece *ret, struct sl_buf *why)
{
        char name[64];
        size_t n = 0;
        while ((is_letter(p[n]) || is_digit(p[n])) && n < sizeof(name) - 1) {
                name[n] = p[n];
                n++;
        }
        name[n] = '\0';
        int group = n && p[n] == '}' && !is_digit(name[0]) ? pcre2_substring_number_from_name(code, (PCRE2_SPTR)name)
                                                           : PCRE2_ERROR_NOSUBSTRING;
        if (n == 0)
                sl_buf_adds(why, "named capturing group has 0 length name");
        else if (p[n] != '}')
                sl_buf_adds(why, "named capturing group is missing trailing '}'");
        else if (is_digit(name[0]))
                sl_buf_printf(why, "capturing group name {%s} starts with digit character", name);
        else if (group < 0)
                sl_buf_printf(why, "No group with name {%s}", name);
        else {
                *ret = (struct sl_route_piece){.group = (uint32_t)group};
                return p + n + 1;
        }
        return NULL;
}

/* $1: Java takes further digits as long as such a group exists. p behind the dollar. */
static const char *numbered_group(const pcre2_code *code, const char *p, struct sl_route_piece *ret, struct sl_buf *why)
{
        uint32_t groups = 0, group;
        pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
        if (!is_digit(*p)) {
                sl_buf_adds(why, *p ? "Illegal group reference" : "Illegal group reference: group index is missing");
                return NULL;
        }
        group = (uint32_t)(*p++ - '0');
        if (group > groups) {
                sl_buf_printf(why, "No group %u", group);
                return NULL;
        }
        while (is_digit(*p) && group * 10 + (uint32_t)(*p - '0') <= groups)
                group = group * 10 + (uint32_t)(*p++ - '0');
        *ret = (struct sl_route_piece){.group = group};
        return p;
}

/* Cut the replacement into pieces (one more than its length at most) with their text in texts. False: why. */
static bool parse_replacement(const pcre2_code *code, const char *p, struct sl_route_piece *pieces, uint32_t *count,
                              char *texts, struct sl_buf *why)
{
        uint32_t n = 0;
        bool open = false; /* the last piece is text that may grow */
        while (p && *p) {
                if (*p == '$') {
                        p++;
                        p = *p == '{' ? named_group(code, p + 1, &pieces[n], why)
                                      : numbered_group(code, p, &pieces[n], why);
                        if (p)
                                n++;
                        open = false;
                        continue;
                }
                if (*p == '\\' && !*++p) {
                        sl_buf_adds(why, "character to be escaped is missing");
                        return false;
                }
                if (!open)
                        pieces[n++] = (struct sl_route_piece){.text = texts};
                open = true;
                pieces[n - 1].len++;
                *texts++ = *p++;
        }
        *count = n;
        return p != NULL;
}

/* ---- open and close ---- */

bool sl_route_open(struct sl_route *r, const char *who, const char *regex, const char *replacement,
                   bool *ret_bad_replacement, struct sl_buf *why)
{
        size_t n = strlen(replacement), mark = why->len;
        r->who = who;
        *ret_bad_replacement = false;
        sl_buf_adds(why, "Invalid regex: ");
        r->code = sl_java_regex(regex, why);
        if (!r->code)
                return false;
        why->len = mark;
        *ret_bad_replacement = true;
        r->match = pcre2_match_data_create_from_pattern(r->code, NULL);
        r->pieces = sl_calloc(n + 1, sizeof(*r->pieces));
        r->texts = sl_malloc(n + 1);
        return parse_replacement(r->code, replacement, r->pieces, &r->piece_count, r->texts, why);
}

void sl_route_close(struct sl_route *r)
{
        sl_map_free(&r->names, free);
        pcre2_match_data_free(r->match);
        pcre2_code_free(r->code);
        free(r->pieces);
        free(r->texts);
        *r = (struct sl_route){0};
}

/* ---- rows ---- */

static enum sl_rc bad_match(const struct sl_route *r, int code, struct sl_str name, struct sl_err *err)
{
        PCRE2_UCHAR message[160];
        pcre2_get_error_message(code, message, sizeof(message));
        return sl_fail(err, SL_E_TRANSFORM, "%s could not match the topic %.*s: %s", r->who, SL_FMT(name),
                       (const char *)message);
}

/* Append the new name (the old one when it does not match) to out. */
static enum sl_rc replace(struct sl_route *r, struct sl_str name, struct sl_buf *out, bool *ret_matched,
                          struct sl_err *err)
{
        PCRE2_SPTR text = (PCRE2_SPTR)name.ptr;
        int n = pcre2_match(r->code, text, name.len, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, r->match, NULL);
        *ret_matched = n != PCRE2_ERROR_NOMATCH;
        if (n == PCRE2_ERROR_NOMATCH) {
                sl_buf_add_str(out, name);
                return SL_OK;
        }
        if (n > 0) /* as Java: the first match of a fresh search is replaced, which may be shorter */
                n = pcre2_match(r->code, text, name.len, 0, 0, r->match, NULL);
        if (n <= 0)
                return bad_match(r, n, name, err);
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(r->match);
        sl_buf_add(out, name.ptr, at[0]);
        for (uint32_t i = 0; i < r->piece_count; i++) {
                const struct sl_route_piece *p = &r->pieces[i];
                if (p->text)
                        sl_buf_add(out, p->text, p->len);
                else if (at[2 * p->group] != PCRE2_UNSET)
                        sl_buf_add(out, name.ptr + at[2 * p->group], at[2 * p->group + 1] - at[2 * p->group]);
        }
        sl_buf_add(out, name.ptr + at[1], name.len - at[1]);
        return SL_OK;
}

struct answer {
        struct sl_str in, out;
        bool matched;
        char text[];
};

static const struct answer *keep(struct sl_route *r, struct sl_str in, struct sl_str out, bool matched)
{
        struct answer *a = sl_malloc(sizeof(*a) + in.len + out.len + 2);
        char *in_text = a->text, *out_text = a->text + in.len + 1;
        memcpy(in_text, in.ptr, in.len);
        memcpy(out_text, out.ptr, out.len);
        in_text[in.len] = out_text[out.len] = '\0';
        a->in = (struct sl_str){in_text, in.len};
        a->out = (struct sl_str){out_text, out.len};
        a->matched = matched;
        sl_map_put(&r->names, a->in, a);
        return a;
}

static sl_cold enum sl_rc first_sight(struct sl_route *r, struct sl_str name, struct sl_arena *arena,
                                      struct sl_str *ret, bool *ret_matched, struct sl_err *err)
{
        struct sl_buf buf = {0};
        enum sl_rc rc = replace(r, name, &buf, ret_matched, err);
        struct sl_str out = {sl_buf_cstr(&buf), buf.len};
        if (rc == SL_OK && r->names.live >= MAX_NAMES) {
                *ret = (struct sl_str){sl_arena_strndup(arena, out.ptr, out.len), out.len};
        } else if (rc == SL_OK) {
                const struct answer *a = keep(r, name, out, *ret_matched);
                r->last = a;
                *ret = a->out;
        }
        sl_buf_free(&buf);
        return rc;
}

enum sl_rc sl_route_name(struct sl_route *r, struct sl_str name, struct sl_arena *arena, struct sl_str *ret,
                         bool *ret_matched, struct sl_err *err)
{
        const struct answer *a = r->last;
        bool matched;
        if (!ret_matched)
                ret_matched = &matched;
        if (!sl_likely(a && sl_str_eq(name, a->in)))
                a = sl_map_get(&r->names, name);
        if (!a)
                return first_sight(r, name, arena, ret, ret_matched, err);
        r->last = a;
        *ret = a->out;
        *ret_matched = a->matched;
        return SL_OK;
}
