/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any bytes as a serialized key array. It must be read or refused, and never read outside. */
#include "connectors/postgres/javaserial.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sl_arena arena;
        struct sl_buf hex = {0};
        struct sl_str *got;
        uint32_t n;
        sl_arena_init(&arena, 65536);
        for (size_t i = 0; i < size; i++)
                sl_buf_printf(&hex, "%02x", data[i]);
        if (sl_java_read_keys((struct sl_str){hex.ptr ? hex.ptr : "", hex.len}, &arena, &got, &n))
                for (uint32_t i = 0; i < n; i++)
                        for (size_t k = 0; k < got[i].len; k++)
                                sink += (unsigned char)got[i].ptr[k];
        sl_buf_free(&hex);
        sl_arena_free(&arena);
        return 0;
}
