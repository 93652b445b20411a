/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that another worker of the cluster has to answer (its leader, or a task's owner): the same request is sent there and
 * its answer is given as ours. As in Connect a request is sent on twice at most, told by the query parameter `forward` (absent,
 * true, false), and of its headers only Authorization and Content-Type go along. */
#include <stdlib.h>
#include <string.h>
#include "base/http.h"
#include "base/log.h"
#include "rest/route.h"
#include "rest/tls.h"

#define FORWARD_MS 95000 /* the other worker answers within 90 s, be it with an error */

static int forward_parameter(const struct sl_rest_call *c)
{
        struct sl_buf value = {0};
        int forward = !sl_rest_query(c, "forward", 0, &value) ? -1 : strcasecmp(sl_buf_cstr(&value), "true") == 0;
        sl_buf_free(&value);
        return forward;
}

static void add_header(char **headers, size_t *n, const char *name, const char *value)
{
        struct sl_buf line = {0};
        if (value && *value) {
                sl_buf_printf(&line, "%s: %s", name, value);
                headers[(*n)++] = sl_strdup(sl_buf_cstr(&line));
        }
        sl_buf_free(&line);
}

static void build_url(const struct sl_rest_call *c, const char *base, int forward, struct sl_buf *url)
{
        const char *query = c->req->query;
        sl_buf_printf(url, "%s%s?", base, c->req->path);
        while (query && *query) { /* the parameters without the old `forward` */
                size_t n = strcspn(query, "&");
                if (strncmp(query, "forward=", 8) != 0) {
                        sl_buf_add(url, query, n);
                        sl_buf_addc(url, '&');
                }
                query += n + (query[n] == '&');
        }
        sl_buf_printf(url, "forward=%s", forward < 0 ? "true" : "false");
}

static void take_answer(struct sl_rest_call *c, struct sl_http_response *resp)
{
        struct sl_str location = sl_http_header(resp, "Location");
        c->resp->status = resp->status;
        sl_buf_clear(&c->resp->body);
        sl_buf_add(&c->resp->body, resp->body.ptr, resp->body.len);
        c->resp->content_type = resp->body.len ? "application/json" : NULL;
        const char *path = location.ptr ? memmem(location.ptr, location.len, "/connectors", 11) : NULL;
        if (path) /* the connector is to be had here as well as there */
                sl_buf_printf(&c->resp->location, "%s%.*s", c->req->base_url ? c->req->base_url : "",
                              (int)(location.ptr + location.len - path), path);
}

static void ask(struct sl_rest_call *c, const char *base, int forward)
{
        char *headers[4] = {0};
        size_t n = 0;
        struct sl_buf url = {0};
        struct sl_http_opts opts = {.connect_timeout_ms = 5000, .timeout_ms = FORWARD_MS};
        struct sl_arena arena = {0};
        struct sl_http_response resp = {0};
        struct sl_err err = {0};
        build_url(c, base, forward, &url);
        add_header(headers, &n, "Content-Type", c->req->body.len ? "application/json" : NULL);
        add_header(headers, &n, "Authorization", c->req->authorization);
        struct sl_http_request req = {.method = c->req->method,
                                      .url = sl_buf_cstr(&url),
                                      .headers = (const char *const *)headers,
                                      .body = c->req->body};
        sl_arena_init(&arena, 4096);
        enum sl_rc rc = sl_rest_forward_opts(sl_herder_options(c->h)->cfg, &arena, &opts, &err);
        struct sl_http *http = rc == SL_OK ? sl_http_new(&opts) : NULL;
        if (rc == SL_OK)
                rc = sl_http_do(http, &req, &resp, &err);
        if (rc == SL_OK)
                take_answer(c, &resp);
        else /* a leader that has just died; the group will settle */
                sl_rest_fail(c, 409, "Cannot complete request momentarily: the worker at %s that has to do it does not answer (%s)",
                             base, err.msg);
        sl_http_free(http);
        sl_arena_free(&arena);
        sl_http_response_free(&resp);
        sl_buf_free(&url);
        for (size_t i = 0; i < n; i++)
                free(headers[i]);
}

bool sl_rest_do(struct sl_rest_call *c, struct sl_herder_call *call)
{
        call->forward = forward_parameter(c);
        sl_herder_do(c->h, call);
        if (!call->target_url[0])
                return true;
        sl_debug("%s %s is sent on to %s", c->req->method, c->req->path, call->target_url);
        ask(c, call->target_url, call->forward);
        if (c->resp->status < 300) { /* who asked here sees here what was done there */
                struct sl_herder_call refresh = {.op = SL_OP_REFRESH, .name = call->name};
                sl_herder_do(c->h, &refresh);
        }
        return false;
}
