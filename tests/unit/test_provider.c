/* SPDX-License-Identifier: Apache-2.0 */
/* config/provider: ${env:}, ${file:}, ${dir:} references: what is resolved, what stays, what is refused, and that no
 * message carries a value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/provider.h"

static char dir[64];

static void put_file(const char *name, const char *text)
{
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", dir, name);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
}

static int setup(void **state)
{
        (void)state;
        strcpy(dir, "/tmp/sluice-provider-XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        char sub[96];
        snprintf(sub, sizeof(sub), "%s/sub", dir);
        mkdir(sub, 0700);
        put_file("s.properties", "user=bank\npassword=p\\u00e4ss=word\nref=${env:SL_T_A}\n");
        put_file("sub/token", "line one\nline two\n");
        setenv("SL_T_A", "alpha", 1);
        setenv("SL_T_REF", "${env:SL_T_A}", 1);
        setenv("SL_T_EMPTY", "", 1);
        unsetenv("SL_T_NONE");
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        char path[128];
        static const char *const names[] = {"s.properties", "sub/token"};
        for (int i = 0; i < 2; i++) {
                snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
                unlink(path);
        }
        snprintf(path, sizeof(path), "%s/sub", dir);
        rmdir(path);
        return rmdir(dir);
}

/* Worker properties "k=v;k=v" with @ for the test's directory. */
static struct sl_providers *providers(const char *spec, struct sl_err *err)
{
        struct sl_props worker = {0};
        struct sl_providers *ps = NULL;
        char text[1024], *save = NULL;
        snprintf(text, sizeof(text), "%s", spec);
        for (char *kv = strtok_r(text, ";", &save); kv; kv = strtok_r(NULL, ";", &save)) {
                char *value = strchr(kv, '=');
                char full[512] = "";
                *value++ = '\0';
                for (char *c = value; *c; c++)
                        snprintf(full + strlen(full), sizeof(full) - strlen(full), *c == '@' ? "%s" : "%.1s",
                                 *c == '@' ? dir : c);
                sl_props_set(&worker, kv, full);
        }
        enum sl_rc rc = sl_providers_new(&worker, &ps, err);
        assert_int_equal(rc == SL_OK, ps != NULL);
        sl_props_free(&worker);
        return ps;
}

/* The resolved value of one key in a static buffer, or NULL with err set. @ in text is the test's directory. */
static const char *resolve(const struct sl_providers *ps, const char *text, struct sl_err *err)
{
        static char result[2048];
        struct sl_props src = {0}, dst = {0};
        char full[1024] = "";
        for (const char *c = text; *c; c++)
                snprintf(full + strlen(full), sizeof(full) - strlen(full), *c == '@' ? "%s" : "%.1s",
                         *c == '@' ? dir : c);
        sl_props_set(&src, "the.key", full);
        *err = (struct sl_err){0};
        enum sl_rc rc = sl_providers_resolve(ps, &src, &dst, err);
        if (rc == SL_OK)
                snprintf(result, sizeof(result), "%s", sl_props_get(&dst, "the.key"));
        else
                assert_int_equal(dst.map.live, 0);
        sl_props_free(&src);
        sl_props_free(&dst);
        return rc == SL_OK ? result : NULL;
}

#define DECLARED                                                                                                       \
        "config.providers=file, dir;"                                                                                  \
        "config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider;"                      \
        "config.providers.dir.class=DirectoryConfigProvider"

static void env_is_built_in(void **state)
{
        (void)state;
        struct sl_err err = {0};
        struct sl_providers *ps = providers("", &err);
        assert_string_equal(resolve(ps, "${env:SL_T_A}", &err), "alpha");
        assert_string_equal(resolve(ps, "${env::SL_T_A}", &err), "alpha");
        assert_string_equal(resolve(ps, "x ${env:SL_T_A}-${env:SL_T_A}$", &err), "x alpha-alpha$");
        assert_string_equal(resolve(ps, "$${env:SL_T_A}}", &err), "$alpha}");
        assert_string_equal(resolve(ps, "[${env:SL_T_EMPTY}]", &err), "[]");
        assert_string_equal(resolve(ps, "", &err), "");
        /* once only */
        assert_string_equal(resolve(ps, "${env:SL_T_REF}", &err), "${env:SL_T_A}");
        sl_providers_free(ps);
        sl_providers_free(NULL);
}

static void other_text_stays(void **state)
{
        (void)state;
        static const char *const same[] = {"${routedByValue}",
                                           "${topic}",
                                           "${nope:x}",
                                           "${nope:a:b}",
                                           "$1",
                                           "${",
                                           "${env:SL_T_A",
                                           "{env:SL_T_A}",
                                           "${ENV:SL_T_A}",
                                           "${a ${env:SL_T_A}",
                                           "${file:/etc/passwd:x}",
                                           "${dir:/etc:passwd}",
                                           "$ {env:SL_T_A}",
                                           "}${"};
        struct sl_err err = {0};
        struct sl_providers *ps = providers("", &err);
        for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
                assert_string_equal(resolve(ps, same[i], &err), same[i]);
        assert_string_equal(resolve(ps, "${topic} ${nope:x} ${env:SL_T_A}", &err), "${topic} ${nope:x} alpha");
        sl_providers_free(ps);
}

static void copies_all_keys(void **state)
{
        (void)state;
        struct sl_err err = {0};
        struct sl_providers *ps = providers("", &err);
        struct sl_props src = {0}, dst = {0};
        const char *key, *value;
        char order[32] = "";
        sl_props_set(&src, "z", "${env:SL_T_A}");
        sl_props_set(&src, "n", NULL);
        sl_props_set(&src, "a", "plain");
        assert_int_equal(sl_providers_resolve(ps, &src, &dst, &err), SL_OK);
        for (size_t i = 0; sl_props_next(&dst, &i, &key, &value);)
                strcat(order, key);
        assert_string_equal(order, "zna");
        assert_true(sl_props_has(&dst, "n"));
        assert_null(sl_props_get(&dst, "n"));
        assert_string_equal(sl_props_get(&src, "z"), "${env:SL_T_A}");
        sl_props_free(&src);
        sl_props_free(&dst);
        sl_providers_free(ps);
}

static void reads_files_when_declared(void **state)
{
        (void)state;
        struct sl_err err = {0};
        struct sl_providers *ps = providers(DECLARED, &err);
        assert_non_null(ps);
        assert_string_equal(resolve(ps, "${file:@/s.properties:user}:${file:@/s.properties:password}", &err),
                            "bank:p\u00e4ss=word");
        assert_string_equal(resolve(ps, "${file:@/s.properties:ref}", &err), "${env:SL_T_A}");
        assert_string_equal(resolve(ps, "${dir:@/sub:token}", &err), "line one\nline two\n");
        assert_string_equal(resolve(ps, "${dir:@/sub/../sub/./:token}", &err), "line one\nline two\n");
        assert_string_equal(resolve(ps, "${env:SL_T_A}", &err), "alpha");
        sl_providers_free(ps);
}

static void failures_say_what_to_do(void **state)
{
        (void)state;
        static const struct {
                const char *ref, *says;
        } cases[] = {
                {"x${env:SL_T_NONE}y",
                 "Configuration the.key: ${env:SL_T_NONE} can't be resolved: the environment variable "
                 "SL_T_NONE is not set."},
                {"${env:/path:SL_T_A}", "an environment variable has no path. Write ${env:SL_T_A}."},
                {"${file:@/s.properties:nokey}", "has no key nokey."},
                {"${file:/nonexistent/f:k}", "Could not read properties from file /nonexistent/f."},
                {"${file:k}", "the path is missing."},
                {"${dir:@/sub:nofile}", "could not be opened"},
                {"${dir:@:sub/token}", "the name of a file in it"},
                {"${dir:@/sub:..}", "the name of a file in it"},
                {"${dir:@:sub}", "not a regular file"},
        };
        struct sl_err err = {0};
        struct sl_providers *ps = providers(DECLARED, &err);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_null(resolve(ps, cases[i].ref, &err));
                assert_int_equal(err.id, SL_E_CONFIG_PROVIDER);
                assert_int_equal(err.rc, SL_FATAL);
                if (!strstr(err.msg, cases[i].says))
                        fail_msg("%s: %s", cases[i].ref, err.msg);
        }
        assert_null(resolve(ps, "${file:@/s.properties:password} ${env:SL_T_NONE} hunter2", &err));
        assert_null(strstr(err.msg, "word"));
        assert_null(strstr(err.msg, "hunter2"));
        sl_providers_free(ps);
}

static void allowlist_limits_variables(void **state)
{
        (void)state;
        struct sl_err err = {0};
        struct sl_providers *ps = providers("config.providers=env;config.providers.env.class=EnvVarConfigProvider;"
                                            "config.providers.env.param.allowlist.pattern=SL_T_[A-C]",
                                            &err);
        assert_string_equal(resolve(ps, "${env:SL_T_A}", &err), "alpha");
        assert_null(resolve(ps, "${env:SL_T_REF}", &err));
        assert_non_null(strstr(err.msg, "allowlist.pattern"));
        assert_null(resolve(ps, "${env:XSL_T_A}", &err));
        assert_null(resolve(ps, "${env:SL_T_AX}", &err));
        sl_providers_free(ps);
        /* under another name the built-in one is no way around it */
        ps = providers("config.providers=vars;config.providers.vars.class=EnvVarConfigProvider;"
                       "config.providers.vars.param.allowlist.pattern=SL_T_A",
                       &err);
        assert_string_equal(resolve(ps, "${vars:SL_T_A}${env:SL_T_A}", &err), "alphaalpha");
        assert_null(resolve(ps, "${env:SL_T_REF}", &err));
        sl_providers_free(ps);
}

static void allowed_paths_limit_files(void **state)
{
        (void)state;
        struct sl_err err = {0};
        struct sl_providers *ps = providers(DECLARED ";config.providers.file.param.allowed.paths=/nonexistent,@/sub;"
                                                     "config.providers.dir.param.allowed.paths=@/sub/",
                                            &err);
        assert_non_null(ps);
        assert_null(resolve(ps, "${file:@/s.properties:user}", &err));
        assert_non_null(strstr(err.msg, "allowed.paths"));
        assert_null(resolve(ps, "${file:@/sub/../s.properties:user}", &err));
        assert_non_null(strstr(err.msg, "allowed.paths"));
        assert_null(resolve(ps, "${file:@/subway:user}", &err));
        assert_non_null(strstr(err.msg, "allowed.paths"));
        assert_null(resolve(ps, "${file:sub/x:user}", &err));
        assert_non_null(strstr(err.msg, "allowed.paths"));
        assert_string_equal(resolve(ps, "${dir:@/sub:token}", &err), "line one\nline two\n");
        assert_null(resolve(ps, "${dir:@:s.properties}", &err));
        assert_null(resolve(ps, "${dir:/../../:x}", &err));
        assert_non_null(strstr(err.msg, "/ is not under"));
        sl_providers_free(ps);
}

static void bad_declarations_are_refused(void **state)
{
        (void)state;
        static const struct {
                const char *worker, *says;
        } cases[] = {
                {"config.providers=a",
                 "Missing required configuration \"config.providers.a.class\" which has no default value."},
                {"config.providers=a;config.providers.a.class=com.x.VaultProvider",
                 "Invalid value com.x.VaultProvider for configuration config.providers.a.class: Class "
                 "com.x.VaultProvider could "
                 "not be found."},
                {"config.providers=a;config.providers.a.class=EnvVarConfigProvider;config.providers.a.param.allowlist."
                 "pattern=(",
                 "Invalid value ( for configuration config.providers.a.param.allowlist.pattern: Invalid regex: "},
                {"config.providers=a;config.providers.a.class=FileConfigProvider;config.providers.a.param.allowed."
                 "paths=tmp",
                 "Path tmp is not absolute"},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sl_err err = {0};
                assert_null(providers(cases[i].worker, &err));
                assert_int_equal(err.id, SL_E_CONFIG);
                if (!strstr(err.msg, cases[i].says))
                        fail_msg("%s", err.msg);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(env_is_built_in),           cmocka_unit_test(other_text_stays),
                cmocka_unit_test(copies_all_keys),           cmocka_unit_test(reads_files_when_declared),
                cmocka_unit_test(failures_say_what_to_do),   cmocka_unit_test(allowlist_limits_variables),
                cmocka_unit_test(allowed_paths_limit_files), cmocka_unit_test(bad_declarations_are_refused),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
