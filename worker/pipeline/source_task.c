/* SPDX-License-Identifier: Apache-2.0 */
/* The source line, one thread a task:
 *   ops->poll (rows into a batch) -> sl_chain_apply -> converter encode -> sl_producer_send -> ledger -> ops->acked
 * Exactly-once (the default): records and the source offset go into one Kafka transaction; ledger and feedback move only when its
 * commit has succeeded. A failed transaction ends the line; it opens again from the stored offset (one mechanism for every fault).
 * At-least-once (worker key exactly.once.source.support=disabled): delivery reports move the ledger, then the offset is written,
 * then the source is told.
 * Where cuts may be: only after a batch that has a position. A drained source commits at once, a busy one by time and bytes, unless
 * transaction.boundary says otherwise. What a source wants to keep together (keep_open) is cut only at half the time after which
 * the brokers would end the transaction.
 * Does not know Postgres: positions are opaque words. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/map.h"
#include "kafka/producer.h"
#include "pipeline/errpolicy.h"
#include "pipeline/internal.h"
#include "pipeline/ledger.h"
#include "pipeline/rowout.h"
#include "pipeline/topics.h"

#define BATCH_RECORDS 256 /* what a batch touches stays in the second-level cache: 2048 cost a third more CPU in the encoder */
#define COMMIT_GAP_MS 3      /* a drained source commits at most this often */
#define BUSY_GAP_MS 10       /* ... and this often, when it gives more than BUSY_BYTES between two commits */
#define BUSY_BYTES (128 << 10)
#define BEHIND_INTERVAL_MS 1000 /* a source that is far behind commits at least this often: a commit waits for all that is in flight */
#define OFFSET_GAP_MS 1000   /* at-least-once: an offset record at most this often */
#define SERVE_MS 1000
#define MIRROR_MS 1000 /* for the last copy of an offset to the worker's topic */
#define LATENCY_RUNS 65536
#define IDLE_WAIT_MS 10000 /* what has a deadline says so: each needless wake-up costs CPU in an idle worker with many tasks */
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
        struct sl_producer *mirror; /* copies offsets to the worker's topic when the connector has its own */
        struct sl_admin *admin, *own_admin;
        enum sl_boundary rule;
        int64_t rule_ms;
        struct sl_topics *topics;
        struct sl_map seen;     /* topics written to: name -> char * */
        const char *topic_at;   /* of the row before, in this batch */
        struct sl_str topic;    /* its name, as in seen */
        uint64_t entry;         /* of the batch in work, in the ledger */
        struct sl_rowout out; /* one row's encoded bytes; reused */
        /* the open transaction (or what is unacknowledged) */
        bool in_txn, cut_ok, keep_open, boundary, behind;
        struct sl_position pos;
        size_t txn_bytes;
        uint64_t polled, sent; /* records since the last commit: read, and given to the producer */
        int64_t txn_started_ms, committed_ms;
        struct {
                int64_t commit_us;
                uint32_t rows;
        } *latency; /* runs of equal database commit times in the open transaction */
        uint32_t latency_count, latency_cap;
        /* at-least-once */
        bool offset_in_flight, offset_waits;
        struct sl_position offset_pos, next_pos;
        int64_t served_ms;
        struct sl_metric *m_records, *m_bytes, *m_commits, *m_latency, *m_batches;
};

static enum sl_rc serve_source(struct line *l, struct sl_err *err)
{
        int64_t now = sl_mono_ms();
        if (now - l->served_ms < SERVE_MS || !l->source_open)
                return SL_OK;
        l->served_ms = now;
        return sl_in_stage(l->t->source->serve(l->source, err), SL_STAGE_TASK_POLL, err);
}

/* Between the steps of long producer calls. */
static enum sl_rc tick(void *arg, struct sl_err *err)
{
        struct line *l = arg;
        if (sl_task_overdue(l->t))
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

static enum sl_rc send(struct line *l, const struct sl_message *m, struct sl_err *err)
{
        for (;;) {
                bool full = false;
                SL_TRY(sl_in_stage(sl_producer_send(l->producer, m, &full, err), SL_STAGE_KAFKA_PRODUCE, err));
                if (sl_likely(!full))
                        return SL_OK;
                SL_TRY(sl_in_stage(sl_producer_serve(l->producer, 5, err), SL_STAGE_KAFKA_PRODUCE, err));
                SL_TRY(tick(l, err));
        }
}

/* A topic's first row. */
static sl_cold enum sl_rc new_topic(struct line *l, struct sl_str topic, char **ret, struct sl_err *err)
{
        if (l->transactional && sl_str_eq(topic, l->offset_topic)) {
                enum sl_rc rc = sl_fail(err, SL_E_CONFIG,
                                        "Source tasks may not produce to their own offsets topics when exactly-once support "
                                        "is enabled");
                err->java = SL_JAVA_CONNECT;
                return rc;
        }
        char *name = sl_strndup(topic.ptr, topic.len);
        enum sl_rc rc = l->topics ? sl_topics_ensure(l->topics, name, err) : SL_OK;
        if (rc != SL_OK) {
                free(name);
                return rc;
        }
        sl_map_put(&l->seen, topic, name);
        if (l->t->on_topic)
                l->t->on_topic(l->t->on_state_arg, l->t->connector, l->t->id, name);
        *ret = name;
        return SL_OK;
}

/* Rows of one table mostly follow each other and share the name's bytes. */
static inline enum sl_rc meet_topic(struct line *l, struct sl_str topic, struct sl_err *err)
{
        if (sl_likely(topic.ptr == l->topic_at && topic.len == l->topic.len))
                return SL_OK;
        if (!l->topic.ptr || !sl_str_eq(topic, l->topic)) {
                char *name = sl_map_get(&l->seen, topic);
                if (!name)
                        SL_TRY(new_topic(l, topic, &name, err));
                l->topic = sl_str_c(name);
        }
        l->topic_at = topic.ptr;
        return SL_OK;
}

static void note_latency(struct line *l, int64_t commit_us)
{
        if (commit_us == 0)
                return;
        if (l->latency_count && (l->latency[l->latency_count - 1].commit_us == commit_us || l->latency_count == LATENCY_RUNS)) {
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
        if (l->transactional) {
                SL_TRY(sl_producer_begin(l->producer, err));
                SL_TRY(sl_producer_expect(l->producer, l->offset_topic,
                                          (struct sl_str){l->offset_key.ptr, l->offset_key.len}, err));
        }
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
                        rc = sl_rowout_encode(&l->out, &l->codec, rec, &l->batch.arena, m, err);
                if (sl_likely(rc == SL_OK))
                        return SL_OK;
                bool again = sl_errpolicy_retry(l->policy, &retry, err);
                *rec = original;
                if (!again)
                        return rc;
                sl_err_clear(err);
        }
}

static enum sl_rc send_row(struct line *l, struct sl_message *m, struct sl_err *err)
{
        SL_TRY(ensure_txn(l, err));
        m->cookie = l->entry;
        SL_TRY(send(l, m, err));
        if (!l->transactional)
                sl_ledger_sent(&l->ledger, l->entry);
        l->txn_bytes += m->key.len + m->value.len;
        return SL_OK;
}

/* A dead letter goes the way of the rows: same transaction, same acknowledgement. */
static enum sl_rc send_letter(void *arg, const struct sl_message *m, struct sl_err *err)
{
        struct sl_message copy = *m;
        return send_row(arg, &copy, err);
}

static void describe(void *arg, const struct sl_record *rec, sl_origin_add *add, void *add_arg)
{
        struct line *l = arg;
        if (l->t->source->origin)
                l->t->source->origin(l->source, rec, add, add_arg);
}

/* Kafka refuses this record for itself. Connect tolerates that outside transactions only. */
static bool tolerable(const struct line *l, struct sl_err *err)
{
        if (l->transactional || l->common.tolerance != SL_TOLERATE_ALL || err->id != SL_E_TOO_LARGE)
                return false;
        err->rc = SL_BUSINESS;
        err->scope = SL_SCOPE_RECORD;
        return true;
}

static enum sl_rc process_row(struct line *l, struct sl_record *rec, struct sl_err *err)
{
        struct sl_message m;
        if (sl_unlikely(rec->failed != NULL))
                return sl_errpolicy_resolve(l->policy, rec, rec->failed, err);
        if (sl_unlikely(transform_and_encode(l, rec, &m, err) != SL_OK))
                return sl_errpolicy_resolve(l->policy, rec, err, err);
        if (rec->dropped)
                return SL_OK;
        SL_TRY(meet_topic(l, m.topic, err));
        enum sl_rc rc = send_row(l, &m, err);
        if (sl_unlikely(rc != SL_OK))
                return tolerable(l, err) ? sl_errpolicy_resolve(l->policy, rec, err, err) : rc;
        l->sent++;
        note_latency(l, rec->commit_us);
        return SL_OK;
}

/* What converters have to ask elsewhere can be on its way for the whole batch. Behind transforms nobody knows yet what comes. */
static void expect_rows(struct line *l)
{
        const struct sl_converter *key = &l->codec.key, *value = &l->codec.value;
        const struct sl_record *last = NULL;
        if ((!key->ops->expect_encode && !value->ops->expect_encode) || sl_chain_count(l->chain))
                return;
        for (uint32_t i = 0; i < l->batch.count; i++) {
                const struct sl_record *rec = &l->batch.records[i];
                if (rec->failed || (last && rec->key_schema == last->key_schema && rec->value_schema == last->value_schema &&
                                    rec->topic.ptr == last->topic.ptr && rec->topic.len == last->topic.len))
                        continue;
                last = rec;
                if (key->ops->expect_encode)
                        key->ops->expect_encode(key->st, rec->topic, rec->key_schema);
                if (value->ops->expect_encode)
                        value->ops->expect_encode(value->st, rec->topic, rec->value_schema);
        }
}

static enum sl_rc process_batch(struct line *l, struct sl_err *err)
{
        struct sl_batch *b = &l->batch;
        if (b->count == 0 && !b->has_position)
                return SL_OK;
        l->entry = sl_ledger_open(&l->ledger);
        l->topic_at = NULL; /* the batch before may have had another name there */
        if (sl_unlikely(sl_task_retells(l->t))) {
                sl_map_free(&l->seen, free);
                l->seen = (struct sl_map){0};
                l->topic = SL_STR_NULL;
        }
        size_t before = l->in_txn ? l->txn_bytes : 0;
        expect_rows(l);
        for (uint32_t i = 0; i < b->count; i++)
                SL_TRY(process_row(l, &b->records[i], err));
        if (b->has_position) {
                l->pos = b->position;
                SL_TRY(ensure_txn(l, err));
        }
        sl_ledger_close(&l->ledger, b->has_position ? &b->position : NULL);
        l->cut_ok = b->has_position;
        l->keep_open = l->transactional && b->has_position && b->keep_open;
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

static void drop_mirror(struct line *l, const struct sl_err *why)
{
        sl_log_err(SL_LOG_WARN, why, "the offset was not copied to the worker's topic %s; the connector's own topic has it",
                   sl_offset_topic(l->t->worker));
        sl_producer_free(l->mirror);
        l->mirror = NULL;
}

/* The offset just stored in the connector's own topic, for the worker's as well. As in Connect, best effort. */
static void mirror_offset(struct line *l)
{
        struct sl_err err = {0};
        if (!l->common.offsets_topic)
                return;
        char client_id[256];
        snprintf(client_id, sizeof(client_id), "connector-offsets-producer-%.200s-%u", l->t->connector, l->t->id);
        struct sl_producer_opts opts = {
                .cfg = {.worker = l->t->worker}, .client_id = client_id, .queue_bytes = 1 << 20, .plain = true};
        struct sl_message m = {.topic = sl_str_c(sl_offset_topic(l->t->worker)),
                               .partition = -1,
                               .key = {l->offset_key.ptr, l->offset_key.len},
                               .value = {l->offset_value.ptr, l->offset_value.len},
                               .timestamp_ms = -1};
        bool full = false;
        enum sl_rc rc = l->mirror ? sl_producer_serve(l->mirror, 0, &err) : sl_producer_new(&opts, &l->mirror, &err);
        if (rc == SL_OK)
                rc = sl_producer_send(l->mirror, &m, &full, &err);
        if (rc != SL_OK)
                drop_mirror(l, &err);
}

static void observe_latency(struct line *l)
{
        int64_t now_us = sl_wall_ns() / 1000;
        if (l->latency_count)
                sl_taskstats_lag_ms(l->t->stats, (now_us - l->latency[l->latency_count - 1].commit_us) / 1000);
        for (uint32_t i = 0; i < l->latency_count; i++)
                sl_metric_observe_us(l->m_latency, now_us - l->latency[i].commit_us, l->latency[i].rows);
        l->latency_count = 0;
}

/* Everything that was read is in Kafka for good. */
static void settled(struct line *l)
{
        if (l->sent)
                sl_taskstats_written(l->t->stats, l->sent, l->transactional);
        if (l->polled)
                sl_taskstats_active(l->t->stats, 0);
        l->polled = l->sent = 0;
}

static enum sl_rc acked_prefix(struct line *l, struct sl_err *err)
{
        struct sl_position pos;
        if (!sl_ledger_take_prefix(&l->ledger, &pos))
                return SL_OK;
        return sl_in_stage(l->t->source->acked(l->source, &pos, err), SL_STAGE_TASK_POLL, err);
}

static enum sl_rc store(struct line *l, struct sl_err *err)
{
        SL_FAULT_TRY("source.before_offset", SL_E_KAFKA_ABORT, err);
        SL_TRY(send_offset(l, &l->pos, err));
        SL_FAULT_TRY("source.before_commit", SL_E_KAFKA_ABORT, err);
        return sl_in_stage(sl_producer_commit(l->producer, err), SL_STAGE_KAFKA_PRODUCE, err);
}

static enum sl_rc commit(struct line *l, struct sl_err *err)
{
        int64_t began_us = sl_mono_us();
        enum sl_rc rc = store(l, err);
        sl_taskstats_commit(l->t->stats, sl_mono_us() - began_us, rc == SL_OK);
        SL_TRY(rc);
        settled(l);
        l->in_txn = false;
        mirror_offset(l);
        l->committed_ms = sl_mono_ms();
        observe_latency(l);
        sl_metric_add(l->m_commits, 1);
        SL_FAULT_TRY("source.after_commit", SL_E_KAFKA, err);
        sl_ledger_settle(&l->ledger);
        SL_TRY(acked_prefix(l, err));
        SL_FAULT_TRY("source.after_ack", SL_E_KAFKA, err);
        return SL_OK;
}

/* Milliseconds until the open transaction is due by time: at once when drained, by the interval when busy, later when far behind
 * (but not the first one: somebody waits to see that it works). */
static int64_t commit_due_in(struct line *l, bool more)
{
        int64_t now = sl_mono_ms(), interval = l->common.txn_interval_ms;
        if (l->keep_open)
                return l->txn_started_ms + sl_producer_txn_timeout(l->producer) / 2 - now;
        if (l->rule == SL_BOUNDARY_INTERVAL)
                return l->txn_started_ms + l->rule_ms - now;
        if (l->behind && l->committed_ms && interval < BEHIND_INTERVAL_MS)
                interval = BEHIND_INTERVAL_MS;
        int64_t by_age = l->txn_started_ms + interval - now;
        int64_t drained = l->committed_ms + (l->txn_bytes < BUSY_BYTES ? COMMIT_GAP_MS : BUSY_GAP_MS) - now;
        return !more && !l->behind && drained < by_age ? drained : by_age;
}

static bool wanted(struct line *l, bool more)
{
        bool full = l->rule != SL_BOUNDARY_INTERVAL && l->txn_bytes >= (size_t)l->common.txn_bytes;
        return l->rule == SL_BOUNDARY_POLL || full || commit_due_in(l, more) <= 0;
}

static bool commit_due(struct line *l, bool more)
{
        if (!l->in_txn || !l->cut_ok)
                return false;
        if (l->keep_open)
                return commit_due_in(l, more) <= 0;
        if (l->rule == SL_BOUNDARY_CONNECTOR && !l->boundary)
                return false;
        if (sl_task_halted(l->t) && (l->boundary || sl_task_overdue(l->t)))
                return true;
        return wanted(l, more);
}

/* At-least-once: the acknowledged prefix becomes an offset record; when that is stored the source is told. */
static enum sl_rc advance(struct line *l, bool force, struct sl_err *err)
{
        struct sl_position pos;
        int64_t now = sl_mono_ms();
        bool moved = sl_ledger_take_prefix(&l->ledger, &pos);
        if (moved) {
                l->next_pos = pos;
                l->in_txn = !sl_ledger_empty(&l->ledger);
                observe_latency(l);
                if (!l->in_txn)
                        settled(l);
        }
        if (l->offset_waits) {
                l->offset_waits = false;
                sl_taskstats_commit(l->t->stats, (now - l->committed_ms) * 1000, true);
                mirror_offset(l);
                SL_FAULT_TRY("source.offset_stored", SL_E_KAFKA, err);
                SL_TRY(sl_in_stage(l->t->source->acked(l->source, &l->offset_pos, err), SL_STAGE_TASK_POLL, err));
        }
        bool news = memcmp(&l->next_pos, &l->offset_pos, sizeof(l->next_pos)) != 0;
        if (news && !l->offset_in_flight && (force || now - l->committed_ms >= OFFSET_GAP_MS)) {
                SL_FAULT_TRY("source.before_offset", SL_E_KAFKA, err);
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
        if (l->transactional && l->in_txn && l->cut_ok &&
            (l->rule != SL_BOUNDARY_CONNECTOR || l->boundary || l->keep_open))
                sl_wait_ms(&w, commit_due_in(l, false));
        if (!l->transactional && !l->offset_in_flight && memcmp(&l->next_pos, &l->offset_pos, sizeof(l->next_pos)) != 0)
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

static void note_poll(struct line *l, int64_t us)
{
        if (!l->batch.count)
                return;
        l->polled += l->batch.count;
        sl_taskstats_batch(l->t->stats, l->batch.count, us);
        sl_taskstats_active(l->t->stats, (int64_t)l->polled);
}

static enum sl_rc drain_at_least_once(struct line *l, struct sl_err *err)
{
        SL_TRY(sl_producer_flush(l->producer, (int)l->t->grace_ms, err));
        SL_TRY(advance(l, true, err));
        SL_TRY(sl_producer_flush(l->producer, (int)l->t->grace_ms, err));
        return advance(l, true, err);
}

static enum sl_rc loop(struct line *l, struct sl_err *err)
{
        l->boundary = true;
        for (;;) {
                if (sl_task_halted(l->t) && (sl_task_overdue(l->t) || (l->boundary && !(l->in_txn && l->transactional))))
                        return l->transactional ? SL_OK : drain_at_least_once(l, err);
                bool more = false;
                sl_batch_reset(&l->batch);
                l->batch.end_at_boundary =
                        sl_task_halted(l->t) || (l->rule == SL_BOUNDARY_CONNECTOR && l->in_txn && wanted(l, true));
                int64_t began_us = sl_mono_us();
                SL_TRY(sl_in_stage(l->t->source->poll(l->source, &l->batch, &more, err), SL_STAGE_TASK_POLL, err));
                note_poll(l, sl_mono_us() - began_us);
                l->behind = l->batch.behind;
                l->served_ms = sl_mono_ms();
                SL_TRY(process_batch(l, err));
                if (l->batch.count)
                        SL_FAULT_TRY("source.after_batch", SL_E_KAFKA_ABORT, err);
                SL_TRY(sl_in_stage(sl_producer_serve(l->producer, 0, err), SL_STAGE_KAFKA_PRODUCE, err));
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
        l->transactional = sl_worker_exactly_once(t->worker);
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

/* The connector may have its own cluster, or rights of its own, for topics and offsets. */
static enum sl_rc open_admin(struct line *l, struct sl_err *err)
{
        struct sl_task *t = l->t;
        const char *key, *value;
        char client_id[256];
        l->admin = t->admin;
        for (size_t i = 0; !l->own_admin && sl_props_next(&t->config, &i, &key, &value);) {
                if (strncmp(key, "admin.override.", 15) != 0)
                        continue;
                struct sl_kafka_cfg cfg = {.worker = t->worker, .connector = &t->config};
                snprintf(client_id, sizeof(client_id), "connector-adminclient-%.200s-%u", t->connector, t->id);
                SL_TRY(sl_admin_new(&cfg, client_id, &l->own_admin, err));
                l->admin = l->own_admin;
        }
        return SL_OK;
}

static void open_boundary(struct line *l)
{
        static const char key[] = "transaction.boundary.interval.ms";
        const char *worker = sl_props_get(l->t->worker, "offset.flush.interval.ms");
        l->rule = sl_source_boundary(&l->common, &l->t->config);
        l->rule_ms = l->common.boundary_ms;
        if (!sl_props_get(&l->t->config, key) && (!worker || !sl_parse_i64(sl_str_c(worker), &l->rule_ms)))
                l->rule_ms = 60000;
}

static enum sl_rc open_policy(struct line *l, struct sl_err *err)
{
        SL_TRY(sl_errpolicy_new(l->t, &l->common, &l->policy, err));
        struct sl_errpolicy_hooks hooks = {.send = send_letter, .describe = describe, .arg = l};
        sl_errpolicy_hook(l->policy, &hooks);
        return SL_OK;
}

static enum sl_rc open_source(struct line *l, const char *offset, struct sl_err *err)
{
        struct sl_task *t = l->t;
        struct sl_task_env *env = sl_arena_zalloc(&l->arena, sizeof(*env));
        *env = (struct sl_task_env){.connector = t->connector,
                                    .task = t->id,
                                    .metric_labels = t->metric_labels,
                                    .stop = &t->halt,
                                    .dead_letters = sl_errpolicy_dead_letters(l->policy)};
        l->source = sl_arena_zalloc(&l->arena, t->source->task_size);
        l->source_open = true;
        sl_info("starting from %s", offset ? offset : "no stored offset");
        return t->source->open(l->source, l->cfg, env, offset, err);
}

/* Order matters: the producer's init fences a dead owner and finishes its transaction, only then is the newest offset final. */
static enum sl_rc open_line(struct line *l, struct sl_err *err)
{
        struct sl_task *t = l->t;
        const struct sl_source_ops *ops = t->source;
        SL_TRY(sl_task_parse(t, sl_source_common_defs, ops->config, ops->config_size, &l->arena, &l->common, &l->cfg, err));
        open_boundary(l);
        if (t->may_open)
                SL_TRY(t->may_open(t->on_state_arg, err));
        SL_TRY(open_admin(l, err));
        SL_TRY(open_policy(l, err));
        SL_TRY(sl_topics_new(t, &l->common, l->admin, &l->topics, err));
        SL_TRY(sl_chain_new(t->plugins, &t->config, &l->common, &l->chain, err));
        SL_TRY(sl_codec_open(&l->codec, &(struct sl_converter_env){tick, l}, t->worker, &t->config, err));
        SL_TRY(ops->partition(l->cfg, t->connector, &l->partition, err));
        sl_offset_key(t->connector, (struct sl_str){l->partition.ptr, l->partition.len}, &l->offset_key);
        if (l->common.offsets_topic && strcmp(l->common.offsets_topic, sl_offset_topic(t->worker)) == 0)
                l->common.offsets_topic = NULL; /* as good as not set */
        l->offset_topic = sl_str_c(l->common.offsets_topic ? l->common.offsets_topic : sl_offset_topic(t->worker));
        SL_TRY(sl_in_stage(open_producer(l, err), SL_STAGE_KAFKA_PRODUCE, err));
        bool found = false;
        SL_TRY(sl_offset_load(t, l->admin, l->common.offsets_topic, (struct sl_str){l->partition.ptr, l->partition.len},
                              &l->offset_value, &found, err));
        return open_source(l, found ? sl_arena_strdup(&l->arena, sl_buf_cstr(&l->offset_value)) : NULL, err);
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
        if (l->polled)
                sl_taskstats_active(l->t->stats, 0);
        if (l->offset_in_flight) /* at-least-once: it never arrived */
                sl_taskstats_commit(l->t->stats, (sl_mono_ms() - l->committed_ms) * 1000, false);
        if (l->source_open)
                l->t->source->close(l->source);
        struct sl_err why = {0};
        if (l->mirror && sl_producer_flush(l->mirror, MIRROR_MS, &why) != SL_OK)
                drop_mirror(l, &why);
        sl_producer_free(l->mirror);
        sl_producer_free(l->producer);
        sl_codec_close(&l->codec);
        sl_chain_free(l->chain);
        sl_errpolicy_free(l->policy);
        sl_topics_free(l->topics);
        sl_map_free(&l->seen, free);
        sl_admin_free(l->own_admin);
        sl_ledger_free(&l->ledger);
        sl_batch_free(&l->batch);
        sl_buf_free(&l->partition);
        sl_buf_free(&l->offset_key);
        sl_buf_free(&l->offset_value);
        sl_rowout_free(&l->out);
        free(l->latency);
        sl_arena_free(&l->arena);
}

/* Two things end like this: another producer with our transactional id, and a transaction that took too long. */
static void explain_fence(const struct line *l, struct sl_err *err)
{
        if (err->id != SL_E_KAFKA_FENCED || !l->in_txn || sl_mono_ms() - l->txn_started_ms < sl_producer_txn_timeout(l->producer))
                return;
        sl_err_prefix(err,
                      "The task %s-%u was unable to finish writing records to Kafka before its producer transaction expired. "
                      "Raise producer.override.transaction.timeout.ms, make transactions shorter (transaction.boundary=poll, or "
                      "a lower transaction.boundary.interval.ms), or give the producer more throughput",
                      l->t->connector, l->t->id);
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
                if (rc != SL_OK)
                        explain_fence(&l, err);
        }
        close_line(&l);
        return rc;
}
