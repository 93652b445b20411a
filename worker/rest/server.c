/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP server (see server.h): libmicrohttpd's daemons, one a listener; a request's way from its head to its answer. The
 * meaning of requests is in api.c. */
#include "rest/server.h"
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "base/clock.h"
#include "base/log.h"
#include "rest/access.h"
#include "rest/api.h"
#include "rest/auth.h"
#include "rest/conns.h"
#include "rest/headers.h"
#include "rest/listen.h"
#include "rest/tls.h"

#define SPARE_CONNECTIONS 64 /* those that were told to go and have not gone yet */
/* Of a connection's thread. ThreadSanitizer keeps 0.8 MB of its own there; what it leaves of less is too little for JSON 2048 levels deep. */
#ifdef __SANITIZE_THREAD__
#define STACK_BYTES ((size_t)2 << 20)
#else
#define STACK_BYTES ((size_t)512 << 10)
#endif
#define LINGER_MS 10000
#define LINGER_SILENCE_MS 1000
#define DISCARD_MAX (256ll << 20)
#define UNAUTHORIZED "User cannot access the resource."
#define TOO_LARGE "The request body is larger than 1 MiB"

struct endpoint {
        struct sl_rest_server *server;
        const struct sl_rest_listener *listener;
        const struct sl_rest_tls *tls; /* NULL: http */
        struct MHD_Daemon *daemon;
};

struct sl_rest_server {
        const struct sl_worker_cfg *cfg;
        struct sl_herder *herder;
        const struct sl_rest_extra *extra;
        char *url; /* as others are told */
        struct sl_rest_listeners listeners;
        struct endpoint endpoints[SL_REST_LISTENERS];
        struct sl_rest_tls tls, admin_tls;
        struct sl_rest_auth *auth; /* NULL: nobody is asked */
        struct sl_rest_headers *headers;
        struct sl_conns *conns;
};

/* One request, from its first line to its end. */
struct arriving {
        char *uri;
        const char *uri_at; /* where it stands in the request's first line */
        struct sl_buf body, user;
        int64_t began_ms, wall_ms, received;
        bool head_seen, too_large;
        bool linger; /* answered before its body was read */
};

/* --- Start and end ---------------------------------------------------------------------------------------------------
 */

static enum sl_rc load_tls(struct sl_rest_server *s, struct sl_err *err)
{
        bool main = false, admin = false;
        for (size_t i = 0; i < s->listeners.n; i++) {
                const struct sl_rest_listener *l = &s->listeners.items[i];
                bool only_admin = l->serves == SL_REST_ADMIN;
                main |= l->addr.https && !only_admin;
                admin |= l->addr.https && only_admin;
                s->endpoints[i] = (struct endpoint){
                        .server = s,
                        .listener = l,
                        .tls = !l->addr.https ? NULL
                               : only_admin   ? &s->admin_tls
                                              : &s->tls,
                };
        }
        if (main)
                SL_TRY(sl_rest_tls_load(&s->cfg->props, "listeners.https.", true, &s->tls, err));
        if (admin)
                SL_TRY(sl_rest_tls_load(&s->cfg->props, "admin.listeners.https.", true, &s->admin_tls, err));
        return SL_OK;
}

static enum sl_rc set_up(struct sl_rest_server *s, struct sl_err *err)
{
        SL_TRY(sl_rest_auth_new(s->cfg, &s->auth, err));
        SL_TRY(sl_rest_headers_new(s->cfg, &s->headers, err));
        SL_TRY(sl_rest_listeners_bind(s->cfg, &s->listeners, err));
        SL_TRY(load_tls(s, err));
        s->url = sl_rest_advertised_url(s->cfg, &s->listeners);
        s->conns = sl_conns_new((uint32_t)s->cfg->rest_connections, s->cfg->rest_idle_ms, s->cfg->rest_request_ms);
        return SL_OK;
}

enum sl_rc sl_rest_server_bind(const struct sl_worker_cfg *cfg, struct sl_rest_server **ret, struct sl_err *err)
{
        struct sl_rest_server *s = sl_calloc(1, sizeof(*s));
        s->cfg = cfg;
        enum sl_rc rc = set_up(s, err);
        if (rc != SL_OK) {
                sl_rest_server_free(s);
                return rc;
        }
        *ret = s;
        return SL_OK;
}

void sl_rest_server_free(struct sl_rest_server *s)
{
        if (!s)
                return;
        for (size_t i = 0; i < s->listeners.n; i++)
                if (s->endpoints[i].daemon) {
                        MHD_stop_daemon(s->endpoints[i].daemon); /* closes its socket */
                        s->listeners.items[i].fd = -1;
                }
        sl_rest_listeners_close(&s->listeners);
        sl_conns_free(s->conns);
        sl_rest_headers_free(s->headers);
        sl_rest_auth_free(s->auth);
        sl_rest_tls_free(&s->tls);
        sl_rest_tls_free(&s->admin_tls);
        free(s->url);
        free(s);
}

const char *sl_rest_server_url(const struct sl_rest_server *s)
{
        return s->url;
}

const char *sl_rest_server_id(const struct sl_rest_server *s)
{
        return strstr(s->url, "://") + 3;
}

uint16_t sl_rest_server_port(const struct sl_rest_server *s)
{
        return s->listeners.items[0].port;
}

/* --- Answers ---------------------------------------------------------------------------------------------------------
 */

static struct sl_conn *conn_of(struct MHD_Connection *conn)
{
        return MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void log_access(struct MHD_Connection *conn, const struct arriving *a, const char *method, const char *version,
                       int status, size_t bytes)
{
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        struct sl_buf line = {0};
        if (sl_log_get_level() < SL_LOG_INFO)
                return;
        sl_rest_access_line(
                &(struct sl_rest_access){
                        .client = info ? info->client_addr : NULL,
                        .user = sl_buf_cstr((struct sl_buf *)&a->user),
                        .method = method,
                        .uri = a->uri,
                        .version = version,
                        .referer = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Referer"),
                        .agent = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "User-Agent"),
                        .status = status,
                        .bytes = bytes,
                        .began_ms = a->wall_ms,
                        .took_ms = sl_mono_ms() - a->began_ms,
                },
                &line);
        sl_info("%s", sl_buf_cstr(&line));
        sl_buf_free(&line);
}

static void set_header(void *arg, const char *name, const char *value, bool replace)
{
        const char *old;
        while (replace && (old = MHD_get_response_header(arg, name)))
                if (MHD_del_response_header(arg, name, old) != MHD_YES)
                        break;
        MHD_add_response_header(arg, name, value);
}

static struct MHD_Response *make_body(struct sl_rest_response *resp, size_t *ret_bytes)
{
        struct stat st;
        *ret_bytes = resp->body.len;
        if (resp->file <= 0)
                return MHD_create_response_from_buffer(resp->body.len, (void *)sl_buf_cstr(&resp->body), MHD_RESPMEM_MUST_COPY);
        if (fstat(resp->file, &st) != 0)
                return NULL;
        *ret_bytes = (size_t)st.st_size;
        struct MHD_Response *out = MHD_create_response_from_fd64((uint64_t)st.st_size, resp->file);
        if (out)
                resp->file = 0; /* closed with the response */
        return out;
}

static enum MHD_Result answer(const struct endpoint *e, struct MHD_Connection *conn, const struct arriving *a,
                              const char *method, const char *version, struct sl_rest_response *resp)
{
        size_t bytes;
        struct MHD_Response *out = make_body(resp, &bytes);
        if (!out)
                return MHD_NO;
        if (e->listener->serves & SL_REST_MAIN) {
                bool preflight = strcmp(method, "OPTIONS") == 0 &&
                                 MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Access-Control-Request-Method");
                sl_rest_headers_add(e->server->headers, MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Origin"),
                                    preflight, set_header, out);
        }
        if (resp->content_type)
                set_header(out, "Content-Type", resp->content_type, true);
        if (resp->location.len)
                set_header(out, "Location", sl_buf_cstr(&resp->location), true);
        if (resp->allow.len)
                set_header(out, "Allow", sl_buf_cstr(&resp->allow), true);
        if (a->linger)
                set_header(out, "Connection", "close", true);
        log_access(conn, a, method, version, resp->status, bytes);
        sl_conns_transfer(e->server->conns, conn_of(conn));
        enum MHD_Result rc = MHD_queue_response(conn, (unsigned)resp->status, out);
        MHD_destroy_response(out);
        return rc;
}

static enum MHD_Result refuse(const struct endpoint *e, struct MHD_Connection *conn, const struct arriving *a,
                              const char *method, const char *version, int status, const char *message)
{
        struct sl_rest_response resp = {0};
        sl_rest_error(&resp, status, message);
        if (status == 401) { /* the text alone, as Connect's extension answers */
                sl_buf_clear(&resp.body);
                sl_buf_adds(&resp.body, message);
        }
        enum MHD_Result rc = answer(e, conn, a, method, version, &resp);
        sl_rest_response_free(&resp);
        return rc;
}

/* --- Requests --------------------------------------------------------------------------------------------------------
 */

/* The first line has come. MHD gives the path and the arguments apart later; this is the only way to what was sent. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *conn)
{
        struct arriving *a = sl_calloc(1, sizeof(*a));
        (void)cls, (void)conn;
        a->uri = sl_strdup(uri);
        a->uri_at = uri;
        a->began_ms = sl_mono_ms();
        a->wall_ms = sl_wall_ms();
        sl_buf_init(&a->body, SL_REST_BODY_MAX);
        return a;
}

static enum MHD_Result count_lengths(void *arg, enum MHD_ValueKind kind, const char *key, const char *value)
{
        (void)kind, (void)value;
        *(int *)arg += strcasecmp(key, "Content-Length") == 0;
        return MHD_YES;
}

/* Two ways to tell a body's length let a proxy and us disagree about where the next request begins. */
static bool ambiguous_length(struct MHD_Connection *conn, const char *length)
{
        int lengths = 0;
        MHD_get_connection_values(conn, MHD_HEADER_KIND, count_lengths, &lengths);
        return lengths > 1 || (length && MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Transfer-Encoding"));
}

/* A NUL would cut the path short, and /connectors/a NUL b be taken for a. libmicrohttpd hands out strings, but both
 * stand in the line as it came, where only one space may lie between them. */
static bool nul_in_line(const struct arriving *a, const char *version)
{
        uintptr_t apart = (uintptr_t)version - (uintptr_t)a->uri_at;
        return apart < 1 << 20 && apart != strlen(a->uri) + 1;
}

/* The head is there: everything that can be refused without the body is refused before a byte of it is read. */
static enum MHD_Result on_head(const struct endpoint *e, struct MHD_Connection *conn, struct arriving *a,
                               const char *method, const char *version)
{
        const struct sl_rest_server *s = e->server;
        const char *length = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Content-Length");
        int64_t n = 0;
        bool asked = s->auth && e->listener->serves & SL_REST_MAIN;
        bool many = length && (!sl_parse_i64(sl_str_c(length), &n) || n > SL_REST_BODY_MAX);
        a->head_seen = a->linger = true;
        if (nul_in_line(a, version))
                return refuse(e, conn, a, method, version, 400, "The request line holds a NUL or more than two spaces");
        if (ambiguous_length(conn, length))
                return refuse(e, conn, a, method, version, 400, "The length of the request body is ambiguous");
        if (asked && !sl_rest_auth_allows(s->auth, MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Authorization"),
                                          &a->user))
                return refuse(e, conn, a, method, version, 401, UNAUTHORIZED);
        if (many)
                return refuse(e, conn, a, method, version, 413, TOO_LARGE);
        a->linger = false;
        sl_conns_transfer(s->conns, conn_of(conn));
        return MHD_YES;
}

static enum MHD_Result on_body(struct arriving *a, const char *bytes, size_t *n)
{
        a->received += (int64_t)*n;
        if (a->received > DISCARD_MAX)
                return MHD_NO;
        if (!a->too_large)
                sl_buf_add(&a->body, bytes, *n);
        if (!sl_buf_ok(&a->body)) { /* the rest is read and dropped, so that the client gets to read the answer */
                a->too_large = true;
                sl_buf_free(&a->body);
        }
        *n = 0;
        return MHD_YES;
}

static enum MHD_Result on_whole(const struct endpoint *e, struct MHD_Connection *conn, const struct arriving *a,
                                const char *url, const char *method, const char *version)
{
        const char *query = strchr(a->uri, '?');
        bool read = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0;
        if (a->too_large)
                return refuse(e, conn, a, method, version, 413, TOO_LARGE);
        if (!sl_conns_work(e->server->conns, conn_of(conn), !read))
                return refuse(e, conn, a, method, version, 503,
                              "The worker works on too many requests at a time; try again later");
        struct sl_rest_response resp = {0};
        struct sl_rest_request req = {
                .method = method,
                .path = url,
                .query = query ? query + 1 : NULL,
                .content_type = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Content-Type"),
                .authorization = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Authorization"),
                .accept = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Accept"),
                .body = {a->body.ptr, a->body.len},
                .base_url = e->server->url,
                .serves = e->listener->serves,
                .extra = e->server->extra,
        };
        sl_rest_handle(e->server->herder, &req, &resp);
        enum MHD_Result rc = answer(e, conn, a, method, version, &resp);
        sl_rest_response_free(&resp);
        return rc;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **con_cls)
{
        const struct endpoint *e = cls;
        struct arriving *a = *con_cls;
        if (!a->head_seen)
                return on_head(e, conn, a, method, version);
        if (*upload_size)
                return on_body(a, upload, upload_size);
        return on_whole(e, conn, a, url, method, version);
}

/* Closing a socket with unread bytes in it sends a reset, which can overtake the answer; so what still comes is read
 * and dropped until the client has read its answer and closes, or for a short while. */
static void linger(struct MHD_Connection *conn)
{
        char waste[16384];
        struct pollfd p = {
                .fd = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
                .events = POLLIN,
        };
        int64_t end = sl_mono_ms() + LINGER_MS;
        shutdown(p.fd, SHUT_WR);
        while (sl_mono_ms() < end && poll(&p, 1, LINGER_SILENCE_MS) > 0)
                if (recv(p.fd, waste, sizeof(waste), MSG_DONTWAIT) <= 0)
                        return;
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **con_cls, enum MHD_RequestTerminationCode why)
{
        const struct endpoint *e = cls;
        struct arriving *a = *con_cls;
        if (a && a->linger && why == MHD_REQUEST_TERMINATED_COMPLETED_OK)
                linger(conn);
        if (a) {
                sl_buf_free(&a->body);
                sl_buf_free(&a->user);
                free(a->uri);
        }
        free(a);
        *con_cls = NULL;
        sl_conns_idle(e->server->conns, conn_of(conn));
}

/* --- Daemons ---------------------------------------------------------------------------------------------------------
 */

static void on_connection(void *cls, struct MHD_Connection *conn, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
        const struct endpoint *e = cls;
        if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
                sl_conns_remove(e->server->conns, *context);
                return;
        }
        int fd = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        *context = sl_conns_add(e->server->conns, fd);
        if (e->tls)
                sl_rest_tls_ask_client(e->tls,
                                       MHD_get_connection_info(conn, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session);
}

/* Paths are split at slashes before they are decoded, so libmicrohttpd must leave them alone. */
static size_t keep_escapes(void *cls, struct MHD_Connection *conn, char *text)
{
        (void)cls, (void)conn;
        return strlen(text);
}

static void on_mhd_log(void *cls, const char *fmt, va_list ap) sl_printf(2, 0);
static void on_mhd_log(void *cls, const char *fmt, va_list ap)
{
        char line[512];
        (void)cls;
        vsnprintf(line, sizeof(line), fmt, ap);
        line[strcspn(line, "\r\n")] = '\0';
        sl_debug("http server: %s", line);
}

static size_t add_tls_options(const struct sl_rest_tls *tls, struct MHD_OptionItem *out)
{
        size_t n = 0;
        out[n++] =
                (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)sl_buf_cstr((struct sl_buf *)&tls->key)};
        out[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0,
                                           (void *)sl_buf_cstr((struct sl_buf *)&tls->chain)};
        out[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)tls->priorities};
        if (tls->key_password)
                out[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_KEY_PASSWORD, 0, tls->key_password};
        if (tls->client_auth != SL_CLIENT_AUTH_NONE)
                out[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0,
                                                   (void *)sl_buf_cstr((struct sl_buf *)&tls->trust)};
        return n;
}

static enum sl_rc start_daemon(struct endpoint *e, struct sl_err *err)
{
        const struct sl_worker_cfg *cfg = e->server->cfg;
        struct MHD_OptionItem options[8] = {0};
        unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
                         MHD_USE_ERROR_LOG | MHD_USE_ITC | (e->tls ? MHD_USE_TLS : 0);
        unsigned limit = (unsigned)cfg->rest_connections + SPARE_CONNECTIONS;
        unsigned idle = (unsigned)(cfg->rest_idle_ms / 1000 + 1); /* in silence; conns.c ends the others */
        size_t n = e->tls ? add_tls_options(e->tls, options) : 0;
        options[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
        e->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, e, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL,
                                     MHD_OPTION_LISTEN_SOCKET, e->listener->fd, MHD_OPTION_CONNECTION_LIMIT, limit,
                                     MHD_OPTION_CONNECTION_TIMEOUT, idle, MHD_OPTION_THREAD_STACK_SIZE,
                                     STACK_BYTES, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
                                     MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL, MHD_OPTION_NOTIFY_COMPLETED,
                                     on_completed, e, MHD_OPTION_NOTIFY_CONNECTION, on_connection, e,
                                     MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
        if (!e->daemon)
                return sl_fail(err, SL_E_IO, "the REST server could not be started on %s", e->listener->text);
        return SL_OK;
}

static void tell(const struct sl_rest_listener *l)
{
        sl_info("REST on %s (port %u):%s%s%s", l->text, l->port, l->serves & SL_REST_MAIN ? " connectors" : "",
                l->serves & SL_REST_ADMIN ? " admin" : "", l->serves & SL_REST_METRICS ? " metrics" : "");
}

enum sl_rc sl_rest_server_serve(struct sl_rest_server *s, struct sl_herder *h, const struct sl_rest_extra *extra,
                                struct sl_err *err)
{
        s->herder = h;
        s->extra = extra;
        for (size_t i = 0; i < s->listeners.n; i++) {
                SL_TRY(start_daemon(&s->endpoints[i], err));
                tell(&s->listeners.items[i]);
        }
        return SL_OK;
}
