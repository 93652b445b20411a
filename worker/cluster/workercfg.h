/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's own configuration: the properties file, CONNECT_* variables over it, --set over both; ${env:...} and the
 * other providers resolved; one table that knows every key of Kafka Connect's worker (works, accepted without effect,
 * or refused with the reason). Distributed when group.id is set, else standalone. */
#ifndef SL_CLUSTER_WORKERCFG_H
#define SL_CLUSTER_WORKERCFG_H
#include "config/cfgdef.h"
#include "config/provider.h"

struct sl_worker_cfg {
        /* as given, resolved, with the defaults that tasks and clients rely on filled in */
        struct sl_props props;
        struct sl_providers *providers;
        struct sl_arena arena;
        bool distributed;

        struct sl_cfg_list bootstrap, listeners, admin_listeners, metrics_listeners;
        struct sl_cfg_list cors_origins, cors_methods, rest_extensions, plugin_path;
        const char *group_id, *key_converter, *value_converter, *header_converter;
        const char *config_topic, *offset_topic, *status_topic, *offset_file;
        const char *advertised_host, *advertised_listener, *override_policy;
        const char *response_headers, *jaas_config;
        const char *java_login_config; /* the JAAS file that the environment names for a JVM; NULL = none */
        int32_t advertised_port; /* 0 = the listener's */
        int32_t config_replication, offset_replication, offset_partitions, status_replication, status_partitions;
        int64_t shutdown_ms, rebalance_delay_ms, rest_idle_ms, rest_request_ms;
        int32_t session_ms, heartbeat_ms, rebalance_timeout_ms, rest_connections;
        bool admin_apart, metrics_apart; /* /admin, /metrics are not on the listeners; no listener of their own: off */
        bool topic_tracking, topic_tracking_reset;
        const char *alert_url; /* sluice.dlq.alert.webhook.url; NULL = no alarms */
        int64_t alert_interval_ms, alert_open, alert_oldest_s, alert_retention_s, alert_new_s; /* limits; -1 = off */
};
extern const struct sl_cfg_def sl_worker_defs[];

struct sl_worker_cfg_opts {
        const char *path;        /* worker.properties; NULL = none */
        const char *const *sets; /* "key=value" of --set, NULL-terminated; may be NULL */
        char *const *env;        /* environ, or a test's; NULL = none */
};
/* Fill cfg (zeroed). Errors of single keys go to r (the caller prints them all); SL_E_IO, SL_E_CONFIG when the file
 * can't be read, a --set has no "=", or a provider is wrong. */
enum sl_rc sl_worker_cfg_load(const struct sl_worker_cfg_opts *opts, struct sl_worker_cfg *cfg, struct sl_cfg_report *r,
                              struct sl_err *err);
void sl_worker_cfg_free(struct sl_worker_cfg *cfg); /* accepts a zeroed struct */

struct sl_listener {
        char host[256]; /* "" = all interfaces */
        uint16_t port;  /* 0 = any free one */
        bool https;
};
/* "http://host:port", "http://:8083", "HTTPS://[::1]:0". */
enum sl_rc sl_listener_parse(const char *text, struct sl_listener *ret, struct sl_err *err);
/* All keys of the form prefix* as a topic's config: array of key, value, ..., NULL in arena. The keys named in `not`
 * (NULL- terminated, without prefix) and cleanup.policy are left out. */
const char *const *sl_worker_topic_config(const struct sl_worker_cfg *cfg, const char *prefix, const char *const * not,
                                          const char *const *extra, struct sl_arena *arena);
/* The configuration key that a CONNECT_ variable means ("CONNECT_BOOTSTRAP_SERVERS" -> bootstrap.servers: one
 * underscore is a dot, two are an underscore, three a dash), appended to out; false when the variable is not meant for
 * the configuration. */
bool sl_worker_env_key(const char *variable, struct sl_buf *out);
/* Set what the environment (environ) says in out: Debezium's short names when both CONFIG_STORAGE_TOPIC and
 * OFFSET_STORAGE_TOPIC are there, and CONNECT_*, which wins. */
void sl_worker_env_read(char *const *env, struct sl_props *out);
/* What a value of connector.client.config.override.policy means: "All" (also NULL), "None", "Principal", "Allowlist";
 * NULL = no such policy. Names of Java's classes are understood. */
const char *sl_worker_policy(const char *given);
#endif
