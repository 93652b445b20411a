/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice worker`: read the configuration, bind REST, start the herder, wait for a signal, stop. REST is bound first so
 * that a second worker on the same port fails before it touches Kafka, and so that /health answers while Kafka is
 * awaited. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "cluster/connfile.h"
#include "cluster/herder.h"
#include "cmd.h"
#include "dlq/alert.h"
#include "dlq/cmd_rest.h"
#include "kafka/aside.h"
#include "rest/server.h"

struct worker {
        struct sl_worker_cfg cfg;
        struct sl_plugin_set plugins;
        struct sl_herder_initial *initial;
        size_t ninitial;
        struct sl_rest_server *rest;
        struct sl_herder *herder;
        struct sl_dlq_rest *dlq;
        struct sl_dlq_alert_sender *alerts; /* NULL = none are asked for */
        int signal_fd, failed_fd;
        atomic_int failed_code;
};

static int load_config(const struct sl_args *args, struct worker *w)
{
        struct sl_cfg_report report = {0};
        struct sl_err err = {0};
        struct sl_worker_cfg_opts opts = {.path = args->files[0], .sets = args->sets, .env = environ};
        enum sl_rc rc = sl_worker_cfg_load(&opts, &w->cfg, &report, &err);
        for (uint32_t i = 0; i < report.count; i++)
                sl_log_write(report.findings[i].warning ? SL_LOG_WARN : SL_LOG_ERROR, "worker configuration: %s",
                             report.findings[i].text);
        bool bad = rc != SL_OK || report.errors;
        if (rc != SL_OK)
                sl_log_err(SL_LOG_ERROR, &err, "worker configuration");
        sl_cfg_report_free(&report);
        return bad ? SL_EXIT_CONFIG : SL_EXIT_OK;
}

/* A plugin that is refused is as if it were not there: connectors that name it fail, the others run. */
static void load_plugins(struct worker *w)
{
        struct sl_cfg_report report = {0};
        sl_plugin_set_load(&w->plugins, &sl_built_in, &w->cfg.plugin_path, &report);
        for (uint32_t i = 0; i < report.count; i++)
                sl_log_write(report.findings[i].warning ? SL_LOG_WARN : SL_LOG_ERROR, "%s", report.findings[i].text);
        sl_cfg_report_free(&report);
}

static int load_connectors(const struct sl_args *args, struct worker *w)
{
        w->initial = sl_calloc(args->nfiles, sizeof(*w->initial));
        for (size_t i = 1; i < args->nfiles; i++) {
                struct sl_err err = {0};
                struct sl_herder_initial *conn = &w->initial[w->ninitial++];
                if (sl_connfile_load(args->files[i], conn, &err) != SL_OK) {
                        sl_log_err(SL_LOG_ERROR, &err, "connector file");
                        return SL_EXIT_CONFIG;
                }
                if (!*conn->name) {
                        sl_error("connector file %s has no \"name\"", args->files[i]);
                        return SL_EXIT_CONFIG;
                }
        }
        return SL_EXIT_OK;
}

/* From the herder's thread. */
static void on_failed(void *arg, int code)
{
        struct worker *w = arg;
        uint64_t one = 1;
        atomic_store(&w->failed_code, code);
        while (write(w->failed_fd, &one, sizeof(one)) < 0 && errno == EINTR)
                ;
}

/* Before any thread: signals come through a descriptor only. */
static int take_signals(void)
{
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
        return signalfd(-1, &set, SFD_CLOEXEC);
}

/* A second signal while stopping: whoever sends it has waited long enough. */
static void *watch_second_signal(void *arg)
{
        struct signalfd_siginfo si;
        int fd = (int)(intptr_t)arg;
        while (read(fd, &si, sizeof(si)) < 0 && errno == EINTR)
                ;
        sl_warn("second signal: leaving at once");
        _exit(SL_EXIT_FAILED);
}

static int run(struct worker *w)
{
        struct pollfd fds[2] = {{.fd = w->signal_fd, .events = POLLIN}, {.fd = w->failed_fd, .events = POLLIN}};
        while (poll(fds, 2, -1) < 0 && errno == EINTR)
                ;
        if (!(fds[0].revents & POLLIN))
                return atomic_load(&w->failed_code);
        struct signalfd_siginfo si = {0};
        if (read(w->signal_fd, &si, sizeof(si)) == sizeof(si))
                sl_info("%s: stopping", strsignal((int)si.ssi_signo));
        return SL_EXIT_OK;
}

static int start(struct worker *w)
{
        struct sl_err err = {0};
        if (sl_rest_server_bind(&w->cfg, &w->rest, &err) != SL_OK) {
                sl_log_err(SL_LOG_ERROR, &err, "REST can't be served");
                return SL_EXIT_CONFIG;
        }
        struct sl_herder_opts opts = {
                .cfg = &w->cfg,
                .plugins = &w->plugins.all,
                .worker_id = sl_rest_server_id(w->rest),
                .url = sl_rest_server_url(w->rest),
                .initial = w->initial,
                .ninitial = w->ninitial,
                .failed = on_failed,
                .arg = w,
        };
        w->herder = sl_herder_start(&opts);
        sl_dlq_assist_start(w->herder);
        w->dlq = sl_dlq_rest_new(&w->cfg);
        if (sl_rest_server_serve(w->rest, w->herder, sl_dlq_rest_routes(w->dlq), &err) != SL_OK) {
                sl_log_err(SL_LOG_ERROR, &err, "REST can't be served");
                return SL_EXIT_FAILED;
        }
        sl_info("sluice %s: REST listens on %s, worker id %s", SLUICE_VERSION, w->cfg.listeners.items[0],
                sl_rest_server_id(w->rest));
        return SL_EXIT_OK;
}

static void start_alerts(struct worker *w)
{
        const struct sl_worker_cfg *cfg = &w->cfg;
        struct sl_dlq_alert_opts opts = {.limits = {.open_max = cfg->alert_open,
                                                    .oldest_max_s = cfg->alert_oldest_s,
                                                    .retention_min_s = cfg->alert_retention_s,
                                                    .new_failure_s = cfg->alert_new_s},
                                         .url = cfg->alert_url,
                                         .worker = sl_rest_server_id(w->rest),
                                         .interval_ms = cfg->alert_interval_ms};
        if (cfg->alert_url && *cfg->alert_url)
                w->alerts = sl_dlq_alerts_start(&opts);
}

static void release(struct worker *w)
{
        for (size_t i = 0; i < w->ninitial; i++)
                sl_connfile_free(&w->initial[i]);
        free(w->initial);
        sl_plugin_set_free(&w->plugins);
        sl_worker_cfg_free(&w->cfg);
        close(w->failed_fd); /* the signal descriptor stays: the thread that waits for a second signal reads it */
}

int sl_cmd_worker(const struct sl_args *args)
{
        struct worker w = {0};
        if (!args->nfiles) {
                fprintf(stderr, "sluice: worker needs a properties file\n");
                return SL_EXIT_USAGE;
        }
        w.signal_fd = take_signals();
        w.failed_fd = eventfd(0, EFD_CLOEXEC);
        int code = load_config(args, &w);
        if (code == SL_EXIT_OK) {
                load_plugins(&w);
                code = load_connectors(args, &w);
        }
        if (code == SL_EXIT_OK)
                code = start(&w);
        if (code == SL_EXIT_OK) {
                start_alerts(&w);
                code = run(&w);
        }
        pthread_t second;
        if (w.herder && pthread_create(&second, NULL, watch_second_signal, (void *)(intptr_t)w.signal_fd) == 0)
                pthread_detach(second);
        sl_dlq_alerts_stop(w.alerts);
        if (w.dlq)
                sl_dlq_rest_stop(w.dlq);
        if (w.herder && !sl_herder_stop(w.herder)) {
                sl_warn("stopped with tasks that did not end in time; nothing is lost, they go on from their stored "
                        "offsets");
                _exit(code); /* they still use what would be freed */
        }
        sl_rest_server_free(w.rest);
        sl_dlq_rest_free(w.dlq);
        sl_herder_free(w.herder);
        bool ended = sl_kafka_wait_aside(SL_KAFKA_ASIDE_MS);
        if (w.herder)
                sl_info("stopped");
        if (!ended)
                _exit(code); /* clients that wait for brokers still have their threads; what is on its way is nobody's any more */
        release(&w);
        return code;
}
