/* SPDX-License-Identifier: Apache-2.0 */
/* A backlog is read through SQL, which the server hands over many times faster than its walsender: a temporary copy of
 * the slot is read in steps, COPY (SELECT lsn, data FROM pg_logical_slot_get_binary_changes(copy, NULL, n, ...)) TO
 * STDOUT (FORMAT binary) each of which ends at a commit. Rows are taken from libpq ahead of the line (up to
 * RING_BYTES), and the next step is asked for as soon as the last row of this one is here, so that the server decodes
 * while the line works. Each step decodes again from the slot's restart point, so steps grow while they are small in
 * bytes. The real slot follows by pg_replication_slot_advance, up to what Kafka has acknowledged. A step that gives
 * fewer changes than asked for has reached the end of the WAL: then streaming takes over. A step is held by the server
 * (in memory up to work_mem, then in a temporary file), with a transaction always whole. COPY's binary format:
 * "PGCOPY\n\377\r\n\0", int32 flags, int32 length of an extension, the extension; per row int16 number of fields, each
 * int32 length (-1 = null) and bytes; at the end int16 -1. */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "connectors/postgres/slot.h"

#define RING_BYTES (16u << 20)
#define RING_ROWS (1u << 16)
#define ROW_COST 64 /* of malloc and the ring */
#define ADVANCE_BYTES (64 << 20)
#define ADVANCE_MS 5000
#define CONNECT_MS 10000
#define FIRST_STEP 10000          /* a step's first row comes when all of it is decoded: begin small */
#define STEP_BYTES (32u << 20) /* steps below this are doubled */
#define STEP_MAX 1600000

void sl_pg_backlog_start(struct sl_pg_task *t)
{
        struct sl_pg_backlog *bl = &t->bl;
        if (!bl->ring) {
                bl->cap = RING_ROWS;
                bl->ring = sl_calloc(bl->cap, sizeof(*bl->ring));
        }
        t->data = sl_pg_conn_start(&t->who, false);
        bl->state = SL_PG_BL_CONNECTING;
        bl->connect_until = sl_mono_ms() + CONNECT_MS;
        bl->advanced_ms = sl_mono_ms();
        bl->step = t->cfg->backlog_changes < FIRST_STEP ? t->cfg->backlog_changes : FIRST_STEP;
        bl->step_bytes = 0;
        t->mode = SL_PG_M_BACKLOG;
}

void sl_pg_backlog_close(struct sl_pg_task *t)
{
        struct sl_pg_backlog *bl = &t->bl;
        for (; bl->count; bl->count--)
                PQfreemem(bl->ring[bl->head++ & (bl->cap - 1)].buf);
        bl->bytes = 0;
        free(bl->ring);
        bl->ring = NULL;
        if (t->data)
                PQfinish(t->data);
        t->data = NULL;
        bl->state = SL_PG_BL_NONE;
}

static enum sl_rc broke(struct sl_pg_task *t, const PGresult *res, struct sl_err *err)
{
        return sl_pg_fail(err, t->data, res, "reading the backlog");
}

static enum sl_rc send_copy_slot(struct sl_pg_task *t, struct sl_err *err)
{
        char sql[512], from[256], to[256];
        snprintf(t->bl.slot, sizeof(t->bl.slot), "sluice_backlog_%d_%llx", PQbackendPID(t->data),
                 (unsigned long long)sl_mono_us());
        snprintf(sql, sizeof(sql),
                 "SET work_mem = '48MB'; " SL_PG_WIDEN "; SELECT lsn FROM pg_copy_logical_replication_slot(%s, %s, true)",
                 sl_pg_quote(from, t->cfg->slot), sl_pg_quote(to, t->bl.slot));
        t->bl.state = SL_PG_BL_SLOT;
        return PQsendQuery(t->data, sql) ? SL_OK : broke(t, NULL, err);
}

static enum sl_rc send_copy(struct sl_pg_task *t, struct sl_err *err)
{
        struct sl_buf sql = {0};
        char slot[256];
        sl_buf_printf(&sql, "COPY (SELECT lsn, data FROM pg_catalog.pg_logical_slot_get_binary_changes(%s, NULL, %d",
                      sl_pg_quote(slot, t->bl.slot), t->bl.step);
        sl_pg_stream_options(t->cfg, true, 1, &sql);
        sl_buf_adds(&sql, PQserverVersion(t->data) >= 140000 ? ", 'messages', 'true'" : "");
        sl_buf_adds(&sql, ")) TO STDOUT (FORMAT binary)");
        int ok = PQsendQuery(t->data, sl_buf_cstr(&sql));
        sl_buf_free(&sql);
        t->bl.rows = 0;
        t->bl.step_bytes = 0;
        t->bl.header = t->bl.trailer = false;
        t->bl.state = SL_PG_BL_WAIT;
        return ok ? SL_OK : broke(t, NULL, err);
}

/* No copy of the slot is to be had (all slots in use, rights): stream instead. */
static enum sl_rc give_up(struct sl_pg_task *t, const PGresult *res, struct sl_err *err)
{
        const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
        if (!state || (strcmp(state, "53400") != 0 && strcmp(state, "42501") != 0 && strcmp(state, "42883") != 0))
                return broke(t, res, err);
        t->bl.off = true;
        t->bl.state = SL_PG_BL_END;
        return SL_OK;
}

/* The copy stands where the slot stood: past our position, changes would be missing. */
static enum sl_rc check_copy(struct sl_pg_task *t, const PGresult *res, struct sl_err *err)
{
        uint64_t lsn;
        if (PQntuples(res) != 1 || !sl_pg_lsn_parse(PQgetvalue(res, 0, 0), &lsn) || lsn <= t->line->done_lsn)
                return SL_OK;
        return sl_fail(err, sl_pg_slot_snapshot_when_lost(t->cfg) ? SL_E_PG_STREAM : SL_E_PG_SLOT_LOST,
                       "slot %s was moved past the place where the task has to go on, or made anew. Delete the "
                       "connector's offsets for a new snapshot",
                       t->cfg->slot);
}

/* A result of the running statement (there is one, or the statement is over). */
static enum sl_rc take_result(struct sl_pg_task *t, struct sl_err *err)
{
        struct sl_pg_backlog *bl = &t->bl;
        sl_auto_pgresult *res = PQgetResult(t->data);
        if (!res) { /* over */
                if (bl->state == SL_PG_BL_SLOT)
                        return send_copy(t, err);
                if (bl->state == SL_PG_BL_TAIL && bl->rows >= (uint32_t)bl->step) {
                        if (bl->step < t->cfg->backlog_changes)
                                bl->step = t->cfg->backlog_changes;
                        else if (bl->step_bytes < STEP_BYTES && bl->step <= STEP_MAX / 2)
                                bl->step *= 2;
                        return send_copy(t, err);
                }
                bl->state = SL_PG_BL_END;
                return SL_OK;
        }
        switch (PQresultStatus(res)) {
        case PGRES_COPY_OUT:
                bl->state = SL_PG_BL_COPY;
                return SL_OK;
        case PGRES_COMMAND_OK:
                return SL_OK;
        case PGRES_TUPLES_OK:
                return bl->state == SL_PG_BL_SLOT ? check_copy(t, res, err) : SL_OK;
        default:
                return bl->state == SL_PG_BL_SLOT ? give_up(t, res, err) : broke(t, res, err);
        }
}

/* One CopyData: maybe the header, then a row or the trailer. false = malformed. */
static bool take_row(struct sl_pg_backlog *bl, char *buf, uint32_t size, bool *ret_row)
{
        static const uint8_t signature[11] = "PGCOPY\n\377\r\n";
        struct sl_cur c = sl_cur_of(buf, size);
        *ret_row = false;
        if (!bl->header) {
                const uint8_t *sig = sl_cur_take(&c, 11);
                sl_cur_u32(&c);
                sl_cur_take(&c, sl_cur_u32(&c));
                if (c.bad || memcmp(sig, signature, 11) != 0)
                        return false;
                bl->header = true;
                if (c.p == c.end)
                        return true;
        }
        uint16_t fields = sl_cur_u16(&c);
        if (fields == 0xffff) {
                bl->trailer = true;
                return !c.bad && c.p == c.end;
        }
        uint32_t lsn_len = sl_cur_u32(&c);
        uint64_t lsn = sl_cur_u64(&c);
        uint32_t len = sl_cur_u32(&c);
        const char *msg = (const char *)sl_cur_take(&c, len);
        if (c.bad || fields != 2 || lsn_len != 8 || c.p != c.end || bl->trailer)
                return false;
        bl->ring[(bl->head + bl->count++) & (bl->cap - 1)] = (struct sl_pg_row){buf, msg, len, size, lsn};
        bl->bytes += size + ROW_COST;
        bl->step_bytes += size;
        bl->rows++;
        *ret_row = true;
        return true;
}

static bool ring_full(const struct sl_pg_backlog *bl)
{
        return bl->count == bl->cap || bl->bytes >= RING_BYTES;
}

static enum sl_rc take_rows(struct sl_pg_task *t, bool *ret_wait, struct sl_err *err)
{
        struct sl_pg_backlog *bl = &t->bl;
        while (!ring_full(bl)) {
                char *buf = NULL;
                int n = PQgetCopyData(t->data, &buf, 1);
                if (n == 0) {
                        *ret_wait = true;
                        return SL_OK;
                }
                if (n == -2)
                        return broke(t, NULL, err);
                if (n == -1) {
                        bl->state = SL_PG_BL_TAIL;
                        return SL_OK;
                }
                bool row;
                bool ok = take_row(bl, buf, (uint32_t)n, &row);
                if (!row)
                        PQfreemem(buf);
                if (!ok)
                        return sl_fail(err, SL_E_PG_PROTOCOL, "a row of COPY could not be read (%d bytes)", n);
        }
        return SL_OK;
}

/* Move what libpq has into the ring, and the statements along. */
static enum sl_rc fill(struct sl_pg_task *t, struct sl_err *err)
{
        struct sl_pg_backlog *bl = &t->bl;
        bool ready, consumed = false;
        if (bl->state == SL_PG_BL_CONNECTING) {
                SL_TRY(sl_pg_conn_poll(t->data, &ready, &bl->events, err));
                if (!ready && sl_mono_ms() > bl->connect_until)
                        return sl_fail(err, SL_E_PG_CONNECT, "no answer from Postgres at %s:%d", t->cfg->hostname,
                                       t->cfg->port);
                if (!ready)
                        return SL_OK;
                SL_TRY(send_copy_slot(t, err));
        }
        while (bl->state != SL_PG_BL_END && !ring_full(bl)) {
                bool wait = false;
                if (bl->state == SL_PG_BL_COPY)
                        SL_TRY(take_rows(t, &wait, err));
                else if (PQisBusy(t->data))
                        wait = true;
                else
                        SL_TRY(take_result(t, err));
                if (!wait) {
                        consumed = false;
                        continue;
                }
                if (consumed)
                        return SL_OK;
                if (PQflush(t->data) < 0 || !PQconsumeInput(t->data))
                        return broke(t, NULL, err);
                consumed = true;
        }
        return SL_OK;
}

/* Ask for the slot to follow. */
enum sl_rc sl_pg_backlog_acked(struct sl_pg_task *t, struct sl_err *err)
{
        struct sl_pg_backlog *bl = &t->bl;
        char sql[400], slot[256], lsn[24];
        int64_t now = sl_mono_ms();
        SL_TRY(sl_pg_ctl_poll(t, NULL, err));
        if (sl_pg_slot_manual(t->cfg) || t->ctl_state != SL_PG_CTL_IDLE || t->flush_lsn <= bl->advanced ||
            (t->flush_lsn - bl->advanced < ADVANCE_BYTES && now - bl->advanced_ms < ADVANCE_MS) ||
            now - bl->advanced_ms < 1000)
                return SL_OK;
        bl->advancing = t->flush_lsn;
        bl->advanced_ms = now;
        snprintf(sql, sizeof(sql), "SELECT end_lsn FROM pg_catalog.pg_replication_slot_advance(%s, '%s')",
                 sl_pg_quote(slot, t->cfg->slot), sl_pg_lsn_text(lsn, t->flush_lsn));
        return sl_pg_ctl_send(t, SL_PG_CTL_ADVANCE, sql, err);
}

enum sl_rc sl_pg_backlog_poll(struct sl_pg_task *t, struct sl_batch *b, bool *ret_more, struct sl_err *err)
{
        struct sl_pg_backlog *bl = &t->bl;
        SL_TRY(sl_pg_backlog_acked(t, err));
        SL_TRY(fill(t, err));
        while (bl->count && !sl_batch_full(b)) {
                struct sl_pg_row row = bl->ring[bl->head & (bl->cap - 1)];
                bool used = false;
                bl->head++;
                bl->count--;
                bl->bytes -= row.size + ROW_COST;
                enum sl_rc rc = sl_pg_line_message(t->line, row.lsn, (struct sl_str){row.msg, row.len}, b, &used, err);
                if (used)
                        sl_batch_adopt(b, row.buf, PQfreemem, row.size);
                else
                        PQfreemem(row.buf);
                SL_TRY(rc);
                if (sl_unlikely(b->end_at_boundary) && b->count && !t->line->inside)
                        break;
        }
        *ret_more = bl->count > 0;
        if (bl->count || bl->state != SL_PG_BL_END)
                return SL_OK;
        if (t->line->inside)
                return sl_fail(err, SL_E_PG_PROTOCOL, "a step of the backlog ended inside a transaction");
        sl_pg_backlog_close(t);
        t->mode = SL_PG_M_STREAM;
        *ret_more = true;
        return SL_OK;
}
