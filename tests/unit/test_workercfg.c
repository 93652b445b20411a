/* SPDX-License-Identifier: Apache-2.0 */
/* cluster/workercfg.c: sources and their order, CONNECT_ names, the two modes, listeners, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cluster/workercfg.h"
#include "pipeline/task.h"

static char path[] = "/tmp/sluice-test-workercfg-XXXXXX";

struct loaded {
        struct sl_worker_cfg cfg;
        struct sl_cfg_report report;
        struct sl_err err;
        enum sl_rc rc;
};

static struct loaded *load(const char *text, const char *const *sets, char *const *env)
{
        struct loaded *l = calloc(1, sizeof(*l));
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
        struct sl_worker_cfg_opts opts = {.path = path, .sets = sets, .env = env};
        l->rc = sl_worker_cfg_load(&opts, &l->cfg, &l->report, &l->err);
        return l;
}

static void unload(struct loaded *l)
{
        sl_cfg_report_free(&l->report);
        sl_worker_cfg_free(&l->cfg);
        free(l);
}

static const char *finding(const struct loaded *l, const char *key)
{
        for (uint32_t i = 0; i < l->report.count; i++)
                if (l->report.findings[i].key && strcmp(l->report.findings[i].key, key) == 0)
                        return l->report.findings[i].text;
        return NULL;
}

static void file_then_environment_then_set(void **state)
{
        (void)state;
        char *env[] = {"CONNECT_REST_ADVERTISED_PORT=2", "CONNECT_REST_ADVERTISED_HOST_NAME=env", "PATH=/bin", NULL};
        const char *sets[] = {"rest.advertised.port=3", NULL};
        struct loaded *l = load(
                "rest.advertised.port=1\nrest.advertised.host.name=file\nrest.advertised.listener=http\n", sets, env);
        assert_int_equal(l->rc, SL_OK);
        assert_int_equal(l->report.errors, 0);
        assert_int_equal(l->cfg.advertised_port, 3);
        assert_string_equal(l->cfg.advertised_host, "env");
        assert_string_equal(l->cfg.advertised_listener, "http");
        unload(l);
}

static void variable_names(void **state)
{
        (void)state;
        static const struct {
                const char *variable, *key;
        } cases[] = {
                {"CONNECT_BOOTSTRAP_SERVERS", "bootstrap.servers"},
                {"CONNECT_PRODUCER_SASL_MECHANISM", "producer.sasl.mechanism"},
                {"CONNECT_A__B", "a_b"},
                {"CONNECT_A___B", "a-b"},
                {"CONNECT_", NULL},
                {"CONNECTION_X", NULL},
                {"CONNECT_PORT_8083_TCP", NULL}, /* Kubernetes, for a service called connect */
                {"CONNECT_SERVICE_HOST", NULL},
                {"CONNECT_LOG4J_ROOT_LOGLEVEL", NULL},
                {"PATH", NULL},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sl_buf key = {0};
                bool is = sl_worker_env_key(cases[i].variable, &key);
                assert_int_equal(is, cases[i].key != NULL);
                if (is)
                        assert_string_equal(sl_buf_cstr(&key), cases[i].key);
                sl_buf_free(&key);
        }
}

static void standalone_defaults(void **state)
{
        (void)state;
        struct loaded *l = load("offset.storage.file.filename=/tmp/x.offsets\n", NULL, NULL);
        assert_int_equal(l->report.errors, 0);
        assert_false(l->cfg.distributed);
        assert_string_equal(l->cfg.offset_topic, SL_OFFSET_TOPIC_STANDALONE);
        assert_string_equal(sl_props_get(&l->cfg.props, SL_OFFSET_TOPIC_KEY), SL_OFFSET_TOPIC_STANDALONE);
        assert_int_equal(l->cfg.offset_replication, -1);
        assert_int_equal(l->cfg.offset_partitions, 25);
        assert_string_equal(l->cfg.listeners.items[0], "http://127.0.0.1:8083");
        assert_non_null(strstr(finding(l, "offset.storage.file.filename"), "Kafka topic"));
        assert_string_equal(sl_props_get(&l->cfg.props, "value.converter"),
                            "org.apache.kafka.connect.json.JsonConverter");
        unload(l);
}

static void distributed_needs_three_topics(void **state)
{
        (void)state;
        struct loaded *l = load("group.id=g\noffset.storage.topic=o\n", NULL, NULL);
        assert_true(l->cfg.distributed);
        assert_int_equal(l->report.errors, 2);
        assert_string_equal(finding(l, "config.storage.topic"),
                            "Missing required configuration \"config.storage.topic\" which has no default value.");
        assert_non_null(finding(l, "status.storage.topic"));
        unload(l);
        l = load("group.id=g\noffset.storage.topic=o\nconfig.storage.topic=c\nstatus.storage.topic=s\n", NULL, NULL);
        assert_int_equal(l->report.errors, 0);
        assert_int_equal(l->cfg.config_replication, 3);
        assert_int_equal(l->cfg.status_partitions, 5);
        unload(l);
}

static void unknown_ignored_and_refused_keys(void **state)
{
        (void)state;
        struct loaded *l = load("bootstrap.server=x\nplugin.path=/p\nproducer.linger.ms=5\nsasl.mechanism=PLAIN\n"
                                "rest.extension.classes=\n",
                                NULL, NULL);
        assert_int_equal(l->report.errors, 0);
        assert_non_null(finding(l, "bootstrap.server"));
        assert_null(finding(l, "plugin.path"));
        assert_string_equal(l->cfg.plugin_path.items[0], "/p");
        assert_null(finding(l, "producer.linger.ms"));
        assert_null(finding(l, "sasl.mechanism"));
        unload(l);
        l = load("admin.listeners=\ntask.shutdown.graceful.timeout.ms=abc\n", NULL, NULL);
        assert_true(l->cfg.admin_apart);
        assert_int_equal(l->cfg.admin_listeners.count, 0);
        assert_false(l->cfg.metrics_apart);
        assert_non_null(strstr(finding(l, "task.shutdown.graceful.timeout.ms"), "Not a number of type LONG"));
        unload(l);
}

static void rest_keys(void **state)
{
        (void)state;
        struct loaded *l = load("listeners=https://:8443,http://h:1\nadmin.listeners=http://:1,ftp://x:1\n"
                                "sluice.metrics.listeners=\nrest.advertised.listener=gopher\n"
                                "listeners.https.ssl.keystore.location=/x\n",
                                NULL, NULL);
        assert_int_equal(l->report.errors, 2);
        assert_non_null(strstr(finding(l, "admin.listeners"), "ftp://x:1"));
        assert_non_null(strstr(finding(l, "rest.advertised.listener"), "gopher"));
        assert_null(finding(l, "listeners.https.ssl.keystore.location"));
        assert_true(l->cfg.metrics_apart);
        assert_int_equal(l->cfg.listeners.count, 2);
        unload(l);
}

/* Where Java images put the JAAS file. */
static void login_config_of_a_jvm(void **state)
{
        (void)state;
        static const struct {
                char *variable;
                const char *path;
        } cases[] = {
                {"KAFKA_OPTS=-Xmx1g -Djava.security.auth.login.config=/etc/jaas.conf -Da=b", "/etc/jaas.conf"},
                {"JAVA_TOOL_OPTIONS=-Djava.security.auth.login.config==/etc/jaas.conf", "/etc/jaas.conf"},
                {"JDK_JAVA_OPTIONS=\"-Djava.security.auth.login.config=/a b/jaas.conf\" -Xint", "/a b/jaas.conf"},
                {"KAFKA_OPTS=-Djava.security.auth.login.config='/a b/jaas.conf'", "/a b/jaas.conf"},
                {"KAFKA_OPTS=-Djava.security.krb5.conf=/x", NULL},
                {"OTHER_OPTS=-Djava.security.auth.login.config=/x", NULL},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char *env[] = {cases[i].variable, NULL};
                struct loaded *l = load("", NULL, env);
                if (cases[i].path)
                        assert_string_equal(l->cfg.java_login_config, cases[i].path);
                else
                        assert_null(l->cfg.java_login_config);
                unload(l);
        }
}

/* Debezium's image: its short names count only beside both topics, below CONNECT_ and above the file. */
static void short_variables(void **state)
{
        (void)state;
        char *alone[] = {"GROUP_ID=1000", "BOOTSTRAP_SERVERS=other:1", "CONFIG_STORAGE_TOPIC=c", NULL};
        struct loaded *l = load("", NULL, alone);
        assert_false(l->cfg.distributed);
        assert_string_equal(sl_props_get(&l->cfg.props, "bootstrap.servers"), "localhost:9092");
        unload(l);
        char *debezium[] = {"CONFIG_STORAGE_TOPIC=c", "OFFSET_STORAGE_TOPIC=o",      "BOOTSTRAP_SERVERS=k:1",
                            "VALUE_CONVERTER=avro",   "CONNECT_BOOTSTRAP_SERVERS=m:1", "STATUS_STORAGE_TOPIC=", NULL};
        l = load("group.id=file\nvalue.converter=json\n", NULL, debezium);
        assert_int_equal(l->report.errors, 0);
        assert_true(l->cfg.distributed);
        assert_string_equal(l->cfg.group_id, "file");
        assert_string_equal(l->cfg.value_converter, "avro");
        assert_string_equal(l->cfg.config_topic, "c");
        assert_string_equal(l->cfg.status_topic, "connect-status");
        assert_int_equal(l->cfg.status_replication, -1);
        assert_string_equal(sl_props_get(&l->cfg.props, "bootstrap.servers"), "m:1");
        unload(l);
}

static void policies(void **state)
{
        (void)state;
        assert_string_equal(sl_worker_policy(NULL), "All");
        assert_string_equal(sl_worker_policy("Principal"), "Principal");
        assert_string_equal(sl_worker_policy("NoneConnectorClientConfigOverridePolicy"), "None");
        assert_string_equal(sl_worker_policy("org.apache.kafka.connect.connector.policy."
                                             "AllowlistConnectorClientConfigOverridePolicy"),
                            "Allowlist");
        assert_null(sl_worker_policy("all"));
        assert_null(sl_worker_policy("com.x.AllConnectorClientConfigOverridePolicy"));
        struct loaded *l = load("connector.client.config.override.policy=Some\n", NULL, NULL);
        assert_non_null(strstr(finding(l, "connector.client.config.override.policy"), "Allowlist"));
        unload(l);
}

static void values_are_checked(void **state)
{
        (void)state;
        static const char *const bad[] = {
                "offset.storage.partitions=0",
                "status.storage.replication.factor=-2",
                "session.timeout.ms=0",
                "connect.protocol=none",
                "plugin.discovery=some",
                "metrics.recording.level=LOUD",
                "security.protocol=SASL_SSL", /* without a mechanism */
                "producer.linger.ms=soon",
                "consumer.interceptor.classes=a.B",
        };
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                char key[64] = "";
                memcpy(key, bad[i], strcspn(bad[i], "="));
                struct loaded *l = load(bad[i], NULL, NULL);
                if (l->report.errors != 1 || !finding(l, key))
                        fail_msg("%s: %u errors", bad[i], l->report.errors);
                unload(l);
        }
        struct loaded *l = load("offset.storage.partitions=-1\nplugin.discovery=service_load\nclient.id=x\n"
                                "scheduled.rebalance.max.delay.ms=300000\nsession.timeout.ms=6000\n",
                                NULL, NULL);
        assert_int_equal(l->report.errors, 0);
        unload(l);
}

static void bad_sources(void **state)
{
        (void)state;
        const char *sets[] = {"novalue", NULL};
        struct loaded *l = load("", sets, NULL);
        assert_int_not_equal(l->rc, SL_OK);
        unload(l);
        struct sl_worker_cfg cfg = {0};
        struct sl_cfg_report r = {0};
        struct sl_err err = {0};
        assert_int_not_equal(sl_worker_cfg_load(&(struct sl_worker_cfg_opts){.path = "/nonexistent/x"}, &cfg, &r, &err),
                             SL_OK);
        assert_non_null(strstr(err.msg, "/nonexistent/x"));
        sl_cfg_report_free(&r);
        sl_worker_cfg_free(&cfg);
}

static void listener_forms(void **state)
{
        (void)state;
        static const struct {
                const char *text, *host;
                int port;
                bool https;
        } cases[] = {
                {"http://:8083", "", 8083, false},
                {"HTTP://0.0.0.0:0", "0.0.0.0", 0, false},
                {"http://[::1]:9000", "::1", 9000, false},
                {"http://h:65535", "h", 65535, false},
                {"https://h:1", "h", 1, true},
                {"HTTPS://[::1]:0", "::1", 0, true},
                {"http://h", NULL, 0, false},
                {"http://h:", NULL, 0, false},
                {"http://h:65536", NULL, 0, false},
                {"http://[::1]9000", NULL, 0, false},
                {"ftp://h:1", NULL, 0, false},
                {"http://h:1x", NULL, 0, false},
                {"", NULL, 0, false},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sl_listener l;
                enum sl_rc rc = sl_listener_parse(cases[i].text, &l, NULL);
                assert_int_equal(rc == SL_OK, cases[i].host != NULL);
                if (rc == SL_OK) {
                        assert_string_equal(l.host, cases[i].host);
                        assert_int_equal(l.port, cases[i].port);
                        assert_int_equal(l.https, cases[i].https);
                }
        }
}

static void topic_config(void **state)
{
        (void)state;
        static const char *const not [] = {"topic", "partitions", NULL};
        static const char *const extra[] = {"cleanup.policy", "compact", "segment.bytes", "1048576", NULL};
        struct loaded *l = load("offset.storage.topic=o\noffset.storage.partitions=3\noffset.storage.segment.bytes=99\n"
                                "offset.storage.cleanup.policy=delete\noffset.storage.min.insync.replicas=2\n",
                                NULL, NULL);
        const char *const *kv = sl_worker_topic_config(&l->cfg, "offset.storage.", not, extra, &l->cfg.arena);
        struct sl_buf text = {0};
        for (; *kv; kv += 2)
                sl_buf_printf(&text, "%s=%s;", kv[0], kv[1]);
        assert_string_equal(sl_buf_cstr(&text), "segment.bytes=99;min.insync.replicas=2;cleanup.policy=compact;");
        sl_buf_free(&text);
        unload(l);
}

int main(void)
{
        int fd = mkstemp(path);
        if (fd < 0)
                return 1;
        close(fd);
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(file_then_environment_then_set),
                cmocka_unit_test(variable_names),
                cmocka_unit_test(standalone_defaults),
                cmocka_unit_test(distributed_needs_three_topics),
                cmocka_unit_test(unknown_ignored_and_refused_keys),
                cmocka_unit_test(rest_keys),
                cmocka_unit_test(login_config_of_a_jvm),
                cmocka_unit_test(short_variables),
                cmocka_unit_test(policies),
                cmocka_unit_test(values_are_checked),
                cmocka_unit_test(bad_sources),
                cmocka_unit_test(listener_forms),
                cmocka_unit_test(topic_config),
        };
        int rc = cmocka_run_group_tests(tests, NULL, NULL);
        unlink(path);
        return rc;
}
