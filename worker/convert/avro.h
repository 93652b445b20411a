/* SPDX-License-Identifier: Apache-2.0 */
/* For worker/convert and the Avro files of connectors/format: the Avro schema model, its mapping to and from Connect schemas, and the compiled encoder and
 * decoder. Formats: the Avro 1.11 specification; the mapping is what Confluent's AvroData does. avro.c makes the
 * converter of it. Immutable once made, so reading needs no lock; making is single-threaded per document. */
#ifndef SL_CONVERT_AVRO_H
#define SL_CONVERT_AVRO_H
#include <jansson.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "record/schema.h"

/* How deep types and values may nest, how many types a document may have, and how many bytes its text. */
#define SL_AVRO_DEPTH 100
#define SL_AVRO_TYPES 100000
#define SL_AVRO_TEXT (16 << 20)

#define SL_AVRO_SPACE "io.confluent.connect.avro"
#define SL_AVRO_DEFAULT_NAME "ConnectDefault"
#define SL_AVRO_UNION SL_AVRO_SPACE ".Union"
#define SL_AVRO_ENUM SL_AVRO_SPACE ".Enum"
#define SL_AVRO_ANYTHING SL_AVRO_SPACE ".Anything"
#define SL_AVRO_ENTRY "MapEntry"
#define SL_AVRO_ENTRY_PROP "connect.internal.type"
#define SL_AVRO_RECORD_DOC SL_AVRO_SPACE ".record.doc"
#define SL_AVRO_FIELD_DOC SL_AVRO_SPACE ".field.doc."
#define SL_AVRO_ENUM_DOC SL_AVRO_SPACE ".enum.doc."
#define SL_AVRO_ENUM_DEFAULT SL_AVRO_SPACE ".enum.default."
#define SL_AVRO_FIELD_DEFAULT SL_AVRO_SPACE ".field.default"
#define SL_AVRO_FIXED_SIZE "connect.fixed.size"
#define SL_AVRO_PRECISION "connect.decimal.precision"
#define SL_AVRO_SUM_UNION "org.apache.kafka.connect.data.Union"
#define SL_AVRO_SUM_ENUM "org.apache.kafka.connect.data.Enum"

enum sl_avro_type {
        SL_AVRO_NULL,
        SL_AVRO_BOOLEAN,
        SL_AVRO_INT,
        SL_AVRO_LONG,
        SL_AVRO_FLOAT,
        SL_AVRO_DOUBLE,
        SL_AVRO_BYTES,
        SL_AVRO_STRING,
        SL_AVRO_RECORD,
        SL_AVRO_ENUM_T,
        SL_AVRO_ARRAY,
        SL_AVRO_MAP,
        SL_AVRO_UNION_T,
        SL_AVRO_FIXED,
        SL_AVRO_TYPE_COUNT,
};
struct sl_avro;
struct sl_avro_field {
        const char *name, *doc; /* doc NULL = none */
        struct sl_avro *type;
        json_t *def;             /* NULL = none */
        const char *order;       /* NULL = ascending */
        json_t *aliases, *props; /* NULL = none */
};
struct sl_avro {
        uint8_t type;                          /* enum sl_avro_type */
        bool is_error;                         /* a record declared as "error" */
        const char *name, *space, *full, *doc; /* of named types; space NULL = none */
        json_t *aliases, *props;               /* NULL = none; props in the order written */
        uint32_t count;                        /* fields, branches, symbols */
        struct sl_avro_field *fields;
        struct sl_avro **branches;
        struct sl_avro *items; /* elements of an array, values of a map */
        const char **symbols, *symbol_default;
        uint32_t size; /* FIXED */
};
/* Owns everything its types point at. */
struct sl_avro_doc {
        struct sl_arena arena;
        struct sl_map names; /* full name -> struct sl_avro, of what was parsed */
        json_t *keep;        /* array of the JSON values that types point at */
        uint32_t types;
};

/* ---- avro_schema.c ---- */
struct sl_avro_doc *sl_avro_doc_new(void);
void sl_avro_doc_free(struct sl_avro_doc *d); /* NULL ok */
/* Parse a schema's text into doc; names that doc knows already (from references parsed before) may be used. SL_E_SCHEMA
 * says where and why. *ret lives as long as doc. */
enum sl_rc sl_avro_parse(struct sl_avro_doc *d, struct sl_str text, struct sl_avro **ret, struct sl_err *err);
/* A new type, zeroed but for its type. */
struct sl_avro *sl_avro_new(struct sl_avro_doc *d, enum sl_avro_type type);
/* Give a type its name ("a.b.C", or "C" in space): SL_E_SCHEMA for one that Avro refuses. */
enum sl_rc sl_avro_name(struct sl_avro_doc *d, struct sl_avro *s, const char *name, const char *space,
                        struct sl_err *err);
bool sl_avro_name_ok(const char *name, size_t n);
/* Set a property; value is taken over. One that is there stays. */
void sl_avro_prop(struct sl_avro_doc *d, struct sl_avro *s, const char *name, json_t *value);
/* Text of a property, NULL = absent or no string. */
const char *sl_avro_prop_str(const struct sl_avro *s, const char *name);
/* Let doc own a JSON value; gives it back, borrowed. NULL stays NULL. */
json_t *sl_avro_keep(struct sl_avro_doc *d, json_t *j);
/* Are they the same type, as Java's equals has it (docs and aliases do not count)? */
bool sl_avro_same(const struct sl_avro *a, const struct sl_avro *b, unsigned depth);
/* Is this JSON value a default that Avro accepts for the type? */
bool sl_avro_default_ok(const struct sl_avro *s, const json_t *def, unsigned depth);
const char *sl_avro_type_name(enum sl_avro_type t); /* "int", "record", ... */
static inline bool sl_avro_is_named(const struct sl_avro *s)
{
        return s->type == SL_AVRO_RECORD || s->type == SL_AVRO_ENUM_T || s->type == SL_AVRO_FIXED;
}
/* Branch of a union that is null, or -1. */
int sl_avro_null_branch(const struct sl_avro *s);

/* ---- avro_print.c ---- */
/* Append the text that Avro's Java Schema.toString() gives, which is what gets registered. SL_E_SCHEMA when a name
 * stands for two different types. */
enum sl_rc sl_avro_print(const struct sl_avro *s, struct sl_buf *out, struct sl_err *err);
/* JSON as Jackson writes it. */
void sl_avro_print_json(const json_t *j, struct sl_buf *out);

/* ---- mapping ---- */
struct sl_avro_options {
        bool enhanced, meta, scrub, discard_doc, optional_keys, sums, flatten_singleton, ignore_default;
};
/* avro_from.c: the Avro schema of a Connect schema (NULL: Anything), in doc. */
enum sl_rc sl_avro_from_connect(struct sl_avro_doc *d, const struct sl_avro_options *o, const struct sl_schema *schema,
                                struct sl_avro **ret, struct sl_err *err);
/* A name with what Avro does not allow replaced, in arena. full: each part between dots. */
const char *sl_avro_scrub(struct sl_arena *a, const char *name, bool full);
/* Is it the schema of schemaless values? */
bool sl_avro_is_anything(const struct sl_avro *s);
bool sl_avro_is_union_schema(const struct sl_schema *s);
/* Are maps of this schema Avro maps (else arrays of entries)? */
bool sl_avro_plain_map(const struct sl_avro_options *o, const struct sl_schema *s);

/* avro_to.c: the Connect schema of an Avro schema; Anything gives NULL. SL_E_SCHEMA for what Connect can't have (a null
 * of its own, a type that contains itself). */
enum sl_rc sl_avro_to_connect(const struct sl_avro_options *o, const struct sl_avro *s, const struct sl_schema **ret,
                              struct sl_err *err);
/* A default as Avro's JSON has it, under its Connect schema, in arena; false: it does not fit. */
bool sl_avro_default_value(const struct sl_avro_options *o, const struct sl_avro *s, const struct sl_schema *schema,
                           const json_t *def, struct sl_arena *a, struct sl_value *ret);
/* Name of the Connect field for a branch of a union, in arena. */
const char *sl_avro_branch_field(const struct sl_avro_options *o, const struct sl_avro *branch, uint32_t index,
                                 struct sl_arena *a);
/* The member that a two-branch union with null is made optional of, or the only member of a singleton that is
 * flattened; else NULL. */
const struct sl_avro *sl_avro_plain_member(const struct sl_avro_options *o, const struct sl_avro *u);
bool sl_avro_is_entry(const struct sl_avro *s);

/* ---- avro_write.c ---- */
struct sl_avro_encoder;
/* Compile values of schema (NULL: schemaless) to data of avro, which may be another than sl_avro_from_connect gives
 * when Avro's rules of promotion and defaults lead there; SL_E_CONVERT names the field otherwise. avro may go
 * afterwards. */
enum sl_rc sl_avro_encoder_new(const struct sl_avro_options *o, const struct sl_schema *schema,
                               const struct sl_avro *avro, struct sl_avro_encoder **ret, struct sl_err *err);
void sl_avro_encoder_free(struct sl_avro_encoder *e); /* NULL ok */
/* Write bytes at the top with their length, as Avro's files have them; Confluent's messages have them without. */
void sl_avro_encoder_for_file(struct sl_avro_encoder *e);
/* Append one value. Allocates nothing but out's room. */
enum sl_rc sl_avro_encode(const struct sl_avro_encoder *e, const struct sl_value *v, struct sl_buf *out,
                          struct sl_err *err);

/* ---- avro_read.c ---- */
struct sl_avro_decoder;
/* Compile data of writer, resolved to reader (may be the same) by Avro's rules, to values of the reader's Connect
 * schema. */
enum sl_rc sl_avro_decoder_new(const struct sl_avro_options *o, const struct sl_avro *writer,
                               const struct sl_avro *reader, struct sl_avro_decoder **ret, struct sl_err *err);
void sl_avro_decoder_free(struct sl_avro_decoder *d);                            /* NULL ok */
const struct sl_schema *sl_avro_decoder_schema(const struct sl_avro_decoder *d); /* NULL = schemaless */
/* One value; it may point into bytes, the decoder and arena. SL_E_DECODE. */
enum sl_rc sl_avro_decode(const struct sl_avro_decoder *d, struct sl_str bytes, struct sl_arena *arena,
                          struct sl_value *ret, struct sl_err *err);
#endif
