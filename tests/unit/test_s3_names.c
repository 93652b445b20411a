/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/s3: object keys, and the texts that answers and credentials files are made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/s3/client.h"
#include "connectors/s3/names.h"

static void expect_key(struct sl_s3_names names, int32_t partition, const char *dir, int64_t offset, const char *want)
{
        struct sl_buf b = {0};
        struct sl_err err = {0};
        assert_int_equal(sl_s3_object_key(&names, "orders", partition, sl_str_c(dir), offset, SL_S3_VALUES, &b, &err), SL_OK);
        assert_string_equal(sl_buf_cstr(&b), want);
        sl_buf_free(&b);
}

static void object_keys(void **state)
{
        (void)state;
        struct sl_s3_names n = {"topics", "/", "+", 10, {".snappy.parquet"}};
        expect_key(n, 3, "partition=3", 4200, "topics/orders/partition=3/orders+3+0000004200.snappy.parquet");
        expect_key(n, 3, "year=2026/month=11/day=05/hour=17", 4200,
                   "topics/orders/year=2026/month=11/day=05/hour=17/orders+3+0000004200.snappy.parquet");
        expect_key(n, 0, "a=", 0, "topics/orders/a=/orders+0+0000000000.snappy.parquet");
        expect_key(n, 12, "x", 123456789012, "topics/orders/x/orders+12+123456789012.snappy.parquet");
        n.ext[SL_S3_VALUES] = ".json";
        n.pad_width = 0;
        expect_key(n, 1, "partition=1", 7, "topics/orders/partition=1/orders+1+7.json");
        n.topics_dir = "a/b";
        n.file_delim = "_";
        n.dir_delim = "|";
        n.pad_width = 3;
        expect_key(n, 1, "k=v|w=+", 7, "a/b|orders|k=v|w=+|orders_1_007.json");
}

/* A blank topics.dir vanishes with its delimiter. */
static void blank_topics_dir(void **state)
{
        (void)state;
        struct sl_s3_names n = {"", "/", "+", 2, {".json"}};
        expect_key(n, 0, "partition=0", 1, "orders/partition=0/orders+0+01.json");
        n.topics_dir = "  ";
        expect_key(n, 0, "partition=0", 1, "orders/partition=0/orders+0+01.json");
        n.topics_dir = NULL;
        expect_key(n, 0, "partition=0", 1, "orders/partition=0/orders+0+01.json");
}

/* Replayed records lie in the directory of their original's topic, under a name that none of its own files has. */
static void replayed_records(void **state)
{
        (void)state;
        struct sl_s3_names n = {"topics", "/", "+", 10, {".json"}};
        struct sl_buf b = {0};
        assert_int_equal(sl_s3_object_key(&n, "__sluice.replay.lake", 1, SL_STR("orders/partition=3"), 12, SL_S3_VALUES, &b, NULL), SL_OK);
        assert_string_equal(sl_buf_cstr(&b), "topics/orders/partition=3/__sluice.replay.lake+1+0000000012.json");
        sl_buf_clear(&b);
        sl_s3_topic_prefix(&n, "__sluice.replay.lake", &b);
        assert_string_equal(sl_buf_cstr(&b), "topics/");
        sl_buf_free(&b);
}

/* Keys and headers lie beside the values, each with the extension of its own format. */
static void object_variants(void **state)
{
        (void)state;
        struct sl_s3_names n = {"topics", "/", "+", 10, {".gz.parquet", ".avro", ".json.gz"}};
        static const char *const want[] = {"topics/t/d/t+0+0000000009.gz.parquet", "topics/t/d/t+0+0000000009.keys.avro",
                                           "topics/t/d/t+0+0000000009.headers.json.gz"};
        struct sl_buf b = {0};
        for (int i = 0; i < SL_S3_VARIANTS; i++) {
                sl_buf_clear(&b);
                assert_int_equal(sl_s3_object_key(&n, "t", 0, SL_STR("d"), 9, (enum sl_s3_variant)i, &b, NULL), SL_OK);
                assert_string_equal(sl_buf_cstr(&b), want[i]);
        }
        sl_buf_free(&b);
}

/* 1024 bytes pass, 1025 don't, and the longest of a file's objects decides for all of them. */
static void too_long_a_key(void **state)
{
        (void)state;
        char dir[SL_S3_KEY_MAX];
        memset(dir, 'x', sizeof(dir));
        struct sl_s3_names n = {"", "/", "+", 10, {".json"}};
        size_t rest = strlen("t//t+0+0000000000.json");
        struct sl_buf b = {0};
        struct sl_err err = {0};
        sl_buf_adds(&b, "kept");
        assert_int_equal(sl_s3_object_key(&n, "t", 0, (struct sl_str){dir, SL_S3_KEY_MAX - rest}, 0, SL_S3_VALUES, &b, &err),
                         SL_OK);
        assert_int_equal(b.len, SL_S3_KEY_MAX + 4);
        assert_int_not_equal(
                sl_s3_object_key(&n, "t", 0, (struct sl_str){dir, SL_S3_KEY_MAX - rest + 1}, 0, SL_S3_VALUES, &b, &err), SL_OK);
        assert_int_equal(b.len, SL_S3_KEY_MAX + 4);
        assert_int_equal(err.scope, SL_SCOPE_RECORD);
        assert_non_null(strstr(err.msg, "1025 bytes"));
        sl_err_clear(&err);
        n.ext[SL_S3_HEADERS] = ".json";
        assert_int_not_equal(
                sl_s3_object_key(&n, "t", 0, (struct sl_str){dir, SL_S3_KEY_MAX - rest}, 0, SL_S3_VALUES, &b, &err), SL_OK);
        sl_buf_free(&b);
}

static void expect_xml(const char *xml, const char *tag, const char *want)
{
        struct sl_buf b = {0};
        bool found = sl_s3_xml_text(sl_str_c(xml), tag, &b);
        assert_int_equal(found, want != NULL);
        if (want)
                assert_string_equal(sl_buf_cstr(&b), want);
        sl_buf_free(&b);
}

static void xml_answers(void **state)
{
        (void)state;
        static const char error[] =
                "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchBucket</Code><Message>a &lt;b&gt; &amp; &quot;c"
                "&quot;</Message><CodeX>no</CodeX></Error>";
        expect_xml(error, "Code", "NoSuchBucket");
        expect_xml(error, "Message", "a <b> & \"c\"");
        expect_xml(error, "Region", NULL);
        expect_xml("<UploadId></UploadId>", "UploadId", "");
        expect_xml("<UploadId>cut off", "UploadId", NULL);
        expect_xml("<UploadId>", "UploadId", NULL);
        expect_xml("<Upload", "UploadId", NULL);
        expect_xml("<a>x &unknown; &amp</a>", "a", "x &unknown; &amp");
        expect_xml("", "Code", NULL);
        assert_false(sl_s3_xml_text(SL_STR_NULL, "Code", &(struct sl_buf){0}));
}

/* Full jitter: from zero to a ceiling that doubles and stops at 20 s. */
static void backoff(void **state)
{
        (void)state;
        assert_int_equal(sl_s3_backoff_ms(200, 1, UINT32_MAX), 200);
        assert_int_equal(sl_s3_backoff_ms(200, 1, 0), 0);
        assert_int_equal(sl_s3_backoff_ms(200, 3, UINT32_MAX), 800);
        assert_int_equal(sl_s3_backoff_ms(200, 1000, UINT32_MAX), 20000);
        assert_int_equal(sl_s3_backoff_ms(INT32_MAX, 1, UINT32_MAX), 20000);
        assert_int_equal(sl_s3_backoff_ms(0, 5, UINT32_MAX), 0);
        for (uint32_t i = 0; i < 100; i++)
                assert_true(sl_s3_backoff_ms(100, 2, i * 42949672u) <= 200);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(object_keys),    cmocka_unit_test(blank_topics_dir), cmocka_unit_test(replayed_records), cmocka_unit_test(object_variants),
                cmocka_unit_test(too_long_a_key), cmocka_unit_test(xml_answers),      cmocka_unit_test(backoff),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
