/* SPDX-License-Identifier: Apache-2.0 */
/* S3 REST calls (AWS documentation: "Amazon S3 API Reference"), path style or bucket in the host name, signed with
 * SigV4 over the body's SHA-256. Retries with exponential backoff and full jitter; puts its clock and its region right
 * when the server says they are wrong, reads keys again when they expired: each once a request. Does not cut files,
 * does not know formats. Keys hold "=" and "+": both are escaped in URLs. */
#include "connectors/s3/client.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/http.h"
#include "connectors/s3/credentials.h"
#include "connectors/s3/sigv4.h"

#define BACKOFF_CAP_MS 20000
#define PARTS_MAX 10000
#define CONTENT_TYPE "binary/octet-stream"
#define XML_NAMESPACE "http://s3.amazonaws.com/doc/2006-03-01/"

struct sl_s3_client {
        struct sl_s3_client_opts opts;
        struct sl_s3_creds creds;
        struct sl_http *http;
        struct sl_http_response resp;
        char *region;       /* the config's, or what the server said */
        struct sl_buf base; /* scheme://host[:port] */
        struct sl_buf host; /* host[:port] as it stands in the Host header */
        struct sl_buf path, url, auth, headers, code, message;
        int64_t skew_ms; /* server's clock minus ours */
        bool fixed_clock, fixed_region, fixed_keys;
        uint64_t random;
};

/* One request, kept the same over its tries. */
struct call {
        const char *method;
        struct sl_str key;  /* ptr NULL: the bucket itself */
        const char *query;  /* canonical: encoded, sorted */
        struct sl_str body; /* ptr NULL: none */
        bool object;        /* send the headers of new objects */
        int32_t attempts;
        const char *what; /* for messages: "write", "complete the upload of" */
};

enum verdict { DONE, RETRY, RETRY_NOW, SETUP, REFUSED };

/* --- addresses */

static void set_addresses(struct sl_s3_client *c)
{
        const struct sl_s3_client_opts *o = &c->opts;
        sl_buf_clear(&c->base);
        if (o->endpoint) {
                const char *host = strstr(o->endpoint, "://");
                size_t scheme = host ? (size_t)(host + 3 - o->endpoint) : 0;
                sl_buf_adds(&c->base, scheme ? "" : "https://");
                sl_buf_add(&c->base, o->endpoint, scheme);
                if (!o->path_style)
                        sl_buf_printf(&c->base, "%s.", o->bucket);
                sl_buf_adds(&c->base, o->endpoint + scheme);
        } else if (o->path_style) {
                sl_buf_printf(&c->base, "https://s3.%s.amazonaws.com", c->region);
        } else {
                sl_buf_printf(&c->base, "https://%s.s3.%s.amazonaws.com", o->bucket, c->region);
        }
        while (c->base.len && c->base.ptr[c->base.len - 1] == '/')
                c->base.len--;
        struct sl_str url = {c->base.ptr, c->base.len};
        bool tls = url.len > 8 && memcmp(url.ptr, "https://", 8) == 0;
        const char *suffix = tls ? ":443" : ":80";
        size_t n = strlen(suffix), start = tls ? 8 : 7;
        if (url.len > n && memcmp(url.ptr + url.len - n, suffix, n) == 0)
                c->base.len = url.len -= n; /* a default port is not in the Host header */
        sl_buf_clear(&c->host);
        if (url.len > start)
                sl_buf_add(&c->host, url.ptr + start, url.len - start);
        sl_buf_cstr(&c->host);
}

enum sl_rc sl_s3_client_new(const struct sl_s3_client_opts *opts, struct sl_s3_client **ret, struct sl_err *err)
{
        struct sl_s3_creds creds = {0};
        SL_TRY(sl_s3_creds_load(opts->access, opts->secret, opts->token, &creds, err));
        struct sl_s3_client *c = sl_calloc(1, sizeof(*c));
        c->opts = *opts;
        c->creds = creds;
        c->region = sl_strdup(opts->region);
        c->random = (uint64_t)sl_mono_us() * 0x9E3779B97F4A7C15u ^ (uintptr_t)c;
        c->http = sl_http_new(&(struct sl_http_opts){
                .tick = opts->tick, .tick_arg = opts->tick_arg, .proxy = opts->proxy, .ca_file = opts->ca_file});
        set_addresses(c);
        *ret = c;
        return SL_OK;
}

void sl_s3_client_free(struct sl_s3_client *c)
{
        if (!c)
                return;
        sl_http_free(c->http);
        sl_http_response_free(&c->resp);
        sl_s3_creds_free(&c->creds);
        struct sl_buf *bufs[] = {&c->base, &c->host, &c->path, &c->url, &c->auth, &c->headers, &c->code, &c->message};
        for (size_t i = 0; i < sizeof(bufs) / sizeof(*bufs); i++)
                sl_buf_free(bufs[i]);
        free(c->region);
        free(c);
}

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

bool sl_s3_xml_text(struct sl_str xml, const char *tag, struct sl_buf *out)
{
        size_t n = strlen(tag);
        const char *p = xml.ptr, *end = p ? p + xml.len : NULL;
        while (p && p < end && (p = memchr(p, '<', (size_t)(end - p)))) {
                p++;
                if ((size_t)(end - p) > n && memcmp(p, tag, n) == 0 && p[n] == '>') {
                        p += n + 1;
                        const char *stop = p < end ? memchr(p, '<', (size_t)(end - p)) : NULL;
                        if (!stop)
                                return false;
                        add_unescaped(out, p, (size_t)(stop - p));
                        return true;
                }
        }
        return false;
}

/* --- one try */

static void add_header(struct sl_sigv4_header *list, size_t *n, const char *name, const char *value)
{
        list[(*n)++] = (struct sl_sigv4_header){name, value};
}

static enum sl_rc send_once(struct sl_s3_client *c, const struct call *call, struct sl_err *err)
{
        char date[SL_AMZ_DATE], hash[SL_SHA256_HEX];
        struct sl_sigv4_header list[SL_SIGV4_HEADERS_MAX];
        size_t n = 0;
        sl_sigv4_date(sl_wall_ms() + c->skew_ms, date);
        sl_sigv4_sha256(call->body.ptr ? call->body.ptr : "", call->body.len, hash);
        add_header(list, &n, "host", sl_buf_cstr(&c->host));
        add_header(list, &n, "x-amz-content-sha256", hash);
        add_header(list, &n, "x-amz-date", date);
        if (c->creds.token)
                add_header(list, &n, "x-amz-security-token", c->creds.token);
        if (call->body.ptr)
                add_header(list, &n, "content-type", CONTENT_TYPE);
        for (size_t i = 0; call->object && c->opts.object_headers[i].name; i++)
                add_header(list, &n, c->opts.object_headers[i].name, c->opts.object_headers[i].value);

        sl_buf_clear(&c->path);
        if (c->opts.path_style) {
                sl_buf_addc(&c->path, '/');
                sl_sigv4_encode(&c->path, sl_str_c(c->opts.bucket), false);
        }
        if (call->key.ptr || !c->opts.path_style)
                sl_buf_addc(&c->path, '/');
        sl_sigv4_encode(&c->path, call->key, true);
        struct sl_sigv4_request sign = {.method = call->method,
                                        .path = {c->path.ptr, c->path.len},
                                        .query = sl_str_c(call->query),
                                        .headers = list,
                                        .header_count = n,
                                        .payload_hash = hash};
        struct sl_sigv4_keys keys = {c->creds.access, c->creds.secret};
        sl_buf_clear(&c->auth);
        sl_sigv4_authorization(&sign, &keys, c->region, "s3", date, &c->auth);

        /* "Name: value" texts one after another in one buffer; host is curl's own. */
        const char *lines[SL_SIGV4_HEADERS_MAX + 2];
        size_t at[SL_SIGV4_HEADERS_MAX + 1], count = 0;
        sl_buf_clear(&c->headers);
        for (size_t i = 1; i < n; i++) {
                at[count++] = c->headers.len;
                sl_buf_printf(&c->headers, "%s: %s%c", list[i].name, list[i].value, 0);
        }
        at[count++] = c->headers.len;
        sl_buf_printf(&c->headers, "Authorization: %s", sl_buf_cstr(&c->auth));
        const char *texts = sl_buf_cstr(&c->headers);
        for (size_t i = 0; i < count; i++)
                lines[i] = texts + at[i];
        lines[count] = NULL;

        sl_buf_clear(&c->url);
        sl_buf_add(&c->url, c->base.ptr, c->base.len);
        sl_buf_add(&c->url, c->path.ptr, c->path.len);
        if (call->query)
                sl_buf_printf(&c->url, "?%s", call->query);
        struct sl_http_request req = {
                .method = call->method, .url = sl_buf_cstr(&c->url), .headers = lines, .body = call->body};
        return sl_http_do(c->http, &req, &c->resp, err);
}

/* --- what an answer means */

static struct sl_str body_of(const struct sl_s3_client *c)
{
        return (struct sl_str){c->resp.body.ptr, c->resp.body.len};
}

static bool code_is(const struct sl_s3_client *c, const char *code)
{
        return sl_str_eqc((struct sl_str){c->code.ptr, c->code.len}, code);
}

static bool code_among(const struct sl_s3_client *c, const char *const *codes)
{
        for (; *codes; codes++)
                if (code_is(c, *codes))
                        return true;
        return false;
}

static bool fix_clock(struct sl_s3_client *c)
{
        struct sl_str date = sl_http_header(&c->resp, "Date");
        struct tm tm = {0};
        char text[64];
        if (c->fixed_clock || !date.ptr || date.len >= sizeof(text))
                return false;
        memcpy(text, date.ptr, date.len);
        text[date.len] = '\0';
        if (!strptime(text, "%a, %d %b %Y %H:%M:%S", &tm)) /* the program never leaves the C locale */
                return false;
        c->fixed_clock = true;
        c->skew_ms = (int64_t)timegm(&tm) * 1000 - sl_wall_ms();
        return true;
}

static bool fix_region(struct sl_s3_client *c)
{
        struct sl_str said = sl_http_header(&c->resp, "x-amz-bucket-region");
        struct sl_buf text = {0};
        if (said.ptr && said.len)
                sl_buf_add_str(&text, said);
        else
                sl_s3_xml_text(body_of(c), "Region", &text);
        bool fixed = !c->fixed_region && text.len > 0 && !sl_str_eqc((struct sl_str){text.ptr, text.len}, c->region);
        if (fixed) {
                c->fixed_region = true;
                free(c->region);
                c->region = sl_strndup(text.ptr, text.len);
                set_addresses(c);
        }
        sl_buf_free(&text);
        return fixed;
}

static bool fix_keys(struct sl_s3_client *c)
{
        struct sl_s3_creds fresh = {0};
        struct sl_err ignored = {0};
        if (c->fixed_keys || sl_s3_creds_load(c->opts.access, c->opts.secret, c->opts.token, &fresh, &ignored) != SL_OK)
                return false;
        c->fixed_keys = true;
        sl_s3_creds_free(&c->creds);
        c->creds = fresh;
        return true;
}

static enum verdict judge_code(struct sl_s3_client *c)
{
        static const char *const again[] = {"InternalError",
                                            "SlowDown",
                                            "ServiceUnavailable",
                                            "RequestTimeout",
                                            "BadDigest",
                                            "XAmzContentSHA256Mismatch",
                                            "OperationAborted",
                                            "ConditionalRequestConflict",
                                            "ThrottlingException",
                                            "Throttling",
                                            "RequestLimitExceeded",
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
                                            NULL};
        if (code_is(c, "RequestTimeTooSkewed") && fix_clock(c))
                return RETRY_NOW;
        if ((code_is(c, "AuthorizationHeaderMalformed") || c->resp.status == 301) && fix_region(c))
                return RETRY_NOW;
        if ((code_is(c, "ExpiredToken") || code_is(c, "TokenRefreshRequired")) && fix_keys(c))
                return RETRY_NOW;
        if (code_among(c, again))
                return RETRY;
        return code_among(c, setup) ? SETUP : REFUSED;
}

static enum verdict judge(struct sl_s3_client *c)
{
        int status = c->resp.status;
        struct sl_str body = body_of(c);
        sl_buf_clear(&c->code);
        sl_buf_clear(&c->message);
        bool good = status >= 200 && status < 300;
        /* Complete may answer 200 and carry an error all the same. */
        if (good && !(body.len && memmem(body.ptr, body.len, "<Error>", 7)))
                return DONE;
        sl_s3_xml_text(body, "Code", &c->code);
        sl_s3_xml_text(body, "Message", &c->message);
        enum verdict v = judge_code(c);
        if (v == REFUSED && (good || status >= 500 || status == 429 || status == 408))
                return RETRY;
        if (v == REFUSED && (status == 401 || status == 403 || status == 301 || status == 307))
                return SETUP;
        return v;
}

static const char *advice(const struct sl_s3_client *c)
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
                {"ExpiredToken", "the session token has expired: give new credentials and restart the task"},
                {"RequestTimeTooSkewed", "set this machine's clock"},
                {"EntityTooLarge", "the object is too large: lower flush.size"},
                {NULL, NULL}};
        for (size_t i = 0; texts[i][0]; i++)
                if (code_is(c, texts[i][0]))
                        return texts[i][1];
        return c->resp.status == 404 ? "check s3.bucket.name and store.url"
                                     : "see the server's documentation for this code";
}

static enum sl_rc fail_answer(struct sl_s3_client *c, const struct call *call, enum verdict v, int32_t tries,
                              struct sl_err *err)
{
        char status[32];
        snprintf(status, sizeof(status), "HTTP status %d", c->resp.status);
        const char *code = c->code.len ? sl_buf_cstr(&c->code) : status;
        const char *bucket = c->opts.bucket;
        struct sl_err why = {0};
        enum sl_rc rc;
        const char *host = sl_buf_cstr(&c->host);
        if (v == RETRY || v == RETRY_NOW)
                rc = sl_fail(&why, SL_E_S3_RETRY, "S3 at %s could not %s s3://%s/%.*s, tried %d times: %s (%s)", host,
                             call->what, bucket, SL_FMT(call->key), tries, code, sl_buf_cstr(&c->message));
        else
                rc = sl_fail(&why, v == SETUP ? SL_E_S3_SETUP : SL_E_S3_REFUSED,
                             "S3 at %s refused to %s s3://%s/%.*s: %s (%s); %s", host, call->what, bucket,
                             SL_FMT(call->key), code, sl_buf_cstr(&c->message), advice(c));
        why.native = c->resp.status;
        if (err && err->rc == SL_OK)
                *err = why;
        return rc;
}

/* --- tries */

int64_t sl_s3_backoff_ms(int64_t base_ms, int32_t attempt, uint32_t random)
{
        int64_t ceiling = base_ms > 0 ? base_ms : 0;
        for (int32_t i = 1; i < attempt && ceiling < BACKOFF_CAP_MS; i++)
                ceiling *= 2;
        if (ceiling > BACKOFF_CAP_MS)
                ceiling = BACKOFF_CAP_MS;
        return (int64_t)((uint64_t)random * (uint64_t)(ceiling + 1) >> 32);
}

static enum sl_rc wait_before(struct sl_s3_client *c, int32_t attempt, struct sl_err *err)
{
        c->random ^= c->random << 13;
        c->random ^= c->random >> 7;
        c->random ^= c->random << 17;
        int64_t wait = sl_s3_backoff_ms(c->opts.backoff_ms, attempt, (uint32_t)(c->random >> 32));
        struct sl_str said = c->resp.status ? sl_http_header(&c->resp, "Retry-After") : SL_STR_NULL;
        int64_t seconds;
        if (said.ptr && sl_parse_i64(said, &seconds) && seconds > 0 && seconds * 1000 > wait)
                wait = seconds * 1000 > BACKOFF_CAP_MS ? BACKOFF_CAP_MS : seconds * 1000;
        int64_t until = sl_mono_ms() + wait;
        for (int64_t left = wait; left > 0; left = until - sl_mono_ms()) {
                if (c->opts.tick)
                        SL_TRY(c->opts.tick(c->opts.tick_arg, err));
                poll(NULL, 0, left > 80 ? 80 : (int)left);
        }
        return SL_OK;
}

static enum sl_rc run(struct sl_s3_client *c, const struct call *call, struct sl_err *err)
{
        c->fixed_clock = c->fixed_region = c->fixed_keys = false;
        for (int32_t tries = 1;; tries++) {
                struct sl_err why = {0};
                sl_buf_clear(&c->code);
                enum sl_rc rc = send_once(c, call, &why);
                if (rc != SL_OK) {
                        if (why.id != SL_E_HTTP_UNREACHABLE) {
                                if (err && err->rc == SL_OK)
                                        *err = why;
                                return rc;
                        }
                        if (tries >= call->attempts)
                                return sl_fail(err, SL_E_S3_RETRY, "S3 could not %s s3://%s/%.*s, tried %d times: %s",
                                               call->what, c->opts.bucket, SL_FMT(call->key), tries, why.msg);
                        SL_TRY(wait_before(c, tries, err));
                        continue;
                }
                enum verdict v = judge(c);
                if (v == DONE)
                        return SL_OK;
                if (v == RETRY_NOW) {
                        tries--; /* each kind happens once a request */
                        continue;
                }
                if (v != RETRY || tries >= call->attempts)
                        return fail_answer(c, call, v, tries, err);
                SL_TRY(wait_before(c, tries, err));
        }
}

static struct call call_of(const struct sl_s3_client *c, const char *method, struct sl_str key, const char *what)
{
        return (struct call){
                .method = method, .key = key, .attempts = c->opts.attempts > 0 ? c->opts.attempts : 1, .what = what};
}

/* --- the calls */

/* 403 without a body hides whether the keys or the rights are wrong; a GET says it. */
static enum sl_rc ask_why(struct sl_s3_client *c, struct sl_err *err)
{
        struct call call = call_of(c, "GET", SL_STR_NULL, "look into");
        call.query = "list-type=2&max-keys=1";
        struct sl_err why = {0};
        enum sl_rc rc = run(c, &call, &why);
        if (rc == SL_OK || code_is(c, "AccessDenied"))
                return SL_OK; /* there, and perhaps writable */
        if (err && err->rc == SL_OK)
                *err = why;
        return rc;
}

enum sl_rc sl_s3_head_bucket(struct sl_s3_client *c, struct sl_err *err)
{
        struct call call = call_of(c, "HEAD", SL_STR_NULL, "find");
        struct sl_err why = {0};
        enum sl_rc rc = run(c, &call, &why);
        if (rc == SL_OK)
                return SL_OK;
        if (why.native == 404)
                return sl_fail(err, SL_E_S3_SETUP,
                               "S3 at %s has no bucket %s (NoSuchBucket): create the bucket or correct s3.bucket.name "
                               "or store.url",
                               sl_buf_cstr(&c->host), c->opts.bucket);
        if (why.native == 403 || why.native == 400 || why.native == 301)
                return ask_why(c, err);
        if (err && err->rc == SL_OK)
                *err = why;
        return rc;
}

enum sl_rc sl_s3_put(struct sl_s3_client *c, struct sl_str key, struct sl_str body, struct sl_err *err)
{
        struct call call = call_of(c, "PUT", key, "write");
        call.body = body;
        call.object = true;
        return run(c, &call, err);
}

static void upload_clear(struct sl_s3_upload *up)
{
        sl_buf_clear(&up->id);
        sl_buf_clear(&up->parts);
        up->count = 0;
        up->bytes = 0;
}

void sl_s3_upload_free(struct sl_s3_upload *up)
{
        sl_buf_free(&up->id);
        sl_buf_free(&up->parts);
}

enum sl_rc sl_s3_upload_start(struct sl_s3_client *c, struct sl_str key, struct sl_s3_upload *up, struct sl_err *err)
{
        struct call call = call_of(c, "POST", key, "start the upload of");
        call.query = "uploads=";
        call.body = SL_STR("");
        call.object = true;
        upload_clear(up);
        SL_TRY(run(c, &call, err));
        if (!sl_s3_xml_text(body_of(c), "UploadId", &up->id) || up->id.len == 0) {
                upload_clear(up);
                return sl_fail(err, SL_E_S3_REFUSED,
                               "S3 at %s answered without an upload id: is store.url an S3 endpoint?",
                               sl_buf_cstr(&c->host));
        }
        return SL_OK;
}

/* Append the upload id as a query. */
static void upload_query(const struct sl_s3_upload *up, struct sl_buf *out)
{
        sl_buf_adds(out, "uploadId=");
        sl_sigv4_encode(out, (struct sl_str){up->id.ptr, up->id.len}, false);
}

static void free_buf(struct sl_buf *b)
{
        sl_buf_free(b);
}

enum sl_rc sl_s3_upload_part(struct sl_s3_client *c, struct sl_str key, struct sl_s3_upload *up, struct sl_str body,
                             struct sl_err *err)
{
        sl_cleanup(free_buf) struct sl_buf query = {0};
        struct call call = call_of(c, "PUT", key, "write a part of");
        if (up->count >= PARTS_MAX)
                return sl_fail(err, SL_E_S3_REFUSED,
                               "Object %.*s needs more than %d parts: raise s3.part.size or lower flush.size",
                               SL_FMT(key), PARTS_MAX);
        sl_buf_printf(&query, "partNumber=%" PRId32 "&", up->count + 1);
        upload_query(up, &query);
        call.query = sl_buf_cstr(&query);
        call.body = body;
        SL_TRY(run(c, &call, err));
        struct sl_str etag = sl_http_header(&c->resp, "ETag");
        if (!etag.ptr)
                return sl_fail(err, SL_E_S3_REFUSED,
                               "S3 at %s answered a part without an ETag: is store.url an S3 endpoint?",
                               sl_buf_cstr(&c->host));
        up->count++;
        up->bytes += body.len;
        sl_buf_printf(&up->parts, "<Part><PartNumber>%" PRId32 "</PartNumber><ETag>", up->count);
        for (size_t i = 0; i < etag.len; i++) {
                if (etag.ptr[i] == '"')
                        sl_buf_adds(&up->parts, "&quot;");
                else
                        sl_buf_addc(&up->parts, etag.ptr[i]);
        }
        sl_buf_adds(&up->parts, "</ETag></Part>");
        return SL_OK;
}

/* The answer of an earlier try may have been lost: the object is there with our size. */
static bool completed_before(struct sl_s3_client *c, struct sl_str key, uint64_t bytes)
{
        struct call call = call_of(c, "HEAD", key, "look at");
        struct sl_err ignored = {0};
        int64_t size;
        return run(c, &call, &ignored) == SL_OK && sl_parse_i64(sl_http_header(&c->resp, "Content-Length"), &size) &&
               (uint64_t)size == bytes;
}

enum sl_rc sl_s3_upload_complete(struct sl_s3_client *c, struct sl_str key, struct sl_s3_upload *up, struct sl_err *err)
{
        sl_cleanup(free_buf) struct sl_buf query = {0};
        sl_cleanup(free_buf) struct sl_buf body = {0};
        struct call call = call_of(c, "POST", key, "complete the upload of");
        upload_query(up, &query);
        call.query = sl_buf_cstr(&query);
        sl_buf_adds(&body, "<CompleteMultipartUpload xmlns=\"" XML_NAMESPACE "\">");
        sl_buf_add(&body, up->parts.ptr, up->parts.len);
        sl_buf_adds(&body, "</CompleteMultipartUpload>");
        call.body = (struct sl_str){body.ptr, body.len};
        struct sl_err why = {0};
        enum sl_rc rc = run(c, &call, &why);
        if (rc != SL_OK && code_is(c, "NoSuchUpload")) {
                /* Aborted by somebody (a lifecycle rule), or done by a try whose answer was lost. That try may have
                 * been libcurl's own (it repeats a request when a kept connection turns out to be dead), so the number
                 * of tries says nothing. */
                bool there = completed_before(c, key, up->bytes);
                sl_err_clear(&why);
                rc = there ? SL_OK
                           : sl_fail(&why, SL_E_S3_RETRY,
                                     "The upload of %.*s is gone on the server; it will be written again", SL_FMT(key));
        }
        if (rc == SL_OK)
                upload_clear(up);
        else if (err && err->rc == SL_OK)
                *err = why;
        return rc;
}

enum sl_rc sl_s3_upload_abort(struct sl_s3_client *c, struct sl_str key, struct sl_s3_upload *up, struct sl_err *err)
{
        sl_cleanup(free_buf) struct sl_buf query = {0};
        struct call call = call_of(c, "DELETE", key, "abort the upload of");
        upload_query(up, &query);
        call.query = sl_buf_cstr(&query);
        call.attempts = 1;
        enum sl_rc rc = run(c, &call, err);
        upload_clear(up);
        return rc;
}
