/* SPDX-License-Identifier: Apache-2.0 */
/* See envelope.h. */
#include "transforms/envelope.h"

#define SUFFIX ".Envelope"

bool sl_is_envelope(const struct sl_schema *schema)
{
        size_t n = schema && schema->name ? strlen(schema->name) : 0, suffix = strlen(SUFFIX);
        return n >= suffix && strcmp(schema->name + n - suffix, SUFFIX) == 0;
}

enum sl_rc sl_need_field(const struct sl_schema *schema, const char *name, enum sl_type type, uint32_t *ret,
                         struct sl_err *err)
{
        int at = sl_schema_field(schema, name, strlen(name));
        if (at < 0)
                return sl_fail(err, SL_E_TRANSFORM, "%s is not a valid field name", name);
        if (type != SL_NULL && schema->fields[at].schema->type != type)
                return sl_fail(err, SL_E_TRANSFORM, "Field '%s' is not of type %s", name, sl_type_name(type));
        *ret = (uint32_t)at;
        return SL_OK;
}

enum sl_rc sl_need_known(int at, const char *name, struct sl_err *err)
{
        if (at >= 0)
                return SL_OK;
        return sl_thrown(sl_fail(err, SL_E_TRANSFORM, "Unknown field: %s", name), err,
                         "java.lang.IllegalArgumentException");
}
