/* SPDX-License-Identifier: Apache-2.0 */
/* Response header rules and CORS (see headers.h). */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "rest/headers.h"
#include <ctype.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"

#define MAX_RULES 64
#define MATCH_LIMIT 100000
#define KEY "response.http.headers.config"

struct rule {
        bool replace, date;
        char *name, *value;
        int64_t offset_ms; /* date: from now */
};

struct sl_rest_headers {
        struct rule rules[MAX_RULES];
        size_t nrules;
        bool cors, any_origin;
        pcre2_code **origins;
        size_t norigins;
        pcre2_match_context *limits;
        char *methods;
};

/* --- response.http.headers.config ------------------------------------------------------------------------------------
 */

/* One item of the list into out, without the quotes around it or parts of it; a backslash takes the next character as
 * it is. The position after its comma, or NULL at the end. */
static const char *next_item(const char *p, struct sl_buf *out)
{
        bool quoted = false;
        size_t solid = 0; /* length up to the last character that isn't a space outside quotes */
        sl_buf_clear(out);
        p += strspn(p, " \t");
        for (; *p && (quoted || *p != ','); p++) {
                if (*p == '"') {
                        quoted = !quoted;
                        continue;
                }
                p += *p == '\\' && p[1];
                sl_buf_addc(out, *p);
                if (quoted || !isspace((unsigned char)*p))
                        solid = out->len;
        }
        out->len = solid;
        return *p ? p + 1 : NULL;
}

static bool is_token(const char *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char)p[i]) && !strchr("!#$%&'*+-.^_`|~", p[i]))
                        return false;
        return n > 0;
}

static enum sl_rc bad_rule(const char *item, const char *why, struct sl_err *err)
{
        return sl_fail(err, SL_E_CONFIG,
                       "Invalid value '%s' for configuration " KEY
                       ": %s. A rule is written '[set|add|setDate|addDate] name:value'",
                       item, why);
}

static enum sl_rc parse_rule(const char *item, struct rule *r, struct sl_err *err)
{
        static const struct {
                const char *word;
                bool replace, date;
        } actions[] = {{"set", true, false}, {"add", false, false}, {"setDate", true, true}, {"addDate", false, true}};
        static const char *const ours[] = {"Content-Length", "Transfer-Encoding", "Connection"};
        size_t n = strcspn(item, " \t");
        bool known = false;
        for (size_t i = 0; i < 4; i++)
                if (strlen(actions[i].word) == n && strncasecmp(item, actions[i].word, n) == 0) {
                        r->replace = actions[i].replace;
                        r->date = actions[i].date;
                        known = true;
                }
        if (!known)
                return bad_rule(item, "the action is none of set, add, setDate, addDate", err);
        const char *name = item + n + strspn(item + n, " \t"), *colon = strchr(name, ':');
        if (!colon)
                return bad_rule(item, "there is no colon between name and value", err);
        size_t len = (size_t)(colon - name);
        while (len && (name[len - 1] == ' ' || name[len - 1] == '\t'))
                len--;
        if (!is_token(name, len))
                return bad_rule(item, "the name is not one of a header", err);
        const char *value = colon + 1 + strspn(colon + 1, " \t");
        for (const char *p = value; *p; p++)
                if (iscntrl((unsigned char)*p) && *p != '\t')
                        return bad_rule("...", "the value holds a control character", err);
        if (!*value)
                return bad_rule(item, "the value is empty", err);
        if (r->date && !sl_parse_i64(sl_str_c(value), &r->offset_ms))
                return bad_rule(item, "the value of a date is a number of milliseconds from now", err);
        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
                if (strlen(ours[i]) == len && strncasecmp(name, ours[i], len) == 0)
                        return bad_rule(item, "this header belongs to the transport", err);
        r->name = sl_strndup(name, len);
        r->value = sl_strdup(value);
        return SL_OK;
}

static enum sl_rc parse_rules(const char *text, struct sl_rest_headers *h, struct sl_err *err)
{
        struct sl_buf item = {0};
        enum sl_rc rc = SL_OK;
        bool none = !text || !text[strspn(text, " \t\r\n")];
        for (const char *p = none ? NULL : text; p && rc == SL_OK;) {
                p = next_item(p, &item);
                if (h->nrules == MAX_RULES)
                        rc = bad_rule("...", "there are more than 64 rules", err);
                else
                        rc = parse_rule(sl_buf_cstr(&item), &h->rules[h->nrules++], err);
        }
        sl_buf_free(&item);
        return rc;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", whatever the locale. */
static void http_date(int64_t ms, char *out, size_t n)
{
        static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        time_t t = ms / 1000;
        struct tm tm = {0};
        gmtime_r(&t, &tm);
        snprintf(out, n, "%s, %02d %s %d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
                 tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* --- CORS ------------------------------------------------------------------------------------------------------------
 */

static enum sl_rc parse_origins(const struct sl_cfg_list *list, struct sl_rest_headers *h, struct sl_err *err)
{
        h->cors = list->count > 0;
        h->origins = sl_calloc(list->count + 1, sizeof(pcre2_code *));
        h->limits = pcre2_match_context_create(NULL);
        pcre2_set_match_limit(h->limits, MATCH_LIMIT);
        for (uint32_t i = 0; i < list->count; i++) {
                const char *origin = list->items[i];
                PCRE2_UCHAR why[128] = "";
                PCRE2_SIZE at = 0;
                int code = 0;
                if (strcmp(origin, "*") == 0) {
                        h->any_origin = true;
                        continue;
                }
                pcre2_code *re = pcre2_compile((PCRE2_SPTR)origin, PCRE2_ZERO_TERMINATED,
                                               PCRE2_ANCHORED | PCRE2_ENDANCHORED, &code, &at, NULL);
                if (!re) {
                        pcre2_get_error_message(code, why, sizeof(why));
                        return sl_fail(err, SL_E_CONFIG,
                                       "Invalid value %s for configuration access.control.allow.origin: it is neither "
                                       "* nor a regular expression: %s",
                                       origin, (const char *)why);
                }
                h->origins[h->norigins++] = re;
        }
        return SL_OK;
}

/* Any of the origins that the header names, as Jetty does. */
static bool origin_allowed(const struct sl_rest_headers *h, const char *origin)
{
        if (h->any_origin)
                return true;
        bool allowed = false;
        pcre2_match_data *match = pcre2_match_data_create(1, NULL);
        for (const char *p = origin; !allowed && *p;) {
                p += strspn(p, " \t");
                size_t n = strcspn(p, " \t");
                for (size_t i = 0; n && i < h->norigins && !allowed; i++)
                        allowed = pcre2_match(h->origins[i], (PCRE2_SPTR)p, n, 0, 0, match, h->limits) >= 0;
                p += n;
        }
        pcre2_match_data_free(match);
        return allowed;
}

static void add_cors(const struct sl_rest_headers *h, const char *origin, bool preflight, sl_rest_header_fn *add,
                     void *arg)
{
        add(arg, "Vary", "Origin", false);
        if (!origin || !origin_allowed(h, origin))
                return;
        add(arg, "Access-Control-Allow-Origin", origin, true);
        if (!preflight)
                return;
        add(arg, "Access-Control-Allow-Methods", h->methods, true);
        add(arg, "Access-Control-Allow-Headers", "Content-Type", true);
        add(arg, "Access-Control-Max-Age", "60", true);
}

/* --- Both ------------------------------------------------------------------------------------------------------------
 */

void sl_rest_headers_add(const struct sl_rest_headers *h, const char *origin, bool preflight, sl_rest_header_fn *add,
                         void *arg)
{
        if (h->cors)
                add_cors(h, origin, preflight, add, arg);
        for (size_t i = 0; i < h->nrules; i++) {
                const struct rule *r = &h->rules[i];
                char date[64];
                if (r->date)
                        http_date(sl_wall_ms() + r->offset_ms, date, sizeof(date));
                add(arg, r->name, r->date ? date : r->value, r->replace);
        }
}

enum sl_rc sl_rest_headers_new(const struct sl_worker_cfg *cfg, struct sl_rest_headers **ret, struct sl_err *err)
{
        struct sl_rest_headers *h = sl_calloc(1, sizeof(*h));
        struct sl_buf methods = {0};
        for (uint32_t i = 0; i < cfg->cors_methods.count; i++)
                sl_buf_printf(&methods, "%s%s", i ? "," : "", cfg->cors_methods.items[i]);
        h->methods = sl_strdup(methods.len ? sl_buf_cstr(&methods) : "GET,POST,HEAD");
        sl_buf_free(&methods);
        enum sl_rc rc = parse_rules(cfg->response_headers, h, err);
        if (rc == SL_OK)
                rc = parse_origins(&cfg->cors_origins, h, err);
        if (rc != SL_OK) {
                sl_rest_headers_free(h);
                return rc;
        }
        *ret = h;
        return SL_OK;
}

void sl_rest_headers_free(struct sl_rest_headers *h)
{
        if (!h)
                return;
        for (size_t i = 0; i < h->nrules; i++) {
                free(h->rules[i].name);
                free(h->rules[i].value);
        }
        for (size_t i = 0; i < h->norigins; i++)
                pcre2_code_free(h->origins[i]);
        pcre2_match_context_free(h->limits);
        free(h->origins);
        free(h->methods);
        free(h);
}
