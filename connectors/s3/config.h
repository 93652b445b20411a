/* SPDX-License-Identifier: Apache-2.0 */
/* The S3 sink's configuration: the table, the struct it fills, and the checks beyond it. */
#ifndef SL_S3_CONFIG_H
#define SL_S3_CONFIG_H
#include "config/cfgdef.h"
#include "connectors/format/format.h"
#include "connectors/s3/credentials.h"
#include "connectors/s3/rotation.h"
#include "record/project.h"

enum sl_s3_format { SL_S3_JSON, SL_S3_PARQUET, SL_S3_AVRO, SL_S3_BYTES };
enum sl_s3_partitioner_kind {
        SL_S3_BY_DEFAULT, /* the Kafka partition */
        SL_S3_BY_FIELD,
        SL_S3_BY_TIME,
        SL_S3_BY_HOUR,
        SL_S3_BY_DAY,
        SL_S3_BY_FIELD_AND_TIME,
};
enum sl_s3_extractor { SL_S3_WALLCLOCK, SL_S3_RECORD_TIME, SL_S3_RECORD_FIELD };
enum sl_s3_unit { SL_S3_UNIT_MS, SL_S3_UNIT_S, SL_S3_UNIT_US, SL_S3_UNIT_NS };
enum sl_s3_escape { SL_S3_ESCAPE_NONE, SL_S3_ESCAPE_HIVE };
enum sl_s3_affix { SL_S3_AFFIX_NONE, SL_S3_AFFIX_PREFIX, SL_S3_AFFIX_SUFFIX };
enum sl_s3_checksum { SL_S3_CHECKSUM_CRC32C, SL_S3_CHECKSUM_NONE };
enum sl_s3_tagging_errors { SL_S3_TAGGING_IGNORE, SL_S3_TAGGING_FAIL };
enum sl_s3_nulls { SL_S3_NULLS_FAIL, SL_S3_NULLS_IGNORE, SL_S3_NULLS_WRITE };

/* ParquetFormat's own keys. */
struct sl_s3_parquet_cfg {
        int pages, encodings, decimals, enums, field_ids; /* pages, enums, field_ids: 0 or 1 */
        int32_t level, page_bytes, page_rows, dictionary_bytes, precision, bloom_bytes;
        bool dictionary, checksums, two_level, exact_types;
        struct sl_cfg_list bloom_columns;
};

struct sl_s3_cfg {
        const char *bucket, *region, *store_url;
        bool path_style;
        const char *access, *secret, *token;
        int credentials_provider; /* enum sl_s3_provider */
        const char *role_arn, *role_session, *role_external_id, *sts_region;
        int storage_class; /* one legal value */
        int partitioner;                                        /* enum sl_s3_partitioner_kind */
        struct sl_cfg_list field_names;                         /* partition.field.name */
        int64_t duration_ms;                                    /* partition.duration.ms */
        const char *path_format, *locale, *timezone;
        int extractor;                                          /* enum sl_s3_extractor */
        const char *timestamp_field;
        int timestamp_unit;                                     /* enum sl_s3_unit */
        int escape;                                             /* enum sl_s3_escape */
        int affix;                                              /* enum sl_s3_affix */
        int compatibility;                                                          /* enum sl_compatibility */
        int format, keys_format, headers_format;                                    /* enum sl_s3_format */
        int parquet_codec, avro_codec, compression;                                 /* enum sl_format_codec */
        bool avro_enhanced, avro_meta, avro_optional_keys;
        const char *bytes_extension, *bytes_separator; /* the latter NULL = a line feed */
        int32_t compression_level;
        int decimals; /* enum sl_decimal_format */
        int nulls;    /* enum sl_s3_nulls */
        bool report_nulls;
        const char *tombstone_dir;
        int32_t flush_size, max_open;
        int64_t flush_bytes;
        bool on_change, conditional;
        int64_t rotate_interval_ms, rotate_schedule_ms, rotate_idle_ms;
        const char *topics_dir, *dir_delim, *file_delim;
        int32_t pad_width;
        int32_t part_size, part_retries, retry_backoff_ms;
        const char *acl, *sse, *kms_key;
        const char *proxy, *proxy_user, *proxy_password;
        const char *ca_file;
        const char *sse_customer_key;
        int checksum; /* enum sl_s3_checksum */
        bool send_digest, expect_continue, abort_orphans;
        int32_t parallel_parts;
        int tagging_errors; /* enum sl_s3_tagging_errors */
        struct sl_cfg_list tag_pairs;
        int64_t row_group_bytes;
        struct sl_s3_parquet_cfg parquet;
        bool wan_mode, store_keys, store_headers, tagging;
};

extern const struct sl_cfg_def sl_s3_defs[];
/* Cross-field and shape checks; no network. */
void sl_s3_check(const void *cfg, const char *connector, struct sl_cfg_report *report);
/* What of it concerns the client (clientcfg.c). */
void sl_s3_client_check(const struct sl_s3_cfg *cfg, struct sl_cfg_report *report);
/* The rotation rules of a configuration (delivery.c), and their checks; the report also gets the guarantee that follows. */
struct sl_s3_rules sl_s3_rules_of(const struct sl_s3_cfg *cfg);
void sl_s3_delivery_check(const struct sl_s3_cfg *cfg, struct sl_cfg_report *r);
/* The writer of a format, and its options for cfg->format, cfg->keys_format or cfg->headers_format. Texts point into cfg. */
const struct sl_format_ops *sl_s3_format_ops(int format);
struct sl_format_opts sl_s3_format_opts(const struct sl_s3_cfg *cfg, int format);
#endif
