/* SPDX-License-Identifier: Apache-2.0 */
/* The patterns of SimpleDateFormat against what the JDK answers (tests/golden/transforms/timeformat.tsv, made by TimeOracle.java). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transforms/timeformat.h"

#define NOW INT64_C(1781524800000) /* 2026-06-15T12:00:00Z */

static void answer(const char *way, const char *pattern, const char *in, struct sl_buf *out)
{
        struct sl_buf why = {0};
        struct sl_timeformat *f = sl_timeformat_new(pattern, NOW, &why);
        int64_t ms;
        sl_buf_clear(out);
        if (!f)
                sl_buf_adds(out, "ERR");
        else if (way[0] == 'W')
                sl_timeformat_write(f, strtoll(in, NULL, 10), out);
        else if (sl_timeformat_read(f, sl_str_c(in), &ms))
                sl_buf_add_i64(out, ms);
        else
                sl_buf_adds(out, "ERR");
        sl_timeformat_free(f);
        sl_buf_free(&why);
}

static void golden(void **state)
{
        (void)state;
        const char *path = getenv("TIMEFORMAT_TSV");
        FILE *f = fopen(path ? path : "tests/golden/transforms/timeformat.tsv", "r");
        struct sl_buf out = {0};
        char *line = NULL;
        size_t cap = 0, cases = 0, bad = 0;
        assert_non_null(f);
        while (getline(&line, &cap, f) > 0) {
                char *cell[4], *p = line;
                line[strcspn(line, "\n")] = '\0';
                for (int i = 0; i < 4; i++)
                        cell[i] = strsep(&p, "\t");
                assert_non_null(cell[3]);
                answer(cell[0], cell[1], cell[2], &out);
                if (strcmp(sl_buf_cstr(&out), cell[3]) != 0 && ++bad <= 40)
                        print_error("%s | %s | %s: Java %s, we %s\n", cell[0], cell[1], cell[2], cell[3], sl_buf_cstr(&out));
                cases++;
        }
        free(line);
        sl_buf_free(&out);
        fclose(f);
        assert_true(cases > 100);
        assert_int_equal(bad, 0);
}

static void says_why_a_pattern_is_refused(void **state)
{
        (void)state;
        static const char *const cases[][2] = {{"yyyy-IW", "Illegal pattern character 'I'"},
                                               {"yyyy 'x", "Unterminated quote"},
                                               {"XXXX", "invalid ISO 8601 format: length=4"}};
        for (size_t i = 0; i < 3; i++) {
                struct sl_buf why = {0};
                assert_null(sl_timeformat_new(cases[i][0], NOW, &why));
                assert_string_equal(sl_buf_cstr(&why), cases[i][1]);
                sl_buf_free(&why);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(golden),
                cmocka_unit_test(says_why_a_pattern_is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
