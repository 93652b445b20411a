/* SPDX-License-Identifier: Apache-2.0 */
/* Incremental snapshots: the chunk and what changes do to it. See incremental.h for why this is safe.
 *
 * A chunk's life: OPEN the watermark row (not with read.only), BEGIN a transaction whose snapshot is noted, MAX (once a
 * table), ROWS, COMMIT, CLOSE the watermark row, WAIT for it (or for the WAL position) in the stream, DRAIN. A chunk without
 * rows ends its table, and the next table goes on in the same window. Its rows are converted when they come and held in a
 * batch of our own. Errors of SQL leave the table out; a lost connection is opened again and the chunk is read again. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"
#include "connectors/postgres/incremental.h"

#define CONNECT_MS 10000
#define RETRY_MS 1000
#define CHUNK_BYTES (16u << 20) /* of rows in memory; a chunk of wider ones has fewer */
#define SEEN_BYTES (8u << 20)   /* of keys changed while a chunk is read; then the stream waits */
#define AHEAD (1u << 20)        /* transactions that end at once: more are not open at a time */
#define SOURCE 2                /* field of the envelope: before, after, source, ... */
#define TS_MS 5

/* ---- the window ---- */

/* One text of any value, equal for equal values. */
static void key_text(const struct sl_value *v, struct sl_buf *out)
{
        sl_buf_addc(out, (char)v->type);
        switch ((enum sl_type)v->type) {
        case SL_NULL:
        case SL_TYPE_COUNT:
                return;
        case SL_BOOLEAN:
                sl_buf_addc(out, v->b ? 1 : 0);
                return;
        case SL_STRING:
        case SL_BYTES:
                sl_buf_add(out, &v->len, sizeof(v->len));
                sl_buf_add(out, v->ptr, v->len);
                return;
        case SL_ARRAY:
        case SL_MAP:
        case SL_STRUCT:
                sl_buf_add(out, &v->len, sizeof(v->len));
                for (uint32_t i = 0; i < v->len * (v->type == SL_MAP ? 2 : 1); i++)
                        key_text(&v->items[i], out);
                return;
        default:
                sl_buf_add(out, &v->i64, sizeof(v->i64)); /* doubles too */
        }
}

/* The key of a record: its own, or for a table without one the surrogate's value in `side` (before or after). */
static bool record_key(struct sl_pg_incr *in, const struct sl_record *rec, int side, struct sl_str *ret)
{
        const struct sl_value *key = &rec->key;
        if (!rec->key_schema) {
                int32_t out = in->rel->nkey ? -1 : in->rel->cols[in->order[0]].out;
                if (out < 0 || rec->value.type != SL_STRUCT || rec->value.items[side].type != SL_STRUCT)
                        return false;
                key = &rec->value.items[side].items[out];
        }
        sl_buf_clear(&in->key);
        key_text(key, &in->key);
        *ret = (struct sl_str){in->key.ptr, in->key.len};
        return true;
}

static void drop_key(struct sl_pg_incr *in, struct sl_str key)
{
        if (in->state < SL_PG_IN_COMMIT) { /* the rows are not here yet */
                if (!sl_map_get(&in->seen, key)) {
                        sl_map_put(&in->seen, key, in);
                        in->seen_bytes += key.len + 64;
                }
                return;
        }
        for (uintptr_t i = (uintptr_t)sl_map_get(&in->index, key); i; i = in->info[i - 1].next)
                in->info[i - 1].gone = true;
}

enum sl_rc sl_pg_incr_change(struct sl_pg_task *t, struct sl_pg_relation *rel, uint64_t lsn, struct sl_batch *b,
                             uint32_t before, struct sl_err *err)
{
        struct sl_pg_incr *in = t->incr;
        struct sl_str key;
        if (in->sig_table && strcmp(rel->table, in->sig_table) == 0 && strcmp(rel->schema, in->sig_schema) == 0)
                SL_TRY(sl_pg_signal_row(t, lsn, b, err));
        if (!in->rel || rel->oid != in->rel->oid || in->state < SL_PG_IN_OPEN)
                return SL_OK;
        if (t->line->msg.kind == 'T') {
                in->wiped = true;
                return SL_OK;
        }
        if (rel->key_schema != in->rel->key_schema)
                in->stale = true;
        for (uint32_t i = before; i < b->count; i++)
                for (int side = 0; side < (b->records[i].key_schema ? 1 : 2); side++)
                        if (record_key(in, &b->records[i], side, &key))
                                drop_key(in, key);
        return SL_OK;
}

bool sl_pg_incr_holds(const struct sl_pg_task *t)
{
        const struct sl_pg_incr *in = t->incr;
        return in->seen_bytes > SEEN_BYTES && in->state >= SL_PG_IN_OPEN && in->state < SL_PG_IN_COMMIT;
}

static void forget_seen(struct sl_pg_incr *in)
{
        sl_map_free(&in->seen, NULL);
        in->seen = (struct sl_map){0};
        in->seen_bytes = 0;
}

/* Throws the chunk away. */
static void forget_chunk(struct sl_pg_incr *in)
{
        sl_batch_reset(&in->rows);
        sl_map_free(&in->index, NULL);
        in->index = (struct sl_map){0};
        forget_seen(in);
        in->wiped = in->stale = in->closed = in->release = false;
        in->drained = 0;
}

/* ---- tables ---- */

static void next_table(struct sl_pg_task *t, struct sl_batch *b, const char *status)
{
        struct sl_pg_incr *in = t->incr;
        char rows[24], *all = sl_pg_collections_text(in->list, in->count), *this = sl_pg_collections_text(in->list, 1);
        snprintf(rows, sizeof(rows), "%llu", (unsigned long long)in->scanned);
        const struct sl_pg_pair pairs[] = {{"data_collections", all},
                                           {"scanned_collection", this},
                                           {"total_rows_scanned", rows},
                                           {"status", status}};
        sl_info("incremental snapshot of %s ended: %s, %s rows", this, status, rows);
        sl_pg_notify(t, b, SL_PG_INCREMENTAL, "TABLE_SCAN_COMPLETED", in->correlation, pairs, 4);
        if (in->count == 1)
                sl_pg_notify(t, b, SL_PG_INCREMENTAL, "COMPLETED", in->correlation, NULL, 0);
        sl_pg_incr_unwatch(t);
        sl_pg_incstate_next(in);
        t->must_hand = true;
        free(all);
        free(this);
}

static void progress(struct sl_pg_task *t, struct sl_batch *b, const struct sl_str *last)
{
        struct sl_pg_incr *in = t->incr;
        struct sl_buf max = {0}, at = {0};
        if (!sl_pg_notifies(&in->notify))
                return;
        for (uint32_t i = 0; i < in->order_n; i++) {
                sl_buf_adds(&max, i ? "," : "");
                sl_buf_adds(&at, i ? "," : "");
                sl_buf_add_str(&max, in->max[i].ptr ? in->max[i] : SL_STR("<null>"));
                sl_buf_add_str(&at, last[i].ptr ? last[i] : SL_STR("<null>"));
        }
        char *all = sl_pg_collections_text(in->list, in->count), *this = sl_pg_collections_text(in->list, 1);
        const struct sl_pg_pair pairs[] = {{"data_collections", all},
                                           {"current_collection_in_progress", this},
                                           {"maximum_key", sl_buf_cstr(&max)},
                                           {"last_processed_key", sl_buf_cstr(&at)}};
        sl_pg_notify(t, b, SL_PG_INCREMENTAL, "IN_PROGRESS", in->correlation, pairs, 4);
        free(all);
        free(this);
        sl_buf_free(&max);
        sl_buf_free(&at);
}

/* ---- statements ---- */

/* Postgres refused something, or the connection is gone (res NULL). */
static void failed(struct sl_pg_task *t, struct sl_batch *b, const PGresult *res)
{
        struct sl_pg_incr *in = t->incr;
        struct sl_err why = {0};
        const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
        if (sl_pg_fail(&why, in->conn, res, "reading a chunk failed") == SL_OK)
                return;
        bool again = !state || strncmp(state, "57", 2) == 0 || strncmp(state, "08", 2) == 0 || strncmp(state, "40", 2) == 0 ||
                     strncmp(state, "53", 2) == 0;
        if (state && strcmp(state, "42703") == 0 && !in->altered) { /* a column is gone since the table was prepared */
                again = in->altered = true;
                sl_pg_incr_unwatch(t);
        }
        sl_pg_incr_hang_up(in);
        forget_chunk(in);
        in->state = SL_PG_IN_IDLE;
        if (again) {
                sl_warn("incremental snapshot of %s.%s: %s; trying again", in->list[0].schema, in->list[0].table, why.msg);
                in->retry_at = sl_mono_ms() + RETRY_MS;
                return;
        }
        sl_warn("incremental snapshot of %s.%s: %s; the table is left out", in->list[0].schema, in->list[0].table, why.msg);
        next_table(t, b, "SQL_EXCEPTION");
}

static void send(struct sl_pg_task *t, struct sl_batch *b, struct sl_buf *sql, int state)
{
        struct sl_pg_incr *in = t->incr;
        in->state = state;
        /* what a signal brought goes through the extended protocol: one statement, in a transaction that can't write */
        bool foreign = state == SL_PG_IN_MAX || state == SL_PG_IN_ROWS;
        int ok = foreign ? PQsendQueryParams(in->conn, sl_buf_cstr(sql), 0, NULL, NULL, NULL, NULL, 0)
                         : PQsendQuery(in->conn, sl_buf_cstr(sql));
        sl_buf_free(sql);
        if (ok && state == SL_PG_IN_ROWS)
                PQsetSingleRowMode(in->conn);
        if (!ok)
                failed(t, b, NULL);
}

/* As java.time.Instant prints it. */
static void instant(char out[40])
{
        int64_t ns = sl_wall_ns();
        time_t s = (time_t)(ns / 1000000000);
        struct tm tm;
        gmtime_r(&s, &tm);
        size_t n = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(out + n, 40 - n, ".%09lldZ", (long long)(ns % 1000000000));
}

static void send_open(struct sl_pg_task *t, struct sl_batch *b)
{
        struct sl_pg_incr *in = t->incr;
        struct sl_buf sql = {0};
        instant(in->opened_at);
        sl_buf_adds(&sql, "INSERT INTO ");
        sl_pg_inctable_signal(in, &sql);
        sl_buf_printf(&sql, " VALUES ('%s-open', 'snapshot-window-open', '{\"openWindowTimestamp\": \"%s\"}')", in->id,
                      in->opened_at);
        send(t, b, &sql, SL_PG_IN_OPEN);
}

static void send_begin(struct sl_pg_task *t, struct sl_batch *b)
{
        struct sl_buf sql = {0};
        sl_buf_adds(&sql,
                    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_catalog.txid_current_snapshot(),"
                    " pg_catalog.pg_is_in_recovery(), CASE WHEN pg_catalog.pg_is_in_recovery()"
                    " THEN GREATEST(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())"
                    " ELSE pg_catalog.pg_current_wal_insert_lsn() END");
        send(t, b, &sql, SL_PG_IN_BEGIN);
}

static void send_rows(struct sl_pg_task *t, struct sl_batch *b)
{
        struct sl_buf sql = {0};
        if (!t->incr->max) {
                sl_pg_inctable_max_sql(t->incr, &sql);
                send(t, b, &sql, SL_PG_IN_MAX);
                return;
        }
        sl_pg_inctable_rows_sql(t->incr, &sql);
        send(t, b, &sql, SL_PG_IN_ROWS);
}

static void send_commit(struct sl_pg_task *t, struct sl_batch *b)
{
        struct sl_buf sql = {0};
        sl_buf_adds(&sql, "COMMIT");
        send(t, b, &sql, SL_PG_IN_COMMIT);
}

static void send_close(struct sl_pg_task *t, struct sl_batch *b)
{
        struct sl_pg_incr *in = t->incr;
        struct sl_buf sql = {0};
        char now[40];
        if (t->cfg->watermark == SL_PG_WM_INSERT_DELETE) {
                sl_buf_adds(&sql, "DELETE FROM ");
                sl_pg_inctable_signal(in, &sql);
                sl_buf_printf(&sql, " WHERE id = '%s-open'", in->id);
        } else {
                instant(now);
                sl_buf_adds(&sql, "INSERT INTO ");
                sl_pg_inctable_signal(in, &sql);
                sl_buf_printf(&sql,
                              " VALUES ('%s-close', 'snapshot-window-close', '{\"openWindowTimestamp\": \"%s\", "
                              "\"closeWindowTimestamp\": \"%s\"}')",
                              in->id, in->opened_at, now);
        }
        send(t, b, &sql, SL_PG_IN_CLOSE);
}

/* ---- the chunk ---- */

/* The tables that can be read, or none. */
static enum sl_rc prepared(struct sl_pg_task *t, struct sl_batch *b, bool *ret, struct sl_err *err)
{
        struct sl_pg_incr *in = t->incr;
        const char *status = NULL;
        while (in->count && !in->rel) {
                SL_TRY(sl_pg_inctable_prepare(t, &status, err));
                if (!in->rel)
                        next_table(t, b, status);
                else
                        in->limit = (uint32_t)t->cfg->chunk_size;
        }
        *ret = in->count > 0;
        return SL_OK;
}

static enum sl_rc start(struct sl_pg_task *t, struct sl_batch *b, struct sl_err *err)
{
        struct sl_pg_incr *in = t->incr;
        bool some;
        SL_TRY(prepared(t, b, &some, err));
        if (!some) {
                sl_pg_incr_hang_up(in);
                return SL_OK;
        }
        forget_chunk(in);
        if (!in->conn) {
                in->conn = sl_pg_conn_start(&t->who, false);
                in->state = SL_PG_IN_CONNECTING;
                in->connect_until = sl_mono_ms() + CONNECT_MS;
                return SL_OK;
        }
        sl_pg_uuid(in->id);
        in->watch_nth = in->nth;
        if (in->read_only)
                send_begin(t, b);
        else
                send_open(t, b);
        return SL_OK;
}

static void connecting(struct sl_pg_task *t, struct sl_batch *b)
{
        struct sl_pg_incr *in = t->incr;
        struct sl_err why = {0};
        bool ready = false;
        if (sl_pg_conn_poll(in->conn, &ready, &in->events, &why) == SL_OK && !ready && sl_mono_ms() <= in->connect_until)
                return;
        in->state = SL_PG_IN_IDLE;
        if (!ready)
                failed(t, b, NULL);
}

/* Is a transaction invisible to the snapshot? Numbers are compared as Postgres does, modulo 2^32. */
static bool invisible(uint32_t xid, uint32_t xmin, uint32_t xmax, const char *running)
{
        if (xid - xmax < AHEAD)
                return true;
        if ((int32_t)(xid - xmin) < 0 || (int32_t)(xid - xmax) >= 0)
                return false; /* long ago; maybe so long that it looks like the future */
        for (const char *p = running; *p; p += *p == ',') {
                char *end;
                if ((uint32_t)strtoull(p, &end, 10) == xid)
                        return true;
                if (end == p)
                        break;
                p = end;
        }
        return false;
}

/* Did the stream pass a transaction, before the chunk was asked for, that this snapshot ("xmin:xmax:xid,xid") lacks? */
static bool missed(const struct sl_pg_incr *in, const char *snapshot)
{
        char *end;
        uint32_t xmin = (uint32_t)strtoull(snapshot, &end, 10), xmax = *end ? (uint32_t)strtoull(end + 1, &end, 10) : xmin;
        const char *running = *end ? end + 1 : end;
        for (uint32_t i = 0; i < SL_PG_XIDS; i++)
                if (in->xids[i].nth && in->xids[i].nth <= in->watch_nth && invisible(in->xids[i].xid, xmin, xmax, running))
                        return true;
        return false;
}

static void begun(struct sl_pg_task *t, const PGresult *res)
{
        struct sl_pg_incr *in = t->incr;
        bool standby = PQgetvalue(res, 0, 1)[0] == 't';
        if (!standby && missed(in, PQgetvalue(res, 0, 0))) /* a standby shows a commit before its stream does */
                in->stale = true;
        in->high_lsn = 0;
        sl_pg_lsn_parse(PQgetvalue(res, 0, 2), &in->high_lsn);
        /* behind a page's header the next record would begin: all before it is on the page before */
        if ((in->high_lsn & 8191) <= 40)
                in->high_lsn &= ~8191ULL;
}

static void key_of(const struct sl_pg_incr *in, const PGresult *res, bool whole_row, struct sl_str *ret)
{
        for (uint32_t i = 0; i < in->order_n; i++) {
                int col = whole_row ? (int)in->order[i] : (int)i;
                ret[i] = PQgetisnull(res, 0, col)
                                 ? SL_STR_NULL
                                 : (struct sl_str){PQgetvalue(res, 0, col), (size_t)PQgetlength(res, 0, col)};
        }
}

/* A row as COPY would write it, for dead letters. */
static struct sl_str copy_line(const PGresult *res, struct sl_arena *arena)
{
        struct sl_buf out = {0};
        for (int i = 0; i < PQnfields(res); i++) {
                sl_buf_adds(&out, i ? "\t" : "");
                if (PQgetisnull(res, 0, i))
                        sl_buf_adds(&out, "\\N");
                for (const char *p = PQgetvalue(res, 0, i); *p; p++) {
                        const char *special = "\b\f\n\r\t\v\\", *hit = strchr(special, *p);
                        if (hit)
                                sl_buf_addc(&out, '\\');
                        sl_buf_addc(&out, hit ? "bfnrtv\\"[hit - special] : *p);
                }
        }
        struct sl_str line = {sl_arena_strndup(arena, sl_buf_cstr(&out), out.len), out.len};
        sl_buf_free(&out);
        return line;
}

static enum sl_rc add_row(struct sl_pg_task *t, PGresult *res, struct sl_err *err)
{
        struct sl_pg_incr *in = t->incr;
        struct sl_pg_tuple row = {.n = (uint32_t)PQnfields(res), .cols = t->line->cols[0]};
        uint32_t at = in->rows.count;
        struct sl_pg_emit emit = t->emit;
        size_t bytes = 0;
        emit.xid = -1;
        emit.origin = SL_STR_NULL;
        for (int i = 0; i < PQnfields(res); i++) {
                bool null = PQgetisnull(res, 0, i);
                row.cols[i] = (struct sl_pg_datum){.ptr = null ? NULL : PQgetvalue(res, 0, i),
                                                   .len = (uint32_t)PQgetlength(res, 0, i),
                                                   .kind = null ? 'n' : 't'};
                bytes += row.cols[i].len;
        }
        sl_batch_adopt(&in->rows, res, (void (*)(void *))PQclear, bytes + 64 * row.n);
        enum sl_rc rc = sl_pg_emit_read(&emit, &in->rows, in->rel, &row, "incremental", 0, err);
        if (sl_unlikely(t->line->dead_letters) && (rc == SL_OK || err->scope == SL_SCOPE_RECORD)) {
                sl_pg_line_keep_raw(in->rel, in->high_lsn, copy_line(res, &in->rows.arena), rc == SL_OK ? NULL : err,
                                    &in->rows, at);
                sl_err_clear(err);
                rc = SL_OK;
        }
        SL_TRY(rc);
        if (in->info_cap <= at) {
                in->info_cap = in->info_cap ? in->info_cap * 2 : 1024;
                in->info = sl_realloc(in->info, in->info_cap * sizeof(*in->info));
        }
        in->info[at] = (struct sl_pg_chunk_row){.res = res};
        return SL_OK;
}

/* All rows are here: know them by their keys, and leave out what has changed since they were asked for. */
static void index_rows(struct sl_pg_incr *in)
{
        struct sl_str key;
        for (uint32_t i = 0; i < in->rows.count; i++) {
                if (!record_key(in, &in->rows.records[i], 1, &key))
                        continue;
                in->info[i].gone = sl_map_get(&in->seen, key) != NULL;
                in->info[i].next = (uint32_t)(uintptr_t)sl_map_get(&in->index, key);
                sl_map_put(&in->index, key, (void *)(uintptr_t)(i + 1));
        }
        forget_seen(in);
}

static enum sl_rc got_rows(struct sl_pg_task *t, struct sl_batch *b, struct sl_err *err)
{
        struct sl_pg_incr *in = t->incr;
        struct sl_str last[32];
        bool some;
        in->altered = false;
        if (in->rows.count) {
                index_rows(in);
                in->scanned += in->rows.count;
                key_of(in, in->info[in->rows.count - 1].res, true, last);
                progress(t, b, last);
        } else if (!in->stale) {
                next_table(t, b, "SUCCEEDED");
                SL_TRY(prepared(t, b, &some, err));
        }
        send_commit(t, b);
        return SL_OK;
}

/* Rows wider than memory allows: what came is the chunk, the next ones have as many rows. */
static enum sl_rc too_wide(struct sl_pg_task *t, struct sl_batch *b, struct sl_err *err)
{
        struct sl_pg_incr *in = t->incr;
        in->limit = in->rows.count * 3 / 4 + 1;
        sl_pg_incr_hang_up(in); /* the server is in the middle of the rest */
        SL_TRY(sl_pg_connect(&t->who, false, CONNECT_MS, &in->conn, err));
        return got_rows(t, b, err);
}

static enum sl_rc rows(struct sl_pg_task *t, struct sl_batch *b, PGresult *res, struct sl_err *err)
{
        struct sl_pg_incr *in = t->incr;
        if (PQnfields(res) != (int)in->rel->n) {
                PQclear(res);
                return sl_fail(err, SL_E_PG_PROTOCOL, "a chunk of the incremental snapshot has %d columns, not %u", PQnfields(res),
                               in->rel->n);
        }
        SL_TRY(add_row(t, res, err));
        if (in->rows.bytes + sl_arena_used(&in->rows.arena) > CHUNK_BYTES && in->rows.count < in->limit)
                return too_wide(t, b, err);
        return SL_OK;
}

/* What a statement's last result means. */
static enum sl_rc after(struct sl_pg_task *t, struct sl_batch *b, struct sl_err *err)
{
        struct sl_pg_incr *in = t->incr;
        switch (in->state) {
        case SL_PG_IN_OPEN:
                send_begin(t, b);
                return SL_OK;
        case SL_PG_IN_BEGIN:
                if (in->stale)
                        send_commit(t, b);
                else
                        send_rows(t, b);
                return SL_OK;
        case SL_PG_IN_MAX:
                if (in->max) {
                        send_rows(t, b);
                        return SL_OK;
                }
                next_table(t, b, "EMPTY");
                bool some;
                SL_TRY(prepared(t, b, &some, err));
                send_commit(t, b);
                return SL_OK;
        case SL_PG_IN_ROWS:
                return got_rows(t, b, err);
        case SL_PG_IN_COMMIT:
                if (in->rows.count == 0 && in->rel && !in->stale) { /* the next table, in the same window */
                        in->watch_nth = in->nth;
                        send_begin(t, b);
                } else if (in->read_only) {
                        in->state = SL_PG_IN_WAIT;
                } else {
                        send_close(t, b);
                }
                return SL_OK;
        case SL_PG_IN_CLOSE:
                in->state = SL_PG_IN_WAIT;
                return SL_OK;
        default:
                return SL_OK;
        }
}

static enum sl_rc result(struct sl_pg_task *t, struct sl_batch *b, PGresult *res, struct sl_err *err)
{
        struct sl_pg_incr *in = t->incr;
        ExecStatusType st = PQresultStatus(res);
        struct sl_str max[32];
        if (st == PGRES_SINGLE_TUPLE)
                return rows(t, b, res, err);
        if (st == PGRES_TUPLES_OK && PQntuples(res) == 1 && in->state == SL_PG_IN_BEGIN) {
                begun(t, res);
        } else if (st == PGRES_TUPLES_OK && PQntuples(res) == 1 && in->state == SL_PG_IN_MAX) {
                key_of(in, res, false, max);
                sl_pg_incstate_key(in, max, true);
        } else if (st != PGRES_TUPLES_OK && st != PGRES_COMMAND_OK) {
                failed(t, b, res);
        }
        PQclear(res);
        return SL_OK;
}

/* Takes what the server has answered, and asks the next thing. */
static enum sl_rc converse(struct sl_pg_task *t, struct sl_batch *b, struct sl_err *err)
{
        struct sl_pg_incr *in = t->incr;
        while (in->state >= SL_PG_IN_OPEN && in->state <= SL_PG_IN_CLOSE) {
                if (PQflush(in->conn) < 0 || !PQconsumeInput(in->conn)) {
                        failed(t, b, NULL);
                        return SL_OK;
                }
                if (PQisBusy(in->conn))
                        return SL_OK;
                PGresult *res = PQgetResult(in->conn);
                if (res)
                        SL_TRY(result(t, b, res, err));
                else
                        SL_TRY(after(t, b, err));
        }
        return SL_OK;
}

/* ---- emitting ---- */

void sl_pg_incr_closed(struct sl_pg_task *t, const char *id, uint64_t lsn)
{
        struct sl_pg_incr *in = t->incr;
        if (in->state != SL_PG_IN_CLOSE && in->state != SL_PG_IN_WAIT)
                return;
        if (strncmp(id, in->id, 36) != 0)
                return;
        in->close_lsn = lsn;
        in->close_commit = t->line->last_commit;
        in->closed = true; /* maybe before the answer to our statement */
}

static bool passed(struct sl_pg_task *t)
{
        struct sl_pg_incr *in = t->incr;
        const struct sl_pg_line *l = t->line;
        if (!in->read_only)
                return in->closed;
        uint64_t at = l->inside ? l->final_lsn : l->done_lsn;
        if (!l->inside && t->mode == SL_PG_M_STREAM && t->st.wal_end > at)
                at = t->st.wal_end;
        in->close_lsn = l->inside ? l->row_lsn : l->done_lsn;
        in->close_commit = l->last_commit;
        return at >= in->high_lsn;
}

/* What is only known when a row is emitted: times, and where the stream is. */
static void stamp(struct sl_pg_task *t, struct sl_record *rec)
{
        struct sl_pg_incr *in = t->incr;
        char text[64];
        if (rec->failed)
                return;
        int64_t ns = sl_wall_ns();
        struct sl_value *v = (struct sl_value *)rec->value.items, *src = (struct sl_value *)v[SOURCE].items; /* ours */
        int n = in->close_commit ? snprintf(text, sizeof(text), "[\"%llu\",\"%llu\"]", (unsigned long long)in->close_commit,
                                            (unsigned long long)in->close_lsn)
                                 : snprintf(text, sizeof(text), "[null,\"%llu\"]", (unsigned long long)in->close_lsn);
        src[SL_PG_S_SEQUENCE] = sl_v_str((struct sl_str){sl_arena_strndup(&in->rows.arena, text, (size_t)n), (size_t)n});
        src[SL_PG_S_TXID] = src[SL_PG_S_LSN] = SL_V_NULL;
        src[SL_PG_S_TS_MS] = v[TS_MS] = sl_v_i64(SL_INT64, ns / 1000000);
        src[SL_PG_S_TS_US] = v[TS_MS + 1] = sl_v_i64(SL_INT64, ns / 1000);
        src[SL_PG_S_TS_NS] = v[TS_MS + 2] = sl_v_i64(SL_INT64, ns);
        rec->commit_us = ns / 1000;
}

static void drain(struct sl_pg_task *t, struct sl_batch *b, bool *ret_more)
{
        struct sl_pg_incr *in = t->incr;
        struct sl_str last[32];
        uint32_t from = in->drained;
        for (; in->drained < in->rows.count && b->count < b->max_records; in->drained++) {
                if (in->wiped || in->info[in->drained].gone)
                        continue;
                struct sl_record *rec = sl_batch_add(b);
                *rec = in->rows.records[in->drained];
                stamp(t, rec);
        }
        if (in->drained > from) {
                key_of(in, in->info[in->drained - 1].res, true, last);
                sl_pg_incstate_key(in, last, false);
                t->must_hand = true;
        }
        *ret_more = true;
        if (in->drained < in->rows.count)
                return;
        in->release = true; /* b points into the rows */
        in->state = SL_PG_IN_IDLE;
        if (in->count == 0)
                sl_pg_incr_hang_up(in);
}

enum sl_rc sl_pg_incr_poll(struct sl_pg_task *t, struct sl_batch *b, bool *ret_more, struct sl_err *err)
{
        struct sl_pg_incr *in = t->incr;
        if (in->release)
                forget_chunk(in);
        SL_TRY(sl_pg_signal_file(t, b, err));
        if (!in->can_run || (in->count == 0 && in->state == SL_PG_IN_IDLE))
                return SL_OK;
        if (in->state == SL_PG_IN_CONNECTING)
                connecting(t, b);
        if (in->state == SL_PG_IN_IDLE && !in->paused && sl_mono_ms() >= in->retry_at)
                SL_TRY(start(t, b, err));
        SL_TRY(converse(t, b, err));
        if (in->state == SL_PG_IN_WAIT && in->stale) {
                /* it missed a change, or the table was altered: again */
                sl_pg_incr_unwatch(t);
                in->state = SL_PG_IN_IDLE;
                *ret_more = true;
        }
        if (in->state == SL_PG_IN_WAIT && passed(t))
                in->state = SL_PG_IN_DRAIN;
        if (in->state == SL_PG_IN_DRAIN)
                drain(t, b, ret_more);
        if (in->state == SL_PG_IN_IDLE && in->count && !in->paused && sl_mono_ms() >= in->retry_at)
                *ret_more = true;
        return SL_OK;
}

void sl_pg_incr_wait(struct sl_pg_task *t, struct sl_wait *w)
{
        struct sl_pg_incr *in = t->incr;
        int64_t now = sl_mono_ms();
        if (in->file_on)
                sl_wait_ms(w, in->file_ms + t->cfg->signal_poll_ms - now);
        if (in->state == SL_PG_IN_CONNECTING) {
                sl_wait_fd(w, PQsocket(in->conn), in->events);
                sl_wait_ms(w, in->connect_until - now);
        } else if (in->state >= SL_PG_IN_OPEN && in->state <= SL_PG_IN_CLOSE) {
                sl_wait_fd(w, PQsocket(in->conn), POLLIN);
        } else if (in->state == SL_PG_IN_IDLE && in->count && !in->paused) {
                sl_wait_ms(w, in->retry_at - now);
        }
}
