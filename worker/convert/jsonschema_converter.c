/* SPDX-License-Identifier: Apache-2.0 */
/* JsonSchemaConverter: Confluent's wire format (prefix with the schema's id, the value as JSON). Texts, plans and schemas are made at the
 * first sight of a schema or id and kept as long as the converter; the registry is asked then only. Values are not validated against the
 * registered schema, neither here nor in Java's default. */
#include <stdlib.h>

#include "convert/jsonschema.h"
#include "convert/registry.h"
#include "record/plans.h"

struct jsonschema_cfg {
        struct sl_registry_cfg registry;
        bool additional, optional_missing, flatten_single, generalized, ignore_default;
        int decimals; /* enum sl_decimal_format */
};

/* A schema to write. */
struct encoder {
        struct sl_arena arena;
        const struct sl_schema *schema;
        const struct js_writer *plan;
        struct sl_buf text;
        const char *title;
        struct sl_registry_heads heads;
};

struct jsonschema_state {
        const struct jsonschema_cfg *cfg;
        struct js_options opt;
        bool is_key;
        struct sl_registry *registry;
        struct sl_json_writer *writer;
        struct sl_json_reader reader;
        struct sl_plans encoders;
        struct sl_map schemas; /* what to read: by id and topic -> struct sl_schema */
        const struct sl_schema *last;
        struct sl_buf last_key, key; /* key: scratch */
        struct sl_buf subject;
};

/* ---- schemas of the registry ---- */

/* A schema with its references, and theirs. */
struct references {
        struct sl_registry *registry;
        const struct sl_registry_schema *known[64];
        uint32_t count;
};

static enum sl_rc resolve(void *arg, const char *name, struct sl_str *ret, struct sl_err *err)
{
        struct references *r = arg;
        for (uint32_t i = 0; i < r->count; i++)
                for (uint32_t k = 0; k < r->known[i]->ref_count; k++) {
                        const struct sl_registry_ref *ref = &r->known[i]->refs[k];
                        const struct sl_registry_schema *found;
                        if (strcmp(ref->name, name) != 0)
                                continue;
                        SL_TRY(sl_registry_version(r->registry, ref->subject, ref->version, &found, err));
                        if (r->count < sizeof(r->known) / sizeof(*r->known))
                                r->known[r->count++] = found;
                        *ret = found->text;
                        return SL_OK;
                }
        return SL_OK;
}

static enum sl_rc connect_of(struct jsonschema_state *st, const struct sl_registry_schema *schema, int32_t version,
                             const struct sl_schema **ret, struct sl_err *err)
{
        struct references refs = {.registry = st->registry, .known = {schema}, .count = 1};
        return sl_js_schema(&st->opt, schema->text, version, resolve, &refs, ret, err);
}

/* ---- encode ---- */

static void encoder_free(void *plan)
{
        struct encoder *e = plan;
        sl_map_free(&e->heads.by_topic, free);
        sl_buf_free(&e->text);
        sl_arena_free(&e->arena);
        free(e);
}

static sl_cold enum sl_rc new_encoder(struct jsonschema_state *st, const struct sl_schema *schema, struct encoder **ret,
                                      struct sl_err *err)
{
        struct encoder *e = sl_calloc(1, sizeof(*e));
        sl_arena_init(&e->arena, 0);
        enum sl_rc rc = sl_js_make(&st->opt, schema, st->writer, &e->text, err);
        if (rc == SL_OK)
                rc = sl_js_bind(&st->opt, schema, &e->arena, &e->plan, err);
        if (rc == SL_OK && !sl_buf_ok(&e->text))
                rc = sl_fail(err, SL_E_CONVERT, "the JSON Schema of a record is too large");
        if (rc != SL_OK) {
                encoder_free(e);
                return rc;
        }
        e->schema = schema;
        e->title = schema->optional || sl_js_is_union(schema) ? NULL : schema->name;
        sl_plans_put(&st->encoders, schema, *ret = e);
        return SL_OK;
}

static enum sl_rc encoder_of(struct jsonschema_state *st, const struct sl_schema *schema, struct encoder **ret, struct sl_err *err)
{
        *ret = sl_plans_get(&st->encoders, schema);
        return sl_likely(*ret) ? SL_OK : new_encoder(st, schema, ret, err);
}

/* use.latest.version, use.schema.id: do values of ours fit the schema that they are written with? */
static enum sl_rc check_fit(struct jsonschema_state *st, const struct encoder *e, const struct sl_registry_schema *schema, struct sl_err *err)
{
        const struct sl_schema *latest;
        const char *strict = sl_registry_strict(&st->cfg->registry);
        if (!strict)
                return SL_OK;
        SL_TRY(connect_of(st, schema, schema->version, &latest, err));
        const char *why = sl_js_differs(latest, e->schema);
        if (!why)
                return SL_OK;
        return sl_fail(err, SL_E_CONVERT, "Incompatible schema: the record's schema does not fit the schema %d%s%s. Set "
                                          "%s to false to write nevertheless",
                       schema->id, *why ? ": field " : "", why, strict);
}

static sl_cold enum sl_rc new_head(struct jsonschema_state *st, struct sl_str topic, struct encoder *e,
                                   const struct sl_registry_head **ret, struct sl_err *err)
{
        const struct sl_registry_schema *schema;
        struct sl_str text = {e->text.ptr, e->text.len};
        struct sl_buf head = {0};
        SL_TRY(sl_registry_subject(&st->cfg->registry, st->is_key, topic, e->title, &st->subject, err));
        SL_TRY(sl_registry_write(st->registry, sl_buf_cstr(&st->subject), SL_REGISTRY_JSON, text, NULL, 0, &schema, err));
        if (schema->type != SL_REGISTRY_JSON)
                return sl_fail(err, SL_E_CONVERT, "the schema %d is not a JSON Schema", schema->id);
        if (!sl_str_eq(schema->text, text))
                SL_TRY(check_fit(st, e, schema, err));
        sl_registry_prefix(&head, schema->id);
        *ret = sl_registry_add_head(&e->heads, topic, (struct sl_str){head.ptr, head.len});
        sl_buf_free(&head);
        return SL_OK;
}

static enum sl_rc jsonschema_encode(void *state, struct sl_str topic, const struct sl_schema *schema, const struct sl_value *value,
                                    struct sl_buf *out, bool *ret_null, struct sl_err *err)
{
        struct jsonschema_state *st = state;
        struct encoder *e;
        size_t from = out->len;
        *ret_null = value->type == SL_NULL && (!schema || (!schema->optional && !schema->has_default));
        if (*ret_null)
                return SL_OK;
        if (sl_unlikely(!schema))
                return sl_fail(err, SL_E_CONVERT, "JsonSchemaConverter needs a schema to write a value; use JsonConverter with "
                                                  "schemas.enable=false for records without one");
        SL_TRY(encoder_of(st, schema, &e, err));
        const struct sl_registry_head *head = sl_registry_head(&e->heads, topic);
        if (sl_unlikely(!head))
                SL_TRY(new_head(st, topic, e, &head, err));
        sl_buf_add(out, head->bytes, head->len);
        SL_TRY(sl_js_write(e->plan, st->writer, value, out, ret_null, err));
        if (sl_unlikely(!sl_buf_ok(out)))
                return sl_fail(err, SL_E_TOO_LARGE, "the JSON text of a record passes the limit of its buffer");
        if (*ret_null)
                out->len = from;
        return SL_OK;
}

static void jsonschema_expect_encode(void *state, struct sl_str topic, const struct sl_schema *schema)
{
        struct jsonschema_state *st = state;
        struct encoder *e;
        struct sl_err err = {0};
        if (!schema || encoder_of(st, schema, &e, &err) != SL_OK || sl_registry_head(&e->heads, topic) ||
            sl_registry_subject(&st->cfg->registry, st->is_key, topic, e->title, &st->subject, &err) != SL_OK)
                return;
        sl_registry_expect_write(st->registry, sl_buf_cstr(&st->subject), SL_REGISTRY_JSON, (struct sl_str){e->text.ptr, e->text.len}, NULL, 0);
}

/* ---- decode ---- */

/* The id and the topic, whose subject counts versions. */
static struct sl_str key_of(struct jsonschema_state *st, int32_t id, struct sl_str topic)
{
        sl_buf_clear(&st->key);
        sl_buf_add(&st->key, &id, sizeof(id));
        sl_buf_add_str(&st->key, topic);
        return (struct sl_str){st->key.ptr, st->key.len};
}

static sl_cold enum sl_rc new_schema(struct jsonschema_state *st, int32_t id, struct sl_str topic, const struct sl_schema **ret,
                                     struct sl_err *err)
{
        const struct sl_registry_schema *schema;
        int32_t version = 0;
        SL_TRY(sl_registry_read(st->registry, id, &schema, err));
        if (schema->type != SL_REGISTRY_JSON)
                return sl_fail(err, SL_E_DECODE, "the schema %d of the record is not a JSON Schema; use the converter of its format", id);
        enum sl_rc rc = connect_of(st, schema, 0, ret, err);
        if (rc != SL_OK) {
                sl_err_prefix(err, "schema %d", id);
                return rc;
        }
        if ((*ret)->type == SL_STRUCT && !(*ret)->version) {
                SL_TRY(sl_registry_subject(&st->cfg->registry, st->is_key, topic, (*ret)->name, &st->subject, err));
                SL_TRY(sl_registry_version_of(st->registry, sl_buf_cstr(&st->subject), schema, &version, err));
        }
        if (version > 0)
                SL_TRY(connect_of(st, schema, version, ret, err));
        sl_map_put(&st->schemas, key_of(st, id, topic), (void *)(uintptr_t)*ret);
        return SL_OK;
}

static enum sl_rc schema_of(struct jsonschema_state *st, int32_t id, struct sl_str topic, const struct sl_schema **ret,
                            struct sl_err *err)
{
        struct sl_str key = key_of(st, id, topic);
        if (sl_likely(st->last && sl_str_eq(key, (struct sl_str){st->last_key.ptr, st->last_key.len}))) {
                *ret = st->last;
                return SL_OK;
        }
        *ret = sl_map_get(&st->schemas, key);
        if (!*ret)
                SL_TRY(new_schema(st, id, topic, ret, err));
        st->last = *ret;
        sl_buf_clear(&st->last_key);
        sl_buf_add_str(&st->last_key, key_of(st, id, topic));
        return SL_OK;
}

static sl_cold enum sl_rc bad_bytes(enum sl_rc rc, struct sl_str topic, struct sl_err *err)
{
        static const char what[] = "Converting byte[] to Kafka Connect data failed due to serialization error of topic";
        return rc == SL_DESERIALIZATION ? sl_registry_failed(rc, what, topic, "", err) : rc;
}

static enum sl_rc jsonschema_decode(void *state, struct sl_str topic, struct sl_str bytes, struct sl_arena *arena,
                                    const struct sl_schema **ret_schema, struct sl_value *ret_value, struct sl_err *err)
{
        struct jsonschema_state *st = state;
        const struct sl_schema *schema = NULL;
        struct sl_value tree = SL_V_NULL;
        struct sl_str rest;
        bool missing;
        int32_t id;
        *ret_schema = NULL;
        *ret_value = SL_V_NULL;
        if (!bytes.ptr)
                return SL_OK;
        if (sl_unlikely(!sl_registry_split(bytes, &id, &rest)))
                return bad_bytes(sl_fail(err, SL_E_DECODE, "Unknown magic byte! The record does not begin with a schema id, as Confluent's "
                                                           "JSON Schema format does"),
                                 topic, err);
        enum sl_rc rc = schema_of(st, id, topic, &schema, err);
        if (rc == SL_OK)
                rc = sl_json_read(&st->reader, rest, true, arena, &tree, &missing, err);
        if (rc == SL_OK)
                rc = sl_js_read(schema, &tree, arena, ret_value, err);
        if (sl_unlikely(rc != SL_OK))
                return bad_bytes(rc, topic, err);
        *ret_schema = schema;
        return SL_OK;
}

static void jsonschema_expect_decode(void *state, struct sl_str topic, struct sl_str bytes)
{
        struct jsonschema_state *st = state;
        struct sl_str rest;
        int32_t id;
        if (bytes.ptr && sl_registry_split(bytes, &id, &rest) && !sl_map_get(&st->schemas, key_of(st, id, topic)))
                sl_registry_expect_read(st->registry, id);
}

/* ---- life ---- */

static enum sl_rc jsonschema_open(void *state, const void *cfg, bool is_key, const struct sl_converter_env *env, struct sl_err *err)
{
        struct jsonschema_state *st = state;
        const struct jsonschema_cfg *c = st->cfg = cfg;
        st->opt = (struct js_options){c->additional,  c->optional_missing, c->flatten_single,
                                      c->generalized, c->ignore_default,   (enum sl_decimal_format)c->decimals};
        st->is_key = is_key;
        st->writer = sl_json_writer_new(st->opt.decimals, false);
        return sl_registry_open(&c->registry, env, &st->registry, err);
}

static void jsonschema_close(void *state)
{
        struct jsonschema_state *st = state;
        sl_plans_free(&st->encoders, encoder_free);
        sl_map_free(&st->schemas, NULL);
        sl_json_reader_free(&st->reader);
        sl_json_writer_free(st->writer);
        sl_buf_free(&st->last_key);
        sl_buf_free(&st->key);
        sl_buf_free(&st->subject);
        sl_registry_close(st->registry);
        *st = (struct jsonschema_state){0};
}

#define OPTION(member, key, def_, doc_)                                                                              \
        {SL_CFG_BOOL(struct jsonschema_cfg, member, key), .def = def_, .importance = SL_MEDIUM, .group = "JSON Schema", .doc = doc_}
#define WITHOUT_EFFECT(key, type_, doc_) {SL_CFG_NONE(key, type_), .flags = SL_CFG_IGNORED, .doc = doc_}
static const struct sl_cfg_def jsonschema_config[] = {
        SL_REGISTRY_ROWS(struct jsonschema_cfg, registry),
        OPTION(additional, "object.additional.properties", "true", "Whether the schemas written allow members that they do not name."),
        OPTION(optional_missing, "use.optional.for.nonrequired", "false", "Read properties that a schema does not require as optional."),
        OPTION(flatten_single, "flatten.singleton.unions", "true", "Read a choice of one as what that is."),
        OPTION(generalized, "generalized.sum.type.support", "false",
               "Enums and unions with parameters that other converters understand."),
        OPTION(ignore_default, "ignore.default.for.nullables", "false", "Write null where a field is null, instead of its default."),
        {SL_CFG_ENUM(struct jsonschema_cfg, decimals, "decimal.format", sl_decimal_formats), .def = "BASE64",
         .flags = SL_CFG_CASE_INSENSITIVE, .group = "JSON Schema",
         .doc = "How decimals are written: BASE64 (the unscaled bytes) or NUMERIC (a JSON number). Both are read."},
        {SL_CFG_NONE("json.fail.invalid.schema", SL_CFG_T_BOOLEAN), .def = "false",
         .unsupported = "values aren't validated against their schema here; leave it false and validate behind Kafka."},
        {SL_CFG_NONE("json.indent.output", SL_CFG_T_BOOLEAN), .def = "false", .unsupported = "JSON is written without spaces; remove the key."},
        {SL_CFG_NONE("preserve.additional.properties", SL_CFG_T_BOOLEAN), .def = "false",
         .unsupported = "members that a schema does not name are dropped; name them in the schema."},
        {SL_CFG_NONE("validation.rules.execution", SL_CFG_T_STRING), .def = "DISABLED",
         .unsupported = "data contract rules aren't run here; use transforms."},
        WITHOUT_EFFECT("schemas.cache.config", SL_CFG_T_INT, "Every schema is remembered."),
        WITHOUT_EFFECT("ignore.modern.dialects", SL_CFG_T_BOOLEAN, "All drafts are read by the same rules."),
        WITHOUT_EFFECT("json.schema.spec.version", SL_CFG_T_STRING, "It is about schemas of Java classes."),
        WITHOUT_EFFECT("json.schema.scan.packages", SL_CFG_T_LIST, "It is about schemas of Java classes."),
        WITHOUT_EFFECT("json.oneof.for.nullables", SL_CFG_T_BOOLEAN, "It is about schemas of Java classes."),
        WITHOUT_EFFECT("json.envelope.detection", SL_CFG_T_BOOLEAN, "It is about values of Java classes."),
        WITHOUT_EFFECT("json.default.property.inclusion", SL_CFG_T_STRING, "It is about values of Java classes."),
        WITHOUT_EFFECT("json.write.dates.iso8601", SL_CFG_T_BOOLEAN, "It is about values of Java classes; Connect's dates are numbers."),
        WITHOUT_EFFECT("json.fail.unknown.properties", SL_CFG_T_BOOLEAN, "It is about values of Java classes."),
        WITHOUT_EFFECT("json.validate.before.domain.rules", SL_CFG_T_BOOLEAN, "There is no validation."),
        WITHOUT_EFFECT("json.key.type", SL_CFG_T_CLASS, "It is about values of Java classes."),
        WITHOUT_EFFECT("json.value.type", SL_CFG_T_CLASS, "It is about values of Java classes."),
        {SL_CFG_NONE("converter.type", SL_CFG_T_STRING), .flags = SL_CFG_HIDDEN, .doc = "Set by the worker."},
        {0},
};

static const char *const jsonschema_aliases[] = {"io.confluent.connect.json.JsonSchemaConverter", NULL};

extern const struct sl_converter_ops sl_jsonschema_converter;
const struct sl_converter_ops sl_jsonschema_converter = {
        .name = "JsonSchemaConverter",
        .aliases = jsonschema_aliases,
        .config = jsonschema_config,
        .config_size = sizeof(struct jsonschema_cfg),
        .state_size = sizeof(struct jsonschema_state),
        .open = jsonschema_open,
        .encode = jsonschema_encode,
        .decode = jsonschema_decode,
        .expect_encode = jsonschema_expect_encode,
        .expect_decode = jsonschema_expect_decode,
        .close = jsonschema_close,
};
