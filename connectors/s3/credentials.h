/* SPDX-License-Identifier: Apache-2.0 */
/* Where the keys for S3 come from: the config, the environment, the shared credentials file; in that order. */
#ifndef SL_S3_CREDENTIALS_H
#define SL_S3_CREDENTIALS_H
#include "base/err.h"
#include "base/str.h"

struct sl_s3_creds {
        char *access, *secret, *token; /* token NULL = none */
        const char *origin; /* for messages: "the connector's config", "the environment", "profile ..."; static */
};

/* access, secret, token: the config's, or NULL (the first two are set together, token may come with them).
 * SL_E_S3_SETUP when nothing is found or what is found is a kind that this build can't use; the message says which.
 * *ret is zeroed by the caller and owned by it. */
enum sl_rc sl_s3_creds_load(const char *access, const char *secret, const char *token, struct sl_s3_creds *ret,
                            struct sl_err *err);
/* Read keys of `profile` from the text of a credentials file. False if the profile is not there or has no key pair;
 * *ret_other: then names what it has instead ("role_arn", "credential_process", ...) or NULL. */
bool sl_s3_creds_profile(struct sl_str text, const char *profile, struct sl_s3_creds *ret, const char **ret_other);
void sl_s3_creds_free(struct sl_s3_creds *c); /* wipes; accepts a zeroed struct */
#endif
