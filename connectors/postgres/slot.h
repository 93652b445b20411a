/* SPDX-License-Identifier: Apache-2.0 */
/* The replication slot: what it looks like, making it, waiting for it, and what it says about a stored offset.
 *
 * A slot has no mark of its birth. What can be trusted is its confirmed position: we move it only to what is stored, so
 * a slot that stands past the stored offset was moved by somebody else or made anew, and changes between are gone. One
 * that stands before it has them all, whoever made it. Stored offset and slot are never merged into the larger one. */
#ifndef SL_POSTGRES_SLOT_H
#define SL_POSTGRES_SLOT_H
#include "connectors/postgres/task.h"

/* The advisory lock that a running task holds has this class and the hash of the slot's name: the slot itself is free
 * while a backlog is read through SQL. */
#define SL_PG_LOCK_CLASS "1936485731"

struct sl_pg_slot {
        bool exists;
        bool active;        /* somebody reads it, or is making it */
        bool lost;          /* invalidated: nothing can be read from it any more */
        bool risk;          /* wal_status unreserved: the next checkpoint may remove what it needs */
        char why[64];       /* invalidation_reason (Postgres 17), or "" */
        uint64_t restart;   /* 0 = none yet */
        uint64_t confirmed; /* 0 = none yet: it is being made */
};

/* Read it. SL_E_PG_SETUP when the name belongs to something we can't use. */
enum sl_rc sl_pg_slot_read(struct sl_pg_task *t, struct sl_pg_slot *ret, struct sl_err *err);
/* The same, but wait until it is free for us: our dead predecessor's sessions are ended, others are waited for (see
 * slot.max.retries), and so is a slot that is still being made. */
enum sl_rc sl_pg_slot_claim(struct sl_pg_task *t, struct sl_pg_slot *ret, struct sl_err *err);
/* End sessions of a dead predecessor of this very connector: the advisory lock's holder and the slot's reader. */
enum sl_rc sl_pg_slot_end_predecessor(struct sl_pg_task *t, struct sl_err *err);
/* Create a slot on the replication connection; the exported snapshot's name goes to snapshot, its point to *ret_lsn. Says
 * for which transactions it waits. */
enum sl_rc sl_pg_slot_create(struct sl_pg_task *t, const char *name, bool temporary, char snapshot[64],
                             uint64_t *ret_lsn, struct sl_err *err);
/* Does the slot have everything since the stored offset, as offset.mismatch.strategy wants it? May change *off (to where
 * to start) and move the slot. SL_E_PG_SLOT_LOST with what to do when it has not. */
enum sl_rc sl_pg_slot_check(struct sl_pg_task *t, struct sl_pg_slot *s, struct sl_pg_offset *off, struct sl_err *err);
/* The refusal of a slot that is lost: what happened and what to do. */
enum sl_rc sl_pg_slot_refuse(const struct sl_pg_task *t, const struct sl_pg_slot *s, struct sl_err *err);
/* Reading has failed with rc and err: if that was because the slot is lost, err becomes sl_pg_slot_refuse's, or, where a
 * new snapshot is wanted then, a failure that may pass, so that the next start takes it. Gives the class to fail with. */
enum sl_rc sl_pg_slot_explain(struct sl_pg_task *t, enum sl_rc rc, struct sl_err *err);
/* Drop it for good. */
enum sl_rc sl_pg_slot_drop(struct sl_pg_task *t, struct sl_err *err);
/* lsn.flush.mode=manual and offset.mismatch.strategy, with the old forms of both keys. */
bool sl_pg_slot_manual(const struct sl_pg_cfg *cfg);
enum sl_pg_mismatch sl_pg_slot_mismatch(const struct sl_pg_cfg *cfg);
/* Is a new snapshot wanted when the slot is lost? */
bool sl_pg_slot_snapshot_when_lost(const struct sl_pg_cfg *cfg);
#endif
