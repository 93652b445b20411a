/* SPDX-License-Identifier: Apache-2.0 */
/* Replay jobs as the ledger topic knows them, of one dead-letter topic or of all. It only reads. */
#ifndef SL_DLQ_JOBS_H
#define SL_DLQ_JOBS_H
#include <stdatomic.h>
#include "base/json.h"
#include "kafka/admin.h"
#include "kafka/client.h"

struct sl_dlq_jobs_opts {
        struct sl_kafka_cfg cfg; /* .worker may name the ledger topic */
        struct sl_admin *admin;
        const char *topic;       /* the dead-letter topic, whose former lives are left out; NULL = all */
        const atomic_bool *stop; /* may be NULL */
};
/* *ret (owned by the caller): an array of {"topic", and the members of a job's record: "job", "state", "begun", "by"
 * ...}; what was written last comes first. Empty when nobody has replayed anything. */
enum sl_rc sl_dlq_jobs_read(const struct sl_dlq_jobs_opts *opts, json_t **ret, struct sl_err *err);
#endif
