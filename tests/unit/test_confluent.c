/* SPDX-License-Identifier: Apache-2.0 */
/* Confluent's transforms (transforms/confluent.c, messagetimestamp.c, gzipdecompress.c): the examples of Confluent's documentation, and
 * the edges it leaves open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <time.h>
#include <zlib.h>

#include "api/plugin.h"
#include "tests/unit/allocations.h"
#include "tests/unit/smt.h"

extern const struct sl_transform_ops sl_tombstone_handler, sl_drop_key, sl_drop_value, sl_extract_topic_key, sl_extract_topic_value,
        sl_extract_topic_header, sl_message_timestamp_router, sl_gzip_decompress_key, sl_gzip_decompress_value;

static enum sl_rc apply(struct smt *t, struct sl_record *rec, struct sl_err *err)
{
        *err = (struct sl_err){0};
        return t->ops->apply(t->st, rec, &t->arena, err);
}

static void tombstones(void **state)
{
        static const char *const behaviors[] = {"warn", "ignore", "fail"};
        (void)state;
        for (int i = 0; i < 3; i++) {
                struct smt t;
                struct sl_err err;
                struct sl_record rec = {.topic = SL_STR("t"), .value = sl_v_i64(SL_INT32, 1)};
                assert_true(OPEN(&t, &sl_tombstone_handler, "behavior", behaviors[i]));
                assert_int_equal(apply(&t, &rec, &err), SL_OK);
                assert_false(rec.dropped);
                rec.value = SL_V_NULL;
                rec.value_schema = sl_schema_intern(&(struct sl_schema){.type = SL_INT32, .optional = true}); /* has no say */
                assert_int_equal(apply(&t, &rec, &err), i == 2 ? SL_BUSINESS : SL_OK);
                assert_int_equal(rec.dropped, i != 2);
                smt_close(&t);
        }
        struct smt t;
        assert_false(OPEN(&t, &sl_tombstone_handler, "behavior", "explode"));
        smt_close(&t);
}

static void drops(void **state)
{
        const struct sl_schema *required = sl_schema_intern(&(struct sl_schema){.type = SL_INT32, .name = "n"});
        const struct sl_schema *optional = sl_schema_intern(&(struct sl_schema){.type = SL_INT32, .name = "n", .optional = true});
        const struct {
                const char *behavior;
                const struct sl_schema *in, *out;
                enum sl_rc rc;
        } cases[] = {
                {"nullify", required, NULL, SL_OK},      {"nullify", NULL, NULL, SL_OK},
                {"retain", required, required, SL_OK},   {"retain", NULL, NULL, SL_OK},
                {"validate", optional, optional, SL_OK}, {"validate", required, required, SL_BUSINESS},
                {"validate", NULL, NULL, SL_OK},         {"force_optional", required, optional, SL_OK},
                {"FORCE_OPTIONAL", optional, optional, SL_OK},
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                for (int key = 0; key < 2; key++) {
                        struct smt t;
                        struct sl_err err;
                        struct sl_value v = sl_v_i64(SL_INT32, 24);
                        assert_true(OPEN(&t, key ? &sl_drop_key : &sl_drop_value, "schema.behavior", cases[i].behavior));
                        for (int again = 0; again < 2; again++) {
                                struct sl_record rec = {.key = v, .value = v, .key_schema = cases[i].in, .value_schema = cases[i].in};
                                assert_int_equal(apply(&t, &rec, &err), cases[i].rc);
                                assert_ptr_equal(key ? rec.key_schema : rec.value_schema, cases[i].out);
                                assert_ptr_equal(key ? rec.value_schema : rec.key_schema, cases[i].in);
                                assert_int_equal((key ? rec.key : rec.value).type, cases[i].rc == SL_OK ? SL_NULL : SL_INT32);
                                assert_int_equal((key ? rec.value : rec.key).type, SL_INT32);
                        }
                        smt_close(&t);
                }
}

/* field "" = none. want NULL: an error with the text in why. */
static void topic_is(const struct sl_transform_ops *ops, const char *field, const char *skip, struct sl_record rec, const char *want,
                     const char *why)
{
        struct smt t;
        struct sl_err err;
        rec.topic = SL_STR("old");
        assert_true(OPEN(&t, ops, "field", field, "skip.missing.or.null", skip));
        enum sl_rc rc = apply(&t, &rec, &err);
        if (want) {
                assert_int_equal(rc, SL_OK);
                assert_int_equal(rec.topic.len, strlen(want));
                assert_memory_equal(rec.topic.ptr, want, strlen(want));
        } else {
                assert_int_equal(rc, SL_BUSINESS);
                assert_non_null(strstr(err.msg, why));
        }
        smt_close(&t);
}

static void topics(void **state)
{
        const struct sl_schema *text = sl_schema_intern(&(struct sl_schema){.type = SL_STRING, .optional = true});
        const struct sl_field fields[] = {{.name = "f1", .schema = text}, {.name = "f2", .schema = text}};
        const struct sl_schema *row = sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT, .field_count = 2, .fields = fields});
        const struct sl_value in_row[] = {sl_v_str(SL_STR("new")), SL_V_NULL};
        const struct sl_value in_map[] = {sl_v_str(SL_STR("f1")), sl_v_str(SL_STR("mapped")), sl_v_str(SL_STR("n")), sl_v_i64(SL_INT64, 5)};
        struct sl_header headers[] = {{.key = SL_STR("h"), .value = sl_v_str(SL_STR("first"))},
                                      {.key = SL_STR("h"), .value = sl_v_str(SL_STR("last"))}};
        const struct sl_record whole = {.key = sl_v_str(SL_STR("k")), .value = sl_v_str(SL_STR(""))};
        const struct sl_record typed = {.value_schema = row, .value = sl_v_items(SL_STRUCT, in_row, 2)};
        const struct sl_record map = {.value = sl_v_items(SL_MAP, in_map, 2)};
        const struct sl_record headed = {.headers = (const struct sl_header *[]){&headers[0], &headers[1]}, .header_count = 2};
        (void)state;
        topic_is(&sl_extract_topic_key, "", "false", whole, "k", NULL);
        topic_is(&sl_extract_topic_value, "", "false", whole, NULL, "it is empty");
        topic_is(&sl_extract_topic_value, "f1", "false", typed, "new", NULL);
        topic_is(&sl_extract_topic_value, "f2", "false", typed, NULL, "the value's field f2: it is null");
        topic_is(&sl_extract_topic_value, "f2", "true", typed, "old", NULL);
        topic_is(&sl_extract_topic_value, "f3", "false", typed, NULL, "it is missing");
        topic_is(&sl_extract_topic_value, "f3", "true", typed, "old", NULL);
        topic_is(&sl_extract_topic_value, "f1", "false", map, "mapped", NULL);
        topic_is(&sl_extract_topic_value, "n", "true", map, NULL, "it is no string");
        topic_is(&sl_extract_topic_value, "", "true", map, NULL, "it is no string");
        topic_is(&sl_extract_topic_value, "f1", "true", (struct sl_record){0}, "old", NULL);
        topic_is(&sl_extract_topic_key, "f1", "true", whole, NULL, "found: java.lang.String");
        topic_is(&sl_extract_topic_header, "h", "false", headed, "last", NULL);
        topic_is(&sl_extract_topic_header, "x", "false", headed, NULL, "the header x: it is missing");
        topic_is(&sl_extract_topic_header, "x", "true", headed, "old", NULL);
        struct smt t;
        assert_false(OPEN(&t, &sl_extract_topic_header, "skip.missing.or.null", "true"));
        smt_close(&t);
        assert_false(OPEN(&t, &sl_extract_topic_key, "field", "$[\"a\"]", "field.format", "JSON_PATH"));
        assert_non_null(strstr(sl_buf_cstr(&t.problem), "extract the field first"));
        smt_close(&t);
}

/* ---- MessageTimestampRouter ---- */

#define KEYS "message.timestamp.keys"
#define IN "message.timestamp.format"
#define OUT "topic.timestamp.format"

/* want NULL: an error with the text in why. Twice: the second time the schema is known. */
static void routed(struct smt *t, const struct sl_schema *schema, struct sl_value value, const char *want, const char *why)
{
        for (int again = 0; again < 2; again++) {
                struct sl_record rec = {.topic = SL_STR("bar"), .value_schema = schema, .value = value};
                struct sl_err err;
                enum sl_rc rc = apply(t, &rec, &err);
                if (want && rc != SL_OK)
                        fail_msg("%s", err.msg);
                assert_int_equal(rc, want ? SL_OK : SL_BUSINESS);
                assert_string_equal(sl_arena_strndup(&t->arena, rec.topic.ptr, rec.topic.len), want ? want : "bar");
                if (!want && !strstr(err.msg, why))
                        fail_msg("%s", err.msg);
        }
}

static struct sl_value entry(const char *key, struct sl_value v)
{
        static struct sl_value items[2];
        items[0] = sl_v_str(sl_str_c(key));
        items[1] = v;
        return sl_v_items(SL_MAP, items, 1);
}

static struct sl_value text(const char *s)
{
        return sl_v_str(sl_str_c(s));
}

static void times_of_maps(void **state)
{
        struct smt t;
        (void)state;
        assert_true(OPEN(&t, &sl_message_timestamp_router, "topic.format", "foo-${topic}-${timestamp}", IN, "yyyy-MM-dd", OUT, "yyyy.MM.dd",
                         KEYS, "timestamp,time,ts"));
        routed(&t, NULL, entry("time", text("2019-08-06")), "foo-bar-2019.08.06", NULL); /* the documentation's example */
        const struct sl_value both[] = {text("ts"), text("2001-01-01"), text("time"), text("2002-02-02"), text("timestamp"), SL_V_NULL};
        routed(&t, NULL, sl_v_items(SL_MAP, both, 3), "foo-bar-2002.02.02", NULL); /* the order of the keys; null is none */
        routed(&t, NULL, entry("ts", sl_v_i64(SL_INT64, -1)), "foo-bar-1969.12.31", NULL);
        const struct sl_schema *map = sl_schema_intern(&(struct sl_schema){
                .type = SL_MAP, .key = sl_schema_of(SL_STRING, false), .value = sl_schema_of(SL_STRING, true)});
        routed(&t, map, entry("ts", text("2020-02-29")), "foo-bar-2020.02.29", NULL);
        routed(&t, NULL, entry("Time", text("2019-08-06")), NULL, "of the fields timestamp, time, ts (message.timestamp.keys) each is missing");
        routed(&t, NULL, entry("time", SL_V_NULL), NULL, "each is missing or null");
        routed(&t, NULL, entry("time", text("yesterday")), NULL, "The field time holds yesterday, which does not match");
        routed(&t, NULL, entry("time", sl_v_bool(true)), NULL, "The field time is no timestamp: it is a BOOLEAN");
        routed(&t, NULL, entry("time", sl_v_f64(SL_FLOAT64, 1e12)), NULL, "it is a FLOAT64");
        routed(&t, NULL, SL_V_NULL, NULL, "found: null");
        routed(&t, NULL, text("2019-08-06"), NULL, "found: java.lang.String");
        smt_close(&t);
}

static void times_of_structs(void **state)
{
        static const struct {
                const char *name;
                enum sl_type type;
                int64_t v;
                const char *want;
        } cases[] = {{NULL, SL_INT64, 86400000 - 1, "19700101"},
                     {"org.apache.kafka.connect.data.Timestamp", SL_INT64, 1565049600000, "20190806"},
                     {"org.apache.kafka.connect.data.Date", SL_INT32, 18114, "20190806"},
                     {"io.debezium.time.Timestamp", SL_INT64, 1565049600000, "20190806"},
                     {"io.debezium.time.MicroTimestamp", SL_INT64, 1565049600000000, "20190806"},
                     {"io.debezium.time.MicroTimestamp", SL_INT64, -1, "19691231"},
                     {"io.debezium.time.NanoTimestamp", SL_INT64, 1565049600000000000, "20190806"},
                     {"io.debezium.time.Date", SL_INT32, -1, "19691231"},
                     {"io.debezium.time.MicroTime", SL_INT64, 5, NULL},
                     {"org.apache.kafka.connect.data.Time", SL_INT32, 5, NULL},
                     {NULL, SL_INT32, 5, NULL}};
        struct smt t;
        (void)state;
        assert_true(OPEN(&t, &sl_message_timestamp_router, "topic.format", "${timestamp}", KEYS, "gone,at,text"));
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                const struct sl_schema *at = sl_schema_intern(
                        &(struct sl_schema){.type = cases[i].type, .name = cases[i].name, .version = 1, .optional = true});
                const struct sl_field fields[] = {{.name = "text", .schema = sl_schema_of(SL_STRING, true)}, {.name = "at", .schema = at}};
                const struct sl_schema *row = sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT, .field_count = 2, .fields = fields});
                const struct sl_value set[] = {SL_V_NULL, sl_v_i64(cases[i].type, cases[i].v)}, texts[] = {text("x"), SL_V_NULL};
                const struct sl_value nulls[] = {SL_V_NULL, SL_V_NULL};
                routed(&t, row, sl_v_items(SL_STRUCT, set, 2), cases[i].want, "The field at is no timestamp");
                routed(&t, row, sl_v_items(SL_STRUCT, texts, 2), NULL, "set message.timestamp.format to its pattern");
                routed(&t, row, sl_v_items(SL_STRUCT, nulls, 2), NULL, "gone, at, text (message.timestamp.keys) each is missing or null");
        }
        smt_close(&t);
}

static void routers_are_checked(void **state)
{
        static const char *const bad[][5] = {{IN, "yyyy", NULL},
                                             {KEYS, "", NULL},
                                             {KEYS, "ts", IN, "yyyy-bb", NULL},
                                             {KEYS, "ts", OUT, "'open", NULL},
                                             {KEYS, "ts", OUT, "", NULL}};
        static const char *const blamed[] = {KEYS, KEYS, IN, OUT, OUT};
        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                struct smt t;
                assert_false(smt_open(&t, &sl_message_timestamp_router, bad[i], NULL));
                assert_ptr_equal(strstr(sl_buf_cstr(&t.problem), blamed[i]), sl_buf_cstr(&t.problem));
                smt_close(&t);
        }
}

/* ---- GzipDecompress ---- */

/* Append a gzip member of the n bytes. With a name, a comment, an extra field and a header checksum when `rich`. */
static void gzip(struct sl_buf *out, const void *p, size_t n, bool rich)
{
        gz_header header = {.extra = (Bytef *)"extra", .extra_len = 5, .name = (Bytef *)"name", .comment = (Bytef *)"comment", .hcrc = 1};
        z_stream z = {.next_in = (z_const Bytef *)p, .avail_in = (uInt)n};
        assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        if (rich)
                assert_int_equal(deflateSetHeader(&z, &header), Z_OK);
        uLong room = deflateBound(&z, n);
        assert_true(sl_buf_room(out, room));
        z.next_out = (Bytef *)out->ptr + out->len;
        z.avail_out = (uInt)room;
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        out->len += z.total_out;
        deflateEnd(&z);
}

/* rc of the bytes as a value; *ret is what they became, of the transform's arena. */
static enum sl_rc gunzip(struct smt *t, const void *p, size_t n, struct sl_str *ret, struct sl_err *err)
{
        struct sl_record rec = {.key = text("k"), .value = sl_v_bytes(p, n), .value_schema = sl_schema_of(SL_BYTES, true)};
        enum sl_rc rc = apply(t, &rec, err);
        assert_int_equal(rec.value.type, SL_BYTES);
        assert_ptr_equal(rec.value_schema, sl_schema_of(SL_BYTES, true));
        *ret = sl_v_as_str(&rec.value);
        if (rc != SL_OK)
                assert_ptr_equal(rec.value.ptr, p); /* what can't be read stays */
        return rc;
}

static void becomes(struct smt *t, const struct sl_buf *packed, const char *want)
{
        struct sl_str got;
        struct sl_err err;
        if (gunzip(t, packed->ptr, packed->len, &got, &err) != SL_OK)
                fail_msg("%s", err.msg);
        assert_true(sl_str_eqc(got, want));
}

static void refused(struct smt *t, const void *p, size_t n, const char *why)
{
        struct sl_str got;
        struct sl_err err;
        assert_int_equal(gunzip(t, p, n, &got, &err), SL_BUSINESS);
        if (!strstr(err.msg, why))
                fail_msg("%s", err.msg);
}

static void members(void **state)
{
        static const char zeros[40];
        struct sl_buf b = {0};
        struct smt t;
        (void)state;
        assert_true(OPEN(&t, &sl_gzip_decompress_value));
        gzip(&b, "Hello ", 6, false);
        becomes(&t, &b, "Hello ");
        gzip(&b, "", 0, true);
        gzip(&b, "world", 5, true);
        becomes(&t, &b, "Hello world");
        size_t whole = b.len;
        sl_buf_add(&b, zeros, sizeof(zeros)); /* no member: ignored, as GZIPInputStream does */
        becomes(&t, &b, "Hello world");
        b.len = whole;
        sl_buf_adds(&b, "\x1f\x8b\x08 is no header, or is it one");
        becomes(&t, &b, "Hello world");
        b.len = whole;
        gzip(&b, "and more", 8, false);
        const struct sl_buf short_tail = {.ptr = b.ptr, .len = whole + 18}; /* GZIPInputStream looks from the 19th byte on */
        becomes(&t, &short_tail, "Hello world");
        refused(&t, b.ptr, whole + 19, "ends too soon");
        refused(&t, b.ptr, b.len - 1, "ends too soon");
        b.ptr[b.len - 8] ^= 1;
        refused(&t, b.ptr, b.len, "damaged: incorrect data check");
        sl_buf_clear(&b);
        gzip(&b, "", 0, false);
        becomes(&t, &b, "");
        refused(&t, NULL, 0, "ends too soon");
        refused(&t, "Hello world, in no hurry", 24, "it is no gzip data, or damaged: incorrect header check");
        refused(&t, "\x78\x9c\xf3\x48\xcd\xc9\xc9\x07\x00\x05\x8c\x01\xf5", 13, "it is no gzip data"); /* zlib's own format */
        smt_close(&t);
        sl_buf_free(&b);
}

static void only_bytes(void **state)
{
        const struct sl_schema *decimal = sl_schema_intern(&(struct sl_schema){.type = SL_BYTES, .name = "org.apache.kafka.connect.data.Decimal"});
        struct sl_buf b = {0};
        (void)state;
        gzip(&b, "key", 3, false);
        for (int key = 0; key < 2; key++) {
                struct sl_record rec = {.key = sl_v_bytes(b.ptr, b.len), .value = sl_v_bytes(b.ptr, b.len)};
                struct sl_err err;
                struct smt t;
                assert_true(OPEN(&t, key ? &sl_gzip_decompress_key : &sl_gzip_decompress_value));
                assert_int_equal(apply(&t, &rec, &err), SL_OK);
                assert_true(sl_str_eqc(sl_v_as_str(key ? &rec.key : &rec.value), "key"));
                assert_ptr_equal((key ? rec.value : rec.key).ptr, b.ptr);
                rec.key = rec.value = SL_V_NULL;
                assert_int_equal(apply(&t, &rec, &err), SL_OK);
                assert_int_equal((key ? rec.key : rec.value).type, SL_NULL);
                rec.key = rec.value = text("x");
                assert_int_equal(apply(&t, &rec, &err), SL_BUSINESS);
                assert_non_null(strstr(err.msg, key ? "the key is: java.lang.String" : "the value is: java.lang.String"));
                rec.key = rec.value = sl_v_bytes(b.ptr, b.len);
                rec.key_schema = rec.value_schema = decimal;
                assert_int_equal(apply(&t, &rec, &err), SL_BUSINESS);
                assert_non_null(strstr(err.msg, "java.math.BigDecimal"));
                smt_close(&t);
        }
        sl_buf_free(&b);
}

static void bombs(void **state)
{
        struct sl_buf b = {0}, big = {0};
        struct sl_str got;
        struct sl_err err;
        struct smt t;
        (void)state;
        assert_true(sl_buf_room(&big, 1 << 20));
        memset(big.ptr, 0, 1 << 20);
        gzip(&b, big.ptr, 1 << 20, false);
        assert_true(OPEN(&t, &sl_gzip_decompress_value, "sluice.max.bytes", "1048576"));
        assert_int_equal(gunzip(&t, b.ptr, b.len, &got, &err), SL_OK);
        assert_int_equal(got.len, 1 << 20);
        gzip(&b, "x", 1, false); /* the limit goes for all members together */
        refused(&t, b.ptr, b.len, "larger than 1048576 bytes when decompressed; sluice.max.bytes");
        sl_buf_clear(&b);
        gzip(&b, "fits again", 10, false);
        becomes(&t, &b, "fits again");
        smt_close(&t);
        assert_true(OPEN(&t, &sl_gzip_decompress_value, "sluice.max.bytes", "9"));
        refused(&t, b.ptr, b.len, "larger than 9 bytes");
        smt_close(&t);
        assert_true(OPEN(&t, &sl_gzip_decompress_value)); /* 64 MiB, by many members */
        sl_buf_clear(&b);
        for (int i = 0; i < 64; i++)
                gzip(&b, big.ptr, 1 << 20, false);
        assert_int_equal(gunzip(&t, b.ptr, b.len, &got, &err), SL_OK);
        gzip(&b, "x", 1, false);
        refused(&t, b.ptr, b.len, "larger than 67108864 bytes");
        smt_close(&t);
        for (int i = 0; i < 2; i++) {
                assert_false(OPEN(&t, &sl_gzip_decompress_value, "sluice.max.bytes", i ? "0" : "1073741825"));
                smt_close(&t);
        }
        sl_buf_free(&b);
        sl_buf_free(&big);
}

/* Every prefix is refused; with a bit turned, the text is another only when nothing checks the bit's byte (the header has such). */
static void damage(void **state)
{
        struct sl_buf plain = {0}, b = {0}, copy = {0};
        unsigned seed = (unsigned)time(NULL);
        struct sl_str got;
        struct sl_err err;
        struct smt t;
        (void)state;
        printf("seed %u\n", seed);
        for (int i = 0; i < 300; i++)
                sl_buf_printf(&plain, "%x ", (unsigned)rand_r(&seed) % 500);
        gzip(&b, plain.ptr, plain.len, true);
        assert_true(OPEN(&t, &sl_gzip_decompress_value));
        for (size_t n = 0; n < b.len; n++) {
                sl_buf_clear(&copy);
                sl_buf_add(&copy, b.ptr, n);
                refused(&t, copy.ptr, n, "ends too soon");
        }
        sl_buf_clear(&copy);
        sl_buf_add(&copy, b.ptr, b.len);
        for (size_t bit = 0; bit < 8 * b.len; bit++) {
                copy.ptr[bit / 8] ^= (char)(1 << bit % 8);
                if (gunzip(&t, copy.ptr, copy.len, &got, &err) == SL_OK)
                        assert_true(got.len == plain.len && memcmp(got.ptr, plain.ptr, got.len) == 0);
                copy.ptr[bit / 8] ^= (char)(1 << bit % 8);
        }
        smt_close(&t);
        sl_buf_free(&plain);
        sl_buf_free(&b);
        sl_buf_free(&copy);
}

static void rows_allocate_nothing(void **state)
{
        struct sl_buf b = {0}, plain = {0};
        struct sl_arena rows = {0};
        struct smt route, unzip;
        uint64_t before = 0;
        (void)state;
        for (int i = 0; i < 2000; i++)
                sl_buf_printf(&plain, "%d,", i);
        gzip(&b, plain.ptr, plain.len, false);
        sl_arena_init(&rows, 0);
        const struct sl_field fields[] = {{.name = "at", .schema = sl_schema_of(SL_STRING, false)}};
        const struct sl_schema *row = sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT, .field_count = 1, .fields = fields});
        const struct sl_value items[] = {text("2019-08-06")};
        assert_true(OPEN(&route, &sl_message_timestamp_router, KEYS, "at", IN, "yyyy-MM-dd"));
        assert_true(OPEN(&unzip, &sl_gzip_decompress_key));
        for (int i = 0; i < 1000; i++) {
                struct sl_record rec = {.topic = SL_STR("bar"), .key = sl_v_bytes(b.ptr, b.len), .value_schema = row,
                                        .value = sl_v_items(SL_STRUCT, items, 1)};
                if (i == 5)
                        before = allocations();
                if (route.ops->apply(route.st, &rec, &rows, NULL) != SL_OK || !sl_str_eqc(rec.topic, "bar-20190806"))
                        fail();
                if (unzip.ops->apply(unzip.st, &rec, &rows, NULL) != SL_OK || rec.key.len != plain.len)
                        fail();
                sl_arena_reset(&rows);
        }
        assert_int_equal(allocations() - before, 0);
        sl_arena_free(&rows);
        smt_close(&route);
        smt_close(&unzip);
        sl_buf_free(&b);
        sl_buf_free(&plain);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tombstones),
                cmocka_unit_test(drops),
                cmocka_unit_test(topics),
                cmocka_unit_test(times_of_maps),
                cmocka_unit_test(times_of_structs),
                cmocka_unit_test(routers_are_checked),
                cmocka_unit_test(members),
                cmocka_unit_test(only_bytes),
                cmocka_unit_test(bombs),
                cmocka_unit_test(damage),
                cmocka_unit_test(rows_allocate_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
