/* SPDX-License-Identifier: Apache-2.0 */
/* Topics to tables by Snowpipe Streaming: the sink contract (api/connector.h) over one writer a topic-partition (writer.c).
 * put makes rows and collects them; appends, opens and status calls go on in the background (client.h). What asks Snowflake and
 * waits for the answer is rare: a table that is new, or that records need more columns of.
 *
 * Full: while a channel is not open (its token says where to begin), while Snowflake refuses us, and while rows that wait take
 * more than half of sluice.task.memory.bytes; then batches go out as they are, largest first. Nothing is read meanwhile.
 *
 * Failures. Nothing of Snowflake's is a record's fault but what rows.c, validate.c and batch.c say, which is reported alone. What
 * somebody can put right makes the task wait and say for what; see writer.h for channels. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "connectors/snowflake/config.h"
#include "connectors/snowflake/writer.h"

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "dev"
#endif

#define PROOF_EVERY_MS 100    /* at least this long between two commits only for proofs */
#define TROUBLE_MS 5000       /* so long without an answer, and the status says so */
#define OPEN_PATIENCE_MS 3000 /* how long a put waits for a channel before it is tried again */
#define LOOK_MS 1000          /* how long a put looks whether a trouble is over */
#define STEP_MS 50

struct sf_task {
        struct sl_sf_cfg cfg;
        struct sl_sf_shared shared;
        struct sl_arena keep; /* texts of options */
        struct sl_buf host;   /* of the account */
        struct sl_sf_part *parts;
        uint32_t count, cap;
        struct sl_tp_offset *replays; /* partitions of the replay topic: their parts are made as their records come */
        uint32_t replay_count;
        struct sl_sf_part **group;    /* room for parts of one partition */
        uint32_t last;       /* where find looked last */
        size_t held;         /* bytes of rows that wait, when we last looked */
        int64_t proof_ms;    /* of the last commit for proofs */
        int64_t trouble_ms;  /* since when no answer comes, 0 = one did */
        bool troubled;       /* the last put failed for it */
        bool closing;        /* the last flush was one before partitions are given up */
        bool news;           /* partitions came that have to be opened */
        struct sl_metric *m_held, *m_pending, *m_channels, *m_requests, *m_retries, *m_throttled;
        struct sl_sf_counts told; /* counts that the metrics have */
};

static bool is_of(const struct sl_sf_part *p, struct sl_tp tp)
{
        return p->tp.topic == tp.topic && p->tp.partition == tp.partition;
}

static struct sl_sf_part *find(struct sf_task *t, struct sl_tp tp, const char *origin)
{
        if (t->last < t->count && is_of(&t->parts[t->last], tp) && t->parts[t->last].origin == origin)
                return &t->parts[t->last];
        for (uint32_t i = 0; i < t->count; i++) {
                if (is_of(&t->parts[i], tp) && t->parts[i].origin == origin) {
                        t->last = i;
                        return &t->parts[i];
                }
        }
        return NULL;
}

static void add_part(struct sf_task *t, const struct sl_tp_offset *from, const char *origin)
{
        if (t->count == t->cap) {
                t->cap = t->cap ? t->cap * 2 : 8;
                t->parts = sl_realloc(t->parts, t->cap * sizeof(*t->parts));
                t->group = sl_realloc(t->group, t->cap * sizeof(*t->group));
        }
        sl_sf_part_init(&t->parts[t->count++], from, origin, &t->shared);
}

/* ---- open ---- */

static void open_metrics(struct sf_task *t)
{
        const char *labels = t->shared.env.metric_labels;
        struct sl_sf_shared *sh = &t->shared;
        if (!labels)
                return;
        sh->rows = sl_metric_get(SL_COUNTER, "sluice_snowflake_rows_total", "Rows in append requests.", labels);
        sh->bytes = sl_metric_get(SL_COUNTER, "sluice_snowflake_bytes_total", "Compressed bytes of append requests.", labels);
        sh->appends = sl_metric_get(SL_COUNTER, "sluice_snowflake_appends_total", "Batches appended.", labels);
        sh->skipped = sl_metric_get(SL_COUNTER, "sluice_snowflake_skipped_total",
                                    "Records skipped because the channel's token says that Snowflake has them.", labels);
        sh->rejected = sl_metric_get(SL_COUNTER, "sluice_snowflake_rejected_rows_total",
                                     "Rows that Snowflake rejected after it had taken them.", labels);
        sh->losses = sl_metric_get(SL_COUNTER, "sluice_snowflake_channel_losses_total", "Channels that had to be opened again.",
                                   labels);
        sh->commit_seconds = sl_metric_get(SL_HISTOGRAM, "sluice_snowflake_commit_seconds",
                                           "From an append to its commit in Snowflake, as seen by status calls.", labels);
        t->m_held = sl_metric_get(SL_GAUGE, "sluice_snowflake_held_bytes", "Bytes of rows that wait to be accepted.", labels);
        t->m_pending = sl_metric_get(SL_GAUGE, "sluice_snowflake_pending_channels", "Channels with rows that are not committed.", labels);
        t->m_channels = sl_metric_get(SL_GAUGE, "sluice_snowflake_channels", "Channels that are open.", labels);
        t->m_requests = sl_metric_get(SL_COUNTER, "sluice_snowflake_requests_total", "HTTP requests, repeated ones included.", labels);
        t->m_retries = sl_metric_get(SL_COUNTER, "sluice_snowflake_retries_total", "HTTP requests that were repeated.", labels);
        t->m_throttled = sl_metric_get(SL_COUNTER, "sluice_snowflake_throttled_total", "Answers 429 and 503.", labels);
}

/* What ingest hosts must end in when sluice.snowflake.endpoint is set: its last label, or the address that it is. */
static const char *suffix_of(struct sl_arena *a, const char *url)
{
        const char *sep = strstr(url, "://"), *host = sep ? sep + 3 : url;
        char *name = sl_arena_strndup(a, host, strcspn(host, ":/")), *dot = strrchr(name, '.');
        return dot && (dot[1] < '0' || dot[1] > '9') ? dot + 1 : name;
}

static bool set(const char *s)
{
        return s && *s;
}

static enum sl_rc open_client(struct sf_task *t, struct sl_err *err)
{
        const struct sl_sf_cfg *cfg = &t->cfg;
        struct sl_buf account = {0};
        int port;
        bool tls;
        if (!sl_sf_account_url(cfg->url, &t->host, &account, &port, &tls))
                return sl_fail(err, SL_E_CONFIG, "snowflake.url.name is no account URL (ERROR_0007)");
        struct sl_sf_client_opts opts = {
                .url = set(cfg->endpoint) ? cfg->endpoint : cfg->url,
                .account = sl_arena_strdup(&t->keep, sl_buf_cstr(&account)),
                .user = cfg->user,
                .role = set(cfg->role) ? cfg->role : NULL,
                .authenticator = cfg->authenticator,
                .private_key = cfg->private_key,
                .passphrase = cfg->passphrase,
                .oauth_client_id = cfg->oauth_id,
                .oauth_client_secret = cfg->oauth_secret,
                .oauth_refresh_token = cfg->oauth_refresh,
                .oauth_endpoint = cfg->oauth_endpoint,
                .pat = cfg->pat,
                .ingest_suffix = set(cfg->endpoint) ? suffix_of(&t->keep, cfg->endpoint) : NULL,
                .proxy_user = set(cfg->proxy_user) ? cfg->proxy_user : NULL,
                .proxy_password = set(cfg->proxy_password) ? cfg->proxy_password : NULL,
                .ca_file = cfg->ca_file,
                .tick = t->shared.env.tick,
                .tick_arg = t->shared.env.tick_arg,
        };
        if (cfg->oauth_include_scope)
                opts.oauth_scope = set(cfg->oauth_scope)
                                           ? cfg->oauth_scope
                                           : sl_arena_printf(&t->keep, "session:role:%s", set(cfg->role) ? cfg->role : "");
        if (set(cfg->proxy_host))
                opts.proxy = sl_arena_printf(&t->keep, "http://%s:%s", cfg->proxy_host, cfg->proxy_port);
        sl_buf_free(&account);
        return sl_sf_client_new(&opts, &t->shared.client, err);
}

static enum sl_rc open_task(struct sf_task *t, const struct sl_sf_cfg *cfg, bool classic, const struct sl_task_env *env,
                            struct sl_err *err)
{
        struct sl_sf_shared *sh = &t->shared;
        t->cfg = *cfg;
        sl_sf_cfg_settle(&t->cfg, classic);
        sh->cfg = &t->cfg;
        sh->env = *env;
        sh->tolerant = strcmp(cfg->tolerance, "all") == 0;
        /* A batch is no larger than what a task with little memory can hold several of. */
        size_t most = env->memory_bytes / 8, raw = (size_t)t->cfg.buffer_bytes;
        sh->batch = (struct sl_sf_batch_opts){
                .pool = sl_sf_zpool_new(t->cfg.compression_level),
                .max_body = most < 3800000 ? most : 3800000,
                .max_rows = (uint64_t)t->cfg.buffer_records,
                .max_raw = raw,
        };
        sl_arena_init(&t->keep, 1024);
        open_metrics(t);
        struct sl_buf app = {0};
        sl_sf_connector_name(env->connector, &app);
        sh->app = sl_arena_strdup(&t->keep, sl_buf_cstr(&app));
        sl_buf_free(&app);
        SL_TRY(open_client(t, err));
        sh->dests = (struct sl_sf_dests){.cfg = &t->cfg, .client = sh->client, .account = sl_buf_cstr(&t->host), .tick = env->tick, .tick_arg = env->tick_arg};
        const struct sl_sf_names_opts names = {
                .map = t->cfg.topic_map, .regex_replacement = t->cfg.topic_map_regex, .sanitize = t->cfg.sanitize};
        return sl_sf_names_new(&names, &sh->dests.names, err);
}

static enum sl_rc sf_open(void *task, const void *cfg, const struct sl_task_env *env, struct sl_err *err)
{
        return open_task(task, cfg, false, env, err);
}

static enum sl_rc sf_open_classic(void *task, const void *cfg, const struct sl_task_env *env, struct sl_err *err)
{
        return open_task(task, cfg, true, env, err);
}

static enum sl_rc sf_assigned(void *task, const struct sl_tp_offset *parts, uint32_t n, struct sl_err *err)
{
        struct sf_task *t = task;
        (void)err;
        for (uint32_t i = 0; i < n; i++) {
                if (!sl_tp_replays(parts[i].tp)) {
                        add_part(t, &parts[i], parts[i].tp.topic);
                        continue;
                }
                t->replays = sl_realloc(t->replays, (t->replay_count + 1) * sizeof(*t->replays));
                t->replays[t->replay_count++] = (struct sl_tp_offset){.tp = parts[i].tp, .offset = parts[i].offset};
        }
        t->news = true;
        return SL_OK;
}

static void sf_revoked(void *task, const struct sl_tp *parts, uint32_t n, bool lost)
{
        struct sf_task *t = task;
        (void)lost; /* either way nothing more is sent */
        for (uint32_t i = 0; i < n; i++) {
                for (uint32_t k = t->count; k-- > 0;)
                        if (is_of(&t->parts[k], parts[i])) {
                                sl_sf_part_free(&t->parts[k], &t->shared);
                                t->parts[k] = t->parts[--t->count];
                        }
                for (uint32_t k = t->replay_count; k-- > 0;)
                        if (t->replays[k].tp.topic == parts[i].topic && t->replays[k].tp.partition == parts[i].partition)
                                t->replays[k] = t->replays[--t->replay_count];
        }
}

/* ---- work in the background ---- */

/* Note what is held; the partition whose batch has most. */
static struct sl_sf_part *weigh(struct sf_task *t)
{
        struct sl_sf_part *most = NULL;
        size_t max = 0;
        t->held = 0;
        for (uint32_t i = 0; i < t->count; i++) {
                struct sl_sf_part *p = &t->parts[i];
                size_t rows = p->batch && sl_sf_batch_rows(p->batch) && !p->cut ? sl_sf_batch_bytes(p->batch) : 0;
                t->held += sl_sf_part_held(p);
                if (rows > max) {
                        max = rows;
                        most = p;
                }
        }
        return most;
}

static size_t held_limit(const struct sf_task *t)
{
        return t->shared.env.memory_bytes / 2;
}

/* Too much is held: batches go out as they are until what stays will be little enough. */
static void keep_in_memory(struct sf_task *t)
{
        struct sl_sf_part *most = weigh(t);
        size_t held = t->held;
        while (most && held > held_limit(t)) {
                size_t n = sl_sf_part_held(most);
                most->cut = true;
                held = held > n ? held - n : 0;
                most = weigh(t);
        }
}

static void tell(struct sf_task *t)
{
        int64_t pending = 0, open = 0;
        if (!t->m_held)
                return;
        for (uint32_t i = 0; i < t->count; i++) {
                pending += t->parts[i].opened && sl_sf_part_pending(&t->parts[i]);
                open += t->parts[i].opened;
        }
        struct sl_sf_counts now = sl_sf_client_counts(t->shared.client);
        sl_metric_set(t->m_held, (int64_t)(t->held + sl_sf_zpool_bytes(t->shared.batch.pool)));
        sl_metric_set(t->m_pending, pending);
        sl_metric_set(t->m_channels, open);
        sl_metric_add(t->m_requests, (int64_t)(now.requests - t->told.requests));
        sl_metric_add(t->m_retries, (int64_t)(now.retries - t->told.retries));
        sl_metric_add(t->m_throttled, (int64_t)(now.throttled - t->told.throttled));
        t->told = now;
}

static enum sl_rc work(struct sf_task *t, struct sl_err *err)
{
        SL_TRY(sl_sf_client_work(t->shared.client, err));
        for (uint32_t i = 0; i < t->count; i++)
                SL_TRY(sl_sf_part_work(&t->parts[i], &t->shared, err));
        keep_in_memory(t);
        SL_TRY(sl_sf_client_work(t->shared.client, err)); /* what was begun just now */
        tell(t);
        return SL_OK;
}

/* Let the background move for at most ms. */
static enum sl_rc step(struct sf_task *t, int64_t ms, struct sl_err *err)
{
        struct sl_wait w = {.timeout_ms = ms < 0 ? 0 : (int)ms};
        sl_sf_client_wait(t->shared.client, &w);
        poll(w.fds, w.count, w.timeout_ms);
        SL_TRY(t->shared.env.tick(t->shared.env.tick_arg, err));
        return work(t, err);
}

/* Is something in the way of all of us, and for long enough to say so? */
static enum sl_rc trouble(struct sf_task *t, struct sl_err *err)
{
        const struct sl_err *why = sl_sf_client_trouble(t->shared.client);
        int64_t now = sl_mono_ms();
        if (!why) {
                t->trouble_ms = 0;
                return SL_OK;
        }
        if (!t->trouble_ms)
                t->trouble_ms = now;
        if (why->id != SL_E_SF_AUTH && now - t->trouble_ms < TROUBLE_MS)
                return SL_OK;
        *err = *why;
        return err->rc;
}

/* Fails as long as Snowflake doesn't let us in. A put that failed for it before gives it a moment to be over. */
static enum sl_rc check_trouble(struct sf_task *t, struct sl_err *err)
{
        int64_t until = sl_mono_ms() + LOOK_MS;
        struct sl_err why = {0};
        enum sl_rc rc = trouble(t, &why);
        while (rc == SL_TRANSIENT && t->troubled && sl_mono_ms() < until) {
                why = (struct sl_err){0};
                SL_TRY(step(t, STEP_MS, err));
                rc = trouble(t, &why);
        }
        t->troubled = rc == SL_TRANSIENT;
        if (rc != SL_OK && err && err->rc == SL_OK)
                *err = why;
        return rc;
}

/* ---- records ---- */

/* Tables, pipes and channels of partitions that came. */
static enum sl_rc prepare(struct sf_task *t, struct sl_err *err)
{
        for (uint32_t i = 0; i < t->count; i++)
                SL_TRY(sl_sf_part_prepare(&t->parts[i], &t->shared, err));
        t->news = false;
        return SL_OK;
}

/* Records came with the assignment itself, before the token is known: they wait for it here. */
static enum sl_rc await_open(struct sf_task *t, struct sl_tp tp, const char *origin, struct sl_err *err)
{
        int64_t until = sl_mono_ms() + OPEN_PATIENCE_MS;
        for (;;) {
                struct sl_sf_part *p = find(t, tp, origin);
                if (p->opened)
                        return SL_OK;
                if (sl_mono_ms() >= until) {
                        const struct sl_err *why = sl_sf_channel_error(p->channel);
                        if (why->rc != SL_OK)
                                *err = *why;
                        return why->rc != SL_OK ? why->rc
                                                : sl_fail(err, SL_E_SF_RETRY, "The channel of %s-%d is not open yet (%s)", tp.topic,
                                                          tp.partition, sl_sf_channel_state_name(sl_sf_channel_state(p->channel)));
                }
                SL_TRY(step(t, STEP_MS, err));
        }
}

/* The first record of a topic in a partition of the replay topic. NULL: it is none of that. */
static sl_cold struct sl_sf_part *replay_part(struct sf_task *t, struct sl_tp tp, const struct sl_record *rec, struct sl_err *err)
{
        for (uint32_t i = 0; rec->read && i < t->replay_count; i++) {
                if (t->replays[i].tp.topic != tp.topic || t->replays[i].tp.partition != tp.partition)
                        continue;
                add_part(t, &t->replays[i], rec->topic.ptr);
                if (sl_sf_part_prepare(&t->parts[t->count - 1], &t->shared, err) == SL_OK)
                        return &t->parts[t->count - 1];
                sl_sf_part_free(&t->parts[--t->count], &t->shared);
                return NULL;
        }
        return NULL;
}

static enum sl_rc put_records(struct sf_task *t, const struct sl_batch *batch, struct sl_err *err)
{
        for (uint32_t i = 0; i < batch->count; i++) {
                const struct sl_record *rec = &batch->records[i];
                struct sl_tp tp = {sl_read_topic(rec), sl_read_partition(rec)};
                struct sl_sf_part *p = find(t, tp, rec->topic.ptr);
                struct sl_err why = {0};
                if (sl_unlikely(!p))
                        p = replay_part(t, tp, rec, &why);
                if (why.rc != SL_OK) {
                        *err = why;
                        return why.rc;
                }
                if (!p)
                        return sl_fail(err, SL_E_CONFIG,
                                       "A record came under topic %.*s, which is not the topic it was read from: the Snowflake sink names "
                                       "channels by the topic read, so remove the transform that renames topics and use "
                                       "snowflake.topic2table.map",
                                       SL_FMT(rec->topic));
                if (sl_unlikely(!p->opened))
                        SL_TRY(await_open(t, tp, rec->topic.ptr, err));
                SL_TRY(sl_sf_part_put(p, &t->shared, rec, err));
        }
        return SL_OK;
}

static enum sl_rc put(struct sf_task *t, const struct sl_batch *batch, struct sl_err *err)
{
        t->shared.push_ms = sl_wall_ms();
        SL_TRY(prepare(t, err));
        SL_TRY(work(t, err));
        SL_TRY(check_trouble(t, err));
        t->shared.now_ms = sl_mono_ms();
        SL_TRY(put_records(t, batch, err));
        for (uint32_t i = 0; batch->count && t->cfg.cdc && i < t->shared.dests.count; i++)
                sl_sf_dest_current(&t->shared.dests, t->shared.dests.items[i]);
        return batch->count ? work(t, err) : SL_OK;
}

static enum sl_rc sf_put(void *task, const struct sl_batch *batch, struct sl_err *err)
{
        struct sf_task *t = task;
        struct sl_err why = {0};
        enum sl_rc rc = put(t, batch, &why);
        if (rc == SL_TRANSIENT && why.id == SL_E_SF_AUTH && t->cfg.fail_on_auth) {
                sl_err_prefix(&why, "ERROR_1005, as enable.task.fail.on.authorization.errors is true");
                why.scope = SL_SCOPE_TASK;
                rc = why.rc = SL_FATAL;
        }
        if (rc != SL_OK && err && err->rc == SL_OK)
                *err = why;
        return rc;
}

static enum sl_rc sf_flush(void *task, bool closing, struct sl_offsets *durable, struct sl_err *err)
{
        struct sf_task *t = task;
        (void)err;
        if (t->shared.proofs)
                t->proof_ms = sl_mono_ms();
        if (closing && !t->closing)
                sl_sf_client_poll_now(t->shared.client);
        t->closing = closing;
        for (uint32_t i = 0; i < t->count; i++) {
                struct sl_sf_part *p = &t->parts[i];
                uint32_t n = 0, before = 0;
                p->cut |= closing && p->batch && sl_sf_batch_rows(p->batch);
                while (before < i && !is_of(&t->parts[before], p->tp))
                        before++;
                if (before < i)
                        continue; /* flushed with the first of its partition */
                for (uint32_t k = i; k < t->count; k++)
                        if (k == i || (sl_tp_replays(p->tp) && is_of(&t->parts[k], p->tp)))
                                t->group[n++] = &t->parts[k];
                sl_sf_parts_flush(t->group, n, durable);
        }
        return SL_OK;
}

static void sf_committed(void *task, const struct sl_tp_offset *parts, uint32_t n)
{
        struct sf_task *t = task;
        for (uint32_t i = 0; i < n; i++)
                for (uint32_t k = 0; k < t->count; k++)
                        if (is_of(&t->parts[k], parts[i].tp))
                                sl_sf_part_committed(&t->parts[k], &t->shared);
}

static unsigned sf_needs(void *task)
{
        const struct sf_task *t = task;
        bool opening = false, pending = false;
        for (uint32_t i = 0; i < t->count; i++) {
                opening |= !t->parts[i].opened;
                pending |= t->parts[i].opened && sl_sf_part_pending(&t->parts[i]);
        }
        unsigned needs = 0;
        if (opening || t->troubled || t->held > held_limit(t))
                needs |= SL_SINK_FULL;
        if (t->shared.proofs && sl_mono_ms() - t->proof_ms >= PROOF_EVERY_MS)
                needs |= SL_SINK_COMMIT;
        if (pending && !t->troubled)
                needs |= SL_SINK_BUSY;
        return needs;
}

static void sf_wait(void *task, struct sl_wait *w)
{
        struct sf_task *t = task;
        int64_t now = sl_mono_ms();
        if (t->news)
                sl_wait_ms(w, 0);
        for (uint32_t i = 0; i < t->count; i++) {
                int64_t due = sl_sf_part_due(&t->parts[i], &t->shared);
                if (due != INT64_MAX)
                        sl_wait_ms(w, due - now);
        }
        if (t->shared.proofs)
                sl_wait_ms(w, t->proof_ms + PROOF_EVERY_MS - now);
        if (t->shared.client)
                sl_sf_client_wait(t->shared.client, w);
}

static void sf_close(void *task)
{
        struct sf_task *t = task;
        struct sl_sf_shared *sh = &t->shared;
        for (uint32_t i = 0; i < t->count; i++)
                sl_sf_part_free(&t->parts[i], sh);
        free(t->parts);
        free(t->group);
        free(t->replays);
        sl_sf_zpool_free(sh->batch.pool);
        sl_sf_dests_free(&sh->dests);
        sl_sf_names_free(sh->dests.names);
        sl_sf_client_stop(sh->client);
        sl_buf_free(&sh->line);
        sl_buf_free(&t->host);
        sl_arena_free(&t->keep);
        *t = (struct sf_task){0};
}

static void add_columns(const struct sl_sf_desc *desc, struct sl_buf *ret)
{
        sl_buf_adds(ret, desc->may_evolve ? "grows" : "stays");
        for (uint32_t i = 0; i < desc->count; i++) {
                const struct sl_sf_column *c = desc->columns[i];
                sl_buf_printf(ret, "\n%.*s\t%.*s%s", SL_FMT(c->name), SL_FMT(c->spelled), c->nullable || c->filled ? "" : " not null");
        }
}

static enum sl_rc shape(const void *cfg, bool classic, const struct sl_task_env *env, const char *topic, struct sl_buf *ret, struct sl_err *err)
{
        struct sf_task t = {0};
        struct sl_err why = {0};
        const struct sl_sf_desc *desc;
        enum sl_rc rc = open_task(&t, cfg, classic, env, &why);
        if (rc == SL_OK)
                rc = sl_sf_table_describe(sl_sf_dest_of(&t.shared.dests, topic)->table, true, &desc, &why);
        if (rc == SL_OK)
                add_columns(desc, ret);
        else if (why.id == SL_E_SF_MISSING)
                rc = SL_OK;
        else if (err)
                *err = why;
        sf_close(&t);
        return rc;
}

static enum sl_rc sf_shape(const void *cfg, const struct sl_task_env *env, const char *topic, struct sl_buf *ret, struct sl_err *err)
{
        return shape(cfg, false, env, topic, ret, err);
}

static enum sl_rc sf_shape_classic(const void *cfg, const struct sl_task_env *env, const char *topic, struct sl_buf *ret,
                                   struct sl_err *err)
{
        return shape(cfg, true, env, topic, ret, err);
}

static const char *const aliases[] = {"com.snowflake.kafka.connector.SnowflakeStreamingSinkConnector", NULL};
static const char *const classic_aliases[] = {"com.snowflake.kafka.connector.SnowflakeSinkConnector", NULL};

#define CALLS                                                                                                          \
        .version = SLUICE_VERSION, .config_size = sizeof(struct sl_sf_cfg), .task_size = sizeof(struct sf_task),       \
        .assigned = sf_assigned, .revoked = sf_revoked, .put = sf_put, .flush = sf_flush, .committed = sf_committed,   \
        .needs = sf_needs, .wait = sf_wait, .close = sf_close

const struct sl_sink_ops sl_snowflake_sink = {
        .name = "snowflake",
        .aliases = aliases,
        .config = sl_sf_defs,
        .check = sl_sf_check,
        .open = sf_open,
        .shape = sf_shape,
        CALLS,
};

const struct sl_sink_ops sl_snowflake_classic_sink = {
        .name = "snowflake-v3",
        .aliases = classic_aliases,
        .config = sl_sf_classic_defs,
        .check = sl_sf_classic_check,
        .open = sf_open_classic,
        .shape = sf_shape_classic,
        CALLS,
};
