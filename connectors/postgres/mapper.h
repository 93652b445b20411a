/* SPDX-License-Identifier: Apache-2.0 */
/* Column mappers: column.mask.*, column.truncate.*, column.propagate.source.type, datatype.propagate.source.type.
 * A column has at most one: the first that fits of masks, truncations, propagation. A mapped column gets a codec of its
 * own around its type's codec, so that rows of other columns run what they always run; keys keep the type's codec.
 * The salt of a hash is a part of its key: sl_pg_mapper_key() names such a key without it. */
#ifndef SL_POSTGRES_MAPPER_H
#define SL_POSTGRES_MAPPER_H
#include "connectors/postgres/regexes.h"
#include "connectors/postgres/types.h"

struct sl_pg_maprule;
struct sl_pg_mappers {
        struct sl_pg_maprule *rules;
        uint32_t count;
        struct sl_pg_regexes propagate, propagate_types;
};
/* What a column's codec does beside its type's codec. */
struct sl_pg_mapping {
        const struct sl_pg_codec *inner;
        const struct sl_pg_maprule *rule;
        uint32_t cut; /* UTF-16 units (text) or bytes that are kept */
};

/* err names the key without its salt. Free also after a failure. */
enum sl_rc sl_pg_mappers_open(struct sl_pg_mappers *m, const struct sl_pg_cfg *cfg, struct sl_err *err);
void sl_pg_mappers_free(struct sl_pg_mappers *m);
/* A key of column.mask.* as it may be shown, in arena. */
const char *sl_pg_mapper_key(const char *key, struct sl_arena *arena);

struct sl_pg_mapped_column {
        const char *schema, *table, *column, *comment; /* comment NULL: none */
        uint32_t type;
        int32_t typmod;
};
/* The codec of a captured column, made in t's arena: *codec itself when no mapper fits it. Its spec has the mapper's
 * parameters; its parse must run in one thread at a time. *ret_unmasked: a mask fits, but the column is not text and
 * stays as it is. */
enum sl_rc sl_pg_mapped(const struct sl_pg_mappers *m, struct sl_pg_types *t, const struct sl_pg_mapped_column *col,
                        const struct sl_pg_codec **codec, bool *ret_unmasked, struct sl_err *err);
/* A value of the type's codec (or null) as the mapped codec writes it: for what stands in for missing values. */
struct sl_value sl_pg_map_value(const struct sl_pg_codec *mapped, struct sl_value v, struct sl_arena *arena);
/* A column's type as the JDBC driver tells it; lives as long as t. */
struct sl_pg_jdbc_type {
        const char *name;
        int32_t length, scale;
};
enum sl_rc sl_pg_source_type(struct sl_pg_types *t, uint32_t type, int32_t typmod, const struct sl_pg_jdbc_type **ret,
                             struct sl_err *err);
#endif
