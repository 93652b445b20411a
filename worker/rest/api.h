/* SPDX-License-Identifier: Apache-2.0 */
/* Kafka Connect's REST resources over a herder, without a socket: a request in, a response out. The HTTP server
 * (server.c) and tests call it. Safe from any thread; a call blocks as long as the herder or a validation takes. */
#ifndef SL_REST_API_H
#define SL_REST_API_H
#include <jansson.h>
#include "base/str.h"
#include "cluster/herder.h"

#define SL_REST_BODY_MAX (1 << 20)

/* What a listener serves. */
enum sl_rest_part { SL_REST_MAIN = 1, SL_REST_ADMIN = 2 /* /admin */, SL_REST_METRICS = 4 /* /metrics */ };

struct sl_rest_extra;
struct sl_rest_request {
        const char *method;       /* "GET", ... */
        const char *path;         /* raw, still percent-encoded, without the query */
        const char *query;        /* raw, without "?"; NULL = none */
        const char *content_type; /* NULL = none */
        const char *authorization; /* the header, passed on when another worker is asked; NULL = none */
        const char *accept;       /* NULL = none */
        struct sl_str body;       /* ptr NULL = none */
        const char *base_url;     /* "http://host:port", for Location */
        unsigned serves;          /* of enum sl_rest_part, 0 = all; other paths are unknown here */
        const struct sl_rest_extra *extra; /* further routes; NULL = none */
};
struct sl_rest_response {
        int status;
        const char *content_type; /* NULL = no such header */
        struct sl_buf body;
        int file; /* > 0: the body is this file, from its begin; owned */
        struct sl_buf location, allow; /* header values; empty = none */
};
struct sl_rest_call;
struct sl_rest_route {
        const char *method;
        const char *path; /* "*" stands for one segment */
        void (*handle)(struct sl_rest_call *c);
};
/* Routes beside Connect's, of parts of the program that this library doesn't know. */
struct sl_rest_extra {
        const struct sl_rest_route *routes;
        size_t count;
        void *arg; /* for their handlers: sl_rest_call.arg */
};
/* Fills resp (zeroed by the caller). */
void sl_rest_handle(struct sl_herder *h, const struct sl_rest_request *req, struct sl_rest_response *resp);
void sl_rest_response_free(struct sl_rest_response *resp);
/* The error body {"error_code","message"}. */
void sl_rest_error(struct sl_rest_response *resp, int status, const char *message);
#endif
