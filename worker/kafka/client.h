/* SPDX-License-Identifier: Apache-2.0 */
/* What every Kafka client of ours is made from. */
#ifndef SL_KAFKA_CLIENT_H
#define SL_KAFKA_CLIENT_H
#include "base/err.h"
#include "config/cfgdef.h"
#include "config/props.h"

struct sl_kafka_cfg {
        const struct sl_props *worker;    /* bootstrap.servers, security.*, sasl.*, ssl.*, producer.* ...; resolved */
        /* producer.override.* ...; NULL: a client of the worker itself (internal topics, its group), which has the
         * worker's own keys (bootstrap.servers, security.*, timeouts) and not those under producer. and its kind */
        const struct sl_props *connector;
};
/* Check keys without connecting: adds findings, errors and warnings, under the names that the user wrote.
 * Overrides of a connector config; worker NULL = not known. */
void sl_kafka_check_overrides(const struct sl_kafka_cfg *cfg, struct sl_cfg_report *r);
/* The worker's own client keys, and those under producer., consumer. and admin. */
void sl_kafka_check_worker(const struct sl_props *worker, struct sl_cfg_report *r);
/* The reference page's table of Java's client keys, in Markdown. */
void sl_kafka_markdown(struct sl_buf *out);
/* The measurements of the tasks' Kafka clients as Prometheus text, under the names of Java's client metrics as far as librdkafka's
 * statistics have a counterpart (docs/metrics.md). They are as old as SL_KAFKA_STATS_KEY says, in milliseconds. @thread any */
void sl_kafka_metrics_print(struct sl_buf *out);
#define SL_KAFKA_STATS_KEY "sluice.kafka.statistics.interval.ms"
#define SL_KAFKA_STATS_DEFAULT "0"
/* Java's partitioner puts a key into partition hash % count. */
uint32_t sl_kafka_key_hash(struct sl_str key);
/* librdkafka's version text. */
const char *sl_kafka_version(void);
#endif
