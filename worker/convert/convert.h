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
struct sl_json_writer *sl_json_writer_new(enum sl_decimal_format decimals, bool replace_null_with_default);
void sl_json_writer_free(struct sl_json_writer *w); /* NULL ok */
enum sl_rc sl_json_write_value(struct sl_json_writer *w, const struct sl_schema *schema, const struct sl_value *value,
                               struct sl_buf *out, struct sl_err *err);
/* The schema as JsonConverter writes it in the envelope. */
void sl_json_write_schema(const struct sl_schema *schema, struct sl_buf *out);
#endif
