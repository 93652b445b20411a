/* SPDX-License-Identifier: Apache-2.0 */
/* sasl.jaas.config as Java reads it: words, both quotes, escapes, comments, and what is refused, never showing a value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "kafka/jaas.h"

static void test_reads(void **state)
{
        static const struct {
                const char *text, *key, *value;
        } cases[] = {
                {"m.PlainLoginModule required username=\"a\" password=\"b\";", "password", "b"},
                {" \n m.X REQUIRED\n k = v ;\n", "k", "v"},
                {"m.X required k='it\"s' ;", "k", "it\"s"},
                {"m.X required k=\"a\\\"b\\\\c\\n\\t\\101\\477;=\" l=x;", "k", "a\"b\\c\n\tA'7;="},
                {"m.X sufficient k=\"\" l=x;", "k", ""},
                {"m.X required // note; k=no\n/* k=\"no\"; */ k=yes;", "k", "yes"},
                {"m.X optional k=\"http://h/*x\";", "k", "http://h/*x"},
                {"m.X requisite k=1234 l=\"x\";", "k", "1234"},
                {"m.X required k=one k=two;", "k", "two"},
                {"m.X required k=p@ss$w-0rd.! ;", "k", "p@ss$w-0rd.!"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sl_jaas jaas = {0};
                const char *why = sl_jaas_parse(cases[i].text, &jaas);
                if (why)
                        fail_msg("%s: %s", cases[i].text, why);
                assert_string_equal(sl_props_get(&jaas.options, cases[i].key), cases[i].value);
                sl_jaas_free(&jaas);
        }
}

static void test_modules(void **state)
{
        struct sl_jaas jaas = {0};

        (void)state;
        assert_null(sl_jaas_parse("org.apache.kafka.common.security.scram.ScramLoginModule required;", &jaas));
        assert_string_equal(jaas.module, "org.apache.kafka.common.security.scram.ScramLoginModule");
        assert_string_equal(sl_jaas_module(&jaas), "ScramLoginModule");
        sl_jaas_free(&jaas);
        assert_null(sl_jaas_parse("Bare required;", &jaas));
        assert_string_equal(sl_jaas_module(&jaas), "Bare");
        sl_jaas_free(&jaas);
}

static void test_refuses(void **state)
{
        static const struct {
                const char *text, *why;
        } cases[] = {
                {"", "Login module not specified"},
                {"  // nothing", "Login module not specified"},
                {"m.X", "control flag not specified"},
                {"m.X always;", "control flag is not available"},
                {"m.X required k=secret", "not terminated by semi-colon"},
                {"m.X required", "not terminated by semi-colon"},
                {"m.X required secret;", "Value not specified for a key"},
                {"m.X required k=;", "Value not specified for a key"},
                {"m.X required k=\"secret;", "has no end"},
                {"m.X required =secret;", "without a name"},
                {"m.X required k=v; m.Y required;", "more than one login module"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sl_jaas jaas = {0};
                const char *why = sl_jaas_parse(cases[i].text, &jaas);
                if (!why || !strstr(why, cases[i].why) || strstr(why, "secret"))
                        fail_msg("%s: %s", cases[i].text, why ? why : "accepted");
                sl_jaas_free(&jaas);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reads),
                cmocka_unit_test(test_modules),
                cmocka_unit_test(test_refuses),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
