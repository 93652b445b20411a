/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of commands and options, and how arguments are read by them (see cmd.h). The help, the man pages and the shells'
 * completion are made from the same tables (cmd_help.c). dlq has its own (dlq/cmd_dlq.c, dlq/opts.c). */
#include <stdio.h>
#include <string.h>
#include "cmd.h"

enum { WORKER = 1, VALIDATE = 2, TRANSFORM = 4, PLUGINS = 8, VERSION = 16, ALL = 31 };
const struct sl_command sl_commands[] = {
        {"worker", sl_cmd_worker, "worker worker.properties [connector.json or .properties ...] [--set key=value]",
         "run a worker: distributed when group.id is set, else standalone", WORKER},
        {"validate", sl_cmd_validate, "validate connector.json [--worker worker.properties] [--offline]",
         "check a connector config as PUT .../config/validate does; exit 3 when invalid", VALIDATE},
        {"transform", sl_cmd_transform, "transform connector.json [--explain] [--worker worker.properties] < records",
         "run a config's transforms and predicates over records, one JSON object a line", TRANSFORM},
        {"plugins", sl_cmd_plugins, "plugins [--markdown NAME] [--worker worker.properties]",
         "list connectors, transforms and converters, or print the reference page of one", PLUGINS},
        {"version", sl_cmd_version, "version", "versions of the program and its libraries", VERSION},
        {"dlq", NULL, "dlq COMMAND --bootstrap-server B --topic T ...",
         "explain, repair, replay, quarantine the records of a dead-letter topic; sluice dlq --help lists the commands", 0},
        {0},
};

enum option { OPT_SET, OPT_WORKER, OPT_OFFLINE, OPT_EXPLAIN, OPT_MARKDOWN, OPT_LOG_FORMAT, OPT_LOG_LEVEL, OPT_HELP };
const struct sl_option sl_options[] = {
        [OPT_SET] = {"--set", "KEY=VALUE", "a key of the worker, over the file and the environment (may repeat)",
                     WORKER | VALIDATE | TRANSFORM | PLUGINS},
        [OPT_WORKER] = {"--worker", "FILE", "the worker's properties: its config.providers and plugin.path count, and what it sets "
                                            "for all connectors", VALIDATE | TRANSFORM | PLUGINS},
        [OPT_OFFLINE] = {"--offline", NULL, "ask no database and no other service", VALIDATE},
        [OPT_EXPLAIN] = {"--explain", NULL, "print the record after each step too", TRANSFORM},
        [OPT_MARKDOWN] = {"--markdown", "NAME", "the reference page of a plugin, by class or short name, or of the worker itself",
                          PLUGINS},
        [OPT_LOG_FORMAT] = {"--log-format", "FORMAT", "text or json, for the log on standard error", ALL},
        [OPT_LOG_LEVEL] = {"--log-level", "LEVEL", "off, fatal, error, warn, info, debug or trace", ALL},
        [OPT_HELP] = {"--help", NULL, "this text", ALL},
        {0},
};

static bool set_level(const char *value, struct sl_args *ret)
{
        static const char *const names[] = {"off", "fatal", "error", "warn", "info", "debug", "trace"};
        for (int i = 0; i <= SL_LOG_TRACE; i++) {
                if (strcasecmp(value, names[i]) == 0) {
                        ret->level = (enum sl_log_level)i;
                        return true;
                }
        }
        return false;
}

static bool apply(enum option option, const char *value, struct sl_args *ret, char *why, size_t n)
{
        switch (option) {
        case OPT_SET:
                if (ret->nsets == SL_ARGS_MAX || !strchr(value, '=') || *value == '=') {
                        snprintf(why, n, "--set needs key=value, at most %d times", SL_ARGS_MAX);
                        return false;
                }
                ret->sets[ret->nsets++] = value;
                return true;
        case OPT_LOG_FORMAT:
                ret->json_log = strcmp(value, "json") == 0;
                snprintf(why, n, "--log-format is text or json");
                return ret->json_log || strcmp(value, "text") == 0;
        case OPT_LOG_LEVEL:
                snprintf(why, n, "--log-level is off, fatal, error, warn, info, debug or trace");
                return set_level(value, ret);
        case OPT_MARKDOWN:
                ret->markdown = value;
                return true;
        case OPT_WORKER:
                ret->worker = value;
                return true;
        case OPT_OFFLINE:
                ret->offline = true;
                return true;
        case OPT_EXPLAIN:
                ret->explain = true;
                return true;
        case OPT_HELP:
                ret->help = true;
                return true;
        }
        return false;
}

/* argv[*i] is an option: take it and its value. */
static bool take_option(const struct sl_command *command, int argc, char *const *argv, int *i, struct sl_args *ret, char *why, size_t n)
{
        const char *arg = strcmp(argv[*i], "-h") == 0 ? "--help" : argv[*i];
        size_t len = strcspn(arg, "=");
        for (int k = 0; sl_options[k].name; k++) {
                const struct sl_option *row = &sl_options[k];
                if (strlen(row->name) != len || strncmp(arg, row->name, len) != 0)
                        continue;
                if (!(row->commands & command->bit)) {
                        snprintf(why, n, "%s is not an option of %s", row->name, command->name);
                        return false;
                }
                const char *value = arg[len] == '=' ? arg + len + 1 : NULL;
                if (row->value && !value)
                        value = ++*i < argc ? argv[*i] : NULL;
                if (row->value && !value) {
                        snprintf(why, n, "%s needs a value", row->name);
                        return false;
                }
                return apply((enum option)k, value, ret, why, n);
        }
        snprintf(why, n, "unknown option %.100s", arg);
        return false;
}

bool sl_args_parse(const struct sl_command *command, int argc, char *const *argv, struct sl_args *ret, char *why, size_t n)
{
        memset(ret, 0, sizeof(*ret));
        ret->level = SL_LOG_INFO;
        for (int i = 0; i < argc; i++) {
                if (argv[i][0] == '-' && argv[i][1]) {
                        if (!take_option(command, argc, argv, &i, ret, why, n))
                                return false;
                } else if (ret->nfiles == SL_ARGS_MAX) {
                        snprintf(why, n, "too many files, at most %d", SL_ARGS_MAX);
                        return false;
                } else {
                        ret->files[ret->nfiles++] = argv[i];
                }
        }
        return true;
}
