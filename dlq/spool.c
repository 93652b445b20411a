/* SPDX-License-Identifier: Apache-2.0 */
/* Temporary file and external sort (see spool.h). Runs are sorted in memory, written, and merged by reading each
 * through a window of its own. Does not compress and does not sync: nothing in it outlives the process. */
#include "dlq/spool.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define OUT_BYTES (256 << 10)
#define IN_BYTES (256 << 10)
#define IN_LEAST (4 << 10)
#define RUN_WINDOW 512 /* entries of one run in memory while merging */

enum sl_rc sl_spool_file(int *ret_fd, struct sl_err *err)
{
        const char *dir = getenv("TMPDIR");
        if (!dir || !*dir)
                dir = "/var/tmp";
        int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
                struct sl_buf name = {0};
                sl_buf_printf(&name, "%s/sluice-dlq-XXXXXX", dir);
                char *path = sl_strdup(sl_buf_cstr(&name));
                sl_buf_free(&name);
                fd = mkostemp(path, O_CLOEXEC);
                if (fd >= 0)
                        unlink(path);
                free(path);
        }
        if (fd < 0)
                return sl_fail(err, SL_E_IO,
                               "No temporary file can be made in %s: %s; set TMPDIR to a directory with room", dir,
                               strerror(errno));
        *ret_fd = fd;
        return SL_OK;
}

static enum sl_rc write_out(struct sl_spool *s, struct sl_err *err)
{
        int64_t at = s->size - (int64_t)s->out.len;
        if (s->fd < 0)
                SL_TRY(sl_spool_file(&s->fd, err));
        for (size_t done = 0; done < s->out.len;) {
                ssize_t n = pwrite(s->fd, s->out.ptr + done, s->out.len - done, at + (int64_t)done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return sl_fail(err, SL_E_IO,
                                       "The temporary file of %ld bytes can't grow: %s; set TMPDIR to a directory "
                                       "with room for the records that are to be replayed",
                                       at + (int64_t)done, strerror(errno));
                done += (size_t)n;
        }
        sl_buf_clear(&s->out);
        return SL_OK;
}

enum sl_rc sl_spool_add(struct sl_spool *s, const void *bytes, size_t n, int64_t *ret_at, struct sl_err *err)
{
        if (s->out.len && s->out.len + n > OUT_BYTES)
                SL_TRY(write_out(s, err));
        *ret_at = s->size;
        sl_buf_add(&s->out, bytes, n);
        if (!sl_buf_ok(&s->out))
                return sl_fail(err, SL_E_IO, "A record of %zu bytes is too large to be kept", n);
        s->size += (int64_t)n;
        return SL_OK;
}

/* A window twice as large as the last one where most of that was of use; else a small one: records of several partitions lie between
 * each other, and what is asked for next is not what stands next. */
static enum sl_rc fill(struct sl_spool *s, int64_t at, size_t n, struct sl_err *err)
{
        size_t want = s->used * 2 >= s->in.len ? s->in.len * 2 : IN_LEAST;
        want = want < IN_LEAST ? IN_LEAST : want > IN_BYTES ? IN_BYTES : want;
        want = want < n ? n : want;
        s->used = 0;
        sl_buf_clear(&s->in);
        if (!sl_buf_grow(&s->in, want))
                return sl_fail(err, SL_E_IO, "A record of %zu bytes is too large to be read again", n);
        s->in_at = at;
        while (s->in.len < n) {
                ssize_t got = pread(s->fd, s->in.ptr + s->in.len, want - s->in.len, at + (int64_t)s->in.len);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return sl_fail(err, SL_E_IO, "The temporary file can't be read: %s",
                                       got ? strerror(errno) : "it ends early");
                s->in.len += (size_t)got;
        }
        return SL_OK;
}

enum sl_rc sl_spool_read(struct sl_spool *s, int64_t at, size_t n, const char **ret, struct sl_err *err)
{
        if (s->out.len)
                SL_TRY(write_out(s, err));
        if (!s->in.len || at < s->in_at || at + (int64_t)n > s->in_at + (int64_t)s->in.len)
                SL_TRY(fill(s, at, n, err));
        s->used += n;
        *ret = s->in.ptr + (at - s->in_at);
        return SL_OK;
}

void sl_spool_free(struct sl_spool *s)
{
        if (s->fd >= 0)
                close(s->fd);
        sl_buf_free(&s->out);
        sl_buf_free(&s->in);
        *s = SL_SPOOL_NEW;
}

/* --- Sorting ---------------------------------------------------------------------------------------------------------
 */

struct run {
        int64_t at;  /* of what is not in the window yet */
        size_t left; /* entries there */
        char *window;
        size_t count, next; /* entries in it, and the next of them */
};
struct sl_sorter {
        size_t size, room;
        int (*compare)(const void *, const void *);
        char *entries; /* those that are not in a run */
        size_t count, next, cap;
        struct sl_spool file;
        struct run *runs;
        size_t run_count;
        struct run *given; /* its window holds what was returned last */
        bool merging;
};

struct sl_sorter *sl_sorter_new(size_t entry_size, size_t memory, int (*compare)(const void *, const void *))
{
        struct sl_sorter *s = sl_calloc(1, sizeof(*s));
        s->size = entry_size;
        s->room = memory / entry_size;
        s->compare = compare;
        s->file = SL_SPOOL_NEW;
        return s;
}

static enum sl_rc end_run(struct sl_sorter *s, struct sl_err *err)
{
        qsort(s->entries, s->count, s->size, s->compare);
        s->runs = sl_realloc(s->runs, (s->run_count + 1) * sizeof(*s->runs));
        struct run *r = &s->runs[s->run_count++];
        *r = (struct run){.at = s->file.size, .left = s->count};
        int64_t at;
        for (size_t i = 0; i < s->count; i++)
                SL_TRY(sl_spool_add(&s->file, s->entries + i * s->size, s->size, &at, err));
        s->count = 0;
        return SL_OK;
}

enum sl_rc sl_sorter_add(struct sl_sorter *s, const void *entry, struct sl_err *err)
{
        if (s->count == s->cap && s->cap < s->room) {
                s->cap = s->cap ? s->cap * 2 : 1024;
                s->cap = s->cap > s->room ? s->room : s->cap;
                s->entries = sl_realloc(s->entries, s->cap * s->size);
        }
        if (s->count == s->cap)
                SL_TRY(end_run(s, err));
        memcpy(s->entries + s->count++ * s->size, entry, s->size);
        return SL_OK;
}

static enum sl_rc refill(struct sl_sorter *s, struct run *r, struct sl_err *err)
{
        size_t n = r->left < RUN_WINDOW ? r->left : RUN_WINDOW;
        const char *bytes;
        r->count = r->next = 0;
        if (!n)
                return SL_OK;
        SL_TRY(sl_spool_read(&s->file, r->at, n * s->size, &bytes, err));
        memcpy(r->window, bytes, n * s->size);
        r->at += (int64_t)(n * s->size);
        r->left -= n;
        r->count = n;
        return SL_OK;
}

static enum sl_rc begin(struct sl_sorter *s, struct sl_err *err)
{
        s->merging = true;
        if (!s->run_count) {
                if (s->count)
                        qsort(s->entries, s->count, s->size, s->compare);
                return SL_OK;
        }
        if (s->count)
                SL_TRY(end_run(s, err));
        free(s->entries);
        s->entries = NULL;
        for (size_t i = 0; i < s->run_count; i++) {
                s->runs[i].window = sl_malloc(RUN_WINDOW * s->size);
                SL_TRY(refill(s, &s->runs[i], err));
        }
        return SL_OK;
}

enum sl_rc sl_sorter_next(struct sl_sorter *s, const void **ret, struct sl_err *err)
{
        struct run *best = NULL;
        *ret = NULL;
        if (!s->merging)
                SL_TRY(begin(s, err));
        if (!s->run_count) {
                if (s->next < s->count)
                        *ret = s->entries + s->next++ * s->size;
                return SL_OK;
        }
        if (s->given && s->given->next == s->given->count)
                SL_TRY(refill(s, s->given, err));
        for (size_t i = 0; i < s->run_count; i++) {
                struct run *r = &s->runs[i];
                if (r->next < r->count &&
                    (!best || s->compare(r->window + r->next * s->size, best->window + best->next * s->size) < 0))
                        best = r;
        }
        s->given = best;
        if (best)
                *ret = best->window + best->next++ * s->size;
        return SL_OK;
}

void sl_sorter_free(struct sl_sorter *s)
{
        if (!s)
                return;
        for (size_t i = 0; i < s->run_count; i++)
                free(s->runs[i].window);
        free(s->runs);
        free(s->entries);
        sl_spool_free(&s->file);
        free(s);
}
