/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms about dead letters, from the worker's own metrics (sluice_dlq_*, which the connector sluice.dlq makes): too
 * many are open, the oldest is too old, retention will soon delete one, a failure is new. Each change of state (firing,
 * resolved) is posted once to a webhook. alert.c judges and is pure, alert_send.c posts. */
#ifndef SL_DLQ_ALERT_H
#define SL_DLQ_ALERT_H
#include "base/json.h"

struct sl_dlq_alert_limits {
        int64_t open_max;        /* open letters of a topic; -1 = not looked at */
        int64_t oldest_max_s;    /* age of the oldest; -1 */
        int64_t retention_min_s; /* until retention may delete one; -1 */
        int64_t new_failure_s;   /* so long after the last new fingerprint; -1 */
};
struct sl_dlq_alerts;
struct sl_dlq_alerts *sl_dlq_alerts_new(const struct sl_dlq_alert_limits *limits);
void sl_dlq_alerts_free(struct sl_dlq_alerts *a); /* NULL ok */
/* Compare with the worker's metrics (Prometheus text). The changes since the last look: an array, owned by the caller,
 * of
 * {"alert","topic","state","value","limit","at"}. What a topic has been is kept while no metric speaks of it. */
json_t *sl_dlq_alerts_look(struct sl_dlq_alerts *a, struct sl_str metrics, int64_t now_ms);

struct sl_dlq_alert_opts {
        struct sl_dlq_alert_limits limits;
        const char *url;    /* holds secrets, often; is not told anywhere. Copied, as worker is */
        const char *worker; /* "host:port", in what is posted */
        int64_t interval_ms;
        int64_t retry_ms; /* first pause after a failed post, doubled up to 64 times that; 0 = 1000 */
};
struct sl_dlq_alert_sender;
/* A thread that looks every interval and posts. What could not be posted when it ends is forgotten: the next one finds
 * it again. */
struct sl_dlq_alert_sender *sl_dlq_alerts_start(const struct sl_dlq_alert_opts *opts);
void sl_dlq_alerts_stop(struct sl_dlq_alert_sender *s); /* NULL ok; ends within about a second */
#endif
