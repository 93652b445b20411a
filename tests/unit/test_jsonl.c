/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/format/jsonl.c: lines, gzip, failed records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "connectors/format/format.h"

static const struct sl_format_ops *const jsonl = &sl_format_jsonl;

static const struct sl_schema *row_schema(void)
{
        const struct sl_field fields[] = {{"id", 2, sl_schema_of(SL_INT64, false)},
                                          {"who", 3, sl_schema_of(SL_STRING, true)}};
        return sl_schema_intern(
                &(struct sl_schema){.type = SL_STRUCT, .name = "Row", .fields = fields, .field_count = 2});
}

static void add_row(void *w, int64_t id, const char *who)
{
        struct sl_err err = {0};
        struct sl_value items[] = {sl_v_i64(SL_INT64, id), who ? sl_v_str(sl_str_c(who)) : SL_V_NULL};
        struct sl_value v = sl_v_items(SL_STRUCT, items, 2);
        assert_int_equal(jsonl->append(w, &v, &err), SL_OK);
}

static void structs_without_envelope(void **state)
{
        (void)state;
        struct sl_format_opts opts = {.level = -1};
        struct sl_err err = {0};
        struct sl_buf out = {0};
        void *w = jsonl->create(&opts);
        assert_string_equal(jsonl->ext(&opts), ".json");
        assert_int_equal(jsonl->begin(w, row_schema(), &out, &err), SL_OK);
        add_row(w, 1, "a\"b\n");
        add_row(w, 2, NULL);
        assert_int_equal(jsonl->finish(w, &err), SL_OK);
        assert_string_equal(sl_buf_cstr(&out), "{\"id\":1,\"who\":\"a\\\"b\\n\"}\n{\"id\":2,\"who\":null}\n");
        jsonl->destroy(w);
        sl_buf_free(&out);
}

static void schemaless_as_they_are(void **state)
{
        (void)state;
        struct sl_err err = {0};
        struct sl_buf out = {0};
        void *w = jsonl->create(&(struct sl_format_opts){.level = -1});
        assert_int_equal(jsonl->begin(w, NULL, &out, &err), SL_OK);
        struct sl_value text = sl_v_str(SL_STR("plain")), number = sl_v_i64(SL_INT64, -5);
        struct sl_value pair[] = {sl_v_str(SL_STR("k")), sl_v_bool(true)};
        struct sl_value map = sl_v_items(SL_MAP, pair, 1);
        assert_int_equal(jsonl->append(w, &text, &err), SL_OK);
        assert_int_equal(jsonl->append(w, &number, &err), SL_OK);
        assert_int_equal(jsonl->append(w, &map, &err), SL_OK);
        assert_string_equal(sl_buf_cstr(&out), "\"plain\"\n-5\n{\"k\":true}\n");
        jsonl->destroy(w);
        sl_buf_free(&out);
}

/* A record that does not fit its schema leaves no trace. */
static void failed_record_leaves_nothing(void **state)
{
        (void)state;
        struct sl_err err = {0};
        struct sl_buf out = {0};
        void *w = jsonl->create(&(struct sl_format_opts){.level = -1});
        assert_int_equal(jsonl->begin(w, row_schema(), &out, &err), SL_OK);
        add_row(w, 1, "x");
        struct sl_value items[] = {sl_v_i64(SL_INT64, 2), sl_v_i64(SL_INT64, 3)};
        struct sl_value bad = sl_v_items(SL_STRUCT, items, 2);
        assert_int_not_equal(jsonl->append(w, &bad, &err), SL_OK);
        assert_int_equal(err.scope, SL_SCOPE_RECORD);
        add_row(w, 4, "y");
        assert_string_equal(sl_buf_cstr(&out), "{\"id\":1,\"who\":\"x\"}\n{\"id\":4,\"who\":\"y\"}\n");
        jsonl->destroy(w);
        sl_buf_free(&out);
}

/* A record that the buffer has no room for leaves no trace, nor does one whose text passes any limit. */
static void too_large_for_the_buffer(void **state)
{
        (void)state;
        char big[2000];
        struct sl_err err = {0};
        struct sl_buf out;
        memset(big, 'x', sizeof(big));
        sl_buf_init(&out, 1000);
        void *w = jsonl->create(&(struct sl_format_opts){.level = -1});
        assert_int_equal(jsonl->begin(w, row_schema(), &out, &err), SL_OK);
        add_row(w, 1, "x");
        struct sl_value items[] = {sl_v_i64(SL_INT64, 2), sl_v_str((struct sl_str){big, sizeof(big)})};
        struct sl_value large = sl_v_items(SL_STRUCT, items, 2);
        assert_int_not_equal(jsonl->append(w, &large, &err), SL_OK);
        assert_int_equal(err.id, SL_E_TOO_LARGE);
        add_row(w, 4, "y");
        assert_string_equal(sl_buf_cstr(&out), "{\"id\":1,\"who\":\"x\"}\n{\"id\":4,\"who\":\"y\"}\n");
        jsonl->destroy(w);
        sl_buf_free(&out);
}

static void gunzip(const struct sl_buf *in, struct sl_buf *out)
{
        z_stream z = {.next_in = (Bytef *)in->ptr, .avail_in = (uInt)in->len};
        assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
        int rc;
        do {
                assert_true(sl_buf_room(out, 65536));
                z.next_out = (Bytef *)out->ptr + out->len;
                z.avail_out = 65536;
                rc = inflate(&z, Z_NO_FLUSH);
                out->len += 65536 - z.avail_out;
        } while (rc == Z_OK);
        assert_int_equal(rc, Z_STREAM_END);
        assert_int_equal(z.avail_in, 0); /* one member, nothing behind it */
        inflateEnd(&z);
}

/* Two files from one writer; bytes are taken away from out in between, as uploads of parts do. */
static void gzip_files(void **state)
{
        (void)state;
        struct sl_format_opts opts = {.codec = SL_CODEC_GZIP, .level = 1};
        struct sl_err err = {0};
        void *w = jsonl->create(&opts);
        assert_string_equal(jsonl->ext(&opts), ".json.gz");
        for (int file = 0; file < 2; file++) {
                struct sl_buf out = {0}, whole = {0}, text = {0};
                assert_int_equal(jsonl->begin(w, row_schema(), &out, &err), SL_OK);
                for (int i = 0; i < 20000; i++) {
                        add_row(w, i * 7919 % 10007 + file, i % 3 ? "somebody" : NULL);
                        if (out.len > 5000) {
                                sl_buf_add(&whole, out.ptr, out.len);
                                sl_buf_clear(&out);
                        }
                }
                assert_int_equal(jsonl->finish(w, &err), SL_OK);
                sl_buf_add(&whole, out.ptr, out.len);
                gunzip(&whole, &text);
                assert_true(whole.len < text.len / 3);
                char *line = text.ptr;
                sl_buf_cstr(&text);
                line = text.ptr;
                for (int i = 0; i < 20000; i++) {
                        assert_int_equal(strtol(line + strlen("{\"id\":"), NULL, 10), i * 7919 % 10007 + file);
                        line = strchr(line, '\n') + 1;
                }
                assert_ptr_equal(line, text.ptr + text.len);
                sl_buf_free(&out);
                sl_buf_free(&whole);
                sl_buf_free(&text);
        }
        jsonl->destroy(w);
        jsonl->destroy(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(structs_without_envelope),
                cmocka_unit_test(schemaless_as_they_are),
                cmocka_unit_test(failed_record_leaves_nothing),
                cmocka_unit_test(too_large_for_the_buffer),
                cmocka_unit_test(gzip_files),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
