/* SPDX-License-Identifier: Apache-2.0 */
/* librdkafka's statistics (STATISTICS.md of its source) as the client metrics of Java's producer and consumer. A total is the handle's;
 * an average or a largest value is that of the last interval; a rate is the difference of two texts. What librdkafka does not
 * measure is left out, not guessed. Not on any row's path: one text every interval. */
#include "kafka/kstats.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/metrics.h"

enum field {
        F_TX, F_RX, F_TX_BYTES, F_RX_BYTES, F_TXMSGS, F_RXMSGS, F_TXMSG_BYTES, F_RXMSG_BYTES, F_CONNECTS, F_DISCONNECTS, F_ERRORS,
        F_TOTALS, /* above: what has a rate */
        F_UP = F_TOTALS, F_WAITING, F_RTT_AVG, F_RTT_MAX, F_QUEUE_AVG, F_QUEUE_MAX, F_THROTTLE_AVG, F_THROTTLE_MAX, F_BATCH_AVG,
        F_BATCH_MAX, F_PER_BATCH, F_QUEUE_FREE, F_QUEUE_SIZE, F_LAG_MAX, F_ASSIGNED, F_REBALANCES, F_REBALANCE_AGE,
        FIELDS,
};
struct part {
        int32_t id;
        double lag;
};
struct topic {
        struct topic *next;
        char *name;
        bool seen;
        double msgs, bytes, msgs_rate, bytes_rate;
        struct part *parts;
        size_t nparts;
};
struct sl_kstats {
        struct sl_kstats *next;
        enum sl_kclient kind;
        char *labels; /* clientid="..." */
        bool committed_only, filled;
        _Atomic uint64_t errors;
        double v[FIELDS], rate[F_TOTALS];
        int64_t at_us;
        struct topic *topics;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sl_kstats *all;

/* ---- life ---- */

static bool conf_get(const rd_kafka_conf_t *conf, const char *key, char *text, size_t room)
{
        return rd_kafka_conf_get(conf, key, text, &room) == RD_KAFKA_CONF_OK;
}

struct sl_kstats *sl_kstats_attach(rd_kafka_conf_t *conf, enum sl_kclient kind, const struct sl_props *worker,
                                   int (*callback)(rd_kafka_t *rk, char *json, size_t len, void *opaque))
{
        const char *interval = worker ? sl_props_get(worker, SL_KAFKA_STATS_KEY) : NULL;
        char text[512];
        if (!interval)
                interval = SL_KAFKA_STATS_DEFAULT;
        if (strcmp(interval, "0") == 0 ||
            rd_kafka_conf_set(conf, "statistics.interval.ms", interval, text, sizeof(text)) != RD_KAFKA_CONF_OK)
                return NULL;
        rd_kafka_conf_set_stats_cb(conf, callback);
        struct sl_kstats *s = sl_calloc(1, sizeof(*s));
        struct sl_buf labels = {0};
        s->kind = kind;
        s->committed_only = conf_get(conf, "isolation.level", text, sizeof(text)) && strcmp(text, "read_committed") == 0;
        sl_metric_label(&labels, "clientid", conf_get(conf, "client.id", text, sizeof(text)) ? text : "");
        s->labels = sl_strdup(sl_buf_cstr(&labels));
        sl_buf_free(&labels);
        pthread_mutex_lock(&lock);
        struct sl_kstats **at = &all;
        while (*at)
                at = &(*at)->next;
        *at = s;
        pthread_mutex_unlock(&lock);
        return s;
}

static void free_topic(struct topic *t)
{
        free(t->name);
        free(t->parts);
        free(t);
}

void sl_kstats_free(struct sl_kstats *s)
{
        if (!s)
                return;
        pthread_mutex_lock(&lock);
        for (struct sl_kstats **at = &all; *at; at = &(*at)->next)
                if (*at == s) {
                        *at = s->next;
                        break;
                }
        pthread_mutex_unlock(&lock);
        for (struct topic *t = s->topics, *next; t; t = next) {
                next = t->next;
                free_topic(t);
        }
        free(s->labels);
        free(s);
}

void sl_kstats_error(struct sl_kstats *s)
{
        if (s)
                atomic_fetch_add(&s->errors, 1);
}

/* ---- reading a text ---- */

static double num(const json_t *obj, const char *key)
{
        return json_number_value(json_object_get(obj, key));
}

/* librdkafka's windows ({"avg":..,"max":..,"cnt":..}) of several brokers or topics as one. */
struct mean {
        double sum, count, max;
};
static void mean_add(struct mean *m, const json_t *window)
{
        double count = num(window, "cnt");
        m->sum += num(window, "avg") * count;
        m->count += count;
        m->max = count && num(window, "max") > m->max ? num(window, "max") : m->max;
}

static void mean_put(const struct mean *m, double *avg, double *max, double divisor)
{
        *avg = m->count > 0 ? m->sum / m->count / divisor : NAN;
        if (max)
                *max = m->count > 0 ? m->max / divisor : NAN;
}

static void read_brokers(double *v, json_t *brokers)
{
        struct mean rtt = {0}, queue = {0}, throttle = {0};
        const char *name;
        json_t *b;
        json_object_foreach(brokers, name, b)
        {
                const char *state = json_string_value(json_object_get(b, "state"));
                v[F_UP] += state && strcmp(state, "UP") == 0;
                v[F_WAITING] += num(b, "waitresp_cnt");
                v[F_CONNECTS] += num(b, "connects");
                v[F_DISCONNECTS] += num(b, "disconnects");
                mean_add(&rtt, json_object_get(b, "rtt"));
                mean_add(&queue, json_object_get(b, "int_latency"));
                mean_add(&throttle, json_object_get(b, "throttle"));
        }
        mean_put(&rtt, &v[F_RTT_AVG], &v[F_RTT_MAX], 1000);
        mean_put(&queue, &v[F_QUEUE_AVG], &v[F_QUEUE_MAX], 1000);
        mean_put(&throttle, &v[F_THROTTLE_AVG], &v[F_THROTTLE_MAX], 1);
}

static struct topic *find_topic(struct sl_kstats *s, const char *name)
{
        struct topic **at = &s->topics;
        while (*at && strcmp((*at)->name, name) != 0)
                at = &(*at)->next;
        if (!*at) {
                *at = sl_calloc(1, sizeof(**at));
                (*at)->name = sl_strdup(name);
        }
        return *at;
}

/* Java's records-lag: what lies between the position and the end that this consumer may read. */
static double lag_of(const struct sl_kstats *s, const json_t *p)
{
        double end = num(p, s->committed_only ? "ls_offset" : "hi_offset");
        double at = fmax(num(p, "app_offset"), num(p, "eof_offset")); /* records don't show where transactions end */
        if (at < 0)
                at = num(p, "committed_offset"); /* nothing read since the assignment */
        if (at < 0)
                at = num(p, "lo_offset");
        return end < 0 || at < 0 ? NAN : fmax(0, end - at);
}

static void read_partitions(struct sl_kstats *s, struct topic *t, json_t *parts, double *v, double seconds)
{
        double msgs = 0, bytes = 0;
        const char *name;
        json_t *p;
        t->seen = true;
        t->nparts = 0;
        t->parts = sl_realloc(t->parts, (json_object_size(parts) + 1) * sizeof(*t->parts));
        json_object_foreach(parts, name, p)
        {
                msgs += num(p, s->kind == SL_K_PRODUCER ? "txmsgs" : "rxmsgs");
                bytes += num(p, s->kind == SL_K_PRODUCER ? "txbytes" : "rxbytes");
                const char *fetch = json_string_value(json_object_get(p, "fetch_state"));
                if (s->kind != SL_K_CONSUMER || !fetch || strcmp(fetch, "active") != 0)
                        continue;
                double lag = lag_of(s, p);
                v[F_ASSIGNED]++;
                if (isnan(lag))
                        continue;
                t->parts[t->nparts++] = (struct part){(int32_t)num(p, "partition"), lag};
                v[F_LAG_MAX] = isnan(v[F_LAG_MAX]) || lag > v[F_LAG_MAX] ? lag : v[F_LAG_MAX];
        }
        t->msgs_rate = seconds > 0 ? (msgs - t->msgs) / seconds : 0;
        t->bytes_rate = seconds > 0 ? (bytes - t->bytes) / seconds : 0;
        t->msgs = msgs;
        t->bytes = bytes;
}

static void read_topics(struct sl_kstats *s, json_t *topics, double *v, double seconds)
{
        struct mean size = {0}, count = {0};
        const char *name;
        json_t *t;
        v[F_LAG_MAX] = NAN;
        for (struct topic *old = s->topics; old; old = old->next)
                old->seen = false;
        json_object_foreach(topics, name, t)
        {
                mean_add(&size, json_object_get(t, "batchsize"));
                mean_add(&count, json_object_get(t, "batchcnt"));
                read_partitions(s, find_topic(s, name), json_object_get(t, "partitions"), v, seconds);
        }
        for (struct topic **at = &s->topics; *at;) {
                struct topic *old = *at;
                if (old->seen) {
                        at = &old->next;
                        continue;
                }
                *at = old->next;
                free_topic(old);
        }
        mean_put(&size, &v[F_BATCH_AVG], &v[F_BATCH_MAX], 1);
        mean_put(&count, &v[F_PER_BATCH], NULL, 1);
}

static void read_top(double *v, const json_t *j)
{
        static const struct {
                enum field field;
                const char *key;
        } keys[] = {{F_TX, "tx"}, {F_RX, "rx"}, {F_TX_BYTES, "tx_bytes"}, {F_RX_BYTES, "rx_bytes"}, {F_TXMSGS, "txmsgs"},
                    {F_RXMSGS, "rxmsgs"}, {F_TXMSG_BYTES, "txmsg_bytes"}, {F_RXMSG_BYTES, "rxmsg_bytes"},
                    {F_QUEUE_SIZE, "msg_size_max"}};
        for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
                v[keys[i].field] = num(j, keys[i].key);
        v[F_QUEUE_FREE] = v[F_QUEUE_SIZE] - num(j, "msg_size");
        const json_t *group = json_object_get(j, "cgrp");
        v[F_REBALANCES] = num(group, "rebalance_cnt");
        v[F_REBALANCE_AGE] = v[F_REBALANCES] > 0 ? num(group, "rebalance_age") / 1000 : NAN;
}

void sl_kstats_update(struct sl_kstats *s, const char *json, size_t len)
{
        double v[FIELDS] = {0};
        sl_auto_json *j = json_loadb(json, len, 0, NULL);
        if (!s || !j)
                return;
        int64_t now = sl_mono_us();
        double seconds = s->filled ? (double)(now - s->at_us) / 1e6 : 0;
        pthread_mutex_lock(&lock);
        read_top(v, j);
        read_brokers(v, json_object_get(j, "brokers"));
        read_topics(s, json_object_get(j, "topics"), v, seconds);
        v[F_ERRORS] = (double)atomic_load(&s->errors);
        for (int i = 0; i < F_TOTALS; i++)
                s->rate[i] = seconds > 0 ? fmax(0, v[i] - s->v[i]) / seconds : 0;
        memcpy(s->v, v, sizeof(v));
        s->at_us = now;
        s->filled = true;
        pthread_mutex_unlock(&lock);
}

/* ---- printing ---- */

#define P "kafka_producer_"
#define C "kafka_consumer_"
#define FETCH "kafka_consumer_fetch_manager_"
#define COORD "kafka_consumer_coordinator_"

struct family {
        const char *name, *help;
        enum sl_metric_type type;
        enum sl_kclient kind;
        int field; /* F_TOTALS and less with rate: its rate */
        bool rate;
};
static const struct family families[] = {
        {P "record_send_total", "Records written.", SL_COUNTER, SL_K_PRODUCER, F_TXMSGS, false},
        {P "record_send_rate", "Records written, a second.", SL_GAUGE, SL_K_PRODUCER, F_TXMSGS, true},
        {P "record_error_total", "Records that could not be written.", SL_COUNTER, SL_K_PRODUCER, F_ERRORS, false},
        {P "record_error_rate", "Records that could not be written, a second.", SL_GAUGE, SL_K_PRODUCER, F_ERRORS, true},
        {P "outgoing_byte_total", "Bytes sent to brokers.", SL_COUNTER, SL_K_PRODUCER, F_TX_BYTES, false},
        {P "outgoing_byte_rate", "Bytes sent to brokers, a second.", SL_GAUGE, SL_K_PRODUCER, F_TX_BYTES, true},
        {P "incoming_byte_total", "Bytes received from brokers.", SL_COUNTER, SL_K_PRODUCER, F_RX_BYTES, false},
        {P "incoming_byte_rate", "Bytes received from brokers, a second.", SL_GAUGE, SL_K_PRODUCER, F_RX_BYTES, true},
        {P "request_total", "Requests sent.", SL_COUNTER, SL_K_PRODUCER, F_TX, false},
        {P "request_rate", "Requests sent, a second.", SL_GAUGE, SL_K_PRODUCER, F_TX, true},
        {P "response_total", "Responses received.", SL_COUNTER, SL_K_PRODUCER, F_RX, false},
        {P "response_rate", "Responses received, a second.", SL_GAUGE, SL_K_PRODUCER, F_RX, true},
        {P "requests_in_flight", "Requests without a response yet.", SL_GAUGE, SL_K_PRODUCER, F_WAITING, false},
        {P "request_latency_avg", "Average time to a response, ms.", SL_GAUGE, SL_K_PRODUCER, F_RTT_AVG, false},
        {P "request_latency_max", "Longest time to a response, ms.", SL_GAUGE, SL_K_PRODUCER, F_RTT_MAX, false},
        {P "record_queue_time_avg", "Average time of a record in the send queue, ms.", SL_GAUGE, SL_K_PRODUCER, F_QUEUE_AVG, false},
        {P "record_queue_time_max", "Longest time of a record in the send queue, ms.", SL_GAUGE, SL_K_PRODUCER, F_QUEUE_MAX, false},
        {P "produce_throttle_time_avg", "Average time that brokers throttled, ms.", SL_GAUGE, SL_K_PRODUCER, F_THROTTLE_AVG, false},
        {P "produce_throttle_time_max", "Longest time that brokers throttled, ms.", SL_GAUGE, SL_K_PRODUCER, F_THROTTLE_MAX, false},
        {P "batch_size_avg", "Average bytes of a batch.", SL_GAUGE, SL_K_PRODUCER, F_BATCH_AVG, false},
        {P "batch_size_max", "Most bytes of a batch.", SL_GAUGE, SL_K_PRODUCER, F_BATCH_MAX, false},
        {P "records_per_request_avg", "Average records of a batch.", SL_GAUGE, SL_K_PRODUCER, F_PER_BATCH, false},
        {P "buffer_total_bytes", "Ceiling of the send queue.", SL_GAUGE, SL_K_PRODUCER, F_QUEUE_SIZE, false},
        {P "buffer_available_bytes", "Room in the send queue.", SL_GAUGE, SL_K_PRODUCER, F_QUEUE_FREE, false},
        {P "connection_count", "Open connections.", SL_GAUGE, SL_K_PRODUCER, F_UP, false},
        {P "connection_creation_total", "Connections opened.", SL_COUNTER, SL_K_PRODUCER, F_CONNECTS, false},
        {P "connection_close_total", "Connections closed.", SL_COUNTER, SL_K_PRODUCER, F_DISCONNECTS, false},

        {C "outgoing_byte_total", "Bytes sent to brokers.", SL_COUNTER, SL_K_CONSUMER, F_TX_BYTES, false},
        {C "outgoing_byte_rate", "Bytes sent to brokers, a second.", SL_GAUGE, SL_K_CONSUMER, F_TX_BYTES, true},
        {C "incoming_byte_total", "Bytes received from brokers.", SL_COUNTER, SL_K_CONSUMER, F_RX_BYTES, false},
        {C "incoming_byte_rate", "Bytes received from brokers, a second.", SL_GAUGE, SL_K_CONSUMER, F_RX_BYTES, true},
        {C "request_total", "Requests sent.", SL_COUNTER, SL_K_CONSUMER, F_TX, false},
        {C "request_rate", "Requests sent, a second.", SL_GAUGE, SL_K_CONSUMER, F_TX, true},
        {C "response_total", "Responses received.", SL_COUNTER, SL_K_CONSUMER, F_RX, false},
        {C "response_rate", "Responses received, a second.", SL_GAUGE, SL_K_CONSUMER, F_RX, true},
        {C "connection_count", "Open connections.", SL_GAUGE, SL_K_CONSUMER, F_UP, false},
        {C "connection_creation_total", "Connections opened.", SL_COUNTER, SL_K_CONSUMER, F_CONNECTS, false},
        {C "connection_close_total", "Connections closed.", SL_COUNTER, SL_K_CONSUMER, F_DISCONNECTS, false},
        {COORD "assigned_partitions", "Partitions that the consumer reads.", SL_GAUGE, SL_K_CONSUMER, F_ASSIGNED, false},
        {COORD "rebalance_total", "Rebalances seen.", SL_COUNTER, SL_K_CONSUMER, F_REBALANCES, false},
        {COORD "last_rebalance_seconds_ago", "Time since the last rebalance.", SL_GAUGE, SL_K_CONSUMER, F_REBALANCE_AGE, false},
        {FETCH "fetch_throttle_time_avg", "Average time that brokers throttled, ms.", SL_GAUGE, SL_K_CONSUMER, F_THROTTLE_AVG, false},
        {FETCH "fetch_throttle_time_max", "Longest time that brokers throttled, ms.", SL_GAUGE, SL_K_CONSUMER, F_THROTTLE_MAX, false},
        {FETCH "records_lag_max", "Largest records_lag of the partitions.", SL_GAUGE, SL_K_CONSUMER, F_LAG_MAX, false},
};

/* With the topic as a second label, and for some the client's total under the same name. */
enum topic_field { T_MSGS, T_MSGS_RATE, T_BYTES, T_BYTES_RATE };
static const struct {
        const char *name, *help;
        enum sl_metric_type type;
        enum sl_kclient kind;
        enum topic_field what;
} topic_families[] = {
        {P "topic_record_send_total", "Records written to a topic.", SL_COUNTER, SL_K_PRODUCER, T_MSGS},
        {P "topic_record_send_rate", "Records written to a topic, a second.", SL_GAUGE, SL_K_PRODUCER, T_MSGS_RATE},
        {P "topic_byte_total", "Bytes written to a topic.", SL_COUNTER, SL_K_PRODUCER, T_BYTES},
        {P "topic_byte_rate", "Bytes written to a topic, a second.", SL_GAUGE, SL_K_PRODUCER, T_BYTES_RATE},
        {FETCH "records_consumed_total", "Records read.", SL_COUNTER, SL_K_CONSUMER, T_MSGS},
        {FETCH "records_consumed_rate", "Records read, a second.", SL_GAUGE, SL_K_CONSUMER, T_MSGS_RATE},
        {FETCH "bytes_consumed_total", "Bytes of records read.", SL_COUNTER, SL_K_CONSUMER, T_BYTES},
        {FETCH "bytes_consumed_rate", "Bytes of records read, a second.", SL_GAUGE, SL_K_CONSUMER, T_BYTES_RATE},
};

static void head(struct sl_buf *out, bool *first, enum sl_metric_type type, const char *name, const char *help)
{
        if (*first)
                sl_metrics_head(out, type, name, help);
        *first = false;
}

static void print_family(struct sl_buf *out, const struct family *f)
{
        bool first = true;
        for (const struct sl_kstats *s = all; s; s = s->next) {
                if (s->kind != f->kind || !s->filled)
                        continue;
                head(out, &first, f->type, f->name, f->help);
                sl_metrics_sample(out, f->name, s->labels, f->rate ? s->rate[f->field] : s->v[f->field]);
        }
}

static double topic_value(const struct topic *t, enum topic_field what)
{
        const double values[] = {t->msgs, t->msgs_rate, t->bytes, t->bytes_rate};
        return values[what];
}

static void topic_sample(struct sl_buf *out, const char *name, const struct sl_kstats *s, const struct topic *t,
                         const struct part *p, double value)
{
        sl_cleanup(sl_buf_free) struct sl_buf labels = {0};
        sl_buf_adds(&labels, s->labels);
        sl_metric_label(&labels, "topic", t->name);
        if (p) {
                char id[16];
                snprintf(id, sizeof(id), "%d", p->id);
                sl_metric_label(&labels, "partition", id);
        }
        sl_metrics_sample(out, name, sl_buf_cstr(&labels), value);
}

static void print_topics(struct sl_buf *out, size_t i)
{
        static const enum field client[] = {F_RXMSGS, F_RXMSGS, F_RXMSG_BYTES, F_RXMSG_BYTES};
        bool first = true;
        for (const struct sl_kstats *s = all; s; s = s->next) {
                enum topic_field what = topic_families[i].what;
                if (s->kind != topic_families[i].kind || !s->filled)
                        continue;
                if (s->kind == SL_K_CONSUMER) {
                        bool rate = what == T_MSGS_RATE || what == T_BYTES_RATE;
                        head(out, &first, topic_families[i].type, topic_families[i].name, topic_families[i].help);
                        sl_metrics_sample(out, topic_families[i].name, s->labels, (rate ? s->rate : s->v)[client[what]]);
                }
                for (const struct topic *t = s->topics; t; t = t->next) {
                        head(out, &first, topic_families[i].type, topic_families[i].name, topic_families[i].help);
                        topic_sample(out, topic_families[i].name, s, t, NULL, topic_value(t, what));
                }
        }
}

static void print_lag(struct sl_buf *out)
{
        static const char name[] = FETCH "records_lag";
        bool first = true;
        for (const struct sl_kstats *s = all; s; s = s->next)
                for (const struct topic *t = s->topics; t; t = t->next)
                        for (size_t i = 0; i < t->nparts; i++) {
                                head(out, &first, SL_GAUGE, name, "Records between the position and the end of a partition.");
                                topic_sample(out, name, s, t, &t->parts[i], t->parts[i].lag);
                        }
}

void sl_kafka_metrics_print(struct sl_buf *out)
{
        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
                print_family(out, &families[i]);
        for (size_t i = 0; i < sizeof(topic_families) / sizeof(*topic_families); i++)
                print_topics(out, i);
        print_lag(out);
        pthread_mutex_unlock(&lock);
}
