/* SPDX-License-Identifier: Apache-2.0 */
/* The program's side of assist.h: what the commands do for --connect, over the same code, for a connector that runs on. Origins that were
 * found are kept as long as it; who lends is asked anew. */
#include <stdio.h>
#include <stdlib.h>
#include "base/log.h"
#include "dlq/assist.h"
#include "dlq/cmd_lend.h"
#include "dlq/cmd_rest.h"
#include "dlq/origin.h"

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
                .open = open_assist, .refresh = refresh, .search = search, .improve = improve, .close = close_assist};
        ops.program = herder;
        sl_dlq_connector_assist(&ops);
}
