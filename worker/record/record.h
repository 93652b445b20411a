/* SPDX-License-Identifier: Apache-2.0 */
/* Records and the batch that owns everything they point at.
 * One batch = one arena + a record array + adopted foreign buffers (libpq rows, librdkafka messages); one
 * release frees all. A batch that has reached its working size allocates nothing any more. Not thread safe. */
#ifndef SL_RECORD_RECORD_H
#define SL_RECORD_RECORD_H
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "record/schema.h"
#include "record/value.h"

struct sl_header {
        struct sl_str key;
        const struct sl_schema *schema; /* NULL = schemaless */
        struct sl_value value;
        struct sl_str raw;              /* sink: original bytes (ptr NULL = null); source: unset */
};

/* Where a record stands that was replayed into a sink connector (api/connector.h). */
struct sl_read {
        const char *topic; /* interned, as sl_tp.topic */
        int32_t partition;
        int64_t offset;
};

struct sl_record {
        struct sl_str topic;
        int32_t partition;              /* -1: the partitioner decides */
        bool dropped;                   /* a transform filtered it: no error, nothing is written */
        bool log_append_time;           /* sink: the broker set the timestamp (the producer otherwise) */
        int64_t offset;                 /* sink: Kafka offset; source: -1 */
        int64_t timestamp_ms;           /* -1 = none (producer time) */
        const struct sl_schema *key_schema, *value_schema; /* NULL = schemaless */
        struct sl_value key, value;
        const struct sl_header *const *headers; /* records may share lists and headers: who changes either makes new ones */
        uint32_t header_count, raw_header_count;
        const struct sl_header *raw_headers; /* sink: the headers as consumed, whatever the transforms made of them */
        struct sl_str raw_key, raw_value; /* the original bytes until the ack, for dead letters; ptr NULL = null. Sink: as read from
                                           * Kafka. Source: what it was made from, when env->dead_letters asks for it */
        /* Sink: where a replayed record was read; topic, partition, offset and timestamp are those of its original, which is what the
         * record shows. NULL = it was read where they say. Offsets are counted by sl_read_*. */
        const struct sl_read *read;
        const struct sl_err *failed;    /* source: why it could not be made (with env->dead_letters only); no key, no value */
        const void *origin;             /* source: for the connector's `origin` call */
        uint64_t origin_pos;            /* source: where it stands in the source's log, also for that call */
        int64_t commit_us;              /* source: wall time of the database commit, 0 = unknown (latency metric) */
};

/* Room for more headers behind those that are there, which stay as they are: gives the first new one. They lie one behind the other and
 * are the caller's to set, as is the count. Writes pointers only: a source's records share headers, and adding one is as cheap as it can be. */
static inline struct sl_header *sl_headers_grow(struct sl_record *rec, uint32_t more, struct sl_arena *arena)
{
        uint32_t n = rec->header_count;
        const struct sl_header **list = sl_arena_alloc(arena, ((size_t)n + more) * sizeof(*list) + more * sizeof(**list));
        struct sl_header *first = (struct sl_header *)(void *)(list + n + more);
        for (uint32_t i = 0; i < n; i++)
                list[i] = rec->headers[i];
        for (uint32_t i = 0; i < more; i++)
                list[n + i] = first + i;
        rec->headers = list;
        return first;
}

/* Sinks: where the record was read. The topic's name is interned. */
static inline const char *sl_read_topic(const struct sl_record *rec)
{
        return sl_likely(!rec->read) ? rec->topic.ptr : rec->read->topic;
}
static inline int32_t sl_read_partition(const struct sl_record *rec)
{
        return sl_likely(!rec->read) ? rec->partition : rec->read->partition;
}
static inline int64_t sl_read_offset(const struct sl_record *rec)
{
        return sl_likely(!rec->read) ? rec->offset : rec->read->offset;
}

/* Where a source stands after the last record of a batch; the words mean something to the connector only. */
struct sl_position {
        uint64_t w[8];
};

struct sl_adopted {
        void (*release)(void *);
        void *ptr;
};

struct sl_batch {
        struct sl_arena arena;
        struct sl_record *records;
        uint32_t count, cap;
        struct sl_adopted *adopted;
        uint32_t adopted_count, adopted_cap;
        size_t bytes;                   /* foreign bytes adopted (budget) */
        /* Source batches: */
        bool has_position;              /* position is set; a batch without records may still move it */
        bool behind;                    /* far behind the head: throughput counts, not latency (larger transactions) */
        bool keep_open;                 /* the position is good, but what belongs together goes on (a snapshot): cut here only if
                                         * the Kafka transaction would expire */
        bool boundary;                  /* the position is a natural cut (database commit): a graceful stop ends here */
        bool end_at_boundary;           /* set by the owner for the next poll: end the batch at the next natural cut */
        struct sl_position position;
        /* Limits that the owner sets before it asks a source to fill the batch. */
        uint32_t max_records;
        size_t max_bytes;
};

void sl_batch_init(struct sl_batch *b, uint32_t max_records, size_t max_bytes);
/* A new record, zeroed but for partition = -1, offset = -1, timestamp_ms = -1. The pointer is good until the
 * next add (the array may move). */
struct sl_record *sl_batch_add(struct sl_batch *b);
/* The batch calls release(ptr) when it is reset. bytes counts towards b->bytes. */
void sl_batch_adopt(struct sl_batch *b, void *ptr, void (*release)(void *), size_t bytes);
static inline bool sl_batch_full(const struct sl_batch *b)
{
        return b->count >= b->max_records || b->bytes + sl_arena_used(&b->arena) >= b->max_bytes;
}
void sl_batch_reset(struct sl_batch *b); /* keeps memory and limits */
void sl_batch_free(struct sl_batch *b);  /* accepts a zeroed struct */
#endif
