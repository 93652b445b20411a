/* SPDX-License-Identifier: Apache-2.0 */
/* Dictionary of a Parquet column chunk. Does not decide whether there should be one. */
#include "connectors/format/parquet_dict.h"

#include <stdlib.h>

#include "base/err.h"

#define FIRST_SLOTS 1024
#define K0 0xa0761d6478bd642fu
#define K1 0xe7037ed1a0b428dbu

static inline uint64_t mix(uint64_t a, uint64_t b)
{
        unsigned __int128 x = (unsigned __int128)a * b;
        return (uint64_t)x ^ (uint64_t)(x >> 64);
}

static inline uint64_t load8(const char *p)
{
        uint64_t v;
        memcpy(&v, p, 8);
        return v;
}

static inline uint32_t load4(const char *p)
{
        uint32_t v;
        memcpy(&v, p, 4);
        return v;
}

static inline uint32_t hash_bytes(const char *p, size_t n)
{
        uint64_t h = K0 ^ n, a, b;
        if (n >= 8) {
                for (size_t i = 0; i + 16 < n; i += 16)
                        h = mix(load8(p + i) ^ K1, load8(p + i + 8) ^ h);
                a = load8(p + (n > 16 ? n - 16 : 0));
                b = load8(p + n - 8);
        } else if (n >= 4) {
                a = load4(p);
                b = load4(p + n - 4);
        } else {
                a = n ? (uint64_t)(uint8_t)p[0] << 16 | (uint64_t)(uint8_t)p[n / 2] << 8 | (uint8_t)p[n - 1] : 0;
                b = 0;
        }
        return (uint32_t)(mix(a ^ K1, b ^ h) >> 32);
}

static inline uint32_t hash_number(uint64_t v)
{
        return (uint32_t)(mix(v ^ K0, K1) >> 32);
}

void sl_pq_dict_clear(struct sl_pq_dict *d)
{
        if (d->count)
                memset(d->slots, 0, d->nslots * sizeof(*d->slots));
        sl_buf_clear(&d->bytes);
        sl_buf_clear(&d->offsets);
        d->count = 0;
}

static void grow(struct sl_pq_dict *d)
{
        uint32_t nslots = d->nslots ? d->nslots * 2 : FIRST_SLOTS;
        uint64_t *slots = sl_calloc(nslots, sizeof(*slots));
        for (uint32_t i = 0; i < d->nslots; i++) {
                if (!d->slots[i])
                        continue;
                uint32_t s = (uint32_t)(d->slots[i] >> 32) & (nslots - 1);
                while (slots[s])
                        s = (s + 1) & (nslots - 1);
                slots[s] = d->slots[i];
        }
        free(d->slots);
        d->slots = slots;
        d->nslots = nslots;
}

static inline bool entry_is(const struct sl_pq_dict *d, uint32_t entry, unsigned width, const char *p, uint32_t n)
{
        if (width == 4)
                return load4(d->bytes.ptr + (size_t)entry * 4) == load4(p);
        if (width == 8)
                return load8(d->bytes.ptr + (size_t)entry * 8) == load8(p);
        if (width)
                return memcmp(d->bytes.ptr + (size_t)entry * width, p, width) == 0;
        const char *e = d->bytes.ptr + ((const uint32_t *)(const void *)d->offsets.ptr)[entry];
        if (load4(e) != n)
                return false;
        e += 4;
        if (n >= 8 && n <= 16)
                return load8(e) == load8(p) && load8(e + n - 8) == load8(p + n - 8);
        return memcmp(e, p, n) == 0;
}

static inline __attribute__((always_inline)) uint32_t find(struct sl_pq_dict *d, unsigned width, const char *p,
                                                           uint32_t n)
{
        uint32_t h = width == 4 ? hash_number(load4(p)) : width == 8 ? hash_number(load8(p)) : hash_bytes(p, n);
        uint32_t s = h & (d->nslots - 1);
        for (; d->slots[s]; s = (s + 1) & (d->nslots - 1)) {
                uint32_t entry = (uint32_t)d->slots[s] - 1;
                if (d->slots[s] >> 32 == h && entry_is(d, entry, width, p, n))
                        return entry;
        }
        if (!width) {
                uint32_t at = (uint32_t)d->bytes.len;
                sl_buf_add(&d->offsets, &at, 4);
                sl_buf_add(&d->bytes, &n, 4);
        }
        sl_buf_add(&d->bytes, p, n);
        if (sl_unlikely(d->bytes.bad || d->offsets.bad)) /* the caller sees it */
                return 0;
        d->slots[s] = (uint64_t)h << 32 | ++d->count;
        if (d->count * 2 >= d->nslots)
                grow(d);
        return d->count - 1;
}

static inline __attribute__((always_inline)) void find_all(struct sl_pq_dict *d, unsigned width, const char *values,
                                                           size_t n, uint32_t *idx)
{
        for (size_t i = 0; i < n; i++)
                idx[i] = find(d, width, values + i * width, width);
}

void sl_pq_dict_index(struct sl_pq_dict *d, unsigned width, const char *values, const uint32_t *lens, size_t n,
                      uint32_t *idx)
{
        if (!d->nslots)
                grow(d);
        if (width == 4) {
                find_all(d, 4, values, n, idx);
        } else if (width == 8) {
                find_all(d, 8, values, n, idx);
        } else if (width) {
                for (size_t i = 0; i < n; i++)
                        idx[i] = find(d, width, values + i * width, width);
        } else {
                for (size_t i = 0; i < n; values += lens[i++])
                        idx[i] = find(d, 0, values, lens[i]);
        }
}

void sl_pq_dict_free(struct sl_pq_dict *d)
{
        sl_buf_free(&d->bytes);
        sl_buf_free(&d->offsets);
        free(d->slots);
        *d = (struct sl_pq_dict){0};
}
