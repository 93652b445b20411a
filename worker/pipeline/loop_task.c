/* SPDX-License-Identifier: Apache-2.0 */
/* A sink that has a loop of its own (sl_sink_ops.run): it gets its configuration, what its clients are made from and a way to say
 * that it runs. Does not read or write anything itself. */
#include "pipeline/internal.h"

struct loop {
        struct sl_task *t;
        bool *opened;
};

static enum sl_rc may_open(void *arg, struct sl_err *err)
{
        struct loop *l = arg;
        return l->t->may_open ? l->t->may_open(l->t->on_state_arg, err) : SL_OK;
}

static void running(void *arg)
{
        struct loop *l = arg;
        if (!*l->opened)
                sl_task_report(l->t, SL_TASK_RUNNING, NULL);
        *l->opened = true;
}

static void rest(void *arg, int64_t ms)
{
        struct loop *l = arg;
        sl_task_sleep(l->t, ms);
}

enum sl_rc sl_loop_run(struct sl_task *t, bool *opened, struct sl_err *err)
{
        struct loop l = {t, opened};
        struct sl_conn_cfg common = {0};
        struct sl_arena arena;
        void *cfg;

        sl_arena_init(&arena, 16384);
        enum sl_rc rc = may_open(&l, err);
        if (rc == SL_OK)
                rc = sl_task_parse(t, sl_sink_common_defs, t->sink->config, t->sink->config_size, &arena, &common, &cfg, err);
        struct sl_loop_env env = {.connector = t->connector,
                                  .task = t->id,
                                  .metric_labels = t->metric_labels,
                                  .stop = &t->halt,
                                  .worker = t->worker,
                                  .config = &t->config,
                                  .plugins = t->plugins,
                                  .may_open = may_open,
                                  .running = running,
                                  .sleep = rest,
                                  .arg = &l};
        if (rc == SL_OK)
                rc = t->sink->run(cfg, &env, err);
        sl_arena_free(&arena);
        return rc;
}
