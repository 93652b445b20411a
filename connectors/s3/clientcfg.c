/* SPDX-License-Identifier: Apache-2.0 */
/* From the connector's config, and the environment variables that every AWS program knows, to a client. */
#include <stdlib.h>
#include <strings.h>

#include "connectors/s3/client.h"
#include "connectors/s3/config.h"

static const char *given(const char *s)
{
        return s && *s ? s : NULL;
}

static bool env_true(const char *name)
{
        const char *v = getenv(name);
        return v && strcasecmp(v, "true") == 0;
}

static void object_headers(const struct sl_s3_cfg *cfg, struct sl_s3_client_opts *opts)
{
        const char *key = given(cfg->sse_customer_key), *sse = given(cfg->sse);
        size_t n = 0;
        if (given(cfg->acl)) {
                opts->object_headers[n].name = "x-amz-acl";
                opts->object_headers[n++].value = cfg->acl;
        }
        if (!sse || key) /* with a customer's key, s3.ssea.name says its algorithm */
                return;
        opts->object_headers[n].name = "x-amz-server-side-encryption";
        opts->object_headers[n++].value = sse;
        if (given(cfg->kms_key) && strncmp(sse, "aws:kms", 7) == 0) {
                opts->object_headers[n].name = "x-amz-server-side-encryption-aws-kms-key-id";
                opts->object_headers[n].value = cfg->kms_key;
        }
}

static struct sl_s3_creds_opts creds_opts(const struct sl_s3_cfg *cfg)
{
        return (struct sl_s3_creds_opts){.provider = cfg->credentials_provider,
                                         .access = given(cfg->access),
                                         .secret = given(cfg->secret),
                                         .token = given(cfg->token),
                                         .role_arn = given(cfg->role_arn),
                                         .role_session = given(cfg->role_session),
                                         .role_external_id = given(cfg->role_external_id),
                                         .sts_region = given(cfg->sts_region) ?: cfg->region,
                                         .proxy = given(cfg->proxy),
                                         .proxy_user = given(cfg->proxy_user),
                                         .proxy_password = given(cfg->proxy_password)};
}

enum sl_rc sl_s3_client_open(const struct sl_s3_cfg *cfg, const struct sl_task_env *env, struct sl_s3_client **ret,
                             struct sl_err *err)
{
        struct sl_s3_client_opts opts = {.bucket = cfg->bucket,
                                         .region = cfg->region,
                                         .endpoint = given(cfg->store_url),
                                         .path_style = cfg->path_style,
                                         .accelerate = cfg->wan_mode,
                                         .dualstack = env_true("AWS_USE_DUALSTACK_ENDPOINT"),
                                         .fips = env_true("AWS_USE_FIPS_ENDPOINT"),
                                         .creds = creds_opts(cfg),
                                         .attempts = cfg->part_retries > 1 ? cfg->part_retries : 1,
                                         .backoff_ms = cfg->retry_backoff_ms,
                                         .parallel = cfg->parallel_parts,
                                         .part_size = (size_t)cfg->part_size,
                                         .crc32c = cfg->checksum == SL_S3_CHECKSUM_CRC32C,
                                         .send_md5 = cfg->send_digest,
                                         .expect_continue = cfg->expect_continue,
                                         .tag_errors_fail = cfg->tagging_errors == SL_S3_TAGGING_FAIL,
                                         .sse_customer_key = given(cfg->sse_customer_key),
                                         .proxy = given(cfg->proxy),
                                         .proxy_user = given(cfg->proxy_user),
                                         .proxy_password = given(cfg->proxy_password),
                                         .ca_file = cfg->ca_file,
                                         .tick = env->tick,
                                         .tick_arg = env->tick_arg};
        object_headers(cfg, &opts);
        return sl_s3_client_new(&opts, ret, err);
}

/* --- checks */

static void check_keys(const struct sl_s3_cfg *cfg, struct sl_cfg_report *r)
{
        if (!given(cfg->access) != !given(cfg->secret))
                sl_cfg_add_error(r, given(cfg->access) ? "aws.secret.access.key" : "aws.access.key.id",
                                 "aws.access.key.id and aws.secret.access.key must be set together");
        if (given(cfg->token) && !given(cfg->access))
                sl_cfg_add_error(r, "aws.session.token",
                                 "aws.session.token needs aws.access.key.id and aws.secret.access.key");
        bool role = cfg->credentials_provider == SL_S3_PROVIDER_ASSUME_ROLE;
        if (role && !given(cfg->role_arn))
                sl_cfg_add_error(r, "s3.credentials.provider.sts.role.arn",
                                 "AwsAssumeRoleCredentialsProvider needs s3.credentials.provider.sts.role.arn");
        if (!role && given(cfg->role_arn))
                sl_cfg_add_warning(r, "s3.credentials.provider.sts.role.arn",
                                   "s3.credentials.provider.sts.role.arn has no effect without "
                                   "s3.credentials.provider.class=AwsAssumeRoleCredentialsProvider");
}

static void check_encryption(const struct sl_s3_cfg *cfg, struct sl_cfg_report *r)
{
        const char *key = given(cfg->sse_customer_key), *sse = given(cfg->sse);
        uint8_t raw[48];
        if (given(cfg->kms_key) && !(sse && strncmp(sse, "aws:kms", 7) == 0))
                sl_cfg_add_warning(r, "s3.sse.kms.key.id",
                                   "s3.sse.kms.key.id has no effect without s3.ssea.name=aws:kms");
        if (key && (strlen(key) != 44 || sl_base64_decode(key, 44, raw) != 32))
                sl_cfg_add_error(r, "s3.sse.customer.key", "s3.sse.customer.key must be 32 bytes in base64");
        if (key && sse && strcmp(sse, "AES256") != 0)
                sl_cfg_add_error(r, "s3.sse.customer.key", "s3.sse.customer.key needs s3.ssea.name=AES256 (or none)");
        if (key && given(cfg->store_url) && strncasecmp(cfg->store_url, "http://", 7) == 0)
                sl_cfg_add_warning(r, "s3.sse.customer.key",
                                   "s3.sse.customer.key goes over store.url without encryption: use https");
}

static void check_tags(const struct sl_s3_cfg *cfg, struct sl_cfg_report *r)
{
        for (uint32_t i = 0; i < cfg->tag_pairs.count; i++) {
                const char *pair = cfg->tag_pairs.items[i], *colon = strchr(pair, ':');
                if (!colon || colon == pair)
                        sl_cfg_add_error(r, "s3.object.tagging.key.value.pairs",
                                         "Invalid value %s for configuration s3.object.tagging.key.value.pairs: it must be "
                                         "name:value",
                                         pair);
        }
        if (cfg->tagging && cfg->tag_pairs.count > 7)
                sl_cfg_add_error(r, "s3.object.tagging.key.value.pairs",
                                 "An object has at most 10 tags, and s3.object.tagging makes three");
        if (!cfg->tagging && cfg->tag_pairs.count)
                sl_cfg_add_warning(r, "s3.object.tagging.key.value.pairs",
                                   "s3.object.tagging.key.value.pairs has no effect without s3.object.tagging=true");
}

void sl_s3_client_check(const struct sl_s3_cfg *cfg, struct sl_cfg_report *r)
{
        check_keys(cfg, r);
        check_encryption(cfg, r);
        check_tags(cfg, r);
        if (cfg->wan_mode && cfg->path_style)
                sl_cfg_add_error(r, "s3.wan.mode",
                                 "s3.wan.mode needs s3.path.style.access.enabled=false: an accelerated endpoint has the "
                                 "bucket in its host name");
        if (cfg->wan_mode && cfg->bucket && strchr(cfg->bucket, '.'))
                sl_cfg_add_error(r, "s3.wan.mode", "Transfer acceleration is not possible for a bucket with a dot in its name");
        if (cfg->wan_mode && given(cfg->store_url))
                sl_cfg_add_warning(r, "s3.wan.mode", "s3.wan.mode has no effect with store.url");
        if (given(cfg->proxy_user) && !given(cfg->proxy))
                sl_cfg_add_warning(r, "s3.proxy.user", "s3.proxy.user has no effect without s3.proxy.url");
}
