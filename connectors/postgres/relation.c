/* SPDX-License-Identifier: Apache-2.0 */
/* Binding relations. A Relation message gives names, types and replica identity; whether a column may be null, its
 * default and the key's columns come from the catalog as it is when the message is read (a little later than the rows,
 * as in Debezium). A table that is gone by then keeps its former key; its columns count as nullable. */
#include <stdio.h>
#include <stdlib.h>
#include "api/connector.h"
#include "base/log.h"
#include "connectors/postgres/relation.h"

#define AWAIT_TRIES 400 /* of AWAIT_MS */
#define AWAIT_MS 5

/* $1: oid, $2: are comments wanted. Columns in order, place of each in the primary key (or else the first unique index, by name, without
 * expressions). */
static const char catalog_sql[] =
        "WITH i AS (SELECT x.indkey, x.indnkeyatts FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class ic ON ic.oid = "
        "x.indexrelid"
        " WHERE x.indrelid = $1::oid AND x.indisunique AND x.indislive AND x.indisvalid"
        " AND (x.indisprimary OR x.indexprs IS NULL) ORDER BY x.indisprimary DESC, ic.relname LIMIT 1),"
        " k AS (SELECT u.attnum, u.ord FROM i, unnest(i.indkey::int2[]) WITH ORDINALITY u(attnum, ord)"
        " WHERE u.ord <= i.indnkeyatts)"
        " SELECT a.attname, a.attnotnull OR (t.typtype = 'd' AND t.typnotnull), pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.atttypid, a.atttypmod,"
        " a.attgenerated <> '', coalesce(k.ord, 0), n.nspname, c.relname,"
        " CASE WHEN $2::bool THEN pg_catalog.col_description(a.attrelid, a.attnum) END"
        " FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
        " LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated = ''"
        " LEFT JOIN k ON k.attnum = a.attnum"
        " WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
enum { C_NAME, C_NOT_NULL, C_DEFAULT, C_TYPE, C_TYPMOD, C_GENERATED, C_KEY, C_SCHEMA, C_TABLE, C_COMMENT, C_COUNT };

static const struct sl_schema *enum_false(void)
{
        const struct sl_param allowed[] = {
                {"allowed", "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"}};
        struct sl_schema s = {.type = SL_STRING,
                              .optional = true,
                              .has_default = true,
                              .name = "io.debezium.data.Enum",
                              .version = 1,
                              .params = allowed,
                              .param_count = 1,
                              .def = sl_v_str(SL_STR("false"))};
        return sl_schema_intern(&s);
}

void sl_pg_relations_init(struct sl_pg_relations *r)
{
        const struct sl_schema *str = sl_schema_of(SL_STRING, false), *ostr = sl_schema_of(SL_STRING, true);
        const struct sl_schema *i64 = sl_schema_of(SL_INT64, false), *oi64 = sl_schema_of(SL_INT64, true);
        const struct sl_field source[SL_PG_S_COUNT] = {{"version", 0, str},
                                                       {"connector", 0, str},
                                                       {"name", 0, str},
                                                       {"ts_ms", 0, i64},
                                                       {"snapshot", 0, enum_false()},
                                                       {"db", 0, str},
                                                       {"sequence", 0, ostr},
                                                       {"ts_us", 0, oi64},
                                                       {"ts_ns", 0, oi64},
                                                       {"schema", 0, str},
                                                       {"table", 0, str},
                                                       {"txId", 0, oi64},
                                                       {"lsn", 0, oi64},
                                                       {"xmin", 0, oi64},
                                                       {"origin", 0, ostr},
                                                       {"origin_lsn", 0, oi64}};
        const struct sl_field block[] = {{"id", 0, str}, {"total_order", 0, i64}, {"data_collection_order", 0, i64}};
        struct sl_schema s = {.type = SL_STRUCT,
                              .name = "io.debezium.connector.postgresql.Source",
                              .version = 1,
                              .fields = source,
                              .field_count = SL_PG_S_COUNT};
        struct sl_schema b = {.type = SL_STRUCT,
                              .optional = true,
                              .name = "event.block",
                              .version = 1,
                              .fields = block,
                              .field_count = 3};
        r->source_schema = sl_schema_intern(&s);
        r->block_schema = sl_schema_intern(&b);
        sl_arena_init(&r->arena, 16 * 1024);
        sl_arena_init(&r->scratch, 4096);
}

void sl_pg_relations_free(struct sl_pg_relations *r)
{
        sl_map_free(&r->map, NULL);
        sl_map_free(&r->topics, NULL);
        sl_arena_free(&r->arena);
        sl_arena_free(&r->scratch);
}

static struct sl_str oid_key(const uint32_t *oid)
{
        return (struct sl_str){(const char *)oid, sizeof(*oid)};
}

struct sl_pg_relation *sl_pg_relation_find(struct sl_pg_relations *r, uint32_t oid)
{
        if (sl_likely(r->last && r->last->oid == oid))
                return r->last;
        struct sl_pg_relation *rel = sl_map_get(&r->map, oid_key(&oid));
        if (rel)
                r->last = rel;
        return rel;
}

enum sl_rc sl_pg_relation_type_lookup(void *arg, uint32_t oid, struct sl_pg_typeinfo *ret, struct sl_err *err)
{
        struct sl_pg_relations *r = arg;
        char text[16];
        const char *params[] = {text};
        sl_auto_pgresult *res = NULL;
        snprintf(text, sizeof(text), "%u", oid);
        SL_TRY(sl_pg_query(
                *r->catalog, r->who, &res, err,
                "SELECT t.typname, t.typtype, t.typdelim, t.typbasetype, CASE WHEN t.typcategory = 'A' THEN t.typelem "
                "ELSE 0 END,"
                " t.typtypmod, (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)"
                " FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid) FROM pg_catalog.pg_type t WHERE t.oid = $1::oid",
                1, params));
        if (PQntuples(res) == 0)
                return SL_OK;
        ret->name = sl_arena_strdup(&r->types->arena, PQgetvalue(res, 0, 0));
        ret->kind = PQgetvalue(res, 0, 1)[0];
        ret->delim = PQgetvalue(res, 0, 2)[0];
        ret->base = (uint32_t)strtoul(PQgetvalue(res, 0, 3), NULL, 10);
        ret->elem = (uint32_t)strtoul(PQgetvalue(res, 0, 4), NULL, 10);
        ret->base_typmod = atoi(PQgetvalue(res, 0, 5));
        ret->labels = sl_arena_strdup(&r->types->arena, PQgetvalue(res, 0, 6));
        return SL_OK;
}

static enum sl_rc ask_catalog(struct sl_pg_relations *r, PGconn *conn, uint32_t oid, PGresult **ret, struct sl_err *err)
{
        char text[16];
        const char *params[] = {text, r->cfg->comments ? "t" : "f"};
        snprintf(text, sizeof(text), "%u", oid);
        return sl_pg_query(conn, r->who, ret, err, catalog_sql, 2, params);
}

static int catalog_row(const PGresult *cat, const char *column)
{
        for (int i = 0; i < PQntuples(cat); i++)
                if (strcmp(PQgetvalue(cat, i, C_NAME), column) == 0)
                        return i;
        return -1;
}

/* One text of everything a relation is made from. */
static void fingerprint(const struct sl_pg_relation *rel, const PGresult *cat, struct sl_buf *out)
{
        sl_buf_printf(out, "%s.%s/%u", rel->schema, rel->table, rel->n);
        for (uint32_t i = 0; i < rel->n; i++)
                sl_buf_printf(out, "|%s %u %d %d", rel->cols[i].name, rel->cols[i].type, rel->cols[i].typmod,
                              rel->cols[i].wire_key);
        for (int i = 0; i < PQntuples(cat); i++)
                for (int j = 0; j < C_COUNT; j++)
                        sl_buf_printf(out, "|%d:%s", PQgetisnull(cat, i, j), PQgetvalue(cat, i, j));
}

static bool is_key(const struct sl_pg_relation *rel, uint32_t i)
{
        for (uint32_t k = 0; k < rel->nkey; k++)
                if (rel->key_cols[k] == i)
                        return true;
        return false;
}

/* The columns that message.key.columns names. */
static void custom_key(const struct sl_pg_relations *r, struct sl_pg_relation *rel)
{
        for (uint32_t k = 0; k < r->filter->key_count; k++)
                for (uint32_t i = 0; i < rel->n; i++)
                        if (rel->cols[i].codec && !is_key(rel, i) &&
                            sl_pg_filter_key(r->filter, k, rel->schema, rel->table, rel->cols[i].name))
                                rel->key_cols[rel->nkey++] = i;
}

static void key_columns(struct sl_pg_relations *r, struct sl_pg_relation *rel, const PGresult *cat, char identity)
{
        const struct sl_pg_relation *before = sl_map_get(&r->map, oid_key(&rel->oid));
        rel->key_cols = sl_arena_alloc(&r->arena, (rel->n + 1) * sizeof(uint32_t));
        custom_key(r, rel);
        if (rel->nkey)
                return;
        for (int ord = 1; ord <= PQntuples(cat); ord++) {
                for (uint32_t i = 0; i < rel->n; i++) {
                        int row = rel->cols[i].codec ? catalog_row(cat, rel->cols[i].name) : -1;
                        if (row >= 0 && atoi(PQgetvalue(cat, row, C_KEY)) == ord)
                                rel->key_cols[rel->nkey++] = i;
                }
        }
        if (PQntuples(cat) > 0)
                return;
        /* The table is gone. */
        for (uint32_t k = 0; before && k < before->nkey; k++)
                for (uint32_t i = 0; i < rel->n; i++)
                        if (strcmp(rel->cols[i].name, before->cols[before->key_cols[k]].name) == 0 &&
                            rel->cols[i].codec)
                                rel->key_cols[rel->nkey++] = i;
        for (uint32_t i = 0; !before && identity != 'f' && i < rel->n; i++)
                if (rel->cols[i].wire_key && rel->cols[i].codec)
                        rel->key_cols[rel->nkey++] = i;
}

/* A mapper's codec for the column, in place of its type's codec. */
static enum sl_rc map_column(struct sl_pg_relations *r, const struct sl_pg_relation *rel, struct sl_pg_column *col,
                             const char *comment, struct sl_err *err)
{
        const struct sl_pg_mapped_column known = {rel->schema, rel->table, col->name, comment, col->type, col->typmod};
        struct sl_pg_column *before = sl_arena_alloc(&r->arena, sizeof(*before));
        bool unmasked;
        *before = *col;
        SL_TRY(sl_pg_mapped(&r->filter->mappers, r->types, &known, &col->codec, &unmasked, err));
        if (unmasked)
                sl_warn("column %s.%s.%s is not text: it is not masked", rel->schema, rel->table, col->name);
        if (col->codec == before->codec)
                return SL_OK;
        struct sl_schema spec = *col->schema;
        spec.params = col->codec->spec.params;
        spec.param_count = col->codec->spec.param_count;
        col->schema = sl_schema_intern(&spec);
        col->missing = sl_pg_map_value(col->codec, col->missing, &r->arena);
        col->unmasked = col->codec->map ? before : NULL;
        return SL_OK;
}

static enum sl_rc bind_column(struct sl_pg_relations *r, const struct sl_pg_relation *rel, struct sl_pg_column *col,
                              const PGresult *cat, struct sl_err *err)
{
        int row = catalog_row(cat, col->name);
        col->not_null = row >= 0 && PQgetvalue(cat, row, C_NOT_NULL)[0] == 't';
        struct sl_schema spec = col->codec->spec;
        spec.optional = !col->not_null;
        const char *expr = row >= 0 && !PQgetisnull(cat, row, C_DEFAULT) ? PQgetvalue(cat, row, C_DEFAULT) : NULL;
        const char *comment = row >= 0 && !PQgetisnull(cat, row, C_COMMENT) ? PQgetvalue(cat, row, C_COMMENT) : NULL;
        spec.has_default = sl_pg_default_value(col->codec, expr, &r->arena, &spec.def);
        if (!spec.doc)
                spec.doc = comment;
        col->schema = col->key_schema = sl_schema_intern(&spec);
        if (col->not_null)
                col->missing = spec.has_default ? col->schema->def : col->codec->zero;
        return map_column(r, rel, col, comment, err);
}

static enum sl_rc bind_columns(struct sl_pg_relations *r, struct sl_pg_relation *rel, const PGresult *cat,
                               struct sl_err *err)
{
        for (uint32_t i = 0; i < rel->n; i++) {
                struct sl_pg_column *col = &rel->cols[i];
                col->out = col->key = -1;
                col->missing = SL_V_NULL;
                SL_TRY(sl_pg_types_codec(r->types, col->type, col->typmod, &col->codec, err));
                if (!col->codec)
                        continue;
                SL_TRY(bind_column(r, rel, col, cat, err));
                if (sl_pg_filter_column(r->filter, rel->schema, rel->table, col->name))
                        col->out = (int32_t)rel->nout++;
        }
        return SL_OK;
}

static const struct sl_schema *row_struct(struct sl_pg_relations *r, const struct sl_pg_relation *rel, bool key)
{
        uint32_t n = 0;
        int field_mode = r->cfg->adjust_field;
        struct sl_field *fields = sl_arena_alloc(&r->scratch, (rel->n + 2) * sizeof(*fields));
        if (key) {
                for (uint32_t k = 0; k < rel->nkey; k++) {
                        struct sl_pg_column *col = &rel->cols[rel->key_cols[k]];
                        col->key = (int32_t)k;
                        fields[n++] = (struct sl_field){sl_pg_adjust_name(field_mode, false, col->name, &r->scratch), 0,
                                                        col->key_schema};
                }
                if (rel->identity.ptr)
                        fields[n++] = (struct sl_field){r->cfg->key_field, 0, sl_schema_of(SL_STRING, false)};
        } else {
                for (uint32_t i = 0; i < rel->n; i++)
                        if (rel->cols[i].out >= 0)
                                fields[n++] = (struct sl_field){
                                        sl_pg_adjust_name(field_mode, false, rel->cols[i].name, &r->scratch), 0,
                                        rel->cols[i].schema};
        }
        const char *name = sl_arena_printf(&r->scratch, "%s.%s", rel->topic.ptr, key ? "Key" : "Value");
        struct sl_schema s = {.type = SL_STRUCT,
                              .optional = !key,
                              .fields = fields,
                              .field_count = n,
                              .name = sl_pg_adjust_name(r->cfg->adjust_schema, true, name, &r->scratch)};
        return sl_schema_intern(&s);
}

/* The topic, and a warning when another table has it too (without a regex that wants that). */
static void bind_topic(struct sl_pg_relations *r, struct sl_pg_relation *rel)
{
        const struct sl_pg_names *names = &r->filter->names;
        rel->topic = sl_str_c(sl_pg_table_topic(names, r->cfg, r->prefix, rel->schema, rel->table, &r->arena));
        rel->identity = sl_str_c(sl_pg_table_identity(names, r->cfg, r->prefix, rel->schema, rel->table, &r->arena));
        const struct sl_pg_relation *other = sl_map_get(&r->topics, rel->topic);
        if (!other)
                sl_map_put(&r->topics, rel->topic, rel);
        else if (other->oid != rel->oid && !names->topic &&
                 (strcmp(other->schema, rel->schema) != 0 || strcmp(other->table, rel->table) != 0))
                sl_warn("tables %s.%s and %s.%s have the same topic, and rows of both go there topic=%s", other->schema,
                        other->table, rel->schema, rel->table, rel->topic.ptr);
}

static void bind_envelope(struct sl_pg_relations *r, struct sl_pg_relation *rel)
{
        bind_topic(r, rel);
        if (rel->nkey || rel->identity.ptr)
                rel->key_schema = row_struct(r, rel, true);
        rel->row_schema = row_struct(r, rel, false);
        const struct sl_schema *oi64 = sl_schema_of(SL_INT64, true);
        const struct sl_field fields[] = {{"before", 0, rel->row_schema},
                                          {"after", 0, rel->row_schema},
                                          {"source", 0, r->source_schema},
                                          {"transaction", 0, r->block_schema},
                                          {"op", 0, sl_schema_of(SL_STRING, false)},
                                          {"ts_ms", 0, oi64},
                                          {"ts_us", 0, oi64},
                                          {"ts_ns", 0, oi64}};
        const char *name = sl_arena_printf(&r->scratch, "%s.Envelope", rel->topic.ptr);
        struct sl_schema s = {.type = SL_STRUCT,
                              .version = 2,
                              .fields = fields,
                              .field_count = 8,
                              .name = sl_pg_adjust_name(r->cfg->adjust_schema, true, name, &r->scratch)};
        rel->envelope_schema = sl_schema_intern(&s);
        sl_pg_relation_source(r, rel);
}

void sl_pg_relation_source(const struct sl_pg_relations *r, struct sl_pg_relation *rel)
{
        struct sl_value *src = rel->source;
        src[SL_PG_S_VERSION] = sl_v_str(SL_STR(SL_DEBEZIUM_COMPATIBLE));
        src[SL_PG_S_CONNECTOR] = sl_v_str(SL_STR("postgresql"));
        src[SL_PG_S_NAME] = sl_v_str(sl_str_c(r->prefix));
        src[SL_PG_S_SNAPSHOT] = sl_v_str(SL_STR("false"));
        src[SL_PG_S_DB] = sl_v_str(sl_str_c(r->cfg->dbname));
        src[SL_PG_S_SCHEMA] = sl_v_str(sl_str_c(rel->schema));
        src[SL_PG_S_TABLE] = sl_v_str(sl_str_c(rel->table));
}

/* A copy of the wire part that lasts. */
static struct sl_pg_relation *keep(struct sl_pg_relations *r, const struct sl_pg_relation *seen)
{
        struct sl_pg_relation *rel = sl_arena_alloc(&r->arena, sizeof(*rel));
        size_t size = (seen->n + 1) * sizeof(*rel->cols);
        *rel = *seen;
        rel->schema = sl_arena_strdup(&r->arena, seen->schema);
        rel->table = sl_arena_strdup(&r->arena, seen->table);
        rel->cols = memcpy(sl_arena_alloc(&r->arena, size), seen->cols, size);
        for (uint32_t i = 0; i < rel->n; i++)
                rel->cols[i].name = sl_arena_strdup(&r->arena, seen->cols[i].name);
        return rel;
}

/* Bind and keep a relation whose wire part was seen; the one known already when nothing changed: Postgres describes a table
 * again after every ANALYZE. */
static enum sl_rc finish(struct sl_pg_relations *r, const struct sl_pg_relation *seen, const PGresult *cat, char identity,
                         struct sl_pg_relation **ret, struct sl_err *err)
{
        struct sl_buf print = {0};
        struct sl_pg_relation *before = sl_map_get(&r->map, oid_key(&seen->oid));
        fingerprint(seen, cat, &print);
        bool same = before && sl_str_eq(before->print, (struct sl_str){print.ptr, print.len});
        if (same) {
                sl_buf_free(&print);
                *ret = before;
                return SL_OK;
        }
        struct sl_pg_relation *rel = keep(r, seen);
        rel->print = (struct sl_str){sl_arena_strndup(&r->arena, print.ptr, print.len), print.len};
        sl_buf_free(&print);
        rel->captured = sl_pg_filter_table(r->filter, rel->schema, rel->table);
        if (rel->captured) {
                SL_TRY(bind_columns(r, rel, cat, err));
                key_columns(r, rel, cat, identity);
                bind_envelope(r, rel);
        }
        if (r->bound)
                r->bound(r->bound_arg, rel);
        sl_map_put(&r->map, oid_key(&rel->oid), rel);
        r->last = rel;
        *ret = rel;
        return SL_OK;
}

/* Does the catalog know all columns? */
static bool known(const struct sl_pg_relation *rel, const PGresult *cat)
{
        for (uint32_t i = 0; i < rel->n; i++)
                if (catalog_row(cat, rel->cols[i].name) < 0)
                        return false;
        return true;
}

/* Is transaction $1 (its lower 32 bits) still running for others? It is in the snapshot's list, or not below its xmax: the
 * newest one is in no list. */
static const char running_sql[] =
        "SELECT 1 FROM (SELECT s, pg_catalog.mod(pg_catalog.pg_snapshot_xmax(s)::text::numeric - $1::numeric, 4294967296) AS d"
        " FROM (SELECT pg_catalog.pg_current_snapshot() AS s) a) b WHERE d <= 0 OR d > 2147483648"
        " OR EXISTS (SELECT FROM pg_catalog.pg_snapshot_xip(s) x WHERE x::text::numeric % 4294967296 = $1::numeric)";

/* A walsender sends a transaction before others see that it is over. One that made the table, or the column, is waited for. */
static enum sl_rc await_catalog(struct sl_pg_relations *r, const struct sl_pg_relation *rel, PGresult **cat, struct sl_err *err)
{
        char text[16];
        const char *params[] = {text};
        snprintf(text, sizeof(text), "%u", r->xid);
        for (int i = 0; i < AWAIT_TRIES && r->xid && !known(rel, *cat) && PQserverVersion(*r->catalog) >= 130000; i++) {
                sl_auto_pgresult *running = NULL;
                SL_TRY(sl_pg_query(*r->catalog, r->who, &running, err, running_sql, 1, params));
                bool was_running = PQntuples(running) > 0;
                if (was_running)
                        SL_TRY(sl_pg_pause(r->who, AWAIT_MS, err));
                PQclear(*cat);
                *cat = NULL;
                SL_TRY(ask_catalog(r, *r->catalog, rel->oid, cat, err));
                if (!was_running) /* what is not there now was dropped later */
                        return SL_OK;
        }
        return SL_OK;
}

enum sl_rc sl_pg_relation_from_message(struct sl_pg_relations *r, const struct sl_pgoutput *m, struct sl_err *err)
{
        sl_auto_pgresult *cat = NULL;
        sl_arena_reset(&r->scratch);
        struct sl_pg_relation *rel = sl_arena_zalloc(&r->scratch, sizeof(*rel)), *kept;
        rel->oid = m->oid;
        rel->schema = m->schema.len ? sl_arena_strndup(&r->scratch, m->schema.ptr, m->schema.len) : "pg_catalog";
        rel->table = sl_arena_strndup(&r->scratch, m->name.ptr, m->name.len);
        rel->n = m->n;
        rel->cols = sl_arena_zalloc(&r->scratch, (rel->n + 1) * sizeof(*rel->cols));
        struct sl_cur items = m->items;
        for (uint32_t i = 0; i < rel->n; i++) {
                struct sl_pgoutput_column c = sl_pgoutput_column(&items);
                rel->cols[i].name = sl_arena_strndup(&r->scratch, c.name.ptr, c.name.len);
                rel->cols[i].type = c.type;
                rel->cols[i].typmod = c.typmod;
                rel->cols[i].wire_key = c.key;
        }
        SL_TRY(ask_catalog(r, *r->catalog, m->oid, &cat, err));
        SL_TRY(await_catalog(r, rel, &cat, err));
        return finish(r, rel, cat, m->identity, &kept, err);
}

enum sl_rc sl_pg_relation_from_catalog(struct sl_pg_relations *r, PGconn *conn, uint32_t oid,
                                       struct sl_pg_relation **ret, struct sl_err *err)
{
        sl_auto_pgresult *cat = NULL;
        SL_TRY(ask_catalog(r, conn, oid, &cat, err));
        sl_arena_reset(&r->scratch);
        struct sl_pg_relation *rel = sl_arena_zalloc(&r->scratch, sizeof(*rel));
        int n = PQntuples(cat);
        if (n == 0) {
                *ret = NULL;
                return SL_OK;
        }
        rel->oid = oid;
        rel->schema = PQgetvalue(cat, 0, C_SCHEMA);
        rel->table = PQgetvalue(cat, 0, C_TABLE);
        rel->cols = sl_arena_zalloc(&r->scratch, ((size_t)n + 1) * sizeof(*rel->cols));
        for (int i = 0; i < n; i++) {
                if (PQgetvalue(cat, i, C_GENERATED)[0] == 't') /* not published, so not in the stream either */
                        continue;
                struct sl_pg_column *col = &rel->cols[rel->n++];
                col->name = PQgetvalue(cat, i, C_NAME);
                col->type = (uint32_t)strtoul(PQgetvalue(cat, i, C_TYPE), NULL, 10);
                col->typmod = atoi(PQgetvalue(cat, i, C_TYPMOD));
                col->wire_key = atoi(PQgetvalue(cat, i, C_KEY)) > 0;
        }
        return finish(r, rel, cat, 'd', ret, err);
}
