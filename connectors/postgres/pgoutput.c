/* SPDX-License-Identifier: Apache-2.0 */
/* The pgoutput decoder; the layout is in the header. It knows nothing of tables or types. */
#include "connectors/postgres/pgoutput.h"

static void tuple(struct sl_cur *c, struct sl_pg_tuple *t)
{
        uint32_t n = sl_cur_u16(c);
        if (n > SL_PG_MAX_COLUMNS) {
                c->bad = true;
                return;
        }
        for (uint32_t i = 0; i < n; i++) {
                struct sl_pg_datum *d = &t->cols[i];
                d->kind = (char)sl_cur_u8(c);
                d->len = 0;
                d->ptr = NULL;
                if (sl_likely(d->kind == 't')) {
                        d->len = sl_cur_u32(c);
                        d->ptr = (const char *)sl_cur_take(c, d->len);
                } else if (d->kind != 'n' && d->kind != 'u') {
                        c->bad = true;
                }
                if (sl_unlikely(c->bad))
                        return;
        }
        t->n = n;
}

struct sl_pgoutput_column sl_pgoutput_column(struct sl_cur *items)
{
        struct sl_pgoutput_column col;
        col.key = sl_cur_u8(items) & 1;
        col.name = sl_cur_cstr(items);
        col.type = sl_cur_u32(items);
        col.typmod = (int32_t)sl_cur_u32(items);
        return col;
}

static void relation(struct sl_cur *c, struct sl_pgoutput *out)
{
        out->oid = sl_cur_u32(c);
        out->schema = sl_cur_cstr(c);
        out->name = sl_cur_cstr(c);
        out->identity = (char)sl_cur_u8(c);
        out->n = sl_cur_u16(c);
        out->items = *c;
        if (out->n > SL_PG_MAX_COLUMNS)
                c->bad = true;
        for (uint32_t i = 0; i < out->n && !c->bad; i++)
                (void)sl_pgoutput_column(c);
}

static void change(struct sl_cur *c, struct sl_pgoutput *out)
{
        out->oid = sl_cur_u32(c);
        char tag = (char)sl_cur_u8(c);
        if (out->kind != 'I' && (tag == 'K' || tag == 'O')) {
                out->old_kind = tag;
                tuple(c, &out->old_row);
                if (out->kind == 'D' || c->bad)
                        return;
                tag = (char)sl_cur_u8(c);
        }
        if (out->kind == 'D' || tag != 'N')
                c->bad = true;
        else
                tuple(c, &out->new_row);
}

static void truncation(struct sl_cur *c, struct sl_pgoutput *out)
{
        out->n = sl_cur_u32(c);
        sl_cur_u8(c);
        out->items = *c;
        if (out->n > sl_cur_left(c) / 4)
                c->bad = true;
        else
                sl_cur_take(c, (size_t)out->n * 4);
}

static void logical_message(struct sl_cur *c, struct sl_pgoutput *out)
{
        out->transactional = sl_cur_u8(c) & 1;
        out->lsn = sl_cur_u64(c);
        out->name = sl_cur_cstr(c);
        out->content.len = sl_cur_u32(c);
        out->content.ptr = (const char *)sl_cur_take(c, out->content.len);
}

enum sl_rc sl_pgoutput_decode(struct sl_str msg, struct sl_pgoutput *out, struct sl_err *err)
{
        struct sl_cur c = sl_cur_of(msg.ptr, msg.len);
        out->kind = (char)sl_cur_u8(&c);
        out->old_kind = 0;
        out->old_row.n = out->new_row.n = 0;
        switch (out->kind) {
        case 'I':
        case 'U':
        case 'D':
                change(&c, out);
                break;
        case 'B':
                out->lsn = sl_cur_u64(&c);
                out->time_us = (int64_t)(sl_cur_u64(&c) + (uint64_t)SL_PG_EPOCH_US);
                out->xid = sl_cur_u32(&c);
                break;
        case 'C':
                sl_cur_u8(&c);
                out->lsn = sl_cur_u64(&c);
                out->end_lsn = sl_cur_u64(&c);
                out->time_us = (int64_t)(sl_cur_u64(&c) + (uint64_t)SL_PG_EPOCH_US);
                break;
        case 'O':
                out->lsn = sl_cur_u64(&c);
                out->name = sl_cur_cstr(&c);
                break;
        case 'R':
                relation(&c, out);
                break;
        case 'Y':
                out->oid = sl_cur_u32(&c);
                out->schema = sl_cur_cstr(&c);
                out->name = sl_cur_cstr(&c);
                break;
        case 'T':
                truncation(&c, out);
                break;
        case 'M':
                logical_message(&c, out);
                break;
        default:
                return sl_fail(err, SL_E_PG_PROTOCOL,
                               "pgoutput message of unknown kind 0x%02x (%zu bytes): remove options "
                               "from slot.stream.params that ask for more kinds",
                               (unsigned char)out->kind, msg.len);
        }
        if (sl_unlikely(c.bad || c.p != c.end))
                return sl_fail(err, SL_E_PG_PROTOCOL, "pgoutput message '%c' of %zu bytes is cut off or malformed",
                               out->kind, msg.len);
        return SL_OK;
}

static void inside_block(struct sl_cur *c, struct sl_pgoutput_block *out)
{
        if (out->kind == 'E')
                return;
        if (!out->kind || !strchr("ORYIUDTM", out->kind)) {
                c->bad = true;
                return;
        }
        if (out->kind != 'O')
                out->xid = sl_cur_u32(c);
        out->rest = (struct sl_str){(const char *)c->p, sl_cur_left(c)};
        c->p = c->end;
}

enum sl_rc sl_pgoutput_decode_block(struct sl_str msg, bool inside, struct sl_pgoutput_block *out, struct sl_err *err)
{
        struct sl_cur c = sl_cur_of(msg.ptr, msg.len);
        *out = (struct sl_pgoutput_block){.kind = (char)sl_cur_u8(&c)};
        if (inside) {
                inside_block(&c, out);
        } else if (out->kind == 'S') {
                out->xid = sl_cur_u32(&c);
                out->first = sl_cur_u8(&c) == 1;
        } else if (out->kind == 'A') {
                out->xid = sl_cur_u32(&c);
                out->sub = sl_cur_u32(&c);
        } else if (out->kind == 'c') {
                out->xid = sl_cur_u32(&c);
                sl_cur_u8(&c);
                out->commit_lsn = sl_cur_u64(&c);
                out->end_lsn = sl_cur_u64(&c);
                out->time = sl_cur_u64(&c);
        } else {
                c.bad = true;
        }
        if (sl_unlikely(c.bad || c.p != c.end))
                return sl_fail(err, SL_E_PG_PROTOCOL,
                               "pgoutput message 0x%02x of %zu bytes %s a streamed transaction is cut off or malformed",
                               (unsigned char)out->kind, msg.len, inside ? "inside" : "about");
        return SL_OK;
}
