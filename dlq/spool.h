/* SPDX-License-Identifier: Apache-2.0 */
/* An unnamed temporary file in $TMPDIR (else /var/tmp): records are appended, then read again by their places. It is
 * gone with the process, however that ends. And a sorter of fixed-size entries that keeps a bounded part of them in
 * memory.
 * @thread one at a time. */
#ifndef SL_DLQ_SPOOL_H
#define SL_DLQ_SPOOL_H
#include "base/err.h"
#include "base/str.h"

struct sl_spool {
        int fd;            /* -1 = not opened yet: the first append does */
        int64_t size;      /* with what is still in out */
        struct sl_buf out; /* not written yet; lies at size - out.len */
        struct sl_buf in;  /* a window of the file */
        int64_t in_at;
        size_t used;       /* bytes of the window that were asked for */
};
/* Such a file by itself; the caller's to close. */
enum sl_rc sl_spool_file(int *ret_fd, struct sl_err *err);
#define SL_SPOOL_NEW ((struct sl_spool){.fd = -1})
/* *ret_at: where it lies. SL_E_IO says how much room is missing. */
enum sl_rc sl_spool_add(struct sl_spool *s, const void *bytes, size_t n, int64_t *ret_at, struct sl_err *err);
/* n bytes at a place, until the next call. Places in a row are read many at a time, others one by one. */
enum sl_rc sl_spool_read(struct sl_spool *s, int64_t at, size_t n, const char **ret, struct sl_err *err);
void sl_spool_free(struct sl_spool *s);

struct sl_sorter;
/* compare: as for qsort, over entries of this size. memory: bytes of entries to keep; the rest goes to a temporary
 * file. */
struct sl_sorter *sl_sorter_new(size_t entry_size, size_t memory, int (*compare)(const void *, const void *));
enum sl_rc sl_sorter_add(struct sl_sorter *s, const void *entry, struct sl_err *err);
/* After the last add: the entries in their order; NULL at the end. Each lives until the next call. */
enum sl_rc sl_sorter_next(struct sl_sorter *s, const void **ret, struct sl_err *err);
void sl_sorter_free(struct sl_sorter *s); /* NULL ok */
#endif
