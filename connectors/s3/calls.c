/* SPDX-License-Identifier: Apache-2.0 */
/* The small calls, each run to its end in the task's thread: what is in the bucket. */
#include "connectors/s3/client_internal.h"

#include <inttypes.h>
#include <stdlib.h>

static struct sl_s3_call *small(struct sl_s3_client *c, const char *method, struct sl_str key, const char *what,
                                const char *query)
{
        struct sl_s3_call *call = sl_s3_call_new(c, method, key, what);
        sl_buf_adds(&call->query, query);
        return call;
}

/* --- the bucket */

/* 403 without a body hides whether the keys or the rights are wrong; a GET says it. */
static enum sl_rc ask_why(struct sl_s3_client *c, struct sl_err *err)
{
        struct sl_s3_call *call = small(c, "GET", SL_STR_NULL, "look into", "list-type=2&max-keys=1");
        struct sl_err why = {0};
        enum sl_rc rc = sl_s3_call_run(c, call, &why);
        if (sl_s3_code_is(call, "AccessDenied"))
                rc = SL_OK; /* there, and perhaps writable */
        if (rc != SL_OK && err && err->rc == SL_OK)
                *err = why;
        sl_s3_call_cancel(c, call);
        return rc;
}

enum sl_rc sl_s3_head_bucket(struct sl_s3_client *c, struct sl_err *err)
{
        struct sl_s3_call *call = small(c, "HEAD", SL_STR_NULL, "find", "");
        struct sl_err why = {0};
        enum sl_rc rc = sl_s3_call_run(c, call, &why);
        sl_s3_call_cancel(c, call);
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

/* --- an object that may be there */

enum sl_rc sl_s3_head(struct sl_s3_client *c, struct sl_str key, struct sl_s3_info *ret, struct sl_err *err)
{
        struct sl_s3_call *call = small(c, "HEAD", key, "look at", "");
        struct sl_err why = {0};
        int64_t size = 0;
        sl_buf_clear(&ret->headers);
        ret->found = false;
        ret->bytes = 0;
        call->flags = SL_S3_C_SSEC;
        enum sl_rc rc = sl_s3_call_run(c, call, &why);
        if (rc == SL_OK) {
                ret->found = true;
                sl_parse_i64(sl_http_header(&call->resp, "Content-Length"), &size);
                ret->bytes = (uint64_t)size;
                sl_buf_add(&ret->headers, call->resp.headers.ptr, call->resp.headers.len);
        } else if (why.native == 404) {
                rc = SL_OK;
        } else if (err && err->rc == SL_OK) {
                *err = why;
        }
        sl_s3_call_cancel(c, call);
        return rc;
}

struct sl_str sl_s3_info_meta(const struct sl_s3_info *info, const char *name)
{
        struct sl_http_response as_answer = {.headers = info->headers};
        struct sl_buf full = {0};
        sl_buf_printf(&full, "x-amz-meta-%s", name);
        struct sl_str value = sl_http_header(&as_answer, sl_buf_cstr(&full));
        sl_buf_free(&full);
        return value;
}

void sl_s3_info_free(struct sl_s3_info *info)
{
        sl_buf_free(&info->headers);
        info->found = false;
}

enum sl_rc sl_s3_get_tags(struct sl_s3_client *c, struct sl_str key,
                          void (*fn)(void *arg, struct sl_str name, struct sl_str value), void *arg,
                          struct sl_err *err)
{
        struct sl_s3_call *call = small(c, "GET", key, "read the tags of", "tagging=");
        enum sl_rc rc = sl_s3_call_run(c, call, err);
        struct sl_str xml = rc == SL_OK ? sl_s3_body_of(call) : SL_STR_NULL;
        struct sl_buf name = {0}, value = {0};
        while (sl_s3_xml_next(&xml, "Key", &name) && sl_s3_xml_next(&xml, "Value", &value)) {
                fn(arg, (struct sl_str){sl_buf_cstr(&name), name.len}, (struct sl_str){sl_buf_cstr(&value), value.len});
                sl_buf_clear(&name);
                sl_buf_clear(&value);
        }
        sl_buf_free(&name);
        sl_buf_free(&value);
        sl_s3_call_cancel(c, call);
        return rc;
}
