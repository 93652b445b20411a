/* SPDX-License-Identifier: Apache-2.0 */
/* See guard.h. sigsetjmp without the signal mask, so that a call costs no system call: the handler does not block its
 * signal. It runs on a stack of its own, since a plugin may have used up the thread's. */
#include "base/guard.h"
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include "base/err.h"

#define STACK_SIZE 65536

static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
static _Thread_local sigjmp_buf *volatile armed; /* the innermost call of this thread */
static _Thread_local bool has_stack;
static pthread_key_t stack_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uintptr_t code_from, code_to; /* the program's own */

/* The first object is the program. */
static int find_code(struct dl_phdr_info *info, size_t size sl_unused, void *arg sl_unused)
{
        for (size_t i = 0; i < info->dlpi_phnum; i++) {
                if (info->dlpi_phdr[i].p_type != PT_LOAD || !(info->dlpi_phdr[i].p_flags & PF_X))
                        continue;
                code_from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
                code_to = code_from + info->dlpi_phdr[i].p_memsz;
        }
        return 1;
}

static bool in_program(const void *context)
{
        uintptr_t pc = 0;
        const ucontext_t *uc = context;
#if defined(__x86_64__)
        pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
        pc = (uintptr_t)uc->uc_mcontext.pc;
#else
        (void)uc;
#endif
        return pc >= code_from && pc < code_to;
}

/* Not ours: the default action, when the instruction is tried again or abort goes on. */
static void on_crash(int sig, siginfo_t *info, void *context)
{
        sigjmp_buf *to = armed;
        if (to && !in_program(context)) {
                armed = NULL;
                siglongjmp(*to, sig);
        }
        signal(sig, SIG_DFL);
        if (info->si_code <= 0)
                raise(sig);
}

static void free_stack(void *stack)
{
        stack_t none = {.ss_flags = SS_DISABLE};
        sigaltstack(&none, NULL);
        free(stack);
}

static void install(void)
{
        pthread_key_create(&stack_key, free_stack);
        dl_iterate_phdr(find_code, NULL);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        struct sigaction sa = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
        sigemptyset(&sa.sa_mask);
        for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
                sigaction(crashes[i], &sa, NULL);
#else
        (void)crashes;
        (void)on_crash;
#endif
}

void sl_guard_install(void)
{
        pthread_once(&once, install);
}

static sl_cold void give_stack(void)
{
        void *stack = sl_malloc(STACK_SIZE);
        stack_t ss = {.ss_sp = stack, .ss_size = STACK_SIZE};
        stack_t old;
        if (sigaltstack(NULL, &old) != 0 || !(old.ss_flags & SS_DISABLE) || sigaltstack(&ss, NULL) != 0)
                free(stack); /* there is one already: a sanitizer's */
        else
                pthread_setspecific(stack_key, stack);
        has_stack = true;
}

int sl_guard_call(void (*fn)(void *), void *arg)
{
        sigjmp_buf here;
        sigjmp_buf *volatile outer = armed;
        if (sl_unlikely(!has_stack))
                give_stack();
        int sig = sigsetjmp(here, 0);
        if (sig == 0) {
                armed = &here;
                fn(arg);
        }
        armed = outer;
        return sig;
}
