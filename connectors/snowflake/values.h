/* SPDX-License-Identifier: Apache-2.0 */
/* Connect values as JSON, by the conversions of Snowflake's connector: NaN and infinities as "NaN", "Inf", "-Inf",
 * bytes in base64, decimals as numbers of up to 38 digits and beyond that as strings, dates and timestamps as ISO 8601
 * in UTC, maps with other keys than strings as arrays of pairs. The names of a struct's fields are made ready once. Not
 * thread safe. */
#ifndef SL_SF_VALUES_H
#define SL_SF_VALUES_H
#include "base/err.h"
#include "record/plans.h"

struct sl_sf_values {          /* zeroed = empty */
        struct sl_plans leads; /* of struct schemas */
        struct sl_buf scratch; /* long decimals */
        struct sl_buf digits;
        bool bad_text; /* set when something was no UTF-8 and was replaced */
};
void sl_sf_values_free(struct sl_sf_values *w);

/* Append a value. schema NULL: by its tags. SL_E_SF_RECORD with error 5015: null where a value must be, a tag that is
 * not the schema's; out may hold a part of it then. */
enum sl_rc sl_sf_write(struct sl_sf_values *w, const struct sl_schema *schema, const struct sl_value *v,
                       struct sl_buf *out, struct sl_err *err);
/* Append a map without a schema as the top of a value: an object whatever its keys are, as are maps in it. */
enum sl_rc sl_sf_write_object(struct sl_sf_values *w, const struct sl_value *map, struct sl_buf *out,
                              struct sl_err *err);
/* Append a map's key as a JSON string: Java's String.valueOf. */
void sl_sf_write_key(struct sl_sf_values *w, const struct sl_schema *schema, const struct sl_value *key,
                     struct sl_buf *out);
/* Append what Java's String.valueOf makes of the converted value ("{a=1, b=[x]}"), not quoted; bytes in base64. */
enum sl_rc sl_sf_print(struct sl_sf_values *w, const struct sl_schema *schema, const struct sl_value *v,
                       struct sl_buf *out, struct sl_err *err);
/* The value or, for null, the schema's default; NULL for a null that stays one. Fails where null is not allowed. */
enum sl_rc sl_sf_default(const struct sl_schema *schema, const struct sl_value *v, const struct sl_value **ret,
                         struct sl_err *err);
/* Is there another entry of the map further on with the key of entry i? (The last one counts.) Strings only. */
bool sl_sf_repeated(const struct sl_value *map, uint32_t i);
/* May the map have a string key twice? false: certainly not. */
bool sl_sf_may_repeat(const struct sl_value *map);

/* Debezium's semantic types of which the text differs from the base type's; sluice.snowflake.cdc only. */
enum sl_sf_semantic { SL_SF_S_NONE, SL_SF_S_DATE, SL_SF_S_TIME, SL_SF_S_TIMESTAMP, SL_SF_S_JSON };
enum sl_sf_semantic sl_sf_semantic_of(const struct sl_schema *schema, int64_t *ret_per_second);
void sl_sf_write_semantic(enum sl_sf_semantic kind, int64_t per_second, int64_t v, struct sl_buf *out);
#endif
