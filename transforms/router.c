/* SPDX-License-Identifier: Apache-2.0 */
/* RegexRouter: a record whose whole topic name matches `regex` gets the name that Java's Matcher.replaceFirst gives.
 * Only the topic changes; partition, timestamp and headers stay. The answer per topic is kept, so a row costs a
 * look-up. */
#include "api/transform.h"
#include "base/map.h"
#include "transforms/regex.h"

#include <stdlib.h>

/* Answers that are kept; further topics are matched on every row. */
#define MAX_TOPICS 4096

struct router_cfg {
        const char *regex, *replacement;
};

/* One piece of the replacement: text, or a group. */
struct piece {
        uint32_t group; /* with text NULL */
        const char *text;
        size_t len;
};

struct router {
        pcre2_code *code;
        pcre2_match_data *match;
        struct piece *pieces;
        uint32_t piece_count;
        char *texts;                     /* owns the pieces' text */
        struct sl_map topics;            /* name -> struct sl_str *, the name to use */
        struct sl_str last_in, last_out; /* slices of the map's memory */
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
static const char *named_group(const pcre2_code *code, const char *p, struct piece *ret, struct sl_buf *why)
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
                *ret = (struct piece){.group = (uint32_t)group};
                return p + n + 1;
        }
        return NULL;
}

/* $1: Java takes further digits as long as such a group exists. p behind the dollar. */
static const char *numbered_group(const pcre2_code *code, const char *p, struct piece *ret, struct sl_buf *why)
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
        *ret = (struct piece){.group = group};
        return p;
}

/* Cut the replacement into pieces (one more than its length at most) with their text in texts. False: why. */
static bool parse_replacement(const pcre2_code *code, const char *p, struct piece *pieces, uint32_t *count, char *texts,
                              struct sl_buf *why)
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
                        pieces[n++] = (struct piece){.text = texts};
                open = true;
                pieces[n - 1].len++;
                *texts++ = *p++;
        }
        *count = n;
        return p != NULL;
}

/* ---- config ---- */

static void router_close(void *st);

static bool router_bind(struct router *r, const struct router_cfg *cfg, const char **ret_key, struct sl_buf *why)
{
        size_t n = strlen(cfg->replacement);
        *ret_key = "regex";
        sl_buf_adds(why, "Invalid regex: ");
        r->code = sl_java_regex(cfg->regex, why);
        if (!r->code)
                return false;
        sl_buf_clear(why);
        *ret_key = "replacement";
        r->match = pcre2_match_data_create_from_pattern(r->code, NULL);
        r->pieces = sl_calloc(n + 1, sizeof(*r->pieces));
        r->texts = sl_malloc(n + 1);
        return parse_replacement(r->code, cfg->replacement, r->pieces, &r->piece_count, r->texts, why);
}

static void router_check(const void *config, struct sl_cfg_report *report)
{
        const struct router_cfg *cfg = config;
        struct router r = {0};
        struct sl_buf why = {0};
        const char *key;
        if (!cfg->regex || !cfg->replacement)
                return; /* reported as missing already */
        if (!router_bind(&r, cfg, &key, &why))
                sl_cfg_add_error(report, key, "Invalid value %s for configuration %s: %s",
                                 strcmp(key, "regex") == 0 ? cfg->regex : cfg->replacement, key, sl_buf_cstr(&why));
        router_close(&r);
        sl_buf_free(&why);
}

static enum sl_rc router_open(void *st, const void *cfg, const struct sl_transform_ops *ops sl_unused,
                              struct sl_err *err)
{
        struct sl_buf why = {0};
        const char *key;
        enum sl_rc rc = SL_OK;
        if (!router_bind(st, cfg, &key, &why))
                rc = sl_fail(err, SL_E_CONFIG, "RegexRouter: configuration %s is invalid: %s", key, sl_buf_cstr(&why));
        sl_buf_free(&why);
        return rc;
}

/* ---- rows ---- */

static enum sl_rc bad_match(int code, struct sl_str topic, struct sl_err *err)
{
        PCRE2_UCHAR message[160];
        pcre2_get_error_message(code, message, sizeof(message));
        return sl_fail(err, SL_E_TRANSFORM, "RegexRouter could not match the topic %.*s: %s", SL_FMT(topic),
                       (const char *)message);
}

/* Append the new name (the old one when the topic does not match) to out. */
static enum sl_rc route(struct router *r, struct sl_str topic, struct sl_buf *out, struct sl_err *err)
{
        PCRE2_SPTR text = (PCRE2_SPTR)topic.ptr;
        int n = pcre2_match(r->code, text, topic.len, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, r->match, NULL);
        if (n == PCRE2_ERROR_NOMATCH) {
                sl_buf_add_str(out, topic);
                return SL_OK;
        }
        if (n > 0) /* as Java: the first match of a fresh search is replaced, which may be shorter */
                n = pcre2_match(r->code, text, topic.len, 0, 0, r->match, NULL);
        if (n <= 0)
                return bad_match(n, topic, err);
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(r->match);
        sl_buf_add(out, topic.ptr, at[0]);
        for (uint32_t i = 0; i < r->piece_count; i++) {
                const struct piece *p = &r->pieces[i];
                if (p->text)
                        sl_buf_add(out, p->text, p->len);
                else if (at[2 * p->group] != PCRE2_UNSET)
                        sl_buf_add(out, topic.ptr + at[2 * p->group], at[2 * p->group + 1] - at[2 * p->group]);
        }
        sl_buf_add(out, topic.ptr + at[1], topic.len - at[1]);
        return SL_OK;
}

struct answer {
        struct sl_str in, out;
        char text[];
};

static sl_cold enum sl_rc first_sight(struct router *r, struct sl_record *rec, struct sl_arena *arena,
                                      struct sl_err *err)
{
        struct sl_buf name = {0};
        enum sl_rc rc = route(r, rec->topic, &name, err);
        struct sl_str out = {sl_buf_cstr(&name), name.len};
        if (rc == SL_OK && r->topics.live >= MAX_TOPICS) {
                rec->topic = (struct sl_str){sl_arena_strndup(arena, out.ptr, out.len), out.len};
        } else if (rc == SL_OK) {
                struct answer *a = sl_malloc(sizeof(*a) + rec->topic.len + out.len + 2);
                char *in_text = a->text, *out_text = a->text + rec->topic.len + 1;
                memcpy(in_text, rec->topic.ptr, rec->topic.len);
                memcpy(out_text, out.ptr, out.len);
                in_text[rec->topic.len] = out_text[out.len] = '\0';
                a->in = (struct sl_str){in_text, rec->topic.len};
                a->out = (struct sl_str){out_text, out.len};
                sl_map_put(&r->topics, a->in, a);
                r->last_in = a->in;
                rec->topic = r->last_out = a->out;
        }
        sl_buf_free(&name);
        return rc;
}

static enum sl_rc router_apply(void *st, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct router *r = st;
        if (!rec->topic.ptr)
                return SL_OK;
        if (sl_likely(r->last_in.ptr && sl_str_eq(rec->topic, r->last_in))) {
                rec->topic = r->last_out;
                return SL_OK;
        }
        const struct answer *a = sl_map_get(&r->topics, rec->topic);
        if (!a)
                return first_sight(r, rec, arena, err);
        r->last_in = a->in;
        rec->topic = r->last_out = a->out;
        return SL_OK;
}

static void router_close(void *st)
{
        struct router *r = st;
        sl_map_free(&r->topics, free);
        pcre2_match_data_free(r->match);
        pcre2_code_free(r->code);
        free(r->pieces);
        free(r->texts);
        *r = (struct router){0};
}

static const struct sl_cfg_def router_config[] = {
        {SL_CFG_STR(struct router_cfg, regex, "regex"), .flags = SL_CFG_REQUIRED, .importance = SL_HIGH,
         .doc = "Regular expression (Java's syntax) that the whole topic name must match."},
        {SL_CFG_STR(struct router_cfg, replacement, "replacement"), .flags = SL_CFG_REQUIRED, .importance = SL_HIGH,
         .doc = "The new topic name; $1 or ${name} stand for groups, \\ escapes."},
        {0},
};
static const char *const router_aliases[] = {"org.apache.kafka.connect.transforms.RegexRouter", NULL};

extern const struct sl_transform_ops sl_regex_router;
const struct sl_transform_ops sl_regex_router = {
        .name = "RegexRouter",
        .aliases = router_aliases,
        .config = router_config,
        .config_size = sizeof(struct router_cfg),
        .state_size = sizeof(struct router),
        .check = router_check,
        .open = router_open,
        .apply = router_apply,
        .close = router_close,
};
