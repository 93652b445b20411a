/* SPDX-License-Identifier: Apache-2.0 */
/* Java's client keys as librdkafka gets them: translation, layers, refusals, JAAS, secrets, regular expressions, error
 * classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <regex.h>
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
                {SL_K_CONSUMER, "check.crcs", "false"},
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

static void test_security_keys_count_only_when_used(void **state)
{
        struct sl_err err = {0};
        rd_kafka_conf_t *conf;

        (void)state;
        const char *const *keys = KV("ssl.keystore.location", "/rest.jks", "ssl.truststore.location", "/t.jks",
                                     "sasl.mechanism", "AWS_MSK_IAM");
        assert_int_equal(build(keys, NULL, SL_K_PRODUCER, &conf, &err), SL_OK);
        rd_kafka_conf_destroy(conf);
        keys = KV("security.protocol", "SSL", "ssl.truststore.type", "PEM", "ssl.truststore.location", "/ca.pem",
                  "ssl.keystore.type", "PEM", "ssl.keystore.location", "/me.pem",
                  "ssl.endpoint.identification.algorithm", "");
        assert_string_equal(value_of(SL_K_PRODUCER, "ssl.ca.location", keys, NULL), "/ca.pem");
        assert_string_equal(value_of(SL_K_PRODUCER, "ssl.key.location", keys, NULL), "/me.pem");
        assert_string_equal(value_of(SL_K_PRODUCER, "ssl.certificate.location", keys, NULL), "/me.pem");
        assert_string_equal(value_of(SL_K_PRODUCER, "ssl.endpoint.identification.algorithm", keys, NULL), "none");
        keys = KV("security.protocol", "SSL", "ssl.keystore.type", "PKCS12", "ssl.keystore.location", "/me.p12",
                  "ssl.keystore.password", SECRET);
        assert_string_equal(value_of(SL_K_PRODUCER, "ssl.keystore.location", keys, NULL), "/me.p12");
}

static void test_refusals_name_key_and_reason(void **state)
{
        static const struct {
                enum sl_kclient kind;
                const char *protocol, *key, *value, *reason;
        } cases[] = {
                {SL_K_PRODUCER, "PLAINTEXT", "producer.acks", "1", "all in-sync replicas"},
                {SL_K_PRODUCER, "PLAINTEXT", "producer.max.in.flight.requests.per.connection", "6", "at most 5"},
                {SL_K_PRODUCER, "PLAINTEXT", "producer.transactional.id", "x", "each task"},
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
                {SL_K_ADMIN, "SASL_SSL", "sasl.jaas.config", "com.x.OAuthBearerLoginModule required a=\"b\";", "oidc"},
                {SL_K_ADMIN, "SASL_SSL", "sasl.jaas.config", "com.x.Krb5LoginModule required a=\"b\";", "keytab"},
                {SL_K_ADMIN, "SASL_SSL", "sasl.jaas.config", "com.x.PlainLoginModule required;", "username"},
                {SL_K_ADMIN, "SASL_SSL", "sasl.jaas.config", "com.x.PlainLoginModule required username=\"a",
                 "expected"},
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
                SL_OK);
        rd_kafka_conf_destroy(conf);
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
        sl_kafka_check_overrides(&c, &r);
        assert_int_equal(r.errors, 3);
        assert_int_equal(r.count, 5);
        assert_true(sl_cfg_has_error(&r, "producer.override.acks"));
        assert_true(sl_cfg_has_error(&r, "consumer.override.enable.auto.commit"));
        assert_true(sl_cfg_has_error(&r, "consumer.override.sasl.jaas.config"));
        sl_cfg_report_free(&r);
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
                {RD_KAFKA_RESP_ERR__AUTHENTICATION, SL_E_KAFKA_FATAL, SL_FATAL},
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
                cmocka_unit_test(test_security_keys_count_only_when_used),
                cmocka_unit_test(test_refusals_name_key_and_reason),
                cmocka_unit_test(test_secrets_are_not_in_messages),
                cmocka_unit_test(test_overrides_are_checked_without_connecting),
                cmocka_unit_test(test_topics_regex),
                cmocka_unit_test(test_error_classes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
