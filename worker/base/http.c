/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP over libcurl's multi interface, driven by events: curl says which sockets it waits for, and they go into one
 * epoll, so that a caller has a single descriptor to wait for, whatever the number of requests. The multi handle keeps
 * the connections; easy handles are set up anew for each request. Sends what the caller wrote: no redirects, no
 * dot-segment squashing, no Expect header, no content type of curl's own. Does not retry (the caller knows what is safe
 * to repeat) and does not sign. Never puts a URL's path, query or user part into an error: they may hold secrets. */
#include "base/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

#define MAX_BODY ((size_t)64 << 20)
#define MAX_HEADERS ((size_t)1 << 20)
#define TICK_MS 80 /* the contract says 100; a poll may oversleep */
#define USER_AGENT "sluice/" SLUICE_VERSION
#ifndef SLUICE_VERSION
#define SLUICE_VERSION "dev"
#endif

#define CONNECTIONS_KEPT 16L
#define LARGE_BODY ((size_t)1 << 20)

struct sl_http {
        CURLM *multi;
        int epoll;
        int64_t deadline_ms; /* when curl wants to be called; -1 = not */
        struct sl_http_opts opts;
        char *ca_file, *proxy, *proxy_user, *proxy_password;
        char *ca_pem, *cert_pem, *key_pem, *p12_file, *key_password;
        struct sl_http_transfer *idle; /* ended ones, whose handles are used again */
        struct sl_http_transfer *live;
};

struct sl_http_transfer {
        struct sl_http *http;
        struct sl_http_transfer *next, *prev; /* prev: live ones only */
        CURL *easy;
        struct curl_slist *headers;
        struct sl_http_response *resp;
        const char *method;  /* "PUT" ...: kept for messages */
        struct sl_buf url;
        bool ended;
        CURLcode code;
        char detail[CURL_ERROR_SIZE];
};

static void global_init(void)
{
        curl_global_init(CURL_GLOBAL_DEFAULT);
}

static char *copy(const char *text)
{
        return text ? sl_strdup(text) : NULL;
}

static void wipe(char *secret)
{
        if (secret)
                explicit_bzero(secret, strlen(secret));
        free(secret);
}

/* Level-triggered; a socket that curl closes is gone from the epoll before. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *ignored)
{
        struct sl_http *h = arg;
        struct epoll_event ev = {.data.fd = fd};
        (void)easy, (void)ignored;
        if (what == CURL_POLL_REMOVE) {
                epoll_ctl(h->epoll, EPOLL_CTL_DEL, fd, NULL);
                return 0;
        }
        if (what & CURL_POLL_IN)
                ev.events |= EPOLLIN;
        if (what & CURL_POLL_OUT)
                ev.events |= EPOLLOUT;
        if (epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &ev) && errno == EEXIST)
                epoll_ctl(h->epoll, EPOLL_CTL_MOD, fd, &ev);
        return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
        struct sl_http *h = arg;
        (void)multi;
        h->deadline_ms = timeout_ms < 0 ? -1 : sl_mono_ms() + timeout_ms;
        return 0;
}

static void copy_opts(struct sl_http *h)
{
        h->ca_file = copy(h->opts.ca_file);
        h->proxy = copy(h->opts.proxy);
        h->proxy_user = copy(h->opts.proxy_user);
        h->proxy_password = copy(h->opts.proxy_password);
        h->ca_pem = copy(h->opts.ca_pem);
        h->cert_pem = copy(h->opts.cert_pem);
        h->key_pem = copy(h->opts.key_pem);
        h->p12_file = copy(h->opts.p12_file);
        h->key_password = copy(h->opts.key_password);
}

struct sl_http *sl_http_new(const struct sl_http_opts *opts)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, global_init);
        struct sl_http *h = sl_calloc(1, sizeof(*h));
        if (opts)
                h->opts = *opts;
        copy_opts(h);
        h->deadline_ms = -1;
        h->epoll = epoll_create1(EPOLL_CLOEXEC);
        h->multi = curl_multi_init();
        if (!h->multi || h->epoll < 0)
                abort(); /* no memory or descriptors: nothing else makes these fail */
        curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
        curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
        curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer);
        curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
        return h;
}

void sl_http_free(struct sl_http *h)
{
        if (!h)
                return;
        while (h->live)
                sl_http_transfer_free(h->live);
        while (h->idle) {
                struct sl_http_transfer *t = h->idle;
                h->idle = t->next;
                curl_easy_cleanup(t->easy);
                sl_buf_free(&t->url);
                free(t);
        }
        curl_multi_cleanup(h->multi);
        close(h->epoll);
        free(h->ca_file);
        wipe(h->proxy); /* its URL may hold a password */
        free(h->proxy_user);
        wipe(h->proxy_password);
        free(h->ca_pem);
        free(h->cert_pem);
        free(h->p12_file);
        wipe(h->key_pem);
        wipe(h->key_password);
        free(h);
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
        struct sl_http_response *resp = arg;
        sl_buf_add(&resp->body, p, size * n);
        return sl_buf_ok(&resp->body) ? size * n : 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
        struct sl_http_response *resp = arg;
        size_t len = size * n;
        if (len >= 5 && memcmp(p, "HTTP/", 5) == 0)
                sl_buf_clear(&resp->headers); /* the final answer follows an interim one */
        else if (memchr(p, ':', len))
                sl_buf_add(&resp->headers, p, len);
        return sl_buf_ok(&resp->headers) ? len : 0;
}

static bool has_header(const struct sl_http_request *req, const char *name)
{
        size_t n = strlen(name);
        for (const char *const *p = req->headers; p && *p; p++)
                if (strncasecmp(*p, name, n) == 0 && (*p)[n] == ':')
                        return true;
        return false;
}

static struct curl_slist *append(struct curl_slist *list, const char *text)
{
        struct curl_slist *grown = curl_slist_append(list, text);
        if (!grown)
                abort();
        return grown;
}

/* "Name:" alone removes a header that curl would add. */
static struct curl_slist *make_headers(const struct sl_http_request *req)
{
        struct curl_slist *list = NULL;
        for (const char *const *p = req->headers; p && *p; p++)
                list = append(list, *p);
        if (!has_header(req, "Expect"))
                list = append(list, "Expect:");
        if (!has_header(req, "Content-Type"))
                list = append(list, "Content-Type:");
        return list;
}

static void set_method(CURL *e, const struct sl_http_request *req)
{
        const char *m = req->method;
        bool wants_body = strcmp(m, "PUT") == 0 || strcmp(m, "POST") == 0 || strcmp(m, "PATCH") == 0;
        if (strcmp(m, "HEAD") == 0) {
                curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
                return;
        }
        /* POSTFIELDS sends the caller's bytes without a copy, whatever the method is called. */
        if (req->body.ptr || wants_body) {
                curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.len);
                curl_easy_setopt(e, CURLOPT_POSTFIELDS, req->body.ptr ? req->body.ptr : "");
        }
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, m);
}

static void set_blob(CURL *e, CURLoption option, char *text)
{
        struct curl_blob blob = {.data = text, .len = text ? strlen(text) : 0, .flags = CURL_BLOB_NOCOPY};
        if (text)
                curl_easy_setopt(e, option, &blob);
}

static void set_tls(struct sl_http *h, CURL *e)
{
        if (h->ca_file && !h->ca_pem)
                curl_easy_setopt(e, CURLOPT_CAINFO, h->ca_file);
        set_blob(e, CURLOPT_CAINFO_BLOB, h->ca_pem);
        set_blob(e, CURLOPT_SSLCERT_BLOB, h->cert_pem);
        set_blob(e, CURLOPT_SSLKEY_BLOB, h->key_pem);
        if (h->p12_file) {
                curl_easy_setopt(e, CURLOPT_SSLCERT, h->p12_file);
                curl_easy_setopt(e, CURLOPT_SSLCERTTYPE, "P12");
        }
        if (h->key_password)
                curl_easy_setopt(e, CURLOPT_KEYPASSWD, h->key_password);
        if (h->opts.any_host)
                curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
}

static void set_limits(const struct sl_http *h, CURL *e)
{
        curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(h->opts.connect_timeout_ms ?: 10000));
        curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(h->opts.timeout_ms ?: 300000));
        if (h->opts.stall_ms) {
                curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
                curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)((h->opts.stall_ms + 999) / 1000));
        }
}

static void set_proxy(const struct sl_http *h, CURL *e)
{
        if (h->proxy)
                curl_easy_setopt(e, CURLOPT_PROXY, h->proxy);
        if (h->proxy_user)
                curl_easy_setopt(e, CURLOPT_PROXYUSERNAME, h->proxy_user);
        if (h->proxy_password)
                curl_easy_setopt(e, CURLOPT_PROXYPASSWORD, h->proxy_password);
}

static void set_up(struct sl_http_transfer *t, const struct sl_http_request *req)
{
        struct sl_http *h = t->http;
        CURL *e = t->easy;
        curl_easy_reset(e); /* connections stay with the multi handle */
        t->detail[0] = '\0';
        curl_easy_setopt(e, CURLOPT_PRIVATE, t);
        curl_easy_setopt(e, CURLOPT_URL, req->url);
        curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
        curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* a stop does not wait for the resolver */
        curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
        curl_easy_setopt(e, CURLOPT_USERAGENT, USER_AGENT);
        curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->detail);
        set_limits(h, e);
        set_tls(h, e);
        set_proxy(h, e);
        curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(e, CURLOPT_WRITEDATA, t->resp);
        curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(e, CURLOPT_HEADERDATA, t->resp);
        curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
        if (req->body.len >= LARGE_BODY)
                curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
        set_method(e, req);
}

/* "host:port" of the URL, without user, path and query. */
static struct sl_str host_of(const char *url)
{
        const char *p = strstr(url, "://");
        p = p ? p + 3 : url;
        size_t n = strcspn(p, "/?#");
        const char *at = memrchr(p, '@', n);
        if (at) {
                n -= (size_t)(at + 1 - p);
                p = at + 1;
        }
        return (struct sl_str){p, n};
}

static const char *reason_of(CURLcode code, const struct sl_http_response *resp)
{
        switch ((int)code) {
        case CURLE_COULDNT_RESOLVE_HOST:
                return "the name can't be resolved";
        case CURLE_COULDNT_RESOLVE_PROXY:
                return "the proxy's name can't be resolved";
        case CURLE_COULDNT_CONNECT:
                return "no connection";
        case CURLE_OPERATION_TIMEDOUT:
                return "timeout";
        case CURLE_GOT_NOTHING:
                return "the connection was closed without an answer";
        case CURLE_SEND_ERROR:
                return "the connection broke while sending";
        case CURLE_RECV_ERROR:
                return "the connection broke while receiving";
        case CURLE_PARTIAL_FILE:
                return "the answer was cut off";
        case CURLE_PEER_FAILED_VERIFICATION:
                return "the server's certificate was refused";
        case CURLE_SSL_CONNECT_ERROR:
                return "the TLS handshake failed";
        case CURLE_SSL_CACERT_BADFILE:
                return "the CA file or text can't be used";
        case CURLE_SSL_CERTPROBLEM:
                return "the own certificate or its key can't be used";
        case CURLE_WRITE_ERROR:
                return resp->body.bad ? "the answer is larger than 64 MiB" : "the answer's headers are too large";
        case CURLE_URL_MALFORMAT:
                return "the URL is malformed";
        case CURLE_UNSUPPORTED_PROTOCOL:
                return "the URL's protocol is neither http nor https";
        default:
                return "the request failed";
        }
}

static enum sl_rc fail(const struct sl_http_transfer *t, struct sl_err *err)
{
        CURLcode code = t->code;
        struct sl_str host = host_of(t->url.ptr);
        const char *detail = *t->detail ? t->detail : curl_easy_strerror(code);
        /* These never pass by waiting. */
        bool config = code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
                      code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM;
        return sl_fail(err, config ? SL_E_CONFIG : SL_E_HTTP_UNREACHABLE, "%s %.*s: %s (%s)", t->method, SL_FMT(host),
                       reason_of(code, t->resp), detail);
}

static void prepare(struct sl_http_response *resp)
{
        sl_buf_clear(&resp->body);
        sl_buf_clear(&resp->headers);
        resp->body.max = MAX_BODY;
        resp->headers.max = MAX_HEADERS;
        resp->status = 0;
        resp->untrusted = false;
}

static struct sl_http_transfer *take_idle(struct sl_http *h)
{
        struct sl_http_transfer *t = h->idle;
        if (t) {
                h->idle = t->next;
        } else {
                t = sl_calloc(1, sizeof(*t));
                t->http = h;
                t->easy = curl_easy_init();
                if (!t->easy)
                        abort(); /* no memory */
        }
        t->prev = NULL;
        t->next = h->live;
        if (h->live)
                h->live->prev = t;
        h->live = t;
        return t;
}

enum sl_rc sl_http_start(struct sl_http *h, const struct sl_http_request *req, struct sl_http_response *resp,
                         struct sl_http_transfer **ret, struct sl_err *err)
{
        struct sl_http_transfer *t = take_idle(h);
        prepare(resp);
        t->resp = resp;
        t->method = req->method;
        t->ended = false;
        t->code = CURLE_OK;
        sl_buf_clear(&t->url);
        sl_buf_adds(&t->url, req->url);
        sl_buf_cstr(&t->url);
        t->headers = make_headers(req);
        set_up(t, req);
        CURLMcode mc = curl_multi_add_handle(h->multi, t->easy);
        if (mc != CURLM_OK) {
                sl_http_transfer_free(t);
                return sl_fail(err, SL_E_INTERNAL, "libcurl: %s", curl_multi_strerror(mc));
        }
        *ret = t;
        return SL_OK;
}

void sl_http_transfer_free(struct sl_http_transfer *t)
{
        if (!t)
                return;
        struct sl_http *h = t->http;
        curl_multi_remove_handle(h->multi, t->easy);
        curl_slist_free_all(t->headers);
        t->headers = NULL;
        if (t->prev)
                t->prev->next = t->next;
        else
                h->live = t->next;
        if (t->next)
                t->next->prev = t->prev;
        t->next = h->idle;
        h->idle = t;
}

static void collect(struct sl_http *h)
{
        const CURLMsg *msg;
        int left;
        while ((msg = curl_multi_info_read(h->multi, &left))) {
                struct sl_http_transfer *t = NULL;
                if (msg->msg != CURLMSG_DONE || curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t))
                        continue;
                long status = 0;
                t->ended = true;
                t->code = msg->data.result;
                t->resp->untrusted = t->code == CURLE_PEER_FAILED_VERIFICATION;
                if (t->code == CURLE_OK)
                        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
                t->resp->status = (int)status;
        }
}

enum sl_rc sl_http_work(struct sl_http *h, struct sl_err *err)
{
        struct epoll_event events[16];
        CURLMcode mc = CURLM_OK;
        int running, n;
        if (h->deadline_ms >= 0 && sl_mono_ms() >= h->deadline_ms) {
                h->deadline_ms = -1;
                mc = curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        do {
                n = epoll_wait(h->epoll, events, 16, 0);
                for (int i = 0; i < n && mc == CURLM_OK; i++) {
                        uint32_t e = events[i].events;
                        int mask = (e & EPOLLIN ? CURL_CSELECT_IN : 0) | (e & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                                   (e & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
                        mc = curl_multi_socket_action(h->multi, events[i].data.fd, mask, &running);
                }
        } while (n == 16 && mc == CURLM_OK);
        collect(h);
        return mc == CURLM_OK ? SL_OK : sl_fail(err, SL_E_INTERNAL, "libcurl: %s", curl_multi_strerror(mc));
}

bool sl_http_ended(const struct sl_http_transfer *t, enum sl_rc *ret_rc, struct sl_err *err)
{
        if (!t->ended)
                return false;
        *ret_rc = t->code == CURLE_OK ? SL_OK : fail(t, err);
        return true;
}

int sl_http_fd(const struct sl_http *h)
{
        return h->epoll;
}

int64_t sl_http_deadline_ms(const struct sl_http *h)
{
        return h->deadline_ms;
}

/* Run all transfers until this one has ended. */
static enum sl_rc run(struct sl_http *h, const struct sl_http_transfer *t, struct sl_err *err)
{
        int64_t next_tick = sl_mono_ms() + TICK_MS;
        for (;;) {
                enum sl_rc rc;
                SL_TRY(sl_http_work(h, err));
                if (sl_http_ended(t, &rc, err))
                        return rc;
                int64_t until = h->deadline_ms >= 0 && h->deadline_ms < next_tick ? h->deadline_ms : next_tick;
                int64_t wait = until - sl_mono_ms();
                struct pollfd fd = {.fd = h->epoll, .events = POLLIN};
                poll(&fd, 1, wait > 0 ? (int)wait : 0);
                if (sl_mono_ms() >= next_tick) {
                        if (h->opts.tick)
                                SL_TRY(h->opts.tick(h->opts.tick_arg, err));
                        next_tick = sl_mono_ms() + TICK_MS;
                }
        }
}

enum sl_rc sl_http_do(struct sl_http *h, const struct sl_http_request *req, struct sl_http_response *resp,
                      struct sl_err *err)
{
        struct sl_http_transfer *t;
        SL_TRY(sl_http_start(h, req, resp, &t, err));
        enum sl_rc rc = run(h, t, err);
        sl_http_transfer_free(t);
        return rc;
}

void sl_http_response_free(struct sl_http_response *resp)
{
        sl_buf_free(&resp->body);
        sl_buf_free(&resp->headers);
        resp->status = 0;
}

struct sl_str sl_http_header(const struct sl_http_response *resp, const char *name)
{
        const char *p = resp->headers.ptr, *end = p ? p + resp->headers.len : NULL;
        size_t n = strlen(name);
        while (p < end) {
                const char *nl = memchr(p, '\n', (size_t)(end - p)), *eol = nl ? nl : end;
                if ((size_t)(eol - p) > n && p[n] == ':' && strncasecmp(p, name, n) == 0) {
                        const char *v = p + n + 1, *stop = eol;
                        while (v < stop && (*v == ' ' || *v == '\t'))
                                v++;
                        while (stop > v && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
                                stop--;
                        return (struct sl_str){v, (size_t)(stop - v)};
                }
                p = eol + (nl != NULL);
        }
        return SL_STR_NULL;
}
