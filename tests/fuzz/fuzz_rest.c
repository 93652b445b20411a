/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any request to the REST API, over a herder without Kafka whose tasks do nothing. Method, path with query, content type, then the
 * body, on lines. Each has an answer with a status, and an answer that says it is JSON is JSON. The tables are the real ones, without checks
 * that would connect to something. */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "connectors/postgres/cfg.h"
#include "rest/api.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

extern const struct sl_converter_ops *const sl_converters[];
extern const struct sl_predicate_ops *const sl_predicates[];

static struct sl_task *start(const struct sl_task_opts *opts)
{
        (void)opts;
        return sl_calloc(1, 1);
}
static void nothing(struct sl_task *t)
{
        (void)t;
}
static bool ended(struct sl_task *t, int timeout_ms)
{
        (void)t, (void)timeout_ms;
        return true;
}
static void end(struct sl_task *t)
{
        free(t);
}
static const struct sl_task_calls tasks = {start, nothing, nothing, nothing, ended, end, nothing};

static const char *const names[] = {"io.debezium.connector.postgresql.PostgresConnector", NULL};
static const struct sl_source_ops source = {.name = "postgres", .aliases = names, .version = "1", .config = sl_pg_config,
                                            .config_size = sizeof(struct sl_pg_cfg)};
static const struct sl_source_ops *const sources[] = {&source, NULL};
static const struct sl_sink_ops *const sinks[] = {NULL};
static struct sl_plugins plugins;
static struct sl_worker_cfg cfg;
static struct sl_herder *herder;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        const char *sets[] = {"listeners=http://127.0.0.1:0", NULL};
        struct sl_cfg_report report = {0};
        (void)argc, (void)argv;
        sl_log_init(SL_LOG_FATAL, false);
        if (sl_worker_cfg_load(&(struct sl_worker_cfg_opts){.sets = sets}, &cfg, &report, NULL) != SL_OK || report.errors)
                return 1;
        sl_cfg_report_free(&report);
        plugins = (struct sl_plugins){sources, sinks, sl_transforms, sl_converters, sl_predicates};
        struct sl_herder_opts opts = {.cfg = &cfg, .plugins = &plugins, .worker_id = "h:1", .url = "http://h:1", .without_kafka = true,
                                      .tasks = &tasks};
        herder = sl_herder_start(&opts);
        return !sl_herder_wait_ready(herder, 10000);
}

/* A line as a string of its own, without NULs. */
static char *line(const uint8_t **p, const uint8_t *end)
{
        const uint8_t *nl = memchr(*p, '\n', (size_t)(end - *p)), *stop = nl ? nl : end;
        char *text = sl_strndup((const char *)*p, strnlen((const char *)*p, (size_t)(stop - *p)));
        *p = nl ? nl + 1 : end;
        return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};
        const uint8_t *p = data, *stop = data + size;
        struct sl_rest_response resp = {0};
        if (!size)
                return 0;
        const char *method = methods[*p++ % (sizeof(methods) / sizeof(*methods))];
        char *path = line(&p, stop), *type = line(&p, stop), *query = strchr(path, '?');
        if (query)
                *query++ = '\0';
        struct sl_rest_request req = {.method = method, .path = path, .query = query, .content_type = *type ? type : NULL,
                                      .accept = "application/json", .base_url = "http://h:1",
                                      .body = {p < stop ? (const char *)p : NULL, (size_t)(stop - p)}};
        if (!strstr(path, "loggers")) /* its lines would fill the output */
                sl_rest_handle(herder, &req, &resp);
        if (resp.status) {
                sl_auto_json *json = NULL;
                if (resp.status < 200 || resp.status > 599)
                        abort();
                if (resp.body.len && resp.content_type && strcmp(resp.content_type, "application/json") == 0) {
                        json = json_loadb(resp.body.ptr, resp.body.len, JSON_DECODE_ANY, NULL);
                        if (!json)
                                abort();
                }
        }
        sl_rest_response_free(&resp);
        free(path);
        free(type);
        return 0;
}
