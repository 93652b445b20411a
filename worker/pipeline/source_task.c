/* SPDX-License-Identifier: Apache-2.0 */
/* The source line, one thread a task:
 *   ops->poll (rows into a batch) -> sl_chain_apply -> converter encode -> sl_producer_send -> ledger -> ops->acked
 * Exactly-once (the default): records and the source offset go into one Kafka transaction; ledger and feedback move only when its
 * commit has succeeded. A failed transaction ends the line; it opens again from the stored offset (one mechanism for every fault).
 * At-least-once (worker key exactly.once.source.support=disabled): delivery reports move the ledger, then the offset is written,
 * then the source is told.
 * Where cuts may be: only after a batch that has a position. A drained source commits at once, a busy one by time and bytes.
 * Does not know Postgres: positions are opaque words. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "kafka/producer.h"
#include "pipeline/errpolicy.h"
#include "pipeline/internal.h"
#include "pipeline/ledger.h"

#define BATCH_RECORDS 256 /* what a batch touches stays in the second-level cache: 2048 cost a third more CPU in the encoder */
#define COMMIT_GAP_MS 10     /* a drained source commits at most this often */
#define BEHIND_INTERVAL_MS 1000 /* a source that is far behind commits at least this often: a commit waits for all that is in flight */
#define OFFSET_GAP_MS 1000   /* at-least-once: an offset record at most this often */
#define SERVE_MS 1000
#define HALT_GRACE_MS 3000   /* to reach a natural cut after stop or pause was asked */
#define IDLE_WAIT_MS 1000
#define OFFSET_COOKIE UINT64_MAX

struct line {
        struct sl_task *t;
        struct sl_arena arena; /* configs and the connector's state */
        struct sl_conn_cfg common;
        void *cfg, *source;
        bool source_open;
        struct sl_chain *chain;
        struct sl_codec codec;
        struct sl_errpolicy *policy;
        struct sl_producer *producer;
        bool transactional;
        struct sl_ledger ledger;
        struct sl_batch batch;
        struct sl_buf partition, offset_key, offset_value;
        struct sl_str offset_topic;
        /* one row's encoded bytes; reused */
        struct sl_buf row;
        struct sl_kheader *headers;
        uint32_t headers_cap;
        /* the open transaction (or what is unacknowledged) */
        bool in_txn, cut_ok, boundary, behind;
        struct sl_position pos;
        size_t txn_bytes;
        int64_t txn_started_ms, committed_ms;
        struct {
                int64_t commit_us;
                uint32_t rows;
        } *latency; /* runs of equal database commit times in the open transaction */
        uint32_t latency_count, latency_cap;
        /* at-least-once */
        bool offset_in_flight, offset_waits;
        struct sl_position offset_pos, next_pos;
        int64_t served_ms, halted_ms;
        struct sl_metric *m_records, *m_bytes, *m_commits, *m_latency, *m_batches;
};

static enum sl_rc serve_source(struct line *l, struct sl_err *err)
{
        int64_t now = sl_mono_ms();
        if (now - l->served_ms < SERVE_MS || !l->source_open)
                return SL_OK;
        l->served_ms = now;
        return l->t->source->serve(l->source, err);
}

static bool grace_over(struct line *l)
{
        if (!sl_task_halted(l->t))
                return false;
        if (!l->halted_ms)
                l->halted_ms = sl_mono_ms();
        return sl_mono_ms() - l->halted_ms >= HALT_GRACE_MS;
}

/* Between the steps of long producer calls. */
static enum sl_rc tick(void *arg, struct sl_err *err)
{
        struct line *l = arg;
        if (grace_over(l))
                return sl_fail(err, SL_E_STOPPED, "the task is stopping while Kafka does not answer");
        return serve_source(l, err);
}

static void delivered(void *arg, uint64_t cookie, bool ok)
{
        struct line *l = arg;
        if (!ok)
                return; /* the producer fails its next serve: nothing behind this row may be acknowledged */
        if (cookie == OFFSET_COOKIE) {
                l->offset_in_flight = false;
                l->offset_waits = true;
        } else {
                sl_ledger_delivered(&l->ledger, cookie);
        }
}

/* ---- one row ---- */

/* Encoded parts lie one behind the other in l->row, which may move while it grows: keep offsets until all are written. */
struct part {
        size_t start, len;
        bool null;
};

static enum sl_rc encode(struct line *l, const struct sl_converter *conv, enum sl_stage stage, struct sl_str topic,
                         const struct sl_schema *schema, const struct sl_value *value, struct part *ret, struct sl_err *err)
{
        ret->start = l->row.len;
        ret->null = false;
        enum sl_rc rc = conv->ops->encode(conv->st, topic, schema, value, &l->row, &ret->null, err);
        if (sl_unlikely(rc == SL_OK && !sl_buf_ok(&l->row)))
                rc = sl_fail(err, SL_E_TOO_LARGE, "a record of topic %.*s passes 1 GiB encoded", SL_FMT(topic));
        if (sl_unlikely(rc != SL_OK)) {
                err->stage = stage;
                err->operation = conv->ops->aliases[0];
                return rc;
        }
        ret->len = l->row.len - ret->start;
        return SL_OK;
}

static inline struct sl_str part_str(const struct line *l, const struct part *p)
{
        return p->null ? SL_STR_NULL : (struct sl_str){l->row.ptr ? l->row.ptr + p->start : "", p->len};
}

static enum sl_rc encode_row(struct line *l, const struct sl_record *rec, struct sl_message *m, struct sl_err *err)
{
        struct part key, value, fixed[16], *parts = fixed;
        if (sl_unlikely(rec->header_count > l->headers_cap)) {
                l->headers_cap = rec->header_count * 2;
                l->headers = sl_realloc(l->headers, l->headers_cap * sizeof(*l->headers));
        }
        if (sl_unlikely(rec->header_count > 16))
                parts = sl_arena_alloc(&l->batch.arena, rec->header_count * sizeof(*parts));
        sl_buf_clear(&l->row);
        SL_TRY(encode(l, &l->codec.key, SL_STAGE_KEY_CONVERTER, rec->topic, rec->key_schema, &rec->key, &key, err));
        SL_TRY(encode(l, &l->codec.value, SL_STAGE_VALUE_CONVERTER, rec->topic, rec->value_schema, &rec->value, &value, err));
        for (uint32_t i = 0; i < rec->header_count; i++)
                SL_TRY(encode(l, &l->codec.header, SL_STAGE_HEADER_CONVERTER, rec->topic, rec->headers[i].schema,
                              &rec->headers[i].value, &parts[i], err));
        for (uint32_t i = 0; i < rec->header_count; i++)
                l->headers[i] = (struct sl_kheader){rec->headers[i].key, part_str(l, &parts[i])};
        *m = (struct sl_message){.topic = rec->topic,
                                 .partition = rec->partition,
                                 .key = part_str(l, &key),
                                 .value = part_str(l, &value),
                                 .headers = l->headers,
                                 .header_count = rec->header_count,
                                 .timestamp_ms = rec->timestamp_ms};
        return SL_OK;
}

static enum sl_rc send(struct line *l, const struct sl_message *m, struct sl_err *err)
{
        for (;;) {
                bool full = false;
                SL_TRY(sl_producer_send(l->producer, m, &full, err));
                if (sl_likely(!full))
                        return SL_OK;
                SL_TRY(sl_producer_serve(l->producer, 5, err));
                SL_TRY(tick(l, err));
        }
}

static void note_latency(struct line *l, int64_t commit_us)
{
        if (commit_us == 0)
                return;
        if (l->latency_count && l->latency[l->latency_count - 1].commit_us == commit_us) {
                l->latency[l->latency_count - 1].rows++;
                return;
        }
        if (l->latency_count == l->latency_cap) {
                l->latency_cap = l->latency_cap ? l->latency_cap * 2 : 1024;
                l->latency = sl_realloc(l->latency, l->latency_cap * sizeof(*l->latency));
        }
        l->latency[l->latency_count].commit_us = commit_us;
        l->latency[l->latency_count++].rows = 1;
}

static enum sl_rc ensure_txn(struct line *l, struct sl_err *err)
{
        if (l->in_txn)
                return SL_OK;
        if (l->transactional)
                SL_TRY(sl_producer_begin(l->producer, err));
        l->in_txn = true;
        l->txn_bytes = 0;
        l->txn_started_ms = sl_mono_ms();
        return SL_OK;
}

/* A second try starts from the record as it came: the first one may have gone through half of the chain. */
static enum sl_rc transform_and_encode(struct line *l, struct sl_record *rec, struct sl_message *m, struct sl_err *err)
{
        struct sl_record original = *rec;
        struct sl_retry retry = {0};
        for (;;) {
                enum sl_rc rc = sl_chain_apply(l->chain, rec, &l->batch.arena, err);
                if (rc == SL_OK && !rec->dropped)
                        rc = encode_row(l, rec, m, err);
                if (sl_likely(rc == SL_OK))
                        return SL_OK;
                if (!sl_errpolicy_retry(l->policy, &retry, err))
                        return rc;
                *rec = original;
                sl_err_clear(err);
        }
}

static enum sl_rc process_row(struct line *l, struct sl_record *rec, uint64_t entry, struct sl_err *err)
{
        struct sl_message m;
        if (sl_unlikely(transform_and_encode(l, rec, &m, err) != SL_OK))
                return sl_errpolicy_resolve(l->policy, rec, err, err);
        if (rec->dropped)
                return SL_OK;
        SL_TRY(ensure_txn(l, err));
        m.cookie = entry;
        SL_TRY(send(l, &m, err));
        if (!l->transactional)
                sl_ledger_sent(&l->ledger, entry);
        l->txn_bytes += m.key.len + m.value.len;
        note_latency(l, rec->commit_us);
        return SL_OK;
}

static enum sl_rc process_batch(struct line *l, struct sl_err *err)
{
        struct sl_batch *b = &l->batch;
        if (b->count == 0 && !b->has_position)
                return SL_OK;
        uint64_t entry = sl_ledger_open(&l->ledger);
        size_t before = l->in_txn ? l->txn_bytes : 0;
        for (uint32_t i = 0; i < b->count; i++)
                SL_TRY(process_row(l, &b->records[i], entry, err));
        if (b->has_position) {
                l->pos = b->position;
                SL_TRY(ensure_txn(l, err));
        }
        sl_ledger_close(&l->ledger, b->has_position ? &b->position : NULL);
        l->cut_ok = b->has_position;
        l->boundary = b->has_position && b->boundary;
        sl_metric_add(l->m_records, b->count);
        sl_metric_add(l->m_bytes, l->in_txn ? (int64_t)(l->txn_bytes - before) : 0);
        sl_metric_add(l->m_batches, 1);
        return SL_OK;
}

/* ---- acknowledgement ---- */

static enum sl_rc send_offset(struct line *l, const struct sl_position *pos, struct sl_err *err)
{
        sl_buf_clear(&l->offset_value);
        SL_TRY(l->t->source->offset(l->source, pos, &l->offset_value, err));
        struct sl_message m = {.topic = l->offset_topic,
                               .partition = -1,
                               .key = {l->offset_key.ptr, l->offset_key.len},
                               .value = {l->offset_value.ptr, l->offset_value.len},
                               .timestamp_ms = -1,
                               .cookie = OFFSET_COOKIE};
        return send(l, &m, err);
}

static void observe_latency(struct line *l)
{
        int64_t now_us = sl_wall_ns() / 1000;
        for (uint32_t i = 0; i < l->latency_count; i++)
                for (uint32_t r = 0; r < l->latency[i].rows; r++)
                        sl_metric_observe_us(l->m_latency, now_us - l->latency[i].commit_us);
        l->latency_count = 0;
}

static enum sl_rc acked_prefix(struct line *l, struct sl_err *err)
{
        struct sl_position pos;
        if (!sl_ledger_take_prefix(&l->ledger, &pos))
                return SL_OK;
        return l->t->source->acked(l->source, &pos, err);
}

static enum sl_rc commit(struct line *l, struct sl_err *err)
{
        SL_TRY(send_offset(l, &l->pos, err));
        if (SL_FAULT("source.before_commit"))
                return sl_fail(err, SL_E_KAFKA_ABORT, "fault point source.before_commit");
        SL_TRY(sl_producer_commit(l->producer, err));
        l->in_txn = false;
        l->committed_ms = sl_mono_ms();
        observe_latency(l);
        sl_metric_add(l->m_commits, 1);
        if (SL_FAULT("source.after_commit"))
                return sl_fail(err, SL_E_KAFKA, "fault point source.after_commit");
        sl_ledger_settle(&l->ledger);
        return acked_prefix(l, err);
}

/* Milliseconds until the open transaction is due by time: at once when drained, by the interval when busy, later when far behind
 * (but not the first one: somebody waits to see that it works). */
static int64_t commit_due_in(struct line *l, bool more)
{
        int64_t now = sl_mono_ms(), interval = l->common.txn_interval_ms;
        if (l->behind && l->committed_ms && interval < BEHIND_INTERVAL_MS)
                interval = BEHIND_INTERVAL_MS;
        int64_t by_age = l->txn_started_ms + interval - now;
        int64_t drained = l->committed_ms + COMMIT_GAP_MS - now;
        return !more && !l->behind && drained < by_age ? drained : by_age;
}

static bool commit_due(struct line *l, bool more)
{
        if (!l->in_txn || !l->cut_ok)
                return false;
        if (sl_task_halted(l->t) && (l->boundary || grace_over(l)))
                return true;
        return l->txn_bytes >= (size_t)l->common.txn_bytes || commit_due_in(l, more) <= 0;
}

/* At-least-once: the acknowledged prefix becomes an offset record; when that is stored the source is told. */
static enum sl_rc advance(struct line *l, bool force, struct sl_err *err)
{
        struct sl_position pos;
        bool moved = sl_ledger_take_prefix(&l->ledger, &pos);
        if (moved) {
                l->next_pos = pos;
                l->in_txn = !sl_ledger_empty(&l->ledger);
                observe_latency(l);
        }
        if (l->offset_waits) {
                l->offset_waits = false;
                SL_TRY(l->t->source->acked(l->source, &l->offset_pos, err));
        }
        int64_t now = sl_mono_ms();
        bool news = memcmp(&l->next_pos, &l->offset_pos, sizeof(l->next_pos)) != 0;
        if (news && !l->offset_in_flight && (force || now - l->committed_ms >= OFFSET_GAP_MS)) {
                l->committed_ms = now;
                l->offset_pos = l->next_pos;
                l->offset_in_flight = true;
                sl_metric_add(l->m_commits, 1);
                return send_offset(l, &l->offset_pos, err);
        }
        return SL_OK;
}

/* ---- the loop ---- */

static enum sl_rc wait_for_work(struct line *l, struct sl_err *err)
{
        struct sl_wait w = {.timeout_ms = IDLE_WAIT_MS};
        sl_wait_fd(&w, l->t->wake_fd, POLLIN);
        sl_wait_fd(&w, sl_producer_fd(l->producer), POLLIN);
        l->t->source->wait(l->source, &w);
        int64_t now = sl_mono_ms();
        if (l->in_txn && l->cut_ok)
                sl_wait_ms(&w, commit_due_in(l, false));
        if (!l->transactional && (l->offset_in_flight || memcmp(&l->next_pos, &l->offset_pos, sizeof(l->next_pos)) != 0))
                sl_wait_ms(&w, OFFSET_GAP_MS - (now - l->committed_ms));
        if (sl_task_halted(l->t))
                sl_wait_ms(&w, 20);
        if (poll(w.fds, w.count, w.timeout_ms) > 0) {
                if (w.fds[0].revents)
                        sl_task_drain_wake(l->t);
                if (w.count > 1 && w.fds[1].revents)
                        sl_producer_fd_clear(l->producer);
        }
        (void)err; /* poll(2) fails only for EINTR and bugs: the loop goes round in both cases */
        return SL_OK;
}

static enum sl_rc drain_at_least_once(struct line *l, struct sl_err *err)
{
        SL_TRY(sl_producer_flush(l->producer, HALT_GRACE_MS, err));
        SL_TRY(advance(l, true, err));
        SL_TRY(sl_producer_flush(l->producer, HALT_GRACE_MS, err));
        return advance(l, true, err);
}

static enum sl_rc loop(struct line *l, struct sl_err *err)
{
        l->boundary = true;
        for (;;) {
                if (sl_task_halted(l->t) && (grace_over(l) || (l->boundary && !(l->in_txn && l->transactional))))
                        return l->transactional ? SL_OK : drain_at_least_once(l, err);
                bool more = false;
                sl_batch_reset(&l->batch);
                SL_TRY(l->t->source->poll(l->source, &l->batch, &more, err));
                l->behind = l->batch.behind;
                l->served_ms = sl_mono_ms();
                SL_TRY(process_batch(l, err));
                SL_TRY(sl_producer_serve(l->producer, 0, err));
                if (!l->transactional)
                        SL_TRY(advance(l, false, err));
                else if (commit_due(l, more))
                        SL_TRY(commit(l, err));
                if (!more)
                        SL_TRY(wait_for_work(l, err));
        }
}

/* ---- opening and closing ---- */

static void open_metrics(struct line *l)
{
        const char *labels = l->t->metric_labels;
        l->m_records = sl_metric_get(SL_COUNTER, "sluice_source_records_total", "Records read from the source.", labels);
        l->m_bytes = sl_metric_get(SL_COUNTER, "sluice_source_bytes_total", "Encoded key and value bytes sent to Kafka.", labels);
        l->m_batches = sl_metric_get(SL_COUNTER, "sluice_source_batches_total", "Batches read from the source.", labels);
        l->m_commits = sl_metric_get(SL_COUNTER, "sluice_source_commits_total", "Source offsets stored.", labels);
        l->m_latency = sl_metric_get(SL_HISTOGRAM, "sluice_source_commit_to_kafka_seconds",
                                     "From the database commit to the record's committed Kafka transaction.", labels);
}

static enum sl_rc open_producer(struct line *l, struct sl_err *err)
{
        struct sl_task *t = l->t;
        const char *eos = sl_props_get(t->worker, "exactly.once.source.support");
        l->transactional = !eos || strcmp(eos, "disabled") != 0;
        char client_id[256];
        snprintf(client_id, sizeof(client_id), "connector-producer-%.200s-%u", t->connector, t->id);
        struct sl_producer_opts opts = {
                .cfg = {.worker = t->worker, .connector = &t->config},
                .client_id = client_id,
                .transactional_id = l->transactional ? sl_arena_printf(&l->arena, "%s-%s-%u", sl_task_group(t), t->connector, t->id)
                                                     : NULL,
                .queue_bytes = (size_t)l->common.memory_bytes / 4,
                .delivered = l->transactional ? NULL : delivered,
                .delivered_arg = l,
                .tick = tick,
                .tick_arg = l,
        };
        SL_TRY(sl_producer_new(&opts, &l->producer, err));
        return l->transactional ? sl_producer_init(l->producer, err) : SL_OK;
}

/* Order matters: the producer's init fences a dead owner and finishes its transaction, only then is the newest offset final. */
static enum sl_rc open_line(struct line *l, struct sl_err *err)
{
        struct sl_task *t = l->t;
        const struct sl_source_ops *ops = t->source;
        SL_TRY(sl_task_parse(t, sl_source_common_defs, ops->config, ops->config_size, &l->arena, &l->common, &l->cfg, err));
        SL_TRY(sl_errpolicy_new(t, &l->common, &l->policy, err));
        SL_TRY(sl_chain_new(&t->config, &l->common, &l->chain, err));
        SL_TRY(sl_codec_open(&l->codec, t->worker, &t->config, err));
        SL_TRY(ops->partition(l->cfg, t->connector, &l->partition, err));
        sl_offset_key(t->connector, (struct sl_str){l->partition.ptr, l->partition.len}, &l->offset_key);
        l->offset_topic = sl_str_c(sl_offset_topic(t->worker));
        if (t->may_open)
                SL_TRY(t->may_open(t->on_state_arg, err));
        SL_TRY(open_producer(l, err));
        bool found = false;
        SL_TRY(sl_offset_load(t, (struct sl_str){l->partition.ptr, l->partition.len}, &l->offset_value, &found, err));
        struct sl_task_env *env = sl_arena_zalloc(&l->arena, sizeof(*env));
        *env = (struct sl_task_env){.connector = t->connector, .task = t->id, .metric_labels = t->metric_labels, .stop = &t->halt};
        l->source = sl_arena_zalloc(&l->arena, ops->task_size);
        l->source_open = true;
        sl_info("starting from %s", found ? sl_buf_cstr(&l->offset_value) : "no stored offset");
        return ops->open(l->source, l->cfg, env,
                         found ? sl_arena_strdup(&l->arena, sl_buf_cstr(&l->offset_value)) : NULL, err);
}

static void close_line(struct line *l)
{
        if (l->in_txn && l->transactional) {
                /* Best effort, so that readers are not held back until the transaction times out; if it fails, the next init or the
                 * broker's timeout aborts it. */
                struct sl_err ignored = {0};
                enum sl_rc rc = sl_producer_abort(l->producer, &ignored);
                if (rc != SL_OK)
                        sl_log_err(SL_LOG_DEBUG, &ignored, "the open transaction was left to be aborted by its successor");
        }
        if (l->source_open)
                l->t->source->close(l->source);
        sl_producer_free(l->producer);
        sl_codec_close(&l->codec);
        sl_chain_free(l->chain);
        sl_errpolicy_free(l->policy);
        sl_ledger_free(&l->ledger);
        sl_batch_free(&l->batch);
        sl_buf_free(&l->partition);
        sl_buf_free(&l->offset_key);
        sl_buf_free(&l->offset_value);
        sl_buf_free(&l->row);
        free(l->headers);
        free(l->latency);
        sl_arena_free(&l->arena);
}

enum sl_rc sl_source_run(struct sl_task *t, bool *opened, struct sl_err *err)
{
        struct line l = {.t = t};
        sl_arena_init(&l.arena, 16384);
        open_metrics(&l);
        enum sl_rc rc = open_line(&l, err);
        if (rc == SL_OK) {
                sl_batch_init(&l.batch, BATCH_RECORDS, (size_t)l.common.memory_bytes / 8);
                *opened = true;
                sl_task_report(t, SL_TASK_RUNNING, NULL);
                rc = loop(&l, err);
        }
        close_line(&l);
        return rc;
}
