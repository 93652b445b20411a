/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which credentials are looked for, as in AWS's SDK for Java 2 (AWS documentation: "Default credentials
 * provider chain"). What is configured and fails ends the search with its reason: falling through to other credentials
 * would write with rights that nobody meant. */
#include <stdlib.h>

#include "connectors/s3/creds_internal.h"

void sl_s3_keys_set(struct sl_s3_keys *k, const char *access, const char *secret, const char *token, const char *origin)
{
        k->access = sl_strdup(access);
        k->secret = sl_strdup(secret);
        k->token = sl_s3_set(token) ? sl_strdup(token) : NULL;
        k->origin = origin;
}

static void absent(struct sl_s3_fetch *f, const char *what)
{
        sl_buf_printf(&f->tried, "%s%s", f->tried.len ? "; " : "", what);
}

enum sl_s3_found sl_s3_fetch_environment(struct sl_s3_fetch *f, struct sl_s3_keys *ret, struct sl_err *err)
{
        const char *access = getenv("AWS_ACCESS_KEY_ID"), *secret = getenv("AWS_SECRET_ACCESS_KEY");
        (void)err;
        if (!sl_s3_set(access) || !sl_s3_set(secret)) {
                absent(f, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both in the worker's environment");
                return SL_S3_ABSENT;
        }
        sl_s3_keys_set(ret, access, secret, getenv("AWS_SESSION_TOKEN"), "the environment");
        return SL_S3_FOUND;
}

static enum sl_s3_found web_identity(struct sl_s3_fetch *f, struct sl_s3_keys *ret, struct sl_err *err)
{
        const char *file = getenv("AWS_WEB_IDENTITY_TOKEN_FILE");
        struct sl_s3_role role = {.arn = getenv("AWS_ROLE_ARN"),
                                  .session = getenv("AWS_ROLE_SESSION_NAME"),
                                  .region = f->opts->sts_region};
        if (!sl_s3_set(file) || !sl_s3_set(role.arn)) {
                absent(f, "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not both in it");
                return SL_S3_ABSENT;
        }
        return sl_s3_assume_web_identity(f, &role, file, ret, err) == SL_OK ? SL_S3_FOUND : SL_S3_BROKEN;
}

typedef enum sl_s3_found provider(struct sl_s3_fetch *f, struct sl_s3_keys *ret, struct sl_err *err);

/* The named one, or all in their order. */
static enum sl_s3_found search(struct sl_s3_fetch *f, int which, struct sl_s3_keys *ret, struct sl_err *err)
{
        static const struct {
                int name; /* enum sl_s3_provider */
                provider *fetch;
        } all[] = {{SL_S3_PROVIDER_ENVIRONMENT, sl_s3_fetch_environment},
                   {SL_S3_PROVIDER_WEB_IDENTITY, web_identity},
                   {SL_S3_PROVIDER_PROFILE, sl_s3_fetch_profile},
                   {SL_S3_PROVIDER_CONTAINER, sl_s3_fetch_container},
                   {SL_S3_PROVIDER_INSTANCE, sl_s3_fetch_instance}};
        bool any = which == SL_S3_PROVIDER_CHAIN;
        for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
                if (!any && all[i].name != which)
                        continue;
                enum sl_s3_found found = all[i].fetch(f, ret, err);
                if (found != SL_S3_ABSENT)
                        return found;
        }
        (void)sl_fail(err, SL_E_S3_SETUP,
                      "No AWS credentials: set aws.access.key.id and aws.secret.access.key, or give them in another way "
                      "(docs/s3-credentials.md). %s%s",
                      any ? "The config has none; " : "", sl_buf_cstr(&f->tried));
        return SL_S3_BROKEN;
}

enum sl_s3_found sl_s3_fetch_keys(struct sl_s3_fetch *f, struct sl_s3_keys *ret, struct sl_err *err)
{
        const struct sl_s3_creds_opts *o = f->opts;
        if (o->provider != SL_S3_PROVIDER_ASSUME_ROLE)
                return search(f, o->provider, ret, err);
        struct sl_s3_keys base = {0};
        struct sl_s3_role role = {.arn = o->role_arn,
                                  .session = o->role_session,
                                  .external_id = o->role_external_id,
                                  .region = o->sts_region};
        enum sl_s3_found found = SL_S3_FOUND;
        if (sl_s3_set(o->access) && sl_s3_set(o->secret))
                sl_s3_keys_set(&base, o->access, o->secret, o->token, "the connector's config");
        else
                found = search(f, SL_S3_PROVIDER_CHAIN, &base, err);
        if (found == SL_S3_FOUND && sl_s3_assume_role(f, &role, &base, ret, err) != SL_OK)
                found = SL_S3_BROKEN;
        sl_s3_keys_free(&base);
        return found;
}
