/* SPDX-License-Identifier: Apache-2.0 */
/* Reads of the model as Connect's entities (connector info, status, tasks) and as metrics. Literal secrets are masked.
 */
#include "base/metrics.h"
#include "cluster/herder_internal.h"
#include "cluster/validate.h"
#include <string.h>

static const char *type_of(const struct conn *c)
{
        return c->source ? "source" : c->sink ? "sink" : "unknown";
}

static json_t *version_of(const struct conn *c)
{
        const char *version = c->source ? c->source->version : c->sink ? c->sink->version : NULL;
        return version ? json_string(version) : json_null();
}

/* json_string refuses text that is not UTF-8; a trace may quote bytes of the outside. */
static json_t *text(const char *s)
{
        json_t *j = json_string(s);
        return j ? j : json_string("(not valid UTF-8)");
}

static json_t *task_id(const struct conn *c, uint32_t task)
{
        json_t *id = json_object();
        json_object_set_new(id, "connector", json_string(c->name));
        json_object_set_new(id, "task", json_integer(task));
        return id;
}

/* Tasks that exist: those that were or will be started. */
static uint32_t task_count(const struct conn *c)
{
        return c->nslots < c->want_tasks ? c->nslots : c->want_tasks;
}

json_t *sl_conn_info_json(struct sl_herder *h, const struct conn *c)
{
        json_t *info = json_object(), *tasks = json_array();
        for (uint32_t i = 0; i < task_count(c); i++)
                json_array_append_new(tasks, task_id(c, i));
        json_object_set_new(info, "name", json_string(c->name));
        json_object_set_new(info, "config", sl_config_masked_json(h->opts.plugins, &c->config));
        json_object_set_new(info, "tasks", tasks);
        json_object_set_new(info, "type", json_string(type_of(c)));
        return info;
}

static json_t *task_status(struct sl_herder *h, const struct conn *c, uint32_t i)
{
        const struct slot *slot = &c->slots[i];
        json_t *row = json_object();
        json_object_set_new(row, "id", json_integer(i));
        json_object_set_new(row, "state", json_string(sl_task_state_name(slot->state)));
        json_object_set_new(row, "worker_id", json_string(slot->worker_id ? slot->worker_id : h->worker_id));
        json_object_set_new(row, "version", version_of(c));
        if (slot->trace)
                json_object_set_new(row, "trace", text(slot->trace));
        return row;
}

json_t *sl_conn_status_json(struct sl_herder *h, const struct conn *c)
{
        json_t *status = json_object(), *own = json_object(), *tasks = json_array();
        json_object_set_new(own, "state", json_string(c->state));
        json_object_set_new(own, "worker_id", json_string(c->worker_id ? c->worker_id : h->worker_id));
        json_object_set_new(own, "version", version_of(c));
        if (c->trace)
                json_object_set_new(own, "trace", text(c->trace));
        for (uint32_t i = 0; i < task_count(c); i++)
                if (c->slots[i].known)
                        json_array_append_new(tasks, task_status(h, c, i));
        json_object_set_new(status, "name", json_string(c->name));
        json_object_set_new(status, "connector", own);
        json_object_set_new(status, "tasks", tasks);
        json_object_set_new(status, "type", json_string(type_of(c)));
        return status;
}

json_t *sl_herder_names(struct sl_herder *h)
{
        json_t *names = json_array();
        struct sl_map_entry *e;
        pthread_mutex_lock(&h->lock);
        for (size_t i = 0; sl_map_next(&h->conns, &i, &e);)
                if (((const struct conn *)e->value)->exists)
                        json_array_append_new(names, json_string(e->key));
        pthread_mutex_unlock(&h->lock);
        return names;
}

static json_t *view(struct sl_herder *h, const char *name, json_t *(*make)(struct sl_herder *, const struct conn *))
{
        pthread_mutex_lock(&h->lock);
        const struct conn *c = sl_herder_find(h, name);
        json_t *out = c ? make(h, c) : NULL;
        pthread_mutex_unlock(&h->lock);
        return out;
}

json_t *sl_herder_info(struct sl_herder *h, const char *name)
{
        return view(h, name, sl_conn_info_json);
}

static json_t *known_status(struct sl_herder *h, const struct conn *c)
{
        return c->known ? sl_conn_status_json(h, c) : NULL;
}

json_t *sl_herder_status(struct sl_herder *h, const char *name)
{
        return view(h, name, known_status);
}

static json_t *tasks_json(struct sl_herder *h, const struct conn *c)
{
        json_t *list = json_array(), *config = sl_config_masked_json(h->opts.plugins, &c->config);
        for (uint32_t i = 0; i < task_count(c); i++) {
                json_t *row = json_object();
                json_object_set_new(row, "id", task_id(c, i));
                json_object_set(row, "config", config);
                json_array_append_new(list, row);
        }
        json_decref(config);
        return list;
}

json_t *sl_herder_tasks(struct sl_herder *h, const char *name)
{
        return view(h, name, tasks_json);
}

json_t *sl_herder_task_status(struct sl_herder *h, const char *name, uint32_t task)
{
        pthread_mutex_lock(&h->lock);
        const struct conn *c = sl_herder_find(h, name);
        json_t *out = c && task < task_count(c) && c->slots[task].known ? task_status(h, c, task) : NULL;
        pthread_mutex_unlock(&h->lock);
        return out;
}

json_t *sl_herder_topics(struct sl_herder *h, const char *name)
{
        json_t *topics = json_array(), *inner = json_object(), *out = json_object();
        struct sl_map_entry *e;
        pthread_mutex_lock(&h->lock);
        const struct conn *c = sl_herder_find(h, name);
        for (size_t i = 0; c && sl_map_next(&c->topics, &i, &e);)
                json_array_append_new(topics, json_string(e->key));
        pthread_mutex_unlock(&h->lock);
        json_object_set_new(inner, "topics", topics);
        json_object_set_new(out, name, inner);
        return out;
}

bool sl_herder_config(struct sl_herder *h, const char *name, struct sl_props *out)
{
        pthread_mutex_lock(&h->lock);
        const struct conn *c = sl_herder_find(h, name);
        if (c)
                sl_props_copy(out, &c->config);
        pthread_mutex_unlock(&h->lock);
        return c != NULL;
}

static void status_row(struct sl_buf *out, const char *metric, const char *connector, int64_t task, const char *state)
{
        char lower[32], number[24];
        struct sl_buf labels = {0};
        size_t n = 0;
        for (; state[n] && n < sizeof(lower) - 1; n++)
                lower[n] = (char)(state[n] | 0x20);
        lower[n] = '\0';
        sl_metric_label(&labels, "connector", connector);
        if (task >= 0) {
                snprintf(number, sizeof(number), "%lld", (long long)task);
                sl_metric_label(&labels, "task", number);
        }
        sl_metric_label(&labels, "status", lower);
        sl_buf_printf(out, "%s{%s} 1\n", metric, sl_buf_cstr(&labels));
        sl_buf_free(&labels);
}

void sl_herder_metrics(struct sl_herder *h, struct sl_buf *out)
{
        static const char conn_metric[] = "kafka_connect_connector_status",
                          task_metric[] = "kafka_connect_connector_task_status";
        struct sl_map_entry *e;
        uint32_t conns = 0, tasks = 0, failed = 0;
        struct sl_buf task_rows = {0};
        sl_buf_printf(out, "# HELP %s State of a connector, as a label.\n# TYPE %s gauge\n", conn_metric, conn_metric);
        pthread_mutex_lock(&h->lock);
        for (size_t i = 0; sl_map_next(&h->conns, &i, &e);) {
                const struct conn *c = e->value;
                if (!c->exists)
                        continue;
                conns++;
                status_row(out, conn_metric, c->name, -1, c->state);
                for (uint32_t k = 0; k < task_count(c); k++) {
                        tasks++;
                        failed += c->slots[k].state == SL_TASK_FAILED;
                        if (c->slots[k].known)
                                status_row(&task_rows, task_metric, c->name, k, sl_task_state_name(c->slots[k].state));
                }
        }
        pthread_mutex_unlock(&h->lock);
        sl_buf_printf(out, "# HELP %s State of a task, as a label.\n# TYPE %s gauge\n", task_metric, task_metric);
        sl_buf_add(out, task_rows.ptr, task_rows.len);
        sl_buf_printf(out,
                      "# HELP kafka_connect_worker_connector_count Connectors of this worker.\n"
                      "# TYPE kafka_connect_worker_connector_count gauge\nkafka_connect_worker_connector_count %u\n"
                      "# HELP kafka_connect_worker_task_count Tasks of this worker.\n"
                      "# TYPE kafka_connect_worker_task_count gauge\nkafka_connect_worker_task_count %u\n"
                      "# HELP sluice_worker_failed_tasks Tasks in state FAILED.\n"
                      "# TYPE sluice_worker_failed_tasks gauge\nsluice_worker_failed_tasks %u\n",
                      conns, tasks, failed);
        sl_buf_free(&task_rows);
}
