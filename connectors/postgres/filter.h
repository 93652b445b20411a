/* SPDX-License-Identifier: Apache-2.0 */
/* Which tables and columns are captured: Debezium's lists of regular expressions (comma separated, "\," is a literal
 * comma; the whole name must match, without case), which columns are keys (message.key.columns), and what else is bound
 * by name: mappers and naming. */
#ifndef SL_POSTGRES_FILTER_H
#define SL_POSTGRES_FILTER_H
#include "connectors/postgres/mapper.h"
#include "connectors/postgres/naming.h"
#include "connectors/postgres/regexes.h"

struct sl_pg_filter {
        bool ignore_builtin;
        const char *signal_table; /* captured whatever the lists say; NULL = none */
        struct sl_pg_regexes schema_in, schema_out, table_in, table_out, column_in, column_out, snapshot_in,
                message_in, message_out;
        struct sl_pg_regexes *keys; /* message.key.columns: one for each column that it names, in its order */
        uint32_t key_count;
        struct sl_pg_mappers mappers;
        struct sl_pg_names names;
};
/* Compile all lists; err names the expression. Free also after a failure. */
enum sl_rc sl_pg_filter_open(struct sl_pg_filter *f, const struct sl_pg_cfg *cfg, struct sl_err *err);
void sl_pg_filter_free(struct sl_pg_filter *f);
bool sl_pg_filter_table(const struct sl_pg_filter *f, const char *schema, const char *table);
/* Which expression of table.include.list matches first; 0 also without one. */
uint32_t sl_pg_filter_rank(const struct sl_pg_filter *f, const char *schema, const char *table);
bool sl_pg_filter_column(const struct sl_pg_filter *f, const char *schema, const char *table, const char *column);
/* Is this the k-th column that message.key.columns names? */
bool sl_pg_filter_key(const struct sl_pg_filter *f, uint32_t k, const char *schema, const char *table,
                      const char *column);
bool sl_pg_filter_snapshot(const struct sl_pg_filter *f, const char *schema, const char *table);
/* Of a logical decoding message; prefix is NUL-terminated. */
bool sl_pg_filter_message(const struct sl_pg_filter *f, const char *prefix);
#endif
