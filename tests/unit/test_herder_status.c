/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker shows and says of a task that runs on it, when the status topic says something else. No Kafka and no task:
 * the herder's model alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cluster/herder_internal.h"

static struct sl_herder herder;
static struct conn conn;
static struct slot slot;
static struct run run;

/* A connector with one task that runs here, in no cluster. */
static int begin(void **state)
{
        (void)state;
        herder = (struct sl_herder){.worker_id = "127.0.0.1:8083"};
        pthread_mutex_init(&herder.lock, NULL);
        slot = (struct slot){.want = 1, .run = &run};
        run = (struct run){.h = &herder, .conn = &conn, .version = 1};
        conn = (struct conn){.name = sl_strdup("c"), .exists = true, .usable = true, .target = SL_TARGET_STARTED, .want_tasks = 1,
                             .state = "RUNNING", .known = true, .slots = &slot, .nslots = 1};
        sl_map_put(&herder.conns, sl_str_c("c"), &conn);
        return 0;
}

static int end(void **state)
{
        (void)state;
        free(conn.name);
        free(slot.trace);
        free(slot.worker_id);
        free(run.trace);
        sl_map_free(&herder.conns, NULL);
        pthread_mutex_destroy(&herder.lock);
        return 0;
}

static void hear(const char *state, const char *worker_id, bool live)
{
        struct sl_status status = {.state = state, .worker_id = worker_id};
        sl_herder_apply_status(&herder, "c", 0, &status, live);
}

static void say_running(void)
{
        run.told = true;
        run.state = SL_TASK_RUNNING;
        sl_slot_set_state(&slot, SL_TASK_RUNNING, NULL);
        slot.status_dirty = false; /* written */
}

/* A worker that was killed and came back as the same one: while its task begins, records of its former self and of others come in. */
static void test_a_task_that_has_said_nothing_is_not_said_to_be_unassigned(void **state)
{
        (void)state;
        hear("UNASSIGNED", herder.worker_id, true);
        hear("RUNNING", "127.0.0.1:8084", true);
        assert_false(slot.status_dirty);
}

static void test_the_owner_repeats_itself(void **state)
{
        (void)state;
        say_running();
        hear("RUNNING", "127.0.0.1:8084", true);
        assert_true(slot.status_dirty);
        assert_int_equal(slot.state, SL_TASK_RUNNING);
        assert_null(slot.worker_id);
        slot.status_dirty = false;
        hear("RUNNING", herder.worker_id, true); /* its own words */
        assert_false(slot.status_dirty);
}

/* The word of another was taken while the task was not this worker's; then it was again, and the task had never ended. */
static void test_a_task_that_ran_on_is_shown_again(void **state)
{
        (void)state;
        say_running();
        hear("UNASSIGNED", "127.0.0.1:8084", false);
        assert_int_equal(slot.state, SL_TASK_UNASSIGNED);
        sl_herder_reconcile(&herder, &conn);
        assert_int_equal(slot.state, SL_TASK_RUNNING);
        assert_null(slot.worker_id);
        assert_true(slot.status_dirty);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_task_that_has_said_nothing_is_not_said_to_be_unassigned, begin, end),
                cmocka_unit_test_setup_teardown(test_the_owner_repeats_itself, begin, end),
                cmocka_unit_test_setup_teardown(test_a_task_that_ran_on_is_shown_again, begin, end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
