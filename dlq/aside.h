/* SPDX-License-Identifier: Apache-2.0 */
/* Putting dead letters aside: a copy of the record as it stands in the quarantine topic, with one header more that says everything that
 * is known of it. @thread one at a time. */
#ifndef SL_DLQ_ASIDE_H
#define SL_DLQ_ASIDE_H
#include "dlq/act.h"
#include "dlq/diagnosis.h"

struct sl_dlq_aside;
struct sl_dlq_aside_opts {
        struct sl_admin *admin; /* all borrowed for its life */
        const struct sl_props *client; /* may name the quarantine topic; "<topic>-quarantine" otherwise */
        const char *topic;             /* the dead-letter topic */
        struct sl_dlq_decode *decode;  /* NULL = no registry */
        bool make;                     /* the quarantine topic, if it is missing, with as many partitions */
};
enum sl_rc sl_dlq_aside_open(const struct sl_dlq_aside_opts *opts, struct sl_dlq_aside **ret, struct sl_err *err);
void sl_dlq_aside_close(struct sl_dlq_aside *a); /* NULL ok */
/* Learn where all originals stood: neighbours are told of then. scan: topic and brokers. */
enum sl_rc sl_dlq_aside_neighbours(struct sl_dlq_aside *a, const struct sl_dlq_scan_opts *scan, struct sl_err *err);
/* Write the copy in the transaction that is open. why: NULL = no reason. more: members of the diagnosis, each with a comma before it. */
enum sl_rc sl_dlq_aside_put(struct sl_dlq_aside *a, struct sl_dlq_act *act, const struct sl_dlq_item *it, const char *why,
                            struct sl_str more, struct sl_err *err);
const char *sl_dlq_aside_topic(const struct sl_dlq_aside *a);
int32_t sl_dlq_aside_partitions(const struct sl_dlq_aside *a);
#endif
