/* SPDX-License-Identifier: Apache-2.0 */
/* What a transform (Single Message Transform) is. One family a file in transforms/, one line in transforms/registry.c.
 * st is per (transform, task), state_size bytes, zeroed by the core. apply runs per row and allocates only from the batch
 * arena; what depends on a schema is worked out once and cached by the schema's pointer or id. Records may be edited in place: the
 * original bytes are kept by the core. Not so their headers, which the records of a source share: a transform that adds one uses
 * sl_headers_grow, one that takes some away or changes them gives the record a new list. */
#ifndef SL_API_TRANSFORM_H
#define SL_API_TRANSFORM_H
#include "base/err.h"
#include "config/cfgdef.h"
#include "record/record.h"

struct sl_plugin;
struct sl_transform_ops {
        const char *name;               /* short, "RegexRouter" */
        const char *const *aliases;     /* Java class names, NULL-terminated: "...InsertField$Key" and "...InsertField$Value" are two
                                           ops structs that share calls */
        int side;                       /* for the calls: 0 = value, 1 = key (or without meaning) */
        const struct sl_cfg_def *config;
        uint32_t config_size, state_size;
        void (*check)(const void *cfg, struct sl_cfg_report *report); /* may be NULL */
        enum sl_rc (*open)(void *st, const void *cfg, const struct sl_transform_ops *ops, struct sl_err *err); /* may be NULL */
        /* One record. arena: the batch's. May set rec->dropped. Cache what depends on schemas in st, keyed by schema pointer. */
        enum sl_rc (*apply)(void *st, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err);
        void (*close)(void *st);        /* may be NULL; accepts a half-open state */
        bool hook;                      /* runs code of the user's own: what fails is said with the transform's alias */
        const struct sl_plugin *plugin; /* whose it is: set by the program; NULL = built in */
};
#endif
