/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/format/parquet*.c: encodings against a decoder written here, Thrift bytes, the file's frame, and that
 * failed records, taken-away bytes and reuse leave no trace in the file. That readers agree is integration.parquet's
 * matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/arena.h"
#include "connectors/format/format.h"
#include "connectors/format/parquet_encode.h"
#include "connectors/format/parquet_thrift.h"
#include "tests/unit/allocations.h"

static const struct sl_format_ops *const pq = &sl_format_parquet;

/* --- encodings */

static void hybrid_vectors(void **state)
{
        (void)state;
        struct sl_buf b = {0};
        const uint8_t steps[] = {0, 1, 2, 3, 4, 5, 6, 7}, same[20] = {[0 ... 19] = 4};
        sl_pq_hybrid(&b, steps, 1, 8, 3); /* the example of Encodings.md */
        assert_int_equal(b.len, 4);
        assert_memory_equal(b.ptr, "\x03\x88\xC6\xFA", 4);
        sl_buf_clear(&b);
        sl_pq_hybrid(&b, same, 1, 20, 3);
        assert_int_equal(b.len, 2);
        assert_memory_equal(b.ptr, "\x28\x04", 2);
        sl_buf_clear(&b);
        const uint32_t wide[8] = {[0 ... 7] = 0x12345};
        sl_pq_hybrid(&b, wide, 4, 8, 17); /* a run's value takes whole bytes */
        assert_int_equal(b.len, 4);
        assert_memory_equal(b.ptr, "\x10\x45\x23\x01", 4);
        sl_buf_clear(&b);
        sl_pq_levels(&b, same, 20, 5);
        assert_memory_equal(b.ptr, "\x02\0\0\0\x28\x04", 6);
        sl_buf_free(&b);
}

static uint64_t varint(const uint8_t **p, const uint8_t *end)
{
        uint64_t v = 0;
        for (int shift = 0;; shift += 7) {
                assert_true(*p < end);
                v |= (uint64_t)(**p & 0x7f) << shift;
                if (!(*(*p)++ & 0x80))
                        return v;
        }
}

static void unhybrid(const struct sl_buf *b, size_t n, unsigned width, uint32_t *out)
{
        const uint8_t *p = (const uint8_t *)b->ptr, *end = p + b->len;
        size_t i = 0;
        while (i < n) {
                uint64_t head = varint(&p, end);
                assert_int_not_equal(head >> 1, 0);
                if (head & 1) {
                        size_t bytes = (head >> 1) * width;
                        assert_true(bytes <= (size_t)(end - p));
                        for (size_t k = 0; k < (head >> 1) * 8; k++) {
                                uint32_t v = 0;
                                for (unsigned bit = 0; bit < width; bit++)
                                        v |= (uint32_t)(p[(k * width + bit) / 8] >> (k * width + bit) % 8 & 1) << bit;
                                if (i < n)
                                        out[i++] = v;
                                else
                                        assert_int_equal(v, 0);
                        }
                        p += bytes;
                } else {
                        uint32_t v = 0;
                        for (unsigned k = 0; k < (width + 7) / 8; k++)
                                v |= (uint32_t)*p++ << 8 * k;
                        for (uint64_t k = 0; k < head >> 1; k++) {
                                assert_true(i < n);
                                out[i++] = v;
                        }
                }
        }
        assert_ptr_equal(p, end);
}

static void hybrid_round_trips(void **state)
{
        (void)state;
        static const size_t sizes[] = {1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 504, 505, 512, 4000};
        unsigned seed = (unsigned)time(NULL);
        printf("seed %u\n", seed);
        srand(seed);
        uint32_t in[4000], out[4000];
        uint8_t small[4000];
        for (int round = 0; round < 600; round++) {
                size_t n = sizes[(size_t)rand() % (sizeof(sizes) / sizeof(*sizes))];
                unsigned width = 1 + (unsigned)rand() % 32;
                int repeat = 1 + rand() % 30;
                uint32_t mask = width == 32 ? UINT32_MAX : (1u << width) - 1, v = 0;
                for (size_t i = 0; i < n; i++) {
                        if (rand() % repeat == 0)
                                v = (uint32_t)rand() * 2654435761u & mask;
                        in[i] = v;
                        small[i] = (uint8_t)v;
                }
                struct sl_buf b = {0};
                sl_pq_hybrid(&b, width <= 8 && round % 2 ? (const void *)small : in, width <= 8 && round % 2 ? 1 : 4, n,
                             width);
                unhybrid(&b, n, width, out);
                assert_memory_equal(in, out, n * 4);
                sl_buf_free(&b);
        }
        assert_int_equal(sl_pq_width(0), 1);
        assert_int_equal(sl_pq_width(1), 1);
        assert_int_equal(sl_pq_width(4), 3);
        assert_int_equal(sl_pq_width(UINT32_MAX), 32);
}

static void packed_bools(void **state)
{
        (void)state;
        struct sl_buf b = {0};
        const uint8_t bools[] = {1, 0, 1, 1, 0, 0, 0, 1, 0, 1};
        sl_pq_pack_bools(&b, bools, sizeof(bools));
        assert_int_equal(b.len, 2);
        assert_memory_equal(b.ptr, "\x8d\x02", 2);
        sl_buf_free(&b);
}

static void thrift_bytes(void **state)
{
        (void)state;
        struct sl_buf b = {0};
        struct sl_thrift t = sl_thrift_begin(&b);
        sl_thrift_i32(&t, 1, -1);                 /* 15 01 */
        sl_thrift_i64(&t, 3, 300);                /* 26 d8 04 */
        sl_thrift_bool(&t, 4, true);              /* 11 */
        sl_thrift_bool(&t, 5, false);             /* 12 */
        sl_thrift_binary(&t, 6, "hi", 2);         /* 18 02 h i */
        sl_thrift_struct(&t, 7);                  /* 1c */
        sl_thrift_i8(&t, 1, 5);                   /* 13 05 */
        sl_thrift_end(&t);                        /* 00 */
        sl_thrift_i16(&t, 30, 1);                 /* 04 3c 02: more than 15 on */
        sl_thrift_list(&t, 31, SL_TH_I32, 2);     /* 19 25 */
        sl_thrift_put_i32(&b, 1);                 /* 02 */
        sl_thrift_put_i32(&b, 2);                 /* 04 */
        sl_thrift_list(&t, 32, SL_TH_STRUCT, 20); /* 19 fc 14 */
        sl_thrift_empty(&t, 33);                  /* 1c 00 */
        sl_thrift_end(&t);                        /* 00 */
        static const char want[] = "\x15\x01\x26\xd8\x04\x11\x12\x18\x02hi\x1c\x13\x05\x00\x04\x3c\x02\x19\x25\x02\x04"
                                   "\x19\xfc\x14\x1c\x00";
        assert_int_equal(b.len, sizeof(want));
        assert_memory_equal(b.ptr, want, sizeof(want));
        sl_buf_free(&b);
}

/* --- files */

/* id, name?, tags: [string?]?, where: {city, at?}?, yes */
static const struct sl_schema *row_schema(void)
{
        const struct sl_schema *tags = sl_schema_intern(
                &(struct sl_schema){.type = SL_ARRAY, .optional = true, .value = sl_schema_of(SL_STRING, true)});
        const struct sl_field in[] = {{"city", 4, sl_schema_of(SL_STRING, false)},
                                      {"at", 2, sl_schema_of(SL_FLOAT64, true)}};
        const struct sl_schema *where = sl_schema_intern(
                &(struct sl_schema){.type = SL_STRUCT, .optional = true, .fields = in, .field_count = 2});
        const struct sl_field fields[] = {{"id", 2, sl_schema_of(SL_INT64, false)},
                                          {"name", 4, sl_schema_of(SL_STRING, true)},
                                          {"tags", 4, tags},
                                          {"where", 5, where},
                                          {"yes", 3, sl_schema_of(SL_BOOLEAN, false)}};
        return sl_schema_intern(
                &(struct sl_schema){.type = SL_STRUCT, .name = "Row", .fields = fields, .field_count = 5});
}

static struct sl_value make_row(struct sl_arena *a, int i)
{
        struct sl_value *row = sl_arena_alloc(a, 5 * sizeof(*row));
        row[0] = sl_v_i64(SL_INT64, i);
        const char *name = sl_arena_printf(a, "name %d", i * 7919 % 1000);
        row[1] = i % 4 ? sl_v_str(sl_str_c(name)) : SL_V_NULL;
        uint32_t n = (uint32_t)i % 3;
        struct sl_value *tags = sl_arena_alloc(a, 3 * sizeof(*tags));
        for (uint32_t k = 0; k < n; k++)
                tags[k] = (i + (int)k) % 5 ? sl_v_str(SL_STR("tag")) : SL_V_NULL;
        row[2] = i % 7 ? sl_v_items(SL_ARRAY, tags, n) : SL_V_NULL;
        struct sl_value *where = sl_arena_alloc(a, 2 * sizeof(*where));
        where[0] = sl_v_str(SL_STR("Bern"));
        where[1] = i % 2 ? sl_v_f64(SL_FLOAT64, i / 8.0) : SL_V_NULL;
        row[3] = i % 3 ? sl_v_items(SL_STRUCT, where, 2) : SL_V_NULL;
        row[4] = sl_v_bool(i % 2);
        return sl_v_items(SL_STRUCT, row, 5);
}

struct how {
        bool failing, draining; /* bad records in between; take bytes away from out all the time */
};

static void write_rows(void *w, int rows, struct how how, struct sl_buf *whole)
{
        struct sl_arena a;
        struct sl_err err = {0};
        struct sl_buf out = {0};
        sl_arena_init(&a, 0);
        sl_buf_clear(whole);
        assert_int_equal(pq->begin(w, row_schema(), &out, &err), SL_OK);
        for (int i = 0; i < rows; i++) {
                struct sl_value v = make_row(&a, i);
                if (how.failing && i % 3 == 0) {
                        struct sl_value items[5], bad = v;
                        struct sl_err why = {0};
                        memcpy(items, make_row(&a, i + 100000).items, sizeof(items));
                        items[4] = i % 2 ? SL_V_NULL : sl_v_i64(SL_INT32, 1);
                        bad.items = items;
                        assert_int_not_equal(pq->append(w, &bad, &why), SL_OK);
                        assert_int_equal(why.scope, SL_SCOPE_RECORD);
                        assert_non_null(strstr(why.msg, "yes"));
                }
                assert_int_equal(pq->append(w, &v, &err), SL_OK);
                if (how.draining) {
                        sl_buf_add(whole, out.ptr, out.len);
                        sl_buf_clear(&out);
                }
                sl_arena_reset(&a);
        }
        assert_int_equal(pq->finish(w, &err), SL_OK);
        sl_buf_add(whole, out.ptr, out.len);
        sl_buf_free(&out);
        sl_arena_free(&a);
}

static void frame(void **state)
{
        (void)state;
        struct sl_buf b = {0};
        void *w = pq->create(&(struct sl_format_opts){.codec = SL_CODEC_SNAPPY, .level = -1});
        write_rows(w, 1, (struct how){0}, &b);
        assert_memory_equal(b.ptr, "PAR1", 4);
        assert_memory_equal(b.ptr + b.len - 4, "PAR1", 4);
        uint32_t footer;
        memcpy(&footer, b.ptr + b.len - 8, 4);
        assert_true(footer > 0 && footer < b.len - 12);
        assert_non_null(memmem(b.ptr + b.len - 8 - footer, footer, "sluice version ", 15));
        pq->destroy(w);
        pq->destroy(NULL);
        sl_buf_free(&b);
}

static void extensions(void **state)
{
        (void)state;
        assert_string_equal(pq->ext(&(struct sl_format_opts){.codec = SL_CODEC_SNAPPY}), ".snappy.parquet");
        assert_string_equal(pq->ext(&(struct sl_format_opts){.codec = SL_CODEC_NONE}), ".parquet");
        assert_string_equal(pq->ext(&(struct sl_format_opts){.codec = SL_CODEC_GZIP}), ".gz.parquet");
        assert_string_equal(pq->ext(&(struct sl_format_opts){.codec = SL_CODEC_ZSTD}), ".zstd.parquet");
        assert_string_equal(pq->ext(&(struct sl_format_opts){.codec = SL_CODEC_LZ4_RAW}), ".lz4raw.parquet");
}

/* The same rows give the same bytes: whether records failed in between, whether bytes were taken away early, whether
 * the writer wrote other files before. With small pages and row groups, so that all of it is crossed. */
static void same_bytes_whatever_happens(void **state)
{
        (void)state;
        static const enum sl_format_codec codecs[] = {SL_CODEC_NONE, SL_CODEC_SNAPPY, SL_CODEC_GZIP, SL_CODEC_ZSTD};
        for (size_t c = 0; c < 4; c++) {
                struct sl_format_opts opts = {
                        .codec = codecs[c], .level = -1, .row_group_bytes = 20000, .page_bytes = 500};
                struct sl_buf plain = {0}, other = {0};
                void *w = pq->create(&opts), *used = pq->create(&opts);
                write_rows(w, 3000, (struct how){0}, &plain);
                write_rows(used, 17, (struct how){.failing = true}, &other);
                write_rows(used, 3000, (struct how){.failing = false, .draining = true}, &other);
                assert_int_equal(plain.len, other.len);
                assert_memory_equal(plain.ptr, other.ptr, plain.len);
                pq->destroy(w);
                pq->destroy(used);
                sl_buf_free(&plain);
                sl_buf_free(&other);
        }
}

/* Failed records leave no trace, in no column and in no index. */
static void failed_records_leave_nothing(void **state)
{
        (void)state;
        for (int v2 = 0; v2 < 2; v2++) {
                struct sl_format_opts opts = {.codec = SL_CODEC_NONE, .level = -1, .page_bytes = 1000};
                struct sl_buf plain = {0}, failing = {0};
                opts.parquet.pages_v2 = v2;
                void *w = pq->create(&opts);
                write_rows(w, 1500, (struct how){0}, &plain);
                write_rows(w, 1500, (struct how){.failing = true}, &failing);
                assert_int_equal(plain.len, failing.len);
                assert_memory_equal(plain.ptr, failing.ptr, plain.len);
                pq->destroy(w);
                sl_buf_free(&plain);
                sl_buf_free(&failing);
        }
}

static void expect_refused(const struct sl_schema *schema, const char *text)
{
        struct sl_err err = {0};
        struct sl_buf out = {0};
        void *w = pq->create(&(struct sl_format_opts){.level = -1});
        assert_int_equal(pq->begin(w, schema, &out, &err), SL_SCHEMA);
        assert_int_equal(err.id, SL_E_FORMAT);
        assert_int_equal(err.scope, SL_SCOPE_RECORD);
        assert_non_null(strstr(err.msg, text));
        /* the writer is good for the next schema */
        sl_err_clear(&err);
        assert_int_equal(pq->begin(w, row_schema(), &out, &err), SL_OK);
        pq->destroy(w);
        sl_buf_free(&out);
}

static void refused_schemas(void **state)
{
        (void)state;
        expect_refused(NULL, "without a schema");
        expect_refused(sl_schema_of(SL_STRING, false), "STRING");
        const struct sl_schema *empty = sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT, .name = "Empty"});
        expect_refused(empty, "without fields");
        const struct sl_field fields[] = {{"outer", 5, empty}};
        expect_refused(sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT, .fields = fields, .field_count = 1}),
                       "outer");
        const struct sl_schema *deep = sl_schema_of(SL_INT32, true);
        for (int i = 0; i < 200; i++)
                deep = sl_schema_intern(&(struct sl_schema){.type = SL_ARRAY, .optional = true, .value = deep});
        const struct sl_field nested[] = {{"deep", 4, deep}};
        expect_refused(sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT, .fields = nested, .field_count = 1}),
                       "too deep");
}

/* A required field takes its default for a null, or the record is refused. */
static void nulls_in_required_fields(void **state)
{
        (void)state;
        struct sl_err err = {0};
        struct sl_buf out = {0};
        struct sl_schema spec = {.type = SL_STRING, .has_default = true, .def = sl_v_str(SL_STR("a default value"))};
        const struct sl_field fields[] = {{"a", 1, sl_schema_intern(&spec)}, {"b", 1, sl_schema_of(SL_STRING, false)}};
        const struct sl_schema *s =
                sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT, .fields = fields, .field_count = 2});
        void *w = pq->create(&(struct sl_format_opts){.level = -1});
        assert_int_equal(pq->begin(w, s, &out, &err), SL_OK);
        struct sl_value items[] = {SL_V_NULL, SL_V_NULL}, v = sl_v_items(SL_STRUCT, items, 2);
        assert_int_equal(pq->append(w, &v, &err), SL_SCHEMA);
        assert_int_equal(err.id, SL_E_VALUE);
        assert_non_null(strstr(err.msg, "field b"));
        sl_err_clear(&err);
        items[1] = sl_v_str(SL_STR("x"));
        assert_int_equal(pq->append(w, &v, &err), SL_OK);
        assert_int_equal(pq->finish(w, &err), SL_OK);
        assert_non_null(memmem(out.ptr, out.len, "a default value", 15));
        pq->destroy(w);
        sl_buf_free(&out);
}

/* A writer holds about a row group, not the file. */
static void memory_stays_bounded(void **state)
{
        (void)state;
        struct sl_err err = {0};
        struct sl_buf out = {0};
        struct sl_arena a;
        size_t most = 0, total = 0;
        sl_arena_init(&a, 0);
        void *w =
                pq->create(&(struct sl_format_opts){.codec = SL_CODEC_NONE,
                                                    .row_group_bytes = 100000,
                                                    .page_bytes = 10000,
                                                    .parquet = {.encodings = SL_PARQUET_PLAIN, .no_dictionary = true}});
        assert_int_equal(pq->begin(w, row_schema(), &out, &err), SL_OK);
        for (int i = 0; i < 100000; i++) {
                struct sl_value v = make_row(&a, i);
                assert_int_equal(pq->append(w, &v, &err), SL_OK);
                most = pq->pending(w) > most ? pq->pending(w) : most;
                total += out.len;
                sl_buf_clear(&out);
                sl_arena_reset(&a);
        }
        assert_true(total > 1000000);
        assert_true(most < 110000);
        pq->destroy(w);
        sl_buf_free(&out);
        sl_arena_free(&a);
}

/* A writer that has seen a file of its kind allocates nothing any more, for rows, pages or row groups (but for chunks of
 * more than 64 KB, whose memory is given back). */
static void rows_allocate_nothing(void **state)
{
        (void)state;
        if (!ALLOC_COUNTED)
                skip();
        struct sl_err err = {0};
        struct sl_buf out = {0};
        struct sl_arena a;
        sl_arena_init(&a, 0);
        /* The libraries of snappy and zstd allocate for themselves, for each page or now and then. */
        static const enum sl_format_codec codecs[] = {SL_CODEC_NONE, SL_CODEC_GZIP, SL_CODEC_LZ4_RAW};
        for (size_t c = 0; c < sizeof(codecs) / sizeof(*codecs); c++) {
                void *w = pq->create(&(struct sl_format_opts){
                        .codec = codecs[c], .level = -1, .row_group_bytes = 60000, .page_bytes = 10000});
                for (int file = 0; file < 2; file++) {
                        uint64_t ours = 0;
                        assert_int_equal(pq->begin(w, row_schema(), &out, &err), SL_OK);
                        for (int i = 0; i < 60000; i++) {
                                struct sl_value v = make_row(&a, i);
                                uint64_t before = allocations();
                                assert_int_equal(pq->append(w, &v, &err), SL_OK);
                                ours += allocations() - before;
                                sl_arena_reset(&a);
                        }
                        assert_int_equal(pq->finish(w, &err), SL_OK);
                        sl_buf_clear(&out);
                        if (file)
                                assert_int_equal(ours, 0);
                }
                pq->destroy(w);
        }
        sl_buf_free(&out);
        sl_arena_free(&a);
}

/* Values that their type can't hold are refused one by one, by name. */
static void unfit_values(void **state)
{
        (void)state;
        const struct sl_param decimal[] = {{"scale", "0"}, {"connect.decimal.precision", "2"}};
        const struct sl_param size[] = {{"connect.fixed.size", "3"}};
        const struct sl_field fields[] = {
                {"d", 1,
                 sl_schema_intern(&(struct sl_schema){.type = SL_BYTES,
                                                      .name = SL_NAME_DECIMAL,
                                                      .optional = true,
                                                      .params = decimal,
                                                      .param_count = 2})},
                {"f", 1,
                 sl_schema_intern(&(struct sl_schema){
                         .type = SL_BYTES, .name = "F", .optional = true, .params = size, .param_count = 1})},
                {"u", 1,
                 sl_schema_intern(
                         &(struct sl_schema){.type = SL_STRING, .name = "io.debezium.data.Uuid", .optional = true})}};
        const struct sl_schema *s =
                sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT, .fields = fields, .field_count = 3});
        static const struct {
                struct sl_value v;
                const char *text;
        } bad[] = {{{.type = SL_BYTES, .len = 1, .ptr = "\x64"}, "Field d holds a decimal of more than the 2 digits"},
                   {{.type = SL_BYTES, .len = 2, .ptr = "xx"}, "Field f holds 2 bytes where its schema says 3"},
                   {{.type = SL_STRING, .len = 2, .ptr = "xx"}, "Field u holds a text that is no UUID"}};
        for (int decimals = SL_PARQUET_DECIMAL_BYTES; decimals <= SL_PARQUET_DECIMAL_SMALLEST; decimals++) {
                struct sl_format_opts opts = {.level = -1};
                struct sl_buf out = {0};
                struct sl_err err = {0};
                opts.parquet.exact_types = true;
                opts.parquet.decimals = (enum sl_parquet_decimals)decimals;
                void *w = pq->create(&opts);
                assert_int_equal(pq->begin(w, s, &out, &err), SL_OK);
                for (int i = 0; i < 3; i++) {
                        struct sl_value items[3] = {SL_V_NULL, SL_V_NULL, SL_V_NULL},
                                        v = sl_v_items(SL_STRUCT, items, 3);
                        struct sl_err why = {0};
                        assert_int_equal(pq->append(w, &v, &err), SL_OK);
                        items[i] = bad[i].v;
                        assert_int_equal(pq->append(w, &v, &why), SL_SCHEMA);
                        assert_int_equal(why.scope, SL_SCOPE_RECORD);
                        assert_non_null(strstr(why.msg, bad[i].text));
                }
                assert_int_equal(pq->finish(w, &err), SL_OK);
                pq->destroy(w);
                sl_buf_free(&out);
        }
}

/* Columns that never got a byte, in every encoding that may be chosen (the sanitizers look on). */
static void nothing_but_empty_strings(void **state)
{
        (void)state;
        const struct sl_field fields[] = {{"e", 1, sl_schema_of(SL_STRING, false)},
                                          {"n", 1, sl_schema_of(SL_BYTES, true)}};
        const struct sl_schema *s =
                sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT, .fields = fields, .field_count = 2});
        const char *const bloom[] = {"e", "n"};
        for (int way = 0; way < 12; way++) {
                struct sl_format_opts opts = {.level = -1, .codec = way & 1 ? SL_CODEC_SNAPPY : SL_CODEC_NONE};
                opts.parquet = (struct sl_parquet_opts){.pages_v2 = way & 2,
                                                        .no_dictionary = way & 4,
                                                        .encodings = (enum sl_parquet_encodings)(way % 3),
                                                        .bloom_columns = bloom,
                                                        .bloom_count = 2,
                                                        .page_rows = 32};
                struct sl_buf out = {0};
                struct sl_err err = {0};
                void *w = pq->create(&opts);
                assert_int_equal(pq->begin(w, s, &out, &err), SL_OK);
                for (int i = 0; i < 100; i++) {
                        struct sl_value items[2] = {sl_v_str(SL_STR("")), i < 50 ? SL_V_NULL : sl_v_bytes("", 0)};
                        struct sl_value v = sl_v_items(SL_STRUCT, items, 2);
                        assert_int_equal(pq->append(w, &v, &err), SL_OK);
                }
                assert_int_equal(pq->finish(w, &err), SL_OK);
                pq->destroy(w);
                sl_buf_free(&out);
        }
}

/* A chunk's encoding does not hold for a page without values: readers look for the heads of a delta. */
static void a_page_of_nulls_among_deltas(void **state)
{
        (void)state;
        enum { ROWS = 1024 }; /* pages end at multiples of 32 */
        const struct sl_field fields[] = {{"n", 1, sl_schema_of(SL_INT64, true)}};
        const struct sl_schema *s =
                sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT, .fields = fields, .field_count = 1});
        const struct sl_format_opts opts = {.codec = SL_CODEC_NONE,
                                            .parquet = {.no_dictionary = true, .page_rows = ROWS}};
        struct sl_buf out = {0};
        struct sl_err err = {0};
        void *w = pq->create(&opts);
        assert_int_equal(pq->begin(w, s, &out, &err), SL_OK);
        for (int i = 0; i < 3 * ROWS; i++) {
                struct sl_value item = i / ROWS == 1 ? SL_V_NULL : sl_v_i64(SL_INT64, (int64_t)i * 1000);
                struct sl_value v = sl_v_items(SL_STRUCT, &item, 1);
                assert_int_equal(pq->append(w, &v, &err), SL_OK);
        }
        assert_int_equal(pq->finish(w, &err), SL_OK);
        /* Fields 1 to 4 of the three DataPageHeaders: entries (zigzag), encoding, RLE, RLE. */
        static const char entries[] = {0x15, (char)0x80, 0x10, 0x15}, levels[] = {0x15, 6, 0x15, 6};
        int found[8], n = 0;
        for (const char *p = out.ptr, *end = p + out.len; p + 9 <= end && n < 8; p++)
                if (memcmp(p, entries, 4) == 0 && memcmp(p + 5, levels, 4) == 0)
                        found[n++] = p[4] / 2;
        assert_int_equal(n, 3);
        assert_int_equal(found[0], SL_PQ_DELTA_BINARY);
        assert_int_equal(found[1], SL_PQ_PLAIN);
        assert_int_equal(found[2], SL_PQ_DELTA_BINARY);
        pq->destroy(w);
        sl_buf_free(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hybrid_vectors),
                cmocka_unit_test(hybrid_round_trips),
                cmocka_unit_test(packed_bools),
                cmocka_unit_test(thrift_bytes),
                cmocka_unit_test(frame),
                cmocka_unit_test(extensions),
                cmocka_unit_test(same_bytes_whatever_happens),
                cmocka_unit_test(failed_records_leave_nothing),
                cmocka_unit_test(refused_schemas),
                cmocka_unit_test(nulls_in_required_fields),
                cmocka_unit_test(memory_stays_bounded),
                cmocka_unit_test(rows_allocate_nothing),
                cmocka_unit_test(unfit_values),
                cmocka_unit_test(nothing_but_empty_strings),
                cmocka_unit_test(a_page_of_nulls_among_deltas),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
