/* SPDX-License-Identifier: Apache-2.0 */
/* One column chunk being filled: levels and values of the current page as they came (staged), finished pages, and what
 * is known about them. Buffers are kept over row groups and files. Values are staged PLAIN (booleans one byte each);
 * byte arrays one behind the other with their lengths beside them. */
#ifndef SL_FORMAT_PARQUET_COLUMN_H
#define SL_FORMAT_PARQUET_COLUMN_H
#include "connectors/format/parquet_bloom.h"
#include "connectors/format/parquet_codec.h"
#include "connectors/format/parquet_dict.h"
#include "connectors/format/parquet_encode.h"
#include "connectors/format/parquet_schema.h"
#include "connectors/format/parquet_thrift.h"

/* What is known about a page: one entry of the page index. */
struct sl_pq_note {
        uint64_t offset, first_row, nulls, raw; /* offset in the chunk's data pages; raw: bytes of byte arrays */
        uint32_t size;                          /* with its header */
        uint32_t min_len, max_len;              /* of its bounds; both stand in `bounds`, in page order */
        bool null_page;
};

struct sl_pq_column {
        const struct sl_pq_column_spec *spec;
        /* the current page */
        struct sl_buf defs, reps; /* a byte an entry; empty when the maximum is 0 */
        struct sl_buf vals, lens; /* lens: uint32_t each, only of byte arrays */
        uint64_t page_row;        /* its first row in the row group */
        /* the chunk */
        struct sl_pq_dict dict;
        uint8_t encoding; /* of values outside the dictionary */
        bool chosen, dict_on;
        bool packed_pages;              /* compressed */
        uint32_t used[SL_PQ_ENCODINGS]; /* data pages by encoding */
        struct sl_buf chunk;            /* finished data pages with headers */
        uint64_t uncompressed, entries, values, raw;
        bool has_range;
        struct sl_buf min, max;
        struct sl_buf notes, bounds, hists; /* page index: sl_pq_note; bounds; uint64_t histograms (rep, def) a page */
        bool indexed;                       /* all pages have what a column index needs */
        struct sl_pq_bloom bloom;
        /* after sl_pq_column_finish: file positions and sizes */
        uint64_t start, data_start, packed, bloom_start;
        uint32_t bloom_bytes;
};

/* What columns of one file share. */
struct sl_pq_pages {
        struct sl_pq_codec codec;
        const struct sl_parquet_opts *opts;
        size_t page_bytes, dict_bytes, bloom_bytes;
        uint32_t page_rows;
        struct sl_buf body, packed, levels, idx, scratch;
};

void sl_pq_column_begin(struct sl_pq_column *col, const struct sl_pq_column_spec *spec,
                        const struct sl_pq_pages *pages);
/* An entry without a value (null at level def), or the levels of the value that is staged next. */
static inline void sl_pq_column_level(struct sl_pq_column *col, uint8_t rep, uint8_t def)
{
        if (col->spec->max_rep)
                sl_buf_addc(&col->reps, (char)rep);
        if (col->spec->max_def)
                sl_buf_addc(&col->defs, (char)def);
}
static inline void sl_pq_column_bytes(struct sl_pq_column *col, const char *p, uint32_t n)
{
        sl_buf_add(&col->lens, &n, 4);
        if (sl_unlikely(!sl_buf_room(&col->vals, n)))
                return;
        char *to = col->vals.ptr + col->vals.len;
        col->vals.len += n;
        if (n > 32) {
                memcpy(to, p, n);
        } else if (n >= 16) { /* most are short: two moves that may overlap */
                memcpy(to, p, 16);
                memcpy(to + n - 16, p + n - 16, 16);
        } else if (n >= 8) {
                memcpy(to, p, 8);
                memcpy(to + n - 8, p + n - 8, 8);
        } else {
                for (uint32_t i = 0; i < n; i++)
                        to[i] = p[i];
        }
}
static inline size_t sl_pq_column_values(const struct sl_pq_column *col)
{
        return col->spec->width ? col->vals.len / col->spec->width : col->lens.len / 4;
}
static inline size_t sl_pq_column_entries(const struct sl_pq_column *col)
{
        return col->spec->max_def ? col->defs.len : sl_pq_column_values(col);
}
/* Take back what a record that could not be written has left; row: its number in the row group. */
void sl_pq_column_rollback(struct sl_pq_column *col, uint64_t row);
/* End the page if it is large enough (call between records); row: the next record's number in the row group. */
enum sl_rc sl_pq_column_cut(struct sl_pq_column *col, struct sl_pq_pages *pages, uint64_t row, struct sl_err *err);
/* Bytes that wait in memory: the same for the same records. */
size_t sl_pq_column_bytes_held(const struct sl_pq_column *col);
/* The memory that they take, with what is kept for the next ones. */
size_t sl_pq_column_memory(const struct sl_pq_column *col);
/* End the chunk: its pages go to out at file position *pos, which moves on. */
enum sl_rc sl_pq_column_finish(struct sl_pq_column *col, struct sl_pq_pages *pages, struct sl_buf *out, uint64_t *pos,
                               uint64_t rows, struct sl_err *err);
/* Then its bloom filter, if it has one. */
void sl_pq_column_bloom(struct sl_pq_column *col, struct sl_buf *out, uint64_t *pos);
void sl_pq_column_free(struct sl_pq_column *col);

/* --- parquet_page.c */

/* Append n staged values in an encoding other than the dictionary's. */
void sl_pq_encode_values(const struct sl_pq_column_spec *spec, enum sl_pq_encoding encoding, const struct sl_buf *vals,
                         const struct sl_buf *lens, size_t n, struct sl_buf *scratch, struct sl_buf *out);
/* End the page, whatever its size; next: the row after it. last: the chunk ends with it. */
enum sl_rc sl_pq_page_end(struct sl_pq_column *col, struct sl_pq_pages *pages, uint64_t next, bool last,
                          struct sl_err *err);
/* The dictionary page, with header, to out. */
enum sl_rc sl_pq_page_dictionary(struct sl_pq_column *col, struct sl_pq_pages *pages, struct sl_buf *out,
                                 struct sl_err *err);

/* --- parquet_choose.c */

/* Choose the chunk's encodings by its first values; a dictionary that is chosen may have entries already. */
enum sl_rc sl_pq_choose(struct sl_pq_column *col, struct sl_pq_pages *pages, bool last, struct sl_err *err);

/* --- parquet_index.c */

/* ColumnMetaData as field 3 of the ColumnChunk that t is writing. */
void sl_pq_put_metadata(const struct sl_pq_column *col, struct sl_pq_pages *pages, struct sl_thrift *t);
/* Append the chunk's ColumnIndex (nothing when it can't have one) and OffsetIndex. */
void sl_pq_put_column_index(const struct sl_pq_column *col, struct sl_buf *out);
void sl_pq_put_offset_index(const struct sl_pq_column *col, struct sl_buf *out);
#endif
