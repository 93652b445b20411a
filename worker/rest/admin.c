/* SPDX-License-Identifier: Apache-2.0 */
/* GET /, /health, /metrics and /admin/loggers. Loggers are base/log.h's: root, and each name that was given a level. */
#include <pthread.h>
#include <string.h>
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "rest/route.h"

void sl_rest_root(struct sl_rest_call *c)
{
        struct sl_buf id = {0};
        json_t *body = json_object();
        sl_herder_cluster_id(c->h, &id);
        json_object_set_new(body, "version", json_string(SL_KAFKA_COMPATIBLE));
        json_object_set_new(body, "commit", json_string("sluice-" SLUICE_VERSION));
        json_object_set_new(body, "kafka_cluster_id", id.len ? json_string(sl_buf_cstr(&id)) : json_null());
        sl_buf_free(&id);
        sl_rest_json(c, 200, body);
}

void sl_rest_health(struct sl_rest_call *c)
{
        static const struct {
                int status;
                const char *name, *message;
        } answers[] = {
                [SL_HEALTH_STARTING] = {503, "starting", "Worker is still starting up."},
                [SL_HEALTH_OK] = {200, "healthy", "Worker has completed startup and is ready to handle requests."},
                [SL_HEALTH_STUCK] =
                        {500, "unhealthy",
                         "Worker was unable to handle this request and may be unable to handle other requests."},
        };
        enum sl_herder_health health = sl_herder_health(c->h);
        json_t *body = json_object();
        json_object_set_new(body, "status", json_string(answers[health].name));
        json_object_set_new(body, "message", json_string(answers[health].message));
        sl_rest_json(c, answers[health].status, body);
}

void sl_rest_metrics(struct sl_rest_call *c)
{
        sl_metrics_print(&c->resp->body);
        sl_herder_metrics(c->h, &c->resp->body);
        c->resp->status = 200;
        c->resp->content_type = "text/plain; version=0.0.4; charset=utf-8";
}

static void add_logger(void *arg, const char *name, enum sl_log_level level, int64_t modified_ms)
{
        json_t *row = json_object();
        json_object_set_new(row, "level", json_string(sl_log_level_name(level)));
        json_object_set_new(row, "last_modified", modified_ms ? json_integer(modified_ms) : json_null());
        json_object_set_new(arg, name, row);
}

void sl_rest_loggers_list(struct sl_rest_call *c)
{
        json_t *body = json_object();
        sl_log_each(add_logger, body);
        sl_rest_json(c, 200, body);
}

void sl_rest_logger_get(struct sl_rest_call *c)
{
        const char *name = c->segments[2];
        json_t *all = json_object();
        sl_log_each(add_logger, all);
        json_t *row = json_object_get(all, strcasecmp(name, "root") == 0 ? "root" : name);
        if (row)
                sl_rest_json(c, 200, json_incref(row));
        else
                sl_rest_fail(c, 404, "Logger %s not found.", name);
        json_decref(all);
}

/* A level, as Jackson reads a map of strings: any scalar. false = answered. */
static bool read_level(struct sl_rest_call *c, const json_t *body, enum sl_log_level *ret)
{
        const json_t *given = json_object_get(body, "level");
        struct sl_buf text = {0};
        if (json_is_string(given))
                sl_buf_adds(&text, json_string_value(given));
        else if (given && !json_is_null(given))
                sl_json_dump(given, &text);
        bool ok = false;
        if (json_is_object(given) || json_is_array(given))
                sl_rest_wrong_type(c, "java.lang.String", given);
        else if (!given || json_is_null(given))
                sl_rest_fail(c, 400, "Desired 'level' parameter was not specified in request.");
        else if (!(ok = sl_log_level_parse(sl_buf_cstr(&text), ret)))
                sl_rest_fail(c, 404, "invalid log level '%s'.", sl_buf_cstr(&text));
        sl_buf_free(&text);
        return ok;
}

static void add_name(void *arg, const char *name)
{
        json_array_append_new(arg, json_string(name));
}

void sl_rest_logger_put(struct sl_rest_call *c)
{
        json_t *body = NULL;
        struct sl_buf scope = {0};
        enum sl_log_level level;
        const char *name = c->segments[2];
        if (!sl_rest_body(c, &body))
                return;
        bool ok = read_level(c, body, &level);
        bool cluster = sl_rest_query(c, "scope", 0, &scope) && strcasecmp(sl_buf_cstr(&scope), "cluster") == 0;
        sl_buf_free(&scope);
        json_decref(body);
        if (!ok)
                return;
        if (cluster) {
                struct sl_herder_call call = {.op = SL_OP_LOGGER, .name = name, .level = sl_log_level_name(level)};
                if (sl_rest_ready(c))
                        sl_rest_give(c, &call);
                return;
        }
        json_t *changed = json_array();
        if (sl_log_set_named(name, level, add_name, changed))
                sl_rest_json(c, 200, json_incref(changed));
        else
                sl_rest_fail(c, 500,
                             "The level of this logger can't be kept: its name is longer than %d bytes, or %d loggers "
                             "have a level already",
                             SL_LOG_NAME_MAX, SL_LOG_NAMES);
        json_decref(changed);
}
