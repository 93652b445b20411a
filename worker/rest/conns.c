/* SPDX-License-Identifier: Apache-2.0 */
/* The table of connections and the thread that ends those past their deadline (see conns.h). Knows descriptors only. */
#include "rest/conns.h"
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define TICK_MAX_MS 1000

enum phase { WAITING, WORKING, ENDED };

struct sl_conn {
        struct sl_conn *prev, *next;
        int fd;
        enum phase phase;
        int64_t since, deadline; /* of the phase */
};

struct sl_conns {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        pthread_t thread;
        bool stop;
        uint32_t max, waiting, working;
        int64_t idle_ms, request_ms;
        struct sl_conn *first;
};

/* With the lock held, as all static functions here. */
static void set_phase(struct sl_conns *c, struct sl_conn *conn, enum phase phase, int64_t ms)
{
        if (conn->phase == ENDED)
                return;
        c->waiting -= conn->phase == WAITING;
        c->working -= conn->phase == WORKING;
        conn->phase = phase;
        c->waiting += phase == WAITING;
        c->working += phase == WORKING;
        conn->since = sl_mono_ms();
        conn->deadline = conn->since + ms;
}

static void end(struct sl_conns *c, struct sl_conn *conn, const char *why)
{
        sl_debug("http server: connection ended: %s", why);
        set_phase(c, conn, ENDED, 0);
        shutdown(conn->fd, SHUT_RDWR);
}

static void end_longest_waiting(struct sl_conns *c)
{
        struct sl_conn *oldest = NULL;
        for (struct sl_conn *p = c->first; p; p = p->next)
                if (p->phase == WAITING &&
                    (!oldest || p->since <= oldest->since)) /* newest first: the later, the older */
                        oldest = p;
        if (oldest)
                end(c, oldest, "too many connections, and it has waited longest");
}

static void *watch(void *arg)
{
        struct sl_conns *c = arg;
        int64_t tick = (c->idle_ms < c->request_ms ? c->idle_ms : c->request_ms) / 4 + 1;
        if (tick > TICK_MAX_MS)
                tick = TICK_MAX_MS;
        pthread_mutex_lock(&c->lock);
        while (!c->stop) {
                if (!c->waiting) {
                        pthread_cond_wait(&c->changed, &c->lock);
                        continue;
                }
                int64_t now = sl_mono_ms();
                for (struct sl_conn *p = c->first; p; p = p->next)
                        if (p->phase == WAITING && now >= p->deadline)
                                end(c, p, "its time is up");
                int64_t until = now + tick;
                struct timespec at = {.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000};
                pthread_cond_timedwait(&c->changed, &c->lock, &at);
        }
        pthread_mutex_unlock(&c->lock);
        return NULL;
}

struct sl_conns *sl_conns_new(uint32_t max, int64_t idle_ms, int64_t request_ms)
{
        struct sl_conns *c = sl_calloc(1, sizeof(*c));
        pthread_condattr_t attr;
        c->max = max;
        c->idle_ms = idle_ms;
        c->request_ms = request_ms;
        pthread_mutex_init(&c->lock, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&c->changed, &attr);
        pthread_condattr_destroy(&attr);
        if (pthread_create(&c->thread, NULL, watch, c) != 0)
                abort(); /* no memory */
        return c;
}

void sl_conns_free(struct sl_conns *c)
{
        if (!c)
                return;
        pthread_mutex_lock(&c->lock);
        c->stop = true;
        pthread_cond_signal(&c->changed);
        pthread_mutex_unlock(&c->lock);
        pthread_join(c->thread, NULL);
        pthread_cond_destroy(&c->changed);
        pthread_mutex_destroy(&c->lock);
        free(c);
}

struct sl_conn *sl_conns_add(struct sl_conns *c, int fd)
{
        struct sl_conn *conn = sl_calloc(1, sizeof(*conn));
        conn->fd = fd;
        pthread_mutex_lock(&c->lock);
        if (c->waiting + c->working >= c->max)
                end_longest_waiting(c);
        c->waiting++; /* a zeroed phase is WAITING */
        set_phase(c, conn, WAITING, c->idle_ms);
        conn->next = c->first;
        if (c->first)
                c->first->prev = conn;
        c->first = conn;
        if (c->waiting == 1)
                pthread_cond_signal(&c->changed);
        pthread_mutex_unlock(&c->lock);
        return conn;
}

void sl_conns_remove(struct sl_conns *c, struct sl_conn *conn)
{
        pthread_mutex_lock(&c->lock);
        set_phase(c, conn, ENDED, 0);
        if (conn->next)
                conn->next->prev = conn->prev;
        if (conn->prev)
                conn->prev->next = conn->next;
        else
                c->first = conn->next;
        pthread_mutex_unlock(&c->lock);
        free(conn);
}

static void wait_for_client(struct sl_conns *c, struct sl_conn *conn, int64_t ms)
{
        pthread_mutex_lock(&c->lock);
        set_phase(c, conn, WAITING, ms);
        if (c->waiting == 1)
                pthread_cond_signal(&c->changed);
        pthread_mutex_unlock(&c->lock);
}

void sl_conns_idle(struct sl_conns *c, struct sl_conn *conn)
{
        wait_for_client(c, conn, c->idle_ms);
}

void sl_conns_transfer(struct sl_conns *c, struct sl_conn *conn)
{
        wait_for_client(c, conn, c->request_ms);
}

bool sl_conns_work(struct sl_conns *c, struct sl_conn *conn, bool change)
{
        pthread_mutex_lock(&c->lock);
        bool room = c->working < (change ? c->max / 4 * 3 : c->max);
        if (room)
                set_phase(c, conn, WORKING, 0);
        pthread_mutex_unlock(&c->lock);
        return room;
}
