/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of Snowflake: the shapes of errors, every row of the table of codes, host names that a token may go to, and how long
 * tokens hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "connectors/snowflake/answer.h"
#include "connectors/snowflake/auth.h"
#include "connectors/snowflake/host.h"

static enum sl_sf_verdict judge(int status, const char *body, const char *code, const char *message)
{
        struct sl_http_response resp = {.status = status};
        struct sl_sf_answer a = {0};
        sl_buf_adds(&resp.body, body);
        sl_sf_answer_read(&a, &resp);
        enum sl_sf_verdict v = a.verdict;
        if (code)
                assert_string_equal(sl_buf_cstr(&a.code), code);
        if (message)
                assert_string_equal(sl_buf_cstr(&a.message), message);
        sl_sf_answer_free(&a);
        sl_http_response_free(&resp);
        return v;
}

static void test_table(void **state)
{
        (void)state;
        static const struct {
                int status;
                const char *code;
                enum sl_sf_verdict verdict;
        } rows[] = {
                {400, "STALE_CONTINUATION_TOKEN_SEQUENCER", SL_SF_V_STALE},
                {409, "ERR_CHANNEL_HAS_INVALID_CLIENT_SEQUENCER", SL_SF_V_STALE},
                {409, "ERR_OPEN_CHANNEL_IN_PROGRESS", SL_SF_V_OPENING},
                {409, "ERR_PIPE_IN_INVALID_STATE", SL_SF_V_INVALID},
                {500, "ERR_GENERAL_EXCEPTION_RETRY_REQUEST", SL_SF_V_BUSY},
                {409, "ERR_CHANNEL_MUST_BE_REOPENED", SL_SF_V_REOPEN},
                {409, "ERR_CHANNEL_MUST_BE_REOPENED_DUE_TO_ROW_SEQ_GAP", SL_SF_V_REOPEN},
                {409, "ERR_CHANNEL_HAS_INVALID_ROW_SEQUENCER", SL_SF_V_REOPEN},
                {409, "ERR_SOMETHING_NEW", SL_SF_V_REOPEN},
                {409, "ERR_CHANNEL_HAS_UNCOMMITTED_DATA", SL_SF_V_UNCOMMITTED},
                {404, "ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED", SL_SF_V_GONE},
                {404, "STALE_PIPE_CACHE", SL_SF_V_GONE},
                {404, "ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED", SL_SF_V_MISSING},
                {404, "ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED", SL_SF_V_MISSING},
                {410, "SfApiPipeFailedOverError", SL_SF_V_MOVED},
                {410, "", SL_SF_V_MOVED},
                {401, "390318", SL_SF_V_AUTH},
                {403, "390403", SL_SF_V_AUTH},
                {408, "000630", SL_SF_V_RETRY},
                {413, "ERR_PAYLOAD_TOO_LARGE", SL_SF_V_TOO_LARGE},
                {429, "ReceiverSaturated", SL_SF_V_BUSY},
                {429, "MemoryThresholdExceeded", SL_SF_V_BUSY},
                {429, "", SL_SF_V_BUSY},
                {500, "ERR_INTERNAL", SL_SF_V_RETRY},
                {502, "", SL_SF_V_RETRY},
                {503, "", SL_SF_V_BUSY},
                {504, "", SL_SF_V_RETRY},
                {501, "", SL_SF_V_REFUSED},
                {400, "391904", SL_SF_V_REFUSED},
                {400, "SUCCESS", SL_SF_V_REFUSED},
                {415, "", SL_SF_V_REFUSED},
                {422, "002003", SL_SF_V_MISSING},
                {422, "001003", SL_SF_V_REFUSED},
        };
        static const char *const shapes[] = {"{\"code\":\"%s\",\"message\":\"what happened\"}",
                                             "{\"error_code\":\"%s\",\"message\":\"what happened\"}", "\"%s: what happened\"",
                                             "{\"status_code\":7,\"message\":\"%s: what happened\"}"};
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                for (size_t s = 0; s < 4; s++) {
                        char body[300];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                        snprintf(body, sizeof(body), shapes[s], rows[i].code);
#pragma GCC diagnostic pop
                        const char *code = *rows[i].code ? rows[i].code : NULL;
                        enum sl_sf_verdict v = judge(rows[i].status, body, code, code ? "what happened" : NULL);
                        if (v != rows[i].verdict)
                                fail_msg("%d %s is %d, not %d", rows[i].status, body, (int)v, (int)rows[i].verdict);
                }
}

static void test_good_and_odd(void **state)
{
        (void)state;
        assert_int_equal(judge(200, "{\"next_continuation_token\":\"0_1\"}", "", ""), SL_SF_V_OK);
        assert_int_equal(judge(200, "plain text", "", ""), SL_SF_V_OK);
        assert_int_equal(judge(200, "", "", ""), SL_SF_V_OK);
        assert_int_equal(judge(200, "{\"status_code\":0}", "", ""), SL_SF_V_OK);
        assert_int_equal(judge(200, "{\"error_code\":null,\"code\":null}", "", ""), SL_SF_V_OK);
        assert_int_equal(judge(200, "{\"status_code\":7,\"message\":\"no\"}", "7", "no"), SL_SF_V_REOPEN);
        assert_int_equal(judge(200, "{\"status_code\":7,\"message\":\"STALE_CONTINUATION_TOKEN_SEQUENCER\"}", NULL, NULL), SL_SF_V_STALE);
        assert_int_equal(judge(200, "{\"error_code\":\"ERR_PIPE_IN_INVALID_STATE\"}", NULL, NULL), SL_SF_V_INVALID);
        assert_int_equal(judge(502, "<html>\r\n<b>Bad gateway</b>", "", "<html>  <b>Bad gateway</b>"), SL_SF_V_RETRY);
        assert_int_equal(judge(429, "{\"code\":\"X\",\"message\":\"ReceiverSaturated\"}", "X", NULL), SL_SF_V_BUSY);
        assert_int_equal(judge(400, "[1,2]", "", "[1,2]"), SL_SF_V_REFUSED);
        assert_int_equal(judge(400, "{\"error\":\"invalid_grant\",\"error_description\":\"it ended\"}", "invalid_grant", "it ended"), SL_SF_V_REFUSED);
}

/* What a server repeats of a token goes into no message. */
static void test_tokens_are_blotted(void **state)
{
        (void)state;
        judge(401, "{\"code\":\"390144\",\"message\":\"bad eyJhbGciOi.eyJzdWIi-_x.c2ln here\"}", "390144", "bad *** here");
        judge(500, "eyJhbGciOi.eyJzdWIi-_x.c2ln", "", "***");
}

static void test_status_codes(void **state)
{
        (void)state;
        assert_int_equal(sl_sf_code_verdict(SL_STR("SUCCESS")), SL_SF_V_OK);
        assert_int_equal(sl_sf_code_verdict(SL_STR("active")), SL_SF_V_OK);
        assert_int_equal(sl_sf_code_verdict(SL_STR("")), SL_SF_V_REFUSED);
        assert_int_equal(sl_sf_code_verdict(SL_STR("INVALID_PIPE")), SL_SF_V_REFUSED);
        assert_int_equal(sl_sf_code_verdict(SL_STR("ERR_CHANNEL_MUST_BE_REOPENED")), SL_SF_V_REOPEN);
}

static void test_errors(void **state)
{
        (void)state;
        static const struct {
                enum sl_sf_verdict verdict;
                enum sl_errid id;
                enum sl_rc rc;
        } rows[] = {{SL_SF_V_AUTH, SL_E_SF_AUTH, SL_TRANSIENT},    {SL_SF_V_MISSING, SL_E_SF_MISSING, SL_FATAL},
                    {SL_SF_V_INVALID, SL_E_SF_CHANNEL, SL_FATAL},  {SL_SF_V_REFUSED, SL_E_SF_REFUSED, SL_FATAL},
                    {SL_SF_V_BUSY, SL_E_SF_RETRY, SL_TRANSIENT},   {SL_SF_V_RETRY, SL_E_SF_RETRY, SL_TRANSIENT},
                    {SL_SF_V_STALE, SL_E_SF_RETRY, SL_TRANSIENT}};
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct sl_sf_answer a = {.verdict = rows[i].verdict, .status = 418};
                struct sl_err err = {0};
                sl_buf_adds(&a.code, "A_CODE");
                assert_int_equal(sl_sf_answer_fail(&a, "host.example", "open channel C", &err), rows[i].rc);
                assert_int_equal(err.id, rows[i].id);
                assert_int_equal(err.native, 418);
                assert_non_null(strstr(err.msg, "host.example"));
                assert_non_null(strstr(err.msg, "HTTP 418 A_CODE"));
                sl_sf_answer_free(&a);
        }
}

/* --- hosts */

static void url(const char *text, const char *host, const char *account, bool tls)
{
        struct sl_sf_url u = {0};
        assert_int_equal(sl_sf_url_parse(text, &u, NULL), SL_OK);
        assert_string_equal(u.host, host);
        assert_string_equal(u.account, account);
        assert_int_equal(u.tls, tls);
        sl_sf_url_free(&u);
}

static void test_urls(void **state)
{
        (void)state;
        url("xy12345.eu-central-1.snowflakecomputing.com", "xy12345.eu-central-1.snowflakecomputing.com", "xy12345", true);
        url("https://myorg-my_acc.snowflakecomputing.com:443/", "myorg-my-acc.snowflakecomputing.com:443", "myorg-my_acc", true);
        url("HTTP://127.0.0.1:8080", "127.0.0.1:8080", "127", false);
        static const char *const bad[] = {"ftp://a.b.c", "https://", "a", "https://u:p@a.b.c", "a.b.c/path", "a.b.c:0", "a.b.c:x", "a b.c.d",
                                          "-a.b.c", ".a.b", "a.b.c?x", "a.b.c#x", "a.b\r\n.c"};
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                struct sl_sf_url u = {0};
                struct sl_err err = {0};
                assert_int_equal(sl_sf_url_parse(bad[i], &u, &err), SL_FATAL);
                assert_non_null(strstr(err.msg, "ERROR_0007"));
        }
        struct sl_err err = {0};
        assert_int_equal(sl_sf_url_parse(NULL, &(struct sl_sf_url){0}, &err), SL_FATAL);
        assert_non_null(strstr(err.msg, "ERROR_0017"));
}

static const char *ingest(const char *answer, const char *account_host, const char *also)
{
        static char room[300];
        struct sl_buf out = {0};
        enum sl_rc rc = sl_sf_host_take(sl_str_c(answer), account_host, also, &out, NULL);
        snprintf(room, sizeof(room), "%s", rc == SL_OK ? sl_buf_cstr(&out) : "refused");
        sl_buf_free(&out);
        return room;
}

static void test_ingest_hosts(void **state)
{
        (void)state;
        const char *account = "a.eu.snowflakecomputing.com";
        assert_string_equal(ingest("x_y.ingest.eu.snowflakecomputing.com\n", account, NULL), "x-y.ingest.eu.snowflakecomputing.com");
        assert_string_equal(ingest("{\"hostname\":\"x.snowflakecomputing.com\"}", account, NULL), "x.snowflakecomputing.com");
        assert_string_equal(ingest("\"x.snowflakecomputing.com\"", account, NULL), "x.snowflakecomputing.com");
        assert_string_equal(ingest("X.SNOWFLAKECOMPUTING.COM", account, NULL), "X.SNOWFLAKECOMPUTING.COM");
        assert_string_equal(ingest("x.snowflakecomputing.cn", "a.snowflakecomputing.cn", NULL), "x.snowflakecomputing.cn");
        static const char *const foreign[] = {"x.example.com", "snowflakecomputing.com", "xsnowflakecomputing.com", "x.snowflakecomputing.cn",
                                              "x.snowflakecomputing.com.evil.example", "x.snowflakecomputing.com@evil.example",
                                              "evil.example/x.snowflakecomputing.com", "evil.example#.snowflakecomputing.com",
                                              "x.snowflakecomputing.com:8443", "", "{}", "{\"hostname\":7}", "<html></html>", "{\"host"};
        for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
                assert_string_equal(ingest(foreign[i], account, NULL), "refused");
        assert_string_equal(ingest("x.snowflakecomputing.com", "a.example.com", NULL), "refused");
        assert_string_equal(ingest("east.ingest.test:8080", "127.0.0.1:80", "ingest.test"), "east.ingest.test:8080");
        assert_string_equal(ingest("ingest.test", "127.0.0.1:80", "ingest.test"), "ingest.test");
        assert_string_equal(ingest("evilingest.test", "127.0.0.1:80", "ingest.test"), "refused");
        assert_string_equal(ingest("x.example.com", "127.0.0.1:80", ""), "refused");
}

/* --- tokens */

static void test_scoped_tokens(void **state)
{
        (void)state;
        struct sl_sf_client_opts opts = {.authenticator = SL_SF_AUTH_OAUTH, .oauth_client_id = "id", .oauth_client_secret = "s:c"};
        struct sl_sf_auth a = {0};
        struct sl_err err = {0};
        assert_int_equal(sl_sf_auth_init(&a, &opts, "ACC", &err), SL_OK);
        assert_false(sl_sf_auth_scoped(&a));
        assert_true(sl_sf_auth_take_scoped(&a, SL_STR(" plain-token\n"), &err));
        assert_memory_equal(a.scoped.text.ptr, "plain-token", a.scoped.text.len);
        assert_true(sl_sf_auth_scoped(&a));
        assert_true(a.scoped.end_ms <= sl_mono_ms() + 300000);
        assert_true(sl_sf_auth_take_scoped(&a, SL_STR("{\"token\":\"other\",\"expires_in\":3600}"), &err));
        assert_memory_equal(a.scoped.text.ptr, "other", a.scoped.text.len);
        assert_true(a.scoped.end_ms > sl_mono_ms() + 3590000);
        assert_true(a.scoped.renew_ms <= a.scoped.end_ms - 60000);
        sl_sf_auth_drop_scoped(&a, a.scoped.generation - 1);
        assert_true(sl_sf_auth_scoped(&a)); /* an older one was refused */
        sl_sf_auth_drop_scoped(&a, a.scoped.generation);
        assert_false(sl_sf_auth_scoped(&a));
        static const char *const bad[] = {"", "{}", "two words", "a\r\nX-Evil: 1", "<html>", "a.eyJleHAiOjEyM30.c"};
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                if (strcmp(bad[i], "<html>") == 0)
                        continue; /* can't be told from an opaque token */
                err = (struct sl_err){0};
                assert_false(sl_sf_auth_take_scoped(&a, sl_str_c(bad[i]), &err));
                assert_int_equal(err.id, SL_E_SF_AUTH);
                assert_null(strstr(err.msg, "Evil"));
        }
        sl_sf_auth_free(&a);
}

static void test_oauth_forms(void **state)
{
        (void)state;
        struct sl_sf_client_opts opts = {.authenticator = SL_SF_AUTH_OAUTH,
                                         .oauth_client_id = "id",
                                         .oauth_client_secret = "s:c",
                                         .oauth_refresh_token = "r+1",
                                         .oauth_scope = "session:role:A B"};
        struct sl_sf_auth a = {0};
        struct sl_buf out = {0};
        struct sl_err err = {0};
        assert_int_equal(sl_sf_auth_init(&a, &opts, "ACC", &err), SL_OK);
        sl_sf_auth_oauth_form(&a, &out);
        assert_string_equal(sl_buf_cstr(&out), "grant_type=refresh_token&refresh_token=r%2B1&scope=session%3Arole%3AA%20B");
        sl_buf_clear(&out);
        sl_sf_auth_oauth_header(&a, &out);
        assert_string_equal(sl_buf_cstr(&out), "Authorization: Basic aWQ6czpj");
        assert_false(sl_sf_auth_own(&a, &err));
        assert_true(sl_sf_auth_take_oauth(&a, SL_STR("{\"access_token\":\"t\",\"expires_in\":100,\"refresh_token\":\"r2\"}"), &err));
        assert_true(sl_sf_auth_own(&a, &err));
        assert_false(sl_sf_auth_own_due(&a));
        sl_buf_clear(&out);
        sl_sf_auth_oauth_form(&a, &out);
        assert_non_null(strstr(sl_buf_cstr(&out), "refresh_token=r2&"));
        assert_false(sl_sf_auth_take_oauth(&a, SL_STR("no json"), &err));
        sl_buf_free(&out);
        sl_sf_auth_free(&a);
        opts.oauth_refresh_token = opts.oauth_scope = "";
        assert_int_equal(sl_sf_auth_init(&a, &opts, "ACC", &err), SL_OK);
        sl_sf_auth_oauth_form(&a, &out);
        assert_string_equal(sl_buf_cstr(&out), "grant_type=client_credentials");
        sl_buf_free(&out);
        sl_sf_auth_free(&a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table),         cmocka_unit_test(test_good_and_odd),
                cmocka_unit_test(test_tokens_are_blotted), cmocka_unit_test(test_status_codes),
                cmocka_unit_test(test_errors),        cmocka_unit_test(test_urls),
                cmocka_unit_test(test_ingest_hosts),  cmocka_unit_test(test_scoped_tokens),
                cmocka_unit_test(test_oauth_forms),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
