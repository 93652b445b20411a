/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of jemalloc, which the program is linked with (not under sanitizers). A row costs libpq one allocation and librdkafka one,
 * and six more for Debezium's four headers; they are made by the task's thread and freed by librdkafka's. glibc's malloc is slow at that
 * (docs/performance.md). Two arenas and a short decay keep the resident size near what is in use. */
#include "cmd.h"

extern const char *malloc_conf;
const char *malloc_conf = "narenas:2,dirty_decay_ms:250,muzzy_decay_ms:0,lg_tcache_max:12";

/* jemalloc's, absent under sanitizers. */
extern int mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size) __attribute__((weak));

#define KEPT_MS 10000

void sl_malloc_keep(void)
{
        ssize_t ms = KEPT_MS;
        if (!mallctl)
                return;
        /* The second arena is not made yet. Refused: it is slower, nothing else. */
        (void)mallctl("arenas.dirty_decay_ms", NULL, NULL, &ms, sizeof(ms));
        (void)mallctl("arena.0.dirty_decay_ms", NULL, NULL, &ms, sizeof(ms));
}
