/* SPDX-License-Identifier: Apache-2.0 */
/* The connectors behind --connect that name the dead-letter topic as theirs. */
#ifndef SL_DLQ_CMD_LEND_H
#define SL_DLQ_CMD_LEND_H
#include "cluster/validate.h"
#include "dlq/cmd.h"
#include "dlq/rerun.h"

struct sl_dlq_lenders {
        struct sl_arena arena;
        struct sl_providers *providers;
        struct sl_dlq_lender *items;
        struct sl_validation *checks; /* own what the items' configs point at */
        uint32_t count;
};
/* SL_E_HTTP_UNREACHABLE when nobody answers there, SL_E_CONFIG when no connector has the topic. What can't be lent is said on
 * run->say. */
enum sl_rc sl_dlq_lenders_open(struct sl_dlq_run *run, struct sl_dlq_lenders **ret, struct sl_err *err);
/* The topics that they read, each once; those of a regex are not known. Returns how many. */
#define SL_DLQ_LENT_TOPICS 64
uint32_t sl_dlq_lenders_topics(const struct sl_dlq_lenders *all, const char **topics); /* NULL: none */
/* Would this connector of --connect's worker read what is replayed into it? SL_E_CONFIG says why not. */
enum sl_rc sl_dlq_check_target(const struct sl_dlq_run *run, const char *connector, struct sl_err *err);
void sl_dlq_lenders_free(struct sl_dlq_lenders *all); /* NULL ok */
/* Who failed the item: by its connector's name, else by its topic, else the only one. NULL = not known, or it lends nothing. */
const struct sl_dlq_lender *sl_dlq_lender_of(const struct sl_dlq_lenders *all, const struct sl_dlq_item *it);
#endif
