/* SPDX-License-Identifier: Apache-2.0 */
/* The sink line, one thread a task:
 *   consumer poll -> converter decode -> sl_chain_apply -> ops->put -> ops->flush (what is durable) -> offset commit
 * An offset is committed only when the sink says that everything before it is safely in the target, or when the sink holds nothing of
 * the partition and all behind it was skipped (filtered, or dead-lettered and stored). On revoke a last flush and commit come before
 * the sink forgets the partition. While a retry is waited for, or the sink is full, partitions are paused and the group is still
 * polled; records of partitions that go away meanwhile are marked (partition -1) and left out. Work that a sink has going in the
 * background is waited for together with Kafka; at a stop or revoke it gets a moment to end. A commit may also carry metadata that
 * the sink wants to find again (api/connector.h), and the sink hears when it is stored. Does not know S3 or files.
 * Records of the connector's replay topic come in as their originals (replayed.h); whether there is such a topic is asked every now and
 * then, because subscribing to a missing one would have brokers make it. */
#include <ctype.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "pipeline/put.h"
#include "pipeline/replayed.h"
#include "pipeline/sink_line.h"

#define BATCH_RECORDS 1000
#define FLUSH_MS 1000
#define POLL_MS 500
#define COMMIT_TIMEOUT_MS 10000
#define PUT_RETRY_MS 500 /* between two tries of a batch that the target may take later; doubles */
#define PUT_RETRY_MAX_MS 60000
#define STAY_MS 5000 /* between two polls while a converter waits */
#define SETTLE_MS 3000 /* for finished work when partitions are given up */
#define STOP_SETTLE_MS 2000 /* ... when the task stops */
#define FULL_PAUSE_MS 1000 /* full for longer: pause, because pausing throws away what was fetched */
#define REPLAY_LOOK_MS 3000 /* between two looks for the replay topic */
#define REPLAY_ASK_MS 1000
#define COMMIT_PATIENCE_MS 60000 /* commits may fail this long (coordinator moves) before the task opens again */

struct part *sl_line_part(const struct line *l, const char *topic, int32_t partition)
{
        for (uint32_t i = 0; i < l->part_count; i++)
                if (l->parts[i].tp.topic == topic && l->parts[i].tp.partition == partition)
                        return &l->parts[i];
        return NULL;
}

/* ---- durable offsets ---- */

/* The offset that may be committed for a partition: what the sink made durable, or all that was consumed when the sink holds nothing. */
static int64_t committable(const struct part *p)
{
        return p->put <= p->durable ? p->consumed : p->durable;
}

/* moves: more than marks */
static enum sl_rc store(struct line *l, const struct sl_tp_offset *items, uint32_t n, bool moves, struct sl_err *err)
{
        /* Dead letters are part of "handled": they must be stored before their offsets are. */
        SL_TRY(sl_errpolicy_flush(l->policy, err));
        if (moves)
                SL_FAULT_TRY("sink.before_commit", SL_E_KAFKA, err);
        SL_TRY(sl_consumer_commit(l->consumer, items, n, COMMIT_TIMEOUT_MS, err));
        if (moves)
                SL_FAULT_TRY("sink.after_commit", SL_E_KAFKA, err);
        return SL_OK;
}

/* The metadata that is to be committed: the mark, and the sink's. */
static const char *metadata_of(struct line *l, const struct part *p, int64_t offset)
{
        if (sl_likely(!p->doubt.lives && !p->doubt.dead_count))
                return p->metadata;
        struct sl_buf text = {0};
        sl_doubt_write(&p->doubt, offset, p->metadata, &text);
        const char *kept = text.len ? sl_arena_strndup(&l->offsets_arena, text.ptr, text.len) : NULL;
        sl_buf_free(&text);
        return kept;
}

enum sl_rc sl_line_commit(struct line *l, struct sl_err *err)
{
        uint32_t n = 0;
        bool moves = false;
        sl_arena_reset(&l->offsets_arena);
        struct sl_tp_offset *items = sl_arena_alloc(&l->offsets_arena, (l->part_count + 1) * sizeof(*items));
        for (uint32_t i = 0; i < l->part_count; i++) {
                struct part *p = &l->parts[i];
                int64_t to = committable(p);
                if (!l->at_work && p->put > p->doubt.passed)
                        p->doubt.passed = p->put;
                bool moved = to > p->committed || p->metadata_new;
                moves |= moved;
                if (moved || p->stale)
                        items[n++] = (struct sl_tp_offset){p->tp, to, metadata_of(l, p, to)};
        }
        if (n == 0)
                return SL_OK;
        int64_t began_us = sl_mono_us();
        enum sl_rc rc = store(l, items, n, moves, err);
        sl_taskstats_commit(l->t->stats, sl_mono_us() - began_us, rc == SL_OK);
        SL_TRY(rc);
        for (uint32_t i = 0; i < n; i++) {
                struct part *p = sl_line_part(l, items[i].tp.topic, items[i].tp.partition);
                p->committed = items[i].offset;
                p->metadata_new = p->stale = false;
                p->marked = p->doubt.lives > 0;
        }
        sl_metric_add(l->m_commits, 1);
        if (l->t->sink->committed)
                l->t->sink->committed(l->sink, items, n);
        return SL_OK;
}

static void note_durable(struct line *l, const struct sl_tp_offset *item)
{
        struct part *p = sl_line_part(l, item->tp.topic, item->tp.partition);
        if (!p)
                return;
        if (item->offset > p->durable)
                p->durable = item->offset;
        if (p->metadata ? item->metadata && strcmp(p->metadata, item->metadata) == 0 : !item->metadata)
                return;
        free(p->metadata);
        p->metadata = item->metadata ? sl_strdup(item->metadata) : NULL;
        p->metadata_new = true;
}

static enum sl_rc flush(struct line *l, bool closing, struct sl_err *err)
{
        sl_arena_reset(&l->offsets_arena);
        struct sl_offsets durable = {.arena = &l->offsets_arena};
        l->flushed_ms = sl_mono_ms();
        SL_TRY(sl_in_stage(l->t->sink->flush(l->sink, closing, &durable, err), SL_STAGE_TASK_PUT, err));
        for (uint32_t i = 0; i < durable.count; i++)
                note_durable(l, &durable.items[i]);
        struct sl_err why = {0};
        enum sl_rc rc = sl_in_stage(sl_line_commit(l, &why), SL_STAGE_KAFKA_CONSUME, &why);
        if (rc == SL_OK) {
                l->commit_failing_ms = 0;
                return SL_OK;
        }
        /* A commit that fails loses nothing: it is tried again with newer offsets, for a while. */
        if (!l->commit_failing_ms)
                l->commit_failing_ms = sl_mono_ms();
        if (rc == SL_TRANSIENT && !closing && sl_mono_ms() - l->commit_failing_ms < COMMIT_PATIENCE_MS) {
                sl_log_err(SL_LOG_WARN, &why, "offset commit failed, will be tried again");
                return SL_OK;
        }
        *err = why;
        return rc;
}

/* ---- rebalance callbacks, from inside sl_consumer_poll ---- */

static void assigned(void *arg, const struct sl_tp_offset *parts, uint32_t n)
{
        struct line *l = arg;
        struct sl_tp_offset *theirs = sl_calloc(n + 1, sizeof(*theirs));
        for (uint32_t i = 0; i < n; i++) {
                bool replays = sl_tp_replays(parts[i].tp);
                if (l->part_count == l->part_cap) {
                        l->part_cap = l->part_cap ? l->part_cap * 2 : 16;
                        l->parts = sl_realloc(l->parts, l->part_cap * sizeof(*l->parts));
                }
                int64_t at = parts[i].offset > 0 ? parts[i].offset : 0;
                struct part *p = &l->parts[l->part_count++];
                *p = (struct part){.tp = parts[i].tp,
                                   .consumed = at,
                                   .put = at,
                                   .durable = at,
                                   .committed = at,
                                   .foreign = replays && strcmp(parts[i].tp.topic, sl_buf_cstr(&l->replay_topic)) != 0};
                l->replay_parts |= replays;
                /* metadata found is the sink's to judge; unless it wants it back, the next commit takes it away */
                theirs[i] = parts[i];
                theirs[i].metadata = sl_doubt_assigned(l, p, parts[i].offset, parts[i].metadata);
                p->metadata = theirs[i].metadata ? sl_strdup(theirs[i].metadata) : NULL;
        }
        l->rebalances++;
        sl_info("assigned %u partitions", n);
        sl_taskstats_partitions(l->t->stats, l->part_count);
        if (n && l->pending.rc == SL_OK) {
                enum sl_rc rc = l->t->sink->assigned(l->sink, theirs, n, &l->pending);
                (void)rc; /* kept in pending, raised by the loop */
        }
        free(theirs);
}

static void mark_gone(struct sl_record *records, uint32_t n, const struct sl_tp *tp)
{
        for (struct sl_record *rec = records; rec < records + n; rec++)
                if (rec->partition >= 0 && sl_read_partition(rec) == tp->partition && strcmp(sl_read_topic(rec), tp->topic) == 0)
                        rec->partition = -1;
}

static void forget(struct line *l, const struct sl_tp *tp)
{
        mark_gone(l->batch.records, l->batch.count, tp);
        mark_gone(l->rest, l->rest_count, tp);
        struct part *p = sl_line_part(l, tp->topic, tp->partition);
        if (!p)
                return;
        free(p->metadata);
        *p = l->parts[--l->part_count];
}

static unsigned needs(const struct line *l)
{
        return l->t->sink->needs ? l->t->sink->needs(l->sink) : 0;
}

/* Wait for Kafka, a wake-up, or what the sink waits for. True if it was the sink's. */
static bool wait_any(struct line *l)
{
        struct sl_wait w = {.timeout_ms = POLL_MS};
        sl_wait_fd(&w, l->t->wake_fd, POLLIN);
        sl_wait_fd(&w, sl_consumer_fd(l->consumer), POLLIN);
        if (l->t->sink->wait)
                l->t->sink->wait(l->sink, &w);
        bool ours = w.timeout_ms < POLL_MS;
        if (poll(w.fds, w.count, w.timeout_ms) <= 0)
                return ours;
        for (uint32_t i = 2; i < w.count; i++)
                ours |= w.fds[i].revents != 0;
        if (w.fds[0].revents)
                sl_task_drain_wake(l->t);
        if (w.fds[1].revents)
                sl_consumer_fd_clear(l->consumer);
        return ours;
}

/* Give finished work of the sink at most ms to reach the target, and commit what did. */
static enum sl_rc settle(struct line *l, int64_t ms, struct sl_err *err)
{
        static const struct sl_batch nothing;
        int64_t until = sl_mono_ms() + ms;
        for (;;) {
                SL_TRY(flush(l, true, err));
                int64_t left = until - sl_mono_ms();
                if (!(needs(l) & SL_SINK_BUSY) || left <= 0)
                        return SL_OK;
                struct sl_wait w = {.timeout_ms = left < 100 ? (int)left : 100};
                if (l->t->sink->wait)
                        l->t->sink->wait(l->sink, &w);
                poll(w.fds, w.count, w.timeout_ms);
                SL_TRY(sl_in_stage(l->t->sink->put(l->sink, &nothing, err), SL_STAGE_TASK_PUT, err));
        }
}

static void revoked(void *arg, const struct sl_tp *parts, uint32_t n, bool lost)
{
        struct line *l = arg;
        sl_info("%s %u partitions", lost ? "lost" : "gave up", n);
        bool useless = sl_task_halted(l->t) && l->commit_failing_ms; /* once more would only take time */
        if (!lost)
                sl_doubt_goodbye(l, parts, n);
        if (!lost && l->pending.rc == SL_OK && !useless) {
                struct sl_err err = {0};
                enum sl_rc rc = sl_task_halted(l->t) ? flush(l, true, &err) : settle(l, SETTLE_MS, &err);
                if (rc != SL_OK)
                        sl_log_err(SL_LOG_WARN, &err, "last commit before giving up partitions failed: the next owner reads again");
        } else if (!lost && !useless) {
                sl_doubt_withdraw(l);
        }
        l->t->sink->revoked(l->sink, parts, n, lost);
        l->rebalances++;
        for (uint32_t i = 0; i < n; i++)
                forget(l, &parts[i]);
        sl_taskstats_partitions(l->t->stats, l->part_count);
}

/* ---- records ---- */

static enum sl_rc tick(void *arg, struct sl_err *err)
{
        struct line *l = arg;
        return atomic_load(&l->t->stop) ? sl_fail(err, SL_E_STOPPED, "the task is stopping") : SL_OK;
}

static enum sl_rc report(void *arg, const struct sl_record *rec, const struct sl_err *why, struct sl_err *err)
{
        struct line *l = arg;
        struct sl_err staged = *why;
        staged.stage = SL_STAGE_TASK_PUT;
        staged.operation = "org.apache.kafka.connect.sink.SinkTask";
        return sl_errpolicy_resolve(l->policy, rec, &staged, err);
}

static enum sl_rc topic_end(void *arg, struct sl_tp tp, int64_t *ret, struct sl_err *err)
{
        struct line *l = arg;
        return sl_consumer_end(l->consumer, tp, COMMIT_TIMEOUT_MS, ret, err);
}

static enum sl_rc raise_pending(struct line *l, struct sl_err *err)
{
        if (l->pending.rc == SL_OK)
                return SL_OK;
        *err = l->pending;
        return err->rc;
}

/* Paused partitions give nothing; should one do all the same, it is read again. */
static enum sl_rc give_back(struct line *l, struct sl_err *err)
{
        for (uint32_t i = l->idle.count; i-- > 0;) {
                const struct sl_record *rec = &l->idle.records[i];
                SL_TRY(sl_consumer_seek(l->consumer, (struct sl_tp){rec->topic.ptr, rec->partition}, rec->offset, err));
        }
        sl_batch_reset(&l->idle);
        return SL_OK;
}

static enum sl_rc idle(struct line *l, int64_t ms, struct sl_err *err)
{
        int64_t until = sl_mono_ms() + ms;
        SL_TRY(sl_consumer_pause_all(l->consumer, err));
        for (int64_t left = ms; left > 0 && !sl_task_halted(l->t); left = until - sl_mono_ms()) {
                struct pollfd fds[] = {{.fd = l->t->wake_fd, .events = POLLIN},
                                       {.fd = sl_consumer_fd(l->consumer), .events = POLLIN}};
                if (poll(fds, 2, left > POLL_MS ? POLL_MS : (int)left) > 0) {
                        if (fds[0].revents)
                                sl_task_drain_wake(l->t);
                        if (fds[1].revents)
                                sl_consumer_fd_clear(l->consumer);
                }
                SL_TRY(sl_consumer_poll(l->consumer, &l->idle, 0, err));
                SL_TRY(give_back(l, err));
                SL_TRY(raise_pending(l, err));
        }
        return l->held ? SL_OK : sl_consumer_resume_all(l->consumer, err);
}

/* Wait, but stay a member of the group. Partitions may come and go meanwhile. A failure ends the line. */
static enum sl_rc stay(void *arg, int64_t ms, struct sl_err *err)
{
        struct line *l = arg;
        sl_doubt_alive(l);
        enum sl_rc rc = sl_in_stage(idle(l, ms, err), SL_STAGE_KAFKA_CONSUME, err);
        if (rc != SL_OK && l->pending.rc == SL_OK)
                l->pending = *err;
        return rc;
}

/* While a converter waits for a schema registry. It may wait longer than max.poll.interval.ms, so the group hears of us. */
static enum sl_rc converter_tick(void *arg, struct sl_err *err)
{
        struct line *l = arg;
        int64_t now = sl_mono_ms();
        SL_TRY(tick(l, err));
        if (now - l->polled_ms < STAY_MS)
                return SL_OK;
        l->polled_ms = now;
        return stay(l, 1, err);
}

static enum sl_rc decode_and_transform(struct line *l, struct sl_record *rec, struct sl_err *err)
{
        struct sl_record original = *rec;
        struct sl_retry retry = {0};
        for (;;) {
                enum sl_rc rc = sl_codec_decode(&l->codec, rec, &l->batch.arena, err);
                if (rc == SL_OK)
                        rc = sl_chain_apply(l->chain, rec, &l->batch.arena, err);
                if (sl_likely(rc == SL_OK))
                        return SL_OK;
                bool again = sl_errpolicy_retry(l->policy, &retry, err);
                original.partition = rec->partition;
                *rec = original;
                if (rec->partition < 0) { /* given up while we waited: its next owner reads it */
                        sl_err_clear(err);
                        return SL_OK;
                }
                if (!again)
                        break;
                sl_err_clear(err);
        }
        if (l->pending.rc != SL_OK) { /* the wait failed, not the record */
                sl_err_clear(err);
                return raise_pending(l, err);
        }
        rec->dropped = true;
        return sl_errpolicy_resolve(l->policy, rec, err, err);
}

static sl_cold void meet_topic(struct line *l, struct part *p)
{
        struct sl_str topic = sl_str_c(p->tp.topic);
        p->met = true;
        if (sl_map_get(&l->seen, topic))
                return;
        sl_map_put(&l->seen, topic, l);
        if (l->t->on_topic)
                l->t->on_topic(l->t->on_state_arg, l->t->connector, l->t->id, p->tp.topic);
}

/* Leave out the records from `from` on whose partitions went away. */
static void drop_gone(struct line *l, uint32_t from)
{
        struct sl_batch *b = &l->batch;
        uint32_t kept = from;
        for (uint32_t i = from; i < b->count; i++) {
                if (b->records[i].partition < 0)
                        continue;
                if (kept != i)
                        b->records[kept] = b->records[i];
                kept++;
        }
        b->count = kept;
}

/* What converters have to ask elsewhere can be on its way for the whole batch. */
static void expect_records(struct line *l)
{
        const struct sl_converter *both[] = {&l->codec.key, &l->codec.value};
        for (int k = 0; k < 2; k++) {
                if (!both[k]->ops->expect_decode)
                        continue;
                for (uint32_t i = 0; i < l->batch.count; i++) {
                        const struct sl_record *rec = &l->batch.records[i];
                        both[k]->ops->expect_decode(both[k]->st, rec->topic, k ? rec->raw_value : rec->raw_key);
                }
        }
}

/* Records of replay topics become their originals. What can't be told fails as itself; other connectors' are not read. */
static sl_cold enum sl_rc restore_replayed(struct line *l, struct sl_err *err)
{
        for (uint32_t i = 0; i < l->batch.count; i++) {
                struct sl_record *rec = &l->batch.records[i];
                if (rec->partition < 0 || !sl_tp_replays((struct sl_tp){rec->topic.ptr, 0}))
                        continue;
                const struct part *p = sl_line_part(l, rec->topic.ptr, rec->partition);
                struct sl_err why = {0};
                rec->dropped = !p || p->foreign;
                if (rec->dropped || sl_replay_restore(l->consumer, &l->batch.arena, rec, &why) == SL_OK)
                        continue;
                rec->dropped = true;
                why.stage = SL_STAGE_KAFKA_CONSUME;
                SL_TRY(sl_errpolicy_resolve(l->policy, rec, &why, err));
        }
        return SL_OK;
}

/* Decode and transform all, keep what survives (moved together), and note how far each partition was read and handed on. */
static enum sl_rc prepare(struct line *l, struct sl_err *err)
{
        struct sl_batch *b = &l->batch;
        uint32_t kept = 0, rebalances = l->rebalances, began = rebalances;
        struct part *p = NULL;
        if (sl_unlikely(sl_task_retells(l->t))) {
                sl_map_free(&l->seen, NULL);
                l->seen = (struct sl_map){0};
                for (uint32_t i = 0; i < l->part_count; i++)
                        l->parts[i].met = false;
        }
        if (sl_unlikely(l->replay_parts))
                SL_TRY(restore_replayed(l, err));
        expect_records(l);
        for (uint32_t i = 0; i < b->count; i++) {
                struct sl_record *rec = &b->records[i];
                const char *topic = sl_read_topic(rec); /* interned; a transform may rename the record */
                int32_t partition = sl_read_partition(rec);
                if (sl_unlikely(rec->partition < 0))
                        continue; /* given up while another record was retried */
                if (!p || p->tp.topic != topic || p->tp.partition != partition)
                        p = sl_line_part(l, topic, partition);
                int64_t offset = sl_read_offset(rec);
                if (sl_unlikely(p && p->doubt.dead_count && sl_doubt_is_dead(&p->doubt, offset)))
                        SL_TRY(sl_doubt_resolve(l, rec, err));
                if (sl_likely(!rec->dropped))
                        SL_TRY(decode_and_transform(l, rec, err));
                if (sl_unlikely(rebalances != l->rebalances)) { /* the array of partitions was changed */
                        rebalances = l->rebalances;
                        p = rec->partition < 0 ? NULL : sl_line_part(l, topic, partition);
                }
                if (!p || rec->partition < 0)
                        continue; /* given up meanwhile: its next owner reads it */
                if (sl_unlikely(!p->met))
                        meet_topic(l, p);
                p->consumed = offset + 1;
                if (rec->dropped)
                        continue;
                p->put = offset + 1;
                if (kept != i)
                        b->records[kept] = *rec;
                kept++;
        }
        b->count = kept;
        if (sl_unlikely(began != l->rebalances))
                drop_gone(l, 0);
        return SL_OK;
}

static enum sl_rc put_part(void *arg, const struct sl_batch *part, struct sl_err *err)
{
        struct line *l = arg;
        int64_t began_us = sl_mono_us();
        SL_TRY(sl_in_stage(l->t->sink->put(l->sink, part, err), SL_STAGE_TASK_PUT, err));
        if (part->count)
                sl_taskstats_put(l->t->stats, part->count, sl_mono_us() - began_us);
        return SL_OK;
}

/* The status says while the target can't take records, and why. A sink that works in the background takes a put and may fail
 * again a little later: as long as it is full nothing is well. */
static void put_well(struct line *l)
{
        if (!l->put_pause || (needs(l) & SL_SINK_FULL))
                return;
        l->put_pause = 0;
        sl_task_report(l->t, SL_TASK_RUNNING, NULL);
}

static int64_t next_pause(struct line *l, const struct sl_err *err)
{
        if (!l->put_pause)
                sl_task_report(l->t, SL_TASK_RESTARTING, err);
        int64_t pause = !l->put_pause ? PUT_RETRY_MS : l->put_pause * 2 > PUT_RETRY_MAX_MS ? PUT_RETRY_MAX_MS : l->put_pause * 2;
        int64_t ms = pause / 2 + rand_r(&l->seed) % (pause / 2 + 1);
        l->put_pause = pause;
        return err->retry_after_ms > ms ? err->retry_after_ms : ms;
}

/* What the target can't take now is put again until it can, as in Connect; errors.retry.* have no say in it. */
static enum sl_rc put(struct line *l, struct sl_err *err)
{
        struct sl_put_calls calls = {.put = put_part, .report = report, .arg = l};
        uint32_t settled = 0;
        for (;;) {
                enum sl_rc rc = sl_put_settle(&calls, &l->batch, &settled, err);
                if (rc != SL_TRANSIENT || err->scope == SL_SCOPE_TASK || err->id == SL_E_STOPPED) {
                        if (rc == SL_OK)
                                put_well(l);
                        return rc;
                }
                int64_t ms = next_pause(l, err);
                sl_log_err(SL_LOG_WARN, err, "the target can't take records now, they are put again in %lld ms", (long long)ms);
                sl_err_clear(err);
                SL_TRY(stay(l, ms, err));
                if (sl_task_halted(l->t))
                        return sl_fail(err, SL_E_STOPPED, "the task is stopping while the target does not answer");
                drop_gone(l, settled);
        }
}

static int64_t active(const struct line *l)
{
        int64_t n = 0;
        for (uint32_t i = 0; i < l->part_count; i++)
                n += l->parts[i].consumed - l->parts[i].committed;
        return n;
}

static void note_read(struct line *l)
{
        uint32_t n = l->batch.count;
        if (!n)
                return;
        sl_metric_add(l->m_read, n);
        sl_taskstats_batch(l->t->stats, n, 0);
        l->newest_ms = l->batch.records[n - 1].timestamp_ms;
}

/* About once a second: how much is on its way, and how much waits in Kafka. */
static void note_lag(struct line *l)
{
        int64_t lag = sl_consumer_lag(l->consumer);
        sl_metric_set(l->m_lag, lag);
        sl_taskstats_active(l->t->stats, active(l));
        sl_taskstats_lag_ms(l->t->stats, lag > 0 && l->newest_ms > 0 ? sl_wall_ms() - l->newest_ms : 0);
}

/* While the sink is full nothing is read; that for long, and the partitions are paused and the group polled. */
static enum sl_rc hold(struct line *l, bool full, struct sl_err *err)
{
        int64_t now = sl_mono_ms();
        if (!full)
                l->full_ms = 0;
        else if (!l->full_ms)
                l->full_ms = now;
        bool hold = full && now - l->full_ms >= FULL_PAUSE_MS;
        if (hold == l->held)
                return SL_OK;
        l->held = hold;
        return hold ? sl_consumer_pause_all(l->consumer, err) : sl_consumer_resume_all(l->consumer, err);
}

static enum sl_rc poll_consumer(struct line *l, bool full, struct sl_err *err)
{
        if (!full)
                return sl_consumer_poll(l->consumer, &l->batch, 0, err);
        if (!l->held)
                return SL_OK;
        SL_TRY(sl_consumer_poll(l->consumer, &l->idle, 0, err));
        return give_back(l, err);
}

/* Fill the batch with what there is, or wait for it and for the sink's work. *ret_put: the sink is to be called. */
static enum sl_rc read_batch(struct line *l, bool *ret_put, struct sl_err *err)
{
        bool full = needs(l) & SL_SINK_FULL;
        sl_batch_reset(&l->batch);
        SL_TRY(hold(l, full, err));
        SL_TRY(poll_consumer(l, full, err));
        if (l->batch.count == 0 && l->pending.rc == SL_OK) {
                *ret_put = wait_any(l);
                SL_TRY(poll_consumer(l, full, err));
        }
        *ret_put |= l->batch.count || sl_mono_ms() - l->put_ms >= FLUSH_MS;
        return SL_OK;
}

/* Is there a replay topic by now? Brokers that don't answer are asked again. */
static enum sl_rc look_for_replays(struct line *l, struct sl_err *err)
{
        struct sl_err ignored = {0};
        int32_t partitions = 0;
        l->replay_look_ms = sl_mono_ms();
        if (sl_admin_topic_partitions(l->t->admin, sl_buf_cstr(&l->replay_topic), REPLAY_ASK_MS, &partitions, &ignored) != SL_OK || !partitions)
                return SL_OK;
        l->replay_read = true;
        sl_info("records replayed into this connector are read from %s", sl_buf_cstr(&l->replay_topic));
        return sl_consumer_read_too(l->consumer, err);
}

/* Not before partitions came: who joins as the static member that died gets that one's partitions, whatever it subscribes to. */
static bool replays_due(const struct line *l)
{
        return !l->replay_read && l->replay_topic.len && l->rebalances && sl_mono_ms() - l->replay_look_ms >= REPLAY_LOOK_MS;
}

enum sl_rc sl_line_work(struct line *l, struct sl_err *err)
{
        l->at_work = true;
        SL_TRY(prepare(l, err));
        l->put_ms = sl_mono_ms();
        if (l->batch.count)
                SL_FAULT_TRY("sink.before_put", SL_E_KAFKA, err);
        SL_TRY(put(l, err));
        if (l->batch.count)
                SL_FAULT_TRY("sink.after_put", SL_E_KAFKA, err);
        l->at_work = false;
        sl_metric_add(l->m_put, l->batch.count);
        return SL_OK;
}

static enum sl_rc one_round(struct line *l, struct sl_err *err)
{
        bool put_now = false;
        SL_TRY(sl_in_stage(read_batch(l, &put_now, err), SL_STAGE_KAFKA_CONSUME, err));
        SL_TRY(raise_pending(l, err));
        note_read(l);
        l->polled_ms = sl_mono_ms();
        if (sl_unlikely(l->doubtful) && l->batch.count)
                SL_TRY(sl_doubt_round(l, err));
        else if (put_now)
                SL_TRY(sl_line_work(l, err));
        if (sl_mono_ms() - l->flushed_ms >= FLUSH_MS || (needs(l) & SL_SINK_COMMIT)) {
                sl_doubt_serve(l);
                SL_TRY(flush(l, false, err));
                sl_errpolicy_serve(l->policy);
                note_lag(l);
                if (replays_due(l))
                        SL_TRY(look_for_replays(l, err));
        }
        return SL_OK;
}

static void open_metrics(struct line *l)
{
        const char *labels = l->t->metric_labels;
        l->m_read = sl_metric_get(SL_COUNTER, "sluice_sink_records_read_total", "Records read from Kafka.", labels);
        l->m_put = sl_metric_get(SL_COUNTER, "sluice_sink_records_put_total", "Records handed to the sink.", labels);
        l->m_commits = sl_metric_get(SL_COUNTER, "sluice_sink_commits_total", "Offset commits.", labels);
        l->m_lag = sl_metric_get(SL_GAUGE, "sluice_sink_lag_records", "Records between the read position and the high watermark.",
                                 labels);
}

static enum sl_rc open_consumer(struct line *l, struct sl_err *err)
{
        struct sl_task *t = l->t;
        char client_id[256], group[256];
        snprintf(client_id, sizeof(client_id), "connector-consumer-%.200s-%u", t->connector, t->id);
        snprintf(group, sizeof(group), "connect-%.240s", t->connector);
        /* A task of a cluster that starts elsewhere takes its dead owner's partitions at once. */
        const char *cluster = sl_props_get(t->worker, "group.id");
        char *instance = cluster && *cluster ? sl_arena_printf(&l->arena, "%.80s-%.140s-%u", cluster, t->connector, t->id) : NULL;
        for (char *p = instance; p && *p; p++)
                if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
                        *p = '_';
        const char *own_group = sl_props_get(&t->config, "consumer.override.group.id");
        struct sl_consumer_opts opts = {
                .cfg = {.worker = t->worker, .connector = &t->config},
                .client_id = client_id,
                .group_id = own_group ? own_group : group,
                .instance_id = instance,
                .topics = &l->common.topics,
                .own_topic = l->replay_topic.len ? sl_buf_cstr(&l->replay_topic) : NULL,
                .topics_regex = l->common.topics_regex && *l->common.topics_regex ? l->common.topics_regex : NULL,
                .assigned = assigned,
                .revoked = revoked,
                .arg = l,
                .stop = &t->halt,
        };
        return sl_consumer_new(&opts, &l->consumer, err);
}

static enum sl_rc open_line(struct line *l, struct sl_err *err)
{
        struct sl_task *t = l->t;
        const struct sl_sink_ops *ops = t->sink;
        if (t->may_open)
                SL_TRY(t->may_open(t->on_state_arg, err));
        SL_TRY(sl_task_parse(t, sl_sink_common_defs, ops->config, ops->config_size, &l->arena, &l->common, &l->cfg, err));
        if (l->common.replay_topic)
                sl_replay_topic(t->connector, &l->replay_topic);
        SL_TRY(sl_errpolicy_new(t, &l->common, &l->policy, err));
        struct sl_errpolicy_hooks hooks = {.wait = stay, .arg = l};
        sl_errpolicy_hook(l->policy, &hooks);
        SL_TRY(sl_chain_new(t->plugins, &t->config, &l->common, &l->chain, err));
        SL_TRY(sl_codec_open(&l->codec, &(struct sl_converter_env){converter_tick, l}, t->worker, &t->config, err));
        l->env = (struct sl_task_env){.connector = t->connector,
                                      .task = t->id,
                                      .metric_labels = t->metric_labels,
                                      .stop = &t->halt,
                                      .tick = tick,
                                      .tick_arg = l,
                                      .report = report,
                                      .report_arg = l,
                                      .topic_end = topic_end,
                                      .end_arg = l,
                                      .memory_bytes = (size_t)l->common.memory_bytes,
                                      .dead_letters = sl_errpolicy_dead_letters(l->policy)};
        l->sink = sl_arena_zalloc(&l->arena, ops->task_size);
        l->sink_open = true;
        SL_TRY(ops->open(l->sink, l->cfg, &l->env, err));
        return open_consumer(l, err);
}

static void close_line(struct line *l)
{
        sl_batch_free(&l->idle);
        sl_batch_free(&l->batch); /* its messages are the consumer's: librdkafka's end would wait for them */
        sl_consumer_close(l->consumer); /* revoked is called from here: last flush, commit, forget */
        sl_taskstats_active(l->t->stats, 0);
        if (l->sink_open)
                l->t->sink->close(l->sink);
        sl_codec_close(&l->codec);
        sl_chain_free(l->chain);
        sl_errpolicy_free(l->policy);
        sl_map_free(&l->seen, NULL);
        sl_arena_free(&l->offsets_arena);
        for (uint32_t i = 0; i < l->part_count; i++)
                free(l->parts[i].metadata);
        free(l->parts);
        sl_buf_free(&l->replay_topic);
        sl_arena_free(&l->arena);
}

/* What does not end in time is done again by the next owner. */
static void last_settle(struct line *l)
{
        struct sl_err err = {0};
        if (l->commit_failing_ms == 0 && settle(l, STOP_SETTLE_MS, &err) != SL_OK)
                sl_log_err(SL_LOG_WARN, &err, "not all of the finished work could be ended before the stop");
}

enum sl_rc sl_sink_run(struct sl_task *t, bool *opened, struct sl_err *err)
{
        struct line l = {.t = t};
        sl_arena_init(&l.arena, 16384);
        open_metrics(&l);
        enum sl_rc rc = open_line(&l, err);
        if (rc == SL_OK) {
                sl_batch_init(&l.batch, BATCH_RECORDS, (size_t)l.common.memory_bytes / 4);
                sl_batch_init(&l.idle, BATCH_RECORDS, (size_t)l.common.memory_bytes / 4);
                l.seed = (unsigned)sl_mono_us();
                *opened = true;
                sl_task_report(t, SL_TASK_RUNNING, NULL);
                while (rc == SL_OK && !sl_task_halted(t))
                        rc = one_round(&l, err);
                if (rc == SL_OK)
                        last_settle(&l);
        }
        if (rc != SL_OK)
                l.pending = *err; /* a sink that failed is not asked to flush once more */
        close_line(&l);
        return rc;
}
