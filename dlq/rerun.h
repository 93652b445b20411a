/* SPDX-License-Identifier: Apache-2.0 */
/* The second run: the bytes of a dead letter go once more through the converters and transforms of the connector that gave it up, and
 * the step that fails now is told. Nothing is written anywhere; the target is not asked. @thread one at a time. */
#ifndef SL_DLQ_RERUN_H
#define SL_DLQ_RERUN_H
#include "dlq/item.h"
#include "pipeline/chain.h"

/* What a connector lends. */
struct sl_dlq_lender {
        const char *connector;
        struct sl_codec codec;
        struct sl_chain *chain;    /* NULL: without transforms */
        const char *const *topics; /* what it reads; NULL-terminated, may be empty (a regex) */
};
struct sl_dlq_rerun {
        bool ran;                  /* false: there is nothing to run (a pointer without bytes) */
        bool passed, dropped;      /* all steps pass; a transform filters it */
        struct sl_err err;         /* else: stage, class, message of the step that failed */
        const char *step;          /* the transform's alias when one failed, else NULL */
};
/* arena: of the record. */
void sl_dlq_rerun(const struct sl_dlq_lender *l, const struct sl_dlq_item *it, struct sl_arena *arena, struct sl_dlq_rerun *ret);
/* Give an item the class, code, evidence and fingerprint of its second run, if that says more than its headers: its confidence was
 * below `below`. */
void sl_dlq_rerun_judge(struct sl_dlq_item *it, const struct sl_dlq_rerun *r, uint8_t below, struct sl_arena *arena);
#endif
