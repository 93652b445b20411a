/* SPDX-License-Identifier: Apache-2.0 */
/* See placement.h. */
#include "cluster/placement.h"
#include <stdlib.h>
#include <string.h>
#include "base/json.h"

static void placed_free(void *value)
{
        struct sl_placed *p = value;
        for (uint32_t i = 0; i < p->count; i++) {
                free(p->tasks[i].owner);
                free(p->tasks[i].from);
        }
        free(p->tasks);
        free(p);
}

void sl_placement_free(struct sl_placement *p)
{
        sl_map_free(&p->conns, placed_free);
        free(p->leader);
        free(p->leader_url);
        memset(p, 0, sizeof(*p));
}

const struct sl_place *sl_placement_get(const struct sl_placement *p, const char *connector, uint32_t task)
{
        const struct sl_placed *c = sl_map_get(&p->conns, sl_str_c(connector));
        return c && task < c->count ? &c->tasks[task] : NULL;
}

static struct sl_placed *add(struct sl_placement *p, const char *name, uint32_t count)
{
        struct sl_placed *c = sl_calloc(1, sizeof(*c));
        c->count = count;
        c->tasks = sl_calloc(count ? count : 1, sizeof(*c->tasks));
        sl_map_put(&p->conns, sl_str_c(name), c);
        return c;
}

/* ---- the next placement ---- */

struct work {
        const struct sl_place_worker *workers;
        uint32_t n;
        uint32_t *load; /* with the tasks that are on their way to it */
};

static int find(const struct work *w, const char *id)
{
        for (uint32_t i = 0; id && i < w->n; i++)
                if (strcmp(w->workers[i].id, id) == 0)
                        return (int)i;
        return -1;
}

/* Among those that may get tasks; -1 = there is none. */
static int emptiest(const struct work *w)
{
        int best = -1;
        for (uint32_t i = 0; i < w->n; i++)
                if (!w->workers[i].away && (best < 0 || w->load[i] < w->load[best]))
                        best = (int)i;
        return best;
}

static int fullest(const struct work *w)
{
        int best = -1;
        for (uint32_t i = 0; i < w->n; i++)
                if (!w->workers[i].away && (best < 0 || w->load[i] > w->load[best]))
                        best = (int)i;
        return best;
}

/* What was taken away and is not given back yet stays so until its old owner is gone or has ended it. */
static void keep(struct work *w, const struct sl_place *old, struct sl_place *new)
{
        int owner = find(w, old->owner), from = find(w, old->from);
        if (owner >= 0) {
                new->owner = sl_strdup(old->owner);
                w->load[owner]++;
        } else if (from >= 0 && w->workers[from].applied < old->since) {
                new->from = sl_strdup(old->from);
                new->since = old->since;
        }
}

static void give(struct work *w, struct sl_place *p)
{
        int to = emptiest(w);
        if (p->owner || to < 0)
                return;
        w->load[to]++; /* reserved, also while its old owner still ends it */
        if (!p->from)
                p->owner = sl_strdup(w->workers[to].id);
}

/* The last task of the last connector that `id` has: any is as good as another. */
static struct sl_place *last_of(struct sl_placement *p, const char *id)
{
        struct sl_place *found = NULL;
        struct sl_map_entry *e;
        for (size_t i = 0; sl_map_next(&p->conns, &i, &e);) {
                struct sl_placed *c = e->value;
                for (uint32_t t = 0; t < c->count; t++)
                        if (c->tasks[t].owner && strcmp(c->tasks[t].owner, id) == 0)
                                found = &c->tasks[t];
        }
        return found;
}

static bool had(const struct sl_placement *cur, struct sl_placement *next, const struct sl_place *p)
{
        struct sl_map_entry *e;
        for (size_t i = 0; sl_map_next(&next->conns, &i, &e);) {
                const struct sl_placed *c = e->value;
                if (p < c->tasks || p >= c->tasks + c->count)
                        continue;
                const struct sl_place *old = sl_placement_get(cur, e->key, (uint32_t)(p - c->tasks));
                return old && old->owner && strcmp(old->owner, p->owner) == 0;
        }
        return false;
}

static void balance(struct work *w, const struct sl_placement *cur, uint64_t version, struct sl_placement *next)
{
        for (;;) {
                int max = fullest(w), min = emptiest(w);
                if (max < 0 || w->load[max] - w->load[min] <= 1)
                        return;
                struct sl_place *p = last_of(next, w->workers[max].id);
                if (!p)
                        return; /* it is full of promises only */
                if (had(cur, next, p)) {
                        p->from = p->owner;
                        p->owner = NULL;
                        p->since = version;
                } else { /* was never told to run it */
                        free(p->owner);
                        p->owner = sl_strdup(w->workers[min].id);
                }
                w->load[max]--;
                w->load[min]++;
        }
}

void sl_placement_next(const struct sl_placement *cur, uint64_t version, const struct sl_place_worker *workers,
                       uint32_t nworkers, const struct sl_place_conn *conns, uint32_t nconns, struct sl_placement *ret)
{
        struct work w = {workers, nworkers, sl_calloc(nworkers ? nworkers : 1, sizeof(*w.load))};
        struct sl_map_entry *e;
        for (uint32_t i = 0; i < nconns; i++) {
                struct sl_placed *c = add(ret, conns[i].name, conns[i].tasks);
                for (uint32_t t = 0; t < c->count; t++) {
                        const struct sl_place *old = sl_placement_get(cur, conns[i].name, t);
                        if (old)
                                keep(&w, old, &c->tasks[t]);
                }
        }
        for (size_t i = 0; sl_map_next(&ret->conns, &i, &e);) {
                struct sl_placed *c = e->value;
                for (uint32_t t = 0; t < c->count; t++)
                        give(&w, &c->tasks[t]);
        }
        balance(&w, cur, version, ret);
        free(w.load);
}

static bool same_text(const char *a, const char *b)
{
        return a == b || (a && b && strcmp(a, b) == 0);
}

static bool covers(const struct sl_placement *a, const struct sl_placement *b)
{
        struct sl_map_entry *e;
        for (size_t i = 0; sl_map_next(&a->conns, &i, &e);) {
                const struct sl_placed *x = e->value, *y = sl_map_get(&b->conns, (struct sl_str){e->key, e->key_len});
                if (!y || x->count != y->count)
                        return false;
                for (uint32_t t = 0; t < x->count; t++)
                        if (!same_text(x->tasks[t].owner, y->tasks[t].owner) ||
                            !same_text(x->tasks[t].from, y->tasks[t].from))
                                return false;
        }
        return true;
}

bool sl_placement_same_tasks(const struct sl_placement *a, const struct sl_placement *b)
{
        return a->conns.live == b->conns.live && covers(a, b);
}

/* ---- as a record ---- */

static void dump_task(const struct sl_place *p, struct sl_buf *out)
{
        if (p->owner) {
                sl_buf_add_json_str(out, p->owner, strlen(p->owner));
        } else if (p->from) {
                sl_buf_adds(out, "{\"from\":");
                sl_buf_add_json_str(out, p->from, strlen(p->from));
                sl_buf_printf(out, ",\"since\":%llu}", (unsigned long long)p->since);
        } else {
                sl_buf_adds(out, "null");
        }
}

void sl_placement_dump(const struct sl_placement *p, struct sl_buf *out)
{
        struct sl_map_entry *e;
        const char *sep = "";
        sl_buf_printf(out, "{\"version\":%llu,\"generation\":%d,\"leader\":", (unsigned long long)p->version, p->generation);
        sl_buf_add_json_str(out, p->leader, strlen(p->leader));
        sl_buf_adds(out, ",\"url\":");
        sl_buf_add_json_str(out, p->leader_url, strlen(p->leader_url));
        sl_buf_adds(out, ",\"tasks\":{");
        for (size_t i = 0; sl_map_next(&p->conns, &i, &e);) {
                const struct sl_placed *c = e->value;
                sl_buf_adds(out, sep);
                sep = ",";
                sl_buf_add_json_str(out, e->key, e->key_len);
                sl_buf_adds(out, ":[");
                for (uint32_t t = 0; t < c->count; t++) {
                        sl_buf_adds(out, t ? "," : "");
                        dump_task(&c->tasks[t], out);
                }
                sl_buf_addc(out, ']');
        }
        sl_buf_adds(out, "}}");
}

static void parse_task(const json_t *json, struct sl_place *p)
{
        const char *from = sl_json_str(json, "from");
        int64_t since = sl_json_int(json, "since", 0);
        if (json_is_string(json))
                p->owner = sl_strdup(json_string_value(json));
        else if (from)
                p->from = sl_strdup(from);
        p->since = since > 0 ? (uint64_t)since : 0;
}

enum sl_rc sl_placement_parse(struct sl_str text, struct sl_placement *ret, struct sl_err *err)
{
        sl_auto_json *json = NULL;
        SL_TRY(sl_json_parse(text, &json, err));
        const char *leader = sl_json_str(json, "leader"), *url = sl_json_str(json, "url"), *name;
        int64_t version = sl_json_int(json, "version", 0);
        json_t *tasks = json_object_get(json, "tasks"), *list;
        if (version <= 0 || !leader || !url || !json_is_object(tasks))
                return sl_fail(err, SL_E_JSON, "the placement record lacks version, leader, url or tasks");
        json_object_foreach(tasks, name, list)
        {
                if (json_array_size(list) > SL_TASKS_MAX)
                        return sl_fail(err, SL_E_JSON, "the placement record gives %s more than %d tasks", name, SL_TASKS_MAX);
                struct sl_placed *c = add(ret, name, (uint32_t)json_array_size(list));
                for (uint32_t t = 0; t < c->count; t++)
                        parse_task(json_array_get(list, t), &c->tasks[t]);
        }
        ret->version = (uint64_t)version;
        ret->generation = (int32_t)sl_json_int(json, "generation", -1);
        ret->leader = sl_strdup(leader);
        ret->leader_url = sl_strdup(url);
        return SL_OK;
}
