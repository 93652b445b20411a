/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters as text (see print.h). */
#include "dlq/print.h"
#include <time.h>

/* How many bytes of a well-formed character begin at p; 0 = none. */
static size_t char_at(const char *p, const char *end)
{
        size_t n = (uint8_t)*p < 0x80 ? 1 : (uint8_t)*p >> 5 == 6 ? 2 : (uint8_t)*p >> 4 == 14 ? 3 : (uint8_t)*p >> 3 == 30 ? 4 : 0;
        return n && (size_t)(end - p) >= n && sl_utf8_valid((struct sl_str){p, n}) ? n : 0;
}

void sl_dlq_json_text(struct sl_buf *out, struct sl_str s)
{
        if (!s.ptr) {
                sl_buf_adds(out, "null");
                return;
        }
        if (sl_utf8_valid(s)) {
                sl_buf_add_json_str(out, s.ptr, s.len);
                return;
        }
        struct sl_buf clean = {0};
        for (const char *p = s.ptr, *end = p + s.len; p < end;) {
                size_t n = char_at(p, end);
                if (n)
                        sl_buf_add(&clean, p, n);
                else
                        sl_buf_add_utf8(&clean, 0xFFFD);
                p += n ? n : 1;
        }
        sl_buf_add_json_str(out, clean.ptr, clean.len);
        sl_buf_free(&clean);
}

void sl_dlq_time(struct sl_buf *out, int64_t ms)
{
        time_t s = (time_t)(ms / 1000);
        struct tm tm;
        char text[40];
        if (ms < 0 || !gmtime_r(&s, &tm)) {
                sl_buf_adds(out, "-");
                return;
        }
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
        sl_buf_printf(out, "%s.%03dZ", text, (int)(ms % 1000));
}

void sl_dlq_json_hex(struct sl_buf *out, struct sl_str bytes)
{
        sl_buf_addc(out, '"');
        for (size_t i = 0; i < bytes.len; i++)
                sl_buf_printf(out, "%02x", (unsigned char)bytes.ptr[i]);
        sl_buf_addc(out, '"');
}

void sl_dlq_json_time(struct sl_buf *out, int64_t ms)
{
        if (ms < 0) {
                sl_buf_adds(out, "null");
                return;
        }
        sl_buf_addc(out, '"');
        sl_dlq_time(out, ms);
        sl_buf_addc(out, '"');
}

static void number(struct sl_buf *out, int64_t v)
{
        if (v < 0)
                sl_buf_adds(out, "null");
        else
                sl_buf_add_i64(out, v);
}

void sl_dlq_json_origin(struct sl_buf *out, const struct sl_dlq_origin *o)
{
        if (!o->topic.ptr) {
                sl_buf_adds(out, "null");
                return;
        }
        sl_buf_adds(out, "{\"topic\":");
        sl_dlq_json_text(out, o->topic);
        sl_buf_adds(out, ",\"partition\":");
        number(out, o->partition);
        sl_buf_adds(out, ",\"offset\":");
        number(out, o->offset);
        sl_buf_addc(out, '}');
}

static void member(struct sl_buf *out, const char *name, struct sl_str s)
{
        sl_buf_printf(out, ",\"%s\":", name);
        sl_dlq_json_text(out, s);
}

const char *sl_dlq_reason_name(enum sl_dlq_reason by)
{
        static const char *const names[] = {
                [SL_DLQ_BY_RULE] = "rule",       [SL_DLQ_BY_OWN_CODE] = "sluice code", [SL_DLQ_BY_CAUSE] = "exception", [SL_DLQ_BY_MESSAGE] = "message",
                [SL_DLQ_BY_NATIVE] = "code",     [SL_DLQ_BY_STAGE] = "stage",          [SL_DLQ_BY_RERUN] = "re-execution",
                [SL_DLQ_BY_NEIGHBOURS] = "neighbours"};
        return names[by];
}

void sl_dlq_json_item(struct sl_buf *out, const char *topic, const struct sl_dlq_item *it)
{
        sl_buf_adds(out, "\"topic\":");
        sl_dlq_json_text(out, sl_str_c(topic));
        sl_buf_printf(out, ",\"partition\":%d,\"offset\":", it->partition);
        sl_buf_add_i64(out, it->offset);
        sl_buf_adds(out, ",\"timestamp\":");
        sl_dlq_json_time(out, it->timestamp_ms);
        sl_buf_printf(out, ",\"class\":\"%s\"", sl_rc_name(it->class));
        member(out, "code", sl_str_c(it->code));
        sl_buf_printf(out, ",\"confidence\":%u,\"origin\":", it->confidence);
        sl_dlq_json_origin(out, &it->origin);
        sl_buf_printf(out, ",\"fingerprint\":\"%016llx\"", (unsigned long long)it->fingerprint);
        member(out, "message", it->message);
        member(out, "exception", it->exception);
        member(out, "cause", it->cause);
        sl_buf_printf(out, ",\"stage\":%s%s%s", it->stage ? "\"" : "", it->stage ? sl_stage_name(it->stage) : "null", it->stage ? "\"" : "");
        member(out, "connector", it->connector);
        sl_buf_printf(out, ",\"family\":\"%s\",\"sets\":%u", sl_dlq_family_name(it->family), it->sets);
        sl_buf_adds(out, ",\"evidence\":[");
        for (uint32_t i = 0; i < it->evidence_count; i++) {
                sl_buf_printf(out, "%s{\"by\":\"%s\",\"what\":", i ? "," : "", sl_dlq_reason_name(it->evidence[i].by));
                sl_dlq_json_text(out, it->evidence[i].what);
                sl_buf_addc(out, '}');
        }
        sl_buf_addc(out, ']');
        if (it->pointer)
                member(out, "original", sl_str_c(it->fetched ? "fetched" : it->missing));
}

static void base64(struct sl_buf *out, struct sl_str s)
{
        if (!s.ptr) {
                sl_buf_adds(out, "null");
                return;
        }
        sl_buf_addc(out, '"');
        sl_buf_add_base64(out, s.ptr, s.len);
        sl_buf_addc(out, '"');
}

void sl_dlq_json_bytes(struct sl_buf *out, const struct sl_dlq_item *it)
{
        sl_buf_printf(out, ",\"timestamp_ms\":%lld,\"key\":", (long long)it->timestamp_ms);
        base64(out, it->key);
        sl_buf_adds(out, ",\"value\":");
        base64(out, it->value);
        sl_buf_adds(out, ",\"headers\":[");
        for (uint32_t i = 0; i < it->header_count; i++) {
                sl_buf_adds(out, i ? ",{\"name\":" : "{\"name\":");
                sl_dlq_json_text(out, it->headers[i].key);
                sl_buf_adds(out, ",\"value\":");
                base64(out, it->headers[i].value);
                sl_buf_addc(out, '}');
        }
        sl_buf_addc(out, ']');
}

void sl_dlq_one_line(struct sl_buf *out, struct sl_str s, size_t n)
{
        size_t used = 0;
        for (const char *p = s.ptr, *end = s.ptr ? p + s.len : p; p < end;) {
                size_t k = char_at(p, end);
                if (used + (k ? k : 1) > n) {
                        sl_buf_adds(out, "...");
                        return;
                }
                if (k == 1 && (uint8_t)*p < 0x20)
                        sl_buf_addc(out, ' ');
                else if (k)
                        sl_buf_add(out, p, k);
                else
                        sl_buf_addc(out, '?');
                p += k ? k : 1;
                used += k ? k : 1;
        }
}

static bool printable(struct sl_str s)
{
        if (!sl_utf8_valid(s))
                return false;
        for (size_t i = 0; i < s.len; i++)
                if ((uint8_t)s.ptr[i] < 0x20 && s.ptr[i] != '\n' && s.ptr[i] != '\t' && s.ptr[i] != '\r')
                        return false;
        return true;
}

static void hex_dump(struct sl_buf *out, struct sl_str s, const char *indent)
{
        for (size_t at = 0; at < s.len; at += 16) {
                size_t n = s.len - at < 16 ? s.len - at : 16;
                sl_buf_printf(out, "%s%06zx ", indent, at);
                for (size_t i = 0; i < 16; i++)
                        if (i < n)
                                sl_buf_printf(out, " %02x", (uint8_t)s.ptr[at + i]);
                        else
                                sl_buf_adds(out, "   ");
                sl_buf_adds(out, "  ");
                for (size_t i = 0; i < n; i++)
                        sl_buf_addc(out, s.ptr[at + i] >= 0x20 && s.ptr[at + i] < 0x7f ? s.ptr[at + i] : '.');
                sl_buf_addc(out, '\n');
        }
}

void sl_dlq_bytes(struct sl_buf *out, struct sl_str s, size_t n, const char *indent)
{
        struct sl_str head = {s.ptr, s.len < n ? s.len : n};
        if (!s.ptr) {
                sl_buf_printf(out, "%snull\n", indent);
        } else if (!s.len) {
                sl_buf_printf(out, "%s(empty)\n", indent);
        } else if (s.len <= n && printable(s)) {
                sl_buf_adds(out, indent);
                for (size_t i = 0; i < s.len; i++) {
                        sl_buf_addc(out, s.ptr[i]);
                        if (s.ptr[i] == '\n' && i + 1 < s.len)
                                sl_buf_adds(out, indent);
                }
                sl_buf_addc(out, '\n');
        } else {
                hex_dump(out, head, indent);
                if (s.len > n)
                        sl_buf_printf(out, "%s... %zu bytes in all\n", indent, s.len);
        }
}
