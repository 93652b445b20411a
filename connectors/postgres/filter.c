/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of regular expressions (PCRE2) over tables and columns, and the names made from them: see filter.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include "connectors/postgres/filter.h"

static enum sl_rc add(struct sl_pg_regexes *r, const char *expr, size_t len, struct sl_err *err)
{
        int code;
        PCRE2_SIZE at;
        PCRE2_UCHAR why[200];
        pcre2_code *re = pcre2_compile((PCRE2_SPTR)expr, len, PCRE2_CASELESS | PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
        if (!re) {
                pcre2_get_error_message(code, why, sizeof(why));
                return sl_fail(err, SL_E_CONFIG, "'%.*s' is not a valid regular expression: %s at character %zu",
                               (int)len, expr, (const char *)why, (size_t)at);
        }
        pcre2_jit_compile(re, PCRE2_JIT_COMPLETE);
        r->codes = sl_realloc(r->codes, (r->count + 1) * sizeof(*r->codes));
        r->codes[r->count++] = re;
        return SL_OK;
}

static enum sl_rc compile(struct sl_pg_regexes *r, const char *text, struct sl_err *err)
{
        enum sl_rc rc = SL_OK;
        struct sl_buf item = {0};
        for (const char *p = text; p && rc == SL_OK; p++) {
                if (*p == '\\' && p[1] == ',') {
                        sl_buf_addc(&item, *++p);
                        continue;
                }
                if (*p && *p != ',') {
                        if (item.len || !isspace((unsigned char)*p))
                                sl_buf_addc(&item, *p);
                        continue;
                }
                while (item.len && isspace((unsigned char)item.ptr[item.len - 1]))
                        item.len--;
                if (item.len)
                        rc = add(r, item.ptr, item.len, err);
                sl_buf_clear(&item);
                if (!*p)
                        break;
        }
        sl_buf_free(&item);
        return rc;
}

static void drop(struct sl_pg_regexes *r)
{
        for (uint32_t i = 0; i < r->count; i++)
                pcre2_code_free(r->codes[i]);
        free(r->codes);
        *r = (struct sl_pg_regexes){0};
}

enum sl_rc sl_pg_regexes_check(const char *text, struct sl_err *err)
{
        struct sl_pg_regexes r = {0};
        enum sl_rc rc = compile(&r, text, err);
        drop(&r);
        return rc;
}

enum sl_rc sl_pg_filter_open(struct sl_pg_filter *f, const struct sl_pg_cfg *cfg, struct sl_err *err)
{
        f->ignore_builtin = cfg->ignore_builtin;
        SL_TRY(compile(&f->schema_in, cfg->schema_include, err));
        SL_TRY(compile(&f->schema_out, cfg->schema_exclude, err));
        SL_TRY(compile(&f->table_in, cfg->table_include, err));
        SL_TRY(compile(&f->table_out, cfg->table_exclude, err));
        SL_TRY(compile(&f->column_in, cfg->column_include, err));
        SL_TRY(compile(&f->column_out, cfg->column_exclude, err));
        SL_TRY(compile(&f->message_in, cfg->message_include, err));
        SL_TRY(compile(&f->message_out, cfg->message_exclude, err));
        return compile(&f->snapshot_in, cfg->snapshot_include, err);
}

void sl_pg_filter_free(struct sl_pg_filter *f)
{
        drop(&f->schema_in);
        drop(&f->schema_out);
        drop(&f->table_in);
        drop(&f->table_out);
        drop(&f->column_in);
        drop(&f->column_out);
        drop(&f->snapshot_in);
        drop(&f->message_in);
        drop(&f->message_out);
}

static bool matches(const struct sl_pg_regexes *r, const char *name)
{
        for (uint32_t i = 0; i < r->count; i++) {
                pcre2_match_data *md = pcre2_match_data_create_from_pattern(r->codes[i], NULL);
                size_t len = strlen(name);
                int rc = pcre2_match(r->codes[i], (PCRE2_SPTR)name, len, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, md,
                                     NULL);
                pcre2_match_data_free(md);
                if (rc >= 0)
                        return true;
        }
        return false;
}

static bool passes(const struct sl_pg_regexes *in, const struct sl_pg_regexes *out, const char *name)
{
        return in->count ? matches(in, name) : !matches(out, name);
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
        if (f->ignore_builtin && builtin(schema, table))
                return false;
        return passes(&f->schema_in, &f->schema_out, schema) &&
               passes(&f->table_in, &f->table_out, dotted(name, schema, table, NULL));
}

bool sl_pg_filter_column(const struct sl_pg_filter *f, const char *schema, const char *table, const char *column)
{
        char name[300];
        return passes(&f->column_in, &f->column_out, dotted(name, schema, table, column));
}

bool sl_pg_filter_snapshot(const struct sl_pg_filter *f, const char *schema, const char *table)
{
        char name[300];
        return !f->snapshot_in.count || matches(&f->snapshot_in, dotted(name, schema, table, NULL));
}

bool sl_pg_filter_message(const struct sl_pg_filter *f, const char *prefix)
{
        return passes(&f->message_in, &f->message_out, prefix);
}

/* Takes one character off *p; returns it, as UTF-16 in *ret_low too when it needs two units there (else that is 0). The
 * text is well-formed: the server sends nothing else. */
static unsigned next_char(const char **p, unsigned *ret_low)
{
        unsigned c = (unsigned char)*(*p)++;
        if (c >= 0xc0)
                c &= c >= 0xf0 ? 7 : c >= 0xe0 ? 15 : 31;
        while ((**p & 0xc0) == 0x80)
                c = c << 6 | ((unsigned char)*(*p)++ & 0x3f);
        *ret_low = c > 0xffff ? 0xdc00 | ((c - 0x10000) & 0x3ff) : 0;
        return c > 0xffff ? 0xd800 | ((c - 0x10000) >> 10 & 0x3ff) : c;
}

const char *sl_pg_topic_name(const struct sl_pg_cfg *cfg, const char *prefix, const char *schema, const char *table,
                             struct sl_arena *arena)
{
        char *out = schema ? sl_arena_printf(arena, "%s%s%s%s%s", prefix, cfg->delimiter, schema, cfg->delimiter, table)
                           : sl_arena_printf(arena, "%s%s%s", prefix, cfg->delimiter, table);
        char *w = out;
        for (const char *p = out; *p;) {
                unsigned low, c = next_char(&p, &low);
                *w++ = c < 128 && (isalnum((int)c) || strchr("._-", (int)c)) ? (char)c : '_';
                if (low) /* two characters to Java */
                        *w++ = '_';
        }
        *w = 0;
        if (strlen(out) > 249)
                out[249] = 0;
        if (strcmp(out, ".") == 0 || strcmp(out, "..") == 0)
                memset(out, '_', strlen(out));
        return out;
}

const char *sl_pg_adjust_name(int mode, bool dots, const char *name, struct sl_arena *arena)
{
        if (mode == SL_PG_ADJ_NONE)
                return name;
        char *out = sl_arena_alloc(arena, strlen(name) * 6 + 2), *w = out;
        for (const char *p = name; *p;) {
                bool first = p == name;
                unsigned low, ch = next_char(&p, &low);
                bool ok = ch < 128 && (isalpha((int)ch) || (ch == '_' && mode == SL_PG_ADJ_AVRO) ||
                                       (!first && (isdigit((int)ch) || (dots && ch == '.'))));
                if (ok)
                        *w++ = (char)ch;
                else if (mode == SL_PG_ADJ_AVRO)
                        w += snprintf(w, 3, "%s", low ? "__" : "_");
                else
                        w += low ? snprintf(w, 13, "_u%04x_u%04x", ch, low) : snprintf(w, 7, "_u%04x", ch);
        }
        *w = 0;
        return out;
}
