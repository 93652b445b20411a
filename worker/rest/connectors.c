/* SPDX-License-Identifier: Apache-2.0 */
/* /connectors: create, read, change, delete, pause, resume, stop, restart. Status codes and texts are Connect's. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/log.h"
#include "cluster/validate.h"
#include "rest/route.h"

static void not_found(struct sl_rest_call *c, const char *name)
{
        sl_rest_fail(c, 404, "Connector %s not found", name);
}

static bool has_expand(const struct sl_rest_call *c, const char *what)
{
        for (size_t i = 0;; i++) {
                struct sl_buf value = {0};
                bool given = sl_rest_query(c, "expand", i, &value);
                bool match = given && strcmp(sl_buf_cstr(&value), what) == 0;
                sl_buf_free(&value);
                if (match || !given)
                        return match;
        }
}

void sl_rest_connectors_list(struct sl_rest_call *c)
{
        struct sl_buf value = {0};
        if (!sl_rest_ready(c))
                return;
        json_t *names = sl_herder_names(c->h), *name, *out = json_object();
        bool expand = sl_rest_query(c, "expand", 0, &value);
        bool status = has_expand(c, "status"), info = has_expand(c, "info");
        sl_buf_free(&value);
        if (!expand) {
                json_decref(out);
                sl_rest_json(c, 200, names);
                return;
        }
        size_t i;
        json_array_foreach(names, i, name)
        {
                const char *n = json_string_value(name);
                json_t *row = json_object(), *st = status ? sl_herder_status(c->h, n) : NULL;
                json_t *ci = info ? sl_herder_info(c->h, n) : NULL;
                bool vanished = (status && !st) || (info && !ci);
                if (st)
                        json_object_set_new(row, "status", st);
                if (ci)
                        json_object_set_new(row, "info", ci);
                if (vanished)
                        json_decref(row);
                else
                        json_object_set_new(out, n, row);
        }
        json_decref(names);
        sl_rest_json(c, 200, out);
}

/* The herder's answer as HTTP's. */
static void answer(struct sl_rest_call *c, struct sl_herder_call *call)
{
        if (call->status >= 400)
                sl_rest_error(c->resp, call->status, call->message);
        else if (call->body)
                sl_rest_json(c, call->status, call->body);
        else
                sl_rest_empty(c, call->status);
}

/* All errors in one answer; warnings go to the log. */
static bool config_is_valid(struct sl_rest_call *c, const char *name, const struct sl_props *config)
{
        const struct sl_herder_opts *ho = sl_herder_options(c->h);
        const struct sl_worker_cfg *cfg = ho->cfg;
        struct sl_validate_opts opts = {
                .plugins = ho->plugins,
                .providers = cfg->providers,
                .worker = &cfg->props,
                .worker_group = cfg->distributed ? cfg->group_id : NULL,
                .override_policy = cfg->override_policy,
        };
        struct sl_validation v = {0};
        struct sl_err err = {0};
        bool ok = sl_validate(&opts, config, &v, &err) == SL_OK;
        if (!ok) {
                sl_rest_fail(c, 400, "%s", err.msg);
        } else if (v.report.errors) {
                struct sl_buf text = {0};
                sl_cfg_report_text(&v.report, &text);
                sl_rest_error(c->resp, 400, sl_buf_cstr(&text));
                sl_buf_free(&text);
                ok = false;
        }
        for (uint32_t i = 0; ok && i < v.report.count; i++)
                if (v.report.findings[i].warning)
                        sl_warn("connector %s: %s", name, v.report.findings[i].text);
        sl_validation_free(&v);
        return ok;
}

static bool name_fits(struct sl_rest_call *c, struct sl_props *config, const char *name)
{
        const char *inner = sl_props_get(config, "name");
        if (inner && strcmp(inner, name) != 0) {
                sl_rest_fail(c, 400, "Connector name configuration (%s) doesn't match connector name in the URL (%s)",
                             inner, name);
                return false;
        }
        sl_props_set(config, "name", name);
        return true;
}

static void set_location(struct sl_rest_call *c, const char *name)
{
        sl_buf_printf(&c->resp->location, "%s/connectors/", c->req->base_url ? c->req->base_url : "");
        sl_rest_encode_segment(name, &c->resp->location);
}

/* Validate and store; config is completed with the name and with the secrets that came back masked. A wrong config is
 * told before a name that is taken. */
static void put_config(struct sl_rest_call *c, struct sl_herder_call *call, struct sl_props *config)
{
        struct sl_props stored = {0};
        bool have = sl_herder_config(c->h, call->name, &stored);
        sl_config_unmask(sl_herder_options(c->h)->plugins, config, have ? &stored : NULL);
        sl_props_free(&stored);
        if (!call->patch && !name_fits(c, config, call->name))
                return;
        if (call->patch && sl_props_get(config, "name") && !name_fits(c, config, call->name))
                return;
        if (!config_is_valid(c, call->name, config))
                return;
        call->op = SL_OP_PUT_CONFIG;
        call->config = config;
        if (!sl_rest_do(c, call))
                return;
        if (call->status == 201)
                set_location(c, call->name);
        answer(c, call);
}

static bool initial_state(struct sl_rest_call *c, const json_t *body, enum sl_target *ret)
{
        static const struct {
                const char *name;
                enum sl_target target;
        } states[] = {{"RUNNING", SL_TARGET_STARTED}, {"PAUSED", SL_TARGET_PAUSED}, {"STOPPED", SL_TARGET_STOPPED}};
        const json_t *given = json_object_get(body, "initial_state");
        *ret = SL_TARGET_STARTED;
        if (!given || json_is_null(given))
                return true;
        for (size_t i = 0; json_is_string(given) && i < 3; i++) {
                if (strcasecmp(json_string_value(given), states[i].name) == 0) {
                        *ret = states[i].target;
                        return true;
                }
        }
        sl_rest_fail(c, 500, "Cannot deserialize value of initial_state: one of RUNNING, PAUSED, STOPPED is needed");
        return false;
}

static bool known_fields(struct sl_rest_call *c, json_t *body)
{
        const char *key;
        json_t *value;
        json_object_foreach(body, key, value)
        {
                if (strcmp(key, "name") && strcmp(key, "config") && strcmp(key, "initial_state")) {
                        sl_rest_unknown_field(
                                c, "org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest", key);
                        return false;
                }
        }
        const json_t *name = json_object_get(body, "name");
        if (json_is_object(name) || json_is_array(name)) {
                sl_rest_wrong_type(c, "java.lang.String", name);
                return false;
        }
        if (!json_is_object(json_object_get(body, "config"))) {
                sl_rest_fail(c, 500, "The request needs a \"config\" object: {\"name\":\"...\",\"config\":{...}}");
                return false;
        }
        return true;
}

static char *trimmed_name(const json_t *body)
{
        const json_t *given = json_object_get(body, "name");
        const char *name = json_is_string(given)  ? json_string_value(given)
                           : json_is_true(given)  ? "true"
                           : json_is_false(given) ? "false"
                                                  : "";
        while (isspace((unsigned char)*name))
                name++;
        size_t n = strlen(name);
        while (n && isspace((unsigned char)name[n - 1]))
                n--;
        return sl_strndup(name, n);
}

void sl_rest_connectors_post(struct sl_rest_call *c)
{
        json_t *body = NULL;
        struct sl_props config = {0};
        struct sl_err err = {0};
        enum sl_target initial;
        if (!sl_rest_ready(c) || !sl_rest_text_body(c, &body))
                return;
        if (known_fields(c, body) && initial_state(c, body, &initial)) {
                if (sl_props_from_json(&config, json_object_get(body, "config"), &err) != SL_OK) {
                        sl_rest_fail(c, 500, "%s", err.msg);
                } else {
                        char *name = trimmed_name(body);
                        struct sl_herder_call call = {.name = name, .create_only = true, .initial = &initial};
                        put_config(c, &call, &config);
                        free(name);
                }
        }
        sl_props_free(&config);
        json_decref(body);
}

void sl_rest_config_put(struct sl_rest_call *c)
{
        json_t *body = NULL;
        struct sl_props config = {0};
        struct sl_err err = {0};
        struct sl_herder_call call = {.name = c->segments[1]};
        if (!sl_rest_ready(c) || !sl_rest_text_body(c, &body))
                return;
        if (sl_props_from_json(&config, body, &err) != SL_OK)
                sl_rest_fail(c, 500, "%s", err.msg);
        else
                put_config(c, &call, &config);
        sl_props_free(&config);
        json_decref(body);
}

/* JSON merge patch: null removes a key. */
void sl_rest_config_patch(struct sl_rest_call *c)
{
        json_t *body = NULL;
        struct sl_props patch = {0}, config = {0};
        struct sl_err err = {0};
        struct sl_herder_call call = {.name = c->segments[1], .patch = true};
        if (!sl_rest_ready(c) || !sl_rest_text_body(c, &body))
                return;
        if (sl_props_from_json(&patch, body, &err) != SL_OK) {
                sl_rest_fail(c, 500, "%s", err.msg);
        } else if (!sl_herder_config(c->h, call.name, &config)) {
                not_found(c, call.name);
        } else {
                const char *key, *value;
                for (size_t i = 0; sl_props_next(&patch, &i, &key, &value);)
                        if (value)
                                sl_props_set(&config, key, value);
                        else
                                sl_props_remove(&config, key);
                put_config(c, &call, &config);
        }
        sl_props_free(&patch);
        sl_props_free(&config);
        json_decref(body);
}

static void view(struct sl_rest_call *c, json_t *(*read)(struct sl_herder *, const char *))
{
        if (!sl_rest_ready(c))
                return;
        json_t *body = read(c->h, c->segments[1]);
        if (body)
                sl_rest_json(c, 200, body);
        else
                sl_rest_fail(c, 404, "%s %s%s",
                             read == sl_herder_status ? "No status found for connector" : "Connector", c->segments[1],
                             read == sl_herder_status ? "" : " not found");
}

void sl_rest_connector_get(struct sl_rest_call *c)
{
        view(c, sl_herder_info);
}

void sl_rest_status_get(struct sl_rest_call *c)
{
        view(c, sl_herder_status);
}

void sl_rest_tasks_get(struct sl_rest_call *c)
{
        view(c, sl_herder_tasks);
}

void sl_rest_config_get(struct sl_rest_call *c)
{
        struct sl_props config = {0};
        if (!sl_rest_ready(c))
                return;
        if (sl_herder_config(c->h, c->segments[1], &config))
                sl_rest_json(c, 200, sl_config_masked_json(sl_herder_options(c->h)->plugins, &config));
        else
                not_found(c, c->segments[1]);
        sl_props_free(&config);
}

/* A path parameter that is no int is an unknown path in Connect. A negative one is a task that isn't there. */
static bool task_number(struct sl_rest_call *c, int32_t *ret)
{
        int64_t n;
        bool ok = sl_parse_i64(sl_str_c(c->segments[3]), &n) && n >= INT32_MIN && n <= INT32_MAX;
        if (ok)
                *ret = (int32_t)n;
        else
                sl_rest_fail(c, 404, "HTTP 404 Not Found");
        return ok;
}

void sl_rest_task_status(struct sl_rest_call *c)
{
        int32_t task;
        if (!task_number(c, &task) || !sl_rest_ready(c))
                return;
        json_t *body = sl_herder_task_status(c->h, c->segments[1], (uint32_t)task);
        if (body)
                sl_rest_json(c, 200, body);
        else
                sl_rest_fail(c, 404, "No status found for task %s-%d", c->segments[1], task);
}

void sl_rest_give(struct sl_rest_call *c, struct sl_herder_call *call)
{
        if (sl_rest_do(c, call))
                answer(c, call);
}

void sl_rest_run(struct sl_rest_call *c, struct sl_herder_call *call)
{
        if (!sl_rest_ready(c))
                return;
        call->name = c->segments[1];
        sl_rest_give(c, call);
}

void sl_rest_topics_get(struct sl_rest_call *c)
{
        if (!sl_herder_options(c->h)->cfg->topic_tracking)
                sl_rest_fail(c, 403, "Topic tracking is disabled.");
        else if (sl_rest_ready(c))
                sl_rest_json(c, 200, sl_herder_topics(c->h, c->segments[1]));
}

void sl_rest_topics_reset(struct sl_rest_call *c)
{
        const struct sl_worker_cfg *cfg = sl_herder_options(c->h)->cfg;
        if (!cfg->topic_tracking)
                sl_rest_fail(c, 403, "Topic tracking is disabled.");
        else if (!cfg->topic_tracking_reset)
                sl_rest_fail(c, 403, "Topic tracking reset is disabled.");
        else
                sl_rest_run(c, &(struct sl_herder_call){.op = SL_OP_TOPICS_RESET});
}

void sl_rest_connector_delete(struct sl_rest_call *c)
{
        sl_rest_run(c, &(struct sl_herder_call){.op = SL_OP_DELETE});
}

void sl_rest_pause(struct sl_rest_call *c)
{
        sl_rest_run(c, &(struct sl_herder_call){.op = SL_OP_TARGET, .target = SL_TARGET_PAUSED});
}

void sl_rest_resume(struct sl_rest_call *c)
{
        sl_rest_run(c, &(struct sl_herder_call){.op = SL_OP_TARGET, .target = SL_TARGET_STARTED});
}

void sl_rest_stop(struct sl_rest_call *c)
{
        sl_rest_run(c, &(struct sl_herder_call){.op = SL_OP_TARGET, .target = SL_TARGET_STOPPED});
}

void sl_rest_restart(struct sl_rest_call *c)
{
        sl_rest_run(c, &(struct sl_herder_call){.op = SL_OP_RESTART,
                                        .include_tasks = sl_rest_query_bool(c, "includeTasks", false),
                                        .only_failed = sl_rest_query_bool(c, "onlyFailed", false)});
}

void sl_rest_task_restart(struct sl_rest_call *c)
{
        int32_t task;
        if (task_number(c, &task))
                sl_rest_run(c, &(struct sl_herder_call){.op = SL_OP_RESTART_TASK, .task = (uint32_t)task});
}
