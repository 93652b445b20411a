/* SPDX-License-Identifier: Apache-2.0 */
/* librdkafka's error codes -> our error ids. The only place that maps them. Does not retry; logs
 * only that a token could not be had. */
#include <stdio.h>
#include "base/log.h"
#include "kafka/kconf.h"

static enum sl_errid errid_of(rd_kafka_resp_err_t code)
{
        switch ((int)code) {
        case RD_KAFKA_RESP_ERR__FENCED:
        case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
        case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
        case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
                return SL_E_KAFKA_FENCED;
        case RD_KAFKA_RESP_ERR__TRANSPORT:
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        case RD_KAFKA_RESP_ERR__RESOLVE:
                return SL_E_KAFKA_UNREACHABLE;
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
                return SL_E_TOO_LARGE;
        /* Who we are. */
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR__SSL:
        case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
        case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
        case RD_KAFKA_RESP_ERR_SECURITY_DISABLED:
                return SL_E_KAFKA_AUTH;
        /* What we may do. */
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_AUTHORIZATION_FAILED:
        /* A request that will never be accepted. */
        case RD_KAFKA_RESP_ERR__FATAL:
        case RD_KAFKA_RESP_ERR__INVALID_ARG:
        case RD_KAFKA_RESP_ERR__CONFLICT:
        case RD_KAFKA_RESP_ERR__STATE:
        case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
        case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
        case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
        case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
        case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
        case RD_KAFKA_RESP_ERR_INVALID_TXN_STATE:
        case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
        case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
        case RD_KAFKA_RESP_ERR_INVALID_RECORD:
        case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
        case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
        case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
        case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
        case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
        case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
        case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
        case RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS:
        case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
                return SL_E_KAFKA_FATAL;
        default:
                return SL_E_KAFKA;
        }
}

/* What to do about librdkafka's and OpenSSL's texts, in the words of Java's keys. Behind a text, so they begin so. */
static const struct {
        const char *in, *advice;
} advices[] = {
        {"Unsupported SASL mechanism", ": set sasl.mechanism to one that this listener of the broker has"},
        {"Failed to acquire SASL OAUTHBEARER token",
         ": check sasl.oauthbearer.token.endpoint.url, the client's id and secret, and its scope"},
        {"invalid_token", ": the broker doesn't accept the token: check its issuer, audience and scope at the endpoint"},
        {"SASL authentication error",
         ": check username and password in sasl.jaas.config, and that the user was made for this sasl.mechanism"},
        {"alert certificate required", ": the broker asks for a client certificate: set the ssl.keystore.* keys"},
        {"alert bad certificate", ": the broker asks for a client certificate, or refuses ours: check the ssl.keystore.* "
                                  "keys"},
        {"alert certificate expired", ": our certificate of the ssl.keystore.* keys has expired: renew it"},
        {"alert certificate unknown", ": the broker refuses our certificate of the ssl.keystore.* keys: it has expired, or "
                                      "its CA isn't in the broker's truststore"},
        {"alert unknown ca", ": the broker doesn't know the CA of our certificate of the ssl.keystore.* keys"},
        {"alert handshake failure", ": the broker asks for a client certificate (ssl.keystore.*), or has no cipher in "
                                    "common with us"},
        {"certificate verify failed",
         ": ssl.truststore.location (with ssl.truststore.type=PEM) or ssl.truststore.certificates must hold the CA that "
         "signed the broker's certificate"},
        {"wrong version number", ": this listener of the broker speaks no TLS: check bootstrap.servers and "
                                 "security.protocol"},
        {"ssl.ca.location failed", ": the file of ssl.truststore.location has no PEM certificate"},
        {"ssl.ca.pem", ": ssl.truststore.certificates has no PEM certificate"},
        {"ssl.key.", ": the private key of ssl.keystore.location or ssl.keystore.key can't be used: check that it is PEM, and "
                     "ssl.key.password"},
        {"ssl.certificate.", ": the certificate of ssl.keystore.location or ssl.keystore.certificate.chain can't be used: "
                             "check that it is PEM"},
        {"ssl.keystore.location", ": check the PKCS12 file and ssl.keystore.password"},
        {"Private key check failed", ": key and certificate of the ssl.keystore.* keys don't belong together"},
};

const char *sl_kafka_advice(const char *reason)
{
        for (size_t i = 0; i < sizeof(advices) / sizeof(*advices); i++)
                if (strstr(reason, advices[i].in))
                        return advices[i].advice;
        return "";
}

static enum sl_rc fail_as(struct sl_err *err, enum sl_errid id, const char *file, uint32_t line, int native,
                          const char *text, const char *reason)
{
        bool first = err && err->id == SL_E_NONE;
        bool said = strstr(text, reason) != NULL;
        const char *advice = id == SL_E_KAFKA_AUTH ? sl_kafka_advice(text) : "";
        said |= *advice; /* it says more than the class's text */
        enum sl_rc rc = sl_err_set(err, id, file, line, "%s%s%s%s", text, said ? "" : ": ", said ? "" : reason, advice);

        if (first)
                err->native = native;
        if (id != SL_E_TOO_LARGE || (err && !first))
                return rc;
        /* No retry helps, and only the owner of the error policy may skip the record. */
        if (first)
                err->rc = SL_FATAL;
        return SL_FATAL;
}

enum sl_rc sl_kafka_fail_at(struct sl_err *err, const char *file, uint32_t line, rd_kafka_resp_err_t code,
                            const char *fmt, ...)
{
        char text[700];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        return fail_as(err, errid_of(code), file, line, code, text, rd_kafka_err2str(code));
}

enum sl_rc sl_kafka_fail_error(struct sl_err *err, rd_kafka_error_t *e, const char *what)
{
        rd_kafka_resp_err_t code = rd_kafka_error_code(e);
        enum sl_errid id = errid_of(code);

        /* The bits of the error object say what to do next, so they beat the code's usual class. */
        if (id == SL_E_KAFKA_FENCED)
                ;
        else if (rd_kafka_error_is_fatal(e))
                id = SL_E_KAFKA_FATAL;
        else if (rd_kafka_error_txn_requires_abort(e))
                id = SL_E_KAFKA_ABORT;
        else if (rd_kafka_error_is_retriable(e))
                id = id == SL_E_KAFKA_UNREACHABLE ? id : SL_E_KAFKA;
        enum sl_rc rc = fail_as(err, id, __FILE__, __LINE__, code, what, rd_kafka_error_string(e));
        rd_kafka_error_destroy(e);
        return rc;
}

enum sl_rc sl_kafka_refused(struct sl_err *err, const char *who, const char *why)
{
        return sl_fail(err, SL_E_CONFIG, "The configuration of the %s is refused: %s%s", who, why, sl_kafka_advice(why));
}

bool sl_kafka_no_token(int code, const char *reason)
{
        if (code != RD_KAFKA_RESP_ERR__AUTHENTICATION || !strstr(reason, "acquire SASL OAUTHBEARER token"))
                return false;
        sl_warn("kafka client: %s; it is tried again every 10 s", reason);
        return true;
}

const char *sl_kafka_version(void)
{
        return rd_kafka_version_str();
}

uint32_t sl_kafka_key_hash(struct sl_str key)
{
        /* Modulo 2^31 - 1 all but one of the 31-bit hashes are themselves. */
        int32_t h = rd_kafka_msg_partitioner_murmur2(NULL, key.ptr, key.len, INT32_MAX, NULL, NULL);
        if (!h && rd_kafka_msg_partitioner_murmur2(NULL, key.ptr, key.len, 2, NULL, NULL))
                h = INT32_MAX;
        return (uint32_t)h;
}
