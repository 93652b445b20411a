/* SPDX-License-Identifier: Apache-2.0 */
/* HeaderToValue of Debezium: headers become fields of the value, where paths with dots lead into nested structs. A
 * struct on the way that isn't there is made; one that is null stays null. The new schema depends on the value's and on
 * those of the headers that the record has; what to do is worked out once for each combination. Values without a schema
 * are refused. */
#include "transforms/structs.h"

#define PURPOSE "Header field insertion"

enum operation { MOVE, COPY };

struct h2v_cfg {
        struct sl_cfg_list headers, fields;
        int operation;
};

struct path {
        struct sl_str *steps;
        uint32_t count;
};

struct h2v {
        const struct h2v_cfg *cfg;
        struct sl_arena texts; /* the paths */
        struct path *paths;    /* by item of the lists */
        struct sl_plans plans; /* struct variants by value schema */
};

/* A header that goes into the value. */
struct entry {
        uint32_t item; /* of the lists */
        const struct sl_header *header;
};

/* How one struct is made: its old fields, then headers and structs in their places. */
struct node;
struct set {
        uint32_t at, entry;
};
struct kid {
        uint32_t at;
        struct node *node;
};
struct node {
        const struct sl_schema *in, *out; /* in NULL: the struct is new */
        struct set *sets;
        struct kid *kids;
        uint32_t set_count, kid_count;
};

/* For one sequence of headers with their schemas. */
struct variant {
        struct variant *next;
        struct sl_arena arena; /* owns the nodes, and the variant itself */
        struct node *root;
        uint32_t count;
        struct {
                uint32_t item;
                const struct sl_schema *schema;
        } keys[];
};
struct variants {
        struct variant *first;
};

/* ---- config ---- */

/* False: a step is empty. */
static bool cut_path(const char *text, struct sl_arena *texts, struct path *ret)
{
        struct sl_str rest = sl_str_c(text);
        uint32_t room = 1;
        for (const char *p = text; *p; p++)
                room += *p == '.';
        ret->steps = sl_arena_alloc(texts, room * sizeof(*ret->steps));
        for (;;) {
                const char *dot = rest.len ? memchr(rest.ptr, '.', rest.len) : NULL;
                size_t n = dot ? (size_t)(dot - rest.ptr) : rest.len;
                if (!n)
                        return false;
                ret->steps[ret->count++] = (struct sl_str){sl_arena_strndup(texts, rest.ptr, n), n};
                if (!dot)
                        return true;
                rest = (struct sl_str){dot + 1, rest.len - n - 1};
        }
}

/* Debezium's validators. */
static void check_list(const struct sl_cfg_list *list, const char *key, struct sl_cfg_report *report)
{
        struct sl_buf all = {0};
        const char *why = list->count ? NULL : "A value is required";
        for (uint32_t i = 0; i < list->count; i++) {
                sl_buf_printf(&all, "%s%s", i ? "," : "", list->items[i]);
                if (strchr(list->items[i], ' '))
                        why = "Element(s) containing space not permitted";
                else if (!list->items[i][0] && !why)
                        why = "Empty string element(s) not permitted";
        }
        if (why && !sl_cfg_has_error(report, key))
                sl_cfg_add_error(report, key, "Invalid value %s for configuration %s: The '%s' value is invalid: %s",
                                 sl_buf_cstr(&all), key, key, why);
        sl_buf_free(&all);
}

static void h2v_check(const void *config, struct sl_cfg_report *report)
{
        const struct h2v_cfg *cfg = config;
        struct sl_arena texts = {0};
        check_list(&cfg->headers, "headers", report);
        check_list(&cfg->fields, "fields", report);
        if (cfg->fields.count != cfg->headers.count)
                sl_cfg_add_error(report, "fields",
                                 "'fields' config must have the same number of elements as 'headers' config.");
        for (uint32_t i = 0; i < cfg->fields.count && !sl_cfg_has_error(report, "fields"); i++) {
                struct path path = {0};
                if (!cut_path(cfg->fields.items[i], &texts, &path))
                        sl_cfg_add_error(report, "fields", "'%s' is no path to a field: a step is empty",
                                         cfg->fields.items[i]);
        }
        sl_arena_free(&texts);
}

static enum sl_rc h2v_open(void *state, const void *config, const struct sl_transform_ops *ops sl_unused,
                           struct sl_err *err)
{
        struct h2v *st = state;
        const struct h2v_cfg *cfg = st->cfg = config;
        st->paths = sl_arena_zalloc(&st->texts, (cfg->fields.count + 1) * sizeof(*st->paths));
        for (uint32_t i = 0; i < cfg->fields.count; i++)
                if (!cut_path(cfg->fields.items[i], &st->texts, &st->paths[i]))
                        return sl_fail(err, SL_E_CONFIG, "'%s' is no path to a field", cfg->fields.items[i]);
        return SL_OK;
}

static void free_variant(struct variant *v)
{
        struct sl_arena arena = v->arena;
        sl_arena_free(&arena);
}

static void free_variants(void *item)
{
        struct variants *all = item;
        for (struct variant *v = all->first, *next; v; v = next) {
                next = v->next;
                free_variant(v);
        }
        free(all);
}

static void h2v_close(void *state)
{
        struct h2v *st = state;
        sl_plans_free(&st->plans, free_variants);
        sl_arena_free(&st->texts);
        *st = (struct h2v){0};
}

/* ---- binding ---- */

struct binding {
        const struct h2v *st;
        const struct entry *entries;
        uint32_t count;
        struct sl_arena *arena;
};

static const struct path *path_of(const struct binding *b, uint32_t entry)
{
        return &b->st->paths[b->entries[entry].item];
}

/* The entries of `mine` whose path goes on below `name` at this depth; 0 = none. */
static uint32_t below(const struct binding *b, const uint32_t *mine, uint32_t count, uint32_t depth, struct sl_str name,
                      uint32_t *ret)
{
        uint32_t n = 0;
        for (uint32_t i = 0; i < count; i++) {
                const struct path *path = path_of(b, mine[i]);
                if (path->count > depth + 1 && sl_str_eq(path->steps[depth], name))
                        ret[n++] = mine[i];
        }
        return n;
}

static enum sl_rc need_parent(const struct binding *b, const struct sl_schema *schema, struct sl_str name,
                              uint32_t entry, struct sl_err *err)
{
        if (schema->type == SL_STRUCT)
                return SL_OK;
        if (schema->type == SL_ARRAY || schema->type == SL_MAP)
                return sl_fail(err, SL_E_TRANSFORM, "Cannot list fields on non-struct type");
        return SL_FAIL_AS(err, SL_JAVA_DEBEZIUM,
                          "Field '%.*s' is a primitive type, not a struct. Cannot add nested field '%s'.", SL_FMT(name),
                          b->st->cfg->fields.items[b->entries[entry].item]);
}

static int find(const struct sl_field *fields, uint32_t n, struct sl_str name)
{
        for (uint32_t i = 0; i < n; i++)
                if (sl_str_eqc(name, fields[i].name))
                        return (int)i;
        return -1;
}

static enum sl_rc bind_node(const struct binding *b, const struct sl_schema *in, const uint32_t *mine, uint32_t count,
                            uint32_t depth, struct node **ret, struct sl_err *err);

static enum sl_rc add_kid(const struct binding *b, const struct sl_schema *in, const uint32_t *mine, uint32_t count,
                          uint32_t depth, uint32_t at, struct node *node, struct sl_err *err)
{
        struct kid *kid = &node->kids[node->kid_count++];
        kid->at = at;
        return bind_node(b, in, mine, count, depth + 1, &kid->node, err);
}

/* The structs that are there and get something, in the order of the fields. */
static enum sl_rc bind_old(const struct binding *b, const uint32_t *mine, uint32_t count, uint32_t depth,
                           struct sl_field *fields, struct node *node, uint32_t *some, struct sl_err *err)
{
        for (uint32_t i = 0; node->in && i < node->in->field_count; i++) {
                const struct sl_field *f = &node->in->fields[i];
                struct sl_str name = {f->name, f->name_len};
                uint32_t n = below(b, mine, count, depth, name, some);
                if (!n)
                        continue;
                SL_TRY(need_parent(b, f->schema, name, some[0], err));
                SL_TRY(add_kid(b, f->schema, some, n, depth, i, node, err));
                fields[i].schema = node->kids[node->kid_count - 1].node->out;
        }
        return SL_OK;
}

/* The headers that end here, then the structs that have to be made. */
static enum sl_rc bind_new(const struct binding *b, const uint32_t *mine, uint32_t count, uint32_t depth,
                           struct sl_field *fields, struct sl_schema *spec, struct node *node, uint32_t *some,
                           struct sl_err *err)
{
        for (uint32_t i = 0; i < count; i++) {
                const struct path *path = path_of(b, mine[i]);
                if (path->count != depth + 1)
                        continue;
                int at = find(fields, spec->field_count, path->steps[depth]);
                const struct sl_schema *schema = b->entries[mine[i]].header->schema;
                if (at < 0 && !schema)
                        return SL_FAIL_AS(err, SL_JAVA_BUILDER, "fieldSchema for field %s cannot be null.",
                                          path->steps[depth].ptr);
                node->sets[node->set_count++] =
                        (struct set){.at = at < 0 ? spec->field_count : (uint32_t)at, .entry = mine[i]};
                if (at < 0)
                        SL_TRY(sl_add_field(spec, fields, path->steps[depth].ptr, schema, err));
        }
        uint32_t old = node->in ? node->in->field_count : 0;
        for (uint32_t i = 0; i < count; i++) {
                const struct path *path = path_of(b, mine[i]);
                if (path->count <= depth + 1 || find(fields, old, path->steps[depth]) >= 0)
                        continue;
                uint32_t n = below(b, mine, count, depth, path->steps[depth], some);
                if (some[0] != mine[i])
                        continue; /* made with the first that needs it */
                SL_TRY(add_kid(b, NULL, some, n, depth, spec->field_count, node, err));
                SL_TRY(sl_add_field(spec, fields, path->steps[depth].ptr, node->kids[node->kid_count - 1].node->out,
                                    err));
        }
        return SL_OK;
}

/* in NULL: a struct that is to be made. A nested struct stays optional where it was (Java's doesn't, and a null there
 * can't be written); the outermost becomes required, as in Java. */
static enum sl_rc bind_node(const struct binding *b, const struct sl_schema *in, const uint32_t *mine, uint32_t count,
                            uint32_t depth, struct node **ret, struct sl_err *err)
{
        struct sl_schema spec = in ? sl_schema_like(in, SL_STRUCT) : (struct sl_schema){.type = SL_STRUCT};
        uint32_t old = in ? in->field_count : 0;
        struct sl_field *fields = sl_arena_zalloc(b->arena, (old + count) * sizeof(*fields));
        uint32_t *some = sl_arena_alloc(b->arena, count * sizeof(*some));
        struct node *node = *ret = sl_arena_zalloc(b->arena, sizeof(*node));
        node->in = in;
        node->sets = sl_arena_alloc(b->arena, count * sizeof(*node->sets));
        node->kids = sl_arena_alloc(b->arena, count * sizeof(*node->kids));
        spec.optional = in ? depth && in->optional : true;
        spec.fields = fields;
        spec.field_count = old;
        if (old)
                memcpy(fields, in->fields, old * sizeof(*fields));
        SL_TRY(bind_old(b, mine, count, depth, fields, node, some, err));
        SL_TRY(bind_new(b, mine, count, depth, fields, &spec, node, some, err));
        node->out = sl_schema_intern(&spec);
        return SL_OK;
}

static sl_cold enum sl_rc bind_variant(struct h2v *st, const struct sl_schema *in, const struct entry *entries,
                                       uint32_t count, struct variant **ret, struct sl_err *err)
{
        struct sl_arena arena;
        sl_arena_init(&arena, 4096);
        struct variant *v = sl_arena_zalloc(&arena, sizeof(*v) + count * sizeof(*v->keys));
        uint32_t *all = sl_arena_alloc(&arena, count * sizeof(*all));
        const struct binding b = {.st = st, .entries = entries, .count = count, .arena = &arena};
        v->count = count;
        for (uint32_t i = 0; i < count; i++) {
                v->keys[i].item = entries[i].item;
                v->keys[i].schema = entries[i].header->schema;
                all[i] = i;
        }
        enum sl_rc rc = bind_node(&b, in, all, count, 0, &v->root, err);
        v->arena = arena;
        if (rc != SL_OK) {
                free_variant(v);
                return rc;
        }
        struct variants *variants = sl_plans_get(&st->plans, in);
        if (!variants)
                sl_plans_put(&st->plans, in, variants = sl_calloc(1, sizeof(*variants)));
        v->next = variants->first;
        variants->first = *ret = v;
        return SL_OK;
}

static struct variant *find_variant(const struct h2v *st, const struct sl_schema *in, const struct entry *entries,
                                    uint32_t count)
{
        const struct variants *variants = sl_plans_get(&st->plans, in);
        for (struct variant *v = variants ? variants->first : NULL; v; v = v->next) {
                uint32_t i = 0;
                while (v->count == count && i < count && v->keys[i].item == entries[i].item &&
                       v->keys[i].schema == entries[i].header->schema)
                        i++;
                if (v->count == count && i == count)
                        return v;
        }
        return NULL;
}

/* ---- rows ---- */

/* Struct.put, as far as a field that was there before may not take the header's value. */
static enum sl_rc put(const struct sl_field *f, const struct sl_header *h, struct sl_value *ret, struct sl_err *err)
{
        const struct sl_schema *s = f->schema;
        if (h->value.type == SL_NULL && !s->optional)
                return sl_fail(err, SL_E_TRANSFORM,
                               "Invalid value: null used for required field: \"%s\", schema type: %s", f->name,
                               sl_type_name(s->type));
        bool fits =
                h->value.type == SL_NULL || h->schema == s ||
                (h->value.type == s->type && s->type != SL_STRUCT && (!h->schema || h->schema->logical == s->logical));
        if (!fits && h->value.type == SL_STRUCT && s->type == SL_STRUCT)
                return sl_fail(err, SL_E_TRANSFORM, "Struct schemas do not match.");
        if (!fits)
                return sl_fail(err, SL_E_TRANSFORM,
                               "Invalid Java object for schema with type %s: class %s for field: \"%s\"",
                               sl_type_name(s->type), sl_java_class(h->schema, &h->value), f->name);
        *ret = h->value;
        return SL_OK;
}

static enum sl_rc make(const struct node *node, const struct sl_value *in, const struct entry *entries,
                       struct sl_arena *arena, struct sl_value *ret, struct sl_err *err)
{
        uint32_t n = node->out->field_count, old = node->in ? node->in->field_count : 0;
        struct sl_value *items = sl_arena_alloc(arena, n * sizeof(*items));
        for (uint32_t i = 0; i < old; i++)
                items[i] = sl_read_field(node->in->fields[i].schema, &in->items[i], true);
        for (uint32_t i = 0; i < node->kid_count; i++) {
                const struct kid *kid = &node->kids[i];
                struct sl_value *at = &items[kid->at];
                if (!kid->node->in || at->type != SL_NULL)
                        SL_TRY(make(kid->node, at, entries, arena, at, err));
        }
        for (uint32_t i = 0; i < node->set_count; i++) {
                const struct set *set = &node->sets[i];
                SL_TRY(put(&node->out->fields[set->at], entries[set->entry].header, &items[set->at], err));
        }
        *ret = sl_v_items(SL_STRUCT, items, n);
        return SL_OK;
}

static int item_of(const struct h2v_cfg *cfg, struct sl_str name)
{
        for (uint32_t i = 0; i < cfg->headers.count; i++)
                if (sl_str_eqc(name, cfg->headers.items[i]))
                        return (int)i;
        return -1;
}

static uint32_t collect(const struct h2v_cfg *cfg, const struct sl_record *rec, struct entry *entries)
{
        uint32_t n = 0;
        for (uint32_t i = 0; i < rec->header_count; i++) {
                int item = item_of(cfg, rec->headers[i]->key);
                if (item >= 0)
                        entries[n++] = (struct entry){(uint32_t)item, rec->headers[i]};
        }
        return n;
}

static void drop_headers(struct sl_record *rec, const struct entry *entries, uint32_t count, struct sl_arena *arena)
{
        const struct sl_header **kept = sl_arena_alloc(arena, rec->header_count * sizeof(*kept));
        uint32_t n = 0, next = 0;
        for (uint32_t i = 0; i < rec->header_count; i++)
                if (next < count && entries[next].header == rec->headers[i])
                        next++;
                else
                        kept[n++] = rec->headers[i];
        rec->headers = kept;
        rec->header_count = n;
}

static enum sl_rc h2v_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct h2v *st = state;
        if (rec->value.type == SL_NULL)
                return SL_OK;
        SL_TRY(sl_need_struct(rec->value_schema, &rec->value, PURPOSE, err));
        struct entry *entries = sl_arena_alloc(arena, rec->header_count * sizeof(*entries));
        uint32_t count = collect(st->cfg, rec, entries);
        if (!count)
                return SL_OK;
        struct variant *v = find_variant(st, rec->value_schema, entries, count);
        if (sl_unlikely(!v))
                SL_TRY(bind_variant(st, rec->value_schema, entries, count, &v, err));
        SL_TRY(make(v->root, &rec->value, entries, arena, &rec->value, err));
        rec->value_schema = v->root->out;
        if (st->cfg->operation == MOVE)
                drop_headers(rec, entries, count, arena);
        return SL_OK;
}

/* ---- table ---- */

static const struct sl_cfg_enum operations[] = {{"move", MOVE, NULL}, {"copy", COPY, NULL}, {0}};
static const struct sl_cfg_def h2v_config[] = {
        {SL_CFG_LIST(struct h2v_cfg, headers, "headers"), .flags = SL_CFG_REQUIRED, .importance = SL_HIGH,
         .doc = "Headers whose values become fields of the value."},
        {SL_CFG_LIST(struct h2v_cfg, fields, "fields"), .flags = SL_CFG_REQUIRED, .importance = SL_HIGH,
         .doc = "Where they go, in the order of the headers; dots lead into nested structs."},
        {SL_CFG_ENUM(struct h2v_cfg, operation, "operation", operations),
         .flags = SL_CFG_REQUIRED | SL_CFG_CASE_INSENSITIVE, .importance = SL_HIGH,
         .doc = "move takes the headers away, copy leaves them."},
        {0},
};

static const char *const h2v_aliases[] = {"io.debezium.transforms.HeaderToValue", NULL};

extern const struct sl_transform_ops sl_header_to_value;
const struct sl_transform_ops sl_header_to_value = {
        .name = "HeaderToValue",
        .aliases = h2v_aliases,
        .config = h2v_config,
        .config_size = sizeof(struct h2v_cfg),
        .state_size = sizeof(struct h2v),
        .check = h2v_check,
        .open = h2v_open,
        .apply = h2v_apply,
        .close = h2v_close,
};
