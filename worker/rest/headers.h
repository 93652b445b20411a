/* SPDX-License-Identifier: Apache-2.0 */
/* Headers that every answer carries: response.http.headers.config (Jetty's HeaderFilter) and CORS (Jetty's
 * CrossOriginHandler, as Kafka Connect 4.2 sets it up: origins are regular expressions, no credentials, preflights are
 * handled like any OPTIONS). Knows no HTTP library: headers go to a callback. */
#ifndef SL_REST_HEADERS_H
#define SL_REST_HEADERS_H
#include "cluster/workercfg.h"

struct sl_rest_headers;
/* SL_E_CONFIG names the rule or origin that can't be understood. */
enum sl_rc sl_rest_headers_new(const struct sl_worker_cfg *cfg, struct sl_rest_headers **ret, struct sl_err *err);
void sl_rest_headers_free(struct sl_rest_headers *h); /* NULL ok */

/* Takes one header; replace: instead of those of that name that were there. */
typedef void sl_rest_header_fn(void *arg, const char *name, const char *value, bool replace);
/* The headers for an answer, in order. origin: the request's Origin (NULL = none); preflight: an OPTIONS with
 * Access-Control-Request-Method. Safe from any thread. */
void sl_rest_headers_add(const struct sl_rest_headers *h, const char *origin, bool preflight, sl_rest_header_fn *add,
                         void *arg);
#endif
