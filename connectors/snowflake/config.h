/* SPDX-License-Identifier: Apache-2.0 */
/* The Snowflake sink's configuration: the tables of its two classes, the struct that both fill, and the checks beyond them. */
#ifndef SL_SF_CONFIG_H
#define SL_SF_CONFIG_H
#include "config/cfgdef.h"
#include "connectors/snowflake/client.h"

enum sl_sf_validation { SL_SF_VALIDATE_SERVER, SL_SF_VALIDATE_CLIENT };
enum sl_sf_migration { SL_SF_MIGRATE_SKIP, SL_SF_MIGRATE_BEST_EFFORT, SL_SF_MIGRATE_STRICT };
enum sl_sf_autocreate { SL_SF_CREATE_TABLE, SL_SF_CREATE_ICEBERG, SL_SF_CREATE_NONE };
enum sl_sf_nulls { SL_SF_NULLS_DEFAULT, SL_SF_NULLS_IGNORE };
enum sl_sf_binary { SL_SF_BINARY_HEX, SL_SF_BINARY_BASE64 };
enum sl_sf_ahead { SL_SF_AHEAD_FAIL, SL_SF_AHEAD_DROP };
enum sl_sf_cdc { SL_SF_CDC_NONE, SL_SF_CDC_DYNAMIC_TABLE, SL_SF_CDC_MERGE_TASK };

struct sl_sf_cfg {
        /* account and user */
        const char *url, *user, *database, *schema, *role; /* role: "" or NULL = the user's default role */
        int authenticator;                                 /* enum sl_sf_authenticator */
        const char *private_key, *passphrase;              /* as given: base64 or PEM; "" = none */
        const char *oauth_id, *oauth_secret, *oauth_refresh, *oauth_endpoint, *oauth_scope;
        bool oauth_include_scope;
        const char *pat; /* programmatic access token */
        bool fail_on_auth;
        /* network */
        const char *endpoint; /* instead of the account's URL, for tests and gateways: any ingest host is accepted then */
        const char *ca_file;
        const char *proxy_host, *proxy_port, *proxy_user, *proxy_password, *no_proxy;
        /* names */
        const char *topic_map; /* snowflake.topic2table.map, "" = none */
        bool topic_map_regex;  /* with $1 */
        bool sanitize;         /* upper-case table names, bad characters replaced */
        bool normalize;        /* upper-case column names */
        /* tables and rows */
        int autocreate; /* enum sl_sf_autocreate */
        const char *iceberg_options;
        bool schematization;
        bool meta_all, meta_createtime, meta_topic, meta_offset, meta_pushtime;
        bool structured_headers;
        int nulls;      /* enum sl_sf_nulls */
        int binary;     /* enum sl_sf_binary */
        int validation; /* enum sl_sf_validation */
        bool cache_tables, cache_pipes;
        int64_t cache_tables_ms, cache_pipes_ms;
        /* offsets */
        int migration; /* enum sl_sf_migration: from channels of version 3 */
        bool migration_include;
        bool channel_with_name; /* channels are named <connector>_<topic>_<partition>, else without the connector */
        int ahead;              /* enum sl_sf_ahead */
        const char *tolerance;  /* errors.tolerance: "none" or "all" */
        /* batches */
        int64_t buffer_records, buffer_bytes, buffer_seconds;
        int32_t compression_level;
        /* change events */
        bool cdc;
        int cdc_target; /* enum sl_sf_cdc */
        const char *cdc_lag, *cdc_warehouse, *cdc_suffix;
        /* version 3's class */
        int classic_method; /* snowflake.ingestion.method; 0 = SNOWPIPE */
        const char *key_converter, *value_converter;
};

/* The same struct for both: com.snowflake.kafka.connector.SnowflakeStreamingSinkConnector (version 4) and
 * com.snowflake.kafka.connector.SnowflakeSinkConnector (version 3). */
extern const struct sl_cfg_def sl_sf_defs[], sl_sf_classic_defs[];
/* Shapes and what does not go together; no network. Errors carry the numbers that Snowflake's connector gives them. */
void sl_sf_check(const void *cfg, const char *connector, struct sl_cfg_report *report);
void sl_sf_classic_check(const void *cfg, const char *connector, struct sl_cfg_report *report);
/* Version 3's class: what is not a key of it but follows from it (names, validation, channels). Version 4's: likewise. */
void sl_sf_cfg_settle(struct sl_sf_cfg *cfg, bool classic);
/* The account's host and port out of snowflake.url.name ("[https://]a.b.c[:port]"), lower-cased. False: it is none.
 * host: as given but for case; account: the first label. *port: 443 or 80 unless named. */
bool sl_sf_account_url(const char *url, struct sl_buf *host, struct sl_buf *account, int *port, bool *tls);
#endif
