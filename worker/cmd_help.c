/* SPDX-License-Identifier: Apache-2.0 */
/* The help of one command, and what packages carry: man pages (man(7) macros) and completion for bash and zsh. All of
 * it is made from the tables that the program itself goes by (args.c, dlq/cmd_dlq.c, dlq/opts.c, the worker's keys);
 * only what no table knows, examples and exit codes, is written here. Values are completed where they are files or one
 * of a few words, nothing asks a server. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "cluster/plugins.h"
#include "cluster/workercfg.h"
#include "dlq/cmd.h"

#define MAN_DATE "2026-11-22" /* when the texts below were last changed */
#define LEVELS "off fatal error warn info debug trace"

/* Options that take one of a few words; those whose value is a file have FILE or F for it. */
static const struct {
        const char *name, *words;
} choices[] = {
        {"--log-format", "text json"},
        {"--log-level", LEVELS},
        {"--class", "deserialization schema_mismatch business transient unknown"},
};

static const struct {
        const char *command, *text, *example;
} examples[] = {
        {"worker", "A cluster's worker:", "sluice worker worker.properties"},
        {"worker", "Standalone, with two connectors:", "sluice worker worker.properties source.json sink.json"},
        {"validate", "A file, without asking its database:", "sluice validate source.json --offline"},
        {"transform", "What a config makes of one record, step by step:",
         "echo '{\"topic\":\"t\",\"value\":{\"schema\":null,\"payload\":{\"a\":1}}}' | sluice transform sink.json "
         "--explain"},
        {"plugins", "The reference page of the Postgres source:", "sluice plugins --markdown postgres"},
        {"dlq", "What failed, grouped:", "sluice dlq groups --bootstrap-server localhost:9092 --topic orders-dlq"},
        {"dlq", "Send again what failed for a passing reason; without --apply it only says what it would do:",
         "sluice dlq replay --bootstrap-server localhost:9092 --topic orders-dlq --class transient --apply"},
};

/* ---- one command's help ---- */

void sl_help_command(const struct sl_command *command)
{
        printf("usage: sluice %s\n  %s\n\n", command->usage, command->text);
        for (const struct sl_option *o = sl_options; o->name; o++) {
                char head[60];
                if (!(o->commands & command->bit))
                        continue;
                snprintf(head, sizeof(head), "%s %s", o->name, o->value ? o->value : "");
                printf("  %-24s %s\n", head, o->text);
        }
}

/* ---- man pages ---- */

/* Text that roff prints as it is: running text, of which lines end where roff wants them to, or literal, in which a dash is a minus
 * sign that can be copied. */
static void add_roff(struct sl_buf *b, const char *text, bool literal)
{
        size_t width = 0;
        bool begins = true;
        for (const char *s = text; *s; s++, width++) {
                if (!literal && *s == ' ' && width + strcspn(s + 1, " ") > 72) {
                        sl_buf_addc(b, '\n');
                        width = 0;
                        begins = true;
                        continue;
                }
                if (begins && (*s == '.' || *s == '\''))
                        sl_buf_adds(b, "\\&");
                begins = *s == '\n';
                if (*s == '\\')
                        sl_buf_adds(b, "\\e");
                else if (*s == '-' && literal)
                        sl_buf_adds(b, "\\-");
                else if (*s == '\'' && literal)
                        sl_buf_adds(b, "\\(aq");
                else if (*s != '`')
                        sl_buf_addc(b, *s);
        }
}

static void add_option(struct sl_buf *b, const char *name, const char *value, const char *text)
{
        sl_buf_adds(b, ".TP\n\\fB");
        add_roff(b, name, true);
        sl_buf_adds(b, "\\fR");
        if (value) {
                sl_buf_adds(b, " \\fI");
                add_roff(b, value, true);
                sl_buf_adds(b, "\\fR");
        }
        sl_buf_addc(b, '\n');
        add_roff(b, text, false);
        sl_buf_addc(b, '\n');
}

static void begin_page(struct sl_buf *b, const char *page, const char *text)
{
        sl_buf_adds(b, ".TH ");
        for (const char *s = page; *s; s++)
                sl_buf_addc(b, *s >= 'a' && *s <= 'z' ? (char)(*s - 32) : *s);
        sl_buf_printf(b, " 1 " MAN_DATE " \"sluice %s\" \"Sluice\"\n.SH NAME\n", SLUICE_VERSION);
        add_roff(b, page, true);
        char first[120]; /* one line: what apropos shows */
        snprintf(first, sizeof(first), "%.*s", (int)strcspn(text, ";:"), text);
        sl_buf_adds(b, " \\- ");
        add_roff(b, first, true);
        sl_buf_adds(b, "\n.SH SYNOPSIS\n");
}

static void add_synopsis(struct sl_buf *b, const char *usage)
{
        sl_buf_adds(b, "\\fBsluice\\fR ");
        add_roff(b, usage, true);
        sl_buf_addc(b, '\n');
}

static void add_examples(struct sl_buf *b, const char *command)
{
        bool first = true;
        for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
                if (strcmp(examples[i].command, command) != 0)
                        continue;
                sl_buf_adds(b, first ? ".SH EXAMPLES\n" : ".PP\n");
                add_roff(b, examples[i].text, false);
                sl_buf_adds(b, "\n.PP\n.nf\n.RS 4\n");
                add_roff(b, examples[i].example, true);
                sl_buf_adds(b, "\n.RE\n.fi\n");
                first = false;
        }
}

static void end_page(struct sl_buf *b)
{
        static const char *const codes[][2] = {{"0", "done"},
                                               {"1", "failed"},
                                               {"2", "wrong usage"},
                                               {"3", "invalid configuration"},
                                               {"4", "a needed service can't be reached"},
                                               {"75", "try again"}};
        sl_buf_adds(b, ".SH EXIT STATUS\n");
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                sl_buf_printf(b, ".TP\n\\fB%s\\fR\n%s\n", codes[i][0], codes[i][1]);
        sl_buf_adds(b, ".SH SEE ALSO\n\\fBsluice\\fR(1)");
        for (const struct sl_command *c = sl_commands; c->name; c++)
                if (strcmp(c->name, "version") != 0)
                        sl_buf_printf(b, ",\n\\fBsluice\\-%s\\fR(1)", c->name);
        sl_buf_addc(b, '\n');
}

static void add_section(struct sl_buf *b, const char *title, const char *text)
{
        sl_buf_printf(b, ".SH %s\n", title);
        add_roff(b, text, false);
        sl_buf_addc(b, '\n');
}

static void add_worker_keys(struct sl_buf *b)
{
        sl_buf_adds(b, ".SH ENVIRONMENT\n");
        add_option(b, "CONNECT_*", NULL,
                   "Keys of the worker, over the file: CONNECT_GROUP_ID is group.id. One underscore is a dot, two are an underscore, three a "
                   "dash.");
        add_section(b, "SIGNALS",
                    "SIGTERM and SIGINT end the worker: tasks finish what they have begun, as far as task.shutdown.graceful.timeout.ms lets "
                    "them. A second one ends it at once; nothing is lost.");
        add_section(b, "KEYS", "Of the properties file, with their defaults. More are Kafka's: docs/config.md has all.");
        for (const struct sl_cfg_def *row = sl_worker_defs; row->name; row++) {
                if ((row->flags & (SL_CFG_HIDDEN | SL_CFG_IGNORED | SL_CFG_PREFIX)) || row->unsupported ||
                    row->alias_of || !row->doc)
                        continue;
                add_option(b, row->name, row->def && *row->def ? row->def : NULL, row->doc);
        }
}

static void command_page(const struct sl_command *c, struct sl_buf *b)
{
        char page[40];
        snprintf(page, sizeof(page), "sluice-%s", c->name);
        begin_page(b, page, c->text);
        add_synopsis(b, c->usage);
        sl_buf_adds(b, ".SH OPTIONS\n");
        for (const struct sl_option *o = sl_options; o->name; o++)
                if (o->commands & c->bit)
                        add_option(b, o->name, o->value, o->text);
        if (strcmp(c->name, "worker") == 0)
                add_worker_keys(b);
        add_examples(b, c->name);
        end_page(b);
}

static void dlq_page(const struct sl_command *c, struct sl_buf *b)
{
        const char *name, *text;
        enum sl_dlq_cmd cmd;
        struct sl_dlq_opt o;
        begin_page(b, "sluice-dlq", c->text);
        add_synopsis(b, c->usage);
        sl_buf_adds(b, ".SH COMMANDS\n");
        for (size_t i = 0; sl_dlq_commands_at(i, &name, &text, &cmd); i++)
                add_option(b, name, NULL, text);
        sl_buf_adds(b, ".SH OPTIONS\nOf all commands, unless some are named.\n");
        for (size_t i = 0; sl_dlq_opts_at(i, &o); i++) {
                if (!o.text)
                        continue;
                add_option(b, o.name, o.value, o.text);
                if ((o.commands & SL_DLQ_ALL_COMMANDS) == SL_DLQ_ALL_COMMANDS)
                        continue;
                sl_buf_adds(b, "(of");
                for (size_t k = 0; sl_dlq_commands_at(k, &name, &text, &cmd); k++)
                        if (o.commands & cmd)
                                sl_buf_printf(b, " %s", name);
                sl_buf_adds(b, ")\n");
        }
        add_examples(b, c->name);
        end_page(b);
}

static void main_page(struct sl_buf *b)
{
        begin_page(b, "sluice", "a Kafka Connect worker without a JVM");
        add_synopsis(b, "COMMAND ...");
        add_section(b, "DESCRIPTION",
                    "Streams Postgres changes into Kafka, lands topics in S3 and in Snowflake, and explains, repairs and replays dead letters. "
                    "It takes the connector configs, REST calls and internal topics that users of Kafka Connect and Debezium have.");
        sl_buf_adds(b, ".SH COMMANDS\n");
        for (const struct sl_command *c = sl_commands; c->name; c++)
                add_option(b, c->name, NULL, c->text);
        sl_buf_adds(b, ".PP\n\\fBsluice\\fR \\fICOMMAND\\fR \\fB\\-\\-help\\fR lists the options of one.\n");
        add_examples(b, "worker");
        end_page(b);
}

/* ---- completion ---- */

/* For single quotes of a shell, in which nothing but the quote itself means anything. */
static void add_quoted(struct sl_buf *b, const char *text, const char *escaped)
{
        for (const char *s = text; *s; s++) {
                if (*s == '\'')
                        sl_buf_adds(b, "'\\''");
                else if (strchr(escaped, *s))
                        sl_buf_printf(b, "\\%c", *s);
                else
                        sl_buf_addc(b, *s);
        }
}

static const char *words_of(const char *option)
{
        for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
                if (strcmp(choices[i].name, option) == 0)
                        return choices[i].words;
        return NULL;
}

static bool is_file(const char *name, const char *value)
{
        return value && !words_of(name) && (strcmp(value, "FILE") == 0 || strcmp(value, "F") == 0);
}

static void add_plugin_names(struct sl_buf *b)
{
        json_t *list = sl_plugins_json(&sl_built_in, false), *row;
        size_t i;
        sl_buf_adds(b, "worker");
        json_array_foreach(list, i, row) sl_buf_printf(b, " %s", json_string_value(json_object_get(row, "class")));
        json_decref(list);
}

/* What stands behind an option, by the option alone: it means the same in all commands. */
static void bash_values(struct sl_buf *b)
{
        struct sl_dlq_opt o;
        struct sl_buf files = {0}, others = {0};
        for (const struct sl_option *m = sl_options; m->name; m++)
                if (m->value && !words_of(m->name) && strcmp(m->name, "--markdown") != 0)
                        sl_buf_printf(is_file(m->name, m->value) ? &files : &others, "%s|", m->name);
        for (size_t i = 0; sl_dlq_opts_at(i, &o); i++)
                if (o.value && !words_of(o.name))
                        sl_buf_printf(is_file(o.name, o.value) ? &files : &others, "%s|", o.name);
        for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
                sl_buf_printf(b, "        %s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", choices[i].name,
                              choices[i].words);
        sl_buf_adds(b, "        --markdown) COMPREPLY=($(compgen -W '");
        add_plugin_names(b);
        sl_buf_adds(b, "' -- \"$cur\")); return ;;\n");
        sl_buf_printf(
                b, "        %.*s) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n",
                (int)files.len - 1, sl_buf_cstr(&files));
        sl_buf_printf(b, "        %.*s) return ;;\n", (int)others.len - 1, sl_buf_cstr(&others));
        sl_buf_free(&files);
        sl_buf_free(&others);
}

static void bash_options(struct sl_buf *b)
{
        const char *name, *text;
        enum sl_dlq_cmd cmd;
        struct sl_dlq_opt o;
        for (const struct sl_command *c = sl_commands; c->name; c++) {
                if (!c->run)
                        continue;
                sl_buf_printf(b, "        '%s') options='", c->name);
                for (const struct sl_option *m = sl_options; m->name; m++)
                        if (m->commands & c->bit)
                                sl_buf_printf(b, "%s ", m->name);
                sl_buf_adds(b, "' ;;\n");
        }
        for (size_t i = 0; sl_dlq_commands_at(i, &name, &text, &cmd); i++) {
                sl_buf_printf(b, "        'dlq %s') options='", name);
                for (size_t k = 0; sl_dlq_opts_at(k, &o); k++)
                        if (o.commands & cmd)
                                sl_buf_printf(b, "%s ", o.name);
                sl_buf_adds(b, "' ;;\n");
        }
}

static void bash_completion(struct sl_buf *b)
{
        const char *name, *text;
        enum sl_dlq_cmd cmd;
        sl_buf_adds(
                b,
                "# bash completion for sluice, made by `sluice help --write`\n_sluice()\n{\n"
                "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} "
                "options=\n"
                "    COMPREPLY=()\n"
                "    # --option=value comes as three words\n"
                "    if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
                "    if ((COMP_CWORD == 1)); then\n        COMPREPLY=($(compgen -W '");
        for (const struct sl_command *c = sl_commands; c->name; c++)
                sl_buf_printf(b, "%s ", c->name);
        sl_buf_adds(b, "help --help --version' -- \"$cur\"))\n        return\n    fi\n"
                       "    if [[ $command == dlq ]]; then\n        if ((COMP_CWORD == 2)); then\n            "
                       "COMPREPLY=($(compgen -W '");
        for (size_t i = 0; sl_dlq_commands_at(i, &name, &text, &cmd); i++)
                sl_buf_printf(b, "%s ", name);
        sl_buf_adds(b, "--help' -- \"$cur\"))\n            return\n        fi\n        command=\"dlq "
                       "${COMP_WORDS[2]}\"\n    fi\n"
                       "    case $prev in\n");
        bash_values(b);
        sl_buf_adds(b, "    esac\n    case $command in\n");
        bash_options(b);
        sl_buf_adds(
                b,
                "    esac\n    if [[ $cur == -* ]]; then\n        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
                "    elif [[ $command == worker || $command == validate || $command == transform ]]; then\n"
                "        compopt -o filenames 2>/dev/null\n        COMPREPLY=($(compgen -f -- \"$cur\"))\n    fi\n}\n"
                "complete -F _sluice sluice\n");
}

static void zsh_option(struct sl_buf *b, const char *name, const char *value, const char *text)
{
        const char *words = words_of(name);
        sl_buf_printf(b, " \\\n                '*%s%s", name, value ? "=" : "");
        sl_buf_addc(b, '[');
        add_quoted(b, text, "[]:\\");
        sl_buf_addc(b, ']');
        if (value) {
                sl_buf_adds(b, ":");
                add_quoted(b, value, ":\\");
                sl_buf_addc(b, ':');
                if (words)
                        sl_buf_printf(b, "(%s)", words);
                else if (strcmp(name, "--markdown") == 0)
                        sl_buf_adds(b, "($plugins)");
                else if (is_file(name, value))
                        sl_buf_adds(b, "_files");
        }
        sl_buf_addc(b, '\'');
}

static void zsh_commands(struct sl_buf *b)
{
        const char *name, *text;
        enum sl_dlq_cmd cmd;
        struct sl_dlq_opt o;
        for (const struct sl_command *c = sl_commands; c->name; c++) {
                bool files = strcmp(c->name, "plugins") != 0 && strcmp(c->name, "version") != 0;
                if (!c->run)
                        continue;
                sl_buf_printf(b, "        '%s')\n            _arguments%s", c->name, files ? " '*:file:_files'" : "");
                for (const struct sl_option *m = sl_options; m->name; m++)
                        if (m->commands & c->bit)
                                zsh_option(b, m->name, m->value, m->text);
                sl_buf_adds(b, "\n            ;;\n");
        }
        for (size_t i = 0; sl_dlq_commands_at(i, &name, &text, &cmd); i++) {
                sl_buf_printf(b, "        'dlq %s')\n            _arguments", name);
                for (size_t k = 0; sl_dlq_opts_at(k, &o); k++)
                        if ((o.commands & cmd) && o.text)
                                zsh_option(b, o.name, o.value, o.text);
                sl_buf_adds(b, "\n            ;;\n");
        }
}

static void zsh_completion(struct sl_buf *b)
{
        const char *name, *text;
        enum sl_dlq_cmd cmd;
        sl_buf_adds(b, "#compdef sluice\n# zsh completion for sluice, made by `sluice help --write`\n_sluice()\n{\n"
                       "    local command=$words[2]\n    local -a commands plugins\n    plugins=(");
        add_plugin_names(b);
        sl_buf_adds(b, ")\n    if (( CURRENT == 2 )); then\n        commands=(\n");
        for (const struct sl_command *c = sl_commands; c->name; c++) {
                sl_buf_printf(b, "            '%s:", c->name);
                add_quoted(b, c->text, "\\");
                sl_buf_adds(b, "'\n");
        }
        sl_buf_adds(b, "        )\n        _describe command commands\n        return\n    fi\n"
                       "    shift words\n    (( CURRENT-- ))\n    if [[ $command == dlq ]]; then\n"
                       "        if (( CURRENT == 2 )); then\n            commands=(\n");
        for (size_t i = 0; sl_dlq_commands_at(i, &name, &text, &cmd); i++) {
                sl_buf_printf(b, "                '%s:", name);
                add_quoted(b, text, "\\");
                sl_buf_adds(b, "'\n");
        }
        sl_buf_adds(b, "            )\n            _describe command commands\n            return\n        fi\n"
                       "        command=\"dlq $words[2]\"\n        shift words\n        (( CURRENT-- ))\n    fi\n    "
                       "case $command in\n");
        zsh_commands(b);
        sl_buf_adds(b, "    esac\n}\n_sluice \"$@\"\n");
}

/* ---- files ---- */

/* Empties b. */
static bool put(const char *dir, const char *name, struct sl_buf *b)
{
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", dir, name);
        FILE *f = fopen(path, "w");
        bool good = f && fwrite(sl_buf_cstr(b), 1, b->len, f) == b->len;
        if (f && fclose(f) != 0)
                good = false;
        if (!good)
                fprintf(stderr, "sluice: %s can't be written: %s\n", path, strerror(errno));
        sl_buf_clear(b);
        return good;
}

int sl_help_write(const char *dir)
{
        struct sl_buf b = {0};
        char path[4096];
        snprintf(path, sizeof(path), "%s/man1", dir);
        if (mkdir(path, 0755) != 0 && errno != EEXIST) {
                fprintf(stderr, "sluice: %s can't be made: %s\n", path, strerror(errno));
                return SL_EXIT_FAILED;
        }
        main_page(&b);
        bool good = put(path, "sluice.1", &b);
        for (const struct sl_command *c = sl_commands; good && c->name; c++) {
                char name[60];
                if (strcmp(c->name, "version") == 0)
                        continue;
                snprintf(name, sizeof(name), "sluice-%s.1", c->name);
                if (c->run)
                        command_page(c, &b);
                else
                        dlq_page(c, &b);
                good = put(path, name, &b);
        }
        bash_completion(&b);
        good = good && put(dir, "sluice.bash", &b);
        sl_buf_clear(&b);
        zsh_completion(&b);
        good = good && put(dir, "_sluice", &b);
        sl_buf_free(&b);
        return good ? SL_EXIT_OK : SL_EXIT_FAILED;
}
