/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into the extra objects of store.kafka.keys and store.kafka.headers: a record's key or headers as schema and value
 * for the format of those objects, as Confluent's S3 sink shapes them.
 *   keys     the key as it is; Parquet, which has only structs: RecordKey{key}
 *   headers  a list of {key, value}, both strings, values as text (record/values.h); JSON and Parquet: RecordHeaders{headers}
 * Not thread safe. */
#ifndef SL_S3_VIEWS_H
#define SL_S3_VIEWS_H
#include "base/arena.h"
#include "connectors/s3/config.h"
#include "record/record.h"

struct sl_s3_views { /* zeroed = empty; one a task will do */
        const struct sl_schema *key_of, *key_envelope; /* the last key schema and its envelope */
        const struct sl_schema *header_schema[2];      /* without and with envelope */
        struct sl_buf text;                            /* scratch */
};
void sl_s3_views_free(struct sl_s3_views *v); /* accepts a zeroed struct */

/* Values point into rec and arena. SL_E_FORMAT (record scope) with Confluent's text: the record has no key; Parquet and the key
 * has no schema. Check both views of a record before its value is written, so that files stay aligned. */
enum sl_rc sl_s3_key_view(struct sl_s3_views *v, enum sl_s3_format format, const struct sl_record *rec,
                          struct sl_arena *arena, const struct sl_schema **ret_schema, struct sl_value *ret,
                          struct sl_err *err);
/* The same for headers: it has none, or one of them is null. The schema is always the same for one format. */
enum sl_rc sl_s3_header_view(struct sl_s3_views *v, enum sl_s3_format format, const struct sl_record *rec,
                             struct sl_arena *arena, const struct sl_schema **ret_schema, struct sl_value *ret,
                             struct sl_err *err);
#endif
