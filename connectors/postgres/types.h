/* SPDX-License-Identifier: Apache-2.0 */
/* Column types: OID and modifier -> Connect schema (as Debezium 3.6.1 maps it) and a function that turns the server's
 * text into a value. A codec is made once per (type, modifier) and lives as long as its sl_pg_types; rows only call its
 * parse function. Libpq-free: what the built-in list does not know is asked through a callback. */
#ifndef SL_POSTGRES_TYPES_H
#define SL_POSTGRES_TYPES_H
#include "base/map.h"
#include "connectors/postgres/cfg.h"
#include "record/schema.h"

struct sl_pg_codec;
/* Text -> value; the value may point into text and into arena. false: the schema can't hold this text. */
typedef bool (*sl_pg_parse)(const struct sl_pg_codec *c, struct sl_str text, struct sl_arena *arena,
                            struct sl_value *ret);

struct sl_pg_codec {
        sl_pg_parse parse;
        struct sl_schema spec;       /* not interned: neither optional nor default */
        struct sl_value zero;        /* stands for the missing value of a NOT NULL column */
        struct sl_value unavailable; /* stands for an unchanged value that was not sent (flag set) */
        int32_t scale;               /* decimals: scale, or -1 variable; times: digits of the fraction */
        bool has_default;            /* literal defaults are taken over into the schema */
        char delim;                  /* arrays */
        const struct sl_pg_codec *elem;
        const struct sl_pg_mapping *map; /* a masked or truncated column (mapper.c), else NULL */
        const struct sl_pg_cfg *cfg;
};

/* What pg_type says about a type that is not built in. Strings live as long as the sl_pg_types. */
struct sl_pg_typeinfo {
        const char *name;
        char kind; /* typtype: b e d r m c p; 0 = no such type */
        char delim;
        uint32_t base, elem;
        int32_t base_typmod;
        const char *labels; /* enum: comma separated */
};
struct sl_pg_types {
        const struct sl_pg_cfg *cfg;
        struct sl_arena arena; /* the task's life */
        struct sl_map cache;   /* (oid, typmod) as 8 bytes -> codec, or &sl_pg_no_codec */
        struct sl_map sources; /* the same -> struct sl_pg_jdbc_type (mapper.c) */
        struct sl_str placeholder;
        enum sl_rc (*lookup)(void *arg, uint32_t oid, struct sl_pg_typeinfo *ret, struct sl_err *err);
        void *arg;
};

void sl_pg_types_init(struct sl_pg_types *t, const struct sl_pg_cfg *cfg);
void sl_pg_types_free(struct sl_pg_types *t);
/* *ret NULL: a type without a mapping (the column is left out). */
enum sl_rc sl_pg_types_codec(struct sl_pg_types *t, uint32_t oid, int32_t typmod, const struct sl_pg_codec **ret,
                             struct sl_err *err);

/* Parsers, by family (values.c, numeric.c, temporal.c). */
bool sl_pg_parse_bool(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_int(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_float(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_text(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_raw(const struct sl_pg_codec *, struct sl_str, struct sl_arena *,
                     struct sl_value *); /* text as binary */
bool sl_pg_parse_bytea(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_bit(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *); /* '1' -> true */
bool sl_pg_parse_bits(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_array(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_hstore(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_point(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_geometry(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_vector(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_decimal(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_variable(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_decimal_str(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_money(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_date(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_time_ms(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_time_us(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_ts_ms(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_ts_us(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_time_ns(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_ts_ns(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_date_iso(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_time_iso(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_ts_iso(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_tstz(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_timetz(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_interval_us(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
bool sl_pg_parse_interval_str(const struct sl_pg_codec *, struct sl_str, struct sl_arena *, struct sl_value *);
/* A decimal text's unscaled value at `scale` (rounded half up), minimal big-endian two's complement, as BYTES. */
bool sl_pg_unscaled(struct sl_str text, int32_t scale, struct sl_arena *arena, struct sl_value *ret);
/* Bytes as cfg->binary wants them. */
struct sl_value sl_pg_binary_value(const struct sl_pg_cfg *cfg, const uint8_t *p, size_t n, struct sl_arena *arena);
#endif
