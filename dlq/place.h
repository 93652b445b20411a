/* SPDX-License-Identifier: Apache-2.0 */
/* The topics of a replay: where records come from and where they go, with what the brokers say of them.
 * @thread one at a time. */
#ifndef SL_DLQ_PLACE_H
#define SL_DLQ_PLACE_H
#include "dlq/growth.h"

struct sl_dlq_place {
        char *name;
        int32_t partitions; /* 0 = there is no such topic */
        int32_t then;       /* how many it had when its records failed */
        bool compacted;
        int64_t keeps_ms; /* retention.ms; -1 = for ever */
        int64_t room;     /* max.message.bytes; INT64_MAX = nobody says */
        struct sl_growth growth;
        struct sl_reader_part *from; /* by partition: where to look for newer records; begin -1 = nowhere */
};
#define SL_DLQ_NO_PLACE UINT16_MAX
struct sl_dlq_places {
        struct sl_dlq_place *items;
        uint32_t count;
};
/* Can a topic be called so? Headers may say anything. */
bool sl_dlq_is_topic(struct sl_str name);
/* Ask the brokers about the topic of this name; the rest is zero. */
enum sl_rc sl_dlq_place_describe(struct sl_dlq_place *p, struct sl_admin *admin, struct sl_err *err);
/* The number of a topic, which is asked for when it is new; all names that none can have are one that isn't there. */
enum sl_rc sl_dlq_place_of(struct sl_dlq_places *all, struct sl_str topic, struct sl_admin *admin, uint16_t *ret,
                           struct sl_err *err);
void sl_dlq_place_free(struct sl_dlq_place *p); /* accepts a zeroed struct, as the next one does */
void sl_dlq_places_free(struct sl_dlq_places *all);
#endif
