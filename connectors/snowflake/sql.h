/* SPDX-License-Identifier: Apache-2.0 */
/* Statements over the SQL API v2. Run to their end in the calling thread, which goes on with the client's background work
 * and calls the client's tick at least every 100 ms. A statement whose answer was lost is sent again with the same request id, which
 * runs it once. For DDL and SHOW: no result of more than one partition. */
#ifndef SL_SNOWFLAKE_SQL_H
#define SL_SNOWFLAKE_SQL_H
#include <jansson.h>
#include "connectors/snowflake/client.h"

#define SL_SF_BINDS_MAX 8

struct sl_sf_statement {
        const char *text;
        const char *binds[SL_SF_BINDS_MAX]; /* TEXT binds for ?, in their order; NULL ends */
        const char *database, *schema, *warehouse; /* exact names (case counts); NULL = none */
        int64_t timeout_s;                  /* the server's; 0 = 60 */
};
/* A result; zeroed before the first use. */
struct sl_sf_rows {
        json_t *body;
        uint32_t count;
};
/* SL_E_SF_SQL (err->sqlstate; the message begins with Snowflake's code), SL_E_SF_MISSING for "does not exist or not authorized",
 * SL_E_SF_AUTH, SL_E_SF_RETRY when tries ran out, SL_E_STOPPED from tick. ret may be NULL; free it with sl_sf_rows_free. */
enum sl_rc sl_sf_sql_run(struct sl_sf_client *c, const struct sl_sf_statement *s, struct sl_sf_rows *ret, struct sl_err *err);
/* A value by row and column name (any case); ptr NULL for SQL NULL or when there is no such column. Lives as long as the rows. */
struct sl_str sl_sf_rows_get(const struct sl_sf_rows *r, uint32_t row, const char *column);
bool sl_sf_rows_has(const struct sl_sf_rows *r, const char *column);
void sl_sf_rows_free(struct sl_sf_rows *r); /* accepts a zeroed struct; leaves it zeroed */
/* A name as a quoted identifier, appended: "a""b". */
void sl_sf_quote(struct sl_buf *out, struct sl_str name);
#endif
