/* SPDX-License-Identifier: Apache-2.0 */
/* What has become of each dead letter of a topic, and the jobs that did it: records of one compacted topic, so Kafka is
 * the only store. Writes go into the caller's transaction, together with the records that they speak of.
 * docs/dlq-replay.md has the formats. A dead letter is closed for all targets or for one: what was replayed to its
 * original topic, quarantined or discarded is closed for all, what was replayed to another topic only for that one.
 * @thread one at a time. */
#ifndef SL_DLQ_LEDGER_H
#define SL_DLQ_LEDGER_H
#include <stdatomic.h>
#include "kafka/admin.h"
#include "kafka/client.h"
#include "kafka/producer.h"

enum sl_dlq_state {
        SL_DLQ_OPEN,
        SL_DLQ_REPLAYED,
        SL_DLQ_DUPLICATE, /* of a record that was replayed */
        SL_DLQ_OBSOLETE,  /* a newer record of its key stands in the target */
        SL_DLQ_QUARANTINED,
        SL_DLQ_DISCARDED,
        SL_DLQ_POISON,    /* quarantined unread: it kills who works on it (poison.h) */
        SL_DLQ_STATE_COUNT,
};
const char *sl_dlq_state_name(enum sl_dlq_state s); /* "open", "replayed" ... */

struct sl_dlq_ledger;
struct sl_dlq_ledger_opts {
        struct sl_kafka_cfg cfg; /* borrowed for the life of the ledger, as all texts are */
        struct sl_admin *admin;
        const char *topic;  /* the dead-letter topic */
        const char *target; /* "original" or "topic:NAME": what else than "original" the states are asked for */
        const char *ledger_topic;
        /* To write: the topic is made when it is missing, and transactions that are open in it are waited for, so that
         * nothing that was committed is overlooked. The caller's producer must have fenced its predecessors already. */
        bool write;
        const atomic_bool *stop; /* may be NULL */
};
enum sl_rc sl_dlq_ledger_open(const struct sl_dlq_ledger_opts *opts, struct sl_dlq_ledger **ret, struct sl_err *err);
void sl_dlq_ledger_close(struct sl_dlq_ledger *l); /* NULL ok */
/* Which state closes this dead letter for the target, SL_DLQ_OPEN = none. */
enum sl_dlq_state sl_dlq_ledger_state(const struct sl_dlq_ledger *l, int32_t partition, int64_t offset);
/* Set the state for the ledger's target; quarantined, discarded and poison are for all targets, and so is OPEN, which
 * takes these back. */
void sl_dlq_ledger_mark(struct sl_dlq_ledger *l, int32_t partition, int64_t offset, enum sl_dlq_state state);
/* Was it taken back (OPEN behind quarantined or discarded)? Then a person decides what becomes of it. */
bool sl_dlq_ledger_released(const struct sl_dlq_ledger *l, int32_t partition, int64_t offset);
/* A job's record as JSON text; ptr NULL = there is none. Lives until the next put. */
struct sl_str sl_dlq_ledger_job(const struct sl_dlq_ledger *l, const char *id);
void sl_dlq_ledger_put_job(struct sl_dlq_ledger *l, const char *id, struct sl_str json);
/* The record of the dead-letter connector, JSON text; ptr NULL = there is none. It lies behind everything else of a
 * transaction. */
struct sl_str sl_dlq_ledger_worker(const struct sl_dlq_ledger *l);
void sl_dlq_ledger_put_worker(struct sl_dlq_ledger *l, struct sl_str json);
/* The record of poison.h, JSON text; ptr NULL = there is none, and so is an empty one that is put. */
struct sl_str sl_dlq_ledger_doubt(const struct sl_dlq_ledger *l);
void sl_dlq_ledger_put_doubt(struct sl_dlq_ledger *l, struct sl_str json);
bool sl_dlq_ledger_has_poison(const struct sl_dlq_ledger *l); /* is, or was, any letter of that state? */
/* Whose transaction was the last that was read: of a command that may go on, of one that has ended, of the connector. */
enum sl_dlq_actor { SL_DLQ_BY_NOBODY, SL_DLQ_BY_COMMAND, SL_DLQ_BY_WORKER };
struct sl_dlq_last {
        enum sl_dlq_actor by;
        int64_t at_ms; /* wall clock of the writer */
};
struct sl_dlq_last sl_dlq_ledger_last(const struct sl_dlq_ledger *l);
/* Send everything that was marked or put since the last time, through the caller's open transaction. */
enum sl_rc sl_dlq_ledger_write(struct sl_dlq_ledger *l,
                               enum sl_rc (*send)(void *arg, const struct sl_message *m, struct sl_err *err), void *arg,
                               struct sl_err *err);
/* Send that record alone, if it was put since the last time. */
enum sl_rc sl_dlq_ledger_write_doubt(struct sl_dlq_ledger *l,
                                     enum sl_rc (*send)(void *arg, const struct sl_message *m, struct sl_err *err),
                                     void *arg, struct sl_err *err);
/* The dead-letter topic's id; "" when brokers have none. */
const char *sl_dlq_ledger_topic_id(const struct sl_dlq_ledger *l);

/* States of one bucket as text and back, by themselves for tests: {"replayed":"0-99,101"}. states has SL_DLQ_BUCKET
 * bytes. */
#define SL_DLQ_BUCKET 4096
void sl_dlq_states_print(const uint8_t *states, struct sl_buf *out);
enum sl_rc sl_dlq_states_parse(struct sl_str text, uint8_t *states, struct sl_err *err);
#endif
