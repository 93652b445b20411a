/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials for S3. Does not do roles: web identity, containers' and instances' metadata, assume-role, SSO and
 * credential_process are named in the error when they are what the machine offers.
 * The shared credentials file is INI: [profile], aws_access_key_id, aws_secret_access_key, aws_session_token. */
#include "connectors/s3/credentials.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX ((size_t)1 << 20)

static void wipe(char **p)
{
        if (*p)
                OPENSSL_cleanse(*p, strlen(*p));
        free(*p);
        *p = NULL;
}

void sl_s3_creds_free(struct sl_s3_creds *c)
{
        wipe(&c->access);
        wipe(&c->secret);
        wipe(&c->token);
}

static bool set(const char *s)
{
        return s && *s;
}

static void take(struct sl_s3_creds *c, const char *access, const char *secret, const char *token, const char *origin)
{
        c->access = sl_strdup(access);
        c->secret = sl_strdup(secret);
        c->token = set(token) ? sl_strdup(token) : NULL;
        c->origin = origin;
}

static struct sl_str trim(struct sl_str s)
{
        while (s.len && (unsigned char)s.ptr[0] <= ' ')
                s.ptr++, s.len--;
        while (s.len && (unsigned char)s.ptr[s.len - 1] <= ' ')
                s.len--;
        return s;
}

static struct sl_str next_line(struct sl_str *text)
{
        const char *nl = text->len ? memchr(text->ptr, '\n', text->len) : NULL;
        struct sl_str line = {text->ptr, nl ? (size_t)(nl - text->ptr) : text->len};
        size_t taken = line.len + (nl ? 1 : 0);
        text->ptr += taken;
        text->len -= taken;
        return trim(line);
}

static void profile_key(struct sl_str key, struct sl_str value, struct sl_s3_creds *c, const char **ret_other)
{
        static const char *const others[] = {"role_arn",
                                             "credential_process",
                                             "sso_session",
                                             "sso_start_url",
                                             "web_identity_token_file",
                                             "credential_source",
                                             NULL};
        char **member = sl_str_eqc(key, "aws_access_key_id")       ? &c->access
                        : sl_str_eqc(key, "aws_secret_access_key") ? &c->secret
                        : sl_str_eqc(key, "aws_session_token")     ? &c->token
                                                                   : NULL;
        if (member) {
                wipe(member);
                *member = sl_strndup(value.ptr, value.len);
        }
        for (const char *const *o = others; *o; o++)
                if (sl_str_eqc(key, *o))
                        *ret_other = *o;
}

bool sl_s3_creds_profile(struct sl_str text, const char *profile, struct sl_s3_creds *ret, const char **ret_other)
{
        bool inside = false;
        *ret_other = NULL;
        while (text.len) {
                struct sl_str line = next_line(&text);
                if (!line.len || line.ptr[0] == '#' || line.ptr[0] == ';')
                        continue;
                if (line.ptr[0] == '[') {
                        const char *close = memchr(line.ptr, ']', line.len);
                        size_t end = close ? (size_t)(close - line.ptr) : line.len;
                        inside = sl_str_eqc(trim((struct sl_str){line.ptr + 1, end - 1}), profile);
                        continue;
                }
                const char *eq = memchr(line.ptr, '=', line.len);
                if (!inside || !eq)
                        continue;
                size_t n = (size_t)(eq - line.ptr);
                profile_key(trim((struct sl_str){line.ptr, n}), trim((struct sl_str){eq + 1, line.len - n - 1}), ret,
                            ret_other);
        }
        if (set(ret->access) && set(ret->secret) && !*ret_other)
                return true;
        sl_s3_creds_free(ret);
        return false;
}

static bool read_file(const char *path, struct sl_buf *out)
{
        FILE *f = fopen(path, "re");
        if (!f)
                return false;
        size_t n = 0;
        do {
                if (!sl_buf_room(out, 4096))
                        break;
                n = fread(out->ptr + out->len, 1, 4096, f);
                out->len += n;
        } while (n && out->len < FILE_MAX);
        bool ok = !ferror(f);
        fclose(f);
        return ok;
}

static enum sl_rc none_found(const char *path, const char *profile, const char *other, struct sl_err *err)
{
        static const char *const roles[] = {"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                            "AWS_CONTAINER_CREDENTIALS_FULL_URI", NULL};
        const char *role = NULL;
        for (const char *const *r = roles; *r && !role; r++)
                role = set(getenv(*r)) ? *r : NULL;
        struct sl_buf hint = {0};
        if (other)
                sl_buf_printf(&hint, " (profile %s in %s uses %s, which is not supported yet)", profile, path, other);
        else if (role)
                sl_buf_printf(&hint, " (the environment has %s: roles are not supported yet)", role);
        enum sl_rc rc = sl_fail(
                err, SL_E_S3_SETUP,
                "No AWS credentials%s: set aws.access.key.id and aws.secret.access.key, or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY in the worker's environment, or a key pair for profile %s in %s",
                sl_buf_cstr(&hint), profile, path);
        sl_buf_free(&hint);
        return rc;
}

static enum sl_rc load_profile(struct sl_s3_creds *ret, struct sl_err *err)
{
        const char *profile = getenv("AWS_PROFILE"), *path = getenv("AWS_SHARED_CREDENTIALS_FILE"),
                   *home = getenv("HOME");
        const char *other = NULL;
        struct sl_buf where = {0}, text = {0};
        if (!set(profile))
                profile = "default";
        if (set(path))
                sl_buf_adds(&where, path);
        else
                sl_buf_printf(&where, "%s/.aws/credentials", home ? home : "");
        bool found = read_file(sl_buf_cstr(&where), &text) &&
                     sl_s3_creds_profile((struct sl_str){text.ptr, text.len}, profile, ret, &other);
        if (text.ptr)
                OPENSSL_cleanse(text.ptr, text.cap);
        enum sl_rc rc = SL_OK;
        if (found)
                ret->origin = "the shared credentials file";
        else
                rc = none_found(sl_buf_cstr(&where), profile, other, err);
        sl_buf_free(&text);
        sl_buf_free(&where);
        return rc;
}

enum sl_rc sl_s3_creds_load(const char *access, const char *secret, const char *token, struct sl_s3_creds *ret,
                            struct sl_err *err)
{
        if (set(access) && set(secret)) {
                take(ret, access, secret, token, "the connector's config");
                return SL_OK;
        }
        access = getenv("AWS_ACCESS_KEY_ID");
        secret = getenv("AWS_SECRET_ACCESS_KEY");
        if (set(access) && set(secret)) {
                take(ret, access, secret, getenv("AWS_SESSION_TOKEN"), "the environment");
                return SL_OK;
        }
        return load_profile(ret, err);
}
