/* SPDX-License-Identifier: Apache-2.0 */
/* The state of an incremental snapshot in offsets, under Debezium's keys:
 *   incremental_snapshot_primary_key, incremental_snapshot_maximum_key   hex of a Java-serialized Object[], or of null
 *   incremental_snapshot_collections      JSON text: [{"incremental_snapshot_collections_id":"schema.table",
 *                                         "..._additional_condition":text or null, "..._surrogate_key":text or null}, ...]
 *   incremental_snapshot_correlation_id   id of the signal
 * and one of ours, sluice_snapshot_paused. */
#include <stdio.h>
#include <stdlib.h>
#include "base/json.h"
#include "base/log.h"
#include "connectors/postgres/incremental.h"

#define ITEM "incremental_snapshot_collections"

void sl_pg_collection_free(struct sl_pg_collection *c)
{
        free(c->schema);
        free(c->table);
        free(c->condition);
        free(c->surrogate);
}

char *sl_pg_collections_text(const struct sl_pg_collection *c, uint32_t n)
{
        struct sl_buf out = {0};
        for (uint32_t i = 0; i < n; i++)
                sl_buf_printf(&out, "%s%s.%s", i ? "," : "", c[i].schema, c[i].table);
        char *text = sl_strdup(sl_buf_cstr(&out));
        sl_buf_free(&out);
        return text;
}

void sl_pg_incstate_forget(struct sl_pg_incr *in)
{
        free(in->last_hex);
        free(in->max_hex);
        in->last_hex = in->max_hex = NULL;
        in->last = in->max = NULL;
        in->order_n = 0;
        in->dirty = true;
        sl_arena_reset(&in->keys);
}

void sl_pg_incstate_next(struct sl_pg_incr *in)
{
        sl_pg_collection_free(&in->list[0]);
        memmove(in->list, in->list + 1, --in->count * sizeof(*in->list));
        sl_pg_incstate_forget(in);
        in->scanned = 0;
        in->rel = NULL;
        in->dirty = true;
        if (in->count == 0) {
                in->paused = false;
                free(in->correlation);
                in->correlation = NULL;
        }
}

static enum sl_java_type java_type(uint32_t oid)
{
        switch (oid) {
        case 21: /* int2 */
        case 23: /* int4 */
                return SL_JAVA_INTEGER;
        case 20: /* int8 */
        case 26: /* oid */
                return SL_JAVA_LONG;
        case 16:
                return SL_JAVA_BOOLEAN;
        case 700:
                return SL_JAVA_FLOAT;
        case 701:
                return SL_JAVA_DOUBLE;
        case 1700:
                return SL_JAVA_DECIMAL;
        case 2950:
                return SL_JAVA_UUID;
        default:
                return SL_JAVA_STRING;
        }
}

void sl_pg_incstate_key(struct sl_pg_incr *in, const struct sl_str *texts, bool max)
{
        struct sl_buf hex = {0};
        enum sl_java_type types[32];
        struct sl_str other[32], *keep = max ? in->last : in->max, *to;
        struct sl_arena fresh;
        sl_arena_init(&fresh, 1024);
        for (uint32_t i = 0; i < in->order_n; i++) {
                types[i] = java_type(in->rel->cols[in->order[i]].type);
                if (keep)
                        other[i] = keep[i];
        }
        sl_java_write_keys(texts, types, in->order_n, &hex);
        /* both keys are copied to a new arena: texts may lie in the old one */
        for (int which = 0; which < 2; which++) {
                const struct sl_str *from = which ? (keep ? other : NULL) : texts;
                to = from ? sl_arena_zalloc(&fresh, in->order_n * sizeof(*to)) : NULL;
                for (uint32_t i = 0; from && i < in->order_n; i++)
                        if (from[i].ptr)
                                to[i] = (struct sl_str){sl_arena_strndup(&fresh, from[i].ptr, from[i].len), from[i].len};
                if ((which == 0) == max)
                        in->max = to;
                else
                        in->last = to;
        }
        sl_arena_free(&in->keys);
        in->keys = fresh;
        char **hex_at = max ? &in->max_hex : &in->last_hex;
        free(*hex_at);
        *hex_at = sl_strdup(sl_buf_cstr(&hex));
        sl_buf_free(&hex);
        in->dirty = true;
}

static void write_text(struct sl_buf *out, const char *key, const char *value)
{
        sl_buf_printf(out, ",\"%s\":", key);
        if (value)
                sl_buf_add_json_str(out, value, strlen(value));
        else
                sl_buf_adds(out, "null");
}

static char *state_json(const struct sl_pg_incr *in)
{
        static const char nothing[] = "aced000570";
        struct sl_buf out = {0}, items = {0};
        for (uint32_t i = 0; i < in->count; i++) {
                struct sl_buf name = {0};
                sl_buf_printf(&name, "%s.%s", in->list[i].schema, in->list[i].table);
                sl_buf_adds(&items, i ? ",{\"" ITEM "_id\":" : "[{\"" ITEM "_id\":");
                sl_buf_add_json_str(&items, name.ptr, name.len);
                write_text(&items, ITEM "_additional_condition", *in->list[i].condition ? in->list[i].condition : NULL);
                write_text(&items, ITEM "_surrogate_key", *in->list[i].surrogate ? in->list[i].surrogate : NULL);
                sl_buf_addc(&items, '}');
                sl_buf_free(&name);
        }
        sl_buf_addc(&items, ']');
        write_text(&out, "incremental_snapshot_primary_key", in->last_hex ? in->last_hex : nothing);
        write_text(&out, "incremental_snapshot_maximum_key", in->max_hex ? in->max_hex : nothing);
        write_text(&out, ITEM, sl_buf_cstr(&items));
        write_text(&out, "incremental_snapshot_correlation_id", in->correlation);
        if (in->paused)
                sl_buf_adds(&out, ",\"sluice_snapshot_paused\":true");
        char *text = sl_strdup(sl_buf_cstr(&out));
        sl_buf_free(&out);
        sl_buf_free(&items);
        return text;
}

uint64_t sl_pg_incr_seq(struct sl_pg_task *t)
{
        struct sl_pg_incr *in = t->incr;
        if (in->count == 0)
                return 0;
        if (in->dirty) {
                if (in->state_count == in->state_cap) {
                        in->state_cap = in->state_cap ? in->state_cap * 2 : 16;
                        in->states = sl_realloc(in->states, in->state_cap * sizeof(*in->states));
                }
                in->states[in->state_count++] = (struct sl_pg_state){++in->seq, state_json(in)};
                in->dirty = false;
        }
        return in->seq;
}

void sl_pg_incr_offset(const struct sl_pg_task *t, uint64_t seq, struct sl_buf *out)
{
        const struct sl_pg_incr *in = t->incr;
        if (!seq || !in)
                return;
        for (uint32_t i = 0; i < in->state_count; i++) {
                if (in->states[i].seq != seq)
                        continue;
                out->len--; /* the closing brace */
                sl_buf_adds(out, in->states[i].json);
                sl_buf_addc(out, '}');
                return;
        }
}

void sl_pg_incr_acked(struct sl_pg_task *t, uint64_t seq)
{
        struct sl_pg_incr *in = t->incr;
        uint32_t n = 0;
        while (n < in->state_count && in->states[n].seq < seq)
                free(in->states[n++].json);
        in->state_count -= n;
        if (n)
                memmove(in->states, in->states + n, in->state_count * sizeof(*in->states));
}

static bool read_keys(struct sl_pg_incr *in, const char *hex, char **ret_hex, struct sl_str **ret)
{
        uint32_t n;
        if (!hex)
                return true;
        if (!sl_java_read_keys(sl_str_c(hex), &in->keys, ret, &n))
                return false;
        if (!*ret)
                return true;
        if (in->order_n && n != in->order_n)
                return false;
        *ret_hex = sl_strdup(hex);
        in->order_n = n; /* compared with the table's key when that is known */
        return true;
}

static void read_item(struct sl_pg_incr *in, const json_t *item)
{
        const char *id = sl_json_str(item, ITEM "_id"), *dot = id ? strchr(id, '.') : NULL;
        const char *condition = sl_json_str(item, ITEM "_additional_condition");
        const char *surrogate = sl_json_str(item, ITEM "_surrogate_key");
        if (!dot)
                return;
        in->list[in->count++] = (struct sl_pg_collection){.schema = sl_strndup(id, (size_t)(dot - id)),
                                                          .table = sl_strdup(dot + 1),
                                                          .condition = sl_strdup(condition ? condition : ""),
                                                          .surrogate = sl_strdup(surrogate ? surrogate : "")};
}

void sl_pg_incstate_read(struct sl_pg_incr *in, const char *offset_json)
{
        sl_auto_json *j = NULL, *items = NULL;
        struct sl_err ignored = {0};
        if (!offset_json || sl_json_parse(sl_str_c(offset_json), &j, &ignored) != SL_OK)
                return;
        const char *text = sl_json_str(j, ITEM), *id = sl_json_str(j, "incremental_snapshot_correlation_id");
        if (!text || sl_json_parse(sl_str_c(text), &items, &ignored) != SL_OK || !json_is_array(items))
                return;
        in->cap = (uint32_t)json_array_size(items);
        in->list = sl_calloc(in->cap + 1, sizeof(*in->list));
        for (uint32_t i = 0; i < in->cap; i++)
                read_item(in, json_array_get(items, i));
        if (in->count == 0)
                return;
        in->correlation = id ? sl_strdup(id) : NULL;
        in->paused = sl_json_bool(j, "sluice_snapshot_paused", false);
        in->dirty = true;
        if (!read_keys(in, sl_json_str(j, "incremental_snapshot_primary_key"), &in->last_hex, &in->last) ||
            !read_keys(in, sl_json_str(j, "incremental_snapshot_maximum_key"), &in->max_hex, &in->max)) {
                sl_warn("the stored key of the incremental snapshot is of a Java class that is not read here, so table %s.%s is "
                        "read from its beginning",
                        in->list[0].schema, in->list[0].table);
                sl_pg_incstate_forget(in);
        }
}

void sl_pg_incstate_free(struct sl_pg_incr *in)
{
        for (uint32_t i = 0; i < in->count; i++)
                sl_pg_collection_free(&in->list[i]);
        free(in->list);
        free(in->correlation);
        free(in->last_hex);
        free(in->max_hex);
        for (uint32_t i = 0; i < in->state_count; i++)
                free(in->states[i].json);
        free(in->states);
        sl_arena_free(&in->keys);
}
