/* SPDX-License-Identifier: Apache-2.0 */
/* A replay job: the arguments of a command line and the ends of the dead-letter topic that were frozen when it was
 * first applied. Its record lives in the ledger and is written in every transaction of the job, so that the same
 * command line goes on where the last one ended, and knows what has been done in all. */
#ifndef SL_DLQ_JOB_H
#define SL_DLQ_JOB_H
#include "base/json.h"
#include "dlq/ledger.h"
#include "kafka/reader.h"

#define SL_DLQ_JOB_ID 16
/* Where records went: one topic, counted by partition. */
struct sl_dlq_target {
        char *topic;
        int32_t partitions;
        uint64_t *counts;
};
struct sl_dlq_counts {
        uint64_t replay, duplicates, obsolete, repaired;
        struct sl_dlq_target *targets;
        uint32_t target_count;
};
struct sl_dlq_job {
        char id[SL_DLQ_JOB_ID + 1];
        enum { SL_JOB_NEW, SL_JOB_RUNNING, SL_JOB_FINISHED } state;
        struct sl_reader_part *parts; /* begin, end: frozen */
        uint32_t part_count;
        int64_t blocked; /* offsets that lay behind an open transaction when it was frozen: not in its ranges */
        int64_t since_ms, until_ms;    /* "-2h" means what it meant at the first --apply */
        struct sl_dlq_counts counts;   /* done so far, committed or in the open transaction */
        struct sl_buf args, begun, by; /* for people: the arguments, when and who */
        bool ending; /* this run has told its end to the ledger, or tried to */
};
/* The id of a job: of the dead-letter topic, and of what in the arguments says which records go where and as what. The
 * order of different options doesn't matter; --apply, --rate, --canary, --max-failures, --reason, --json, --connect and addresses don't count; of
 * files the content does. */
enum sl_rc sl_dlq_job_id(const char *topic, const char *command, int argc, char *const *argv, struct sl_dlq_job *ret,
                         struct sl_err *err);
/* What the ledger knows of it; a job that it doesn't know is new. */
enum sl_rc sl_dlq_job_load(struct sl_dlq_job *job, const struct sl_dlq_ledger *l, struct sl_err *err);
/* Freeze its ranges: all partitions, from where a finished job of these arguments ended to the last stable offsets. */
enum sl_rc sl_dlq_job_freeze(struct sl_dlq_job *job, struct sl_admin *admin, const char *topic, struct sl_err *err);
/* Put its record into the ledger. */
void sl_dlq_job_save(const struct sl_dlq_job *job, struct sl_dlq_ledger *l);
/* The range of a partition; NULL = it has none. */
const struct sl_reader_part *sl_dlq_job_part(const struct sl_dlq_job *job, int32_t partition);
/* The target of this name, made with so many partitions if it isn't there. Valid until the next call. */
struct sl_dlq_target *sl_dlq_counts_target(struct sl_dlq_counts *c, const char *topic, int32_t partitions);
/* [{"topic","partition","count"}], without those that have nothing. */
json_t *sl_dlq_counts_json(const struct sl_dlq_counts *c);
void sl_dlq_counts_free(struct sl_dlq_counts *c);
void sl_dlq_job_free(struct sl_dlq_job *job); /* accepts a zeroed struct */
#endif
