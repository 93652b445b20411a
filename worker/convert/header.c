/* SPDX-License-Identifier: Apache-2.0 */
/* SimpleHeaderConverter: headers as the text of Connect's Values (record/values.h), in both directions. */
#include "convert/convert.h"
#include "record/values.h"

static sl_cold enum sl_rc too_large(struct sl_err *err)
{
        return sl_fail(err, SL_E_TOO_LARGE, "the encoded form of a header passes the limit of its buffer");
}

static enum sl_rc header_encode(void *st sl_unused, struct sl_str topic sl_unused, const struct sl_schema *schema,
                                const struct sl_value *value, struct sl_buf *out, bool *ret_null, struct sl_err *err)
{
        *ret_null = value->type == SL_NULL;
        if (value->type != SL_NULL)
                sl_values_print(schema, value, out);
        return sl_buf_ok(out) ? SL_OK : too_large(err);
}

static enum sl_rc header_decode(void *st sl_unused, struct sl_str topic sl_unused, struct sl_str bytes,
                                struct sl_arena *arena, const struct sl_schema **ret_schema,
                                struct sl_value *ret_value, struct sl_err *err)
{
        if (bytes.ptr && bytes.len > UINT32_MAX)
                return too_large(err);
        sl_values_parse(bytes, arena, ret_schema, ret_value);
        return SL_OK;
}

static const struct sl_cfg_def header_config[] = {
        {SL_CFG_NONE("converter.type", SL_CFG_T_STRING), .flags = SL_CFG_HIDDEN, .doc = "Set by the worker."},
        {0},
};
static const char *const header_aliases[] = {"org.apache.kafka.connect.storage.SimpleHeaderConverter", NULL};

extern const struct sl_converter_ops sl_header_converter;
const struct sl_converter_ops sl_header_converter = {
        .name = "SimpleHeaderConverter",
        .aliases = header_aliases,
        .header = true,
        .config = header_config,
        .encode = header_encode,
        .decode = header_decode,
};
