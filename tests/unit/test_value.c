/* SPDX-License-Identifier: Apache-2.0 */
/* record/value.c: equality, deep copies, Java's toString(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "record/schema.h"
#include "record/value.h"

static bool equal(struct sl_value a, struct sl_value b)
{
        assert_int_equal(sl_value_equal(&a, &b), sl_value_equal(&b, &a));
        return sl_value_equal(&a, &b);
}

static void scalars(void **state)
{
        (void)state;
        double nan = __builtin_nan("");
        assert_true(equal(SL_V_NULL, SL_V_NULL));
        assert_false(equal(SL_V_NULL, sl_v_i64(SL_INT32, 0)));
        assert_true(equal(sl_v_i64(SL_INT32, 5), sl_v_i64(SL_INT32, 5)));
        assert_false(equal(sl_v_i64(SL_INT32, 5), sl_v_i64(SL_INT64, 5)));
        assert_false(equal(sl_v_i64(SL_INT64, 5), sl_v_i64(SL_INT64, 6)));
        assert_true(equal(sl_v_f64(SL_FLOAT64, nan), sl_v_f64(SL_FLOAT64, -nan)));
        assert_false(equal(sl_v_f64(SL_FLOAT64, nan), sl_v_f64(SL_FLOAT64, 0)));
        assert_false(equal(sl_v_f64(SL_FLOAT64, 0.0), sl_v_f64(SL_FLOAT64, -0.0))); /* as Double.equals */
        assert_true(equal(sl_v_str(SL_STR("ab")), sl_v_str((struct sl_str){"abc", 2})));
        assert_false(equal(sl_v_str(SL_STR("ab")), sl_v_str(SL_STR("ac"))));
        assert_false(equal(sl_v_str(SL_STR("ab")), sl_v_bytes("ab", 2)));
        assert_true(equal(sl_v_bool(true), sl_v_bool(true)));
        assert_false(equal(sl_v_bool(true), sl_v_bool(false)));
        struct sl_value flagged = sl_v_i64(SL_INT32, 5);
        flagged.flags = SL_V_UNAVAILABLE;
        assert_true(equal(flagged, sl_v_i64(SL_INT32, 5)));
}

static void containers(void **state)
{
        (void)state;
        const struct sl_value a[] = {sl_v_i64(SL_INT32, 1), sl_v_i64(SL_INT32, 2), sl_v_i64(SL_INT32, 3),
                                     sl_v_i64(SL_INT32, 4)};
        const struct sl_value b[] = {sl_v_i64(SL_INT32, 3), sl_v_i64(SL_INT32, 4), sl_v_i64(SL_INT32, 1),
                                     sl_v_i64(SL_INT32, 2)};
        const struct sl_value c[] = {sl_v_i64(SL_INT32, 1), sl_v_i64(SL_INT32, 4), sl_v_i64(SL_INT32, 3),
                                     sl_v_i64(SL_INT32, 2)};
        assert_true(equal(sl_v_items(SL_ARRAY, a, 4), sl_v_items(SL_ARRAY, a, 4)));
        assert_false(equal(sl_v_items(SL_ARRAY, a, 4), sl_v_items(SL_ARRAY, b, 4)));
        assert_false(equal(sl_v_items(SL_ARRAY, a, 4), sl_v_items(SL_ARRAY, a, 3)));
        assert_true(equal(sl_v_items(SL_MAP, a, 2), sl_v_items(SL_MAP, b, 2))); /* the order does not count */
        assert_false(equal(sl_v_items(SL_MAP, a, 2), sl_v_items(SL_MAP, c, 2)));
        assert_false(equal(sl_v_items(SL_MAP, a, 2), sl_v_items(SL_MAP, a, 1)));
        assert_false(equal(sl_v_items(SL_STRUCT, a, 4), sl_v_items(SL_ARRAY, a, 4)));
        assert_true(equal(sl_v_items(SL_ARRAY, NULL, 0), sl_v_items(SL_ARRAY, a, 0)));
}

static void copies_are_deep(void **state)
{
        (void)state;
        struct sl_arena arena = {0};
        char text[] = "text";
        struct sl_value key = sl_v_str((struct sl_str){text, 4}), inner[2] = {key, sl_v_i64(SL_INT64, -1)};
        struct sl_value outer[2] = {sl_v_items(SL_MAP, inner, 1), sl_v_bytes(NULL, 0)};
        outer[0].flags = SL_V_UNAVAILABLE;
        struct sl_value v = sl_v_items(SL_ARRAY, outer, 2), copy = sl_value_copy(&arena, &v);
        assert_true(equal(v, copy));
        assert_int_equal(copy.items[0].flags, SL_V_UNAVAILABLE);
        text[0] = 'X';
        inner[1] = SL_V_NULL;
        outer[1] = SL_V_NULL;
        assert_int_equal(copy.len, 2);
        assert_true(sl_str_eqc(sl_v_as_str(&copy.items[0].items[0]), "text"));
        assert_int_equal(copy.items[0].items[1].i64, -1);
        assert_int_equal(copy.items[1].type, SL_BYTES);
        assert_non_null(copy.items[1].ptr); /* empty is not null */
        sl_arena_free(&arena);
}

static void prints(const struct sl_schema *schema, struct sl_value v, const char *want)
{
        struct sl_buf b = {0};
        sl_value_print(schema, &v, &b);
        assert_string_equal(sl_buf_cstr(&b), want);
        sl_buf_free(&b);
}

static void prints_as_java(void **state)
{
        (void)state;
        const struct sl_field fields[] = {{.name = "a", .schema = sl_schema_of(SL_INT32, false)},
                                          {.name = "n", .schema = sl_schema_of(SL_STRING, true)},
                                          {.name = "b", .schema = sl_schema_of(SL_STRING, true)}};
        const struct sl_schema *s =
                sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT, .field_count = 3, .fields = fields});
        const struct sl_value items[] = {sl_v_i64(SL_INT32, 1), SL_V_NULL, sl_v_str(SL_STR("x"))};
        const struct sl_value nested[] = {sl_v_items(SL_STRUCT, items, 3), SL_V_NULL};
        const struct sl_value pairs[] = {sl_v_str(SL_STR("a")), sl_v_bool(true), sl_v_str(SL_STR("b")), SL_V_NULL};
        prints(s, sl_v_items(SL_STRUCT, items, 3), "Struct{a=1,b=x}");
        prints(sl_schema_intern(&(struct sl_schema){.type = SL_ARRAY, .value = s}), sl_v_items(SL_ARRAY, nested, 2),
               "[Struct{a=1,b=x}, null]");
        prints(NULL, sl_v_items(SL_MAP, pairs, 2), "{a=true, b=null}");
        prints(NULL, sl_v_items(SL_MAP, pairs, 0), "{}");
        prints(NULL, sl_v_items(SL_ARRAY, pairs, 0), "[]");
        prints(NULL, SL_V_NULL, "null");
        prints(NULL, sl_v_i64(SL_INT64, INT64_MIN), "-9223372036854775808");
        prints(NULL, sl_v_f64(SL_FLOAT32, (double)0.1f), "0.1");
        prints(NULL, sl_v_f64(SL_FLOAT64, (double)0.1f), "0.10000000149011612");
        prints(NULL, sl_v_bytes("abc", 3), "java.nio.HeapByteBuffer[pos=0 lim=3 cap=3]");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(scalars),
                cmocka_unit_test(containers),
                cmocka_unit_test(copies_are_deep),
                cmocka_unit_test(prints_as_java),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
