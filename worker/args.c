/* SPDX-License-Identifier: Apache-2.0 */
/* Command line options (see cmd.h). A table, because every command shares them. */
#include <stdio.h>
#include <string.h>
#include "cmd.h"

enum option { OPT_SET, OPT_LOG_FORMAT, OPT_LOG_LEVEL, OPT_MARKDOWN, OPT_WORKER, OPT_OFFLINE, OPT_EXPLAIN, OPT_HELP };
static const struct {
        const char *name;
        enum option option;
        bool has_value;
} options[] = {
        {"--set", OPT_SET, true},
        {"--log-format", OPT_LOG_FORMAT, true},
        {"--log-level", OPT_LOG_LEVEL, true},
        {"--markdown", OPT_MARKDOWN, true},
        {"--worker", OPT_WORKER, true},
        {"--offline", OPT_OFFLINE, false},
        {"--explain", OPT_EXPLAIN, false},
        {"--help", OPT_HELP, false},
        {"-h", OPT_HELP, false},
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
static bool take_option(int argc, char *const *argv, int *i, struct sl_args *ret, char *why, size_t n)
{
        const char *arg = argv[*i];
        size_t len = strcspn(arg, "=");
        for (size_t k = 0; k < sizeof(options) / sizeof(options[0]); k++) {
                if (strlen(options[k].name) != len || strncmp(arg, options[k].name, len) != 0)
                        continue;
                const char *value = arg[len] == '=' ? arg + len + 1 : NULL;
                if (options[k].has_value && !value)
                        value = ++*i < argc ? argv[*i] : NULL;
                if (options[k].has_value && !value) {
                        snprintf(why, n, "%s needs a value", options[k].name);
                        return false;
                }
                return apply(options[k].option, value, ret, why, n);
        }
        snprintf(why, n, "unknown option %.100s", arg);
        return false;
}

bool sl_args_parse(int argc, char *const *argv, struct sl_args *ret, char *why, size_t n)
{
        memset(ret, 0, sizeof(*ret));
        ret->level = SL_LOG_INFO;
        for (int i = 0; i < argc; i++) {
                if (argv[i][0] == '-' && argv[i][1]) {
                        if (!take_option(argc, argv, &i, ret, why, n))
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
