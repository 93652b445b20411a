/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens of a client: which one goes on which request, until when, and what has to be asked for to get another. Holds all
 * secrets of a running client and wipes them; sends nothing itself (client.c does) and never logs.
 *
 * Key pair: a JWT signed here goes to the account's host; the ingest host takes a scoped token, which the account's host gives
 * for the JWT. OAuth: an access token from the token endpoint goes to both. PAT: goes to both as it is.
 * Times are the server's: the Date header of answers says how far our clock is off. */
#ifndef SL_SNOWFLAKE_AUTH_H
#define SL_SNOWFLAKE_AUTH_H
#include "base/http.h"
#include "connectors/snowflake/client.h"
#include "connectors/snowflake/key.h"

struct sl_sf_token {
        struct sl_buf text;
        int64_t renew_ms, end_ms; /* sl_mono_ms */
        uint32_t generation;      /* counts from 1 */
};
struct sl_sf_auth {
        const struct sl_sf_client_opts *opts;
        struct sl_sf_key *key;
        char *account;
        struct sl_buf refresh;           /* the newest refresh token */
        struct sl_sf_token own, scoped;  /* own: JWT, access token or PAT; scoped: for the ingest host */
        int64_t skew_ms;                 /* server's clock minus ours */
};

/* account: as it goes into a JWT (copied). Loads the key; opts outlives it, without key and passphrase. */
enum sl_rc sl_sf_auth_init(struct sl_sf_auth *a, const struct sl_sf_client_opts *opts, const char *account, struct sl_err *err);
void sl_sf_auth_free(struct sl_sf_auth *a); /* wipes; accepts a zeroed struct */
/* Learn the server's clock from an answer. */
void sl_sf_auth_clock(struct sl_sf_auth *a, const struct sl_http_response *resp);

/* Is there a token that can be sent now? A JWT is signed here when it is time. */
bool sl_sf_auth_own(struct sl_sf_auth *a, struct sl_err *err);
/* Must another one be fetched now, though the old one may still do? */
bool sl_sf_auth_own_due(const struct sl_sf_auth *a);
bool sl_sf_auth_scoped(const struct sl_sf_auth *a);
bool sl_sf_auth_scoped_due(const struct sl_sf_auth *a);
/* The ingest host takes the own token: no scoped one is needed. */
bool sl_sf_auth_direct(const struct sl_sf_auth *a);
/* "KEYPAIR_JWT", "OAUTH" ...: of the own token. */
const char *sl_sf_auth_type(const struct sl_sf_auth *a);

/* The server refused the token of this generation: don't send it again. False if nothing else can be got (PAT). */
bool sl_sf_auth_drop_own(struct sl_sf_auth *a, uint32_t generation);
void sl_sf_auth_drop_scoped(struct sl_sf_auth *a, uint32_t generation);

/* Bodies of the two token requests (forms), appended, and what their answers mean. */
void sl_sf_auth_scoped_form(const struct sl_sf_auth *a, const char *ingest_host, struct sl_buf *out);
void sl_sf_auth_oauth_form(const struct sl_sf_auth *a, struct sl_buf *out);
/* "Authorization: Basic ..." of the OAuth request. */
void sl_sf_auth_oauth_header(const struct sl_sf_auth *a, struct sl_buf *out);
bool sl_sf_auth_take_scoped(struct sl_sf_auth *a, struct sl_str answer, struct sl_err *err);
bool sl_sf_auth_take_oauth(struct sl_sf_auth *a, struct sl_str answer, struct sl_err *err);

/* Percent-encode all but RFC 3986's unreserved characters, appended. */
void sl_sf_encode(struct sl_buf *out, struct sl_str s);
#endif
