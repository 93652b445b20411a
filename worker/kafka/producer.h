/* SPDX-License-Identifier: Apache-2.0 */
/* The producer of a source task (or of dead letters): idempotent, and transactional when it has a transactional id.
 * Order of calls with transactions: init, (begin, send*, commit | abort)*. Blocking librdkafka calls run in steps of at most
 * 1 s and are resumed; between steps `tick` is called. librdkafka's threads do the network; all calls here come from one thread.
 * send copies key and value (librdkafka's one message a row); our own code allocates nothing per row. */
#ifndef SL_KAFKA_PRODUCER_H
#define SL_KAFKA_PRODUCER_H
#include "kafka/client.h"

struct sl_producer;
struct sl_producer_opts {
        struct sl_kafka_cfg cfg;
        const char *client_id;         /* connector-producer-<n>-<t> */
        const char *transactional_id;  /* NULL: idempotent, at least once */
        int txn_timeout_ms;            /* 0 = the user's, or the longest that brokers usually take */
        size_t queue_bytes;            /* ceiling of the send queue; 0 = 32 MiB */
        int32_t batch_bytes;           /* of records that are sent as one; 0 = batch.size */
        int32_t record_bytes;          /* the largest record that is sent (brokers have their own limit); 0 = max.request.size */
        bool plain;                    /* not idempotent, one request at a time: in order, may repeat a record after a lost
                                        * answer, ready at once (a producer id costs half a second). For compacted topics. */
        /* At-least-once mode: one call per record with its cookie, from inside sl_producer_serve. NULL in transactional mode
         * (only failures are reported then, and they fail serve and commit). */
        void (*delivered)(void *arg, uint64_t cookie, bool ok);
        void *delivered_arg;
        /* Called between the steps of a long call; a failure ends the call. May be NULL. */
        enum sl_rc (*tick)(void *arg, struct sl_err *err);
        void *tick_arg;
};
struct sl_kheader {
        struct sl_str key;
        struct sl_str value; /* ptr NULL = null */
};
struct sl_message {
        struct sl_str topic;
        int32_t partition;           /* -1 = partitioner (murmur2_random, as Java's) */
        struct sl_str key, value;    /* ptr NULL = null */
        const struct sl_kheader *headers;
        uint32_t header_count;
        struct sl_str packed;        /* headers as sl_headers_pack makes them, instead of the two above; len 0 = not given */
        int64_t timestamp_ms;        /* -1 = now */
        uint64_t cookie;
};

enum sl_rc sl_producer_new(const struct sl_producer_opts *opts, struct sl_producer **ret, struct sl_err *err);
/* Ends without waiting for what is in the queue (an open transaction is left to abort). NULL ok. */
void sl_producer_free(struct sl_producer *p);
/* The same for who must not wait for what is on its way: what waits is thrown away as soon as librdkafka's
 * threads see it, what is on its way then may still arrive; all of it ends aside (aside.h). */
void sl_producer_drop(struct sl_producer *p);
/* init_transactions: fences older producers of this id and finishes their transactions. */
enum sl_rc sl_producer_init(struct sl_producer *p, struct sl_err *err);
enum sl_rc sl_producer_begin(struct sl_producer *p, struct sl_err *err);
/* In a transaction: a message with this key goes to the topic before it ends. Its partition is registered together with the
 * first ones, which saves a round trip at the commit. */
enum sl_rc sl_producer_expect(struct sl_producer *p, struct sl_str topic, struct sl_str key, struct sl_err *err);
/* *ret_full: the queue is full, nothing was taken: serve and try again. A topic that the broker doesn't know is made by its
 * auto-creation, as Connect does without topic.creation.*. */
enum sl_rc sl_producer_send(struct sl_producer *p, const struct sl_message *m, bool *ret_full, struct sl_err *err);
/* Wait until all sent records are stored, then commit. On SL_E_KAFKA_ABORT the caller must abort. */
enum sl_rc sl_producer_commit(struct sl_producer *p, struct sl_err *err);
enum sl_rc sl_producer_abort(struct sl_producer *p, struct sl_err *err);
/* At-least-once: wait until all is delivered. */
enum sl_rc sl_producer_flush(struct sl_producer *p, int timeout_ms, struct sl_err *err);
/* Take delivery reports and errors for at most timeout_ms (0 = don't wait). Fails when a delivery failed for good or the
 * producer is fenced or fatal. */
enum sl_rc sl_producer_serve(struct sl_producer *p, int timeout_ms, struct sl_err *err);
/* Readable when serve has something to do. */
int sl_producer_fd(const struct sl_producer *p);
/* Empty the fd's wake-ups (call before serve when poll(2) said it is readable). */
void sl_producer_fd_clear(struct sl_producer *p);
/* How long a transaction may last, in ms, as agreed with the brokers by init. */
int64_t sl_producer_txn_timeout(const struct sl_producer *p);
uint32_t sl_producer_queued(const struct sl_producer *p);
#endif
