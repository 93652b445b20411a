/* SPDX-License-Identifier: Apache-2.0 */
/* The time that a field holds, for timestamp.extractor=RecordField: which types are times, and how they are read. Numbers are
 * milliseconds as in Confluent's sink unless sluice.timestamp.unit says otherwise; Debezium's and Connect's own types say themselves what
 * they count. @thread any. */
#ifndef SL_S3_TIMEFIELD_H
#define SL_S3_TIMEFIELD_H
#include "connectors/s3/config.h"
#include "record/schema.h"
#include "record/value.h"

enum sl_s3_time_kind {
        SL_S3_TIME_NONE, /* no time */
        SL_S3_TIME_MS,
        SL_S3_TIME_S,
        SL_S3_TIME_US,
        SL_S3_TIME_NS,
        SL_S3_TIME_DAYS,
        SL_S3_TIME_TEXT, /* digits or ISO 8601 */
        SL_S3_TIME_REAL, /* a number with a fraction, of the unit that is configured */
};
/* How a field of this schema is read. */
enum sl_s3_time_kind sl_s3_time_kind_of(const struct sl_schema *schema, enum sl_s3_unit unit);
/* How a schemaless value is read. */
enum sl_s3_time_kind sl_s3_time_kind_of_value(const struct sl_value *v, enum sl_s3_unit unit);
/* Milliseconds since 1970, rounded down. unit: of digits in text and of reals. False: the text is no time, or it is too far away for 64
 * bits. */
bool sl_s3_time_read(enum sl_s3_time_kind kind, enum sl_s3_unit unit, const struct sl_value *v, int64_t *ret);
#endif
