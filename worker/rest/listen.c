/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets and addresses of the REST server (see listen.h). Accepts nothing: libmicrohttpd does. */
#include "rest/listen.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "rest/api.h"

#define BACKLOG 128

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

static enum sl_rc listen_on(struct sl_rest_listener *l, struct sl_err *err)
{
        SL_TRY(sl_listener_parse(l->text, &l->addr, err));
        char port[8];
        struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found = NULL;
        snprintf(port, sizeof(port), "%u", l->addr.port);
        int rc = getaddrinfo(*l->addr.host ? l->addr.host : NULL, port, &hints, &found);
        if (rc != 0)
                return sl_fail(err, SL_E_CONFIG, "listener %s: the host name can't be resolved: %s", l->text,
                               gai_strerror(rc));
        for (int family = AF_INET6, pass = 0; pass < 2 && l->fd < 0; family = AF_INET, pass++)
                for (const struct addrinfo *ai = found; ai && l->fd < 0; ai = ai->ai_next)
                        if (ai->ai_family == family)
                                l->fd = bind_one(ai);
        freeaddrinfo(found);
        if (l->fd < 0)
                return sl_fail(err, SL_E_CONFIG,
                               "listener %s: %s. Choose another address with listeners=http://host:port", l->text,
                               strerror(errno));
        struct sockaddr_storage addr;
        socklen_t len = sizeof(addr);
        getsockname(l->fd, (struct sockaddr *)&addr, &len);
        l->port = ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                                   : ((struct sockaddr_in *)&addr)->sin_port);
        return SL_OK;
}

static enum sl_rc add_all(struct sl_rest_listeners *all, const struct sl_cfg_list *list, unsigned serves,
                          struct sl_err *err)
{
        for (uint32_t i = 0; i < list->count; i++) {
                struct sl_rest_listener *l = NULL;
                for (size_t k = 0; k < all->n; k++)
                        if (strcasecmp(all->items[k].text, list->items[i]) == 0)
                                l = &all->items[k];
                if (l) {
                        l->serves |= serves;
                        continue;
                }
                if (all->n == SL_REST_LISTENERS)
                        return sl_fail(err, SL_E_CONFIG, "there are more than %d listeners", SL_REST_LISTENERS);
                l = &all->items[all->n++];
                *l = (struct sl_rest_listener){.text = list->items[i], .fd = -1, .serves = serves};
                SL_TRY(listen_on(l, err));
        }
        return SL_OK;
}

enum sl_rc sl_rest_listeners_bind(const struct sl_worker_cfg *cfg, struct sl_rest_listeners *ret, struct sl_err *err)
{
        unsigned serves = SL_REST_MAIN;
        if (!cfg->admin_apart)
                serves |= SL_REST_ADMIN;
        if (!cfg->metrics_apart)
                serves |= SL_REST_METRICS;
        SL_TRY(add_all(ret, &cfg->listeners, serves, err));
        SL_TRY(add_all(ret, &cfg->admin_listeners, SL_REST_ADMIN, err));
        return add_all(ret, &cfg->metrics_listeners, SL_REST_METRICS, err);
}

void sl_rest_listeners_close(struct sl_rest_listeners *l)
{
        for (size_t i = 0; i < l->n; i++)
                if (l->items[i].fd >= 0)
                        close(l->items[i].fd);
        l->n = 0;
}

char *sl_rest_advertised_url(const struct sl_worker_cfg *cfg, const struct sl_rest_listeners *l)
{
        const char *wanted = cfg->advertised_listener && *cfg->advertised_listener ? cfg->advertised_listener : NULL;
        bool http = false;
        for (size_t i = 0; i < l->n; i++)
                http |= l->items[i].serves & SL_REST_MAIN && !l->items[i].addr.https;
        bool https = wanted ? strcasecmp(wanted, "https") == 0 : !http;
        const struct sl_rest_listener *pick = &l->items[0];
        for (size_t i = l->n; i-- > 0;)
                if (l->items[i].serves & SL_REST_MAIN && l->items[i].addr.https == https)
                        pick = &l->items[i];
        char local[256] = "127.0.0.1";
        const char *host = cfg->advertised_host;
        if (!host || !*host) {
                host = pick->addr.host;
                if (!*host || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0) {
                        if (gethostname(local, sizeof(local) - 1) == 0)
                                local[sizeof(local) - 1] = '\0';
                        host = local;
                }
        }
        bool v6 = strchr(host, ':') != NULL;
        struct sl_buf url = {0};
        sl_buf_printf(&url, "%s://%s%s%s:%d", https ? "https" : "http", v6 ? "[" : "", host, v6 ? "]" : "",
                      cfg->advertised_port ? cfg->advertised_port : pick->port);
        char *text = sl_strdup(sl_buf_cstr(&url));
        sl_buf_free(&url);
        return text;
}
