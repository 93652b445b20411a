/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a task's thread: run the line, report states, wait out transient failures, stop. What a row does is in
 * source_task.c and sink_task.c; who starts tasks is cluster/herder. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "pipeline/internal.h"

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MAX_MS 10000  /* what was away for long is noticed soon when it is back */
#define RECURS_MAX_MS 60000   /* see recurs() */
#define GRACE_MS 3000

const char *sl_task_state_name(enum sl_task_state s)
{
        static const char *const names[] = {"UNASSIGNED", "RUNNING", "PAUSED", "FAILED", "RESTARTING", "STOPPED"};
        return names[s];
}

void sl_task_report(struct sl_task *t, enum sl_task_state state, const struct sl_err *why)
{
        struct sl_buf trace = {0};
        sl_taskstats_state(t->stats, state);
        if (why)
                sl_err_trace(why, &trace);
        t->on_state(t->on_state_arg, t->connector, t->id, state, why ? sl_buf_cstr(&trace) : NULL);
        sl_buf_free(&trace);
}

static void wake(struct sl_task *t)
{
        uint64_t one = 1;
        while (write(t->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
                ;
}

void sl_task_drain_wake(struct sl_task *t)
{
        uint64_t n;
        while (read(t->wake_fd, &n, sizeof(n)) < 0 && errno == EINTR)
                ;
}

bool sl_task_overdue(const struct sl_task *t)
{
        return sl_task_halted(t) && sl_mono_ms() - atomic_load(&t->halt_ms) >= t->grace_ms;
}

/* Half of what the worker waits for tasks: the rest is for steps that can't be cut short. */
static int64_t grace_of(const struct sl_props *worker)
{
        const char *text = sl_props_get(worker, "task.shutdown.graceful.timeout.ms");
        int64_t ms;
        if (!text || !sl_parse_i64(sl_str_c(text), &ms))
                ms = 5000;
        return ms / 2 < GRACE_MS ? ms / 2 : GRACE_MS;
}

void sl_task_sleep(struct sl_task *t, int64_t ms)
{
        int64_t until = sl_mono_ms() + ms;
        for (int64_t left = ms; left > 0 && !sl_task_halted(t); left = until - sl_mono_ms()) {
                struct pollfd fd = {.fd = t->wake_fd, .events = POLLIN};
                if (poll(&fd, 1, (int)left) > 0)
                        sl_task_drain_wake(t);
        }
}

const char *sl_task_group(const struct sl_task *t)
{
        const char *group = sl_props_get(t->worker, "group.id");
        return group && *group ? group : SL_GROUP_STANDALONE;
}

static enum sl_rc first_error(const struct sl_cfg_report *report, struct sl_err *err)
{
        for (uint32_t i = 0; i < report->count; i++)
                if (!report->findings[i].warning)
                        return sl_fail(err, SL_E_CONFIG, "%s", report->findings[i].text);
        return SL_OK;
}

enum sl_rc sl_task_parse(struct sl_task *t, const struct sl_cfg_def *common_defs, const struct sl_cfg_def *own_defs,
                         uint32_t own_size, struct sl_arena *arena, struct sl_conn_cfg *ret_common, void **ret_own,
                         struct sl_err *err)
{
        struct sl_cfg_report report = {0};
        void *own = sl_arena_zalloc(arena, own_size ? own_size : 1);
        sl_cfg_parse(common_defs, &t->config, ret_common, arena, &report);
        sl_cfg_parse(own_defs, &t->config, own, arena, &report);
        enum sl_rc rc = first_error(&report, err);
        sl_cfg_report_free(&report);
        *ret_own = own;
        return rc;
}

/* -1 = no limit; read apart from the full parse because a config that doesn't parse needs an answer too. */
static int32_t restart_max(const struct sl_task *t)
{
        const char *text = sl_props_get(&t->config, "sluice.task.restart.max");
        int64_t v;
        return text && sl_parse_i64(sl_str_c(text), &v) ? (int32_t)v : -1;
}

/* Only failures that can pass by themselves are waited out. A record that failed (whatever its class) would fail again. */
static bool restartable(const struct sl_err *err)
{
        return err->rc == SL_TRANSIENT && err->scope != SL_SCOPE_RECORD;
}

/* A line that opened has its trouble behind it; but two that fence each other open each time, and so does one whose rows
 * need a registry that is away, or whose object's name is taken. */
static bool recurs(const struct sl_err *err)
{
        return err->id == SL_E_KAFKA_FENCED || err->id == SL_E_REGISTRY_UNREACHABLE || err->id == SL_E_S3_EXISTS;
}

static int64_t backoff_ms(uint32_t attempt, const struct sl_err *err, unsigned *seed)
{
        int64_t ms = (int64_t)BACKOFF_FIRST_MS << (attempt < 8 ? attempt : 7);
        int64_t most = recurs(err) ? RECURS_MAX_MS : BACKOFF_MAX_MS;
        if (ms > most)
                ms = most;
        if (err->retry_after_ms > ms)
                ms = err->retry_after_ms;
        return ms / 2 + rand_r(seed) % (ms / 2 + 1);
}

static void wait_while_paused(struct sl_task *t)
{
        sl_task_report(t, SL_TASK_PAUSED, NULL);
        while (atomic_load(&t->pause) && !atomic_load(&t->stop)) {
                struct pollfd fd = {.fd = t->wake_fd, .events = POLLIN};
                if (poll(&fd, 1, -1) > 0)
                        sl_task_drain_wake(t);
        }
}

static void run(struct sl_task *t)
{
        uint32_t attempt = 0;
        unsigned seed = (unsigned)sl_mono_us() ^ t->id;
        while (!atomic_load(&t->stop)) {
                if (atomic_load(&t->pause)) {
                        wait_while_paused(t);
                        continue;
                }
                struct sl_err err = {0};
                bool opened = false;
                int64_t began = sl_mono_ms();
                enum sl_rc rc = t->source      ? sl_source_run(t, &opened, &err)
                                : t->sink->run ? sl_loop_run(t, &opened, &err)
                                               : sl_sink_run(t, &opened, &err);
                if (rc == SL_OK || (err.id == SL_E_STOPPED && sl_task_halted(t)))
                        continue;
                if (opened && (!recurs(&err) || sl_mono_ms() - began >= RECURS_MAX_MS))
                        attempt = 0;
                sl_taskstats_class(t->stats, rc);
                int32_t max = restart_max(t);
                if (!restartable(&err) || (max >= 0 && attempt >= (uint32_t)max)) {
                        sl_log_err(SL_LOG_ERROR, &err, "task failed and stays down until it is restarted");
                        sl_task_report(t, SL_TASK_FAILED, &err);
                        return;
                }
                int64_t ms = backoff_ms(attempt++, &err, &seed);
                sl_log_err(SL_LOG_WARN, &err, "task failed, opens again in %lld ms from the stored offsets", (long long)ms);
                sl_task_report(t, SL_TASK_RESTARTING, &err);
                sl_task_sleep(t, ms);
        }
}

static void *thread_main(void *arg)
{
        struct sl_task *t = arg;
        char context[256];
        snprintf(context, sizeof(context), "%.200s|task-%u", t->connector, t->id);
        sl_log_context(context);
        pthread_setname_np(pthread_self(), "sl-task"); /* for top -H, gdb and the allocation count */
        run(t);
        pthread_mutex_lock(&t->lock);
        t->ended = true;
        pthread_cond_broadcast(&t->ended_cond);
        pthread_mutex_unlock(&t->lock);
        return NULL;
}

struct sl_task *sl_task_start(const struct sl_task_opts *opts)
{
        struct sl_task *t = sl_calloc(1, sizeof(*t));
        t->connector = sl_strdup(opts->connector);
        t->id = opts->id;
        t->worker = opts->worker;
        t->grace_ms = grace_of(opts->worker);
        sl_props_copy(&t->config, opts->config);
        t->source = opts->source;
        t->sink = opts->sink;
        t->plugins = opts->plugins;
        t->admin = opts->admin;
        t->on_state = opts->on_state;
        t->may_open = opts->may_open;
        t->on_topic = opts->on_topic;
        t->on_state_arg = opts->arg;
        t->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        atomic_init(&t->stop, false);
        atomic_init(&t->pause, opts->paused);
        atomic_init(&t->halt, opts->paused);
        atomic_init(&t->retell, false);
        struct sl_buf labels = {0};
        char id[16];
        snprintf(id, sizeof(id), "%u", t->id);
        sl_metric_label(&labels, "connector", t->connector);
        sl_metric_label(&labels, "task", id);
        t->metric_labels = sl_strdup(sl_buf_cstr(&labels));
        sl_buf_free(&labels);
        t->stats = sl_taskstats_new(t->metric_labels, t->source != NULL, t->worker);
        pthread_mutex_init(&t->lock, NULL);
        pthread_condattr_t attr;
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&t->ended_cond, &attr);
        pthread_condattr_destroy(&attr);
        if (pthread_create(&t->thread, NULL, thread_main, t) != 0) {
                struct sl_err err = {0};
                enum sl_rc rc = sl_fail(&err, SL_E_INTERNAL, "no thread could be started for the task: raise the process limit");
                (void)rc; /* reported as the task's state */
                t->ended = t->joined = true;
                sl_task_report(t, SL_TASK_FAILED, &err);
        }
        return t;
}

/* halt follows from the other two; the order makes a stop visible at once and a resume never clears a stop. */
static void set_flags(struct sl_task *t)
{
        if (!atomic_load(&t->halt))
                atomic_store(&t->halt_ms, sl_mono_ms());
        atomic_store(&t->halt, atomic_load(&t->stop) || atomic_load(&t->pause));
        wake(t);
}

void sl_task_pause(struct sl_task *t)
{
        atomic_store(&t->pause, true);
        set_flags(t);
}

void sl_task_resume(struct sl_task *t)
{
        atomic_store(&t->pause, false);
        set_flags(t);
}

void sl_task_forget_topics(struct sl_task *t)
{
        atomic_store(&t->retell, true);
}

void sl_task_stop(struct sl_task *t)
{
        atomic_store(&t->stop, true);
        set_flags(t);
}

bool sl_task_join(struct sl_task *t, int timeout_ms)
{
        struct timespec until = sl_mono_after(timeout_ms);
        pthread_mutex_lock(&t->lock);
        int rc = 0;
        while (!t->ended && rc == 0)
                rc = pthread_cond_timedwait(&t->ended_cond, &t->lock, &until);
        bool ended = t->ended;
        pthread_mutex_unlock(&t->lock);
        if (ended && !t->joined) {
                pthread_join(t->thread, NULL);
                t->joined = true;
        }
        return ended;
}

void sl_task_free(struct sl_task *t)
{
        sl_taskstats_free(t->stats);
        sl_metrics_drop(t->metric_labels);
        close(t->wake_fd);
        pthread_cond_destroy(&t->ended_cond);
        pthread_mutex_destroy(&t->lock);
        sl_props_free(&t->config);
        free(t->metric_labels);
        free(t->connector);
        free(t);
}
