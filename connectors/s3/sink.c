/* SPDX-License-Identifier: Apache-2.0 */
/* Topics to objects: the sink contract (api/connector.h) over one writer a topic-partition. An object is uploaded
 * inside put when its file is cut; flush hands out the offsets that uploads have made durable and never cuts. Open
 * files are dropped when partitions are revoked or the task ends, and their records are read again: nothing of them is
 * committed. Writes no tombstones, keys or headers; see config.c for what is refused. */
#include "connectors/s3/sink.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "connectors/s3/config.h"
#include "connectors/s3/writer.h"

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "dev"
#endif

struct s3_task {
        const struct sl_s3_cfg *cfg;
        struct sl_task_env env;
        struct sl_s3_shared shared;
        struct sl_s3_part *parts;
        uint32_t count, cap;
        uint32_t last; /* where find looked last */
};

static void open_metrics(struct s3_task *t)
{
        const char *labels = t->env.metric_labels;
        if (!labels)
                return;
        t->shared.objects = sl_metric_get(SL_COUNTER, "sluice_s3_objects_total", "Objects uploaded.", labels);
        t->shared.bytes = sl_metric_get(SL_COUNTER, "sluice_s3_bytes_total", "Bytes of uploaded objects.", labels);
        t->shared.records =
                sl_metric_get(SL_COUNTER, "sluice_s3_records_total", "Records in uploaded objects.", labels);
}

static enum sl_rc s3_open(void *task, const void *arg, const struct sl_task_env *env, struct sl_err *err)
{
        struct s3_task *t = task;
        const struct sl_s3_cfg *cfg = arg;
        t->cfg = cfg;
        t->env = *env;
        struct sl_s3_shared *sh = &t->shared;
        sh->format = sl_s3_format_ops(cfg->format);
        sh->format_opts = sl_s3_format_opts(cfg, cfg->format);
        sh->names = (struct sl_s3_names){.topics_dir = cfg->topics_dir,
                                         .dir_delim = cfg->dir_delim,
                                         .file_delim = cfg->file_delim,
                                         .pad_width = cfg->pad_width,
                                         .ext = {sh->format->ext(&sh->format_opts)}};
        sh->rules = (struct sl_s3_rules){cfg->flush_size, cfg->rotate_interval_ms, cfg->rotate_idle_ms};
        sh->part_size = (size_t)cfg->part_size;
        open_metrics(t);
        SL_TRY(sl_s3_client_open(cfg, env, &sh->client, err));
        return sl_s3_head_bucket(sh->client, err);
}

static struct sl_s3_part *find(struct s3_task *t, struct sl_tp tp)
{
        if (t->last < t->count && t->parts[t->last].tp.topic == tp.topic &&
            t->parts[t->last].tp.partition == tp.partition)
                return &t->parts[t->last];
        for (uint32_t i = 0; i < t->count; i++) {
                if (t->parts[i].tp.topic == tp.topic && t->parts[i].tp.partition == tp.partition) {
                        t->last = i;
                        return &t->parts[i];
                }
        }
        return NULL;
}

static enum sl_rc s3_assigned(void *task, const struct sl_tp_offset *parts, uint32_t n, struct sl_err *err)
{
        struct s3_task *t = task;
        (void)err;
        for (uint32_t i = 0; i < n; i++) {
                struct sl_s3_part *p = find(t, parts[i].tp);
                if (p) {
                        sl_s3_part_free(p, &t->shared); /* given again: it will be read from there */
                } else {
                        if (t->count == t->cap) {
                                t->cap = t->cap ? t->cap * 2 : 8;
                                t->parts = sl_realloc(t->parts, t->cap * sizeof(*t->parts));
                        }
                        p = &t->parts[t->count++];
                }
                sl_s3_part_init(p, parts[i].tp, parts[i].offset);
        }
        return SL_OK;
}

static void s3_revoked(void *task, const struct sl_tp *parts, uint32_t n, bool lost)
{
        struct s3_task *t = task;
        (void)lost; /* upload ids are ours alone: aborting them harms no successor */
        for (uint32_t i = 0; i < n; i++) {
                struct sl_s3_part *p = find(t, parts[i]);
                if (!p)
                        continue;
                sl_s3_part_free(p, &t->shared);
                *p = t->parts[--t->count];
        }
}

static enum sl_rc refuse_null(const struct sl_record *rec, struct sl_err *err)
{
        return sl_fail(err, SL_E_S3_NULL,
                       "Null valued records are not writeable with current behavior.on.null.values 'settings.' (topic "
                       "%.*s, partition "
                       "%d, offset %lld): set behavior.on.null.values=ignore to skip tombstones",
                       SL_FMT(rec->topic), rec->partition, (long long)rec->offset);
}

static enum sl_rc put_record(struct s3_task *t, struct sl_s3_part *p, const struct sl_record *rec, int64_t now_ms,
                             struct sl_err *err)
{
        if (rec->offset < p->seen)
                return SL_OK; /* the same batch once more, after a failure further on in it */
        if (rec->dropped || (rec->value.type == SL_NULL && t->cfg->nulls == SL_S3_NULLS_IGNORE)) {
                sl_s3_part_handled(p, rec->offset);
                return SL_OK;
        }
        if (rec->value.type == SL_NULL)
                return refuse_null(rec, err);
        struct sl_err why = {0};
        enum sl_rc rc = sl_s3_part_write(p, &t->shared, rec, now_ms, &why);
        if (rc == SL_OK)
                return SL_OK;
        if (why.scope != SL_SCOPE_RECORD) {
                if (err && err->rc == SL_OK)
                        *err = why;
                return rc;
        }
        why.stage = SL_STAGE_TASK_PUT;
        SL_TRY(t->env.report(t->env.report_arg, rec, &why, err));
        sl_s3_part_handled(p, rec->offset);
        return SL_OK;
}

static enum sl_rc s3_put(void *task, const struct sl_batch *batch, struct sl_err *err)
{
        struct s3_task *t = task;
        int64_t now_ms = sl_mono_ms();
        for (uint32_t i = 0; i < batch->count; i++) {
                const struct sl_record *rec = &batch->records[i];
                struct sl_s3_part *p = find(t, (struct sl_tp){rec->topic.ptr, rec->partition});
                if (!p)
                        return sl_fail(err, SL_E_CONFIG,
                                       "A record came under topic %.*s, which is not the topic it was read from: the "
                                       "S3 sink names objects "
                                       "and keeps offsets by the topic read, so remove the transform that renames "
                                       "topics (or rename at the "
                                       "source)",
                                       SL_FMT(rec->topic));
                SL_TRY(put_record(t, p, rec, now_ms, err));
        }
        for (uint32_t i = 0; i < t->count; i++)
                SL_TRY(sl_s3_part_idle(&t->parts[i], &t->shared, sl_mono_ms(), err));
        return SL_OK;
}

static enum sl_rc s3_flush(void *task, bool closing, struct sl_offsets *durable, struct sl_err *err)
{
        struct s3_task *t = task;
        (void)closing; /* nothing is cut early: cuts must not depend on when a task stops */
        (void)err;
        for (uint32_t i = 0; i < t->count; i++) {
                struct sl_s3_part *p = &t->parts[i];
                if (p->durable == p->handed)
                        continue;
                sl_offsets_add(durable, p->tp, p->durable);
                p->handed = p->durable;
        }
        return SL_OK;
}

static void s3_wait(void *task, struct sl_wait *w)
{
        struct s3_task *t = task;
        int64_t now_ms = sl_mono_ms();
        for (uint32_t i = 0; i < t->count; i++) {
                int64_t left = sl_s3_idle_left(&t->shared.rules, &t->parts[i].file, now_ms);
                if (left >= 0)
                        sl_wait_ms(w, left);
        }
}

static void s3_close(void *task)
{
        struct s3_task *t = task;
        for (uint32_t i = 0; i < t->count; i++)
                sl_s3_part_free(&t->parts[i], &t->shared);
        free(t->parts);
        sl_s3_client_free(t->shared.client);
        *t = (struct s3_task){0};
}

static const char *const aliases[] = {"io.confluent.connect.s3.S3SinkConnector", NULL};

const struct sl_sink_ops sl_s3_sink = {
        .name = "s3",
        .aliases = aliases,
        .version = SLUICE_VERSION,
        .config = sl_s3_defs,
        .config_size = sizeof(struct sl_s3_cfg),
        .task_size = sizeof(struct s3_task),
        .check = sl_s3_check,
        .open = s3_open,
        .assigned = s3_assigned,
        .revoked = s3_revoked,
        .put = s3_put,
        .flush = s3_flush,
        .wait = s3_wait,
        .close = s3_close,
};
