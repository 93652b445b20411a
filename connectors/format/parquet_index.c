/* SPDX-License-Identifier: Apache-2.0 */
/* What the footer says about a chunk: its metadata with statistics, and its page index (apache/parquet-format,
 * parquet.thrift and PageIndex.md). */
#include "connectors/format/parquet_column.h"
#include "connectors/format/parquet_stats.h"

enum { UNORDERED, ASCENDING, DESCENDING }; /* BoundaryOrder */

static const struct sl_pq_note *notes_of(const struct sl_pq_column *col, size_t *n)
{
        *n = col->notes.len / sizeof(struct sl_pq_note);
        return (const struct sl_pq_note *)(const void *)col->notes.ptr;
}

static size_t histogram_len(uint8_t max_level)
{
        return max_level ? max_level + 1u : 0;
}

/* A list of the histograms of all pages one behind the other (index), or of their sums (chunk). */
static void put_histogram(const struct sl_pq_column *col, bool def, bool sums, int16_t id, struct sl_thrift *t)
{
        size_t pages, rep_len = histogram_len(col->spec->max_rep), def_len = histogram_len(col->spec->max_def);
        size_t stride = rep_len + def_len, len = def ? def_len : rep_len, at = def ? rep_len : 0;
        const uint64_t *counts = (const uint64_t *)(const void *)col->hists.ptr;
        (void)notes_of(col, &pages);
        if (!len || !pages)
                return;
        sl_thrift_list(t, id, SL_TH_I64, sums ? len : len * pages);
        for (size_t p = 0; !sums && p < pages; p++)
                for (size_t i = 0; i < len; i++)
                        sl_thrift_put_i64(t->out, (int64_t)counts[p * stride + at + i]);
        for (size_t i = 0; sums && i < len; i++) {
                uint64_t sum = 0;
                for (size_t p = 0; p < pages; p++)
                        sum += counts[p * stride + at + i];
                sl_thrift_put_i64(t->out, (int64_t)sum);
        }
}

static void put_statistics(const struct sl_pq_column *col, struct sl_thrift *t, struct sl_buf *scratch)
{
        bool exact[2] = {true, true}, both = col->has_range;
        size_t split = 0;
        sl_buf_clear(scratch);
        if (both) {
                both = sl_pq_bound_cut(col->spec, (struct sl_str){col->min.ptr, col->min.len}, false, scratch,
                                       &exact[0]);
                split = scratch->len;
                both = sl_pq_bound_cut(col->spec, (struct sl_str){col->max.ptr, col->max.len}, true, scratch,
                                       &exact[1]) &&
                       both;
        }
        sl_thrift_struct(t, 12);
        sl_thrift_i64(t, 3, (int64_t)(col->entries - col->values));
        if (both) {
                sl_thrift_binary(t, 5, scratch->ptr + split, scratch->len - split);
                sl_thrift_binary(t, 6, scratch->ptr, split);
                sl_thrift_bool(t, 7, exact[1]);
                sl_thrift_bool(t, 8, exact[0]);
        }
        sl_thrift_end(t);
}

static void put_encodings(const struct sl_pq_column *col, struct sl_thrift *t)
{
        bool dict = col->used[SL_PQ_DICTIONARY], seen[SL_PQ_ENCODINGS] = {0};
        unsigned n = 0;
        for (int e = 0; e < SL_PQ_ENCODINGS; e++)
                seen[e] = col->used[e];
        seen[SL_PQ_PLAIN] |= dict;                                           /* the dictionary page */
        seen[SL_PQ_RLE] |= col->spec->max_def > 0 || col->spec->max_rep > 0; /* levels */
        for (int e = 0; e < SL_PQ_ENCODINGS; e++)
                n += seen[e];
        sl_thrift_list(t, 2, SL_TH_I32, n);
        for (int e = 0; e < SL_PQ_ENCODINGS; e++)
                if (seen[e])
                        sl_thrift_put_i32(t->out, e);
}

static void put_encoding_stats(const struct sl_pq_column *col, bool v2, struct sl_thrift *t)
{
        unsigned n = col->used[SL_PQ_DICTIONARY] > 0;
        for (int e = 0; e < SL_PQ_ENCODINGS; e++)
                n += col->used[e] > 0;
        sl_thrift_list(t, 13, SL_TH_STRUCT, n);
        for (int e = -1; e < SL_PQ_ENCODINGS; e++) {
                uint32_t pages = e < 0 ? col->used[SL_PQ_DICTIONARY] > 0 : col->used[e];
                if (!pages)
                        continue;
                struct sl_thrift s = sl_thrift_begin(t->out);
                sl_thrift_i32(&s, 1, e < 0 ? 2 : v2 ? 3 : 0); /* PageType */
                sl_thrift_i32(&s, 2, e < 0 ? SL_PQ_PLAIN : e);
                sl_thrift_i32(&s, 3, (int32_t)pages);
                sl_thrift_end(&s);
        }
}

void sl_pq_put_metadata(const struct sl_pq_column *col, struct sl_pq_pages *pages, struct sl_thrift *t)
{
        const struct sl_pq_column_spec *spec = col->spec;
        sl_thrift_struct(t, 3);
        sl_thrift_i32(t, 1, spec->type);
        put_encodings(col, t);
        sl_thrift_list(t, 3, SL_TH_BINARY, spec->path_len);
        sl_buf_add_str(t->out, spec->path);
        sl_thrift_i32(t, 4, col->packed_pages ? sl_pq_codec_id(pages->codec.codec) : 0);
        sl_thrift_i64(t, 5, (int64_t)col->entries);
        sl_thrift_i64(t, 6, (int64_t)col->uncompressed);
        sl_thrift_i64(t, 7, (int64_t)col->packed);
        sl_thrift_i64(t, 9, (int64_t)col->data_start);
        if (col->used[SL_PQ_DICTIONARY])
                sl_thrift_i64(t, 11, (int64_t)col->start);
        put_statistics(col, t, &pages->scratch);
        put_encoding_stats(col, pages->opts->pages_v2, t);
        if (col->bloom_bytes) {
                sl_thrift_i64(t, 14, (int64_t)col->bloom_start);
                sl_thrift_i32(t, 15, (int32_t)col->bloom_bytes);
        }
        sl_thrift_struct(t, 16); /* SizeStatistics */
        if (spec->type == SL_PQ_BYTES)
                sl_thrift_i64(t, 1, (int64_t)col->raw);
        put_histogram(col, false, true, 2, t);
        put_histogram(col, true, true, 3, t);
        sl_thrift_end(t);
        sl_thrift_end(t);
        t->out->bad |= pages->scratch.bad;
}

/* Do the bounds of pages with values go up or down all along? */
static int boundary_order(const struct sl_pq_column *col)
{
        size_t n, at = 0;
        const struct sl_pq_note *note = notes_of(col, &n);
        struct sl_str min = {0}, max = {0};
        bool up = true, down = true, first = true;
        for (size_t i = 0; i < n; i++) {
                struct sl_str low = {col->bounds.ptr + at, note[i].min_len};
                struct sl_str high = {col->bounds.ptr + at + note[i].min_len, note[i].max_len};
                at += note[i].min_len + note[i].max_len;
                if (note[i].null_page)
                        continue;
                if (!first) {
                        int a = sl_pq_bound_compare(col->spec, min, low), b = sl_pq_bound_compare(col->spec, max, high);
                        up &= a <= 0 && b <= 0;
                        down &= a >= 0 && b >= 0;
                }
                min = low;
                max = high;
                first = false;
        }
        return up ? ASCENDING : down ? DESCENDING : UNORDERED;
}

void sl_pq_put_column_index(const struct sl_pq_column *col, struct sl_buf *out)
{
        size_t n;
        const struct sl_pq_note *note = notes_of(col, &n);
        if (!col->indexed || n == 0)
                return;
        struct sl_thrift t = sl_thrift_begin(out);
        sl_thrift_list(&t, 1, SL_TH_TRUE, n);
        for (size_t i = 0; i < n; i++)
                sl_buf_addc(out, note[i].null_page ? 1 : 2);
        for (int max = 0; max < 2; max++) {
                size_t at = 0;
                sl_thrift_list(&t, (int16_t)(2 + max), SL_TH_BINARY, n);
                for (size_t i = 0; i < n; i++) {
                        sl_thrift_put_binary(out, col->bounds.ptr + at + (max ? note[i].min_len : 0),
                                             max ? note[i].max_len : note[i].min_len);
                        at += note[i].min_len + note[i].max_len;
                }
        }
        sl_thrift_i32(&t, 4, boundary_order(col));
        sl_thrift_list(&t, 5, SL_TH_I64, n);
        for (size_t i = 0; i < n; i++)
                sl_thrift_put_i64(out, (int64_t)note[i].nulls);
        put_histogram(col, false, false, 6, &t);
        put_histogram(col, true, false, 7, &t);
        sl_thrift_end(&t);
}

void sl_pq_put_offset_index(const struct sl_pq_column *col, struct sl_buf *out)
{
        size_t n;
        const struct sl_pq_note *note = notes_of(col, &n);
        struct sl_thrift t = sl_thrift_begin(out);
        sl_thrift_list(&t, 1, SL_TH_STRUCT, n);
        for (size_t i = 0; i < n; i++) {
                struct sl_thrift p = sl_thrift_begin(out);
                sl_thrift_i64(&p, 1, (int64_t)(col->data_start + note[i].offset));
                sl_thrift_i32(&p, 2, (int32_t)note[i].size);
                sl_thrift_i64(&p, 3, (int64_t)note[i].first_row);
                sl_thrift_end(&p);
        }
        if (col->spec->type == SL_PQ_BYTES) {
                sl_thrift_list(&t, 2, SL_TH_I64, n);
                for (size_t i = 0; i < n; i++)
                        sl_thrift_put_i64(out, (int64_t)note[i].raw);
        }
        sl_thrift_end(&t);
}
