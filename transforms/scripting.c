/* SPDX-License-Identifier: Apache-2.0 */
/* Debezium's Filter (keeps the records for which its condition is true) and ContentBasedRouter (an expression gives the
 * topic). Their expressions are read as the part of Groovy that expr.h describes; no JVM runs. What is beyond it is
 * refused when the config is checked, with the Lua hook that can say it. */
#include "transforms/expr.h"
#include "transforms/structs.h"

enum null_mode { NULL_KEEP, NULL_DROP, NULL_EVALUATE };

struct script_cfg {
        const char *topic_regex, *language, *expression;
        int null_mode;
};

struct script {
        const struct script_cfg *cfg;
        struct sl_expr expr;
        pcre2_code *topic;
        pcre2_match_data *match;
};

#define FILTER 0
#define ROUTER 1

/* ---- config ---- */

static void script_close(void *state)
{
        struct script *st = state;
        sl_expr_close(&st->expr);
        pcre2_match_data_free(st->match);
        pcre2_code_free(st->topic);
        *st = (struct script){0};
}

static void say_lua(int side, struct sl_buf *why)
{
        sl_buf_printf(why, ". Say it in Lua instead: transforms.X.type=sluice.transforms.Lua, transforms.X.script=%s",
                      side == FILTER ? "function apply(record) return record.value.op == 'u' end"
                                     : "function apply(record) record.topic = record.topic .. '-x' return record end");
}

static bool bind_config(struct script *st, const struct script_cfg *cfg, int side, const char **ret_key,
                        struct sl_buf *why)
{
        st->cfg = cfg;
        *ret_key = "language";
        if (strcmp(cfg->language, "jsr223.groovy") != 0) {
                sl_buf_printf(why,
                              "The language %s is not built in: jsr223.groovy is, as far as docs/transforms.md says",
                              cfg->language);
                say_lua(side, why);
                return false;
        }
        *ret_key = side == FILTER ? "condition" : "topic.expression";
        if (!sl_expr_parse(&st->expr, cfg->expression, why)) {
                say_lua(side, why);
                return false;
        }
        *ret_key = "topic.regex";
        if (!cfg->topic_regex || !cfg->topic_regex[0])
                return true;
        st->topic = sl_java_regex(cfg->topic_regex, why);
        if (st->topic)
                st->match = pcre2_match_data_create_from_pattern(st->topic, NULL);
        return st->topic != NULL;
}

static void check(const void *config, int side, struct sl_cfg_report *report)
{
        const struct script_cfg *cfg = config;
        struct script st = {0};
        struct sl_buf why = {0};
        const char *key;
        if (cfg->language && cfg->expression && !bind_config(&st, cfg, side, &key, &why))
                sl_cfg_add_error(report, key, "Invalid value for configuration %s: %s", key, sl_buf_cstr(&why));
        script_close(&st);
        sl_buf_free(&why);
}

static void filter_check(const void *config, struct sl_cfg_report *report)
{
        check(config, FILTER, report);
}

static void router_check(const void *config, struct sl_cfg_report *report)
{
        check(config, ROUTER, report);
}

static enum sl_rc script_open(void *state, const void *config, const struct sl_transform_ops *ops, struct sl_err *err)
{
        struct sl_buf why = {0};
        const char *key;
        enum sl_rc rc = SL_OK;
        if (!bind_config(state, config, ops->side, &key, &why))
                rc = sl_fail(err, SL_E_CONFIG, "%s is invalid: %s", key, sl_buf_cstr(&why));
        sl_buf_free(&why);
        return rc;
}

/* ---- rows ---- */

/* Java's sentence, with a record that is cut so that our reason behind it is seen. */
static sl_cold enum sl_rc not_evaluated(const struct script *st, const struct sl_record *rec, const char *why,
                                        struct sl_err *err)
{
        struct sl_buf text = {0};
        sl_record_print(rec, &text);
        size_t n = strlen(st->cfg->expression), room = n < 300 ? 850 - n : 550;
        enum sl_rc rc =
                SL_FAIL_AS(err, SL_JAVA_DEBEZIUM, "Error while evaluating expression '%.300s' for record '%.*s%s'",
                           st->cfg->expression, (int)(text.len < room ? text.len : room), sl_buf_cstr(&text),
                           text.len < room ? "" : "...");
        sl_buf_clear(&text);
        sl_buf_printf(&text, ": %s", why);
        sl_err_detail(err, sl_buf_cstr(&text));
        sl_buf_free(&text);
        return rc;
}

/* *ret_mine false: the record is none to evaluate; it passes, or is dropped. */
static enum sl_rc evaluate(struct script *st, struct sl_record *rec, struct sl_arena *arena, bool *ret_mine,
                           struct sl_value *ret, struct sl_err *err)
{
        const char *why;
        *ret_mine = false;
        if (st->topic && !rec->topic.ptr)
                return SL_FAIL_AS(err, SL_JAVA_NPE, "The record has no topic");
        if (st->topic) {
                int n = pcre2_match(st->topic, (PCRE2_SPTR)rec->topic.ptr, rec->topic.len, 0,
                                    PCRE2_ANCHORED | PCRE2_ENDANCHORED, st->match, NULL);
                if (n == PCRE2_ERROR_NOMATCH)
                        return SL_OK;
                if (n < 0)
                        return sl_fail(err, SL_E_TRANSFORM, "topic.regex could not be matched with %.*s",
                                       SL_FMT(rec->topic));
        }
        *ret_mine = rec->value.type != SL_NULL || st->cfg->null_mode == NULL_EVALUATE;
        rec->dropped = !*ret_mine && st->cfg->null_mode == NULL_DROP;
        if (*ret_mine && !sl_expr_eval(&st->expr, rec, arena, ret, &why))
                return not_evaluated(st, rec, why, err);
        return SL_OK;
}

static enum sl_rc filter_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct script *st = state;
        struct sl_value v;
        bool mine;
        SL_TRY(evaluate(st, rec, arena, &mine, &v, err));
        if (!mine)
                return SL_OK;
        if (v.type == SL_NULL)
                return SL_FAIL_AS(err, SL_JAVA_NPE, "The condition gives null, not true or false");
        if (v.type != SL_BOOLEAN)
                return not_evaluated(st, rec, "the result is neither true nor false", err);
        rec->dropped = !v.b;
        return SL_OK;
}

static enum sl_rc router_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct script *st = state;
        struct sl_value v;
        bool mine;
        SL_TRY(evaluate(st, rec, arena, &mine, &v, err));
        if (!mine)
                return SL_OK;
        if (v.type != SL_NULL && v.type != SL_STRING)
                return not_evaluated(st, rec, "the result is no text", err);
        if (v.type == SL_STRING)
                rec->topic = sl_v_as_str(&v);
        return SL_OK;
}

static const struct sl_cfg_enum null_values[] = {
        {"drop", NULL_DROP, NULL}, {"keep", NULL_KEEP, NULL}, {"evaluate", NULL_EVALUATE, NULL}, {0}};

#define T struct script_cfg
#define TABLE(key, text)                                                                                               \
        {                                                                                                              \
                {SL_CFG_STR(T, topic_regex, "topic.regex"), .importance = SL_LOW,                                      \
                 .doc = "Regular expression (Java's syntax) for the topics this is for; other records pass."},         \
                        {SL_CFG_STR(T, language, "language"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY,              \
                         .importance = SL_HIGH, .doc = "jsr223.groovy, of which a part is built in."},                 \
                        {SL_CFG_STR(T, expression, key), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY,                   \
                         .importance = SL_HIGH, .doc = text},                                                          \
                        {SL_CFG_ENUM(T, null_mode, "null.handling.mode", null_values),                                 \
                         .flags = SL_CFG_CASE_INSENSITIVE, .def = "keep", .importance = SL_LOW,                        \
                         .doc = "A record without value: keep passes it, drop drops it, evaluate lets the expression " \
                                "decide."},                                                                            \
                        {0},                                                                                           \
        }
static const struct sl_cfg_def filter_config[] =
        TABLE("condition", "Expression that is true for the records to keep; the others are dropped.");
static const struct sl_cfg_def router_config[] =
        TABLE("topic.expression", "Expression that gives the record's topic, or null where that stays.");

static const char *const filter_aliases[] = {"io.debezium.transforms.Filter", NULL};
static const char *const router_aliases[] = {"io.debezium.transforms.ContentBasedRouter", NULL};

extern const struct sl_transform_ops sl_script_filter, sl_content_based_router;
const struct sl_transform_ops sl_script_filter = {
        .name = "io.debezium.transforms.Filter", /* the short name is Kafka's */
        .aliases = filter_aliases,
        .side = FILTER,
        .config = filter_config,
        .config_size = sizeof(struct script_cfg),
        .state_size = sizeof(struct script),
        .check = filter_check,
        .open = script_open,
        .apply = filter_apply,
        .close = script_close,
};
const struct sl_transform_ops sl_content_based_router = {
        .name = "ContentBasedRouter",
        .aliases = router_aliases,
        .side = ROUTER,
        .config = router_config,
        .config_size = sizeof(struct script_cfg),
        .state_size = sizeof(struct script),
        .check = router_check,
        .open = script_open,
        .apply = router_apply,
        .close = script_close,
};
