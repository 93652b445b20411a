/* SPDX-License-Identifier: Apache-2.0 */
/* Which tables and columns are captured: Debezium's lists of regular expressions (comma separated, "\," is a literal
 * comma; the whole name must match, without case), and the names of topics. Not thread safe. */
#ifndef SL_POSTGRES_FILTER_H
#define SL_POSTGRES_FILTER_H
#include "connectors/postgres/cfg.h"

struct sl_pg_regexes {
        void **codes; /* pcre2_code */
        uint32_t count;
};
struct sl_pg_filter {
        bool ignore_builtin;
        struct sl_pg_regexes schema_in, schema_out, table_in, table_out, column_in, column_out, snapshot_in,
                message_in, message_out;
};
/* Compile all lists; err names the expression. Free also after a failure. */
enum sl_rc sl_pg_filter_open(struct sl_pg_filter *f, const struct sl_pg_cfg *cfg, struct sl_err *err);
void sl_pg_filter_free(struct sl_pg_filter *f);
bool sl_pg_filter_table(const struct sl_pg_filter *f, const char *schema, const char *table);
bool sl_pg_filter_column(const struct sl_pg_filter *f, const char *schema, const char *table, const char *column);
bool sl_pg_filter_snapshot(const struct sl_pg_filter *f, const char *schema, const char *table);
/* Of a logical decoding message; prefix is NUL-terminated. */
bool sl_pg_filter_message(const struct sl_pg_filter *f, const char *prefix);
/* Is the list a valid one? For checks of a configuration. text may be NULL. */
enum sl_rc sl_pg_regexes_check(const char *text, struct sl_err *err);

/* "<prefix><delimiter><schema><delimiter><table>" with what Kafka refuses replaced by '_'. */
const char *sl_pg_topic_name(const struct sl_pg_cfg *cfg, const char *prefix, const char *schema, const char *table,
                             struct sl_arena *arena);
/* Schema and field names as *.name.adjustment.mode says; dots: dots are allowed (schema names). */
const char *sl_pg_adjust_name(int mode, bool dots, const char *name, struct sl_arena *arena);
#endif
