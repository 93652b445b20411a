/* SPDX-License-Identifier: Apache-2.0 */
/* Connect's config and status topics (see store.h). Records, key -> value, JSON without schema, compact:
 *   connector-<n>      {"properties":{...}}                       null = deleted
 *   task-<n>-<i>       {"properties":{...,"task.class":"..."}}    counts once commit-<n> follows
 *   commit-<n>         {"tasks":3}
 *   logger-cluster-<l> {"level":"DEBUG"}                          for the workers that run when it is written
 *   target-state-<n>   {"state":"PAUSED","state.v2":"STOPPED"}    state.v2 wins; old workers know no STOPPED
 *   tasks-fencing-<n>  {"task-count":3}                           how many producers a Java worker has to fence
 *   restart-connector-<n> {"include-tasks":true,"only-failed":false}   counts only when it is written, not at the start
 *   status-connector-<n>, status-task-<n>-<i>
 *                      {"state":"RUNNING","trace":null,"worker_id":"h:8083","generation":1,"version":"..."}
 *   status-topic-<topic>:connector-<n>
 *                      {"topic":{"name":"...","connector":"...","task":0,"discoverTimestamp":1700000000000}}
 * Task, commit, fencing and session records of others are left alone: this worker makes its tasks from the connector's
 * config. It writes task, commit and fencing records so that a Java worker can take over. */
#include "cluster/store.h"
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "cluster/placement.h"
#include "kafka/compact.h"

#define PUT_MAX 256 /* records of one write */
#define OWN_MS 5000 /* what is read and written unasked: the herder's thread waits no longer, and tries again */

struct sl_store {
        struct sl_store_opts opts;
        struct sl_compact *config, *status; /* NULL in memory mode */
        struct sl_map tasks;                /* task-* and commit-* records as they are in the topic: key -> text */
        struct sl_kafka_cfg kafka;
        int timeout_ms, status_timeout_ms;
        bool live; /* the start is over */
};

const char *sl_target_name(enum sl_target t)
{
        static const char *const names[] = {"STARTED", "PAUSED", "STOPPED"};
        return names[t];
}

static void apply_connector(struct sl_store *st, const char *name, struct sl_str value)
{
        if (!value.ptr) {
                st->opts.on_config(st->opts.arg, name, NULL);
                return;
        }
        json_t *json = NULL;
        struct sl_err err = {0};
        struct sl_props config = {0};
        enum sl_rc rc = sl_json_parse(value, &json, &err);
        if (rc == SL_OK)
                rc = sl_props_from_json(&config, json_object_get(json, "properties"), &err);
        if (rc == SL_OK)
                st->opts.on_config(st->opts.arg, name, &config);
        else
                sl_log_err(SL_LOG_ERROR, &err, "config topic: the record of connector %s can't be read and is skipped",
                           name);
        sl_props_free(&config);
        json_decref(json);
}

static void apply_target(struct sl_store *st, const char *name, struct sl_str value)
{
        enum sl_target target = SL_TARGET_STARTED;
        if (value.ptr) {
                json_t *json = NULL;
                if (sl_json_parse(value, &json, NULL) != SL_OK)
                        sl_warn("config topic: the target state of connector %s can't be read; taken as STARTED", name);
                const char *state = sl_json_str(json, "state.v2");
                if (!state)
                        state = sl_json_str(json, "state");
                for (int t = SL_TARGET_STARTED; state && t <= SL_TARGET_STOPPED; t++)
                        if (strcmp(state, sl_target_name(t)) == 0)
                                target = t;
                json_decref(json);
        }
        st->opts.on_target(st->opts.arg, name, target);
}

static void apply_logger(struct sl_store *st, const char *logger, struct sl_str value)
{
        json_t *json = NULL;
        if (st->live && value.ptr && sl_json_parse(value, &json, NULL) == SL_OK && sl_json_str(json, "level"))
                st->opts.on_logger(st->opts.arg, logger, sl_json_str(json, "level"));
        json_decref(json);
}

static bool after(struct sl_str key, const char *prefix, struct sl_str *rest)
{
        size_t n = strlen(prefix);
        if (key.len <= n || memcmp(key.ptr, prefix, n) != 0)
                return false;
        *rest = (struct sl_str){key.ptr + n, key.len - n};
        return true;
}

/* Those of the past are over. */
static void apply_restart(struct sl_store *st, struct sl_str rest, struct sl_str value)
{
        sl_auto_json *json = NULL;
        if (!st->live || !value.ptr || !st->opts.on_restart || sl_json_parse(value, &json, NULL) != SL_OK)
                return;
        char *name = sl_strndup(rest.ptr, rest.len);
        st->opts.on_restart(st->opts.arg, name, sl_json_bool(json, "include-tasks", false),
                            sl_json_bool(json, "only-failed", false));
        free(name);
}

static void remember(struct sl_store *st, struct sl_str key, struct sl_str value)
{
        free(sl_map_remove(&st->tasks, key));
        if (value.ptr)
                sl_map_put(&st->tasks, key, sl_strndup(value.ptr, value.len));
}

static void apply_config(void *arg, struct sl_str key, struct sl_str value, int64_t offset)
{
        struct sl_store *st = arg;
        struct sl_str rest;
        if (!key.ptr || !sl_utf8_valid(key) || memchr(key.ptr, 0, key.len)) {
                sl_warn("config topic: the key at offset %lld is no text and is skipped", (long long)offset);
                return;
        }
        bool target = after(key, "target-state-", &rest);
        if (target || after(key, "connector-", &rest)) {
                char *name = sl_strndup(rest.ptr, rest.len);
                if (target)
                        apply_target(st, name, value);
                else
                        apply_connector(st, name, value);
                free(name);
        } else if (after(key, "logger-cluster-", &rest)) {
                char *logger = sl_strndup(rest.ptr, rest.len);
                apply_logger(st, logger, value);
                free(logger);
        } else if (after(key, "restart-connector-", &rest)) {
                apply_restart(st, rest, value);
        } else if (after(key, "task-", &rest) || after(key, "commit-", &rest) || after(key, "tasks-fencing-", &rest)) {
                remember(st, key, value);
        }
}

/* ---- statuses ---- */

static void apply_status(struct sl_store *st, const char *name, int64_t task, struct sl_str value)
{
        struct sl_status status = {0};
        sl_auto_json *json = NULL;
        if (value.ptr) {
                if (sl_json_parse(value, &json, NULL) != SL_OK || !sl_json_str(json, "state")) {
                        sl_warn("status topic: a status of connector %s can't be read and is skipped", name);
                        return;
                }
                status.state = sl_json_str(json, "state");
                status.trace = sl_json_str(json, "trace");
                status.worker_id = sl_json_str(json, "worker_id");
                status.version = sl_json_str(json, "version");
                status.generation = (int32_t)sl_json_int(json, "generation", 0);
        }
        bool own = status.worker_id && st->opts.worker_id && strcmp(status.worker_id, st->opts.worker_id) == 0;
        if (own && !st->live && status.state) { /* of an earlier life, which may have ended without a word */
                status.state = "UNASSIGNED";
                status.trace = NULL;
        }
        if (st->opts.on_status && !(own && st->live))
                st->opts.on_status(st->opts.arg, name, task, &status, st->live);
}

/* "<name>-<number>": the name may hold dashes. */
static void apply_task_status(struct sl_store *st, struct sl_str rest, struct sl_str value)
{
        const char *dash = memrchr(rest.ptr, '-', rest.len);
        int64_t task;
        if (!dash || !sl_parse_i64((struct sl_str){dash + 1, rest.len - (size_t)(dash + 1 - rest.ptr)}, &task) || task < 0 ||
            task >= SL_TASKS_MAX)
                return;
        char *name = sl_strndup(rest.ptr, (size_t)(dash - rest.ptr));
        apply_status(st, name, task, value);
        free(name);
}

/* "<topic>:connector-<name>" */
static void apply_topic(struct sl_store *st, struct sl_str rest, struct sl_str value)
{
        static const char middle[] = ":connector-";
        const char *at = memmem(rest.ptr, rest.len, middle, sizeof(middle) - 1);
        if (!at || !st->opts.on_topic)
                return;
        char *topic = sl_strndup(rest.ptr, (size_t)(at - rest.ptr));
        at += sizeof(middle) - 1;
        char *name = sl_strndup(at, rest.len - (size_t)(at - rest.ptr));
        st->opts.on_topic(st->opts.arg, name, topic, !value.ptr);
        free(topic);
        free(name);
}

static void apply_status_record(void *arg, struct sl_str key, struct sl_str value, int64_t offset)
{
        struct sl_store *st = arg;
        struct sl_str rest;
        if (!key.ptr || !sl_utf8_valid(key) || memchr(key.ptr, 0, key.len)) {
                sl_warn("status topic: the key at offset %lld is no text and is skipped", (long long)offset);
        } else if (after(key, "status-task-", &rest)) {
                apply_task_status(st, rest, value);
        } else if (after(key, "status-connector-", &rest)) {
                char *name = sl_strndup(rest.ptr, rest.len);
                apply_status(st, name, -1, value);
                free(name);
        } else if (after(key, "status-topic-", &rest)) {
                apply_topic(st, rest, value);
        }
}

static enum sl_rc open_topic(struct sl_store *st, const char *prefix, const char *topic, int32_t partitions,
                             int32_t replication, void (*apply)(void *, struct sl_str, struct sl_str, int64_t),
                             struct sl_compact **ret, struct sl_err *err)
{
        static const char *const not [] = {"topic", "partitions", "replication.factor", NULL};
        struct sl_arena arena;
        sl_arena_init(&arena, 4096);
        struct sl_compact_opts opts = {
                .cfg = st->kafka,
                .admin = st->opts.admin,
                .topic = topic,
                .partitions = partitions,
                .replication = replication,
                .topic_config = sl_worker_topic_config(st->opts.cfg, prefix, not, NULL, &arena),
                .role = sl_arena_printf(&arena, "%stopic", prefix),
                .apply = apply,
                .apply_arg = st,
                .wake = st->opts.wake,
                .hurry = st->opts.hurry,
                .wake_arg = st->opts.arg,
        };
        enum sl_rc rc = sl_compact_open(&opts, SL_STORE_TIMEOUT_MS, ret, err);
        sl_arena_free(&arena);
        return rc;
}

static enum sl_rc one_partition(const struct sl_store_opts *opts, struct sl_err *err)
{
        int32_t n = 0;
        SL_TRY(sl_admin_topic_partitions(opts->admin, opts->cfg->config_topic, SL_STORE_TIMEOUT_MS, &n, err));
        if (n <= 1)
                return SL_OK;
        return sl_fail(
                err, SL_E_CONFIG,
                "Topic '%s' supplied via the 'config.storage.topic' property is required to have a single partition in "
                "order to guarantee consistency of connector configurations, but found %d partitions.",
                opts->cfg->config_topic, n);
}

enum sl_rc sl_store_open(const struct sl_store_opts *opts, struct sl_store **ret, struct sl_err *err)
{
        struct sl_store *st = sl_calloc(1, sizeof(*st));
        st->opts = *opts;
        st->kafka = (struct sl_kafka_cfg){.worker = &opts->cfg->props};
        st->timeout_ms = SL_STORE_TIMEOUT_MS;
        st->status_timeout_ms = OWN_MS;
        if (opts->admin && opts->cfg->distributed) {
                enum sl_rc rc = open_topic(st, "config.storage.", opts->cfg->config_topic, 1,
                                           opts->cfg->config_replication, apply_config, &st->config, err);
                if (rc == SL_OK)
                        rc = one_partition(opts, err);
                if (rc != SL_OK) {
                        sl_store_close(st);
                        return rc;
                }
        }
        *ret = st;
        return SL_OK;
}

enum sl_rc sl_store_open_status(struct sl_store *st, struct sl_err *err)
{
        const struct sl_worker_cfg *cfg = st->opts.cfg;
        if (st->config && !st->status)
                SL_TRY(open_topic(st, "status.storage.", cfg->status_topic, cfg->status_partitions,
                                  cfg->status_replication, apply_status_record, &st->status, err));
        st->live = true;
        return SL_OK;
}

enum sl_rc sl_store_lead(struct sl_store *st, bool lead, struct sl_err *err)
{
        if (!st->config)
                return SL_OK;
        if (!lead)
                return sl_compact_fence(st->config, NULL, OWN_MS, err);
        struct sl_buf id = {0};
        sl_buf_printf(&id, "connect-cluster-%s", st->opts.cfg->group_id);
        enum sl_rc rc = sl_compact_fence(st->config, sl_buf_cstr(&id), OWN_MS, err);
        sl_buf_free(&id);
        return rc == SL_OK ? sl_compact_refresh(st->config, OWN_MS, err) : rc;
}

void sl_store_set_limit(struct sl_store *st, int timeout_ms)
{
        st->timeout_ms = timeout_ms;
        st->status_timeout_ms = timeout_ms;
}

void sl_store_close(struct sl_store *st)
{
        if (!st)
                return;
        sl_compact_close(st->config);
        sl_compact_close(st->status);
        sl_map_free(&st->tasks, free);
        free(st);
}

/* One record of the config topic; in memory mode it is applied as if it had been read. */
static enum sl_rc put(struct sl_store *st, const char *prefix, const char *name, const char *suffix,
                      struct sl_str value, struct sl_err *err)
{
        struct sl_buf key = {0};
        sl_buf_printf(&key, "%s%s%s", prefix, name, suffix);
        struct sl_str k = {sl_buf_cstr(&key), key.len};
        enum sl_rc rc = SL_OK;
        if (SL_FAULT("cluster.before_config"))
                rc = sl_fail(err, SL_E_KAFKA, "fault point cluster.before_config");
        else if (st->config)
                rc = sl_compact_put(st->config, k, value, st->timeout_ms, err);
        else
                apply_config(st, k, value, 0);
        sl_buf_free(&key);
        if (rc == SL_OK)
                SL_FAULT_TRY("cluster.after_config", SL_E_KAFKA, err);
        return rc;
}

static void forget_tasks(struct sl_store *st, const char *name)
{
        struct sl_map_entry *e;
        size_t n = strlen(name);
        for (size_t i = 0; sl_map_next(&st->tasks, &i, &e);) {
                const char *rest = strchr(e->key, '-') + 1;
                if (strncmp(rest, "fencing-", 8) == 0 && strncmp(e->key, "tasks-", 6) == 0)
                        rest += 8;
                if (strncmp(rest, name, n) == 0 && (rest[n] == '-' || rest[n] == '\0'))
                        free(sl_map_remove(&st->tasks, (struct sl_str){e->key, e->key_len}));
        }
}

static void properties_json(const struct sl_props *config, const char *task_class, struct sl_buf *out)
{
        json_t *props = sl_props_to_json(config), *json = json_object();
        if (task_class)
                json_object_set_new(props, "task.class", json_string(task_class));
        json_object_set_new(json, "properties", props);
        sl_json_dump(json, out);
        json_decref(json);
}

enum sl_rc sl_store_put_config(struct sl_store *st, const char *name, const struct sl_props *config, struct sl_err *err)
{
        forget_tasks(st, name); /* written again, behind the connector's record */
        if (!config) {
                SL_TRY(put(st, "connector-", name, "", SL_STR_NULL, err));
                return put(st, "target-state-", name, "", SL_STR_NULL, err);
        }
        struct sl_buf value = {0};
        properties_json(config, NULL, &value);
        enum sl_rc rc = put(st, "connector-", name, "", (struct sl_str){sl_buf_cstr(&value), value.len}, err);
        sl_buf_free(&value);
        return rc;
}

enum sl_rc sl_store_put_restart(struct sl_store *st, const char *name, bool include_tasks, bool only_failed,
                                struct sl_err *err)
{
        char text[80];
        int n = snprintf(text, sizeof(text), "{\"include-tasks\":%s,\"only-failed\":%s}", include_tasks ? "true" : "false",
                         only_failed ? "true" : "false");
        return put(st, "restart-connector-", name, "", (struct sl_str){text, (size_t)n}, err);
}

enum sl_rc sl_store_put_target(struct sl_store *st, const char *name, enum sl_target target, struct sl_err *err)
{
        char text[96];
        int n = snprintf(text, sizeof(text), "{\"state\":\"%s\",\"state.v2\":\"%s\"}",
                         sl_target_name(target == SL_TARGET_STOPPED ? SL_TARGET_PAUSED : target),
                         sl_target_name(target));
        return put(st, "target-state-", name, "", (struct sl_str){text, (size_t)n}, err);
}

enum sl_rc sl_store_put_logger(struct sl_store *st, const char *logger, const char *level, struct sl_err *err)
{
        json_t *json = json_object();
        struct sl_buf value = {0};
        json_object_set_new(json, "level", json_string(level));
        sl_json_dump(json, &value);
        enum sl_rc rc = put(st, "logger-cluster-", logger, "", (struct sl_str){sl_buf_cstr(&value), value.len}, err);
        sl_buf_free(&value);
        json_decref(json);
        return rc;
}

static bool is_stored(struct sl_store *st, const char *prefix, const char *name, const char *suffix, const char *text)
{
        struct sl_buf key = {0};
        sl_buf_printf(&key, "%s%s%s", prefix, name, suffix);
        const char *have = sl_map_get(&st->tasks, (struct sl_str){sl_buf_cstr(&key), key.len});
        sl_buf_free(&key);
        return have && strcmp(have, text) == 0;
}

/* The records of one connector's tasks, in the order in which a Java worker must see them. */
struct task_records {
        struct sl_compact_record *items;
        struct sl_buf *keys;
        uint32_t count;
};

static void add_record(struct task_records *r, const char *prefix, const char *name, const char *suffix, const char *text)
{
        struct sl_buf *key = &r->keys[r->count];
        sl_buf_printf(key, "%s%s%s", prefix, name, suffix);
        r->items[r->count++] = (struct sl_compact_record){.key = {sl_buf_cstr(key), key->len}, .value = sl_str_c(text)};
}

static enum sl_rc put_tasks(struct sl_store *st, const char *name, uint32_t count, const char *text, bool fencing,
                            struct sl_err *err)
{
        char suffix[16], commit[32], fence[32];
        snprintf(commit, sizeof(commit), "{\"tasks\":%u}", count);
        snprintf(fence, sizeof(fence), "{\"task-count\":%u}", count);
        bool same = is_stored(st, "commit-", name, "", commit) && (!fencing || is_stored(st, "tasks-fencing-", name, "", fence));
        for (uint32_t i = 0; i < count && same; i++) {
                snprintf(suffix, sizeof(suffix), "-%u", i);
                same = is_stored(st, "task-", name, suffix, text);
        }
        if (same)
                return SL_OK;
        struct task_records r = {sl_calloc(count + 2, sizeof(*r.items)), sl_calloc(count + 2, sizeof(*r.keys)), 0};
        for (uint32_t i = 0; i < count; i++) {
                snprintf(suffix, sizeof(suffix), "-%u", i);
                add_record(&r, "task-", name, suffix, text);
        }
        add_record(&r, "commit-", name, "", commit);
        if (fencing)
                add_record(&r, "tasks-fencing-", name, "", fence);
        enum sl_rc rc = SL_FAULT("cluster.before_tasks")
                                ? sl_fail(err, SL_E_KAFKA, "fault point cluster.before_tasks")
                                : sl_compact_put_all(st->config, r.items, r.count, OWN_MS, err);
        for (uint32_t i = 0; i < r.count; i++)
                sl_buf_free(&r.keys[i]);
        free(r.items);
        free(r.keys);
        if (rc == SL_OK)
                SL_FAULT_TRY("cluster.after_tasks", SL_E_KAFKA, err);
        return rc;
}

enum sl_rc sl_store_put_tasks(struct sl_store *st, const char *name, uint32_t count, const struct sl_props *config,
                              const char *task_class, bool source, struct sl_err *err)
{
        if (!st->config)
                return SL_OK;
        struct sl_buf value = {0};
        properties_json(config, task_class, &value);
        enum sl_rc rc = put_tasks(st, name, count, sl_buf_cstr(&value), source && count > 0, err);
        sl_buf_free(&value);
        return rc;
}

uint32_t sl_store_task_count(const struct sl_store *st, const char *name)
{
        struct sl_buf key = {0};
        sl_buf_printf(&key, "commit-%s", name);
        const char *text = sl_map_get(&st->tasks, (struct sl_str){sl_buf_cstr(&key), key.len});
        sl_auto_json *json = NULL;
        int64_t n = text && sl_json_parse(sl_str_c(text), &json, NULL) == SL_OK ? sl_json_int(json, "tasks", 0) : 0;
        sl_buf_free(&key);
        return n > 0 && n < UINT32_MAX ? (uint32_t)n : 0;
}

static void status_json(const struct sl_status *status, struct sl_buf *out)
{
        sl_buf_printf(out, "{\"state\":\"%s\",\"trace\":", status->state);
        if (status->trace)
                sl_buf_add_json_str(out, status->trace, strlen(status->trace));
        else
                sl_buf_adds(out, "null");
        sl_buf_adds(out, ",\"worker_id\":");
        sl_buf_add_json_str(out, status->worker_id, strlen(status->worker_id));
        sl_buf_printf(out, ",\"generation\":%d,\"version\":", status->generation);
        if (status->version)
                sl_buf_add_json_str(out, status->version, strlen(status->version));
        else
                sl_buf_adds(out, "null");
        sl_buf_addc(out, '}');
}

static enum sl_rc put_statuses(struct sl_store *st, const struct sl_status_change *changes, uint32_t n, struct sl_err *err)
{
        struct sl_compact_record records[PUT_MAX] = {0};
        struct sl_buf texts[PUT_MAX * 2] = {0};
        for (uint32_t i = 0; i < n; i++) {
                struct sl_buf *key = &texts[i * 2], *value = &texts[i * 2 + 1];
                if (changes[i].task < 0)
                        sl_buf_printf(key, "status-connector-%s", changes[i].name);
                else
                        sl_buf_printf(key, "status-task-%s-%lld", changes[i].name, (long long)changes[i].task);
                if (changes[i].status.state)
                        status_json(&changes[i].status, value);
                records[i].key = (struct sl_str){sl_buf_cstr(key), key->len};
                records[i].value = (struct sl_str){changes[i].status.state ? sl_buf_cstr(value) : NULL, value->len};
        }
        enum sl_rc rc = sl_compact_put_all(st->status, records, n, st->status_timeout_ms, err);
        for (uint32_t i = 0; i < n * 2; i++)
                sl_buf_free(&texts[i]);
        return rc;
}

enum sl_rc sl_store_put_statuses(struct sl_store *st, const struct sl_status_change *changes, uint32_t n, struct sl_err *err)
{
        for (uint32_t i = 0; st->status && i < n; i += PUT_MAX)
                SL_TRY(put_statuses(st, changes + i, n - i < PUT_MAX ? n - i : PUT_MAX, err));
        return SL_OK;
}

enum sl_rc sl_store_put_topic(struct sl_store *st, const char *name, uint32_t task, const char *topic, bool gone,
                              struct sl_err *err)
{
        if (!st->status) {
                if (st->opts.on_topic)
                        st->opts.on_topic(st->opts.arg, name, topic, gone);
                return SL_OK;
        }
        struct sl_buf key = {0}, value = {0};
        sl_buf_printf(&key, "status-topic-%s:connector-%s", topic, name);
        sl_buf_adds(&value, "{\"topic\":{\"name\":");
        sl_buf_add_json_str(&value, topic, strlen(topic));
        sl_buf_adds(&value, ",\"connector\":");
        sl_buf_add_json_str(&value, name, strlen(name));
        sl_buf_printf(&value, ",\"task\":%u,\"discoverTimestamp\":%lld}}", task, (long long)sl_wall_ms());
        struct sl_str text = {gone ? NULL : sl_buf_cstr(&value), value.len};
        enum sl_rc rc = sl_compact_put(st->status, (struct sl_str){sl_buf_cstr(&key), key.len}, text,
                                       st->status_timeout_ms, err);
        sl_buf_free(&key);
        sl_buf_free(&value);
        return rc;
}

enum sl_rc sl_store_refresh(struct sl_store *st, struct sl_err *err)
{
        if (st->status)
                SL_TRY(sl_compact_refresh(st->status, OWN_MS, err));
        return st->config ? sl_compact_refresh(st->config, OWN_MS, err) : SL_OK;
}

enum sl_rc sl_store_poll(struct sl_store *st, struct sl_err *err)
{
        if (st->status)
                SL_TRY(sl_compact_poll(st->status, err));
        return st->config ? sl_compact_poll(st->config, err) : SL_OK;
}

enum sl_rc sl_store_offsets_topic(const struct sl_worker_cfg *cfg, struct sl_admin *admin, struct sl_err *err)
{
        static const char *const not [] = {"topic", "partitions", "replication.factor", "file.filename", NULL};
        /* 1 MiB is the smallest segment that brokers since 4.0 allow. */
        static const char *const extra[] = {"cleanup.policy", "compact", "segment.bytes", "1048576", NULL};
        struct sl_arena arena;
        struct sl_buf policy = {0};
        bool created = false;
        sl_arena_init(&arena, 4096);
        struct sl_topic_spec spec = {
                .name = cfg->offset_topic,
                .partitions = cfg->offset_partitions,
                .replication = cfg->offset_replication,
                .config = sl_worker_topic_config(cfg, "offset.storage.", not, extra, &arena),
        };
        enum sl_rc rc = sl_admin_create_topic(admin, &spec, SL_STORE_TIMEOUT_MS, &created, err);
        if (rc != SL_OK)
                sl_err_prefix(err,
                              "offset.storage.topic with offset.storage.replication.factor=%d: ", spec.replication);
        if (rc == SL_OK && !created)
                rc = sl_admin_topic_config(admin, cfg->offset_topic, "cleanup.policy", SL_STORE_TIMEOUT_MS, &policy,
                                           err);
        if (rc == SL_OK && !created && strcmp(sl_buf_cstr(&policy), "compact") != 0)
                rc = sl_fail(
                        err, SL_E_CONFIG,
                        "Topic '%s' supplied via the 'offset.storage.topic' property is required to have "
                        "'cleanup.policy=compact' to guarantee consistency and durability of source connector offsets, "
                        "but found the topic currently has 'cleanup.policy=%s'. Continuing would likely result in "
                        "eventually losing source connector offsets and problems restarting this Connect cluster in "
                        "the future. Change the 'offset.storage.topic' property in the worker configuration to use a "
                        "topic with 'cleanup.policy=compact'.",
                        cfg->offset_topic, sl_buf_cstr(&policy));
        sl_arena_free(&arena);
        sl_buf_free(&policy);
        return rc;
}
