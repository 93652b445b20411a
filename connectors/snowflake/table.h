/* SPDX-License-Identifier: Apache-2.0 */
/* The table in Snowflake: made where it is missing, described, changed for records that have more than it. All by SQL
 * (sql.h), which may take long: the caller's tick keeps its consumer alive. One a table and task; one ALTER of a table
 * runs at a time in the process. Not thread safe. */
#ifndef SL_SF_TABLE_H
#define SL_SF_TABLE_H
#include "connectors/snowflake/cdc.h"
#include "connectors/snowflake/sql.h"
#include "connectors/snowflake/types.h"

struct sl_sf_table_opts {
        struct sl_sf_client *client; /* outlives the table */
        const char *account;         /* host: tells tables of the same name apart */
        const char *database, *schema, *role;
        const char *name;            /* as stored */
        bool create, iceberg;        /* where it is missing: make it, as an Iceberg table */
        const char *iceberg_options; /* snowflake.iceberg.create.table.options */
        bool schematize;             /* false: made with RECORD_CONTENT too */
        int32_t ttl_ms;              /* snowflake.cache.table.exists.expire.ms; 0: asked every time */
        enum sl_rc (*tick)(void *arg,
                           struct sl_err *err); /* called while another task changes the table; NULL = none */
        void *tick_arg;
};
struct sl_sf_table;
struct sl_sf_table *sl_sf_table_new(const struct sl_sf_table_opts *opts); /* strings are copied */
void sl_sf_table_free(struct sl_sf_table *t);                             /* NULL ok */
/* The table is there, or is made. SL_E_SF_MISSING: it is missing and not to be made; SL_E_SF_SQL: it can't be. */
enum sl_rc sl_sf_table_ensure(struct sl_sf_table *t, struct sl_err *err);
/* Its description, from the cache when that is younger than the TTL; fresh: asked in any case. Until the next call of
 * this or of evolve. */
enum sl_rc sl_sf_table_describe(struct sl_sf_table *t, bool fresh, const struct sl_sf_desc **ret, struct sl_err *err);
/* ALTER TABLE for what a row needs and the table still lacks (it is described first, another task may have been
 * faster), then describe it again. *ret as above. Channels should be opened again before their next append. */
enum sl_rc sl_sf_table_evolve(struct sl_sf_table *t, const struct sl_sf_wanted *wanted, const struct sl_sf_desc **ret,
                              struct sl_err *err);
/* Is there a pipe of this name (as stored)? */
enum sl_rc sl_sf_table_pipe_exists(struct sl_sf_table *t, const char *pipe, bool *ret, struct sl_err *err);
/* Make, or make again after the columns changed, what gives the current rows (cdc.h). keys: as stored. */
enum sl_rc sl_sf_table_cdc(struct sl_sf_table *t, const struct sl_sf_cdc_opts *opts, const struct sl_str *keys,
                           uint32_t nkeys, struct sl_err *err);
#endif
