/* SPDX-License-Identifier: Apache-2.0 */
/* What admin.c and admin_group.c share: the client, and one admin call from its options to its answer. Not for other
 * folders. */
#ifndef SL_KAFKA_ADMIN_CALL_H
#define SL_KAFKA_ADMIN_CALL_H
#include <pthread.h>
#include "kafka/admin.h"
#include "kafka/kconf.h"

struct sl_admin {
        rd_kafka_t *rk;
        char *servers;         /* for messages */
        pthread_mutex_t lock;  /* around polling for client errors */
        struct sl_err refused; /* authentication or TLS: no later call can succeed until it is mended */
        bool all_down;
        char down_reason[256];
        char distrust[512]; /* why the last broker certificate was refused; "" = none was */
};

struct sl_admin_call {
        struct sl_admin *a;
        rd_kafka_queue_t *queue;
        rd_kafka_AdminOptions_t *options;
        rd_kafka_event_t *event;
        int timeout_ms;
};
void sl_admin_call_begin(struct sl_admin_call *call, struct sl_admin *a, rd_kafka_admin_op_t op, int timeout_ms);
/* The answer is in call->event then; what says what was tried. */
enum sl_rc sl_admin_call_wait(struct sl_admin_call *call, const char *what, struct sl_err *err);
void sl_admin_call_end(struct sl_admin_call *call);
#endif
