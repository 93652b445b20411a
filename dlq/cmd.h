/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of `sluice dlq`: layer 4, linked into the program (dlq/cmd_*.c). Each returns the program's exit code; results go to
 * run->out, with --json one object a line. cmd_dlq.c has the table and makes what they share; the worker's REST (cmd_rest.c) runs the
 * same commands with other streams. */
#ifndef SL_DLQ_CMD_H
#define SL_DLQ_CMD_H
#include <stdatomic.h>
#include <stdio.h>
#include "cluster/plugload.h"
#include "worker/cmd.h"
#include "dlq/opts.h"
#include "dlq/rules.h"
#include "dlq/scan.h"

struct sl_dlq_decode;
struct sl_dlq_lenders;
struct sl_dlq_found;
struct sl_herder;
struct sl_dlq_run {
        const char *command;           /* "replay" */
        int argc;
        char *const *argv;             /* as typed, behind the command's name: a job is known by it */
        FILE *out, *say;               /* results, and what is said to people: standard output and error of the commands */
        const struct sl_plugins *plugins; /* for transforms; NULL = built in, and what plugin.path in --command-config has */
        struct sl_plugin_set loaded;
        struct sl_herder *herder;      /* --connect is the worker that runs this; NULL = another one */
        void (*progress)(void *arg, uint64_t replayed); /* of a replay, after each commit; NULL = on a terminal */
        void *progress_arg;
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
/* Parse argv as options of the command of that name; run is zeroed but for argc and argv. False: wrong usage, why (n bytes) says it. */
bool sl_dlq_run_parse(struct sl_dlq_run *run, const char *command, char *why, size_t n);
/* Read the rules and connect; then run the command. Exit codes. */
int sl_dlq_run_connect(struct sl_dlq_run *run);
int sl_dlq_run_command(struct sl_dlq_run *run);
void sl_dlq_run_free(struct sl_dlq_run *run); /* accepts a zeroed struct; argv and the streams are the caller's */
/* Print run->err to run->say; its exit code: SL_EXIT_UNREACHABLE, SL_EXIT_CONFIG or SL_EXIT_FAILED. */
int sl_dlq_failed(struct sl_dlq_run *run);
/* A file that the command line names and that can't be read: its configuration is wrong. err has the reason, and keeps it. */
enum sl_rc sl_dlq_bad_file(struct sl_err *err);
/* What a scan of --topic with the options' filter and rules is opened with; its improve finds origins and runs records again as the
 * options say. The first call makes ready for that: it asks --connect's worker and searches origins. */
enum sl_rc sl_dlq_run_opts(struct sl_dlq_run *run, struct sl_dlq_scan_opts *ret);
enum sl_rc sl_dlq_run_scan(struct sl_dlq_run *run, struct sl_dlq_scan **ret);

/* arg: the run. The improve of a scan; needs found and lenders only. */
void sl_dlq_run_improve(void *run, struct sl_dlq_item *it, struct sl_arena *arena);
/* The dead-letter connectors of this worker may use its herder. Once; tasks may run already. */
void sl_dlq_assist_start(struct sl_herder *herder);

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
