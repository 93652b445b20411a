/* SPDX-License-Identifier: Apache-2.0 */
/* One topic-partition of the sink: its channel, the rows on their way into it, and how far it is durable. Used by the task's
 * thread. Exactly once:
 *  - Resume. The channel's offset token says what Snowflake has; records up to it are skipped, wherever Kafka begins to read.
 *    Nothing is handled before the channel is open.
 *  - Commit. The group's offset follows the token alone, so it never stands behind rows that are only accepted; where nothing is
 *    pending it follows what was read (records without a row).
 *  - Doubt. An append whose answer is lost is repeated with the same continuation token (channel.c). A channel that is lost is
 *    opened again only after a commit of the group's offset went through since: a member that was put out can't commit, so it can't
 *    fence its successor. To have something to commit, the offset's metadata changes.
 *  - Replayed records (rec->read) are counted by where they were read, like all others. A partition of the replay topic may hold
 *    records of several tables, whose channels have tokens of their own; its offset follows the one that is furthest behind.
 *  - Loss. When a reopened channel lacks rows that had been accepted, the task's line opens again from the committed offsets (one
 *    mechanism for every loss: nothing is kept to be sent again but what is not accepted yet). */
#ifndef SL_SF_WRITER_H
#define SL_SF_WRITER_H
#include "api/connector.h"
#include "base/metrics.h"
#include "connectors/snowflake/batch.h"
#include "connectors/snowflake/channel.h"
#include "connectors/snowflake/dest.h"

/* What the partitions of a task share. */
struct sl_sf_shared {
        const struct sl_sf_cfg *cfg;
        struct sl_task_env env;
        struct sl_sf_client *client;
        struct sl_sf_dests dests;
        struct sl_sf_batch_opts batch;
        const char *app;    /* the connector's name in channel names */
        struct sl_buf line; /* of one row */
        int64_t push_ms;    /* of this put: wall clock, for the rows */
        int64_t now_ms;     /* of this put: sl_mono_ms */
        bool tolerant;      /* errors.tolerance=all */
        uint32_t proofs;    /* partitions whose channels wait for a commit */
        struct sl_metric *rows, *bytes, *appends, *skipped, *rejected, *losses, *commit_seconds;
};

/* One topic-partition; of a replay topic one origin in it: all that goes to one table, through a channel of its own. */
struct sl_sf_part {
        struct sl_tp tp;
        const char *origin; /* interned: whose table rows go to; the topic itself but for replayed records */
        int64_t start; /* where Kafka begins to read, -1 = at the beginning */
        struct sl_sf_dest *dest;
        struct sl_sf_channel *channel; /* NULL until its table is ready */
        struct sl_sf_batch *batch;     /* NULL until the first row */
        struct sl_sf_body *queue;      /* whole batches that wait for the channel, oldest first */
        uint32_t queued, queue_cap;
        bool opened;          /* the token is known: records may come */
        bool dropped;         /* its channel was, for the token of another topic */
        bool cut;             /* send what there is */
        bool proving;         /* the channel is lost: a commit must go through before it is opened again */
        bool marked;          /* the last flush asked for that commit */
        uint32_t proof;       /* how often; stands in the metadata */
        uint32_t altered;     /* the destination's count when the channel was opened */
        int64_t token;        /* last offset that Snowflake had when the channel was opened; -1 = none */
        int64_t seen;         /* offset after the last record handled; -1 = none yet */
        int64_t last_row;     /* offset of the last record that became a row; -1 = none */
        int64_t told;         /* offset of the last flush; -1 = none */
        int64_t errors;       /* rejected rows that were told about */
        int64_t append_ms;    /* of the last append */
        int64_t added_ms;     /* of the batch's last row */
        int64_t probe, probe_ms; /* for the time from a batch's first row to its commit; probe -1 = none */
        struct sl_sf_body sent; /* what the channel has: all but its bytes */
        size_t sending_bytes;   /* those */
        char metadata[48];
};

void sl_sf_part_init(struct sl_sf_part *p, const struct sl_tp_offset *from, const char *origin, struct sl_sf_shared *sh);
/* Frees all but p. revoked: the channel must not send any more. */
void sl_sf_part_free(struct sl_sf_part *p, struct sl_sf_shared *sh);
/* Table, pipe and channel; asks Snowflake and waits for the answers when they are new. */
enum sl_rc sl_sf_part_prepare(struct sl_sf_part *p, struct sl_sf_shared *sh, struct sl_err *err);
/* Handle a record: make its row, skip it or report it. The channel must be open. Fails with what put should fail with; the
 * record can be put again then. */
enum sl_rc sl_sf_part_put(struct sl_sf_part *p, struct sl_sf_shared *sh, const struct sl_record *rec, struct sl_err *err);
/* Move it on: what the channel says, and the next append. Never blocks but for statements (migration, a table that changed). */
enum sl_rc sl_sf_part_work(struct sl_sf_part *p, struct sl_sf_shared *sh, struct sl_err *err);
/* Add the offset that may be committed, if it or its metadata is new. of: all n parts of its topic-partition, p first; their offset is the
 * first one's that still has rows on their way. */
void sl_sf_parts_flush(struct sl_sf_part *const *of, uint32_t n, struct sl_offsets *durable);
/* The last flush's offsets were committed: this member still owns the partition. */
void sl_sf_part_committed(struct sl_sf_part *p, struct sl_sf_shared *sh);
/* Rows that are not committed yet. */
bool sl_sf_part_pending(const struct sl_sf_part *p);
/* Bytes of memory: of rows that wait (batch, queue, on their way). */
size_t sl_sf_part_held(const struct sl_sf_part *p);
/* When it has to be looked at: sl_mono_ms, INT64_MAX = not by the clock. */
int64_t sl_sf_part_due(const struct sl_sf_part *p, const struct sl_sf_shared *sh);
#endif
