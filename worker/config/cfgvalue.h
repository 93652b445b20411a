/* SPDX-License-Identifier: Apache-2.0 */
/* One configuration value: text to type and back, by the rules of Kafka's ConfigDef. Private to worker/config. */
#ifndef SL_CONFIG_CFGVALUE_H
#define SL_CONFIG_CFGVALUE_H
#include "base/arena.h"
#include "config/cfgdef.h"

struct sl_cfg_value {
        bool null;
        union {
                const char *s; /* STRING, PASSWORD, CLASS, ENUM (trimmed, in the arena) */
                int64_t i;     /* INT, SHORT, LONG */
                double d;
                bool b;
                struct sl_cfg_list list; /* in the arena */
        };
};

/* Parse the type only (no range, no enum). text NULL gives null. Returns NULL, or the reason as Kafka words it; then
 * ret is null. */
const char *sl_cfg_value_parse(enum sl_cfg_type type, const char *text, struct sl_arena *arena,
                               struct sl_cfg_value *ret);
/* The value as the REST API shows it: LIST joined with commas, numbers canonical, PASSWORD "[hidden]". Not for null. */
void sl_cfg_value_print(enum sl_cfg_type type, const struct sl_cfg_value *v, struct sl_buf *out);
/* "INT", "STRING" (also for ENUM), ... */
const char *sl_cfg_type_name(enum sl_cfg_type type);
/* The row of the enum value that the text names, NULL if none. */
const struct sl_cfg_enum *sl_cfg_enum_find(const struct sl_cfg_def *row, const char *text);

/* Look-up of a row's value in a configuration. */
struct sl_cfg_given {
        bool present;      /* the key, or an old name of it, is there (maybe with null) */
        const char *value; /* NULL = null */
        const char *key;   /* the name that was used, with the prefix, in the arena */
};
struct sl_cfg_given sl_cfg_given(const struct sl_cfg_def *defs, const struct sl_cfg_def *row, const char *prefix,
                                 const struct sl_props *props, struct sl_arena *arena);
/* The row that an alias row points to; the row itself when it is none (or its target does not exist). */
const struct sl_cfg_def *sl_cfg_target(const struct sl_cfg_def *defs, const struct sl_cfg_def *row);
#endif
