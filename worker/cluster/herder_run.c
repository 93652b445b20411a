/* SPDX-License-Identifier: Apache-2.0 */
/* Reconciling: starting, pausing and ending tasks until they are what the store wants, and writing their states.
 * Only tasks that the cluster gives to this worker run here. A slot's task ends before its successor starts; one that does not end within the time limit is left to itself (it
 * shows nothing any more; Kafka fences its producer) and is joined whenever it does. */
#include "base/clock.h"
#include "base/log.h"
#include "cluster/herder_internal.h"
#include <stdlib.h>
#include <string.h>

#define SOURCE_GRACE_MS 3000 /* a source may be inside a commit when asked to stop */
#define SHUTDOWN_WRITE_MS 2000

void sl_conn_free(void *conn)
{
        struct conn *c = conn;
        for (uint32_t i = 0; i < c->nslots; i++) {
                free(c->slots[i].trace);
                free(c->slots[i].worker_id);
        }
        free(c->slots);
        free(c->trace);
        free(c->worker_id);
        free(c->why_not);
        sl_map_free(&c->topics, free);
        free(c->name);
        sl_props_free(&c->config);
        json_decref(c->shown);
        sl_props_free(&c->resolved);
        free(c);
}

static void on_state(void *arg, const char *connector, uint32_t id, enum sl_task_state state, const char *trace)
{
        struct run *r = arg;
        struct sl_herder *h = r->h;
        (void)connector;
        pthread_mutex_lock(&h->lock);
        struct conn *c = r->conn;
        if (c && id < c->nslots && c->slots[id].run == r) {
                struct slot *slot = &c->slots[id];
                /* Between two lives of a restarted task RESTARTING stays in view. */
                bool between = r->version != slot->want && !h->stop && slot->state == SL_TASK_RESTARTING;
                r->told = true;
                r->state = state == SL_TASK_STOPPED ? SL_TASK_UNASSIGNED : state;
                free(r->trace);
                r->trace = trace ? sl_strdup(trace) : NULL;
                if (!between)
                        sl_slot_set_state(slot, r->state, trace);
                h->woken = true;
                pthread_cond_signal(&h->wake);
        }
        pthread_mutex_unlock(&h->lock);
}

/* Asked by a task before it touches what its last owner may still hold. */
static enum sl_rc may_open(void *arg, struct sl_err *err)
{
        struct run *r = arg;
        struct sl_herder *h = r->h;
        pthread_mutex_lock(&h->lock);
        const struct conn *c = r->conn;
        bool ours = c && r->id < c->nslots && c->slots[r->id].run == r && !r->stopping && !h->stop;
        pthread_mutex_unlock(&h->lock);
        if (!ours)
                return sl_fail(err, SL_E_STOPPED, "the task has been given to another worker or ends");
        return h->cluster ? sl_cluster_prove(h->cluster, err) : SL_OK;
}

/* Everything about the config that the herder itself needs; the rest is for the tasks to find. */
static enum sl_rc read_config(struct sl_herder *h, struct conn *c, uint32_t *ret_tasks, struct sl_err *err)
{
        sl_props_free(&c->resolved);
        SL_TRY(sl_providers_resolve(h->opts.cfg->providers, &c->config, &c->resolved, err));
        const char *class = sl_props_get(&c->resolved, "connector.class"),
                   *max = sl_props_get(&c->resolved, "tasks.max");
        if (!class)
                return sl_fail(err, SL_E_CONFIG, "Connector config contains no connector type");
        SL_TRY(sl_plugins_connector(h->opts.plugins, class, &c->source, &c->sink, err));
        int64_t n = 1;
        if (c->sink && max && (!sl_parse_i64(sl_str_c(max), &n) || n < 1 || n > 1000))
                return sl_fail(err, SL_E_CONFIG,
                               "Invalid value %s for configuration tasks.max: a number from 1 to 1000 is needed", max);
        *ret_tasks = c->source ? 1 : (uint32_t)n;
        if (c->sink && c->sink->task_count)
                *ret_tasks = c->sink->task_count(&c->resolved, (uint32_t)n);
        return SL_OK;
}

static void grow(struct conn *c, uint32_t n)
{
        if (c->nslots >= n)
                return;
        c->slots = sl_realloc(c->slots, n * sizeof(*c->slots));
        memset(c->slots + c->nslots, 0, (n - c->nslots) * sizeof(*c->slots));
        c->nslots = n;
}

static void not_usable(struct sl_herder *h, struct conn *c, const struct sl_err *err)
{
        struct sl_buf trace = {0};
        sl_err_trace(err, &trace);
        free(c->why_not);
        c->why_not = sl_strdup(sl_buf_cstr(&trace));
        sl_buf_free(&trace);
        sl_log_err(SL_LOG_ERROR, err, "connector %s can't be started on this worker", c->name);
        if (sl_herder_leads(h))
                sl_conn_set_state(c, "FAILED", err);
}

static void prepare(struct sl_herder *h, struct conn *c)
{
        struct sl_err err = {0};
        uint32_t tasks = 0;
        c->changed = false;
        c->usable = read_config(h, c, &tasks, &err) == SL_OK;
        if (sl_herder_leads(h))
                (*(c->usable ? &h->conns_started : &h->conns_failed))++;
        c->generated = c->target == SL_TARGET_STARTED ||
                       (c->target == SL_TARGET_PAUSED && (c->generated || sl_store_task_count(h->store, c->name)));
        c->want_tasks = c->usable && c->generated ? tasks : 0;
        c->tasks_dirty = c->usable;
        if (!c->usable) {
                not_usable(h, c, &err);
                return;
        }
        grow(c, c->want_tasks);
        sl_herder_take_early(h, c);
        uint64_t version = ++h->version;
        for (uint32_t i = 0; i < c->nslots; i++)
                c->slots[i].want = version;
}

/* The leader can use the connector, this worker can't (a variable or a file that is only there): its tasks here say so. */
static void show_not_usable(struct sl_herder *h, struct conn *c)
{
        uint32_t n = c->target == SL_TARGET_STOPPED ? 0 : sl_cluster_task_count(h->cluster, c->name);
        c->want_tasks = n;
        grow(c, n);
        sl_herder_take_early(h, c);
        for (uint32_t i = 0; i < n; i++) {
                struct slot *slot = &c->slots[i];
                if (sl_herder_owns(h, c, i) && !slot->run && (slot->state != SL_TASK_FAILED || slot->worker_id || !slot->known))
                        sl_slot_set_state(slot, SL_TASK_FAILED, c->why_not);
        }
}

static void begin_stop(struct sl_herder *h, struct conn *c, struct run *r)
{
        h->tasks->stop(r->task);
        r->stopping = true;
        r->deadline = sl_mono_ms() + h->opts.cfg->shutdown_ms + (c->source ? SOURCE_GRACE_MS : 0);
}

static void end_run(struct sl_herder *h, struct run *r)
{
        h->tasks->free(r->task);
        free(r->trace);
        free(r);
}

/* A slot whose task was told to stop: true while it still ends. */
static bool wait_end(struct sl_herder *h, struct conn *c, struct slot *slot)
{
        struct run *r = slot->run;
        if (h->tasks->join(r->task, 0)) {
                slot->run = NULL;
                bool moved = c->exists && !sl_herder_owns(h, c, r->id);
                if (slot->known && !slot->worker_id && (moved || (h->stop && slot->state != SL_TASK_FAILED)))
                        sl_slot_set_state(slot, SL_TASK_UNASSIGNED, NULL);
                end_run(h, r);
                return false;
        }
        if (sl_mono_ms() < r->deadline)
                return true;
        sl_warn("task %s-%u did not end in time and is left to itself", c->name, r->id);
        slot->run = NULL;
        r->conn = NULL;
        r->next = h->late;
        h->late = r;
        return false;
}

static void start_slot(struct sl_herder *h, struct conn *c, uint32_t i)
{
        struct slot *slot = &c->slots[i];
        struct run *r = sl_calloc(1, sizeof(*r));
        *r = (struct run){.h = h, .conn = c, .id = i, .version = slot->want, .paused = c->target == SL_TARGET_PAUSED};
        struct sl_task_opts opts = {
                .connector = c->name,
                .id = i,
                .worker = &h->opts.cfg->props,
                .config = &c->resolved,
                .source = c->source,
                .sink = c->sink,
                .plugins = h->opts.plugins,
                .admin = h->admin,
                .paused = r->paused,
                .on_state = on_state,
                .may_open = may_open,
                .on_topic = sl_herder_on_topic,
                .arg = r,
        };
        slot->run = r;
        r->task = h->tasks->start(&opts); /* its reports wait for our lock */
}

static bool reconcile_slot(struct sl_herder *h, struct conn *c, uint32_t i)
{
        struct slot *slot = &c->slots[i];
        bool want = c->exists && c->usable && !h->stop && c->target != SL_TARGET_STOPPED && i < c->want_tasks &&
                    sl_herder_owns(h, c, i);
        struct run *r = slot->run;
        if (r && !r->stopping && (!want || r->version != slot->want))
                begin_stop(h, c, r);
        if (r && r->stopping && wait_end(h, c, slot))
                return true;
        if (!want)
                return false;
        bool paused = c->target == SL_TARGET_PAUSED;
        if (!slot->run) {
                start_slot(h, c, i);
        } else if (slot->run->paused != paused) {
                (paused ? h->tasks->pause : h->tasks->resume)(slot->run->task);
                slot->run->paused = paused;
        }
        /* While another placement counted, another worker's word was taken for it; the task ran on and says nothing new. */
        if (slot->worker_id && slot->run->told)
                sl_slot_set_state(slot, slot->run->state, slot->run->trace);
        return false;
}

static void shrink(struct conn *c)
{
        uint32_t keep = c->exists && c->target != SL_TARGET_STOPPED ? c->want_tasks : 0;
        while (c->nslots > keep && !c->slots[c->nslots - 1].run) {
                struct slot *slot = &c->slots[--c->nslots];
                free(slot->trace);
                free(slot->worker_id);
        }
}

bool sl_herder_reconcile(struct sl_herder *h, struct conn *c)
{
        bool ending = false;
        if (c->exists && c->changed)
                prepare(h, c);
        if (c->exists && !c->usable && !sl_herder_leads(h))
                show_not_usable(h, c);
        for (uint32_t i = 0; i < c->nslots; i++)
                ending |= reconcile_slot(h, c, i);
        shrink(c);
        if (!sl_herder_leads(h) || h->stop || !c->exists)
                return ending;
        static const char *const states[] = {"RUNNING", "PAUSED", "STOPPED"};
        if (c->usable || c->target == SL_TARGET_STOPPED)
                sl_conn_set_state(c, states[c->target], NULL);
        return ending;
}

static void join_late(struct sl_herder *h)
{
        for (struct run **at = &h->late; *at;) {
                struct run *r = *at;
                if (!h->tasks->join(r->task, 0)) {
                        at = &r->next;
                        continue;
                }
                *at = r->next;
                end_run(h, r);
        }
}

bool sl_herder_reconcile_all(struct sl_herder *h)
{
        bool ending = false;
        struct sl_map_entry *e;
        for (size_t i = 0; sl_map_next(&h->conns, &i, &e);)
                ending |= sl_herder_reconcile(h, e->value);
        join_late(h);
        return ending;
}

void sl_herder_restart_slot(struct sl_herder *h, struct conn *c, struct slot *slot)
{
        (void)c;
        slot->want = ++h->version;
        sl_slot_set_state(slot, SL_TASK_RESTARTING, slot->trace);
}

/* The Java class that runs a task of this connector: Connector becomes Task; Debezium's keep both words. */
char *sl_conn_task_class(const struct conn *c)
{
        const char *const *aliases = c->source ? c->source->aliases : c->sink->aliases;
        const char *class = sl_props_get(&c->resolved, "connector.class");
        if (aliases && aliases[0] && !strchr(class, '.'))
                class = aliases[0];
        size_t n = strlen(class), cut = strlen("Connector");
        bool replace = n > cut && strcmp(class + n - cut, "Connector") == 0 && strncmp(class, "io.debezium.", 12) != 0;
        struct sl_buf out = {0};
        sl_buf_add(&out, class, replace ? n - cut : n);
        sl_buf_adds(&out, "Task");
        char *text = sl_strdup(sl_buf_cstr(&out));
        sl_buf_free(&out);
        return text;
}

static void write_task_configs(struct sl_herder *h)
{
        struct sl_map_entry *e;
        for (size_t i = 0; sl_map_next(&h->conns, &i, &e);) {
                struct conn *c = e->value; /* only this thread changes conns, so reading without the lock is safe */
                if (!c->tasks_dirty || !c->exists || !c->usable)
                        continue;
                struct sl_err err = {0};
                char *class = sl_conn_task_class(c);
                enum sl_rc rc = sl_store_put_tasks(h->store, c->name, c->want_tasks, &c->config, class, c->source != NULL,
                                                   &err);
                free(class);
                c->tasks_dirty = false;
                if (err.id == SL_E_KAFKA_FENCED && h->cluster)
                        sl_cluster_resign(h->cluster);
                if (rc != SL_OK) {
                        sl_log_err(SL_LOG_WARN, &err,
                                   "connector %s: task configs could not be written; only a Java worker "
                                   "would need them",
                                   c->name);
                        return; /* the others when the cluster has been served: each may wait as long */
                }
        }
}

void sl_herder_flush(struct sl_herder *h)
{
        if (sl_mono_ms() >= h->status_retry) {
                if (sl_herder_leads(h))
                        write_task_configs(h);
                sl_herder_write_statuses(h);
        }
        sl_herder_tell_applied(h);
}

void sl_herder_stop_tasks(struct sl_herder *h)
{
        bool ending = true;
        for (;;) {
                pthread_mutex_lock(&h->lock);
                h->stop = true;
                ending = sl_herder_reconcile_all(h);
                if (ending && !h->woken) {
                        struct timespec ts = sl_mono_after(10);
                        pthread_cond_timedwait(&h->wake, &h->lock, &ts);
                }
                h->woken = false;
                struct sl_map_entry *e;
                for (size_t i = 0; !ending && sl_map_next(&h->conns, &i, &e);) {
                        struct conn *c = e->value;
                        if (c->exists && sl_herder_leads(h) && strcmp(c->state, "FAILED") != 0)
                                sl_conn_set_state(c, "UNASSIGNED", NULL);
                }
                pthread_mutex_unlock(&h->lock);
                if (!ending)
                        break;
        }
        if (h->store) {
                sl_store_set_limit(h->store, SHUTDOWN_WRITE_MS);
                sl_herder_write_statuses(h);
        }
        h->all_ended = h->late == NULL;
}
