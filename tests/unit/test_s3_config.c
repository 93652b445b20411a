/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/s3/config.c: formats, their options, and what does not go together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/s3/config.h"

struct parsed {
        struct sl_s3_cfg cfg;
        struct sl_arena arena;
        struct sl_cfg_report report;
};

/* pairs: key, value, ..., NULL; on top of what is required. */
static void parse(struct parsed *p, const char *const *pairs)
{
        struct sl_props props = {0};
        *p = (struct parsed){0};
        sl_props_set(&props, "s3.bucket.name", "b");
        sl_props_set(&props, "format.class", "JsonFormat");
        sl_props_set(&props, "flush.size", "1");
        for (; *pairs; pairs += 2)
                sl_props_set(&props, pairs[0], pairs[1]);
        sl_cfg_parse(sl_s3_defs, &props, &p->cfg, &p->arena, &p->report);
        if (!p->report.errors)
                sl_s3_check(&p->cfg, "c", &p->report);
        sl_props_free(&props);
}

static void done(struct parsed *p)
{
        sl_cfg_report_free(&p->report);
        sl_arena_free(&p->arena);
}

static void expect_opts(const char *const *pairs, const char *name, enum sl_format_codec codec, int level, const char *ext)
{
        struct parsed p;
        parse(&p, pairs);
        if (p.report.errors)
                fail_msg("%s", p.report.findings[0].text);
        struct sl_format_opts opts = sl_s3_format_opts(&p.cfg, p.cfg.format);
        assert_string_equal(sl_s3_format_ops(p.cfg.format)->name, name);
        assert_int_equal(opts.codec, codec);
        assert_int_equal(opts.level, level);
        assert_string_equal(sl_s3_format_ops(p.cfg.format)->ext(&opts), ext);
        done(&p);
}
#define KEYS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define CLASS(x) "format.class", "io.confluent.connect.s3.format." x

static void formats_and_codecs(void **state)
{
        (void)state;
        expect_opts(KEYS(), "jsonl", SL_CODEC_NONE, -1, ".json");
        expect_opts(KEYS(CLASS("json.JsonFormat"), "s3.compression.type", "snappy"), "jsonl", SL_CODEC_SNAPPY, -1, ".json.sz");
        expect_opts(KEYS(CLASS("json.JsonFormat"), "s3.compression.type", "zstd", "s3.compression.level", "19"), "jsonl",
                    SL_CODEC_ZSTD, 19, ".json.zst");
        expect_opts(KEYS(CLASS("bytearray.ByteArrayFormat"), "s3.compression.type", "gzip", "s3.compression.level", "9"),
                    "bytes", SL_CODEC_GZIP, 9, ".bin.gz");
        expect_opts(KEYS(CLASS("bytearray.ByteArrayFormat"), "s3.compression.type", "lz4", "format.bytearray.extension", ".x"),
                    "bytes", SL_CODEC_LZ4, -1, ".x.lz4");
        expect_opts(KEYS(CLASS("avro.AvroFormat")), "avro", SL_CODEC_NONE, -1, ".avro");
        expect_opts(KEYS(CLASS("avro.AvroFormat"), "avro.codec", "zstandard"), "avro", SL_CODEC_ZSTD, -1, ".avro");
        expect_opts(KEYS(CLASS("parquet.ParquetFormat")), "parquet", SL_CODEC_SNAPPY, -1, ".snappy.parquet");
}

/* Options of the objects with keys are those of their own format. */
static void other_objects(void **state)
{
        (void)state;
        struct parsed p;
        parse(&p, KEYS("avro.codec", "bzip2", "s3.compression.type", "gzip", "keys.format.class", "AvroFormat",
                       "headers.format.class", "io.confluent.connect.s3.format.json.JsonFormat"));
        assert_int_equal(p.report.errors, 0); /* no keys are stored: their format does not matter */
        assert_int_equal(sl_s3_format_opts(&p.cfg, p.cfg.format).codec, SL_CODEC_GZIP);
        assert_int_equal(sl_s3_format_opts(&p.cfg, p.cfg.keys_format).codec, SL_CODEC_BZIP2);
        assert_int_equal(sl_s3_format_opts(&p.cfg, p.cfg.headers_format).codec, SL_CODEC_GZIP);
        done(&p);
        parse(&p, KEYS());
        assert_int_equal(p.cfg.keys_format, SL_S3_AVRO);
        assert_int_equal(p.cfg.headers_format, SL_S3_AVRO);
        struct sl_format_opts opts = sl_s3_format_opts(&p.cfg, SL_S3_AVRO);
        assert_true(opts.avro_enhanced && !opts.avro_no_meta && !opts.avro_optional_keys);
        assert_null(opts.separator);
        done(&p);
        parse(&p, KEYS("enhanced.avro.schema.support", "false", "connect.meta.data", "false", "allow.optional.map.keys",
                       "true", "format.bytearray.separator", " \n", "json.decimal.format", "numeric"));
        opts = sl_s3_format_opts(&p.cfg, SL_S3_AVRO);
        assert_true(!opts.avro_enhanced && opts.avro_no_meta && opts.avro_optional_keys);
        assert_string_equal(opts.separator, " \n"); /* not trimmed */
        assert_int_equal(opts.decimals, SL_DECIMAL_NUMERIC);
        done(&p);
}

static void expect_error(const char *const *pairs, const char *key, const char *text)
{
        struct parsed p;
        parse(&p, pairs);
        bool found = false;
        for (uint32_t i = 0; i < p.report.count; i++)
                found = found || (strcmp(p.report.findings[i].key, key) == 0 && strstr(p.report.findings[i].text, text));
        if (!found)
                fail_msg("no finding of %s has \"%s\", the first of %u is: %s", key, text, p.report.count,
                         p.report.count ? p.report.findings[0].text : "");
        done(&p);
}

static void what_does_not_go_together(void **state)
{
        (void)state;
        const char *const *avro = KEYS(CLASS("avro.AvroFormat"), "s3.compression.type", "gzip");
        const char *const *keys = KEYS("s3.compression.type", "zstd", "store.kafka.keys", "true", "keys.format.class",
                                       "ParquetFormat");
        const char *const *headers = KEYS("s3.compression.type", "lz4", "store.kafka.headers", "true");
        expect_error(avro, "format.class", "Compression Type gzip not valid for data format class: ( io.confluent.connect.s3.format.avro.AvroFormat ).");
        expect_error(avro, "s3.compression.type", "use avro.codec");
        expect_error(keys, "store.kafka.keys", "Compression Type zstd not valid for keys format class");
        expect_error(keys, "keys.format.class", "use parquet.codec");
        expect_error(headers, "headers.format.class", "Compression Type lz4 not valid for headers format class");
        expect_error(KEYS("s3.compression.type", "gzip", "s3.compression.level", "10"), "s3.compression.level",
                     "Value must be no more than 9");
        expect_error(KEYS("headers.format.class", "ByteArrayFormat"), "headers.format.class", "headers are no bytes");
        expect_error(KEYS("schema.compatibility", "SIDEWAYS"), "schema.compatibility", "SIDEWAYS");
        expect_error(KEYS("avro.codec", "lz4"), "avro.codec", "lz4");
        expect_error(KEYS("format.bytearray.extension", "a/b"), "format.bytearray.extension", "without a slash");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(formats_and_codecs),
                cmocka_unit_test(other_objects),
                cmocka_unit_test(what_does_not_go_together),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
