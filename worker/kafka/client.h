/* SPDX-License-Identifier: Apache-2.0 */
/* What every Kafka client of ours is made from. */
#ifndef SL_KAFKA_CLIENT_H
#define SL_KAFKA_CLIENT_H
#include "base/err.h"
#include "config/cfgdef.h"
#include "config/props.h"

struct sl_kafka_cfg {
        const struct sl_props *worker;    /* bootstrap.servers, security.*, sasl.*, ssl.*, producer.* ...; resolved */
        const struct sl_props *connector; /* producer.override.* ...; NULL = none */
};
/* Check the override keys of a connector config ("producer.override.", ...) without connecting: adds findings. */
void sl_kafka_check_overrides(const struct sl_props *connector, struct sl_cfg_report *r);
/* librdkafka's version text. */
const char *sl_kafka_version(void);
#endif
