/* SPDX-License-Identifier: Apache-2.0 */
/* A connector's offsets through the herder: GET from any thread, PATCH and DELETE in the herder's, one behind the other
 * with every other change of the connector, so that nothing starts a task meanwhile. The work is offsets.c's. */
#include <string.h>
#include <time.h>
#include "cluster/herder_internal.h"
#include "cluster/offsets.h"

#define END_WAIT_MS 5000
#define END_PAUSE_MS 20

/* The connector's resolved config and its class. */
static enum sl_rc describe(struct sl_herder *h, const struct sl_props *config, struct sl_props *resolved,
                           struct sl_offsets_of *of, struct sl_err *err)
{
        SL_TRY(sl_providers_resolve(h->opts.cfg->providers, config, resolved, err));
        const char *class = sl_props_get(resolved, "connector.class");
        of->cfg = h->opts.cfg;
        of->admin = h->admin;
        of->config = resolved;
        if (!of->admin)
                return sl_fail(err, SL_E_KAFKA, "This worker has no Kafka");
        return sl_plugins_connector(h->opts.plugins, class ? class : "", &of->source, &of->sink, err);
}

int sl_herder_offsets(struct sl_herder *h, const char *name, json_t **ret, struct sl_buf *message)
{
        struct sl_err err = {0};
        struct sl_props config = {0}, resolved = {0};
        struct sl_offsets_of of = {.connector = name};
        json_t *offsets = NULL;
        int status = 200;
        if (!sl_herder_config(h, name, &config)) {
                status = 404;
                sl_buf_printf(message, "Connector %s not found", name);
        } else if (describe(h, &config, &resolved, &of, &err) != SL_OK || sl_offsets_read(&of, &offsets, &err) != SL_OK) {
                status = 500;
                sl_buf_adds(message, err.msg);
        } else {
                *ret = json_object();
                json_object_set_new(*ret, "offsets", offsets);
        }
        sl_props_free(&config);
        sl_props_free(&resolved);
        return status;
}

/* Tasks that were told to stop end soon, a source at a commit boundary. One that doesn't is fenced, or keeps its
 * consumer group busy. */
static void let_tasks_end(struct sl_herder *h, struct conn *c)
{
        for (int waited = 0; waited < END_WAIT_MS; waited += END_PAUSE_MS) {
                pthread_mutex_lock(&h->lock);
                bool ending = sl_herder_reconcile(h, c);
                pthread_mutex_unlock(&h->lock);
                if (!ending)
                        return;
                nanosleep(&(struct timespec){.tv_nsec = END_PAUSE_MS * 1000000L}, NULL);
        }
}

static void change(struct sl_herder *h, const struct conn *c, const json_t *offsets, struct sl_offsets_answer *ret)
{
        struct sl_err err = {0};
        struct sl_props resolved = {0};
        struct sl_offsets_of of = {.connector = c->name};
        if (describe(h, &c->config, &resolved, &of, &err) == SL_OK)
                sl_offsets_change(&of, offsets, ret);
        else
                sl_offsets_say(ret, 500, "%s", err.msg);
        sl_props_free(&resolved);
}

void sl_herder_run_offsets(struct sl_herder *h, struct sl_herder_call *call)
{
        struct sl_offsets_answer answer = {0};
        struct conn *c = sl_herder_find(h, call->name);
        bool alter = call->op == SL_OP_OFFSETS_ALTER;
        if (!c) {
                sl_offsets_say(&answer, 404, "Connector %s not found", call->name);
        } else if (c->target != SL_TARGET_STOPPED) {
                sl_offsets_say(&answer, 400,
                               "Connectors must be in the STOPPED state before their offsets can be modified. This can "
                               "be done for the specified connector by issuing a 'PUT' request to the "
                               "'/connectors/%s/stop' endpoint",
                               call->name);
        } else {
                let_tasks_end(h, c);
                change(h, c, alter ? call->offsets : NULL, &answer);
        }
        call->status = answer.status;
        if (answer.status == 200) {
                call->body = json_object();
                json_object_set_new(call->body, "message", json_string(answer.message));
        } else {
                snprintf(call->message, sizeof(call->message), "%s", answer.message);
        }
}
