/* SPDX-License-Identifier: Apache-2.0 */
/* Transaction metadata and logical decoding messages: see events.h. A transaction's id is "<xid>:<lsn of the record>",
 * so that BEGIN, rows and END share only what is before the colon. */
#include <stdio.h>
#include <stdlib.h>
#include "connectors/postgres/events.h"

#define COMMON "io.debezium.connector.common."
#define PG "io.debezium.connector.postgresql."

static const struct sl_schema *struct_schema(const char *name, bool optional, const struct sl_field *fields, uint32_t n)
{
        struct sl_schema s = {.type = SL_STRUCT,
                              .optional = optional,
                              .name = name,
                              .version = 1,
                              .fields = fields,
                              .field_count = n};
        return sl_schema_intern(&s);
}

void sl_pg_tx_init(struct sl_pg_tx *tx, const struct sl_pg_cfg *cfg, const char *prefix, struct sl_arena *life)
{
        const struct sl_schema *str = sl_schema_of(SL_STRING, false), *i64 = sl_schema_of(SL_INT64, false);
        const struct sl_field key[] = {{"id", 0, str}};
        const struct sl_field one[] = {{"data_collection", 0, str}, {"event_count", 0, i64}};
        struct sl_schema list = {
                .type = SL_ARRAY, .optional = true, .value = struct_schema("event.collection", true, one, 2)};
        const struct sl_field value[] = {{"status", 0, str},
                                         {"id", 0, str},
                                         {"event_count", 0, sl_schema_of(SL_INT64, true)},
                                         {"data_collections", 0, sl_schema_intern(&list)},
                                         {"ts_ms", 0, i64}};
        tx->key_schema = struct_schema(COMMON "TransactionMetadataKey", false, key, 1);
        tx->value_schema = struct_schema(COMMON "TransactionMetadataValue", false, value, 5);
        tx->topic = sl_str_c(sl_pg_topic_name(cfg, prefix, NULL, cfg->tx_topic, life));
        tx->life = life;
        tx->buckets = 16;
        tx->last = &tx->first;
}

void sl_pg_tx_free(struct sl_pg_tx *tx)
{
        sl_map_free(&tx->counters, NULL);
}

void sl_pg_tx_start(struct sl_pg_tx *tx, uint32_t xid)
{
        for (struct sl_pg_counter *c = tx->first; c; c = c->next)
                c->count = 0;
        tx->first = NULL;
        tx->last = &tx->first;
        tx->tables = 0;
        tx->total = 0;
        tx->id_len = (uint32_t)snprintf(tx->id, sizeof(tx->id), "%u:", xid);
}

/* HashMap.hash of String.hashCode, which goes over UTF-16. The name is the server's, so it is well-formed. */
static uint32_t java_hash(const char *s)
{
        uint32_t h = 0;
        while (*s) {
                uint32_t c = (unsigned char)*s++;
                if (c >= 0xc0)
                        c &= c >= 0xf0 ? 7 : c >= 0xe0 ? 15 : 31;
                while ((*s & 0xc0) == 0x80)
                        c = c << 6 | ((unsigned char)*s++ & 0x3f);
                if (c > 0xffff) {
                        h = h * 31 + (0xd800 | ((c - 0x10000) >> 10 & 0x3ff));
                        c = 0xdc00 | ((c - 0x10000) & 0x3ff);
                }
                h = h * 31 + c;
        }
        return h ^ h >> 16;
}

static sl_cold struct sl_pg_counter *counter_of(struct sl_pg_tx *tx, const char *schema, const char *table)
{
        const char *name = *schema ? sl_arena_printf(tx->life, "%s.%s", schema, table) : table;
        struct sl_pg_counter *c = sl_map_get(&tx->counters, sl_str_c(name));
        if (c)
                return c;
        c = sl_arena_zalloc(tx->life, sizeof(*c));
        c->name = name;
        c->hash = java_hash(name);
        sl_map_put(&tx->counters, sl_str_c(name), c);
        return c;
}

static struct sl_value id_at(const struct sl_pg_tx *tx, uint64_t lsn, struct sl_arena *arena)
{
        char *out = sl_arena_alloc(arena, sizeof(tx->id) + SL_PG_DIGITS);
        memcpy(out, tx->id, sizeof(tx->id));
        char *w = sl_pg_put_digits(out + tx->id_len, lsn);
        return sl_v_str((struct sl_str){out, (size_t)(w - out)});
}

struct sl_value sl_pg_tx_count(struct sl_pg_tx *tx, struct sl_pg_counter **counter, const char *schema,
                               const char *table, uint64_t lsn, struct sl_arena *arena)
{
        if (sl_unlikely(!*counter))
                *counter = counter_of(tx, schema, table);
        struct sl_pg_counter *c = *counter;
        if (c->count++ == 0) {
                c->next = NULL;
                *tx->last = c;
                tx->last = &c->next;
                if (++tx->tables > tx->buckets / 4 * 3)
                        tx->buckets *= 2;
        }
        struct sl_value *v = sl_arena_alloc(arena, 3 * sizeof(*v));
        v[0] = id_at(tx, lsn, arena);
        v[1] = sl_v_i64(SL_INT64, ++tx->total);
        v[2] = sl_v_i64(SL_INT64, c->count);
        return sl_v_items(SL_STRUCT, v, 3);
}

/* The counts as the elements of Java's HashMap come: by bucket, then in the order in which they went in. */
static struct sl_value counts(const struct sl_pg_tx *tx, struct sl_arena *arena)
{
        struct sl_value *list = sl_arena_alloc(arena, (tx->tables + 1) * sizeof(*list));
        uint32_t *at = sl_arena_alloc(arena, (tx->tables + 1) * sizeof(*at)), n = 0;
        for (const struct sl_pg_counter *c = tx->first; c; c = c->next, n++) {
                uint32_t bucket = c->hash & (tx->buckets - 1), i = n;
                struct sl_value *pair = sl_arena_alloc(arena, 2 * sizeof(*pair));
                pair[0] = sl_v_str(sl_str_c(c->name));
                pair[1] = sl_v_i64(SL_INT64, c->count);
                for (; i > 0 && at[i - 1] > bucket; i--) {
                        at[i] = at[i - 1];
                        list[i] = list[i - 1];
                }
                at[i] = bucket;
                list[i] = sl_v_items(SL_STRUCT, pair, 2);
        }
        return sl_v_items(SL_ARRAY, list, n);
}

void sl_pg_tx_record(struct sl_pg_tx *tx, struct sl_batch *b, bool end, uint64_t lsn, int64_t commit_us)
{
        struct sl_record *rec = sl_batch_add(b);
        struct sl_value *key = sl_arena_alloc(&b->arena, sizeof(*key)), *v = sl_arena_alloc(&b->arena, 5 * sizeof(*v));
        *key = id_at(tx, lsn, &b->arena);
        v[0] = sl_v_str(end ? SL_STR("END") : SL_STR("BEGIN"));
        v[1] = *key;
        v[2] = end ? sl_v_i64(SL_INT64, tx->total) : SL_V_NULL;
        v[3] = end ? counts(tx, &b->arena) : SL_V_NULL;
        v[4] = sl_v_i64(SL_INT64, commit_us / 1000 - (commit_us % 1000 < 0));
        rec->topic = tx->topic;
        rec->key_schema = tx->key_schema;
        rec->key = sl_v_items(SL_STRUCT, key, 1);
        rec->value_schema = tx->value_schema;
        rec->value = sl_v_items(SL_STRUCT, v, 5);
}

void sl_pg_message_relation(const struct sl_pg_relations *r, struct sl_pg_relation *ret, struct sl_arena *life)
{
        const struct sl_schema *ostr = sl_schema_of(SL_STRING, true);
        bool bytes = r->cfg->binary == SL_PG_BIN_BYTES;
        const struct sl_field key[] = {{"prefix", 0, ostr}};
        const struct sl_field message[] = {{"prefix", 0, ostr},
                                           {"content", 0, sl_schema_of(bytes ? SL_BYTES : SL_STRING, true)}};
        const struct sl_field value[] = {{"op", 0, sl_schema_of(SL_STRING, false)},
                                         {"ts_ms", 0, sl_schema_of(SL_INT64, true)},
                                         {"source", 0, r->source_schema},
                                         {"transaction", 0, r->block_schema},
                                         {"message", 0, struct_schema(PG "Message", false, message, 2)}};
        *ret = (struct sl_pg_relation){.schema = "", .table = "", .captured = true};
        ret->topic = sl_str_c(sl_arena_printf(life, "%s.message", r->prefix)); /* whatever topic.delimiter says */
        ret->key_schema = struct_schema(PG "MessageKey", false, key, 1);
        ret->envelope_schema = struct_schema(PG "MessageValue", false, value, 5);
        sl_pg_relation_source(r, ret);
}

void sl_pg_message_values(const struct sl_pg_cfg *cfg, const struct sl_pgoutput *m, struct sl_arena *arena,
                          struct sl_value *ret_key, struct sl_value *ret_message)
{
        struct sl_value *v = sl_arena_alloc(arena, 2 * sizeof(*v));
        v[0] = sl_v_str(m->name);
        v[1] = sl_pg_binary_value(cfg, (const uint8_t *)m->content.ptr, m->content.len, arena);
        *ret_key = sl_v_items(SL_STRUCT, &v[0], 1);
        *ret_message = sl_v_items(SL_STRUCT, v, 2);
}
