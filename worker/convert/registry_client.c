/* SPDX-License-Identifier: Apache-2.0 */
/* The registry client behind registry.h: one struct shared a distinct set of settings, with everything that was ever asked and answered,
 * and one thread that does the HTTP while somebody has it open. A question's name is its path and body, so equal questions are one.
 * A struct shared is never freed: converters keep pointers to its schemas. Does not compare schemas and does not know the wire format
 * behind the id. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/metrics.h"
#include "convert/registry_internal.h"

#define TICK_MS 50
#define KEEP_FAILURE_MS 1000
#define SWEEP_FROM 1024 /* questions; below this failed ones are kept */

enum state { IDLE, QUEUED, ASKING, ANSWERED, FAILED };
struct question {
        struct sl_rquestion q; /* its strings are copy's and subject */
        struct sl_registry_schema *copy;
        char *subject;
        enum state state;
        int64_t settled_ms;
        uint32_t waiters;
        const struct sl_registry_schema *schema; /* the last answer */
        struct sl_err *err;                      /* FAILED */
        struct question *next;                   /* QUEUED */
};

struct shared {
        struct shared *next;
        struct sl_raccess access;
        uint32_t users; /* under registries_lock */
        bool running;   /* under registries_lock and lock */
        pthread_t thread;
        _Atomic bool stopping;
        pthread_mutex_t lock;
        pthread_cond_t work, done;
        struct sl_map questions; /* path and body -> struct question */
        size_t sweep_at;
        struct question *head, **tail;
        struct sl_registry_schema **schemas; /* all that were given out */
        size_t schema_count;
        /* the thread's own */
        struct sl_http *http;
        struct sl_http_response resp;
        uint32_t sticky; /* the address that answered last */
        unsigned seed;
};

struct sl_registry {
        struct shared *shared;
        const struct sl_registry_cfg *cfg;
        const struct sl_converter_env *env;
};

static pthread_mutex_t registries_lock = PTHREAD_MUTEX_INITIALIZER;
static struct shared *registries;

/* ---- the thread: one question over HTTP ---- */

static enum sl_rc http_tick(void *arg, struct sl_err *err)
{
        struct shared *s = arg;
        return atomic_load(&s->stopping) ? sl_fail(err, SL_E_STOPPED, "the last user of the Schema Registry is gone") : SL_OK;
}

static void count(const char *result, int64_t began_us)
{
        struct sl_buf label = {0};
        sl_metric_label(&label, "result", result);
        sl_metric_add(sl_metric_get(SL_COUNTER, "sluice_registry_requests_total", "Requests to the Schema Registry, by result.",
                                    sl_buf_cstr(&label)),
                      1);
        sl_metric_observe_us(sl_metric_get(SL_HISTOGRAM, "sluice_registry_request_seconds",
                                           "How long the Schema Registry took to answer.", ""),
                             sl_mono_us() - began_us, 1);
        sl_buf_free(&label);
}

static const char *result_of(enum sl_rc rc, const struct sl_err *err)
{
        if (rc == SL_OK)
                return "ok";
        switch (err->id) {
        case SL_E_REGISTRY_REFUSED:
                return "refused";
        case SL_E_REGISTRY_UNKNOWN:
                return "unknown";
        case SL_E_REGISTRY_AUTH:
                return "auth";
        default:
                return err->native ? "unavailable" : "unreachable";
        }
}

/* What HTTP's failure means here. */
static enum sl_rc no_answer(const struct shared *s, const char *base, const struct sl_err *why, bool *ret_again, struct sl_err *err)
{
        if (why->id == SL_E_HTTP_UNREACHABLE && s->resp.untrusted)
                return sl_fail(err, SL_E_REGISTRY_AUTH,
                               "The certificate of the Schema Registry %s is not trusted: %s. Check schema.registry.ssl.truststore.*",
                               base, why->msg);
        if (why->id == SL_E_HTTP_UNREACHABLE) {
                *ret_again = true;
                return sl_fail(err, SL_E_REGISTRY_UNREACHABLE, "The Schema Registry %s does not answer: %s", base, why->msg);
        }
        *err = *why;
        if (why->id == SL_E_CONFIG)
                sl_err_prefix(err, "Schema Registry %s", base);
        return err->rc;
}

/* Retry-After in seconds; the date form is not worth its parser. */
static uint32_t advice(const struct sl_http_response *resp)
{
        int64_t seconds;
        struct sl_str text = sl_http_header(resp, "Retry-After");
        return text.ptr && sl_parse_i64(text, &seconds) && seconds > 0 && seconds < 1000000 ? (uint32_t)seconds * 1000 : 0;
}

static enum sl_rc request(struct shared *s, uint32_t address, const struct sl_rquestion *q, struct sl_registry_schema **ret,
                          bool *ret_again, struct sl_err *err)
{
        const char *base = s->access.bases[address], *headers[4] = {"Accept: application/vnd.schemaregistry.v1+json, application/json"};
        struct sl_buf url = {0}, body = {0};
        struct sl_err why = {0};
        uint32_t n = 1;
        *ret_again = false;
        sl_buf_adds(&url, base);
        sl_rwire_path(q, &url);
        sl_rwire_body(q, &body);
        if (body.len)
                headers[n++] = "Content-Type: application/vnd.schemaregistry.v1+json";
        if (s->access.auths[address])
                headers[n++] = s->access.auths[address];
        struct sl_http_request req = {.method = body.len ? "POST" : "GET", .url = sl_buf_cstr(&url), .headers = headers,
                                      .body = {body.ptr, body.len}};
        int64_t began_us = sl_mono_us();
        enum sl_rc rc = sl_http_do(s->http, &req, &s->resp, &why);
        if (rc != SL_OK) {
                rc = no_answer(s, base, &why, ret_again, err);
        } else {
                rc = sl_rwire_answer(q, base, s->resp.status, (struct sl_str){s->resp.body.ptr, s->resp.body.len}, ret, ret_again, err);
                if (rc != SL_OK && *ret_again)
                        err->retry_after_ms = advice(&s->resp);
                if (rc != SL_OK && s->resp.status == 401 && s->access.hint)
                        sl_err_prefix(err, "%s", s->access.hint);
        }
        if (rc == SL_OK || err->id != SL_E_STOPPED)
                count(result_of(rc, err), began_us);
        sl_buf_free(&url);
        sl_buf_free(&body);
        return rc;
}

/* One try: every address, beginning with the one that answered last, until one gives an answer to keep. */
static enum sl_rc try_all(struct shared *s, const struct sl_rquestion *q, struct sl_registry_schema **ret, bool *ret_again,
                          struct sl_err *err)
{
        enum sl_rc rc = SL_OK;
        uint32_t first = s->sticky, advised = 0;
        for (uint32_t i = 0; i < s->access.count; i++) {
                s->sticky = (first + i) % s->access.count;
                sl_err_clear(err);
                rc = request(s, s->sticky, q, ret, ret_again, err);
                if (rc == SL_OK || !*ret_again)
                        return rc;
                advised = err->retry_after_ms > advised ? err->retry_after_ms : advised;
        }
        s->sticky = (first + 1) % s->access.count;
        err->retry_after_ms = advised;
        return rc;
}

/* Wait before the next try; false when the thread must end. */
static bool pause_for(struct shared *s, int64_t ms)
{
        struct timespec until = sl_mono_after(ms);
        int rc = 0;
        pthread_mutex_lock(&s->lock);
        while (!atomic_load(&s->stopping) && rc == 0)
                rc = pthread_cond_timedwait(&s->work, &s->lock, &until);
        pthread_mutex_unlock(&s->lock);
        return !atomic_load(&s->stopping);
}

/* Half of it to all of it, so that workers that lost the registry together don't come back together. */
static int64_t jitter(struct shared *s, int64_t ms)
{
        return ms - (int64_t)rand_r(&s->seed) % (ms / 2 + 1);
}

static enum sl_rc ask(struct shared *s, const struct sl_rquestion *q, struct sl_registry_schema **ret, bool *ret_again,
                      struct sl_err *err)
{
        int64_t wait = s->access.wait_ms, most = s->access.max_wait_ms;
        for (int32_t left = s->access.max_retries;; left--) {
                enum sl_rc rc = try_all(s, q, ret, ret_again, err);
                if (rc == SL_OK || !*ret_again || left <= 0)
                        return rc;
                wait = wait > most ? most : wait;
                int64_t ms = jitter(s, wait);
                if (err->retry_after_ms > ms)
                        ms = err->retry_after_ms > most ? most : err->retry_after_ms;
                if (!pause_for(s, ms)) {
                        *ret_again = false;
                        sl_err_clear(err);
                        return sl_fail(err, SL_E_STOPPED, "the last user of the Schema Registry is gone");
                }
                wait *= 2;
        }
}

/* ---- the thread: what becomes of the questions; all under the lock ---- */

static void fail_question(struct question *q, const struct sl_err *why)
{
        if (!q->err)
                q->err = sl_malloc(sizeof(*q->err));
        *q->err = *why;
        q->state = FAILED;
        q->settled_ms = sl_mono_ms();
}

static void answer_question(struct shared *s, struct question *q, struct sl_registry_schema *schema)
{
        q->state = ANSWERED;
        q->settled_ms = sl_mono_ms();
        if (q->schema && q->schema->id == schema->id && q->schema->version == schema->version) {
                free(schema); /* latest, still the same: who has it can tell by the pointer */
                return;
        }
        s->schemas = sl_realloc(s->schemas, (s->schema_count + 1) * sizeof(*s->schemas));
        s->schemas[s->schema_count++] = schema;
        q->schema = schema;
}

static struct question *take(struct shared *s)
{
        struct question *q = s->head;
        s->head = q->next;
        if (!s->head)
                s->tail = &s->head;
        return q;
}

/* Who is behind one that found the registry down would find the same, one after the other. */
static void fail_all(struct shared *s, const struct sl_err *why)
{
        while (s->head)
                fail_question(take(s), why);
}

static void *run(void *arg)
{
        struct shared *s = arg;
        pthread_setname_np(pthread_self(), "sl-registry");
        pthread_mutex_lock(&s->lock);
        while (!atomic_load(&s->stopping)) {
                if (!s->head) {
                        pthread_cond_wait(&s->work, &s->lock);
                        continue;
                }
                struct question *q = take(s);
                struct sl_registry_schema *schema = NULL;
                struct sl_err err = {0};
                bool again = false;
                q->state = ASKING;
                pthread_mutex_unlock(&s->lock);
                enum sl_rc rc = ask(s, &q->q, &schema, &again, &err);
                pthread_mutex_lock(&s->lock);
                if (rc == SL_OK)
                        answer_question(s, q, schema);
                else if (err.id == SL_E_STOPPED)
                        q->state = IDLE;
                else
                        fail_question(q, &err);
                if (again && rc != SL_OK)
                        fail_all(s, &err);
                pthread_cond_broadcast(&s->done);
        }
        while (s->head)
                take(s)->state = IDLE;
        pthread_mutex_unlock(&s->lock);
        return NULL;
}

/* ---- life of a registry ---- */

static void init_sync(struct shared *s)
{
        pthread_condattr_t attr;
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_mutex_init(&s->lock, NULL);
        pthread_cond_init(&s->work, &attr);
        pthread_cond_init(&s->done, &attr);
        pthread_condattr_destroy(&attr);
}

/* Under registries_lock. Takes access over. */
static struct shared *find_shared(struct sl_raccess *access)
{
        for (struct shared *s = registries; s; s = s->next)
                if (sl_str_eq(s->access.same, access->same)) {
                        sl_raccess_free(access);
                        return s;
                }
        struct shared *s = sl_calloc(1, sizeof(*s));
        s->access = *access;
        s->tail = &s->head;
        s->sweep_at = SWEEP_FROM;
        s->seed = (unsigned)sl_mono_us() ^ (unsigned)(uintptr_t)s;
        init_sync(s);
        s->next = registries;
        registries = s;
        return s;
}

enum sl_rc sl_registry_open(const struct sl_registry_cfg *cfg, const struct sl_converter_env *env, struct sl_registry **ret,
                            struct sl_err *err)
{
        struct sl_raccess access = {0};
        enum sl_rc rc = sl_raccess_init(&access, cfg, err);
        if (rc != SL_OK) {
                sl_raccess_free(&access);
                return rc;
        }
        struct sl_registry *r = sl_calloc(1, sizeof(*r));
        pthread_mutex_lock(&registries_lock);
        r->shared = find_shared(&access);
        r->shared->users++;
        pthread_mutex_unlock(&registries_lock);
        r->cfg = cfg;
        r->env = env;
        *ret = r;
        return SL_OK;
}

/* Under registries_lock: nobody opens it meanwhile. Takes as long as a tick of the thread. */
static void stop(struct shared *s)
{
        if (!s->running)
                return;
        pthread_mutex_lock(&s->lock);
        atomic_store(&s->stopping, true);
        pthread_cond_broadcast(&s->work);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->thread, NULL);
        atomic_store(&s->stopping, false);
        s->running = false;
        sl_http_free(s->http);
        s->http = NULL;
        sl_http_response_free(&s->resp);
}

void sl_registry_close(struct sl_registry *r)
{
        if (!r)
                return;
        pthread_mutex_lock(&registries_lock);
        if (--r->shared->users == 0)
                stop(r->shared);
        pthread_mutex_unlock(&registries_lock);
        free(r);
}

/* ---- questions; all under the lock ---- */

static void free_question(struct question *q)
{
        free(q->copy);
        free(q->subject);
        free(q->err);
        free(q);
}

/* Failed questions of long ago go, so that a topic full of made-up ids does not fill the memory. */
static void sweep(struct shared *s)
{
        struct sl_map_entry *e;
        int64_t now = sl_mono_ms();
        for (size_t i = 0; sl_map_next(&s->questions, &i, &e);) {
                struct question *q = e->value;
                bool old = q->state == IDLE || (q->state == FAILED && now - q->settled_ms >= KEEP_FAILURE_MS);
                if (!old || q->waiters || q->schema)
                        continue;
                sl_map_remove(&s->questions, (struct sl_str){e->key, e->key_len});
                free_question(q);
        }
        s->sweep_at = s->questions.live * 2 > SWEEP_FROM ? s->questions.live * 2 : SWEEP_FROM;
}

static struct question *find_question(struct shared *s, const struct sl_rquestion *asked, struct sl_str name)
{
        struct question *q = sl_map_get(&s->questions, name);
        if (q)
                return q;
        if (s->questions.live >= s->sweep_at)
                sweep(s);
        q = sl_calloc(1, sizeof(*q));
        q->q = *asked;
        q->copy = sl_rschema_new(0, 0, asked->type, asked->text, asked->refs, asked->ref_count);
        q->q.text = q->copy->text;
        q->q.refs = q->copy->refs;
        q->subject = asked->subject ? sl_strdup(asked->subject) : NULL;
        q->q.subject = q->subject;
        sl_map_put(&s->questions, name, q);
        return q;
}

/* Is there an answer, or a failure of a moment ago? max_age_ms -1 = of any age. */
static bool is_settled(const struct question *q, int64_t max_age_ms)
{
        int64_t age = sl_mono_ms() - q->settled_ms;
        return q->state == FAILED ? age < KEEP_FAILURE_MS : q->state == ANSWERED && (max_age_ms < 0 || age < max_age_ms);
}

static enum sl_rc enqueue(struct shared *s, struct question *q, struct sl_err *err)
{
        if (!s->running) {
                struct sl_http_opts opts = s->access.http;
                opts.tick = http_tick;
                opts.tick_arg = s;
                if (!s->http)
                        s->http = sl_http_new(&opts);
                int rc = pthread_create(&s->thread, NULL, run, s);
                if (rc)
                        return sl_fail(err, SL_E_INTERNAL, "no thread for the Schema Registry: %s", strerror(rc));
                s->running = true;
        }
        q->state = QUEUED;
        q->next = NULL;
        *s->tail = q;
        s->tail = &q->next;
        pthread_cond_signal(&s->work);
        return SL_OK;
}

static bool is_pending(const struct question *q)
{
        return q->state == QUEUED || q->state == ASKING;
}

/* Called and left with the lock held. */
static enum sl_rc await(struct sl_registry *r, const struct question *q, struct sl_err *err)
{
        struct shared *s = r->shared;
        enum sl_rc rc = SL_OK;
        while (is_pending(q) && rc == SL_OK) {
                struct timespec until = sl_mono_after(TICK_MS);
                pthread_cond_timedwait(&s->done, &s->lock, &until);
                if (!is_pending(q) || !r->env || !r->env->tick)
                        continue;
                pthread_mutex_unlock(&s->lock);
                rc = r->env->tick(r->env->tick_arg, err);
                pthread_mutex_lock(&s->lock);
        }
        return rc;
}

static void name_of(const struct sl_rquestion *q, struct sl_buf *out)
{
        sl_rwire_path(q, out);
        sl_buf_addc(out, '\n');
        sl_rwire_body(q, out);
}

/* Put the question; *ret_schema NULL = do not wait for its answer. */
static enum sl_rc put_question(struct sl_registry *r, const struct sl_rquestion *asked, int64_t max_age_ms,
                               const struct sl_registry_schema **ret_schema, struct sl_err *err)
{
        struct shared *s = r->shared;
        struct sl_buf name = {0};
        enum sl_rc rc = SL_OK;
        name_of(asked, &name);
        if (!sl_buf_ok(&name)) {
                sl_buf_free(&name);
                return sl_fail(err, SL_E_TOO_LARGE, "a schema is too large for the Schema Registry");
        }
        pthread_mutex_lock(&s->lock);
        struct question *q = find_question(s, asked, (struct sl_str){name.ptr, name.len});
        q->waiters++;
        if (!is_pending(q) && !is_settled(q, max_age_ms))
                rc = enqueue(s, q, err);
        if (rc == SL_OK && ret_schema)
                rc = await(r, q, err);
        if (rc == SL_OK && ret_schema && q->state == ANSWERED)
                *ret_schema = q->schema;
        else if (rc == SL_OK && ret_schema && q->state == FAILED)
                rc = (*err = *q->err).rc;
        q->waiters--;
        pthread_mutex_unlock(&s->lock);
        sl_buf_free(&name);
        return rc;
}

/* ---- what converters ask ---- */

static void writing(const struct sl_registry *r, const char *subject, enum sl_registry_type type, struct sl_str text,
                    const struct sl_registry_ref *refs, uint32_t ref_count, struct sl_rquestion *ret, int64_t *ret_age_ms)
{
        const struct sl_registry_cfg *c = r->cfg;
        *ret_age_ms = -1;
        *ret = (struct sl_rquestion){.subject = subject, .normalize = c->normalize};
        if (!c->auto_register && c->use_id >= 0) {
                *ret = (struct sl_rquestion){.ask = SL_RASK_ID, .number = c->use_id};
                return;
        }
        if (!c->auto_register && c->use_latest) {
                *ret = (struct sl_rquestion){.ask = SL_RASK_VERSION, .subject = subject};
                *ret_age_ms = c->latest_ttl_s < 0 ? -1 : (int64_t)c->latest_ttl_s * 1000;
                return;
        }
        ret->ask = c->auto_register ? SL_RASK_REGISTER : SL_RASK_LOOKUP;
        ret->type = type;
        ret->text = text;
        ret->refs = refs;
        ret->ref_count = ref_count;
}

static enum sl_rc other_type(const struct sl_rquestion *q, struct sl_err *err)
{
        struct sl_buf what = {0};
        sl_rwire_what(q, &what);
        enum sl_rc rc = sl_fail(err, SL_E_CONVERT, "%s in the Schema Registry is of another kind (AVRO, JSON, PROTOBUF) than this converter writes",
                                sl_buf_cstr(&what));
        sl_buf_free(&what);
        return rc;
}

enum sl_rc sl_registry_write(struct sl_registry *r, const char *subject, enum sl_registry_type type, struct sl_str text,
                             const struct sl_registry_ref *refs, uint32_t ref_count, const struct sl_registry_schema **ret,
                             struct sl_err *err)
{
        struct sl_rquestion q;
        int64_t age_ms;
        writing(r, subject, type, text, refs, ref_count, &q, &age_ms);
        enum sl_rc rc = put_question(r, &q, age_ms, ret, err);
        if (rc == SL_SCHEMA && q.ask == SL_RASK_LOOKUP && err->id == SL_E_REGISTRY_UNKNOWN)
                sl_err_detail(err, "; with auto.register.schemas=false it must be registered before");
        return rc == SL_OK && (*ret)->type != type ? other_type(&q, err) : rc;
}

enum sl_rc sl_registry_read(struct sl_registry *r, int32_t id, const struct sl_registry_schema **ret, struct sl_err *err)
{
        return put_question(r, &(struct sl_rquestion){.ask = SL_RASK_ID, .number = id}, -1, ret, err);
}

enum sl_rc sl_registry_version(struct sl_registry *r, const char *subject, int32_t version, const struct sl_registry_schema **ret,
                               struct sl_err *err)
{
        const struct sl_registry_cfg *c = r->cfg;
        int64_t max_age_ms = version || c->latest_ttl_s < 0 ? -1 : (int64_t)c->latest_ttl_s * 1000;
        return put_question(r, &(struct sl_rquestion){.ask = SL_RASK_VERSION, .subject = subject, .number = version}, max_age_ms, ret,
                            err);
}

enum sl_rc sl_registry_version_of(struct sl_registry *r, const char *subject, const struct sl_registry_schema *s, int32_t *ret,
                                  struct sl_err *err)
{
        const struct sl_rquestion q = {.ask = SL_RASK_LOOKUP, .subject = subject, .type = s->type, .text = s->text,
                                       .refs = s->refs, .ref_count = s->ref_count};
        const struct sl_registry_schema *found;
        struct sl_err why = {0};
        enum sl_rc rc = put_question(r, &q, -1, &found, &why);
        *ret = rc == SL_OK ? found->version : 0;
        if (rc == SL_TRANSIENT && err)
                *err = why;
        return rc == SL_TRANSIENT ? rc : SL_OK;
}

void sl_registry_expect_write(struct sl_registry *r, const char *subject, enum sl_registry_type type, struct sl_str text,
                              const struct sl_registry_ref *refs, uint32_t ref_count)
{
        struct sl_rquestion q;
        int64_t age_ms;
        writing(r, subject, type, text, refs, ref_count, &q, &age_ms);
        enum sl_rc rc = put_question(r, &q, age_ms, NULL, NULL);
        (void)rc; /* who waits for the answer is told */
}

void sl_registry_expect_read(struct sl_registry *r, int32_t id)
{
        enum sl_rc rc = put_question(r, &(struct sl_rquestion){.ask = SL_RASK_ID, .number = id}, -1, NULL, NULL);
        (void)rc;
}
