/* SPDX-License-Identifier: Apache-2.0 */
/* The converters of this build, and look-up by short name, Java class name or Java simple name. */
#ifndef SL_CONVERT_CONVERT_H
#define SL_CONVERT_CONVERT_H
#include "api/converter.h"

extern const struct sl_converter_ops *const sl_converters[]; /* NULL-terminated */
const struct sl_converter_ops *sl_converter_find(const char *name); /* NULL = unknown */

/* Text of Connect's JSON forms, shared by JsonConverter and the sinks' JSON formats:
 * append one value as plain JSON (the "payload" form) by the rules of JsonConverter; schema NULL = schemaless. Compiled per
 * schema at first sight (cache owned by the writer), so a bound row allocates nothing. */
struct sl_json_writer;
enum sl_decimal_format { SL_DECIMAL_BASE64, SL_DECIMAL_NUMERIC };
extern const struct sl_cfg_enum sl_decimal_formats[]; /* for SL_CFG_ENUM */
struct sl_json_writer *sl_json_writer_new(enum sl_decimal_format decimals, bool replace_null_with_default);
void sl_json_writer_free(struct sl_json_writer *w); /* NULL ok */
enum sl_rc sl_json_write_value(struct sl_json_writer *w, const struct sl_schema *schema, const struct sl_value *value,
                               struct sl_buf *out, struct sl_err *err);
/* The bytes of the named members of a JSON object, in text (ptr NULL: not there; of repeated ones the last), as Jackson would read
 * them. SL_E_DECODE when text is no JSON object. */
enum sl_rc sl_json_split_object(struct sl_str text, const char *const *names, size_t n, struct sl_arena *arena,
                                struct sl_str *ret, struct sl_err *err);
/* The bytes of each element of a JSON array, in arena. SL_E_DECODE when text is none. */
enum sl_rc sl_json_split_array(struct sl_str text, struct sl_arena *arena, struct sl_str **ret, uint32_t *ret_count,
                               struct sl_err *err);
/* One JSON value without a schema; strings may point into text, all else is in arena. */
enum sl_rc sl_json_value(struct sl_str text, struct sl_arena *arena, struct sl_value *ret, struct sl_err *err);
/* The schema as JsonConverter writes it in the envelope. */
void sl_json_write_schema(const struct sl_schema *schema, struct sl_buf *out);
#endif
