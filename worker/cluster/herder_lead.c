/* SPDX-License-Identifier: Apache-2.0 */
/* What a herder does as one of several: taking office, placing tasks, sending calls to the worker that can answer them. A
 * standalone worker leads and owns everything. */
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "cluster/herder_internal.h"
#include "cluster/validate.h"

#define OFFICE_RETRY_MS 500
#define LEADER_WAIT_MS 10000 /* a call waits so long for the group to settle */

bool sl_herder_leads(const struct sl_herder *h)
{
        return !h->cluster || h->leading;
}

bool sl_herder_owns(const struct sl_herder *h, const struct conn *c, uint32_t task)
{
        return !h->cluster || sl_cluster_mine(h->cluster, c->name, task);
}

/* What only leaders say is said anew: connectors' states and, where they differ, task configs. */
static void say_all(struct sl_herder *h)
{
        struct sl_map_entry *e;
        pthread_mutex_lock(&h->lock);
        for (size_t i = 0; sl_map_next(&h->conns, &i, &e);) {
                struct conn *c = e->value;
                c->tasks_dirty = c->usable;
                c->changed |= c->exists && !c->usable;
                h->conns_started += c->exists && !c->changed; /* the others are counted when they are looked at */
        }
        pthread_mutex_unlock(&h->lock);
}

static void enter_office(struct sl_herder *h)
{
        struct sl_err err = {0};
        if (sl_mono_ms() < h->office_retry)
                return;
        enum sl_rc rc = sl_cluster_take_office(h->cluster, &err);
        bool leads = rc == SL_OK && sl_cluster_leads(h->cluster);
        if (leads)
                rc = sl_cluster_prove(h->cluster, &err); /* what came before may have taken longer than the session */
        if (leads && rc == SL_OK)
                rc = sl_store_lead(h->store, true, &err);
        if (rc != SL_OK) {
                sl_cluster_resign(h->cluster);
                sl_log_err(SL_LOG_WARN, &err, "this worker could not begin to lead yet");
                h->office_retry = sl_mono_ms() + OFFICE_RETRY_MS;
                return;
        }
        h->leading = sl_cluster_leads(h->cluster);
        if (h->leading)
                say_all(h);
}

static void leave_office(struct sl_herder *h)
{
        struct sl_err err = {0};
        h->leading = false;
        sl_info("this worker leads no longer");
        if (sl_store_lead(h->store, false, &err) != SL_OK)
                sl_log_err(SL_LOG_DEBUG, &err, "the leader's producer was closed");
}

static void place(struct sl_herder *h)
{
        struct sl_err err = {0};
        struct sl_map_entry *e;
        uint32_t n = 0;
        struct sl_place_conn *list = sl_calloc(h->conns.live ? h->conns.live : 1, sizeof(*list));
        for (size_t i = 0; sl_map_next(&h->conns, &i, &e);) {
                const struct conn *c = e->value;
                if (c->exists && c->usable && c->want_tasks)
                        list[n++] = (struct sl_place_conn){c->name, c->want_tasks};
        }
        if (sl_cluster_place(h->cluster, list, n, &err) != SL_OK) {
                sl_log_err(SL_LOG_WARN, &err, "tasks could not be placed and are placed again");
                h->office_retry = sl_mono_ms() + OFFICE_RETRY_MS;
        }
        free(list);
}

static void note_rebalance(struct sl_herder *h)
{
        struct rebalances *r = &h->rebalances;
        const char *leader = sl_cluster_leader_url(h->cluster);
        uint64_t version = sl_cluster_version(h->cluster);
        int64_t now = sl_mono_ms();
        pthread_mutex_lock(&h->lock);
        snprintf(r->leader_url, sizeof(r->leader_url), "%s%s", leader ? leader : "",
                 leader ? "/" : ""); /* as Connect writes it */
        if (!sl_cluster_settled(h->cluster)) {
                r->began_ms = r->began_ms ? r->began_ms : now;
        } else {
                int64_t took = r->began_ms ? now - r->began_ms : 0;
                if (version != r->version) {
                        r->completed++;
                        r->total_ms += took;
                        r->max_ms = took > r->max_ms ? took : r->max_ms;
                        r->ended_ms = now;
                }
                r->generation = sl_cluster_generation(h->cluster);
                r->version = version;
                r->began_ms = 0;
        }
        pthread_mutex_unlock(&h->lock);
}

enum sl_rc sl_herder_serve_cluster(struct sl_herder *h, struct sl_err *err)
{
        if (!h->cluster)
                return sl_herder_create_initial(h, err);
        enum sl_rc rc = sl_cluster_poll(h->cluster, err);
        if (rc != SL_OK && rc != SL_TRANSIENT)
                return rc;
        if (rc != SL_OK) {
                sl_log_err(SL_LOG_WARN, err, "cluster");
                sl_err_clear(err);
        }
        if (sl_cluster_elected(h->cluster) && !(sl_cluster_leads(h->cluster) && h->leading))
                enter_office(h);
        if (h->leading && !sl_cluster_leads(h->cluster))
                leave_office(h);
        if (h->leading) {
                SL_TRY(sl_herder_create_initial(h, err));
                place(h);
        }
        note_rebalance(h);
        return SL_OK;
}

void sl_herder_tell_applied(struct sl_herder *h)
{
        struct sl_map_entry *e;
        struct sl_err err = {0};
        if (!h->cluster || sl_mono_ms() < h->status_retry) /* the farewell of a task comes first */
                return;
        for (size_t i = 0; sl_map_next(&h->conns, &i, &e);) {
                const struct conn *c = e->value;
                for (uint32_t t = 0; t < c->nslots; t++)
                        if (c->slots[t].run && !sl_cluster_mine(h->cluster, c->name, t))
                                return;
        }
        if (sl_cluster_applied(h->cluster, &err) != SL_OK)
                sl_log_err(SL_LOG_WARN, &err, "the end of tasks that move elsewhere could not be told yet");
}

/* ---- calls ---- */

static void answer(struct sl_herder_call *call, int status, const char *text)
{
        snprintf(call->message, sizeof(call->message), "%s", text);
        call->status = status;
}

/* For the worker at url (NULL: not known now), unless it was sent on twice already. */
static bool elsewhere(struct sl_herder_call *call, const char *url, bool *ret_defer)
{
        if (call->forward == 0) {
                answer(call, 409, SL_CONFLICT_TEXT);
        } else if (url) {
                snprintf(call->target_url, sizeof(call->target_url), "%s", url);
                call->status = 0;
        } else if (sl_mono_ms() - call->since < LEADER_WAIT_MS) {
                *ret_defer = true;
        } else {
                answer(call, 409,
                       "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was "
                       "underway.");
        }
        return false;
}

static bool route_task(struct sl_herder *h, struct sl_herder_call *call, bool *ret_defer)
{
        const struct conn *c = sl_herder_find(h, call->name);
        if (!c || call->task >= c->want_tasks || sl_herder_owns(h, c, call->task))
                return true;
        return elsewhere(call, sl_cluster_owner_url(h->cluster, call->name, call->task), ret_defer);
}

bool sl_herder_route(struct sl_herder *h, struct sl_herder_call *call, bool *ret_defer)
{
        bool anywhere = call->op == SL_OP_REFRESH || call->op == SL_OP_TOPICS_RESET || call->op == SL_OP_LOGGER ||
                        (call->op == SL_OP_TARGET && call->target != SL_TARGET_STOPPED);
        if (!h->cluster || anywhere)
                return true;
        if (call->op == SL_OP_RESTART_TASK)
                return route_task(h, call, ret_defer);
        if (h->leading)
                return true;
        return elsewhere(call, sl_cluster_leader_url(h->cluster), ret_defer);
}

/* ---- connectors of the command line ---- */

static enum sl_rc check_initial(struct sl_herder *h, const struct sl_herder_initial *in, struct sl_err *err)
{
        struct sl_validate_opts opts = {
                .plugins = h->opts.plugins,
                .providers = h->opts.cfg->providers,
                .worker = &h->opts.cfg->props,
                .worker_group = h->opts.cfg->distributed ? h->opts.cfg->group_id : NULL,
                .override_policy = h->opts.cfg->override_policy,
                .offline = true, /* a database that is down for a moment is the task's to wait for */
        };
        struct sl_validation v = {0};
        enum sl_rc rc = sl_validate(&opts, &in->config, &v, err);
        for (uint32_t i = 0; rc == SL_OK && i < v.report.count; i++)
                if (v.report.findings[i].warning)
                        sl_warn("connector file %s: %s", in->path, v.report.findings[i].text);
                else
                        sl_error("connector file %s: %s", in->path, v.report.findings[i].text);
        if (rc == SL_OK && v.report.errors)
                rc = sl_fail(err, SL_E_CONFIG, "connector file %s: its configuration has %u error(s), listed above",
                             in->path, v.report.errors);
        else if (rc != SL_OK)
                sl_err_prefix(err, "connector file %s", in->path);
        sl_validation_free(&v);
        return rc;
}

enum sl_rc sl_herder_check_initial(struct sl_herder *h, struct sl_err *err)
{
        for (size_t i = 0; i < h->opts.ninitial; i++)
                SL_TRY(check_initial(h, &h->opts.initial[i], err));
        return SL_OK;
}

static enum sl_rc create(struct sl_herder *h, const struct sl_herder_initial *in, struct sl_err *err)
{
        struct sl_herder_call call = {
                .op = SL_OP_PUT_CONFIG, .name = in->name, .config = &in->config, .initial = &in->target, .forward = -1};
        const struct conn *have = sl_herder_find(h, in->name);
        json_t *old = have ? sl_props_to_json(&have->config) : NULL, *new = sl_props_to_json(&in->config);
        bool same = old && json_equal(old, new);
        json_decref(old);
        json_decref(new);
        if (same)
                return SL_OK; /* a distributed worker started again with the same file */
        sl_herder_run_call(h, &call);
        json_decref(call.body);
        return call.status < 300 ? SL_OK : sl_fail(err, SL_E_STORE, "connector file %s: %s", in->path, call.message);
}

/* Once, by whoever leads: the leader of a cluster has them from its own command line or not at all. */
enum sl_rc sl_herder_create_initial(struct sl_herder *h, struct sl_err *err)
{
        for (; h->initial_done < h->opts.ninitial; h->initial_done++)
                SL_TRY(create(h, &h->opts.initial[h->initial_done], err));
        return SL_OK;
}
