/* SPDX-License-Identifier: Apache-2.0 */
/* Key and header views, by the shapes and sentences of Confluent's RecordViews and KeyValueHeaderRecordWriterProvider. Unlike
 * there, a record that one of its objects can't take is refused before any of them has got it. */
#include "connectors/s3/views.h"

#include "record/values.h"

void sl_s3_views_free(struct sl_s3_views *v)
{
        sl_buf_free(&v->text);
        *v = (struct sl_s3_views){0};
}

static const struct sl_schema *struct_of(const char *name, const char *field, const struct sl_schema *of)
{
        return sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT,
                                                    .name = name,
                                                    .field_count = 1,
                                                    .fields = &(struct sl_field){.name = field, .schema = of}});
}

static struct sl_value wrap(struct sl_arena *arena, struct sl_value v)
{
        struct sl_value *item = sl_arena_alloc(arena, sizeof(*item));
        *item = v;
        return sl_v_items(SL_STRUCT, item, 1);
}

static sl_cold enum sl_rc absent(const char *what, const struct sl_record *rec, const char *advice, struct sl_err *err)
{
        enum sl_rc rc = sl_fail(err, SL_E_FORMAT,
                                "%s cannot be null for SinkRecord: SinkRecord{kafkaOffset=%lld, topic='%.*s', "
                                "kafkaPartition=%d} ",
                                what, (long long)rec->offset, SL_FMT(rec->topic), rec->partition);
        sl_err_detail(err, advice);
        return rc;
}

enum sl_rc sl_s3_key_view(struct sl_s3_views *v, enum sl_s3_format format, const struct sl_record *rec,
                          struct sl_arena *arena, const struct sl_schema **ret_schema, struct sl_value *ret,
                          struct sl_err *err)
{
        if (rec->key.type == SL_NULL)
                return absent("Key", rec,
                              "(store.kafka.keys=true wants a key in every record: give such records one with a "
                              "transform, or send them elsewhere with errors.deadletterqueue.topic.name)",
                              err);
        *ret_schema = rec->key_schema;
        *ret = rec->key;
        if (format != SL_S3_PARQUET)
                return SL_OK;
        if (!rec->key_schema) {
                enum sl_rc rc = sl_fail(err, SL_E_FORMAT, "fieldSchema for field key cannot be null.");
                sl_err_detail(err, " (Parquet needs schemas: use a key.converter that gives one, or JsonFormat as "
                                   "keys.format.class)");
                return rc;
        }
        if (v->key_of != rec->key_schema) {
                v->key_of = rec->key_schema;
                v->key_envelope = struct_of("RecordKey", "key", rec->key_schema);
        }
        *ret_schema = v->key_envelope;
        *ret = wrap(arena, rec->key);
        return SL_OK;
}

/* Array of {key, value}, in a struct when the format wants one. */
static const struct sl_schema *header_schema(bool envelope)
{
        const struct sl_schema *text = sl_schema_of(SL_STRING, false);
        const struct sl_field fields[] = {{"key", 3, text}, {"value", 5, text}};
        const struct sl_schema *one =
                sl_schema_intern(&(struct sl_schema){.type = SL_STRUCT, .fields = fields, .field_count = 2});
        const struct sl_schema *all = sl_schema_intern(&(struct sl_schema){.type = SL_ARRAY, .value = one});
        return envelope ? struct_of("RecordHeaders", "headers", all) : all;
}

enum sl_rc sl_s3_header_view(struct sl_s3_views *v, enum sl_s3_format format, const struct sl_record *rec,
                             struct sl_arena *arena, const struct sl_schema **ret_schema, struct sl_value *ret,
                             struct sl_err *err)
{
        static const char no_null[] =
                "Invalid value: null used for required field: \"value\", schema type: STRING";
        bool envelope = format == SL_S3_PARQUET || format == SL_S3_JSON;
        if (rec->header_count == 0)
                return absent("Headers", rec,
                              "(store.kafka.headers=true wants a header in every record: add one with the InsertHeader "
                              "transform)",
                              err);
        if (!v->header_schema[envelope])
                v->header_schema[envelope] = header_schema(envelope);
        struct sl_value *list = sl_arena_alloc(arena, rec->header_count * sizeof(*list));
        for (uint32_t i = 0; i < rec->header_count; i++) {
                const struct sl_header *h = rec->headers[i];
                if (h->value.type == SL_NULL) {
                        enum sl_rc rc = sl_fail(err, SL_E_FORMAT, "%s", no_null);
                        sl_err_detail(err, " (a header is null: remove it with the DropHeaders transform)");
                        return rc;
                }
                struct sl_value *pair = sl_arena_alloc(arena, 2 * sizeof(*pair));
                sl_buf_clear(&v->text);
                sl_values_print(h->schema, &h->value, &v->text);
                if (!sl_buf_ok(&v->text))
                        return sl_fail(err, SL_E_TOO_LARGE, "The text of a header takes more than 1 GiB");
                pair[0] = sl_v_str(h->key);
                pair[1] = sl_v_str((struct sl_str){
                        sl_arena_strndup(arena, v->text.ptr ? v->text.ptr : "", v->text.len), v->text.len});
                list[i] = sl_v_items(SL_STRUCT, pair, 2);
        }
        struct sl_value all = sl_v_items(SL_ARRAY, list, rec->header_count);
        *ret_schema = v->header_schema[envelope];
        *ret = envelope ? wrap(arena, all) : all;
        return SL_OK;
}
