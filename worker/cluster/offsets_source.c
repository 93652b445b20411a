/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets of sources: records of the offsets topic, key ["<connector>",{partition}], value {offset}, null = forgotten
 * (org.apache.kafka.connect.storage.OffsetStorageWriter). Compared as parsed JSON, written back under the bytes that are
 * stored; a new one gets the connector's own spelling. With exactly-once a change is one transaction under task 0's
 * transactional id: its start fences a task that still runs, so it can't write over the change.
 * A connector may have a topic of its own (offsets.storage.topic): it wins, the worker's topic is read beneath it and,
 * as in Connect, changed too: forgotten there first, set there last and only as well as can be. */
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "cluster/offsets.h"
#include "kafka/compact.h"
#include "kafka/producer.h"
#include "pipeline/conncfg.h"
#include "pipeline/task.h"

#define OWN_TOPIC_KEY "offsets.storage.topic"

/* --- What is stored --------------------------------------------------------------------------------------------------
 */

static void row_free(void *row)
{
        struct sl_stored_offset *r = row;
        if (!r)
                return;
        free(r->canonical);
        json_decref(r->partition);
        json_decref(r->offset);
        free(r);
}

static char *canonical_text(const json_t *partition)
{
        return json_dumps(partition, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
}

void sl_stored_offsets_see(struct sl_stored_offsets *s, struct sl_str key, struct sl_str value)
{
        sl_auto_json *parsed = NULL, *offset = NULL;
        if (!key.ptr || sl_json_parse(key, &parsed, NULL) != SL_OK || json_array_size(parsed) != 2)
                return;
        const char *name = json_string_value(json_array_get(parsed, 0));
        json_t *partition = json_array_get(parsed, 1);
        if (!name || strcmp(name, s->connector) != 0 || !(json_is_object(partition) || json_is_null(partition)))
                return;
        if (value.ptr && sl_json_parse(value, &offset, NULL) != SL_OK)
                return;
        struct sl_stored_offset *row = sl_calloc(1, sizeof(*row));
        row->canonical = canonical_text(partition);
        row->partition = json_incref(partition);
        row->offset = json_is_object(offset) ? json_incref(offset) : NULL;
        row_free(sl_map_remove(&s->rows, key)); /* so that the newest is last */
        sl_map_put(&s->rows, key, row);
}

void sl_stored_offsets_free(struct sl_stored_offsets *s)
{
        sl_map_free(&s->rows, row_free);
}

/* The newest one of a partition that is no tombstone. */
static const struct sl_stored_offset *live(const struct sl_stored_offsets *s, const char *canonical)
{
        const struct sl_stored_offset *found = NULL;
        struct sl_map_entry *e;
        for (size_t i = 0; s && sl_map_next(&s->rows, &i, &e);) {
                const struct sl_stored_offset *row = e->value;
                if (row->offset && strcmp(row->canonical, canonical) == 0)
                        found = row;
        }
        return found;
}

static void add_rows(const struct sl_stored_offsets *s, const struct sl_stored_offsets *above, json_t *list)
{
        struct sl_map_entry *e;
        for (size_t i = 0; s && sl_map_next(&s->rows, &i, &e);) {
                const struct sl_stored_offset *row = e->value;
                if (live(s, row->canonical) != row || live(above, row->canonical))
                        continue;
                json_t *item = json_object();
                json_object_set(item, "partition", row->partition);
                json_object_set(item, "offset", row->offset);
                json_array_append_new(list, item);
        }
}

json_t *sl_stored_offsets_json(const struct sl_stored_offsets *own, const struct sl_stored_offsets *below)
{
        json_t *list = json_array();
        add_rows(own, NULL, list);
        add_rows(below, own, list);
        return list;
}

/* --- The topics ------------------------------------------------------------------------------------------------------
 */

struct topics {
        struct sl_stored_offsets worker, own;
        const char *own_topic; /* NULL = none */
};

static void see(void *arg, struct sl_str key, struct sl_str value, int64_t offset sl_unused)
{
        sl_stored_offsets_see(arg, key, value);
}

static bool has_admin_overrides(const struct sl_props *config)
{
        const char *key, *value;
        for (size_t i = 0; sl_props_next(config, &i, &key, &value);)
                if (strncmp(key, "admin.override.", 15) == 0)
                        return true;
        return false;
}

static enum sl_rc read_topic(const struct sl_offsets_of *of, const char *topic, const char *role,
                             const struct sl_props *connector, struct sl_stored_offsets *out, struct sl_err *err)
{
        struct sl_compact *store = NULL;
        struct sl_admin *admin = NULL;
        struct sl_compact_opts opts = {
                .cfg = {.worker = &of->cfg->props, .connector = connector},
                .admin = of->admin,
                .topic = topic,
                .partitions = of->cfg->offset_partitions,
                .replication = of->cfg->offset_replication,
                .role = role,
                .apply = see,
                .apply_arg = out,
        };
        enum sl_rc rc = connector && has_admin_overrides(connector) ? sl_admin_new(&opts.cfg, "sluice-offsets-admin", &admin, err) : SL_OK;
        if (admin)
                opts.admin = admin;
        if (rc == SL_OK)
                rc = sl_compact_open(&opts, SL_OFFSETS_LIMIT_MS, &store, err);
        sl_compact_close(store);
        sl_admin_free(admin);
        return rc;
}

static enum sl_rc read_topics(const struct sl_offsets_of *of, struct topics *t, struct sl_err *err)
{
        const char *own = sl_props_get(of->config, OWN_TOPIC_KEY);
        t->worker.connector = t->own.connector = of->connector;
        t->own_topic = own && *own && strcmp(own, of->cfg->offset_topic) != 0 ? own : NULL;
        /* Without a topic of its own the task's own clients use the worker's, wherever they are pointed to. */
        SL_TRY(read_topic(of, of->cfg->offset_topic, SL_OFFSET_TOPIC_KEY, t->own_topic ? NULL : of->config, &t->worker,
                          err));
        return t->own_topic ? read_topic(of, t->own_topic, OWN_TOPIC_KEY, of->config, &t->own, err) : SL_OK;
}

static void topics_free(struct topics *t)
{
        sl_stored_offsets_free(&t->worker);
        sl_stored_offsets_free(&t->own);
}

enum sl_rc sl_offsets_read_source(const struct sl_offsets_of *of, json_t **ret, struct sl_err *err)
{
        struct topics t = {0};
        enum sl_rc rc = read_topics(of, &t, err);
        if (rc == SL_OK)
                *ret = t.own_topic ? sl_stored_offsets_json(&t.own, &t.worker) : sl_stored_offsets_json(&t.worker, NULL);
        topics_free(&t);
        return rc;
}

/* --- Checking a request ----------------------------------------------------------------------------------------------
 */

struct work {
        const struct sl_offsets_of *of;
        struct sl_arena arena;
        struct topics topics;
        void *cfg; /* the connector's parsed table */
        int64_t deadline;
};

static enum sl_rc parse_config(struct work *w, struct sl_err *err)
{
        const struct sl_source_ops *ops = w->of->source;
        struct sl_cfg_report report = {0};
        w->cfg = sl_arena_zalloc(&w->arena, ops->config_size + 1);
        sl_cfg_parse(ops->config, w->of->config, w->cfg, &w->arena, &report);
        enum sl_rc rc = SL_OK;
        for (uint32_t i = 0; rc == SL_OK && i < report.count; i++)
                if (!report.findings[i].warning)
                        rc = sl_fail(err, SL_E_CONFIG, "%s", report.findings[i].text);
        sl_cfg_report_free(&report);
        return rc;
}

static enum sl_rc check_scalars(const json_t *obj, struct sl_err *err)
{
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)obj, key, value)
        {
                if (json_is_object(value) || json_is_array(value))
                        return sl_fail(err, SL_E_CONFIG,
                                       "Offsets may only contain primitive types as values, but field %s contains %s",
                                       key, json_is_array(value) ? "ARRAY" : "MAP");
        }
        return SL_OK;
}

static const char *text_of(const json_t *value, struct sl_arena *arena)
{
        struct sl_buf text = {0};
        if (!value || json_is_null(value))
                return NULL;
        sl_json_dump(value, &text);
        char *copy = sl_arena_strdup(arena, sl_buf_cstr(&text));
        sl_buf_free(&text);
        return copy;
}

static enum sl_rc check(struct work *w, const json_t *offsets, struct sl_err *err)
{
        const struct sl_source_ops *ops = w->of->source;
        size_t i;
        const json_t *row;
        json_array_foreach(offsets, i, row)
        {
                const json_t *partition = json_object_get(row, "partition"), *offset = json_object_get(row, "offset");
                if (ops->check_offset)
                        SL_TRY(ops->check_offset(w->cfg, w->of->connector, text_of(partition, &w->arena),
                                                 text_of(offset, &w->arena), err));
                SL_TRY(check_scalars(partition, err));
                SL_TRY(check_scalars(offset, err));
        }
        return SL_OK;
}

/* --- Writing ---------------------------------------------------------------------------------------------------------
 */

struct records {
        struct sl_compact_record *items;
        uint32_t count, cap;
};

static void add_record(struct work *w, struct records *r, struct sl_str key, const char *value)
{
        if (r->count == r->cap) {
                uint32_t cap = r->cap ? r->cap * 2 : 16;
                struct sl_compact_record *items = sl_arena_alloc(&w->arena, cap * sizeof(*items));
                if (r->count)
                        memcpy(items, r->items, r->count * sizeof(*items));
                r->items = items;
                r->cap = cap;
        }
        struct sl_str copy = {sl_arena_strndup(&w->arena, key.ptr, key.len), key.len};
        r->items[r->count++] = (struct sl_compact_record){.key = copy, .value = sl_str_c(value)};
}

/* The key of a partition that was never stored: the connector's own spelling where it is the connector's own. */
static enum sl_rc new_key(struct work *w, const json_t *partition, struct sl_buf *out, struct sl_err *err)
{
        const struct sl_offsets_of *of = w->of;
        struct sl_buf own = {0};
        sl_auto_json *parsed = NULL;
        enum sl_rc rc = of->source->partition(w->cfg, of->connector, &own, err);
        if (rc == SL_OK && (sl_json_parse((struct sl_str){sl_buf_cstr(&own), own.len}, &parsed, NULL) != SL_OK ||
                            !json_equal(parsed, partition))) {
                sl_buf_clear(&own);
                if (json_is_object(partition))
                        sl_json_dump(partition, &own);
                else
                        sl_buf_adds(&own, "null");
        }
        if (rc == SL_OK)
                sl_offset_key(of->connector, (struct sl_str){sl_buf_cstr(&own), own.len}, out);
        sl_buf_free(&own);
        return rc;
}

/* One element of the request, under every spelling that is stored. */
static enum sl_rc add_change(struct work *w, struct sl_stored_offsets *stored, const json_t *row, struct records *out,
                             struct sl_err *err)
{
        sl_auto_json *null = json_null();
        const json_t *partition = json_object_get(row, "partition");
        const char *value = text_of(json_object_get(row, "offset"), &w->arena);
        uint32_t before = out->count;
        struct sl_map_entry *e;
        partition = partition ? partition : null;
        char *canonical = canonical_text(partition);
        for (size_t i = 0; sl_map_next(&stored->rows, &i, &e);)
                if (strcmp(((const struct sl_stored_offset *)e->value)->canonical, canonical) == 0)
                        add_record(w, out, (struct sl_str){e->key, e->key_len}, value);
        free(canonical);
        if (out->count > before)
                return SL_OK;
        struct sl_buf key = {0};
        enum sl_rc rc = new_key(w, partition, &key, err);
        if (rc == SL_OK) {
                struct sl_str k = {sl_buf_cstr(&key), key.len};
                add_record(w, out, k, value);
                sl_stored_offsets_see(stored, k, sl_str_c(value)); /* the request may name it once more */
        }
        sl_buf_free(&key);
        return rc;
}

static enum sl_rc add_changes(struct work *w, struct sl_stored_offsets *stored, const json_t *offsets,
                              struct records *out, struct sl_err *err)
{
        size_t i;
        const json_t *row;
        struct sl_map_entry *e;
        json_array_foreach(offsets, i, row)
                SL_TRY(add_change(w, stored, row, out, err));
        for (size_t k = 0; !offsets && sl_map_next(&stored->rows, &k, &e);)
                if (((const struct sl_stored_offset *)e->value)->offset)
                        add_record(w, out, (struct sl_str){e->key, e->key_len}, NULL);
        return SL_OK;
}

static enum sl_rc tick(void *arg, struct sl_err *err)
{
        const struct work *w = arg;
        return sl_mono_ms() < w->deadline ? SL_OK
                                          : sl_fail(err, SL_E_KAFKA, "Kafka did not answer in %d s",
                                                    SL_OFFSETS_LIMIT_MS / 1000);
}

static enum sl_rc open_producer(struct work *w, bool transactional, const struct sl_props *connector,
                                struct sl_producer **ret, struct sl_err *err)
{
        const struct sl_offsets_of *of = w->of;
        const char *group = of->cfg->group_id && *of->cfg->group_id ? of->cfg->group_id : SL_GROUP_STANDALONE;
        struct sl_producer_opts opts = {
                .cfg = {.worker = &of->cfg->props, .connector = connector},
                .client_id = "sluice-offsets",
                .transactional_id = transactional ? sl_arena_printf(&w->arena, "%s-%s-0", group, of->connector) : NULL,
                .queue_bytes = 4 << 20,
                .tick = tick,
                .tick_arg = w,
        };
        w->deadline = sl_mono_ms() + SL_OFFSETS_LIMIT_MS;
        SL_TRY(sl_producer_new(&opts, ret, err));
        return transactional ? sl_producer_init(*ret, err) : SL_OK;
}

static enum sl_rc send_all(struct work *w, struct sl_producer *p, bool transactional, const char *topic,
                           const struct records *r, struct sl_err *err)
{
        if (!r->count)
                return SL_OK;
        w->deadline = sl_mono_ms() + SL_OFFSETS_LIMIT_MS;
        if (transactional)
                SL_TRY(sl_producer_begin(p, err));
        for (uint32_t i = 0; i < r->count;) {
                bool full = false;
                struct sl_message m = {.topic = sl_str_c(topic),
                                       .partition = -1,
                                       .key = r->items[i].key,
                                       .value = r->items[i].value,
                                       .timestamp_ms = -1};
                SL_TRY(sl_producer_send(p, &m, &full, err));
                i += !full;
                SL_TRY(sl_producer_serve(p, full ? 100 : 0, err));
                SL_TRY(tick(w, err));
        }
        return transactional ? sl_producer_commit(p, err) : sl_producer_flush(p, SL_OFFSETS_LIMIT_MS, err);
}

/* Into the worker's topic, for a connector that has one of its own: what is forgotten, or what is set. */
static enum sl_rc write_below(struct work *w, const struct records *all, bool forgotten, struct sl_err *err)
{
        struct sl_producer *p = NULL;
        struct records some = {0};
        for (uint32_t i = 0; i < all->count; i++)
                if ((all->items[i].value.ptr == NULL) == forgotten)
                        add_record(w, &some, all->items[i].key, all->items[i].value.ptr);
        if (!some.count)
                return SL_OK;
        enum sl_rc rc = open_producer(w, false, NULL, &p, err);
        if (rc == SL_OK)
                rc = send_all(w, p, false, w->of->cfg->offset_topic, &some, err);
        sl_producer_free(p);
        return rc;
}

static enum sl_rc write_changes(struct work *w, struct sl_producer *p, bool transactional, const json_t *offsets,
                                struct sl_err *err)
{
        struct topics *t = &w->topics;
        struct records own = {0}, below = {0};
        SL_TRY(read_topics(w->of, t, err));
        if (!t->own_topic) {
                SL_TRY(add_changes(w, &t->worker, offsets, &own, err));
                return send_all(w, p, transactional, w->of->cfg->offset_topic, &own, err);
        }
        SL_TRY(add_changes(w, &t->own, offsets, &own, err));
        SL_TRY(add_changes(w, &t->worker, offsets, &below, err));
        SL_TRY(write_below(w, &below, true, err));
        SL_TRY(send_all(w, p, transactional, t->own_topic, &own, err));
        struct sl_err ignored = {0};
        if (write_below(w, &below, false, &ignored) != SL_OK)
                sl_log_err(SL_LOG_WARN, &ignored, "connector %s: its offsets are in %s but could not be copied to %s",
                           w->of->connector, t->own_topic, w->of->cfg->offset_topic);
        return SL_OK;
}

void sl_offsets_change_source(const struct sl_offsets_of *of, const json_t *offsets, struct sl_offsets_answer *ret)
{
        struct work w = {.of = of};
        struct sl_err err = {0};
        struct sl_producer *p = NULL;
        bool transactional = sl_worker_exactly_once(&of->cfg->props);
        sl_arena_init(&w.arena, 4096);
        enum sl_rc rc = parse_config(&w, &err);
        if (rc == SL_OK)
                rc = check(&w, offsets, &err);
        bool refused = rc != SL_OK;
        /* A source here has one task. Its id is fenced before the topic is read: what is read then is final. */
        if (rc == SL_OK)
                rc = open_producer(&w, transactional, of->config, &p, &err);
        if (rc == SL_OK)
                rc = write_changes(&w, p, transactional, offsets, &err);
        sl_producer_free(p);
        if (rc == SL_OK) {
                sl_offsets_done(ret, !offsets, of->source->offsets_in_kafka);
        } else if (refused) {
                sl_offsets_say(ret, 500, "%s", err.msg);
        } else {
                sl_log_err(SL_LOG_WARN, &err, "connector %s: its offsets could not be changed", of->connector);
                sl_offsets_say(ret, 500, "Failed to modify offsets for source connector %s: %s", of->connector,
                               err.msg);
        }
        topics_free(&w.topics);
        sl_arena_free(&w.arena);
}
