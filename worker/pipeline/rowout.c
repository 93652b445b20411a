/* SPDX-License-Identifier: Apache-2.0 */
/* See rowout.h. */
#include "pipeline/rowout.h"

#include "kafka/packed.h"

/* Encoded parts lie one behind the other in o->row, which may move while it grows: keep offsets until all are written. */
struct part {
        size_t start, len;
        bool null;
};

static enum sl_rc encode(struct sl_rowout *o, const struct sl_converter *conv, enum sl_stage stage, struct sl_str topic,
                         const struct sl_schema *schema, const struct sl_value *value, struct part *ret, struct sl_err *err)
{
        ret->start = o->row.len;
        ret->null = false;
        enum sl_rc rc = conv->ops->encode(conv->st, topic, schema, value, &o->row, &ret->null, err);
        if (sl_unlikely(rc == SL_OK && !sl_buf_ok(&o->row)))
                rc = sl_fail(err, SL_E_TOO_LARGE, "a record of topic %.*s passes 1 GiB encoded", SL_FMT(topic));
        if (sl_unlikely(rc != SL_OK)) {
                err->stage = stage;
                err->operation = conv->ops->aliases[0];
                return rc;
        }
        ret->len = o->row.len - ret->start;
        return SL_OK;
}

static inline struct sl_str part_str(const struct sl_rowout *o, const struct part *p)
{
        return p->null ? SL_STR_NULL : (struct sl_str){o->row.ptr ? o->row.ptr + p->start : "", p->len};
}

static enum sl_rc pack_headers(struct sl_rowout *o, const struct sl_converter *conv, const struct sl_record *rec,
                               struct sl_arena *arena, struct sl_err *err)
{
        uint32_t n = rec->header_count;
        struct part *parts = sl_arena_alloc(arena, n * sizeof(*parts));
        struct sl_kheader *list = sl_arena_alloc(arena, n * sizeof(*list));
        o->packed_from = NULL;
        for (uint32_t i = 0; i < n; i++)
                SL_TRY(encode(o, conv, SL_STAGE_HEADER_CONVERTER, rec->topic, rec->headers[i]->schema, &rec->headers[i]->value,
                              &parts[i], err));
        for (uint32_t i = 0; i < n; i++)
                list[i] = (struct sl_kheader){rec->headers[i]->key, part_str(o, &parts[i])};
        sl_headers_pack(&o->packed, list, n);
        if (!sl_buf_ok(&o->packed))
                return sl_fail(err, SL_E_TOO_LARGE, "The headers of a record of topic %.*s pass 1 GiB", SL_FMT(rec->topic));
        o->packed_from = rec->headers;
        o->packed_resets = arena->resets;
        o->packed_count = n;
        o->packed_topic = rec->topic;
        return SL_OK;
}

enum sl_rc sl_rowout_encode(struct sl_rowout *o, const struct sl_codec *codec, const struct sl_record *rec, struct sl_arena *arena,
                            struct sl_message *ret, struct sl_err *err)
{
        struct part key, value;
        sl_buf_clear(&o->row);
        SL_TRY(encode(o, &codec->key, SL_STAGE_KEY_CONVERTER, rec->topic, rec->key_schema, &rec->key, &key, err));
        SL_TRY(encode(o, &codec->value, SL_STAGE_VALUE_CONVERTER, rec->topic, rec->value_schema, &rec->value, &value, err));
        if (rec->header_count && (rec->headers != o->packed_from || o->packed_resets != arena->resets ||
                                  rec->header_count != o->packed_count || !sl_str_eq(rec->topic, o->packed_topic)))
                SL_TRY(pack_headers(o, &codec->header, rec, arena, err));
        *ret = (struct sl_message){.topic = rec->topic,
                                   .partition = rec->partition,
                                   .key = part_str(o, &key),
                                   .value = part_str(o, &value),
                                   .timestamp_ms = rec->timestamp_ms};
        if (rec->header_count)
                ret->packed = (struct sl_str){o->packed.ptr, o->packed.len};
        return SL_OK;
}

void sl_rowout_free(struct sl_rowout *o)
{
        sl_buf_free(&o->row);
        sl_buf_free(&o->packed);
        *o = (struct sl_rowout){0};
}
