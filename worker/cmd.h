/* SPDX-License-Identifier: Apache-2.0 */
/* The program's commands. Each returns the exit code: 0 done, 1 failed, 2 wrong usage, 3 invalid configuration, 4 a
 * needed service can't be reached, 75 try again. Logs go to standard error, results to standard output. */
#ifndef SL_CMD_H
#define SL_CMD_H
#include "base/log.h"
#include "cluster/plugload.h"

enum { SL_EXIT_OK = 0, SL_EXIT_FAILED = 1, SL_EXIT_USAGE = 2, SL_EXIT_CONFIG = 3, SL_EXIT_UNREACHABLE = 4, SL_EXIT_AGAIN = 75 };

#define SL_ARGS_MAX 64
struct sl_args {
        const char *files[SL_ARGS_MAX + 1]; /* what is no option, NULL-terminated */
        size_t nfiles;
        const char *sets[SL_ARGS_MAX + 1]; /* --set key=value, NULL-terminated */
        size_t nsets;
        const char *markdown; /* --markdown NAME */
        const char *worker;   /* --worker worker.properties */
        bool offline;         /* --offline */
        bool explain;         /* --explain */
        bool help;
        bool json_log;           /* --log-format json */
        enum sl_log_level level; /* --log-level */
};
/* The commands, in the order of the help; ends with a zeroed row. */
struct sl_command {
        const char *name;
        int (*run)(const struct sl_args *args); /* NULL: dlq, which has commands and options of its own */
        const char *usage, *text;
        unsigned bit; /* in sl_option.commands */
};
extern const struct sl_command sl_commands[];

struct sl_option {
        const char *name, *value; /* value: what stands for it in the help; NULL = takes none */
        const char *text;
        unsigned commands;
};
/* The options of the commands but dlq's, in the order of the help; ends with a zeroed row. */
extern const struct sl_option sl_options[];
/* Options may stand anywhere, as --name value or --name=value; one that this command does not take is refused. On failure a sentence
 * is in why (at most n bytes). */
bool sl_args_parse(const struct sl_command *command, int argc, char *const *argv, struct sl_args *ret, char *why, size_t n);

extern const struct sl_plugins sl_built_in;
/* The built-in plugins, and those of the plugin.path of --worker's properties; what is refused is said on standard error, and the
 * answer is false. Free set with sl_plugin_set_free. */
bool sl_cmd_load_plugins(const struct sl_args *args, struct sl_plugin_set *set);

int sl_cmd_worker(const struct sl_args *args);
int sl_cmd_validate(const struct sl_args *args);
int sl_cmd_plugins(const struct sl_args *args);
int sl_cmd_transform(const struct sl_args *args);
int sl_cmd_version(const struct sl_args *args);
/* One command's usage and options on standard output. */
void sl_help_command(const struct sl_command *command);
/* `sluice help --write DIR`, what packages are made with: man pages as DIR/man1/sluice*.1, and completion for the shells as
 * DIR/sluice.bash and DIR/_sluice. Returns the exit code. */
int sl_help_write(const char *dir);
int sl_cmd_dlq(int argc, char *const *argv); /* argv: what follows "dlq" */
/* For a command that reads and ends: free memory is kept for the next allocation instead of being given back and faulted in again,
 * which is a sixth of the CPU time of reading a topic. A worker, which lives on, gives back. Call it before there are threads. */
void sl_malloc_keep(void);
#endif
