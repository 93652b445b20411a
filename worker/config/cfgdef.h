/* SPDX-License-Identifier: Apache-2.0 */
/* One table a component describes its configuration, and everything else reads the table: defaults, parsing
 * into the component's struct, checks, PUT .../config/validate, GET /connector-plugins/x/config, the reference
 * page, redaction and warnings for unknown keys. A table ends with a zeroed row.
 *
 * static const struct sl_cfg_def pg_config[] = {
 *         { SL_CFG_STR(struct pg_cfg, hostname, "database.hostname"), .flags = SL_CFG_REQUIRED,
 *           .importance = SL_HIGH, .group = "Postgres", .doc = "Address of the database server." },
 *         { SL_CFG_ENUM(struct pg_cfg, snapshot, "snapshot.mode", snapshot_modes), .def = "initial", .doc = "..." },
 *         { SL_CFG_SECRET(struct pg_cfg, password, "database.password"), .doc = "..." },
 *         { .name = "plugin.name", .unsupported = "Only pgoutput is built in; remove this key." },
 *         { 0 } };
 */
#ifndef SL_CONFIG_CFGDEF_H
#define SL_CONFIG_CFGDEF_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "config/props.h"

/* Kafka's ConfigDef.Type. Member types: STRING, PASSWORD, CLASS: const char * (NULL when unset);
 * INT, SHORT: int32_t; LONG: int64_t; DOUBLE: double; BOOLEAN: bool; LIST: struct sl_cfg_list; ENUM (a STRING to
 * the user): int. */
enum sl_cfg_type { SL_CFG_T_STRING, SL_CFG_T_PASSWORD, SL_CFG_T_CLASS, SL_CFG_T_INT, SL_CFG_T_SHORT, SL_CFG_T_LONG,
                   SL_CFG_T_DOUBLE, SL_CFG_T_BOOLEAN, SL_CFG_T_LIST, SL_CFG_T_ENUM };
enum sl_cfg_importance { SL_LOW, SL_MEDIUM, SL_HIGH };

struct sl_cfg_list {
        const char *const *items;
        uint32_t count;
};
/* Ends with {NULL}. A value of this build that we know but can't do carries the reason. */
struct sl_cfg_enum {
        const char *name;
        int value;
        const char *unsupported;
};

enum sl_cfg_flag {
        SL_CFG_REQUIRED = 1,       /* no default; missing is an error */
        SL_CFG_NONEMPTY = 2,       /* "String must be non-empty" */
        SL_CFG_IGNORED = 4,        /* known, accepted, has no effect here: .doc says why; set values give a warning */
        SL_CFG_DEPRECATED = 8,     /* works; a set value gives a warning with .doc */
        SL_CFG_CASE_INSENSITIVE = 16, /* ENUM */
        SL_CFG_HAS_MIN = 32,
        SL_CFG_HAS_MAX = 64,
        SL_CFG_PREFIX = 128,       /* name ends with "." or "*": every key with this prefix is known; passed through, or kept
                                      in the row's member: a list of key, value, key, value ... in the order given */
        SL_CFG_HIDDEN = 256,       /* not in docs and validate */
        SL_CFG_UNIQUE = 512,       /* LIST: no null, no item twice, no empty item */
        SL_CFG_RAW = 1024,         /* STRING: blanks around the text belong to it */
};

struct sl_cfg_def {
        const char *name;
        enum sl_cfg_type type;
        uint32_t offset;           /* of the member; SL_CFG_NO_MEMBER when nothing is stored */
        uint32_t flags;
        const char *def;           /* default as text; NULL = null default */
        int64_t min, max;          /* with SL_CFG_HAS_MIN, SL_CFG_HAS_MAX */
        const struct sl_cfg_enum *values;
        const char *alias_of;      /* another name of that key; the value goes there (old name: DEPRECATED) */
        const char *unsupported;   /* known key that we refuse: why, and what to do. With def: that value passes */
        enum sl_cfg_importance importance;
        const char *group;
        const char *display;       /* NULL = name */
        const char *doc;
};
#define SL_CFG_NO_MEMBER UINT32_MAX

#define SL_CFG_MEMBER_(T, m, ctype)                                                                                  \
        (uint32_t)(offsetof(T, m) +                                                                                  \
                   0 * sizeof(char[__builtin_types_compatible_p(typeof(((T *)0)->m), ctype) ? 1 : -1]))
#define SL_CFG_STR(T, m, key) .name = (key), .type = SL_CFG_T_STRING, .offset = SL_CFG_MEMBER_(T, m, const char *)
#define SL_CFG_SECRET(T, m, key) .name = (key), .type = SL_CFG_T_PASSWORD, .offset = SL_CFG_MEMBER_(T, m, const char *)
#define SL_CFG_CLASS(T, m, key) .name = (key), .type = SL_CFG_T_CLASS, .offset = SL_CFG_MEMBER_(T, m, const char *)
#define SL_CFG_INT(T, m, key) .name = (key), .type = SL_CFG_T_INT, .offset = SL_CFG_MEMBER_(T, m, int32_t)
#define SL_CFG_SHORT(T, m, key) .name = (key), .type = SL_CFG_T_SHORT, .offset = SL_CFG_MEMBER_(T, m, int32_t)
#define SL_CFG_LONG(T, m, key) .name = (key), .type = SL_CFG_T_LONG, .offset = SL_CFG_MEMBER_(T, m, int64_t)
#define SL_CFG_BOOL(T, m, key) .name = (key), .type = SL_CFG_T_BOOLEAN, .offset = SL_CFG_MEMBER_(T, m, bool)
#define SL_CFG_LIST(T, m, key) .name = (key), .type = SL_CFG_T_LIST, .offset = SL_CFG_MEMBER_(T, m, struct sl_cfg_list)
#define SL_CFG_ENUM(T, m, key, vals)                                                                                 \
        .name = (key), .type = SL_CFG_T_ENUM, .offset = SL_CFG_MEMBER_(T, m, int), .values = (vals)
#define SL_CFG_KEYS(T, m, key)                                                                                       \
        .name = (key), .type = SL_CFG_T_STRING, .flags = SL_CFG_PREFIX,                                              \
        .offset = SL_CFG_MEMBER_(T, m, struct sl_cfg_list)
#define SL_CFG_NONE(key, kind) .name = (key), .type = (kind), .offset = SL_CFG_NO_MEMBER

/* What a check found, in the order of the table. One key can have several errors. */
struct sl_cfg_finding {
        const char *key;
        const char *text;          /* Connect's sentence */
        bool warning;
};
struct sl_cfg_report {
        struct sl_arena arena;     /* owns texts and parsed strings */
        struct sl_cfg_finding *findings;
        uint32_t count, cap;
        uint32_t errors;           /* findings that are not warnings */
};
void sl_cfg_report_free(struct sl_cfg_report *r); /* accepts a zeroed struct */
void sl_cfg_add_error(struct sl_cfg_report *r, const char *key, const char *fmt, ...) sl_printf(3, 4);
void sl_cfg_add_warning(struct sl_cfg_report *r, const char *key, const char *fmt, ...) sl_printf(3, 4);
/* Is there an error on this key? */
bool sl_cfg_has_error(const struct sl_cfg_report *r, const char *key);

/* Fill *out (zeroed by the caller, of the table's struct) with defaults and the values of props; strings and lists
 * go to arena. Problems are added to r with the texts of Kafka's ConfigDef ("Invalid value abc for configuration
 * tasks.max: Not a number of type INT", "Missing required configuration \"x\" which has no default value.", ...).
 * Keys of props that no row knows are left alone (see sl_cfg_check_unknown). */
void sl_cfg_parse(const struct sl_cfg_def *defs, const struct sl_props *props, void *out, struct sl_arena *arena,
                  struct sl_cfg_report *r);
/* The same for a table whose keys stand behind a prefix in props ("transforms.route."): findings are of the whole key, and so are
 * the texts but for those of validators (ranges, enumerations, "must be non-empty"), which name it without the prefix, as in Kafka. */
void sl_cfg_parse_at(const struct sl_cfg_def *defs, const char *prefix, const struct sl_props *props, void *out,
                     struct sl_arena *arena, struct sl_cfg_report *r);
/* Add a finding for every key of props that none of the n tables knows: a warning that names the key and the nearest
 * known key. */
void sl_cfg_check_unknown(const struct sl_cfg_def *const *tables, size_t n, const struct sl_props *props,
                          struct sl_cfg_report *r);
/* The row of a key in a table, alias rows followed; a SL_CFG_PREFIX row if only that covers the key; NULL if
 * unknown. */
const struct sl_cfg_def *sl_cfg_find(const struct sl_cfg_def *defs, const char *key);
/* Is the key's value a secret: PASSWORD row, or a name that looks like one (password, secret, token, jaas, credential,
 * access.key, private.key), even when no table knows it; names of where or how a secret is kept (....path, ....class,
 * credentials.provider, access.key.id) are none. tables may be NULL. */
bool sl_cfg_is_secret(const struct sl_cfg_def *const *tables, size_t n, const char *key);
/* The answer entries of PUT .../config/validate for one table: array of {"definition":{...},"value":{...}}, secrets as
 * "[hidden]", errors from r (may be NULL). prefix ("" or NULL for none, "transforms.route.") is put before each name;
 * props may be the whole configuration (then r comes from sl_cfg_parse_at) or its subset without the prefix. Refused
 * keys appear only when set, hidden ones only with an error. Owned by the caller. */
json_t *sl_cfg_validate_json(const struct sl_cfg_def *defs, const char *prefix, const struct sl_props *props,
                             const struct sl_cfg_report *r);
/* The same, with all entries in one group ("Transforms: route"); NULL = each row's own. */
json_t *sl_cfg_validate_group_json(const struct sl_cfg_def *defs, const char *prefix, const char *group,
                                   const struct sl_props *props, const struct sl_cfg_report *r);
/* GET /connector-plugins/x/config: array of definitions. Owned by the caller. */
json_t *sl_cfg_definitions_json(const struct sl_cfg_def *defs);
/* The reference page's table in Markdown. */
void sl_cfg_markdown(const struct sl_cfg_def *defs, struct sl_buf *out);
/* All error findings as Connect's POST answer lists them: "Connector configuration is invalid and contains the
 * following N error(s):\n...\nYou can also find the above list of errors at the endpoint
 * `/connector-plugins/{connectorType}/config/validate`". */
void sl_cfg_report_text(const struct sl_cfg_report *r, struct sl_buf *out);
#endif
