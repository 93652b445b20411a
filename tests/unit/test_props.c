/* SPDX-License-Identifier: Apache-2.0 */
/* config/props: the ordered map, the .properties reader and JSON. Expected texts were compared with
 * java.util.Properties. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "config/props.h"

static char path[64];

static void write_file(const void *bytes, size_t n)
{
        strcpy(path, "/tmp/sluice-props-XXXXXX");
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, n), (ssize_t)n);
        close(fd);
}

static enum sl_rc load(struct sl_props *p, const void *bytes, size_t n, struct sl_err *err)
{
        write_file(bytes, n);
        enum sl_rc rc = sl_props_load(p, path, err);
        unlink(path);
        return rc;
}

static void load_ok(struct sl_props *p, const char *text)
{
        struct sl_err err = {0};
        enum sl_rc rc = load(p, text, strlen(text), &err);
        assert_string_equal(err.msg, "");
        assert_int_equal(rc, SL_OK);
}

static void keeps_order_and_replaces(void **state)
{
        (void)state;
        struct sl_props p = {0};
        const char *key, *value;
        char seen[64] = "";
        sl_props_set(&p, "b", "1");
        sl_props_set(&p, "a", NULL);
        sl_props_set(&p, "c", "3");
        sl_props_set(&p, "b", "2");
        assert_true(sl_props_has(&p, "a"));
        assert_null(sl_props_get(&p, "a"));
        assert_false(sl_props_has(&p, "x"));
        assert_null(sl_props_get(&p, "x"));
        for (size_t i = 0; sl_props_next(&p, &i, &key, &value);) {
                strcat(seen, key);
                strcat(seen, value ? value : "-");
        }
        assert_string_equal(seen, "b2a-c3");
        sl_props_set(&p, "a", "now");
        assert_string_equal(sl_props_get(&p, "a"), "now");
        sl_props_set(&p, "a", NULL);
        sl_props_remove(&p, "a");
        sl_props_remove(&p, "b");
        sl_props_remove(&p, "absent");
        assert_false(sl_props_has(&p, "a"));
        assert_false(sl_props_has(&p, "b"));
        sl_props_free(&p);
        sl_props_free(&p);
}

static void copies_and_takes_subsets(void **state)
{
        (void)state;
        struct sl_props src = {0}, dst = {0};
        sl_props_set(&src, "transforms", "a");
        sl_props_set(&src, "transforms.a.type", "X");
        sl_props_set(&src, "transforms.a.", "empty name");
        sl_props_set(&src, "transforms.a.note", NULL);
        sl_props_set(&src, "transforms.ab.type", "Y");
        sl_props_subset(&dst, &src, "transforms.a.");
        assert_int_equal(dst.map.live, 2);
        assert_string_equal(sl_props_get(&dst, "type"), "X");
        assert_true(sl_props_has(&dst, "note"));
        sl_props_set(&dst, "transforms", "old");
        sl_props_copy(&dst, &src);
        assert_string_equal(sl_props_get(&dst, "transforms"), "a");
        assert_string_equal(sl_props_get(&dst, "type"), "X");
        sl_props_copy(&dst, &dst);
        assert_string_equal(sl_props_get(&dst, "transforms"), "a");
        sl_props_free(&src);
        sl_props_free(&dst);
}

static void reads_properties_files(void **state)
{
        (void)state;
        struct sl_props p = {0};
        load_ok(&p, "# comment\n"
                    "! comment too \\\n"
                    "  \t\n"
                    "plain=value\n"
                    "colon:value\r\n"
                    "  spaced   =  value with end  \r"
                    "blank value\n"
                    "alone\n"
                    "empty=\n"
                    "two==x\n"
                    "esc\\=aped\\:key\\ x = a\\tb\\nc\\\\d\\q\n"
                    "long = a,\\\n"
                    "   # b,\\\n"
                    "\t!c\n"
                    "even=x\\\\\n"
                    "uni=\\u00e4\\u20AC\\ud83d\\ude00\\ud800x\n"
                    "plain=again\n"
                    "last=\\");
        assert_string_equal(sl_props_get(&p, "plain"), "again");
        assert_string_equal(sl_props_get(&p, "colon"), "value");
        assert_string_equal(sl_props_get(&p, "spaced"), "value with end  ");
        assert_string_equal(sl_props_get(&p, "blank"), "value");
        assert_string_equal(sl_props_get(&p, "alone"), "");
        assert_string_equal(sl_props_get(&p, "empty"), "");
        assert_string_equal(sl_props_get(&p, "two"), "=x");
        assert_string_equal(sl_props_get(&p, "esc=aped:key x"), "a\tb\nc\\dq");
        assert_string_equal(sl_props_get(&p, "long"), "a,# b,!c");
        assert_string_equal(sl_props_get(&p, "even"), "x\\");
        assert_string_equal(sl_props_get(&p, "uni"), "\u00e4\u20ac\U0001F600?x");
        assert_string_equal(sl_props_get(&p, "last"), "");
        assert_int_equal(p.map.live, 12);
        sl_props_free(&p);
}

static void reads_utf8_and_latin1(void **state)
{
        (void)state;
        struct sl_props p = {0};
        load_ok(&p, "name=M\xc3\xbcller\n");
        assert_string_equal(sl_props_get(&p, "name"), "M\xc3\xbcller");
        load_ok(&p, "name=M\xfcller\n");
        assert_string_equal(sl_props_get(&p, "name"), "M\xc3\xbcller");
        load_ok(&p, "");
        sl_props_free(&p);
}

static void refuses_bad_files(void **state)
{
        (void)state;
        struct sl_props p = {0};
        struct sl_err err = {0};
        static const char bad[] = "ok=1\n# c\n\nx=a\\\n b\\u12g4 secret\n";
        assert_int_equal(load(&p, bad, sizeof(bad) - 1, &err), SL_FATAL);
        assert_int_equal(err.id, SL_E_CONFIG);
        assert_non_null(strstr(err.msg, ":4: \\u needs four"));
        assert_null(strstr(err.msg, "secret"));
        assert_int_equal(p.map.live, 0);
        sl_err_clear(&err);
        assert_int_equal(load(&p, "a=b\0c", 5, &err), SL_FATAL);
        assert_non_null(strstr(err.msg, "NUL"));
        sl_err_clear(&err);
        assert_int_equal(load(&p, "a=\\u0000", 8, &err), SL_FATAL);
        sl_err_clear(&err);
        assert_int_equal(sl_props_load(&p, "/nonexistent/x.properties", &err), SL_FATAL);
        assert_int_equal(err.id, SL_E_IO);
        assert_non_null(strstr(err.msg, "/nonexistent/x.properties"));
        sl_err_clear(&err);
        assert_int_equal(sl_props_load(&p, "/dev/zero", &err), SL_FATAL);
        assert_non_null(strstr(err.msg, "not a regular file"));
        sl_props_free(&p);
}

static void reads_and_writes_json(void **state)
{
        (void)state;
        struct sl_props p = {0};
        struct sl_err err = {0};
        sl_auto_json *j = NULL, *back = NULL;
        struct sl_buf text = {0};
        assert_int_equal(
                sl_json_parse(SL_STR("{\"z\":\"s\",\"i\":-7,\"r\":1.5,\"t\":true,\"f\":false,\"n\":null,\"a\":\"\"}"),
                              &j, &err),
                SL_OK);
        assert_int_equal(sl_props_from_json(&p, j, &err), SL_OK);
        sl_props_set(&p, "raw", "\xff");
        back = sl_props_to_json(&p);
        sl_json_dump(back, &text);
        assert_string_equal(sl_buf_cstr(&text),
                            "{\"z\":\"s\",\"i\":\"-7\",\"r\":\"1.5\",\"t\":\"true\",\"f\":\"false\","
                            "\"n\":null,\"a\":\"\",\"raw\":\"\u00ff\"}");
        sl_buf_free(&text);
        sl_props_free(&p);
}

static void refuses_nested_json(void **state)
{
        (void)state;
        static const char *const bad[] = {"{\"ok\":\"1\",\"x\":{\"y\":1}}", "{\"ok\":\"1\",\"x\":[]}", "[]"};
        for (size_t i = 0; i < 3; i++) {
                struct sl_props p = {0};
                struct sl_err err = {0};
                sl_auto_json *j = NULL;
                assert_int_equal(sl_json_parse(sl_str_c(bad[i]), &j, &err), SL_OK);
                assert_int_equal(sl_props_from_json(&p, j, &err), SL_FATAL);
                assert_int_equal(err.id, SL_E_CONFIG);
                assert_int_equal(p.map.live, 0);
                if (i < 2)
                        assert_non_null(strstr(err.msg, "configuration x"));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keeps_order_and_replaces), cmocka_unit_test(copies_and_takes_subsets),
                cmocka_unit_test(reads_properties_files),   cmocka_unit_test(reads_utf8_and_latin1),
                cmocka_unit_test(refuses_bad_files),        cmocka_unit_test(reads_and_writes_json),
                cmocka_unit_test(refuses_nested_json),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
