/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/s3/views.c: what goes into the objects of keys and headers, for each format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/s3/views.h"

struct fixture {
        struct sl_s3_views views;
        struct sl_arena arena;
        struct sl_header headers[2];
        const struct sl_header *list[2];
        struct sl_record rec;
};

static void set_up(struct fixture *f)
{
        *f = (struct fixture){0};
        f->headers[0] = (struct sl_header){SL_STR("a"), sl_schema_of(SL_INT32, false), sl_v_i64(SL_INT32, 12), SL_STR_NULL};
        f->headers[1] = (struct sl_header){SL_STR("b"), NULL, sl_v_str(SL_STR("\"text\"")), SL_STR_NULL};
        f->list[0] = &f->headers[0];
        f->list[1] = &f->headers[1];
        f->rec = (struct sl_record){.topic = SL_STR("orders"),
                                    .partition = 3,
                                    .offset = 42,
                                    .key_schema = sl_schema_of(SL_STRING, true),
                                    .key = sl_v_str(SL_STR("k1")),
                                    .headers = f->list,
                                    .header_count = 2};
}

static void tear_down(struct fixture *f)
{
        sl_s3_views_free(&f->views);
        sl_arena_free(&f->arena);
}

static void expect(const struct sl_schema *schema, const struct sl_value *v, const char *text)
{
        struct sl_buf out = {0};
        sl_value_print(schema, v, &out);
        assert_string_equal(sl_buf_cstr(&out), text);
        sl_buf_free(&out);
}

static void keys(void **state)
{
        (void)state;
        static const enum sl_s3_format raw[] = {SL_S3_JSON, SL_S3_AVRO, SL_S3_BYTES};
        const struct sl_schema *schema, *again;
        struct sl_err err = {0};
        struct sl_value v;
        struct fixture f;
        set_up(&f);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(sl_s3_key_view(&f.views, raw[i], &f.rec, &f.arena, &schema, &v, &err), SL_OK);
                assert_ptr_equal(schema, f.rec.key_schema);
                expect(schema, &v, "k1");
        }
        assert_int_equal(sl_s3_key_view(&f.views, SL_S3_PARQUET, &f.rec, &f.arena, &schema, &v, &err), SL_OK);
        expect(schema, &v, "Struct{key=k1}");
        assert_string_equal(schema->name, "RecordKey");
        assert_int_equal(sl_s3_key_view(&f.views, SL_S3_PARQUET, &f.rec, &f.arena, &again, &v, &err), SL_OK);
        assert_ptr_equal(schema, again);
        f.rec.key_schema = sl_schema_of(SL_INT64, false); /* a key of another schema */
        f.rec.key = sl_v_i64(SL_INT64, 7);
        assert_int_equal(sl_s3_key_view(&f.views, SL_S3_PARQUET, &f.rec, &f.arena, &again, &v, &err), SL_OK);
        assert_ptr_not_equal(schema, again);
        expect(again, &v, "Struct{key=7}");
        tear_down(&f);
}

static void headers(void **state)
{
        (void)state;
        static const char list[] = "[Struct{key=a,value=12}, Struct{key=b,value=\"text\"}]";
        const struct sl_schema *schema;
        struct sl_err err = {0};
        struct sl_value v;
        struct fixture f;
        set_up(&f);
        assert_int_equal(sl_s3_header_view(&f.views, SL_S3_AVRO, &f.rec, &f.arena, &schema, &v, &err), SL_OK);
        assert_int_equal(schema->type, SL_ARRAY);
        expect(schema, &v, list);
        const enum sl_s3_format wrapped[] = {SL_S3_JSON, SL_S3_PARQUET};
        for (int i = 0; i < 2; i++) {
                assert_int_equal(sl_s3_header_view(&f.views, wrapped[i], &f.rec, &f.arena, &schema, &v, &err), SL_OK);
                assert_string_equal(schema->name, "RecordHeaders");
                struct sl_buf want = {0};
                sl_buf_printf(&want, "Struct{headers=%s}", list);
                expect(schema, &v, sl_buf_cstr(&want));
                sl_buf_free(&want);
        }
        tear_down(&f);
}

/* As Confluent writes it, as a line of JSON. */
static void headers_as_json(void **state)
{
        (void)state;
        const struct sl_schema *schema;
        struct sl_buf out = {0};
        struct sl_err err = {0};
        struct sl_value v;
        struct fixture f;
        set_up(&f);
        void *w = sl_format_jsonl.create(&(struct sl_format_opts){.level = -1});
        assert_int_equal(sl_s3_header_view(&f.views, SL_S3_JSON, &f.rec, &f.arena, &schema, &v, &err), SL_OK);
        assert_int_equal(sl_format_jsonl.begin(w, schema, &out, &err), SL_OK);
        assert_int_equal(sl_format_jsonl.append(w, &v, &err), SL_OK);
        assert_string_equal(sl_buf_cstr(&out),
                            "{\"headers\":[{\"key\":\"a\",\"value\":\"12\"},{\"key\":\"b\",\"value\":\"\\\"text\\\"\"}]}\n");
        sl_format_jsonl.destroy(w);
        sl_buf_free(&out);
        tear_down(&f);
}

static void expect_error(enum sl_rc rc, struct sl_err *err, const char *text)
{
        assert_int_not_equal(rc, SL_OK);
        assert_int_equal(err->scope, SL_SCOPE_RECORD);
        assert_string_equal(err->java, "org.apache.kafka.connect.errors.DataException");
        struct sl_str msg = sl_err_message(err);
        assert_int_equal(msg.len, strlen(text));
        assert_memory_equal(msg.ptr, text, msg.len);
        *err = (struct sl_err){0};
}

static void refusals(void **state)
{
        (void)state;
        const struct sl_schema *schema;
        struct sl_err err = {0};
        struct sl_value v;
        struct fixture f;
        set_up(&f);
        f.rec.key = SL_V_NULL;
        expect_error(sl_s3_key_view(&f.views, SL_S3_AVRO, &f.rec, &f.arena, &schema, &v, &err), &err,
                     "Key cannot be null for SinkRecord: SinkRecord{kafkaOffset=42, topic='orders', kafkaPartition=3} ");
        f.rec.key = sl_v_str(SL_STR("k"));
        f.rec.key_schema = NULL;
        expect_error(sl_s3_key_view(&f.views, SL_S3_PARQUET, &f.rec, &f.arena, &schema, &v, &err), &err,
                     "fieldSchema for field key cannot be null.");
        f.headers[1].value = SL_V_NULL;
        expect_error(sl_s3_header_view(&f.views, SL_S3_AVRO, &f.rec, &f.arena, &schema, &v, &err), &err,
                     "Invalid value: null used for required field: \"value\", schema type: STRING");
        f.rec.header_count = 0;
        expect_error(sl_s3_header_view(&f.views, SL_S3_AVRO, &f.rec, &f.arena, &schema, &v, &err), &err,
                     "Headers cannot be null for SinkRecord: SinkRecord{kafkaOffset=42, topic='orders', kafkaPartition=3} ");
        tear_down(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keys),
                cmocka_unit_test(headers),
                cmocka_unit_test(headers_as_json),
                cmocka_unit_test(refusals),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
