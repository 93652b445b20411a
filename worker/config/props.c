/* SPDX-License-Identifier: Apache-2.0 */
/* Ordered string map of a configuration, and its two spellings: Java .properties text and JSON.
 * Does not know what keys mean (cfgdef.c) and does not resolve references (provider.c).
 *
 * .properties grammar (java.util.Properties): a logical line is one or more natural lines joined where a line ends with
 * an odd number of backslashes; leading blanks of each are dropped; # or ! starts a comment line. The key ends at the
 * first unescaped '=', ':' or blank. \t \n \r \f \uXXXX are escapes, any other escaped character stands for itself.
 * Java reads bytes as ISO 8859-1 (worker file) or UTF-8 (FileConfigProvider); here valid UTF-8 is taken as it is and
 * anything else as ISO 8859-1, which reads both right. */
#include "config/props.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config/textfile.h"

char sl_props_null_[1];

/* Any value may be a secret. */
static void free_value(void *value)
{
        if (value == SL_PROPS_NULL || !value)
                return;
        explicit_bzero(value, strlen(value));
        free(value);
}

void sl_props_free(struct sl_props *p)
{
        sl_map_free(&p->map, free_value);
}

static void put(struct sl_props *p, struct sl_str key, char *value)
{
        void *old = sl_map_get(&p->map, key);
        sl_map_put(&p->map, key, value);
        if (old)
                free_value(old);
}

void sl_props_set(struct sl_props *p, const char *key, const char *value)
{
        put(p, sl_str_c(key), value ? sl_strdup(value) : SL_PROPS_NULL);
}

void sl_props_remove(struct sl_props *p, const char *key)
{
        void *old = sl_map_remove(&p->map, sl_str_c(key));
        if (old)
                free_value(old);
}

bool sl_props_has(const struct sl_props *p, const char *key)
{
        return sl_map_get(&p->map, sl_str_c(key)) != NULL;
}

const char *sl_props_get(const struct sl_props *p, const char *key)
{
        const char *value = sl_map_get(&p->map, sl_str_c(key));
        return value == SL_PROPS_NULL ? NULL : value;
}

bool sl_props_next(const struct sl_props *p, size_t *i, const char **key, const char **value)
{
        struct sl_map_entry *e;
        if (!sl_map_next(&p->map, i, &e))
                return false;
        *key = e->key;
        *value = e->value == SL_PROPS_NULL ? NULL : e->value;
        return true;
}

void sl_props_copy(struct sl_props *dst, const struct sl_props *src)
{
        const char *key, *value;
        if (dst == src)
                return;
        for (size_t i = 0; sl_props_next(src, &i, &key, &value);)
                sl_props_set(dst, key, value);
}

void sl_props_subset(struct sl_props *dst, const struct sl_props *src, const char *prefix)
{
        const char *key, *value;
        size_t n = strlen(prefix);
        for (size_t i = 0; sl_props_next(src, &i, &key, &value);)
                if (strncmp(key, prefix, n) == 0 && key[n])
                        sl_props_set(dst, key + n, value);
}

/* ---- .properties ---- */

struct reader {
        const char *path;
        const char *p, *end;
        uint32_t line;       /* of the natural line being read, from 1 */
        uint32_t start_line; /* where the logical line began */
        struct sl_buf text;  /* the logical line */
};

static bool is_blank(char c)
{
        return c == ' ' || c == '\t' || c == '\f';
}

static bool is_eol(char c)
{
        return c == '\n' || c == '\r';
}

static void skip_eol(struct reader *r)
{
        if (r->p < r->end) {
                bool cr = *r->p++ == '\r';
                if (cr && r->p < r->end && *r->p == '\n')
                        r->p++;
        }
        r->line++;
}

/* Append the natural line to r->text without its end; true when it asks for the next one (odd backslashes, cut off). */
static bool natural_line(struct reader *r)
{
        bool escaped = false;
        while (r->p < r->end && is_blank(*r->p))
                r->p++;
        while (r->p < r->end && !is_eol(*r->p)) {
                escaped = *r->p == '\\' && !escaped;
                sl_buf_addc(&r->text, *r->p++);
        }
        if (escaped)
                r->text.len--;
        skip_eol(r);
        return escaped;
}

/* Next logical line that is neither blank nor a comment, in r->text; false at the end of the file. */
static bool logical_line(struct reader *r)
{
        sl_buf_clear(&r->text);
        while (r->p < r->end) {
                if (r->text.len == 0) {
                        while (r->p < r->end && is_blank(*r->p))
                                r->p++;
                        r->start_line = r->line;
                        if (r->p < r->end && (*r->p == '#' || *r->p == '!')) {
                                while (r->p < r->end && !is_eol(*r->p))
                                        r->p++;
                                skip_eol(r);
                                continue;
                        }
                }
                if (!natural_line(r) && r->text.len)
                        return true;
        }
        return r->text.len > 0;
}

/* *p is behind "\u". A high surrogate takes the low one's escape with it; a lone one becomes '?', as Java writes it. */
static const char *unescape_u(const char **p, const char *end, struct sl_buf *out)
{
        int c = sl_hex4(*p, end);
        if (c < 0)
                return "\\u needs four hexadecimal digits";
        if (c == 0)
                return "\\u0000 can't be part of a value";
        *p += 4;
        if (c >= 0xd800 && c < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
                int low = sl_hex4(*p + 2, end);
                if (low >= 0xdc00 && low < 0xe000) {
                        *p += 6;
                        sl_buf_add_utf8(out, 0x10000u + ((uint32_t)(c - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
                        return NULL;
                }
        }
        sl_buf_add_utf8(out, c >= 0xd800 && c < 0xe000 ? '?' : (uint32_t)c);
        return NULL;
}

/* NULL, or what is wrong. */
static const char *unescape(const char *p, const char *end, struct sl_buf *out)
{
        while (p < end) {
                char c = *p++;
                if (c != '\\' || p == end) {
                        sl_buf_addc(out, c);
                        continue;
                }
                c = *p++;
                if (c == 'u') {
                        const char *why = unescape_u(&p, end, out);
                        if (why)
                                return why;
                } else {
                        sl_buf_addc(out, c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : c);
                }
        }
        return NULL;
}

static const char *add_line(struct sl_props *p, const struct sl_buf *line, struct sl_buf *key, struct sl_buf *value)
{
        const char *s = line->ptr, *end = s + line->len, *k = s;
        for (bool escaped = false; k < end && (escaped || (*k != '=' && *k != ':' && !is_blank(*k))); k++)
                escaped = *k == '\\' && !escaped;
        const char *v = k;
        while (v < end && is_blank(*v))
                v++;
        if (v < end && (*v == '=' || *v == ':')) {
                v++;
                while (v < end && is_blank(*v))
                        v++;
        }
        sl_buf_clear(key);
        sl_buf_clear(value);
        const char *why = unescape(s, k, key);
        if (!why)
                why = unescape(v, end, value);
        if (!why)
                sl_props_set(p, sl_buf_cstr(key), sl_buf_cstr(value));
        return why;
}

static void latin1_to_utf8(struct sl_buf *text)
{
        struct sl_buf out = {0};
        for (size_t i = 0; i < text->len; i++)
                sl_buf_add_utf8(&out, (uint8_t)text->ptr[i]);
        sl_buf_free(text);
        *text = out;
}

static enum sl_rc parse(struct sl_props *p, struct reader *r, struct sl_err *err)
{
        struct sl_buf key = {0}, value = {0};
        enum sl_rc rc = SL_OK;
        while (rc == SL_OK && logical_line(r)) {
                const char *why = add_line(p, &r->text, &key, &value);
                if (why)
                        rc = sl_fail(err, SL_E_CONFIG, "%s:%u: %s.", r->path, r->start_line, why);
        }
        sl_buf_free(&key);
        sl_buf_free(&value);
        return rc;
}

enum sl_rc sl_props_load(struct sl_props *p, const char *path, struct sl_err *err)
{
        struct sl_buf file = {0};
        struct sl_props found = {0};
        enum sl_rc rc = sl_textfile_read(path, &file, err);
        if (rc == SL_OK && file.len) {
                if (!sl_utf8_valid((struct sl_str){file.ptr, file.len}))
                        latin1_to_utf8(&file);
                struct reader r = {.path = path, .p = file.ptr, .end = file.ptr + file.len, .line = 1};
                rc = parse(&found, &r, err);
                sl_buf_free(&r.text);
        }
        if (rc == SL_OK)
                sl_props_copy(p, &found);
        sl_props_free(&found);
        sl_buf_free(&file);
        return rc;
}

/* ---- JSON ---- */

static enum sl_rc set_json(struct sl_props *p, const char *key, const json_t *v, struct sl_err *err)
{
        struct sl_buf text = {0};
        switch (json_typeof(v)) {
        case JSON_STRING:
                if (strlen(json_string_value(v)) != json_string_length(v))
                        return sl_fail(err, SL_E_CONFIG, "The value of configuration %s holds a NUL character.", key);
                sl_props_set(p, key, json_string_value(v));
                return SL_OK;
        case JSON_NULL:
                sl_props_set(p, key, NULL);
                return SL_OK;
        case JSON_TRUE:
                sl_props_set(p, key, "true");
                return SL_OK;
        case JSON_FALSE:
                sl_props_set(p, key, "false");
                return SL_OK;
        case JSON_INTEGER:
                sl_buf_add_i64(&text, json_integer_value(v));
                break;
        case JSON_REAL:
                sl_buf_add_f64(&text, json_real_value(v));
                break;
        case JSON_OBJECT:
        case JSON_ARRAY:
                return sl_fail(err, SL_E_CONFIG,
                               "The value of configuration %s is a JSON %s: write it as a string, number or boolean.",
                               key, json_is_object(v) ? "object" : "array");
        }
        sl_props_set(p, key, sl_buf_cstr(&text));
        sl_buf_free(&text);
        return SL_OK;
}

enum sl_rc sl_props_from_json(struct sl_props *p, const json_t *obj, struct sl_err *err)
{
        struct sl_props found = {0};
        enum sl_rc rc = SL_OK;
        if (!json_is_object(obj))
                return sl_fail(err, SL_E_CONFIG, "A configuration must be a JSON object of keys and values.");
        /* jansson's iterators take a mutable object but only read it. */
        json_t *o = (json_t *)(uintptr_t)obj;
        for (void *it = json_object_iter(o); it && rc == SL_OK; it = json_object_iter_next(o, it))
                rc = set_json(&found, json_object_iter_key(it), json_object_iter_value(it), err);
        if (rc == SL_OK)
                sl_props_copy(p, &found);
        sl_props_free(&found);
        return rc;
}

/* jansson takes UTF-8 only; other bytes (an environment variable's) are shown as ISO 8859-1. */
static json_t *to_json(const char *value)
{
        struct sl_buf text = {0};
        if (sl_utf8_valid(sl_str_c(value)))
                return json_string(value);
        sl_buf_adds(&text, value);
        latin1_to_utf8(&text);
        json_t *j = json_string(sl_buf_cstr(&text));
        sl_buf_free(&text);
        return j;
}

json_t *sl_props_to_json(const struct sl_props *p)
{
        json_t *obj = json_object();
        const char *key, *value;
        for (size_t i = 0; sl_props_next(p, &i, &key, &value);)
                json_object_set_new_nocheck(obj, key, value ? to_json(value) : json_null());
        return obj;
}
