/* SPDX-License-Identifier: Apache-2.0 */
/* One request to S3 as it goes over the wire: address, headers, checksums, signature. Over http the signature covers
 * the body's SHA-256; over https it doesn't (UNSIGNED-PAYLOAD) and the body has a CRC-32C header instead, unless
 * s3.checksum.algorithm is none. What is computed over a body is computed once, whatever the number of tries. Keys
 * hold "=" and "+": both are escaped in URLs. */
#include "connectors/s3/client_internal.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/clock.h"

#define EXPECT_BYTES ((size_t)1 << 20)
#define UNSIGNED "UNSIGNED-PAYLOAD"

struct sl_s3_call *sl_s3_call_new(struct sl_s3_client *c, const char *method, struct sl_str key, const char *what)
{
        struct sl_s3_call *call = sl_calloc(1, sizeof(*call));
        call->method = method;
        call->what = what;
        call->attempts = c->opts.attempts > 0 ? c->opts.attempts : 1;
        sl_buf_add_str(&call->key, key);
        return call;
}

void sl_s3_call_free(struct sl_s3_call *call)
{
        struct sl_buf *bufs[] = {&call->key, &call->query, &call->own_body, &call->headers, &call->code, &call->message};
        for (size_t i = 0; i < sizeof(bufs) / sizeof(*bufs); i++)
                sl_buf_free(bufs[i]);
        sl_http_response_free(&call->resp);
        free(call);
}

void sl_s3_call_header(struct sl_s3_call *call, const char *name, const char *value)
{
        sl_buf_add(&call->headers, name, strlen(name) + 1);
        sl_buf_add(&call->headers, value, strlen(value) + 1);
}

void sl_s3_call_upload(struct sl_s3_call *call, struct sl_str id)
{
        if (call->query.len)
                sl_buf_addc(&call->query, '&');
        sl_buf_adds(&call->query, "uploadId=");
        sl_sigv4_encode(&call->query, id, false);
}

void sl_s3_call_own(struct sl_s3_call *call)
{
        call->body = (struct sl_str){sl_buf_cstr(&call->own_body), call->own_body.len};
}

struct header_list {
        struct sl_sigv4_header items[SL_SIGV4_HEADERS_MAX];
        size_t n;
};

static void add(struct header_list *l, const char *name, const char *value)
{
        if (l->n < SL_SIGV4_HEADERS_MAX)
                l->items[l->n++] = (struct sl_sigv4_header){name, value};
}

static void base64(const void *p, size_t n, char *out)
{
        struct sl_buf b = {0};
        sl_buf_add_base64(&b, p, n);
        memcpy(out, b.ptr, b.len);
        out[b.len] = '\0';
        sl_buf_free(&b);
}

/* Once a body. */
static void digest(const struct sl_s3_client *c, struct sl_s3_call *call)
{
        struct sl_str body = {call->body.ptr ? call->body.ptr : "", call->body.len};
        bool data = call->flags & SL_S3_C_DATA, crc = data && c->tls && c->opts.crc32c;
        if (call->hashed)
                return;
        call->hashed = true;
        if (crc) {
                uint32_t v = sl_s3_crc32c(body.ptr, body.len);
                base64((uint8_t[]){(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v}, 4, call->crc);
                memcpy(call->hash, UNSIGNED, sizeof(UNSIGNED));
        } else {
                sl_sigv4_sha256(body.ptr, body.len, call->hash);
        }
        if (data && c->opts.send_md5) {
                uint8_t md5[16];
                if (EVP_Digest(body.ptr, body.len, md5, NULL, EVP_md5(), NULL))
                        base64(md5, sizeof(md5), call->md5);
        }
}

static void add_encryption(const struct sl_s3_client *c, struct header_list *l)
{
        add(l, "x-amz-server-side-encryption-customer-algorithm", "AES256");
        add(l, "x-amz-server-side-encryption-customer-key", c->opts.sse_customer_key);
        add(l, "x-amz-server-side-encryption-customer-key-md5", c->sse_md5);
}

static void add_headers(struct sl_s3_client *c, const struct sl_s3_call *call, const struct sl_s3_keys *keys,
                        const char *date, struct header_list *l)
{
        add(l, "host", sl_buf_cstr(&c->host));
        add(l, "x-amz-content-sha256", call->hash);
        add(l, "x-amz-date", date);
        if (keys && keys->token)
                add(l, "x-amz-security-token", keys->token);
        if (call->content_type)
                add(l, "content-type", call->content_type);
        if (*call->crc)
                add(l, "x-amz-checksum-crc32c", call->crc);
        if (*call->md5)
                add(l, "content-md5", call->md5);
        if ((call->flags & SL_S3_C_CREATE) && c->tls && c->opts.crc32c)
                add(l, "x-amz-checksum-algorithm", "CRC32C");
        for (size_t i = 0; (call->flags & SL_S3_C_OBJECT) && c->opts.object_headers[i].name; i++)
                add(l, c->opts.object_headers[i].name, c->opts.object_headers[i].value);
        if ((call->flags & SL_S3_C_SSEC) && c->sse_md5)
                add_encryption(c, l);
        for (const char *p = call->headers.ptr, *end = p ? p + call->headers.len : NULL; p < end;) {
                const char *value = p + strlen(p) + 1;
                add(l, p, value);
                p = value + strlen(value) + 1;
        }
}

static void set_url(struct sl_s3_client *c, struct sl_s3_call *call)
{
        sl_buf_clear(&c->path);
        if (c->bucket_in_path) {
                sl_buf_addc(&c->path, '/');
                sl_sigv4_encode(&c->path, sl_str_c(c->opts.bucket), false);
        }
        if (call->key.len || !c->bucket_in_path)
                sl_buf_addc(&c->path, '/');
        sl_sigv4_encode(&c->path, sl_s3_key_of(call), true);
        sl_buf_clear(&c->url);
        sl_buf_add(&c->url, c->base.ptr, c->base.len);
        sl_buf_add(&c->url, c->path.ptr, c->path.len);
        if (call->query.len)
                sl_buf_printf(&c->url, "?%s", sl_buf_cstr(&call->query));
}

enum sl_rc sl_s3_send(struct sl_s3_client *c, struct sl_s3_call *call, const struct sl_s3_keys *keys,
                      struct sl_err *err)
{
        char date[SL_AMZ_DATE];
        struct header_list l = {.n = 0};
        sl_sigv4_date(sl_wall_ms() + c->skew_ms, date);
        digest(c, call);
        add_headers(c, call, keys, date, &l);
        set_url(c, call);
        sl_buf_clear(&c->auth);
        if (keys) {
                struct sl_sigv4_request sign = {.method = call->method,
                                                .path = {c->path.ptr, c->path.len},
                                                .query = {call->query.ptr, call->query.len},
                                                .headers = l.items,
                                                .header_count = l.n,
                                                .payload_hash = call->hash};
                struct sl_sigv4_keys pair = {keys->access, keys->secret};
                sl_sigv4_authorization(&sign, &pair, c->region, "s3", date, &c->auth);
        }
        /* "Name: value" texts one after another in one buffer; host is curl's own. */
        const char *lines[SL_SIGV4_HEADERS_MAX + 3];
        size_t at[SL_SIGV4_HEADERS_MAX + 2], count = 0;
        sl_buf_clear(&c->headers);
        for (size_t i = 1; i < l.n; i++) {
                at[count++] = c->headers.len;
                sl_buf_printf(&c->headers, "%s: %s%c", l.items[i].name, l.items[i].value, 0);
        }
        if (c->auth.len) {
                at[count++] = c->headers.len;
                sl_buf_printf(&c->headers, "Authorization: %s%c", sl_buf_cstr(&c->auth), 0);
        }
        if (c->opts.expect_continue && call->body.len >= EXPECT_BYTES) {
                at[count++] = c->headers.len;
                sl_buf_printf(&c->headers, "Expect: 100-continue%c", 0);
        }
        const char *texts = sl_buf_cstr(&c->headers);
        for (size_t i = 0; i < count; i++)
                lines[i] = texts + at[i];
        lines[count] = NULL;
        call->region_gen = c->region_gen;
        call->keys_gen = keys ? keys->generation : 0;
        struct sl_http_request req = {
                .method = call->method, .url = sl_buf_cstr(&c->url), .headers = lines, .body = call->body};
        return sl_http_start(c->http, &req, &call->resp, &call->transfer, err);
}
