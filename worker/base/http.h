/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests over libcurl, for connectors (S3, registries). One sl_http per task: keeps connections alive.
 * sl_http_do runs a request to its end in the calling thread, which never sleeps blind: while it waits it polls and
 * calls `tick` at least every 100 ms, so that a consumer keeps its membership and a stop is noticed. sl_http_start and
 * sl_http_work run any number of requests beside each other, and beside a sl_http_do. Not thread safe.
 * libcurl appears only in base/http.c. */
#ifndef SL_BASE_HTTP_H
#define SL_BASE_HTTP_H
#include <stdint.h>
#include "base/err.h"
#include "base/str.h"

struct sl_http;
struct sl_http_opts {
        /* Return SL_OK to go on; anything else ends the request with that class. NULL: none. */
        enum sl_rc (*tick)(void *arg, struct sl_err *err);
        void *tick_arg;
        const char *ca_file;      /* PEM; NULL = system */
        const char *ca_pem;       /* the same as text; goes before ca_file */
        const char *cert_pem;     /* own certificate and chain as PEM text, with key_pem; NULL = none */
        const char *key_pem;
        const char *p12_file;     /* own certificate and key as a PKCS12 file, instead of cert_pem and key_pem; NULL = none */
        const char *key_password; /* of an encrypted key_pem or of p12_file; NULL = none */
        bool any_host;            /* the server's certificate may be of another host (the CA must still be right) */
        const char *proxy;        /* NULL = environment, "" = none */
        const char *proxy_user, *proxy_password; /* go before what the proxy's URL holds; NULL = none */
        uint32_t connect_timeout_ms; /* 0 = 10 s */
        uint32_t timeout_ms;         /* whole request; 0 = 300 s */
        uint32_t stall_ms;           /* without a byte sent or received, rounded up to seconds; 0 = no limit */
};
struct sl_http_request {
        const char *method;       /* "GET", "PUT", ... */
        const char *url;          /* already percent-encoded; sent as it is (no dot-segment squashing) */
        const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
        struct sl_str body;       /* ptr NULL = none; must stay valid until the call returns */
};
struct sl_http_response {
        int status;               /* 0 = no answer */
        bool untrusted;           /* no answer because the server's certificate isn't trusted, or isn't of its host */
        struct sl_buf body;       /* owned; ceiling 64 MiB */
        struct sl_buf headers;    /* raw header lines "Name: value\r\n" */
};

struct sl_http *sl_http_new(const struct sl_http_opts *opts);
void sl_http_free(struct sl_http *h); /* NULL ok */
/* SL_OK whenever the server answered (any status). SL_E_HTTP_UNREACHABLE otherwise; err says which host and why.
 * SL_E_CONFIG when waiting can't help: malformed URL, other protocol than http(s), unusable CA or
 * own certificate.
 * resp is zeroed or from an earlier call, whose memory is used again. */
enum sl_rc sl_http_do(struct sl_http *h, const struct sl_http_request *req, struct sl_http_response *resp, struct sl_err *err);
void sl_http_response_free(struct sl_http_response *resp);

/* --- in the background */

struct sl_http_transfer;
/* Begin a request. The bytes of the body and resp must stay where they are until sl_http_transfer_free; the rest of req
 * is copied. Fails as sl_http_do does for what is wrong before anything is sent. */
enum sl_rc sl_http_start(struct sl_http *h, const struct sl_http_request *req, struct sl_http_response *resp,
                         struct sl_http_transfer **ret, struct sl_err *err);
/* Move all requests on; never blocks. */
enum sl_rc sl_http_work(struct sl_http *h, struct sl_err *err);
/* Has it ended? Then *ret_rc and err are what sl_http_do would have returned. err may be NULL. */
bool sl_http_ended(const struct sl_http_transfer *t, enum sl_rc *ret_rc, struct sl_err *err);
/* Forget it; one that has not ended is broken off. NULL ok. */
void sl_http_transfer_free(struct sl_http_transfer *t);
/* Call sl_http_work when this descriptor is readable, or at this sl_mono_ms (-1: none). */
int sl_http_fd(const struct sl_http *h);
int64_t sl_http_deadline_ms(const struct sl_http *h);

/* Value of a response header (case-insensitive) as a slice of resp->headers, trimmed; ptr NULL if absent. */
struct sl_str sl_http_header(const struct sl_http_response *resp, const char *name);
#endif
