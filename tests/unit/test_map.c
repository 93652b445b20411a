/* SPDX-License-Identifier: Apache-2.0 */
/* base/map.c against a plain array as the model. The random part prints its seed (SLUICE_SEED). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/map.h"

static void get_put_remove(void **state)
{
        (void)state;
        struct sl_map m = {0};
        int one, two;
        assert_null(sl_map_get(&m, SL_STR("a")));
        assert_null(sl_map_remove(&m, SL_STR("a")));
        sl_map_put(&m, SL_STR("a"), &one);
        sl_map_put(&m, SL_STR("a\0b"), &two);
        sl_map_put(&m, SL_STR(""), &two);
        assert_ptr_equal(sl_map_get(&m, SL_STR("a")), &one);
        assert_ptr_equal(sl_map_get(&m, SL_STR("a\0b")), &two);
        assert_ptr_equal(sl_map_get(&m, SL_STR_NULL), &two); /* null is the empty key */
        sl_map_put(&m, SL_STR("a"), &two);
        assert_ptr_equal(sl_map_get(&m, SL_STR("a")), &two);
        assert_int_equal(m.live, 3);
        assert_ptr_equal(sl_map_remove(&m, SL_STR("a")), &two);
        assert_null(sl_map_get(&m, SL_STR("a")));
        assert_int_equal(m.live, 2);
        sl_map_free(&m, NULL);
        sl_map_free(&m, NULL);
}

static void keys_are_copied_and_order_is_kept(void **state)
{
        (void)state;
        struct sl_map m = {0};
        struct sl_map_entry *e;
        char key[16];
        for (int i = 0; i < 100; i++)
                sl_map_put(&m, (struct sl_str){key, (size_t)snprintf(key, sizeof(key), "k%d", i)}, malloc(1));
        for (int i = 0; i < 100; i += 3)
                free(sl_map_remove(&m, (struct sl_str){key, (size_t)snprintf(key, sizeof(key), "k%d", i)}));
        sl_map_put(&m, SL_STR("k0"), malloc(1)); /* comes back at the end */
        int want = 1;
        size_t seen = 0;
        for (size_t i = 0; sl_map_next(&m, &i, &e); seen++) {
                snprintf(key, sizeof(key), "k%d", seen + 1 == m.live ? 0 : want);
                assert_string_equal(e->key, key);
                want += want % 3 == 2 ? 2 : 1;
        }
        assert_int_equal(seen, m.live);
        for (size_t i = 0; sl_map_next(&m, &i, &e);)
                free(sl_map_remove(&m, (struct sl_str){e->key, e->key_len})); /* removing while iterating is fine */
        assert_int_equal(m.live, 0);
        sl_map_put(&m, SL_STR("x"), malloc(1));
        sl_map_free(&m, free);
}

static void random_operations_match_an_array(void **state)
{
        (void)state;
        const char *env = getenv("SLUICE_SEED");
        unsigned seed = env ? (unsigned)strtoul(env, NULL, 10) : (unsigned)time(NULL);
        printf("SLUICE_SEED=%u\n", seed);
        enum { KEYS = 3000 };
        static char values[4];
        static void *model[KEYS];
        struct sl_map m = {0};
        size_t live = 0;
        for (int i = 0; i < 300000; i++) {
                int k = rand_r(&seed) % (i < 100000 ? 50 : KEYS);
                char key[32];
                struct sl_str s = {key,
                                   (size_t)snprintf(key, sizeof(key), "%s%d", k % 2 ? "" : "a.rather.long.prefix.", k)};
                int op = rand_r(&seed) % 3;
                if (op == 0) {
                        live += !model[k];
                        model[k] = &values[rand_r(&seed) % 4];
                        sl_map_put(&m, s, model[k]);
                } else if (op == 1) {
                        live -= model[k] != NULL;
                        assert_ptr_equal(sl_map_remove(&m, s), model[k]);
                        model[k] = NULL;
                } else {
                        assert_ptr_equal(sl_map_get(&m, s), model[k]);
                }
                assert_int_equal(m.live, live);
        }
        assert_true(m.cap <= 4 * KEYS); /* gaps are cleaned up */
        sl_map_free(&m, NULL);
}

static void hash_spreads_and_stays(void **state)
{
        (void)state;
        static uint8_t seen[1 << 16];
        unsigned hits = 0;
        for (uint32_t i = 0; i < 1 << 16; i++) {
                uint64_t h = sl_hash(&i, sizeof(i));
                hits += !seen[h & 0xffff]++;
        }
        assert_in_range(hits, 40000, 43000); /* 65536 * (1 - 1/e) = 41427 */
        assert_int_not_equal(sl_hash("a", 1), sl_hash("a\0", 2));
        assert_int_not_equal(sl_hash("", 0), sl_hash("\0", 1));
        /* Fingerprints of schemas are built on it and compared across runs. */
        assert_true(sl_hash("sluice", 6) == 0x8620e017c0777e7eu);
        assert_true(sl_hash("a text of more than thirty-two bytes", 36) == 0xf9a1661792c9d88du);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(get_put_remove),
                cmocka_unit_test(keys_are_copied_and_order_is_kept),
                cmocka_unit_test(random_operations_match_an_array),
                cmocka_unit_test(hash_spreads_and_stays),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
