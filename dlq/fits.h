/* SPDX-License-Identifier: Apache-2.0 */
/* Would a broker take a record? Its topic's max.message.bytes counts a batch as it is sent: compressed.
 * @thread any. */
#ifndef SL_DLQ_FITS_H
#define SL_DLQ_FITS_H
#include "config/props.h"
#include "kafka/admin.h"

/* max.message.bytes of a topic; INT64_MAX when nobody may ask. */
int64_t sl_dlq_room(struct sl_admin *admin, const char *topic, int timeout_ms);
/* flat: a packed record (sl_dlq_pack); added: bytes of headers that it gets on its way. client: --command-config, for what producers
 * compress with. Compresses only what would not fit else. */
bool sl_dlq_fits(struct sl_str flat, size_t added, int64_t room, const struct sl_props *client);
#endif
