/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: rows of signal.data.collection (id, type, data by position, as they come along in the stream) and lines of
 * signal.file ({"id":...,"type":...,"data":{...}}, emptied when read). Also the blocking snapshot that one of them can ask
 * for: snapshot.c does the work. A signal that makes no sense is a warning in the log and has no other effect. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "connectors/postgres/incremental.h"

#define FILE_MAX (1 << 20)

/* ---- what tables a signal means ---- */

struct wanted {
        struct sl_pg_collection *items;
        uint32_t count;
};

static void add_item(struct wanted *w, const char *schema, const char *table)
{
        for (uint32_t i = 0; i < w->count; i++)
                if (strcmp(w->items[i].schema, schema) == 0 && strcmp(w->items[i].table, table) == 0)
                        return;
        w->items = sl_realloc(w->items, (w->count + 1) * sizeof(*w->items));
        w->items[w->count++] = (struct sl_pg_collection){sl_strdup(schema), sl_strdup(table), sl_strdup(""), sl_strdup("")};
}

static void drop(struct wanted *w)
{
        for (uint32_t i = 0; i < w->count; i++)
                sl_pg_collection_free(&w->items[i]);
        free(w->items);
        *w = (struct wanted){0};
}

/* Each item is an expression over the names of captured tables; one that matches none is taken for a name. The signal table
 * itself is only meant by its name. */
static enum sl_rc expand(struct sl_pg_task *t, const json_t *list, struct wanted *w, struct sl_err *err)
{
        struct sl_pg_table *tables;
        struct sl_arena arena;
        uint32_t n = 0;
        char name[300], signal[300];
        snprintf(signal, sizeof(signal), "%s.%s", t->incr->sig_schema ? t->incr->sig_schema : "",
                 t->incr->sig_table ? t->incr->sig_table : "");
        sl_arena_init(&arena, 4096);
        enum sl_rc rc = sl_pg_ctl_drain(t, err);
        if (rc == SL_OK)
                rc = sl_pg_tables(t->ctl, &t->who, &t->filter, &arena, &tables, &n, err);
        for (size_t k = 0; rc == SL_OK && k < json_array_size(list); k++) {
                const char *expr = json_string_value(json_array_get(list, k));
                bool found = false;
                for (uint32_t i = 0; expr && i < n; i++) {
                        snprintf(name, sizeof(name), "%s.%s", tables[i].schema, tables[i].name);
                        bool hit = strcmp(expr, name) == 0 ||
                                   (strcmp(name, signal) != 0 && sl_pg_regex_matches(expr, name, false));
                        if (hit)
                                add_item(w, tables[i].schema, tables[i].name);
                        found |= hit;
                }
                const char *dot = expr ? strchr(expr, '.') : NULL;
                if (!found && dot && strlen(expr) < sizeof(name)) {
                        snprintf(name, sizeof(name), "%.*s", (int)(dot - expr), expr);
                        add_item(w, name, dot + 1);
                } else if (!found) {
                        sl_warn("signal: '%s' is no schema.table, it is left out", expr ? expr : "");
                }
        }
        sl_arena_free(&arena);
        return rc;
}

static void set_text(char **at, const char *text)
{
        free(*at);
        *at = sl_strdup(text);
}

/* additional-conditions: [{data-collection, filter}], the first that matches counts; surrogate-key: a column. */
static void details(struct wanted *w, const json_t *data)
{
        const json_t *conditions = json_object_get(data, "additional-conditions");
        const char *old = sl_json_str(data, "additional-condition"), *surrogate = sl_json_str(data, "surrogate-key");
        char name[300];
        for (uint32_t i = 0; i < w->count; i++) {
                struct sl_pg_collection *c = &w->items[i];
                snprintf(name, sizeof(name), "%s.%s", c->schema, c->table);
                for (size_t k = 0; k < json_array_size(conditions); k++) {
                        const json_t *item = json_array_get(conditions, k);
                        const char *expr = sl_json_str(item, "data-collection"), *filter = sl_json_str(item, "filter");
                        if (!expr || !filter || !(strcmp(expr, name) == 0 || sl_pg_regex_matches(expr, name, true)))
                                continue;
                        set_text(&c->condition, filter);
                        break;
                }
                if (!*c->condition && old)
                        set_text(&c->condition, old);
                if (surrogate)
                        set_text(&c->surrogate, surrogate);
        }
}

/* ---- actions ---- */

static void block(struct sl_pg_task *t, struct wanted *w)
{
        struct sl_pg_incr *in = t->incr;
        for (uint32_t i = 0; i < in->block_count; i++)
                sl_pg_collection_free(&in->block[i]);
        free(in->block);
        in->block = w->items;
        in->block_count = w->count;
        in->blocking = SL_PG_BLOCK_WANTED;
        *w = (struct wanted){0};
}

static enum sl_rc execute(struct sl_pg_task *t, struct sl_batch *b, const char *id, const json_t *data, struct sl_err *err)
{
        const json_t *list = json_object_get(data, "data-collections");
        const char *type = sl_json_str(data, "type");
        bool blocking = type && strcasecmp(type, "blocking") == 0;
        struct wanted w = {0};
        if (json_array_size(list) == 0) {
                sl_warn("signal %s: execute-snapshot needs data-collections, a list of tables", id);
                return SL_OK;
        }
        if (type && !blocking && strcasecmp(type, "incremental") != 0) {
                sl_warn("signal %s: unknown snapshot type '%s'", id, type);
                return SL_OK;
        }
        if (!blocking && !t->incr->can_run) {
                sl_warn("signal %s: incremental snapshots need signal.data.collection, or read.only", id);
                return SL_OK;
        }
        enum sl_rc rc = expand(t, list, &w, err);
        if (rc == SL_OK && w.count) {
                char *names = sl_pg_collections_text(w.items, w.count);
                sl_info("signal %s: %s snapshot of %s", id, blocking ? "blocking" : "incremental", names);
                free(names);
                details(&w, data);
                if (blocking)
                        block(t, &w);
                else
                        sl_pg_incr_add(t, b, id, w.items, w.count);
        }
        if (w.items && !blocking)
                free(w.items); /* what it holds was taken over */
        else
                drop(&w);
        return rc;
}

static enum sl_rc stop(struct sl_pg_task *t, struct sl_batch *b, const json_t *data, struct sl_err *err)
{
        const json_t *list = json_object_get(data, "data-collections");
        struct wanted w = {0};
        const char **names = NULL;
        enum sl_rc rc = SL_OK;
        if (json_array_size(list))
                rc = expand(t, list, &w, err);
        if (rc == SL_OK) {
                names = sl_calloc(w.count + 1, sizeof(*names));
                for (uint32_t i = 0; i < w.count; i++)
                        names[i] = sl_pg_collections_text(&w.items[i], 1);
                sl_pg_incr_stop(t, b, names, w.count);
                for (uint32_t i = 0; i < w.count; i++)
                        free((char *)names[i]);
                free(names);
        }
        drop(&w);
        return rc;
}

/* The message, with {} for the position. */
static void log_message(struct sl_pg_task *t, const char *id, const json_t *data)
{
        const char *text = sl_json_str(data, "message"), *hole = text ? strstr(text, "{}") : NULL;
        struct sl_position pos;
        struct sl_buf at = {0};
        bool boundary;
        if (!text) {
                sl_warn("signal %s: log needs a message", id);
                return;
        }
        if (hole && sl_pg_line_position(t->line, &pos, &boundary))
                sl_pg_offset_write(&pos, &t->server, &at);
        if (hole)
                sl_info("%.*s%s%s", (int)(hole - text), text, sl_buf_cstr(&at), hole + 2);
        else
                sl_info("%s", text);
        sl_buf_free(&at);
}

enum sl_rc sl_pg_signal(struct sl_pg_task *t, struct sl_batch *b, const char *id, const char *type, struct sl_str data,
                        struct sl_err *err)
{
        sl_auto_json *j = NULL;
        struct sl_err bad = {0};
        if (data.len == 0 || sl_str_eqc(data, "null"))
                data = SL_STR("{}");
        if (sl_json_parse(data, &j, &bad) != SL_OK || !json_is_object(j)) {
                sl_warn("signal %s of type %s: its data is no JSON object", id, type);
                return SL_OK;
        }
        if (strcmp(type, "execute-snapshot") == 0)
                return execute(t, b, id, j, err);
        if (strcmp(type, "stop-snapshot") == 0)
                return stop(t, b, j, err);
        if (strcmp(type, "pause-snapshot") == 0 || strcmp(type, "resume-snapshot") == 0)
                sl_pg_incr_pause(t, b, *type == 'p');
        else if (strcmp(type, "log") == 0)
                log_message(t, id, j);
        else
                sl_warn("signal %s: type '%s' is not known", id, type);
        return SL_OK;
}

/* ---- the signal table ---- */

static struct sl_str text_of(const struct sl_pg_tuple *row, uint32_t i)
{
        const struct sl_pg_datum *d = &row->cols[i];
        return i < row->n && d->ptr ? (struct sl_str){d->ptr, d->len} : SL_STR("");
}

enum sl_rc sl_pg_signal_row(struct sl_pg_task *t, uint64_t lsn, struct sl_batch *b, struct sl_err *err)
{
        const struct sl_pgoutput *m = &t->line->msg;
        if (!t->incr->source_on)
                return SL_OK;
        if (m->kind == 'D' && t->cfg->watermark == SL_PG_WM_INSERT_DELETE) {
                sl_pg_incr_closed(t, sl_arena_strndup(&b->arena, text_of(&m->old_row, 0).ptr, text_of(&m->old_row, 0).len), lsn);
                return SL_OK;
        }
        if (m->kind != 'I')
                return SL_OK;
        if (m->new_row.n != 3) {
                sl_warn("the signal table %s.%s has %u columns and not the three id, type, data", t->incr->sig_schema,
                        t->incr->sig_table, m->new_row.n);
                return SL_OK;
        }
        const char *id = sl_arena_strndup(&b->arena, text_of(&m->new_row, 0).ptr, text_of(&m->new_row, 0).len);
        const char *type = sl_arena_strndup(&b->arena, text_of(&m->new_row, 1).ptr, text_of(&m->new_row, 1).len);
        if (strcmp(type, "snapshot-window-open") == 0)
                return SL_OK;
        if (strcmp(type, "snapshot-window-close") == 0) {
                if (t->cfg->watermark == SL_PG_WM_INSERT_INSERT)
                        sl_pg_incr_closed(t, id, lsn);
                return SL_OK;
        }
        return sl_pg_signal(t, b, id, type, text_of(&m->new_row, 2), err);
}

/* ---- the file ---- */

static enum sl_rc file_line(struct sl_pg_task *t, struct sl_batch *b, struct sl_str line, struct sl_err *err)
{
        sl_auto_json *j = NULL;
        struct sl_err bad = {0};
        struct sl_buf data = {0};
        while (line.len && strchr(" \t\r", line.ptr[line.len - 1]))
                line.len--;
        if (!line.len)
                return SL_OK;
        const char *id = NULL, *type = NULL;
        if (sl_json_parse(line, &j, &bad) == SL_OK) {
                id = sl_json_str(j, "id");
                type = sl_json_str(j, "type");
        }
        if (!id || !type) {
                sl_warn("%s: a line is not {\"id\":...,\"type\":...,\"data\":{...}}, it is left out", t->cfg->signal_file);
                return SL_OK;
        }
        const json_t *d = json_object_get(j, "data");
        if (d)
                sl_json_dump(d, &data);
        enum sl_rc rc = sl_pg_signal(t, b, id, type, (struct sl_str){sl_buf_cstr(&data), data.len}, err);
        sl_buf_free(&data);
        return rc;
}

static char *read_file(struct sl_pg_task *t, size_t *ret_len)
{
        struct stat st;
        int fd = open(t->cfg->signal_file, O_RDWR | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size > FILE_MAX) {
                if (fd >= 0)
                        close(fd);
                else if (errno != ENOENT)
                        sl_warn("signal.file %s can't be opened for reading and writing: %s", t->cfg->signal_file, strerror(errno));
                return NULL;
        }
        char *text = sl_malloc((size_t)st.st_size + 1);
        ssize_t n = read(fd, text, (size_t)st.st_size);
        *ret_len = n > 0 ? (size_t)n : 0;
        text[*ret_len] = 0;
        if (ftruncate(fd, 0) != 0)
                sl_warn("signal.file %s can't be emptied: %s", t->cfg->signal_file, strerror(errno));
        close(fd);
        return text;
}

enum sl_rc sl_pg_signal_file(struct sl_pg_task *t, struct sl_batch *b, struct sl_err *err)
{
        struct sl_pg_incr *in = t->incr;
        int64_t now;
        if (!in->file_on || (now = sl_mono_ms()) - in->file_ms < t->cfg->signal_poll_ms)
                return SL_OK;
        in->file_ms = now;
        size_t len = 0;
        char *text = read_file(t, &len);
        enum sl_rc rc = SL_OK;
        for (size_t at = 0; text && at < len && rc == SL_OK;) {
                size_t n = strcspn(text + at, "\n");
                rc = file_line(t, b, (struct sl_str){text + at, n}, err);
                at += n + 1;
        }
        free(text);
        return rc;
}

/* ---- blocking snapshots ---- */

enum sl_rc sl_pg_blocking_start(struct sl_pg_task *t, struct sl_err *err)
{
        struct sl_pg_incr *in = t->incr;
        struct sl_pg_line *l = t->line;
        struct sl_pg_offset after = {.has_commit = l->last_commit != 0,
                                     .done_lsn = l->done_lsn,
                                     .lsn = l->done_lsn,
                                     .xid = l->xid,
                                     .ts_us = l->commit_us};
        uint64_t lsn;
        SL_TRY(sl_pg_wal_lsn(t, &lsn, err));
        if (t->mode == SL_PG_M_BACKLOG)
                sl_pg_backlog_close(t);
        sl_pg_stream_close(t);
        t->st.state = SL_PG_ST_NONE;
        in->blocking = SL_PG_BLOCK_RUNNING;
        return sl_pg_snapshot_open(t, NULL, lsn, &after, err);
}

static const struct sl_pg_collection *blocked(const struct sl_pg_task *t, const char *schema, const char *table)
{
        const struct sl_pg_incr *in = t->incr;
        for (uint32_t i = 0; in->blocking == SL_PG_BLOCK_RUNNING && i < in->block_count; i++)
                if (strcmp(in->block[i].schema, schema) == 0 && strcmp(in->block[i].table, table) == 0)
                        return &in->block[i];
        return NULL;
}

bool sl_pg_blocking_wants(const struct sl_pg_task *t, const char *schema, const char *table)
{
        if (t->incr->blocking == SL_PG_BLOCK_RUNNING)
                return blocked(t, schema, table) != NULL;
        /* the signal table's old rows are nobody's business */
        return !t->incr->sig_table || strcmp(table, t->incr->sig_table) != 0 || strcmp(schema, t->incr->sig_schema) != 0;
}

const char *sl_pg_blocking_select(struct sl_pg_task *t, const char *schema, const char *table)
{
        const struct sl_pg_collection *c = blocked(t, schema, table);
        char a[256], b[256];
        if (!c || !*c->condition)
                return NULL;
        if (strncasecmp(c->condition, "select", 6) == 0)
                return c->condition;
        return sl_arena_printf(&t->arena, "SELECT * FROM %s.%s WHERE (%s\n)", sl_pg_ident(a, schema), sl_pg_ident(b, table),
                               c->condition);
}
