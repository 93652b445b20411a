/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: made, kept, renewed, dropped. Forms: RFC 7523 (the grant for a scoped token), RFC 6749 (OAuth). How long a
 * token holds is read from it or said with it, never assumed longer than five minutes. */
#include "connectors/snowflake/auth.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "connectors/snowflake/answer.h"
#include "connectors/snowflake/jwt.h"

#define JWT_RENEW_S 3240   /* of SL_SF_JWT_SECONDS */
#define RENEW_BEFORE_S 60  /* a token ends */
#define UNKNOWN_LIFE_S 300 /* a token that doesn't say when it ends */
#define JWT_BACKDATE_S 10  /* the Date header has whole seconds, and was written before it was read */
#define FOREVER (INT64_MAX / 2)

void sl_sf_encode(struct sl_buf *out, struct sl_str s)
{
        for (size_t i = 0; i < s.len; i++) {
                char c = s.ptr[i];
                bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                             c == '.' || c == '_' || c == '~';
                if (plain)
                        sl_buf_addc(out, c);
                else
                        sl_buf_printf(out, "%%%02X", (unsigned char)c);
        }
}

static bool is_set(const char *s)
{
        return s && *s;
}

static void set_life(struct sl_sf_token *t, int64_t seconds)
{
        int64_t now = sl_mono_ms(), before = seconds < 2 * RENEW_BEFORE_S ? seconds / 2 : RENEW_BEFORE_S;
        t->end_ms = now + seconds * 1000;
        t->renew_ms = t->end_ms - before * 1000;
        t->generation++;
}

static void set_text(struct sl_sf_token *t, struct sl_str text)
{
        sl_sf_wipe(&t->text);
        sl_buf_add_str(&t->text, text);
}

static bool alive(const struct sl_sf_token *t)
{
        return t->text.len && sl_mono_ms() < t->end_ms;
}

static bool due(const struct sl_sf_token *t)
{
        return !t->text.len || sl_mono_ms() >= t->renew_ms;
}

enum sl_rc sl_sf_auth_init(struct sl_sf_auth *a, const struct sl_sf_client_opts *opts, const char *account,
                           struct sl_err *err)
{
        a->opts = opts;
        a->account = sl_strdup(account);
        if (opts->authenticator == SL_SF_AUTH_JWT)
                return sl_sf_key_load(opts->private_key, opts->passphrase, &a->key, err);
        if (opts->authenticator == SL_SF_AUTH_OAUTH) {
                if (is_set(opts->oauth_refresh_token))
                        sl_buf_adds(&a->refresh, opts->oauth_refresh_token);
                return SL_OK;
        }
        if (!is_set(opts->pat))
                return sl_fail(err, SL_E_CONFIG, "ERROR_0003: the programmatic access token is missing");
        set_text(&a->own, sl_str_c(opts->pat));
        a->own.renew_ms = a->own.end_ms = FOREVER;
        a->own.generation = 1;
        return SL_OK;
}

void sl_sf_auth_free(struct sl_sf_auth *a)
{
        sl_sf_key_free(a->key);
        free(a->account);
        sl_sf_wipe(&a->refresh);
        sl_sf_wipe(&a->own.text);
        sl_sf_wipe(&a->scoped.text);
        *a = (struct sl_sf_auth){0};
}

void sl_sf_auth_clock(struct sl_sf_auth *a, const struct sl_http_response *resp)
{
        int64_t server_ms;
        if (resp->status && sl_sf_http_date(sl_http_header(resp, "Date"), &server_ms))
                a->skew_ms = server_ms - sl_wall_ms();
}

static int64_t server_s(const struct sl_sf_auth *a)
{
        return (sl_wall_ms() + a->skew_ms) / 1000;
}

bool sl_sf_auth_own(struct sl_sf_auth *a, struct sl_err *err)
{
        if (!a->key || !due(&a->own))
                return alive(&a->own);
        sl_sf_wipe(&a->own.text);
        if (sl_sf_jwt_make(a->key, a->account, a->opts->user, server_s(a) - JWT_BACKDATE_S, &a->own.text, err) !=
            SL_OK) {
                sl_sf_wipe(&a->own.text);
                return false;
        }
        set_life(&a->own, SL_SF_JWT_SECONDS - JWT_BACKDATE_S);
        a->own.renew_ms = a->own.end_ms - (SL_SF_JWT_SECONDS - JWT_RENEW_S) * 1000;
        return true;
}

bool sl_sf_auth_own_due(const struct sl_sf_auth *a)
{
        return due(&a->own);
}

bool sl_sf_auth_scoped(const struct sl_sf_auth *a)
{
        return alive(&a->scoped);
}

bool sl_sf_auth_scoped_due(const struct sl_sf_auth *a)
{
        return due(&a->scoped);
}

bool sl_sf_auth_direct(const struct sl_sf_auth *a)
{
        return !a->key;
}

const char *sl_sf_auth_type(const struct sl_sf_auth *a)
{
        return a->key                                     ? "KEYPAIR_JWT"
               : a->opts->authenticator == SL_SF_AUTH_PAT ? "PROGRAMMATIC_ACCESS_TOKEN"
                                                          : "OAUTH";
}

bool sl_sf_auth_drop_own(struct sl_sf_auth *a, uint32_t generation)
{
        if (a->opts->authenticator == SL_SF_AUTH_PAT)
                return false;
        if (a->own.generation == generation)
                sl_sf_wipe(&a->own.text);
        return true;
}

void sl_sf_auth_drop_scoped(struct sl_sf_auth *a, uint32_t generation)
{
        if (a->scoped.generation == generation)
                sl_sf_wipe(&a->scoped.text);
}

/* --- the two requests */

static void add_field(struct sl_buf *out, const char *name, struct sl_str value)
{
        if (out->len)
                sl_buf_addc(out, '&');
        sl_buf_adds(out, name);
        sl_buf_addc(out, '=');
        sl_sf_encode(out, value);
}

void sl_sf_auth_scoped_form(const struct sl_sf_auth *a, const char *ingest_host, struct sl_buf *out)
{
        struct sl_buf scope = {0};
        if (a->opts->scope_role && is_set(a->opts->role))
                sl_buf_printf(&scope, "session:role:%s ", a->opts->role);
        sl_buf_adds(&scope, ingest_host);
        add_field(out, "grant_type", SL_STR("urn:ietf:params:oauth:grant-type:jwt-bearer"));
        add_field(out, "scope", (struct sl_str){scope.ptr, scope.len});
        sl_buf_free(&scope);
}

void sl_sf_auth_oauth_form(const struct sl_sf_auth *a, struct sl_buf *out)
{
        if (a->refresh.len) {
                add_field(out, "grant_type", SL_STR("refresh_token"));
                add_field(out, "refresh_token", (struct sl_str){a->refresh.ptr, a->refresh.len});
        } else {
                add_field(out, "grant_type", SL_STR("client_credentials"));
        }
        if (is_set(a->opts->oauth_scope))
                add_field(out, "scope", sl_str_c(a->opts->oauth_scope));
}

void sl_sf_auth_oauth_header(const struct sl_sf_auth *a, struct sl_buf *out)
{
        struct sl_buf pair = {0};
        sl_buf_adds(&pair, a->opts->oauth_client_id ? a->opts->oauth_client_id : "");
        sl_buf_addc(&pair, ':');
        sl_buf_adds(&pair, a->opts->oauth_client_secret ? a->opts->oauth_client_secret : "");
        sl_buf_adds(out, "Authorization: Basic ");
        sl_buf_add_base64(out, pair.ptr, pair.len);
        sl_sf_wipe(&pair);
}

static struct sl_str trim(struct sl_str s)
{
        while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\n' || s.ptr[0] == '\r' || s.ptr[0] == '\t'))
                s.ptr++, s.len--;
        while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r' ||
                         s.ptr[s.len - 1] == '\t'))
                s.len--;
        return s;
}

/* A token goes into a header line: nothing in it may end that line. */
static bool sendable(struct sl_str token)
{
        for (size_t i = 0; i < token.len; i++)
                if ((unsigned char)token.ptr[i] <= ' ' || (unsigned char)token.ptr[i] > '~')
                        return false;
        return token.len > 0;
}

static bool take(struct sl_sf_auth *a, struct sl_sf_token *t, struct sl_str token, int64_t expires_in, const char *from,
                 struct sl_err *err)
{
        int64_t exp, life = expires_in > 0 ? expires_in : UNKNOWN_LIFE_S;
        if (!sendable(token)) {
                (void)sl_fail(err, SL_E_SF_AUTH, "ERROR_1004: %s answered without a token", from);
                return false;
        }
        if (sl_sf_jwt_exp(token, &exp))
                life = exp - server_s(a);
        if (life <= 0) {
                (void)sl_fail(err, SL_E_SF_AUTH, "ERROR_1004: %s gave a token that has ended already: check the clocks",
                              from);
                return false;
        }
        set_text(t, token);
        set_life(t, life);
        return true;
}

/* Documented as {"token": "..."}; the service answers with the bare token. */
bool sl_sf_auth_take_scoped(struct sl_sf_auth *a, struct sl_str answer, struct sl_err *err)
{
        sl_auto_json *j = NULL;
        struct sl_str token = trim(answer);
        int64_t life = 0;
        if (token.len && (*token.ptr == '{' || *token.ptr == '"') && sl_json_parse(token, &j, NULL) == SL_OK) {
                const char *text = json_is_string(j) ? json_string_value(j) : sl_json_str(j, "token");
                if (!text)
                        text = sl_json_str(j, "access_token");
                token = text ? sl_str_c(text) : SL_STR("");
                life = sl_json_int(j, "expires_in", 0);
        }
        return take(a, &a->scoped, token, life, "Snowflake's token endpoint", err);
}

bool sl_sf_auth_take_oauth(struct sl_sf_auth *a, struct sl_str answer, struct sl_err *err)
{
        sl_auto_json *j = NULL;
        const char *token = NULL, *refresh = NULL;
        if (sl_json_parse(answer, &j, NULL) == SL_OK) {
                token = sl_json_str(j, "access_token");
                refresh = sl_json_str(j, "refresh_token");
        }
        if (!take(a, &a->own, sl_str_c(token ? token : ""), j ? sl_json_int(j, "expires_in", 0) : 0,
                  "the OAuth token endpoint", err))
                return false;
        if (is_set(refresh) && a->refresh.len) { /* the old one may hold no more */
                sl_sf_wipe(&a->refresh);
                sl_buf_adds(&a->refresh, refresh);
        }
        return true;
}
