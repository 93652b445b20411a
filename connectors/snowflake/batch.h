/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of NDJSON collected into the body of one append request: compressed as they come (zstd), cut before the body
 * passes its limit. Knows which Kafka offsets the body stands for. One a channel; not thread safe. */
#ifndef SL_SF_BATCH_H
#define SL_SF_BATCH_H
#include "base/err.h"
#include "base/str.h"

/* zstd's contexts, about half a megabyte each, shared by the batches of a task: a batch holds one only while it has
 * more than 64 KiB of lines. */
struct sl_sf_zpool;
struct sl_sf_zpool *sl_sf_zpool_new(int level); /* of zstd; 0 = 1 */
void sl_sf_zpool_free(struct sl_sf_zpool *p);   /* after all batches; NULL ok */
size_t sl_sf_zpool_bytes(const struct sl_sf_zpool *p);

struct sl_sf_batch_opts {
        struct sl_sf_zpool *pool; /* outlives the batch */
        size_t max_body;          /* compressed bytes at which a body is cut; 0 = 3,800,000 */
        size_t hard_body;         /* compressed bytes that a body of one row may have; 0 = 4,000,000 */
        uint64_t max_rows;        /* 0 = any number */
        size_t max_raw;           /* bytes before compression; 0 = 64 MiB */
};
/* Where a body can be cut: behind the row of this offset. */
struct sl_sf_mark {
        int64_t offset;
        uint64_t rows;
        size_t raw;
};
struct sl_sf_body {
        struct sl_buf data; /* zstd */
        size_t raw_len;     /* x-snowflake-uncompressed-content-length */
        uint64_t rows;
        int64_t first, last; /* offsets that it stands for, records without a row included */
        struct sl_sf_mark *marks;
        uint32_t mark_count, mark_cap;
};
void sl_sf_body_free(struct sl_sf_body *b); /* accepts a zeroed struct; leaves it zeroed */

struct sl_sf_batch;
struct sl_sf_batch *sl_sf_batch_new(const struct sl_sf_batch_opts *opts);
void sl_sf_batch_free(struct sl_sf_batch *b); /* NULL ok */

/* Add a line (with its line feed). *ret_full: it was not taken, the batch has to be taken first; a row is never refused
 * by an empty batch unless it is too large for any: SL_E_TOO_LARGE, record scope (the batch stays as it is). now_ms:
 * sl_mono_ms. */
enum sl_rc sl_sf_batch_add(struct sl_sf_batch *b, struct sl_str line, int64_t offset, int64_t now_ms, bool *ret_full,
                           struct sl_err *err);
/* The body stands for this record too, which has no row. Without rows in the batch it does nothing. */
void sl_sf_batch_cover(struct sl_sf_batch *b, int64_t offset);
uint64_t sl_sf_batch_rows(const struct sl_sf_batch *b);
/* Bytes of its lines before compression. */
size_t sl_sf_batch_raw(const struct sl_sf_batch *b);
/* Is it so full (rows, bytes, body) that it should be sent? */
bool sl_sf_batch_full(const struct sl_sf_batch *b);
/* sl_mono_ms of the oldest row; INT64_MAX when empty. */
int64_t sl_sf_batch_since(const struct sl_sf_batch *b);
/* Bytes of memory that it holds. */
size_t sl_sf_batch_bytes(const struct sl_sf_batch *b);
/* End the body and hand it over; the batch is empty then. Fails (SL_E_INTERNAL) without rows. */
enum sl_rc sl_sf_batch_take(struct sl_sf_batch *b, struct sl_sf_body *ret, struct sl_err *err);
/* Forget all rows. */
void sl_sf_batch_drop(struct sl_sf_batch *b);
/* Cut a body into two (the server said 413). Takes body over. SL_E_TOO_LARGE, batch scope: it is one row, or too
 * small to be cut; body stays. */
enum sl_rc sl_sf_body_split(struct sl_sf_zpool *p, struct sl_sf_body *body, struct sl_sf_body *left,
                            struct sl_sf_body *right, struct sl_err *err);
#endif
