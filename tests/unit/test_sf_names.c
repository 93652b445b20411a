/* SPDX-License-Identifier: Apache-2.0 */
/* Names in Snowflake: hashes and tables as Java makes them (the expected hashes were computed with another program),
 * the topic map with its errors, quoting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "connectors/snowflake/names.h"
#include "connectors/snowflake/sql.h"

#define CHECK(call, want)                                                                                              \
        do {                                                                                                           \
                struct sl_buf got = {0};                                                                               \
                call;                                                                                                  \
                assert_string_equal(sl_buf_cstr(&got), (want));                                                        \
                sl_buf_free(&got);                                                                                     \
        } while (0)

static void hashes(void **state)
{
        (void)state;
        assert_int_equal(sl_sf_java_hash(SL_STR("")), 0);
        assert_int_equal(sl_sf_java_hash(SL_STR("a")), 97);
        assert_int_equal(sl_sf_java_hash(SL_STR("hello")), 99162322);
        assert_int_equal(sl_sf_java_hash(SL_STR("polygenelubricants")), INT32_MIN);
        assert_int_equal(sl_sf_java_hash(SL_STR("\xc3\xa4")), 228);
        assert_int_equal(sl_sf_java_hash(SL_STR("\xf0\x9f\x98\x80")), 0xd83d * 31 + 0xde00); /* two UTF-16 units */
}

static void sanitised(void **state)
{
        (void)state;
        CHECK(sl_sf_sanitize(SL_STR("orders"), &got), "ORDERS");
        CHECK(sl_sf_sanitize(SL_STR("_a$1"), &got), "_A$1");
        CHECK(sl_sf_sanitize(SL_STR("a"), &got), "A_97");
        CHECK(sl_sf_sanitize(SL_STR("a.b"), &got), "A_B_94741");
        CHECK(sl_sf_sanitize(SL_STR("1a"), &got), "_1A_1616");
        CHECK(sl_sf_sanitize(SL_STR("a.*b.*"), &got), "AB_1474110815");
        CHECK(sl_sf_sanitize(SL_STR("\xc3\xa4\xf0\x9f\x98\x80z"), &got),
              "____Z_61752339"); /* a "_" each UTF-16 unit, and one in front */
        CHECK(sl_sf_sanitize(SL_STR(".*"), &got), "__1468");
}

static void tables_of(const char *map, bool regex, bool sanitize, const char *topic, const char *want)
{
        struct sl_sf_names *n = NULL;
        struct sl_err err = {0};
        assert_int_equal(sl_sf_names_new(&(struct sl_sf_names_opts){map, regex, sanitize}, &n, &err), SL_OK);
        CHECK(sl_sf_names_table(n, sl_str_c(topic), &got), want);
        sl_sf_names_free(n);
}

static void tables(void **state)
{
        (void)state;
        tables_of(NULL, false, false, "my.topic", "my.topic");
        tables_of("", false, true, "my_topic", "MY_TOPIC");
        tables_of("t1:table1, \"t.2\":\"Table 2\"", false, false, "t1", "TABLE1");
        tables_of("t1:table1, \"t.2\":\"Table 2\"", false, false, "t.2", "Table 2");
        tables_of("t1:table1, \"t.2\":\"Table 2\"", false, false, "tx2", "Table 2"); /* it is an expression too */
        tables_of("t1:table1", false, false, "t10", "t10");
        tables_of("cat_.*:cats,dog_.*:\"Dogs\"", false, false, "cat_small", "CATS");
        tables_of("cat_.*:cats,dog_.*:\"Dogs\"", false, false, "dog_large", "Dogs");
        tables_of("db\\.(\\w+)\\.(\\w+):raw_$1_$2", true, false, "db.Sales.orders", "RAW_SALES_ORDERS");
        tables_of("db\\.(\\w+)\\.(\\w+):\"raw_$1_$2\"", true, false, "db.Sales.orders", "raw_Sales_orders");
        tables_of("db\\.(?<s>\\w+):\"${s}$10\\$\"", true, false, "db.x", "xx0$");
        tables_of("db\\.(\\w+):raw_$1", false, false, "db.x", "RAW_$1");
}

static void bad_map(const char *map, const char *want)
{
        struct sl_sf_names *n = NULL;
        struct sl_err err = {0};
        assert_int_equal(sl_sf_names_new(&(struct sl_sf_names_opts){.map = map}, &n, &err), SL_FATAL);
        assert_null(n);
        assert_int_equal(err.id, SL_E_CONFIG);
        if (!strstr(err.msg, want))
                fail_msg("%s does not say %s", err.msg, want);
}

static void bad_maps(void **state)
{
        (void)state;
        bad_map("t1", "Expected ':' at position 2");
        bad_map("t1:", "Expected token, found end of input at position 3");
        bad_map("t1:a,t1:b", "Duplicate topic: t1");
        bad_map("t1:a b", "Expected ','");
        bad_map("\"t1:a", "Unterminated quoted token");
        bad_map("\"\":a", "Empty quoted token");
        bad_map(":a", "Expected token at position 0");
        bad_map("cat_.*:a,cat_small:b", "Topic regexes cannot overlap. Overlapping regexes: cat_.*, cat_small");
        bad_map("(:a", "no regular expression");
}

static void channels_and_pipes(void **state)
{
        (void)state;
        struct sl_buf app = {0};
        sl_sf_connector_name("my-sink", &app);
        CHECK(sl_sf_channel_name("KC", SL_STR("a.b"), 7, &got), "KC_a.b_7");
        CHECK(sl_sf_channel_name(NULL, SL_STR("a.b"), 7, &got), "a.b_7");
        CHECK(sl_sf_pipe_name(SL_STR("Orders"), &got), "Orders-STREAMING");
        assert_true(strncmp(sl_buf_cstr(&app), "MY_SINK_", 8) == 0);
        sl_buf_free(&app);
}

static void quoting(void **state)
{
        (void)state;
        CHECK(sl_sf_quote(&got, SL_STR("a\"b")), "\"a\"\"b\"");
        CHECK(sl_sf_quote(&got, SL_STR("select")), "\"select\"");
        CHECK(sl_sf_literal(SL_STR("it's \\ so"), &got), "'it''s \\\\ so'");
        CHECK(sl_sf_normalize(SL_STR("my\\ col"), &got), "MY COL");
        CHECK(sl_sf_normalize(SL_STR("\"my\"\"Col\""), &got), "my\"Col");
        CHECK(sl_sf_normalize(SL_STR("\"my\"Col\""), &got), "\"MY\"COL\"");
        CHECK(sl_sf_normalize(SL_STR("\""), &got), "\"");
        CHECK(sl_sf_normalize(SL_STR("\"\""), &got), "");
        assert_true(sl_sf_plain(SL_STR("ab")));
        assert_false(sl_sf_plain(SL_STR("a")));
        assert_false(sl_sf_plain(SL_STR("$a")));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hashes),   cmocka_unit_test(sanitised),          cmocka_unit_test(tables),
                cmocka_unit_test(bad_maps), cmocka_unit_test(channels_and_pipes), cmocka_unit_test(quoting),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
