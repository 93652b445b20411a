/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters counted by fingerprint: what an error tracker shows. */
#ifndef SL_DLQ_GROUPS_H
#define SL_DLQ_GROUPS_H
#include "dlq/item.h"

struct sl_dlq_group {
        uint64_t fingerprint, count;
        enum sl_rc class;
        const char *code;
        uint8_t confidence;
        int64_t first_ms, last_ms; /* record times; -1 = none had one */
        int32_t partition;         /* of an example: the first that was read */
        int64_t offset;
        enum sl_stage stage;
        struct sl_dlq_evidence evidence; /* static or a rule's; what.ptr NULL = none */
        struct sl_str exception, message, connector, topic; /* the example's, in the set's arena, cut to some hundred bytes */
        uint32_t passed, failed;   /* for who runs some of its records again; zero at first */
        struct sl_str now;         /* and what fails then */
};
struct sl_dlq_groups;
/* A cut copy that lives as long as the set. */
struct sl_str sl_dlq_groups_keep(struct sl_dlq_groups *g, struct sl_str s);
struct sl_dlq_groups *sl_dlq_groups_new(void);
void sl_dlq_groups_free(struct sl_dlq_groups *g); /* NULL ok */
struct sl_dlq_group *sl_dlq_groups_add(struct sl_dlq_groups *g, const struct sl_dlq_item *it);
/* Most frequent first; owned by g, good until the next add. */
const struct sl_dlq_group *sl_dlq_groups_sorted(struct sl_dlq_groups *g, uint32_t *ret_n);
#endif
