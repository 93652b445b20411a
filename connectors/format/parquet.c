/* SPDX-License-Identifier: Apache-2.0 */
/* Parquet files: shreds records into columns (Dremel levels), ends row groups by size, writes the footer.
 * Source of the format: apache/parquet-format, README.md and parquet.thrift.
 *   file = "PAR1", row groups (column chunks in schema order), FileMetaData (Thrift), u32 its length, "PAR1"
 * What the schema becomes is in parquet_schema.c, what a chunk looks like in parquet_column.c. Writes no indexes, no
 * bloom filters, no encryption. A null in a required field with a default becomes the default; elsewhere nulls stay
 * nulls. */
#include <stdlib.h>

#include "connectors/format/format.h"
#include "connectors/format/parquet_column.h"
#include "connectors/format/parquet_thrift.h"

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "dev"
#endif
#define CREATED_BY "sluice version " SLUICE_VERSION
#define ROW_GROUP_BYTES ((size_t)32 << 20)
#define ROW_GROUP_ROWS 1048576
#define PAGE_BYTES ((size_t)256 << 10)
#define LOOK_EVERY 16 /* rows between looks at the row group's size */

struct parquet {
        struct sl_format_opts opts;
        struct sl_pq_plan plan;
        struct sl_pq_column *cols; /* col_room of them, plan.column_count in use */
        uint32_t col_room;
        struct sl_pq_pages pages;
        struct sl_buf *out;
        uint64_t pos; /* file position of the next byte to out */
        uint64_t rows, group_rows;
        struct sl_buf groups; /* finished RowGroup structs */
        uint32_t group_count;
        struct sl_buf meta; /* ColumnChunk structs of one row group; the footer */
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
        default:
                break;
        }
        return ".snappy.parquet";
}

static void *parquet_create(const struct sl_format_opts *opts)
{
        struct parquet *w = sl_calloc(1, sizeof(*w));
        w->opts = *opts;
        if (!w->opts.row_group_bytes)
                w->opts.row_group_bytes = ROW_GROUP_BYTES;
        w->pages.page_bytes = opts->page_bytes ? opts->page_bytes : PAGE_BYTES;
        w->pages.codec.codec = opts->codec;
        w->pages.codec.level = opts->level;
        return w;
}

static void put(struct parquet *w, const void *p, size_t n)
{
        sl_buf_add(w->out, p, n);
        w->pos += n;
}

static enum sl_rc parquet_begin(void *writer, const struct sl_schema *schema, struct sl_buf *out, struct sl_err *err)
{
        struct parquet *w = writer;
        if (!w->plan.schema || w->plan.schema != schema) {
                sl_pq_plan_free(&w->plan);
                enum sl_rc rc = sl_pq_plan_compile(&w->plan, schema, err);
                if (rc != SL_OK) {
                        sl_pq_plan_free(&w->plan);
                        return rc;
                }
        }
        if (w->plan.column_count > w->col_room) {
                w->cols = sl_realloc(w->cols, w->plan.column_count * sizeof(*w->cols));
                memset(w->cols + w->col_room, 0, (w->plan.column_count - w->col_room) * sizeof(*w->cols));
                w->col_room = w->plan.column_count;
        }
        for (uint32_t i = 0; i < w->plan.column_count; i++)
                sl_pq_column_begin(&w->cols[i], &w->plan.columns[i], true);
        w->out = out;
        w->pos = w->rows = w->group_rows = 0;
        w->group_count = 0;
        sl_buf_clear(&w->groups);
        put(w, "PAR1", 4);
        return SL_OK;
}

/* --- shredding: def is the definition level of the parent, rep the repetition level of the next entry */

static enum sl_rc shred(struct parquet *w, uint32_t at, const struct sl_value *v, uint8_t rep, uint8_t def,
                        struct sl_err *err);

static void shred_null(struct parquet *w, const struct sl_pq_step *s, uint8_t rep, uint8_t def)
{
        for (uint32_t i = s->column; i < s->column_end; i++)
                sl_pq_column_level(&w->cols[i], rep, def);
}

static void shred_leaf(struct sl_pq_column *col, const struct sl_value *v)
{
        int32_t i32;
        float f32;
        uint8_t b;
        switch ((int)v->type) {
        case SL_BOOLEAN:
                b = v->b;
                sl_pq_column_add(col, &b, 1);
                return;
        case SL_INT8:
        case SL_INT16:
        case SL_INT32:
                i32 = (int32_t)v->i64;
                sl_pq_column_add(col, &i32, 4);
                return;
        case SL_INT64:
                sl_pq_column_add(col, &v->i64, 8);
                return;
        case SL_FLOAT32:
                f32 = (float)v->f64;
                sl_pq_column_add(col, &f32, 4);
                return;
        case SL_FLOAT64:
                sl_pq_column_add(col, &v->f64, 8);
                return;
        default:
                sl_pq_column_add(col, v->ptr, v->len);
        }
}

static enum sl_rc shred_repeated(struct parquet *w, uint32_t at, const struct sl_value *v, uint8_t rep, uint8_t def,
                                 struct sl_err *err)
{
        const struct sl_pq_step *s = &w->plan.steps[at];
        if (v->len == 0)
                shred_null(w, s, rep, def);
        for (uint32_t i = 0; i < v->len; i++) {
                uint8_t r = i ? s->rep : rep;
                if (s->kind == SL_PQ_LIST) {
                        SL_TRY(shred(w, at + 1, &v->items[i], r, (uint8_t)(def + 1), err));
                } else {
                        SL_TRY(shred(w, at + 1, &v->items[2 * i], r, (uint8_t)(def + 1), err));
                        SL_TRY(shred(w, w->plan.steps[at + 1].next, &v->items[2 * i + 1], r, (uint8_t)(def + 1), err));
                }
        }
        return SL_OK;
}

static enum sl_rc shred(struct parquet *w, uint32_t at, const struct sl_value *v, uint8_t rep, uint8_t def,
                        struct sl_err *err)
{
        const struct sl_pq_step *s = &w->plan.steps[at];
        if (v->type == SL_NULL) {
                if (s->optional) {
                        shred_null(w, s, rep, def);
                        return SL_OK;
                }
                if (!s->schema->has_default || s->schema->def.type == SL_NULL)
                        return sl_fail(err, SL_E_VALUE, "Null in the required field %s", s->path);
                v = &s->schema->def;
        }
        if (sl_unlikely(v->type != s->type))
                return sl_fail(err, SL_E_VALUE, "Field %s holds %s where its schema says %s", s->path,
                               sl_type_name(v->type), sl_type_name(s->type));
        def = (uint8_t)(def + s->optional);
        switch ((enum sl_pq_kind)s->kind) {
        case SL_PQ_LEAF:
                sl_pq_column_level(&w->cols[s->column], rep, def);
                shred_leaf(&w->cols[s->column], v);
                return SL_OK;
        case SL_PQ_STRUCT: {
                if (v->len != s->children)
                        return sl_fail(err, SL_E_VALUE, "Field %s holds %u fields where its schema has %u", s->path,
                                       v->len, s->children);
                uint32_t child = at + 1;
                for (uint32_t i = 0; i < v->len; i++) {
                        SL_TRY(shred(w, child, &v->items[i], rep, def, err));
                        child = w->plan.steps[child].next;
                }
                return SL_OK;
        }
        case SL_PQ_LIST:
        case SL_PQ_MAP:
                break;
        }
        return shred_repeated(w, at, v, rep, def, err);
}

/* --- row groups and the footer */

static size_t parquet_pending(const void *writer)
{
        const struct parquet *w = writer;
        size_t n = 0;
        for (uint32_t i = 0; i < w->plan.column_count; i++)
                n += sl_pq_column_bytes(&w->cols[i]);
        return n;
}

static enum sl_rc flush_group(struct parquet *w, struct sl_err *err)
{
        if (w->group_rows == 0)
                return SL_OK;
        uint64_t start = w->pos, raw = 0, packed = 0;
        sl_buf_clear(&w->meta);
        for (uint32_t i = 0; i < w->plan.column_count; i++)
                SL_TRY(sl_pq_column_finish(&w->cols[i], &w->pages, w->out, &w->pos, &w->meta, &raw, &packed, err));
        struct sl_thrift t = sl_thrift_begin(&w->groups);
        sl_thrift_list(&t, 1, SL_TH_STRUCT, w->plan.column_count);
        sl_buf_add(&w->groups, w->meta.ptr, w->meta.len);
        sl_thrift_i64(&t, 2, (int64_t)raw);
        sl_thrift_i64(&t, 3, (int64_t)w->group_rows);
        sl_thrift_i64(&t, 5, (int64_t)start);
        sl_thrift_i64(&t, 6, (int64_t)packed);
        if (w->group_count <= INT16_MAX)
                sl_thrift_i16(&t, 7, (int16_t)w->group_count);
        sl_thrift_end(&t);
        w->group_count++;
        w->rows += w->group_rows;
        w->group_rows = 0;
        for (uint32_t i = 0; i < w->plan.column_count; i++)
                sl_pq_column_begin(&w->cols[i], &w->plan.columns[i], false);
        return SL_OK;
}

static enum sl_rc parquet_append(void *writer, const struct sl_value *value, struct sl_err *err)
{
        struct parquet *w = writer;
        for (uint32_t i = 0; i < w->plan.column_count; i++)
                sl_pq_column_mark(&w->cols[i]);
        enum sl_rc rc = shred(w, 0, value, 0, 0, err);
        if (rc != SL_OK) {
                for (uint32_t i = 0; i < w->plan.column_count; i++)
                        sl_pq_column_rollback(&w->cols[i]);
                return rc;
        }
        w->group_rows++;
        for (uint32_t i = 0; i < w->plan.column_count; i++)
                SL_TRY(sl_pq_column_cut(&w->cols[i], &w->pages, err));
        if (w->group_rows % LOOK_EVERY == 0 &&
            (w->group_rows >= ROW_GROUP_ROWS || parquet_pending(w) >= w->opts.row_group_bytes))
                return flush_group(w, err);
        return SL_OK;
}

static enum sl_rc parquet_finish(void *writer, struct sl_err *err)
{
        struct parquet *w = writer;
        SL_TRY(flush_group(w, err));
        struct sl_buf *m = &w->meta;
        sl_buf_clear(m);
        struct sl_thrift t = sl_thrift_begin(m);
        sl_thrift_i32(&t, 1, 1); /* version */
        sl_thrift_list(&t, 2, SL_TH_STRUCT, w->plan.element_count);
        sl_buf_add(m, w->plan.elements.ptr, w->plan.elements.len);
        sl_thrift_i64(&t, 3, (int64_t)w->rows);
        sl_thrift_list(&t, 4, SL_TH_STRUCT, w->group_count);
        sl_buf_add(m, w->groups.ptr, w->groups.len);
        sl_thrift_binary(&t, 6, CREATED_BY, strlen(CREATED_BY));
        sl_thrift_list(&t, 7, SL_TH_STRUCT, w->plan.column_count); /* column_orders: TYPE_ORDER each */
        for (uint32_t i = 0; i < w->plan.column_count; i++) {
                struct sl_thrift order = sl_thrift_begin(m);
                sl_thrift_empty(&order, 1);
                sl_thrift_end(&order);
        }
        sl_thrift_end(&t);
        uint32_t len = (uint32_t)m->len;
        put(w, m->ptr, m->len);
        put(w, &len, 4);
        put(w, "PAR1", 4);
        if (!sl_buf_ok(m) || !sl_buf_ok(&w->groups) || !sl_buf_ok(w->out))
                return sl_fail(err, SL_E_IO, "No memory for the footer of a Parquet file");
        return SL_OK;
}

static void parquet_destroy(void *writer)
{
        struct parquet *w = writer;
        if (!w)
                return;
        for (uint32_t i = 0; i < w->col_room; i++)
                sl_pq_column_free(&w->cols[i]);
        free(w->cols);
        sl_pq_plan_free(&w->plan);
        sl_pq_codec_free(&w->pages.codec);
        sl_buf_free(&w->pages.body);
        sl_buf_free(&w->pages.packed);
        sl_buf_free(&w->groups);
        sl_buf_free(&w->meta);
        free(w);
}

const struct sl_format_ops sl_format_parquet = {
        .name = "parquet",
        .ext = parquet_ext,
        .create = parquet_create,
        .begin = parquet_begin,
        .append = parquet_append,
        .pending = parquet_pending,
        .finish = parquet_finish,
        .destroy = parquet_destroy,
};
