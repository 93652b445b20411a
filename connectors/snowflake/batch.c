/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of append requests: see batch.h. Lines go into a chunk first; when it is full the batch takes a zstd context
 * out of the pool and streams the chunk into one frame (one: readers of several frames in a row can't be taken for
 * granted). What is not compressed yet counts with zstd's worst case, so a body never passes its limit. */
#include "connectors/snowflake/batch.h"
#include "connectors/snowflake/rows.h"

#include <stdlib.h>
#include <zstd.h>

#define CHUNK (64u << 10)
#define BLOCK (128u << 10) /* what zstd keeps to itself before it writes */
#define WINDOW_LOG 16      /* a larger one costs memory for every open batch, and saves nothing on rows of one table */
#define MARKS_MAX 64
#define NAME_MAX_SHOWN 100

struct context {
        struct context *next;
        ZSTD_CCtx *zstd;
};
struct sl_sf_zpool {
        struct context *free;
        int level;
        uint32_t count;
        size_t bytes_each;
        ZSTD_DCtx *reader;
};
struct sl_sf_batch {
        struct sl_sf_batch_opts opts;
        struct context *context; /* NULL: all lines are in the chunk */
        struct sl_buf chunk;
        size_t inside; /* bytes that zstd may hold back */
        struct sl_sf_body body;
        int64_t since;
        size_t mark_every;
};

/* ---- contexts ---- */

struct sl_sf_zpool *sl_sf_zpool_new(int level)
{
        struct sl_sf_zpool *p = sl_calloc(1, sizeof(*p));
        p->level = level ? level : 1;
        return p;
}

void sl_sf_zpool_free(struct sl_sf_zpool *p)
{
        if (!p)
                return;
        for (struct context *c = p->free, *next; c; c = next) {
                next = c->next;
                ZSTD_freeCCtx(c->zstd);
                free(c);
        }
        ZSTD_freeDCtx(p->reader);
        free(p);
}

size_t sl_sf_zpool_bytes(const struct sl_sf_zpool *p)
{
        return p->count * p->bytes_each;
}

static enum sl_rc zstd_failed(size_t code, struct sl_err *err)
{
        return sl_fail(err, SL_E_IO, "zstd could not compress a batch: %s", ZSTD_getErrorName(code));
}

static enum sl_rc lease(struct sl_sf_zpool *p, struct context **ret, struct sl_err *err)
{
        struct context *c = p->free;
        if (!c) {
                c = sl_calloc(1, sizeof(*c));
                c->zstd = ZSTD_createCCtx();
                size_t code = c->zstd ? ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_compressionLevel, p->level) : (size_t)-1;
                if (!ZSTD_isError(code))
                        code = ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_windowLog, WINDOW_LOG);
                if (ZSTD_isError(code)) {
                        ZSTD_freeCCtx(c->zstd);
                        free(c);
                        return zstd_failed(code, err);
                }
                p->count++;
        } else {
                p->free = c->next;
        }
        ZSTD_CCtx_reset(c->zstd, ZSTD_reset_session_only);
        *ret = c;
        return SL_OK;
}

static void give_back(struct sl_sf_zpool *p, struct context *c)
{
        if (!c)
                return;
        size_t size = ZSTD_sizeof_CCtx(c->zstd);
        p->bytes_each = size > p->bytes_each ? size : p->bytes_each;
        c->next = p->free;
        p->free = c;
}

static enum sl_rc compress(struct context *c, const char *from, size_t n, ZSTD_EndDirective end, struct sl_buf *out,
                           struct sl_err *err)
{
        ZSTD_inBuffer in = {from, n, 0};
        for (;;) {
                if (!sl_buf_room(out, 32768))
                        return sl_fail(err, SL_E_IO, "No memory for a batch of rows");
                ZSTD_outBuffer to = {out->ptr + out->len, out->cap - out->len, 0};
                size_t left = ZSTD_compressStream2(c->zstd, &to, &in, end);
                out->len += to.pos;
                if (ZSTD_isError(left))
                        return zstd_failed(left, err);
                if (in.pos == in.size && (end == ZSTD_e_continue ? to.pos < to.size : left == 0))
                        return SL_OK;
        }
}

/* ---- bodies ---- */

void sl_sf_body_free(struct sl_sf_body *b)
{
        sl_buf_free(&b->data);
        free(b->marks);
        *b = (struct sl_sf_body){0};
}

/* Remember a place to cut at; when there are many, only every other stays. */
static void mark(struct sl_sf_batch *b)
{
        struct sl_sf_body *body = &b->body;
        size_t last = body->mark_count ? body->marks[body->mark_count - 1].raw : 0;
        if (body->raw_len - last < b->mark_every)
                return;
        if (body->mark_count == MARKS_MAX) {
                for (uint32_t i = 0; i < MARKS_MAX / 2; i++)
                        body->marks[i] = body->marks[2 * i + 1];
                body->mark_count = MARKS_MAX / 2;
                b->mark_every *= 2;
        }
        if (!body->marks)
                body->marks = sl_calloc(body->mark_cap = MARKS_MAX, sizeof(*body->marks));
        body->marks[body->mark_count++] = (struct sl_sf_mark){body->last, body->rows, body->raw_len};
}

struct sl_sf_batch *sl_sf_batch_new(const struct sl_sf_batch_opts *opts)
{
        struct sl_sf_batch *b = sl_calloc(1, sizeof(*b));
        b->opts = *opts;
        if (!b->opts.max_body)
                b->opts.max_body = 3800000;
        if (!b->opts.hard_body)
                b->opts.hard_body = 4000000;
        if (!b->opts.max_raw)
                b->opts.max_raw = 64u << 20;
        sl_sf_batch_drop(b);
        return b;
}

void sl_sf_batch_drop(struct sl_sf_batch *b)
{
        give_back(b->opts.pool, b->context);
        b->context = NULL;
        b->inside = 0;
        sl_buf_clear(&b->chunk);
        sl_sf_body_free(&b->body);
        b->since = INT64_MAX;
        b->mark_every = CHUNK;
}

void sl_sf_batch_free(struct sl_sf_batch *b)
{
        if (!b)
                return;
        sl_sf_batch_drop(b);
        sl_buf_free(&b->chunk);
        free(b);
}

uint64_t sl_sf_batch_rows(const struct sl_sf_batch *b)
{
        return b->body.rows;
}

size_t sl_sf_batch_raw(const struct sl_sf_batch *b)
{
        return b->body.raw_len;
}

/* What the body would have at most if it ended now, with n more bytes. */
static size_t at_most(const struct sl_sf_batch *b, size_t n)
{
        return b->body.data.len + ZSTD_compressBound(b->inside + b->chunk.len + n) + 64;
}

static bool counted_out(const struct sl_sf_batch *b, size_t more)
{
        return (b->opts.max_rows && b->body.rows >= b->opts.max_rows) || b->body.raw_len + more > b->opts.max_raw;
}

bool sl_sf_batch_full(const struct sl_sf_batch *b)
{
        return b->body.rows && (counted_out(b, 1) || at_most(b, 0) > b->opts.max_body);
}

int64_t sl_sf_batch_since(const struct sl_sf_batch *b)
{
        return b->since;
}

size_t sl_sf_batch_bytes(const struct sl_sf_batch *b)
{
        return b->chunk.cap + b->body.data.cap + (b->context ? b->opts.pool->bytes_each : 0);
}

/* The chunk, or a long line instead of it, into the frame. */
static enum sl_rc stream(struct sl_sf_batch *b, const char *p, size_t n, ZSTD_EndDirective end, struct sl_err *err)
{
        if (!b->context)
                SL_TRY(lease(b->opts.pool, &b->context, err));
        SL_TRY(compress(b->context, p, n, end, &b->body.data, err));
        b->inside = end != ZSTD_e_continue ? 0 : b->inside + n < BLOCK ? b->inside + n : BLOCK;
        return SL_OK;
}

static enum sl_rc stream_chunk(struct sl_sf_batch *b, ZSTD_EndDirective end, struct sl_err *err)
{
        SL_TRY(stream(b, b->chunk.ptr ? b->chunk.ptr : "", b->chunk.len, end, err));
        sl_buf_clear(&b->chunk);
        return SL_OK;
}

static sl_cold enum sl_rc too_large(struct sl_sf_batch *b, struct sl_str line, struct sl_err *err)
{
        size_t compressed = b->body.data.len, longest = 0;
        struct sl_str name = sl_sf_row_largest(line, &longest);
        sl_sf_batch_drop(b);
        return sl_fail(err, SL_E_TOO_LARGE,
                       "The row is too large for Snowpipe Streaming: %zu bytes of JSON, %zu compressed, and a request "
                       "may have %zu. Its "
                       "largest column is %.*s with %zu bytes",
                       line.len - 1, compressed, b->opts.hard_body,
                       (int)(name.len < NAME_MAX_SHOWN ? name.len : NAME_MAX_SHOWN), name.ptr, longest);
}

enum sl_rc sl_sf_batch_add(struct sl_sf_batch *b, struct sl_str line, int64_t offset, int64_t now_ms, bool *ret_full,
                           struct sl_err *err)
{
        struct sl_sf_body *body = &b->body;
        *ret_full = body->rows && (counted_out(b, line.len) || at_most(b, line.len) > b->opts.max_body);
        if (*ret_full)
                return SL_OK;
        if (b->chunk.len + line.len > CHUNK && b->chunk.len)
                SL_TRY(stream_chunk(b, ZSTD_e_continue, err));
        if (line.len > CHUNK)
                SL_TRY(stream(b, line.ptr, line.len, body->rows ? ZSTD_e_continue : ZSTD_e_flush, err));
        else
                sl_buf_add(&b->chunk, line.ptr, line.len);
        if (!body->rows && body->data.len + 16 > b->opts.hard_body)
                return too_large(b, line, err);
        if (!sl_buf_ok(&b->chunk))
                return sl_fail(err, SL_E_IO, "No memory for a batch of rows");
        if (!body->rows) {
                body->first = offset;
                b->since = now_ms;
        }
        body->last = offset;
        body->rows++;
        body->raw_len += line.len;
        mark(b);
        return SL_OK;
}

void sl_sf_batch_cover(struct sl_sf_batch *b, int64_t offset)
{
        if (b->body.rows && offset > b->body.last)
                b->body.last = offset;
}

enum sl_rc sl_sf_batch_take(struct sl_sf_batch *b, struct sl_sf_body *ret, struct sl_err *err)
{
        if (!b->body.rows)
                return sl_fail(err, SL_E_INTERNAL, "A batch without rows was to be sent");
        SL_TRY(stream_chunk(b, ZSTD_e_end, err));
        *ret = b->body;
        b->body = (struct sl_sf_body){0};
        sl_sf_batch_drop(b);
        return SL_OK;
}

/* ---- cutting ---- */

static enum sl_rc decompress(struct sl_sf_zpool *p, const struct sl_sf_body *body, struct sl_buf *raw,
                             struct sl_err *err)
{
        if (!p->reader)
                p->reader = ZSTD_createDCtx();
        if (!p->reader || !sl_buf_room(raw, body->raw_len))
                return sl_fail(err, SL_E_IO, "No memory to cut a batch of rows");
        size_t n = ZSTD_decompressDCtx(p->reader, raw->ptr, body->raw_len, body->data.ptr, body->data.len);
        if (ZSTD_isError(n) || n != body->raw_len)
                return sl_fail(err, SL_E_INTERNAL, "A batch of rows could not be read again: %s",
                               ZSTD_isError(n) ? ZSTD_getErrorName(n) : "wrong length");
        raw->len = n;
        return SL_OK;
}

/* The mark nearest to the middle that leaves something on both sides; NULL = none. */
static const struct sl_sf_mark *middle(const struct sl_sf_body *body)
{
        const struct sl_sf_mark *best = NULL;
        size_t nearest = SIZE_MAX;
        for (uint32_t i = 0; i < body->mark_count; i++) {
                const struct sl_sf_mark *m = &body->marks[i];
                size_t away = m->raw > body->raw_len / 2 ? m->raw - body->raw_len / 2 : body->raw_len / 2 - m->raw;
                if (m->raw >= body->raw_len || away >= nearest)
                        continue;
                nearest = away;
                best = m;
        }
        return best;
}

/* One side: lines from up to to, marks with them. */
static enum sl_rc side(struct sl_sf_zpool *p, const struct sl_sf_body *body, const struct sl_buf *raw,
                       struct sl_sf_mark from, struct sl_sf_mark to, struct sl_sf_body *ret, struct sl_err *err)
{
        struct context *c;
        *ret = (struct sl_sf_body){
                .raw_len = to.raw - from.raw, .rows = to.rows - from.rows, .first = from.offset, .last = to.offset};
        ret->marks = sl_calloc(ret->mark_cap = MARKS_MAX, sizeof(*ret->marks));
        for (uint32_t i = 0; i < body->mark_count; i++) {
                struct sl_sf_mark m = body->marks[i];
                if (m.raw > from.raw && m.raw < to.raw)
                        ret->marks[ret->mark_count++] =
                                (struct sl_sf_mark){m.offset, m.rows - from.rows, m.raw - from.raw};
        }
        SL_TRY(lease(p, &c, err));
        enum sl_rc rc = compress(c, raw->ptr + from.raw, ret->raw_len, ZSTD_e_end, &ret->data, err);
        give_back(p, c);
        return rc;
}

enum sl_rc sl_sf_body_split(struct sl_sf_zpool *p, struct sl_sf_body *body, struct sl_sf_body *left,
                            struct sl_sf_body *right, struct sl_err *err)
{
        const struct sl_sf_mark *cut = middle(body);
        struct sl_buf raw = {0};
        if (!cut) {
                enum sl_rc rc = sl_fail(err, SL_E_TOO_LARGE,
                                        "A request of %zu bytes (%llu rows) is refused as too large, and can't be cut",
                                        body->data.len, (unsigned long long)body->rows);
                if (err)
                        err->scope = SL_SCOPE_BATCH;
                return rc;
        }
        struct sl_sf_mark start = {.offset = body->first}, end = {body->last, body->rows, body->raw_len}, after = *cut;
        after.offset++; /* what lies between is the right side's */
        enum sl_rc rc = decompress(p, body, &raw, err);
        if (rc == SL_OK)
                rc = side(p, body, &raw, start, *cut, left, err);
        if (rc == SL_OK)
                rc = side(p, body, &raw, after, end, right, err);
        sl_buf_free(&raw);
        if (rc == SL_OK)
                sl_sf_body_free(body);
        return rc;
}
