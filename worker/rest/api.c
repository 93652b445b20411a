/* SPDX-License-Identifier: Apache-2.0 */
/* The route table and what all handlers need: percent-decoding, query, bodies, error bodies. Paths are split before
 * they are decoded, so a connector name may contain an encoded slash. */
#include "rest/api.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/json.h"
#include "rest/route.h"

#define READY_WAIT_MS 90000
#define JSON_TYPE "application/json"

static const struct sl_rest_route routes[] = {
        {"GET", "/", sl_rest_root},
        {"GET", "/health", sl_rest_health},
        {"GET", "/metrics", sl_rest_metrics},
        {"GET", "/connectors", sl_rest_connectors_list},
        {"POST", "/connectors", sl_rest_connectors_post},
        {"GET", "/connectors/*", sl_rest_connector_get},
        {"DELETE", "/connectors/*", sl_rest_connector_delete},
        {"GET", "/connectors/*/config", sl_rest_config_get},
        {"PUT", "/connectors/*/config", sl_rest_config_put},
        {"PATCH", "/connectors/*/config", sl_rest_config_patch},
        {"GET", "/connectors/*/status", sl_rest_status_get},
        {"GET", "/connectors/*/tasks", sl_rest_tasks_get},
        {"GET", "/connectors/*/tasks/*/status", sl_rest_task_status},
        {"POST", "/connectors/*/tasks/*/restart", sl_rest_task_restart},
        {"POST", "/connectors/*/restart", sl_rest_restart},
        {"PUT", "/connectors/*/pause", sl_rest_pause},
        {"PUT", "/connectors/*/resume", sl_rest_resume},
        {"PUT", "/connectors/*/stop", sl_rest_stop},
        {"GET", "/connectors/*/topics", sl_rest_topics_get},
        {"PUT", "/connectors/*/topics/reset", sl_rest_topics_reset},
        {"GET", "/connectors/*/offsets", sl_rest_offsets_get},
        {"PATCH", "/connectors/*/offsets", sl_rest_offsets_patch},
        {"DELETE", "/connectors/*/offsets", sl_rest_offsets_delete},
        {"GET", "/connector-plugins", sl_rest_plugins_list},
        {"GET", "/connector-plugins/*/config", sl_rest_plugin_config},
        {"PUT", "/connector-plugins/*/config/validate", sl_rest_plugin_validate},
        {"GET", "/admin/loggers", sl_rest_loggers_list},
        {"GET", "/admin/loggers/*", sl_rest_logger_get},
        {"PUT", "/admin/loggers/*", sl_rest_logger_put},
};

void sl_rest_error(struct sl_rest_response *resp, int status, const char *message)
{
        resp->status = status;
        sl_buf_clear(&resp->body);
        sl_buf_printf(&resp->body, "{\"error_code\":%d,\"message\":", status);
        size_t n = strlen(message);
        if (!sl_utf8_valid((struct sl_str){message, n}))
                message = "(the message is not valid UTF-8)", n = strlen(message);
        sl_buf_add_json_str(&resp->body, message, n);
        sl_buf_addc(&resp->body, '}');
        resp->content_type = JSON_TYPE;
}

void sl_rest_fail(struct sl_rest_call *c, int status, const char *fmt, ...)
{
        char *text = NULL;
        va_list ap;
        va_start(ap, fmt);
        int n = vasprintf(&text, fmt, ap);
        va_end(ap);
        sl_rest_error(c->resp, status, n < 0 ? "out of memory" : text);
        if (n >= 0)
                free(text);
}

void sl_rest_json(struct sl_rest_call *c, int status, json_t *body)
{
        c->resp->status = status;
        c->resp->content_type = JSON_TYPE;
        sl_buf_clear(&c->resp->body);
        sl_json_dump(body, &c->resp->body);
        json_decref(body);
}

void sl_rest_empty(struct sl_rest_call *c, int status)
{
        c->resp->status = status;
        sl_buf_clear(&c->resp->body);
}

void sl_rest_response_free(struct sl_rest_response *resp)
{
        sl_buf_free(&resp->body);
        if (resp->file > 0)
                close(resp->file);
        sl_buf_free(&resp->location);
        sl_buf_free(&resp->allow);
}

static int hex(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char)(c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sl_rest_decode(struct sl_str in, bool plus, struct sl_buf *out)
{
        size_t start = out->len;
        for (size_t i = 0; i < in.len; i++) {
                char c = in.ptr[i];
                if (c == '%') {
                        if (in.len - i < 3 || hex(in.ptr[i + 1]) < 0 || hex(in.ptr[i + 2]) < 0)
                                return false;
                        c = (char)(hex(in.ptr[i + 1]) << 4 | hex(in.ptr[i + 2]));
                        i += 2;
                } else if (c == '+' && plus) {
                        c = ' ';
                }
                if (c == '\0')
                        return false;
                sl_buf_addc(out, c);
        }
        return sl_utf8_valid((struct sl_str){sl_buf_cstr(out) + start, out->len - start});
}

/* What RFC 3986 lets stand in a path segment, as Java's UriBuilder leaves it. */
void sl_rest_encode_segment(const char *text, struct sl_buf *out)
{
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@";
        for (; *text; text++)
                if (strchr(plain, *text))
                        sl_buf_addc(out, *text);
                else
                        sl_buf_printf(out, "%%%02X", (unsigned char)*text);
}

bool sl_rest_query(const struct sl_rest_call *c, const char *name, size_t index, struct sl_buf *out)
{
        const char *p = c->req->query;
        while (p && *p) {
                size_t n = strcspn(p, "&"), k = strcspn(p, "=&");
                struct sl_buf key = {0};
                bool match = sl_rest_decode((struct sl_str){p, k}, true, &key) && strcmp(sl_buf_cstr(&key), name) == 0;
                sl_buf_free(&key);
                if (match && index-- == 0) {
                        struct sl_str value = {p + k + (k < n), k < n ? n - k - 1 : 0};
                        size_t start = out->len;
                        if (!sl_rest_decode(value, true, out))
                                out->len = start;
                        return true;
                }
                p += n + (p[n] == '&');
        }
        return false;
}

bool sl_rest_query_next(const char **at, struct sl_buf *name, struct sl_buf *value, bool *ret_bad)
{
        const char *p = *at;
        *ret_bad = false;
        while (p && *p == '&')
                p++;
        if (!p || !*p)
                return false;
        size_t n = strcspn(p, "&"), k = strcspn(p, "=&");
        sl_buf_clear(name);
        sl_buf_clear(value);
        *ret_bad = !sl_rest_decode((struct sl_str){p, k}, true, name) ||
                   !sl_rest_decode((struct sl_str){p + k + (k < n), k < n ? n - k - 1 : 0}, true, value);
        *at = p + n;
        return !*ret_bad;
}

bool sl_rest_query_bool(const struct sl_rest_call *c, const char *name, bool fallback)
{
        struct sl_buf value = {0};
        bool given = sl_rest_query(c, name, 0, &value);
        bool v = given && value.len ? strcasecmp(sl_buf_cstr(&value), "true") == 0 : fallback;
        sl_buf_free(&value);
        return v;
}

void sl_rest_wrong_type(struct sl_rest_call *c, const char *class, const json_t *got)
{
        static const struct {
                const char *value, *token;
        } names[] = {
                [JSON_OBJECT] = {"Object value", "START_OBJECT"},
                [JSON_ARRAY] = {"Array value", "START_ARRAY"},
                [JSON_STRING] = {"String value", "VALUE_STRING"},
                [JSON_INTEGER] = {"Integer value", "VALUE_NUMBER_INT"},
                [JSON_REAL] = {"Floating-point value", "VALUE_NUMBER_FLOAT"},
                [JSON_TRUE] = {"Boolean value", "VALUE_TRUE"},
                [JSON_FALSE] = {"Boolean value", "VALUE_FALSE"},
                [JSON_NULL] = {"Null value", "VALUE_NULL"},
        };
        int type = json_typeof(got);
        sl_rest_fail(c, 500, "Cannot deserialize value of type `%s` from %s (token `JsonToken.%s`)", class,
                     names[type].value, names[type].token);
}

void sl_rest_unknown_field(struct sl_rest_call *c, const char *class, const char *field)
{
        sl_rest_fail(c, 500, "Unrecognized field \"%s\" (class %s), not marked as ignorable", field, class);
}

/* Jackson gives a text the number's own spelling ("1.50", "1e3", any length): numbers become strings before they are
 * parsed. Only for bodies whose values are all meant as text. */
static void quote_numbers(struct sl_str in, struct sl_buf *out)
{
        bool text = false;
        for (size_t i = 0; i < in.len;) {
                char ch = in.ptr[i];
                size_t n = 1;
                if (text && ch == '\\' && i + 1 < in.len)
                        n = 2;
                else if (ch == '"')
                        text = !text;
                else if (!text && (ch == '-' || (ch >= '0' && ch <= '9')))
                        while (i + n < in.len && memchr("0123456789+-.eE", in.ptr[i + n], 15))
                                n++;
                bool number = !text && (ch == '-' || (ch >= '0' && ch <= '9'));
                sl_buf_adds(out, number ? "\"" : "");
                sl_buf_add(out, in.ptr + i, n);
                sl_buf_adds(out, number ? "\"" : "");
                i += n;
        }
}

bool sl_rest_text_body(struct sl_rest_call *c, json_t **ret)
{
        struct sl_buf quoted = {0};
        struct sl_rest_request changed = *c->req;
        const struct sl_rest_request *req = c->req;
        json_error_t ignored;
        json_t *strict = json_loadb(req->body.ptr ? req->body.ptr : "", req->body.len,
                                    JSON_DECODE_INT_AS_REAL | JSON_DECODE_ANY, &ignored);
        if (strict) /* what is wrong is told as it is */
                quote_numbers(req->body, &quoted);
        json_decref(strict);
        if (quoted.len) {
                changed.body = (struct sl_str){sl_buf_cstr(&quoted), quoted.len};
                c->req = &changed;
        }
        bool ok = sl_rest_body(c, ret);
        c->req = req;
        sl_buf_free(&quoted);
        return ok;
}

/* Java answers 500 for every body that can't be read; clients that tell 4xx from 5xx keep working either way. */
static enum sl_rc parse_last_wins(struct sl_str text, json_t **ret, struct sl_err *err)
{
        json_error_t why;
        *ret = json_loadb(text.ptr, text.len, JSON_DECODE_ANY, &why);
        return *ret ? SL_OK : sl_json_parse(text, ret, err);
}

bool sl_rest_body(struct sl_rest_call *c, json_t **ret)
{
        struct sl_err err = {0};
        json_t *json = NULL;
        if (!c->req->body.len) {
                sl_rest_fail(c, 500, "The request has no body; a JSON object is needed");
                return false;
        }
        if (parse_last_wins(c->req->body, &json, &err) != SL_OK) {
                sl_rest_fail(c, 500, "The request body can't be read: %s", err.msg);
                return false;
        }
        if (!json_is_object(json)) {
                sl_rest_wrong_type(c, "java.util.LinkedHashMap<java.lang.String,java.lang.String>", json);
                json_decref(json);
                return false;
        }
        *ret = json;
        return true;
}

bool sl_rest_ready(struct sl_rest_call *c)
{
        if (sl_herder_wait_ready(c->h, READY_WAIT_MS))
                return true;
        sl_rest_fail(c, 500, "Request timed out. The worker is currently starting up or shutting down.");
        return false;
}

/* The request's path; a proxy's client sends the whole URL. */
static const char *path_of(const struct sl_rest_request *req)
{
        const char *authority = strncasecmp(req->path, "http://", 7) == 0    ? req->path + 7
                                : strncasecmp(req->path, "https://", 8) == 0 ? req->path + 8
                                                                             : NULL;
        return authority ? authority + strcspn(authority, "/") : req->path;
}

static bool split_path(struct sl_rest_call *c, struct sl_str *raw)
{
        const char *p = path_of(c->req);
        while (*p == '/')
                p++;
        while (*p) {
                size_t n = strcspn(p, "/");
                if (c->nsegments == SL_REST_SEGMENTS)
                        return false;
                raw[c->nsegments++] = (struct sl_str){p, strcspn(p, "/;")}; /* without matrix parameters */
                p += n;
                p += *p == '/';
        }
        return true;
}

static bool path_matches(const char *pattern, const struct sl_str *raw, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (*pattern++ != '/')
                        return false;
                size_t len = strcspn(pattern, "/");
                bool any = len == 1 && *pattern == '*';
                if (!any && (raw[i].len != len || memcmp(raw[i].ptr, pattern, len) != 0))
                        return false;
                pattern += len;
        }
        return *pattern == '\0' || strcmp(pattern, "/") == 0;
}

/* The part of a header's list that ends at a comma or the end: its media type and its q. */
static bool range_fits(const char *range, size_t n)
{
        static const char *const ranges[] = {JSON_TYPE, "application/*", "*/*"};
        while (n && strchr(" \t", *range))
                range++, n--;
        size_t len = 0;
        while (len < n && !strchr("; \t", range[len]))
                len++;
        const char *q = memmem(range, n, "q=", 2);
        if (q && q[2] == '0' && (q + 3 == range + n || q[3] != '.' || strspn(q + 4, "0") >= (size_t)(range + n - q - 4)))
                return false;
        for (size_t i = 0; i < 3; i++)
                if (strlen(ranges[i]) == len && strncasecmp(range, ranges[i], len) == 0)
                        return true;
        return false;
}

/* Does the client take JSON? /metrics has another type and is not asked. */
static bool is_acceptable(const struct sl_rest_request *req)
{
        const char *p = req->accept;
        if (!p || !*p)
                return true;
        for (;;) {
                size_t n = strcspn(p, ",");
                if (range_fits(p, n))
                        return true;
                if (!p[n])
                        return false;
                p += n + 1;
        }
}

/* A body with the type that curl -d invents is read as JSON. One without type is not known to be any. */
static bool type_accepted(const struct sl_rest_request *req)
{
        static const char *const accepted[] = {JSON_TYPE, "application/x-www-form-urlencoded"};
        if (!req->content_type || !*req->content_type)
                return !req->body.len;
        size_t n = strcspn(req->content_type, "; \t");
        for (size_t i = 0; i < 2; i++)
                if (strlen(accepted[i]) == n && strncasecmp(req->content_type, accepted[i], n) == 0)
                        return true;
        return false;
}

static bool decode_path(struct sl_rest_call *c, const struct sl_str *raw)
{
        for (size_t i = 0; i < c->nsegments; i++) {
                struct sl_buf buf = {0};
                bool ok = sl_rest_decode(raw[i], false, &buf);
                c->segments[i] = ok ? sl_strdup(sl_buf_cstr(&buf)) : NULL;
                sl_buf_free(&buf);
                if (!ok)
                        return false;
        }
        return true;
}

/* Errors of the router itself have no Content-Type, as Connect's. */
static void router_error(struct sl_rest_call *c, int status, const char *message)
{
        sl_rest_error(c->resp, status, message);
        c->resp->content_type = NULL;
}

static enum sl_rest_part part_of(const struct sl_str *raw, size_t n)
{
        if (n && sl_str_eqc(raw[0], "admin"))
                return SL_REST_ADMIN;
        return n && sl_str_eqc(raw[0], "metrics") ? SL_REST_METRICS : SL_REST_MAIN;
}

/* The route of this method and path; which methods the path has is noted for Allow. */
static const struct sl_rest_route *find_route(struct sl_rest_call *c, const struct sl_rest_route *list, size_t count,
                                              const struct sl_str *raw, const char *method)
{
        const struct sl_rest_route *found = NULL;
        for (size_t i = 0; i < count; i++) {
                if (!path_matches(list[i].path, raw, c->nsegments))
                        continue;
                bool get = strcmp(list[i].method, "GET") == 0;
                sl_buf_printf(&c->resp->allow, "%s%s%s", c->resp->allow.len ? "," : "", list[i].method,
                              get ? ",HEAD" : "");
                if (strcmp(list[i].method, method) == 0)
                        found = &list[i];
        }
        return found;
}

static void dispatch(struct sl_rest_call *c)
{
        struct sl_str raw[SL_REST_SEGMENTS];
        const struct sl_rest_route *route = NULL;
        const char *method = strcmp(c->req->method, "HEAD") == 0 ? "GET" : c->req->method;
        bool options = strcmp(method, "OPTIONS") == 0;
        bool known = split_path(c, raw);
        known = known && (!c->req->serves || c->req->serves & part_of(raw, c->nsegments));
        if (known)
                route = find_route(c, routes, sizeof(routes) / sizeof(routes[0]), raw, method);
        if (known && !c->resp->allow.len && c->req->extra)
                route = find_route(c, c->req->extra->routes, c->req->extra->count, raw, method);
        if (c->resp->allow.len)
                sl_buf_adds(&c->resp->allow, ",OPTIONS");
        if (strstr(path_of(c->req), "//")) {
                sl_rest_fail(c, 400, "The path has an empty segment");
        } else if (!c->resp->allow.len) {
                router_error(c, 404, "HTTP 404 Not Found");
        } else if (options) {
                sl_rest_empty(c, 200);
                c->resp->content_type = "text/plain";
                for (const char *p = sl_buf_cstr(&c->resp->allow); *p; p++) {
                        sl_buf_addc(&c->resp->body, *p);
                        sl_buf_adds(&c->resp->body, *p == ',' ? " " : "");
                }
                return;
        } else if (!route) {
                router_error(c, 405, "HTTP 405 Method Not Allowed");
                return;
        } else if (!type_accepted(c->req)) {
                router_error(c, 415, "HTTP 415 Unsupported Media Type");
        } else if (route->handle != sl_rest_metrics && !is_acceptable(c->req)) {
                router_error(c, 406, "HTTP 406 Not Acceptable");
        } else if (!decode_path(c, raw)) {
                sl_rest_fail(c, 400, "The path can't be decoded: it must be percent-encoded UTF-8 without NUL");
        } else {
                route->handle(c);
        }
        sl_buf_clear(&c->resp->allow);
}

void sl_rest_handle(struct sl_herder *h, const struct sl_rest_request *req, struct sl_rest_response *resp)
{
        struct sl_rest_call call = {.h = h, .req = req, .resp = resp, .arg = req->extra ? req->extra->arg : NULL};
        dispatch(&call);
        for (size_t i = 0; i < SL_REST_SEGMENTS; i++)
                free(call.segments[i]);
}
