/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of config.c's table: keys of Aiven's S3 sink. Those that mean the same as a key of ours are other names of it; those that don't are
 * refused with what to do instead. Defaults stay ours. Not translated: object names, record envelopes, CSV. */
#ifndef SL_S3_CONFIG_AIVEN_H
#define SL_S3_CONFIG_AIVEN_H

#define SL_S3_AIVEN_CLASS "io.aiven.kafka.connect.s3.AivenKafkaConnectS3SinkConnector"
#define SL_S3_AIVEN(key, ours)                                                                                         \
        {                                                                                                              \
                .name = (key), .alias_of = (ours), .doc = "Aiven's name of it."                                        \
        }
#define SL_S3_AIVEN_REFUSED(key, text)                                                                                 \
        {                                                                                                              \
                .name = (key), .unsupported = (text)                                                                   \
        }
#define SL_S3_AIVEN_NAMES                                                                                              \
        "objects are named <topics.dir>/<topic>/<directories>/<topic>+<partition>+<offset>; choose the directories with " \
        "partitioner.class, and remove the key."
#define SL_S3_AIVEN_TIME "use timezone and timestamp.extractor with a time-based partitioner.class."
#define SL_S3_AIVEN_PREFIX "use topics.dir: it stands before the topic, with directory.delim behind it."
#define SL_S3_AIVEN_CODEC "use s3.compression.type, or parquet.codec or avro.codec for those formats. (Aiven's default is gzip.)"
#define SL_S3_AIVEN_FIELDS "a record of a file is the value; keys and headers go to files of their own (store.kafka.keys, store.kafka.headers)."

#define SL_S3_AIVEN_ROWS                                                                                               \
        SL_S3_AIVEN("aws.s3.bucket.name", "s3.bucket.name"), SL_S3_AIVEN("aws_s3_bucket", "s3.bucket.name"),           \
                SL_S3_AIVEN("aws.s3.region", "s3.region"), SL_S3_AIVEN("aws_s3_region", "s3.region"),                  \
                SL_S3_AIVEN("aws.s3.endpoint", "store.url"), SL_S3_AIVEN("aws_s3_endpoint", "store.url"),              \
                SL_S3_AIVEN("aws_access_key_id", "aws.access.key.id"),                                                 \
                SL_S3_AIVEN("aws_secret_access_key", "aws.secret.access.key"),                                         \
                SL_S3_AIVEN("aws.s3.part.size.bytes", "s3.part.size"),                                                 \
                SL_S3_AIVEN("aws.s3.sse.algorithm", "s3.ssea.name"),                                                   \
                SL_S3_AIVEN("aws.s3.backoff.delay.ms", "s3.retry.backoff.ms"),                                         \
                SL_S3_AIVEN("aws.credentials.provider", "s3.credentials.provider.class"),                              \
                SL_S3_AIVEN("aws.sts.role.arn", "s3.credentials.provider.sts.role.arn"),                               \
                SL_S3_AIVEN("aws.sts.role.session.name", "s3.credentials.provider.sts.role.session.name"),             \
                SL_S3_AIVEN("aws.sts.role.external.id", "s3.credentials.provider.sts.role.external.id"),               \
                SL_S3_AIVEN("file.max.records", "flush.size"),                                                         \
                SL_S3_AIVEN("kafka.retry.backoff.ms", "retry.backoff.ms"),                                             \
                SL_S3_AIVEN_REFUSED("aws.sts.role.session.duration", "a role's session lasts as long as its service says."), \
                SL_S3_AIVEN_REFUSED("aws.sts.config.endpoint", "use s3.credentials.provider.sts.region."),             \
                SL_S3_AIVEN_REFUSED("aws.s3.backoff.max.delay.ms", "the wait between tries ends at 20 s."),            \
                SL_S3_AIVEN_REFUSED("aws.s3.backoff.max.retries", "use s3.part.retries, which counts the first try, too."), \
                SL_S3_AIVEN_REFUSED("aws.s3.prefix", SL_S3_AIVEN_PREFIX),                                              \
                SL_S3_AIVEN_REFUSED("aws_s3_prefix", SL_S3_AIVEN_PREFIX),                                              \
                SL_S3_AIVEN_REFUSED("file.name.template", SL_S3_AIVEN_NAMES),                                          \
                SL_S3_AIVEN_REFUSED("file.prefix.template", SL_S3_AIVEN_NAMES),                                        \
                SL_S3_AIVEN_REFUSED("file.name.timestamp.timezone", SL_S3_AIVEN_TIME),                                 \
                SL_S3_AIVEN_REFUSED("file.name.timestamp.source", SL_S3_AIVEN_TIME),                                   \
                SL_S3_AIVEN_REFUSED("timestamp.timezone", SL_S3_AIVEN_TIME),                                           \
                SL_S3_AIVEN_REFUSED("timestamp.source", SL_S3_AIVEN_TIME),                                             \
                SL_S3_AIVEN_REFUSED("file.compression.type", SL_S3_AIVEN_CODEC),                                       \
                SL_S3_AIVEN_REFUSED("output_compression", SL_S3_AIVEN_CODEC),                                          \
                SL_S3_AIVEN_REFUSED("format.output.type",                                                              \
                                    "use format.class: JsonFormat is jsonl, AvroFormat avro, ParquetFormat parquet; "  \
                                    "csv, and json as one array a file, are not built in."),                           \
                {.name = "format.output.envelope", .type = SL_CFG_T_BOOLEAN, .def = "false",                           \
                 .unsupported = SL_S3_AIVEN_FIELDS},                                                                   \
                {.name = "format.output.fields", .type = SL_CFG_T_LIST, .def = "value", .unsupported = SL_S3_AIVEN_FIELDS}, \
                {.name = "output_fields", .type = SL_CFG_T_LIST, .def = "value", .unsupported = SL_S3_AIVEN_FIELDS},   \
                {SL_CFG_NONE("format.output.fields.value.encoding", SL_CFG_T_STRING), .flags = SL_CFG_IGNORED,         \
                 .group = "Ignored", .doc = "Belongs to CSV."}
#endif
