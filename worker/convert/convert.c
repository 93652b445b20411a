/* SPDX-License-Identifier: Apache-2.0 */
/* The list of converters. A new one is one file and one line here. */
#include "convert/convert.h"

#include "api/plugin.h"

extern const struct sl_converter_ops sl_json_converter, sl_avro_converter, sl_protobuf_converter, sl_jsonschema_converter,
        sl_string_converter, sl_bytes_converter, sl_boolean_converter, sl_short_converter, sl_integer_converter,
        sl_long_converter, sl_float_converter, sl_double_converter, sl_header_converter;

const struct sl_converter_ops *const sl_converters[] = {
        &sl_json_converter,
        &sl_avro_converter,
        &sl_protobuf_converter,
        &sl_jsonschema_converter,
        &sl_string_converter,
        &sl_bytes_converter,
        &sl_boolean_converter,
        &sl_short_converter,
        &sl_integer_converter,
        &sl_long_converter,
        &sl_float_converter,
        &sl_double_converter,
        &sl_header_converter,
        NULL,
};

const struct sl_converter_ops *sl_converter_find(const char *name)
{
        for (const struct sl_converter_ops *const *c = sl_converters; *c; c++)
                if (sl_plugin_named((*c)->name, (*c)->aliases, "", name))
                        return *c;
        return NULL;
}
