/* SPDX-License-Identifier: Apache-2.0 */
/* Bump arena: memory by lifetime (task, batch), never freed singly. A reset keeps the chunks, so a batch
 * arena that has reached its working size allocates nothing any more. Not thread safe. */
#ifndef SL_BASE_ARENA_H
#define SL_BASE_ARENA_H
#include <stddef.h>
#include <stdint.h>
#include "base/str.h"

struct sl_arena_chunk;
struct sl_arena {
        char *cur, *end;                 /* free room in the current chunk */
        struct sl_arena_chunk *chunks;   /* newest (in use) first */
        struct sl_arena_chunk *spare;    /* kept by reset */
        size_t chunk_size;               /* 0 = 64 KiB */
        size_t used;                     /* bytes handed out since the last reset, counted per chunk */
        uint64_t resets;                 /* so many: what was kept of the memory before the last one is stale */
};

void sl_arena_init(struct sl_arena *a, size_t chunk_size);
void *sl_arena_alloc_slow(struct sl_arena *a, size_t n);
/* n bytes, 16-byte aligned, not zeroed; never NULL (aborts when the system has no memory: see err.h). */
static inline void *sl_arena_alloc(struct sl_arena *a, size_t n)
{
        n = (n + 15) & ~(size_t)15;
        if (sl_likely((size_t)(a->end - a->cur) > n - 1)) { /* n == 0 wraps: the slow path gives it a real address */
                void *p = a->cur;
                a->cur += n;
                return p;
        }
        return sl_arena_alloc_slow(a, n);
}
void *sl_arena_zalloc(struct sl_arena *a, size_t n);
char *sl_arena_strndup(struct sl_arena *a, const char *s, size_t n); /* NUL-terminated copy */
char *sl_arena_strdup(struct sl_arena *a, const char *s);
char *sl_arena_printf(struct sl_arena *a, const char *fmt, ...) sl_printf(2, 3);
/* Bytes handed out since the last reset. */
size_t sl_arena_used(const struct sl_arena *a);
void sl_arena_reset(struct sl_arena *a); /* frees nothing but oversized chunks */
void sl_arena_free(struct sl_arena *a);  /* accepts a zeroed struct */

#endif
