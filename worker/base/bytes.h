/* SPDX-License-Identifier: Apache-2.0 */
/* Read cursor over foreign bytes, big-endian (Postgres, Kafka), with a sticky bad bit: reading past the end
 * returns zero AND sets bad; the decoder checks once per message and refuses it. */
#ifndef SL_BASE_BYTES_H
#define SL_BASE_BYTES_H
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "base/attr.h"
#include "base/str.h"

struct sl_cur {
        const uint8_t *p, *end;
        bool bad;
};

/* p may be NULL when n is 0; what is taken from it is never NULL for that. */
static inline struct sl_cur sl_cur_of(const void *p, size_t n)
{
        const uint8_t *first = p ? (const uint8_t *)p : (const uint8_t *)"";
        return (struct sl_cur){first, first + n, false};
}
static inline size_t sl_cur_left(const struct sl_cur *c)
{
        return (size_t)(c->end - c->p);
}
static inline const uint8_t *sl_cur_take(struct sl_cur *c, size_t n)
{
        if (sl_unlikely((size_t)(c->end - c->p) < n)) {
                c->bad = true;
                c->p = c->end;
                return NULL;
        }
        const uint8_t *p = c->p;
        c->p += n;
        return p;
}
static inline uint8_t sl_cur_u8(struct sl_cur *c)
{
        const uint8_t *p = sl_cur_take(c, 1);
        return p ? *p : 0;
}
static inline uint16_t sl_cur_u16(struct sl_cur *c)
{
        const uint8_t *p = sl_cur_take(c, 2);
        return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}
static inline uint32_t sl_cur_u32(struct sl_cur *c)
{
        const uint8_t *p = sl_cur_take(c, 4);
        uint32_t v;
        if (!p)
                return 0;
        memcpy(&v, p, 4);
        return __builtin_bswap32(v);
}
static inline uint64_t sl_cur_u64(struct sl_cur *c)
{
        const uint8_t *p = sl_cur_take(c, 8);
        uint64_t v;
        if (!p)
                return 0;
        memcpy(&v, p, 8);
        return __builtin_bswap64(v);
}
/* A NUL-terminated string inside the message: a slice of it, without the NUL. */
static inline struct sl_str sl_cur_cstr(struct sl_cur *c)
{
        const uint8_t *nul = c->p < c->end ? memchr(c->p, 0, (size_t)(c->end - c->p)) : NULL;
        if (sl_unlikely(!nul)) {
                c->bad = true;
                c->p = c->end;
                return SL_STR("");
        }
        struct sl_str s = {(const char *)c->p, (size_t)(nul - c->p)};
        c->p = nul + 1;
        return s;
}

#endif
