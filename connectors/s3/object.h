/* SPDX-License-Identifier: Apache-2.0 */
/* One object that is written in the background of the task's thread: bytes are added as they come, uploaded while more
 * are added, and the object appears in the bucket when complete() was called and the state is DONE. All calls return at
 * once; sl_s3_client_work moves every object of the client on.
 *
 *   new -> add* -> finish -> (READY) -> complete -> DONE | EXISTS | FAILED -> free
 *
 * Up to part_size bytes go out as one PUT, at complete(). More are a multipart upload: parts go out while bytes are
 * added, complete() sends the Complete. Bodies belong to the object and stay in memory until the server has them.
 * Does not decide when a file ends, and knows no offsets: what must be found again goes into user metadata. */
#ifndef SL_S3_OBJECT_H
#define SL_S3_OBJECT_H
#include "connectors/s3/client.h"

enum sl_s3_state {
        SL_S3_OPEN,   /* takes more bytes; parts may be on their way */
        SL_S3_BUSY,   /* finish() or complete() was called and the server has not answered all of it */
        SL_S3_READY,  /* finished and nothing is on its way: complete() may be called */
        SL_S3_DONE,   /* the object is in the bucket, as we wrote it */
        SL_S3_EXISTS, /* with if_none_match: an object of that name was completed by somebody else. Ours isn't there */
        SL_S3_FAILED, /* tries ran out, or the server refused: see why, then retry() or free() */
};

struct sl_s3_pair {
        const char *name, *value;
};
struct sl_s3_object_opts {
        bool if_none_match;            /* complete only if there is no object of that name */
        const char *content_type;      /* NULL = binary/octet-stream */
        const struct sl_s3_pair *meta; /* user metadata without "x-amz-meta-", {NULL} ends; NULL = none */
};

struct sl_s3_object;
/* Everything is copied. Sends nothing. */
struct sl_s3_object *sl_s3_object_new(struct sl_s3_client *c, struct sl_str key, const struct sl_s3_object_opts *opts);
/* Add to the user metadata (replaces a pair of that name). False when that comes too late: a multipart upload's is
 * fixed when it starts, which is when more than part_size bytes were added. */
bool sl_s3_object_set_meta(struct sl_s3_object *o, const char *name, const char *value);
/* Object tags, at most 10; any time before complete(). A PUT carries them in a header; after a multipart upload they
 * are set by a request of their own, before DONE. Whether its failure counts: tag_errors_fail of the client. */
void sl_s3_object_set_tag(struct sl_s3_object *o, const char *name, const char *value);
/* Take the bytes over; *piece is left empty, and keeps its memory. State OPEN only (or
 * FAILED: the bytes are kept for retry). */
void sl_s3_object_add(struct sl_s3_object *o, struct sl_buf *piece);
/* No more bytes. State BUSY, READY as soon as all parts (or, for a PUT, all bytes) are there. */
void sl_s3_object_finish(struct sl_s3_object *o);
/* READY only. */
void sl_s3_object_complete(struct sl_s3_object *o);
/* why (may be NULL, else zeroed): for FAILED, as the calls of client.h fail. */
enum sl_s3_state sl_s3_object_state(const struct sl_s3_object *o, struct sl_err *why);
/* FAILED: send again what failed. False when that can't be: the upload is gone on the server with parts that are no
 * longer in memory, so the object must be freed and its records written to a new one. */
bool sl_s3_object_retry(struct sl_s3_object *o);
uint64_t sl_s3_object_bytes(const struct sl_s3_object *o); /* added so far */
size_t sl_s3_object_held(const struct sl_s3_object *o);    /* of these, still in memory */
/* The memory of an open object's bytes that wait for more to become a part. */
size_t sl_s3_object_tail(const struct sl_s3_object *o);
/* NULL ok. An unfinished upload is aborted in the background (sl_s3_client_free gives that a moment). When complete()
 * was called and the state is still BUSY, the object may appear all the same. */
void sl_s3_object_free(struct sl_s3_object *o);
#endif
