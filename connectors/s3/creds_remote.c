/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials that come over HTTP: STS's AssumeRole and AssumeRoleWithWebIdentity (AWS documentation: "AWS STS API
 * Reference", version 2011-06-15), the endpoint of ECS tasks and EKS pods ("Container credential provider"), and the
 * instance's metadata service, version 2 only ("Use IMDS"). Tokens and keys never get into a message. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "connectors/s3/client.h"
#include "connectors/s3/creds_internal.h"
#include "connectors/s3/sigv4.h"

#define METADATA_MS 1000
#define METADATA_TRIES 3
#define CONTAINER_HOST "http://169.254.170.2"
#define INSTANCE_HOST "http://169.254.169.254"
#define INSTANCE_HOST_6 "http://[fd00:ec2::254]"
#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"
#define STS_MS 20000

static enum sl_rc tick(void *arg, struct sl_err *err)
{
        const struct sl_s3_fetch *f = arg;
        return atomic_load(f->stop) ? sl_fail(err, SL_E_STOPPED, "the task is stopping") : SL_OK;
}

static struct sl_http *outside(struct sl_s3_fetch *f)
{
        if (!f->http)
                f->http = sl_http_new(&(struct sl_http_opts){.tick = tick,
                                                             .tick_arg = f,
                                                             .proxy = f->opts->proxy,
                                                             .proxy_user = f->opts->proxy_user,
                                                             .proxy_password = f->opts->proxy_password,
                                                             .timeout_ms = STS_MS});
        return f->http;
}

static struct sl_http *direct(struct sl_s3_fetch *f)
{
        if (!f->direct)
                f->direct = sl_http_new(&(struct sl_http_opts){.tick = tick,
                                                               .tick_arg = f,
                                                               .proxy = "",
                                                               .connect_timeout_ms = METADATA_MS,
                                                               .timeout_ms = METADATA_MS});
        return f->direct;
}

int64_t sl_s3_iso_ms(const char *text)
{
        struct tm tm = {0};
        return text && strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) ? (int64_t)timegm(&tm) * 1000 : 0;
}

enum sl_rc sl_s3_keys_of_json(struct sl_str text, const char *from, struct sl_s3_keys *ret, struct sl_err *err)
{
        sl_auto_json *j = NULL;
        if (sl_json_parse(text, &j, NULL) != SL_OK)
                return sl_fail(err, SL_E_S3_SETUP, "AWS credentials: the answer of %s is not JSON", from);
        const char *access = sl_json_str(j, "AccessKeyId"), *secret = sl_json_str(j, "SecretAccessKey");
        const char *token = sl_json_str(j, "Token") ?: sl_json_str(j, "SessionToken");
        if (!sl_s3_set(access) || !sl_s3_set(secret)) {
                const char *code = sl_json_str(j, "Code") ?: sl_json_str(j, "code"),
                           *message = sl_json_str(j, "Message") ?: sl_json_str(j, "message");
                return sl_fail(err, SL_E_S3_SETUP, "AWS credentials: the answer of %s holds no keys%s%.100s%s%.300s", from,
                               code ? ": " : "", code ?: "", message ? ": " : "", message ?: "");
        }
        sl_s3_keys_set(ret, access, secret, token, from);
        ret->expires_ms = sl_s3_iso_ms(sl_json_str(j, "Expiration"));
        return SL_OK;
}

/* --- STS */

static void add_param(struct sl_buf *form, const char *name, struct sl_str value)
{
        sl_buf_printf(form, "&%s=", name);
        sl_sigv4_encode(form, value, false);
}

static void role_form(const struct sl_s3_role *role, const char *action, struct sl_buf *form)
{
        sl_buf_printf(form, "Action=%s&Version=2011-06-15", action);
        add_param(form, "RoleArn", sl_str_c(role->arn));
        add_param(form, "RoleSessionName", sl_str_c(sl_s3_set(role->session) ? role->session : "sluice"));
        if (sl_s3_set(role->external_id))
                add_param(form, "ExternalId", sl_str_c(role->external_id));
        if (role->seconds > 0)
                sl_buf_printf(form, "&DurationSeconds=%lld", (long long)role->seconds);
}

/* The endpoint's URL, and the region that requests to it are signed for. */
static const char *sts_endpoint(const char *region, struct sl_buf *url)
{
        const char *own = getenv("AWS_ENDPOINT_URL_STS"), *style = getenv("AWS_STS_REGIONAL_ENDPOINTS");
        if (sl_s3_set(own)) {
                sl_buf_adds(url, own);
                while (url->len && url->ptr[url->len - 1] == '/')
                        url->len--;
                sl_buf_addc(url, '/');
                return region;
        }
        if (style && strcmp(style, "legacy") == 0) {
                sl_buf_adds(url, "https://sts.amazonaws.com/");
                return "us-east-1";
        }
        const char *fips = getenv("AWS_USE_FIPS_ENDPOINT");
        sl_buf_printf(url, "https://sts%s.%s.amazonaws.com%s/", fips && strcmp(fips, "true") == 0 ? "-fips" : "", region,
                      strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
        return region;
}

static void sign(const struct sl_s3_keys *keys, const char *url, const char *region, const struct sl_buf *form,
                 const char *date, struct sl_buf *auth)
{
        const char *host = strstr(url, "://") + 3;
        struct sl_buf name = {0};
        char hash[SL_SHA256_HEX];
        sl_buf_add(&name, host, strcspn(host, "/"));
        sl_sigv4_sha256(form->ptr, form->len, hash);
        struct sl_sigv4_header headers[4] = {{"content-type", "application/x-www-form-urlencoded"},
                                             {"host", sl_buf_cstr(&name)},
                                             {"x-amz-date", date},
                                             {"x-amz-security-token", keys->token}};
        struct sl_sigv4_request req = {.method = "POST",
                                       .path = SL_STR("/"),
                                       .headers = headers,
                                       .header_count = keys->token ? 4 : 3,
                                       .payload_hash = hash};
        sl_sigv4_authorization(&req, &(struct sl_sigv4_keys){keys->access, keys->secret}, region, "sts", date, auth);
        sl_buf_free(&name);
}

static char *xml_text(struct sl_str xml, const char *tag)
{
        struct sl_buf b = {0};
        if (!sl_s3_xml_text(xml, tag, &b))
                sl_buf_free(&b);
        else
                sl_buf_cstr(&b);
        return b.ptr;
}

static enum sl_rc read_sts(struct sl_s3_fetch *f, const struct sl_s3_role *role, const char *action, const char *origin,
                           struct sl_s3_keys *ret, struct sl_err *err)
{
        struct sl_str xml = {f->resp.body.ptr, f->resp.body.len};
        char *access = xml_text(xml, "AccessKeyId"), *secret = xml_text(xml, "SecretAccessKey"),
             *token = xml_text(xml, "SessionToken"), *expires = xml_text(xml, "Expiration");
        enum sl_rc rc = SL_OK;
        if (f->resp.status == 200 && access && secret) {
                sl_s3_keys_set(ret, access, secret, token, origin);
                ret->expires_ms = sl_s3_iso_ms(expires);
        } else {
                char *code = xml_text(xml, "Code"), *message = xml_text(xml, "Message");
                rc = sl_fail(err, SL_E_S3_SETUP, "AWS credentials: STS refused %s of %.200s: HTTP status %d %.100s (%.300s)",
                             action, role->arn, f->resp.status, code ?: "", message ?: "");
                free(code);
                free(message);
        }
        if (secret)
                OPENSSL_cleanse(secret, strlen(secret));
        free(access);
        free(secret);
        free(token);
        free(expires);
        return rc;
}

/* keys NULL: unsigned. */
static enum sl_rc ask_sts(struct sl_s3_fetch *f, const struct sl_s3_role *role, const char *action, const char *origin,
                          const struct sl_s3_keys *keys, struct sl_buf *form, struct sl_s3_keys *ret, struct sl_err *err)
{
        struct sl_buf url = {0}, auth = {0}, token = {0}, stamp = {0};
        char date[SL_AMZ_DATE];
        const char *region = sts_endpoint(role->region, &url);
        const char *headers[5] = {"Content-Type: application/x-www-form-urlencoded"};
        if (keys) {
                sl_sigv4_date(sl_wall_ms(), date);
                sl_buf_adds(&auth, "Authorization: ");
                sign(keys, sl_buf_cstr(&url), region, form, date, &auth);
                sl_buf_printf(&stamp, "X-Amz-Date: %s", date);
                headers[1] = sl_buf_cstr(&auth);
                headers[2] = sl_buf_cstr(&stamp);
                if (keys->token) {
                        sl_buf_printf(&token, "X-Amz-Security-Token: %s", keys->token);
                        headers[3] = sl_buf_cstr(&token);
                }
        }
        struct sl_http_request req = {.method = "POST",
                                      .url = sl_buf_cstr(&url),
                                      .headers = headers,
                                      .body = {form->ptr, form->len}};
        struct sl_err why = {0};
        enum sl_rc rc = sl_http_do(outside(f), &req, &f->resp, &why);
        if (rc != SL_OK)
                rc = sl_fail(err, SL_E_S3_SETUP, "AWS credentials: STS does not answer %s: %s", action, why.msg);
        else
                rc = read_sts(f, role, action, origin, ret, err);
        sl_buf_free(&url);
        sl_buf_free(&auth);
        sl_buf_free(&token);
        sl_buf_free(&stamp);
        return rc;
}

enum sl_rc sl_s3_assume_role(struct sl_s3_fetch *f, const struct sl_s3_role *role, const struct sl_s3_keys *with,
                             struct sl_s3_keys *ret, struct sl_err *err)
{
        struct sl_buf form = {0};
        role_form(role, "AssumeRole", &form);
        enum sl_rc rc = ask_sts(f, role, "AssumeRole", "an assumed role", with, &form, ret, err);
        sl_buf_free(&form);
        return rc;
}

enum sl_rc sl_s3_assume_web_identity(struct sl_s3_fetch *f, const struct sl_s3_role *role, const char *token_file,
                                     struct sl_s3_keys *ret, struct sl_err *err)
{
        struct sl_buf form = {0}, token = {0};
        if (!sl_s3_read_file(token_file, &token)) {
                sl_buf_free(&token);
                return sl_fail(err, SL_E_S3_SETUP, "AWS credentials: the web identity token file %.300s can't be read: %s",
                               token_file, strerror(errno));
        }
        while (token.len && (unsigned char)token.ptr[token.len - 1] <= ' ')
                token.len--;
        role_form(role, "AssumeRoleWithWebIdentity", &form);
        add_param(&form, "WebIdentityToken", (struct sl_str){token.ptr, token.len});
        enum sl_rc rc = ask_sts(f, role, "AssumeRoleWithWebIdentity", "a web identity", NULL, &form, ret, err);
        OPENSSL_cleanse(form.ptr, form.cap);
        if (token.ptr)
                OPENSSL_cleanse(token.ptr, token.cap);
        sl_buf_free(&form);
        sl_buf_free(&token);
        return rc;
}

/* --- metadata */

/* One request, a few tries: these services answer at once or not at all. */
static enum sl_rc ask(struct sl_s3_fetch *f, const char *method, const char *url, const char *header,
                      struct sl_err *err)
{
        const char *headers[] = {header, NULL};
        struct sl_http_request req = {.method = method, .url = url, .headers = header ? headers : NULL};
        for (int tries = 1;; tries++) {
                struct sl_err why = {0};
                enum sl_rc rc = sl_http_do(direct(f), &req, &f->resp, &why);
                if (rc == SL_OK && (f->resp.status < 500 || tries == METADATA_TRIES))
                        return SL_OK;
                if (rc != SL_OK && (why.id != SL_E_HTTP_UNREACHABLE || tries == METADATA_TRIES)) {
                        if (err->rc == SL_OK)
                                *err = why;
                        return rc;
                }
        }
}

static struct sl_str answer(const struct sl_s3_fetch *f)
{
        return (struct sl_str){f->resp.body.ptr ? f->resp.body.ptr : "", f->resp.body.len};
}

/* Plain http would show the token to others: only to this machine and to the two agents that listen on it. */
bool sl_s3_container_allowed(const char *url)
{
        static const char *const hosts[] = {"localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
        if (strncmp(url, "https://", 8) == 0)
                return true;
        if (strncmp(url, "http://", 7) != 0)
                return false;
        const char *host = url + 7;
        size_t n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#@");
        if (host[n] == '@')
                return false;
        for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++)
                if (strlen(hosts[i]) == n && memcmp(host, hosts[i], n) == 0)
                        return true;
        char text[INET_ADDRSTRLEN];
        struct in_addr address;
        if (n >= sizeof(text))
                return false;
        memcpy(text, host, n);
        text[n] = '\0';
        return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

static enum sl_rc container_token(struct sl_buf *header, struct sl_err *err)
{
        const char *file = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
                   *token = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
        if (!sl_s3_set(file) && !sl_s3_set(token))
                return SL_OK;
        sl_buf_adds(header, "Authorization: ");
        size_t start = header->len;
        if (!sl_s3_set(file))
                sl_buf_adds(header, token);
        else if (!sl_s3_read_file(file, header))
                return sl_fail(err, SL_E_S3_SETUP, "AWS credentials: the container's token file %.300s can't be read: %s",
                               file, strerror(errno));
        while (header->len > start && (unsigned char)header->ptr[header->len - 1] <= ' ')
                header->len--;
        for (size_t i = start; i < header->len; i++)
                if ((unsigned char)header->ptr[i] < ' ')
                        return sl_fail(err, SL_E_S3_SETUP, "AWS credentials: the container's token is more than one line");
        return SL_OK;
}

enum sl_s3_found sl_s3_fetch_container(struct sl_s3_fetch *f, struct sl_s3_keys *ret, struct sl_err *err)
{
        const char *relative = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
                   *full = getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        struct sl_buf url = {0}, header = {0};
        struct sl_err why = {0};
        if (sl_s3_set(relative)) {
                sl_buf_printf(&url, CONTAINER_HOST "%s%s", *relative == '/' ? "" : "/", relative);
        } else if (sl_s3_set(full)) {
                sl_buf_adds(&url, full);
        } else {
                sl_buf_adds(&f->tried, "; no container service is named (AWS_CONTAINER_CREDENTIALS_FULL_URI)");
                return SL_S3_ABSENT;
        }
        enum sl_rc rc = SL_OK;
        if (!sl_s3_container_allowed(sl_buf_cstr(&url)))
                rc = sl_fail(err, SL_E_S3_SETUP,
                             "AWS credentials: AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or http to this machine, "
                             "169.254.170.2 or 169.254.170.23");
        if (rc == SL_OK)
                rc = container_token(&header, err);
        if (rc == SL_OK && (rc = ask(f, "GET", sl_buf_cstr(&url), header.len ? sl_buf_cstr(&header) : NULL, &why)) != SL_OK)
                (void)sl_fail(err, SL_E_S3_SETUP, "AWS credentials: the container's service does not answer: %s", why.msg);
        if (rc == SL_OK)
                rc = sl_s3_keys_of_json(answer(f), "the container's service", ret, err);
        if (header.ptr)
                OPENSSL_cleanse(header.ptr, header.cap);
        sl_buf_free(&header);
        sl_buf_free(&url);
        return rc == SL_OK ? SL_S3_FOUND : SL_S3_BROKEN;
}

static enum sl_s3_found no_instance(struct sl_s3_fetch *f, const char *why)
{
        sl_buf_printf(&f->tried, "; instance metadata: %.300s", why);
        return SL_S3_ABSENT;
}

/* PUT for a token, GET the role's name, GET its keys. */
static enum sl_s3_found ask_instance(struct sl_s3_fetch *f, const char *base, struct sl_s3_keys *ret,
                                     struct sl_err *err)
{
        struct sl_buf url = {0}, token = {0};
        struct sl_err why = {0};
        enum sl_s3_found found = SL_S3_ABSENT;
        sl_buf_printf(&url, "%s/latest/api/token", base);
        enum sl_rc rc = ask(f, "PUT", sl_buf_cstr(&url), "X-aws-ec2-metadata-token-ttl-seconds: 21600", &why);
        if (rc != SL_OK || f->resp.status != 200 || memchr(answer(f).ptr, '\n', answer(f).len)) {
                found = no_instance(f, rc == SL_OK ? "it gives no token (IMDSv2)" : why.msg);
        } else {
                sl_buf_printf(&token, "X-aws-ec2-metadata-token: %.*s", SL_FMT(answer(f)));
                sl_buf_clear(&url);
                sl_buf_printf(&url, "%s" ROLE_PATH, base);
                rc = ask(f, "GET", sl_buf_cstr(&url), sl_buf_cstr(&token), &why);
                if (rc != SL_OK || f->resp.status != 200 || f->resp.body.len == 0) {
                        found = no_instance(f, rc == SL_OK ? "the instance has no role" : why.msg);
                } else {
                        sl_buf_add(&url, answer(f).ptr, strcspn(sl_buf_cstr(&f->resp.body), "\r\n"));
                        rc = ask(f, "GET", sl_buf_cstr(&url), sl_buf_cstr(&token), &why);
                        if (rc != SL_OK)
                                rc = sl_fail(err, SL_E_S3_SETUP, "AWS credentials: instance metadata: %s", why.msg);
                        else
                                rc = sl_s3_keys_of_json(answer(f), "the instance's metadata", ret, err);
                        found = rc == SL_OK ? SL_S3_FOUND : SL_S3_BROKEN;
                }
        }
        if (token.ptr)
                OPENSSL_cleanse(token.ptr, token.cap);
        sl_buf_free(&token);
        sl_buf_free(&url);
        return found;
}

enum sl_s3_found sl_s3_fetch_instance(struct sl_s3_fetch *f, struct sl_s3_keys *ret, struct sl_err *err)
{
        const char *off = getenv("AWS_EC2_METADATA_DISABLED"), *own = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"),
                   *mode = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
        if (off && strcasecmp(off, "true") == 0)
                return no_instance(f, "AWS_EC2_METADATA_DISABLED");
        struct sl_buf base = {0};
        sl_buf_adds(&base, sl_s3_set(own)                            ? own
                           : mode && strcasecmp(mode, "IPv6") == 0 ? INSTANCE_HOST_6
                                                                     : INSTANCE_HOST);
        while (base.len && base.ptr[base.len - 1] == '/')
                base.len--;
        enum sl_s3_found found = ask_instance(f, sl_buf_cstr(&base), ret, err);
        sl_buf_free(&base);
        return found;
}
