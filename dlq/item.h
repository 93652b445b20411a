/* SPDX-License-Identifier: Apache-2.0 */
/* A dead letter: a record of a dead-letter topic, what its headers or its wrapper say, and what we make of it. Everything but
 * static texts points into the bytes of the record, which live until the scan's next call. */
#ifndef SL_DLQ_ITEM_H
#define SL_DLQ_ITEM_H
#include "base/err.h"
#include "base/str.h"
#include "kafka/producer.h"

/* Who wrote it, by its headers (docs/dlq-families.md). The order is the order in which origins are believed. */
enum sl_dlq_family {
        SL_DLQ_PLAIN,        /* nothing to tell by: Connect's default */
        SL_DLQ_SLUICE,       /* Connect's headers and ours (__sluice.dlq.*) */
        SL_DLQ_CONNECT,      /* __connect.errors.* */
        SL_DLQ_SPRING,       /* kafka_dlt-* */
        SL_DLQ_SPRING_RETRY, /* kafka_original-*, kafka_exception-* */
        SL_DLQ_STREAMS,      /* __streams.errors.* */
        SL_DLQ_SHARE_GROUP,  /* __dlq.errors.* */
        SL_DLQ_SMALLRYE,     /* dead-letter-* */
        SL_DLQ_CLOUD_STREAM, /* x-original-*, x-exception-* */
        SL_DLQ_KARAFKA,      /* source_*, or original_* */
        SL_DLQ_BRIDGE,       /* Azure, Pub/Sub and Pulsar through a bridge */
        SL_DLQ_HOME_MADE,    /* x-dlq-*, x-error*, original-topic ... */
        SL_DLQ_WRAPPER,      /* JSON around the original value */
        SL_DLQ_RULE,         /* a rule of --rules says where the origin stands */
        SL_DLQ_FAMILY_COUNT,
};
const char *sl_dlq_family_name(enum sl_dlq_family f); /* "connect", "spring" ... */

/* Where the record failed first. Each part may be unknown by itself: a wrapper may carry only a topic. */
struct sl_dlq_origin {
        struct sl_str topic;   /* ptr NULL = unresolved: never guessed */
        int32_t partition;     /* -1 = unknown */
        int64_t offset;        /* -1 = unknown */
        int64_t timestamp_ms;  /* of the original record; -1 = unknown: the record's own, where its writer keeps it (Connect) */
        const char *how;       /* which source said so: "headers", "wrapper", "rule", "content" ...; static */
};

/* One reason for a verdict, in the order in which they were looked at. */
enum sl_dlq_reason {
        SL_DLQ_BY_RULE = 1,  /* a user's rule */
        SL_DLQ_BY_OWN_CODE,  /* our typed code */
        SL_DLQ_BY_CAUSE,     /* a class of the chain of exceptions */
        SL_DLQ_BY_MESSAGE,   /* a text */
        SL_DLQ_BY_NATIVE,    /* SQLSTATE, HTTP status, code of S3, librdkafka ... in the text */
        SL_DLQ_BY_STAGE,     /* Connect's stage alone */
        SL_DLQ_BY_RERUN,     /* the connector's converters and transforms ran again on the bytes */
        SL_DLQ_BY_NEIGHBOURS, /* its bytes differ from those of all records of its topic that passed */
};
struct sl_dlq_evidence {
        enum sl_dlq_reason by;
        struct sl_str what; /* the text that was found */
};
#define SL_DLQ_EVIDENCE_MAX 3

#define SL_DLQ_RETRY "__sluice.dlq.retry"
#define SL_DLQ_FIRST "__sluice.dlq.first"
struct sl_dlq_item {
        /* As it stands in the dead-letter topic. */
        int32_t partition;
        uint32_t header_count;
        int64_t offset, timestamp_ms; /* timestamp -1 = none */
        bool log_append_time;
        struct sl_str key, value;     /* ptr NULL = null, which is not empty */
        const struct sl_kheader *headers;

        /* What it says. ptr NULL = nothing. */
        enum sl_dlq_family family;
        enum sl_dlq_family teller;    /* whose headers tell of the failure: of a copy of ours, the family of who failed it */
        enum sl_stage stage;          /* Connect's, or SL_STAGE_NONE */
        struct sl_dlq_origin origin;
        struct sl_str exception;      /* class name of the outermost exception */
        struct sl_str cause;          /* of the deepest cause that headers or trace name; = exception when there is only one */
        struct sl_str message;        /* of the outermost exception, as the headers give it */
        struct sl_str cause_message;  /* of the cause, when it is another one */
        struct sl_str trace;
        struct sl_str connector;      /* or the consumer group, the application ... that failed: half of the record's identity */
        struct sl_str operation;      /* Connect's class.name: the class that ran in the stage */
        uint32_t sets;                /* how many times it has been dead-lettered, by its sets of headers; at least 1 */
        int32_t attempts;             /* as the writer counted; -1 = it does not */
        int32_t hops;                 /* __sluice.dlq.hop: how often we have replayed it; 0 = never */
        int32_t retries;              /* SL_DLQ_RETRY: how often the connector has retried it since */
        int64_t first_ms;             /* SL_DLQ_FIRST: when it saw the record's first letter, wall clock; 0 or -1 = never */
        struct sl_str payload;        /* the original value: of a wrapper what it wraps, else value. ptr NULL = null */
        struct sl_str text;           /* payload as JSON, when it is no JSON itself but could be read as some. ptr NULL = none */
        bool wrapped;                 /* payload is inside value */
        bool pointer;                 /* key and value were not copied: they stand only at the origin (share groups) */
        bool fetched;                 /* of a pointer: key, value and the first headers are those of its original */
        const char *missing;          /* of a pointer: why they are not; static. NULL = they are, or nobody has looked */
        bool binary_payload;          /* the wrapper's payload is base64 text of the bytes */
        bool unread;                  /* it kills who looks at it (poison.h): bytes and headers may only be copied */

        /* What we make of it. */
        enum sl_rc class;             /* SL_TRANSIENT .. SL_UNKNOWN: sl_rc_name has the names */
        uint8_t confidence;           /* percent */
        uint8_t evidence_count;
        const char *code;             /* "access", "corrupt", "schema.unknown" ...; static or a rule's; never NULL */
        struct sl_dlq_evidence evidence[SL_DLQ_EVIDENCE_MAX];
        uint64_t fingerprint;         /* of the group; printed as 16 hex digits */
        const struct sl_dlq_rule *rule; /* that decided, or NULL */
};

/* In a function that qsort calls: return if these differ. */
#define SL_DLQ_ORDER(x, y)                                                                                             \
        do {                                                                                                           \
                if ((x) != (y))                                                                                        \
                        return (x) < (y) ? -1 : 1;                                                                     \
        } while (0)
#endif
