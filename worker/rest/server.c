/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP server (see server.h): sockets, bodies, limits, CORS. The meaning of requests is in api.c. */
#include "rest/server.h"
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "rest/api.h"

#define MAX_LISTENERS 8
#define CONNECTIONS 256
#define IDLE_S 30
#define REQUEST_MS 60000
#define BACKLOG 128

struct sl_rest_server {
        const struct sl_worker_cfg *cfg;
        struct sl_herder *herder;
        char id[300], base_url[320];
        uint16_t port;
        int fds[MAX_LISTENERS];
        struct MHD_Daemon *daemons[MAX_LISTENERS];
        size_t n;
};

/* One request while it arrives. */
struct arriving {
        struct sl_buf body;
        int64_t began_ms;
        bool too_large;
};

static int bind_one(const struct addrinfo *ai)
{
        int one = 1, zero = 0;
        int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);
        if (fd < 0)
                return -1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (ai->ai_family == AF_INET6) /* "all interfaces" means both families */
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
        if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
                return fd;
        int why = errno;
        close(fd);
        errno = why;
        return -1;
}

static enum sl_rc listen_on(const char *text, int *ret_fd, uint16_t *ret_port, struct sl_listener *l,
                            struct sl_err *err)
{
        SL_TRY(sl_listener_parse(text, l, err));
        char port[8];
        struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found = NULL;
        snprintf(port, sizeof(port), "%u", l->port);
        int rc = getaddrinfo(*l->host ? l->host : NULL, port, &hints, &found);
        if (rc != 0)
                return sl_fail(err, SL_E_CONFIG, "listener %s: the host name can't be resolved: %s", text,
                               gai_strerror(rc));
        int fd = -1;
        for (int family = AF_INET6, pass = 0; pass < 2 && fd < 0; family = AF_INET, pass++)
                for (const struct addrinfo *ai = found; ai && fd < 0; ai = ai->ai_next)
                        if (ai->ai_family == family)
                                fd = bind_one(ai);
        freeaddrinfo(found);
        if (fd < 0)
                return sl_fail(err, SL_E_CONFIG,
                               "listener %s: %s. Choose another address with listeners=http://host:port", text,
                               strerror(errno));
        struct sockaddr_storage addr;
        socklen_t len = sizeof(addr);
        getsockname(fd, (struct sockaddr *)&addr, &len);
        *ret_port = ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                                     : ((struct sockaddr_in *)&addr)->sin_port);
        *ret_fd = fd;
        return SL_OK;
}

static void name_worker(struct sl_rest_server *s, const struct sl_listener *first)
{
        char local[256] = "127.0.0.1";
        const char *host = s->cfg->advertised_host;
        bool everywhere = !*first->host || strcmp(first->host, "0.0.0.0") == 0 || strcmp(first->host, "::") == 0;
        if (!host || !*host)
                host = first->host;
        if (host == first->host && everywhere) {
                if (gethostname(local, sizeof(local) - 1) == 0)
                        local[sizeof(local) - 1] = '\0';
                host = local;
        }
        int port = s->cfg->advertised_port ? s->cfg->advertised_port : s->port;
        bool v6 = strchr(host, ':') != NULL;
        snprintf(s->id, sizeof(s->id), "%s%s%s:%d", v6 ? "[" : "", host, v6 ? "]" : "", port);
        snprintf(s->base_url, sizeof(s->base_url), "http://%s", s->id);
}

enum sl_rc sl_rest_server_bind(const struct sl_worker_cfg *cfg, struct sl_rest_server **ret, struct sl_err *err)
{
        struct sl_rest_server *s = sl_calloc(1, sizeof(*s));
        struct sl_listener l;
        s->cfg = cfg;
        for (uint32_t i = 0; i < cfg->listeners.count && i < MAX_LISTENERS; i++) {
                uint16_t port = 0;
                enum sl_rc rc = listen_on(cfg->listeners.items[i], &s->fds[i], &port, &l, err);
                if (rc != SL_OK) {
                        sl_rest_server_free(s);
                        return rc;
                }
                s->n++;
                if (i == 0) {
                        s->port = port;
                        name_worker(s, &l);
                }
        }
        *ret = s;
        return SL_OK;
}

const char *sl_rest_server_id(const struct sl_rest_server *s)
{
        return s->id;
}

uint16_t sl_rest_server_port(const struct sl_rest_server *s)
{
        return s->port;
}

/* CORS: off unless access.control.allow.origin is set. Vary, because the answer depends on who asks. */
static void add_cors(const struct sl_rest_server *s, struct MHD_Connection *conn, struct MHD_Response *answer)
{
        const char *origin = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Origin");
        const struct sl_cfg_list *allowed = &s->cfg->cors_origins;
        for (uint32_t i = 0; origin && i < allowed->count; i++) {
                if (strcmp(allowed->items[i], "*") != 0 && strcmp(allowed->items[i], origin) != 0)
                        continue;
                MHD_add_response_header(answer, "Access-Control-Allow-Origin", origin);
                MHD_add_response_header(answer, "Vary", "Origin");
                if (s->cfg->cors_methods && *s->cfg->cors_methods)
                        MHD_add_response_header(answer, "Access-Control-Allow-Methods", s->cfg->cors_methods);
                MHD_add_response_header(answer, "Access-Control-Allow-Headers", "Content-Type");
                return;
        }
}

static enum MHD_Result send_response(const struct sl_rest_server *s, struct MHD_Connection *conn,
                                     struct sl_rest_response *resp)
{
        struct MHD_Response *answer = MHD_create_response_from_buffer(resp->body.len, (void *)sl_buf_cstr(&resp->body),
                                                                      MHD_RESPMEM_MUST_COPY);
        if (!answer)
                return MHD_NO;
        if (resp->content_type)
                MHD_add_response_header(answer, "Content-Type", resp->content_type);
        if (resp->location.len)
                MHD_add_response_header(answer, "Location", sl_buf_cstr(&resp->location));
        if (resp->allow.len)
                MHD_add_response_header(answer, "Allow", sl_buf_cstr(&resp->allow));
        add_cors(s, conn, answer);
        enum MHD_Result rc = MHD_queue_response(conn, (unsigned)resp->status, answer);
        MHD_destroy_response(answer);
        return rc;
}

static enum MHD_Result refuse(const struct sl_rest_server *s, struct MHD_Connection *conn, int status,
                              const char *message)
{
        struct sl_rest_response resp = {0};
        sl_rest_error(&resp, status, message);
        enum MHD_Result rc = send_response(s, conn, &resp);
        sl_rest_response_free(&resp);
        return rc;
}

#define TOO_LARGE "The request body is larger than 1 MiB"

static enum MHD_Result first_call(const struct sl_rest_server *s, struct MHD_Connection *conn, void **con_cls)
{
        const char *length = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Content-Length");
        int64_t n = 0;
        if (length && sl_parse_i64(sl_str_c(length), &n) && n > SL_REST_BODY_MAX)
                return refuse(s, conn, 413, TOO_LARGE); /* before a byte of it is read */
        struct arriving *a = sl_calloc(1, sizeof(*a));
        sl_buf_init(&a->body, SL_REST_BODY_MAX);
        a->began_ms = sl_mono_ms();
        *con_cls = a;
        return MHD_YES;
}

/* The query as it was sent: libmicrohttpd hands out parsed arguments only, in order, undecoded (see keep_escapes). */
static enum MHD_Result add_argument(void *arg, enum MHD_ValueKind kind, const char *key, const char *value)
{
        struct sl_buf *query = arg;
        (void)kind;
        sl_buf_printf(query, "%s%s%s%s", query->len ? "&" : "", key, value ? "=" : "", value ? value : "");
        return MHD_YES;
}

static enum MHD_Result complete(const struct sl_rest_server *s, struct MHD_Connection *conn, const char *url,
                                const char *method, const struct arriving *a)
{
        struct sl_buf query = {0};
        struct sl_rest_response resp = {0};
        MHD_get_connection_values(conn, MHD_GET_ARGUMENT_KIND, add_argument, &query);
        struct sl_rest_request req = {
                .method = method,
                .path = url,
                .query = query.len ? sl_buf_cstr(&query) : NULL,
                .content_type = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Content-Type"),
                .body = {a->body.ptr, a->body.len},
                .base_url = s->base_url,
        };
        sl_rest_handle(s->herder, &req, &resp);
        enum MHD_Result rc = send_response(s, conn, &resp);
        bool read = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
        sl_log_write(read ? SL_LOG_DEBUG : SL_LOG_INFO, "REST %s %s %d %lld ms", method, url, resp.status,
                     (long long)(sl_mono_ms() - a->began_ms));
        sl_rest_response_free(&resp);
        sl_buf_free(&query);
        return rc;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **con_cls)
{
        const struct sl_rest_server *s = cls;
        struct arriving *a = *con_cls;
        (void)version;
        if (!a)
                return first_call(s, conn, con_cls);
        if (*upload_size) {
                if (sl_mono_ms() - a->began_ms > REQUEST_MS)
                        return MHD_NO; /* a byte now and then is not a request */
                sl_buf_add(&a->body, upload, *upload_size);
                a->too_large |= !sl_buf_ok(&a->body);
                *upload_size = 0;
                return MHD_YES;
        }
        if (a->too_large)
                return refuse(s, conn, 413, TOO_LARGE);
        return complete(s, conn, url, method, a);
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **con_cls, enum MHD_RequestTerminationCode why)
{
        struct arriving *a = *con_cls;
        (void)cls, (void)conn, (void)why;
        if (a)
                sl_buf_free(&a->body);
        free(a);
        *con_cls = NULL;
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

enum sl_rc sl_rest_server_serve(struct sl_rest_server *s, struct sl_herder *h, struct sl_err *err)
{
        s->herder = h;
        for (size_t i = 0; i < s->n; i++) {
                s->daemons[i] = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                                                         MHD_USE_POLL | MHD_USE_ERROR_LOG | MHD_USE_ITC,
                                                 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log,
                                                 NULL, MHD_OPTION_LISTEN_SOCKET, s->fds[i], MHD_OPTION_CONNECTION_LIMIT,
                                                 (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
                                                 MHD_OPTION_THREAD_STACK_SIZE, (size_t)(512 * 1024),
                                                 MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
                                                 MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_END);
                if (!s->daemons[i])
                        return sl_fail(err, SL_E_IO, "the REST server could not be started");
        }
        return SL_OK;
}

void sl_rest_server_free(struct sl_rest_server *s)
{
        if (!s)
                return;
        for (size_t i = 0; i < s->n; i++) {
                if (s->daemons[i])
                        MHD_stop_daemon(s->daemons[i]); /* closes its socket */
                else
                        close(s->fds[i]);
        }
        free(s);
}
