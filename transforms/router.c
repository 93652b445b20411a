/* SPDX-License-Identifier: Apache-2.0 */
/* RegexRouter: a record whose whole topic name matches `regex` gets the name that Java's Matcher.replaceFirst gives
 * (route.c). Only the topic changes; partition, timestamp and headers stay. */
#include "api/transform.h"
#include "transforms/route.h"

struct router_cfg {
        const char *regex, *replacement;
};

static void router_check(const void *config, struct sl_cfg_report *report)
{
        const struct router_cfg *cfg = config;
        struct sl_route r = {0};
        struct sl_buf why = {0};
        bool bad_replacement;
        if (!cfg->regex || !cfg->replacement)
                return; /* reported as missing already */
        if (!sl_route_open(&r, "RegexRouter", cfg->regex, cfg->replacement, &bad_replacement, &why)) {
                const char *key = bad_replacement ? "replacement" : "regex";
                sl_cfg_add_error(report, key, "Invalid value %s for configuration %s: %s",
                                 bad_replacement ? cfg->replacement : cfg->regex, key, sl_buf_cstr(&why));
        }
        sl_route_close(&r);
        sl_buf_free(&why);
}

static enum sl_rc router_open(void *st, const void *config, const struct sl_transform_ops *ops sl_unused,
                              struct sl_err *err)
{
        const struct router_cfg *cfg = config;
        struct sl_buf why = {0};
        bool bad_replacement;
        enum sl_rc rc = SL_OK;
        if (!sl_route_open(st, "RegexRouter", cfg->regex, cfg->replacement, &bad_replacement, &why))
                rc = sl_fail(err, SL_E_CONFIG, "RegexRouter: configuration %s is invalid: %s",
                             bad_replacement ? "replacement" : "regex", sl_buf_cstr(&why));
        sl_buf_free(&why);
        return rc;
}

static enum sl_rc router_apply(void *st, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        return rec->topic.ptr ? sl_route_name(st, rec->topic, arena, &rec->topic, NULL, err) : SL_OK;
}

static void router_close(void *st)
{
        sl_route_close(st);
}

static const struct sl_cfg_def router_config[] = {
        {SL_CFG_STR(struct router_cfg, regex, "regex"), .flags = SL_CFG_REQUIRED, .importance = SL_HIGH,
         .doc = "Regular expression (Java's syntax) that the whole topic name must match."},
        {SL_CFG_STR(struct router_cfg, replacement, "replacement"), .flags = SL_CFG_REQUIRED, .importance = SL_HIGH,
         .doc = "The new topic name; $1 or ${name} stand for groups, \\ escapes."},
        {0},
};
static const char *const router_aliases[] = {"org.apache.kafka.connect.transforms.RegexRouter", NULL};

extern const struct sl_transform_ops sl_regex_router;
const struct sl_transform_ops sl_regex_router = {
        .name = "RegexRouter",
        .aliases = router_aliases,
        .config = router_config,
        .config_size = sizeof(struct router_cfg),
        .state_size = sizeof(struct sl_route),
        .check = router_check,
        .open = router_open,
        .apply = router_apply,
        .close = router_close,
};
