/* SPDX-License-Identifier: Apache-2.0 */
/* See cutset.h. The rules, for which writer.c has the reasons:
 *   - a set that is planned, and every set behind it, is completed only when the plan is committed;
 *   - an object that somebody else has completed (412) counts as there if it carries the id of this very cut. */
#include "connectors/s3/cutset.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api/connector.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

struct sl_s3_set *sl_s3_set_new(int64_t start, const struct sl_s3_planned *plan, enum sl_s3_cut why, bool planned)
{
        struct sl_s3_set *set = sl_calloc(1, sizeof(*set));
        set->start = start;
        set->plan = *plan;
        set->why = why;
        set->planned = planned;
        set->cut_ms = sl_mono_ms();
        return set;
}

void sl_s3_set_add(struct sl_s3_set *set, struct sl_s3_object *object, char *key, bool failed)
{
        if (set->count == set->cap) {
                set->cap = set->cap ? set->cap * 2 : 1;
                set->objects = sl_realloc(set->objects, set->cap * sizeof(*set->objects));
        }
        set->objects[set->count++] = (struct sl_s3_outgoing){.object = object, .key = key, .failed = failed};
}

static void free_set(struct sl_s3_set *set, struct sl_s3_sets *all)
{
        for (uint32_t i = 0; i < set->count; i++) {
                all->failed -= set->objects[i].failed;
                sl_s3_object_free(set->objects[i].object);
                free(set->objects[i].key);
        }
        free(set->objects);
        free(set);
}

void sl_s3_queue_push(struct sl_s3_queue *q, struct sl_s3_sets *all, struct sl_s3_set *set)
{
        if (q->last)
                q->last->next = set;
        else
                q->first = set;
        q->last = set;
        q->count++;
        all->sets++;
        all->waiting += set->planned && set->plan.end > q->handed_to;
}

static void pop(struct sl_s3_queue *q, struct sl_s3_sets *all)
{
        struct sl_s3_set *set = q->first;
        q->first = set->next;
        if (!q->first)
                q->last = NULL;
        q->count--;
        all->sets--;
        free_set(set, all);
}

void sl_s3_queue_free(struct sl_s3_queue *q, struct sl_s3_sets *all)
{
        while (q->first) {
                all->waiting -= q->first->planned && q->first->plan.end > q->handed_to;
                pop(q, all);
        }
        *q = (struct sl_s3_queue){0};
}

static enum sl_rc is_ours(struct sl_s3_sets *all, const struct sl_s3_set *set, const char *key, struct sl_err *err)
{
        struct sl_s3_info info = {0};
        char id[17];
        snprintf(id, sizeof(id), "%016" PRIx64, set->plan.id);
        enum sl_rc rc = sl_s3_head(all->client, sl_str_c(key), &info, err);
        struct sl_str found = sl_s3_info_meta(&info, "sluice-cut");
        if (rc == SL_OK && !info.found) {
                rc = sl_fail(err, SL_E_S3_EXISTS, "The object %s existed a moment ago and is gone: its records are read again",
                             key);
        } else if (rc == SL_OK && !sl_str_eqc(found, id)) { /* asked again by the next put: stores may show metadata late */
                rc = sl_fail(err, SL_E_S3_EXISTS,
                             "There is an object %s that this connector's last commits know nothing of (records from offset "
                             "%" PRId64 " on, cut %s; it has \"%.*s\"). It is not replaced: remove it, choose another "
                             "topics.dir, or set enable.conditional.writes=false to have such objects replaced",
                             key, set->start, id, SL_FMT(found));
                if (err)
                        err->scope = SL_SCOPE_BATCH;
        }
        sl_s3_info_free(&info);
        return rc;
}

static void count_object(struct sl_s3_sets *all, const struct sl_s3_set *set, const struct sl_s3_outgoing *out)
{
        if (all->objects) {
                sl_metric_add(all->objects, 1);
                sl_metric_add(all->bytes, (int64_t)sl_s3_object_bytes(out->object));
                sl_metric_observe_us(all->seconds, (sl_mono_ms() - set->cut_ms) * 1000, 1);
        }
        sl_debug("object %s bytes=%llu cut=%s", out->key, (unsigned long long)sl_s3_object_bytes(out->object),
                 sl_s3_cut_name(set->why));
}

static void arrived(struct sl_s3_sets *all, const struct sl_s3_set *set, struct sl_s3_outgoing *out)
{
        out->there = true;
        all->failed -= out->failed;
        out->failed = false;
        count_object(all, set, out);
}

static enum sl_rc work_object(struct sl_s3_sets *all, const struct sl_s3_set *set, struct sl_s3_outgoing *out, bool allowed,
                              struct sl_err *err)
{
        struct sl_err why = {0};
        if (out->there)
                return SL_OK;
        switch (sl_s3_object_state(out->object, &why)) {
        case SL_S3_READY:
                if (!allowed)
                        return SL_OK;
                SL_FAULT_TRY("s3.before_complete", SL_E_S3_RETRY, err);
                out->asked = true;
                sl_s3_object_complete(out->object);
                return SL_OK;
        case SL_S3_DONE:
                arrived(all, set, out);
                return SL_OK;
        case SL_S3_EXISTS:
                SL_TRY(is_ours(all, set, out->key, err));
                arrived(all, set, out);
                return SL_OK;
        case SL_S3_FAILED:
                if (!out->failed) {
                        out->failed = true;
                        all->failed++;
                }
                if (err && err->rc == SL_OK)
                        *err = why;
                return why.rc;
        case SL_S3_OPEN:
        case SL_S3_BUSY:
                break;
        }
        return SL_OK;
}

static bool complete(const struct sl_s3_set *set)
{
        for (uint32_t i = 0; i < set->count; i++)
                if (!set->objects[i].there)
                        return false;
        return true;
}

enum sl_rc sl_s3_queue_work(struct sl_s3_queue *q, struct sl_s3_sets *all, struct sl_err *err)
{
        enum sl_rc failed = SL_OK;
        bool allowed = true;
        for (struct sl_s3_set *set = q->first; set; set = set->next) {
                allowed &= !set->planned || set->plan.end <= q->stored_to;
                for (uint32_t i = 0; i < set->count; i++) {
                        enum sl_rc rc = work_object(all, set, &set->objects[i], allowed, err);
                        failed = failed == SL_OK ? rc : failed;
                }
        }
        while (q->first && complete(q->first)) {
                SL_FAULT_TRY("s3.before_durable", SL_E_S3_RETRY, err);
                if (all->records)
                        sl_metric_add(all->records, q->first->records);
                pop(q, all);
        }
        return failed;
}

enum sl_rc sl_s3_send_again(struct sl_s3_sets *all, struct sl_s3_object *object, const char *key, struct sl_err *err)
{
        if (all->retries)
                sl_metric_add(all->retries, 1);
        if (sl_s3_object_retry(object))
                return SL_OK;
        enum sl_rc rc = sl_fail(err, SL_E_S3_RETRY, "The upload of %s is gone on the server: its records are read again", key);
        if (err)
                err->scope = SL_SCOPE_TASK;
        return rc;
}

enum sl_rc sl_s3_queue_retry(struct sl_s3_queue *q, struct sl_s3_sets *all, struct sl_err *err)
{
        for (struct sl_s3_set *set = q->first; set; set = set->next)
                for (uint32_t i = 0; i < set->count; i++) {
                        struct sl_s3_outgoing *out = &set->objects[i];
                        if (sl_s3_object_state(out->object, NULL) == SL_S3_FAILED)
                                SL_TRY(sl_s3_send_again(all, out->object, out->key, err));
                }
        return SL_OK;
}

bool sl_s3_queue_plan(struct sl_s3_queue *q, struct sl_s3_sets *all, int64_t from, struct sl_buf *out)
{
        const struct sl_s3_set *last = NULL;
        for (const struct sl_s3_set *set = q->first; set; set = set->next)
                if (set->planned)
                        last = set;
        if (!last)
                return true;
        sl_s3_plan_start(out, from);
        for (const struct sl_s3_set *set = q->first; set; set = set->next) {
                if (!sl_s3_plan_add(out, from, &set->plan, SL_OFFSET_METADATA_MAX))
                        return false;
                all->waiting -= set->planned && set->plan.end > q->handed_to;
                if (set->plan.end > q->handed_to)
                        q->handed_to = set->plan.end;
                from = set->plan.end;
                if (set == last)
                        break;
        }
        return true;
}

void sl_s3_queue_stored(struct sl_s3_queue *q)
{
        q->stored_to = q->handed_to;
}
