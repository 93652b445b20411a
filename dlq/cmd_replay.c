/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice dlq replay`: the plan, or with --apply the job. A fault that may pass opens everything again and goes on from
 * what the ledger says; it never asks. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "cluster/connfile.h"
#include "cluster/validate.h"
#include "dlq/cmd.h"
#include "dlq/cmd_lend.h"
#include "dlq/print.h"
#include "dlq/replay.h"
#include "pipeline/replayed.h"

#define TRIES 5
#define PAUSE_S 1
#define PROGRESS_MS 500

static void show_progress(void *arg, uint64_t replayed)
{
        int64_t *last = arg, now = sl_mono_ms();
        if (now - *last < PROGRESS_MS)
                return;
        *last = now;
        fprintf(stderr, "\r%lu records replayed", replayed);
}

/* What comes from records may hold anything, and stands on a terminal. */
static const char *tame(struct sl_buf *own, const char *text)
{
        sl_buf_clear(own);
        sl_dlq_one_line(own, sl_str_c(text ? text : "nothing"), 600);
        return sl_buf_cstr(own);
}

static void print_plan(const struct sl_dlq_run *run, const struct sl_dlq_job *job, const struct sl_dlq_plan *plan)
{
        const struct sl_dlq_counts *c = &job->counts;
        sl_auto_json *targets = sl_dlq_counts_json(c);
        struct sl_buf text[3] = {0};
        const json_t *t;
        size_t i;

        fprintf(run->out, "%s %lu of %lu records (%lu repaired); %lu duplicates, %lu obsolete, %lu left\n",
               run->opts.apply ? "replayed" : "would replay", c->replay, plan->selected, c->repaired,
               c->duplicates + plan->open_duplicates, c->obsolete, plan->left);
        json_array_foreach(targets, i, t)
                fprintf(run->out, "  to %s-%lld: %lld\n", sl_json_str(t, "topic"), (long long)sl_json_int(t, "partition", 0),
                       (long long)sl_json_int(t, "count", 0));
        for (uint32_t k = 0; k < plan->shape_count; k++)
                if (plan->shapes[k].count)
                        fprintf(run->out, "  left %lu: %s (as %s-%d@%ld)\n", plan->shapes[k].count, tame(&text[0], plan->shapes[k].text),
                               run->opts.topic, plan->shapes[k].partition, plan->shapes[k].offset);
        for (i = 0; i < json_array_size(plan->changes); i++) {
                t = json_array_get(plan->changes, i);
                fprintf(run->out, "  %s: %lld (%s -> %s)\n", tame(&text[0], sl_json_str(t, "change")), (long long)sl_json_int(t, "count", 0),
                        tame(&text[1], sl_json_str(t, "before")), tame(&text[2], sl_json_str(t, "after")));
        }
        if (plan->held)
                fprintf(run->out, "  held back %lu: an older record of their key is left\n", plan->held);
        if (plan->earlier)
                fprintf(run->out, "  not looked at: %lu open ones that stood there when this job last finished (left, over its limit, or released "
                        "since); another filter, as --offsets 0,1, makes another job of them\n", plan->earlier);
        if (plan->returned)
                fprintf(run->out, "  %lu of them came back to %s already\n", plan->returned, run->opts.topic);
        if (plan->expired)
                fprintf(run->out, "  %lu are older than their topic keeps records (retention.ms): brokers delete them again "
                       "soon\n",
                       plan->expired);
        if (job->blocked)
                fprintf(run->out, "  %ld offsets lie behind an open transaction and were not read\n", job->blocked);
        fprintf(run->out, "job %s%s\n", job->id, run->opts.apply ? "" : "; --apply does it");
        for (i = 0; i < 3; i++)
                sl_buf_free(&text[i]);
}

static void print(struct sl_dlq_run *run, const struct sl_dlq_job *job, const struct sl_dlq_plan *plan)
{
        struct sl_buf text = {0};
        if (!run->opts.json) {
                print_plan(run, job, plan);
                return;
        }
        sl_auto_json *obj = sl_dlq_plan_json(plan, job, run->opts.apply);
        sl_json_dump(obj, &text);
        fprintf(run->out, "%s\n", sl_buf_cstr(&text));
        sl_buf_free(&text);
}

/* Could the same pass by itself? */
static bool may_pass(const struct sl_dlq_run *run)
{
        return run->err.rc == SL_TRANSIENT && run->err.id != SL_E_KAFKA_FENCED && run->err.id != SL_E_STOPPED;
}

/* A topic that takes less than a full batch: the same with batches that it takes. Slower, so only where it is needed. */
static bool smaller_batches(const struct sl_dlq_run *run, struct sl_dlq_replay_opts *opts, int64_t room)
{
        if (run->err.id != SL_E_TOO_LARGE || opts->batch_bytes || !room || room > INT32_MAX)
                return false;
        opts->batch_bytes = room;
        return true;
}

static void pause_s(void)
{
        nanosleep(&(struct timespec){.tv_sec = PAUSE_S}, NULL);
}

/* Was the failed try's end committed after all? */
static bool has_ended(struct sl_dlq_run *run, const struct sl_dlq_replay_opts *opts, const struct sl_dlq_job *job)
{
        bool ended = false;
        for (int i = 1; i < TRIES && may_pass(run) && !atomic_load(&run->stop); i++) {
                struct sl_err why = {0};
                if (sl_dlq_replay_ended(opts, job, &ended, &why) == SL_OK)
                        return ended;
                pause_s();
        }
        return false;
}

static enum sl_rc replay(struct sl_dlq_run *run, struct sl_dlq_replay_opts *opts, struct sl_chain *chain,
                         bool *ret_again)
{
        struct sl_dlq_job job = {0};
        struct sl_dlq_plan plan = {0};

        sl_err_clear(&run->err);
        enum sl_rc rc = sl_dlq_run_opts(run, &opts->scan);
        if (rc == SL_OK)
                rc = sl_dlq_job_id(run->opts.topic, run->command, run->argc, run->argv, &job, &run->err);
        if (rc == SL_OK && sl_dlq_repair_wanted(&run->opts))
                rc = sl_dlq_repair_new(&run->opts, chain, &opts->repair, &run->err);
        if (rc == SL_OK)
                rc = sl_dlq_replay(opts, &job, &plan, &run->err);
        if (rc != SL_OK && has_ended(run, opts, &job)) {
                sl_err_clear(&run->err);
                rc = SL_OK;
        }
        sl_dlq_repair_free(opts->repair);
        opts->repair = NULL;
        if (opts->progress == show_progress)
                fputc('\n', stderr);
        if (rc != SL_OK)
                *ret_again = may_pass(run) || smaller_batches(run, opts, plan.room);
        if (rc == SL_OK)
                print(run, &job, &plan);
        sl_dlq_plan_free(&plan);
        sl_dlq_job_free(&job);
        return rc;
}

/* own: room for the name of a connector's replay topic. */
static bool read_target(const struct sl_dlq_run *run, struct sl_dlq_replay_opts *opts, struct sl_buf *own)
{
        const char *to = run->opts.to;
        if (to && strncmp(to, "topic:", 6) == 0)
                opts->target_topic = to + 6;
        if (to && strncmp(to, "connector:", 10) == 0) {
                opts->target_connector = to + 10;
                sl_replay_topic(opts->target_connector, own);
                opts->target_topic = sl_buf_cstr(own);
        }
        if (!opts->target_topic || strcmp(opts->target_topic, run->opts.topic) != 0)
                return true;
        fprintf(run->say, "sluice: %s is the dead-letter topic itself\n", to);
        return false;
}

/* A config that stands in the option itself. */
static enum sl_rc from_text(const char *text, struct sl_props *ret, struct sl_err *err)
{
        sl_auto_json *obj = NULL;
        enum sl_rc rc = sl_json_parse(sl_str_c(text), &obj, err);
        if (rc == SL_OK)
                rc = sl_props_from_json(ret, obj, err);
        if (rc != SL_OK)
                sl_err_prefix(err, "--transforms");
        return rc;
}

/* The chain of --transforms: a connector's config, or only its transforms. */
static enum sl_rc open_transforms(struct sl_dlq_run *run, struct sl_chain **ret)
{
        struct sl_herder_initial file = {0};
        struct sl_props none = {0};
        struct sl_validation v = {0};
        struct sl_providers *providers = NULL;
        struct sl_err *err = &run->err;

        enum sl_rc rc = sl_dlq_inline(run->opts.transforms) ? from_text(run->opts.transforms, &file.config, err)
                                                            : sl_connfile_load(run->opts.transforms, &file, err);
        if (rc != SL_OK)
                rc = sl_dlq_bad_file(err);
        if (rc == SL_OK && !sl_props_get(&file.config, "transforms")) /* nothing would be changed, and nobody would know */
                rc = sl_fail(err, SL_E_CONFIG, "--transforms: there is no key \"transforms\" that lists them");
        if (rc == SL_OK)
                rc = sl_providers_new(&none, &providers, err);
        if (rc == SL_OK && !sl_props_get(&file.config, "connector.class"))
                sl_props_set(&file.config, "connector.class", "file-sink"); /* dead letters are a sink's */
        struct sl_validate_opts opts = {.plugins = run->plugins, .offline = true, .providers = providers};
        bool refused = rc == SL_OK && sl_validate_chain(&opts, &file.config, &v) != SL_OK;
        for (uint32_t i = 0; i < v.report.count; i++) {
                const char *text = v.report.findings[i].text;
                if (!v.report.findings[i].warning && refused && rc == SL_OK) /* the first one is what REST answers */
                        rc = sl_fail(err, SL_E_CONFIG, "%s: %s", sl_dlq_inline(run->opts.transforms) ? "--transforms" : run->opts.transforms, text);
                else if (!v.report.findings[i].warning)
                        fprintf(run->say, "sluice: %s\n", text);
        }
        if (refused && rc == SL_OK)
                rc = sl_fail(err, SL_E_CONFIG, "the transforms are refused");
        if (rc == SL_OK)
                rc = sl_chain_new(run->plugins, &v.resolved, &v.common, ret, err);
        sl_validation_free(&v);
        sl_providers_free(providers);
        sl_connfile_free(&file);
        return rc;
}

int sl_dlq_cmd_replay(struct sl_dlq_run *run)
{
        int64_t last = 0;
        struct sl_dlq_replay_opts opts = {.apply = run->opts.apply,
                                          .force = run->opts.force,
                                          .keep_order = run->opts.keep_order,
                                          .rate = run->opts.rate,
                                          .rate_bytes = run->opts.rate_bytes,
                                          .canary = run->opts.canary,
                                          .canary_ms = run->opts.canary_ms,
                                          .max_failures = run->opts.max_failures,
                                          .limit = run->opts.limit,
                                          .reason = run->opts.reason,
                                          .progress = run->progress,
                                          .progress_arg = run->progress_arg};
        struct sl_chain *chain = NULL;
        if (!opts.progress && opts.apply && run->say == stderr && isatty(STDERR_FILENO)) {
                opts.progress = show_progress;
                opts.progress_arg = &last;
        }
        struct sl_buf own = {0};
        if (!read_target(run, &opts, &own)) {
                sl_buf_free(&own);
                return SL_EXIT_USAGE;
        }
        enum sl_rc rc = SL_OK;
        if (opts.target_connector && (run->opts.connect || run->herder))
                rc = sl_dlq_check_target(run, opts.target_connector, &run->err);
        if (rc == SL_OK && run->opts.transforms)
                rc = open_transforms(run, &chain);
        for (int i = 1; rc == SL_OK; i++) {
                bool again = false;
                if (replay(run, &opts, chain, &again) == SL_OK)
                        break;
                /* The registry's client has tried for a while; who asks for a plan sits in front of it. */
                bool asks = !opts.apply && run->err.id == SL_E_REGISTRY_UNREACHABLE;
                if (!again || asks || i == TRIES || atomic_load(&run->stop)) {
                        rc = run->err.rc;
                        break;
                }
                fprintf(run->say, "sluice: %s; %s\n", run->err.msg, opts.apply ? "going on from what has been done" : "beginning again");
                pause_s();
        }
        sl_chain_free(chain);
        sl_buf_free(&own);
        if (rc == SL_OK)
                return SL_EXIT_OK;
        if (run->err.id != SL_E_KAFKA_FENCED)
                return sl_dlq_failed(run);
        fprintf(run->say,
                "sluice: another process began to replay, quarantine, release or discard records of %s, which ended "
                "this one; "
                "what it had committed stands. Run it again when that one has ended.\n",
                run->opts.topic);
        return SL_EXIT_AGAIN;
}
