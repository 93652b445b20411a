/* SPDX-License-Identifier: Apache-2.0 */
/* A value made to fit another schema: fields by name, renamed, cast, filled; symbols of enums renamed. Numbers widen as
 * Avro has it; every other change of a type needs a cast, and what would lose something needs allow_lossy. Without a
 * target schema the same changes are made on schemaless (JSON) values. Fields are named by their path from the top
 * ("customer.name"), or by their own name alone. Pure but for its counts. @thread one at a time. */
#ifndef SL_DLQ_RESOLVE_H
#define SL_DLQ_RESOLVE_H
#include "base/arena.h"
#include "base/json.h"
#include "base/map.h"
#include "dlq/opts.h"
#include "record/record.h"

/* One kind of change of one field. */
struct sl_change {
        char *text;     /* "rename to total", "default currency" */
        size_t path_at; /* where in it the field's path begins */
        uint64_t count;
        char *before, *after; /* of the first; NULL = nothing was there */
};
/* The type that a name in --cast means for JSON; false: none. */
bool sl_resolve_type(const char *name, enum sl_type *ret);
struct sl_resolve {
        const struct sl_dlq_opts *o; /* rename, defaults, cast, enums, allow_lossy */
        struct sl_arena *arena;      /* of the value */
        struct sl_map changes;       /* text -> struct sl_change */
        char path[512];              /* of the field at hand */
        size_t path_len;
        char why[600];             /* why a value could not be resolved */
        struct sl_change_pending *pending; /* changes of the value at hand: they count only when it succeeds */
        uint32_t pending_count, pending_cap;
};
/* from: schema of in, NULL = schemaless. to: NULL = schemaless, and only changed where an option says so. False: why
 * says it. */
bool sl_resolve_value(struct sl_resolve *r, const struct sl_schema *from, const struct sl_value *in,
                      const struct sl_schema *to, struct sl_value *ret);
/* How many values' changes are counted is the caller's to say: this one's count now, or are forgotten. True: there were
 * some. */
bool sl_resolve_count(struct sl_resolve *r, bool keep);
/* [{"change","count","before","after"}] */
json_t *sl_resolve_changes(const struct sl_resolve *r);
void sl_resolve_free(struct sl_resolve *r);
#endif
