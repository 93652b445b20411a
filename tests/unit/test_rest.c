/* SPDX-License-Identifier: Apache-2.0 */
/* rest/ and cluster/herder.c together: the HTTP server over a herder with its store in memory and tasks of the test's
 * own, which are threads that report their state, fail when their config says so, and take their time to stop. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/http.h"
#include "base/json.h"
#include "base/log.h"
#include "rest/route.h"
#include "rest/server.h"

/* --- plugins and tasks of the test ------------------------------------------------------------------------------- */

struct toy_cfg {
        const char *host, *password;
};
static const struct sl_cfg_def toy_defs[] = {
        {SL_CFG_STR(struct toy_cfg, host, "host"), .def = "h", .doc = "Host."},
        {SL_CFG_SECRET(struct toy_cfg, password, "toy.password"), .doc = "Password."},
        {SL_CFG_NONE("toy.fail", SL_CFG_T_STRING), .doc = "The task fails."},
        {SL_CFG_NONE("toy.slow.ms", SL_CFG_T_STRING), .doc = "The task takes this long to stop."},
        {0}};
static void toy_check(const void *cfg, const char *connector, struct sl_cfg_report *report)
{
        (void)connector, (void)report;
        if (strcmp(((const struct toy_cfg *)cfg)->host, "slow") == 0)
                usleep(1500000); /* a database that does not answer at once */
}
static const char *const source_names[] = {"org.example.ToySourceConnector", NULL};
static const char *const sink_names[] = {"org.example.ToySinkConnector", NULL};
static const struct sl_source_ops toy_source = {.name = "toy-source",
                                                .aliases = source_names,
                                                .version = "1.5",
                                                .config = toy_defs,
                                                .config_size = sizeof(struct toy_cfg),
                                                .check = toy_check};
static const struct sl_sink_ops toy_sink = {.name = "toy-sink",
                                            .aliases = sink_names,
                                            .version = "1.5",
                                            .config = toy_defs,
                                            .config_size = sizeof(struct toy_cfg)};
static const struct sl_source_ops *const sources[] = {&toy_source, NULL};
static const struct sl_sink_ops *const sinks[] = {&toy_sink, NULL};
static const struct sl_transform_ops *const transforms[] = {NULL};
static const struct sl_converter_ops *const converters[] = {NULL};
static const struct sl_plugins plugins = {sources, sinks, transforms, converters, NULL};

struct toy_task {
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t cond;
        bool stop, pause, ended;
        int slow_ms;
        bool fail;
        char name[64], host[64];
        struct sl_task_opts opts;
};
static _Atomic int running; /* tasks alive */

static void *toy_main(void *arg)
{
        struct toy_task *t = arg;
        if (t->opts.sink)
                t->opts.on_topic(t->opts.arg, t->name, t->opts.id, "used");
        pthread_mutex_lock(&t->lock);
        bool shown_paused = !t->pause;
        while (!t->stop) {
                if (shown_paused != t->pause && !t->fail) {
                        shown_paused = t->pause;
                        pthread_mutex_unlock(&t->lock);
                        t->opts.on_state(t->opts.arg, t->name, t->opts.id,
                                         shown_paused ? SL_TASK_PAUSED : SL_TASK_RUNNING, NULL);
                        pthread_mutex_lock(&t->lock);
                        continue;
                }
                if (t->fail) {
                        pthread_mutex_unlock(&t->lock);
                        t->opts.on_state(t->opts.arg, t->name, t->opts.id, SL_TASK_FAILED,
                                         "org.example.Oops: it failed");
                        pthread_mutex_lock(&t->lock);
                        break;
                }
                pthread_cond_wait(&t->cond, &t->lock);
        }
        pthread_mutex_unlock(&t->lock);
        usleep((useconds_t)t->slow_ms * 1000);
        pthread_mutex_lock(&t->lock);
        t->ended = true;
        pthread_mutex_unlock(&t->lock);
        return NULL;
}

static struct sl_task *toy_start(const struct sl_task_opts *opts)
{
        struct toy_task *t = calloc(1, sizeof(*t));
        const char *slow = sl_props_get(opts->config, "toy.slow.ms"), *host = sl_props_get(opts->config, "host");
        t->opts = *opts;
        t->pause = opts->paused;
        t->slow_ms = slow ? atoi(slow) : 0;
        t->fail = sl_props_has(opts->config, "toy.fail");
        snprintf(t->name, sizeof(t->name), "%s", opts->connector);
        snprintf(t->host, sizeof(t->host), "%s", host ? host : "");
        pthread_mutex_init(&t->lock, NULL);
        pthread_cond_init(&t->cond, NULL);
        running++;
        pthread_create(&t->thread, NULL, toy_main, t);
        return (struct sl_task *)t;
}
static void toy_set(struct sl_task *task, bool stop, bool pause)
{
        struct toy_task *t = (struct toy_task *)task;
        pthread_mutex_lock(&t->lock);
        t->stop |= stop;
        t->pause = pause;
        pthread_cond_signal(&t->cond);
        pthread_mutex_unlock(&t->lock);
}
static void toy_pause(struct sl_task *t)
{
        toy_set(t, false, true);
}
static void toy_resume(struct sl_task *t)
{
        toy_set(t, false, false);
}
static void toy_stop(struct sl_task *t)
{
        toy_set(t, true, false);
}
static bool toy_join(struct sl_task *task, int timeout_ms)
{
        struct toy_task *t = (struct toy_task *)task;
        (void)timeout_ms;
        pthread_mutex_lock(&t->lock);
        bool ended = t->ended;
        pthread_mutex_unlock(&t->lock);
        if (ended)
                pthread_join(t->thread, NULL);
        return ended;
}
static void toy_free(struct sl_task *task)
{
        running--;
        free(task);
}
static void toy_forget_topics(struct sl_task *t)
{
        (void)t;
}
static const struct sl_task_calls toy_tasks = {toy_start, toy_pause, toy_resume,       toy_stop,
                                               toy_join,  toy_free,  toy_forget_topics};

/* --- the worker under test and its client ---------------------------------------------------------------------------
 */

static struct sl_worker_cfg cfg;
static struct sl_rest_server *server;
static struct sl_herder *herder;
static struct sl_http *http;
static int port;

static int start_worker(void **state)
{
        (void)state;
        struct sl_cfg_report report = {0};
        struct sl_err err = {0};
        const char *sets[] = {"listeners=http://127.0.0.1:0", "task.shutdown.graceful.timeout.ms=2000",
                              "access.control.allow.origin=http://ui.example", NULL};
        if (sl_worker_cfg_load(&(struct sl_worker_cfg_opts){.sets = sets}, &cfg, &report, &err) != SL_OK ||
            report.errors)
                return -1;
        sl_cfg_report_free(&report);
        if (sl_rest_server_bind(&cfg, &server, &err) != SL_OK)
                return -1;
        struct sl_herder_opts opts = {.cfg = &cfg,
                                      .plugins = &plugins,
                                      .worker_id = sl_rest_server_id(server),
                                      .without_kafka = true,
                                      .tasks = &toy_tasks};
        herder = sl_herder_start(&opts);
        if (sl_rest_server_serve(server, herder, NULL, &err) != SL_OK)
                return -1;
        port = sl_rest_server_port(server);
        http = sl_http_new(&(struct sl_http_opts){0});
        return 0;
}

static int stop_worker(void **state)
{
        (void)state;
        bool ended = sl_herder_stop(herder);
        sl_rest_server_free(server);
        sl_herder_free(herder);
        sl_worker_cfg_free(&cfg);
        sl_http_free(http);
        return ended && running == 0 ? 0 : -1;
}

struct answer {
        int status;
        json_t *json; /* NULL when the body is none */
        char type[80], location[200], text[4096];
};
static struct answer last; /* released by the next call */

static void header(const struct sl_http_response *resp, const char *name, char *out, size_t n)
{
        struct sl_str v = sl_http_header(resp, name);
        snprintf(out, n, "%.*s", SL_FMT(v));
}

static struct answer *call_typed(const char *method, const char *path, const char *type, const char *body)
{
        char url[600], type_header[200];
        const char *headers[] = {type_header, NULL};
        snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
        snprintf(type_header, sizeof(type_header), "Content-Type: %s", type ? type : "");
        struct sl_http_request req = {
                .method = method, .url = url, .headers = type ? headers : NULL, .body = sl_str_c(body)};
        struct sl_http_response resp = {0};
        struct sl_err err = {0};
        json_decref(last.json);
        memset(&last, 0, sizeof(last));
        if (sl_http_do(http, &req, &resp, &err) != SL_OK)
                fail_msg("%s %s: %s", method, path, err.msg);
        last.status = resp.status;
        header(&resp, "Content-Type", last.type, sizeof(last.type));
        header(&resp, "Location", last.location, sizeof(last.location));
        snprintf(last.text, sizeof(last.text), "%s", sl_buf_cstr(&resp.body));
        if (resp.body.len && (last.text[0] == '{' || last.text[0] == '['))
                assert_int_equal(sl_json_parse((struct sl_str){resp.body.ptr, resp.body.len}, &last.json, NULL), SL_OK);
        sl_http_response_free(&resp);
        return &last;
}

static struct answer *call(const char *method, const char *path, const char *body)
{
        return call_typed(method, path, body ? "application/json" : NULL, body);
}

static void expect_error(const char *method, const char *path, const char *body, int status, const char *message)
{
        struct answer *a = call(method, path, body);
        assert_int_equal(a->status, status);
        assert_int_equal(sl_json_int(a->json, "error_code", -1), status);
        assert_string_equal(sl_json_str(a->json, "message"), message);
}

/* The state of a connector (task < 0) or task; waits until it is the one wanted. */
static void wait_state(const char *name, int task, const char *want)
{
        char path[200];
        const char *state = NULL;
        snprintf(path, sizeof(path), "/connectors/%s/status", name);
        for (int64_t end = sl_mono_ms() + 5000; sl_mono_ms() < end; usleep(5000)) {
                struct answer *a = call("GET", path, NULL);
                const json_t *part = task < 0 ? json_object_get(a->json, "connector")
                                              : json_array_get(json_object_get(a->json, "tasks"), (size_t)task);
                state = sl_json_str(part, "state");
                if (state && strcmp(state, want) == 0)
                        return;
        }
        fail_msg("%s task %d is %s, not %s", name, task, state ? state : "(none)", want);
}

static void create(const char *name, const char *more)
{
        char body[600];
        snprintf(body, sizeof(body), "{\"name\":\"%s\",\"config\":{\"connector.class\":\"ToySource\"%s%s}}", name,
                 *more ? "," : "", more);
        struct answer *a = call("POST", "/connectors", body);
        if (a->status != 201)
                fail_msg("%d %s", a->status, a->text);
}

static void drop(const char *name)
{
        char path[200];
        snprintf(path, sizeof(path), "/connectors/%s", name);
        assert_int_equal(call("DELETE", path, NULL)->status, 204);
}

static void wait_text(const char *path, const char *want)
{
        for (int64_t end = sl_mono_ms() + 8000; sl_mono_ms() < end; usleep(5000))
                if (strcmp(call("GET", path, NULL)->text, want) == 0)
                        return;
        assert_string_equal(last.text, want);
}

static void wait_running(int want)
{
        for (int64_t end = sl_mono_ms() + 8000; running != want && sl_mono_ms() < end;)
                usleep(5000);
        assert_int_equal(running, want);
}

/* --- tests ----------------------------------------------------------------------------------------------------------
 */

static void root_and_health(void **state)
{
        (void)state;
        assert_true(sl_herder_wait_ready(herder, 5000));
        struct answer *a = call("GET", "/", NULL);
        assert_int_equal(a->status, 200);
        assert_string_equal(a->type, "application/json");
        assert_string_equal(sl_json_str(a->json, "version"), "4.2.0");
        assert_string_equal(sl_json_str(a->json, "commit"), "sluice-" SLUICE_VERSION);
        a = call("GET", "/health", NULL);
        assert_int_equal(a->status, 200);
        assert_string_equal(sl_json_str(a->json, "status"), "healthy");
        a = call("GET", "/metrics", NULL);
        assert_int_equal(a->status, 200);
        assert_non_null(strstr(a->text, "kafka_connect_worker_connector_count"));
}

static void life_of_a_connector(void **state)
{
        (void)state;
        assert_string_equal(call("GET", "/connectors", NULL)->text, "[]");
        struct answer *a = call("POST", "/connectors",
                                "{\"name\":\" life \",\"config\":{\"connector.class\":\"ToySource\",\"tasks.max\":3}}");
        assert_int_equal(a->status, 201);
        assert_non_null(strstr(a->location, "/connectors/life"));
        assert_string_equal(a->text,
                            "{\"name\":\"life\",\"config\":{\"connector.class\":\"ToySource\",\"tasks.max\":\"3\","
                            "\"name\":\"life\"},\"tasks\":[],\"type\":\"source\"}");
        wait_state("life", 0, "RUNNING");
        a = call("GET", "/connectors/life/status", NULL);
        const json_t *own = json_object_get(a->json, "connector");
        assert_string_equal(sl_json_str(a->json, "type"), "source");
        assert_string_equal(sl_json_str(own, "version"), "1.5");
        assert_string_equal(sl_json_str(own, "worker_id"), sl_rest_server_id(server));
        assert_int_equal(json_array_size(json_object_get(a->json, "tasks")), 1); /* a source has one task */
        assert_string_equal(call("GET", "/connectors", NULL)->text, "[\"life\"]");
        a = call("GET", "/connectors?expand=status&expand=info&expand=other", NULL);
        assert_non_null(json_object_get(json_object_get(a->json, "life"), "status"));
        assert_non_null(json_object_get(json_object_get(a->json, "life"), "info"));
        assert_string_equal(call("GET", "/connectors?expand=other", NULL)->text, "{\"life\":{}}");
        a = call("GET", "/connectors/life/tasks", NULL);
        assert_int_equal(sl_json_int(json_object_get(json_array_get(a->json, 0), "id"), "task", -1), 0);
        expect_error("POST", "/connectors", "{\"name\":\"life\",\"config\":{\"connector.class\":\"ToySource\"}}", 409,
                     "Connector life already exists");

        assert_int_equal(call("PUT", "/connectors/life/pause", NULL)->status, 202);
        wait_state("life", 0, "PAUSED");
        wait_state("life", -1, "PAUSED");
        assert_int_equal(call("PUT", "/connectors/life/resume", NULL)->status, 202);
        wait_state("life", 0, "RUNNING");
        assert_int_equal(call("PUT", "/connectors/life/stop", NULL)->status, 204);
        a = call("GET", "/connectors/life/status", NULL);
        assert_string_equal(sl_json_str(json_object_get(a->json, "connector"), "state"), "STOPPED");
        assert_int_equal(json_array_size(json_object_get(a->json, "tasks")), 0);
        assert_int_equal(call("PUT", "/connectors/life/resume", NULL)->status, 202);
        wait_state("life", 0, "RUNNING");

        assert_int_equal(call("POST", "/connectors/life/restart", NULL)->status, 204);
        a = call("POST", "/connectors/life/restart?includeTasks=true", NULL);
        assert_int_equal(a->status, 202);
        assert_string_equal(sl_json_str(json_array_get(json_object_get(a->json, "tasks"), 0), "state"), "RESTARTING");
        wait_state("life", 0, "RUNNING");
        assert_int_equal(call("POST", "/connectors/life/tasks/0/restart", NULL)->status, 204);
        wait_state("life", 0, "RUNNING");
        expect_error("POST", "/connectors/life/tasks/7/restart", NULL, 404, "Unknown task: life-7");
        drop("life");
        expect_error("GET", "/connectors/life/status", NULL, 404, "No status found for connector life");
        expect_error("DELETE", "/connectors/life", NULL, 404, "Connector life not found");
}

static void put_config_changes_the_tasks(void **state)
{
        (void)state;
        struct answer *a = call("PUT", "/connectors/c/config",
                                "{\"connector.class\":\"ToySink\",\"topics\":\"t, u\",\"tasks.max\":\"3\"}");
        assert_int_equal(a->status, 201);
        wait_state("c", 2, "RUNNING");
        wait_text("/connectors/c/topics", "{\"c\":{\"topics\":[\"used\"]}}"); /* used, not configured; once */
        assert_int_equal(call("PUT", "/connectors/c/topics/reset", NULL)->status, 202);
        assert_string_equal(call("GET", "/connectors/c/topics", NULL)->text, "{\"c\":{\"topics\":[]}}");
        a = call("PUT", "/connectors/c/config",
                 "{\"connector.class\":\"ToySink\",\"topics\":\"t\",\"tasks.max\":\"1\"}");
        assert_int_equal(a->status, 200);
        assert_int_equal(json_array_size(json_object_get(a->json, "tasks")), 3); /* as before the change */
        wait_running(1);
        wait_state("c", 0, "RUNNING");
        assert_int_equal(json_array_size(call("GET", "/connectors/c/tasks", NULL)->json), 1);
        a = call("PATCH", "/connectors/c/config", "{\"tasks.max\":null,\"host\":\"other\"}");
        assert_int_equal(a->status, 200);
        a = call("GET", "/connectors/c/config", NULL);
        assert_null(json_object_get(a->json, "tasks.max"));
        assert_string_equal(sl_json_str(a->json, "host"), "other");
        expect_error("PATCH", "/connectors/c/config", "{\"name\":\"d\"}", 400,
                     "Connector name configuration (d) doesn't match connector name in the URL (c)");
        expect_error("PATCH", "/connectors/none/config", "{}", 404, "Connector none not found");
        drop("c");
}

static void failures_show_their_trace(void **state)
{
        (void)state;
        create("f", "\"toy.fail\":\"1\"");
        wait_state("f", 0, "FAILED");
        struct answer *a = call("GET", "/connectors/f/tasks/0/status", NULL);
        assert_string_equal(sl_json_str(a->json, "trace"), "org.example.Oops: it failed");
        a = call("GET", "/connectors/f/status", NULL); /* the connector itself goes on */
        assert_string_equal(sl_json_str(json_object_get(a->json, "connector"), "state"), "RUNNING");
        a = call("POST", "/connectors/f/restart?onlyFailed=true&includeTasks=true", NULL);
        assert_int_equal(a->status, 202);
        assert_string_equal(sl_json_str(json_object_get(a->json, "connector"), "state"), "RUNNING");
        assert_string_equal(sl_json_str(json_array_get(json_object_get(a->json, "tasks"), 0), "state"), "RESTARTING");
        wait_state("f", 0, "FAILED");
        assert_int_equal(call("PUT", "/connectors/f/config", "{\"connector.class\":\"ToySource\"}")->status, 200);
        wait_state("f", 0, "RUNNING");
        drop("f");
}

static void initial_states(void **state)
{
        (void)state;
        call("POST", "/connectors",
             "{\"name\":\"i\",\"initial_state\":\"stopped\",\"config\":{\"connector.class\":\"ToySource\"}}");
        assert_int_equal(last.status, 201);
        wait_state("i", -1, "STOPPED");
        wait_running(0);
        drop("i");
        call("POST", "/connectors",
             "{\"name\":\"i\",\"initial_state\":\"PAUSED\",\"config\":{\"connector.class\":\"ToySource\"}}");
        wait_state("i", -1, "PAUSED");
        assert_int_equal(json_array_size(call("GET", "/connectors/i/tasks", NULL)->json), 0); /* it never ran */
        assert_int_equal(call("PUT", "/connectors/i/resume", NULL)->status, 202);
        wait_state("i", 0, "RUNNING");
        assert_int_equal(call("PUT", "/connectors/i/pause", NULL)->status, 202);
        wait_state("i", 0, "PAUSED");
        drop("i");
        assert_int_equal(call("POST", "/connectors", "{\"name\":\"i\",\"initial_state\":\"X\",\"config\":{}}")->status,
                         500);
}

static void secrets_stay_inside(void **state)
{
        (void)state;
        create("s", "\"toy.password\":\"geheim\",\"host\":\"a\"");
        assert_null(strstr(last.text, "geheim"));
        struct answer *a = call("GET", "/connectors/s/config", NULL);
        assert_string_equal(sl_json_str(a->json, "toy.password"), "****");
        assert_null(strstr(call("GET", "/connectors?expand=info", NULL)->text, "geheim"));
        assert_null(strstr(call("GET", "/connectors/s/tasks", NULL)->text, "geheim"));
        char back[sizeof(last.text)];
        memcpy(back, call("GET", "/connectors/s/config", NULL)->text, sizeof(back));
        assert_int_equal(call("PUT", "/connectors/s/config", back)->status, 200);
        struct sl_props stored = {0};
        assert_true(sl_herder_config(herder, "s", &stored));
        assert_string_equal(sl_props_get(&stored, "toy.password"), "geheim");
        sl_props_free(&stored);
        assert_int_equal(
                call("PUT", "/connectors/new/config", "{\"connector.class\":\"ToySource\",\"toy.password\":\"****\"}")
                        ->status,
                400);
        drop("s");
}

static void names_are_any_text(void **state)
{
        (void)state;
        struct answer *a = call("POST", "/connectors",
                                "{\"name\":\"a/b c+\xc3\xa4%\",\"config\":{\"connector.class\":\"ToySource\"}}");
        assert_int_equal(a->status, 201);
        assert_non_null(strstr(a->location, "/connectors/a%2Fb%20c+%C3%A4%25"));
        a = call("GET", "/connectors/a%2Fb%20c+%c3%a4%25", NULL);
        assert_int_equal(a->status, 200);
        assert_string_equal(sl_json_str(a->json, "name"), "a/b c+\xc3\xa4%");
        drop("a%2Fb%20c%2B%C3%A4%25");
        assert_int_equal(call("GET", "/connectors/%zz", NULL)->status, 400);
        assert_int_equal(call("GET", "/connectors/a%00b", NULL)->status, 400);
        assert_int_equal(call("GET", "/connectors/%ff", NULL)->status, 400);
        assert_int_equal(call("PUT", "/connectors/a%09b/config", "{\"connector.class\":\"ToySource\"}")->status, 400);
        assert_int_equal(call("POST", "/connectors", "{\"config\":{\"connector.class\":\"ToySource\"}}")->status, 400);
}

static void bad_requests(void **state)
{
        (void)state;
        expect_error("GET", "/nope", NULL, 404, "HTTP 404 Not Found");
        assert_string_equal(last.type, "");
        expect_error("GET", "/connectors/a/b/c/d/e/f/g", NULL, 404, "HTTP 404 Not Found");
        expect_error("GET", "/connectors//config", NULL, 400, "The path has an empty segment");
        expect_error("DELETE", "/connectors", NULL, 405, "HTTP 405 Method Not Allowed");
        expect_error("GET", "/connectors/x/tasks-config", NULL, 404, "HTTP 404 Not Found");
        expect_error("GET", "/connectors/x/tasks/abc/status", NULL, 404, "HTTP 404 Not Found");
        assert_int_equal(call_typed("POST", "/connectors", "text/plain", "{}")->status, 415);
        assert_string_equal(sl_json_str(last.json, "message"), "HTTP 415 Unsupported Media Type");
        assert_int_equal(call("POST", "/connectors", "{\"name\":")->status, 500);
        assert_non_null(strstr(last.text, "can't be read"));
        assert_int_equal(call("POST", "/connectors", "[]")->status, 500);
        assert_int_equal(call("POST", "/connectors", "{\"name\":\"x\"}")->status, 500);
        assert_int_equal(call("POST", "/connectors", "{\"name\":\"x\",\"config\":{},\"what\":1}")->status, 500);
        assert_int_equal(call("POST", "/connectors", "{\"name\":\"x\",\"config\":{\"a\":{}}}")->status, 500);
        assert_int_equal(call("POST", "/connectors", "{\"name\":\"x\",\"config\":{\"name\":\"y\"}}")->status, 400);
        assert_int_equal(call("POST", "/connectors", "{\"name\":\"x\",\"config\":{}}")->status, 400);
        assert_non_null(strstr(last.text, "contains no connector type"));
        assert_int_equal(
                call("POST", "/connectors", "{\"name\":\"x\",\"config\":{\"connector.class\":\"No\"}}")->status, 400);
        assert_non_null(strstr(last.text, "Failed to find any class that implements Connector"));
        assert_int_equal(call("POST", "/connectors",
                              "{\"name\":\"x\",\"config\":{\"connector.class\":\"ToySink\",\"tasks.max\":\"a\"}}")
                                 ->status,
                         400);
        assert_int_equal(strncmp(sl_json_str(last.json, "message"),
                                 "Connector configuration is invalid and contains the following ", 62),
                         0);
        expect_error("PUT", "/connectors/x/pause", NULL, 404, "Unknown connector x");
        expect_error("POST", "/connectors/x/restart", NULL, 404, "Unknown connector: x");
        expect_error("GET", "/connectors/x/tasks/0/status", NULL, 404, "No status found for task x-0");
}

static void content_types(void **state)
{
        (void)state;
        static const char *const good[] = {"application/x-www-form-urlencoded", "application/json; charset=utf-8",
                                           "Application/JSON"};
        for (size_t i = 0; i < 3; i++) {
                struct answer *a = call_typed("POST", "/connectors", good[i],
                                              "{\"name\":\"t\",\"config\":{\"connector.class\":\"ToySource\"}}");
                assert_int_equal(a->status, 201);
                drop("t");
        }
}

static void deep_and_large_bodies(void **state)
{
        (void)state;
        size_t n = SL_REST_BODY_MAX + 10;
        char *big = malloc(n + 1);
        memset(big, '[', n);
        big[n] = '\0';
        struct answer *a = call("POST", "/connectors", big);
        assert_int_equal(a->status, 413);
        big[5000] = '\0';
        a = call("POST", "/connectors", big);
        assert_int_equal(a->status, 500);
        assert_non_null(strstr(a->text, "nested deeper"));
        free(big);
        assert_int_equal(call("GET", "/health", NULL)->status, 200);
}

static int dial(void)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in addr = {
                .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
        return fd;
}

/* A body without length that never fits: refused once it has ended, never kept. */
static void large_chunked_body(void **state)
{
        (void)state;
        static const char head[] = "POST /connectors HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
        char chunk[65536 + 16];
        int fd = dial();
        assert_int_equal(send(fd, head, sizeof(head) - 1, MSG_NOSIGNAL), sizeof(head) - 1);
        int h = snprintf(chunk, sizeof(chunk), "10000\r\n");
        memset(chunk + h, 'x', 65536);
        memcpy(chunk + h + 65536, "\r\n", 2);
        for (int i = 0; i < 20; i++)
                for (size_t at = 0, n = (size_t)h + 65538; at < n;) {
                        ssize_t done = send(fd, chunk + at, n - at, MSG_NOSIGNAL);
                        assert_true(done > 0);
                        at += (size_t)done;
                }
        assert_int_equal(send(fd, "0\r\n\r\n", 5, MSG_NOSIGNAL), 5);
        ssize_t n = recv(fd, chunk, 100, 0);
        assert_true(n > 12);
        assert_memory_equal(chunk, "HTTP/1.1 413", 12);
        close(fd);
}

static void *slow_validate(void *arg)
{
        struct sl_rest_request req = {
                .method = "PUT",
                .path = "/connector-plugins/ToySource/config/validate",
                .content_type = "application/json",
                .body = SL_STR("{\"name\":\"v\",\"connector.class\":\"ToySource\",\"host\":\"slow\"}")};
        struct sl_rest_response resp = {0};
        (void)arg;
        sl_rest_handle(herder, &req, &resp);
        assert_int_equal(resp.status, 200);
        sl_rest_response_free(&resp);
        return NULL;
}

/* Clients that send nothing, validations that take long, tasks that stop slowly: nobody else waits for them. */
static void slow_things_hold_up_nobody(void **state)
{
        (void)state;
        int fds[20];
        pthread_t threads[4];
        for (int i = 0; i < 20; i++) {
                fds[i] = dial();
                assert_int_equal(send(fds[i], "POST /conn", 10, MSG_NOSIGNAL), 10);
        }
        create("slow", "\"toy.slow.ms\":\"1500\"");
        wait_state("slow", 0, "RUNNING");
        for (int i = 0; i < 4; i++)
                pthread_create(&threads[i], NULL, slow_validate, NULL);
        int64_t began = sl_mono_ms();
        drop("slow");
        create("quick", "");
        wait_state("quick", 0, "RUNNING");
        assert_int_equal(call("GET", "/connectors", NULL)->status, 200);
        assert_true(sl_mono_ms() - began < 1000);
        create("slow", ""); /* its new task waits for the old one */
        call("GET", "/connectors/slow/status", NULL);
        assert_int_equal(json_array_size(json_object_get(last.json, "tasks")), 1);
        wait_state("slow", 0, "RUNNING");
        assert_true(running >= 2);
        drop("slow");
        drop("quick");
        for (int i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
        for (int i = 0; i < 20; i++)
                close(fds[i]);
}

/* A task that does not stop within the limit is left to itself; its successor runs, and what the old one says is not
 * shown. */
static void task_that_does_not_stop(void **state)
{
        (void)state;
        create("stuck", "\"toy.slow.ms\":\"6000\"");
        wait_state("stuck", 0, "RUNNING");
        int64_t began = sl_mono_ms();
        assert_int_equal(
                call("PUT", "/connectors/stuck/config", "{\"connector.class\":\"ToySink\",\"topics\":\"t\"}")->status,
                200);
        assert_true(sl_mono_ms() - began < 1000);
        usleep(100000);
        wait_running(2);
        wait_state("stuck", 0, "RUNNING");
        drop("stuck");
        wait_running(0);
}

static void plugins_and_validate(void **state)
{
        (void)state;
        struct answer *a = call("GET", "/connector-plugins", NULL);
        assert_int_equal(json_array_size(a->json), 2);
        assert_string_equal(sl_json_str(json_array_get(a->json, 0), "class"), "org.example.ToySinkConnector");
        a = call("GET", "/connector-plugins/ToySink/config", NULL);
        assert_int_equal(a->status, 200);
        assert_true(json_array_size(a->json) > 5);
        expect_error("GET", "/connector-plugins/Nope/config", NULL, 404, "Unknown plugin Nope.");
        a = call("PUT", "/connector-plugins/ToySink/config/validate",
                 "{\"name\":\"v\",\"connector.class\":\"ToySink\",\"toy.password\":\"geheim\"}");
        assert_int_equal(a->status, 200);
        assert_string_equal(sl_json_str(a->json, "name"), "ToySink");
        assert_int_equal(sl_json_int(a->json, "error_count", -1), 2);
        assert_null(strstr(a->text, "geheim"));
        expect_error("PUT", "/connector-plugins/Other/config/validate", "{\"connector.class\":\"ToySink\"}", 400,
                     "Included connector type ToySink does not match request type Other");
        a = call("PUT", "/connector-plugins/toy-sink/config/validate",
                 "{\"connector.class\":\"ToySink\",\"name\":\"v\"}");
        assert_int_equal(a->status, 200); /* another name of the same plugin */
        a = call("PUT", "/connector-plugins/Nope/config/validate", "{\"connector.class\":\"Nope\"}");
        assert_int_equal(a->status, 500);
        assert_int_equal(strncmp(sl_json_str(a->json, "message"),
                                 "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: Failed to find",
                                 80),
                         0);
}

static void loggers(void **state)
{
        (void)state;
        sl_log_set_level(SL_LOG_WARN);
        assert_string_equal(call("GET", "/admin/loggers", NULL)->text,
                            "{\"root\":{\"level\":\"WARN\",\"last_modified\":null}}");
        assert_string_equal(call("PUT", "/admin/loggers/ROOT", "{\"level\":\"error\"}")->text, "[\"root\"]");
        assert_int_equal(sl_log_get_level(), SL_LOG_ERROR);
        assert_string_equal(call("PUT", "/admin/loggers/root", "{\"level\":\"ERROR\"}")->text, "[]");
        assert_int_equal(call("PUT", "/admin/loggers/root?scope=cluster", "{\"level\":\"ERROR\"}")->status, 204);
        assert_true(sl_json_int(call("GET", "/admin/loggers/root", NULL)->json, "last_modified", 0) > 0);
        expect_error("PUT", "/admin/loggers/root", "{}", 400,
                     "Desired 'level' parameter was not specified in request.");
        expect_error("PUT", "/admin/loggers/root", "{\"level\":\"LOUD\"}", 404, "invalid log level 'LOUD'.");
        expect_error("GET", "/admin/loggers/org.x", NULL, 404, "Logger org.x not found.");
}

static void cors_and_options(void **state)
{
        (void)state;
        char url[100];
        const char *headers[] = {"Origin: http://ui.example", NULL}, *foreign[] = {"Origin: http://evil.example", NULL};
        snprintf(url, sizeof(url), "http://127.0.0.1:%d/connectors", port);
        for (int i = 0; i < 2; i++) {
                struct sl_http_request req = {.method = "OPTIONS", .url = url, .headers = i ? foreign : headers};
                struct sl_http_response resp = {0};
                assert_int_equal(sl_http_do(http, &req, &resp, NULL), SL_OK);
                assert_int_equal(resp.status, 200);
                struct sl_str allow = sl_http_header(&resp, "Allow");
                assert_true(sl_str_eqc(allow, "GET,HEAD,POST,OPTIONS"));
                assert_int_equal(sl_http_header(&resp, "Access-Control-Allow-Origin").ptr != NULL, i == 0);
                sl_http_response_free(&resp);
        }
}

static void percent_decoding(void **state)
{
        (void)state;
        static const struct {
                const char *in, *out;
                bool plus;
        } cases[] = {
                {"a%20b", "a b", false}, {"a+b", "a+b", false}, {"a+b", "a b", true}, {"%C3%A4", "\xc3\xa4", false},
                {"%", NULL, false},      {"%2", NULL, false},   {"%2x", NULL, false}, {"%c3", NULL, false},
                {"%00", NULL, false},    {"", "", false}};
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sl_buf out = {0};
                bool ok = sl_rest_decode(sl_str_c(cases[i].in), cases[i].plus, &out);
                assert_int_equal(ok, cases[i].out != NULL);
                if (ok)
                        assert_string_equal(sl_buf_cstr(&out), cases[i].out);
                sl_buf_free(&out);
        }
}

int main(void)
{
        sl_log_init(SL_LOG_OFF, false);
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(root_and_health),
                cmocka_unit_test(life_of_a_connector),
                cmocka_unit_test(put_config_changes_the_tasks),
                cmocka_unit_test(failures_show_their_trace),
                cmocka_unit_test(initial_states),
                cmocka_unit_test(secrets_stay_inside),
                cmocka_unit_test(names_are_any_text),
                cmocka_unit_test(bad_requests),
                cmocka_unit_test(content_types),
                cmocka_unit_test(deep_and_large_bodies),
                cmocka_unit_test(large_chunked_body),
                cmocka_unit_test(slow_things_hold_up_nobody),
                cmocka_unit_test(task_that_does_not_stop),
                cmocka_unit_test(plugins_and_validate),
                cmocka_unit_test(loggers),
                cmocka_unit_test(cors_and_options),
                cmocka_unit_test(percent_decoding),
        };
        int rc = cmocka_run_group_tests(tests, start_worker, stop_worker);
        json_decref(last.json);
        return rc;
}
