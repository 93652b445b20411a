/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets of the REST server: which addresses, what each serves, bound before anything else starts. */
#ifndef SL_REST_LISTEN_H
#define SL_REST_LISTEN_H
#include "cluster/workercfg.h"

#define SL_REST_LISTENERS 16

struct sl_rest_listener {
        const char *text; /* as configured */
        struct sl_listener addr;
        uint16_t port; /* the real one */
        int fd;
        unsigned serves; /* of enum sl_rest_part */
};
struct sl_rest_listeners {
        struct sl_rest_listener items[SL_REST_LISTENERS];
        size_t n;
};
/* Bind listeners, admin.listeners and sluice.metrics.listeners; one address named by two of the keys is one listener
 * that serves both. SL_E_CONFIG with what to do; what was bound stays for sl_rest_listeners_close. */
enum sl_rc sl_rest_listeners_bind(const struct sl_worker_cfg *cfg, struct sl_rest_listeners *ret, struct sl_err *err);
/* Closes those whose fd is not -1. */
void sl_rest_listeners_close(struct sl_rest_listeners *l);
/* The base URL that others are told ("http://host:8083"), owned by the caller: rest.advertised.*, else the first
 * listener of the advertised scheme (http when there is one), else the first. */
char *sl_rest_advertised_url(const struct sl_worker_cfg *cfg, const struct sl_rest_listeners *l);
#endif
