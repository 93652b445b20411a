/* SPDX-License-Identifier: Apache-2.0 */
/* base/json.c: what is refused, the position in the message, key order, typed getters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"

static void parse_and_dump_keep_order(void **state)
{
        (void)state;
        struct sl_buf b = {0};
        sl_auto_json *j = NULL;
        const char *text = "{\"z\":1,\"a\":[true,null,\"\\u00e9/\"],\"m\":{\"y\":-2.5,\"x\":9223372036854775807}}";
        assert_int_equal(sl_json_parse(sl_str_c(text), &j, NULL), SL_OK);
        sl_json_dump(j, &b);
        assert_string_equal(sl_buf_cstr(&b),
                            "{\"z\":1,\"a\":[true,null,\"é/\"],\"m\":{\"y\":-2.5,\"x\":9223372036854775807}}");
        sl_buf_clear(&b);
        sl_json_dump(json_object_get(j, "z"), &b);
        assert_string_equal(sl_buf_cstr(&b), "1");
        sl_buf_free(&b);
}

static void whole_slice_only(void **state)
{
        (void)state;
        sl_auto_json *j = NULL;
        assert_int_equal(sl_json_parse((struct sl_str){"[1,2]garbage", 5}, &j, NULL), SL_OK);
        assert_int_equal(json_array_size(j), 2);
        static const char *const bad[] = {"",         " ",       "[1,2]x", "{\"a\":1,\"a\":2}", "{a:1}", "[1,]",
                                          "\"\xff\"", "{\"a\":", "nul"};
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct sl_err err = {0};
                json_t *none = NULL;
                assert_int_equal(sl_json_parse(sl_str_c(bad[i]), &none, &err), SL_DESERIALIZATION);
                assert_int_equal(err.id, SL_E_JSON);
                assert_null(none);
        }
        json_t *none = NULL;
        assert_int_equal(sl_json_parse(SL_STR_NULL, &none, NULL), SL_DESERIALIZATION);
}

static void message_names_line_and_column(void **state)
{
        (void)state;
        struct sl_err err = {0};
        json_t *j = NULL;
        assert_int_equal(sl_json_parse(SL_STR("{\n  \"a\": ?\n}"), &j, &err), SL_DESERIALIZATION);
        assert_non_null(strstr(err.msg, "line 2, column 8"));
}

static void depth_has_a_limit(void **state)
{
        (void)state;
        for (int depth = 200; depth <= 201; depth++) {
                struct sl_buf b = {0};
                sl_auto_json *j = NULL;
                for (int i = 0; i < depth; i++)
                        sl_buf_adds(&b, "[\"]\\\"[\",");
                sl_buf_adds(&b, "1");
                for (int i = 0; i < depth; i++)
                        sl_buf_addc(&b, ']');
                enum sl_rc rc = sl_json_parse((struct sl_str){b.ptr, b.len}, &j, NULL);
                assert_int_equal(rc, depth == 200 ? SL_OK : SL_DESERIALIZATION);
                sl_buf_free(&b);
        }
        /* an open string at the end, and a backslash as the last byte */
        json_t *none = NULL;
        assert_int_equal(sl_json_parse(SL_STR("[\"abc\\"), &none, NULL), SL_DESERIALIZATION);
}

static void getters_have_fallbacks(void **state)
{
        (void)state;
        sl_auto_json *j = NULL;
        assert_int_equal(
                sl_json_parse(SL_STR("{\"s\":\"x\",\"i\":7,\"t\":true,\"f\":false,\"n\":null,\"r\":1.5}"), &j, NULL),
                SL_OK);
        assert_string_equal(sl_json_str(j, "s"), "x");
        assert_null(sl_json_str(j, "i"));
        assert_null(sl_json_str(j, "n"));
        assert_null(sl_json_str(j, "none"));
        assert_null(sl_json_str(NULL, "s"));
        assert_int_equal(sl_json_int(j, "i", -1), 7);
        assert_int_equal(sl_json_int(j, "s", -1), -1);
        assert_int_equal(sl_json_int(j, "r", -1), -1);
        assert_int_equal(sl_json_int(j, "none", -1), -1);
        assert_true(sl_json_bool(j, "t", false));
        assert_false(sl_json_bool(j, "f", true));
        assert_true(sl_json_bool(j, "n", true));
        assert_false(sl_json_bool(j, "i", false));
}

static void dump_into_a_small_buffer_is_bad(void **state)
{
        (void)state;
        struct sl_buf b;
        sl_auto_json *j = json_string("a text that is longer than the ceiling");
        sl_buf_init(&b, 10);
        sl_json_dump(j, &b);
        assert_false(sl_buf_ok(&b));
        sl_buf_free(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parse_and_dump_keep_order),     cmocka_unit_test(whole_slice_only),
                cmocka_unit_test(message_names_line_and_column), cmocka_unit_test(depth_has_a_limit),
                cmocka_unit_test(getters_have_fallbacks),        cmocka_unit_test(dump_into_a_small_buffer_is_bad),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
