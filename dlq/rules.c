/* SPDX-License-Identifier: Apache-2.0 */
/* A user's rules (see rules.h). Conditions are compiled once; a regular expression sees at most 4 KiB of a text and gives up early, so
 * that no text of a failed record can hold the scan. Actions of rules are read here; doing them is the dead-letter connector's business (worker_*.c). */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "dlq/rules.h"
#include <pcre2.h>
#include <stdlib.h>
#include "base/json.h"
#include "config/textfile.h"
#include "dlq/internal.h"
#include "dlq/opts.h"
#include "dlq/resolve.h"

#define REGEX_BYTES 4096
#define REGEX_STEPS 20000

enum op { EQ, PREFIX, CONTAINS, REGEX, IN, EXISTS };
struct condition {
        const char *field; /* "message", "header.x", "value.a.b" */
        enum op op;
        bool negate;
        const char *const *texts; /* one, or those of IN; NULL-terminated */
        pcre2_code *regex;
};
struct rule {
        struct sl_dlq_rule pub;
        struct sl_props transforms;
        struct condition *conditions;
        uint32_t count;
};
/* Where a home-made family keeps things: header names, or paths into the value. */
struct origin_rule {
        const char *id, *topic, *partition, *offset, *message, *exception, *attempts, *payload;
        bool in_value, base64;
};
struct sl_dlq_rules {
        struct sl_arena arena;
        struct rule *rules;
        struct origin_rule *origins;
        uint32_t count, origin_count;
        pcre2_match_data *match;
        pcre2_match_context *limits;
};

/* ---- matching ---- */

static struct sl_str header(const struct sl_dlq_item *it, const char *name)
{
        for (uint32_t i = it->header_count; i-- > 0;)
                if (sl_str_eqc(it->headers[i].key, name))
                        return it->headers[i].value;
        return SL_STR_NULL;
}

/* The text of a field; ptr NULL = it has none. */
static struct sl_str field_of(const struct sl_dlq_item *it, const char *field, struct sl_arena *arena)
{
        struct sl_str found;
        if (strncmp(field, "header.", 7) == 0)
                return header(it, field + 7);
        if (strncmp(field, "value.", 6) == 0)
                return sl_dlq_json_at(it->payload, field + 6, arena, &found) ? found : SL_STR_NULL;
        const struct { const char *name; struct sl_str text; } fields[] = {
                {"exception", it->exception}, {"cause", it->cause},         {"message", it->message},
                {"cause_message", it->cause_message}, {"trace", it->trace}, {"connector", it->connector},
                {"operation", it->operation}, {"topic", it->origin.topic},  {"key", it->key},
                {"value", it->payload},       {"class", sl_str_c(sl_rc_name(it->class))},
                {"code", it->code ? sl_str_c(it->code) : SL_STR_NULL},
                {"stage", it->stage == SL_STAGE_NONE ? SL_STR_NULL : sl_str_c(sl_stage_name(it->stage))},
                {"family", sl_str_c(sl_dlq_family_name(it->family))},
        };
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
                if (strcmp(fields[i].name, field) == 0)
                        return fields[i].text;
        return SL_STR_NULL;
}

static bool regex_matches(const struct sl_dlq_rules *r, const struct condition *c, struct sl_str text)
{
        size_t n = text.len < REGEX_BYTES ? text.len : REGEX_BYTES;
        return pcre2_match(c->regex, (PCRE2_SPTR)text.ptr, n, 0, 0, r->match, r->limits) >= 0;
}

static bool holds(const struct sl_dlq_rules *r, const struct condition *c, const struct sl_dlq_item *it, struct sl_arena *arena)
{
        struct sl_str text = field_of(it, c->field, arena);
        bool yes = false;
        if (c->op == EXISTS || !text.ptr)
                return (text.ptr != NULL && c->op == EXISTS) != c->negate;
        switch (c->op) {
        case PREFIX:
                yes = sl_str_starts(text, c->texts[0]);
                break;
        case CONTAINS:
                yes = sl_str_has(text, c->texts[0]);
                break;
        case REGEX:
                yes = regex_matches(r, c, text);
                break;
        default:
                for (const char *const *t = c->texts; *t && !yes; t++)
                        yes = sl_str_eqc(text, *t);
        }
        return yes != c->negate;
}

static bool matches(const struct sl_dlq_rules *r, const struct rule *rule, const struct sl_dlq_item *it, struct sl_arena *arena)
{
        for (uint32_t i = 0; i < rule->count; i++)
                if (!holds(r, &rule->conditions[i], it, arena))
                        return false;
        return true;
}

const struct sl_dlq_rule *sl_dlq_rules_match(const struct sl_dlq_rules *r, const struct sl_dlq_item *it, struct sl_arena *arena)
{
        for (uint32_t i = 0; i < r->count; i++)
                if (matches(r, &r->rules[i], it, arena))
                        return &r->rules[i].pub;
        return NULL;
}

/* ---- origins ---- */

static struct sl_str part_of(const struct origin_rule *o, const char *where, const struct sl_dlq_item *it, struct sl_arena *arena)
{
        struct sl_str found;
        if (!where)
                return SL_STR_NULL;
        if (!o->in_value)
                return header(it, where);
        return sl_dlq_json_at(it->value, where, arena, &found) ? found : SL_STR_NULL;
}

static bool set_origin(const struct origin_rule *o, struct sl_dlq_item *it, struct sl_arena *arena)
{
        struct sl_str topic = part_of(o, o->topic, it, arena), payload;
        if (!topic.ptr || !topic.len)
                return false;
        int64_t partition = sl_dlq_number(part_of(o, o->partition, it, arena));
        int64_t attempts = sl_dlq_number(part_of(o, o->attempts, it, arena));
        it->origin.topic = topic;
        it->origin.partition = partition > INT32_MAX ? -1 : (int32_t)partition;
        it->origin.offset = sl_dlq_number(part_of(o, o->offset, it, arena));
        it->origin.how = "rule";
        it->attempts = attempts > INT32_MAX ? -1 : (int32_t)attempts;
        if (o->message)
                it->message = part_of(o, o->message, it, arena);
        if (o->exception)
                it->exception = part_of(o, o->exception, it, arena);
        if (o->in_value && o->payload && sl_dlq_json_at(it->value, o->payload, arena, &payload)) {
                it->payload = payload;
                it->wrapped = true;
                it->binary_payload = o->base64;
        }
        it->family = SL_DLQ_RULE;
        return true;
}

void sl_dlq_rules_origin(const struct sl_dlq_rules *r, struct sl_dlq_item *it, struct sl_arena *arena)
{
        if (it->origin.topic.ptr && it->family != SL_DLQ_WRAPPER && it->family != SL_DLQ_HOME_MADE)
                return;
        for (uint32_t i = 0; i < r->origin_count; i++)
                if (set_origin(&r->origins[i], it, arena))
                        return;
}

/* ---- loading ---- */

static const char *keep(struct sl_dlq_rules *r, const char *text)
{
        return text ? sl_arena_strdup(&r->arena, text) : NULL;
}

static enum sl_rc read_op(struct sl_dlq_rules *r, const char *id, struct condition *c, const char *name, const json_t *v,
                          struct sl_err *err)
{
        static const struct { const char *name; enum op op; } ops[] = {{"eq", EQ}, {"prefix", PREFIX}, {"contains", CONTAINS}, {"regex", REGEX},
                                                                       {"in", IN}, {"exists", EXISTS}};
        size_t i = 0;
        while (i < sizeof(ops) / sizeof(ops[0]) && strcmp(ops[i].name, name) != 0)
                i++;
        if (i == sizeof(ops) / sizeof(ops[0]))
                return sl_fail(err, SL_E_CONFIG, "rule %s: %s is no operator: use eq, prefix, contains, regex, in or exists", id, name);
        c->op = ops[i].op;
        if (c->op == EXISTS) {
                c->negate ^= !json_is_true(v);
                return json_is_boolean(v) ? SL_OK : sl_fail(err, SL_E_CONFIG, "rule %s: exists is true or false", id);
        }
        size_t n = json_is_array(v) ? json_array_size(v) : 1;
        const char **texts = sl_arena_zalloc(&r->arena, (n + 1) * sizeof(*texts));
        for (size_t k = 0; k < n; k++) {
                const json_t *one = json_is_array(v) ? json_array_get(v, k) : v;
                if (!json_is_string(one) || (json_is_array(v) != (c->op == IN)))
                        return sl_fail(err, SL_E_CONFIG, "rule %s: %s of %s needs %s", id, name, c->field,
                                       c->op == IN ? "an array of strings" : "a string");
                texts[k] = keep(r, json_string_value(one));
        }
        c->texts = texts;
        if (c->op != REGEX)
                return SL_OK;
        int code;
        PCRE2_SIZE at;
        c->regex = pcre2_compile((PCRE2_SPTR)texts[0], PCRE2_ZERO_TERMINATED, PCRE2_DOTALL, &code, &at, NULL);
        if (!c->regex)
                return sl_fail(err, SL_E_CONFIG, "rule %s: the regular expression of %s is not valid at character %zu", id, c->field,
                               (size_t)at + 1);
        (void)pcre2_jit_compile(c->regex, PCRE2_JIT_COMPLETE);
        return SL_OK;
}

static bool known_field(const char *f)
{
        static const char *const fields[] = {"exception", "cause", "message", "cause_message", "trace", "connector", "operation", "topic", "key",
                                             "value", "class", "code", "stage", "family"};
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
                if (strcmp(fields[i], f) == 0)
                        return true;
        return (strncmp(f, "header.", 7) == 0 && f[7]) || (strncmp(f, "value.", 6) == 0 && f[6]);
}

/* "field": "text", or "field": {"op": ..., "not": true}. */
static enum sl_rc read_condition(struct sl_dlq_rules *r, const char *id, const char *field, json_t *v, struct condition *c,
                                 struct sl_err *err)
{
        const char *name;
        json_t *arg;
        c->field = keep(r, field);
        if (!known_field(field))
                return sl_fail(err, SL_E_CONFIG, "rule %s: there is no field %s", id, field);
        if (json_is_string(v))
                return read_op(r, id, c, "eq", v, err);
        c->negate = json_is_object(v) && sl_json_bool(v, "not", false);
        size_t ops = 0;
        json_object_foreach(v, name, arg) {
                if (strcmp(name, "not") == 0)
                        continue;
                SL_TRY(read_op(r, id, c, name, arg, err));
                ops++;
        }
        return ops == 1 ? SL_OK : sl_fail(err, SL_E_CONFIG, "rule %s: %s needs a text, or an object with one operator", id, field);
}

/* An example as an item: what a rule could see of a record. */
static enum sl_rc example_item(const char *id, json_t *ex, struct sl_dlq_item *it, struct sl_kheader *headers, size_t cap,
                               struct sl_err *err)
{
        const char *name;
        json_t *v;
        *it = (struct sl_dlq_item){.class = SL_UNKNOWN, .code = "unknown", .headers = headers,
                                   .origin = {.partition = -1, .offset = -1}};
        json_object_foreach(ex, name, v) {
                struct sl_str text = sl_str_c(json_string_value(v));
                struct { const char *name; struct sl_str *at; } fields[] = {
                        {"exception", &it->exception}, {"cause", &it->cause}, {"message", &it->message}, {"cause_message", &it->cause_message},
                        {"trace", &it->trace}, {"connector", &it->connector}, {"operation", &it->operation}, {"topic", &it->origin.topic},
                        {"key", &it->key}, {"value", &it->payload}};
                bool found = false;
                if (!text.ptr)
                        return sl_fail(err, SL_E_CONFIG, "rule %s: %s of an example must be a string", id, name);
                for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && !found; i++)
                        if ((found = strcmp(fields[i].name, name) == 0))
                                *fields[i].at = text;
                if (strcmp(name, "stage") == 0) {
                        for (int s = SL_STAGE_TASK_POLL; s <= SL_STAGE_TASK_PUT; s++)
                                if (strcmp(sl_stage_name((enum sl_stage)s), text.ptr) == 0)
                                        it->stage = (enum sl_stage)s;
                        found = it->stage != SL_STAGE_NONE;
                } else if (strncmp(name, "header.", 7) == 0 && it->header_count < cap) {
                        headers[it->header_count++] = (struct sl_kheader){sl_str_c(name + 7), text};
                        found = true;
                }
                if (!found)
                        return sl_fail(err, SL_E_CONFIG, "rule %s: an example can't say %s=%s", id, name, text.ptr);
        }
        it->value = it->payload;
        return SL_OK;
}

static enum sl_rc check_examples(struct sl_dlq_rules *r, const struct rule *rule, json_t *examples, struct sl_err *err)
{
        size_t n = json_array_size(examples);
        struct sl_arena arena = {0};
        if (!n)
                return sl_fail(err, SL_E_CONFIG, "rule %s has no examples: give at least one that it matches", rule->pub.id);
        for (size_t i = 0; i < n; i++) {
                struct sl_dlq_item it;
                struct sl_kheader headers[16];
                SL_TRY(example_item(rule->pub.id, json_array_get(examples, i), &it, headers, 16, err));
                bool yes = matches(r, rule, &it, &arena);
                sl_arena_free(&arena);
                if (!yes)
                        return sl_fail(err, SL_E_CONFIG, "rule %s does not match its own example %zu", rule->pub.id, i + 1);
        }
        return SL_OK;
}

static enum sl_rc only(json_t *obj, const char *id, const char *const *names, struct sl_err *err)
{
        const char *name;
        json_t *v;
        if (!json_is_object(obj))
                return sl_fail(err, SL_E_CONFIG, "rule %s is not a JSON object", id);
        json_object_foreach(obj, name, v) {
                const char *const *k = names;
                while (*k && strcmp(*k, name) != 0)
                        k++;
                if (!*k)
                        return sl_fail(err, SL_E_CONFIG, "rule %s: unknown member %s", id, name);
        }
        return SL_OK;
}

/* ["old=new", ...], as the option of replay takes them one by one. */
static enum sl_rc read_texts(struct sl_dlq_rules *r, const char *id, const char *name, enum sl_dlq_repair_text what, const json_t *list,
                             struct sl_dlq_texts *ret, struct sl_err *err)
{
        char why[400];
        size_t i;
        const json_t *one;
        if (list && !json_is_array(list))
                return sl_fail(err, SL_E_CONFIG, "rule %s: %s of its repair is an array of texts", id, name);
        json_array_foreach(list, i, one) {
                const char *text = json_is_string(one) ? keep(r, json_string_value(one)) : "";
                if (!sl_dlq_repair_text(ret, what, name, "texts such as \"field=text\"", text, why, sizeof(why)))
                        return sl_fail(err, SL_E_CONFIG, "rule %s: repair: %s", id, why);
        }
        return SL_OK;
}

static enum sl_rc read_transforms(const char *id, const json_t *obj, struct sl_props *ret, struct sl_err *err)
{
        if (obj && sl_props_from_json(ret, obj, err) != SL_OK) {
                sl_err_prefix(err, "rule %s: transforms of its repair", id);
                return err ? err->rc : SL_FATAL;
        }
        if (obj && !sl_props_get(ret, "transforms"))
                return sl_fail(err, SL_E_CONFIG, "rule %s: transforms of its repair is an object with the key transforms", id);
        return SL_OK;
}

static enum sl_rc read_repair(struct sl_dlq_rules *r, json_t *obj, struct rule *rule, struct sl_err *err)
{
        static const char *const names[] = {"value-subject", "value-version", "rename", "default", "cast", "enum",
                                            "allow-lossy", "transforms", NULL};
        const char *id = rule->pub.id;
        enum sl_type ignored;
        struct sl_dlq_opts *o = sl_arena_zalloc(&r->arena, sizeof(*o));
        if (!json_is_object(obj) || !json_object_size(obj))
                return sl_fail(err, SL_E_CONFIG, "rule %s: repair is an object that says what is to be changed", id);
        SL_TRY(only(obj, id, names, err));
        o->value_subject = keep(r, sl_json_str(obj, "value-subject"));
        o->value_version = (int32_t)sl_json_int(obj, "value-version", 0);
        o->allow_lossy = sl_json_bool(obj, "allow-lossy", false);
        const struct { const char *name; enum sl_dlq_repair_text what; struct sl_dlq_texts *texts; } lists[] = {
                {"rename", SL_DLQ_RENAME, &o->rename}, {"default", SL_DLQ_DEFAULT, &o->defaults},
                {"cast", SL_DLQ_CAST, &o->cast}, {"enum", SL_DLQ_ENUM, &o->enums}};
        for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
                SL_TRY(read_texts(r, id, lists[i].name, lists[i].what, json_object_get(obj, lists[i].name), lists[i].texts, err));
        for (uint32_t i = 0; i < o->cast.count && !o->value_subject; i++)
                if (!sl_resolve_type(strchr(o->cast.items[i], '=') + 1, &ignored))
                        return sl_fail(err, SL_E_CONFIG, "rule %s: cast of its repair knows no type as in %s", id, o->cast.items[i]);
        SL_TRY(read_transforms(id, json_object_get(obj, "transforms"), &rule->transforms, err));
        rule->pub.repair = o;
        if (json_object_get(obj, "transforms"))
                rule->pub.transforms = &rule->transforms;
        return SL_OK;
}

static enum sl_rc read_action(struct sl_dlq_rules *r, json_t *obj, struct rule *rule, struct sl_err *err)
{
        static const char *const names[] = {
                [SL_DLQ_ACT_RETRY] = "retry",
                [SL_DLQ_ACT_REPAIR] = "repair",
                [SL_DLQ_ACT_QUARANTINE] = "quarantine",
                [SL_DLQ_ACT_DISCARD] = "discard",
        };
        json_t *action = json_object_get(obj, "action"), *repair = json_object_get(obj, "repair");
        for (int a = SL_DLQ_ACT_RETRY; json_is_string(action) && a <= SL_DLQ_ACT_DISCARD; a++)
                if (strcmp(names[a], json_string_value(action)) == 0)
                        rule->pub.action = (enum sl_dlq_action)a;
        if (action && rule->pub.action == SL_DLQ_ACT_BY_CLASS)
                return sl_fail(err, SL_E_CONFIG, "rule %s: action is retry, repair, quarantine or discard", rule->pub.id);
        if ((repair != NULL) != (rule->pub.action == SL_DLQ_ACT_REPAIR))
                return sl_fail(err, SL_E_CONFIG, "rule %s: the action repair and the member repair need each other", rule->pub.id);
        return repair ? read_repair(r, repair, rule, err) : SL_OK;
}

static enum sl_rc read_rule(struct sl_dlq_rules *r, json_t *obj, size_t number, struct rule *rule, struct sl_err *err)
{
        static const char *const names[] = {"id", "when", "class", "code", "examples", "comment", "action", "repair", NULL};
        json_t *when = json_object_get(obj, "when"), *v;
        const char *class = sl_json_str(obj, "class"), *field;
        rule->pub.id = keep(r, sl_json_str(obj, "id"));
        if (!rule->pub.id)
                return sl_fail(err, SL_E_CONFIG, "rule %zu has no id", number);
        SL_TRY(only(obj, rule->pub.id, names, err));
        for (int rc = SL_TRANSIENT; class && rc <= SL_UNKNOWN; rc++)
                if (strcmp(sl_rc_name((enum sl_rc)rc), class) == 0)
                        rule->pub.class = (enum sl_rc)rc;
        if (rule->pub.class == SL_OK)
                return sl_fail(err, SL_E_CONFIG,
                               "rule %s: class is deserialization, schema_mismatch, business, transient or unknown", rule->pub.id);
        rule->pub.code = keep(r, sl_json_str(obj, "code"));
        if (!rule->pub.code)
                rule->pub.code = rule->pub.id;
        if (!json_is_object(when) || !json_object_size(when))
                return sl_fail(err, SL_E_CONFIG, "rule %s: when is an object of at least one condition", rule->pub.id);
        rule->conditions = sl_arena_zalloc(&r->arena, json_object_size(when) * sizeof(*rule->conditions));
        json_object_foreach(when, field, v) {
                SL_TRY(read_condition(r, rule->pub.id, field, v, &rule->conditions[rule->count++], err));
        }
        rule->pub.number = (uint32_t)number - 1;
        SL_TRY(read_action(r, obj, rule, err));
        return check_examples(r, rule, json_object_get(obj, "examples"), err);
}

static enum sl_rc read_origin(struct sl_dlq_rules *r, json_t *obj, size_t number, bool in_value, struct origin_rule *o,
                              struct sl_err *err)
{
        static const char *const names[] = {"id",      "topic",  "partition", "offset",  "message", "exception", "attempts",
                                            "payload", "base64", "example",   "comment", NULL};
        struct sl_kheader headers[16];
        struct sl_arena arena = {0};
        struct sl_dlq_item it;
        o->id = keep(r, sl_json_str(obj, "id"));
        if (!o->id)
                return sl_fail(err, SL_E_CONFIG, "origin rule %zu has no id", number);
        SL_TRY(only(obj, o->id, names, err));
        o->in_value = in_value;
        o->topic = keep(r, sl_json_str(obj, "topic"));
        o->partition = keep(r, sl_json_str(obj, "partition"));
        o->offset = keep(r, sl_json_str(obj, "offset"));
        o->message = keep(r, sl_json_str(obj, "message"));
        o->exception = keep(r, sl_json_str(obj, "exception"));
        o->attempts = keep(r, sl_json_str(obj, "attempts"));
        o->payload = keep(r, sl_json_str(obj, "payload"));
        o->base64 = sl_json_bool(obj, "base64", false);
        if (!o->topic)
                return sl_fail(err, SL_E_CONFIG, "rule %s: topic says where the original topic stands", o->id);
        SL_TRY(example_item(o->id, json_object_get(obj, "example"), &it, headers, 16, err));
        bool yes = set_origin(o, &it, &arena);
        sl_arena_free(&arena);
        return yes ? SL_OK : sl_fail(err, SL_E_CONFIG, "rule %s does not find a topic in its own example", o->id);
}

static enum sl_rc read_all(struct sl_dlq_rules *r, json_t *root, struct sl_err *err)
{
        static const char *const names[] = {"rules", "wrappers", "headers", "comment", NULL};
        json_t *rules = json_object_get(root, "rules"), *wrappers = json_object_get(root, "wrappers"),
               *heads = json_object_get(root, "headers");
        SL_TRY(only(root, "file", names, err));
        if ((rules && !json_is_array(rules)) || (wrappers && !json_is_array(wrappers)) || (heads && !json_is_array(heads)))
                return sl_fail(err, SL_E_CONFIG, "rules, wrappers and headers are arrays");
        size_t n = json_array_size(rules), w = json_array_size(wrappers), h = json_array_size(heads);
        r->origins = sl_arena_zalloc(&r->arena, (w + h + 1) * sizeof(*r->origins));
        r->rules = sl_arena_zalloc(&r->arena, (n + 1) * sizeof(*r->rules));
        for (size_t i = 0; i < h; i++)
                SL_TRY(read_origin(r, json_array_get(heads, i), i + 1, false, &r->origins[r->origin_count++], err));
        for (size_t i = 0; i < w; i++)
                SL_TRY(read_origin(r, json_array_get(wrappers, i), i + 1, true, &r->origins[r->origin_count++], err));
        for (size_t i = 0; i < n; i++)
                SL_TRY(read_rule(r, json_array_get(rules, i), i + 1, &r->rules[r->count++], err));
        return SL_OK;
}

enum sl_rc sl_dlq_rules_parse(struct sl_str text, struct sl_dlq_rules **ret, struct sl_err *err)
{
        sl_auto_json *root = NULL;
        SL_TRY(sl_json_parse(text, &root, err));
        struct sl_dlq_rules *r = sl_calloc(1, sizeof(*r));
        sl_arena_init(&r->arena, 4096);
        r->match = pcre2_match_data_create(1, NULL);
        r->limits = pcre2_match_context_create(NULL);
        pcre2_set_match_limit(r->limits, REGEX_STEPS);
        enum sl_rc rc = read_all(r, root, err);
        if (rc != SL_OK) {
                sl_dlq_rules_free(r);
                return rc;
        }
        *ret = r;
        return SL_OK;
}

enum sl_rc sl_dlq_rules_load(const char *path, struct sl_dlq_rules **ret, struct sl_err *err)
{
        struct sl_buf text = {0};
        enum sl_rc rc = sl_textfile_read(path, &text, err);
        if (rc == SL_OK) {
                rc = sl_dlq_rules_parse((struct sl_str){text.ptr, text.len}, ret, err);
                if (rc != SL_OK)
                        sl_err_prefix(err, "%s", path);
        }
        sl_buf_free(&text);
        return rc;
}

void sl_dlq_rules_free(struct sl_dlq_rules *r)
{
        if (!r)
                return;
        for (uint32_t i = 0; i < r->count; i++) {
                sl_props_free(&r->rules[i].transforms);
                for (uint32_t k = 0; k < r->rules[i].count; k++)
                        if (r->rules[i].conditions[k].regex)
                                pcre2_code_free(r->rules[i].conditions[k].regex);
        }
        pcre2_match_data_free(r->match);
        pcre2_match_context_free(r->limits);
        sl_arena_free(&r->arena);
        free(r);
}

const struct sl_dlq_rule *sl_dlq_rules_at(const struct sl_dlq_rules *r, uint32_t number)
{
        return number < r->count ? &r->rules[number].pub : NULL;
}
