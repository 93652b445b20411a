/* SPDX-License-Identifier: Apache-2.0 */
/* The table of codes and statuses (Snowflake's documentation of Snowpipe Streaming's errors, and codes that users of
 * other clients have reported). */
#include "connectors/snowflake/answer.h"

#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "base/json.h"

#define TEXT_MAX 300

static const struct {
        const char *code;
        bool prefix; /* whatever follows */
        enum sl_sf_verdict verdict;
} codes[] = {
        {"SUCCESS", false, SL_SF_V_OK},
        {"ACTIVE", false, SL_SF_V_OK},
        {"STALE_CONTINUATION_TOKEN_SEQUENCER", false, SL_SF_V_STALE},
        {"ERR_CHANNEL_HAS_INVALID_CLIENT_SEQUENCER", false, SL_SF_V_STALE},
        {"ERR_OPEN_CHANNEL_IN_PROGRESS", false, SL_SF_V_OPENING},
        {"ERR_CHANNEL_HAS_UNCOMMITTED_DATA", false, SL_SF_V_UNCOMMITTED},
        {"ERR_CHANNEL_MUST_BE_REOPENED", true, SL_SF_V_REOPEN},
        {"ERR_CHANNEL_HAS_INVALID_ROW_SEQUENCER", false, SL_SF_V_REOPEN},
        {"ERR_CHANNEL_DOES_NOT_EXIST", true, SL_SF_V_GONE},
        {"CHANNEL_NOT_FOUND", false, SL_SF_V_GONE},
        {"STALE_PIPE_CACHE", false, SL_SF_V_GONE},
        {"SfApiPipeFailedOverError", false, SL_SF_V_MOVED},
        {"ERR_TABLE_DOES_NOT_EXIST", true, SL_SF_V_MISSING},
        {"ERR_PIPE_DOES_NOT_EXIST", true, SL_SF_V_MISSING},
        {"ERR_SCHEMA_DOES_NOT_EXIST", true, SL_SF_V_MISSING},
        {"ERR_DATABASE_DOES_NOT_EXIST", true, SL_SF_V_MISSING},
        {"002003", false, SL_SF_V_MISSING},
        {"ERR_PIPE_IN_INVALID_STATE", false, SL_SF_V_INVALID},
        {"ERR_GENERAL_EXCEPTION_RETRY_REQUEST", false, SL_SF_V_BUSY},
        {"ReceiverSaturated", false, SL_SF_V_BUSY},
        {"MemoryThresholdExceeded", false, SL_SF_V_BUSY},
};

static const size_t code_count = sizeof(codes) / sizeof(*codes);

static bool find_code(struct sl_str code, enum sl_sf_verdict *ret)
{
        for (size_t i = 0; i < code_count; i++) {
                size_t n = strlen(codes[i].code);
                if (code.len < n || (code.len > n && !codes[i].prefix) || strncasecmp(code.ptr, codes[i].code, n) != 0)
                        continue;
                *ret = codes[i].verdict;
                return true;
        }
        return false;
}

enum sl_sf_verdict sl_sf_code_verdict(struct sl_str code)
{
        enum sl_sf_verdict v = SL_SF_V_REFUSED;
        find_code(code, &v);
        return v;
}

static enum sl_sf_verdict of_status(int status)
{
        switch (status) {
        case 401:
        case 403:
                return SL_SF_V_AUTH;
        case 404:
                return SL_SF_V_GONE;
        case 408:
                return SL_SF_V_RETRY;
        case 409:
                return SL_SF_V_REOPEN;
        case 410:
                return SL_SF_V_MOVED;
        case 413:
                return SL_SF_V_TOO_LARGE;
        case 429:
        case 503:
                return SL_SF_V_BUSY;
        case 501:
        case 505:
                return SL_SF_V_REFUSED;
        default:
                return status >= 200 && status < 300 ? SL_SF_V_OK : status >= 500 ? SL_SF_V_RETRY : SL_SF_V_REFUSED;
        }
}

/* --- texts */

static bool token_char(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.' || c == '=' || c == '+' || c == '/';
}

/* At most TEXT_MAX bytes, control characters as blanks. Tokens begin with eyJ, base64 of {": one that a server or a
 * proxy repeats goes no further. */
static void add_clean(struct sl_buf *out, const char *p, size_t n)
{
        for (size_t i = 0; i < n && out->len < TEXT_MAX;) {
                if (n - i > 3 && memcmp(p + i, "eyJ", 3) == 0) {
                        while (i < n && token_char(p[i]))
                                i++;
                        sl_buf_adds(out, "***");
                        continue;
                }
                sl_buf_addc(out, (unsigned char)p[i] < ' ' ? ' ' : p[i]);
                i++;
        }
}

/* One word that begins with a capital or a digit. */
static bool looks_like_code(const char *p, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                bool letter = (p[i] >= 'A' && p[i] <= 'Z') || (i && p[i] >= 'a' && p[i] <= 'z');
                if (!letter && p[i] != '_' && !(p[i] >= '0' && p[i] <= '9'))
                        return false;
        }
        return n > 0;
}

static void take(struct sl_buf *out, const json_t *body, const char *name)
{
        const json_t *v = out->len ? NULL : json_object_get(body, name);
        if (json_is_string(v))
                add_clean(out, json_string_value(v), json_string_length(v));
        else if (json_is_integer(v) && json_integer_value(v) != 0)
                sl_buf_add_i64(out, json_integer_value(v));
}

/* "CODE: what happened" is both; a text without a code in front is a message. */
static void split_text(struct sl_sf_answer *a, const char *p, size_t n)
{
        const char *colon = memchr(p, ':', n);
        size_t code = colon ? (size_t)(colon - p) : n;
        if (!looks_like_code(p, code)) {
                add_clean(&a->message, p, n);
                return;
        }
        sl_buf_clear(&a->code);
        add_clean(&a->code, p, code);
        for (code += colon != NULL; code < n && p[code] == ' ';)
                code++;
        add_clean(&a->message, p + code, n - code);
}

/* The code stands in the message, as with a numeric status_code. */
static void split_message(struct sl_sf_answer *a)
{
        struct sl_buf text = a->message;
        a->message = (struct sl_buf){0};
        if (text.len)
                split_text(a, text.ptr, text.len);
        sl_buf_free(&text);
}

static void read_texts(struct sl_sf_answer *a, struct sl_str text)
{
        static const char *const code_names[] = {"code", "error_code", "status_code", "error"};
        static const char *const message_names[] = {"message", "error_message", "error_description"};
        if (json_is_object(a->body)) {
                for (size_t i = 0; i < sizeof(code_names) / sizeof(*code_names); i++)
                        take(&a->code, a->body, code_names[i]);
                for (size_t i = 0; i < sizeof(message_names) / sizeof(*message_names); i++)
                        take(&a->message, a->body, message_names[i]);
                if (!json_object_get(a->body, "code") && !json_object_get(a->body, "error_code"))
                        split_message(a);
                return;
        }
        const char *p = json_is_string(a->body) ? json_string_value(a->body) : text.ptr;
        size_t n = json_is_string(a->body) ? json_string_length(a->body) : text.len;
        split_text(a, p, n);
}

/* HTTP 200 that says no all the same. */
static bool rejected(const struct sl_sf_answer *a)
{
        const json_t *status = json_object_get(a->body, "status_code"), *code = json_object_get(a->body, "error_code");
        return (json_is_integer(status) && json_integer_value(status) != 0) || json_string_length(code) > 0;
}

static enum sl_sf_verdict judge(const struct sl_sf_answer *a)
{
        enum sl_sf_verdict v = of_status(a->status), by_code;
        bool no = v == SL_SF_V_OK && rejected(a);
        if (v == SL_SF_V_OK && !no)
                return v;
        struct sl_str code = {a->code.ptr, a->code.len}, message = {a->message.ptr, a->message.len};
        if (find_code(code, &by_code) || find_code(message, &by_code)) /* 429 says it in the message */
                return by_code == SL_SF_V_OK ? SL_SF_V_REFUSED : by_code;
        return no ? SL_SF_V_REOPEN : v; /* a rejection of an unknown kind: what holds is what a reopened channel says */
}

void sl_sf_answer_free(struct sl_sf_answer *a)
{
        json_decref(a->body);
        sl_buf_free(&a->code);
        sl_buf_free(&a->message);
        *a = (struct sl_sf_answer){0};
}

void sl_sf_answer_read(struct sl_sf_answer *a, const struct sl_http_response *resp)
{
        struct sl_str text = {resp->body.ptr ? resp->body.ptr : "", resp->body.len},
                      after = sl_http_header(resp, "Retry-After");
        int64_t seconds;
        sl_sf_answer_free(a);
        a->status = resp->status;
        if (sl_json_parse(text, &a->body, NULL) != SL_OK)
                a->body = NULL;
        if (of_status(a->status) != SL_SF_V_OK || rejected(a))
                read_texts(a, text);
        a->verdict = judge(a);
        if (after.ptr && sl_parse_i64(after, &seconds) && seconds > 0)
                a->retry_after_ms = (seconds > 60 ? 60 : seconds) * 1000;
}

/* --- errors */

static enum sl_errid id_of(enum sl_sf_verdict v)
{
        switch (v) {
        case SL_SF_V_AUTH:
                return SL_E_SF_AUTH;
        case SL_SF_V_MISSING:
                return SL_E_SF_MISSING;
        case SL_SF_V_INVALID:
                return SL_E_SF_CHANNEL;
        case SL_SF_V_REFUSED:
        case SL_SF_V_TOO_LARGE:
                return SL_E_SF_REFUSED;
        default:
                return SL_E_SF_RETRY;
        }
}

static const char *advice(const struct sl_sf_answer *a)
{
        static const char *const texts[][2] = {
                {"390144", "; the token was not taken: check snowflake.user.name, the account in snowflake.url.name, "
                           "that the user has "
                           "the public key (DESC USER shows RSA_PUBLIC_KEY_FP), and this machine's clock"},
                {"390303", "; the OAuth token was not taken: check the integration and snowflake.oauth.*"},
                {"390309", "; the account does not take tokens of this kind"},
                {"390186", "; the user does not have the role: check snowflake.role.name"},
                {"390189", "; there is no such role: check snowflake.role.name"},
                {"390422", "; a network policy refuses this machine's address"},
                {"invalid_client", "; check snowflake.oauth.client.id and snowflake.oauth.client.secret"},
                {"invalid_grant", "; check snowflake.oauth.refresh.token"},
                {NULL, NULL}};
        for (size_t i = 0; texts[i][0]; i++)
                if (sl_str_eqc((struct sl_str){a->code.ptr, a->code.len}, texts[i][0]))
                        return texts[i][1];
        switch (a->verdict) {
        case SL_SF_V_AUTH:
                return "; check user, key, role and network policies of the account";
        case SL_SF_V_MISSING:
                return "; create it, or give the role the rights that docs/snowflake.md lists";
        case SL_SF_V_INVALID:
                return "; create the pipe again, or drop it so that the default pipe is used";
        default:
                return "";
        }
}

enum sl_rc sl_sf_answer_fail(const struct sl_sf_answer *a, const char *host, const char *what, struct sl_err *err)
{
        enum sl_errid id = id_of(a->verdict);
        bool first = err && err->rc == SL_OK;
        enum sl_rc rc = sl_fail(err, id, "Snowflake at %s %s to %s: HTTP %d %.*s%s%.*s%s", host,
                                id == SL_E_SF_RETRY ? "failed" : "refused", what, a->status, SL_FMT(a->code),
                                a->code.len && a->message.len ? ": " : "", SL_FMT(a->message), advice(a));
        if (first)
                err->native = a->status;
        return rc;
}

bool sl_sf_http_date(struct sl_str date, int64_t *ret_ms)
{
        struct tm tm = {0};
        char text[64];
        if (!date.ptr || date.len >= sizeof(text))
                return false;
        memcpy(text, date.ptr, date.len);
        text[date.len] = '\0';
        if (!strptime(text, "%a, %d %b %Y %H:%M:%S", &tm)) /* the program never leaves the C locale */
                return false;
        *ret_ms = (int64_t)timegm(&tm) * 1000;
        return true;
}
