/* SPDX-License-Identifier: Apache-2.0 */
/* Connect schemas as the "schema" member of a JSON envelope, both ways. Member order when written: type; items, or keys
 * and values, or fields; optional; name; version; doc; parameters; default; in a struct's list, field comes last.
 * Only the control plane comes here: json.c keeps what was read and written per distinct bytes and per schema. */
#include "convert/json.h"

/* ---- writing ---- */

static const char *const type_names[SL_TYPE_COUNT] = {
        [SL_BOOLEAN] = "boolean", [SL_INT8] = "int8",     [SL_INT16] = "int16",    [SL_INT32] = "int32",
        [SL_INT64] = "int64",     [SL_FLOAT32] = "float", [SL_FLOAT64] = "double", [SL_STRING] = "string",
        [SL_BYTES] = "bytes",     [SL_ARRAY] = "array",   [SL_MAP] = "map",        [SL_STRUCT] = "struct",
};

static void add_member(struct sl_buf *out, const char *name, const char *text)
{
        sl_buf_addc(out, ',');
        sl_buf_add_json_str(out, name, strlen(name));
        sl_buf_addc(out, ':');
        sl_buf_add_json_str(out, text, strlen(text));
}

static void render(struct sl_json_writer *w, const struct sl_schema *schema, const char *field, struct sl_buf *out);

static void render_children(struct sl_json_writer *w, const struct sl_schema *schema, struct sl_buf *out)
{
        if (schema->type == SL_ARRAY) {
                sl_buf_adds(out, ",\"items\":");
                render(w, schema->value, NULL, out);
        } else if (schema->type == SL_MAP) {
                sl_buf_adds(out, ",\"keys\":");
                render(w, schema->key, NULL, out);
                sl_buf_adds(out, ",\"values\":");
                render(w, schema->value, NULL, out);
        } else if (schema->type == SL_STRUCT) {
                sl_buf_adds(out, ",\"fields\":[");
                for (uint32_t i = 0; i < schema->field_count; i++) {
                        if (i)
                                sl_buf_addc(out, ',');
                        render(w, schema->fields[i].schema, schema->fields[i].name, out);
                }
                sl_buf_addc(out, ']');
        }
}

static void render(struct sl_json_writer *w, const struct sl_schema *schema, const char *field, struct sl_buf *out)
{
        if (!schema) { /* of members without a common type, see record/values.h */
                sl_buf_adds(out, "null");
                return;
        }
        sl_buf_printf(out, "{\"type\":\"%s\"", type_names[schema->type]);
        render_children(w, schema, out);
        sl_buf_adds(out, schema->optional ? ",\"optional\":true" : ",\"optional\":false");
        if (schema->name)
                add_member(out, "name", schema->name);
        if (schema->version)
                sl_buf_printf(out, ",\"version\":%d", schema->version);
        if (schema->doc)
                add_member(out, "doc", schema->doc);
        if (schema->param_count) {
                sl_buf_adds(out, ",\"parameters\":{");
                for (uint32_t i = 0; i < schema->param_count; i++) {
                        if (i)
                                sl_buf_addc(out, ',');
                        sl_buf_add_json_str(out, schema->params[i].name, strlen(schema->params[i].name));
                        sl_buf_addc(out, ':');
                        sl_buf_add_json_str(out, schema->params[i].value, strlen(schema->params[i].value));
                }
                sl_buf_addc(out, '}');
        }
        if (schema->has_default && schema->def.type != SL_NULL) {
                size_t before = out->len;
                sl_buf_adds(out, ",\"default\":");
                if (sl_json_write_value(w, schema, &schema->def, out, NULL) != SL_OK && sl_buf_ok(out))
                        out->len = before; /* a default that contradicts its schema */
        }
        if (field)
                add_member(out, "field", field);
        sl_buf_addc(out, '}');
}

void sl_json_render_schema(struct sl_json_writer *w, const struct sl_schema *schema, struct sl_buf *out)
{
        render(w, schema, NULL, out);
}

void sl_json_write_schema(const struct sl_schema *schema, struct sl_buf *out)
{
        struct sl_json_writer *w = sl_json_writer_new(SL_DECIMAL_BASE64, false);
        render(w, schema, NULL, out);
        sl_json_writer_free(w);
}

/* ---- reading ---- */

struct parse {
        bool replace_null;
        struct sl_arena *arena;
        struct sl_err *err;
};

#define MEMBER(node, name) ((node)->type == SL_MAP ? sl_json_member((node), (name), sizeof(name) - 1) : NULL)

static char *text_dup(const struct parse *p, const struct sl_value *v)
{
        return sl_arena_strndup(p->arena, v->ptr, v->len);
}

/* Java's SchemaBuilder refused it. */
static sl_cold enum sl_rc not_built(const struct parse *p, enum sl_rc rc)
{
        if (p->err)
                p->err->java = "org.apache.kafka.connect.errors.SchemaBuilderException";
        return rc;
}

static enum sl_rc parse_schema(const struct parse *p, const struct sl_value *node, const struct sl_schema **ret);

static enum sl_rc parse_type(const struct parse *p, const struct sl_value *node, enum sl_type *ret)
{
        const struct sl_value *type = MEMBER(node, "type");
        if (!type || type->type != SL_STRING)
                return sl_fail(p->err, SL_E_SCHEMA, "Schema must contain 'type' field");
        for (unsigned t = SL_BOOLEAN; t < SL_TYPE_COUNT; t++)
                if (sl_str_eqc(sl_v_as_str(type), type_names[t])) {
                        *ret = (enum sl_type)t;
                        return SL_OK;
                }
        return sl_fail(p->err, SL_E_SCHEMA, "Unknown schema type: %.*s", (int)type->len, type->ptr);
}

static enum sl_rc parse_child(const struct parse *p, const struct sl_value *node, const char *missing,
                              const struct sl_schema **ret)
{
        if (!node || node->type == SL_NULL)
                return sl_fail(p->err, SL_E_SCHEMA, "%s", missing);
        return parse_schema(p, node, ret);
}

static enum sl_rc parse_fields(const struct parse *p, const struct sl_value *node, struct sl_schema *spec)
{
        const struct sl_value *list = MEMBER(node, "fields");
        if (!list || list->type != SL_ARRAY)
                return sl_fail(p->err, SL_E_SCHEMA, "Struct schema's \"fields\" argument is not an array.");
        struct sl_field *fields = sl_arena_zalloc(p->arena, list->len * sizeof(*fields));
        for (uint32_t i = 0; i < list->len; i++) {
                const struct sl_value *name = MEMBER(&list->items[i], "field");
                if (!name || name->type != SL_STRING)
                        return sl_fail(p->err, SL_E_SCHEMA, "Struct schema's field name not specified properly");
                fields[i].name = text_dup(p, name);
                SL_TRY(parse_child(p, &list->items[i], "fieldSchema for field cannot be null.", &fields[i].schema));
                for (uint32_t k = 0; k < i; k++)
                        if (strcmp(fields[k].name, fields[i].name) == 0)
                                return not_built(p, sl_fail(p->err, SL_E_SCHEMA,
                                                            "Cannot create field because of field name duplication %s",
                                                            fields[i].name));
        }
        spec->fields = fields;
        spec->field_count = list->len;
        return SL_OK;
}

static enum sl_rc parse_children(const struct parse *p, const struct sl_value *node, struct sl_schema *spec)
{
        if (spec->type == SL_ARRAY)
                return parse_child(p, MEMBER(node, "items"), "Array schema did not specify the element type",
                                   &spec->value);
        if (spec->type == SL_MAP) {
                SL_TRY(parse_child(p, MEMBER(node, "keys"), "Map schema did not specify the key type", &spec->key));
                return parse_child(p, MEMBER(node, "values"), "Map schema did not specify the value type",
                                   &spec->value);
        }
        return spec->type == SL_STRUCT ? parse_fields(p, node, spec) : SL_OK;
}

static enum sl_rc parse_params(const struct parse *p, const struct sl_value *obj, struct sl_schema *spec)
{
        if (!obj || obj->type != SL_MAP || !obj->len)
                return SL_OK;
        struct sl_param *params = sl_arena_zalloc(p->arena, obj->len * sizeof(*params));
        for (uint32_t i = 0; i < obj->len; i++) {
                if (obj->items[2 * i + 1].type != SL_STRING)
                        return sl_fail(p->err, SL_E_SCHEMA, "Schema parameters must have string values.");
                params[i] = (struct sl_param){text_dup(p, &obj->items[2 * i]), text_dup(p, &obj->items[2 * i + 1])};
        }
        spec->params = params;
        spec->param_count = obj->len;
        return SL_OK;
}

/* A Decimal without a scale can't be read; Java says so at its first value, we say it here. */
static enum sl_rc check_decimal(const struct parse *p, const struct sl_schema *schema)
{
        int64_t scale;
        const char *text = schema->logical == SL_LOGICAL_DECIMAL ? sl_schema_param(schema, "scale") : "0";
        if (!text)
                return sl_fail(p->err, SL_E_SCHEMA, "Invalid Decimal schema: scale parameter not found.");
        if (!sl_parse_i64(sl_str_c(text), &scale) || scale != (int32_t)scale)
                return sl_fail(p->err, SL_E_SCHEMA, "Invalid scale parameter found in Decimal schema: ");
        return SL_OK;
}

static enum sl_rc parse_schema(const struct parse *p, const struct sl_value *node, const struct sl_schema **ret)
{
        struct sl_schema spec = {0};
        SL_TRY(parse_type(p, node, &spec.type));
        SL_TRY(parse_children(p, node, &spec));
        const struct sl_value *v = MEMBER(node, "optional");
        spec.optional = v && v->type == SL_BOOLEAN && v->b;
        v = MEMBER(node, "name");
        if (v && v->type == SL_STRING)
                spec.name = text_dup(p, v);
        v = MEMBER(node, "version");
        int64_t version;
        if (v && v->type == SL_JSON_NUMBER && sl_parse_i64(sl_v_as_str(v), &version))
                spec.version = (int32_t)version;
        v = MEMBER(node, "doc");
        if (v && v->type == SL_STRING)
                spec.doc = text_dup(p, v);
        SL_TRY(parse_params(p, MEMBER(node, "parameters"), &spec));
        const struct sl_schema *schema = sl_schema_intern(&spec);
        SL_TRY(check_decimal(p, schema));
        v = MEMBER(node, "default");
        if (v) {
                SL_TRY(sl_json_bind(schema, v, p->replace_null, p->arena, &spec.def, p->err));
                spec.has_default = spec.def.type != SL_NULL;
                if (!spec.has_default && !spec.optional)
                        return not_built(p, sl_fail(p->err, SL_E_SCHEMA, "Invalid default value"));
                if (spec.has_default)
                        schema = sl_schema_intern(&spec);
        }
        *ret = schema;
        return SL_OK;
}

enum sl_rc sl_json_schema_from(const struct sl_value *node, bool replace_null, struct sl_arena *arena,
                               const struct sl_schema **ret, struct sl_err *err)
{
        struct parse p = {replace_null, arena, err};
        if (node->type == SL_NULL) {
                *ret = NULL;
                return SL_OK;
        }
        return parse_schema(&p, node, ret);
}
