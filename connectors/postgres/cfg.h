/* SPDX-License-Identifier: Apache-2.0 */
/* The connector's configuration as the core fills it from sl_pg_config (Debezium 3.6.1's keys, plus ours). Every key of
 * Debezium has a row: implemented, accepted without effect (with the reason), or refused by name. */
#ifndef SL_POSTGRES_CFG_H
#define SL_POSTGRES_CFG_H
#include "config/cfgdef.h"

enum sl_pg_snapshot_mode {
        SL_PG_SNAP_INITIAL,
        SL_PG_SNAP_ALWAYS,
        SL_PG_SNAP_INITIAL_ONLY,
        SL_PG_SNAP_NO_DATA,
        SL_PG_SNAP_WHEN_NEEDED,
        SL_PG_SNAP_CONFIGURED
};
enum sl_pg_slot_lost { SL_PG_LOST_FAIL, SL_PG_LOST_SNAPSHOT };
enum sl_pg_flush { SL_PG_FLUSH_CONNECTOR, SL_PG_FLUSH_MANUAL };
enum sl_pg_autocreate { SL_PG_PUB_ALL, SL_PG_PUB_DISABLED, SL_PG_PUB_FILTERED, SL_PG_PUB_NO_TABLES };
enum sl_pg_decimal { SL_PG_DEC_PRECISE, SL_PG_DEC_DOUBLE, SL_PG_DEC_STRING };
enum sl_pg_time {
        SL_PG_TIME_ADAPTIVE,
        SL_PG_TIME_ADAPTIVE_US,
        SL_PG_TIME_CONNECT,
        SL_PG_TIME_ISO,
        SL_PG_TIME_US,
        SL_PG_TIME_NS
};
/* topic.naming.strategy: what stands between the prefix and the table, and what becomes of it. */
enum sl_pg_naming {
        SL_PG_NAME_SCHEMA = 0,
        SL_PG_NAME_TABLE = 1,   /* without the schema */
        SL_PG_NAME_REGEX = 2,   /* flag: topic.regex */
        SL_PG_NAME_UNICODE = 4, /* flag: _uXXXX for what Kafka refuses, and for '_' */
};
enum sl_pg_binary { SL_PG_BIN_BYTES, SL_PG_BIN_BASE64, SL_PG_BIN_BASE64_URL, SL_PG_BIN_HEX };
enum sl_pg_interval { SL_PG_IV_NUMERIC, SL_PG_IV_STRING };
enum sl_pg_hstore { SL_PG_HSTORE_JSON, SL_PG_HSTORE_MAP };
enum sl_pg_adjust { SL_PG_ADJ_NONE, SL_PG_ADJ_AVRO, SL_PG_ADJ_AVRO_UNICODE };
enum sl_pg_mismatch { SL_PG_MM_NONE, SL_PG_MM_TRUST_OFFSET, SL_PG_MM_TRUST_SLOT, SL_PG_MM_TRUST_GREATER };
enum sl_pg_target { SL_PG_TARGET_DEFAULT, SL_PG_TARGET_ANY, SL_PG_TARGET_PRIMARY, SL_PG_TARGET_STANDBY,
                    SL_PG_TARGET_PREFER_STANDBY, SL_PG_TARGET_READ_WRITE, SL_PG_TARGET_READ_ONLY };
enum sl_pg_watermark { SL_PG_WM_INSERT_INSERT, SL_PG_WM_INSERT_DELETE };
enum sl_pg_isolation { SL_PG_ISO_SERIALIZABLE, SL_PG_ISO_REPEATABLE, SL_PG_ISO_COMMITTED };
enum sl_pg_order { SL_PG_ORDER_NAME, SL_PG_ORDER_SMALL_FIRST, SL_PG_ORDER_LARGE_FIRST };
enum sl_pg_convfail { SL_PG_CF_WARN, SL_PG_CF_FAIL };
enum sl_pg_eventfail { SL_PG_EF_FAIL, SL_PG_EF_WARN, SL_PG_EF_SKIP };

struct sl_pg_cfg {
        /* connection */
        const char *hostname, *user, *password, *dbname, *prefix;
        int32_t port;
        int sslmode; /* index into sl_pg_sslmodes */
        const char *sslcert, *sslkey, *sslrootcert, *sslpassword, *initial_statements;
        const char *options, *krb;
        int target;                /* enum sl_pg_target */
        int channel_binding, gss;  /* indexes into the lists below; 0 = libpq's default */
        bool keepalive;
        int32_t query_timeout_ms;  /* 0 = none */
        int64_t validation_ms;
        /* slot, publication, feedback */
        int plugin;
        const char *slot, *publication, *stream_params;
        int autocreate; /* enum sl_pg_autocreate */
        bool slot_failover, slot_drop, via_root;
        const char *replica_identity;
        int64_t status_ms, xmin_ms;
        int32_t slot_retries;
        int64_t slot_delay_ms;
        int mismatch;                                     /* enum sl_pg_mismatch */
        int flush;                                        /* enum sl_pg_flush */
        const char *mismatch_text, *flush_text, *skipped_text; /* as they were given; NULL = not set */
        bool flush_source, seek_on_start;                 /* the old forms of two keys */
        /* filters */
        const char *schema_include, *schema_exclude, *table_include, *table_exclude, *column_include, *column_exclude;
        const char *snapshot_include, *message_include, *message_exclude;
        bool ignore_builtin;
        struct sl_cfg_list skipped;
        bool skip_unchanged;
        const char *key_columns; /* message.key.columns */
        int32_t guard_max;
        int guard_fails;
        /* column mappers: key, value, ... of column.mask.* and column.truncate.* */
        struct sl_cfg_list masks, truncates;
        const char *propagate, *propagate_types;
        bool comments;
        /* values */
        int decimal, time, binary, interval, hstore, adjust_schema, adjust_field, convfail, eventfail;
        int32_t money_digits;
        const char *placeholder;
        bool tombstones, unknown_types, extended_headers;
        /* snapshot */
        int snapshot;                                 /* enum sl_pg_snapshot_mode */
        bool snap_data, snap_stream, snap_on_data_error; /* of SL_PG_SNAP_CONFIGURED */
        int isolation, locking, snap_order; /* enum sl_pg_isolation, 1 = shared, enum sl_pg_order */
        int64_t lock_timeout_ms, snapshot_delay_ms, streaming_delay_ms;
        struct sl_cfg_list overrides, override_sql; /* tables; key, SELECT, key, SELECT ... */
        int32_t snap_threads, snap_multiplier;
        bool snap_legacy;
        /* signals, incremental snapshots, notifications */
        bool read_only;
        const char *signal_table, *signal_file, *notify_topic;
        struct sl_cfg_list signal_channels, notify_channels;
        int64_t signal_poll_ms;
        int32_t chunk_size;
        int watermark; /* enum sl_pg_watermark */
        /* heartbeat, topics */
        int64_t heartbeat_ms;
        const char *heartbeat_query, *heartbeat_prefix, *heartbeat_topic, *delimiter;
        bool tx_metadata;
        const char *tx_topic;
        int naming; /* enum sl_pg_naming */
        const char *topic_regex, *topic_replacement, *key_field, *key_field_regex, *key_field_replacement;
        bool key_unique;
        /* ours */
        int64_t backlog_bytes;
        int64_t backlog_step;
        bool streaming;
        int64_t spool_memory;
        const char *spool_directory;
        int slot_lost; /* enum sl_pg_slot_lost */
        int64_t watch_ms;
};
extern const struct sl_cfg_enum sl_pg_sslmodes[];
/* libpq's names by the enumerations' values. */
extern const char *const sl_pg_target_attrs[], *const sl_pg_channel_bindings[], *const sl_pg_gss_modes[];
extern const struct sl_cfg_def sl_pg_config[];
#endif
