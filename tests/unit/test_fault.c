/* SPDX-License-Identifier: Apache-2.0 */
/* base/fault.c: every script runs in a child, because a process reads its script once. Skipped without SL_FAULTS. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fault.h"

#ifdef SL_FAULTS
/* Hit point "a" eight times under the script; the child's exit status is the pattern of failures (bit i: hit i). */
static int run(const char *script)
{
        int status;
        pid_t pid = fork();
        if (pid == 0) {
                const struct rlimit none = {0, 0};
                setrlimit(RLIMIT_CORE, &none);
                signal(SIGABRT, SIG_DFL);
                if (!freopen("/dev/null", "w", stderr))
                        _exit(1);
                if (script)
                        setenv("SLUICE_FAULTS", script, 1);
                else
                        unsetenv("SLUICE_FAULTS");
                int bits = 0;
                for (int i = 0; i < 8; i++)
                        bits |= SL_FAULT("a") << i;
                _exit(bits);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return status;
}

static int failures(const char *script)
{
        int status = run(script);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void fail_always_or_once(void **state)
{
        (void)state;
        assert_int_equal(failures(NULL), 0);
        assert_int_equal(failures(""), 0);
        assert_int_equal(failures("a=fail"), 0xff);
        assert_int_equal(failures("a=fail@3"), 0x04);
        assert_int_equal(failures("a=fail@2,a=fail@5"), 0x12);
        assert_int_equal(failures("b=fail,ab=fail"), 0);
}

static void exit_and_kill(void **state)
{
        (void)state;
        assert_int_equal(failures("a=exit@8"), 86);
        assert_int_equal(failures("a=exit@9"), 0);
        int status = run("b=fail,a=kill@2");
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void sleep_delays_once(void **state)
{
        (void)state;
        int64_t start = sl_mono_ms();
        assert_int_equal(failures("a=sleep:150"), 0);
        int64_t took = sl_mono_ms() - start;
        assert_true(took >= 150 && took < 1000);
}

static void malformed_scripts_abort(void **state)
{
        (void)state;
        static const char *const bad[] = {"a",        "a=",       "=fail",   "a=boom",
                                          "a=fail@0", "a=fail@x", "a=sleep", "a=sleep:-1"};
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                int status = run(bad[i]);
                assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
        }
}
#else
static void compiled_out(void **state)
{
        (void)state;
        assert_false(SL_FAULT("anything"));
        skip();
}
#endif

int main(void)
{
        const struct CMUnitTest tests[] = {
#ifdef SL_FAULTS
                cmocka_unit_test(fail_always_or_once),
                cmocka_unit_test(exit_and_kill),
                cmocka_unit_test(sleep_delays_once),
                cmocka_unit_test(malformed_scripts_abort),
#else
                cmocka_unit_test(compiled_out),
#endif
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
