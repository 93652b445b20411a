/* SPDX-License-Identifier: Apache-2.0 */
/* JSON text in a record made into structs, arrays and plain values with a schema that is read off the text, as
 * Debezium's outbox and message transforms do: objects are optional structs named by their path, whole numbers INT32 or
 * INT64 by their size, all others FLOAT64. The reader follows JSON strictly and looks at the first value only. All
 * memory is the arena's but for new schemas, which are interned and so stay for the process' life. @thread any. */
#ifndef SL_TRANSFORMS_JSONDATA_H
#define SL_TRANSFORMS_JSONDATA_H
#include "record/schema.h"

/* How deep a text may nest. */
#define SL_JSONDATA_DEPTH 200

enum sl_jsondata {
        SL_JSONDATA_OK,
        SL_JSONDATA_TEXT,  /* no JSON */
        SL_JSONDATA_SHAPE, /* no schema describes it: an array of differing members, a member without name */
        SL_JSONDATA_FIT,   /* a member does not fit the schema that the others gave */
};

/* keep_null: a null becomes an optional BYTES field; otherwise it is left out. name: of the outermost struct, may be
 * NULL. *ret_schema NULL: there is nothing to tell a schema from (an empty array). *ret_why, when it is not OK, says
 * what is wrong (static text). */
enum sl_jsondata sl_jsondata_read(struct sl_str text, const char *name, bool keep_null, struct sl_arena *arena,
                                  const struct sl_schema **ret_schema, struct sl_value *ret, const char **ret_why);
#endif
