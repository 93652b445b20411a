/* SPDX-License-Identifier: Apache-2.0 */
/* The initial snapshot: every part of the plan (snapplan.c) by COPY in text format (the same texts as in the stream, so
 * one set of parsers), over one or several connections in one exported snapshot. All connections are read by the task's
 * one thread: what they do side by side is the server's work.
 *
 * source.snapshot marks the first and the last row of all and of each table. Whether a row is a last one is known by
 * what comes behind it: each table that is being read holds back its newest row, and a table that was read to its end
 * keeps its last row until any other row comes.
 *
 * Every batch has a position that says "a snapshot is being read", with the place where streaming starts after it; the
 * core keeps the Kafka transaction open all the same, so that a snapshot is one transaction unless that would expire.
 * After a crash it begins again, with a new snapshot. */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/log.h"
#include "connectors/postgres/task.h"

#define TELL_MS 30000 /* a line in the log */
#define ROW_ROOM 4096 /* for a row at first; grows */

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

/* ---- opening ---- */

static enum sl_rc import(struct sl_pg_task *t, PGconn *conn, const char *name, struct sl_err *err)
{
        char sql[400], quoted[256];
        snprintf(sql, sizeof(sql), "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT %s",
                 sl_pg_quote(quoted, name));
        SL_TRY(sl_pg_exec(conn, &t->who, err, sql));
        return sl_pg_exec(conn, &t->who, err, SL_PG_WIDEN);
}

/* A snapshot of its own: snapshot.isolation.mode counts. Gives its name when others shall import it. */
static enum sl_rc own_snapshot(struct sl_pg_task *t, char name[64], struct sl_err *err)
{
        sl_auto_pgresult *standby = NULL, *res = NULL;
        const char *level = t->cfg->isolation == SL_PG_ISO_COMMITTED  ? "READ COMMITTED"
                            : t->cfg->isolation == SL_PG_ISO_REPEATABLE ? "REPEATABLE READ"
                                                                        : "SERIALIZABLE";
        char sql[100];
        SL_TRY(sl_pg_query(t->data, &t->who, &standby, err, "SELECT pg_catalog.pg_is_in_recovery()", 0, NULL));
        bool serializable = t->cfg->isolation == SL_PG_ISO_SERIALIZABLE;
        if (serializable && PQgetvalue(standby, 0, 0)[0] == 't') {
                level = "REPEATABLE READ"; /* a standby has nothing above */
                serializable = false;
        }
        snprintf(sql, sizeof(sql), "BEGIN ISOLATION LEVEL %s READ ONLY%s", level, serializable ? " DEFERRABLE" : "");
        SL_TRY(sl_pg_exec(t->data, &t->who, err, sql));
        SL_TRY(sl_pg_exec(t->data, &t->who, err, SL_PG_WIDEN));
        if (t->cfg->snap_threads < 2 || t->cfg->isolation == SL_PG_ISO_COMMITTED)
                return SL_OK;
        SL_TRY(sl_pg_query(t->data, &t->who, &res, err, "SELECT pg_catalog.pg_export_snapshot()", 0, NULL));
        snprintf(name, 64, "%s", PQgetvalue(res, 0, 0));
        return SL_OK;
}

static enum sl_rc open_readers(struct sl_pg_task *t, const char *name, struct sl_err *err)
{
        struct sl_pg_snapshot *s = &t->sn;
        uint32_t want = *name ? sl_pg_snapshot_readers(t->cfg) : 1;
        s->readers[0].conn = t->data;
        s->reader_count = 1;
        while (s->reader_count < want && s->reader_count < s->part_count) {
                struct sl_pg_reader *r = &s->readers[s->reader_count];
                SL_TRY(sl_pg_connect(&t->who, false, 10000, &r->conn, err));
                s->reader_count++;
                SL_TRY(import(t, r->conn, name, err));
        }
        return SL_OK;
}

static void open_metrics(struct sl_pg_task *t)
{
        struct sl_pg_snapshot *s = &t->sn;
        const char *labels = t->env->metric_labels;
        s->m_rows = sl_metric_get(SL_COUNTER, "sluice_source_snapshot_rows_total", "Rows read by snapshots.", labels);
        s->m_tables = sl_metric_get(SL_GAUGE, "sluice_source_snapshot_tables", "Tables of the newest snapshot.", labels);
        s->m_left = sl_metric_get(SL_GAUGE, "sluice_source_snapshot_tables_remaining",
                                  "Those that are not read to their end; 0 = no snapshot is running.", labels);
        sl_metric_set(s->m_tables, s->count);
        sl_metric_set(s->m_left, s->left);
}

enum sl_rc sl_pg_snapshot_open(struct sl_pg_task *t, const char *name, uint64_t lsn, const struct sl_pg_offset *after,
                               struct sl_err *err)
{
        struct sl_pg_snapshot *s = &t->sn;
        char own[64] = "";
        sl_auto_pgresult *res = NULL;
        *s = (struct sl_pg_snapshot){.lsn = lsn, .after = *after};
        SL_TRY(sl_pg_connect(&t->who, false, 10000, &t->data, err));
        SL_TRY(name ? import(t, t->data, name, err) : own_snapshot(t, own, err));
        SL_TRY(sl_pg_query(t->data, &t->who, &res, err,
                           "SELECT (extract(epoch FROM current_timestamp) * 1000000)::bigint,"
                           " CASE WHEN pg_is_in_recovery() THEN -1 ELSE txid_current() END",
                           0, NULL));
        s->after.ts_us = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
        int64_t xid = strtoll(PQgetvalue(res, 0, 1), NULL, 10);
        s->after.xid = xid > 0 && after->snapshot_done ? (uint64_t)xid : after->xid;
        sl_pg_emit_txn(&t->emit, s->after.ts_us, xid, 0);
        SL_TRY(sl_pg_snapshot_plan(t, err));
        if (t->cfg->locking)
                SL_TRY(sl_pg_snapshot_lock(t, err));
        SL_TRY(open_readers(t, name ? name : own, err));
        s->left = s->count;
        open_metrics(t);
        sl_info("snapshot: %u tables in %u parts over %u connections", s->count, s->part_count, s->reader_count);
        s->told_ms = sl_mono_ms();
        s->begin_ms = s->told_ms + t->cfg->snapshot_delay_ms;
        sl_pg_line_init(t->line, &s->after);
        t->mode = SL_PG_M_SNAPSHOT;
        return SL_OK;
}

void sl_pg_snapshot_close(struct sl_pg_task *t)
{
        struct sl_pg_snapshot *s = &t->sn;
        for (uint32_t i = 0; i < SL_PG_READERS_MAX; i++) {
                if (i && s->readers[i].conn) /* the first one is the task's data */
                        PQfinish(s->readers[i].conn);
                sl_buf_free(&s->readers[i].row);
        }
        for (uint32_t i = 0; i < s->count; i++)
                sl_buf_free(&s->tables[i].held);
        s->count = s->reader_count = 0;
        memset(s->readers, 0, sizeof(s->readers));
        if (t->data)
                PQfinish(t->data);
        t->data = NULL;
}

/* ---- rows ---- */

static enum sl_rc emit(struct sl_pg_task *t, struct sl_batch *b, struct sl_pg_snaptable *table, bool last_in, bool last,
                       struct sl_err *err)
{
        struct sl_pg_snapshot *s = &t->sn;
        const char *marker = last              ? "last"
                             : s->emitted == 0 ? "first"
                             : last_in         ? "last_in_data_collection"
                             : !table->begun   ? "first_in_data_collection"
                                               : "true";
        struct sl_pg_tuple row = {.cols = t->line->cols[0]};
        const struct sl_buf *held = &table->held;
        char *text = sl_arena_strndup(&b->arena, held->ptr, held->len); /* decoding works in place */
        table->begun = true;
        table->holds = false;
        s->emitted++;
        if (!sl_pg_copy_row(text, held->len, &row))
                return sl_fail(err, SL_E_PG_PROTOCOL, "a row of COPY could not be read");
        struct sl_str raw = SL_STR_NULL;
        if (sl_unlikely(t->line->dead_letters))
                raw = (struct sl_str){sl_arena_strndup(&b->arena, held->ptr, held->len), held->len};
        uint32_t before = b->count;
        enum sl_rc rc = sl_pg_emit_read(&t->emit, b, table->rel, &row, marker, s->lsn, err);
        if (sl_likely(!t->line->dead_letters) || (rc != SL_OK && err->scope != SL_SCOPE_RECORD))
                return rc;
        sl_pg_line_keep_raw(table->rel, s->lsn, raw, rc == SL_OK ? NULL : err, b, before);
        sl_err_clear(err);
        return SL_OK;
}

/* The table that was read to its end gives its last row away. */
static enum sl_rc leave(struct sl_pg_task *t, struct sl_batch *b, bool last, struct sl_err *err)
{
        struct sl_pg_snaptable *table = t->sn.leaving;
        if (!table)
                return SL_OK;
        t->sn.leaving = NULL;
        enum sl_rc rc = emit(t, b, table, true, last, err);
        sl_buf_free(&table->held);
        return rc;
}

/* A row is there: it takes the place of the one that its table holds. */
static enum sl_rc take(struct sl_pg_task *t, struct sl_batch *b, struct sl_pg_reader *r, struct sl_err *err)
{
        struct sl_pg_snaptable *table = r->part->table;
        if (sl_unlikely(t->sn.leaving != NULL))
                SL_TRY(leave(t, b, false, err));
        if (sl_likely(table->holds))
                SL_TRY(emit(t, b, table, false, false, err));
        struct sl_buf swap = table->held;
        table->held = r->row;
        table->holds = true;
        r->row = swap;
        sl_buf_clear(&r->row);
        return SL_OK;
}

static enum sl_rc end_part(struct sl_pg_task *t, struct sl_batch *b, struct sl_pg_reader *r, struct sl_err *err)
{
        struct sl_pg_snapshot *s = &t->sn;
        struct sl_pg_snaptable *table = r->part->table;
        r->part = NULL;
        if (--table->parts > 0)
                return SL_OK;
        sl_metric_set(s->m_left, --s->left);
        if (!table->holds)
                return SL_OK;
        SL_TRY(leave(t, b, false, err));
        s->leaving = table;
        return SL_OK;
}

/* ---- one connection ---- */

static enum sl_rc broken(const struct sl_pg_reader *r, struct sl_err *err)
{
        return sl_pg_fail(err, r->conn, NULL, "the snapshot's connection to Postgres broke off");
}

static enum sl_rc start_part(struct sl_pg_task *t, struct sl_pg_reader *r, struct sl_err *err)
{
        struct sl_buf sql = {0};
        r->part = &t->sn.parts[t->sn.next++];
        sl_pg_snapshot_sql(r->part, &sql);
        int sent = PQsendQuery(r->conn, sl_buf_cstr(&sql));
        sl_buf_free(&sql);
        r->copying = false;
        return sent ? SL_OK : broken(r, err);
}

/* The answer to COPY, before its rows or after them. */
static enum sl_rc result(struct sl_pg_task *t, struct sl_batch *b, struct sl_pg_reader *r, struct sl_err *err)
{
        sl_auto_pgresult *res = PQgetResult(r->conn);
        if (!res)
                return end_part(t, b, r, err);
        if (PQresultStatus(res) == PGRES_COPY_OUT) {
                r->copying = true;
        } else if (PQresultStatus(res) != PGRES_COMMAND_OK) {
                enum sl_rc rc = sl_pg_fail(err, r->conn, res, "the snapshot could not read a table");
                sl_err_prefix(err, "%s.%s", r->part->table->rel->schema, r->part->table->rel->table);
                return rc;
        }
        return SL_OK;
}

/* A row is one message and one line; libpq copies it into our buffer without an allocation of its own. */
static enum sl_rc rows(struct sl_pg_task *t, struct sl_batch *b, struct sl_pg_reader *r, bool *ret_wait,
                       struct sl_err *err)
{
        while (!sl_batch_full(b)) {
                if (!sl_buf_room(&r->row, r->row.len < ROW_ROOM ? ROW_ROOM : r->row.len))
                        return sl_fail(err, SL_E_TOO_LARGE, "a row of %s.%s passes 1 GiB as text",
                                       r->part->table->rel->schema, r->part->table->rel->table);
                size_t room = r->row.cap - r->row.len;
                int n = PQgetlineAsync(r->conn, r->row.ptr + r->row.len, room > INT32_MAX ? INT32_MAX : (int)room);
                if (n <= 0) {
                        *ret_wait = n == 0;
                        r->copying = n == 0;
                        return SL_OK;
                }
                r->row.len += (size_t)n;
                if (sl_likely(r->row.ptr[r->row.len - 1] == '\n'))
                        SL_TRY(take(t, b, r, err));
        }
        return SL_OK;
}

/* Read until the batch is full, or there is nothing to do without waiting. */
static enum sl_rc read_some(struct sl_pg_task *t, struct sl_batch *b, struct sl_pg_reader *r, struct sl_err *err)
{
        struct sl_pg_snapshot *s = &t->sn;
        bool consumed = false;
        while (!sl_batch_full(b)) {
                if (!r->part && s->next == s->part_count)
                        return SL_OK;
                if (!r->part)
                        SL_TRY(start_part(t, r, err));
                bool wait = false;
                if (r->copying)
                        SL_TRY(rows(t, b, r, &wait, err));
                else if (PQisBusy(r->conn))
                        wait = true;
                else
                        SL_TRY(result(t, b, r, err));
                if (!wait) {
                        consumed = false;
                        continue;
                }
                if (consumed) /* nothing came since we looked */
                        return SL_OK;
                if (PQflush(r->conn) < 0 || !PQconsumeInput(r->conn))
                        return broken(r, err);
                consumed = true;
        }
        return SL_OK;
}

/* ---- all of it ---- */

static void tell(struct sl_pg_task *t, bool end)
{
        struct sl_pg_snapshot *s = &t->sn;
        int64_t now = sl_mono_ms();
        sl_metric_add(s->m_rows, (int64_t)(s->emitted - s->counted));
        s->counted = s->emitted;
        if (end)
                sl_info("snapshot: read rows=%llu tables=%u seconds=%lld", (unsigned long long)s->emitted, s->count,
                        (long long)(now - s->begin_ms) / 1000);
        else if (now - s->told_ms >= TELL_MS)
                sl_info("snapshot: reading rows=%llu tables=%u of %u", (unsigned long long)s->emitted,
                        s->count - s->left, s->count);
        else
                return;
        s->told_ms = now;
}

static enum sl_rc finish(struct sl_pg_task *t, struct sl_batch *b, struct sl_err *err)
{
        struct sl_pg_snapshot *s = &t->sn;
        SL_TRY(leave(t, b, true, err));
        tell(t, true);
        sl_pg_snapshot_close(t);
        t->must_hand = true;
        if (!t->only_snapshot && !t->cfg->streaming_delay_ms)
                return sl_pg_follow(t, &s->after, err);
        if (!t->only_snapshot)
                s->follow_ms = sl_mono_ms() + t->cfg->streaming_delay_ms;
        sl_pg_line_init(t->line, &s->after);
        t->mode = SL_PG_M_IDLE;
        return SL_OK;
}

enum sl_rc sl_pg_snapshot_follow(struct sl_pg_task *t, struct sl_err *err)
{
        if (!t->sn.follow_ms || sl_mono_ms() < t->sn.follow_ms)
                return SL_OK;
        t->sn.follow_ms = 0;
        return sl_pg_follow(t, &t->sn.after, err);
}

enum sl_rc sl_pg_snapshot_poll(struct sl_pg_task *t, struct sl_batch *b, bool *ret_more, struct sl_err *err)
{
        struct sl_pg_snapshot *s = &t->sn;
        if (sl_mono_ms() < s->begin_ms)
                return SL_OK;
        for (uint32_t i = 0; i < s->reader_count && !sl_batch_full(b); i++) {
                SL_TRY(read_some(t, b, &s->readers[s->turn], err));
                s->turn = (s->turn + 1) % s->reader_count;
        }
        *ret_more = sl_batch_full(b);
        if (s->left == 0)
                return finish(t, b, err);
        tell(t, false);
        return SL_OK;
}

bool sl_pg_snapshot_position(const struct sl_pg_task *t, struct sl_position *ret)
{
        bool boundary;
        if (!t->sn.emitted || !sl_pg_line_position(t->line, ret, &boundary))
                return false;
        ret->w[SL_PG_W_FLAGS] |= SL_PG_F_RUNNING;
        return true;
}

void sl_pg_snapshot_wait(const struct sl_pg_task *t, struct sl_wait *w)
{
        const struct sl_pg_snapshot *s = &t->sn;
        for (uint32_t i = 0; i < s->reader_count; i++)
                if (s->readers[i].part)
                        sl_wait_fd(w, PQsocket(s->readers[i].conn), POLLIN);
        int64_t now = sl_mono_ms();
        if (now < s->begin_ms)
                sl_wait_ms(w, s->begin_ms - now);
}
