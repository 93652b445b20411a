/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the heap allocations that Sluice's own code makes. In the program sluice_counting our static libraries are copies whose
 * malloc family is renamed to these functions; libpq, librdkafka and the other libraries call the real ones and are not counted.
 * Task threads are counted apart from the rest (REST, herder). The figures go to standard error when the program ends. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *sl_counted_malloc(size_t n);
void *sl_counted_calloc(size_t n, size_t size);
void *sl_counted_realloc(void *p, size_t n);
char *sl_counted_strdup(const char *s);
char *sl_counted_strndup(const char *s, size_t n);

static _Atomic unsigned long task, other;

static void count(void)
{
        char name[16] = "";
        pthread_getname_np(pthread_self(), name, sizeof(name));
        atomic_fetch_add(strcmp(name, "sl-task") == 0 ? &task : &other, 1);
}

void *sl_counted_malloc(size_t n)
{
        count();
        return malloc(n);
}

void *sl_counted_calloc(size_t n, size_t size)
{
        count();
        return calloc(n, size);
}

void *sl_counted_realloc(void *p, size_t n)
{
        count();
        return realloc(p, n);
}

char *sl_counted_strdup(const char *s)
{
        count();
        return strdup(s);
}

char *sl_counted_strndup(const char *s, size_t n)
{
        count();
        return strndup(s, n);
}

__attribute__((destructor)) static void print(void)
{
        fprintf(stderr, "allocations task=%lu other=%lu\n", atomic_load(&task), atomic_load(&other));
}
