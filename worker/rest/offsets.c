/* SPDX-License-Identifier: Apache-2.0 */
/* /connectors/{n}/offsets: GET, PATCH, DELETE (KIP-875). Here is the shape of the request; what may be changed and how
 * is cluster/herder_offsets.c's. */
#include <string.h>
#include "base/json.h"
#include "rest/route.h"

#define ENTITIES "org.apache.kafka.connect.runtime.rest.entities."

void sl_rest_offsets_get(struct sl_rest_call *c)
{
        json_t *body = NULL;
        struct sl_buf message = {0};
        if (!sl_rest_ready(c))
                return;
        int status = sl_herder_offsets(c->h, c->segments[1], &body, &message);
        if (status == 200)
                sl_rest_json(c, status, body);
        else
                sl_rest_error(c->resp, status, sl_buf_cstr(&message));
        sl_buf_free(&message);
}

/* Is obj an object with no other fields than these (NULL-terminated)? Else answered as Jackson would. */
static bool has_fields(struct sl_rest_call *c, const json_t *obj, const char *class, const char *const *fields)
{
        const char *key;
        json_t *value;
        if (!json_is_object(obj)) {
                sl_rest_wrong_type(c, class, obj);
                return false;
        }
        json_object_foreach((json_t *)obj, key, value)
        {
                size_t k = 0;
                while (fields[k] && strcmp(fields[k], key) != 0)
                        k++;
                if (!fields[k]) {
                        sl_rest_unknown_field(c, class, key);
                        return false;
                }
        }
        return true;
}

static bool is_map(struct sl_rest_call *c, const json_t *value)
{
        if (!value || json_is_null(value) || json_is_object(value))
                return true;
        sl_rest_wrong_type(c, "java.util.LinkedHashMap<java.lang.String,java.lang.Object>", value);
        return false;
}

/* The request's list; NULL = answered. */
static const json_t *offsets_of(struct sl_rest_call *c, const json_t *body)
{
        static const char *const outer[] = {"offsets", NULL}, *const inner[] = {"partition", "offset", NULL};
        size_t i;
        const json_t *row, *list = json_object_get(body, "offsets");
        if (!has_fields(c, body, ENTITIES "ConnectorOffsets", outer))
                return NULL;
        if (list && !json_is_null(list) && !json_is_array(list)) {
                sl_rest_wrong_type(c, "java.util.ArrayList<" ENTITIES "ConnectorOffset>", list);
                return NULL;
        }
        if (!json_array_size(list)) {
                sl_rest_fail(c, 400, "Partitions / offsets need to be provided for an alter offsets request");
                return NULL;
        }
        json_array_foreach(list, i, row) if (!has_fields(c, row, ENTITIES "ConnectorOffset", inner) ||
                                             !is_map(c, json_object_get(row, "partition")) ||
                                             !is_map(c, json_object_get(row, "offset"))) return NULL;
        return list;
}

void sl_rest_offsets_patch(struct sl_rest_call *c)
{
        json_t *body = NULL;
        struct sl_herder_call call = {.op = SL_OP_OFFSETS_ALTER};
        if (!sl_rest_ready(c) || !sl_rest_body(c, &body))
                return;
        call.offsets = offsets_of(c, body);
        if (call.offsets)
                sl_rest_run(c, &call);
        json_decref(body);
}

void sl_rest_offsets_delete(struct sl_rest_call *c)
{
        sl_rest_run(c, &(struct sl_herder_call){.op = SL_OP_OFFSETS_RESET});
}
