/* SPDX-License-Identifier: Apache-2.0 */
/* A record's value into the columns of its plan. */
#ifndef SL_FORMAT_PARQUET_SHRED_H
#define SL_FORMAT_PARQUET_SHRED_H
#include "connectors/format/parquet_column.h"

struct sl_pq_shred {
        const struct sl_pq_step *steps;
        struct sl_pq_column *cols;
        size_t bytes; /* counts up: bytes of byte arrays and of repeated values */
};

/* Stage one value of the plan's schema. On failure (SL_E_VALUE, record scope) some columns may have been given entries:
 * roll them back. Allocates nothing but room in the columns. */
enum sl_rc sl_pq_shred(struct sl_pq_shred *w, const struct sl_value *value, struct sl_err *err);
#endif
