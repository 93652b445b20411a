/* SPDX-License-Identifier: Apache-2.0 */
/* Where the messages of transactions wait that the server streams before it knows how they end (pgoutput protocol 2):
 * in memory up to a budget for all of them, beyond it in a file per transaction that has no name, so that nothing is left
 * behind by a crash. Several transactions can be open at once; an aborted subtransaction's messages are cut off and
 * their space is free again. Knows no tables and no positions. Not thread safe.
 * In the file, and in memory: uint32 length, uint64 lsn (both in the machine's order), the message. */
#ifndef SL_POSTGRES_SPOOL_H
#define SL_POSTGRES_SPOOL_H
#include "base/err.h"
#include "base/str.h"

struct sl_pg_spool;

/* memory: bytes for the messages of all open transactions; directory: where files are made (not copied). */
struct sl_pg_spool *sl_pg_spool_new(size_t memory, const char *directory);
void sl_pg_spool_free(struct sl_pg_spool *sp); /* NULL is fine */

/* What comes now belongs to this transaction. first: the server says that it is its first block. */
enum sl_rc sl_pg_spool_block(struct sl_pg_spool *sp, uint32_t xid, bool first, struct sl_err *err);
/* A message of it: kind, then rest. xid: the subtransaction's, or the transaction's own. SL_E_PG_SPOOL (transient) when
 * the disk has no room. */
enum sl_rc sl_pg_spool_add(struct sl_pg_spool *sp, uint32_t xid, uint64_t lsn, char kind, struct sl_str rest,
                           struct sl_err *err);
/* Forget the subtransaction, or all of it (sub == xid); what is not known had no messages. */
enum sl_rc sl_pg_spool_abort(struct sl_pg_spool *sp, uint32_t xid, uint32_t sub, struct sl_err *err);
/* The subtransactions of which messages wait, as SQL's '{1,2}'; false = none. */
bool sl_pg_spool_subs(struct sl_pg_spool *sp, uint32_t xid, struct sl_buf *out);
/* Bytes that wait, in memory and on disk. */
uint64_t sl_pg_spool_bytes(const struct sl_pg_spool *sp);

/* The transaction committed: its messages are read next, one after the other. *ret_empty: it has none (any more).
 * *ret_first: the LSN of the first one that it ever had, 0 = none. */
enum sl_rc sl_pg_spool_replay(struct sl_pg_spool *sp, uint32_t xid, bool *ret_empty, uint64_t *ret_first,
                              struct sl_err *err);
enum sl_pg_spool_step {
        SL_PG_SPOOL_ROW,  /* a message: valid until sl_pg_spool_tidy, or a step that was not held */
        SL_PG_SPOOL_HELD, /* the next one needs the room of those that are held */
        SL_PG_SPOOL_END   /* there are no more: the transaction is forgotten */
};
/* held: messages given before are still in use. */
enum sl_rc sl_pg_spool_next(struct sl_pg_spool *sp, bool held, enum sl_pg_spool_step *ret, uint64_t *ret_lsn,
                            struct sl_str *ret_msg, struct sl_err *err);
/* Forget all transactions. */
void sl_pg_spool_clear(struct sl_pg_spool *sp);
/* No message that was given is in use any more. */
void sl_pg_spool_tidy(struct sl_pg_spool *sp);
#endif
