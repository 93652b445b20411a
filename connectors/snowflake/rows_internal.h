/* SPDX-License-Identifier: Apache-2.0 */
/* What rows.c (a record's columns) and rowmeta.c (RECORD_METADATA) share. */
#ifndef SL_SF_ROWS_INTERNAL_H
#define SL_SF_ROWS_INTERNAL_H
#include "connectors/snowflake/cdc.h"
#include "connectors/snowflake/rows.h"
#include "connectors/snowflake/validate.h"
#include "connectors/snowflake/values.h"

#define SL_SF_METADATA "RECORD_METADATA"
#define SL_SF_CONTENT "RECORD_CONTENT"

/* How a value gets into its column. */
enum sl_sf_how {
        SL_SF_AS_IS,
        SL_SF_INT,        /* a column of fewer digits than the type has */
        SL_SF_SHORT_TEXT, /* a text that may be too long */
        SL_SF_HEX,
        SL_SF_BASE64,
        SL_SF_DECIMAL_TEXT, /* a decimal in a text column */
        SL_SF_SEMANTIC,     /* Debezium's types */
        SL_SF_CHECK,        /* all of validate.h */
};
/* A top-level column of one schema's rows, or of a key of maps without a schema. */
struct sl_sf_member {
        struct sl_str source, stored;      /* the field's name, the column's */
        struct sl_buf lead;                /* `,"NAME":` */
        const struct sl_sf_column *column; /* NULL: no description, or the table lacks it */
        const struct sl_schema *schema;    /* NULL: by tags */
        enum sl_sf_how how;
        uint8_t type; /* that how was chosen for */
        enum sl_sf_semantic semantic;
        int64_t per_second, max;
        bool skip;     /* ours takes its place */
        uint64_t *row; /* without a schema: of the column, the last row that had it */
};
/* The rows of a schema. */
struct sl_sf_plan {
        struct sl_sf_member *members;
        uint32_t count;
        const char *clash; /* two fields become this column; NULL = none */
};
struct sl_sf_encoder {
        struct sl_sf_encoder_opts opts;
        const struct sl_sf_desc *desc;
        struct sl_sf_values values;
        struct sl_plans plans, changes;
        struct sl_map keys, slots;     /* without a schema: by source name -> member; by stored name -> uint64_t */
        struct sl_sf_member **guesses; /* the members of the last row, by place */
        uint32_t guess_count;
        struct sl_sf_member content, op, lsn, commit;
        const struct sl_sf_column *meta_column;
        uint32_t required;   /* columns that must have a value */
        uint64_t row, *seen; /* by the column's index: the last row that had a value for it */
        uint32_t seen_required;
        struct sl_sf_wanted wanted;
        struct sl_arena arena; /* texts of wanted */
        struct sl_buf scratch, text;
        const char *head_topic; /* that head was made for */
        int32_t head_partition;
        struct sl_buf head; /* `,"RECORD_METADATA":{"topic":"t","partition":1,"offset":` */
        const struct sl_schema *key_schema;
        struct sl_str *key_names;
        uint32_t key_count;
};

/* Append `,"RECORD_METADATA":{...}`, or nothing where there is nothing to tell. */
enum sl_rc sl_sf_add_metadata(struct sl_sf_encoder *e, const struct sl_record *rec, int64_t push_ms, struct sl_buf *out,
                              struct sl_err *err);
/* A column has (or has not) a value in this row. */
void sl_sf_note_value(struct sl_sf_encoder *e, const struct sl_sf_column *c, bool null);
void sl_sf_want_column(struct sl_sf_encoder *e, struct sl_str name, const char *type, const char *comment);
#endif
