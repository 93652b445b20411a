/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a record that is put aside, besides its verdict: the schema as text, whether its bytes can be read
 * and where not, and whether its neighbours failed too. All of it is left out where it can't be known.
 * @thread one at a time. */
#ifndef SL_DLQ_DIAGNOSIS_H
#define SL_DLQ_DIAGNOSIS_H
#include "dlq/decode.h"
#include "dlq/scan.h"

struct sl_dlq_diagnosis {
        struct sl_dlq_decode *decode; /* borrowed; NULL = no registry */
        struct sl_arena arena;
        struct sl_err registry; /* it could not be asked: nobody asks again */
        struct sl_dlq_place *places;
        size_t count, cap;
};
/* Remember where all originals of a dead-letter topic stood: what neighbours are told from. scan: topic and brokers. */
enum sl_rc sl_dlq_diagnosis_read(struct sl_dlq_diagnosis *d, const struct sl_dlq_scan_opts *scan, struct sl_err *err);
/* Append members of a JSON object, each with a comma before it: of its bytes (which: "key" or "value"), of its
 * neighbours. */
void sl_dlq_diagnose_bytes(struct sl_dlq_diagnosis *d, const char *which, struct sl_str topic, struct sl_str bytes,
                           struct sl_buf *out);
void sl_dlq_diagnose_neighbours(const struct sl_dlq_diagnosis *d, const struct sl_dlq_origin *origin,
                                struct sl_buf *out);
void sl_dlq_diagnosis_free(struct sl_dlq_diagnosis *d); /* accepts a zeroed struct */
#endif
