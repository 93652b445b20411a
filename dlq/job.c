/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs (see job.h). Their records are JSON:
 * {"job","topic","args","by","begun","state","since","until","parts":[[id,begin,end]],
 * "replay","duplicates","obsolete","repaired","targets"}. */
#include "dlq/job.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/fault.h"
#include "config/textfile.h"
#include "dlq/act.h"
#include "dlq/opts.h"
#include "dlq/print.h"

#define ASK_MS 15000
#define PARTITIONS_MAX 1000000 /* of a topic, far beyond what brokers can have */

/* Options that say how, not what. The first ones have a value. */
static const char *const how[] = {"--bootstrap-server", "--command-config", "--connect", "--rate",        "--reason",
                                  "--log-format",       "--log-level",      "--topic",   "--max-failures", "--canary"};
static const char *const flags[] = {"--apply", "--dry-run", "--json"};
/* Options with a file whose content counts. */
static const char *const files[] = {"--transforms", "--rules"};

static bool in(const char *const *names, size_t n, struct sl_str name)
{
        for (size_t i = 0; i < n; i++)
                if (sl_str_eqc(name, names[i]))
                        return true;
        return false;
}
#define IN(names, name) in((names), sizeof(names) / sizeof((names)[0]), (name))

static bool has_value(struct sl_str name)
{
        static const char *const bare[] = {"--apply",       "--dry-run",     "--json",      "--force",
                                           "--allow-lossy", "--find-origin", "--keep-order"};
        return !IN(bare, name);
}

struct argument {
        struct sl_str name, value;
        int at;
};

static int by_name(const void *a, const void *b)
{
        const struct argument *x = a, *y = b;
        size_t n = x->name.len < y->name.len ? x->name.len : y->name.len;
        int c = memcmp(x->name.ptr, y->name.ptr, n);
        if (!c)
                c = x->name.len < y->name.len ? -1 : x->name.len > y->name.len;
        return c ? c : x->at < y->at ? -1 : x->at > y->at;
}

static uint32_t split(int argc, char *const *argv, struct argument *list)
{
        uint32_t n = 0;
        for (int i = 0; i < argc; i++) {
                struct argument a = {.name = {argv[i], strcspn(argv[i], "=")}, .at = i};
                if (argv[i][a.name.len])
                        a.value = sl_str_c(argv[i] + a.name.len + 1);
                else if (has_value(a.name) && i + 1 < argc)
                        a.value = sl_str_c(argv[++i]);
                if (IN(how, a.name) || IN(flags, a.name) ||
                    (sl_str_eqc(a.name, "--to") && sl_str_eqc(a.value, "original")))
                        continue;
                list[n++] = a;
        }
        qsort(list, n, sizeof(*list), by_name);
        return n;
}

enum sl_rc sl_dlq_job_id(const char *topic, const char *command, int argc, char *const *argv, struct sl_dlq_job *ret,
                         struct sl_err *err)
{
        struct argument *list = sl_calloc((size_t)argc + 1, sizeof(*list));
        uint32_t n = split(argc, argv, list);
        struct sl_buf text = {0};
        enum sl_rc rc = SL_OK;

        sl_buf_printf(&text, "%s %s", topic, command);
        sl_auto_json *args = json_array();
        for (uint32_t i = 0; i < n && rc == SL_OK; i++) {
                struct sl_buf one = {0}, content = {0};
                sl_buf_add_str(&one, list[i].name);
                if (list[i].value.ptr) {
                        sl_buf_addc(&one, '=');
                        sl_buf_add_str(&one, list[i].value);
                }
                json_array_append_new(args, json_string(sl_buf_cstr(&one)));
                sl_buf_addc(&text, '\n');
                sl_buf_add(&text, one.ptr, one.len);
                if (IN(files, list[i].name) && !sl_dlq_inline(list[i].value.ptr)) {
                        rc = sl_textfile_read(list[i].value.ptr, &content, err);
                        sl_buf_printf(&text, "\n%016lx", sl_hash(content.ptr, content.len));
                }
                sl_buf_free(&one);
                sl_buf_free(&content);
        }
        snprintf(ret->id, sizeof(ret->id), "%016lx", sl_hash(text.ptr, text.len));
        sl_buf_clear(&ret->args);
        sl_json_dump(args, &ret->args);
        sl_buf_free(&text);
        free(list);
        return rc;
}

/* --- Counts ----------------------------------------------------------------------------------------------------------
 */

struct sl_dlq_target *sl_dlq_counts_target(struct sl_dlq_counts *c, const char *topic, int32_t partitions)
{
        struct sl_dlq_target *t = NULL;
        for (uint32_t i = 0; i < c->target_count && !t; i++)
                if (strcmp(c->targets[i].topic, topic) == 0)
                        t = &c->targets[i];
        if (!t) {
                c->targets = sl_realloc(c->targets, (c->target_count + 1) * sizeof(*c->targets));
                t = &c->targets[c->target_count++];
                *t = (struct sl_dlq_target){.topic = sl_strdup(topic)};
        }
        if (t->partitions < partitions) {
                t->counts = sl_realloc(t->counts, (size_t)partitions * sizeof(*t->counts));
                memset(t->counts + t->partitions, 0, (size_t)(partitions - t->partitions) * sizeof(*t->counts));
                t->partitions = partitions;
        }
        return t;
}

json_t *sl_dlq_counts_json(const struct sl_dlq_counts *c)
{
        json_t *list = json_array();
        for (uint32_t i = 0; i < c->target_count; i++)
                for (int32_t p = 0; p < c->targets[i].partitions; p++)
                        if (c->targets[i].counts[p])
                                json_array_append_new(list, json_pack("{s:s, s:i, s:I}", "topic", c->targets[i].topic,
                                                                      "partition", p, "count",
                                                                      (json_int_t)c->targets[i].counts[p]));
        return list;
}

void sl_dlq_counts_free(struct sl_dlq_counts *c)
{
        for (uint32_t i = 0; i < c->target_count; i++) {
                free(c->targets[i].topic);
                free(c->targets[i].counts);
        }
        free(c->targets);
        *c = (struct sl_dlq_counts){0};
}

/* --- The record ------------------------------------------------------------------------------------------------------
 */

static void load_counts(struct sl_dlq_counts *c, const json_t *obj)
{
        const json_t *t;
        size_t i;
        c->replay = (uint64_t)sl_json_int(obj, "replay", 0);
        c->duplicates = (uint64_t)sl_json_int(obj, "duplicates", 0);
        c->obsolete = (uint64_t)sl_json_int(obj, "obsolete", 0);
        c->repaired = (uint64_t)sl_json_int(obj, "repaired", 0);
        json_array_foreach(json_object_get(obj, "targets"), i, t)
        {
                int64_t p = sl_json_int(t, "partition", 0);
                const char *topic = sl_json_str(t, "topic");
                if (topic && p >= 0 && p < PARTITIONS_MAX)
                        sl_dlq_counts_target(c, topic, (int32_t)p + 1)->counts[p] = (uint64_t)sl_json_int(t, "count", 0);
        }
}

enum sl_rc sl_dlq_job_load(struct sl_dlq_job *job, const struct sl_dlq_ledger *l, struct sl_err *err)
{
        struct sl_str text = sl_dlq_ledger_job(l, job->id);
        sl_auto_json *obj = NULL;
        const json_t *part;
        size_t i;

        job->state = SL_JOB_NEW;
        if (!text.ptr)
                return SL_OK;
        SL_TRY(sl_json_parse(text, &obj, err));
        const char *state = sl_json_str(obj, "state");
        job->state = state && strcmp(state, "running") == 0 ? SL_JOB_RUNNING : SL_JOB_FINISHED;
        const json_t *parts = json_object_get(obj, "parts");
        job->part_count = (uint32_t)json_array_size(parts);
        job->parts = sl_calloc(job->part_count + 1, sizeof(*job->parts));
        json_array_foreach(parts, i, part) job->parts[i] =
                (struct sl_reader_part){.id = (int32_t)json_integer_value(json_array_get(part, 0)),
                                        .begin = json_integer_value(json_array_get(part, 1)),
                                        .end = json_integer_value(json_array_get(part, 2))};
        if (job->state == SL_JOB_FINISHED)
                return SL_OK;
        job->since_ms = sl_json_int(obj, "since", 0);
        job->until_ms = sl_json_int(obj, "until", 0);
        const char *begun = sl_json_str(obj, "begun"), *by = sl_json_str(obj, "by");
        sl_buf_adds(&job->begun, begun ? begun : "");
        sl_buf_adds(&job->by, by ? by : "");
        load_counts(&job->counts, obj);
        return SL_OK;
}

const struct sl_reader_part *sl_dlq_job_part(const struct sl_dlq_job *job, int32_t partition)
{
        for (uint32_t i = 0; i < job->part_count; i++)
                if (job->parts[i].id == partition)
                        return &job->parts[i];
        return NULL;
}

enum sl_rc sl_dlq_job_freeze(struct sl_dlq_job *job, struct sl_admin *admin, const char *topic, struct sl_err *err)
{
        int32_t n = 0;
        SL_FAULT_TRY("dlq.before_freeze", SL_E_KAFKA, err);
        SL_TRY(sl_admin_topic_partitions(admin, topic, ASK_MS, &n, err));
        if (n <= 0)
                return sl_fail(err, SL_E_KAFKA_FATAL, "There is no topic %s", topic);
        int32_t *ids = sl_calloc((size_t)n, sizeof(*ids));
        int64_t *ends = sl_calloc((size_t)n * 2, sizeof(*ends)), *high = ends + n;
        for (int32_t i = 0; i < n; i++)
                ids[i] = i;
        enum sl_rc rc = sl_admin_list_offsets(admin, topic, ids, (uint32_t)n, SL_AT_LATEST, true, ASK_MS, ends, err);
        if (rc == SL_OK)
                rc = sl_admin_list_offsets(admin, topic, ids, (uint32_t)n, SL_AT_LATEST, false, ASK_MS, high, err);
        if (rc == SL_OK) {
                struct sl_reader_part *parts = sl_calloc((size_t)n, sizeof(*parts));
                for (int32_t i = 0; i < n; i++) {
                        const struct sl_reader_part *before = sl_dlq_job_part(job, i);
                        parts[i] = (struct sl_reader_part){.id = i, .begin = before ? before->end : 0, .end = ends[i]};
                        job->blocked += high[i] > ends[i] ? high[i] - ends[i] : 0;
                }
                free(job->parts);
                job->parts = parts;
                job->part_count = (uint32_t)n;
                job->state = SL_JOB_RUNNING;
                sl_buf_clear(&job->begun);
                sl_buf_clear(&job->by);
                sl_dlq_time(&job->begun, sl_wall_ms());
                sl_dlq_who(&job->by);
        }
        free(ids);
        free(ends);
        return rc;
}

void sl_dlq_job_save(const struct sl_dlq_job *job, struct sl_dlq_ledger *l)
{
        const struct sl_buf begun = job->begun, by = job->by;
        struct sl_buf text = {0};
        const struct sl_dlq_counts *c = &job->counts;
        json_t *parts = json_array();
        sl_auto_json *obj = NULL;

        for (uint32_t i = 0; i < job->part_count; i++)
                json_array_append_new(parts, json_pack("[i, I, I]", job->parts[i].id, (json_int_t)job->parts[i].begin,
                                                       (json_int_t)job->parts[i].end));
        obj = json_pack("{s:s, s:s, s:s%, s:s%, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:o}", "job", job->id, "state",
                        job->state == SL_JOB_RUNNING ? "running" : "finished", "begun", begun.ptr ? begun.ptr : "",
                        begun.len, "by", by.ptr ? by.ptr : "", by.len, "since", (json_int_t)job->since_ms, "until",
                        (json_int_t)job->until_ms, "parts", parts, "replay", (json_int_t)c->replay, "duplicates",
                        (json_int_t)c->duplicates, "obsolete", (json_int_t)c->obsolete, "repaired",
                        (json_int_t)c->repaired, "targets", sl_dlq_counts_json(c));
        json_object_set_new(obj, "args", json_loadb(job->args.ptr, job->args.len, 0, NULL));
        sl_json_dump(obj, &text);
        sl_dlq_ledger_put_job(l, job->id, (struct sl_str){text.ptr, text.len});
        sl_buf_free(&text);
}

void sl_dlq_job_free(struct sl_dlq_job *job)
{
        sl_dlq_counts_free(&job->counts);
        free(job->parts);
        sl_buf_free(&job->args);
        sl_buf_free(&job->begun);
        sl_buf_free(&job->by);
}
