/* SPDX-License-Identifier: Apache-2.0 */
/* --rules: a user's ordered list of what certain failures are; the first that matches wins. One JSON file; docs/dlq.md says how it
 * looks. A rule whose own example does not match it is refused, and with it the file. */
#ifndef SL_DLQ_RULES_H
#define SL_DLQ_RULES_H
#include "base/arena.h"
#include "base/err.h"
#include "config/props.h"
#include "dlq/item.h"

struct sl_dlq_opts;
struct sl_dlq_rules;
/* What the dead-letter connector does with a letter that the rule matches; the commands only classify. */
enum sl_dlq_action {
        SL_DLQ_ACT_BY_CLASS, /* the rule says none */
        SL_DLQ_ACT_RETRY,
        SL_DLQ_ACT_REPAIR, /* a retry of the mended value */
        SL_DLQ_ACT_QUARANTINE,
        SL_DLQ_ACT_DISCARD,
};
struct sl_dlq_rule {
        const char *id, *code;
        enum sl_rc class;
        uint32_t number; /* its place in the file, from 0 */
        enum sl_dlq_action action;
        const struct sl_dlq_opts *repair;  /* of a repair: options as those of replay; client is not set */
        const struct sl_props *transforms; /* of a repair: keys of a chain; NULL = none */
};
enum sl_rc sl_dlq_rules_load(const char *path, struct sl_dlq_rules **ret, struct sl_err *err);
enum sl_rc sl_dlq_rules_parse(struct sl_str text, struct sl_dlq_rules **ret, struct sl_err *err);
void sl_dlq_rules_free(struct sl_dlq_rules *r); /* NULL ok */
/* The rule at a place; NULL = there are no more. */
const struct sl_dlq_rule *sl_dlq_rules_at(const struct sl_dlq_rules *r, uint32_t number);
#endif
