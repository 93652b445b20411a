/* SPDX-License-Identifier: Apache-2.0 */
/* Splitting a batch that a sink refuses (see put.h). k bad records in n cost about k * 2 * log2(n) extra puts. */
#include "pipeline/put.h"

/* Could it be that the rest of the batch is fine? */
static bool by_its_records(const struct sl_err *err)
{
        return err->scope != SL_SCOPE_TASK && err->id != SL_E_STOPPED && err->rc != SL_TRANSIENT && err->rc != SL_FATAL;
}

static enum sl_rc put_range(const struct sl_put_calls *calls, const struct sl_batch *batch, uint32_t from, uint32_t n,
                            uint32_t *settled, struct sl_err *err)
{
        struct sl_batch part = *batch;
        struct sl_err why = {0};
        part.records = batch->records ? batch->records + from : NULL;
        part.count = n;
        enum sl_rc rc = calls->put(calls->arg, &part, &why);
        if (rc == SL_OK) {
                *settled = from + n;
                return SL_OK;
        }
        if (n == 0 || !by_its_records(&why)) {
                *err = why;
                return rc;
        }
        if (n == 1) {
                why.scope = SL_SCOPE_RECORD;
                SL_TRY(calls->report(calls->arg, &batch->records[from], &why, err));
                *settled = from + 1;
                return SL_OK;
        }
        SL_TRY(put_range(calls, batch, from, n / 2, settled, err));
        return put_range(calls, batch, from + n / 2, n - n / 2, settled, err);
}

enum sl_rc sl_put_settle(const struct sl_put_calls *calls, const struct sl_batch *batch, uint32_t *settled, struct sl_err *err)
{
        return put_range(calls, batch, *settled, batch->count - *settled, settled, err);
}
