/* SPDX-License-Identifier: Apache-2.0 */
/* --rules: a user's ordered list of what certain failures are; the first that matches wins. One JSON file; docs/dlq.md says how it
 * looks. A rule whose own example does not match it is refused, and with it the file. */
#ifndef SL_DLQ_RULES_H
#define SL_DLQ_RULES_H
#include "base/arena.h"
#include "base/err.h"
#include "dlq/item.h"

struct sl_dlq_rules;
struct sl_dlq_rule {
        const char *id, *code;
        enum sl_rc class;
};
enum sl_rc sl_dlq_rules_load(const char *path, struct sl_dlq_rules **ret, struct sl_err *err);
enum sl_rc sl_dlq_rules_parse(struct sl_str text, struct sl_dlq_rules **ret, struct sl_err *err);
void sl_dlq_rules_free(struct sl_dlq_rules *r); /* NULL ok */
#endif
