/* SPDX-License-Identifier: Apache-2.0 */
/* Pace (see pace.h): each limit has a time at which the next record is due; a record moves it on by its share of a
 * second. */
#include "dlq/pace.h"
#include <math.h>

#define SLOW_START 10 /* records, and twice as many each second */
#define CATCH_UP_US 1e6

static double later(double a, double b)
{
        return a > b ? a : b;
}

int64_t sl_pace_wait_us(struct sl_pace *p, int64_t now_us)
{
        double now = (double)now_us;
        if (!p->running) {
                p->running = true;
                p->began_us = now_us;
                p->records_due_us = p->bytes_due_us = now;
        }
        p->records_due_us = later(p->records_due_us, now - CATCH_UP_US);
        p->bytes_due_us = later(p->bytes_due_us, now - CATCH_UP_US);
        double wait = 0;
        if (p->records)
                wait = later(wait, p->records_due_us - now);
        if (p->bytes)
                wait = later(wait, p->bytes_due_us - now);
        if (p->slow_start && p->sent >= SLOW_START)
                wait = later(wait, log2((double)(p->sent + 1) / SLOW_START) * 1e6 - (now - (double)p->began_us));
        return (int64_t)ceil(wait);
}

void sl_pace_sent(struct sl_pace *p, size_t bytes)
{
        p->sent++;
        if (p->records)
                p->records_due_us += 1e6 / p->records;
        if (p->bytes)
                p->bytes_due_us += (double)bytes * 1e6 / p->bytes;
}

void sl_pace_restart(struct sl_pace *p)
{
        p->running = false;
        p->sent = 0;
}
