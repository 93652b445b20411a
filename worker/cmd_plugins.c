/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice plugins` and `sluice version`. */
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "cluster/workercfg.h"
#include "cmd.h"
#include "kafka/client.h"

/* The reference page of a plugin, or of "worker": the worker's own keys. */
static int print_page(const char *name)
{
        const struct sl_cfg_def *tables[2];
        if (strcmp(name, "worker") == 0) {
                tables[0] = sl_worker_defs;
                tables[1] = NULL;
        } else if (!sl_plugins_tables(&sl_built_in, name, tables)) {
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
                fprintf(stderr, "sluice: plugins takes no arguments but --markdown NAME\n");
                return SL_EXIT_USAGE;
        }
        if (args->markdown)
                return print_page(args->markdown);
        json_t *list = sl_plugins_json(&sl_built_in, false), *row;
        size_t i;
        json_array_foreach(list, i, row)
        {
                const char *version = sl_json_str(row, "version");
                printf("%-18s%-80s %s\n", sl_json_str(row, "type"), sl_json_str(row, "class"), version ? version : "");
        }
        json_decref(list);
        return SL_EXIT_OK;
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
