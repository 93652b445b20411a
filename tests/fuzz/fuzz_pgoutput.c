/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any bytes as one pgoutput message. It must decode or be refused, and never read outside. */
#include "connectors/postgres/pgoutput.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned sink;

static void touch(const struct sl_pg_tuple *t)
{
        for (uint32_t i = 0; i < t->n; i++)
                for (uint32_t k = 0; t->cols[i].ptr && k < t->cols[i].len; k++)
                        sink += (unsigned char)t->cols[i].ptr[k];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
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
