/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that every connector has (Kafka Connect's ConnectorConfig, SourceConnectorConfig, SinkConnectorConfig) and ours that
 * start with "sluice.". One table for sources, one for sinks; the struct serves both. */
#ifndef SL_PIPELINE_CONNCFG_H
#define SL_PIPELINE_CONNCFG_H
#include "config/cfgdef.h"

enum sl_tolerance { SL_TOLERATE_NONE, SL_TOLERATE_ALL };
/* Where a source's Kafka transactions end. ADAPTIVE: the key is not set; see sluice.transaction.*. */
enum sl_boundary { SL_BOUNDARY_ADAPTIVE, SL_BOUNDARY_POLL, SL_BOUNDARY_INTERVAL, SL_BOUNDARY_CONNECTOR };
struct sl_conn_cfg {
        const char *name, *connector_class;
        int32_t tasks_max;
        const char *key_converter, *value_converter, *header_converter; /* NULL = the worker's */
        struct sl_cfg_list transforms, predicates;
        int64_t retry_timeout_ms, retry_delay_max_ms;
        int tolerance; /* enum sl_tolerance */
        bool log_errors, log_messages;
        /* dead letters: errors.deadletterqueue.* of sinks, sluice.errors.deadletterqueue.* of sources; NULL or "" = none */
        const char *dlq_topic;
        int32_t dlq_replication;
        bool dlq_headers;
        /* sinks */
        struct sl_cfg_list topics;
        const char *topics_regex;
        bool replay_topic; /* sluice.replay.topic.enable */
        /* sources */
        struct sl_cfg_list creation_groups; /* topic.creation.groups; the rest is read by topics.c */
        int eos_required; /* bool */
        int boundary; /* enum sl_boundary: as given, and POLL when not: see sl_source_boundary */
        int64_t boundary_ms;
        const char *offsets_topic; /* offsets.storage.topic; NULL = the worker's */
        /* ours */
        int64_t memory_bytes;      /* sluice.task.memory.bytes */
        int32_t restart_max;       /* sluice.task.restart.max; -1 = no limit */
        int64_t txn_interval_ms;   /* sluice.transaction.interval.ms: a Kafka transaction is committed at least this often */
        int64_t txn_bytes;         /* sluice.transaction.bytes: ... or after this many bytes */
};
extern const struct sl_cfg_def sl_source_common_defs[];
extern const struct sl_cfg_def sl_sink_common_defs[];

/* What the table can't say about a source: exactly-once support, boundaries, topic creation groups. own_boundaries: the connector's;
 * exactly_once: the worker's. Findings are added to r. */
void sl_source_check(const struct sl_conn_cfg *common, const struct sl_props *config, bool own_boundaries, bool exactly_once,
                     struct sl_cfg_report *r);
enum sl_boundary sl_source_boundary(const struct sl_conn_cfg *common, const struct sl_props *config);
/* exactly.once.source.support of the worker's properties: on unless it says disabled. */
bool sl_worker_exactly_once(const struct sl_props *worker);
#endif
