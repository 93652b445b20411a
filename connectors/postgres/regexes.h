/* SPDX-License-Identifier: Apache-2.0 */
/* Debezium's lists of regular expressions: comma separated, "\," is a literal comma; the whole name must match, without
 * case. Compiled by PCRE2. */
#ifndef SL_POSTGRES_REGEXES_H
#define SL_POSTGRES_REGEXES_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

struct sl_pg_regexes {
        void **codes; /* pcre2_code */
        uint32_t count;
};
/* Compile a list (NULL: none), added to *r; free also after a failure. */
enum sl_rc sl_pg_regexes_open(struct sl_pg_regexes *r, const char *text, struct sl_err *err);
void sl_pg_regexes_free(struct sl_pg_regexes *r);
/* The number of the first one that matches; their count when none does. */
uint32_t sl_pg_regexes_first(const struct sl_pg_regexes *r, const char *name);
bool sl_pg_regexes_match(const struct sl_pg_regexes *r, const char *name);
/* Does the table (schema.table) match one of the list? Compiles it for this once. */
enum sl_rc sl_pg_regexes_table(const char *text, const char *schema, const char *table, bool *ret, struct sl_err *err);
/* One expression, over the whole name; false also when it is no valid one. */
bool sl_pg_regex_matches(const char *expr, const char *name, bool caseless);
/* Is the list a valid one? For checks of a configuration. text may be NULL. */
enum sl_rc sl_pg_regexes_check(const char *text, struct sl_err *err);
#endif
