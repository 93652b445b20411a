/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets of sinks, and what both kinds share (see offsets.h). A sink's offsets are those of the group connect-<name>, or
 * of consumer.override.group.id; the admin client takes the connector's admin.override.* keys. A group that still has
 * members refuses changes: tried again for a few seconds, because a task that was told to stop leaves its group soon. */
#include "cluster/offsets.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#define BUSY_MS 5000
#define BUSY_PAUSE_MS 100

void sl_offsets_say(struct sl_offsets_answer *ret, int status, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(ret->message, sizeof(ret->message), fmt, ap);
        va_end(ap);
        ret->status = status;
}

void sl_offsets_done(struct sl_offsets_answer *ret, bool reset, bool complete)
{
        const char *what = reset ? "reset" : "altered";
        if (complete)
                sl_offsets_say(ret, 200, "The offsets for this connector have been %s successfully", what);
        else
                sl_offsets_say(ret, 200,
                               "The Connect framework-managed offsets for this connector have been %s successfully. "
                               "However, if this connector manages offsets externally, they will need to be manually "
                               "%s in the system that the connector uses.",
                               what, what);
}

/* --- Reading a request -----------------------------------------------------------------------------------------------
 */

/* A scalar's text as Java would print it; strings as they are. */
static void add_text(const json_t *value, struct sl_buf *out)
{
        if (json_is_string(value))
                sl_buf_add(out, json_string_value(value), json_string_length(value));
        else if (json_is_real(value))
                sl_buf_add_f64(out, json_real_value(value));
        else if (!value)
                sl_buf_adds(out, "null");
        else
                sl_json_dump(value, out);
}

static bool read_number(const json_t *value, int64_t max, struct sl_buf *text, int64_t *ret)
{
        add_text(value, text);
        return sl_parse_i64((struct sl_str){sl_buf_cstr(text), text->len}, ret) && *ret >= -max - 1 && *ret <= max;
}

static bool read_partition(const json_t *obj, struct sl_arena *arena, struct sl_tp *ret,
                           struct sl_offsets_answer *answer)
{
        const json_t *topic = json_object_get(obj, "kafka_topic"), *number = json_object_get(obj, "kafka_partition");
        struct sl_buf text = {0};
        int64_t n = 0;
        if (!json_is_object(obj))
                sl_offsets_say(answer, 400, "The partition for a sink connector offset cannot be null or missing");
        else if (!topic || !number)
                sl_offsets_say(answer, 400,
                               "The partition for a sink connector offset must contain the keys 'kafka_topic' and "
                               "'kafka_partition'");
        else if (json_is_null(topic))
                sl_offsets_say(answer, 400, "Kafka topic names must be valid strings and may not be null");
        else if (json_is_null(number))
                sl_offsets_say(answer, 400, "Kafka partitions must be valid numbers and may not be null");
        else if (!read_number(number, INT32_MAX, &text, &n))
                sl_offsets_say(answer, 400,
                               "Failed to parse the following Kafka partition value in the provided offsets: '%.200s'. "
                               "Partition values for sink connectors need to be integers.",
                               sl_buf_cstr(&text));
        else {
                sl_buf_clear(&text);
                add_text(topic, &text);
                *ret = (struct sl_tp){sl_arena_strdup(arena, sl_buf_cstr(&text)), (int32_t)n};
        }
        sl_buf_free(&text);
        return !answer->status;
}

static bool read_offset(const json_t *obj, int64_t *ret, struct sl_offsets_answer *answer)
{
        struct sl_buf text = {0};
        const json_t *value = json_object_get(obj, "kafka_offset");
        if (!value)
                sl_offsets_say(answer, 400,
                               "The offset for a sink connector should either be null or contain the key "
                               "'kafka_offset'");
        else if (!read_number(value, INT64_MAX, &text, ret))
                sl_offsets_say(answer, 400,
                               "Failed to parse the following Kafka offset value in the provided offsets: '%.200s'. "
                               "Offset values for sink connectors need to be integers.",
                               sl_buf_cstr(&text));
        sl_buf_free(&text);
        return !answer->status;
}

static void take_out(struct sl_offsets *list, struct sl_tp tp)
{
        for (uint32_t i = 0; i < list->count; i++)
                if (list->items[i].tp.partition == tp.partition && strcmp(list->items[i].tp.topic, tp.topic) == 0)
                        list->items[i] = list->items[--list->count];
}

bool sl_offsets_parse_sink(const json_t *offsets, struct sl_offsets *set, struct sl_offsets *forget,
                           struct sl_offsets_answer *ret)
{
        size_t i;
        const json_t *row;
        ret->status = 0;
        json_array_foreach(offsets, i, row)
        {
                struct sl_tp tp = {0};
                int64_t offset = 0;
                const json_t *given = json_object_get(row, "offset");
                bool null = !given || json_is_null(given);
                if (!read_partition(json_object_get(row, "partition"), set->arena, &tp, ret) ||
                    (!null && !read_offset(given, &offset, ret)))
                        return false;
                take_out(set, tp);
                take_out(forget, tp);
                sl_offsets_add(null ? forget : set, tp, offset);
        }
        return true;
}

/* --- Sinks -----------------------------------------------------------------------------------------------------------
 */

static const char *group_of(const struct sl_offsets_of *of, struct sl_arena *arena)
{
        const char *own = sl_props_get(of->config, "consumer.override.group.id");
        return own ? own : sl_arena_printf(arena, "connect-%s", of->connector);
}

static enum sl_rc open_admin(const struct sl_offsets_of *of, struct sl_admin **ret, struct sl_err *err)
{
        char id[300];
        struct sl_kafka_cfg kafka = {.worker = &of->cfg->props, .connector = of->config};
        snprintf(id, sizeof(id), "connector-adminclient-%.200s", of->connector);
        return sl_admin_new(&kafka, id, ret, err);
}

static json_t *group_json(const struct sl_offsets *offsets)
{
        json_t *list = json_array();
        for (uint32_t i = 0; i < offsets->count; i++) {
                const struct sl_tp_offset *o = &offsets->items[i];
                json_array_append_new(list, json_pack("{s:{s:i,s:s},s:{s:I}}", "partition", "kafka_partition",
                                                      (int)o->tp.partition, "kafka_topic", o->tp.topic, "offset",
                                                      "kafka_offset", (json_int_t)o->offset));
        }
        return list;
}

static enum sl_rc read_sink(const struct sl_offsets_of *of, json_t **ret, struct sl_err *err)
{
        struct sl_arena arena;
        struct sl_admin *admin = NULL;
        struct sl_offsets offsets = {.arena = &arena};
        sl_arena_init(&arena, 4096);
        enum sl_rc rc = open_admin(of, &admin, err);
        if (rc == SL_OK)
                rc = sl_admin_group_offsets(admin, group_of(of, &arena), SL_OFFSETS_LIMIT_MS, &offsets, err);
        if (rc == SL_OK)
                *ret = group_json(&offsets);
        else
                sl_err_prefix(err, "Failed to retrieve consumer group offsets for sink connector %s", of->connector);
        sl_admin_free(admin);
        sl_arena_free(&arena);
        return rc;
}

struct change {
        struct sl_admin *admin;
        const char *group;
        struct sl_offsets set, forget;
        bool reset;
};

static enum sl_rc try_change(const struct change *c, bool *busy, struct sl_err *err)
{
        if (c->reset)
                return sl_admin_delete_group(c->admin, c->group, SL_OFFSETS_LIMIT_MS, busy, err);
        if (c->set.count)
                SL_TRY(sl_admin_set_group_offsets(c->admin, c->group, c->set.items, c->set.count, SL_OFFSETS_LIMIT_MS,
                                                  busy, err));
        if (c->forget.count)
                SL_TRY(sl_admin_forget_group_offsets(c->admin, c->group, c->forget.items, c->forget.count,
                                                     SL_OFFSETS_LIMIT_MS, busy, err));
        return SL_OK;
}

static void change_group(const struct sl_offsets_of *of, const struct change *c, struct sl_offsets_answer *ret)
{
        int64_t end = sl_mono_ms() + BUSY_MS;
        const char *did = c->reset ? "reset" : "alter";
        for (;;) {
                struct sl_err err = {0};
                bool busy = false;
                if (try_change(c, &busy, &err) == SL_OK) {
                        sl_offsets_done(ret, c->reset, of->sink->offsets_in_kafka);
                        return;
                }
                if (busy && sl_mono_ms() < end) {
                        nanosleep(&(struct timespec){.tv_nsec = BUSY_PAUSE_MS * 1000000L}, NULL);
                        continue;
                }
                sl_log_err(SL_LOG_WARN, &err, "connector %s: its offsets could not be %s", of->connector,
                           c->reset ? "reset" : "altered");
                if (busy)
                        sl_offsets_say(ret, 500,
                                       "Failed to %s consumer group offsets for connector %s either because its tasks "
                                       "haven't stopped completely yet or the connector was resumed before the request "
                                       "to %s its offsets could be successfully completed. If the connector is in a "
                                       "stopped state, this operation can be safely retried. If it doesn't eventually "
                                       "succeed, the Connect cluster may need to be restarted to get rid of the zombie "
                                       "sink tasks.",
                                       did, of->connector, did);
                else
                        sl_offsets_say(ret, 500, "Failed to %s consumer group offsets for %sconnector %s", did,
                                       c->reset ? "sink " : "", of->connector);
                return;
        }
}

/* What no broker has to be asked about. */
static bool is_possible(const struct sl_offsets_of *of, const struct change *c, struct sl_offsets_answer *ret)
{
        for (uint32_t i = 0; i < c->set.count + c->forget.count; i++) {
                bool set = i < c->set.count;
                const struct sl_tp_offset *o = set ? &c->set.items[i] : &c->forget.items[i - c->set.count];
                if (o->tp.partition < 0 || !*o->tp.topic)
                        sl_offsets_say(ret, 500, "Failed to alter consumer group offsets for connector %s",
                                       of->connector);
                else if (o->offset < 0)
                        sl_offsets_say(ret, 500, "Failed to modify offsets for sink connector %s", of->connector);
                else
                        continue;
                return false;
        }
        return true;
}

static void change_sink(const struct sl_offsets_of *of, const json_t *offsets, struct sl_offsets_answer *ret)
{
        struct sl_arena arena;
        struct sl_err err = {0};
        struct change c = {.set.arena = &arena, .forget.arena = &arena, .reset = !offsets};
        sl_arena_init(&arena, 4096);
        if (sl_offsets_parse_sink(offsets, &c.set, &c.forget, ret) && is_possible(of, &c, ret)) {
                c.group = group_of(of, &arena);
                if (open_admin(of, &c.admin, &err) == SL_OK)
                        change_group(of, &c, ret);
                else
                        sl_offsets_say(ret, 500, "Failed to modify offsets for sink connector %s: %s", of->connector,
                                       err.msg);
        }
        sl_admin_free(c.admin);
        sl_arena_free(&arena);
}

enum sl_rc sl_offsets_read(const struct sl_offsets_of *of, json_t **ret, struct sl_err *err)
{
        return of->sink ? read_sink(of, ret, err) : sl_offsets_read_source(of, ret, err);
}

void sl_offsets_change(const struct sl_offsets_of *of, const json_t *offsets, struct sl_offsets_answer *ret)
{
        ret->status = 0;
        if (of->sink)
                change_sink(of, offsets, ret);
        else
                sl_offsets_change_source(of, offsets, ret);
}
