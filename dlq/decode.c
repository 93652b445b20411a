/* SPDX-License-Identifier: Apache-2.0 */
/* Reading framed values (see decode.h): AvroConverter and ProtobufConverter with the registry of the command's properties. */
#include "dlq/decode.h"
#include <stdio.h>
#include <stdlib.h>
#include "convert/convert.h"

struct config {
        struct sl_registry_cfg registry;
};
static const struct sl_cfg_def config_rows[] = {SL_REGISTRY_ROWS(struct config, registry), {0}};

struct sl_dlq_decode {
        struct sl_arena arena; /* configs */
        struct sl_props props;
        struct config cfg;
        struct sl_registry *registry;
        struct sl_converter reader, proto, writer; /* proto: opened at the first message */
        struct sl_json_writer *json;
        struct sl_buf text;
};

static enum sl_rc said(struct sl_cfg_report *report, struct sl_err *err)
{
        enum sl_rc rc = SL_OK;
        for (uint32_t i = 0; i < report->count && rc == SL_OK; i++)
                if (!report->findings[i].warning)
                        rc = sl_fail(err, SL_E_CONFIG, "%s", report->findings[i].text);
        sl_cfg_report_free(report);
        return rc;
}

static enum sl_rc open_converter(struct sl_dlq_decode *d, enum sl_registry_type type, struct sl_converter *ret,
                                 struct sl_err *err)
{
        const struct sl_converter_ops *ops =
                sl_converter_find(type == SL_REGISTRY_PROTOBUF ? "ProtobufConverter" : "AvroConverter");
        struct sl_cfg_report report = {0};
        void *cfg = sl_arena_zalloc(&d->arena, ops->config_size);
        sl_cfg_parse(ops->config, &d->props, cfg, &d->arena, &report);
        SL_TRY(said(&report, err));
        ret->st = sl_arena_zalloc(&d->arena, ops->state_size);
        ret->ops = ops;
        return ops->open(ret->st, cfg, false, NULL, err);
}

static enum sl_rc open_all(struct sl_dlq_decode *d, struct sl_err *err)
{
        struct sl_cfg_report report = {0};
        sl_cfg_parse(config_rows, &d->props, &d->cfg, &d->arena, &report);
        SL_TRY(said(&report, err));
        SL_TRY(sl_registry_open(&d->cfg.registry, NULL, &d->registry, err));
        return open_converter(d, SL_REGISTRY_AVRO, &d->reader, err);
}

enum sl_rc sl_dlq_decode_new(const struct sl_props *client, struct sl_dlq_decode **ret, struct sl_err *err)
{
        *ret = NULL;
        if (!sl_props_get(client, "schema.registry.url"))
                return SL_OK;
        struct sl_dlq_decode *d = sl_calloc(1, sizeof(*d));
        sl_props_copy(&d->props, client);
        sl_props_set(&d->props, "auto.register.schemas", "false");
        sl_props_set(&d->props, "enhanced.avro.schema.support", "true");
        sl_props_set(&d->props, "enhanced.protobuf.schema.support", "true");
        sl_props_set(&d->props, "optional.for.nullables", "true"); /* what is not there stays so */
        sl_props_set(&d->props, "flatten.unions", "true");         /* as the bytes have it: a oneof is nothing but its member */
        d->json = sl_json_writer_new(SL_DECIMAL_NUMERIC, false);
        enum sl_rc rc = open_all(d, err);
        if (rc != SL_OK) {
                sl_dlq_decode_free(d);
                return rc;
        }
        *ret = d;
        return SL_OK;
}

static void close_converter(struct sl_converter *c)
{
        if (c->ops && c->ops->close)
                c->ops->close(c->st);
}

void sl_dlq_decode_free(struct sl_dlq_decode *d)
{
        if (!d)
                return;
        close_converter(&d->reader);
        close_converter(&d->proto);
        close_converter(&d->writer);
        sl_registry_close(d->registry);
        sl_json_writer_free(d->json);
        sl_props_free(&d->props);
        sl_arena_free(&d->arena);
        sl_buf_free(&d->text);
        free(d);
}

struct sl_registry *sl_dlq_decode_registry(struct sl_dlq_decode *d)
{
        return d->registry;
}

enum sl_rc sl_dlq_decode_writer(struct sl_dlq_decode *d, const struct sl_registry_schema *s, struct sl_converter **ret,
                                struct sl_err *err)
{
        char text[16];
        snprintf(text, sizeof(text), "%d", s->id);
        sl_props_set(&d->props, "use.schema.id", text);
        sl_props_set(&d->props, "id.compatibility.strict", "false");
        *ret = &d->writer;
        return open_converter(d, s->type, &d->writer, err);
}

enum sl_rc sl_dlq_decode_value(struct sl_dlq_decode *d, enum sl_registry_type type, struct sl_str topic, struct sl_str bytes,
                               struct sl_arena *arena, const struct sl_schema **ret_schema, struct sl_value *ret,
                               struct sl_err *err)
{
        struct sl_converter *c = type == SL_REGISTRY_PROTOBUF ? &d->proto : &d->reader;
        if (!c->ops)
                SL_TRY(open_converter(d, type, c, err));
        return c->ops->decode(c->st, topic, bytes, arena, ret_schema, ret, err);
}

static enum sl_rc read_framed(struct sl_dlq_decode *d, struct sl_str topic, struct sl_str bytes, int32_t id,
                              struct sl_str rest, struct sl_arena *arena, struct sl_str *ret, struct sl_err *why)
{
        const struct sl_registry_schema *written;
        const struct sl_schema *schema;
        struct sl_value value;

        SL_TRY(sl_registry_read(d->registry, id, &written, why));
        if (written->type == SL_REGISTRY_JSON) {
                *ret = rest;
                return SL_OK;
        }
        SL_TRY(sl_dlq_decode_value(d, written->type, topic, bytes, arena, &schema, &value, why));
        sl_buf_clear(&d->text);
        SL_TRY(sl_json_write_value(d->json, schema, &value, &d->text, why));
        *ret = (struct sl_str){sl_arena_strndup(arena, sl_buf_cstr(&d->text), d->text.len), d->text.len};
        return SL_OK;
}

enum sl_rc sl_dlq_decode_text(struct sl_dlq_decode *d, struct sl_str topic, struct sl_str bytes, struct sl_arena *arena,
                              struct sl_str *ret, struct sl_err *why, struct sl_err *err)
{
        struct sl_err own = {0}, *said_why = why ? why : &own;
        struct sl_str rest;
        int32_t id;

        *ret = bytes;
        if (!bytes.ptr || !sl_registry_split(bytes, &id, &rest))
                return SL_OK;
        *ret = SL_STR_NULL;
        enum sl_rc rc = d ? read_framed(d, topic, bytes, id, rest, arena, ret, said_why)
                          : sl_fail(said_why, SL_E_DECODE,
                                    "its schema is in a registry: schema.registry.url is missing in --command-config");
        if (rc != SL_TRANSIENT && rc != SL_FATAL)
                return SL_OK;
        if (err && err->id == SL_E_NONE)
                *err = *said_why;
        return rc;
}
