/* SPDX-License-Identifier: Apache-2.0 */
/* base/str.c and base/float.c: buffers and their ceiling, integers, Java's spelling of doubles and floats, JSON
 * strings, base64, the strict parsers, UTF-8. Random parts compare with libc and print their seed; SLUICE_SEED
 * repeats a run. */
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t rng_state;

static uint64_t rng(void)
{
        rng_state += 0x9e3779b97f4a7c15u;
        uint64_t z = rng_state;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return z ^ z >> 31;
}

static void f64_is(double v, const char *want)
{
        struct sl_buf b = {0};
        sl_buf_add_f64(&b, v);
        assert_string_equal(sl_buf_cstr(&b), want);
        sl_buf_free(&b);
}

static void f32_is(float v, const char *want)
{
        struct sl_buf b = {0};
        sl_buf_add_f32(&b, v);
        assert_string_equal(sl_buf_cstr(&b), want);
        sl_buf_free(&b);
}

static void buffer_grows_and_keeps_its_bytes(void **state)
{
        (void)state;
        struct sl_buf b = {0};
        assert_string_equal(sl_buf_cstr(&b), "");
        for (int i = 0; i < 1000; i++)
                sl_buf_addc(&b, (char)('a' + i % 26));
        assert_int_equal(b.len, 1000);
        for (int i = 0; i < 1000; i++)
                assert_int_equal(b.ptr[i], 'a' + i % 26);
        assert_int_equal(strlen(sl_buf_cstr(&b)), 1000);
        char *before = b.ptr;
        sl_buf_clear(&b);
        sl_buf_printf(&b, "%s-%d", "x", 7);
        assert_ptr_equal(b.ptr, before);
        assert_string_equal(sl_buf_cstr(&b), "x-7");
        sl_buf_free(&b);
        assert_null(b.ptr);
}

static void printf_of_any_length(void **state)
{
        (void)state;
        for (int n = 0; n < 200; n++) {
                struct sl_buf b = {0};
                sl_buf_addc(&b, '<');
                sl_buf_printf(&b, "%*s>", n, "");
                assert_int_equal(b.len, n + 2);
                assert_int_equal(b.ptr[n + 1], '>');
                sl_buf_free(&b);
        }
}

static void ceiling_is_sticky_until_clear(void **state)
{
        (void)state;
        struct sl_buf b;
        sl_buf_init(&b, 100);
        for (int i = 0; i < 100; i++)
                sl_buf_addc(&b, 'x');
        assert_true(sl_buf_ok(&b));
        assert_int_equal(strlen(sl_buf_cstr(&b)), 100);
        sl_buf_addc(&b, 'y');
        assert_false(sl_buf_ok(&b));
        sl_buf_adds(&b, "z");
        assert_string_equal(sl_buf_cstr(&b), "");
        assert_int_equal(b.len, 0);
        sl_buf_clear(&b);
        sl_buf_adds(&b, "again");
        assert_string_equal(sl_buf_cstr(&b), "again");
        sl_buf_printf(&b, "%200s", "");
        assert_false(sl_buf_ok(&b));
        sl_buf_free(&b);
        sl_buf_init(&b, 10);
        assert_false(sl_buf_grow(&b, SIZE_MAX));
        sl_buf_free(&b);
}

static void integers_as_libc_prints_them(void **state)
{
        (void)state;
        struct sl_buf b = {0};
        char want[64];
        for (int i = 0; i < 200000; i++) {
                uint64_t v = rng() >> (rng() % 64);
                if (i < 70)
                        v = i < 64 ? (uint64_t)1 << i : (uint64_t) - (i - 64);
                sl_buf_clear(&b);
                sl_buf_add_u64(&b, v);
                snprintf(want, sizeof(want), "%" PRIu64, v);
                assert_string_equal(sl_buf_cstr(&b), want);
                sl_buf_clear(&b);
                sl_buf_add_i64(&b, (int64_t)v);
                snprintf(want, sizeof(want), "%" PRId64, (int64_t)v);
                assert_string_equal(sl_buf_cstr(&b), want);
        }
        for (uint64_t p = 1, i = 0; i < 20; i++, p *= 10) {
                for (int d = -1; d <= 1; d++) {
                        sl_buf_clear(&b);
                        sl_buf_add_u64(&b, p + (uint64_t)d);
                        snprintf(want, sizeof(want), "%" PRIu64, p + (uint64_t)d);
                        assert_string_equal(sl_buf_cstr(&b), want);
                }
        }
        sl_buf_free(&b);
}

static void doubles_java_vectors(void **state)
{
        (void)state;
        static const struct {
                double v;
                const char *text;
        } cases[] = {
                {0.0, "0.0"},
                {-0.0, "-0.0"},
                {1.0, "1.0"},
                {-1.0, "-1.0"},
                {0.5, "0.5"},
                {0.1, "0.1"},
                {100.0, "100.0"},
                {123456.0, "123456.0"},
                {9999999.0, "9999999.0"},
                {1.0E7, "1.0E7"},
                {12345678.0, "1.2345678E7"},
                {1.0E10, "1.0E10"},
                {0.001, "0.001"},
                {0.00123, "0.00123"},
                {0.0009999, "9.999E-4"},
                {1.0E-5, "1.0E-5"},
                {2.0E-3, "0.002"},
                {3.141592653589793, "3.141592653589793"},
                {1.0 / 3, "0.3333333333333333"},
                {2.0 / 3, "0.6666666666666666"},
                {0.1 + 0.2, "0.30000000000000004"},
                {4.9E-324, "4.9E-324"},
                {1.0E-323, "9.9E-324"},
                {1.5E-323, "1.5E-323"},
                {2.2250738585072014E-308, "2.2250738585072014E-308"},
                {2.225073858507201E-308, "2.225073858507201E-308"},
                {1.7976931348623157E308, "1.7976931348623157E308"},
                {2.0E23, "2.0E23"},
                {1.0E23, "1.0E23"},
                {8.41E21, "8.41E21"},
                {2.0E-3 * 1e-3, "2.0E-6"},
                {9007199254740991.0, "9.007199254740991E15"},
                {9007199254740992.0, "9.007199254740992E15"},
                {9007199254740994.0, "9.007199254740994E15"},
                {1234567.125, "1234567.125"},
                {19.99, "19.99"},
                {-273.15, "-273.15"},
                {1.1E-3, "0.0011"},
                {5.684341886080802E-14, "5.684341886080802E-14"},
                {9.5367431640625E-7, "9.5367431640625E-7"},
        };
        for (size_t i = 0; i < COUNT(cases); i++)
                f64_is(cases[i].v, cases[i].text);
        f64_is(NAN, "NaN");
        f64_is(-NAN, "NaN");
        f64_is(INFINITY, "Infinity");
        f64_is(-INFINITY, "-Infinity");
}

static void floats_java_vectors(void **state)
{
        (void)state;
        static const struct {
                float v;
                const char *text;
        } cases[] = {
                {0.0f, "0.0"},
                {-0.0f, "-0.0"},
                {0.1f, "0.1"},
                {1.5f, "1.5"},
                {3.4028235E38f, "3.4028235E38"},
                {1.4E-45f, "1.4E-45"},
                {2.8E-45f, "2.8E-45"},
                {1.17549435E-38f, "1.1754944E-38"},
                {1.0E7f, "1.0E7"},
                {9999999.0f, "9999999.0"},
                {16777216.0f, "1.6777216E7"},
                {0.001f, "0.001"},
                {9.999E-4f, "9.999E-4"},
                {3.1415927f, "3.1415927"},
                {19.99f, "19.99"},
                {2.0E10f, "2.0E10"},
                {1.0E10f, "1.0E10"},
                {33554432.0f, "3.3554432E7"},
                {1.0f / 3, "0.33333334"},
                {-123.456f, "-123.456"},
        };
        for (size_t i = 0; i < COUNT(cases); i++)
                f32_is(cases[i].v, cases[i].text);
        f32_is(NAN, "NaN");
        f32_is(-INFINITY, "-Infinity");
}

struct digits {
        char d[24]; /* significant digits, no trailing zeros (but at least one) */
        int n, expo;
};

/* Take a spelling apart: digits and the exponent of the first. */
static struct digits digits_of(const char *s)
{
        struct digits r = {.expo = 0};
        const char *e = strpbrk(s, "eE"), *dot = strchr(s, '.');
        int first = -1, point = -1, at = 0;
        for (const char *p = s; *p && p != e; p++) {
                if (p == dot)
                        point = at;
                if (*p < '0' || *p > '9')
                        continue;
                if (first < 0 && *p != '0')
                        first = at;
                if (first >= 0)
                        r.d[r.n++] = *p;
                at++;
        }
        if (point < 0)
                point = at;
        r.expo = point - first - 1 + (e ? atoi(e + 1) : 0);
        while (r.n > 1 && r.d[r.n - 1] == '0')
                r.d[--r.n] = '\0';
        return r;
}

/* Among all decimals that read back, ours is a shortest (Java: of at least two digits), and the one that libc prints
 * for that many digits whenever that one reads back. */
static void check_shortest(const char *text, double v, bool is_float)
{
        char want[40];
        struct digits ours = digits_of(text);
        for (int n = 2; n <= 17; n++) {
                snprintf(want, sizeof(want), "%.*e", n - 1, v);
                bool back = is_float ? strtof(want, NULL) == (float)v : strtod(want, NULL) == v;
                if (!back)
                        continue;
                struct digits d = digits_of(want);
                if (ours.n < n && ours.n < d.n)
                        return; /* an uneven gap: a shorter one above reads back, the nearest of that length does not */
                if (strcmp(ours.d, d.d) != 0 || ours.expo != d.expo)
                        fail_msg("%s: libc has %s for %.17g", text, want, v);
                return;
        }
        fail_msg("%.17g never reads back", v);
}

static void check_f64(struct sl_buf *b, double v)
{
        double back;
        sl_buf_clear(b);
        sl_buf_add_f64(b, v);
        back = strtod(sl_buf_cstr(b), NULL);
        if (memcmp(&back, &v, sizeof(v)) != 0)
                fail_msg("%.17g became %s", v, sl_buf_cstr(b));
        assert_true(sl_parse_f64((struct sl_str){b->ptr, b->len}, &back));
        assert_memory_equal(&back, &v, sizeof(v));
        if (v != 0)
                check_shortest(sl_buf_cstr(b), v, false);
}

static void random_doubles_read_back_and_are_shortest(void **state)
{
        (void)state;
        struct sl_buf b = {0};
        for (int i = 0; i < 200000; i++) {
                uint64_t bits = rng();
                double v;
                memcpy(&v, &bits, sizeof(v));
                if (i % 4 == 1)
                        v = (double)(int64_t)(bits >> (11 + bits % 40)) / 100; /* prices */
                else if (i % 4 == 2)
                        v = (double)(bits >> 1) / 9223372036854775808.0;
                else if (i % 64 == 3)
                        bits &= 0xffffffffffffu, memcpy(&v, &bits, sizeof(v)); /* subnormal */
                if (isfinite(v))
                        check_f64(&b, v);
        }
        for (int e = -1074; e <= 1023; e++) {
                check_f64(&b, ldexp(1.0, e));
                check_f64(&b, nextafter(ldexp(1.0, e), 0));
                check_f64(&b, nextafter(ldexp(1.0, e), INFINITY));
        }
        sl_buf_free(&b);
}

static void random_floats_read_back_and_are_shortest(void **state)
{
        (void)state;
        struct sl_buf b = {0};
        for (int i = 0; i < 200000; i++) {
                uint32_t bits = (uint32_t)rng();
                float v, back;
                if (i < 2 * 255)
                        bits = (uint32_t)i / 2 << 23 | (uint32_t)i % 2; /* powers of two and their successors */
                memcpy(&v, &bits, sizeof(v));
                if (!isfinite(v) || v == 0)
                        continue;
                sl_buf_clear(&b);
                sl_buf_add_f32(&b, v);
                back = strtof(sl_buf_cstr(&b), NULL);
                assert_memory_equal(&back, &v, sizeof(v));
                check_shortest(sl_buf_cstr(&b), v, true);
        }
        sl_buf_free(&b);
}

/* The obvious way, byte by byte. */
static void slow_json(struct sl_buf *b, const uint8_t *p, size_t n)
{
        static const char names[] = "\b\t\n\f\r\"\\";
        sl_buf_addc(b, '"');
        for (size_t i = 0; i < n; i++) {
                const char *hit = p[i] ? strchr(names, p[i]) : NULL;
                if (hit)
                        sl_buf_printf(b, "\\%c", "btnfr\"\\"[hit - names]);
                else if (p[i] < 0x20)
                        sl_buf_printf(b, "\\u%04X", p[i]);
                else if (p[i] >= 0xf0 && n - i >= 4 && sl_utf8_valid((struct sl_str){(const char *)p + i, 4})) {
                        unsigned c = ((p[i] & 7u) << 18 | (p[i + 1] & 63u) << 12 | (p[i + 2] & 63u) << 6 | (p[i + 3] & 63u)) - 0x10000;
                        sl_buf_printf(b, "\\u%04X\\u%04X", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
                        i += 3;
                } else
                        sl_buf_addc(b, (char)p[i]);
        }
        sl_buf_addc(b, '"');
}

static void json_strings_escape_what_jackson_escapes(void **state)
{
        (void)state;
        struct sl_buf b = {0}, want = {0};
        sl_buf_add_json_str(&b, "a\"b\\c/\x7f\x01\x1f\b\t\n\f\r\0é", 17);
        assert_string_equal(sl_buf_cstr(&b), "\"a\\\"b\\\\c/\x7f\\u0001\\u001F\\b\\t\\n\\f\\r\\u0000é\"");
        for (int i = 0; i < 100000; i++) {
                size_t n = rng() % 80;
                uint8_t *in = malloc(n + !n); /* exact size: an overread shows under ASan */
                for (size_t j = 0; j < n; j++)
                        in[j] = rng() % 16 && i % 3 ? (uint8_t)('a' + rng() % 26) : (uint8_t)rng();
                if (n >= 4 && i % 7 == 0) {
                        memcpy(in + rng() % (n - 3), i % 2 ? "\xf0\x9f\x98\x80" : "\xf4\x8f\xbf\xbf", 4);
                        if (i % 3)
                                memcpy(in + rng() % (n - 3), "\xf0\x90\x80\x80", 4);
                }
                sl_buf_clear(&b);
                sl_buf_clear(&want);
                if (i % 5 == 0) {
                        sl_buf_free(&b);
                        sl_buf_adds(&b, "p:");
                        sl_buf_adds(&want, "p:");
                }
                sl_buf_add_json_str(&b, (const char *)in, n);
                slow_json(&want, in, n);
                assert_int_equal(b.len, want.len);
                assert_memory_equal(b.ptr, want.ptr, b.len);
                free(in);
        }
        sl_buf_free(&b);
        sl_buf_free(&want);
}

static void json_string_obeys_the_ceiling(void **state)
{
        (void)state;
        struct sl_buf b;
        sl_buf_init(&b, 20);
        sl_buf_add_json_str(&b, "123456789012345678", 18);
        assert_true(sl_buf_ok(&b));
        assert_int_equal(b.len, 20);
        sl_buf_clear(&b);
        sl_buf_add_json_str(&b, "12345678901234567\n", 18);
        assert_false(sl_buf_ok(&b));
        sl_buf_free(&b);
}

static void base64_rfc_vectors_and_round_trip(void **state)
{
        (void)state;
        static const char *const vectors[][2] = {{"", ""},
                                                 {"f", "Zg=="},
                                                 {"fo", "Zm8="},
                                                 {"foo", "Zm9v"},
                                                 {"foob", "Zm9vYg=="},
                                                 {"fooba", "Zm9vYmE="},
                                                 {"foobar", "Zm9vYmFy"}};
        static const char *const bad[] = {"Zg", "Zg=", "Z===", "====", "Zm9v=", "Zg==Zg==", "Zm 9", "Zm9-", "Zm9v\n"};
        struct sl_buf b = {0};
        uint8_t in[100], out[200];
        for (size_t i = 0; i < COUNT(vectors); i++) {
                sl_buf_clear(&b);
                sl_buf_add_base64(&b, vectors[i][0], strlen(vectors[i][0]));
                assert_string_equal(sl_buf_cstr(&b), vectors[i][1]);
        }
        for (size_t i = 0; i < COUNT(bad); i++)
                assert_int_equal(sl_base64_decode(bad[i], strlen(bad[i]), out), -1);
        for (int i = 0; i < 20000; i++) {
                size_t n = rng() % sizeof(in);
                for (size_t j = 0; j < n; j++)
                        in[j] = (uint8_t)rng();
                sl_buf_clear(&b);
                sl_buf_add_base64(&b, in, n);
                assert_int_equal(sl_base64_decode(b.ptr, b.len, out), n);
                assert_memory_equal(in, out, n);
        }
        sl_buf_free(&b);
}

static void int_parser_is_strict(void **state)
{
        (void)state;
        static const char *const bad[] = {"",
                                          "+",
                                          "-",
                                          " 1",
                                          "1 ",
                                          "0x1",
                                          "1.0",
                                          "1e3",
                                          "--1",
                                          "9223372036854775808",
                                          "-9223372036854775809",
                                          "99999999999999999999"};
        int64_t v = 42;
        for (size_t i = 0; i < COUNT(bad); i++)
                assert_false(sl_parse_i64(sl_str_c(bad[i]), &v));
        assert_false(sl_parse_i64(SL_STR_NULL, &v));
        assert_int_equal(v, 42);
        assert_true(sl_parse_i64(SL_STR("-9223372036854775808"), &v) && v == INT64_MIN);
        assert_true(sl_parse_i64(SL_STR("9223372036854775807"), &v) && v == INT64_MAX);
        assert_true(sl_parse_i64(SL_STR("+5"), &v) && v == 5);
        assert_true(sl_parse_i64((struct sl_str){"123", 2}, &v) && v == 12);
}

static void double_parser_is_strict_and_exact(void **state)
{
        (void)state;
        static const char *const bad[] = {"",      ".",  "+",  "-.",    "1e", "1e+",       "e5",       "inf",  "nan",
                                          "0x1p3", " 1", "1 ", "1.2.3", "1d", "+Infinity", "infinity", "1e5.0"};
        static const char *const good[] = {
                "1",
                "-1.5",
                ".5",
                "5.",
                "1e300",
                "1E-300",
                "123456789012345678901234567890",
                "0.1",
                "4.9e-324",
                "2.4703282292062327e-324",
                "9007199254740993",
                "1e22",
                "1e23",
                "0.000000000000000000000000000000000000000000000000000000000000000000000000001",
                "179769313486231570000000000000000000000000000000000000000000000000000000e237",
                "-0",
                "-0.0",
                "0e999999999999"};
        double v = 42;
        for (size_t i = 0; i < COUNT(bad); i++)
                if (sl_parse_f64(sl_str_c(bad[i]), &v))
                        fail_msg("\"%s\" was taken for %g", bad[i], v);
        assert_true(v == 42);
        for (size_t i = 0; i < COUNT(good); i++) {
                double want = strtod(good[i], NULL);
                assert_true(sl_parse_f64(sl_str_c(good[i]), &v));
                assert_memory_equal(&v, &want, sizeof(v));
        }
        for (int i = 0; i < 100000; i++) {
                char text[64];
                snprintf(text, sizeof(text), "%" PRIu64 ".%" PRIu64 "e%d", rng() >> rng() % 64, rng() >> rng() % 64,
                         (int)(rng() % 60) - 30);
                double want = strtod(text, NULL);
                assert_true(sl_parse_f64(sl_str_c(text), &v));
                assert_memory_equal(&v, &want, sizeof(v));
        }
        assert_true(sl_parse_f64(SL_STR("NaN"), &v) && v != v);
        assert_true(sl_parse_f64(SL_STR("Infinity"), &v) && v == INFINITY);
        assert_true(sl_parse_f64(SL_STR("-Infinity"), &v) && v == -INFINITY);
}

static void floats_as_java_reads_them(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                double d, f;
        } good[] = {{" 1.5f ", 1.5, 1.5},
                    {"\t.5D\n", 0.5, 0.5},
                    {"-5.e1d", -50, -50},
                    {"0x1.8p1", 3, 3},
                    {"-0X.8P-1f", -0.25, -0.25},
                    {"1e400", INFINITY, INFINITY},
                    {"1e39", 1e39, INFINITY},
                    {"16777217", 16777217, 16777216},
                    {"1.00000005960464477539062500000001", 1.0000000596046448, 1.00000011920928955078125}, /* rounded once */
                    {"-Infinity", -INFINITY, -INFINITY},
                    {"+Infinity", INFINITY, INFINITY}};
        static const char *const bad[] = {"",    " ",   ".",     "+",    "1e",     "1e+",   "1 f",       "1ff", "NaNf", "nan",
                                          "inf", "0x1", "0x.p1", "0xp1", "0x1.p", "1,5",   "Infinityd", "f",   "--1",  "1e3.5",
                                          "é",   "0x1.2.3p1"};
        double v;
        for (size_t i = 0; i < COUNT(good); i++) {
                assert_true(sl_parse_java_float(sl_str_c(good[i].text), false, &v));
                assert_true(v == good[i].d);
                assert_true(sl_parse_java_float(sl_str_c(good[i].text), true, &v));
                assert_true(v == good[i].f);
        }
        assert_true(sl_parse_java_float(SL_STR("-NaN"), false, &v) && v != v);
        assert_true(sl_parse_java_float(SL_STR("-0"), true, &v) && signbit(v));
        for (size_t i = 0; i < COUNT(bad); i++)
                if (sl_parse_java_float(sl_str_c(bad[i]), i % 2, &v))
                        fail_msg("\"%s\" passed", bad[i]);
}

static void utf8_well_formed_only(void **state)
{
        (void)state;
        static const char *const good[] = {"",
                                           "plain ascii text of some length",
                                           "é",
                                           "\xc2\x80",
                                           "\xdf\xbf",
                                           "\xe0\xa0\x80",
                                           "\xed\x9f\xbf",
                                           "\xee\x80\x80",
                                           "\xef\xbf\xbf",
                                           "\xf0\x90\x80\x80",
                                           "\xf4\x8f\xbf\xbf",
                                           "12345678\xf0\x9f\x98\x80 abcdefgh"};
        static const char *const bad[] = {"\x80",
                                          "\xc0\x80",
                                          "\xc1\xbf",
                                          "\xc2",
                                          "\xe0\x9f\xbf",
                                          "\xed\xa0\x80",
                                          "\xed\xbf\xbf",
                                          "\xf0\x8f\xbf\xbf",
                                          "\xf4\x90\x80\x80",
                                          "\xf5\x80\x80\x80",
                                          "\xff",
                                          "\xe2\x82",
                                          "\xf0\x9f\x98",
                                          "12345678\xc3",
                                          "abcdefg\xc3(",
                                          "\xc3\xc3"};
        for (size_t i = 0; i < COUNT(good); i++)
                assert_true(sl_utf8_valid(sl_str_c(good[i])));
        for (size_t i = 0; i < COUNT(bad); i++)
                if (sl_utf8_valid(sl_str_c(bad[i])))
                        fail_msg("bad sequence %zu passed", i);
        assert_true(sl_utf8_valid(SL_STR_NULL));
        assert_true(sl_utf8_valid((struct sl_str){"a\0b", 3}));
}

int main(void)
{
        const char *env = getenv("SLUICE_SEED");
        rng_state = env ? strtoull(env, NULL, 10) : (uint64_t)time(NULL);
        printf("SLUICE_SEED=%" PRIu64 "\n", rng_state);
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(buffer_grows_and_keeps_its_bytes),
                cmocka_unit_test(printf_of_any_length),
                cmocka_unit_test(ceiling_is_sticky_until_clear),
                cmocka_unit_test(integers_as_libc_prints_them),
                cmocka_unit_test(doubles_java_vectors),
                cmocka_unit_test(floats_java_vectors),
                cmocka_unit_test(random_doubles_read_back_and_are_shortest),
                cmocka_unit_test(random_floats_read_back_and_are_shortest),
                cmocka_unit_test(json_strings_escape_what_jackson_escapes),
                cmocka_unit_test(json_string_obeys_the_ceiling),
                cmocka_unit_test(base64_rfc_vectors_and_round_trip),
                cmocka_unit_test(int_parser_is_strict),
                cmocka_unit_test(double_parser_is_strict_and_exact),
                cmocka_unit_test(floats_as_java_reads_them),
                cmocka_unit_test(utf8_well_formed_only),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
