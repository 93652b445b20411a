/* SPDX-License-Identifier: Apache-2.0 */
/* --connect: which connectors of a worker write their dead letters to the topic, and what they lend. Asked once, by
 * GET /connectors?expand=info, which a JVM worker answers as ours does, for connectors of every state; the worker that runs this itself
 * is asked without HTTP. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "base/http.h"
#include "base/json.h"
#include "cluster/herder.h"
#include "cluster/validate.h"
#include "dlq/cmd.h"
#include "dlq/cmd_lend.h"

static enum sl_rc ask(const char *url, const char *path, json_t **ret, struct sl_err *err)
{
        struct sl_buf address = {0};
        struct sl_http *http = sl_http_new(&(struct sl_http_opts){.timeout_ms = 30000});
        struct sl_http_response resp = {0};
        size_t len = strlen(url);
        sl_buf_printf(&address, "%.*s%s", (int)(url[len - 1] == '/' ? len - 1 : len), url, path);
        struct sl_http_request req = {.method = "GET", .url = sl_buf_cstr(&address)};
        enum sl_rc rc = sl_http_do(http, &req, &resp, err);
        if (rc == SL_OK && resp.status != 200)
                rc = sl_fail(err, SL_E_HTTP_UNREACHABLE, "%s answers with status %d: is it the address of a Connect worker's REST?",
                             url, resp.status);
        if (rc == SL_OK)
                rc = sl_json_parse((struct sl_str){resp.body.ptr, resp.body.len}, ret, err);
        sl_http_response_free(&resp);
        sl_http_free(http);
        sl_buf_free(&address);
        return rc;
}

static void add_topics(struct sl_dlq_lenders *all, struct sl_dlq_lender *l, const char *list)
{
        size_t n = 1;
        for (const char *p = list; p && *p; p++)
                n += *p == ',';
        const char **topics = sl_arena_zalloc(&all->arena, (n + 1) * sizeof(*topics));
        size_t count = 0;
        for (const char *p = list; p && *p;) {
                size_t len = strcspn(p, ",");
                while (len && *p == ' ') {
                        p++;
                        len--;
                }
                size_t end = len;
                while (end && p[end - 1] == ' ')
                        end--;
                if (end)
                        topics[count++] = sl_arena_strndup(&all->arena, p, end);
                p += len + (p[len] == ',');
        }
        l->topics = topics;
}

/* Converters and transforms of one connector. What this build doesn't have is said, and the rest is lent. */
static enum sl_rc open_lender(struct sl_dlq_run *run, struct sl_dlq_lenders *all, const char *name, const struct sl_props *config,
                              struct sl_err *err)
{
        struct sl_dlq_lender *l = &all->items[all->count];
        struct sl_validation *v = &all->checks[all->count];
        const struct sl_plugins *plugins = run->plugins;
        struct sl_validate_opts opts = {.plugins = plugins, .providers = all->providers, .offline = true};
        memset(l, 0, sizeof(*l));
        memset(v, 0, sizeof(*v));
        l->connector = sl_arena_strdup(&all->arena, name);
        enum sl_rc checked = sl_validate_chain(&opts, config, v);
        all->count++;
        add_topics(all, l, sl_props_get(&v->resolved, "topics"));
        if (!sl_props_get(&v->resolved, "value.converter") && !sl_props_get(&run->opts.client, "value.converter"))
                fprintf(run->say, "sluice: %s uses its worker's converters, which REST does not tell: JsonConverter is assumed. Name them in "
                                "--command-config, as key.converter and value.converter\n", name);
        enum sl_rc rc = sl_codec_open(&l->codec, &(struct sl_converter_env){0}, &run->opts.client, &v->resolved, err);
        if (rc != SL_OK) {
                sl_codec_close(&l->codec);
                return rc;
        }
        struct sl_err why = {0};
        if (checked == SL_OK && sl_chain_new(plugins, &v->resolved, &v->common, &l->chain, &why) == SL_OK)
                return SL_OK;
        for (uint32_t i = 0; i < v->report.count && why.id == SL_E_NONE; i++)
                if (!v->report.findings[i].warning)
                        fprintf(run->say, "sluice: %s: %s\n", name, v->report.findings[i].text);
        fprintf(run->say, "sluice: %s lends its converters only: its transforms can't run here%s%s\n", name, why.id ? ": " : "",
                why.id ? why.msg : "");
        return SL_OK;
}

static bool writes_to(const struct sl_props *config, const char *topic)
{
        static const char *const keys[] = {"errors.deadletterqueue.topic.name", "sluice.errors.deadletterqueue.topic.name"};
        for (size_t i = 0; i < 2; i++) {
                const char *v = sl_props_get(config, keys[i]);
                if (v && strcmp(v, topic) == 0)
                        return true;
        }
        return false;
}

static void consider(struct sl_dlq_run *run, struct sl_dlq_lenders *all, const char *name, const struct sl_props *config)
{
        struct sl_err why = {0};
        if (writes_to(config, run->opts.topic) && open_lender(run, all, name, config, &why) != SL_OK)
                fprintf(run->say, "sluice: %s can't lend its converters: %s\n", name, why.msg);
}

static void make_room(struct sl_dlq_lenders *all, size_t n)
{
        all->items = sl_calloc(n + 1, sizeof(*all->items));
        all->checks = sl_calloc(n + 1, sizeof(*all->checks));
}

static enum sl_rc ask_herder(struct sl_dlq_run *run, struct sl_dlq_lenders *all, struct sl_err *err)
{
        SL_TRY(sl_providers_new(&sl_herder_options(run->herder)->cfg->props, &all->providers, err));
        sl_auto_json *names = sl_herder_names(run->herder);
        const json_t *name;
        size_t i;
        make_room(all, json_array_size(names));
        json_array_foreach(names, i, name) {
                struct sl_props config = {0};
                if (sl_herder_config(run->herder, json_string_value(name), &config))
                        consider(run, all, json_string_value(name), &config);
                sl_props_free(&config);
        }
        return SL_OK;
}

static enum sl_rc ask_url(struct sl_dlq_run *run, struct sl_dlq_lenders *all, struct sl_err *err)
{
        struct sl_props none = {0};
        sl_auto_json *answer = NULL;
        const char *name;
        json_t *one;
        SL_TRY(ask(run->opts.connect, "/connectors?expand=info", &answer, err));
        SL_TRY(sl_providers_new(&none, &all->providers, err));
        make_room(all, json_object_size(answer));
        json_object_foreach(answer, name, one) {
                struct sl_props config = {0};
                struct sl_err why = {0};
                if (sl_props_from_json(&config, json_object_get(json_object_get(one, "info"), "config"), &why) == SL_OK)
                        consider(run, all, name, &config);
                sl_props_free(&config);
        }
        return SL_OK;
}

enum sl_rc sl_dlq_lenders_open(struct sl_dlq_run *run, struct sl_dlq_lenders **ret, struct sl_err *err)
{
        struct sl_dlq_lenders *all = sl_calloc(1, sizeof(*all));
        sl_arena_init(&all->arena, 0);
        enum sl_rc rc = run->herder ? ask_herder(run, all, err) : ask_url(run, all, err);
        if (rc == SL_OK && !all->count)
                rc = sl_fail(err, SL_E_CONFIG, "No connector of %s has errors.deadletterqueue.topic.name=%s",
                             run->herder ? "this worker" : run->opts.connect, run->opts.topic);
        if (rc != SL_OK) {
                sl_dlq_lenders_free(all);
                return rc;
        }
        *ret = all;
        return SL_OK;
}

uint32_t sl_dlq_lenders_topics(const struct sl_dlq_lenders *all, const char **topics)
{
        uint32_t n = 0;
        for (uint32_t i = 0; all && i < all->count; i++)
                for (const char *const *t = all->items[i].topics; t && *t && n < SL_DLQ_LENT_TOPICS; t++) {
                        uint32_t k = 0;
                        while (k < n && strcmp(topics[k], *t) != 0)
                                k++;
                        if (k == n)
                                topics[n++] = *t;
                }
        return n;
}

/* {"type","config",...} of a connector of the worker that lends; NULL = it has none of that name. */
static enum sl_rc ask_info(const struct sl_dlq_run *run, const char *connector, json_t **ret, struct sl_err *err)
{
        sl_auto_json *root = NULL, *answer = NULL;
        if (run->herder) {
                *ret = sl_herder_info(run->herder, connector);
                return SL_OK;
        }
        SL_TRY(ask(run->opts.connect, "/", &root, err));
        const char *build = sl_json_str(root, "commit");
        if (!build || strncmp(build, "sluice-", 7) != 0)
                return sl_fail(err, SL_E_CONFIG, "%s is not Sluice: only its sinks read what is replayed into them", run->opts.connect);
        SL_TRY(ask(run->opts.connect, "/connectors?expand=info", &answer, err));
        *ret = json_incref(json_object_get(json_object_get(answer, connector), "info"));
        return SL_OK;
}

enum sl_rc sl_dlq_check_target(const struct sl_dlq_run *run, const char *connector, struct sl_err *err)
{
        sl_auto_json *info = NULL;
        SL_TRY(ask_info(run, connector, &info, err));
        const char *type = sl_json_str(info, "type"), *reads = sl_json_str(json_object_get(info, "config"), "sluice.replay.topic.enable");
        if (!info)
                return sl_fail(err, SL_E_CONFIG, "%s has no connector %s", run->herder ? "this worker" : run->opts.connect, connector);
        if (!type || strcmp(type, "sink") != 0)
                return sl_fail(err, SL_E_CONFIG, "%s is no sink connector: nothing can be replayed into it", connector);
        if (reads && strcasecmp(reads, "false") == 0)
                return sl_fail(err, SL_E_CONFIG, "%s has sluice.replay.topic.enable=false: it would not read what is replayed into it",
                               connector);
        return SL_OK;
}

void sl_dlq_lenders_free(struct sl_dlq_lenders *all)
{
        if (!all)
                return;
        for (uint32_t i = 0; i < all->count; i++) {
                sl_chain_free(all->items[i].chain);
                sl_codec_close(&all->items[i].codec);
                sl_validation_free(&all->checks[i]);
        }
        sl_providers_free(all->providers);
        sl_arena_free(&all->arena);
        free(all->items);
        free(all->checks);
        free(all);
}

const struct sl_dlq_lender *sl_dlq_lender_of(const struct sl_dlq_lenders *all, const struct sl_dlq_item *it)
{
        for (uint32_t i = 0; i < all->count; i++)
                if (it->connector.ptr && sl_str_eqc(it->connector, all->items[i].connector))
                        return all->items[i].codec.value.ops ? &all->items[i] : NULL;
        for (uint32_t i = 0; i < all->count; i++) {
                const char *const *t = all->items[i].topics;
                while (t && *t && it->origin.topic.ptr && !sl_str_eqc(it->origin.topic, *t))
                        t++;
                if (t && *t && it->origin.topic.ptr && all->items[i].codec.value.ops)
                        return &all->items[i];
        }
        /* Of one connector it must be; of several nobody knows. */
        return all->count == 1 && all->items[0].codec.value.ops ? &all->items[0] : NULL;
}
