/* SPDX-License-Identifier: Apache-2.0 */
/* replica.identity.autoset.values, item by item. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include "connectors/postgres/publication.h"

static void items(void **state)
{
        (void)state;
        const char *text = "public.a.*:FULL, b\\.c:index u_key ,x.y:Default,x.z:nothing";
        static const char *const expected[][3] = {
                {"public.a.*", "FULL", ""}, {"b\\.c", "INDEX", "u_key"}, {"x.y", "DEFAULT", ""}, {"x.z", "NOTHING", ""}};
        for (size_t i = 0; i < 4; i++) {
                struct sl_pg_identity_rule rule;
                assert_true(sl_pg_identity_item(&text, &rule));
                assert_string_equal(rule.tables, expected[i][0]);
                assert_string_equal(rule.what, expected[i][1]);
                assert_string_equal(rule.index, expected[i][2]);
        }
        assert_string_equal(text, "");
}

static void malformed(void **state)
{
        (void)state;
        static const char *const bad[] = {"a.b", ":FULL", "a.b:", "a.b:SOME", "a.b:INDEX", "a.b:FULL x", "a.b:INDEX x y",
                                          "a b:FULL", "a.b :FULL", ",a.b:FULL"};
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                const char *text = bad[i];
                struct sl_pg_identity_rule rule;
                if (sl_pg_identity_item(&text, &rule))
                        fail_msg("%s", bad[i]);
        }
        /* Names that are too long are refused, not cut. */
        char text[600];
        memset(text, 'x', sizeof(text));
        memcpy(text + 500, ":FULL", 6);
        const char *p = text;
        struct sl_pg_identity_rule rule;
        assert_false(sl_pg_identity_item(&p, &rule));
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(items), cmocka_unit_test(malformed)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
