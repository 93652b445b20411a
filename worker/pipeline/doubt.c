/* SPDX-License-Identifier: Apache-2.0 */
/* See doubt.h. The text: "sluice-doubt/2 <process> <lives> <from> <to> <tries> <passed>[ <dead offset>...];" and the sink's metadata. Of
 * another version only the latter is taken. */
#include "pipeline/doubt.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"

#define MARK "sluice-doubt/"
#define HEAD MARK "2 "

static uint64_t process;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void number_process(void)
{
        if (getrandom(&process, sizeof(process), 0) != sizeof(process))
                process = (uint64_t)sl_wall_ns();
}

static const char *number(const char *p, int base, int64_t *ret)
{
        char *end;
        *ret = base == 16 ? (int64_t)strtoull(p, &end, 16) : strtoll(p, &end, 10);
        return end == p ? NULL : end;
}

const char *sl_doubt_read(const char *metadata, int64_t committed, struct sl_doubt *ret)
{
        *ret = (struct sl_doubt){0};
        if (!metadata || strncmp(metadata, MARK, sizeof(MARK) - 1) != 0)
                return metadata;
        pthread_once(&once, number_process);
        const char *end = strchr(metadata, ';'), *p = metadata + sizeof(HEAD) - 1;
        int64_t who = 0, n[5] = {0}, dead;
        p = end && strncmp(metadata, HEAD, sizeof(HEAD) - 1) == 0 ? number(p, 16, &who) : NULL;
        for (int i = 0; p && i < 5; i++)
                p = number(p, 10, &n[i]);
        if (!p)
                return end && end[1] ? end + 1 : NULL;
        bool ours = (uint64_t)who == process;
        ret->lives = n[0] < 0 ? 0 : (uint32_t)n[0];
        ret->passed = n[4] > committed ? n[4] : 0;
        if (!ours && n[2] > committed && n[2] > n[4]) {
                ret->from = n[1] > n[4] ? n[1] : n[4];
                ret->to = n[2];
                ret->tries = (uint32_t)n[3];
        }
        if (ours && ret->lives)
                ret->lives--;
        while (p < end && ret->dead_count < SL_DOUBT_DEAD && (p = number(p, 10, &dead)))
                if (dead >= committed)
                        ret->dead[ret->dead_count++] = dead;
        return end[1] ? end + 1 : NULL;
}

void sl_doubt_write(const struct sl_doubt *d, int64_t committed, const char *metadata, struct sl_buf *out)
{
        bool dead = false;
        pthread_once(&once, number_process);
        for (uint32_t i = 0; i < d->dead_count; i++)
                dead |= d->dead[i] >= committed;
        if (d->lives || dead) {
                bool range = d->to > committed;
                sl_buf_printf(out, HEAD "%" PRIx64 " %u %" PRId64 " %" PRId64 " %u %" PRId64, process, d->lives, range ? d->from : 0,
                              range ? d->to : 0, range ? d->tries : 0, d->passed > committed ? d->passed : 0);
                for (uint32_t i = 0; i < d->dead_count; i++)
                        if (d->dead[i] >= committed)
                                sl_buf_printf(out, " %" PRId64, d->dead[i]);
                sl_buf_addc(out, ';');
        }
        sl_buf_adds(out, metadata ? metadata : "");
}

bool sl_doubt_is_dead(const struct sl_doubt *d, int64_t offset)
{
        for (uint32_t i = 0; i < d->dead_count; i++)
                if (d->dead[i] == offset)
                        return true;
        return false;
}

void sl_doubt_bury(struct sl_doubt *d, int64_t offset)
{
        if (d->dead_count == SL_DOUBT_DEAD)
                memmove(d->dead, d->dead + 1, --d->dead_count * sizeof(d->dead[0]));
        d->dead[d->dead_count++] = offset;
}
