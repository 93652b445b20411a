/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of `sluice dlq`: layer 4, linked into the program (dlq/cmd_*.c). Each returns the program's exit code; results go to
 * standard output, with --json one object a line. cmd_dlq.c has the table and makes what they share. */
#ifndef SL_DLQ_CMD_H
#define SL_DLQ_CMD_H
#include "cmd.h"
#include "dlq/opts.h"
#include "dlq/rules.h"
#include "dlq/scan.h"

struct sl_dlq_run {
        const char *command;           /* "replay" */
        int argc;
        char *const *argv;             /* as typed, behind the command's name: a job is known by it */
        struct sl_dlq_opts opts;
        struct sl_kafka_cfg kafka;     /* .worker = &opts.client */
        struct sl_admin *admin;        /* connected */
        struct sl_dlq_rules *rules;    /* NULL = none */
        atomic_bool stop;              /* SIGINT or SIGTERM came */
        struct sl_err err;             /* of a command that returns sl_dlq_failed */
};
/* Print run->err to standard error; its exit code: SL_EXIT_UNREACHABLE, SL_EXIT_CONFIG or SL_EXIT_FAILED. */
int sl_dlq_failed(struct sl_dlq_run *run);
/* A scan of --topic with the options' filter and rules. */
enum sl_rc sl_dlq_run_scan(struct sl_dlq_run *run, struct sl_dlq_scan **ret);

int sl_dlq_cmd_groups(struct sl_dlq_run *run);
int sl_dlq_cmd_list(struct sl_dlq_run *run);
int sl_dlq_cmd_show(struct sl_dlq_run *run);
int sl_dlq_cmd_explain(struct sl_dlq_run *run);
int sl_dlq_cmd_export(struct sl_dlq_run *run);
int sl_dlq_cmd_stats(struct sl_dlq_run *run);
#endif
