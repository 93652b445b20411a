/* SPDX-License-Identifier: Apache-2.0 */
/* What the REST handlers share: the parsed request and small helpers. Handlers: connectors.c (/connectors), plugins.c
 * (/connector-plugins), admin.c (/, /health, /metrics, /admin/loggers). api.c has the route table, forward.c asks other workers. */
#ifndef SL_REST_ROUTE_H
#define SL_REST_ROUTE_H
#include "rest/api.h"

#define SL_REST_SEGMENTS 6

struct sl_rest_call {
        struct sl_herder *h;
        const struct sl_rest_request *req;
        struct sl_rest_response *resp;
        char *segments[SL_REST_SEGMENTS]; /* decoded path segments */
        size_t nsegments;
        void *arg; /* of sl_rest_extra */
};

/* Answer with JSON (taken over). */
void sl_rest_json(struct sl_rest_call *c, int status, json_t *body);
void sl_rest_empty(struct sl_rest_call *c, int status);
void sl_rest_fail(struct sl_rest_call *c, int status, const char *fmt, ...) sl_printf(3, 4);
/* The first value of a query parameter, decoded and added to out; false = not given. index: which one, 0 = the first.
 */
bool sl_rest_query(const struct sl_rest_call *c, const char *name, size_t index, struct sl_buf *out);
/* One parameter after the other, in their order: name and value, decoded (cleared first). *at begins with the request's query. False: the
 * end, or *ret_bad: a text that can't be decoded. */
bool sl_rest_query_next(const char **at, struct sl_buf *name, struct sl_buf *value, bool *ret_bad);
bool sl_rest_query_bool(const struct sl_rest_call *c, const char *name, bool fallback);
/* Hand the call to the herder. false = answered already: another worker was asked (forward.c). */
bool sl_rest_do(struct sl_rest_call *c, struct sl_herder_call *call);
/* The body as a JSON object (owned by the caller); false = answered with an error. */
bool sl_rest_body(struct sl_rest_call *c, json_t **ret);
/* The same for a map of texts: numbers come as strings, spelled as the client spelled them. */
bool sl_rest_text_body(struct sl_rest_call *c, json_t **ret);
/* 500 in Jackson's words: a value of the wrong type, a field that nobody knows. class: the Java type that is expected. */
void sl_rest_wrong_type(struct sl_rest_call *c, const char *class, const json_t *got);
void sl_rest_unknown_field(struct sl_rest_call *c, const char *class, const char *field);
/* Give the call to the herder and answer with what it says; run: for the connector that the path names. */
void sl_rest_give(struct sl_rest_call *c, struct sl_herder_call *call);
void sl_rest_run(struct sl_rest_call *c, struct sl_herder_call *call);
/* Reads need the herder to be up; false = answered with an error. */
bool sl_rest_ready(struct sl_rest_call *c);
/* Percent-decode; false on a broken escape, a NUL, or text that is not UTF-8. plus: '+' is a space (queries). */
bool sl_rest_decode(struct sl_str in, bool plus, struct sl_buf *out);
void sl_rest_encode_segment(const char *text, struct sl_buf *out);

void sl_rest_root(struct sl_rest_call *c);
void sl_rest_health(struct sl_rest_call *c);
void sl_rest_metrics(struct sl_rest_call *c);
void sl_rest_loggers_list(struct sl_rest_call *c);
void sl_rest_logger_get(struct sl_rest_call *c);
void sl_rest_logger_put(struct sl_rest_call *c);
void sl_rest_plugins_list(struct sl_rest_call *c);
void sl_rest_plugin_config(struct sl_rest_call *c);
void sl_rest_plugin_validate(struct sl_rest_call *c);
void sl_rest_connectors_list(struct sl_rest_call *c);
void sl_rest_connectors_post(struct sl_rest_call *c);
void sl_rest_connector_get(struct sl_rest_call *c);
void sl_rest_connector_delete(struct sl_rest_call *c);
void sl_rest_config_get(struct sl_rest_call *c);
void sl_rest_config_put(struct sl_rest_call *c);
void sl_rest_config_patch(struct sl_rest_call *c);
void sl_rest_status_get(struct sl_rest_call *c);
void sl_rest_tasks_get(struct sl_rest_call *c);
void sl_rest_task_status(struct sl_rest_call *c);
void sl_rest_task_restart(struct sl_rest_call *c);
void sl_rest_restart(struct sl_rest_call *c);
void sl_rest_pause(struct sl_rest_call *c);
void sl_rest_resume(struct sl_rest_call *c);
void sl_rest_stop(struct sl_rest_call *c);
void sl_rest_topics_get(struct sl_rest_call *c);
void sl_rest_topics_reset(struct sl_rest_call *c);
void sl_rest_offsets_get(struct sl_rest_call *c);
void sl_rest_offsets_patch(struct sl_rest_call *c);
void sl_rest_offsets_delete(struct sl_rest_call *c);
#endif
