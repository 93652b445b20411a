/* SPDX-License-Identifier: Apache-2.0 */
/* A column chunk's dictionary: distinct values in the order they came, found by hash. Keeps its memory over chunks. */
#ifndef SL_FORMAT_PARQUET_DICT_H
#define SL_FORMAT_PARQUET_DICT_H
#include "base/str.h"

struct sl_pq_dict {
        struct sl_buf bytes;   /* the entries, PLAIN */
        struct sl_buf offsets; /* byte arrays: uint32_t each, where an entry's bytes start */
        uint32_t count;
        uint64_t *slots; /* hash << 32 | entry + 1, open addressing */
        uint32_t nslots;
};

void sl_pq_dict_clear(struct sl_pq_dict *d);
/* The indexes of n values to idx; new ones are entered (bytes.bad or offsets.bad: no
 * memory, idx is worth nothing). width: bytes of a value, 0 = byte arrays with lengths in lens. */
void sl_pq_dict_index(struct sl_pq_dict *d, unsigned width, const char *values, const uint32_t *lens, size_t n,
                      uint32_t *idx);
void sl_pq_dict_free(struct sl_pq_dict *d);
#endif
