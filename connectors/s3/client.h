/* SPDX-License-Identifier: Apache-2.0 */
/* The S3 client of a task: connections, credentials, limits, and the small calls that run to their end. Objects are
 * written in the background: see object.h. Used by the task's thread only.
 *
 * Errors of all calls, and of FAILED objects; none is ever a record's, so nothing is dead-lettered:
 *   SL_E_S3_RETRY    transient, batch: tries ran out on something that may pass (500, 503, no connection, timeouts)
 *   SL_E_S3_SETUP    transient, batch: bucket, endpoint, rights or credentials are wrong or have expired; a person has to
 *                    do something, and then it goes on by itself: wait with backoff and raise the alarm
 *   SL_E_S3_REFUSED  fatal: the server will never take this (a malformed setting)
 *   SL_E_STOPPED     from tick (small calls only)
 * Messages name the server's own code; native is the HTTP status (0: no answer). */
#ifndef SL_S3_CLIENT_H
#define SL_S3_CLIENT_H
#include "api/connector.h"
#include "base/err.h"
#include "base/str.h"
#include "connectors/s3/credentials.h"

#define SL_S3_OBJECT_HEADERS_MAX 6

struct sl_s3_cfg;
struct sl_s3_client_opts {
        const char *bucket, *region;
        const char *endpoint;        /* [scheme://]host[:port], https without a scheme; NULL: Amazon's */
        bool path_style;             /* of endpoint: bucket in the path instead of the host name */
        bool accelerate, dualstack, fips; /* of Amazon's endpoints */
        struct sl_s3_creds_opts creds;
        int32_t attempts;            /* tries in total, at least 1 */
        int64_t backoff_ms;          /* base of the exponential backoff */
        int32_t parallel;            /* requests of objects in flight; 0 = 4 */
        size_t part_size;            /* of multipart uploads; 0 = 25 MiB */
        bool crc32c;                 /* over https: a CRC-32C header instead of a signed hash */
        bool send_md5;               /* Content-MD5 of bodies */
        bool expect_continue;        /* wait for the server's word before a body of 1 MiB or more */
        bool tag_errors_fail;        /* tags that can't be set after a multipart upload fail the object */
        const char *sse_customer_key; /* base64 of 32 bytes; NULL = none */
        const char *proxy;           /* NULL = the environment's */
        const char *proxy_user, *proxy_password; /* NULL = what proxy says */
        const char *ca_file;         /* NULL = the system's */
        /* lower-case name and value of headers of every new object, NULL name ends (x-amz-acl, encryption) */
        struct {
                const char *name, *value;
        } object_headers[SL_S3_OBJECT_HEADERS_MAX + 1];
        enum sl_rc (*tick)(void *arg, struct sl_err *err); /* see base/http.h; may be NULL */
        void *tick_arg;
};

struct sl_s3_client;
/* Strings of opts must outlive the client. Talks to nobody yet. *ret is set on success only. */
enum sl_rc sl_s3_client_new(const struct sl_s3_client_opts *opts, struct sl_s3_client **ret, struct sl_err *err);
/* The same from the connector's config. cfg must outlive the client, env is only read here. */
enum sl_rc sl_s3_client_open(const struct sl_s3_cfg *cfg, const struct sl_task_env *env, struct sl_s3_client **ret,
                             struct sl_err *err);
/* Free all objects before. Aborts of unfinished uploads that are still on their way get up to 3 s. NULL ok. */
void sl_s3_client_free(struct sl_s3_client *c);

/* Move everything on that goes in the background; never blocks. Call it when one of the descriptors or deadlines of
 * wait is there, and after a round of adds. Fails on bugs only: what went wrong with an object is its own state. */
enum sl_rc sl_s3_client_work(struct sl_s3_client *c, struct sl_err *err);
void sl_s3_client_wait(struct sl_s3_client *c, struct sl_wait *w);
/* Bytes of bodies in memory, of all objects. */
size_t sl_s3_client_held(const struct sl_s3_client *c);

/* Small calls; each runs to its end, with tries, while the background goes on and tick is called. */

/* Is the bucket there? Rights to write are not tested: AccessDenied counts as being there. */
enum sl_rc sl_s3_head_bucket(struct sl_s3_client *c, struct sl_err *err);
struct sl_s3_info {
        bool found; /* false: no object of that name; the rest is empty */
        uint64_t bytes;
        struct sl_buf headers; /* see sl_s3_info_meta */
};
/* What is there under this key? SL_OK whether found or not. Needs the right s3:GetObject. *ret: zeroed or of an earlier
 * call; the caller frees it. */
enum sl_rc sl_s3_head(struct sl_s3_client *c, struct sl_str key, struct sl_s3_info *ret, struct sl_err *err);
/* User metadata by its name without "x-amz-meta-"; ptr NULL if there is none. Points into info. */
struct sl_str sl_s3_info_meta(const struct sl_s3_info *info, const char *name);
void sl_s3_info_free(struct sl_s3_info *info); /* accepts a zeroed struct */
/* Call fn for each tag of an object. SL_E_S3_REFUSED with native 404 if there is no such object. */
enum sl_rc sl_s3_get_tags(struct sl_s3_client *c, struct sl_str key,
                          void (*fn)(void *arg, struct sl_str name, struct sl_str value), void *arg,
                          struct sl_err *err);

/* Abort what crashed predecessors left of multipart uploads: those whose key starts with `prefix` and ends in
 * "<one of names><digits><suffix>" (names: "topic+3+"), and that were started before this call. Goes on in the
 * background; a missing right is logged once. Everything is copied. A predecessor that is not dead but frozen finds its
 * upload gone (NoSuchUpload) and writes again or loses its partition: nothing is lost. */
void sl_s3_sweep(struct sl_s3_client *c, struct sl_str prefix, const char *const *names, size_t n, const char *suffix);

/* Text of the first <tag> in an XML answer, entities resolved, appended to out; false if there is none. */
bool sl_s3_xml_text(struct sl_str xml, const char *tag, struct sl_buf *out);
/* Milliseconds to wait before try number `attempt` + 1, from 32 random bits: full jitter, doubling, at most 20 s. */
int64_t sl_s3_backoff_ms(int64_t base_ms, int32_t attempt, uint32_t random);
#endif
