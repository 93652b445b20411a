/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and columns against lists of regular expressions: see filter.h. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include "connectors/postgres/filter.h"

/* One column of an entry of message.key.columns: "table" and "column" are one expression, "table.column". */
static enum sl_rc open_key(struct sl_pg_filter *f, struct sl_str table, struct sl_str column, struct sl_err *err)
{
        struct sl_buf text = {0};
        f->keys = sl_realloc(f->keys, (f->key_count + 1) * sizeof(*f->keys));
        f->keys[f->key_count] = (struct sl_pg_regexes){0};
        sl_buf_add(&text, table.ptr, table.len);
        sl_buf_addc(&text, '.');
        sl_buf_add(&text, column.ptr, column.len);
        enum sl_rc rc = sl_pg_regexes_open(&f->keys[f->key_count++], sl_buf_cstr(&text), err);
        sl_buf_free(&text);
        return rc;
}

static struct sl_str until(const char *p, const char *end, char stop)
{
        const char *at = memchr(p, stop, (size_t)(end - p));
        return (struct sl_str){p, (size_t)((at ? at : end) - p)};
}

static struct sl_str trimmed(struct sl_str s)
{
        for (; s.len && isspace((unsigned char)*s.ptr); s.ptr++)
                s.len--;
        while (s.len && isspace((unsigned char)s.ptr[s.len - 1]))
                s.len--;
        return s;
}

/* "table:column,column;..." */
static enum sl_rc open_keys(struct sl_pg_filter *f, const char *text, struct sl_err *err)
{
        const char *end = text ? text + strlen(text) : NULL;
        for (const char *p = text; p && p < end;) {
                struct sl_str entry = until(p, end, ';'), table = until(p, p + entry.len, ':');
                const char *c = table.ptr + table.len + 1, *stop = p + entry.len;
                bool good = table.len && c < stop && !memchr(c, ':', (size_t)(stop - c));
                while (good && c <= stop) {
                        struct sl_str column = until(c, stop, ',');
                        c = column.ptr + column.len + 1;
                        good = column.len > 0;
                        if (good)
                                SL_TRY(open_key(f, trimmed(table), trimmed(column), err));
                }
                if (!good)
                        return sl_fail(err, SL_E_CONFIG,
                                       "%.*s has an invalid format (expecting '^\\s*([^:]+):([^:,]+(,[^:,]+)*)\\s*$': "
                                       "<schema>.<table>:<column>,<column>)",
                                       (int)entry.len, entry.ptr);
                p += entry.len + 1;
        }
        return SL_OK;
}

enum sl_rc sl_pg_filter_open(struct sl_pg_filter *f, const struct sl_pg_cfg *cfg, struct sl_err *err)
{
        f->ignore_builtin = cfg->ignore_builtin;
        SL_TRY(sl_pg_regexes_open(&f->schema_in, cfg->schema_include, err));
        SL_TRY(sl_pg_regexes_open(&f->schema_out, cfg->schema_exclude, err));
        SL_TRY(sl_pg_regexes_open(&f->table_in, cfg->table_include, err));
        SL_TRY(sl_pg_regexes_open(&f->table_out, cfg->table_exclude, err));
        SL_TRY(sl_pg_regexes_open(&f->column_in, cfg->column_include, err));
        SL_TRY(sl_pg_regexes_open(&f->column_out, cfg->column_exclude, err));
        SL_TRY(sl_pg_regexes_open(&f->message_in, cfg->message_include, err));
        SL_TRY(sl_pg_regexes_open(&f->message_out, cfg->message_exclude, err));
        SL_TRY(sl_pg_regexes_open(&f->snapshot_in, cfg->snapshot_include, err));
        SL_TRY(open_keys(f, cfg->key_columns, err));
        SL_TRY(sl_pg_mappers_open(&f->mappers, cfg, err));
        f->signal_table = cfg->signal_table;
        return sl_pg_names_open(&f->names, cfg, err);
}

void sl_pg_filter_free(struct sl_pg_filter *f)
{
        sl_pg_regexes_free(&f->schema_in);
        sl_pg_regexes_free(&f->schema_out);
        sl_pg_regexes_free(&f->table_in);
        sl_pg_regexes_free(&f->table_out);
        sl_pg_regexes_free(&f->column_in);
        sl_pg_regexes_free(&f->column_out);
        sl_pg_regexes_free(&f->snapshot_in);
        sl_pg_regexes_free(&f->message_in);
        sl_pg_regexes_free(&f->message_out);
        for (uint32_t i = 0; i < f->key_count; i++)
                sl_pg_regexes_free(&f->keys[i]);
        free(f->keys);
        f->keys = NULL;
        f->key_count = 0;
        sl_pg_mappers_free(&f->mappers);
        sl_pg_names_free(&f->names);
}

static bool passes(const struct sl_pg_regexes *in, const struct sl_pg_regexes *out, const char *name)
{
        return in->count ? sl_pg_regexes_match(in, name) : !sl_pg_regexes_match(out, name);
}

static bool builtin(const char *schema, const char *table)
{
        return strcmp(schema, "pg_catalog") == 0 || strcmp(schema, "information_schema") == 0 ||
               strncmp(schema, "pg_temp", 7) == 0 || strncmp(schema, "pg_toast", 8) == 0 ||
               strcmp(table, "spatial_ref_sys") == 0;
}

/* A name of up to four identifiers; identifiers have at most 63 bytes. */
static const char *dotted(char out[300], const char *a, const char *b, const char *c)
{
        snprintf(out, 300, "%s.%s%s%s", a, b, c ? "." : "", c ? c : "");
        return out;
}

bool sl_pg_filter_table(const struct sl_pg_filter *f, const char *schema, const char *table)
{
        char name[300];
        if (f->signal_table && strcmp(f->signal_table, dotted(name, schema, table, NULL)) == 0)
                return true;
        if (f->ignore_builtin && builtin(schema, table))
                return false;
        return passes(&f->schema_in, &f->schema_out, schema) &&
               passes(&f->table_in, &f->table_out, dotted(name, schema, table, NULL));
}

uint32_t sl_pg_filter_rank(const struct sl_pg_filter *f, const char *schema, const char *table)
{
        char name[300];
        return sl_pg_regexes_first(&f->table_in, dotted(name, schema, table, NULL));
}

bool sl_pg_filter_column(const struct sl_pg_filter *f, const char *schema, const char *table, const char *column)
{
        char name[300];
        return passes(&f->column_in, &f->column_out, dotted(name, schema, table, column));
}

bool sl_pg_filter_key(const struct sl_pg_filter *f, uint32_t k, const char *schema, const char *table,
                      const char *column)
{
        char name[300];
        return sl_pg_regexes_match(&f->keys[k], dotted(name, schema, table, column));
}

bool sl_pg_filter_snapshot(const struct sl_pg_filter *f, const char *schema, const char *table)
{
        char name[300];
        return !f->snapshot_in.count || sl_pg_regexes_match(&f->snapshot_in, dotted(name, schema, table, NULL));
}

bool sl_pg_filter_message(const struct sl_pg_filter *f, const char *prefix)
{
        return passes(&f->message_in, &f->message_out, prefix);
}
