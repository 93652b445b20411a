/* SPDX-License-Identifier: Apache-2.0 */
/* Inside worker/convert: the JSON reader and the envelope's schema. Others use convert.h.
 * None of it is thread safe; each converter owns its reader and its caches. */
#ifndef SL_CONVERT_JSON_H
#define SL_CONVERT_JSON_H
#include "convert/convert.h"
#include "record/logical.h"
#include "record/schema.h"

/* How deep arrays and objects may nest. */
#define SL_JSON_DEPTH 200
/* Tag of a number in a raw tree (never leaves this folder): its text in ptr, len. */
#define SL_JSON_NUMBER 64

/* ---- json_read.c ---- */
struct sl_json_reader {
        const char *start, *p, *end;
        struct sl_arena *arena;
        struct sl_value *stack; /* members of the containers that are open */
        size_t depth, count, cap;
        bool raw;            /* numbers stay text */
        const char *problem; /* first error; p is where */
};
void sl_json_reader_free(struct sl_json_reader *r); /* accepts a zeroed struct */

/* Read the first JSON value of text; what follows it is ignored, as Jackson's tree reader does. Objects become MAP with
 * string keys (of equal keys the last value wins), integers INT64, other numbers and integers beyond 64 bits FLOAT64
 * (raw: SL_JSON_NUMBER). Strings without escapes point into text, all else into arena. Text without any value (empty,
 * white space) gives *ret_missing = true and null. SL_E_DECODE says where and why. */
enum sl_rc sl_json_read(struct sl_json_reader *r, struct sl_str text, bool raw, struct sl_arena *arena,
                        struct sl_value *ret, bool *ret_missing, struct sl_err *err);

struct sl_json_envelope {
        bool ok;                 /* an object with exactly the members schema and payload */
        struct sl_str schema;    /* the bytes of the member, in text */
        struct sl_value payload; /* raw tree, or plain values when the schema is null */
};
/* Read {"schema":...,"payload":...}. known: schema bytes met before; when the member begins with them it is not
 * scanned. SL_E_DECODE for invalid JSON only. */
enum sl_rc sl_json_read_envelope(struct sl_json_reader *r, struct sl_str text, struct sl_str known,
                                 struct sl_arena *arena, struct sl_json_envelope *ret, struct sl_err *err);
/* Member of an object, or NULL. */
const struct sl_value *sl_json_member(const struct sl_value *obj, const char *name, size_t len);

/* ---- json_bind.c ---- */
/* Value of a raw tree under a schema (NULL: schemaless), by JsonConverter's rules, which are Jackson's lenient getters.
 * Values live in arena, in the tree's text or in the schema (defaults). */
enum sl_rc sl_json_bind(const struct sl_schema *schema, const struct sl_value *node, bool replace_null,
                        struct sl_arena *arena, struct sl_value *ret, struct sl_err *err);

/* ---- json_schema.c ---- */
/* The schema that a raw tree describes; a JSON null gives NULL. replace_null: for the defaults inside defaults. */
enum sl_rc sl_json_schema_from(const struct sl_value *node, bool replace_null, struct sl_arena *arena,
                               const struct sl_schema **ret, struct sl_err *err);
/* sl_json_write_schema with the decimal form of a writer (defaults are written with it). */
void sl_json_render_schema(struct sl_json_writer *w, const struct sl_schema *schema, struct sl_buf *out);
#endif
