/* SPDX-License-Identifier: Apache-2.0 */
/* Transforms and converters of one task run (see chain.h). Caching per schema is the plugins' own business. What a plugin of the
 * user's does is called under guard: its crash is the record's failure, and what it holds is thrown away for a fresh one. */
#include "pipeline/chain.h"

#include <signal.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/guard.h"
#include "pipeline/hint.h"
#include "convert/convert.h"

struct step {
        const char *alias;
        const struct sl_transform_ops *ops;
        void *st;
        const struct sl_predicate_ops *predicate; /* NULL = every record */
        void *predicate_st;
        bool negate;
        const void *cfg, *predicate_cfg;
        bool stale; /* a plugin crashed: its state can't be trusted any more */
        uint32_t crashes;
};
#define MAX_CRASHES 10 /* of a task's run: who crashes more often is broken */

struct step_cfg {
        const char *predicate;
        bool negate;
};
struct sl_chain {
        struct sl_arena arena;
        const struct sl_plugins *plugins;
        struct step *steps;
        uint32_t count;
};

/* Parse a table whose keys stand behind prefix; the first error becomes err. */
static enum sl_rc parse(const struct sl_cfg_def *defs, const char *prefix, const struct sl_props *props, void *out,
                        struct sl_arena *arena, struct sl_err *err)
{
        struct sl_cfg_report report = {0};
        enum sl_rc rc = SL_OK;
        sl_cfg_parse_at(defs, prefix, props, out, arena, &report);
        for (uint32_t i = 0; i < report.count && rc == SL_OK; i++)
                if (!report.findings[i].warning)
                        rc = sl_fail(err, SL_E_CONFIG, "%s", report.findings[i].text);
        sl_cfg_report_free(&report);
        return rc;
}

static enum sl_rc no_class(const struct sl_chain *c, enum sl_hint_kind kind, const char *type, const char *prefix,
                           struct sl_err *err)
{
        struct sl_buf hint = {0};
        enum sl_rc rc = sl_fail(err, SL_E_CONFIG, "Invalid value %s for configuration %stype: Class %s could not be found.",
                                type ? type : "null", prefix, type ? type : "null");
        sl_hint_add(c->plugins, kind, type ? type : "null", &hint);
        sl_err_detail(err, sl_buf_cstr(&hint));
        sl_buf_free(&hint);
        return rc;
}

/* Only what predicates lists has a configuration, in Connect. */
static bool is_listed(const struct sl_cfg_list *list, const char *alias)
{
        for (uint32_t i = 0; i < list->count; i++)
                if (strcmp(list->items[i], alias) == 0)
                        return true;
        return false;
}

/* ---- calls of a plugin ---- */

/* One of the calls. */
struct guarded {
        const struct step *step;
        const void *cfg;
        struct sl_record *rec;
        struct sl_arena *arena;
        struct sl_err *err;
        bool yes;
        enum sl_rc rc;
};

static void do_open(void *arg)
{
        struct guarded *g = arg;
        g->rc = g->step->ops->open(g->step->st, g->cfg, g->step->ops, g->err);
}
static void do_apply(void *arg)
{
        struct guarded *g = arg;
        g->rc = g->step->ops->apply(g->step->st, g->rec, g->arena, g->err);
}
static void do_close(void *arg)
{
        struct guarded *g = arg;
        g->step->ops->close(g->step->st);
}
static void do_open_predicate(void *arg)
{
        struct guarded *g = arg;
        g->rc = g->step->predicate->open(g->step->predicate_st, g->cfg, g->err);
}
static void do_test(void *arg)
{
        struct guarded *g = arg;
        g->rc = g->step->predicate->test(g->step->predicate_st, g->rec, &g->yes, g->err);
}
static void do_close_predicate(void *arg)
{
        struct guarded *g = arg;
        g->step->predicate->close(g->step->predicate_st);
}

/* id: what a crash is. What the plugin wrote into err before is not its answer. */
static enum sl_rc call_plugin(struct step *step, const struct sl_plugin *plugin, void (*call)(void *), struct guarded *g,
                              enum sl_errid id)
{
        g->step = step;
        int sig = sl_guard_call(call, g);
        if (sl_likely(sig == 0 && g->rc == SL_OK))
                return SL_OK;
        if (sig == 0 && g->err && g->err->rc == SL_OK)
                return sl_fail(g->err, id, "the plugin %s failed without a reason", plugin->name);
        if (sig == 0)
                return g->rc;
        step->stale = true;
        step->crashes++;
        if (g->err)
                sl_err_clear(g->err);
        return sl_fail(g->err, id, "the plugin %s crashed: %s (SIG%s)", plugin->name, strsignal(sig), sigabbrev_np(sig));
}

static enum sl_rc open_predicate(struct step *step, struct sl_err *err)
{
        const struct sl_predicate_ops *ops = step->predicate;
        struct guarded g = {.cfg = step->predicate_cfg, .err = err};
        if (!ops->open)
                return SL_OK;
        return ops->plugin ? call_plugin(step, ops->plugin, do_open_predicate, &g, SL_E_PLUGIN)
                           : ops->open(step->predicate_st, step->predicate_cfg, err);
}

static enum sl_rc open_transform(struct step *step, struct sl_err *err)
{
        const struct sl_transform_ops *ops = step->ops;
        struct guarded g = {.cfg = step->cfg, .err = err};
        if (!ops->open)
                return SL_OK;
        return ops->plugin ? call_plugin(step, ops->plugin, do_open, &g, SL_E_PLUGIN)
                           : ops->open(step->st, step->cfg, ops, err);
}

/* After a crash: what the plugin's calls held is left as it is, and they begin anew. */
static sl_cold enum sl_rc renew(struct sl_chain *c, struct step *step, struct sl_err *err)
{
        const struct sl_transform_ops *ops = step->ops;
        const struct sl_predicate_ops *predicate = step->predicate;
        if (step->crashes >= MAX_CRASHES)
                return sl_fail(err, SL_E_PLUGIN, "the plugin %s crashed in %u records and is not called again: mend it and restart the "
                               "worker", ops->plugin ? ops->plugin->name : predicate->plugin->name, step->crashes);
        if (ops->plugin) {
                step->st = sl_arena_zalloc(&c->arena, ops->state_size + 1);
                SL_TRY(open_transform(step, err));
        }
        if (predicate && predicate->plugin) {
                step->predicate_st = sl_arena_zalloc(&c->arena, predicate->state_size + 1);
                SL_TRY(open_predicate(step, err));
        }
        step->stale = false;
        return SL_OK;
}

static enum sl_rc test_predicate(struct step *step, struct sl_record *rec, bool *ret, struct sl_err *err)
{
        const struct sl_predicate_ops *ops = step->predicate;
        if (sl_likely(!ops->plugin))
                return ops->test(step->predicate_st, rec, ret, err);
        struct guarded g = {.rec = rec, .err = err};
        enum sl_rc rc = call_plugin(step, ops->plugin, do_test, &g, SL_E_TRANSFORM);
        *ret = g.yes;
        return rc;
}

static enum sl_rc apply_transform(struct step *step, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        const struct sl_transform_ops *ops = step->ops;
        if (sl_likely(!ops->plugin))
                return ops->apply(step->st, rec, arena, err);
        struct guarded g = {.rec = rec, .arena = arena, .err = err};
        return call_plugin(step, ops->plugin, do_apply, &g, SL_E_TRANSFORM);
}

/* What crashed is not closed: what it holds can't be trusted. */
static void close_step(struct step *step)
{
        struct guarded g = {0};
        if (step->ops->close && !step->ops->plugin)
                step->ops->close(step->st);
        else if (step->ops->close && !step->stale)
                (void)call_plugin(step, step->ops->plugin, do_close, &g, SL_E_PLUGIN);
        if (step->predicate && step->predicate->close && !step->predicate->plugin)
                step->predicate->close(step->predicate_st);
        else if (step->predicate && step->predicate->close && !step->stale)
                (void)call_plugin(step, step->predicate->plugin, do_close_predicate, &g, SL_E_PLUGIN);
}

/* ---- opening ---- */

static enum sl_rc add_predicate(struct sl_chain *c, struct step *step, const char *alias, const struct sl_props *config,
                                struct sl_err *err)
{
        char *prefix = sl_arena_printf(&c->arena, "predicates.%s.", alias);
        const char *type = sl_props_get(config, sl_arena_printf(&c->arena, "%stype", prefix));
        const struct sl_predicate_ops *ops = type ? sl_plugins_predicate(c->plugins, type) : NULL;
        if (!ops)
                return no_class(c, SL_HINT_PREDICATE, type, prefix, err);
        void *cfg = sl_arena_zalloc(&c->arena, ops->config_size + 1);
        step->predicate_st = sl_arena_zalloc(&c->arena, ops->state_size + 1);
        SL_TRY(parse(ops->config, prefix, config, cfg, &c->arena, err));
        step->predicate = ops;
        step->predicate_cfg = cfg;
        return open_predicate(step, err);
}

static const struct sl_cfg_def step_rows[] = {
        {SL_CFG_STR(struct step_cfg, predicate, "predicate")},
        {SL_CFG_BOOL(struct step_cfg, negate, "negate"), .def = "false"},
        {0},
};

static enum sl_rc add_step(struct sl_chain *c, const char *alias, const struct sl_props *config,
                           const struct sl_cfg_list *predicates, struct sl_err *err)
{
        char *prefix = sl_arena_printf(&c->arena, "transforms.%s.", alias);
        const char *type = sl_props_get(config, sl_arena_printf(&c->arena, "%stype", prefix));
        const struct sl_transform_ops *ops = type ? sl_plugins_transform(c->plugins, type) : NULL;
        struct step_cfg own = {0};
        if (!ops)
                return no_class(c, SL_HINT_TRANSFORM, type, prefix, err);
        struct step *step = &c->steps[c->count];
        void *cfg = sl_arena_zalloc(&c->arena, ops->config_size + 1);
        step->alias = sl_arena_strdup(&c->arena, alias);
        step->st = sl_arena_zalloc(&c->arena, ops->state_size + 1);
        SL_TRY(parse(ops->config, prefix, config, cfg, &c->arena, err));
        SL_TRY(parse(step_rows, prefix, config, &own, &c->arena, err));
        step->ops = ops;
        step->cfg = cfg;
        step->negate = own.negate;
        c->count++;
        SL_TRY(open_transform(step, err));
        if (own.predicate && !is_listed(predicates, own.predicate))
                return sl_fail(err, SL_E_CONFIG, "Unknown configuration 'predicates.%s.type'", own.predicate);
        return own.predicate ? add_predicate(c, step, own.predicate, config, err) : SL_OK;
}

enum sl_rc sl_chain_new(const struct sl_plugins *plugins, const struct sl_props *config, const struct sl_conn_cfg *common,
                        struct sl_chain **ret, struct sl_err *err)
{
        struct sl_chain *c = sl_calloc(1, sizeof(*c));
        c->plugins = plugins;
        sl_arena_init(&c->arena, 4096);
        c->steps = sl_arena_zalloc(&c->arena, (common->transforms.count + 1) * sizeof(*c->steps));
        for (uint32_t i = 0; i < common->transforms.count; i++) {
                enum sl_rc rc = add_step(c, common->transforms.items[i], config, &common->predicates, err);
                if (rc != SL_OK) {
                        sl_chain_free(c);
                        return rc;
                }
        }
        *ret = c;
        return SL_OK;
}

uint32_t sl_chain_count(const struct sl_chain *c)
{
        return c->count;
}

const char *sl_chain_alias(const struct sl_chain *c, uint32_t i)
{
        return c->steps[i].alias;
}

static sl_cold enum sl_rc step_failed(const struct step *step, enum sl_rc rc, struct sl_err *err)
{
        err->stage = SL_STAGE_TRANSFORMATION;
        err->operation = step->ops->aliases[0];
        if (step->ops->hook)
                sl_err_prefix(err, "transform %s", step->alias);
        return rc;
}

/* Inline in the loop over the steps of a row, where a call would cost as much as a small transform. */
static inline __attribute__((always_inline)) enum sl_rc run_step(struct sl_chain *c, struct step *step, struct sl_record *rec,
                                                                 struct sl_arena *arena, bool *ret_ran, struct sl_err *err)
{
        enum sl_rc rc = SL_OK;
        bool yes = true;
        if (sl_unlikely(step->stale))
                rc = renew(c, step, err);
        if (step->predicate && rc == SL_OK)
                rc = test_predicate(step, rec, &yes, err);
        bool run = rc == SL_OK && (!step->predicate || yes != step->negate);
        *ret_ran = run;
        if (run)
                rc = apply_transform(step, rec, arena, err);
        return sl_likely(rc == SL_OK) ? rc : step_failed(step, rc, err);
}

enum sl_rc sl_chain_step(struct sl_chain *c, uint32_t i, struct sl_record *rec, struct sl_arena *arena, bool *ret_ran,
                         struct sl_err *err)
{
        bool ran;
        return run_step(c, &c->steps[i], rec, arena, ret_ran ? ret_ran : &ran, err);
}

enum sl_rc sl_chain_apply(struct sl_chain *c, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        bool ran;
        for (uint32_t i = 0; i < c->count && !rec->dropped; i++)
                SL_TRY(run_step(c, &c->steps[i], rec, arena, &ran, err));
        return SL_OK;
}

void sl_chain_free(struct sl_chain *c)
{
        if (!c)
                return;
        for (uint32_t i = 0; i < c->count; i++)
                close_step(&c->steps[i]);
        sl_arena_free(&c->arena);
        free(c);
}

static enum sl_rc open_converter(struct sl_codec *c, struct sl_converter *conv, const char *key, const char *fallback,
                                 const struct sl_props *worker, const struct sl_props *config, struct sl_err *err)
{
        const struct sl_props *from = sl_props_get(config, key) ? config : worker;
        const char *class = sl_props_get(from, key);
        if (!class)
                class = fallback;
        const struct sl_converter_ops *ops = sl_converter_find(class);
        if (!ops)
                return sl_fail(err, SL_E_CONFIG, "Invalid value %s for configuration %s: Class %s could not be found.",
                               class, key, class);
        void *cfg = sl_arena_zalloc(&c->arena, ops->config_size ? ops->config_size : 1);
        SL_TRY(parse(ops->config, sl_arena_printf(&c->arena, "%s.", key), from, cfg, &c->arena, err));
        conv->st = sl_arena_zalloc(&c->arena, ops->state_size ? ops->state_size : 1);
        conv->ops = ops;
        return ops->open ? ops->open(conv->st, cfg, strcmp(key, "key.converter") == 0, &c->env, err) : SL_OK;
}

enum sl_rc sl_codec_open(struct sl_codec *c, const struct sl_converter_env *env, const struct sl_props *worker,
                         const struct sl_props *config, struct sl_err *err)
{
        c->env = *env;
        sl_arena_init(&c->arena, 4096);
        SL_TRY(open_converter(c, &c->key, "key.converter", "org.apache.kafka.connect.json.JsonConverter", worker, config,
                              err));
        SL_TRY(open_converter(c, &c->value, "value.converter", "org.apache.kafka.connect.json.JsonConverter", worker,
                              config, err));
        return open_converter(c, &c->header, "header.converter", "org.apache.kafka.connect.storage.SimpleHeaderConverter",
                              worker, config, err);
}

void sl_codec_close(struct sl_codec *c)
{
        struct sl_converter *all[] = {&c->key, &c->value, &c->header};
        for (size_t i = 0; i < 3; i++)
                if (all[i]->ops && all[i]->ops->close)
                        all[i]->ops->close(all[i]->st);
        sl_arena_free(&c->arena);
        *c = (struct sl_codec){0};
}

/* A converter that may succeed later; none of the built-in ones has such failures. */
static sl_unused enum sl_rc pretend_busy(struct sl_err *err)
{
        enum sl_rc rc = sl_fail(err, SL_E_KAFKA, "fault point converter.busy");
        err->scope = SL_SCOPE_RECORD;
        err->java = SL_JAVA_RETRIABLE;
        return rc;
}

static enum sl_rc decode(const struct sl_converter *conv, enum sl_stage stage, struct sl_str topic, struct sl_str bytes,
                         struct sl_arena *arena, const struct sl_schema **ret_schema, struct sl_value *ret_value,
                         struct sl_err *err)
{
        enum sl_rc rc = SL_FAULT("converter.busy")
                                ? pretend_busy(err)
                                : conv->ops->decode(conv->st, topic, bytes, arena, ret_schema, ret_value, err);
        if (sl_unlikely(rc != SL_OK)) {
                err->stage = stage;
                err->operation = conv->ops->aliases[0];
        }
        return rc;
}

enum sl_rc sl_codec_decode(struct sl_codec *c, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        SL_TRY(decode(&c->key, SL_STAGE_KEY_CONVERTER, rec->topic, rec->raw_key, arena, &rec->key_schema, &rec->key, err));
        SL_TRY(decode(&c->value, SL_STAGE_VALUE_CONVERTER, rec->topic, rec->raw_value, arena, &rec->value_schema,
                      &rec->value, err));
        for (uint32_t i = 0; i < rec->header_count; i++) {
                struct sl_header *h = (struct sl_header *)rec->headers[i]; /* the record's own: it was only now read */
                SL_TRY(decode(&c->header, SL_STAGE_HEADER_CONVERTER, rec->topic, h->raw, arena, &h->schema, &h->value, err));
        }
        return SL_OK;
}
