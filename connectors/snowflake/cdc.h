/* SPDX-License-Identifier: Apache-2.0 */
/* sluice.snowflake.cdc=true: Debezium's change events become rows of a change log (the table of the topic), and a
 * dynamic table or a merge task makes the current rows of it. This file says which part of an event is the row, and
 * writes the SQL. Not thread safe. */
#ifndef SL_SF_CDC_H
#define SL_SF_CDC_H
#include "connectors/snowflake/types.h"
#include "record/plans.h"

/* Columns of the change log beside those of the source's table. */
#define SL_SF_CDC_OP "__OP"               /* c, u, d, r (read by a snapshot), t (truncate) */
#define SL_SF_CDC_LSN "__LSN"             /* where the change stands in the log: NUMBER(38,0) */
#define SL_SF_CDC_COMMIT_TS "__COMMIT_TS" /* when the source committed it: TIMESTAMP_NTZ(6), UTC */

struct sl_sf_cdc_opts {
        bool task;              /* a table that a task merges into, instead of a dynamic table */
        const char *warehouse;  /* that refreshes */
        const char *target_lag; /* "1 minute": also the task's schedule */
        const char *suffix;     /* of the table of current rows: <table><suffix> */
};

/* A change event taken apart. */
struct sl_sf_change {
        const struct sl_schema *schema; /* of the row; NULL = schemaless */
        const struct sl_value *row;     /* after, or before for a delete; NULL: none (truncate) */
        struct sl_str op;
        bool has_lsn, has_commit;
        int64_t lsn, commit_us;
};
/* false: the value is no change event (it has no op). *ret_skip: it is one without a row for the table (a message).
 * plans: kept by the caller, freed with sl_plans_free(plans, free). */
bool sl_sf_cdc_change(struct sl_plans *plans, const struct sl_schema *schema, const struct sl_value *value,
                      struct sl_sf_change *ret, bool *ret_skip);

/* Append the statements that make the table of current rows out of the change log, or make it follow it after columns
 * came: each ended with NUL, in order, none when all is there. desc: the change log's columns, of which those with a
 * name of ours and RECORD_METADATA are left out; current: the table's now, NULL = there is none; keys: names of the
 * key's columns (as stored). */
void sl_sf_cdc_sql(const struct sl_sf_cdc_opts *opts, const struct sl_sf_desc *desc, const struct sl_sf_desc *current,
                   struct sl_str table, const struct sl_str *keys, uint32_t nkeys, struct sl_buf *out);
#endif
