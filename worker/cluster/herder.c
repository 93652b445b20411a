/* SPDX-License-Identifier: Apache-2.0 */
/* The herder's thread: start-up (wait for Kafka, topics, store), the loop, the queue of calls, the end. See herder.h.
 */
#include "cluster/herder_internal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"

#define KAFKA_WAIT_MS 30000
#define PING_MS 500
#define TELL_MS 5000
#define CALL_LIMIT_MS 90000
#define STORE_POLL_MS 1000
#define ENDING_POLL_MS 20
#define SLOW_MS 5000

static const struct sl_task_calls real_tasks = {
        .start = sl_task_start,
        .pause = sl_task_pause,
        .resume = sl_task_resume,
        .stop = sl_task_stop,
        .join = sl_task_join,
        .free = sl_task_free,
        .forget_topics = sl_task_forget_topics,
};

static bool stopping(struct sl_herder *h)
{
        pthread_mutex_lock(&h->lock);
        bool stop = h->stop;
        pthread_mutex_unlock(&h->lock);
        return stop;
}

static enum sl_rc wait_for_kafka(struct sl_herder *h, struct sl_err *err)
{
        struct sl_kafka_cfg kafka = {.worker = &h->opts.cfg->props};
        SL_TRY(sl_admin_new(&kafka, "sluice-admin", &h->admin, err));
        int64_t end = sl_mono_ms() + KAFKA_WAIT_MS, told = 0;
        for (;;) {
                struct sl_err why = {0};
                struct sl_buf id = {0};
                enum sl_rc rc = sl_admin_ping(h->admin, PING_MS, &id, &why);
                if (rc == SL_OK) {
                        pthread_mutex_lock(&h->lock);
                        sl_buf_free(&h->cluster_id);
                        h->cluster_id = id;
                        pthread_mutex_unlock(&h->lock);
                        return SL_OK;
                }
                sl_buf_free(&id);
                if (stopping(h))
                        return sl_fail(err, SL_E_STOPPED, "asked to stop while waiting for Kafka");
                int64_t now = sl_mono_ms();
                if (now >= end || rc == SL_FATAL) {
                        *err = why;
                        return rc;
                }
                if (now - told >= TELL_MS) {
                        sl_warn("waiting for Kafka at %s: %s", sl_props_get(&h->opts.cfg->props, "bootstrap.servers"),
                                why.msg);
                        told = now;
                }
        }
}

static enum sl_rc open_cluster(struct sl_herder *h, struct sl_err *err)
{
        struct sl_cluster_opts opts = {
                .cfg = h->opts.cfg,
                .admin = h->admin,
                .worker_id = h->worker_id,
                .url = h->url,
                .hurry = &h->hurry,
                .wake = sl_herder_wake,
                .arg = h,
        };
        /* A process that was frozen here finds its time over before anything was tried: once more. */
        struct sl_err why = {0};
        enum sl_rc rc = sl_cluster_open(&opts, &h->cluster, &why);
        if (rc != SL_TRANSIENT || stopping(h)) {
                *err = why;
                return rc;
        }
        sl_log_err(SL_LOG_WARN, &why, "tried once more");
        return sl_cluster_open(&opts, &h->cluster, err);
}

static enum sl_rc start_up(struct sl_herder *h, struct sl_err *err)
{
        int64_t began = sl_mono_ms();
        struct sl_store_opts store = {
                .cfg = h->opts.cfg,
                .on_config = sl_herder_apply_config,
                .on_target = sl_herder_apply_target,
                .on_restart = sl_herder_apply_restart,
                .on_status = sl_herder_apply_status,
                .on_topic = sl_herder_apply_topic,
                .on_logger = sl_herder_apply_logger,
                .worker_id = h->worker_id,
                .hurry = &h->hurry,
                .wake = sl_herder_wake,
                .arg = h,
        };
        SL_TRY(sl_herder_check_initial(h, err));
        if (!h->opts.without_kafka) {
                SL_TRY(wait_for_kafka(h, err));
                SL_TRY(sl_store_offsets_topic(h->opts.cfg, h->admin, err));
                store.admin = h->admin;
        }
        SL_TRY(sl_store_open(&store, &h->store, err));
        if (h->opts.cfg->distributed && !h->opts.without_kafka)
                SL_TRY(open_cluster(h, err));
        SL_TRY(sl_herder_serve_cluster(h, err));
        pthread_mutex_lock(&h->lock);
        sl_herder_reconcile_all(h); /* tasks start before the status topic is read: nothing of it is needed */
        pthread_mutex_unlock(&h->lock);
        SL_TRY(sl_store_open_status(h->store, err));
        pthread_mutex_lock(&h->lock);
        h->ready = true;
        h->last_tick = sl_mono_ms();
        size_t n = h->conns.live;
        pthread_cond_broadcast(&h->answer);
        pthread_mutex_unlock(&h->lock);
        sl_info("%s worker %s is ready after %lld ms with %zu connector(s)",
                h->opts.cfg->distributed ? "distributed" : "standalone", h->worker_id,
                (long long)(sl_mono_ms() - began), n);
        return SL_OK;
}

/* Take the next call, or wait for one; NULL when there is something else to do. Lock held. */
static struct sl_herder_call *next_call(struct sl_herder *h, bool ending)
{
        if (!h->head && !h->stop && !h->woken) {
                struct timespec ts = sl_mono_after(ending || h->deferred ? ENDING_POLL_MS : STORE_POLL_MS);
                pthread_cond_timedwait(&h->wake, &h->lock, &ts);
        }
        h->woken = false;
        struct sl_herder_call *call = h->stop ? NULL : h->head;
        if (call) {
                h->head = call->next;
                if (!h->head)
                        h->tail = NULL;
                call->started = true;
        }
        h->last_tick = sl_mono_ms();
        return call;
}

static void run(struct sl_herder *h, struct sl_herder_call *call)
{
        bool defer = false;
        if (sl_herder_route(h, call, &defer))
                sl_herder_run_call(h, call);
        if (defer) {
                call->next = h->deferred;
                h->deferred = call;
                return;
        }
        pthread_mutex_lock(&h->lock);
        call->done = true;
        pthread_cond_broadcast(&h->answer);
        pthread_mutex_unlock(&h->lock);
}

static void run_deferred(struct sl_herder *h)
{
        struct sl_herder_call *list = h->deferred;
        h->deferred = NULL;
        while (list) {
                struct sl_herder_call *call = list;
                list = call->next;
                run(h, call);
        }
}

/* While a step lasts, this worker gives up no office and joins no group. */
static void note_slow(int64_t *since, const char *what)
{
        int64_t now = sl_mono_ms();
        if (now - *since > SLOW_MS)
                sl_warn("the herder took %lld ms to %s", (long long)(now - *since), what);
        *since = now;
}

static enum sl_rc loop(struct sl_herder *h, struct sl_err *err)
{
        bool ending = false;
        for (;;) {
                pthread_mutex_lock(&h->lock);
                struct sl_herder_call *call = next_call(h, ending);
                bool stop = h->stop;
                pthread_mutex_unlock(&h->lock);
                if (stop)
                        return SL_OK;
                struct sl_err why = {0};
                int64_t since = sl_mono_ms();
                if (sl_store_poll(h->store, &why) != SL_OK)
                        sl_log_err(SL_LOG_WARN, &why, "internal topics can't be read");
                note_slow(&since, "read the internal topics");
                SL_TRY(sl_herder_serve_cluster(h, err));
                note_slow(&since, "serve the cluster");
                if (call)
                        run(h, call);
                run_deferred(h);
                note_slow(&since, "answer a request");
                pthread_mutex_lock(&h->lock);
                ending = sl_herder_reconcile_all(h);
                pthread_mutex_unlock(&h->lock);
                note_slow(&since, "start and end tasks");
                sl_herder_flush(h);
                note_slow(&since, "write task configs and states");
        }
}

void sl_herder_wake(void *arg)
{
        struct sl_herder *h = arg;
        pthread_mutex_lock(&h->lock);
        h->woken = true;
        pthread_cond_signal(&h->wake);
        pthread_mutex_unlock(&h->lock);
}

static void refuse(struct sl_herder_call *call, int status, const char *why)
{
        snprintf(call->message, sizeof(call->message), "%s", why);
        call->status = status;
        call->done = true;
}

/* Nobody waits for ever: what is queued, and whatever comes later, is refused. */
static void refuse_calls(struct sl_herder *h)
{
        pthread_mutex_lock(&h->lock);
        h->ended = true;
        for (struct sl_herder_call *c = h->head; c; c = c->next)
                refuse(c, 503, "The worker is shutting down");
        for (struct sl_herder_call *c = h->deferred; c; c = c->next)
                refuse(c, 503, "The worker is shutting down");
        h->head = h->tail = h->deferred = NULL;
        pthread_cond_broadcast(&h->answer);
        pthread_mutex_unlock(&h->lock);
}

static void *thread_main(void *arg)
{
        struct sl_herder *h = arg;
        struct sl_err err = {0};
        enum sl_rc rc = start_up(h, &err);
        bool started = rc == SL_OK;
        if (rc == SL_OK)
                rc = loop(h, &err);
        bool asked = stopping(h);
        refuse_calls(h);
        atomic_store(&h->hurry, false); /* the farewells have time limits of their own */
        sl_herder_stop_tasks(h);
        if (h->cluster)
                sl_cluster_leave(h->cluster);
        if (rc != SL_OK && err.id != SL_E_STOPPED && !asked) {
                sl_log_err(SL_LOG_ERROR, &err, started ? "the worker can't go on" : "the worker can't start");
                int code = err.id == SL_E_KAFKA_UNREACHABLE || err.id == SL_E_KAFKA || err.id == SL_E_KAFKA_AUTH ? 4
                           : err.id == SL_E_CONFIG || err.id == SL_E_CONFIG_PROVIDER ? 3
                                                                                     : 1;
                if (h->opts.failed)
                        h->opts.failed(h->opts.arg, code);
        }
        return NULL;
}

struct sl_herder *sl_herder_start(const struct sl_herder_opts *opts)
{
        struct sl_herder *h = sl_calloc(1, sizeof(*h));
        pthread_condattr_t mono;
        h->opts = *opts;
        h->worker_id = sl_strdup(opts->worker_id);
        h->opts.worker_id = h->worker_id;
        h->url = sl_strdup(opts->url ? opts->url : "");
        h->tasks = opts->tasks ? opts->tasks : &real_tasks;
        pthread_condattr_init(&mono);
        pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
        pthread_mutex_init(&h->lock, NULL);
        pthread_cond_init(&h->wake, &mono);
        pthread_cond_init(&h->answer, &mono);
        pthread_condattr_destroy(&mono);
        int rc = pthread_create(&h->thread, NULL, thread_main, h);
        if (rc != 0) {
                sl_error("no thread could be started: %s", strerror(rc));
                abort();
        }
        return h;
}

bool sl_herder_stop(struct sl_herder *h)
{
        atomic_store(&h->hurry, true);
        pthread_mutex_lock(&h->lock);
        h->stop = true;
        pthread_cond_signal(&h->wake);
        pthread_mutex_unlock(&h->lock);
        pthread_join(h->thread, NULL);
        return h->all_ended;
}

void sl_herder_free(struct sl_herder *h)
{
        if (!h)
                return;
        sl_map_free(&h->conns, sl_conn_free);
        sl_map_free(&h->early, sl_early_free);
        sl_map_free(&h->early_topics, free);
        sl_cluster_close(h->cluster);
        sl_store_close(h->store);
        while (h->new_topics)
                h->new_topics = sl_topic_use_free(h->new_topics);
        sl_admin_free(h->admin);
        sl_buf_free(&h->cluster_id);
        pthread_mutex_destroy(&h->lock);
        pthread_cond_destroy(&h->wake);
        pthread_cond_destroy(&h->answer);
        free(h->worker_id);
        free(h->url);
        free(h);
}

static void unqueue(struct sl_herder *h, struct sl_herder_call *call)
{
        struct sl_herder_call *before = NULL;
        for (struct sl_herder_call *c = h->head; c; before = c, c = c->next) {
                if (c != call)
                        continue;
                if (before)
                        before->next = c->next;
                else
                        h->head = c->next;
                if (h->tail == c)
                        h->tail = before;
                return;
        }
}

void sl_herder_do(struct sl_herder *h, struct sl_herder_call *call)
{
        struct timespec ts = sl_mono_after(CALL_LIMIT_MS);
        call->next = NULL;
        call->done = call->started = false;
        call->body = NULL;
        call->message[0] = call->target_url[0] = '\0';
        call->since = sl_mono_ms();
        pthread_mutex_lock(&h->lock);
        if (h->ended || h->stop) {
                refuse(call, 503, "The worker is shutting down");
        } else {
                if (h->tail)
                        h->tail->next = call;
                else
                        h->head = call;
                h->tail = call;
                pthread_cond_signal(&h->wake);
        }
        while (!call->done) {
                /* Once started it ends by the time limits of the store. */
                if (call->started) {
                        pthread_cond_wait(&h->answer, &h->lock);
                } else if (pthread_cond_timedwait(&h->answer, &h->lock, &ts) == ETIMEDOUT && !call->started &&
                           !call->done) {
                        unqueue(h, call);
                        refuse(call, 500, "Request timed out");
                }
        }
        pthread_mutex_unlock(&h->lock);
}

bool sl_herder_wait_ready(struct sl_herder *h, int timeout_ms)
{
        struct timespec ts = sl_mono_after(timeout_ms);
        pthread_mutex_lock(&h->lock);
        while (!h->ready && !h->ended && pthread_cond_timedwait(&h->answer, &h->lock, &ts) != ETIMEDOUT)
                ;
        bool ready = h->ready;
        pthread_mutex_unlock(&h->lock);
        return ready;
}

enum sl_herder_health sl_herder_health(struct sl_herder *h)
{
        pthread_mutex_lock(&h->lock);
        enum sl_herder_health health = !h->ready                             ? SL_HEALTH_STARTING
                                       : sl_mono_ms() - h->last_tick > 10000 ? SL_HEALTH_STUCK
                                                                             : SL_HEALTH_OK;
        pthread_mutex_unlock(&h->lock);
        return health;
}

const struct sl_herder_opts *sl_herder_options(const struct sl_herder *h)
{
        return &h->opts;
}

void sl_herder_cluster_id(struct sl_herder *h, struct sl_buf *out)
{
        pthread_mutex_lock(&h->lock);
        sl_buf_add(out, h->cluster_id.ptr, h->cluster_id.len);
        pthread_mutex_unlock(&h->lock);
}
