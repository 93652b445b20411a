/* SPDX-License-Identifier: Apache-2.0 */
/* What one Kafka client of a task measures: librdkafka's statistics (a JSON text every so often), kept until somebody asks for
 * them (sl_kafka_metrics_print in client.h). */
#ifndef SL_KAFKA_KSTATS_H
#define SL_KAFKA_KSTATS_H
#include "kafka/kconf.h"

struct sl_kstats;
/* Sets interval and callback in conf, takes client.id from it, and adds the client to the list. NULL when they are turned off
 * (interval 0). @thread all functions: the client's */
struct sl_kstats *sl_kstats_attach(rd_kafka_conf_t *conf, enum sl_kclient kind, const struct sl_props *worker,
                                   int (*callback)(rd_kafka_t *rk, char *json, size_t len, void *opaque));
/* A new text. */
void sl_kstats_update(struct sl_kstats *s, const char *json, size_t len);
/* A record could not be written. NULL ok, as for free. */
void sl_kstats_error(struct sl_kstats *s);
void sl_kstats_free(struct sl_kstats *s);
#endif
