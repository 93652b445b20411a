/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of io.confluent.connect.s3.S3SinkConnector, with its names and defaults. What this build can't do is refused by
 * name with the reason; keys that have no meaning here are accepted and say so. Known differences of defaults: none. */
#include "connectors/s3/config.h"

#include <stdio.h>
#include <string.h>

#include "connectors/s3/config_aiven.h"
#include "connectors/s3/partition.h"

#define FORMATS "io.confluent.connect.s3.format."
#define PARTITIONERS "io.confluent.connect.storage.partitioner."
#define NO_CODEC "use snappy, gzip, zstd, lz4_raw or none."
#define NO_LZ4 "its framing differs between readers; use lz4_raw, which is the same compression."

#define HEADER_FORMATS                                                                                                 \
        {FORMATS "json.JsonFormat", SL_S3_JSON, NULL}, {"JsonFormat", SL_S3_JSON, NULL},                               \
                {FORMATS "parquet.ParquetFormat", SL_S3_PARQUET, NULL}, {"ParquetFormat", SL_S3_PARQUET, NULL},        \
                {FORMATS "avro.AvroFormat", SL_S3_AVRO, NULL}, {"AvroFormat", SL_S3_AVRO, NULL}
#define NO_BYTES "headers are no bytes: use AvroFormat, JsonFormat or ParquetFormat."
static const struct sl_cfg_enum formats[] = {HEADER_FORMATS,
                                             {FORMATS "bytearray.ByteArrayFormat", SL_S3_BYTES, NULL},
                                             {"ByteArrayFormat", SL_S3_BYTES, NULL},
                                             {NULL, 0, NULL}};
static const struct sl_cfg_enum header_formats[] = {HEADER_FORMATS,
                                                    {FORMATS "bytearray.ByteArrayFormat", 0, NO_BYTES},
                                                    {"ByteArrayFormat", 0, NO_BYTES},
                                                    {NULL, 0, NULL}};
static const struct sl_cfg_enum storages[] = {
        {"io.confluent.connect.s3.storage.S3Storage", 0, NULL}, {"S3Storage", 0, NULL}, {NULL, 0, NULL}};
static const struct sl_cfg_enum partitioners[] = {{PARTITIONERS "DefaultPartitioner", SL_S3_BY_DEFAULT, NULL},
                                                  {"DefaultPartitioner", SL_S3_BY_DEFAULT, NULL},
                                                  {PARTITIONERS "FieldPartitioner", SL_S3_BY_FIELD, NULL},
                                                  {"FieldPartitioner", SL_S3_BY_FIELD, NULL},
                                                  {PARTITIONERS "TimeBasedPartitioner", SL_S3_BY_TIME, NULL},
                                                  {"TimeBasedPartitioner", SL_S3_BY_TIME, NULL},
                                                  {PARTITIONERS "HourlyPartitioner", SL_S3_BY_HOUR, NULL},
                                                  {"HourlyPartitioner", SL_S3_BY_HOUR, NULL},
                                                  {PARTITIONERS "DailyPartitioner", SL_S3_BY_DAY, NULL},
                                                  {"DailyPartitioner", SL_S3_BY_DAY, NULL},
                                                  {"sluice.s3.FieldAndTimePartitioner", SL_S3_BY_FIELD_AND_TIME, NULL},
                                                  {"FieldAndTimePartitioner", SL_S3_BY_FIELD_AND_TIME, NULL},
                                                  {NULL, 0, NULL}};
#define EXTRACTORS PARTITIONERS "TimeBasedPartitioner$"
static const struct sl_cfg_enum extractors[] = {
        {"Wallclock", SL_S3_WALLCLOCK, NULL},
        {EXTRACTORS "WallclockTimestampExtractor", SL_S3_WALLCLOCK, NULL},
        {"Record", SL_S3_RECORD_TIME, NULL},
        {EXTRACTORS "RecordTimestampExtractor", SL_S3_RECORD_TIME, NULL},
        {"RecordField", SL_S3_RECORD_FIELD, NULL},
        {EXTRACTORS "RecordFieldTimestampExtractor", SL_S3_RECORD_FIELD, NULL},
        {NULL, 0, NULL}};
static const struct sl_cfg_enum units[] = {{"ms", SL_S3_UNIT_MS, NULL},
                                           {"s", SL_S3_UNIT_S, NULL},
                                           {"us", SL_S3_UNIT_US, NULL},
                                           {"ns", SL_S3_UNIT_NS, NULL},
                                           {NULL, 0, NULL}};
static const struct sl_cfg_enum escapes[] = {
        {"none", SL_S3_ESCAPE_NONE, NULL}, {"hive", SL_S3_ESCAPE_HIVE, NULL}, {NULL, 0, NULL}};
#define V1 "com.amazonaws.auth."
#define V2 "software.amazon.awssdk.auth.credentials."
static const struct sl_cfg_enum providers[] = {
        {V2 "DefaultCredentialsProvider", SL_S3_PROVIDER_CHAIN, NULL},
        {V1 "DefaultAWSCredentialsProviderChain", SL_S3_PROVIDER_CHAIN, NULL},
        {"DefaultCredentialsProvider", SL_S3_PROVIDER_CHAIN, NULL},
        {"DefaultAWSCredentialsProviderChain", SL_S3_PROVIDER_CHAIN, NULL},
        {"io.confluent.connect.s3.auth.AwsAssumeRoleCredentialsProvider", SL_S3_PROVIDER_ASSUME_ROLE, NULL},
        {"AwsAssumeRoleCredentialsProvider", SL_S3_PROVIDER_ASSUME_ROLE, NULL},
        {V2 "InstanceProfileCredentialsProvider", SL_S3_PROVIDER_INSTANCE, NULL},
        {V1 "InstanceProfileCredentialsProvider", SL_S3_PROVIDER_INSTANCE, NULL},
        {V2 "ContainerCredentialsProvider", SL_S3_PROVIDER_CONTAINER, NULL},
        {V1 "ContainerCredentialsProvider", SL_S3_PROVIDER_CONTAINER, NULL},
        {V1 "EC2ContainerCredentialsProviderWrapper", SL_S3_PROVIDER_CONTAINER, NULL},
        {V2 "WebIdentityTokenFileCredentialsProvider", SL_S3_PROVIDER_WEB_IDENTITY, NULL},
        {V1 "WebIdentityTokenCredentialsProvider", SL_S3_PROVIDER_WEB_IDENTITY, NULL},
        {V2 "EnvironmentVariableCredentialsProvider", SL_S3_PROVIDER_ENVIRONMENT, NULL},
        {V1 "EnvironmentVariableCredentialsProvider", SL_S3_PROVIDER_ENVIRONMENT, NULL},
        {V2 "ProfileCredentialsProvider", SL_S3_PROVIDER_PROFILE, NULL},
        {V1 "profile.ProfileCredentialsProvider", SL_S3_PROVIDER_PROFILE, NULL},
        {V2 "AnonymousCredentialsProvider", SL_S3_PROVIDER_ANONYMOUS, NULL},
        {NULL, 0, NULL}};
static const struct sl_cfg_enum checksums[] = {
        {"CRC32C", SL_S3_CHECKSUM_CRC32C, NULL}, {"none", SL_S3_CHECKSUM_NONE, NULL}, {NULL, 0, NULL}};
static const struct sl_cfg_enum tagging_errors[] = {
        {"ignore", SL_S3_TAGGING_IGNORE, NULL}, {"fail", SL_S3_TAGGING_FAIL, NULL}, {NULL, 0, NULL}};
static const struct sl_cfg_enum codecs[] = {{"snappy", SL_CODEC_SNAPPY, NULL},
                                            {"none", SL_CODEC_NONE, NULL},
                                            {"gzip", SL_CODEC_GZIP, NULL},
                                            {"zstd", SL_CODEC_ZSTD, NULL},
                                            {"lzo", 0, NO_CODEC},
                                            {"brotli", 0, NO_CODEC},
                                            {"lz4", 0, NO_LZ4},
                                            {"lz4_raw", SL_CODEC_LZ4_RAW, NULL},
                                            {NULL, 0, NULL}};
static const struct sl_cfg_enum parquet_versions[] = {
        {"v1", 0, NULL}, {"v2", 1, NULL}, {"PARQUET_1_0", 0, NULL}, {"PARQUET_2_0", 1, NULL}, {NULL, 0, NULL}};
static const struct sl_cfg_enum parquet_encodings[] = {
        {"delta", SL_PARQUET_DELTA, NULL}, {"plain", SL_PARQUET_PLAIN, NULL}, {"all", SL_PARQUET_ALL, NULL}, {NULL, 0, NULL}};
static const struct sl_cfg_enum parquet_decimals[] = {{"bytes", SL_PARQUET_DECIMAL_BYTES, NULL},
                                                      {"fixed", SL_PARQUET_DECIMAL_FIXED, NULL},
                                                      {"smallest", SL_PARQUET_DECIMAL_SMALLEST, NULL},
                                                      {NULL, 0, NULL}};
static const struct sl_cfg_enum parquet_enums[] = {{"string", 0, NULL}, {"enum", 1, NULL}, {NULL, 0, NULL}};
static const struct sl_cfg_enum parquet_ids[] = {{"none", 0, NULL}, {"iceberg", 1, NULL}, {NULL, 0, NULL}};
static const struct sl_cfg_enum avro_codecs[] = {
        {"null", SL_CODEC_NONE, NULL},   {"deflate", SL_CODEC_DEFLATE, NULL}, {"snappy", SL_CODEC_SNAPPY, NULL},
        {"bzip2", SL_CODEC_BZIP2, NULL}, {"zstandard", SL_CODEC_ZSTD, NULL},  {"xz", SL_CODEC_XZ, NULL},
        {NULL, 0, NULL}};
static const struct sl_cfg_enum compressions[] = {[SL_CODEC_NONE] = {"none", SL_CODEC_NONE, NULL},
                                                  [SL_CODEC_GZIP] = {"gzip", SL_CODEC_GZIP, NULL},
                                                  [SL_CODEC_SNAPPY] = {"snappy", SL_CODEC_SNAPPY, NULL},
                                                  [SL_CODEC_ZSTD] = {"zstd", SL_CODEC_ZSTD, NULL},
                                                  [SL_CODEC_LZ4] = {"lz4", SL_CODEC_LZ4, NULL},
                                                  {NULL, 0, NULL}};
static const struct sl_cfg_enum compatibilities[] = {{"NONE", SL_COMPATIBILITY_NONE, NULL},
                                                     {"BACKWARD", SL_COMPATIBILITY_BACKWARD, NULL},
                                                     {"FORWARD", SL_COMPATIBILITY_FORWARD, NULL},
                                                     {"FULL", SL_COMPATIBILITY_FULL, NULL},
                                                     {NULL, 0, NULL}};
static const struct sl_cfg_enum null_behaviors[] = {
        {"fail", SL_S3_NULLS_FAIL, NULL},
        {"ignore", SL_S3_NULLS_IGNORE, NULL},
        {"write", SL_S3_NULLS_WRITE, NULL},
        {NULL, 0, NULL}};

static const struct sl_cfg_enum affixes[] = {{"NONE", SL_S3_AFFIX_NONE, NULL},
                                             {"PREFIX", SL_S3_AFFIX_PREFIX, NULL},
                                             {"SUFFIX", SL_S3_AFFIX_SUFFIX, NULL},
                                             {NULL, 0, NULL}};

#define CFG struct sl_s3_cfg
#define IGNORED(key, kind, text)                                                                                       \
        {                                                                                                              \
                SL_CFG_NONE(key, kind), .flags = SL_CFG_IGNORED, .group = "Ignored", .doc = (text)                     \
        }

const struct sl_cfg_def sl_s3_defs[] = {
        /* Connector */
        {SL_CFG_ENUM(CFG, format, "format.class", formats), .flags = SL_CFG_REQUIRED, .importance = SL_HIGH,
         .group = "Connector", .doc = "The format of the objects: ParquetFormat, AvroFormat, JsonFormat (one JSON text a line) or ByteArrayFormat "
                "(bytes as they are)."},
        {SL_CFG_INT(CFG, flush_size, "flush.size"), .flags = SL_CFG_REQUIRED | SL_CFG_HAS_MIN, .min = 1,
         .importance = SL_HIGH, .group = "Connector",
         .doc = "A topic-partition's files end after this many records, counted over all that are open."},
        {SL_CFG_LONG(CFG, flush_bytes, "sluice.flush.bytes"), .def = "-1", .importance = SL_MEDIUM,
         .group = "Connector",
         .doc = "A topic-partition's files also end when one of them is about this large. -1 = off. Needs a plan: see "
                "docs/s3.md."},
        {SL_CFG_LONG(CFG, rotate_interval_ms, "rotate.interval.ms"), .def = "-1", .importance = SL_HIGH,
         .group = "Connector",
         .doc = "Files end before a record that is this much later than their first one, by timestamp.extractor; with a "
                "time-based partitioner also when the directory changes (rotate.file.on.partition.change). Without new "
                "records nothing ends (see sluice.rotate.idle.ms), except with Wallclock. -1 = off. (Without a "
                "time-based partitioner Confluent's sink ignores the key; here the records' Kafka timestamps count.)"},
        {SL_CFG_LONG(CFG, rotate_schedule_ms, "rotate.schedule.interval.ms"), .def = "-1", .importance = SL_MEDIUM,
         .group = "Connector",
         .doc = "Files end when the clock passes a multiple of this since midnight in timezone. -1 = off. Needs "
                "timezone."},
        {SL_CFG_BOOL(CFG, on_change, "rotate.file.on.partition.change"), .def = "true", .importance = SL_LOW,
         .group = "Connector",
         .doc = "With rotate.interval.ms and a time-based partitioner: files end before a record of another directory. "
                "false keeps one file open in each of them."},
        {SL_CFG_INT(CFG, max_open, "partitioner.max.open.files"), .def = "-1", .importance = SL_LOW,
         .group = "Connector",
         .doc = "A topic-partition's files end when one more than this would have to be opened. -1 = no limit but "
                "memory (sluice.task.memory.bytes)."},
        {SL_CFG_LONG(CFG, rotate_idle_ms, "sluice.rotate.idle.ms"), .def = "-1", .importance = SL_MEDIUM,
         .group = "Connector",
         .doc = "Files also end when their topic-partition got no record for this long (wall clock), so that the tail of "
                "the data is uploaded. -1 = off. Needs a plan: see docs/s3.md."},
        {SL_CFG_ENUM(CFG, compatibility, "schema.compatibility", compatibilities), .flags = SL_CFG_CASE_INSENSITIVE,
         .def = "NONE", .importance = SL_HIGH, .group = "Connector",
         .doc = "What a record with another value schema than the open file's does. NONE: it starts a new file. BACKWARD, "
                "FULL: a newer schema version does, an older one is projected to the file's. FORWARD: an older one does, "
                "a newer one is projected. All but NONE need schemas with versions."},
        {SL_CFG_ENUM(CFG, avro_codec, "avro.codec", avro_codecs), .def = "null", .importance = SL_LOW,
         .group = "Connector",
         .doc = "Compression of AvroFormat's blocks: null (none), deflate, snappy, bzip2; zstandard and xz are Sluice's."},
        {SL_CFG_BOOL(CFG, avro_enhanced, "enhanced.avro.schema.support"), .def = "true", .importance = SL_LOW,
         .group = "Connector", .doc = "AvroFormat keeps enums as Avro enums, and namespaces."},
        {SL_CFG_BOOL(CFG, avro_meta, "connect.meta.data"), .def = "true", .importance = SL_LOW, .group = "Connector",
         .doc = "AvroFormat keeps what Avro has no place for as connect.* properties of the file's schema."},
        {SL_CFG_BOOL(CFG, avro_optional_keys, "allow.optional.map.keys"), .def = "false", .importance = SL_LOW,
         .group = "Connector", .doc = "AvroFormat writes maps with optional string keys as Avro maps, not as arrays."},
        {SL_CFG_INT(CFG, pad_width, "filename.offset.zero.pad.width"), .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX,
         .def = "10", .min = 0, .max = 100, .importance = SL_LOW, .group = "Connector",
         .doc = "Width to which the start offset in object names is padded with zeros."},
        {SL_CFG_ENUM(CFG, parquet_codec, "parquet.codec", codecs), .flags = SL_CFG_CASE_INSENSITIVE, .def = "snappy",
         .importance = SL_LOW, .group = "Connector", .doc = "Compression of Parquet pages: snappy, gzip, zstd, lz4_raw, none."},
        {SL_CFG_LONG(CFG, row_group_bytes, "sluice.parquet.row.group.bytes"), .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX,
         .def = "33554432", .min = 1048576, .max = 536870912, .importance = SL_LOW, .group = "Connector",
         .doc = "A Parquet row group ends when its compressed pages take this much memory; one row group per open file "
                "is held."},
        {SL_CFG_INT(CFG, parquet.level, "sluice.parquet.codec.level"), .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX,
         .def = "-1", .min = -1, .max = 19, .importance = SL_LOW, .group = "Connector",
         .doc = "Level of parquet.codec=zstd (1 to 19) or gzip (0 to 9); -1 = 1 for zstd, 6 for gzip."},
        {SL_CFG_ENUM(CFG, parquet.pages, "parquet.writer.version", parquet_versions), .flags = SL_CFG_CASE_INSENSITIVE,
         .def = "v1", .importance = SL_LOW, .group = "Connector",
         .doc = "Data pages of version v1, which every reader knows, or v2, whose levels are not compressed."},
        {SL_CFG_ENUM(CFG, parquet.encodings, "sluice.parquet.encodings", parquet_encodings),
         .flags = SL_CFG_CASE_INSENSITIVE, .def = "delta", .importance = SL_LOW, .group = "Connector",
         .doc = "What is chosen from, by the data: plain (PLAIN and dictionaries, for readers of before 2022), delta (also "
                "DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY and RLE), all (also BYTE_STREAM_SPLIT, "
                "which Spark 3 can't read)."},
        {SL_CFG_BOOL(CFG, parquet.dictionary, "parquet.enable.dictionary"), .def = "true", .importance = SL_LOW,
         .group = "Connector", .doc = "Whether columns with few distinct values get a dictionary."},
        {SL_CFG_INT(CFG, parquet.dictionary_bytes, "parquet.dictionary.page.size"),
         .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX, .def = "1048576", .min = 1024, .max = 67108864, .importance = SL_LOW,
         .group = "Connector", .doc = "A dictionary that grows beyond this is left for the rest of the row group."},
        {SL_CFG_INT(CFG, parquet.page_bytes, "parquet.page.size"), .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX,
         .def = "1048576", .min = 1024, .max = 67108864, .importance = SL_LOW, .group = "Connector",
         .doc = "A Parquet page ends when its values take this much before encoding."},
        {SL_CFG_INT(CFG, parquet.page_rows, "parquet.page.row.count.limit"), .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX,
         .def = "20000", .min = 32, .max = 10000000, .importance = SL_LOW, .group = "Connector",
         .doc = "... or when it has this many values."},
        {SL_CFG_BOOL(CFG, parquet.checksums, "parquet.page.write-checksum.enabled"), .def = "true", .importance = SL_LOW,
         .group = "Connector", .doc = "Whether Parquet pages carry a CRC-32."},
        {SL_CFG_LIST(CFG, parquet.bloom_columns, "sluice.parquet.bloom.columns"), .def = "", .importance = SL_LOW,
         .group = "Connector",
         .doc = "Columns that get bloom filters, as dotted paths of the Parquet file (id, address.city, "
                "tags.list.element)."},
        {SL_CFG_INT(CFG, parquet.bloom_bytes, "parquet.bloom.filter.max.bytes"),
         .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX, .def = "1048576", .min = 32, .max = 134217728, .importance = SL_LOW,
         .group = "Connector",
         .doc = "Largest bloom filter of a column in a row group, and its memory; it is written as small as 1 wrong hit in "
                "100 allows."},
        {SL_CFG_BOOL(CFG, parquet.two_level, "sluice.parquet.list.two.level"), .def = "false", .importance = SL_LOW,
         .group = "Connector",
         .doc = "Lists as the Confluent sink writes them (repeated field array) unless an array of the schema has optional "
                "items; false: as the format's specification wants them, always."},
        {SL_CFG_ENUM(CFG, parquet.enums, "sluice.parquet.enum", parquet_enums), .flags = SL_CFG_CASE_INSENSITIVE,
         .def = "string", .importance = SL_LOW, .group = "Connector",
         .doc = "Enums of Avro and Protobuf as string, or annotated as enum, as the Confluent sink does and many readers "
                "show as bytes."},
        {SL_CFG_ENUM(CFG, parquet.decimals, "sluice.parquet.decimal", parquet_decimals),
         .flags = SL_CFG_CASE_INSENSITIVE, .def = "bytes", .importance = SL_LOW, .group = "Connector",
         .doc = "Decimals on BYTE_ARRAY (bytes, as the Confluent sink), FIXED_LEN_BYTE_ARRAY (fixed), or the smallest of "
                "INT32, INT64 and that."},
        {SL_CFG_INT(CFG, parquet.precision, "sluice.parquet.decimal.precision"), .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX,
         .def = "64", .min = 1, .max = 1000, .importance = SL_LOW, .group = "Connector",
         .doc = "Precision of decimals whose schema has no connect.decimal.precision. 64 as the Confluent sink has it; "
                "Spark and Athena read at most 38. A value of more digits is refused."},
        {SL_CFG_BOOL(CFG, parquet.exact_types, "sluice.parquet.exact.types"), .def = "false", .importance = SL_LOW,
         .group = "Connector",
         .doc = "Debezium's io.debezium.time.* as DATE, TIME and TIMESTAMP (ms, us or ns, without a zone), its Uuid as "
                "UUID, and INT8 and INT16 annotated; false: their base types, as the Confluent sink."},
        {SL_CFG_ENUM(CFG, parquet.field_ids, "sluice.parquet.field.ids", parquet_ids), .flags = SL_CFG_CASE_INSENSITIVE,
         .def = "none", .importance = SL_LOW, .group = "Connector",
         .doc = "none: files can be added to any Iceberg table by column name. iceberg: columns carry the field ids that "
                "Iceberg gives a new table of this schema."},
        /* Storage */
        {SL_CFG_ENUM(CFG, storage_class, "storage.class", storages), .def = "io.confluent.connect.s3.storage.S3Storage",
         .importance = SL_HIGH, .group = "Storage", .doc = "Only S3Storage; may be left out."},
        {SL_CFG_STR(CFG, topics_dir, "topics.dir"), .def = "topics", .importance = SL_HIGH, .group = "Storage",
         .doc = "First element of object names; blank leaves it out."},
        {SL_CFG_STR(CFG, store_url, "store.url"), .importance = SL_HIGH, .group = "Storage",
         .doc = "Endpoint of an S3 server, scheme://host[:port]; without it, Amazon's for s3.region."},
        {SL_CFG_STR(CFG, dir_delim, "directory.delim"), .flags = SL_CFG_NONEMPTY, .def = "/", .importance = SL_MEDIUM,
         .group = "Storage", .doc = "Delimiter of the elements of object names."},
        {SL_CFG_STR(CFG, file_delim, "file.delim"), .flags = SL_CFG_NONEMPTY, .def = "+", .importance = SL_MEDIUM,
         .group = "Storage", .doc = "Delimiter of topic, partition and offset in object names."},
        /* Partitioner */
        {SL_CFG_ENUM(CFG, partitioner, "partitioner.class", partitioners), .def = PARTITIONERS "DefaultPartitioner",
         .importance = SL_HIGH, .group = "Partitioner",
         .doc = "Which directory a record's file stands in. DefaultPartitioner: partition=<Kafka partition>. FieldPartitioner: the "
                "values of partition.field.name. TimeBasedPartitioner, HourlyPartitioner, DailyPartitioner: a time "
                "(timestamp.extractor). sluice.s3.FieldAndTimePartitioner (Sluice only): fields, then time."},
        {SL_CFG_LIST(CFG, field_names, "partition.field.name"), .def = "", .importance = SL_MEDIUM, .group = "Partitioner",
         .doc = "Fields to partition by, in the order of the directories; dots lead into nested structs."},
        {SL_CFG_LONG(CFG, duration_ms, "partition.duration.ms"), .def = "-1", .importance = SL_MEDIUM,
         .group = "Partitioner",
         .doc = "How much time a directory of TimeBasedPartitioner spans, in milliseconds: times are rounded down to a multiple "
                "of it in the time zone. HourlyPartitioner and DailyPartitioner bring their own."},
        {SL_CFG_STR(CFG, path_format, "path.format"), .def = "", .importance = SL_MEDIUM, .group = "Partitioner",
         .doc = "Directories of TimeBasedPartitioner as a pattern of Joda-Time, 'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH."},
        {SL_CFG_STR(CFG, locale, "locale"), .def = "", .importance = SL_MEDIUM, .group = "Partitioner",
         .doc = "Language of month and day names in path.format: en, de, fr, es, it, nl, pt. Java knows no language \"en-US\" and "
                "takes its root locale for it, where long names are short; so does Sluice. Numbers don't depend on it."},
        {SL_CFG_STR(CFG, timezone, "timezone"), .def = "", .importance = SL_MEDIUM, .group = "Partitioner",
         .doc = "Time zone of time-based partitioners and of scheduled rotation: a name (Europe/Berlin, UTC) or an offset "
                "(+05:30)."},
        {SL_CFG_ENUM(CFG, extractor, "timestamp.extractor", extractors), .def = "Wallclock", .importance = SL_MEDIUM,
         .group = "Partitioner",
         .doc = "The time of a record: Wallclock (when it is written), Record (Kafka's timestamp), RecordField (timestamp.field)."},
        {SL_CFG_STR(CFG, timestamp_field, "timestamp.field"), .def = "timestamp", .importance = SL_MEDIUM,
         .group = "Partitioner",
         .doc = "The field of RecordField; dots lead into nested structs. INT32, INT64, STRING (digits or ISO 8601), Connect's "
                "Timestamp and Date, Debezium's Timestamp, MicroTimestamp, NanoTimestamp, Date and ZonedTimestamp."},
        {SL_CFG_ENUM(CFG, timestamp_unit, "sluice.timestamp.unit", units), .def = "ms", .importance = SL_LOW,
         .group = "Partitioner",
         .doc = "What numbers in timestamp.field count when their type doesn't say it: ms, s, us, ns."},
        {SL_CFG_ENUM(CFG, escape, "sluice.s3.partition.escape", escapes), .def = "none", .importance = SL_LOW,
         .group = "Partitioner",
         .doc = "none: names and values of fields stand in the path as they are, as in Confluent's sink, so that a value with / "
                "makes directories. hive: Hive's rule, %XX for control characters, \"#%'*/:=?\\{[]^ and directory.delim, and "
                "__HIVE_DEFAULT_PARTITION__ for null and the empty text."},
        /* S3 */
        {SL_CFG_STR(CFG, bucket, "s3.bucket.name"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY, .importance = SL_HIGH,
         .group = "S3", .doc = "The bucket; it must exist."},
        {SL_CFG_STR(CFG, region, "s3.region"), .flags = SL_CFG_NONEMPTY, .def = "us-west-2", .importance = SL_MEDIUM,
         .group = "S3", .doc = "Region of the bucket."},
        {SL_CFG_STR(CFG, access, "aws.access.key.id"), .def = "", .importance = SL_HIGH, .group = "S3",
         .doc = "Access key; goes before s3.credentials.provider.class. Without it, its default chain: see "
                "docs/s3-credentials.md."},
        {SL_CFG_SECRET(CFG, secret, "aws.secret.access.key"), .importance = SL_HIGH, .group = "S3",
         .doc = "Secret key that belongs to aws.access.key.id."},
        {SL_CFG_SECRET(CFG, token, "aws.session.token"), .importance = SL_MEDIUM, .group = "S3",
         .doc = "Session token of temporary keys (Sluice only)."},
        {SL_CFG_ENUM(CFG, credentials_provider, "s3.credentials.provider.class", providers), .def = V2 "DefaultCredentialsProvider",
         .importance = SL_LOW, .group = "S3",
         .doc = "Where credentials come from. The default chain: environment, web identity, profile files, container, "
                "instance metadata. The others are one of these, AwsAssumeRoleCredentialsProvider (with "
                "s3.credentials.provider.sts.*), or AnonymousCredentialsProvider."},
        {SL_CFG_STR(CFG, role_arn, "s3.credentials.provider.sts.role.arn"), .importance = SL_MEDIUM, .group = "S3",
         .doc = "AwsAssumeRoleCredentialsProvider: the role to assume."},
        {SL_CFG_STR(CFG, role_session, "s3.credentials.provider.sts.role.session.name"), .importance = SL_LOW,
         .group = "S3", .doc = "AwsAssumeRoleCredentialsProvider: name of the session; sluice by default."},
        {SL_CFG_STR(CFG, role_external_id, "s3.credentials.provider.sts.role.external.id"), .importance = SL_LOW,
         .group = "S3", .doc = "AwsAssumeRoleCredentialsProvider: external id, if the role asks for one."},
        {SL_CFG_STR(CFG, sts_region, "s3.credentials.provider.sts.region"), .importance = SL_LOW, .group = "S3",
         .doc = "Region whose STS is asked; s3.region by default."},
        {SL_CFG_INT(CFG, part_size, "s3.part.size"), .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX, .def = "26214400",
         .min = 5242880, .max = 1073741824, .importance = SL_HIGH, .group = "S3",
         .doc = "Objects larger than this are uploaded in parts of this size (twice that after 1000 parts, and so on); "
                "smaller ones in one request. At most 1 GiB."},
        {SL_CFG_INT(CFG, parallel_parts, "sluice.s3.parallel.parts"), .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX,
         .def = "4", .min = 1, .max = 64, .importance = SL_LOW, .group = "S3",
         .doc = "Parts and objects that a task uploads at the same time; fewer while the server says SlowDown."},
        {SL_CFG_INT(CFG, part_retries, "s3.part.retries"), .flags = SL_CFG_HAS_MIN, .def = "3", .min = 0,
         .importance = SL_MEDIUM, .group = "S3", .doc = "How often a request is tried in all."},
        {SL_CFG_INT(CFG, retry_backoff_ms, "s3.retry.backoff.ms"), .flags = SL_CFG_HAS_MIN, .def = "200", .min = 0,
         .importance = SL_LOW, .group = "S3",
         .doc = "Base of the wait between tries; doubles each time up to 20 s, drawn at random from zero to that."},
        {SL_CFG_BOOL(CFG, path_style, "s3.path.style.access.enabled"), .def = "true", .importance = SL_LOW,
         .group = "S3",
         .doc = "With store.url: the bucket in the path (true) or in the host name (false). Amazon's endpoints always "
                "get it in the "
                "host name, except for names with dots."},
        {SL_CFG_STR(CFG, acl, "s3.acl.canned"), .importance = SL_LOW, .group = "S3",
         .doc = "Canned ACL of new objects (x-amz-acl)."},
        {SL_CFG_STR(CFG, sse, "s3.ssea.name"), .def = "", .importance = SL_LOW, .group = "S3",
         .doc = "Server-side encryption of new objects: AES256, aws:kms, aws:kms:dsse."},
        {SL_CFG_STR(CFG, kms_key, "s3.sse.kms.key.id"), .def = "", .importance = SL_LOW, .group = "S3",
         .doc = "KMS key; used with aws:kms."},
        {SL_CFG_SECRET(CFG, sse_customer_key, "s3.sse.customer.key"), .importance = SL_LOW, .group = "S3",
         .doc = "Key for encryption with a customer's key (SSE-C): 32 bytes in base64, with s3.ssea.name AES256 or none."},
        {SL_CFG_ENUM(CFG, checksum, "s3.checksum.algorithm", checksums), .flags = SL_CFG_CASE_INSENSITIVE,
         .def = "CRC32C", .importance = SL_LOW, .group = "S3",
         .doc = "Over https: CRC32C sends that checksum with each part; none signs its SHA-256 instead, for stores that "
                "know no checksum headers. Over http the SHA-256 is always signed (Sluice only)."},
        {SL_CFG_BOOL(CFG, send_digest, "s3.send.digest"), .def = "false", .importance = SL_LOW, .group = "S3",
         .doc = "Send Content-MD5 with each part and object."},
        {SL_CFG_BOOL(CFG, expect_continue, "s3.http.send.expect.continue"), .def = "true", .importance = SL_LOW,
         .group = "S3", .doc = "Wait for the server's word before a body of 1 MiB or more is sent."},
        {SL_CFG_ENUM(CFG, compression, "s3.compression.type", compressions), .flags = SL_CFG_CASE_INSENSITIVE,
         .def = "none", .importance = SL_LOW, .group = "S3",
         .doc = "Compression of JsonFormat's and ByteArrayFormat's objects: none or gzip; zstd, snappy (framing format, "
                ".sz) and lz4 (frames) are Sluice's."},
        {SL_CFG_INT(CFG, compression_level, "s3.compression.level"), .flags = SL_CFG_HAS_MIN | SL_CFG_HAS_MAX,
         .def = "-1", .min = -1, .max = 19, .importance = SL_LOW, .group = "S3",
         .doc = "Level of gzip (0 to 9), zstd (1 to 19) or lz4 (0 to 12); -1 = its default."},
        {SL_CFG_STR(CFG, bytes_extension, "format.bytearray.extension"), .flags = SL_CFG_NONEMPTY, .def = ".bin",
         .importance = SL_LOW, .group = "S3", .doc = "What names of ByteArrayFormat's objects end with, before the compression's ending."},
        {SL_CFG_STR(CFG, bytes_separator, "format.bytearray.separator"), .flags = SL_CFG_RAW, .importance = SL_LOW,
         .group = "S3",
         .doc = "Text after every record of ByteArrayFormat, blanks included; a line feed when unset. It is not escaped in "
                "the data."},
        {SL_CFG_ENUM(CFG, keys_format, "keys.format.class", formats), .def = FORMATS "avro.AvroFormat",
         .importance = SL_LOW, .group = "S3", .doc = "Format of the objects with keys (store.kafka.keys)."},
        {SL_CFG_ENUM(CFG, headers_format, "headers.format.class", header_formats), .def = FORMATS "avro.AvroFormat",
         .importance = SL_LOW, .group = "S3",
         .doc = "Format of the objects with headers (store.kafka.headers); not ByteArrayFormat."},
        {SL_CFG_ENUM(CFG, decimals, "json.decimal.format", sl_decimal_formats), .flags = SL_CFG_CASE_INSENSITIVE,
         .def = "BASE64", .importance = SL_LOW, .group = "S3",
         .doc = "How JsonFormat writes Decimal: BASE64 or NUMERIC."},
        {SL_CFG_ENUM(CFG, nulls, "behavior.on.null.values", null_behaviors), .flags = SL_CFG_CASE_INSENSITIVE,
         .def = "fail", .importance = SL_LOW, .group = "S3",
         .doc = "Records without a value (tombstones): fail stops the task, ignore skips them, write puts their keys "
                "into files of their own (tombstone.encoded.partition; needs store.kafka.keys)."},
        {SL_CFG_BOOL(CFG, report_nulls, "report.null.values.to.dlq"), .def = "true", .importance = SL_LOW, .group = "S3",
         .doc = "Ignored null values go to the dead-letter topic, if there is one."},
        {SL_CFG_STR(CFG, tombstone_dir, "tombstone.encoded.partition"), .flags = SL_CFG_NONEMPTY, .def = "tombstone",
         .importance = SL_LOW, .group = "S3", .doc = "Directory of the keys of tombstones (behavior.on.null.values=write)."},
        {SL_CFG_BOOL(CFG, conditional, "enable.conditional.writes"), .def = "true", .importance = SL_LOW, .group = "S3",
         .doc = "Where cuts depend on the clock, an object is never replaced (If-None-Match: *): the second line behind the "
                "plans of docs/s3.md. false for stores that can't do that."},
        {SL_CFG_STR(CFG, proxy, "s3.proxy.url"), .def = "", .importance = SL_LOW, .group = "S3",
         .doc = "HTTP proxy, http://[user:password@]host:port; without it the environment's."},
        {SL_CFG_STR(CFG, proxy_user, "s3.proxy.user"), .importance = SL_LOW, .group = "S3",
         .doc = "User at the proxy; goes before one in s3.proxy.url."},
        {SL_CFG_SECRET(CFG, proxy_password, "s3.proxy.password"), .importance = SL_LOW, .group = "S3",
         .doc = "Password of s3.proxy.user."},
        {SL_CFG_STR(CFG, ca_file, "sluice.s3.ca.file"), .importance = SL_LOW, .group = "S3",
         .doc = "PEM file of certificates to trust for store.url, instead of the system's."},
        {SL_CFG_BOOL(CFG, wan_mode, "s3.wan.mode"), .def = "false", .importance = SL_LOW, .group = "S3",
         .doc = "Transfer acceleration (s3-accelerate.amazonaws.com); needs s3.path.style.access.enabled=false."},
        {SL_CFG_BOOL(CFG, store_keys, "store.kafka.keys"), .def = "false", .importance = SL_LOW, .group = "S3",
         .doc = "Write the records' keys into objects of their own, beside the values' (keys.format.class)."},
        {SL_CFG_BOOL(CFG, store_headers, "store.kafka.headers"), .def = "false", .importance = SL_LOW, .group = "S3",
         .doc = "Write the records' headers into objects of their own, beside the values' (headers.format.class)."},
        {SL_CFG_BOOL(CFG, tagging, "s3.object.tagging"), .def = "false", .importance = SL_LOW, .group = "S3",
         .doc = "Tag objects with startOffset, endOffset and recordCount."},
        {SL_CFG_LIST(CFG, tag_pairs, "s3.object.tagging.key.value.pairs"), .def = "", .importance = SL_LOW, .group = "S3",
         .doc = "More tags for s3.object.tagging: name:value, name:value ... At most 10 in all."},
        {SL_CFG_ENUM(CFG, tagging_errors, "s3.object.behavior.on.tagging.error", tagging_errors),
         .flags = SL_CFG_CASE_INSENSITIVE, .def = "ignore", .importance = SL_LOW, .group = "S3",
         .doc = "When the tags of a multipart upload can't be set: ignore goes on, fail tries again. (Those of smaller "
                "objects are written with them.)"},
        {SL_CFG_BOOL(CFG, abort_orphans, "sluice.s3.abort.orphans"), .def = "true", .importance = SL_LOW, .group = "S3",
         .doc = "Abort the unfinished multipart uploads that a crashed task left for the topic-partitions that a task "
                "gets. Set it to false when another connector writes the same topic under the same topics.dir."},
        {SL_CFG_ENUM(CFG, affix, "s3.schema.partition.affix.type", affixes), .flags = SL_CFG_CASE_INSENSITIVE,
         .def = "NONE", .importance = SL_LOW, .group = "S3",
         .doc = "PREFIX, SUFFIX: a directory schema_name=<name of the value's schema> before or behind the partitioner's."},
        SL_S3_AIVEN_ROWS,
        /* accepted without effect */
        IGNORED("retry.backoff.ms", SL_CFG_T_LONG, "Pauses before a task is tried again are the worker's own."),
        IGNORED("shutdown.timeout.ms", SL_CFG_T_LONG, "Nothing is waited for at shutdown."),
        IGNORED("schemas.cache.config", SL_CFG_T_INT, "Schemas are compiled once and kept; there is no cache to size."),
        IGNORED("schema.generator.class", SL_CFG_T_STRING, "A relic of Hive integration."),
        IGNORED("s3.elastic.buffer.enable", SL_CFG_T_BOOLEAN, "Buffers always grow with the data up to s3.part.size."),
        IGNORED("s3.elastic.buffer.init.capacity", SL_CFG_T_INT,
                "Buffers always grow with the data up to s3.part.size."),
        IGNORED("max.write.duration.ms", SL_CFG_T_LONG,
                "The consumer stays in its group during uploads of any length."),
        IGNORED("max.files.scan.limit", SL_CFG_T_INT, "Belongs to conditional writes."),
        {0}};

static void check_url(const struct sl_s3_cfg *cfg, struct sl_cfg_report *r)
{
        const char *url = cfg->store_url;
        if (!url)
                return;
        const char *sep = strstr(url, "://"), *host = sep ? sep + 3 : url;
        size_t n = strcspn(host, "/");
        if (strchr(host, '@')) /* the value is not repeated: it holds a password */
                sl_cfg_add_error(r, "store.url",
                                 "Invalid value for configuration store.url: it must not hold user or password; use "
                                 "aws.access.key.id and aws.secret.access.key");
        else if (sep && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
                sl_cfg_add_error(r, "store.url",
                                 "Invalid value %s for configuration store.url: the scheme must be http or https", url);
        else if (n == 0 || (host[n] && strcmp(host + n, "/") != 0) || strcspn(host, " \t\r\n?#\\") != strlen(host))
                sl_cfg_add_error(r, "store.url",
                                 "Invalid value %s for configuration store.url: it must be scheme://host[:port]", url);
}

/* Avro and Parquet compress inside the file: s3.compression.type does not go with them. */
static void check_packed(const struct sl_s3_cfg *cfg, int format, const char *what, const char *const *keys,
                         struct sl_cfg_report *r)
{
        if (cfg->compression == SL_CODEC_NONE || format == SL_S3_JSON || format == SL_S3_BYTES)
                return;
        for (; *keys; keys++)
                sl_cfg_add_error(r, *keys,
                                 "Compression Type %s not valid for %s format class: ( %s ). It compresses inside the "
                                 "file: use %s",
                                 compressions[cfg->compression].name, what,
                                 format == SL_S3_AVRO ? FORMATS "avro.AvroFormat" : FORMATS "parquet.ParquetFormat",
                                 format == SL_S3_AVRO ? "avro.codec" : "parquet.codec");
}

static void check_compression(const struct sl_s3_cfg *cfg, struct sl_cfg_report *r)
{
        static const char *const data[] = {"format.class", "s3.compression.type", NULL};
        static const char *const keys[] = {"store.kafka.keys", "keys.format.class", "s3.compression.type", NULL};
        static const char *const headers[] = {"store.kafka.headers", "headers.format.class", "s3.compression.type", NULL};
        check_packed(cfg, cfg->format, "data", data, r);
        if (cfg->store_keys)
                check_packed(cfg, cfg->keys_format, "keys", keys, r);
        if (cfg->store_headers)
                check_packed(cfg, cfg->headers_format, "headers", headers, r);
        int max = cfg->compression == SL_CODEC_GZIP ? 9 : cfg->compression == SL_CODEC_LZ4 ? 12 : 19;
        if (cfg->compression_level > max)
                sl_cfg_add_error(r, "s3.compression.level",
                                 "Invalid value %d for configuration s3.compression.level: Value must be no more than %d",
                                 cfg->compression_level, max);
        if (!cfg->bytes_extension || strlen(cfg->bytes_extension) > 40 || strchr(cfg->bytes_extension, '/'))
                sl_cfg_add_error(r, "format.bytearray.extension",
                                 "Invalid value %s for configuration format.bytearray.extension: it must be 1 to 40 "
                                 "bytes without a slash",
                                 cfg->bytes_extension ? cfg->bytes_extension : "null");
}

void sl_s3_check(const void *arg, const char *connector, struct sl_cfg_report *r)
{
        const struct sl_s3_cfg *cfg = arg;
        (void)connector;
        check_url(cfg, r);
        sl_s3_partition_check(cfg, r);
        sl_s3_delivery_check(cfg, r);
        sl_s3_client_check(cfg, r);
        check_compression(cfg, r);
        if (cfg->parquet_codec == SL_CODEC_GZIP && cfg->parquet.level > 9)
                sl_cfg_add_error(r, "sluice.parquet.codec.level",
                                 "Invalid value %d for configuration sluice.parquet.codec.level: gzip's levels end at 9",
                                 cfg->parquet.level);
}

static struct sl_parquet_opts parquet_opts(const struct sl_s3_parquet_cfg *p)
{
        return (struct sl_parquet_opts){
                .pages_v2 = p->pages == 1,
                .no_dictionary = !p->dictionary,
                .no_checksums = !p->checksums,
                .two_level = p->two_level,
                .enums = p->enums == 1,
                .exact_types = p->exact_types,
                .field_ids = p->field_ids == 1,
                .encodings = (enum sl_parquet_encodings)p->encodings,
                .decimals = (enum sl_parquet_decimals)p->decimals,
                .decimal_precision = p->precision,
                .page_rows = p->page_rows,
                .dictionary_bytes = (size_t)p->dictionary_bytes,
                .bloom_columns = p->bloom_columns.items,
                .bloom_count = p->bloom_columns.count,
                .bloom_bytes = (size_t)p->bloom_bytes,
        };
}

const struct sl_format_ops *sl_s3_format_ops(int format)
{
        static const struct sl_format_ops *const ops[] = {[SL_S3_JSON] = &sl_format_jsonl,
                                                          [SL_S3_PARQUET] = &sl_format_parquet,
                                                          [SL_S3_AVRO] = &sl_format_avro,
                                                          [SL_S3_BYTES] = &sl_format_bytes};
        return ops[format];
}

struct sl_format_opts sl_s3_format_opts(const struct sl_s3_cfg *cfg, int format)
{
        bool whole = format == SL_S3_JSON || format == SL_S3_BYTES;
        int inside = format == SL_S3_AVRO ? cfg->avro_codec : cfg->parquet_codec;
        struct sl_format_opts opts = {
                .codec = (enum sl_format_codec)(whole ? cfg->compression : inside),
                .level = whole ? cfg->compression_level : format == SL_S3_PARQUET ? cfg->parquet.level : -1,
                .decimals = (enum sl_decimal_format)cfg->decimals,
                .separator = cfg->bytes_separator,
                .avro_no_meta = !cfg->avro_meta,
                .avro_enhanced = cfg->avro_enhanced,
                .avro_optional_keys = cfg->avro_optional_keys,
                .row_group_bytes = (size_t)cfg->row_group_bytes,
                .page_bytes = (size_t)cfg->parquet.page_bytes,
                .parquet = parquet_opts(&cfg->parquet),
        };
        snprintf(opts.extension, sizeof(opts.extension), "%s%s", cfg->bytes_extension, sl_format_codec_ext(opts.codec));
        return opts;
}
