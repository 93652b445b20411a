/* SPDX-License-Identifier: Apache-2.0 */
/* Objects that are written while the caller waits. */
#include "connectors/s3/client_internal.h"

#include <inttypes.h>

#define CONTENT_TYPE "binary/octet-stream"

static struct sl_str id_of(const struct sl_s3_upload *up)
{
        return (struct sl_str){up->id.ptr, up->id.len};
}

enum sl_rc sl_s3_put(struct sl_s3_client *c, struct sl_str key, struct sl_str body, struct sl_err *err)
{
        struct sl_s3_call *call = sl_s3_call_new(c, "PUT", key, "write");
        call->body = body;
        call->flags = SL_S3_C_DATA | SL_S3_C_OBJECT | SL_S3_C_SSEC;
        call->content_type = CONTENT_TYPE;
        enum sl_rc rc = sl_s3_call_run(c, call, err);
        sl_s3_call_cancel(c, call);
        return rc;
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
        struct sl_s3_call *call = sl_s3_call_new(c, "POST", key, "start the upload of");
        sl_buf_adds(&call->query, "uploads=");
        call->body = SL_STR("");
        call->flags = SL_S3_C_OBJECT | SL_S3_C_SSEC | SL_S3_C_CREATE;
        call->content_type = CONTENT_TYPE;
        upload_clear(up);
        enum sl_rc rc = sl_s3_call_run(c, call, err);
        if (rc == SL_OK && (!sl_s3_xml_text(sl_s3_body_of(call), "UploadId", &up->id) || up->id.len == 0))
                rc = sl_fail(err, SL_E_S3_REFUSED,
                             "S3 at %s answered without an upload id: is store.url an S3 endpoint?",
                             sl_buf_cstr(&c->host));
        sl_s3_call_cancel(c, call);
        return rc;
}

enum sl_rc sl_s3_upload_part(struct sl_s3_client *c, struct sl_str key, struct sl_s3_upload *up, struct sl_str body,
                             struct sl_err *err)
{
        struct sl_s3_call *call = sl_s3_call_new(c, "PUT", key, "write a part of");
        sl_buf_printf(&call->query, "partNumber=%" PRId32, up->count + 1);
        sl_s3_call_upload(call, id_of(up));
        call->body = body;
        call->flags = SL_S3_C_DATA | SL_S3_C_SSEC;
        call->content_type = CONTENT_TYPE;
        enum sl_rc rc = sl_s3_call_run(c, call, err);
        struct sl_str etag = sl_http_header(&call->resp, "ETag");
        if (rc == SL_OK && !etag.ptr)
                rc = sl_fail(err, SL_E_S3_REFUSED,
                             "S3 at %s answered a part without an ETag: is store.url an S3 endpoint?",
                             sl_buf_cstr(&c->host));
        if (rc == SL_OK) {
                up->count++;
                up->bytes += body.len;
                sl_buf_printf(&up->parts, "<Part><PartNumber>%" PRId32 "</PartNumber><ETag>", up->count);
                for (size_t i = 0; i < etag.len; i++) {
                        if (etag.ptr[i] == '"')
                                sl_buf_adds(&up->parts, "&quot;");
                        else
                                sl_buf_addc(&up->parts, etag.ptr[i]);
                }
                sl_buf_adds(&up->parts, "</ETag>");
                if (*call->crc)
                        sl_buf_printf(&up->parts, "<ChecksumCRC32C>%s</ChecksumCRC32C>", call->crc);
                sl_buf_adds(&up->parts, "</Part>");
        }
        sl_s3_call_cancel(c, call);
        return rc;
}

/* The answer of an earlier try may have been lost: the object is there with our size. */
static bool completed_before(struct sl_s3_client *c, struct sl_str key, uint64_t bytes)
{
        struct sl_s3_info info = {0};
        struct sl_err ignored = {0};
        bool there = sl_s3_head(c, key, &info, &ignored) == SL_OK && info.found && info.bytes == bytes;
        sl_s3_info_free(&info);
        return there;
}

enum sl_rc sl_s3_upload_complete(struct sl_s3_client *c, struct sl_str key, struct sl_s3_upload *up, struct sl_err *err)
{
        struct sl_s3_call *call = sl_s3_call_new(c, "POST", key, "complete the upload of");
        struct sl_err why = {0};
        sl_s3_call_upload(call, id_of(up));
        sl_buf_adds(&call->own_body, "<CompleteMultipartUpload xmlns=\"" SL_S3_XML_NAMESPACE "\">");
        sl_buf_add(&call->own_body, up->parts.ptr, up->parts.len);
        sl_buf_adds(&call->own_body, "</CompleteMultipartUpload>");
        sl_s3_call_own(call);
        enum sl_rc rc = sl_s3_call_run(c, call, &why);
        if (rc != SL_OK && sl_s3_code_is(call, "NoSuchUpload")) {
                sl_err_clear(&why);
                rc = completed_before(c, key, up->bytes)
                             ? SL_OK
                             : sl_fail(&why, SL_E_S3_RETRY,
                                       "The upload of %.*s is gone on the server; it will be written again", SL_FMT(key));
        }
        if (rc == SL_OK)
                upload_clear(up);
        else if (err && err->rc == SL_OK)
                *err = why;
        sl_s3_call_cancel(c, call);
        return rc;
}

enum sl_rc sl_s3_upload_abort(struct sl_s3_client *c, struct sl_str key, struct sl_s3_upload *up, struct sl_err *err)
{
        (void)err;
        sl_s3_abort_loose(c, key, id_of(up));
        upload_clear(up);
        return SL_OK;
}
