/* SPDX-License-Identifier: Apache-2.0 */
/* Connect's predicates (HasHeaderKey, RecordIsTombstone, TopicNameMatches), and Filter, the transform that is of use only with one:
 * it drops every record it gets. None of them looks into keys or values. */
#include "api/predicate.h"
#include "api/transform.h"
#include "transforms/regex.h"

#define PREFIX "org.apache.kafka.connect.transforms.predicates."

static const struct sl_cfg_def no_config[] = {{0}};

/* ---- HasHeaderKey ---- */

struct has_header_cfg {
        const char *name;
};
struct has_header {
        struct sl_str name;
};

static enum sl_rc has_header_open(void *state, const void *config, struct sl_err *err sl_unused)
{
        struct has_header *st = state;
        const struct has_header_cfg *cfg = config;
        st->name = sl_str_c(cfg->name);
        return SL_OK;
}

static enum sl_rc has_header_test(void *state, const struct sl_record *rec, bool *ret, struct sl_err *err sl_unused)
{
        const struct has_header *st = state;
        *ret = false;
        for (uint32_t i = 0; i < rec->header_count && !*ret; i++)
                *ret = sl_str_eq(rec->headers[i]->key, st->name);
        return SL_OK;
}

static const struct sl_cfg_def has_header_config[] = {
        {SL_CFG_STR(struct has_header_cfg, name, "name"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY,
         .importance = SL_MEDIUM, .doc = "The header name."},
        {0},
};
static const char *const has_header_aliases[] = {PREFIX "HasHeaderKey", NULL};

/* ---- RecordIsTombstone ---- */

static enum sl_rc tombstone_test(void *state sl_unused, const struct sl_record *rec, bool *ret,
                                 struct sl_err *err sl_unused)
{
        *ret = rec->value.type == SL_NULL;
        return SL_OK;
}
static const char *const tombstone_aliases[] = {PREFIX "RecordIsTombstone", NULL};

/* ---- TopicNameMatches ---- */

struct topic_cfg {
        const char *pattern;
};
struct topic {
        pcre2_code *code;
        pcre2_match_data *match;
};

static void topic_check(const void *config, struct sl_cfg_report *report)
{
        const struct topic_cfg *cfg = config;
        struct sl_buf why = {0};
        pcre2_code *code = sl_java_regex(cfg->pattern, &why);
        if (!code)
                sl_cfg_add_error(report, "pattern", "Invalid value %s for configuration pattern: Invalid regex: %s",
                                 cfg->pattern, sl_buf_cstr(&why));
        pcre2_code_free(code);
        sl_buf_free(&why);
}

static enum sl_rc topic_open(void *state, const void *config, struct sl_err *err)
{
        struct topic *st = state;
        const struct topic_cfg *cfg = config;
        struct sl_buf why = {0};
        enum sl_rc rc = SL_OK;
        st->code = sl_java_regex(cfg->pattern, &why);
        if (st->code)
                st->match = pcre2_match_data_create_from_pattern(st->code, NULL);
        else
                rc = sl_fail(err, SL_E_CONFIG,
                             "Invalid value %s for configuration pattern: entry must be a Java-compatible regular "
                             "expression: %s",
                             cfg->pattern, sl_buf_cstr(&why));
        sl_buf_free(&why);
        return rc;
}

static enum sl_rc topic_test(void *state, const struct sl_record *rec, bool *ret, struct sl_err *err)
{
        const struct topic *st = state;
        int n = PCRE2_ERROR_NOMATCH;
        if (rec->topic.ptr)
                n = pcre2_match(st->code, (PCRE2_SPTR)rec->topic.ptr, rec->topic.len, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED,
                                st->match, NULL);
        *ret = n >= 0;
        if (sl_likely(n >= 0 || n == PCRE2_ERROR_NOMATCH))
                return SL_OK;
        PCRE2_UCHAR message[160];
        pcre2_get_error_message(n, message, sizeof(message));
        return sl_fail(err, SL_E_TRANSFORM, "TopicNameMatches could not match the topic %.*s: %s", SL_FMT(rec->topic),
                       (const char *)message);
}

static void topic_close(void *state)
{
        struct topic *st = state;
        pcre2_match_data_free(st->match);
        pcre2_code_free(st->code);
        *st = (struct topic){0};
}

static const struct sl_cfg_def topic_config[] = {
        {SL_CFG_STR(struct topic_cfg, pattern, "pattern"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY,
         .importance = SL_MEDIUM, .doc = "A regular expression (Java's syntax) that the whole topic name must match."},
        {0},
};
static const char *const topic_aliases[] = {PREFIX "TopicNameMatches", NULL};

/* ---- Filter ---- */

static enum sl_rc filter_apply(void *state sl_unused, struct sl_record *rec, struct sl_arena *arena sl_unused,
                               struct sl_err *err sl_unused)
{
        rec->dropped = true;
        return SL_OK;
}
static const char *const filter_aliases[] = {"org.apache.kafka.connect.transforms.Filter", NULL};

extern const struct sl_predicate_ops sl_has_header_key, sl_record_is_tombstone, sl_topic_name_matches;
extern const struct sl_transform_ops sl_filter;
const struct sl_predicate_ops sl_has_header_key = {
        .name = "HasHeaderKey",
        .aliases = has_header_aliases,
        .config = has_header_config,
        .config_size = sizeof(struct has_header_cfg),
        .state_size = sizeof(struct has_header),
        .open = has_header_open,
        .test = has_header_test,
};
const struct sl_predicate_ops sl_record_is_tombstone = {
        .name = "RecordIsTombstone",
        .aliases = tombstone_aliases,
        .config = no_config,
        .test = tombstone_test,
};
const struct sl_predicate_ops sl_topic_name_matches = {
        .name = "TopicNameMatches",
        .aliases = topic_aliases,
        .config = topic_config,
        .config_size = sizeof(struct topic_cfg),
        .state_size = sizeof(struct topic),
        .check = topic_check,
        .open = topic_open,
        .test = topic_test,
        .close = topic_close,
};
const struct sl_transform_ops sl_filter = {
        .name = "Filter",
        .aliases = filter_aliases,
        .config = no_config,
        .apply = filter_apply,
};
