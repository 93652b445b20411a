/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `sluice dlq ...`: one table, each row with the commands that take it. What they mean is in docs/dlq.md. */
#ifndef SL_DLQ_OPTS_H
#define SL_DLQ_OPTS_H
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "config/props.h"
#include "dlq/filter.h"

enum sl_dlq_cmd {
        SL_DLQ_GROUPS = 1,
        SL_DLQ_LIST = 2,
        SL_DLQ_SHOW = 4,
        SL_DLQ_EXPLAIN = 8,
        SL_DLQ_REPLAY = 16,
        SL_DLQ_QUARANTINE = 32,
        SL_DLQ_RELEASE = 64,
        SL_DLQ_DISCARD = 128,
        SL_DLQ_EXPORT = 256,
        SL_DLQ_STATS = 512,
};
#define SL_DLQ_ALL_COMMANDS 1023u

/* The values of an option that may repeat, in their order. */
struct sl_dlq_texts {
        const char *items[32];
        uint32_t count;
};
/* Texts point into argv. */
struct sl_dlq_opts {
        const char *bootstrap, *topic, *command_config, *connect, *rules;
        bool bad_config; /* it was the file of --command-config that was refused, not the command line */
        struct sl_dlq_filter filter;
        bool json, help;
        int64_t limit;          /* --limit N: at most so many records; 0 = all */
        bool find_origin;       /* --find-origin: search header-less records' origin by content */
        const char *source;     /* --source TOPIC: where they may come from */
        /* replay, quarantine, release, discard */
        const char *to;         /* NULL = original */
        const char *transforms;
        const char *value_subject;
        int32_t value_version;  /* 0 = latest */
        struct sl_dlq_texts rename, defaults, cast, enums;
        double rate;            /* records/s; 0 = as fast as it goes */
        double rate_bytes;      /* bytes/s; 0 = no limit */
        int64_t canary, canary_ms; /* so many records first, then so long a wait; 0 = no */
        double max_failures;    /* part of the replayed records that may come back; 0 = not looked at */
        bool apply, dry_run, allow_lossy, force, keep_order;
        const char *reason;     /* --reason TEXT: into the audit topic */
        const char *output;     /* --output FILE of export; NULL = standard output */
        bool json_log;
        enum sl_log_level level; /* warn, unless --log-level */
        struct sl_map names;    /* owns the names of --header and --where */
        /* bootstrap.servers, and everything of --command-config: what Kafka clients are made from. Holds secrets. */
        struct sl_props client;
};
/* argv: what follows the command's name. False with a sentence in why (at most n bytes): wrong usage, or bad_config. Reads the
 * --command-config file. Free with sl_dlq_opts_free. */
bool sl_dlq_opts_parse(enum sl_dlq_cmd cmd, int argc, char *const *argv, struct sl_dlq_opts *ret, char *why, size_t n);
/* Is there an option --name, of any command? *ret_value: it has a value. */
bool sl_dlq_opts_known(const char *name, bool *ret_value);
void sl_dlq_opts_free(struct sl_dlq_opts *o); /* accepts a zeroed struct */
/* The options that a command takes, with their texts, as its help shows them. */
void sl_dlq_opts_help(enum sl_dlq_cmd cmd, struct sl_buf *out);
/* The i-th option in the order of the help: what the man page and the shells' completion are made from. */
struct sl_dlq_opt {
        const char *name, *value, *text; /* value NULL: takes none */
        unsigned commands;
};
bool sl_dlq_opts_at(size_t i, struct sl_dlq_opt *ret); /* false: there are no more */
/* A text of a repair, FIELD=TEXT, into its list, which borrows it. Two answers to one question are a mistake of who gives them; which one
 * counts would be a guess. false: why (of n bytes) names the option by name and says what it needs by form. */
enum sl_dlq_repair_text { SL_DLQ_RENAME, SL_DLQ_DEFAULT, SL_DLQ_CAST, SL_DLQ_ENUM };
bool sl_dlq_repair_text(struct sl_dlq_texts *list, enum sl_dlq_repair_text what, const char *name, const char *form,
                        const char *v, char *why, size_t n);
/* A value of --rules or --transforms that is not a file's name, but what would stand in it. */
static inline bool sl_dlq_inline(const char *value)
{
        return value[0] == '{';
}
#endif
