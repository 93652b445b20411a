/* SPDX-License-Identifier: Apache-2.0 */
/* The program: picks the command. What each does is in cmd_*.c; the plugin arrays are handed down from here. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cmd.h"
#include "convert/convert.h"
#include "kafka/aside.h"

const struct sl_plugins sl_built_in = {
        .sources = sl_sources,
        .sinks = sl_sinks,
        .transforms = sl_transforms,
        .converters = sl_converters,
        .predicates = sl_predicates,
};

static void usage(FILE *out)
{
        fputs("usage: sluice COMMAND ...\n\n", out);
        for (const struct sl_command *c = sl_commands; c->name; c++)
                fprintf(out, "  sluice %s\n      %s\n", c->usage, c->text);
        fputs("\nsluice COMMAND --help lists the command's options.\noptions of all commands: --log-format text|json, --log-level off|fatal|error|warn|info|debug|trace\n"
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

static int run(const struct sl_command *command, int argc, char *const *argv)
{
        if (!command->run)
                return sl_cmd_dlq(argc, argv);
        struct sl_args args;
        char why[200];
        if (!sl_args_parse(command, argc, argv, &args, why, sizeof(why))) {
                fprintf(stderr, "sluice: %s\nusage: sluice %s\n", why, command->usage);
                return SL_EXIT_USAGE;
        }
        if (args.help) {
                sl_help_command(command);
                return SL_EXIT_OK;
        }
        sl_log_init(args.level, args.json_log);
        int code = command->run(&args);
        if (fflush(stdout) == 0 && !ferror(stdout))
                return code;
        fputs("sluice: the output could not be written\n", stderr);
        return code == SL_EXIT_OK ? SL_EXIT_FAILED : code;
}

/* help, help COMMAND, help dlq COMMAND */
static int help(int argc, char **argv)
{
        if (argc == 4 && strcmp(argv[2], "--write") == 0)
                return sl_help_write(argv[3]);
        if (argc > 2 && argv[2][0] == '-')
                argc = 2;
        for (const struct sl_command *c = sl_commands; argc > 2 && c->name; c++)
                if (strcmp(c->name, argv[2]) == 0)
                        return run(c, argc > 3 && !c->run ? 2 : 1, argc > 3 && !c->run ? (char *[]){argv[3], "--help"} : (char *[]){"--help"});
        if (argc > 2)
                fprintf(stderr, "sluice: unknown command %.100s\n\n", argv[2]);
        usage(argc > 2 ? stderr : stdout);
        return argc > 2 ? SL_EXIT_USAGE : SL_EXIT_OK;
}

/* exit() runs what libraries do at the end, which must not be under clients that have not ended yet. */
static int leave(int code)
{
        if (!sl_kafka_wait_aside(SL_KAFKA_ASIDE_MS)) {
                fflush(NULL);
                _exit(code);
        }
        return code;
}

int main(int argc, char **argv)
{
        set_stacks();
        const char *name = argc > 1 ? argv[1] : "";
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
                return help(argc, argv);
        if (strcmp(name, "--version") == 0)
                name = "version";
        for (const struct sl_command *c = sl_commands; c->name; c++)
                if (strcmp(c->name, name) == 0)
                        return leave(run(c, argc - 2, argv + 2));
        if (*name)
                fprintf(stderr, "sluice: unknown command %.100s\n\n", name);
        usage(stderr);
        return SL_EXIT_USAGE;
}
