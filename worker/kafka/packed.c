/* SPDX-License-Identifier: Apache-2.0 */
/* Packed headers, both ways (see packed.h). The format is the one of Kafka's record batches, version 2. */
#include "kafka/packed.h"

static void add_varint(struct sl_buf *b, int32_t v)
{
        char bytes[5];
        size_t n = 0;
        uint32_t u = ((uint32_t)v << 1) ^ (uint32_t)(v >> 31);
        for (; u >= 0x80; u >>= 7)
                bytes[n++] = (char)(u | 0x80);
        bytes[n++] = (char)u;
        sl_buf_add(b, bytes, n);
}

void sl_headers_pack(struct sl_buf *b, const struct sl_kheader *headers, uint32_t n)
{
        sl_buf_clear(b);
        add_varint(b, (int32_t)n);
        for (uint32_t i = 0; i < n; i++) {
                const struct sl_kheader *h = &headers[i];
                add_varint(b, (int32_t)h->key.len);
                sl_buf_add(b, h->key.ptr, h->key.len);
                add_varint(b, h->value.ptr ? (int32_t)h->value.len : -1);
                sl_buf_add(b, h->value.ptr, h->value.len);
        }
}

static bool get_varint(struct sl_str *in, int64_t *ret)
{
        uint64_t u = 0;
        for (unsigned i = 0; i < in->len && i < 5; i++) {
                uint8_t byte = (uint8_t)in->ptr[i];
                u |= (uint64_t)(byte & 0x7f) << 7 * i;
                if (byte & 0x80)
                        continue;
                *ret = (int64_t)(u >> 1) ^ -(int64_t)(u & 1);
                *in = (struct sl_str){in->ptr + i + 1, in->len - i - 1};
                return true;
        }
        return false;
}

static bool get_bytes(struct sl_str *in, bool nullable, struct sl_str *ret)
{
        int64_t n = 0;
        if (!get_varint(in, &n))
                return false;
        if (n == -1 && nullable) {
                *ret = SL_STR_NULL;
                return true;
        }
        if (n < 0 || (uint64_t)n > in->len)
                return false;
        *ret = (struct sl_str){in->ptr, (size_t)n};
        *in = (struct sl_str){in->ptr + n, in->len - (size_t)n};
        return true;
}

uint32_t sl_headers_count(struct sl_str packed)
{
        int64_t n = 0;
        return get_varint(&packed, &n) && n > 0 && (uint64_t)n <= packed.len / 2 ? (uint32_t)n : 0; /* two lengths at least */
}

bool sl_headers_unpack(struct sl_str packed, struct sl_kheader *out, uint32_t n)
{
        int64_t count = 0;
        if (!get_varint(&packed, &count) || n > count)
                return false;
        for (uint32_t i = 0; i < n; i++)
                if (!get_bytes(&packed, false, &out[i].key) || !get_bytes(&packed, true, &out[i].value))
                        return false;
        return true;
}
