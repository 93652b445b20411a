/* SPDX-License-Identifier: Apache-2.0 */
/* From Kafka's configuration keys (worker properties, producer. / consumer. / admin. prefixes, connector overrides) to
 * librdkafka's, and from librdkafka's errors to our classes. Java keys that have a counterpart are translated (one table in
 * kconf_rows.c), keys that change nothing here are accepted, keys that can't be honoured are refused with the reason.
 * librdkafka's types appear only in worker/kafka. */
#ifndef SL_KAFKA_KCONF_H
#define SL_KAFKA_KCONF_H
#include <librdkafka/rdkafka.h>
#include "base/err.h"
#include "kafka/client.h"

enum sl_kclient { SL_K_PRODUCER, SL_K_CONSUMER, SL_K_ADMIN };

/* A new librdkafka configuration with everything from cfg; client_id as Connect names it unless the user set one.
 * Owned by the caller until given to rd_kafka_new. Later rd_kafka_conf_set calls of the caller win ("forced"). */
enum sl_rc sl_kconf_new(const struct sl_kafka_cfg *cfg, enum sl_kclient kind, const char *client_id, rd_kafka_conf_t **ret,
                        struct sl_err *err);
/* Does the table have a row for a key of Java's clients of this kind? */
bool sl_kafka_knows(enum sl_kclient kind, const char *java);
/* Set err from a librdkafka code; text says what was being done. */
enum sl_rc sl_kafka_fail_at(struct sl_err *err, const char *file, uint32_t line, rd_kafka_resp_err_t code, const char *fmt, ...)
        sl_printf(5, 6);
#define sl_kafka_fail(err, code, ...) sl_kafka_fail_at((err), __FILE__, __LINE__, (code), __VA_ARGS__)
/* rd_kafka_new said no: who is "producer", "admin client" ...; why is its text. SL_E_CONFIG. */
enum sl_rc sl_kafka_refused(struct sl_err *err, const char *who, const char *why);
/* ": what to do about it" for a text of librdkafka that tells of TLS or SASL trouble, else "". */
const char *sl_kafka_advice(const char *reason);
/* Is an error of rd_kafka_conf_set_error_cb only that no OAuth token could be had? Then it may pass (librdkafka asks again, and
 * the last token may still live); it is told in the log. */
bool sl_kafka_no_token(int code, const char *reason);
/* The same from an rd_kafka_error_t (fatal, abortable, retriable bits); destroys e. */
enum sl_rc sl_kafka_fail_error(struct sl_err *err, rd_kafka_error_t *e, const char *what);
#endif
