/* SPDX-License-Identifier: Apache-2.0 */
/* The only place that resolves a failed record: retry, dead-letter, skip, or fail the task.
 * Kafka Connect's rules (RetryWithToleranceOperator, DeadLetterQueueReporter): transient failures of a record are tried again
 * within errors.retry.timeout; what still fails stops the task unless errors.tolerance=all, and is then written to the dead-letter
 * topic (sinks that have one) with the untouched original bytes. A dead letter counts as handled only when it is stored:
 * sl_errpolicy_flush stands before every offset commit. Fatal errors and failures of batch or task scope are never resolved here.
 * @thread the task's. */
#ifndef SL_PIPELINE_ERRPOLICY_H
#define SL_PIPELINE_ERRPOLICY_H
#include "pipeline/internal.h"

struct sl_errpolicy;
enum sl_rc sl_errpolicy_new(struct sl_task *t, const struct sl_conn_cfg *common, struct sl_errpolicy **ret,
                            struct sl_err *err);
void sl_errpolicy_free(struct sl_errpolicy *p); /* NULL ok */

struct sl_retry {
        int64_t started_ms; /* 0 = first failure */
        uint32_t attempt;
};
/* Should the operation that failed with `why` be tried again? Sleeps before it says yes. */
bool sl_errpolicy_retry(struct sl_errpolicy *p, struct sl_retry *r, const struct sl_err *why);
/* Resolve a failed record. SL_OK: it is skipped (and its dead letter on the way). Otherwise the task must fail with err, which is
 * *why or what kept us from writing the dead letter. why and err may be the same struct; it is cleared on SL_OK. */
enum sl_rc sl_errpolicy_resolve(struct sl_errpolicy *p, const struct sl_record *rec, const struct sl_err *why,
                                struct sl_err *err);
/* Wait until all dead letters are stored. Cheap when there are none. */
enum sl_rc sl_errpolicy_flush(struct sl_errpolicy *p, struct sl_err *err);
#endif
