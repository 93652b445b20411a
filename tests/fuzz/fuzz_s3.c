/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any status, headers and body as an answer of S3, to any request, and as what services that give credentials say. First two
 * bytes: the status; headers end at the first NUL. What the client learns from an answer must not change what it may send: a region is a
 * word of a host name. */
#include <ctype.h>
#include <stdlib.h>

#include "connectors/s3/client_internal.h"
#include "connectors/s3/creds_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fine)
{
        if (!fine)
                abort();
}

static struct sl_s3_client *client(void)
{
        struct sl_s3_client_opts opts = {.bucket = "bucket", .region = "us-east-1", .attempts = 1,
                                         .creds = {.access = "AKIA", .secret = "secret"}};
        static struct sl_s3_client_opts kept;
        struct sl_s3_client *c = NULL;
        kept = opts;
        check(sl_s3_client_new(&kept, &c, NULL) == SL_OK);
        return c;
}

static void check_words(const struct sl_s3_client *c)
{
        for (const char *p = c->region; *p; p++)
                check(isalnum((unsigned char)*p) || *p == '-');
        for (size_t i = 0; i < c->host.len; i++)
                check(isalnum((unsigned char)c->host.ptr[i]) || strchr("-.:", c->host.ptr[i]));
}

static void answer(int status, struct sl_str headers, struct sl_str body)
{
        struct sl_s3_client *c = client();
        struct sl_s3_call *call = sl_s3_call_new(c, "PUT", SL_STR("key"), "write");
        call->resp.status = status;
        sl_buf_add_str(&call->resp.headers, headers);
        sl_buf_add_str(&call->resp.body, body);
        enum sl_s3_verdict v = sl_s3_judge(c, call);
        check_words(c);
        if (v != SL_S3_V_DONE) {
                check(sl_s3_fail_answer(c, call, v) != SL_OK && *call->err.msg);
                check(strlen(call->err.msg) < sizeof(call->err.msg));
        }
        sl_s3_call_free(call);
        sl_s3_client_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const tags[] = {"Code", "UploadId", "Upload", "NextKeyMarker", "ETag"};
        if (size < 2)
                return 0;
        int status = 100 + (data[0] << 8 | data[1]) % 500;
        const uint8_t *nul = memchr(data + 2, 0, size - 2);
        struct sl_str rest = {(const char *)data + 2, size - 2}, headers = {rest.ptr, nul ? (size_t)(nul - data) - 2 : 0};
        struct sl_str body = nul ? (struct sl_str){(const char *)nul + 1, size - headers.len - 3} : rest;
        answer(status, headers, body);
        struct sl_buf out = {0};
        for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
                struct sl_str xml = body;
                while (sl_s3_xml_next(&xml, tags[i], &out))
                        check(xml.ptr >= body.ptr && xml.ptr + xml.len == body.ptr + body.len);
        }
        sl_buf_free(&out);
        struct sl_s3_keys keys = {0};
        struct sl_err err = {0};
        if (sl_s3_keys_of_json(body, "a service", &keys, &err) != SL_OK)
                check(*err.msg);
        sl_s3_keys_free(&keys);
        sl_s3_ini_get(body, "default", "aws_access_key_id");
        return 0;
}
