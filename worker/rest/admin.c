/* SPDX-License-Identifier: Apache-2.0 */
/* GET /, /health, /metrics and /admin/loggers. There is one logger, root: any other name is an unknown logger. */
#include <pthread.h>
#include <string.h>
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "rest/route.h"

static const char *const level_names[] = {"OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"};
static _Atomic int64_t level_changed_ms; /* 0 = never by REST */

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

static json_t *root_logger(void)
{
        json_t *row = json_object();
        int64_t changed = level_changed_ms;
        json_object_set_new(row, "level", json_string(level_names[sl_log_get_level()]));
        json_object_set_new(row, "last_modified", changed ? json_integer(changed) : json_null());
        return row;
}

void sl_rest_loggers_list(struct sl_rest_call *c)
{
        json_t *body = json_object();
        json_object_set_new(body, "root", root_logger());
        sl_rest_json(c, 200, body);
}

void sl_rest_logger_get(struct sl_rest_call *c)
{
        if (strcasecmp(c->segments[2], "root") == 0)
                sl_rest_json(c, 200, root_logger());
        else
                sl_rest_fail(c, 404, "Logger %s not found.", c->segments[2]);
}

void sl_rest_logger_put(struct sl_rest_call *c)
{
        json_t *body = NULL;
        struct sl_buf scope = {0};
        if (!sl_rest_body(c, &body))
                return;
        const char *level = sl_json_str(body, "level");
        int found = level && strcasecmp(level, "ALL") == 0 ? SL_LOG_TRACE : -1;
        for (int i = SL_LOG_OFF; level && i <= SL_LOG_TRACE; i++)
                if (strcasecmp(level, level_names[i]) == 0)
                        found = i;
        if (!level) {
                sl_rest_fail(c, 400, "Desired 'level' parameter was not specified in request.");
        } else if (found < 0) {
                sl_rest_fail(c, 404, "invalid log level '%s'.", level);
        } else if (strcasecmp(c->segments[2], "root") != 0) {
                sl_rest_fail(c, 404, "Logger %s not found.", c->segments[2]);
        } else {
                json_t *changed = json_array();
                if ((int)sl_log_get_level() != found) {
                        sl_log_set_level((enum sl_log_level)found);
                        level_changed_ms = sl_wall_ms();
                        json_array_append_new(changed, json_string("root"));
                }
                bool cluster = sl_rest_query(c, "scope", 0, &scope) && strcasecmp(sl_buf_cstr(&scope), "cluster") == 0;
                if (cluster)
                        sl_rest_empty(c, 204);
                else
                        sl_rest_json(c, 200, json_incref(changed));
                json_decref(changed);
        }
        sl_buf_free(&scope);
        json_decref(body);
}
