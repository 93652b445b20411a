/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that every connector has (Kafka Connect's ConnectorConfig, SourceConnectorConfig, SinkConnectorConfig) and ours that
 * start with "sluice.". One table for sources, one for sinks; the struct serves both. */
#ifndef SL_PIPELINE_CONNCFG_H
#define SL_PIPELINE_CONNCFG_H
#include "config/cfgdef.h"

enum sl_tolerance { SL_TOLERATE_NONE, SL_TOLERATE_ALL };
struct sl_conn_cfg {
        const char *name, *connector_class;
        int32_t tasks_max;
        const char *key_converter, *value_converter, *header_converter; /* NULL = the worker's */
        struct sl_cfg_list transforms, predicates;
        int64_t retry_timeout_ms, retry_delay_max_ms;
        int tolerance; /* enum sl_tolerance */
        bool log_errors, log_messages;
        /* sinks */
        struct sl_cfg_list topics;
        const char *topics_regex;
        const char *dlq_topic;
        int32_t dlq_replication;
        bool dlq_headers;
        /* ours */
        int64_t memory_bytes;      /* sluice.task.memory.bytes */
        int32_t restart_max;       /* sluice.task.restart.max; -1 = no limit */
        int64_t txn_interval_ms;   /* sluice.transaction.interval.ms: a Kafka transaction is committed at least this often */
        int64_t txn_bytes;         /* sluice.transaction.bytes: ... or after this many bytes */
};
extern const struct sl_cfg_def sl_source_common_defs[];
extern const struct sl_cfg_def sl_sink_common_defs[];
#endif
