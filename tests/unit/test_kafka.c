/* SPDX-License-Identifier: Apache-2.0 */
/* Producer, consumer, admin and compacted store against librdkafka's mock cluster: transactions, fencing, slow and
 * absent brokers, a full queue, rebalances, seeks. What the mock can't do (real transactions, topic configs) is tried
 * in integration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "kafka/admin.h"
#include "kafka/consumer.h"
#include "kafka/packed.h"
#include "kafka/producer.h"

static rd_kafka_t *host;
static rd_kafka_mock_cluster_t *mock;
static struct sl_props worker, connector;
static struct sl_kafka_cfg cfg = {&worker, &connector};

#define ok(call)                                                                                                       \
        do {                                                                                                           \
                if ((call) != SL_OK)                                                                                   \
                        fail_msg("%s: %s", #call, err.msg);                                                            \
        } while (0)

static int setup(void **state)
{
        char why[256];
        rd_kafka_conf_t *conf = rd_kafka_conf_new();

        (void)state;
        rd_kafka_conf_set(conf, "log_level", "2", NULL, 0);
        host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
        mock = rd_kafka_mock_cluster_new(host, 1);
        sl_props_set(&worker, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock));
        rd_kafka_mock_group_initial_rebalance_delay_ms(mock, 50);
        /* The mock waits out the session of a member that doesn't come back, even of one that left. */
        sl_props_set(&worker, "consumer.session.timeout.ms", "3000");
        sl_props_set(&worker, "consumer.heartbeat.interval.ms", "200");
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        rd_kafka_mock_cluster_destroy(mock);
        rd_kafka_destroy(host);
        sl_props_free(&worker);
        return 0;
}

static struct sl_producer *producer(const char *id)
{
        struct sl_producer_opts opts = {.cfg = cfg, .client_id = "p", .transactional_id = id};
        struct sl_producer *p = NULL;
        struct sl_err err = {0};

        ok(sl_producer_new(&opts, &p, &err));
        if (id)
                ok(sl_producer_init(p, &err));
        return p;
}

static enum sl_rc put(struct sl_producer *p, const char *topic, int partition, const char *key, const char *value,
                      struct sl_err *err)
{
        struct sl_message m = {.topic = sl_str_c(topic),
                               .partition = partition,
                               .key = sl_str_c(key),
                               .value = sl_str_c(value),
                               .timestamp_ms = -1};
        bool full;

        enum sl_rc rc = sl_producer_send(p, &m, &full, err);
        assert_true(rc != SL_OK || !full);
        return rc;
}

/* --- Reading ---------------------------------------------------------------------------------------------------------
 */

struct seen {
        uint32_t assigned, revoked, lost, parts;
        int64_t start[8];
        struct sl_consumer *c; /* set to seek inside assigned */
        int64_t seek_to;
};

static void on_assigned(void *arg, const struct sl_tp_offset *parts, uint32_t n)
{
        struct seen *seen = arg;

        seen->assigned++;
        seen->parts = n;
        for (uint32_t i = 0; i < n; i++) {
                if (parts[i].tp.partition < 8)
                        seen->start[parts[i].tp.partition] = parts[i].offset;
                if (seen->c) {
                        struct sl_err err = {0};
                        ok(sl_consumer_seek(seen->c, parts[i].tp, seen->seek_to, &err));
                }
        }
}

static void on_revoked(void *arg, const struct sl_tp *parts, uint32_t n, bool lost)
{
        struct seen *seen = arg;

        (void)parts;
        seen->revoked++;
        seen->parts -= n;
        seen->lost += lost;
}

static struct sl_consumer *consumer(const char *group, const char *topic, struct seen *seen)
{
        struct sl_cfg_list topics = {&topic, 1};
        struct sl_consumer_opts opts = {.cfg = cfg,
                                        .client_id = "c",
                                        .group_id = group,
                                        .topics = &topics,
                                        .own_topic = "t-own",
                                        .assigned = on_assigned,
                                        .revoked = on_revoked,
                                        .arg = seen};
        struct sl_consumer *c = NULL;
        struct sl_err err = {0};

        ok(sl_consumer_new(&opts, &c, &err));
        return c;
}

/* Poll until the batch has n records or the time is up; number of records. */
static uint32_t read_n(struct sl_consumer *c, struct sl_batch *batch, uint32_t n, int limit_ms)
{
        int64_t deadline = sl_mono_ms() + limit_ms;
        struct sl_err err = {0};

        while (batch->count < n && sl_mono_ms() < deadline)
                ok(sl_consumer_poll(c, batch, 50, &err));
        return batch->count;
}

/* --- Tests -----------------------------------------------------------------------------------------------------------
 */

static void test_transaction_commit_and_abort(void **state)
{
        struct sl_err err = {0};
        struct sl_producer *p = producer("txn-1");

        (void)state;
        for (int round = 0; round < 3; round++) {
                ok(sl_producer_begin(p, &err));
                for (int i = 0; i < 1000; i++)
                        ok(put(p, "t-txn", i & 3, "k", "v", &err));
                if (round == 1)
                        ok(sl_producer_abort(p, &err)); /* purged records are no failure */
                else
                        ok(sl_producer_commit(p, &err));
                ok(sl_producer_serve(p, 0, &err));
                assert_int_equal(sl_producer_queued(p), 0);
        }
        sl_producer_free(p);
}

/* A broker takes any sequence as the first one of a producer in a partition (the mock does not). So when it refuses the first of several
 * batches that are on their way and takes the second, the first would be lost: it has to go alone. */
static void test_refused_first_batch(void **state)
{
        struct sl_err err = {0};
        struct seen seen = {0};
        struct sl_batch batch;

        (void)state;
        sl_props_set(&worker, "producer.batch.size", "1"); /* each record is a batch */
        struct sl_producer *p = producer("txn-first");
        sl_props_set(&worker, "producer.batch.size", "1000000");
        sl_batch_init(&batch, 100, 1 << 20);
        rd_kafka_mock_topic_create(mock, "t-first", 1, 1);
        ok(sl_producer_begin(p, &err));
        rd_kafka_mock_push_request_errors(mock, 0 /* Produce */, 1, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
        for (int i = 0; i < 5; i++)
                ok(put(p, "t-first", 0, &"12345"[i], "v", &err));
        ok(sl_producer_commit(p, &err));
        sl_producer_free(p);

        struct sl_consumer *c = consumer("g-first", "t-first", &seen);
        assert_int_equal(read_n(c, &batch, 5, 15000), 5);
        sl_batch_free(&batch);
        sl_consumer_close(c);
}

static int64_t cpu_us(void)
{
        struct rusage u;

        getrusage(RUSAGE_SELF, &u);
        return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

/* While a commit waits for a slow broker the machine's other processes, the broker among them, have the processor. */
static void test_a_waiting_commit_sleeps(void **state)
{
        struct sl_err err = {0};

        (void)state;
        sl_props_set(&worker, "producer.batch.size", "1"); /* each record is a batch */
        struct sl_producer *p = producer("txn-sleep");
        sl_props_set(&worker, "producer.batch.size", "1000000");
        rd_kafka_mock_topic_create(mock, "t-sleep", 1, 1);
        ok(sl_producer_begin(p, &err));
        for (int i = 0; i < 30; i++) /* more than may be on their way at once */
                ok(put(p, "t-sleep", 0, "k", "v", &err));
        rd_kafka_mock_broker_set_rtt(mock, 1, 300);
        int64_t cpu = cpu_us(), wall = sl_mono_us();
        ok(sl_producer_commit(p, &err));
        cpu = cpu_us() - cpu;
        wall = sl_mono_us() - wall;
        rd_kafka_mock_broker_set_rtt(mock, 1, 0);
        print_message("%ld ms of the processor in %ld ms\n", cpu / 1000, wall / 1000);
        assert_true(wall > 1000000);
        assert_true(cpu < wall / 4);
        sl_producer_free(p);
}

static void test_failed_record_demands_abort(void **state)
{
        struct sl_err err = {0}, why = {0};
        struct sl_producer *p = producer("txn-2");

        (void)state;
        ok(sl_producer_begin(p, &err));
        rd_kafka_mock_push_request_errors(mock, 0 /* Produce */, 1, RD_KAFKA_RESP_ERR_INVALID_RECORD);
        ok(put(p, "t-fail", 0, "k", "v", &err));
        assert_int_equal(sl_producer_commit(p, &why), SL_FATAL); /* the same record would fail again: says so */
        assert_int_equal(why.id, SL_E_KAFKA_FATAL);
        ok(sl_producer_abort(p, &err));
        /* The refused record left a hole in the sequence: librdkafka may need one more round to close it. */
        enum sl_rc rc = SL_TRANSIENT;
        for (int round = 0; round < 3 && rc != SL_OK; round++) {
                struct sl_err again = {0};
                ok(sl_producer_begin(p, &err));
                ok(put(p, "t-fail", 0, "k", "v2", &err));
                rc = sl_producer_commit(p, &again);
                if (rc != SL_OK) {
                        assert_int_equal(again.id, SL_E_KAFKA_ABORT);
                        ok(sl_producer_abort(p, &err));
                }
        }
        assert_int_equal(rc, SL_OK);
        sl_producer_free(p);
}

static void test_fenced(void **state)
{
        struct sl_err err = {0}, why = {0};
        struct sl_producer *p = producer("txn-3");

        (void)state;
        ok(sl_producer_begin(p, &err));
        ok(put(p, "t-fence", 0, "k", "v", &err));
        rd_kafka_mock_push_request_errors(mock, 26 /* EndTxn */, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
        assert_int_equal(sl_producer_commit(p, &why), SL_TRANSIENT);
        assert_int_equal(why.id, SL_E_KAFKA_FENCED);
        struct sl_err again = {0};
        assert_int_not_equal(put(p, "t-fence", 0, "k", "v", &again), SL_OK);
        assert_int_equal(again.id, SL_E_KAFKA_FENCED);
        struct sl_err third = {0};
        assert_int_not_equal(sl_producer_serve(p, 0, &third), SL_OK);
        assert_int_equal(third.id, SL_E_KAFKA_FENCED);
        sl_producer_free(p);
}

/* The fence reaches it with the answer to a Produce: each call behind it says so, too. */
static void test_fenced_while_it_sends(void **state)
{
        struct sl_err err = {0}, put_why = {0}, serve_why = {0}, commit_why = {0};
        struct sl_producer *p = producer("txn-3b");

        (void)state;
        ok(sl_producer_begin(p, &err));
        rd_kafka_mock_push_request_errors(mock, 0 /* Produce */, 1, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
        enum sl_rc rc = SL_OK;
        for (int i = 0; i < 500 && rc == SL_OK; i++) {
                rc = put(p, "t-fence", 0, "k", "v", &put_why);
                usleep(20000);
        }
        assert_int_equal(put_why.id, SL_E_KAFKA_FENCED);
        assert_int_not_equal(sl_producer_serve(p, 100, &serve_why), SL_OK);
        assert_int_equal(serve_why.id, SL_E_KAFKA_FENCED);
        assert_int_not_equal(sl_producer_commit(p, &commit_why), SL_OK);
        assert_int_equal(commit_why.id, SL_E_KAFKA_FENCED);
        sl_producer_free(p);
}

static int ticks;
static enum sl_rc tick(void *arg, struct sl_err *err)
{
        int *limit = arg;

        ticks++;
        return ticks >= *limit ? sl_fail(err, SL_E_STOPPED, "asked to stop") : SL_OK;
}

struct moved {
        rd_kafka_mock_cluster_t *cluster;
        int port, ticks;
};

static enum sl_rc move_back(void *arg, struct sl_err *err)
{
        struct moved *m = arg;

        (void)err;
        if (++m->ticks == 3)
                rd_kafka_mock_broker_set_host_port(m->cluster, 1, "127.0.0.1", m->port);
        return SL_OK;
}

/* The only broker tells a wrong address for a while, as one that moves may, or one with a wrong listener. */
static void test_a_broker_that_told_a_wrong_address(void **state)
{
        struct sl_err err = {0};
        struct sl_props props = {0};
        struct moved moved = {.cluster = rd_kafka_mock_cluster_new(host, 1)};
        const char *address = rd_kafka_mock_cluster_bootstraps(moved.cluster);
        struct sl_producer_opts opts = {
                .cfg = {.worker = &props}, .client_id = "p", .transactional_id = "txn-moved", .tick = move_back, .tick_arg = &moved};
        struct sl_producer *p;

        (void)state;
        moved.port = atoi(strchr(address, ':') + 1);
        sl_props_set(&props, "bootstrap.servers", address);
        rd_kafka_mock_broker_set_host_port(moved.cluster, 1, "127.0.0.1", 1); /* nobody listens there */
        ok(sl_producer_new(&opts, &p, &err));
        ok(sl_producer_init(p, &err)); /* gives up after a minute */
        assert_true(moved.ticks >= 3);
        sl_producer_free(p);
        rd_kafka_mock_cluster_destroy(moved.cluster);
        sl_props_free(&props);
}

static void test_slow_commit_is_resumed_with_ticks(void **state)
{
        struct sl_err err = {0};
        int limit = 1000;
        struct sl_producer_opts opts = {
                .cfg = cfg, .client_id = "p", .transactional_id = "txn-4", .tick = tick, .tick_arg = &limit};
        struct sl_producer *p;

        (void)state;
        ok(sl_producer_new(&opts, &p, &err));
        ok(sl_producer_init(p, &err));
        ok(sl_producer_begin(p, &err));
        ok(put(p, "t-slow", 0, "k", "v", &err));
        ticks = 0;
        rd_kafka_mock_broker_set_rtt(mock, 1, 1500);
        ok(sl_producer_commit(p, &err));
        assert_true(ticks >= 1);
        /* A tick that fails ends the call. */
        rd_kafka_mock_broker_set_rtt(mock, 1, 0);
        ok(sl_producer_begin(p, &err));
        ok(put(p, "t-slow", 0, "k", "v", &err));
        rd_kafka_mock_broker_set_rtt(mock, 1, 3000);
        limit = ticks + 1;
        struct sl_err why = {0};
        assert_int_equal(sl_producer_commit(p, &why), SL_TRANSIENT);
        assert_int_equal(why.id, SL_E_STOPPED);
        rd_kafka_mock_broker_set_rtt(mock, 1, 0);
        int64_t before = sl_mono_ms();
        sl_producer_free(p);
        assert_true(sl_mono_ms() - before < 2000);
}

static void test_init_lowers_the_transaction_timeout(void **state)
{
        struct sl_err err = {0};
        struct sl_producer_opts opts = {.cfg = cfg, .client_id = "p", .transactional_id = "txn-5"};
        struct sl_producer *p;

        (void)state;
        rd_kafka_mock_push_request_errors(mock, 22 /* InitProducerId */, 2,
                                          RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT,
                                          RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT);
        ok(sl_producer_new(&opts, &p, &err));
        ok(sl_producer_init(p, &err));
        ok(sl_producer_begin(p, &err));
        ok(put(p, "t-init", 0, "k", "v", &err));
        ok(sl_producer_commit(p, &err));
        sl_producer_free(p);
        /* The user's own value is not changed. */
        sl_props_set(&worker, "producer.transaction.timeout.ms", "900000");
        rd_kafka_mock_push_request_errors(mock, 22, 1, RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT);
        ok(sl_producer_new(&opts, &p, &err));
        struct sl_err why = {0};
        assert_int_equal(sl_producer_init(p, &why), SL_FATAL);
        assert_non_null(strstr(why.msg, "producer.override.transaction.timeout.ms"));
        sl_producer_free(p);
        sl_props_remove(&worker, "producer.transaction.timeout.ms");
}

static void test_full_queue_wakes_the_fd(void **state)
{
        static char value[20000];
        struct sl_err err = {0};
        struct sl_producer_opts opts = {
                .cfg = cfg, .client_id = "p", .transactional_id = "txn-6", .queue_bytes = 200000};
        struct sl_producer *p;
        struct sl_message m = {.topic = SL_STR("t-full"), .value = {value, sizeof(value)}, .timestamp_ms = -1};
        bool full = false;
        int sent = 0;

        (void)state;
        /* A queue has room for the largest message. */
        sl_props_set(&worker, "producer.max.request.size", "100000");
        ok(sl_producer_new(&opts, &p, &err));
        ok(sl_producer_init(p, &err));
        ok(sl_producer_begin(p, &err));
        while (!full && sent < 100) {
                ok(sl_producer_send(p, &m, &full, &err));
                sent += !full;
        }
        assert_true(full);
        assert_true(sent <= 10);
        sl_producer_fd_clear(p);
        struct pollfd wait = {.fd = sl_producer_fd(p), .events = POLLIN};
        assert_int_equal(poll(&wait, 1, 5000), 1);
        sl_producer_fd_clear(p);
        ok(sl_producer_serve(p, 0, &err));
        ok(sl_producer_commit(p, &err));
        assert_int_equal(sl_producer_queued(p), 0);
        sl_producer_free(p);
        sl_props_remove(&worker, "producer.max.request.size");
}

/* It is larger than what the queue may hold: it would be full for good. */
static void test_queue_has_room_for_a_message(void **state)
{
        static char value[900000];
        struct sl_err err = {0};
        struct sl_producer_opts opts = {
                .cfg = cfg, .client_id = "p", .transactional_id = "txn-room", .queue_bytes = 200000};
        struct sl_producer *p;
        struct sl_message m = {.topic = SL_STR("t-room"), .value = {value, sizeof(value)}, .timestamp_ms = -1};
        bool full = false;

        (void)state;
        ok(sl_producer_new(&opts, &p, &err));
        ok(sl_producer_init(p, &err));
        ok(sl_producer_begin(p, &err));
        ok(sl_producer_send(p, &m, &full, &err));
        assert_false(full);
        ok(sl_producer_commit(p, &err));
        sl_producer_free(p);
}

static void test_too_large_is_known_at_send(void **state)
{
        static char value[1100000];
        struct sl_err err = {0};
        struct sl_producer *p = producer(NULL);
        struct sl_message m = {.topic = SL_STR("t-large"), .value = {value, sizeof(value)}, .timestamp_ms = -1};
        bool full;

        (void)state;
        assert_int_equal(sl_producer_send(p, &m, &full, &err), SL_FATAL);
        assert_int_equal(err.id, SL_E_TOO_LARGE);
        assert_int_equal(err.scope, SL_SCOPE_RECORD);
        sl_producer_free(p);
}

struct delivery {
        uint64_t cookies, failed, count;
};
static void on_delivered(void *arg, uint64_t cookie, bool good)
{
        struct delivery *d = arg;

        d->cookies += cookie;
        d->failed += !good;
        d->count++;
}

static void test_at_least_once_reports_every_record(void **state)
{
        struct delivery d = {0};
        struct sl_err err = {0};
        struct sl_producer_opts opts = {.cfg = cfg, .client_id = "p", .delivered = on_delivered, .delivered_arg = &d};
        struct sl_kheader headers[] = {{SL_STR("a"), SL_STR("1")}, {SL_STR("a"), SL_STR_NULL}};
        struct sl_producer *p;

        (void)state;
        ok(sl_producer_new(&opts, &p, &err));
        for (uint64_t i = 1; i <= 100; i++) {
                struct sl_message m = {.topic = SL_STR("t-alo"),
                                       .partition = 0,
                                       .value = SL_STR("v"),
                                       .cookie = i,
                                       .timestamp_ms = -1,
                                       .headers = headers,
                                       .header_count = i & 1 ? 2 : 0};
                bool full;
                ok(sl_producer_send(p, &m, &full, &err));
        }
        ok(sl_producer_flush(p, 10000, &err));
        assert_int_equal(d.count, 100);
        assert_int_equal(d.cookies, 5050);
        assert_int_equal(d.failed, 0);
        rd_kafka_mock_push_request_errors(mock, 0, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
        struct sl_message m = {
                .topic = SL_STR("t-alo"), .partition = 0, .value = SL_STR("v"), .cookie = 7, .timestamp_ms = -1};
        bool full;
        ok(sl_producer_send(p, &m, &full, &err));
        struct sl_err why = {0};
        assert_int_equal(sl_producer_flush(p, 10000, &why), SL_FATAL);
        assert_int_equal(d.failed, 1);
        sl_producer_free(p);
}

static void fill(const char *topic, int from, int to)
{
        struct sl_producer *p = producer(NULL);
        struct sl_err err = {0};
        char value[16];

        for (int i = from; i < to; i++) {
                snprintf(value, sizeof(value), "%d", i);
                ok(put(p, topic, 0, NULL, value, &err));
        }
        ok(sl_producer_flush(p, 10000, &err));
        sl_producer_free(p);
}

/* Headers travel packed: lengths around each size of their numbers, nulls, empty ones, and many of them. */
static void test_packed_headers(void **state)
{
        /* More bytes than a number has; -1 and 2 and too many headers; a key that is null; lengths that are no lengths. */
        const struct sl_str damaged[] = {SL_STR("\x80\x80\x80\x80\x80\x01"), SL_STR("\x01" "ab"), SL_STR("\x04\x02" "a\x01"),
                                                SL_STR("\xfe\xff\xff\xff\x0f\x02" "a\x01"), SL_STR("\x02\x01\x01"), SL_STR("\x02\x02" "a\x03"),
                                                SL_STR("\x02\x02" "a\x7e"), SL_STR("\x02\x7e" "a\x01")};
        struct sl_kheader in[] = {{SL_STR("a"), SL_STR_NULL}, {SL_STR(""), SL_STR("")}, {SL_STR("n"), {"\0\1", 2}}, {SL_STR("long"), {NULL, 0}}}, out[4];
        struct sl_buf b = {0};
        char text[300];

        (void)state;
        memset(text, 'x', sizeof(text));
        in[3].value = (struct sl_str){text, sizeof(text)};
        sl_headers_pack(&b, in, 4);
        assert_int_equal(sl_headers_count((struct sl_str){b.ptr, b.len}), 4);
        assert_true(sl_headers_unpack((struct sl_str){b.ptr, b.len}, out, 4));
        for (size_t i = 0; i < 4; i++) {
                assert_true(sl_str_eq(in[i].key, out[i].key) && sl_str_eq(in[i].value, out[i].value));
                assert_int_equal(!in[i].value.ptr, !out[i].value.ptr);
        }
        for (size_t n = 0; n < b.len; n++) { /* cut anywhere; a copy, so that a sanitizer sees what lies behind */
                char *cut = sl_malloc(n ? n : 1);
                memcpy(cut, b.ptr, n);
                assert_false(sl_headers_unpack((struct sl_str){cut, n}, out, 4));
                free(cut);
        }
        for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
                uint32_t n = sl_headers_count(damaged[i]);
                assert_true(n <= 1);
                assert_false(n && sl_headers_unpack(damaged[i], out, n));
        }
        assert_int_equal(sl_headers_count(SL_STR_NULL), 0);
        sl_buf_free(&b);
}

static void test_headers_arrive(void **state)
{
        enum { MANY = 200 };
        static const size_t lengths[] = {0, 1, 63, 64, 65, 8191, 8192, 20000};
        struct seen seen = {0};
        struct sl_err err = {0};
        struct sl_batch batch;
        struct sl_kheader headers[MANY];
        struct sl_producer *p = producer(NULL);
        char *text = sl_calloc(1, 20001);
        bool full;

        (void)state;
        memset(text, 'x', 20000);
        rd_kafka_mock_topic_create(mock, "t-headers", 1, 1);
        for (uint32_t i = 0; i < MANY; i++)
                headers[i] = (struct sl_kheader){{text, lengths[i % 8] % 100},
                                                 {i % 3 ? text : NULL, i % 3 ? lengths[(i / 3) % 8] : 0}};
        for (uint32_t n = 0; n <= MANY; n++) {
                struct sl_message m = {.topic = SL_STR("t-headers"),
                                       .partition = 0,
                                       .key = {text, n & 1 ? 3 : 0},
                                       .value = {n & 2 ? text : NULL, n & 2 ? 100 : 0},
                                       .timestamp_ms = n & 4 ? 1700000000000 : -1,
                                       .headers = headers,
                                       .header_count = n};
                ok(sl_producer_send(p, &m, &full, &err));
        }
        ok(sl_producer_flush(p, 10000, &err));
        sl_producer_free(p);
        sl_batch_init(&batch, 5000, 64 << 20);
        struct sl_consumer *c = consumer("g-headers", "t-headers", &seen);
        assert_int_equal(read_n(c, &batch, MANY + 1, 20000), MANY + 1);
        for (uint32_t n = 0; n <= MANY; n++) {
                const struct sl_record *rec = &batch.records[n];
                assert_int_equal(rec->header_count, n);
                assert_int_equal(rec->raw_value.len, n & 2 ? 100 : 0);
                for (uint32_t i = 0; i < n; i++) {
                        assert_true(sl_str_eq(rec->headers[i]->key, headers[i].key));
                        assert_true(sl_str_eq(rec->headers[i]->raw, headers[i].value));
                        assert_int_equal(rec->headers[i]->raw.ptr == NULL, headers[i].value.ptr == NULL);
                }
        }
        sl_consumer_close(c);
        sl_batch_free(&batch);
        free(text);
}

static void test_consume_commit_seek_pause(void **state)
{
        struct seen seen = {0};
        struct sl_err err = {0};
        struct sl_batch batch;

        (void)state;
        rd_kafka_mock_topic_create(mock, "t-con", 1, 1);
        fill("t-con", 0, 1000);
        sl_batch_init(&batch, 5000, 1 << 20);
        struct sl_consumer *c = consumer("g-con", "t-con", &seen);
        assert_int_equal(read_n(c, &batch, 1000, 20000), 1000);
        assert_int_equal(seen.assigned, 1);
        assert_int_equal(seen.start[0], -1);
        for (uint32_t i = 0; i < 1000; i++) {
                char value[16];
                snprintf(value, sizeof(value), "%u", i);
                assert_int_equal(batch.records[i].offset, i);
                assert_true(sl_str_eqc(batch.records[i].raw_value, value));
                assert_null(batch.records[i].raw_key.ptr);
                assert_ptr_equal(batch.records[i].topic.ptr, sl_consumer_intern(c, "t-con"));
        }
        assert_int_equal(sl_consumer_lag(c), 0);
        struct sl_tp_offset item = {.tp = {sl_consumer_intern(c, "t-con"), 0}, .offset = 400};
        ok(sl_consumer_commit(c, &item, 1, 5000, &err));
        /* Back, with newer records fetched meanwhile. */
        fill("t-con", 1000, 1500);
        usleep(200 * 1000);
        ok(sl_consumer_seek(c, item.tp, 900, &err));
        sl_batch_reset(&batch);
        assert_int_equal(read_n(c, &batch, 600, 20000), 600);
        assert_int_equal(batch.records[0].offset, 900);
        /* Paused: nothing comes, not even after a seek; resumed: from where the seek said. */
        ok(sl_consumer_pause_all(c, &err));
        ok(sl_consumer_seek(c, item.tp, 1200, &err));
        sl_batch_reset(&batch);
        assert_int_equal(read_n(c, &batch, 1, 500), 0);
        ok(sl_consumer_resume_all(c, &err));
        assert_int_equal(read_n(c, &batch, 300, 20000), 300);
        assert_int_equal(batch.records[0].offset, 1200);
        sl_consumer_close(c);
        assert_int_equal(seen.revoked, 1);
        /* A successor begins at the commit, unless told otherwise inside assigned. */
        struct seen next = {.seek_to = 450};
        c = consumer("g-con", "t-con", &next);
        next.c = c;
        sl_batch_reset(&batch);
        assert_int_equal(read_n(c, &batch, 1050, 20000), 1050);
        assert_int_equal(next.start[0], 400);
        assert_int_equal(batch.records[0].offset, 450);
        sl_consumer_close(c);
        sl_batch_free(&batch);
}

/* Another consumer has its group.instance.id: what the fenced one asks for later fails for that reason, too, which passes. */
static void test_a_fenced_consumer_stays_fenced(void **state)
{
        struct seen seen = {0};
        struct sl_err err = {0};
        struct sl_batch batch;

        (void)state;
        rd_kafka_mock_topic_create(mock, "t-fenced", 1, 1);
        fill("t-fenced", 0, 1);
        sl_batch_init(&batch, 10, 1 << 20);
        sl_props_set(&connector, "consumer.override.group.instance.id", "fenced");
        struct sl_consumer *c = consumer("g-fenced", "t-fenced", &seen);
        assert_int_equal(read_n(c, &batch, 1, 20000), 1);
        struct sl_tp_offset item = {.tp = {sl_consumer_intern(c, "t-fenced"), 0}, .offset = 1};
        rd_kafka_mock_push_request_errors(mock, 12 /* Heartbeat */, 2, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
                                          RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
        for (int i = 0; i < 300 && sl_consumer_commit(c, &item, 1, 5000, &err) == SL_OK; i++)
                usleep(50 * 1000);
        assert_int_equal(err.id, SL_E_KAFKA_FENCED);
        assert_int_equal(err.rc, SL_TRANSIENT);
        sl_err_clear(&err);
        assert_int_equal(sl_consumer_read_too(c, &err), SL_TRANSIENT);
        assert_int_equal(err.id, SL_E_KAFKA_FENCED);
        /* It has not polled all the while: that its partitions go and that it is fenced come together, and both are told. */
        sl_err_clear(&err);
        for (int i = 0; i < 50 && sl_consumer_poll(c, &batch, 100, &err) == SL_OK; i++)
                sl_batch_reset(&batch);
        assert_int_equal(err.id, SL_E_KAFKA_FENCED);
        assert_int_equal(seen.revoked, 1);
        sl_consumer_close(c);
        sl_batch_free(&batch);
        sl_props_free(&connector);
}

static void test_small_batches_keep_the_fd_readable(void **state)
{
        struct seen seen = {0};
        struct sl_err err = {0};
        struct sl_batch batch;

        (void)state;
        rd_kafka_mock_topic_create(mock, "t-small", 1, 1);
        fill("t-small", 0, 100);
        sl_batch_init(&batch, 7, 1 << 20);
        struct sl_consumer *c = consumer("g-small", "t-small", &seen);
        uint32_t total = read_n(c, &batch, 7, 20000);
        for (int64_t next = total; total < 100;) { /* as a line does: wait for the fd, then poll without waiting */
                struct pollfd wait = {.fd = sl_consumer_fd(c), .events = POLLIN};
                assert_int_equal(poll(&wait, 1, 5000), 1);
                sl_consumer_fd_clear(c);
                sl_batch_reset(&batch);
                ok(sl_consumer_poll(c, &batch, 0, &err));
                assert_true(batch.count <= 7);
                for (uint32_t i = 0; i < batch.count; i++)
                        assert_int_equal(batch.records[i].offset, next++);
                total += batch.count;
        }
        sl_consumer_close(c);
        sl_batch_free(&batch);
}

/* A record into each partition. */
static void fill_partitions(const char *topic, int32_t n)
{
        struct sl_producer *p = producer(NULL);
        struct sl_err err = {0};

        for (int32_t i = 0; i < n; i++)
                ok(put(p, topic, i, NULL, "x", &err));
        ok(sl_producer_flush(p, 10000, &err));
        sl_producer_free(p);
}

static void test_rebalance_moves_partitions(void **state)
{
        struct seen one = {0}, two = {0};
        struct sl_err err = {0};
        struct sl_batch batch;

        (void)state;
        rd_kafka_mock_topic_create(mock, "t-reb", 4, 1);
        sl_batch_init(&batch, 5000, 1 << 20);
        struct sl_consumer *a = consumer("g-reb", "t-reb", &one);
        for (int64_t end = sl_mono_ms() + 20000; one.parts != 4 && sl_mono_ms() < end;)
                ok(sl_consumer_poll(a, &batch, 50, &err));
        assert_int_equal(one.parts, 4);
        ok(sl_consumer_pause_all(a, &err)); /* a sink that waits: what goes and comes back must not stay paused */
        struct sl_consumer *b = consumer("g-reb", "t-reb", &two);
        for (int64_t end = sl_mono_ms() + 30000; (one.parts != 2 || two.parts != 2) && sl_mono_ms() < end;) {
                ok(sl_consumer_poll(a, &batch, 20, &err));
                ok(sl_consumer_poll(b, &batch, 20, &err));
        }
        assert_int_equal(one.parts, 2);
        assert_int_equal(two.parts, 2);
        assert_true(one.revoked >= 1); /* a loaded machine may need more rounds */
        sl_consumer_close(b);
        assert_int_equal(two.parts, 0);
        ok(sl_consumer_resume_all(a, &err));
        for (int64_t end = sl_mono_ms() + 30000; one.parts != 4 && sl_mono_ms() < end;)
                ok(sl_consumer_poll(a, &batch, 50, &err));
        assert_int_equal(one.parts, 4);
        fill_partitions("t-reb", 4);
        assert_int_equal(read_n(a, &batch, 4, 20000), 4);
        sl_consumer_close(a);
        assert_int_equal(one.parts, 0);
        sl_batch_free(&batch);
}

static void test_close_is_bounded_without_brokers(void **state)
{
        struct seen seen = {0};
        struct sl_batch batch;

        (void)state;
        rd_kafka_mock_topic_create(mock, "t-gone", 1, 1);
        fill("t-gone", 0, 1);
        sl_batch_init(&batch, 10, 1 << 20);
        struct sl_consumer *c = consumer("g-gone", "t-gone", &seen);
        assert_int_equal(read_n(c, &batch, 1, 20000), 1);
        rd_kafka_mock_broker_set_down(mock, 1);
        int64_t before = sl_mono_ms();
        sl_consumer_close(c);
        assert_true(sl_mono_ms() - before < 12000);
        assert_int_equal(seen.parts, 0);
        rd_kafka_mock_broker_set_up(mock, 1);
        sl_batch_free(&batch);
}

static void test_ping_tells_unreachable(void **state)
{
        struct sl_err err = {0};
        struct sl_admin *a;

        (void)state;
        ok(sl_admin_new(&cfg, "a", &a, &err));
        ok(sl_admin_ping(a, 5000, NULL, &err));
        sl_admin_free(a);
        struct sl_props nowhere = {0};
        sl_props_set(&nowhere, "bootstrap.servers", "127.0.0.1:1");
        struct sl_kafka_cfg cfg2 = {&nowhere, NULL};
        ok(sl_admin_new(&cfg2, "a", &a, &err));
        assert_int_equal(sl_admin_ping(a, 700, NULL, &err), SL_TRANSIENT);
        assert_int_equal(err.id, SL_E_KAFKA_UNREACHABLE);
        assert_non_null(strstr(err.msg, "127.0.0.1:1"));
        sl_admin_free(a);
        sl_props_free(&nowhere);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_transaction_commit_and_abort),
                cmocka_unit_test(test_refused_first_batch),
                cmocka_unit_test(test_a_waiting_commit_sleeps),
                cmocka_unit_test(test_failed_record_demands_abort),
                cmocka_unit_test(test_fenced),
                cmocka_unit_test(test_fenced_while_it_sends),
                cmocka_unit_test(test_slow_commit_is_resumed_with_ticks),
                cmocka_unit_test(test_a_broker_that_told_a_wrong_address),
                cmocka_unit_test(test_init_lowers_the_transaction_timeout),
                cmocka_unit_test(test_full_queue_wakes_the_fd),
                cmocka_unit_test(test_queue_has_room_for_a_message),
                cmocka_unit_test(test_too_large_is_known_at_send),
                cmocka_unit_test(test_at_least_once_reports_every_record),
                cmocka_unit_test(test_packed_headers),
                cmocka_unit_test(test_headers_arrive),
                cmocka_unit_test(test_consume_commit_seek_pause),
                cmocka_unit_test(test_a_fenced_consumer_stays_fenced),
                cmocka_unit_test(test_small_batches_keep_the_fd_readable),
                cmocka_unit_test(test_rebalance_moves_partitions),
                cmocka_unit_test(test_close_is_bounded_without_brokers),
                cmocka_unit_test(test_ping_tells_unreachable),
        };
        sl_log_init(SL_LOG_ERROR, false);
        return cmocka_run_group_tests(tests, setup, teardown);
}
