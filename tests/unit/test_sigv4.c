/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/s3/sigv4.c against the worked examples of AWS's documentation ("Signature Calculations for the
 * Authorization Header"), and the rules that the examples do not reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/s3/sigv4.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DATE "20130524T000000Z"
#define HOST "examplebucket.s3.amazonaws.com"

static const struct sl_sigv4_keys example = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};

static void check(const struct sl_sigv4_request *req, const char *signed_headers, const char *signature)
{
        struct sl_buf out = {0};
        sl_sigv4_authorization(req, &example, "us-east-1", "s3", DATE, &out);
        struct sl_buf want = {0};
        sl_buf_printf(
                &want,
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=%s,"
                "Signature=%s",
                signed_headers, signature);
        assert_string_equal(sl_buf_cstr(&out), sl_buf_cstr(&want));
        sl_buf_free(&out);
        sl_buf_free(&want);
}

static void get_object_with_range(void **state)
{
        (void)state;
        const struct sl_sigv4_header headers[] = {
                {"x-amz-date", DATE}, {"host", HOST}, {"range", "bytes=0-9"}, {"x-amz-content-sha256", EMPTY}};
        struct sl_sigv4_request req = {"GET", SL_STR("/test.txt"), SL_STR(""), headers, 4, EMPTY};
        check(&req, "host;range;x-amz-content-sha256;x-amz-date",
              "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void put_object(void **state)
{
        (void)state;
        char hash[SL_SHA256_HEX];
        static const char body[] = "Welcome to Amazon S3.";
        sl_sigv4_sha256(body, sizeof(body) - 1, hash);
        assert_string_equal(hash, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
        struct sl_buf path = {0};
        sl_sigv4_encode(&path, SL_STR("/test$file.text"), true);
        assert_string_equal(sl_buf_cstr(&path), "/test%24file.text");
        const struct sl_sigv4_header headers[] = {{"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                                                  {"date", "Fri, 24 May 2013 00:00:00 GMT"},
                                                  {"host", HOST},
                                                  {"x-amz-content-sha256", hash},
                                                  {"x-amz-date", DATE}};
        struct sl_sigv4_request req = {"PUT", {path.ptr, path.len}, SL_STR(""), headers, 5, hash};
        check(&req, "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
              "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
        sl_buf_free(&path);
}

static void queries(void **state)
{
        (void)state;
        const struct sl_sigv4_header headers[] = {
                {"host", HOST}, {"x-amz-content-sha256", EMPTY}, {"x-amz-date", DATE}};
        struct sl_sigv4_request lifecycle = {"GET", SL_STR("/"), SL_STR("lifecycle="), headers, 3, EMPTY};
        check(&lifecycle, "host;x-amz-content-sha256;x-amz-date",
              "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
        struct sl_sigv4_request list = {"GET", SL_STR("/"), SL_STR("max-keys=2&prefix=J"), headers, 3, EMPTY};
        check(&list, "host;x-amz-content-sha256;x-amz-date",
              "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void signature_of(const struct sl_sigv4_header *headers, size_t n, struct sl_buf *out)
{
        struct sl_sigv4_request req = {"GET", SL_STR("/"), SL_STR(""), headers, n, EMPTY};
        sl_sigv4_authorization(&req, &example, "us-east-1", "s3", DATE, out);
        sl_buf_cstr(out);
}

/* Blanks at the ends do not count and runs of them are one; names are sorted as names, not as "name:value" texts. */
static void header_rules(void **state)
{
        (void)state;
        struct sl_buf a = {0}, b = {0};
        const struct sl_sigv4_header plain[] = {
                {"host", HOST}, {"x-amz-date", DATE}, {"x-amz-meta-a", "x y"}, {"x-amz-meta-a-b", "1"}};
        const struct sl_sigv4_header blanks[] = {
                {"x-amz-meta-a-b", " 1"}, {"x-amz-meta-a", "  x   y "}, {"x-amz-date", DATE}, {"host", HOST}};
        signature_of(plain, 4, &a);
        signature_of(blanks, 4, &b);
        assert_string_equal(a.ptr, b.ptr);
        assert_non_null(strstr(a.ptr, "SignedHeaders=host;x-amz-date;x-amz-meta-a;x-amz-meta-a-b,"));
        sl_buf_free(&a);
        sl_buf_free(&b);
}

static void encoding(void **state)
{
        (void)state;
        struct sl_buf b = {0};
        sl_sigv4_encode(&b, SL_STR("topics/t/partition=0/t+0+0000000000.json"), true);
        assert_string_equal(sl_buf_cstr(&b), "topics/t/partition%3D0/t%2B0%2B0000000000.json");
        sl_buf_clear(&b);
        sl_sigv4_encode(&b, SL_STR("a/ ~\xc3\xa9%"), false);
        assert_string_equal(sl_buf_cstr(&b), "a%2F%20~%C3%A9%25");
        sl_buf_free(&b);
}

static void dates(void **state)
{
        (void)state;
        char date[SL_AMZ_DATE];
        sl_sigv4_date(1369353600999, date);
        assert_string_equal(date, DATE);
        sl_sigv4_date(1709210096000, date); /* a leap day */
        assert_string_equal(date, "20240229T123456Z");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(get_object_with_range), cmocka_unit_test(put_object), cmocka_unit_test(queries),
                cmocka_unit_test(header_rules),          cmocka_unit_test(encoding),   cmocka_unit_test(dates),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
