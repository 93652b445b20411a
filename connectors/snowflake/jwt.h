/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Tokens (RFC 7519) as Snowflake's key-pair authentication wants them, and the one thing that is read from foreign
 * ones: when they end. Signatures of foreign tokens are not checked: we only carry them. */
#ifndef SL_SNOWFLAKE_JWT_H
#define SL_SNOWFLAKE_JWT_H
#include "base/err.h"
#include "base/str.h"
#include "connectors/snowflake/key.h"

#define SL_SF_JWT_SECONDS 3540 /* Snowflake takes an hour at most */

/* The account as it stands in a token: upper case, without what follows the first dot (region, cloud). Appended. */
void sl_sf_jwt_account(struct sl_buf *out, const char *account);
/* A token of account and user, from now_s (the server's clock, Unix time) for SL_SF_JWT_SECONDS. out is replaced; its memory is
 * wiped by sl_sf_wipe. */
enum sl_rc sl_sf_jwt_make(const struct sl_sf_key *key, const char *account, const char *user, int64_t now_s, struct sl_buf *out,
                          struct sl_err *err);
/* The exp claim in Unix seconds; false if token is no JWT or has none. */
bool sl_sf_jwt_exp(struct sl_str token, int64_t *ret_s);
/* Base64 without padding in the URL alphabet, appended. */
void sl_sf_base64url(struct sl_buf *out, const void *p, size_t n);
/* Overwrite and free a buffer that held a secret; leaves it zeroed. */
void sl_sf_wipe(struct sl_buf *b);
#endif
