/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of `sluice dlq`: layer 4, linked into the program (dlq/cmd_*.c). Each returns the program's exit code; results go to
 * standard output, with --json one object a line. cmd_dlq.c has the table and makes what they share. */
#ifndef SL_DLQ_CMD_H
#define SL_DLQ_CMD_H
#include "worker/cmd.h"
#include "dlq/opts.h"
#include "dlq/rules.h"
#include "dlq/scan.h"

struct sl_dlq_decode;
struct sl_dlq_lenders;
struct sl_dlq_found;
struct sl_dlq_run {
        const char *command;           /* "replay" */
        int argc;
        char *const *argv;             /* as typed, behind the command's name: a job is known by it */
        struct sl_dlq_opts opts;
        struct sl_kafka_cfg kafka;     /* .worker = &opts.client */
        struct sl_admin *admin;        /* connected */
        struct sl_dlq_rules *rules;    /* NULL = none */
        atomic_bool stop;              /* SIGINT or SIGTERM came */
        struct sl_dlq_lenders *lenders; /* --connect; NULL = none */
        struct sl_dlq_found *found;    /* origins that were searched; NULL = not asked for */
        struct sl_dlq_decode *decode;  /* of schema.registry.url in --command-config; NULL = not given */
        struct sl_err err;             /* of a command that returns sl_dlq_failed */
};
/* Print run->err to standard error; its exit code: SL_EXIT_UNREACHABLE, SL_EXIT_CONFIG or SL_EXIT_FAILED. */
int sl_dlq_failed(struct sl_dlq_run *run);
/* What a scan of --topic with the options' filter and rules is opened with; its improve finds origins and runs records again as the
 * options say. The first call makes ready for that: it asks --connect's worker and searches origins. */
enum sl_rc sl_dlq_run_opts(struct sl_dlq_run *run, struct sl_dlq_scan_opts *ret);
enum sl_rc sl_dlq_run_scan(struct sl_dlq_run *run, struct sl_dlq_scan **ret);

/* The i-th command in the order of the help; false behind the last. */
bool sl_dlq_commands_at(size_t i, const char **ret_name, const char **ret_text, enum sl_dlq_cmd *ret_cmd);

int sl_dlq_cmd_groups(struct sl_dlq_run *run);
int sl_dlq_cmd_list(struct sl_dlq_run *run);
int sl_dlq_cmd_show(struct sl_dlq_run *run);
int sl_dlq_cmd_explain(struct sl_dlq_run *run);
int sl_dlq_cmd_export(struct sl_dlq_run *run);
int sl_dlq_cmd_stats(struct sl_dlq_run *run);
int sl_dlq_cmd_replay(struct sl_dlq_run *run);
int sl_dlq_cmd_quarantine(struct sl_dlq_run *run);
int sl_dlq_cmd_release(struct sl_dlq_run *run);
int sl_dlq_cmd_discard(struct sl_dlq_run *run);
#endif
