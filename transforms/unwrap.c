/* SPDX-License-Identifier: Apache-2.0 */
/* ExtractNewRecordState of Debezium: a change event becomes the row as it is now. Inserts, updates and reads become
 * `after`; delete.tombstone.handling.mode says what becomes of a delete and of the tombstone behind it; a truncate
 * goes. add.fields and add.headers carry parts of the envelope over, route.by.field names the topic, drop.fields.*
 * leave out the fields that a header lists. Records that are no change events pass. Everything about an envelope's
 * schema is worked out once; a row is a copy of its 16-byte values. The keys of Debezium 2 for deletes are known, to
 * say what to write instead. */
#include "transforms/structs.h"

#define PURPOSE "source field insertion"
#define DELETED "__deleted"

enum mode { M_TOMBSTONE, M_DROP, M_REWRITE, M_REWRITE_WITH_TOMBSTONE, M_DELETE_TO_TOMBSTONE };
enum { OLD_UNSET, OLD_TRUE, OLD_FALSE };
enum { OLD_DROP = 1, OLD_NONE, OLD_REWRITE };

struct unwrap_cfg {
        struct sl_cfg_list fields, headers;
        const char *fields_prefix, *headers_prefix, *route, *drop_header;
        bool replace_null, drop_from_key, drop_compatible;
        int mode, old_tombstones, old_deletes;
};

/* One item of add.fields or add.headers: outer.field:name */
struct ref {
        const char *outer; /* the struct in the envelope; NULL = the envelope itself */
        const char *field;
        const char *name; /* what it is called, with the prefix */
};
struct refs {
        struct ref *items;
        uint32_t count;
};

struct unwrap {
        const struct unwrap_cfg *cfg;
        struct sl_arena texts; /* of the refs */
        struct refs fields, headers;
        const char *route;           /* NULL = none */
        struct sl_str drop_header;   /* ptr NULL = none */
        struct sl_plans plans, keys; /* struct plan by envelope schema, struct cuts by key schema */
};

/* Where a ref's value is in records of one envelope schema. */
struct place {
        int32_t outer; /* index of the struct; -1 = the envelope */
        uint32_t at;   /* index there, or in the envelope */
        bool inside;
        const struct sl_schema *schema; /* NULL = there is no such field, and nothing is added */
};

/* A schema without some of its fields, for one list of names. */
struct cut {
        struct cut *next;
        const struct sl_schema *out;
        const bool *gone; /* by field of the whole schema */
        uint32_t kept[];
};
struct cuts {
        struct cut *first;
};

/* What `after` (or `before` of a rewritten delete) becomes: its fields, __deleted, what is added. */
struct row {
        const struct sl_schema *in, *out;
        struct sl_value deleted;
        uint32_t base; /* fields before those that are added */
        int32_t route; /* index of the field; -1 = none */
        bool plain;    /* no null is read as a default */
        bool whole;    /* plain, and nothing is added: the struct is taken as it is */
        uint32_t added;
        struct place *places;
        struct cuts cuts;
};

struct plan {
        bool envelope;
        int32_t after, before; /* -1 = no such field */
        struct place *headers; /* NULL = not worked out yet */
        struct row *live, *dead;
};

/* ---- config ---- */

/* Java's split at one character: empty parts at the end don't count, but a text without the character is one part. How
 * many there are; the first two are stored. */
static uint32_t split(struct sl_str s, char at, struct sl_str parts[2])
{
        uint32_t n = 0;
        parts[0] = parts[1] = s;
        if (!memchr(s.ptr, at, s.len))
                return 1;
        while (s.len && s.ptr[s.len - 1] == at)
                s.len--;
        while (s.len) {
                const char *end = memchr(s.ptr, at, s.len);
                size_t len = end ? (size_t)(end - s.ptr) : s.len;
                if (n < 2)
                        parts[n] = (struct sl_str){s.ptr, len};
                n++;
                s = end ? (struct sl_str){end + 1, s.len - len - 1} : SL_STR_NULL;
        }
        return n;
}

static const char *struct_of(struct sl_str field)
{
        static const char *const transaction[] = {"id", "data_collection_order", "total_order"};
        static const char *const top[] = {"op", "ts_ms", "ts_us", "ts_ns"};
        for (size_t i = 0; i < sizeof(transaction) / sizeof(*transaction); i++)
                if (sl_str_eqc(field, transaction[i]))
                        return "transaction";
        for (size_t i = 0; i < sizeof(top) / sizeof(*top); i++)
                if (sl_str_eqc(field, top[i]))
                        return NULL;
        return sl_str_eqc(field, "updateDescription") ? "updateDescription" : "source";
}

static const char *parse_ref(const char *item, const char *prefix, struct sl_arena *texts, struct ref *ret)
{
        struct sl_str names[2], steps[2];
        uint32_t n = split(sl_str_c(item), ':', names);
        uint32_t depth = n ? split(names[0], '.', steps) : 0;
        if (!depth || n > 2)
                return "Unexpected field name: ";
        struct sl_str field = depth == 1 ? steps[0] : steps[1];
        ret->field = sl_arena_strndup(texts, field.ptr, field.len);
        ret->outer = depth == 1 ? struct_of(field) : sl_arena_strndup(texts, steps[0].ptr, steps[0].len);
        if (n == 2)
                ret->name = sl_arena_printf(texts, "%s%.*s", prefix, SL_FMT(names[1]));
        else if (depth == 1)
                ret->name = sl_arena_printf(texts, "%s%s", prefix, ret->field);
        else
                ret->name = sl_arena_printf(texts, "%s%s_%s", prefix, ret->outer, ret->field);
        return NULL;
}

/* NULL, or the item that is none (*why says what is wrong). */
static const char *parse_refs(const struct sl_cfg_list *list, const char *prefix, struct sl_arena *texts,
                              struct refs *ret, const char **why)
{
        ret->items = sl_arena_alloc(texts, (list->count + 1) * sizeof(*ret->items));
        for (uint32_t i = 0; i < list->count; i++) {
                if (!list->items[i][0])
                        continue;
                *why = parse_ref(list->items[i], prefix, texts, &ret->items[ret->count]);
                if (*why)
                        return list->items[i];
                ret->count++;
        }
        return NULL;
}

/* What Debezium 2 made of its two keys. */
static int old_mode(const struct unwrap_cfg *cfg)
{
        bool keep = cfg->old_tombstones == OLD_FALSE;
        switch (cfg->old_deletes) {
        case OLD_NONE:
                return keep ? -1 : M_TOMBSTONE;
        case OLD_REWRITE:
                return keep ? M_REWRITE_WITH_TOMBSTONE : M_REWRITE;
        default:
                return keep ? M_DELETE_TO_TOMBSTONE : M_DROP;
        }
}

static const struct sl_cfg_enum modes[] = {{"drop", M_DROP, NULL},
                                           {"tombstone", M_TOMBSTONE, NULL},
                                           {"rewrite", M_REWRITE, NULL},
                                           {"rewrite-with-tombstone", M_REWRITE_WITH_TOMBSTONE, NULL},
                                           {"delete-to-tombstone", M_DELETE_TO_TOMBSTONE, NULL},
                                           {0}};

/* Debezium 3 ignores the old keys, so that a config written for 2 silently gets other deletes. Where both agree, or a
 * mode is set, the keys only get a warning. */
static void check_old_keys(const struct unwrap_cfg *cfg, struct sl_cfg_report *report)
{
        int meant = old_mode(cfg);
        const char *key = cfg->old_deletes ? "delete.handling.mode" : "drop.tombstones", *name = "";
        if ((!cfg->old_deletes && !cfg->old_tombstones) || cfg->mode != M_TOMBSTONE || meant == M_TOMBSTONE)
                return;
        for (const struct sl_cfg_enum *e = modes; e->name; e++)
                if (e->value == meant)
                        name = e->name;
        if (meant < 0)
                sl_cfg_add_error(
                        report, key,
                        "drop.tombstones=false and delete.handling.mode=none are Debezium 2's and made two nulls "
                        "of each delete, which no delete.tombstone.handling.mode does. Debezium 3 ignores them and "
                        "makes one null: remove them for that");
        else
                sl_cfg_add_error(
                        report, key,
                        "drop.tombstones and delete.handling.mode are Debezium 2's; Debezium 3 ignores them and "
                        "makes a tombstone of each delete. Write delete.tombstone.handling.mode=%s for what "
                        "Debezium 2 did, or remove them for what Debezium 3 does",
                        name);
}

static void check_list(const struct sl_cfg_list *list, const char *key, struct sl_cfg_report *report)
{
        struct sl_arena texts = {0};
        struct refs refs = {0};
        const char *why, *bad = parse_refs(list, "", &texts, &refs, &why);
        if (bad)
                sl_cfg_add_error(report, key, "%s%s", why, bad);
        sl_arena_free(&texts);
}

static void unwrap_check(const void *config, struct sl_cfg_report *report)
{
        const struct unwrap_cfg *cfg = config;
        check_list(&cfg->fields, "add.fields", report);
        check_list(&cfg->headers, "add.headers", report);
        check_old_keys(cfg, report);
}

static enum sl_rc unwrap_open(void *state, const void *config, const struct sl_transform_ops *ops sl_unused,
                              struct sl_err *err)
{
        struct unwrap *st = state;
        const struct unwrap_cfg *cfg = st->cfg = config;
        const char *why, *bad = parse_refs(&cfg->fields, cfg->fields_prefix, &st->texts, &st->fields, &why);
        if (!bad)
                bad = parse_refs(&cfg->headers, cfg->headers_prefix, &st->texts, &st->headers, &why);
        if (bad)
                return sl_fail(err, SL_E_CONFIG, "%s%s", why, bad);
        st->route = cfg->route && cfg->route[0] ? cfg->route : NULL;
        if (cfg->drop_header && cfg->drop_header[strspn(cfg->drop_header, " \t\n\r\f\v")])
                st->drop_header = sl_str_c(cfg->drop_header);
        return SL_OK;
}

static void free_cuts(struct cuts *cuts)
{
        for (struct cut *c = cuts->first, *next; c; c = next) {
                next = c->next;
                free(c);
        }
}

static void free_key(void *item)
{
        free_cuts(item);
        free(item);
}

static void free_row(struct row *row)
{
        if (!row)
                return;
        free_cuts(&row->cuts);
        free(row->places);
        free(row);
}

static void free_plan(void *item)
{
        struct plan *plan = item;
        free_row(plan->live);
        free_row(plan->dead);
        free(plan->headers);
        free(plan);
}

static void unwrap_close(void *state)
{
        struct unwrap *st = state;
        sl_plans_free(&st->plans, free_plan);
        sl_plans_free(&st->keys, free_key);
        sl_arena_free(&st->texts);
        *st = (struct unwrap){0};
}

/* ---- binding ---- */

static bool rewrites(const struct unwrap *st)
{
        return st->cfg->mode == M_REWRITE || st->cfg->mode == M_REWRITE_WITH_TOMBSTONE;
}

/* As Java's copy of a field's schema, optional and without default; a struct or map keeps what is in it. */
static const struct sl_schema *optional_copy(const struct sl_schema *s)
{
        struct sl_schema spec = sl_schema_like(s, s->type);
        spec.optional = true;
        spec.fields = s->fields;
        spec.field_count = s->field_count;
        spec.key = s->key;
        spec.value = s->value;
        return sl_schema_intern(&spec);
}

/* In the struct, else (what another transform put there) in the envelope. */
static enum sl_rc find_place(const struct ref *ref, const struct sl_schema *env, struct place *ret, struct sl_err *err)
{
        const struct sl_schema *in = env;
        *ret = (struct place){.outer = -1};
        if (ref->outer) {
                ret->outer = sl_schema_field(env, ref->outer, strlen(ref->outer));
                if (ret->outer < 0)
                        return SL_FAIL_AS(err, SL_JAVA_NPE, "%s has no %s to take %s from", env->name, ref->outer,
                                          ref->field);
                in = env->fields[ret->outer].schema;
                if (in->type != SL_STRUCT)
                        return sl_fail(err, SL_E_TRANSFORM, "Cannot look up fields on non-struct type");
        }
        int at = sl_schema_field(in, ref->field, strlen(ref->field));
        ret->inside = at >= 0;
        if (at < 0)
                at = sl_schema_field(in = env, ref->field, strlen(ref->field));
        if (at < 0)
                return SL_OK;
        ret->at = (uint32_t)at;
        ret->schema = optional_copy(in->fields[at].schema);
        return SL_OK;
}

static enum sl_rc find_headers(const struct unwrap *st, const struct sl_schema *env, struct plan *plan,
                               struct sl_err *err)
{
        enum sl_rc rc = SL_OK;
        struct place *places = sl_calloc(st->headers.count, sizeof(*places));
        for (uint32_t i = 0; i < st->headers.count && rc == SL_OK; i++)
                rc = find_place(&st->headers.items[i], env, &places[i], err);
        if (rc == SL_OK)
                plan->headers = places;
        else
                free(places);
        return rc;
}

static enum sl_rc add_fields(const struct unwrap *st, const struct sl_schema *env, struct sl_schema *spec,
                             struct sl_field *fields, struct row *row, struct sl_err *err)
{
        uint32_t op;
        SL_TRY(sl_struct_index(env, "op", SL_STRING, &op, err));
        for (uint32_t i = 0; i < st->fields.count; i++) {
                struct place *place = &row->places[row->added];
                SL_TRY(find_place(&st->fields.items[i], env, place, err));
                if (!place->schema)
                        continue;
                SL_TRY(sl_add_field(spec, fields, st->fields.items[i].name, place->schema, err));
                row->added++;
        }
        return SL_OK;
}

static enum sl_rc fill_row(const struct unwrap *st, const struct sl_schema *env, bool live, struct sl_field *fields,
                           struct row *row, struct sl_err *err)
{
        struct sl_schema spec = sl_schema_like(row->in, SL_STRUCT);
        bool rewrite = rewrites(st);
        uint32_t route;
        spec.fields = fields;
        spec.field_count = row->in->field_count;
        if (spec.field_count)
                memcpy(fields, row->in->fields, spec.field_count * sizeof(*fields));
        row->plain = true;
        for (uint32_t i = 0; rewrite && st->cfg->replace_null && i < spec.field_count; i++)
                row->plain &= !fields[i].schema->has_default;
        if (rewrite)
                SL_TRY(sl_add_field(&spec, fields, DELETED, sl_schema_of(SL_STRING, true), err));
        row->deleted = sl_v_str(sl_str_c(live ? "false" : "true"));
        row->base = spec.field_count;
        row->route = -1;
        if (st->route) { /* a delete is routed by what it was */
                SL_TRY(sl_struct_index(live ? sl_schema_intern(&spec) : row->in, st->route, SL_STRING, &route, err));
                row->route = (int32_t)route;
        }
        SL_TRY(add_fields(st, env, &spec, fields, row, err));
        row->out = sl_schema_intern(&spec);
        row->whole = row->plain && row->out->field_count == row->in->field_count;
        return SL_OK;
}

static sl_cold enum sl_rc bind_row(const struct unwrap *st, const struct sl_schema *env, bool live,
                                   const struct sl_schema *in, struct row **ret, struct sl_err *err)
{
        struct row *row = sl_calloc(1, sizeof(*row));
        struct sl_field *fields = sl_calloc(in->field_count + 1 + st->fields.count, sizeof(*fields));
        row->in = in;
        row->places = sl_calloc(st->fields.count + 1, sizeof(*row->places));
        enum sl_rc rc = fill_row(st, env, live, fields, row, err);
        if (rc == SL_OK)
                *ret = row;
        else
                free_row(row);
        free(fields);
        return rc;
}

static sl_cold struct plan *bind_envelope(struct unwrap *st, const struct sl_schema *env)
{
        struct plan *plan = sl_calloc(1, sizeof(*plan));
        plan->envelope = sl_is_envelope(env);
        plan->after = env->type == SL_STRUCT ? sl_schema_field(env, "after", 5) : -1;
        plan->before = env->type == SL_STRUCT ? sl_schema_field(env, "before", 6) : -1;
        sl_plans_put(&st->plans, env, plan);
        return plan;
}

/* ---- dropping fields ---- */

static sl_cold struct cut *new_cut(struct cuts *cuts, const struct sl_schema *s, const bool *gone)
{
        uint32_t n = s->field_count;
        struct cut *cut = sl_calloc(1, sizeof(*cut) + n * (sizeof(*cut->kept) + sizeof(*cut->gone)));
        struct sl_schema spec = sl_schema_like(s, SL_STRUCT);
        struct sl_field *fields = sl_calloc(n + 1, sizeof(*fields));
        for (uint32_t i = 0; i < n; i++)
                if (!gone[i]) {
                        cut->kept[spec.field_count] = i;
                        fields[spec.field_count++] = s->fields[i];
                }
        spec.fields = fields;
        cut->gone = memcpy(cut->kept + n, gone, n * sizeof(*gone));
        cut->out = sl_schema_intern(&spec);
        cut->next = cuts->first;
        cuts->first = cut;
        free(fields);
        return cut;
}

/* Which of the first `limit` fields go; NULL = the struct stays as it is. Without drop.fields.keep.schema.compatible
 * Java makes a new one (and reads nulls as defaults) even when none goes. A list is mostly in the order of the fields.
 */
static bool *marked(const struct unwrap *st, const struct sl_value *names, const struct sl_schema *s, uint32_t limit,
                    struct sl_arena *arena)
{
        bool *gone = sl_arena_zalloc(arena, s->field_count * sizeof(*gone)), any = false;
        uint32_t at = 0;
        for (uint32_t i = 0; i < names->len; i++) {
                if (names->items[i].type != SL_STRING)
                        continue;
                struct sl_str name = sl_v_as_str(&names->items[i]);
                for (uint32_t tried = 0; tried < limit; tried++, at++) {
                        at = at < limit ? at : 0;
                        const struct sl_field *f = &s->fields[at];
                        if (f->name_len != name.len || memcmp(f->name, name.ptr, name.len) != 0)
                                continue;
                        if (f->schema->optional || !st->cfg->drop_compatible)
                                any = gone[at] = true;
                        break;
                }
        }
        return any || !st->cfg->drop_compatible ? gone : NULL;
}

static void drop_from_struct(struct cuts *cuts, const bool *gone, const struct sl_schema **schema,
                             struct sl_value *value, struct sl_arena *arena)
{
        const struct sl_schema *s = *schema;
        struct cut **link = &cuts->first;
        while (*link && memcmp((*link)->gone, gone, s->field_count * sizeof(*gone)) != 0)
                link = &(*link)->next;
        struct cut *cut = *link;
        if (sl_unlikely(!cut)) {
                cut = new_cut(cuts, s, gone);
        } else if (link != &cuts->first) { /* the one that was used last comes first */
                *link = cut->next;
                cut->next = cuts->first;
                cuts->first = cut;
        }
        uint32_t n = cut->out->field_count;
        struct sl_value *items = sl_arena_alloc(arena, n * sizeof(*items));
        for (uint32_t i = 0; i < n; i++)
                items[i] = sl_read_field(cut->out->fields[i].schema, &value->items[cut->kept[i]], true);
        *value = sl_v_items(SL_STRUCT, items, n);
        *schema = cut->out;
}

static void drop_from_map(const struct sl_value *names, struct sl_value *value, struct sl_arena *arena)
{
        struct sl_value *items = sl_arena_alloc(arena, 2 * (size_t)value->len * sizeof(*items));
        uint32_t kept = 0;
        for (uint32_t i = 0; i < value->len; i++) {
                const struct sl_value *entry = &value->items[2 * i];
                bool gone = false;
                for (uint32_t k = 0; k < names->len && !gone; k++)
                        gone = sl_value_equal(&names->items[k], entry);
                if (!gone)
                        memcpy(&items[2 * kept++], entry, 2 * sizeof(*items));
        }
        *value = sl_v_items(SL_MAP, items, kept);
}

static enum sl_rc drop_from_key(struct unwrap *st, const struct sl_value *names, struct sl_record *rec,
                                struct sl_arena *arena, struct sl_err *err)
{
        const struct sl_schema *s = rec->key_schema;
        if (!s) { /* nothing says what is optional */
                if (st->cfg->drop_compatible)
                        return SL_OK;
                SL_TRY(sl_need_map(&rec->key, "field replacement", err));
                drop_from_map(names, &rec->key, arena);
                return SL_OK;
        }
        if (s->type != SL_STRUCT && st->cfg->drop_compatible)
                return sl_fail(err, SL_E_TRANSFORM, "Cannot list fields on non-struct type");
        SL_TRY(sl_need_struct(s, &rec->key, "field replacement", err));
        const bool *gone = marked(st, names, s, s->field_count, arena);
        if (!gone)
                return SL_OK;
        struct cuts *cuts = sl_plans_get(&st->keys, s);
        if (sl_unlikely(!cuts))
                sl_plans_put(&st->keys, s, cuts = sl_calloc(1, sizeof(*cuts)));
        drop_from_struct(cuts, gone, &rec->key_schema, &rec->key, arena);
        return SL_OK;
}

/* The list in the header; *ret NULL when nothing is to go. */
static enum sl_rc listed(const struct unwrap *st, const struct sl_record *rec, const struct sl_value **ret,
                         struct sl_err *err)
{
        uint32_t i = 0;
        *ret = NULL;
        while (i < rec->header_count && !sl_str_eq(rec->headers[i]->key, st->drop_header))
                i++;
        if (i == rec->header_count || rec->headers[i]->value.type == SL_NULL)
                return SL_OK;
        const struct sl_header *h = rec->headers[i];
        if (h->value.type != SL_ARRAY)
                return SL_FAIL_AS(err, SL_JAVA_CAST, "header %s holds no list of field names but %s",
                                  st->cfg->drop_header, sl_java_class(h->schema, &h->value));
        if (h->value.len)
                *ret = &h->value;
        return SL_OK;
}

/* row NULL: a delete without value. limit: the fields of the value that may go. */
static enum sl_rc drop_fields(struct unwrap *st, struct row *row, uint32_t limit, struct sl_record *rec,
                              struct sl_arena *arena, struct sl_err *err)
{
        const struct sl_value *names;
        if (sl_likely(!st->drop_header.ptr))
                return SL_OK;
        SL_TRY(listed(st, rec, &names, err));
        if (!names)
                return SL_OK;
        if (st->cfg->drop_from_key && rec->key.type != SL_NULL)
                SL_TRY(drop_from_key(st, names, rec, arena, err));
        const bool *gone = row ? marked(st, names, row->out, limit, arena) : NULL;
        if (gone)
                drop_from_struct(&row->cuts, gone, &rec->value_schema, &rec->value, arena);
        return SL_OK;
}

/* ---- rows ---- */

static struct sl_value place_value(const struct place *p, const struct sl_value *env)
{
        if (p->outer < 0)
                return env[p->at];
        const struct sl_value *outer = &env[p->outer];
        if (outer->type == SL_NULL)
                return SL_V_NULL;
        return p->inside ? outer->items[p->at] : env[p->at];
}

static enum sl_rc add_headers(struct unwrap *st, struct plan *plan, struct sl_record *rec, struct sl_arena *arena,
                              struct sl_err *err)
{
        if (rec->value.type != SL_STRUCT)
                return SL_FAIL_AS(err, SL_JAVA_CAST, "an envelope is no struct but %s",
                                  sl_java_class(rec->value_schema, &rec->value));
        if (sl_unlikely(!plan->headers))
                SL_TRY(find_headers(st, rec->value_schema, plan, err));
        struct sl_header *h = sl_headers_grow(rec, st->headers.count, arena);
        for (uint32_t i = 0; i < st->headers.count; i++) {
                const struct place *p = &plan->headers[i];
                if (!p->schema)
                        continue;
                *h++ = (struct sl_header){.key = sl_str_c(st->headers.items[i].name),
                                          .schema = p->schema,
                                          .value = place_value(p, rec->value.items)};
                rec->header_count++;
        }
        return SL_OK;
}

/* Java says of a tombstone only that it is a delete. */
static void tombstone(const struct unwrap *st, struct sl_record *rec, struct sl_arena *arena)
{
        rec->dropped = st->cfg->mode != M_REWRITE_WITH_TOMBSTONE;
        if (rec->dropped || !st->headers.count)
                return;
        struct sl_header *h = sl_headers_grow(rec, st->headers.count, arena);
        for (uint32_t i = 0; i < st->headers.count; i++)
                if (strcmp(st->headers.items[i].field, "op") == 0) {
                        *h++ = (struct sl_header){.key = sl_str_c(st->headers.items[i].name),
                                                  .schema = sl_schema_of(SL_STRING, false),
                                                  .value = sl_v_str(sl_str_c("d"))};
                        rec->header_count++;
                }
}

static void set_topic(const struct sl_value *v, struct sl_record *rec)
{
        for (uint32_t i = 0; v->type == SL_STRING && i < v->len; i++)
                if ((uint8_t)v->ptr[i] > ' ') {
                        rec->topic = sl_v_as_str(v);
                        return;
                }
}

static struct sl_value fill(const struct row *row, const struct sl_value *in, const struct sl_value *env,
                            struct sl_arena *arena)
{
        uint32_t n = row->in->field_count;
        struct sl_value *items = sl_arena_alloc(arena, row->out->field_count * sizeof(*items));
        if (n)
                memcpy(items, in->items, n * sizeof(*items));
        for (uint32_t i = 0; sl_unlikely(!row->plain) && i < n; i++)
                items[i] = sl_read_field(row->in->fields[i].schema, &items[i], true);
        if (row->base > n)
                items[n] = row->deleted;
        for (uint32_t i = 0; i < row->added; i++)
                items[row->base + i] = place_value(&row->places[i], env);
        return sl_v_items(SL_STRUCT, items, row->out->field_count);
}

/* in: the struct that becomes the record. */
static enum sl_rc make_row(struct unwrap *st, struct plan *plan, bool live, const struct sl_schema *schema,
                           const struct sl_value *in, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct row **slot = live ? &plan->live : &plan->dead;
        SL_TRY(sl_need_struct(
                schema, in, live && st->route ? "Read record to set topic routing for CREATE / UPDATE" : PURPOSE, err));
        if (sl_unlikely(!*slot))
                SL_TRY(bind_row(st, rec->value_schema, live, schema, slot, err));
        struct row *row = *slot;
        rec->value = row->whole ? *in : fill(row, in, rec->value.items, arena);
        if (row->route >= 0)
                set_topic(live ? &rec->value.items[row->route] : &in->items[row->route], rec);
        rec->value_schema = row->out;
        return drop_fields(st, row, live ? row->out->field_count : row->base, rec, arena, err);
}

static enum sl_rc route_delete(const struct unwrap *st, const struct sl_schema *schema, const struct sl_value *before,
                               struct sl_record *rec, struct sl_err *err)
{
        uint32_t at;
        if (schema->type != SL_STRUCT)
                return sl_fail(err, SL_E_TRANSFORM, "Field 'before' is not of type STRUCT");
        SL_TRY(sl_struct_index(schema, st->route, SL_STRING, &at, err));
        set_topic(&before->items[at], rec);
        return SL_OK;
}

static enum sl_rc deleted(struct unwrap *st, struct plan *plan, const struct sl_value *before, struct sl_record *rec,
                          struct sl_arena *arena, struct sl_err *err)
{
        const struct sl_schema *env = rec->value_schema, *schema = env->fields[plan->before].schema;
        if (st->cfg->mode == M_DROP) {
                rec->dropped = true;
                return SL_OK;
        }
        bool rewrite = rewrites(st);
        if (sl_unlikely(st->route != NULL) && !(rewrite && schema->type == SL_STRUCT))
                SL_TRY(route_delete(st, schema, before, rec, err));
        if (rewrite)
                return make_row(st, plan, false, schema, before, rec, arena, err);
        rec->value = SL_V_NULL;
        rec->value_schema = st->cfg->mode == M_TOMBSTONE ? env->fields[plan->after].schema : NULL;
        return drop_fields(st, NULL, 0, rec, arena, err);
}

static enum sl_rc unwrap_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct unwrap *st = state;
        if (rec->value.type == SL_NULL) {
                tombstone(st, rec, arena);
                return SL_OK;
        }
        if (!rec->value_schema)
                return SL_OK;
        const struct sl_schema *env = rec->value_schema;
        struct plan *plan = sl_plans_get(&st->plans, env);
        if (sl_unlikely(!plan))
                plan = bind_envelope(st, env);
        if (!plan->envelope)
                return SL_OK;
        if (st->headers.count)
                SL_TRY(add_headers(st, plan, rec, arena, err));
        SL_TRY(sl_need_struct(env, &rec->value, "field extraction", err));
        SL_TRY(sl_need_known(plan->after, "after", err));
        struct sl_value row = sl_struct_get(env, &rec->value, plan->after);
        if (row.type != SL_NULL)
                return make_row(st, plan, true, env->fields[plan->after].schema, &row, rec, arena, err);
        SL_TRY(sl_need_known(plan->before, "before", err));
        row = sl_struct_get(env, &rec->value, plan->before);
        if (row.type != SL_NULL)
                return deleted(st, plan, &row, rec, arena, err);
        rec->dropped = true; /* a truncate */
        return SL_OK;
}

/* ---- table ---- */

static const struct sl_cfg_enum old_tombstones[] = {{"true", OLD_TRUE, NULL}, {"false", OLD_FALSE, NULL}, {0}};
static const struct sl_cfg_enum old_deletes[] = {
        {"drop", OLD_DROP, NULL}, {"none", OLD_NONE, NULL}, {"rewrite", OLD_REWRITE, NULL}, {0}};
#define ADDED                                                                                                          \
        "Each is `field` or `struct.field`, and may end with `:name`; it is called the prefix and its name, `field` "  \
        "or "                                                                                                          \
        "`struct_field`. A bare name other than op, ts_ms, ts_us, ts_ns is looked for in `source`, then in the "       \
        "event; id, data_collection_order and total_order in `transaction`. What isn't there is left out."
#define OLD .flags = SL_CFG_DEPRECATED | SL_CFG_HIDDEN | SL_CFG_CASE_INSENSITIVE
#define OLD_DOC .doc = "Debezium 3 does not know it: delete.tombstone.handling.mode decides. Remove it."
static const struct sl_cfg_def unwrap_config[] = {
        {SL_CFG_ENUM(struct unwrap_cfg, mode, "delete.tombstone.handling.mode", modes),
         .flags = SL_CFG_CASE_INSENSITIVE, .def = "tombstone", .importance = SL_MEDIUM,
         .doc = "What becomes of a delete and of the tombstone behind it. drop: both go. tombstone: the delete becomes "
                "a "
                "null with the row's schema, the tombstone goes. delete-to-tombstone: a null without schema, the "
                "tombstone goes. rewrite: the delete becomes the row before it with __deleted=true (every other row "
                "has __deleted=false), the tombstone goes. rewrite-with-tombstone: the same, and the tombstone stays."},
        {SL_CFG_STR(struct unwrap_cfg, route, "route.by.field"), .def = "", .importance = SL_LOW,
         .doc = "A text column whose value is the record's topic; a row where it is null or blank keeps its own."},
        {SL_CFG_STR(struct unwrap_cfg, fields_prefix, "add.fields.prefix"), .def = "__", .importance = SL_LOW,
         .doc = "Stands before the name of each field of add.fields."},
        {SL_CFG_LIST(struct unwrap_cfg, fields, "add.fields"), .def = "", .importance = SL_LOW,
         .doc = "Parts of the event that become fields behind the row's. " ADDED},
        {SL_CFG_STR(struct unwrap_cfg, headers_prefix, "add.headers.prefix"), .def = "__", .importance = SL_LOW,
         .doc = "Stands before the name of each header of add.headers."},
        {SL_CFG_LIST(struct unwrap_cfg, headers, "add.headers"), .def = "", .importance = SL_LOW,
         .doc = "Parts of the event that become headers. " ADDED},
        {SL_CFG_STR(struct unwrap_cfg, drop_header, "drop.fields.header.name"), .importance = SL_LOW,
         .doc = "A header that lists fields to leave out of the row, as ExtractChangedRecordState makes them."},
        {SL_CFG_BOOL(struct unwrap_cfg, drop_from_key, "drop.fields.from.key"), .def = "false", .importance = SL_LOW,
         .doc = "Leave the listed fields out of the key, too."},
        {SL_CFG_BOOL(struct unwrap_cfg, drop_compatible, "drop.fields.keep.schema.compatible"), .def = "true",
         .importance = SL_LOW, .doc = "Leave out only fields that are optional; false: all that are listed."},
        {SL_CFG_BOOL(struct unwrap_cfg, replace_null, "replace.null.with.default"), .def = "true", .importance = SL_LOW,
         .doc = "In the modes that rewrite, read a null field as the default of its schema, if that has one."},
        {SL_CFG_ENUM(struct unwrap_cfg, old_tombstones, "drop.tombstones", old_tombstones), OLD, OLD_DOC},
        {SL_CFG_ENUM(struct unwrap_cfg, old_deletes, "delete.handling.mode", old_deletes), OLD, OLD_DOC},
        {0},
};

static const char *const unwrap_aliases[] = {"io.debezium.transforms.ExtractNewRecordState", NULL};

extern const struct sl_transform_ops sl_extract_new_record_state;
const struct sl_transform_ops sl_extract_new_record_state = {
        .name = "ExtractNewRecordState",
        .aliases = unwrap_aliases,
        .config = unwrap_config,
        .config_size = sizeof(struct unwrap_cfg),
        .state_size = sizeof(struct unwrap),
        .check = unwrap_check,
        .open = unwrap_open,
        .apply = unwrap_apply,
        .close = unwrap_close,
};
