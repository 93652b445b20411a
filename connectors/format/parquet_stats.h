/* SPDX-License-Identifier: Apache-2.0 */
/* Smallest and largest values, as statistics and page indexes have them. Bounds are PLAIN bytes (byte arrays without
 * their length) throughout. */
#ifndef SL_FORMAT_PARQUET_STATS_H
#define SL_FORMAT_PARQUET_STATS_H
#include "connectors/format/parquet_schema.h"

#define SL_PQ_BOUND_MAX 64 /* longer ones are cut */

struct sl_pq_range {
        bool has;               /* false also when all values are NaN */
        struct sl_str min, max; /* in num, or among the values */
        char num[2][8];
};

/* The range of n staged values (see sl_pq_column); r->has false when there is none. */
void sl_pq_range_of(struct sl_pq_range *r, const struct sl_pq_column_spec *spec, const char *values,
                    const uint32_t *lens, size_t n);
/* <0, 0, >0 in the column's order. */
int sl_pq_bound_compare(const struct sl_pq_column_spec *spec, struct sl_str a, struct sl_str b);
/* Append a bound, cut to SL_PQ_BOUND_MAX bytes where the order allows it: a smallest one becomes a prefix, a largest
 * one the next greater prefix (valid UTF-8 for strings). false: there is no such bound and nothing was appended.
 * *exact: not cut. */
bool sl_pq_bound_cut(const struct sl_pq_column_spec *spec, struct sl_str bound, bool max, struct sl_buf *out,
                     bool *exact);
#endif
