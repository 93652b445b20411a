/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys in every form they come in, and the tokens that are made of them. All keys are made by the openssl program for this
 * run and forgotten with it. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "connectors/snowflake/jwt.h"

#define PASS "open sesame"

static char dir[] = "/tmp/sf_key_XXXXXX";

static void shell(const char *command)
{
        struct sl_buf line = {0};
        sl_buf_printf(&line, "cd %s && %s", dir, command);
        assert_int_equal(system(sl_buf_cstr(&line)), 0);
        sl_buf_free(&line);
}

static char *file(const char *name)
{
        struct sl_buf path = {0}, text = {0};
        sl_buf_printf(&path, "%s/%s", dir, name);
        FILE *f = fopen(sl_buf_cstr(&path), "r");
        assert_non_null(f);
        for (int c; (c = fgetc(f)) != EOF;)
                sl_buf_addc(&text, (char)c);
        fclose(f);
        sl_buf_free(&path);
        sl_buf_cstr(&text);
        return text.ptr;
}

static int set_up(void **state)
{
        (void)state;
        assert_non_null(mkdtemp(dir));
        shell("openssl genrsa -out key.pem 2048 2>/dev/null");
        shell("openssl rsa -in key.pem -traditional -out pkcs1.pem 2>/dev/null");
        shell("openssl pkcs8 -topk8 -nocrypt -in key.pem -out plain.p8");
        shell("openssl pkcs8 -topk8 -v2 aes-256-cbc -passout 'pass:" PASS "' -in key.pem -out aes.p8");
        shell("openssl pkcs8 -topk8 -v2 des3 -passout 'pass:" PASS "' -in key.pem -out des3.p8");
        shell("openssl rsa -in key.pem -traditional -aes128 -passout 'pass:" PASS "' -out old.pem 2>/dev/null");
        shell("openssl rsa -in key.pem -pubout -out public.pem 2>/dev/null");
        shell("openssl genrsa -out small.pem 1024 2>/dev/null");
        shell("openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out ec.p8");
        shell("openssl rsa -in key.pem -pubout -outform DER 2>/dev/null | openssl dgst -sha256 -binary | openssl base64 -A > fp");
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        shell("rm -rf '/tmp/'\"$(basename \"$PWD\")\"");
        return 0;
}

static void loads(const char *text, const char *passphrase)
{
        struct sl_sf_key *k = NULL;
        struct sl_err err = {0};
        char *fp = file("fp");
        if (sl_sf_key_load(text, passphrase, &k, &err) != SL_OK)
                fail_msg("%s", err.msg);
        assert_memory_equal(sl_sf_key_fingerprint(k), "SHA256:", 7);
        assert_string_equal(sl_sf_key_fingerprint(k) + 7, fp);
        sl_sf_key_free(k);
        free(fp);
}

static void refuses(const char *text, const char *passphrase, const char *why)
{
        struct sl_sf_key *k = NULL;
        struct sl_err err = {0};
        assert_int_equal(sl_sf_key_load(text, passphrase, &k, &err), SL_FATAL);
        assert_int_equal(err.id, SL_E_SF_KEY);
        if (!strstr(err.msg, why))
                fail_msg("\"%s\" does not say \"%s\"", err.msg, why);
        assert_null(strstr(err.msg, PASS));
        assert_null(strstr(err.msg, "MII"));
        assert_null(k);
        assert_int_equal(ERR_peek_error(), 0);
}

static void of_file(const char *name, const char *passphrase)
{
        char *text = file(name);
        loads(text, passphrase);
        free(text);
}

/* Without the first and last line; newline: what line breaks become. */
static char *body_of(const char *name, const char *newline)
{
        char *text = file(name), *p = strchr(text, '\n') + 1;
        struct sl_buf out = {0};
        *strstr(p, "-----END") = '\0';
        for (; *p; p++) {
                if (*p == '\n')
                        sl_buf_adds(&out, newline);
                else
                        sl_buf_addc(&out, *p);
        }
        free(text);
        sl_buf_cstr(&out);
        return out.ptr;
}

/* The armour stays, the line breaks change. */
static char *with_breaks(const char *name, const char *newline)
{
        char *text = file(name);
        struct sl_buf out = {0};
        for (char *p = text; *p; p++) {
                if (*p == '\n')
                        sl_buf_adds(&out, newline);
                else
                        sl_buf_addc(&out, *p);
        }
        free(text);
        sl_buf_cstr(&out);
        return out.ptr;
}

static void test_formats(void **state)
{
        (void)state;
        static const char *const breaks[] = {"", " ", "\n", "\r\n", "\\n", "\\r\\n"};
        of_file("key.pem", NULL);
        of_file("pkcs1.pem", "");
        of_file("plain.p8", "not needed");
        of_file("aes.p8", PASS);
        of_file("des3.p8", PASS);
        of_file("old.pem", PASS);
        for (size_t i = 0; i < sizeof(breaks) / sizeof(*breaks); i++) {
                static const char *const names[] = {"plain.p8", "pkcs1.pem", "aes.p8"};
                for (size_t k = 0; k < 3; k++) {
                        char *body = body_of(names[k], breaks[i]), *whole = with_breaks(names[k], breaks[i]);
                        loads(body, PASS);
                        loads(whole, PASS);
                        free(body);
                        free(whole);
                }
        }
}

static void refuses_file(const char *name, const char *passphrase, const char *why)
{
        char *text = file(name);
        refuses(text, passphrase, why);
        free(text);
}

static void test_refusals(void **state)
{
        (void)state;
        refuses(NULL, NULL, "ERROR_0013");
        refuses(" \n", NULL, "ERROR_0013");
        refuses("not base64!", NULL, "ERROR_0018");
        refuses("not base64!", NULL, "is not base64");
        refuses("aGVsbG8gd29ybGQ=", NULL, "neither PKCS#8 nor PKCS#1");
        refuses("-----BEGIN PRIVATE KEY-----\nMIIabc", NULL, "no end");
        refuses_file("aes.p8", NULL, "set snowflake.private.key.passphrase");
        refuses_file("aes.p8", "wrong", "passphrase does not open it");
        refuses_file("old.pem", NULL, "set snowflake.private.key.passphrase");
        refuses_file("old.pem", "wrong", "passphrase does not open it");
        refuses_file("public.pem", NULL, "public key");
        refuses_file("small.pem", NULL, "1024 bits");
        refuses_file("ec.p8", NULL, "not an RSA key");
        char *body = body_of("public.pem", "");
        refuses(body, NULL, "public key");
        free(body);
        body = body_of("plain.p8", "");
        body[strlen(body) / 8 * 4] = '\0'; /* half of it, still base64 */
        refuses(body, NULL, "neither PKCS#8 nor PKCS#1");
        free(body);
}

/* --- tokens */

static struct sl_buf part_of(struct sl_str token, int n)
{
        struct sl_buf text = {0}, out = {0};
        const char *p = token.ptr, *end = token.ptr + token.len;
        for (; n; n--)
                p = (const char *)memchr(p, '.', (size_t)(end - p)) + 1;
        for (; p < end && *p != '.'; p++)
                sl_buf_addc(&text, (char)(*p == '-' ? '+' : *p == '_' ? '/' : *p));
        assert_null(memchr(text.ptr, '=', text.len));
        while (text.len % 4)
                sl_buf_addc(&text, '=');
        sl_buf_room(&out, text.len);
        int64_t got = sl_base64_decode(text.ptr, text.len, (uint8_t *)out.ptr);
        assert_true(got > 0);
        out.len = (size_t)got;
        sl_buf_free(&text);
        return out;
}

static void verify(struct sl_str token)
{
        char *pem = file("public.pem");
        BIO *bio = BIO_new_mem_buf(pem, -1);
        EVP_PKEY *pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        struct sl_buf sig = part_of(token, 2);
        size_t signed_len = (size_t)((const char *)memrchr(token.ptr, '.', token.len) - token.ptr);
        assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey), 1);
        assert_int_equal(EVP_DigestVerify(ctx, (uint8_t *)sig.ptr, sig.len, (const uint8_t *)token.ptr, signed_len), 1);
        EVP_MD_CTX_free(ctx);
        EVP_PKEY_free(pkey);
        BIO_free(bio);
        sl_buf_free(&sig);
        free(pem);
}

static void claims(const char *account, const char *user, const char *subject)
{
        char *text = file("plain.p8");
        struct sl_sf_key *k = NULL;
        struct sl_buf token = {0}, wanted = {0};
        int64_t exp = 0, now = 1790000000;
        assert_int_equal(sl_sf_key_load(text, NULL, &k, NULL), SL_OK);
        assert_int_equal(sl_sf_jwt_make(k, account, user, now, &token, NULL), SL_OK);
        struct sl_str t = {token.ptr, token.len};
        struct sl_buf head = part_of(t, 0), body = part_of(t, 1);
        assert_string_equal(sl_buf_cstr(&head), "{\"alg\":\"RS256\",\"typ\":\"JWT\"}");
        sl_auto_json *j = NULL;
        assert_int_equal(sl_json_parse((struct sl_str){body.ptr, body.len}, &j, NULL), SL_OK);
        sl_buf_printf(&wanted, "%s.%s", subject, sl_sf_key_fingerprint(k));
        assert_string_equal(sl_json_str(j, "sub"), subject);
        assert_string_equal(sl_json_str(j, "iss"), sl_buf_cstr(&wanted));
        assert_int_equal(sl_json_int(j, "iat", 0), now);
        assert_int_equal(sl_json_int(j, "exp", 0), now + SL_SF_JWT_SECONDS);
        assert_true(SL_SF_JWT_SECONDS <= 3600);
        assert_true(sl_sf_jwt_exp(t, &exp));
        assert_int_equal(exp, now + SL_SF_JWT_SECONDS);
        verify(t);
        sl_buf_free(&head);
        sl_buf_free(&body);
        sl_buf_free(&wanted);
        sl_sf_wipe(&token);
        assert_null(token.ptr);
        sl_sf_key_free(k);
        free(text);
}

static void test_claims(void **state)
{
        (void)state;
        claims("xy12345.eu-central-1.aws", "loader", "XY12345.LOADER");
        claims("myorg-my_acc", "some.user@example.com", "MYORG-MY_ACC.SOME.USER@EXAMPLE.COM");
        claims("ACC", "quo\"te", "ACC.QUO\"TE");
}

static void test_foreign_tokens(void **state)
{
        (void)state;
        int64_t exp = 0;
        assert_false(sl_sf_jwt_exp(SL_STR(""), &exp));
        assert_false(sl_sf_jwt_exp(SL_STR_NULL, &exp));
        assert_false(sl_sf_jwt_exp(SL_STR("opaque"), &exp));
        assert_false(sl_sf_jwt_exp(SL_STR("a.b"), &exp));
        assert_false(sl_sf_jwt_exp(SL_STR("a..c"), &exp));
        assert_false(sl_sf_jwt_exp(SL_STR("a.!!!!.c"), &exp));
        assert_false(sl_sf_jwt_exp(SL_STR("a.e30.c"), &exp)); /* {} */
        assert_false(sl_sf_jwt_exp(SL_STR("a.W10.c"), &exp)); /* [] */
        assert_true(sl_sf_jwt_exp(SL_STR("a.eyJleHAiOjEyM30.c"), &exp));
        assert_int_equal(exp, 123);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_formats),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_claims),
                cmocka_unit_test(test_foreign_tokens),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
