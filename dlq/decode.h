/* SPDX-License-Identifier: Apache-2.0 */
/* Values that a schema registry's serializers wrote, read with the schema they were written with: Avro, Protobuf (the
 * members of a oneof as fields of their message), and JSON behind the registry's frame.
 * @thread one at a time. */
#ifndef SL_DLQ_DECODE_H
#define SL_DLQ_DECODE_H
#include "base/arena.h"
#include "config/props.h"
#include "convert/registry.h"
#include "pipeline/chain.h"

struct sl_dlq_decode;
/* client: schema.registry.url and its credentials; *ret is NULL when there is none. Asks nobody yet. */
enum sl_rc sl_dlq_decode_new(const struct sl_props *client, struct sl_dlq_decode **ret, struct sl_err *err);
void sl_dlq_decode_free(struct sl_dlq_decode *d); /* NULL ok */
struct sl_registry *sl_dlq_decode_registry(struct sl_dlq_decode *d);
/* A converter of Avro or Protobuf that writes with one schema id, closed with d. Does not own what it writes. */
enum sl_rc sl_dlq_decode_writer(struct sl_dlq_decode *d, const struct sl_registry_schema *s, struct sl_converter **ret,
                                struct sl_err *err);
/* A framed value of Avro or Protobuf, as its schema is (type). It points into bytes, arena and d. */
enum sl_rc sl_dlq_decode_value(struct sl_dlq_decode *d, enum sl_registry_type type, struct sl_str topic, struct sl_str bytes,
                               struct sl_arena *arena, const struct sl_schema **ret_schema, struct sl_value *ret,
                               struct sl_err *err);
/* A value as JSON text, in arena or in bytes, which are taken for JSON when they are not framed. ret->ptr NULL: it
 * can't be read, why says it (may be NULL). Fails only when the registry can't be asked. d may be NULL: then nothing
 * framed can be read. */
enum sl_rc sl_dlq_decode_text(struct sl_dlq_decode *d, struct sl_str topic, struct sl_str bytes, struct sl_arena *arena,
                              struct sl_str *ret, struct sl_err *why, struct sl_err *err);
#endif
