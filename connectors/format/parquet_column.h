/* SPDX-License-Identifier: Apache-2.0 */
/* One column chunk being filled: levels and values of the current page, a dictionary while it pays, finished pages.
 * Buffers are kept over row groups and files. */
#ifndef SL_FORMAT_PARQUET_COLUMN_H
#define SL_FORMAT_PARQUET_COLUMN_H
#include "connectors/format/parquet_encode.h"
#include "connectors/format/parquet_schema.h"

struct sl_pq_dict {
        struct sl_buf bytes;   /* the entries, PLAIN */
        struct sl_buf offsets; /* uint32_t each: where an entry starts */
        uint32_t count;
        uint32_t *slots; /* entry + 1, open addressing */
        uint32_t nslots;
};

struct sl_pq_mark {
        uint32_t entries, values;
        size_t vals, idx, plain;
};

struct sl_pq_column {
        const struct sl_pq_column_spec *spec;
        /* the current page */
        struct sl_buf defs, reps; /* a byte an entry */
        struct sl_buf vals;       /* PLAIN; booleans one byte each */
        struct sl_buf idx;        /* dictionary indexes, uint32_t each */
        uint32_t entries, values; /* with and without nulls */
        size_t plain_len;         /* what the page's values take as PLAIN */
        struct sl_pq_mark mark;   /* before the current record */
        /* the chunk */
        struct sl_pq_dict dict;
        bool dict_on, dict_full, dict_pages, plain_pages;
        struct sl_buf chunk; /* finished data pages with headers */
        uint64_t uncompressed, chunk_entries, chunk_values;
        bool has_range;
        union {
                int64_t i64;
                double f64;
        } min, max;
};

/* What columns of one file share. */
struct sl_pq_pages {
        struct sl_pq_codec codec;
        size_t page_bytes;
        struct sl_buf body, packed; /* scratch */
};

void sl_pq_column_begin(struct sl_pq_column *col, const struct sl_pq_column_spec *spec, bool new_file);
/* An entry without a value (null at level def), or the levels of the value that sl_pq_column_add adds next. */
static inline void sl_pq_column_level(struct sl_pq_column *col, uint8_t rep, uint8_t def)
{
        if (col->spec->max_rep)
                sl_buf_addc(&col->reps, (char)rep);
        if (col->spec->max_def)
                sl_buf_addc(&col->defs, (char)def);
        col->entries++;
}
/* A value: n bytes as PLAIN has them, without the length of BYTE_ARRAY. */
void sl_pq_column_add(struct sl_pq_column *col, const void *p, size_t n);
static inline void sl_pq_column_mark(struct sl_pq_column *col)
{
        col->mark = (struct sl_pq_mark){col->entries, col->values, col->vals.len, col->idx.len, col->plain_len};
}
/* Back to the mark: the record could not be written. */
void sl_pq_column_rollback(struct sl_pq_column *col);
/* End the page if it is large enough (call between records). */
enum sl_rc sl_pq_column_cut(struct sl_pq_column *col, struct sl_pq_pages *pages, struct sl_err *err);
/* Bytes in memory. */
size_t sl_pq_column_bytes(const struct sl_pq_column *col);
/* End the chunk: its pages go to out at file position *pos (moved on), its ColumnChunk struct to meta; adds to the
 * sizes. */
enum sl_rc sl_pq_column_finish(struct sl_pq_column *col, struct sl_pq_pages *pages, struct sl_buf *out, uint64_t *pos,
                               struct sl_buf *meta, uint64_t *raw_size, uint64_t *packed_size, struct sl_err *err);
void sl_pq_column_free(struct sl_pq_column *col);
#endif
