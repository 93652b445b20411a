/* SPDX-License-Identifier: Apache-2.0 */
/* ProtobufConverter: Confluent's wire format (prefix with the schema's id, the message's place in the schema, the message). The plans are
 * made at the first sight of a schema or id (protobuf.h) and kept as long as the converter; the registry is asked then only. What is
 * written always has the field numbers of the schema that is made from Connect's, as in Java: a version from use.latest.version or
 * use.schema.id gives the id and the message's place. */
#include <stdlib.h>

#include "convert/convert.h"
#include "convert/protobuf.h"
#include "convert/registry.h"
#include "record/plans.h"

struct protobuf_cfg {
        struct sl_registry_cfg registry;
        struct pb_options opt;
};

/* A schema to write. */
struct encoder {
        struct sl_arena arena;
        struct pb_writer *writer;
        struct pb_file *file; /* NULL: the wrappers' */
        struct sl_str text;
        const char *full;     /* the message's name */
        uint32_t index;       /* of the message in text */
        struct sl_registry_heads heads;
};
/* A message to read. */
struct decoder {
        struct sl_arena arena;
        const struct pb_reader *reader;
        const struct sl_schema *schema;
};
/* Where a message stands: as found in the bytes, and as a key. */
struct place {
        int32_t id;
        uint32_t count;
        uint32_t index[PB_DEPTH];
};

struct protobuf_state {
        const struct protobuf_cfg *cfg;
        bool is_key;
        struct sl_registry *registry;
        struct sl_plans encoders;
        struct sl_map decoders; /* by place and topic */
        const struct decoder *last;
        struct sl_buf last_key, key; /* key: scratch */
        struct sl_buf scratch[2], subject;
};

/* ---- encode ---- */

static void encoder_free(void *plan)
{
        struct encoder *e = plan;
        sl_map_free(&e->heads.by_topic, free);
        sl_arena_free(&e->arena);
        free(e);
}

static enum sl_rc make_encoder(struct protobuf_state *st, const struct sl_schema *schema, struct encoder *e, struct sl_err *err)
{
        struct sl_buf text = {0};
        if (schema->type != SL_STRUCT || sl_pb_is_union(schema)) {
                e->full = sl_pb_wrapper_of(schema->type, &e->index);
                e->text = sl_str_c(sl_pb_wrappers);
                return sl_pb_bind(&st->cfg->opt, schema, NULL, &e->arena, &e->writer, err);
        }
        SL_TRY(sl_pb_make(&st->cfg->opt, schema, &e->arena, &e->file, err));
        SL_TRY(sl_pb_bind(&st->cfg->opt, schema, e->file, &e->arena, &e->writer, err));
        sl_pb_print(e->file, &text);
        e->full = e->file->messages->full;
        e->text = (struct sl_str){sl_arena_strndup(&e->arena, text.ptr, text.len), text.len};
        sl_buf_free(&text);
        return SL_OK;
}

static sl_cold enum sl_rc new_encoder(struct protobuf_state *st, const struct sl_schema *schema, struct encoder **ret,
                                      struct sl_err *err)
{
        struct encoder *e = sl_calloc(1, sizeof(*e));
        sl_arena_init(&e->arena, 0);
        enum sl_rc rc = make_encoder(st, schema, e, err);
        if (rc != SL_OK) {
                encoder_free(e);
                return rc;
        }
        sl_plans_put(&st->encoders, schema, *ret = e);
        return SL_OK;
}

static enum sl_rc encoder_of(struct protobuf_state *st, const struct sl_schema *schema, struct encoder **ret, struct sl_err *err)
{
        *ret = sl_plans_get(&st->encoders, schema);
        return sl_likely(*ret) ? SL_OK : new_encoder(st, schema, ret, err);
}

/* use.latest.version, use.schema.id: the place of our message in another schema (the first, when it does not have it), and whether that
 * can be read with it. */
static enum sl_rc place_in(struct protobuf_state *st, const struct encoder *e, const struct sl_registry_schema *schema,
                           struct sl_arena *arena, struct place *place, struct sl_err *err)
{
        const char *strict = sl_registry_strict(&st->cfg->registry);
        struct pb_file *file;
        const char *why = NULL;
        if (schema->type != SL_REGISTRY_PROTOBUF)
                return sl_fail(err, SL_E_CONVERT, "the schema %d is not a Protobuf schema", schema->id);
        SL_TRY(sl_pb_load(st->registry, schema, arena, &file, err));
        place->count = sl_pb_index_of(file, e->full, place->index);
        if (strict && !place->count)
                why = sl_arena_printf(arena, "it has no message %s", e->full);
        else if (strict && e->file)
                why = sl_pb_differs(sl_pb_at(file, place->index, place->count), e->file->messages, arena);
        if (why)
                return sl_fail(err, SL_E_CONVERT, "Incompatible schema: the record's schema does not fit the schema %d: %s. Set "
                                                  "%s to false to write nevertheless", schema->id, why, strict);
        if (!place->count)
                place->index[place->count++] = 0;
        return SL_OK;
}

static void add_zigzag(struct sl_buf *out, uint32_t v)
{
        uint64_t z = (uint64_t)v << 1;
        for (; z > 127; z >>= 7)
                sl_buf_addc(out, (char)(z | 128));
        sl_buf_addc(out, (char)z);
}

static void add_place(struct sl_buf *out, const struct place *place)
{
        sl_registry_prefix(out, place->id);
        if (place->count == 1 && place->index[0] == 0) {
                sl_buf_addc(out, 0);
                return;
        }
        add_zigzag(out, place->count);
        for (uint32_t i = 0; i < place->count; i++)
                add_zigzag(out, place->index[i]);
}

static sl_cold enum sl_rc new_head(struct protobuf_state *st, struct sl_str topic, struct encoder *e,
                                   const struct sl_registry_head **ret, struct sl_err *err)
{
        const struct sl_registry_schema *schema;
        struct sl_buf head = {0};
        SL_TRY(sl_registry_subject(&st->cfg->registry, st->is_key, topic, e->full, &st->subject, err));
        SL_TRY(sl_registry_write(st->registry, sl_buf_cstr(&st->subject), SL_REGISTRY_PROTOBUF, e->text, NULL, 0, &schema, err));
        struct place place = {.id = schema->id, .count = 1, .index = {e->index}};
        if (!sl_str_eq(schema->text, e->text)) {
                struct sl_arena arena;
                sl_arena_init(&arena, 0);
                enum sl_rc rc = place_in(st, e, schema, &arena, &place, err);
                sl_arena_free(&arena);
                SL_TRY(rc);
        }
        add_place(&head, &place);
        *ret = sl_registry_add_head(&e->heads, topic, (struct sl_str){head.ptr, head.len});
        sl_buf_free(&head);
        return SL_OK;
}

static enum sl_rc protobuf_encode(void *state, struct sl_str topic, const struct sl_schema *schema, const struct sl_value *value,
                                  struct sl_buf *out, bool *ret_null, struct sl_err *err)
{
        struct protobuf_state *st = state;
        struct encoder *e;
        *ret_null = value->type == SL_NULL;
        if (*ret_null)
                return SL_OK;
        if (sl_unlikely(!schema))
                return sl_fail(err, SL_E_CONVERT, "ProtobufConverter needs a schema to write a value; use JsonConverter for records without "
                                                  "one");
        SL_TRY(encoder_of(st, schema, &e, err));
        const struct sl_registry_head *head = sl_registry_head(&e->heads, topic);
        if (sl_unlikely(!head))
                SL_TRY(new_head(st, topic, e, &head, err));
        sl_buf_add(out, head->bytes, head->len);
        return sl_pb_write(e->writer, value, st->scratch, out, err);
}

static void protobuf_expect_encode(void *state, struct sl_str topic, const struct sl_schema *schema)
{
        struct protobuf_state *st = state;
        struct encoder *e;
        struct sl_err err = {0};
        if (!schema || encoder_of(st, schema, &e, &err) != SL_OK || sl_registry_head(&e->heads, topic) ||
            sl_registry_subject(&st->cfg->registry, st->is_key, topic, e->full, &st->subject, &err) != SL_OK)
                return;
        sl_registry_expect_write(st->registry, sl_buf_cstr(&st->subject), SL_REGISTRY_PROTOBUF, e->text, NULL, 0);
}

/* ---- decode ---- */

static bool read_zigzag(struct sl_str *rest, int32_t *ret)
{
        uint32_t v = 0;
        for (unsigned shift = 0; shift < 35 && rest->len; shift += 7) {
                uint8_t c = (uint8_t)*rest->ptr;
                rest->ptr++;
                rest->len--;
                v |= (uint32_t)(c & 127) << shift;
                if (c < 128) {
                        *ret = (int32_t)(v >> 1) ^ -(int32_t)(v & 1);
                        return true;
                }
        }
        return false;
}

/* false: the prefix or the list of indexes is none. */
static bool read_place(struct sl_str bytes, struct place *place, struct sl_str *ret_rest)
{
        int32_t count, index;
        if (!sl_registry_split(bytes, &place->id, ret_rest) || !read_zigzag(ret_rest, &count) || count < 0 || count > PB_DEPTH)
                return false;
        place->count = count ? (uint32_t)count : 1;
        place->index[0] = 0;
        for (int32_t i = 0; i < count; i++) {
                if (!read_zigzag(ret_rest, &index) || index < 0)
                        return false;
                place->index[i] = (uint32_t)index;
        }
        return true;
}

static size_t place_size(const struct place *p)
{
        return offsetof(struct place, index) + p->count * sizeof(*p->index);
}

static void decoder_free(void *p)
{
        struct decoder *d = p;
        sl_arena_free(&d->arena);
        free(d);
}

static enum sl_rc registered(struct protobuf_state *st, int32_t id, const struct sl_registry_schema **ret, struct sl_err *err)
{
        SL_TRY(sl_registry_read(st->registry, id, ret, err));
        if ((*ret)->type != SL_REGISTRY_PROTOBUF)
                return sl_fail(err, SL_E_DECODE, "the schema %d of the record is not a Protobuf schema; use the converter of its format", id);
        return SL_OK;
}

static enum sl_rc compile(struct protobuf_state *st, const struct sl_registry_schema *schema, const struct pb_message *m,
                          struct sl_str topic, struct decoder *d, struct sl_err *err)
{
        int32_t version = 0;
        SL_TRY(sl_registry_subject(&st->cfg->registry, st->is_key, topic, m->full, &st->subject, err));
        SL_TRY(sl_registry_version_of(st->registry, sl_buf_cstr(&st->subject), schema, &version, err));
        return sl_pb_schema(&st->cfg->opt, m, version, &d->arena, &d->reader, &d->schema, err);
}

static enum sl_rc make_decoder(struct protobuf_state *st, const struct place *place, struct sl_str topic, struct decoder *d,
                               struct sl_err *err)
{
        const struct sl_registry_schema *schema;
        struct sl_arena arena;
        struct pb_file *file;
        SL_TRY(registered(st, place->id, &schema, err));
        sl_arena_init(&arena, 0);
        enum sl_rc rc = sl_pb_load(st->registry, schema, &arena, &file, err);
        if (rc == SL_OK) {
                const struct pb_message *m = sl_pb_at(file, place->index, place->count);
                rc = m ? compile(st, schema, m, topic, d, err)
                       : sl_fail(err, SL_E_DECODE, "Invalid message indexes: the record names a message that the schema %d does not have",
                                 place->id);
        }
        sl_arena_free(&arena);
        return rc;
}

/* The place and the topic, whose subject counts versions. */
static struct sl_str key_of(struct protobuf_state *st, const struct place *place, struct sl_str topic)
{
        sl_buf_clear(&st->key);
        sl_buf_add(&st->key, place, place_size(place));
        sl_buf_add_str(&st->key, topic);
        return (struct sl_str){st->key.ptr, st->key.len};
}

static sl_cold enum sl_rc new_decoder(struct protobuf_state *st, const struct place *place, struct sl_str topic,
                                      const struct decoder **ret, struct sl_err *err)
{
        struct decoder *d = sl_calloc(1, sizeof(*d));
        sl_arena_init(&d->arena, 0);
        enum sl_rc rc = make_decoder(st, place, topic, d, err);
        if (rc != SL_OK) {
                decoder_free(d);
                return rc;
        }
        sl_map_put(&st->decoders, key_of(st, place, topic), d);
        *ret = d;
        return SL_OK;
}

static enum sl_rc decoder_of(struct protobuf_state *st, const struct place *place, struct sl_str topic, struct sl_err *err)
{
        struct sl_str key = key_of(st, place, topic);
        if (sl_likely(st->last && sl_str_eq(key, (struct sl_str){st->last_key.ptr, st->last_key.len})))
                return SL_OK;
        const struct decoder *d = sl_map_get(&st->decoders, key);
        if (!d)
                SL_TRY(new_decoder(st, place, topic, &d, err));
        sl_buf_clear(&st->last_key);
        sl_buf_add_str(&st->last_key, key_of(st, place, topic));
        st->last = d;
        return SL_OK;
}

static sl_cold enum sl_rc bad_bytes(enum sl_rc rc, struct sl_str topic, struct sl_err *err)
{
        static const char what[] = "Failed to deserialize data for topic";
        return rc == SL_DESERIALIZATION ? sl_registry_failed(rc, what, topic, " to Protobuf", err) : rc;
}

/* Bytes without a message's place: perhaps they are of another format. */
static sl_cold enum sl_rc no_place(struct protobuf_state *st, struct sl_str bytes, struct sl_err *err)
{
        const struct sl_registry_schema *schema;
        struct sl_str rest;
        int32_t id;
        if (sl_registry_split(bytes, &id, &rest))
                SL_TRY(registered(st, id, &schema, err));
        return sl_fail(err, SL_E_DECODE, "Unknown magic byte! The record does not begin with a schema id and a message's place, as "
                                         "Confluent's Protobuf format does");
}

static enum sl_rc protobuf_decode(void *state, struct sl_str topic, struct sl_str bytes, struct sl_arena *arena,
                                  const struct sl_schema **ret_schema, struct sl_value *ret_value, struct sl_err *err)
{
        struct protobuf_state *st = state;
        struct place place;
        struct sl_str rest;
        *ret_schema = NULL;
        *ret_value = SL_V_NULL;
        if (!bytes.ptr)
                return SL_OK;
        if (sl_unlikely(!read_place(bytes, &place, &rest)))
                return bad_bytes(no_place(st, bytes, err), topic, err);
        enum sl_rc rc = decoder_of(st, &place, topic, err);
        if (rc == SL_OK)
                rc = sl_pb_read(st->last->reader, rest, arena, ret_value, err);
        if (sl_unlikely(rc != SL_OK))
                return bad_bytes(rc, topic, err);
        *ret_schema = st->last->schema;
        return SL_OK;
}

static void protobuf_expect_decode(void *state, struct sl_str topic, struct sl_str bytes)
{
        struct protobuf_state *st = state;
        struct place place;
        struct sl_str rest;
        if (bytes.ptr && read_place(bytes, &place, &rest) &&
            !sl_map_get(&st->decoders, key_of(st, &place, topic)))
                sl_registry_expect_read(st->registry, place.id);
}

/* ---- life ---- */

static enum sl_rc protobuf_open(void *state, const void *cfg, bool is_key, const struct sl_converter_env *env, struct sl_err *err)
{
        struct protobuf_state *st = state;
        st->cfg = cfg;
        st->is_key = is_key;
        return sl_registry_open(&st->cfg->registry, env, &st->registry, err);
}

static void protobuf_close(void *state)
{
        struct protobuf_state *st = state;
        sl_plans_free(&st->encoders, encoder_free);
        sl_map_free(&st->decoders, decoder_free);
        sl_buf_free(&st->scratch[0]);
        sl_buf_free(&st->scratch[1]);
        sl_buf_free(&st->last_key);
        sl_buf_free(&st->key);
        sl_buf_free(&st->subject);
        sl_registry_close(st->registry);
        *st = (struct protobuf_state){0};
}

#define OPTION(member, key, def_, doc_)                                                                              \
        {SL_CFG_BOOL(struct protobuf_cfg, opt.member, key), .def = def_, .importance = SL_MEDIUM, .group = "Protobuf", .doc = doc_}
static const struct sl_cfg_def protobuf_config[] = {
        SL_REGISTRY_ROWS(struct protobuf_cfg, registry),
        OPTION(enhanced, "enhanced.protobuf.schema.support", "false", "Read names of messages and enums with their package."),
        OPTION(scrub, "scrub.invalid.names", "false", "Replace characters that names in Protobuf may not have, instead of refusing them."),
        OPTION(int_enums, "int.for.enums", "false", "Read enums as their numbers instead of their names."),
        OPTION(optional_nullables, "optional.for.nullables", "false",
               "Write optional fields with the label optional, and read only such fields as optional."),
        OPTION(optional_proto2, "optional.for.proto2", "true", "Read an optional field of proto2 that is not there as null."),
        OPTION(wrapper_nullables, "wrapper.for.nullables", "false",
               "Write optional fields as Google's wrapper messages, and read those as optional fields."),
        OPTION(wrapper_raw, "wrapper.for.raw.primitives", "true", "Read a wrapper message that is the whole key or value as what it holds."),
        OPTION(struct_nulls, "generate.struct.for.nulls", "false", "Read a message that is not there as one with default values."),
        OPTION(union_index, "generate.index.for.unions", "true", "Read a oneof as a field with its index behind the name."),
        OPTION(flatten_unions, "flatten.unions", "false", "Read the fields of a oneof as fields of its message."),
        OPTION(generalized, "generalized.sum.type.support", "false",
               "Enums and unions with parameters that other converters understand."),
        OPTION(ignore_default, "ignore.default.for.nullables", "false", "Write null where a field is null, instead of its default."),
        {SL_CFG_NONE("schemas.cache.config", SL_CFG_T_INT), .flags = SL_CFG_IGNORED, .doc = "Every schema is remembered."},
        {SL_CFG_NONE("skip.known.types", SL_CFG_T_BOOLEAN), .def = "true",
         .unsupported = "files such as google/type/date.proto aren't registered as references; registries know them."},
        {SL_CFG_NONE("reference.lookup.only", SL_CFG_T_BOOLEAN), .flags = SL_CFG_IGNORED, .doc = "What is written has no references."},
        {SL_CFG_NONE("reference.subject.name.strategy", SL_CFG_T_CLASS), .flags = SL_CFG_IGNORED,
         .doc = "What is written has no references."},
        {SL_CFG_NONE("converter.type", SL_CFG_T_STRING), .flags = SL_CFG_HIDDEN, .doc = "Set by the worker."},
        {0},
};

static const char *const protobuf_aliases[] = {"io.confluent.connect.protobuf.ProtobufConverter", NULL};

extern const struct sl_converter_ops sl_protobuf_converter;
const struct sl_converter_ops sl_protobuf_converter = {
        .name = "ProtobufConverter",
        .aliases = protobuf_aliases,
        .config = protobuf_config,
        .config_size = sizeof(struct protobuf_cfg),
        .state_size = sizeof(struct protobuf_state),
        .open = protobuf_open,
        .encode = protobuf_encode,
        .decode = protobuf_decode,
        .expect_encode = protobuf_expect_encode,
        .expect_decode = protobuf_expect_decode,
        .close = protobuf_close,
};
