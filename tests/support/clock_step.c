/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a worker (LD_PRELOAD): its wall clock is off by what stands in the file SLUICE_TEST_CLOCK, eight bytes of ns, which may
 * change at any time. Clocks that only go on stay as they are. C11's timed wait, which librdkafka uses, goes by the wall clock, so what
 * it is told is put right again: a set clock must not make waits longer here, as it does not with a kernel's own clock for long.
 * It asks the kernel itself: whoever allocates memory asks for the time, and finding the next clock_gettime() allocates. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000

static volatile const int64_t *offset;

__attribute__((constructor)) static void map(void)
{
        const char *path = getenv("SLUICE_TEST_CLOCK");
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (fd < 0)
                return;
        void *page = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
        offset = page == MAP_FAILED ? NULL : page;
}

static void shift(struct timespec *ts, int64_t by)
{
        int64_t ns = ts->tv_sec * (int64_t)SECOND + ts->tv_nsec + by;
        ts->tv_sec = ns / SECOND;
        ts->tv_nsec = ns % SECOND;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
        int rc = (int)syscall(SYS_clock_gettime, clock, ts);
        if (rc == 0 && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
                shift(ts, *offset);
        return rc;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
        (void)zone;
        struct timespec ts;
        clock_gettime(CLOCK_REALTIME, &ts);
        tv->tv_sec = ts.tv_sec;
        tv->tv_usec = ts.tv_nsec / 1000;
        return 0;
}

time_t time(time_t *ret)
{
        struct timespec ts;
        clock_gettime(CLOCK_REALTIME, &ts);
        if (ret)
                *ret = ts.tv_sec;
        return ts.tv_sec;
}

int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict lock, const struct timespec *restrict until)
{
        static int (*_Atomic next)(cnd_t *, mtx_t *, const struct timespec *);
        if (!next)
                next = (int (*)(cnd_t *, mtx_t *, const struct timespec *))dlsym(RTLD_NEXT, "cnd_timedwait");
        struct timespec real = *until;
        if (offset)
                shift(&real, -*offset);
        return next(cond, lock, &real);
}
