/* SPDX-License-Identifier: Apache-2.0 */
/* What a predicate is: it decides for which records a transform runs (transforms.X.predicate, transforms.X.negate). One a struct, one
 * line in transforms/registry.c. */
#ifndef SL_API_PREDICATE_H
#define SL_API_PREDICATE_H
#include "base/err.h"
#include "config/cfgdef.h"
#include "record/record.h"

struct sl_plugin;
struct sl_predicate_ops {
        const char *name;           /* short, "TopicNameMatches" */
        const char *const *aliases; /* Java class names, NULL-terminated */
        const struct sl_cfg_def *config;
        uint32_t config_size, state_size;
        void (*check)(const void *cfg, struct sl_cfg_report *report);                /* may be NULL */
        enum sl_rc (*open)(void *st, const void *cfg, struct sl_err *err);           /* may be NULL */
        enum sl_rc (*test)(void *st, const struct sl_record *rec, bool *ret, struct sl_err *err);
        void (*close)(void *st);                                                     /* may be NULL; accepts a half-open state */
        const struct sl_plugin *plugin; /* whose it is: set by the program; NULL = built in */
};
extern const struct sl_predicate_ops *const sl_predicates[]; /* NULL-terminated; transforms/registry.c */
#endif
