/* SPDX-License-Identifier: Apache-2.0 */
/* Rows -> records. The envelope is { before, after, source, transaction, op, ts_ms, ts_us, ts_ns }; `source` is copied
 * from the relation's template and only what changes from row to row is filled in. */
#include <stdio.h>
#include <sys/random.h>
#include "base/clock.h"
#include "base/log.h"
#include "connectors/postgres/envelope.h"

enum { E_BEFORE, E_AFTER, E_SOURCE, E_TRANSACTION, E_OP, E_TS_MS, E_TS_US, E_TS_NS, E_COUNT };

static void header(struct sl_header *h, const char *key, const char *value)
{
        *h = (struct sl_header){
                .key = sl_str_c(key), .schema = sl_schema_of(SL_STRING, false), .value = sl_v_str(sl_str_c(value))};
}

static const char *run_id(struct sl_arena *life)
{
        uint8_t r[16];
        if (getrandom(r, sizeof(r), 0) != sizeof(r))
                memset(r, 0, sizeof(r));
        r[6] = (uint8_t)((r[6] & 15) | 0x40);
        r[8] = (uint8_t)((r[8] & 63) | 0x80);
        return sl_arena_printf(life, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1],
                               r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14],
                               r[15]);
}

void sl_pg_emit_init(struct sl_pg_emit *e, const struct sl_pg_relations *rels, uint32_t task, struct sl_arena *life)
{
        const struct sl_field key[] = {{"serverName", 0, sl_schema_of(SL_STRING, false)}};
        const struct sl_field value[] = {{"ts_ms", 0, sl_schema_of(SL_INT64, false)}};
        struct sl_schema k = {.type = SL_STRUCT,
                              .name = "io.debezium.connector.common.ServerNameKey",
                              .version = 1,
                              .fields = key,
                              .field_count = 1};
        struct sl_schema v = {.type = SL_STRUCT,
                              .name = "io.debezium.connector.common.Heartbeat",
                              .version = 1,
                              .fields = value,
                              .field_count = 1};
        const struct sl_pg_cfg *cfg = rels->cfg;
        const char *prefix = rels->prefix;
        e->cfg = cfg;
        e->prefix = prefix;
        e->commit_us = sl_wall_ns() / 1000;
        sl_pg_message_relation(rels, &e->message, life);
        e->heartbeat_key = sl_schema_intern(&k);
        e->heartbeat_value = sl_schema_intern(&v);
        e->heartbeat_topic =
                sl_str_c(cfg->heartbeat_topic ? cfg->heartbeat_topic
                                              : sl_pg_topic_name(cfg, cfg->heartbeat_prefix, NULL, prefix, life));
        struct sl_record shared = {0};
        struct sl_header *headers = sl_headers_grow(&shared, SL_PG_HEADERS, life);
        e->headers = shared.headers;
        header(&headers[0], "__debezium.context.connectorLogicalName", prefix);
        header(&headers[1], "__debezium.context.taskId", sl_arena_printf(life, "%u", task));
        header(&headers[2], "__debezium.context.connectorName", "postgresql");
        header(&headers[3], "__debezium.context.runId", run_id(life));
        for (uint32_t i = 0; i < cfg->skipped.count; i++) {
                char op = cfg->skipped.items[i][0];
                if (strcmp(cfg->skipped.items[i], "none") == 0)
                        continue;
                e->skip_c |= op == 'c';
                e->skip_u |= op == 'u';
                e->skip_d |= op == 'd';
                e->skip_t |= op == 't';
        }
}

static void start_sequence(struct sl_pg_emit *e, uint64_t last_commit)
{
        if (last_commit)
                e->sequence_len = (uint32_t)snprintf(e->sequence, sizeof(e->sequence), "[\"%llu\",\"",
                                                     (unsigned long long)last_commit);
        else
                e->sequence_len = (uint32_t)snprintf(e->sequence, sizeof(e->sequence), "[null,\"");
}

void sl_pg_emit_txn(struct sl_pg_emit *e, int64_t commit_us, int64_t xid, uint64_t last_commit)
{
        e->commit_us = commit_us;
        e->xid = xid;
        e->origin = SL_STR_NULL;
        e->origin_lsn = 0;
        start_sequence(e, last_commit);
}

/* Time and origin stay those of the transaction before, as in Debezium. */
void sl_pg_emit_point(struct sl_pg_emit *e, uint64_t lsn)
{
        e->xid = -1;
        start_sequence(e, lsn);
}

static struct sl_value sequence(const struct sl_pg_emit *e, uint64_t lsn, struct sl_arena *arena)
{
        char *out = sl_arena_alloc(arena, 64);
        memcpy(out, e->sequence, sizeof(e->sequence));
        char *w = sl_pg_put_digits(out + e->sequence_len, lsn);
        *w++ = '"';
        *w++ = ']';
        return sl_v_str((struct sl_str){out, (size_t)(w - out)});
}

static int64_t floor_div(int64_t a, int64_t b)
{
        return a / b - (a % b < 0);
}

static struct sl_value source(const struct sl_pg_emit *e, const struct sl_pg_relation *rel, uint64_t lsn,
                              struct sl_arena *arena)
{
        struct sl_value *s = sl_arena_alloc(arena, sizeof(rel->source));
        memcpy(s, rel->source, sizeof(rel->source));
        s[SL_PG_S_TS_MS] = sl_v_i64(SL_INT64, floor_div(e->commit_us, 1000));
        s[SL_PG_S_TS_US] = sl_v_i64(SL_INT64, e->commit_us);
        s[SL_PG_S_TS_NS] = sl_v_i64(SL_INT64, (int64_t)((uint64_t)e->commit_us * 1000));
        s[SL_PG_S_SEQUENCE] = sequence(e, lsn, arena);
        if (e->xid >= 0)
                s[SL_PG_S_TXID] = sl_v_i64(SL_INT64, e->xid);
        s[SL_PG_S_LSN] = sl_v_i64(SL_INT64, (int64_t)lsn);
        if (e->xmin)
                s[SL_PG_S_XMIN] = sl_v_i64(SL_INT64, e->xmin);
        if (e->origin.ptr) {
                s[SL_PG_S_ORIGIN] = sl_v_str(e->origin);
                s[SL_PG_S_ORIGIN_LSN] = sl_v_i64(SL_INT64, (int64_t)e->origin_lsn);
        }
        return sl_v_items(SL_STRUCT, s, SL_PG_S_COUNT);
}

static sl_cold enum sl_rc unfit(const struct sl_pg_emit *e, const struct sl_pg_relation *rel,
                                const struct sl_pg_column *col, const struct sl_pg_datum *d, struct sl_err *err)
{
        if (e->cfg->convfail == SL_PG_CF_FAIL)
                return sl_fail(err, SL_E_PG_VALUE,
                               "a value of %s.%s.%s (%u bytes) does not fit its schema: change the value, or set "
                               "event.converting.failure.handling.mode to warn to send null",
                               rel->schema, rel->table, col->name, d->len);
        sl_debug("value does not fit its schema, null is sent column=%s.%s.%s bytes=%u", rel->schema, rel->table,
                 col->name, d->len);
        return SL_OK;
}

static enum sl_rc convert(const struct sl_pg_emit *e, const struct sl_pg_relation *rel, const struct sl_pg_column *col,
                          uint32_t i, const struct sl_pg_tuple *row, const struct sl_pg_tuple *old,
                          struct sl_arena *arena, struct sl_value *ret, struct sl_err *err)
{
        const struct sl_pg_datum *d = &row->cols[i];
        if (d->kind == 'u' && old && old->cols[i].kind == 't')
                d = &old->cols[i];
        if (sl_likely(d->kind == 't')) {
                if (sl_likely(col->codec->parse(col->codec, (struct sl_str){d->ptr, d->len}, arena, ret)))
                        return SL_OK;
                *ret = SL_V_NULL;
                return unfit(e, rel, col, d, err);
        }
        *ret = d->kind == 'u' ? col->codec->unavailable : col->missing;
        return SL_OK;
}

/* old: where unsent values of row may be found (identity FULL), or NULL. */
static enum sl_rc row_value(const struct sl_pg_emit *e, const struct sl_pg_relation *rel, const struct sl_pg_tuple *row,
                            const struct sl_pg_tuple *old, struct sl_arena *arena, struct sl_value *ret,
                            struct sl_err *err)
{
        struct sl_value *items = sl_arena_alloc(arena, rel->nout * sizeof(*items));
        for (uint32_t i = 0; i < rel->n; i++)
                if (rel->cols[i].out >= 0)
                        SL_TRY(convert(e, rel, &rel->cols[i], i, row, old, arena, &items[rel->cols[i].out], err));
        *ret = sl_v_items(SL_STRUCT, items, rel->nout);
        return SL_OK;
}

/* values: the row as converted already. */
static enum sl_rc key_value(const struct sl_pg_emit *e, const struct sl_pg_relation *rel, const struct sl_pg_tuple *row,
                            const struct sl_pg_tuple *old, const struct sl_value *values, struct sl_arena *arena,
                            struct sl_value *ret, struct sl_err *err)
{
        *ret = SL_V_NULL;
        if (!rel->key_schema)
                return SL_OK;
        struct sl_value *items = sl_arena_alloc(arena, (rel->nkey + 1) * sizeof(*items));
        uint32_t n = rel->nkey;
        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = rel->key_cols[k];
                const struct sl_pg_column *col = &rel->cols[i];
                if (sl_likely(col->out >= 0 && !col->unmasked))
                        items[k] = values->items[col->out];
                else
                        SL_TRY(convert(e, rel, col->unmasked ? col->unmasked : col, i, row, old, arena, &items[k],
                                       err));
        }
        if (rel->identity.ptr)
                items[n++] = sl_v_str(rel->identity);
        *ret = sl_v_items(SL_STRUCT, items, n);
        return SL_OK;
}

static bool key_changed(const struct sl_pg_relation *rel, const struct sl_pg_tuple *old, const struct sl_pg_tuple *row)
{
        for (uint32_t k = 0; k < rel->nkey; k++) {
                const struct sl_pg_datum *a = &old->cols[rel->key_cols[k]], *b = &row->cols[rel->key_cols[k]];
                if (b->kind == 'u' || a->kind == 'u')
                        continue;
                if (a->kind != b->kind || a->len != b->len || (a->len && memcmp(a->ptr, b->ptr, a->len) != 0))
                        return true;
        }
        return false;
}

/* The headers of one record: all share the task's list. extra (may be NULL) comes first, as Debezium puts it. */
static void put_headers(const struct sl_pg_emit *e, struct sl_batch *b, struct sl_record *rec,
                        const struct sl_header *extra)
{
        rec->header_count = e->cfg->extended_headers ? SL_PG_HEADERS : 0;
        rec->headers = e->headers;
        if (!extra)
                return;
        const struct sl_header **list = sl_arena_alloc(&b->arena, (rec->header_count + 1) * sizeof(*list));
        struct sl_header *first = sl_arena_alloc(&b->arena, sizeof(*first));
        *first = *extra;
        list[0] = first;
        memcpy(list + 1, e->headers, rec->header_count * sizeof(*list));
        rec->headers = list;
        rec->header_count++;
}

static struct sl_record *add(const struct sl_pg_emit *e, struct sl_batch *b, struct sl_pg_relation *rel,
                             struct sl_value key, const struct sl_header *extra)
{
        struct sl_record *rec = sl_batch_add(b);
        rec->topic = rel->topic;
        rec->commit_us = e->commit_us;
        rec->key = key;
        rec->key_schema = key.type == SL_NULL ? NULL : rel->key_schema;
        put_headers(e, b, rec, extra);
        return rec;
}

static const char ops[] = "cudrt";

/* The transaction block of one more record of rel. */
static struct sl_value block(const struct sl_pg_emit *e, struct sl_pg_relation *rel, const char *name, uint64_t lsn,
                             struct sl_arena *arena)
{
        return e->tx ? sl_pg_tx_count(e->tx, &rel->counter, rel->schema, name, lsn, arena) : SL_V_NULL;
}

static void envelope(const struct sl_pg_emit *e, struct sl_batch *b, struct sl_pg_relation *rel, char op,
                     struct sl_value key, struct sl_value before, struct sl_value after, struct sl_value src,
                     const struct sl_header *extra)
{
        struct sl_record *rec = add(e, b, rel, key, extra);
        struct sl_value *v = sl_arena_alloc(&b->arena, E_COUNT * sizeof(*v));
        int64_t ns = e->now_ns ? e->now_ns : sl_wall_ns();
        v[E_BEFORE] = before;
        v[E_AFTER] = after;
        v[E_SOURCE] = src;
        uint64_t lsn = (uint64_t)src.items[SL_PG_S_LSN].i64;
        v[E_TRANSACTION] = op == 'r' ? SL_V_NULL : block(e, rel, rel->table, lsn, &b->arena);
        v[E_OP] = sl_v_str((struct sl_str){strchr(ops, op), 1});
        v[E_TS_MS] = sl_v_i64(SL_INT64, ns / 1000000);
        v[E_TS_US] = sl_v_i64(SL_INT64, ns / 1000);
        v[E_TS_NS] = sl_v_i64(SL_INT64, ns);
        rec->value_schema = rel->envelope_schema;
        rec->value = sl_v_items(SL_STRUCT, v, E_COUNT);
}

static void delete_records(const struct sl_pg_emit *e, struct sl_batch *b, struct sl_pg_relation *rel,
                           struct sl_value key, struct sl_value before, struct sl_value src,
                           const struct sl_header *extra)
{
        envelope(e, b, rel, 'd', key, before, SL_V_NULL, src, extra);
        if (e->cfg->tombstones) /* null value, null value schema */
                add(e, b, rel, key, extra);
}

static enum sl_rc update(struct sl_pg_emit *e, struct sl_batch *b, struct sl_pg_relation *rel,
                         const struct sl_pgoutput *m, uint64_t lsn, struct sl_err *err)
{
        const struct sl_pg_tuple *old = m->old_kind ? &m->old_row : NULL;
        struct sl_value before = SL_V_NULL, after, key, old_key;
        SL_TRY(row_value(e, rel, &m->new_row, old, &b->arena, &after, err));
        SL_TRY(key_value(e, rel, &m->new_row, old, &after, &b->arena, &key, err));
        if (old)
                SL_TRY(row_value(e, rel, old, NULL, &b->arena, &before, err));
        if (e->cfg->skip_unchanged && m->old_kind == 'O' && sl_value_equal(&before, &after))
                return SL_OK;
        struct sl_value src = source(e, rel, lsn, &b->arena);
        if (!old || !rel->nkey || !key_changed(rel, old, &m->new_row)) {
                envelope(e, b, rel, 'u', key, before, after, src, NULL);
                return SL_OK;
        }
        SL_TRY(key_value(e, rel, old, NULL, &before, &b->arena, &old_key, err));
        struct sl_header h = {.key = SL_STR("__debezium.newkey"), .schema = rel->key_schema, .value = key};
        if (!e->skip_d)
                delete_records(e, b, rel, old_key, before, src, &h);
        h.key = SL_STR("__debezium.oldkey");
        h.value = old_key;
        if (!e->skip_c)
                envelope(e, b, rel, 'c', key, SL_V_NULL, after, src, &h);
        return SL_OK;
}

static enum sl_rc wrong_width(const struct sl_pg_relation *rel, uint32_t n, struct sl_err *err)
{
        return sl_fail(err, SL_E_PG_PROTOCOL, "a row of %s.%s has %u columns where its relation has %u", rel->schema,
                       rel->table, n, rel->n);
}

enum sl_rc sl_pg_emit_change(struct sl_pg_emit *e, struct sl_batch *b, struct sl_pg_relation *rel,
                             const struct sl_pgoutput *m, uint64_t lsn, struct sl_err *err)
{
        struct sl_value row, key;
        if (sl_unlikely(m->kind != 'D' && m->new_row.n != rel->n))
                return wrong_width(rel, m->new_row.n, err);
        if (sl_unlikely(m->old_kind && m->old_row.n != rel->n))
                return wrong_width(rel, m->old_row.n, err);
        if (m->kind == 'I') {
                if (e->skip_c)
                        return SL_OK;
                SL_TRY(row_value(e, rel, &m->new_row, NULL, &b->arena, &row, err));
                SL_TRY(key_value(e, rel, &m->new_row, NULL, &row, &b->arena, &key, err));
                envelope(e, b, rel, 'c', key, SL_V_NULL, row, source(e, rel, lsn, &b->arena), NULL);
                return SL_OK;
        }
        if (m->kind == 'U') { /* a changed key is a delete and a create, also when updates are skipped */
                bool moved = e->skip_u && m->old_kind && rel->nkey && key_changed(rel, &m->old_row, &m->new_row);
                return e->skip_u && !moved ? SL_OK : update(e, b, rel, m, lsn, err);
        }
        if (e->skip_d || !m->old_kind)
                return SL_OK;
        SL_TRY(row_value(e, rel, &m->old_row, NULL, &b->arena, &row, err));
        SL_TRY(key_value(e, rel, &m->old_row, NULL, &row, &b->arena, &key, err));
        delete_records(e, b, rel, key, row, source(e, rel, lsn, &b->arena), NULL);
        return SL_OK;
}

/* Messages carry no headers. */
void sl_pg_emit_message(struct sl_pg_emit *e, struct sl_batch *b, const struct sl_pgoutput *m, uint64_t lsn)
{
        struct sl_record *rec = sl_batch_add(b);
        struct sl_value *v = sl_arena_alloc(&b->arena, 5 * sizeof(*v));
        v[0] = sl_v_str(SL_STR("m"));
        v[1] = sl_v_i64(SL_INT64, sl_wall_ms());
        v[2] = source(e, &e->message, lsn, &b->arena);
        v[3] = m->transactional ? block(e, &e->message, "LOGICAL_DECODING_MESSAGE", lsn, &b->arena) : SL_V_NULL;
        sl_pg_message_values(e->cfg, m, &b->arena, &rec->key, &v[4]);
        rec->topic = e->message.topic;
        rec->commit_us = m->transactional ? e->commit_us : 0;
        rec->key_schema = e->message.key_schema;
        rec->value_schema = e->message.envelope_schema;
        rec->value = sl_v_items(SL_STRUCT, v, 5);
}

void sl_pg_emit_truncate(struct sl_pg_emit *e, struct sl_batch *b, struct sl_pg_relation *rel, uint64_t lsn)
{
        if (!e->skip_t)
                envelope(e, b, rel, 't', SL_V_NULL, SL_V_NULL, SL_V_NULL, source(e, rel, lsn, &b->arena), NULL);
}

enum sl_rc sl_pg_emit_read(struct sl_pg_emit *e, struct sl_batch *b, struct sl_pg_relation *rel,
                           const struct sl_pg_tuple *row, const char *marker, uint64_t lsn, struct sl_err *err)
{
        struct sl_value after, key;
        if (sl_unlikely(row->n != rel->n))
                return wrong_width(rel, row->n, err);
        SL_TRY(row_value(e, rel, row, NULL, &b->arena, &after, err));
        SL_TRY(key_value(e, rel, row, NULL, &after, &b->arena, &key, err));
        struct sl_value src = source(e, rel, lsn, &b->arena);
        ((struct sl_value *)src.items)[SL_PG_S_SNAPSHOT] = sl_v_str(sl_str_c(marker)); /* just made in our arena */
        envelope(e, b, rel, 'r', key, SL_V_NULL, after, src, NULL);
        return SL_OK;
}

void sl_pg_emit_heartbeat(struct sl_pg_emit *e, struct sl_batch *b)
{
        struct sl_record *rec = sl_batch_add(b);
        struct sl_value *v = sl_arena_alloc(&b->arena, 2 * sizeof(*v));
        v[0] = sl_v_str(sl_str_c(e->prefix));
        v[1] = sl_v_i64(SL_INT64, sl_wall_ms());
        rec->topic = e->heartbeat_topic;
        rec->partition = 0;
        rec->key_schema = e->heartbeat_key;
        rec->key = sl_v_items(SL_STRUCT, &v[0], 1);
        rec->value_schema = e->heartbeat_value;
        rec->value = sl_v_items(SL_STRUCT, &v[1], 1);
}
