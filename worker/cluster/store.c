/* SPDX-License-Identifier: Apache-2.0 */
/* Connect's config and status topics (see store.h). Records, key -> value, JSON without schema, compact:
 *   connector-<n>      {"properties":{...}}                       null = deleted
 *   task-<n>-<i>       {"properties":{...,"task.class":"..."}}    counts once commit-<n> follows
 *   commit-<n>         {"tasks":3}
 *   target-state-<n>   {"state":"PAUSED","state.v2":"STOPPED"}    state.v2 wins; old workers know no STOPPED
 *   status-connector-<n>, status-task-<n>-<i>
 *                      {"state":"RUNNING","trace":null,"worker_id":"h:8083","generation":1,"version":"..."}
 * Task, commit, restart, fencing, session and logger records of others are left alone: this worker makes its tasks from
 * the connector's config. It writes task and commit records so that a Java worker can take over. Statuses are only
 * written. */
#include "cluster/store.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "kafka/compact.h"

#define OPEN_RETRY_MS 10000
#define OPEN_PAUSE_MS 20

struct sl_store {
        struct sl_store_opts opts;
        struct sl_compact *config, *status; /* NULL in memory mode */
        struct sl_map tasks;                /* task-* and commit-* records as they are in the topic: key -> text */
        struct sl_kafka_cfg kafka;
        int timeout_ms, status_timeout_ms;
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

static void remember(struct sl_store *st, struct sl_str key, struct sl_str value)
{
        free(sl_map_remove(&st->tasks, key));
        if (value.ptr)
                sl_map_put(&st->tasks, key, sl_strndup(value.ptr, value.len));
}

static bool after(struct sl_str key, const char *prefix, struct sl_str *rest)
{
        size_t n = strlen(prefix);
        if (key.len <= n || memcmp(key.ptr, prefix, n) != 0)
                return false;
        *rest = (struct sl_str){key.ptr + n, key.len - n};
        return true;
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
        } else if (after(key, "task-", &rest) || after(key, "commit-", &rest)) {
                remember(st, key, value);
        }
}

static void apply_nothing(void *arg, struct sl_str key, struct sl_str value, int64_t offset)
{
        (void)arg, (void)key, (void)value, (void)offset; /* statuses are only written */
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
        };
        enum sl_rc rc;
        int64_t end = sl_mono_ms() + OPEN_RETRY_MS;
        for (;;) { /* a topic that was just made, or whose broker just started, has no leader for a moment */
                struct sl_err why = {0};
                rc = sl_compact_open(&opts, SL_STORE_TIMEOUT_MS, ret, &why);
                if (rc == SL_OK || rc != SL_TRANSIENT || sl_mono_ms() >= end) {
                        if (rc != SL_OK)
                                *err = why;
                        break;
                }
                nanosleep(&(struct timespec){.tv_nsec = OPEN_PAUSE_MS * 1000000L}, NULL);
        }
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
        st->status_timeout_ms = 5000;
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
        if (!st->config || st->status)
                return SL_OK;
        return open_topic(st, "status.storage.", cfg->status_topic, cfg->status_partitions, cfg->status_replication,
                          apply_nothing, &st->status, err);
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
        if (st->config)
                rc = sl_compact_put(st->config, k, value, st->timeout_ms, err);
        else
                apply_config(st, k, value, 0);
        sl_buf_free(&key);
        return rc;
}

static void forget_tasks(struct sl_store *st, const char *name)
{
        struct sl_map_entry *e;
        size_t n = strlen(name);
        for (size_t i = 0; sl_map_next(&st->tasks, &i, &e);) {
                const char *rest = strncmp(e->key, "task-", 5) == 0 ? e->key + 5 : e->key + 7;
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

enum sl_rc sl_store_put_target(struct sl_store *st, const char *name, enum sl_target target, struct sl_err *err)
{
        char text[96];
        int n = snprintf(text, sizeof(text), "{\"state\":\"%s\",\"state.v2\":\"%s\"}",
                         sl_target_name(target == SL_TARGET_STOPPED ? SL_TARGET_PAUSED : target),
                         sl_target_name(target));
        return put(st, "target-state-", name, "", (struct sl_str){text, (size_t)n}, err);
}

static bool is_stored(struct sl_store *st, const char *prefix, const char *name, const char *suffix, const char *text)
{
        struct sl_buf key = {0};
        sl_buf_printf(&key, "%s%s%s", prefix, name, suffix);
        const char *have = sl_map_get(&st->tasks, (struct sl_str){sl_buf_cstr(&key), key.len});
        sl_buf_free(&key);
        return have && strcmp(have, text) == 0;
}

static enum sl_rc put_tasks(struct sl_store *st, const char *name, uint32_t count, const char *text, const char *commit,
                            struct sl_err *err)
{
        char suffix[16];
        bool same = is_stored(st, "commit-", name, "", commit);
        for (uint32_t i = 0; i < count && same; i++) {
                snprintf(suffix, sizeof(suffix), "-%u", i);
                same = is_stored(st, "task-", name, suffix, text);
        }
        if (same)
                return SL_OK;
        for (uint32_t i = 0; i < count; i++) {
                snprintf(suffix, sizeof(suffix), "-%u", i);
                SL_TRY(put(st, "task-", name, suffix, sl_str_c(text), err));
        }
        return put(st, "commit-", name, "", sl_str_c(commit), err);
}

enum sl_rc sl_store_put_tasks(struct sl_store *st, const char *name, uint32_t count, const struct sl_props *config,
                              const char *task_class, struct sl_err *err)
{
        if (!st->config)
                return SL_OK;
        char commit[32];
        struct sl_buf value = {0};
        snprintf(commit, sizeof(commit), "{\"tasks\":%u}", count);
        properties_json(config, task_class, &value);
        enum sl_rc rc = put_tasks(st, name, count, sl_buf_cstr(&value), commit, err);
        sl_buf_free(&value);
        return rc;
}

enum sl_rc sl_store_put_status(struct sl_store *st, const char *name, int64_t task, const struct sl_status *status,
                               struct sl_err *err)
{
        if (!st->status)
                return SL_OK;
        struct sl_buf key = {0}, value = {0};
        if (task < 0)
                sl_buf_printf(&key, "status-connector-%s", name);
        else
                sl_buf_printf(&key, "status-task-%s-%lld", name, (long long)task);
        if (status->state) {
                sl_buf_printf(&value, "{\"state\":\"%s\",\"trace\":", status->state);
                if (status->trace)
                        sl_buf_add_json_str(&value, status->trace, strlen(status->trace));
                else
                        sl_buf_adds(&value, "null");
                sl_buf_adds(&value, ",\"worker_id\":");
                sl_buf_add_json_str(&value, status->worker_id, strlen(status->worker_id));
                sl_buf_adds(&value, ",\"generation\":1,\"version\":");
                if (status->version)
                        sl_buf_add_json_str(&value, status->version, strlen(status->version));
                else
                        sl_buf_adds(&value, "null");
                sl_buf_addc(&value, '}');
        }
        struct sl_str text = {status->state ? sl_buf_cstr(&value) : NULL, value.len};
        enum sl_rc rc = sl_compact_put(st->status, (struct sl_str){sl_buf_cstr(&key), key.len}, text,
                                       st->status_timeout_ms, err);
        sl_buf_free(&key);
        sl_buf_free(&value);
        return rc;
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
