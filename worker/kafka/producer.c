/* SPDX-License-Identifier: Apache-2.0 */
/* The producer of a task over librdkafka: topic handles kept, delivery reports by callback, transactions in steps.
 * With transactions only failures are reported (librdkafka frees delivered messages in its own threads), so what wakes
 * a waiting sender is an acknowledgement interceptor that counts bytes. An idempotent producer has one request a
 * partition in flight, and librdkafka's broker thread spins while messages older than linger.ms wait behind it. So
 * transactions have a long linger (full batches and the commit don't wait for it), and commit lets the queue drain
 * before it asks for the flush, which counts as no linger at all. Does not decide what to do about a failure, and keeps
 * no rows: the line above does. */
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/map.h"
#include "kafka/aside.h"
#include "kafka/kconf.h"
#include "kafka/kstats.h"
#include "kafka/packed.h"
#include "kafka/producer.h"

#define STEP_MS 1000
#define INIT_LIMIT_MS 60000
#define DEFAULT_QUEUE_BYTES (32u << 20)
#define MESSAGE_OVERHEAD 200 /* what a message counts beyond key and value */
#define TXN_LINGER_MS 500
#define DRAIN_BYTES (1 << 20) /* what commit leaves to the flush: about one batch */
#define DRAIN_PATIENCE_MS 20

/* Tried in turn when the broker's transaction.max.timeout.ms is lower and the user set nothing. */
static const int txn_timeouts_ms[] = {900000, 300000, 60000, 10000};

struct sl_producer {
        rd_kafka_t *rk;
        rd_kafka_conf_t *conf; /* kept until init has succeeded: a lower timeout needs a new handle */
        rd_kafka_queue_t *queue;
        struct sl_map topics; /* name -> rd_kafka_topic_t * */
        struct sl_str last_name;
        rd_kafka_topic_t *last_topic;
        struct sl_buf headers; /* packed, of the record being sent */
        int fd;
        bool transactional;
        bool aborting;       /* purged messages are no failures */
        bool timeout_given;  /* transaction.timeout.ms is the user's */
        uint32_t timeout_at; /* index into txn_timeouts_ms */
        int64_t txn_timeout_ms;
        int64_t queue_bytes;
        int64_t sent_bytes;
        _Atomic int64_t acked_bytes; /* of sent_bytes, delivered or failed; written in librdkafka's threads */
        _Atomic int64_t wake_at;     /* acked_bytes at which the fd is written; INT64_MAX: nobody waits */
        struct sl_kstats *stats;
        struct sl_err failure;       /* the first delivery or client failure */
        void (*delivered)(void *arg, uint64_t cookie, bool ok);
        void *delivered_arg;
        enum sl_rc (*tick)(void *arg, struct sl_err *err);
        void *tick_arg;
};

/* --- Callbacks -------------------------------------------------------------------------------------------------------
 */

/* In our thread, from poll, flush, commit and abort. */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
        struct sl_producer *p = opaque;

        (void)rk;
        if (p->delivered)
                p->delivered(p->delivered_arg, (uint64_t)(uintptr_t)m->_private, m->err == RD_KAFKA_RESP_ERR_NO_ERROR);
        if (sl_likely(!m->err))
                return;
        if (p->aborting || m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
                return;
        sl_kstats_error(p->stats);
        enum sl_rc ignored = sl_kafka_fail(&p->failure, m->err, "A record could not be written to topic %s",
                                           rd_kafka_topic_name(m->rkt));
        (void)ignored; /* kept in p->failure */
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
        struct sl_producer *p = opaque;
        enum sl_rc ignored = SL_OK;
        char text[512];

        if (code == RD_KAFKA_RESP_ERR__FATAL) {
                rd_kafka_resp_err_t cause = rd_kafka_fatal_error(rk, text, sizeof(text));
                ignored = sl_kafka_fail(&p->failure, cause, "The producer can't go on: %s", text);
                if (p->failure.id == SL_E_KAFKA) { /* the code alone looks harmless, but the handle is dead */
                        sl_err_clear(&p->failure);
                        ignored = sl_fail(&p->failure, SL_E_KAFKA_FATAL, "The producer can't go on: %s", text);
                }
        } else if (sl_kafka_no_token(code, reason)) {
                return;
        } else if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL) {
                ignored = sl_kafka_fail(&p->failure, (rd_kafka_resp_err_t)code, "%s", reason);
        }
        (void)ignored; /* kept in p->failure */
}

static int on_stats(rd_kafka_t *rk, char *json, size_t len, void *opaque)
{
        struct sl_producer *p = opaque;

        (void)rk;
        sl_kstats_update(p->stats, json, len);
        return 0; /* librdkafka frees the text */
}

static int64_t cost(size_t key_len, size_t value_len)
{
        return (int64_t)(key_len + value_len) + MESSAGE_OVERHEAD;
}

/* In librdkafka's threads. */
static rd_kafka_resp_err_t on_acknowledgement(rd_kafka_t *rk, rd_kafka_message_t *m, void *opaque)
{
        struct sl_producer *p = opaque;

        (void)rk;
        int64_t n = cost(m->key_len, m->len);
        int64_t acked = atomic_fetch_add_explicit(&p->acked_bytes, n, memory_order_relaxed) + n;
        if (sl_unlikely(acked >= atomic_load_explicit(&p->wake_at, memory_order_relaxed)) &&
            atomic_exchange(&p->wake_at, INT64_MAX) != INT64_MAX) {
                uint64_t one = 1;
                ssize_t written = write(p->fd, &one, sizeof(one));
                (void)written; /* a full counter is readable as well */
        }
        return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque, char *text, size_t room)
{
        (void)conf, (void)text, (void)room;
        return rd_kafka_interceptor_add_on_acknowledgement(rk, "room", on_acknowledgement, opaque);
}

/* --- Life ------------------------------------------------------------------------------------------------------------
 */

static enum sl_rc conf_set(rd_kafka_conf_t *conf, const char *key, const char *value, struct sl_err *err)
{
        char why[256];

        if (rd_kafka_conf_set(conf, key, value, why, sizeof(why)) != RD_KAFKA_CONF_OK)
                return sl_fail(err, SL_E_CONFIG, "Invalid value %s for the producer's %s: %s", value, key, why);
        return SL_OK;
}

static enum sl_rc conf_set_int(rd_kafka_conf_t *conf, const char *key, int64_t value, struct sl_err *err)
{
        char text[32];

        snprintf(text, sizeof(text), "%ld", value);
        return conf_set(conf, key, text, err);
}

static int64_t conf_get_int(const rd_kafka_conf_t *conf, const char *key)
{
        char text[64];
        size_t room = sizeof(text);

        return rd_kafka_conf_get(conf, key, text, &room) == RD_KAFKA_CONF_OK ? strtoll(text, NULL, 10) : 0;
}

/* A transaction's timeouts: no message and no connection may outlive it, or librdkafka refuses the configuration. */
static enum sl_rc set_txn_timeout(struct sl_producer *p, int64_t ms, struct sl_err *err)
{
        int64_t message_ms = conf_get_int(p->conf, "message.timeout.ms");

        p->txn_timeout_ms = ms;
        SL_TRY(conf_set_int(p->conf, "transaction.timeout.ms", ms, err));
        if (message_ms == 0 || message_ms > ms)
                SL_TRY(conf_set_int(p->conf, "message.timeout.ms", ms, err));
        if (conf_get_int(p->conf, "socket.timeout.ms") > ms)
                SL_TRY(conf_set_int(p->conf, "socket.timeout.ms", ms, err));
        return SL_OK;
}

/* The key as the user may have written it, in either layer. */
static bool user_set(const struct sl_kafka_cfg *cfg, const char *key)
{
        char name[128];

        snprintf(name, sizeof(name), "producer.%s", key);
        if (cfg->worker && sl_props_get(cfg->worker, name))
                return true;
        snprintf(name, sizeof(name), "producer.override.%s", key);
        return cfg->connector && sl_props_get(cfg->connector, name);
}

static enum sl_rc configure(struct sl_producer *p, const struct sl_producer_opts *opts, struct sl_err *err)
{
        size_t bytes = opts->queue_bytes ? opts->queue_bytes : DEFAULT_QUEUE_BYTES;

        SL_TRY(sl_kconf_new(&opts->cfg, SL_K_PRODUCER, opts->client_id, &p->conf, err));
        int64_t kb = (int64_t)(bytes / 1024), given_kb = conf_get_int(p->conf, "queue.buffering.max.kbytes");
        int64_t message_kb = conf_get_int(p->conf, "message.max.bytes") / 1024 + 1;
        kb = kb > given_kb ? given_kb : kb < 1 ? 1 : kb;
        kb = kb < message_kb ? message_kb : kb; /* a queue without room for the largest message would be full for good */
        SL_TRY(conf_set_int(p->conf, "queue.buffering.max.kbytes", kb, err));
        p->queue_bytes = kb * 1024;
        if (opts->batch_bytes)
                SL_TRY(conf_set_int(p->conf, "batch.size", opts->batch_bytes, err));
        if (opts->record_bytes)
                SL_TRY(conf_set_int(p->conf, "message.max.bytes", opts->record_bytes, err));
        if (opts->plain && !p->transactional) {
                SL_TRY(conf_set(p->conf, "enable.idempotence", "false", err));
                SL_TRY(conf_set(p->conf, "max.in.flight.requests.per.connection", "1", err));
                SL_TRY(conf_set(p->conf, "acks", "all", err));
        }
        if (p->transactional) {
                SL_TRY(conf_set(p->conf, "transactional.id", opts->transactional_id, err));
                SL_TRY(conf_set(p->conf, "delivery.report.only.error", "true", err));
                if (!user_set(&opts->cfg, "linger.ms"))
                        SL_TRY(conf_set_int(p->conf, "linger.ms", TXN_LINGER_MS, err));
                p->timeout_given = opts->txn_timeout_ms || user_set(&opts->cfg, "transaction.timeout.ms");
                int64_t ms = opts->txn_timeout_ms ? opts->txn_timeout_ms
                             : p->timeout_given   ? conf_get_int(p->conf, "transaction.timeout.ms")
                                                  : txn_timeouts_ms[0];
                SL_TRY(set_txn_timeout(p, ms, err));
        }
        rd_kafka_conf_set_dr_msg_cb(p->conf, on_delivery);
        rd_kafka_conf_set_error_cb(p->conf, on_error);
        rd_kafka_conf_set_opaque(p->conf, p);
        if (!opts->plain) /* the worker's own are no task's */
                p->stats = sl_kstats_attach(p->conf, SL_K_PRODUCER, opts->cfg.worker, on_stats);
        return SL_OK;
}

static enum sl_rc start(struct sl_producer *p, struct sl_err *err)
{
        rd_kafka_conf_t *conf = rd_kafka_conf_dup(p->conf); /* interceptors are not copied */
        char why[512];
        uint64_t one = 1;

        rd_kafka_conf_interceptor_add_on_new(conf, "room", on_new, p);
        p->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
        if (!p->rk) {
                rd_kafka_conf_destroy(conf);
                return sl_kafka_refused(err, "producer", why);
        }
        p->queue = rd_kafka_queue_get_main(p->rk);
        rd_kafka_queue_io_event_enable(p->queue, p->fd, &one, sizeof(one));
        return SL_OK;
}

static void end(struct sl_producer *p)
{
        struct sl_map_entry *e;

        if (!p->rk)
                return;
        p->aborting = true;
        p->delivered = NULL;
        rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
        for (size_t i = 0; sl_map_next(&p->topics, &i, &e);)
                rd_kafka_topic_destroy(e->value);
        sl_map_free(&p->topics, NULL);
        p->last_topic = NULL;
        rd_kafka_queue_io_event_enable(p->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(p->queue);
        rd_kafka_destroy(p->rk);
        p->rk = NULL;
        p->aborting = false;
}

enum sl_rc sl_producer_new(const struct sl_producer_opts *opts, struct sl_producer **ret, struct sl_err *err)
{
        struct sl_producer *p = sl_calloc(1, sizeof(*p));

        p->transactional = opts->transactional_id != NULL;
        p->delivered = p->transactional ? NULL : opts->delivered;
        p->delivered_arg = opts->delivered_arg;
        p->tick = opts->tick;
        p->tick_arg = opts->tick_arg;
        p->wake_at = INT64_MAX;
        p->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        enum sl_rc rc =
                p->fd < 0 ? sl_fail(err, SL_E_IO, "no file descriptor left for a producer") : configure(p, opts, err);
        if (rc == SL_OK)
                rc = start(p, err);
        if (rc != SL_OK) {
                sl_producer_free(p);
                return rc;
        }
        *ret = p;
        return SL_OK;
}

void sl_producer_free(struct sl_producer *p)
{
        if (!p)
                return;
        end(p);
        if (p->conf)
                rd_kafka_conf_destroy(p->conf);
        if (p->fd >= 0)
                close(p->fd);
        sl_buf_free(&p->headers);
        sl_kstats_free(p->stats);
        free(p);
}

static void end_aside(void *producer)
{
        sl_producer_free(producer);
}

void sl_producer_drop(struct sl_producer *p)
{
        if (!p)
                return;
        if (p->rk)
                rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                              RD_KAFKA_PURGE_F_NON_BLOCKING);
        sl_kafka_aside(end_aside, p);
}

/* --- Transactions ----------------------------------------------------------------------------------------------------
 */

static enum sl_rc failed(const struct sl_producer *p, struct sl_err *err)
{
        if (err && err->id == SL_E_NONE)
                *err = p->failure;
        return p->failure.rc;
}

static enum sl_rc tick(struct sl_producer *p, struct sl_err *err)
{
        return p->tick ? p->tick(p->tick_arg, err) : SL_OK;
}

/* Call a transaction function in steps until it is done. */
static enum sl_rc in_steps(struct sl_producer *p, rd_kafka_error_t *(*call)(rd_kafka_t *, int), int64_t limit_ms,
                           const char *what, struct sl_err *err)
{
        int64_t deadline = sl_mono_ms() + limit_ms;

        for (;;) {
                rd_kafka_error_t *e = call(p->rk, STEP_MS);
                if (!e)
                        return SL_OK;
                if (!rd_kafka_error_is_retriable(e) || rd_kafka_error_is_fatal(e))
                        return sl_kafka_fail_error(err, e, what);
                rd_kafka_poll(p->rk, 0);
                if (p->failure.rc == SL_FATAL || p->failure.id == SL_E_KAFKA_FENCED) {
                        rd_kafka_error_destroy(e);
                        return failed(p, err);
                }
                if (sl_mono_ms() >= deadline)
                        return sl_kafka_fail_error(err, e, what);
                rd_kafka_error_destroy(e);
                SL_TRY(tick(p, err));
        }
}

/* *ret_again: the broker wants a lower transaction timeout, and there is one to try. */
static enum sl_rc init_once(struct sl_producer *p, bool *ret_again, struct sl_err *err)
{
        struct sl_err why = {0};
        enum sl_rc rc = in_steps(p, rd_kafka_init_transactions, INIT_LIMIT_MS,
                                 "Timed out or failed while initialising transactions", &why);

        *ret_again = false;
        if (rc == SL_OK)
                return SL_OK;
        if (why.native == RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT) {
                *ret_again =
                        !p->timeout_given && p->timeout_at + 1 < sizeof(txn_timeouts_ms) / sizeof(*txn_timeouts_ms);
                if (!*ret_again)
                        return sl_fail(
                                err, SL_E_CONFIG,
                                "transaction.timeout.ms=%ld is larger than the brokers' "
                                "transaction.max.timeout.ms: set a lower producer.override.transaction.timeout.ms",
                                p->txn_timeout_ms);
        }
        if (why.native == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED) {
                char id[300] = "", text[400];
                size_t size = sizeof(id);
                rd_kafka_conf_get(p->conf, "transactional.id", id, &size);
                snprintf(text, sizeof(text), ": WRITE on the transactional id %s is needed", id);
                sl_err_detail(&why, text);
        }
        if (err && err->id == SL_E_NONE)
                *err = why;
        return rc;
}

enum sl_rc sl_producer_init(struct sl_producer *p, struct sl_err *err)
{
        for (;;) {
                bool again;
                struct sl_err why = {0};
                enum sl_rc rc = init_once(p, &again, &why);
                if (rc == SL_OK)
                        break;
                if (!again) {
                        if (err && err->id == SL_E_NONE)
                                *err = why;
                        return rc;
                }
                end(p); /* the error is fatal for the handle */
                sl_err_clear(&p->failure);
                SL_TRY(set_txn_timeout(p, txn_timeouts_ms[++p->timeout_at], err));
                SL_TRY(start(p, err));
        }
        rd_kafka_conf_destroy(p->conf);
        p->conf = NULL;
        return SL_OK;
}

enum sl_rc sl_producer_begin(struct sl_producer *p, struct sl_err *err)
{
        rd_kafka_error_t *e = rd_kafka_begin_transaction(p->rk);

        return e ? sl_kafka_fail_error(err, e, "A Kafka transaction could not begin") : SL_OK;
}

/* Sleep while full batches go out; ends early when nothing moves. */
static enum sl_rc drain(struct sl_producer *p, struct sl_err *err)
{
        int64_t target = p->sent_bytes - DRAIN_BYTES, before = -1, acked;
        int64_t next_tick = sl_mono_ms() + STEP_MS;

        while ((acked = atomic_load(&p->acked_bytes)) < target && acked != before && p->failure.id == SL_E_NONE) {
                struct pollfd wait = {.fd = p->fd, .events = POLLIN};
                before = acked;
                atomic_store(&p->wake_at, target);
                if (poll(&wait, 1, DRAIN_PATIENCE_MS) > 0)
                        sl_producer_fd_clear(p);
                rd_kafka_poll(p->rk, 0);
                if (sl_mono_ms() >= next_tick) {
                        next_tick += STEP_MS;
                        SL_TRY(tick(p, err));
                }
        }
        return SL_OK;
}

enum sl_rc sl_producer_commit(struct sl_producer *p, struct sl_err *err)
{
        struct sl_err why = {0};

        SL_TRY(drain(p, err));
        enum sl_rc rc = in_steps(p, rd_kafka_commit_transaction, p->txn_timeout_ms + INIT_LIMIT_MS,
                                 "The Kafka transaction could not be committed", &why);

        if (rc == SL_OK)
                return SL_OK;
        /* A record that can never be written says more than "must be aborted". */
        if (why.id == SL_E_KAFKA_ABORT && p->failure.rc == SL_FATAL)
                return failed(p, err);
        if (err && err->id == SL_E_NONE)
                *err = why;
        return rc;
}

enum sl_rc sl_producer_abort(struct sl_producer *p, struct sl_err *err)
{
        p->aborting = true;
        enum sl_rc rc = in_steps(p, rd_kafka_abort_transaction, p->txn_timeout_ms + INIT_LIMIT_MS,
                                 "The Kafka transaction could not be aborted", err);
        p->aborting = false;
        if (rc == SL_OK)
                sl_err_clear(&p->failure);
        return rc;
}

/* --- Records ---------------------------------------------------------------------------------------------------------
 */

static enum sl_rc find_topic(struct sl_producer *p, struct sl_str name, struct sl_err *err)
{
        rd_kafka_topic_t *topic = sl_map_get(&p->topics, name);

        if (!topic) {
                char *text = sl_strndup(name.ptr, name.len);
                topic = rd_kafka_topic_new(p->rk, text, NULL);
                enum sl_rc rc =
                        topic ? SL_OK : sl_kafka_fail(err, rd_kafka_last_error(), "Topic %s can't be written", text);
                free(text);
                if (rc != SL_OK)
                        return rc;
                sl_map_put(&p->topics, name, topic);
        }
        p->last_topic = topic;
        p->last_name = sl_str_c(rd_kafka_topic_name(topic));
        return SL_OK;
}

enum sl_rc sl_producer_expect(struct sl_producer *p, struct sl_str topic, struct sl_str key, struct sl_err *err)
{
        if (!p->last_topic || !sl_str_eq(p->last_name, topic))
                SL_TRY(find_topic(p, topic, err));
        rd_kafka_txn_expect(p->last_topic, key.ptr, key.len);
        return SL_OK;
}

/* Returns librdkafka's code. */
static rd_kafka_resp_err_t produce(struct sl_producer *p, const struct sl_message *m)
{
        struct sl_str packed = m->packed;

        if (!packed.len && m->header_count) {
                sl_headers_pack(&p->headers, m->headers, m->header_count);
                if (sl_unlikely(!sl_buf_ok(&p->headers))) {
                        sl_buf_free(&p->headers);
                        return RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
                }
                packed = (struct sl_str){p->headers.ptr, p->headers.len};
        }
        return rd_kafka_produce_packed(p->last_topic, m->partition, m->value.ptr, m->value.len, m->key.ptr, m->key.len,
                                       packed.ptr, packed.len, m->timestamp_ms < 0 ? 0 : m->timestamp_ms,
                                       (void *)(uintptr_t)m->cookie);
}

static enum sl_rc send_failed(struct sl_producer *p, const struct sl_message *m, rd_kafka_resp_err_t code,
                              bool *ret_full, struct sl_err *err)
{
        char text[512];

        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
                /* A quarter of the queue: a sender that wakes for one message's room would do little else. */
                atomic_store(&p->wake_at, atomic_load(&p->acked_bytes) + p->queue_bytes / 4);
                *ret_full = true;
                return SL_OK;
        }
        if (code == RD_KAFKA_RESP_ERR__FATAL) {
                code = rd_kafka_fatal_error(p->rk, text, sizeof(text));
                return sl_kafka_fail(err, code, "A record can't be written to topic %.*s: %s", SL_FMT(m->topic), text);
        }
        if (code == RD_KAFKA_RESP_ERR__STATE && p->transactional)
                return sl_fail(err, SL_E_KAFKA_ABORT,
                               "A record can't be written to topic %.*s: the transaction has failed", SL_FMT(m->topic));
        return sl_kafka_fail(err, code, "A record of %zu bytes can't be written to topic %.*s",
                             m->key.len + m->value.len, SL_FMT(m->topic));
}

enum sl_rc sl_producer_send(struct sl_producer *p, const struct sl_message *m, bool *ret_full, struct sl_err *err)
{
        *ret_full = false;
        if (sl_unlikely(!p->last_topic || !sl_str_eq(p->last_name, m->topic)))
                SL_TRY(find_topic(p, m->topic, err));
        rd_kafka_resp_err_t code = produce(p, m);
        if (sl_likely(!code)) {
                p->sent_bytes += cost(m->key.len, m->value.len);
                return SL_OK;
        }
        return send_failed(p, m, code, ret_full, err);
}

/* --- Waiting ---------------------------------------------------------------------------------------------------------
 */

static enum sl_rc verdict(struct sl_producer *p, struct sl_err *err)
{
        if (sl_likely(p->failure.id == SL_E_NONE))
                return SL_OK;
        bool final = p->failure.rc == SL_FATAL || p->failure.id == SL_E_KAFKA_FENCED;
        if (p->transactional && !final)
                return sl_fail(err, SL_E_KAFKA_ABORT, "%s", p->failure.msg);
        return failed(p, err);
}

enum sl_rc sl_producer_serve(struct sl_producer *p, int timeout_ms, struct sl_err *err)
{
        if (rd_kafka_poll(p->rk, 0) == 0 && timeout_ms > 0) {
                struct pollfd wait = {.fd = p->fd, .events = POLLIN};
                if (poll(&wait, 1, timeout_ms) > 0)
                        sl_producer_fd_clear(p);
                rd_kafka_poll(p->rk, 0);
        }
        return verdict(p, err);
}

enum sl_rc sl_producer_flush(struct sl_producer *p, int timeout_ms, struct sl_err *err)
{
        int64_t deadline = sl_mono_ms() + timeout_ms;

        for (;;) {
                int64_t left = deadline - sl_mono_ms();
                rd_kafka_resp_err_t code = rd_kafka_flush(p->rk, left < 0 ? 0 : left > STEP_MS ? STEP_MS : (int)left);
                SL_TRY(verdict(p, err));
                if (!code)
                        return SL_OK;
                if (sl_mono_ms() >= deadline)
                        return sl_kafka_fail(err, code, "%d records are not written yet", rd_kafka_outq_len(p->rk));
                SL_TRY(tick(p, err));
        }
}

int sl_producer_fd(const struct sl_producer *p)
{
        return p->fd;
}

void sl_producer_fd_clear(struct sl_producer *p)
{
        uint64_t count;
        ssize_t n = read(p->fd, &count, sizeof(count));
        (void)n; /* empty already: nothing to clear */
}

int64_t sl_producer_txn_timeout(const struct sl_producer *p)
{
        return p->txn_timeout_ms;
}

uint32_t sl_producer_queued(const struct sl_producer *p)
{
        return (uint32_t)rd_kafka_outq_len(p->rk);
}
