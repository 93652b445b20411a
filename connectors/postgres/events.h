/* SPDX-License-Identifier: Apache-2.0 */
/* Records that are no rows: transaction metadata (BEGIN and END records, the `transaction` block of rows) and logical
 * decoding messages, as Debezium 3.6.1 makes them. What is counted, and when, is line.c's and envelope.c's. */
#ifndef SL_POSTGRES_EVENTS_H
#define SL_POSTGRES_EVENTS_H
#include "base/map.h"
#include "connectors/postgres/relation.h"

/* What of one table (or of the messages) was counted in the transaction being read. */
struct sl_pg_counter {
        const char *name; /* schema.table */
        uint32_t hash;    /* of the name, as Java's HashMap spreads it: END lists tables in its order */
        int64_t count;    /* 0 = not in this transaction */
        struct sl_pg_counter *next;
};
struct sl_pg_tx {
        const struct sl_schema *key_schema, *value_schema;
        struct sl_str topic;
        struct sl_arena *life;
        struct sl_map counters; /* name -> struct sl_pg_counter */
        struct sl_pg_counter *first, **last; /* those of this transaction, in the order in which they came */
        uint32_t tables, buckets; /* how many; size of Java's table, which never shrinks */
        int64_t total;
        char id[24]; /* "<xid>:" */
        uint32_t id_len;
};

/* life: the task's. */
void sl_pg_tx_init(struct sl_pg_tx *tx, const struct sl_pg_cfg *cfg, const char *prefix, struct sl_arena *life);
void sl_pg_tx_free(struct sl_pg_tx *tx);
/* The transaction whose changes come next; nothing is counted yet. */
void sl_pg_tx_start(struct sl_pg_tx *tx, uint32_t xid);
/* One more record of that table: the value of its transaction block. *counter: NULL at first; a relation keeps it.
 * Allocates in `arena` only, but for a table's first row. */
struct sl_value sl_pg_tx_count(struct sl_pg_tx *tx, struct sl_pg_counter **counter, const char *schema,
                               const char *table, uint64_t lsn, struct sl_arena *arena);
/* Add the transaction's BEGIN or END record; commit_us: its commit time. */
void sl_pg_tx_record(struct sl_pg_tx *tx, struct sl_batch *b, bool end, uint64_t lsn, int64_t commit_us);

/* What all logical decoding messages share: a relation without columns whose envelope_schema is the message's value. */
void sl_pg_message_relation(const struct sl_pg_relations *r, struct sl_pg_relation *ret, struct sl_arena *life);
/* key and message value of a decoded M. The content may point into the message. */
void sl_pg_message_values(const struct sl_pg_cfg *cfg, const struct sl_pgoutput *m, struct sl_arena *arena,
                          struct sl_value *ret_key, struct sl_value *ret_message);
/* An LSN's decimal digits, at most SL_PG_DIGITS; where they end. */
#define SL_PG_DIGITS 20
static inline char *sl_pg_put_digits(char *w, uint64_t v)
{
        char digits[SL_PG_DIGITS];
        uint32_t n = 0;
        do {
                digits[n++] = (char)('0' + v % 10);
                v /= 10;
        } while (v);
        while (n)
                *w++ = digits[--n];
        return w;
}
#endif
