/* SPDX-License-Identifier: Apache-2.0 */
/* The measurements of one task, printed as Connect's connector-task-, source-task-, sink-task- and task-error-metrics under the names
 * that the usual exporters give them (docs/metrics.md), and a few of our own.
 * @thread the updates: the task's; at most once a batch, no locks, no allocation. Printing: any. */
#ifndef SL_PIPELINE_TASKSTATS_H
#define SL_PIPELINE_TASKSTATS_H
#include "base/str.h"
#include "config/props.h"
#include "pipeline/task.h"

struct sl_taskstats;
/* labels: connector="x",task="0". worker: metrics.num.samples and metrics.sample.window.ms. Counts a start-up attempt. */
struct sl_taskstats *sl_taskstats_new(const char *labels, bool source, const struct sl_props *worker);
void sl_taskstats_free(struct sl_taskstats *s); /* NULL ok */

/* The task's state: shares of time, and whether its start-up succeeded. */
void sl_taskstats_state(struct sl_taskstats *s, enum sl_task_state state);
/* A source's poll gave records, a sink read some. us: how long the poll took (sources). */
void sl_taskstats_batch(struct sl_taskstats *s, uint32_t records, int64_t us);
/* Sources: records given to Kafka (transactional: with their transaction committed). */
void sl_taskstats_written(struct sl_taskstats *s, uint64_t records, bool transaction);
/* Sinks: a put of so many records took so long. */
void sl_taskstats_put(struct sl_taskstats *s, uint32_t records, int64_t us);
/* Records that are on their way: polled and not written, or read and not committed. */
void sl_taskstats_active(struct sl_taskstats *s, int64_t records);
/* An attempt to store offsets ended. */
void sl_taskstats_commit(struct sl_taskstats *s, int64_t us, bool ok);
void sl_taskstats_partitions(struct sl_taskstats *s, uint32_t n);
/* How far behind the task is, in milliseconds. */
void sl_taskstats_lag_ms(struct sl_taskstats *s, int64_t ms);

enum sl_taskstats_event {
        SL_TS_FAILURE, /* an attempt of an operation on a record failed */
        SL_TS_ERROR,   /* an operation on a record failed for good */
        SL_TS_SKIPPED,
        SL_TS_RETRY,
        SL_TS_LOGGED,
        SL_TS_DEAD_LETTER, /* asked to be written */
        SL_TS_DEAD_LETTER_FAILED,
        SL_TS_EVENTS,
};
void sl_taskstats_event(struct sl_taskstats *s, enum sl_taskstats_event event);
/* A record that was skipped, or the end of a line, failed for a reason of this class. */
void sl_taskstats_class(struct sl_taskstats *s, enum sl_rc rc);

/* All families of all tasks. */
void sl_taskstats_print(struct sl_buf *out);
/* Start-ups of tasks since the process began. */
struct sl_taskstats_startups {
        uint64_t attempts, successes, failures;
};
struct sl_taskstats_startups sl_taskstats_startups(void);
#endif
