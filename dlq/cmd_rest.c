/* SPDX-License-Identifier: Apache-2.0 */
/* REST under /dlq (see cmd_rest.h). A query or a JSON body becomes the command line that means the same, so both have
 * one way to parse options, one way to do it and one job for the same arguments. What names a file or an address is not
 * for REST: it would be the worker's. */
#include "dlq/cmd_rest.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "dlq/cmd_lend.h"
#include "dlq/decode.h"
#include "dlq/place.h"
#include "dlq/spool.h"

#define ASK_MS 15000
#define LIST_MOST 10000   /* an answer is made in memory */
#define LIST_LIMIT "1000" /* records of one answer, unless limit says otherwise */

struct sl_dlq_rest {
        const struct sl_worker_cfg *cfg;
        struct sl_rest_extra extra;
        pthread_mutex_t lock;
        struct sl_dlq_request *running;
        struct sl_map writers; /* topic -> who */
        bool stopping;
        struct sl_dlq_jobs *jobs;
};

/* --- What runs -------------------------------------------------------------------------------------------------------
 */

bool sl_dlq_rest_enter(struct sl_dlq_rest *r, struct sl_dlq_request *q)
{
        pthread_mutex_lock(&r->lock);
        bool good = !r->stopping;
        if (good) {
                q->next = r->running;
                r->running = q;
        }
        pthread_mutex_unlock(&r->lock);
        return good;
}

void sl_dlq_rest_leave(struct sl_dlq_rest *r, struct sl_dlq_request *q)
{
        pthread_mutex_lock(&r->lock);
        for (struct sl_dlq_request **p = &r->running; *p; p = &(*p)->next)
                if (*p == q) {
                        *p = q->next;
                        break;
                }
        pthread_mutex_unlock(&r->lock);
}

void sl_dlq_rest_stop(struct sl_dlq_rest *r)
{
        pthread_mutex_lock(&r->lock);
        r->stopping = true;
        for (struct sl_dlq_request *q = r->running; q; q = q->next)
                atomic_store(&q->run.stop, true);
        pthread_mutex_unlock(&r->lock);
}

bool sl_dlq_rest_claim(struct sl_dlq_rest *r, const char *topic, const char *who, char **ret_who)
{
        pthread_mutex_lock(&r->lock);
        const char *other = sl_map_get(&r->writers, sl_str_c(topic));
        if (!other)
                sl_map_put(&r->writers, sl_str_c(topic), sl_strdup(who));
        *ret_who = other ? sl_strdup(other) : NULL;
        pthread_mutex_unlock(&r->lock);
        return !*ret_who;
}

void sl_dlq_rest_unclaim(struct sl_dlq_rest *r, const char *topic)
{
        pthread_mutex_lock(&r->lock);
        free(sl_map_remove(&r->writers, sl_str_c(topic)));
        pthread_mutex_unlock(&r->lock);
}

struct sl_dlq_jobs *sl_dlq_rest_jobs(struct sl_dlq_rest *r)
{
        return r->jobs;
}

/* --- A request as a command line -------------------------------------------------------------------------------------
 */

static void add(struct sl_dlq_request *q, const char *name, const char *value)
{
        struct sl_buf arg = {0};
        sl_buf_printf(&arg, "--%s%s%s", name, value ? "=" : "", value ? value : "");
        q->args[q->run.argc++] = sl_strdup(sl_buf_cstr(&arg));
        sl_buf_free(&arg);
}

/* One option of the client's. false = answered. */
static bool take(struct sl_rest_call *c, struct sl_dlq_request *q, const char *name, const char *text)
{
        static const char *const not_here[] = {"bootstrap-server", "topic",      "command-config", "output",
                                               "json",             "log-format", "log-level",      "help"};
        bool value = false;
        if (strcmp(name, "connect") == 0) {
                if (strcmp(text, "self") != 0) {
                        sl_rest_fail(
                                c, 400,
                                "connect can only be self: this worker's connectors lend converters and transforms");
                        return false;
                }
                q->run.herder = c->h;
                return sl_rest_ready(c);
        }
        for (size_t i = 0; i < sizeof(not_here) / sizeof(not_here[0]); i++)
                if (strcmp(name, not_here[i]) == 0) {
                        sl_rest_fail(c, 400,
                                     "%s can't be given through REST: the topic stands in the path, brokers are the "
                                     "worker's, and "
                                     "what needs a file needs the command sluice dlq %s",
                                     name, q->run.command);
                        return false;
                }
        if ((strcmp(name, "rules") == 0 || strcmp(name, "transforms") == 0) && !sl_dlq_inline(text)) {
                sl_rest_fail(c, 400, "%s is a JSON object here: a file's name would be the worker's", name);
                return false;
        }
        if (!sl_dlq_opts_known(name, &value)) {
                sl_rest_fail(c, 400, "%.100s is no option: sluice dlq %s --help lists them", name, q->run.command);
                return false;
        }
        if (q->run.argc + 4 > SL_DLQ_REQUEST_ARGS) {
                sl_rest_fail(c, 400, "There are more than %d options", SL_DLQ_REQUEST_ARGS - 4);
                return false;
        }
        if (!value && strcmp(text, "false") == 0)
                return true;
        if (!value && *text && strcmp(text, "true") != 0) {
                sl_rest_fail(c, 400, "%s is true or false", name);
                return false;
        }
        add(q, name, value ? text : NULL);
        return true;
}

static bool take_query(struct sl_rest_call *c, struct sl_dlq_request *q)
{
        struct sl_buf name = {0}, value = {0};
        const char *at = c->req->query;
        bool good = true, bad = false;
        while (good && sl_rest_query_next(&at, &name, &value, &bad))
                good = take(c, q, sl_buf_cstr(&name), sl_buf_cstr(&value));
        if (bad)
                sl_rest_fail(c, 400, "The query can't be decoded: it must be percent-encoded UTF-8 without NUL");
        sl_buf_free(&name);
        sl_buf_free(&value);
        return good && !bad;
}

static bool take_scalar(struct sl_rest_call *c, struct sl_dlq_request *q, const char *name, const json_t *v)
{
        struct sl_buf text = {0};
        bool good = false;
        if (json_is_string(v))
                sl_buf_adds(&text, json_string_value(v));
        else
                sl_json_dump(v, &text);
        bool file = strcmp(name, "rules") == 0 || strcmp(name, "transforms") == 0;
        if ((json_is_object(v) && !file) || json_is_array(v))
                sl_rest_fail(c, 400, "%s is a text, a number, true or false, or an array of those that may repeat",
                             name);
        else
                good = take(c, q, name, sl_buf_cstr(&text));
        sl_buf_free(&text);
        return good;
}

static bool take_members(struct sl_rest_call *c, struct sl_dlq_request *q, json_t *body)
{
        const char *name;
        json_t *v;
        json_object_foreach(body, name, v)
        {
                if (json_is_null(v))
                        continue;
                if (!json_is_array(v)) {
                        if (!take_scalar(c, q, name, v))
                                return false;
                        continue;
                }
                for (size_t i = 0; i < json_array_size(v); i++)
                        if (!take_scalar(c, q, name, json_array_get(v, i)))
                                return false;
        }
        return true;
}

static bool take_body(struct sl_rest_call *c, struct sl_dlq_request *q)
{
        sl_auto_json *body = NULL;
        struct sl_err err = {0};
        if (!c->req->body.len)
                sl_rest_fail(c, 400, "A JSON object with the options is needed; {} means all records of the topic");
        else if (sl_json_parse(c->req->body, &body, &err) != SL_OK)
                sl_rest_fail(c, 400, "The request body can't be read: %s", err.msg);
        else if (!json_is_object(body))
                sl_rest_fail(c, 400, "The body must be a JSON object with the options, as {\"class\": \"transient\"}");
        else if (c->req->query && *c->req->query)
                sl_rest_fail(c, 400, "Options stand in the body, not in the query");
        else
                return take_members(c, q, body);
        return false;
}

/* What a command has from --command-config is the worker's own; a registry that values are read with by default, too.
 */
static void add_client(struct sl_props *client, const struct sl_worker_cfg *cfg)
{
        struct sl_props registry = {0};
        const char *key, *value;
        sl_props_copy(client, &cfg->props);
        if (!sl_props_get(client, "schema.registry.url"))
                sl_props_subset(&registry, &cfg->props, "value.converter.");
        for (size_t i = 0; sl_props_next(&registry, &i, &key, &value);)
                if (!sl_props_has(client, key))
                        sl_props_set(client, key, value);
        sl_props_free(&registry);
}

/* "--class is ..." without the dashes, which REST's names don't have. */
static void refuse(struct sl_rest_call *c, const char *why)
{
        struct sl_buf text = {0};
        for (const char *p = why; *p; p++)
                if (strncmp(p, "--", 2) == 0 && islower((unsigned char)p[2]) && (p == why || p[-1] == ' '))
                        p++;
                else
                        sl_buf_addc(&text, *p);
        sl_rest_fail(c, 400, "%s", sl_buf_cstr(&text));
        sl_buf_free(&text);
}

/* --- Running it ------------------------------------------------------------------------------------------------------
 */

static struct sl_dlq_request *new_request(struct sl_rest_call *c, const char *command, const char *topic)
{
        const struct sl_dlq_rest *r = c->arg;
        struct sl_dlq_request *q = sl_calloc(1, sizeof(*q));
        q->run.command = command;
        q->run.argv = q->args;
        q->run.plugins = sl_herder_options(c->h)->plugins;
        add(q, "json", NULL);
        add(q, "topic", topic);
        add(q, "bootstrap-server", sl_props_get(&r->cfg->props, "bootstrap.servers"));
        return q;
}

void sl_dlq_request_free(struct sl_dlq_rest *r, struct sl_dlq_request *q)
{
        sl_dlq_rest_leave(r, q);
        sl_dlq_run_free(&q->run);
        if (q->run.out)
                fclose(q->run.out);
        if (q->run.say)
                fclose(q->run.say);
        free(q->out);
        free(q->say);
        for (int i = 0; i < q->run.argc; i++)
                free(q->args[i]);
        free(q);
}

int sl_dlq_request_status(int code)
{
        switch (code) {
        case SL_EXIT_USAGE:
        case SL_EXIT_CONFIG:
                return 400;
        case SL_EXIT_AGAIN:
                return 409;
        case SL_EXIT_UNREACHABLE:
                return 503;
        default:
                return code > 128 ? 503 : 500;
        }
}

char *sl_dlq_request_error(struct sl_dlq_request *q, int code)
{
        fflush(q->run.out);
        fflush(q->run.say);
        size_t n = q->say_len;
        while (n && q->say[n - 1] == '\n')
                n--;
        size_t at = n;
        while (at && q->say[at - 1] != '\n')
                at--;
        if (n - at > 8 && strncmp(q->say + at, "sluice: ", 8) == 0)
                at += 8;
        if (code > 128 || n == at)
                return sl_strdup(code > 128 ? "It was stopped before its end" : "It failed");
        return sl_strndup(q->say + at, n - at);
}

void sl_dlq_request_fail(struct sl_rest_call *c, struct sl_dlq_request *q, int code)
{
        char *text = sl_dlq_request_error(q, code);
        int status = sl_dlq_request_status(code);
        if (status == 400)
                refuse(c, text);
        else
                sl_rest_fail(c, status, "%s", text);
        free(text);
}

/* Parse, connect, and see that there is the topic. false = answered. */
static bool open_request(struct sl_rest_call *c, struct sl_dlq_request *q, bool any_topic)
{
        struct sl_dlq_rest *r = c->arg;
        struct sl_dlq_run *run = &q->run;
        int32_t partitions = 0;
        char why[600];
        bool good = sl_dlq_run_parse(run, run->command, why, sizeof(why));
        run->out = open_memstream(&q->out, &q->out_len);
        run->say = open_memstream(&q->say, &q->say_len);
        if (!good) {
                refuse(c, why);
                return false;
        }
        if (!sl_dlq_rest_enter(r, q)) {
                sl_rest_fail(c, 503, "The worker is stopping");
                return false;
        }
        add_client(&run->opts.client, r->cfg);
        int code = sl_dlq_run_connect(run);
        if (code == SL_EXIT_OK && !any_topic &&
            (!sl_dlq_is_topic(sl_str_c(run->opts.topic)) ||
             sl_admin_topic_partitions(run->admin, run->opts.topic, ASK_MS, &partitions, &run->err) != SL_OK))
                code = sl_dlq_is_topic(sl_str_c(run->opts.topic)) ? sl_dlq_failed(run) : SL_EXIT_OK;
        if (code != SL_EXIT_OK) {
                sl_dlq_request_fail(c, q, code);
                return false;
        }
        if (!any_topic && partitions <= 0) {
                sl_rest_fail(c, 404, "There is no topic %.249s", run->opts.topic);
                return false;
        }
        const struct sl_dlq_filter *f = &run->opts.filter;
        for (uint32_t i = 0; i < f->range_count && !any_topic; i++)
                if (f->ranges[i].id >= partitions) {
                        sl_rest_fail(c, 404, "Topic %.249s has no partition %d: it has %d", run->opts.topic, f->ranges[i].id, partitions);
                        return false;
                }
        return true;
}

/* The lines of a command's output as one JSON value: an array of them, or the only one. */
static void answer_lines(struct sl_rest_call *c, struct sl_dlq_request *q, bool array)
{
        struct sl_buf *out = &c->resp->body;
        fflush(q->run.out);
        fflush(q->run.say);
        for (char *line = q->say; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
                sl_info("dlq %s: %.*s", q->run.command, (int)strcspn(line, "\n"), line);
        if (!array && !q->out_len) {
                sl_rest_fail(c, 404, "There is no such record: it is gone, was never there, or is not committed");
                return;
        }
        sl_buf_clear(out);
        sl_buf_adds(out, array ? "[" : "");
        for (size_t i = 0; i < q->out_len; i++)
                if (q->out[i] != '\n')
                        sl_buf_addc(out, q->out[i]);
                else if (i + 1 < q->out_len)
                        sl_buf_adds(out, ",\n");
        sl_buf_adds(out, array ? "]" : "");
        c->resp->status = 200;
        c->resp->content_type = "application/json";
        if (!sl_buf_ok(out))
                sl_rest_fail(c, 500, "The answer is too large: ask for less with limit");
}

static void run_request(struct sl_rest_call *c, struct sl_dlq_request *q, bool array)
{
        int code = sl_dlq_run_command(&q->run);
        if (code == SL_EXIT_OK)
                answer_lines(c, q, array);
        else
                sl_dlq_request_fail(c, q, code);
}

static void read_route(struct sl_rest_call *c, const char *command, bool array)
{
        struct sl_dlq_request *q = new_request(c, command, c->segments[1]);
        bool good = take_query(c, q), list = strcmp(command, "list") == 0, limited = false;
        for (int i = 0; i < q->run.argc; i++)
                limited |= strncmp(q->args[i], "--limit=", 8) == 0;
        if (good && list && !limited)
                add(q, "limit", LIST_LIMIT);
        good = good && open_request(c, q, false);
        if (good && list && q->run.opts.limit > LIST_MOST)
                sl_rest_fail(
                        c, 400,
                        "limit is at most %d here: go on behind the last one with offsets, or use sluice dlq export",
                        LIST_MOST);
        else if (good)
                run_request(c, q, array);
        sl_dlq_request_free(c->arg, q);
}

/* What is printed whole is the answer; without room for it there is none. */
static void print_export(struct sl_rest_call *c, struct sl_dlq_request *q, int *fd)
{
        int copy = fcntl(*fd, F_DUPFD_CLOEXEC, 3); /* an answer's file is not 0 */
        FILE *f = copy < 0 ? NULL : fdopen(*fd, "w");
        if (!f) {
                sl_rest_fail(c, 500, "the export's file can't be opened: %s", strerror(errno));
                if (copy >= 0)
                        close(copy);
                return;
        }
        *fd = -1;
        fclose(q->run.out);
        q->run.out = f;
        int code = sl_dlq_run_command(&q->run);
        bool whole = fflush(f) == 0 && !ferror(f);
        if (code == SL_EXIT_OK && whole) {
                c->resp->status = 200;
                c->resp->content_type = "application/x-ndjson";
                c->resp->file = copy;
                return;
        }
        close(copy);
        if (code == SL_EXIT_OK)
                sl_rest_fail(c, 500, "the export can't be written to a temporary file; set TMPDIR to a directory with room");
        else
                sl_dlq_request_fail(c, q, code);
}

/* Of any size: printed into a file without a name first, so that a failure still is one and a slow client keeps no scan waiting. */
static void get_export(struct sl_rest_call *c)
{
        struct sl_dlq_request *q = new_request(c, "export", c->segments[1]);
        struct sl_err err = {0};
        int fd = -1;
        if (take_query(c, q) && sl_spool_file(&fd, &err) != SL_OK)
                sl_rest_fail(c, 500, "%s", err.msg);
        else if (fd >= 0 && open_request(c, q, false))
                print_export(c, q, &fd);
        if (fd >= 0)
                close(fd);
        sl_dlq_request_free(c->arg, q);
}

static void get_groups(struct sl_rest_call *c)
{
        read_route(c, "groups", true);
}

static void get_records(struct sl_rest_call *c)
{
        read_route(c, "list", true);
}

static void get_explain(struct sl_rest_call *c)
{
        read_route(c, "explain", true);
}

static void get_stats(struct sl_rest_call *c)
{
        read_route(c, "stats", false);
}

static void get_record(struct sl_rest_call *c)
{
        struct sl_dlq_request *q = new_request(c, "show", c->segments[1]);
        struct sl_buf at = {0};
        sl_buf_printf(&at, "%s:%s", c->segments[3], c->segments[4]);
        add(q, "offsets", sl_buf_cstr(&at));
        if (strspn(c->segments[3], "0123456789") != strlen(c->segments[3]) ||
            strspn(c->segments[4], "0123456789") != strlen(c->segments[4]))
                sl_rest_fail(c, 400, "A record is records/PARTITION/OFFSET, two numbers");
        else if (take_query(c, q) && open_request(c, q, false))
                run_request(c, q, false);
        sl_buf_free(&at);
        sl_dlq_request_free(c->arg, q);
}

/* --- What changes something ------------------------------------------------------------------------------------------
 */

static void act_route(struct sl_rest_call *c, const char *command)
{
        struct sl_dlq_rest *r = c->arg;
        struct sl_dlq_request *q = new_request(c, command, c->segments[1]);
        char *other = NULL;
        if (take_body(c, q) && open_request(c, q, false)) {
                if (sl_dlq_rest_claim(r, c->segments[1], command, &other)) {
                        run_request(c, q, false);
                        sl_dlq_rest_unclaim(r, c->segments[1]);
                } else {
                        sl_rest_fail(c, 409, "A %s of %s runs on this worker: wait for its end, or cancel it", other,
                                     c->segments[1]);
                }
        }
        free(other);
        sl_dlq_request_free(r, q);
}

static void post_quarantine(struct sl_rest_call *c)
{
        act_route(c, "quarantine");
}

static void post_release(struct sl_rest_call *c)
{
        act_route(c, "release");
}

static void post_discard(struct sl_rest_call *c)
{
        act_route(c, "discard");
}

/* --- Replays ---------------------------------------------------------------------------------------------------------
 */

/* The jobs of a topic, or of all. false = answered. */
static bool list_jobs(struct sl_rest_call *c, const char *topic, json_t **ret)
{
        struct sl_dlq_request *q = new_request(c, "stats", topic ? topic : "-");
        bool good = false;
        if (c->req->query && *c->req->query)
                sl_rest_fail(c, 400, "This takes no parameters");
        else if (open_request(c, q, !topic)) {
                good = sl_dlq_jobs_list(c->arg, q, topic, ret) == SL_OK;
                if (!good)
                        sl_dlq_request_fail(c, q, sl_dlq_failed(&q->run));
        }
        sl_dlq_request_free(c->arg, q);
        return good;
}

static void get_all_replays(struct sl_rest_call *c)
{
        json_t *all = NULL;
        if (list_jobs(c, NULL, &all))
                sl_rest_json(c, 200, all);
}

static void get_replays(struct sl_rest_call *c)
{
        json_t *all = NULL;
        if (list_jobs(c, c->segments[1], &all))
                sl_rest_json(c, 200, all);
}

/* false = answered. */
static bool show_job(struct sl_rest_call *c, const char *id, int status)
{
        sl_auto_json *all = NULL;
        if (!list_jobs(c, c->segments[1], &all))
                return false;
        for (size_t i = 0; i < json_array_size(all); i++) {
                json_t *job = json_array_get(all, i);
                const char *name = sl_json_str(job, "job");
                if (name && strcmp(name, id) == 0) {
                        sl_rest_json(c, status, json_incref(job));
                        return true;
                }
        }
        sl_rest_fail(c, 404, "There is no replay %.50s of %s", id, c->segments[1]);
        return false;
}

static void get_replay(struct sl_rest_call *c)
{
        show_job(c, c->segments[3], 200);
}

static void post_replay(struct sl_rest_call *c)
{
        struct sl_dlq_request *q = new_request(c, "replay", c->segments[1]);
        char id[SL_DLQ_JOB_ID + 1];
        bool good = take_body(c, q) && open_request(c, q, false);
        if (good && q->run.opts.apply) {
                if (sl_dlq_jobs_start(c, q, id) && show_job(c, id, 202))
                        sl_buf_printf(&c->resp->location, "%s/dlq/%s/replays/%s",
                                      c->req->base_url ? c->req->base_url : "", c->segments[1], id);
                return;
        }
        if (good)
                run_request(c, q, false);
        sl_dlq_request_free(c->arg, q);
}

static void delete_replay(struct sl_rest_call *c)
{
        bool ran = sl_dlq_jobs_cancel(c->arg, c->segments[1], c->segments[3]);
        if (!show_job(c, c->segments[3], 200) || ran)
                return;
        sl_rest_fail(c, 409, "Replay %s of %s does not run on this worker: nothing is cancelled", c->segments[3],
                     c->segments[1]);
}

static const struct sl_rest_route routes[] = {
        {"GET", "/dlq/replays", get_all_replays},       {"GET", "/dlq/*/groups", get_groups},
        {"GET", "/dlq/*/records", get_records},         {"GET", "/dlq/*/records/*/*", get_record},
        {"GET", "/dlq/*/explain", get_explain},         {"GET", "/dlq/*/stats", get_stats},
        {"GET", "/dlq/*/export", get_export},
        {"GET", "/dlq/*/replays", get_replays},         {"POST", "/dlq/*/replays", post_replay},
        {"GET", "/dlq/*/replays/*", get_replay},        {"DELETE", "/dlq/*/replays/*", delete_replay},
        {"POST", "/dlq/*/quarantine", post_quarantine}, {"POST", "/dlq/*/release", post_release},
        {"POST", "/dlq/*/discard", post_discard},
};

struct sl_dlq_rest *sl_dlq_rest_new(const struct sl_worker_cfg *cfg)
{
        struct sl_dlq_rest *r = sl_calloc(1, sizeof(*r));
        r->cfg = cfg;
        r->extra = (struct sl_rest_extra){.routes = routes, .count = sizeof(routes) / sizeof(routes[0]), .arg = r};
        r->jobs = sl_dlq_jobs_new();
        pthread_mutex_init(&r->lock, NULL);
        return r;
}

const struct sl_rest_extra *sl_dlq_rest_routes(struct sl_dlq_rest *r)
{
        return &r->extra;
}

void sl_dlq_rest_free(struct sl_dlq_rest *r)
{
        if (!r)
                return;
        sl_dlq_jobs_free(r->jobs);
        sl_map_free(&r->writers, free);
        pthread_mutex_destroy(&r->lock);
        free(r);
}
