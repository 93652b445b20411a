/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnosis of a record (see diagnosis.h). Positions come from the messages of our own decoders ("at byte N"). */
#include "dlq/diagnosis.h"
#include <stdlib.h>
#include "base/map.h"
#include "convert/convert.h"
#include "dlq/print.h"

#define SCHEMA_MAX 65536 /* bytes of a schema's text that a header takes */
#define WINDOW 16        /* bytes before and behind the position */

struct sl_dlq_place {
        uint64_t topic; /* hash */
        int64_t offset;
        int32_t partition;
};

/* ---- neighbours ---- */

static int by_place(const void *a, const void *b)
{
        const struct sl_dlq_place *x = a, *y = b;
        if (x->topic != y->topic)
                return x->topic < y->topic ? -1 : 1;
        if (x->partition != y->partition)
                return x->partition < y->partition ? -1 : 1;
        return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void remember(struct sl_dlq_diagnosis *d, const struct sl_dlq_origin *o)
{
        if (!o->topic.ptr || o->partition < 0 || o->offset < 0)
                return;
        if (d->count == d->cap) {
                d->cap = d->cap ? d->cap * 2 : 1024;
                d->places = sl_realloc(d->places, d->cap * sizeof(*d->places));
        }
        d->places[d->count++] = (struct sl_dlq_place){sl_hash(o->topic.ptr, o->topic.len), o->offset, o->partition};
}

enum sl_rc sl_dlq_diagnosis_read(struct sl_dlq_diagnosis *d, const struct sl_dlq_scan_opts *scan, struct sl_err *err)
{
        struct sl_dlq_scan_opts opts = {.cfg = scan->cfg,
                                        .admin = scan->admin,
                                        .topic = scan->topic,
                                        .rules = scan->rules,
                                        .stop = scan->stop,
                                        .no_originals = true};
        struct sl_dlq_scan *s;
        struct sl_dlq_item *items;
        uint32_t n;
        enum sl_rc rc;
        SL_TRY(sl_dlq_scan_open(&opts, &s, err));
        while ((rc = sl_dlq_scan_next(s, &items, &n, err)) == SL_OK && n)
                for (uint32_t i = 0; i < n; i++)
                        remember(d, &items[i].origin);
        sl_dlq_scan_close(s);
        if (d->count)
                qsort(d->places, d->count, sizeof(*d->places), by_place);
        return rc;
}

static const char *fate(const struct sl_dlq_diagnosis *d, const struct sl_dlq_origin *o, int64_t offset)
{
        struct sl_dlq_place key = {sl_hash(o->topic.ptr, o->topic.len), offset, o->partition};
        bool found = d->count && bsearch(&key, d->places, d->count, sizeof(key), by_place);
        return found ? "dead-lettered" : "not dead-lettered";
}

void sl_dlq_diagnose_neighbours(const struct sl_dlq_diagnosis *d, const struct sl_dlq_origin *o, struct sl_buf *out)
{
        if (!o->topic.ptr || o->partition < 0 || o->offset < 0)
                return;
        sl_buf_adds(out, ",\"neighbours\":{");
        if (o->offset)
                sl_buf_printf(out, "\"before\":\"%s\",", fate(d, o, o->offset - 1));
        sl_buf_printf(out, "\"after\":\"%s\"}", fate(d, o, o->offset + 1));
}

/* ---- bytes ---- */

/* Where a decoder stopped, by its message; -1 = it does not say. */
static int64_t position(const char *message)
{
        static const char before[] = "at byte ";
        const char *p = strstr(message, before);
        int64_t n;
        if (!p)
                return -1;
        p += sizeof(before) - 1;
        return sl_parse_i64((struct sl_str){p, strspn(p, "0123456789")}, &n) ? n : -1;
}

static void outcome(const char *which, const char *as, struct sl_str bytes, size_t head, const struct sl_err *why,
                    struct sl_buf *out)
{
        sl_buf_printf(out, ",\"%s_decodes\":{\"as\":\"%s\",\"ok\":%s", which, as, why->id ? "false" : "true");
        if (why->id) {
                int64_t at = position(why->msg);
                sl_buf_adds(out, ",\"error\":");
                sl_dlq_json_text(out, sl_str_c(why->msg));
                if (at >= 0 && head + (size_t)at <= bytes.len) {
                        size_t p = head + (size_t)at, from = p < WINDOW ? 0 : p - WINDOW;
                        sl_buf_printf(out, ",\"at\":%zu,\"window_from\":%zu,\"window\":", p, from);
                        sl_dlq_json_hex(out, (struct sl_str){bytes.ptr + from, (bytes.len - p < WINDOW ? bytes.len : p + WINDOW) - from});
                }
        }
        sl_buf_addc(out, '}');
}

static void schema(const char *which, const struct sl_registry_schema *s, struct sl_buf *out)
{
        static const char *const types[] = {
                [SL_REGISTRY_AVRO] = "AVRO", [SL_REGISTRY_JSON] = "JSON", [SL_REGISTRY_PROTOBUF] = "PROTOBUF"};
        sl_buf_printf(out, ",\"%s_schema_type\":\"%s\"", which, types[s->type]);
        if (s->text.len > SCHEMA_MAX) {
                sl_buf_printf(out, ",\"%s_schema_bytes\":%zu", which, s->text.len);
                return;
        }
        sl_buf_printf(out, ",\"%s_schema\":", which);
        sl_dlq_json_text(out, s->text);
}

static enum sl_rc framed(struct sl_dlq_diagnosis *d, const char *which, struct sl_str topic, struct sl_str bytes,
                         int32_t id, struct sl_buf *out, struct sl_err *err)
{
        const struct sl_registry_schema *written;
        struct sl_err why = {0};
        struct sl_str text;
        struct sl_value v;
        enum sl_rc rc = sl_registry_read(sl_dlq_decode_registry(d->decode), id, &written, &why);
        if (rc == SL_TRANSIENT || rc == SL_FATAL) {
                *err = why;
                return rc;
        }
        if (rc != SL_OK) {
                outcome(which, "unknown schema", bytes, 0, &why, out);
                return SL_OK;
        }
        schema(which, written, out);
        SL_TRY(sl_dlq_decode_text(d->decode, topic, bytes, &d->arena, &text, &why, err));
        bool json = written->type == SL_REGISTRY_JSON;
        if (json && text.ptr && sl_json_value(text, &d->arena, &v, &why) == SL_OK)
                sl_err_clear(&why);
        outcome(which, json ? "json" : written->type == SL_REGISTRY_PROTOBUF ? "protobuf" : "avro", bytes, SL_REGISTRY_PREFIX, &why, out);
        return SL_OK;
}

void sl_dlq_diagnose_bytes(struct sl_dlq_diagnosis *d, const char *which, struct sl_str topic, struct sl_str bytes,
                           struct sl_buf *out)
{
        struct sl_err why = {0};
        struct sl_str rest;
        struct sl_value v;
        int32_t id;

        sl_arena_reset(&d->arena);
        if (!bytes.len)
                return;
        if (!sl_registry_split(bytes, &id, &rest)) {
                if (!strchr("{[", bytes.ptr[0]) || !bytes.ptr[0]) /* not meant as JSON */
                        return;
                if (sl_json_value(bytes, &d->arena, &v, &why) == SL_OK)
                        sl_err_clear(&why);
                outcome(which, "json", bytes, 0, &why, out);
                return;
        }
        sl_buf_printf(out, ",\"%s_schema_id\":%u", which, (unsigned)id);
        if (!d->decode)
                return;
        if (d->registry.id != SL_E_NONE || framed(d, which, topic, bytes, id, out, &d->registry) != SL_OK) {
                sl_buf_printf(out, ",\"%s_not_decoded\":", which);
                sl_dlq_json_text(out, sl_str_c(d->registry.msg));
        }
}

void sl_dlq_diagnosis_free(struct sl_dlq_diagnosis *d)
{
        sl_arena_free(&d->arena);
        free(d->places);
        *d = (struct sl_dlq_diagnosis){0};
}
