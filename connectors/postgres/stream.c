/* SPDX-License-Identifier: Apache-2.0 */
/* Streaming from the walsender. Inside CopyBoth (all integers big-endian):
 *   'w' int64 start LSN, int64 end of WAL, int64 clock, message        XLogData
 *   'k' int64 end of WAL, int64 clock, int8 answer wanted              keepalive
 *   'r' int64 written, int64 flushed, int64 applied, int64 clock, int8 ours: all three are what Kafka has acknowledged
 * (flushed is 0 with lsn.flush.mode=manual).
 *
 * Protocol 2 and later: a large transaction is sent in blocks while it runs. Its messages wait in the spool; when its commit
 * comes, the line gets them as those of any other transaction: BEGIN, the changes without aborted subtransactions, COMMIT.
 * So ordinals, positions and restarts are the same as without. A Relation message of a block is applied in its place at
 * that time. One of an aborted subtransaction is gone with it: the server then sends it again before the next change
 * of that transaction, and keeps count of what it has told other transactions apart from that.
 * Meanwhile other transactions and keepalives go their way, and what they confirm may lie behind the open transaction's changes:
 * the server sends every transaction that commits after the confirmed LSN, from its first change on.
 *
 * Servers of 14 to 17, maybe later ones, do not always say that a subtransaction was rolled back: not when its changes had been put
 * aside on the server's disk before it streamed them, as those before the place where the session begins are
 * (ReorderBufferTruncateTXN marks as streamed what has changes in memory, and tells the end of nothing else). So at the commit the
 * server's own record of all subtransactions is asked, and a transaction with an untold one is read again through SQL, unstreamed.
 *
 * The walsender calls send() for every row; when we sleep on the socket each of these wakes us, which costs it more than the row
 * itself. So after a read that gave many rows we sleep by the clock, and read what has gathered. */
#include <stdio.h>
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "connectors/postgres/slot.h"

#define FEEDBACK_MS 1000 /* at most so often when the position moves */
#define KEEPALIVE_BYTES (16 << 20)
#define KEEPALIVE_MS 10000
#define FAR_AFTER_MS 3000 /* ask for the lag after being busy for so long */
#define LAG_EVERY_MS 5000
#define CONNECT_MS 10000
#define BEHIND_US 500000 /* rows this long after their commit: throughput counts, not latency */
#define BEHIND_MS 50       /* and the server may pause for so long without a commit to Kafka */
#define LINGER_MS 1        /* under load */
#define LINGER_MESSAGES 64 /* in one go are load */
#define REPLAY_MESSAGES 4096 /* at most, before feedback is due again */

void sl_pg_stream_options(const struct sl_pg_cfg *cfg, bool sql, int protocol, struct sl_buf *out)
{
        char ident[256], quoted[256];
        sl_buf_printf(out, sql ? ", 'proto_version', '%d', 'publication_names', " : "proto_version '%d', publication_names ",
                      protocol);
        sl_buf_adds(out, sl_pg_quote(quoted, sl_pg_ident(ident, cfg->publication)));
        if (protocol >= 2)
                sl_buf_adds(out, sql ? ", 'streaming', 'on'" : ", streaming 'on'");
        for (const char *p = cfg->stream_params; p && *p;) {
                size_t len = strcspn(p, ";"), eq = 0;
                while (eq < len && p[eq] != '=')
                        eq++;
                bool ours = (eq == 13 && memcmp(p, "proto_version", 13) == 0) ||
                            (eq == 8 && memcmp(p, "messages", 8) == 0) ||
                            (eq == 9 && memcmp(p, "streaming", 9) == 0) ||
                            (eq == 17 && memcmp(p, "publication_names", 17) == 0);
                if (eq > 0 && eq < len && eq < 60 && len - eq < 120 && !ours) {
                        char name[64], value[128];
                        snprintf(name, sizeof(name), "%.*s", (int)eq, p);
                        snprintf(value, sizeof(value), "%.*s", (int)(len - eq - 1), p + eq + 1);
                        sl_buf_adds(out, ", ");
                        sl_buf_adds(out, sql ? sl_pg_quote(quoted, name) : sl_pg_ident(quoted, name));
                        sl_buf_adds(out, sql ? ", " : " ");
                        sl_buf_adds(out, sl_pg_quote(quoted, value));
                }
                p += len + (p[len] == ';');
        }
}

/* The newest that the server speaks; what we ask for is the same in 2 to 4. */
static int protocol(const struct sl_pg_task *t)
{
        int server = PQserverVersion(t->repl);
        return !t->cfg->streaming || t->st.unstreamed || server < 140000 ? 1 : server < 160000 ? 2 : 4;
}

static enum sl_rc start(struct sl_pg_task *t, struct sl_err *err)
{
        struct sl_buf sql = {0};
        char name[256], lsn[24];
        sl_buf_printf(&sql, "START_REPLICATION SLOT %s LOGICAL %s (", sl_pg_ident(name, t->cfg->slot),
                      sl_pg_lsn_text(lsn, t->line->done_lsn));
        sl_pg_stream_options(t->cfg, false, protocol(t), &sql);
        sl_buf_adds(&sql, PQserverVersion(t->ctl) >= 140000 ? ", messages 'true'" : "");
        sl_buf_addc(&sql, ')');
        int ok = !SL_FAULT("postgres.start") && PQsendQuery(t->repl, sl_buf_cstr(&sql));
        sl_buf_free(&sql);
        t->st.state = SL_PG_ST_STARTING;
        t->st.sent_ms = 0;
        t->st.sent_lsn = 0;
        t->st.busy_since = 0;
        t->st.far = false;
        t->st.read_lsn = t->line->done_lsn;
        if (protocol(t) >= 2 && !t->st.spool)
                t->st.spool = sl_pg_spool_new((size_t)t->cfg->spool_memory, t->cfg->spool_directory);
        return ok ? SL_OK : sl_pg_fail(err, t->repl, NULL, "replication could not be started");
}

/* Everything up to the running copy; nothing blocks. */
static enum sl_rc progress(struct sl_pg_task *t, struct sl_err *err)
{
        struct sl_pg_stream *s = &t->st;
        bool ready;
        if (s->state == SL_PG_ST_NONE) {
                t->repl = sl_pg_conn_start(&t->who, true);
                s->state = SL_PG_ST_CONNECTING;
                s->connect_until = sl_mono_ms() + CONNECT_MS;
        }
        if (s->state == SL_PG_ST_CONNECTING) {
                SL_TRY(sl_pg_conn_poll(t->repl, &ready, &s->events, err));
                if (!ready && sl_mono_ms() > s->connect_until)
                        return sl_fail(err, SL_E_PG_CONNECT, "no answer from Postgres at %s:%d", t->cfg->hostname,
                                       t->cfg->port);
                if (!ready)
                        return SL_OK;
                s->state = SL_PG_ST_READY;
        }
        if (s->state == SL_PG_ST_READY && t->ctl_state != SL_PG_CTL_ADVANCE) /* the slot is in use while it is moved */
                SL_TRY(start(t, err));
        if (s->state == SL_PG_ST_STARTING) {
                if (PQflush(t->repl) < 0 || !PQconsumeInput(t->repl))
                        return sl_pg_fail(err, t->repl, NULL, "the replication stream broke off");
                if (PQisBusy(t->repl))
                        return SL_OK;
                sl_auto_pgresult *res = PQgetResult(t->repl);
                if (!res || PQresultStatus(res) != PGRES_COPY_BOTH)
                        return sl_pg_fail(err, t->repl, res, "replication could not be started");
                s->state = SL_PG_ST_COPY;
                s->guard = SL_PG_GUARD_ASK;
        }
        return SL_OK;
}

static char *put64(char *p, uint64_t v)
{
        v = __builtin_bswap64(v);
        memcpy(p, &v, 8);
        return p + 8;
}

enum sl_rc sl_pg_stream_feedback(struct sl_pg_task *t, struct sl_err *err)
{
        struct sl_pg_stream *s = &t->st;
        int64_t now = sl_mono_ms(), since = now - s->sent_ms;
        bool moved = t->flush_lsn > s->sent_lsn;
        if (s->state != SL_PG_ST_COPY)
                return SL_OK;
        if (s->reply || since >= t->cfg->status_ms || (t->flush_lsn > s->sent_lsn && since >= FEEDBACK_MS)) {
                char msg[34], *p = msg;
                if (moved)
                        SL_FAULT_TRY("postgres.before_feedback", SL_E_PG_STREAM, err);
                *p++ = 'r';
                p = put64(p, t->flush_lsn);
                p = put64(p, sl_pg_slot_manual(t->cfg) ? 0 : t->flush_lsn); /* 0: the slot stays where it is */
                p = put64(p, t->flush_lsn);
                p = put64(p, (uint64_t)(sl_wall_ns() / 1000 - SL_PG_EPOCH_US));
                *p = 0;
                int n = PQputCopyData(t->repl, msg, sizeof(msg));
                if (n < 0)
                        return sl_pg_fail(err, t->repl, NULL, "the replication stream broke off");
                if (n > 0) {
                        s->reply = false;
                        s->sent_ms = now;
                        s->sent_lsn = t->flush_lsn;
                        sl_pg_watch_feedback(t);
                }
        }
        int left = PQflush(t->repl);
        if (left < 0)
                return sl_pg_fail(err, t->repl, NULL, "the replication stream broke off");
        s->flushing = left > 0;
        if (moved && s->sent_lsn == t->flush_lsn)
                SL_FAULT_TRY("postgres.after_feedback", SL_E_PG_STREAM, err);
        return SL_OK;
}

/* Looking into a transaction that still runs can fail inside the server ("could not map filenode ... to relation OID" after
 * TRUNCATE or ALTER TABLE in subtransactions, seen in 15.18) where decoding the finished one does not. So the same session
 * goes on without, from where the line is. */
static void without_streaming(struct sl_pg_task *t, const PGresult *res)
{
        for (PGresult *more; (more = PQgetResult(t->repl)) != NULL;) /* until the session takes commands again */
                PQclear(more);
        sl_warn("the server failed while it streamed running transactions (%s): going on without "
                "(sluice.protocol.streaming=false does so from the start)",
                PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY));
        sl_pg_spool_clear(t->st.spool);
        t->st.block = false;
        t->st.unstreamed = true;
        t->st.state = SL_PG_ST_READY;
        sl_pg_line_again(t->line);
}

/* The copy ended: the server says why. */
static enum sl_rc ended(struct sl_pg_task *t, struct sl_err *err)
{
        sl_auto_pgresult *res = PQgetResult(t->repl);
        const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
        if (t->st.spool && !t->st.unstreamed && state && strncmp(state, "XX", 2) == 0 && PQstatus(t->repl) == CONNECTION_OK) {
                without_streaming(t, res);
                return SL_OK;
        }
        if (res && PQresultStatus(res) == PGRES_FATAL_ERROR)
                return sl_pg_fail(err, t->repl, res, "the server ended the replication stream");
        return sl_fail(err, SL_E_PG_STREAM, "the server ended the replication stream");
}

static char *put32(char *p, uint32_t v)
{
        v = __builtin_bswap32(v);
        memcpy(p, &v, 4);
        return p + 4;
}

/* The streamed transaction's BEGIN or COMMIT as an unstreamed one would have it. lsn: where it would stand, which is the first change
 * and the end. */
static enum sl_rc bracket(struct sl_pg_task *t, char kind, uint64_t lsn, struct sl_batch *b, struct sl_err *err)
{
        const struct sl_pgoutput_block *c = &t->st.commit;
        char *msg = sl_arena_alloc(&b->arena, 26), *p = msg;
        bool used;
        *p++ = kind;
        if (kind == 'B') {
                p = put64(p, c->commit_lsn);
                p = put64(p, c->time);
                p = put32(p, c->xid);
        } else {
                *p++ = 0;
                p = put64(p, c->commit_lsn);
                p = put64(p, c->end_lsn);
                p = put64(p, c->time);
        }
        return sl_pg_line_message(t->line, lsn, (struct sl_str){msg, (size_t)(p - msg)}, b, &used, err);
}

/* Is any of these subtransactions rolled back, or so old that nobody knows? $1: the lower 32 bits of their xids, which are near n.
 * One of a transaction that is committing can still be in progress. */
static const char undone_sql[] =
        "SELECT 1 FROM (SELECT x, n, pg_catalog.mod(n - x, 4294967296) AS d FROM pg_catalog.unnest($1::bigint[]) x, (SELECT"
        " pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::numeric AS n) s) i WHERE coalesce("
        "pg_catalog.pg_xact_status((n - d + CASE WHEN d > 2147483648 THEN 4294967296 ELSE 0 END)::text::xid8), 'aborted')"
        " = 'aborted' LIMIT 1";

/* Do all changes in the spool belong to the committed transaction? If not, the stream is left at once, before anything behind it is
 * read; the backlog's reader finds the transaction behind the line's position. */
static enum sl_rc check_subs(struct sl_pg_task *t, uint32_t xid, bool *ret_whole, struct sl_err *err)
{
        sl_auto_pgresult *res = NULL;
        struct sl_buf subs = {0};
        enum sl_rc rc = SL_OK;
        *ret_whole = true;
        if (sl_pg_spool_subs(t->st.spool, xid, &subs)) {
                const char *params[] = {sl_buf_cstr(&subs)};
                rc = sl_pg_query(*t->rels.catalog, &t->who, &res, err, undone_sql, 1, params);
                *ret_whole = rc == SL_OK && PQntuples(res) == 0;
        }
        sl_buf_free(&subs);
        if (rc != SL_OK || *ret_whole)
                return rc;
        sl_warn("the server did not say that a part of transaction %u was rolled back (a fault of PostgreSQL's streaming): the "
                "transaction is read again without streaming, and so is what follows until the task opens again",
                xid);
        t->st.unstreamed = t->st.far = true;
        return SL_OK;
}

/* A message about a streamed transaction, or of one of its blocks. */
static enum sl_rc streamed(struct sl_pg_task *t, uint64_t lsn, struct sl_str msg, struct sl_batch *b, struct sl_err *err)
{
        struct sl_pg_stream *s = &t->st;
        struct sl_pgoutput_block m;
        uint64_t first;
        bool empty, whole;
        SL_TRY(sl_pgoutput_decode_block(msg, s->block, &m, err));
        if (!s->spool || s->unstreamed)
                return sl_fail(err, SL_E_PG_PROTOCOL, "the server streams a transaction unasked");
        switch (m.kind) {
        case 'S':
                s->block = true;
                return sl_pg_spool_block(s->spool, m.xid, m.first, err);
        case 'E':
                s->block = false;
                return SL_OK;
        case 'A':
                return sl_pg_spool_abort(s->spool, m.xid, m.sub, err);
        case 'c':
                SL_TRY(check_subs(t, m.xid, &whole, err));
                if (sl_unlikely(!whole))
                        return SL_OK;
                SL_TRY(sl_pg_spool_replay(s->spool, m.xid, &empty, &first, err));
                if (empty && PQserverVersion(t->repl) >= 150000) /* unstreamed it would not be sent either */
                        return sl_pg_spool_abort(s->spool, m.xid, m.xid, err);
                s->commit = m;
                s->replaying = true;
                return bracket(t, 'B', first ? first : m.commit_lsn, b, err);
        default:
                return sl_pg_spool_add(s->spool, m.xid, lsn, m.kind, m.rest, err);
        }
}

/* A part of the committed transaction: what fills the batch, or what is in memory of it. */
static enum sl_rc replay(struct sl_pg_task *t, struct sl_batch *b, bool *ret_held, struct sl_err *err)
{
        *ret_held = true;
        for (int i = 0; i < REPLAY_MESSAGES && !sl_batch_full(b); i++) {
                enum sl_pg_spool_step step;
                uint64_t lsn;
                struct sl_str msg;
                bool used;
                SL_TRY(sl_pg_spool_next(t->st.spool, b->count > 0, &step, &lsn, &msg, err));
                if (step == SL_PG_SPOOL_HELD)
                        return SL_OK;
                if (step == SL_PG_SPOOL_END) {
                        *ret_held = t->st.replaying = false;
                        return bracket(t, 'C', t->st.commit.end_lsn, b, err);
                }
                SL_TRY(sl_pg_line_message(t->line, lsn, msg, b, &used, err));
        }
        return SL_OK;
}

static enum sl_rc message(struct sl_pg_task *t, char *buf, size_t len, struct sl_batch *b, bool *ret_used,
                          struct sl_err *err)
{
        struct sl_cur c = sl_cur_of(buf, len);
        *ret_used = false;
        switch (sl_cur_u8(&c)) {
        case 'w': {
                uint64_t lsn = sl_cur_u64(&c);
                sl_cur_u64(&c);
                t->st.sent_us = (int64_t)(sl_cur_u64(&c) + (uint64_t)SL_PG_EPOCH_US);
                if (c.bad)
                        break;
                struct sl_str msg = {(const char *)c.p, sl_cur_left(&c)};
                t->st.read_lsn = lsn > t->st.read_lsn ? lsn : t->st.read_lsn;
                t->st.messages++;
                if (sl_unlikely(t->st.block || sl_pgoutput_is_block(msg)))
                        return streamed(t, lsn, msg, b, err);
                return sl_pg_line_message(t->line, lsn, msg, b, ret_used, err);
        }
        case 'k': {
                uint64_t end = sl_cur_u64(&c);
                sl_cur_take(&c, 8);
                bool reply = sl_cur_u8(&c);
                if (c.bad)
                        break;
                t->st.wal_end = end > t->st.wal_end ? end : t->st.wal_end;
                t->wal_lsn = t->st.wal_end > t->wal_lsn ? t->st.wal_end : t->wal_lsn;
                t->st.reply |= reply;
                return SL_OK;
        }
        default:
                break;
        }
        return sl_fail(err, SL_E_PG_PROTOCOL, "a message of the replication stream could not be read (%zu bytes)", len);
}

/* The batch should end here: its owner wants a natural cut, or we leave the stream. */
static bool cut_here(const struct sl_pg_task *t, const struct sl_batch *b)
{
        return sl_unlikely(t->st.far || b->end_at_boundary) && !t->line->inside && (t->st.far || b->count);
}

static enum sl_rc read_rows(struct sl_pg_task *t, struct sl_batch *b, bool *ret_more, struct sl_err *err)
{
        bool consumed = false;
        *ret_more = true;
        while (t->st.state == SL_PG_ST_COPY && !sl_batch_full(b) && !cut_here(t, b)) {
                char *buf = NULL;
                if (sl_unlikely(t->st.replaying)) {
                        bool held;
                        SL_TRY(replay(t, b, &held, err));
                        if (held)
                                return SL_OK;
                        continue;
                }
                int n = PQgetCopyData(t->repl, &buf, 1);
                if (n == 0) {
                        if (consumed) {
                                *ret_more = false;
                                return SL_OK;
                        }
                        if (!PQconsumeInput(t->repl))
                                return sl_pg_fail(err, t->repl, NULL, "the replication stream broke off");
                        consumed = true;
                        continue;
                }
                if (n < -1)
                        return sl_pg_fail(err, t->repl, NULL, "the replication stream broke off");
                if (n < 0)
                        return ended(t, err);
                consumed = false;
                bool used = false;
                enum sl_rc rc = message(t, buf, (size_t)n, b, &used, err);
                if (used)
                        sl_batch_adopt(b, buf, PQfreemem, (size_t)n);
                else
                        PQfreemem(buf);
                SL_TRY(rc);
        }
        return SL_OK;
}

/* Far behind for a while: read through SQL from here on. */
static void leave_stream(struct sl_pg_task *t)
{
        sl_pg_stream_close(t);
        t->st.state = SL_PG_ST_NONE;
        t->st.far = false;
        sl_pg_backlog_start(t);
}

void sl_pg_stream_close(struct sl_pg_task *t)
{
        if (t->repl)
                PQfinish(t->repl);
        if (t->st.spool)
                sl_pg_spool_clear(t->st.spool);
        t->repl = NULL;
        t->st.block = t->st.replaying = false;
}

static enum sl_rc watch_lag(struct sl_pg_task *t, bool busy, struct sl_err *err)
{
        struct sl_pg_stream *s = &t->st;
        uint64_t wal = 0;
        int64_t now = sl_mono_ms();
        SL_TRY(sl_pg_ctl_poll(t, &wal, err));
        /* What is spooled would have to be sent again. */
        uint64_t at = s->read_lsn > t->line->done_lsn ? s->read_lsn : t->line->done_lsn;
        uint64_t spooled = s->spool ? sl_pg_spool_bytes(s->spool) : 0;
        if (wal > at && wal - at > (uint64_t)t->cfg->backlog_bytes + spooled)
                s->far = true;
        if (!busy)
                s->busy_since = 0;
        else if (!s->busy_since)
                s->busy_since = now;
        if (t->cfg->backlog_bytes < 0 || t->bl.off || !s->busy_since || now - s->busy_since < FAR_AFTER_MS ||
            now - s->lag_asked_ms < LAG_EVERY_MS || t->ctl_state != SL_PG_CTL_IDLE)
                return SL_OK;
        s->lag_asked_ms = now;
        return sl_pg_ctl_send(t, SL_PG_CTL_LAG, SL_PG_WAL_SQL, err);
}

enum sl_rc sl_pg_stream_poll(struct sl_pg_task *t, struct sl_batch *b, bool *ret_more, struct sl_err *err)
{
        struct sl_pg_stream *s = &t->st;
        SL_TRY(watch_lag(t, s->busy_since != 0, err));
        if (s->state != SL_PG_ST_COPY)
                SL_TRY(progress(t, err));
        if (s->state != SL_PG_ST_COPY)
                return SL_OK;
        bool good = s->guard == SL_PG_GUARD_OK;
        if (sl_unlikely(!good))
                SL_TRY(sl_pg_watch_guard(t, &good, err));
        if (sl_unlikely(!good))
                return SL_OK;
        SL_TRY(read_rows(t, b, ret_more, err));
        int64_t now = sl_mono_ms();
        if (b->count && s->sent_us - t->line->commit_us >= BEHIND_US) /* both by the server's clock */
                s->behind_until = now + BEHIND_MS;
        b->behind = now < s->behind_until;
        s->linger = !*ret_more && (s->messages >= LINGER_MESSAGES || b->behind);
        if (!*ret_more)
                s->messages = 0;
        if (s->replaying && now - s->sent_ms >= FEEDBACK_MS)
                s->reply = true; /* the server's wish for an answer lies behind what is not read now */
        s->busy_since = *ret_more || b->behind ? (s->busy_since ? s->busy_since : now) : 0;
        if (s->state != SL_PG_ST_COPY)
                return SL_OK;
        if (s->far && !t->line->inside) {
                leave_stream(t);
                return SL_OK;
        }
        uint64_t done = t->line->done_lsn;
        if (!*ret_more && !b->count && !t->line->inside && !t->unacked && s->wal_end > done &&
            (s->wal_end - done >= KEEPALIVE_BYTES || now - t->handed_ms >= KEEPALIVE_MS)) {
                sl_pg_line_keepalive(t->line, s->wal_end);
                t->must_hand = true;
        }
        return sl_pg_stream_feedback(t, err);
}

void sl_pg_stream_wait(struct sl_pg_task *t, struct sl_wait *w)
{
        struct sl_pg_stream *s = &t->st;
        int64_t now = sl_mono_ms();
        bool ready = s->state == SL_PG_ST_READY && t->ctl_state != SL_PG_CTL_ADVANCE;
        if (!t->repl || ready) /* to be opened or started, as after the snapshot of empty tables */
                sl_wait_ms(w, 0);
        if (!t->repl)
                return;
        if (s->state == SL_PG_ST_CONNECTING) {
                sl_wait_fd(w, PQsocket(t->repl), s->events);
                sl_wait_ms(w, s->connect_until - now);
        } else if (s->linger) {
                sl_wait_ms(w, LINGER_MS);
        } else if (s->state != SL_PG_ST_READY) {
                sl_wait_fd(w, PQsocket(t->repl), (short)(POLLIN | (s->flushing ? POLLOUT : 0)));
        }
        if (s->state != SL_PG_ST_COPY)
                return;
        sl_wait_ms(w, s->sent_ms + t->cfg->status_ms - now);
        if (t->flush_lsn > s->sent_lsn)
                sl_wait_ms(w, s->sent_ms + FEEDBACK_MS - now);
        if (s->wal_end > t->line->done_lsn && !t->unacked && !t->line->inside)
                sl_wait_ms(w, t->handed_ms + KEEPALIVE_MS - now);
}
