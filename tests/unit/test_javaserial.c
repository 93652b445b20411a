/* SPDX-License-Identifier: Apache-2.0 */
/* Key arrays as Java serializes them: the bytes of JDK 17 are written and read, any array comes back, and nonsense is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>
#include "connectors/postgres/javaserial.h"

#define ARRAY "aced0005757200135b4c6a6176612e6c616e672e4f626a6563743b90ce589f1073296c02000078700000000"
#define NUMBER "7200106a6176612e6c616e672e4e756d62657286ac951d0b94e08b0200007870"
#define INTEGER "7200116a6176612e6c616e672e496e746567657212e2a0a4f781873802000149000576616c756578" NUMBER

struct known {
        const char *hex;
        uint32_t n;
        const char *texts[4];
        enum sl_java_type types[4];
};

/* Printed by java.io.ObjectOutputStream. */
static const struct known jdk[] = {
        {ARRAY "173" INTEGER "00000005", 1, {"5"}, {SL_JAVA_INTEGER}},
        {ARRAY "273" INTEGER "000001f47371007e0002fffffd44", 2, {"500", "-700"}, {SL_JAVA_INTEGER, SL_JAVA_INTEGER}},
        {ARRAY "17372000e6a6176612e6c616e672e4c6f6e673b8be490cc8f23df0200014a000576616c756578" NUMBER "0020000000000001",
         1,
         {"9007199254740993"},
         {SL_JAVA_LONG}},
        {ARRAY "174000961c3a9eda0bdedb880", 1, {"aé😀"}, {SL_JAVA_STRING}},
        {ARRAY "27372000e6a6176612e7574696c2e55554944bc9903f7986d852f0200024a000c6c65617374536967426974734a000b6d6f737453696742"
               "697473"
               "7870844455555555555511111111222233337371007e00028444555555555555ffffffff00003333",
         2,
         {"11111111-2222-3333-8444-555555555555", "ffffffff-0000-3333-8444-555555555555"},
         {SL_JAVA_UUID, SL_JAVA_UUID}},
        {ARRAY "3737200146a6176612e6d6174682e426967446563696d616c54c71557f981284f0300024900057363616c654c0006696e7456616c7400"
               "164c6a6176612f6d6174682f426967496e74656765723b78" NUMBER
               "000000037372"
               "00146a6176612e6d6174682e426967496e74656765728cfc9f1fa93bfb1d030006490008626974436f756e744900096269744c656e6774"
               "6849001366697273744e6f6e7a65726f427974654e756d49000c6c6f776573745365744269744900067369676e756d5b00096d61676e69"
               "747564657400025b427871007e0004fffffffffffffffffffffffefffffffeffffffff757200025b42acf317f8060854e0020000787000"
               "00000301e23a78787371007e0002000000027371007e0006fffffffffffffffffffffffefffffffe000000017571007e00090000000d9b"
               "d30a3c645943dd1690a03a0978787371007e0002000000007371007e0006fffffffffffffffffffffffefffffffe000000007571007e00"
               "09000000007878",
         3,
         {"-123.450", "123456789012345678901234567890.01", "0"},
         {SL_JAVA_DECIMAL, SL_JAVA_DECIMAL, SL_JAVA_DECIMAL}},
        {ARRAY "2737200116a6176612e6c616e672e426f6f6c65616ecd207280d59cfaee0200015a000576616c75657870017371007e000200",
         2,
         {"t", "f"},
         {SL_JAVA_BOOLEAN, SL_JAVA_BOOLEAN}},
        {ARRAY "27372000f6a6176612e6c616e672e466c6f6174daedc9a2db3cf0ec02000146000576616c756578" NUMBER "3fc00000"
               "737200106a6176612e6c616e672e446f75626c6580b3c24a296bfb0402000144000576616c75657871007e0003c002000000000000",
         2,
         {"1.5", "-2.25"},
         {SL_JAVA_FLOAT, SL_JAVA_DOUBLE}},
};

/* Only read: objects that come twice, classes that we don't write. */
static const struct known readable[] = {
        {ARRAY "273" INTEGER "0000000571007e0004", 2, {"5", "5"}, {0}},
        {ARRAY "173720011" "6a6176612e6c616e672e496e746567657212e2a0a4f781873802000149000576616c756578" NUMBER "ffffffff",
         1,
         {"-1"},
         {0}},
        {ARRAY "2737200" "0f6a6176612e6c616e672e53686f7274684d37133460da5202000153000576616c756578" NUMBER "0007"
               "7372000e6a6176612e6c616e672e427974659c4e6084ee50f51c02000142000576616c75657871007e0003ff",
         2,
         {"7", "-1"},
         {0}},
};

static const char *const refused[] = {
        "", "ac", "zz", "aced0005", "aced000571007e0000", "aced0006757200", ARRAY "0",
        /* java.sql.Date: its time zone is not told */
        ARRAY "17372000d6a6176612e73716c2e4461746514fa46683f3566970200007872000e6a6176612e7574696c2e44617465686a81014b597419030000"
              "787077080000018cc778500078",
        ARRAY "1757200025b42acf317f8060854e00200007870000000020102", /* byte[] */
};

static bool equal(struct sl_str a, struct sl_str b)
{
        double x, y;
        return sl_str_eq(a, b) || (a.ptr && b.ptr && sl_parse_f64(a, &x) && sl_parse_f64(b, &y) && x == y);
}

static void reads(const struct known *k, struct sl_arena *arena)
{
        struct sl_str *got;
        uint32_t n;
        assert_true(sl_java_read_keys(sl_str_c(k->hex), arena, &got, &n));
        assert_int_equal(n, k->n);
        for (uint32_t i = 0; i < n; i++) {
                struct sl_str want = sl_str_c(k->texts[i]);
                /* a decimal comes as digits and an exponent */
                if (!equal(got[i], want))
                        fail_msg("%s is not %s", got[i].ptr, k->texts[i]);
        }
}

static void as_the_jdk(void **state)
{
        (void)state;
        struct sl_arena arena;
        sl_arena_init(&arena, 65536);
        for (size_t i = 0; i < sizeof(jdk) / sizeof(jdk[0]); i++) {
                struct sl_buf hex = {0};
                struct sl_str texts[4];
                for (uint32_t k = 0; k < jdk[i].n; k++)
                        texts[k] = sl_str_c(jdk[i].texts[k]);
                sl_java_write_keys(texts, jdk[i].types, jdk[i].n, &hex);
                assert_string_equal(sl_buf_cstr(&hex), jdk[i].hex);
                sl_buf_free(&hex);
                reads(&jdk[i], &arena);
        }
        for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
                reads(&readable[i], &arena);
        sl_arena_free(&arena);
}

static void null_and_nonsense(void **state)
{
        (void)state;
        struct sl_arena arena;
        struct sl_buf hex = {0};
        struct sl_str *got;
        uint32_t n;
        sl_arena_init(&arena, 65536);
        sl_java_write_keys(NULL, NULL, 0, &hex);
        assert_string_equal(sl_buf_cstr(&hex), "aced000570");
        sl_buf_free(&hex);
        assert_true(sl_java_read_keys(SL_STR("aced000570"), &arena, &got, &n) && !got && n == 0);
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
                assert_false(sl_java_read_keys(sl_str_c(refused[i]), &arena, &got, &n));
        /* every beginning of a good one, and every one with a changed byte: refused or read, never outside */
        for (size_t i = 0; i < sizeof(jdk) / sizeof(jdk[0]); i++) {
                size_t len = strlen(jdk[i].hex);
                char *copy = malloc(len);
                for (size_t cut = 0; cut < len; cut += 2) {
                        sl_arena_reset(&arena);
                        memcpy(copy, jdk[i].hex, len);
                        assert_false(sl_java_read_keys((struct sl_str){copy, cut}, &arena, &got, &n));
                        copy[cut] = copy[cut] == '7' ? '0' : '7';
                        if (sl_java_read_keys((struct sl_str){copy, len}, &arena, &got, &n))
                                assert_true(n <= 1600);
                }
                free(copy);
        }
        sl_arena_free(&arena);
}

static const char *random_text(enum sl_java_type type, struct sl_arena *arena)
{
        long long v = (long long)((uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand());
        static const char *const strings[] = {"", "x", "ünï", "😀😀", "a\"b", "NaN"};
        switch (type) {
        case SL_JAVA_INTEGER:
                return sl_arena_printf(arena, "%d", (int)v);
        case SL_JAVA_LONG:
                return sl_arena_printf(arena, "%lld", v);
        case SL_JAVA_BOOLEAN:
                return v & 1 ? "t" : "f";
        case SL_JAVA_FLOAT:
                return sl_arena_printf(arena, "%.9g", (double)(float)v / 64);
        case SL_JAVA_DOUBLE:
                return sl_arena_printf(arena, "%.17g", (double)v / 1024);
        case SL_JAVA_UUID:
                return sl_arena_printf(arena, "%08x-%04x-%04x-%04x-%012llx", (unsigned)rand(), (unsigned)v & 0xffff,
                                       (unsigned)rand() & 0xffff, (unsigned)(v >> 20) & 0xffff, (unsigned long long)v >> 16);
        case SL_JAVA_DECIMAL:
                return sl_arena_printf(arena, "%lld", v / (1 + (rand() & 0xffff)));
        case SL_JAVA_STRING:
                break;
        }
        return strings[rand() % 6];
}

static void anything_comes_back(void **state)
{
        (void)state;
        unsigned seed = getenv("SLUICE_SEED") ? (unsigned)atoi(getenv("SLUICE_SEED")) : (unsigned)time(NULL);
        printf("SLUICE_SEED=%u\n", seed);
        srand(seed);
        struct sl_arena arena;
        sl_arena_init(&arena, 65536);
        for (int round = 0; round < 3000; round++) {
                sl_arena_reset(&arena);
                struct sl_str texts[5], *got;
                enum sl_java_type types[5];
                struct sl_buf hex = {0};
                uint32_t n = 1 + (uint32_t)rand() % 5, m;
                for (uint32_t i = 0; i < n; i++) {
                        types[i] = (enum sl_java_type)(rand() % 8);
                        texts[i] = rand() % 9 ? sl_str_c(random_text(types[i], &arena)) : SL_STR_NULL;
                }
                sl_java_write_keys(texts, types, n, &hex);
                assert_true(sl_java_read_keys((struct sl_str){hex.ptr, hex.len}, &arena, &got, &m));
                assert_int_equal(m, n);
                for (uint32_t i = 0; i < n; i++)
                        assert_true(equal(got[i], texts[i]) && !got[i].ptr == !texts[i].ptr);
                sl_buf_free(&hex);
        }
        sl_arena_free(&arena);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(as_the_jdk),
                cmocka_unit_test(null_and_nonsense),
                cmocka_unit_test(anything_comes_back),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
