/* SPDX-License-Identifier: Apache-2.0 */
/* States of connectors and tasks, and the topics they use. What runs here is said here: it goes into the model at once and to
 * the status topic soon after. What runs elsewhere is taken from the topic. */
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "cluster/herder_internal.h"

#define STATUS_RETRY_MS 1000
#define BATCH 64

static const char *const conn_states[] = {"UNASSIGNED", "RUNNING", "PAUSED", "FAILED", "RESTARTING", "STOPPED"};

static void set_text(char **to, const char *text)
{
        char *copy = text && *text ? sl_strdup(text) : NULL; /* first: text may be *to */
        free(*to);
        *to = copy;
}

void sl_conn_set_state(struct conn *c, const char *state, const struct sl_err *why)
{
        struct sl_buf trace = {0};
        if (why)
                sl_err_trace(why, &trace);
        if (strcmp(c->state, state) != 0 || why || c->trace || !c->known || c->worker_id)
                c->status_dirty = true;
        c->state = state;
        c->known = true;
        set_text(&c->trace, why ? sl_buf_cstr(&trace) : NULL);
        set_text(&c->worker_id, NULL);
        sl_buf_free(&trace);
}

void sl_slot_set_state(struct slot *slot, enum sl_task_state state, const char *trace)
{
        slot->known = slot->status_dirty = true;
        slot->state = state;
        set_text(&slot->trace, trace);
        set_text(&slot->worker_id, NULL);
}

/* ---- from the topic ---- */

static int state_number(const char *state)
{
        for (int i = 0; i < 6; i++)
                if (strcmp(conn_states[i], state) == 0)
                        return i;
        return -1;
}

static void take_conn(struct sl_herder *h, struct conn *c, const struct sl_status *status, bool live)
{
        if (live && sl_herder_leads(h)) {
                c->status_dirty |= c->known; /* a leader before us had something left to say */
                return;
        }
        int n = status->state ? state_number(status->state) : -1;
        c->known = n >= 0;
        if (n >= 0)
                c->state = conn_states[n];
        set_text(&c->trace, status->trace);
        set_text(&c->worker_id, status->worker_id);
}

static void take_slot(struct sl_herder *h, struct conn *c, uint32_t task, const struct sl_status *status, bool live)
{
        struct slot *slot = &c->slots[task];
        int n = status->state ? state_number(status->state) : -1;
        if (live && slot->run && slot->run->conn && sl_herder_owns(h, c, task)) {
                /* Its last owner's farewell, or what that said before it was frozen and only now arrived: ours stands, and is
                 * said once more, because who reads the topic takes the last. A task that has only begun has yet to say its own. */
                bool told_here = status->worker_id && strcmp(status->worker_id, h->worker_id) == 0;
                slot->status_dirty |= slot->run->told && (!told_here || n == SL_TASK_UNASSIGNED || n == SL_TASK_FAILED);
                return;
        }
        if (n == SL_TASK_UNASSIGNED && slot->known && slot->state == SL_TASK_RUNNING &&
            slot->generation > status->generation)
                return;
        slot->known = n >= 0;
        if (n >= 0)
                slot->state = (enum sl_task_state)n;
        slot->generation = status->generation;
        set_text(&slot->trace, status->trace);
        set_text(&slot->worker_id, status->worker_id);
}

/* ---- what comes before its connector: the two topics are read apart ---- */

struct early {
        char *state, *trace, *worker_id;
        int32_t generation;
};

void sl_early_free(void *value)
{
        struct early *e = value;
        if (!e)
                return;
        free(e->state);
        free(e->trace);
        free(e->worker_id);
        free(e);
}

/* A status' key, or with a topic that of its use. */
static struct sl_str early_key(struct sl_buf *key, const char *name, int64_t task, const char *topic)
{
        sl_buf_clear(key);
        if (topic)
                sl_buf_printf(key, "%s\n%s", name, topic);
        else
                sl_buf_printf(key, "%s\n%lld", name, (long long)task);
        return (struct sl_str){sl_buf_cstr(key), key->len};
}

static void keep_early(struct sl_herder *h, const char *name, int64_t task, const struct sl_status *status)
{
        struct sl_buf key = {0};
        struct sl_str k = early_key(&key, name, task, NULL);
        sl_early_free(sl_map_remove(&h->early, k));
        if (status->state) {
                struct early *e = sl_calloc(1, sizeof(*e));
                *e = (struct early){.state = sl_strdup(status->state), .generation = status->generation};
                set_text(&e->trace, status->trace);
                set_text(&e->worker_id, status->worker_id);
                sl_map_put(&h->early, k, e);
        }
        sl_buf_free(&key);
}

static void take_early_topics(struct sl_herder *h, struct conn *c)
{
        struct sl_map_entry *e;
        size_t n = strlen(c->name);
        for (size_t i = 0; sl_map_next(&h->early_topics, &i, &e);)
                if (e->key_len > n && memcmp(e->key, c->name, n) == 0 && e->key[n] == '\n') {
                        char *topic = e->value;
                        sl_map_remove(&h->early_topics, (struct sl_str){e->key, e->key_len});
                        free(sl_map_remove(&c->topics, sl_str_c(topic)));
                        sl_map_put(&c->topics, sl_str_c(topic), topic);
                }
}

void sl_herder_take_early(struct sl_herder *h, struct conn *c)
{
        struct sl_buf key = {0};
        for (int64_t task = -1; task < c->nslots; task++) {
                struct early *e = sl_map_remove(&h->early, early_key(&key, c->name, task, NULL));
                if (!e)
                        continue;
                struct sl_status status = {
                        .state = e->state, .trace = e->trace, .worker_id = e->worker_id, .generation = e->generation};
                if (task < 0 && !c->known)
                        take_conn(h, c, &status, false);
                else if (task >= 0 && !c->slots[task].known)
                        take_slot(h, c, (uint32_t)task, &status, false);
                if (task >= c->told_tasks)
                        c->told_tasks = (uint32_t)task + 1;
                sl_early_free(e);
        }
        sl_buf_free(&key);
        take_early_topics(h, c);
}

void sl_herder_apply_status(void *arg, const char *name, int64_t task, const struct sl_status *status, bool live)
{
        struct sl_herder *h = arg;
        pthread_mutex_lock(&h->lock);
        struct conn *c = sl_herder_find(h, name);
        if (c && task < 0) {
                take_conn(h, c, status, live);
        } else if (c && task < c->nslots) {
                take_slot(h, c, (uint32_t)task, status, live);
        } else {
                keep_early(h, name, task, status);
        }
        if (c && task >= c->told_tasks && task < INT32_MAX && status->state)
                c->told_tasks = (uint32_t)task + 1;
        pthread_mutex_unlock(&h->lock);
}

void sl_herder_apply_topic(void *arg, const char *name, const char *topic, bool gone)
{
        struct sl_herder *h = arg;
        pthread_mutex_lock(&h->lock);
        struct conn *c = sl_herder_find(h, name);
        if (c && gone) {
                free(sl_map_remove(&c->topics, sl_str_c(topic)));
                for (uint32_t i = 0; i < c->nslots; i++)
                        if (c->slots[i].run)
                                h->tasks->forget_topics(c->slots[i].run->task);
        }
        if (c && !gone && !sl_map_get(&c->topics, sl_str_c(topic)))
                sl_map_put(&c->topics, sl_str_c(topic), sl_strdup(topic));
        if (!c) {
                struct sl_buf key = {0};
                struct sl_str k = early_key(&key, name, 0, topic);
                free(sl_map_remove(&h->early_topics, k));
                if (!gone)
                        sl_map_put(&h->early_topics, k, sl_strdup(topic));
                sl_buf_free(&key);
        }
        pthread_mutex_unlock(&h->lock);
}

void sl_herder_on_topic(void *run, const char *connector, uint32_t task, const char *topic)
{
        struct run *r = run;
        struct sl_herder *h = r->h;
        (void)connector;
        pthread_mutex_lock(&h->lock);
        if (r->conn && h->opts.cfg->topic_tracking && !sl_map_get(&r->conn->topics, sl_str_c(topic))) {
                struct topic_use *use = sl_calloc(1, sizeof(*use));
                *use = (struct topic_use){sl_strdup(r->conn->name), sl_strdup(topic), task, h->new_topics};
                h->new_topics = use;
                h->woken = true;
                pthread_cond_signal(&h->wake);
        }
        pthread_mutex_unlock(&h->lock);
}

/* ---- to the topic ---- */

/* Changes to be written, taken out of the model so that the lock need not be held while Kafka is asked. */
struct pending {
        struct conn *conn[BATCH];
        struct sl_status_change changes[BATCH];
        uint32_t count;
};

static void add(struct sl_herder *h, struct pending *p, struct conn *c, int64_t task, const char *state, const char *trace)
{
        const char *version = c->source ? c->source->version : c->sink ? c->sink->version : NULL;
        p->conn[p->count] = c;
        p->changes[p->count++] = (struct sl_status_change){
                .name = c->name,
                .task = task,
                .status = {.state = state,
                           .trace = state && trace ? sl_strdup(trace) : NULL,
                           .worker_id = h->worker_id,
                           .version = version,
                           .generation = h->cluster ? sl_cluster_generation(h->cluster) : 0},
        };
}

/* The leader forgets what is gone, from the last. */
static void take_conn_changes(struct sl_herder *h, struct conn *c, struct pending *p)
{
        bool leads = sl_herder_leads(h);
        for (uint32_t k = 0; c->exists && k < c->nslots && p->count < BATCH; k++) {
                struct slot *slot = &c->slots[k];
                if (!slot->status_dirty)
                        continue;
                slot->status_dirty = false;
                add(h, p, c, k, sl_task_state_name(slot->state), slot->trace);
                if (c->told_tasks <= k)
                        c->told_tasks = k + 1;
        }
        while (leads && c->told_tasks > c->nslots && p->count < BATCH)
                add(h, p, c, --c->told_tasks, NULL, NULL);
        if (p->count == BATCH)
                return;
        if (c->exists && c->status_dirty && leads) {
                c->status_dirty = false;
                add(h, p, c, -1, c->state, c->trace);
        } else if (!c->exists && !c->nslots && leads) {
                add(h, p, c, -1, NULL, NULL); /* a deleted connector is forgotten once its tasks have ended */
        }
}

static void put_back(struct conn *c, const struct sl_status_change *change)
{
        if (change->task < 0)
                c->status_dirty = true;
        else if (!change->status.state)
                c->told_tasks = c->told_tasks > change->task ? c->told_tasks : (uint32_t)change->task + 1;
        else if ((uint32_t)change->task < c->nslots && !c->slots[change->task].worker_id) /* else: said elsewhere meanwhile */
                c->slots[change->task].status_dirty = true;
}

static bool write_batch(struct sl_herder *h, struct pending *p)
{
        struct sl_err err = {0};
        enum sl_rc rc = sl_store_put_statuses(h->store, p->changes, p->count, &err);
        pthread_mutex_lock(&h->lock);
        for (uint32_t i = 0; i < p->count; i++) {
                struct conn *c = p->conn[i];
                free((char *)p->changes[i].status.trace);
                if (rc != SL_OK) {
                        put_back(c, &p->changes[i]);
                } else if (!p->changes[i].status.state && p->changes[i].task < 0 && !c->exists) {
                        sl_map_remove(&h->conns, sl_str_c(c->name));
                        sl_conn_free(c);
                }
        }
        pthread_mutex_unlock(&h->lock);
        if (rc != SL_OK) {
                sl_log_err(SL_LOG_WARN, &err, "statuses could not be written; they are tried again");
                h->status_retry = sl_mono_ms() + STATUS_RETRY_MS;
        }
        return rc == SL_OK;
}

static void free_forgotten(struct sl_herder *h)
{
        struct sl_map_entry *e;
        for (size_t i = 0; !sl_herder_leads(h) && sl_map_next(&h->conns, &i, &e);) {
                struct conn *c = e->value;
                if (!c->exists && !c->nslots) {
                        sl_map_remove(&h->conns, sl_str_c(c->name));
                        sl_conn_free(c);
                }
        }
}

struct topic_use *sl_topic_use_free(struct topic_use *use)
{
        struct topic_use *next = use->next;
        free(use->name);
        free(use->topic);
        free(use);
        return next;
}

static void write_topics(struct sl_herder *h)
{
        pthread_mutex_lock(&h->lock);
        struct topic_use *list = h->new_topics;
        h->new_topics = NULL;
        pthread_mutex_unlock(&h->lock);
        while (list) {
                const struct topic_use *use = list;
                struct sl_err err = {0};
                struct conn *c = sl_herder_find(h, use->name);
                if (c && !sl_map_get(&c->topics, sl_str_c(use->topic)) &&
                    sl_store_put_topic(h->store, use->name, use->task, use->topic, false, &err) != SL_OK)
                        sl_log_err(SL_LOG_WARN, &err, "connector %s: its use of topic %s could not be noted", use->name,
                                   use->topic);
                list = sl_topic_use_free(list);
        }
}

void sl_herder_write_statuses(struct sl_herder *h)
{
        write_topics(h);
        for (;;) {
                struct pending p = {0};
                struct sl_map_entry *e;
                pthread_mutex_lock(&h->lock);
                free_forgotten(h);
                for (size_t i = 0; p.count < BATCH && sl_map_next(&h->conns, &i, &e);)
                        take_conn_changes(h, e->value, &p);
                pthread_mutex_unlock(&h->lock);
                if (!p.count || !write_batch(h, &p))
                        return;
        }
}
