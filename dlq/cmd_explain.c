/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice dlq explain`: each group with its evidence and what to do; with --connect some records of each run again, and what happens
 * now is told. */
#include <stdio.h>
#include "dlq/advice.h"
#include "dlq/cmd_lend.h"
#include "dlq/groups.h"
#include "dlq/print.h"

#define SAMPLE 50 /* of a group */

static void explain_json(const struct sl_dlq_group *g, struct sl_buf *out)
{
        sl_buf_printf(out, "{\"fingerprint\":\"%016llx\",\"class\":\"%s\",\"code\":", (unsigned long long)g->fingerprint, sl_rc_name(g->class));
        sl_dlq_json_text(out, sl_str_c(g->code));
        sl_buf_printf(out, ",\"confidence\":%u,\"count\":%llu,\"example\":{\"partition\":%d,\"offset\":%lld},\"evidence\":", g->confidence,
                      (unsigned long long)g->count, g->partition, (long long)g->offset);
        if (g->evidence.what.ptr) {
                sl_buf_printf(out, "{\"by\":\"%s\",\"what\":", sl_dlq_reason_name(g->evidence.by));
                sl_dlq_json_text(out, g->evidence.what);
                sl_buf_addc(out, '}');
        } else {
                sl_buf_adds(out, "null");
        }
        sl_buf_adds(out, ",\"message\":");
        sl_dlq_json_text(out, g->message);
        if (g->passed || g->failed) {
                sl_buf_printf(out, ",\"now\":{\"passed\":%u,\"failed\":%u,\"error\":", g->passed, g->failed);
                sl_dlq_json_text(out, g->now);
                sl_buf_addc(out, '}');
        } else {
                sl_buf_adds(out, ",\"now\":null");
        }
        sl_buf_adds(out, ",\"advice\":");
        sl_dlq_json_text(out, sl_str_c(sl_dlq_advice(g->class, g->code)));
        sl_buf_adds(out, "}\n");
}

static void explain_text(const struct sl_dlq_group *g, struct sl_buf *out)
{
        sl_buf_printf(out, "%016llx  %llu records  %s, %s (%u %%)\n", (unsigned long long)g->fingerprint, (unsigned long long)g->count,
                      sl_rc_name(g->class), g->code, g->confidence);
        if (g->exception.ptr || g->message.ptr) {
                sl_buf_adds(out, "  says      ");
                sl_dlq_one_line(out, g->exception, 120);
                sl_buf_adds(out, g->exception.ptr ? ": " : "");
                sl_dlq_one_line(out, g->message, 200);
                sl_buf_addc(out, '\n');
        }
        if (g->evidence.what.ptr)
                sl_buf_printf(out, "  evidence  %s: %.*s\n", sl_dlq_reason_name(g->evidence.by), SL_FMT(g->evidence.what));
        if (g->passed || g->failed)
                sl_buf_printf(out, "  now       of %u run again %u pass, %u fail%s%.*s\n", g->passed + g->failed, g->passed, g->failed,
                              g->failed ? ": " : "", SL_FMT(g->now));
        const char *advice = g->passed && !g->failed ? sl_dlq_advice(g->class, "decodes.now") : sl_dlq_advice(g->class, g->code);
        sl_buf_printf(out, "  example   %d:%lld\n  to do     %s\n\n", g->partition, (long long)g->offset, advice);
}

/* The first records of a group once more through their connector's converters and transforms. */
static void run_again(struct sl_dlq_run *run, struct sl_dlq_groups *groups, struct sl_dlq_group *g, const struct sl_dlq_item *it,
                      struct sl_arena *arena)
{
        const struct sl_dlq_lender *l = run->lenders && g->passed + g->failed < SAMPLE ? sl_dlq_lender_of(run->lenders, it) : NULL;
        struct sl_dlq_rerun again;
        if (!l)
                return;
        sl_arena_reset(arena);
        sl_dlq_rerun(l, it, arena, &again);
        if (!again.ran)
                return;
        g->passed += again.passed;
        g->failed += !again.passed;
        if (!again.passed && !g->now.ptr) {
                const char *text = sl_arena_printf(arena, "%s%s%s: %s", sl_stage_name(again.err.stage), again.step ? " " : "",
                                                   again.step ? again.step : "", again.err.msg);
                g->now = sl_dlq_groups_keep(groups, sl_str_c(text));
        }
}

int sl_dlq_cmd_explain(struct sl_dlq_run *run)
{
        struct sl_dlq_groups *groups = sl_dlq_groups_new();
        struct sl_dlq_scan *scan = NULL;
        struct sl_dlq_item *items;
        struct sl_arena arena = {0};
        struct sl_buf out = {0};
        uint32_t n = 1;
        int64_t seen = 0;
        bool full = false;
        enum sl_rc rc = sl_dlq_run_scan(run, &scan);
        while (rc == SL_OK && n && !full) {
                rc = sl_dlq_scan_next(scan, &items, &n, &run->err);
                for (uint32_t i = 0; rc == SL_OK && i < n && !(full = run->opts.limit && seen == run->opts.limit); i++, seen++)
                        run_again(run, groups, sl_dlq_groups_add(groups, &items[i]), &items[i], &arena);
        }
        if (rc == SL_OK) {
                const struct sl_dlq_group *g = sl_dlq_groups_sorted(groups, &n);
                for (uint32_t i = 0; i < n; i++)
                        run->opts.json ? explain_json(&g[i], &out) : explain_text(&g[i], &out);
                if (!n && !run->opts.json)
                        sl_buf_adds(&out, "0 records read, 0 groups\n"); /* as groups says it */
                fwrite(sl_buf_cstr(&out), 1, out.len, run->out);
        }
        sl_dlq_scan_close(scan);
        sl_dlq_groups_free(groups);
        sl_arena_free(&arena);
        sl_buf_free(&out);
        return rc == SL_OK ? SL_EXIT_OK : sl_dlq_failed(run);
}
