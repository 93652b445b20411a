/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: the record array, the arena and the adopted buffers. Knows nothing of where records come from or go. */
#include "record/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define FIRST_RECORDS 64

void sl_batch_init(struct sl_batch *b, uint32_t max_records, size_t max_bytes)
{
        *b = (struct sl_batch){.max_records = max_records ? max_records : UINT32_MAX,
                               .max_bytes = max_bytes ? max_bytes : SIZE_MAX};
        sl_arena_init(&b->arena, 0);
}

static sl_cold void grow_records(struct sl_batch *b)
{
        b->cap = b->cap ? b->cap * 2 : FIRST_RECORDS;
        b->records = sl_realloc(b->records, (size_t)b->cap * sizeof(*b->records));
}

struct sl_record *sl_batch_add(struct sl_batch *b)
{
        if (sl_unlikely(b->count == b->cap))
                grow_records(b);
        struct sl_record *rec = &b->records[b->count++];
        *rec = (struct sl_record){.partition = -1, .offset = -1, .timestamp_ms = -1};
        return rec;
}

void sl_batch_adopt(struct sl_batch *b, void *ptr, void (*release)(void *), size_t bytes)
{
        if (sl_unlikely(b->adopted_count == b->adopted_cap)) {
                b->adopted_cap = b->adopted_cap ? b->adopted_cap * 2 : FIRST_RECORDS;
                b->adopted = sl_realloc(b->adopted, (size_t)b->adopted_cap * sizeof(*b->adopted));
        }
        b->adopted[b->adopted_count++] = (struct sl_adopted){release, ptr};
        b->bytes += bytes;
}

void sl_batch_reset(struct sl_batch *b)
{
        for (uint32_t i = 0; i < b->adopted_count; i++)
                b->adopted[i].release(b->adopted[i].ptr);
        b->adopted_count = 0;
        b->count = 0;
        b->bytes = 0;
        b->has_position = b->keep_open = b->behind = b->boundary = false;
        b->position = (struct sl_position){0};
        sl_arena_reset(&b->arena);
}

void sl_batch_free(struct sl_batch *b)
{
        sl_batch_reset(b);
        sl_arena_free(&b->arena);
        free(b->records);
        free(b->adopted);
        *b = (struct sl_batch){0};
}
