/* SPDX-License-Identifier: Apache-2.0 */
/* Pages (apache/parquet-format, README.md and parquet.thrift):
 *   chunk    [dictionary page] data page ...; a page is its PageHeader (Thrift) and its body
 *   v1 body  compressed: [u32 length, rep levels] [u32 length, def levels] values
 *   v2 body  rep levels, def levels, compressed values (as they are when that is not smaller)
 *   values   in their encoding; of a dictionary one byte of bit width and hybrid runs of indexes
 * The checksum is that of the body as it is stored. */
#include "connectors/format/parquet_column.h"
#include "connectors/format/parquet_stats.h"

enum { PAGE_DATA = 0, PAGE_DICTIONARY = 2, PAGE_DATA_V2 = 3 }; /* PageType */
enum { HEADER_DATA = 5, HEADER_DICTIONARY = 7, HEADER_DATA_V2 = 8 };

void sl_pq_encode_values(const struct sl_pq_column_spec *spec, enum sl_pq_encoding encoding, const struct sl_buf *vals,
                         const struct sl_buf *lens, size_t n, struct sl_buf *scratch, struct sl_buf *out)
{
        const char *p = vals->ptr;
        const uint32_t *len = (const uint32_t *)(const void *)lens->ptr;
        size_t total = (size_t)n * spec->width;
        if (n == 0)
                return;
        switch (encoding) {
        case SL_PQ_PLAIN:
                if (spec->type == SL_PQ_BOOLEAN)
                        sl_pq_pack_bools(out, (const uint8_t *)p, n);
                else if (spec->width)
                        sl_buf_add(out, p, total);
                else
                        sl_pq_plain_bytes(out, p, len, n);
                return;
        case SL_PQ_RLE:
                sl_pq_levels(out, (const uint8_t *)p, n, 1);
                return;
        case SL_PQ_DELTA_BINARY:
                if (spec->width == 4)
                        sl_pq_delta32(out, (const int32_t *)(const void *)p, n);
                else
                        sl_pq_delta64(out, (const int64_t *)(const void *)p, n);
                return;
        case SL_PQ_DELTA_LENGTH:
                for (size_t i = 0; i < n; i++)
                        total += len[i];
                sl_pq_delta32(out, (const int32_t *)(const void *)len, n);
                sl_buf_add(out, p, total);
                return;
        case SL_PQ_DELTA_BYTES:
                sl_pq_delta_bytes(out, p, len, n, scratch);
                return;
        case SL_PQ_SPLIT:
                sl_pq_split(out, p, n, spec->width);
                return;
        case SL_PQ_DICTIONARY:
        case SL_PQ_ENCODINGS:
                return;
        }
}

static unsigned index_width(const struct sl_pq_column *col)
{
        return sl_pq_width(col->dict.count ? col->dict.count - 1 : 0);
}

static enum sl_rc no_memory(struct sl_err *err)
{
        return sl_fail(err, SL_E_IO, "No memory for a Parquet page");
}

/* The page's values to pages->body; *ret: their encoding. */
static enum sl_rc encode_page(struct sl_pq_column *col, struct sl_pq_pages *pages, size_t values, int32_t *ret,
                              struct sl_err *err)
{
        if (!col->dict_on) {
                /* Readers want the heads of other encodings even where no value follows. */
                *ret = values ? col->encoding : SL_PQ_PLAIN;
                sl_pq_encode_values(col->spec, (enum sl_pq_encoding)col->encoding, &col->vals, &col->lens, values,
                                    &pages->scratch, &pages->body);
                return SL_OK;
        }
        sl_buf_clear(&pages->idx);
        if (!sl_buf_room(&pages->idx, values * 4 + 4))
                return no_memory(err);
        uint32_t *idx = (uint32_t *)(void *)pages->idx.ptr;
        sl_pq_dict_index(&col->dict, col->spec->width, col->vals.ptr, (const uint32_t *)(const void *)col->lens.ptr,
                         values, idx);
        if (col->dict.bytes.bad || col->dict.offsets.bad)
                return no_memory(err);
        *ret = SL_PQ_DICTIONARY;
        sl_buf_addc(&pages->body, (char)index_width(col));
        sl_pq_hybrid(&pages->body, idx, 4, values, index_width(col));
        return SL_OK;
}

static void put_levels(const struct sl_pq_column *col, bool v2, struct sl_buf *out, uint32_t *rep_len)
{
        const struct sl_buf *levels[] = {&col->reps, &col->defs};
        const uint8_t max[] = {col->spec->max_rep, col->spec->max_def};
        for (int i = 0; i < 2; i++) {
                if (max[i] && v2)
                        sl_pq_hybrid(out, levels[i]->ptr, 1, levels[i]->len, sl_pq_width(max[i]));
                else if (max[i])
                        sl_pq_levels(out, (const uint8_t *)levels[i]->ptr, levels[i]->len, max[i]);
                if (i == 0)
                        *rep_len = (uint32_t)out->len;
        }
}

struct page {
        int type;
        int32_t encoding, entries, nulls, rows;
        uint32_t rep_len, def_len; /* v2 */
};

/* Append a page: its header, pages->levels as it is (v2), pages->body compressed. */
static enum sl_rc put_page(struct sl_pq_column *col, struct sl_pq_pages *pages, const struct page *page,
                           struct sl_buf *out, struct sl_err *err)
{
        struct sl_buf *body = &pages->body, *levels = &pages->levels;
        if (!sl_buf_ok(body) || !sl_buf_ok(levels))
                return no_memory(err);
        bool v2 = page->type == PAGE_DATA_V2, packed = col->packed_pages;
        size_t raw = body->len + levels->len;
        if (packed) {
                sl_buf_clear(&pages->packed);
                SL_TRY(sl_pq_compress(&pages->codec, body->ptr ? body->ptr : "", body->len, &pages->packed, err));
                packed = !v2 || pages->packed.len < body->len;
        }
        if (packed)
                body = &pages->packed;
        size_t start = out->len, stored = levels->len + body->len;
        struct sl_thrift t = sl_thrift_begin(out);
        sl_thrift_i32(&t, 1, page->type);
        sl_thrift_i32(&t, 2, (int32_t)raw);
        sl_thrift_i32(&t, 3, (int32_t)stored);
        if (!pages->opts->no_checksums)
                sl_thrift_i32(&t, 4, (int32_t)sl_pq_crc(sl_pq_crc(0, levels->ptr, levels->len), body->ptr, body->len));
        sl_thrift_struct(&t, v2 ? HEADER_DATA_V2 : page->type == PAGE_DATA ? HEADER_DATA : HEADER_DICTIONARY);
        sl_thrift_i32(&t, 1, page->entries);
        if (v2) {
                sl_thrift_i32(&t, 2, page->nulls);
                sl_thrift_i32(&t, 3, page->rows);
                sl_thrift_i32(&t, 4, page->encoding);
                sl_thrift_i32(&t, 5, (int32_t)page->def_len);
                sl_thrift_i32(&t, 6, (int32_t)page->rep_len);
                sl_thrift_bool(&t, 7, packed);
        } else {
                sl_thrift_i32(&t, 2, page->encoding);
                if (page->type == PAGE_DATA) {
                        sl_thrift_i32(&t, 3, SL_PQ_RLE);
                        sl_thrift_i32(&t, 4, SL_PQ_RLE);
                }
        }
        sl_thrift_end(&t);
        sl_thrift_end(&t);
        col->uncompressed += out->len - start + raw;
        sl_buf_add(out, levels->ptr, levels->len);
        sl_buf_add(out, body->ptr, body->len);
        return sl_buf_ok(out) ? SL_OK : sl_fail(err, SL_E_IO, "No memory for a Parquet column");
}

static void count_levels(const struct sl_pq_column *col, struct sl_buf *hists)
{
        const struct sl_buf *levels[] = {&col->reps, &col->defs};
        const uint8_t max[] = {col->spec->max_rep, col->spec->max_def};
        for (int i = 0; i < 2; i++) {
                uint64_t count[256] = {0};
                if (!max[i])
                        continue;
                for (size_t k = 0; k < levels[i]->len; k++)
                        count[(uint8_t)levels[i]->ptr[k]]++;
                sl_buf_add(hists, count, ((size_t)max[i] + 1) * sizeof(*count));
        }
}

/* The page's bounds to the index and into the chunk's range. */
static void take_range(struct sl_pq_column *col, size_t values, struct sl_pq_note *note)
{
        struct sl_pq_range r;
        const struct sl_pq_column_spec *spec = col->spec;
        sl_pq_range_of(&r, spec, col->vals.ptr, (const uint32_t *)(const void *)col->lens.ptr, values);
        note->null_page = values == 0;
        if (!r.has) {
                col->indexed &= values == 0;
                return;
        }
        bool exact;
        size_t at = col->bounds.len;
        bool both = sl_pq_bound_cut(spec, r.min, false, &col->bounds, &exact);
        note->min_len = (uint32_t)(col->bounds.len - at);
        both = sl_pq_bound_cut(spec, r.max, true, &col->bounds, &exact) && both;
        note->max_len = (uint32_t)(col->bounds.len - at - note->min_len);
        col->indexed &= both;
        struct sl_str min = {col->min.ptr, col->min.len}, max = {col->max.ptr, col->max.len};
        if (!col->has_range || sl_pq_bound_compare(spec, r.min, min) < 0) {
                sl_buf_clear(&col->min);
                sl_buf_add_str(&col->min, r.min);
        }
        if (!col->has_range || sl_pq_bound_compare(spec, r.max, max) > 0) {
                sl_buf_clear(&col->max);
                sl_buf_add_str(&col->max, r.max);
        }
        col->has_range = !col->min.bad && !col->max.bad;
}

enum sl_rc sl_pq_page_end(struct sl_pq_column *col, struct sl_pq_pages *pages, uint64_t next, bool last,
                          struct sl_err *err)
{
        const struct sl_pq_column_spec *spec = col->spec;
        size_t entries = sl_pq_column_entries(col), values = sl_pq_column_values(col);
        bool v2 = pages->opts->pages_v2;
        if (!sl_buf_room(&col->vals, 1)) /* empty strings only: they are somewhere, too */
                return no_memory(err);
        if (values && !col->chosen)
                SL_TRY(sl_pq_choose(col, pages, last, err));
        struct page page = {.type = v2 ? PAGE_DATA_V2 : PAGE_DATA,
                            .entries = (int32_t)entries,
                            .nulls = (int32_t)(entries - values),
                            .rows = (int32_t)(next - col->page_row)};
        struct sl_pq_note note = {.offset = col->chunk.len,
                                  .first_row = col->page_row,
                                  .nulls = entries - values,
                                  .raw = spec->width ? 0 : col->vals.len};
        take_range(col, values, &note);
        count_levels(col, &col->hists);
        sl_buf_clear(&pages->body);
        sl_buf_clear(&pages->levels);
        put_levels(col, v2, v2 ? &pages->levels : &pages->body, &page.rep_len);
        page.def_len = (uint32_t)pages->levels.len - page.rep_len;
        SL_TRY(encode_page(col, pages, values, &page.encoding, err));
        SL_TRY(put_page(col, pages, &page, &col->chunk, err));
        if (spec->bloom && !col->dict_on)
                sl_pq_bloom_add(&col->bloom, spec->width, col->vals.ptr, (const uint32_t *)(const void *)col->lens.ptr,
                                values);
        note.size = (uint32_t)(col->chunk.len - note.offset);
        sl_buf_add(&col->notes, &note, sizeof(note));
        col->used[page.encoding]++;
        col->entries += entries;
        col->values += values;
        col->raw += note.raw;
        if (col->dict.bytes.len > pages->dict_bytes)
                col->dict_on = false; /* its pages stay; the next ones do without */
        return SL_OK;
}

enum sl_rc sl_pq_page_dictionary(struct sl_pq_column *col, struct sl_pq_pages *pages, struct sl_buf *out,
                                 struct sl_err *err)
{
        const struct page page = {
                .type = PAGE_DICTIONARY, .encoding = SL_PQ_PLAIN, .entries = (int32_t)col->dict.count};
        sl_buf_clear(&pages->levels);
        sl_buf_clear(&pages->body);
        sl_buf_add(&pages->body, col->dict.bytes.ptr, col->dict.bytes.len);
        for (uint32_t i = 0; col->spec->bloom && i < col->dict.count; i++) {
                uint32_t width = col->spec->width, len = width;
                const char *entry = col->dict.bytes.ptr + (size_t)i * width;
                if (!width) {
                        entry = col->dict.bytes.ptr + ((const uint32_t *)(const void *)col->dict.offsets.ptr)[i];
                        memcpy(&len, entry, 4);
                        entry += 4;
                }
                sl_pq_bloom_add(&col->bloom, 0, entry, &len, 1);
        }
        return put_page(col, pages, &page, out, err);
}
