/* SPDX-License-Identifier: Apache-2.0 */
/* The initial snapshot: every captured table by COPY in text format (the same texts as in the stream, so one set of
 * parsers), all in one exported snapshot. The whole snapshot has one position, given with its last batch: it is one
 * Kafka transaction, and after a crash it begins again with a new snapshot. The last row is marked, also of each table,
 * so a row is held back until the next one is there. */
#include <stdio.h>
#include <stdlib.h>
#include "connectors/postgres/incremental.h"

bool sl_pg_copy_row(char *buf, size_t len, struct sl_pg_tuple *row)
{
        char *p = buf, *end = buf + len;
        uint32_t n = 0;
        if (p < end && end[-1] == '\n')
                end--;
        for (;;) {
                if (n == SL_PG_MAX_COLUMNS)
                        return false;
                struct sl_pg_datum *d = &row->cols[n++];
                char *w = p;
                *d = (struct sl_pg_datum){.ptr = p, .kind = 't'};
                while (p < end && *p != '\t') {
                        if (sl_likely(*p != '\\')) {
                                *w++ = *p++;
                                continue;
                        }
                        if (++p == end)
                                return false;
                        char ch = *p++;
                        if (ch == 'N' && d->ptr == p - 2 && (p == end || *p == '\t')) {
                                *d = (struct sl_pg_datum){.kind = 'n'};
                                break;
                        }
                        const char *from = "bfnrtv", *hit = strchr(from, ch);
                        *w++ = ch && hit ? "\b\f\n\r\t\v"[hit - from] : ch;
                }
                if (d->kind == 't')
                        d->len = (uint32_t)(w - d->ptr);
                if (p == end)
                        break;
                p++; /* the tab */
        }
        row->n = n;
        return true;
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

static enum sl_rc list(struct sl_pg_task *t, struct sl_err *err)
{
        struct sl_pg_snapshot *s = &t->sn;
        struct sl_pg_table *tables;
        uint32_t n;
        bool root;
        SL_TRY(via_root(t, &root, err));
        SL_TRY(sl_pg_tables(t->data, &t->who, &t->filter, &t->arena, &tables, &n, err));
        s->tables = sl_arena_alloc(&t->arena, (n + 1) * sizeof(*s->tables));
        for (uint32_t i = 0; i < n; i++) {
                struct sl_pg_relation *rel;
                if (!wanted(tables, n, &tables[i], root) || !sl_pg_blocking_wants(t, tables[i].schema, tables[i].name) ||
                    !sl_pg_filter_snapshot(&t->filter, tables[i].schema, tables[i].name))
                        continue;
                SL_TRY(sl_pg_relation_from_catalog(&t->rels, t->data, tables[i].oid, &rel, err));
                if (rel && rel->captured && rel->n)
                        s->tables[s->count++] = rel;
        }
        return SL_OK;
}

enum sl_rc sl_pg_snapshot_open(struct sl_pg_task *t, const char *name, uint64_t lsn, const struct sl_pg_offset *after,
                               struct sl_err *err)
{
        char sql[400], quoted[256];
        sl_auto_pgresult *res = NULL;
        SL_TRY(sl_pg_connect(&t->who, false, 10000, &t->data, err));
        snprintf(sql, sizeof(sql), "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY%s%s",
                 name ? "; SET TRANSACTION SNAPSHOT " : "", name ? sl_pg_quote(quoted, name) : "");
        SL_TRY(sl_pg_exec(t->data, &t->who, err, sql));
        SL_TRY(sl_pg_query(t->data, &t->who, &res, err,
                           "SELECT (extract(epoch FROM current_timestamp) * 1000000)::bigint,"
                           " CASE WHEN pg_is_in_recovery() THEN -1 ELSE txid_current() END",
                           0, NULL));
        SL_TRY(sl_pg_exec(t->data, &t->who, err, SL_PG_WIDEN));
        t->sn = (struct sl_pg_snapshot){.lsn = lsn, .after = *after};
        t->sn.after.ts_us = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
        int64_t xid = strtoll(PQgetvalue(res, 0, 1), NULL, 10);
        t->sn.after.xid = xid > 0 && after->snapshot_done ? (uint64_t)xid : after->xid;
        sl_pg_emit_txn(&t->emit, t->sn.after.ts_us, xid, 0);
        SL_TRY(list(t, err));
        t->mode = SL_PG_M_SNAPSHOT;
        return SL_OK;
}

void sl_pg_snapshot_close(struct sl_pg_task *t)
{
        if (t->sn.held)
                PQfreemem(t->sn.held);
        t->sn.held = NULL;
}

static enum sl_rc emit_held(struct sl_pg_task *t, struct sl_batch *b, bool last, struct sl_err *err)
{
        struct sl_pg_snapshot *s = &t->sn;
        if (!s->held)
                return SL_OK;
        const char *marker = last               ? "last"
                             : s->emitted == 0  ? "first"
                             : s->held_last_in  ? "last_in_data_collection"
                             : s->held_first_in ? "first_in_data_collection"
                                                : "true";
        struct sl_pg_tuple row = {.cols = t->line->cols[0]};
        char *buf = s->held;
        s->held = NULL;
        sl_batch_adopt(b, buf, PQfreemem, s->held_len);
        struct sl_str raw = SL_STR_NULL; /* decoding works in place */
        if (sl_unlikely(t->line->dead_letters))
                raw = (struct sl_str){sl_arena_strndup(&b->arena, buf, s->held_len), s->held_len};
        if (!sl_pg_copy_row(buf, s->held_len, &row))
                return sl_fail(err, SL_E_PG_PROTOCOL, "a row of COPY could not be read");
        s->emitted++;
        uint32_t before = b->count;
        enum sl_rc rc = sl_pg_emit_read(&t->emit, b, s->held_rel, &row, marker, s->lsn, err);
        if (sl_likely(!t->line->dead_letters) || (rc != SL_OK && err->scope != SL_SCOPE_RECORD))
                return rc;
        sl_pg_line_keep_raw(s->held_rel, s->lsn, raw, rc == SL_OK ? NULL : err, b, before);
        sl_err_clear(err);
        return SL_OK;
}

static enum sl_rc start_table(struct sl_pg_task *t, struct sl_err *err)
{
        struct sl_pg_snapshot *s = &t->sn;
        struct sl_buf sql = {0};
        char name[256];
        sl_auto_pgresult *res = NULL;
        const char *params[1];
        char oid[16];
        s->rel = s->tables[s->next++];
        snprintf(oid, sizeof(oid), "%u", s->rel->oid);
        params[0] = oid;
        SL_TRY(sl_pg_query(t->data, &t->who, &res, err, "SELECT relkind FROM pg_catalog.pg_class WHERE oid = $1::oid",
                           1, params));
        const char *select = sl_pg_blocking_select(t, s->rel->schema, s->rel->table);
        bool parted = select || (PQntuples(res) == 1 && PQgetvalue(res, 0, 0)[0] == 'p');
        sl_buf_adds(&sql, parted ? "COPY (SELECT " : "COPY ");
        for (uint32_t pass = 0; pass < 2; pass++) {
                if (pass == 1 && select) {
                        sl_buf_printf(&sql, " FROM (%s\n) AS s", select);
                        continue;
                }
                if (pass == (parted ? 1u : 0u)) {
                        sl_buf_printf(&sql, "%s%s.", parted ? " FROM " : "", sl_pg_ident(name, s->rel->schema));
                        sl_buf_adds(&sql, sl_pg_ident(name, s->rel->table));
                        continue;
                }
                sl_buf_adds(&sql, parted ? "" : " (");
                for (uint32_t i = 0; i < s->rel->n; i++) {
                        sl_buf_adds(&sql, i ? "," : "");
                        sl_buf_adds(&sql, sl_pg_ident(name, s->rel->cols[i].name));
                }
        }
        sl_buf_adds(&sql, ") TO STDOUT");
        int sent = PQsendQuery(t->data, sl_buf_cstr(&sql));
        sl_buf_free(&sql);
        s->copying = false;
        return sent ? SL_OK : sl_pg_fail(err, t->data, NULL, "the snapshot's connection to Postgres broke off");
}

/* The answer to COPY, before its rows or after them. */
static enum sl_rc result(struct sl_pg_task *t, bool *ret_done, struct sl_err *err)
{
        struct sl_pg_snapshot *s = &t->sn;
        sl_auto_pgresult *res = PQgetResult(t->data);
        *ret_done = !res;
        if (!res) {
                s->rel = NULL;
                s->held_last_in = true;
                return SL_OK;
        }
        if (PQresultStatus(res) == PGRES_COPY_OUT)
                s->copying = true;
        else if (PQresultStatus(res) != PGRES_COMMAND_OK)
                return sl_pg_fail(err, t->data, res, "the snapshot could not read a table");
        return SL_OK;
}

static enum sl_rc rows(struct sl_pg_task *t, struct sl_batch *b, bool *ret_wait, struct sl_err *err)
{
        struct sl_pg_snapshot *s = &t->sn;
        bool first = !s->held || s->held_rel != s->rel || s->held_last_in;
        while (!sl_batch_full(b)) {
                char *buf = NULL;
                int n = PQgetCopyData(t->data, &buf, 1);
                if (n == 0) {
                        *ret_wait = true;
                        return SL_OK;
                }
                if (n == -2)
                        return sl_pg_fail(err, t->data, NULL, "the snapshot's connection to Postgres broke off");
                if (n == -1) {
                        s->copying = false;
                        return SL_OK;
                }
                SL_TRY(emit_held(t, b, false, err));
                s->held = buf;
                s->held_len = (size_t)n;
                s->held_rel = s->rel;
                s->held_first_in = first;
                s->held_last_in = false;
                first = false;
        }
        return SL_OK;
}

static enum sl_rc finish(struct sl_pg_task *t, struct sl_batch *b, struct sl_err *err)
{
        SL_TRY(emit_held(t, b, true, err));
        PQfinish(t->data);
        t->data = NULL;
        t->must_hand = true;
        if (!t->only_snapshot)
                return sl_pg_follow(t, &t->sn.after, err);
        sl_pg_line_init(t->line, &t->sn.after);
        t->mode = SL_PG_M_IDLE;
        return SL_OK;
}

enum sl_rc sl_pg_snapshot_poll(struct sl_pg_task *t, struct sl_batch *b, bool *ret_more, struct sl_err *err)
{
        struct sl_pg_snapshot *s = &t->sn;
        bool consumed = false;
        for (;;) {
                if (sl_batch_full(b)) {
                        *ret_more = true;
                        return SL_OK;
                }
                if (!s->rel) {
                        if (s->next == s->count)
                                return finish(t, b, err);
                        SL_TRY(start_table(t, err));
                }
                bool wait = false, done;
                if (s->copying)
                        SL_TRY(rows(t, b, &wait, err));
                else if (PQisBusy(t->data))
                        wait = true;
                else
                        SL_TRY(result(t, &done, err));
                if (!wait) {
                        consumed = false;
                        continue;
                }
                if (consumed) /* nothing came since we looked */
                        return SL_OK;
                if (PQflush(t->data) < 0 || !PQconsumeInput(t->data))
                        return sl_pg_fail(err, t->data, NULL, "the snapshot's connection to Postgres broke off");
                consumed = true;
        }
}
