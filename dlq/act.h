/* SPDX-License-Identifier: Apache-2.0 */
/* What replay, quarantine, release and discard share: one writer a dead-letter topic, whose records, ledger and audit
 * entry stand or fall together in Kafka transactions. The transactional id is the dead-letter topic's: whoever begins
 * an action on a topic fences the one before, whatever their arguments are, and only then reads what has been done.
 * @thread one at a time. */
#ifndef SL_DLQ_ACT_H
#define SL_DLQ_ACT_H
#include "base/json.h"
#include "dlq/ledger.h"

#define SL_DLQ_LEDGER_KEY "sluice.dlq.ledger.topic" /* in --command-config */
#define SL_DLQ_LEDGER_TOPIC "sluice-dlq-ledger"         /* its default */
#define SL_DLQ_AUDIT_KEY "sluice.dlq.audit.topic"
#define SL_DLQ_QUARANTINE_KEY "sluice.dlq.quarantine.topic"

struct sl_dlq_act;
struct sl_dlq_act_opts {
        struct sl_kafka_cfg cfg; /* borrowed for the life of the action, as all that follows is */
        struct sl_admin *admin;
        const char *topic;  /* the dead-letter topic */
        const char *target; /* of the ledger */
        bool write;         /* false: a dry run, which only reads the ledger */
        int64_t batch_bytes; /* 0 = batch.size */
        const atomic_bool *stop;
};
/* Writing: fences, then reads the ledger. */
enum sl_rc sl_dlq_act_open(const struct sl_dlq_act_opts *opts, struct sl_dlq_act **ret, struct sl_err *err);
/* An open transaction is aborted, or left to its timeout. NULL ok. */
void sl_dlq_act_close(struct sl_dlq_act *a);
struct sl_dlq_ledger *sl_dlq_act_ledger(const struct sl_dlq_act *a);
/* Begin a transaction if none is open. */
enum sl_rc sl_dlq_act_begin(struct sl_dlq_act *a, struct sl_err *err);
/* One more record of the transaction that is open. */
enum sl_rc sl_dlq_act_send(struct sl_dlq_act *a, const struct sl_message *m, struct sl_err *err);
/* Is a transaction open that has reached 4 MB or 250 ms? */
bool sl_dlq_act_due(const struct sl_dlq_act *a);
/* Begin if need be, write what the ledger has to write, commit. */
enum sl_rc sl_dlq_act_commit(struct sl_dlq_act *a, struct sl_err *err);
/* Before the close of one that failed or was told to stop: what is open is aborted, and what poison.h has put is written by itself,
 * if that can be done within some seconds. */
void sl_dlq_act_last_words(struct sl_dlq_act *a);
/* Wait this long, serving the producer. SL_E_STOPPED when the process is to end. */
enum sl_rc sl_dlq_act_wait(struct sl_dlq_act *a, int timeout_ms, struct sl_err *err);
/* Put an entry into the audit topic, as part of the transaction: action, who, when, why (reason; NULL ok), result
 * (borrowed). */
enum sl_rc sl_dlq_act_audit(struct sl_dlq_act *a, const char *action, const char *reason, const json_t *result,
                            struct sl_err *err);
/* A topic by name of the client's properties, or its default. */
const char *sl_dlq_act_topic(const struct sl_props *client, const char *key, const char *fallback);
/* Make a topic that is missing; partitions -1 = the broker's default. *ret_partitions: how many it has. */
enum sl_rc sl_dlq_ensure_topic(struct sl_admin *admin, const struct sl_topic_spec *spec, int32_t *ret_partitions,
                               struct sl_err *err);
/* A committed transaction becomes visible a moment after the commit: wait (at most a few seconds) until readers of
 * committed records can see all that stands in the topic now. Somebody else's open transaction is not waited for any
 * longer. */
void sl_dlq_await_readers(struct sl_admin *admin, const char *topic, int32_t partitions);
/* "user@host" */
void sl_dlq_who(struct sl_buf *out);
#endif
