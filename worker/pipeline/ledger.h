/* SPDX-License-Identifier: Apache-2.0 */
/* The ack ledger: which source positions are durable in Kafka.
 * A ring of entries in reading order, one a batch: its position, how many of its records are still in flight, and whether the
 * batch is complete. The acknowledged prefix is the run of complete entries at the old end with nothing in flight; only its
 * position may be stored as offset and confirmed to the database. Delivery reports come ordered per partition only, so counting
 * per entry, not "the last report", is what makes this right.
 * With transactions a delivered record can still be aborted: nothing is counted per record then, and sl_ledger_settle marks all
 * closed entries when the commit has succeeded.
 * @thread the task's. No allocation once the ring has its working size. */
#ifndef SL_PIPELINE_LEDGER_H
#define SL_PIPELINE_LEDGER_H
#include "record/record.h"

struct sl_ledger_entry {
        uint64_t in_flight;
        bool closed, has_position;
        struct sl_position position;
};
struct sl_ledger {
        struct sl_ledger_entry *ring;
        uint32_t cap;        /* power of two */
        uint64_t head, tail; /* sequence numbers: oldest entry, one past the newest */
};

/* Start an entry; returns its sequence number, the cookie of its records. The previous one must be closed. */
uint64_t sl_ledger_open(struct sl_ledger *l);
/* One more record of entry `seq` is in flight. */
void sl_ledger_sent(struct sl_ledger *l, uint64_t seq);
/* A record of entry `seq` is stored. */
void sl_ledger_delivered(struct sl_ledger *l, uint64_t seq);
/* The newest entry has all its records. pos NULL: it moves no position (rows of an unfinished snapshot). */
void sl_ledger_close(struct sl_ledger *l, const struct sl_position *pos);
/* The transaction that held all closed entries is committed. */
void sl_ledger_settle(struct sl_ledger *l);
/* Take the acknowledged prefix off; true and *ret set when it moved a position. */
bool sl_ledger_take_prefix(struct sl_ledger *l, struct sl_position *ret);
/* Nothing between what was read and what is acknowledged? */
bool sl_ledger_empty(const struct sl_ledger *l);
void sl_ledger_free(struct sl_ledger *l);
#endif
