/* SPDX-License-Identifier: Apache-2.0 */
/* A record to a line of NDJSON: see rows.h. A schema's columns are made ready once (plan_of), those of maps without a
 * schema once a key, found again by their place in the last row. Every column and the metadata are appended with a
 * comma before them; the first comma becomes the brace. What the table lacks is collected on the way, and the line is
 * taken back then. */
#include "connectors/snowflake/rows_internal.h"
#include "connectors/snowflake/names.h"
#include "connectors/snowflake/text.h"
#include "record/logical.h"

#include <stdlib.h>

#define KEYS_MAX 4096 /* of maps without a schema: then all are forgotten */
#define GUESSES 256
#define SEMI_MAX (16 * 1024 * 1024 - 64)

/* ---- what a table needs ---- */

void sl_sf_want_column(struct sl_sf_encoder *e, struct sl_str name, const char *type, const char *comment)
{
        struct sl_sf_wanted *w = &e->wanted;
        if (w->add_count == w->add_cap) {
                w->add_cap = w->add_cap ? w->add_cap * 2 : 16;
                w->add = sl_realloc(w->add, w->add_cap * sizeof(*w->add));
        }
        struct sl_sf_want *a = &w->add[w->add_count++];
        a->name = (struct sl_str){sl_arena_strndup(&e->arena, name.ptr, name.len), name.len};
        a->type = sl_arena_strdup(&e->arena, type);
        a->comment = comment ? sl_arena_strdup(&e->arena, comment) : NULL;
}

static void want_nullable(struct sl_sf_encoder *e, const struct sl_sf_column *c)
{
        struct sl_sf_wanted *w = &e->wanted;
        if (w->relax_count == w->relax_cap) {
                w->relax_cap = w->relax_cap ? w->relax_cap * 2 : 16;
                w->relax = sl_realloc(w->relax, w->relax_cap * sizeof(*w->relax));
        }
        w->relax[w->relax_count++] =
                (struct sl_str){sl_arena_strndup(&e->arena, c->name.ptr, c->name.len), c->name.len};
}

void sl_sf_note_value(struct sl_sf_encoder *e, const struct sl_sf_column *c, bool null)
{
        if (sl_likely(c->nullable))
                return;
        if (null)
                want_nullable(e, c);
        if (!c->filled && e->seen[c->index] != e->row) {
                e->seen[c->index] = e->row;
                e->seen_required++;
        }
}

static void missing_columns(struct sl_sf_encoder *e)
{
        for (uint32_t i = 0; i < e->desc->count; i++) {
                const struct sl_sf_column *c = e->desc->columns[i];
                if (!c->nullable && !c->filled && e->seen[i] != e->row)
                        want_nullable(e, c);
        }
}

static sl_cold enum sl_rc may_not(struct sl_sf_encoder *e, struct sl_err *err)
{
        const struct sl_sf_wanted *w = &e->wanted;
        struct sl_buf list;
        sl_buf_init(&list, 700);
        for (uint32_t i = 0; i < w->add_count; i++)
                sl_buf_printf(&list, "%s\"%.*s\"", i ? ", " : "no column ",
                              (int)(w->add[i].name.len < 80 ? w->add[i].name.len : 80), w->add[i].name.ptr);
        for (uint32_t i = 0; i < w->relax_count; i++)
                sl_buf_printf(&list, "%s\"%.*s\"",
                              i              ? ", "
                              : w->add_count ? "; NOT NULL without a value: "
                                             : "NOT NULL without a value: ",
                              (int)(w->relax[i].len < 80 ? w->relax[i].len : 80), w->relax[i].ptr);
        if (!sl_buf_ok(&list))
                sl_buf_clear(&list);
        enum sl_rc rc = sl_fail(
                err, SL_E_SF_RECORD,
                "The table does not fit the record (%s) and may not be changed: set ENABLE_SCHEMA_EVOLUTION = TRUE "
                "on it and grant EVOLVE SCHEMA to the role, or change the table or the record (5015)",
                list.len ? sl_buf_cstr(&list) : "many columns");
        sl_buf_free(&list);
        return rc;
}

/* ---- columns ---- */

static bool is_decimal(const struct sl_schema *s)
{
        return s && s->logical == SL_LOGICAL_DECIMAL;
}

static enum sl_sf_how unchecked(const struct sl_sf_encoder *e, const struct sl_sf_member *m, uint8_t type)
{
        if (type != SL_BYTES)
                return SL_SF_AS_IS;
        if (is_decimal(m->schema))
                return m->column && m->column->type.kind == SL_SF_TEXT ? SL_SF_DECIMAL_TEXT : SL_SF_AS_IS;
        return e->opts.hex && (!m->column || m->column->type.kind == SL_SF_BINARY) ? SL_SF_HEX : SL_SF_BASE64;
}

/* Which check does a value of this type need for its column? */
static enum sl_sf_how choose(const struct sl_sf_encoder *e, struct sl_sf_member *m, uint8_t type)
{
        enum sl_logical logical = m->schema ? m->schema->logical : SL_LOGICAL_NONE;
        if (m->semantic != SL_SF_S_NONE)
                return SL_SF_SEMANTIC;
        if (!m->column || !e->opts.validate || sl_str_eqc(m->stored, SL_SF_CONTENT))
                return unchecked(e, m, type);
        enum sl_sf_kind kind = m->column->type.kind;
        bool whole = type >= SL_INT8 && type <= SL_INT64 && logical == SL_LOGICAL_NONE;
        if (whole && kind == SL_SF_FIXED) {
                int32_t digits = m->column->type.precision - m->column->type.scale;
                if (digits >= 19)
                        return SL_SF_AS_IS;
                m->max = 1;
                for (int32_t i = 0; i < digits; i++)
                        m->max *= 10;
                return SL_SF_INT;
        }
        if (type == SL_STRING && kind == SL_SF_TEXT)
                return SL_SF_SHORT_TEXT;
        if ((type == SL_BOOLEAN && kind == SL_SF_BOOLEAN) ||
            (kind == SL_SF_REAL && (whole || type == SL_FLOAT32 || type == SL_FLOAT64)) ||
            (logical == SL_LOGICAL_TIME && kind == SL_SF_TIME) || kind == SL_SF_OTHER)
                return kind == SL_SF_OTHER ? unchecked(e, m, type) : SL_SF_AS_IS;
        return SL_SF_CHECK;
}

static void member_init(struct sl_sf_encoder *e, struct sl_sf_member *m, struct sl_str name,
                        const struct sl_schema *schema)
{
        struct sl_buf stored = {0};
        if (e->opts.normalize)
                sl_sf_normalize(name, &stored);
        else
                sl_buf_add_str(&stored, name);
        m->source = (struct sl_str){sl_strndup(name.ptr, name.len), name.len};
        m->stored = (struct sl_str){sl_strndup(sl_buf_cstr(&stored), stored.len), stored.len};
        sl_buf_free(&stored);
        sl_buf_addc(&m->lead, ',');
        sl_sf_add_string(&m->lead, m->stored, NULL);
        sl_buf_addc(&m->lead, ':');
        m->schema = schema;
        m->column = e->desc ? sl_sf_desc_find(e->desc, m->stored) : NULL;
        m->skip = e->opts.metadata && sl_str_eqc(m->stored, SL_SF_METADATA);
        if (schema && e->opts.cdc)
                m->semantic = sl_sf_semantic_of(schema, &m->per_second);
        m->type = schema ? schema->type : SL_NULL;
        if (schema)
                m->how = choose(e, m, schema->type);
}

static void member_clear(struct sl_sf_member *m)
{
        free((char *)(uintptr_t)m->source.ptr);
        free((char *)(uintptr_t)m->stored.ptr);
        sl_buf_free(&m->lead);
}

/* The converted value, for the checks; containers are written to scratch. */
static enum sl_rc given(struct sl_sf_encoder *e, const struct sl_schema *s, const struct sl_value *v,
                        struct sl_sf_value *ret, struct sl_err *err)
{
        struct sl_buf *b = &e->scratch;
        *ret = (struct sl_sf_value){.kind = SL_SF_GIVEN_STRING, .i64 = v->i64, .text = sl_v_as_str(v)};
        if (v->type == SL_STRING)
                return SL_OK;
        if (v->type == SL_BYTES && !is_decimal(s)) {
                ret->kind = SL_SF_GIVEN_BYTES;
                return SL_OK;
        }
        sl_buf_clear(b);
        SL_TRY(sl_sf_write(&e->values, s, v, b, err));
        if (!sl_buf_ok(b) || !b->len)
                return sl_fail(err, SL_E_TOO_LARGE, "A value's JSON text passes any limit");
        ret->text = (struct sl_str){b->ptr, b->len};
        switch (b->ptr[0]) {
        case '"': /* a moment, NaN, a long decimal: nothing is escaped in them */
                ret->text = (struct sl_str){b->ptr + 1, b->len - 2};
                return SL_OK;
        case '[':
                ret->kind = SL_SF_GIVEN_ARRAY;
                return SL_OK;
        case '{':
                ret->kind = SL_SF_GIVEN_OBJECT;
                return SL_OK;
        default:
                break;
        }
        if (v->type == SL_BOOLEAN) {
                ret->kind = SL_SF_GIVEN_BOOL;
                ret->i64 = v->b;
        } else {
                ret->kind = v->type == SL_BYTES                              ? SL_SF_GIVEN_DECIMAL
                            : v->type == SL_FLOAT32 || v->type == SL_FLOAT64 ? SL_SF_GIVEN_FLOAT
                                                                             : SL_SF_GIVEN_INT;
        }
        return SL_OK;
}

static enum sl_rc check(struct sl_sf_encoder *e, const struct sl_sf_member *m, const struct sl_value *v,
                        struct sl_buf *out, struct sl_err *err)
{
        struct sl_sf_value g;
        e->values.bad_text = false;
        SL_TRY(given(e, m->schema, v, &g, err));
        if (e->values.bad_text)
                return sl_fail(err, SL_E_SF_RECORD,
                               "Value cannot be ingested into Snowflake column %.*s of type %s, reason: Invalid "
                               "Unicode string",
                               SL_FMT(m->stored), sl_sf_kind_name(m->column->type.kind));
        return sl_sf_validate(m->column, &g, e->opts.hex, out, err);
}

static enum sl_rc decimal_text(struct sl_sf_encoder *e, const struct sl_sf_member *m, const struct sl_value *v,
                               struct sl_buf *out)
{
        sl_buf_addc(out, '"');
        sl_decimal_print(v->ptr, v->len, m->schema->decimal_scale, &e->values.scratch, out);
        sl_buf_addc(out, '"');
        return SL_OK;
}

static enum sl_rc semantic(const struct sl_sf_member *m, const struct sl_value *v, struct sl_buf *out)
{
        char type;
        if (m->semantic != SL_SF_S_JSON) {
                sl_sf_write_semantic(m->semantic, m->per_second, v->i64, out);
                return SL_OK;
        }
        if (!sl_sf_json_compact(sl_v_as_str(v), out, &type))
                sl_sf_add_string(out, sl_v_as_str(v), NULL);
        else if (!type)
                sl_buf_adds(out, "null");
        return SL_OK;
}

static enum sl_rc write_member(struct sl_sf_encoder *e, const struct sl_sf_member *m, const struct sl_value *v,
                               struct sl_buf *out, struct sl_err *err)
{
        sl_buf_add(out, m->lead.ptr, m->lead.len);
        if (sl_unlikely(m->schema && v->type != m->schema->type))
                return sl_sf_write(&e->values, m->schema, v, out, err); /* refuses it */
        switch (m->how) {
        case SL_SF_AS_IS:
                return sl_sf_write(&e->values, m->schema, v, out, err);
        case SL_SF_INT:
                if (sl_unlikely(v->i64 >= m->max || v->i64 <= -m->max))
                        return check(e, m, v, out, err);
                sl_buf_add_i64(out, v->i64);
                return SL_OK;
        case SL_SF_SHORT_TEXT: {
                bool bad = v->len > m->column->type.length; /* bytes: characters are not more */
                size_t start = out->len;
                if (!bad)
                        sl_sf_add_string(out, sl_v_as_str(v), &bad);
                if (sl_likely(!bad))
                        return SL_OK;
                out->len = start;
                return check(e, m, v, out, err);
        }
        case SL_SF_HEX:
                sl_sf_add_hex(out, sl_v_as_str(v));
                return SL_OK;
        case SL_SF_BASE64:
                sl_sf_add_quoted_base64(out, sl_v_as_str(v));
                return SL_OK;
        case SL_SF_DECIMAL_TEXT:
                return decimal_text(e, m, v, out);
        case SL_SF_SEMANTIC:
                return semantic(m, v, out);
        case SL_SF_CHECK:
                break;
        }
        return check(e, m, v, out, err);
}

/* ---- rows of a schema ---- */

static void plan_free(void *p)
{
        struct sl_sf_plan *plan = p;
        for (uint32_t i = 0; i < plan->count; i++)
                member_clear(&plan->members[i]);
        free(plan->members);
        free(plan);
}

static sl_cold struct sl_sf_plan *make_plan(struct sl_sf_encoder *e, const struct sl_schema *s)
{
        struct sl_sf_plan *plan = sl_calloc(1, sizeof(*plan));
        struct sl_map names = {0};
        plan->members = sl_calloc(s->field_count + 1, sizeof(*plan->members));
        plan->count = s->field_count;
        for (uint32_t i = 0; i < s->field_count; i++) {
                struct sl_sf_member *m = &plan->members[i];
                member_init(e, m, (struct sl_str){s->fields[i].name, s->fields[i].name_len}, s->fields[i].schema);
                if (sl_map_get(&names, m->stored))
                        plan->clash = m->stored.ptr;
                sl_map_put(&names, m->stored, m);
        }
        sl_map_free(&names, NULL);
        sl_plans_put(&e->plans, s, plan);
        return plan;
}

static void want_member(struct sl_sf_encoder *e, const struct sl_sf_member *m)
{
        struct sl_buf type = {0};
        sl_sf_type_of_schema(m->schema, e->opts.cdc, &type);
        sl_sf_want_column(e, m->stored, sl_buf_cstr(&type), m->schema->doc);
        sl_buf_free(&type);
}

static sl_cold enum sl_rc clashes(const char *column, struct sl_err *err)
{
        return sl_fail(err, SL_E_SF_RECORD,
                       "Two fields of the record become the column \"%.200s\": rename one (ReplaceField), or turn off "
                       "snowflake.compatibility.enable.column.identifier.normalization (5015)",
                       column);
}

static enum sl_rc write_struct(struct sl_sf_encoder *e, const struct sl_schema *s, const struct sl_value *row,
                               bool lenient, struct sl_buf *out, struct sl_err *err)
{
        struct sl_sf_plan *plan = sl_plans_get(&e->plans, s);
        if (sl_unlikely(!plan))
                plan = make_plan(e, s);
        if (sl_unlikely(plan->clash))
                return clashes(plan->clash, err);
        if (sl_unlikely(row->len != plan->count))
                return sl_fail(err, SL_E_SF_RECORD, "A struct has %u values for the %u fields of its schema (5015)",
                               row->len, plan->count);
        for (uint32_t i = 0; i < plan->count; i++) {
                const struct sl_sf_member *m = &plan->members[i];
                const struct sl_value *v = &row->items[i];
                if (sl_unlikely(m->skip))
                        continue;
                if (sl_unlikely(e->desc && !m->column))
                        want_member(e, m);
                if (sl_unlikely(v->type == SL_NULL) && !lenient)
                        SL_TRY(sl_sf_default(m->schema, v, &v, err));
                else if (v->type == SL_NULL)
                        v = NULL;
                if (m->column)
                        sl_sf_note_value(e, m->column, !v);
                if (v) {
                        SL_TRY(write_member(e, m, v, out, err));
                } else {
                        sl_buf_add(out, m->lead.ptr, m->lead.len);
                        sl_buf_add(out, "null", 4);
                }
        }
        return SL_OK;
}

/* ---- rows without a schema ---- */

static void key_free(void *p)
{
        member_clear(p);
        free(p);
}

static void forget_keys(struct sl_sf_encoder *e)
{
        sl_map_free(&e->keys, key_free);
        sl_map_free(&e->slots, free);
        e->keys = e->slots = (struct sl_map){0};
        e->guess_count = 0;
}

static sl_cold struct sl_sf_member *make_key(struct sl_sf_encoder *e, struct sl_str name)
{
        if (e->keys.live >= KEYS_MAX)
                forget_keys(e);
        struct sl_sf_member *m = sl_calloc(1, sizeof(*m));
        member_init(e, m, name, NULL);
        m->row = sl_map_get(&e->slots, m->stored);
        if (!m->row) {
                m->row = sl_calloc(1, sizeof(*m->row));
                sl_map_put(&e->slots, m->stored, m->row);
        }
        sl_map_put(&e->keys, name, m);
        return m;
}

static struct sl_sf_member *key_at(struct sl_sf_encoder *e, uint32_t place, struct sl_str name)
{
        if (sl_likely(place < e->guess_count && sl_str_eq(e->guesses[place]->source, name)))
                return e->guesses[place];
        struct sl_sf_member *m = sl_map_get(&e->keys, name);
        if (!m)
                m = make_key(e, name); /* may forget the guesses */
        if (place < GUESSES && place <= e->guess_count) {
                e->guesses[place] = m;
                e->guess_count = place == e->guess_count ? place + 1 : e->guess_count;
        }
        return m;
}

static sl_cold struct sl_str print_key(struct sl_sf_encoder *e, const struct sl_schema *s, const struct sl_value *k)
{
        struct sl_err ignored = {0};
        sl_buf_clear(&e->text);
        if (sl_sf_print(&e->values, s, k, &e->text, &ignored) != SL_OK)
                sl_buf_clear(&e->text);
        return (struct sl_str){sl_buf_cstr(&e->text), e->text.len};
}

/* A key of a map's top as text: strings are taken as they are. */
static struct sl_str key_text(struct sl_sf_encoder *e, const struct sl_schema *s, const struct sl_value *k)
{
        return sl_likely(k->type == SL_STRING) ? sl_v_as_str(k) : print_key(e, s, k);
}

static enum sl_rc write_entry(struct sl_sf_encoder *e, struct sl_sf_member *m, const struct sl_schema *s,
                              const struct sl_value *v, struct sl_buf *out, struct sl_err *err)
{
        SL_TRY(sl_sf_default(s, v, &v, err));
        if (*m->row == e->row)
                return clashes(m->stored.ptr, err);
        *m->row = e->row;
        if (m->column)
                sl_sf_note_value(e, m->column, !v);
        if (!v && e->desc && !m->column)
                return SL_OK; /* the column is made when it gets a value, and with it its type */
        if (!v) {
                sl_buf_add(out, m->lead.ptr, m->lead.len);
                sl_buf_add(out, "null", 4);
                return SL_OK;
        }
        if (e->desc && !m->column) {
                if (s)
                        want_member(e, &(struct sl_sf_member){.stored = m->stored, .schema = s});
                else
                        sl_sf_want_column(e, m->stored, sl_sf_type_of_value(v), NULL);
        }
        if (m->type != v->type || m->schema != s) {
                m->type = v->type;
                m->schema = s;
                m->how = choose(e, m, v->type);
        }
        if (v->type == SL_MAP && !s && m->how == SL_SF_AS_IS) {
                sl_buf_add(out, m->lead.ptr, m->lead.len);
                return sl_sf_write_object(&e->values, v, out, err);
        }
        return write_member(e, m, v, out, err);
}

static enum sl_rc write_map(struct sl_sf_encoder *e, const struct sl_schema *s, const struct sl_value *map,
                            struct sl_buf *out, struct sl_err *err)
{
        bool repeats = sl_sf_may_repeat(map);
        for (uint32_t i = 0; i < map->len; i++) {
                const struct sl_value *k = &map->items[2 * (size_t)i];
                if (sl_unlikely(repeats) && sl_sf_repeated(map, i))
                        continue;
                struct sl_sf_member *m = key_at(e, i, key_text(e, s ? s->key : NULL, k));
                if (!m->skip)
                        SL_TRY(write_entry(e, m, s ? s->value : NULL, k + 1, out, err));
        }
        return SL_OK;
}

/* ---- records ---- */

static enum sl_rc write_columns(struct sl_sf_encoder *e, const struct sl_schema *s, const struct sl_value *v,
                                bool lenient, struct sl_buf *out, struct sl_err *err)
{
        if (sl_likely(v->type == SL_STRUCT && s && s->type == SL_STRUCT))
                return write_struct(e, s, v, lenient, out, err);
        if (v->type == SL_MAP && (!s || s->type == SL_MAP))
                return write_map(e, s, v, out, err);
        return sl_fail(err, SL_E_SF_RECORD,
                       "Cannot schematize record. Record value must be a Map or Struct. Consider using kafka "
                       "HoistField transformer to "
                       "wrap the value of the record. (5015)");
}

static enum sl_rc write_content(struct sl_sf_encoder *e, const struct sl_schema *s, const struct sl_value *v,
                                struct sl_buf *out, struct sl_err *err)
{
        if (e->content.column)
                sl_sf_note_value(e, e->content.column, false);
        else if (e->desc)
                sl_sf_want_column(e, SL_STR(SL_SF_CONTENT), "VARIANT", NULL);
        sl_buf_add(out, e->content.lead.ptr, e->content.lead.len);
        if (v->type == SL_MAP && !s)
                return sl_sf_write_object(&e->values, v, out, err);
        return sl_sf_write(&e->values, s, v, out, err);
}

/* One of the change log's own columns. */
static void lead_own(struct sl_sf_encoder *e, const struct sl_sf_member *m, const char *type, bool null,
                     struct sl_buf *out)
{
        if (m->column)
                sl_sf_note_value(e, m->column, null);
        else if (e->desc)
                sl_sf_want_column(e, m->stored, type, NULL);
        sl_buf_add(out, m->lead.ptr, m->lead.len);
        if (null)
                sl_buf_add(out, "null", 4);
}

static void keep_keys(struct sl_sf_encoder *e, const struct sl_record *rec);

static enum sl_rc write_change(struct sl_sf_encoder *e, const struct sl_record *rec, bool *ret_skip, struct sl_buf *out,
                               struct sl_err *err)
{
        struct sl_sf_change c = {0};
        if (!sl_sf_cdc_change(&e->changes, rec->value_schema, &rec->value, &c, ret_skip))
                return sl_fail(err, SL_E_SF_RECORD,
                               "sluice.snowflake.cdc is true, but the record is no change event of Debezium's: it has "
                               "no op. Take "
                               "ExtractNewRecordState or other transforms that unwrap it out of the connector (5015)");
        if (*ret_skip)
                return SL_OK;
        keep_keys(e, rec);
        if (c.row)
                SL_TRY(write_columns(e, c.schema, c.row, true, out, err));
        lead_own(e, &e->op, "VARCHAR", false, out);
        sl_sf_add_string(out, c.op, NULL);
        lead_own(e, &e->lsn, "NUMBER(38,0)", !c.has_lsn, out);
        if (c.has_lsn)
                sl_buf_add_u64(out, (uint64_t)c.lsn);
        lead_own(e, &e->commit, "TIMESTAMP_NTZ(6)", !c.has_commit, out);
        if (c.has_commit)
                sl_sf_write_semantic(SL_SF_S_TIMESTAMP, 1000000, c.commit_us, out);
        return SL_OK;
}

static enum sl_rc write_row(struct sl_sf_encoder *e, const struct sl_record *rec, int64_t push_ms, bool *ret_skip,
                            struct sl_buf *out, struct sl_err *err)
{
        if (rec->value.type == SL_NULL && (e->opts.ignore_nulls || e->opts.cdc)) {
                *ret_skip = true;
                return SL_OK;
        }
        if (e->opts.cdc)
                SL_TRY(write_change(e, rec, ret_skip, out, err));
        else if (rec->value.type != SL_NULL && e->opts.schematize)
                SL_TRY(write_columns(e, rec->value_schema, &rec->value, false, out, err));
        else if (rec->value.type != SL_NULL)
                SL_TRY(write_content(e, rec->value_schema, &rec->value, out, err));
        return *ret_skip ? SL_OK : sl_sf_add_metadata(e, rec, push_ms, out, err);
}

enum sl_rc sl_sf_encoder_add(struct sl_sf_encoder *e, const struct sl_record *rec, int64_t push_ms, struct sl_buf *line,
                             enum sl_sf_row *ret, struct sl_err *err)
{
        size_t start = line->len;
        bool skip = false;
        e->row++;
        e->seen_required = 0;
        if (e->wanted.add_count || e->wanted.relax_count) {
                e->wanted.add_count = e->wanted.relax_count = 0;
                sl_arena_reset(&e->arena);
        }
        enum sl_rc rc = write_row(e, rec, push_ms, &skip, line, err);
        if (rc == SL_OK && !sl_buf_ok(line))
                rc = sl_fail(err, SL_E_TOO_LARGE, "The row's JSON text passes the limit of its buffer");
        if (rc != SL_OK) {
                line->len = start;
                line->bad = false;
                return rc;
        }
        if (skip || line->len == start) {
                *ret = SL_SF_ROW_SKIPPED;
                return SL_OK;
        }
        if (e->desc && e->seen_required < e->required)
                missing_columns(e);
        if (sl_unlikely(e->wanted.add_count || e->wanted.relax_count)) {
                line->len = start;
                *ret = SL_SF_ROW_EVOLVE;
                return e->desc->may_evolve ? SL_OK : may_not(e, err);
        }
        line->ptr[start] = '{';
        sl_buf_add(line, "}\n", 2);
        *ret = SL_SF_ROW_DONE;
        return SL_OK;
}

/* Behind the value that starts at p: the next comma or brace of the same depth. */
static const char *value_end(const char *p, const char *end)
{
        bool string = false;
        for (unsigned depth = 0; p < end; p++) {
                if (string && *p == '\\') {
                        p++;
                } else if (string) {
                        string = *p != '"';
                } else if (*p == '"') {
                        string = true;
                } else if (*p == '{' || *p == '[') {
                        depth++;
                } else if (*p == '}' || *p == ']' || *p == ',') {
                        if (!depth)
                                return p;
                        depth -= *p != ',';
                }
        }
        return end;
}

struct sl_str sl_sf_row_largest(struct sl_str line, size_t *ret_len)
{
        const char *p = line.ptr, *end = line.ptr + line.len;
        struct sl_str best = SL_STR("");
        *ret_len = 0;
        while (p < end && (*p == '{' || *p == ',')) {
                const char *name = p + 1, *next = value_end(name, end), *colon = name + 1;
                while (colon < next && *colon != '"')
                        colon += *colon == '\\' ? 2 : 1;
                size_t len = colon + 2 < next ? (size_t)(next - colon) - 2 : 0;
                if (len > *ret_len) {
                        *ret_len = len;
                        best = (struct sl_str){name + 1, (size_t)(colon - name) - 1};
                }
                p = next;
        }
        return best;
}

const struct sl_sf_wanted *sl_sf_encoder_wanted(const struct sl_sf_encoder *e)
{
        return &e->wanted;
}

/* ---- keys of a change log ---- */

static void forget_key_names(struct sl_sf_encoder *e)
{
        for (uint32_t i = 0; i < e->key_count; i++)
                free((char *)(uintptr_t)e->key_names[i].ptr);
        free(e->key_names);
        e->key_names = NULL;
        e->key_count = 0;
}

static void add_key_name(struct sl_sf_encoder *e, struct sl_str name)
{
        struct sl_buf stored = {0};
        if (e->opts.normalize)
                sl_sf_normalize(name, &stored);
        else
                sl_buf_add_str(&stored, name);
        e->key_names[e->key_count++] = (struct sl_str){sl_strndup(sl_buf_cstr(&stored), stored.len), stored.len};
        sl_buf_free(&stored);
}

static void keep_keys(struct sl_sf_encoder *e, const struct sl_record *rec)
{
        const struct sl_schema *s = rec->key_schema;
        if (rec->key.type == SL_STRUCT && s) {
                if (sl_likely(s == e->key_schema))
                        return;
                forget_key_names(e);
                e->key_schema = s;
                e->key_names = sl_calloc(s->field_count + 1, sizeof(*e->key_names));
                for (uint32_t i = 0; i < s->field_count; i++)
                        add_key_name(e, (struct sl_str){s->fields[i].name, s->fields[i].name_len});
        } else if (rec->key.type == SL_MAP && e->key_count != rec->key.len) {
                forget_key_names(e);
                e->key_names = sl_calloc(rec->key.len + 1, sizeof(*e->key_names));
                for (uint32_t i = 0; i < rec->key.len; i++)
                        add_key_name(e, key_text(e, NULL, &rec->key.items[2 * (size_t)i]));
        }
}

const struct sl_str *sl_sf_encoder_keys(const struct sl_sf_encoder *e, uint32_t *ret_count)
{
        *ret_count = e->key_count;
        return e->key_names;
}

/* ---- life ---- */

static void own_member(struct sl_sf_encoder *e, struct sl_sf_member *m, const char *name)
{
        member_clear(m);
        *m = (struct sl_sf_member){0};
        m->stored = m->source = SL_STR_NULL;
        struct sl_str stored = sl_str_c(name);
        m->stored = (struct sl_str){sl_strdup(name), stored.len};
        sl_buf_printf(&m->lead, ",\"%s\":", name);
        m->column = e->desc ? sl_sf_desc_find(e->desc, stored) : NULL;
}

void sl_sf_encoder_table(struct sl_sf_encoder *e, const struct sl_sf_desc *desc)
{
        e->desc = desc;
        sl_plans_free(&e->plans, plan_free);
        forget_keys(e);
        own_member(e, &e->content, SL_SF_CONTENT);
        own_member(e, &e->op, SL_SF_CDC_OP);
        own_member(e, &e->lsn, SL_SF_CDC_LSN);
        own_member(e, &e->commit, SL_SF_CDC_COMMIT_TS);
        e->meta_column = desc ? sl_sf_desc_find(desc, SL_STR(SL_SF_METADATA)) : NULL;
        e->required = 0;
        for (uint32_t i = 0; desc && i < desc->count; i++)
                e->required += !desc->columns[i]->nullable && !desc->columns[i]->filled;
        free(e->seen);
        e->seen = desc ? sl_calloc(desc->count + 1, sizeof(*e->seen)) : NULL;
}

struct sl_sf_encoder *sl_sf_encoder_new(const struct sl_sf_encoder_opts *opts)
{
        struct sl_sf_encoder *e = sl_calloc(1, sizeof(*e));
        e->opts = *opts;
        e->guesses = sl_calloc(GUESSES, sizeof(struct sl_sf_member *));
        e->head_partition = -1;
        sl_arena_init(&e->arena, 0);
        sl_sf_encoder_table(e, NULL);
        return e;
}

void sl_sf_encoder_free(struct sl_sf_encoder *e)
{
        if (!e)
                return;
        sl_sf_encoder_table(e, NULL);
        member_clear(&e->content);
        member_clear(&e->op);
        member_clear(&e->lsn);
        member_clear(&e->commit);
        sl_sf_values_free(&e->values);
        sl_plans_free(&e->changes, free);
        forget_key_names(e);
        free(e->wanted.add);
        free(e->wanted.relax);
        free(e->guesses);
        free(e->seen);
        sl_arena_free(&e->arena);
        sl_buf_free(&e->scratch);
        sl_buf_free(&e->text);
        sl_buf_free(&e->head);
        free(e);
}
