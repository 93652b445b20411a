/* SPDX-License-Identifier: Apache-2.0 */
/* Debezium's TimezoneConverter: times in the rows of change events are set to another time zone. Texts (ZonedTimestamp,
 * ZonedTime) keep their instant and get the zone's offset; numbers are taken as local times of that zone and become
 * UTC; of the source block the epoch fields are shifted when they are named. Lists say which tables, topics and fields.
 * All other records pass. Which fields of a schema are times is looked up once; a row is copied when one of its values
 * changes. */
#include <stdio.h>
#include <strings.h>
#include <time.h>
#include "transforms/javacal.h"
#include "transforms/regex.h"
#include "transforms/structs.h"

#define DAY_NS INT64_C(86400000000000)

struct zone_cfg {
        const char *zone;
        struct sl_cfg_list include, exclude;
};

/* One name of a list with its fields. */
struct rule {
        enum { BY_TOPIC, BY_TABLE, BY_ANY } by;
        struct sl_str name;
        struct sl_str *fields;
        uint32_t count;
};

enum mode { MODE_ALL, MODE_INCLUDE, MODE_EXCLUDE };
enum part { BEFORE, AFTER, SOURCE, PARTS };
static const char *const part_names[PARTS] = {"before", "after", "source"};

struct zone {
        struct sl_tz *tz;
        struct rule *rules;
        uint32_t rule_count;
        struct sl_str *fields; /* the rules' */
        bool excluding, listed;
        struct sl_plans plans;
};

enum kind { ZONED_TIMESTAMP, ZONED_TIME, MS, US, NS, EPOCH_MS, EPOCH_US, EPOCH_NS };
struct candidate {
        uint32_t part, at;
        enum kind kind;
};
/* For an envelope's schema. */
struct plan {
        int parts[PARTS]; /* indexes of the structs, -1: not there */
        int table;        /* index in source, -1: none */
        uint32_t count;
        struct candidate list[];
};

/* ---- config ---- */

static const char list_pattern[] = "^\\[(source|topic|[\".\\w\\s_]+):([\".\\w\\s_]+(?::[\".\\w\\s_]+)?(?:,|]$))+$";

static bool list_fits(const struct sl_cfg_list *list)
{
        struct sl_buf text = {0}, why = {0};
        pcre2_code *code = sl_java_regex(list_pattern, &why);
        pcre2_match_data *match = code ? pcre2_match_data_create_from_pattern(code, NULL) : NULL;
        for (uint32_t i = 0; i < list->count; i++)
                sl_buf_printf(&text, "%s%s", i ? ", " : "[", list->items[i]);
        sl_buf_addc(&text, ']');
        bool ok = match && pcre2_match(code, (PCRE2_SPTR)text.ptr, text.len, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED,
                                       match, NULL) > 0;
        pcre2_match_data_free(match);
        pcre2_code_free(code);
        sl_buf_free(&text);
        sl_buf_free(&why);
        return ok;
}

static struct rule *rule_for(struct zone *st, int by, struct sl_str name)
{
        for (uint32_t i = 0; i < st->rule_count; i++)
                if ((int)st->rules[i].by == by && sl_str_eq(st->rules[i].name, name))
                        return &st->rules[i];
        struct rule *r = &st->rules[st->rule_count++];
        *r = (struct rule){.by = by, .name = name};
        return r;
}

/* The items are given: "source:table[:field]", "topic:name[:field]", "name[:field]", where the last follows the word of
 * the item before it. Two rounds, as a rule's fields may stand apart: names, then fields. */
static void read_list(struct zone *st, const struct sl_cfg_list *list)
{
        st->rules = sl_calloc(list->count + 1, sizeof(*st->rules));
        struct sl_str *room = st->fields = sl_calloc((size_t)list->count * (list->count + 1) + 1, sizeof(*room));
        const char *word = NULL;
        size_t word_len = 0;
        for (uint32_t i = 0; i < list->count; i++) {
                struct sl_str part[3] = {0};
                const char *p = list->items[i];
                uint32_t n = 0;
                for (; n < 3 && p; n++) {
                        const char *colon = strchr(p, ':');
                        part[n] = (struct sl_str){p, colon ? (size_t)(colon - p) : strlen(p)};
                        p = colon ? colon + 1 : NULL;
                }
                bool has_word =
                        n > 1 && part[0].len >= 5 &&
                        (strncasecmp(part[0].ptr, "topic:", 6) == 0 || strncasecmp(part[0].ptr, "source:", 7) == 0);
                if (has_word) {
                        word = part[0].ptr;
                        word_len = part[0].len;
                }
                struct sl_str name = part[has_word], field = part[has_word + 1];
                bool topic = word_len == 5 && memcmp(word, "topic", 5) == 0;
                bool table = word_len == 6 && memcmp(word, "source", 6) == 0;
                struct rule *r = rule_for(st, topic ? BY_TOPIC : table ? BY_TABLE : BY_ANY, name);
                if (!r->fields) {
                        r->fields = room;
                        room += list->count;
                }
                if (field.ptr)
                        r->fields[r->count++] = field;
        }
}

static bool bind_config(struct zone *st, const struct zone_cfg *cfg, const char **ret_key, struct sl_buf *why)
{
        const struct sl_cfg_list *list = cfg->include.count ? &cfg->include : &cfg->exclude;
        *ret_key = cfg->include.count ? "include.list" : "exclude.list";
        st->listed = list->count != 0;
        st->excluding = !cfg->include.count && cfg->exclude.count;
        if (list->count && !list_fits(list)) {
                sl_buf_printf(why,
                              "Invalid %s list format. Please specify a list of rules in the format of "
                              "\"source:<tablename>:<fieldnames>\", \"topic:<topicname>:<fieldnames>\", "
                              "\"<matchname>:<fieldnames>\"",
                              st->excluding ? "exclude" : "include");
                return false;
        }
        if (cfg->include.count && cfg->exclude.count) {
                sl_buf_adds(why, "Both include and exclude lists are specified. Please specify only one.");
                return false;
        }
        read_list(st, list);
        *ret_key = "converted.timezone";
        st->tz = sl_tz_open(cfg->zone, why);
        return st->tz != NULL;
}

static void zone_close(void *state)
{
        struct zone *st = state;
        sl_tz_free(st->tz);
        free(st->rules);
        free(st->fields);
        sl_plans_free(&st->plans, free);
        *st = (struct zone){0};
}

static void zone_check(const void *config, struct sl_cfg_report *report)
{
        const struct zone_cfg *cfg = config;
        struct zone st = {0};
        struct sl_buf why = {0};
        const char *key;
        if (cfg->zone && !bind_config(&st, cfg, &key, &why))
                sl_cfg_add_error(report, key, "%s", sl_buf_cstr(&why));
        zone_close(&st);
        sl_buf_free(&why);
}

static enum sl_rc zone_open(void *state, const void *config, const struct sl_transform_ops *ops sl_unused,
                            struct sl_err *err)
{
        struct sl_buf why = {0};
        const char *key;
        enum sl_rc rc = SL_OK;
        if (!bind_config(state, config, &key, &why))
                rc = sl_fail(err, SL_E_CONFIG, "TimezoneConverter: %s: %s", key, sl_buf_cstr(&why));
        sl_buf_free(&why);
        return rc;
}

/* ---- texts ---- */

struct text {
        const char *start, *p, *end;
};

/* n digits; false leaves p at the first that is none. */
static bool digits(struct text *t, unsigned n, int64_t *ret)
{
        const char *from = t->p;
        *ret = 0;
        for (unsigned i = 0; i < n; i++, t->p++) {
                if (t->p == t->end || *t->p < '0' || *t->p > '9') {
                        t->p = from;
                        return false;
                }
                *ret = *ret * 10 + (*t->p - '0');
        }
        return true;
}

static bool accept(struct text *t, char c)
{
        if (t->p == t->end || *t->p != c)
                return false;
        t->p++;
        return true;
}

/* [+-]yyyy-MM-ddT: days since 1970. */
static bool parse_date(struct text *t, int64_t *ret)
{
        int64_t year = 0, month, day;
        int32_t m, d;
        bool minus = accept(t, '-'), plus = !minus && accept(t, '+');
        unsigned n = 0;
        while (t->p + n < t->end && t->p[n] >= '0' && t->p[n] <= '9' && n < 10)
                n++;
        if (n < 4 || (n > 4 && !minus && !plus) || !digits(t, n, &year) || !accept(t, '-') || !digits(t, 2, &month) ||
            !accept(t, '-') || !digits(t, 2, &day) || !(accept(t, 'T') || accept(t, 't')))
                return false;
        year = minus ? -year : year;
        if (month < 1 || month > 12 || day < 1 || year > 999999999 || year < -999999999)
                return false;
        *ret = sl_days_of(year, (int32_t)month, (int32_t)day);
        return sl_date_of(*ret, &m, &d) == year && m == month && d == day;
}

/* HH:mm[:ss[.n]]: nanoseconds of the day. */
static bool parse_clock(struct text *t, int64_t *ret)
{
        int64_t hour, minute, second = 0, nanos = 0, unit = 1000000000;
        if (!digits(t, 2, &hour) || hour > 23 || !accept(t, ':') || !digits(t, 2, &minute) || minute > 59)
                return false;
        if (accept(t, ':')) {
                if (!digits(t, 2, &second) || second > 59)
                        return false;
                if (accept(t, '.'))
                        for (int64_t digit; unit > 1 && digits(t, 1, &digit);)
                                nanos += digit * (unit /= 10);
        }
        *ret = ((hour * 60 + minute) * 60 + second) * 1000000000 + nanos;
        return true;
}

/* Z, +hh, +hh:mm, +hh:mm:ss up to the end: seconds. */
static bool parse_offset(struct text *t, int32_t *ret)
{
        int64_t part[3] = {0};
        if (accept(t, 'Z') || accept(t, 'z')) {
                *ret = 0;
                return t->p == t->end;
        }
        bool minus = accept(t, '-');
        if (!minus && !accept(t, '+'))
                return false;
        for (int i = 0; i < 3 && t->p < t->end; i++) {
                accept(t, i ? ':' : 0);
                if (!digits(t, 2, &part[i]) || part[i] > (i ? 59 : 18))
                        return false;
        }
        int64_t seconds = part[0] * 3600 + part[1] * 60 + part[2];
        *ret = (int32_t)(minus ? -seconds : seconds);
        return t->p == t->end && seconds <= 18 * 3600;
}

static int print_clock(char *w, size_t room, int64_t nanos, int32_t offset)
{
        int64_t second = nanos / 1000000000, fraction = nanos % 1000000000;
        int n = snprintf(w, room, "%02d:%02d:%02d", (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
        if (fraction) {
                n += snprintf(w + n, room - (size_t)n, ".%09d", (int)fraction);
                while (w[n - 1] == '0')
                        n--;
        }
        if (!offset)
                return n + snprintf(w + n, room - (size_t)n, "Z");
        int a = abs(offset);
        n += snprintf(w + n, room - (size_t)n, "%c%02d:%02d", offset < 0 ? '-' : '+', a / 3600, a / 60 % 60);
        return a % 60 ? n + snprintf(w + n, room - (size_t)n, ":%02d", a % 60) : n;
}

static enum sl_rc unreadable(const struct text *t, const struct sl_value *v, struct sl_err *err)
{
        return SL_FAIL_AS(err, "java.time.format.DateTimeParseException", "Text '%.*s' could not be parsed at index %d",
                          SL_FMT(sl_v_as_str(v)), (int)(t->p - t->start));
}

static enum sl_rc convert_text(const struct zone *st, bool date, struct sl_value *v, struct sl_arena *arena,
                               struct sl_err *err)
{
        struct text t = {v->ptr, v->ptr, v->ptr + v->len};
        int64_t days = 0, nanos, second;
        int32_t own, offset, month, day;
        const size_t room = 80;
        if ((date && !parse_date(&t, &days)) || !parse_clock(&t, &nanos) || !parse_offset(&t, &own))
                return unreadable(&t, v, err);
        offset = date ? sl_tz_local(st->tz, days * 86400 + nanos / 1000000000) : sl_tz_at(st->tz, time(NULL));
        second = days * 86400 + nanos / 1000000000 - own + offset;
        nanos = sl_floor_mod(second, 86400) * 1000000000 + nanos % 1000000000;
        char *text = sl_arena_alloc(arena, room);
        int n = 0;
        if (date) {
                int64_t year = sl_date_of(sl_floor_div(second, 86400), &month, &day);
                n = snprintf(text, room, "%s%04lld-%02d-%02dT",
                             year < 0      ? "-"
                             : year > 9999 ? "+"
                                           : "",
                             year < 0 ? -(long long)year : (long long)year, month, day);
        }
        n += print_clock(text + n, room - (size_t)n, nanos, offset);
        *v = sl_v_str((struct sl_str){text, (size_t)n});
        return SL_OK;
}

/* ---- what depends on the schema ---- */

static bool find_kind(enum part part, const struct sl_field *f, enum kind *ret)
{
        static const struct {
                const char *name;
                enum kind kind;
                enum sl_type type;
        } named[] = {{"io.debezium.time.ZonedTimestamp", ZONED_TIMESTAMP, SL_STRING},
                     {"io.debezium.time.ZonedTime", ZONED_TIME, SL_STRING},
                     {"io.debezium.time.Timestamp", MS, SL_INT64},
                     {SL_NAME_TIMESTAMP, MS, SL_INT64},
                     {"io.debezium.time.MicroTimestamp", US, SL_INT64},
                     {"io.debezium.time.NanoTimestamp", NS, SL_INT64}},
          epoch[] = {{"ts_ms", EPOCH_MS, SL_INT64}, {"ts_us", EPOCH_US, SL_INT64}, {"ts_ns", EPOCH_NS, SL_INT64}};
        for (size_t i = 0; f->schema->name && i < sizeof(named) / sizeof(*named); i++)
                if (strcmp(f->schema->name, named[i].name) == 0 && f->schema->type == named[i].type) {
                        *ret = named[i].kind;
                        return true;
                }
        for (size_t i = 0; part == SOURCE && !f->schema->name && i < sizeof(epoch) / sizeof(*epoch); i++)
                if (strcmp(f->name, epoch[i].name) == 0) {
                        *ret = epoch[i].kind;
                        return true;
                }
        return false;
}

static sl_cold enum sl_rc make_plan(struct zone *st, const struct sl_schema *s, struct sl_err *err)
{
        uint32_t room = 0;
        if (s->type != SL_STRUCT)
                return SL_FAIL_AS(err, SL_JAVA_CAST, "The envelope is no struct");
        for (uint32_t i = 0; i < s->field_count; i++)
                room += s->fields[i].schema->type == SL_STRUCT ? s->fields[i].schema->field_count : 0;
        struct plan *plan = sl_calloc(1, sizeof(*plan) + room * sizeof(*plan->list));
        plan->table = -1;
        for (uint32_t k = 0; k < PARTS; k++) {
                int at = plan->parts[k] = sl_schema_field(s, part_names[k], strlen(part_names[k]));
                const struct sl_schema *part = at < 0 ? NULL : s->fields[at].schema;
                if (!part || part->type != SL_STRUCT) {
                        plan->parts[k] = -1;
                        continue;
                }
                for (uint32_t i = 0; i < part->field_count; i++) {
                        struct candidate *c = &plan->list[plan->count];
                        *c = (struct candidate){.part = k, .at = i};
                        plan->count += find_kind(k, &part->fields[i], &c->kind);
                }
                if (k == SOURCE)
                        plan->table = sl_schema_field(part, "table", 5);
                if (k == SOURCE && plan->table >= 0 && part->fields[plan->table].schema->type != SL_STRING)
                        plan->table = -1;
        }
        sl_plans_put(&st->plans, s, plan);
        return SL_OK;
}

/* ---- rows ---- */

static const struct rule *find_rule(const struct zone *st, struct sl_str table, struct sl_str topic)
{
        const struct {
                int by;
                struct sl_str name;
        } order[] = {{BY_TOPIC, topic}, {BY_TABLE, table}, {BY_ANY, topic}, {BY_ANY, table}};
        for (size_t k = 0; k < 4; k++)
                for (uint32_t i = 0; order[k].name.ptr && i < st->rule_count; i++)
                        if ((int)st->rules[i].by == order[k].by && sl_str_eq(st->rules[i].name, order[k].name))
                                return &st->rules[i];
        return NULL;
}

/* Does a field of a rule mean this one? "before.x" only that of before, "x" those of before and after. */
static bool names(struct sl_str field, enum part part, const struct sl_field *f)
{
        for (uint32_t k = 0; k < PARTS; k++) {
                size_t n = strlen(part_names[k]);
                if (field.len <= n || memcmp(field.ptr, part_names[k], n) != 0 || field.ptr[n] != '.')
                        continue;
                if (k != part)
                        return false;
                return sl_str_eq((struct sl_str){field.ptr + n + 1, field.len - n - 1},
                                 (struct sl_str){f->name, f->name_len});
        }
        return part != SOURCE && sl_str_eq(field, (struct sl_str){f->name, f->name_len});
}

static bool wanted(const struct rule *rule, enum mode mode, enum part part, const struct sl_field *f)
{
        bool named = false, of_source = false;
        for (uint32_t i = 0; rule && mode != MODE_ALL && i < rule->count; i++) {
                named = named || names(rule->fields[i], part, f);
                of_source = of_source || (rule->fields[i].len >= 7 && memcmp(rule->fields[i].ptr, "source.", 7) == 0);
        }
        if (part == SOURCE && !of_source)
                return false;
        return mode == MODE_ALL || named == (mode == MODE_INCLUDE);
}

static enum sl_rc convert(const struct zone *st, enum kind kind, struct sl_value *v, struct sl_arena *arena,
                          struct sl_err *err)
{
        static const int64_t units[] = {[MS] = 1000,       [US] = 1000000,       [NS] = 1000000000,
                                        [EPOCH_MS] = 1000, [EPOCH_US] = 1000000, [EPOCH_NS] = 1000000000};
        if (kind == ZONED_TIMESTAMP || kind == ZONED_TIME)
                return convert_text(st, kind == ZONED_TIMESTAMP, v, arena, err);
        if (v->type != SL_INT64)
                return SL_FAIL_AS(err, SL_JAVA_DEBEZIUM, "Epoch field value should be a java.lang.Long");
        int64_t second = sl_floor_div(v->i64, units[kind]);
        if (kind >= EPOCH_MS)
                v->i64 = (int64_t)((uint64_t)v->i64 + (uint64_t)(sl_tz_at(st->tz, second) * units[kind]));
        else
                v->i64 = (int64_t)((uint64_t)v->i64 - (uint64_t)(sl_tz_local(st->tz, second) * units[kind]));
        return SL_OK;
}

static enum sl_rc convert_row(const struct zone *st, const struct plan *plan, const struct rule *rule, enum mode mode,
                              struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        const struct sl_schema *s = rec->value_schema;
        struct sl_value *envelope = NULL, *items[PARTS] = {0};
        for (uint32_t i = 0; i < plan->count; i++) {
                const struct candidate *c = &plan->list[i];
                int at = plan->parts[c->part];
                const struct sl_schema *part = s->fields[at].schema;
                struct sl_value row = rec->value.items[at];
                if (row.type != SL_STRUCT || !wanted(rule, mode, c->part, &part->fields[c->at]))
                        continue;
                struct sl_value v = sl_struct_get(part, &row, c->at);
                if (v.type == SL_NULL)
                        continue;
                SL_TRY(convert(st, c->kind, &v, arena, err));
                if (!envelope) {
                        envelope = sl_arena_alloc(arena, rec->value.len * sizeof(*envelope));
                        memcpy(envelope, rec->value.items, rec->value.len * sizeof(*envelope));
                        rec->value.items = envelope;
                }
                if (!items[c->part]) {
                        items[c->part] = sl_arena_alloc(arena, row.len * sizeof(*envelope));
                        memcpy(items[c->part], row.items, row.len * sizeof(*envelope));
                        envelope[at].items = items[c->part];
                }
                items[c->part][c->at] = v;
        }
        return SL_OK;
}

static enum sl_rc zone_apply(void *state, struct sl_record *rec, struct sl_arena *arena, struct sl_err *err)
{
        struct zone *st = state;
        struct sl_str table = SL_STR_NULL;
        enum mode mode = MODE_ALL;
        if (rec->value.type == SL_NULL || !sl_is_envelope(rec->value_schema))
                return SL_OK;
        if (sl_unlikely(!sl_plans_get(&st->plans, rec->value_schema)))
                SL_TRY(make_plan(st, rec->value_schema, err));
        const struct plan *plan = sl_plans_get(&st->plans, rec->value_schema);
        if (plan->parts[SOURCE] >= 0) {
                const struct sl_value *source = &rec->value.items[plan->parts[SOURCE]];
                if (source->type == SL_NULL)
                        return SL_FAIL_AS(err, SL_JAVA_NPE, "The change event's source is null");
                if (plan->table >= 0 && source->items[plan->table].type == SL_STRING)
                        table = sl_v_as_str(&source->items[plan->table]);
        }
        const struct rule *rule = st->listed ? find_rule(st, table, rec->topic) : NULL;
        if (st->listed && !st->excluding && !rule)
                return SL_OK;
        if (st->excluding && rule && !rule->count)
                return SL_OK;
        if (rule && rule->count)
                mode = st->excluding ? MODE_EXCLUDE : MODE_INCLUDE;
        if (!table.ptr && !rec->topic.ptr)
                return SL_OK;
        return convert_row(st, plan, rule, mode, rec, arena, err);
}

#define T struct zone_cfg
static const struct sl_cfg_def zone_config[] = {
        {SL_CFG_STR(T, zone, "converted.timezone"), .flags = SL_CFG_REQUIRED | SL_CFG_NONEMPTY, .importance = SL_HIGH,
         .doc = "Time zone to convert to: a name (America/Los_Angeles) or an offset (+08:00)."},
        {SL_CFG_LIST(T, include, "include.list"), .importance = SL_HIGH,
         .doc = "What is converted, if not all: source:table, source:table:field, topic:name, topic:name:field, or "
                "name:field "
                "(a topic or a table). A field may be named as before.x, after.x or source.x."},
        {SL_CFG_LIST(T, exclude, "exclude.list"), .importance = SL_HIGH,
         .doc = "What is not converted, in the same form; not together with include.list."},
        {0},
};
#undef T

static const char *const zone_aliases[] = {"io.debezium.transforms.TimezoneConverter", NULL};

extern const struct sl_transform_ops sl_timezone_converter;
const struct sl_transform_ops sl_timezone_converter = {
        .name = "TimezoneConverter",
        .aliases = zone_aliases,
        .config = zone_config,
        .config_size = sizeof(struct zone_cfg),
        .state_size = sizeof(struct zone),
        .check = zone_check,
        .open = zone_open,
        .apply = zone_apply,
        .close = zone_close,
};
