/* SPDX-License-Identifier: Apache-2.0 */
/* cluster/connfile.c: the three forms of a connector file, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cluster/connfile.h"

static char path[] = "/tmp/sluice-test-connfile-XXXXXX";

static enum sl_rc load(const char *text, struct sl_herder_initial *ret, struct sl_err *err)
{
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
        memset(ret, 0, sizeof(*ret));
        return sl_connfile_load(path, ret, err);
}

static void three_forms(void **state)
{
        static const char *const texts[] = {
                "{\"name\":\"n\",\"config\":{\"tasks.max\":2}}",
                "  {\"name\":\"n\",\"tasks.max\":\"2\"}",
                "# properties\nname=n\ntasks.max=2\n",
                "{\"name\":\"n\",\"config\":{\"name\":\"n\",\"tasks.max\":\"2\"},\"more\":[1]}",
                "\xef\xbb\xbf{\"name\":\"n\",\"tasks.max\":\"2\"}", /* as Windows' editors write it */
        };
        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct sl_herder_initial c;
                assert_int_equal(load(texts[i], &c, NULL), SL_OK);
                assert_string_equal(c.name, "n");
                assert_string_equal(sl_props_get(&c.config, "tasks.max"), "2");
                assert_string_equal(sl_props_get(&c.config, "name"), "n");
                assert_int_equal(c.target, SL_TARGET_STARTED);
                sl_connfile_free(&c);
        }
}

static void initial_state(void **state)
{
        struct sl_herder_initial c;
        (void)state;
        assert_int_equal(load("{\"name\":\"n\",\"config\":{},\"initial_state\":\"stopped\"}", &c, NULL), SL_OK);
        assert_int_equal(c.target, SL_TARGET_STOPPED);
        sl_connfile_free(&c);
}

static void refused(void **state)
{
        static const struct {
                const char *text, *says;
        } cases[] = {
                {"{\"name\":\"n\",\"config\":{},\"initial_state\":\"OFF\"}", "RUNNING, PAUSED or STOPPED"},
                {"{\"name\":\"n\",\"config\":{\"name\":\"m\"}}", "doesn't match"},
                {"{\"name\":\"n\",", "line 1"},
                {"{\"name\":\"n\",\"x\":{}}", "x"},
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sl_herder_initial c;
                struct sl_err err = {0};
                assert_int_not_equal(load(cases[i].text, &c, &err), SL_OK);
                assert_non_null(strstr(err.msg, path));
                assert_non_null(strstr(err.msg, cases[i].says));
                sl_connfile_free(&c);
        }
        static const char *const no_objects[] = {"// a comment\n{\"name\":\"n\"}", "[1]", "", "name=n"};
        char own[sizeof(path) + 5];
        snprintf(own, sizeof(own), "%s.json", path);
        for (size_t i = 0; i < sizeof(no_objects) / sizeof(no_objects[0]); i++) { /* a file of this name is no properties */
                FILE *f = fopen(own, "w");
                assert_non_null(f);
                fputs(no_objects[i], f);
                fclose(f);
                struct sl_herder_initial c = {0};
                struct sl_err err = {0};
                assert_int_not_equal(sl_connfile_load(own, &c, &err), SL_OK);
                assert_non_null(strstr(err.msg, own));
                assert_non_null(strstr(err.msg, "JSON"));
                sl_connfile_free(&c);
        }
        unlink(own);
        struct sl_herder_initial c = {0};
        struct sl_err err = {0};
        assert_int_not_equal(sl_connfile_load("/nonexistent/x.json", &c, &err), SL_OK);
        assert_non_null(strstr(err.msg, "/nonexistent/x.json"));
        sl_connfile_free(&c);
}

int main(void)
{
        int fd = mkstemp(path);
        if (fd < 0)
                return 1;
        close(fd);
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(three_forms),
                cmocka_unit_test(initial_state),
                cmocka_unit_test(refused),
        };
        int rc = cmocka_run_group_tests(tests, NULL, NULL);
        unlink(path);
        return rc;
}
