/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/format/avrofile.c: the container's bytes, blocks, failed records, files one after another, the same bytes twice. What
 * other libraries read of it, with every codec: tests/conformance/formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/format/format.h"
#include "tests/unit/allocations.h"

static const struct sl_format_ops *const avro = &sl_format_avro;

static const struct sl_schema *row_schema(void)
{
        const struct sl_field fields[] = {{"id", 2, sl_schema_of(SL_INT64, false)},
                                          {"who", 3, sl_schema_of(SL_STRING, true)}};
        return sl_schema_intern(
                &(struct sl_schema){.type = SL_STRUCT, .name = "Row", .fields = fields, .field_count = 2});
}

static void add_row(void *w, int64_t id, struct sl_str who)
{
        struct sl_err err = {0};
        struct sl_value items[] = {sl_v_i64(SL_INT64, id), who.ptr ? sl_v_str(who) : SL_V_NULL};
        struct sl_value v = sl_v_items(SL_STRUCT, items, 2);
        assert_int_equal(avro->append(w, &v, &err), SL_OK);
}

static uint64_t get_long(const struct sl_buf *b, size_t *at)
{
        uint64_t v = 0;
        int shift = 0;
        do {
                assert_true(*at < b->len);
                v |= (uint64_t)(b->ptr[*at] & 127) << shift;
                shift += 7;
        } while (b->ptr[(*at)++] & 128);
        assert_int_equal(v & 1, 0); /* no negative numbers in a frame */
        return v >> 1;
}

static struct sl_str get_text(const struct sl_buf *b, size_t *at)
{
        size_t n = get_long(b, at);
        struct sl_str s = {b->ptr + *at, n};
        *at += n;
        assert_true(*at <= b->len);
        return s;
}

/* Checks the header; where the blocks start, and the marker. */
static size_t read_head(const struct sl_buf *b, const char *codec, const char *schema, char sync[16])
{
        size_t at = 4;
        assert_true(b->len > 4 && memcmp(b->ptr, "Obj\1", 4) == 0);
        assert_int_equal(get_long(b, &at), 2);
        assert_true(sl_str_eqc(get_text(b, &at), "avro.schema"));
        struct sl_str text = get_text(b, &at);
        if (schema)
                assert_true(sl_str_eqc(text, schema));
        assert_true(sl_str_eqc(get_text(b, &at), "avro.codec"));
        assert_true(sl_str_eqc(get_text(b, &at), codec));
        assert_int_equal(get_long(b, &at), 0);
        memcpy(sync, b->ptr + at, 16);
        return at + 16;
}

/* Records in the blocks; at most 8. */
static int read_blocks(const struct sl_buf *b, size_t at, const char *sync, uint64_t counts[8])
{
        int n = 0;
        while (at < b->len) {
                assert_true(n < 8);
                counts[n++] = get_long(b, &at);
                get_text(b, &at);
                assert_memory_equal(b->ptr + at, sync, 16);
                at += 16;
        }
        assert_int_equal(at, b->len);
        return n;
}

static void rows_in_a_container(void **state)
{
        (void)state;
        struct sl_format_opts opts = {.level = -1, .avro_enhanced = true};
        struct sl_err err = {0};
        struct sl_buf out = {0};
        void *w = avro->create(&opts);
        char sync[16];
        assert_string_equal(avro->ext(&opts), ".avro");
        assert_int_equal(avro->begin(w, row_schema(), &out, &err), SL_OK);
        add_row(w, 1, SL_STR("a"));
        add_row(w, -2, SL_STR_NULL);
        assert_int_equal(avro->pending(w), 6);
        assert_int_equal(avro->finish(w, &err), SL_OK);
        size_t at = read_head(&out, "null",
                              "{\"type\":\"record\",\"name\":\"Row\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},{\"name\":"
                              "\"who\",\"type\":[\"null\",\"string\"],\"default\":null}],\"connect.name\":\"Row\"}",
                              sync);
        assert_int_equal(out.len - at, 2 + 6 + 16);
        assert_memory_equal(out.ptr + at, "\x04\x0c\x02\x02\x02" "a\x03\x00", 8);
        avro->destroy(w);
        sl_buf_free(&out);
}

/* Two files of one writer are the same bytes, and so is another writer's; other options give another marker. */
static void same_records_same_bytes(void **state)
{
        (void)state;
        char sync[2][16];
        struct sl_buf files[4] = {0};
        struct sl_err err = {0};
        for (int i = 0; i < 4; i += 2) {
                struct sl_format_opts opts = {.codec = SL_CODEC_DEFLATE, .level = -1, .avro_no_meta = i};
                void *w = avro->create(&opts);
                for (int k = i; k < i + 2; k++) {
                        assert_int_equal(avro->begin(w, row_schema(), &files[k], &err), SL_OK);
                        for (int row = 0; row < 5000; row++)
                                add_row(w, row, SL_STR("somebody"));
                        assert_int_equal(avro->finish(w, &err), SL_OK);
                }
                read_head(&files[i], "deflate", NULL, sync[i / 2]);
                avro->destroy(w);
                assert_int_equal(files[i].len, files[i + 1].len);
                assert_memory_equal(files[i].ptr, files[i + 1].ptr, files[i].len);
        }
        assert_memory_not_equal(sync[0], sync[1], 16);
        for (int i = 0; i < 4; i++)
                sl_buf_free(&files[i]);
}

static void failed_record_leaves_nothing(void **state)
{
        (void)state;
        struct sl_format_opts opts = {.codec = SL_CODEC_SNAPPY, .level = -1};
        struct sl_buf files[2] = {0};
        struct sl_err err = {0};
        for (int i = 0; i < 2; i++) {
                void *w = avro->create(&opts);
                assert_int_equal(avro->begin(w, row_schema(), &files[i], &err), SL_OK);
                add_row(w, 1, SL_STR("x"));
                struct sl_value items[] = {sl_v_i64(SL_INT64, 2), sl_v_i64(SL_INT64, 3)};
                struct sl_value bad = sl_v_items(SL_STRUCT, items, 2);
                if (i) {
                        assert_int_not_equal(avro->append(w, &bad, &err), SL_OK);
                        assert_int_equal(err.scope, SL_SCOPE_RECORD);
                }
                add_row(w, 4, SL_STR("y"));
                assert_int_equal(avro->finish(w, &(struct sl_err){0}), SL_OK);
                avro->destroy(w);
        }
        assert_int_equal(files[0].len, files[1].len);
        assert_memory_equal(files[0].ptr, files[1].ptr, files[0].len);
        sl_buf_free(&files[0]);
        sl_buf_free(&files[1]);
}

/* A block ends with the record that fills it; a file that was left is forgotten; bytes are taken from out meanwhile. */
static void blocks_end_where_avros_do(void **state)
{
        (void)state;
        static const enum sl_format_codec codecs[] = {SL_CODEC_NONE,  SL_CODEC_DEFLATE, SL_CODEC_SNAPPY,
                                                      SL_CODEC_BZIP2, SL_CODEC_ZSTD,    SL_CODEC_XZ};
        static const char *const names[] = {"null", "deflate", "snappy", "bzip2", "zstandard", "xz"};
        char text[1000], sync[16];
        memset(text, 'x', sizeof(text));
        for (size_t c = 0; c < sizeof(codecs) / sizeof(*codecs); c++) {
                struct sl_format_opts opts = {.codec = codecs[c], .level = -1};
                struct sl_err err = {0};
                struct sl_buf out = {0}, whole = {0};
                uint64_t counts[8];
                void *w = avro->create(&opts);
                assert_int_equal(avro->begin(w, row_schema(), &out, &err), SL_OK);
                add_row(w, 1, SL_STR("of a file that nobody wants"));
                sl_buf_clear(&out);
                assert_int_equal(avro->begin(w, row_schema(), &out, &err), SL_OK);
                for (int i = 0; i < 130; i++) {
                        add_row(w, 5, (struct sl_str){text, 996}); /* 1 + 1 + 2 + 996: 64 of them are a block */
                        sl_buf_add(&whole, out.ptr, out.len);
                        sl_buf_clear(&out);
                }
                assert_int_equal(avro->pending(w), 2000);
                assert_int_equal(avro->finish(w, &err), SL_OK);
                assert_int_equal(avro->pending(w), 0);
                sl_buf_add(&whole, out.ptr, out.len);
                size_t at = read_head(&whole, names[c], NULL, sync);
                assert_int_equal(read_blocks(&whole, at, sync, counts), 3);
                assert_int_equal(counts[0], 64);
                assert_int_equal(counts[1], 64);
                assert_int_equal(counts[2], 2);
                assert_true(codecs[c] == SL_CODEC_NONE || whole.len < 10000);
                avro->destroy(w);
                sl_buf_free(&out);
                sl_buf_free(&whole);
        }
}

/* Bytes have their length in a file, unlike in Confluent's messages; a file without records is a header. */
static void values_that_are_no_records(void **state)
{
        (void)state;
        struct sl_format_opts opts = {.level = -1};
        struct sl_err err = {0};
        struct sl_buf out = {0};
        char sync[16];
        void *w = avro->create(&opts);
        assert_int_equal(avro->begin(w, sl_schema_of(SL_BYTES, false), &out, &err), SL_OK);
        struct sl_value v = sl_v_bytes("\0ab", 3);
        assert_int_equal(avro->append(w, &v, &err), SL_OK);
        assert_int_equal(avro->finish(w, &err), SL_OK);
        size_t at = read_head(&out, "null", "\"bytes\"", sync);
        assert_memory_equal(out.ptr + at, "\x02\x08\x06\0ab", 6);
        sl_buf_clear(&out);
        assert_int_equal(avro->begin(w, sl_schema_of(SL_STRING, true), &out, &err), SL_OK);
        assert_int_equal(avro->finish(w, &err), SL_OK);
        assert_int_equal(read_head(&out, "null", "[\"null\",\"string\"]", sync), out.len);
        /* Without a schema: Confluent's Anything, which has no bytes. */
        sl_buf_clear(&out);
        assert_int_equal(avro->begin(w, NULL, &out, &err), SL_OK);
        assert_int_not_equal(avro->append(w, &v, &err), SL_OK);
        assert_int_equal(err.scope, SL_SCOPE_RECORD);
        v = sl_v_i64(SL_INT64, 1);
        assert_int_equal(avro->append(w, &v, &(struct sl_err){0}), SL_OK);
        assert_int_equal(avro->pending(w), 10);
        avro->destroy(w);
        avro->destroy(NULL);
        sl_buf_free(&out);
}

/* A name that Avro does not allow: refused, and the writer is as good as before. */
static void schemas_that_avro_refuses(void **state)
{
        (void)state;
        const struct sl_field field = {"a-b", 3, sl_schema_of(SL_INT32, false)};
        const struct sl_schema *bad = sl_schema_intern(
                &(struct sl_schema){.type = SL_STRUCT, .name = "Row", .fields = &field, .field_count = 1});
        struct sl_format_opts opts = {.level = -1};
        struct sl_err err = {0};
        struct sl_buf out = {0};
        void *w = avro->create(&opts);
        assert_int_not_equal(avro->begin(w, bad, &out, &err), SL_OK);
        assert_int_equal(err.scope, SL_SCOPE_RECORD);
        assert_int_equal(out.len, 0);
        assert_int_equal(avro->begin(w, row_schema(), &out, &(struct sl_err){0}), SL_OK);
        add_row(w, 1, SL_STR("x"));
        assert_int_not_equal(avro->begin(w, bad, &out, &(struct sl_err){0}), SL_OK);
        assert_int_equal(avro->begin(w, row_schema(), &out, &(struct sl_err){0}), SL_OK);
        add_row(w, 1, SL_STR("x"));
        avro->destroy(w);
        sl_buf_free(&out);
}

/* The second file of a schema: writers, compressors and blocks have their memory. (libsnappy, libbz2 and liblzma take theirs a
 * block, liblz4 may a file.) */
static void rows_allocate_nothing(void **state)
{
        (void)state;
        static const struct {
                const struct sl_format_ops *ops;
                enum sl_format_codec codec;
        } cases[] = {{&sl_format_avro, SL_CODEC_NONE},  {&sl_format_avro, SL_CODEC_DEFLATE}, {&sl_format_avro, SL_CODEC_ZSTD},
                     {&sl_format_jsonl, SL_CODEC_NONE}, {&sl_format_jsonl, SL_CODEC_GZIP},   {&sl_format_jsonl, SL_CODEC_ZSTD},
                     {&sl_format_jsonl, SL_CODEC_LZ4}};
        for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++) {
                const struct sl_format_ops *ops = cases[c].ops;
                void *w = ops->create(&(struct sl_format_opts){.codec = cases[c].codec, .level = -1});
                struct sl_err err = {0};
                struct sl_buf out = {0};
                uint64_t before = 0;
                for (int file = 0; file < 3; file++) {
                        if (file == 1)
                                before = allocations();
                        sl_buf_clear(&out);
                        bool ok = ops->begin(w, row_schema(), &out, &err) == SL_OK;
                        for (int i = 0; ok && i < 20000; i++) {
                                struct sl_value items[] = {sl_v_i64(SL_INT64, i * 7919 % 10007), sl_v_str(SL_STR("somebody"))};
                                struct sl_value v = sl_v_items(SL_STRUCT, items, 2);
                                ok = ops->append(w, &v, &err) == SL_OK;
                        }
                        assert_true(ok && ops->finish(w, &err) == SL_OK);
                }
                if (allocations() - before > (cases[c].codec == SL_CODEC_LZ4 ? 2 : 0))
                        fail_msg("%s with codec %d: %llu allocations", ops->name, cases[c].codec,
                                 (unsigned long long)(allocations() - before));
                ops->destroy(w);
                sl_buf_free(&out);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_in_a_container),        cmocka_unit_test(same_records_same_bytes),
                cmocka_unit_test(failed_record_leaves_nothing), cmocka_unit_test(blocks_end_where_avros_do),
                cmocka_unit_test(values_that_are_no_records), cmocka_unit_test(schemas_that_avro_refuses),
                cmocka_unit_test(rows_allocate_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
