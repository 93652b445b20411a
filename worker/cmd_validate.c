/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice validate`: the checks of PUT .../config/validate over a file, as a table. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cluster/connfile.h"
#include "cluster/validate.h"
#include "cmd.h"

static void print_finding(const char *kind, const char *key, const char *text)
{
        printf("%-8s%-40s %s\n", kind, key ? key : "", text);
}

static int print_report(const char *path, const struct sl_validation *v)
{
        for (uint32_t i = 0; i < v->report.count; i++)
                if (!v->report.findings[i].warning)
                        print_finding("ERROR", v->report.findings[i].key, v->report.findings[i].text);
        for (uint32_t i = 0; i < v->report.count; i++)
                if (v->report.findings[i].warning)
                        print_finding("WARNING", v->report.findings[i].key, v->report.findings[i].text);
        uint32_t warnings = v->report.count - v->report.errors;
        printf("%s: %s, %u error(s), %u warning(s)\n", path, v->report.errors ? "invalid" : "valid", v->report.errors,
               warnings);
        return v->report.errors ? SL_EXIT_CONFIG : SL_EXIT_OK;
}

static int check(const struct sl_args *args, const char *path, const struct sl_worker_cfg *worker,
                 const struct sl_plugins *plugins)
{
        struct sl_herder_initial conn = {0};
        struct sl_validation v = {0};
        struct sl_err err = {0};
        struct sl_validate_opts opts = {
                .plugins = plugins,
                .providers = worker->providers,
                .worker = args->worker ? &worker->props : NULL,
                .worker_group = worker->distributed ? worker->group_id : NULL,
                .override_policy = worker->override_policy,
                .offline = args->offline,
        };
        int code = SL_EXIT_CONFIG;
        enum sl_rc rc = sl_connfile_load(path, &conn, &err);
        if (rc == SL_OK)
                rc = sl_validate(&opts, &conn.config, &v, &err);
        if (rc == SL_OK) {
                code = print_report(path, &v);
        } else {
                print_finding("ERROR", err.id == SL_E_CONFIG ? "connector.class" : "", err.msg);
                printf("%s: invalid, 1 error(s), 0 warning(s)\n", path);
        }
        sl_validation_free(&v);
        sl_connfile_free(&conn);
        return code;
}

int sl_cmd_validate(const struct sl_args *args)
{
        if (!args->nfiles) {
                fprintf(stderr, "sluice: validate needs a connector file\n");
                return SL_EXIT_USAGE;
        }
        struct sl_worker_cfg worker = {0};
        struct sl_cfg_report report = {0};
        struct sl_err err = {0};
        struct sl_worker_cfg_opts opts = {.path = args->worker, .sets = args->sets, .env = environ};
        int code = SL_EXIT_OK;
        if (sl_worker_cfg_load(&opts, &worker, &report, &err) != SL_OK) {
                fprintf(stderr, "sluice: %s\n", err.msg);
                code = SL_EXIT_CONFIG;
        }
        struct sl_plugin_set set = {0};
        struct sl_cfg_report loaded = {0};
        sl_plugin_set_load(&set, &sl_built_in, &worker.plugin_path, &loaded);
        for (uint32_t i = 0; i < loaded.count; i++)
                fprintf(stderr, "sluice: %s\n", loaded.findings[i].text);
        sl_cfg_report_free(&loaded);
        for (size_t i = 0; code != SL_EXIT_USAGE && worker.providers && i < args->nfiles; i++) {
                int one = check(args, args->files[i], &worker, &set.all);
                code = one ? one : code;
        }
        sl_cfg_report_free(&report);
        sl_plugin_set_free(&set);
        sl_worker_cfg_free(&worker);
        return code;
}
