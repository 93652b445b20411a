/* SPDX-License-Identifier: Apache-2.0 */
/* A backlog is read through SQL, which the server hands over many times faster than its walsender: a temporary copy of
 * the slot is read in steps of WAL, COPY (SELECT lsn, data FROM pg_logical_slot_get_binary_changes(copy, upto, NULL,
 * ...)) TO STDOUT (FORMAT binary). The server decodes all of a step before it sends the first row, so there are two
 * legs, each a connection with its own copy: while one leg's rows are taken, the other decodes the step behind it. A
 * leg gets there by copying the other leg's slot, which stands at the end of its step as soon as its first row is here:
 * to advance its own over that step would read all of that WAL once more. With one free slot only there is one leg,
 * which takes every step.
 *
 * No change falls between two steps: a step that ends at a record gives the transactions whose commit record begins
 * before that record's end, and leaves the slot there; the next one gives those whose commit record begins there or
 * behind it (logicalfuncs.c, slotfuncs.c, SnapBuildXactNeedsSkip). What came twice the line would leave out.
 *
 * Rows are taken from libpq ahead of the line (up to RING_BYTES). Each step decodes again from the copy's restart
 * point, so a step is as long as the way from there. The real slot follows by pg_replication_slot_advance, up to what
 * Kafka has acknowledged; that reads from its restart point too, so it is asked for seldom. The last step has no end;
 * streaming takes over behind it. A step is held by the server (in memory up to work_mem, then in a temporary file),
 * with a transaction always whole. COPY's binary format:
 * "PGCOPY\n\377\r\n\0", int32 flags, int32 length of an extension, the extension; per row int16 number of fields, each
 * int32 length (-1 = null) and bytes; at the end int16 -1. */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/fault.h"
#include "connectors/postgres/slot.h"

#define RING_BYTES (4u << 20)
#define RING_ROWS (1u << 15)
#define ROW_COST 64 /* of malloc and the ring */
#define ADVANCE_BYTES (256 << 20)
#define ADVANCE_MS 5000
#define CONNECT_MS 10000
#define FIRST_STEP (4u << 20) /* bytes of WAL: the first row comes when all of its step is decoded */

void sl_pg_backlog_start(struct sl_pg_task *t)
{
        struct sl_pg_backlog *bl = &t->bl;
        if (!bl->ring) {
                bl->cap = RING_ROWS;
                bl->ring = sl_calloc(bl->cap, sizeof(*bl->ring));
        }
        for (int i = 0; i < 2; i++)
                bl->legs[i] = (struct sl_pg_leg){.conn = sl_pg_conn_start(&t->who, false), .state = SL_PG_LEG_CONNECTING};
        bl->connect_until = sl_mono_ms() + CONNECT_MS;
        bl->advanced_ms = sl_mono_ms();
        bl->next = 0;
        bl->turn = bl->taker = bl->asked = bl->read = 0;
        bl->whole = false;
        t->mode = SL_PG_M_BACKLOG;
}

static void close_leg(struct sl_pg_leg *leg)
{
        if (leg->conn)
                PQfinish(leg->conn); /* its copy of the slot is temporary */
        *leg = (struct sl_pg_leg){.state = SL_PG_LEG_END};
}

void sl_pg_backlog_close(struct sl_pg_task *t)
{
        struct sl_pg_backlog *bl = &t->bl;
        for (; bl->count; bl->count--)
                PQfreemem(bl->ring[bl->head++ & (bl->cap - 1)].buf);
        bl->bytes = 0;
        free(bl->ring);
        bl->ring = NULL;
        for (int i = 0; i < 2; i++)
                close_leg(&bl->legs[i]);
}

void sl_pg_backlog_wait(const struct sl_pg_task *t, struct sl_wait *w)
{
        for (int i = 0; i < 2; i++) {
                const struct sl_pg_leg *leg = &t->bl.legs[i];
                if (leg->conn && (i == (int)t->bl.turn || leg->state != SL_PG_LEG_COPY))
                        sl_wait_fd(w, PQsocket(leg->conn), leg->state == SL_PG_LEG_CONNECTING ? leg->events : POLLIN);
        }
}

static enum sl_rc broke(const struct sl_pg_leg *leg, const PGresult *res, struct sl_err *err)
{
        return sl_pg_fail(err, leg->conn, res, "reading the backlog");
}

static enum sl_rc send(struct sl_pg_leg *leg, enum sl_pg_leg_state state, const char *sql,
                       struct sl_err *err)
{
        leg->state = state;
        return PQsendQuery(leg->conn, sql) ? SL_OK : broke(leg, NULL, err);
}

static enum sl_rc send_copy_slot(struct sl_pg_task *t, struct sl_pg_leg *leg, struct sl_err *err)
{
        char sql[640], from[256], to[256];
        snprintf(leg->slot, sizeof(leg->slot), "sluice_backlog_%d_%llx", PQbackendPID(leg->conn),
                 (unsigned long long)sl_mono_us());
        snprintf(sql, sizeof(sql),
                 "SET work_mem = '48MB'; " SL_PG_WIDEN "; SELECT lsn FROM pg_copy_logical_replication_slot(%s, %s, true)",
                 sl_pg_quote(from, t->cfg->slot), sl_pg_quote(to, leg->slot));
        return send(leg, SL_PG_LEG_SLOT, sql, err);
}

/* How far the server decodes: what it has flushed, or replayed. A step that is to end behind it is the last one. */
#define READABLE_SQL                                                                                                   \
        "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END"

/* Who comes after this one. */
static uint32_t other_leg(const struct sl_pg_backlog *bl, uint32_t i)
{
        return bl->legs[!i].state == SL_PG_LEG_END ? i : !i;
}

/* To the place where the leg's next step begins: where the other leg's ended, or its own when there is no other. */
static enum sl_rc send_jump(struct sl_pg_task *t, struct sl_pg_leg *leg, struct sl_err *err)
{
        char sql[2048], slot[256], from[256], copy[1024] = "";
        const struct sl_pg_backlog *bl = &t->bl;
        const struct sl_pg_leg *other = &bl->legs[other_leg(bl, (uint32_t)(leg - bl->legs))];
        sl_pg_quote(slot, leg->slot);
        if (other != leg && bl->asked)
                snprintf(copy, sizeof(copy),
                         "SELECT pg_catalog.pg_drop_replication_slot(%s); "
                         "SELECT lsn FROM pg_catalog.pg_copy_logical_replication_slot(%s, %s, true); ",
                         slot, sl_pg_quote(from, other->slot), slot);
        snprintf(sql, sizeof(sql),
                 "%sSELECT confirmed_flush_lsn, restart_lsn, (" READABLE_SQL ") FROM pg_catalog.pg_replication_slots "
                 "WHERE slot_name = %s",
                 copy, slot);
        return send(leg, SL_PG_LEG_JUMP, sql, err);
}

static enum sl_rc send_step(struct sl_pg_task *t, struct sl_pg_leg *leg, struct sl_err *err)
{
        struct sl_pg_backlog *bl = &t->bl;
        struct sl_buf sql = {0};
        char slot[256], upto[24];
        uint64_t most = (uint64_t)t->cfg->backlog_step, behind = bl->next - leg->restart;
        uint64_t step = behind < FIRST_STEP ? FIRST_STEP : behind;
        step = step > most ? most : step;
        bl->whole = leg->wal <= bl->next || leg->wal - bl->next <= step;
        bl->next += step;
        bl->asked++;
        bl->taker = other_leg(bl, bl->taker);
        leg->header = leg->trailer = false;
        sl_pg_lsn_text(upto, bl->next);
        sl_buf_printf(&sql, "COPY (SELECT lsn, data FROM pg_catalog.pg_logical_slot_get_binary_changes(%s, %s%s%s, NULL",
                      sl_pg_quote(slot, leg->slot), bl->whole ? "NULL" : "'", bl->whole ? "" : upto,
                      bl->whole ? "" : "'");
        sl_pg_stream_options(t->cfg, true, 1, &sql);
        sl_buf_adds(&sql, PQserverVersion(leg->conn) >= 140000 ? ", 'messages', 'true'" : "");
        sl_buf_adds(&sql, ")) TO STDOUT (FORMAT binary)");
        enum sl_rc rc = send(leg, SL_PG_LEG_DECODE, sl_buf_cstr(&sql), err);
        sl_buf_free(&sql);
        return rc;
}

/* No copy of the slot is to be had (all slots in use, maybe since the old one was dropped; rights): the other leg is
 * enough; without any: stream. */
static enum sl_rc give_up(struct sl_pg_task *t, struct sl_pg_leg *leg, const PGresult *res, struct sl_err *err)
{
        const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
        if (!state || (strcmp(state, "53400") != 0 && strcmp(state, "42501") != 0 && strcmp(state, "42883") != 0))
                return broke(leg, res, err);
        t->bl.off |= leg->state == SL_PG_LEG_SLOT && leg == &t->bl.legs[0];
        leg->state = SL_PG_LEG_REFUSED;
        return SL_OK;
}

/* The copy stands where the slot stood: past our position, changes would be missing. */
static enum sl_rc check_copy(struct sl_pg_task *t, struct sl_pg_leg *leg, const PGresult *res, struct sl_err *err)
{
        uint64_t lsn;
        if (PQntuples(res) != 1 || !sl_pg_lsn_parse(PQgetvalue(res, 0, 0), &lsn))
                return SL_OK; /* SL_PG_WIDEN's */
        if (leg == &t->bl.legs[0] && lsn > t->line->done_lsn)
                return sl_fail(err, sl_pg_slot_snapshot_when_lost(t->cfg) ? SL_E_PG_STREAM : SL_E_PG_SLOT_LOST,
                               "slot %s was moved past the place where the task has to go on, or made anew. Delete the "
                               "connector's offsets for a new snapshot",
                               t->cfg->slot);
        if (leg == &t->bl.legs[0])
                t->bl.next = lsn;
        return SL_OK;
}

static enum sl_rc take_jump(struct sl_pg_backlog *bl, struct sl_pg_leg *leg, const PGresult *res, struct sl_err *err)
{
        if (PQnfields(res) != 3)
                return SL_OK; /* of the statements before */
        if (PQntuples(res) != 1 || !sl_pg_lsn_parse(PQgetvalue(res, 0, 0), &bl->next) ||
            !sl_pg_lsn_parse(PQgetvalue(res, 0, 1), &leg->restart) ||
            !sl_pg_lsn_parse(PQgetvalue(res, 0, 2), &leg->wal))
                return sl_fail(err, SL_E_PG_STREAM, "the copy of the slot that the backlog is read from is gone");
        return SL_OK;
}

/* The statement of a leg is over: what is next for it? In READY it waits until the other one has decoded its step. */
static enum sl_rc next_state(struct sl_pg_task *t, struct sl_pg_leg *leg, struct sl_err *err)
{
        struct sl_pg_backlog *bl = &t->bl;
        switch (leg->state) {
        case SL_PG_LEG_SLOT:
                leg->state = SL_PG_LEG_READY;
                return SL_OK;
        case SL_PG_LEG_JUMP:
                return send_step(t, leg, err);
        case SL_PG_LEG_REFUSED:
                close_leg(leg);
                bl->turn = bl->taker = leg == &bl->legs[0];
                if (bl->off)
                        close_leg(&bl->legs[1]);
                return SL_OK;
        case SL_PG_LEG_TAIL:
                leg->state = SL_PG_LEG_READY;
                bl->read++;
                bl->turn = other_leg(bl, bl->turn);
                return SL_OK;
        default:
                return sl_fail(err, SL_E_PG_PROTOCOL, "a step of the backlog gave no rows and no reason");
        }
}

/* A result of the running statement (there is one, or the statement is over). */
static enum sl_rc take_result(struct sl_pg_task *t, struct sl_pg_leg *leg, struct sl_err *err)
{
        sl_auto_pgresult *res = PQgetResult(leg->conn);
        if (!res)
                return next_state(t, leg, err);
        switch (PQresultStatus(res)) {
        case PGRES_COPY_OUT:
                leg->state = SL_PG_LEG_COPY;
                return SL_OK;
        case PGRES_COMMAND_OK:
                return SL_OK;
        case PGRES_TUPLES_OK:
                return leg->state == SL_PG_LEG_SLOT   ? check_copy(t, leg, res, err)
                       : leg->state == SL_PG_LEG_JUMP ? take_jump(&t->bl, leg, res, err)
                                                      : SL_OK;
        default:
                return leg->state == SL_PG_LEG_SLOT || leg->state == SL_PG_LEG_JUMP ? give_up(t, leg, res, err)
                                                                                    : broke(leg, res, err);
        }
}

/* One CopyData: maybe the header, then a row or the trailer. false = malformed. */
static bool take_row(struct sl_pg_backlog *bl, struct sl_pg_leg *leg, char *buf, uint32_t size, bool *ret_row)
{
        static const uint8_t signature[11] = "PGCOPY\n\377\r\n";
        struct sl_cur c = sl_cur_of(buf, size);
        *ret_row = false;
        if (!leg->header) {
                const uint8_t *sig = sl_cur_take(&c, 11);
                sl_cur_u32(&c);
                sl_cur_take(&c, sl_cur_u32(&c));
                if (c.bad || memcmp(sig, signature, 11) != 0)
                        return false;
                leg->header = true;
                if (c.p == c.end)
                        return true;
        }
        uint16_t fields = sl_cur_u16(&c);
        if (fields == 0xffff) {
                leg->trailer = true;
                return !c.bad && c.p == c.end;
        }
        uint32_t lsn_len = sl_cur_u32(&c);
        uint64_t lsn = sl_cur_u64(&c);
        uint32_t len = sl_cur_u32(&c);
        const char *msg = (const char *)sl_cur_take(&c, len);
        if (c.bad || fields != 2 || lsn_len != 8 || c.p != c.end || leg->trailer)
                return false;
        bl->ring[(bl->head + bl->count++) & (bl->cap - 1)] = (struct sl_pg_row){buf, msg, len, size, lsn};
        bl->bytes += size + ROW_COST;
        *ret_row = true;
        return true;
}

static bool ring_full(const struct sl_pg_backlog *bl)
{
        return bl->count == bl->cap || bl->bytes >= RING_BYTES;
}

static enum sl_rc take_rows(struct sl_pg_task *t, struct sl_pg_leg *leg, bool *ret_wait, struct sl_err *err)
{
        struct sl_pg_backlog *bl = &t->bl;
        while (!ring_full(bl)) {
                char *buf = NULL;
                int n = PQgetCopyData(leg->conn, &buf, 1);
                if (n == 0) {
                        *ret_wait = true;
                        return SL_OK;
                }
                if (n == -2)
                        return broke(leg, NULL, err);
                if (n == -1) {
                        leg->state = SL_PG_LEG_TAIL;
                        return SL_OK;
                }
                bool row;
                bool ok = take_row(bl, leg, buf, (uint32_t)n, &row);
                if (!row)
                        PQfreemem(buf);
                if (!ok)
                        return sl_fail(err, SL_E_PG_PROTOCOL, "a row of COPY could not be read (%d bytes)", n);
        }
        return SL_OK;
}

/* Has whoever took the step before this leg's got to its end? */
static bool decoded(const struct sl_pg_backlog *bl, uint32_t i)
{
        const struct sl_pg_leg *other = &bl->legs[other_leg(bl, i)];
        return !bl->asked || other->header;
}

/* Go on without waiting for the network; *ret_wait: not possible. */
static enum sl_rc step_leg(struct sl_pg_task *t, uint32_t i, bool *ret_wait, struct sl_err *err)
{
        struct sl_pg_backlog *bl = &t->bl;
        struct sl_pg_leg *leg = &bl->legs[i];
        bool ready;
        switch (leg->state) {
        case SL_PG_LEG_CONNECTING:
                SL_TRY(sl_pg_conn_poll(leg->conn, &ready, &leg->events, err));
                if (!ready && sl_mono_ms() > bl->connect_until)
                        return sl_fail(err, SL_E_PG_CONNECT, "no answer from Postgres at %s:%d", t->cfg->hostname,
                                       t->cfg->port);
                *ret_wait = !ready;
                return ready ? send_copy_slot(t, leg, err) : SL_OK;
        case SL_PG_LEG_READY:
                if (bl->whole || bl->taker != i || !decoded(bl, i)) {
                        *ret_wait = true;
                        return SL_OK;
                }
                return send_jump(t, leg, err);
        case SL_PG_LEG_COPY:
                *ret_wait = bl->turn != i || ring_full(bl);
                return *ret_wait ? SL_OK : take_rows(t, leg, ret_wait, err);
        case SL_PG_LEG_END:
                *ret_wait = true;
                return SL_OK;
        default:
                *ret_wait = PQisBusy(leg->conn);
                return *ret_wait ? SL_OK : take_result(t, leg, err);
        }
}

static bool reads_socket(const struct sl_pg_backlog *bl, uint32_t i)
{
        enum sl_pg_leg_state s = bl->legs[i].state;
        return s == SL_PG_LEG_SLOT || s == SL_PG_LEG_JUMP || s == SL_PG_LEG_DECODE || s == SL_PG_LEG_TAIL ||
               s == SL_PG_LEG_REFUSED || (s == SL_PG_LEG_COPY && bl->turn == i && !ring_full(bl));
}

/* Move what libpq has into the ring, and the statements along. */
static enum sl_rc fill_from(struct sl_pg_task *t, uint32_t i, struct sl_err *err)
{
        struct sl_pg_leg *leg = &t->bl.legs[i];
        for (bool consumed = false;;) {
                bool wait = false;
                SL_TRY(step_leg(t, i, &wait, err));
                if (!wait) {
                        consumed = false;
                        continue;
                }
                if (consumed || !reads_socket(&t->bl, i))
                        return SL_OK;
                if (PQflush(leg->conn) < 0 || !PQconsumeInput(leg->conn))
                        return broke(leg, NULL, err);
                consumed = true;
        }
}

/* All of it is in the ring, or SQL is not to be had. */
static bool over(const struct sl_pg_backlog *bl)
{
        return (bl->legs[0].state == SL_PG_LEG_END && bl->legs[1].state == SL_PG_LEG_END) ||
               (bl->whole && bl->asked == bl->read);
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
        SL_FAULT_TRY("postgres.before_advance", SL_E_PG_STREAM, err);
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
        uint32_t read;
        do { /* once more when a step has ended: the other leg may go on now, and nothing else would wake us for it */
                uint32_t turn = bl->turn; /* when its first row comes the other one takes its step */
                read = bl->read;
                SL_TRY(fill_from(t, turn, err));
                SL_TRY(fill_from(t, !turn, err));
        } while (bl->read != read);
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
        if (bl->count || !over(bl))
                return SL_OK;
        if (t->line->inside)
                return sl_fail(err, SL_E_PG_PROTOCOL, "a step of the backlog ended inside a transaction");
        sl_pg_backlog_close(t);
        t->mode = SL_PG_M_STREAM;
        *ret_more = true;
        return SL_OK;
}
