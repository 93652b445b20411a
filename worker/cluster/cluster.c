/* SPDX-License-Identifier: Apache-2.0 */
/* See cluster.h. Who may do what when:
 *   - a worker follows the newest placement it has read, whoever leads;
 *   - the leader places only workers that are members and have written their record;
 *   - a lost member's tasks are placed anew after scheduled.rebalance.max.delay.ms (default 0, unlike Connect's 5 minutes);
 *   - a task that moves between live workers waits until its old one has ended it, at most rebalance.timeout.ms: fencing makes a
 *     second owner harmless, waiting makes it quiet. */
#include "cluster/cluster.h"
#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "kafka/compact.h"
#include "kafka/member.h"

#define OPEN_MS 30000
#define WRITE_MS 5000 /* the herder's thread waits no longer for the cluster's topic; it tries again */
#define LIST_MS 5000
#define AGAIN_MS 10000
#define PROVE_MS 5000
#define FRESH_MS 30000 /* how long a worker that has just started may run tasks of the last placement without having joined */

struct peer {
        char *worker_id, *url;
        uint64_t applied;
        int64_t asked; /* when it was first seen to be waited for; 0 = it is not */
        int64_t lost;  /* when it was first missed; 0 = it is a member */
};
struct sl_cluster {
        struct sl_cluster_opts opts;
        struct sl_kafka_cfg kafka;
        char *instance, *topic;
        struct sl_compact *store;
        struct sl_member *member;
        pthread_mutex_t member_lock; /* for its end only */
        struct sl_member_state state;
        struct sl_placement placement;
        struct sl_map peers; /* instance -> struct peer * */
        bool office, was_member;
        uint64_t listed; /* the state's `changes` that `members` is of */
        bool members_known;
        struct sl_arena members_arena;
        const char **members;
        uint32_t nmembers;
        uint64_t told;          /* what this worker last said of itself, which it has not read back yet */
        int64_t told_at;        /* when; 0 = it has said nothing since it was heard */
        atomic_bool fresh;      /* alone in the group when started, not joined yet */
        _Atomic int64_t opened; /* monotonic ms */
};

static void peer_free(void *value)
{
        struct peer *p = value;
        free(p->worker_id);
        free(p->url);
        free(p);
}

static struct peer *peer_of(const struct sl_cluster *c, const char *instance)
{
        return instance ? sl_map_get(&c->peers, sl_str_c(instance)) : NULL;
}

static void apply_peer(struct sl_cluster *c, struct sl_str instance, struct sl_str value)
{
        struct peer *p = sl_map_get(&c->peers, instance);
        sl_auto_json *json = NULL;
        const char *url = NULL, *id = NULL;
        if (value.ptr && sl_json_parse(value, &json, NULL) == SL_OK) {
                url = sl_json_str(json, "url");
                id = sl_json_str(json, "worker_id");
        }
        if (!url || !id) {
                if (p)
                        peer_free(sl_map_remove(&c->peers, instance));
                return;
        }
        if (!p) {
                p = sl_calloc(1, sizeof(*p));
                sl_map_put(&c->peers, instance, p);
        }
        free(p->url);
        free(p->worker_id);
        p->url = sl_strdup(url);
        p->worker_id = sl_strdup(id);
        p->applied = (uint64_t)sl_json_int(json, "applied", 0);
        p->asked = 0;
        if (sl_str_eq(instance, sl_str_c(c->instance)))
                c->told_at = 0;
}

static void apply(void *arg, struct sl_str key, struct sl_str value, int64_t offset)
{
        struct sl_cluster *c = arg;
        static const char prefix[] = "worker-";
        size_t n = sizeof(prefix) - 1;
        if (key.ptr && key.len > n && memcmp(key.ptr, prefix, n) == 0) {
                apply_peer(c, (struct sl_str){key.ptr + n, key.len - n}, value);
        } else if (sl_str_eq(key, SL_STR("placement")) && value.ptr) {
                struct sl_placement next = {0};
                struct sl_err err = {0};
                if (sl_placement_parse(value, &next, &err) != SL_OK) {
                        sl_log_err(SL_LOG_ERROR, &err, "cluster topic: the placement at offset %lld is skipped",
                                   (long long)offset);
                        sl_placement_free(&next);
                        return;
                }
                sl_placement_free(&c->placement);
                c->placement = next;
        }
}

static char *instance_of(const char *worker_id)
{
        char *id = sl_strndup(worker_id, strnlen(worker_id, 240));
        for (char *p = id; *p; p++)
                if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
                        *p = '_';
        return id;
}

static enum sl_rc announce(struct sl_cluster *c, uint64_t applied, struct sl_err *err)
{
        struct sl_buf key = {0}, value = {0};
        if (c->told_at && c->told == applied && sl_mono_ms() - c->told_at < AGAIN_MS)
                return SL_OK; /* on its way to us, perhaps behind a transaction that somebody has left open */
        sl_buf_printf(&key, "worker-%s", c->instance);
        sl_buf_adds(&value, "{\"worker_id\":");
        sl_buf_add_json_str(&value, c->opts.worker_id, strlen(c->opts.worker_id));
        sl_buf_adds(&value, ",\"url\":");
        sl_buf_add_json_str(&value, c->opts.url, strlen(c->opts.url));
        sl_buf_printf(&value, ",\"applied\":%llu}", (unsigned long long)applied);
        enum sl_rc rc = SL_OK;
        if (!sl_cluster_leads(c)) /* one that has led may have been fenced by its successor: that holds for placements only */
                rc = sl_compact_fence(c->store, NULL, WRITE_MS, err);
        if (rc == SL_OK)
                rc = sl_compact_write(c->store, (struct sl_str){sl_buf_cstr(&key), key.len},
                                      (struct sl_str){sl_buf_cstr(&value), value.len}, WRITE_MS, err);
        if (rc == SL_OK) {
                c->told = applied;
                c->told_at = sl_mono_ms();
        }
        sl_buf_free(&key);
        sl_buf_free(&value);
        return rc;
}

static enum sl_rc open_store(struct sl_cluster *c, struct sl_err *err)
{
        const struct sl_worker_cfg *cfg = c->opts.cfg;
        struct sl_compact_opts opts = {
                .cfg = c->kafka,
                .admin = c->opts.admin,
                .topic = c->topic,
                .partitions = 1,
                .replication = cfg->status_replication,
                .role = "group.id",
                .apply = apply,
                .apply_arg = c,
                .wake = c->opts.wake,
                .wake_arg = c->opts.arg,
                .hurry = c->opts.hurry,
        };
        return sl_compact_open(&opts, OPEN_MS, &c->store, err);
}

static enum sl_rc open_member(struct sl_cluster *c, struct sl_err *err)
{
        const struct sl_worker_cfg *cfg = c->opts.cfg;
        char client_id[300];
        snprintf(client_id, sizeof(client_id), "sluice-%.250s", c->opts.worker_id);
        struct sl_member_opts opts = {
                .cfg = c->kafka,
                .admin = c->opts.admin,
                .group_id = cfg->group_id,
                .topic = c->topic,
                .instance_id = c->instance,
                .client_id = client_id,
                .session_timeout_ms = cfg->session_ms,
                .heartbeat_ms = cfg->heartbeat_ms,
                .rebalance_timeout_ms = cfg->rebalance_timeout_ms,
                .wake = c->opts.wake,
                .arg = c->opts.arg,
        };
        return sl_member_new(&opts, &c->member, err);
}

static enum sl_rc list_members(struct sl_cluster *c, bool *ret_stable, struct sl_err *err)
{
        sl_arena_reset(&c->members_arena);
        c->nmembers = 0;
        return sl_member_list(c->member, LIST_MS, &c->members_arena, &c->members, &c->nmembers, ret_stable, err);
}

static bool is_member(const struct sl_cluster *c, const char *instance)
{
        for (uint32_t i = 0; i < c->nmembers; i++)
                if (strcmp(c->members[i], instance) == 0)
                        return true;
        return false;
}

/* Nobody else is in the group: what the last placement gave this worker can run before the group has settled, which takes
 * brokers group.initial.rebalance.delay.ms, 3 s by default. */
static bool alone(struct sl_cluster *c)
{
        struct sl_err err = {0};
        bool stable = false;
        if (list_members(c, &stable, &err) != SL_OK)
                return false;
        return c->nmembers == 0 || (c->nmembers == 1 && is_member(c, c->instance));
}

enum sl_rc sl_cluster_open(const struct sl_cluster_opts *opts, struct sl_cluster **ret, struct sl_err *err)
{
        struct sl_cluster *c = sl_calloc(1, sizeof(*c));
        struct sl_buf topic = {0};
        c->opts = *opts;
        c->opts.worker_id = sl_strdup(opts->worker_id);
        c->opts.url = sl_strdup(opts->url);
        c->kafka = (struct sl_kafka_cfg){.worker = &opts->cfg->props};
        c->instance = instance_of(opts->worker_id);
        sl_buf_printf(&topic, "sluice-cluster-%s", opts->cfg->group_id);
        c->topic = sl_strdup(sl_buf_cstr(&topic));
        sl_buf_free(&topic);
        sl_arena_init(&c->members_arena, 4096);
        c->state.generation = -1;
        pthread_mutex_init(&c->member_lock, NULL);
        atomic_init(&c->fresh, false);
        atomic_init(&c->opened, sl_mono_ms());
        enum sl_rc rc = open_store(c, err);
        if (rc == SL_OK)
                rc = open_member(c, err);
        if (rc == SL_OK) {
                atomic_store(&c->fresh, alone(c));
                rc = SL_FAULT("cluster.before_join") ? sl_fail(err, SL_E_KAFKA, "fault point cluster.before_join")
                                                     : announce(c, c->placement.version, err); /* nothing runs here yet */
        }
        if (rc != SL_OK) {
                sl_err_prefix(err, "joining the cluster %s", opts->cfg->group_id);
                sl_cluster_close(c);
                return rc;
        }
        *ret = c;
        return SL_OK;
}

void sl_cluster_leave(struct sl_cluster *c)
{
        pthread_mutex_lock(&c->member_lock);
        sl_member_free(c->member);
        c->member = NULL;
        pthread_mutex_unlock(&c->member_lock);
        c->state.joined = c->state.leader = c->office = false;
        atomic_store(&c->fresh, false);
}

void sl_cluster_close(struct sl_cluster *c)
{
        if (!c)
                return;
        sl_cluster_leave(c);
        pthread_mutex_destroy(&c->member_lock);
        sl_compact_close(c->store);
        sl_placement_free(&c->placement);
        sl_map_free(&c->peers, peer_free);
        sl_arena_free(&c->members_arena);
        free((char *)c->opts.worker_id);
        free((char *)c->opts.url);
        free(c->instance);
        free(c->topic);
        free(c);
}

enum sl_rc sl_cluster_poll(struct sl_cluster *c, struct sl_err *err)
{
        SL_TRY(sl_member_poll(c->member, &c->state, err));
        if (c->state.joined) {
                c->was_member = true;
                atomic_store(&c->fresh, false);
        }
        if (!c->state.leader)
                c->office = false;
        SL_TRY(sl_compact_poll(c->store, err));
        /* A leader forgets workers that it misses; one that is back says again where it is. */
        if (c->state.joined && !peer_of(c, c->instance))
                return announce(c, 0, err);
        return SL_OK;
}

bool sl_cluster_elected(const struct sl_cluster *c)
{
        return c->state.leader;
}

bool sl_cluster_leads(const struct sl_cluster *c)
{
        return c->state.leader && c->office;
}

enum sl_rc sl_cluster_take_office(struct sl_cluster *c, struct sl_err *err)
{
        /* A process that was frozen still believes what was true then. */
        SL_TRY(sl_member_prove(c->member, PROVE_MS, err));
        SL_TRY(sl_member_poll(c->member, &c->state, err));
        if (!c->state.leader)
                return SL_OK;
        struct sl_buf id = {0};
        sl_buf_printf(&id, "%s", c->topic);
        enum sl_rc rc = sl_compact_fence(c->store, sl_buf_cstr(&id), WRITE_MS, err);
        sl_buf_free(&id);
        SL_TRY(rc);
        SL_TRY(sl_compact_refresh(c->store, WRITE_MS, err));
        c->members_known = false;
        c->office = true;
        sl_info("leader of the cluster %s since generation %d", c->opts.cfg->group_id, c->state.generation);
        return SL_OK;
}

void sl_cluster_resign(struct sl_cluster *c)
{
        c->office = false;
}

/* ---- placing ---- */

static bool waits_for(const struct sl_cluster *c, const char *instance, uint64_t applied)
{
        struct sl_map_entry *e;
        for (size_t i = 0; sl_map_next(&c->placement.conns, &i, &e);) {
                const struct sl_placed *p = e->value;
                for (uint32_t t = 0; t < p->count; t++)
                        if (p->tasks[t].from && p->tasks[t].since > applied && strcmp(p->tasks[t].from, instance) == 0)
                                return true;
        }
        return false;
}

/* The worker as the placement rule sees it; false = it does not count. */
static bool count_worker(struct sl_cluster *c, const char *instance, struct peer *p, struct sl_place_worker *ret)
{
        int64_t now = sl_mono_ms();
        bool member = is_member(c, instance);
        if (member)
                p->lost = 0;
        else if (!p->lost)
                p->lost = now;
        *ret = (struct sl_place_worker){.id = instance, .applied = p->applied, .away = !member};
        if (!member)
                return now - p->lost < c->opts.cfg->rebalance_delay_ms;
        if (!waits_for(c, instance, p->applied)) {
                p->asked = 0;
        } else if (!p->asked) {
                p->asked = now;
        } else if (now - p->asked > c->opts.cfg->rebalance_timeout_ms) {
                sl_warn("worker %s does not give up its tasks in time; they start elsewhere and fence it", p->worker_id);
                ret->applied = UINT64_MAX;
        }
        return true;
}

static enum sl_rc write_placement(struct sl_cluster *c, struct sl_placement *next, struct sl_err *err)
{
        struct sl_buf text = {0};
        next->version = c->placement.version + 1;
        next->generation = c->state.generation;
        next->leader = sl_strdup(c->instance);
        next->leader_url = sl_strdup(c->opts.url);
        sl_placement_dump(next, &text);
        enum sl_rc rc = SL_FAULT("cluster.before_placement")
                                ? sl_fail(err, SL_E_KAFKA, "fault point cluster.before_placement")
                                : sl_compact_put(c->store, SL_STR("placement"),
                                                 (struct sl_str){sl_buf_cstr(&text), text.len}, WRITE_MS, err);
        if (rc == SL_OK && SL_FAULT("cluster.after_placement"))
                rc = sl_fail(err, SL_E_KAFKA, "fault point cluster.after_placement");
        sl_buf_free(&text);
        if (rc != SL_OK)
                c->office = false; /* fenced, or unknown whether it was written: look again first */
        return rc;
}

static enum sl_rc forget_lost(struct sl_cluster *c, struct sl_err *err)
{
        struct sl_map_entry *e;
        for (size_t i = 0; sl_map_next(&c->peers, &i, &e);) {
                const struct peer *p = e->value;
                if (!p->lost || sl_mono_ms() - p->lost < c->opts.cfg->rebalance_delay_ms + 10 * c->opts.cfg->session_ms)
                        continue;
                struct sl_buf key = {0};
                sl_buf_printf(&key, "worker-%s", e->key);
                enum sl_rc rc = sl_compact_put(c->store, (struct sl_str){sl_buf_cstr(&key), key.len}, SL_STR_NULL,
                                               WRITE_MS, err);
                sl_buf_free(&key);
                return rc; /* one a round: the map has changed */
        }
        return SL_OK;
}

enum sl_rc sl_cluster_place(struct sl_cluster *c, const struct sl_place_conn *conns, uint32_t n, struct sl_err *err)
{
        struct sl_place_worker *workers;
        struct sl_placement next = {0};
        struct sl_map_entry *e;
        uint32_t count = 0;
        if (!sl_cluster_leads(c))
                return SL_OK;
        if (!c->members_known || c->listed != c->state.changes) {
                bool stable = false;
                uint64_t seen = c->state.changes;
                SL_TRY(list_members(c, &stable, err));
                if (!stable || !is_member(c, c->instance))
                        return SL_OK; /* settling: asked again next round */
                c->listed = seen;
                c->members_known = true;
        }
        workers = sl_calloc(c->peers.live ? c->peers.live : 1, sizeof(*workers));
        for (size_t i = 0; sl_map_next(&c->peers, &i, &e);)
                count += count_worker(c, e->key, e->value, &workers[count]);
        sl_placement_next(&c->placement, c->placement.version + 1, workers, count, conns, n, &next);
        free(workers);
        enum sl_rc rc = SL_OK;
        if (!sl_placement_same_tasks(&c->placement, &next) || c->placement.generation != c->state.generation ||
            !c->placement.leader || strcmp(c->placement.leader, c->instance) != 0)
                rc = write_placement(c, &next, err);
        sl_placement_free(&next);
        return rc == SL_OK ? forget_lost(c, err) : rc;
}

enum sl_rc sl_cluster_applied(struct sl_cluster *c, struct sl_err *err)
{
        const struct peer *me = peer_of(c, c->instance);
        if (!me || !waits_for(c, c->instance, me->applied))
                return SL_OK;
        return announce(c, c->placement.version, err);
}

/* ---- reading ---- */

const char *sl_cluster_leader_url(const struct sl_cluster *c)
{
        if (sl_cluster_leads(c))
                return c->opts.url;
        bool settled = c->state.joined && c->placement.generation == c->state.generation;
        return settled && !c->state.leader ? c->placement.leader_url : NULL;
}

bool sl_cluster_mine(const struct sl_cluster *c, const char *connector, uint32_t task)
{
        const struct sl_place *p = sl_placement_get(&c->placement, connector, task);
        /* Just started, and others are there: wait for what they say. */
        return (c->was_member || atomic_load(&c->fresh)) && p && p->owner && strcmp(p->owner, c->instance) == 0;
}

const char *sl_cluster_owner_url(const struct sl_cluster *c, const char *connector, uint32_t task)
{
        const struct sl_place *p = sl_placement_get(&c->placement, connector, task);
        const struct peer *peer = p ? peer_of(c, p->owner) : NULL;
        return peer ? peer->url : NULL;
}

uint32_t sl_cluster_task_count(const struct sl_cluster *c, const char *connector)
{
        const struct sl_placed *p = sl_map_get(&c->placement.conns, sl_str_c(connector));
        return p ? p->count : 0;
}

int32_t sl_cluster_generation(const struct sl_cluster *c)
{
        return c->state.generation;
}

uint64_t sl_cluster_version(const struct sl_cluster *c)
{
        return c->placement.version;
}

bool sl_cluster_settled(const struct sl_cluster *c)
{
        return sl_cluster_leader_url(c) && c->placement.generation == c->state.generation;
}

enum sl_rc sl_cluster_prove(struct sl_cluster *c, struct sl_err *err)
{
        if (atomic_load(&c->fresh) && sl_mono_ms() - atomic_load(&c->opened) < FRESH_MS)
                return SL_OK;
        pthread_mutex_lock(&c->member_lock);
        enum sl_rc rc = c->member ? sl_member_prove(c->member, PROVE_MS, err)
                                  : sl_fail(err, SL_E_STOPPED, "this worker has left its cluster");
        pthread_mutex_unlock(&c->member_lock);
        return rc;
}
