/* SPDX-License-Identifier: Apache-2.0 */
/* A record that kills the process is found and given up unread (doubt.h has what is written where).
 *   1. A partition's first records: the group is told that a life began here, with the offset unchanged. Once a line, and taken
 *      back at a good end, or when the line has run for a while and got beyond it.
 *   2. Somebody began here and ended without a word: before each round the group is told which records it is about.
 *   3. A process ended in such a round: its records go one by one, each told before.
 *   4. It ended twice with the same single record: that one is resolved as failed, unread. The others have gone on.
 * Records that were put and survived are written down with each commit and are not suspected any more (doubt.h).
 * A process that lives takes back what it told as soon as it waits for anything, fails or gives partitions up, so that only a
 * death leaves evidence. A death by something else (kill -9, the machine) costs the next life a commit a round, and the one
 * after it one for each record of a round; it gives no record up unless it comes twice in the millisecond of the same one.
 * What is not seen: what kills later than its put returned (in the background, when a file is finished), and what kills before a record is
 * handed over (in the client library). */
#include <stdlib.h>

#include "base/clock.h"
#include "pipeline/sink_line.h"

#define WITHDRAW_MS 2000
#define PROVEN_MS 30000 /* alive for so long, and beyond where it began: there is no reason for doubt */

static bool watched(const struct part *p)
{
        return p->found.lives > 0;
}

static bool suspect(const struct part *p, int64_t offset)
{
        return p && p->found.to && offset >= p->found.from && offset < p->found.to;
}

static void clear_range(struct part *p)
{
        if (!p->doubt.to)
                return;
        p->doubt.from = p->doubt.to = 0;
        p->doubt.tries = 0;
        p->stale = p->marked;
}

static void look_again(struct line *l)
{
        l->doubtful = false;
        for (uint32_t i = 0; i < l->part_count; i++)
                l->doubtful |= !l->parts[i].opened || watched(&l->parts[i]) || l->parts[i].found.to;
}

const char *sl_doubt_assigned(struct line *l, struct part *p, int64_t offset, const char *metadata)
{
        const char *theirs = sl_doubt_read(metadata, offset, &p->found);
        p->based = offset >= 0;
        p->marked = theirs != metadata;
        p->doubt = p->found;
        if (p->found.to - p->found.from == 1 && p->found.tries >= SL_DOUBT_TRIES) {
                sl_error("the record %s-%d@%lld is given up: each of the last %u processes that worked on it ended there", p->tp.topic,
                         p->tp.partition, (long long)p->found.from, p->found.tries);
                sl_doubt_bury(&p->doubt, p->found.from);
                p->stale = true;
                p->found.to = p->doubt.to = p->doubt.from = 0;
                p->doubt.tries = 0;
        } else if (p->found.to) {
                sl_warn("a process ended while it worked on %s-%d from offset %lld to %lld: these records go one by one", p->tp.topic,
                        p->tp.partition, (long long)p->found.from, (long long)p->found.to - 1);
        }
        l->doubtful = true;
        return theirs;
}

/* ---- one round ---- */

/* Of the records from here on: how many are told about together. */
static uint32_t step_of(const struct line *l, const struct sl_record *recs, uint32_t n, bool *ret_single)
{
        const struct part *p = NULL;
        for (uint32_t i = 0; i < n; i++) {
                const struct sl_record *rec = &recs[i];
                if (rec->partition < 0)
                        continue;
                if (!p || p->tp.topic != sl_read_topic(rec) || p->tp.partition != sl_read_partition(rec))
                        p = sl_line_part(l, sl_read_topic(rec), sl_read_partition(rec));
                if (!suspect(p, sl_read_offset(rec)))
                        continue;
                *ret_single = i == 0;
                return i ? i : 1;
        }
        *ret_single = false;
        return n;
}

static void open_part(struct part *p, int64_t offset)
{
        if (!p->based && p->consumed == 0) /* nothing was committed: it began here, wherever that was set to be */
                p->consumed = p->put = p->durable = p->committed = offset;
        p->opened = true;
        p->doubt.lives = p->found.lives + 1;
        p->opened_at = p->committed;
        p->opened_ms = sl_mono_ms();
        p->stale = true;
}

static void tell_about(struct part *p, int64_t offset, bool single)
{
        struct sl_doubt *d = &p->doubt;
        if (!d->to)
                d->from = offset;
        d->to = offset + 1;
        d->tries = single ? (p->found.to - p->found.from == 1 ? p->found.tries : 0) + 1 : 0;
        p->stale = true;
}

/* The group hears what comes next. Where that can't be, it goes on without. */
static void tell(struct line *l, const struct sl_record *recs, uint32_t n, bool single)
{
        struct part *p = NULL;
        bool news = false;
        for (uint32_t i = 0; i < l->part_count; i++)
                clear_range(&l->parts[i]); /* as it was found */
        for (uint32_t i = 0; i < n; i++) {
                const struct sl_record *rec = &recs[i];
                if (rec->partition < 0)
                        continue;
                if (!p || p->tp.topic != sl_read_topic(rec) || p->tp.partition != sl_read_partition(rec))
                        p = sl_line_part(l, sl_read_topic(rec), sl_read_partition(rec));
                if (!p)
                        continue;
                if (!p->opened)
                        open_part(p, sl_read_offset(rec));
                if (sl_read_offset(rec) >= p->found.passed && (single || watched(p)))
                        tell_about(p, sl_read_offset(rec), single);
                news |= p->stale;
        }
        struct sl_err err = {0};
        if (news && sl_line_commit(l, &err) != SL_OK)
                sl_log_err(SL_LOG_WARN, &err, "what is worked on could not be written down");
}

static void passed(struct line *l, const struct sl_record *last)
{
        struct part *p = last->partition < 0 ? NULL : sl_line_part(l, sl_read_topic(last), sl_read_partition(last));
        if (p && p->found.to && sl_read_offset(last) + 1 >= p->found.to)
                p->found.to = 0;
}

enum sl_rc sl_doubt_round(struct line *l, struct sl_err *err)
{
        struct sl_batch *b = &l->batch;
        struct sl_record *all = b->records;
        uint32_t total = b->count, n;
        bool single = false, singles = false;
        enum sl_rc rc = SL_OK;
        for (uint32_t i = 0; i < total && rc == SL_OK; i += n) {
                n = step_of(l, all + i, total - i, &single);
                tell(l, all + i, n, single);
                struct sl_record last = all[i + n - 1];
                b->records = all + i;
                b->count = n;
                l->rest = all + i + n;
                l->rest_count = total - i - n;
                rc = sl_line_work(l, err);
                for (uint32_t k = 0; k < l->part_count; k++)
                        clear_range(&l->parts[k]);
                if (rc == SL_OK && single)
                        passed(l, &last);
                singles |= single;
        }
        b->records = all; /* nothing of them is needed any more */
        b->count = 0;
        l->rest = NULL;
        l->rest_count = 0;
        look_again(l);
        if (rc == SL_OK && singles) {
                struct sl_err ignored = {0};
                if (sl_line_commit(l, &ignored) != SL_OK) /* the last one has passed */
                        sl_log_err(SL_LOG_DEBUG, &ignored, "what is not worked on any more could not be written down");
        }
        return rc;
}

/* ---- the end of doubts ---- */

enum sl_rc sl_doubt_resolve(struct line *l, struct sl_record *rec, struct sl_err *err)
{
        struct sl_err why = {0};
        enum sl_rc rc = sl_fail(&why, SL_E_POISON,
                                "Processes ended again and again while they worked on the record %.*s-%d@%lld (decoding, transforms or put): it was "
                                "not read any more",
                                SL_FMT(rec->topic), rec->partition, (long long)rec->offset);
        why.stage = SL_STAGE_KAFKA_CONSUME;
        if (!sl_errpolicy_dead_letters(l->policy)) {
                sl_err_detail(&why, ". Set errors.tolerance=all and errors.deadletterqueue.topic.name to put it aside, or set the connector's "
                                    "offset behind it; to try it again, set the offset to where it is");
                *err = why;
                return rc;
        }
        rec->dropped = true;
        return sl_errpolicy_resolve(l->policy, rec, &why, err);
}

void sl_doubt_serve(struct line *l)
{
        int64_t now = sl_mono_ms();
        for (uint32_t i = 0; i < l->part_count; i++) {
                struct part *p = &l->parts[i];
                if (!p->opened || !p->doubt.lives || now - p->opened_ms < PROVEN_MS || p->committed <= p->opened_at)
                        continue;
                p->doubt.lives = p->found.lives = 0;
                p->found.to = 0;
                p->stale = p->marked;
        }
        look_again(l);
}

void sl_doubt_alive(struct line *l)
{
        bool told = false;
        for (uint32_t i = 0; i < l->part_count; i++) {
                struct part *p = &l->parts[i];
                told |= p->doubt.to && p->doubt.tries;
                if (p->doubt.to && p->doubt.tries)
                        clear_range(p);
        }
        struct sl_err ignored = {0};
        if (told && sl_line_commit(l, &ignored) != SL_OK)
                sl_log_err(SL_LOG_DEBUG, &ignored, "what is not worked on any more could not be written down");
}

void sl_doubt_goodbye(struct line *l, const struct sl_tp *parts, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                struct part *p = sl_line_part(l, parts[i].topic, parts[i].partition);
                if (!p)
                        continue;
                clear_range(p);
                p->doubt.lives = 0;
                p->stale |= p->marked;
        }
}

void sl_doubt_withdraw(struct line *l)
{
        struct sl_tp_offset *items = sl_calloc(l->part_count + 1, sizeof(*items));
        struct sl_buf *texts = sl_calloc(l->part_count + 1, sizeof(*texts));
        struct sl_err ignored = {0};
        uint32_t n = 0;
        for (uint32_t i = 0; i < l->part_count; i++) {
                struct part *p = &l->parts[i];
                if (!p->stale || p->metadata_new)
                        continue;
                sl_doubt_write(&p->doubt, p->committed, p->metadata, &texts[n]);
                items[n] = (struct sl_tp_offset){p->tp, p->committed, texts[n].len ? sl_buf_cstr(&texts[n]) : NULL};
                n++;
        }
        if (n && sl_consumer_commit(l->consumer, items, n, WITHDRAW_MS, &ignored) != SL_OK)
                sl_log_err(SL_LOG_DEBUG, &ignored, "what is not worked on any more could not be written down");
        for (uint32_t i = 0; i < n; i++)
                sl_buf_free(&texts[i]);
        free(texts);
        free(items);
}
