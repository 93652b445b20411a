/* SPDX-License-Identifier: Apache-2.0 */
/* May a record go into a file of another schema, and what does its value become: schema.compatibility of the storage sinks.
 * The rules are those of Confluent's storage-common (StorageSchemaCompatibility), the projection is that of Kafka Connect's
 * SchemaProjector: fields that the file does not have go, those that it has more get their default or null, numbers widen.
 * One difference: schemas are compared as values, so two equal ones without a version are the same schema in every mode (Java
 * asks for versions unless they are the same object). Not thread safe. */
#ifndef SL_RECORD_PROJECT_H
#define SL_RECORD_PROJECT_H
#include "base/arena.h"
#include "base/err.h"
#include "record/schema.h"

enum sl_compatibility {
        SL_COMPATIBILITY_NONE,     /* another schema is another file */
        SL_COMPATIBILITY_BACKWARD, /* a newer version is another file, an older one is projected */
        SL_COMPATIBILITY_FORWARD,  /* an older version is another file, a newer one is projected */
        SL_COMPATIBILITY_FULL,     /* the same as BACKWARD */
};
enum sl_fit_action { SL_FIT_KEEP, SL_FIT_ROTATE, SL_FIT_PROJECT };

struct sl_projection; /* values of one schema to values of another, compiled */
struct sl_fit {
        enum sl_fit_action action;
        const char *why;                      /* ROTATE: Java's name of the reason, "DIFFERENT_VERSION"; else NULL. Static */
        const struct sl_projection *projection; /* PROJECT: lives as long as the projector */
};

struct sl_projector;
struct sl_projector *sl_projector_new(enum sl_compatibility mode);
void sl_projector_free(struct sl_projector *p); /* NULL ok */
/* What to do with a record of schema record when the open file has schema file (NULL = schemaless). Compiled at the first sight
 * of a pair, a look-up by the record schema's id afterwards. SL_E_PROJECT (record scope): the mode asks for versions and one
 * has none, or one of the two is schemaless. */
enum sl_rc sl_projector_fit(struct sl_projector *p, const struct sl_schema *file, const struct sl_schema *record,
                            struct sl_fit *ret, struct sl_err *err);
/* The value in the file's schema. It may point into v, arena, and schemas (defaults); nothing but the arena is allocated.
 * SL_E_VALUE: v is not of the schema that the projection is from. */
enum sl_rc sl_project(const struct sl_projection *p, const struct sl_value *v, struct sl_arena *arena,
                      struct sl_value *ret, struct sl_err *err);
#endif
