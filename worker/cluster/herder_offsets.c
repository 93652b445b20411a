/* SPDX-License-Identifier: Apache-2.0 */
/* Changing a connector's offsets through REST (KIP-875): PATCH and DELETE of /connectors/{n}/offsets. */
#include "cluster/herder_internal.h"

void sl_herder_run_offsets(struct sl_herder *h, struct sl_herder_call *call)
{
        (void)h;
        call->status = 404;
        snprintf(call->message, sizeof(call->message), "HTTP 404 Not Found");
}
