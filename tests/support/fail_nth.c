/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a test by tests/fault/run: the n-th allocation (SLUICE_FAIL_ALLOC=n), or the n-th read, write, sync or open of a file or
 * socket (SLUICE_FAIL_IO=n), fails; all others are done. Only calls of the program itself and of what is linked into it count, not those of
 * shared libraries. When one failed, a line on standard error says so. Not thread safe beyond the counter: whichever thread comes n-th. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

static uintptr_t from, to; /* the program's code */
static long alloc_at, io_at;
static _Atomic long allocs, ios;

static int first_object(struct dl_phdr_info *info, size_t size, void *arg)
{
        (void)size, (void)arg;
        for (int i = 0; i < info->dlpi_phnum; i++) {
                const ElfW(Phdr) *h = &info->dlpi_phdr[i];
                if (h->p_type != PT_LOAD || !(h->p_flags & PF_X))
                        continue;
                from = info->dlpi_addr + h->p_vaddr;
                to = from + h->p_memsz;
        }
        return 1;
}

static long number(const char *name)
{
        const char *text = getenv(name);
        return text ? atol(text) : 0;
}

__attribute__((constructor)) static void begin(void)
{
        dl_iterate_phdr(first_object, NULL);
        alloc_at = number("SLUICE_FAIL_ALLOC");
        io_at = number("SLUICE_FAIL_IO");
}

static bool due(_Atomic long *count, long at, const void *caller)
{
        if (!at || (uintptr_t)caller < from || (uintptr_t)caller >= to || atomic_fetch_add(count, 1) + 1 != at)
                return false;
        static const char said[] = "fail_nth: this one fails\n";
        struct iovec line = {(void *)said, sizeof(said) - 1};
        ssize_t done = writev(STDERR_FILENO, &line, 1);
        (void)done;
        return true;
}

#define CALLER __builtin_extract_return_addr(__builtin_return_address(0))

void *malloc(size_t n)
{
        if (due(&allocs, alloc_at, CALLER)) {
                errno = ENOMEM;
                return NULL;
        }
        return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
        if (due(&allocs, alloc_at, CALLER)) {
                errno = ENOMEM;
                return NULL;
        }
        return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
        if (due(&allocs, alloc_at, CALLER)) {
                errno = ENOMEM;
                return NULL;
        }
        return __libc_realloc(p, n);
}

#define REAL(type, name, ...)                                                                                          \
        static type (*real)(__VA_ARGS__);                                                                              \
        if (!real)                                                                                                     \
                real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)
#define FAIL_IF_DUE(error)                                                                                             \
        do {                                                                                                           \
                if (due(&ios, io_at, CALLER)) {                                                                        \
                        errno = (error);                                                                               \
                        return -1;                                                                                     \
                }                                                                                                      \
        } while (0)

ssize_t read(int fd, void *p, size_t n)
{
        REAL(ssize_t, read, int, void *, size_t);
        FAIL_IF_DUE(EIO);
        return real(fd, p, n);
}
ssize_t pread64(int fd, void *p, size_t n, off64_t at)
{
        REAL(ssize_t, pread64, int, void *, size_t, off64_t);
        FAIL_IF_DUE(EIO);
        return real(fd, p, n, at);
}
ssize_t pread(int fd, void *p, size_t n, off_t at)
{
        REAL(ssize_t, pread, int, void *, size_t, off_t);
        FAIL_IF_DUE(EIO);
        return real(fd, p, n, at);
}
ssize_t write(int fd, const void *p, size_t n)
{
        REAL(ssize_t, write, int, const void *, size_t);
        if (fd != STDOUT_FILENO && fd != STDERR_FILENO)
                FAIL_IF_DUE(ENOSPC);
        return real(fd, p, n);
}
ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
        REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
        FAIL_IF_DUE(ENOSPC);
        return real(fd, p, n, at);
}
ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
        REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
        FAIL_IF_DUE(ENOSPC);
        return real(fd, p, n, at);
}
int fsync(int fd)
{
        REAL(int, fsync, int);
        FAIL_IF_DUE(EIO);
        return real(fd);
}
int ftruncate(int fd, off_t size)
{
        REAL(int, ftruncate, int, off_t);
        FAIL_IF_DUE(ENOSPC);
        return real(fd, size);
}
int open(const char *path, int flags, ...)
{
        REAL(int, open, const char *, int, ...);
        va_list ap;
        va_start(ap, flags);
        int mode = va_arg(ap, int);
        va_end(ap);
        FAIL_IF_DUE(EMFILE);
        return real(path, flags, mode);
}
ssize_t recv(int fd, void *p, size_t n, int flags)
{
        REAL(ssize_t, recv, int, void *, size_t, int);
        FAIL_IF_DUE(ECONNRESET);
        return real(fd, p, n, flags);
}
ssize_t send(int fd, const void *p, size_t n, int flags)
{
        REAL(ssize_t, send, int, const void *, size_t, int);
        FAIL_IF_DUE(EPIPE);
        return real(fd, p, n, flags);
}
