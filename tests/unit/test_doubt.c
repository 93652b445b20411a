/* SPDX-License-Identifier: Apache-2.0 */
/* What is written of records that may kill (pipeline/doubt.h), and the name of a connector's replay topic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "pipeline/doubt.h"
#include "pipeline/replayed.h"

/* As another process would have written it. */
static const char *foreign(const char *text)
{
        static char out[SL_DOUBT_MAX * 2];
        const char *number = strchr(text, ' ') + 1;
        snprintf(out, sizeof(out), "sluice-doubt/2 7%s", strchr(number, ' '));
        return out;
}

static void what_another_process_wrote_is_evidence(void **state)
{
        (void)state;
        struct sl_doubt d = {.lives = 3, .from = 100, .to = 101, .tries = 2}, got;
        struct sl_buf text = {0};
        sl_doubt_bury(&d, 90);
        sl_doubt_bury(&d, 120);
        sl_doubt_write(&d, 95, "sluice-s3/1 95 5:0000000000000001", &text);
        assert_string_equal(sl_doubt_read(foreign(sl_buf_cstr(&text)), 95, &got), "sluice-s3/1 95 5:0000000000000001");
        assert_int_equal(got.lives, 3);
        assert_int_equal(got.from, 100);
        assert_int_equal(got.to, 101);
        assert_int_equal(got.tries, 2);
        assert_int_equal(got.dead_count, 1); /* the other one lies below the offset */
        assert_true(sl_doubt_is_dead(&got, 120) && !sl_doubt_is_dead(&got, 90));
        /* The range lies below a later offset. */
        sl_doubt_read(foreign(sl_buf_cstr(&text)), 101, &got);
        assert_int_equal(got.to, 0);
        /* Our own: we live. */
        sl_doubt_read(sl_buf_cstr(&text), 95, &got);
        assert_int_equal(got.lives, 2);
        assert_int_equal(got.to, 0);
        assert_true(sl_doubt_is_dead(&got, 120));
        sl_buf_free(&text);
}

static void what_was_passed_is_not_suspected(void **state)
{
        (void)state;
        struct sl_doubt d = {.lives = 2, .from = 100, .to = 130, .passed = 121}, got;
        struct sl_buf text = {0};
        sl_doubt_write(&d, 95, "theirs", &text);
        assert_string_equal(sl_doubt_read(foreign(sl_buf_cstr(&text)), 95, &got), "theirs");
        assert_int_equal(got.from, 121);
        assert_int_equal(got.to, 130);
        assert_int_equal(got.passed, 121);
        sl_buf_clear(&text);
        d.passed = 130;
        sl_doubt_write(&d, 95, NULL, &text);
        assert_null(sl_doubt_read(foreign(sl_buf_cstr(&text)), 95, &got));
        assert_int_equal(got.to, 0);
        assert_int_equal(got.lives, 2);
        assert_null(sl_doubt_read(foreign(sl_buf_cstr(&text)), 130, &got));
        assert_int_equal(got.passed, 0);
        sl_buf_free(&text);
}

static void without_doubt_nothing_is_added(void **state)
{
        (void)state;
        struct sl_doubt d = {.to = 5, .tries = 1}, got;
        struct sl_buf text = {0};
        sl_doubt_write(&d, 0, NULL, &text);
        assert_int_equal(text.len, 0);
        sl_doubt_write(&d, 0, "theirs", &text);
        assert_string_equal(sl_buf_cstr(&text), "theirs");
        assert_string_equal(sl_doubt_read("theirs", 0, &got), "theirs");
        assert_null(sl_doubt_read(NULL, 0, &got));
        assert_int_equal(got.lives, 0);
        sl_buf_free(&text);
}

static void it_has_room(void **state)
{
        (void)state;
        struct sl_doubt d = {.lives = UINT32_MAX, .from = INT64_MAX - 1, .to = INT64_MAX, .tries = UINT32_MAX, .passed = INT64_MAX};
        struct sl_buf text = {0};
        for (int i = 0; i < 9; i++)
                sl_doubt_bury(&d, INT64_MAX - i);
        assert_int_equal(d.dead_count, SL_DOUBT_DEAD);
        sl_doubt_write(&d, 0, NULL, &text);
        assert_true(text.len <= SL_DOUBT_MAX);
        sl_buf_free(&text);
}

static void what_cannot_be_read_is_none(void **state)
{
        (void)state;
        static const char *const bad[] = {"sluice-doubt/2 ", "sluice-doubt/2 7 1 2", "sluice-doubt/2 7 x;theirs", "sluice-doubt/2 ;",
                                          "sluice-doubt/2 7 1 5 6 1 0 x y;theirs", "sluice-doubt/1 7 1 5 6 1 8;theirs"};
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct sl_doubt got;
                const char *theirs = sl_doubt_read(bad[i], 0, &got);
                assert_true(!theirs || strcmp(theirs, "theirs") == 0);
                assert_int_equal(got.dead_count, 0);
        }
}

static const char *topic_of(const char *connector)
{
        static struct sl_buf name;
        sl_buf_clear(&name);
        sl_replay_topic(connector, &name);
        return sl_buf_cstr(&name);
}

static void names_of_replay_topics(void **state)
{
        (void)state;
        char same[232], longer[400], first[260];
        assert_string_equal(topic_of("orders-lake_1.x"), "__sluice.replay.orders-lake_1.x");
        snprintf(first, sizeof(first), "%s", topic_of("orders lake"));
        assert_int_equal(strncmp(first, "__sluice.replay.orders_lake-", 28), 0);
        assert_string_not_equal(first, topic_of("orders/lake"));
        memset(same, 'a', sizeof(same));
        for (size_t n = 210; n <= 231; n++) {
                same[n] = '\0';
                assert_int_equal(strlen(topic_of(same)), n <= 233 ? 16 + n : 249);
                same[n] = 'a';
        }
        memset(longer, 'a', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        assert_int_equal(strlen(topic_of(longer)), 249);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_another_process_wrote_is_evidence), cmocka_unit_test(what_was_passed_is_not_suspected),
                cmocka_unit_test(without_doubt_nothing_is_added),         cmocka_unit_test(it_has_room),
                cmocka_unit_test(what_cannot_be_read_is_none),            cmocka_unit_test(names_of_replay_topics),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
