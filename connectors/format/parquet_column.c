/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a column chunk: pages end by entries or bytes, a row group's end makes a chunk of them. What a page looks
 * like is in parquet_page.c, how it is encoded in parquet_choose.c, what is said about it in parquet_index.c. */
#include "connectors/format/parquet_column.h"

#define CHUNK_KEPT ((size_t)64 << 10)

static void clear_page(struct sl_pq_column *col)
{
        sl_buf_clear(&col->defs);
        sl_buf_clear(&col->reps);
        sl_buf_clear(&col->vals);
        sl_buf_clear(&col->lens);
}

void sl_pq_column_begin(struct sl_pq_column *col, const struct sl_pq_column_spec *spec, const struct sl_pq_pages *pages)
{
        col->spec = spec;
        clear_page(col);
        col->page_row = 0;
        sl_pq_dict_clear(&col->dict);
        col->encoding = SL_PQ_PLAIN;
        col->chosen = col->dict_on = false;
        col->packed_pages = pages->codec.codec != SL_CODEC_NONE;
        memset(col->used, 0, sizeof(col->used));
        sl_buf_clear(&col->chunk);
        col->uncompressed = col->entries = col->values = col->raw = 0;
        col->has_range = false;
        sl_buf_clear(&col->notes);
        sl_buf_clear(&col->bounds);
        sl_buf_clear(&col->hists);
        col->indexed = true;
        col->bloom_bytes = 0;
        if (spec->bloom)
                sl_pq_bloom_begin(&col->bloom, pages->bloom_bytes);
        else
                sl_pq_bloom_free(&col->bloom);
}

/* Entries of the page that belong to the rows before `row`. */
static size_t entries_before(const struct sl_pq_column *col, uint64_t row)
{
        uint64_t rows = row - col->page_row;
        if (!col->spec->max_rep)
                return rows;
        size_t at = 0;
        for (; at < col->reps.len; at++)
                if (col->reps.ptr[at] == 0 && rows-- == 0)
                        break;
        return at;
}

/* Values of the first n entries of the page. */
static size_t values_of(const struct sl_pq_column *col, size_t n)
{
        size_t values = 0;
        if (!col->spec->max_def)
                return n;
        for (size_t i = 0; i < n; i++)
                values += (uint8_t)col->defs.ptr[i] == col->spec->max_def;
        return values;
}

void sl_pq_column_rollback(struct sl_pq_column *col, uint64_t row)
{
        size_t keep = entries_before(col, row);
        if (keep < sl_pq_column_entries(col)) {
                size_t values = values_of(col, keep), staged = sl_pq_column_values(col);
                const uint32_t *lens = (const uint32_t *)(const void *)col->lens.ptr;
                if (col->spec->width)
                        col->vals.len = values * col->spec->width;
                for (size_t i = values; !col->spec->width && i < staged; i++)
                        col->vals.len -= lens[i];
                col->lens.len = col->spec->width ? 0 : values * 4;
                col->defs.len = col->spec->max_def ? keep : 0;
                col->reps.len = col->spec->max_rep ? keep : 0;
        }
}

enum sl_rc sl_pq_column_cut(struct sl_pq_column *col, struct sl_pq_pages *pages, uint64_t row, struct sl_err *err)
{
        if (sl_unlikely(col->defs.bad || col->reps.bad || col->vals.bad || col->lens.bad))
                return sl_fail(err, SL_E_IO, "No memory for a Parquet column");
        if (col->vals.len < pages->page_bytes && sl_pq_column_entries(col) < pages->page_rows)
                return SL_OK;
        SL_TRY(sl_pq_page_end(col, pages, row, false, err));
        clear_page(col);
        col->page_row = row;
        return SL_OK;
}

size_t sl_pq_column_bytes_held(const struct sl_pq_column *col)
{
        return col->chunk.len + col->dict.bytes.len + col->dict.offsets.len + col->vals.len + col->lens.len +
               col->defs.len + col->reps.len + col->notes.len + col->bounds.len + col->hists.len +
               (col->spec->bloom ? (size_t)col->bloom.blocks * 32 : 0);
}

size_t sl_pq_column_memory(const struct sl_pq_column *col)
{
        const struct sl_buf *bufs[] = {&col->chunk, &col->dict.bytes, &col->dict.offsets, &col->vals,   &col->lens,
                                       &col->defs,  &col->reps,       &col->notes,        &col->bounds, &col->hists};
        size_t sum = col->dict.nslots * sizeof(*col->dict.slots) + (col->spec->bloom ? (size_t)col->bloom.blocks * 32 : 0);
        for (size_t i = 0; i < sizeof(bufs) / sizeof(*bufs); i++)
                sum += bufs[i]->cap;
        return sum;
}

enum sl_rc sl_pq_column_finish(struct sl_pq_column *col, struct sl_pq_pages *pages, struct sl_buf *out, uint64_t *pos,
                               uint64_t rows, struct sl_err *err)
{
        if (col->defs.bad || col->reps.bad || col->vals.bad || col->lens.bad)
                return sl_fail(err, SL_E_IO, "No memory for a Parquet column");
        if (sl_pq_column_entries(col))
                SL_TRY(sl_pq_page_end(col, pages, rows, true, err));
        clear_page(col);
        size_t at = out->len;
        col->start = *pos;
        if (col->used[SL_PQ_DICTIONARY])
                SL_TRY(sl_pq_page_dictionary(col, pages, out, err));
        col->data_start = col->start + (out->len - at);
        sl_buf_add(out, col->chunk.ptr, col->chunk.len);
        if (!sl_buf_ok(out) || !sl_buf_ok(&col->chunk) || !sl_buf_ok(&col->notes) || !sl_buf_ok(&col->bounds) ||
            !sl_buf_ok(&col->hists))
                return sl_fail(err, SL_E_IO, "No memory for a Parquet row group");
        if (col->chunk.cap > CHUNK_KEPT) /* the next one begins small; other files can use the memory meanwhile */
                sl_buf_free(&col->chunk);
        col->packed = out->len - at;
        *pos += col->packed;
        return SL_OK;
}

void sl_pq_column_bloom(struct sl_pq_column *col, struct sl_buf *out, uint64_t *pos)
{
        if (!col->spec->bloom || !col->bloom.any)
                return;
        size_t at = out->len;
        sl_pq_bloom_put(&col->bloom, out);
        col->bloom_start = *pos;
        col->bloom_bytes = (uint32_t)(out->len - at);
        *pos += col->bloom_bytes;
}

void sl_pq_column_free(struct sl_pq_column *col)
{
        struct sl_buf *bufs[] = {&col->defs, &col->reps, &col->vals,  &col->lens,   &col->chunk,
                                 &col->min,  &col->max,  &col->notes, &col->bounds, &col->hists};
        for (size_t i = 0; i < sizeof(bufs) / sizeof(*bufs); i++)
                sl_buf_free(bufs[i]);
        sl_pq_dict_free(&col->dict);
        sl_pq_bloom_free(&col->bloom);
        *col = (struct sl_pq_column){0};
}
