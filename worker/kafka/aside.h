/* SPDX-License-Identifier: Apache-2.0 */
/* Ending a client of librdkafka waits for requests of its own that are on their way, for as long as socket.timeout.ms. Who must not
 * wait that long has it ended aside, in a thread of its own. Not for other folders but for who ends the process. */
#ifndef SL_KAFKA_ASIDE_H
#define SL_KAFKA_ASIDE_H
#include <stdbool.h>

/* Call end(arg) in a thread of its own; at once, here, if no thread can be had. */
void sl_kafka_aside(void (*end)(void *arg), void *arg);
#define SL_KAFKA_ASIDE_MS 2000 /* so long the end of a process waits for them; then _exit, as exit() frees what they use */
/* Wait until all of them have ended. False: some have not. @thread any */
bool sl_kafka_wait_aside(int timeout_ms);
#endif
