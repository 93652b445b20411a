/* SPDX-License-Identifier: Apache-2.0 */
/* File formats for sinks: one writer object turns records into the bytes of one file after another.
 * A writer keeps its buffers and what it compiled from the schema, so the next file of the same schema allocates
 * nothing. It copies what it needs out of the values: they may die when append returns. Not thread safe. */
#ifndef SL_FORMAT_FORMAT_H
#define SL_FORMAT_FORMAT_H
#include "base/err.h"
#include "base/str.h"
#include "convert/convert.h"
#include "record/schema.h"
#include "record/value.h"

/* Which of them a format can: jsonl and bytes compress the whole file (NONE, GZIP, ZSTD, SNAPPY as framing format, LZ4 as
 * frames), avro its blocks (NONE, DEFLATE, SNAPPY, ZSTD, BZIP2, XZ), parquet its pages (NONE, GZIP, SNAPPY, ZSTD, LZ4_RAW).
 * create with another one is a bug of the caller's: config tables refuse it. */
enum sl_format_codec {
        SL_CODEC_NONE,
        SL_CODEC_GZIP,
        SL_CODEC_SNAPPY,
        SL_CODEC_ZSTD,
        SL_CODEC_LZ4,
        SL_CODEC_LZ4_RAW,
        SL_CODEC_DEFLATE,
        SL_CODEC_BZIP2,
        SL_CODEC_XZ,
};

/* Which encodings beside dictionaries may be chosen. */
enum sl_parquet_encodings {
        SL_PARQUET_DELTA, /* also the delta encodings and RLE for booleans */
        SL_PARQUET_PLAIN, /* only PLAIN, for old readers */
        SL_PARQUET_ALL,   /* also BYTE_STREAM_SPLIT, which not every current reader knows */
};
enum sl_parquet_decimals {
        SL_PARQUET_DECIMAL_BYTES,    /* BYTE_ARRAY, as parquet-avro */
        SL_PARQUET_DECIMAL_FIXED,    /* FIXED_LEN_BYTE_ARRAY of what the precision needs */
        SL_PARQUET_DECIMAL_SMALLEST, /* INT32 to 9 digits, INT64 to 18, then FIXED_LEN_BYTE_ARRAY */
};
/* All zero: the defaults. */
struct sl_parquet_opts {
        bool pages_v2;      /* data pages of version 2 */
        bool no_dictionary;
        bool no_checksums;  /* pages without CRC */
        bool two_level;     /* lists as parquet-avro wrote them of old */
        bool enums;         /* annotate enums as ENUM instead of STRING */
        bool exact_types;   /* Debezium's times and UUIDs and small integers as Parquet's own types */
        bool field_ids;     /* the ids that Iceberg gives the columns of a new table */
        enum sl_parquet_encodings encodings;
        enum sl_parquet_decimals decimals;
        int32_t decimal_precision;       /* of decimals that do not say theirs; 0 = 64 */
        int32_t page_rows;               /* most entries of a page; 0 = 20000 */
        size_t dictionary_bytes;         /* a larger dictionary is left; 0 = 1 MiB */
        const char *const *bloom_columns; /* dotted paths in the file; borrowed */
        uint32_t bloom_count;
        size_t bloom_bytes;              /* largest filter of a column in a row group; 0 = 1 MiB */
};

/* Texts are borrowed and must outlive the writers. */
struct sl_format_opts {
        enum sl_format_codec codec;
        int level;                       /* of gzip, deflate, zstd, lz4; -1 = the codec's default */
        enum sl_decimal_format decimals; /* jsonl */
        const char *separator;           /* bytes: after every record; NULL = a line feed, "" = nothing */
        char extension[48];              /* bytes: what ends a name, the compression's ending included; "" = .bin[.gz] */
        bool avro_no_meta;               /* avro: connect.meta.data=false */
        bool avro_enhanced;              /* avro: enhanced.avro.schema.support */
        bool avro_optional_keys;         /* avro: allow.optional.map.keys */
        size_t block_bytes;              /* avro: a block ends when it holds this much before compression; 0 = 64,000 */
        size_t row_group_bytes;          /* parquet: a row group ends when it holds this much; 0 = 32 MiB */
        size_t page_bytes;               /* parquet: ditto a page of a column; 0 = 1 MiB */
        struct sl_parquet_opts parquet;
};

struct sl_format_ops {
        const char *name; /* "jsonl", "avro", "bytes", "parquet" */
        /* What ends a file's name with these options: ".json.gz", ".avro", ".snappy.parquet". Lives as long as
         * opts. */
        const char *(*ext)(const struct sl_format_opts *opts);
        void *(*create)(const struct sl_format_opts *opts);
        /* Start a file whose bytes are appended to out in file order; out belongs to the caller, who may take bytes
         * away from it between any two calls. A file that was begun and not finished is forgotten. schema NULL =
         * schemaless. SL_E_FORMAT (record scope): this format can't hold values of this schema, and why. */
        enum sl_rc (*begin)(void *writer, const struct sl_schema *schema, struct sl_buf *out, struct sl_err *err);
        /* Add one record's value; it must be of the schema that begin got. On failure the file is as it was before
         * (record scope), except for SL_E_IO (memory, compression: the file is lost). */
        enum sl_rc (*append)(void *writer, const struct sl_value *value, struct sl_err *err);
        /* Bytes held inside the writer that are not in out yet (an estimate, for budgets and sizes). */
        size_t (*pending)(const void *writer);
        /* The memory of its buffers, used or not. NULL: about what is pending. */
        size_t (*memory)(const void *writer);
        /* The rest of the file goes to out. */
        enum sl_rc (*finish)(void *writer, struct sl_err *err);
        void (*destroy)(void *writer); /* NULL ok */
};

extern const struct sl_format_ops sl_format_jsonl;
extern const struct sl_format_ops sl_format_avro;  /* object container files */
extern const struct sl_format_ops sl_format_bytes; /* values of type BYTES as they are */
extern const struct sl_format_ops sl_format_parquet;

/* Would n more bytes pass the buffer's ceiling? To be asked before appending: a buffer that passes it loses what is in it. */
static inline bool sl_format_full(const struct sl_buf *out, size_t n)
{
        size_t max = out->max ? out->max : (size_t)1 << 30;
        return n > max || out->len > max - n;
}

/* What the whole file's compression adds to a name (compress.c): "", ".gz", ".zst", ".sz", ".lz4". Static. */
const char *sl_format_codec_ext(enum sl_format_codec codec);
#endif
