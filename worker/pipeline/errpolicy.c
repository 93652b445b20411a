/* SPDX-License-Identifier: Apache-2.0 */
/* Error policy (see errpolicy.h). The dead-letter headers are Connect's __connect.errors.*, so that existing tools read them. */
#include "pipeline/errpolicy.h"

#include <stdlib.h>

#include "base/clock.h"
#include "kafka/producer.h"

#define FLUSH_MS 60000
#define FIRST_RETRY_MS 300 /* Connect's */
#define CONTEXT_HEADERS 10

struct sl_errpolicy {
        struct sl_task *t;
        const struct sl_conn_cfg *common;
        struct sl_producer *producer; /* dead letters; NULL = none configured */
        uint32_t unflushed;
        struct sl_buf text;           /* header values of one dead letter */
        struct sl_metric *errors, *skipped, *dead;
};

static enum sl_rc make_topic(struct sl_errpolicy *p, struct sl_err *err)
{
        int32_t partitions = 0;
        SL_TRY(sl_admin_topic_partitions(p->t->admin, p->common->dlq_topic, 30000, &partitions, err));
        if (partitions > 0)
                return SL_OK;
        struct sl_topic_spec spec = {.name = p->common->dlq_topic, .partitions = 1, .replication = p->common->dlq_replication};
        bool created;
        return sl_admin_create_topic(p->t->admin, &spec, 30000, &created, err);
}

static enum sl_rc tick(void *arg, struct sl_err *err)
{
        struct sl_errpolicy *p = arg;
        return atomic_load(&p->t->stop) ? sl_fail(err, SL_E_STOPPED, "the task is stopping") : SL_OK;
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
        if (t->sink && common->dlq_topic && *common->dlq_topic) {
                char client_id[256];
                snprintf(client_id, sizeof(client_id), "connector-dlq-producer-%.200s-%u", t->connector, t->id);
                struct sl_producer_opts opts = {.cfg = {.worker = t->worker, .connector = &t->config},
                                                .client_id = client_id,
                                                .queue_bytes = 4 << 20,
                                                .tick = tick,
                                                .tick_arg = p};
                rc = make_topic(p, err);
                if (rc == SL_OK)
                        rc = sl_producer_new(&opts, &p->producer, err);
        }
        if (rc != SL_OK) {
                sl_err_prefix(err, "dead-letter topic %s", common->dlq_topic);
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
        free(p);
}

bool sl_errpolicy_retry(struct sl_errpolicy *p, struct sl_retry *r, const struct sl_err *why)
{
        if (why->rc != SL_TRANSIENT || why->scope != SL_SCOPE_RECORD || p->common->retry_timeout_ms == 0)
                return false;
        int64_t now = sl_mono_ms();
        if (!r->started_ms)
                r->started_ms = now;
        int64_t left = p->common->retry_timeout_ms - (now - r->started_ms);
        if ((p->common->retry_timeout_ms > 0 && left <= 0) || sl_task_halted(p->t))
                return false;
        int64_t delay = (int64_t)FIRST_RETRY_MS << (r->attempt < 20 ? r->attempt : 20);
        if (delay > p->common->retry_delay_max_ms)
                delay = p->common->retry_delay_max_ms;
        if (p->common->retry_timeout_ms > 0 && delay > left)
                delay = left;
        r->attempt++;
        sl_task_sleep(p->t, delay);
        return true;
}

/* One header value as text, remembered by offset because the buffer may move while the next one is written. */
static void text_header(struct sl_kheader *h, const char *key, size_t *start, struct sl_buf *text)
{
        h->key = sl_str_c(key);
        *start = text->len;
        h->value.len = 0;
}

static uint32_t context_headers(struct sl_errpolicy *p, const struct sl_record *rec, const struct sl_err *why,
                                struct sl_kheader *h)
{
        size_t start[CONTEXT_HEADERS + 1];
        struct sl_buf *b = &p->text;
        uint32_t n = 0;
        sl_buf_clear(b);
#define HEADER(name, ...)                                                                                                     \
        do {                                                                                                                  \
                text_header(&h[n], "__connect.errors." name, &start[n], b);                                                   \
                sl_buf_printf(b, __VA_ARGS__);                                                                                \
                n++;                                                                                                          \
        } while (0)
        HEADER("topic", "%.*s", SL_FMT(rec->topic));
        HEADER("partition", "%d", rec->partition);
        HEADER("offset", "%lld", (long long)rec->offset);
        HEADER("connector.name", "%s", p->t->connector);
        HEADER("task.id", "%u", p->t->id);
        HEADER("stage", "%s", sl_stage_name(why->stage));
        HEADER("class.name", "%s", why->operation ? why->operation : p->t->sink->aliases[0]);
        HEADER("exception.class.name", "%s", why->java);
        HEADER("exception.message", "%s", why->msg);
        text_header(&h[n], "__connect.errors.exception.stacktrace", &start[n], b);
        sl_err_trace(why, b);
        n++;
#undef HEADER
        start[n] = b->len;
        for (uint32_t i = 0; i < n; i++)
                h[i].value = (struct sl_str){b->ptr + start[i], start[i + 1] - start[i]};
        return n;
}

static enum sl_rc dead_letter(struct sl_errpolicy *p, const struct sl_record *rec, const struct sl_err *why,
                              struct sl_err *err)
{
        struct sl_kheader *headers = sl_calloc(rec->header_count + CONTEXT_HEADERS, sizeof(*headers));
        uint32_t n = 0;
        for (; n < rec->header_count; n++)
                headers[n] = (struct sl_kheader){rec->headers[n].key, rec->headers[n].raw};
        if (p->common->dlq_headers)
                n += context_headers(p, rec, why, headers + n);
        struct sl_message m = {.topic = sl_str_c(p->common->dlq_topic),
                               .partition = -1,
                               .key = rec->raw_key,
                               .value = rec->raw_value,
                               .headers = headers,
                               .header_count = n,
                               .timestamp_ms = rec->timestamp_ms};
        bool full = true;
        enum sl_rc rc = SL_OK;
        while (rc == SL_OK && full) {
                rc = sl_producer_send(p->producer, &m, &full, err);
                if (rc == SL_OK && full)
                        rc = sl_producer_serve(p->producer, 100, err);
                if (rc == SL_OK && full)
                        rc = tick(p, err);
        }
        free(headers);
        if (rc == SL_OK) {
                p->unflushed++;
                sl_metric_add(p->dead, 1);
        }
        return rc;
}

static void log_failure(const struct sl_errpolicy *p, const struct sl_record *rec, const struct sl_err *why)
{
        if (!p->common->log_errors)
                return;
        if (p->common->log_messages)
                sl_log_err(SL_LOG_ERROR, why, "record failed topic=%.*s partition=%d offset=%lld timestamp=%lld", SL_FMT(rec->topic),
                           rec->partition, (long long)rec->offset, (long long)rec->timestamp_ms);
        else
                sl_log_err(SL_LOG_ERROR, why, "record failed");
}

enum sl_rc sl_errpolicy_resolve(struct sl_errpolicy *p, const struct sl_record *rec, const struct sl_err *why_in,
                                struct sl_err *err)
{
        struct sl_err why = *why_in;
        sl_metric_add(p->errors, 1);
        bool ours = why.scope == SL_SCOPE_RECORD && why.rc != SL_FATAL && why.id != SL_E_STOPPED;
        if (!ours || p->common->tolerance != SL_TOLERATE_ALL) {
                *err = why;
                if (ours)
                        sl_err_prefix(err, "Tolerance exceeded in error handler");
                return why.rc;
        }
        log_failure(p, rec, &why);
        sl_err_clear(err);
        if (p->producer) {
                enum sl_rc rc = dead_letter(p, rec, &why, err);
                if (rc != SL_OK) {
                        sl_err_prefix(err, "could not write a dead letter to %s", p->common->dlq_topic);
                        return rc;
                }
        }
        sl_metric_add(p->skipped, 1);
        return SL_OK;
}

enum sl_rc sl_errpolicy_flush(struct sl_errpolicy *p, struct sl_err *err)
{
        if (!p->unflushed)
                return SL_OK;
        enum sl_rc rc = sl_producer_flush(p->producer, FLUSH_MS, err);
        if (rc == SL_OK)
                p->unflushed = 0;
        else
                sl_err_prefix(err, "dead letters are not stored yet");
        return rc;
}
