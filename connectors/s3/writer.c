/* SPDX-License-Identifier: Apache-2.0 */
/* A topic-partition's files: append, cut, upload. Records are encoded at once, so nothing points into the batch.
 *
 * Exactly once. An object is named after its first offset, and the offset that is committed is the end of the last
 * complete object, committed after it is complete. A crash between upload and commit makes the successor read from the
 * same first offset, so its next object has the SAME name and replaces the one that was uploaded: therefore objects are
 * written with a plain PUT (no If-None-Match). With cuts that depend on records only (flush.size, rotate.interval.ms,
 * schema) the bytes are even the same. With sluice.rotate.idle.ms the replacement may be longer or shorter. Longer is
 * fine: it holds the replaced records and more. Shorter is fine too: what is committed is the successor's own end, and
 * its next object starts right there and holds the rest. So once a successor has caught up every record is in exactly
 * one object. What this does not cover: a task that was frozen inside an upload, lost its partitions, and wakes up
 * after its successor has committed; its late PUT has the same bytes unless an idle cut was in play.
 *
 * Does not decide when to cut (rotation.c) and does not talk HTTP (client.c). */
#include "connectors/s3/writer.h"

#include <stdio.h>

#include "base/log.h"
#include "base/metrics.h"

#define RECORD_MAX ((size_t)1 << 30)

void sl_s3_part_init(struct sl_s3_part *p, struct sl_tp tp, int64_t start)
{
        *p = (struct sl_s3_part){.tp = tp, .seen = start, .durable = start, .handed = start};
}

void sl_s3_part_free(struct sl_s3_part *p, const struct sl_s3_shared *sh)
{
        struct sl_err ignored = {0};
        if (sl_s3_upload_open(&p->upload) &&
            sl_s3_upload_abort(sh->client, (struct sl_str){p->key.ptr, p->key.len}, &p->upload, &ignored) != SL_OK)
                sl_debug("an unfinished upload stays on the server: %s", ignored.msg); /* nobody will read it */
        if (p->writer)
                sh->format->destroy(p->writer);
        sl_buf_free(&p->out);
        sl_buf_free(&p->key);
        sl_s3_upload_free(&p->upload);
        *p = (struct sl_s3_part){0};
}

void sl_s3_part_handled(struct sl_s3_part *p, int64_t offset)
{
        p->seen = offset + 1;
        if (p->file.count == 0)
                p->durable = p->seen; /* skipped records with no file open need not be read again */
}

static struct sl_str out_of(const struct sl_s3_part *p)
{
        return (struct sl_str){p->out.ptr, p->out.len};
}

static struct sl_str key_of(const struct sl_s3_part *p)
{
        return (struct sl_str){p->key.ptr, p->key.len};
}

/* Send whole parts as soon as there is more than one part's worth. What is sent leaves p->out, also on failure. */
static enum sl_rc send_parts(struct sl_s3_part *p, const struct sl_s3_shared *sh, struct sl_err *err)
{
        size_t sent = 0;
        enum sl_rc rc = SL_OK;
        if (!sl_s3_upload_open(&p->upload))
                SL_TRY(sl_s3_upload_start(sh->client, key_of(p), &p->upload, err));
        while (rc == SL_OK && p->out.len - sent > sh->part_size) {
                struct sl_str part = {p->out.ptr + sent, sh->part_size};
                rc = sl_s3_upload_part(sh->client, key_of(p), &p->upload, part, err);
                sent += rc == SL_OK ? part.len : 0;
        }
        if (sent)
                memmove(p->out.ptr, p->out.ptr + sent, p->out.len - sent);
        p->out.len -= sent;
        return rc;
}

static void count_object(const struct sl_s3_part *p, const struct sl_s3_shared *sh, uint64_t bytes)
{
        if (sh->objects) {
                sl_metric_add(sh->objects, 1);
                sl_metric_add(sh->bytes, (int64_t)bytes);
                sl_metric_add(sh->records, p->file.count);
        }
        sl_debug("object %.*s records=%lld bytes=%llu cut=%s", (int)p->key.len, p->key.ptr, (long long)p->file.count,
                 (unsigned long long)bytes, sl_s3_cut_name(p->cut));
}

/* Upload the finished file to its end; then everything seen so far is durable. Can be called again after a failure. */
static enum sl_rc upload(struct sl_s3_part *p, const struct sl_s3_shared *sh, struct sl_err *err)
{
        if (p->out.len > sh->part_size || sl_s3_upload_open(&p->upload))
                SL_TRY(send_parts(p, sh, err));
        uint64_t bytes = p->upload.bytes + p->out.len;
        if (sl_s3_upload_open(&p->upload)) {
                if (p->out.len)
                        SL_TRY(sl_s3_upload_part(sh->client, key_of(p), &p->upload, out_of(p), err));
                sl_buf_clear(&p->out);
                SL_TRY(sl_s3_upload_complete(sh->client, key_of(p), &p->upload, err));
        } else {
                SL_TRY(sl_s3_put(sh->client, key_of(p), out_of(p), err));
        }
        count_object(p, sh, bytes);
        sl_buf_clear(&p->out);
        sl_s3_file_start(&p->file, NULL);
        p->cut = SL_S3_KEEP;
        p->durable = p->seen;
        return SL_OK;
}

static enum sl_rc cut(struct sl_s3_part *p, const struct sl_s3_shared *sh, enum sl_s3_cut why, struct sl_err *err)
{
        SL_TRY(sh->format->finish(p->writer, err));
        p->begun = false;
        p->cut = why;
        return upload(p, sh, err);
}

/* Have a file for this schema; one without records is begun anew. */
static enum sl_rc begin(struct sl_s3_part *p, const struct sl_s3_shared *sh, const struct sl_schema *schema,
                        struct sl_err *err)
{
        if (p->begun && p->file.schema == schema)
                return SL_OK;
        if (!p->writer)
                p->writer = sh->format->create(&sh->format_opts);
        sl_buf_clear(&p->out);
        p->out.max = sh->part_size + RECORD_MAX; /* it is emptied when it passes part_size */
        p->begun = false;
        SL_TRY(sh->format->begin(p->writer, schema, &p->out, err));
        p->begun = true;
        sl_s3_file_start(&p->file, schema);
        return SL_OK;
}

enum sl_rc sl_s3_part_write(struct sl_s3_part *p, const struct sl_s3_shared *sh, const struct sl_record *rec,
                            int64_t now_ms, struct sl_err *err)
{
        if (p->cut != SL_S3_KEEP)
                SL_TRY(upload(p, sh, err));
        enum sl_s3_cut why = sl_s3_cut_before(&sh->rules, &p->file, rec->timestamp_ms, rec->value_schema);
        if (why != SL_S3_KEEP)
                SL_TRY(cut(p, sh, why, err));
        SL_TRY(begin(p, sh, rec->value_schema, err));
        SL_TRY(sh->format->append(p->writer, &rec->value, err));
        if (p->file.count == 0) {
                sl_buf_clear(&p->key);
                char dir[32];
                int n = snprintf(dir, sizeof(dir), "partition=%d", p->tp.partition);
                SL_TRY(sl_s3_object_key(&sh->names, p->tp.topic, p->tp.partition, (struct sl_str){dir, (size_t)n},
                                        rec->offset, SL_S3_VALUES, &p->key, err));
        }
        sl_s3_file_added(&p->file, rec->timestamp_ms, now_ms);
        p->seen = rec->offset + 1;
        why = sl_s3_cut_after(&sh->rules, &p->file);
        if (why != SL_S3_KEEP)
                return cut(p, sh, why, err);
        return p->out.len > sh->part_size ? send_parts(p, sh, err) : SL_OK;
}

enum sl_rc sl_s3_part_idle(struct sl_s3_part *p, const struct sl_s3_shared *sh, int64_t now_ms, struct sl_err *err)
{
        if (p->cut != SL_S3_KEEP)
                return upload(p, sh, err);
        enum sl_s3_cut why = sl_s3_cut_idle(&sh->rules, &p->file, now_ms);
        return why == SL_S3_KEEP ? SL_OK : cut(p, sh, why, err);
}
