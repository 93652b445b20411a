/* SPDX-License-Identifier: Apache-2.0 */
/* Reads of the model as Connect's entities (connector info, status, tasks). Literal secrets are masked. */
#include "cluster/herder_internal.h"
#include "cluster/validate.h"
#include <stdlib.h>
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

/* A new reference. Made once per config: which of its keys are secret costs more than all the rest of an answer. */
static json_t *shown_config(struct sl_herder *h, const struct conn *c)
{
        if (!c->shown)
                ((struct conn *)c)->shown = sl_config_masked_json(h->opts.plugins, &c->config); /* the lock is held */
        return json_incref(c->shown);
}

json_t *sl_conn_info_json(struct sl_herder *h, const struct conn *c)
{
        json_t *info = json_object(), *tasks = json_array();
        for (uint32_t i = 0; i < task_count(c); i++)
                json_array_append_new(tasks, task_id(c, i));
        json_object_set_new(info, "name", json_string(c->name));
        json_object_set_new(info, "config", shown_config(h, c));
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
        json_t *list = json_array(), *shown = shown_config(h, c), *config = json_copy(shown);
        json_decref(shown);
        if (c->source || c->sink) { /* a class that isn't here has none that we know */
                char *class = sl_conn_task_class(c);
                json_object_set_new(config, "task.class", json_string(class));
                free(class);
        }
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
