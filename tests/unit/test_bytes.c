/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/format/bytes.c and compress.c: separators, endings, what is no bytes, and the frames of whole-file compression. What
 * other libraries read of it: tests/conformance/formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <zstd.h>

#include "connectors/format/compress.h"

static const struct sl_format_ops *const bytes = &sl_format_bytes;

static void records_and_separators(void **state)
{
        (void)state;
        static const struct {
                const char *separator, *want;
        } cases[] = {{NULL, "one\n\ntw\0o\n"}, {"", "onetw\0o"}, {" ;\t", "one ;\t ;\ttw\0o ;\t"}};
        static const size_t lengths[] = {10, 7, 16};
        for (size_t i = 0; i < 3; i++) {
                struct sl_format_opts opts = {.level = -1, .separator = cases[i].separator};
                struct sl_err err = {0};
                struct sl_buf out = {0};
                void *w = bytes->create(&opts);
                struct sl_value v[] = {sl_v_bytes("one", 3), sl_v_bytes("", 0), sl_v_bytes("tw\0o", 4)};
                assert_int_equal(bytes->begin(w, i ? sl_schema_of(SL_BYTES, true) : NULL, &out, &err), SL_OK);
                for (int k = 0; k < 3; k++)
                        assert_int_equal(bytes->append(w, &v[k], &err), SL_OK);
                assert_int_equal(bytes->finish(w, &err), SL_OK);
                assert_int_equal(out.len, lengths[i]);
                assert_memory_equal(out.ptr, cases[i].want, out.len);
                bytes->destroy(w);
                sl_buf_free(&out);
        }
}

static void endings(void **state)
{
        (void)state;
        struct sl_format_opts opts = {.codec = SL_CODEC_NONE};
        assert_string_equal(bytes->ext(&opts), ".bin");
        opts.codec = SL_CODEC_GZIP;
        assert_string_equal(bytes->ext(&opts), ".bin.gz");
        strcpy(opts.extension, ".raw.gz");
        assert_string_equal(bytes->ext(&opts), ".raw.gz");
        assert_string_equal(sl_format_codec_ext(SL_CODEC_NONE), "");
        assert_string_equal(sl_format_codec_ext(SL_CODEC_ZSTD), ".zst");
        assert_string_equal(sl_format_codec_ext(SL_CODEC_XZ), "");
        opts = (struct sl_format_opts){.codec = SL_CODEC_SNAPPY};
        assert_string_equal(sl_format_jsonl.ext(&opts), ".json.sz");
        opts.codec = SL_CODEC_LZ4;
        assert_string_equal(sl_format_jsonl.ext(&opts), ".json.lz4");
}

static void no_bytes_no_record(void **state)
{
        (void)state;
        struct sl_format_opts opts = {.level = -1};
        struct sl_err err = {0};
        struct sl_buf out = {0};
        void *w = bytes->create(&opts);
        assert_int_not_equal(bytes->begin(w, sl_schema_of(SL_STRING, false), &out, &err), SL_OK);
        assert_int_equal(err.id, SL_E_FORMAT);
        assert_true(sl_str_eqc(sl_err_message(&err), "Invalid schema type for ByteArrayConverter: STRING"));
        assert_int_equal(bytes->begin(w, NULL, &out, &(struct sl_err){0}), SL_OK);
        struct sl_value text = sl_v_str(SL_STR("x")), good = sl_v_bytes("y", 1);
        err = (struct sl_err){0};
        assert_int_not_equal(bytes->append(w, &text, &err), SL_OK);
        assert_true(sl_str_eqc(sl_err_message(&err),
                               "ByteArrayConverter is not compatible with objects of type class java.lang.String"));
        assert_int_equal(err.scope, SL_SCOPE_RECORD);
        assert_int_equal(bytes->append(w, &good, &(struct sl_err){0}), SL_OK);
        /* Connect has a BigDecimal there, not bytes. */
        const struct sl_schema *decimal = sl_schema_intern(&(struct sl_schema){
                .type = SL_BYTES, .name = SL_NAME_DECIMAL, .params = &(struct sl_param){"scale", "2"}, .param_count = 1});
        assert_int_equal(bytes->begin(w, decimal, &out, &(struct sl_err){0}), SL_OK);
        assert_int_not_equal(bytes->append(w, &good, &(struct sl_err){0}), SL_OK);
        assert_int_equal(out.len, 2);
        bytes->destroy(w);
        bytes->destroy(NULL);
        sl_buf_free(&out);
}

/* A record that the buffer has no room for leaves no trace. */
static void too_large_for_the_buffer(void **state)
{
        (void)state;
        struct sl_format_opts opts = {.level = -1};
        struct sl_err err = {0};
        struct sl_buf out;
        char big[2000] = {0};
        sl_buf_init(&out, 1000);
        void *w = bytes->create(&opts);
        struct sl_value good = sl_v_bytes("y", 1), large = sl_v_bytes(big, sizeof(big));
        assert_int_equal(bytes->begin(w, NULL, &out, &err), SL_OK);
        assert_int_equal(bytes->append(w, &good, &err), SL_OK);
        assert_int_not_equal(bytes->append(w, &large, &err), SL_OK);
        assert_int_equal(err.id, SL_E_TOO_LARGE);
        assert_int_equal(bytes->append(w, &good, &(struct sl_err){0}), SL_OK);
        assert_string_equal(sl_buf_cstr(&out), "y\ny\n");
        bytes->destroy(w);
        sl_buf_free(&out);
}

/* Snappy's framing format, chunk by chunk (the checksums are checked by others' readers). */
static void read_snappy(const struct sl_buf *in, struct sl_buf *text)
{
        size_t at = 10;
        assert_true(in->len >= 10);
        assert_memory_equal(in->ptr, "\xff\x06\0\0sNaPpY", 10);
        while (at < in->len) {
                const uint8_t *h = (const uint8_t *)in->ptr + at;
                size_t n = h[1] | (size_t)h[2] << 8 | (size_t)h[3] << 16, len = 65536;
                assert_true(h[0] <= 1 && n >= 4 && at + 4 + n <= in->len);
                assert_true(sl_buf_room(text, len));
                if (h[0])
                        memcpy(text->ptr + text->len, h + 8, len = n - 4);
                else
                        assert_int_equal(snappy_uncompress((const char *)h + 8, n - 4, text->ptr + text->len, &len), SNAPPY_OK);
                text->len += len;
                at += 4 + n;
        }
}

static void read_zstd(const struct sl_buf *in, struct sl_buf *text)
{
        ZSTD_DCtx *d = ZSTD_createDCtx();
        ZSTD_inBuffer from = {in->ptr, in->len, 0};
        size_t left = 1;
        while (left) {
                assert_true(sl_buf_room(text, 65536));
                ZSTD_outBuffer to = {text->ptr + text->len, 65536, 0};
                left = ZSTD_decompressStream(d, &to, &from);
                assert_false(ZSTD_isError(left));
                text->len += to.pos;
        }
        assert_int_equal(from.pos, from.size); /* one frame */
        ZSTD_freeDCtx(d);
}

static void read_lz4(const struct sl_buf *in, struct sl_buf *text)
{
        LZ4F_dctx *d;
        size_t at = 0, left = 1;
        assert_false(LZ4F_isError(LZ4F_createDecompressionContext(&d, LZ4F_VERSION)));
        while (left) {
                assert_true(sl_buf_room(text, 65536));
                size_t to = 65536, from = in->len - at;
                left = LZ4F_decompress(d, text->ptr + text->len, &to, in->ptr + at, &from, NULL);
                assert_false(LZ4F_isError(left));
                text->len += to;
                at += from;
        }
        assert_int_equal(at, in->len);
        LZ4F_freeDecompressionContext(d);
}

/* Sizes round the blocks, two files of one writer; bytes are taken away from out as uploads of parts do. */
static void compressed_files(void **state)
{
        (void)state;
        static const struct {
                enum sl_format_codec codec;
                void (*read)(const struct sl_buf *, struct sl_buf *);
        } codecs[] = {{SL_CODEC_SNAPPY, read_snappy}, {SL_CODEC_ZSTD, read_zstd}, {SL_CODEC_LZ4, read_lz4}};
        static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 131072, 300000};
        for (size_t c = 0; c < 3; c++) {
                struct sl_format_opts opts = {.codec = codecs[c].codec, .level = -1, .separator = ""};
                struct sl_err err = {0};
                void *w = bytes->create(&opts);
                struct sl_buf left = {0};
                /* one that is not finished */
                assert_int_equal(bytes->begin(w, NULL, &left, &err), SL_OK);
                assert_int_equal(bytes->append(w, &(struct sl_value){.type = SL_BYTES, .len = 4, .ptr = "left"}, &err), SL_OK);
                assert_int_equal(bytes->pending(w), 4);
                for (size_t k = 0; k < 2 * sizeof(sizes) / sizeof(*sizes); k++) {
                        struct sl_buf want = {0}, out = {0}, whole = {0}, text = {0};
                        uint32_t x = (uint32_t)k + 1;
                        for (size_t i = 0; i < sizes[k / 2]; i++) {
                                x = x * 1664525 + 1013904223;
                                sl_buf_addc(&want, k & 1 ? (char)(x >> 24) : "abcd"[x >> 30]); /* noise, or not */
                        }
                        assert_int_equal(bytes->begin(w, NULL, &out, &err), SL_OK);
                        for (size_t at = 0; at < want.len; at += 777) {
                                struct sl_value v = sl_v_bytes(want.ptr + at, want.len - at < 777 ? want.len - at : 777);
                                assert_int_equal(bytes->append(w, &v, &err), SL_OK);
                                sl_buf_add(&whole, out.ptr, out.len);
                                sl_buf_clear(&out);
                        }
                        assert_int_equal(bytes->finish(w, &err), SL_OK);
                        sl_buf_add(&whole, out.ptr, out.len);
                        codecs[c].read(&whole, &text);
                        assert_int_equal(text.len, want.len);
                        if (want.len)
                                assert_memory_equal(text.ptr, want.ptr, want.len);
                        sl_buf_free(&want);
                        sl_buf_free(&out);
                        sl_buf_free(&whole);
                        sl_buf_free(&text);
                }
                bytes->destroy(w);
                sl_buf_free(&left);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(records_and_separators), cmocka_unit_test(endings),
                cmocka_unit_test(no_bytes_no_record),     cmocka_unit_test(too_large_for_the_buffer),
                cmocka_unit_test(compressed_files),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
