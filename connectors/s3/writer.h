/* SPDX-License-Identifier: Apache-2.0 */
/* One topic-partition of the sink: its open file, its upload, and how far it is durable. */
#ifndef SL_S3_WRITER_H
#define SL_S3_WRITER_H
#include "api/connector.h"
#include "connectors/format/format.h"
#include "connectors/s3/client.h"
#include "connectors/s3/names.h"
#include "connectors/s3/rotation.h"

/* What the partitions of a task share. */
struct sl_s3_shared {
        const struct sl_format_ops *format;
        struct sl_format_opts format_opts;
        struct sl_s3_client *client;
        struct sl_s3_names names;
        struct sl_s3_rules rules;
        size_t part_size;
        struct sl_metric *objects, *bytes, *records; /* NULL without metrics */
};

struct sl_s3_part {
        struct sl_tp tp;
        int64_t seen;       /* offset after the last record handled (written, skipped or reported) */
        int64_t durable;    /* everything below is in complete objects, or was skipped */
        int64_t handed;     /* durable as the core last got it */
        void *writer;       /* of shared->format; made at the first record */
        bool begun;         /* the writer has a file (perhaps still without records) */
        enum sl_s3_cut cut; /* not KEEP: the file is finished and its upload has failed so far */
        struct sl_s3_file file;
        struct sl_buf out, key;
        struct sl_s3_upload upload;
};

/* start: the offset from which the partition will be read. */
void sl_s3_part_init(struct sl_s3_part *p, struct sl_tp tp, int64_t start);
/* Add a record whose value is not null: cuts and uploads as the rules say. A failed upload can be tried again by the
 * next write or by sl_s3_part_idle. Record scope: the record can't be written in this format, nothing else happened to
 * the open file. */
enum sl_rc sl_s3_part_write(struct sl_s3_part *p, const struct sl_s3_shared *sh, const struct sl_record *rec,
                            int64_t now_ms, struct sl_err *err);
/* The record at this offset is dealt with: move on. */
void sl_s3_part_handled(struct sl_s3_part *p, int64_t offset);
/* Cut when nothing came for a while. */
enum sl_rc sl_s3_part_idle(struct sl_s3_part *p, const struct sl_s3_shared *sh, int64_t now_ms, struct sl_err *err);
/* Drop the open file and abort its upload; frees what p owns. */
void sl_s3_part_free(struct sl_s3_part *p, const struct sl_s3_shared *sh);
#endif
