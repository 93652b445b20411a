/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: the first line is a schema's text, what follows is data in it. What decodes must encode again under its
 * Connect schema, and that must decode to the same. */
#include <stdlib.h>

#include "convert/avro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sl_avro_options options[] = {
        {.meta = true, .flatten_singleton = true},
        {.enhanced = true, .scrub = true, .optional_keys = true},
        {.meta = true, .sums = true, .discard_doc = true, .ignore_default = true},
};

/* Connect schemas can be of Avro schemas that Connect would not make (two types of one name): then there is no way
 * back. */
static void there_and_back(const struct sl_avro_options *o, const struct sl_schema *schema, const struct sl_value *v)
{
        struct sl_avro_doc *doc = sl_avro_doc_new();
        struct sl_avro *avro;
        struct sl_avro_encoder *e = NULL;
        struct sl_avro_decoder *d = NULL;
        struct sl_buf out = {0}, text = {0};
        struct sl_arena arena = {0};
        struct sl_value back;
        struct sl_err err = {0};
        bool read = false;
        if (sl_avro_from_connect(doc, o, schema, &avro, NULL) == SL_OK && sl_avro_print(avro, &text, NULL) == SL_OK &&
            sl_avro_encoder_new(o, schema, avro, &e, NULL) == SL_OK && sl_avro_encode(e, v, &out, NULL) == SL_OK &&
            sl_avro_decoder_new(o, avro, avro, &d, NULL) == SL_OK &&
            !(read = sl_avro_decode(d, (struct sl_str){out.ptr, out.len}, &arena, &back, &err) == SL_OK) &&
            !strstr(err.msg, "more than can be")) /* fewer bytes than the first time may ask for less memory */
                abort();
        if (read && o->ignore_default && !sl_value_equal(v, &back)) /* else defaults stand where nulls were */
                abort();
        sl_avro_encoder_free(e);
        sl_avro_decoder_free(d);
        sl_avro_doc_free(doc);
        sl_buf_free(&out);
        sl_buf_free(&text);
        sl_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
        struct sl_str text = {(const char *)data, line ? (size_t)(line - data) : size};
        struct sl_str bytes = {(const char *)data + text.len + (line != NULL), size - text.len - (line != NULL)};
        struct sl_avro_doc *doc = sl_avro_doc_new();
        struct sl_avro *avro;
        if (sl_avro_parse(doc, text, &avro, NULL) == SL_OK) {
                struct sl_buf out = {0};
                if (sl_avro_print(avro, &out, NULL) != SL_OK)
                        abort();
                sl_buf_free(&out);
                for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
                        struct sl_avro_decoder *d = NULL;
                        struct sl_arena arena = {0};
                        struct sl_value v;
                        if (sl_avro_decoder_new(&options[i], avro, avro, &d, NULL) == SL_OK &&
                            sl_avro_decode(d, bytes, &arena, &v, NULL) == SL_OK && v.type != SL_NULL)
                                there_and_back(&options[i], sl_avro_decoder_schema(d), &v);
                        sl_avro_decoder_free(d);
                        sl_arena_free(&arena);
                }
        }
        sl_avro_doc_free(doc);
        return 0;
}
