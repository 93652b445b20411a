/* SPDX-License-Identifier: Apache-2.0 */
/* The only place that resolves a failed record: retry, log, dead-letter, then skip it or fail the task.
 * Kafka Connect's rules (RetryWithToleranceOperator, LogReporter, DeadLetterQueueReporter): transient failures of a record are tried
 * again within errors.retry.timeout; what still fails is logged (errors.log.enable) and written to the dead-letter topic with the
 * untouched original bytes; then it is skipped with errors.tolerance=all and fails the task otherwise. A dead letter counts as
 * handled only when it is stored: a sink's by sl_errpolicy_flush before every offset commit, a source's in the transaction of its
 * rows (so a source has dead letters only with errors.tolerance=all). Different from Connect on purpose: a retriable failure that
 * runs out of time fails the task with errors.tolerance=none instead of skipping the record, and the consumer stays a member of
 * its group while a retry is waited for. Fatal errors and failures of batch or task scope are never resolved here.
 * @thread the task's. */
#ifndef SL_PIPELINE_ERRPOLICY_H
#define SL_PIPELINE_ERRPOLICY_H
#include "kafka/producer.h"
#include "pipeline/internal.h"

struct sl_errpolicy;
enum sl_rc sl_errpolicy_new(struct sl_task *t, const struct sl_conn_cfg *common, struct sl_errpolicy **ret,
                            struct sl_err *err);
void sl_errpolicy_free(struct sl_errpolicy *p); /* NULL ok */

/* What only the line can do. */
struct sl_errpolicy_hooks {
        /* Sinks: wait at most ms (a stop ends it) and stay in the group. NULL = just wait. */
        enum sl_rc (*wait)(void *arg, int64_t ms, struct sl_err *err);
        /* Sources: send a dead letter among the rows of the open transaction. */
        enum sl_rc (*send)(void *arg, const struct sl_message *m, struct sl_err *err);
        /* Sources: what the connector says about the record's origin. */
        void (*describe)(void *arg, const struct sl_record *rec, sl_origin_add *add, void *add_arg);
        void *arg;
};
void sl_errpolicy_hook(struct sl_errpolicy *p, const struct sl_errpolicy_hooks *hooks);
/* Does the task write dead letters? */
bool sl_errpolicy_dead_letters(const struct sl_errpolicy *p);

/* The tries of one operation on one record; begins anew when another stage or plugin fails. Zeroed before the first. */
struct sl_retry {
        int64_t started_ms; /* 0 = no failure yet */
        uint32_t attempt;
        enum sl_stage stage;
        const char *operation;
};
/* Connect's rule, all times in ms: 300 doubling; over max_ms a random time below it; the last wait ends at the deadline
 * (timeout_ms < 0 = none). Counts the attempt. -1 = give up. */
int64_t sl_retry_delay(struct sl_retry *r, int64_t now_ms, int64_t timeout_ms, int64_t max_ms, unsigned *seed);
/* Should the operation that failed with `why` be tried again? Sleeps before it says yes. False after a stop as well. */
bool sl_errpolicy_retry(struct sl_errpolicy *p, struct sl_retry *r, const struct sl_err *why);
/* Resolve a failed record. SL_OK: it is skipped (and its dead letter on the way). Otherwise the task must fail with err, which is
 * *why or what kept us from writing the dead letter. why and err may be the same struct; it is cleared on SL_OK. */
enum sl_rc sl_errpolicy_resolve(struct sl_errpolicy *p, const struct sl_record *rec, const struct sl_err *why,
                                struct sl_err *err);
/* Wait until all dead letters are stored. Cheap when there are none. */
enum sl_rc sl_errpolicy_flush(struct sl_errpolicy *p, struct sl_err *err);
/* About once a second: take what the dead-letter producer has to say (its statistics). A failure is found by the next flush. */
void sl_errpolicy_serve(struct sl_errpolicy *p);
#endif
