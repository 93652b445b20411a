/* SPDX-License-Identifier: Apache-2.0 */
/* The full check of a connector config: common keys, the connector's keys, each transform's and predicate's, converters', Kafka client
 * overrides, rules across keys, and what the connector itself can find out (connectivity). POST and PUT refuse a config
 * by it, PUT .../config/validate shows it, `sluice validate` prints it. Keeps no state: any thread. */
#ifndef SL_CLUSTER_VALIDATE_H
#define SL_CLUSTER_VALIDATE_H
#include "cluster/plugins.h"
#include "config/provider.h"
#include "pipeline/conncfg.h"

#define SL_MASK "****" /* what a GET of a config shows for a secret, and what a PUT may send back to keep it */

struct sl_validate_opts {
        const struct sl_plugins *plugins;
        const struct sl_providers *providers; /* NULL: references are left as they are */
        const struct sl_props *worker;        /* the worker's keys, to judge overrides together with; NULL: not known */
        const char *worker_group;             /* the worker's group.id, NULL in a standalone worker */
        const char *override_policy;          /* as the worker has it; NULL = All */
        bool offline;                         /* leave out the connector's own check (it may connect to things) */
};

/* One table of the answer: the rows with their full names ("transforms.route.regex"). */
enum sl_vtable_kind { SL_VTABLE_COMMON, SL_VTABLE_TRANSFORM, SL_VTABLE_PREDICATE, SL_VTABLE_OWN, SL_VTABLE_CONVERTER };
struct sl_vtable {
        enum sl_vtable_kind kind;
        const struct sl_cfg_def *defs;
};
struct sl_validation {
        struct sl_validate_opts opts;
        const struct sl_source_ops *source; /* exactly one of the two */
        const struct sl_sink_ops *sink;
        struct sl_props resolved; /* the config with its references resolved: holds secrets */
        struct sl_cfg_report report;
        struct sl_arena arena; /* tables and parsed structs */
        struct sl_conn_cfg common;
        void *own; /* the connector's parsed struct */
        struct sl_vtable *tables;
        uint32_t ntables;
};

/* Check raw; findings are in v->report (v zeroed before). Fails only when there is nothing to check against: no
 * connector.class, or an unknown one; the message is Connect's. */
enum sl_rc sl_validate(const struct sl_validate_opts *opts, const struct sl_props *raw, struct sl_validation *v,
                       struct sl_err *err);
/* Only the common keys, the transforms and the predicates, as `sluice transform` needs them: no connector.class or an unknown one is
 * a source, no name no error. SL_FATAL when there are errors. */
enum sl_rc sl_validate_chain(const struct sl_validate_opts *opts, const struct sl_props *raw, struct sl_validation *v);
void sl_validation_free(struct sl_validation *v); /* accepts a zeroed struct */
/* The answer of PUT .../config/validate; name: connector.class as the user wrote it. Owned by the caller. */
json_t *sl_validation_json(const struct sl_validation *v, const char *name);

/* The answer of GET /connector-plugins/{p}/config: a plugin's own keys, and for a connector those of every connector.
 * NULL = no such plugin; owned by the caller. */
json_t *sl_plugin_definitions_json(const struct sl_plugins *pl, const char *given);

/* Is the key of a config with this connector.class a secret (its table says so, or its name looks like one)? */
bool sl_config_is_secret(const struct sl_plugins *pl, const char *connector_class, const char *key);
/* A config as REST shows it: literal secrets as SL_MASK, references as they are. Owned by the caller. */
json_t *sl_config_masked_json(const struct sl_plugins *pl, const struct sl_props *config);
/* Put the stored value where config sends back SL_MASK for a secret key. stored may be NULL. */
void sl_config_unmask(const struct sl_plugins *pl, struct sl_props *config, const struct sl_props *stored);
#endif
