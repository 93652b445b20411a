/* SPDX-License-Identifier: Apache-2.0 */
/* Snowflake's column types: what DESC TABLE says, which type a new column gets, and a table's description as rows are
 * checked against it. Asks no server (table.h does). Not thread safe; a finished description may be read by several. */
#ifndef SL_SF_TYPES_H
#define SL_SF_TYPES_H
#include "base/map.h"
#include "record/schema.h"

enum sl_sf_kind {
        SL_SF_OTHER, /* GEOGRAPHY, VECTOR, structured OBJECT and ARRAY, ...: values are passed on unchecked */
        SL_SF_FIXED,
        SL_SF_REAL,
        SL_SF_TEXT,
        SL_SF_BINARY,
        SL_SF_BOOLEAN,
        SL_SF_DATE,
        SL_SF_TIME,
        SL_SF_TIMESTAMP_NTZ,
        SL_SF_TIMESTAMP_LTZ,
        SL_SF_TIMESTAMP_TZ,
        SL_SF_VARIANT,
        SL_SF_ARRAY,
        SL_SF_OBJECT,
};
struct sl_sf_type {
        enum sl_sf_kind kind;
        int32_t precision, scale; /* FIXED; scale also of TIME and TIMESTAMP_* */
        int64_t length;           /* TEXT: characters, BINARY: bytes */
        bool collated;
};

/* The type as DESC TABLE spells it ("NUMBER(38,0)", "VARCHAR(16777216) COLLATE 'en'"). Never fails: what is unknown is
 * SL_SF_OTHER. */
struct sl_sf_type sl_sf_type_parse(struct sl_str text);
/* "NUMBER", "VARCHAR", ... for messages. */
const char *sl_sf_kind_name(enum sl_sf_kind kind);
/* The DDL type of a column for values of this schema, by the Java connector's map. cdc: Debezium's semantic types count
 * too, and decimals of a known precision of up to 38 digits become NUMBER(p,s) instead of VARCHAR. */
void sl_sf_type_of_schema(const struct sl_schema *schema, bool cdc, struct sl_buf *out);
/* The same for a value without a schema (static text); NULL for null: such a column is not made yet. */
const char *sl_sf_type_of_value(const struct sl_value *v);

struct sl_sf_column {
        struct sl_str name;    /* as stored: without quotes, case as it is */
        struct sl_str spelled; /* the type as DESC TABLE says it */
        struct sl_sf_type type;
        bool nullable;
        bool filled; /* has a default or counts by itself: may be missing in a row though NOT NULL */
        uint32_t index;
};
struct sl_sf_desc {
        uint64_t serial; /* no other description of the process has it */
        struct sl_map by_name; /* struct sl_sf_column */
        struct sl_sf_column **columns;
        uint32_t count, cap;
        bool may_evolve;    /* the table allows it and our role may */
        bool error_logging; /* refused rows are kept in ERROR_TABLE(...) */
        bool iceberg;
        bool metadata_object; /* RECORD_METADATA is a structured OBJECT: all of its fields must be there */
};
struct sl_sf_desc *sl_sf_desc_new(void);
/* A column, at the end; type as DESC TABLE says it. A second one of the same name is ignored. */
void sl_sf_desc_add(struct sl_sf_desc *d, struct sl_str name, struct sl_str type, bool nullable, bool filled);
/* NULL = none. Names are compared as they are stored. */
static inline const struct sl_sf_column *sl_sf_desc_find(const struct sl_sf_desc *d, struct sl_str name)
{
        return sl_map_get(&d->by_name, name);
}
void sl_sf_desc_free(struct sl_sf_desc *d); /* NULL ok */

/* What a table needs before a row fits: columns that it lacks, NOT NULLs that have to go. */
struct sl_sf_want {
        struct sl_str name;
        const char *type;    /* DDL type */
        const char *comment; /* NULL = ours */
};
struct sl_sf_wanted {
        struct sl_sf_want *add;
        uint32_t add_count, add_cap;
        struct sl_str *relax;
        uint32_t relax_count, relax_cap;
};
#endif
