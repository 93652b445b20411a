/* SPDX-License-Identifier: Apache-2.0 */
/* The table of Java's client configuration keys: one row for every key of ProducerConfig, ConsumerConfig and
 * AdminClientConfig of Kafka 4.2 (a test compares), saying what becomes of it here. A row passes the value to librdkafka,
 * translates it by a function, accepts it without effect, or refuses it with the reason. TLS and SASL functions are in
 * kconf_security.c. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "kafka/kconf_internal.h"

#define P SL_KR_P
#define C SL_KR_C
#define A SL_KR_A
#define ALL SL_KR_ALL

/* --- Functions of rows -----------------------------------------------------------------------------------------------
 */

enum sl_rc sl_krow_refuse(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        (void)value;
        return sl_fail(x->err, SL_E_CONFIG, "Sluice can't honour configuration %s: %s", x->key, row->arg);
}

/* Empty means "none" for lists of Java classes. */
static enum sl_rc refuse_unless_empty(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        return *value ? sl_krow_refuse(x, row, value) : SL_OK;
}

enum sl_rc sl_krow_take(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        (void)x, (void)row, (void)value;
        return SL_OK;
}

enum sl_rc sl_krow_later(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        return sl_krow_take(x, row, value);
}

/* Is it one of the values of a list, separated by bars? */
static bool in_list(const char *list, const char *value)
{
        size_t n = strlen(value);

        for (const char *p = list; *p;) {
                size_t len = strcspn(p, "|");
                if (len == n && strncasecmp(p, value, n) == 0)
                        return true;
                p += len + (p[len] == '|');
        }
        return false;
}

/* arg: "value|value:reason"; a value of the list changes nothing here, others are refused. */
static enum sl_rc only(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        const char *why = strchr(row->arg, ':');
        char list[256];

        snprintf(list, sizeof(list), "%.*s", (int)(why - row->arg), row->arg);
        if (!in_list(list, value))
                return sl_fail(x->err, SL_E_CONFIG, "Sluice can't honour %s for configuration %s: %s", value, x->key,
                               why + 1);
        return row->rk ? sl_kctx_set(x, row->rk, value) : SL_OK;
}

/* arg: "value:what is used". Connect overrides these keys itself, and says so. */
static enum sl_rc forced(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        const char *used = strchr(row->arg, ':') + 1;
        size_t n = (size_t)(used - 1 - row->arg);

        if (x->report && !(strlen(value) == n && strncasecmp(value, row->arg, n) == 0))
                sl_cfg_add_warning(x->report, x->key,
                                   "The value '%s' for the '%s' property will be ignored as it cannot be overridden for "
                                   "connectors when exactly-once source support is enabled. The value '%s' will be "
                                   "used instead.",
                                   value, x->key, used);
        return SL_OK;
}

/* arg: "min,max"; numbers outside librdkafka's range are taken to its end. */
static enum sl_rc clamp(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        int64_t v, min = 0, max = INT32_MAX;
        char text[32];

        if (!sl_parse_i64(sl_str_c(value), &v))
                return sl_fail(x->err, SL_E_CONFIG, "Invalid value %s for configuration %s: Not a number of type INT",
                               value, x->key);
        if (row->arg)
                sscanf(row->arg, "%ld,%ld", &min, &max);
        snprintf(text, sizeof(text), "%ld", v < min ? min : v > max ? max : v);
        return sl_kctx_set(x, row->rk, text);
}

static enum sl_rc lower(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        char text[128];
        size_t n = 0;

        for (; value[n] && n + 1 < sizeof(text); n++)
                text[n] = (char)tolower((unsigned char)value[n]);
        text[n] = '\0';
        return sl_kctx_set(x, row->rk, *text ? text : "none");
}

static enum sl_rc request_timeout(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        SL_TRY(clamp(x, &(struct sl_krow){.rk = "socket.timeout.ms", .arg = "10,300000"}, value));
        return x->kind == SL_K_PRODUCER ? clamp(x, row, value) : SL_OK;
}

static enum sl_rc buffer_memory(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        int64_t v;
        char text[32];

        if (!sl_parse_i64(sl_str_c(value), &v))
                return sl_fail(x->err, SL_E_CONFIG, "Invalid value %s for configuration %s: Not a number of type LONG",
                               value, x->key);
        int64_t kb = v / 1024;
        snprintf(text, sizeof(text), "%ld", kb < 1 ? 1 : kb > INT32_MAX ? INT32_MAX : kb);
        return sl_kctx_set(x, row->rk, text);
}

/* Java's -1 ("the system's default", "never") is librdkafka's 0. */
static enum sl_rc minus_one_is_zero(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        return clamp(x, row, strcmp(value, "-1") == 0 ? "0" : value);
}

static enum sl_rc offset_reset(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        if (strncmp(value, "by_duration", 11) == 0)
                return sl_fail(x->err, SL_E_CONFIG,
                               "Sluice can't honour %s for configuration %s: use earliest, latest or none", value,
                               x->key);
        return sl_kctx_set(x, row->rk, strcasecmp(value, "none") == 0 ? "error" : value);
}

/* Java takes the first strategy that all members share; those that librdkafka has are kept. */
static enum sl_rc assignors(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        char out[64] = "";

        for (const char *p = value; *p;) {
                p += strspn(p, ", ");
                size_t len = strcspn(p, ", ");
                const char *name = p;
                for (size_t i = 0; i < len; i++)
                        if (p[i] == '.')
                                name = p + i + 1;
                size_t n = (size_t)(p + len - name);
                const char *found = n == 13 && strncmp(name, "RangeAssignor", n) == 0        ? "range"
                                    : n == 18 && strncmp(name, "RoundRobinAssignor", n) == 0 ? "roundrobin"
                                    : n == 5 && strncmp(name, "range", n) == 0               ? "range"
                                    : n == 10 && strncmp(name, "roundrobin", n) == 0         ? "roundrobin"
                                                                                             : NULL;
                if (found && !strstr(out, found))
                        snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%s", *out ? "," : "", found);
                p += len;
        }
        if (!*out)
                return sl_fail(
                        x->err, SL_E_CONFIG,
                        "Sluice can't honour %s for configuration %s: it has RangeAssignor and RoundRobinAssignor",
                        value, x->key);
        return sl_kctx_set(x, row->rk, out);
}

static enum sl_rc partitioner_ignore_keys(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        return strcasecmp(value, "true") == 0 ? sl_kctx_set(x, row->rk, "random") : SL_OK;
}

static enum sl_rc internal_topics(struct sl_kctx *x, const struct sl_krow *row, const char *value)
{
        return strcasecmp(value, "false") == 0 ? sl_kctx_set(x, row->rk, "") : SL_OK;
}

/* --- The table -------------------------------------------------------------------------------------------------------
 */

#define NO_JVM "it names a Java class, and there is no JVM here"
#define BYTES_OUT                                                                                                      \
        "org.apache.kafka.common.serialization.ByteArraySerializer:converters make the bytes; set key.converter and "  \
        "value.converter instead"
#define BYTES_IN                                                                                                       \
        "org.apache.kafka.common.serialization.ByteArrayDeserializer:converters read the bytes; set key.converter "    \
        "and value.converter instead"
#define LIBRARY "it would load a library into the worker"
#define KERBEROS "belongs to GSSAPI (Kerberos), which is refused"
#define RENEWAL "librdkafka asks for a new token when 80 % of its life are over"
#define BROKERS "brokers validate tokens; clients here don't"
#define NO_METRICS "metrics are at GET /metrics"
#define SHARE "belongs to share consumers, which Connect doesn't use"
#define ASSERTION "with JwtBearerJwtRetriever"

const struct sl_krow sl_krows[] = {
        /* Connections */
        {"bootstrap.servers", ALL, "bootstrap.servers", NULL, NULL, NULL},
        {"bootstrap.controllers", A, NULL, refuse_unless_empty, "it needs brokers; set bootstrap.servers", NULL},
        {"client.id", ALL, "client.id", NULL, NULL, "default: Connect's, such as connector-producer-name-0"},
        {"client.dns.lookup", ALL, "client.dns.lookup", lower, NULL, NULL},
        {"client.rack", ALL, "client.rack", NULL, NULL, NULL},
        {"request.timeout.ms", ALL, "request.timeout.ms", request_timeout, "1,900000", "also socket.timeout.ms"},
        {"default.api.timeout.ms", ALL, NULL, sl_krow_take, NULL, "calls have time limits of their own"},
        {"metadata.max.age.ms", ALL, "topic.metadata.refresh.interval.ms", clamp, "10,3600000", NULL},
        {"metadata.max.idle.ms", ALL, NULL, sl_krow_take, NULL, "librdkafka forgets unused topics by itself"},
        {"metadata.recovery.strategy", ALL, "metadata.recovery.strategy", lower, NULL, NULL},
        {"metadata.recovery.rebootstrap.trigger.ms", ALL, "metadata.recovery.rebootstrap.trigger.ms", clamp,
         "0,2147483647", NULL},
        {"reconnect.backoff.ms", ALL, "reconnect.backoff.ms", clamp, "0,3600000", NULL},
        {"reconnect.backoff.max.ms", ALL, "reconnect.backoff.max.ms", clamp, "0,3600000", NULL},
        {"retry.backoff.ms", ALL, "retry.backoff.ms", clamp, "1,300000", NULL},
        {"retry.backoff.max.ms", ALL, "retry.backoff.max.ms", clamp, "1,300000", NULL},
        {"connections.max.idle.ms", ALL, "connections.max.idle.ms", minus_one_is_zero, NULL, "-1 = never"},
        {"socket.connection.setup.timeout.ms", ALL, "socket.connection.setup.timeout.ms", clamp, "1000,2147483647",
         NULL},
        {"socket.connection.setup.timeout.max.ms", ALL, NULL, sl_krow_take, NULL, "the setup timeout doesn't grow"},
        {"send.buffer.bytes", ALL, "socket.send.buffer.bytes", minus_one_is_zero, "0,100000000", NULL},
        {"receive.buffer.bytes", ALL, "socket.receive.buffer.bytes", minus_one_is_zero, "0,100000000", NULL},
        {"enable.metrics.push", ALL, "enable.metrics.push", lower, NULL, "default here: false"},
        {"auto.include.jmx.reporter", ALL, NULL, sl_krow_take, NULL, NO_METRICS},
        {"metric.reporters", ALL, NULL, only, "|org.apache.kafka.common.metrics.JmxReporter:" NO_JVM, NULL},
        {"metrics.num.samples", ALL, NULL, sl_krow_take, NULL, NO_METRICS},
        {"metrics.sample.window.ms", ALL, NULL, sl_krow_take, NULL, NO_METRICS},
        {"metrics.recording.level", ALL, NULL, sl_krow_take, NULL, NO_METRICS},
        {"interceptor.classes", ALL, NULL, refuse_unless_empty, NO_JVM "; a transform may do its work", NULL},
        {"security.providers", ALL, NULL, refuse_unless_empty, NO_JVM, NULL},
        {"config.providers", ALL, NULL, refuse_unless_empty, "set it for the worker", NULL},
        /* Security */
        {"security.protocol", ALL, "security.protocol", lower, NULL, NULL},
        {"sasl.mechanism", ALL, "sasl.mechanism", sl_ksec_mechanism, NULL,
         "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER; Java's default, GSSAPI, and AWS_MSK_IAM are refused"},
        {"sasl.mechanisms", ALL, "sasl.mechanisms", sl_ksec_mechanism, NULL, "librdkafka's name of sasl.mechanism"},
        {"sasl.jaas.config", ALL, "sasl.username, sasl.password, sasl.oauthbearer.*", sl_ksec_jaas, NULL,
         "PlainLoginModule, ScramLoginModule, OAuthBearerLoginModule"},
        {"sasl.client.callback.handler.class", ALL, NULL, refuse_unless_empty, NO_JVM, NULL},
        {"sasl.login.callback.handler.class", ALL, NULL, sl_ksec_login_handler, NULL,
         "OAuthBearerLoginCallbackHandler (secured or not) only; others are refused"},
        {"sasl.login.class", ALL, NULL, refuse_unless_empty, NO_JVM, NULL},
        {"sasl.login.connect.timeout.ms", ALL, NULL, sl_krow_take, NULL, "librdkafka gives the endpoint 20 s"},
        {"sasl.login.read.timeout.ms", ALL, NULL, sl_krow_take, NULL, "librdkafka gives the endpoint 20 s"},
        {"sasl.login.retry.backoff.ms", ALL, NULL, sl_krow_take, NULL, "librdkafka tries every 10 s"},
        {"sasl.login.retry.backoff.max.ms", ALL, NULL, sl_krow_take, NULL, "librdkafka tries every 10 s"},
        {"sasl.login.refresh.buffer.seconds", ALL, NULL, sl_krow_take, NULL, RENEWAL},
        {"sasl.login.refresh.min.period.seconds", ALL, NULL, sl_krow_take, NULL, RENEWAL},
        {"sasl.login.refresh.window.factor", ALL, NULL, sl_krow_take, NULL, RENEWAL},
        {"sasl.login.refresh.window.jitter", ALL, NULL, sl_krow_take, NULL, RENEWAL},
        {"sasl.kerberos.service.name", ALL, NULL, sl_krow_take, NULL, KERBEROS},
        {"sasl.kerberos.kinit.cmd", ALL, NULL, sl_krow_take, NULL, KERBEROS},
        {"sasl.kerberos.min.time.before.relogin", ALL, NULL, sl_krow_take, NULL, KERBEROS},
        {"sasl.kerberos.ticket.renew.jitter", ALL, NULL, sl_krow_take, NULL, KERBEROS},
        {"sasl.kerberos.ticket.renew.window.factor", ALL, NULL, sl_krow_take, NULL, KERBEROS},
        {"sasl.oauthbearer.token.endpoint.url", ALL, "sasl.oauthbearer.token.endpoint.url", sl_ksec_token_url, NULL,
         "http and https; file: is refused"},
        {"sasl.oauthbearer.client.credentials.client.id", ALL, "sasl.oauthbearer.client.id", sl_krow_later, NULL,
         "or clientId in sasl.jaas.config"},
        {"sasl.oauthbearer.client.credentials.client.secret", ALL, "sasl.oauthbearer.client.secret", sl_krow_later, NULL,
         "or clientSecret in sasl.jaas.config"},
        {"sasl.oauthbearer.scope", ALL, "sasl.oauthbearer.scope", sl_krow_later, NULL, "or scope in sasl.jaas.config"},
        {"sasl.oauthbearer.header.urlencode", ALL, NULL, sl_krow_later, NULL, "id and secret are encoded first"},
        {"sasl.oauthbearer.sub.claim.name", ALL, "sasl.oauthbearer.sub.claim.name", NULL, NULL, NULL},
        {"sasl.oauthbearer.jwt.retriever.class", ALL, "sasl.oauthbearer.grant.type", sl_ksec_retriever, NULL,
         "Default-, ClientCredentials- and JwtBearerJwtRetriever; FileJwtRetriever and others are refused"},
        {"sasl.oauthbearer.jwt.validator.class", ALL, NULL, sl_ksec_validator, NULL,
         "Java's own are accepted, others refused: " BROKERS},
        {"sasl.oauthbearer.assertion.algorithm", ALL, "sasl.oauthbearer.assertion.algorithm", sl_krow_later, NULL,
         ASSERTION},
        {"sasl.oauthbearer.assertion.claim.aud", ALL, "sasl.oauthbearer.assertion.claim.aud", sl_krow_later, NULL,
         ASSERTION},
        {"sasl.oauthbearer.assertion.claim.exp.seconds", ALL, "sasl.oauthbearer.assertion.claim.exp.seconds",
         sl_krow_later, NULL, ASSERTION},
        {"sasl.oauthbearer.assertion.claim.iss", ALL, "sasl.oauthbearer.assertion.claim.iss", sl_krow_later, NULL,
         ASSERTION},
        {"sasl.oauthbearer.assertion.claim.jti.include", ALL, "sasl.oauthbearer.assertion.claim.jti.include",
         sl_krow_later, NULL, ASSERTION},
        {"sasl.oauthbearer.assertion.claim.nbf.seconds", ALL, "sasl.oauthbearer.assertion.claim.nbf.seconds",
         sl_krow_later, NULL, ASSERTION},
        {"sasl.oauthbearer.assertion.claim.sub", ALL, "sasl.oauthbearer.assertion.claim.sub", sl_krow_later, NULL,
         ASSERTION},
        {"sasl.oauthbearer.assertion.file", ALL, "sasl.oauthbearer.assertion.file", sl_krow_later, NULL, ASSERTION},
        {"sasl.oauthbearer.assertion.private.key.file", ALL, "sasl.oauthbearer.assertion.private.key.file",
         sl_krow_later, NULL, ASSERTION},
        {"sasl.oauthbearer.assertion.private.key.passphrase", ALL, "sasl.oauthbearer.assertion.private.key.passphrase",
         sl_krow_later, NULL, ASSERTION},
        {"sasl.oauthbearer.assertion.template.file", ALL, "sasl.oauthbearer.assertion.jwt.template.file",
         sl_krow_later, NULL, ASSERTION},
        {"sasl.oauthbearer.scope.claim.name", ALL, NULL, sl_krow_take, NULL, BROKERS},
        {"sasl.oauthbearer.clock.skew.seconds", ALL, NULL, sl_krow_take, NULL, BROKERS},
        {"sasl.oauthbearer.expected.audience", ALL, NULL, sl_krow_take, NULL, BROKERS},
        {"sasl.oauthbearer.expected.issuer", ALL, NULL, sl_krow_take, NULL, BROKERS},
        {"sasl.oauthbearer.jwks.endpoint.url", ALL, NULL, sl_krow_take, NULL, BROKERS},
        {"sasl.oauthbearer.jwks.endpoint.refresh.ms", ALL, NULL, sl_krow_take, NULL, BROKERS},
        {"sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", ALL, NULL, sl_krow_take, NULL, BROKERS},
        {"sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", ALL, NULL, sl_krow_take, NULL, BROKERS},
        {"ssl.truststore.type", ALL, NULL, sl_krow_later, NULL, "PEM; JKS and PKCS12 are refused with the conversion"},
        {"ssl.truststore.location", ALL, "ssl.ca.location", sl_ksec_truststore, NULL, "a PEM file"},
        {"ssl.truststore.password", ALL, NULL, sl_krow_take, NULL, "PEM certificates have none"},
        {"ssl.truststore.certificates", ALL, "ssl.ca.pem", sl_ksec_pem, NULL, "PEM, also in one line"},
        {"ssl.keystore.type", ALL, NULL, sl_krow_later, NULL, "PEM or PKCS12; JKS is refused with the conversion"},
        {"ssl.keystore.location", ALL, "ssl.key.location, ssl.certificate.location or ssl.keystore.location",
         sl_ksec_keystore, NULL, "a file that is PKCS12 inside is taken whatever it is called"},
        {"ssl.keystore.password", ALL, "ssl.keystore.password", sl_krow_later, NULL, "of PKCS12; PEM uses ssl.key.password"},
        {"ssl.keystore.certificate.chain", ALL, "ssl.certificate.pem", sl_ksec_pem, NULL, "PEM, also in one line"},
        {"ssl.keystore.key", ALL, "ssl.key.pem", sl_ksec_pem, NULL, "PEM, also in one line"},
        {"ssl.key.password", ALL, "ssl.key.password", NULL, NULL, NULL},
        {"ssl.endpoint.identification.algorithm", ALL, "ssl.endpoint.identification.algorithm", lower, NULL,
         "empty = the host name isn't checked"},
        {"ssl.cipher.suites", ALL, "ssl.cipher.suites", sl_ksec_cipher_suites, NULL,
         "OpenSSL's names; Java's are refused"},
        {"ssl.enabled.protocols", ALL, NULL, sl_ksec_tls_versions, NULL,
         "TLSv1.2 and TLSv1.3 are spoken; others are refused"},
        {"ssl.protocol", ALL, NULL, sl_ksec_tls_versions, NULL, "TLSv1.2 and TLSv1.3 are spoken; others are refused"},
        {"ssl.provider", ALL, NULL, sl_krow_take, NULL, "OpenSSL is the only one"},
        {"ssl.keymanager.algorithm", ALL, NULL, sl_krow_take, NULL, "a setting of the JVM"},
        {"ssl.trustmanager.algorithm", ALL, NULL, sl_krow_take, NULL, "a setting of the JVM"},
        {"ssl.secure.random.implementation", ALL, NULL, sl_krow_take, NULL, "a setting of the JVM"},
        {"ssl.engine.factory.class", ALL, NULL, refuse_unless_empty, NO_JVM, NULL},
        {"ssl.engine.location", ALL, NULL, sl_krow_refuse, LIBRARY, NULL},
        {"ssl.providers", ALL, NULL, sl_krow_refuse, LIBRARY, NULL},
        {"plugin.library.paths", ALL, NULL, sl_krow_refuse, LIBRARY, NULL},
        /* Producers */
        {"acks", P, NULL, only, "all|-1:records count as written only when all in-sync replicas have them (all)", NULL},
        {"request.required.acks", P, NULL, only,
         "all|-1:records count as written only when all in-sync replicas have them (all)", NULL},
        {"enable.idempotence", P, NULL, forced, "true:true", "true is forced, a warning says so"},
        {"max.in.flight.requests.per.connection", P, "max.in.flight.requests.per.connection", only,
         "1|2|3|4|5:an idempotent producer has at most 5", NULL},
        {"retries", P | A, "retries", clamp, "1,2147483647", NULL},
        {"linger.ms", P, "linger.ms", NULL, NULL, NULL},
        {"batch.size", P, "batch.size", clamp, "1,2147483647", NULL},
        {"buffer.memory", P, "queue.buffering.max.kbytes", buffer_memory, NULL, "at most sluice.task.memory.bytes / 4"},
        {"max.block.ms", P, NULL, sl_krow_take, NULL, "a full queue stops the task's reading; nothing blocks"},
        {"max.request.size", P, "message.max.bytes", clamp, "1000,1000000000", NULL},
        {"compression.type", P, "compression.type", lower, NULL, "default here: lz4"},
        {"compression.gzip.level", P, "compression.level", clamp, "-1,9", NULL},
        {"compression.lz4.level", P, "compression.level", clamp, "0,12", NULL},
        {"compression.zstd.level", P, "compression.level", clamp, "-1,12", NULL},
        {"delivery.timeout.ms", P, "message.timeout.ms", clamp, "0,2147483647", NULL},
        {"transaction.timeout.ms", P, "transaction.timeout.ms", clamp, "1000,2147483647", NULL},
        {"transaction.two.phase.commit.enable", P, NULL, only, "false:Connect commits its transactions itself", NULL},
        {"transactional.id", P, NULL, forced, ":the task's own", "the task's own is forced, a warning says so"},
        {"key.serializer", P, NULL, only, BYTES_OUT, NULL},
        {"value.serializer", P, NULL, only, BYTES_OUT, NULL},
        {"partitioner.class", P, NULL, only,
         "|org.apache.kafka.clients.producer.internals.DefaultPartitioner:" NO_JVM
         "; records are placed as Java's default does",
         NULL},
        {"partitioner.ignore.keys", P, "partitioner", partitioner_ignore_keys, NULL, NULL},
        {"partitioner.adaptive.partitioning.enable", P, NULL, sl_krow_take, NULL,
         "records without key go to random partitions, in batches"},
        {"partitioner.availability.timeout.ms", P, NULL, sl_krow_take, NULL,
         "records without key go to random partitions, in batches"},
        {"partitioner.rack.aware", P, NULL, sl_krow_take, NULL,
         "records without key go to random partitions, in batches"},
        /* Consumers */
        {"group.id", C, "group.id", NULL, NULL, "default: connect- and the connector's name"},
        {"group.instance.id", C, "group.instance.id", NULL, NULL, NULL},
        {"group.protocol", C, NULL, only,
         "classic:its rebalances are incremental, which tasks don't do yet; use classic", NULL},
        {"group.remote.assignor", C, NULL, refuse_unless_empty,
         "it belongs to group.protocol=consumer; use partition.assignment.strategy", NULL},
        {"partition.assignment.strategy", C, "partition.assignment.strategy", assignors, NULL,
         "RangeAssignor and RoundRobinAssignor; others in a list are left out"},
        {"fetch.min.bytes", C, "fetch.min.bytes", clamp, "1,100000000", NULL},
        {"fetch.max.bytes", C, "fetch.max.bytes", clamp, "1000,2147483135", "default here: 2 MiB"},
        {"fetch.max.wait.ms", C, "fetch.wait.max.ms", clamp, "0,300000", NULL},
        {"max.partition.fetch.bytes", C, "max.partition.fetch.bytes", clamp, "1,1000000000", NULL},
        {"max.poll.records", C, NULL, sl_krow_take, NULL, "batches are cut by sluice.task.memory.bytes"},
        {"max.poll.interval.ms", C, "max.poll.interval.ms", clamp, "1,86400000", NULL},
        {"session.timeout.ms", C, "session.timeout.ms", clamp, "1,3600000", NULL},
        {"heartbeat.interval.ms", C, "heartbeat.interval.ms", clamp, "1,3600000", NULL},
        {"auto.offset.reset", C, "auto.offset.reset", offset_reset, NULL, "earliest, latest, none"},
        {"isolation.level", C, "isolation.level", lower, NULL, "default here: read_committed"},
        {"enable.auto.commit", C, NULL, only, "false:offsets are committed only when the target has the records", NULL},
        {"auto.commit.interval.ms", C, NULL, sl_krow_take, NULL, "offsets are committed when the target has the records"},
        {"allow.auto.create.topics", C, "allow.auto.create.topics", lower, NULL, NULL},
        {"check.crcs", C, "check.crcs", lower, NULL, NULL},
        {"exclude.internal.topics", C, "topic.blacklist", internal_topics, NULL,
         "true: __consumer_offsets, __transaction_state and __share_group_state don't exist for the consumer"},
        {"key.deserializer", C, NULL, only, BYTES_IN, NULL},
        {"value.deserializer", C, NULL, only, BYTES_IN, NULL},
        {"share.acknowledgement.mode", C, NULL, sl_krow_take, NULL, SHARE},
        {"share.acquire.mode", C, NULL, sl_krow_take, NULL, SHARE},
        {0}};

/* --- The reference page ----------------------------------------------------------------------------------------------
 */

static void add_list(struct sl_buf *out, const char *list, size_t n)
{
        bool first = true;

        for (size_t i = 0; i < n;) {
                size_t len = 0;
                while (i + len < n && list[i + len] != '|')
                        len++;
                if (len)
                        sl_buf_printf(out, "%s`%.*s`", first ? "" : ", ", (int)len, list + i);
                first = first && !len;
                i += len + 1;
        }
}

static void add_meaning(const struct sl_krow *row, struct sl_buf *out)
{
        const char *why = row->arg ? strchr(row->arg, ':') : NULL;

        if (row->apply == sl_krow_refuse || row->apply == refuse_unless_empty)
                sl_buf_printf(out, "refused | %s", row->arg);
        else if (row->apply == sl_krow_take)
                sl_buf_adds(out, "no effect | ");
        else if (row->apply == forced)
                sl_buf_adds(out, "forced | ");
        else if (row->apply == only) {
                sl_buf_adds(out, "only ");
                add_list(out, row->arg, (size_t)(why - row->arg));
                sl_buf_printf(out, " | %s", why + 1);
        } else {
                sl_buf_adds(out, "works | ");
                if (row->rk && strcmp(row->rk, row->java) != 0)
                        sl_buf_printf(out, "librdkafka: %s%s", row->rk, row->note ? "; " : "");
        }
        if (row->note)
                sl_buf_adds(out, row->note);
}

void sl_kafka_markdown(struct sl_buf *out)
{
        sl_buf_adds(out, "| Key | Clients | Here | |\n|---|---|---|---|\n");
        for (const struct sl_krow *row = sl_krows; row->java; row++) {
                sl_buf_printf(out, "| `%s` | %s | ", row->java,
                              row->who == ALL       ? "all"
                              : row->who == P       ? "producer"
                              : row->who == C       ? "consumer"
                              : row->who == (P | A) ? "producer, admin"
                                                    : "admin");
                add_meaning(row, out);
                sl_buf_adds(out, " |\n");
        }
}

bool sl_kafka_knows(enum sl_kclient kind, const char *java)
{
        static const int bits[] = {P, C, A};

        for (const struct sl_krow *row = sl_krows; row->java; row++)
                if (row->who & bits[kind] && strcmp(row->java, java) == 0)
                        return true;
        return false;
}
