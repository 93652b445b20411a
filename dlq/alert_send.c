/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that posts alarms (see alert.h). One post at a time, in their order; of two that wait for the same alarm
 * of a topic only the newer one is kept, so a receiver that is away is told how things stand, not how they went. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"
#include "base/http.h"
#include "base/log.h"
#include "base/metrics.h"
#include "dlq/alert.h"

#define POST_MS 10000
#define RETRY_MS 1000
#define DOUBLINGS 6

struct sl_dlq_alert_sender {
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t ends;
        atomic_bool stop;
        char *url, *worker;
        int64_t interval_ms, retry_ms;
        struct sl_dlq_alerts *alerts;
        json_t *waiting; /* to be posted, oldest first */
        struct sl_http *http;
        int64_t due_ms; /* of the next post */
        unsigned failures;
};

static enum sl_rc tick(void *arg, struct sl_err *err)
{
        struct sl_dlq_alert_sender *s = arg;
        return atomic_load(&s->stop) ? sl_fail(err, SL_E_STOPPED, "stopped") : SL_OK;
}

static bool same(const json_t *a, const json_t *b)
{
        return json_equal(json_object_get(a, "alert"), json_object_get(b, "alert")) &&
               json_equal(json_object_get(a, "topic"), json_object_get(b, "topic"));
}

static void look(struct sl_dlq_alert_sender *s)
{
        struct sl_buf text = {0};
        json_t *one;
        size_t i;
        sl_metrics_print(&text);
        sl_auto_json *changes = sl_dlq_alerts_look(s->alerts, (struct sl_str){text.ptr, text.len}, sl_wall_ms());
        json_array_foreach(changes, i, one)
        {
                for (size_t k = json_array_size(s->waiting); k-- > 0;)
                        if (same(json_array_get(s->waiting, k), one))
                                json_array_remove(s->waiting, k);
                json_object_set_new(one, "worker", json_string(s->worker));
                json_array_append(s->waiting, one);
        }
        sl_buf_free(&text);
}

/* False: try again later. What the receiver refuses for good is said and dropped. */
static bool post(struct sl_dlq_alert_sender *s, const json_t *alert)
{
        static const char *const headers[] = {"Content-Type: application/json", NULL};
        struct sl_http_response resp = {0};
        struct sl_buf body = {0};
        struct sl_err err = {0};
        sl_json_dump(alert, &body);
        struct sl_http_request req = {
                .method = "POST", .url = s->url, .headers = headers, .body = {body.ptr, body.len}};
        enum sl_rc rc = sl_http_do(s->http, &req, &resp, &err);
        int status = rc == SL_OK ? resp.status : 0;
        bool refused = status >= 300 && status < 500 && status != 408 && status != 429;
        bool good = status >= 200 && status < 300;
        sl_http_response_free(&resp);
        sl_buf_free(&body);
        if (atomic_load(&s->stop))
                return good;
        if (refused)
                sl_error("the webhook of sluice.dlq.alert.webhook.url refuses an alarm with status %d: it is lost",
                         status);
        else if (!good && !s->failures) /* once an outage; the address may be a secret, and errors name it */
                sl_warn("the webhook of sluice.dlq.alert.webhook.url can't be reached or answers with an error (status "
                        "%d): "
                        "alarms are posted again until it takes them",
                        status);
        return good || refused;
}

static void post_due(struct sl_dlq_alert_sender *s)
{
        while (json_array_size(s->waiting) && sl_mono_ms() >= s->due_ms && !atomic_load(&s->stop)) {
                if (!post(s, json_array_get(s->waiting, 0))) {
                        s->due_ms = sl_mono_ms() + (s->retry_ms << (s->failures < DOUBLINGS ? s->failures : DOUBLINGS));
                        s->failures++;
                        return;
                }
                s->failures = 0;
                json_array_remove(s->waiting, 0);
        }
}

static void wait_until(struct sl_dlq_alert_sender *s, int64_t due_ms)
{
        struct timespec at = {.tv_sec = due_ms / 1000, .tv_nsec = due_ms % 1000 * 1000000};
        pthread_mutex_lock(&s->lock);
        while (!atomic_load(&s->stop) && pthread_cond_timedwait(&s->ends, &s->lock, &at) != ETIMEDOUT)
                ;
        pthread_mutex_unlock(&s->lock);
}

static void *run(void *arg)
{
        struct sl_dlq_alert_sender *s = arg;
        int64_t next_ms = sl_mono_ms();
        while (!atomic_load(&s->stop)) {
                if (sl_mono_ms() >= next_ms) {
                        look(s);
                        next_ms = sl_mono_ms() + s->interval_ms;
                }
                post_due(s);
                bool posts = json_array_size(s->waiting) > 0;
                wait_until(s, posts && s->due_ms < next_ms ? s->due_ms : next_ms);
        }
        return NULL;
}

static void release(struct sl_dlq_alert_sender *s)
{
        sl_http_free(s->http);
        sl_dlq_alerts_free(s->alerts);
        json_decref(s->waiting);
        pthread_cond_destroy(&s->ends);
        pthread_mutex_destroy(&s->lock);
        free(s->url);
        free(s->worker);
        free(s);
}

struct sl_dlq_alert_sender *sl_dlq_alerts_start(const struct sl_dlq_alert_opts *opts)
{
        struct sl_dlq_alert_sender *s = sl_calloc(1, sizeof(*s));
        pthread_condattr_t attr;
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_mutex_init(&s->lock, NULL);
        pthread_cond_init(&s->ends, &attr);
        pthread_condattr_destroy(&attr);
        s->url = sl_strdup(opts->url);
        s->worker = sl_strdup(opts->worker);
        s->interval_ms = opts->interval_ms;
        s->retry_ms = opts->retry_ms ? opts->retry_ms : RETRY_MS;
        s->alerts = sl_dlq_alerts_new(&opts->limits);
        s->waiting = json_array();
        s->http = sl_http_new(&(struct sl_http_opts){.tick = tick, .tick_arg = s, .timeout_ms = POST_MS});
        if (pthread_create(&s->thread, NULL, run, s) == 0)
                return s;
        sl_error("no thread could be started for alarms about dead letters: none are posted");
        release(s);
        return NULL;
}

void sl_dlq_alerts_stop(struct sl_dlq_alert_sender *s)
{
        if (!s)
                return;
        pthread_mutex_lock(&s->lock);
        atomic_store(&s->stop, true);
        pthread_cond_broadcast(&s->ends);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->thread, NULL);
        release(s);
}
