/* SPDX-License-Identifier: Apache-2.0 */
/* Shows a configuration table: Connect's validate entries and definitions as JSON, the reference page's Markdown, the
 * text of a refused POST. Reads findings, makes none.
 *
 * Definition (field order of Kafka Connect 4.2): name, type, required, default_value, importance, documentation, group,
 * order_in_group, width, display_name, dependents. Value: name, value, recommended_values, errors, visible. All values
 * are strings or null; a value that did not parse is null. Without a group: group null, order -1, width NONE. */
#include <string.h>

#include "config/cfgdef.h"
#include "config/cfgvalue.h"

struct view {
        const struct sl_cfg_def *defs;
        const char *prefix;           /* of names in the answer */
        const char *look;             /* of keys in props and findings */
        const char *group;            /* NULL = each row's own */
        const struct sl_props *props; /* NULL = definitions only */
        const struct sl_cfg_report *r;
        struct sl_arena arena;
};

/* json_string refuses bytes that aren't UTF-8; the answer shows them as '?'. */
static json_t *text_json(const char *s)
{
        if (sl_utf8_valid(sl_str_c(s)))
                return json_string(s);
        struct sl_buf copy = {0};
        for (; *s; s++)
                sl_buf_addc(&copy, (unsigned char)*s < 0x80 ? *s : '?');
        json_t *j = json_string(sl_buf_cstr(&copy));
        sl_buf_free(&copy);
        return j;
}

static json_t *value_json(enum sl_cfg_type type, const char *text, struct sl_arena *arena)
{
        struct sl_cfg_value v;
        struct sl_buf shown = {0};
        if (sl_cfg_value_parse(type, text, arena, &v) || v.null)
                return json_null();
        sl_cfg_value_print(type, &v, &shown);
        json_t *j = text_json(sl_buf_cstr(&shown));
        sl_buf_free(&shown);
        return j;
}

static const char *importance_name(enum sl_cfg_importance importance)
{
        switch (importance) {
        case SL_HIGH:
                return "HIGH";
        case SL_MEDIUM:
                return "MEDIUM";
        case SL_LOW:
                break;
        }
        return "LOW";
}

static const char *width_name(enum sl_cfg_type type)
{
        switch (type) {
        case SL_CFG_T_INT:
        case SL_CFG_T_SHORT:
        case SL_CFG_T_LONG:
        case SL_CFG_T_DOUBLE:
        case SL_CFG_T_BOOLEAN:
                return "SHORT";
        case SL_CFG_T_LIST:
        case SL_CFG_T_CLASS:
                return "LONG";
        case SL_CFG_T_STRING:
        case SL_CFG_T_PASSWORD:
        case SL_CFG_T_ENUM:
                break;
        }
        return "MEDIUM";
}

/* Position among the rows of its group, from 1. */
static int order_in_group(const struct view *v, const struct sl_cfg_def *row)
{
        int order = 1;
        for (const struct sl_cfg_def *d = v->defs; d != row; d++)
                order += v->group || (d->group && strcmp(d->group, row->group) == 0);
        return order;
}

static json_t *definition_json(struct view *v, const struct sl_cfg_def *row)
{
        const struct sl_cfg_def *target = sl_cfg_target(v->defs, row);
        const char *group = v->group ? v->group : row->group;
        bool required = row == target && row->flags & SL_CFG_REQUIRED && !row->unsupported;
        const char *doc = row->doc ? row->doc : row->unsupported ? row->unsupported : "";
        char *name = sl_arena_printf(&v->arena, "%s%s", v->prefix, row->name);
        char *old = target == row ? NULL : sl_arena_printf(&v->arena, "Old name of %s%s.", v->prefix, target->name);
        json_t *def = json_object();
        json_object_set_new(def, "name", text_json(name));
        json_object_set_new(def, "type", json_string(sl_cfg_type_name(target->type)));
        json_object_set_new(def, "required", json_boolean(required));
        json_object_set_new(def, "default_value",
                            required ? json_null() : value_json(row->type, target == row ? row->def : NULL, &v->arena));
        json_object_set_new(def, "importance", json_string(importance_name(row->importance)));
        json_object_set_new(def, "documentation", text_json(old && !*doc ? old : doc));
        json_object_set_new(def, "group", group ? text_json(group) : json_null());
        json_object_set_new(def, "order_in_group", json_integer(group ? order_in_group(v, row) : -1));
        json_object_set_new(def, "width", json_string(group ? width_name(target->type) : "NONE"));
        json_object_set_new(def, "display_name", text_json(row->display ? row->display : name));
        json_object_set_new(def, "dependents", json_array());
        return def;
}

static json_t *errors_json(const struct view *v, const char *key)
{
        json_t *errors = json_array();
        for (uint32_t i = 0; v->r && i < v->r->count; i++)
                if (!v->r->findings[i].warning && strcmp(v->r->findings[i].key, key) == 0)
                        json_array_append_new(errors, text_json(v->r->findings[i].text));
        return errors;
}

/* What the user gave for this row (for a row with old names: also under those), else the default. */
static json_t *current_json(struct view *v, const struct sl_cfg_def *row, const char *key)
{
        const struct sl_cfg_def *target = sl_cfg_target(v->defs, row);
        struct sl_cfg_given given = {sl_props_has(v->props, key), sl_props_get(v->props, key), key};
        if (target == row)
                given = sl_cfg_given(v->defs, row, v->look, v->props, &v->arena);
        const char *text = given.present ? given.value : target == row ? row->def : NULL;
        if (text && sl_cfg_is_secret(&v->defs, 1, row->name)) {
                struct sl_cfg_value parsed;
                return sl_cfg_value_parse(target->type, text, &v->arena, &parsed) ? json_null()
                                                                                  : json_string("[hidden]");
        }
        return value_json(target->type, text, &v->arena);
}

/* One entry, or NULL when the row isn't shown. */
static json_t *entry_json(struct view *v, const struct sl_cfg_def *row)
{
        const char *key = sl_arena_printf(&v->arena, "%s%s", v->look, row->name);
        bool failed = v->r && sl_cfg_has_error(v->r, key);
        if (row->flags & SL_CFG_PREFIX || (row->flags & SL_CFG_HIDDEN && !failed) ||
            (row->unsupported && !failed && !sl_props_get(v->props, key)))
                return NULL;
        json_t *value = json_object();
        json_object_set_new(value, "name", text_json(sl_arena_printf(&v->arena, "%s%s", v->prefix, row->name)));
        json_object_set_new(value, "value", current_json(v, row, key));
        json_object_set_new(value, "recommended_values", json_array());
        json_object_set_new(value, "errors", errors_json(v, key));
        json_object_set_new(value, "visible", json_true());
        json_t *entry = json_object();
        json_object_set_new(entry, "definition", definition_json(v, row));
        json_object_set_new(entry, "value", value);
        return entry;
}

/* Does any key of props start with the prefix? Then props is the whole configuration, not the prefix's subset. */
static bool is_whole(const struct sl_props *props, const char *prefix)
{
        const char *key, *value;
        for (size_t i = 0; sl_props_next(props, &i, &key, &value);)
                if (strncmp(key, prefix, strlen(prefix)) == 0)
                        return true;
        return false;
}

json_t *sl_cfg_validate_group_json(const struct sl_cfg_def *defs, const char *prefix, const char *group,
                                   const struct sl_props *props, const struct sl_cfg_report *r)
{
        prefix = prefix ? prefix : "";
        struct view v = {.defs = defs, .prefix = prefix, .group = group, .props = props, .r = r};
        v.look = is_whole(props, prefix) ? prefix : "";
        json_t *list = json_array();
        for (const struct sl_cfg_def *row = defs; row->name; row++) {
                json_t *entry = entry_json(&v, row);
                if (entry)
                        json_array_append_new(list, entry);
        }
        sl_arena_free(&v.arena);
        return list;
}

json_t *sl_cfg_validate_json(const struct sl_cfg_def *defs, const char *prefix, const struct sl_props *props,
                             const struct sl_cfg_report *r)
{
        return sl_cfg_validate_group_json(defs, prefix, NULL, props, r);
}

json_t *sl_cfg_definitions_json(const struct sl_cfg_def *defs)
{
        struct view v = {.defs = defs, .prefix = "", .look = ""};
        json_t *list = json_array();
        for (const struct sl_cfg_def *row = defs; row->name; row++)
                if (!(row->flags & (SL_CFG_PREFIX | SL_CFG_HIDDEN)) && !row->unsupported)
                        json_array_append_new(list, definition_json(&v, row));
        sl_arena_free(&v.arena);
        return list;
}

/* ---- Markdown ---- */

static void add_cell(struct sl_buf *out, const char *text)
{
        for (; *text; text++) {
                if (*text == '|')
                        sl_buf_addc(out, '\\');
                sl_buf_addc(out, *text == '\n' ? ' ' : *text);
        }
}

static void add_code(struct sl_buf *out, const char *text)
{
        sl_buf_addc(out, '`');
        add_cell(out, text);
        sl_buf_addc(out, '`');
}

static void add_default(const struct sl_cfg_def *row, struct sl_buf *out)
{
        if (row->flags & SL_CFG_REQUIRED)
                sl_buf_adds(out, "required");
        else if (!row->def)
                sl_buf_adds(out, "none");
        else if (!row->def[0])
                sl_buf_adds(out, "empty");
        else
                add_code(out, row->type == SL_CFG_T_PASSWORD ? "[hidden]" : row->def);
}

static void add_values(const struct sl_cfg_def *row, struct sl_buf *out)
{
        const char *lead = " Values: ";
        for (const struct sl_cfg_enum *e = row->values; e && e->name; e++) {
                if (e->unsupported)
                        continue;
                sl_buf_adds(out, lead);
                add_code(out, e->name);
                lead = ", ";
        }
        if (row->values && *lead == ',')
                sl_buf_addc(out, '.');
        for (const struct sl_cfg_enum *e = row->values; e && e->name; e++) {
                if (!e->unsupported)
                        continue;
                sl_buf_adds(out, " Refused: ");
                add_code(out, e->name);
                sl_buf_adds(out, ": ");
                add_cell(out, e->unsupported);
        }
        if (row->flags & SL_CFG_HAS_MIN)
                sl_buf_printf(out, " At least %lld.", (long long)row->min);
        if (row->flags & SL_CFG_HAS_MAX)
                sl_buf_printf(out, " At most %lld.", (long long)row->max);
}

static void add_notes(const struct sl_cfg_def *row, struct sl_buf *out)
{
        if (row->unsupported) {
                sl_buf_adds(out, "**Refused:** ");
                add_cell(out, row->unsupported);
                return;
        }
        if (row->alias_of) {
                sl_buf_adds(out, "Old name of ");
                add_code(out, row->alias_of);
                sl_buf_adds(out, row->doc ? ". " : ".");
        } else if (row->flags & SL_CFG_IGNORED) {
                sl_buf_adds(out, "**No effect here:** ");
        } else if (row->flags & SL_CFG_DEPRECATED) {
                sl_buf_adds(out, "**Deprecated:** ");
        }
        if (row->doc)
                add_cell(out, row->doc);
        add_values(row, out);
}

void sl_cfg_markdown(const struct sl_cfg_def *defs, struct sl_buf *out)
{
        sl_buf_adds(out, "| Key | Type | Default | Importance | What it does |\n|---|---|---|---|---|\n");
        for (const struct sl_cfg_def *row = defs; row->name; row++) {
                if (row->flags & SL_CFG_HIDDEN)
                        continue;
                const struct sl_cfg_def *target = sl_cfg_target(defs, row);
                size_t n = strlen(row->name);
                bool open = row->flags & SL_CFG_PREFIX && n && row->name[n - 1] != '*';
                sl_buf_adds(out, "| `");
                add_cell(out, row->name);
                sl_buf_printf(out, "%s` | %s | ", open ? "*" : "", sl_cfg_type_name(target->type));
                if (target != row || row->unsupported)
                        sl_buf_adds(out, "none");
                else
                        add_default(row, out);
                sl_buf_printf(out, " | %s | ", importance_name(target->importance));
                add_notes(row, out);
                sl_buf_adds(out, " |\n");
        }
}

/* ---- a refused POST ---- */

void sl_cfg_report_text(const struct sl_cfg_report *r, struct sl_buf *out)
{
        sl_buf_printf(out, "Connector configuration is invalid and contains the following %u error(s):", r->errors);
        for (uint32_t i = 0; i < r->count; i++)
                if (!r->findings[i].warning) {
                        sl_buf_addc(out, '\n');
                        sl_buf_adds(out, r->findings[i].text);
                }
        sl_buf_adds(out, "\nYou can also find the above list of errors at the endpoint "
                         "`/connector-plugins/{connectorType}/config/validate`");
}
