/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of partitions over librdkafka's simple consumer: one queue for all of them, and no group. The messages of a batch are
 * destroyed when the next one is asked for. A range that begins where retention has removed records begins at the first that is
 * left. Brokers that go away while something is to be read are waited for, up to the time limit. */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/log.h"
#include "kafka/kconf.h"
#include "kafka/packed.h"
#include "kafka/reader.h"

#define CHUNK 512
#define STEP_MS 100
#define TIMEOUT_MS 30000

struct sl_reader {
        rd_kafka_t *rk;
        rd_kafka_topic_t *topic;
        rd_kafka_queue_t *queue;
        struct sl_reader_part *parts;
        uint32_t count, open; /* open: not done */
        bool no_headers;
        int timeout_ms;
        int64_t alive_ms; /* when something was last heard */
        const atomic_bool *stop;
        struct sl_err failure;
        char *name;
        uint32_t held;
        rd_kafka_message_t *chunk[CHUNK];
        struct sl_kmsg out[CHUNK];
        struct sl_kheader *headers; /* of all messages of the chunk, one behind the other */
        uint32_t header_cap, header_count;
};

/* ---- what is to be read ---- */

static struct sl_reader_part *find_part(const struct sl_reader *r, int32_t id)
{
        uint32_t low = 0, high = r->count;
        while (low < high) {
                uint32_t mid = (low + high) / 2;
                if (r->parts[mid].id == id)
                        return &r->parts[mid];
                if (r->parts[mid].id < id)
                        low = mid + 1;
                else
                        high = mid;
        }
        return NULL;
}

static int by_id(const void *a, const void *b)
{
        int32_t x = ((const struct sl_reader_part *)a)->id, y = ((const struct sl_reader_part *)b)->id;
        return x < y ? -1 : x > y;
}

static enum sl_rc choose(struct sl_reader *r, const struct sl_reader_opts *o, struct sl_err *err)
{
        int32_t n = 0;
        SL_TRY(sl_admin_topic_partitions(o->admin, o->topic, r->timeout_ms, &n, err));
        if (n <= 0)
                return sl_fail(err, SL_E_KAFKA_FATAL, "There is no topic %s", o->topic);
        r->count = o->ranges ? o->range_count : (uint32_t)n;
        r->parts = sl_calloc(r->count + 1, sizeof(*r->parts));
        for (uint32_t i = 0; i < r->count; i++) {
                r->parts[i] = o->ranges ? o->ranges[i] : (struct sl_reader_part){.id = (int32_t)i, .begin = -1, .end = -1};
                if (r->parts[i].id < 0 || r->parts[i].id >= n)
                        return sl_fail(err, SL_E_KAFKA_FATAL, "Topic %s has no partition %d: it has %d", o->topic, r->parts[i].id, n);
        }
        qsort(r->parts, r->count, sizeof(*r->parts), by_id);
        for (uint32_t i = 1; i < r->count; i++)
                if (r->parts[i].id == r->parts[i - 1].id)
                        return sl_fail(err, SL_E_KAFKA_FATAL, "Partition %d is given twice", r->parts[i].id);
        return SL_OK;
}

/* Ends first: what comes after them belongs to the next reader. */
static enum sl_rc freeze(struct sl_reader *r, const struct sl_reader_opts *o, struct sl_err *err)
{
        int32_t *ids = sl_malloc((r->count + 1) * sizeof(*ids));
        int64_t *at = sl_malloc((r->count + 1) * 4 * sizeof(*at)), *low = at, *stable = at + r->count, *high = stable + r->count,
                *since = high + r->count;
        for (uint32_t i = 0; i < r->count; i++)
                ids[i] = r->parts[i].id;
        enum sl_rc rc = r->count ? sl_admin_list_offsets(o->admin, o->topic, ids, r->count, SL_AT_LATEST, true, r->timeout_ms,
                                                         stable, err)
                                 : SL_OK;
        if (rc == SL_OK && r->count)
                rc = sl_admin_list_offsets(o->admin, o->topic, ids, r->count, SL_AT_LATEST, false, r->timeout_ms, high, err);
        if (rc == SL_OK && r->count)
                rc = sl_admin_list_offsets(o->admin, o->topic, ids, r->count, SL_AT_EARLIEST, false, r->timeout_ms, low, err);
        if (rc == SL_OK && r->count && o->since_ms > 0)
                rc = sl_admin_list_offsets(o->admin, o->topic, ids, r->count, o->since_ms, false, r->timeout_ms, since, err);
        for (uint32_t i = 0; i < r->count && rc == SL_OK; i++) {
                struct sl_reader_part *p = &r->parts[i];
                p->high = high[i];
                if (p->end < 0 || p->end > stable[i])
                        p->end = stable[i];
                if (p->begin < low[i])
                        p->begin = low[i];
                if (o->since_ms > 0 && (since[i] < 0 || since[i] > p->begin))
                        p->begin = since[i] < 0 ? p->end : since[i];
                p->next = p->begin;
                p->done = p->begin >= p->end;
                r->open += !p->done;
        }
        free(ids);
        free(at);
        return rc;
}

/* ---- the client ---- */

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
        struct sl_reader *r = opaque;
        enum sl_rc ignored = SL_OK;

        (void)rk;
        if (sl_kafka_no_token(code, reason))
                return;
        if ((code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL) && r->failure.id == SL_E_NONE)
                ignored = sl_kafka_fail(&r->failure, (rd_kafka_resp_err_t)code, "%s", reason);
        (void)ignored; /* kept in r->failure */
}

static enum sl_rc new_client(struct sl_reader *r, const struct sl_reader_opts *o, struct sl_err *err)
{
        /* librdkafka counts the bytes of values only, and a dead letter is mostly headers: the number of messages bounds what is read
         * ahead. It lasts for some milliseconds, so a full queue is looked at again after one. A fetch is small against the queue, so
         * that the next one is on its way while there is still something to do, and its memory is used again while it is in the cache. */
        static const char *const forced[] = {"enable.partition.eof",     "true",
                                             "isolation.level",          "read_committed",
                                             "auto.offset.reset",        "earliest",
                                             "allow.auto.create.topics", "false",
                                             "queued.min.messages",      "3000",
                                             "fetch.queue.backoff.ms",   "1",
                                             "queued.max.messages.kbytes", "8192",
                                             "fetch.message.max.bytes",  "1048576",
                                             "fetch.max.bytes",          "1048576",
                                             "message.max.bytes",        "1000000", /* an override may have more, which librdkafka refuses */
                                             "fetch.wait.max.ms",        "50",
                                             NULL};
        rd_kafka_conf_t *conf;
        char why[512];

        SL_TRY(sl_kconf_new(&o->cfg, SL_K_CONSUMER, o->client_id, &conf, err));
        for (size_t i = 0; forced[i]; i += 2)
                if (rd_kafka_conf_set(conf, forced[i], forced[i + 1], why, sizeof(why)) != RD_KAFKA_CONF_OK) {
                        rd_kafka_conf_destroy(conf);
                        return sl_fail(err, SL_E_INTERNAL, "%s=%s: %s", forced[i], forced[i + 1], why);
                }
        rd_kafka_conf_set_error_cb(conf, on_error);
        rd_kafka_conf_set_opaque(conf, r);
        r->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
        if (!r->rk) {
                rd_kafka_conf_destroy(conf);
                return sl_kafka_refused(err, "consumer", why);
        }
        return SL_OK;
}

static enum sl_rc start(struct sl_reader *r, const struct sl_reader_opts *o, struct sl_err *err)
{
        if (!r->open)
                return SL_OK;
        SL_TRY(new_client(r, o, err));
        r->queue = rd_kafka_queue_new(r->rk);
        r->topic = rd_kafka_topic_new(r->rk, o->topic, NULL);
        if (!r->topic)
                return sl_kafka_fail(err, rd_kafka_last_error(), "Topic %s can't be read", o->topic);
        for (uint32_t i = 0; i < r->count; i++)
                if (!r->parts[i].done &&
                    rd_kafka_consume_start_queue(r->topic, r->parts[i].id, r->parts[i].begin, r->queue) != 0)
                        return sl_kafka_fail(err, rd_kafka_last_error(), "%s-%d can't be read", o->topic, r->parts[i].id);
        r->alive_ms = sl_mono_ms();
        return SL_OK;
}

enum sl_rc sl_reader_open(const struct sl_reader_opts *opts, struct sl_reader **ret, struct sl_err *err)
{
        struct sl_reader *r = sl_calloc(1, sizeof(*r));

        r->timeout_ms = opts->timeout_ms ? opts->timeout_ms : TIMEOUT_MS;
        r->stop = opts->stop;
        r->no_headers = opts->no_headers;
        r->name = sl_strdup(opts->topic);
        enum sl_rc rc = choose(r, opts, err);
        if (rc == SL_OK)
                rc = freeze(r, opts, err);
        if (rc == SL_OK)
                rc = start(r, opts, err);
        if (rc != SL_OK) {
                sl_reader_close(r);
                return rc;
        }
        *ret = r;
        return SL_OK;
}

static void let_go(struct sl_reader *r)
{
        for (uint32_t i = 0; i < r->held; i++)
                rd_kafka_message_destroy(r->chunk[i]);
        r->held = 0;
        r->header_count = 0;
}

void sl_reader_close(struct sl_reader *r)
{
        if (!r)
                return;
        let_go(r);
        for (uint32_t i = 0; r->topic && i < r->count; i++)
                rd_kafka_consume_stop(r->topic, r->parts[i].id);
        if (r->queue)
                rd_kafka_queue_destroy(r->queue);
        if (r->topic)
                rd_kafka_topic_destroy(r->topic);
        if (r->rk)
                rd_kafka_destroy(r->rk);
        free(r->parts);
        free(r->headers);
        free(r->name);
        free(r);
}

/* ---- reading ---- */

/* All of the partition up to next is read. */
static void moved(struct sl_reader *r, struct sl_reader_part *p, int64_t next)
{
        if (next > p->next)
                p->next = next;
        if (p->done || p->next < p->end)
                return;
        p->done = true;
        r->open--;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, r->name, p->id);
        rd_kafka_pause_partitions(r->rk, list); /* what comes behind its end is not for us */
        rd_kafka_topic_partition_list_destroy(list);
}

/* A message that carries an error instead of a record. What passes by itself is waited for. */
static void error_message(struct sl_reader *r, const rd_kafka_message_t *m)
{
        struct sl_reader_part *p = find_part(r, m->partition);
        struct sl_err why = {0};

        if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                r->alive_ms = sl_mono_ms();
                if (p)
                        moved(r, p, m->offset);
                return;
        }
        if (sl_kafka_fail(&why, m->err, "Topic %s can't be read: %s", r->name, rd_kafka_message_errstr(m)) == SL_FATAL &&
            r->failure.id == SL_E_NONE)
                r->failure = why;
}

static void take_headers(struct sl_reader *r, struct sl_kmsg *out, rd_kafka_message_t *m)
{
        const void *packed = NULL;
        size_t size = 0;

        out->header_count = 0;
        out->headers = NULL;
        if (r->no_headers)
                return;
        rd_kafka_message_packed_headers(m, &packed, &size);
        struct sl_str bytes = {packed, size};
        uint32_t n = sl_headers_count(bytes);
        if (r->header_count + n > r->header_cap) {
                r->header_cap = (r->header_count + n) * 2;
                r->headers = sl_realloc(r->headers, r->header_cap * sizeof(*r->headers));
        }
        if (!n || !sl_headers_unpack(bytes, r->headers + r->header_count, n))
                return;
        out->header_count = n;
        r->header_count += n;
}

/* The array of headers may have moved while it grew: the pointers are set at the end. */
static void point_at_headers(struct sl_reader *r, uint32_t n)
{
        const struct sl_kheader *h = r->headers;

        for (uint32_t i = 0; i < n; i++) {
                r->out[i].headers = r->out[i].header_count ? h : NULL;
                h += r->out[i].header_count;
        }
}

static void fill(struct sl_reader *r, struct sl_kmsg *out, rd_kafka_message_t *m)
{
        rd_kafka_timestamp_type_t type;
        int64_t timestamp = rd_kafka_message_timestamp(m, &type);

        out->partition = m->partition;
        out->offset = m->offset;
        out->timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp;
        out->log_append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
        out->key = (struct sl_str){m->key, m->key ? m->key_len : 0};
        out->value = (struct sl_str){m->payload, m->payload ? m->len : 0};
        take_headers(r, out, m);
}

/* Another thread wrote them: what comes after the next one is fetched into this core's cache meanwhile. Headers stand behind the value. */
static void look_ahead(const rd_kafka_message_t *m)
{
        const char *behind = m->payload ? (const char *)m->payload + m->len : m->key;
        for (size_t i = 0; i < 512 && behind; i += 64)
                __builtin_prefetch(behind + i);
}

static uint32_t take(struct sl_reader *r, uint32_t got)
{
        struct sl_reader_part *p = NULL;
        uint32_t n = 0;

        r->held = got;
        for (uint32_t i = 0; i < got; i++) {
                rd_kafka_message_t *m = r->chunk[i];
                if (i + 4 < got) {
                        __builtin_prefetch(r->chunk[i + 4]);
                        look_ahead(r->chunk[i + 2]);
                }
                if (sl_unlikely(m->err)) {
                        error_message(r, m);
                        continue;
                }
                if (!p || p->id != m->partition)
                        p = find_part(r, m->partition);
                if (p && !p->done && m->offset < p->end && m->offset >= p->begin)
                        fill(r, &r->out[n++], m);
                if (p)
                        moved(r, p, m->offset + 1);
        }
        point_at_headers(r, n);
        return n;
}

/* Behind the last record of a range there may be only what is never delivered. */
static void look_at_positions(struct sl_reader *r)
{
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)r->count);

        for (uint32_t i = 0; i < r->count; i++)
                rd_kafka_topic_partition_list_add(list, r->name, r->parts[i].id);
        if (rd_kafka_position(r->rk, list) == RD_KAFKA_RESP_ERR_NO_ERROR)
                for (uint32_t i = 0; i < r->count; i++)
                        if (!r->parts[i].done && !list->elems[i].err && list->elems[i].offset > r->parts[i].next)
                                moved(r, &r->parts[i], list->elems[i].offset);
        rd_kafka_topic_partition_list_destroy(list);
}

static enum sl_rc waited_too_long(struct sl_reader *r, struct sl_err *err)
{
        const struct sl_reader_part *p = r->parts;

        while (p->done)
                p++;
        return sl_fail(err, SL_E_KAFKA_UNREACHABLE,
                       "%s-%d could not be read to its end: at offset %lld of %lld nothing has come for %d s", r->name, p->id,
                       (long long)p->next, (long long)p->end, r->timeout_ms / 1000);
}

static enum sl_rc idle(struct sl_reader *r, struct sl_err *err)
{
        rd_kafka_poll(r->rk, 0);
        look_at_positions(r);
        if (r->failure.id != SL_E_NONE) {
                if (err && err->id == SL_E_NONE)
                        *err = r->failure;
                return r->failure.rc;
        }
        if (r->stop && atomic_load_explicit(r->stop, memory_order_relaxed))
                return sl_fail(err, SL_E_STOPPED, "stopped");
        return r->open && sl_mono_ms() - r->alive_ms > r->timeout_ms ? waited_too_long(r, err) : SL_OK;
}

enum sl_rc sl_reader_next(struct sl_reader *r, const struct sl_kmsg **ret, uint32_t *ret_n, struct sl_err *err)
{
        uint32_t n = 0;

        let_go(r);
        while (r->open && !n) {
                /* A batch read waits until it is full: the first message alone, then what lies behind it. */
                ssize_t got = rd_kafka_consume_batch_queue(r->queue, 0, r->chunk, CHUNK);
                if (got <= 0)
                        got = rd_kafka_consume_batch_queue(r->queue, STEP_MS, r->chunk, 1);
                if (got <= 0) {
                        SL_TRY(idle(r, err));
                        continue;
                }
                n = take(r, (uint32_t)got);
                if (n)
                        r->alive_ms = sl_mono_ms();
                else
                        let_go(r);
                if (r->failure.id != SL_E_NONE || (r->stop && atomic_load_explicit(r->stop, memory_order_relaxed)))
                        SL_TRY(idle(r, err));
        }
        *ret = r->out;
        *ret_n = n;
        return SL_OK;
}

const struct sl_reader_part *sl_reader_parts(const struct sl_reader *r, uint32_t *ret_n)
{
        *ret_n = r->count;
        return r->parts;
}
