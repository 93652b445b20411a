/* SPDX-License-Identifier: Apache-2.0 */
/* What messages say: known sentences, and codes of other systems. A number counts as a code only where the text says that it is one
 * ("error code: 40403", "SQLState: 23505", "HTTP 503", "503 Service Unavailable"): a basket of 503 items is none. Texts are looked
 * for without regard to case, the first row that is found decides. */
#include "dlq/internal.h"

#define D SL_DESERIALIZATION
#define S SL_SCHEMA
#define B SL_BUSINESS
#define T SL_TRANSIENT
#define U SL_UNKNOWN

struct row {
        const char *text;
        uint8_t class, confidence;
        const char *code;
};
/* In lower case. */
static const struct row texts[] = {
        /* Connect, its converters and transforms. */
        {"unknown magic byte", D, 97, "framing"},
        {"requires \"schema\" and \"payload\" fields", D, 92, "converter_config"},
        {"this indicates the bytes were not produced by", D, 90, "framing"},
        {"class [b cannot be cast to class", D, 80, "bytes"}, /* Spring Cloud Stream: no converter made an object of them */
        {"null used for required field", S, 95, "field.null"},
        {"null is used for required field", S, 95, "field.null"},
        {"missing required field", S, 95, "field.missing"},
        {"missing required default-less field", S, 95, "field.missing"},
        {"required field missing", S, 90, "field.missing"},
        {"unknown schema type", S, 90, "schema"},
        {"invalid java object for schema", S, 92, "value"},
        {"invalid type for", S, 85, "type"},
        {"only struct objects supported", S, 92, "transform.shape"},
        {"only map objects supported", S, 92, "transform.shape"},
        {"field does not exist", S, 92, "field.missing"},
        {"is not a valid field name", S, 92, "field.missing"},
        {"unknown field", S, 88, "field.missing"},
        {"was out of range for requested data type", S, 88, "transform.value"},
        {"could not be parsed by format", S, 85, "transform.value"},
        {"cannot create field because of field name duplication", S, 92, "schema"},
        {"schemas are different", S, 90, "projection"},
        {"schema type doesn't match", S, 90, "projection"},
        {"schema required for", S, 88, "transform.shape"},
        {"schema is required", S, 85, "transform.shape"},
        {"schema must contain 'type' field", S, 90, "schema"},
        {"no enum constant", S, 90, "enum"},
        {"not one of the values accepted for enum", S, 95, "enum"},
        {"enum label doesn't match", S, 95, "enum"},

        /* Serialisers. */
        {"malformed data. length is negative", D, 95, "corrupt"},
        {"malformed data", D, 90, "corrupt"},
        {"invalid long encoding", D, 92, "corrupt"},
        {"invalid int encoding", D, 92, "corrupt"},
        {"protocol message contained an invalid tag", D, 95, "protobuf"},
        {"protocol message end-group tag", D, 95, "protobuf"},
        {"while parsing a protocol message", D, 95, "protobuf"},
        {"message id not valid", D, 90, "protobuf"},
        {"unrecognized token", D, 95, "json"},
        {"unexpected end-of-input", D, 95, "json"},
        {"unexpected character (", D, 95, "json"},
        {"illegal unquoted character", D, 95, "json"},
        {"illegal character", D, 90, "json"},
        {"no content to map due to end-of-input", D, 92, "empty"},
        {"unterminated string", D, 90, "json"},
        {"invalid json", D, 88, "json"},
        {"malformed json", D, 92, "json"},
        {"expecting value: line", D, 92, "json"},
        {"expecting value", D, 80, "json"},
        {"expecting property name", D, 90, "json"},
        {"invalid utf-8", D, 90, "bytes"},
        {"invalid byte sequence for encoding", B, 92, "value"},
        {"codec can't decode byte", D, 92, "bytes"},
        {"size of data received by", D, 92, "size"}, /* Kafka's Long-, IntegerDeserializer ... */
        {"not in gzip format", D, 88, "corrupt"},
        {"content is not allowed in prolog", D, 92, "xml"},
        {"invalid stream header", D, 92, "java"},
        {"cannot be cast to", S, 78, "type"},
        {"incompatible types", S, 85, "type"},
        {"not in union", S, 92, "avro.union"},
        {"null value for (non-nullable", S, 95, "field.null"},
        {"null of ", S, 70, "field.null"},
        {"in field ", S, 45, "field"},
        {"cannot deserialize value of type", S, 93, "json.shape"},
        {"cannot deserialize instance of", S, 92, "json.shape"},
        {"cannot construct instance of", S, 90, "json.shape"},
        {"unrecognized field", S, 95, "field.unknown"},
        {"missing required creator property", S, 95, "field.missing"},
        {"null value for creator property", S, 92, "field.null"},
        {"non-nullable type", S, 88, "field.null"},
        {"could not resolve type id", S, 92, "json.shape"},
        {"missing type id", S, 92, "json.shape"},
        {"expected begin_", S, 90, "json.shape"},
        {"but was begin_", S, 90, "json.shape"},
        {"no type information in headers", D, 80, "headers"},
        {"is not in the trusted packages", D, 80, "headers"},
        {"failed to resolve class name", S, 75, "type"},
        {"schema being registered is incompatible", S, 95, "schema.incompatible"},
        {"incompatible with an earlier schema", S, 95, "schema.incompatible"},
        {"could not find class", S, 80, "type"},
        {"no such field", S, 75, "field.unknown"},

        /* Databases. */
        {"duplicate key value violates", B, 95, "duplicate"},
        {"duplicate entry", B, 95, "duplicate"},
        {"e11000", B, 95, "duplicate"},
        {"unique constraint (", B, 92, "duplicate"},
        {"unique index", B, 75, "duplicate"},
        {"violates not-null constraint", B, 92, "null"},
        {"cannot insert null into", B, 92, "null"},
        {"cannot be null", B, 80, "null"},
        {"violates foreign key constraint", B, 92, "dependency"},
        {"a foreign key constraint fails", B, 92, "dependency"},
        {"integrity constraint", B, 85, "constraint"},
        {"violates check constraint", B, 95, "constraint"},
        {"conflicted with the", B, 85, "constraint"},
        {"violates exclusion constraint", B, 92, "constraint"},
        {"value too long for type", B, 93, "value"},
        {"data too long for column", B, 93, "value"},
        {"value too large for column", B, 93, "value"},
        {"would be truncated", B, 90, "value"},
        {"data truncation", B, 88, "value"},
        {"numeric field overflow", B, 93, "value"},
        {"invalid input syntax for", B, 93, "value"},
        {"invalid input value for enum", B, 90, "value"},
        {"out of range value for column", B, 93, "value"},
        {"date/time field value out of range", B, 93, "value"},
        {"integer out of range", B, 92, "value"},
        {"is not recognized", B, 60, "value"},
        {"of relation \"", S, 85, "column.missing"},
        {"unknown column", S, 92, "column.missing"},
        {"invalid column name", S, 90, "column.missing"},
        {"invalid identifier", S, 88, "column.missing"},
        {"relation \"", S, 70, "table.missing"},
        {"is missing and auto-creation is disabled", S, 90, "table.missing"},
        {"is of type", S, 70, "type"},
        {"deadlock", T, 93, "lock"},
        {"could not serialize access", T, 93, "lock"},
        {"lock wait timeout", T, 93, "lock"},
        {"canceling statement due to", T, 85, "timeout"},
        {"terminating connection", T, 93, "network"},
        {"the database system is", T, 93, "network"},
        {"too many connections", T, 92, "overload"},
        {"remaining connection slots", T, 92, "overload"},
        {"too many clients", T, 92, "overload"},
        {"no space left on device", T, 88, "disk"},
        {"could not extend file", T, 88, "disk"},
        {"read-only transaction", T, 80, "target_config"},
        {"connection attempt failed", T, 92, "network"},
        {"an i/o error occurred while sending to the backend", T, 95, "network"},
        {"this connection has been closed", T, 92, "network"},
        {"connection is not available", T, 92, "overload"},
        {"password authentication failed", T, 90, "access"},
        {"permission denied", T, 85, "access"},
        {"access denied", T, 85, "access"},
        {"mapper_parsing_exception", S, 90, "type"},
        {"document_parsing_exception", S, 90, "type"},
        {"strict_dynamic_mapping_exception", S, 93, "field.unknown"},
        {"version_conflict_engine_exception", B, 85, "stale"},
        {"es_rejected_execution_exception", T, 92, "overload"},
        {"circuit_breaking_exception", T, 92, "overload"},
        {"index_not_found_exception", T, 75, "target_config"},
        {"cluster_block_exception", T, 75, "target_config"},

        /* Networks, brokers. */
        {"connection refused", T, 95, "network"},
        {"connection reset", T, 95, "network"},
        {"connection timed out", T, 95, "timeout"},
        {"connect timed out", T, 95, "timeout"},
        {"read timed out", T, 95, "timeout"},
        {"request timed out", T, 93, "timeout"},
        {"timed out", T, 88, "timeout"},
        {"timeout expired", T, 90, "timeout"},
        {"timeout waiting for", T, 90, "timeout"},
        {"timeout exceeded", T, 88, "timeout"},
        {"deadline exceeded", T, 92, "timeout"},
        {"broken pipe", T, 95, "network"},
        {"connection closed", T, 88, "network"},
        {"connection was closed", T, 88, "network"},
        {"socket closed", T, 90, "network"},
        {"no route to host", T, 95, "network"},
        {"unknown host", T, 88, "network"},
        {"name or service not known", T, 92, "network"},
        {"temporary failure in name resolution", T, 95, "network"},
        {"nodename nor servname", T, 92, "network"},
        {"network is unreachable", T, 95, "network"},
        {"unexpected end of stream", T, 80, "network"},
        {"premature eof", T, 85, "network"},
        {"unable to execute http request", T, 85, "network"},
        {"failed to respond", T, 88, "network"},
        {"too many requests", T, 95, "overload"},
        {"rate limit", T, 90, "overload"},
        {"rate exceeded", T, 92, "overload"},
        {"throttl", T, 90, "overload"},
        {"service unavailable", T, 92, "network"},
        {"temporarily unavailable", T, 93, "network"},
        {"try again later", T, 85, "retriable"},
        {"please try again", T, 80, "retriable"},
        {"bad gateway", T, 92, "network"},
        {"gateway timeout", T, 93, "timeout"},
        {"circuitbreaker", T, 92, "circuit.open"},
        {"circuit breaker", T, 90, "circuit.open"},
        {"econnrefused", T, 95, "network"},
        {"econnreset", T, 95, "network"},
        {"etimedout", T, 95, "timeout"},
        {"ehostunreach", T, 95, "network"},
        {"eai_again", T, 95, "network"},
        {"broker transport failure", T, 95, "network"},
        {"all broker connections are down", T, 95, "network"},
        {"local: message timed out", T, 92, "timeout"},
        {"local: queue full", T, 92, "overload"},
        {"broker: leader not available", T, 95, "kafka"},
        {"broker: not leader", T, 95, "kafka"},
        {"broker: not enough", T, 95, "kafka"},
        {"message size too large", B, 95, "oversize"},
        {"larger than the maximum request size", B, 95, "oversize"},
        {"larger than the max.request.size", B, 95, "oversize"},
        {"larger than max.request.size", B, 95, "oversize"},
        {"request included a message larger", B, 95, "oversize"},
        {"pkix path building failed", T, 88, "access"},
        {"certificate_unknown", T, 85, "access"},
        {"unable to find valid certification path", T, 88, "access"},
        {"not authorized to access", T, 90, "access"},
        {"invalid api key", T, 85, "access"},
        {"token expired", T, 80, "access"},
        {"jwt expired", T, 80, "access"},

        /* Share groups: no reason is given but that one. */
        {"delivery count", U, 40, "delivery.count"},
        {"rejected by", U, 40, "rejected"},

        /* Applications. */
        {"does not match schema", B, 80, "validation"},
        {"failed validation", B, 85, "validation"},
        {"validation failed", B, 85, "validation"},
        {"validation error", B, 80, "validation"},
        {"failed schema validation", B, 80, "validation"},
        {"already exists", B, 75, "duplicate"},
        {"already processed", B, 80, "duplicate"},
        {"insufficient", B, 80, "rule"},
        {"must not be null", B, 75, "validation"},
        {"must not be blank", B, 85, "validation"},
        {"must not be empty", B, 80, "validation"},
        {"must be greater than", B, 80, "validation"},
        {"must be less than", B, 80, "validation"},
        {"must be positive", B, 80, "validation"},
        {"cannot be negative", B, 80, "validation"},
        {"must not be negative", B, 80, "validation"},
        {"not allowed", B, 65, "rule"},
        {"exceeds", B, 60, "rule"},
        {"not found", B, 55, "dependency"},
        {"does not exist", B, 55, "dependency"},
        {"no such", B, 50, "dependency"},
};

static inline char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* text in lower case, into a buffer of cap bytes. */
static struct sl_str lowered(struct sl_str text, char *out, size_t cap)
{
        size_t n = text.len < cap ? text.len : cap;
        for (size_t i = 0; i < n; i++)
                out[i] = lower(text.ptr[i]);
        return (struct sl_str){out, n};
}

bool sl_dlq_text_find(struct sl_str message, struct sl_dlq_says *ret)
{
        char buf[4096];
        if (!message.ptr || !message.len)
                return false;
        struct sl_str m = lowered(message, buf, sizeof(buf));
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                if (sl_str_has(m, texts[i].text)) {
                        *ret = (struct sl_dlq_says){(enum sl_rc)texts[i].class, texts[i].confidence, texts[i].code, texts[i].text};
                        return true;
                }
        return false;
}
