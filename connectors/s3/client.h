/* SPDX-License-Identifier: Apache-2.0 */
/* The S3 calls that a sink needs, each run to its end with retries. One client a task, used by the task's thread.
 * Errors of all calls: SL_E_S3_RETRY (batch) when tries ran out on something that may pass; SL_E_S3_SETUP when bucket,
 * endpoint or credentials are wrong; SL_E_S3_REFUSED when the server refused for good; SL_E_STOPPED from tick. Messages
 * name the server's own code; native is the HTTP status. */
#ifndef SL_S3_CLIENT_H
#define SL_S3_CLIENT_H
#include "base/err.h"
#include "base/str.h"

#define SL_S3_OBJECT_HEADERS_MAX 6

struct sl_s3_client_opts {
        const char *bucket, *region;
        const char *endpoint;                /* scheme://host[:port], or NULL: Amazon's */
        bool path_style;                     /* bucket in the path instead of the host name */
        const char *access, *secret, *token; /* NULL: see credentials.h */
        int32_t attempts;                    /* tries in total, at least 1 */
        int64_t backoff_ms;                  /* base of the exponential backoff */
        const char *proxy;                   /* NULL = the environment's */
        const char *ca_file;                 /* NULL = the system's */
        /* lower-case name and value of headers of every new object, NULL name ends (x-amz-acl, encryption) */
        struct {
                const char *name, *value;
        } object_headers[SL_S3_OBJECT_HEADERS_MAX + 1];
        enum sl_rc (*tick)(void *arg, struct sl_err *err); /* see base/http.h; may be NULL */
        void *tick_arg;
};

struct sl_s3_client;
/* Strings of opts must outlive the client. Loads the credentials; talks to nobody. *ret is set on success only. */
enum sl_rc sl_s3_client_new(const struct sl_s3_client_opts *opts, struct sl_s3_client **ret, struct sl_err *err);
void sl_s3_client_free(struct sl_s3_client *c); /* NULL ok */

/* Is the bucket there? Rights to write are not tested: AccessDenied counts as being there. */
enum sl_rc sl_s3_head_bucket(struct sl_s3_client *c, struct sl_err *err);
/* Write an object in one request; replaces what has the name. */
enum sl_rc sl_s3_put(struct sl_s3_client *c, struct sl_str key, struct sl_str body, struct sl_err *err);

/* Larger objects: start, parts 1, 2, ... of at least 5 MiB but the last, then complete or abort. */
struct sl_s3_upload {
        struct sl_buf id;    /* upload id; len 0 = not started */
        struct sl_buf parts; /* <Part> elements of what is uploaded */
        int32_t count;
        uint64_t bytes;
};
enum sl_rc sl_s3_upload_start(struct sl_s3_client *c, struct sl_str key, struct sl_s3_upload *up, struct sl_err *err);
enum sl_rc sl_s3_upload_part(struct sl_s3_client *c, struct sl_str key, struct sl_s3_upload *up, struct sl_str body,
                             struct sl_err *err);
/* The object exists after this; clears *up. */
enum sl_rc sl_s3_upload_complete(struct sl_s3_client *c, struct sl_str key, struct sl_s3_upload *up,
                                 struct sl_err *err);
/* Forget the upload, one try, and clear *up (also when the server could not be told: it keeps the parts until its
 * lifecycle rule takes them). */
enum sl_rc sl_s3_upload_abort(struct sl_s3_client *c, struct sl_str key, struct sl_s3_upload *up, struct sl_err *err);
static inline bool sl_s3_upload_open(const struct sl_s3_upload *up)
{
        return up->id.len > 0;
}
void sl_s3_upload_free(struct sl_s3_upload *up); /* accepts a zeroed struct */

/* Text of the first <tag> in an XML answer, entities resolved, appended to out; false if there is none. */
bool sl_s3_xml_text(struct sl_str xml, const char *tag, struct sl_buf *out);
/* Milliseconds to wait before try number `attempt` + 1, from 32 random bits: full jitter, doubling, at most 20 s. */
int64_t sl_s3_backoff_ms(int64_t base_ms, int32_t attempt, uint32_t random);
#endif
