/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice plugins` and `sluice version`. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/json.h"
#include "cluster/workercfg.h"
#include "cmd.h"
#include "kafka/client.h"

bool sl_cmd_load_plugins(const struct sl_args *args, struct sl_plugin_set *set)
{
        struct sl_worker_cfg worker = {0};
        struct sl_cfg_report report = {0}, ignored = {0};
        struct sl_err err = {0};
        struct sl_worker_cfg_opts opts = {.path = args->worker, .sets = args->sets, .env = environ};
        bool ok = !args->worker || sl_worker_cfg_load(&opts, &worker, &ignored, &err) == SL_OK;
        if (!ok)
                fprintf(stderr, "sluice: %s\n", err.msg);
        sl_plugin_set_load(set, &sl_built_in, &worker.plugin_path, &report);
        for (uint32_t i = 0; i < report.count; i++)
                fprintf(stderr, "sluice: %s\n", report.findings[i].text);
        ok = ok && !report.errors;
        sl_cfg_report_free(&report);
        sl_cfg_report_free(&ignored);
        sl_worker_cfg_free(&worker);
        return ok;
}

/* The reference page of a plugin, or of "worker": the worker's own keys. */
static int print_page(const struct sl_plugins *all, const char *name)
{
        const struct sl_cfg_def *tables[2];
        if (strcmp(name, "worker") == 0) {
                tables[0] = sl_worker_defs;
                tables[1] = NULL;
        } else if (!sl_plugins_tables(all, name, tables)) {
                fprintf(stderr, "sluice: there is no plugin %.200s; `sluice plugins` lists them\n", name);
                return SL_EXIT_USAGE;
        }
        /* A connector's own keys come first on its page, the common ones after them. */
        const struct sl_cfg_def *own = tables[1] ? tables[1] : tables[0], *common = tables[1] ? tables[0] : NULL;
        struct sl_buf out = {0};
        sl_buf_printf(&out, "# %s\n\n", name);
        sl_cfg_markdown(own, &out);
        if (common) {
                sl_buf_adds(&out, "\n## Keys of every connector of this kind\n\n");
                sl_cfg_markdown(common, &out);
        }
        fwrite(sl_buf_cstr(&out), 1, out.len, stdout);
        sl_buf_free(&out);
        return SL_EXIT_OK;
}

int sl_cmd_plugins(const struct sl_args *args)
{
        if (args->nfiles) {
                fprintf(stderr, "sluice: plugins takes no arguments but --markdown NAME and --worker FILE\n");
                return SL_EXIT_USAGE;
        }
        struct sl_plugin_set set = {0};
        int code = sl_cmd_load_plugins(args, &set) ? SL_EXIT_OK : SL_EXIT_FAILED;
        if (args->markdown) {
                int page = print_page(&set.all, args->markdown);
                sl_plugin_set_free(&set);
                return page ? page : code;
        }
        json_t *list = sl_plugins_json(&set.all, false), *row;
        size_t i;
        json_array_foreach(list, i, row)
        {
                const char *version = sl_json_str(row, "version");
                printf("%-18s%-80s %s\n", sl_json_str(row, "type"), sl_json_str(row, "class"), version ? version : "");
        }
        json_decref(list);
        sl_plugin_set_free(&set);
        return code;
}

int sl_cmd_version(const struct sl_args *args)
{
        (void)args;
        printf("sluice %s\nKafka Connect compatible with %s\nlibrdkafka %s\n", SLUICE_VERSION, SL_KAFKA_COMPATIBLE,
               sl_kafka_version());
        for (size_t i = 0; sl_sources[i]; i++)
                printf("source %s %s\n", sl_sources[i]->name, sl_sources[i]->version);
        for (size_t i = 0; sl_sinks[i]; i++)
                printf("sink %s %s\n", sl_sinks[i]->name, sl_sinks[i]->version);
        return SL_EXIT_OK;
}
