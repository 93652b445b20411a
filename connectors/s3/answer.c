/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer of S3 means (AWS documentation: "Error responses"): done, try again, a person has to do something, or
 * never. The one classification, for objects in the background and small calls alike. Corrects the clock and the region
 * of the client when the server says that they are wrong; does not wait and does not send. */
#include "connectors/s3/client_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

#define REGION_MAX 63 /* a label of a host name */

/* --- XML, as far as answers need it */

static void add_unescaped(struct sl_buf *out, const char *p, size_t n)
{
        static const struct {
                const char *name;
                char c;
        } entities[] = {{"&quot;", '"'},  {"&amp;", '&'}, {"&lt;", '<'},   {"&gt;", '>'},
                        {"&apos;", '\''}, {"&#34;", '"'}, {"&#39;", '\''}, {NULL, 0}};
        for (size_t i = 0; i < n;) {
                size_t e = 0, len = 1;
                char c = p[i];
                for (; c == '&' && entities[e].name; e++) {
                        size_t k = strlen(entities[e].name);
                        if (n - i >= k && memcmp(p + i, entities[e].name, k) == 0) {
                                c = entities[e].c;
                                len = k;
                                break;
                        }
                }
                sl_buf_addc(out, c);
                i += len;
        }
}

bool sl_s3_xml_next(struct sl_str *xml, const char *tag, struct sl_buf *out)
{
        size_t n = strlen(tag);
        const char *p = xml->ptr, *end = p ? p + xml->len : NULL;
        while (p && p < end && (p = memchr(p, '<', (size_t)(end - p)))) {
                p++;
                if ((size_t)(end - p) <= n || memcmp(p, tag, n) != 0 || p[n] != '>')
                        continue;
                p += n + 1;
                const char *stop = p < end ? memchr(p, '<', (size_t)(end - p)) : NULL;
                if (!stop)
                        return false;
                add_unescaped(out, p, (size_t)(stop - p));
                *xml = (struct sl_str){stop, (size_t)(end - stop)};
                return true;
        }
        return false;
}

bool sl_s3_xml_text(struct sl_str xml, const char *tag, struct sl_buf *out)
{
        return sl_s3_xml_next(&xml, tag, out);
}

/* --- what the client learns from it */

bool sl_s3_code_is(const struct sl_s3_call *call, const char *code)
{
        return sl_str_eqc((struct sl_str){call->code.ptr, call->code.len}, code);
}

static bool code_among(const struct sl_s3_call *call, const char *const *codes)
{
        for (; *codes; codes++)
                if (sl_s3_code_is(call, *codes))
                        return true;
        return false;
}

bool sl_s3_http_date(struct sl_str date, int64_t *ret_ms)
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

static bool fix_clock(struct sl_s3_client *c, struct sl_s3_call *call)
{
        int64_t server_ms;
        if (call->fixed_clock || !sl_s3_http_date(sl_http_header(&call->resp, "Date"), &server_ms))
                return false;
        call->fixed_clock = true;
        c->skew_ms = server_ms - sl_wall_ms();
        return true;
}

/* It becomes a part of a host name and of a header. */
static bool is_region(const struct sl_buf *text)
{
        for (size_t i = 0; i < text->len; i++)
                if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-", text->ptr[i]) || !text->ptr[i])
                        return false;
        return text->len > 0 && text->len <= REGION_MAX;
}

static bool fix_region(struct sl_s3_client *c, struct sl_s3_call *call)
{
        struct sl_str said = sl_http_header(&call->resp, "x-amz-bucket-region");
        struct sl_buf text = {0};
        if (call->fixed_region)
                return false;
        call->fixed_region = true;
        if (call->region_gen != c->region_gen)
                return true; /* another request's answer has put it right meanwhile */
        if (said.ptr && said.len)
                sl_buf_add_str(&text, said);
        else
                sl_s3_xml_text(sl_s3_body_of(call), "Region", &text);
        bool fixed = is_region(&text) && !sl_str_eqc((struct sl_str){text.ptr, text.len}, c->region);
        if (fixed) {
                c->region_gen++;
                free(c->region);
                c->region = sl_strndup(text.ptr, text.len);
                sl_s3_set_addresses(c);
        }
        sl_buf_free(&text);
        return fixed;
}

static bool fix_keys(struct sl_s3_client *c, struct sl_s3_call *call)
{
        if (call->fixed_keys)
                return false;
        call->fixed_keys = true;
        return sl_s3_creds_expired(c->creds, call->keys_gen);
}

/* --- verdicts */

bool sl_s3_throttled(const struct sl_s3_call *call)
{
        static const char *const codes[] = {"SlowDown",
                                            "ServiceUnavailable",
                                            "Throttling",
                                            "ThrottlingException",
                                            "RequestLimitExceeded",
                                            "TooManyRequests",
                                            NULL};
        return call->resp.status == 503 || call->resp.status == 429 || code_among(call, codes);
}

static enum sl_s3_verdict judge_code(struct sl_s3_client *c, struct sl_s3_call *call)
{
        static const char *const again[] = {"InternalError",
                                            "RequestTimeout",
                                            "BadDigest",
                                            "XAmzContentSHA256Mismatch",
                                            "XAmzContentChecksumMismatch",
                                            "IncompleteBody",
                                            "OperationAborted",
                                            "ConditionalRequestConflict",
                                            NULL};
        static const char *const setup[] = {"AccessDenied",
                                            "NoSuchBucket",
                                            "InvalidAccessKeyId",
                                            "SignatureDoesNotMatch",
                                            "AllAccessDisabled",
                                            "AccountProblem",
                                            "InvalidBucketName",
                                            "PermanentRedirect",
                                            "AuthorizationHeaderMalformed",
                                            "InvalidToken",
                                            "ExpiredToken",
                                            "NotSignedUp",
                                            "TokenRefreshRequired",
                                            "RequestTimeTooSkewed",
                                            "InvalidSecurity",
                                            "QuotaExceeded",
                                            NULL};
        if (sl_s3_code_is(call, "RequestTimeTooSkewed") && fix_clock(c, call))
                return SL_S3_V_RETRY_NOW;
        if ((sl_s3_code_is(call, "AuthorizationHeaderMalformed") || call->resp.status == 301) && fix_region(c, call))
                return SL_S3_V_RETRY_NOW;
        if ((sl_s3_code_is(call, "ExpiredToken") || sl_s3_code_is(call, "TokenRefreshRequired")) && fix_keys(c, call))
                return SL_S3_V_RETRY_NOW;
        if (code_among(call, again) || sl_s3_throttled(call))
                return SL_S3_V_RETRY;
        bool kms = call->code.len > 4 && memcmp(call->code.ptr, "KMS.", 4) == 0;
        return kms || code_among(call, setup) ? SL_S3_V_SETUP : SL_S3_V_REFUSED;
}

enum sl_s3_verdict sl_s3_judge(struct sl_s3_client *c, struct sl_s3_call *call)
{
        static const char *const last_word[] = {"PreconditionFailed", "NoSuchUpload", "InvalidPart", "InvalidPartOrder",
                                                "EntityTooSmall", "EntityTooLarge", NULL};
        int status = call->resp.status;
        struct sl_str body = sl_s3_body_of(call);
        sl_buf_clear(&call->code);
        sl_buf_clear(&call->message);
        bool good = status >= 200 && status < 300;
        /* Complete may answer 200 and carry an error all the same. */
        if (good && !(body.len && memmem(body.ptr, body.len, "<Error>", 7)))
                return SL_S3_V_DONE;
        sl_s3_xml_text(body, "Code", &call->code);
        sl_s3_xml_text(body, "Message", &call->message);
        enum sl_s3_verdict v = judge_code(c, call);
        if (v == SL_S3_V_REFUSED && code_among(call, last_word))
                return v;
        if (v == SL_S3_V_REFUSED && (good || (status >= 500 && status != 501) || status == 408))
                return SL_S3_V_RETRY;
        if (v == SL_S3_V_REFUSED && (status == 401 || status == 403 || status == 301 || status == 307))
                return SL_S3_V_SETUP;
        return v;
}

/* --- messages */

static const char *advice(const struct sl_s3_call *call)
{
        static const char *const texts[][2] = {
                {"NoSuchBucket", "create the bucket or correct s3.bucket.name"},
                {"InvalidBucketName", "correct s3.bucket.name"},
                {"InvalidAccessKeyId", "the server does not know the access key: check the credentials"},
                {"SignatureDoesNotMatch",
                 "the secret key does not belong to the access key, or a proxy changes requests: check "
                 "aws.secret.access.key"},
                {"AccessDenied",
                 "give the credentials s3:PutObject, s3:AbortMultipartUpload and s3:ListBucket on the bucket"},
                {"PermanentRedirect", "the bucket is in another region: correct s3.region or store.url"},
                {"AuthorizationHeaderMalformed", "correct s3.region"},
                {"ExpiredToken", "the session token has expired and no newer one was found"},
                {"RequestTimeTooSkewed", "set this machine's clock"},
                {"EntityTooLarge", "the object is too large: lower flush.size"},
                {"NotImplemented", "the server does not know something that was asked for: see enable.conditional.writes "
                                   "and s3.checksum.algorithm"},
                {NULL, NULL}};
        for (size_t i = 0; texts[i][0]; i++)
                if (sl_s3_code_is(call, texts[i][0]))
                        return texts[i][1];
        return call->resp.status == 404 ? "check s3.bucket.name and store.url"
                                        : "see the server's documentation for this code";
}

enum sl_rc sl_s3_fail_answer(const struct sl_s3_client *c, struct sl_s3_call *call, enum sl_s3_verdict v)
{
        char status[32];
        snprintf(status, sizeof(status), "HTTP status %d", call->resp.status);
        const char *code = call->code.len ? sl_buf_cstr(&call->code) : status;
        const char *message = sl_buf_cstr(&call->message), *bucket = c->opts.bucket;
        enum sl_rc rc;
        const char *host = c->host.ptr;
        if (v == SL_S3_V_RETRY)
                rc = sl_fail(&call->err, SL_E_S3_RETRY,
                             "S3 at %s could not %s s3://%s/%.*s, tried %d times: %s (%.300s)", host, call->what,
                             bucket, SL_FMT(sl_s3_key_of(call)), call->tries, code, message);
        else
                rc = sl_fail(&call->err, v == SL_S3_V_SETUP ? SL_E_S3_SETUP : SL_E_S3_REFUSED,
                             "S3 at %s refused to %s s3://%s/%.*s: %s (%.300s); %s", host, call->what, bucket,
                             SL_FMT(sl_s3_key_of(call)), code, message, advice(call));
        call->err.native = call->resp.status;
        return rc;
}
