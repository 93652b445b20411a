/* SPDX-License-Identifier: Apache-2.0 */
/* Changes: what the store tells (apply), and what callers ask for (calls). Texts of errors are Connect's. */
#include "base/log.h"
#include "cluster/herder_internal.h"
#include <stdlib.h>
#include <string.h>

static struct conn *get(struct sl_herder *h, const char *name)
{
        return sl_map_get(&h->conns, sl_str_c(name));
}

struct conn *sl_herder_find(struct sl_herder *h, const char *name)
{
        struct conn *c = get(h, name);
        return c && c->exists ? c : NULL;
}

static struct conn *make(struct sl_herder *h, const char *name)
{
        struct conn *c = get(h, name);
        if (!c) {
                c = sl_calloc(1, sizeof(*c));
                c->name = sl_strdup(name);
                c->state = "UNASSIGNED";
                sl_map_put(&h->conns, sl_str_c(name), c);
        }
        return c;
}

void sl_herder_apply_config(void *arg, const char *name, const struct sl_props *config)
{
        struct sl_herder *h = arg;
        pthread_mutex_lock(&h->lock);
        struct conn *c = config ? make(h, name) : get(h, name);
        if (c) {
                c->exists = config != NULL;
                c->changed = true;
                c->known &= c->exists;
                c->generated &= c->exists;
                sl_props_free(&c->config);
                json_decref(c->shown);
                c->shown = NULL;
                if (config)
                        sl_props_copy(&c->config, config);
                if (config && !sl_props_get(&c->config, "name"))
                        sl_props_set(&c->config, "name", name);
        }
        pthread_mutex_unlock(&h->lock);
}

void sl_herder_apply_target(void *arg, const char *name, enum sl_target target)
{
        struct sl_herder *h = arg;
        pthread_mutex_lock(&h->lock);
        /* The target state of a new connector comes before its config. */
        struct conn *c = target == SL_TARGET_STARTED ? get(h, name) : make(h, name);
        if (c && c->target != target) {
                /* Tasks of a STOPPED connector are made anew from its config. */
                c->changed |= c->target == SL_TARGET_STOPPED || target == SL_TARGET_STOPPED || !c->generated;
                c->target = target;
        }
        pthread_mutex_unlock(&h->lock);
}

void sl_herder_apply_logger(void *arg, const char *logger, const char *text)
{
        enum sl_log_level level;
        (void)arg;
        if (!sl_log_level_parse(text, &level))
                sl_warn("logger %.100s: the config topic gives it the unknown level %.20s", logger, text);
        else if (!sl_log_set_named(logger, level, NULL, NULL))
                sl_warn("logger %.100s: too many loggers have a level, or its name is too long; not set", logger);
        else
                sl_info("logger %.100s: level %.20s, by the cluster", logger, text);
}

static void answer(struct sl_herder_call *call, int status, const char *fmt, ...) sl_printf(3, 4);
static void answer(struct sl_herder_call *call, int status, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(call->message, sizeof(call->message), fmt, ap);
        va_end(ap);
        call->status = status;
}

/* A write that failed: the caller is told what and why. */
static bool stored(struct sl_herder *h, struct sl_herder_call *call, enum sl_rc rc, const struct sl_err *err, const char *what)
{
        if (rc == SL_OK)
                return true;
        sl_log_err(SL_LOG_ERROR, err, "%s %s", what, call->name);
        if (err->id == SL_E_KAFKA_FENCED && h->cluster) { /* another worker leads by now */
                sl_cluster_resign(h->cluster);
                answer(call, 409, SL_CONFLICT_TEXT);
        } else {
                answer(call, 500, "%s: %s", what, err->msg);
        }
        return false;
}

static void reconcile(struct sl_herder *h, struct conn *c)
{
        pthread_mutex_lock(&h->lock);
        if (c)
                sl_herder_reconcile(h, c);
        pthread_mutex_unlock(&h->lock);
}

static void run_put(struct sl_herder *h, struct sl_herder_call *call)
{
        struct sl_err err = {0};
        const struct conn *have = sl_herder_find(h, call->name);
        bool existed = have != NULL;
        if (existed && call->create_only) {
                answer(call, 409, "Connector %s already exists", call->name);
                return;
        }
        if (!existed && call->patch) {
                answer(call, 404, "Connector %s not found", call->name);
                return;
        }
        if (!existed && call->initial && *call->initial != SL_TARGET_STARTED &&
            !stored(h, call, sl_store_put_target(h->store, call->name, *call->initial, &err), &err,
                    "Error writing target state to Kafka"))
                return;
        if (!stored(h, call, sl_store_put_config(h->store, call->name, call->config, &err), &err,
                    "Error writing connector configuration to Kafka"))
                return;
        call->status = existed ? 200 : 201;
        pthread_mutex_lock(&h->lock);
        struct conn *c = sl_herder_find(h, call->name);
        if (c) {
                const char *class = sl_props_get(&c->config, "connector.class");
                if (class)
                        (void)sl_plugins_connector(h->opts.plugins, class, &c->source, &c->sink,
                                                   NULL); /* an unknown one is shown as such */
                call->body = sl_conn_info_json(h, c);     /* its tasks as they were before the change */
                sl_herder_reconcile(h, c);
        }
        pthread_mutex_unlock(&h->lock);
        sl_info("connector %s: config %s", call->name, existed ? "updated" : "created");
}

static void forget_topics(struct sl_herder *h, struct conn *c)
{
        struct sl_map_entry *e;
        struct sl_err err = {0};
        for (size_t i = 0; sl_map_next(&c->topics, &i, &e);) {
                char *topic = sl_strdup(e->key); /* the callback removes it */
                if (sl_store_put_topic(h->store, c->name, 0, topic, true, &err) != SL_OK)
                        sl_log_err(SL_LOG_WARN, &err, "connector %s: topic %s stays in its list", c->name, topic);
                sl_err_clear(&err);
                free(sl_map_remove(&c->topics, sl_str_c(topic)));
                free(topic);
        }
}

static void run_delete(struct sl_herder *h, struct sl_herder_call *call)
{
        struct sl_err err = {0};
        struct conn *c = sl_herder_find(h, call->name);
        if (!c) {
                answer(call, 404, "Connector %s not found", call->name);
                return;
        }
        if (!stored(h, call, sl_store_put_config(h->store, call->name, NULL, &err), &err,
                    "Error removing connector configuration from Kafka"))
                return;
        forget_topics(h, c);
        reconcile(h, c);
        sl_info("connector %s: deleted", call->name);
        call->status = 204;
}

static void run_target(struct sl_herder *h, struct sl_herder_call *call)
{
        struct sl_err err = {0};
        struct conn *c = sl_herder_find(h, call->name);
        if (!c) {
                answer(call, 404, "Unknown connector %s", call->name);
                return;
        }
        if (call->target == SL_TARGET_STOPPED &&
            !stored(h, call, sl_store_put_tasks(h->store, call->name, 0, &c->config, NULL, c->source != NULL, &err), &err,
                    "Error writing task configurations to Kafka"))
                return;
        if (!stored(h, call, sl_store_put_target(h->store, call->name, call->target, &err), &err,
                    "Error writing target state to Kafka"))
                return;
        reconcile(h, c);
        sl_info("connector %s: target state %s", call->name, sl_target_name(call->target));
        call->status = call->target == SL_TARGET_STOPPED ? 204 : 202;
}

void sl_herder_apply_restart(void *arg, const char *name, bool include_tasks, bool only_failed)
{
        struct sl_herder *h = arg;
        pthread_mutex_lock(&h->lock);
        struct conn *c = sl_herder_find(h, name);
        for (uint32_t i = 0; c && include_tasks && c->target != SL_TARGET_STOPPED && i < c->want_tasks && i < c->nslots; i++)
                if (sl_herder_owns(h, c, i) && (!only_failed || c->slots[i].state == SL_TASK_FAILED))
                        sl_herder_restart_slot(h, c, &c->slots[i]);
        if (c && sl_herder_leads(h)) {
                bool failed = strcmp(c->state, "FAILED") == 0;
                /* A connector has no life of its own here: one that failed is looked at again, with its tasks. */
                c->changed |= failed;
                if (failed || !only_failed) {
                        c->state = "RESTARTING";
                        c->status_dirty = true;
                }
        }
        pthread_mutex_unlock(&h->lock);
}

/* The status as it is, with what the restart will take as RESTARTING. */
static json_t *restart_plan(struct sl_herder *h, const struct conn *c, const struct sl_herder_call *call)
{
        json_t *plan = sl_conn_status_json(h, c), *own = json_object_get(plan, "connector"), *task;
        const char *state = json_string_value(json_object_get(own, "state"));
        size_t i;
        if (!call->only_failed || (state && strcmp(state, "FAILED") == 0))
                json_object_set_new(own, "state", json_string("RESTARTING"));
        json_array_foreach(json_object_get(plan, "tasks"), i, task)
        {
                state = json_string_value(json_object_get(task, "state"));
                if (call->include_tasks && (!call->only_failed || (state && strcmp(state, "FAILED") == 0)))
                        json_object_set_new(task, "state", json_string("RESTARTING"));
        }
        return plan;
}

static void run_restart(struct sl_herder *h, struct sl_herder_call *call)
{
        struct sl_err err = {0};
        pthread_mutex_lock(&h->lock);
        struct conn *c = sl_herder_find(h, call->name);
        bool plain = !call->include_tasks && !call->only_failed;
        if (!c)
                answer(call, 404, "Unknown connector: %s", call->name);
        else if (!plain && !c->known)
                answer(call, 404, "Status for connector %s not found", call->name);
        else if (!plain)
                call->body = restart_plan(h, c, call);
        pthread_mutex_unlock(&h->lock);
        if (call->status >= 400)
                return;
        if (!stored(h, call, sl_store_put_restart(h->store, call->name, call->include_tasks, call->only_failed, &err), &err,
                    "Error writing restart request to Kafka")) {
                json_decref(call->body);
                call->body = NULL;
                return;
        }
        reconcile(h, c);
        call->status = plain ? 204 : 202;
}

static void run_topics_reset(struct sl_herder *h, struct sl_herder_call *call)
{
        struct conn *c = sl_herder_find(h, call->name);
        if (c)
                forget_topics(h, c);
        call->status = 202;
}

static void run_refresh(struct sl_herder *h, struct sl_herder_call *call)
{
        struct sl_err err = {0};
        if (sl_store_refresh(h->store, &err) != SL_OK)
                sl_log_err(SL_LOG_WARN, &err, "internal topics can't be read");
        call->status = 204;
}

static void run_restart_task(struct sl_herder *h, struct sl_herder_call *call)
{
        pthread_mutex_lock(&h->lock);
        struct conn *c = sl_herder_find(h, call->name);
        if (!c) {
                answer(call, 404, "Unknown connector: %s", call->name);
        } else if (call->task >= c->nslots || call->task >= c->want_tasks) {
                answer(call, 404, "Unknown task: %s-%u", call->name, call->task);
        } else {
                sl_herder_restart_slot(h, c, &c->slots[call->task]);
                sl_herder_reconcile(h, c);
                call->status = 204;
        }
        pthread_mutex_unlock(&h->lock);
}

static void run_logger(struct sl_herder *h, struct sl_herder_call *call)
{
        struct sl_err err = {0};
        if (stored(h, call, sl_store_put_logger(h->store, call->name, call->level, &err), &err,
                   "Error writing logger level to Kafka"))
                call->status = 204;
}

void sl_herder_run_call(struct sl_herder *h, struct sl_herder_call *call)
{
        switch (call->op) {
        case SL_OP_PUT_CONFIG:
                run_put(h, call);
                return;
        case SL_OP_DELETE:
                run_delete(h, call);
                return;
        case SL_OP_TARGET:
                run_target(h, call);
                return;
        case SL_OP_RESTART:
                run_restart(h, call);
                return;
        case SL_OP_RESTART_TASK:
                run_restart_task(h, call);
                return;
        case SL_OP_OFFSETS_ALTER:
        case SL_OP_OFFSETS_RESET:
                sl_herder_run_offsets(h, call);
                return;
        case SL_OP_LOGGER:
                run_logger(h, call);
                return;
        case SL_OP_REFRESH:
                run_refresh(h, call);
                return;
        case SL_OP_TOPICS_RESET:
                run_topics_reset(h, call);
                return;
        }
}
