/* SPDX-License-Identifier: Apache-2.0 */
/* Replay (see replay.h). One pass over the dead-letter topic selects and spools records; entries of them are sorted by
 * where the originals stood, which keeps the order of each key and brings duplicates together; topics that are
 * compacted are read once for newer records of the same keys; then the entries are written in their order. Everything
 * is read again by a run that resumes: only the ledger says what is done. */
#include "dlq/replay.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/digits.h"
#include "dlq/fits.h"
#include "dlq/letter.h"
#include "dlq/newer.h"
#include "dlq/pace.h"
#include "dlq/place.h"
#include "dlq/poison.h"
#include "dlq/returns.h"
#include "dlq/scan.h"
#include "dlq/spool.h"
#include "pipeline/replayed.h"

#define ASK_MS 15000
#define SORT_BYTES (16u << 20)
#define WAIT_MS 50
#define LOOK_US 1000000
#define FEW 10    /* replayed: too few to judge by */
#define LINEAGE 8 /* headers of ours */
#define LINEAGE_BYTES 310 /* of them, beside the names of two topics */
#define TOO_LARGE "with the headers that a replay adds it is larger than max.message.bytes of its topic"

struct entry {
        uint64_t identity; /* 0 = unknown */
        int64_t origin_offset, offset, spool, lsn;
        int32_t origin_partition, partition;
        uint32_t size, shape; /* shape: 1 + its number; 0 = can be replayed */
        uint32_t key_hash;    /* for the partition */
        uint32_t watched;     /* its key's number in newer; 0 = not watched */
        uint32_t key_number;  /* in keys; 0 = no order to keep */
        uint16_t place;       /* SL_DLQ_NO_PLACE = origin unknown */
        bool keyed, closed, repaired, expired;
};

struct run {
        const struct sl_dlq_replay_opts *o;
        struct sl_dlq_job *job;
        struct sl_dlq_plan *plan;
        struct sl_err *err;
        struct sl_dlq_act *act;
        struct sl_dlq_ledger *ledger;
        struct sl_poison poison;
        struct sl_dlq_filter filter;
        struct sl_dlq_places places; /* where the originals stood */
        struct sl_dlq_place target;  /* of --to topic:NAME */
        struct sl_sorter *sorter;
        struct sl_spool spool;
        struct sl_newer *newer;
        struct sl_newer *keys; /* of --keep-order: only their numbers */
        bool *barred;          /* by key number: an older record of it is left */
        uint32_t key_count;
        struct sl_arena arena; /* of one record */
        struct sl_buf flat;
        struct sl_kheader *headers;
        uint32_t header_room;
        int64_t now_ms;     /* wall clock when it began */
        struct sl_pace pace;
        int64_t looked_us; /* for what came back */
        bool canary_over;
        struct sl_returns returns;
        uint64_t sent;
};

/* --- Selection -------------------------------------------------------------------------------------------------------
 */

static enum sl_rc selected(struct run *r, struct sl_dlq_item *it, bool *ret)
{
        const struct sl_reader_part *part = sl_dlq_job_part(r->job, it->partition);
        *ret = false;
        if (!part || it->offset >= part->end || !sl_dlq_filter_place(&r->filter, it->partition, it->offset))
                return SL_OK;
        SL_TRY(sl_dlq_item_text(r->o->scan.decode, &r->filter, it, &r->arena, r->err));
        bool wanted = sl_dlq_filter_early(&r->filter, it, &r->arena) && sl_dlq_filter_late(&r->filter, it);
        *ret = wanted && it->offset >= part->begin;
        r->plan->earlier += wanted && !*ret;
        return SL_OK;
}

/* Why this record can't be replayed whatever its value is; NULL = it can. */
static const char *obstacle(const struct run *r, const struct sl_dlq_item *it, const struct entry *e)
{
        if (it->hops >= SL_DLQ_HOP_LIMIT)
                return "it was replayed 4 times and failed each time: it goes in circles";
        if (it->pointer && !it->fetched)
                return it->missing;
        if (r->o->target_topic && !r->o->target_connector)
                return NULL;
        if (e->place == SL_DLQ_NO_PLACE)
                return "its original topic is unknown";
        if (r->o->target_connector)
                return e->origin_offset < 0 ? "where in its original topic it stood is unknown" : NULL;
        if (sl_str_eqc(sl_dlq_failed_at(it).topic, r->o->scan.topic))
                return "its original topic is the dead-letter topic itself";
        return r->places.items[e->place].partitions ? NULL : "its original topic does not exist";
}

/* Would a broker take the packed record, with our headers? */
static bool has_room(struct run *r, const struct entry *e)
{
        const struct sl_dlq_place *to = r->o->target_topic ? &r->target : &r->places.items[e->place];
        size_t names = strlen(r->o->scan.topic);
        if (e->place != SL_DLQ_NO_PLACE)
                names += strlen(r->places.items[e->place].name);
        if (!r->plan->room || to->room < r->plan->room)
                r->plan->room = to->room;
        return sl_dlq_fits((struct sl_str){r->flat.ptr, r->flat.len}, LINEAGE_BYTES + names, to->room,
                           r->o->scan.cfg.worker);
}

static enum sl_rc keep(struct run *r, const struct sl_dlq_item *it, struct entry *e)
{
        struct sl_str value = it->payload;
        if (it->binary_payload && value.ptr) {
                uint8_t *bytes = sl_arena_alloc(&r->arena, value.len / 4 * 3 + 3);
                int64_t n = sl_base64_decode(value.ptr, value.len, bytes);
                if (n < 0) {
                        e->shape = 1 + sl_dlq_plan_left(r->plan, "the bytes in its wrapper are no base64");
                        return SL_OK;
                }
                value = (struct sl_str){(const char *)bytes, (size_t)n};
        }
        if (e->watched)
                SL_TRY(sl_newer_lsn(r->o->scan.decode, sl_str_c(r->places.items[e->place].name), value, &r->arena,
                                    &e->lsn, r->err));
        if (r->o->repair) {
                struct sl_record rec = {.topic = e->place == SL_DLQ_NO_PLACE ? SL_STR_NULL
                                                                             : sl_str_c(r->places.items[e->place].name),
                                        .partition = e->origin_partition,
                                        .offset = e->origin_offset,
                                        .timestamp_ms = sl_dlq_timestamp(it),
                                        .raw_key = it->key,
                                        .raw_value = value};
                const char *why;
                SL_TRY(sl_dlq_repair_value(r->o->repair, &rec, value, &r->arena, &value, &e->repaired, &why, r->err));
                if (why) {
                        e->shape = 1 + sl_dlq_plan_left(r->plan, why);
                        return SL_OK;
                }
        }
        sl_buf_clear(&r->flat);
        sl_dlq_pack(it, value, &r->flat);
        if (!has_room(r, e)) {
                e->shape = 1 + sl_dlq_plan_left(r->plan, TOO_LARGE);
                return SL_OK;
        }
        if (!r->o->apply)
                return SL_OK;
        e->size = (uint32_t)r->flat.len;
        return sl_spool_add(&r->spool, r->flat.ptr, r->flat.len, &e->spool, r->err);
}

/* Its key is looked for behind it. */
static void watch(struct run *r, const struct sl_dlq_item *it, struct entry *e)
{
        if (r->o->target_topic || r->o->force || e->place == SL_DLQ_NO_PLACE || !it->key.ptr || e->origin_offset < 0)
                return;
        struct sl_dlq_place *p = &r->places.items[e->place];
        if (!p->compacted || e->origin_partition < 0 || e->origin_partition >= p->partitions)
                return;
        struct sl_reader_part *from = &p->from[e->origin_partition];
        e->watched = sl_newer_watch(r->newer, p->name, e->origin_partition, it->key);
        if (from->begin < 0 || e->origin_offset + 1 < from->begin)
                from->begin = e->origin_offset + 1;
}

/* Whose order is kept: records of one key in one partition. */
static void number_key(struct run *r, const struct sl_dlq_item *it, struct entry *e)
{
        if (!r->o->keep_order || e->place == SL_DLQ_NO_PLACE || !it->key.ptr || e->origin_offset < 0)
                return;
        e->key_number = sl_newer_watch(r->keys, r->places.items[e->place].name, e->origin_partition, it->key);
        if (e->key_number > r->key_count)
                r->key_count = e->key_number;
}

static enum sl_rc consider(struct run *r, struct sl_dlq_item *it)
{
        enum sl_dlq_state state = sl_dlq_ledger_state(r->ledger, it->partition, it->offset);
        struct entry e = {.origin_offset = -1,
                          .offset = it->offset,
                          .spool = -1,
                          .lsn = -1,
                          .origin_partition = -1,
                          .partition = it->partition,
                          .place = SL_DLQ_NO_PLACE,
                          .closed = state != SL_DLQ_OPEN};
        bool wanted = e.closed && state != SL_DLQ_DUPLICATE;
        if (!e.closed)
                SL_TRY(selected(r, it, &wanted));
        if (!wanted)
                return SL_OK;
        e.identity = sl_dlq_identity(it);
        if (e.closed && !e.identity)
                return SL_OK;
        struct sl_dlq_origin at = sl_dlq_failed_at(it);
        if (at.topic.ptr)
                SL_TRY(sl_dlq_place_of(&r->places, at.topic, r->o->scan.admin, &e.place, r->err));
        if (at.topic.ptr && at.partition >= 0 && at.offset >= 0) {
                struct sl_dlq_origin first = sl_dlq_position(r->places.items[e.place].name, at.partition, at.offset,
                                                             it->headers, it->header_count);
                bool same = sl_str_eq(first.topic, at.topic) && first.partition == at.partition;
                e.origin_offset = same ? first.offset : at.offset;
        }
        e.origin_partition = at.topic.ptr ? at.partition : -1;
        if (!e.closed) {
                e.keyed = it->key.ptr != NULL;
                e.key_hash = e.keyed ? sl_kafka_key_hash(it->key) : 0;
                const char *why = obstacle(r, it, &e);
                struct sl_dlq_place *p = e.place == SL_DLQ_NO_PLACE ? NULL : &r->places.items[e.place];
                if (p && p->partitions && e.keyed && at.partition >= 0 && at.offset >= 0)
                        sl_growth_see(&p->growth, at.partition, at.offset, e.key_hash);
                int64_t written = sl_dlq_timestamp(it);
                e.expired = p && !r->o->target_topic && p->keeps_ms >= 0 && written >= 0 &&
                            written < r->now_ms - p->keeps_ms;
                if (why)
                        e.shape = 1 + sl_dlq_plan_left(r->plan, why);
                watch(r, it, &e);
                number_key(r, it, &e);
                if (!why)
                        SL_TRY(keep(r, it, &e));
        }
        return sl_sorter_add(r->sorter, &e, r->err);
}

static enum sl_rc select_all(struct run *r)
{
        for (uint32_t i = 0; i < r->filter.range_count; i++)
                if (!sl_dlq_job_part(r->job, r->filter.ranges[i].id))
                        return sl_fail(r->err, SL_E_KAFKA_FATAL, "Topic %s has no partition %d: it has %u", r->o->scan.topic,
                                       r->filter.ranges[i].id, r->job->part_count);
        struct sl_reader_part *ranges = sl_calloc(r->job->part_count + 1, sizeof(*ranges));
        struct sl_dlq_scan_opts opts = r->o->scan;
        struct sl_dlq_scan *scan;
        struct sl_dlq_item *items;
        uint32_t n;

        /* From the beginning: what was replayed before tells duplicates. */
        for (uint32_t i = 0; i < r->job->part_count; i++)
                ranges[i] =
                        (struct sl_reader_part){.id = r->job->parts[i].id, .begin = -1, .end = r->job->parts[i].end};
        opts.filter = NULL;
        opts.ranges = ranges;
        opts.range_count = r->job->part_count;
        opts.step = sl_poison_step; /* a plan only leaves out what was put aside */
        opts.step_arg = &r->poison;
        opts.unjudged = !opts.improve && !sl_dlq_filter_judges(&r->filter);
        enum sl_rc rc = sl_dlq_scan_open(&opts, &scan, r->err);
        if (rc == SL_OK) {
                while (rc == SL_OK && (rc = sl_dlq_scan_next(scan, &items, &n, r->err)) == SL_OK && n)
                        for (uint32_t i = 0; i < n && rc == SL_OK; i++) {
                                sl_arena_reset(&r->arena);
                                rc = consider(r, &items[i]);
                        }
                sl_dlq_scan_close(scan);
        }
        free(ranges);
        return rc;
}

/* What the topics themselves say: newer records of the same keys, and whether partitions were added. */
static enum sl_rc look_at_places(struct run *r)
{
        for (uint32_t i = 0; i < r->places.count; i++) {
                struct sl_dlq_place *p = &r->places.items[i];
                uint32_t n = 0;
                struct sl_reader_opts opts = {.cfg = r->o->scan.cfg,
                                              .admin = r->o->scan.admin,
                                              .client_id = "sluice-dlq-newer",
                                              .topic = p->name,
                                              .stop = r->o->scan.stop};
                if (p->partitions)
                        SL_TRY(sl_growth_tell(&p->growth, &opts, &p->then, r->err));
                for (int32_t k = 0; k < p->partitions; k++)
                        if (p->from[k].begin >= 0)
                                p->from[n++] = p->from[k];
                if (!n)
                        continue;
                opts.ranges = p->from;
                opts.range_count = n;
                SL_TRY(sl_newer_read(r->newer, &opts, r->err));
        }
        return SL_OK;
}

/* --- Writing ---------------------------------------------------------------------------------------------------------
 */

/* The partition it failed in, as long as the topic has as many as its original; else where its key belongs. */
static int32_t choose_partition(const struct run *r, const struct entry *e, int32_t count)
{
        int32_t then = e->place == SL_DLQ_NO_PLACE ? 0 : r->places.items[e->place].then;
        bool same = then == count || !then;
        if (same && e->origin_partition >= 0 && e->origin_partition < count)
                return e->origin_partition;
        if (e->keyed)
                return (int32_t)(e->key_hash % (uint32_t)count);
        return (int32_t)((e->origin_partition >= 0 ? e->origin_partition : e->offset) % count);
}

static struct sl_dlq_place *target_of(struct run *r, const struct entry *e)
{
        return r->o->target_topic ? &r->target : &r->places.items[e->place];
}

struct lineage {
        char id[300], partition[SL_I64_TEXT], offset[SL_I64_TEXT], hop[SL_I64_TEXT], time[SL_I64_TEXT];
};

static char *append(char *p, struct sl_str s)
{
        memcpy(p, s.ptr, s.len);
        return p + s.len;
}

/* What we write on it: which dead letter it was, where its original stood, how often it was replayed, by which job. Without printf,
 * which was a tenth of a replay's time. */
static uint32_t add_lineage(const struct run *r, const struct entry *e, const struct sl_dlq_packed *rec, struct lineage *l,
                            struct sl_kheader *out)
{
        struct sl_kheader *h = out;
        char *p = append(l->id, sl_str_c(r->o->scan.topic)); /* a topic's name has at most 249 bytes */
        p = append(p, SL_STR("-"));
        p = append(p, sl_i64_text(l->hop, e->partition));
        p = append(p, SL_STR("-"));
        p = append(p, sl_i64_text(l->hop, e->offset));
        *h++ = (struct sl_kheader){SL_STR("__sluice.dlq.id"), {l->id, (size_t)(p - l->id)}};
        if (e->place != SL_DLQ_NO_PLACE)
                *h++ = (struct sl_kheader){SL_STR("__sluice.dlq.origin.topic"), sl_str_c(r->places.items[e->place].name)};
        if (e->origin_offset >= 0) {
                *h++ = (struct sl_kheader){SL_STR("__sluice.dlq.origin.partition"), sl_i64_text(l->partition, e->origin_partition)};
                *h++ = (struct sl_kheader){SL_STR("__sluice.dlq.origin.offset"), sl_i64_text(l->offset, e->origin_offset)};
        }
        if (r->o->target_connector && rec->timestamp_ms >= 0)
                *h++ = (struct sl_kheader){SL_STR(SL_REPLAY_TIMESTAMP), sl_i64_text(l->time, rec->timestamp_ms)};
        *h++ = (struct sl_kheader){SL_STR("__sluice.dlq.hop"), sl_i64_text(l->hop, rec->hops + 1)};
        *h++ = (struct sl_kheader){SL_STR("__sluice.dlq.replay_id"), sl_str_c(r->job->id)};
        return (uint32_t)(h - out);
}

static enum sl_rc commit(struct run *r)
{
        sl_dlq_job_save(r->job, r->ledger);
        SL_TRY(sl_dlq_act_commit(r->act, r->err));
        if (r->o->progress)
                r->o->progress(r->o->progress_arg, r->job->counts.replay);
        return SL_OK;
}

/* Behind the selection: from here on records are only written. */
static enum sl_rc end_watch(struct run *r)
{
        bool doubted = r->poison.found.lives > 0;
        sl_poison_over(&r->poison);
        return doubted ? commit(r) : SL_OK;
}

static json_t *audit_result(const struct run *r, bool finished)
{
        json_t *result = finished ? sl_dlq_plan_json(r->plan, r->job, true) : json_object();
        json_object_set_new(result, "job", json_string(r->job->id));
        json_object_set_new(result, "args", json_loadb(r->job->args.ptr, r->job->args.len, 0, NULL));
        return result;
}

static enum sl_rc audit(struct run *r, const char *action, bool finished)
{
        sl_auto_json *result = audit_result(r, finished);
        return sl_dlq_act_audit(r->act, action, r->o->reason, result, r->err);
}

/* Stop when too many have come back. What was written is committed first. */
static enum sl_rc judge(struct run *r)
{
        bool canary = r->o->canary && !r->canary_over;
        SL_TRY(sl_returns_look(&r->returns, r->err));
        r->plan->returned = r->returns.seen;
        if ((r->sent < FEW && !canary) || (double)r->returns.seen <= r->o->max_failures * (double)r->sent)
                return SL_OK;
        SL_TRY(audit(r, "replay.stopped", true));
        SL_TRY(commit(r));
        return sl_fail(r->err, SL_E_STOPPED,
                       "%lu of %lu replayed records have come back to %s, %s: stopped. The same "
                       "command goes on with the rest",
                       r->returns.seen, r->sent, r->o->scan.topic,
                       r->o->max_failures ? "more than --max-failures" : "the first ones (--canary)");
}

static enum sl_rc look_for_returns(struct run *r)
{
        int64_t now_us = sl_mono_us();
        if (r->looked_us && now_us - r->looked_us < LOOK_US)
                return SL_OK;
        if (r->looked_us)
                SL_TRY(judge(r));
        r->looked_us = sl_mono_us();
        return SL_OK;
}

/* The first ones are there: the others wait until these have had their time to fail. */
static enum sl_rc await_canary(struct run *r)
{
        SL_TRY(commit(r));
        int64_t end_us = sl_mono_us() + r->o->canary_ms * 1000;
        while (sl_mono_us() < end_us) {
                SL_TRY(look_for_returns(r));
                SL_TRY(sl_dlq_act_wait(r->act, WAIT_MS, r->err));
        }
        SL_TRY(judge(r));
        r->canary_over = true;
        sl_pace_restart(&r->pace);
        return SL_OK;
}

/* Not more than --rate, and a slow start; what waits meanwhile is committed in time. */
static enum sl_rc pace(struct run *r)
{
        if (!r->o->rate && !r->o->rate_bytes && !r->o->max_failures && !r->o->canary)
                return SL_OK;
        for (;;) {
                if (r->o->max_failures)
                        SL_TRY(look_for_returns(r));
                if (r->o->canary && !r->canary_over && r->sent >= (uint64_t)r->o->canary)
                        SL_TRY(await_canary(r));
                int64_t left_ms = (sl_pace_wait_us(&r->pace, sl_mono_us()) + 999) / 1000;
                if (left_ms <= 0)
                        return SL_OK;
                if (sl_dlq_act_due(r->act))
                        SL_TRY(commit(r));
                SL_TRY(sl_dlq_act_wait(r->act, left_ms < WAIT_MS ? (int)left_ms : WAIT_MS, r->err));
        }
}

static size_t size_of(const struct sl_message *m)
{
        size_t n = m->key.len + m->value.len;
        for (uint32_t i = 0; i < m->header_count; i++)
                n += m->headers[i].key.len + m->headers[i].value.len;
        return n;
}

static enum sl_rc unpack(struct run *r, const struct entry *e, struct sl_dlq_packed *ret)
{
        const char *bytes;
        SL_TRY(sl_spool_read(&r->spool, e->spool, e->size, &bytes, r->err));
        struct sl_str flat = {bytes, e->size};
        sl_dlq_unpack(flat, ret, r->headers, r->header_room);
        if (ret->header_count + LINEAGE > r->header_room) {
                r->header_room = (ret->header_count + LINEAGE) * 2;
                r->headers = sl_realloc(r->headers, r->header_room * sizeof(*r->headers));
                sl_dlq_unpack(flat, ret, r->headers, r->header_room);
        }
        return SL_OK;
}

static enum sl_rc write_record(struct run *r, const struct entry *e, const struct sl_dlq_place *to,
                               int32_t *ret_partition)
{
        struct sl_dlq_packed rec;
        struct lineage l;

        SL_TRY(unpack(r, e, &rec));
        SL_TRY(pace(r));
        SL_TRY(sl_dlq_act_begin(r->act, r->err));
        struct sl_message m = {.topic = sl_str_c(to->name),
                               .partition = choose_partition(r, e, to->partitions),
                               .key = rec.key,
                               .value = rec.value,
                               .headers = r->headers,
                               .timestamp_ms = rec.timestamp_ms};
        if (r->o->target_connector) /* it stands in a header: retention is to count from now */
                m.timestamp_ms = -1;
        m.header_count = rec.header_count + add_lineage(r, e, &rec, &l, r->headers + rec.header_count);
        SL_TRY(sl_dlq_act_send(r->act, &m, r->err));
        r->sent++;
        sl_pace_sent(&r->pace, size_of(&m));
        *ret_partition = m.partition;
        return SL_OK;
}

static enum sl_rc settle(struct run *r, const struct entry *e, enum sl_dlq_state state)
{
        if (!r->o->apply)
                return SL_OK;
        SL_TRY(sl_dlq_act_begin(r->act, r->err));
        sl_dlq_ledger_mark(r->ledger, e->partition, e->offset, state);
        return sl_dlq_act_due(r->act) ? commit(r) : SL_OK;
}

static enum sl_rc replay_one(struct run *r, const struct entry *e)
{
        struct sl_dlq_place *to = target_of(r, e);
        struct sl_dlq_counts *c = &r->job->counts;
        int32_t partition = 0;

        if (r->o->apply)
                SL_TRY(write_record(r, e, to, &partition));
        else
                partition = to->partitions ? choose_partition(r, e, to->partitions) : 0;
        sl_dlq_counts_target(c, to->name, to->partitions)->counts[partition]++;
        c->replay++;
        c->repaired += e->repaired;
        r->plan->expired += e->expired;
        return settle(r, e, SL_DLQ_REPLAYED);
}

/* What of a group of entries with one identity has been decided: the first one that counts, counts for all. */
struct group {
        uint64_t identity;
        enum { NOBODY, TAKEN, LEFT } by;
};

static enum sl_rc decide(struct run *r, const struct entry *e, struct group *g)
{
        if (!e->identity || e->identity != g->identity)
                *g = (struct group){.identity = e->identity};
        if (e->closed) {
                g->by = TAKEN;
                return SL_OK;
        }
        if (r->o->limit && g->by == NOBODY && r->job->counts.replay >= (uint64_t)r->o->limit)
                return SL_OK;
        r->plan->selected++;
        if (g->by != NOBODY) {
                if (g->by == LEFT) {
                        r->plan->open_duplicates++;
                        return SL_OK;
                }
                r->job->counts.duplicates++;
                return settle(r, e, SL_DLQ_DUPLICATE);
        }
        g->by = e->shape ? LEFT : TAKEN;
        if (e->shape) {
                struct sl_dlq_shape *s = &r->plan->shapes[e->shape - 1];
                if (!s->count++) {
                        s->partition = e->partition;
                        s->offset = e->offset;
                }
                r->plan->left++;
                r->barred[e->key_number] = true;
                return SL_OK;
        }
        if (e->watched && sl_newer_than(r->newer, e->watched, e->origin_offset, e->lsn)) {
                r->job->counts.obsolete++;
                return settle(r, e, SL_DLQ_OBSOLETE);
        }
        if (e->key_number && r->barred[e->key_number]) {
                g->by = LEFT;
                r->plan->held++;
                return SL_OK;
        }
        return replay_one(r, e);
}

static enum sl_rc decide_all(struct run *r)
{
        struct group g = {0};
        const void *next;
        r->barred = sl_calloc(r->key_count + 1, sizeof(*r->barred)); /* [0]: no order to keep */
        for (;;) {
                SL_TRY(sl_sorter_next(r->sorter, &next, r->err));
                if (!next)
                        return SL_OK;
                SL_TRY(decide(r, next, &g));
        }
}

/* --- All of it -------------------------------------------------------------------------------------------------------
 */

/* By where the originals stood, so that records of one key keep their order; equal failures together, closed ones
 * first. */
static int by_origin(const void *a, const void *b)
{
        const struct entry *x = a, *y = b;
        SL_DLQ_ORDER(x->place, y->place);
        SL_DLQ_ORDER(x->origin_partition, y->origin_partition);
        SL_DLQ_ORDER(x->origin_offset, y->origin_offset);
        SL_DLQ_ORDER(x->identity, y->identity);
        SL_DLQ_ORDER(!x->closed, !y->closed);
        SL_DLQ_ORDER(x->partition, y->partition);
        SL_DLQ_ORDER(x->offset, y->offset);
        return 0;
}

static enum sl_rc look_at_target(struct run *r)
{
        if (!r->o->target_topic)
                return SL_OK;
        r->target.name = sl_strdup(r->o->target_topic);
        return sl_dlq_place_describe(&r->target, r->o->scan.admin, r->err);
}

static enum sl_rc make_target(struct run *r)
{
        /* Of a connector: what its originals' topics took must fit, with our headers. */
        static const char *const config[] = {"cleanup.policy",    "delete",   "retention.ms", "2592000000",
                                             "max.message.bytes", "67108864", NULL};
        struct sl_topic_spec spec = {.name = r->o->target_topic, .partitions = 1, .replication = -1};
        if (!r->o->target_topic || r->target.partitions)
                return SL_OK;
        if (r->o->target_connector)
                spec.config = config;
        /* As many as the largest original has, so that records keep their partitions. */
        for (uint32_t i = 0; i < r->places.count; i++)
                if (r->places.items[i].partitions > spec.partitions)
                        spec.partitions = r->places.items[i].partitions;
        r->target.partitions = spec.partitions;
        return r->o->apply ? sl_dlq_ensure_topic(r->o->scan.admin, &spec, &r->target.partitions, r->err) : SL_OK;
}

static enum sl_rc commit_watch(void *arg, struct sl_err *err sl_unused)
{
        return commit(arg);
}

/* From the first commit on: what kills while records are selected and mended leaves a trace. */
static enum sl_rc begin_watch(struct run *r)
{
        struct sl_poison_opts opts = {.cfg = r->o->scan.cfg,
                                      .admin = r->o->scan.admin,
                                      .topic = r->o->scan.topic,
                                      .act = r->act,
                                      .stop = r->o->scan.stop,
                                      .commit = commit_watch,
                                      .arg = r};
        return sl_poison_begin(&r->poison, &opts, r->err);
}

/* Find the job, or freeze a new one; from then on its ends stand. */
static enum sl_rc open_job(struct run *r)
{
        SL_TRY(sl_dlq_job_load(r->job, r->ledger, r->err));
        if (r->o->scan.filter)
                r->filter = *r->o->scan.filter;
        if (r->job->state == SL_JOB_RUNNING) {
                r->filter.since_ms = r->job->since_ms;
                r->filter.until_ms = r->job->until_ms;
                if (!r->o->apply)
                        return SL_OK;
                SL_TRY(begin_watch(r));
                SL_TRY(audit(r, "replay.resumed", false));
                return commit(r);
        }
        SL_TRY(sl_dlq_job_freeze(r->job, r->o->scan.admin, r->o->scan.topic, r->err));
        r->job->since_ms = r->filter.since_ms;
        r->job->until_ms = r->filter.until_ms;
        if (!r->o->apply)
                return SL_OK;
        SL_TRY(begin_watch(r));
        SL_TRY(audit(r, "replay.begun", false));
        return commit(r);
}

static enum sl_rc finish(struct run *r)
{
        const struct sl_dlq_counts *c = &r->job->counts;
        r->job->state = SL_JOB_FINISHED;
        r->job->ending = true;
        SL_TRY(audit(r, "replay.finished", true));
        SL_TRY(commit(r));
        for (uint32_t i = 0; i < c->target_count; i++)
                sl_dlq_await_readers(r->o->scan.admin, c->targets[i].topic, c->targets[i].partitions);
        return SL_OK;
}

static enum sl_rc begin_returns(struct run *r)
{
        struct sl_reader_opts opts = {.cfg = r->o->scan.cfg,
                                      .admin = r->o->scan.admin,
                                      .client_id = "sluice-dlq-returns",
                                      .topic = r->o->scan.topic,
                                      .stop = r->o->scan.stop};
        return sl_returns_begin(&r->returns, &opts, r->job->id, r->err);
}

/* From here on nobody else acts on the topic, and what an earlier run of this job had sent is committed or gone. *target
 * is borrowed. */
static enum sl_rc open_act(const struct sl_dlq_replay_opts *o, struct sl_buf *target, struct sl_dlq_act **ret,
                           struct sl_err *err)
{
        struct sl_dlq_act_opts act = {.cfg = o->scan.cfg,
                                      .admin = o->scan.admin,
                                      .topic = o->scan.topic,
                                      .write = o->apply,
                                      .batch_bytes = o->batch_bytes,
                                      .stop = o->scan.stop};
        if (o->target_connector)
                sl_buf_printf(target, "connector:%s", o->target_connector);
        else
                sl_buf_printf(target, o->target_topic ? "topic:%s" : "original", o->target_topic);
        act.target = sl_buf_cstr(target);
        return sl_dlq_act_open(&act, ret, err);
}

static enum sl_rc go(struct run *r)
{
        struct sl_buf target = {0};
        enum sl_rc rc = open_act(r->o, &target, &r->act, r->err);
        if (rc == SL_OK) {
                r->ledger = sl_dlq_act_ledger(r->act);
                r->poison.opts.act = r->act;
                rc = open_job(r);
        }
        struct sl_dlq_counts before = r->job->counts;
        if (rc == SL_OK)
                rc = look_at_target(r);
        if (rc == SL_OK)
                rc = select_all(r);
        if (rc == SL_OK && r->o->apply)
                rc = end_watch(r);
        if (rc == SL_OK)
                rc = look_at_places(r);
        if (rc == SL_OK)
                rc = make_target(r);
        if (rc == SL_OK && r->o->apply && (r->o->max_failures || r->o->canary))
                rc = begin_returns(r);
        if (rc == SL_OK)
                rc = decide_all(r);
        if (rc == SL_OK && r->o->repair)
                r->plan->changes = sl_dlq_repair_changes(r->o->repair);
        if (rc == SL_OK && r->o->apply) {
                r->plan->selected += before.replay + before.duplicates + before.obsolete;
                rc = finish(r);
        }
        if (rc != SL_OK && r->err->id != SL_E_KAFKA_FENCED)
                sl_poison_goodbye(&r->poison);
        sl_dlq_act_close(r->act);
        sl_buf_free(&target);
        return rc;
}

enum sl_rc sl_dlq_replay(const struct sl_dlq_replay_opts *opts, struct sl_dlq_job *job, struct sl_dlq_plan *plan,
                         struct sl_err *err)
{
        struct run r = {.o = opts,
                        .job = job,
                        .plan = plan,
                        .err = err,
                        .now_ms = sl_wall_ms(),
                        .pace = {.records = opts->rate, .bytes = opts->rate_bytes, .slow_start = opts->max_failures > 0},
                        .spool = SL_SPOOL_NEW,
                        .newer = sl_newer_new(opts->scan.decode),
                        .keys = sl_newer_new(NULL),
                        .sorter = sl_sorter_new(sizeof(struct entry), SORT_BYTES, by_origin)};
        enum sl_rc rc = go(&r);

        sl_dlq_places_free(&r.places);
        sl_dlq_place_free(&r.target);
        sl_sorter_free(r.sorter);
        sl_spool_free(&r.spool);
        sl_newer_free(r.newer);
        sl_newer_free(r.keys);
        sl_returns_end(&r.returns);
        free(r.barred);
        sl_arena_free(&r.arena);
        sl_buf_free(&r.flat);
        free(r.headers);
        return rc;
}

static bool same_parts(const struct sl_dlq_job *a, const struct sl_dlq_job *b)
{
        bool same = a->part_count == b->part_count;
        for (uint32_t i = 0; i < a->part_count && same; i++)
                same = a->parts[i].begin == b->parts[i].begin && a->parts[i].end == b->parts[i].end;
        return same;
}

enum sl_rc sl_dlq_replay_ended(const struct sl_dlq_replay_opts *opts, const struct sl_dlq_job *job, bool *ret,
                               struct sl_err *err)
{
        struct sl_dlq_job told = {0};
        struct sl_dlq_act *act = NULL;
        struct sl_buf target = {0};
        *ret = false;
        if (!job->ending)
                return SL_OK;
        enum sl_rc rc = open_act(opts, &target, &act, err);
        memcpy(told.id, job->id, sizeof(told.id));
        if (rc == SL_OK)
                rc = sl_dlq_job_load(&told, sl_dlq_act_ledger(act), err);
        *ret = rc == SL_OK && told.state == SL_JOB_FINISHED && same_parts(&told, job);
        sl_dlq_job_free(&told);
        sl_dlq_act_close(act);
        sl_buf_free(&target);
        return rc;
}
