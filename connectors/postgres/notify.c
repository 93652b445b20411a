/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications about snapshots: records on notification.sink.topic.name and lines in the log. There is no JMX. */
#include <stdio.h>
#include <sys/random.h>
#include "base/clock.h"
#include "base/log.h"
#include "connectors/postgres/incremental.h"

void sl_pg_uuid(char out[37])
{
        uint8_t r[16];
        if (getrandom(r, sizeof(r), 0) != sizeof(r))
                memset(r, 0, sizeof(r));
        r[6] = (uint8_t)((r[6] & 15) | 0x40);
        r[8] = (uint8_t)((r[8] & 63) | 0x80);
        for (uint32_t i = 0, n = 0; i < 16; i++)
                n += (uint32_t)snprintf(out + n, 37 - n, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", r[i]);
}

static bool enabled(const struct sl_pg_cfg *cfg, const char *channel)
{
        for (uint32_t i = 0; i < cfg->notify_channels.count; i++)
                if (strcmp(cfg->notify_channels.items[i], channel) == 0)
                        return true;
        return false;
}

void sl_pg_notify_init(struct sl_pg_task *t)
{
        struct sl_pg_notify *n = &t->incr->notify;
        const struct sl_schema *str = sl_schema_of(SL_STRING, false);
        struct sl_schema map = {.type = SL_MAP, .optional = true, .key = str, .value = str};
        const struct sl_field key[] = {{"id", 0, str}};
        const struct sl_field value[] = {{"id", 0, str},
                                         {"type", 0, str},
                                         {"aggregate_type", 0, str},
                                         {"additional_data", 0, sl_schema_intern(&map)},
                                         {"timestamp", 0, sl_schema_of(SL_INT64, false)}};
        struct sl_schema k = {.type = SL_STRUCT,
                              .name = "io.debezium.connector.common.NotificationKey",
                              .version = 1,
                              .fields = key,
                              .field_count = 1};
        struct sl_schema v = {.type = SL_STRUCT,
                              .name = "io.debezium.connector.common.Notification",
                              .version = 1,
                              .fields = value,
                              .field_count = 5};
        n->log = enabled(t->cfg, "log");
        n->sink = enabled(t->cfg, "sink") && t->cfg->notify_topic;
        n->topic = sl_str_c(t->cfg->notify_topic);
        n->key_schema = sl_schema_intern(&k);
        n->value_schema = sl_schema_intern(&v);
}

static struct sl_value text(struct sl_batch *b, const char *s)
{
        return sl_v_str(sl_str_c(sl_arena_strdup(&b->arena, s)));
}

void sl_pg_notify(struct sl_pg_task *t, struct sl_batch *b, const char *aggregate, const char *type, const char *id,
                  const struct sl_pg_pair *pairs, uint32_t n)
{
        const struct sl_pg_notify *to = &t->incr->notify;
        char fresh[37];
        if (!sl_pg_notifies(to))
                return;
        if (!id) {
                sl_pg_uuid(fresh);
                id = fresh;
        }
        if (to->log) {
                struct sl_buf line = {0};
                for (uint32_t i = 0; i < n; i++)
                        sl_buf_printf(&line, " %s=%s", pairs[i].key, pairs[i].value);
                sl_info("notification aggregate_type=\"%s\" type=%s id=%s connector_name=%s%s", aggregate, type, id, t->prefix,
                        sl_buf_cstr(&line));
                sl_buf_free(&line);
        }
        if (!to->sink)
                return;
        struct sl_value *map = sl_arena_alloc(&b->arena, (2 * (size_t)n + 2) * sizeof(*map));
        map[0] = text(b, "connector_name");
        map[1] = text(b, t->prefix);
        for (uint32_t i = 0; i < n; i++) {
                map[2 * i + 2] = text(b, pairs[i].key);
                map[2 * i + 3] = text(b, pairs[i].value);
        }
        struct sl_value *v = sl_arena_alloc(&b->arena, 5 * sizeof(*v));
        v[0] = text(b, id);
        v[1] = text(b, type);
        v[2] = text(b, aggregate);
        v[3] = sl_v_items(SL_MAP, map, n + 1);
        v[4] = sl_v_i64(SL_INT64, sl_wall_ms());
        struct sl_record *rec = sl_batch_add(b);
        rec->topic = to->topic;
        rec->key_schema = to->key_schema;
        rec->key = sl_v_items(SL_STRUCT, &v[0], 1);
        rec->value_schema = to->value_schema;
        rec->value = sl_v_items(SL_STRUCT, v, 5);
}

void sl_pg_notify_initial(struct sl_pg_task *t, struct sl_batch *b)
{
        struct sl_pg_notify *n = &t->incr->notify;
        bool running = t->mode == SL_PG_M_SNAPSHOT;
        if (running != n->running || !n->told)
                sl_pg_notify(t, b, SL_PG_INITIAL, running ? "STARTED" : n->told ? "COMPLETED" : "SKIPPED", NULL, NULL, 0);
        n->running = running;
        n->told = true;
}
