/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any bytes as one pgoutput message, and as messages of streamed transactions, the first of which says how long
 * each is. They must decode or be refused, and never be read outside; what a spool takes, it gives back. */
#include <stdlib.h>
#include "connectors/postgres/pgoutput.h"
#include "connectors/postgres/spool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned sink;

static void touch(const struct sl_pg_tuple *t)
{
        for (uint32_t i = 0; i < t->n; i++)
                for (uint32_t k = 0; t->cols[i].ptr && k < t->cols[i].len; k++)
                        sink += (unsigned char)t->cols[i].ptr[k];
}

static void replay(struct sl_pg_spool *sp, uint32_t xid)
{
        enum sl_pg_spool_step step = SL_PG_SPOOL_ROW;
        struct sl_str msg;
        uint64_t lsn, first;
        bool empty;
        if (sl_pg_spool_replay(sp, xid, &empty, &first, NULL) != SL_OK)
                return;
        while (sl_pg_spool_next(sp, false, &step, &lsn, &msg, NULL) == SL_OK && step == SL_PG_SPOOL_ROW) {
                if (empty || lsn < first)
                        abort();
                for (size_t i = 0; i < msg.len; i++)
                        sink += (unsigned char)msg.ptr[i];
        }
        if (step != SL_PG_SPOOL_END)
                abort();
        sl_pg_spool_tidy(sp);
}

static void stream(const uint8_t *data, size_t size)
{
        struct sl_pg_spool *sp = sl_pg_spool_new(size ? data[0] : 0, "/tmp");
        struct sl_pgoutput_block m;
        bool inside = false;
        for (size_t at = 1; at < size;) {
                size_t n = data[at] % 40, left = size - at - 1;
                struct sl_str msg = {(const char *)data + at + 1, n < left ? n : left};
                at += 1 + msg.len;
                if (sl_pgoutput_decode_block(msg, inside, &m, NULL) != SL_OK)
                        continue;
                if (m.kind == 'S')
                        inside = sl_pg_spool_block(sp, m.xid, m.first, NULL) == SL_OK;
                else if (m.kind == 'E')
                        inside = false;
                else if (m.kind == 'A' && sl_pg_spool_abort(sp, m.xid, m.sub, NULL) != SL_OK)
                        abort();
                else if (m.kind == 'c')
                        replay(sp, m.xid);
                else if (inside && sl_pg_spool_add(sp, m.xid, at, m.kind, m.rest, NULL) != SL_OK)
                        abort();
        }
        sl_pg_spool_free(sp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        stream(data, size);
        static struct sl_pg_datum old_cols[SL_PG_MAX_COLUMNS], new_cols[SL_PG_MAX_COLUMNS];
        struct sl_pgoutput m = {.old_row.cols = old_cols, .new_row.cols = new_cols};
        struct sl_err err = {0};
        if (sl_pgoutput_decode((struct sl_str){(const char *)data, size}, &m, &err) != SL_OK)
                return 0;
        touch(&m.old_row);
        touch(&m.new_row);
        for (uint32_t i = 0; m.kind == 'R' && i < m.n; i++)
                sink += (unsigned)sl_pgoutput_column(&m.items).name.len;
        return 0;
}
