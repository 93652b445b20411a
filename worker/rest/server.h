/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP and HTTPS server under the REST API: libmicrohttpd, one thread a connection, so that a call that waits (a
 * validation that connects to a database) holds up nobody else. Who may call (auth.h), what every answer carries
 * (headers.h), how long a connection may keep the server waiting (conns.h), TLS (tls.h), addresses (listen.h).
 * libmicrohttpd appears only in server.c. */
#ifndef SL_REST_SERVER_H
#define SL_REST_SERVER_H
#include "cluster/herder.h"

struct sl_rest_server;
/* Read everything that the worker's config says about REST and bind all listeners; connections wait until
 * sl_rest_server_serve. SL_E_CONFIG or SL_E_IO with what to do. */
enum sl_rc sl_rest_server_bind(const struct sl_worker_cfg *cfg, struct sl_rest_server **ret, struct sl_err *err);
/* "host:port" as other programs reach it: rest.advertised.* or the first listener. Valid until free. */
const char *sl_rest_server_id(const struct sl_rest_server *s);
/* The same with its scheme: "http://host:port", without a slash at the end. Valid until free. */
const char *sl_rest_server_url(const struct sl_rest_server *s);
uint16_t sl_rest_server_port(const struct sl_rest_server *s); /* of the first listener */
struct sl_rest_extra;
/* Start answering from this herder; extra: further routes, which outlive the server, NULL = none. */
enum sl_rc sl_rest_server_serve(struct sl_rest_server *s, struct sl_herder *h, const struct sl_rest_extra *extra,
                                struct sl_err *err);
/* Waits for requests in progress. NULL ok. */
void sl_rest_server_free(struct sl_rest_server *s);
#endif
