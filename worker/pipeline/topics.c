/* SPDX-License-Identifier: Apache-2.0 */
/* topic.creation.* groups (see topics.h). Keys and rules are those of Connect's SourceConnectorConfig and TopicCreationGroup:
 * lists of Java regular expressions match whole names, exclude beats include, the first group in the list's order wins, a group's
 * partitions and replication factor default to those of the group `default`, every other key is a config of the topic. Values that
 * could never work are refused at validation, which Connect leaves to the broker. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "pipeline/topics.h"

#include <pcre2.h>
#include <stdlib.h>

#include "base/clock.h"

#define PREFIX "topic.creation."
#define ADMIN_STEP_MS 3000
#define ADMIN_LIMIT_MS 30000
#define CREATE_MS 30000

struct group {
        const char *name;
        pcre2_code *include, *exclude; /* NULL = matches nothing */
        int32_t partitions, replication;
        const char *const *config;
};
struct sl_topics {
        struct sl_task *t;
        struct sl_admin *admin;
        struct sl_arena arena;
        struct group *groups; /* in order; the default group is the last and fits always */
        uint32_t count;
};

struct rows {
        struct sl_cfg_list include, exclude;
        int32_t partitions, replication;
};
static const struct sl_cfg_def group_defs[] = {{SL_CFG_LIST(struct rows, include, "include"), .def = ""},
                                               {SL_CFG_LIST(struct rows, exclude, "exclude"), .def = ""},
                                               {SL_CFG_INT(struct rows, partitions, "partitions")},
                                               {SL_CFG_INT(struct rows, replication, "replication.factor")},
                                               {0}};

static bool is_default(const char *name)
{
        return strcmp(name, "default") == 0;
}

static bool in_use(const struct sl_props *config)
{
        const char *key, *value;
        for (size_t i = 0; sl_props_next(config, &i, &key, &value);)
                if (strncmp(key, PREFIX, strlen(PREFIX)) == 0)
                        return true;
        return false;
}

/* The expressions of a list as one; *ret NULL for an empty list. */
static void compile(const char *key, const struct sl_cfg_list *list, pcre2_code **ret, struct sl_cfg_report *r)
{
        struct sl_buf all = {0};
        char why[200];
        int code;
        size_t at;
        *ret = NULL;
        for (uint32_t i = 0; i < list->count; i++)
                sl_buf_printf(&all, "%s%s", i ? "|" : "", list->items[i]);
        if (all.len) {
                *ret = pcre2_compile((PCRE2_SPTR)sl_buf_cstr(&all), all.len, PCRE2_UTF, &code, &at, NULL);
                if (!*ret) {
                        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
                        sl_cfg_add_error(r, key, "Invalid value %s for configuration %s: %s near position %zu",
                                         sl_buf_cstr(&all), key, why, at);
                }
        }
        sl_buf_free(&all);
}

static bool fits(const pcre2_code *re, const char *topic)
{
        if (!re)
                return false;
        pcre2_match_data *md = pcre2_match_data_create_from_pattern(re, NULL);
        int n = pcre2_match(re, (PCRE2_SPTR)topic, strlen(topic), 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, md, NULL);
        pcre2_match_data_free(md);
        return n >= 0;
}

/* A count: -1 (the broker's default) or from 1 to most. fallback: when the key is not set; 0 = it must be. */
static int32_t count_of(const struct sl_props *config, const char *key, int32_t given, int32_t fallback, int32_t most,
                        struct sl_cfg_report *r)
{
        const char *text = sl_props_get(config, key);
        if (!text && !fallback)
                sl_cfg_add_error(r, key, "Missing required configuration \"%s\" which has no default value.", key);
        if (!text)
                return fallback;
        if (!sl_cfg_has_error(r, key) && (given < -1 || given == 0 || given > most))
                sl_cfg_add_error(r, key,
                                 "Invalid value %s for configuration %s: Value must be -1 (the broker's default) or from 1 "
                                 "to %d",
                                 text, key, most);
        return given;
}

/* Everything behind the group's prefix that is not ours: configs of the topic. */
static const char *const *topic_config(const char *prefix, const struct sl_props *config, struct sl_arena *arena)
{
        const char *key, *value, **out;
        size_t n = 0, len = strlen(prefix);
        for (size_t i = 0; sl_props_next(config, &i, &key, &value);)
                n++;
        out = sl_arena_zalloc(arena, (2 * n + 1) * sizeof(*out));
        n = 0;
        for (size_t i = 0; sl_props_next(config, &i, &key, &value);) {
                if (strncmp(key, prefix, len) != 0 || !value || sl_cfg_find(group_defs, key + len))
                        continue;
                out[n++] = sl_arena_strdup(arena, key + len);
                out[n++] = sl_arena_strdup(arena, value);
        }
        return out;
}

/* base: the default group, NULL while it is read itself. */
static void read_group(const char *name, const struct sl_props *config, const struct group *base, struct sl_arena *arena,
                       struct group *ret, struct sl_cfg_report *r)
{
        const char *prefix = sl_arena_printf(arena, PREFIX "%s.", name);
        struct rows *rows = sl_arena_zalloc(arena, sizeof(*rows));
        sl_cfg_parse_at(group_defs, prefix, config, rows, arena, r);
        ret->name = sl_arena_strdup(arena, name);
        ret->partitions = count_of(config, sl_arena_printf(arena, "%spartitions", prefix), rows->partitions,
                                   base ? -1 : 0, 1000000, r);
        ret->replication = count_of(config, sl_arena_printf(arena, "%sreplication.factor", prefix), rows->replication,
                                    base ? -1 : 0, INT16_MAX, r);
        if (base && !sl_props_get(config, sl_arena_printf(arena, "%spartitions", prefix)))
                ret->partitions = base->partitions;
        if (base && !sl_props_get(config, sl_arena_printf(arena, "%sreplication.factor", prefix)))
                ret->replication = base->replication;
        ret->config = topic_config(prefix, config, arena);
        if (!base)
                return;
        compile(sl_arena_printf(arena, "%sinclude", prefix), &rows->include, &ret->include, r);
        compile(sl_arena_printf(arena, "%sexclude", prefix), &rows->exclude, &ret->exclude, r);
        if (!rows->include.count)
                sl_cfg_add_warning(r, prefix, "The topic creation group %s matches no topic: set %sinclude", name, prefix);
}

/* Keys of groups that nobody lists. */
static void check_strays(const struct sl_conn_cfg *common, const struct sl_props *config, struct sl_cfg_report *r)
{
        const char *key, *value;
        for (size_t i = 0; sl_props_next(config, &i, &key, &value);) {
                const char *rest = key + strlen(PREFIX);
                if (strncmp(key, PREFIX, strlen(PREFIX)) != 0 || strcmp(rest, "groups") == 0)
                        continue;
                bool known = strncmp(rest, "default.", 8) == 0;
                for (uint32_t g = 0; g < common->creation_groups.count && !known; g++) {
                        size_t n = strlen(common->creation_groups.items[g]);
                        known = strncmp(rest, common->creation_groups.items[g], n) == 0 && rest[n] == '.';
                }
                if (!known)
                        sl_cfg_add_warning(r, key, "%s has no effect: its group is not listed in topic.creation.groups", key);
        }
}

static void parse(const struct sl_conn_cfg *common, const struct sl_props *config, struct sl_topics *c,
                  struct sl_cfg_report *r)
{
        const struct sl_cfg_list *list = &common->creation_groups;
        c->groups = sl_arena_zalloc(&c->arena, (list->count + 1) * sizeof(*c->groups));
        struct group base = {0};
        read_group("default", config, NULL, &c->arena, &base, r);
        for (uint32_t i = 0; i < list->count; i++) {
                for (uint32_t k = 0; k < i; k++)
                        if (strcmp(list->items[i], list->items[k]) == 0) {
                                sl_cfg_add_error(r, PREFIX "groups",
                                                 "Invalid value %s for configuration " PREFIX
                                                 "groups: Duplicate alias provided.",
                                                 sl_props_get(config, PREFIX "groups"));
                                c->groups[c->count++] = base;
                                return;
                        }
                if (!is_default(list->items[i]))
                        read_group(list->items[i], config, &base, &c->arena, &c->groups[c->count++], r);
        }
        c->groups[c->count++] = base;
        check_strays(common, config, r);
}

void sl_topics_check(const struct sl_conn_cfg *common, const struct sl_props *config, struct sl_cfg_report *r)
{
        if (!in_use(config))
                return;
        struct sl_topics *c = sl_calloc(1, sizeof(*c));
        sl_arena_init(&c->arena, 4096);
        parse(common, config, c, r);
        sl_topics_free(c);
}

enum sl_rc sl_topics_new(struct sl_task *t, const struct sl_conn_cfg *common, struct sl_admin *admin, struct sl_topics **ret,
                         struct sl_err *err)
{
        const char *enabled = sl_props_get(t->worker, "topic.creation.enable");
        if (!in_use(&t->config) || (enabled && strcasecmp(enabled, "false") == 0))
                return SL_OK;
        struct sl_topics *c = sl_calloc(1, sizeof(*c));
        struct sl_cfg_report r = {0};
        enum sl_rc rc = SL_OK;
        c->t = t;
        c->admin = admin;
        sl_arena_init(&c->arena, 4096);
        parse(common, &t->config, c, &r);
        for (uint32_t i = 0; i < r.count && rc == SL_OK; i++)
                if (!r.findings[i].warning)
                        rc = sl_fail(err, SL_E_CONFIG, "%s", r.findings[i].text);
        sl_cfg_report_free(&r);
        *ret = c;
        return rc;
}

void sl_topics_free(struct sl_topics *c)
{
        if (!c)
                return;
        for (uint32_t i = 0; i < c->count; i++) {
                pcre2_code_free(c->groups[i].include);
                pcre2_code_free(c->groups[i].exclude);
        }
        sl_arena_free(&c->arena);
        free(c);
}

enum sl_rc sl_task_topic_partitions(struct sl_task *t, struct sl_admin *admin, const char *topic, int32_t *ret,
                                    struct sl_err *err)
{
        int64_t deadline = sl_mono_ms() + ADMIN_LIMIT_MS;
        for (;;) {
                struct sl_err why = {0};
                enum sl_rc rc = sl_admin_topic_partitions(admin, topic, ADMIN_STEP_MS, ret, &why);
                if (rc == SL_OK)
                        return SL_OK;
                if (sl_task_halted(t))
                        return sl_fail(err, SL_E_STOPPED, "the task is stopping while Kafka does not answer");
                if (rc != SL_TRANSIENT || sl_mono_ms() >= deadline) {
                        *err = why;
                        return rc;
                }
        }
}

static const struct group *choose(const struct sl_topics *c, const char *topic)
{
        for (uint32_t i = 0; i + 1 < c->count; i++)
                if (fits(c->groups[i].include, topic) && !fits(c->groups[i].exclude, topic))
                        return &c->groups[i];
        return &c->groups[c->count - 1];
}

enum sl_rc sl_topics_ensure(struct sl_topics *c, const char *topic, struct sl_err *err)
{
        int32_t partitions = 0;
        bool created = false;
        SL_TRY(sl_task_topic_partitions(c->t, c->admin, topic, &partitions, err));
        if (partitions > 0)
                return SL_OK;
        const struct group *g = choose(c, topic);
        struct sl_topic_spec spec = {
                .name = topic, .partitions = g->partitions, .replication = g->replication, .config = g->config};
        enum sl_rc rc = sl_admin_create_topic(c->admin, &spec, CREATE_MS, &created, err);
        if (rc != SL_OK) {
                sl_err_prefix(err,
                              "Task failed to create new topic %s. Ensure that the task is authorized to create topics or that "
                              "the topic exists and restart the task",
                              topic);
                err->java = SL_JAVA_CONNECT;
                return rc;
        }
        sl_info("topic %s: %s, group %s", topic, created ? "created" : "exists", g->name);
        return SL_OK;
}
