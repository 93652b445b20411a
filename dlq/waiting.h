/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters that wait: coordinates and times only, 32 bytes each, in the order in which something is to be done with them. And when
 * letters were seen, as ranges of offsets: what has to be durable for due times to survive a restart. Pure.
 * @thread one at a time. */
#ifndef SL_DLQ_WAITING_H
#define SL_DLQ_WAITING_H
#include "base/err.h"
#include "base/json.h"

struct sl_wait_entry {
        int64_t offset;
        int64_t due_ms;     /* when it is to be tried, once its signal has come */
        int64_t expires_ms; /* when it is too old */
        int32_t partition;
        uint16_t signal;    /* 0 = waits for none */
        uint8_t class;      /* enum sl_rc */
};
struct sl_waiting { /* zeroed = empty */
        struct sl_wait_entry *items;
        size_t count, cap;
};
/* When something is to be done with it. */
int64_t sl_wait_when(const struct sl_wait_entry *e);
void sl_waiting_push(struct sl_waiting *w, const struct sl_wait_entry *e);
/* The next one whose time has come; false: none. */
bool sl_waiting_pop(struct sl_waiting *w, int64_t now_ms, struct sl_wait_entry *ret);
/* When the next one's time comes; INT64_MAX = never. */
int64_t sl_waiting_next(const struct sl_waiting *w);
/* A signal came: who waits for it waits only for its due time, which is due_ms or later now. Returns how many did. */
size_t sl_waiting_signal(struct sl_waiting *w, uint16_t signal, int64_t due_ms);
void sl_waiting_free(struct sl_waiting *w);

/* All of the partition before end, and behind the run before it, was seen at this time. */
struct sl_seen_run {
        int64_t end, at_ms;
        int32_t partition;
};
struct sl_seen { /* zeroed = nothing was seen */
        struct sl_seen_run *runs; /* ascending by partition and end */
        size_t count, cap;
};
#define SL_SEEN_MAX 500 /* runs; beyond it neighbours become one, seen when the later one was */
/* Everything before end is seen now, if it was not before. True: that is new. */
bool sl_seen_add(struct sl_seen *s, int32_t partition, int64_t end, int64_t now_ms);
/* When the letter was seen; -1 = it was not. */
int64_t sl_seen_at(const struct sl_seen *s, int32_t partition, int64_t offset);
/* Nobody asks for offsets below this one any more. */
void sl_seen_prune(struct sl_seen *s, int32_t partition, int64_t offset);
/* {"0":[[end,at],...]} and back. */
json_t *sl_seen_json(const struct sl_seen *s);
void sl_seen_load(struct sl_seen *s, const json_t *obj);
void sl_seen_free(struct sl_seen *s);

/* A set of 64-bit hashes; 0 is never in it. */
struct sl_idset { /* zeroed = empty */
        uint64_t *slots;
        size_t cap, count;
};
bool sl_idset_has(const struct sl_idset *s, uint64_t id);
/* True: it was not there. */
bool sl_idset_add(struct sl_idset *s, uint64_t id);
void sl_idset_free(struct sl_idset *s);
#endif
