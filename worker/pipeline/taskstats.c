/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements of tasks (see taskstats.h): one struct a task in a list, one table of families. Names and meanings are those of Connect's
 * ConnectMetricsRegistry, lower case with underscores, as jmx_exporter's and Strimzi's rules write them. Counting what a batch means is
 * the lines' business. */
#include "pipeline/taskstats.h"

#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/window.h"

#define STATES (SL_TASK_STOPPED + 1)
#define CLASSES (SL_FATAL + 1)
#define SAMPLES_MAX 100

enum window { W_POLL, W_BATCH, W_POLL_US, W_WRITTEN, W_TXN, W_PUT_US, W_SENT, W_ACTIVE, W_COMMIT_US, W_COMMIT_OK, WINDOWS };
enum value { V_POLLED, V_WRITTEN, V_SENT, V_ACTIVE, V_PARTITIONS, V_COMMITS, V_COMMITTED, V_LAG_MS, V_ERROR_MS, VALUES };

struct sl_taskstats {
        struct sl_taskstats *next;
        char *labels;
        bool source;
        struct sl_window windows[WINDOWS];
        _Atomic int64_t values[VALUES], events[SL_TS_EVENTS], classes[CLASSES];
        /* shares of time */
        _Atomic int64_t state, since_ms, in_state_ms[STATES];
        bool settled; /* the start-up succeeded or failed */
        struct sl_metric *commit_hist;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sl_taskstats *all;
static _Atomic uint64_t attempts, successes, failures;

/* ---- updates ---- */

static void add(_Atomic int64_t *v, int64_t n)
{
        atomic_fetch_add_explicit(v, n, memory_order_relaxed);
}

static void set(_Atomic int64_t *v, int64_t to)
{
        atomic_store_explicit(v, to, memory_order_relaxed);
}

static int64_t get(const _Atomic int64_t *v)
{
        return atomic_load_explicit(v, memory_order_relaxed);
}

static int64_t number(const struct sl_props *worker, const char *key, int64_t def, int64_t max)
{
        const char *text = sl_props_get(worker, key);
        int64_t v;
        return text && sl_parse_i64(sl_str_c(text), &v) && v >= 1 ? (v < max ? v : max) : def;
}

struct sl_taskstats *sl_taskstats_new(const char *labels, bool source, const struct sl_props *worker)
{
        struct sl_taskstats *s = sl_calloc(1, sizeof(*s));
        uint32_t samples = (uint32_t)number(worker, "metrics.num.samples", 2, SAMPLES_MAX);
        int64_t ms = number(worker, "metrics.sample.window.ms", 30000, INT64_MAX / SAMPLES_MAX);
        s->labels = sl_strdup(labels);
        s->source = source;
        for (int i = 0; i < WINDOWS; i++)
                sl_window_init(&s->windows[i], samples, ms);
        set(&s->since_ms, sl_mono_ms());
        s->commit_hist = sl_metric_get(SL_HISTOGRAM, "sluice_task_commit_seconds",
                                       "How long storing offsets took (sources: the Kafka transaction's commit).", labels);
        atomic_fetch_add(&attempts, 1);
        pthread_mutex_lock(&lock);
        struct sl_taskstats **at = &all;
        while (*at)
                at = &(*at)->next;
        *at = s;
        pthread_mutex_unlock(&lock);
        return s;
}

void sl_taskstats_free(struct sl_taskstats *s)
{
        if (!s)
                return;
        pthread_mutex_lock(&lock);
        for (struct sl_taskstats **at = &all; *at; at = &(*at)->next)
                if (*at == s) {
                        *at = s->next;
                        break;
                }
        pthread_mutex_unlock(&lock);
        for (int i = 0; i < WINDOWS; i++)
                sl_window_free(&s->windows[i]);
        free(s->labels);
        free(s);
}

void sl_taskstats_state(struct sl_taskstats *s, enum sl_task_state state)
{
        int64_t now = sl_mono_ms();
        if (!s->settled && (state == SL_TASK_RUNNING || state == SL_TASK_PAUSED || state == SL_TASK_FAILED)) {
                s->settled = true;
                atomic_fetch_add(state == SL_TASK_FAILED ? &failures : &successes, 1);
        }
        add(&s->in_state_ms[get(&s->state)], now - get(&s->since_ms));
        set(&s->since_ms, now);
        set(&s->state, state);
}

void sl_taskstats_batch(struct sl_taskstats *s, uint32_t records, int64_t us)
{
        int64_t now = sl_mono_ms();
        add(&s->values[V_POLLED], records);
        sl_window_add(&s->windows[W_POLL], now, records);
        sl_window_add(&s->windows[W_BATCH], now, records);
        sl_window_add(&s->windows[W_POLL_US], now, us);
}

void sl_taskstats_written(struct sl_taskstats *s, uint64_t records, bool transaction)
{
        int64_t now = sl_mono_ms();
        add(&s->values[V_WRITTEN], (int64_t)records);
        sl_window_add(&s->windows[W_WRITTEN], now, (int64_t)records);
        if (transaction)
                sl_window_add(&s->windows[W_TXN], now, (int64_t)records);
}

void sl_taskstats_put(struct sl_taskstats *s, uint32_t records, int64_t us)
{
        int64_t now = sl_mono_ms();
        add(&s->values[V_SENT], records);
        sl_window_add(&s->windows[W_SENT], now, records);
        sl_window_add(&s->windows[W_PUT_US], now, us);
}

void sl_taskstats_active(struct sl_taskstats *s, int64_t records)
{
        set(&s->values[V_ACTIVE], records);
        sl_window_add(&s->windows[W_ACTIVE], sl_mono_ms(), records);
}

void sl_taskstats_commit(struct sl_taskstats *s, int64_t us, bool ok)
{
        int64_t now = sl_mono_ms();
        add(&s->values[V_COMMITS], 1);
        sl_window_add(&s->windows[W_COMMIT_OK], now, ok);
        if (!ok)
                return;
        add(&s->values[V_COMMITTED], 1);
        sl_window_add(&s->windows[W_COMMIT_US], now, us);
        sl_metric_observe_us(s->commit_hist, us, 1);
}

void sl_taskstats_partitions(struct sl_taskstats *s, uint32_t n)
{
        set(&s->values[V_PARTITIONS], n);
}

void sl_taskstats_lag_ms(struct sl_taskstats *s, int64_t ms)
{
        set(&s->values[V_LAG_MS], ms > 0 ? ms : 0);
}

void sl_taskstats_event(struct sl_taskstats *s, enum sl_taskstats_event event)
{
        add(&s->events[event], 1);
        if (event == SL_TS_FAILURE)
                set(&s->values[V_ERROR_MS], sl_wall_ms());
}

void sl_taskstats_class(struct sl_taskstats *s, enum sl_rc rc)
{
        add(&s->classes[rc], 1);
}

struct sl_taskstats_startups sl_taskstats_startups(void)
{
        return (struct sl_taskstats_startups){
                .attempts = atomic_load(&attempts), .successes = atomic_load(&successes), .failures = atomic_load(&failures)};
}

/* ---- printing ---- */

enum kind { VALUE, EVENT, AVG, MAX, MIN, RATE, SHARE, SUCCESS, FAILURE, ZERO };
#define SOURCE 1
#define SINK 2
#define BOTH 3
#define CT "kafka_connect_connector_task_"
#define SRC "kafka_connect_source_task_"
#define SNK "kafka_connect_sink_task_"
#define ERR "kafka_connect_task_error_"

static const struct row {
        const char *name, *help;
        enum sl_metric_type type;
        enum kind kind;
        uint8_t who, index;
        double divisor;
} rows[] = {
        {CT "running_ratio", "Share of its life that the task was running.", SL_GAUGE, SHARE, BOTH, SL_TASK_RUNNING, 1},
        {CT "pause_ratio", "Share of its life that the task was paused.", SL_GAUGE, SHARE, BOTH, SL_TASK_PAUSED, 1},
        {CT "offset_commit_max_time_ms", "Longest time that storing offsets took.", SL_GAUGE, MAX, BOTH, W_COMMIT_US, 1000},
        {CT "offset_commit_avg_time_ms", "Average time that storing offsets took.", SL_GAUGE, AVG, BOTH, W_COMMIT_US, 1000},
        {CT "offset_commit_success_percentage", "Share of offset commits that succeeded, 0 to 1.", SL_GAUGE, SUCCESS, BOTH,
         W_COMMIT_OK, 1},
        {CT "offset_commit_failure_percentage", "Share of offset commits that failed, 0 to 1.", SL_GAUGE, FAILURE, BOTH,
         W_COMMIT_OK, 1},
        {CT "batch_size_max", "Most records in a batch.", SL_GAUGE, MAX, BOTH, W_BATCH, 1},
        {CT "batch_size_avg", "Average number of records in a batch.", SL_GAUGE, AVG, BOTH, W_BATCH, 1},

        {SRC "source_record_poll_rate", "Records read from the source, a second.", SL_GAUGE, RATE, SOURCE, W_POLL, 1},
        {SRC "source_record_poll_total", "Records read from the source.", SL_COUNTER, VALUE, SOURCE, V_POLLED, 1},
        {SRC "source_record_write_rate", "Records written to Kafka, a second.", SL_GAUGE, RATE, SOURCE, W_WRITTEN, 1},
        {SRC "source_record_write_total", "Records written to Kafka (transactions: committed ones).", SL_COUNTER, VALUE, SOURCE,
         V_WRITTEN, 1},
        {SRC "poll_batch_max_time_ms", "Longest time that reading a batch took.", SL_GAUGE, MAX, SOURCE, W_POLL_US, 1000},
        {SRC "poll_batch_avg_time_ms", "Average time that reading a batch took.", SL_GAUGE, AVG, SOURCE, W_POLL_US, 1000},
        {SRC "source_record_active_count", "Records read and not yet written for good.", SL_GAUGE, VALUE, SOURCE, V_ACTIVE, 1},
        {SRC "source_record_active_count_max", "Most records read and not yet written.", SL_GAUGE, MAX, SOURCE, W_ACTIVE, 1},
        {SRC "source_record_active_count_avg", "Average number of records read and not yet written.", SL_GAUGE, AVG, SOURCE,
         W_ACTIVE, 1},
        {SRC "transaction_size_min", "Fewest records in a committed transaction.", SL_GAUGE, MIN, SOURCE, W_TXN, 1},
        {SRC "transaction_size_max", "Most records in a committed transaction.", SL_GAUGE, MAX, SOURCE, W_TXN, 1},
        {SRC "transaction_size_avg", "Average number of records in a committed transaction.", SL_GAUGE, AVG, SOURCE, W_TXN, 1},

        {SNK "sink_record_read_rate", "Records read from Kafka, a second.", SL_GAUGE, RATE, SINK, W_POLL, 1},
        {SNK "sink_record_read_total", "Records read from Kafka.", SL_COUNTER, VALUE, SINK, V_POLLED, 1},
        {SNK "sink_record_send_rate", "Records handed to the sink, a second.", SL_GAUGE, RATE, SINK, W_SENT, 1},
        {SNK "sink_record_send_total", "Records handed to the sink, after transforms.", SL_COUNTER, VALUE, SINK, V_SENT, 1},
        {SNK "partition_count", "Partitions assigned to the task.", SL_GAUGE, VALUE, SINK, V_PARTITIONS, 1},
        {SNK "offset_commit_seq_no", "Number of the last offset commit.", SL_GAUGE, VALUE, SINK, V_COMMITS, 1},
        {SNK "offset_commit_completion_rate", "Offset commits that were completed, a second.", SL_GAUGE, RATE, SINK, W_COMMIT_US, 1},
        {SNK "offset_commit_completion_total", "Offset commits that were completed.", SL_COUNTER, VALUE, SINK, V_COMMITTED, 1},
        {SNK "offset_commit_skip_rate", "Always 0: commits are waited for, none comes too late.", SL_GAUGE, ZERO, SINK, 0, 1},
        {SNK "offset_commit_skip_total", "Always 0: commits are waited for, none comes too late.", SL_COUNTER, ZERO, SINK, 0, 1},
        {SNK "put_batch_max_time_ms", "Longest time that a put into the sink took.", SL_GAUGE, MAX, SINK, W_PUT_US, 1000},
        {SNK "put_batch_avg_time_ms", "Average time that a put into the sink took.", SL_GAUGE, AVG, SINK, W_PUT_US, 1000},
        {SNK "sink_record_active_count", "Records read and not yet committed.", SL_GAUGE, VALUE, SINK, V_ACTIVE, 1},
        {SNK "sink_record_active_count_max", "Most records read and not yet committed.", SL_GAUGE, MAX, SINK, W_ACTIVE, 1},
        {SNK "sink_record_active_count_avg", "Average number of records read and not yet committed.", SL_GAUGE, AVG, SINK, W_ACTIVE,
         1},

        {ERR "total_record_failures", "Failed attempts of an operation on a record.", SL_GAUGE, EVENT, BOTH, SL_TS_FAILURE, 1},
        {ERR "total_record_errors", "Operations on a record that failed for good.", SL_GAUGE, EVENT, BOTH, SL_TS_ERROR, 1},
        {ERR "total_records_skipped", "Records skipped because of errors.", SL_GAUGE, EVENT, BOTH, SL_TS_SKIPPED, 1},
        {ERR "total_retries", "Operations tried again.", SL_GAUGE, EVENT, BOTH, SL_TS_RETRY, 1},
        {ERR "total_errors_logged", "Errors that went to the log (errors.log.enable).", SL_GAUGE, EVENT, BOTH, SL_TS_LOGGED, 1},
        {ERR "deadletterqueue_produce_requests", "Dead letters to be written.", SL_GAUGE, EVENT, BOTH, SL_TS_DEAD_LETTER, 1},
        {ERR "deadletterqueue_produce_failures", "Dead letters that could not be written.", SL_GAUGE, EVENT, BOTH,
         SL_TS_DEAD_LETTER_FAILED, 1},
        {ERR "last_error_timestamp", "When the last error was, in ms since 1970; 0 = never.", SL_GAUGE, VALUE, BOTH, V_ERROR_MS, 1},

        {"sluice_source_lag_seconds", "Age of the last committed change when its transaction was committed in Kafka.", SL_GAUGE,
         VALUE, SOURCE, V_LAG_MS, 1000},
        {"sluice_sink_lag_seconds", "Age of the last record read while more are waiting; 0 = all is read.", SL_GAUGE, VALUE, SINK,
         V_LAG_MS, 1000},
};

static double share(const struct sl_taskstats *s, int state, int64_t now)
{
        int64_t current = get(&s->state), total = 0, part = 0;
        for (int i = 0; i < STATES; i++) {
                int64_t ms = get(&s->in_state_ms[i]) + (i == current ? now - get(&s->since_ms) : 0);
                total += ms;
                part += i == state ? ms : 0;
        }
        return total > 0 && part >= 0 ? fmin(1, (double)part / (double)total) : state == current;
}

static double of_window(const struct sl_taskstats *s, const struct row *row, int64_t now)
{
        struct sl_window_sum w = sl_window_read(&s->windows[row->index], now);
        switch (row->kind) {
        case AVG:
                return w.count ? (double)w.sum / (double)w.count : NAN;
        case MAX:
                return w.count ? (double)w.max : NAN;
        case MIN:
                return w.count ? (double)w.min : NAN;
        case SUCCESS:
                return w.count ? (double)w.sum / (double)w.count : 0;
        case FAILURE:
                return w.count ? (double)(w.count - w.sum) / (double)w.count : 0;
        default: /* RATE; of commits their number, not their time */
                return (double)(row->index == W_COMMIT_US ? w.count : w.sum) / w.seconds;
        }
}

static double value_of(const struct sl_taskstats *s, const struct row *row, int64_t now)
{
        switch (row->kind) {
        case VALUE:
                return (double)get(&s->values[row->index]);
        case EVENT:
                return (double)get(&s->events[row->index]);
        case SHARE:
                return share(s, row->index, now);
        case ZERO:
                return 0;
        default:
                return of_window(s, row, now);
        }
}

static bool wants(const struct sl_taskstats *s, const struct row *row)
{
        return row->who & (s->source ? SOURCE : SINK);
}

static void print_row(struct sl_buf *out, const struct row *row, int64_t now)
{
        bool first = true;
        for (const struct sl_taskstats *s = all; s; s = s->next) {
                if (!wants(s, row))
                        continue;
                if (first)
                        sl_metrics_head(out, row->type, row->name, row->help);
                first = false;
                sl_metrics_sample(out, row->name, s->labels, value_of(s, row, now) / row->divisor);
        }
}

static void print_classes(struct sl_buf *out)
{
        static const char name[] = "sluice_task_errors_total";
        if (all)
                sl_metrics_head(out, SL_COUNTER, name, "Skipped records and ends of the task's line, by class of the reason.");
        for (const struct sl_taskstats *s = all; s; s = s->next)
                for (int rc = SL_OK + 1; rc < CLASSES; rc++) {
                        sl_cleanup(sl_buf_free) struct sl_buf labels = {0};
                        sl_buf_adds(&labels, s->labels);
                        sl_metric_label(&labels, "class", sl_rc_name((enum sl_rc)rc));
                        sl_metrics_sample(out, name, sl_buf_cstr(&labels), (double)get(&s->classes[rc]));
                }
}

void sl_taskstats_print(struct sl_buf *out)
{
        int64_t now = sl_mono_ms();
        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                print_row(out, &rows[i], now);
        print_classes(out);
        pthread_mutex_unlock(&lock);
}
