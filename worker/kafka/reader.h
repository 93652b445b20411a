/* SPDX-License-Identifier: Apache-2.0 */
/* Reads ranges of a topic's partitions without a consumer group: nothing is committed, nobody else notices. read_committed, and
 * the ends are frozen when it is opened, so it ends. A partition is at its end when a record, the position or librdkafka's
 * end-of-partition event says so: control records and what compaction took away have offsets but are never delivered.
 * @thread one at a time. */
#ifndef SL_KAFKA_READER_H
#define SL_KAFKA_READER_H
#include "kafka/admin.h"
#include "kafka/client.h"
#include "kafka/producer.h"

struct sl_reader;
/* One partition of a reader, or a range of it to read. */
struct sl_reader_part {
        int32_t id;
        int64_t begin;    /* first offset to read; ranges given: before the log's start, or -1, is its start */
        int64_t end;      /* first offset not to read; ranges given: -1 is the last stable offset at opening, and so is a later one */
        int64_t next;     /* all before it has been read */
        int64_t high;     /* the high watermark at opening: what lies between end and it waits for an open transaction */
        bool done;
};
/* A record as it stands in Kafka. The bytes live until the next call of the reader. */
struct sl_kmsg {
        int32_t partition;
        uint32_t header_count;
        int64_t offset;
        int64_t timestamp_ms;    /* -1 = none */
        bool log_append_time;    /* the broker set it, else the producer */
        struct sl_str key, value; /* ptr NULL = null */
        const struct sl_kheader *headers;
};
struct sl_reader_opts {
        struct sl_kafka_cfg cfg; /* borrowed for the life of the reader, as admin is */
        struct sl_admin *admin;
        const char *client_id;
        const char *topic;
        /* What to read: NULL = all partitions whole. A partition that the topic does not have is an error. */
        const struct sl_reader_part *ranges;
        uint32_t range_count;
        int64_t since_ms;        /* > 0: begin each partition at its first record that is not older (all before it are) */
        bool no_headers;         /* leave them out: cheaper */
        int timeout_ms;          /* of opening; also how long no broker may answer while something is still to be read. 0 = 30 s */
        const atomic_bool *stop; /* reading gives up with SL_E_STOPPED when it is set; may be NULL */
};
/* SL_E_KAFKA_FATAL when there is no such topic. */
enum sl_rc sl_reader_open(const struct sl_reader_opts *opts, struct sl_reader **ret, struct sl_err *err);
void sl_reader_close(struct sl_reader *r); /* NULL ok */
/* The next records, at most some hundreds; those of one partition in the order of their offsets. *ret_n == 0: all is read. */
enum sl_rc sl_reader_next(struct sl_reader *r, const struct sl_kmsg **ret, uint32_t *ret_n, struct sl_err *err);
/* Ascending by id; only those that are read. */
const struct sl_reader_part *sl_reader_parts(const struct sl_reader *r, uint32_t *ret_n);
#endif
