/* SPDX-License-Identifier: Apache-2.0 */
/* Names of topics as topic.naming.strategy wants them, the key's field that tells the tables of one topic apart, and
 * names of schemas and fields as *.name.adjustment.mode says. Not thread safe. */
#ifndef SL_POSTGRES_NAMING_H
#define SL_POSTGRES_NAMING_H
#include "base/arena.h"
#include "base/err.h"
#include "connectors/postgres/cfg.h"

struct sl_pg_names {
        void *topic, *key_field; /* pcre2_code of topic.regex and topic.key.field.regex, or NULL */
};
/* err names the expression or the replacement that is wrong. Free also after a failure. */
enum sl_rc sl_pg_names_open(struct sl_pg_names *n, const struct sl_pg_cfg *cfg, struct sl_err *err);
void sl_pg_names_free(struct sl_pg_names *n);

/* The topic of a table's rows, in arena. */
const char *sl_pg_table_topic(const struct sl_pg_names *n, const struct sl_pg_cfg *cfg, const char *prefix,
                              const char *schema, const char *table, struct sl_arena *arena);
/* The value of the key's field topic.key.field.name, or NULL when keys don't have it. */
const char *sl_pg_table_identity(const struct sl_pg_names *n, const struct sl_pg_cfg *cfg, const char *prefix,
                                 const char *schema, const char *table, struct sl_arena *arena);
/* "<prefix><delimiter><schema><delimiter><table>" (without the schema when it is NULL) with what Kafka refuses replaced
 * by '_'. */
const char *sl_pg_topic_name(const struct sl_pg_cfg *cfg, const char *prefix, const char *schema, const char *table,
                             struct sl_arena *arena);
/* Schema and field names as *.name.adjustment.mode says; dots: dots are allowed (schema names). */
const char *sl_pg_adjust_name(int mode, bool dots, const char *name, struct sl_arena *arena);
#endif
