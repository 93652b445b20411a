/* SPDX-License-Identifier: Apache-2.0 */
/* See aside.h. */
#include "kafka/aside.h"
#include <pthread.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/err.h"

struct ending {
        void (*end)(void *arg);
        void *arg;
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int count;

static void *run(void *arg)
{
        struct ending e = *(struct ending *)arg;

        free(arg);
        e.end(e.arg);
        pthread_mutex_lock(&lock);
        count--;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        return NULL;
}

void sl_kafka_aside(void (*end)(void *arg), void *arg)
{
        struct ending *e = sl_calloc(1, sizeof(*e));
        pthread_t thread;

        *e = (struct ending){end, arg};
        pthread_mutex_lock(&lock);
        count++;
        pthread_mutex_unlock(&lock);
        if (pthread_create(&thread, NULL, run, e) == 0)
                pthread_detach(thread);
        else
                run(e);
}

bool sl_kafka_wait_aside(int timeout_ms)
{
        struct timespec until = sl_mono_after(timeout_ms);
        int rc = 0;

        pthread_mutex_lock(&lock);
        while (count && rc == 0)
                rc = pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &until);
        bool done = count == 0;
        pthread_mutex_unlock(&lock);
        return done;
}
