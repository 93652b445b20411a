/* SPDX-License-Identifier: Apache-2.0 */
/* The watch (see poison.h). Its record in the ledger: {"partition","doubt"}, the text is doubt.h's.
 *   1. A life begins: noted with what the caller commits first anyway, and taken back at a good end.
 *   2. Somebody began here and ended without a word: each step of some hundred letters is told before, in a transaction of its own.
 *   3. A process ended in such a step: its letters go one by one.
 *   4. It ended twice with the same single letter: that one is put aside.
 * As in sinks, one that was killed for other reasons costs the next lives time, and a good letter only when it is killed twice in the
 * few milliseconds of the same single one. Not found: another letter of the same failure, which kills anew. */
#include "dlq/poison.h"
#include "base/log.h"
#include "dlq/aside.h"

#define STEP 500
#define WHY "processes ended again and again while they worked on it: it was not read any more"

static void load(struct sl_poison *p)
{
        struct sl_str text = sl_dlq_ledger_doubt(sl_dlq_act_ledger(p->opts.act));
        sl_auto_json *obj = NULL;
        struct sl_err ignored = {0};
        if (!text.ptr || sl_json_parse(text, &obj, &ignored) != SL_OK)
                return;
        (void)sl_doubt_read(sl_json_str(obj, "doubt"), 0, &p->found);
        p->found_at = (int32_t)sl_json_int(obj, "partition", 0);
}

static void put(const struct sl_poison *p)
{
        struct sl_buf mark = {0}, text = {0};
        sl_doubt_write(&p->told, 0, NULL, &mark);
        if (mark.len) {
                sl_auto_json *obj = json_pack("{s:i, s:s}", "partition", p->told_at, "doubt", sl_buf_cstr(&mark));
                sl_json_dump(obj, &text);
        }
        sl_dlq_ledger_put_doubt(sl_dlq_act_ledger(p->opts.act), (struct sl_str){text.ptr, text.len});
        sl_buf_free(&mark);
        sl_buf_free(&text);
}

static enum sl_rc audit(const struct sl_poison *p, int64_t offset, struct sl_err *err)
{
        sl_auto_json *result = json_pack("{s:i, s:I}", "partition", p->found_at, "offset", (json_int_t)offset);
        return sl_dlq_act_audit(p->opts.act, "poison", WHY, result, err);
}

/* Its bytes are copied, not looked at. */
static enum sl_rc put_aside(const struct sl_poison *p, const struct sl_kmsg *m, struct sl_err *err)
{
        struct sl_dlq_aside_opts opts = {.admin = p->opts.admin, .client = p->opts.cfg.worker, .topic = p->opts.topic, .make = true};
        struct sl_dlq_aside *aside;
        struct sl_dlq_item it = {.partition = m->partition,
                                 .offset = m->offset,
                                 .timestamp_ms = m->timestamp_ms,
                                 .key = m->key,
                                 .value = m->value,
                                 .payload = m->value,
                                 .headers = m->headers,
                                 .header_count = m->header_count,
                                 .origin = {.partition = -1, .offset = -1, .timestamp_ms = -1},
                                 .attempts = -1,
                                 .class = SL_UNKNOWN,
                                 .code = "poison",
                                 .unread = true};
        sl_error("the dead letter %s-%d@%ld is put aside: each of the last %u processes that worked on it ended there", p->opts.topic,
                 m->partition, m->offset, p->found.tries);
        SL_TRY(sl_dlq_aside_open(&opts, &aside, err));
        enum sl_rc rc = sl_dlq_act_begin(p->opts.act, err);
        if (rc == SL_OK)
                rc = sl_dlq_aside_put(aside, p->opts.act, &it, WHY, SL_STR_NULL, err);
        sl_dlq_aside_close(aside);
        SL_TRY(rc);
        sl_dlq_ledger_mark(sl_dlq_act_ledger(p->opts.act), m->partition, m->offset, SL_DLQ_POISON);
        return audit(p, m->offset, err);
}

static enum sl_rc give_up(struct sl_poison *p, struct sl_err *err)
{
        struct sl_reader_part range = {.id = p->found_at, .begin = p->found.from, .end = p->found.to};
        struct sl_reader_opts opts = {.cfg = p->opts.cfg,
                                      .admin = p->opts.admin,
                                      .client_id = "sluice-dlq-poison",
                                      .topic = p->opts.topic,
                                      .ranges = &range,
                                      .range_count = 1,
                                      .stop = p->opts.stop};
        struct sl_reader *r;
        const struct sl_kmsg *m;
        uint32_t n;
        SL_TRY(sl_reader_open(&opts, &r, err));
        enum sl_rc rc = sl_reader_next(r, &m, &n, err);
        if (rc == SL_OK && n) /* else retention was faster */
                rc = put_aside(p, m, err);
        sl_reader_close(r);
        return rc;
}

static bool single(const struct sl_doubt *d)
{
        return d->to - d->from == 1 && d->tries > 0;
}

enum sl_rc sl_poison_begin(struct sl_poison *p, const struct sl_poison_opts *opts, struct sl_err *err)
{
        *p = (struct sl_poison){.opts = *opts};
        load(p);
        if (single(&p->found) && p->found.tries >= SL_DOUBT_TRIES) {
                SL_TRY(give_up(p, err));
                p->found.from = p->found.to = 0;
                p->found.tries = 0;
        } else if (p->found.to) {
                sl_warn("a process ended while it worked on dead letters %s-%d from offset %ld to %ld: these go one by one", p->opts.topic,
                        p->found_at, p->found.from, p->found.to - 1);
        }
        p->told = p->found; /* a death before they are reached changes nothing */
        p->told_at = p->found_at;
        p->told.lives++;
        put(p);
        return SL_OK;
}

/* How many of the records, which are of one partition, are told about together. */
static uint32_t step_of(const struct sl_poison *p, const struct sl_kmsg *m, uint32_t n, bool *ret_single)
{
        *ret_single = false;
        if (n > STEP)
                n = STEP;
        if (!p->found.to || m->partition != p->found_at)
                return n;
        for (uint32_t i = 0; i < n; i++)
                if (m[i].offset >= p->found.from && m[i].offset < p->found.to) {
                        *ret_single = i == 0;
                        return i ? i : 1;
                }
        return n;
}

static enum sl_rc tell(struct sl_poison *p, const struct sl_kmsg *m, uint32_t n, bool alone, struct sl_err *err)
{
        p->told.from = m[0].offset;
        p->told.to = m[n - 1].offset + 1;
        p->told.tries = alone ? (single(&p->found) ? p->found.tries : 0) + 1 : 0;
        p->told_at = m[0].partition;
        put(p);
        return p->opts.commit(p->opts.arg, err);
}

/* Nothing is worked on any more. True: the ledger does not know that yet. */
static bool withdraw(struct sl_poison *p)
{
        if (!p->told.to)
                return false;
        p->told.from = p->told.to = 0;
        p->told.tries = 0;
        put(p);
        return true;
}

enum sl_rc sl_poison_step(void *arg, const struct sl_kmsg *m, uint32_t n, uint32_t *ret_n, bool *ret_skip, struct sl_err *err)
{
        struct sl_poison *p = arg;
        const struct sl_dlq_ledger *ledger = sl_dlq_act_ledger(p->opts.act);
        bool alone;
        *ret_n = n;
        *ret_skip = false;
        if (!n)
                return withdraw(p) ? p->opts.commit(p->opts.arg, err) : SL_OK;
        if (sl_dlq_ledger_has_poison(ledger))
                for (uint32_t i = 0; i < n; i++)
                        if (sl_dlq_ledger_state(ledger, m[i].partition, m[i].offset) == SL_DLQ_POISON) {
                                *ret_skip = i == 0;
                                *ret_n = n = i ? i : 1;
                        }
        if (*ret_skip || !p->found.lives)
                return SL_OK;
        for (uint32_t i = 1; i < n; i++)
                if (m[i].partition != m[0].partition)
                        n = i;
        *ret_n = step_of(p, m, n, &alone);
        return tell(p, m, *ret_n, alone, err);
}

void sl_poison_over(struct sl_poison *p)
{
        if (!p->opts.act)
                return;
        p->found = p->told = (struct sl_doubt){0};
        put(p);
}

void sl_poison_goodbye(struct sl_poison *p)
{
        if (!p->told.lives) /* nothing is told, or there is no doubt any more */
                return;
        p->told = p->found.to ? p->found : (struct sl_doubt){0}; /* that one began and died is no proof beside a good end */
        p->told_at = p->found_at;
        put(p);
        sl_dlq_act_last_words(p->opts.act);
        *p = (struct sl_poison){0};
}
