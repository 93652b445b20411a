/* SPDX-License-Identifier: Apache-2.0 */
/* Column chunks: dictionary, version 1 data pages, statistics, the chunk's metadata (apache/parquet-format,
 * parquet.thrift). chunk = [dictionary page] data page ...; page = PageHeader (Thrift), compressed body data page body
 * = [u32 length, rep levels] [u32 length, def levels] values values = PLAIN, or one byte of bit width and hybrid runs
 * of dictionary indexes A column starts with a dictionary and leaves it for PLAIN when it does not pay on the first
 * page or grows over 1 MiB. Minimum and maximum are kept for numbers only. */
#include "connectors/format/parquet_column.h"

#include <math.h>
#include <stdlib.h>

#include "base/map.h"
#include "connectors/format/parquet_thrift.h"

#define PAGE_ENTRIES 20000
#define DICT_BYTES ((size_t)1 << 20)
#define DICT_TRIAL 1024 /* values after which an unpromising dictionary is given up */

enum { PAGE_DATA = 0, PAGE_DICTIONARY = 2 };                 /* PageType */
enum { ENC_PLAIN = 0, ENC_RLE = 3, ENC_RLE_DICTIONARY = 8 }; /* Encoding */
static const int32_t codec_ids[] = {
        [SL_CODEC_NONE] = 0, [SL_CODEC_SNAPPY] = 1, [SL_CODEC_GZIP] = 2, [SL_CODEC_ZSTD] = 6};

/* --- dictionary */

static void dict_clear(struct sl_pq_dict *d)
{
        if (d->count)
                memset(d->slots, 0, d->nslots * sizeof(*d->slots));
        sl_buf_clear(&d->bytes);
        sl_buf_clear(&d->offsets);
        d->count = 0;
}

static uint64_t hash_value(const void *p, size_t n, bool bytes)
{
        uint64_t v = 0;
        if (bytes)
                return sl_hash(p, n);
        memcpy(&v, p, n);
        v *= 0x9E3779B97F4A7C15u;
        return v ^ v >> 32;
}

/* An entry's bytes without the length. */
static const char *dict_entry(const struct sl_pq_dict *d, uint32_t i, bool bytes, size_t width, size_t *n)
{
        uint32_t at;
        memcpy(&at, d->offsets.ptr + (size_t)i * 4, 4);
        const char *p = d->bytes.ptr + at;
        if (!bytes) {
                *n = width;
                return p;
        }
        uint32_t len;
        memcpy(&len, p, 4);
        *n = len;
        return p + 4;
}

static void dict_rehash(struct sl_pq_dict *d, bool bytes, size_t width)
{
        uint32_t nslots = d->nslots ? d->nslots * 2 : 256;
        free(d->slots);
        d->slots = sl_calloc(nslots, sizeof(*d->slots));
        d->nslots = nslots;
        for (uint32_t i = 0; i < d->count; i++) {
                size_t n;
                const char *p = dict_entry(d, i, bytes, width, &n);
                uint32_t s = (uint32_t)hash_value(p, n, bytes) & (nslots - 1);
                while (d->slots[s])
                        s = (s + 1) & (nslots - 1);
                d->slots[s] = i + 1;
        }
}

static uint32_t dict_index(struct sl_pq_dict *d, const void *p, size_t n, bool bytes)
{
        if (d->count * 2 >= d->nslots)
                dict_rehash(d, bytes, n);
        uint32_t s = (uint32_t)hash_value(p, n, bytes) & (d->nslots - 1);
        for (; d->slots[s]; s = (s + 1) & (d->nslots - 1)) {
                size_t len;
                const char *entry = dict_entry(d, d->slots[s] - 1, bytes, n, &len);
                if (len == n && (n == 0 || memcmp(entry, p, n) == 0))
                        return d->slots[s] - 1;
        }
        uint32_t at = (uint32_t)d->bytes.len, len = (uint32_t)n;
        sl_buf_add(&d->offsets, &at, 4);
        if (bytes)
                sl_buf_add(&d->bytes, &len, 4);
        sl_buf_add(&d->bytes, p, n);
        d->slots[s] = ++d->count;
        return d->count - 1;
}

/* --- the page being filled */

void sl_pq_column_begin(struct sl_pq_column *col, const struct sl_pq_column_spec *spec, bool new_file)
{
        col->spec = spec;
        sl_buf_clear(&col->defs);
        sl_buf_clear(&col->reps);
        sl_buf_clear(&col->vals);
        sl_buf_clear(&col->idx);
        sl_buf_clear(&col->chunk);
        col->entries = col->values = 0;
        col->plain_len = 0;
        dict_clear(&col->dict);
        if (new_file)
                col->dict_on = spec->dict; /* later row groups keep what the first one found */
        col->dict_full = col->dict_pages = col->plain_pages = false;
        col->uncompressed = col->chunk_entries = col->chunk_values = 0;
        col->has_range = false;
        sl_pq_column_mark(col);
}

static void add_plain(struct sl_pq_column *col, const void *p, size_t n)
{
        if (col->spec->type == SL_PQ_BYTES) {
                uint32_t len = (uint32_t)n;
                sl_buf_add(&col->vals, &len, 4);
        }
        sl_buf_add(&col->vals, p, n);
}

void sl_pq_column_add(struct sl_pq_column *col, const void *p, size_t n)
{
        bool bytes = col->spec->type == SL_PQ_BYTES;
        col->values++;
        col->plain_len += n + (bytes ? 4 : 0);
        if (!col->dict_on) {
                add_plain(col, p, n);
                return;
        }
        uint32_t i = dict_index(&col->dict, p, n, bytes);
        sl_buf_add(&col->idx, &i, 4);
        col->dict_full |= col->dict.bytes.len > DICT_BYTES;
}

void sl_pq_column_rollback(struct sl_pq_column *col)
{
        const struct sl_pq_mark *m = &col->mark;
        col->entries = m->entries;
        col->values = m->values;
        col->vals.len = m->vals;
        col->idx.len = m->idx;
        col->plain_len = m->plain;
        if (col->spec->max_def)
                col->defs.len = m->entries;
        if (col->spec->max_rep)
                col->reps.len = m->entries;
        /* a dictionary entry that nobody uses is harmless */
        col->defs.bad = col->reps.bad = col->vals.bad = col->idx.bad = false;
}

static unsigned index_width(const struct sl_pq_column *col)
{
        return sl_pq_width(col->dict.count ? col->dict.count - 1 : 0);
}

/* Give the dictionary up before any page used it. */
static void leave_dictionary(struct sl_pq_column *col)
{
        bool bytes = col->spec->type == SL_PQ_BYTES;
        size_t width = col->values ? col->plain_len / col->values : 0;
        for (uint32_t i = 0; i < col->values; i++) {
                uint32_t entry;
                size_t n;
                memcpy(&entry, col->idx.ptr + (size_t)i * 4, 4);
                const char *p = dict_entry(&col->dict, entry, bytes, width, &n);
                add_plain(col, p, n);
        }
        sl_buf_clear(&col->idx);
        dict_clear(&col->dict);
        col->dict_on = col->dict_full = false;
}

static bool dictionary_pays(const struct sl_pq_column *col)
{
        size_t with = col->dict.bytes.len + (size_t)col->values * index_width(col) / 8;
        return with < col->plain_len;
}

/* --- statistics */

static void widen_i64(struct sl_pq_column *col, int64_t v)
{
        if (!col->has_range || v < col->min.i64)
                col->min.i64 = v;
        if (!col->has_range || v > col->max.i64)
                col->max.i64 = v;
        col->has_range = true;
}

static void widen_f64(struct sl_pq_column *col, double v)
{
        if (isnan(v))
                return;
        if (!col->has_range || v < col->min.f64)
                col->min.f64 = v;
        if (!col->has_range || v > col->max.f64)
                col->max.f64 = v;
        col->has_range = true;
}

/* Take in n PLAIN bytes. */
static void widen(struct sl_pq_column *col, const char *p, size_t n)
{
        for (const char *end = p + n; p < end;) {
                int32_t i32;
                int64_t i64;
                float f32;
                double f64;
                switch ((enum sl_pq_type)col->spec->type) {
                case SL_PQ_INT32:
                        memcpy(&i32, p, 4);
                        widen_i64(col, i32);
                        p += 4;
                        break;
                case SL_PQ_INT64:
                        memcpy(&i64, p, 8);
                        widen_i64(col, i64);
                        p += 8;
                        break;
                case SL_PQ_FLOAT:
                        memcpy(&f32, p, 4);
                        widen_f64(col, f32);
                        p += 4;
                        break;
                case SL_PQ_DOUBLE:
                        memcpy(&f64, p, 8);
                        widen_f64(col, f64);
                        p += 8;
                        break;
                case SL_PQ_BOOLEAN:
                case SL_PQ_BYTES:
                        return;
                }
        }
}

/* Statistics fields max_value (5) and min_value (6); a zero bound of a float gets the wider sign. */
static void put_range(struct sl_thrift *t, const struct sl_pq_column *col)
{
        for (int id = 5; id <= 6; id++) {
                double d = id == 5 ? col->max.f64 : col->min.f64;
                int64_t i64 = id == 5 ? col->max.i64 : col->min.i64;
                int32_t i32 = (int32_t)i64;
                if (d == 0)
                        d = id == 5 ? 0.0 : -0.0;
                float f = (float)d;
                switch ((enum sl_pq_type)col->spec->type) {
                case SL_PQ_INT32:
                        sl_thrift_binary(t, (int16_t)id, &i32, 4);
                        break;
                case SL_PQ_INT64:
                        sl_thrift_binary(t, (int16_t)id, &i64, 8);
                        break;
                case SL_PQ_FLOAT:
                        sl_thrift_binary(t, (int16_t)id, &f, 4);
                        break;
                case SL_PQ_DOUBLE:
                        sl_thrift_binary(t, (int16_t)id, &d, 8);
                        break;
                case SL_PQ_BOOLEAN:
                case SL_PQ_BYTES:
                        break;
                }
        }
}

/* --- pages */

/* Append pages->body as a page to out. */
static enum sl_rc put_page(struct sl_pq_column *col, struct sl_pq_pages *pages, int type, int32_t count,
                           int32_t encoding, struct sl_buf *out, struct sl_err *err)
{
        if (!sl_buf_ok(&pages->body))
                return sl_fail(err, SL_E_IO, "No memory for a Parquet page");
        sl_buf_clear(&pages->packed);
        SL_TRY(sl_pq_compress(&pages->codec, pages->body.ptr ? pages->body.ptr : "", pages->body.len, &pages->packed,
                              err));
        size_t start = out->len;
        struct sl_thrift t = sl_thrift_begin(out);
        sl_thrift_i32(&t, 1, type);
        sl_thrift_i32(&t, 2, (int32_t)pages->body.len);
        sl_thrift_i32(&t, 3, (int32_t)pages->packed.len);
        sl_thrift_struct(&t, type == PAGE_DATA ? 5 : 7); /* data_page_header, dictionary_page_header */
        sl_thrift_i32(&t, 1, count);
        sl_thrift_i32(&t, 2, encoding);
        if (type == PAGE_DATA) {
                sl_thrift_i32(&t, 3, ENC_RLE);
                sl_thrift_i32(&t, 4, ENC_RLE);
        }
        sl_thrift_end(&t);
        sl_thrift_end(&t);
        col->uncompressed += out->len - start + pages->body.len;
        sl_buf_add(out, pages->packed.ptr, pages->packed.len);
        return sl_buf_ok(out) ? SL_OK : sl_fail(err, SL_E_IO, "No memory for a Parquet column");
}

static enum sl_rc flush_page(struct sl_pq_column *col, struct sl_pq_pages *pages, struct sl_err *err)
{
        struct sl_buf *body = &pages->body;
        if (col->entries == 0)
                return SL_OK;
        if (col->dict_on && !col->dict_pages && !dictionary_pays(col))
                leave_dictionary(col);
        sl_buf_clear(body);
        if (col->spec->max_rep)
                sl_pq_levels(body, (const uint8_t *)col->reps.ptr, col->entries, col->spec->max_rep);
        if (col->spec->max_def)
                sl_pq_levels(body, (const uint8_t *)col->defs.ptr, col->entries, col->spec->max_def);
        if (col->dict_on) {
                sl_buf_addc(body, (char)index_width(col));
                sl_pq_hybrid(body, col->idx.ptr, 4, col->values, index_width(col));
        } else if (col->spec->type == SL_PQ_BOOLEAN) {
                sl_pq_pack_bools(body, (const uint8_t *)col->vals.ptr, col->values);
        } else {
                sl_buf_add(body, col->vals.ptr, col->vals.len);
                if (col->spec->stats)
                        widen(col, col->vals.ptr, col->vals.len);
        }
        SL_TRY(put_page(col, pages, PAGE_DATA, (int32_t)col->entries, col->dict_on ? ENC_RLE_DICTIONARY : ENC_PLAIN,
                        &col->chunk, err));
        *(col->dict_on ? &col->dict_pages : &col->plain_pages) = true;
        col->chunk_entries += col->entries;
        col->chunk_values += col->values;
        col->entries = col->values = 0;
        col->plain_len = 0;
        sl_buf_clear(&col->defs);
        sl_buf_clear(&col->reps);
        sl_buf_clear(&col->vals);
        sl_buf_clear(&col->idx);
        if (col->dict_full)
                col->dict_on = false; /* its pages stay; the next ones are PLAIN */
        return SL_OK;
}

enum sl_rc sl_pq_column_cut(struct sl_pq_column *col, struct sl_pq_pages *pages, struct sl_err *err)
{
        if (col->defs.bad || col->reps.bad || col->vals.bad || col->idx.bad || col->dict.bytes.bad ||
            col->dict.offsets.bad)
                return sl_fail(err, SL_E_IO, "No memory for a Parquet column");
        if (col->dict_on && !col->dict_pages && col->values >= DICT_TRIAL && col->dict.count > col->values / 4 * 3)
                leave_dictionary(col);
        if (col->entries >= PAGE_ENTRIES || col->vals.len >= pages->page_bytes || col->dict_full)
                return flush_page(col, pages, err);
        return SL_OK;
}

size_t sl_pq_column_bytes(const struct sl_pq_column *col)
{
        return col->chunk.len + col->dict.bytes.len + col->vals.len + col->idx.len + col->defs.len + col->reps.len;
}

/* --- the chunk */

static void put_metadata(const struct sl_pq_column *col, const struct sl_pq_pages *pages, uint64_t start,
                         uint64_t data_start, uint64_t packed, struct sl_buf *meta)
{
        const struct sl_pq_column_spec *spec = col->spec;
        struct sl_thrift t = sl_thrift_begin(meta);
        sl_thrift_i64(&t, 2, 0); /* file_offset: deprecated */
        sl_thrift_struct(&t, 3);
        sl_thrift_i32(&t, 1, spec->type);
        sl_thrift_list(&t, 2, SL_TH_I32, col->dict_pages ? 3 : 2);
        sl_thrift_put_i32(meta, ENC_PLAIN); /* the dictionary page or the data */
        sl_thrift_put_i32(meta, ENC_RLE);   /* levels */
        if (col->dict_pages)
                sl_thrift_put_i32(meta, ENC_RLE_DICTIONARY);
        sl_thrift_list(&t, 3, SL_TH_BINARY, spec->path_len);
        sl_buf_add_str(meta, spec->path);
        sl_thrift_i32(&t, 4, codec_ids[pages->codec.codec]);
        sl_thrift_i64(&t, 5, (int64_t)col->chunk_entries);
        sl_thrift_i64(&t, 6, (int64_t)col->uncompressed);
        sl_thrift_i64(&t, 7, (int64_t)packed);
        sl_thrift_i64(&t, 9, (int64_t)data_start);
        if (col->dict_pages)
                sl_thrift_i64(&t, 11, (int64_t)start);
        sl_thrift_struct(&t, 12);
        sl_thrift_i64(&t, 3, (int64_t)(col->chunk_entries - col->chunk_values));
        if (col->has_range)
                put_range(&t, col);
        sl_thrift_end(&t);
        sl_thrift_end(&t);
        sl_thrift_end(&t);
}

enum sl_rc sl_pq_column_finish(struct sl_pq_column *col, struct sl_pq_pages *pages, struct sl_buf *out, uint64_t *pos,
                               struct sl_buf *meta, uint64_t *raw_size, uint64_t *packed_size, struct sl_err *err)
{
        SL_TRY(flush_page(col, pages, err));
        size_t at = out->len;
        uint64_t start = *pos;
        if (col->dict_pages) {
                sl_buf_clear(&pages->body);
                sl_buf_add(&pages->body, col->dict.bytes.ptr, col->dict.bytes.len);
                if (col->spec->stats)
                        widen(col, col->dict.bytes.ptr, col->dict.bytes.len);
                SL_TRY(put_page(col, pages, PAGE_DICTIONARY, (int32_t)col->dict.count, ENC_PLAIN, out, err));
        }
        uint64_t data_start = start + (out->len - at);
        sl_buf_add(out, col->chunk.ptr, col->chunk.len);
        if (!sl_buf_ok(out))
                return sl_fail(err, SL_E_IO, "No memory for a Parquet row group");
        uint64_t packed = out->len - at;
        put_metadata(col, pages, start, data_start, packed, meta);
        *pos += packed;
        *raw_size += col->uncompressed;
        *packed_size += packed;
        return SL_OK;
}

void sl_pq_column_free(struct sl_pq_column *col)
{
        sl_buf_free(&col->defs);
        sl_buf_free(&col->reps);
        sl_buf_free(&col->vals);
        sl_buf_free(&col->idx);
        sl_buf_free(&col->chunk);
        sl_buf_free(&col->dict.bytes);
        sl_buf_free(&col->dict.offsets);
        free(col->dict.slots);
        *col = (struct sl_pq_column){0};
}
