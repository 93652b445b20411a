/* SPDX-License-Identifier: Apache-2.0 */
/* Java's client keys as librdkafka gets them: translation, layers, refusals, JAAS, secrets, regular expressions, error
 * classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include "kafka/kconf.h"
#include "kafka/regex.h"

#define SECRET "hush-hush"

static enum sl_rc build(const char *const *worker, const char *const *connector, enum sl_kclient kind,
                        rd_kafka_conf_t **ret, struct sl_err *err)
{
        struct sl_props w = {0}, c = {0};

        for (; worker && worker[0]; worker += 2)
                sl_props_set(&w, worker[0], worker[1]);
        for (; connector && connector[0]; connector += 2)
                sl_props_set(&c, connector[0], connector[1]);
        struct sl_kafka_cfg cfg = {&w, &c};
        enum sl_rc rc = sl_kconf_new(&cfg, kind, "me", ret, err);
        sl_props_free(&w);
        sl_props_free(&c);
        return rc;
}

/* The value librdkafka has for key after one worker key was set; "" when it has none. */
static const char *value_of(enum sl_kclient kind, const char *key, const char *const *worker,
                            const char *const *connector)
{
        static char text[512];
        size_t room = sizeof(text);
        struct sl_err err = {0};
        rd_kafka_conf_t *conf = NULL;

        enum sl_rc rc = build(worker, connector, kind, &conf, &err);
        if (rc != SL_OK)
                fail_msg("%s", err.msg);
        if (rd_kafka_conf_get(conf, key, text, &room) != RD_KAFKA_CONF_OK)
                text[0] = '\0';
        rd_kafka_conf_destroy(conf);
        return text;
}

#define KV(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_defaults(void **state)
{
        static const struct {
                enum sl_kclient kind;
                const char *key, *value;
        } cases[] = {
                {SL_K_PRODUCER, "bootstrap.servers", "localhost:9092"},
                {SL_K_PRODUCER, "client.id", "me"},
                {SL_K_PRODUCER, "partitioner", "murmur2_random"},
                {SL_K_PRODUCER, "enable.idempotence", "true"},
                {SL_K_PRODUCER, "message.timeout.ms", "0"},
                {SL_K_PRODUCER, "queue.buffering.max.messages", "0"},
                {SL_K_PRODUCER, "socket.nagle.disable", "true"},
                {SL_K_CONSUMER, "enable.auto.commit", "false"},
                {SL_K_CONSUMER, "auto.offset.reset", "smallest"}, /* librdkafka's first name of earliest */
                {SL_K_CONSUMER, "isolation.level", "read_committed"},
                {SL_K_CONSUMER, "check.crcs", "true"},
                {SL_K_ADMIN, "allow.auto.create.topics", "false"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                assert_string_equal(value_of(cases[i].kind, cases[i].key, NULL, NULL), cases[i].value);
}

static void test_translation(void **state)
{
        static const struct {
                enum sl_kclient kind;
                const char *java, *given, *rk, *expect;
        } cases[] = {
                {SL_K_PRODUCER, "producer.buffer.memory", "33554432", "queue.buffering.max.kbytes", "32768"},
                {SL_K_PRODUCER, "producer.max.request.size", "2097152", "message.max.bytes", "2097152"},
                {SL_K_PRODUCER, "producer.delivery.timeout.ms", "2147483647", "message.timeout.ms", "2147483647"},
                {SL_K_PRODUCER, "producer.request.timeout.ms", "12345", "socket.timeout.ms", "12345"},
                {SL_K_PRODUCER, "producer.request.timeout.ms", "12345", "request.required.acks", "-1"},
                {SL_K_PRODUCER, "producer.compression.type", "ZSTD", "compression.codec", "zstd"},
                {SL_K_PRODUCER, "producer.linger.ms", "20", "queue.buffering.max.ms", "20"},
                {SL_K_PRODUCER, "producer.batch.size", "0", "batch.size", "1"},
                {SL_K_PRODUCER, "producer.acks", "all", "acks", "-1"},
                {SL_K_PRODUCER, "producer.retries", "0", "retries", "1"},
                {SL_K_PRODUCER, "producer.max.block.ms", "9223372036854775807", "client.id", "me"},
                {SL_K_PRODUCER, "producer.enable.idempotence", "false", "enable.idempotence", "true"},
                {SL_K_PRODUCER, "producer.client.id", "mine", "client.id", "mine"},
                {SL_K_PRODUCER, "producer.metadata.max.age.ms", "7000", "topic.metadata.refresh.interval.ms", "7000"},
                {SL_K_PRODUCER, "producer.partitioner.ignore.keys", "true", "partitioner", "random"},
                {SL_K_PRODUCER, "producer.reconnect.backoff.ms", "5000", "reconnect.backoff.max.ms", "5000"},
                {SL_K_PRODUCER, "producer.sticky.partitioning.linger.ms", "7", "sticky.partitioning.linger.ms", "7"},
                {SL_K_PRODUCER, "producer.key.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer",
                 "client.id", "me"},
                {SL_K_CONSUMER, "consumer.fetch.max.wait.ms", "77", "fetch.wait.max.ms", "77"},
                {SL_K_CONSUMER, "consumer.max.partition.fetch.bytes", "2000000", "fetch.message.max.bytes", "2000000"},
                {SL_K_CONSUMER, "consumer.fetch.max.bytes", "5000", "message.max.bytes", "5000"},
                {SL_K_CONSUMER, "consumer.auto.offset.reset", "latest", "auto.offset.reset", "largest"},
                {SL_K_CONSUMER, "consumer.auto.offset.reset", "none", "auto.offset.reset", "error"},
                {SL_K_CONSUMER, "consumer.isolation.level", "READ_UNCOMMITTED", "isolation.level", "read_uncommitted"},
                {SL_K_CONSUMER, "consumer.max.poll.records", "500", "client.id", "me"},
                {SL_K_CONSUMER, "consumer.group.id", "theirs", "group.id", "theirs"},
                {SL_K_CONSUMER, "consumer.partition.assignment.strategy",
                 "org.apache.kafka.clients.consumer.RangeAssignor, "
                 "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
                 "partition.assignment.strategy", "range"},
                {SL_K_CONSUMER, "consumer.partition.assignment.strategy",
                 "org.apache.kafka.clients.consumer.RoundRobinAssignor", "partition.assignment.strategy", "roundrobin"},
                {SL_K_CONSUMER, "consumer.connections.max.idle.ms", "-1", "connections.max.idle.ms", "0"},
                {SL_K_CONSUMER, "consumer.receive.buffer.bytes", "-1", "socket.receive.buffer.bytes", "0"},
                {SL_K_CONSUMER, "producer.linger.ms", "99", "client.id", "me"}, /* another client's */
                {SL_K_CONSUMER, "consumer.no.such.key", "x", "client.id", "me"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                assert_string_equal(value_of(cases[i].kind, cases[i].rk, KV(cases[i].java, cases[i].given), NULL),
                                    cases[i].expect);
}

static void test_later_layers_win(void **state)
{
        (void)state;
        assert_string_equal(value_of(SL_K_PRODUCER, "queue.buffering.max.ms", KV("producer.linger.ms", "7"), NULL),
                            "7");
        assert_string_equal(value_of(SL_K_PRODUCER, "queue.buffering.max.ms", KV("producer.linger.ms", "7"),
                                     KV("producer.override.linger.ms", "9")),
                            "9");
        assert_string_equal(value_of(SL_K_PRODUCER, "bootstrap.servers", KV("bootstrap.servers", "a:1"), NULL), "a:1");
        assert_string_equal(value_of(SL_K_PRODUCER, "bootstrap.servers",
                                     KV("bootstrap.servers", "a:1", "producer.bootstrap.servers", "b:2"), NULL),
                            "b:2");
        /* The worker's own keys beside security are not the clients'. */
        assert_string_equal(value_of(SL_K_PRODUCER, "queue.buffering.max.ms", KV("linger.ms", "7"), NULL), "5");
}

/* A client of the worker itself: its own keys, not those under producer. and its kind; not the REST side's ssl.* */
static void test_the_workers_own_clients(void **state)
{
        struct sl_props w = {0};
        struct sl_kafka_cfg cfg = {.worker = &w};
        struct sl_err err = {0};
        rd_kafka_conf_t *conf = NULL;
        char text[64];
        size_t room = sizeof(text);

        (void)state;
        sl_props_set(&w, "bootstrap.servers", "a:1");
        sl_props_set(&w, "producer.bootstrap.servers", "b:2");
        sl_props_set(&w, "request.timeout.ms", "12345");
        sl_props_set(&w, "client.id", "mine");
        sl_props_set(&w, "session.timeout.ms", "7000");
        sl_props_set(&w, "ssl.keystore.location", "/rest.jks");
        sl_props_set(&w, "producer.ssl.keystore.location", "/k.jks");
        sl_props_set(&w, "producer.security.protocol", "SSL");
        assert_int_equal(sl_kconf_new(&cfg, SL_K_PRODUCER, "me", &conf, &err), SL_OK);
        assert_int_equal(rd_kafka_conf_get(conf, "bootstrap.servers", text, &room), RD_KAFKA_CONF_OK);
        assert_string_equal(text, "a:1");
        room = sizeof(text);
        assert_int_equal(rd_kafka_conf_get(conf, "socket.timeout.ms", text, &room), RD_KAFKA_CONF_OK);
        assert_string_equal(text, "12345");
        room = sizeof(text);
        assert_int_equal(rd_kafka_conf_get(conf, "client.id", text, &room), RD_KAFKA_CONF_OK);
        assert_string_equal(text, "me");
        room = sizeof(text);
        assert_int_equal(rd_kafka_conf_get(conf, "security.protocol", text, &room), RD_KAFKA_CONF_OK);
        assert_string_equal(text, "plaintext");
        rd_kafka_conf_destroy(conf);
        sl_props_free(&w);
}

static const char plain[] =
        "org.apache.kafka.common.security.plain.PlainLoginModule required\n username=\"al ice\" password=\"" SECRET
        "\\\"1\";";

static void test_jaas(void **state)
{
        static const char scram[] =
                "org.apache.kafka.common.security.scram.ScramLoginModule required username='bob' password=" SECRET
                " tokenauth=false ;";

        (void)state;
        const char *const *sasl =
                KV("security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", "PLAIN", "sasl.jaas.config", plain);
        assert_string_equal(value_of(SL_K_CONSUMER, "sasl.username", sasl, NULL), "al ice");
        assert_string_equal(value_of(SL_K_CONSUMER, "sasl.password", sasl, NULL), SECRET "\"1");
        assert_string_equal(value_of(SL_K_CONSUMER, "security.protocol", sasl, NULL), "sasl_plaintext");
        sasl = KV("security.protocol", "SASL_SSL", "sasl.mechanism", "SCRAM-SHA-512", "sasl.jaas.config", scram);
        assert_string_equal(value_of(SL_K_ADMIN, "sasl.username", sasl, NULL), "bob");
        assert_string_equal(value_of(SL_K_ADMIN, "sasl.password", sasl, NULL), SECRET);
        assert_string_equal(value_of(SL_K_ADMIN, "sasl.mechanisms", sasl, NULL), "SCRAM-SHA-512");
}

/* The worker's password is for the worker's brokers: a client that is sent elsewhere does not carry it there. */
static void test_credentials_stay_with_their_brokers(void **state)
{
        const char *const *worker = KV("bootstrap.servers", "a:1", "security.protocol", "SASL_PLAINTEXT",
                                       "sasl.mechanism", "PLAIN", "sasl.jaas.config", plain);

        (void)state;
        assert_string_equal(value_of(SL_K_PRODUCER, "sasl.username", worker, NULL), "al ice");
        assert_string_equal(
                value_of(SL_K_PRODUCER, "sasl.username", worker, KV("producer.override.bootstrap.servers", "a:1")),
                "al ice");
        const char *const *away = KV("producer.override.bootstrap.servers", "evil:9");
        assert_string_equal(value_of(SL_K_PRODUCER, "sasl.password", worker, away), "");
        assert_string_equal(value_of(SL_K_PRODUCER, "security.protocol", worker, away), "plaintext");
        assert_string_equal(value_of(SL_K_CONSUMER, "sasl.username", worker, away), "al ice");
        worker = KV("bootstrap.servers", "a:1", "security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", "PLAIN",
                    "sasl.jaas.config", plain, "consumer.bootstrap.servers", "b:2");
        assert_string_equal(value_of(SL_K_CONSUMER, "sasl.password", worker, NULL), "");
        assert_string_equal(
                value_of(SL_K_CONSUMER, "sasl.username", worker,
                         KV("consumer.override.security.protocol", "SASL_PLAINTEXT", "consumer.override.sasl.mechanism",
                            "SCRAM-SHA-256", "consumer.override.sasl.jaas.config",
                            "org.apache.kafka.common.security.scram.ScramLoginModule required username=eve "
                            "password=x;")),
                "eve");
}

#define OAUTH_MODULE "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
#define OAUTH_KEYS                                                                                                     \
        "security.protocol", "SASL_SSL", "sasl.mechanism", "OAUTHBEARER", "sasl.login.callback.handler.class",         \
                "org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler"
#define OAUTH_URL "sasl.oauthbearer.token.endpoint.url", "https://id.example/token"

static void test_oauth(void **state)
{
        (void)state;
        const char *const *options =
                KV(OAUTH_KEYS, OAUTH_URL, "sasl.jaas.config",
                   OAUTH_MODULE "clientId=\"me\" clientSecret=\"" SECRET "\" scope='a b' extension_pool=p1 "
                                "extension_cluster=\"lkc-1\";");
        assert_string_equal(value_of(SL_K_CONSUMER, "sasl.oauthbearer.method", options, NULL), "oidc");
        assert_string_equal(value_of(SL_K_CONSUMER, "sasl.oauthbearer.client.id", options, NULL), "me");
        assert_string_equal(value_of(SL_K_CONSUMER, "sasl.oauthbearer.client.secret", options, NULL), SECRET);
        assert_string_equal(value_of(SL_K_CONSUMER, "sasl.oauthbearer.scope", options, NULL), "a%20b");
        assert_string_equal(value_of(SL_K_CONSUMER, "sasl.oauthbearer.extensions", options, NULL),
                            "pool=p1,cluster=lkc-1");
        assert_string_equal(value_of(SL_K_CONSUMER, "sasl.oauthbearer.token.endpoint.url", options, NULL),
                            "https://id.example/token");
        const char *const *keys = KV(OAUTH_KEYS, OAUTH_URL, "sasl.oauthbearer.client.credentials.client.id", "m e",
                                     "sasl.oauthbearer.client.credentials.client.secret", "s/t",
                                     "sasl.oauthbearer.header.urlencode", "true");
        assert_string_equal(value_of(SL_K_ADMIN, "sasl.oauthbearer.client.id", keys, NULL), "m%20e");
        assert_string_equal(value_of(SL_K_ADMIN, "sasl.oauthbearer.client.secret", keys, NULL), "s%2Ft");
        const char *const *dev =
                KV("security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", "OAUTHBEARER", "sasl.jaas.config",
                   OAUTH_MODULE "unsecuredLoginStringClaim_sub=\"alice\" unsecuredLoginListClaim_scope=\"|a|b\";");
        assert_string_equal(value_of(SL_K_ADMIN, "sasl.oauthbearer.config", dev, NULL),
                            "lifeSeconds=315360000 principalClaimName=sub principal=alice scopeClaimName=scope "
                            "scope=a,b");
        const char *const *assertion = KV(OAUTH_KEYS, OAUTH_URL, "sasl.oauthbearer.jwt.retriever.class",
                                          "org.apache.kafka.common.security.oauthbearer.JwtBearerJwtRetriever",
                                          "sasl.oauthbearer.assertion.file", "/a.jwt");
        assert_string_equal(value_of(SL_K_ADMIN, "sasl.oauthbearer.assertion.file", assertion, NULL), "/a.jwt");
        assert_string_equal(value_of(SL_K_ADMIN, "sasl.oauthbearer.grant.type", assertion, NULL),
                            "urn:ietf:params:oauth:grant-type:jwt-bearer");
}

static const char pem_file[] = "build/test_kconf.pem", p12_file[] = "build/test_kconf.jks";

static void write_file(const char *path, const void *data, size_t n)
{
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        assert_int_equal(fwrite(data, 1, n, file), n);
        fclose(file);
}

static int make_files(void **state)
{
        static const char pem[] = "-----BEGIN CERTIFICATE-----\n";
        (void)state;
        write_file(pem_file, pem, sizeof(pem) - 1);
        write_file(p12_file, "\x30\x82\x01\x02", 4);
        return 0;
}

static int remove_files(void **state)
{
        (void)state;
        remove(pem_file);
        remove(p12_file);
        return 0;
}

static void test_pem_in_one_line(void **state)
{
        char line[512] = "-----BEGIN CERTIFICATE----- ", expect[512] = "-----BEGIN CERTIFICATE-----\n";

        (void)state;
        for (int i = 0; i < 70; i++)
                strncat(strncat(line, "ab", 3), i % 10 ? "" : " ", 2);
        for (int i = 0; i < 140; i++)
                strncat(strncat(expect, i % 2 ? "b" : "a", 2), i % 64 == 63 ? "\n" : "", 2);
        strncat(line, " -----END CERTIFICATE-----", 64);
        strncat(expect, "\n-----END CERTIFICATE-----\n", 64);
        const char *const *keys = KV("security.protocol", "SSL", "ssl.truststore.type", "PEM",
                                     "ssl.truststore.certificates", line);
        assert_string_equal(value_of(SL_K_ADMIN, "ssl.ca.pem", keys, NULL), expect);
        keys = KV("security.protocol", "SSL", "ssl.truststore.certificates", expect);
        assert_string_equal(value_of(SL_K_ADMIN, "ssl.ca.pem", keys, NULL), expect);
}

static void test_security_keys_count_only_when_used(void **state)
{
        struct sl_err err = {0};
        rd_kafka_conf_t *conf;

        (void)state;
        const char *const *keys = KV("ssl.keystore.location", "/rest.jks", "ssl.truststore.location", "/t.jks",
                                     "sasl.mechanism", "AWS_MSK_IAM");
        assert_int_equal(build(keys, NULL, SL_K_PRODUCER, &conf, &err), SL_OK);
        rd_kafka_conf_destroy(conf);
        keys = KV("security.protocol", "SSL", "ssl.truststore.type", "PEM", "ssl.truststore.location",
                  pem_file, "ssl.keystore.type", "PEM", "ssl.keystore.location", pem_file,
                  "ssl.endpoint.identification.algorithm", "");
        assert_string_equal(value_of(SL_K_PRODUCER, "ssl.ca.location", keys, NULL), pem_file);
        assert_string_equal(value_of(SL_K_PRODUCER, "ssl.key.location", keys, NULL), pem_file);
        assert_string_equal(value_of(SL_K_PRODUCER, "ssl.certificate.location", keys, NULL), pem_file);
        assert_string_equal(value_of(SL_K_PRODUCER, "ssl.endpoint.identification.algorithm", keys, NULL), "none");
        keys = KV("security.protocol", "SSL", "ssl.keystore.type", "PKCS12", "ssl.keystore.location", p12_file,
                  "ssl.keystore.password", SECRET);
        assert_string_equal(value_of(SL_K_PRODUCER, "ssl.keystore.location", keys, NULL), p12_file);
        assert_string_equal(value_of(SL_K_PRODUCER, "ssl.keystore.password", keys, NULL), SECRET);
        /* keytool writes PKCS12, whatever the name of the file. */
        keys = KV("security.protocol", "SSL", "ssl.keystore.location", p12_file, "ssl.keystore.password", SECRET);
        assert_string_equal(value_of(SL_K_PRODUCER, "ssl.keystore.location", keys, NULL), p12_file);
}

static void test_refusals_name_key_and_reason(void **state)
{
        static const struct {
                enum sl_kclient kind;
                const char *protocol, *key, *value, *reason;
        } cases[] = {
                {SL_K_PRODUCER, "PLAINTEXT", "producer.acks", "1", "all in-sync replicas"},
                {SL_K_PRODUCER, "PLAINTEXT", "producer.max.in.flight.requests.per.connection", "6", "at most 5"},
                {SL_K_PRODUCER, "PLAINTEXT", "producer.transaction.two.phase.commit.enable", "true", "itself"},
                {SL_K_ADMIN, "SSL", "ssl.truststore.location", "build/test_kconf.pem", "ssl.truststore.type=PEM"},
                {SL_K_ADMIN, "SSL", "ssl.keystore.location", "build/test_kconf.pem", "ssl.keystore.type=PEM"},
                {SL_K_ADMIN, "SSL", "ssl.keystore.location", "build/test_kconf.jks", "ssl.keystore.password"},
                {SL_K_ADMIN, "SSL", "ssl.keystore.key", "-----BEGIN PRIVATE KEY-----QQ-----END PRIVATE KEY-----",
                 "ssl.keystore.certificate.chain"},
                {SL_K_ADMIN, "SASL_SSL", "sasl.mechanism", "GSSAPI", "Kerberos"},
                {SL_K_ADMIN, "SASL_SSL", "sasl.mechanism", "OTHER", "SCRAM-SHA-256"},
                {SL_K_ADMIN, "SASL_SSL", "sasl.login.callback.handler.class", "com.x.Y", "token.endpoint.url"},
                {SL_K_ADMIN, "SASL_SSL", "sasl.oauthbearer.token.endpoint.url", "file:///t", "address of a token"},
                {SL_K_ADMIN, "SASL_SSL", "sasl.oauthbearer.jwt.retriever.class", "com.x.FileJwtRetriever", "JwtBearer"},
                {SL_K_PRODUCER, "PLAINTEXT", "producer.interceptor.classes", "com.x.Y", "JVM"},
                {SL_K_PRODUCER, "PLAINTEXT", "producer.key.serializer", "com.x.Y", "key.converter"},
                {SL_K_PRODUCER, "PLAINTEXT", "producer.partitioner.class", "com.x.Y", "Java"},
                {SL_K_PRODUCER, "PLAINTEXT", "producer.plugin.library.paths", "/x.so", "library"},
                {SL_K_PRODUCER, "PLAINTEXT", "producer.linger.ms", "abc", "linger.ms"},
                {SL_K_PRODUCER, "PLAINTEXT", "producer.batch.size", "abc", "Not a number of type INT"},
                {SL_K_PRODUCER, "PLAINTEXT", "producer.compression.type", "rar", "rar"},
                {SL_K_CONSUMER, "PLAINTEXT", "consumer.enable.auto.commit", "true", "committed only"},
                {SL_K_CONSUMER, "PLAINTEXT", "consumer.group.protocol", "consumer", "classic"},
                {SL_K_CONSUMER, "PLAINTEXT", "consumer.auto.offset.reset", "by_duration:PT1H", "earliest"},
                {SL_K_CONSUMER, "PLAINTEXT", "consumer.partition.assignment.strategy",
                 "org.apache.kafka.clients.consumer.CooperativeStickyAssignor", "RangeAssignor"},
                {SL_K_ADMIN, "SSL", "ssl.truststore.location", "/t.jks", "keytool"},
                {SL_K_ADMIN, "SSL", "ssl.keystore.location", "/k.jks", "PKCS12"},
                {SL_K_ADMIN, "SSL", "ssl.enabled.protocols", "TLSv1", "TLSv1.2"},
                {SL_K_ADMIN, "SSL", "ssl.cipher.suites", "TLS_AES_128_GCM_SHA256", "OpenSSL"},
                {SL_K_ADMIN, "SASL_SSL", "sasl.mechanism", "AWS_MSK_IAM", "AWS_MSK_IAM"},
                {SL_K_ADMIN, "SASL_SSL", "sasl.client.callback.handler.class", "com.x.Y", "JVM"},
                {SL_K_ADMIN, "SASL_SSL", "sasl.jaas.config", "com.x.OtherModule required a=\"b\";",
                 "OAuthBearerLoginModule"},
                {SL_K_ADMIN, "SASL_SSL", "sasl.jaas.config", "com.x.Krb5LoginModule required a=\"b\";", "Kerberos"},
                {SL_K_ADMIN, "SASL_SSL", "sasl.jaas.config", "com.x.PlainLoginModule required username=\"a", "Expected"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sl_err err = {0};
                rd_kafka_conf_t *conf;
                enum sl_rc rc = build(KV("security.protocol", cases[i].protocol, cases[i].key, cases[i].value), NULL,
                                      cases[i].kind, &conf, &err);
                if (rc != SL_FATAL || err.id != SL_E_CONFIG || !strstr(err.msg, cases[i].key) ||
                    !strstr(err.msg, cases[i].reason))
                        fail_msg("%s: rc %d, \"%s\"", cases[i].key, rc, err.msg);
        }
}

/* What is wrong only in the whole. */
static void test_keys_that_do_not_go_together(void **state)
{
#define SASL(mechanism) "security.protocol", "SASL_SSL", "sasl.mechanism", mechanism
#define JAAS(text) "sasl.jaas.config", text
        static const struct {
                const char *keys[12];
                const char *reason;
        } cases[] = {
                {{"security.protocol", "SASL_SSL"}, "sasl.mechanism isn't set"},
                {{SASL("PLAIN")}, "sasl.jaas.config isn't set"},
                {{SASL("OAUTHBEARER")}, "sasl.jaas.config isn't set"},
                {{SASL("PLAIN"), JAAS("x.PlainLoginModule required password=a;")}, "has no username"},
                {{SASL("PLAIN"), JAAS("x.PlainLoginModule required username=a;")}, "has no password"},
                {{SASL("PLAIN"), JAAS("x.ScramLoginModule required username=a password=b;")}, "needs PlainLoginModule"},
                {{SASL("SCRAM-SHA-256"), JAAS("x.PlainLoginModule required username=a password=b;")},
                 "needs ScramLoginModule"},
                {{SASL("SCRAM-SHA-256"), JAAS("x.ScramLoginModule required username=a password=b tokenauth=true;")},
                 "delegation tokens"},
                {{SASL("OAUTHBEARER"), JAAS("x.PlainLoginModule required username=a password=b;")},
                 "needs OAuthBearerLoginModule"},
                {{SASL("OAUTHBEARER"), JAAS("x.OAuthBearerLoginModule required;")}, "token.endpoint.url"},
                {{SASL("OAUTHBEARER"), OAUTH_URL, JAAS("x.OAuthBearerLoginModule required clientId=a;")},
                 "client.secret"},
                {{SASL("OAUTHBEARER"), OAUTH_URL},
                 "client.id"},
                {{SASL("OAUTHBEARER"), OAUTH_URL,
                  JAAS("x.OAuthBearerLoginModule required clientId=a clientSecret=b ssl.keystore.location=c;")},
                 "ssl.keystore.location"},
                {{SASL("OAUTHBEARER"),
                  JAAS("x.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=a "
                       "unsecuredLoginNumberClaim_n=\"1\";")},
                 "unsecuredLoginNumberClaim_n"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sl_err err = {0};
                rd_kafka_conf_t *conf;
                enum sl_rc rc = build(cases[i].keys, NULL, SL_K_CONSUMER, &conf, &err);
                if (rc != SL_FATAL || err.id != SL_E_CONFIG || !strstr(err.msg, cases[i].reason))
                        fail_msg("case %zu: rc %d, \"%s\"", i, rc, err.msg);
        }
}

static void test_secrets_are_not_in_messages(void **state)
{
        static const char *const values[] = {
                "com.x.PlainLoginModule required username=\"a\" password=\"" SECRET,
                "com.x.PlainLoginModule required username=\"a\" password=\"" SECRET "\" junk;",
                "com.x.OtherLoginModule required username=\"a\" password=\"" SECRET "\";",
                "com.x.PlainLoginModule required password=\"" SECRET "\";",
                SECRET,
        };

        (void)state;
        for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
                struct sl_err err = {0};
                rd_kafka_conf_t *conf;
                assert_int_equal(build(KV("security.protocol", "SASL_PLAINTEXT", "sasl.jaas.config", values[i]), NULL,
                                       SL_K_PRODUCER, &conf, &err),
                                 SL_FATAL);
                assert_null(strstr(err.msg, SECRET));
        }
        struct sl_err err = {0};
        rd_kafka_conf_t *conf;
        assert_int_equal(
                build(KV("security.protocol", "SSL", "ssl.keystore.key", SECRET), NULL, SL_K_PRODUCER, &conf, &err),
                SL_FATAL);
        assert_null(strstr(err.msg, SECRET));
}

static void test_overrides_are_checked_without_connecting(void **state)
{
        struct sl_props c = {0};
        struct sl_cfg_report r = {0};

        (void)state;
        sl_props_set(&c, "topics", "x");
        sl_props_set(&c, "producer.override.linger.ms", "10");
        sl_props_set(&c, "producer.override.acks", "1");
        sl_props_set(&c, "consumer.override.enable.auto.commit", "true");
        sl_props_set(&c, "consumer.override.sasl.jaas.config", "x");
        sl_props_set(&c, "consumer.override.linger.ms", "1");
        sl_props_set(&c, "admin.override.no.such.key", "1");
        sl_props_set(&c, "admin.override.client.id", NULL);
        sl_props_set(&c, "producer.override.transactional.id", "mine");
        sl_props_set(&c, "producer.override.enable.idempotence", "false");
        sl_kafka_check_overrides(&(struct sl_kafka_cfg){.connector = &c}, &r);
        assert_int_equal(r.errors, 3);
        assert_int_equal(r.count, 7);
        assert_true(sl_cfg_has_error(&r, "producer.override.acks"));
        assert_true(sl_cfg_has_error(&r, "consumer.override.enable.auto.commit"));
        assert_true(sl_cfg_has_error(&r, "consumer.override.sasl.jaas.config"));
        for (uint32_t i = 0; i < r.count; i++)
                if (strcmp(r.findings[i].key, "producer.override.enable.idempotence") == 0)
                        assert_string_equal(
                                r.findings[i].text,
                                "The value 'false' for the 'producer.override.enable.idempotence' property will be "
                                "ignored as it cannot be overridden for connectors when exactly-once source support is "
                                "enabled. The value 'true' will be used instead.");
        sl_cfg_report_free(&r);
        sl_props_free(&c);
}

/* Overrides are judged together with the worker's keys, and the worker's by themselves. */
static void test_the_whole_is_checked(void **state)
{
        struct sl_props w = {0}, c = {0};
        struct sl_cfg_report r = {0};

        (void)state;
        sl_props_set(&w, "security.protocol", "SASL_SSL");
        sl_props_set(&w, "sasl.mechanism", "SCRAM-SHA-512");
        sl_props_set(&w, "sasl.jaas.config", "x.ScramLoginModule required username=a password=b;");
        sl_props_set(&w, "producer.linger.ms", "abc");
        sl_props_set(&w, "consumer.sasl.mechanism", "PLAIN");
        sl_props_set(&w, "admin.nonsense", "1");
        sl_kafka_check_worker(&w, &r);
        assert_int_equal(r.errors, 2);
        assert_true(sl_cfg_has_error(&r, "producer.linger.ms"));
        assert_true(sl_cfg_has_error(&r, "sasl.jaas.config"));
        assert_int_equal(r.count, 3);
        sl_cfg_report_free(&r);
        sl_props_remove(&w, "producer.linger.ms");
        sl_props_remove(&w, "consumer.sasl.mechanism");
        sl_props_set(&c, "producer.override.sasl.jaas.config", "x.PlainLoginModule required username=a password=b;");
        sl_kafka_check_overrides(&(struct sl_kafka_cfg){&w, &c}, &r);
        assert_int_equal(r.errors, 1);
        assert_true(sl_cfg_has_error(&r, "producer.override.sasl.jaas.config"));
        sl_cfg_report_free(&r);
        sl_props_set(&c, "producer.override.sasl.mechanism", "PLAIN");
        sl_kafka_check_overrides(&(struct sl_kafka_cfg){&w, &c}, &r);
        assert_int_equal(r.count, 0);
        sl_cfg_report_free(&r);
        sl_props_free(&w);
        sl_props_free(&c);
}

static void test_topics_regex(void **state)
{
        static const struct {
                const char *java, *yes, *no;
        } cases[] = {
                {"orders.*", "orders-1", "my-orders"}, {"(?:a|b)\\.\\d+", "b.42", "bx42"},
                {"[\\w.-]+?_x", "A-b.9_x", "a/_x"},    {"a|b", "b", "ab"},
                {"db\\-[^\\d]+", "db-abc", "db-1"},    {"x{2}+", "xx", "xxx"},
                {"\\Ddb\\W", "xdb.", "1db."},
        };
        static const char *const refused[] = {"(?i)a", "a(?=b)", "\\bx", "\\Qa.b\\E", "[a&&b]", "[abc", "(?<n>a)"};

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sl_buf out = {0};
                struct sl_err err = {0};
                regex_t re;
                assert_int_equal(sl_kafka_topics_regex(cases[i].java, &out, &err), SL_OK);
                assert_int_equal(sl_buf_cstr(&out)[0], '^');
                assert_int_equal(regcomp(&re, sl_buf_cstr(&out), REG_EXTENDED | REG_NOSUB), 0);
                assert_int_equal(regexec(&re, cases[i].yes, 0, NULL, 0), 0);
                assert_int_not_equal(regexec(&re, cases[i].no, 0, NULL, 0), 0);
                regfree(&re);
                sl_buf_free(&out);
        }
        for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
                struct sl_buf out = {0};
                struct sl_err err = {0};
                assert_int_equal(sl_kafka_topics_regex(refused[i], &out, &err), SL_FATAL);
                assert_int_equal(err.id, SL_E_CONFIG);
                sl_buf_free(&out);
        }
}

static void test_error_classes(void **state)
{
        static const struct {
                rd_kafka_resp_err_t code;
                enum sl_errid id;
                enum sl_rc rc;
        } cases[] = {
                {RD_KAFKA_RESP_ERR__FENCED, SL_E_KAFKA_FENCED, SL_TRANSIENT},
                {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, SL_E_KAFKA_FENCED, SL_TRANSIENT},
                {RD_KAFKA_RESP_ERR__AUTHENTICATION, SL_E_KAFKA_AUTH, SL_FATAL},
                {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, SL_E_KAFKA_FATAL, SL_FATAL},
                {RD_KAFKA_RESP_ERR__TRANSPORT, SL_E_KAFKA_UNREACHABLE, SL_TRANSIENT},
                {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, SL_E_KAFKA_UNREACHABLE, SL_TRANSIENT},
                {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, SL_E_TOO_LARGE, SL_FATAL},
                {RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, SL_E_KAFKA, SL_TRANSIENT},
                {RD_KAFKA_RESP_ERR__TIMED_OUT, SL_E_KAFKA, SL_TRANSIENT},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sl_err err = {0};
                assert_int_equal(sl_kafka_fail(&err, cases[i].code, "doing %d", 1), cases[i].rc);
                assert_int_equal(err.id, cases[i].id);
                assert_int_equal(err.rc, cases[i].rc);
                assert_int_equal(err.native, cases[i].code);
                assert_non_null(strstr(err.msg, "doing 1: "));
                assert_int_equal(sl_kafka_fail(&err, RD_KAFKA_RESP_ERR__STATE, "second"), cases[i].rc);
                assert_int_equal(err.native, cases[i].code); /* the first writer wins */
                assert_int_equal(sl_kafka_fail(NULL, cases[i].code, "nobody asks"), cases[i].rc);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_translation),
                cmocka_unit_test(test_later_layers_win),
                cmocka_unit_test(test_jaas),
                cmocka_unit_test(test_the_workers_own_clients),
                cmocka_unit_test(test_credentials_stay_with_their_brokers),
                cmocka_unit_test(test_oauth),
                cmocka_unit_test(test_pem_in_one_line),
                cmocka_unit_test(test_keys_that_do_not_go_together),
                cmocka_unit_test(test_the_whole_is_checked),
                cmocka_unit_test(test_security_keys_count_only_when_used),
                cmocka_unit_test(test_refusals_name_key_and_reason),
                cmocka_unit_test(test_secrets_are_not_in_messages),
                cmocka_unit_test(test_overrides_are_checked_without_connecting),
                cmocka_unit_test(test_topics_regex),
                cmocka_unit_test(test_error_classes),
        };
        return cmocka_run_group_tests(tests, make_files, remove_files);
}
