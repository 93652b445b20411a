/* SPDX-License-Identifier: Apache-2.0 */
/* The dead-letter connector: "connector.class": "sluice.dlq". Its tasks share the topics of dlq.topics; each reads its own all the time
 * and mends by itself what the policy of a class or a rule tells it to, with the same ledger, audit topic and transactions as the
 * commands. docs/dlq-worker.md says how it behaves. One task after the other: what is slow for one topic (a registry that does not
 * answer) delays the others of the task, never their order. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "base/clock.h"
#include "base/log.h"
#include "dlq/decode.h"
#include "dlq/repair.h"
#include "dlq/worker.h"

#define T struct sl_dlq_worker_cfg
#define CLASS(rc, class, first, times, longest, attempts, age, most)                                                      \
        {SL_CFG_LONG(T, retry[rc].initial_ms, "dlq.retry." class ".initial.ms"), .def = first, .flags = SL_CFG_HAS_MIN,   \
         .min = 0, .importance = SL_MEDIUM, .group = "Retries: " class,                                                   \
         .doc = "Delay of the first retry; half of it follows from the letter's place, so that not all come at once."},   \
                {.name = "dlq.retry." class ".multiplier", .type = SL_CFG_T_DOUBLE,                                       \
                 .offset = SL_CFG_MEMBER_(T, retry[rc].multiplier, double), .def = times, .flags = SL_CFG_HAS_MIN,        \
                 .min = 1, .group = "Retries: " class, .doc = "Of each delay to the next."},                              \
                {SL_CFG_LONG(T, retry[rc].max_ms, "dlq.retry." class ".max.ms"), .def = longest, .flags = SL_CFG_HAS_MIN, \
                 .min = 0, .group = "Retries: " class, .doc = "The longest delay."},                                      \
                {SL_CFG_INT(T, retry[rc].attempts_max, "dlq.retry." class ".attempts.max"), .def = attempts,              \
                 .flags = SL_CFG_HAS_MIN, .min = -1, .importance = SL_MEDIUM, .group = "Retries: " class,                 \
                 .doc = "A record that has come back so often is quarantined; -1 = no limit, 0 = never retried by "       \
                        "itself: a person decides."},                                                                     \
                {SL_CFG_LONG(T, retry[rc].age_max_ms, "dlq.retry." class ".age.max.ms"), .def = age,                      \
                 .flags = SL_CFG_HAS_MIN, .min = 0, .importance = SL_MEDIUM, .group = "Retries: " class,                  \
                 .doc = "A letter that is still open so long after it was first seen is quarantined; 0 = never."},        \
        {                                                                                                                 \
                SL_CFG_LONG(T, retry[rc].budget, "dlq.retry." class ".budget.per.hour"), .def = most,                     \
                        .flags = SL_CFG_HAS_MIN, .min = 0, .group = "Retries: " class,                                    \
                        .doc = "Retries in any hour, of a task; 0 = no limit."                                            \
        }

static const struct sl_cfg_def rows[] = {
        {SL_CFG_LIST(T, topics, "dlq.topics"), .flags = SL_CFG_REQUIRED | SL_CFG_UNIQUE, .importance = SL_HIGH,
         .group = "Dead letters", .doc = "Dead-letter topics to look after; each belongs to one task. One that does not exist yet is waited for."},
        {SL_CFG_STR(T, rules_file, "dlq.rules.file"), .importance = SL_HIGH, .group = "Dead letters",
         .doc = "JSON file of rules as the commands take it, which may say what is to be done (action). Read again when it changes."},
        {SL_CFG_STR(T, connect, "dlq.connect.url"), .def = "self", .importance = SL_MEDIUM, .group = "Dead letters",
         .doc = "Whose connectors lend converters, transforms and source topics where headers say too little: self (of this worker's cluster), "
                "the REST address of another Connect worker, or none."},
        {SL_CFG_STR(T, quarantine_topic, "dlq.quarantine.topic"), .flags = SL_CFG_NONEMPTY, .importance = SL_MEDIUM,
         .group = "Dead letters", .doc = "Where letters are put aside; <dead-letter topic>-quarantine if not set. Made if it is missing."},
        {SL_CFG_STR(T, ledger_topic, "dlq.ledger.topic"), .def = "sluice-dlq-ledger", .flags = SL_CFG_NONEMPTY,
         .group = "Dead letters", .doc = "What has become of each letter; the commands must use the same topic."},
        {SL_CFG_STR(T, audit_topic, "dlq.audit.topic"), .def = "sluice-dlq-audit", .flags = SL_CFG_NONEMPTY,
         .group = "Dead letters", .doc = "What was done."},
        CLASS(SL_TRANSIENT, "transient", "1000", "2", "300000", "-1", "86400000", "100000"),
        CLASS(SL_SCHEMA, "schema_mismatch", "1000", "2", "300000", "10", "604800000", "100000"),
        CLASS(SL_DESERIALIZATION, "deserialization", "1000", "2", "300000", "10", "604800000", "100000"),
        CLASS(SL_BUSINESS, "business", "1000", "2", "300000", "0", "0", "100000"),
        CLASS(SL_UNKNOWN, "unknown", "1000", "2", "300000", "0", "0", "100000"),
        {SL_CFG_INT(T, breaker.percent, "dlq.breaker.failures.percent"), .def = "50", .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX,
         .min = 0, .max = 100, .group = "Breaker",
         .doc = "Retries to a topic stop when so many of the last minutes' came back; 0 = they don't."},
        {SL_CFG_INT(T, breaker.least, "dlq.breaker.failures.min"), .def = "20", .flags = SL_CFG_HAS_MIN, .min = 1,
         .group = "Breaker", .doc = "... and at least so many."},
        {SL_CFG_LONG(T, breaker.open_ms, "dlq.breaker.open.ms"), .def = "30000", .flags = SL_CFG_HAS_MIN, .min = 1,
         .group = "Breaker", .doc = "How long they stop before one letter is tried; doubles each time in a row, to ten times."},
        {SL_CFG_LONG(T, poll_ms, "dlq.poll.interval.ms"), .def = "1000", .flags = SL_CFG_HAS_MIN, .min = 50,
         .group = "Dead letters", .doc = "How often to look for new letters."},
        {SL_CFG_LONG(T, signal_ms, "dlq.signal.interval.ms"), .def = "2000", .flags = SL_CFG_HAS_MIN, .min = 1100,
         .group = "Dead letters", .doc = "How often the registry is asked for what schema failures wait for."},
        {SL_CFG_LONG(T, target_ms, "dlq.target.interval.ms"), .def = "30000", .flags = SL_CFG_HAS_MIN, .min = 1100,
         .group = "Dead letters", .doc = "How often a sink's target is asked for what its refused records wait for (Snowflake: the table's columns)."},
        {SL_CFG_LONG(T, operator_ms, "dlq.operator.wait.ms"), .def = "30000", .flags = SL_CFG_HAS_MIN, .min = 1000,
         .group = "Dead letters",
         .doc = "A command that acts on a topic is left alone until so long after its last transaction, or until its job is finished."},
        {SL_CFG_NONE("schema.registry.url", SL_CFG_T_LIST), .importance = SL_HIGH, .group = "Schema Registry",
         .doc = "The registry that values are read with and that is asked for what they wait for; not set: such letters wait for age.max.ms."},
        {SL_CFG_SECRET(T, user_info, "basic.auth.user.info"), .group = "Schema Registry",
         .doc = "user:password, with basic.auth.credentials.source=USER_INFO."},
        {SL_CFG_SECRET(T, bearer_token, "bearer.auth.token"), .group = "Schema Registry", .doc = "A token instead."},
        {SL_CFG_NONE("basic.auth.credentials.source", SL_CFG_T_STRING), .group = "Schema Registry",
         .doc = "URL, or USER_INFO for basic.auth.user.info."},
        {SL_CFG_NONE("schema.registry.ssl.", SL_CFG_T_STRING), .flags = SL_CFG_PREFIX | SL_CFG_HIDDEN},
        {0}};

static void check(const void *config, const char *connector sl_unused, struct sl_cfg_report *report)
{
        const struct sl_dlq_worker_cfg *cfg = config;
        struct sl_dlq_rules *rules = NULL;
        struct sl_err err = {0};
        for (uint32_t i = 0; i < cfg->topics.count; i++)
                if (cfg->quarantine_topic && strcmp(cfg->topics.items[i], cfg->quarantine_topic) == 0)
                        sl_cfg_add_error(report, "dlq.quarantine.topic",
                                         "%s is one of dlq.topics: quarantined letters would be read as dead ones", cfg->quarantine_topic);
        if (strcmp(cfg->connect, "self") != 0 && strcmp(cfg->connect, "none") != 0 && strncmp(cfg->connect, "http://", 7) != 0 &&
            strncmp(cfg->connect, "https://", 8) != 0)
                sl_cfg_add_error(report, "dlq.connect.url", "dlq.connect.url is self, none or the http address of a worker's REST, not %s",
                                 cfg->connect);
        if (!cfg->topics.count)
                sl_cfg_add_error(report, "dlq.topics", "dlq.topics names no topic");
        if (cfg->rules_file && sl_dlq_rules_load(cfg->rules_file, &rules, &err) != SL_OK)
                sl_cfg_add_error(report, "dlq.rules.file", "%s", err.msg);
        sl_dlq_rules_free(rules);
}

/* A topic belongs to one task: more tasks than topics have nothing to do. */
static uint32_t task_count(const struct sl_props *config, uint32_t max)
{
        struct sl_dlq_worker_cfg cfg = {0};
        struct sl_cfg_report report = {0};
        struct sl_arena arena;
        sl_arena_init(&arena, 4096);
        sl_cfg_parse(rows, config, &cfg, &arena, &report);
        uint32_t n = cfg.topics.count;
        sl_cfg_report_free(&report);
        sl_arena_free(&arena);
        return !n ? 1 : n < max ? n : max;
}

/* --- Rules ------------------------------------------------------------------------------------------------------------ */

static void free_mends(struct sl_dlq_mend *mends, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                sl_dlq_repair_free(mends[i].repair);
                sl_chain_free(mends[i].chain);
        }
        free(mends);
}

static void drop_rules(struct sl_dlq_worker *w)
{
        free_mends(w->mends, w->rule_count);
        for (uint32_t i = 0; i < w->rule_count; i++) {
                sl_metrics_drop(w->rule_labels[i]);
                free(w->rule_labels[i]);
        }
        free(w->rule_labels);
        free(w->rule_uses);
        sl_dlq_rules_free(w->rules);
        w->rules = NULL;
}

static enum sl_rc make_chain(struct sl_dlq_worker *w, const struct sl_dlq_rule *rule, struct sl_dlq_mend *m, struct sl_err *err)
{
        struct sl_cfg_report report = {0};
        struct sl_props props = {0};
        struct sl_arena arena;
        sl_arena_init(&arena, 0);
        sl_props_copy(&props, rule->transforms);
        sl_props_set(&props, "name", rule->id);
        sl_props_set(&props, "connector.class", "sluice.dlq");
        sl_cfg_parse(sl_sink_common_defs, &props, &m->common, &arena, &report);
        enum sl_rc rc = SL_OK;
        for (uint32_t i = 0; i < report.count && rc == SL_OK; i++)
                if (!report.findings[i].warning)
                        rc = sl_fail(err, SL_E_CONFIG, "rule %s: %s", rule->id, report.findings[i].text);
        if (rc == SL_OK)
                rc = sl_chain_new(w->env->plugins, &props, &m->common, &m->chain, err);
        m->common = (struct sl_conn_cfg){0};
        sl_cfg_report_free(&report);
        sl_props_free(&props);
        sl_arena_free(&arena);
        return rc;
}

static enum sl_rc make_mends(struct sl_dlq_worker *w, const struct sl_dlq_rules *rules, struct sl_dlq_mend **ret, uint32_t *ret_n,
                             struct sl_err *err)
{
        uint32_t n = 0;
        while (sl_dlq_rules_at(rules, n))
                n++;
        struct sl_dlq_mend *mends = sl_calloc(n + 1, sizeof(*mends));
        enum sl_rc rc = SL_OK;
        for (uint32_t i = 0; i < n && rc == SL_OK; i++) {
                const struct sl_dlq_rule *rule = sl_dlq_rules_at(rules, i);
                if (rule->transforms)
                        rc = make_chain(w, rule, &mends[i], err);
        }
        if (rc != SL_OK) {
                free_mends(mends, n);
                return rc;
        }
        *ret = mends;
        *ret_n = n;
        return SL_OK;
}

static void count_rules(struct sl_dlq_worker *w)
{
        w->rule_labels = sl_calloc(w->rule_count + 1, sizeof(*w->rule_labels));
        w->rule_uses = sl_calloc(w->rule_count + 1, sizeof(*w->rule_uses));
        for (uint32_t i = 0; i < w->rule_count; i++) {
                struct sl_buf labels = {0};
                sl_buf_adds(&labels, w->env->metric_labels);
                sl_metric_label(&labels, "rule", sl_dlq_rules_at(w->rules, i)->id);
                w->rule_labels[i] = sl_strdup(sl_buf_cstr(&labels));
                w->rule_uses[i] = sl_metric_get(SL_COUNTER, "sluice_dlq_rule_uses_total", "Dead letters that a rule's action was done with.",
                                                w->rule_labels[i]);
                sl_buf_free(&labels);
        }
}

static enum sl_rc load_rules(struct sl_dlq_worker *w, struct sl_err *err)
{
        struct sl_dlq_rules *rules = NULL;
        struct sl_dlq_mend *mends = NULL;
        uint32_t n = 0;
        SL_TRY(sl_dlq_rules_load(w->cfg->rules_file, &rules, err));
        enum sl_rc rc = make_mends(w, rules, &mends, &n, err);
        if (rc != SL_OK) {
                sl_dlq_rules_free(rules);
                return rc;
        }
        drop_rules(w);
        w->rules = rules;
        w->mends = mends;
        w->rule_count = n;
        count_rules(w);
        for (uint32_t i = 0; i < w->topic_count; i++)
                sl_dlq_topic_again(&w->topics[i]);
        return SL_OK;
}

/* Read the rules when the file is another one than before. What is wrong later leaves the rules that there are. */
static enum sl_rc look_at_rules(struct sl_dlq_worker *w, bool first, struct sl_err *err)
{
        struct stat st = {0};
        char stamp[sizeof(w->stamp)];
        struct sl_err why = {0};
        if (!w->cfg->rules_file)
                return SL_OK;
        if (stat(w->cfg->rules_file, &st) == 0)
                snprintf(stamp, sizeof(stamp), "%lx %lx %lx.%lx", st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
        else
                snprintf(stamp, sizeof(stamp), "none");
        if (strcmp(stamp, w->stamp) == 0)
                return SL_OK;
        snprintf(w->stamp, sizeof(w->stamp), "%s", stamp);
        if (first)
                return load_rules(w, err);
        if (load_rules(w, &why) == SL_OK)
                sl_info("%s was read: %u rules", w->cfg->rules_file, w->rule_count);
        else
                sl_log_err(SL_LOG_WARN, &why, "the changed rules are not used, those before stay");
        return SL_OK;
}

/* --- The task --------------------------------------------------------------------------------------------------------- */

static void set_default(struct sl_props *props, const char *key, const char *value)
{
        if (!sl_props_get(props, key))
                sl_props_set(props, key, value);
}

/* Where code that is shared with the commands looks for things: in one set of properties. */
static void make_client(struct sl_dlq_worker *w)
{
        static const char *const own[] = {"schema.registry.", "basic.auth.", "bearer.auth."};
        const char *key, *value;
        sl_props_copy(&w->client, w->env->worker);
        for (size_t i = 0; sl_props_next(w->env->config, &i, &key, &value);)
                for (size_t k = 0; k < sizeof(own) / sizeof(own[0]); k++)
                        if (strncmp(key, own[k], strlen(own[k])) == 0)
                                sl_props_set(&w->client, key, value);
        sl_props_set(&w->client, SL_DLQ_LEDGER_KEY, w->cfg->ledger_topic);
        sl_props_set(&w->client, SL_DLQ_AUDIT_KEY, w->cfg->audit_topic);
        if (w->cfg->quarantine_topic)
                sl_props_set(&w->client, SL_DLQ_QUARANTINE_KEY, w->cfg->quarantine_topic);
        /* A registry is asked again and again anyway, and nothing else goes on meanwhile. */
        set_default(&w->client, "latest.cache.ttl.sec", "1");
        set_default(&w->client, "max.retries", "0");
        set_default(&w->client, "http.connect.timeout.ms", "3000");
        set_default(&w->client, "http.read.timeout.ms", "5000");
        w->kafka = (struct sl_kafka_cfg){.worker = &w->client, .connector = w->env->config};
}

static enum sl_rc open_worker(struct sl_dlq_worker *w, struct sl_err *err)
{
        char id[300];
        uint32_t n = w->cfg->topics.count, tasks = task_count(w->env->config, UINT32_MAX);
        const char *max = sl_props_get(w->env->config, "tasks.max");
        int64_t most;
        if (!max || !sl_parse_i64(sl_str_c(max), &most) || most < 1)
                most = 1;
        if (most < tasks)
                tasks = (uint32_t)most;
        make_client(w);
        SL_TRY(look_at_rules(w, true, err));
        SL_TRY(sl_dlq_decode_new(&w->client, &w->decode, err));
        snprintf(id, sizeof(id), "connector-adminclient-%.200s", w->env->connector);
        SL_TRY(sl_admin_new(&w->kafka, id, &w->admin, err));
        w->topics = sl_calloc(n + 1, sizeof(*w->topics));
        for (uint32_t i = w->env->task; i < n; i += tasks) {
                struct sl_dlq_topic *t = &w->topics[w->topic_count++];
                t->w = w;
                t->name = w->cfg->topics.items[i];
                sl_dlq_stats_open(t);
                sl_dlq_topic_again(t);
        }
        return SL_OK;
}

static const struct sl_dlq_assist_ops *_Atomic assistance;

void sl_dlq_connector_assist(const struct sl_dlq_assist_ops *ops)
{
        atomic_store(&assistance, ops);
}

static enum sl_rc one_round(struct sl_dlq_worker *w, bool *ret_more, struct sl_err *err)
{
        *ret_more = false;
        if (!w->assist && strcmp(w->cfg->connect, "none") != 0)
                w->assist = atomic_load(&assistance); /* it may come later than the first task */
        SL_TRY(look_at_rules(w, false, err));
        for (uint32_t i = 0; i < w->topic_count && !atomic_load(w->env->stop); i++) {
                bool more;
                SL_TRY(sl_dlq_topic_turn(&w->topics[i], &more, err));
                *ret_more |= more;
        }
        sl_dlq_signals_poll(w);
        return SL_OK;
}

static int64_t pause_ms(const struct sl_dlq_worker *w)
{
        int64_t ms = w->cfg->poll_ms, now = sl_wall_ms();
        for (uint32_t i = 0; i < w->topic_count; i++) {
                const struct sl_dlq_topic *t = &w->topics[i];
                int64_t next = t->act ? sl_waiting_next(&t->waiting) : t->open_at_ms;
                if (next - now < ms)
                        ms = next > now ? next - now : 0;
        }
        return ms;
}

static void close_worker(struct sl_dlq_worker *w)
{
        for (uint32_t i = 0; i < w->topic_count; i++)
                sl_dlq_topic_free(&w->topics[i]);
        free(w->topics);
        drop_rules(w);
        sl_dlq_signals_free(w);
        sl_dlq_decode_free(w->decode);
        sl_admin_free(w->admin);
        sl_props_free(&w->client);
        sl_arena_free(&w->arena);
}

static enum sl_rc run(const void *cfg, const struct sl_loop_env *env, struct sl_err *err)
{
        struct sl_dlq_worker w = {.cfg = cfg, .env = env};
        bool more = false;
        sl_arena_init(&w.arena, 0);
        enum sl_rc rc = open_worker(&w, err);
        while (rc == SL_OK && !atomic_load(env->stop)) {
                rc = one_round(&w, &more, err);
                if (rc != SL_OK)
                        break;
                env->running(env->arg);
                if (!more)
                        env->sleep(env->arg, pause_ms(&w));
        }
        close_worker(&w);
        return rc;
}

static const char *const aliases[] = {"sluice.dlq", NULL};

const struct sl_sink_ops sl_dlq_connector = {
        .name = "dlq",
        .aliases = aliases,
        .version = SLUICE_VERSION,
        .config = rows,
        .config_size = sizeof(struct sl_dlq_worker_cfg),
        .check = check,
        .offsets_in_kafka = true,
        .run = run,
        .task_count = task_count,
};
