/* SPDX-License-Identifier: Apache-2.0 */
/* One transform by itself, opened from pairs of keys and values. Include in one file of a test, behind cmocka.h. */
#ifndef SL_TESTS_SMT_H
#define SL_TESTS_SMT_H
#include "api/plugin.h"

struct smt {
        const struct sl_transform_ops *ops;
        struct sl_arena arena;
        void *cfg, *st;
        struct sl_buf problem; /* what the checks found */
};

/* pairs: key, value, ..., NULL. */
static bool smt_open(struct smt *t, const struct sl_transform_ops *ops, const char *const *pairs, struct sl_err *err)
{
        struct sl_cfg_report report = {0};
        struct sl_props props = {0};
        memset(t, 0, sizeof(*t));
        for (; *pairs; pairs += 2)
                sl_props_set(&props, pairs[0], pairs[1]);
        sl_arena_init(&t->arena, 0);
        t->ops = ops;
        t->cfg = sl_calloc(1, ops->config_size);
        t->st = sl_calloc(1, ops->state_size);
        sl_cfg_parse(ops->config, &props, t->cfg, &t->arena, &report);
        if (ops->check)
                ops->check(t->cfg, &report);
        for (uint32_t i = 0; i < report.count; i++)
                if (!report.findings[i].warning)
                        sl_buf_printf(&t->problem, "%s: %s;", report.findings[i].key, report.findings[i].text);
        sl_cfg_report_free(&report);
        sl_props_free(&props);
        enum sl_rc rc = t->problem.len ? SL_FATAL : ops->open(t->st, t->cfg, ops, err);
        return rc == SL_OK;
}

static void smt_close(struct smt *t)
{
        t->ops->close(t->st);
        free(t->st);
        free(t->cfg);
        sl_buf_free(&t->problem);
        sl_arena_free(&t->arena);
}

#define OPEN(t, ops, ...) smt_open((t), (ops), (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL}, NULL)
#endif
