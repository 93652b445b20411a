/* SPDX-License-Identifier: Apache-2.0 */
/* Arena chunks. Regular chunks all have the arena's chunk size and survive a reset on the spare list; what passes
 * half of it gets a chunk of its own, which a reset frees. The newest regular chunk is the one cur and end point
 * into. Under AddressSanitizer a reset frees everything, so that a use after reset is caught. */
#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define DEFAULT_CHUNK ((size_t)64 * 1024)
#define LARGEST (SIZE_MAX / 4)

#if defined(__SANITIZE_ADDRESS__)
#define KEEP_CHUNKS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEP_CHUNKS false
#endif
#endif
#ifndef KEEP_CHUNKS
#define KEEP_CHUNKS true
#endif

struct sl_arena_chunk {
        struct sl_arena_chunk *next;
        size_t size; /* bytes of data */
        char data[];
};
static_assert(offsetof(struct sl_arena_chunk, data) % 16 == 0, "allocations are 16-byte aligned");

void sl_arena_init(struct sl_arena *a, size_t chunk_size)
{
        *a = (struct sl_arena){.chunk_size = chunk_size};
}

static struct sl_arena_chunk *new_chunk(struct sl_arena *a, size_t size)
{
        struct sl_arena_chunk *c = sl_malloc(sizeof(*c) + size);
        c->size = size;
        c->next = a->chunks;
        a->chunks = c;
        return c;
}

void *sl_arena_alloc_slow(struct sl_arena *a, size_t n)
{
        if (n > LARGEST)
                return sl_malloc(SIZE_MAX); /* aborts with the usual message */
        if (!n)
                n = 16;
        if (!a->chunk_size)
                a->chunk_size = DEFAULT_CHUNK;
        a->chunk_size = (a->chunk_size + 15) & ~(size_t)15;
        if (n > a->chunk_size / 2) {
                a->used += n;
                return new_chunk(a, n)->data;
        }
        a->used += a->end ? a->chunk_size - (size_t)(a->end - a->cur) : 0; /* the chunk that is left now */
        struct sl_arena_chunk *c = a->spare;
        if (c) {
                a->spare = c->next;
                c->next = a->chunks;
                a->chunks = c;
        } else {
                c = new_chunk(a, a->chunk_size);
        }
        a->cur = c->data + n;
        a->end = c->data + c->size;
        return c->data;
}

void *sl_arena_zalloc(struct sl_arena *a, size_t n)
{
        return memset(sl_arena_alloc(a, n), 0, n);
}

char *sl_arena_strndup(struct sl_arena *a, const char *s, size_t n)
{
        char *p = sl_arena_alloc(a, n + 1);
        if (n)
                memcpy(p, s, n);
        p[n] = '\0';
        return p;
}

char *sl_arena_strdup(struct sl_arena *a, const char *s)
{
        return sl_arena_strndup(a, s, strlen(s));
}

char *sl_arena_printf(struct sl_arena *a, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(NULL, 0, fmt, ap);
        va_end(ap);
        if (n < 0)
                return sl_arena_strdup(a, "");
        char *p = sl_arena_alloc(a, (size_t)n + 1);
        va_start(ap, fmt);
        vsnprintf(p, (size_t)n + 1, fmt, ap);
        va_end(ap);
        return p;
}

size_t sl_arena_used(const struct sl_arena *a)
{
        return a->used + (a->end ? a->chunk_size - (size_t)(a->end - a->cur) : 0);
}

void sl_arena_reset(struct sl_arena *a)
{
        struct sl_arena_chunk *c = a->chunks;
        while (c) {
                struct sl_arena_chunk *next = c->next;
                if (KEEP_CHUNKS && c->size == a->chunk_size) {
                        c->next = a->spare;
                        a->spare = c;
                } else {
                        free(c);
                }
                c = next;
        }
        a->chunks = NULL;
        a->cur = a->end = NULL;
        a->used = 0;
        a->resets++;
}

static void free_list(struct sl_arena_chunk *c)
{
        while (c) {
                struct sl_arena_chunk *next = c->next;
                free(c);
                c = next;
        }
}

void sl_arena_free(struct sl_arena *a)
{
        free_list(a->chunks);
        free_list(a->spare);
        *a = (struct sl_arena){.chunk_size = a->chunk_size};
}
