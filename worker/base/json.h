/* SPDX-License-Identifier: Apache-2.0 */
/* jansson helpers for the control plane (configs, REST, internal topics). Never used for rows. */
#ifndef SL_BASE_JSON_H
#define SL_BASE_JSON_H
#include <jansson.h>
#include "base/err.h"
#include "base/str.h"

static inline void sl_json_decrefp(json_t **j)
{
        json_decref(*j);
}
#define sl_auto_json sl_cleanup(sl_json_decrefp) json_t

/* Parse text (whole slice; duplicate keys and depth over 200 refused). SL_E_JSON with line and column.
 * ret owned by the caller. */
enum sl_rc sl_json_parse(struct sl_str text, json_t **ret, struct sl_err *err);
/* Append compact JSON, keys in insertion order (JSON_COMPACT | JSON_PRESERVE_ORDER). */
void sl_json_dump(const json_t *j, struct sl_buf *out);
/* Typed getters: NULL / fallback when the key is missing, null or of another type. Borrowed. */
const char *sl_json_str(const json_t *obj, const char *key);
int64_t sl_json_int(const json_t *obj, const char *key, int64_t fallback);
bool sl_json_bool(const json_t *obj, const char *key, bool fallback);
#endif
