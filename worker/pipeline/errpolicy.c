/* SPDX-License-Identifier: Apache-2.0 */
/* Error policy (see errpolicy.h). The dead-letter headers are Connect's __connect.errors.*, so that existing tools read them; a
 * source's add __sluice.source.*, which say what the raw bytes are. */
#include "pipeline/errpolicy.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "pipeline/topics.h"

#define FLUSH_MS 60000
#define FIRST_RETRY_MS 300 /* Connect's */
#define CREATE_MS 10000

struct sl_errpolicy {
        struct sl_task *t;
        const struct sl_conn_cfg *common;
        struct sl_errpolicy_hooks hooks;
        unsigned seed;
        bool dlq;                     /* there is a dead-letter topic */
        struct sl_producer *producer; /* a sink's dead letters */
        uint32_t unflushed;
        struct sl_buf text;           /* header values of one dead letter, one behind the other */
        struct sl_kheader *headers;
        size_t *starts;               /* of the values in text; SIZE_MAX = header i has its own bytes */
        uint32_t count, cap;
        struct sl_metric *errors, *skipped, *dead;
};

static enum sl_rc make_topic(struct sl_errpolicy *p, struct sl_err *err)
{
        int32_t partitions = 0;
        SL_TRY(sl_task_topic_partitions(p->t, p->t->admin, p->common->dlq_topic, &partitions, err));
        if (partitions > 0)
                return SL_OK;
        struct sl_topic_spec spec = {.name = p->common->dlq_topic, .partitions = 1, .replication = p->common->dlq_replication};
        bool created;
        return sl_admin_create_topic(p->t->admin, &spec, CREATE_MS, &created, err);
}

static enum sl_rc tick(void *arg, struct sl_err *err)
{
        struct sl_errpolicy *p = arg;
        return sl_task_overdue(p->t) ? sl_fail(err, SL_E_STOPPED, "the task is stopping") : SL_OK;
}

static enum sl_rc open_dlq(struct sl_errpolicy *p, struct sl_err *err)
{
        struct sl_task *t = p->t;
        char client_id[256];
        snprintf(client_id, sizeof(client_id), "connector-dlq-producer-%.200s-%u", t->connector, t->id);
        struct sl_producer_opts opts = {.cfg = {.worker = t->worker, .connector = &t->config},
                                        .client_id = client_id,
                                        .queue_bytes = 4 << 20,
                                        .tick = tick,
                                        .tick_arg = p};
        p->dlq = true;
        enum sl_rc rc = make_topic(p, err);
        if (rc == SL_OK && t->sink)
                rc = sl_producer_new(&opts, &p->producer, err);
        if (rc != SL_OK) {
                sl_err_prefix(err, "Could not initialize dead letter queue with topic=%s", p->common->dlq_topic);
                err->java = SL_JAVA_CONNECT;
        }
        return rc;
}

enum sl_rc sl_errpolicy_new(struct sl_task *t, const struct sl_conn_cfg *common, struct sl_errpolicy **ret,
                            struct sl_err *err)
{
        struct sl_errpolicy *p = sl_calloc(1, sizeof(*p));
        enum sl_rc rc = SL_OK;
        p->t = t;
        p->common = common;
        p->errors = sl_metric_get(SL_COUNTER, "sluice_task_record_errors_total", "Records that failed in a stage.",
                                  t->metric_labels);
        p->skipped = sl_metric_get(SL_COUNTER, "sluice_task_records_skipped_total", "Failed records skipped by errors.tolerance=all.",
                                   t->metric_labels);
        p->dead = sl_metric_get(SL_COUNTER, "sluice_task_dead_letters_total", "Records written to the dead-letter topic.",
                                t->metric_labels);
        p->seed = (unsigned)sl_mono_us() ^ t->id;
        if (common->dlq_topic && *common->dlq_topic && (t->sink || common->tolerance == SL_TOLERATE_ALL))
                rc = open_dlq(p, err);
        if (rc != SL_OK) {
                sl_errpolicy_free(p);
                return rc;
        }
        *ret = p;
        return SL_OK;
}

void sl_errpolicy_free(struct sl_errpolicy *p)
{
        if (!p)
                return;
        sl_producer_free(p->producer);
        sl_buf_free(&p->text);
        free(p->headers);
        free(p->starts);
        free(p);
}

void sl_errpolicy_hook(struct sl_errpolicy *p, const struct sl_errpolicy_hooks *hooks)
{
        p->hooks = *hooks;
}

bool sl_errpolicy_dead_letters(const struct sl_errpolicy *p)
{
        return p->dlq;
}

/* ---- retries ---- */

int64_t sl_retry_delay(struct sl_retry *r, int64_t now_ms, int64_t timeout_ms, int64_t max_ms, unsigned *seed)
{
        if (!r->attempt++)
                r->started_ms = now_ms;
        int64_t deadline = r->started_ms + timeout_ms;
        if (timeout_ms >= 0 && now_ms >= deadline)
                return -1;
        int64_t delay = (int64_t)FIRST_RETRY_MS << (r->attempt <= 30 ? r->attempt - 1 : 29);
        if (delay > max_ms)
                delay = max_ms > 0 ? rand_r(seed) % max_ms : 0;
        if (timeout_ms >= 0 && now_ms + delay > deadline)
                delay = deadline - now_ms;
        return delay;
}

bool sl_errpolicy_retry(struct sl_errpolicy *p, struct sl_retry *r, const struct sl_err *why)
{
        if (why->id != SL_E_STOPPED)
                sl_taskstats_event(p->t->stats, SL_TS_FAILURE);
        if (why->rc != SL_TRANSIENT || why->scope != SL_SCOPE_RECORD || why->id == SL_E_STOPPED || sl_task_halted(p->t))
                return false;
        if (r->stage != why->stage || r->operation != why->operation)
                *r = (struct sl_retry){.stage = why->stage, .operation = why->operation};
        int64_t delay = sl_retry_delay(r, sl_mono_ms(), p->common->retry_timeout_ms, p->common->retry_delay_max_ms, &p->seed);
        if (delay < 0)
                return false;
        struct sl_err ignored = {0};
        if (!p->hooks.wait)
                sl_task_sleep(p->t, delay);
        else if (p->hooks.wait(p->hooks.arg, delay, &ignored) != SL_OK)
                return false; /* the line meets that failure by itself */
        if (sl_task_halted(p->t))
                return false;
        sl_taskstats_event(p->t->stats, SL_TS_RETRY);
        return true;
}

/* ---- reports ---- */

static struct sl_kheader *add_header(struct sl_errpolicy *p, size_t start)
{
        if (p->count == p->cap) {
                p->cap = p->cap ? p->cap * 2 : 32;
                p->headers = sl_realloc(p->headers, p->cap * sizeof(*p->headers));
                p->starts = sl_realloc(p->starts, p->cap * sizeof(*p->starts));
        }
        p->starts[p->count] = start;
        p->headers[p->count] = (struct sl_kheader){0};
        return &p->headers[p->count++];
}

static void origin_header(void *arg, const char *name, struct sl_str value)
{
        struct sl_errpolicy *p = arg;
        size_t start = p->text.len;
        sl_buf_printf(&p->text, "__sluice.source.%s", name);
        size_t key = p->text.len - start;
        add_header(p, p->text.len)->key.len = key;
        sl_buf_add_str(&p->text, value);
}

/* What Connect calls the plugin that ran. */
static const char *class_of(const struct sl_errpolicy *p, const struct sl_err *why)
{
        const struct sl_task *t = p->t;
        return why->operation ? why->operation : t->sink ? t->sink->aliases[0] : t->source->aliases[0];
}

static void context_headers(struct sl_errpolicy *p, const struct sl_record *rec, const struct sl_err *why)
{
        /* The text may move while the next value is written: only where each one starts is kept. */
#define HEADER(name, ...)                                                                                                     \
        do {                                                                                                                  \
                add_header(p, p->text.len)->key = SL_STR("__connect.errors." name);                                           \
                sl_buf_printf(&p->text, __VA_ARGS__);                                                                         \
        } while (0)
        struct sl_str message = sl_err_message(why);
        HEADER("topic", "%.*s", SL_FMT(rec->topic));
        if (p->t->sink) {
                HEADER("partition", "%d", rec->partition);
                HEADER("offset", "%lld", (long long)rec->offset);
        }
        HEADER("connector.name", "%s", p->t->connector);
        HEADER("task.id", "%u", p->t->id);
        HEADER("stage", "%s", sl_stage_name(why->stage));
        HEADER("class.name", "%s", class_of(p, why));
        HEADER("exception.class.name", "%s", why->java);
        HEADER("exception.message", "%.*s", SL_FMT(message));
        HEADER("exception.stacktrace", "%s", "");
        sl_err_trace(why, &p->text);
#undef HEADER
        if (p->hooks.describe)
                p->hooks.describe(p->hooks.arg, rec, origin_header, p);
}

/* The original headers, then ours. */
static void make_headers(struct sl_errpolicy *p, const struct sl_record *rec, const struct sl_err *why)
{
        p->count = 0;
        sl_buf_clear(&p->text);
        for (uint32_t i = 0; p->t->sink && i < rec->raw_header_count; i++)
                *add_header(p, SIZE_MAX) = (struct sl_kheader){rec->raw_headers[i].key, rec->raw_headers[i].raw};
        uint32_t first = p->count;
        if (p->common->dlq_headers)
                context_headers(p, rec, why);
        const char *text = sl_buf_cstr(&p->text);
        size_t end = p->text.len;
        for (uint32_t i = p->count; i-- > first;) {
                struct sl_kheader *h = &p->headers[i];
                h->value = (struct sl_str){text + p->starts[i], end - p->starts[i]};
                end = p->starts[i];
                if (!h->key.ptr) { /* its key stands before its value */
                        end -= h->key.len;
                        h->key.ptr = text + end;
                }
        }
}

static enum sl_rc send_letter(struct sl_errpolicy *p, const struct sl_message *m, struct sl_err *err)
{
        if (p->hooks.send)
                return p->hooks.send(p->hooks.arg, m, err);
        bool full = true;
        while (full) {
                SL_TRY(sl_producer_send(p->producer, m, &full, err));
                if (!full)
                        break;
                SL_TRY(sl_producer_serve(p->producer, 100, err));
                SL_TRY(tick(p, err));
        }
        p->unflushed++;
        SL_FAULT_TRY("sink.after_letter", SL_E_KAFKA, err);
        return SL_OK;
}

static enum sl_rc dead_letter(struct sl_errpolicy *p, const struct sl_record *rec, const struct sl_err *why,
                              struct sl_err *err)
{
        sl_taskstats_event(p->t->stats, SL_TS_DEAD_LETTER);
        make_headers(p, rec, why);
        struct sl_message m = {.topic = sl_str_c(p->common->dlq_topic),
                               .partition = -1,
                               .key = rec->raw_key,
                               .value = rec->raw_value,
                               .headers = p->headers,
                               .header_count = p->count,
                               .timestamp_ms = rec->timestamp_ms};
        enum sl_rc rc = send_letter(p, &m, err);
        if (rc == SL_OK) {
                sl_metric_add(p->dead, 1);
        } else {
                sl_taskstats_event(p->t->stats, SL_TS_DEAD_LETTER_FAILED);
                sl_err_prefix(err, "could not write a dead letter to %s", p->common->dlq_topic);
        }
        return rc;
}

/* Connect's sentence, so that searches of logs find it. */
static void log_failure(const struct sl_errpolicy *p, const struct sl_record *rec, const struct sl_err *why)
{
        struct sl_buf record = {0}, trace = {0};
        if (!p->common->log_errors)
                return;
        sl_taskstats_event(p->t->stats, SL_TS_LOGGED);
        if (p->common->log_messages && p->t->sink) {
                sl_buf_printf(&record, ", where consumed record is {topic='%.*s', partition=%d, offset=%lld", SL_FMT(rec->topic),
                              rec->partition, (long long)rec->offset);
                if (rec->timestamp_ms >= 0)
                        sl_buf_printf(&record, ", timestamp=%lld, timestampType=%s", (long long)rec->timestamp_ms,
                                      rec->log_append_time ? "LogAppendTime" : "CreateTime");
                sl_buf_addc(&record, '}');
        } else if (p->common->log_messages) {
                sl_buf_printf(&record, ", where source record is = {topic='%.*s', key=", SL_FMT(rec->topic));
                sl_value_print(rec->key_schema, &rec->key, &record);
                sl_buf_adds(&record, ", value=");
                sl_value_print(rec->value_schema, &rec->value, &record);
                sl_buf_addc(&record, '}');
        }
        sl_err_trace(why, &trace);
        sl_error("Error encountered in task %s-%u. Executing stage '%s' with class '%s'%s.\n%s", p->t->connector, p->t->id,
                 sl_stage_name(why->stage), class_of(p, why), sl_buf_cstr(&record), sl_buf_cstr(&trace));
        sl_buf_free(&record);
        sl_buf_free(&trace);
}

static void count_error(const struct sl_errpolicy *p, const struct sl_err *why)
{
        bool retried = why->stage >= SL_STAGE_TRANSFORMATION && why->stage <= SL_STAGE_HEADER_CONVERTER;
        if (why->id == SL_E_STOPPED || (why->rc == SL_TRANSIENT && sl_task_halted(p->t)))
                return; /* it is read again */
        sl_taskstats_event(p->t->stats, SL_TS_ERROR);
        if (!retried) /* those attempts were counted by sl_errpolicy_retry */
                sl_taskstats_event(p->t->stats, SL_TS_FAILURE);
}

enum sl_rc sl_errpolicy_resolve(struct sl_errpolicy *p, const struct sl_record *rec, const struct sl_err *why_in,
                                struct sl_err *err)
{
        struct sl_err why = *why_in;
        bool tolerate = p->common->tolerance == SL_TOLERATE_ALL;
        sl_metric_add(p->errors, 1);
        count_error(p, &why);
        if (why.scope != SL_SCOPE_RECORD || why.rc == SL_FATAL || why.id == SL_E_STOPPED) {
                *err = why;
                return why.rc;
        }
        sl_err_clear(err);
        if (why.rc == SL_TRANSIENT && sl_task_halted(p->t)) /* its tries are not over: it is read again */
                return sl_fail(err, SL_E_STOPPED, "the task is stopping while a record is tried again");
        log_failure(p, rec, &why);
        enum sl_rc rc = p->dlq ? dead_letter(p, rec, &why, err) : SL_OK;
        if (rc == SL_OK && !tolerate)
                rc = sl_errpolicy_flush(p, err); /* nobody comes back to do it */
        if (rc != SL_OK && tolerate)
                return rc;
        if (tolerate) {
                sl_metric_add(p->skipped, 1);
                sl_taskstats_event(p->t->stats, SL_TS_SKIPPED);
                sl_taskstats_class(p->t->stats, why.rc);
                return SL_OK;
        }
        if (rc != SL_OK)
                sl_log_err(SL_LOG_WARN, err, "the task fails without its dead letter");
        *err = why;
        err->outer = SL_JAVA_CONNECT ": Tolerance exceeded in error handler";
        return why.rc;
}

enum sl_rc sl_errpolicy_flush(struct sl_errpolicy *p, struct sl_err *err)
{
        if (!p->unflushed)
                return SL_OK;
        enum sl_rc rc = sl_producer_flush(p->producer, FLUSH_MS, err);
        if (rc == SL_OK) {
                SL_FAULT_TRY("sink.letters_stored", SL_E_KAFKA, err);
                p->unflushed = 0;
        } else {
                sl_taskstats_event(p->t->stats, SL_TS_DEAD_LETTER_FAILED);
                sl_err_prefix(err, "dead letters are not stored yet");
        }
        return rc;
}

void sl_errpolicy_serve(struct sl_errpolicy *p)
{
        struct sl_err kept_by_the_producer = {0};
        enum sl_rc rc = p->producer ? sl_producer_serve(p->producer, 0, &kept_by_the_producer) : SL_OK;
        (void)rc;
}
