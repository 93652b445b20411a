/* SPDX-License-Identifier: Apache-2.0 */
/* Control-plane JSON over jansson. Rows never come here: their codecs are in worker/convert. */
#include "base/json.h"
#include <stdlib.h>

#define MAX_DEPTH 200

/* Else jansson would leave out what it has no memory for, and a record would be written without it. */
__attribute__((constructor)) static void end_without_memory(void)
{
        json_set_alloc_funcs(sl_malloc, free);
}

/* jansson's own limit is 2048 and can't be set. Counts brackets outside strings; malformed text is jansson's. */
static bool too_deep(struct sl_str text)
{
        int depth = 0;
        bool in_string = false;
        for (size_t i = 0; i < text.len; i++) {
                char c = text.ptr[i];
                if (in_string) {
                        if (c == '\\')
                                i++;
                        else if (c == '"')
                                in_string = false;
                } else if (c == '"') {
                        in_string = true;
                } else if (c == '{' || c == '[') {
                        if (++depth > MAX_DEPTH)
                                return true;
                } else if (c == '}' || c == ']') {
                        depth--;
                }
        }
        return false;
}

enum sl_rc sl_json_parse(struct sl_str text, json_t **ret, struct sl_err *err)
{
        json_error_t why;
        if (too_deep(text))
                return sl_fail(err, SL_E_JSON, "JSON is nested deeper than %d levels", MAX_DEPTH);
        json_t *j = json_loadb(text.ptr ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
        if (!j)
                return sl_fail(err, SL_E_JSON, "invalid JSON at line %d, column %d: %s", why.line, why.column,
                               why.text);
        *ret = j;
        return SL_OK;
}

static int add_chunk(const char *p, size_t n, void *arg)
{
        struct sl_buf *out = arg;
        sl_buf_add(out, p, n);
        return sl_buf_ok(out) ? 0 : -1;
}

void sl_json_dump(const json_t *j, struct sl_buf *out)
{
        /* A failure leaves out bad, which its owner checks. */
        json_dump_callback(j, add_chunk, out, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY);
}

const char *sl_json_str(const json_t *obj, const char *key)
{
        return json_string_value(json_object_get(obj, key));
}

int64_t sl_json_int(const json_t *obj, const char *key, int64_t fallback)
{
        const json_t *j = json_object_get(obj, key);
        return json_is_integer(j) ? json_integer_value(j) : fallback;
}

bool sl_json_bool(const json_t *obj, const char *key, bool fallback)
{
        const json_t *j = json_object_get(obj, key);
        return json_is_boolean(j) ? json_is_true(j) : fallback;
}
