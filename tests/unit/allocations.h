/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the heap allocations of this test program: glibc lets a program define malloc and its kin. Under a sanitizer or
 * valgrind, which have their own, nothing is counted (ALLOC_COUNTED is 0 and allocations() stays 0). Include in one file only. */
#ifndef SL_TESTS_ALLOCATIONS_H
#define SL_TESTS_ALLOCATIONS_H
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static uint64_t allocation_count;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define ALLOC_COUNTED 0
#else
#define ALLOC_COUNTED (!getenv("LD_PRELOAD") || !strstr(getenv("LD_PRELOAD"), "vgpreload"))
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
        __atomic_add_fetch(&allocation_count, 1, __ATOMIC_RELAXED);
        return __libc_malloc(n);
}
void *calloc(size_t n, size_t size)
{
        __atomic_add_fetch(&allocation_count, 1, __ATOMIC_RELAXED);
        return __libc_calloc(n, size);
}
void *realloc(void *p, size_t n)
{
        __atomic_add_fetch(&allocation_count, 1, __ATOMIC_RELAXED);
        return __libc_realloc(p, n);
}
#endif

static inline uint64_t allocations(void)
{
        return __atomic_load_n(&allocation_count, __ATOMIC_RELAXED);
}
#endif
