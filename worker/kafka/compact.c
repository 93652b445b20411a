/* SPDX-License-Identifier: Apache-2.0 */
/* Connect's internal topics: read to the end, follow, write. Partitions are read without a consumer group, from the
 * beginning, read_committed. The end is the high watermark that read_uncommitted ListOffsets gives; a partition has
 * reached it when a record or librdkafka's end-of-partition event says so (control records have offsets but are never
 * delivered; while a transaction is open the event names the last stable offset, which lies before the watermark).
 * Writing fenced, the producer is never made again behind the caller's back: a new one with the same transactional id
 * would fence whoever has taken over meanwhile. A transaction whose end is unknown is ended, with the same producer and
 * the same epoch, by the next call. Does not interpret keys or values. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"
#include "kafka/compact.h"
#include "kafka/kconf.h"
#include "kafka/producer.h"

#define ASK_MS 3000
#define CHUNK 256
#define STEP_MS 20
#define PAUSE_MS 20
#define TXN_TIMEOUT_MS 10000 /* of a dead writer: how long its open transaction may hold readers */

struct part {
        int32_t id;
        int64_t next;   /* everything before it has been applied */
        int64_t target; /* of the refresh under way */
        bool reading;
};
struct sl_compact {
        struct sl_compact_opts opts; /* strings are copies */
        rd_kafka_t *rk;
        rd_kafka_topic_t *topic;
        rd_kafka_queue_t *queue;
        struct part *parts;
        uint32_t count;
        struct sl_producer *producer;              /* plain: made by the first put; fenced: by sl_compact_fence */
        char *fence;                               /* transactional id; NULL = plain */
        enum { NOTHING, COMMIT, ABORT } unsettled; /* how the transaction that the producer has open must end */
        bool lost;       /* fenced: the producer is gone, and only sl_compact_fence may make another */
        int64_t give_up; /* when the producer's call that is under way must end */
        const struct sl_compact_record *awaited; /* was written, and is to be read back */
        struct sl_err failure;
        rd_kafka_message_t *chunk[CHUNK];
};

/* What the topic holds, as Connect's messages call it. */
static const char *purpose(const char *role)
{
        if (strncmp(role, "offset.", 7) == 0)
                return "source connector offsets";
        return strncmp(role, "status.", 7) == 0 ? "connector and task statuses" : "connector configurations";
}

/* --- The topic -------------------------------------------------------------------------------------------------------
 */

static int left_ms(int64_t deadline)
{
        int64_t left = deadline - sl_mono_ms();
        return left < 1 ? 1 : (int)left;
}

static bool over(const struct sl_compact *c, int64_t deadline)
{
        return sl_mono_ms() >= deadline || (c->opts.hurry && atomic_load_explicit(c->opts.hurry, memory_order_relaxed));
}

/* One question to a broker, which is asked again until the deadline. */
static int ask_ms(int64_t deadline)
{
        int left = left_ms(deadline);
        return left < ASK_MS ? left : ASK_MS;
}

static enum sl_rc create(struct sl_compact *c, int64_t deadline, struct sl_err *err)
{
        const char *config[34] = {"cleanup.policy", "compact"};
        struct sl_topic_spec spec = {c->opts.topic, c->opts.partitions, c->opts.replication, config};
        bool created;
        size_t n = 2;

        for (const char *const *kv = c->opts.topic_config; kv && kv[0] && n + 2 < 34; kv += 2)
                if (strcmp(kv[0], "cleanup.policy") != 0) {
                        config[n++] = kv[0];
                        config[n++] = kv[1];
                }
        return sl_admin_create_topic(c->opts.admin, &spec, left_ms(deadline), &created, err);
}

static enum sl_rc check_policy(struct sl_compact *c, int64_t deadline, struct sl_err *err)
{
        struct sl_buf policy = {0};
        struct sl_err why = {0};
        enum sl_rc rc =
                sl_admin_topic_config(c->opts.admin, c->opts.topic, "cleanup.policy", left_ms(deadline), &policy, &why);
        const char *role = c->opts.role, *holds = purpose(role), *topic = c->opts.topic;

        /* Without the right to describe it Connect goes on as well. */
        if (rc != SL_OK && (why.native == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                            why.native == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED))
                rc = SL_OK;
        else if (rc != SL_OK && err && err->id == SL_E_NONE)
                *err = why;
        else if (rc == SL_OK && strcmp(sl_buf_cstr(&policy), "compact") != 0)
                rc = sl_fail(
                        err, SL_E_CONFIG,
                        "Topic '%s' supplied via the '%s' property is required to have 'cleanup.policy=compact' to "
                        "guarantee "
                        "consistency and durability of %s, but found the topic currently has 'cleanup.policy=%s'. "
                        "Continuing "
                        "would likely result in eventually losing %s and problems restarting this Connect cluster in "
                        "the "
                        "future. Change the '%s' property in the Connect worker configurations to use a topic with "
                        "'cleanup.policy=compact'.",
                        topic, role, holds, sl_buf_cstr(&policy), holds, role);
        sl_buf_free(&policy);
        return rc;
}

/* May this failure pass by itself, and is there time to wait for it? A topic that was just made, or whose broker just
 * started, has no leader for a moment. */
static bool try_again(const struct sl_compact *c, const struct sl_err *why, int64_t deadline)
{
        if (why->rc != SL_TRANSIENT || over(c, deadline))
                return false;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
        return true;
}

static enum sl_rc keep(struct sl_err *err, const struct sl_err *why)
{
        if (err && err->id == SL_E_NONE)
                *err = *why;
        return why->rc;
}

/* Find or make the topic; a new one is not known to every broker at once. */
static enum sl_rc find_topic(struct sl_compact *c, int64_t deadline, bool *made, int32_t *ret_partitions,
                             struct sl_err *err)
{
        SL_TRY(sl_admin_topic_partitions(c->opts.admin, c->opts.topic, left_ms(deadline), ret_partitions, err));
        if (*ret_partitions > 0)
                return check_policy(c, deadline, err);
        if (!*made)
                SL_TRY(create(c, deadline, err));
        *made = true;
        return sl_fail(err, SL_E_KAFKA, "Topic %s is still unknown to the brokers after its creation", c->opts.topic);
}

static enum sl_rc ensure_topic(struct sl_compact *c, int64_t deadline, int32_t *ret_partitions, struct sl_err *err)
{
        bool made = false;

        for (;;) {
                struct sl_err why = {0};
                if (find_topic(c, deadline, &made, ret_partitions, &why) == SL_OK)
                        return SL_OK;
                if (!try_again(c, &why, deadline))
                        return keep(err, &why);
        }
}

/* --- Reading ---------------------------------------------------------------------------------------------------------
 */

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
        struct sl_compact *c = opaque;
        enum sl_rc ignored = SL_OK;

        (void)rk;
        if (sl_kafka_no_token(code, reason))
                return;
        if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL)
                ignored = sl_kafka_fail(&c->failure, (rd_kafka_resp_err_t)code, "%s", reason);
        (void)ignored; /* kept in c->failure */
}

/* In one of librdkafka's threads. */
static void on_event(rd_kafka_t *rk, void *opaque)
{
        struct sl_compact *c = opaque;

        (void)rk;
        c->opts.wake(c->opts.wake_arg);
}

static enum sl_rc force(rd_kafka_conf_t *conf, const char *key, const char *value, struct sl_err *err)
{
        char why[256];

        if (rd_kafka_conf_set(conf, key, value, why, sizeof(why)) != RD_KAFKA_CONF_OK)
                return sl_fail(err, SL_E_INTERNAL, "%s=%s: %s", key, value, why);
        return SL_OK;
}

static enum sl_rc start_reader(struct sl_compact *c, struct sl_err *err)
{
        static const char *const forced[] = {"enable.partition.eof",
                                             "true",
                                             "isolation.level",
                                             "read_committed",
                                             "auto.offset.reset",
                                             "earliest",
                                             "allow.auto.create.topics",
                                             "false",
                                             "queued.max.messages.kbytes",
                                             "2048",
                                             NULL};
        rd_kafka_conf_t *conf;
        char why[512], client_id[300];
        enum sl_rc rc = SL_OK;

        snprintf(client_id, sizeof(client_id), "sluice-reader-%s", c->opts.topic);
        SL_TRY(sl_kconf_new(&c->opts.cfg, SL_K_CONSUMER, client_id, &conf, err));
        for (size_t i = 0; forced[i] && rc == SL_OK; i += 2)
                rc = force(conf, forced[i], forced[i + 1], err);
        rd_kafka_conf_set_error_cb(conf, on_error);
        rd_kafka_conf_set_opaque(conf, c);
        c->rk = rc == SL_OK ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why)) : NULL;
        if (!c->rk) {
                rd_kafka_conf_destroy(conf);
                return rc != SL_OK
                               ? rc
                               : sl_fail(err, SL_E_CONFIG, "The reader of topic %s is refused: %s", c->opts.topic, why);
        }
        c->queue = rd_kafka_queue_new(c->rk);
        if (c->opts.wake)
                rd_kafka_queue_cb_event_enable(c->queue, on_event, c);
        c->topic = rd_kafka_topic_new(c->rk, c->opts.topic, NULL);
        if (!c->topic)
                return sl_kafka_fail(err, rd_kafka_last_error(), "Topic %s can't be read", c->opts.topic);
        for (uint32_t i = 0; i < c->count; i++) {
                /* Offset 0, not "beginning": that costs a question and half a second. Out of range, it becomes the
                 * beginning. */
                if (rd_kafka_consume_start_queue(c->topic, c->parts[i].id, 0, c->queue) != 0)
                        return sl_kafka_fail(err, rd_kafka_last_error(), "%s-%d can't be read", c->opts.topic,
                                             c->parts[i].id);
                c->parts[i].reading = true;
        }
        return SL_OK;
}

static struct part *find_part(struct sl_compact *c, int32_t id)
{
        for (uint32_t i = 0; i < c->count; i++)
                if (c->parts[i].id == id)
                        return &c->parts[i];
        return NULL;
}

static bool is_record(const struct sl_compact_record *r, struct sl_str key, struct sl_str value)
{
        bool same = r->value.ptr ? value.ptr && sl_str_eq(value, r->value) : !value.ptr;
        return same && sl_str_eq(key, r->key);
}

static void take(struct sl_compact *c, const rd_kafka_message_t *m)
{
        struct part *part = find_part(c, m->partition);
        int64_t next = m->err ? m->offset : m->offset + 1;
        struct sl_str key = {m->key, m->key ? m->key_len : 0}, value = {m->payload, m->payload ? m->len : 0};

        if (m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                /* Lost leaders and connections come back; a refusal doesn't. What no broker says to a Fetch is no reason for
                 * the worker to end. */
                struct sl_err why = {0};
                enum sl_rc rc = sl_kafka_fail(&why, m->err, "Topic %s can't be read: %s", c->opts.topic, rd_kafka_message_errstr(m));
                bool refused = why.id == SL_E_KAFKA_AUTH || m->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                               m->err == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
                if (refused && c->failure.id == SL_E_NONE)
                        c->failure = why;
                else if (rc == SL_FATAL)
                        sl_log_err(SL_LOG_WARN, &why, "the worker's topic is read again");
                return;
        }
        if (!m->err)
                c->opts.apply(c->opts.apply_arg, key, value, m->offset);
        if (!m->err && c->awaited && is_record(c->awaited, key, value))
                c->awaited = NULL;
        if (part && (next > part->next || !m->err)) /* a record further back: the one before claimed a wrong place */
                part->next = next;
}

/* The positions know of control records, which are not delivered, sooner than the end-of-partition event does. */
static void update_positions(struct sl_compact *c)
{
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)c->count);

        for (uint32_t i = 0; i < c->count; i++)
                rd_kafka_topic_partition_list_add(list, c->opts.topic, c->parts[i].id);
        if (rd_kafka_position(c->rk, list) == RD_KAFKA_RESP_ERR_NO_ERROR)
                for (uint32_t i = 0; i < c->count; i++)
                        if (!list->elems[i].err && list->elems[i].offset > c->parts[i].next)
                                c->parts[i].next = list->elems[i].offset;
        rd_kafka_topic_partition_list_destroy(list);
}

/* Apply what comes within timeout_ms (0: what is there). False when nothing came. */
static bool read_some(struct sl_compact *c, int timeout_ms)
{
        /* A batch read waits until it is full: the first message alone, then what lies behind it. */
        ssize_t n = rd_kafka_consume_batch_queue(c->queue, timeout_ms, c->chunk, timeout_ms ? 1 : CHUNK);
        bool some = n > 0;

        while (n > 0) {
                for (ssize_t i = 0; i < n; i++) {
                        take(c, c->chunk[i]);
                        rd_kafka_message_destroy(c->chunk[i]);
                }
                n = rd_kafka_consume_batch_queue(c->queue, 0, c->chunk, CHUNK);
        }
        rd_kafka_poll(c->rk, 0);
        return some;
}

static enum sl_rc verdict(struct sl_compact *c, struct sl_err *err)
{
        if (c->failure.id == SL_E_NONE)
                return SL_OK;
        if (err && err->id == SL_E_NONE)
                *err = c->failure;
        enum sl_rc rc = c->failure.rc;
        sl_err_clear(&c->failure);
        return rc;
}

static const struct part *behind(const struct sl_compact *c)
{
        for (uint32_t i = 0; i < c->count; i++)
                if (c->parts[i].next < c->parts[i].target)
                        return &c->parts[i];
        return NULL;
}

static enum sl_rc read_end(struct sl_compact *c, struct part *part, int64_t deadline, struct sl_err *err)
{
        for (;;) {
                struct sl_err why = {0};
                if (sl_admin_high_watermark(c->opts.admin, c->opts.topic, part->id, ask_ms(deadline), &part->target,
                                            &why) == SL_OK)
                        return SL_OK;
                if (!try_again(c, &why, deadline))
                        return keep(err, &why);
        }
}

/* --- Writing ---------------------------------------------------------------------------------------------------------
 */

/* Between the producer's steps. */
static enum sl_rc on_tick(void *arg, struct sl_err *err)
{
        struct sl_compact *c = arg;

        if (!over(c, c->give_up))
                return SL_OK;
        return sl_fail(err, SL_E_KAFKA, "Topic %s could not be written in time", c->opts.topic);
}

static enum sl_rc start_writer(struct sl_compact *c, struct sl_err *err)
{
        char client_id[300];
        struct sl_producer_opts opts = {.cfg = c->opts.cfg,
                                        .client_id = client_id,
                                        .transactional_id = c->fence,
                                        .txn_timeout_ms = TXN_TIMEOUT_MS,
                                        .queue_bytes = 4 << 20,
                                        .plain = !c->fence,
                                        .tick = on_tick,
                                        .tick_arg = c};

        snprintf(client_id, sizeof(client_id), "sluice-writer-%s", c->opts.topic);
        return sl_producer_new(&opts, &c->producer, err);
}

static void end_writer(struct sl_compact *c)
{
        sl_producer_drop(c->producer);
        c->producer = NULL;
        c->unsettled = NOTHING;
}

static bool is_final(const struct sl_err *why)
{
        return why->id == SL_E_KAFKA_FENCED || why->rc == SL_FATAL;
}

/* End the transaction that an earlier call has left open. */
static enum sl_rc settle(struct sl_compact *c, int64_t deadline, struct sl_err *err)
{
        c->give_up = deadline;
        while (c->unsettled != NOTHING) {
                struct sl_err why = {0};
                bool commit = c->unsettled == COMMIT;
                enum sl_rc rc = commit ? sl_producer_commit(c->producer, &why) : sl_producer_abort(c->producer, &why);
                if (rc == SL_OK) {
                        c->unsettled = NOTHING;
                } else if (commit && why.id != SL_E_KAFKA_FENCED && (rc == SL_FATAL || why.id == SL_E_KAFKA_ABORT)) {
                        c->unsettled = ABORT;
                } else {
                        if (is_final(&why)) {
                                end_writer(c);
                                c->lost = true;
                        }
                        return keep(err, &why);
                }
        }
        return SL_OK;
}

enum sl_rc sl_compact_refresh(struct sl_compact *c, int timeout_ms, struct sl_err *err)
{
        int64_t deadline = sl_mono_ms() + timeout_ms;
        const struct part *part;

        struct sl_err why = {0};
        if (settle(c, deadline, &why) != SL_OK && !c->lost) /* our own open transaction would hold us too */
                return keep(err, &why);
        for (uint32_t i = 0; i < c->count; i++)
                SL_TRY(read_end(c, &c->parts[i], deadline, err));
        while ((part = behind(c)) || c->awaited) {
                int64_t left = deadline - sl_mono_ms();
                if (over(c, deadline) && !part)
                        return sl_fail(err, SL_E_KAFKA, "What was written to topic %s could not be read back in %d ms",
                                       c->opts.topic, timeout_ms);
                if (over(c, deadline))
                        return sl_fail(err, SL_E_KAFKA,
                                       "%s-%d could not be read to its end in %d ms: at offset %ld of %ld (an open "
                                       "transaction of another producer would hold it there)",
                                       c->opts.topic, part->id, timeout_ms, part->next, part->target);
                read_some(c, left < STEP_MS ? (int)left : STEP_MS);
                update_positions(c);
                SL_TRY(verdict(c, err));
        }
        return SL_OK;
}

enum sl_rc sl_compact_poll(struct sl_compact *c, struct sl_err *err)
{
        read_some(c, 0);
        return verdict(c, err);
}

static enum sl_rc send_all(struct sl_compact *c, const struct sl_compact_record *records, uint32_t n, int64_t deadline,
                           struct sl_err *err)
{
        for (uint32_t i = 0; i < n;) {
                struct sl_message m = {.topic = sl_str_c(c->opts.topic),
                                       .partition = -1,
                                       .key = records[i].key,
                                       .value = records[i].value,
                                       .timestamp_ms = -1};
                bool full;
                SL_TRY(sl_producer_send(c->producer, &m, &full, err));
                if (!full)
                        i++;
                else if (over(c, deadline))
                        return sl_fail(err, SL_E_KAFKA, "Too much is waiting to be written to topic %s", c->opts.topic);
                else
                        SL_TRY(sl_producer_serve(c->producer, STEP_MS, err));
        }
        return SL_OK;
}

static enum sl_rc write_plain(struct sl_compact *c, const struct sl_compact_record *records, uint32_t n,
                              int64_t deadline, struct sl_err *err)
{
        if (!c->producer)
                SL_TRY(start_writer(c, err));
        c->give_up = deadline;
        enum sl_rc rc = send_all(c, records, n, deadline, err);
        if (rc == SL_OK)
                rc = sl_producer_flush(c->producer, left_ms(deadline), err);
        if (rc != SL_OK) /* what is left in its queue must not be written behind the caller's back */
                end_writer(c);
        return rc;
}

static enum sl_rc write_fenced(struct sl_compact *c, const struct sl_compact_record *records, uint32_t n,
                               int64_t deadline, struct sl_err *err)
{
        struct sl_err why = {0};

        if (c->lost)
                return sl_fail(err, SL_E_KAFKA_FENCED, "Another process writes topic %s as %s now", c->opts.topic,
                               c->fence);
        enum sl_rc rc = sl_producer_begin(c->producer, &why);
        if (rc == SL_OK) {
                c->unsettled = ABORT;
                rc = send_all(c, records, n, deadline, &why);
        }
        if (rc == SL_OK) {
                c->unsettled = COMMIT;
                return settle(c, deadline, err);
        }
        struct sl_err second = {0};
        if (settle(c, deadline, &second) != SL_OK && is_final(&second))
                return keep(err, &second);
        if (is_final(&why) && why.id != SL_E_TOO_LARGE) {
                end_writer(c);
                c->lost = true;
        }
        return keep(err, &why);
}

static enum sl_rc write_all(struct sl_compact *c, const struct sl_compact_record *records, uint32_t n, int64_t deadline,
                            struct sl_err *err)
{
        SL_TRY(settle(c, deadline, err));
        if (!n)
                return SL_OK;
        return c->fence ? write_fenced(c, records, n, deadline, err) : write_plain(c, records, n, deadline, err);
}

enum sl_rc sl_compact_put_all(struct sl_compact *c, const struct sl_compact_record *records, uint32_t n, int timeout_ms,
                              struct sl_err *err)
{
        int64_t deadline = sl_mono_ms() + timeout_ms;

        SL_TRY(write_all(c, records, n, deadline, err));
        if (!n)
                return SL_OK;
        c->awaited = &records[n - 1]; /* positions are believed, but where a record stands nothing protects on its way here */
        enum sl_rc rc = sl_compact_refresh(c, left_ms(deadline), err);
        c->awaited = NULL;
        return rc;
}

enum sl_rc sl_compact_write(struct sl_compact *c, struct sl_str key, struct sl_str value, int timeout_ms,
                            struct sl_err *err)
{
        return write_all(c, &(struct sl_compact_record){key, value}, 1, sl_mono_ms() + timeout_ms, err);
}

enum sl_rc sl_compact_put(struct sl_compact *c, struct sl_str key, struct sl_str value, int timeout_ms,
                          struct sl_err *err)
{
        return sl_compact_put_all(c, &(struct sl_compact_record){key, value}, 1, timeout_ms, err);
}

enum sl_rc sl_compact_fence(struct sl_compact *c, const char *transactional_id, int timeout_ms, struct sl_err *err)
{
        end_writer(c);
        free(c->fence);
        c->fence = transactional_id ? sl_strdup(transactional_id) : NULL;
        c->lost = c->fence != NULL;
        if (!c->fence)
                return SL_OK;
        c->give_up = sl_mono_ms() + timeout_ms;
        SL_TRY(start_writer(c, err));
        enum sl_rc rc = sl_producer_init(c->producer, err);
        if (rc != SL_OK)
                end_writer(c);
        c->lost = rc != SL_OK;
        return rc;
}

/* --- Life ------------------------------------------------------------------------------------------------------------
 */

static void choose_parts(struct sl_compact *c, int32_t partitions)
{
        const char *key = c->opts.key_filter;

        c->count = key ? 1 : (uint32_t)partitions;
        c->parts = sl_calloc(c->count, sizeof(*c->parts));
        for (uint32_t i = 0; i < c->count; i++)
                c->parts[i].id = key ? rd_kafka_msg_partitioner_murmur2(NULL, key, strlen(key), partitions, NULL, NULL)
                                     : (int32_t)i;
}

enum sl_rc sl_compact_open(const struct sl_compact_opts *opts, int timeout_ms, struct sl_compact **ret,
                           struct sl_err *err)
{
        int64_t deadline = sl_mono_ms() + timeout_ms;
        struct sl_compact *c = sl_calloc(1, sizeof(*c));
        int32_t partitions = 0;

        c->opts = *opts;
        c->opts.topic = sl_strdup(opts->topic);
        c->opts.role = sl_strdup(opts->role ? opts->role : "offset.storage.topic");
        enum sl_rc rc = ensure_topic(c, deadline, &partitions, err);
        c->opts.topic_config = NULL;
        if (rc == SL_OK) {
                choose_parts(c, partitions);
                rc = start_reader(c, err);
        }
        c->opts.key_filter = NULL;
        if (rc == SL_OK)
                rc = sl_compact_refresh(c, left_ms(deadline), err);
        if (rc != SL_OK) {
                sl_compact_close(c);
                return rc;
        }
        *ret = c;
        return SL_OK;
}

void sl_compact_close(struct sl_compact *c)
{
        if (!c)
                return;
        end_writer(c);
        free(c->fence);
        if (c->queue)
                rd_kafka_queue_cb_event_enable(c->queue, NULL, NULL);
        for (uint32_t i = 0; i < c->count; i++)
                if (c->parts[i].reading)
                        rd_kafka_consume_stop(c->topic, c->parts[i].id);
        if (c->topic)
                rd_kafka_topic_destroy(c->topic);
        if (c->queue)
                rd_kafka_queue_destroy(c->queue);
        if (c->rk)
                rd_kafka_destroy(c->rk);
        free(c->parts);
        free((char *)c->opts.topic);
        free((char *)c->opts.role);
        free(c);
}
