/* SPDX-License-Identifier: Apache-2.0 */
/* The pure parts of the S3 client: sizes of parts, checksums, when keys are renewed, what profile files and command lines
 * say, which container URLs are allowed, what is wrong with a config. What talks is tested by tests/integration/test_s3_client.py. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "connectors/s3/client_internal.h"
#include "connectors/s3/config.h"
#include "connectors/s3/creds_internal.h"

static void ten_thousand_parts_are_enough(void **state)
{
        (void)state;
        const size_t base = 5 << 20;
        uint64_t total = 0;
        assert_int_equal(sl_s3_part_bytes(base, 1), base);
        assert_int_equal(sl_s3_part_bytes(base, 1000), base);
        assert_int_equal(sl_s3_part_bytes(base, 1001), base * 2);
        assert_int_equal(sl_s3_part_bytes(base, 2001), base * 4);
        for (int32_t i = 1; i <= SL_S3_PARTS_MAX; i++)
                total += sl_s3_part_bytes(base, i);
        assert_true(total > (uint64_t)3 << 40);                               /* TiB */
        assert_true(sl_s3_part_bytes((size_t)1 << 30, 10000) <= (size_t)5 << 30); /* S3's limit */
}

static void crc32c_of_the_rfc(void **state)
{
        (void)state;
        uint8_t bytes[40] = {0};
        assert_int_equal(sl_s3_crc32c(bytes, 32), 0x8A9136AA);
        memset(bytes, 0xFF, 32);
        assert_int_equal(sl_s3_crc32c(bytes, 32), 0x62A8AB43);
        for (int i = 0; i < 32; i++)
                bytes[i] = (uint8_t)i;
        assert_int_equal(sl_s3_crc32c(bytes, 32), 0x46DD794E);
        assert_int_equal(sl_s3_crc32c("123456789", 9), 0xE3069283);
        assert_int_equal(sl_s3_crc32c("", 0), 0);
        /* By instruction and by tables, at every length and alignment. */
        for (size_t at = 0; at < 8; at++)
                for (size_t n = 0; n + at < sizeof(bytes); n++)
                        assert_int_equal(sl_s3_crc32c(bytes + at, n), sl_s3_crc32c_portable(bytes + at, n));
}

static void keys_are_renewed_in_time(void **state)
{
        (void)state;
        const int64_t now = 1000000000, hour = 3600000;
        assert_int_equal(sl_s3_refresh_at(now, 0, 7), INT64_MAX);
        for (uint32_t r = 0; r < 200000; r += 999) {
                int64_t left = now + hour - sl_s3_refresh_at(now, now + hour, r);
                assert_in_range(left, 300000, 360000);
        }
        assert_int_equal(sl_s3_refresh_at(now, now + 2000, 59999), now + 1000); /* a short life: at its half */
        assert_int_equal(sl_s3_iso_ms("2026-11-22T05:00:00Z"), INT64_C(1795323600000));
        assert_int_equal(sl_s3_iso_ms("2026-11-22T05:00:00.123Z"), INT64_C(1795323600000));
        assert_int_equal(sl_s3_iso_ms("soon"), 0);
}

static void check_ini(struct sl_str text, const char *section, const char *key, const char *want)
{
        struct sl_str got = sl_s3_ini_get(text, section, key);
        if (!want) {
                assert_null(got.ptr);
                return;
        }
        assert_non_null(got.ptr);
        assert_int_equal(got.len, strlen(want));
        assert_memory_equal(got.ptr, want, got.len);
}

static void profile_files(void **state)
{
        (void)state;
        struct sl_str text = SL_STR("# first\r\n[default]\r\naws_access_key_id = AK\r\naws_secret_access_key=a#b;c= ; why\r\n"
                                    "empty =\n[ profile x ]\nrole_arn=r # note\ns3 =\n  role_arn = nested\n\n;[profile y]\n"
                                    "[profile x]\nregion=eu\n[broken\nrole_arn=z");
        check_ini(text, "default", "aws_access_key_id", "AK");
        check_ini(text, "default", "aws_secret_access_key", "a#b;c=");
        check_ini(text, "default", "empty", "");
        check_ini(text, "default", "role_arn", NULL);
        check_ini(text, "profile x", "role_arn", "r");
        check_ini(text, "profile x", "region", "eu");
        check_ini(text, "profile y", "region", NULL);
        check_ini(SL_STR(""), "default", "a", NULL);
        check_ini(SL_STR("=\n[default]\n=\n[]\n[\na"), "default", "a", NULL);
        assert_true(sl_s3_ini_has(text, "default"));
        assert_false(sl_s3_ini_has(text, "profile y"));
}

static void check_split(const char *line, int words, const char *joined)
{
        struct sl_buf out = {0};
        assert_int_equal(sl_s3_split_command(line, &out), words);
        for (size_t i = 0; i < out.len; i++)
                if (!out.ptr[i])
                        out.ptr[i] = '|';
        if (joined)
                assert_string_equal(sl_buf_cstr(&out), joined);
        sl_buf_free(&out);
}

static void command_lines(void **state)
{
        (void)state;
        check_split("  a  b ", 2, "a|b|");
        check_split("\"/my dir/x\" --y='a \"b' c\\ d \"\\\"\"", 4, "/my dir/x|--y=a \"b|c d|\"|");
        check_split("a '' b", 3, "a||b|");
        check_split("a; rm $(x) `y` > z", 6, "a;|rm|$(x)|`y`|>|z|"); /* no shell */
        check_split("", 0, "");
        check_split("a 'b", -1, NULL);
}

static void programs(void **state)
{
        (void)state;
        atomic_bool stop = false;
        struct sl_s3_fetch f = {.stop = &stop};
        struct sl_buf out = {0};
        struct sl_err err = {0};
        assert_int_equal(sl_s3_run_program(&f, "printf '%s-%s' a 'b c'", 5000, &out, &err), SL_OK);
        assert_string_equal(sl_buf_cstr(&out), "a-b c");
        sl_buf_clear(&out);
        assert_int_equal(dup2(0, 77), 77); /* it gets none of our descriptors */
        assert_int_equal(sl_s3_run_program(&f, "sh -c 'test -e /proc/self/fd/77 || echo none'", 5000, &out, &err), SL_OK);
        close(77);
        assert_string_equal(sl_buf_cstr(&out), "none\n");
        sl_buf_clear(&out);
        assert_int_equal(sl_s3_run_program(&f, "/nonexistent/program x", 5000, &out, &err), SL_TRANSIENT);
        /* (127): under valgrind, which makes a fork of the clone(CLONE_VM) in glibc's posix_spawn, so that the parent never sees what exec
         * failed with. POSIX allows both. */
        assert_true(strstr(err.msg, "can't be started") || strstr(err.msg, "(127)"));
        sl_err_clear(&err);
        int64_t began = sl_mono_ms();
        assert_int_equal(sl_s3_run_program(&f, "sh -c 'sleep 60 & sleep 60'", 200, &out, &err), SL_TRANSIENT);
        assert_non_null(strstr(err.msg, "did not end in time"));
        sl_err_clear(&err);
        atomic_store(&stop, true);
        assert_int_equal(sl_s3_run_program(&f, "sleep 60", 60000, &out, &err), SL_TRANSIENT);
        assert_true(sl_mono_ms() - began < 30000);
        sl_buf_free(&out);
}

static void answers_with_keys(void **state)
{
        (void)state;
        struct sl_s3_keys keys = {0};
        struct sl_err err = {0};
        assert_int_equal(sl_s3_keys_of_json(SL_STR("{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s3cret\",\"SessionToken\":\"T\","
                                                   "\"Expiration\":\"2026-11-22T05:00:00Z\"}"),
                                            "x", &keys, &err),
                         SL_OK);
        assert_string_equal(keys.access, "A");
        assert_string_equal(keys.token, "T");
        assert_int_equal(keys.expires_ms, INT64_C(1795323600000));
        sl_s3_keys_free(&keys);
        assert_int_equal(sl_s3_keys_of_json(SL_STR("{\"SecretAccessKey\":\"s3cret\",\"Code\":\"Failed\",\"Message\":\"no role\"}"), "x",
                                            &keys, &err),
                         SL_TRANSIENT);
        assert_non_null(strstr(err.msg, "Failed: no role"));
        assert_null(strstr(err.msg, "s3cret"));
        sl_err_clear(&err);
        assert_int_equal(sl_s3_keys_of_json(SL_STR("s3cret"), "x", &keys, &err), SL_TRANSIENT);
        assert_null(strstr(err.msg, "s3cret"));
}

static void container_urls(void **state)
{
        (void)state;
        static const char *const good[] = {"https://example.com/x", "http://localhost:80/x", "http://127.3.2.1/x",
                                           "http://169.254.170.2/x", "http://169.254.170.23/x", "http://[::1]:8/x",
                                           "http://[fd00:ec2::23]/x"};
        static const char *const bad[] = {"http://example.com/x", "http://169.254.170.3/x", "ftp://localhost/", "localhost/x",
                                          "http://127.0.0.1.example.com/x", "http://localhost@example.com/", "http://[::2]/",
                                          "http://localhost.example.com/x", "http://", ""};
        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
                assert_true(sl_s3_container_allowed(good[i]));
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                assert_false(sl_s3_container_allowed(bad[i]));
}

static void pages_of_xml(void **state)
{
        (void)state;
        struct sl_str xml = SL_STR("<a><Key>x&amp;1</Key><Value></Value><Key>y</Key><Value>&lt;</Value></a>");
        struct sl_buf b = {0};
        assert_true(sl_s3_xml_next(&xml, "Key", &b) && sl_s3_xml_next(&xml, "Value", &b));
        assert_true(sl_s3_xml_next(&xml, "Key", &b) && sl_s3_xml_next(&xml, "Value", &b));
        assert_false(sl_s3_xml_next(&xml, "Key", &b));
        assert_string_equal(sl_buf_cstr(&b), "x&1y<");
        sl_buf_free(&b);
}

static enum sl_s3_creds_state fetched(struct sl_s3_creds *c, const struct sl_s3_keys **keys, struct sl_err *err)
{
        for (;;) {
                enum sl_s3_creds_state state = sl_s3_creds_get(c, keys, err);
                if (state != SL_S3_CREDS_PENDING)
                        return state;
                struct pollfd fd = {.fd = sl_s3_creds_fd(c), .events = POLLIN};
                poll(&fd, 1, 10000);
        }
}

/* Config before environment; what is missing is said, what is secret is not; what the server calls expired is not used again. */
static void the_order_of_credentials(void **state)
{
        (void)state;
        const struct sl_s3_keys *keys;
        struct sl_err err = {0};
        setenv("AWS_ACCESS_KEY_ID", "ENVKEY", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "ENVSECRET", 1);
        setenv("AWS_SESSION_TOKEN", "ENVTOKEN", 1);
        setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
        setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials", 1);
        setenv("AWS_CONFIG_FILE", "/nonexistent/config", 1);
        struct sl_s3_creds *c = sl_s3_creds_new(&(struct sl_s3_creds_opts){.access = "CFG", .secret = "CFGSECRET"});
        assert_int_equal(sl_s3_creds_get(c, &keys, &err), SL_S3_CREDS_READY);
        assert_string_equal(keys->access, "CFG");
        assert_null(keys->token); /* the environment's token belongs to the environment's keys */
        assert_false(sl_s3_creds_expired(c, keys->generation));
        sl_s3_creds_free(c);
        c = sl_s3_creds_new(&(struct sl_s3_creds_opts){.access = "", .sts_region = "x"});
        assert_int_equal(fetched(c, &keys, &err), SL_S3_CREDS_READY);
        assert_string_equal(keys->access, "ENVKEY");
        assert_string_equal(keys->token, "ENVTOKEN");
        uint32_t generation = keys->generation;
        assert_true(sl_s3_creds_expired(c, generation));
        assert_int_equal(sl_s3_creds_get(c, &keys, &err), SL_S3_CREDS_PENDING);
        assert_int_equal(fetched(c, &keys, &err), SL_S3_CREDS_READY);
        assert_int_equal(keys->generation, generation + 1);
        assert_true(sl_s3_creds_expired(c, generation)); /* of old ones: nothing to do */
        assert_int_equal(sl_s3_creds_get(c, &keys, &err), SL_S3_CREDS_READY);
        sl_s3_creds_free(c);
        unsetenv("AWS_ACCESS_KEY_ID");
        c = sl_s3_creds_new(&(struct sl_s3_creds_opts){.sts_region = "x"});
        assert_int_equal(fetched(c, &keys, &err), SL_S3_CREDS_FAILED);
        assert_int_equal(err.id, SL_E_S3_SETUP);
        assert_non_null(strstr(err.msg, "AWS_WEB_IDENTITY_TOKEN_FILE"));
        assert_non_null(strstr(err.msg, "no profile default"));
        assert_null(strstr(err.msg, "ENVSECRET"));
        sl_s3_creds_free(c);
        c = sl_s3_creds_new(&(struct sl_s3_creds_opts){.provider = SL_S3_PROVIDER_ANONYMOUS});
        assert_int_equal(sl_s3_creds_get(c, &keys, &err), SL_S3_CREDS_NONE);
        sl_s3_creds_free(c);
}

/* key=value texts over a valid config; what the first error or warning says must hold text, NULL = nothing is said. */
static void check_config(const char *const *more, bool error, const char *text)
{
        struct sl_props props = {0};
        struct sl_arena arena = {0};
        struct sl_cfg_report r = {0};
        struct sl_s3_cfg cfg = {0};
        sl_props_set(&props, "format.class", "io.confluent.connect.s3.format.json.JsonFormat");
        sl_props_set(&props, "flush.size", "1");
        sl_props_set(&props, "s3.bucket.name", "lake");
        for (; *more; more += 2)
                sl_props_set(&props, more[0], more[1]);
        sl_cfg_parse(sl_s3_defs, &props, &cfg, &arena, &r);
        sl_s3_client_check(&cfg, &r);
        if (!text) {
                assert_int_equal(r.count, 0);
        } else {
                assert_int_equal(r.count, 1);
                assert_int_equal(r.errors, error ? 1 : 0);
                assert_non_null(strstr(r.findings[0].text, text));
                assert_null(strstr(r.findings[0].text, "MDEyMzQ1"));
        }
        sl_cfg_report_free(&r);
        sl_props_free(&props);
        sl_arena_free(&arena);
}

#define KEY32 "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
#define CHECK(error, text, ...) check_config((const char *const[]){__VA_ARGS__, NULL}, error, text)

static void config_of_the_client(void **state)
{
        (void)state;
        CHECK(false, NULL, "s3.region", "eu-west-1");
        CHECK(true, "must be set together", "aws.access.key.id", "A");
        CHECK(true, "aws.session.token needs", "aws.session.token", "T");
        CHECK(true, "s3.path.style.access.enabled=false", "s3.wan.mode", "true");
        CHECK(false, NULL, "s3.wan.mode", "true", "s3.path.style.access.enabled", "false");
        CHECK(true, "a dot in its name", "s3.wan.mode", "true", "s3.path.style.access.enabled", "false", "s3.bucket.name", "a.b");
        CHECK(true, "32 bytes in base64", "s3.sse.customer.key", "MDEyMzQ1");
        CHECK(false, NULL, "s3.sse.customer.key", KEY32, "s3.ssea.name", "AES256", "store.url", "https://x");
        CHECK(false, NULL, "s3.sse.customer.key", KEY32, "store.url", "x:9000"); /* https without a scheme */
        CHECK(true, "needs s3.ssea.name=AES256", "s3.sse.customer.key", KEY32, "s3.ssea.name", "aws:kms");
        CHECK(false, "without encryption", "s3.sse.customer.key", KEY32, "store.url", "http://x");
        CHECK(true, "needs s3.credentials.provider.sts.role.arn", "s3.credentials.provider.class",
              "io.confluent.connect.s3.auth.AwsAssumeRoleCredentialsProvider");
        CHECK(false, "has no effect", "s3.credentials.provider.sts.role.arn", "arn:x");
        CHECK(true, "s3.credentials.provider.class", "s3.credentials.provider.class", "com.example.Mine");
        CHECK(true, "it must be name:value", "s3.object.tagging", "true", "s3.object.tagging.key.value.pairs", "a:b,c");
        CHECK(false, NULL, "s3.object.tagging", "true", "s3.object.tagging.key.value.pairs", "a:b,c:d:e");
        CHECK(true, "at most 10 tags", "s3.object.tagging", "true", "s3.object.tagging.key.value.pairs",
              "a:1,b:2,c:3,d:4,e:5,f:6,g:7,h:8");
        CHECK(false, "has no effect", "s3.proxy.user", "me");
}

/* The region becomes a part of a host name and of a header: a server may correct it, not make something else of it. */
static void a_region_is_a_word(void **state)
{
        (void)state;
        static const struct {
                const char *header, *body, *want;
        } cases[] = {{"x-amz-bucket-region: eu-west-1\r\n", "", "eu-west-1"},
                     {"", "<Error><Region>ap-south-1</Region></Error>", "ap-south-1"},
                     {"x-amz-bucket-region: evil.example/\r\n", "", "us-east-1"},
                     {"x-amz-bucket-region: a@b\r\n", "", "us-east-1"},
                     {"", "<Error><Region>x\r\nHost: y</Region></Error>", "us-east-1"},
                     {"", "<Error><Region></Region></Error>", "us-east-1"}};
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sl_s3_client_opts opts = {.bucket = "b", .region = "us-east-1", .attempts = 1,
                                                 .creds = {.access = "A", .secret = "S"}};
                struct sl_s3_client *c;
                assert_int_equal(sl_s3_client_new(&opts, &c, NULL), SL_OK);
                struct sl_s3_call *call = sl_s3_call_new(c, "PUT", SL_STR("k"), "write");
                call->resp.status = 301;
                sl_buf_adds(&call->resp.headers, cases[i].header);
                sl_buf_adds(&call->resp.body, cases[i].body);
                bool again = sl_s3_judge(c, call) == SL_S3_V_RETRY_NOW;
                assert_string_equal(c->region, cases[i].want);
                assert_true(again == (strcmp(cases[i].want, "us-east-1") != 0));
                sl_s3_call_free(call);
                sl_s3_client_free(c);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ten_thousand_parts_are_enough),
                cmocka_unit_test(crc32c_of_the_rfc),
                cmocka_unit_test(keys_are_renewed_in_time),
                cmocka_unit_test(profile_files),
                cmocka_unit_test(command_lines),
                cmocka_unit_test(programs),
                cmocka_unit_test(answers_with_keys),
                cmocka_unit_test(container_urls),
                cmocka_unit_test(pages_of_xml),
                cmocka_unit_test(the_order_of_credentials),
                cmocka_unit_test(config_of_the_client),
                cmocka_unit_test(a_region_is_a_word),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
