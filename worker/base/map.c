/* SPDX-License-Identifier: Apache-2.0 */
/* Hash map: entries in insertion order beside a table of slots with linear probing, at most half full. A removed
 * entry stays as a gap (key NULL) until the entries array is full; then the gaps go and the slots are built anew.
 * Holds values, never frees them by itself. */
#include "base/map.h"

#include <stdlib.h>

#include "base/err.h"

/* wyhash's idea: 128-bit products over 16-byte steps; the same on every little-endian machine and in every run. */
static uint64_t mix(uint64_t a, uint64_t b)
{
        unsigned __int128 m = (unsigned __int128)a * b;
        return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t load(const uint8_t *p, size_t n)
{
        uint64_t x = 0;
        memcpy(&x, p, n);
        return x;
}

uint64_t sl_hash(const void *p, size_t n)
{
        const uint64_t k0 = 0xa0761d6478bd642fu, k1 = 0xe7037ed1a0b428dbu, k2 = 0x8ebc6af09c88c6e3u;
        const uint8_t *s = p;
        uint64_t h = k0 ^ n;
        size_t left = n;
        for (; left > 16; left -= 16, s += 16)
                h = mix(load(s, 8) ^ k1, load(s + 8, 8) ^ h);
        uint64_t a = left ? load(s, left < 8 ? left : 8) : 0, b = left > 8 ? load(s + 8, left - 8) : 0;
        return mix(k2 ^ n, mix(a ^ k1, b ^ h));
}

/* The slot that holds the key, or the empty slot that ends its probe. */
static size_t find_slot(const struct sl_map *m, struct sl_str key, uint64_t hash)
{
        size_t i = hash & (m->nslots - 1);
        for (;; i = (i + 1) & (m->nslots - 1)) {
                if (!m->slots[i])
                        return i;
                const struct sl_map_entry *e = &m->entries[m->slots[i] - 1];
                if (e->key && e->hash == hash && e->key_len == key.len && memcmp(e->key, key.ptr, key.len) == 0)
                        return i;
        }
}

static struct sl_map_entry *find(const struct sl_map *m, struct sl_str key)
{
        if (!m->live)
                return NULL;
        key.ptr = key.ptr ? key.ptr : "";
        uint32_t at = m->slots[find_slot(m, key, sl_hash(key.ptr, key.len))];
        return at ? &m->entries[at - 1] : NULL;
}

/* Drop the gaps, make room for at least one more, index again. */
static void rebuild(struct sl_map *m)
{
        size_t n = 0;
        for (size_t i = 0; i < m->count; i++)
                if (m->entries[i].key)
                        m->entries[n++] = m->entries[i];
        m->count = n;
        if (n >= m->cap / 4 * 3) { /* few gaps: growing pays more than cleaning */
                m->cap = m->cap ? m->cap * 2 : 8;
                m->entries = sl_realloc(m->entries, m->cap * sizeof(*m->entries));
        }
        free(m->slots);
        m->nslots = m->cap * 2;
        m->slots = sl_calloc(m->nslots, sizeof(*m->slots));
        for (size_t i = 0; i < n; i++) {
                size_t s = m->entries[i].hash & (m->nslots - 1);
                while (m->slots[s])
                        s = (s + 1) & (m->nslots - 1);
                m->slots[s] = (uint32_t)i + 1;
        }
}

void *sl_map_get(const struct sl_map *m, struct sl_str key)
{
        const struct sl_map_entry *e = find(m, key);
        return e ? e->value : NULL;
}

void sl_map_put(struct sl_map *m, struct sl_str key, void *value)
{
        struct sl_map_entry *e = find(m, key);
        if (e) {
                e->value = value;
                return;
        }
        if (m->count == m->cap)
                rebuild(m);
        key.ptr = key.ptr ? key.ptr : "";
        uint64_t hash = sl_hash(key.ptr, key.len);
        m->entries[m->count] = (struct sl_map_entry){
                .key = sl_strndup(key.ptr, key.len), .key_len = key.len, .hash = hash, .value = value};
        m->slots[find_slot(m, key, hash)] = (uint32_t)++m->count;
        m->live++;
}

void *sl_map_remove(struct sl_map *m, struct sl_str key)
{
        struct sl_map_entry *e = find(m, key);
        if (!e)
                return NULL;
        void *value = e->value;
        free(e->key);
        e->key = NULL;
        m->live--;
        return value;
}

bool sl_map_next(const struct sl_map *m, size_t *i, struct sl_map_entry **ret)
{
        while (*i < m->count) {
                struct sl_map_entry *e = &m->entries[(*i)++];
                if (e->key) {
                        *ret = e;
                        return true;
                }
        }
        return false;
}

void sl_map_free(struct sl_map *m, void (*free_value)(void *))
{
        for (size_t i = 0; i < m->count; i++) {
                struct sl_map_entry *e = &m->entries[i];
                if (e->key && free_value)
                        free_value(e->value);
                free(e->key);
        }
        free(m->entries);
        free(m->slots);
        *m = (struct sl_map){0};
}
