/* SPDX-License-Identifier: Apache-2.0 */
/* The program: picks the command. What each does is in cmd_*.c; the plugin arrays are handed down from here. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "cmd.h"
#include "convert/convert.h"

const struct sl_plugins sl_built_in = {
        .sources = sl_sources,
        .sinks = sl_sinks,
        .transforms = sl_transforms,
        .converters = sl_converters,
        .predicates = sl_predicates,
};

static const struct {
        const char *name;
        int (*run)(const struct sl_args *args);
        const char *usage, *text;
} commands[] = {
        {"worker", sl_cmd_worker, "worker worker.properties [connector.json or .properties ...] [--set key=value]",
         "run a worker: distributed when group.id is set, else standalone"},
        {"validate", sl_cmd_validate, "validate connector.json [--worker worker.properties] [--offline]",
         "check a connector config as PUT .../config/validate does; exit 3 when invalid"},
        {"transform", sl_cmd_transform, "transform connector.json [--explain] [--worker worker.properties] < records",
         "run a config's transforms and predicates over records, one JSON object a line"},
        {"plugins", sl_cmd_plugins, "plugins [--markdown NAME] [--worker worker.properties]",
         "list connectors, transforms and converters, or print the reference page of one"},
        {"version", sl_cmd_version, "version", "versions of the program and its libraries"},
        {"dlq", NULL, "dlq COMMAND --bootstrap-server B --topic T ...",
         "explain, repair, replay, quarantine the records of a dead-letter topic; sluice dlq --help lists the commands"},
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *out)
{
        fputs("usage: sluice COMMAND ...\n\n", out);
        for (size_t i = 0; i < NCOMMANDS; i++)
                fprintf(out, "  sluice %s\n      %s\n", commands[i].usage, commands[i].text);
        fputs("\noptions of all commands: --log-format text|json, --log-level off|fatal|error|warn|info|debug|trace\n"
              "exit codes: 0 done, 1 failed, 2 wrong usage, 3 invalid configuration, 4 a needed service can't be "
              "reached, "
              "75 try again\n",
              out);
}

/* A stack for every thread, librdkafka's and curl's too. glibc gives each 8 MB (ulimit -s), and a worker has some thirty threads:
 * a limit on data (RLIMIT_DATA, systemd's LimitDATA=) counts all of that, used or not. The deepest of ours are nested values, 200 levels
 * of a few hundred bytes, and Lua, whose parser nests 200 levels of about 1.5 KB: under 400 KB. PCRE2 keeps its
 * backtracking on the heap. Twice that is left for name services, TLS and plugins; the JVM gives its threads as much. Sanitizers' frames are
 * several times as large. */
#define STACK_BYTES ((size_t)1 << 20)

static void set_stacks(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        pthread_attr_t attr;
        if (pthread_attr_init(&attr) != 0)
                return;
        if (pthread_attr_setstacksize(&attr, STACK_BYTES) == 0)
                pthread_setattr_default_np(&attr); /* refused: threads keep the large ones */
        pthread_attr_destroy(&attr);
#endif
}

int main(int argc, char **argv)
{
        set_stacks();
        const char *name = argc > 1 ? argv[1] : "";
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
                usage(stdout);
                return SL_EXIT_OK;
        }
        if (strcmp(name, "--version") == 0)
                name = "version";
        for (size_t i = 0; i < NCOMMANDS; i++) {
                if (strcmp(commands[i].name, name) != 0)
                        continue;
                if (!commands[i].run) /* it has commands, and options, of its own */
                        return sl_cmd_dlq(argc - 2, argv + 2);
                struct sl_args args;
                char why[200];
                if (!sl_args_parse(argc - 2, argv + 2, &args, why, sizeof(why))) {
                        fprintf(stderr, "sluice: %s\nusage: sluice %s\n", why, commands[i].usage);
                        return SL_EXIT_USAGE;
                }
                if (args.help) {
                        printf("usage: sluice %s\n  %s\n", commands[i].usage, commands[i].text);
                        return SL_EXIT_OK;
                }
                sl_log_init(args.level, args.json_log);
                return commands[i].run(&args);
        }
        if (*name)
                fprintf(stderr, "sluice: unknown command %.100s\n\n", name);
        usage(stderr);
        return SL_EXIT_USAGE;
}
