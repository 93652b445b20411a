/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer of a sink task over librdkafka's group consumer, read in batches, with the eager rebalance protocols.
 * librdkafka calls back about a rebalance in the middle of reading a batch, when it already holds messages of the
 * partitions that go away. So the callback only notes it; poll acts on it when the read has returned, and drops those
 * messages first. Does not commit by itself, and does not fail when brokers are away: librdkafka reconnects. */
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "kafka/aside.h"
#include "kafka/consumer.h"
#include "kafka/kconf.h"
#include "kafka/kstats.h"
#include "kafka/regex.h"

#define CHUNK 256
#define COMMITTED_MS 10000
#define SEEK_MS 10000
#define CLOSE_MS 2000
#define STOPPED_MS 1500 /* for a commit once the task is to stop */
#define STEP_MS 100

struct rebalance {
        struct rebalance *next;
        rd_kafka_resp_err_t code;
        bool lost;
        rd_kafka_topic_partition_list_t *parts;
};
struct sl_consumer {
        rd_kafka_t *rk;
        rd_kafka_queue_t *queue;
        int fd;
        struct sl_map names; /* interned topic names: name -> char * */
        const char *last_name;
        size_t last_len;
        rd_kafka_topic_partition_list_t *assigned;  /* NULL = none; offset: where it began, or invalid */
        rd_kafka_topic_partition_list_t *assigning; /* while `assigned` runs: seeks change it */
        struct rebalance *pending, **pending_end;
        bool paused, closing, closed;
        rd_kafka_topic_partition_list_t *subscribed;
        const char *own_topic; /* interned; NULL = none */
        bool silent; /* the brokers did not take part in the end */
        size_t lent; /* messages that batches hold: librdkafka's handle can't be destroyed before them */
        struct sl_err failure;
        struct sl_kstats *stats;
        void (*on_assigned)(void *arg, const struct sl_tp_offset *parts, uint32_t n);
        void (*on_revoked)(void *arg, const struct sl_tp *parts, uint32_t n, bool lost);
        void *arg;
        const atomic_bool *stop;
        rd_kafka_message_t *chunk[CHUNK];
};

const char *sl_consumer_intern(struct sl_consumer *c, const char *topic)
{
        struct sl_str name = sl_str_c(topic);
        char *kept = sl_map_get(&c->names, name);

        if (!kept) {
                kept = sl_strdup(topic);
                sl_map_put(&c->names, name, kept);
        }
        return kept;
}

/* --- Rebalances ------------------------------------------------------------------------------------------------------
 */

/* With an end: librdkafka's has none, other bytes follow. The caller frees it. */
static char *metadata_of(const rd_kafka_topic_partition_t *part)
{
        return part->metadata_size ? sl_strndup(part->metadata, part->metadata_size) : NULL;
}

static void call_assigned(struct sl_consumer *c, const rd_kafka_topic_partition_list_t *parts)
{
        struct sl_tp_offset *items = sl_malloc(((size_t)parts->cnt + 1) * sizeof(*items));

        for (int i = 0; i < parts->cnt; i++)
                items[i] = (struct sl_tp_offset){
                        .tp = {sl_consumer_intern(c, parts->elems[i].topic), parts->elems[i].partition},
                        .offset = parts->elems[i].offset >= 0 ? parts->elems[i].offset : -1,
                        .metadata = metadata_of(&parts->elems[i])};
        if (c->on_assigned)
                c->on_assigned(c->arg, items, (uint32_t)parts->cnt);
        for (int i = 0; i < parts->cnt; i++)
                free((char *)items[i].metadata);
        free(items);
}

static void call_revoked(struct sl_consumer *c, const rd_kafka_topic_partition_list_t *parts, bool lost)
{
        struct sl_tp *items = sl_malloc(((size_t)parts->cnt + 1) * sizeof(*items));

        for (int i = 0; i < parts->cnt; i++)
                items[i] = (struct sl_tp){sl_consumer_intern(c, parts->elems[i].topic), parts->elems[i].partition};
        if (c->on_revoked)
                c->on_revoked(c->arg, items, (uint32_t)parts->cnt, lost);
        free(items);
}

/* The client is done for, but the reason may be one that passes: a fence. */
static rd_kafka_resp_err_t reason_of(const struct sl_consumer *c, rd_kafka_resp_err_t code)
{
        char text[512];

        return code == RD_KAFKA_RESP_ERR__FATAL ? rd_kafka_fatal_error(c->rk, text, sizeof(text)) : code;
}

static void note_failure(struct sl_consumer *c, rd_kafka_resp_err_t code, const char *what)
{
        enum sl_rc ignored = sl_kafka_fail(&c->failure, reason_of(c, code), "%s", what);
        (void)ignored; /* kept; poll returns it */
}

/* librdkafka's sentences don't name what a right is missing to. */
static void note_message(struct sl_consumer *c, const rd_kafka_message_t *m)
{
        char text[400] = "", group[300] = "";
        size_t size = sizeof(group);
        bool first = c->failure.id == SL_E_NONE;

        note_failure(c, m->err, rd_kafka_message_errstr(m));
        if (m->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) {
                rd_kafka_conf_get(rd_kafka_conf(c->rk), "group.id", group, &size);
                snprintf(text, sizeof(text), ": READ on the group %s is needed", group);
        } else if (m->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED && m->rkt) {
                snprintf(text, sizeof(text), ": READ on the topic %s is needed", rd_kafka_topic_name(m->rkt));
        }
        if (first && *text)
                sl_err_detail(&c->failure, text);
}

static void forget_assignment(struct sl_consumer *c)
{
        /* librdkafka keeps a partition paused while it is away, and nobody would resume it when it comes back. */
        if (c->assigned && c->paused)
                rd_kafka_resume_partitions(c->rk, c->assigned);
        rd_kafka_resp_err_t code = rd_kafka_assign(c->rk, NULL);

        if (code)
                note_failure(c, code, "Partitions could not be given back");
        if (c->assigned)
                rd_kafka_topic_partition_list_destroy(c->assigned);
        c->assigned = NULL;
}

static void assign(struct sl_consumer *c, rd_kafka_topic_partition_list_t *parts)
{
        rd_kafka_resp_err_t code = rd_kafka_committed(c->rk, parts, COMMITTED_MS);

        for (int i = 0; !code && i < parts->cnt; i++)
                code = parts->elems[i].err;
        if (code) { /* without them rows would be read twice or skipped: leave it to the restart */
                note_failure(c, code, "The committed offsets of the consumer group could not be read");
                forget_assignment(c);
                return;
        }
        for (int i = 0; c->own_topic && i < parts->cnt; i++)
                if (parts->elems[i].offset < 0 && strcmp(parts->elems[i].topic, c->own_topic) == 0)
                        parts->elems[i].offset = RD_KAFKA_OFFSET_BEGINNING;
        c->assigning = rd_kafka_topic_partition_list_copy(parts);
        call_assigned(c, parts);
        if (c->assigned)
                rd_kafka_topic_partition_list_destroy(c->assigned);
        c->assigned = c->assigning;
        c->assigning = NULL;
        code = rd_kafka_assign(c->rk, c->assigned);
        if (!code && c->paused)
                code = rd_kafka_pause_partitions(c->rk, c->assigned);
        if (code)
                note_failure(c, code, "Partitions could not be taken over");
}

static void handle(struct sl_consumer *c, const struct rebalance *r)
{
        if (r->code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
                assign(c, r->parts);
                return;
        }
        if (r->code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
                if (r->parts->cnt)
                        call_revoked(c, r->parts, r->lost);
        } else {
                note_failure(c, r->code, "The consumer group could not be joined");
        }
        forget_assignment(c);
}

static void handle_pending(struct sl_consumer *c)
{
        while (c->pending) {
                struct rebalance *r = c->pending;
                c->pending = r->next;
                if (!c->pending)
                        c->pending_end = &c->pending;
                handle(c, r);
                rd_kafka_topic_partition_list_destroy(r->parts);
                free(r);
        }
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *parts, void *opaque)
{
        struct sl_consumer *c = opaque;
        struct rebalance *r = sl_calloc(1, sizeof(*r));

        r->code = code;
        r->lost = code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS && rd_kafka_assignment_lost(rk);
        r->parts = rd_kafka_topic_partition_list_copy(parts);
        *c->pending_end = r;
        c->pending_end = &r->next;
        if (c->closing)
                handle_pending(c);
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
        struct sl_consumer *c = opaque;

        (void)rk;
        if (code == RD_KAFKA_RESP_ERR__FATAL)
                note_failure(c, code, "The consumer can't go on");
        else if (sl_kafka_no_token(code, reason))
                return;
        else if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL)
                note_failure(c, (rd_kafka_resp_err_t)code, reason);
}

static int on_stats(rd_kafka_t *rk, char *json, size_t len, void *opaque)
{
        struct sl_consumer *c = opaque;

        (void)rk;
        sl_kstats_update(c->stats, json, len);
        return 0; /* librdkafka frees the text */
}

/* --- Life ------------------------------------------------------------------------------------------------------------
 */

static enum sl_rc subscribe(struct sl_consumer *c, const struct sl_consumer_opts *opts, struct sl_err *err)
{
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
        struct sl_buf regex = {0};
        enum sl_rc rc = SL_OK;

        for (uint32_t i = 0; opts->topics && i < opts->topics->count; i++)
                rd_kafka_topic_partition_list_add(list, opts->topics->items[i], RD_KAFKA_PARTITION_UA);
        if (opts->topics_regex) {
                rc = sl_kafka_topics_regex(opts->topics_regex, &regex, err);
                rd_kafka_topic_partition_list_add(list, sl_buf_cstr(&regex), RD_KAFKA_PARTITION_UA);
        }
        if (rc == SL_OK) {
                rd_kafka_resp_err_t code = rd_kafka_subscribe(c->rk, list);
                if (code)
                        rc = sl_kafka_fail(err, code, "The topics %s can't be subscribed to", sl_buf_cstr(&regex));
        }
        sl_buf_free(&regex);
        c->subscribed = list;
        return rc;
}

enum sl_rc sl_consumer_read_too(struct sl_consumer *c, struct sl_err *err)
{
        rd_kafka_topic_partition_list_add(c->subscribed, c->own_topic, RD_KAFKA_PARTITION_UA);
        rd_kafka_resp_err_t code = rd_kafka_subscribe(c->rk, c->subscribed);
        return code ? sl_kafka_fail(err, reason_of(c, code), "The topic %s can't be subscribed to", c->own_topic) : SL_OK;
}

static enum sl_rc start(struct sl_consumer *c, const struct sl_consumer_opts *opts, struct sl_err *err)
{
        rd_kafka_conf_t *conf;
        char why[512], group[8];
        size_t room = sizeof(group);
        uint64_t one = 1;

        SL_TRY(sl_kconf_new(&opts->cfg, SL_K_CONSUMER, opts->client_id, &conf, err));
        rd_kafka_conf_res_t res = rd_kafka_conf_get(conf, "group.id", NULL, &room);
        if (res != RD_KAFKA_CONF_OK || room <= 1) /* consumer.override.group.id wins, as in Connect */
                rd_kafka_conf_set(conf, "group.id", opts->group_id, why, sizeof(why));
        room = sizeof(group);
        res = rd_kafka_conf_get(conf, "group.instance.id", NULL, &room);
        if (opts->instance_id && (res != RD_KAFKA_CONF_OK || room <= 1))
                rd_kafka_conf_set(conf, "group.instance.id", opts->instance_id, why, sizeof(why));
        rd_kafka_conf_set(conf, "enable.partition.eof", "true", why, sizeof(why));
        rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
        rd_kafka_conf_set_error_cb(conf, on_error);
        rd_kafka_conf_set_opaque(conf, c);
        c->stats = sl_kstats_attach(conf, SL_K_CONSUMER, opts->cfg.worker, on_stats);
        rd_kafka_topic_conf_set_opaque(rd_kafka_conf_get_default_topic_conf(conf), c);
        c->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
        if (!c->rk) {
                rd_kafka_conf_destroy(conf);
                return sl_kafka_refused(err, "consumer", why);
        }
        rd_kafka_poll_set_consumer(c->rk);
        c->queue = rd_kafka_queue_get_consumer(c->rk);
        rd_kafka_queue_io_event_enable(c->queue, c->fd, &one, sizeof(one));
        return subscribe(c, opts, err);
}

enum sl_rc sl_consumer_new(const struct sl_consumer_opts *opts, struct sl_consumer **ret, struct sl_err *err)
{
        struct sl_consumer *c = sl_calloc(1, sizeof(*c));

        c->own_topic = opts->own_topic ? sl_consumer_intern(c, opts->own_topic) : NULL;
        c->on_assigned = opts->assigned;
        c->on_revoked = opts->revoked;
        c->arg = opts->arg;
        c->stop = opts->stop;
        c->pending_end = &c->pending;
        c->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        enum sl_rc rc =
                c->fd < 0 ? sl_fail(err, SL_E_IO, "no file descriptor left for a consumer") : start(c, opts, err);
        if (rc != SL_OK) {
                sl_consumer_close(c);
                return rc;
        }
        *ret = c;
        return SL_OK;
}

static void destroy_chunk(struct sl_consumer *c, ssize_t n)
{
        for (ssize_t i = 0; i < n; i++)
                rd_kafka_message_destroy(c->chunk[i]);
}

static bool is_member(struct sl_consumer *c)
{
        char *id = rd_kafka_memberid(c->rk);
        bool member = id && *id;

        rd_kafka_mem_free(c->rk, id);
        return member;
}

/* Closing alone would keep a static member's place, and its partitions, until its session ends: unsubscribing tells the group. */
static void unsubscribe(struct sl_consumer *c, int64_t deadline)
{
        if (!is_member(c) || rd_kafka_fatal_error(c->rk, NULL, 0) || rd_kafka_unsubscribe(c->rk))
                return;
        while (is_member(c) && sl_mono_ms() < deadline)
                destroy_chunk(c, rd_kafka_consume_batch_queue(c->queue, 10, c->chunk, 1));
}

/* Leave the group, at most CLOSE_MS: with its coordinator away, librdkafka's own close would wait for long. */
static void leave(struct sl_consumer *c)
{
        int64_t deadline = sl_mono_ms() + CLOSE_MS;
        rd_kafka_queue_t *last = rd_kafka_queue_new(c->rk);

        handle_pending(c);
        c->closing = true;
        unsubscribe(c, deadline);
        rd_kafka_error_t *e = rd_kafka_consumer_close_queue(c->rk, last);
        if (e) { /* already fatal: the broker has put us out */
                rd_kafka_error_destroy(e);
        } else {
                while (!rd_kafka_consumer_closed(c->rk) && sl_mono_ms() < deadline)
                        destroy_chunk(c, rd_kafka_consume_batch_queue(last, 50, c->chunk, 1));
        }
        c->silent = !rd_kafka_consumer_closed(c->rk);
        if (c->assigned && c->assigned->cnt) { /* no orderly end: the owner must hear of it all the same */
                call_revoked(c, c->assigned, true);
                forget_assignment(c);
        }
        rd_kafka_queue_destroy(last);
}

static void finish(void *arg)
{
        struct sl_consumer *c = arg;

        if (c->rk)
                rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        if (c->assigned)
                rd_kafka_topic_partition_list_destroy(c->assigned);
        if (c->subscribed)
                rd_kafka_topic_partition_list_destroy(c->subscribed);
        sl_map_free(&c->names, free);
        if (c->fd >= 0)
                close(c->fd);
        sl_kstats_free(c->stats);
        free(c);
}

/* With its brokers silent, librdkafka's end waits for their answers until socket.timeout.ms: not in the task's thread. */
static void end(struct sl_consumer *c)
{
        if (c->silent)
                sl_kafka_aside(finish, c);
        else
                finish(c);
}

void sl_consumer_close(struct sl_consumer *c)
{
        if (!c)
                return;
        if (c->rk) {
                rd_kafka_queue_io_event_enable(c->queue, -1, NULL, 0);
                leave(c);
                rd_kafka_queue_destroy(c->queue);
        }
        c->closed = true;
        if (!c->lent)
                end(c);
}

/* --- Reading ---------------------------------------------------------------------------------------------------------
 */

static void release_message(void *message)
{
        struct sl_consumer *c = rd_kafka_topic_opaque(((rd_kafka_message_t *)message)->rkt);

        rd_kafka_message_destroy(message);
        if (--c->lent == 0 && sl_unlikely(c->closed))
                end(c);
}

static void intern_last(struct sl_consumer *c, const char *topic)
{
        if (sl_unlikely(!c->last_name || strcmp(c->last_name, topic) != 0)) {
                c->last_name = sl_consumer_intern(c, topic);
                c->last_len = strlen(c->last_name);
        }
}

static void add_headers(struct sl_batch *batch, struct sl_record *rec, rd_kafka_message_t *m)
{
        rd_kafka_headers_t *headers;

        if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
                return;
        size_t n = rd_kafka_header_cnt(headers);
        struct sl_header *all = sl_headers_grow(rec, (uint32_t)n, &batch->arena);
        rec->raw_headers = all;
        rec->header_count = rec->raw_header_count = (uint32_t)n;
        for (size_t i = 0; i < n; i++) {
                const char *name = "";
                const void *value = NULL;
                size_t size = 0;
                rd_kafka_header_get_all(headers, i, &name, &value, &size);
                all[i] = (struct sl_header){.key = sl_str_c(name), .raw = {value, size}};
        }
}

static void add_record(struct sl_consumer *c, struct sl_batch *batch, rd_kafka_message_t *m)
{
        struct sl_record *rec = sl_batch_add(batch);
        rd_kafka_timestamp_type_t type;
        int64_t timestamp = rd_kafka_message_timestamp(m, &type);

        intern_last(c, rd_kafka_topic_name(m->rkt));
        rec->topic = (struct sl_str){c->last_name, c->last_len};
        rec->partition = m->partition;
        rec->offset = m->offset;
        rec->timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp;
        rec->log_append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
        rec->raw_key = (struct sl_str){m->key, m->key ? m->key_len : 0};
        rec->raw_value = (struct sl_str){m->payload, m->payload ? m->len : 0};
        add_headers(batch, rec, m);
        sl_batch_adopt(batch, m, release_message, m->len + m->key_len);
        c->lent++;
}

/* All up to this offset was read, also the end markers of transactions, which are no records and so move no position. Kept for
 * the lag, in the list's field for the application. */
static void note_end(struct sl_consumer *c, const rd_kafka_message_t *m)
{
        rd_kafka_topic_partition_t *part =
                c->assigned ? rd_kafka_topic_partition_list_find(c->assigned, rd_kafka_topic_name(m->rkt), m->partition) : NULL;
        if (part)
                part->opaque = (void *)(intptr_t)m->offset;
}

/* A message that carries an error instead of a record. What passes by itself is logged. */
static void error_message(struct sl_consumer *c, const rd_kafka_message_t *m)
{
        switch ((int)m->err) {
        case RD_KAFKA_RESP_ERR__PARTITION_EOF:
                note_end(c, m);
                return;
        case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED: /* the group has gone on without us: the next polls join again */
                return;
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
        case RD_KAFKA_RESP_ERR__TRANSPORT:
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        case RD_KAFKA_RESP_ERR__RESOLVE:
        case RD_KAFKA_RESP_ERR__TIMED_OUT:
                sl_warn("kafka consumer: %s", rd_kafka_message_errstr(m));
                return;
        default:
                note_message(c, m);
        }
}

static void take_chunk(struct sl_consumer *c, struct sl_batch *batch, ssize_t n)
{
        for (ssize_t i = 0; i < n; i++) {
                rd_kafka_message_t *m = c->chunk[i];
                if (sl_likely(!m->err)) {
                        add_record(c, batch, m);
                        continue;
                }
                error_message(c, m);
                rd_kafka_message_destroy(m);
        }
}

/* Of an assignment that has ended: its next owner reads the records again. What else is told is told once, and to us: without the
 * error of a client that is done for, nobody would open another one. */
static void drop_chunk(struct sl_consumer *c, ssize_t n)
{
        for (ssize_t i = 0; i < n; i++) {
                if (c->chunk[i]->err && c->chunk[i]->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
                        error_message(c, c->chunk[i]);
                rd_kafka_message_destroy(c->chunk[i]);
        }
}

/* Read what is there into the batch, without waiting. True when the queue had no more. */
static bool drain(struct sl_consumer *c, struct sl_batch *batch)
{
        uint32_t before = batch->count;

        while (!sl_batch_full(batch)) {
                uint32_t room = batch->max_records - batch->count;
                ssize_t n = rd_kafka_consume_batch_queue(c->queue, 0, c->chunk, room < CHUNK ? room : CHUNK);
                if (c->pending) {
                        drop_chunk(c, n);
                        batch->count = before;
                        handle_pending(c);
                        return false;
                }
                if (n <= 0)
                        return true;
                take_chunk(c, batch, n);
        }
        return false;
}

enum sl_rc sl_consumer_poll(struct sl_consumer *c, struct sl_batch *batch, int timeout_ms, struct sl_err *err)
{
        uint32_t before = batch->count;
        bool empty = drain(c, batch);

        if (empty && batch->count == before && timeout_ms > 0) {
                struct pollfd wait = {.fd = c->fd, .events = POLLIN};
                if (poll(&wait, 1, timeout_ms) > 0)
                        sl_consumer_fd_clear(c);
                empty = drain(c, batch);
        }
        if (!empty) { /* the fd is written only when the queue becomes non-empty */
                uint64_t one = 1;
                ssize_t written = write(c->fd, &one, sizeof(one));
                (void)written; /* a full counter is readable as well */
        }
        if (sl_likely(c->failure.id == SL_E_NONE || batch->count > before)) /* records first, the failure next time */
                return SL_OK;
        if (err && err->id == SL_E_NONE)
                *err = c->failure;
        enum sl_rc rc = c->failure.rc;
        if (rc != SL_FATAL)
                sl_err_clear(&c->failure);
        return rc;
}

/* --- Positions -------------------------------------------------------------------------------------------------------
 */

static enum sl_rc list_result(const struct sl_consumer *c, rd_kafka_resp_err_t code,
                              const rd_kafka_topic_partition_list_t *list, const char *what, struct sl_err *err)
{
        for (int i = 0; !code && i < list->cnt; i++)
                if (list->elems[i].err)
                        return sl_kafka_fail(err, reason_of(c, list->elems[i].err), "%s (%s-%d)", what,
                                             list->elems[i].topic, list->elems[i].partition);
        return code ? sl_kafka_fail(err, reason_of(c, code), "%s", what) : SL_OK;
}

enum sl_rc sl_consumer_pause_all(struct sl_consumer *c, struct sl_err *err)
{
        c->paused = true;
        if (!c->assigned)
                return SL_OK;
        return list_result(c, rd_kafka_pause_partitions(c->rk, c->assigned), c->assigned,
                           "Partitions could not be paused", err);
}

enum sl_rc sl_consumer_resume_all(struct sl_consumer *c, struct sl_err *err)
{
        c->paused = false;
        if (!c->assigned)
                return SL_OK;
        return list_result(c, rd_kafka_resume_partitions(c->rk, c->assigned), c->assigned,
                           "Partitions could not be resumed", err);
}

enum sl_rc sl_consumer_seek(struct sl_consumer *c, struct sl_tp tp, int64_t offset, struct sl_err *err)
{
        if (c->assigning) { /* inside `assigned`: the partition is not being read yet */
                rd_kafka_resp_err_t code =
                        rd_kafka_topic_partition_list_set_offset(c->assigning, tp.topic, tp.partition, offset);
                return code ? sl_kafka_fail(err, code, "%s-%d is not assigned", tp.topic, tp.partition) : SL_OK;
        }
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, tp.topic, tp.partition)->offset = offset;
        rd_kafka_topic_partition_t *part =
                c->assigned ? rd_kafka_topic_partition_list_find(c->assigned, tp.topic, tp.partition) : NULL;
        if (part)
                part->opaque = NULL;
        rd_kafka_error_t *e = rd_kafka_seek_partitions(c->rk, list, SEEK_MS);
        enum sl_rc rc =
                e ? sl_kafka_fail_error(err, e, "A partition's position could not be set")
                  : list_result(c, RD_KAFKA_RESP_ERR_NO_ERROR, list, "A partition's position could not be set", err);
        rd_kafka_topic_partition_list_destroy(list);
        return rc;
}

/* The answer to a commit, NULL when it does not come in time. */
static rd_kafka_event_t *wait_answer(struct sl_consumer *c, rd_kafka_queue_t *answers, int timeout_ms)
{
        int64_t deadline = sl_mono_ms() + timeout_ms;
        bool hurry = false;

        for (;;) {
                int64_t left = deadline - sl_mono_ms();
                rd_kafka_event_t *ev = rd_kafka_queue_poll(answers, left < 0 ? 0 : left > STEP_MS ? STEP_MS : (int)left);
                if (ev || left <= 0)
                        return ev;
                if (!hurry && c->stop && atomic_load_explicit(c->stop, memory_order_relaxed)) {
                        hurry = true;
                        deadline = left > STOPPED_MS ? sl_mono_ms() + STOPPED_MS : deadline;
                }
        }
}

enum sl_rc sl_consumer_commit(struct sl_consumer *c, const struct sl_tp_offset *items, uint32_t n, int timeout_ms,
                              struct sl_err *err)
{
        if (!n)
                return SL_OK;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
        for (uint32_t i = 0; i < n; i++) {
                rd_kafka_topic_partition_t *part =
                        rd_kafka_topic_partition_list_add(list, items[i].tp.topic, items[i].tp.partition);
                part->offset = items[i].offset;
                if (items[i].metadata) { /* the list frees it */
                        part->metadata = sl_strdup(items[i].metadata);
                        /* Its NUL, too: clients over librdkafka (Python's among them) read on until there is one. */
                        part->metadata_size = strlen(items[i].metadata) + 1;
                }
        }
        rd_kafka_queue_t *answers = rd_kafka_queue_new(c->rk);
        rd_kafka_resp_err_t code = rd_kafka_commit_queue(c->rk, list, answers, NULL, NULL);
        enum sl_rc rc;
        if (code) {
                rc = sl_kafka_fail(err, reason_of(c, code), "Offsets could not be committed");
        } else {
                rd_kafka_event_t *ev = wait_answer(c, answers, timeout_ms);
                if (!ev)
                        rc = sl_kafka_fail(err, RD_KAFKA_RESP_ERR__TIMED_OUT, "Offsets could not be committed in time");
                else
                        rc = list_result(c, rd_kafka_event_error(ev), rd_kafka_event_topic_partition_list(ev),
                                         "Offsets could not be committed", err);
                if (ev)
                        rd_kafka_event_destroy(ev);
        }
        rd_kafka_queue_destroy(answers);
        rd_kafka_topic_partition_list_destroy(list);
        return rc;
}

int64_t sl_consumer_lag(struct sl_consumer *c)
{
        int64_t sum = 0;

        if (!c->assigned)
                return -1;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_copy(c->assigned);
        rd_kafka_resp_err_t code = rd_kafka_position(c->rk, list);
        for (int i = 0; i < list->cnt && sum >= 0; i++) {
                const rd_kafka_topic_partition_t *part = &list->elems[i];
                int64_t low, high, at = part->offset >= 0 ? part->offset : c->assigned->elems[i].offset;
                int64_t end = (intptr_t)c->assigned->elems[i].opaque;
                at = end > at ? end : at;
                if (code || rd_kafka_get_watermark_offsets(c->rk, part->topic, part->partition, &low, &high) ||
                    high < 0)
                        sum = -1;
                else
                        sum += high > (at >= 0 ? at : low) ? high - (at >= 0 ? at : low) : 0;
        }
        rd_kafka_topic_partition_list_destroy(list);
        return sum;
}

enum sl_rc sl_consumer_end(struct sl_consumer *c, struct sl_tp tp, int timeout_ms, int64_t *ret, struct sl_err *err)
{
        int64_t low;
        rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(c->rk, tp.topic, tp.partition, &low, ret, timeout_ms);
        if (code)
                return sl_kafka_fail(err, reason_of(c, code), "The end of %s-%d could not be asked", tp.topic, tp.partition);
        return SL_OK;
}

int sl_consumer_fd(const struct sl_consumer *c)
{
        return c->fd;
}

void sl_consumer_fd_clear(struct sl_consumer *c)
{
        uint64_t count;
        ssize_t n = read(c->fd, &count, sizeof(count));
        (void)n; /* empty already: nothing to clear */
}
