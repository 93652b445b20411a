/* SPDX-License-Identifier: Apache-2.0 */
/* Snowflake's host names: taking the account's URL apart, and which ingest hosts may be sent a token. Pure. */
#ifndef SL_SNOWFLAKE_HOST_H
#define SL_SNOWFLAKE_HOST_H
#include "base/err.h"
#include "base/str.h"

struct sl_sf_url {
        bool tls;
        char *host;    /* as it is connected to: underscores are dashes; with the port, if one was given */
        char *account; /* the first label as it was written */
};
/* [http(s)://]host[:port][/]; SL_E_CONFIG with ERROR_0007 or ERROR_0017 otherwise. */
enum sl_rc sl_sf_url_parse(const char *text, struct sl_sf_url *ret, struct sl_err *err);
void sl_sf_url_free(struct sl_sf_url *u);
/* The host of a discovery answer ({"hostname": ...}, a JSON string or plain text), underscores as dashes, appended to out with
 * the port it was given. It must lie in the domain of the account's host (snowflakecomputing.com or .cn), or be `also` or end in
 * a dot and `also` (NULL = none): a token goes nowhere else. SL_E_SF_REFUSED. */
enum sl_rc sl_sf_host_take(struct sl_str answer, const char *account_host, const char *also, struct sl_buf *out, struct sl_err *err);
#endif
