/* SPDX-License-Identifier: Apache-2.0 */
/* The worker as metrics: Connect's connect-worker-, connect-worker-rebalance-, connect-coordinator-, connector-metrics
 * and app-info under the names that the usual exporters give them (docs/metrics.md). Tasks and Kafka clients print
 * their own. A text is a label of a sample of value 1; only the current one is there. Each task and connector is shown
 * by one worker of a cluster: the one that runs the task; the leader, which is where connectors run. So sums over
 * workers are right. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "cluster/herder_internal.h"
#include "pipeline/taskstats.h"

#define WORKER "kafka_connect_worker_"
#define REBALANCE "kafka_connect_worker_rebalance_"
#define CONNECTOR "kafka_connect_connector_"

static _Atomic int64_t started_ms; /* wall clock */

__attribute__((constructor)) static void note_start(void)
{
        atomic_store(&started_ms, sl_wall_ms());
}

/* ---- one family with one sample ---- */

static void one(struct sl_buf *out, enum sl_metric_type type, const char *name, const char *help, double value)
{
        sl_metrics_head(out, type, name, help);
        sl_metrics_sample(out, name, "", value);
}

static void text_sample(struct sl_buf *out, const char *name, const char *key, const char *value)
{
        struct sl_buf labels = {0};
        sl_metric_label(&labels, key, value);
        sl_metrics_sample(out, name, sl_buf_cstr(&labels), 1);
        sl_buf_free(&labels);
}

static void text(struct sl_buf *out, const char *name, const char *help, const char *key, const char *value)
{
        sl_metrics_head(out, SL_GAUGE, name, help);
        text_sample(out, name, key, value);
}

static void lower_case(const char *from, char *to, size_t room)
{
        size_t n = 0;
        for (; from[n] && n < room - 1; n++)
                to[n] = from[n] >= 'A' && from[n] <= 'Z' ? (char)(from[n] | 0x20) : from[n];
        to[n] = '\0';
}

/* ---- connectors ---- */

static bool conn_is_here(const struct sl_herder *h, const struct conn *c)
{
        return c->exists && c->known && (!c->worker_id || strcmp(c->worker_id, h->worker_id) == 0);
}

/* It runs here, or its failed start was here. */
static bool task_is_here(const struct slot *slot)
{
        return slot->run || (slot->known && !slot->worker_id && slot->state == SL_TASK_FAILED);
}

static void connector_sample(struct sl_buf *out, const char *name, const struct conn *c, int64_t task, const char *key,
                             const char *value)
{
        struct sl_buf labels = {0};
        char number[24];
        sl_metric_label(&labels, "connector", c->name);
        if (task >= 0) {
                snprintf(number, sizeof(number), "%lld", (long long)task);
                sl_metric_label(&labels, "task", number);
        }
        sl_metric_label(&labels, key, value);
        sl_metrics_sample(out, name, sl_buf_cstr(&labels), 1);
        sl_buf_free(&labels);
}

static void state_sample(struct sl_buf *out, const char *name, const struct conn *c, int64_t task, const char *state)
{
        char lower[32];
        lower_case(state, lower, sizeof(lower));
        connector_sample(out, name, c, task, "status", lower);
}

/* What a family says about one connector. */
static void say_status(struct sl_buf *out, const char *name, const struct conn *c)
{
        state_sample(out, name, c, -1, c->state);
}

static void say_task_status(struct sl_buf *out, const char *name, const struct conn *c)
{
        for (uint32_t i = 0; i < c->nslots; i++)
                if (task_is_here(&c->slots[i]) && c->slots[i].known)
                        state_sample(out, name, c, i, sl_task_state_name(c->slots[i].state));
}

static void say_class(struct sl_buf *out, const char *name, const struct conn *c)
{
        const char *class = c->source ? c->source->aliases[0] : c->sink ? c->sink->aliases[0] : "unknown";
        connector_sample(out, name, c, -1, "connector_class", class);
}

static void say_type(struct sl_buf *out, const char *name, const struct conn *c)
{
        connector_sample(out, name, c, -1, "connector_type", c->source ? "source" : c->sink ? "sink" : "unknown");
}

static void say_version(struct sl_buf *out, const char *name, const struct conn *c)
{
        const char *version = c->source ? c->source->version : c->sink ? c->sink->version : NULL;
        connector_sample(out, name, c, -1, "connector_version", version ? version : "unknown");
}

static void each_connector(const struct sl_herder *h, struct sl_buf *out, const char *name, const char *help,
                           bool (*here)(const struct sl_herder *, const struct conn *),
                           void (*say)(struct sl_buf *, const char *, const struct conn *))
{
        struct sl_map_entry *e;
        sl_metrics_head(out, SL_GAUGE, name, help);
        for (size_t i = 0; sl_map_next(&h->conns, &i, &e);)
                if (here(h, e->value))
                        say(out, name, e->value);
}

/* Tasks of one connector here by state; state -1: all. */
static uint32_t count_tasks(const struct conn *c, int state)
{
        uint32_t n = 0;
        for (uint32_t i = 0; c->exists && i < c->nslots; i++) {
                const struct slot *slot = &c->slots[i];
                if (task_is_here(slot))
                        n += state < 0 || (slot->known ? (int)slot->state : SL_TASK_UNASSIGNED) == state;
        }
        return n;
}

static bool has_tasks_here(const struct sl_herder *h, const struct conn *c)
{
        (void)h;
        return count_tasks(c, -1) > 0;
}

static void print_task_counts(struct sl_herder *h, struct sl_buf *out)
{
        static const struct {
                const char *name, *help;
                int state;
        } counts[] = {
                {WORKER "connector_total_task_count", "Tasks of a connector on this worker.", -1},
                {WORKER "connector_running_task_count", "Running tasks of a connector on this worker.",
                 SL_TASK_RUNNING},
                {WORKER "connector_paused_task_count", "Paused tasks of a connector on this worker.", SL_TASK_PAUSED},
                {WORKER "connector_failed_task_count", "Failed tasks of a connector on this worker.", SL_TASK_FAILED},
                {WORKER "connector_unassigned_task_count", "Unassigned tasks of a connector on this worker.",
                 SL_TASK_UNASSIGNED},
                {WORKER "connector_restarting_task_count", "Restarting tasks of a connector on this worker.",
                 SL_TASK_RESTARTING},
                {WORKER "connector_destroyed_task_count", "Always 0: a deleted task has no state here.",
                 SL_TASK_STOPPED},
        };
        for (size_t k = 0; k < sizeof(counts) / sizeof(*counts); k++) {
                struct sl_map_entry *e;
                sl_metrics_head(out, SL_GAUGE, counts[k].name, counts[k].help);
                for (size_t i = 0; sl_map_next(&h->conns, &i, &e);) {
                        const struct conn *c = e->value;
                        struct sl_buf labels = {0};
                        if (!has_tasks_here(h, c))
                                continue;
                        sl_metric_label(&labels, "connector", c->name);
                        sl_metrics_sample(out, counts[k].name, sl_buf_cstr(&labels), count_tasks(c, counts[k].state));
                        sl_buf_free(&labels);
                }
        }
}

/* ---- the worker ---- */

static double part(uint64_t n, uint64_t of)
{
        return of ? (double)n / (double)of : 0;
}

static void print_starts(const struct sl_herder *h, struct sl_buf *out)
{
        struct sl_taskstats_startups t = sl_taskstats_startups();
        uint64_t ok = h->conns_started, failed = h->conns_failed, ended = t.successes + t.failures;
        one(out, SL_COUNTER, WORKER "connector_startup_attempts_total", "Starts of connectors.", (double)(ok + failed));
        one(out, SL_COUNTER, WORKER "connector_startup_success_total", "Starts of connectors that succeeded.",
            (double)ok);
        one(out, SL_COUNTER, WORKER "connector_startup_failure_total", "Starts of connectors that failed.",
            (double)failed);
        one(out, SL_GAUGE, WORKER "connector_startup_success_percentage",
            "Share of connector starts that succeeded, 0 to 1.", part(ok, ok + failed));
        one(out, SL_GAUGE, WORKER "connector_startup_failure_percentage",
            "Share of connector starts that failed, 0 to 1.", part(failed, ok + failed));
        one(out, SL_COUNTER, WORKER "task_startup_attempts_total", "Starts of tasks.", (double)t.attempts);
        one(out, SL_COUNTER, WORKER "task_startup_success_total", "Starts of tasks that succeeded.",
            (double)t.successes);
        one(out, SL_COUNTER, WORKER "task_startup_failure_total", "Starts of tasks that failed.", (double)t.failures);
        one(out, SL_GAUGE, WORKER "task_startup_success_percentage", "Share of task starts that succeeded, 0 to 1.",
            part(t.successes, ended));
        one(out, SL_GAUGE, WORKER "task_startup_failure_percentage", "Share of task starts that failed, 0 to 1.",
            part(t.failures, ended));
}

static void print_rebalances(const struct rebalances *r, struct sl_buf *out)
{
        double n = (double)r->completed;
        text(out, REBALANCE "connect_protocol", "How workers share connectors, as a label.", "connect_protocol",
             "sluice");
        if (*r->leader_url)
                text(out, REBALANCE "leader_name", "URL of the leader, as a label.", "leader_name", r->leader_url);
        one(out, SL_GAUGE, REBALANCE "epoch", "Generation of the group of workers.", r->generation);
        one(out, SL_COUNTER, REBALANCE "completed_rebalances_total", "Placements that this worker came to know.", n);
        one(out, SL_GAUGE, REBALANCE "rebalancing", "1 while the group settles.", r->began_ms != 0);
        one(out, SL_GAUGE, REBALANCE "rebalance_max_time_ms", "Longest rebalance.", n > 0 ? (double)r->max_ms : NAN);
        one(out, SL_GAUGE, REBALANCE "rebalance_avg_time_ms", "Average rebalance.",
            n > 0 ? (double)r->total_ms / n : NAN);
        one(out, SL_GAUGE, REBALANCE "time_since_last_rebalance_ms", "+Inf before the first.",
            r->ended_ms ? (double)(sl_mono_ms() - r->ended_ms) : INFINITY);
}

static void app_info(struct sl_herder *h, struct sl_buf *out, const char *name, const char *help, const char *key,
                     const char *value, double number)
{
        struct sl_buf labels = {0};
        sl_metric_label(&labels, "clientid", h->worker_id);
        if (key)
                sl_metric_label(&labels, key, value);
        sl_metrics_head(out, SL_GAUGE, name, help);
        sl_metrics_sample(out, name, sl_buf_cstr(&labels), number);
        sl_buf_free(&labels);
}

static void print_model(struct sl_herder *h, struct sl_buf *out)
{
        struct sl_map_entry *e;
        uint32_t conns = 0, tasks = 0, failed = 0;
        for (size_t i = 0; sl_map_next(&h->conns, &i, &e);) {
                const struct conn *c = e->value;
                conns += conn_is_here(h, c);
                tasks += count_tasks(c, -1);
                failed += count_tasks(c, SL_TASK_FAILED);
        }
        one(out, SL_GAUGE, WORKER "connector_count",
            "Connectors that run on this worker; in a cluster they all run on the leader.", conns);
        one(out, SL_GAUGE, WORKER "task_count", "Tasks that run on this worker.", tasks);
        one(out, SL_GAUGE, "sluice_worker_failed_tasks", "Tasks of this worker in state FAILED.", failed);
        if (h->opts.cfg->distributed) {
                one(out, SL_GAUGE, "kafka_connect_coordinator_assigned_connectors",
                    "Connectors that run on this worker.", conns);
                one(out, SL_GAUGE, "kafka_connect_coordinator_assigned_tasks", "Tasks that run on this worker.", tasks);
        }
        print_task_counts(h, out);
        each_connector(h, out, CONNECTOR "status", "State of a connector, as a label.", conn_is_here, say_status);
        each_connector(h, out, CONNECTOR "connector_class", "Class of a connector, as a label.", conn_is_here,
                       say_class);
        each_connector(h, out, CONNECTOR "connector_type", "source or sink, as a label.", conn_is_here, say_type);
        each_connector(h, out, CONNECTOR "connector_version", "Version of a connector, as a label.", conn_is_here,
                       say_version);
        each_connector(h, out, CONNECTOR "task_status", "State of a task, as a label.", has_tasks_here,
                       say_task_status);
}

void sl_herder_metrics(struct sl_herder *h, struct sl_buf *out)
{
        pthread_mutex_lock(&h->lock);
        print_model(h, out);
        print_starts(h, out);
        if (h->opts.cfg->distributed)
                print_rebalances(&h->rebalances, out);
        pthread_mutex_unlock(&h->lock);
        app_info(h, out, "kafka_connect_version_info", "The release of Kafka Connect that is followed, as a label.",
                 "version", SL_KAFKA_COMPATIBLE, 1);
        app_info(h, out, "kafka_connect_commit_id_info", "This program's release, as a label.", "commit_id",
                 "sluice-" SLUICE_VERSION, 1);
        app_info(h, out, "kafka_connect_start_time_seconds", "When the process began, in seconds since 1970.", NULL,
                 NULL, (double)started_ms / 1000);
        sl_taskstats_print(out);
        sl_kafka_metrics_print(out);
}
