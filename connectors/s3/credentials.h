/* SPDX-License-Identifier: Apache-2.0 */
/* Where the keys for S3 come from, and how they stay fresh. The chain, in this order: the config, the environment, a web
 * identity token (IRSA), the profile files, a container's service, the instance's metadata; or one of them by name.
 * What may take time (files, processes, HTTP) happens in a thread of its own, so that uploads go on with the keys that
 * there are: new ones are fetched when less than five minutes are left, and the old ones are used until they end. */
#ifndef SL_S3_CREDENTIALS_H
#define SL_S3_CREDENTIALS_H
#include "base/err.h"
#include "base/str.h"

struct sl_s3_keys {
        char *access, *secret, *token; /* token NULL = none */
        int64_t expires_ms;            /* wall clock; 0 = never, as far as we know */
        uint32_t generation;           /* counts from 1 */
        const char *origin;            /* "the connector's config", "the environment" ...: static */
};

enum sl_s3_provider {
        SL_S3_PROVIDER_CHAIN,
        SL_S3_PROVIDER_ENVIRONMENT,
        SL_S3_PROVIDER_WEB_IDENTITY,
        SL_S3_PROVIDER_PROFILE,
        SL_S3_PROVIDER_CONTAINER,
        SL_S3_PROVIDER_INSTANCE,
        SL_S3_PROVIDER_ASSUME_ROLE, /* the chain's keys (or the config's) assume role_arn */
        SL_S3_PROVIDER_ANONYMOUS,   /* requests are not signed */
};

struct sl_s3_creds_opts {
        int provider;                        /* enum sl_s3_provider */
        const char *access, *secret, *token; /* the config's pair goes before any provider; NULL or "" = none */
        const char *role_arn, *role_session, *role_external_id; /* ASSUME_ROLE; session, external id NULL or "": none */
        const char *sts_region;              /* of STS; its address may be changed by AWS_ENDPOINT_URL_STS */
        const char *proxy, *proxy_user, *proxy_password; /* for STS only; NULL = the environment's, none */
};

struct sl_s3_creds;
/* Strings of opts must outlive it. Fetches nothing yet. */
struct sl_s3_creds *sl_s3_creds_new(const struct sl_s3_creds_opts *opts);
void sl_s3_creds_free(struct sl_s3_creds *c); /* NULL ok; waits for its thread, which gives up within 100 ms */

enum sl_s3_creds_state {
        SL_S3_CREDS_READY,   /* *ret are the keys */
        SL_S3_CREDS_NONE,    /* anonymous: *ret is NULL */
        SL_S3_CREDS_PENDING, /* they are being fetched: ask again when sl_s3_creds_fd is readable */
        SL_S3_CREDS_FAILED,  /* there are none, or they have expired; see err (SL_E_S3_SETUP). Fetched again in a while */
};
/* The keys to sign with now. Begins to fetch others when it is time. *ret stays valid until the next call. */
enum sl_s3_creds_state sl_s3_creds_get(struct sl_s3_creds *c, const struct sl_s3_keys **ret, struct sl_err *err);
/* The server says that the keys of this generation have expired: fetch others. False if that would change nothing (the
 * config's own). */
bool sl_s3_creds_expired(struct sl_s3_creds *c, uint32_t generation);
/* When the keys that were fetched now and end then are replaced; random: any 32 bits. */
int64_t sl_s3_refresh_at(int64_t now_ms, int64_t expires_ms, uint32_t random);
int sl_s3_creds_fd(const struct sl_s3_creds *c); /* readable when a fetch has ended; get makes it quiet again */
#endif
