/* SPDX-License-Identifier: Apache-2.0 */
/* Which encodings a column chunk gets, and whether it is compressed at all. The first values are written in each
 * encoding that may be used, compressed as pages are, and the smallest wins if it is clearly smaller than PLAIN. What
 * does not get smaller (numbers packed to their bits, mostly) is left uncompressed: the codec is a property of the
 * chunk. A dictionary is weighed against that with an estimate of how many distinct values there will be: of d
 * different ones among n drawn from D equally frequent ones, d = D (1 - exp(-n / D)). All of it depends on the row
 * group's own values only, so the same records give the same bytes. */
#include <math.h>

#include "connectors/format/parquet_column.h"

#define SAMPLE 4096
#define ROWS_AHEAD (200 * SAMPLE) /* values that a chunk which goes on is taken to have */
/* How much smaller than the one before it an encoding must be: prefixes cost writers and readers time. */
#define CLEARLY(encoding) ((encoding) == SL_PQ_DELTA_BYTES ? 0.85 : 0.97)

#define PAYS 0.97 /* of the size before, for compression to be worth its time */
#define RAW_COST                                                                                                       \
        0.03 /* what a byte before compression counts: less to compress is less work for writers and readers           \
              */

struct cost {
        double packed, raw; /* bytes a value */
};

static unsigned candidates(const struct sl_pq_column_spec *spec, const struct sl_parquet_opts *opts, uint8_t *list)
{
        unsigned n = 0;
        bool delta = opts->encodings != SL_PARQUET_PLAIN, all = opts->encodings == SL_PARQUET_ALL;
        bool number = spec->type == SL_PQ_INT32 || spec->type == SL_PQ_INT64;
        list[n++] = SL_PQ_PLAIN;
        if (delta && spec->type == SL_PQ_BOOLEAN)
                list[n++] = SL_PQ_RLE;
        if (delta && number)
                list[n++] = SL_PQ_DELTA_BINARY;
        if (delta && spec->type == SL_PQ_BYTES && !spec->decimal) { /* DuckDB has no decimals in these */
                list[n++] = SL_PQ_DELTA_LENGTH;
                list[n++] = SL_PQ_DELTA_BYTES;
        }
        if (all && spec->width > 1)
                list[n++] = SL_PQ_SPLIT;
        return n;
}

/* Bytes that p takes as a page's body. */
static enum sl_rc packed_size(struct sl_pq_pages *pages, const struct sl_buf *p, struct cost *ret, struct sl_err *err)
{
        *ret = (struct cost){(double)p->len, (double)p->len};
        if (!sl_buf_ok(p))
                return sl_fail(err, SL_E_IO, "No memory for a Parquet page");
        if (pages->codec.codec == SL_CODEC_NONE || p->len == 0)
                return SL_OK;
        sl_buf_clear(&pages->packed);
        SL_TRY(sl_pq_compress(&pages->codec, p->ptr, p->len, &pages->packed, err));
        ret->packed = (double)pages->packed.len;
        return SL_OK;
}

static double total(struct cost c)
{
        return (c.packed < c.raw * PAYS ? c.packed : c.raw) + c.raw * RAW_COST;
}

/* Distinct values of all that are to come, from d among n. */
static double distinct(double d, double n)
{
        if (d >= n)
                return INFINITY;
        double low = d, high = d;
        while (high * (1 - exp(-n / high)) < d && high < 1e12)
                high *= 2;
        for (int i = 0; i < 40; i++) {
                double mid = (low + high) / 2;
                *(mid * (1 - exp(-n / mid)) < d ? &low : &high) = mid;
        }
        return high;
}

/* Bytes a value with a dictionary, or INFINITY; the sample's entries are in it afterwards. */
static enum sl_rc dictionary_cost(struct sl_pq_column *col, struct sl_pq_pages *pages, size_t n, bool last,
                                  struct cost *ret, struct sl_err *err)
{
        *ret = (struct cost){INFINITY, INFINITY};
        sl_buf_clear(&pages->idx);
        if (!sl_buf_room(&pages->idx, n * 4 + 4))
                return sl_fail(err, SL_E_IO, "No memory for a Parquet page");
        uint32_t *idx = (uint32_t *)(void *)pages->idx.ptr;
        sl_pq_dict_index(&col->dict, col->spec->width, col->vals.ptr, (const uint32_t *)(const void *)col->lens.ptr, n,
                         idx);
        double d = col->dict.count, entry = (double)col->dict.bytes.len / d, all = distinct(d, (double)n);
        double ahead = last ? (double)sl_pq_column_values(col) : ROWS_AHEAD;
        double found = isinf(all) ? ahead : all * (1 - exp(-ahead / all));
        if (isinf(all) && n >= 64) /* as good as unique */
                return SL_OK;
        if (found * entry > (double)pages->dict_bytes)
                return SL_OK;
        struct cost indexes, entries;
        double width = sl_pq_width(col->dict.count - 1);
        sl_buf_clear(&pages->body);
        sl_pq_hybrid(&pages->body, idx, 4, n, (unsigned)width);
        SL_TRY(packed_size(pages, &pages->body, &indexes, err));
        SL_TRY(packed_size(pages, &col->dict.bytes, &entries, err));
        double wider = fmax(1, log2(found + 1) / width) / (double)n, share = found / d / ahead;
        *ret = (struct cost){indexes.packed * wider + entries.packed * share,
                             indexes.raw * wider + entries.raw * share};
        return SL_OK;
}

enum sl_rc sl_pq_choose(struct sl_pq_column *col, struct sl_pq_pages *pages, bool last, struct sl_err *err)
{
        uint8_t list[SL_PQ_ENCODINGS];
        size_t n = sl_pq_column_values(col);
        n = n < SAMPLE ? n : SAMPLE;
        unsigned count = candidates(col->spec, pages->opts, list);
        struct cost best = {INFINITY, INFINITY}, with = best;
        bool dictionary = !pages->opts->no_dictionary && col->spec->type != SL_PQ_BOOLEAN;
        for (unsigned i = 0; i < count; i++) {
                struct cost c;
                sl_buf_clear(&pages->body);
                sl_pq_encode_values(col->spec, (enum sl_pq_encoding)list[i], &col->vals, &col->lens, n, &pages->scratch,
                                    &pages->body);
                SL_TRY(packed_size(pages, &pages->body, &c, err));
                c.packed /= (double)n;
                c.raw /= (double)n;
                if (i == 0 || total(c) < total(best) * CLEARLY(list[i])) {
                        best = c;
                        col->encoding = list[i];
                }
        }
        if (dictionary)
                SL_TRY(dictionary_cost(col, pages, n, last, &with, err));
        col->dict_on = total(with) < total(best);
        if (col->dict_on)
                best = with;
        else
                sl_pq_dict_clear(&col->dict);
        if (col->notes.len == 0) /* a page of nulls may have settled it */
                col->packed_pages = best.packed < best.raw * PAYS;
        col->chosen = true;
        return SL_OK;
}
