/* SPDX-License-Identifier: Apache-2.0 */
/* Topics to objects: the sink contract (api/connector.h) over one writer a topic-partition (writer.c). put encodes records
 * and never waits for an upload: those go on in the background (object.h), and put moves them on. flush hands out the
 * offsets that are durable, with the plans of what is not; nothing is cut because of a flush, a stop or a rebalance. Open
 * files are dropped when partitions are revoked or the task ends, and their records are read again.
 *
 * Memory (sluice.task.memory.bytes = M). What open files hold and only a cut sets free may take M, plus room for one
 * part of 5 MiB for each of up to 8 partitions: above that the files of the topic-partition that holds most are cut. What is
 * finished and on its way may take what open files leave of that, at least M / 4 and at most 3/4 M: above that the sink is full
 * and the core reads nothing more until uploads drain. All of it is counted by the room that buffers have. Parquet
 * row groups and parts are made small enough for that to be rare: a row group is at most a topic-partition's share of M / 2
 * (and a page a 16th of that), a part at most M / 8 (but 5 MiB).
 *
 * Failures. An upload that fails is kept and tried again by the next puts, which the core spaces out; while there is one the
 * sink is full. No record is dead-lettered for it. A record that can't be written is reported, alone. */
#include "connectors/s3/sink.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "connectors/s3/config.h"
#include "connectors/s3/config_aiven.h"
#include "connectors/s3/writer.h"

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "dev"
#endif

#define PLAN_EVERY_MS 100            /* at least this long between two commits only for plans */
#define LOOK_MS 20                   /* what arrived while nobody waited for it is seen after so long */
#define SETS_MAX 2000                /* cuts on their way: small files are bounded by number */
#define PART_MIN ((size_t)5 << 20)   /* S3's smallest part */
#define ROW_GROUP_MIN ((size_t)1 << 20)
#define PAGE_MIN ((size_t)64 << 10)
#define PAGES_A_GROUP 16
#define PARTS_WITH_ROOM 8

struct s3_task {
        struct sl_s3_cfg cfg; /* with sizes fitted to the memory */
        struct sl_task_env env;
        struct sl_s3_shared shared;
        struct sl_s3_part *parts;
        uint32_t count, cap;
        uint32_t last;        /* where find looked last */
        struct sl_arena keep; /* texts of tags */
        size_t open_bytes;    /* what open files held when we last looked */
        size_t sending_bytes; /* ditto what is on its way */
        int64_t plan_ms;      /* of the last commit with plans */
        struct sl_metric *m_open, *m_held, *m_cuts, *m_uploads;
};

static size_t row_group_share(const struct s3_task *t)
{
        size_t share = t->env.memory_bytes / 2 / (t->count ? t->count : 1);
        share = share < ROW_GROUP_MIN ? ROW_GROUP_MIN : share;
        return share < (size_t)t->cfg.row_group_bytes ? share : (size_t)t->cfg.row_group_bytes;
}

static size_t open_limit(const struct s3_task *t)
{
        return t->env.memory_bytes + PART_MIN * (t->count < PARTS_WITH_ROOM ? t->count : PARTS_WITH_ROOM);
}

static void open_metrics(struct s3_task *t)
{
        const char *labels = t->env.metric_labels;
        struct sl_s3_sets *sets = &t->shared.sets;
        if (!labels)
                return;
        sets->objects = sl_metric_get(SL_COUNTER, "sluice_s3_objects_total", "Objects uploaded.", labels);
        sets->bytes = sl_metric_get(SL_COUNTER, "sluice_s3_bytes_total", "Bytes of uploaded objects.", labels);
        sets->records = sl_metric_get(SL_COUNTER, "sluice_s3_records_total", "Records in uploaded objects.", labels);
        sets->seconds = sl_metric_get(SL_HISTOGRAM, "sluice_s3_upload_seconds",
                                      "From the end of a file to its object in the bucket.", labels);
        sets->retries = sl_metric_get(SL_COUNTER, "sluice_s3_upload_retries_total",
                                      "Uploads that ran out of tries and were begun again.", labels);
        t->m_open = sl_metric_get(SL_GAUGE, "sluice_s3_open_files", "Files that are being written.", labels);
        t->m_held = sl_metric_get(SL_GAUGE, "sluice_s3_held_bytes", "Bytes of open files and of unfinished uploads.", labels);
        t->m_cuts = sl_metric_get(SL_COUNTER, "sluice_s3_memory_cuts_total",
                                  "Cuts because open files took too much memory.", labels);
        t->m_uploads = sl_metric_get(SL_GAUGE, "sluice_s3_uploading_cuts", "Cuts whose objects are not all in the bucket.",
                                     labels);
}

static void open_kind(struct s3_task *t, enum sl_s3_variant variant, int format)
{
        struct sl_s3_kind *k = &t->shared.kinds[variant];
        k->format = (enum sl_s3_format)format;
        k->ops = sl_s3_format_ops(format);
        k->opts = sl_s3_format_opts(&t->cfg, format);
        t->shared.names.ext[variant] = k->ops->ext(&k->opts);
}

/* s3.object.tagging.key.value.pairs, checked by clientcfg.c: split at the first colon. */
static const struct sl_s3_pair *tags_of(struct s3_task *t)
{
        const struct sl_cfg_list *list = &t->cfg.tag_pairs;
        struct sl_s3_pair *tags = sl_arena_zalloc(&t->keep, (list->count + 1) * sizeof(*tags));
        for (uint32_t i = 0; i < list->count; i++) {
                char *name = sl_arena_strdup(&t->keep, list->items[i]), *colon = strchr(name, ':');
                tags[i].name = name;
                tags[i].value = colon ? colon + 1 : "";
                if (colon)
                        *colon = '\0';
        }
        return tags;
}

static enum sl_rc s3_open(void *task, const void *arg, const struct sl_task_env *env, struct sl_err *err)
{
        struct s3_task *t = task;
        struct sl_s3_cfg *cfg = &t->cfg;
        struct sl_s3_shared *sh = &t->shared;
        *cfg = *(const struct sl_s3_cfg *)arg;
        t->env = *env;
        size_t part_max = env->memory_bytes / 8 > PART_MIN ? env->memory_bytes / 8 : PART_MIN;
        if ((size_t)cfg->part_size > part_max)
                cfg->part_size = (int32_t)part_max;
        sh->names = (struct sl_s3_names){.topics_dir = cfg->topics_dir,
                                         .dir_delim = cfg->dir_delim,
                                         .file_delim = cfg->file_delim,
                                         .pad_width = cfg->pad_width};
        open_kind(t, SL_S3_VALUES, cfg->format);
        if (cfg->store_keys)
                open_kind(t, SL_S3_KEYS, cfg->keys_format);
        if (cfg->store_headers)
                open_kind(t, SL_S3_HEADERS, cfg->headers_format);
        sh->rules = sl_s3_rules_of(cfg);
        sh->clocked = sl_s3_rules_clocked(&sh->rules);
        sh->sets.conditional = sh->clocked && cfg->conditional;
        sl_arena_init(&t->keep, 1024);
        sh->tagged = cfg->tagging;
        sh->tags = cfg->tagging ? tags_of(t) : NULL;
        sh->projector = sl_projector_new((enum sl_compatibility)cfg->compatibility);
        sl_arena_init(&sh->scratch, 16384);
        open_metrics(t);
        const char *tombstones = cfg->nulls == SL_S3_NULLS_WRITE ? cfg->tombstone_dir : NULL;
        SL_TRY(sl_s3_partitioner_new(cfg, tombstones, &sh->partitioner, err));
        SL_TRY(sl_s3_client_open(cfg, &t->env, &sh->sets.client, err));
        return sl_s3_head_bucket(sh->sets.client, err);
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

/* What a former self left of uploads of these partitions. */
static void sweep(struct s3_task *t, const struct sl_tp_offset *parts, uint32_t n)
{
        const struct sl_s3_names *names = &t->shared.names;
        for (uint32_t i = 0; i < n; i++) {
                struct sl_buf prefix = {0}, name = {0};
                sl_s3_topic_prefix(names, parts[i].tp.topic, &prefix);
                sl_buf_printf(&name, "%s%s%d%s", parts[i].tp.topic, names->file_delim, parts[i].tp.partition, names->file_delim);
                const char *one = sl_buf_cstr(&name);
                for (int v = 0; v < SL_S3_VARIANTS; v++) {
                        struct sl_buf suffix = {0};
                        if (!names->ext[v])
                                continue;
                        sl_s3_ending(names, (enum sl_s3_variant)v, &suffix);
                        sl_s3_sweep(t->shared.sets.client, (struct sl_str){prefix.ptr, prefix.len}, &one, 1, sl_buf_cstr(&suffix));
                        sl_buf_free(&suffix);
                }
                sl_buf_free(&prefix);
                sl_buf_free(&name);
        }
}

/* Row groups and pages for as many topic-partitions as there are now. */
static void fit_formats(struct s3_task *t)
{
        size_t group = row_group_share(t), page = group / PAGES_A_GROUP;
        page = page < PAGE_MIN ? PAGE_MIN : page;
        for (int v = 0; v < SL_S3_VARIANTS; v++) {
                struct sl_format_opts *opts = &t->shared.kinds[v].opts;
                opts->row_group_bytes = group;
                if (page < (size_t)t->cfg.parquet.page_bytes)
                        opts->page_bytes = page;
                sl_s3_kind_free(&t->shared.kinds[v]); /* spare writers have the old sizes */
        }
}

static enum sl_rc s3_assigned(void *task, const struct sl_tp_offset *parts, uint32_t n, struct sl_err *err)
{
        struct s3_task *t = task;
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
                SL_TRY(sl_s3_part_init(p, &parts[i], err));
        }
        fit_formats(t);
        if (t->cfg.abort_orphans)
                sweep(t, parts, n);
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

/* ---- records ---- */

static enum sl_rc put_null(struct s3_task *t, struct sl_s3_part *p, const struct sl_record *rec, struct sl_err *err)
{
        struct sl_err why = {0};
        enum sl_rc rc = sl_fail(&why, SL_E_S3_NULL,
                                "Null valued records are not writeable with current behavior.on.null.values 'settings.' (topic "
                                "%.*s, partition %d, offset %lld): set behavior.on.null.values=ignore to skip tombstones",
                                SL_FMT(rec->topic), rec->partition, (long long)rec->offset);
        if (t->cfg.nulls == SL_S3_NULLS_FAIL) {
                if (err && err->rc == SL_OK)
                        *err = why;
                return rc;
        }
        if (t->cfg.report_nulls && t->env.dead_letters) {
                why.rc = SL_BUSINESS;
                why.scope = SL_SCOPE_RECORD;
                SL_TRY(t->env.report(t->env.report_arg, rec, &why, err));
        }
        return sl_s3_part_handled(p, &t->shared, sl_read_offset(rec), err);
}

static enum sl_rc put_record(struct s3_task *t, struct sl_s3_part *p, const struct sl_record *rec, struct sl_s3_now now,
                             struct sl_err *err)
{
        int64_t offset = sl_read_offset(rec);
        if (offset < p->seen)
                return SL_OK; /* the same batch once more, after a failure further on in it */
        if (rec->dropped)
                return sl_s3_part_handled(p, &t->shared, offset, err);
        if (rec->value.type == SL_NULL && t->cfg.nulls != SL_S3_NULLS_WRITE)
                return put_null(t, p, rec, err);
        struct sl_err why = {0};
        enum sl_rc rc = sl_s3_part_write(p, &t->shared, rec, now, &why);
        if (rc == SL_OK)
                return SL_OK;
        if (why.scope != SL_SCOPE_RECORD) {
                if (err && err->rc == SL_OK)
                        *err = why;
                return rc;
        }
        why.stage = SL_STAGE_TASK_PUT;
        SL_TRY(t->env.report(t->env.report_arg, rec, &why, err));
        return sl_s3_part_handled(p, &t->shared, offset, err);
}

static enum sl_rc put_records(struct s3_task *t, const struct sl_batch *batch, struct sl_s3_now now, struct sl_err *err)
{
        for (uint32_t i = 0; i < batch->count; i++) {
                const struct sl_record *rec = &batch->records[i];
                struct sl_s3_part *p = find(t, (struct sl_tp){sl_read_topic(rec), sl_read_partition(rec)});
                if (!p)
                        return sl_fail(err, SL_E_CONFIG,
                                       "A record came under topic %.*s, which is not the topic it was read from: the "
                                       "S3 sink names objects and keeps offsets by the topic read, so remove the "
                                       "transform that renames topics (or rename at the source)",
                                       SL_FMT(rec->topic));
                SL_TRY(put_record(t, p, rec, now, err));
        }
        return SL_OK;
}

/* ---- memory ---- */

/* Note what is held; of the topic-partitions whose files may be cut, the one that holds most. */
static struct sl_s3_part *weigh(struct s3_task *t)
{
        struct sl_s3_part *most = NULL;
        size_t max = 0, tails = 0, files = 0;
        t->open_bytes = 0;
        for (uint32_t i = 0; i < t->count; i++) {
                struct sl_s3_part *p = &t->parts[i];
                size_t tail, held = sl_s3_part_held(p, &t->shared, &tail);
                t->open_bytes += held;
                tails += tail;
                files += p->open.files;
                if (held > max && !sl_s3_part_replays(p)) {
                        max = held;
                        most = p;
                }
        }
        size_t held = sl_s3_client_held(t->shared.sets.client);
        t->sending_bytes = held > tails ? held - tails : 0;
        if (t->m_open) {
                sl_metric_set(t->m_open, (int64_t)files);
                sl_metric_set(t->m_held, (int64_t)(t->open_bytes + t->sending_bytes));
                sl_metric_set(t->m_uploads, t->shared.sets.sets);
        }
        return most;
}

static enum sl_rc keep_in_memory(struct s3_task *t, struct sl_err *err)
{
        struct sl_s3_part *most = weigh(t);
        while (most && t->open_bytes > open_limit(t)) {
                if (t->m_cuts)
                        sl_metric_add(t->m_cuts, 1);
                SL_TRY(sl_s3_part_cut(most, &t->shared, SL_S3_CUT_MEMORY, err));
                most = weigh(t);
        }
        return SL_OK;
}

/* ---- uploads ---- */

static enum sl_rc retry(struct s3_task *t, struct sl_err *err)
{
        for (uint32_t i = 0; i < t->count && t->shared.sets.failed; i++)
                SL_TRY(sl_s3_part_retry(&t->parts[i], &t->shared, err));
        return SL_OK;
}

static enum sl_rc work(struct s3_task *t, struct sl_err *err)
{
        enum sl_rc failed = SL_OK;
        SL_TRY(sl_s3_client_work(t->shared.sets.client, err));
        for (uint32_t i = 0; i < t->count; i++) {
                enum sl_rc rc = sl_s3_part_work(&t->parts[i], &t->shared, err);
                failed = failed == SL_OK ? rc : failed;
        }
        if (failed == SL_OK)
                failed = sl_s3_client_work(t->shared.sets.client, err); /* what was completed just now */
        weigh(t);
        return failed;
}

/* What may be on its way before nothing more is read. */
static size_t sending_limit(const struct s3_task *t)
{
        size_t quarter = t->env.memory_bytes / 4, all = open_limit(t);
        size_t left = all > t->open_bytes ? all - t->open_bytes : 0;
        return left < quarter ? quarter : left > quarter * 3 ? quarter * 3 : left;
}

static enum sl_rc s3_put(void *task, const struct sl_batch *batch, struct sl_err *err)
{
        struct s3_task *t = task;
        struct sl_s3_now now = {sl_wall_ms(), sl_mono_ms()};
        SL_TRY(retry(t, err));
        SL_TRY(put_records(t, batch, now, err));
        for (uint32_t i = 0; i < t->count; i++)
                SL_TRY(sl_s3_part_clock(&t->parts[i], &t->shared, now, err));
        SL_TRY(keep_in_memory(t, err));
        return work(t, err);
}

static enum sl_rc s3_flush(void *task, bool closing, struct sl_offsets *durable, struct sl_err *err)
{
        struct s3_task *t = task;
        (void)closing; /* nothing is cut early: cuts must not depend on when a task stops */
        (void)err;
        if (t->shared.sets.waiting)
                t->plan_ms = sl_mono_ms();
        for (uint32_t i = 0; i < t->count; i++)
                sl_s3_part_flush(&t->parts[i], &t->shared, durable);
        return SL_OK;
}

static void s3_committed(void *task, const struct sl_tp_offset *parts, uint32_t n)
{
        struct s3_task *t = task;
        for (uint32_t i = 0; i < n; i++) {
                struct sl_s3_part *p = find(t, parts[i].tp);
                if (p)
                        sl_s3_part_committed(p);
        }
        struct sl_err seen_again = {0}; /* by the next put */
        enum sl_rc rc = t->shared.sets.sets ? work(t, &seen_again) : SL_OK;
        (void)rc;
}

static unsigned s3_needs(void *task)
{
        const struct s3_task *t = task;
        const struct sl_s3_sets *sets = &t->shared.sets;
        unsigned needs = 0;
        if (sets->failed || t->sending_bytes > sending_limit(t) || sets->sets > SETS_MAX)
                needs |= SL_SINK_FULL;
        if (sets->waiting && sl_mono_ms() - t->plan_ms >= PLAN_EVERY_MS)
                needs |= SL_SINK_COMMIT;
        if (sets->sets && !sets->failed)
                needs |= SL_SINK_BUSY;
        return needs;
}

static void s3_wait(void *task, struct sl_wait *w)
{
        struct s3_task *t = task;
        int64_t wall_ms = sl_wall_ms(), now_ms = sl_mono_ms();
        for (uint32_t i = 0; i < t->count; i++)
                if (!sl_s3_part_replays(&t->parts[i]))
                        sl_wait_ms(w, sl_s3_clock_left(&t->shared.rules, &t->parts[i].open, wall_ms, now_ms));
        if (t->shared.sets.waiting)
                sl_wait_ms(w, t->plan_ms + PLAN_EVERY_MS - now_ms);
        if (t->shared.sets.sets && !t->shared.sets.failed)
                sl_wait_ms(w, LOOK_MS);
        if (t->shared.sets.client)
                sl_s3_client_wait(t->shared.sets.client, w);
}

static void s3_close(void *task)
{
        struct s3_task *t = task;
        struct sl_s3_shared *sh = &t->shared;
        for (uint32_t i = 0; i < t->count; i++)
                sl_s3_part_free(&t->parts[i], sh);
        free(t->parts);
        for (int v = 0; v < SL_S3_VARIANTS; v++)
                sl_s3_kind_free(&sh->kinds[v]);
        sl_s3_client_free(sh->sets.client);
        sl_s3_partitioner_free(sh->partitioner);
        sl_projector_free(sh->projector);
        sl_s3_views_free(&sh->views);
        sl_arena_free(&sh->scratch);
        sl_arena_free(&t->keep);
        *t = (struct s3_task){0};
}

static const char *const aliases[] = {"io.confluent.connect.s3.S3SinkConnector", SL_S3_AIVEN_CLASS, NULL};

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
        .committed = s3_committed,
        .needs = s3_needs,
        .wait = s3_wait,
        .close = s3_close,
};
