/* SPDX-License-Identifier: Apache-2.0 */
/* The Postgres source: what Debezium's PostgresConnector 3.6.1 does with pgoutput. This file holds the calls of the
 * core; the work is in check.c (validation), setup.c (start), snapplan.c, snapshot.c, stream.c, backlog.c and line.c (messages ->
 * records and positions).
 * Snapshots on demand, signals and notifications: incremental.h. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "connectors/postgres/incremental.h"
#include "connectors/postgres/publication.h"
#include "connectors/postgres/slot.h"

/* Positions without records are handed out so often: each is a Kafka transaction, and frees WAL by whole segments of 16 MB. */
#define MOVE_BYTES (16 << 20)
#define MOVE_MS 60000


static const char *prefix_of(const struct sl_pg_cfg *cfg, const char *connector)
{
        return cfg->prefix && *cfg->prefix ? cfg->prefix : connector;
}

/* ---- check ---- */

static void check_regexes(const char *key, const char *text, struct sl_cfg_report *r)
{
        struct sl_err err = {0};
        if (text && sl_pg_regexes_check(text, &err) != SL_OK)
                sl_cfg_add_error(r, key, "Invalid value %s for configuration %s: %s", text, key, err.msg);
}

static void check_pair(const char *in_key, const char *in, const char *out_key, const char *out,
                       struct sl_cfg_report *r)
{
        if (in && out)
                sl_cfg_add_error(r, out_key, "The '%s' value is invalid: \"%s\" is already specified", out_key, in_key);
        check_regexes(in_key, in, r);
        check_regexes(out_key, out, r);
}

static void check_names(const struct sl_pg_cfg *cfg, const char *connector, struct sl_cfg_report *r)
{
        const char *prefix = prefix_of(cfg, connector), *p;
        if (!cfg->prefix || !*cfg->prefix)
                sl_cfg_add_warning(r, "topic.prefix", "topic.prefix is not set: the connector's name %s is used",
                                   connector);
        for (p = prefix; p && *p && (isalnum((unsigned char)*p) || strchr("._-", *p)); p++)
                ;
        if (p && *p)
                sl_cfg_add_error(r, "topic.prefix",
                                 "The 'topic.prefix' value is invalid: %s has invalid format (only the underscore, "
                                 "hyphen, dot and alphanumeric characters are allowed)",
                                 prefix);
        size_t len = cfg->slot ? strlen(cfg->slot) : 0;
        if (len < 1 || len > 63 || strspn(cfg->slot, "abcdefghijklmnopqrstuvwxyz0123456789_") != len)
                sl_cfg_add_error(r, "slot.name",
                                 "The 'slot.name' value is invalid: Valid replication slot name must contain only "
                                 "digits, lowercase characters and underscores with length <= 63");
        if (cfg->publication && strlen(cfg->publication) > 63)
                sl_cfg_add_error(r, "publication.name", "A publication's name has at most 63 bytes");
        for (uint32_t i = 0; i < cfg->skipped.count; i++) {
                const char *op = cfg->skipped.items[i];
                bool known = strcmp(op, "none") == 0 || (strlen(op) == 1 && strchr("cudt", *op));
                if (!known)
                        sl_cfg_add_error(r, "skipped.operations",
                                         "The 'skipped.operations' value is invalid: Invalid operation: %s "
                                         "(use c, u, d, t or none)",
                                         op);
        }
}

static void check_on_demand(const struct sl_pg_cfg *cfg, struct sl_cfg_report *r)
{
        bool sink = false;
        if (cfg->signal_table && !strchr(cfg->signal_table, '.'))
                sl_cfg_add_error(r, "signal.data.collection", "Invalid value %s for configuration signal.data.collection: write it as "
                                 "schema.table", cfg->signal_table);
        for (uint32_t i = 0; i < cfg->signal_channels.count; i++) {
                const char *name = cfg->signal_channels.items[i];
                if (strcmp(name, "source") != 0 && strcmp(name, "file") != 0)
                        sl_cfg_add_error(r, "signal.enabled.channels",
                                         "Signals of the channel %s are not read here: use source (signal.data.collection) or file "
                                         "(signal.file)", name);
        }
        for (uint32_t i = 0; i < cfg->notify_channels.count; i++) {
                const char *name = cfg->notify_channels.items[i];
                sink |= strcmp(name, "sink") == 0;
                if (strcmp(name, "jmx") == 0)
                        sl_cfg_add_warning(r, "notification.enabled.channels", "There is no JMX here: jmx has no effect");
                else if (strcmp(name, "sink") != 0 && strcmp(name, "log") != 0)
                        sl_cfg_add_error(r, "notification.enabled.channels", "There is no notification channel %s: use sink or log",
                                         name);
        }
        if (sink && !cfg->notify_topic)
                sl_cfg_add_error(r, "notification.sink.topic.name",
                                 "Notification topic name must be provided when the sink notification channel is enabled");
}

static void check_identities(const struct sl_pg_cfg *cfg, struct sl_cfg_report *r)
{
        for (const char *text = cfg->replica_identity; text && *text;) {
                struct sl_pg_identity_rule rule;
                if (sl_pg_identity_item(&text, &rule)) {
                        check_regexes("replica.identity.autoset.values", rule.tables, r);
                        continue;
                }
                sl_cfg_add_error(r, "replica.identity.autoset.values",
                                 "The 'replica.identity.autoset.values' value is invalid: each item must be <regular "
                                 "expression of schema.table>:<DEFAULT, FULL, NOTHING or INDEX name>");
                return;
        }
}

/* Add why a part of the configuration can't be opened to a key. */
static void check_part(const char *key, const struct sl_pg_cfg *part, struct sl_cfg_report *r)
{
        struct sl_pg_filter f = {0};
        struct sl_err err = {0};
        if (sl_pg_filter_open(&f, part, &err) != SL_OK)
                sl_cfg_add_error(r, key, "The '%s' value is invalid: %s", key, err.msg);
        sl_pg_filter_free(&f);
}

static void check_columns(const struct sl_pg_cfg *cfg, struct sl_cfg_report *r)
{
        const struct sl_cfg_list *lists[] = {&cfg->masks, &cfg->truncates};
        for (size_t k = 0; k < 2; k++) {
                for (uint32_t i = 0; i + 1 < lists[k]->count; i += 2) {
                        struct sl_pg_cfg one = {.masks = {lists[k]->items + i, 2}};
                        check_part(sl_pg_mapper_key(lists[k]->items[i], &r->arena), &one, r);
                }
        }
        check_regexes("column.propagate.source.type", cfg->propagate, r);
        check_regexes("datatype.propagate.source.type", cfg->propagate_types, r);
        struct sl_pg_cfg keys = {.key_columns = cfg->key_columns};
        if (cfg->key_columns && !*cfg->key_columns)
                sl_cfg_add_error(r, "message.key.columns",
                                 "The 'message.key.columns' value is invalid: Must not be empty");
        check_part("message.key.columns", &keys, r);
}

static bool blank(const char *s)
{
        return !s || strspn(s, " \t") == strlen(s);
}

static void check_naming(const struct sl_pg_cfg *cfg, struct sl_cfg_report *r)
{
        if (!(cfg->naming & SL_PG_NAME_REGEX))
                return;
        if (blank(cfg->topic_regex))
                sl_cfg_add_error(r, "topic.regex", "The 'topic.regex' value is invalid: A value is required");
        if (blank(cfg->topic_replacement))
                sl_cfg_add_error(r, "topic.replacement",
                                 "The 'topic.replacement' value is invalid: A value is required");
        if (!blank(cfg->key_field_regex) && blank(cfg->key_field_replacement))
                sl_cfg_add_error(r, "topic.key.field.replacement",
                                 "The 'topic.key.field.replacement' value is invalid: topic.key.field.replacement must "
                                 "be non-empty if topic.key.field.regex is set.");
        struct sl_pg_cfg part = {.naming = cfg->naming,
                                 .topic_regex = cfg->topic_regex,
                                 .topic_replacement = cfg->topic_replacement,
                                 .key_field_regex = cfg->key_field_regex,
                                 .key_field_replacement = cfg->key_field_replacement};
        if (!blank(cfg->topic_regex) && !blank(cfg->topic_replacement))
                check_part("topic.regex", &part, r);
}

static void check_overrides(const struct sl_pg_cfg *cfg, struct sl_cfg_report *r)
{
        for (uint32_t i = 0; i < cfg->overrides.count; i++)
                if (!sl_pg_override_sql(cfg, cfg->overrides.items[i]))
                        sl_cfg_add_warning(r, "snapshot.select.statement.overrides",
                                           "snapshot.select.statement.overrides.%s is not set: the whole table is read",
                                           cfg->overrides.items[i]);
}

static void pg_check(const void *config, const char *connector, struct sl_cfg_report *r)
{
        const struct sl_pg_cfg *cfg = config;
        static const char *const needed[] = {"database.hostname", "database.port",   "database.user",
                                             "database.password", "database.dbname", "database.sslmode"};
        check_names(cfg, connector, r);
        check_pair("schema.include.list", cfg->schema_include, "schema.exclude.list", cfg->schema_exclude, r);
        check_pair("table.include.list", cfg->table_include, "table.exclude.list", cfg->table_exclude, r);
        check_pair("column.include.list", cfg->column_include, "column.exclude.list", cfg->column_exclude, r);
        check_pair("message.prefix.include.list", cfg->message_include, "message.prefix.exclude.list", cfg->message_exclude,
                   r);
        check_regexes("snapshot.include.collection.list", cfg->snapshot_include, r);
        check_columns(cfg, r);
        check_naming(cfg, r);
        check_identities(cfg, r);
        check_on_demand(cfg, r);
        check_overrides(cfg, r);
        if (cfg->heartbeat_query && !cfg->heartbeat_ms)
                sl_cfg_add_warning(r, "heartbeat.action.query",
                                   "heartbeat.interval.ms is 0, so the query is never run");
        for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
                if (sl_cfg_has_error(r, needed[i]))
                        return;
        if (cfg->hostname && cfg->user && cfg->dbname)
                sl_pg_check_server(cfg, connector, r);
}

static enum sl_rc pg_partition(const void *config, const char *connector, struct sl_buf *out, struct sl_err *err)
{
        const char *prefix = prefix_of(config, connector);
        (void)err;
        sl_buf_adds(out, "{\"server\":");
        sl_buf_add_json_str(out, prefix, strlen(prefix));
        sl_buf_addc(out, '}');
        return SL_OK;
}

/* ---- life ---- */

static enum sl_rc before_catalog(void *arg, struct sl_err *err)
{
        return sl_pg_ctl_drain(arg, err);
}

/* guardrail.collections.max, before a slot is made. */
static enum sl_rc guard(struct sl_pg_task *t, struct sl_err *err)
{
        struct sl_pg_table *tables;
        uint32_t n = 0;
        PGconn *conn = NULL;
        if (t->cfg->guard_max <= 0)
                return SL_OK;
        enum sl_rc rc = sl_pg_connect(&t->who, false, 10000, &conn, err);
        if (rc == SL_OK)
                rc = sl_pg_tables(conn, &t->who, &t->filter, &t->arena, &tables, &n, err);
        PQfinish(conn);
        if (rc != SL_OK || n <= (uint32_t)t->cfg->guard_max)
                return rc;
        if (t->cfg->guard_fails)
                return sl_fail(err, SL_E_PG_SETUP,
                               SL_PG_GUARD_TEXT " Narrow table.include.list, or raise guardrail.collections.max", n,
                               t->cfg->guard_max);
        sl_warn(SL_PG_GUARD_TEXT, n, t->cfg->guard_max);
        return SL_OK;
}

static enum sl_rc pg_open(void *task, const void *config, const struct sl_task_env *env, const char *offset_json,
                          struct sl_err *err)
{
        struct sl_pg_task *t = task;
        t->cfg = config;
        t->env = env;
        t->who = (struct sl_pg_who){.cfg = t->cfg, .connector = env->connector, .stop = env->stop};
        t->prefix = prefix_of(t->cfg, env->connector);
        t->opened = true;
        sl_arena_init(&t->arena, 16 * 1024);
        sl_pg_types_init(&t->types, t->cfg);
        t->types.lookup = sl_pg_relation_type_lookup;
        t->types.arg = &t->rels;
        t->rels = (struct sl_pg_relations){.cfg = t->cfg,
                                           .prefix = t->prefix,
                                           .filter = &t->filter,
                                           .types = &t->types,
                                           .who = &t->who,
                                           .catalog = &t->ctl};
        sl_pg_relations_init(&t->rels);
        sl_pg_emit_init(&t->emit, &t->rels, env->task, &t->arena);
        if (t->cfg->tx_metadata) {
                sl_pg_tx_init(&t->tx, t->cfg, t->prefix, &t->arena);
                t->emit.tx = &t->tx;
        }
        t->line = sl_calloc(1, sizeof(*t->line));
        t->line->rels = &t->rels;
        t->line->emit = &t->emit;
        t->line->life = &t->arena;
        t->line->before_catalog = before_catalog;
        t->line->dead_letters = env->dead_letters;
        t->line->arg = t;
        t->line->msg.old_row.cols = t->line->cols[0];
        t->line->msg.new_row.cols = t->line->cols[1];
        t->handed_ms = t->heartbeat_ms = sl_mono_ms();
        t->m_lag = sl_metric_get(SL_GAUGE, "sluice_source_lag_bytes",
                                 "WAL between what the slot has been told and the server's end of WAL.", env->metric_labels);
        sl_pg_watch_open(t);
        SL_TRY(sl_pg_filter_open(&t->filter, t->cfg, err));
        SL_TRY(guard(t, err));
        SL_TRY(sl_pg_incr_open(t, offset_json, err));
        SL_TRY(sl_pg_setup(t, offset_json, err));
        if (t->cfg->heartbeat_ms && t->cfg->heartbeat_query)
                SL_TRY(sl_pg_connect(&t->who, false, 10000, &t->hb, err));
        return SL_OK;
}

/* ---- heartbeat ---- */

static enum sl_rc poll_query(struct sl_pg_task *t, struct sl_err *err)
{
        if (!t->hb_busy)
                return SL_OK;
        if (PQflush(t->hb) < 0 || !PQconsumeInput(t->hb))
                return sl_pg_fail(err, t->hb, NULL, "the connection of heartbeat.action.query broke off");
        while (!PQisBusy(t->hb)) {
                sl_auto_pgresult *res = PQgetResult(t->hb);
                if (!res) {
                        t->hb_busy = false;
                        return SL_OK;
                }
                const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
                if (!state)
                        continue;
                if (strcmp(state, "57P01") == 0 || strcmp(state, "42P01") == 0 || strcmp(state, "57P03") == 0)
                        return sl_pg_fail(err, t->hb, res, "heartbeat.action.query failed");
                sl_debug("heartbeat.action.query failed sqlstate=%s", state);
        }
        return SL_OK;
}

static enum sl_rc heartbeat(struct sl_pg_task *t, struct sl_batch *b, struct sl_err *err)
{
        int64_t now = sl_mono_ms();
        if (!t->cfg->heartbeat_ms || t->mode == SL_PG_M_SNAPSHOT)
                return SL_OK;
        SL_TRY(poll_query(t, err));
        if (now - t->heartbeat_ms < t->cfg->heartbeat_ms)
                return SL_OK;
        t->heartbeat_ms = now;
        sl_pg_emit_heartbeat(&t->emit, b);
        if (!t->hb || t->hb_busy)
                return SL_OK;
        if (!PQsendQuery(t->hb, t->cfg->heartbeat_query))
                return sl_pg_fail(err, t->hb, NULL, "the connection of heartbeat.action.query broke off");
        t->hb_busy = true;
        return poll_query(t, err);
}

/* ---- reading ---- */

/* Give the batch its position. Without records it moves only now and then, so that filtered traffic costs no offsets.
 */
static void hand_out(struct sl_pg_task *t, struct sl_batch *b)
{
        struct sl_position pos;
        bool boundary;
        if (t->incr->blocking) /* the signal is not done before its snapshot is */
                return;
        if (t->mode == SL_PG_M_SNAPSHOT) {
                b->has_position = b->keep_open = b->count && sl_pg_snapshot_position(t, &b->position);
                return;
        }
        if ((!b->count && !t->line->moved && !t->must_hand) ||
            !sl_pg_line_position(t->line, &pos, &boundary))
                return;
        pos.w[SL_PG_W_INCR] = sl_pg_incr_seq(t);
        int64_t now = sl_mono_ms();
        bool was_inside = t->handed.w[SL_PG_W_COMMIT] != 0;
        uint64_t moved = pos.w[SL_PG_W_DONE] - t->handed.w[SL_PG_W_DONE];
        bool due = b->count || t->must_hand || (boundary && was_inside) ||
                   (!t->unacked && boundary && (moved >= MOVE_BYTES || now - t->handed_ms >= MOVE_MS));
        if (!due)
                return;
        b->has_position = true;
        b->boundary = boundary;
        b->position = pos;
        t->handed = pos;
        t->handed_ms = now;
        t->unacked = true;
        t->must_hand = t->line->moved = false;
}

/* What the server keeps for us, as far as we know how long its WAL is: asked for while busy, told by keepalives otherwise. */
static void note_lag(struct sl_pg_task *t)
{
        uint64_t end = t->wal_lsn > t->line->done_lsn ? t->wal_lsn : t->line->done_lsn;
        sl_metric_set(t->m_lag, end > t->flush_lsn ? (int64_t)(end - t->flush_lsn) : 0);
}

/* The changes, or a snapshot in their place. */
static enum sl_rc read_on(struct sl_pg_task *t, struct sl_batch *out, bool *ret_more, struct sl_err *err)
{
        if (t->mode == SL_PG_M_BACKLOG || t->mode == SL_PG_M_STREAM)
                SL_TRY(sl_pg_ctl_xmin(t, err));
        switch (t->mode) {
        case SL_PG_M_SNAPSHOT:
                return sl_pg_snapshot_poll(t, out, ret_more, err);
        case SL_PG_M_BACKLOG:
                out->behind = true;
                return sl_pg_backlog_poll(t, out, ret_more, err);
        case SL_PG_M_STREAM:
                return sl_pg_stream_poll(t, out, ret_more, err);
        case SL_PG_M_IDLE:
                SL_TRY(sl_pg_snapshot_follow(t, err));
                break;
        }
        return SL_OK;
}

/* Snapshots on demand, beside the stream or (blocking) in its place. */
static enum sl_rc on_demand(struct sl_pg_task *t, struct sl_batch *out, bool *ret_more, struct sl_err *err)
{
        struct sl_pg_incr *in = t->incr;
        struct sl_position pos;
        bool boundary;
        if (t->mode != SL_PG_M_STREAM && t->mode != SL_PG_M_BACKLOG)
                return SL_OK;
        if (in->blocking == SL_PG_BLOCK_RUNNING) {
                in->blocking = SL_PG_BLOCK_NONE; /* it is over */
                t->must_hand = true;
        }
        SL_TRY(sl_pg_incr_poll(t, out, ret_more, err));
        if (in->blocking != SL_PG_BLOCK_WANTED)
                return SL_OK;
        out->end_at_boundary = true;
        if (!sl_pg_line_position(t->line, &pos, &boundary) || !boundary || t->line->inside)
                return SL_OK;
        *ret_more = true;
        return sl_pg_blocking_start(t, err);
}

static enum sl_rc read_changes(struct sl_pg_task *t, struct sl_batch *out, bool *ret_more, struct sl_err *err)
{
        bool more = false;
        *ret_more = false;
        t->emit.now_ns = sl_wall_ns();
        if (t->st.spool)
                sl_pg_spool_tidy(t->st.spool); /* the batch is empty */
        SL_TRY(on_demand(t, out, &more, err));
        sl_pg_notify_initial(t, out);
        if (!sl_pg_incr_holds(t))
                SL_TRY(read_on(t, out, ret_more, err));
        else if (t->mode == SL_PG_M_STREAM)
                SL_TRY(sl_pg_stream_feedback(t, err));
        sl_pg_notify_initial(t, out);
        *ret_more |= more;
        SL_TRY(heartbeat(t, out, err));
        hand_out(t, out);
        note_lag(t);
        return sl_pg_watch_poll(t, err);
}

static enum sl_rc pg_poll(void *task, struct sl_batch *out, bool *ret_more, struct sl_err *err)
{
        struct sl_pg_task *t = task;
        enum sl_rc rc = read_changes(t, out, ret_more, err);
        return sl_likely(rc == SL_OK) ? rc : sl_pg_slot_explain(t, rc, err);
}

static enum sl_rc keep_alive(struct sl_pg_task *t, struct sl_err *err)
{
        SL_TRY(sl_pg_watch_poll(t, err));
        if (t->mode == SL_PG_M_BACKLOG)
                return sl_pg_backlog_acked(t, err);
        if (t->mode != SL_PG_M_STREAM)
                return SL_OK;
        /* The server's wish for an answer lies behind rows we may not read now: answer unasked. */
        if (sl_mono_ms() - t->st.sent_ms >= 1000)
                t->st.reply = true;
        return sl_pg_stream_feedback(t, err);
}

static enum sl_rc pg_serve(void *task, struct sl_err *err)
{
        enum sl_rc rc = keep_alive(task, err);
        return rc == SL_OK ? rc : sl_pg_slot_explain(task, rc, err);
}

static void pg_wait(void *task, struct sl_wait *w)
{
        struct sl_pg_task *t = task;
        int64_t now = sl_mono_ms();
        if (t->mode == SL_PG_M_STREAM && !sl_pg_incr_holds(t))
                sl_pg_stream_wait(t, w);
        if (t->mode == SL_PG_M_STREAM || t->mode == SL_PG_M_BACKLOG)
                sl_pg_incr_wait(t, w);
        if (t->mode == SL_PG_M_SNAPSHOT)
                sl_pg_snapshot_wait(t, w);
        if (t->ctl_state != SL_PG_CTL_IDLE)
                sl_wait_fd(w, PQsocket(t->ctl), POLLIN);
        if (t->hb_busy)
                sl_wait_fd(w, PQsocket(t->hb), POLLIN);
        if (t->mode == SL_PG_M_BACKLOG) {
                sl_pg_backlog_wait(t, w);
                sl_wait_ms(w, 1000);
        }
        sl_pg_watch_wait(t, w);
        if (t->mode == SL_PG_M_IDLE && t->sn.follow_ms)
                sl_wait_ms(w, t->sn.follow_ms - now);
        if (t->cfg->heartbeat_ms)
                sl_wait_ms(w, t->heartbeat_ms + t->cfg->heartbeat_ms - now);
        if (t->xmin_at_ms)
                sl_wait_ms(w, t->xmin_at_ms - now);
        if (t->line->moved && !t->unacked && !t->line->inside && !t->line->txn_lsn && !t->line->foreign_lsn)
                sl_wait_ms(w, t->handed_ms + MOVE_MS - now);
}

static enum sl_rc pg_offset(void *task, const struct sl_position *pos, struct sl_buf *out, struct sl_err *err)
{
        const struct sl_pg_task *t = task;
        (void)err;
        sl_pg_offset_write(pos, &t->server, out);
        sl_pg_incr_offset(task, pos->w[SL_PG_W_INCR], out);
        return SL_OK;
}

static enum sl_rc pg_acked(void *task, const struct sl_position *pos, struct sl_err *err)
{
        struct sl_pg_task *t = task;
        if (pos->w[SL_PG_W_DONE] > t->flush_lsn)
                t->flush_lsn = pos->w[SL_PG_W_DONE];
        sl_pg_incr_acked(t, pos->w[SL_PG_W_INCR]);
        if (memcmp(pos, &t->handed, sizeof(*pos)) == 0)
                t->unacked = false;
        enum sl_rc rc = t->mode == SL_PG_M_BACKLOG  ? sl_pg_backlog_acked(t, err)
                        : t->mode == SL_PG_M_STREAM ? sl_pg_stream_feedback(t, err)
                                                    : SL_OK;
        return rc == SL_OK ? rc : sl_pg_slot_explain(t, rc, err);
}

/* A pgoutput message, not a line of COPY: its second word is the relation's oid, or the number of relations. */
static bool is_message(const struct sl_pg_relation *rel, struct sl_str raw)
{
        struct sl_cur c = sl_cur_of(raw.ptr, raw.len);
        char kind = (char)sl_cur_u8(&c);
        uint32_t word = sl_cur_u32(&c);
        if (!rel->oid)
                return true; /* a logical decoding message */
        return !c.bad && (kind == 'T' ? word <= INT32_MAX >> 8 : strchr("IUD", kind) && word == rel->oid);
}

/* For dead letters: what the raw bytes are, and the relation that they need to be read again. */
static void pg_origin(void *task, const struct sl_record *rec, sl_origin_add *add, void *arg)
{
        const struct sl_pg_task *t = task;
        const struct sl_pg_relation *rel = rec->origin;
        if (!rel)
                return; /* a heartbeat, or transaction metadata */
        struct sl_buf b = {0};
        char lsn[24];
        bool copied = !is_message(rel, rec->raw_value);
        add(arg, "format", copied ? SL_STR("copy") : SL_STR("pgoutput"));
        add(arg, "database", sl_str_c(t->cfg->dbname));
        sl_buf_printf(&b, "%s.%s", rel->schema, rel->table);
        if (rel->oid)
                add(arg, "table", (struct sl_str){b.ptr, b.len});
        add(arg, "lsn", sl_str_c(sl_pg_lsn_text(lsn, rec->origin_pos)));
        if (!copied)
                add(arg, "op", (struct sl_str){rec->raw_value.ptr, 1});
        sl_buf_clear(&b);
        for (uint32_t i = 0; i < rel->n; i++) {
                sl_buf_adds(&b, i ? ",{\"name\":" : "[{\"name\":");
                sl_buf_add_json_str(&b, rel->cols[i].name, strlen(rel->cols[i].name));
                sl_buf_printf(&b, ",\"type\":%u,\"typmod\":%d}", rel->cols[i].type, rel->cols[i].typmod);
        }
        sl_buf_adds(&b, rel->n ? "]" : "[]");
        add(arg, "columns", (struct sl_str){b.ptr, b.len});
        sl_buf_free(&b);
}

static void pg_close(void *task)
{
        struct sl_pg_task *t = task;
        if (!t->opened)
                return;
        struct sl_err ignored = {0};
        t->st.reply = true; /* the last word on the slot's position */
        if (t->mode == SL_PG_M_STREAM && t->repl && sl_pg_stream_feedback(t, &ignored) != SL_OK)
                sl_debug("last feedback failed");
        sl_pg_snapshot_close(t);
        sl_pg_backlog_close(t);
        sl_pg_incr_close(t);
        sl_pg_stream_close(t);
        sl_pg_spool_free(t->st.spool);
        if (t->hb)
                PQfinish(t->hb);
        if (t->ctl && t->cfg->slot_drop && t->env->stop && atomic_load(t->env->stop))
                sl_pg_drop_slot(t);
        if (t->ctl)
                PQfinish(t->ctl);
        sl_pg_relations_free(&t->rels);
        sl_pg_tx_free(&t->tx);
        sl_pg_types_free(&t->types);
        sl_pg_filter_free(&t->filter);
        sl_arena_free(&t->arena);
        free(t->line);
        *t = (struct sl_pg_task){0};
}

/* The position in the slot stays where it is: Postgres sends nothing from before it, whatever offset is stored. */
static enum sl_rc pg_check_offset(const void *cfg, const char *connector, const char *partition, const char *offset,
                                  struct sl_err *err)
{
        struct sl_pg_offset parsed;
        struct sl_buf own = {0};
        sl_auto_json *given = NULL, *mine = NULL;
        if (!offset)
                return SL_OK;
        enum sl_rc rc = pg_partition(cfg, connector, &own, err);
        if (rc == SL_OK)
                rc = sl_json_parse((struct sl_str){sl_buf_cstr(&own), own.len}, &mine, err);
        if (rc == SL_OK && partition)
                rc = sl_json_parse(sl_str_c(partition), &given, err);
        if (rc == SL_OK && !(given && json_equal(given, mine)))
                rc = sl_fail(err, SL_E_CONFIG,
                             "This connector never reads an offset of the partition %.200s: its own is %.200s",
                             partition ? partition : "null", sl_buf_cstr(&own));
        sl_buf_free(&own);
        SL_TRY(rc);
        return sl_pg_offset_read(offset, &parsed, err);
}

static const char *const aliases[] = {"io.debezium.connector.postgresql.PostgresConnector", NULL};

extern const struct sl_source_ops sl_pg_source;
const struct sl_source_ops sl_pg_source = {
        .name = "postgres",
        .aliases = aliases,
        .version = SL_DEBEZIUM_COMPATIBLE,
        .config = sl_pg_config,
        .config_size = sizeof(struct sl_pg_cfg),
        .task_size = sizeof(struct sl_pg_task),
        .check = pg_check,
        .partition = pg_partition,
        .open = pg_open,
        .poll = pg_poll,
        .serve = pg_serve,
        .wait = pg_wait,
        .offset = pg_offset,
        .acked = pg_acked,
        .close = pg_close,
        .check_offset = pg_check_offset,
        .own_boundaries = true,
        .origin = pg_origin,
};
