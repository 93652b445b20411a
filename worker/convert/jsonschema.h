/* SPDX-License-Identifier: Apache-2.0 */
/* Inside worker/convert: JSON Schema. Connect schema -> the text that Confluent's JsonSchemaConverter registers (jsonschema_make.c) and
 * values as JSON (jsonschema_write.c); a registered text -> Connect schema (jsonschema_schema.c) and JSON under it (jsonschema_read.c).
 * Follows Confluent's JsonSchemaData 8.x. None of it is thread safe. */
#ifndef SL_CONVERT_JSONSCHEMA_H
#define SL_CONVERT_JSONSCHEMA_H
#include "base/map.h"
#include "convert/json.h"

/* How deep schemas may nest, and how many parts one may have, references followed. */
#define JS_DEPTH 64
#define JS_PARTS 50000

struct js_options {
        bool additional;       /* object.additional.properties */
        bool optional_missing; /* use.optional.for.nonrequired */
        bool flatten_single;   /* flatten.singleton.unions */
        bool generalized, ignore_default;
        enum sl_decimal_format decimals;
};
#define SL_JS_NAMESPACE "io.confluent.connect.json"
#define SL_JS_ENUM SL_JS_NAMESPACE ".Enum"
#define SL_JS_ONE_OF SL_JS_NAMESPACE ".OneOf"
#define SL_JS_UNION "org.apache.kafka.connect.data.Union"
#define SL_JS_GENERAL_ENUM "org.apache.kafka.connect.data.Enum"

/* A struct that stands for a choice. */
bool sl_js_is_union(const struct sl_schema *schema);

/* ---- jsonschema_make.c ---- */
/* Append the JSON Schema of a Connect schema. w writes the defaults. */
enum sl_rc sl_js_make(const struct js_options *opt, const struct sl_schema *schema, struct sl_json_writer *w, struct sl_buf *out,
                      struct sl_err *err);
/* The order in which a java.util.HashMap gives n names back, as indexes into names. cap: its table before the first is put. */
void sl_js_hash_order(const char *const *names, uint32_t n, uint32_t cap, uint32_t *ret);

/* ---- jsonschema_write.c ---- */
struct js_writer; /* in the arena it was made with */
enum sl_rc sl_js_bind(const struct js_options *opt, const struct sl_schema *schema, struct sl_arena *arena, const struct js_writer **ret,
                      struct sl_err *err);
/* Append a value as JSON. *ret_null: it is a null that has no form (required and without default); nothing is appended then. */
enum sl_rc sl_js_write(const struct js_writer *plan, struct sl_json_writer *w, const struct sl_value *value, struct sl_buf *out,
                       bool *ret_null, struct sl_err *err);

/* ---- jsonschema_schema.c ---- */
/* Gives the text of what a $ref names before its #, or NULL in *ret; arg is the caller's. */
typedef enum sl_rc (*sl_js_resolve)(void *arg, const char *name, struct sl_str *ret, struct sl_err *err);
/* The Connect schema of a text; version 0 = none. */
enum sl_rc sl_js_schema(const struct js_options *opt, struct sl_str text, int32_t version, sl_js_resolve resolve, void *arg,
                        const struct sl_schema **ret, struct sl_err *err);

/* NULL, or the name of a field (static or of a schema) where values of ours are none of latest: another type, a null that it does not
 * allow, or a field that it wants and ours lacks. */
const char *sl_js_differs(const struct sl_schema *latest, const struct sl_schema *ours);

/* ---- jsonschema_read.c ---- */
/* A raw tree (sl_json_read with raw) under a schema. node NULL: it is not there. */
enum sl_rc sl_js_read(const struct sl_schema *schema, const struct sl_value *node, struct sl_arena *arena, struct sl_value *ret,
                      struct sl_err *err);
#endif
