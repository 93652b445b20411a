/* SPDX-License-Identifier: Apache-2.0 */
/* A task's connection to a Snowflake account: authentication, the ingest host, requests in the background, and one bulk
 * status call a pipe for all its channels. Used by the task's thread only; never blocks, never logs. Channels: channel.h,
 * statements: sql.h.
 *
 * Errors of all calls and channels; none is ever a record's, so nothing is dead-lettered:
 *   SL_E_SF_KEY      fatal: the private key (sl_sf_client_new only)
 *   SL_E_SF_AUTH     transient, batch: user, key, token, role, network policy; goes on by itself once somebody put it right
 *                    (ERROR_1005 is the writer's when enable.task.fail.on.authorization.errors is set)
 *   SL_E_SF_RETRY    transient, batch: no connection, timeouts, 429, 5xx
 *   SL_E_SF_MISSING  fatal: database, schema, table or pipe is not there or not visible
 *   SL_E_SF_CHANNEL  fatal: an invalid pipe, a foreign offset token, a channel that is lost again and again
 *   SL_E_SF_SQL      fatal: a statement was refused (sqlstate is set)
 *   SL_E_SF_REFUSED  fatal: anything else that the server will never take
 * Messages carry the server's own code and text; native is the HTTP status (0: no answer). Sources: Snowflake's documentation
 * of the Snowpipe Streaming REST endpoints and of key-pair authentication. */
#ifndef SL_SNOWFLAKE_CLIENT_H
#define SL_SNOWFLAKE_CLIENT_H
#include "api/connector.h"
#include "base/err.h"
#include "base/str.h"

enum sl_sf_authenticator { SL_SF_AUTH_JWT, SL_SF_AUTH_OAUTH, SL_SF_AUTH_PAT };

struct sl_sf_client_opts {
        const char *url;         /* [http(s)://]host[:port] of the account, https without a scheme; an underscore becomes a dash */
        const char *account;     /* NULL = the URL's first label as it was written */
        const char *user, *role; /* role: of statements and, as a scope, of tokens; NULL = the user's default */
        int authenticator;       /* enum sl_sf_authenticator */
        const char *private_key, *passphrase;              /* JWT; read by sl_sf_client_new only */
        const char *oauth_client_id, *oauth_client_secret; /* OAUTH */
        const char *oauth_refresh_token;                   /* NULL or "" = client_credentials */
        const char *oauth_endpoint;                        /* NULL or "" = the account's /oauth/token-request */
        const char *oauth_scope;                           /* NULL or "" = not sent */
        const char *pat;                                   /* PAT */
        bool scope_role;         /* ask for scoped tokens with "session:role:<role>" before the host (not documented for streaming) */
        const char *ingest_suffix; /* also accept an ingest host that is this or ends in a dot and this; NULL = Snowflake's only */
        const char *proxy, *proxy_user, *proxy_password; /* see base/http.h */
        const char *ca_file;     /* NULL = the system's */
        int64_t backoff_ms;      /* base of the exponential backoff; 0 = 500 */
        int64_t status_ms;       /* between bulk status calls while rows wait for their commit; 0 = 500 */
        int64_t idle_status_ms;  /* the same with nothing pending: finds channels that were invalidated; 0 = 60,000 */
        int64_t safe_open_ms;    /* how long an open waits for rows of the channel's last session; 0 = 180,000 */
        int64_t stall_ms;        /* committed doesn't move with rows pending: the channel is lost; 0 = 120,000 */
        int64_t answer_ms;       /* a request without a byte moved for this long has no answer; 0 = 30,000 */
        enum sl_rc (*tick)(void *arg, struct sl_err *err); /* see base/http.h, for sql.h; may be NULL */
        void *tick_arg;
};

struct sl_sf_client;
/* Strings of opts (but key and passphrase) must outlive the client. Talks to nobody yet. *ret is set on success only. */
enum sl_rc sl_sf_client_new(const struct sl_sf_client_opts *opts, struct sl_sf_client **ret, struct sl_err *err);
/* Move everything on that goes in the background; never blocks. Call it when one of the descriptors or deadlines of wait is
 * there, and after a round of opens and appends. Fails on bugs only: what went wrong with a channel is its own state. */
enum sl_rc sl_sf_client_work(struct sl_sf_client *c, struct sl_err *err);
void sl_sf_client_wait(struct sl_sf_client *c, struct sl_wait *w);
/* Breaks off what is on its way and wipes all secrets. Free all channels before. NULL ok. */
void sl_sf_client_stop(struct sl_sf_client *c);

/* Ask for the status of all channels of all pipes at the next work, not in its turn (a flush that closes). */
void sl_sf_client_poll_now(struct sl_sf_client *c);
/* Why no request gets through just now: an error of authentication or connection, NULL = none known. */
const struct sl_err *sl_sf_client_trouble(const struct sl_sf_client *c);

struct sl_sf_counts {
        uint64_t requests, retries, tokens, statuses; /* all tries; repeated ones; tokens fetched; bulk status calls */
        uint64_t throttled;                           /* answers 429 and 503 */
};
struct sl_sf_counts sl_sf_client_counts(const struct sl_sf_client *c);
#endif
