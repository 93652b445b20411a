/* SPDX-License-Identifier: Apache-2.0 */
/* See common.h. */
#include "transforms/common.h"
#include <string.h>

enum sl_rc sl_need_struct(const struct sl_schema *schema, const struct sl_value *v, const char *purpose, struct sl_err *err)
{
        if (v->type == SL_STRUCT)
                return SL_OK;
        return sl_fail(err, SL_E_TRANSFORM, "Only Struct objects supported for [%s], found: %s", purpose,
                       sl_java_class(schema, v));
}

enum sl_rc sl_need_map(const struct sl_value *v, const char *purpose, struct sl_err *err)
{
        if (v->type == SL_MAP)
                return SL_OK;
        return sl_fail(err, SL_E_TRANSFORM, "Only Map objects supported in absence of schema for [%s], found: %s", purpose,
                       sl_java_class(NULL, v));
}

int sl_map_find(const struct sl_value *map, struct sl_str key)
{
        for (uint32_t i = 0; i < map->len; i++)
                if (map->items[2 * i].type == SL_STRING && sl_str_eq(sl_v_as_str(&map->items[2 * i]), key))
                        return (int)i;
        return -1;
}

void sl_names_of(struct sl_names *names, const struct sl_cfg_list *list)
{
        names->count = list->count;
        names->items = sl_calloc(list->count + 1, sizeof(*names->items));
        for (uint32_t i = 0; i < list->count; i++)
                names->items[i] = sl_str_c(list->items[i]);
}

enum sl_rc sl_add_field(struct sl_schema *spec, struct sl_field *fields, const char *name,
                        const struct sl_schema *schema, struct sl_err *err)
{
        if (!name[0])
                return SL_FAIL_AS(err, SL_JAVA_BUILDER, "fieldName cannot be null.");
        for (uint32_t i = 0; i < spec->field_count; i++)
                if (strcmp(fields[i].name, name) == 0)
                        return SL_FAIL_AS(err, SL_JAVA_BUILDER,
                                          "Cannot create field because of field name duplication %s", name);
        fields[spec->field_count++] = (struct sl_field){.name = name, .schema = schema};
        return SL_OK;
}

/* ---- a record as text ---- */

/* "key=k, keySchema=Schema{STRING}" */
static void print_side(const char *name, const char *schema_name, const struct sl_schema *schema, const struct sl_value *v,
                       struct sl_buf *out)
{
        sl_buf_printf(out, "%s=", name);
        if (v->type == SL_NULL)
                sl_buf_adds(out, "null");
        else
                sl_value_print(schema, v, out);
        sl_buf_printf(out, ", %s=", schema_name);
        if (schema)
                sl_buf_printf(out, "Schema{%s%s%s}", schema->name ? schema->name : "", schema->name ? ":" : "",
                              sl_type_name(schema->type));
        else
                sl_buf_adds(out, "null");
}

static void print_number(const char *name, int64_t v, struct sl_buf *out)
{
        sl_buf_adds(out, name);
        if (v < 0)
                sl_buf_adds(out, "null");
        else
                sl_buf_add_i64(out, v);
}

void sl_record_print(const struct sl_record *rec, struct sl_buf *out)
{
        if (rec->offset >= 0) {
                print_number("SinkRecord{kafkaOffset=", rec->offset, out);
                sl_buf_printf(out, ", timestampType=%s, originalTopic=%.*s", rec->log_append_time ? "LogAppendTime" : "CreateTime",
                              SL_FMT(rec->topic));
                print_number(", originalKafkaPartition=", rec->partition, out);
                print_number(", originalKafkaOffset=", rec->offset, out);
        } else {
                sl_buf_adds(out, "SourceRecord{sourcePartition={}, sourceOffset={}");
        }
        sl_buf_printf(out, "} ConnectRecord{topic='%.*s'", SL_FMT(rec->topic));
        print_number(", kafkaPartition=", rec->partition, out);
        sl_buf_adds(out, ", ");
        print_side("key", "keySchema", rec->key_schema, &rec->key, out);
        sl_buf_adds(out, ", ");
        print_side("value", "valueSchema", rec->value_schema, &rec->value, out);
        print_number(", timestamp=", rec->timestamp_ms, out);
        sl_buf_adds(out, ", headers=ConnectHeaders(headers=");
        for (uint32_t i = 0; i < rec->header_count; i++) {
                const struct sl_header *h = rec->headers[i];
                sl_buf_printf(out, "%sConnectHeader(key=%.*s, ", i ? ", " : "[", SL_FMT(h->key));
                print_side("value", "schema", h->schema, &h->value, out);
                sl_buf_adds(out, ")");
        }
        sl_buf_adds(out, rec->header_count ? "])}" : ")}");
}
