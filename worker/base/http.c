/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP over libcurl's multi interface: one easy handle that is set up anew for each request, one multi handle that
 * keeps the connections. Sends what the caller wrote: no redirects, no dot-segment squashing, no Expect header, no
 * content type of curl's own. Does not retry (the caller knows what is safe to repeat) and does not sign.
 * Never puts a URL's path, query or user part into an error: they may hold secrets. */
#include "base/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

#define MAX_BODY ((size_t)64 << 20)
#define MAX_HEADERS ((size_t)1 << 20)
#define TICK_MS 80 /* the contract says 100; a poll may oversleep */
#define USER_AGENT "sluice/" SLUICE_VERSION
#ifndef SLUICE_VERSION
#define SLUICE_VERSION "dev"
#endif

struct sl_http {
        CURLM *multi;
        CURL *easy;
        struct sl_http_opts opts;
        char *ca_file, *proxy, *ca_pem, *cert_pem, *key_pem, *p12_file, *key_password;
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

struct sl_http *sl_http_new(const struct sl_http_opts *opts)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, global_init);
        struct sl_http *h = sl_calloc(1, sizeof(*h));
        if (opts)
                h->opts = *opts;
        h->ca_file = copy(h->opts.ca_file);
        h->proxy = copy(h->opts.proxy);
        h->ca_pem = copy(h->opts.ca_pem);
        h->cert_pem = copy(h->opts.cert_pem);
        h->key_pem = copy(h->opts.key_pem);
        h->p12_file = copy(h->opts.p12_file);
        h->key_password = copy(h->opts.key_password);
        h->multi = curl_multi_init();
        h->easy = curl_easy_init();
        if (!h->multi || !h->easy)
                abort(); /* no memory: nothing else makes these fail */
        curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 4L);
        return h;
}

void sl_http_free(struct sl_http *h)
{
        if (!h)
                return;
        curl_easy_cleanup(h->easy);
        curl_multi_cleanup(h->multi);
        free(h->ca_file);
        free(h->proxy);
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

static void free_list(struct curl_slist **list)
{
        curl_slist_free_all(*list);
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

static void set_up(struct sl_http *h, const struct sl_http_request *req, struct sl_http_response *resp)
{
        CURL *e = h->easy;
        curl_easy_reset(e); /* connections stay with the multi handle */
        h->detail[0] = '\0';
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
        curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->detail);
        curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(h->opts.connect_timeout_ms ?: 10000));
        curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(h->opts.timeout_ms ?: 300000));
        set_tls(h, e);
        if (h->proxy)
                curl_easy_setopt(e, CURLOPT_PROXY, h->proxy);
        curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(e, CURLOPT_WRITEDATA, resp);
        curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(e, CURLOPT_HEADERDATA, resp);
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

static enum sl_rc fail(const struct sl_http *h, const struct sl_http_request *req, const struct sl_http_response *resp,
                       CURLcode code, struct sl_err *err)
{
        struct sl_str host = host_of(req->url);
        const char *detail = *h->detail ? h->detail : curl_easy_strerror(code);
        /* These never pass by waiting. */
        bool config = code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
                      code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM;
        return sl_fail(err, config ? SL_E_CONFIG : SL_E_HTTP_UNREACHABLE, "%s %.*s: %s (%s)", req->method, SL_FMT(host),
                       reason_of(code, resp), detail);
}

/* Run the transfer that was added; ret_code is curl's verdict. */
static enum sl_rc run(struct sl_http *h, CURLcode *ret_code, struct sl_err *err)
{
        int64_t next_tick = sl_mono_ms() + TICK_MS;
        for (;;) {
                int running = 0, left = 0;
                CURLMcode mc = curl_multi_perform(h->multi, &running);
                const CURLMsg *msg = curl_multi_info_read(h->multi, &left);
                if (msg && msg->msg == CURLMSG_DONE) {
                        *ret_code = msg->data.result;
                        return SL_OK;
                }
                int64_t wait = next_tick - sl_mono_ms();
                if (mc == CURLM_OK && running && wait > 0)
                        mc = curl_multi_poll(h->multi, NULL, 0, (int)wait, NULL);
                if (mc != CURLM_OK || !running)
                        return sl_fail(err, SL_E_INTERNAL, "libcurl: %s", curl_multi_strerror(mc));
                if (sl_mono_ms() >= next_tick) {
                        if (h->opts.tick)
                                SL_TRY(h->opts.tick(h->opts.tick_arg, err));
                        next_tick = sl_mono_ms() + TICK_MS;
                }
        }
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

enum sl_rc sl_http_do(struct sl_http *h, const struct sl_http_request *req, struct sl_http_response *resp,
                      struct sl_err *err)
{
        sl_cleanup(free_list) struct curl_slist *headers = make_headers(req);
        CURLcode code = CURLE_OK;
        prepare(resp);
        set_up(h, req, resp);
        curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, headers);
        CURLMcode mc = curl_multi_add_handle(h->multi, h->easy);
        if (mc != CURLM_OK)
                return sl_fail(err, SL_E_INTERNAL, "libcurl: %s", curl_multi_strerror(mc));
        enum sl_rc rc = run(h, &code, err);
        if (rc == SL_OK && code == CURLE_OK) {
                long status = 0;
                curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
                resp->status = (int)status;
        } else if (rc == SL_OK) {
                resp->untrusted = code == CURLE_PEER_FAILED_VERIFICATION;
                rc = fail(h, req, resp, code, err);
        }
        curl_multi_remove_handle(h->multi, h->easy);
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
