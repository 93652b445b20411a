/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters that kill the process that works on them: found by the evidence of pipeline/doubt.h, as in sink tasks. It stands in the
 * ledger, one record a dead-letter topic, so that it counts whoever works on the topic next: the same job, another one, or the
 * connector. A letter that was found is put aside unread. What is watched is what a scan makes of its records, up to its next ones:
 * classification, a second run, repairs, diagnosis; not what is written of it. @thread one at a time. */
#ifndef SL_DLQ_POISON_H
#define SL_DLQ_POISON_H
#include "dlq/act.h"
#include "kafka/reader.h"
#include "pipeline/doubt.h"

struct sl_poison_opts {
        struct sl_kafka_cfg cfg; /* borrowed for the life of the watch, as all that follows is */
        struct sl_admin *admin;
        const char *topic;
        struct sl_dlq_act *act; /* writing */
        const atomic_bool *stop;
        enum sl_rc (*commit)(void *arg, struct sl_err *err); /* the transaction, with what the caller has to write in it */
        void *arg;
};
struct sl_poison { /* zeroed: nothing is watched */
        struct sl_poison_opts opts;
        struct sl_doubt found, told; /* what earlier processes left; what the ledger says of this one */
        int32_t found_at, told_at;   /* partitions of their ranges */
};
/* A life begins: that is noted, and what has killed its processes is put aside, both in the transaction that the caller commits next,
 * before anything is read. */
enum sl_rc sl_poison_begin(struct sl_poison *p, const struct sl_poison_opts *opts, struct sl_err *err);
/* For sl_dlq_scan_opts.step; arg is the struct. Tells the ledger about the next records where there is reason to, and passes over what
 * was put aside unread. Without records (the scan is at its end) nothing is worked on any more: what was told is withdrawn, committed. */
enum sl_rc sl_poison_step(void *arg, const struct sl_kmsg *m, uint32_t n, uint32_t *ret_n, bool *ret_skip, struct sl_err *err);
/* There is no reason for doubt any more: this life was long enough, or has ended well. Written by the next commit. */
void sl_poison_over(struct sl_poison *p);
/* An end that is no death: what this life told is taken back at once, if it can be; what earlier ones left stands again. */
void sl_poison_goodbye(struct sl_poison *p);
#endif
