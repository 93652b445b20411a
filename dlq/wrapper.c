/* SPDX-License-Identifier: Apache-2.0 */
/* JSON around the original value: the two shapes that home-made dead-letter code writes most, without rules, and look-up of paths
 * in JSON for filters and rules. A shape counts only when all of its members are there; a record that merely has a field called
 * error is nobody's wrapper. Not for rows in a sink: it looks into one value at a time. */
#include <stdlib.h>
#include "convert/convert.h"
#include "dlq/internal.h"

static struct sl_str blank_trim(struct sl_str s)
{
        while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t' || s.ptr[0] == '\n' || s.ptr[0] == '\r')) {
                s.ptr++;
                s.len--;
        }
        while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t' || s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r'))
                s.len--;
        return s;
}

/* A member's text as bytes: a string without quotes and escapes, null as null, all else as it stands. */
static struct sl_str plain(struct sl_str json, struct sl_arena *arena)
{
        struct sl_value v;
        json = blank_trim(json);
        if (!json.ptr || sl_str_eqc(json, "null"))
                return SL_STR_NULL;
        if (json.ptr[0] != '"')
                return json;
        return sl_json_value(json, arena, &v, NULL) == SL_OK && v.type == SL_STRING ? sl_v_as_str(&v) : json;
}

static bool is_text(struct sl_str json)
{
        json = blank_trim(json);
        return json.len > 2 && json.ptr[0] == '"';
}

static int64_t number(struct sl_str json)
{
        int64_t n;
        json = blank_trim(json);
        if (json.len > 2 && json.ptr[0] == '"') /* "3" */
                json = (struct sl_str){json.ptr + 1, json.len - 2};
        return json.ptr && sl_parse_i64(json, &n) && n >= 0 ? n : -1;
}

static void set(struct sl_dlq_item *it, struct sl_str topic, struct sl_str partition, struct sl_str offset, struct sl_str why,
                struct sl_str tries, struct sl_str payload, struct sl_arena *arena)
{
        int64_t p = number(partition), n = number(tries);
        it->family = SL_DLQ_WRAPPER;
        it->origin.topic = plain(topic, arena);
        it->origin.partition = p > INT32_MAX ? -1 : (int32_t)p;
        it->origin.offset = number(offset);
        it->origin.how = "wrapper";
        it->message = plain(why, arena);
        it->attempts = n > INT32_MAX ? -1 : (int32_t)n;
        it->payload = plain(payload, arena);
        it->wrapped = true;
}

/* {"metadata":{"originalTopic":...,"failureReason":...,"retryCount":...},"payload":...}; one of reason and count is enough. */
static bool metadata_shape(struct sl_dlq_item *it, struct sl_arena *arena)
{
        static const char *const outer[] = {"metadata", "payload"};
        static const char *const inner[] = {"originalTopic", "failureReason", "retryCount", "originalPartition", "originalOffset",
                                            "errorClass", "exceptionClass"};
        struct sl_str o[2], m[7];
        if (sl_json_split_object(it->value, outer, 2, arena, o, NULL) != SL_OK || !o[0].ptr || !o[1].ptr)
                return false;
        if (sl_json_split_object(o[0], inner, 7, arena, m, NULL) != SL_OK || !is_text(m[0]) || !(m[1].ptr || m[2].ptr))
                return false;
        set(it, m[0], m[3], m[4], m[1], m[2], o[1], arena);
        it->exception = plain(m[5].ptr ? m[5] : m[6], arena);
        return true;
}

/* {"topic":...,"message":...,"error":...,"retryCount":...} */
static bool flat_shape(struct sl_dlq_item *it, struct sl_arena *arena)
{
        static const char *const members[] = {"topic", "message", "error", "retryCount", "partition", "offset"};
        struct sl_str m[6];
        if (sl_json_split_object(it->value, members, 6, arena, m, NULL) != SL_OK)
                return false;
        if (!is_text(m[0]) || !m[1].ptr || !m[2].ptr || number(m[3]) < 0)
                return false;
        set(it, m[0], m[4], m[5], m[2], m[3], m[1], arena);
        return true;
}

void sl_dlq_wrapper_read(struct sl_dlq_item *it, struct sl_arena *arena)
{
        struct sl_str v = it->value;
        if (!v.ptr || v.len < 20 || !(v.ptr[0] == '{' || v.ptr[0] == ' ' || v.ptr[0] == '\n'))
                return;
        if (sl_str_has(v, "\"originalTopic\"") && metadata_shape(it, arena))
                return;
        if (sl_str_has(v, "\"retryCount\""))
                (void)flat_shape(it, arena);
}

/* ---- paths ---- */

/* The next step of a path into name (a member) or index; false at its end. */
static bool next_step(const char **path, char *name, size_t cap, int64_t *index)
{
        const char *p = *path;
        size_t n = 0;
        *index = -1;
        if (*p == '.')
                p++;
        if (!*p)
                return false;
        if (*p == '[') {
                char *end;
                bool quoted = p[1] == '\'' || p[1] == '"';
                const char *close = strchr(p, ']');
                if (!close)
                        return false;
                if (quoted) {
                        n = (size_t)(close - p) >= 4 ? (size_t)(close - p) - 3 : 0;
                        n = n < cap ? n : cap - 1;
                        memcpy(name, p + 2, n);
                } else {
                        *index = strtoll(p + 1, &end, 10);
                        if (end != close || close == p + 1 || *index < 0)
                                return false;
                }
                p = close + 1;
        } else {
                while (p[n] && p[n] != '.' && p[n] != '[' && n < cap - 1)
                        n++;
                memcpy(name, p, n);
                p += n;
        }
        name[n] = '\0';
        *path = p;
        return *index >= 0 || n > 0;
}

bool sl_dlq_json_path(const char *path)
{
        char name[256];
        int64_t index;
        if (*path == '$')
                path++;
        while (*path)
                if (!next_step(&path, name, sizeof(name), &index))
                        return false;
        return true;
}

bool sl_dlq_json_at(struct sl_str json, const char *path, struct sl_arena *arena, struct sl_str *ret)
{
        char name[256];
        int64_t index;
        struct sl_str at = blank_trim(json);
        if (*path == '$')
                path++;
        if (!at.ptr || !at.len)
                return false;
        while (*path) {
                if (!next_step(&path, name, sizeof(name), &index))
                        return false;
                struct sl_str *items, member;
                uint32_t count;
                if (index < 0) {
                        const char *names[] = {name};
                        if (at.ptr[0] != '{' || sl_json_split_object(at, names, 1, arena, &member, NULL) != SL_OK || !member.ptr)
                                return false;
                        at = blank_trim(member);
                        continue;
                }
                if (at.ptr[0] != '[' || sl_json_split_array(at, arena, &items, &count, NULL) != SL_OK || index >= count)
                        return false;
                at = blank_trim(items[index]);
        }
        *ret = plain(at, arena);
        return true;
}
