/* SPDX-License-Identifier: Apache-2.0 */
/* A record to one line of NDJSON: the columns of its value (or RECORD_CONTENT) and RECORD_METADATA, by the conversions
 * of the Java connector. Field names are made ready once a schema; a row allocates nothing. With a table's description
 * the row is checked before it is sent: columns that the table lacks, NOT NULLs, and with `validate` the values
 * (validate.h). Does not talk to a server, does not collect lines (batch.h). One a table and task; not thread safe. */
#ifndef SL_SF_ROWS_H
#define SL_SF_ROWS_H
#include "connectors/snowflake/types.h"
#include "record/record.h"

struct sl_sf_encoder_opts {
        bool schematize;         /* snowflake.enable.schematization */
        bool normalize;          /* snowflake.compatibility.enable.column.identifier.normalization */
        bool validate;           /* values are checked too (needs a description) */
        bool ignore_nulls;       /* behavior.on.null.values=IGNORE */
        bool metadata;           /* snowflake.metadata.all */
        bool meta_topic;         /* snowflake.metadata.topic */
        bool meta_offset;        /* snowflake.metadata.offset.and.partition */
        bool meta_time;          /* snowflake.metadata.createtime */
        bool meta_push_time;     /* snowflake.streaming.metadata.connectorPushTime */
        bool structured_headers; /* snowflake.feature.structured.headers */
        bool cdc;                /* sluice.snowflake.cdc: the value is a change event, see cdc.h */
        bool hex; /* bytes in BINARY columns as hexadecimal digits, else base64; inside of other values: base64 */
};

struct sl_sf_encoder;
struct sl_sf_encoder *sl_sf_encoder_new(const struct sl_sf_encoder_opts *opts);
void sl_sf_encoder_free(struct sl_sf_encoder *e); /* NULL ok */
/* The table's description from now on; NULL: rows are not checked. Must live until the next call or the end. */
void sl_sf_encoder_table(struct sl_sf_encoder *e, const struct sl_sf_desc *desc);

enum sl_sf_row {
        SL_SF_ROW_DONE,    /* the line is appended, its line feed too */
        SL_SF_ROW_SKIPPED, /* the record has no row (tombstone, nothing to write): processed all the same */
        SL_SF_ROW_EVOLVE,  /* nothing is appended: the table has to change first, see sl_sf_encoder_wanted */
};
/* Append the row of a record to line. push_ms: SnowflakeConnectorPushTime. A failure is of record scope (error 5015, or
 * of the validation: column and reason) and leaves line as it was. desc->may_evolve false: where a table had to change
 * it fails. */
enum sl_rc sl_sf_encoder_add(struct sl_sf_encoder *e, const struct sl_record *rec, int64_t push_ms, struct sl_buf *line,
                             enum sl_sf_row *ret, struct sl_err *err);
/* After SL_SF_ROW_EVOLVE: what the table needs; until the next call with e. */
const struct sl_sf_wanted *sl_sf_encoder_wanted(const struct sl_sf_encoder *e);
/* cdc: the key's columns (as stored) of the last record that had a key of fields; 0: none came yet. Until the next call
 * with e. */
const struct sl_str *sl_sf_encoder_keys(const struct sl_sf_encoder *e, uint32_t *ret_count);
/* Name of the top-level column with the longest text in a line, and its length: for "the row is too large". The name
 * points into line. */
struct sl_str sl_sf_row_largest(struct sl_str line, size_t *ret_len);
#endif
