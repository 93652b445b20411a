/* SPDX-License-Identifier: Apache-2.0 */
/* AvroConverter: Confluent's wire format (a zero byte, the schema's id, Avro binary) over a schema registry. This file
 * keeps what each schema and topic, and each id, was compiled to, and asks the registry at first sight; the mapping is
 * in avro_from.c and avro_to.c, the rows in avro_write.c and avro_read.c. */
#include "convert/avro.h"
#include "convert/registry.h"
#include "record/plans.h"

#include <stdlib.h>

struct avro_cfg {
        struct sl_registry_cfg registry;
        struct sl_avro_options o;
};

/* A schema to write under one subject. */
struct writer {
        struct writer *next;
        char *topic;
        size_t topic_len;
        int32_t id;
        struct sl_avro_encoder *encoder;
};
/* What a Connect schema is in Avro, and its writers. */
struct bound {
        struct sl_avro_doc *doc;
        struct sl_avro *avro;
        struct sl_buf text;
        struct writer *writers;
};
/* What an id is read with; decoder NULL: why it can't be. */
struct reader {
        int32_t id;
        char *topic; /* the reader's schema, or its version, depends on it */
        size_t topic_len;
        struct sl_avro_decoder *decoder;
        struct sl_err err;
};

struct avro_state {
        const struct avro_cfg *cfg;
        bool is_key;
        struct sl_registry *registry, *latest; /* latest: who to ask for the reader's schema, or NULL */
        struct sl_registry_cfg latest_cfg;
        struct sl_plans bounds;
        struct bound *schemaless;
        struct sl_map readers; /* id and topic -> struct reader; kept to the end: values point into decoders */
        const struct reader *last;
        struct sl_buf subject, key; /* scratch */
};

/* Confluent's sentence before the message: what, the topic, rest. */
static sl_cold enum sl_rc failed(enum sl_rc rc, const char *what, struct sl_str topic, const char *rest,
                                 struct sl_err *err)
{
        return err && err->id == SL_E_STOPPED ? rc : sl_registry_failed(rc, what, topic, rest, err);
}

/* ---- schemas from the registry ---- */

/* The types that a schema's references bring, into doc. */
static enum sl_rc load_references(struct avro_state *st, struct sl_avro_doc *doc, const struct sl_registry_schema *s,
                                  unsigned depth, struct sl_err *err)
{
        if (depth > 20 || doc->types > SL_AVRO_TYPES)
                return sl_fail(err, SL_E_SCHEMA, "the references of schema %d go too deep", s->id);
        for (uint32_t i = 0; i < s->ref_count; i++) {
                const struct sl_registry_schema *part;
                struct sl_avro *avro;
                if (sl_map_get(&doc->names, sl_str_c(s->refs[i].name)))
                        continue;
                SL_TRY(sl_registry_version(st->registry, s->refs[i].subject, s->refs[i].version, &part, err));
                SL_TRY(load_references(st, doc, part, depth + 1, err));
                if (!sl_map_get(&doc->names, sl_str_c(s->refs[i].name)))
                        SL_TRY(sl_avro_parse(doc, part->text, &avro, err));
        }
        return SL_OK;
}

static enum sl_rc parse_registered(struct avro_state *st, const struct sl_registry_schema *s, struct sl_avro_doc *doc,
                                   struct sl_avro **ret, struct sl_err *err)
{
        if (s->type != SL_REGISTRY_AVRO)
                return sl_fail(err, SL_E_SCHEMA,
                               "schema %d of the registry is no Avro schema: use the converter that wrote it", s->id);
        SL_TRY(load_references(st, doc, s, 0, err));
        return sl_avro_parse(doc, s->text, ret, err);
}

static enum sl_rc subject_of(struct avro_state *st, const struct sl_registry_cfg *cfg, struct sl_str topic,
                             const struct sl_avro *avro, struct sl_err *err)
{
        return sl_registry_subject(cfg, st->is_key, topic, avro->type == SL_AVRO_RECORD ? avro->full : NULL,
                                   &st->subject, err);
}

/* ---- encode ---- */

static void bound_free(void *plan)
{
        struct bound *b = plan;
        for (struct writer *w = b->writers, *next; w; w = next) {
                next = w->next;
                sl_avro_encoder_free(w->encoder);
                free(w->topic);
                free(w);
        }
        sl_avro_doc_free(b->doc);
        sl_buf_free(&b->text);
        free(b);
}

static sl_cold enum sl_rc bind_schema(struct avro_state *st, const struct sl_schema *schema, struct bound **ret,
                                      struct sl_err *err)
{
        struct bound *b = sl_calloc(1, sizeof(*b));
        b->doc = sl_avro_doc_new();
        enum sl_rc rc = sl_avro_from_connect(b->doc, &st->cfg->o, schema, &b->avro, err);
        if (rc == SL_OK)
                rc = sl_avro_print(b->avro, &b->text, err);
        if (rc == SL_OK && !sl_buf_ok(&b->text))
                rc = sl_fail(err, SL_E_SCHEMA, "the text of a schema takes more than 1 GiB");
        if (rc != SL_OK) {
                bound_free(b);
                return rc;
        }
        sl_buf_cstr(&b->text);
        if (schema)
                sl_plans_put(&st->bounds, schema, b);
        else
                st->schemaless = b;
        *ret = b;
        return SL_OK;
}

static inline struct bound *bound_of(const struct avro_state *st, const struct sl_schema *schema)
{
        return schema ? sl_plans_get(&st->bounds, schema) : st->schemaless;
}

static inline struct writer *writer_of(const struct bound *b, struct sl_str topic)
{
        for (struct writer *w = b->writers; w; w = w->next)
                if (w->topic_len == topic.len && memcmp(w->topic, topic.ptr, topic.len) == 0)
                        return w;
        return NULL;
}

/* The encoder for what the registry says to write with. */
static enum sl_rc make_encoder(struct avro_state *st, const struct sl_schema *schema, const struct bound *b,
                               const struct sl_registry_schema *with, struct sl_avro_encoder **ret, struct sl_err *err)
{
        struct sl_avro *other;
        if (sl_str_eq(with->text, (struct sl_str){b->text.ptr, b->text.len}))
                return sl_avro_encoder_new(&st->cfg->o, schema, b->avro, ret, err);
        struct sl_avro_doc *doc = sl_avro_doc_new();
        enum sl_rc rc = parse_registered(st, with, doc, &other, err);
        if (rc == SL_OK)
                rc = sl_avro_encoder_new(&st->cfg->o, schema, other, ret, err);
        sl_avro_doc_free(doc);
        if (rc != SL_OK)
                sl_err_prefix(err, "a record's schema does not fit schema %d", with->id);
        return rc;
}

static sl_cold enum sl_rc make_writer(struct avro_state *st, const struct sl_schema *schema, struct sl_str topic,
                                      struct writer **ret, struct sl_err *err)
{
        struct bound *b = bound_of(st, schema);
        const struct sl_registry_schema *with;
        struct sl_avro_encoder *encoder;
        if (!b)
                SL_TRY(bind_schema(st, schema, &b, err));
        SL_TRY(subject_of(st, &st->cfg->registry, topic, b->avro, err));
        enum sl_rc rc = sl_registry_write(st->registry, sl_buf_cstr(&st->subject), SL_REGISTRY_AVRO,
                                          (struct sl_str){b->text.ptr, b->text.len}, NULL, 0, &with, err);
        if (rc != SL_OK)
                return failed(rc, "Failed to serialize Avro data from topic", topic, "", err);
        /* With a registry that normalizes, its text differs from ours and the data does not: only a chosen schema
         * counts. */
        if (st->cfg->registry.auto_register || (!st->cfg->registry.use_latest && st->cfg->registry.use_id < 0))
                rc = sl_avro_encoder_new(&st->cfg->o, schema, b->avro, &encoder, err);
        else
                rc = make_encoder(st, schema, b, with, &encoder, err);
        if (rc != SL_OK)
                return rc;
        struct writer *w = sl_calloc(1, sizeof(*w));
        *w = (struct writer){b->writers, sl_strndup(topic.ptr, topic.len), topic.len, with->id, encoder};
        *ret = b->writers = w;
        return SL_OK;
}

static enum sl_rc avro_encode(void *state, struct sl_str topic, const struct sl_schema *schema,
                              const struct sl_value *value, struct sl_buf *out, bool *ret_null, struct sl_err *err)
{
        struct avro_state *st = state;
        *ret_null = value->type == SL_NULL;
        if (value->type == SL_NULL) {
                if (schema && !schema->optional)
                        return sl_fail(err, SL_E_CONVERT, "Found null value for non-optional schema");
                return SL_OK;
        }
        const struct bound *b = bound_of(st, schema);
        struct writer *w = b ? writer_of(b, topic) : NULL;
        if (sl_unlikely(!w))
                SL_TRY(make_writer(st, schema, topic, &w, err));
        sl_registry_prefix(out, w->id);
        return sl_avro_encode(w->encoder, value, out, err);
}

static void avro_expect_encode(void *state, struct sl_str topic, const struct sl_schema *schema)
{
        struct avro_state *st = state;
        struct bound *b = bound_of(st, schema);
        if ((b && writer_of(b, topic)) || (!b && bind_schema(st, schema, &b, NULL) != SL_OK))
                return;
        if (subject_of(st, &st->cfg->registry, topic, b->avro, NULL) == SL_OK)
                sl_registry_expect_write(st->registry, sl_buf_cstr(&st->subject), SL_REGISTRY_AVRO,
                                         (struct sl_str){b->text.ptr, b->text.len}, NULL, 0);
}

/* ---- decode ---- */

static struct sl_str reader_key(struct avro_state *st, int32_t id, struct sl_str topic)
{
        sl_buf_clear(&st->key);
        sl_buf_add(&st->key, &id, sizeof(id));
        sl_buf_add_str(&st->key, topic);
        return (struct sl_str){st->key.ptr, st->key.len};
}

static inline bool reads(const struct reader *r, int32_t id, struct sl_str topic)
{
        return r->id == id && sl_str_eq(topic, (struct sl_str){r->topic, r->topic_len});
}

static bool wants_version(const struct sl_avro *avro)
{
        return avro->type == SL_AVRO_RECORD && !json_object_get(avro->props, "connect.version") && !sl_avro_is_anything(avro);
}

/* The reader's schema with use.latest.version: the newest of the writer's subject. */
static enum sl_rc latest_schema(struct avro_state *st, struct sl_str topic, const struct sl_avro *writer,
                                struct sl_avro_doc *doc, struct sl_avro **ret, struct sl_err *err)
{
        const struct sl_registry_schema *latest;
        SL_TRY(subject_of(st, &st->latest_cfg, topic, writer, err));
        SL_TRY(sl_registry_write(st->latest, sl_buf_cstr(&st->subject), SL_REGISTRY_AVRO, SL_STR("\"null\""), NULL, 0,
                                 &latest, err));
        SL_TRY(parse_registered(st, latest, doc, ret, err));
        if (latest->version > 0 && wants_version(*ret))
                sl_avro_prop(doc, *ret, "connect.version", json_integer(latest->version));
        return SL_OK;
}

/* A record's schema that does not say its version gets the one that its subject counts, as in Confluent's converter. A registry that
 * does not know or tell it leaves it without one. */
static enum sl_rc set_version(struct avro_state *st, const struct sl_registry_schema *s, struct sl_str topic,
                              struct sl_avro_doc *doc, struct sl_avro *avro, struct sl_err *err)
{
        int32_t version;
        if (!wants_version(avro))
                return SL_OK;
        SL_TRY(subject_of(st, &st->cfg->registry, topic, avro, err));
        SL_TRY(sl_registry_version_of(st->registry, sl_buf_cstr(&st->subject), s, &version, err));
        if (version > 0)
                sl_avro_prop(doc, avro, "connect.version", json_integer(version));
        return SL_OK;
}

static enum sl_rc compile_reader(struct avro_state *st, const struct sl_registry_schema *s, struct sl_str topic,
                                 struct sl_avro_decoder **ret, struct sl_err *err)
{
        struct sl_avro_doc *doc = sl_avro_doc_new(), *other = NULL;
        struct sl_avro *writer, *reader;
        enum sl_rc rc = parse_registered(st, s, doc, &writer, err);
        if (rc == SL_OK && st->latest) {
                other = sl_avro_doc_new();
                rc = latest_schema(st, topic, writer, other, &reader, err);
        } else if (rc == SL_OK) {
                reader = writer;
                rc = set_version(st, s, topic, doc, writer, err);
        }
        if (rc == SL_OK)
                rc = sl_avro_decoder_new(&st->cfg->o, writer, reader, ret, err);
        sl_avro_doc_free(doc);
        sl_avro_doc_free(other);
        return rc;
}

static sl_cold enum sl_rc make_reader(struct avro_state *st, int32_t id, struct sl_str topic, const struct reader **ret,
                                      struct sl_err *err)
{
        struct reader *r = sl_map_get(&st->readers, reader_key(st, id, topic));
        if (!r) {
                const struct sl_registry_schema *s;
                struct sl_avro_decoder *decoder = NULL;
                struct sl_err why = {0};
                SL_TRY(sl_registry_read(st->registry, id, &s, err));
                enum sl_rc rc = compile_reader(st, s, topic, &decoder, &why);
                if (rc != SL_OK && why.id != SL_E_SCHEMA &&
                    why.id != SL_E_DECODE) { /* what the registry says may change */
                        if (err)
                                *err = why;
                        return rc;
                }
                r = sl_calloc(1, sizeof(*r));
                *r = (struct reader){id, sl_strndup(topic.ptr, topic.len), topic.len, decoder, why};
                sl_map_put(&st->readers, reader_key(st, id, topic), r);
        }
        if (!r->decoder) {
                if (err)
                        *err = r->err;
                return r->err.rc;
        }
        *ret = st->last = r;
        return SL_OK;
}

static enum sl_rc avro_decode(void *state, struct sl_str topic, struct sl_str bytes, struct sl_arena *arena,
                              const struct sl_schema **ret_schema, struct sl_value *ret_value, struct sl_err *err)
{
        static const char what[] = "Failed to deserialize data for topic";
        struct avro_state *st = state;
        struct sl_str rest;
        int32_t id;
        if (!bytes.ptr) {
                *ret_schema = NULL;
                *ret_value = SL_V_NULL;
                return SL_OK;
        }
        if (sl_unlikely(!sl_registry_split(bytes, &id, &rest)))
                return failed(sl_fail(err, SL_E_DECODE, "Unknown magic byte!"), what, topic, " to Avro", err);
        const struct reader *r = st->last;
        if (sl_unlikely(!r || !reads(r, id, topic))) {
                enum sl_rc rc = make_reader(st, id, topic, &r, err);
                if (rc != SL_OK)
                        return failed(rc, what, topic, " to Avro", err);
        }
        enum sl_rc rc = sl_avro_decode(r->decoder, rest, arena, ret_value, err);
        if (sl_unlikely(rc != SL_OK)) {
                sl_err_prefix(err, "Error deserializing Avro message for id %d", id);
                return failed(rc, what, topic, " to Avro", err);
        }
        *ret_schema = sl_avro_decoder_schema(r->decoder);
        /* A branch that is null is a null of no schema's, as in Java. */
        if (ret_value->type == SL_NULL)
                *ret_schema = NULL;
        return SL_OK;
}

static void avro_expect_decode(void *state, struct sl_str topic, struct sl_str bytes)
{
        struct avro_state *st = state;
        struct sl_str rest;
        int32_t id;
        if (!bytes.ptr || !sl_registry_split(bytes, &id, &rest) || (st->last && reads(st->last, id, topic)) ||
            sl_map_get(&st->readers, reader_key(st, id, topic)))
                return;
        sl_registry_expect_read(st->registry, id);
}

/* ---- life ---- */

static enum sl_rc avro_open(void *state, const void *cfg, bool is_key, const struct sl_converter_env *env,
                            struct sl_err *err)
{
        struct avro_state *st = state;
        st->cfg = cfg;
        st->is_key = is_key;
        SL_TRY(sl_registry_open(&st->cfg->registry, env, &st->registry, err));
        if (!st->cfg->registry.use_latest)
                return SL_OK;
        st->latest_cfg = st->cfg->registry; /* readers use the newest version whether or not writers register */
        st->latest_cfg.auto_register = false;
        st->latest_cfg.use_id = -1;
        return sl_registry_open(&st->latest_cfg, env, &st->latest, err);
}

static void avro_close(void *state)
{
        struct avro_state *st = state;
        struct sl_map_entry *e;
        sl_plans_free(&st->bounds, bound_free);
        if (st->schemaless)
                bound_free(st->schemaless);
        for (size_t i = 0; sl_map_next(&st->readers, &i, &e);) {
                struct reader *r = e->value;
                sl_avro_decoder_free(r->decoder);
                free(r->topic);
                free(r);
        }
        sl_map_free(&st->readers, NULL);
        sl_registry_close(st->registry);
        sl_registry_close(st->latest);
        sl_buf_free(&st->subject);
        sl_buf_free(&st->key);
        *st = (struct avro_state){0};
}

#define MAPPING .group = "Avro"
static const struct sl_cfg_def avro_config[] = {
        SL_REGISTRY_ROWS(struct avro_cfg, registry),
        {SL_CFG_BOOL(struct avro_cfg, o.enhanced, "enhanced.avro.schema.support"), .def = "false",
         .importance = SL_MEDIUM, MAPPING,
         .doc = "Keep enums as Avro enums, and tell types of equal names apart by their namespaces."},
        {SL_CFG_BOOL(struct avro_cfg, o.meta, "connect.meta.data"), .def = "true", MAPPING,
         .doc = "Keep what Avro has no place for (names, versions, parameters, docs) as connect.* properties."},
        {SL_CFG_BOOL(struct avro_cfg, o.scrub, "scrub.invalid.names"), .def = "false", .importance = SL_MEDIUM, MAPPING,
         .doc = "Replace what Avro does not allow in names by _ and its hexadecimal code; else such a schema is "
                "refused."},
        {SL_CFG_BOOL(struct avro_cfg, o.discard_doc, "discard.type.doc.default"), .def = "false", MAPPING,
         .doc = "Keep docs and defaults of fields only, not those of types."},
        {SL_CFG_BOOL(struct avro_cfg, o.optional_keys, "allow.optional.map.keys"), .def = "false", MAPPING,
         .doc = "Write maps with optional string keys as Avro maps, not as arrays of entries."},
        {SL_CFG_BOOL(struct avro_cfg, o.sums, "generalized.sum.type.support"), .def = "false", .importance = SL_MEDIUM,
         MAPPING, .doc = "Represent enums and unions in the way that the JSON Schema and Protobuf converters share."},
        {SL_CFG_BOOL(struct avro_cfg, o.ignore_default, "ignore.default.for.nullables"), .def = "false",
         .importance = SL_MEDIUM, MAPPING,
         .doc = "Write null where an optional field is null, although it has a default."},
        {SL_CFG_BOOL(struct avro_cfg, o.flatten_singleton, "flatten.singleton.unions"), .def = "true", MAPPING,
         .doc = "Read a union of one type as that type."},
        {SL_CFG_NONE("schemas.cache.config", SL_CFG_T_INT), .def = "1000", .flags = SL_CFG_IGNORED, MAPPING,
         .doc = "Schemas are remembered as long as the task runs."},
        {SL_CFG_NONE("schemas.cache.size", SL_CFG_T_INT), .def = "1000", .flags = SL_CFG_IGNORED, MAPPING,
         .doc = "Schemas are remembered as long as the task runs."},
        {SL_CFG_NONE("specific.avro.reader", SL_CFG_T_BOOLEAN), .def = "false", MAPPING,
         .unsupported = "there are no generated Java classes here; leave it false.",
         .doc = "Read into generated Java classes."},
        {SL_CFG_NONE("avro.use.logical.type.converters", SL_CFG_T_BOOLEAN), .def = "false", MAPPING,
         .unsupported = "it concerns Java classes of programs other than Connect; leave it false.",
         .doc = "Use Java's logical type classes."},
        {SL_CFG_NONE("avro.remove.java.properties", SL_CFG_T_BOOLEAN), .def = "false", MAPPING,
         .unsupported = "properties like avro.java.string are kept; leave it false.",
         .doc = "Drop properties of Java's."},
        {SL_CFG_NONE("avro.reflection.allow.null", SL_CFG_T_BOOLEAN), .def = "false", .flags = SL_CFG_IGNORED, MAPPING,
         .doc = "Concerns Java classes of programs other than Connect."},
        {SL_CFG_NONE("converter.type", SL_CFG_T_STRING), .flags = SL_CFG_HIDDEN, .doc = "Set by the worker."},
        {0},
};

static const char *const avro_aliases[] = {"io.confluent.connect.avro.AvroConverter", NULL};

extern const struct sl_converter_ops sl_avro_converter;
const struct sl_converter_ops sl_avro_converter = {
        .name = "AvroConverter",
        .aliases = avro_aliases,
        .config = avro_config,
        .config_size = sizeof(struct avro_cfg),
        .state_size = sizeof(struct avro_state),
        .open = avro_open,
        .encode = avro_encode,
        .decode = avro_decode,
        .expect_encode = avro_expect_encode,
        .expect_decode = avro_expect_decode,
        .close = avro_close,
};
