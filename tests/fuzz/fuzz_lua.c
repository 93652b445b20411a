/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any text as a script of the Lua transform, within small limits: whatever it does, it ends, and holds no more memory than it
 * was given. The record that it leaves must be one that can be printed. */
#include <stdlib.h>

#include "tests/unit/smt.h"

extern const struct sl_transform_ops sl_lua;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct smt t;
        struct sl_buf script = {0}, out = {0};
        struct sl_value pair[4] = {sl_v_str(SL_STR("a")), sl_v_i64(SL_INT64, 7), sl_v_str(SL_STR("s")), sl_v_str(SL_STR("text"))};
        struct sl_record rec = {.topic = SL_STR("t"), .partition = 1, .timestamp_ms = 1, .offset = 3, .value = sl_v_items(SL_MAP, pair, 2)};
        struct sl_err err = {0};
        bool whole = size && data[0] == '!';
        sl_buf_adds(&script, whole ? "" : "function apply(record)\n");
        sl_buf_add(&script, (const char *)data + whole, size - whole);
        sl_buf_adds(&script, whole ? "" : "\nend");
        const char *text = sl_buf_cstr(&script);
        bool one_text = strlen(text) == script.len;
        if (one_text && OPEN(&t, &sl_lua, "script", text, "instructions.max", "20000", "memory.max.bytes", "1048576")) {
                for (int i = 0; i < 2 && t.ops->apply(t.st, &rec, &t.arena, &err) == SL_OK; i++)
                        sl_value_print(rec.value_schema, &rec.value, &out);
        }
        if (one_text)
                smt_close(&t);
        sl_buf_free(&script);
        sl_buf_free(&out);
        return 0;
}
