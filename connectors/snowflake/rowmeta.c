/* SPDX-License-Identifier: Apache-2.0 */
/* RECORD_METADATA: where a record came from, its key and its headers. A VARIANT has what there is; a structured OBJECT
 * (Iceberg tables of format version 2) must have all fields, with key and headers as strings. */
#include "connectors/snowflake/rows_internal.h"
#include "connectors/snowflake/text.h"

/* What stays the same from record to record of a partition. */
static void make_head(struct sl_sf_encoder *e, const struct sl_record *rec)
{
        e->head_topic = rec->topic.ptr;
        e->head_partition = rec->partition;
        sl_buf_clear(&e->head);
        sl_buf_adds(&e->head, ",\"" SL_SF_METADATA "\":");
        if (e->opts.meta_topic) {
                sl_buf_adds(&e->head, ",\"topic\":");
                sl_sf_add_string(&e->head, rec->topic, NULL);
        }
        if (e->opts.meta_offset) {
                sl_buf_adds(&e->head, ",\"partition\":");
                sl_buf_add_i64(&e->head, rec->partition);
                sl_buf_adds(&e->head, ",\"offset\":");
        }
}

/* A value's Java text as a JSON string. */
static enum sl_rc add_printed(struct sl_sf_encoder *e, const struct sl_schema *schema, const struct sl_value *v,
                              struct sl_buf *out, struct sl_err *err)
{
        sl_buf_clear(&e->text);
        SL_TRY(sl_sf_print(&e->values, schema, v, &e->text, err));
        sl_sf_add_string(out, (struct sl_str){e->text.ptr, e->text.len}, &e->values.bad_text);
        return SL_OK;
}

static enum sl_rc add_key(struct sl_sf_encoder *e, const struct sl_record *rec, bool object, struct sl_buf *out,
                          struct sl_err *err)
{
        const struct sl_value *key = &rec->key;
        if (key->type == SL_NULL) {
                sl_buf_adds(out, object ? ",\"key\":null" : "");
                return SL_OK;
        }
        sl_buf_adds(out, ",\"key\":");
        return object ? add_printed(e, rec->key_schema, key, out, err)
                      : sl_sf_write(&e->values, rec->key_schema, key, out, err);
}

static bool comes_again(const struct sl_record *rec, uint32_t i)
{
        for (uint32_t j = i + 1; j < rec->header_count; j++)
                if (sl_str_eq(rec->headers[i]->key, rec->headers[j]->key))
                        return true;
        return false;
}

static enum sl_rc add_headers(struct sl_sf_encoder *e, const struct sl_record *rec, bool object, struct sl_buf *out,
                              struct sl_err *err)
{
        bool strings = object || !e->opts.structured_headers;
        size_t first = out->len + sizeof(",\"headers\":") - 1;
        if (!rec->header_count) {
                sl_buf_adds(out, object ? ",\"headers\":null" : "");
                return SL_OK;
        }
        sl_buf_adds(out, ",\"headers\":");
        for (uint32_t i = 0; i < rec->header_count; i++) {
                const struct sl_header *h = rec->headers[i];
                const struct sl_value *v;
                if (comes_again(rec, i))
                        continue; /* the last one counts */
                sl_buf_addc(out, out->len == first ? '{' : ',');
                sl_sf_add_string(out, h->key, &e->values.bad_text);
                sl_buf_addc(out, ':');
                SL_TRY(sl_sf_default(h->schema, &h->value, &v, err));
                if (!v)
                        sl_buf_adds(out, "null");
                else if (strings)
                        SL_TRY(add_printed(e, h->schema, v, out, err));
                else
                        SL_TRY(sl_sf_write(&e->values, h->schema, v, out, err));
        }
        sl_buf_addc(out, '}');
        return SL_OK;
}

static void add_times(const struct sl_sf_encoder *e, const struct sl_record *rec, int64_t push_ms, bool object,
                      struct sl_buf *out)
{
        bool has = e->opts.meta_time && rec->timestamp_ms >= 0, append = rec->log_append_time;
        if (has || object) {
                sl_buf_adds(out, append ? ",\"LogAppendTime\":" : ",\"CreateTime\":");
                if (has)
                        sl_buf_add_i64(out, rec->timestamp_ms);
                else
                        sl_buf_adds(out, "null");
        }
        if (object)
                sl_buf_adds(out, append ? ",\"CreateTime\":null" : ",\"LogAppendTime\":null");
        if (e->opts.meta_push_time) {
                sl_buf_adds(out, ",\"SnowflakeConnectorPushTime\":");
                sl_buf_add_i64(out, push_ms);
        } else if (object) {
                sl_buf_adds(out, ",\"SnowflakeConnectorPushTime\":null");
        }
}

enum sl_rc sl_sf_add_metadata(struct sl_sf_encoder *e, const struct sl_record *rec, int64_t push_ms, struct sl_buf *out,
                              struct sl_err *err)
{
        bool object = e->desc && e->desc->metadata_object;
        size_t start = out->len, first = start + sizeof(",\"" SL_SF_METADATA "\":") - 1;
        if (!e->opts.metadata)
                return SL_OK;
        if (sl_unlikely(e->head_topic != rec->topic.ptr || e->head_partition != rec->partition))
                make_head(e, rec);
        sl_buf_add(out, e->head.ptr, e->head.len);
        if (e->opts.meta_offset)
                sl_buf_add_i64(out, rec->offset);
        add_times(e, rec, push_ms, object, out);
        SL_TRY(add_key(e, rec, object, out, err));
        SL_TRY(add_headers(e, rec, object, out, err));
        if (!sl_buf_ok(out))
                return SL_OK; /* told at the end of the row */
        if (out->len == first) {
                out->len = start;
                return SL_OK;
        }
        out->ptr[first] = '{';
        sl_buf_addc(out, '}');
        if (e->desc && !e->meta_column)
                sl_sf_want_column(e, SL_STR(SL_SF_METADATA), "VARIANT", NULL);
        else if (e->meta_column)
                sl_sf_note_value(e, e->meta_column, false);
        return SL_OK;
}
