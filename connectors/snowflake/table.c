/* SPDX-License-Identifier: Apache-2.0 */
/* The table in Snowflake: see table.h. The statements are those of Snowflake's connector for Kafka (names bound as
 * identifier(?), columns quoted in the text), but that a table for rows without columns is made with RECORD_CONTENT at
 * once. */
#include "connectors/snowflake/table.h"
#include "base/clock.h"
#include "connectors/snowflake/names.h"

#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

#define GATE_WAIT_MS 50
#define METADATA_COMMENT "created by the Kafka connector: topic, partition, offset, time, key and headers of the record"
#define COLUMN_COMMENT "column created by schema evolution from the Kafka connector"
#define METADATA_OBJECT                                                                                                \
        "OBJECT(offset LONG, topic STRING, partition INTEGER, key STRING, CreateTime BIGINT, LogAppendTime BIGINT, "   \
        "SnowflakeConnectorPushTime BIGINT, headers MAP(VARCHAR, VARCHAR))"

struct sl_sf_table {
        struct sl_sf_table_opts opts;
        char *account, *database, *schema, *role, *name, *iceberg_options;
        struct sl_buf quoted; /* the name, for identifier(?) */
        struct sl_buf gate;   /* what tells it apart in the process */
        struct sl_sf_desc *desc;
        int64_t asked_ms;
};

static char *copied(const char *s)
{
        return s ? sl_strdup(s) : NULL;
}

struct sl_sf_table *sl_sf_table_new(const struct sl_sf_table_opts *opts)
{
        struct sl_sf_table *t = sl_calloc(1, sizeof(*t));
        t->opts = *opts;
        t->opts.account = t->account = copied(opts->account);
        t->opts.database = t->database = copied(opts->database);
        t->opts.schema = t->schema = copied(opts->schema);
        t->opts.role = t->role = copied(opts->role);
        t->opts.name = t->name = copied(opts->name);
        t->opts.iceberg_options = t->iceberg_options = copied(opts->iceberg_options);
        sl_sf_quote(&t->quoted, sl_str_c(t->name));
        sl_buf_printf(&t->gate, "%s\n%s\n%s\n%s", t->account ? t->account : "", t->database, t->schema, t->name);
        return t;
}

void sl_sf_table_free(struct sl_sf_table *t)
{
        if (!t)
                return;
        sl_sf_desc_free(t->desc);
        sl_buf_free(&t->quoted);
        sl_buf_free(&t->gate);
        free(t->account);
        free(t->database);
        free(t->schema);
        free(t->role);
        free(t->name);
        free(t->iceberg_options);
        free(t);
}

/* ---- one ALTER at a time ---- */

struct held {
        struct held *next;
        const char *gate;
};
static pthread_mutex_t gates_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gates_freed = PTHREAD_COND_INITIALIZER;
static struct held *gates;

static bool is_held(const char *gate)
{
        for (const struct held *h = gates; h; h = h->next)
                if (!strcmp(h->gate, gate))
                        return true;
        return false;
}

static enum sl_rc gate_enter(struct sl_sf_table *t, struct held *h, struct sl_err *err)
{
        enum sl_rc rc = SL_OK;
        h->gate = sl_buf_cstr(&t->gate);
        pthread_mutex_lock(&gates_lock);
        while (rc == SL_OK && is_held(h->gate)) {
                struct timespec until = sl_mono_after(GATE_WAIT_MS);
                pthread_cond_clockwait(&gates_freed, &gates_lock, CLOCK_MONOTONIC, &until);
                if (!t->opts.tick)
                        continue;
                pthread_mutex_unlock(&gates_lock);
                rc = t->opts.tick(t->opts.tick_arg, err);
                pthread_mutex_lock(&gates_lock);
        }
        if (rc == SL_OK) {
                h->next = gates;
                gates = h;
        }
        pthread_mutex_unlock(&gates_lock);
        return rc;
}

static void gate_leave(struct held *h)
{
        pthread_mutex_lock(&gates_lock);
        struct held **at = &gates;
        while (*at != h)
                at = &(*at)->next;
        *at = h->next;
        pthread_cond_broadcast(&gates_freed);
        pthread_mutex_unlock(&gates_lock);
}

/* ---- statements ---- */

static enum sl_rc run(struct sl_sf_table *t, const char *text, const char *bind, struct sl_sf_rows *ret,
                      struct sl_err *err)
{
        const struct sl_sf_statement s = {.text = text, .binds = {bind}, .database = t->database, .schema = t->schema};
        return sl_sf_sql_run(t->opts.client, &s, ret, err);
}

static bool is_yes(struct sl_str s)
{
        return s.len && (s.ptr[0] == 'Y' || s.ptr[0] == 'y' || sl_str_eqc(s, "true") || sl_str_eqc(s, "ON"));
}

static bool is_set(struct sl_str s)
{
        return s.len && !sl_str_eqc(s, "null");
}

static void read_columns(const struct sl_sf_rows *rows, struct sl_sf_desc *d)
{
        for (uint32_t i = 0; i < rows->count; i++) {
                struct sl_str name = sl_sf_rows_get(rows, i, "name"), kind = sl_sf_rows_get(rows, i, "kind");
                if (!name.ptr || (kind.len && !sl_str_eqc(kind, "COLUMN")))
                        continue;
                sl_sf_desc_add(d, name, sl_sf_rows_get(rows, i, "type"), is_yes(sl_sf_rows_get(rows, i, "null?")),
                               is_set(sl_sf_rows_get(rows, i, "default")) ||
                                       is_set(sl_sf_rows_get(rows, i, "autoincrement")));
                if (sl_str_eqc(name, "RECORD_METADATA"))
                        d->metadata_object = d->columns[d->count - 1]->type.kind != SL_SF_VARIANT;
        }
}

/* DESC TABLE of the name that is bound. *ret stays NULL when it is not there. */
static enum sl_rc desc_table(struct sl_sf_table *t, const char *quoted, struct sl_sf_desc **ret, struct sl_err *err)
{
        struct sl_sf_rows rows = {0};
        struct sl_err why = {0};
        enum sl_rc rc = run(t, "desc table identifier(?)", quoted, &rows, &why);
        *ret = NULL;
        if (rc == SL_OK) {
                *ret = sl_sf_desc_new();
                read_columns(&rows, *ret);
        } else if (why.id == SL_E_SF_MISSING) {
                rc = SL_OK;
        } else if (err && err->rc == SL_OK) {
                *err = why;
        }
        sl_sf_rows_free(&rows);
        return rc;
}

/* What only SHOW TABLES knows; its pattern may find others too. */
static enum sl_rc read_options(struct sl_sf_table *t, struct sl_sf_desc *d, bool *ret_evolution, struct sl_err *err)
{
        struct sl_sf_rows rows = {0};
        SL_TRY(run(t, "show tables like ?", t->name, &rows, err));
        for (uint32_t i = 0; i < rows.count; i++) {
                if (!sl_str_eqc(sl_sf_rows_get(&rows, i, "name"), t->name))
                        continue;
                *ret_evolution = is_yes(sl_sf_rows_get(&rows, i, "enable_schema_evolution"));
                d->error_logging = is_yes(sl_sf_rows_get(&rows, i, "error_logging"));
                d->iceberg = is_yes(sl_sf_rows_get(&rows, i, "is_iceberg"));
        }
        sl_sf_rows_free(&rows);
        return SL_OK;
}

static bool is_one_of(struct sl_str s, const char *a, const char *b, const char *c)
{
        return sl_str_eqc(s, a) || sl_str_eqc(s, b) || sl_str_eqc(s, c);
}

/* May our role change it? Without a role, or where the grants can't be seen, that is left to the ALTER. */
static bool may_alter(struct sl_sf_table *t)
{
        struct sl_sf_rows rows = {0};
        struct sl_err ignored = {0};
        bool may = false;
        if (!t->role || !*t->role ||
            run(t, "show grants on table identifier(?)", sl_buf_cstr(&t->quoted), &rows, &ignored) != SL_OK)
                return true;
        for (uint32_t i = 0; i < rows.count && !may; i++) {
                struct sl_str who = sl_sf_rows_get(&rows, i, "grantee_name");
                may = who.len == strlen(t->role) && !strncasecmp(who.ptr, t->role, who.len) &&
                      is_one_of(sl_sf_rows_get(&rows, i, "privilege"), "EVOLVE SCHEMA", "ALL", "OWNERSHIP");
        }
        sl_sf_rows_free(&rows);
        return may;
}

static enum sl_rc ask(struct sl_sf_table *t, bool *ret_there, struct sl_err *err)
{
        struct sl_sf_desc *d;
        bool evolution = false;
        SL_TRY(desc_table(t, sl_buf_cstr(&t->quoted), &d, err));
        *ret_there = d != NULL;
        if (!d)
                return SL_OK;
        enum sl_rc rc = read_options(t, d, &evolution, err);
        if (rc != SL_OK) {
                sl_sf_desc_free(d);
                return rc;
        }
        d->may_evolve = evolution && may_alter(t);
        sl_sf_desc_free(t->desc);
        t->desc = d;
        t->asked_ms = sl_mono_ms();
        return SL_OK;
}

/* ---- make ---- */

static void create_text(const struct sl_sf_table *t, const char *metadata, struct sl_buf *out)
{
        sl_buf_printf(out,
                      "create %stable if not exists identifier(?) (record_metadata %s comment '" METADATA_COMMENT "'",
                      t->opts.iceberg ? "iceberg " : "", metadata);
        if (!t->opts.schematize)
                sl_buf_adds(out, ", record_content variant");
        sl_buf_addc(out, ')');
        if (t->opts.iceberg && t->iceberg_options && *t->iceberg_options)
                sl_buf_printf(out, " %s", t->iceberg_options);
        if (t->opts.iceberg)
                sl_buf_adds(out, " catalog = 'SNOWFLAKE'");
        sl_buf_adds(out, " enable_schema_evolution = true error_logging = true");
}

static enum sl_rc create(struct sl_sf_table *t, const char *metadata, struct sl_err *err)
{
        struct sl_buf text = {0};
        create_text(t, metadata, &text);
        enum sl_rc rc = run(t, sl_buf_cstr(&text), sl_buf_cstr(&t->quoted), NULL, err);
        sl_buf_free(&text);
        return rc;
}

/* An Iceberg table of format version 2 has no VARIANT. */
static enum sl_rc make(struct sl_sf_table *t, struct sl_err *err)
{
        struct sl_err why = {0};
        enum sl_rc rc = create(t, "variant", &why);
        if (rc != SL_OK && t->opts.iceberg && t->opts.schematize && why.id == SL_E_SF_SQL &&
            strcasestr(why.msg, "variant")) {
                sl_err_clear(&why);
                rc = create(t, METADATA_OBJECT, &why);
        }
        if (rc == SL_OK)
                return SL_OK;
        sl_err_prefix(&why, "Table %.200s could not be made (ERROR_2007)", t->name);
        if (err && err->rc == SL_OK)
                *err = why;
        return rc;
}

enum sl_rc sl_sf_table_ensure(struct sl_sf_table *t, struct sl_err *err)
{
        bool there;
        SL_TRY(ask(t, &there, err));
        if (there)
                return SL_OK;
        if (!t->opts.create)
                return sl_fail(err, SL_E_SF_MISSING,
                               "Table %s is not there, or the role may not see it, and snowflake.autocreate.table.type "
                               "is none: make the "
                               "table, or grant the role SELECT and INSERT on it (ERROR_2007)",
                               t->name);
        SL_TRY(make(t, err));
        SL_TRY(ask(t, &there, err));
        return there ? SL_OK
                     : sl_fail(err, SL_E_SF_MISSING,
                               "Table %s was made, but can't be described: may the role see it? (ERROR_2007)", t->name);
}

enum sl_rc sl_sf_table_describe(struct sl_sf_table *t, bool fresh, const struct sl_sf_desc **ret, struct sl_err *err)
{
        bool there = true;
        if (fresh || !t->desc || sl_mono_ms() - t->asked_ms >= t->opts.ttl_ms)
                SL_TRY(ask(t, &there, err));
        if (!there)
                return sl_fail(err, SL_E_SF_MISSING,
                               "Table %s is not there any more, or the role may not see it: make it again, or delete "
                               "the connector's "
                               "channels with it (ERROR_2001)",
                               t->name);
        *ret = t->desc;
        return SL_OK;
}

/* ---- change ---- */

static void add_text(const struct sl_sf_table *t, const struct sl_sf_wanted *w, struct sl_buf *out)
{
        bool first = true;
        for (uint32_t i = 0; i < w->add_count; i++) {
                const struct sl_sf_want *a = &w->add[i];
                if (sl_sf_desc_find(t->desc, a->name))
                        continue;
                if (first)
                        sl_buf_printf(out, "alter %stable identifier(?) add column if not exists ",
                                      t->desc->iceberg ? "iceberg " : "");
                else
                        sl_buf_adds(out, ", if not exists ");
                first = false;
                sl_sf_quote(out, a->name);
                sl_buf_printf(out, " %s comment ", a->type);
                sl_sf_literal(sl_str_c(a->comment && *a->comment ? a->comment : COLUMN_COMMENT), out);
        }
}

static void relax_text(const struct sl_sf_table *t, const struct sl_sf_wanted *w, struct sl_buf *out)
{
        bool first = true;
        for (uint32_t i = 0; i < w->relax_count; i++) {
                const struct sl_sf_column *c = sl_sf_desc_find(t->desc, w->relax[i]);
                if (!c || c->nullable)
                        continue;
                if (first)
                        sl_buf_printf(out, "alter %stable identifier(?) alter ", t->desc->iceberg ? "iceberg " : "");
                else
                        sl_buf_adds(out, ", ");
                first = false;
                sl_sf_quote(out, c->name);
                sl_buf_adds(out, " drop not null");
        }
}

static enum sl_rc alter(struct sl_sf_table *t, struct sl_buf *text, const char *what, struct sl_err *err)
{
        enum sl_rc rc = SL_OK;
        if (text->len)
                rc = run(t, sl_buf_cstr(text), sl_buf_cstr(&t->quoted), NULL, err);
        if (rc != SL_OK)
                sl_err_prefix(err, "Table %.200s could not be changed for its records (%s)", t->name, what);
        sl_buf_free(text);
        return rc;
}

static enum sl_rc evolve(struct sl_sf_table *t, const struct sl_sf_wanted *wanted, struct sl_err *err)
{
        const struct sl_sf_desc *now;
        struct sl_buf text = {0};
        SL_TRY(sl_sf_table_describe(t, true, &now, err));
        add_text(t, wanted, &text);
        SL_TRY(alter(t, &text, "ERROR_2015", err));
        relax_text(t, wanted, &text);
        return alter(t, &text, "ERROR_2016", err);
}

enum sl_rc sl_sf_table_evolve(struct sl_sf_table *t, const struct sl_sf_wanted *wanted, const struct sl_sf_desc **ret,
                              struct sl_err *err)
{
        struct held held;
        SL_TRY(gate_enter(t, &held, err));
        enum sl_rc rc = evolve(t, wanted, err);
        gate_leave(&held);
        return rc == SL_OK ? sl_sf_table_describe(t, true, ret, err) : rc;
}

/* ---- others ---- */

enum sl_rc sl_sf_table_pipe_exists(struct sl_sf_table *t, const char *pipe, bool *ret, struct sl_err *err)
{
        struct sl_buf quoted = {0};
        struct sl_err why = {0};
        sl_sf_quote(&quoted, sl_str_c(pipe));
        enum sl_rc rc = run(t, "desc pipe identifier(?)", sl_buf_cstr(&quoted), NULL, &why);
        sl_buf_free(&quoted);
        *ret = rc == SL_OK;
        if (rc == SL_OK || why.id == SL_E_SF_MISSING)
                return SL_OK;
        if (err && err->rc == SL_OK)
                *err = why;
        return rc;
}

static enum sl_rc make_current(struct sl_sf_table *t, const struct sl_sf_cdc_opts *opts, const struct sl_str *keys,
                               uint32_t nkeys, struct sl_err *err)
{
        struct sl_buf name = {0}, quoted = {0}, text = {0};
        struct sl_sf_desc *current = NULL;
        sl_buf_printf(&name, "%s%s", t->name, opts->suffix);
        sl_sf_quote(&quoted, (struct sl_str){name.ptr, name.len});
        enum sl_rc rc = desc_table(t, sl_buf_cstr(&quoted), &current, err);
        if (rc == SL_OK)
                sl_sf_cdc_sql(opts, t->desc, current, sl_str_c(t->name), keys, nkeys, &text);
        for (const char *p = sl_buf_cstr(&text); rc == SL_OK && p < text.ptr + text.len; p += strlen(p) + 1)
                rc = run(t, p, NULL, NULL, err);
        if (rc != SL_OK)
                sl_err_prefix(err, "The table of current rows of %.200s could not be made", t->name);
        sl_sf_desc_free(current);
        sl_buf_free(&name);
        sl_buf_free(&quoted);
        sl_buf_free(&text);
        return rc;
}

enum sl_rc sl_sf_table_cdc(struct sl_sf_table *t, const struct sl_sf_cdc_opts *opts, const struct sl_str *keys,
                           uint32_t nkeys, struct sl_err *err)
{
        const struct sl_sf_desc *desc;
        struct held held;
        if (!t->desc) /* else it stays: the encoder uses it */
                SL_TRY(sl_sf_table_describe(t, true, &desc, err));
        SL_TRY(gate_enter(t, &held, err));
        enum sl_rc rc = make_current(t, opts, keys, nkeys, err);
        gate_leave(&held);
        return rc;
}
