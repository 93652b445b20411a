/* SPDX-License-Identifier: Apache-2.0 */
/* Incremental snapshots: what signals do to them (begin, stop, pause), which relations are watched, and their life in a
 * task. The chunks are in incremental.c. */
#include <stdlib.h>
#include "base/clock.h"
#include "base/log.h"
#include "connectors/postgres/incremental.h"

void sl_pg_incr_hang_up(struct sl_pg_incr *in)
{
        if (in->conn)
                PQfinish(in->conn);
        in->conn = NULL;
}

void sl_pg_incr_bound(void *task, struct sl_pg_relation *rel)
{
        const struct sl_pg_incr *in = ((struct sl_pg_task *)task)->incr;
        rel->watched = (in->rel && in->rel->oid == rel->oid) ||
                       (in->sig_table && strcmp(rel->table, in->sig_table) == 0 && strcmp(rel->schema, in->sig_schema) == 0);
}

void sl_pg_incr_unwatch(struct sl_pg_task *t)
{
        struct sl_pg_relation *rel = t->incr->rel ? sl_pg_relation_find(&t->rels, t->incr->rel->oid) : NULL;
        t->incr->rel = NULL;
        if (rel)
                sl_pg_incr_bound(t, rel);
}

/* ---- what signals ask for ---- */

static void announce(struct sl_pg_task *t, struct sl_batch *b, const char *type, const char *names)
{
        const struct sl_pg_pair pairs[] = {{"data_collections", names}};
        sl_pg_notify(t, b, SL_PG_INCREMENTAL, type, t->incr->correlation, pairs, 1);
}

static void announce_all(struct sl_pg_task *t, struct sl_batch *b, const char *type)
{
        char *names = sl_pg_collections_text(t->incr->list, t->incr->count);
        announce(t, b, type, names);
        free(names);
}

void sl_pg_incr_add(struct sl_pg_task *t, struct sl_batch *b, const char *id, struct sl_pg_collection *items, uint32_t n)
{
        struct sl_pg_incr *in = t->incr;
        bool first = in->count == 0;
        if (in->count + n > in->cap) {
                in->cap = in->count + n;
                in->list = sl_realloc(in->list, in->cap * sizeof(*in->list));
        }
        memcpy(in->list + in->count, items, n * sizeof(*items));
        in->count += n;
        free(in->correlation);
        in->correlation = sl_strdup(id);
        in->dirty = true;
        t->must_hand = true;
        if (first)
                announce_all(t, b, "STARTED");
}

void sl_pg_incr_pause(struct sl_pg_task *t, struct sl_batch *b, bool pause)
{
        struct sl_pg_incr *in = t->incr;
        if (in->count == 0 || in->paused == pause)
                return;
        in->paused = pause;
        in->dirty = true;
        t->must_hand = true;
        sl_info("incremental snapshot %s", pause ? "paused" : "goes on");
        announce_all(t, b, pause ? "PAUSED" : "RESUMED");
}

static bool named(const struct sl_pg_collection *c, const char *const *names, uint32_t n)
{
        char *name = sl_pg_collections_text(c, 1);
        bool hit = n == 0;
        for (uint32_t i = 0; i < n && !hit; i++)
                hit = strcmp(names[i], name) == 0;
        free(name);
        return hit;
}

void sl_pg_incr_stop(struct sl_pg_task *t, struct sl_batch *b, const char *const *names, uint32_t n)
{
        struct sl_pg_incr *in = t->incr;
        struct sl_buf stopped = {0};
        if (in->count == 0) {
                sl_warn("stop-snapshot: no incremental snapshot is running");
                return;
        }
        for (uint32_t i = in->count; i-- > 1;) {
                if (!named(&in->list[i], names, n))
                        continue;
                sl_buf_printf(&stopped, "%s%s.%s", stopped.len ? "," : "", in->list[i].schema, in->list[i].table);
                sl_pg_collection_free(&in->list[i]);
                memmove(in->list + i, in->list + i + 1, (--in->count - i) * sizeof(*in->list));
                in->dirty = true;
        }
        bool current = named(&in->list[0], names, n), over = current && in->count == 1;
        if (current)
                sl_buf_printf(&stopped, "%s%s.%s", stopped.len ? "," : "", in->list[0].schema, in->list[0].table);
        if (stopped.len) {
                sl_info("incremental snapshot of %s stopped", sl_buf_cstr(&stopped));
                announce(t, b, "ABORTED", sl_buf_cstr(&stopped));
        } else {
                sl_warn("stop-snapshot: none of these tables is in the running snapshot");
        }
        if (current) {
                sl_pg_incr_hang_up(in);
                sl_pg_incr_unwatch(t);
                in->release = true; /* b may point into the rows */
                in->state = SL_PG_IN_IDLE;
                sl_pg_incstate_next(in);
        }
        t->must_hand |= stopped.len > 0 || over;
        sl_buf_free(&stopped);
}

/* ---- life ---- */

static bool channel(const struct sl_pg_cfg *cfg, const char *name)
{
        for (uint32_t i = 0; i < cfg->signal_channels.count; i++)
                if (strcmp(cfg->signal_channels.items[i], name) == 0)
                        return true;
        return false;
}

enum sl_rc sl_pg_incr_open(struct sl_pg_task *t, const char *offset_json, struct sl_err *err)
{
        struct sl_pg_incr *in = t->incr = sl_calloc(1, sizeof(*in));
        const struct sl_pg_cfg *cfg = t->cfg;
        const char *dot = cfg->signal_table ? strchr(cfg->signal_table, '.') : NULL;
        sl_arena_init(&in->keys, 1024);
        sl_batch_init(&in->rows, 0, 0);
        in->rels = (struct sl_pg_relations){.cfg = cfg,
                                            .prefix = t->prefix,
                                            .filter = &t->filter,
                                            .types = &t->types,
                                            .who = &t->who,
                                            .catalog = &t->ctl};
        sl_pg_relations_init(&in->rels);
        sl_pg_notify_init(t);
        if (cfg->signal_table && !dot)
                return sl_fail(err, SL_E_CONFIG, "signal.data.collection is %s: write it as schema.table", cfg->signal_table);
        if (dot) {
                in->sig_schema = sl_arena_strndup(&t->arena, cfg->signal_table, (size_t)(dot - cfg->signal_table));
                in->sig_table = sl_arena_strdup(&t->arena, dot + 1);
        }
        in->read_only = cfg->read_only;
        in->source_on = in->sig_table && channel(cfg, "source");
        in->file_on = channel(cfg, "file") && cfg->signal_file && *cfg->signal_file;
        in->can_run = in->read_only || in->source_on;
        in->file_ms = sl_mono_ms() - cfg->signal_poll_ms;
        t->rels.bound = sl_pg_incr_bound;
        t->rels.bound_arg = t;
        sl_pg_incstate_read(in, offset_json);
        if (in->count && !in->can_run)
                sl_warn("the stored offset has an unfinished incremental snapshot: it goes on when signal.data.collection or "
                        "read.only is set");
        else if (in->count)
                sl_info("the incremental snapshot of %s.%s and %u more goes on", in->list[0].schema, in->list[0].table,
                        in->count - 1);
        if (in->can_run) {
                in->xids = sl_calloc(SL_PG_XIDS, sizeof(*in->xids));
                t->line->incr = in;
        }
        return SL_OK;
}

void sl_pg_incr_close(struct sl_pg_task *t)
{
        struct sl_pg_incr *in = t->incr;
        if (!in)
                return;
        sl_pg_incr_hang_up(in);
        sl_map_free(&in->index, NULL);
        sl_map_free(&in->seen, NULL);
        sl_batch_free(&in->rows);
        sl_pg_relations_free(&in->rels);
        sl_pg_incstate_free(in);
        for (uint32_t i = 0; i < in->block_count; i++)
                sl_pg_collection_free(&in->block[i]);
        free(in->block);
        sl_buf_free(&in->key);
        free(in->info);
        free(in->xids);
        free(in);
        t->incr = NULL;
}
