/* SPDX-License-Identifier: Apache-2.0 */
/* What --connect is to the commands, for the dead-letter connector: connectors that name its topic lend converters, transforms and source
 * topics. That needs the herder's model, so the program hands it down (cmd_assist.c). @thread each one: a task's. */
#ifndef SL_DLQ_ASSIST_H
#define SL_DLQ_ASSIST_H
#include "dlq/scan.h"

struct sl_dlq_assist; /* of one dead-letter topic */
struct sl_dlq_assist_opts {
        const char *connect; /* "self", or a worker's REST address */
        const char *topic;   /* all borrowed for its life */
        struct sl_kafka_cfg kafka;
        struct sl_admin *admin;
        const struct sl_props *client; /* kafka.worker, with keys of a registry */
};
struct sl_dlq_assist_ops {
        struct sl_dlq_assist *(*open)(void *program, const struct sl_dlq_assist_opts *opts);
        /* Look who lends now; what can't be had is logged, and is as if nobody did. False: nobody. */
        bool (*refresh)(struct sl_dlq_assist *a);
        /* Search origins of the letters of scan's ranges that have none; they are kept for improve. */
        enum sl_rc (*search)(struct sl_dlq_assist *a, const struct sl_dlq_scan_opts *scan, struct sl_err *err);
        void (*improve)(void *a, struct sl_dlq_item *it, struct sl_arena *arena); /* of sl_dlq_scan_opts */
        /* Does this connector lend, and has its target a shape (sl_sink_ops)? */
        bool (*has_shape)(const struct sl_dlq_assist *a, const char *connector);
        /* That shape as a number that is another one when it has changed; never 0. stop: of the task. Some seconds at most. */
        enum sl_rc (*shape)(const struct sl_dlq_assist *a, const char *connector, const char *topic, const atomic_bool *stop, int64_t *ret,
                            struct sl_err *err);
        void (*close)(struct sl_dlq_assist *a);                                   /* NULL ok */
        void *program;
};
/* Once, at any time; NULL = there is none, as in tests. ops outlives the tasks. */
void sl_dlq_connector_assist(const struct sl_dlq_assist_ops *ops);
#endif
