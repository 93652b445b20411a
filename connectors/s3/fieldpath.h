/* SPDX-License-Identifier: Apache-2.0 */
/* Dotted paths into record values (a.b.c), as partition.field.name and timestamp.field have them. A path is bound to a value schema once
 * and then followed by indexes; schemaless maps are searched by name. Nothing is allocated when a value is looked up. @thread any. */
#ifndef SL_S3_FIELDPATH_H
#define SL_S3_FIELDPATH_H
#include "record/schema.h"
#include "record/value.h"

struct sl_s3_path {
        const char *text; /* as configured */
        struct sl_str *names;
        uint32_t depth;
};
/* Split at dots as Java does: empty names at the end are dropped. text outlives the path. */
void sl_s3_path_init(struct sl_s3_path *p, const char *text);
void sl_s3_path_free(struct sl_s3_path *p);

/* Where a path leads in a struct's schema. */
struct sl_s3_bound {
        const struct sl_schema *leaf; /* NULL: there is no such field */
        uint32_t *at;                 /* index of the field at each level */
};
void sl_s3_path_bind(const struct sl_s3_path *p, const struct sl_schema *schema, struct sl_s3_bound *ret);
void sl_s3_bound_free(struct sl_s3_bound *b);
/* The value there, a null replaced by its schema's default; a null value when it or something above it is null. v is of the schema
 * that was bound. */
const struct sl_value *sl_s3_bound_value(const struct sl_s3_path *p, const struct sl_s3_bound *b,
                                         const struct sl_schema *schema, const struct sl_value *v);
/* The same in maps with strings as keys; NULL: there is no such key, or something above it is no map. */
const struct sl_value *sl_s3_path_value(const struct sl_s3_path *p, const struct sl_value *map);
#endif
