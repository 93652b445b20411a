/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of current rows: see cdc.h. The order of a row's changes is that of their log positions (they are made under
 * the row's lock, so they stand in the log in their order), then that of their Kafka offsets. */
#include "connectors/snowflake/cdc.h"
#include "connectors/snowflake/names.h"
#include "connectors/snowflake/sql.h"

struct text {
        const struct sl_sf_cdc_opts *opts;
        const struct sl_sf_desc *desc, *current;
        struct sl_str table;
        const struct sl_str *keys;
        uint32_t nkeys;
        struct sl_buf *out;
};

static bool is_ours(struct sl_str name)
{
        return sl_str_eqc(name, SL_SF_CDC_OP) || sl_str_eqc(name, SL_SF_CDC_LSN) ||
               sl_str_eqc(name, SL_SF_CDC_COMMIT_TS) || sl_str_eqc(name, "RECORD_METADATA");
}

static bool is_key(const struct text *t, struct sl_str name)
{
        for (uint32_t i = 0; i < t->nkeys; i++)
                if (sl_str_eq(t->keys[i], name))
                        return true;
        return false;
}

static void add(const struct text *t, const char *s)
{
        sl_buf_adds(t->out, s);
}

/* The table's name with something behind it, quoted. */
static void add_name(const struct text *t, const char *behind)
{
        struct sl_buf name = {0};
        sl_buf_add_str(&name, t->table);
        sl_buf_adds(&name, behind);
        sl_sf_quote(t->out, (struct sl_str){name.ptr, name.len});
        sl_buf_free(&name);
}

/* A warehouse as the user wrote it: without quotes it is upper-cased, as in SQL. */
static void add_identifier(const struct text *t, const char *identifier)
{
        struct sl_buf name = {0};
        sl_sf_normalize(sl_str_c(identifier), &name);
        sl_sf_quote(t->out, (struct sl_str){name.ptr, name.len});
        sl_buf_free(&name);
}

/* Columns of the source's table: `before"name"`, with `type` their types too, `=`: also ` = s."name"`. */
static void add_columns(const struct text *t, const char *before, bool keys, const char *between, char more)
{
        bool first = true;
        for (uint32_t i = 0; i < t->desc->count; i++) {
                const struct sl_sf_column *c = t->desc->columns[i];
                if (is_ours(c->name) || (!keys && is_key(t, c->name)))
                        continue;
                add(t, first ? "" : between);
                first = false;
                add(t, before);
                sl_sf_quote(t->out, c->name);
                if (more == 't') {
                        sl_buf_addc(t->out, ' ');
                        sl_buf_add_str(t->out, c->spelled);
                } else if (more == '=') {
                        add(t, " = s.");
                        sl_sf_quote(t->out, c->name);
                }
        }
}

/* The newest change of every key. */
static void add_newest(const struct text *t)
{
        add(t, "row_number() over (partition by ");
        for (uint32_t i = 0; i < t->nkeys; i++) {
                add(t, i ? ", " : "");
                sl_sf_quote(t->out, t->keys[i]);
        }
        add(t, " order by \"" SL_SF_CDC_LSN "\" desc nulls last");
        if (sl_sf_desc_find(t->desc, SL_STR("RECORD_METADATA")))
                add(t, ", RECORD_METADATA:offset::number desc nulls last");
        add(t, ") = 1");
}

static void end(const struct text *t)
{
        sl_buf_addc(t->out, '\0');
}

static void add_dynamic(const struct text *t)
{
        add(t, "create or replace dynamic table ");
        add_name(t, t->opts->suffix);
        add(t, " target_lag = ");
        sl_sf_literal(sl_str_c(t->opts->target_lag), t->out);
        add(t, " warehouse = ");
        add_identifier(t, t->opts->warehouse);
        add(t, " as select ");
        add_columns(t, "", true, ", ", 0);
        add(t, " from ");
        add_name(t, "");
        add(t, " where \"" SL_SF_CDC_OP "\" <> 't' qualify ");
        add_newest(t);
        add(t, " and \"" SL_SF_CDC_OP "\" <> 'd'");
        end(t);
}

static void add_table(const struct text *t)
{
        add(t, "create table if not exists ");
        add_name(t, t->opts->suffix);
        add(t, " (");
        add_columns(t, "", true, ", ", 't');
        add(t, ")");
        end(t);
        add(t, "create stream if not exists ");
        add_name(t, "_CHANGES");
        add(t, " on table ");
        add_name(t, "");
        add(t, " append_only = true show_initial_rows = true");
        end(t);
}

static void add_lacking(const struct text *t)
{
        add(t, "alter table ");
        add_name(t, t->opts->suffix);
        add(t, " add column if not exists ");
        add_columns(t, "", true, ", if not exists ", 't');
        end(t);
}

static void add_merge(const struct text *t)
{
        add(t, "merge into ");
        add_name(t, t->opts->suffix);
        add(t, " t using (select * from ");
        add_name(t, "_CHANGES");
        add(t, " where \"" SL_SF_CDC_OP "\" <> 't' qualify ");
        add_newest(t);
        add(t, ") s on ");
        for (uint32_t i = 0; i < t->nkeys; i++) {
                add(t, i ? " and t." : "t.");
                sl_sf_quote(t->out, t->keys[i]);
                add(t, " = s.");
                sl_sf_quote(t->out, t->keys[i]);
        }
        add(t, " when matched and s.\"" SL_SF_CDC_OP "\" = 'd' then delete");
        size_t at_update = t->out->len;
        add(t, " when matched then update set ");
        size_t empty = t->out->len;
        add_columns(t, "", false, ", ", '=');
        if (t->out->len == empty)
                t->out->len = at_update; /* all columns are of the key */
        add(t, " when not matched and s.\"" SL_SF_CDC_OP "\" <> 'd' then insert (");
        add_columns(t, "", true, ", ", 0);
        add(t, ") values (");
        add_columns(t, "s.", true, ", ", 0);
        add(t, ")");
}

static void add_task(const struct text *t)
{
        struct sl_buf stream = {0};
        struct text inner = *t;
        inner.out = &stream;
        add_name(&inner, "_CHANGES");
        add(t, "create or replace task ");
        add_name(t, "_MERGE");
        add(t, " warehouse = ");
        add_identifier(t, t->opts->warehouse);
        add(t, " schedule = ");
        sl_sf_literal(sl_str_c(t->opts->target_lag), t->out);
        add(t, " when system$stream_has_data(");
        sl_sf_literal((struct sl_str){stream.ptr, stream.len}, t->out);
        add(t, ") as ");
        add_merge(t);
        end(t);
        add(t, "alter task ");
        add_name(t, "_MERGE");
        add(t, " resume");
        end(t);
        sl_buf_free(&stream);
}

static bool lacks_columns(const struct text *t)
{
        for (uint32_t i = 0; i < t->desc->count; i++)
                if (!is_ours(t->desc->columns[i]->name) && !sl_sf_desc_find(t->current, t->desc->columns[i]->name))
                        return true;
        return false;
}

void sl_sf_cdc_sql(const struct sl_sf_cdc_opts *opts, const struct sl_sf_desc *desc, const struct sl_sf_desc *current,
                   struct sl_str table, const struct sl_str *keys, uint32_t nkeys, struct sl_buf *out)
{
        struct text t = {opts, desc, current, table, keys, nkeys, out};
        if (current && !lacks_columns(&t))
                return;
        if (!opts->task) {
                add_dynamic(&t);
                return;
        }
        if (current)
                add_lacking(&t);
        else
                add_table(&t);
        add_task(&t);
}
