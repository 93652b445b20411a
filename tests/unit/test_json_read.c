/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON parser: slices or copies, repeated names, depth, positions of errors, and damaged input of every kind. What
 * values mean under a schema is in test_convert's golden file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "convert/json.h"
#include "tests/unit/allocations.h"

static struct sl_json_reader reader;
static struct sl_arena arena;

static int setup(void **state)
{
        (void)state;
        sl_arena_init(&arena, 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        sl_arena_free(&arena);
        sl_json_reader_free(&reader);
        return 0;
}

static enum sl_rc read_text(const char *p, size_t n, struct sl_value *ret, struct sl_err *err)
{
        bool missing;
        return sl_json_read(&reader, (struct sl_str){p, n}, false, &arena, ret, &missing, err);
}

static struct sl_value good(const char *text)
{
        struct sl_value v;
        struct sl_err err = {0};
        enum sl_rc rc = read_text(text, strlen(text), &v, &err);
        if (rc != SL_OK)
                print_error("%s: %s\n", text, err.msg);
        assert_int_equal(rc, SL_OK);
        return v;
}

static void strings_are_slices_unless_escaped(void **state)
{
        (void)state;
        const char *text = "[\"plain\",\"a\\nb\",\"\"]";
        struct sl_value v = good(text);
        assert_ptr_equal(v.items[0].ptr, text + 2);
        assert_true(sl_str_eqc(sl_v_as_str(&v.items[1]), "a\nb"));
        assert_true(v.items[1].ptr < text || v.items[1].ptr > text + strlen(text));
        assert_non_null(v.items[2].ptr);
        assert_int_equal(v.items[2].len, 0);
        v = good("\"\\ud83d\\ude00\\u00e9\\u20AC\\\"\\/\\u0041\"");
        assert_true(sl_str_eqc(sl_v_as_str(&v), "\xf0\x9f\x98\x80\xc3\xa9\xe2\x82\xac\"/A"));
        v = good("\"\\ud83d-\\ude00\\ud83d\\u0041\""); /* halves */
        assert_true(sl_str_eqc(sl_v_as_str(&v), "?-??A"));
}

static void numbers(void **state)
{
        (void)state;
        assert_int_equal(good("9223372036854775807").i64, INT64_MAX);
        assert_int_equal(good("-9223372036854775808").i64, INT64_MIN);
        struct sl_value big = good("9223372036854775808");
        assert_int_equal(big.type, SL_FLOAT64);
        assert_true(big.f64 == 9223372036854775808.0);
        assert_int_equal(good("1e2").type, SL_FLOAT64);
        assert_int_equal(good("0012").i64, 12);
}

/* Of equal names the last value wins, at the first one's place; also beyond the size where a hash table is used. */
static void repeated_names(void **state)
{
        (void)state;
        struct sl_value v = good("{\"a\":1,\"b\":2,\"a\":3}");
        assert_int_equal(v.len, 2);
        assert_true(sl_str_eqc(sl_v_as_str(&v.items[0]), "a"));
        assert_int_equal(v.items[1].i64, 3);
        for (int n = 1; n < 200; n += 7) {
                struct sl_buf text = {0};
                sl_buf_addc(&text, '{');
                for (int i = 0; i < 2 * n; i++)
                        sl_buf_printf(&text, "%s\"k%d\":%d", i ? "," : "", i % n, i);
                sl_buf_addc(&text, '}');
                v = good(sl_buf_cstr(&text));
                assert_int_equal(v.len, n);
                for (int i = 0; i < n; i++) {
                        char name[16];
                        snprintf(name, sizeof(name), "k%d", i);
                        assert_true(sl_str_eqc(sl_v_as_str(&v.items[2 * i]), name));
                        assert_int_equal(v.items[2 * i + 1].i64, i + n);
                        assert_ptr_equal(sl_json_member(&v, name, strlen(name)), &v.items[2 * i + 1]);
                }
                assert_null(sl_json_member(&v, "none", 4));
                sl_buf_free(&text);
        }
}

static void depth(void **state)
{
        (void)state;
        for (int n = SL_JSON_DEPTH - 1; n <= SL_JSON_DEPTH + 1; n++) {
                struct sl_buf text = {0};
                struct sl_value v;
                struct sl_err err = {0};
                for (int i = 0; i < n; i++)
                        sl_buf_adds(&text, i & 1 ? "{\"a\":" : "[");
                sl_buf_addc(&text, '1');
                for (int i = n; i-- > 0;)
                        sl_buf_addc(&text, i & 1 ? '}' : ']');
                enum sl_rc rc = read_text(text.ptr, text.len, &v, &err);
                assert_int_equal(rc, n <= SL_JSON_DEPTH ? SL_OK : SL_DESERIALIZATION);
                if (rc != SL_OK)
                        assert_non_null(strstr(err.msg, "nested deeper than 200 levels"));
                sl_buf_free(&text);
        }
        char *open = sl_malloc(1000000); /* would be the end of a stack */
        memset(open, '[', 1000000);
        struct sl_value v;
        assert_int_equal(read_text(open, 1000000, &v, NULL), SL_DESERIALIZATION);
        free(open);
}

static void errors_say_where(void **state)
{
        (void)state;
        static const struct {
                const char *text, *want;
        } cases[] = {
                {"{\"a\":1,}", "not valid JSON at byte 7: a name in double quotes is expected in an object"},
                {"[1 2]", "not valid JSON at byte 3: a comma or ] is missing in an array"},
                {"{\"a\" 1}", "not valid JSON at byte 5: a colon is missing after a name"},
                {"[tru]", "not valid JSON at byte 1: unknown word; a value is expected"},
                {"\"ab", "not valid JSON at byte 3: a string has no end"},
                {"\"a\tb\"", "not valid JSON at byte 2: a control character in a string must be escaped"},
                {"\"\\q\"", "not valid JSON at byte 2: unknown escape in a string"},
                {"\"\\u12g4\"", "not valid JSON at byte 3: \\u needs four hexadecimal digits"},
                {"1.", "not valid JSON at byte 2: a digit is missing in a number"},
                {"12x", "not valid JSON at byte 2: white space is expected after a value"},
                {"[", "not valid JSON at byte 1: the text ends where a value is expected"},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sl_value v;
                struct sl_err err = {0};
                assert_int_equal(read_text(cases[i].text, strlen(cases[i].text), &v, &err), SL_DESERIALIZATION);
                assert_string_equal(err.msg, cases[i].want);
        }
}

static void envelopes(void **state)
{
        (void)state;
        static const char text[] = "{ \"schema\" : {\"type\":\"int32\"} , \"payload\" : [1] }";
        struct sl_json_envelope env;
        for (int known = 0; known < 3; known++) {
                struct sl_str hint = known == 0   ? SL_STR_NULL
                                     : known == 1 ? SL_STR("{\"type\":\"int32\"}")
                                                  : SL_STR("{\"type\":\"int64\"}");
                assert_int_equal(sl_json_read_envelope(&reader, SL_STR(text), hint, &arena, &env, NULL), SL_OK);
                assert_true(env.ok);
                assert_true(sl_str_eqc(env.schema, "{\"type\":\"int32\"}"));
                assert_int_equal(env.payload.items[0].type, SL_JSON_NUMBER);
        }
        assert_int_equal(sl_json_read_envelope(&reader, SL_STR("{\"payload\":[1],\"schema\":null}"), SL_STR_NULL,
                                               &arena, &env, NULL),
                         SL_OK);
        assert_true(env.ok);
        assert_int_equal(env.payload.items[0].type, SL_INT64);
        assert_int_equal(sl_json_read_envelope(&reader, SL_STR("[]"), SL_STR_NULL, &arena, &env, NULL), SL_OK);
        assert_false(env.ok);
}

/* ---- damage ---- */

static uint64_t seed;
static uint64_t rng(void)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        return seed ^= seed << 17;
}

static const char sample[] =
        "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"field\":\"a\"}]},\"payload\":{\"a\":-1.5e3,"
        "\"b\":[true,false,null,\"x\\u00e9\\n\",{}],\"c\":\"0123456789abcdef0123456789\"}}";

/* In a block of exactly its size, so that the sanitizer sees any read beyond. What jansson takes we take too (not the
 * other way round: leading zeros, halves of surrogate pairs); a scalar at the top needs an end with us. */
static void try_damaged(const char *p, size_t n)
{
        char *copy = sl_malloc(n + !n);
        struct sl_value v;
        struct sl_json_envelope env;
        struct sl_err err = {0};
        memcpy(copy, p, n);
        bool ours = n && read_text(copy, n, &v, &err) == SL_OK;
        (void)sl_json_read_envelope(&reader, (struct sl_str){copy, n}, SL_STR("{\"type\":\"struct\""), &arena, &env,
                                    NULL); /* must return */
        json_t *theirs = json_loadb(copy, n, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
        if (theirs && !ours && (*copy == '{' || *copy == '[')) {
                print_error("refused: %.*s: %s\n", (int)n, copy, err.msg);
                fail();
        }
        json_decref(theirs);
        free(copy);
        sl_arena_reset(&arena);
}

static void damaged_input(void **state)
{
        (void)state;
        seed = (uint64_t)time(NULL) | 1;
        print_message("seed %llu\n", (unsigned long long)seed);
        for (size_t n = 0; n < sizeof(sample); n++)
                try_damaged(sample, n);
        for (int i = 0; i < 60000; i++) {
                char text[sizeof(sample)];
                size_t n = sizeof(sample) - 1;
                memcpy(text, sample, sizeof(text));
                for (int k = 0; k <= i % 3; k++)
                        text[rng() % n] = "{}[]\",:\\0e-.tu \x01\xff"[rng() % 17];
                try_damaged(text, i % 5 ? n : rng() % n);
        }
}

/* Written and read again it is the same, without an allocation. */
static void own_text_reads_back(void **state)
{
        (void)state;
        struct sl_json_writer *w = sl_json_writer_new(SL_DECIMAL_BASE64, true);
        struct sl_buf out = {0};
        uint64_t before = 0;
        for (int i = 0; i < 3000; i++) {
                struct sl_value v = good(sample), again;
                bool missing;
                sl_buf_clear(&out);
                if (i == 10)
                        before = allocations();
                if (sl_json_write_value(w, NULL, &v, &out, NULL) != SL_OK ||
                    sl_json_read(&reader, (struct sl_str){out.ptr, out.len}, false, &arena, &again, &missing, NULL) !=
                            SL_OK ||
                    !sl_value_equal(&v, &again))
                        fail();
                sl_arena_reset(&arena);
        }
        assert_int_equal(allocations() - before, 0);
        sl_buf_free(&out);
        sl_json_writer_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(strings_are_slices_unless_escaped),
                cmocka_unit_test(numbers),
                cmocka_unit_test(repeated_names),
                cmocka_unit_test(depth),
                cmocka_unit_test(errors_say_where),
                cmocka_unit_test(envelopes),
                cmocka_unit_test(damaged_input),
                cmocka_unit_test(own_text_reads_back),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
