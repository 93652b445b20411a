/* SPDX-License-Identifier: Apache-2.0 */
/* Inside worker/convert: Protobuf. A .proto text, read (protobuf_parse.c) or made from a Connect schema (protobuf_make.c), is a tree of
 * messages (struct pb_message); from that and a Connect schema come the two plans that rows run on: the writer's
 * (protobuf_bind.c, protobuf_write.c) and the reader's (protobuf_schema.c, protobuf_read.c). Follows what Confluent's ProtobufConverter
 * 8.x does with messages, fields and names. None of it is thread safe; each converter owns its plans. */
#ifndef SL_CONVERT_PROTOBUF_H
#define SL_CONVERT_PROTOBUF_H
#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "record/schema.h"

/* How deep messages may nest, in a text and in what a plan is made of. */
#define PB_DEPTH 64
/* Fields of one plan, nested messages counted where they stand. */
#define PB_FIELDS 50000
/* Values that one record's bytes may become. */
#define PB_VALUES (2U << 20)

struct pb_options {
        bool enhanced, scrub, int_enums, optional_nullables, optional_proto2, wrapper_nullables, wrapper_raw, struct_nulls, union_index,
                flatten_unions, generalized, ignore_default;
};

/* ---- descriptors ---- */
enum pb_type {
        PB_NAMED, /* a name that is not looked up yet */
        PB_DOUBLE, PB_FLOAT, PB_INT64, PB_UINT64, PB_INT32, PB_FIXED64, PB_FIXED32, PB_BOOL, PB_STRING, PB_BYTES, PB_UINT32,
        PB_SFIXED32, PB_SFIXED64, PB_SINT32, PB_SINT64, PB_ENUM, PB_MESSAGE,
};
struct pb_enum_value {
        const char *name;
        int32_t number;
        struct pb_enum_value *next;
};
struct pb_enum {
        const char *name, *full;
        bool closed; /* proto2 */
        uint32_t count;
        struct pb_enum_value *values, **tail;
        struct pb_enum *next;
};
struct pb_message;
struct pb_field {
        const char *name, *type_name; /* type_name: of PB_NAMED, PB_ENUM and PB_MESSAGE, as it is written */
        enum pb_type type;
        uint32_t number;
        bool repeated, required, optional; /* optional: the word stands there */
        int32_t oneof;                     /* index, or -1 */
        const char *def;                   /* proto2: [default = ...], without quotes */
        const char *meta_type, *precision, *scale; /* confluent.field_meta: connect.type, precision, scale; NULL = not there */
        struct pb_message *message;
        struct pb_enum *enumeration;
        struct pb_field *next;
};
struct pb_oneof {
        const char *name;
        struct pb_oneof *next;
};
struct pb_message {
        const char *name, *full;
        struct pb_message *parent;
        bool proto3;
        bool map_entry; /* made for a map<> field: no message of the text */
        struct pb_field *fields, **field_tail;
        struct pb_oneof *oneofs, **oneof_tail;
        struct pb_message *messages, **message_tail, *next;
        struct pb_enum *enums, **enum_tail;
        uint32_t field_count, oneof_count;
};
struct pb_import {
        const char *name;
        struct pb_import *next;
};
struct pb_file {
        const char *package; /* NULL = none */
        bool proto3;
        struct pb_import *imports, **import_tail;
        struct pb_message *messages, **message_tail;
        struct pb_enum *enums, **enum_tail;
};

/* ---- protobuf_parse.c ---- */
/* Read one .proto text into arena. SL_E_DECODE names the line. What Connect has no use for is skipped: options, services, extensions. */
enum sl_rc sl_pb_parse(struct sl_str text, struct sl_arena *arena, struct pb_file **ret, struct sl_err *err);

/* ---- protobuf_link.c ---- */
/* A file's names looked up: every field gets its message or enum. symbols holds what the files read so far define (full name -> struct
 * pb_symbol); the file's own are added. */
struct pb_symbol {
        struct pb_message *message;
        struct pb_enum *enumeration;
};
enum sl_rc sl_pb_define(const struct pb_file *file, struct sl_map *symbols, struct sl_arena *arena, struct sl_err *err);
enum sl_rc sl_pb_link(const struct pb_file *file, const struct sl_map *symbols, struct sl_err *err);
struct pb_message *sl_pb_message_new(struct sl_arena *arena, const char *name, struct pb_message *parent, const char *package);
struct pb_field *sl_pb_field_add(struct sl_arena *arena, struct pb_message *m, const char *name);
/* The message of a list of indexes, or NULL; and the list of a full name (count in *ret_count; 0: not there). */
struct pb_message *sl_pb_at(const struct pb_file *file, const uint32_t *index, uint32_t count);
uint32_t sl_pb_index_of(const struct pb_file *file, const char *full, uint32_t index[PB_DEPTH]);
/* NULL, or why bytes of message `written` can't be read as `latest` (in arena): what a field number means must not differ. */
const char *sl_pb_differs(const struct pb_message *latest, const struct pb_message *written, struct sl_arena *arena);
/* PB_NAMED: no scalar. */
enum pb_type sl_pb_scalar(const char *name);
/* Guava's LOWER_UNDERSCORE to UPPER_CAMEL with "Entry" behind it, and the way back. In arena. */
const char *sl_pb_map_entry(struct sl_arena *arena, const char *name);
const char *sl_pb_map_field(struct sl_arena *arena, const char *name);

/* ---- protobuf_known.c ---- */
/* The text of a file that every registry takes as given ("google/type/date.proto"), or NULL. */
const char *sl_pb_known(const char *import);
/* google/protobuf/wrappers.proto as Confluent registers it for keys and values that are no structs. */
extern const char sl_pb_wrappers[];
/* The wrapper message of a type: its name, and its place in that file. NULL = none. */
const char *sl_pb_wrapper_of(enum sl_type type, uint32_t *ret_index);
/* What a wrapper holds, or PB_NAMED. */
enum pb_type sl_pb_wrapped(const char *full);

/* ---- protobuf_load.c ---- */
struct sl_registry;
struct sl_registry_schema;
/* A registered schema with all that it imports, through its references or as known files, linked. Waits for the registry (which may be
 * NULL when nothing is referenced). */
enum sl_rc sl_pb_load(struct sl_registry *registry, const struct sl_registry_schema *schema, struct sl_arena *arena,
                      struct pb_file **ret, struct sl_err *err);

/* ---- protobuf_make.c ---- */
/* The messages for a Connect schema, a struct. SL_E_CONVERT says what Protobuf can't express. */
enum sl_rc sl_pb_make(const struct pb_options *opt, const struct sl_schema *schema, struct sl_arena *arena, struct pb_file **ret,
                      struct sl_err *err);
/* Append the text that Confluent registers for it. */
void sl_pb_print(const struct pb_file *file, struct sl_buf *out);
/* A name as it stands in the text (scrub.invalid.names). In arena, or the name itself. */
const char *sl_pb_scrub(const struct pb_options *opt, struct sl_arena *arena, const char *name);
/* A struct that stands for a oneof; and the parameter that makes an enum of a string or integer schema, or NULL. */
bool sl_pb_is_union(const struct sl_schema *schema);
const char *sl_pb_enum_param(const struct pb_options *opt, const struct sl_schema *schema);
#define SL_PB_NAMESPACE "io.confluent.connect.protobuf."
#define SL_PB_ENUM SL_PB_NAMESPACE "Enum"
#define SL_PB_UNION SL_PB_NAMESPACE "Union"
#define SL_PB_TAG SL_PB_NAMESPACE "Tag"
#define SL_PB_TYPE SL_PB_NAMESPACE "Type"
#define SL_PB_WRAPPER SL_PB_NAMESPACE "Wrapper"
#define SL_CONNECT_ENUM "org.apache.kafka.connect.data.Enum"
#define SL_CONNECT_UNION "org.apache.kafka.connect.data.Union"
#define SL_CONNECT_VARIANT "org.apache.kafka.connect.data.Variant"

/* ---- protobuf_bind.c, protobuf_write.c ---- */
struct pb_writer; /* in the arena it was made with */
/* The plan to write values of schema; file is sl_pb_make's (NULL: schema is no struct, the value goes into its wrapper). */
enum sl_rc sl_pb_bind(const struct pb_options *opt, const struct sl_schema *schema, const struct pb_file *file, struct sl_arena *arena,
                      struct pb_writer **ret, struct sl_err *err);
/* Append the message's bytes. Allocates nothing but what the buffers grow by. scratch: two, for the digits of long decimals. */
enum sl_rc sl_pb_write(const struct pb_writer *w, const struct sl_value *value, struct sl_buf scratch[2], struct sl_buf *out,
                       struct sl_err *err);

/* ---- protobuf_schema.c, protobuf_read.c ---- */
struct pb_reader; /* in the arena it was made with */
/* The Connect schema of a message, and the plan to read it. version 0 = none. */
enum sl_rc sl_pb_schema(const struct pb_options *opt, const struct pb_message *m, int32_t version, struct sl_arena *arena,
                        const struct pb_reader **ret, const struct sl_schema **ret_schema, struct sl_err *err);
/* A message's bytes; strings point into them, all else is in arena. */
enum sl_rc sl_pb_read(const struct pb_reader *r, struct sl_str bytes, struct sl_arena *arena, struct sl_value *ret, struct sl_err *err);

/* ---- protobuf_date.c ---- */
/* A day since 1970 as java.util.GregorianCalendar shows it (before 1582-10-15 the Julian calendar, years counted in their era), and
 * back; false: there is no such day. */
void sl_pb_date_of(int32_t days, int32_t ymd[3]);
bool sl_pb_date_days(const int32_t ymd[3], int32_t *ret);
#endif
