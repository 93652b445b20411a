/* SPDX-License-Identifier: Apache-2.0 */
/* For tests/conformance/converters: what AvroConverter does between the registry and the rows. One JSON object a line:
 *   {"op":"write","options":[...],"record":"<JsonConverter's envelope>"} -> {"schema":"...","data":"hex"} or
 * {"null":true}
 *   {"op":"read","options":[...],"schema":"...","reader":"..." or absent,"data":"hex"} -> {"record":"<envelope>"}
 * or {"error":"..."}. */
#include "convert/avro.h"
#include "tests/support/lines.h"

struct tool {
        struct json_side json;
        struct sl_arena arena; /* of one line */
};

static void options_of(const json_t *list, struct sl_avro_options *o)
{
        const struct {
                const char *name;
                bool *flag;
        } known[] = {
                {"enhanced.avro.schema.support", &o->enhanced}, {"scrub.invalid.names", &o->scrub},
                {"discard.type.doc.default", &o->discard_doc},  {"allow.optional.map.keys", &o->optional_keys},
                {"generalized.sum.type.support", &o->sums},     {"ignore.default.for.nullables", &o->ignore_default}};
        json_t *one;
        size_t i;
        *o = (struct sl_avro_options){.meta = true, .flatten_singleton = true};
        json_array_foreach(list, i, one)
        {
                const char *name = json_string_value(one);
                for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
                        if (strcmp(known[k].name, name) == 0)
                                *known[k].flag = true;
                if (strcmp(name, "connect.meta.data=false") == 0)
                        o->meta = false;
        }
}

static enum sl_rc do_write(struct tool *t, const json_t *in, const struct sl_avro_options *o, json_t *out,
                           struct sl_err *err)
{
        const struct sl_schema *schema;
        struct sl_value v;
        struct sl_avro *avro;
        struct sl_avro_encoder *e = NULL;
        struct sl_buf text = {0}, data = {0};
        struct sl_str record = sl_str_c(json_string_value(json_object_get(in, "record")));
        SL_TRY(t->json.ops->decode(t->json.st, SL_STR("t"), record, &t->arena, &schema, &v, err));
        if (v.type == SL_NULL && (!schema || schema->optional)) {
                json_object_set_new(out, "null", json_true());
                return SL_OK;
        }
        struct sl_avro_doc *doc = sl_avro_doc_new();
        enum sl_rc rc = sl_avro_from_connect(doc, o, schema, &avro, err);
        if (rc == SL_OK)
                rc = sl_avro_print(avro, &text, err);
        if (rc == SL_OK)
                rc = sl_avro_encoder_new(o, schema, avro, &e, err);
        if (rc == SL_OK)
                rc = sl_avro_encode(e, &v, &data, err);
        if (rc == SL_OK) {
                json_object_set_new(out, "schema", json_stringn(text.ptr, text.len));
                add_hex(out, "data", &data);
        }
        sl_avro_encoder_free(e);
        sl_avro_doc_free(doc);
        sl_buf_free(&text);
        sl_buf_free(&data);
        return rc;
}

static enum sl_rc do_read(struct tool *t, const json_t *in, const struct sl_avro_options *o, json_t *out,
                          struct sl_err *err)
{
        const char *other = json_string_value(json_object_get(in, "reader"));
        struct sl_avro *writer, *reader;
        struct sl_avro_decoder *d = NULL;
        struct sl_value v;
        struct sl_buf text = {0};
        bool null;
        struct sl_avro_doc *doc = sl_avro_doc_new(), *doc2 = sl_avro_doc_new();
        enum sl_rc rc = sl_avro_parse(doc, sl_str_c(json_string_value(json_object_get(in, "schema"))), &writer, err);
        reader = writer;
        if (rc == SL_OK && other)
                rc = sl_avro_parse(doc2, sl_str_c(other), &reader, err);
        if (rc == SL_OK)
                rc = sl_avro_print(writer, &text, err);
        if (rc == SL_OK)
                json_object_set_new(out, "printed", json_stringn(text.ptr, text.len));
        sl_buf_clear(&text);
        if (rc == SL_OK)
                rc = sl_avro_decoder_new(o, writer, reader, &d, err);
        struct sl_str data = from_hex(json_string_value(json_object_get(in, "data")), &t->arena);
        if (rc == SL_OK)
                rc = sl_avro_decode(d, data, &t->arena, &v, err);
        if (rc == SL_OK)
                rc = t->json.ops->encode(t->json.st, SL_STR("t"), v.type == SL_NULL ? NULL : sl_avro_decoder_schema(d),
                                         &v, &text, &null, err);
        if (rc == SL_OK)
                json_object_set_new(out, "record", null ? json_null() : json_stringn(text.ptr, text.len));
        sl_avro_decoder_free(d);
        sl_avro_doc_free(doc);
        sl_avro_doc_free(doc2);
        sl_buf_free(&text);
        return rc;
}

static void one_line(struct tool *t, const char *line)
{
        struct sl_err err = {0};
        struct sl_avro_options o;
        json_t *in = json_loads(line, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL), *out = json_object();
        options_of(json_object_get(in, "options"), &o);
        sl_arena_reset(&t->arena);
        bool writes = strcmp(json_string_value(json_object_get(in, "op")), "write") == 0;
        enum sl_rc rc = writes ? do_write(t, in, &o, out, &err) : do_read(t, in, &o, out, &err);
        if (rc != SL_OK)
                json_object_set_new(out, "error", json_string(err.msg));
        char *text = json_dumps(out, JSON_COMPACT);
        puts(text);
        free(text);
        json_decref(in);
        json_decref(out);
}

int main(void)
{
        struct tool t = {.json = open_json()};
        char *line = NULL;
        size_t cap = 0;
        sl_arena_init(&t.arena, 0);
        while (getline(&line, &cap, stdin) > 0)
                one_line(&t, line);
        free(line);
        close_json(&t.json);
        sl_arena_free(&t.arena);
        return 0;
}
