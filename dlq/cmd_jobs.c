/* SPDX-License-Identifier: Apache-2.0 */
/* Replays that REST began: each on a thread of its own, at most one a dead-letter topic (cmd_rest.c's claim). What has
 * been done is the ledger's to say; here is kept only what it can't know: that a replay runs, why the last one of its
 * arguments ended, its final plan. A worker that ends forgets that, and the same request goes on where the ledger says.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/fault.h"
#include "base/log.h"
#include "dlq/act.h"
#include "dlq/cmd_rest.h"
#include "dlq/jobs.h"

#define KEPT 64    /* replays that have ended and are remembered */
#define BEGIN_S 10 /* so long a request waits for the replay to begin */
#define CANCEL_S 30

struct job {
        struct job *next; /* newest first */
        struct sl_dlq_rest *rest;
        struct sl_dlq_request *q; /* while it runs */
        char *topic, id[SL_DLQ_JOB_ID + 1];
        enum { RUNNING, FINISHED, CANCELLED, FAILED } state;
        bool begun, cancel;
        int code;
        char *plan, *error;
};
struct sl_dlq_jobs {
        pthread_mutex_t lock;
        pthread_cond_t moved;
        struct job *list;
        uint32_t threads;
        uint64_t ended; /* so many have */
};

static const char *const state_names[] = {"running", "finished", "cancelled", "failed"};

struct sl_dlq_jobs *sl_dlq_jobs_new(void)
{
        struct sl_dlq_jobs *j = sl_calloc(1, sizeof(*j));
        pthread_condattr_t attr;
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_mutex_init(&j->lock, NULL);
        pthread_cond_init(&j->moved, &attr);
        pthread_condattr_destroy(&attr);
        return j;
}

static void free_job(struct job *job)
{
        free(job->topic);
        free(job->plan);
        free(job->error);
        free(job);
}

void sl_dlq_jobs_free(struct sl_dlq_jobs *j)
{
        pthread_mutex_lock(&j->lock);
        while (j->threads)
                pthread_cond_wait(&j->moved, &j->lock);
        pthread_mutex_unlock(&j->lock);
        while (j->list) {
                struct job *job = j->list;
                j->list = job->next;
                free_job(job);
        }
        pthread_cond_destroy(&j->moved);
        pthread_mutex_destroy(&j->lock);
        free(j);
}

/* Under the lock, as the next ones. */
static struct job *find(struct sl_dlq_jobs *j, const char *topic, const char *id)
{
        for (struct job *job = j->list; job; job = job->next)
                if (strcmp(job->topic, topic) == 0 && strcmp(job->id, id) == 0)
                        return job;
        return NULL;
}

static void forget(struct sl_dlq_jobs *j, struct job *gone)
{
        for (struct job **p = &j->list; *p; p = &(*p)->next)
                if (*p == gone) {
                        *p = gone->next;
                        free_job(gone);
                        return;
                }
}

/* The oldest that have ended, when there are too many. */
static void forget_old(struct sl_dlq_jobs *j)
{
        uint32_t n = 0;
        for (struct job *job = j->list, *next; job; job = next) {
                next = job->next;
                if (job->state != RUNNING && ++n > KEPT)
                        forget(j, job);
        }
}

static void wait_until(struct sl_dlq_jobs *j, const char *topic, const char *id, bool begun, int seconds)
{
        struct timespec end;
        clock_gettime(CLOCK_MONOTONIC, &end);
        end.tv_sec += seconds;
        for (;;) {
                const struct job *job = find(j, topic, id);
                if (!job || job->state != RUNNING || (begun && job->begun) ||
                    pthread_cond_timedwait(&j->moved, &j->lock, &end) == ETIMEDOUT)
                        return;
        }
}

/* --- One replay ------------------------------------------------------------------------------------------------------
 */

/* After the job's record was written first, and after each commit. */
static void on_progress(void *arg, uint64_t replayed)
{
        struct job *job = arg;
        struct sl_dlq_jobs *j = sl_dlq_rest_jobs(job->rest);
        (void)replayed;
        if (job->begun) /* only this thread sets it */
                return;
        pthread_mutex_lock(&j->lock);
        job->begun = true;
        pthread_cond_broadcast(&j->moved);
        pthread_mutex_unlock(&j->lock);
}

/* That somebody cancelled it stands in the audit topic, too. */
static enum sl_rc audit_cancel(const struct job *job, const struct sl_dlq_run *run, struct sl_err *err)
{
        struct sl_dlq_act_opts opts = {.cfg = run->kafka,
                                       .admin = run->admin,
                                       .topic = job->topic,
                                       .target = run->opts.to ? run->opts.to : "original",
                                       .write = true};
        sl_auto_json *result = json_pack("{s:s}", "job", job->id);
        struct sl_dlq_act *act = NULL;
        SL_TRY(sl_dlq_act_open(&opts, &act, err));
        enum sl_rc rc = sl_dlq_act_audit(act, "replay.cancelled", run->opts.reason, result, err);
        if (rc == SL_OK)
                rc = sl_dlq_act_commit(act, err);
        sl_dlq_act_close(act);
        return rc;
}

static void *run_job(void *arg)
{
        struct job *job = arg;
        struct sl_dlq_rest *rest = job->rest;
        struct sl_dlq_jobs *j = sl_dlq_rest_jobs(rest);
        struct sl_dlq_request *q = job->q;
        struct sl_err err = {0};
        int code = sl_dlq_run_command(&q->run);

        pthread_mutex_lock(&j->lock);
        bool cancelled = job->cancel && code > 128;
        job->q = NULL;
        pthread_mutex_unlock(&j->lock);
        if (cancelled && audit_cancel(job, &q->run, &err) != SL_OK)
                sl_log_err(SL_LOG_WARN, &err, "the end of a replay is not in the audit topic");
        char *error = code == SL_EXIT_OK || cancelled ? NULL : sl_dlq_request_error(q, code);
        sl_log_write(error ? SL_LOG_WARN : SL_LOG_INFO, "replay %s of %s %s%s", job->id, job->topic,
                     cancelled ? "was cancelled"
                     : error   ? "ended: "
                               : "has finished",
                     error ? error : "");
        char *plan = code == SL_EXIT_OK ? sl_strndup(q->out, strcspn(q->out, "\n")) : NULL;
        sl_dlq_request_free(rest, q);
        sl_dlq_rest_unclaim(rest, job->topic);

        pthread_mutex_lock(&j->lock);
        job->code = code;
        job->error = error;
        job->plan = plan;
        job->state = cancelled ? CANCELLED : error ? FAILED : FINISHED;
        j->ended++;
        j->threads--;
        forget_old(j);
        pthread_cond_broadcast(&j->moved);
        pthread_mutex_unlock(&j->lock);
        return NULL;
}

/* --- What REST asks --------------------------------------------------------------------------------------------------
 */

static void set_text(json_t *obj, const char *name, const char *text)
{
        json_t *v = text ? json_string(text) : NULL;
        json_object_set_new(obj, name, v ? v : json_null());
}

/* What is known here, over what the ledger says. That it finished is the ledger's to say: its counts stand with that. */
static void overlay(struct sl_dlq_jobs *j, json_t *shown)
{
        const char *topic = sl_json_str(shown, "topic"), *id = sl_json_str(shown, "job");
        const char *ledger = sl_json_str(shown, "state");
        bool finished = ledger && strcmp(ledger, "finished") == 0;
        const struct job *job = topic && id ? find(j, topic, id) : NULL;
        const char *state = finished ? "finished" : "unfinished";
        if (job && (job->state == RUNNING || !ledger || (!finished && job->state != FINISHED)))
                state = state_names[job->state];
        set_text(shown, "state", state);
        set_text(shown, "error", job ? job->error : NULL);
        if (job && job->plan)
                json_object_set_new(shown, "plan", json_loads(job->plan, 0, NULL));
}

/* Returns with the lock held: none has ended since the ledger was read, so that it is not older than what is known
 * here. */
static enum sl_rc read_ledger(struct sl_dlq_jobs *j, const struct sl_dlq_jobs_opts *opts, json_t **ret,
                              struct sl_err *err)
{
        pthread_mutex_lock(&j->lock);
        for (;;) {
                uint64_t ended = j->ended;
                pthread_mutex_unlock(&j->lock);
                enum sl_rc rc = sl_dlq_jobs_read(opts, ret, err);
                (void)SL_FAULT("dlq.jobs_read"); /* only to sleep here */
                pthread_mutex_lock(&j->lock);
                if (rc != SL_OK || ended == j->ended)
                        return rc;
                json_decref(*ret);
                *ret = NULL;
        }
}

static json_t *unknown_to_ledger(const struct job *job)
{
        return json_pack("{s:s, s:s}", "topic", job->topic, "job", job->id);
}

enum sl_rc sl_dlq_jobs_list(struct sl_dlq_rest *r, struct sl_dlq_request *q, const char *topic, json_t **ret)
{
        struct sl_dlq_jobs_opts opts = {
                .cfg = q->run.kafka, .admin = q->run.admin, .topic = topic, .stop = &q->run.stop};
        struct sl_dlq_jobs *j = sl_dlq_rest_jobs(r);
        json_t *shown;
        size_t i;
        enum sl_rc rc = read_ledger(j, &opts, ret, &q->run.err);
        for (const struct job *job = j->list; job && rc == SL_OK; job = job->next) {
                bool there = topic && strcmp(job->topic, topic) != 0; /* not asked for */
                json_array_foreach(*ret, i, shown)
                {
                        const char *id = sl_json_str(shown, "job"), *of = sl_json_str(shown, "topic");
                        there |= id && of && strcmp(id, job->id) == 0 && strcmp(of, job->topic) == 0;
                }
                if (!there)
                        json_array_insert_new(*ret, 0, unknown_to_ledger(job));
        }
        json_array_foreach(*ret, i, shown) overlay(j, shown);
        pthread_mutex_unlock(&j->lock);
        return rc;
}

/* A thread for the job, which is in the list then. */
static bool start_thread(struct sl_dlq_request *q, struct sl_dlq_rest *r, const char *id)
{
        struct sl_dlq_jobs *j = sl_dlq_rest_jobs(r);
        struct job *job = sl_calloc(1, sizeof(*job));
        pthread_attr_t attr;
        pthread_t thread;
        job->rest = r;
        job->q = q;
        job->topic = sl_strdup(q->run.opts.topic);
        memcpy(job->id, id, sizeof(job->id));
        q->run.progress = on_progress;
        q->run.progress_arg = job;
        pthread_attr_init(&attr);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        pthread_mutex_lock(&j->lock);
        struct job *before = find(j, job->topic, id);
        if (before)
                forget(j, before);
        job->next = j->list;
        j->list = job;
        j->threads++;
        bool good = pthread_create(&thread, &attr, run_job, job) == 0;
        if (!good) {
                j->threads--;
                forget(j, job);
        }
        pthread_mutex_unlock(&j->lock);
        pthread_attr_destroy(&attr);
        return good;
}

/* When it has begun; an early failure is answered. */
static bool await_begin(struct sl_rest_call *c, const char *topic, const char *id)
{
        struct sl_dlq_jobs *j = sl_dlq_rest_jobs(c->arg);
        char *error = NULL;
        int code = SL_EXIT_OK;
        pthread_mutex_lock(&j->lock);
        wait_until(j, topic, id, true, BEGIN_S);
        const struct job *job = find(j, topic, id);
        if (job && job->state == FAILED) {
                error = sl_strdup(job->error);
                code = job->code;
        }
        pthread_mutex_unlock(&j->lock);
        if (error)
                sl_rest_fail(c, sl_dlq_request_status(code), "%s", error);
        free(error);
        return code == SL_EXIT_OK;
}

bool sl_dlq_jobs_start(struct sl_rest_call *c, struct sl_dlq_request *q, char id[SL_DLQ_JOB_ID + 1])
{
        struct sl_dlq_rest *r = c->arg;
        const char *topic = c->segments[1];
        struct sl_dlq_job job = {0};
        struct sl_buf who = {0};
        char *other = NULL;
        bool began = false;

        enum sl_rc rc = sl_dlq_job_id(topic, q->run.command, q->run.argc, q->run.argv, &job, &q->run.err);
        memcpy(id, job.id, sizeof(job.id));
        sl_buf_printf(&who, "replay %s", id);
        if (rc != SL_OK) {
                sl_dlq_request_fail(c, q, sl_dlq_failed(&q->run));
        } else if (sl_dlq_rest_claim(r, topic, sl_buf_cstr(&who), &other)) {
                began = start_thread(q, r, id);
                if (began) {
                        q = NULL;
                        began = await_begin(c, topic, id);
                } else {
                        sl_dlq_rest_unclaim(r, topic);
                        sl_rest_fail(c, 500, "No thread could be started for the replay");
                }
        } else if (strcmp(other, sl_buf_cstr(&who)) == 0) { /* this very replay runs */
                began = await_begin(c, topic, id);
        } else {
                sl_rest_fail(c, 409, "A %s of %s runs on this worker: wait for its end, or cancel it", other, topic);
        }
        if (q)
                sl_dlq_request_free(r, q);
        free(other);
        sl_buf_free(&who);
        sl_dlq_job_free(&job);
        return began;
}

bool sl_dlq_jobs_cancel(struct sl_dlq_rest *r, const char *topic, const char *id)
{
        struct sl_dlq_jobs *j = sl_dlq_rest_jobs(r);
        pthread_mutex_lock(&j->lock);
        struct job *job = find(j, topic, id);
        bool runs = job && job->state == RUNNING;
        if (runs) {
                job->cancel = true;
                if (job->q)
                        atomic_store(&job->q->run.stop, true);
                wait_until(j, topic, id, false, CANCEL_S);
        }
        pthread_mutex_unlock(&j->lock);
        return runs;
}
