/* SPDX-License-Identifier: Apache-2.0 */
/* What a snapshot reads, in which order, in which parts, and the COPY of each part. Order: the expressions of
 * table.include.list, then names, or the server's estimate of the rows. With more than one connection a heap table is
 * cut into ranges of pages (ctid), from Postgres 14 on, which reads such a range without reading the whole table; a
 * partitioned table that is captured as one is read by its leaves. Ranges are planned from the file's size when the
 * snapshot begins; the last one is open, and a table can't be rewritten between its parts: every reader's transaction
 * keeps its lock to the end. Does not read rows. */
#include <stdio.h>
#include <stdlib.h>
#include "connectors/postgres/incremental.h"

#define RANGE_PAGES 64 /* not worth a COPY of its own below that (512 KiB) */

uint32_t sl_pg_ranges(uint32_t pages, uint32_t want, uint32_t least, uint32_t *ret_first)
{
        uint32_t n = least ? pages / least : want;
        n = n > want ? want : n;
        n = n < 1 ? 1 : n;
        for (uint32_t i = 0; i < n; i++)
                ret_first[i] = (uint32_t)((uint64_t)pages * i / n);
        return n;
}

/* Which tables to read: a partitioned table or its leaves, never both, as the publication will show them. */
static bool wanted(const struct sl_pg_table *tables, uint32_t n, const struct sl_pg_table *x, bool via_root)
{
        for (uint32_t i = 0; i < n; i++) {
                if (via_root && x->root && tables[i].oid == x->root && x->oid != x->root)
                        return false;
                if (!via_root && x->kind == 'p' && tables[i].kind == 'r' && tables[i].root == x->oid)
                        return false;
        }
        return true;
}

static enum sl_rc via_root(struct sl_pg_task *t, bool *ret, struct sl_err *err)
{
        if (PQserverVersion(t->data) < 130000) {
                *ret = false;
                return SL_OK;
        }
        sl_auto_pgresult *res = NULL;
        const char *params[] = {t->cfg->publication};
        SL_TRY(sl_pg_query(t->data, &t->who, &res, err,
                           "SELECT pubviaroot FROM pg_catalog.pg_publication WHERE pubname = $1", 1, params));
        *ret = PQntuples(res) == 1 ? PQgetvalue(res, 0, 0)[0] == 't' : t->cfg->via_root;
        return SL_OK;
}

/* ---- one table ---- */

/* $1: oid. Its storage: itself, or the leaves of a partitioned table. */
static const char storage_sql[] =
        "WITH l AS (SELECT $1::oid AS oid UNION SELECT t.relid::oid FROM pg_catalog.pg_partition_tree($1::oid::regclass)"
        " t WHERE t.isleaf)"
        " SELECT n.nspname, c.relname, coalesce(c.relkind = 'r' AND a.amname = 'heap', false),"
        " pg_catalog.has_table_privilege(c.oid, 'SELECT') AND NOT pg_catalog.row_security_active(c.oid)"
        " AND NOT pg_catalog.row_security_active($1::oid), s.pages,"
        " (CASE WHEN c.reltuples > 0 AND c.relpages > 0 THEN c.reltuples / c.relpages ELSE 50 END * s.pages)::int8"
        " FROM l JOIN pg_catalog.pg_class c ON c.oid = l.oid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam"
        " CROSS JOIN LATERAL (SELECT coalesce(pg_catalog.pg_relation_size(c.oid), 0)"
        " / current_setting('block_size')::int8 AS pages) s"
        " WHERE c.relkind <> 'p' ORDER BY n.nspname, c.relname";
enum { ST_SCHEMA, ST_NAME, ST_HEAP, ST_MAY, ST_PAGES, ST_ROWS };

static enum sl_rc storage(struct sl_pg_task *t, uint32_t oid, PGresult **ret, struct sl_err *err)
{
        char text[16];
        const char *params[] = {text};
        snprintf(text, sizeof(text), "%u", oid);
        return sl_pg_query(t->data, &t->who, ret, err, storage_sql, 1, params);
}

static const char *qualified(struct sl_arena *arena, const char *schema, const char *name)
{
        char a[256], b[256];
        return sl_arena_printf(arena, "%s.%s", sl_pg_ident(a, schema), sl_pg_ident(b, name));
}

static void add_part(struct sl_pg_task *t, struct sl_pg_snaptable *table, struct sl_pg_snappart part)
{
        struct sl_pg_snapshot *s = &t->sn;
        if (s->part_count == s->part_cap) {
                s->part_cap = s->part_cap ? s->part_cap * 2 : 64;
                struct sl_pg_snappart *parts = sl_arena_alloc(&t->arena, s->part_cap * sizeof(*parts));
                if (s->part_count)
                        memcpy(parts, s->parts, s->part_count * sizeof(*parts));
                s->parts = parts;
        }
        part.table = table;
        s->parts[s->part_count++] = part;
        table->parts++;
}

/* May it be read in parts? The reader needs the right to see ctid, and that of each leaf. */
static bool divisible(const struct sl_pg_task *t, const struct sl_pg_snaptable *table, const PGresult *st)
{
        if (t->cfg->snap_threads < 2 || t->cfg->snap_legacy || table->select || PQserverVersion(t->data) < 140000)
                return false;
        for (int i = 0; i < PQntuples(st); i++)
                if (PQgetvalue(st, i, ST_MAY)[0] != 't')
                        return false;
        return PQntuples(st) > 0;
}

static void cut(struct sl_pg_task *t, struct sl_pg_snaptable *table, const PGresult *st)
{
        uint64_t want = (uint64_t)sl_pg_snapshot_readers(t->cfg) * (uint64_t)t->cfg->snap_multiplier;
        if (!st || !divisible(t, table, st)) {
                add_part(t, table, (struct sl_pg_snappart){0});
                return;
        }
        if (want > 4096)
                want = 4096;
        uint32_t *first = sl_arena_alloc(&t->arena, want * sizeof(*first));
        for (int i = 0; i < PQntuples(st); i++) {
                const char *from = qualified(&t->arena, PQgetvalue(st, i, ST_SCHEMA), PQgetvalue(st, i, ST_NAME));
                uint32_t pages = (uint32_t)strtoul(PQgetvalue(st, i, ST_PAGES), NULL, 10);
                bool heap = PQgetvalue(st, i, ST_HEAP)[0] == 't';
                uint32_t n = heap ? sl_pg_ranges(pages, (uint32_t)want, RANGE_PAGES, first) : 1;
                if (n == 1 && PQntuples(st) == 1 && !table->partitioned)
                        from = NULL; /* the table itself, whole */
                for (uint32_t k = 0; k < n; k++)
                        add_part(t, table,
                                 (struct sl_pg_snappart){.from = from,
                                                         .first = n > 1 ? first[k] : 0,
                                                         .end = k + 1 < n ? first[k + 1] : 0});
        }
}

/* ---- snapshot.select.statement.overrides ---- */

static const char *override_of(const struct sl_pg_cfg *cfg, const struct sl_pg_table *x)
{
        char name[300];
        snprintf(name, sizeof(name), "%s.%s", x->schema, x->name);
        for (uint32_t i = 0; i < cfg->overrides.count; i++)
                if (strcmp(cfg->overrides.items[i], name) == 0)
                        return sl_pg_override_sql(cfg, name);
        return NULL;
}

const char *sl_pg_override_sql(const struct sl_pg_cfg *cfg, const char *table)
{
        static const char prefix[] = "snapshot.select.statement.overrides.";
        for (uint32_t i = 0; i + 1 < cfg->override_sql.count; i += 2)
                if (strcmp(cfg->override_sql.items[i] + strlen(prefix), table) == 0)
                        return cfg->override_sql.items[i + 1];
        return NULL;
}

/* The user's SELECT with the relation's columns by name, NULL for those it lacks. */
static enum sl_rc override_select(struct sl_pg_task *t, const struct sl_pg_relation *rel, const char *sql,
                                  const char **ret, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        struct sl_buf out = {0};
        char name[256];
        int len = (int)strlen(sql);
        while (len && strchr("; \t\r\n", sql[len - 1]))
                len--;
        const char *probe = sl_arena_printf(&t->arena, "SELECT * FROM (%.*s\n) AS s LIMIT 0", len, sql);
        if (sl_pg_query(t->data, &t->who, &res, err, probe, 0, NULL) != SL_OK) {
                sl_err_prefix(err, "snapshot.select.statement.overrides.%s.%s", rel->schema, rel->table);
                return err->rc;
        }
        for (uint32_t i = 0; i < rel->n; i++) {
                bool there = false;
                for (int k = 0; k < PQnfields(res) && !there; k++)
                        there = strcmp(PQfname(res, k), rel->cols[i].name) == 0;
                sl_buf_printf(&out, "%s%s", i ? "," : "SELECT ", there ? sl_pg_ident(name, rel->cols[i].name) : "NULL");
        }
        sl_buf_printf(&out, " FROM (%.*s\n) AS s", len, sql);
        *ret = sl_arena_strdup(&t->arena, sl_buf_cstr(&out));
        sl_buf_free(&out);
        return SL_OK;
}

/* ---- all of them ---- */

struct candidate {
        const struct sl_pg_table *table;
        uint32_t rank; /* the expression of table.include.list that it matches; with an order by rows, 0 */
        int64_t rows;  /* negative when the largest come first */
        PGresult *storage;
};

static int by_order(const void *a, const void *b)
{
        const struct candidate *x = a, *y = b;
        if (x->rows != y->rows)
                return x->rows < y->rows ? -1 : 1;
        if (x->rank != y->rank)
                return x->rank < y->rank ? -1 : 1;
        return x->table < y->table ? -1 : 1; /* the list's own order: by name */
}

static enum sl_rc measure(struct sl_pg_task *t, struct candidate *c, struct sl_err *err)
{
        bool large_first = t->cfg->snap_order == SL_PG_ORDER_LARGE_FIRST;
        c->rank = sl_pg_filter_rank(&t->filter, c->table->schema, c->table->name);
        if (t->cfg->snap_threads < 2 && t->cfg->snap_order == SL_PG_ORDER_NAME)
                return SL_OK;
        SL_TRY(storage(t, c->table->oid, &c->storage, err));
        for (int i = 0; t->cfg->snap_order != SL_PG_ORDER_NAME && i < PQntuples(c->storage); i++)
                c->rows += strtoll(PQgetvalue(c->storage, i, ST_ROWS), NULL, 10) * (large_first ? -1 : 1);
        return SL_OK;
}

static enum sl_rc plan_table(struct sl_pg_task *t, const struct candidate *c, struct sl_err *err)
{
        struct sl_pg_snapshot *s = &t->sn;
        struct sl_pg_snaptable *table = &s->tables[s->count];
        const char *override = sl_pg_blocking_select(t, c->table->schema, c->table->name);
        if (!override)
                override = override_of(t->cfg, c->table);
        SL_TRY(sl_pg_relation_from_catalog(&t->rels, t->data, c->table->oid, &table->rel, err));
        if (!table->rel || !table->rel->captured || !table->rel->n)
                return SL_OK;
        table->partitioned = c->table->kind == 'p';
        if (override)
                SL_TRY(override_select(t, table->rel, override, &table->select, err));
        cut(t, table, c->storage);
        s->count++;
        return SL_OK;
}

enum sl_rc sl_pg_snapshot_plan(struct sl_pg_task *t, struct sl_err *err)
{
        struct sl_pg_snapshot *s = &t->sn;
        struct sl_pg_table *all;
        uint32_t n, count = 0;
        bool root;
        enum sl_rc rc = SL_OK;
        SL_TRY(via_root(t, &root, err));
        SL_TRY(sl_pg_tables(t->data, &t->who, &t->filter, &t->arena, &all, &n, err));
        struct candidate *list = sl_arena_zalloc(&t->arena, ((size_t)n + 1) * sizeof(*list));
        for (uint32_t i = 0; i < n && rc == SL_OK; i++) {
                if (!wanted(all, n, &all[i], root) || !sl_pg_blocking_wants(t, all[i].schema, all[i].name) ||
                    !sl_pg_filter_snapshot(&t->filter, all[i].schema, all[i].name))
                        continue;
                list[count].table = &all[i];
                rc = measure(t, &list[count++], err);
        }
        qsort(list, count, sizeof(*list), by_order);
        s->tables = sl_arena_zalloc(&t->arena, ((size_t)count + 1) * sizeof(*s->tables));
        for (uint32_t i = 0; i < count && rc == SL_OK; i++)
                rc = plan_table(t, &list[i], err);
        for (uint32_t i = 0; i < count; i++)
                PQclear(list[i].storage);
        return rc;
}

enum sl_rc sl_pg_snapshot_lock(struct sl_pg_task *t, struct sl_err *err)
{
        const struct sl_pg_snapshot *s = &t->sn;
        char sql[700], a[256], b[256];
        snprintf(sql, sizeof(sql), "SET LOCAL lock_timeout = %lld", (long long)t->cfg->lock_timeout_ms);
        SL_TRY(sl_pg_exec(t->data, &t->who, err, sql));
        for (uint32_t i = 0; i < s->count; i++) {
                const struct sl_pg_relation *rel = s->tables[i].rel;
                snprintf(sql, sizeof(sql), "LOCK TABLE %s.%s IN ACCESS SHARE MODE", sl_pg_ident(a, rel->schema),
                         sl_pg_ident(b, rel->table));
                if (sl_pg_exec(t->data, &t->who, err, sql) != SL_OK) {
                        sl_err_prefix(err, "snapshot.locking.mode=shared, table %s.%s", rel->schema, rel->table);
                        return err->rc;
                }
        }
        return sl_pg_exec(t->data, &t->who, err, "SET LOCAL lock_timeout = 0");
}

/* ---- SQL ---- */

static void add_columns(const struct sl_pg_relation *rel, struct sl_buf *sql)
{
        char name[256];
        for (uint32_t i = 0; i < rel->n; i++)
                sl_buf_printf(sql, "%s%s", i ? "," : "", sl_pg_ident(name, rel->cols[i].name));
}

void sl_pg_snapshot_sql(const struct sl_pg_snappart *p, struct sl_buf *sql)
{
        const struct sl_pg_snaptable *table = p->table;
        char a[256], b[256];
        sl_buf_adds(sql, "COPY ");
        if (table->select) {
                sl_buf_printf(sql, "(%s)", table->select);
        } else if (!p->from && !table->partitioned) {
                sl_buf_printf(sql, "%s.%s (", sl_pg_ident(a, table->rel->schema), sl_pg_ident(b, table->rel->table));
                add_columns(table->rel, sql);
                sl_buf_addc(sql, ')');
        } else {
                sl_buf_adds(sql, "(SELECT ");
                add_columns(table->rel, sql);
                if (p->from)
                        sl_buf_printf(sql, " FROM ONLY %s", p->from);
                else
                        sl_buf_printf(sql, " FROM %s.%s", sl_pg_ident(a, table->rel->schema),
                                      sl_pg_ident(b, table->rel->table));
                if (p->first)
                        sl_buf_printf(sql, " WHERE ctid >= '(%u,0)'::pg_catalog.tid", p->first);
                if (p->end)
                        sl_buf_printf(sql, " %s ctid < '(%u,0)'::pg_catalog.tid", p->first ? "AND" : "WHERE", p->end);
                sl_buf_addc(sql, ')');
        }
        sl_buf_adds(sql, " TO STDOUT");
}
