/* SPDX-License-Identifier: Apache-2.0 */
/* AWS Signature Version 4 (AWS documentation: "Authenticating Requests: Using the Authorization Header").
 *   canonical request = method, path, query, "name:value" of each signed header sorted by name, "", names joined by
 * ";", payload hash; one a line string to sign    = "AWS4-HMAC-SHA256", date and time, scope
 * "yyyymmdd/region/service/aws4_request", hash of the above key               = HMAC chain over "AWS4" + secret: date,
 * region, service, "aws4_request" The secret stays on the stack and in OpenSSL; nothing here goes into messages. */
#include "connectors/s3/sigv4.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <time.h>

#define HASH 32

static void to_hex(const uint8_t *hash, char out[SL_SHA256_HEX])
{
        static const char digits[] = "0123456789abcdef";
        for (int i = 0; i < HASH; i++) {
                out[2 * i] = digits[hash[i] >> 4];
                out[2 * i + 1] = digits[hash[i] & 15];
        }
        out[2 * HASH] = '\0';
}

void sl_sigv4_sha256(const void *p, size_t n, char out[SL_SHA256_HEX])
{
        uint8_t hash[HASH];
        unsigned len = 0;
        int ok = EVP_Digest(p, n, hash, &len, EVP_sha256(), NULL);
        assert(ok && len == HASH);
        (void)ok;
        to_hex(hash, out);
}

void sl_sigv4_encode(struct sl_buf *out, struct sl_str text, bool keep_slash)
{
        static const char digits[] = "0123456789ABCDEF";
        for (size_t i = 0; i < text.len; i++) {
                unsigned char c = (unsigned char)text.ptr[i];
                bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                             c == '_' || c == '.' || c == '~' || (keep_slash && c == '/');
                if (plain) {
                        sl_buf_addc(out, (char)c);
                } else {
                        sl_buf_addc(out, '%');
                        sl_buf_addc(out, digits[c >> 4]);
                        sl_buf_addc(out, digits[c & 15]);
                }
        }
}

void sl_sigv4_date(int64_t wall_ms, char out[SL_AMZ_DATE])
{
        time_t t = (time_t)(wall_ms / 1000);
        struct tm tm;
        gmtime_r(&t, &tm);
        strftime(out, SL_AMZ_DATE, "%Y%m%dT%H%M%SZ", &tm);
}

static void hmac(const uint8_t *key, size_t key_len, struct sl_str text, uint8_t out[HASH])
{
        unsigned len = 0;
        const void *p = HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text.ptr, text.len, out, &len);
        assert(p && len == HASH);
        (void)p;
}

static void signing_key(const char *secret, struct sl_str date, const char *region, const char *service,
                        uint8_t out[HASH])
{
        struct sl_buf first = {0};
        sl_buf_adds(&first, "AWS4");
        sl_buf_adds(&first, secret);
        hmac((const uint8_t *)first.ptr, first.len, date, out);
        OPENSSL_cleanse(first.ptr, first.len);
        sl_buf_free(&first);
        hmac(out, HASH, sl_str_c(region), out);
        hmac(out, HASH, sl_str_c(service), out);
        hmac(out, HASH, SL_STR("aws4_request"), out);
}

/* Values are trimmed and runs of blanks become one. */
static void add_value(struct sl_buf *out, const char *value)
{
        bool blank = true;
        size_t start = out->len;
        for (; *value; value++) {
                bool is_blank = *value == ' ' || *value == '\t';
                if (!is_blank)
                        sl_buf_addc(out, *value);
                else if (!blank)
                        sl_buf_addc(out, ' ');
                blank = is_blank;
        }
        if (out->len > start && out->ptr[out->len - 1] == ' ')
                out->len--;
}

static void sort_headers(const struct sl_sigv4_header **order, const struct sl_sigv4_request *req)
{
        for (size_t i = 0; i < req->header_count; i++) {
                size_t j = i;
                for (; j > 0 && strcmp(order[j - 1]->name, req->headers[i].name) > 0; j--)
                        order[j] = order[j - 1];
                order[j] = &req->headers[i];
        }
}

static void add_names(struct sl_buf *out, const struct sl_sigv4_header **order, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (i)
                        sl_buf_addc(out, ';');
                sl_buf_adds(out, order[i]->name);
        }
}

static void canonical_hash(const struct sl_sigv4_request *req, const struct sl_sigv4_header **order,
                           char out[SL_SHA256_HEX])
{
        struct sl_buf b = {0};
        sl_buf_adds(&b, req->method);
        sl_buf_addc(&b, '\n');
        sl_buf_add_str(&b, req->path);
        sl_buf_addc(&b, '\n');
        sl_buf_add_str(&b, req->query);
        sl_buf_addc(&b, '\n');
        for (size_t i = 0; i < req->header_count; i++) {
                sl_buf_adds(&b, order[i]->name);
                sl_buf_addc(&b, ':');
                add_value(&b, order[i]->value);
                sl_buf_addc(&b, '\n');
        }
        sl_buf_addc(&b, '\n');
        add_names(&b, order, req->header_count);
        sl_buf_addc(&b, '\n');
        sl_buf_adds(&b, req->payload_hash);
        sl_sigv4_sha256(b.ptr, b.len, out);
        sl_buf_free(&b);
}

void sl_sigv4_authorization(const struct sl_sigv4_request *req, const struct sl_sigv4_keys *keys, const char *region,
                            const char *service, const char *amz_date, struct sl_buf *out)
{
        const struct sl_sigv4_header *order[SL_SIGV4_HEADERS_MAX];
        assert(req->header_count <= SL_SIGV4_HEADERS_MAX);
        sort_headers(order, req);
        char canonical[SL_SHA256_HEX], signature[SL_SHA256_HEX];
        canonical_hash(req, order, canonical);
        struct sl_buf text = {0};
        sl_buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%.8s/%s/%s/aws4_request\n%s", amz_date, amz_date, region, service,
                      canonical);
        uint8_t key[HASH], hash[HASH];
        signing_key(keys->secret, (struct sl_str){amz_date, 8}, region, service, key);
        hmac(key, HASH, (struct sl_str){text.ptr, text.len}, hash);
        OPENSSL_cleanse(key, sizeof(key));
        sl_buf_free(&text);
        to_hex(hash, signature);
        sl_buf_printf(out, "AWS4-HMAC-SHA256 Credential=%s/%.8s/%s/%s/aws4_request,SignedHeaders=", keys->access,
                      amz_date, region, service);
        add_names(out, order, req->header_count);
        sl_buf_adds(out, ",Signature=");
        sl_buf_adds(out, signature);
}
