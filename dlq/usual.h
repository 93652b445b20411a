/* SPDX-License-Identifier: Apache-2.0 */
/* What the records of a topic look like that did not fail, and in what a record that failed differs from all of them. That is all the
 * evidence there is when nobody wrote down why a record failed and nothing can run again: it is weaker than a second run, and a record
 * that looks like the others stays unknown. */
#ifndef SL_DLQ_USUAL_H
#define SL_DLQ_USUAL_H
#include "dlq/internal.h"

#define SL_DLQ_USUAL_LEAST 20 /* fewer records say nothing */
#define SL_DLQ_USUAL_FIELDS 64

struct sl_dlq_usual {
        const char *topic;
        uint64_t passed;             /* records that did not fail */
        uint64_t looked;             /* of them, those that were looked at */
        uint64_t json, framed;       /* of those looked at */
        size_t length;               /* of the first */
        bool differ;                 /* not all have that length */
        unsigned kinds;              /* of JSON values, a bit a type of jansson's */
        struct sl_dlq_usual_field {
                struct sl_str name;
                uint64_t count;
                unsigned kinds;
        } fields[SL_DLQ_USUAL_FIELDS];
        uint32_t field_count;
        bool more_fields; /* than have room */
};
/* One more value that did not fail. arena lives as long as u. */
void sl_dlq_usual_add(struct sl_dlq_usual *u, struct sl_str value, struct sl_arena *arena);
/* The item's class if its payload differs from what is usual; else it stays as it is. */
void sl_dlq_usual_judge(const struct sl_dlq_usual *u, struct sl_dlq_item *it, struct sl_arena *arena);
#endif
