/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps keys fresh: which are used now, when others are fetched, and the thread that fetches them. The thread lives for
 * one fetch and shares nothing with the task's but what stands under `lock`. Does not know where keys come from
 * (creds_chain.c and the files it calls). */
#include "connectors/s3/credentials.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "connectors/s3/creds_internal.h"

#define AHEAD_MS 300000 /* new keys are fetched when less than this is left */
#define JITTER_MS 60000
#define AGAIN_FIRST_MS 1000
#define AGAIN_MAX_MS 30000

struct sl_s3_creds {
        struct sl_s3_creds_opts opts;
        struct sl_s3_keys keys; /* access NULL: none */
        bool fixed;             /* the config's: nothing is ever fetched */
        int64_t refresh_ms;     /* wall clock: fetch others from then on; INT64_MAX = never */
        uint32_t generation, failures;
        uint32_t gone; /* keys of this generation and before have expired, says the server */
        struct sl_err why; /* of the last fetch that failed */
        int fd;
        bool fetching;
        atomic_bool stop;
        pthread_t thread;
        pthread_mutex_t lock;
        /* under the lock, of the thread */
        bool ended;
        enum sl_s3_found found;
        struct sl_s3_keys fresh;
        struct sl_err fresh_err;
};

static void wipe(char **p)
{
        if (*p)
                OPENSSL_cleanse(*p, strlen(*p));
        free(*p);
        *p = NULL;
}

void sl_s3_keys_free(struct sl_s3_keys *k)
{
        wipe(&k->access);
        wipe(&k->secret);
        wipe(&k->token);
        *k = (struct sl_s3_keys){0};
}

struct sl_s3_creds *sl_s3_creds_new(const struct sl_s3_creds_opts *opts)
{
        struct sl_s3_creds *c = sl_calloc(1, sizeof(*c));
        c->opts = *opts;
        c->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (c->fd < 0)
                abort(); /* no descriptors */
        pthread_mutex_init(&c->lock, NULL);
        c->refresh_ms = 0;
        if (opts->provider != SL_S3_PROVIDER_ASSUME_ROLE && sl_s3_set(opts->access) && sl_s3_set(opts->secret)) {
                sl_s3_keys_set(&c->keys, opts->access, opts->secret, opts->token, "the connector's config");
                c->keys.generation = c->generation = 1;
                c->fixed = true;
        }
        return c;
}

static void *fetch_main(void *arg)
{
        struct sl_s3_creds *c = arg;
        struct sl_s3_fetch f = {.opts = &c->opts, .stop = &c->stop};
        struct sl_s3_keys keys = {0};
        struct sl_err err = {0};
        enum sl_s3_found found = sl_s3_fetch_keys(&f, &keys, &err);
        sl_http_free(f.http);
        sl_http_free(f.direct);
        if (f.resp.body.ptr)
                OPENSSL_cleanse(f.resp.body.ptr, f.resp.body.cap);
        sl_http_response_free(&f.resp);
        sl_buf_free(&f.tried);
        pthread_mutex_lock(&c->lock);
        c->found = found;
        c->fresh = keys;
        c->fresh_err = err;
        c->ended = true;
        pthread_mutex_unlock(&c->lock);
        (void)!write(c->fd, &(uint64_t){1}, sizeof(uint64_t));
        return NULL;
}

static void begin(struct sl_s3_creds *c)
{
        sigset_t all, old;
        sigfillset(&all);
        c->ended = false;
        pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are for the others */
        int failed = pthread_create(&c->thread, NULL, fetch_main, c);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (failed)
                abort(); /* no memory */
        pthread_setname_np(c->thread, "sl-s3-keys");
        c->fetching = true;
}

/* When to fetch the next ones: five minutes and a bit before the end, or at half of a shorter life. */
int64_t sl_s3_refresh_at(int64_t now_ms, int64_t expires_ms, uint32_t random)
{
        int64_t ahead = AHEAD_MS + random % JITTER_MS, life = expires_ms - now_ms;
        if (expires_ms == 0)
                return INT64_MAX;
        return expires_ms - (ahead < life / 2 ? ahead : life / 2);
}

static void take(struct sl_s3_creds *c, int64_t now_ms)
{
        pthread_join(c->thread, NULL);
        c->fetching = false;
        if (c->found == SL_S3_FOUND) {
                sl_s3_keys_free(&c->keys);
                c->keys = c->fresh;
                c->keys.generation = ++c->generation;
                c->refresh_ms = sl_s3_refresh_at(now_ms, c->keys.expires_ms, (uint32_t)sl_mono_us() * 2654435761u);
                c->failures = 0;
                sl_debug("S3 credentials of %s, generation %u", c->keys.origin, c->generation);
        } else {
                int64_t again = (int64_t)AGAIN_FIRST_MS << (c->failures < 6 ? c->failures : 6);
                c->failures++;
                c->why = c->fresh_err;
                c->refresh_ms = now_ms + (again < AGAIN_MAX_MS ? again : AGAIN_MAX_MS);
                if (c->keys.access)
                        sl_warn("new S3 credentials could not be fetched, those of %s are used while they last: %s",
                                c->keys.origin, c->why.msg);
        }
        c->fresh = (struct sl_s3_keys){0};
        c->fresh_err = (struct sl_err){0};
}

static bool has_ended(struct sl_s3_creds *c)
{
        pthread_mutex_lock(&c->lock);
        bool ended = c->ended;
        pthread_mutex_unlock(&c->lock);
        return ended;
}

static bool usable(const struct sl_s3_creds *c, int64_t now_ms)
{
        return c->keys.access && c->keys.generation > c->gone && (!c->keys.expires_ms || now_ms < c->keys.expires_ms);
}

enum sl_s3_creds_state sl_s3_creds_get(struct sl_s3_creds *c, const struct sl_s3_keys **ret, struct sl_err *err)
{
        int64_t now_ms = sl_wall_ms();
        *ret = NULL;
        if (c->opts.provider == SL_S3_PROVIDER_ANONYMOUS && !c->fixed)
                return SL_S3_CREDS_NONE;
        if (!c->fixed) {
                uint64_t n;
                (void)!read(c->fd, &n, sizeof(n));
                if (c->fetching && has_ended(c))
                        take(c, now_ms);
                if (!c->fetching && now_ms >= c->refresh_ms)
                        begin(c);
        }
        if (usable(c, now_ms)) {
                *ret = &c->keys;
                return SL_S3_CREDS_READY;
        }
        if (c->fetching)
                return SL_S3_CREDS_PENDING;
        if (err && err->rc == SL_OK)
                *err = c->why;
        return SL_S3_CREDS_FAILED;
}

bool sl_s3_creds_expired(struct sl_s3_creds *c, uint32_t generation)
{
        if (c->fixed)
                return false;
        if (generation == c->generation && c->gone < generation) {
                c->gone = generation;
                c->refresh_ms = 0;
        }
        return true;
}

int sl_s3_creds_fd(const struct sl_s3_creds *c)
{
        return c->fd;
}

void sl_s3_creds_free(struct sl_s3_creds *c)
{
        if (!c)
                return;
        atomic_store(&c->stop, true);
        if (c->fetching)
                pthread_join(c->thread, NULL);
        sl_s3_keys_free(&c->fresh);
        sl_s3_keys_free(&c->keys);
        pthread_mutex_destroy(&c->lock);
        close(c->fd);
        free(c);
}
