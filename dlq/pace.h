/* SPDX-License-Identifier: Apache-2.0 */
/* How fast records go: at most so many and so many bytes a second, and a slow start (10 records, after 1 s 20, after 2
 * s 40 ...). What a stall of the brokers held up is made up for, but of one second at most: after a minute's outage
 * nothing floods in. Pure; the clock is the caller's. */
#ifndef SL_DLQ_PACE_H
#define SL_DLQ_PACE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sl_pace {
        double records, bytes; /* a second; 0 = no limit */
        bool slow_start;
        /* its own, zero at first */
        bool running;
        int64_t began_us;
        uint64_t sent;
        double records_due_us, bytes_due_us; /* when the next one may go */
};
/* How long until one more may be sent, in microseconds; 0 = now. */
int64_t sl_pace_wait_us(struct sl_pace *p, int64_t now_us);
/* One of so many bytes was sent. */
void sl_pace_sent(struct sl_pace *p, size_t bytes);
/* Begin anew, as after a wait that was meant. */
void sl_pace_restart(struct sl_pace *p);
#endif
