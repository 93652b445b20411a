/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf's parts without a registry: no allocation a row either way, cut and hostile bytes, dates at the change of calendars, texts
 * that can't be read. What messages mean is checked against Google's own in tests/conformance/converters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "allocations.h"
#include "convert/protobuf.h"
#include "convert/registry.h"

static const char text[] = "syntax = \"proto3\"; package p;\n"
                           "import \"google/protobuf/timestamp.proto\"; import \"confluent/type/decimal.proto\";\n"
                           "message M { int32 id = 1; string name = 2; repeated int64 list = 3; map<string, int32> map = 4;\n"
                           "  google.protobuf.Timestamp at = 5; N nest = 6; repeated N many = 7; oneof o { string s = 8; int32 i = 9; }\n"
                           "  confluent.type.Decimal d = 10 [(confluent.field_meta) = {params: [{key: \"scale\", value: \"2\"}]}];\n"
                           "  message N { double x = 1; } }\n";

static const struct pb_options options = {.optional_proto2 = true, .wrapper_raw = true, .union_index = true};

static struct pb_file *load(const char *proto, struct sl_arena *arena, struct sl_err *err)
{
        struct sl_registry_schema schema = {.type = SL_REGISTRY_PROTOBUF, .text = sl_str_c(proto)};
        struct pb_file *file = NULL;
        return sl_pb_load(NULL, &schema, arena, &file, err) == SL_OK ? file : NULL;
}

struct both {
        struct sl_arena plans, rows;
        const struct pb_reader *reader;
        const struct sl_schema *schema;
        struct pb_writer *writer;
        struct sl_buf out, scratch[2];
};

static void make_both(struct both *b)
{
        struct sl_err err = {0};
        struct pb_file *made, *file = load(text, &b->plans, &err);
        assert_non_null(file);
        assert_int_equal(sl_pb_schema(&options, file->messages, 0, &b->plans, &b->reader, &b->schema, &err), SL_OK);
        if (sl_pb_make(&options, b->schema, &b->plans, &made, &err) != SL_OK)
                fail_msg("%s", err.msg);
        if (sl_pb_bind(&options, b->schema, made, &b->plans, &b->writer, &err) != SL_OK)
                fail_msg("%s", err.msg);
}

static void free_both(struct both *b)
{
        sl_arena_free(&b->plans);
        sl_arena_free(&b->rows);
        sl_buf_free(&b->out);
        sl_buf_free(&b->scratch[0]);
        sl_buf_free(&b->scratch[1]);
}

static const unsigned char message[] = "\x08\x05\x12\x02hi\x1a\x02\x01\x02\x22\x05\x0a\x01k\x10\x07\x2a\x02\x08\x09\x32\x09\x09\0\0\0\0\0\0\xf0?"
                                       "\x3a\x00\x3a\x09\x09\0\0\0\0\0\0\0@\x42\x01s\x52\x07\x0a\x01\x64\x10\x03\x18\x02";
#define MESSAGE ((struct sl_str){(const char *)message, sizeof(message) - 1})

static void test_rows_allocate_nothing(void **state sl_unused)
{
        struct both b = {0};
        struct sl_err err = {0};
        uint64_t before = 0;
        make_both(&b);
        for (int i = 0; i < 2000; i++) {
                struct sl_value v;
                if (i == 10)
                        before = allocations();
                sl_arena_reset(&b.rows);
                sl_buf_clear(&b.out);
                assert_int_equal(sl_pb_read(b.reader, MESSAGE, &b.rows, &v, &err), SL_OK);
                assert_int_equal(sl_pb_write(b.writer, &v, b.scratch, &b.out, &err), SL_OK);
        }
        assert_int_equal(allocations() - before, 0);
        assert_int_equal(b.out.len, MESSAGE.len); /* the same bytes: nothing was lost */
        assert_memory_equal(b.out.ptr, MESSAGE.ptr, MESSAGE.len);
        free_both(&b);
}

/* Every prefix and every changed byte gives a value or an error, in bounded memory; the sanitizers watch. */
static void test_damaged_bytes(void **state sl_unused)
{
        struct both b = {0};
        make_both(&b);
        for (size_t n = 0; n <= MESSAGE.len; n++) {
                for (int c = 0; c < 256; c++) {
                        struct sl_err err = {0};
                        struct sl_value v;
                        char copy[sizeof(message)];
                        memcpy(copy, message, sizeof(message));
                        if (n < MESSAGE.len)
                                copy[n] = (char)c;
                        sl_arena_reset(&b.rows);
                        enum sl_rc rc = sl_pb_read(b.reader, (struct sl_str){copy, n == MESSAGE.len ? (size_t)c % n : MESSAGE.len}, &b.rows, &v,
                                                   &err);
                        assert_true(rc == SL_OK || err.msg[0]);
                }
        }
        free_both(&b);
}

static void test_many_values_are_refused(void **state sl_unused)
{
        static const char wide[] = "syntax=\"proto3\"; message M { repeated N n = 1; message N { int32 a=1; int32 b=2; int32 c=3; int32 d=4; "
                                   "int32 e=5; int32 f=6; int32 g=7; int32 h=8; } }";
        struct sl_arena arena = {0};
        struct sl_err err = {0};
        struct pb_file *file = load(wide, &arena, &err);
        const struct pb_reader *reader;
        const struct sl_schema *schema;
        struct sl_value v;
        size_t n = 600000;
        char *bytes = malloc(n);
        for (size_t i = 0; i < n; i += 2)
                memcpy(bytes + i, "\x0a\x00", 2);
        assert_int_equal(sl_pb_schema(&options, file->messages, 0, &arena, &reader, &schema, &err), SL_OK);
        assert_int_equal(sl_pb_read(reader, (struct sl_str){bytes, n}, &arena, &v, &err), SL_BUSINESS);
        assert_int_equal(err.id, SL_E_TOO_LARGE);
        free(bytes);
        sl_arena_free(&arena);
}

static void test_dates(void **state sl_unused)
{
        static const struct {
                int32_t days, ymd[3];
        } days[] = {{0, {1970, 1, 1}},           {-1, {1969, 12, 31}},       {19782, {2024, 2, 29}}, {-141427, {1582, 10, 15}},
                    {-141428, {1582, 10, 4}},    {-719164, {1, 1, 1}},       {2932896, {9999, 12, 31}}, {-171499, {1500, 6, 5}}, {-577736, {388, 3, 18}},
                    {-719528, {1, 1, 3}},        {-800000, {222, 9, 8}}}; /* as java.util.Calendar says; the last two are before year 1 */
        int32_t ymd[3], back;
        for (size_t i = 0; i < sizeof(days) / sizeof(*days); i++) {
                sl_pb_date_of(days[i].days, ymd);
                assert_memory_equal(ymd, days[i].ymd, sizeof(ymd));
                assert_true(sl_pb_date_days(days[i].ymd, &back));
                if (days[i].days >= -719164)
                        assert_int_equal(back, days[i].days);
        }
        for (int32_t d = -719164; d < 40000; d += 7) {
                sl_pb_date_of(d, ymd);
                assert_true(sl_pb_date_days(ymd, &back));
                assert_int_equal(back, d);
        }
        assert_false(sl_pb_date_days((int32_t[]){2023, 2, 29}, &back));
        assert_false(sl_pb_date_days((int32_t[]){1582, 10, 10}, &back));
        assert_false(sl_pb_date_days((int32_t[]){2023, 0, 1}, &back));
        sl_pb_date_of(INT32_MIN, ymd);
        sl_pb_date_of(INT32_MAX, ymd);
}

static void test_bad_texts(void **state sl_unused)
{
        static const char *const bad[][2] = {
                {"message M { int32 a = 0; }", "out of its range"},
                {"message M { int32 a = 1; int32 b = 1; }", "two fields"},
                {"message M { Missing a = 1; }", "does not define Missing"},
                {"message M { group G = 1 { } }", "groups"},
                {"edition = \"2023\";", "editions"},
                {"syntax = \"proto9\";", "proto2"},
                {"message M { int32 a = 1;", "there must be"},
                {"import \"x.proto\"; message M {}", "not among its references"},
                {"CgR0ZXN0", "no .proto text"},
                {"message M {} message M {}", "twice"},
                {"message M { map<double, int32> m = 1; }", "key"},
                {"message M { string s = 1 [default = \"x", "does not end"},
                {"enum E { }", "must have a value"},
        };
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                struct sl_arena arena = {0};
                struct sl_err err = {0};
                assert_null(load(bad[i][0], &arena, &err));
                if (!strstr(err.msg, bad[i][1]))
                        fail_msg("%s: %s", bad[i][0], err.msg);
                sl_arena_free(&arena);
        }
}

static void test_recursion_and_places(void **state sl_unused)
{
        struct sl_arena arena = {0};
        struct sl_err err = {0};
        const struct pb_reader *reader;
        const struct sl_schema *schema;
        struct pb_file *file = load("message A { message B { message C {} } map<int32, B> m = 1; } message D { D d = 1; }", &arena, &err);
        uint32_t index[PB_DEPTH];
        assert_non_null(file);
        assert_int_equal(sl_pb_schema(&options, sl_pb_at(file, (uint32_t[]){1}, 1), 0, &arena, &reader, &schema, &err), SL_DESERIALIZATION);
        assert_non_null(strstr(err.msg, "contains itself"));
        assert_int_equal(sl_pb_index_of(file, "A.B.C", index), 3);
        assert_memory_equal(index, ((uint32_t[]){0, 0, 0}), 12);
        assert_string_equal(sl_pb_at(file, index, 3)->full, "A.B.C");
        assert_int_equal(sl_pb_index_of(file, "A.X", index), 0);
        assert_null(sl_pb_at(file, (uint32_t[]){0, 1}, 2)); /* a map's entry is no message of the text */
        sl_arena_free(&arena);
}

static void test_compatible(void **state sl_unused)
{
        struct sl_arena arena = {0};
        struct sl_err err = {0};
        struct pb_file *ours = load("message M { int32 a = 1; string s = 2; N n = 3; message N { bool b = 1; } }", &arena, &err);
        struct pb_file *more = load("message M { int64 a = 1; bytes s = 2; N n = 3; string x = 4; message N { bool b = 1; } }", &arena, &err);
        struct pb_file *less = load("message M { int32 a = 1; N n = 3; message N { float b = 1; } }", &arena, &err);
        assert_null(sl_pb_differs(more->messages, ours->messages, &arena));
        assert_non_null(strstr(sl_pb_differs(less->messages, ours->messages, &arena), "field 1 is float b"));
        sl_arena_free(&arena);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows_allocate_nothing), cmocka_unit_test(test_damaged_bytes),
                cmocka_unit_test(test_many_values_are_refused), cmocka_unit_test(test_dates),
                cmocka_unit_test(test_bad_texts), cmocka_unit_test(test_recursion_and_places), cmocka_unit_test(test_compatible),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
