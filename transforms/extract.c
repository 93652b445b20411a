/* SPDX-License-Identifier: Apache-2.0 */
/* ExtractField$Key and ExtractField$Value: the key or value becomes one of its fields, with that field's schema. With
 * field.syntax.version=V2 the field is a path through nested structs or maps (KIP-821): dots separate the steps, a step
 * in backticks may contain dots. A path is looked up once per schema; a row follows indexes and copies one 16-byte
 * value. */
#include "transforms/structs.h"

#define PURPOSE "field extraction"
#define NESTED "nested field access"

enum { SYNTAX_V1, SYNTAX_V2 };

struct extract_cfg {
        const char *field;
        bool replace_null;
        int syntax;
};

struct extract {
        const struct extract_cfg *cfg;
        int side;
        struct sl_str *steps; /* at least one */
        uint32_t count;
        char *texts; /* the steps' */
        struct sl_plans plans;
};

struct plan {
        const struct sl_schema *schema; /* of what is found */
        uint32_t at[];                  /* the field's index at each step */
};

/* ---- the path ---- */

/* p behind the opening backtick. The step ends at a backtick before a dot or the end; with a backslash before it, it is
 * a plain backtick. Behind the closing one, or NULL when there is none. */
static const char *quoted_step(const char *p, char **w)
{
        for (; *p; p++) {
                if (*p != '`' || (p[1] && p[1] != '.'))
                        *(*w)++ = *p;
                else if (p[-1] != '\\')
                        return p + 1;
                else
                        (*w)[-1] = '`'; /* over the backslash */
        }
        return NULL;
}

/* Java's index of a place in the text: UTF-16 units. */
static unsigned java_index(const char *text, const char *at)
{
        unsigned n = 0;
        for (; text < at; text++)
                n += ((uint8_t)*text & 0xc0) != 0x80 ? 1 + ((uint8_t)*text >= 0xf0) : 0;
        return n;
}

/* False: why. */
static bool cut_path(struct extract *st, const char *path, bool whole, struct sl_buf *why)
{
        uint32_t room = 2;
        for (const char *p = path; *p; p++)
                room += *p == '.';
        st->steps = sl_calloc(room, sizeof(*st->steps));
        char *w = st->texts = sl_malloc(strlen(path) + 1);
        if (whole || !*path) {
                memcpy(w, path, strlen(path) + 1);
                st->steps[st->count++] = sl_str_c(w);
                return true;
        }
        for (const char *p = path; *p;) {
                const char *from = p;
                char *step = w;
                if (*p == '`')
                        p = quoted_step(p + 1, &w);
                else
                        while (*p && *p != '.')
                                *w++ = *p++;
                if (!p) {
                        sl_buf_printf(why,
                                      "Incomplete backtick pair in path: [%s], consider adding a backslash before "
                                      "backtick at position %u to escape it",
                                      path, java_index(path, from));
                        return false;
                }
                st->steps[st->count++] = (struct sl_str){step, (size_t)(w - step)};
                if (*p == '.' && !*++p)
                        st->steps[st->count++] = (struct sl_str){w, 0};
        }
        return true;
}

/* ---- config ---- */

static void extract_close(void *state)
{
        struct extract *st = state;
        free(st->steps);
        free(st->texts);
        sl_plans_free(&st->plans, free);
        *st = (struct extract){0};
}

static void extract_check(const void *config, struct sl_cfg_report *report)
{
        const struct extract_cfg *cfg = config;
        struct extract st = {0};
        struct sl_buf why = {0};
        if (cfg->field && !cut_path(&st, cfg->field, cfg->syntax == SYNTAX_V1, &why))
                sl_cfg_add_error(report, "field", "%s", sl_buf_cstr(&why));
        extract_close(&st);
        sl_buf_free(&why);
}

static enum sl_rc extract_open(void *state, const void *config, const struct sl_transform_ops *ops, struct sl_err *err)
{
        struct extract *st = state;
        struct sl_buf why = {0};
        enum sl_rc rc = SL_OK;
        st->cfg = config;
        st->side = ops->side;
        if (!cut_path(st, st->cfg->field, st->cfg->syntax == SYNTAX_V1, &why))
                rc = sl_fail(err, SL_E_CONFIG, "%s", sl_buf_cstr(&why));
        sl_buf_free(&why);
        return rc;
}

/* ---- rows ---- */

static enum sl_rc find_field(const struct extract *st, const struct sl_schema *s, struct plan *plan, struct sl_err *err)
{
        for (uint32_t i = 0; i < st->count; i++) {
                if (s->type != SL_STRUCT)
                        return sl_fail(err, SL_E_TRANSFORM, "Cannot look up fields on non-struct type");
                int found = sl_schema_field(s, st->steps[i].ptr, st->steps[i].len);
                SL_TRY(sl_need_known(found, st->cfg->field, err));
                plan->at[i] = (uint32_t)found;
                s = s->fields[found].schema;
        }
        plan->schema = s;
        return SL_OK;
}

static sl_cold enum sl_rc bind_schema(struct extract *st, const struct sl_schema *in, struct sl_err *err)
{
        struct plan *plan = sl_malloc(sizeof(*plan) + st->count * sizeof(*plan->at));
        enum sl_rc rc = find_field(st, in, plan, err);
        if (rc == SL_OK)
                sl_plans_put(&st->plans, in, plan);
        else
                free(plan);
        return rc;
}

static enum sl_rc extract_struct(struct extract *st, const struct sl_schema **schema, struct sl_value *value,
                                 struct sl_err *err)
{
        const struct sl_schema *s = *schema;
        struct sl_value v = *value;
        if (v.type != SL_NULL)
                SL_TRY(sl_need_struct(s, value, PURPOSE, err));
        if (sl_unlikely(!sl_plans_get(&st->plans, s)))
                SL_TRY(bind_schema(st, s, err));
        const struct plan *plan = sl_plans_get(&st->plans, s);
        for (uint32_t i = 0; i < st->count && v.type != SL_NULL; i++) {
                bool last = i + 1 == st->count;
                s = s->fields[plan->at[i]].schema;
                v = sl_read_field(s, &v.items[plan->at[i]], !last || st->cfg->replace_null);
        }
        *schema = plan->schema;
        *value = v;
        return SL_OK;
}

static enum sl_rc extract_map(struct extract *st, struct sl_value *value, struct sl_err *err)
{
        struct sl_value v = *value;
        for (uint32_t i = 0; i < st->count && v.type != SL_NULL; i++) {
                SL_TRY(sl_need_map(&v, i ? NESTED : PURPOSE, err));
                int found = sl_map_find(&v, st->steps[i]);
                v = found < 0 ? SL_V_NULL : v.items[2 * found + 1];
        }
        *value = v;
        return SL_OK;
}

static enum sl_rc extract_apply(void *state, struct sl_record *rec, struct sl_arena *arena sl_unused,
                                struct sl_err *err)
{
        struct extract *st = state;
        const struct sl_schema **schema = sl_side_schema(rec, st->side);
        struct sl_value *value = sl_side_value(rec, st->side);
        return *schema ? extract_struct(st, schema, value, err) : extract_map(st, value, err);
}

static const struct sl_cfg_enum syntaxes[] = {{"V1", SYNTAX_V1, NULL}, {"V2", SYNTAX_V2, NULL}, {0}};
static const struct sl_cfg_def extract_config[] = {
        {SL_CFG_STR(struct extract_cfg, field, "field"), .flags = SL_CFG_REQUIRED, .importance = SL_MEDIUM,
         .doc = "The field to extract; a path with field.syntax.version=V2."},
        SL_CFG_REPLACE_NULL(struct extract_cfg),
        {SL_CFG_ENUM(struct extract_cfg, syntax, "field.syntax.version", syntaxes), .flags = SL_CFG_CASE_INSENSITIVE,
         .def = "V1", .importance = SL_HIGH,
         .doc = "V1: field is the name of a field of the record. V2: field may be a path into nested structs or maps, "
                "its steps "
                "separated by dots; a name that contains dots is put in backticks."},
        {0},
};

static const char *const key_aliases[] = {"org.apache.kafka.connect.transforms.ExtractField$Key", NULL};
static const char *const value_aliases[] = {"org.apache.kafka.connect.transforms.ExtractField$Value", NULL};

#define EXTRACT_OPS(text, names, which)                                                                                \
        {                                                                                                              \
                .name = (text), .aliases = (names), .side = (which), .config = extract_config,                         \
                .config_size = sizeof(struct extract_cfg), .state_size = sizeof(struct extract),                       \
                .check = extract_check, .open = extract_open, .apply = extract_apply, .close = extract_close,          \
        }
extern const struct sl_transform_ops sl_extract_field_key, sl_extract_field_value;
const struct sl_transform_ops sl_extract_field_key = EXTRACT_OPS("ExtractField$Key", key_aliases, 1);
const struct sl_transform_ops sl_extract_field_value = EXTRACT_OPS("ExtractField$Value", value_aliases, 0);
