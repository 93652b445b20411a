/* SPDX-License-Identifier: Apache-2.0 */
/* base/err.c and base/log.c: table, first writer wins, prefixes, traces; log lines as they reach standard error. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"

static enum sl_rc passes_on(struct sl_err *err)
{
        SL_TRY(sl_fail(err, SL_E_PG_AUTH, "role %s", "bob"));
        return SL_OK;
}

static void first_writer_wins(void **state)
{
        (void)state;
        struct sl_err err = {0};
        assert_int_equal(passes_on(&err), SL_FATAL);
        assert_int_equal(err.id, SL_E_PG_AUTH);
        assert_int_equal(err.scope, SL_SCOPE_TASK);
        assert_string_equal(err.msg, "role bob");
        assert_string_equal(err.file, "test_err.c");
        assert_true(err.line > 0);
        assert_int_equal(sl_fail(&err, SL_E_JSON, "later"), SL_FATAL);
        assert_string_equal(err.msg, "role bob");
        sl_err_clear(&err);
        assert_int_equal(err.rc, SL_OK);
        assert_int_equal(sl_fail(&err, SL_E_JSON, "now"), SL_DESERIALIZATION);
        assert_int_equal(sl_fail(NULL, SL_E_S3_RETRY, "nobody looks"), SL_TRANSIENT);
}

static void prefixes_and_truncation(void **state)
{
        (void)state;
        struct sl_err err = {0};
        sl_err_prefix(&err, "no error yet");
        assert_string_equal(err.msg, "");
        (void)sl_fail(&err, SL_E_IO, "open: %s", "denied"); /* wanted */
        sl_err_prefix(&err, "file %d", 3);
        assert_string_equal(err.msg, "file 3: open: denied");
        char *big = malloc(3001);
        for (int i = 0; i < 3000; i += 2)
                memcpy(big + i, "é", 2);
        big[3000] = '\0';
        sl_err_prefix(&err, "%s", big);
        assert_true(strlen(err.msg) < sizeof(err.msg));
        assert_true(sl_utf8_valid(sl_str_c(err.msg)));
        for (int shift = 0; shift < 4; shift++) { /* a cut at every place of a sequence */
                sl_err_clear(&err);
                (void)sl_fail(&err, SL_E_IO, "%.*s%s", shift, "xyz", big); /* wanted */
                assert_true(sl_utf8_valid(sl_str_c(err.msg)));
                assert_true(strlen(err.msg) >= sizeof(err.msg) - 5);
                sl_err_prefix(&err, "%.*s", shift, "abc");
                assert_true(sl_utf8_valid(sl_str_c(err.msg)));
                assert_true(strlen(err.msg) >= sizeof(err.msg) - 5);
        }
        free(big);
        sl_err_clear(&err);
        (void)sl_fail(&err, SL_E_IO, "already cut \xc3"); /* not ours to repair, but no overrun */
        assert_string_equal(err.msg, "already cut \xc3");
}

static void trace_looks_like_java(void **state)
{
        (void)state;
        struct sl_err err = {0};
        struct sl_buf b = {0};
        sl_err_set(&err, SL_E_VALUE, "/some/where/avro.c", 12, "field %s", "a") == SL_SCHEMA ? (void)0 : fail();
        err.stage = SL_STAGE_VALUE_CONVERTER;
        sl_err_trace(&err, &b);
        assert_string_equal(sl_buf_cstr(&b), "org.apache.kafka.connect.errors.DataException: field a\n"
                                             "\tat sluice.VALUE_CONVERTER(avro.c:12) [value.mismatch]");
        sl_buf_free(&b);
}

static void traces_show_what_wraps_and_what_lies_under(void **state)
{
        (void)state;
        struct sl_err err = {0};
        struct sl_buf b = {0};
        sl_err_set(&err, SL_E_DECODE, "json.c", 3, "no end") == SL_DESERIALIZATION ? (void)0 : fail();
        sl_err_wrap(&err, "Conversion failed: ", SL_JAVA_SERIALIZATION);
        sl_err_prefix(&err, "row %d", 7);
        struct sl_str own = sl_err_message(&err);
        assert_int_equal(own.len, strlen("row 7: Conversion failed: "));
        assert_string_equal(err.msg, "row 7: Conversion failed: no end");
        err.outer = SL_JAVA_CONNECT ": Tolerance exceeded in error handler";
        sl_err_trace(&err, &b);
        assert_string_equal(sl_buf_cstr(&b),
                            "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler\n"
                            "\tat sluice.task\n"
                            "Caused by: org.apache.kafka.connect.errors.DataException: row 7: Conversion failed: \n"
                            "\tat sluice.task(json.c:3) [convert.decode]\n"
                            "Caused by: org.apache.kafka.common.errors.SerializationException: no end");
        sl_buf_free(&b);
        /* A head that leaves no room for the cause. */
        char head[2000];
        memset(head, 'h', sizeof(head) - 1);
        head[sizeof(head) - 1] = 0;
        sl_err_clear(&err);
        (void)sl_fail(&err, SL_E_DECODE, "gone");
        sl_err_prefix(&err, "%s", head);
        sl_err_wrap(&err, "short: ", SL_JAVA_SERIALIZATION);
        sl_err_prefix(&err, "%s", head);
        assert_int_equal(sl_err_message(&err).len, strlen(err.msg));
}

static void every_id_has_a_row_of_its_own(void **state)
{
        (void)state;
        for (int i = 1; i < SL_E_COUNT; i++) {
                assert_true(*sl_errid_text((enum sl_errid)i) && *sl_errid_doc((enum sl_errid)i));
                for (int j = 1; j < i; j++)
                        assert_string_not_equal(sl_errid_text((enum sl_errid)i), sl_errid_text((enum sl_errid)j));
        }
        assert_string_equal(sl_rc_name(SL_SCHEMA), "schema_mismatch");
        assert_string_equal(sl_rc_name(SL_FATAL), "fatal");
        assert_string_equal(sl_stage_name(SL_STAGE_TASK_PUT), "TASK_PUT");
}

/* What one call writes to standard error. */
static char logged[70000];
static int saved_stderr, log_pipe[2];

static void catch_stderr(void)
{
        fflush(stderr);
        assert_int_equal(pipe(log_pipe), 0);
        fcntl(log_pipe[1], F_SETPIPE_SZ, 1 << 20);
        saved_stderr = dup(STDERR_FILENO);
        dup2(log_pipe[1], STDERR_FILENO);
        close(log_pipe[1]);
}

static void release_stderr(void)
{
        dup2(saved_stderr, STDERR_FILENO);
        close(saved_stderr);
        size_t n = 0;
        ssize_t got;
        while ((got = read(log_pipe[0], logged + n, sizeof(logged) - 1 - n)) > 0)
                n += (size_t)got;
        logged[n] = '\0';
        close(log_pipe[0]);
}

static void text_lines(void **state)
{
        (void)state;
        struct sl_err err = {0};
        sl_log_init(SL_LOG_INFO, false);
        sl_log_context("orders|task-0");
        catch_stderr();
        errno = EBADF;
        sl_info("hello %d\nsecond", 5);
        assert_int_equal(errno, EBADF);
        sl_debug("not at this level");
        release_stderr();
        assert_int_equal(strlen(logged), strlen("2026-01-01T00:00:00.000Z INFO  [orders|task-0] hello 5\\nsecond\n"));
        assert_string_equal(logged + 24, " INFO  [orders|task-0] hello 5\\nsecond\n");
        assert_true(logged[10] == 'T' && logged[19] == '.' && logged[23] == 'Z');
        sl_log_context("");
        (void)sl_fail(&err, SL_E_PG_AUTH, "no"); /* wanted */
        err.stage = SL_STAGE_TASK_POLL;
        memcpy(err.sqlstate, "28P01", 6);
        catch_stderr();
        sl_log_err(SL_LOG_ERROR, &err, "task failed");
        release_stderr();
        assert_non_null(
                strstr(logged, "Z ERROR task failed: no error=pg.auth class=fatal stage=TASK_POLL sqlstate=28P01 at="));
        sl_log_set_level(SL_LOG_OFF);
        catch_stderr();
        sl_error("nothing");
        release_stderr();
        assert_string_equal(logged, "");
}

static void json_lines_parse(void **state)
{
        (void)state;
        struct sl_err err = {0};
        char huge[70000];
        memset(huge, 'x', sizeof(huge) - 1);
        huge[sizeof(huge) - 1] = '\0';
        (void)sl_fail(&err, SL_E_PG_AUTH, "no \"%s\"", "x"); /* wanted */
        sl_log_init(SL_LOG_DEBUG, true);
        sl_log_context("a\"b|task-1");
        catch_stderr();
        sl_log_err(SL_LOG_ERROR, &err, "bad \xff byte\n%s", "end");
        release_stderr();
        sl_auto_json *j = NULL;
        assert_int_equal(sl_json_parse(sl_str_c(logged), &j, NULL), SL_OK);
        assert_string_equal(sl_json_str(j, "context"), "a\"b|task-1");
        assert_string_equal(sl_json_str(j, "msg"), "bad ? byte\nend");
        assert_string_equal(sl_json_str(j, "cause"), "no \"x\"");
        assert_string_equal(sl_json_str(j, "error"), "pg.auth");
        assert_string_equal(sl_json_str(j, "class"), "fatal");
        catch_stderr();
        sl_debug("%s", huge);
        release_stderr();
        assert_true(strlen(logged) > 60000 && strlen(logged) < 66000);
        assert_int_equal(logged[strlen(logged) - 1], '\n');
        sl_log_context("");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(first_writer_wins),
                cmocka_unit_test(prefixes_and_truncation),
                cmocka_unit_test(trace_looks_like_java),
                cmocka_unit_test(traces_show_what_wraps_and_what_lies_under),
                cmocka_unit_test(every_id_has_a_row_of_its_own),
                cmocka_unit_test(text_lines),
                cmocka_unit_test(json_lines_parse),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
