/* SPDX-License-Identifier: Apache-2.0 */
/* Streamed transactions until they end: see spool.h. A transaction is one run of bytes: the front may be in a file, the
 * rest is in memory, and both end between messages.
 *
 * Subtransactions nest, and a parent gets its xid before its children: from a subtransaction's first message until it
 * aborts, all messages are its own or its descendants', which have later xids and abort with it. So an abort cuts the
 * run at that first message, and forgets this and all later xids. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "connectors/postgres/spool.h"

#define HEAD 12           /* of a message: length and LSN */
#define PART (256u << 10) /* read from a file at once */

struct sub {
        uint32_t xid;
        uint64_t start; /* of its first message */
};
struct txn {
        struct txn *next;
        uint32_t xid;
        int fd; /* -1 = no file yet */
        uint64_t filed, first; /* first: LSN of its first message (a Relation's is 0) */
        struct sl_buf tail;
        struct sub *subs; /* by xid */
        uint32_t sub_count, sub_cap;
};
struct sl_pg_spool {
        size_t memory, in_memory;
        uint64_t on_disk;
        const char *directory;
        struct txn *txns, *ended; /* ended: messages of these may be in use */
        struct txn *block;
        struct txn *replay;
        uint64_t read; /* of the replayed file */
        struct sl_buf part;
        size_t at; /* in part, or in the tail when all of the file is read */
};

struct sl_pg_spool *sl_pg_spool_new(size_t memory, const char *directory)
{
        struct sl_pg_spool *sp = sl_calloc(1, sizeof(*sp));
        sp->memory = memory;
        sp->directory = directory;
        return sp;
}

static void free_txns(struct txn **list)
{
        for (struct txn *x = *list, *next; x; x = next) {
                next = x->next;
                if (x->fd >= 0)
                        close(x->fd);
                sl_buf_free(&x->tail);
                free(x->subs);
                free(x);
        }
        *list = NULL;
}

void sl_pg_spool_free(struct sl_pg_spool *sp)
{
        if (!sp)
                return;
        free_txns(&sp->txns);
        free_txns(&sp->ended);
        sl_buf_free(&sp->part);
        free(sp);
}

uint64_t sl_pg_spool_bytes(const struct sl_pg_spool *sp)
{
        return sp->in_memory + sp->on_disk;
}

/* The place in the list that points at it, or at NULL. */
static struct txn **find(struct sl_pg_spool *sp, uint32_t xid)
{
        struct txn **p = &sp->txns;
        while (*p && (*p)->xid != xid)
                p = &(*p)->next;
        return p;
}

/* Take it out; its memory goes with the next tidy. */
static void retire(struct sl_pg_spool *sp, struct txn **place)
{
        struct txn *x = *place;
        *place = x->next;
        x->next = sp->ended;
        sp->ended = x;
        sp->in_memory -= x->tail.len;
        sp->on_disk -= x->filed;
        if (sp->block == x)
                sp->block = NULL;
}

void sl_pg_spool_clear(struct sl_pg_spool *sp)
{
        while (sp->txns)
                retire(sp, &sp->txns);
        sp->replay = NULL;
}

void sl_pg_spool_tidy(struct sl_pg_spool *sp)
{
        if (sl_unlikely(sp->ended != NULL))
                free_txns(&sp->ended);
}

/* ---- writing ---- */

static enum sl_rc disk_failed(const struct sl_pg_spool *sp, const char *what, struct sl_err *err)
{
        return sl_fail(err, SL_E_PG_SPOOL,
                       "a large transaction could not be kept in %s: %s: %s. Make room there, set "
                       "sluice.spool.directory to a larger disk, or set sluice.protocol.streaming to false so that the "
                       "server keeps it; nothing is lost, the server sends it again",
                       sp->directory, what, strerror(errno));
}

static enum sl_rc open_file(const struct sl_pg_spool *sp, struct txn *x, struct sl_err *err)
{
        char path[4200];
        x->fd = open(sp->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (x->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
                snprintf(path, sizeof(path), "%.4100s/sluice-spool-XXXXXX", sp->directory);
                x->fd = mkostemp(path, O_CLOEXEC);
                if (x->fd >= 0)
                        unlink(path);
        }
        return x->fd < 0 ? disk_failed(sp, "a file could not be made", err) : SL_OK;
}

static enum sl_rc append(struct sl_pg_spool *sp, struct txn *x, const char *p, size_t n, struct sl_err *err)
{
        if (x->fd < 0)
                SL_TRY(open_file(sp, x, err));
        for (size_t done = 0; done < n;) {
                ssize_t k = pwrite(x->fd, p + done, n - done, (off_t)(x->filed + done));
                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return disk_failed(sp, "writing", err);
                done += (size_t)k;
        }
        x->filed += n;
        sp->on_disk += n;
        return SL_OK;
}

static enum sl_rc spill(struct sl_pg_spool *sp, struct txn *x, struct sl_err *err)
{
        if (x->tail.len)
                SL_TRY(append(sp, x, x->tail.ptr, x->tail.len, err));
        sp->in_memory -= x->tail.len;
        sl_buf_free(&x->tail);
        return SL_OK;
}

static enum sl_rc make_room(struct sl_pg_spool *sp, size_t n, struct sl_err *err)
{
        while (sp->in_memory && sp->in_memory + n > sp->memory) {
                struct txn *largest = NULL;
                for (struct txn *x = sp->txns; x; x = x->next)
                        if (x->tail.len && (!largest || x->tail.len > largest->tail.len))
                                largest = x;
                if (!largest)
                        break;
                SL_TRY(spill(sp, largest, err));
        }
        return SL_OK;
}

enum sl_rc sl_pg_spool_block(struct sl_pg_spool *sp, uint32_t xid, bool first, struct sl_err *err)
{
        struct txn **place = find(sp, xid);
        if (first == (*place != NULL))
                return sl_fail(err, SL_E_PG_PROTOCOL, "a block of streamed transaction %u came out of order", xid);
        if (first) {
                struct txn *x = sl_calloc(1, sizeof(*x));
                x->xid = xid;
                x->fd = -1;
                *place = x;
        }
        sp->block = *place;
        return SL_OK;
}

static bool before(uint32_t a, uint32_t b)
{
        return (int32_t)(a - b) < 0; /* xids wrap */
}

/* Where it is in subs, or belongs. */
static uint32_t sub_index(const struct txn *x, uint32_t xid)
{
        uint32_t low = 0, high = x->sub_count;
        if (high && x->subs[high - 1].xid == xid)
                return high - 1;
        while (low < high) {
                uint32_t mid = low + (high - low) / 2;
                if (before(x->subs[mid].xid, xid))
                        low = mid + 1;
                else
                        high = mid;
        }
        return low;
}

static void note_sub(struct txn *x, uint32_t xid)
{
        uint32_t i = sub_index(x, xid);
        if (i < x->sub_count && x->subs[i].xid == xid)
                return;
        if (x->sub_count == x->sub_cap) {
                x->sub_cap = x->sub_cap ? x->sub_cap * 2 : 16;
                x->subs = sl_realloc(x->subs, x->sub_cap * sizeof(*x->subs));
        }
        memmove(x->subs + i + 1, x->subs + i, (x->sub_count - i) * sizeof(*x->subs));
        x->subs[i] = (struct sub){xid, x->filed + x->tail.len};
        x->sub_count++;
}

enum sl_rc sl_pg_spool_add(struct sl_pg_spool *sp, uint32_t xid, uint64_t lsn, char kind, struct sl_str rest,
                           struct sl_err *err)
{
        struct txn *x = sp->block;
        char head[HEAD + 1];
        uint32_t len = (uint32_t)rest.len + 1;
        size_t need = HEAD + len;
        if (!x)
                return sl_fail(err, SL_E_PG_PROTOCOL, "a message came outside of a streamed transaction's block");
        if (xid != x->xid)
                note_sub(x, xid);
        if (sl_unlikely(!x->first))
                x->first = lsn;
        memcpy(head, &len, 4);
        memcpy(head + 4, &lsn, 8);
        head[HEAD] = kind;
        SL_TRY(make_room(sp, need, err));
        if (sl_unlikely(need > sp->memory)) { /* one that memory is not there for */
                SL_TRY(spill(sp, x, err));
                SL_TRY(append(sp, x, head, sizeof(head), err));
                return append(sp, x, rest.ptr, rest.len, err);
        }
        sl_buf_add(&x->tail, head, sizeof(head));
        sl_buf_add_str(&x->tail, rest);
        sp->in_memory += need;
        return sl_buf_ok(&x->tail) ? SL_OK : sl_fail(err, SL_E_PG_SPOOL, "a large transaction passes 1 GiB of memory");
}

enum sl_rc sl_pg_spool_abort(struct sl_pg_spool *sp, uint32_t xid, uint32_t sub, struct sl_err *err)
{
        struct txn **place = find(sp, xid), *x = *place;
        if (!x)
                return SL_OK;
        if (sub == xid) {
                retire(sp, place);
                return SL_OK;
        }
        uint32_t i = sub_index(x, sub);
        if (i == x->sub_count || x->subs[i].xid != sub)
                return SL_OK;
        uint64_t end = x->filed + x->tail.len; /* a child's abort may have cut off its parent's start already */
        uint64_t start = x->subs[i].start < end ? x->subs[i].start : end;
        for (uint32_t k = i + 1; k < x->sub_count; k++)
                start = x->subs[k].start < start ? x->subs[k].start : start;
        x->sub_count = i;
        sp->in_memory -= x->tail.len;
        x->tail.len = start > x->filed ? (size_t)(start - x->filed) : 0;
        sp->in_memory += x->tail.len;
        if (start >= x->filed)
                return SL_OK;
        if (ftruncate(x->fd, (off_t)start) != 0)
                return disk_failed(sp, "cutting off", err);
        sp->on_disk -= x->filed - start;
        x->filed = start;
        return SL_OK;
}

bool sl_pg_spool_subs(struct sl_pg_spool *sp, uint32_t xid, struct sl_buf *out)
{
        const struct txn *x = *find(sp, xid);
        if (!x || !x->sub_count)
                return false;
        for (uint32_t i = 0; i < x->sub_count; i++)
                sl_buf_printf(out, "%c%u", i ? ',' : '{', x->subs[i].xid);
        sl_buf_addc(out, '}');
        return true;
}

/* ---- reading ---- */

enum sl_rc sl_pg_spool_replay(struct sl_pg_spool *sp, uint32_t xid, bool *ret_empty, uint64_t *ret_first,
                              struct sl_err *err)
{
        sp->replay = *find(sp, xid);
        sp->read = 0;
        sp->at = 0;
        sp->part.len = 0;
        if (!sp->replay)
                return sl_fail(err, SL_E_PG_PROTOCOL, "streamed transaction %u committed, but was never sent", xid);
        *ret_empty = sp->replay->filed + sp->replay->tail.len == 0;
        *ret_first = sp->replay->first;
        return SL_OK;
}

/* Read on: what is left of a message in part comes first. */
static enum sl_rc refill(struct sl_pg_spool *sp, struct sl_err *err)
{
        struct txn *x = sp->replay;
        size_t left = sp->part.len - sp->at, want = PART;
        uint32_t len;
        if (left)
                memmove(sp->part.ptr, sp->part.ptr + sp->at, left);
        sp->part.len = left;
        sp->at = 0;
        if (left >= HEAD) {
                memcpy(&len, sp->part.ptr, 4);
                want = HEAD + (size_t)len - left > want ? HEAD + (size_t)len - left : want;
        }
        if (want > x->filed - sp->read)
                want = (size_t)(x->filed - sp->read);
        if (!sl_buf_room(&sp->part, want))
                return sl_fail(err, SL_E_PG_SPOOL, "a change of %zu bytes is too large to be read back", left + want);
        for (size_t done = 0; done < want;) {
                ssize_t k = pread(x->fd, sp->part.ptr + left + done, want - done, (off_t)(sp->read + done));
                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return disk_failed(sp, "reading back", err);
                done += (size_t)k;
        }
        sp->part.len += want;
        sp->read += want;
        return SL_OK;
}

/* The message at `at` of b, if it is whole. */
static bool take(const struct sl_buf *b, size_t *at, uint64_t *ret_lsn, struct sl_str *ret)
{
        uint32_t len;
        if (b->len - *at < HEAD)
                return false;
        memcpy(&len, b->ptr + *at, 4);
        if (b->len - *at - HEAD < len)
                return false;
        memcpy(ret_lsn, b->ptr + *at + 4, 8);
        *ret = (struct sl_str){b->ptr + *at + HEAD, len};
        *at += HEAD + (size_t)len;
        return true;
}

enum sl_rc sl_pg_spool_next(struct sl_pg_spool *sp, bool held, enum sl_pg_spool_step *ret, uint64_t *ret_lsn,
                            struct sl_str *ret_msg, struct sl_err *err)
{
        struct txn *x = sp->replay;
        *ret = SL_PG_SPOOL_ROW;
        while (sp->read < x->filed || sp->part.len) {
                if (sl_likely(sp->part.len && take(&sp->part, &sp->at, ret_lsn, ret_msg)))
                        return SL_OK;
                if (sp->read == x->filed) { /* the tail is next */
                        sp->part.len = sp->at = 0;
                        break;
                }
                if (held) {
                        *ret = SL_PG_SPOOL_HELD;
                        return SL_OK;
                }
                SL_TRY(refill(sp, err));
        }
        if (x->tail.len && take(&x->tail, &sp->at, ret_lsn, ret_msg))
                return SL_OK;
        *ret = SL_PG_SPOOL_END;
        sp->replay = NULL;
        retire(sp, find(sp, x->xid));
        return SL_OK;
}
