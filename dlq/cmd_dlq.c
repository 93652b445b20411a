/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice dlq`: picks the command, and makes what all of them need: the options, a connection to the brokers, the rules. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "dlq/act.h"
#include "dlq/cmd_lend.h"
#include "dlq/decode.h"
#include "dlq/origin.h"

static const struct sl_dlq_command {
        const char *name;
        enum sl_dlq_cmd cmd;
        int (*run)(struct sl_dlq_run *run);
        const char *text;
} commands[] = {
        {"groups", SL_DLQ_GROUPS, sl_dlq_cmd_groups, "records that failed for the same reason, counted: begin here"},
        {"list", SL_DLQ_LIST, sl_dlq_cmd_list, "the records, one a line"},
        {"show", SL_DLQ_SHOW, sl_dlq_cmd_show, "records with all that is known: headers, bytes, evidence"},
        {"explain", SL_DLQ_EXPLAIN, sl_dlq_cmd_explain,
         "what to do about each group; with --connect the converters and transforms run again and the step that fails now is told"},
        {"replay", SL_DLQ_REPLAY, sl_dlq_cmd_replay, "send them again, each once: says what would go where; --apply does it"},
        {"quarantine", SL_DLQ_QUARANTINE, sl_dlq_cmd_quarantine, "put them aside, with what is known of them: no replay takes them"},
        {"release", SL_DLQ_RELEASE, sl_dlq_cmd_release, "take back a quarantine or a discard: replays take them again"},
        {"discard", SL_DLQ_DISCARD, sl_dlq_cmd_discard, "close them without a replay; they stay in the topic"},
        {"stats", SL_DLQ_STATS, sl_dlq_cmd_stats, "how many of which class, partitions, ages, what retention will take when"},
        {"export", SL_DLQ_EXPORT, sl_dlq_cmd_export, "the records with their bytes as JSON lines, to keep or to hand on"},
};
#define ASK_MS 10000
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

bool sl_dlq_commands_at(size_t i, const char **ret_name, const char **ret_text, enum sl_dlq_cmd *ret_cmd)
{
        if (i >= NCOMMANDS)
                return false;
        *ret_name = commands[i].name;
        *ret_text = commands[i].text;
        *ret_cmd = commands[i].cmd;
        return true;
}

static struct sl_dlq_run *running; /* for the signal handler */

static void on_signal(int sig)
{
        if (atomic_exchange(&running->stop, true)) /* the second time */
                _exit(128 + sig);
}

static void usage(FILE *out)
{
        fputs("usage: sluice dlq COMMAND --bootstrap-server B --topic T [options]\n\n", out);
        for (size_t i = 0; i < NCOMMANDS; i++)
                fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].text);
        fputs("\nsluice dlq COMMAND --help shows its options. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 invalid\n"
              "configuration, 4 a needed service can't be reached, 75 try again.\n",
              out);
}

static int help(const struct sl_dlq_command *c)
{
        struct sl_buf text = {0};
        sl_dlq_opts_help(c->cmd, &text);
        printf("usage: sluice dlq %s --bootstrap-server B --topic T [options]\n  %s\n\n%s", c->name, c->text,
               sl_buf_cstr(&text));
        sl_buf_free(&text);
        return SL_EXIT_OK;
}

enum sl_rc sl_dlq_bad_file(struct sl_err *err)
{
        struct sl_err why = *err;
        *err = (struct sl_err){0};
        return sl_fail(err, SL_E_CONFIG, "%s", why.msg);
}

int sl_dlq_failed(struct sl_dlq_run *run)
{
        if (run->err.id == SL_E_STOPPED && atomic_load(&run->stop)) {
                if (run->opts.apply && run->say == stderr)
                        fputs("sluice: interrupted; what was committed stands, and the same command line goes on with the rest\n", stderr);
                return 128 + SIGINT;
        }
        fprintf(run->say, "sluice: %s\n", run->err.msg);
        switch ((int)run->err.id) {
        case SL_E_KAFKA_UNREACHABLE:
        case SL_E_HTTP_UNREACHABLE:
        case SL_E_REGISTRY_UNREACHABLE:
                return SL_EXIT_UNREACHABLE;
        case SL_E_CONFIG:
        case SL_E_CONFIG_PROVIDER:
        case SL_E_JSON:
                return SL_EXIT_CONFIG;
        case SL_E_KAFKA_FENCED:
                return SL_EXIT_AGAIN;
        default:
                return SL_EXIT_FAILED;
        }
}

/* Below this confidence a second run says more than the headers do. */
#define UNSURE 50

void sl_dlq_run_improve(void *arg, struct sl_dlq_item *it, struct sl_arena *arena)
{
        struct sl_dlq_run *run = arg;
        if (run->found)
                sl_dlq_origin_apply(run->found, it);
        if (it->confidence >= UNSURE)
                return;
        const struct sl_dlq_lender *l = run->lenders ? sl_dlq_lender_of(run->lenders, it) : NULL;
        struct sl_dlq_rerun again;
        if (l) {
                sl_dlq_rerun(l, it, arena, &again);
                sl_dlq_rerun_judge(it, &again, UNSURE, arena);
        } else if (run->found) {
                sl_dlq_origin_judge(run->found, it, arena);
        }
}

/* One that a person named: a wrong name would leave everything unresolved without a word. */
static enum sl_rc is_there(struct sl_dlq_run *run, const char *topic, const char *option)
{
        int32_t n = 0;
        SL_TRY(sl_admin_topic_partitions(run->admin, topic, ASK_MS, &n, &run->err));
        return n > 0 ? SL_OK : sl_fail(&run->err, SL_E_CONFIG, "There is no topic %s to search for origins (%s)", topic, option);
}

/* The topics that records without origin may come from: --source, those of --connect's connectors, the name's. */
static enum sl_rc find_origins(struct sl_dlq_run *run, const struct sl_dlq_scan_opts *scan)
{
        const char *topics[SL_DLQ_LENT_TOPICS + 3];
        char named[250];
        size_t n = sl_dlq_lenders_topics(run->lenders, topics), k = 0;
        while (run->opts.source && k < n && strcmp(topics[k], run->opts.source) != 0)
                k++;
        if (run->opts.source && k == n) {
                SL_TRY(is_there(run, run->opts.source, "--source"));
                topics[n++] = run->opts.source;
        }
        if (run->opts.find_origin) {
                if (!sl_dlq_named_after(run->opts.topic, named, sizeof(named)))
                        return sl_fail(&run->err, SL_E_CONFIG, "%s is not named after a topic: say where its records come from with --source",
                                       run->opts.topic);
                SL_TRY(is_there(run, named, "--find-origin"));
                topics[n++] = named;
        }
        topics[n] = NULL;
        return n ? sl_dlq_origin_search(scan, topics, true, &run->found, &run->err) : SL_OK;
}

enum sl_rc sl_dlq_run_opts(struct sl_dlq_run *run, struct sl_dlq_scan_opts *ret)
{
        *ret = (struct sl_dlq_scan_opts){.cfg = run->kafka,
                                         .admin = run->admin,
                                         .topic = run->opts.topic,
                                         .filter = &run->opts.filter,
                                         .rules = run->rules,
                                         .stop = &run->stop,
                                         .decode = run->decode};
        if ((run->opts.connect || run->herder) && !run->lenders)
                SL_TRY(sl_dlq_lenders_open(run, &run->lenders, &run->err));
        if (!run->found) {
                /* All records, whatever their class: that may change by the second run. */
                struct sl_dlq_filter all = {.range_count = run->opts.filter.range_count};
                memcpy(all.ranges, run->opts.filter.ranges, sizeof(all.ranges));
                struct sl_dlq_scan_opts search = *ret;
                search.filter = &all;
                SL_TRY(find_origins(run, &search));
        }
        ret->improve = run->lenders || run->found ? sl_dlq_run_improve : NULL;
        ret->improve_arg = run;
        return SL_OK;
}

enum sl_rc sl_dlq_run_scan(struct sl_dlq_run *run, struct sl_dlq_scan **ret)
{
        struct sl_dlq_scan_opts opts;
        SL_TRY(sl_dlq_run_opts(run, &opts));
        return sl_dlq_scan_open(&opts, ret, &run->err);
}

struct plugin_cfg {
        struct sl_cfg_list path;
};
static const struct sl_cfg_def plugin_rows[] = {{SL_CFG_LIST(struct plugin_cfg, path, "plugin.path")}, {0}};

static enum sl_rc load_plugins(struct sl_dlq_run *run, struct sl_err *err)
{
        struct sl_cfg_report report = {0};
        struct plugin_cfg cfg = {0};
        struct sl_arena arena;
        enum sl_rc rc = SL_OK;
        sl_arena_init(&arena, 0);
        sl_cfg_parse(plugin_rows, &run->opts.client, &cfg, &arena, &report);
        sl_plugin_set_load(&run->loaded, &sl_built_in, &cfg.path, &report);
        for (uint32_t i = 0; i < report.count && rc == SL_OK; i++)
                if (!report.findings[i].warning)
                        rc = sl_fail(err, SL_E_CONFIG, "%s", report.findings[i].text);
        run->plugins = &run->loaded.all;
        sl_cfg_report_free(&report);
        sl_arena_free(&arena);
        return rc;
}

static enum sl_rc load_rules(struct sl_dlq_run *run, struct sl_err *err)
{
        const char *rules = run->opts.rules;
        return sl_dlq_inline(rules) ? sl_dlq_rules_parse(sl_str_c(rules), &run->rules, err) : sl_dlq_rules_load(rules, &run->rules, err);
}

static enum sl_rc connect(struct sl_dlq_run *run)
{
        struct sl_err *err = &run->err;
        if (!run->plugins)
                SL_TRY(load_plugins(run, err));
        if (run->opts.rules && load_rules(run, err) != SL_OK)
                return sl_dlq_bad_file(err);
        SL_TRY(sl_dlq_decode_new(&run->opts.client, &run->decode, err));
        run->kafka.worker = &run->opts.client;
        SL_TRY(sl_admin_new(&run->kafka, "sluice-dlq-admin", &run->admin, err));
        return sl_admin_ping(run->admin, ASK_MS, NULL, err);
}

static const struct sl_dlq_command *find_command(const char *name)
{
        for (size_t i = 0; i < NCOMMANDS; i++)
                if (strcmp(commands[i].name, name) == 0)
                        return &commands[i];
        return NULL;
}

bool sl_dlq_run_parse(struct sl_dlq_run *run, const char *command, char *why, size_t n)
{
        run->command = command;
        run->out = stdout;
        run->say = stderr;
        return sl_dlq_opts_parse(find_command(command)->cmd, run->argc, run->argv, &run->opts, why, n);
}

int sl_dlq_run_connect(struct sl_dlq_run *run)
{
        return connect(run) == SL_OK ? SL_EXIT_OK : sl_dlq_failed(run);
}

/* Until whoever asks next, for a plan or for the job, sees what the last transaction says. */
static void await_ledger(struct sl_dlq_run *run)
{
        const char *ledger = sl_dlq_act_topic(&run->opts.client, SL_DLQ_LEDGER_KEY, SL_DLQ_LEDGER_TOPIC);
        struct sl_err ignored = {0};
        int32_t partitions;
        if (sl_admin_topic_partitions(run->admin, ledger, ASK_MS, &partitions, &ignored) == SL_OK)
                sl_dlq_await_readers(run->admin, ledger, partitions);
}

int sl_dlq_run_command(struct sl_dlq_run *run)
{
        const struct sl_dlq_command *c = find_command(run->command);
        bool writes = c->cmd == SL_DLQ_REPLAY ? run->opts.apply
                                              : (c->cmd & (SL_DLQ_QUARANTINE | SL_DLQ_RELEASE | SL_DLQ_DISCARD)) && !run->opts.dry_run;
        int code = c->run(run);
        if (writes && code != SL_EXIT_UNREACHABLE)
                await_ledger(run);
        if (fflush(run->out) != 0 && code == SL_EXIT_OK) {
                fprintf(run->say, "sluice: the output could not be written: %s\n", strerror(errno));
                code = SL_EXIT_FAILED;
        }
        return code;
}

void sl_dlq_run_free(struct sl_dlq_run *run)
{
        sl_dlq_lenders_free(run->lenders);
        sl_dlq_found_free(run->found);
        sl_dlq_decode_free(run->decode);
        sl_admin_free(run->admin);
        sl_dlq_rules_free(run->rules);
        sl_dlq_opts_free(&run->opts);
        sl_plugin_set_free(&run->loaded);
}

static int run_here(const struct sl_dlq_command *c, int argc, char *const *argv)
{
        struct sl_dlq_run run = {.argc = argc, .argv = argv};
        char why[600];
        int code = SL_EXIT_USAGE;
        bool good = sl_dlq_run_parse(&run, c->name, why, sizeof(why));
        if (good && run.opts.help) {
                code = help(c);
        } else if (run.opts.bad_config) {
                fprintf(stderr, "sluice: %s\n", why);
                code = SL_EXIT_CONFIG;
        } else if (!good) {
                fprintf(stderr, "sluice: %s\nusage: sluice dlq %s --bootstrap-server B --topic T [options]; --help lists them\n",
                        why, c->name);
        } else {
                struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND}; /* the second one ends it at once */
                if (c->cmd != SL_DLQ_REPLAY) /* which reads first and writes then: what it kept from the one it would not use for the other */
                        sl_malloc_keep();
                sl_log_init(run.opts.level, run.opts.json_log);
                running = &run;
                sigaction(SIGINT, &action, NULL);
                sigaction(SIGTERM, &action, NULL);
                code = sl_dlq_run_connect(&run);
                if (code == SL_EXIT_OK)
                        code = sl_dlq_run_command(&run);
        }
        sl_dlq_run_free(&run);
        return code;
}

int sl_cmd_dlq(int argc, char *const *argv)
{
        const char *name = argc > 0 ? argv[0] : "";
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
                usage(stdout);
                return SL_EXIT_OK;
        }
        const struct sl_dlq_command *c = find_command(name);
        if (c)
                return run_here(c, argc - 1, argv + 1);
        if (*name)
                fprintf(stderr, "sluice: there is no command dlq %.100s\n\n", name);
        usage(stderr);
        return SL_EXIT_USAGE;
}
