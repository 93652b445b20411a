/* SPDX-License-Identifier: Apache-2.0 */
/* Codes of other systems in a message: SQLSTATE, HTTP status, the Schema Registry's, Oracle's, S3's and gRPC's names, librdkafka's.
 * Only where the text names them as codes. */
#include "dlq/internal.h"

#define D SL_DESERIALIZATION
#define S SL_SCHEMA
#define B SL_BUSINESS
#define T SL_TRANSIENT
#define U SL_UNKNOWN

struct row {
        const char *code; /* SQLSTATE: its begin */
        uint8_t class, confidence;
        const char *means;
};

static const struct row sqlstates[] = {
        {"08", T, 95, "network"},        {"57014", T, 80, "timeout"},      {"57P0", T, 95, "network"},      {"53", T, 92, "overload"},
        {"58030", T, 85, "disk"},        {"40", T, 95, "lock"},            {"55P03", T, 93, "lock"},        {"55006", T, 85, "lock"},
        {"25P02", T, 70, "task"},        {"26000", T, 80, "network"},      {"25006", T, 80, "target_config"}, {"28", T, 90, "access"},
        {"42501", T, 90, "access"},      {"3D000", T, 85, "target_config"}, {"3F000", T, 85, "target_config"}, {"42P01", S, 92, "table.missing"},
        {"42S02", S, 92, "table.missing"}, {"42703", S, 95, "column.missing"}, {"42S22", S, 95, "column.missing"}, {"42804", S, 92, "type"},
        {"42846", S, 92, "type"},        {"42883", S, 90, "type"},         {"42P10", S, 90, "constraint.missing"}, {"42710", S, 80, "exists"},
        {"23502", B, 88, "null"},        {"23503", B, 92, "dependency"},   {"23505", B, 95, "duplicate"},   {"23514", B, 95, "constraint"},
        {"23P01", B, 95, "constraint"},  {"23", B, 90, "constraint"},      {"P0001", B, 90, "rule"},        {"44", B, 90, "constraint"},
        {"22", B, 93, "value"},          {"54", B, 80, "oversize"},        {"0A000", T, 60, "target_config"}, {"42601", T, 55, "target_config"},
        {"XX00", U, 70, "corrupt"},      {"HYT0", T, 92, "timeout"},       {"21000", B, 75, "value"},       {NULL, 0, 0, NULL},
};
static const struct row statuses[] = {
        {"400", B, 80, "http"},     {"401", T, 90, "access"},   {"403", T, 88, "access"},   {"407", T, 88, "access"},
        {"404", B, 60, "http"},     {"405", T, 60, "target_config"}, {"406", B, 60, "http"}, {"408", T, 95, "timeout"},
        {"409", B, 75, "conflict"}, {"410", B, 65, "stale"},    {"412", B, 75, "conflict"}, {"413", B, 93, "oversize"},
        {"414", B, 80, "oversize"}, {"415", B, 80, "http"},     {"422", B, 90, "validation"}, {"425", T, 92, "retriable"},
        {"429", T, 97, "overload"}, {"500", T, 85, "http"},     {"502", T, 95, "http"},     {"503", T, 96, "http"},
        {"504", T, 96, "timeout"},  {"507", T, 90, "disk"},     {"301", T, 75, "target_config"}, {"307", T, 75, "target_config"},
        {"308", T, 75, "target_config"}, {NULL, 0, 0, NULL},
};
static const struct row registry[] = {
        {"40401", S, 93, "subject.unknown"},     {"40402", S, 93, "version.unknown"},     {"40403", S, 95, "schema.unknown"},
        {"40901", S, 95, "schema.incompatible"}, {"42201", S, 93, "schema"},              {"42202", S, 90, "schema"},
        {"42203", S, 90, "schema"},              {"50001", T, 93, "registry"},            {"50002", T, 95, "registry"},
        {"50003", T, 93, "registry"},            {"40301", T, 85, "access"},              {"40101", T, 90, "access"},
        {NULL, 0, 0, NULL},
};
/* S3's and other services' names behind "Error Code: " or in <Code>, gRPC's at the begin. */
static const struct row words[] = {
        {"SlowDown", T, 96, "overload"},             {"InternalError", T, 92, "http"},          {"ServiceUnavailable", T, 96, "http"},
        {"RequestTimeout", T, 95, "timeout"},        {"OperationAborted", T, 90, "conflict"},   {"ConditionalRequestConflict", T, 88, "conflict"},
        {"BadDigest", T, 80, "corrupt"},             {"XAmzContentSHA256Mismatch", T, 80, "corrupt"}, {"IncompleteBody", T, 80, "network"},
        {"ThrottlingException", T, 95, "overload"},  {"Throttling", T, 95, "overload"},         {"RequestLimitExceeded", T, 95, "overload"},
        {"ExpiredToken", T, 85, "access"},           {"TokenRefreshRequired", T, 85, "access"}, {"AccessDenied", T, 90, "access"},
        {"InvalidAccessKeyId", T, 90, "access"},     {"SignatureDoesNotMatch", T, 88, "access"}, {"AllAccessDisabled", T, 88, "access"},
        {"RequestTimeTooSkewed", T, 85, "access"},   {"NoSuchBucket", T, 88, "target_config"},  {"PermanentRedirect", T, 85, "target_config"},
        {"AuthorizationHeaderMalformed", T, 85, "target_config"}, {"InvalidBucketName", T, 85, "target_config"},
        {"PreconditionFailed", B, 80, "duplicate"},  {"EntityTooLarge", B, 93, "oversize"},     {"KeyTooLongError", B, 92, "value"},
        {"NoSuchUpload", T, 70, "task"},             {"ReceiverSaturated", T, 95, "overload"},  {"MemoryThresholdExceeded", T, 95, "overload"},
        {"UNAVAILABLE", T, 95, "network"},           {"DEADLINE_EXCEEDED", T, 93, "timeout"},   {"RESOURCE_EXHAUSTED", T, 93, "overload"},
        {"ABORTED", T, 80, "conflict"},              {"INVALID_ARGUMENT", B, 90, "validation"}, {"FAILED_PRECONDITION", B, 85, "rule"},
        {"OUT_OF_RANGE", B, 85, "value"},            {"NOT_FOUND", B, 75, "dependency"},        {"ALREADY_EXISTS", B, 85, "duplicate"},
        {"PERMISSION_DENIED", T, 88, "access"},      {"UNAUTHENTICATED", T, 90, "access"},      {"DATA_LOSS", D, 75, "corrupt"},
        {NULL, 0, 0, NULL},
};
static const struct row oracle[] = {
        {"00001", B, 95, "duplicate"},  {"01400", B, 92, "null"},       {"02291", B, 92, "dependency"}, {"02290", B, 92, "constraint"},
        {"12899", B, 93, "value"},      {"01438", B, 93, "value"},      {"01722", B, 92, "value"},      {"00904", S, 92, "column.missing"},
        {"00942", S, 92, "table.missing"}, {"12541", T, 95, "network"}, {"12170", T, 95, "timeout"},    {"00060", T, 95, "lock"},
        {"01017", T, 90, "access"},     {"03113", T, 92, "network"},    {"17002", T, 92, "network"},    {NULL, 0, 0, NULL},
};
/* librdkafka's numbers behind val= or in brackets behind its own words. */
static const struct row rdkafka[] = {
        {"-195", T, 95, "network"}, {"-187", T, 95, "network"}, {"-193", T, 90, "network"}, {"-185", T, 92, "timeout"}, {"-192", T, 88, "timeout"},
        {"-184", T, 92, "overload"}, {"10", B, 95, "oversize"}, {"18", B, 88, "oversize"},  {"-162", D, 88, "bytes"},    {"-161", D, 88, "bytes"},
        {"-160", D, 88, "bytes"},   {"-159", D, 88, "bytes"},   {"29", T, 90, "access"},    {"30", T, 90, "access"},     {"5", T, 93, "kafka"},
        {"6", T, 93, "kafka"},      {"7", T, 93, "kafka"},      {"19", T, 93, "kafka"},     {"20", T, 93, "kafka"},      {"44", B, 85, "rejected"},
        {"87", B, 85, "rejected"},  {"32", B, 88, "rejected"},  {NULL, 0, 0, NULL},
};

static bool say(const struct row *r, struct sl_dlq_says *ret)
{
        *ret = (struct sl_dlq_says){(enum sl_rc)r->class, r->confidence, r->means, r->code};
        return true;
}

static bool exact(const struct row *rows, const char *p, size_t n, struct sl_dlq_says *ret)
{
        for (; rows->code; rows++)
                if (strlen(rows->code) == n && memcmp(rows->code, p, n) == 0)
                        return say(rows, ret);
        return false;
}

static bool prefix(const struct row *rows, const char *p, size_t n, struct sl_dlq_says *ret)
{
        for (; rows->code; rows++)
                if (strlen(rows->code) <= n && memcmp(rows->code, p, strlen(rows->code)) == 0)
                        return say(rows, ret);
        return false;
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}
static bool is_alnum(char c)
{
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static const char *find(const char *p, const char *end, const char *word)
{
        size_t n = strlen(word);
        for (; (size_t)(end - p) >= n; p++)
                if (strncasecmp(p, word, n) == 0)
                        return p;
        return NULL;
}

/* Over what stands between a code's name and the code: " : = ( [ ". */
static const char *skip(const char *p, const char *end)
{
        while (p < end && (*p == ' ' || *p == ':' || *p == '=' || *p == '(' || *p == '[' || *p == '"' || *p == '\'' || *p == '-'))
                p++;
        return p;
}

static bool find_sqlstate(const char *p, const char *end, struct sl_dlq_says *ret)
{
        static const char *const heads[] = {"sqlstate", "sql state"};
        for (size_t i = 0; i < 2; i++)
                for (const char *at = p; (at = find(at, end, heads[i])); at++) {
                        const char *code = skip(at + strlen(heads[i]), end);
                        const char *e = code;
                        while (e < end && is_alnum(*e))
                                e++;
                        if (e - code == 5 && prefix(sqlstates, code, 5, ret))
                                return true;
                }
        return false;
}

/* A status behind a word that names it; from this place on the words are everybody's. */
#define LOOSE 19
static bool find_status(const char *p, const char *end, struct sl_dlq_says *ret)
{
        static const char *const heads[] = {"status code", "statuscode", "status_code", "http status", "response code", "responsecode",
                                            "error code", "error_code", "errorcode", "http/1.1", "http/1.0", "http/2", "http code",
                                            "http error", "with status", "status", "http", ", code=", "{code=", "returned", "responded with",
                                            "server error", "client error"};
        for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
                for (const char *at = p; (at = find(at, end, heads[i])); at++) {
                        const char *code = skip(at + strlen(heads[i]), end), *e = code;
                        while (e < end && is_digit(*e))
                                e++;
                        bool apart = (at == p || !is_alnum(*at) || !is_alnum(at[-1])) && (e == end || !is_alnum(*e)) && !(e + 1 < end && *e == '.' && is_digit(e[1]));
                        if (!apart)
                                continue;
                        if (e - code == 5 && exact(registry, code, 5, ret))
                                return true;
                        /* "returned 500 rows" is no status. */
                        bool loose = i >= LOOSE && e < end && *e == ' ' && e + 1 < end && e[1] >= 'a' && e[1] <= 'z';
                        if (e - code == 3 && !loose && exact(statuses, code, 3, ret))
                                return true;
                }
        return false;
}

/* "503 Service Unavailable": a status with its own phrase. */
static bool find_phrase(const char *p, const char *end, struct sl_dlq_says *ret)
{
        static const struct { const char *text, *code; } phrases[] = {
                {"400 bad request", "400"},           {"401 unauthorized", "401"},       {"403 forbidden", "403"},      {"404 not found", "404"},
                {"408 request timeout", "408"},       {"409 conflict", "409"},           {"410 gone", "410"},           {"412 precondition failed", "412"},
                {"413 payload too large", "413"},     {"413 request entity", "413"},     {"415 unsupported", "415"},    {"422 unprocessable", "422"},
                {"429 too many", "429"},              {"500 internal", "500"},           {"502 bad gateway", "502"},    {"503 service", "503"},
                {"504 gateway", "504"},
        };
        for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
                const char *at = find(p, end, phrases[i].text);
                if (at && (at == p || !is_alnum(at[-1])))
                        return exact(statuses, phrases[i].code, 3, ret);
        }
        return false;
}

static bool find_word(const char *p, const char *end, struct sl_dlq_says *ret)
{
        static const char *const heads[] = {"error code", "<code>", "errorcode", "code"};
        for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
                for (const char *at = p; (at = find(at, end, heads[i])); at++) {
                        const char *w = skip(at + strlen(heads[i]), end), *e = w;
                        while (e < end && is_alnum(*e))
                                e++;
                        if (exact(words, w, (size_t)(e - w), ret))
                                return true;
                }
        const char *e = p; /* gRPC: "UNAVAILABLE: io exception" */
        while (e < end && ((*e >= 'A' && *e <= 'Z') || *e == '_'))
                e++;
        return e - p > 5 && (e == end || *e == ':') && exact(words, p, (size_t)(e - p), ret);
}

static bool find_vendor(const char *p, const char *end, struct sl_dlq_says *ret)
{
        for (const char *at = p; (at = find(at, end, "ORA-")); at++)
                if (end - at >= 9 && exact(oracle, at + 4, 5, ret))
                        return true;
        if (!find(p, end, "kafkaerror"))
                return false;
        for (const char *at = p; (at = find(at, end, "val=")); at++) {
                const char *e = at + 4;
                while (e < end && (is_digit(*e) || *e == '-'))
                        e++;
                if (exact(rdkafka, at + 4, (size_t)(e - at - 4), ret))
                        return true;
        }
        return false;
}

bool sl_dlq_native_find(struct sl_str m, struct sl_dlq_says *ret)
{
        if (!m.ptr || !m.len)
                return false;
        const char *p = m.ptr, *end = m.ptr + (m.len < 8192 ? m.len : 8192);
        return find_sqlstate(p, end, ret) || find_vendor(p, end, ret) || find_word(p, end, ret) || find_status(p, end, ret) ||
               find_phrase(p, end, ret);
}
