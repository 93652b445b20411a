/* SPDX-License-Identifier: Apache-2.0 */
/* The Protobuf and JSON Schema converters without a registry: one JSON object a line in, one out. For tests/conformance/converters.
 *   {"format":"protobuf","options":{...},"record":{"schema":...,"payload":...}}     (JsonConverter's envelope)
 *     -> {"text":<schema>,"hex":<message>,"again":<what is read back, as envelope>}
 *   {"format":"protobuf","options":{...},"text":...,"index":[0],"hex":...}  -> {"again":...}
 * or {"error":...}. */
#include "convert/jsonschema.h"
#include "convert/protobuf.h"
#include "convert/registry.h"
#include "tests/support/lines.h"

static struct pb_options protobuf_options(const json_t *o)
{
        return (struct pb_options){
                .enhanced = json_is_true(json_object_get(o, "enhanced.protobuf.schema.support")),
                .scrub = json_is_true(json_object_get(o, "scrub.invalid.names")),
                .int_enums = json_is_true(json_object_get(o, "int.for.enums")),
                .optional_nullables = json_is_true(json_object_get(o, "optional.for.nullables")),
                .optional_proto2 = !json_is_false(json_object_get(o, "optional.for.proto2")),
                .wrapper_nullables = json_is_true(json_object_get(o, "wrapper.for.nullables")),
                .wrapper_raw = !json_is_false(json_object_get(o, "wrapper.for.raw.primitives")),
                .struct_nulls = json_is_true(json_object_get(o, "generate.struct.for.nulls")),
                .union_index = !json_is_false(json_object_get(o, "generate.index.for.unions")),
                .flatten_unions = json_is_true(json_object_get(o, "flatten.unions")),
                .generalized = json_is_true(json_object_get(o, "generalized.sum.type.support")),
                .ignore_default = json_is_true(json_object_get(o, "ignore.default.for.nullables")),
        };
}

static enum sl_rc add_again(struct json_side *json, const struct sl_schema *schema, const struct sl_value *v, json_t *out,
                            struct sl_err *err)
{
        struct sl_buf text = {0};
        bool null;
        SL_TRY(json->ops->encode(json->st, SL_STR("t"), schema, v, &text, &null, err));
        json_object_set_new(out, "again", json_loadb(text.ptr, text.len, JSON_DECODE_ANY, NULL));
        sl_buf_free(&text);
        return SL_OK;
}

static enum sl_rc read_protobuf(const struct pb_options *opt, struct sl_str text, const uint32_t *index, uint32_t count,
                                struct sl_str bytes, struct json_side *json, struct sl_arena *arena, json_t *out, struct sl_err *err)
{
        struct sl_registry_schema schema = {.type = SL_REGISTRY_PROTOBUF, .text = text};
        const struct pb_reader *reader;
        const struct sl_schema *connect;
        struct sl_value v;
        struct pb_file *file;
        SL_TRY(sl_pb_load(NULL, &schema, arena, &file, err));
        const struct pb_message *m = sl_pb_at(file, index, count);
        if (!m)
                return sl_fail(err, SL_E_DECODE, "no such message");
        SL_TRY(sl_pb_schema(opt, m, 0, arena, &reader, &connect, err));
        SL_TRY(sl_pb_read(reader, bytes, arena, &v, err));
        return add_again(json, connect, &v, out, err);
}

static enum sl_rc write_protobuf(const struct pb_options *opt, const struct sl_schema *schema, const struct sl_value *v,
                                 struct json_side *json, struct sl_arena *arena, json_t *out, struct sl_err *err)
{
        struct pb_file *file = NULL;
        struct pb_writer *writer;
        struct sl_buf text = {0}, bytes = {0}, scratch[2] = {0};
        uint32_t index = 0;
        if (schema->type == SL_STRUCT) {
                SL_TRY(sl_pb_make(opt, schema, arena, &file, err));
                sl_pb_print(file, &text);
        } else {
                sl_pb_wrapper_of(schema->type, &index);
                sl_buf_adds(&text, sl_pb_wrappers);
        }
        SL_TRY(sl_pb_bind(opt, schema, file, arena, &writer, err));
        SL_TRY(sl_pb_write(writer, v, scratch, &bytes, err));
        json_object_set_new(out, "text", json_stringn(text.ptr, text.len));
        add_hex(out, "hex", &bytes);
        json_object_set_new(out, "index", json_integer(index));
        enum sl_rc rc = read_protobuf(opt, (struct sl_str){text.ptr, text.len}, &index, 1, (struct sl_str){bytes.ptr ? bytes.ptr : "", bytes.len},
                                      json, arena, out, err);
        sl_buf_free(&text);
        sl_buf_free(&bytes);
        sl_buf_free(&scratch[0]);
        sl_buf_free(&scratch[1]);
        return rc;
}

/* ---- JSON Schema: "hex" is the JSON text itself, as "json" ---- */

static struct js_options json_options(const json_t *o)
{
        return (struct js_options){
                .additional = !json_is_false(json_object_get(o, "object.additional.properties")),
                .optional_missing = json_is_true(json_object_get(o, "use.optional.for.nonrequired")),
                .flatten_single = !json_is_false(json_object_get(o, "flatten.singleton.unions")),
                .generalized = json_is_true(json_object_get(o, "generalized.sum.type.support")),
                .ignore_default = json_is_true(json_object_get(o, "ignore.default.for.nullables")),
                .decimals = json_object_get(o, "decimal.format") ? SL_DECIMAL_NUMERIC : SL_DECIMAL_BASE64,
        };
}

static enum sl_rc read_json(const struct js_options *opt, struct sl_str text, struct sl_str bytes, struct json_side *json,
                            struct sl_arena *arena, json_t *out, struct sl_err *err)
{
        struct sl_json_reader reader = {0};
        const struct sl_schema *schema;
        struct sl_value tree, v;
        bool missing;
        SL_TRY(sl_js_schema(opt, text, 0, NULL, NULL, &schema, err));
        enum sl_rc rc = sl_json_read(&reader, bytes, true, arena, &tree, &missing, err);
        if (rc == SL_OK)
                rc = sl_js_read(schema, &tree, arena, &v, err);
        sl_json_reader_free(&reader);
        return rc == SL_OK ? add_again(json, schema, &v, out, err) : rc;
}

static enum sl_rc write_json(const struct js_options *opt, const struct sl_schema *schema, const struct sl_value *v,
                             struct json_side *json, struct sl_arena *arena, json_t *out, struct sl_err *err)
{
        struct sl_json_writer *w = sl_json_writer_new(opt->decimals, false);
        struct sl_buf text = {0}, bytes = {0};
        const struct js_writer *plan;
        bool null;
        enum sl_rc rc = sl_js_make(opt, schema, w, &text, err);
        if (rc == SL_OK)
                rc = sl_js_bind(opt, schema, arena, &plan, err);
        if (rc == SL_OK)
                rc = sl_js_write(plan, w, v, &bytes, &null, err);
        if (rc == SL_OK) {
                json_object_set_new(out, "text", json_stringn(text.ptr, text.len));
                json_object_set_new(out, "json", json_stringn(bytes.ptr, bytes.len));
                rc = read_json(opt, (struct sl_str){text.ptr, text.len}, (struct sl_str){bytes.ptr, bytes.len}, json, arena, out, err);
        }
        sl_buf_free(&text);
        sl_buf_free(&bytes);
        sl_json_writer_free(w);
        return rc;
}

static enum sl_rc one_line(const json_t *in, struct json_side *json, struct sl_arena *arena, json_t *out, struct sl_err *err)
{
        const json_t *record = json_object_get(in, "record");
        struct pb_options opt = protobuf_options(json_object_get(in, "options"));
        const struct sl_schema *schema;
        struct sl_value v;
        const char *format = json_string_value(json_object_get(in, "format"));
        bool json_schema = format && strcmp(format, "json") == 0;
        struct js_options js = json_options(json_object_get(in, "options"));
        if (!record && json_schema)
                return read_json(&js, sl_str_c(json_string_value(json_object_get(in, "text"))),
                                 sl_str_c(json_string_value(json_object_get(in, "json"))), json, arena, out, err);
        if (!record) {
                uint32_t index[PB_DEPTH], count = 0;
                const json_t *list = json_object_get(in, "index");
                for (; count < json_array_size(list); count++)
                        index[count] = (uint32_t)json_integer_value(json_array_get(list, count));
                return read_protobuf(&opt, sl_str_c(json_string_value(json_object_get(in, "text"))), index, count,
                                     from_hex(json_string_value(json_object_get(in, "hex")), arena), json, arena, out, err);
        }
        char *text = json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(17));
        struct sl_str bytes = sl_str_c(sl_arena_strdup(arena, text));
        free(text);
        SL_TRY(json->ops->decode(json->st, SL_STR("t"), bytes, arena, &schema, &v, err));
        if (json_schema)
                return write_json(&js, schema, &v, json, arena, out, err);
        return write_protobuf(&opt, schema, &v, json, arena, out, err);
}

int main(void)
{
        struct json_side json = open_json();
        struct sl_arena arena;
        char *line = NULL;
        size_t cap = 0;
        sl_arena_init(&arena, 0);
        while (getline(&line, &cap, stdin) > 0) {
                struct sl_err err = {0};
                json_t *in = json_loads(line, 0, NULL), *out = json_object();
                if (!in || one_line(in, &json, &arena, out, &err) != SL_OK)
                        json_object_set_new(out, "error", json_string(in ? err.msg : "this line is no JSON"));
                json_dumpf(out, stdout, JSON_COMPACT | JSON_REAL_PRECISION(17));
                putchar('\n');
                fflush(stdout);
                json_decref(in);
                json_decref(out);
                sl_arena_reset(&arena);
        }
        free(line);
        close_json(&json);
        sl_arena_free(&arena);
        return 0;
}
