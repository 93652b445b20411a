/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: two Avro schemas and bytes of the first, on lines: the value must fit the second by resolve.c, with renames, defaults, casts
 * and renamed symbols, or be refused with a reason. What fits can be written with the second schema. */
#include <stdlib.h>

#include "convert/avro.h"
#include "dlq/resolve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sl_avro_options options = {.ignore_default = true};

static const struct sl_dlq_opts changes[] = {
        {0},
        {.rename = {{"a=b"}, 1}, .defaults = {{"c=1", "d=text"}, 2}, .cast = {{"a=string", "b=int64", "e=float64", "f=boolean"}, 4},
         .enums = {{"e:A=B"}, 1}, .allow_lossy = true},
};

static bool line(struct sl_str *rest, struct sl_str *ret)
{
        const char *nl = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;
        if (!nl)
                return false;
        *ret = (struct sl_str){rest->ptr, (size_t)(nl - rest->ptr)};
        *rest = (struct sl_str){nl + 1, rest->len - ret->len - 1};
        return true;
}

static void resolve(struct sl_avro *to, const struct sl_schema *from_schema, const struct sl_value *v, const struct sl_schema *to_schema)
{
        for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
                struct sl_arena arena = {0};
                struct sl_resolve r = {.o = &changes[i], .arena = &arena};
                struct sl_avro_encoder *e = NULL;
                struct sl_buf out = {0};
                struct sl_value got = {0};
                bool fits = sl_resolve_value(&r, from_schema, v, to_schema, &got);
                if (!fits && !*r.why)
                        abort();
                if (fits && sl_avro_encoder_new(&options, to_schema, to, &e, NULL) == SL_OK) {
                        enum sl_rc rc = sl_avro_encode(e, &got, &out, NULL);
                        (void)rc; /* a fixed's length, an enum's symbol: the encoder judges */
                }
                sl_resolve_count(&r, fits);
                json_decref(sl_resolve_changes(&r));
                sl_resolve_free(&r);
                sl_avro_encoder_free(e);
                sl_buf_free(&out);
                sl_arena_free(&arena);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sl_str rest = {(const char *)data, size}, one, two;
        if (!line(&rest, &one) || !line(&rest, &two))
                return 0;
        struct sl_avro_doc *docs[2] = {sl_avro_doc_new(), sl_avro_doc_new()};
        struct sl_avro *from, *to;
        struct sl_avro_decoder *d = NULL, *other = NULL;
        struct sl_arena arena = {0};
        struct sl_value v;
        if (sl_avro_parse(docs[0], one, &from, NULL) == SL_OK && sl_avro_parse(docs[1], two, &to, NULL) == SL_OK &&
            sl_avro_decoder_new(&options, from, from, &d, NULL) == SL_OK && sl_avro_decoder_new(&options, to, to, &other, NULL) == SL_OK &&
            sl_avro_decode(d, rest, &arena, &v, NULL) == SL_OK)
                resolve(to, sl_avro_decoder_schema(d), &v, sl_avro_decoder_schema(other));
        sl_avro_decoder_free(d);
        sl_avro_decoder_free(other);
        sl_arena_free(&arena);
        sl_avro_doc_free(docs[0]);
        sl_avro_doc_free(docs[1]);
        return 0;
}
