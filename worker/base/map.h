/* SPDX-License-Identifier: Apache-2.0 */
/* String-keyed hash map on the heap, insertion order kept for iteration. Keys are copied. Not thread safe. */
#ifndef SL_BASE_MAP_H
#define SL_BASE_MAP_H
#include <stdbool.h>
#include <stddef.h>
#include "base/str.h"

struct sl_map_entry {
        char *key; /* NUL-terminated; NULL = removed */
        size_t key_len;
        uint64_t hash;
        void *value;
};
struct sl_map {
        struct sl_map_entry *entries; /* insertion order */
        size_t count, live, cap;      /* entries used (with removed ones), live ones, room */
        uint32_t *slots;              /* index + 1 into entries */
        size_t nslots;
};
void *sl_map_get(const struct sl_map *m, struct sl_str key);           /* NULL = absent */
void sl_map_put(struct sl_map *m, struct sl_str key, void *value);     /* replaces; the old value is not freed */
void *sl_map_remove(struct sl_map *m, struct sl_str key);              /* returns the old value */
/* for (size_t i = 0; sl_map_next(m, &i, &e);) ... */
bool sl_map_next(const struct sl_map *m, size_t *i, struct sl_map_entry **ret);
void sl_map_free(struct sl_map *m, void (*free_value)(void *)); /* free_value may be NULL */
uint64_t sl_hash(const void *p, size_t n);
#endif
