/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the transaction that is being read, what of it was emitted before, and the position: see line.h. */
#include "base/log.h"
#include "connectors/postgres/incremental.h"

void sl_pg_line_init(struct sl_pg_line *l, const struct sl_pg_offset *from)
{
        l->msg.old_row.cols = l->cols[0];
        l->msg.new_row.cols = l->cols[1];
        l->done_lsn = from->done_lsn;
        l->last_commit = from->has_commit ? from->done_lsn : 0;
        l->snapshot_done = from->snapshot_done;
        l->xid = from->xid;
        l->has_xid = from->xid != 0;
        l->commit_us = from->ts_us;
        l->txn_lsn = from->txn_lsn;
        l->txn_ordinal = from->ordinal;
        l->txn_row = from->lsn;
        l->foreign_lsn = from->foreign_lsn;
        l->foreign_same = from->foreign_same;
        l->foreign_message = from->foreign_message;
        l->foreign_xid = from->foreign_xid;
        l->inside = l->skip = l->moved = l->begun = false;
        l->op = 'C';
        if (from->ts_us)
                l->emit->commit_us = from->ts_us;
}

void sl_pg_line_again(struct sl_pg_line *l)
{
        if (l->inside && !l->skip && l->ordinal && !l->txn_lsn) {
                l->txn_lsn = l->final_lsn;
                l->txn_ordinal = l->ordinal;
                l->txn_row = l->row_lsn;
        }
        l->inside = l->skip = false;
}

static sl_cold enum sl_rc other_history(const struct sl_pg_line *l, struct sl_err *err)
{
        return sl_fail(
                err, SL_E_PG_SLOT_LOST,
                "the stored offset stands after change %llu of the transaction with commit LSN %llu, "
                "but the slot does not show that transaction as it was: slot, publication or database were changed. "
                "Delete the connector's offsets to take a new snapshot",
                (unsigned long long)l->txn_ordinal, (unsigned long long)l->txn_lsn);
}

/* The BEGIN record, unless it is out already. */
static void begin_record(struct sl_pg_line *l, uint64_t lsn, struct sl_batch *b)
{
        bool done = l->txn_lsn == l->final_lsn || l->foreign_xid == l->xid;
        sl_pg_tx_start(l->emit->tx, (uint32_t)l->xid);
        if (!done)
                sl_pg_tx_record(l->emit->tx, b, false, lsn, l->commit_us);
        l->begun = l->moved = true;
        l->row_lsn = lsn;
        l->op = 'B';
}

static enum sl_rc begin(struct sl_pg_line *l, uint64_t lsn, struct sl_batch *b, struct sl_err *err)
{
        const struct sl_pgoutput *m = &l->msg;
        if (l->inside)
                return sl_fail(err, SL_E_PG_PROTOCOL, "a transaction begins inside another one");
        l->inside = true;
        l->skip = m->lsn < l->done_lsn;
        l->final_lsn = m->lsn;
        l->ordinal = 0;
        if (l->skip)
                return SL_OK;
        if (sl_unlikely(l->txn_lsn && m->lsn > l->txn_lsn))
                return other_history(l, err);
        l->xid = m->xid;
        l->has_xid = true;
        l->commit_us = m->time_us;
        sl_pg_emit_txn(l->emit, m->time_us, m->xid, l->last_commit);
        if (l->emit->tx)
                begin_record(l, lsn, b);
        if (!l->txn_ordinal && l->txn_lsn == m->lsn)
                l->txn_lsn = 0;
        l->foreign_xid = 0;
        if (l->incr)
                sl_pg_incr_begin(l->incr, m->xid);
        return SL_OK;
}

static enum sl_rc commit(struct sl_pg_line *l, uint64_t lsn, struct sl_batch *b, struct sl_err *err)
{
        const struct sl_pgoutput *m = &l->msg;
        if (!l->inside)
                return sl_fail(err, SL_E_PG_PROTOCOL, "a commit came outside a transaction");
        l->inside = l->begun = false;
        if (l->skip)
                return SL_OK;
        if (sl_unlikely(l->txn_lsn && l->final_lsn == l->txn_lsn))
                return other_history(l, err); /* it ended before the change we stood at */
        if (l->emit->tx)
                sl_pg_tx_record(l->emit->tx, b, true, lsn, m->time_us);
        l->foreign_lsn = 0;
        l->done_lsn = l->last_commit = m->end_lsn;
        l->commit_us = m->time_us;
        l->snapshot_done = false;
        l->moved = true;
        l->op = 'C';
        return SL_OK;
}

/* Was this change emitted before? Counts it. */
static enum sl_rc seen_before(struct sl_pg_line *l, uint64_t lsn, bool *ret, struct sl_err *err)
{
        *ret = l->skip;
        if (l->skip)
                return SL_OK;
        l->ordinal++;
        l->row_lsn = lsn;
        l->op = l->msg.kind;
        l->moved = true;
        if (sl_unlikely(l->txn_lsn && l->final_lsn == l->txn_lsn)) {
                *ret = true;
                if (l->ordinal < l->txn_ordinal)
                        return SL_OK;
                if (l->txn_row && lsn != l->txn_row)
                        return other_history(l, err);
                l->txn_lsn = 0;
        } else if (sl_unlikely(l->foreign_lsn)) {
                if (lsn < l->foreign_lsn)
                        *ret = true;
                else if (lsn == l->foreign_lsn && l->op == 'M' && !l->foreign_message)
                        *ret = true; /* a message's LSN is its end, where the row that is done begins */
                else if (lsn == l->foreign_lsn && l->foreign_same)
                        *ret = l->foreign_same-- > 0;
                else
                        l->foreign_lsn = 0;
        }
        return SL_OK;
}

void sl_pg_line_keep_raw(const struct sl_pg_relation *rel, uint64_t lsn, struct sl_str raw, const struct sl_err *why,
                             struct sl_batch *b, uint32_t before)
{
        if (why) {
                b->count = before;
                struct sl_err *copy = sl_arena_alloc(&b->arena, sizeof(*copy));
                *copy = *why;
                copy->stage = SL_STAGE_TASK_POLL;
                struct sl_record *rec = sl_batch_add(b);
                rec->topic = rel->topic;
                rec->failed = copy;
        }
        for (uint32_t i = before; i < b->count; i++) {
                b->records[i].raw_value = raw;
                b->records[i].origin = rel;
                b->records[i].origin_pos = lsn;
        }
}

/* event.processing.failure.handling.mode: a change that could not be made into a record. */
static sl_cold enum sl_rc left_out(const struct sl_pg_line *l, const struct sl_pg_relation *rel, uint64_t lsn,
                                 struct sl_err *err)
{
        enum sl_pg_eventfail mode = (enum sl_pg_eventfail)l->emit->cfg->eventfail;
        sl_log_err(mode == SL_PG_EF_WARN ? SL_LOG_WARN : SL_LOG_DEBUG, err,
                   "a change was left out, as event.processing.failure.handling.mode says table=%s.%s lsn=%llu",
                   rel->schema, rel->table, (unsigned long long)lsn);
        sl_err_clear(err);
        return SL_OK;
}

static enum sl_rc emit(struct sl_pg_line *l, struct sl_pg_relation *rel, uint64_t lsn, struct sl_str raw,
                       struct sl_batch *b, struct sl_err *err)
{
        uint32_t before = b->count;
        enum sl_rc rc = sl_pg_emit_change(l->emit, b, rel, &l->msg, lsn, err);
        if (sl_unlikely(rc != SL_OK && err->scope == SL_SCOPE_RECORD && l->emit->cfg->eventfail != SL_PG_EF_FAIL)) {
                b->count = before;
                return left_out(l, rel, lsn, err);
        }
        if (sl_likely(!l->dead_letters))
                return rc;
        if (rc != SL_OK && err->scope != SL_SCOPE_RECORD)
                return rc;
        sl_pg_line_keep_raw(rel, lsn, raw, rc == SL_OK ? NULL : err, b, before);
        sl_err_clear(err);
        return SL_OK;
}

static enum sl_rc truncation(struct sl_pg_line *l, uint64_t lsn, struct sl_str raw, bool seen, struct sl_batch *b,
                            struct sl_err *err)
{
        struct sl_cur oids = l->msg.items;
        for (uint32_t i = 0; i < l->msg.n; i++) {
                struct sl_pg_relation *rel = sl_pg_relation_find(l->rels, sl_cur_u32(&oids));
                uint32_t before = b->count;
                if (rel && rel->captured)
                        sl_pg_emit_truncate(l->emit, b, rel, lsn);
                if (sl_unlikely(l->dead_letters))
                        sl_pg_line_keep_raw(rel, lsn, raw, NULL, b, before);
                if (rel && rel->watched && !seen)
                        SL_TRY(sl_pg_incr_change(l->arg, rel, lsn, b, b->count, err));
        }
        return SL_OK;
}

static void logical_message(struct sl_pg_line *l, uint64_t lsn, struct sl_str raw, struct sl_batch *b)
{
        uint32_t before = b->count;
        if (!sl_pg_filter_message(l->rels->filter, l->msg.name.ptr)) /* NUL-terminated in the message */
                return;
        sl_pg_emit_message(l->emit, b, &l->msg, lsn);
        if (sl_unlikely(l->dead_letters))
                sl_pg_line_keep_raw(&l->emit->message, lsn, raw, NULL, b, before);
}

/* A message outside of transactions: sent when it is written, before what was committed later. */
static enum sl_rc point(struct sl_pg_line *l, uint64_t lsn, struct sl_str raw, struct sl_batch *b, struct sl_err *err)
{
        if (l->inside)
                return sl_fail(err, SL_E_PG_PROTOCOL, "a message that is not transactional came inside a transaction");
        if (lsn <= l->done_lsn)
                return SL_OK;
        l->done_lsn = l->last_commit = lsn;
        l->snapshot_done = l->has_xid = false;
        l->moved = true;
        l->op = 'M';
        sl_pg_emit_point(l->emit, lsn);
        logical_message(l, lsn, raw, b);
        return SL_OK;
}

/* seen: they are only made to be counted. */
static enum sl_rc records(struct sl_pg_line *l, uint64_t lsn, struct sl_str raw, bool seen, struct sl_batch *b,
                          struct sl_err *err)
{
        if (l->msg.kind == 'T')
                return truncation(l, lsn, raw, seen, b, err);
        if (l->msg.kind == 'M') {
                logical_message(l, lsn, raw, b);
                return SL_OK;
        }
        struct sl_pg_relation *rel = sl_pg_relation_find(l->rels, l->msg.oid);
        if (sl_unlikely(!rel))
                return sl_fail(err, SL_E_PG_PROTOCOL, "a row came of relation %u, which the server did not describe",
                               l->msg.oid);
        uint32_t before = b->count;
        if (rel->captured)
                SL_TRY(emit(l, rel, lsn, raw, b, err));
        return sl_unlikely(rel->watched && !seen) ? sl_pg_incr_change(l->arg, rel, lsn, b, before, err) : SL_OK;
}

static enum sl_rc change(struct sl_pg_line *l, uint64_t lsn, struct sl_str raw, struct sl_batch *b, struct sl_err *err)
{
        bool seen;
        uint32_t before = b->count;
        if (sl_unlikely(!l->inside))
                return sl_fail(err, SL_E_PG_PROTOCOL, "a change came outside a transaction");
        SL_TRY(seen_before(l, lsn, &seen, err));
        if (seen && (l->skip || !l->emit->tx))
                return SL_OK;
        SL_TRY(records(l, lsn, raw, seen, b, err));
        if (seen) /* counted, that is all */
                b->count = before;
        return SL_OK;
}

static void origin(struct sl_pg_line *l)
{
        if (!sl_str_eq(l->origin, l->msg.name))
                l->origin =
                        (struct sl_str){sl_arena_strndup(l->life, l->msg.name.ptr, l->msg.name.len), l->msg.name.len};
        l->emit->origin = l->origin;
        l->emit->origin_lsn = l->msg.lsn;
}

enum sl_rc sl_pg_line_message(struct sl_pg_line *l, uint64_t lsn, struct sl_str msg, struct sl_batch *b, bool *ret_used,
                              struct sl_err *err)
{
        uint32_t before = b->count;
        SL_TRY(sl_pgoutput_decode(msg, &l->msg, err));
        *ret_used = false;
        switch (l->msg.kind) {
        case 'B':
                return begin(l, lsn, b, err);
        case 'C':
                return commit(l, lsn, b, err);
        case 'R':
                SL_TRY(l->before_catalog(l->arg, err));
                l->rels->xid = l->inside ? (uint32_t)l->xid : 0;
                return sl_pg_relation_from_message(l->rels, &l->msg, err);
        case 'O':
                origin(l);
                return SL_OK;
        case 'Y':
                return SL_OK;
        default:
                if (l->msg.kind == 'M' && !l->msg.transactional)
                        SL_TRY(point(l, lsn, msg, b, err));
                else
                        SL_TRY(change(l, lsn, msg, b, err));
                *ret_used = b->count != before;
                return SL_OK;
        }
}

void sl_pg_line_keepalive(struct sl_pg_line *l, uint64_t lsn)
{
        l->done_lsn = lsn;
        l->snapshot_done = false;
        l->moved = true;
        l->op = 'C';
}

bool sl_pg_line_position(const struct sl_pg_line *l, struct sl_position *ret, bool *ret_boundary)
{
        if (l->txn_lsn || l->foreign_lsn)
                return false;
        bool mid = l->inside && !l->skip && (l->ordinal > 0 || l->begun);
        *ret = (struct sl_position){0};
        ret->w[SL_PG_W_COMMIT] = mid ? l->final_lsn : 0;
        ret->w[SL_PG_W_ORDINAL] = mid ? l->ordinal : 0;
        ret->w[SL_PG_W_DONE] = l->done_lsn;
        ret->w[SL_PG_W_ROW] = mid ? l->row_lsn : l->done_lsn;
        ret->w[SL_PG_W_XID] = l->xid;
        ret->w[SL_PG_W_TIME] = (uint64_t)l->commit_us;
        ret->w[SL_PG_W_FLAGS] = (l->snapshot_done ? SL_PG_F_SNAPSHOT : 0) | (l->has_xid ? SL_PG_F_XID : 0) |
                                (uint64_t)(unsigned char)l->op << 8;
        *ret_boundary = !mid;
        return true;
}
