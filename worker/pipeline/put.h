/* SPDX-License-Identifier: Apache-2.0 */
/* Handing a batch to a sink, and finding the records that it can't take. Knows no threads, no Kafka and no clock. */
#ifndef SL_PIPELINE_PUT_H
#define SL_PIPELINE_PUT_H
#include "record/record.h"

struct sl_put_calls {
        enum sl_rc (*put)(void *arg, const struct sl_batch *part, struct sl_err *err);
        /* One record that can't be put. SL_OK: it is dealt with. */
        enum sl_rc (*report)(void *arg, const struct sl_record *rec, const struct sl_err *why, struct sl_err *err);
        void *arg;
};
/* Put the records from *settled on; an empty batch is put as well. *settled grows over what was put or reported, in order, so that
 * a call after a transient failure goes on where the last one stopped. A put that fails by its records (schema, business,
 * deserialization, unknown; record or batch scope) is tried again in halves until single records are left: those are reported.
 * Other failures are returned as they are. */
enum sl_rc sl_put_settle(const struct sl_put_calls *calls, const struct sl_batch *batch, uint32_t *settled, struct sl_err *err);
#endif
