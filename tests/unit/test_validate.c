/* SPDX-License-Identifier: Apache-2.0 */
/* cluster/validate.c and plugins.c over plugins of the test's own: which errors, on which key, in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "cluster/validate.h"

struct toy_cfg {
        const char *host, *password;
        int32_t port;
};
static int checks;
static void toy_check(const void *cfg, const char *connector, struct sl_cfg_report *report)
{
        const struct toy_cfg *toy = cfg;
        (void)connector;
        checks++;
        if (strcmp(toy->host, "down") == 0)
                sl_cfg_add_error(report, "host", "The host down can't be reached");
}
static const struct sl_cfg_def toy_defs[] = {
        {SL_CFG_STR(struct toy_cfg, host, "host"), .flags = SL_CFG_REQUIRED, .group = "Toy", .doc = "Host."},
        {SL_CFG_SECRET(struct toy_cfg, password, "toy.phrase"), .group = "Toy", .doc = "Phrase."},
        {SL_CFG_INT(struct toy_cfg, port, "port"), .def = "1", .group = "Toy", .doc = "Port."},
        {0}};
static const char *const source_names[] = {"org.example.ToySourceConnector", NULL};
static const char *const sink_names[] = {"org.example.ToySinkConnector", NULL};
static const struct sl_source_ops toy_source = {.name = "toy-source",
                                                .aliases = source_names,
                                                .version = "1",
                                                .config = toy_defs,
                                                .config_size = sizeof(struct toy_cfg),
                                                .check = toy_check};
static const struct sl_sink_ops toy_sink = {.name = "toy-sink",
                                            .aliases = sink_names,
                                            .version = "1",
                                            .config = toy_defs,
                                            .config_size = sizeof(struct toy_cfg)};

struct route_cfg {
        const char *regex;
};
static const struct sl_cfg_def route_defs[] = {
        {SL_CFG_STR(struct route_cfg, regex, "regex"), .flags = SL_CFG_REQUIRED, .doc = "Regex."}, {0}};
static void route_check(const void *cfg, struct sl_cfg_report *report)
{
        if (strcmp(((const struct route_cfg *)cfg)->regex, "(") == 0)
                sl_cfg_add_error(report, "regex", "The regex ( is not closed");
}
static const char *const route_names[] = {"org.example.Route", NULL};
static const struct sl_transform_ops route = {.name = "Route",
                                              .aliases = route_names,
                                              .config = route_defs,
                                              .config_size = sizeof(struct route_cfg),
                                              .check = route_check};

struct json_cfg {
        bool schemas;
};
static const struct sl_cfg_def json_defs[] = {
        {SL_CFG_BOOL(struct json_cfg, schemas, "schemas.enable"), .def = "true", .doc = "Schemas."}, {0}};
static const char *const json_names[] = {"org.example.JsonConverter", NULL};
static const struct sl_converter_ops json_converter = {
        .name = "JsonConverter", .aliases = json_names, .config = json_defs, .config_size = sizeof(struct json_cfg)};

static const struct sl_source_ops *const sources[] = {&toy_source, NULL};
static const struct sl_sink_ops *const sinks[] = {&toy_sink, NULL};
static const struct sl_transform_ops *const transforms[] = {&route, NULL};
static const struct sl_converter_ops *const converters[] = {&json_converter, NULL};
static const struct sl_plugins plugins = {sources, sinks, transforms, converters, sl_predicates};
static struct sl_providers *providers;

static struct sl_props config_of(const char *json)
{
        struct sl_props p = {0};
        json_t *j = NULL;
        assert_int_equal(sl_json_parse(sl_str_c(json), &j, NULL), SL_OK);
        assert_int_equal(sl_props_from_json(&p, j, NULL), SL_OK);
        json_decref(j);
        return p;
}

/* The errors of a config as "key: text" lines. */
static char *errors_of(const char *json, const struct sl_validate_opts *given)
{
        struct sl_validate_opts opts = given ? *given : (struct sl_validate_opts){0};
        struct sl_props p = config_of(json);
        struct sl_validation v = {0};
        struct sl_err err = {0};
        struct sl_buf out = {0};
        opts.plugins = &plugins;
        opts.providers = providers;
        if (sl_validate(&opts, &p, &v, &err) != SL_OK)
                sl_buf_printf(&out, "! %s", err.msg);
        for (uint32_t i = 0; i < v.report.count; i++)
                if (!v.report.findings[i].warning)
                        sl_buf_printf(&out, "%s: %s\n", v.report.findings[i].key, v.report.findings[i].text);
        char *text = strdup(sl_buf_cstr(&out));
        sl_buf_free(&out);
        sl_validation_free(&v);
        sl_props_free(&p);
        return text;
}

static void expect_with(const char *json, const struct sl_validate_opts *opts, const char *errors)
{
        char *text = errors_of(json, opts);
        assert_string_equal(text, errors);
        free(text);
}

static void expect(const char *json, const char *errors)
{
        expect_with(json, NULL, errors);
}

#define SOURCE "\"name\":\"a\",\"connector.class\":\"ToySource\",\"host\":\"h\""
#define SINK "\"name\":\"a\",\"connector.class\":\"toy-sink\",\"host\":\"h\""

static void good_configs(void **state)
{
        (void)state;
        checks = 0;
        expect("{" SOURCE "}", "");
        assert_int_equal(checks, 1);
        expect_with("{" SOURCE "}", &(struct sl_validate_opts){.offline = true}, "");
        assert_int_equal(checks, 1);
        expect("{" SINK ",\"topics\":\"t\"}", "");
        expect("{\"name\":\"a\",\"connector.class\":\"org.example.ToySourceConnector\",\"host\":\"h\"}", "");
}

static void class_is_missing_or_unknown(void **state)
{
        (void)state;
        expect("{\"name\":\"a\",\"password\":\"geheim\"}",
               "! Connector config {name=a, password=****} contains no connector type");
        expect("{\"name\":\"a\",\"connector.class\":\"Nope\"}",
               "! Failed to find any class that implements Connector and which name matches Nope, available connectors "
               "are: "
               "org.example.ToySourceConnector, toy-source, org.example.ToySinkConnector, toy-sink. Sluice has no such class. Java "
               "classes can't be loaded: see docs/migration.md.");
        expect("{\"name\":\"a\",\"connector.class\":\"com.acme.ToySinkConector\"}",
               "! Failed to find any class that implements Connector and which name matches com.acme.ToySinkConector, available "
               "connectors are: org.example.ToySourceConnector, toy-source, org.example.ToySinkConnector, toy-sink. Sluice has no such "
               "class; the nearest it has is org.example.ToySinkConnector. Java classes can't be loaded: see docs/migration.md.");
}

static void all_errors_at_once(void **state)
{
        (void)state;
        checks = 0;
        char *text = errors_of("{\"name\":\"a\",\"connector.class\":\"ToySource\",\"tasks.max\":\"0\",\"port\":\"x\"}",
                               NULL);
        assert_non_null(
                strstr(text, "tasks.max: Invalid value 0 for configuration tasks.max: Value must be at least 1"));
        assert_non_null(strstr(text, "host: Missing required configuration \"host\" which has no default value."));
        assert_non_null(strstr(text, "port: Invalid value x for configuration port: Not a number of type INT"));
        free(text);
        assert_int_equal(checks, 0); /* nothing is connected to with a config that is wrong */
        expect("{\"name\":\"a\",\"connector.class\":\"ToySource\",\"host\":\"down\"}",
               "host: The host down can't be reached\n");
}

static void names(void **state)
{
        (void)state;
        char *text = errors_of("{\"name\":\"a\\tb\",\"connector.class\":\"ToySource\",\"host\":\"h\"}", NULL);
        assert_non_null(strstr(text, "following ASCII chars: 9"));
        free(text);
        text = errors_of("{\"name\":\"\",\"connector.class\":\"ToySource\",\"host\":\"h\"}", NULL);
        assert_non_null(strstr(text, "name: "));
        free(text);
}

static void transform_keys_have_their_full_names(void **state)
{
        (void)state;
        expect("{" SOURCE ",\"transforms\":\"r\",\"transforms.r.type\":\"Route\",\"transforms.r.regex\":\"x\"}", "");
        expect("{" SOURCE ",\"transforms\":\"r\",\"transforms.r.type\":\"Route\"}",
               "transforms.r.regex: Missing required configuration \"transforms.r.regex\" which has no default "
               "value.\n");
        expect("{" SOURCE ",\"transforms\":\"r\",\"transforms.r.type\":\"Route\",\"transforms.r.regex\":\"(\"}",
               "transforms.r.regex: The regex ( is not closed\n");
        expect("{" SOURCE ",\"transforms\":\"r\",\"transforms.r.type\":\"Nope\"}",
               "transforms.r.type: Invalid value Nope for configuration transforms.r.type: Class Nope could not be "
               "found. Sluice has no such class. What no built-in one does can be written as a sluice.transforms.Lua hook: see "
               "docs/hooks.md.\n");
        expect("{" SOURCE ",\"transforms\":\"r\",\"transforms.r.type\":\"com.acme.rout\"}",
               "transforms.r.type: Invalid value com.acme.rout for configuration transforms.r.type: Class com.acme.rout could not be "
               "found. Sluice has no such class; the nearest it has is org.example.Route. What no built-in one does can be written as a "
               "sluice.transforms.Lua hook: see docs/hooks.md.\n");
        expect("{" SOURCE ",\"transforms\":\"r\"}",
               "transforms.r.type: Missing required configuration \"transforms.r.type\" which has no default value.\n");
        expect("{" SOURCE ",\"transforms\":\"r,r\"}",
               "transforms: Invalid value [r, r] for configuration transforms: Duplicate alias provided.\n");
        expect("{" SOURCE ",\"transforms\":\"r\",\"transforms.r.type\":\"Route\",\"transforms.r.regex\":\"x\","
               "\"transforms.r.negate\":\"true\"}",
               "transforms.r.type: Config 'transforms.r.negate' was provided but there is no config "
               "'transforms.r.predicate' "
               "defining a predicate to be negated.\n");
}

#define ROUTE ",\"transforms\":\"r\",\"transforms.r.type\":\"Route\",\"transforms.r.regex\":\"x\",\"transforms.r.predicate\":\"p\""
#define MATCHES ",\"predicates\":\"p\",\"predicates.p.type\":\"TopicNameMatches\""

static void predicate_keys(void **state)
{
        (void)state;
        expect("{" SOURCE ROUTE MATCHES ",\"predicates.p.pattern\":\"a.*\",\"transforms.r.negate\":\"true\"}", "");
        expect("{" SOURCE ROUTE "}", "transforms.r.predicate: Invalid value p for configuration transforms.r.predicate: the "
                                     "predicate is not listed in predicates\n");
        expect("{" SOURCE MATCHES "}", "predicates.p.pattern: Missing required configuration \"predicates.p.pattern\" which has "
                                       "no default value.\n");
        expect("{" SOURCE MATCHES ",\"predicates.p.pattern\":\"\"}",
               "predicates.p.pattern: Invalid value  for configuration pattern: String must be non-empty\n");
        expect("{" SOURCE ",\"predicates\":\"p,p\"}",
               "predicates: Invalid value [p, p] for configuration predicates: Duplicate alias provided.\n");
        expect("{" SOURCE ",\"predicates\":\"p\",\"predicates.p.type\":\"Nope\"}",
               "predicates.p.type: Invalid value Nope for configuration predicates.p.type: Class Nope could not be found. Sluice "
               "has no such class. Such a condition can be written in a sluice.transforms.Lua hook: see docs/hooks.md.\n");
        char *text = errors_of("{" SOURCE MATCHES ",\"predicates.p.pattern\":\"(\"}", NULL);
        assert_non_null(strstr(text, "predicates.p.pattern: Invalid value ( for configuration pattern: Invalid regex: "));
        free(text);
}

static void converter_keys(void **state)
{
        (void)state;
        expect("{" SOURCE ",\"value.converter\":\"JsonConverter\",\"value.converter.schemas.enable\":\"maybe\"}",
               "value.converter.schemas.enable: Invalid value maybe for configuration value.converter.schemas.enable: "
               "Expected "
               "value to be either true or false\n");
        expect("{" SOURCE ",\"value.converter.schemas.enable\":\"maybe\"}",
               ""); /* without a converter of its own: no effect */
        expect("{" SOURCE ",\"key.converter\":\"X\"}",
               "key.converter: Invalid value X for configuration key.converter: Class X could not be found. Sluice has no such "
               "class. Java classes can't be loaded: see docs/migration.md.\n");
        expect("{" SOURCE ",\"header.converter\":\"JsonConverter\"}", /* it has no header side here */
               "header.converter: Invalid value JsonConverter for configuration header.converter: Class JsonConverter "
               "could not "
               "be found.\n");
}

static void sink_rules(void **state)
{
        (void)state;
        expect("{" SINK "}", "topics: Must configure one of topics or topics.regex\n"
                             "topics.regex: Must configure one of topics or topics.regex\n");
        expect("{" SINK ",\"topics\":\"a\",\"topics.regex\":\"b\"}",
               "topics: topics and topics.regex are mutually exclusive options, but both are set.\n"
               "topics.regex: topics and topics.regex are mutually exclusive options, but both are set.\n");
        expect("{" SINK ",\"topics\":\"a,d\",\"errors.deadletterqueue.topic.name\":\"d\"}",
               "topics: The DLQ topic 'd' may not be included in the list of topics "
               "('topics=[a, d]') consumed by the connector\n");
        expect("{" SINK ",\"topics.regex\":\"d.*\",\"errors.deadletterqueue.topic.name\":\"dd\"}",
               "topics.regex: The DLQ topic 'dd' may not be matched by the regex for the topics "
               "('topics.regex=d.*') consumed by the connector\n");
        expect("{" SINK ",\"topics.regex\":\"d.*\",\"errors.deadletterqueue.topic.name\":\"xd\"}", "");
        expect_with("{" SINK ",\"topics\":\"t\"}", &(struct sl_validate_opts){.worker_group = "connect-a"},
                    "name: Consumer group for sink connector named a conflicts with Connect worker group connect-a\n");
        expect_with("{" SINK ",\"topics\":\"t\",\"consumer.override.group.id\":\"g\"}",
                    &(struct sl_validate_opts){.worker_group = "g"},
                    "consumer.override.group.id: Consumer group g conflicts with Connect worker group g\n");
}

static void override_policies(void **state)
{
        (void)state;
#define OVERRIDES SOURCE ",\"producer.override.linger.ms\":\"5\",\"producer.override.sasl.mechanism\":\"PLAIN\""
        expect("{" OVERRIDES "}", "");
        expect_with("{" OVERRIDES "}", &(struct sl_validate_opts){.override_policy = "Principal"},
                    "producer.override.linger.ms: The 'Principal' policy does not allow 'linger.ms' to be overridden "
                    "in the "
                    "connector configuration.\n");
        char *text = errors_of("{" OVERRIDES "}", &(struct sl_validate_opts){.override_policy = "None"});
        assert_non_null(strstr(text, "'None' policy does not allow 'sasl.mechanism'"));
        struct sl_props worker = {0};
        sl_props_set(&worker, "connector.client.config.override.allowlist", "linger.ms, acks");
        struct sl_validate_opts listed = {
                .override_policy = "org.apache.kafka.connect.connector.policy.AllowlistConnectorClientConfigOverridePolicy",
                .worker = &worker};
        char *rest = errors_of("{" OVERRIDES "}", &listed);
        assert_null(strstr(rest, "'linger.ms'"));
        assert_non_null(strstr(rest, "The 'Allowlist' policy does not allow 'sasl.mechanism' to be overridden"));
        free(rest);
        sl_props_free(&worker);
        free(text);
}

static void references(void **state)
{
        (void)state;
        setenv("SLUICE_TEST_HOST", "down", 1);
        expect("{\"name\":\"a\",\"connector.class\":\"ToySource\",\"host\":\"${env:SLUICE_TEST_HOST}\"}",
               "host: The host down can't be reached\n");
        char *text = errors_of(
                "{\"name\":\"a\",\"connector.class\":\"ToySource\",\"host\":\"${env:SLUICE_TEST_MISSING}\"}", NULL);
        assert_int_equal(strncmp(text, "host: ", 6), 0);
        assert_non_null(strstr(text, "SLUICE_TEST_MISSING"));
        free(text);
}

static void warnings(void **state)
{
        (void)state;
        struct sl_props p = config_of("{" SOURCE ",\"hots\":\"x\",\"transforms.old.regex\":\"x\"}");
        struct sl_validation v = {0};
        assert_int_equal(sl_validate(&(struct sl_validate_opts){.plugins = &plugins}, &p, &v, NULL), SL_OK);
        assert_int_equal(v.report.errors, 0);
        assert_int_equal(v.report.count, 2);
        sl_validation_free(&v);
        sl_props_free(&p);
}

static json_t *entry(const json_t *answer, const char *key)
{
        size_t i;
        json_t *row;
        json_array_foreach(json_object_get(answer, "configs"), i,
                           row) if (strcmp(sl_json_str(json_object_get(row, "value"), "name"), key) == 0) return row;
        return NULL;
}

static void validate_answer(void **state)
{
        (void)state;
        struct sl_props p =
                config_of("{" SINK ",\"topics\":\"t\",\"toy.phrase\":\"geheim\",\"port\":\"x\",\"transforms\":\"r\","
                          "\"transforms.r.type\":\"Route\",\"transforms.r.regex\":\"y\"}");
        struct sl_validation v = {0};
        struct sl_buf text = {0};
        assert_int_equal(sl_validate(&(struct sl_validate_opts){.plugins = &plugins}, &p, &v, NULL), SL_OK);
        json_t *answer = sl_validation_json(&v, "toy-sink");
        sl_json_dump(answer, &text);
        assert_null(strstr(sl_buf_cstr(&text), "geheim"));
        assert_string_equal(sl_json_str(answer, "name"), "toy-sink");
        assert_int_equal(sl_json_int(answer, "error_count", -1), v.report.errors);
        assert_true(v.report.errors >= 1);
        json_t *phrase = json_object_get(entry(answer, "toy.phrase"), "value");
        assert_string_equal(sl_json_str(phrase, "value"), "[hidden]");
        json_t *regex = entry(answer, "transforms.r.regex");
        assert_string_equal(sl_json_str(json_object_get(regex, "value"), "value"), "y");
        assert_string_equal(sl_json_str(json_object_get(regex, "definition"), "group"), "Transforms: r");
        assert_int_equal(
                json_array_size(json_object_get(json_object_get(entry(answer, "tasks.max"), "value"), "errors")), 0);
        assert_true(json_array_size(json_object_get(json_object_get(entry(answer, "port"), "value"), "errors")) >= 1);
        assert_string_equal(json_string_value(json_array_get(json_object_get(answer, "groups"), 0)), "Common");
        json_decref(answer);
        sl_buf_free(&text);
        sl_validation_free(&v);
        sl_props_free(&p);
}

static void masks(void **state)
{
        (void)state;
        struct sl_props stored =
                config_of("{" SOURCE ",\"toy.phrase\":\"geheim\",\"x.password\":\"${env:P}\",\"y.token\":"
                          "\"a${env:P}\",\"z.secret\":null}");
        json_t *shown = sl_config_masked_json(&plugins, &stored);
        assert_string_equal(sl_json_str(shown, "toy.phrase"), "****");
        assert_string_equal(sl_json_str(shown, "x.password"), "${env:P}");
        assert_string_equal(sl_json_str(shown, "y.token"), "****");
        assert_true(json_is_null(json_object_get(shown, "z.secret")));
        assert_string_equal(sl_json_str(shown, "host"), "h");
        struct sl_props back = {0};
        assert_int_equal(sl_props_from_json(&back, shown, NULL), SL_OK);
        sl_config_unmask(&plugins, &back, &stored);
        assert_string_equal(sl_props_get(&back, "toy.phrase"), "geheim");
        assert_string_equal(sl_props_get(&back, "y.token"), "a${env:P}");
        json_decref(shown);
        sl_props_free(&back);
        sl_props_free(&stored);
        char *text = errors_of("{" SOURCE ",\"toy.phrase\":\"****\"}", NULL);
        assert_non_null(strstr(text, "toy.phrase: toy.phrase is the mask ****"));
        free(text);
}

static void plugin_list(void **state)
{
        (void)state;
        json_t *all = sl_plugins_json(&plugins, false), *some = sl_plugins_json(&plugins, true);
        assert_int_equal(json_array_size(some), 2);
        assert_int_equal(json_array_size(all), 4 + 3); /* ours, and the predicates of this build */
        assert_string_equal(sl_json_str(json_array_get(all, 0), "class"), "org.example.ToySinkConnector");
        assert_string_equal(sl_json_str(json_array_get(all, 0), "type"), "sink");
        json_decref(all);
        json_decref(some);
        const struct sl_cfg_def *tables[2];
        assert_true(sl_plugins_tables(&plugins, "ToySink", tables));
        assert_non_null(tables[1]);
        assert_true(sl_plugins_tables(&plugins, "Route", tables));
        assert_null(tables[1]);
        assert_false(sl_plugins_tables(&plugins, "Nope", tables));
}

/* A built-in transform has the version that Java's class answers, in the list and in the answer of validate. */
static void versions(void **state)
{
        const struct sl_plugins built_in = {sources, sinks, sl_transforms, converters, sl_predicates};
        json_t *list = sl_plugins_json(&built_in, false), *row;
        size_t i, debezium = 0;
        (void)state;
        json_array_foreach(list, i, row)
        {
                const char *type = sl_json_str(row, "type"), *class = sl_json_str(row, "class"), *found;
                if (strcmp(type, "transformation") != 0 && strcmp(type, "predicate") != 0)
                        continue;
                const char *want = strncmp(class, "io.debezium.", 12) == 0 ? "3.6.1.Final" : "4.2.0";
                debezium += want[0] == '3';
                assert_string_equal(sl_json_str(row, "version"), want);
                assert_string_equal(sl_plugins_version(&built_in, class, &found), want);
                assert_string_equal(found, class);
        }
        json_decref(list);
        assert_true(debezium >= 12);
        struct sl_props p = config_of("{" SINK ",\"topics\":\"t\",\"transforms\":\"a,b\",\"transforms.a.type\":"
                                      "\"io.debezium.transforms.ExtractNewRecordState\",\"transforms.b.type\":\"DropHeaders\"}");
        struct sl_validation v = {0};
        assert_int_equal(sl_validate(&(struct sl_validate_opts){.plugins = &built_in}, &p, &v, NULL), SL_OK);
        json_t *answer = sl_validation_json(&v, "toy-sink");
        const json_t *a = entry(answer, "transforms.a.plugin.version"), *b = entry(answer, "transforms.b.plugin.version");
        assert_string_equal(sl_json_str(json_object_get(a, "value"), "value"), "3.6.1.Final");
        assert_string_equal(sl_json_str(json_object_get(a, "definition"), "default_value"), "3.6.1.Final");
        assert_string_equal(sl_json_str(json_object_get(b, "value"), "value"), "4.2.0");
        json_decref(answer);
        sl_validation_free(&v);
        sl_props_free(&p);
}

int main(void)
{
        struct sl_props none = {0};
        if (sl_providers_new(&none, &providers, NULL) != SL_OK)
                return 1;
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_configs),
                cmocka_unit_test(class_is_missing_or_unknown),
                cmocka_unit_test(all_errors_at_once),
                cmocka_unit_test(names),
                cmocka_unit_test(transform_keys_have_their_full_names),
                cmocka_unit_test(predicate_keys),
                cmocka_unit_test(converter_keys),
                cmocka_unit_test(sink_rules),
                cmocka_unit_test(override_policies),
                cmocka_unit_test(references),
                cmocka_unit_test(warnings),
                cmocka_unit_test(validate_answer),
                cmocka_unit_test(masks),
                cmocka_unit_test(plugin_list),
                cmocka_unit_test(versions),
        };
        int rc = cmocka_run_group_tests(tests, NULL, NULL);
        sl_providers_free(providers);
        return rc;
}
