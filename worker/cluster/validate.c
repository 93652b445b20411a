/* SPDX-License-Identifier: Apache-2.0 */
/* Validation of connector configs (see validate.h). The tables of transforms and converters are copied with the prefix
 * that their keys have in the config, so that parsing, texts and the REST answer all speak of the full key. */
#include "cluster/validate.h"
#include <regex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "base/guard.h"
#include "cluster/workercfg.h"
#include "kafka/client.h"
#include "kafka/regex.h"
#include "pipeline/hint.h"

static enum sl_rc no_class(const struct sl_props *raw, struct sl_err *err)
{
        struct sl_buf dump = {0};
        const char *key, *value;
        for (size_t i = 0; sl_props_next(raw, &i, &key, &value);)
                sl_buf_printf(&dump, "%s%s=%s", dump.len ? ", " : "", key,
                              !value                           ? "null"
                              : sl_cfg_is_secret(NULL, 0, key) ? SL_MASK
                                                               : value);
        enum sl_rc rc =
                sl_fail(err, SL_E_CONFIG, "Connector config {%.800s} contains no connector type", sl_buf_cstr(&dump));
        sl_buf_free(&dump);
        return rc;
}

/* Java leaves a reference to a provider that the worker does not declare as it is; so do we, but say so. */
static void warn_undeclared(struct sl_validation *v, const char *key)
{
        static const char *const providers[] = {"file", "dir", "directory"};
        const char *value = sl_props_get(&v->resolved, key);
        for (size_t i = 0; value && i < 3; i++) {
                const char *start = sl_arena_printf(&v->arena, "${%s:", providers[i]);
                if (strstr(value, start))
                        sl_cfg_add_warning(
                                &v->report, key,
                                "%s refers to the configuration provider %s, which the worker's config.providers does "
                                "not list: the text is used as it is",
                                key, providers[i]);
        }
}

/* Resolve key by key, so that each reference that fails is an error of its own key. */
static void resolve(const struct sl_validate_opts *opts, const struct sl_props *raw, struct sl_validation *v)
{
        const char *key, *value;
        for (size_t i = 0; sl_props_next(raw, &i, &key, &value);) {
                struct sl_props one = {0};
                struct sl_err err = {0};
                sl_props_set(&one, key, value);
                if (!opts->providers || !value)
                        sl_props_set(&v->resolved, key, value);
                else if (sl_providers_resolve(opts->providers, &one, &v->resolved, &err) != SL_OK) {
                        sl_cfg_add_error(&v->report, key, "%s", err.msg);
                        sl_props_set(&v->resolved, key, value);
                }
                sl_props_free(&one);
                warn_undeclared(v, key);
        }
}

static void add_table(struct sl_validation *v, enum sl_vtable_kind kind, const struct sl_cfg_def *defs)
{
        struct sl_vtable *tables = sl_arena_alloc(&v->arena, (v->ntables + 1) * sizeof(*tables));
        if (v->ntables)
                memcpy(tables, v->tables, v->ntables * sizeof(*tables));
        tables[v->ntables++] = (struct sl_vtable){kind, defs};
        v->tables = tables;
}

/* A copy of the table with prefix before every name. */
static struct sl_cfg_def *prefixed(struct sl_arena *arena, const struct sl_cfg_def *defs, const char *prefix,
                                   const char *group)
{
        size_t n = 0;
        while (defs[n].name)
                n++;
        struct sl_cfg_def *copy = sl_arena_zalloc(arena, (n + 1) * sizeof(*copy));
        for (size_t i = 0; i < n; i++) {
                copy[i] = defs[i];
                copy[i].name = sl_arena_printf(arena, "%s%s", prefix, defs[i].name);
                if (defs[i].alias_of)
                        copy[i].alias_of = sl_arena_printf(arena, "%s%s", prefix, defs[i].alias_of);
                if (!defs[i].display)
                        copy[i].display = defs[i].name;
                if (group)
                        copy[i].group = group;
        }
        return copy;
}

static void keys_with_prefix(const struct sl_props *props, const char *prefix, struct sl_props *out)
{
        const char *key, *value;
        for (size_t i = 0; sl_props_next(props, &i, &key, &value);)
                if (strncmp(key, prefix, strlen(prefix)) == 0)
                        sl_props_set(out, key, value);
}

/* Java's order of an embedded table: without default first, then by importance, then by name. */
static int by_rank(const void *a, const void *b)
{
        const struct sl_cfg_def *x = a, *y = b;
        bool rx = x->flags & SL_CFG_REQUIRED, ry = y->flags & SL_CFG_REQUIRED;
        if (rx != ry)
                return rx ? -1 : 1;
        return x->importance != y->importance ? (int)y->importance - (int)x->importance : strcmp(x->name, y->name);
}

/* What is shown of a transform: its type, then its own keys and the framework's among each other. */
static struct sl_cfg_def *merged(struct sl_arena *arena, const struct sl_cfg_def *rows, const struct sl_cfg_def *own)
{
        size_t n = 0, m = 0;
        while (rows[n].name)
                n++;
        while (own && own[m].name)
                m++;
        struct sl_cfg_def *all = sl_arena_zalloc(arena, (n + m + 1) * sizeof(*all));
        memcpy(all, rows, n * sizeof(*all));
        if (m)
                memcpy(all + n, own, m * sizeof(*all));
        qsort(all + 1, n + m - 1, sizeof(*all), by_rank);
        return all;
}

struct transform_keys {
        const char *type, *predicate;
        bool negate;
};
static const struct sl_cfg_def transform_rows[] = {
        {SL_CFG_CLASS(struct transform_keys, type, "type"), .flags = SL_CFG_REQUIRED, .importance = SL_HIGH,
         .doc = "Class or alias of the transform."},
        {SL_CFG_STR(struct transform_keys, predicate, "predicate"), .importance = SL_MEDIUM,
         .doc = "Alias of a predicate that decides for which records the transform runs."},
        {SL_CFG_NONE("plugin.version", SL_CFG_T_STRING), .flags = SL_CFG_IGNORED | SL_CFG_HIDDEN,
         .doc = "There is one version of each plugin: the program's."},
        {SL_CFG_BOOL(struct transform_keys, negate, "negate"), .def = "false", .importance = SL_MEDIUM,
         .doc = "Run the transform where the predicate says no."},
        {0}};
static const struct sl_cfg_def predicate_rows[] = {
        {SL_CFG_CLASS(struct transform_keys, type, "type"), .flags = SL_CFG_REQUIRED, .importance = SL_HIGH,
         .doc = "Class or alias of the predicate."},
        {SL_CFG_NONE("plugin.version", SL_CFG_T_STRING), .flags = SL_CFG_IGNORED | SL_CFG_HIDDEN,
         .doc = "There is one version of each plugin: the program's."},
        {0}};

/* The keys of a transform or predicate that its class defines, and those that nobody does. rows: the framework's, shown first. */
struct part {
        enum sl_vtable_kind kind;
        const char *prefix, *group;
        const struct sl_cfg_def *rows, *config;
        uint32_t config_size;
        void (*check)(const void *cfg, struct sl_cfg_report *report);
        const struct sl_plugin *plugin;
};

/* A check's call, so that a plugin's can be guarded. */
struct checking {
        const struct part *part;
        const void *cfg;
        struct sl_cfg_report *report;
};
static void call_check(void *arg)
{
        const struct checking *c = arg;
        c->part->check(c->cfg, c->report);
}

static void check_part(struct sl_validation *v, const struct part *part)
{
        uint32_t before = v->report.errors;
        void *cfg = sl_arena_zalloc(&v->arena, part->config_size + 1);
        const struct sl_cfg_def *own = prefixed(&v->arena, part->config, part->prefix, part->group);
        sl_cfg_parse_at(part->config, part->prefix, &v->resolved, cfg, &v->arena, &v->report);
        add_table(v, part->kind, merged(&v->arena, part->rows, own));
        if (part->check && v->report.errors == before) {
                struct sl_cfg_report sub = {0};
                struct checking c = {part, cfg, &sub};
                int sig = part->plugin ? sl_guard_call(call_check, &c) : 0;
                if (!part->plugin)
                        call_check(&c);
                if (sig)
                        sl_cfg_add_error(&v->report, part->rows[0].name, "The plugin %s crashed in its check: %s (SIG%s)",
                                         part->plugin->name, strsignal(sig), sigabbrev_np(sig));
                for (uint32_t i = 0; i < sub.count; i++) {
                        const char *key = sl_arena_printf(&v->arena, "%s%s", part->prefix, sub.findings[i].key);
                        if (sub.findings[i].warning)
                                sl_cfg_add_warning(&v->report, key, "%s", sub.findings[i].text);
                        else
                                sl_cfg_add_error(&v->report, key, "%s", sub.findings[i].text);
                }
                sl_cfg_report_free(&sub);
        }
        struct sl_props mine = {0};
        const struct sl_cfg_def *tables[] = {part->rows, own};
        keys_with_prefix(&v->resolved, part->prefix, &mine);
        sl_props_remove(&mine, sl_arena_printf(&v->arena, "%splugin.version", part->prefix));
        sl_cfg_check_unknown(tables, 2, &mine, &v->report);
        sl_props_free(&mine);
}

static void class_missing(struct sl_validation *v, enum sl_hint_kind kind, const char *key, const char *class)
{
        struct sl_buf hint = {0};
        sl_hint_add(v->opts.plugins, kind, class, &hint);
        sl_cfg_add_error(&v->report, key, "Invalid value %s for configuration %s: Class %s could not be found.%s", class, key,
                         class, sl_buf_cstr(&hint));
        sl_buf_free(&hint);
}

static bool is_listed(const struct sl_cfg_list *list, const char *alias)
{
        for (uint32_t i = 0; i < list->count; i++)
                if (strcmp(list->items[i], alias) == 0)
                        return true;
        return false;
}

static void check_predicate_of(struct sl_validation *v, const char *prefix, const char *type_key, const char *alias)
{
        const char *key = sl_arena_printf(&v->arena, "%spredicate", prefix);
        const char *negate = sl_arena_printf(&v->arena, "%snegate", prefix);
        if (sl_props_get(&v->resolved, negate) && !sl_props_has(&v->resolved, key))
                sl_cfg_add_error(
                        &v->report, type_key,
                        "Config '%s' was provided but there is no config '%spredicate' defining a predicate to be "
                        "negated.",
                        negate, prefix);
        if (alias && !is_listed(&v->common.predicates, alias))
                sl_cfg_add_error(&v->report, key,
                                 "Invalid value %s for configuration %s: the predicate is not listed in predicates", alias,
                                 key);
}

static void check_transform(const struct sl_validate_opts *opts, struct sl_validation *v, const char *alias)
{
        const char *prefix = sl_arena_printf(&v->arena, "transforms.%s.", alias);
        const char *group = sl_arena_printf(&v->arena, "Transforms: %s", alias);
        struct transform_keys *keys = sl_arena_zalloc(&v->arena, sizeof(*keys));
        const struct sl_cfg_def *rows = prefixed(&v->arena, transform_rows, prefix, group);
        sl_cfg_parse(rows, &v->resolved, keys, &v->arena, &v->report);
        check_predicate_of(v, prefix, rows[0].name, keys->predicate);
        const struct sl_transform_ops *ops = keys->type ? sl_plugins_transform(opts->plugins, keys->type) : NULL;
        if (keys->type && !ops)
                class_missing(v, SL_HINT_TRANSFORM, rows[0].name, keys->type);
        if (ops)
                check_part(v, &(struct part){SL_VTABLE_TRANSFORM, prefix, group, rows, ops->config, ops->config_size,
                                             ops->check, ops->plugin});
        else
                add_table(v, SL_VTABLE_TRANSFORM, rows);
}

static void check_predicate(const struct sl_validate_opts *opts, struct sl_validation *v, const char *alias)
{
        const char *prefix = sl_arena_printf(&v->arena, "predicates.%s.", alias);
        const char *group = sl_arena_printf(&v->arena, "Predicates: %s", alias);
        struct transform_keys *keys = sl_arena_zalloc(&v->arena, sizeof(*keys));
        const struct sl_cfg_def *rows = prefixed(&v->arena, predicate_rows, prefix, group);
        sl_cfg_parse(rows, &v->resolved, keys, &v->arena, &v->report);
        const struct sl_predicate_ops *ops = keys->type ? sl_plugins_predicate(opts->plugins, keys->type) : NULL;
        if (keys->type && !ops)
                class_missing(v, SL_HINT_PREDICATE, rows[0].name, keys->type);
        if (ops)
                check_part(v, &(struct part){SL_VTABLE_PREDICATE, prefix, group, rows, ops->config, ops->config_size,
                                             ops->check, ops->plugin});
        else
                add_table(v, SL_VTABLE_PREDICATE, rows);
}

/* A list as Java prints it. */
static const char *java_list(struct sl_validation *v, const struct sl_cfg_list *list)
{
        struct sl_buf text = {0};
        for (uint32_t i = 0; i < list->count; i++)
                sl_buf_printf(&text, "%s%s", i ? ", " : "[", list->items[i]);
        sl_buf_adds(&text, list->count ? "]" : "[]");
        const char *copy = sl_arena_strdup(&v->arena, sl_buf_cstr(&text));
        sl_buf_free(&text);
        return copy;
}

/* Each alias of the list once, by one of the two functions above; then the keys of aliases that are not listed. */
static void check_aliases(const struct sl_validate_opts *opts, struct sl_validation *v, const char *kind,
                          const struct sl_cfg_list *list,
                          void (*one)(const struct sl_validate_opts *, struct sl_validation *, const char *))
{
        size_t skip = strlen(kind);
        for (uint32_t i = 0; i < list->count; i++)
                for (uint32_t k = 0; k < i; k++)
                        if (strcmp(list->items[i], list->items[k]) == 0) {
                                sl_cfg_add_error(&v->report, kind,
                                                 "Invalid value %s for configuration %s: Duplicate alias provided.",
                                                 java_list(v, list), kind);
                                return;
                        }
        for (uint32_t i = 0; i < list->count; i++)
                one(opts, v, list->items[i]);
        const char *key, *value;
        for (size_t i = 0; sl_props_next(&v->resolved, &i, &key, &value);) {
                if (strncmp(key, kind, skip) != 0 || key[skip] != '.')
                        continue;
                bool used = false;
                for (uint32_t k = 0; k < list->count && !used; k++) {
                        size_t n = strlen(list->items[k]);
                        used = strncmp(key + skip + 1, list->items[k], n) == 0 && key[skip + 1 + n] == '.';
                }
                if (!used)
                        sl_cfg_add_warning(&v->report, key, "%s has no effect: its alias is not listed in %s", key, kind);
        }
}

static void check_chain(const struct sl_validate_opts *opts, struct sl_validation *v)
{
        check_aliases(opts, v, "transforms", &v->common.transforms, check_transform);
        check_aliases(opts, v, "predicates", &v->common.predicates, check_predicate);
}

static void check_converter(const struct sl_validate_opts *opts, struct sl_validation *v, const char *key,
                            const char *given, bool header)
{
        if (!given)
                return; /* keys below it have no effect then, as in Connect */
        const struct sl_converter_ops *ops = sl_plugins_converter(opts->plugins, given);
        const char *class = NULL;
        if (!ops && sl_plugins_version(opts->plugins, given, &class)) {
                sl_cfg_add_error(&v->report, key, "Class class %s does not implement the %sConverter interface", class,
                                 header ? "Header" : "");
                return;
        }
        if (!ops) {
                class_missing(v, SL_HINT_CONVERTER, key, given);
                return;
        }
        if (header && !ops->header) {
                sl_cfg_add_error(&v->report, key, "Invalid value %s for configuration %s: Class %s could not be found.",
                                 given, key, given);
                return;
        }
        const char *prefix = sl_arena_printf(&v->arena, "%s.", key);
        struct sl_cfg_def *defs = prefixed(&v->arena, ops->config, prefix, NULL);
        void *cfg = sl_arena_zalloc(&v->arena, ops->config_size + 1);
        sl_cfg_parse(defs, &v->resolved, cfg, &v->arena, &v->report);
        add_table(v, SL_VTABLE_CONVERTER, defs);
        struct sl_props mine = {0};
        const struct sl_cfg_def *tables[] = {defs};
        keys_with_prefix(&v->resolved, prefix, &mine);
        sl_props_remove(&mine, sl_arena_printf(&v->arena, "%splugin.version", prefix));
        sl_cfg_check_unknown(tables, 1, &mine, &v->report);
        sl_props_free(&mine);
}

/* The regular expression of topics.regex as librdkafka will get it; false = said why not. */
static bool compile_topics(struct sl_validation *v, regex_t *re)
{
        static const char key[] = "topics.regex";
        struct sl_buf posix = {0};
        struct sl_err err = {0};
        char why[200];
        if (sl_kafka_topics_regex(v->common.topics_regex, &posix, &err) != SL_OK) {
                sl_cfg_add_error(&v->report, key, "Invalid value %s for configuration topics.regex: Invalid regex: %s",
                                 v->common.topics_regex, err.msg);
                sl_buf_free(&posix);
                return false;
        }
        int rc = regcomp(re, sl_buf_cstr(&posix), REG_EXTENDED | REG_NOSUB);
        sl_buf_free(&posix);
        if (rc == 0)
                return true;
        regerror(rc, re, why, sizeof(why));
        sl_cfg_add_error(&v->report, key, "Invalid value %s for configuration topics.regex: Invalid regex: %s",
                         v->common.topics_regex, why);
        return false;
}

static void check_regex(struct sl_validation *v)
{
        const char *dlq = v->common.dlq_topic;
        regex_t re;
        if (!v->common.topics_regex || !*v->common.topics_regex || !compile_topics(v, &re))
                return;
        if (dlq && *dlq && regexec(&re, dlq, 0, NULL, 0) == 0)
                sl_cfg_add_error(
                        &v->report, "topics.regex",
                        "The DLQ topic '%s' may not be matched by the regex for the topics ('topics.regex=%s') "
                        "consumed by the connector",
                        dlq, v->common.topics_regex);
        regfree(&re);
}

static void check_dlq(struct sl_validation *v)
{
        const char *dlq = v->common.dlq_topic;
        for (uint32_t i = 0; dlq && *dlq && i < v->common.topics.count; i++)
                if (strcmp(v->common.topics.items[i], dlq) == 0)
                        sl_cfg_add_error(&v->report, "topics",
                                         "The DLQ topic '%s' may not be included in the list of topics ('topics=%s') "
                                         "consumed by the connector",
                                         dlq, java_list(v, &v->common.topics));
}

static void check_sink(const struct sl_validate_opts *opts, struct sl_validation *v)
{
        bool topics = v->common.topics.count > 0, regex = v->common.topics_regex && *v->common.topics_regex;
        if (v->sink->run) {
                if (topics || regex)
                        sl_cfg_add_error(&v->report, topics ? "topics" : "topics.regex",
                                         "This connector reads no topics as a consumer group: remove %s",
                                         topics ? "topics" : "topics.regex");
        } else if (topics == regex) {
                const char *text = topics ? "topics and topics.regex are mutually exclusive options, but both are set."
                                          : "Must configure one of topics or topics.regex";
                sl_cfg_add_error(&v->report, "topics", "%s", text);
                sl_cfg_add_error(&v->report, "topics.regex", "%s", text);
        }
        check_dlq(v);
        check_regex(v);
        if (!opts->worker_group || !v->common.name)
                return;
        const char *group = sl_props_get(&v->resolved, "consumer.override.group.id");
        if (group && strcmp(group, opts->worker_group) == 0)
                sl_cfg_add_error(&v->report, "consumer.override.group.id",
                                 "Consumer group %s conflicts with Connect worker group %s", group, opts->worker_group);
        else if (!group && strncmp(opts->worker_group, "connect-", 8) == 0 &&
                 strcmp(opts->worker_group + 8, v->common.name) == 0)
                sl_cfg_add_error(&v->report, "name",
                                 "Consumer group for sink connector named %s conflicts with Connect worker group %s",
                                 v->common.name, opts->worker_group);
}

static void check_name(struct sl_validation *v)
{
        struct sl_buf codes = {0};
        for (const char *p = v->common.name; p && *p; p++)
                if ((unsigned char)*p < 32 || *p == 127)
                        sl_buf_printf(&codes, "%s%d", codes.len ? ", " : "", *p);
        if (v->common.name && !*v->common.name)
                sl_cfg_add_error(&v->report, "name", "Invalid value  for configuration name: String may not be empty");
        if (codes.len)
                sl_cfg_add_error(
                        &v->report, "name",
                        "Invalid value %s for configuration name: String may not contain control sequences but had the "
                        "following ASCII chars: %s",
                        v->common.name, sl_buf_cstr(&codes));
        sl_buf_free(&codes);
}

static bool allows(const struct sl_validate_opts *opts, const char *policy, const char *key)
{
        static const char *const principal[] = {"sasl.jaas.config", "sasl.mechanism", "security.protocol"};
        const char *list = opts->worker ? sl_props_get(opts->worker, "connector.client.config.override.allowlist") : NULL;
        size_t len = strlen(key);
        for (size_t i = 0; i < 3 && strcmp(policy, "Principal") == 0; i++)
                if (strcmp(key, principal[i]) == 0)
                        return true;
        for (const char *p = list; p && *p && strcmp(policy, "Allowlist") == 0;) {
                p += strspn(p, ", \t\r\n");
                size_t n = strcspn(p, ", \t\r\n");
                if (n == len && strncmp(p, key, n) == 0)
                        return true;
                p += n;
        }
        return false;
}

static void check_policy(const struct sl_validate_opts *opts, struct sl_validation *v)
{
        static const char *const prefixes[] = {"producer.override.", "consumer.override.", "admin.override."};
        const char *policy = sl_worker_policy(opts->override_policy), *key, *value;
        if (!policy || strcmp(policy, "All") == 0)
                return;
        for (size_t i = 0; sl_props_next(&v->resolved, &i, &key, &value);) {
                for (size_t k = 0; k < 3; k++) {
                        size_t n = strlen(prefixes[k]);
                        if (strncmp(key, prefixes[k], n) == 0 && !allows(opts, policy, key + n))
                                sl_cfg_add_error(
                                        &v->report, key,
                                        "The '%s' policy does not allow '%s' to be overridden in the connector "
                                        "configuration.",
                                        policy, key + n);
                }
        }
}

/* A mask that had nothing stored behind it would become the password. */
static void check_masks(const struct sl_validate_opts *opts, const struct sl_props *raw, const char *class,
                        struct sl_validation *v)
{
        const char *key, *value;
        for (size_t i = 0; sl_props_next(raw, &i, &key, &value);)
                if (value && strcmp(value, SL_MASK) == 0 && sl_config_is_secret(opts->plugins, class, key))
                        sl_cfg_add_error(&v->report, key,
                                         "%s is the mask " SL_MASK
                                         " that REST shows for a secret, and no value is stored for "
                                         "it: give the value, or a reference such as ${env:NAME}",
                                         key);
}

/* The connector's own table. A key of it that is null is no error, in Connect, even a required one. */
static void parse_own(struct sl_validation *v, const struct sl_cfg_def *own, void *cfg)
{
        struct sl_cfg_report found = {0};
        sl_cfg_parse(own, &v->resolved, cfg, &v->arena, &found);
        for (uint32_t i = 0; i < found.count; i++) {
                const struct sl_cfg_finding *f = &found.findings[i];
                if (f->warning)
                        sl_cfg_add_warning(&v->report, f->key, "%s", f->text);
                else if (!sl_props_has(&v->resolved, f->key) || sl_props_get(&v->resolved, f->key))
                        sl_cfg_add_error(&v->report, f->key, "%s", f->text);
        }
        sl_cfg_report_free(&found);
}

static void check_nulls(const struct sl_props *raw, const struct sl_cfg_def *own, struct sl_validation *v)
{
        const char *key, *value;
        for (size_t i = 0; sl_props_next(raw, &i, &key, &value);)
                if (!value && !sl_cfg_find(own, key))
                        sl_cfg_add_error(&v->report, key,
                                         "Null value can not be supplied as the configuration value.");
}

enum sl_rc sl_validate(const struct sl_validate_opts *opts, const struct sl_props *raw, struct sl_validation *v,
                       struct sl_err *err)
{
        const char *class = sl_props_get(raw, "connector.class");
        if (!class)
                return no_class(raw, err);
        v->opts = *opts;
        sl_arena_init(&v->arena, 0);
        resolve(opts, raw, v);
        class = sl_props_get(&v->resolved, "connector.class");
        SL_TRY(sl_plugins_connector(opts->plugins, class, &v->source, &v->sink, err));

        const struct sl_cfg_def *common = v->source ? sl_source_common_defs : sl_sink_common_defs;
        const struct sl_cfg_def *own = v->source ? v->source->config : v->sink->config;
        sl_cfg_parse(common, &v->resolved, &v->common, &v->arena, &v->report);
        add_table(v, SL_VTABLE_COMMON, common);
        check_name(v);
        check_chain(opts, v);
        v->own = sl_arena_zalloc(&v->arena, (v->source ? v->source->config_size : v->sink->config_size) + 1);
        parse_own(v, own, v->own);
        add_table(v, SL_VTABLE_OWN, own);
        check_converter(opts, v, "header.converter", v->common.header_converter, true);
        check_converter(opts, v, "key.converter", v->common.key_converter, false);
        check_converter(opts, v, "value.converter", v->common.value_converter, false);
        if (v->sink)
                check_sink(opts, v);
        else
                sl_source_check(&v->common, &v->resolved, v->source->own_boundaries,
                                !opts->worker || sl_worker_exactly_once(opts->worker), &v->report);
        sl_kafka_check_overrides(&(struct sl_kafka_cfg){opts->worker, &v->resolved}, &v->report);
        check_policy(opts, v);
        check_masks(opts, raw, class, v);
        check_nulls(raw, own, v);
        const struct sl_cfg_def *tables[] = {common, own};
        sl_cfg_check_unknown(tables, 2, &v->resolved, &v->report);

        const char *name = v->common.name ? v->common.name : "";
        if (opts->offline || v->report.errors)
                return SL_OK;
        if (v->source && v->source->check)
                v->source->check(v->own, name, &v->report);
        else if (v->sink && v->sink->check)
                v->sink->check(v->own, name, &v->report);
        return SL_OK;
}

enum sl_rc sl_validate_chain(const struct sl_validate_opts *opts, const struct sl_props *raw, struct sl_validation *v)
{
        v->opts = *opts;
        sl_arena_init(&v->arena, 0);
        resolve(opts, raw, v);
        const char *class = sl_props_get(&v->resolved, "connector.class");
        if (!class || sl_plugins_connector(opts->plugins, class, &v->source, &v->sink, NULL) != SL_OK)
                sl_props_set(&v->resolved, "connector.class", class ? class : "");
        if (!sl_props_has(&v->resolved, "name"))
                sl_props_set(&v->resolved, "name", "transform");
        const struct sl_cfg_def *common = v->sink ? sl_sink_common_defs : sl_source_common_defs;
        sl_cfg_parse(common, &v->resolved, &v->common, &v->arena, &v->report);
        check_name(v);
        check_chain(opts, v);
        return v->report.errors ? SL_FATAL : SL_OK;
}

void sl_validation_free(struct sl_validation *v)
{
        sl_props_free(&v->resolved);
        sl_cfg_report_free(&v->report);
        sl_arena_free(&v->arena);
        memset(v, 0, sizeof(*v));
}

bool sl_config_is_secret(const struct sl_plugins *pl, const char *connector_class, const char *key)
{
        const struct sl_cfg_def *tables[2] = {NULL, NULL};
        size_t n = 0;
        if (connector_class && sl_plugins_tables(pl, connector_class, tables))
                n = tables[1] ? 2 : 1;
        return sl_cfg_is_secret(n ? tables : NULL, n, key);
}

/* Nothing but references: shows where the secret is, not what it is. */
static bool only_references(const char *value)
{
        while (strncmp(value, "${", 2) == 0) {
                const char *end = strchr(value, '}');
                if (!end || !memchr(value, ':', (size_t)(end - value)))
                        return false;
                value = end + 1;
        }
        return *value == '\0';
}

json_t *sl_config_masked_json(const struct sl_plugins *pl, const struct sl_props *config)
{
        json_t *out = json_object();
        const char *key, *value, *class = sl_props_get(config, "connector.class");
        for (size_t i = 0; sl_props_next(config, &i, &key, &value);) {
                bool mask = value && !only_references(value) && sl_config_is_secret(pl, class, key);
                json_object_set_new(out, key, !value ? json_null() : json_string(mask ? SL_MASK : value));
        }
        return out;
}

void sl_config_unmask(const struct sl_plugins *pl, struct sl_props *config, const struct sl_props *stored)
{
        const char *key, *value, *class = sl_props_get(config, "connector.class");
        struct sl_props kept = {0};
        for (size_t i = 0; sl_props_next(config, &i, &key, &value);) {
                const char *old = stored ? sl_props_get(stored, key) : NULL;
                if (old && value && strcmp(value, SL_MASK) == 0 && sl_config_is_secret(pl, class, key))
                        sl_props_set(&kept, key, old);
        }
        sl_props_copy(config, &kept);
        sl_props_free(&kept);
}
