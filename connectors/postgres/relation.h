/* SPDX-License-Identifier: Apache-2.0 */
/* Relations: what a Relation message (or the catalog, for a snapshot) says about a table, bound to codecs, schemas and
 * the constant parts of its records. Rows work on indexes only. Relations live as long as the task: records in flight
 * point at their names; one that comes again unchanged is kept. */
#ifndef SL_POSTGRES_RELATION_H
#define SL_POSTGRES_RELATION_H
#include "connectors/postgres/conn.h"
#include "connectors/postgres/filter.h"
#include "connectors/postgres/pgoutput.h"
#include "connectors/postgres/types.h"
#include "record/record.h"

struct sl_pg_column {
        const char *name;
        uint32_t type;
        int32_t typmod;
        bool not_null, wire_key;
        int32_t out;                     /* index in the row's struct, -1 = left out */
        int32_t key;                     /* index in the key's struct, -1 = no key column */
        const struct sl_pg_codec *codec; /* NULL = type without a mapping */
        const struct sl_schema *schema;
        struct sl_value missing; /* when the server sent no value: null, or a stand-in when NOT NULL */
        const struct sl_schema *key_schema;   /* in keys, where nothing is masked and no type is propagated */
        const struct sl_pg_column *unmasked; /* the same column as keys have it; NULL when the values are the same */
};
/* Indexes into `source` that change from row to row; the order of the schema. */
enum sl_pg_source {
        SL_PG_S_VERSION,
        SL_PG_S_CONNECTOR,
        SL_PG_S_NAME,
        SL_PG_S_TS_MS,
        SL_PG_S_SNAPSHOT,
        SL_PG_S_DB,
        SL_PG_S_SEQUENCE,
        SL_PG_S_TS_US,
        SL_PG_S_TS_NS,
        SL_PG_S_SCHEMA,
        SL_PG_S_TABLE,
        SL_PG_S_TXID,
        SL_PG_S_LSN,
        SL_PG_S_XMIN,
        SL_PG_S_ORIGIN,
        SL_PG_S_ORIGIN_LSN,
        SL_PG_S_COUNT
};

struct sl_pg_counter;
struct sl_pg_relation {
        uint32_t oid;
        const char *schema, *table;
        bool captured;
        bool watched; /* its changes are told to incremental.c */
        uint32_t n, nout, nkey; /* nkey: columns of the key */
        struct sl_pg_column *cols;
        uint32_t *key_cols; /* column of each key field */
        struct sl_str topic;
        struct sl_str identity; /* the key's field topic.key.field.name, behind its columns; ptr NULL = none */
        const struct sl_schema *key_schema, *row_schema, *envelope_schema; /* key_schema NULL = no key */
        struct sl_value source[SL_PG_S_COUNT];                             /* constant parts filled in */
        struct sl_str print;                                               /* all it was made from: to know it again */
        struct sl_pg_counter *counter; /* of transaction metadata; NULL until it counts */
};

struct sl_pg_relations {
        const struct sl_pg_cfg *cfg;
        const char *prefix; /* topic.prefix */
        const struct sl_pg_filter *filter;
        struct sl_pg_types *types;
        const struct sl_pg_who *who;
        PGconn **catalog;            /* where to ask; must be idle while a relation is made */
        struct sl_arena arena;       /* the task's life */
        struct sl_arena scratch;     /* while one is made: what a message or the catalog says, and what its schemas are made from */
        struct sl_map map;           /* oid (4 bytes) -> struct sl_pg_relation */
        struct sl_map topics;        /* topic -> struct sl_pg_relation: the first table that got it */
        struct sl_pg_relation *last; /* of the last look-up */
        const struct sl_schema *source_schema, *block_schema;
        uint32_t xid; /* of the transaction that is read: its DDL may not be visible for a moment */
        void (*bound)(void *arg, struct sl_pg_relation *rel); /* told of each new one; may be NULL */
        void *bound_arg;
};

void sl_pg_relations_init(struct sl_pg_relations *r);
void sl_pg_relations_free(struct sl_pg_relations *r);
/* NULL = no Relation message came for it. */
struct sl_pg_relation *sl_pg_relation_find(struct sl_pg_relations *r, uint32_t oid);
/* From an R message. */
enum sl_rc sl_pg_relation_from_message(struct sl_pg_relations *r, const struct sl_pgoutput *m, struct sl_err *err);
/* From the catalog seen through conn (a snapshot): the columns that a Relation message would name. */
enum sl_rc sl_pg_relation_from_catalog(struct sl_pg_relations *r, PGconn *conn, uint32_t oid,
                                       struct sl_pg_relation **ret, struct sl_err *err);
/* Fill in the constant parts of rel->source. */
void sl_pg_relation_source(const struct sl_pg_relations *r, struct sl_pg_relation *rel);
/* The callback for sl_pg_types; arg is a struct sl_pg_relations. */
enum sl_rc sl_pg_relation_type_lookup(void *arg, uint32_t oid, struct sl_pg_typeinfo *ret, struct sl_err *err);

/* Column defaults (coldefault.c): the literal of pg_get_expr's text as a value of the codec's schema; false = none. */
bool sl_pg_default_value(const struct sl_pg_codec *c, const char *expr, struct sl_arena *arena, struct sl_value *ret);
#endif
