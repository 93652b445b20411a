/* SPDX-License-Identifier: Apache-2.0 */
/* pgoutput messages, protocols 1 and 2, text format: a pure decoder. Everything decoded points into the message.
 * All integers big-endian; names NUL-terminated; lsn and time 64 bits (time: microseconds since 2000-01-01 UTC).
 *   B  final_lsn, commit time, int32 xid
 *   C  int8 flags, commit lsn, end lsn, commit time
 *   O  lsn of the commit at the origin, name
 *   R  int32 oid, schema, table, int8 replica identity, int16 n, n * { int8 flags (1 = key), name, int32 type,
 *      int32 typmod }
 *   Y  int32 oid, schema, name
 *   I  int32 oid, 'N', tuple
 *   U  int32 oid, [ 'K' | 'O', tuple ], 'N', tuple
 *   D  int32 oid, 'K' | 'O', tuple
 *   T  int32 n, int8 options, n * int32 oid
 *   M  int8 flags (1 = transactional), lsn of the message's end, prefix, int32 length, bytes
 *   tuple: int16 n, n * { 'n' | 'u' | 't' int32 length, bytes }
 * Of transactions that are streamed before they end (protocol 2; 3 and 4 add nothing that we ask for):
 *   S  int32 xid, int8 first block   a block of this transaction begins; its messages have int32 xid of the
 *                                    subtransaction behind their kind, but for O
 *   E                                it ends
 *   c  int32 xid, int8 flags, commit lsn, end lsn, commit time
 *   A  int32 xid, int32 xid of the subtransaction, or the same
 * A message that ends early, is longer than what it says, or has an unknown kind is SL_E_PG_PROTOCOL. */
#ifndef SL_POSTGRES_PGOUTPUT_H
#define SL_POSTGRES_PGOUTPUT_H
#include "base/bytes.h"
#include "base/err.h"

#define SL_PG_MAX_COLUMNS 1664           /* Postgres' own limit of a tuple */
#define SL_PG_EPOCH_US 946684800000000LL /* 2000-01-01 in microseconds since 1970-01-01 */

/* One value of a tuple: ptr NULL with kind 'n' (null) or 'u' (unchanged, not sent). */
struct sl_pg_datum {
        const char *ptr;
        uint32_t len;
        char kind; /* 'n', 'u', 't' */
};
struct sl_pg_tuple {
        uint32_t n;
        struct sl_pg_datum *cols; /* the caller's array of SL_PG_MAX_COLUMNS */
};
struct sl_pgoutput {
        char kind;                  /* B C O R Y I U D T M */
        char old_kind;              /* U, D: 'K', 'O', or 0 */
        uint32_t oid;               /* R Y I U D */
        uint32_t xid;               /* B */
        uint64_t lsn, end_lsn;      /* B: final lsn; C: commit lsn and end lsn; O: origin's lsn; M: its end */
        int64_t time_us;            /* B, C: since 1970 */
        struct sl_str schema, name; /* R Y: names; O: name; M: prefix */
        struct sl_str content;      /* M */
        bool transactional;         /* M: it belongs to a transaction, and comes inside of it */
        char identity;              /* R */
        uint32_t n;                 /* R: columns; T: relations */
        struct sl_cur items;        /* R: columns, read with sl_pgoutput_column; T: oids, read with sl_cur_u32 */
        struct sl_pg_tuple old_row, new_row;
};
struct sl_pgoutput_column {
        bool key;
        struct sl_str name;
        uint32_t type;
        int32_t typmod;
};

/* Decode one message. out->old_row.cols and out->new_row.cols must be set by the caller. */
enum sl_rc sl_pgoutput_decode(struct sl_str msg, struct sl_pgoutput *out, struct sl_err *err);
/* One message about a streamed transaction, or inside one of its blocks (inside: an S came and no E). */
struct sl_pgoutput_block {
        char kind;                    /* S E c A; inside a block also O R Y I U D T M */
        bool first;                   /* S */
        uint32_t xid;                 /* S c A; inside a block the subtransaction's (not of O) */
        uint32_t sub;                 /* A */
        uint64_t commit_lsn, end_lsn; /* c */
        uint64_t time;                /* c: as it came */
        struct sl_str rest;           /* inside a block: what follows kind and xid, not looked at */
};
enum sl_rc sl_pgoutput_decode_block(struct sl_str msg, bool inside, struct sl_pgoutput_block *out, struct sl_err *err);
/* Does this message need sl_pgoutput_decode_block? */
static inline bool sl_pgoutput_is_block(struct sl_str msg)
{
        return msg.len && (*msg.ptr == 'S' || *msg.ptr == 'E' || *msg.ptr == 'c' || *msg.ptr == 'A');
}
/* The next column of an R message (checked already by the decoder: never fails for the first n). */
struct sl_pgoutput_column sl_pgoutput_column(struct sl_cur *items);
#endif
