/* SPDX-License-Identifier: Apache-2.0 */
/* Parquet files: rows become row groups, which end by size, and a footer at the end.
 * Source of the format: apache/parquet-format, README.md and parquet.thrift.
 *   file = "PAR1", row groups (column chunks in schema order, then their bloom filters), column indexes, offset
 * indexes, FileMetaData (Thrift), u32 its length, "PAR1" What the schema becomes is in parquet_schema.c, how records
 * are taken apart in parquet_shred.c, what a chunk looks like in parquet_page.c. A row group goes out as it closes, so
 * memory is one row group and, until the end, the metadata of the others. The same records give the same bytes,
 * whatever the writer wrote before and whichever records it refused in between. Not written: encryption, sorting
 * columns. */
#include <stdlib.h>

#include "connectors/format/format.h"
#include "connectors/format/parquet_shred.h"

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "dev"
#endif
#define CREATED_BY "sluice version " SLUICE_VERSION
#define ROW_GROUP_BYTES ((size_t)32 << 20)
#define ROW_GROUP_ROWS 1048576
#define PAGE_BYTES ((size_t)1 << 20)
#define PAGE_ROWS 20000
#define DICTIONARY_BYTES ((size_t)1 << 20)
#define BLOOM_BYTES ((size_t)1 << 20)
#define LOOK_ROWS 32                   /* rows between looks at the sizes of pages and of the row group */
#define LOOK_BYTES ((size_t)128 << 10) /* ditto bytes */

/* Metadata of finished chunks and row groups: where its Thrift bytes end in each of these buffers. */
struct chunk_note {
        uint32_t meta, column_index, offset_index; /* lengths */
};
struct group_note {
        uint64_t start, rows, raw, packed;
};

struct parquet {
        struct sl_format_opts opts;
        struct sl_pq_plan plan;
        struct sl_pq_shred shred; /* .cols: col_room of them, plan.column_count in use */
        uint32_t col_room;
        struct sl_pq_pages pages;
        struct sl_buf *out;
        uint64_t pos;                                                        /* file position of the next byte to out */
        uint64_t rows, group_rows, looked;                                   /* looked: group_rows at the last look */
        size_t held, memory;                                                 /* at the last look */
        struct sl_buf metas, column_indexes, offset_indexes, chunks, groups; /* of finished row groups */
        struct sl_buf footer;
};

static const char *parquet_ext(const struct sl_format_opts *opts)
{
        switch (opts->codec) {
        case SL_CODEC_NONE:
                return ".parquet";
        case SL_CODEC_GZIP:
                return ".gz.parquet";
        case SL_CODEC_ZSTD:
                return ".zstd.parquet";
        case SL_CODEC_LZ4_RAW:
                return ".lz4raw.parquet";
        default:
                break;
        }
        return ".snappy.parquet";
}

static void *parquet_create(const struct sl_format_opts *opts)
{
        struct parquet *w = sl_calloc(1, sizeof(*w));
        const struct sl_parquet_opts *p = &opts->parquet;
        w->opts = *opts;
        if (!w->opts.row_group_bytes)
                w->opts.row_group_bytes = ROW_GROUP_BYTES;
        w->pages = (struct sl_pq_pages){.codec = {.codec = opts->codec, .level = opts->level},
                                        .opts = &w->opts.parquet,
                                        .page_bytes = opts->page_bytes ? opts->page_bytes : PAGE_BYTES,
                                        .dict_bytes = p->dictionary_bytes ? p->dictionary_bytes : DICTIONARY_BYTES,
                                        .bloom_bytes = p->bloom_bytes ? p->bloom_bytes : BLOOM_BYTES,
                                        .page_rows = p->page_rows ? (uint32_t)p->page_rows : PAGE_ROWS};
        return w;
}

static void put(struct parquet *w, const void *p, size_t n)
{
        sl_buf_add(w->out, p, n);
        w->pos += n;
}

static void begin_group(struct parquet *w)
{
        for (uint32_t i = 0; i < w->plan.column_count; i++)
                sl_pq_column_begin(&w->shred.cols[i], &w->plan.columns[i], &w->pages);
        w->group_rows = w->looked = 0;
        w->held = w->shred.bytes = 0;
}

static enum sl_rc parquet_begin(void *writer, const struct sl_schema *schema, struct sl_buf *out, struct sl_err *err)
{
        struct parquet *w = writer;
        if (!w->plan.schema || w->plan.schema != schema) {
                sl_pq_plan_free(&w->plan);
                enum sl_rc rc = sl_pq_plan_compile(&w->plan, schema, &w->opts.parquet, err);
                if (rc != SL_OK) {
                        sl_pq_plan_free(&w->plan);
                        return rc;
                }
        }
        if (w->plan.column_count > w->col_room) {
                struct sl_pq_column *cols = sl_realloc(w->shred.cols, w->plan.column_count * sizeof(*cols));
                memset(cols + w->col_room, 0, (w->plan.column_count - w->col_room) * sizeof(*cols));
                w->shred.cols = cols;
                w->col_room = w->plan.column_count;
        }
        w->shred.steps = w->plan.steps;
        w->out = out;
        w->pos = w->rows = 0;
        sl_buf_clear(&w->metas);
        sl_buf_clear(&w->column_indexes);
        sl_buf_clear(&w->offset_indexes);
        sl_buf_clear(&w->chunks);
        sl_buf_clear(&w->groups);
        begin_group(w);
        put(w, "PAR1", 4);
        return SL_OK;
}

/* --- row groups */

static size_t parquet_pending(const void *writer)
{
        const struct parquet *w = writer;
        return w->held + w->shred.bytes + (w->group_rows - w->looked) * w->plan.fixed_bytes;
}

static size_t parquet_memory(const void *writer)
{
        const struct parquet *w = writer;
        const struct sl_pq_pages *p = &w->pages;
        return w->memory + w->shred.bytes + p->body.cap + p->packed.cap + p->levels.cap + p->idx.cap + p->scratch.cap +
               w->metas.cap + w->column_indexes.cap + w->offset_indexes.cap + w->chunks.cap + w->groups.cap;
}

/* The ColumnChunk up to its metadata; the places of the indexes are known in the end only. */
static void keep_chunk(struct parquet *w, const struct sl_pq_column *col)
{
        size_t meta = w->metas.len, columns = w->column_indexes.len, offsets = w->offset_indexes.len;
        struct sl_thrift t = sl_thrift_begin(&w->metas);
        sl_thrift_i64(&t, 2, 0); /* file_offset: deprecated */
        sl_pq_put_metadata(col, &w->pages, &t);
        sl_pq_put_column_index(col, &w->column_indexes);
        sl_pq_put_offset_index(col, &w->offset_indexes);
        struct chunk_note note = {(uint32_t)(w->metas.len - meta), (uint32_t)(w->column_indexes.len - columns),
                                  (uint32_t)(w->offset_indexes.len - offsets)};
        sl_buf_add(&w->chunks, &note, sizeof(note));
}

static enum sl_rc flush_group(struct parquet *w, struct sl_err *err)
{
        if (w->group_rows == 0)
                return SL_OK;
        struct group_note group = {.start = w->pos, .rows = w->group_rows};
        for (uint32_t i = 0; i < w->plan.column_count; i++) {
                struct sl_pq_column *col = &w->shred.cols[i];
                SL_TRY(sl_pq_column_finish(col, &w->pages, w->out, &w->pos, w->group_rows, err));
                group.raw += col->uncompressed;
                group.packed += col->packed;
        }
        for (uint32_t i = 0; i < w->plan.column_count; i++)
                sl_pq_column_bloom(&w->shred.cols[i], w->out, &w->pos);
        for (uint32_t i = 0; i < w->plan.column_count; i++)
                keep_chunk(w, &w->shred.cols[i]);
        sl_buf_add(&w->groups, &group, sizeof(group));
        w->rows += w->group_rows;
        begin_group(w);
        return SL_OK;
}

static enum sl_rc look(struct parquet *w, struct sl_err *err)
{
        size_t held = 0, memory = 0;
        for (uint32_t i = 0; i < w->plan.column_count; i++) {
                SL_TRY(sl_pq_column_cut(&w->shred.cols[i], &w->pages, w->group_rows, err));
                held += sl_pq_column_bytes_held(&w->shred.cols[i]);
                memory += sl_pq_column_memory(&w->shred.cols[i]);
        }
        w->held = held;
        w->memory = memory;
        w->looked = w->group_rows;
        w->shred.bytes = 0;
        if (w->group_rows >= ROW_GROUP_ROWS || held >= w->opts.row_group_bytes)
                return flush_group(w, err);
        return SL_OK;
}

static enum sl_rc parquet_append(void *writer, const struct sl_value *value, struct sl_err *err)
{
        struct parquet *w = writer;
        size_t bytes = w->shred.bytes;
        enum sl_rc rc = sl_pq_shred(&w->shred, value, err);
        if (sl_unlikely(rc != SL_OK)) {
                for (uint32_t i = 0; i < w->plan.column_count; i++)
                        sl_pq_column_rollback(&w->shred.cols[i], w->group_rows);
                w->shred.bytes = bytes;
                return rc;
        }
        w->group_rows++;
        if (w->group_rows - w->looked < LOOK_ROWS && w->shred.bytes < LOOK_BYTES)
                return SL_OK;
        return look(w, err);
}

/* --- the footer */

static void put_groups(struct parquet *w, struct sl_thrift *t)
{
        uint64_t columns_at = w->pos, offsets_at = w->pos + w->column_indexes.len;
        const struct chunk_note *chunk = (const struct chunk_note *)(const void *)w->chunks.ptr;
        const char *meta = w->metas.ptr;
        size_t count = w->groups.len / sizeof(struct group_note);
        sl_thrift_list(t, 4, SL_TH_STRUCT, count);
        for (size_t g = 0; g < count; g++) {
                const struct group_note *group = (const struct group_note *)(const void *)w->groups.ptr + g;
                struct sl_thrift s = sl_thrift_begin(t->out);
                sl_thrift_list(&s, 1, SL_TH_STRUCT, w->plan.column_count);
                for (uint32_t i = 0; i < w->plan.column_count; i++, chunk++) {
                        struct sl_thrift c = sl_thrift_begin(t->out);
                        sl_buf_add(t->out, meta, chunk->meta);
                        meta += chunk->meta;
                        c.last[0] = 3;
                        sl_thrift_i64(&c, 4, (int64_t)offsets_at);
                        sl_thrift_i32(&c, 5, (int32_t)chunk->offset_index);
                        offsets_at += chunk->offset_index;
                        if (chunk->column_index) {
                                sl_thrift_i64(&c, 6, (int64_t)columns_at);
                                sl_thrift_i32(&c, 7, (int32_t)chunk->column_index);
                                columns_at += chunk->column_index;
                        }
                        sl_thrift_end(&c);
                }
                sl_thrift_i64(&s, 2, (int64_t)group->raw);
                sl_thrift_i64(&s, 3, (int64_t)group->rows);
                sl_thrift_i64(&s, 5, (int64_t)group->start);
                sl_thrift_i64(&s, 6, (int64_t)group->packed);
                if (g <= INT16_MAX)
                        sl_thrift_i16(&s, 7, (int16_t)g);
                sl_thrift_end(&s);
        }
}

static enum sl_rc parquet_finish(void *writer, struct sl_err *err)
{
        struct parquet *w = writer;
        SL_TRY(flush_group(w, err));
        struct sl_buf *m = &w->footer;
        sl_buf_clear(m);
        struct sl_thrift t = sl_thrift_begin(m);
        sl_thrift_i32(&t, 1, w->opts.parquet.pages_v2 ? 2 : 1); /* version */
        sl_thrift_list(&t, 2, SL_TH_STRUCT, w->plan.element_count);
        sl_buf_add(m, w->plan.elements.ptr, w->plan.elements.len);
        sl_thrift_i64(&t, 3, (int64_t)w->rows);
        put_groups(w, &t);
        sl_thrift_binary(&t, 6, CREATED_BY, strlen(CREATED_BY));
        sl_thrift_list(&t, 7, SL_TH_STRUCT, w->plan.column_count); /* column_orders: TYPE_ORDER each */
        for (uint32_t i = 0; i < w->plan.column_count; i++) {
                struct sl_thrift order = sl_thrift_begin(m);
                sl_thrift_empty(&order, 1);
                sl_thrift_end(&order);
        }
        sl_thrift_end(&t);
        uint32_t len = (uint32_t)m->len;
        put(w, w->column_indexes.ptr, w->column_indexes.len);
        put(w, w->offset_indexes.ptr, w->offset_indexes.len);
        put(w, m->ptr, m->len);
        put(w, &len, 4);
        put(w, "PAR1", 4);
        if (!sl_buf_ok(m) || !sl_buf_ok(&w->groups) || !sl_buf_ok(&w->chunks) || !sl_buf_ok(&w->metas) ||
            !sl_buf_ok(&w->column_indexes) || !sl_buf_ok(&w->offset_indexes) || !sl_buf_ok(w->out))
                return sl_fail(err, SL_E_IO, "No memory for the footer of a Parquet file");
        return SL_OK;
}

static void parquet_destroy(void *writer)
{
        struct parquet *w = writer;
        if (!w)
                return;
        for (uint32_t i = 0; i < w->col_room; i++)
                sl_pq_column_free(&w->shred.cols[i]);
        free(w->shred.cols);
        sl_pq_plan_free(&w->plan);
        sl_pq_codec_free(&w->pages.codec);
        struct sl_buf *bufs[] = {&w->pages.body,    &w->pages.packed, &w->pages.levels,   &w->pages.idx,
                                 &w->pages.scratch, &w->metas,        &w->column_indexes, &w->offset_indexes,
                                 &w->chunks,        &w->groups,       &w->footer};
        for (size_t i = 0; i < sizeof(bufs) / sizeof(*bufs); i++)
                sl_buf_free(bufs[i]);
        free(w);
}

const struct sl_format_ops sl_format_parquet = {
        .name = "parquet",
        .ext = parquet_ext,
        .create = parquet_create,
        .begin = parquet_begin,
        .append = parquet_append,
        .pending = parquet_pending,
        .memory = parquet_memory,
        .finish = parquet_finish,
        .destroy = parquet_destroy,
};
