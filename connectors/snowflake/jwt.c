/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: three parts of base64url, header.payload.signature (RFC 7519, RFC 7515). The claims are those of Snowflake's
 * documentation of key-pair authentication. */
#include "connectors/snowflake/jwt.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define HEADER "{\"alg\":\"RS256\",\"typ\":\"JWT\"}"

void sl_sf_wipe(struct sl_buf *b)
{
        if (b->ptr)
                OPENSSL_cleanse(b->ptr, b->cap);
        sl_buf_free(b);
}

void sl_sf_base64url(struct sl_buf *out, const void *p, size_t n)
{
        size_t from = out->len;
        sl_buf_add_base64(out, p, n);
        while (out->len > from && out->ptr[out->len - 1] == '=')
                out->len--;
        for (size_t i = from; i < out->len; i++)
                out->ptr[i] = out->ptr[i] == '+' ? '-' : out->ptr[i] == '/' ? '_' : out->ptr[i];
}

/* Only ASCII letters change: Snowflake keeps others as they are in unquoted names, too. */
static void add_upper(struct sl_buf *out, const char *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                sl_buf_addc(out, (char)(p[i] >= 'a' && p[i] <= 'z' ? p[i] - 32 : p[i]));
}

void sl_sf_jwt_account(struct sl_buf *out, const char *account)
{
        add_upper(out, account, strcspn(account, "."));
}

static void add_subject(struct sl_buf *out, const char *account, const char *user)
{
        sl_sf_jwt_account(out, account);
        sl_buf_addc(out, '.');
        add_upper(out, user, strlen(user));
}

enum sl_rc sl_sf_jwt_make(const struct sl_sf_key *key, const char *account, const char *user, int64_t now_s,
                          struct sl_buf *out, struct sl_err *err)
{
        struct sl_buf claims = {0}, name = {0}, sig = {0};
        add_subject(&name, account, user);
        size_t subject = name.len;
        sl_buf_addc(&name, '.');
        sl_buf_adds(&name, sl_sf_key_fingerprint(key));
        sl_buf_adds(&claims, "{\"iss\":");
        sl_buf_add_json_str(&claims, name.ptr, name.len);
        sl_buf_adds(&claims, ",\"sub\":");
        sl_buf_add_json_str(&claims, name.ptr, subject);
        sl_buf_printf(&claims, ",\"iat\":%lld,\"exp\":%lld}", (long long)now_s, (long long)now_s + SL_SF_JWT_SECONDS);
        sl_buf_clear(out);
        sl_sf_base64url(out, HEADER, sizeof(HEADER) - 1);
        sl_buf_addc(out, '.');
        sl_sf_base64url(out, claims.ptr, claims.len);
        enum sl_rc rc = sl_sf_key_sign(key, (struct sl_str){out->ptr, out->len}, &sig, err);
        if (rc == SL_OK) {
                sl_buf_addc(out, '.');
                sl_sf_base64url(out, sig.ptr, sig.len);
        }
        sl_buf_free(&claims);
        sl_buf_free(&name);
        sl_buf_free(&sig);
        return rc;
}

/* The middle part's bytes. */
static bool payload_of(struct sl_str token, struct sl_buf *out)
{
        const char *end = token.ptr + token.len;
        const char *first = token.len ? memchr(token.ptr, '.', token.len) : NULL;
        const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
        if (!second)
                return false;
        struct sl_buf text = {0};
        for (const char *p = first + 1; p < second; p++)
                sl_buf_addc(&text, (char)(*p == '-' ? '+' : *p == '_' ? '/' : *p));
        while (text.len % 4)
                sl_buf_addc(&text, '=');
        int64_t n = -1;
        if (text.len && sl_buf_room(out, text.len / 4 * 3 + 3))
                n = sl_base64_decode(text.ptr, text.len, (uint8_t *)out->ptr);
        sl_sf_wipe(&text);
        out->len = n > 0 ? (size_t)n : 0;
        return n > 0;
}

bool sl_sf_jwt_exp(struct sl_str token, int64_t *ret_s)
{
        struct sl_buf payload = {0};
        sl_auto_json *j = NULL;
        bool ok = token.ptr && payload_of(token, &payload) &&
                  sl_json_parse((struct sl_str){payload.ptr, payload.len}, &j, NULL) == SL_OK && json_is_object(j);
        sl_sf_wipe(&payload);
        const json_t *exp = ok ? json_object_get(j, "exp") : NULL;
        if (!json_is_number(exp))
                return false;
        *ret_s = (int64_t)json_number_value(exp);
        return true;
}
