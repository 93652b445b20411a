/* SPDX-License-Identifier: Apache-2.0 */
/* The table that an incremental snapshot is reading: its shape, its key, and the SQL of its chunks. The catalog is asked on
 * the control connection, once a table; nothing here reads rows. */
#include <stdio.h>
#include <stdlib.h>
#include "base/log.h"
#include "connectors/postgres/incremental.h"

#define MAX_KEY 32 /* columns of an index, at most */

static enum sl_rc find(struct sl_pg_task *t, const struct sl_pg_collection *c, uint32_t *ret_oid, bool *ret_published,
                       struct sl_err *err)
{
        sl_auto_pgresult *res = NULL, *pub = NULL;
        const char *name[] = {c->schema, c->table};
        const char *signal[] = {t->cfg->publication, t->incr->sig_schema, t->incr->sig_table};
        *ret_oid = 0;
        *ret_published = true;
        SL_TRY(sl_pg_ctl_drain(t, err));
        SL_TRY(sl_pg_query(t->ctl, &t->who, &res, err,
                           "SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                           " WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')",
                           2, name));
        if (PQntuples(res) == 1)
                *ret_oid = (uint32_t)strtoul(PQgetvalue(res, 0, 0), NULL, 10);
        if (t->incr->read_only)
                return SL_OK;
        SL_TRY(sl_pg_query(t->ctl, &t->who, &pub, err,
                           "SELECT FROM pg_catalog.pg_publication_tables WHERE pubname = $1 AND schemaname = $2"
                           " AND tablename = $3",
                           3, signal));
        *ret_published = PQntuples(pub) == 1;
        return SL_OK;
}

static int32_t column(const struct sl_pg_relation *rel, const char *name)
{
        for (uint32_t i = 0; i < rel->n; i++)
                if (strcmp(rel->cols[i].name, name) == 0)
                        return (int32_t)i;
        return -1;
}

/* What chunks go by: the surrogate key, or the record's key. */
static bool order(struct sl_pg_incr *in, const struct sl_pg_collection *c, struct sl_pg_relation *rel, const char **ret_status)
{
        uint32_t n = *c->surrogate ? 1 : rel->nkey;
        int32_t surrogate = *c->surrogate ? column(rel, c->surrogate) : -1;
        *ret_status = "SQL_EXCEPTION";
        if (*c->surrogate && surrogate < 0) {
                sl_warn("incremental snapshot: surrogate key %s is no column of %s.%s, the table is left out", c->surrogate,
                        c->schema, c->table);
                return false;
        }
        if (n == 0 || n > MAX_KEY) {
                sl_warn("incremental snapshot: table %s.%s has no primary key, it is left out", c->schema, c->table);
                *ret_status = "NO_PRIMARY_KEY";
                return false;
        }
        if ((in->last || in->max) && in->order_n != n) {
                sl_warn("incremental snapshot: the key of %s.%s has changed, the table is read from its beginning", c->schema,
                        c->table);
                sl_pg_incstate_forget(in);
        }
        in->order = sl_arena_alloc(&in->rels.arena, n * sizeof(*in->order));
        in->order_n = n;
        for (uint32_t i = 0; i < n; i++)
                in->order[i] = *c->surrogate ? (uint32_t)surrogate : rel->key_cols[i];
        return true;
}

enum sl_rc sl_pg_inctable_prepare(struct sl_pg_task *t, const char **ret_status, struct sl_err *err)
{
        struct sl_pg_incr *in = t->incr;
        const struct sl_pg_collection *c = &in->list[0];
        struct sl_pg_relation *rel = NULL, *streamed;
        uint32_t oid;
        bool published;
        SL_TRY(find(t, c, &oid, &published, err));
        if (!published) {
                sl_warn("incremental snapshot: publication %s lacks the signal table %s.%s, so %s.%s is left out: run ALTER "
                        "PUBLICATION %s ADD TABLE %s.%s",
                        t->cfg->publication, in->sig_schema, in->sig_table, c->schema, c->table, t->cfg->publication,
                        in->sig_schema, in->sig_table);
                *ret_status = "SQL_EXCEPTION";
                return SL_OK;
        }
        if (oid)
                SL_TRY(sl_pg_relation_from_catalog(&in->rels, t->ctl, oid, &rel, err));
        if (!rel || !rel->captured) {
                sl_warn("incremental snapshot: there is no captured table %s.%s, it is left out", c->schema, c->table);
                *ret_status = "UNKNOWN_SCHEMA";
                return SL_OK;
        }
        if (!order(in, c, rel, ret_status))
                return SL_OK;
        in->rel = rel;
        streamed = sl_pg_relation_find(&t->rels, oid);
        if (streamed)
                streamed->watched = true;
        return SL_OK;
}

/* ---- SQL ---- */

static void names(const struct sl_pg_incr *in, const char *between, struct sl_buf *out)
{
        char name[256];
        for (uint32_t i = 0; i < in->order_n; i++)
                sl_buf_printf(out, "%s%s", i ? between : "", sl_pg_ident(name, in->rel->cols[in->order[i]].name));
}

static void literal(const struct sl_pg_incr *in, struct sl_str text, struct sl_buf *out)
{
        char *quoted = PQescapeLiteral(in->conn, text.ptr, text.len);
        sl_buf_adds(out, quoted ? quoted : "NULL");
        PQfreemem(quoted);
}

/* key > bound, as ORDER BY sees it. With columns that may be null (they sort last) the comparison of rows won't do. */
static void beyond(const struct sl_pg_incr *in, const struct sl_str *bound, struct sl_buf *out)
{
        char name[256];
        bool nulls = false;
        for (uint32_t i = 0; i < in->order_n; i++)
                nulls |= !in->rel->cols[in->order[i]].not_null;
        if (!nulls) {
                sl_buf_adds(out, "ROW(");
                names(in, ", ", out);
                sl_buf_adds(out, ") > ROW(");
                for (uint32_t i = 0; i < in->order_n; i++) {
                        sl_buf_adds(out, i ? ", " : "");
                        literal(in, bound[i], out);
                }
                sl_buf_addc(out, ')');
                return;
        }
        for (uint32_t i = 0; i < in->order_n; i++) {
                sl_buf_adds(out, i ? " OR (" : "((");
                for (uint32_t k = 0; k <= i; k++) {
                        sl_pg_ident(name, in->rel->cols[in->order[k]].name);
                        sl_buf_adds(out, k ? " AND " : "");
                        if (!bound[k].ptr) {
                                if (k < i)
                                        sl_buf_printf(out, "%s IS NULL", name);
                                else
                                        sl_buf_adds(out, "false");
                                continue;
                        }
                        sl_buf_printf(out, "%s%s %s ", k < i ? "" : "(", name, k < i ? "=" : ">");
                        literal(in, bound[k], out);
                        if (k == i)
                                sl_buf_printf(out, " OR %s IS NULL)", name);
                }
                sl_buf_addc(out, ')');
        }
        sl_buf_addc(out, ')');
}

static void from(const struct sl_pg_incr *in, struct sl_buf *out)
{
        char name[256];
        sl_buf_printf(out, " FROM %s.", sl_pg_ident(name, in->rel->schema));
        sl_buf_adds(out, sl_pg_ident(name, in->rel->table));
}

void sl_pg_inctable_max_sql(const struct sl_pg_incr *in, struct sl_buf *out)
{
        sl_buf_adds(out, "SELECT ");
        names(in, ", ", out);
        from(in, out);
        if (*in->list[0].condition)
                sl_buf_printf(out, " WHERE (%s\n)", in->list[0].condition);
        sl_buf_adds(out, " ORDER BY ");
        names(in, " DESC, ", out);
        sl_buf_adds(out, " DESC LIMIT 1");
}

void sl_pg_inctable_rows_sql(const struct sl_pg_incr *in, struct sl_buf *out)
{
        char name[256];
        sl_buf_adds(out, "SELECT ");
        for (uint32_t i = 0; i < in->rel->n; i++)
                sl_buf_printf(out, "%s%s", i ? ", " : "", sl_pg_ident(name, in->rel->cols[i].name));
        from(in, out);
        sl_buf_adds(out, " WHERE NOT ");
        beyond(in, in->max, out);
        if (in->last) {
                sl_buf_adds(out, " AND ");
                beyond(in, in->last, out);
        }
        if (*in->list[0].condition)
                sl_buf_printf(out, " AND (%s\n)", in->list[0].condition);
        sl_buf_adds(out, " ORDER BY ");
        names(in, ", ", out);
        sl_buf_printf(out, " LIMIT %u", in->limit);
}

void sl_pg_inctable_signal(const struct sl_pg_incr *in, struct sl_buf *out)
{
        char name[256];
        sl_buf_printf(out, "%s.", sl_pg_ident(name, in->sig_schema));
        sl_buf_adds(out, sl_pg_ident(name, in->sig_table));
}
