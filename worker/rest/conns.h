/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP connections of all listeners: how long each may keep the server waiting, and who goes when there are too
 * many. libmicrohttpd counts from the last byte, so a byte now and then holds a connection for ever; here a deadline
 * counts from the beginning of a phase (head, body, answer). When a connection comes and the table is full, the one
 * that has kept the server waiting longest is shut down, never one whose request is being worked on. So a flood of
 * slow or idle connections throws out itself, and whoever sends his request in one go is served. A limit for each
 * address would not do: behind a proxy all clients have one, and an attacker has many.
 * A connection is shut down (shutdown(2)), not closed: libmicrohttpd sees its end and closes it. Thread safe. */
#ifndef SL_REST_CONNS_H
#define SL_REST_CONNS_H
#include <stdbool.h>
#include <stdint.h>

struct sl_conns;
struct sl_conn;
/* max: connections at a time; idle_ms: to a whole request head; request_ms: for a body, and for taking an answer. */
struct sl_conns *sl_conns_new(uint32_t max, int64_t idle_ms, int64_t request_ms);
void sl_conns_free(struct sl_conns *c); /* all connections must have been removed; NULL ok */
/* A new connection, which waits for a head. The caller closes fd only after sl_conns_remove. */
struct sl_conn *sl_conns_add(struct sl_conns *c, int fd);
void sl_conns_remove(struct sl_conns *c, struct sl_conn *conn);
void sl_conns_idle(struct sl_conns *c, struct sl_conn *conn);     /* the answer is out; the next head may come */
void sl_conns_transfer(struct sl_conns *c, struct sl_conn *conn); /* a body comes, or an answer goes */
/* A whole request is there and is worked on: no deadline until the next call. false: as many requests as there may be
 * connections are worked on (three quarters of them for requests that change something, so that reads still get
 * through); answer with 503. */
bool sl_conns_work(struct sl_conns *c, struct sl_conn *conn, bool change);
#endif
