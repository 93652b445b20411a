/* SPDX-License-Identifier: Apache-2.0 */
/* The program's side of assist.h: what the commands do for --connect, over the same code, for a connector that runs on. Origins that were
 * found are kept as long as it; who lends is asked anew. */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "dlq/assist.h"
#include "dlq/cmd_lend.h"
#include "dlq/cmd_rest.h"
#include "dlq/origin.h"

#define SHAPE_MS 10000

struct sl_dlq_assist {
        struct sl_dlq_run run; /* found: by all searches */
        bool told; /* what can't be lent was logged */
};

static struct sl_dlq_assist *open_assist(void *program, const struct sl_dlq_assist_opts *opts)
{
        struct sl_dlq_assist *a = sl_calloc(1, sizeof(*a));
        bool self = strcmp(opts->connect, "self") == 0;
        a->run = (struct sl_dlq_run){.herder = self ? program : NULL,
                                     .plugins = sl_herder_options(program)->plugins,
                                     .kafka = opts->kafka,
                                     .admin = opts->admin,
                                     .opts = {.topic = opts->topic, .connect = self ? NULL : opts->connect, .client = *opts->client}};
        return a;
}

static void log_said(struct sl_dlq_assist *a, char *text)
{
        if (a->told)
                return;
        for (char *line = text, *next; line && *line; line = next) {
                next = line + strcspn(line, "\n");
                sl_info("%.*s", (int)(next - line), strncmp(line, "sluice: ", 8) == 0 ? line + 8 : line);
                next += *next == '\n';
                a->told = true;
        }
}

static bool refresh(struct sl_dlq_assist *a)
{
        struct sl_err why = {0};
        char *text = NULL;
        size_t len = 0;
        sl_dlq_lenders_free(a->run.lenders);
        a->run.lenders = NULL;
        a->run.say = open_memstream(&text, &len);
        enum sl_rc rc = sl_dlq_lenders_open(&a->run, &a->run.lenders, &why);
        fclose(a->run.say);
        a->run.say = NULL;
        if (rc != SL_OK && why.id != SL_E_CONFIG) /* that nobody has this topic is no news */
                sl_log_err(SL_LOG_WARN, &why, "nobody lends converters and transforms for dead letters");
        log_said(a, text);
        free(text);
        return rc == SL_OK;
}

static enum sl_rc search(struct sl_dlq_assist *a, const struct sl_dlq_scan_opts *scan, struct sl_err *err)
{
        const char *topics[SL_DLQ_LENT_TOPICS + 1];
        struct sl_dlq_found *found = NULL;
        uint32_t n = sl_dlq_lenders_topics(a->run.lenders, topics);
        topics[n] = NULL;
        if (!n)
                return SL_OK;
        SL_TRY(sl_dlq_origin_search(scan, topics, false, &found, err));
        sl_dlq_found_join(&a->run.found, found);
        return SL_OK;
}

static void improve(void *arg, struct sl_dlq_item *it, struct sl_arena *arena)
{
        struct sl_dlq_assist *a = arg;
        sl_dlq_run_improve(&a->run, it, arena);
}

/* A worker's REST shows no secrets, so only this one's own connectors are asked through. */
static const struct sl_validation *checks_of(const struct sl_dlq_assist *a, const char *connector, const struct sl_sink_ops **ret_sink)
{
        const struct sl_dlq_lenders *all = a->run.lenders;
        for (uint32_t i = 0; all && a->run.herder && i < all->count; i++) {
                const struct sl_props *config = &all->checks[i].resolved;
                const char *class = sl_props_get(config, "connector.class");
                if (strcmp(all->items[i].connector, connector) != 0)
                        continue;
                for (size_t k = 0; class && a->run.plugins->sinks[k]; k++) {
                        *ret_sink = a->run.plugins->sinks[k];
                        if ((*ret_sink)->shape && sl_plugin_named((*ret_sink)->name, (*ret_sink)->aliases, "Connector", class))
                                return &all->checks[i];
                }
        }
        return NULL;
}

static bool has_shape(const struct sl_dlq_assist *a, const char *connector)
{
        const struct sl_sink_ops *sink;
        return checks_of(a, connector, &sink) != NULL;
}

struct patience {
        const atomic_bool *stop;
        int64_t until_ms;
};

static enum sl_rc be_patient(void *arg, struct sl_err *err)
{
        const struct patience *p = arg;
        if (atomic_load_explicit(p->stop, memory_order_relaxed))
                return sl_fail(err, SL_E_STOPPED, "stopped");
        return sl_mono_ms() < p->until_ms ? SL_OK : sl_fail(err, SL_E_HTTP_UNREACHABLE, "no answer within %d s", SHAPE_MS / 1000);
}

static enum sl_rc shape(const struct sl_dlq_assist *a, const char *connector, const char *topic, const atomic_bool *stop, int64_t *ret,
                        struct sl_err *err)
{
        const struct sl_sink_ops *sink;
        const struct sl_validation *v = checks_of(a, connector, &sink);
        struct patience patience = {stop, sl_mono_ms() + SHAPE_MS};
        const struct sl_task_env env = {
                .connector = connector, .stop = stop, .tick = be_patient, .tick_arg = &patience, .memory_bytes = 1 << 20};
        struct sl_cfg_report report = {0};
        struct sl_arena arena;
        struct sl_buf text = {0};
        if (!v)
                return sl_fail(err, SL_E_CONFIG, "connector %s lends nothing any more", connector);
        sl_arena_init(&arena, 0);
        void *cfg = sl_arena_zalloc(&arena, sink->config_size);
        sl_cfg_parse(sink->config, &v->resolved, cfg, &arena, &report);
        enum sl_rc rc = report.errors ? sl_fail(err, SL_E_CONFIG, "the configuration of %s is refused", connector)
                                      : sink->shape(cfg, &env, topic, &text, err);
        *ret = (int64_t)(sl_hash(text.ptr, text.len) >> 1 | 1);
        sl_buf_free(&text);
        sl_cfg_report_free(&report);
        sl_arena_free(&arena);
        return rc;
}

static void close_assist(struct sl_dlq_assist *a)
{
        if (!a)
                return;
        sl_dlq_found_free(a->run.found);
        sl_dlq_lenders_free(a->run.lenders);
        free(a);
}

void sl_dlq_assist_start(struct sl_herder *herder)
{
        static struct sl_dlq_assist_ops ops = {
                .open = open_assist, .refresh = refresh, .search = search, .improve = improve,
                .has_shape = has_shape, .shape = shape, .close = close_assist};
        ops.program = herder;
        sl_dlq_connector_assist(&ops);
}
