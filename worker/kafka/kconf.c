/* SPDX-License-Identifier: Apache-2.0 */
/* Java's client configuration keys -> librdkafka's: one table, one row a key. What a row can't express is a function.
 * Layers, later ones win: our defaults, the worker's security keys, "producer." and its kind, "producer.override." and
 * its kind. ssl.* and sasl.* count only when security.protocol uses them, as in Java (a worker may carry ssl.* for
 * REST). Does not connect, and knows nothing of group ids, topics or transactions: the clients force theirs afterwards.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "base/log.h"
#include "kafka/kconf.h"

#define P 1
#define C 2
#define A 4
#define ALL (P | C | A)

struct eff {
        struct sl_props values;  /* Java key -> value */
        struct sl_props origins; /* Java key -> prefix under which the user wrote it */
};
struct ctx {
        rd_kafka_conf_t *conf;
        const struct eff *eff;
        enum sl_kclient kind;
        const char *key; /* as the user wrote it, with prefix */
        struct sl_err *err;
};
struct row {
        const char *java;
        int who;
        const char *rk; /* librdkafka's name; NULL: nothing to set */
        enum sl_rc (*apply)(const struct ctx *x, const struct row *row, const char *value); /* NULL: pass */
        const char *arg; /* what the function wants to know: allowed values, reason of a refusal */
};

/* --- Setting and refusing --------------------------------------------------------------------------------------------
 */

static enum sl_rc set(const struct ctx *x, const char *rk, const char *value)
{
        char why[256] = "";

        if (rd_kafka_conf_set(x->conf, rk, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
                return SL_OK;
        if (sl_cfg_is_secret(NULL, 0, x->key) || sl_cfg_is_secret(NULL, 0, rk) || strcmp(rk, "ssl.key.pem") == 0)
                return sl_fail(x->err, SL_E_CONFIG, "Invalid value [hidden] for configuration %s", x->key);
        return sl_fail(x->err, SL_E_CONFIG, "Invalid value %s for configuration %s: %s", value, x->key, why);
}

static enum sl_rc refuse(const struct ctx *x, const struct row *row, const char *value)
{
        (void)value;
        return sl_fail(x->err, SL_E_CONFIG, "Sluice can't honour configuration %s: %s", x->key, row->arg);
}

/* Empty means "none" for lists of Java classes. */
static enum sl_rc refuse_unless_empty(const struct ctx *x, const struct row *row, const char *value)
{
        return *value ? refuse(x, row, value) : SL_OK;
}

static enum sl_rc take(const struct ctx *x, const struct row *row, const char *value)
{
        (void)x, (void)row, (void)value;
        return SL_OK;
}

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
static enum sl_rc only(const struct ctx *x, const struct row *row, const char *value)
{
        const char *why = strchr(row->arg, ':');
        char list[256];

        snprintf(list, sizeof(list), "%.*s", (int)(why - row->arg), row->arg);
        if (!in_list(list, value))
                return sl_fail(x->err, SL_E_CONFIG, "Sluice can't honour %s for configuration %s: %s", value, x->key,
                               why + 1);
        return row->rk ? set(x, row->rk, value) : SL_OK;
}

/* arg: "min,max"; numbers outside librdkafka's range are taken to its end. */
static enum sl_rc clamp(const struct ctx *x, const struct row *row, const char *value)
{
        int64_t v, min = 0, max = INT32_MAX;
        char text[32];

        if (!sl_parse_i64(sl_str_c(value), &v))
                return sl_fail(x->err, SL_E_CONFIG, "Invalid value %s for configuration %s: Not a number of type INT",
                               value, x->key);
        if (row->arg)
                sscanf(row->arg, "%ld,%ld", &min, &max);
        snprintf(text, sizeof(text), "%ld", v < min ? min : v > max ? max : v);
        return set(x, row->rk, text);
}

static enum sl_rc lower(const struct ctx *x, const struct row *row, const char *value)
{
        char text[128];
        size_t n = 0;

        for (; value[n] && n + 1 < sizeof(text); n++)
                text[n] = (char)tolower((unsigned char)value[n]);
        text[n] = '\0';
        return set(x, row->rk, *text ? text : "none");
}

/* --- Single keys -----------------------------------------------------------------------------------------------------
 */

static const char *eff_get(const struct ctx *x, const char *key)
{
        return sl_props_get(&x->eff->values, key);
}

static bool protocol_has(const struct eff *eff, const char *part)
{
        const char *protocol = sl_props_get(&eff->values, "security.protocol");
        return protocol && strcasestr(protocol, part);
}

static enum sl_rc request_timeout(const struct ctx *x, const struct row *row, const char *value)
{
        SL_TRY(clamp(x, &(struct row){.rk = "socket.timeout.ms", .arg = "10,300000"}, value));
        return x->kind == SL_K_PRODUCER ? clamp(x, row, value) : SL_OK;
}

static enum sl_rc metadata_max_age(const struct ctx *x, const struct row *row, const char *value)
{
        /* Java asks again at this age; librdkafka asks at an interval and forgets at an age. */
        (void)row;
        return clamp(x, &(struct row){.rk = "topic.metadata.refresh.interval.ms", .arg = "10,3600000"}, value);
}

static enum sl_rc buffer_memory(const struct ctx *x, const struct row *row, const char *value)
{
        int64_t v;
        char text[32];

        if (!sl_parse_i64(sl_str_c(value), &v))
                return sl_fail(x->err, SL_E_CONFIG, "Invalid value %s for configuration %s: Not a number of type LONG",
                               value, x->key);
        int64_t kb = v / 1024;
        snprintf(text, sizeof(text), "%ld", kb < 1 ? 1 : kb > INT32_MAX ? INT32_MAX : kb);
        return set(x, row->rk, text);
}

/* Java's -1 ("the system's default", "never") is librdkafka's 0. */
static enum sl_rc minus_one_is_zero(const struct ctx *x, const struct row *row, const char *value)
{
        return clamp(x, row, strcmp(value, "-1") == 0 ? "0" : value);
}

static enum sl_rc offset_reset(const struct ctx *x, const struct row *row, const char *value)
{
        if (strncmp(value, "by_duration", 11) == 0)
                return sl_fail(x->err, SL_E_CONFIG,
                               "Sluice can't honour %s for configuration %s: use earliest, latest or none", value,
                               x->key);
        return set(x, row->rk, strcasecmp(value, "none") == 0 ? "error" : value);
}

/* Java takes the first strategy that all members share; those that librdkafka has are kept. */
static enum sl_rc assignors(const struct ctx *x, const struct row *row, const char *value)
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
        return set(x, row->rk, out);
}

static enum sl_rc partitioner_ignore_keys(const struct ctx *x, const struct row *row, const char *value)
{
        return strcasecmp(value, "true") == 0 ? set(x, row->rk, "random") : SL_OK;
}

static enum sl_rc cipher_suites(const struct ctx *x, const struct row *row, const char *value)
{
        if (strstr(value, "TLS_") || strstr(value, "SSL_"))
                return sl_fail(x->err, SL_E_CONFIG,
                               "Sluice can't honour configuration %s: Java's cipher names have no counterpart here; "
                               "use OpenSSL's "
                               "names (`openssl ciphers -v`) or remove the key",
                               x->key);
        return *value ? set(x, row->rk, value) : SL_OK;
}

static enum sl_rc tls_versions(const struct ctx *x, const struct row *row, const char *value)
{
        (void)row;
        for (const char *p = value; *p;) {
                p += strspn(p, ", ");
                size_t n = strcspn(p, ", ");
                if (n && !(n == 7 && (strncmp(p, "TLSv1.2", n) == 0 || strncmp(p, "TLSv1.3", n) == 0)))
                        return sl_fail(x->err, SL_E_CONFIG,
                                       "Sluice can't honour %s for configuration %s: TLSv1.2 and TLSv1.3 are spoken",
                                       value, x->key);
                p += n;
        }
        return SL_OK;
}

static enum sl_rc truststore(const struct ctx *x, const struct row *row, const char *value)
{
        const char *type = eff_get(x, "ssl.truststore.type");

        if (type && strcasecmp(type, "PEM") == 0)
                return set(x, row->rk, value);
        return sl_fail(
                x->err, SL_E_CONFIG,
                "Sluice can't read the %s truststore of configuration %s: write its certificates as PEM (keytool -list "
                "-rfc "
                "-keystore %s > ca.pem), then set ssl.truststore.type=PEM and ssl.truststore.location to the new file",
                type ? type : "JKS", x->key, value);
}

static enum sl_rc keystore(const struct ctx *x, const struct row *row, const char *value)
{
        const char *type = eff_get(x, "ssl.keystore.type");

        (void)row;
        if (type && strcasecmp(type, "PKCS12") == 0)
                return set(x, "ssl.keystore.location", value);
        if (type && strcasecmp(type, "PEM") == 0) { /* one file with the key and its certificates, as in Java */
                SL_TRY(set(x, "ssl.key.location", value));
                return set(x, "ssl.certificate.location", value);
        }
        return sl_fail(x->err, SL_E_CONFIG,
                       "Sluice can't read the %s keystore of configuration %s: convert it (keytool -importkeystore "
                       "-srckeystore %s "
                       "-destkeystore client.p12 -deststoretype PKCS12), then set ssl.keystore.type=PKCS12 and "
                       "ssl.keystore.location to the new file",
                       type ? type : "JKS", x->key, value);
}

static enum sl_rc keystore_password(const struct ctx *x, const struct row *row, const char *value)
{
        const char *type = eff_get(x, "ssl.keystore.type");
        return type && strcasecmp(type, "PKCS12") == 0 ? set(x, row->rk, value) : SL_OK;
}

static enum sl_rc mechanism(const struct ctx *x, const struct row *row, const char *value)
{
        if (strcasecmp(value, "AWS_MSK_IAM") == 0)
                return sl_fail(x->err, SL_E_CONFIG,
                               "Sluice can't honour AWS_MSK_IAM for configuration %s: it isn't built in; use "
                               "SCRAM-SHA-512 or mutual TLS",
                               x->key);
        return set(x, row->rk, value);
}

/* --- sasl.jaas.config ------------------------------------------------------------------------------------------------
 */

struct jaas {
        char module[160], user[256], password[1024];
};

/* One token: a word, a quoted string (backslash escapes), or a single '=' or ';'. False at the end, or when it is too
 * long. */
static bool jaas_token(const char **p, char *out, size_t room)
{
        const char *s = *p + strspn(*p, " \t\r\n");
        size_t n = 0;
        char quote = *s == '"' || *s == '\'' ? *s++ : '\0';

        if (!quote && (*s == '=' || *s == ';'))
                out[n++] = *s++;
        else
                while (*s && n + 1 < room && (quote ? *s != quote : !strchr(" \t\r\n=;\"'", *s))) {
                        if (quote && *s == '\\' && s[1])
                                s++;
                        out[n++] = *s++;
                }
        out[n] = '\0';
        bool closed = !quote || *s == quote;
        *p = s + (quote && *s == quote);
        return closed && (n || quote);
}

/* "<module> <flag> key=value ... ;" */
static bool jaas_parse(const char *text, struct jaas *j)
{
        char flag[32], key[128], value[1024];
        bool ok = jaas_token(&text, j->module, sizeof(j->module)) && jaas_token(&text, flag, sizeof(flag));

        while (ok) {
                ok = jaas_token(&text, key, sizeof(key));
                if (!ok || strcmp(key, ";") == 0)
                        break;
                ok = jaas_token(&text, value, sizeof(value)) && strcmp(value, "=") == 0 &&
                     jaas_token(&text, value, sizeof(value));
                if (ok && strcmp(key, "username") == 0)
                        ok = snprintf(j->user, sizeof(j->user), "%s", value) < (int)sizeof(j->user);
                else if (ok && strcmp(key, "password") == 0)
                        ok = snprintf(j->password, sizeof(j->password), "%s", value) < (int)sizeof(j->password);
        }
        explicit_bzero(value, sizeof(value));
        return ok && !text[strspn(text, " \t\r\n")];
}

static enum sl_rc jaas_apply(const struct ctx *x, const struct jaas *j)
{
        const char *name = strrchr(j->module, '.');

        name = name ? name + 1 : j->module;
        if (strcmp(name, "OAuthBearerLoginModule") == 0)
                return sl_fail(x->err, SL_E_CONFIG,
                               "Sluice can't honour %s of configuration %s: set sasl.oauthbearer.method=oidc, "
                               "sasl.oauthbearer.client.id, sasl.oauthbearer.client.secret and "
                               "sasl.oauthbearer.token.endpoint.url "
                               "instead",
                               name, x->key);
        if (strcmp(name, "Krb5LoginModule") == 0)
                return sl_fail(x->err, SL_E_CONFIG,
                               "Sluice can't honour %s of configuration %s: set sasl.kerberos.principal and "
                               "sasl.kerberos.keytab "
                               "instead",
                               name, x->key);
        if (strcmp(name, "PlainLoginModule") != 0 && strcmp(name, "ScramLoginModule") != 0)
                return sl_fail(
                        x->err, SL_E_CONFIG,
                        "Sluice can't honour %s of configuration %s: it has PlainLoginModule and ScramLoginModule",
                        name, x->key);
        if (!*j->user)
                return sl_fail(x->err, SL_E_CONFIG, "Configuration %s has no username", x->key);
        SL_TRY(set(x, "sasl.username", j->user));
        return set(x, "sasl.password", j->password);
}

static enum sl_rc jaas_config(const struct ctx *x, const struct row *row, const char *value)
{
        struct jaas j = {0};
        enum sl_rc rc;

        (void)row;
        if (!jaas_parse(value, &j))
                rc = sl_fail(x->err, SL_E_CONFIG,
                             "Configuration %s can't be read: expected `<login module> required username=\"...\" "
                             "password=\"...\";`",
                             x->key);
        else
                rc = jaas_apply(x, &j);
        explicit_bzero(&j, sizeof(j));
        return rc;
}

/* --- The table -------------------------------------------------------------------------------------------------------
 */

#define CLASSES "it names a Java class, and there is no JVM here"
#define BYTES_OUT                                                                                                      \
        "org.apache.kafka.common.serialization.ByteArraySerializer:converters make the bytes; set key.converter and "  \
        "value.converter instead"
#define BYTES_IN                                                                                                       \
        "org.apache.kafka.common.serialization.ByteArrayDeserializer:converters read the bytes; set key.converter "    \
        "and "                                                                                                         \
        "value.converter instead"

static const struct row rows[] = {
        /* Connections */
        {"bootstrap.servers", ALL, "bootstrap.servers", NULL, NULL},
        {"client.id", ALL, "client.id", NULL, NULL},
        {"client.dns.lookup", ALL, "client.dns.lookup", lower, NULL},
        {"client.rack", ALL, "client.rack", NULL, NULL},
        {"request.timeout.ms", ALL, "request.timeout.ms", request_timeout, "1,900000"},
        {"default.api.timeout.ms", ALL, NULL, take, NULL},
        {"metadata.max.age.ms", ALL, NULL, metadata_max_age, NULL},
        {"metadata.max.idle.ms", ALL, NULL, take, NULL},
        {"metadata.recovery.strategy", ALL, "metadata.recovery.strategy", lower, NULL},
        {"reconnect.backoff.ms", ALL, "reconnect.backoff.ms", clamp, "0,3600000"},
        {"reconnect.backoff.max.ms", ALL, "reconnect.backoff.max.ms", clamp, "0,3600000"},
        {"retry.backoff.ms", ALL, "retry.backoff.ms", clamp, "1,300000"},
        {"retry.backoff.max.ms", ALL, "retry.backoff.max.ms", clamp, "1,300000"},
        {"connections.max.idle.ms", ALL, "connections.max.idle.ms", minus_one_is_zero, NULL},
        {"socket.connection.setup.timeout.ms", ALL, "socket.connection.setup.timeout.ms", clamp, "1000,2147483647"},
        {"socket.connection.setup.timeout.max.ms", ALL, NULL, take, NULL},
        {"send.buffer.bytes", ALL, "socket.send.buffer.bytes", minus_one_is_zero, "0,100000000"},
        {"receive.buffer.bytes", ALL, "socket.receive.buffer.bytes", minus_one_is_zero, "0,100000000"},
        {"enable.metrics.push", ALL, "enable.metrics.push", lower, NULL},
        {"auto.include.jmx.reporter", ALL, NULL, take, NULL},
        {"metric.reporters", ALL, NULL, only, "|org.apache.kafka.common.metrics.JmxReporter:" CLASSES},
        {"metrics.num.samples", ALL, NULL, take, NULL},
        {"metrics.sample.window.ms", ALL, NULL, take, NULL},
        {"metrics.recording.level", ALL, NULL, take, NULL},
        {"interceptor.classes", ALL, NULL, refuse_unless_empty, CLASSES "; a transform may do its work"},
        {"security.providers", ALL, NULL, refuse_unless_empty, CLASSES},
        {"config.providers", ALL, NULL, refuse_unless_empty, "set it for the worker"},
        /* Security */
        {"security.protocol", ALL, "security.protocol", lower, NULL},
        {"sasl.mechanism", ALL, "sasl.mechanism", mechanism, NULL},
        {"sasl.mechanisms", ALL, "sasl.mechanisms", mechanism, NULL},
        {"sasl.jaas.config", ALL, NULL, jaas_config, NULL},
        {"sasl.client.callback.handler.class", ALL, NULL, refuse_unless_empty, CLASSES},
        {"sasl.login.callback.handler.class", ALL, NULL, refuse_unless_empty, CLASSES},
        {"sasl.login.class", ALL, NULL, refuse_unless_empty, CLASSES},
        {"sasl.login.connect.timeout.ms", ALL, NULL, take, NULL},
        {"sasl.login.read.timeout.ms", ALL, NULL, take, NULL},
        {"sasl.login.retry.backoff.ms", ALL, NULL, take, NULL},
        {"sasl.login.retry.backoff.max.ms", ALL, NULL, take, NULL},
        {"sasl.login.refresh.buffer.seconds", ALL, NULL, take, NULL},
        {"sasl.login.refresh.min.period.seconds", ALL, NULL, take, NULL},
        {"sasl.login.refresh.window.factor", ALL, NULL, take, NULL},
        {"sasl.login.refresh.window.jitter", ALL, NULL, take, NULL},
        {"sasl.kerberos.ticket.renew.jitter", ALL, NULL, take, NULL},
        {"sasl.kerberos.ticket.renew.window.factor", ALL, NULL, take, NULL},
        {"sasl.kerberos.kinit.cmd", ALL, NULL, take, NULL}, /* librdkafka runs it through a shell */
        {"ssl.truststore.type", ALL, NULL, take, NULL},
        {"ssl.truststore.location", ALL, "ssl.ca.location", truststore, NULL},
        {"ssl.truststore.password", ALL, NULL, take, NULL}, /* PEM has none */
        {"ssl.truststore.certificates", ALL, "ssl.ca.pem", NULL, NULL},
        {"ssl.keystore.type", ALL, NULL, take, NULL},
        {"ssl.keystore.location", ALL, NULL, keystore, NULL},
        {"ssl.keystore.password", ALL, "ssl.keystore.password", keystore_password, NULL},
        {"ssl.keystore.certificate.chain", ALL, "ssl.certificate.pem", NULL, NULL},
        {"ssl.keystore.key", ALL, "ssl.key.pem", NULL, NULL},
        {"ssl.key.password", ALL, "ssl.key.password", NULL, NULL},
        {"ssl.endpoint.identification.algorithm", ALL, "ssl.endpoint.identification.algorithm", lower, NULL},
        {"ssl.cipher.suites", ALL, "ssl.cipher.suites", cipher_suites, NULL},
        {"ssl.enabled.protocols", ALL, NULL, tls_versions, NULL},
        {"ssl.protocol", ALL, NULL, tls_versions, NULL},
        {"ssl.provider", ALL, NULL, take, NULL},
        {"ssl.keymanager.algorithm", ALL, NULL, take, NULL},
        {"ssl.trustmanager.algorithm", ALL, NULL, take, NULL},
        {"ssl.secure.random.implementation", ALL, NULL, take, NULL},
        {"ssl.engine.factory.class", ALL, NULL, refuse_unless_empty, CLASSES},
        {"ssl.engine.location", ALL, NULL, refuse, "it would load a library into the worker"},
        {"ssl.providers", ALL, NULL, refuse, "it would load a library into the worker"},
        {"plugin.library.paths", ALL, NULL, refuse, "it would load a library into the worker"},
        /* Producers */
        {"acks", P, NULL, only, "all|-1:records count as written only when all in-sync replicas have them (all)"},
        {"request.required.acks", P, NULL, only,
         "all|-1:records count as written only when all in-sync replicas have them (all)"},
        {"enable.idempotence", P, NULL, take, NULL}, /* always on: the same without duplicates */
        {"max.in.flight.requests.per.connection", P, "max.in.flight.requests.per.connection", only,
         "1|2|3|4|5:an idempotent producer has at most 5"},
        {"retries", P, "retries", clamp, "1,2147483647"},
        {"linger.ms", P, "linger.ms", NULL, NULL},
        {"batch.size", P, "batch.size", clamp, "1,2147483647"},
        {"buffer.memory", P, "queue.buffering.max.kbytes", buffer_memory, NULL},
        {"max.block.ms", P, NULL, take, NULL},
        {"max.request.size", P, "message.max.bytes", clamp, "1000,1000000000"},
        {"compression.type", P, "compression.type", lower, NULL},
        {"compression.gzip.level", P, "compression.level", clamp, "-1,9"},
        {"compression.lz4.level", P, "compression.level", clamp, "0,12"},
        {"compression.zstd.level", P, "compression.level", clamp, "-1,12"},
        {"delivery.timeout.ms", P, "message.timeout.ms", clamp, "0,2147483647"},
        {"transaction.timeout.ms", P, "transaction.timeout.ms", clamp, "1000,2147483647"},
        {"transactional.id", P, NULL, refuse, "the worker names one for each task"},
        {"key.serializer", P, NULL, only, BYTES_OUT},
        {"value.serializer", P, NULL, only, BYTES_OUT},
        {"partitioner.class", P, NULL, only,
         "|org.apache.kafka.clients.producer.internals.DefaultPartitioner:" CLASSES
         "; records are placed as Java's default does"},
        {"partitioner.ignore.keys", P, "partitioner", partitioner_ignore_keys, NULL},
        {"partitioner.adaptive.partitioning.enable", P, NULL, take, NULL},
        {"partitioner.availability.timeout.ms", P, NULL, take, NULL},
        {"partitioner.rack.aware", P, NULL, take, NULL},
        /* Consumers */
        {"group.id", C, "group.id", NULL, NULL},
        {"group.instance.id", C, "group.instance.id", NULL, NULL},
        {"group.protocol", C, NULL, only,
         "classic:its rebalances are incremental, which tasks don't do yet; use classic"},
        {"group.remote.assignor", C, NULL, refuse_unless_empty,
         "it belongs to group.protocol=consumer; use "
         "partition.assignment.strategy"},
        {"partition.assignment.strategy", C, "partition.assignment.strategy", assignors, NULL},
        {"fetch.min.bytes", C, "fetch.min.bytes", clamp, "1,100000000"},
        {"fetch.max.bytes", C, "fetch.max.bytes", clamp, "1000,2147483135"},
        {"fetch.max.wait.ms", C, "fetch.wait.max.ms", clamp, "0,300000"},
        {"max.partition.fetch.bytes", C, "max.partition.fetch.bytes", clamp, "1,1000000000"},
        {"max.poll.records", C, NULL, take, NULL},
        {"max.poll.interval.ms", C, "max.poll.interval.ms", clamp, "1,86400000"},
        {"session.timeout.ms", C, "session.timeout.ms", clamp, "1,3600000"},
        {"heartbeat.interval.ms", C, "heartbeat.interval.ms", clamp, "1,3600000"},
        {"auto.offset.reset", C, "auto.offset.reset", offset_reset, NULL},
        {"isolation.level", C, "isolation.level", lower, NULL},
        {"enable.auto.commit", C, NULL, only, "false:offsets are committed only when the target has the records"},
        {"auto.commit.interval.ms", C, NULL, take, NULL},
        {"allow.auto.create.topics", C, "allow.auto.create.topics", lower, NULL},
        {"check.crcs", C, "check.crcs", lower, NULL},
        {"exclude.internal.topics", C, NULL, take, NULL},
        {"key.deserializer", C, NULL, only, BYTES_IN},
        {"value.deserializer", C, NULL, only, BYTES_IN},
};

static const struct row *find_row(const char *key)
{
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                if (strcmp(rows[i].java, key) == 0)
                        return &rows[i];
        return NULL;
}

/* --- Layers ----------------------------------------------------------------------------------------------------------
 */

static const char *const prefixes[] = {"producer.", "consumer.", "admin."};
static const char *const override_prefixes[] = {"producer.override.", "consumer.override.", "admin.override."};
static const int kind_bits[] = {P, C, A};

static void layer(struct eff *eff, const struct sl_props *src, const char *prefix)
{
        const char *key, *value;
        size_t n = strlen(prefix);

        for (size_t i = 0; src && sl_props_next(src, &i, &key, &value);) {
                if (strncmp(key, prefix, n) != 0 || !key[n])
                        continue;
                if (value) {
                        sl_props_set(&eff->values, key + n, value);
                        sl_props_set(&eff->origins, key + n, prefix);
                } else {
                        sl_props_remove(&eff->values, key + n);
                }
        }
}

/* What clients inherit from the worker's own keys. */
static bool inherited(const char *key)
{
        return strcmp(key, "bootstrap.servers") == 0 || strcmp(key, "client.dns.lookup") == 0 ||
               strcmp(key, "security.protocol") == 0 || strncmp(key, "sasl.", 5) == 0 || strncmp(key, "ssl.", 4) == 0;
}

static void layer_worker(struct eff *eff, const struct sl_props *worker)
{
        const char *key, *value;

        for (size_t i = 0; worker && sl_props_next(worker, &i, &key, &value);)
                if (value && inherited(key)) {
                        sl_props_set(&eff->values, key, value);
                        sl_props_set(&eff->origins, key, "");
                }
        if (!sl_props_get(&eff->values, "bootstrap.servers"))
                sl_props_set(&eff->values, "bootstrap.servers", "localhost:9092");
}

static void eff_free(struct eff *eff)
{
        sl_props_free(&eff->values);
        sl_props_free(&eff->origins);
}

/* --- Applying --------------------------------------------------------------------------------------------------------
 */

enum found { KNOWN, UNKNOWN, OTHER_CLIENT };

/* One key. *ret_found says whether anybody knows it. */
static enum sl_rc apply_key(struct ctx *x, const char *java, const char *value, enum found *ret_found)
{
        const struct row *row = find_row(java);
        char text[256], why[8];

        *ret_found = KNOWN;
        if ((strncmp(java, "ssl.", 4) == 0 && !protocol_has(x->eff, "SSL")) ||
            (strncmp(java, "sasl.", 5) == 0 && !protocol_has(x->eff, "SASL")))
                return SL_OK;
        if (row && !(row->who & kind_bits[x->kind])) {
                *ret_found = OTHER_CLIENT;
                return SL_OK;
        }
        if (row)
                return row->apply ? row->apply(x, row, value) : set(x, row->rk, value);
        size_t room = sizeof(text);
        if (rd_kafka_conf_get(x->conf, java, text, &room) == RD_KAFKA_CONF_UNKNOWN &&
            rd_kafka_conf_set(x->conf, java, value, why, sizeof(why)) == RD_KAFKA_CONF_UNKNOWN) {
                *ret_found = UNKNOWN;
                return SL_OK;
        }
        return set(x, java, value);
}

static void log_line(const rd_kafka_t *rk, int level, const char *fac, const char *buf)
{
        if (level <= 4 && strcmp(fac, "GETPID") != 0) /* its retries are the normal course after a dead producer */
                sl_warn("kafka client: %s fac=%s client=%s", buf, fac, rk ? rd_kafka_name(rk) : "");
        else
                sl_debug("kafka client: %s fac=%s client=%s", buf, fac, rk ? rd_kafka_name(rk) : "");
}

struct def {
        int who;
        const char *key, *value;
};
static const struct def defaults[] = {
        {ALL, "socket.nagle.disable", "true"},
        {ALL, "enable.metrics.push", "false"},
        {ALL, "log.connection.close", "false"}, /* brokers close idle connections all the time */
        {ALL, "log_level", "6"},
        {ALL, "reconnect.backoff.ms", "50"}, /* these two are Java's; half of the first also delays every start */
        {ALL, "reconnect.backoff.max.ms", "1000"},
        {A, "allow.auto.create.topics", "false"},
        {P, "partitioner", "murmur2_random"}, /* Java's placement; librdkafka's own is CRC32 */
        {P, "enable.idempotence", "true"},
        {P, "message.timeout.ms", "0"}, /* a gap is worse than waiting */
        {P, "socket.timeout.ms",
         "30000"}, /* with transactions librdkafka would wait 15 minutes for a dead connection */
        {P, "queue.buffering.max.messages", "0"},
        /* Java's is none. Rows are repetitive: lz4 costs us no more than the copies it saves, and the broker half its time. */
        {P, "compression.type", "lz4"},
        {P, "linger.ms", "5"},
        {P, "batch.size", "1000000"},
        {P, "batch.num.messages", "100000"},
        {P, "message.max.bytes", "1048576"}, /* Java's max.request.size */
        {C, "enable.auto.commit", "false"},
        {C, "enable.auto.offset.store", "false"},
        {C, "auto.offset.reset", "earliest"},
        {C, "isolation.level", "read_committed"},
        {C, "allow.auto.create.topics", "true"},            /* as in Java: a sink may start before its source */
        {C, "topic.metadata.refresh.interval.ms", "10000"}, /* how soon a new topic is seen */
        {C, "queued.max.messages.kbytes", "16384"},
        {C, "fetch.queue.backoff.ms", "10"}, /* a full queue is looked at again soon: it drains in milliseconds */
        {C, "fetch.error.backoff.ms", "100"},
};

static enum sl_rc apply_defaults(struct ctx *x, const char *client_id)
{
        x->key = "client.id";
        if (client_id)
                SL_TRY(set(x, "client.id", client_id));
        for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++)
                if (defaults[i].who & kind_bits[x->kind]) {
                        x->key = defaults[i].key;
                        SL_TRY(set(x, defaults[i].key, defaults[i].value));
                }
        rd_kafka_conf_set_log_cb(x->conf, log_line);
        return SL_OK;
}

static int64_t conf_int(const rd_kafka_conf_t *conf, const char *key)
{
        char text[64];
        size_t room = sizeof(text);

        return rd_kafka_conf_get(conf, key, text, &room) == RD_KAFKA_CONF_OK ? strtoll(text, NULL, 10) : 0;
}

/* Pairs that librdkafka refuses to have in the wrong order, and Java doesn't. */
static enum sl_rc reconcile(struct ctx *x)
{
        char text[32];

        x->key = "reconnect.backoff.max.ms";
        if (conf_int(x->conf, "reconnect.backoff.max.ms") < conf_int(x->conf, "reconnect.backoff.ms")) {
                snprintf(text, sizeof(text), "%ld", conf_int(x->conf, "reconnect.backoff.ms"));
                SL_TRY(set(x, "reconnect.backoff.max.ms", text));
        }
        x->key = "fetch.max.bytes";
        if (x->kind == SL_K_CONSUMER && conf_int(x->conf, "fetch.max.bytes") < conf_int(x->conf, "message.max.bytes")) {
                snprintf(text, sizeof(text), "%ld", conf_int(x->conf, "fetch.max.bytes"));
                SL_TRY(set(x, "message.max.bytes", text));
        }
        return SL_OK;
}

static enum sl_rc apply_all(struct ctx *x, const char *client_id)
{
        const char *java, *value;

        SL_TRY(apply_defaults(x, client_id));
        for (size_t i = 0; sl_props_next(&x->eff->values, &i, &java, &value);) {
                char key[256];
                enum found found;
                const char *origin = sl_props_get(&x->eff->origins, java);
                snprintf(key, sizeof(key), "%s%s", origin ? origin : "", java);
                x->key = key;
                SL_TRY(apply_key(x, java, value, &found));
                if (found == UNKNOWN)
                        sl_debug("kafka: the configuration %s was supplied but isn't a known config", key);
        }
        return reconcile(x);
}

enum sl_rc sl_kconf_new(const struct sl_kafka_cfg *cfg, enum sl_kclient kind, const char *client_id,
                        rd_kafka_conf_t **ret, struct sl_err *err)
{
        struct eff eff = {0};
        struct ctx x = {.conf = rd_kafka_conf_new(), .eff = &eff, .kind = kind, .err = err};

        layer_worker(&eff, cfg->worker);
        layer(&eff, cfg->worker, prefixes[kind]);
        layer(&eff, cfg->connector, override_prefixes[kind]);
        enum sl_rc rc = apply_all(&x, client_id);
        eff_free(&eff);
        if (rc != SL_OK) {
                rd_kafka_conf_destroy(x.conf);
                return rc;
        }
        *ret = x.conf;
        return SL_OK;
}

static void check_kind(const struct sl_props *connector, enum sl_kclient kind, struct sl_cfg_report *r)
{
        struct eff eff = {0};
        const char *java, *value;

        layer(&eff, connector, override_prefixes[kind]);
        /* The worker may be the one that asks for TLS and SASL: check their keys in any case. */
        bool given = sl_props_has(&eff.values, "security.protocol");
        if (!given)
                sl_props_set(&eff.values, "security.protocol", "SASL_SSL");
        for (size_t i = 0; sl_props_next(&eff.values, &i, &java, &value);) {
                struct sl_err err = {0};
                enum found found;
                if (!given && strcmp(java, "security.protocol") == 0)
                        continue;
                const char *key = sl_arena_printf(&r->arena, "%s%s", override_prefixes[kind], java);
                struct ctx x = {.conf = rd_kafka_conf_new(), .eff = &eff, .kind = kind, .key = key, .err = &err};
                if (apply_key(&x, java, value, &found) != SL_OK)
                        sl_cfg_add_error(r, key, "%s", err.msg);
                else if (found == UNKNOWN)
                        sl_cfg_add_warning(r, key, "No Kafka client knows this configuration; it has no effect");
                else if (found == OTHER_CLIENT)
                        sl_cfg_add_warning(
                                r, key, "This configuration belongs to another kind of Kafka client; it has no effect");
                rd_kafka_conf_destroy(x.conf);
        }
        eff_free(&eff);
}

void sl_kafka_check_overrides(const struct sl_props *connector, struct sl_cfg_report *r)
{
        for (int kind = SL_K_PRODUCER; kind <= SL_K_ADMIN; kind++)
                check_kind(connector, (enum sl_kclient)kind, r);
}
