/* SPDX-License-Identifier: Apache-2.0 */
/* Options of the dead-letter commands (see opts.h). What a command doesn't take is refused: an option without effect would be a
 * trap in an incident. */
#include "dlq/opts.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"
#include "dlq/internal.h"
#include "dlq/resolve.h"

#define READS SL_DLQ_ALL_COMMANDS
#define CANARY_MS 30000
#define ACTS (SL_DLQ_REPLAY | SL_DLQ_QUARANTINE | SL_DLQ_RELEASE | SL_DLQ_DISCARD)

enum option {
        O_BOOTSTRAP, O_TOPIC, O_COMMAND_CONFIG, O_CONNECT, O_RULES, O_CLASS, O_CODE, O_GROUP, O_SINCE, O_UNTIL, O_OFFSETS, O_KEY,
        O_HEADER, O_WHERE, O_JSON, O_LIMIT, O_FIND_ORIGIN, O_SOURCE, O_TO, O_TRANSFORMS, O_SUBJECT, O_VERSION, O_RENAME, O_DEFAULT,
        O_CAST, O_ENUM, O_RATE, O_APPLY, O_DRY_RUN, O_LOSSY, O_FORCE, O_KEEP_ORDER, O_MAX_FAILURES, O_CANARY, O_REASON, O_OUTPUT, O_LOG_FORMAT, O_LOG_LEVEL, O_HELP,
};
static const struct {
        const char *name, *value; /* value NULL: takes none */
        enum option option;
        unsigned commands;
        const char *text;
} rows[] = {
        {"--bootstrap-server", "B", O_BOOTSTRAP, SL_DLQ_ALL_COMMANDS, "brokers, host:port[,host:port ...]"},
        {"--topic", "T", O_TOPIC, SL_DLQ_ALL_COMMANDS, "the dead-letter topic"},
        {"--command-config", "F", O_COMMAND_CONFIG, SL_DLQ_ALL_COMMANDS,
         "properties of Kafka's clients (security.protocol ...), and schema.registry.url"},
        {"--connect", "URL", O_CONNECT, READS,
         "REST address of a Connect worker: connectors whose dead letters go to T lend converters, transforms, source topics"},
        {"--rules", "F", O_RULES, READS, "JSON file of your own rules, which go before ours"},
        {"--class", "C", O_CLASS, READS, "deserialization, schema_mismatch, business, transient or unknown (may repeat)"},
        {"--code", "C", O_CODE, READS, "sub-code of a class, as list shows it (may repeat)"},
        {"--group", "FP", O_GROUP, READS, "fingerprint, as groups shows it (may repeat)"},
        {"--since", "T", O_SINCE, READS, "record time, RFC 3339, or ago: -2h, -30m, -3d"},
        {"--until", "T", O_UNTIL, READS, "the same; records from then on are left out"},
        {"--offsets", "P:A-B", O_OFFSETS, READS, "partition and offsets, both ends included: 0:10-19,2:5 or 1:100- (may repeat)"},
        {"--key", "K", O_KEY, READS, "records with this key (may repeat)"},
        {"--header", "N=V", O_HEADER, READS, "records whose last header N has the value V (may repeat: all)"},
        {"--where", "PATH=V", O_WHERE, READS, "records whose JSON value has V at the path a.b[0].c (may repeat: all)"},
        {"--limit", "N", O_LIMIT, SL_DLQ_LIST | SL_DLQ_SHOW | SL_DLQ_EXPLAIN | SL_DLQ_EXPORT | SL_DLQ_REPLAY,
         "at most so many records"},
        {"--source", "T", O_SOURCE, READS, "where records without headers may come from: their origin is searched there by content"},
        {"--find-origin", NULL, O_FIND_ORIGIN, READS,
         "the same in the topic that T is named after (T-dlt, T.DLT, T-dlq, T.dlq, dlq.T, T-dead-letters)"},
        {"--to", "TARGET", O_TO, SL_DLQ_REPLAY, "original (the default), topic:NAME or connector:NAME"},
        {"--transforms", "F", O_TRANSFORMS, SL_DLQ_REPLAY, "connector-like file, or its JSON: its transforms run on each record first"},
        {"--value-subject", "S", O_SUBJECT, SL_DLQ_REPLAY, "re-serialise values with the schema of this registry subject"},
        {"--value-version", "N", O_VERSION, SL_DLQ_REPLAY, "its version (default: latest)"},
        {"--rename", "OLD=NEW", O_RENAME, SL_DLQ_REPLAY, "a field's name in the new schema (may repeat)"},
        {"--default", "F=TEXT", O_DEFAULT, SL_DLQ_REPLAY, "a value for a field that is missing (may repeat)"},
        {"--cast", "F=TYPE", O_CAST, SL_DLQ_REPLAY, "change a field's type (may repeat)"},
        {"--enum", "OLD=NEW", O_ENUM, SL_DLQ_REPLAY, "a symbol's new name (may repeat)"},
        {"--allow-lossy", NULL, O_LOSSY, SL_DLQ_REPLAY, "repairs may lose something (a field, digits)"},
        {"--force", NULL, O_FORCE, SL_DLQ_REPLAY, "replay values that a newer record of their key has replaced"},
        {"--keep-order", NULL, O_KEEP_ORDER, SL_DLQ_REPLAY, "a record that can't be replayed holds back younger ones of its key"},
        {"--rate", "N/s", O_RATE, SL_DLQ_REPLAY, "at most so many records (500/s) or bytes (1MB/s, 512KiB/s) a second; twice for both"},
        {"--canary", "N[/TIME]", O_CANARY, SL_DLQ_REPLAY,
         "N records first; the others go when in TIME (30s) none of them, or no more than --max-failures, has come back to T"},
        {"--max-failures", "P%", O_MAX_FAILURES, SL_DLQ_REPLAY, "begin slowly, and stop when more of them come back to T"},
        {"--reason", "TEXT", O_REASON, ACTS, "why: kept in the audit topic"},
        {"--apply", NULL, O_APPLY, ACTS, "do it (the default of the others)"},
        {"--dry-run", NULL, O_DRY_RUN, ACTS, "only say what would be done (the default of replay)"},
        {"--output", "F", O_OUTPUT, SL_DLQ_EXPORT, "write to this file, not to standard output"},
        {"--json", NULL, O_JSON, SL_DLQ_ALL_COMMANDS, "one JSON object a line"},
        {"--log-format", "F", O_LOG_FORMAT, SL_DLQ_ALL_COMMANDS, "text or json, for messages on standard error"},
        {"--log-level", "L", O_LOG_LEVEL, SL_DLQ_ALL_COMMANDS, "off, fatal, error, warn, info, debug or trace"},
        {"--help", NULL, O_HELP, SL_DLQ_ALL_COMMANDS, NULL},
        {"-h", NULL, O_HELP, SL_DLQ_ALL_COMMANDS, NULL},
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

struct parse {
        struct sl_dlq_opts *o;
        enum sl_dlq_cmd cmd;
        bool dry_run;
        const char *form;     /* of the option at hand: what its value looks like */
        const char *odd_cast; /* to a type that only a schema may know */
        char *why;
        size_t n;
};

#define REFUSE(p, ...) (snprintf((p)->why, (p)->n, __VA_ARGS__), false)

/* ---- values ---- */

static bool read_class(struct parse *p, const char *v)
{
        for (int rc = SL_TRANSIENT; rc <= SL_UNKNOWN; rc++)
                if (strcmp(sl_rc_name((enum sl_rc)rc), v) == 0) {
                        p->o->filter.classes |= 1u << rc;
                        return true;
                }
        return REFUSE(p, "--class is deserialization, schema_mismatch, business, transient or unknown, not %.50s", v);
}

static bool read_group(struct parse *p, const char *v)
{
        struct sl_dlq_filter *f = &p->o->filter;
        char *end;
        errno = 0;
        uint64_t fp = strtoull(v, &end, 16);
        if (strlen(v) != 16 || *end || errno || f->group_count == SL_DLQ_FILTER_MAX)
                return REFUSE(p, "--group is a fingerprint of 16 hexadecimal digits (at most %d of them), not %.50s",
                              SL_DLQ_FILTER_MAX, v);
        f->groups[f->group_count++] = fp;
        return true;
}

/* 2h, 30m, 15s, 3d, 1w. */
static bool read_duration(const char *v, int64_t *ret_ms)
{
        static const struct { char unit; int64_t ms; } units[] = {
                {'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}, {'w', 604800000}};
        char *end;
        errno = 0;
        long long n = strtoll(v, &end, 10);
        if (v[0] < '0' || v[0] > '9' || errno || n > 1000000)
                return false;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
                if (end[0] == units[i].unit && !end[1]) {
                        *ret_ms = n * units[i].ms;
                        return true;
                }
        return false;
}

/* -2h: so long ago. */
static bool read_ago(const char *v, int64_t *ret_ms)
{
        if (v[0] != '-' || !read_duration(v + 1, ret_ms))
                return false;
        *ret_ms = sl_wall_ms() - *ret_ms;
        return true;
}

/* RFC 3339: 2026-11-22T09:30:00Z, with fractions of a second or an offset. A date alone is its midnight UTC. */
static bool read_rfc3339(const char *v, int64_t *ret_ms)
{
        struct tm tm = {0};
        const char *s = strptime(v, "%Y-%m-%d", &tm);
        const int day = tm.tm_mday;
        int64_t ms = 0, offset = 0;
        if (s && (*s == 'T' || *s == 't' || *s == ' '))
                s = strptime(s + 1, "%H:%M:%S", &tm);
        else if (s && *s)
                return false;
        if (!s)
                return false;
        bool date_only = !*s;
        if (*s == '.') {
                int64_t unit = 100;
                for (s++; *s >= '0' && *s <= '9'; s++, unit /= 10)
                        ms += (*s - '0') * unit;
        }
        if (*s == '+' || *s == '-') {
                int h, m;
                char more;
                if (sscanf(s + 1, "%2d:%2d%c", &h, &m, &more) != 2 || h < 0 || h > 23 || m < 0 || m > 59)
                        return false;
                offset = (*s == '-' ? -1 : 1) * (h * 60 + m) * 60000L;
        } else if (!date_only && strcasecmp(s, "Z") != 0) {
                return false;
        }
        *ret_ms = (int64_t)timegm(&tm) * 1000 + ms - offset;
        return tm.tm_mday == day; /* else the month is shorter: 31 November */
}

static bool read_time(struct parse *p, const char *name, const char *v, int64_t *ret)
{
        if (read_ago(v, ret) || read_rfc3339(v, ret))
                return true;
        return REFUSE(p, "%s is a time as 2026-11-22T09:30:00Z, or how long ago, as -2h, -30m, -3d; not %.50s", name, v);
}

/* P:A-B, P:A-, P:A or P alone, with commas between them. */
static bool read_offsets(struct parse *p, const char *v)
{
        struct sl_dlq_filter *f = &p->o->filter;
        for (const char *s = v; *s;) {
                char *end;
                errno = 0;
                long long id = strtoll(s, &end, 10), a = -1, b = -1;
                bool good = end > s && id >= 0 && id <= INT32_MAX;
                if (good && *end == ':') {
                        const char *from = end + 1;
                        a = strtoll(from, &end, 10);
                        good = end > from && a >= 0 && a < INT64_MAX; /* the range ends behind it */
                        b = a;
                        if (good && *end == '-') {
                                from = end + 1;
                                b = strtoll(from, &end, 10);
                                good = end == from || (b >= a && b < INT64_MAX);
                                b = end > from ? b : -1; /* open end */
                        }
                }
                if (f->range_count == SL_DLQ_RANGES_MAX)
                        return REFUSE(p, "--offsets has more than %d ranges", SL_DLQ_RANGES_MAX);
                if (!good || errno || (*end && *end != ','))
                        return REFUSE(p, "--offsets is PARTITION:FIRST-LAST[,...], both ends included, as 0:10-19,2:5; not %.80s", v);
                f->ranges[f->range_count++] =
                        (struct sl_reader_part){.id = (int32_t)id, .begin = a, .end = b < 0 ? -1 : b + 1};
                s = *end ? end + 1 : end;
        }
        return f->range_count || REFUSE(p, "--offsets is PARTITION:FIRST-LAST[,...]");
}

/* NAME=VALUE in a copy of its own that lives as long as the options do. */
static bool read_pair(struct parse *p, const char *option, const char *v, const char **ret_name, const char **ret_value)
{
        const char *eq = strchr(v, '=');
        if (!eq || eq == v)
                return REFUSE(p, "%s needs %s, not %.50s", option, p->form, v);
        struct sl_str name = {v, (size_t)(eq - v)};
        if (!sl_map_get(&p->o->names, name))
                sl_map_put(&p->o->names, name, sl_strndup(v, name.len));
        *ret_name = sl_map_get(&p->o->names, name);
        *ret_value = eq + 1;
        return true;
}

bool sl_dlq_repair_text(struct sl_dlq_texts *list, enum sl_dlq_repair_text what, const char *name, const char *form,
                        const char *v, char *why, size_t n)
{
        const char *eq = strchr(v, '=');
        if (!eq || (eq == v && what != SL_DLQ_ENUM)) { /* a symbol may have been empty */
                snprintf(why, n, "%s needs %s, not %.50s", name, form, v);
                return false;
        }
        const int len = (int)(eq - v);
        if (!eq[1] && (what == SL_DLQ_RENAME || what == SL_DLQ_CAST)) {
                snprintf(why, n, "%s says nothing behind %.50s", name, v);
                return false;
        }
        for (uint32_t i = 0; i < list->count; i++) {
                const char *other = list->items[i];
                if (strcmp(other, v) == 0)
                        return true;
                if (strncmp(other, v, (size_t)len + 1) == 0) {
                        snprintf(why, n, "%s is given twice for %.*s: %.100s and %.100s", name, len > 50 ? 50 : len, v, other, v);
                        return false;
                }
        }
        if (list->count == sizeof(list->items) / sizeof(list->items[0])) {
                snprintf(why, n, "%s is given too often", name);
                return false;
        }
        list->items[list->count++] = v;
        return true;
}

static bool add_repair(struct parse *p, enum sl_dlq_repair_text what, const char *name, struct sl_dlq_texts *list, const char *v)
{
        enum sl_type ignored;
        if (!sl_dlq_repair_text(list, what, name, p->form, v, p->why, p->n))
                return false;
        if (what == SL_DLQ_CAST && !sl_resolve_type(strchr(v, '=') + 1, &ignored))
                p->odd_cast = v;
        return true;
}

static bool read_number(struct parse *p, const char *option, const char *v, int64_t max, int64_t *ret)
{
        if (sl_parse_i64(sl_str_c(v), ret) && *ret > 0 && *ret <= max)
                return true;
        return REFUSE(p, "%s is a number from 1 to %lld, not %.50s", option, (long long)max, v);
}

/* 500/s, 500: records; 1MB/s, 64KiB/s, 1500B/s: bytes. */
static bool read_rate(struct parse *p, const char *v)
{
        static const struct { const char *name; double bytes; } units[] = {
                {"B", 1}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}};
        char *end;
        double rate = strtod(v, &end), unit = 0;
        size_t n = strcspn(end, "/");
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
                if (n == strlen(units[i].name) && strncasecmp(end, units[i].name, n) == 0)
                        unit = units[i].bytes;
        bool good = end != v && isfinite(rate) && rate > 0 && (!n || unit) && (!end[n] || strcmp(end + n, "/s") == 0);
        if (!good || (n && !end[n]))
                return REFUSE(p, "--rate is records a second, as 500/s, or bytes a second, as 1MB/s or 64KiB/s, not %.50s", v);
        if (unit ? p->o->rate_bytes : p->o->rate)
                return REFUSE(p, "--rate is given twice for %s: give one for records and one for bytes", unit ? "bytes" : "records");
        *(unit ? &p->o->rate_bytes : &p->o->rate) = unit ? rate * unit : rate;
        return true;
}

/* 10, or 10/1m: how long these have to fail. */
static bool read_canary(struct parse *p, const char *v)
{
        char *end;
        errno = 0;
        long long n = strtoll(v, &end, 10);
        p->o->canary = n;
        p->o->canary_ms = CANARY_MS;
        if (end == v || errno || n <= 0 || (*end && (*end != '/' || !read_duration(end + 1, &p->o->canary_ms))))
                return REFUSE(p, "--canary is a number of records, as 10, and how long to wait then, as 10/30s or 10/5m; not %.50s", v);
        return true;
}

static bool read_percent(struct parse *p, const char *v)
{
        char *end;
        double percent = strtod(v, &end);
        if (end == v || !isfinite(percent) || percent <= 0 || percent >= 100 || strcmp(end, "%") != 0)
                return REFUSE(p, "--max-failures is a part of the replayed records, as 5%%, not %.50s", v);
        p->o->max_failures = percent / 100;
        return true;
}

static bool read_log(struct parse *p, bool level, const char *v)
{
        static const char *const levels[] = {"off", "fatal", "error", "warn", "info", "debug", "trace"};
        if (!level) {
                p->o->json_log = strcmp(v, "json") == 0;
                return p->o->json_log || strcmp(v, "text") == 0 || REFUSE(p, "--log-format is text or json");
        }
        for (int i = 0; i <= SL_LOG_TRACE; i++)
                if (strcasecmp(levels[i], v) == 0) {
                        p->o->level = (enum sl_log_level)i;
                        return true;
                }
        return REFUSE(p, "--log-level is off, fatal, error, warn, info, debug or trace");
}

/* The filter's. */
static bool apply_filter(struct parse *p, enum option option, const char *name, const char *v)
{
        struct sl_dlq_filter *f = &p->o->filter;
        bool full = f->code_count == SL_DLQ_FILTER_MAX || f->key_count == SL_DLQ_FILTER_MAX ||
                    f->header_count == SL_DLQ_FILTER_MAX || f->where_count == SL_DLQ_FILTER_MAX;
        if (full)
                return REFUSE(p, "%s is given too often", name);
        switch ((int)option) {
        case O_CLASS:
                return read_class(p, v);
        case O_CODE:
                f->codes[f->code_count++] = v;
                return true;
        case O_GROUP:
                return read_group(p, v);
        case O_SINCE:
                return read_time(p, name, v, &f->since_ms);
        case O_UNTIL:
                return read_time(p, name, v, &f->until_ms);
        case O_OFFSETS:
                return read_offsets(p, v);
        case O_KEY:
                f->keys[f->key_count++] = v;
                return true;
        case O_HEADER:
                return read_pair(p, name, v, &f->headers[f->header_count].name, &f->headers[f->header_count].value) &&
                       ++f->header_count;
        default:
                if (!read_pair(p, name, v, &f->where[f->where_count].path, &f->where[f->where_count].value))
                        return false;
                if (!sl_dlq_json_path(f->where[f->where_count].path))
                        return REFUSE(p, "--where: %.100s is no path: a.b[0].c, or a['b.c'] where a name has dots", v);
                return ++f->where_count;
        }
}

/* What changes something. */
static bool apply_action(struct parse *p, enum option option, const char *name, const char *v)
{
        struct sl_dlq_opts *o = p->o;
        int64_t n;
        switch ((int)option) {
        case O_TO:
                o->to = v;
                return strcmp(v, "original") == 0 || (strncmp(v, "topic:", 6) == 0 && v[6]) ||
                       (strncmp(v, "connector:", 10) == 0 && v[10]) ||
                       REFUSE(p, "--to is original, topic:NAME or connector:NAME, not %.80s", v);
        case O_TRANSFORMS:
                o->transforms = v;
                return true;
        case O_SUBJECT:
                o->value_subject = v;
                return true;
        case O_VERSION:
                if (!read_number(p, name, v, INT32_MAX, &n))
                        return false;
                o->value_version = (int32_t)n;
                return true;
        case O_RENAME:
                return add_repair(p, SL_DLQ_RENAME, name, &o->rename, v);
        case O_DEFAULT:
                return add_repair(p, SL_DLQ_DEFAULT, name, &o->defaults, v);
        case O_CAST:
                return add_repair(p, SL_DLQ_CAST, name, &o->cast, v);
        case O_ENUM:
                return add_repair(p, SL_DLQ_ENUM, name, &o->enums, v);
        case O_RATE:
                return read_rate(p, v);
        case O_CANARY:
                return read_canary(p, v);
        case O_REASON:
                o->reason = v;
                return true;
        case O_APPLY:
                o->apply = true;
                return true;
        case O_DRY_RUN:
                p->dry_run = true;
                return true;
        case O_LOSSY:
                o->allow_lossy = true;
                return true;
        case O_MAX_FAILURES:
                return read_percent(p, v);
        case O_KEEP_ORDER:
                o->keep_order = true;
                return true;
        default:
                o->force = true;
                return true;
        }
}

static bool apply(struct parse *p, enum option option, const char *name, const char *v)
{
        struct sl_dlq_opts *o = p->o;
        if (option >= O_CLASS && option <= O_WHERE)
                return apply_filter(p, option, name, v);
        if (option >= O_TO && option <= O_REASON)
                return apply_action(p, option, name, v);
        switch ((int)option) {
        case O_BOOTSTRAP:
                o->bootstrap = v;
                return true;
        case O_TOPIC:
                o->topic = v;
                return true;
        case O_COMMAND_CONFIG:
                o->command_config = v;
                return true;
        case O_CONNECT:
                o->connect = v;
                return strncmp(v, "http://", 7) == 0 || strncmp(v, "https://", 8) == 0 ||
                       REFUSE(p, "--connect is the http address of a worker's REST, as http://connect:8083");
        case O_RULES:
                o->rules = v;
                return true;
        case O_JSON:
                o->json = true;
                return true;
        case O_LIMIT:
                return read_number(p, name, v, INT64_MAX, &o->limit);
        case O_FIND_ORIGIN:
                o->find_origin = true;
                return true;
        case O_SOURCE:
                o->source = v;
                return true;
        case O_OUTPUT:
                o->output = v;
                return true;
        case O_LOG_FORMAT:
        case O_LOG_LEVEL:
                return read_log(p, option == O_LOG_LEVEL, v);
        default:
                o->help = true;
                return true;
        }
}

/* ---- the line ---- */

static const char *command_name(enum sl_dlq_cmd cmd)
{
        static const char *const names[] = {"groups",     "list",    "show",    "explain", "replay",
                                            "quarantine", "release", "discard", "export",  "stats"};
        return names[__builtin_ctz(cmd)];
}

static bool take(struct parse *p, int argc, char *const *argv, int *i)
{
        const char *arg = argv[*i];
        size_t len = strcspn(arg, "=");
        for (size_t k = 0; k < NROWS; k++) {
                if (strlen(rows[k].name) != len || strncmp(arg, rows[k].name, len) != 0)
                        continue;
                if (!(rows[k].commands & p->cmd))
                        return REFUSE(p, "%s is not an option of dlq %s", rows[k].name, command_name(p->cmd));
                const char *value = arg[len] ? arg + len + 1 : NULL;
                if (!rows[k].value && value)
                        return REFUSE(p, "%s takes no value", rows[k].name);
                if (rows[k].value && !value)
                        value = ++*i < argc ? argv[*i] : NULL;
                if (rows[k].value && (!value || (!*value && rows[k].option != O_KEY))) /* keys may be empty */
                        return REFUSE(p, "%s needs a value", rows[k].name);
                p->form = rows[k].value;
                return apply(p, rows[k].option, rows[k].name, value);
        }
        return REFUSE(p, *arg == '-' ? "unknown option %.100s" : "what is %.100s? All is given as options", arg);
}

static bool finish(struct parse *p)
{
        struct sl_dlq_opts *o = p->o;
        struct sl_err err = {0};
        if (o->apply && p->dry_run)
                return REFUSE(p, "--apply and --dry-run exclude each other");
        if (p->odd_cast && !o->value_subject)
                return REFUSE(p, "--cast %.80s: a type is boolean, int8, int16, int32, int64, float32, float64, string or bytes", p->odd_cast);
        if (o->value_version && !o->value_subject)
                return REFUSE(p, "--value-version needs --value-subject");
        if (o->filter.since_ms && o->filter.until_ms && o->filter.since_ms >= o->filter.until_ms)
                return REFUSE(p, "--since is not before --until: no record can be meant");
        if (!o->topic)
                return REFUSE(p, "--topic is missing: the dead-letter topic");
        if (o->command_config && sl_props_load(&o->client, o->command_config, &err) != SL_OK) {
                o->bad_config = true;
                return REFUSE(p, "--command-config: %.400s", err.msg);
        }
        if (o->bootstrap)
                sl_props_set(&o->client, "bootstrap.servers", o->bootstrap);
        o->dry_run = p->dry_run;
        return sl_props_get(&o->client, "bootstrap.servers") || REFUSE(p, "--bootstrap-server is missing: host:port of a broker");
}

bool sl_dlq_opts_parse(enum sl_dlq_cmd cmd, int argc, char *const *argv, struct sl_dlq_opts *ret, char *why, size_t n)
{
        struct parse p = {.o = ret, .cmd = cmd, .why = why, .n = n};
        memset(ret, 0, sizeof(*ret));
        ret->level = SL_LOG_WARN;
        for (int i = 0; i < argc; i++)
                if (!take(&p, argc, argv, &i))
                        return false;
        return ret->help || finish(&p);
}

bool sl_dlq_opts_known(const char *name, bool *ret_value)
{
        for (size_t i = 0; i < NROWS; i++)
                if (strncmp(rows[i].name, "--", 2) == 0 && strcmp(rows[i].name + 2, name) == 0) {
                        *ret_value = rows[i].value != NULL;
                        return true;
                }
        return false;
}

void sl_dlq_opts_free(struct sl_dlq_opts *o)
{
        sl_props_free(&o->client);
        sl_map_free(&o->names, free);
}

void sl_dlq_opts_help(enum sl_dlq_cmd cmd, struct sl_buf *out)
{
        for (size_t i = 0; i < NROWS; i++) {
                char head[60];
                if (!(rows[i].commands & cmd) || !rows[i].text)
                        continue;
                snprintf(head, sizeof(head), "%s %s", rows[i].name, rows[i].value ? rows[i].value : "");
                sl_buf_printf(out, "  %-24s %s\n", head, rows[i].text);
        }
}

bool sl_dlq_opts_at(size_t i, struct sl_dlq_opt *ret)
{
        if (i >= NROWS)
                return false;
        *ret = (struct sl_dlq_opt){rows[i].name, rows[i].value, rows[i].text, rows[i].commands};
        return true;
}
