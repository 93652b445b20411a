/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (RFC 3720, appendix B.4; polynomial 0x1EDC6F41, reflected) over a whole body: with the processor's own
 * instruction where there is one, else by tables of eight bytes at a time. */
#include "connectors/s3/client_internal.h"

#include <pthread.h>

static uint32_t tables[8][256];

static void fill(void)
{
        for (uint32_t i = 0; i < 256; i++) {
                uint32_t v = i;
                for (int bit = 0; bit < 8; bit++)
                        v = v >> 1 ^ (v & 1 ? 0x82F63B78u : 0);
                tables[0][i] = v;
        }
        for (uint32_t i = 0; i < 256; i++)
                for (int k = 1; k < 8; k++)
                        tables[k][i] = tables[k - 1][i] >> 8 ^ tables[0][tables[k - 1][i] & 255];
}

uint32_t sl_s3_crc32c_portable(const void *bytes, size_t n)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        const uint8_t *p = bytes;
        pthread_once(&once, fill);
        uint32_t crc = ~0u;
        for (; n >= 8; n -= 8, p += 8) {
                uint32_t a = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
                crc = tables[7][a & 255] ^ tables[6][a >> 8 & 255] ^ tables[5][a >> 16 & 255] ^ tables[4][a >> 24] ^
                      tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^ tables[0][p[7]];
        }
        for (; n; n--)
                crc = crc >> 8 ^ tables[0][(crc ^ *p++) & 255];
        return ~crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t by_instruction(const uint8_t *p, size_t n)
{
        uint64_t crc = ~0u;
        for (; n >= 8; n -= 8, p += 8) {
                uint64_t word;
                memcpy(&word, p, 8);
                crc = __builtin_ia32_crc32di(crc, word);
        }
        for (; n; n--)
                crc = __builtin_ia32_crc32qi((uint32_t)crc, *p++);
        return ~(uint32_t)crc;
}
#endif

uint32_t sl_s3_crc32c(const void *p, size_t n)
{
#ifdef __x86_64__
        if (__builtin_cpu_supports("sse4.2"))
                return by_instruction(p, n);
#endif
        return sl_s3_crc32c_portable(p, n);
}
