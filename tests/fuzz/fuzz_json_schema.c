/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: a JSON Schema and a value, split by a NUL. What is read must have a schema of ours that we can read again, and the value
 * must be written or refused. */
#include <stdlib.h>

#include "convert/jsonschema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void once(const struct js_options *opt, struct sl_str text, struct sl_str json, struct sl_json_writer *w, struct sl_arena *arena)
{
        static struct sl_json_reader reader;
        struct sl_buf out = {0};
        struct sl_err err = {0};
        const struct sl_schema *schema, *again;
        const struct js_writer *plan;
        struct sl_value tree, v;
        bool missing, null;
        if (sl_js_schema(opt, text, 0, NULL, NULL, &schema, &err) != SL_OK ||
            sl_json_read(&reader, json, true, arena, &tree, &missing, &err) != SL_OK || sl_js_read(schema, &tree, arena, &v, &err) != SL_OK)
                return;
        if (sl_js_make(opt, schema, w, &out, &err) == SL_OK && sl_js_schema(opt, (struct sl_str){out.ptr, out.len}, 0, NULL, NULL, &again, &err) != SL_OK) {
                struct sl_err first = err;
                if (first.id != SL_E_DECODE && first.id != SL_E_JSON && first.id != SL_E_VALUE)
                        abort();
        }
        sl_buf_clear(&out);
        if (sl_js_bind(opt, schema, arena, &plan, &err) == SL_OK) {
                enum sl_rc rc = sl_js_write(plan, w, &v, &out, &null, &err);
                (void)rc;
        }
        sl_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct js_options options[] = {{.additional = true, .flatten_single = true},
                                                    {.optional_missing = true, .generalized = true, .decimals = SL_DECIMAL_NUMERIC}};
        static struct sl_json_writer *writers[2];
        static struct sl_arena arena;
        const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
        struct sl_str text = {(const char *)data, nul ? (size_t)(nul - data) : size}, json = SL_STR("{}");
        if (nul)
                json = (struct sl_str){(const char *)nul + 1, size - text.len - 1};
        for (int i = 0; i < 2; i++) {
                if (!writers[i])
                        writers[i] = sl_json_writer_new(options[i].decimals, false);
                sl_arena_reset(&arena);
                once(&options[i], text, json, writers[i], &arena);
        }
        return 0;
}
