/* SPDX-License-Identifier: Apache-2.0 */
/* One topic-partition: records to rows, rows to batches, batches to the channel, and the channel's tokens to offsets. What
 * makes this exactly once: see writer.h. Does not read Kafka, does not retry requests (channel.c), does not bound memory (sink.c). */
#include "connectors/snowflake/writer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

#define APPEND_GAP_MS 100 /* a channel takes ten requests a second */
#define QUIET_MS 200      /* no record for so long: a batch that is worth a request needn't get older */
#define QUIET_BYTES (256u << 10)
#define EVOLVE_TRIES 3

void sl_sf_part_init(struct sl_sf_part *p, const struct sl_tp_offset *from, const char *origin, struct sl_sf_shared *sh)
{
        *p = (struct sl_sf_part){.tp = from->tp,
                                 .origin = origin,
                                 .start = from->offset,
                                 .token = -1,
                                 .seen = -1,
                                 .last_row = -1,
                                 .told = -1,
                                 .probe = -1};
        p->dest = sl_sf_dest_of(&sh->dests, origin);
}

static void drop_queue(struct sl_sf_part *p)
{
        for (uint32_t i = 0; i < p->queued; i++)
                sl_sf_body_free(&p->queue[i]);
        p->queued = 0;
}

static void prove(struct sl_sf_part *p, struct sl_sf_shared *sh, bool proving)
{
        if (p->proving == proving)
                return;
        p->proving = proving;
        p->marked = false;
        sh->proofs += proving ? 1 : -1;
}

void sl_sf_part_free(struct sl_sf_part *p, struct sl_sf_shared *sh)
{
        prove(p, sh, false);
        if (p->channel) {
                sl_sf_channel_revoke(p->channel);
                sl_sf_channel_free(p->channel);
        }
        sl_sf_batch_free(p->batch);
        drop_queue(p);
        free(p->queue);
        sl_sf_body_free(&p->sent);
}

static void channel_name(const struct sl_sf_shared *sh, const struct sl_sf_part *p, bool with_connector, struct sl_buf *out)
{
        sl_sf_channel_name(with_connector ? sh->app : NULL, sl_str_c(p->tp.topic), p->tp.partition, out);
}

static void open_channel(struct sl_sf_part *p)
{
        p->altered = p->dest->altered;
        sl_sf_channel_open(p->channel, false);
}

enum sl_rc sl_sf_part_prepare(struct sl_sf_part *p, struct sl_sf_shared *sh, struct sl_err *err)
{
        SL_TRY(sl_sf_dest_prepare(&sh->dests, p->dest, err));
        if (p->channel)
                return SL_OK;
        struct sl_buf name = {0};
        channel_name(sh, p, sh->cfg->channel_with_name, &name);
        p->channel = sl_sf_channel_new(sh->client, sh->cfg->database, sh->cfg->schema, sl_buf_cstr(&p->dest->pipe),
                                       sl_buf_cstr(&name));
        sl_buf_free(&name);
        open_channel(p);
        return SL_OK;
}

/* ---- records ---- */

/* The batch as it is goes to the queue. */
static enum sl_rc cut_batch(struct sl_sf_part *p, struct sl_err *err)
{
        if (p->queued == p->queue_cap) {
                p->queue_cap = p->queue_cap ? p->queue_cap * 2 : 4;
                p->queue = sl_realloc(p->queue, p->queue_cap * sizeof(*p->queue));
        }
        struct sl_sf_body *body = &p->queue[p->queued];
        *body = (struct sl_sf_body){0};
        SL_TRY(sl_sf_batch_take(p->batch, body, err));
        p->queued++;
        return SL_OK;
}

static void handled(struct sl_sf_part *p, int64_t offset)
{
        p->seen = offset + 1;
        if (p->batch)
                sl_sf_batch_cover(p->batch, offset);
}

/* Report a record that can't become a row; it is handled then. */
static enum sl_rc report(struct sl_sf_part *p, struct sl_sf_shared *sh, const struct sl_record *rec, struct sl_err *why,
                         struct sl_err *err)
{
        if (why->scope != SL_SCOPE_RECORD) {
                if (err && err->rc == SL_OK)
                        *err = *why;
                return why->rc;
        }
        why->stage = SL_STAGE_TASK_PUT;
        SL_TRY(sh->env.report(sh->env.report_arg, rec, why, err));
        handled(p, sl_read_offset(rec));
        return SL_OK;
}

static void say_largest(struct sl_err *why, struct sl_str line)
{
        size_t n;
        struct sl_str column = sl_sf_row_largest(line, &n);
        sl_err_clear(why);
        enum sl_rc rc = sl_fail(why, SL_E_TOO_LARGE,
                                "The row has %zu bytes and passes Snowflake's limit of 4 MB a request even compressed; its largest "
                                "column is %.*s with %zu bytes",
                                line.len, SL_FMT(column), n);
        (void)rc;
}

static enum sl_rc add_line(struct sl_sf_part *p, struct sl_sf_shared *sh, const struct sl_record *rec, struct sl_err *err)
{
        struct sl_str line = {sh->line.ptr, sh->line.len};
        struct sl_err why = {0};
        int64_t now = sh->now_ms;
        bool full = false;
        if (!p->batch)
                p->batch = sl_sf_batch_new(&sh->batch);
        enum sl_rc rc = sl_sf_batch_add(p->batch, line, sl_read_offset(rec), now, &full, &why);
        if (rc == SL_OK && full) {
                SL_TRY(cut_batch(p, err));
                rc = sl_sf_batch_add(p->batch, line, sl_read_offset(rec), now, &full, &why);
        }
        if (rc != SL_OK) {
                if (why.id == SL_E_TOO_LARGE)
                        say_largest(&why, line);
                return report(p, sh, rec, &why, err);
        }
        p->last_row = sl_read_offset(rec);
        p->seen = sl_read_offset(rec) + 1;
        p->added_ms = now;
        return SL_OK;
}

enum sl_rc sl_sf_part_put(struct sl_sf_part *p, struct sl_sf_shared *sh, const struct sl_record *rec, struct sl_err *err)
{
        if (sl_read_offset(rec) < p->seen)
                return SL_OK; /* the same batch once more, after a failure further on in it */
        if (sl_read_offset(rec) <= p->token) { /* Snowflake has it */
                if (sh->skipped)
                        sl_metric_add(sh->skipped, 1);
                p->seen = sl_read_offset(rec) + 1;
                return SL_OK;
        }
        if (rec->dropped) {
                handled(p, sl_read_offset(rec));
                return SL_OK;
        }
        struct sl_err why = {0};
        bool again = false;
        for (int tries = 0;; tries++) {
                enum sl_sf_row row;
                sl_buf_clear(&sh->line);
                enum sl_rc rc = sl_sf_encoder_add(p->dest->encoder, rec, sh->push_ms, &sh->line, &row, &why);
                if (sl_unlikely(rc != SL_OK)) {
                        if (why.id == SL_E_SF_RECORD && !again)
                                SL_TRY(sl_sf_dest_again(&sh->dests, p->dest, &again, err));
                        else
                                again = false;
                        if (!again)
                                return report(p, sh, rec, &why, err);
                        sl_err_clear(&why);
                        continue;
                }
                if (sl_likely(row == SL_SF_ROW_DONE)) {
                        p->dest->altered += again; /* it fits now: somebody changed the table */
                        return add_line(p, sh, rec, err);
                }
                if (row == SL_SF_ROW_SKIPPED) {
                        handled(p, sl_read_offset(rec));
                        return SL_OK;
                }
                if (tries == EVOLVE_TRIES) {
                        rc = sl_fail(&why, SL_E_SF_RECORD,
                                     "Table %s was altered for this record and still can't take it (ERROR_2015): see its columns",
                                     p->dest->name);
                        (void)rc;
                        return report(p, sh, rec, &why, err);
                }
                SL_TRY(sl_sf_dest_evolve(&sh->dests, p->dest, err));
        }
}

/* ---- the channel ---- */

static enum sl_rc migrate(struct sl_sf_part *p, struct sl_sf_shared *sh, struct sl_err *err)
{
        struct sl_buf old = {0}, name = {0};
        int64_t token;
        channel_name(sh, p, sh->cfg->migration_include, &old);
        channel_name(sh, p, sh->cfg->channel_with_name, &name);
        enum sl_rc rc = sl_sf_dest_migrate(&sh->dests, p->dest, sl_buf_cstr(&old), sl_buf_cstr(&name), &token, err);
        if (rc == SL_OK && token >= 0) {
                sl_info("%s-%d: version 3's channel %s ended at offset %lld, it goes on behind that", p->tp.topic,
                        p->tp.partition, sl_buf_cstr(&old), (long long)token);
                p->token = token;
        }
        sl_buf_free(&old);
        sl_buf_free(&name);
        return rc;
}

/* A token behind the topic's end belongs to another topic of this name: without a word all would be skipped up to it. */
static enum sl_rc check_end(struct sl_sf_part *p, struct sl_sf_shared *sh, bool *ret_dropped, struct sl_err *err)
{
        int64_t end;
        if (p->token < 0 || !sh->env.topic_end)
                return SL_OK;
        SL_TRY(sh->env.topic_end(sh->env.end_arg, p->tp, &end, err));
        if (end > p->token)
                return SL_OK;
        struct sl_buf name = {0};
        channel_name(sh, p, sh->cfg->channel_with_name, &name);
        if (sh->cfg->ahead == SL_SF_AHEAD_DROP) {
                sl_warn("channel %s says that Snowflake has %s-%d up to offset %lld, but the topic ends at %lld: the channel is dropped, as "
                        "sluice.snowflake.offset.ahead says, and the topic loaded as it is",
                        sl_buf_cstr(&name), p->tp.topic, p->tp.partition, (long long)p->token, (long long)end);
                sl_buf_free(&name);
                *ret_dropped = p->dropped = true;
                sl_sf_channel_drop(p->channel);
                return SL_OK;
        }
        enum sl_rc rc = sl_fail(err, SL_E_SF_OFFSET,
                                "Channel %s says that Snowflake has %s-%d up to offset %lld, but the topic ends at %lld: it was made anew, or "
                                "another cluster's topic was loaded under this connector's name. To load it as it is now, set "
                                "sluice.snowflake.offset.ahead=drop, or give the connector another name",
                                sl_buf_cstr(&name), p->tp.topic, p->tp.partition, (long long)p->token, (long long)end);
        sl_buf_free(&name);
        return rc;
}

static enum sl_rc on_opened(struct sl_sf_part *p, struct sl_sf_shared *sh, int64_t committed, struct sl_err *err)
{
        p->token = committed;
        p->errors = 0;
        if (committed < 0 && !p->dropped && p->origin == p->tp.topic && sh->cfg->migration != SL_SF_MIGRATE_SKIP)
                SL_TRY(migrate(p, sh, err));
        bool dropped = false;
        SL_TRY(check_end(p, sh, &dropped, err));
        if (dropped)
                return SL_OK; /* it opens once more */
        p->opened = true;
        if (p->token >= 0 && p->token >= p->start)
                sl_info("%s-%d: Snowflake has it up to offset %lld, which is skipped", p->tp.topic, p->tp.partition,
                        (long long)p->token);
        return SL_OK;
}

/* The server takes smaller requests than it said: the batch goes in two parts, in front of the others. */
static enum sl_rc on_too_large(struct sl_sf_part *p, struct sl_sf_shared *sh, struct sl_err *err)
{
        struct sl_sf_body left = {0}, right = {0};
        sl_sf_channel_take_back(p->channel, &p->sent.data);
        SL_TRY(sl_sf_body_split(sh->batch.pool, &p->sent, &left, &right, err));
        if (p->queued + 2 > p->queue_cap) {
                p->queue_cap = p->queue_cap * 2 + 2;
                p->queue = sl_realloc(p->queue, p->queue_cap * sizeof(*p->queue));
        }
        memmove(p->queue + 2, p->queue, p->queued * sizeof(*p->queue));
        p->queue[0] = left;
        p->queue[1] = right;
        p->queued += 2;
        return SL_OK;
}

static enum sl_rc events(struct sl_sf_part *p, struct sl_sf_shared *sh, struct sl_err *err)
{
        for (;;) {
                struct sl_sf_event ev = sl_sf_channel_event(p->channel);
                switch (ev.type) {
                case SL_SF_EV_NONE:
                        return SL_OK;
                case SL_SF_EV_OPENED:
                        SL_TRY(on_opened(p, sh, ev.committed, err));
                        break;
                case SL_SF_EV_REOPENED:
                        if (ev.rewind >= 0)
                                return sl_fail(err, SL_E_SF_LOST,
                                               "%s-%d: Snowflake lost rows that it had accepted, from offset %lld on, when its channel was "
                                               "opened again; they are read again from Kafka",
                                               p->tp.topic, p->tp.partition, (long long)ev.rewind);
                        break;
                case SL_SF_EV_TOO_LARGE:
                        SL_TRY(on_too_large(p, sh, err));
                        break;
                }
        }
}

/* When the batch, which has rows, is old enough. */
static int64_t batch_ripe(const struct sl_sf_part *p, const struct sl_sf_shared *sh)
{
        int64_t old = sl_sf_batch_since(p->batch) + sh->cfg->buffer_seconds * 1000, quiet = p->added_ms + QUIET_MS;
        return sl_sf_batch_raw(p->batch) >= QUIET_BYTES && quiet < old ? quiet : old;
}

static bool batch_due(const struct sl_sf_part *p, const struct sl_sf_shared *sh, int64_t now)
{
        if (!p->batch || !sl_sf_batch_rows(p->batch))
                return false;
        return p->cut || sl_sf_batch_full(p->batch) || now >= batch_ripe(p, sh);
}

static void append(struct sl_sf_part *p, struct sl_sf_shared *sh, int64_t now)
{
        struct sl_sf_body *body = &p->queue[0];
        if (p->probe < 0) {
                p->probe = body->last;
                p->probe_ms = now;
        }
        p->append_ms = now;
        p->sending_bytes = body->data.len;
        if (sh->rows) {
                sl_metric_add(sh->rows, (int64_t)body->rows);
                sl_metric_add(sh->bytes, (int64_t)body->data.len);
                sl_metric_add(sh->appends, 1);
        }
        sl_sf_body_free(&p->sent);
        p->sent = *body;
        memmove(p->queue, p->queue + 1, --p->queued * sizeof(*p->queue));
        sl_sf_channel_append(p->channel, &p->sent.data, SL_SF_ZSTD, p->sent.raw_len, p->sent.first, p->sent.last);
        sl_buf_free(&p->sent.data); /* what it gave back */
}

static enum sl_rc work_ready(struct sl_sf_part *p, struct sl_sf_shared *sh, int64_t now, struct sl_err *err)
{
        p->sending_bytes = 0;
        if (p->altered != p->dest->altered) {
                sl_sf_channel_lose(p->channel);
                return SL_OK;
        }
        if (!p->queued && batch_due(p, sh, now))
                SL_TRY(cut_batch(p, err));
        if (p->queued && now - p->append_ms >= APPEND_GAP_MS)
                append(p, sh, now);
        if (!p->queued && (!p->batch || !sl_sf_batch_rows(p->batch)))
                p->cut = false;
        return SL_OK;
}

/* Rows that Snowflake rejected after it had taken them: they are nowhere but in its error table. */
static enum sl_rc rejects(struct sl_sf_part *p, struct sl_sf_shared *sh, struct sl_err *err)
{
        int64_t all = sl_sf_channel_rows(p->channel).errors - sl_sf_channel_baseline(p->channel).errors, fresh = all - p->errors;
        if (fresh <= 0)
                return SL_OK;
        const char *why = sl_sf_channel_row_error(p->channel);
        p->errors = all;
        if (sh->rejected)
                sl_metric_add(sh->rejected, fresh);
        if (!sh->tolerant)
                return sl_fail(err, SL_E_SF_ROWS,
                               "Snowflake rejected %lld rows of %s-%d after it had taken them (ERROR_5030): %s. They are in "
                               "ERROR_TABLE(%s) if the table has ERROR_LOGGING; Kafka's offset is behind them. snowflake.validation="
                               "client_side finds such rows before they are sent, errors.tolerance=all goes on",
                               (long long)fresh, p->tp.topic, p->tp.partition, *why ? why : "no reason given", p->dest->name);
        sl_warn("Snowflake rejected %lld rows of %s-%d after it had taken them (ERROR_5030): %s; table %s", (long long)fresh,
                p->tp.topic, p->tp.partition, *why ? why : "no reason given", p->dest->name);
        return SL_OK;
}

static void note_commits(struct sl_sf_part *p, struct sl_sf_shared *sh, int64_t now)
{
        if (p->probe < 0 || sl_sf_channel_committed(p->channel) < p->probe)
                return;
        if (sh->commit_seconds)
                sl_metric_observe_us(sh->commit_seconds, (now - p->probe_ms) * 1000, 1);
        p->probe = -1;
}

enum sl_rc sl_sf_part_work(struct sl_sf_part *p, struct sl_sf_shared *sh, struct sl_err *err)
{
        if (!p->channel)
                return SL_OK;
        int64_t now = sl_mono_ms();
        SL_TRY(events(p, sh, err));
        SL_TRY(rejects(p, sh, err));
        note_commits(p, sh, now);
        enum sl_sf_channel_state state = sl_sf_channel_state(p->channel);
        if (state == SL_SF_READY && p->opened)
                SL_TRY(work_ready(p, sh, now, err));
        state = sl_sf_channel_state(p->channel);
        if (state == SL_SF_LOST && !p->proving) {
                const struct sl_err *why = sl_sf_channel_error(p->channel);
                if (sl_sf_channel_loss(p->channel) != SL_SF_LOSS_ASKED) {
                        sl_warn("%s-%d: its channel has to be opened again: %s", p->tp.topic, p->tp.partition, why->msg);
                        if (sh->losses)
                                sl_metric_add(sh->losses, 1);
                }
                prove(p, sh, true);
        }
        if (state != SL_SF_FAILED)
                return SL_OK;
        *err = *sl_sf_channel_error(p->channel);
        if (err->id == SL_E_SF_MISSING) { /* somebody can put it right: the task opens again until they did */
                err->rc = SL_TRANSIENT;
                err->scope = SL_SCOPE_TASK;
        }
        return err->rc;
}

/* ---- offsets ---- */

bool sl_sf_part_pending(const struct sl_sf_part *p)
{
        return p->last_row >= 0 && p->last_row > sl_sf_channel_committed(p->channel);
}

/* What the slowest of those has that have rows on their way; without any, all that was seen. */
static int64_t durable_to(struct sl_sf_part *const *of, uint32_t n)
{
        int64_t seen = -1, pending = INT64_MAX;
        for (uint32_t i = 0; i < n; i++) {
                const struct sl_sf_part *p = of[i];
                if (!p->channel || !p->opened)
                        continue;
                if (sl_sf_part_pending(p) && sl_sf_channel_committed(p->channel) + 1 < pending)
                        pending = sl_sf_channel_committed(p->channel) + 1;
                seen = p->seen > seen ? p->seen : seen;
        }
        return pending < INT64_MAX ? pending : seen;
}

void sl_sf_parts_flush(struct sl_sf_part *const *of, uint32_t n, struct sl_offsets *durable)
{
        struct sl_sf_part *first = of[0];
        int64_t to = durable_to(of, n);
        bool proving = false;
        for (uint32_t i = 0; i < n; i++) {
                proving |= of[i]->proving;
                of[i]->marked |= of[i]->proving;
        }
        if (proving)
                snprintf(first->metadata, sizeof(first->metadata), "sluice:open:%u", ++first->proof);
        else if (to <= first->told)
                return;
        first->told = to > first->told ? to : first->told;
        int64_t least = first->start > 0 ? first->start : 0;
        sl_offsets_add_with(durable, first->tp, to > least ? to : least, proving ? first->metadata : NULL);
}

void sl_sf_part_committed(struct sl_sf_part *p, struct sl_sf_shared *sh)
{
        if (!p->proving || !p->marked)
                return;
        prove(p, sh, false);
        open_channel(p);
}

size_t sl_sf_part_held(const struct sl_sf_part *p)
{
        size_t n = p->sending_bytes + (p->batch ? sl_sf_batch_bytes(p->batch) : 0);
        for (uint32_t i = 0; i < p->queued; i++)
                n += p->queue[i].data.cap;
        return n;
}

int64_t sl_sf_part_due(const struct sl_sf_part *p, const struct sl_sf_shared *sh)
{
        if (!p->channel)
                return 0;
        if (!p->opened || sl_sf_channel_state(p->channel) != SL_SF_READY)
                return INT64_MAX; /* the client's descriptors and deadlines say */
        if (p->queued || p->cut)
                return p->append_ms + APPEND_GAP_MS;
        if (!p->batch || !sl_sf_batch_rows(p->batch))
                return INT64_MAX;
        return batch_ripe(p, sh);
}
